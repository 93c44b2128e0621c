"""The landing page: three findings, each with its interval and its source, and one figure."""

from pathlib import Path

from IPython.display import HTML, Markdown
from matplotlib.figure import Figure

from deplib import claims, evaluation, figures
from deplib.chapters.results import CONSTANT, ORACLE, ResultsPage
from deplib.errors import ResultError
from deplib.models import MODELS
from deplib.statistics import critical_r, fisher_interval

MEAN = "TemporalMeanMLP"
"""The model without any temporal modelling, which the others must beat."""
README_MARKS = (
    "<!-- answer:begin (written by `deplib publish`; do not edit) -->",
    "<!-- answer:end -->",
)
"""What stands between the two in README.md is written from the results."""


class LandingPage:
    """What a reader should know after a minute."""

    def __init__(self) -> None:
        self.results = ResultsPage()

    def badge(self) -> HTML:
        """Return the note that says where the numbers come from."""
        return self.results.badge()

    def findings(self) -> Markdown:
        """Return the three findings as a list."""
        return Markdown("\n".join(f"{k}. {text}" for k, text in enumerate(self.texts(), 1)))

    def texts(self) -> list[str]:
        """Return the three findings; every number is computed here or read from a result."""
        page = self.results
        oracle = evaluation.paired_mae(page.split(ORACLE, "test"), page.split(CONSTANT, "test"))
        reported = claims.REPORTED
        constant = claims.constant_test_mae()
        best = reported["test_pcc"].max()
        low, high = fisher_interval(best, claims.N_TEST)
        return [
            f"{self._headline()} The Test MAE, in points, differs from that of {MEAN} by "
            f"{self._differences()}: 95 % intervals over persons, one seed, no correction for "
            f"their number. A test split of {page.n_test} recordings shows little: "
            f"{self._oracle_sentence(oracle)} *(simulated cohort)*",
            f"{self._identity_headline()} {page.seen_verdict().data} *(simulated cohort)*",
            "**On AVEC2014 the study's models do worse than a constant, and their correlations "
            "cannot be told from zero.** Always answering "
            f"{claims.BEST_CONSTANT:g} points has a Test MAE of "
            f"{constant:.2f}; the study's models have {reported['test_mae'].min():.2f} to "
            f"{reported['test_mae'].max():.2f}. The highest Test PCC, {best:.3f}, has a 95 % "
            f"interval from {low:.2f} to {high:.2f}; with {claims.N_TEST} recordings a correlation "
            f"must exceed {critical_r(claims.N_TEST):.2f}. *(reported, and derived from published "
            "statistics of the labels)*",
        ]

    def _against_mean(self) -> dict[str, evaluation.Difference]:
        """Return the difference in Test MAE of each temporal model from the mean over frames."""
        split = self.results.split
        return {
            model: evaluation.paired_mae(split(model, "test"), split(MEAN, "test"))
            for model in MODELS
            if model != MEAN
        }

    def _headline(self) -> str:
        better = [model for model, d in self._against_mean().items() if d.high < 0]
        useful = [model for model, d in self.results.against_constant().items() if d.high < 0]
        first = "no temporal model does better" if not better else f"{', '.join(better)} do better"
        second = "no model" if not useful else ", ".join(useful)
        return (
            f"**On the simulated cohort {first} than a mean over frames, and {second} better than "
            "a constant.**"
        )

    def _identity_headline(self) -> str:
        known, new = self.results.known_and_new()
        if known.high < 0 <= new.value:
            return (
                "**What the models learn serves known persons and not new ones**, as recognising "
                "faces would."
            )
        return "**Known persons and new ones are predicted differently well.**"

    def _differences(self) -> str:
        return ", ".join(
            f"{evaluation.signed(difference)} for {model}"
            for model, difference in self._against_mean().items()
        )

    def _oracle_sentence(self, oracle: evaluation.Difference) -> str:
        told = oracle.high < 0
        return (
            f"{'an' if told else 'not even an'} oracle that knows the true behaviour of each "
            f"recording can be told from a constant, at {evaluation.signed(oracle)} points."
        )

    def figure(self) -> Figure:
        """Return Test MAE with intervals of models and oracle, the constant as reference."""
        page = self.results
        return figures.forest(
            page.forest("mae", labels=("true",)),
            reference=page.constant_mae(),
            reference_label="constant",
            xlabel="Test MAE on the simulated cohort, BDI-II points",
        )

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
