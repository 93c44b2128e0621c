"""Ways to damage a sound store, one thing at a time, as practice does.

See `deplib.extraction.verification.planted` for what each of them imitates.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np

from deplib.cohorts.base import Cohort
from deplib.errors import CohortError
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.extraction.encoders.preprocess import Preprocess
from deplib.extraction.fallback import fill_invalid
from deplib.extraction.pipeline import extract
from deplib.extraction.storage.ledger import to_json
from deplib.extraction.storage.store import FeatureStore


@dataclass(frozen=True)
class Extracted:
    """A store, and what made it."""

    store: FeatureStore
    cohort: Cohort
    encoder: OnnxEncoder

    def names(self, n: int) -> list[str]:
        """Return ``n`` recordings of different persons that have the same number of frames.

        Raises
        ------
        CohortError
            If the cohort has not so many.
        """
        table = self.cohort.recordings
        for _, group in table.sort_values("recording").groupby("n_frames", sort=False):
            several = group["person"].map(table["person"].value_counts()) > 1
            names = group[several].drop_duplicates("person")["recording"]
            if len(names) >= n:
                return [str(name) for name in names[:n]]
        raise CohortError(
            f"{self.cohort.name} has no {n} persons with two recordings and clips of one length: "
            "cut all clips to one length with max_frames"
        )


Damage = Callable[[Extracted], Extracted | None]
"""Damages a store in place; returns what stands in its place, if the encoder is another one."""


# ------------------------------------------------------------------ rows of one recording

Rows = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray] | None]


def rows(change: Rows, *, every: bool = False) -> Damage:
    """Return the damage that changes features and mask of one recording, or of every one."""

    def damage(extracted: Extracted) -> None:
        store = extracted.store
        for name in sorted(store.done()) if every else extracted.names(1):
            features, valid = store.read(name)
            features, valid = change(features, valid) or (features, valid)
            store.write(name, features, valid, store.entry(name).faults)

    return damage


def zeros(features: np.ndarray, valid: np.ndarray) -> None:
    """Put zeros in all rows."""
    features[:] = 0


def few_zeros(features: np.ndarray, valid: np.ndarray) -> None:
    """Put zeros in three rows."""
    features[5:8] = 0


def nan(features: np.ndarray, valid: np.ndarray) -> None:
    """Put NaN in one row."""
    features[5] = np.nan


def infinite(features: np.ndarray, valid: np.ndarray) -> None:
    """Put infinity in one value."""
    features[5, 3] = np.inf


def unscaled(features: np.ndarray, valid: np.ndarray) -> None:
    """Stretch all rows."""
    features *= 21.5


def flat(features: np.ndarray, valid: np.ndarray) -> None:
    """Make each row nearly one constant."""
    _to_unit(features, 1 + 0.05 * features * features.shape[1] ** 0.5)


def one_class(features: np.ndarray, valid: np.ndarray) -> None:
    """Make each row nearly one dimension."""
    scores = 0.03 * features
    scores[:, 7] = 1
    _to_unit(features, scores)


def _to_unit(features: np.ndarray, rows: np.ndarray) -> None:
    features[:] = rows / np.linalg.norm(rows, axis=1, keepdims=True)


def constant(features: np.ndarray, valid: np.ndarray) -> None:
    """Repeat the first row throughout."""
    features[:] = features[0]


def stuck(features: np.ndarray, valid: np.ndarray) -> None:
    """Repeat one row from a third of the clip on."""
    third = len(features) // 3
    features[third:] = features[third]


def half_rate(features: np.ndarray, valid: np.ndarray) -> None:
    """Repeat every other row in the first half of the clip."""
    features[1 : len(features) // 2 : 2] = features[: len(features) // 2 - 1 : 2]


def random(features: np.ndarray, valid: np.ndarray) -> None:
    """Put random unit vectors in all rows."""
    nothing = np.zeros(len(features), bool)
    features[:] = fill_invalid(features, nothing, rng=np.random.default_rng(0))


def some_random(features: np.ndarray, valid: np.ndarray) -> None:
    """Put random unit vectors in every tenth row."""
    kept = np.arange(len(features)) % 10 != 4
    features[:] = fill_invalid(features, kept, rng=np.random.default_rng(0))


def shuffled(features: np.ndarray, valid: np.ndarray) -> None:
    """Bring the rows into another order."""
    features[:] = features[np.random.default_rng(0).permutation(len(features))]


def late(features: np.ndarray, valid: np.ndarray) -> None:
    """Shift the rows by five frames."""
    features[:] = np.roll(features, 5, axis=0)


def short(features: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut the last row."""
    return features[:-1], valid[:-1]


# ------------------------------------------------------------------ recordings, files, ledger


def copied(extracted: Extracted) -> None:
    """Save one recording under the name of another person as well."""
    one, other = extracted.names(2)
    extracted.store.write(other, *extracted.store.read(one))


