"""Checks that a store is fit for use, before any model sees its features.

Each check names one way in which extraction is known to fail while shapes and types stay right:
a detector that finds nothing leaves zeros, a wrong scale moves norms, a stuck decoder repeats one
frame, random place-holders look like healthy unit vectors. What no statistic of the features can
show, wrong preprocessing, is what a reference embedding is for. The cheap checks come first, and
a dearer one does not look again at a recording in which a cheaper one found a fault.

``checks.json`` says of each what it needs, within which bounds, what it finds and what it says
then.
"""

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.cluster.vq import kmeans2

from deplib.alignment import template_distance
from deplib.cohorts.base import FAULT_KINDS, Cohort, read_frames
from deplib.errors import CohortError, StoreError, VerificationError
from deplib.extraction.embedding import MAX_TEMPLATE_DISTANCE, is_current
from deplib.extraction.encoder import OnnxEncoder
from deplib.extraction.reference import Reference, check_reference
from deplib.extraction.store import FeatureStore, LedgerEntry

REPORT_VERSION = 3
"""Layout of the JSON report."""
FAULT = "fault"
"""These features must not be used."""
WARNING = "warning"
"""Someone should look at it."""
MIN_PEAK_DIM = 32
"""The check ``peak`` needs this width: in fewer dimensions a sound row can be as peaked."""
_MIN_NORM = 1e-6  # a shorter row counts as zero
_ONE_FACE = 0.7  # length of the mean of unit rows above which they show one face; measured: 0.79
_FEW, _TRIES = 3, 5  # rows of a second person at least; searches for them


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
    second_person_cosine: float = 0.45  # least cosine of two groups that a recording's rows form
    person_cosine: float = 0.98  # largest cosine of two persons' mean rows; median: fault
    max_template_distance: float = MAX_TEMPLATE_DISTANCE  # of faces, median, pixels
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
    progress: Callable[[str], object] = lambda name: None,
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
        Called with the name of each recording once its rows have been examined.

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
    missing = [name for name in names if name not in done]
    findings: list[Finding] = []
    of_all = partial(finding, root=store.root, cohort=header.cohort)
    if encoder is not None:
        if encoder.id != header.encoder:
            findings += [of_all("wrong_encoder", made=header.encoder, given=encoder.id)]
        if reference is not None:
            try:
                check_reference(encoder, reference, min_cosine=bounds.reference_cosine)
            except VerificationError as error:
                findings += [finding("reference", bound=bounds.reference_cosine, error=error)]
        if findings:
            not_checked.setdefault("spot_check", "the encoder is at fault")
    if cohort is not None and (now := cohort.fingerprint) != (made := header.fingerprint):
        findings += [of_all("wrong_cohort", made=made, given=cohort.name, now=now)]
        for check in ("misaligned", "exposure", "spot_check"):
            not_checked.setdefault(check, "the cohort is another one")
    findings += [finding("missing", name, 0, 1) for name in missing]
    if table is None and (n := header.n_recordings - len(done)) > 0:
        findings += [of_all("missing", "", len(done), header.n_recordings, form=1, n=n)]

    present = [name for name in names if name not in missing]
    rows, means, entries = _examine(store, present, bounds, progress)
    findings += rows
    if cohort is not None and "exposure" not in not_checked:
        own = set(cohort.recordings["recording"].astype(str))
        of_here = [e.recording for e in entries if e.recording in own and e.made == header.key]
        changed = [name for name in of_here if not is_current(store, cohort, name)]
        findings += [finding("wrong_cohort", name, form=1) for name in changed]
    if table is not None:
        frames = {entry.recording: entry.n_frames for entry in entries}
        for name, n_frames in zip(names, table["n_frames"], strict=True):
            expected = min(int(n_frames), header.frame_limit)
            if frames.get(name, expected) != expected:
                findings += [finding("length", name, frames[name], expected)]
        person = dict(zip(names, table["person"].astype(str), strict=True))
        findings += _persons(means, person, bounds)
    if cohort is not None and "exposure" not in not_checked:
        judge, distances = None if "spot_check" in not_checked else encoder, list[float]()
        for name in means:
            findings += _look_again(store, name, cohort, judge, bounds, distances)
        if np.isnan(distances).all():
            not_checked["misaligned"] = f"no face found in {len(distances)} crops looked at"
        elif (distance := float(np.nanmedian(distances))) > bounds.max_template_distance:
            limit = bounds.max_template_distance
            findings += [finding("misaligned", "", distance, limit, severity=FAULT, form=1)]
    digest = None
    with suppress(StoreError):  # a ledger entry is unreadable, and a finding says so
        digest = store.digest()
    found = pd.DataFrame(findings, columns=list(Finding._fields))
    total = sum(entry.n_frames for entry in entries)
    made_by = header.encoder, header.cohort
    return VerificationReport(found, len(entries), total, not_checked, bounds, *made_by, digest)


