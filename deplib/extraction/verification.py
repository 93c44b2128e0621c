"""Checks that a store is fit for use, before any model sees its features.

Each check names one way in which extraction is known to fail while shapes and types stay right:
a detector that finds nothing leaves zeros, a wrong scale moves norms, a stuck decoder repeats one
frame, random place-holders look like healthy unit vectors. What no statistic of the features can
show, wrong preprocessing, is what a reference embedding is for. The cheap checks come first, and
a dearer one does not look again at a recording in which a cheaper one found a fault.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from deplib.cohorts.base import Cohort, read_frames
from deplib.errors import CohortError, StoreError, VerificationError
from deplib.extraction import findings as checks
from deplib.extraction.embedding import is_current, shared_source
from deplib.extraction.encoder import OnnxEncoder
from deplib.extraction.findings import CHECKS, DEFAULT_BOUNDS, FAULT, WARNING, Bounds, Finding
from deplib.extraction.reference import Reference, reference_cosine
from deplib.extraction.store import FeatureStore, LedgerEntry

REPORT_VERSION = 3
"""Layout of the JSON report."""

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
    store_digest
        SHA-256 of the store's header and ledger; None where a ledger entry is unreadable.
    """

    findings: pd.DataFrame
    n_recordings: int
    n_frames: int
    not_checked: Mapping[str, str]
    bounds: Bounds
    encoder: str
    cohort: str
    store_digest: str | None

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
        skipped = "; ".join(f"{name} ({why})" for name, why in self.not_checked.items())
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
        content = vars(self) | {
            "version": REPORT_VERSION,
            "ok": self.ok,
            "counts": self.counts,
            "checked": self.checked,
            "bounds": asdict(self.bounds),
            "findings": json.loads(self.findings.to_json(orient="records")),
        }
        return json.dumps(content, indent=1, allow_nan=False)


def verify(
    store: FeatureStore,
    recordings: pd.DataFrame | None = None,
    *,
    bounds: Bounds = DEFAULT_BOUNDS,
    encoder: OnnxEncoder | None = None,
    cohort: Cohort | None = None,
    reference: Reference | None = None,
    progress: Progress | None = None,
) -> VerificationReport:
    """Examine every recording of a store. One recording is in memory at a time.

    Parameters
    ----------
    store
        The features.
    recordings
        What must be there: a cohort's table, or some rows of it; then lengths and persons are
        checked too. By default the given cohort's, or else as many as the header counts.
    bounds
        Limits of the checks.
    encoder
        The encoder that must have made the store.
    cohort
        Whose frames they are. Some frames of each recording are looked at, drawn by a seed of its
        name, and with the encoder embedded again.
    reference
        A frame and its right embedding; needs the encoder.
    progress
        Called for each recording.

    Raises
    ------
    VerificationError
        If a reference is given without an encoder.
    """
    if reference is not None and encoder is None:
        raise VerificationError("a reference embedding needs the encoder to compare with: give it")
    table = cohort.recordings if recordings is None and cohort is not None else recordings
    given = {"table": table, "encoder": encoder, "cohort": cohort, "reference": reference}
    not_checked = {
        check: f"no {absent[0]} given"
        for check, (needs, *_) in CHECKS.items()
        if (absent := [need for need in needs if given[need] is None])
    }
    header, done = store.header, sorted(store.done())
    names = done if table is None else table["recording"].astype(str).tolist()
    missing = store.missing(names)
    findings: list[Finding] = []
    words: dict[str, Any]
    if encoder is not None:
        if encoder.id != header.encoder:
            words = {"root": store.root, "made": header.encoder, "given": encoder.id}
            findings.append(checks.finding("wrong_encoder", **words))
        if reference is not None:
            findings += _wrong_embedding(encoder, reference, bounds.reference_cosine)
        if findings:
            not_checked.setdefault("spot_check", "the encoder is at fault")
    if cohort is not None:
        if (source := shared_source(cohort)) != header.fingerprint:
            words = {"cohort": header.cohort, "made": header.fingerprint, "given": cohort.name}
            findings.append(checks.finding("wrong_cohort", root=store.root, now=source, **words))
            for check in ("exposure", "spot_check"):
                not_checked.setdefault(check, "the cohort is another one")
        else:
            known = set(cohort.recordings["recording"].astype(str)).intersection(names)
            changed = [n for n in done if n in known and not is_current(store, cohort, n)]
            findings += [checks.finding("wrong_cohort", name, form=1) for name in changed]
    findings += [checks.finding("missing", name, 0, 1) for name in missing]
    if table is None and len(done) < (total := header.n_recordings):
        words = {"cohort": header.cohort, "root": store.root, "n": total - len(done)}
        findings.append(checks.finding("missing", "", len(done), total, form=1, **words))

    present = [name for name in names if name not in missing]
    rows, means, entries = _examine(store, present, bounds, progress)
    findings += rows
    if table is not None:
        frames = {entry.recording: entry.n_frames for entry in entries}
        person = dict(zip(names, table["person"].astype(str), strict=True))
        for name, n_frames in zip(names, table["n_frames"], strict=True):
            expected = min(int(n_frames), header.frame_limit)
            if frames.get(name, expected) != expected:
                findings.append(checks.finding("length", name, frames[name], expected))
        findings += checks.persons(means, person, bounds)
    if cohort is not None and "exposure" not in not_checked:
        judge = None if "spot_check" in not_checked else encoder
        for name in means:
            findings += _look_again(store, name, cohort, judge, bounds)
    digest = None
    with suppress(StoreError):  # a ledger entry is unreadable, and a finding says so
        digest = store.digest()
    found = pd.DataFrame(findings, columns=list(Finding._fields))
    n_frames, made_of = sum(entry.n_frames for entry in entries), (header.encoder, header.cohort)
    return VerificationReport(found, len(entries), n_frames, not_checked, bounds, *made_of, digest)


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
        yield checks.finding("reference", "", np.nan, min_cosine, form=1, error=error)
        return
    if not cosine >= min_cosine:  # a NaN fails too
        yield checks.finding("reference", "", cosine, min_cosine, encoder=encoder)


