"""The landing page: three findings, each with its interval and its source, and one figure."""

from pathlib import Path

from IPython.display import HTML, Markdown
from matplotlib.figure import Figure

from deplib import claims, evaluation, report
from deplib.chapters import over_seeds
from deplib.chapters.advice import TestedAdvice, verdict
from deplib.chapters.answer import MARKS as README_MARKS
from deplib.chapters.finding import POWER
from deplib.chapters.population import Population
from deplib.chapters.results import MEAN, ResultsPage
from deplib.chapters.sizes import HALF
from deplib.chapters.worlds import World, open_world
from deplib.errors import ResultError
from deplib.evaluation import CONSTANT, ORACLE
from deplib.models import MODELS
from deplib.power import formulas
from deplib.selection import findings, record
from deplib.selection.rules import BEST
from deplib.statistics import fisher_interval

STRONG, NOTHING = "published", "null"
"""The worlds beside the default one: as much signal as the strongest figures need, and none."""


class LandingPage:
    """What a reader should know after a minute."""

    def __init__(self) -> None:
        self.results = ResultsPage()
        self.test = self.results.test
        self.default = World("default", self.results.cohort, 0, self.test)

    def badge(self) -> HTML:
        """Return the note that says where the numbers come from."""
        return self.results.badge()

    def findings(self) -> Markdown:
        """Return the three findings as a list."""
        return Markdown("\n".join(f"{k}. {text}" for k, text in enumerate(self.texts(), 1)))

    def texts(self) -> list[str]:
        """Return the three findings; every number is computed here or read from a result."""
        return [self.architectures(), self.fifty_recordings(), self.the_study()]

    def architectures(self) -> str:
        """Return what the grid says about the architectures."""
        better, useful = self.default.better(MEAN), self.default.better(CONSTANT)
        are = "are" if len(better) > 1 else "is"
        return (
            f"**On the simulated cohort {report.listed(better, nothing='no temporal model')} "
            f"{are} shown to do better than a mean over frames, and "
            f"{report.listed(useful, nothing='no model')} better than a constant.** In points, "
            f"the Test MAE differs from that of {MEAN}, the mean, by {self._differences()} "
            f"({self.results.n_seeds} seeds; 95 % intervals over persons). "
            f"{self._where_there_is_more()} *(simulated cohort)*"
        )

    def _differences(self) -> str:
        return report.listed(
            [
                f"{evaluation.signed(self.test.difference(model, MEAN))} for {model}"
                for model in MODELS
                if model != MEAN
            ]
        )

    def _where_there_is_more(self) -> str:
        """Return who beats the mean where behaviour tells as much as the strongest claims have."""
        world = open_world(STRONG)
        oracle = world.scores.difference(ORACLE, CONSTANT)
        told = "can" if over_seeds.excludes_zero(oracle) else "cannot"
        known = (
            f"an oracle that knows the behaviour {told} be told from a constant, at "
            f"{evaluation.signed(oracle)}."
        )
        if not world.complete:
            return f"Where behaviour is made to tell more, the models are not computed yet; {known}"
        better = world.better(MEAN)
        return (
            "Where behaviour is made to tell as much as the strongest published figures need, "
            f"{len(better)} of {len(world.corrected[MEAN])} temporal variants are shown to beat "
            f"that mean{over_seeds.named(better)}; {known}"
        )

    def fifty_recordings(self) -> str:
        """Return how stable a ranking is, and which differences a Test split finds."""
        population = Population()
        sd, n = population.middle[1], population.effective("difference")
        needed = formulas.recordings_for_difference(
            HALF, sd, population.within["difference"], power=POWER
        )
        found = formulas.power_of_difference(HALF, sd, n)
        reported = claims.REPORTED["test_mae"]
        widest = reported.max() - reported.min()
        single = population.effective("error")
        halves = [formulas.half_width(sd, single) for sd in population.model.error_sd]
        ranks = self.test.ranks(list(MODELS))
        return (
            f"**{self._ranking_headline()}** On the same persons "
            f"{len(ranks)} seeds rank the {len(MODELS)} architectures in "
            f"{len(ranks.drop_duplicates())} different orders. {claims.N_TEST} recordings find a "
            f"true difference of {HALF:g} points with a probability of {100 * found:.0f} %; to "
            f"find it with {100 * POWER:.0f} % takes {needed:,}. The study's {len(reported)} "
            f"models lie within {widest:.2f} points of each other, and the 95 % interval of one "
            f"MAE reaches ±{min(halves):.1f} to ±{max(halves):.1f}. *(simulated cohort; the "
            "study's points as reported)*"
        )

    def _ranking_headline(self) -> str:
        ranks, winner = self.test.ranks(list(MODELS)), over_seeds.lowest(self.test, list(MODELS))
        if len(ranks.drop_duplicates()) == 1:
            return "All seeds rank the architectures alike."
        if (ranks[winner] == 1).all():
            return f"{winner} is first at every seed; the order behind it changes with the seed."
        return f"{claims.N_TEST} recordings and one run of each architecture give no ranking."

    def the_study(self) -> str:
        """Return what follows for the study's own table."""
        mae = claims.REPORTED["test_mae"]
        best = claims.REPORTED["test_pcc"].max()
        low, high = fisher_interval(best, claims.N_TEST)
        return (
            f"**{self._study_headline()}** Always answering {claims.BEST_CONSTANT:g} points has a "
            f"Test MAE of {claims.constant_test_mae():.2f}; theirs are {mae.min():.2f} to "
            f"{mae.max():.2f}. Their highest Test PCC, {best:.3f}, has a 95 % interval from "
            f"{low:.2f} to {high:.2f}. *(reported, and derived from published statistics of the "
            f"labels)* {self.from_nothing()} *(simulated cohorts)*"
        )

    def _study_headline(self) -> str:
        worse = int((claims.REPORTED["test_mae"] > claims.constant_test_mae()).sum())
        lows = [fisher_interval(r, claims.N_TEST)[0] for r in claims.REPORTED["test_pcc"]]
        n, told = len(lows), sum(low > 0 for low in lows)
        who = {n: "the study's models do", 0: "none of the study's models does"}
        which = {n: "their correlations can", 0: "their correlations cannot"}
        do = who.get(worse, f"{worse} of the study's {n} models do")
        can = which.get(told, f"{told} of their {n} correlations can")
        return f"On AVEC2014 {do} worse than a constant, and {can} be told from zero."

    def from_nothing(self) -> str:
        """Return how far Test falls behind Dev where behaviour tells nothing about severity."""
        gaps = claims.REPORTED["test_mae"] - claims.REPORTED["dev_mae"]
        null = record.load(NOTHING)
        gap = findings.mean_of(findings.gap(null, BEST))
        made = "needs no signal" if gap.low > 0 else "did not arise without a signal"
        return (
            f"A gap from Dev to Test, theirs is {gaps.min():+.2f} to {gaps.max():+.2f} points, "
            f"{made}: where behaviour tells nothing, choosing on Dev and persons who return make "
            f"one of {gap.value:+.2f} ({gap.low:+.2f} to {gap.high:+.2f}), the mean of "
            f"{null.n_cohorts} cohorts."
        )

    def advice(self) -> Markdown:
        """Return what became of the study's advice for the next architecture."""
        found = TestedAdvice(STRONG).found.comparisons
        every = [one for group in found.values() for one in group]
        helped = [one for one in every if verdict(one) == "it helps"]
        harmed = [one for one in every if verdict(one) == "it harms"]
        encoder = found["encoder"][0]
        return report.say(
            f"Of {len(every)} options in the world where behaviour tells most, {len(helped)} "
            f"{'is' if len(helped) == 1 else 'are'} shown to lower the error and {len(harmed)} to "
            "raise it, after correction for all. The largest "
            "question, features that show affect in place of identity, changes the Test MAE by "
            f"{evaluation.signed(encoder.difference)} points: {verdict(encoder)}. "
            "*(simulated cohort)*"
        )

    def figure(self) -> Figure:
        """Return Test MAE of models and oracle, the constant as reference."""
        return self.results.forest(control=False)

    def readme_block(self) -> str:
        """Return the findings as README.md holds them, with the marks around them."""
        return "\n".join([README_MARKS[0], self.findings().data, README_MARKS[1]])


def update_readme(readme: Path) -> bool:
    """Write the findings into README.md between the marks; return whether that changed it.

    Raises
    ------
    ResultError
        If the marks are not there.
    """
    text = readme.read_text(encoding="utf-8")
    begin, end = text.find(README_MARKS[0]), text.find(README_MARKS[1])
    if not 0 <= begin < end:
        raise ResultError(
            f"{readme} lacks the marks that the answer stands between: put back the two lines "
            f"{README_MARKS[0]} and {README_MARKS[1]}"
        )
    block = LandingPage().readme_block()
    updated = text[:begin] + block + text[end + len(README_MARKS[1]) :]
    if updated != text:
        readme.write_text(updated, encoding="utf-8")
    return updated != text
