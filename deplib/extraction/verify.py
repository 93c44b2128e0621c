"""Checks that features are fit for use, before any model sees them.

Each check names one way in which extraction is known to fail while shapes and types stay right:
a detector that finds nothing leaves zeros, a wrong scale moves norms, a stuck decoder repeats one
frame, random place-holders look like healthy unit vectors. What no statistic of the features can
show, wrong preprocessing, is what `check_reference` is for.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from deplib.errors import StoreError, VerificationError
from deplib.extraction.encoder import OnnxEncoder
from deplib.extraction.store import FeatureStore

FAULT = "fault"
WARNING = "warning"
_MIN_NORM = 1e-6  # a shorter row counts as zero


class Finding(NamedTuple):
    """One thing found wrong; a row of `VerificationReport.findings`."""

    check: str
    severity: str  # FAULT (must not be used) or WARNING (look at it)
    recording: str  # empty where the whole store is meant
    value: float
    bound: float
    message: str


@dataclass(frozen=True)
class Bounds:
    """Limits of the checks, on unit rows."""

    norm: float = 2e-3  # largest | |row| - 1 |; float16 alone costs 5e-4
    variance: float = 1e-6  # least variance over time, summed over the dimensions
    coherence: float = 0.2  # least median cosine of consecutive frames; unrelated vectors have 0
    invalid_rate: float = 0.05  # largest share of a recording's frames without an embedding
    person_cosine: float = 0.99  # largest cosine of two persons' mean embeddings


@dataclass(frozen=True)
class VerificationReport:
    """What was found wrong with a store.

    Attributes
    ----------
    findings
        One row a `Finding`.
    n_recordings, n_frames
        What was examined.
    """

    findings: pd.DataFrame
    n_recordings: int
    n_frames: int

    @property
    def ok(self) -> bool:
        """True when there is no fault; warnings do not count."""
        return not (self.findings["severity"] == FAULT).any()

    def __str__(self) -> str:
        head = f"{self.n_recordings} recordings, {self.n_frames:,} frames: "
        faults = int((self.findings["severity"] == FAULT).sum())
        warnings = len(self.findings) - faults
        return head + (f"{faults} faults, {warnings} warnings" if len(self.findings) else "sound")

    def raise_for_faults(self) -> "VerificationReport":
        """Return the report itself, or raise if it has a fault.

        Raises
        ------
        VerificationError
            Listing the first faults.
        """
        if not self.ok:
            messages = self.findings.loc[self.findings["severity"] == FAULT, "message"]
            listed = "\n  ".join(messages[:5])
            more = f"\n  and {len(messages) - 5} more" if len(messages) > 5 else ""
            raise VerificationError(f"these features must not be used:\n  {listed}{more}")
        return self

    def to_json(self) -> str:
        """Return the report as JSON."""
        content = {
            "ok": self.ok,
            "n_recordings": self.n_recordings,
            "n_frames": self.n_frames,
            "findings": json.loads(self.findings.to_json(orient="records")),
        }
        return json.dumps(content, indent=1)


def verify(
    store: FeatureStore,
    recordings: pd.DataFrame | Sequence[str] | None = None,
    *,
    bounds: Bounds = Bounds(),
) -> VerificationReport:
    """Examine every recording of a store.

    Parameters
    ----------
    store
        The features.
    recordings
        What must be there: a cohort's table (then lengths and persons are checked too), names
        of recordings, or nothing (then the header says how many there must be).
    bounds
        Limits of the checks.

    Returns
    -------
    VerificationReport
    """
    table = None
    if isinstance(recordings, pd.DataFrame):
        table, names = recordings, [str(name) for name in recordings["recording"]]
    else:
        names = sorted(store.done()) if recordings is None else list(recordings)
    missing = store.missing(names)
    findings = list(_absent(store, missing, count_all=recordings is None))
    contents: dict[bytes, list[str]] = {}  # recordings by the hash of their features
    means: dict[str, np.ndarray] = {}
    frames: dict[str, int] = {}
    zero = 0
    for name in names:
        if name in missing:
            continue
        try:
            features, valid = store.read(name)
        except StoreError as error:
            findings.append(Finding("integrity", FAULT, name, np.nan, np.nan, str(error)))
            continue
        frames[name] = len(features)
        zero += not features.any()
        contents.setdefault(hashlib.sha256(features.tobytes()).digest(), []).append(name)
        findings += _check_recording(name, features, valid, bounds)
        if valid.any() and np.isfinite(features[valid]).all():
            means[name] = features[valid].mean(axis=0)
    if frames and zero == len(frames):
        findings.insert(0, _all_zero(store, zero))
    findings += _identical(contents)
    if table is not None:
        findings += _lengths(frames, table, store.header.frame_limit)
        findings += _persons(means, table, bounds.person_cosine)
    return VerificationReport(
        findings=pd.DataFrame(findings, columns=list(Finding._fields)),
        n_recordings=len(frames),
        n_frames=sum(frames.values()),
    )


def check_reference(
    encoder: OnnxEncoder, frame: np.ndarray, expected: np.ndarray, *, min_cosine: float = 0.999
) -> float:
    """Compare an encoder's embedding of a known frame with the embedding it must have.

    This is the only check that finds wrong preprocessing: swapped channels keep every norm and
    variance healthy and a cosine of about 0.97 to the right embedding.

    Parameters
    ----------
    encoder
        What is about to be used, with its preprocessing.
    frame
        RGB, uint8, shape ``(size, size, 3)``.
    expected
        Shape ``(dim,)``, of any length above zero.
    min_cosine
        Least cosine that passes.

    Returns
    -------
    float
        The cosine.

    Raises
    ------
    VerificationError
        If the cosine is too low, or the vectors cannot be compared.
    """
    length = float(np.linalg.norm(expected))
    if expected.shape != (encoder.dim,) or not np.isfinite(length) or length < _MIN_NORM:
        raise VerificationError(
            f"the reference embedding has shape {expected.shape} and length {length:.3g}; "
            f"{encoder!r} needs ({encoder.dim},) finite values: it belongs to another encoder"
        )
    actual = encoder.embed(frame[None]).features[0]
    cosine = float(actual @ expected / length)
    if not cosine >= min_cosine:  # a NaN fails too
        raise VerificationError(
            f"{encoder!r} embeds the reference frame at cosine {cosine:.4f} to the expected "
            f"embedding (at least {min_cosine}): check channel order, mean and std of Preprocess, "
            "and whether the network normalises its input itself"
        )
    return cosine


def _check_recording(
    name: str, features: np.ndarray, valid: np.ndarray, bounds: Bounds
) -> Iterator[Finding]:
    """Yield what is wrong with one recording's features, looking at its valid rows."""
    n = len(features)
    invalid = 1 - valid.mean()
    if invalid > bounds.invalid_rate:
        yield Finding(
            "invalid_rate", FAULT, name, invalid, bounds.invalid_rate,
            f"{name}: {invalid:.1%} of {n} frames have no embedding of their own",
        )  # fmt: skip
    rows = features[valid]
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        yield Finding(
            "not_finite", FAULT, name, (~finite).sum(), 0,
            f"{name}: {(~finite).sum()} of {n} frames hold NaN or infinite values",
        )  # fmt: skip
        return  # the statistics below would all be NaN
    norms = np.linalg.norm(rows, axis=1)
    zeros = int((norms < _MIN_NORM).sum())
    if zeros:
        yield Finding(
            "all_zero", FAULT, name, zeros, 0,
            f"{name}: {zeros} of {n} frames are all zero though marked as embedded",
        )  # fmt: skip
    deviation = np.abs(norms[norms >= _MIN_NORM] - 1).max(initial=0)
    if deviation > bounds.norm:
        yield Finding(
            "norm", FAULT, name, deviation, bounds.norm,
            f"{name}: row norms are off 1 by up to {deviation:.3g}: not L2-normalised",
        )  # fmt: skip
    if len(rows) < 2 or zeros:
        return
    variance = rows.var(axis=0, dtype=np.float64).sum()
    if variance < bounds.variance:
        yield Finding(
            "near_constant", FAULT, name, variance, bounds.variance,
            f"{name}: features hardly change over {n} frames (variance summed over dimensions "
            f"{variance:.2g}): the same frame again and again",
        )  # fmt: skip
    cosine = np.median((rows[1:] * rows[:-1]).sum(axis=1) / (norms[1:] * norms[:-1]))
    if cosine < bounds.coherence:
        yield Finding(
            "incoherent", FAULT, name, cosine, bounds.coherence,
            f"{name}: consecutive frames are unrelated (median cosine {cosine:.2f}): random "
            "vectors in place of embeddings, or frames of other clips",
        )  # fmt: skip