def _examine(
    store: FeatureStore, names: list[str], bounds: Bounds, progress: Callable[[str], object]
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
            findings.append(finding("integrity", name, error=error))
            continue
        n, lost, said = len(valid), int((~valid).sum()), entry.n_frames
        if (n, lost) != (said, entry.n_invalid):
            findings += [finding("integrity", name, lost, entry.n_invalid, form=1, n=n, said=said)]
            continue
        entries.append(entry)
        zero += not features.any()
        copies.setdefault(hashlib.sha256(features.tobytes()).digest(), []).append(name)
        counts = [(kind, entry.faults.get(kind, 0)) for kind in FAULT_KINDS]
        findings += [finding(kind, name, count, 0, n=n) for kind, count in counts if count]
        findings += _graded("invalid_rate", name, lost / n, bounds, n=n)
        faults = list(_row_faults(name, features, valid, bounds))
        findings += faults
        if valid.any() and not any(fault.severity == FAULT for fault in faults):
            means[name] = features[valid].mean(axis=0)
        progress(name)
    if entries and zero == len(entries):
        # One cause, one finding: rows of zeros, all alike, follow from it.
        findings = [found for found in findings if found.check != "all_zero"]
        findings.append(finding("all_zero_store", "", zero, 0, root=store.root))
    else:
        for group in [group for group in copies.values() if len(group) > 1]:
            findings.append(finding("identical", " ".join(group), len(group), 1))
            means = {name: mean for name, mean in means.items() if name not in group}
    if foreign := [entry.recording for entry in entries if entry.made != store.header.key]:
        means = {name: mean for name, mean in means.items() if name not in foreign}
        all_of, n = " ".join(foreign), len(entries)
        findings.append(finding("wrong_header", all_of, len(foreign), 0, n=n, root=store.root))
    total, lost = (sum(getattr(e, what) for e in entries) for what in ("n_frames", "n_invalid"))
    if lost > bounds.invalid_rate * total:
        of_all = partial(finding, "invalid_rate", severity=FAULT, form=1, n=total, lost=lost)
        findings.append(of_all("", lost / total, bounds.invalid_rate))
    return findings, means, entries


def _look_again(
    store: FeatureStore, name: str, cohort: Cohort, encoder: OnnxEncoder | None, bounds: Bounds,
    distances: list[float],
) -> Iterator[Finding]:  # fmt: skip
    """Look at some frames of a recording, and compare their embeddings with the stored rows.

    The distance of its face from the template is added to ``distances``.
    """
    try:
        features, valid = store.read(name)
        rows = np.flatnonzero(valid)
        seed = np.frombuffer(hashlib.sha256(name.encode()).digest(), np.uint32)
        n = min(bounds.spot_frames, len(rows))
        numbers = sorted(np.random.default_rng(seed).choice(rows, n, replace=False).tolist())
        frames = np.concatenate([read_frames(cohort, name, i, i + 1).frames for i in numbers])
    except (CohortError, StoreError) as error:
        check = "spot_check" if encoder else "exposure"
        yield finding(check, name, severity=WARNING, form=1, error=error)
        return
    limit, distance = bounds.max_template_distance, template_distance(frames[:1])
    if distance > limit:  # one frame may show a turned head
        distance = template_distance(frames)
    distances.append(distance)
    if distance > limit:
        yield finding("misaligned", name, distance, limit, severity=WARNING)
    level = float(np.median(frames.mean(axis=(1, 2, 3))))
    if level < bounds.dark:
        yield finding("exposure", name, level, bounds.dark, exposed="under-exposed")
    elif level > bounds.bright:
        yield finding("exposure", name, level, bounds.bright, exposed="over-exposed")
    if encoder is not None:
        stored, fresh = features[numbers], encoder.embed(frames).features
        lengths = np.linalg.norm(stored, axis=1) * np.linalg.norm(fresh, axis=1)
        cosines = (stored * fresh).sum(axis=1) / np.maximum(lengths, _MIN_NORM)
        worst = int(cosines.argmin())
        if not cosines[worst] >= bounds.spot_cosine:  # a NaN fails too
            value = float(cosines[worst])
            yield finding("spot_check", name, value, bounds.spot_cosine, frame=numbers[worst])


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


def _graded(check: str, name: str, value: float, bounds: Bounds, **words: Any) -> Iterator[Finding]:
    """Yield a fault above the second bound of a check, a warning above the first."""
    warning, fault = (getattr(bounds, bound) for bound in CHECKS[check].bounds)
    if value > fault:
        yield finding(check, name, value, fault, severity=FAULT, **words)
    elif value > warning:
        yield finding(check, name, value, warning, severity=WARNING, **words)


def _row_faults(
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
    yield from _graded("duplicate_frames", name, repeated, bounds, n=n)
    persons, rest = [rows], np.arange(n)
    for _ in range(_TRIES):
        some = rows[rest]
        far = some[(some @ some.mean(axis=0)).argmin()]
        with warnings.catch_warnings(action="ignore"):  # that one of the two groups is empty
            start = np.stack([far, some[(some @ far).argmin()]])
            means, group = kmeans2(some, start, minit="matrix")
        sizes, lengths = np.bincount(group, minlength=2), np.linalg.norm(means, axis=1)
        if sizes.min() >= _FEW:
            break
        rest = rest[group == sizes.argmax()]  # without frames that are like no other
    alike, limit = float(means[0] @ means[1] / lengths.prod()), bounds.second_person_cosine
    if sizes.min() >= _FEW and lengths.min() > _ONE_FACE and alike < limit:
        persons = [some[group == k] for k in (0, 1)]
        frame = int(np.flatnonzero(valid)[rest[group == sizes.argmin()][0]])
        yield finding("second_person", name, alike, limit, few=sizes.min(), n=n, frame=frame)
    # where two faces take turns, each is compared with itself
    cosines = np.concatenate([np.einsum("ij,ij->i", one[1:], one[:-1]) for one in persons])
    unrelated = float((cosines < bounds.coherence).mean())
    if unrelated > bounds.unrelated_rate:
        yield finding(
            "incoherent", name, unrelated, bounds.unrelated_rate,
            coherence=bounds.coherence, median=np.median(cosines),
        )  # fmt: skip


def _persons(
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
