"""The single checks: each looks for one way in which extraction fails while shapes stay right.

``checks.json`` says of each what it needs, within which bounds, what it finds and what it says
then. The functions here yield findings and read nothing: `verify` gives them what they look at.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deplib.cohorts.base import FAULT_KINDS
from deplib.extraction.store import LedgerEntry

FAULT = "fault"
"""These features must not be used."""
WARNING = "warning"
"""Someone should look at it."""
MIN_PEAK_DIM = 32
"""The check ``peak`` needs this width: in fewer dimensions a sound row can be as peaked."""
_MIN_NORM = 1e-6  # a shorter row counts as zero


@dataclass(frozen=True)
class Bounds:
    """Limits of the checks."""

    reference_cosine: float = 0.999  # least cosine to the reference embedding
    invalid_rate: float = 0.05  # share not embedded: of a recording, warning; of all, fault
    recording_invalid_rate: float = 0.5  # the same share of one recording: fault
    norm: float = 2e-3  # largest | |row| - 1 |; float16 alone costs 5e-4
    frame_variance: float = 0.1  # least variance of a row over its D dimensions, in units of 1/D
    peak: float = 0.5  # largest share of a row's squared length in one dimension
    time_variance: float = 1e-6  # least variance over time, summed over the dimensions
    duplicate_rate: float = 0.05  # share of rows equal to the one before: warning
    recording_duplicate_rate: float = 0.5  # the same share: fault
    coherence: float = 0.2  # least cosine of consecutive rows; unrelated vectors have 0
    unrelated_rate: float = 0.05  # largest share of consecutive rows below that cosine
    person_cosine: float = 0.98  # largest cosine of two persons' mean rows; median: fault
    dark: float = 40.0  # least mean grey level of the looked-at frames, 0-255
    bright: float = 215.0  # largest
    spot_cosine: float = 0.999  # least cosine of a stored row and its frame embedded again
    spot_frames: int = 3  # frames of each recording that are looked at again, 1 or more


DEFAULT_BOUNDS = Bounds()


class Check(NamedTuple):
    """What one check needs, finds and says."""

    needs: list[str]  # beside the store: "table", "encoder", "cohort", "reference"
    severity: str  # of its findings; "fault or warning" where a bound decides
    bounds: list[str]  # fields of Bounds
    finds: str
    says: list[str]  # messages of its findings, to be filled in


CHECKS: dict[str, Check] = {
    name: Check(**check)
    for name, check in json.loads(Path(__file__).with_name("checks.json").read_bytes()).items()
}
"""Every check, by the name that its findings carry, in the order of a report."""


class Finding(NamedTuple):
    """One thing found wrong; a row of `VerificationReport.findings`."""

    check: str  # a key of CHECKS
    severity: str  # FAULT (must not be used) or WARNING (look at it)
    recording: str  # empty where the whole store is meant, two or more separated by blanks
    value: float
    bound: float
    message: str


def finding(
    check: str,
    recording: str = "",
    value: float = np.nan,
    bound: float = np.nan,
    *,
    severity: str | None = None,
    form: int = 0,
    **words: Any,
) -> Finding:
    """Return a finding in one of the ways in which its check puts it, filled in."""
    words |= {"name": recording, "value": value, "bound": bound}
    message = CHECKS[check].says[form].format(**words)
    return Finding(check, severity or CHECKS[check].severity, recording, value, bound, message)


def graded(
    check: str, recording: str, value: float, warning: float, fault: float, **words: Any
) -> Iterator[Finding]:
    """Yield a fault above one bound, a warning above the other."""
    if value > fault:
        yield finding(check, recording, value, fault, severity=FAULT, **words)
    elif value > warning:
        yield finding(check, recording, value, warning, severity=WARNING, **words)


def lost_frames(entry: LedgerEntry, bounds: Bounds) -> Iterator[Finding]:
    """Yield what the ledger says of a recording's frames."""
    name, n = entry.recording, entry.n_frames
    for kind in FAULT_KINDS:
        if count := entry.faults.get(kind, 0):
            yield finding(kind, name, count, 0, n=n)
    limits = bounds.invalid_rate, bounds.recording_invalid_rate
    yield from graded("invalid_rate", name, entry.n_invalid / n, *limits, n=n)


