"""The chapter on power: what a sample of 50 recordings can show, and what it cannot."""

from functools import cached_property

from IPython.display import HTML, Markdown

from deplib import evaluation, report
from deplib.chapters.coverage import CoverageSection
from deplib.chapters.finding import FindingSection
from deplib.chapters.levels import LevelSection
from deplib.chapters.population import N, Population
from deplib.chapters.sizes import SizesSection
from deplib.chapters.study_table import StudyTable, reported_differences
from deplib.models import MODELS

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

    def question(self) -> Markdown:
        """Return what the study's table asks of its sample."""
        return report.say(
            f"The study ranks {len(MODELS)} architectures on {N} Test recordings, and the best and "
            f"the worst of them are {reported_differences()[-1]:.2f} points of MAE apart."
        )

    @cached_property
    def coverage(self) -> CoverageSection:
        """Coverage of intervals."""
        return CoverageSection(
            model=self.population.model,
            first=FIRST,
            second=SECOND,
            repetitions=self.repetitions,
            seed=evaluation.SEED,
            runs=self.population.specs,
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
        """What is found with as many recordings as the Test split has."""
        return FindingSection(self.population, self.repetitions)

    @cached_property
    def sizes(self) -> SizesSection:
        """How many recordings it takes."""
        return SizesSection(self.population, self.repetitions)

    @cached_property
    def study(self) -> StudyTable:
        """What the study's table can say."""
        return StudyTable(self.population, self.finding.curves, self.repetitions)
