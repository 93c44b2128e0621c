"""Faults planted on purpose: each damages one thing in a sound store, as practice does.

The tests require of `verify` that it finds each of them and nothing else; the chapter on
verification shows them. `plant` copies the store first: the sound one stays sound.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deplib.extraction.encoders.preprocess import IMAGENET, RAW, UNIT, Preprocess
from deplib.extraction.storage.store import FeatureStore
from deplib.extraction.verification import damage
from deplib.extraction.verification.damage import Damage, Extracted


@dataclass(frozen=True)
class PlantedFault:
    """One fault, what it imitates, and the checks that must find it."""

    imitates: str
    checks: frozenset[str]
    damage: Damage


def plant(fault: PlantedFault, sound: Extracted, folder: Path) -> Extracted:
    """Copy a sound store to an empty folder and damage the copy.

    Parameters
    ----------
    fault
        Of `PLANTED`.
    sound
        At least two persons with two recordings each, of one length, with 40 frames or more.
    folder
        Where the copy goes.
    """
    shutil.copytree(sound.store.root, folder)
    copy = replace(sound, store=FeatureStore(folder))
    damaged = fault.damage(copy) or copy
    return replace(damaged, store=FeatureStore(damaged.store.root))


_OTHER = "sha256=" + 64 * "0" + f" {UNIT}"
TWICE = Preprocess(mean=(127.5 + 127.5**2,) * 3, std=(127.5**2,) * 3)
"""ArcFace's normalisation of pixels that it has been applied to before."""


def _fault(imitates: str, damage: Damage, *checks: str) -> PlantedFault:
    return PlantedFault(imitates, frozenset(checks), damage)


PLANTED: Mapping[str, PlantedFault] = {
    "zeros": _fault(
        "a detector that finds no face in any clip",
        damage.rows(damage.zeros, every=True),
        "all_zero_store",
    ),
    "zeros in one clip": _fault("the same in one clip", damage.rows(damage.zeros), "all_zero"),
    "a few zero rows": _fault(
        "lost faces not marked as lost", damage.rows(damage.few_zeros), "all_zero"
    ),
    "NaN": _fault("an overflow in half precision", damage.rows(damage.nan), "not_finite"),
    "infinity": _fault("the same, in one value", damage.rows(damage.infinite), "not_finite"),
    "rows not unit": _fault("output stored as it came", damage.rows(damage.unscaled), "norm"),
    "flat rows": _fault(
        "a network's pooled or softmax layer", damage.rows(damage.flat), "variance"
    ),
    "one-class rows": _fault(
        "scores of classes, not an embedding", damage.rows(damage.one_class), "peak"
    ),
    "constant": _fault("one still image for a clip", damage.rows(damage.constant), "near_constant"),
    "stuck decoder": _fault(
        "a decoder that repeats its last frame", damage.rows(damage.stuck), "duplicate_frames"
    ),
    "doubled frames": _fault(
        "a part recorded at half the frame rate", damage.rows(damage.half_rate), "duplicate_frames"
    ),
    "random vectors": _fault(
        "the study's fallback, unmarked", damage.rows(damage.random), "incoherent"
    ),
    "one random in ten": _fault(
        "the same for one frame in ten", damage.rows(damage.some_random), "incoherent"
    ),
    "copied clip": _fault("one clip saved under two names", damage.copied, "identical"),
    "swapped persons": _fault(
        "two clips' names exchanged", damage.swapped, "identity_mismatch", "spot_check"
    ),
    "swapped sessions": _fault(
        "two clips of one person exchanged", damage.swapped_sessions, "spot_check"
    ),
    "shuffled in time": _fault(
        "frames in the order of their names as text", damage.rows(damage.shuffled), "spot_check"
    ),
    "five frames late": _fault(
        "frames counted from another start", damage.rows(damage.late), "spot_check"
    ),
    "one frame short": _fault("a clip cut at its end", damage.rows(damage.short), "length"),
    "truncated file": _fault("a copy that did not finish", damage.truncated, "integrity"),
    "one bit flipped": _fault("a failing disk", damage.flipped_bit, "integrity"),
    "file gone": _fault("a file deleted by hand", damage.lost_file, "integrity"),
    "ledger entry edited": _fault("a ledger mended by hand", damage.edited_entry, "integrity"),
    "ledger entry gone": _fault(
        "a kill before the entry was written", damage.lost_entry, "missing"
    ),
    "recording missing": _fault("a run that was stopped", damage.never_extracted, "missing"),
    "black frames": _fault(
        "black frames of a tracker that lost the face", damage.lost("blank", 0.02), "blank"
    ),
    "unreadable frame": _fault("a truncated image", damage.lost("unreadable", 0.02), "unreadable"),
    "no face": _fault("a head turned away", damage.lost("no_face", 0.02), "no_face"),
    "not embedded": _fault(
        "an overflow on one frame", damage.lost("not_embedded", 0.02), "not_embedded"
    ),
    "gap": _fault("frames dropped at export", damage.lost("gap", 0.02), "gap"),
    "an empty chair": _fault(
        "nobody in most of one clip", damage.lost("no_face", 0.7), "no_face", "invalid_rate"
    ),
    "one frame in eight lost": _fault(
        "a detector that fails too often",
        damage.lost("no_face", 0.125, every=True),
        "no_face",
        "invalid_rate",
    ),
    "under-exposed clip": _fault(
        "a lamp that was off", damage.exposed(0.2, 0), "exposure", "identity_mismatch"
    ),
    "over-exposed clip": _fault(
        "a window behind the camera", damage.exposed(0.4, 195), "exposure", "identity_mismatch"
    ),
    "another encoder": _fault(
        "a store of another model", damage.header(encoder=_OTHER), "wrong_encoder"
    ),
    "another corpus": _fault(
        "a corpus that has changed since", damage.header(fingerprint=64 * "0"), "wrong_cohort"
    ),
    "BGR": _fault("OpenCV's channel order", damage.preprocessed(Preprocess("BGR")), "reference"),
    "divided by 255": _fault("the habit of other networks", damage.preprocessed(UNIT), "reference"),
    "ImageNet statistics": _fault(
        "torchvision's habit", damage.preprocessed(IMAGENET), "reference"
    ),
    "raw pixels": _fault(
        "no normalisation at all", damage.preprocessed(RAW), "reference", "similar_persons"
    ),
    "normalised twice": _fault(
        "normalised in code and in the graph",
        damage.preprocessed(TWICE),
        "reference",
        "similar_persons",
    ),
}
"""Every fault by name, with the checks that find it where all checks are made."""
