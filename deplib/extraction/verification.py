"""Checks that a store is fit for use, before any model sees its features.

Each check names one way in which extraction is known to fail while shapes and types stay right:
a detector that finds nothing leaves zeros, a wrong scale moves norms, a stuck decoder repeats one
frame, random place-holders look like healthy unit vectors. What no statistic of the features can
show, wrong preprocessing, is what a reference embedding is for. The cheap checks come first, and
a dearer one does not look again at a recording in which a cheaper one found a fault.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from deplib.cohorts.base import Cohort, read_frames
from deplib.errors import CohortError, StoreError, VerificationError
from deplib.extraction import checks
from deplib.extraction.checks import (
    CHECKS,
    DEFAULT_BOUNDS,
    FAULT,
    WARNING,
    Bounds,
    Finding,
    finding,
)  # fmt: skip
from deplib.extraction.embedding import is_current, shared_source
from deplib.extraction.encoder import OnnxEncoder
from deplib.extraction.reference import Reference, reference_cosine
from deplib.extraction.store import FeatureStore, LedgerEntry

REPORT_VERSION = 2
"""Layout of the JSON report. Version 1 had neither this number nor bounds nor what was checked."""
SPOT_FRAMES = 3
"""Frames of each recording that are looked at again where the cohort is given."""

Progress = Callable[[str], None]
"""Called with the name of each recording once its rows have been examined."""


@dataclass(frozen=True)
class VerificationReport:
    """What was found wrong with a store.

    Attributes
    ----------
    findings
        One row a `Finding`.
    n_recordings, n_frames
        What was examined.
    not_checked
        Checks that were not made, and why.
    bounds
        Limits that were used.
    encoder, cohort
        From the store's header.
    digest
        SHA-256 of the store's header and ledger; empty where a ledger entry is unreadable.
    """

    findings: pd.DataFrame
    n_recordings: int
    n_frames: int
    not_checked: Mapping[str, str] = field(default_factory=dict)
    bounds: Bounds = DEFAULT_BOUNDS
    encoder: str = ""
    cohort: str = ""
    digest: str = ""

    @property
    def ok(self) -> bool:
        """True when there is no fault; warnings do not count."""
        return self.counts[FAULT] == 0

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings by severity."""
        severities = self.findings["severity"]
        return {severity: int((severities == severity).sum()) for severity in (FAULT, WARNING)}

    @property
    def checked(self) -> tuple[str, ...]:
        """Names of the checks that were made."""
        return tuple(name for name in CHECKS if name not in self.not_checked)

    def __str__(self) -> str:
        found = ", ".join(f"{n} {severity}s" for severity, n in self.counts.items())
        text = f"{self.n_recordings} recordings, {self.n_frames:,} frames: "
        text += found if len(self.findings) else "sound"
        reasons: dict[str, list[str]] = {}
        for name, why in self.not_checked.items():
            reasons.setdefault(why, []).append(name)
        skipped = "; ".join(f"{', '.join(names)} ({why})" for why, names in reasons.items())
        return text + (f"; not checked: {skipped}" if skipped else "")

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
        """Return the report as JSON; a value that is no number is null."""
        plain = ("ok", "counts", "n_recordings", "n_frames", "cohort", "encoder", "checked")
        content: dict[str, Any] = {"version": REPORT_VERSION}
        content |= {name: getattr(self, name) for name in plain}
        content |= {"store_digest": self.digest or None, "bounds": asdict(self.bounds)}
        content |= {"not_checked": dict(self.not_checked)}
        content["findings"] = json.loads(self.findings.to_json(orient="records"))
        return json.dumps(content, indent=1, allow_nan=False)