def lost_frames_of_all(entries: Sequence[LedgerEntry], bounds: Bounds) -> Iterator[Finding]:
    """Yield a fault if too many frames of the whole store have no embedding."""
    n, lost = (sum(getattr(e, what) for e in entries) for what in ("n_frames", "n_invalid"))
    if lost > bounds.invalid_rate * n:
        share, limit = lost / n, bounds.invalid_rate
        yield finding("invalid_rate", "", share, limit, severity=FAULT, form=1, n=n, lost=lost)


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
    if broken := int((~np.isfinite(norms)).sum()):
        yield finding("not_finite", name, broken, 0, n=n)
        return  # the statistics below would all be NaN
    if zeros := int((norms < _MIN_NORM).sum()):
        yield finding("all_zero", name, zeros, 0, n=n)
        return  # zeros would pass for repeated frames as well
    deviation = float(np.abs(norms - 1).max(initial=0))
    if deviation > bounds.norm:
        yield finding("norm", name, deviation, bounds.norm)
        rows = rows / norms[:, None]
    n, dim = rows.shape
    # A unit row's variance over its dimensions is 1/D - mean^2: close to 1/D, or 0 if constant.
    relative = 1 - dim * rows.mean(axis=1) ** 2
    if flat := int((relative < (limit := bounds.frame_variance)).sum()):
        yield finding("variance", name, float(relative.min()), limit, rows=flat, n=n, dim=dim)
    peak = np.maximum(rows.max(axis=1), -rows.min(axis=1)) ** 2
    if dim >= MIN_PEAK_DIM and (peaked := int((peak > bounds.peak).sum())):
        yield finding("peak", name, float(peak.max()), bounds.peak, rows=peaked, n=n)
    if n < 2:
        return
    centred = rows - rows.mean(axis=0)
    variance = float(np.einsum("ij,ij->", centred, centred)) / n  # over time, of all dimensions
    if variance < bounds.time_variance:
        yield finding("near_constant", name, variance, bounds.time_variance, n=n)
        return
    repeated = float((rows[1:] == rows[:-1]).all(axis=1).mean())
    limits = bounds.duplicate_rate, bounds.recording_duplicate_rate
    yield from graded("duplicate_frames", name, repeated, *limits, n=n)
    cosines = np.einsum("ij,ij->i", rows[1:], rows[:-1])
    unrelated = float((cosines < bounds.coherence).mean())
    if unrelated > bounds.unrelated_rate:
        yield finding(
            "incoherent", name, unrelated, bounds.unrelated_rate,
            coherence=bounds.coherence, median=np.median(cosines),
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
    if len({person[name] for name in means}) < 2:
        return
    names, limit = list(means), bounds.person_cosine
    rows = np.stack([means[name] for name in names])
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _MIN_NORM)
    cosines = rows @ rows.T
    who = np.array([person[name] for name in names])
    other = who[:, None] != who[None, :]
    pairs = np.triu(other, k=1)
    middle, n_persons = float(np.median(cosines[pairs])), len(set(who))
    if n_persons > 2 and middle > limit:
        yield finding("similar_persons", "", middle, limit, severity=FAULT, form=1, n=n_persons)
        return
    if close := int((pairs & (cosines > limit)).sum()):
        i, j = divmod(int(np.where(pairs, cosines, -2).argmax()), len(names))
        both, closest = f"{names[i]} {names[j]}", float(cosines[i, j])
        yield finding("similar_persons", both, closest, limit, severity=WARNING, n=close)
    same = ~other & ~np.eye(len(names), dtype=bool)
    own = np.where(same, cosines, -np.inf).max(axis=1)
    foreign = np.where(other, cosines, -np.inf)
    for i in np.flatnonzero(same.any(axis=1) & (own < foreign.max(axis=1))).tolist():
        j = int(foreign[i].argmax())
        yield finding(
            "identity_mismatch", names[i], float(own[i]), float(foreign[i, j]),
            person=who[i], other=names[j], other_person=who[j],
        )  # fmt: skip


def wrong_exposure(name: str, levels: Sequence[float], bounds: Bounds) -> Iterator[Finding]:
    """Yield a warning if the frames' mean grey levels (0 to 255) are mostly near an end."""
    level = float(np.median(levels))
    if level < bounds.dark:
        yield finding("exposure", name, level, bounds.dark, exposed="under-exposed")
    elif level > bounds.bright:
        yield finding("exposure", name, level, bounds.bright, exposed="over-exposed")


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
        value = float(cosines[worst])
        yield finding("spot_check", name, value, bounds.spot_cosine, frame=frames[worst])
