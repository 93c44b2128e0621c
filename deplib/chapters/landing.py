"""The landing page: three findings, each with its interval and its source, and one figure."""

from pathlib import Path

from IPython.display import HTML, Markdown
from matplotlib.figure import Figure

from deplib import claims, evaluation, report
from deplib.chapters import over_seeds
from deplib.chapters.advice import TestedAdvice, verdict
from deplib.chapters.population import Population
from deplib.chapters.results import MEAN, ResultsPage
from deplib.chapters.worlds import World, open_world
from deplib.errors import ResultError
from deplib.evaluation import CONSTANT, ORACLE
from deplib.models import MODELS
from deplib.power import formulas
from deplib.selection import findings, record
from deplib.selection.rules import BEST
from deplib.statistics import critical_r, fisher_interval

STRONG, NOTHING = "published", "null"
"""The worlds beside the default one: as much signal as the strongest figures need, and none."""
WANTED = 0.5
"""BDI-II points: about what lies between the study's best and worst model."""
POWER = 0.8

README_MARKS = (
    "<!-- answer:begin (written by `deplib publish`; do not edit) -->",
    "<!-- answer:end -->",
)
"""What stands between the two in README.md is written from the results."""


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
        n_compared = len(self.default.corrected[MEAN])
        does = "do" if len(better) > 1 else "does"
        return (
            f"**On the simulated cohort {report.listed(better, nothing='no temporal model')} "
            f"{does} better than a mean over frames, and "
            f"{report.listed(useful, nothing='no model')} better than a constant.** Averaged over "
            f"{self.results.n_seeds} seeds, the Test MAE, in points, differs from that of {MEAN} "
            f"by {self._differences()} (95 % intervals over persons; the statement holds after "
            f"correction for the {n_compared} variants). {self._where_there_is_more()} "
            "*(simulated cohort)*"
        )

    def _differences(self) -> str:
        return ", ".join(
            f"{evaluation.signed(self.test.difference(model, MEAN))} for {model}"
            for model in MODELS
            if model != MEAN
        )

    def _where_there_is_more(self) -> str:
        """Return who beats the mean where behaviour tells as much as the strongest claims have."""
        world = open_world(STRONG)
        oracle = world.scores.difference(ORACLE, CONSTANT)
        told = "can" if over_seeds.excludes_zero(oracle) else "cannot"
        if not world.complete:
            return (
                f"Where behaviour is made to tell more, an oracle {told} be told from a constant, "
                f"at {evaluation.signed(oracle)} points; the models there are not computed yet."
            )
        better = world.better(MEAN)
        n = len(world.corrected[MEAN])
        return (
            "Where behaviour is made to tell as much as the strongest published figures would "
            f"need, {len(better)} of {n} temporal variants beat that mean"
            f"{over_seeds.named(better)}, while an oracle that knows that behaviour {told} be told "
            f"from a constant, at {evaluation.signed(oracle)} points."
        )

    def fifty_recordings(self) -> str:
        """Return how stable a ranking is, and which differences 50 recordings find."""
        population = Population()
        sd, n = population.middle[1], population.effective("difference")
        needed = formulas.recordings_for_difference(
            WANTED, sd, population.within["difference"], power=POWER
        )
        found = formulas.power_of_difference(WANTED, sd, n)
        least = formulas.detectable_difference(sd, n, power=POWER)
        reported = claims.REPORTED["test_mae"]
        widest = reported.max() - reported.min()
        compared = "less" if widest < least else "not less"
        models = list(MODELS)
        ranks = self.test.ranks(models)
        return (
            f"**{self._ranking_headline()}** On the same {self.test.n_persons} persons, "
            f"{len(ranks)} seeds rank the {len(models)} architectures in "
            f"{len(ranks.drop_duplicates())} different orders; "
            f"{over_seeds.lowest(self.test, models)}, with the lowest mean MAE, is first in "
            f"{over_seeds.first_at(self.test, models)} of {len(ranks)}. "
            f"{claims.N_TEST} recordings find a true difference of {WANTED:g} points with a "
            f"probability of {100 * found:.0f} %; to find it with {100 * POWER:.0f} % takes "
            f"{needed:,}, or a difference of {least:.1f} points. The study's four lie "
            f"within {widest:.2f} points, {compared} than that. *(simulated cohort; the study's "
            "points as reported)*"
        )

    def _ranking_headline(self) -> str:
        ranks, winner = self.test.ranks(list(MODELS)), over_seeds.lowest(self.test, list(MODELS))
        if len(ranks.drop_duplicates()) == 1:
            return "All seeds rank the architectures alike."
        if (ranks[winner] == 1).all():
            return f"{winner} is first at every seed; the order behind it changes with the seed."
        return "Fifty recordings and one run of each architecture give no ranking."

    def the_study(self) -> str:
        """Return what follows for the study's own table."""
        reported = claims.REPORTED
        constant = claims.constant_test_mae()
        best = reported["test_pcc"].max()
        low, high = fisher_interval(best, claims.N_TEST)
        return (
            "**On AVEC2014 the study's models do worse than a constant, and their correlations "
            "cannot be told from zero.** Always answering "
            f"{claims.BEST_CONSTANT:g} points has a Test MAE of "
            f"{constant:.2f}; the study's models have {reported['test_mae'].min():.2f} to "
            f"{reported['test_mae'].max():.2f}. The highest Test PCC, {best:.3f}, has a 95 % "
            f"interval from {low:.2f} to {high:.2f}; with {claims.N_TEST} recordings a correlation "
            f"must exceed {critical_r(claims.N_TEST):.2f}. *(reported, and derived from published "
            f"statistics of the labels)* {self.from_nothing()} *(simulated cohorts)*"
        )

    def from_nothing(self) -> str:
        """Return how far Test falls behind Dev where behaviour tells nothing about severity."""
        reported = claims.REPORTED
        gaps = reported["test_mae"] - reported["dev_mae"]
        null = record.load(NOTHING)
        chosen = null.rules[BEST]
        gap = findings.mean_of(findings.gap(null, BEST))
        made = "needs no signal" if gap.low > 0 else "did not arise without a signal"
        return (
            f"A gap from Dev to Test, theirs is {gaps.min():+.2f} to {gaps.max():+.2f} points, "
            f"{made}: in {null.n_cohorts} simulated cohorts where behaviour tells nothing and "
            "persons return across splits, choosing epoch and setting on Dev gives "
            f"{chosen['dev_mae'].mean():.2f} on Dev and {chosen['test_mae'].mean():.2f} on Test, "
            f"{gap.value:+.2f} ({gap.low:+.2f} to {gap.high:+.2f}) on average."
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
            f"{'lowers' if len(helped) == 1 else 'lower'} the error and {len(harmed)} "
            f"{'raises' if len(harmed) == 1 else 'raise'} it after correction for all. The largest "
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
