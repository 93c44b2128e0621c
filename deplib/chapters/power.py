"""The chapter on power: what a sample of 50 recordings can show, and what it cannot."""

from functools import cached_property

from IPython.display import HTML

from deplib import evaluation
from deplib.chapters.coverage import CoverageSection
from deplib.chapters.finding import FindingSection
from deplib.chapters.levels import LevelSection
from deplib.chapters.population import Population
from deplib.chapters.study_table import StudyTable

FIRST, SECOND, UNLIKE = "LDBM", "TemporalMeanMLP", "MambaGRU"
"""Two of the study's models, and one whose predictions spread most."""
REPETITIONS = 2_000
"""Samples of each kind."""


class PowerPage:
    """The sections of the chapter, on one population.

    Parameters
    ----------
    repetitions
        Samples of each kind.

    Raises
    ------
    ResultError
        If a result is missing or stale.
    """

    def __init__(self, repetitions: int = REPETITIONS) -> None:
        self.repetitions = repetitions
        self.population = Population()

    def badge(self) -> HTML:
        """Return the note that says where the numbers come from."""
        return self.population.badge()

    @cached_property
    def coverage(self) -> CoverageSection:
        """Coverage of intervals."""
        return CoverageSection(
            model=self.population.model,
            first=FIRST,
            second=SECOND,
            repetitions=self.repetitions,
            seed=evaluation.SEED,
        )

    @cached_property
    def levels(self) -> LevelSection:
        """Level of tests."""
        return LevelSection(
            model=self.population.model,
            first=FIRST,
            second=SECOND,
            unlike=UNLIKE,
            difference_sd=self.population.middle[1],
            repetitions=self.repetitions,
            seed=evaluation.SEED,
        )

    @cached_property
    def finding(self) -> FindingSection:
        """What is found with 50 recordings, and how many it takes."""
        return FindingSection(self.population, self.repetitions)

    @cached_property
    def study(self) -> StudyTable:
        """What the study's table can say."""
        return StudyTable(self.population, self.finding.curves, self.repetitions)
