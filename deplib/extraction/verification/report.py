"""What a verification looks for, within which bounds, and the report of what it found."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from deplib.errors import VerificationError

FAULT = "fault"
"""These features must not be used."""
WARNING = "warning"
"""Someone should look at it."""
REPORT_VERSION = 2
"""Layout of the JSON report. Version 1 had neither this number nor bounds nor what was checked."""
MIN_PEAK_DIM = 32
"""The check ``peak`` needs this width: in fewer dimensions a sound row can be as peaked."""


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


DEFAULT_BOUNDS = Bounds()


class Check(NamedTuple):
    """What one check needs, finds and compares with."""

    needs: tuple[str, ...]  # beside the store: "table", "encoder", "cohort", "reference"
    severity: str  # of its findings; "fault or warning" where a bound decides
    bounds: tuple[str, ...]  # fields of Bounds
    finds: str


_EITHER = f"{FAULT} or {WARNING}"

CHECKS: dict[str, Check] = {
    "wrong_encoder": Check(("encoder",), FAULT, (), "a store that another encoder made"),
    "wrong_cohort": Check(("cohort",), FAULT, (), "features of other frames than the cohort has"),
    "reference": Check(
        ("encoder", "reference"), FAULT, ("reference_cosine",), "wrong preprocessing or weights"
    ),
    "missing": Check((), FAULT, (), "recordings without features"),
    "integrity": Check((), FAULT, (), "files that are not what the ledger says"),
    "length": Check(("table",), FAULT, (), "recordings cut short, or of another clip"),
    "invalid_rate": Check(
        (), _EITHER, ("invalid_rate", "recording_invalid_rate"), "too many frames not embedded"
    ),
    "unreadable": Check((), WARNING, (), "frames that could not be decoded"),
    "no_face": Check((), WARNING, (), "frames in which no face was found"),
    "blank": Check((), WARNING, (), "frames of a single tone"),
    "not_embedded": Check((), WARNING, (), "frames for which the encoder gave no vector"),
    "gap": Check((), WARNING, (), "missing frame numbers"),
    "not_finite": Check((), FAULT, (), "NaN and infinite values"),
    "all_zero_store": Check((), FAULT, (), "nothing but zeros in any recording"),
    "all_zero": Check((), FAULT, (), "rows of zeros marked as embedded"),
    "norm": Check((), FAULT, ("norm",), "rows not of unit length"),
    "variance": Check((), FAULT, ("frame_variance",), "rows that are nearly one constant"),
    "peak": Check((), FAULT, ("peak",), "rows that are nearly one dimension: a class, not a face"),
    "near_constant": Check((), FAULT, ("time_variance",), "one frame again and again"),
    "duplicate_frames": Check(
        (), _EITHER, ("duplicate_rate", "recording_duplicate_rate"), "frames repeated in a row"
    ),
    "incoherent": Check(
        (), FAULT, ("coherence", "unrelated_rate"), "random vectors, frames of many clips"
    ),
    "identical": Check((), FAULT, (), "one clip under two names"),
    "similar_persons": Check(
        ("table",), _EITHER, ("person_cosine",), "an encoder that does not tell persons apart"
    ),
    "identity_mismatch": Check(("table",), WARNING, (), "a clip that looks like another person's"),
    "exposure": Check(("cohort",), WARNING, ("dark", "bright"), "under- and over-exposed clips"),
    "spot_check": Check(
        ("cohort", "encoder"), FAULT, ("spot_cosine",), "rows that are not those of their frames"
    ),
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
        counts = self.counts
        found = f"{counts[FAULT]} faults, {counts[WARNING]} warnings"
        text = f"{self.n_recordings} recordings, {self.n_frames:,} frames: " + (
            found if len(self.findings) else "sound"
        )
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
        content: dict[str, Any] = {
            "version": REPORT_VERSION,
            "ok": self.ok,
            "counts": self.counts,
            "n_recordings": self.n_recordings,
            "n_frames": self.n_frames,
            "cohort": self.cohort,
            "encoder": self.encoder,
            "store_digest": self.digest or None,
            "bounds": asdict(self.bounds),
            "checked": list(self.checked),
            "not_checked": dict(self.not_checked),
            "findings": json.loads(self.findings.to_json(orient="records")),
        }
        return json.dumps(content, indent=1, allow_nan=False)