def verify(
    store: FeatureStore,
    recordings: pd.DataFrame | Sequence[str] | None = None,
    *,
    bounds: Bounds = DEFAULT_BOUNDS,
    encoder: OnnxEncoder | None = None,
    cohort: Cohort | None = None,
    reference: Reference | None = None,
    spot_frames: int = SPOT_FRAMES,
    progress: Progress | None = None,
) -> VerificationReport:
    """Examine every recording of a store. One recording is in memory at a time.

    Parameters
    ----------
    store
        The features.
    recordings
        What must be there: a cohort's table (then lengths and persons are checked too), names
        of recordings, or nothing (then the cohort's table, or else the header's count).
    bounds
        Limits of the checks.
    encoder
        The encoder that must have made the store.
    cohort
        Whose frames they are. Some frames of each recording are looked at, and with the encoder
        embedded again.
    reference
        A frame and its right embedding; needs the encoder.
    spot_frames
        How many frames of a recording are looked at again, at least 1, drawn by a seed of its
        name. Finding one frame in a video may mean decoding it from the start.
    progress
        Called for each recording.

    Returns
    -------
    VerificationReport

    Raises
    ------
    VerificationError
        If a reference is given without an encoder, or ``spot_frames`` is less than 1.
    """
    if spot_frames < 1:
        raise VerificationError(f"spot_frames is {spot_frames}; look at one frame or more")
    if reference is not None and encoder is None:
        raise VerificationError("a reference embedding needs the encoder to compare with: give it")
    table, names = _asked(store, recordings, cohort)
    given = {"table": table, "encoder": encoder, "cohort": cohort, "reference": reference}
    not_checked = {
        check: f"no {absent[0]} given"
        for check, (needs, *_) in CHECKS.items()
        if (absent := [need for need in needs if given[need] is None])
    }
    header = store.header
    findings: list[Finding] = []
    if encoder is not None:
        if header.encoder != encoder.id:
            given_id, made = encoder.id, header.encoder
            findings.append(finding("wrong_encoder", root=store.root, made=made, given=given_id))
        if reference is not None:
            findings += _wrong_embedding(encoder, reference, bounds.reference_cosine)
        if findings and "spot_check" not in not_checked:
            not_checked["spot_check"] = "the encoder is at fault"
    if cohort is not None and shared_source(cohort) != header.fingerprint:
        words: dict[str, Any] = {"root": store.root, "cohort": header.cohort}
        words |= {"made": header.fingerprint, "given": cohort.name, "now": shared_source(cohort)}
        findings.append(finding("wrong_cohort", **words))
        for check in ("exposure", "spot_check"):
            not_checked.setdefault(check, "the cohort is another one")
    elif cohort is not None:
        known = set(cohort.recordings["recording"].astype(str))
        findings += [
            finding("wrong_cohort", name, form=1)
            for name in sorted(store.done() & known & set(names))
            if not is_current(store, cohort, name)
        ]

    found, means, entries = _examine(store, names, recordings, bounds, table, progress)
    findings += found
    if table is not None:
        person = dict(zip(table["recording"].astype(str), table["person"].astype(str), strict=True))
        findings += checks.persons(means, person, bounds)
    if cohort is not None and "exposure" not in not_checked:
        judge = None if "spot_check" in not_checked else encoder
        for name in means:
            findings += _look_again(store, name, cohort, judge, bounds, spot_frames)
    try:
        digest = store.digest()
    except StoreError:
        digest = ""
    return VerificationReport(
        findings=pd.DataFrame(findings, columns=list(Finding._fields)),
        n_recordings=len(entries),
        n_frames=sum(entry.n_frames for entry in entries),
        not_checked=not_checked,
        bounds=bounds,
        encoder=header.encoder,
        cohort=header.cohort,
        digest=digest,
    )