def _examine(
    store: FeatureStore, names: list[str], bounds: Bounds, progress: Progress | None
) -> tuple[list[Finding], dict[str, np.ndarray], list[LedgerEntry]]:
    """Return findings, the mean row of each recording without a fault, and what was read."""
    findings: list[Finding] = []
    copies: dict[bytes, list[str]] = {}  # recordings by the hash of their features
    means: dict[str, np.ndarray] = {}
    entries: list[LedgerEntry] = []
    zero = 0
    for name in names:
        try:
            features, valid = store.read(name)
            entry = store.entry(name)
        except StoreError as error:
            findings.append(checks.finding("integrity", name, error=error))
            continue
        if (lost := int((~valid).sum())) != entry.n_invalid or len(valid) != entry.n_frames:
            n, said = len(valid), entry.n_frames
            edited = checks.finding(
                "integrity", name, lost, entry.n_invalid, form=1, n=n, said=said
            )
            findings.append(edited)
            continue
        entries.append(entry)
        zero += not features.any()
        copies.setdefault(hashlib.sha256(features.tobytes()).digest(), []).append(name)
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
        findings.append(checks.finding("all_zero_store", "", zero, 0, root=store.root))
    else:
        for group in [group for group in copies.values() if len(group) > 1]:
            both = " ".join(group)
            findings.append(
                checks.finding("identical", both, len(group), 1, names=", ".join(group))
            )
            means = {name: mean for name, mean in means.items() if name not in group}
    findings += checks.lost_frames_of_all(entries, bounds)
    return findings, means, entries


def _look_again(
    store: FeatureStore,
    name: str,
    cohort: Cohort,
    encoder: OnnxEncoder | None,
    bounds: Bounds,
) -> Iterator[Finding]:
    """Look at some frames of a recording, and compare their embeddings with the stored rows."""
    try:
        features, valid = store.read(name)
        rows = np.flatnonzero(valid)
        seed = np.frombuffer(hashlib.sha256(name.encode()).digest(), np.uint32)
        chosen = np.random.default_rng(seed).choice(
            rows, min(bounds.spot_frames, len(rows)), replace=False
        )
        numbers = sorted(chosen.tolist())
        frames = np.concatenate([read_frames(cohort, name, i, i + 1).frames for i in numbers])
    except (CohortError, StoreError) as error:
        check = "spot_check" if encoder else "exposure"
        yield checks.finding(check, name, severity=WARNING, form=1, error=error)
        return
    yield from checks.wrong_exposure(name, frames.mean(axis=(1, 2, 3)), bounds)
    if encoder is not None:
        fresh = encoder.embed(frames).features
        yield from checks.spot_fault(name, numbers, features[numbers], fresh, bounds)
