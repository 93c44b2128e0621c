"""The single checks: each looks for one way in which extraction fails while shapes stay right.

Each yields findings and reads nothing: `verify` gives them what they look at.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from deplib.cohorts.base import FAULT_KINDS
from deplib.extraction.storage.ledger import LedgerEntry
from deplib.extraction.verification.report import FAULT, MIN_PEAK_DIM, WARNING, Bounds, Finding

_MIN_NORM = 1e-6  # a shorter row counts as zero
_AGAIN = "extract again, into another folder, for what is whole is not done twice"
_REMEDY = {
    "unreadable": "fetch or export these frames again",
    "no_face": "look at them: nobody in the picture, a turned head, or a detector that fails",
    "blank": "the face was lost, or the exposure is at its limit: look at the clip",
    "not_embedded": "the weights overflow on these frames: look at them, or use float32 weights",
    "gap": "frames were dropped where the clip was exported: time jumps there",
}


def lost_frames(entry: LedgerEntry, bounds: Bounds) -> Iterator[Finding]:
    """Yield what the ledger says of a recording's frames."""
    name, n = entry.recording, entry.n_frames
    for kind in FAULT_KINDS:
        if count := entry.faults.get(kind, 0):
            yield Finding(
                kind, WARNING, name, count, 0,
                f"{name}: {count} of {n} frames are marked {kind}: {_REMEDY[kind]}",
            )  # fmt: skip
    share = entry.n_invalid / n
    if share > bounds.invalid_rate:
        grave = share > bounds.recording_invalid_rate
        yield Finding(
            "invalid_rate", FAULT if grave else WARNING, name, share,
            bounds.recording_invalid_rate if grave else bounds.invalid_rate,
            f"{name}: {share:.1%} of {n} frames have no embedding of their own: look at the clip"
            + (", or leave it out" if grave else "; they are masked"),
        )  # fmt: skip


def lost_frames_of_all(entries: Sequence[LedgerEntry], bounds: Bounds) -> Iterator[Finding]:
    """Yield a fault if too many frames of the whole store have no embedding."""
    n = sum(entry.n_frames for entry in entries)
    lost = sum(entry.n_invalid for entry in entries)
    if lost > bounds.invalid_rate * n:
        yield Finding(
            "invalid_rate", FAULT, "", lost / n, bounds.invalid_rate,
            f"{lost:,} of all {n:,} frames have no embedding: extraction as a whole is at fault; "
            "look at the frames of the worst recordings, and at how they were aligned",
        )  # fmt: skip


def row_faults(
    name: str, features: np.ndarray, valid: np.ndarray, bounds: Bounds
) -> Iterator[Finding]:
    """Yield what is wrong with one recording's features, looking at its valid rows.

    Parameters
    ----------
    name
        The recording.
    features
        float32, shape ``(n, D)``.
    valid
        bool, shape ``(n,)``.
    """
    n = len(features)
    rows = features if valid.all() else features[valid]
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    broken = int((~np.isfinite(norms)).sum())
    if broken:
        yield Finding(
            "not_finite", FAULT, name, broken, 0,
            f"{name}: {broken} of {n} frames hold NaN or infinite values: the encoder's weights "
            f"or its input are damaged; {_AGAIN}",
        )  # fmt: skip
        return  # the statistics below would all be NaN
    zeros = int((norms < _MIN_NORM).sum())
    if zeros:
        yield Finding(
            "all_zero", FAULT, name, zeros, 0,
            f"{name}: {zeros} of {n} frames are all zero though marked as embedded: a frame "
            f"without a face must be marked as not valid; {_AGAIN}",
        )  # fmt: skip
        return  # zeros would pass for repeated frames as well
    deviation = float(np.abs(norms - 1).max(initial=0))
    if deviation > bounds.norm:
        yield Finding(
            "norm", FAULT, name, deviation, bounds.norm,
            f"{name}: row norms are off 1 by up to {deviation:.3g}: not L2-normalised, or scaled "
            f"afterwards; {_AGAIN}",
        )  # fmt: skip
        rows = rows / norms[:, None]
    if len(rows):
        yield from _shape_faults(name, rows, bounds)
    if len(rows) > 1:
        yield from _time_faults(name, rows, bounds)


