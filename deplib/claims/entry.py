"""A row of the ledger: a statement of the study, the function that checks it, and the verdict.

A check returns what it found and whether the statement holds; the verdict follows from that and
from what the check rests on. No row states its verdict.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deplib.claims.evidence import Evidence

CONFIRMED, CONTRADICTED, UNDECIDABLE = "confirmed", "contradicted", "undecidable"
NOT_TESTABLE = "not testable without the licensed data"
VERDICTS = (CONFIRMED, CONTRADICTED, UNDECIDABLE, NOT_TESTABLE)
"""Undecidable: from what is reported."""

ARITHMETIC = "arithmetic"
PUBLISHED = "published statistics"
CODE = "this code"
SIMULATED = "simulated cohort: about AVEC2014 it decides nothing"
BASES = (ARITHMETIC, PUBLISHED, CODE, SIMULATED)
"""What a check rests on, besides the study's own figures."""

SECTIONS = (
    (12, "Motivation"),
    (18, "Problem"),
    (31, "Protocol"),
    (53, "Models"),
    (80, "Results"),
    (103, "Findings"),
    (138, "Implications"),
    (158, "Limitations"),
)
"""First line of each section of the study's text."""
LAST_LINE = 175


@dataclass(frozen=True)
class Finding:
    """What a check found, and whether the statement holds; None leaves it open."""

    found: str
    holds: bool | None


@dataclass(frozen=True)
class Claim:
    """One judged row."""

    id: str
    line: int  # of the study's text
    section: str
    statement: str  # in our words
    found: str
    verdict: str
    rests_on: str
    check: str  # the function, as module.name


@dataclass(frozen=True)
class Entry:
    """One row before it is judged."""

    id: str
    line: int
    says: str
    rests_on: str
    otherwise: str  # the verdict where the check leaves the statement open
    check: Callable[[Evidence], Finding]
    name: str

    @property
    def section(self) -> str:
        """The section of the study's text that holds the line."""
        return next(name for first, name in reversed(SECTIONS) if first <= self.line)

    def verdict(self, holds: bool | None) -> str:
        """Return what follows from a check: a simulated cohort never decides about AVEC2014."""
        if self.rests_on == SIMULATED:
            return NOT_TESTABLE
        if holds is None:
            return self.otherwise
        return CONFIRMED if holds else CONTRADICTED

    def judge(self, evidence: Evidence) -> Claim:
        """Return the row with what its check finds in the evidence."""
        finding = self.check(evidence)
        return Claim(
            id=self.id,
            line=self.line,
            section=self.section,
            statement=self.says,
            found=finding.found,
            verdict=self.verdict(finding.holds),
            rests_on=self.rests_on,
            check=self.name,
        )


Check = Callable[[Evidence], Finding]
CheckOfModel = Callable[[Evidence, str], Finding]


def claim(
    *, line: int, says: str, rests_on: str = ARITHMETIC, otherwise: str = UNDECIDABLE
) -> Callable[[Check], Entry]:
    """Make a row of a checking function; its name is the row's id.

    Parameters
    ----------
    line
        Of the study's text, 12 to ``LAST_LINE``.
    says
        The statement in our words.
    rests_on
        One of ``BASES``.
    otherwise
        The verdict where the check returns None.

    Raises
    ------
    ValueError
        If the line is outside the text, or basis or verdict is unknown.
    """
    if not SECTIONS[0][0] <= line <= LAST_LINE:
        raise ValueError(f"line {line}: the study's text runs from {SECTIONS[0][0]} to {LAST_LINE}")
    if rests_on not in BASES or otherwise not in VERDICTS:
        raise ValueError(f"{rests_on!r} or {otherwise!r}: choose from {BASES} and {VERDICTS}")

    def entry(check: Check) -> Entry:
        where = check.__module__.removeprefix("deplib.")
        name = f"{where}.{check.__name__}"
        identity = check.__name__.replace("_", "-")
        return Entry(identity, line, says, rests_on, otherwise, check, name)

    return entry


def claim_each(
    models: Iterable[tuple[str, int, str]],
    *,
    rests_on: str = ARITHMETIC,
    otherwise: str = NOT_TESTABLE,
) -> Callable[[CheckOfModel], tuple[Entry, ...]]:
    """Make one row a model of a function that also takes the model's name.

    Parameters
    ----------
    models
        Name, line and statement of each.
    rests_on, otherwise
        As for ``claim``.
    """

    def entries(check: CheckOfModel) -> tuple[Entry, ...]:
        made = []
        for model, line, says in models:

            def of_model(evidence: Evidence, model: str = model) -> Finding:
                return check(evidence, model)

            of_model.__module__, of_model.__name__ = check.__module__, check.__name__
            row = claim(line=line, says=says, rests_on=rests_on, otherwise=otherwise)(of_model)
            made.append(_renamed(row, f"{row.id}-{model}"))
        return tuple(made)

    return entries


def _renamed(entry: Entry, identity: str) -> Entry:
    return Entry(**{**vars(entry), "id": identity})