def check_reference(
    encoder: OnnxEncoder, frame: np.ndarray, expected: np.ndarray, *, min_cosine: float = 0.999
) -> float:
    """Compare an encoder's embedding of a known frame with the embedding it must have.

    This is the only check that finds wrong preprocessing: in a large encoder swapped channels keep
    every norm and variance healthy and a cosine of about 0.97 to the right embedding.

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
    for fault in _wrong_embedding(encoder, Reference(frame, expected), min_cosine):
        raise VerificationError(fault.message)
    return reference_cosine(encoder, Reference(frame, expected))


def _wrong_embedding(
    encoder: OnnxEncoder, reference: Reference, min_cosine: float
) -> Iterator[Finding]:
    """Yield a fault if an encoder does not give the reference embedding."""
    try:
        cosine = reference_cosine(encoder, reference)
    except VerificationError as error:
        yield finding("reference", "", np.nan, min_cosine, form=1, error=error)
        return
    if not cosine >= min_cosine:  # a NaN fails too
        yield finding("reference", "", cosine, min_cosine, encoder=encoder)


def _asked(
    store: FeatureStore, recordings: pd.DataFrame | Sequence[str] | None, cohort: Cohort | None
) -> tuple[pd.DataFrame | None, list[str]]:
    """Return the table, if there is one, and the names of what must be in the store."""
    if isinstance(recordings, pd.DataFrame):
        return recordings, recordings["recording"].astype(str).tolist()
    table = cohort.recordings if cohort is not None else None
    if recordings is None:
        names = sorted(store.done()) if table is None else table["recording"].astype(str).tolist()
        return table, names
    if table is not None:
        table = table[table["recording"].astype(str).isin(list(recordings))]
    return table, [str(name) for name in recordings]


def _examine(
    store: FeatureStore,
    names: Sequence[str],
    recordings: object,
    bounds: Bounds,
    table: pd.DataFrame | None,
    progress: Progress | None,
) -> tuple[list[Finding], dict[str, np.ndarray], list[LedgerEntry]]:
    """Return findings, the mean row of each recording without a fault, and what was read."""
    missing = store.missing(names)
    findings = [finding("missing", name, 0, 1) for name in missing]
    total, n_done = store.header.n_recordings, len(store.done())
    if recordings is None and table is None and n_done < total:
        words: dict[str, Any] = {
            "cohort": store.header.cohort,
            "root": store.root,
            "n": total - n_done,
        }
        findings.append(finding("missing", "", n_done, total, form=1, **words))
    contents: dict[bytes, list[str]] = {}  # recordings by the hash of their features
    means: dict[str, np.ndarray] = {}
    entries: list[LedgerEntry] = []
    zero = 0
    for name in (name for name in names if name not in missing):
        try:
            features, valid = store.read(name)
            entry = store.entry(name)
        except StoreError as error:
            findings.append(finding("integrity", name, error=error))
            continue
        if (lost := int((~valid).sum())) != entry.n_invalid or len(valid) != entry.n_frames:
            words = {"n": len(valid), "said": entry.n_frames}
            findings.append(finding("integrity", name, lost, entry.n_invalid, form=1, **words))
            continue
        entries.append(entry)
        zero += not features.any()
        contents.setdefault(hashlib.sha256(features.tobytes()).digest(), []).append(name)
        findings += checks.lost_frames(entry, bounds)
        faults = list(checks.row_faults(name, features, valid, bounds))
        findings += faults
        if valid.any() and not any(fault.severity == FAULT for fault in faults):
            means[name] = features[valid].mean(axis=0)
        if progress is not None:
            progress(name)
    if entries and zero == len(entries):
        # One cause, one finding: rows of zeros, all alike, follow from it.
        findings = [finding for finding in findings if finding.check != "all_zero"]
        findings.append(finding("all_zero_store", "", zero, 0, root=store.root))
    else:
        copies = list(checks.identical_recordings(contents))
        findings += copies
        for name in " ".join(copy.recording for copy in copies).split():
            means.pop(name, None)
    findings += checks.lost_frames_of_all(entries, bounds)
    if table is not None:
        frames = {entry.recording: entry.n_frames for entry in entries}
        findings += checks.wrong_lengths(frames, table, store.header.frame_limit)
    return findings, means, entries


def _look_again(
    store: FeatureStore,
    name: str,
    cohort: Cohort,
    encoder: OnnxEncoder | None,
    bounds: Bounds,
    n: int,
) -> Iterator[Finding]:
    """Look at some frames of a recording, and compare their embeddings with the stored rows."""
    try:
        features, valid = store.read(name)
        rows = np.flatnonzero(valid)
        seed = np.frombuffer(hashlib.sha256(name.encode()).digest(), np.uint32)
        chosen = np.random.default_rng(seed).choice(rows, min(n, len(rows)), replace=False)
        numbers = sorted(int(i) for i in chosen)
        frames = np.concatenate([read_frames(cohort, name, i, i + 1).frames for i in numbers])
    except (CohortError, StoreError) as error:
        check = "spot_check" if encoder else "exposure"
        yield finding(check, name, severity=WARNING, form=1, error=error)
        return
    yield from checks.wrong_exposure(name, frames.mean(axis=(1, 2, 3)), bounds)
    if encoder is not None:
        fresh = encoder.embed(frames).features
        yield from checks.spot_fault(name, numbers, features[numbers], fresh, bounds)
