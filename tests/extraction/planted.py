"""Faults planted on purpose: each damages one thing in a sound store, as practice does.

A damage changes a copy of the store in place, or returns the encoder or the frames that stand in
the place of the sound ones, with which everything is extracted again.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from safetensors.numpy import save
from tiny import openface

from deplib import extraction
from deplib.cohorts.base import Cohort
from deplib.cohorts.simulated import SimulatedCohort
from deplib.extraction import FeatureStore, OnnxEncoder, Preprocess, extract, fill_invalid, verify

ONE, OTHER, TWIN = "002_1", "003_1", "002_2"  # of two persons, and another of the first
FILE, ENTRY = f"recordings/{ONE}.safetensors", f"recordings/{ONE}.json"
TWICE = Preprocess(mean=(127.5 + 127.5**2,) * 3, std=(127.5**2,) * 3)
"""ArcFace's normalisation of pixels that it has been applied to before."""

Frames = Callable[[str, int, int | None], np.ndarray]
Rows = Callable[[np.ndarray], np.ndarray]


def refilmed(cohort: Cohort, frames: Frames) -> Any:
    """Return a cohort with other frames and all else the same, its fingerprint too."""
    kept = ("name", "simulated", "recordings", "fingerprint")
    return SimpleNamespace(
        **{name: getattr(cohort, name) for name in kept},
        frames=lambda recording, start=0, stop=None: frames(recording, start, stop),
    )


@dataclass(frozen=True)
class Extracted:
    """A store, and what made it."""

    store: FeatureStore
    cohort: Cohort
    encoder: OnnxEncoder

    def examine(self) -> extraction.VerificationReport:
        """Make every check: the store against its table, encoder, frames and reference."""
        reference = extraction.embedded_reference()
        return verify(self.store, encoder=self.encoder, cohort=self.cohort, reference=reference)

    def again(self, **changed: Any) -> "Extracted":
        """Extract with another encoder or cohort, into a folder inside the store's."""
        new = replace(self, **changed)
        folder = self.store.root / "extracted"
        extract(new.cohort, new.encoder, folder, max_template_distance=np.inf)
        return replace(new, store=FeatureStore(folder))


def sound_extraction(folder: Path) -> Extracted:
    """Extract a small simulated cohort, whose frames are kept in memory."""
    cohort = SimulatedCohort(n_recordings=12, max_frames=40)
    kept = {name: cohort.frames(name) for name in cohort.recordings["recording"]}
    held = refilmed(cohort, lambda recording, start, stop: kept[recording][start:stop])
    encoder = extraction.embedded_encoder()
    extract(held, encoder, folder)
    return Extracted(FeatureStore(folder), held, encoder)