def swapped(extracted: Extracted) -> None:
    """Exchange the recordings of two persons."""
    one, other = extracted.names(2)
    contents = {one: extracted.store.read(other), other: extracted.store.read(one)}
    for name, content in contents.items():
        extracted.store.write(name, *content)


def swapped_sessions(extracted: Extracted) -> None:
    """Exchange two recordings of one person."""
    table = extracted.cohort.recordings.set_index("recording")
    person = table.loc[extracted.names(1)[0], "person"]
    one, other = sorted(table.index[table["person"] == person])[:2]
    (a, valid_a), (b, valid_b) = (extracted.store.read(name) for name in (one, other))
    n = min(len(a), len(b))
    extracted.store.write(one, np.concatenate([b[:n], a[n:]]), valid_a)
    extracted.store.write(other, np.concatenate([a[:n], b[n:]]), valid_b)


def truncated(extracted: Extracted) -> None:
    """Cut a file short."""
    path = extracted.store.path(extracted.names(1)[0])
    path.write_bytes(path.read_bytes()[:1000])


def flipped_bit(extracted: Extracted) -> None:
    """Flip one bit of a file."""
    path = extracted.store.path(extracted.names(1)[0])
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)


def lost_file(extracted: Extracted) -> None:
    """Delete a file, not its ledger entry."""
    extracted.store.path(extracted.names(1)[0]).unlink()


def lost_entry(extracted: Extracted) -> None:
    """Delete a ledger entry, not its file."""
    extracted.store.path(extracted.names(1)[0]).with_suffix(".json").unlink()


def edited_entry(extracted: Extracted) -> None:
    """Claim in the ledger that one more frame is not valid."""
    name = extracted.names(1)[0]
    entry = replace(extracted.store.entry(name), n_invalid=1)
    extracted.store.path(name).with_suffix(".json").write_bytes(to_json(asdict(entry)))


def never_extracted(extracted: Extracted) -> None:
    """Leave a recording out."""
    extracted.store.discard(extracted.names(1)[0])


def lost(kind: str, share: float, *, every: bool = False) -> Damage:
    """Return the damage that a share of frames is marked with a fault of this kind."""

    def damage(extracted: Extracted) -> None:
        store = extracted.store
        for name in sorted(store.done()) if every else extracted.names(1):
            features, valid = store.read(name)
            n = max(1, round(share * len(valid)))
            if kind != "gap":  # before a gap time jumps, but the frame itself is sound
                valid[:n] = False
                features = fill_invalid(features, valid, rng=np.random.default_rng(0))
            store.write(name, features, valid, {kind: n})

    return damage


# ------------------------------------------------------------------ encoder and preprocessing


def preprocessed(preprocess: Preprocess) -> Damage:
    """Return the store that this preprocessing makes of the same frames."""

    def damage(extracted: Extracted) -> Extracted:
        wrong = OnnxEncoder(extracted.encoder.path, preprocess)
        folder = extracted.store.root / "extracted"  # the sound copy is not needed
        extract(extracted.cohort, wrong, folder)
        return Extracted(FeatureStore(folder), extracted.cohort, wrong)

    return damage


Frames = Callable[[str, int, int | None], np.ndarray]
"""Returns the frames ``start`` to ``stop`` of a recording."""


class Refilmed:
    """A cohort with other frames and all else the same, its fingerprint too."""

    def __init__(self, cohort: Cohort, frames: Frames) -> None:
        self.name = cohort.name
        self.simulated = cohort.simulated
        self.recordings = cohort.recordings
        self.fingerprint = cohort.fingerprint
        self._frames = frames

    def frames(self, recording: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return frames ``start`` to ``stop`` of one recording."""
        return self._frames(recording, start, stop)


def refilm(extracted: Extracted, frames: Frames) -> Extracted:
    """Extract again, from a cohort with other frames, into a folder inside the store's."""
    cohort = Refilmed(extracted.cohort, frames)
    folder = extracted.store.root / "extracted"
    extract(cohort, extracted.encoder, folder)
    return Extracted(FeatureStore(folder), cohort, extracted.encoder)


def exposed(gain: float, offset: float) -> Damage:
    """Return the store of a cohort in which one clip is too dark or too bright."""

    def damage(extracted: Extracted) -> Extracted:
        victim = extracted.names(1)[0]

        def frames(recording: str, start: int, stop: int | None) -> np.ndarray:
            filmed = extracted.cohort.frames(recording, start, stop)
            if recording != victim:
                return filmed
            return np.clip(gain * filmed + offset, 0, 255).astype(np.uint8)

        return refilm(extracted, frames)

    return damage


def header(**changed: str) -> Damage:
    """Return the damage that a store's header has other fields."""

    def damage(extracted: Extracted) -> None:
        path = extracted.store.root / "store.json"
        path.write_bytes(to_json(json.loads(path.read_bytes()) | changed))

    return damage
