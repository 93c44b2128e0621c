"""The landing page: three findings, each with its interval and its source, and one figure."""

from pathlib import Path

from IPython.display import HTML, Markdown
from matplotlib.figure import Figure

from deplib import claims, evaluation, report
from deplib.chapters import over_seeds
from deplib.chapters.results import MEAN, ResultsPage
from deplib.errors import ResultError
from deplib.evaluation import CONSTANT, ORACLE
from deplib.models import MODELS
from deplib.statistics import critical_r, fisher_interval
from deplib.study import VARIED

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

    def badge(self) -> HTML:
        """Return the note that says where the numbers come from."""
        return self.results.badge()

    def findings(self) -> Markdown:
        """Return the three findings as a list."""
        return Markdown("\n".join(f"{k}. {text}" for k, text in enumerate(self.texts(), 1)))

    def texts(self) -> list[str]:
        """Return the three findings; every number is computed here or read from a result."""
        reported = claims.REPORTED
        constant = claims.constant_test_mae()
        best = reported["test_pcc"].max()
        low, high = fisher_interval(best, claims.N_TEST)
        return [
            f"{self._headline()} Averaged over {self.results.n_seeds} seeds, the Test MAE, in "
            f"points, differs from that of {MEAN} by {self._differences()}: 95 % intervals over "
            f"persons, no correction for their number. {self._oracle_sentence()} *(simulated "
            "cohort)*",
            f"{self._ranking_headline()} "
            f"{over_seeds.ranking_sentence(self.test, list(MODELS))} *(simulated cohort)*",
            "**On AVEC2014 the study's models do worse than a constant, and their correlations "
            "cannot be told from zero.** Always answering "
            f"{claims.BEST_CONSTANT:g} points has a Test MAE of "
            f"{constant:.2f}; the study's models have {reported['test_mae'].min():.2f} to "
            f"{reported['test_mae'].max():.2f}. The highest Test PCC, {best:.3f}, has a 95 % "
            f"interval from {low:.2f} to {high:.2f}; with {claims.N_TEST} recordings a correlation "
            f"must exceed {critical_r(claims.N_TEST):.2f}. *(reported, and derived from published "
            "statistics of the labels)*",
        ]

    def _headline(self) -> str:
        others = [model for model in VARIED if model != MEAN]
        better = over_seeds.better(self.test, others, MEAN)
        useful = over_seeds.better(self.test, VARIED, CONSTANT)
        first = report.listed(better, nothing="no temporal model")
        does = "do" if len(better) > 1 else "does"
        second = report.listed(useful, nothing="no model")
        return (
            f"**On the simulated cohort {first} {does} better than a mean over frames, and "
            f"{second} better than a constant.**"
        )

    def _differences(self) -> str:
        return ", ".join(
            f"{evaluation.signed(self.test.difference(model, MEAN))} for {model}"
            for model in MODELS
            if model != MEAN
        )

    def _oracle_sentence(self) -> str:
        oracle = self.test.difference(ORACLE, CONSTANT)
        if over_seeds.excludes_zero(oracle):
            can = "An oracle that knows the true behaviour of each recording can"
        else:
            can = (
                f"A test split of {self.test.n_recordings} recordings shows little: not even an "
                "oracle that knows the true behaviour of each recording can"
            )
        return f"{can} be told from a constant, at {evaluation.signed(oracle)} points."

    def _ranking_headline(self) -> str:
        ranks, winner = self.test.ranks(list(MODELS)), over_seeds.lowest(self.test, list(MODELS))
        if len(ranks.drop_duplicates()) == 1:
            return "**All seeds rank the architectures alike.**"
        if (ranks[winner] == 1).all():
            return (
                f"**{winner} is first at every seed; the order behind it changes with the seed.**"
            )
        return "**One run of each architecture gives no stable ranking: it changes with the seed.**"

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
