"""The chapter on claims: every number and comparison of the study, judged, by topic."""

import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from deplib import figures, report
from deplib.claims import (
    CONFIRMED,
    CONTRADICTED,
    NOT_TESTABLE,
    UNDECIDABLE,
    VERDICTS,
    Evidence,
    Simulated,
)
from deplib.claims.arithmetic import agreement_needed
from deplib.claims.entry import SIMULATED
from deplib.claims.ledger import TOPICS, counts, ledger
from deplib.claims.table_rows import half_width
from deplib.statistics import critical_r, fisher_interval

MEAN = "TemporalMeanMLP"
SUMS, GRID = "Means, ranges and gaps", "On the simulated cohort"


class ClaimsPage:
    """The judged ledger, and the sentences and figures that it gives.

    Parameters
    ----------
    evidence
        By default the study's own figures and the versioned results of the simulated cohort.

    Raises
    ------
    ResultError
        If a result of the simulated cohort is missing or stale.
    """

    def __init__(self, evidence: Evidence | None = None) -> None:
        self.evidence = evidence or Evidence(simulated=Simulated.read())
        self.ledger = ledger(self.evidence)

    def summary(self) -> Markdown:
        """Return how many rows there are, and how many have each verdict."""
        judged = self.ledger[self.ledger["rests_on"] != SIMULATED]
        n = {verdict: int((judged["verdict"] == verdict).sum()) for verdict in VERDICTS}
        grid = len(self.ledger) - len(judged)
        return report.say(
            f"The ledger has {len(self.ledger)} rows. {len(judged)} are judged by arithmetic, by "
            f"published statistics or by this code: {n[CONFIRMED]} are {CONFIRMED}, "
            f"{n[CONTRADICTED]} {CONTRADICTED}, {n[UNDECIDABLE]} {UNDECIDABLE} from what is "
            f"reported, and {n[NOT_TESTABLE]} {NOT_TESTABLE}. The other {grid} show what the same "
            "statement looks like on the simulated cohort, which decides nothing about AVEC2014."
        )

    def counts(self) -> pd.DataFrame:
        """Return how many rows of each topic have each verdict."""
        return counts(self.ledger)

    def topic(self, name: str) -> pd.DataFrame:
        """Return the rows of one topic, for print.

        Raises
        ------
        ValueError
            If there is no such topic.
        """
        if name not in TOPICS:
            raise ValueError(f"no topic {name!r}; there are {', '.join(TOPICS)}")
        rows = self.ledger[self.ledger["topic"] == name]
        table = pd.DataFrame(
            {
                "line": [f"{row.line}, {row.section}" for row in rows.itertuples()],
                "the study states": rows["statement"],
                "found": rows["found"],
                "verdict": rows["verdict"],
                "rests on": rows["rests_on"].str.partition(":")[0],
                "check": rows["check"].str.removeprefix("claims."),
            }
        )
        return table.drop(columns=["verdict", "rests on"]) if name == GRID else table

    # The findings that matter most.

    def findings(self) -> Markdown:
        """Return the four most consequential findings as a list."""
        texts = (self._constant(), self._spread(), self._correlations(), self._sums())
        return Markdown("\n".join(f"{k}. {' '.join(t.split())}" for k, t in enumerate(texts, 1)))

    def _constant(self) -> str:
        test, constant = self._column("test_mae"), self.evidence.published.constant_mae()
        above = int((test > constant).sum())
        widths = [half_width(self.evidence, str(m), any_spread=False) for m in test.index]
        headline = (
            "The models do worse than a constant."
            if above == len(test)
            else f"{len(test) - above} of {len(test)} models do better than a constant."
        )
        return (
            f"**{headline}** The Test MAEs are {test.min():.2f} to {test.max():.2f}; "
            f"always answering with a median of the Test labels has {constant:.2f}, and "
            f"{above} of {len(test)} are above that on these very recordings, given the published "
            "statistics of their labels. Whoever names that constant has seen them. For other "
            "recordings the paired difference needs an interval, and no predictions are "
            "published; the interval of one such MAE alone is "
            f"±{min(widths):.1f} to ±{max(widths):.1f}, or wider."
        )

    def _spread(self) -> str:
        table = self.evidence.study.results
        s, twice = table["sigma_ratio"], 2 * table["test_pcc"]
        harmed = table[(s > twice) & (s**0.5 > twice)]
        headline = (
            "The spread of the predictions, taken for a sign of learning, adds error."
            if len(harmed) == len(table)
            else f"In {len(harmed)} of {len(table)} models the spread of predictions adds error."
        )
        shared = 100 * (table["test_pcc"] ** 2).max()
        return (
            f"**{headline}** Predictions whose sigma_ratio is more than twice their PCC have a "
            "larger squared error than the mean of the labels. That holds for "
            f"{len(harmed)} of {len(table)} rows in both conventions of sigma_ratio, if it is that "
            f"of the Test recordings. At most {shared:.0f} % of the variance of any model's Test "
            "predictions goes with severity."
        )

    def _correlations(self) -> str:
        pcc, n = self._column("test_pcc"), self.evidence.published.n_test
        bound, best = critical_r(n), str(pcc.idxmax())
        low, high = fisher_interval(float(pcc.max()), n)
        told = int((pcc.abs() > bound).sum())
        headline = (
            "No Test correlation can be told from zero"
            if not told
            else f"{told} of {len(pcc)} Test correlations can be told from zero"
        )
        needed = agreement_needed(float(pcc[best]), float(pcc[MEAN]), n)
        apart = (
            "nothing could tell it from that of TemporalMeanMLP"
            if needed is None
            else f"it would differ from that of {MEAN} only if the two models' predictions "
            f"correlated above {needed:.2f}"
        )
        return (
            f"**{headline}.** At n = {n}, |r| must exceed {bound:.3f}. The highest, "
            f"{pcc.max():.3f} of {best}, has a 95 % interval of {low:.2f} to {high:.2f}; {apart}. "
            f"Of the fall from Dev to Test: {self._found('fall-of-pcc')}."
        )

    def _sums(self) -> str:
        rows = self.ledger[self.ledger["topic"] == SUMS]
        wrong = rows[rows["verdict"] == CONTRADICTED]
        headline = (
            "The study's summaries do not all follow from its table."
            if len(wrong)
            else "The study's summaries follow from its table."
        )
        sd, gap, same = (self._found(k) for k in ("sd-of-test-mae", "gap-in-mae", "identical-gap"))
        stated = f"{self.evidence.study.gap_mae:+.1f}"
        return (
            f"**{headline}** {len(wrong)} of {len(rows)} means, ranges and gaps are contradicted "
            f"by its own rows. The SD of Test MAE is {sd}. The gap of {stated} is {gap}. "
            f"Of the gaps that are called identical, {same}. And the target that is to double the "
            f"best PCC: {self._found('target-pcc')}."
        )

    # Figures, and the data behind them.

    def correlations(self) -> pd.DataFrame:
        """Return each reported PCC with its 95 % interval, Dev and Test."""
        sizes = {"Dev": self.evidence.study.n_split, "Test": self.evidence.published.n_test}
        rows = []
        for split, n in sizes.items():
            for model, r in self._column(f"{split.lower()}_pcc").items():
                low, high = fisher_interval(float(r), n)
                row = {"label": f"{model}, {split}", "model": model, "value": float(r)}
                rows.append(row | {"low": low, "high": high})
        return pd.DataFrame(rows)

    def correlation_figure(self) -> Figure:
        """Return the reported PCCs with intervals and the r that differs from 0."""
        bound = critical_r(self.evidence.published.n_test)
        shown = figures.forest(
            self.correlations(),
            reference=bound,
            reference_label=f"smallest r that differs from zero ({bound:.2f})",
            xlabel="PCC on AVEC2014 as reported",
        )
        return figures.stated(shown, figures.PUBLISHED)

    def errors(self) -> pd.DataFrame:
        """Return each reported Test MAE with the least 95 % interval that it can have.

        With the reported spread of its predictions, and (``whatever the spread``) half its width
        if that spread is not taken from sigma_ratio.
        """
        rows = []
        for model, value in self._column("test_mae").items():
            half = half_width(self.evidence, str(model), any_spread=False)
            row = {"label": model, "model": model, "value": float(value)}
            row |= {"low": value - half, "high": value + half}
            rows.append(row | {"± whatever the spread": half_width(self.evidence, str(model))})
        return pd.DataFrame(rows)

    def error_figure(self) -> Figure:
        """Return the reported Test MAEs with their least intervals, beside a constant."""
        constant = self.evidence.published.constant_mae()
        shown = figures.forest(
            self.errors(),
            reference=constant,
            reference_label=f"a constant ({constant:.2f})",
            xlabel="Test MAE on AVEC2014 as reported, BDI-II points",
        )
        return figures.stated(shown, figures.PUBLISHED)

    def open_statements(self) -> pd.DataFrame:
        """Return what arithmetic leaves undecided, and what stands in the way."""
        rows = self.ledger[self.ledger["verdict"] == UNDECIDABLE]
        return rows[["line", "statement", "found"]].rename(columns={"found": "what is known"})

    def _column(self, name: str) -> pd.Series:
        return self.evidence.study.column(name)

    def _found(self, identity: str) -> str:
        return str(self.ledger.set_index("id")["found"][identity])


def printable(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a forest figure for print."""
    return rows.drop(columns="model").rename(columns={"label": ""})