def _shape_faults(name: str, rows: np.ndarray, bounds: Bounds) -> Iterator[Finding]:
    """Yield what is wrong with unit rows, each on its own."""
    n, dim = rows.shape
    # A unit row's variance over its dimensions is 1/D - mean^2: close to 1/D, or 0 if constant.
    relative = 1 - dim * rows.mean(axis=1) ** 2
    if (flat := int((relative < bounds.frame_variance).sum())) > 0:
        yield Finding(
            "variance", FAULT, name, float(relative.min()), bounds.frame_variance,
            f"{name}: {flat} of {n} rows are nearly one constant (variance over the {dim} "
            f"dimensions down to {relative.min():.2g} of 1/{dim}): this output is no embedding; "
            "choose the recognition network's embedding",
        )  # fmt: skip
    peak = np.maximum(rows.max(axis=1), -rows.min(axis=1)) ** 2
    if dim >= MIN_PEAK_DIM and (peaked := int((peak > bounds.peak).sum())) > 0:
        yield Finding(
            "peak", FAULT, name, float(peak.max()), bounds.peak,
            f"{name}: {peaked} of {n} rows lie nearly along one dimension (share of squared "
            f"length up to {peak.max():.2f}): class scores, no embedding; choose the network's "
            "embedding",
        )  # fmt: skip


def _time_faults(name: str, rows: np.ndarray, bounds: Bounds) -> Iterator[Finding]:
    """Yield what is wrong with unit rows as a sequence."""
    n = len(rows)
    centred = rows - rows.mean(axis=0)
    variance = float(np.einsum("ij,ij->", centred, centred)) / n
    if variance < bounds.time_variance:
        yield Finding(
            "near_constant", FAULT, name, variance, bounds.time_variance,
            f"{name}: features hardly change over {n} frames (variance summed over dimensions "
            f"{variance:.2g}): the same frame again and again; look at the clip",
        )  # fmt: skip
        return
    repeated = float((rows[1:] == rows[:-1]).all(axis=1).mean())
    if repeated > bounds.duplicate_rate:
        grave = repeated > bounds.recording_duplicate_rate
        yield Finding(
            "duplicate_frames", FAULT if grave else WARNING, name, repeated,
            bounds.recording_duplicate_rate if grave else bounds.duplicate_rate,
            f"{name}: {repeated:.1%} of {n} rows repeat the one before: a stuck decoder, or a "
            "clip brought to a higher frame rate; decode it again, or look at it",
        )  # fmt: skip
    cosines = np.einsum("ij,ij->i", rows[1:], rows[:-1])
    unrelated = float((cosines < bounds.coherence).mean())
    if unrelated > bounds.unrelated_rate:
        yield Finding(
            "incoherent", FAULT, name, unrelated, bounds.unrelated_rate,
            f"{name}: {unrelated:.1%} of consecutive frames are unrelated (cosine below "
            f"{bounds.coherence:g}, median {np.median(cosines):.2f}): random vectors in place of "
            f"embeddings, or frames of other clips; {_AGAIN}",
        )  # fmt: skip


def identical_recordings(contents: Mapping[bytes, Sequence[str]]) -> Iterator[Finding]:
    """Yield a fault for each set of recordings whose features have the same hash."""
    for group in contents.values():
        if len(group) > 1:
            yield Finding(
                "identical", FAULT, " ".join(group), len(group), 1,
                f"{', '.join(group[:4])} have identical features: one clip was read for another; "
                "compare the clips' files",
            )  # fmt: skip


def wrong_lengths(frames: Mapping[str, int], table: pd.DataFrame, limit: int) -> Iterator[Finding]:
    """Yield a fault for each recording with another number of frames than the cohort's table."""
    for name, n_frames in zip(table["recording"].astype(str), table["n_frames"], strict=True):
        expected = min(int(n_frames), limit)
        if frames.get(name, expected) != expected:
            yield Finding(
                "length", FAULT, name, frames[name], expected,
                f"{name} has {frames[name]} frames in the store and {expected} in the cohort: "
                f"{_AGAIN}",
            )  # fmt: skip


