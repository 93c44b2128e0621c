"""Where a figure comes from: whose data it shows, which seeds, and which result files."""

from collections.abc import Iterable
from dataclasses import dataclass

from matplotlib.figure import Figure

from deplib.cohorts.base import Cohort
from deplib.results import RunSpec


@dataclass(frozen=True)
class Origin:
    """What a figure was drawn from; `deplib.publish` adds chapter, cell, code and keys."""

    cohort: str  # such as "simulated cohort (default)"
    seeds: tuple[int, ...] = ()  # of the runs it shows, or of what was drawn for it
    results: tuple[str, ...] = ()  # files, relative to results/


PUBLISHED = "published figures"
"""Stands in the place of a cohort where a figure shows what others reported."""
MADE_UP = "made-up inputs"
"""Stands in the place of a cohort where a network is shown at work."""


def simulated(world: str) -> str:
    """Return the name of a world's cohort, where the cohort itself is not at hand."""
    return f"simulated cohort ({world})"


def cohort_name(cohort: Cohort | str) -> str:
    """Return the name under which a cohort stands in an origin."""
    if isinstance(cohort, str):
        return cohort
    return simulated(cohort.name.removeprefix("simulated/")) if cohort.simulated else cohort.name


def stated(
    figure: Figure,
    *cohorts: Cohort | str,
    runs: Iterable[RunSpec] = (),
    files: Iterable[str] = (),
    seeds: Iterable[int] = (),
) -> Figure:
    """Return a figure after noting on it what it was drawn from.

    Parameters
    ----------
    figure
        One of ``deplib.figures``.
    *cohorts
        Whose data it shows: a cohort, or words such as ``PUBLISHED`` where there is none.
    runs
        The runs whose results it shows.
    files
        Other result files that it shows, relative to ``results/``.
    seeds
        Of what was drawn as the figure was made; the seeds of runs are known from ``runs``.

    Raises
    ------
    ValueError
        If no cohort is named: a figure always says whose data it shows.
    """
    if not cohorts:
        raise ValueError("a figure says whose data it shows: name a cohort, or why there is none")
    runs = tuple(runs)
    figure.origin = Origin(  # type: ignore[attr-defined]
        ", ".join(dict.fromkeys(map(cohort_name, cohorts))),
        tuple(sorted({run.seed for run in runs} | set(seeds))),
        tuple(sorted({run.path.as_posix() for run in runs} | set(files))),
    )
    return figure