def content(root: Path) -> dict[str, bytes]:
    """All that a store holds, by name; the store's own lock apart."""
    files = (path for path in root.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


Damage = Callable[[Extracted], Extracted | None]


def rows(change: Rows, *, every: bool = False) -> Damage:
    def damage(found: Extracted) -> None:
        for name in sorted(found.store.done()) if every else [ONE]:
            features = change(found.store.read(name)[0])
            found.store.write(name, features, np.ones(len(features), bool))

    return damage


def at(index: Any, value: float) -> Rows:
    def change(features: np.ndarray) -> np.ndarray:
        features[index] = value
        return features

    return change


def unit(features: np.ndarray) -> np.ndarray:
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def half_rate(features: np.ndarray) -> np.ndarray:
    n = np.arange(len(features))
    return features[np.where(n < len(n) // 2, n // 2 * 2, n)]


def random(kept: int) -> Rows:
    """Random unit vectors in all rows, or in every tenth."""

    def change(features: np.ndarray) -> np.ndarray:
        valid = np.arange(len(features)) % 10 < kept
        return fill_invalid(features, valid, rng=np.random.default_rng(0))

    return change


def swap(one: str, other: str) -> Damage:
    def damage(found: Extracted) -> None:
        contents = {one: found.store.read(other), other: found.store.read(one)}
        for name, content in contents.items():
            found.store.write(name, *content)

    return damage


def edited(file: str, edit: Callable[[bytes], bytes]) -> Damage:
    def damage(found: Extracted) -> None:
        path = found.store.root / file
        path.write_bytes(edit(path.read_bytes()))

    return damage


def fields(**changed: Any) -> Callable[[bytes], bytes]:
    return lambda content: json.dumps(json.loads(content) | changed).encode()


def lost(kind: str, share: float, *, every: bool = False) -> Damage:
    def damage(found: Extracted) -> None:
        for name in sorted(found.store.done()) if every else [ONE]:
            features, valid = found.store.read(name)
            n = max(1, round(share * len(valid)))
            valid[:n] = kind == "several"  # those are sound
            features = fill_invalid(features, valid, rng=np.random.default_rng(0))
            found.store.write(name, features, valid, {kind: n})

    return damage


def preprocessed(preprocess: Preprocess) -> Damage:
    return lambda found: found.again(encoder=OnnxEncoder(found.encoder.path, preprocess))


def filmed(change: Rows, *, every: bool = False) -> Damage:
    """Change the frames of one recording, or of all, and extract them again."""

    def damage(found: Extracted) -> Extracted:
        def frames(recording: str, start: int, stop: int | None) -> np.ndarray:
            before = found.cohort.frames(recording)
            return (change(before) if every or recording == ONE else before)[start:stop]

        return found.again(cohort=refilmed(found.cohort, frames))

    return damage


def exposed(gain: float, offset: float) -> Damage:
    return filmed(lambda frames: np.clip(gain * frames + offset, 0, 255).astype(np.uint8))


def joined(where: slice) -> Damage:
    """Put frames of another person in the place of some."""

    def damage(found: Extracted) -> Extracted:
        def other(frames: np.ndarray) -> np.ndarray:
            frames = frames.copy()
            frames[where] = found.cohort.frames(OTHER)[where]
            return frames

        return filmed(other)(found)  # type: ignore[return-value]

    return damage


def mixed(found: Extracted) -> None:
    """Put the files of a recording, its ledger entry too, from another encoder's store."""
    encoder = OnnxEncoder(found.encoder.path, Preprocess("BGR"))
    other = found.again(encoder=encoder).store.root
    for file in (FILE, ENTRY):
        shutil.move(other / file, found.store.root / file)


def in_float64(found: Extracted) -> None:
    """Write a recording's file, and the ledger to it, as a script of the user's would."""
    features, valid = found.store.read(ONE)
    content = save({"features": features.astype(np.float64), "valid": valid})
    found.store.path(ONE).write_bytes(content)
    edited(ENTRY, fields(sha256=hashlib.sha256(content).hexdigest(), size=len(content)))(found)


def plant(fault: str, sound: Extracted, folder: Path) -> Extracted:
    """Copy a sound store and damage the copy."""
    copy = replace(sound, store=FeatureStore(shutil.copytree(sound.store.root, folder)))
    damaged = PLANTED[fault][0](copy) or copy
    return replace(damaged, store=FeatureStore(damaged.store.root))


OPENFACE: Rows = lambda frames: np.stack([openface(frame) for frame in frames])  # noqa: E731
FLAT: Rows = lambda f: unit(1 + 0.05 * f * f.shape[1] ** 0.5)  # noqa: E731
PLANTED: dict[str, tuple[Damage, str]] = {
    "no face in any clip": (rows(lambda f: 0 * f, every=True), "all_zero_store"),
    "no face in one clip": (rows(lambda f: 0 * f), "all_zero"),
    "lost faces not marked": (rows(at(slice(5, 8), 0)), "all_zero"),
    "overflow in half precision": (rows(at(5, np.nan)), "not_finite"),
    "the same, in one value": (rows(at((5, 3), np.inf)), "not_finite"),
    "output stored as it came": (rows(lambda f: 21.5 * f), "norm"),
    "a network's pooled layer": (rows(FLAT), "variance"),
    "scores of classes": (rows(lambda f: unit(0.03 * f + np.eye(f.shape[1])[7])), "peak"),
    "one still image": (rows(lambda f: f[:1].repeat(len(f), axis=0)), "near_constant"),
    "stuck decoder": (
        rows(lambda f: f[np.minimum(np.arange(len(f)), len(f) // 3)]), "duplicate_frames",
    ),
    "half the frame rate": (rows(half_rate), "duplicate_frames"),
    "random vectors": (rows(random(0)), "incoherent"),
    "one random in ten": (rows(random(9)), "incoherent"),
    "one clip, two names": (
        lambda found: found.store.write(OTHER, *found.store.read(ONE)) and None, "identical",
    ),
    "swapped persons": (swap(ONE, OTHER), "identity_mismatch spot_check"),
    "swapped sessions": (swap(ONE, TWIN), "spot_check"),
    "frames sorted as text": (
        rows(lambda f: f[np.random.default_rng(0).permutation(len(f))]), "spot_check",
    ),
    "five frames late": (rows(lambda f: np.roll(f, 5, axis=0)), "spot_check"),
    "one frame short": (rows(lambda f: f[:-1]), "length"),
    "truncated file": (edited(FILE, lambda file: file[:1000]), "integrity"),
    "one bit flipped": (
        edited(FILE, lambda f: f[:-1000] + bytes([f[-1000] ^ 1]) + f[-999:]), "integrity",
    ),
    "file gone": (lambda found: (found.store.root / FILE).unlink(), "integrity"),
    "ledger entry edited": (edited(ENTRY, fields(n_invalid=1)), "integrity"),
    "ledger entry gone": (lambda found: (found.store.root / ENTRY).unlink(), "missing"),
    "never extracted": (lambda found: found.store.discard(ONE), "missing"),
    **{
        f"frames marked {kind}": (lost(kind, 0.02), kind)
        for kind in ("blank", "unreadable", "no_face", "not_embedded", "gap", "several")
    },
    "an empty chair": (lost("no_face", 0.7), "no_face invalid_rate"),
    "one frame in eight lost": (lost("no_face", 0.125, every=True), "no_face invalid_rate"),
    "under-exposed clip": (exposed(0.2, 0), "exposure identity_mismatch"),
    "over-exposed clip": (exposed(0.4, 195), "exposure identity_mismatch"),
    "OpenFace's crops": (filmed(OPENFACE, every=True), "misaligned"),
    "the same, of one clip": (filmed(OPENFACE), "misaligned identity_mismatch"),
    "another person from the middle on": (joined(slice(20, None)), "second_person"),
    "a second face for a while": (joined(slice(20, 26)), "second_person"),
    "two faces take turns": (joined(slice(0, None, 2)), "second_person"),
    "another encoder": (
        edited("store.json", fields(encoder="sha256=0 RGB")), "wrong_encoder wrong_header",
    ),
    "another corpus": (
        edited("store.json", fields(fingerprint=64 * "0")), "wrong_cohort wrong_header",
    ),
    "another limit": (edited("store.json", fields(frame_limit=99)), "wrong_header"),
    "one recording of another encoder": (mixed, "wrong_header"),
    "float64 in a file": (in_float64, "integrity"),
    "BGR": (preprocessed(Preprocess("BGR")), "reference"),
    "divided by 255": (preprocessed(extraction.UNIT), "reference"),
    "ImageNet statistics": (preprocessed(extraction.IMAGENET), "reference"),
    "raw pixels": (preprocessed(extraction.RAW), "reference similar_persons"),
    "normalised twice": (preprocessed(TWICE), "reference similar_persons"),
}  # fmt: skip
"""Every fault, with the checks that find it where all checks are made."""