def persons(
    means: Mapping[str, np.ndarray], person: Mapping[str, str], bounds: Bounds
) -> Iterator[Finding]:
    """Yield what the recordings' mean rows say about who is in them.

    Parameters
    ----------
    means
        Mean row of each recording, shape ``(D,)``.
    person
        Who is in each recording.
    """
    if len(means) < 2:
        return
    names = list(means)
    rows = np.stack([means[name] for name in names])
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _MIN_NORM)
    cosines = rows @ rows.T
    who = np.array([person[name] for name in names])
    other = who[:, None] != who[None, :]
    pairs = np.triu(other, k=1)
    if not pairs.any():
        return
    middle = float(np.median(cosines[pairs]))
    close = int((pairs & (cosines > bounds.person_cosine)).sum())
    if len(set(who)) > 2 and middle > bounds.person_cosine:
        yield Finding(
            "similar_persons", FAULT, "", middle, bounds.person_cosine,
            f"the {len(set(who))} persons have nearly the same mean embedding (median cosine "
            f"{middle:.4f} over pairs of recordings of different persons): the encoder sees no "
            "faces; was the input normalised twice, or not at all?",
        )  # fmt: skip
        return
    if close:
        i, j = divmod(int(np.where(pairs, cosines, -2).argmax()), len(names))
        yield Finding(
            "similar_persons", WARNING, f"{names[i]} {names[j]}", float(cosines[i, j]),
            bounds.person_cosine,
            f"{close} pairs of recordings of different persons have nearly the same mean "
            f"embedding (closest: {names[i]} and {names[j]}, cosine {cosines[i, j]:.4f}): look "
            "whether they show one person, and check the preprocessing",
        )  # fmt: skip
    yield from _mismatches(names, who, cosines, other)


def _mismatches(
    names: Sequence[str], who: np.ndarray, cosines: np.ndarray, other: np.ndarray
) -> Iterator[Finding]:
    """Yield a warning for each recording that is nearer to another person than to its own."""
    same = ~other & ~np.eye(len(names), dtype=bool)
    nearest_own = np.where(same, cosines, -np.inf).max(axis=1)
    nearest_other = np.where(other, cosines, -np.inf).max(axis=1)
    for i in np.flatnonzero(same.any(axis=1) & (nearest_own < nearest_other)).tolist():
        j = int(np.where(other[i], cosines[i], -np.inf).argmax())
        yield Finding(
            "identity_mismatch", WARNING, names[i], float(nearest_own[i]), float(nearest_other[i]),
            f"{names[i]} of person {who[i]} looks more like {names[j]} of person {who[j]} (cosine "
            f"{nearest_other[i]:.2f}) than like {who[i]}'s other recordings ("
            f"{nearest_own[i]:.2f}): look whether the clips are swapped",
        )  # fmt: skip


def wrong_exposure(name: str, levels: Sequence[float], bounds: Bounds) -> Iterator[Finding]:
    """Yield a warning if the frames' mean grey levels (0 to 255) are mostly near an end."""
    level = float(np.median(levels))
    if not bounds.dark <= level <= bounds.bright:
        dark = level < bounds.dark
        yield Finding(
            "exposure", WARNING, name, level, bounds.dark if dark else bounds.bright,
            f"{name} is {'under' if dark else 'over'}-exposed (median grey level {level:.0f} of "
            "255): its embeddings may say little of the face; look at the clip",
        )  # fmt: skip


def spot_fault(
    name: str, frames: Sequence[int], stored: np.ndarray, fresh: np.ndarray, bounds: Bounds
) -> Iterator[Finding]:
    """Yield a fault if stored rows are not the embeddings of their frames.

    Parameters
    ----------
    name
        The recording.
    frames
        Numbers of the frames.
    stored, fresh
        Shape ``(len(frames), D)``: from the store, and embedded again.
    """
    lengths = np.linalg.norm(stored, axis=1) * np.linalg.norm(fresh, axis=1)
    cosines = (stored * fresh).sum(axis=1) / np.maximum(lengths, _MIN_NORM)
    worst = int(cosines.argmin())
    if not cosines[worst] >= bounds.spot_cosine:  # a NaN fails too
        yield Finding(
            "spot_check", FAULT, name, float(cosines[worst]), bounds.spot_cosine,
            f"{name}: frame {frames[worst]}, embedded again, has cosine {cosines[worst]:.4f} to "
            "its row in the store: the row is of another frame or clip, or frames or encoder "
            f"have changed since; {_AGAIN}",
        )  # fmt: skip