def _absent(store: FeatureStore, missing: list[str], *, count_all: bool) -> Iterator[Finding]:
    for name in missing:
        yield Finding("missing", FAULT, name, 0, 1, f"{name} is not in the store: extract it")
    total = store.header.n_recordings
    n_done = len(store.done())
    if count_all and n_done < total:
        yield Finding(
            "missing", FAULT, "", n_done, total,
            f"{total - n_done} of {total} recordings of {store.header.cohort} are not in "
            f"{store.root}: run the extraction again, it goes on where it stopped",
        )  # fmt: skip


def _all_zero(store: FeatureStore, n: int) -> Finding:
    return Finding(
        "all_zero_store", FAULT, "", n, 0,
        f"every feature of all {n} recordings in {store.root} is zero: no face was ever embedded. "
        "The usual cause is a detector that finds no face in frames that are aligned crops "
        "already: give them to the encoder directly",
    )  # fmt: skip


def _identical(contents: dict[bytes, list[str]]) -> Iterator[Finding]:
    for group in contents.values():
        if len(group) > 1:
            yield Finding(
                "identical", FAULT, " ".join(group), len(group), 1,
                f"{', '.join(group[:4])} have identical features: one clip was read for another",
            )  # fmt: skip


def _lengths(frames: dict[str, int], table: pd.DataFrame, limit: int) -> Iterator[Finding]:
    for name, n_frames in zip(table["recording"].astype(str), table["n_frames"], strict=True):
        expected = min(int(n_frames), limit)
        if frames.get(name, expected) != expected:
            yield Finding(
                "length", FAULT, name, frames[name], expected,
                f"{name} has {frames[name]} frames in the store and {expected} in the cohort",
            )  # fmt: skip


def _persons(means: dict[str, np.ndarray], table: pd.DataFrame, bound: float) -> Iterator[Finding]:
    """Yield one warning if two persons' mean embeddings are hardly different."""
    if len(means) < 2:
        return
    rows = np.stack(list(means.values()))
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _MIN_NORM)
    persons = table.set_index(table["recording"].astype(str))["person"].loc[list(means)].to_numpy()
    cosines = np.triu(rows @ rows.T, k=1)
    cosines[persons[:, None] == persons[None, :]] = 0
    close = cosines > bound
    if close.any():
        i, j = np.unravel_index(cosines.argmax(), cosines.shape)
        a, b = list(means)[i], list(means)[j]
        yield Finding(
            "similar_persons", WARNING, f"{a} {b}", cosines[i, j], bound,
            f"{close.sum()} pairs of recordings of different persons have nearly the same mean "
            f"embedding (closest: {a} and {b}, cosine {cosines[i, j]:.4f}): the encoder does not "
            "tell these faces apart, or its preprocessing is wrong",
        )  # fmt: skip
