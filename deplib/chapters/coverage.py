"""Whether the book's intervals hold what they promise, on predictors of known truth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from deplib import claims, figures, report
from deplib.chapters.shares import percent, percents, span
from deplib.power import NAIVE, ErrorModel, Quantity, coverage
from deplib.power.labels import persons_of
from deplib.results import RunSpec

N = claims.N_TEST
"""Recordings of a sample of the usual size."""
TARGET = (0.93, 0.97)
"""Coverage that still counts as that of a 95 % interval."""
STRONG_PCC = 0.5
"""Of a predictor that no run of the default world comes near."""
METHODS = ("percentile", "bca", "expanded")
LARGER = (100, 300)
"""Sizes of larger samples, in recordings."""
BOOK = "percentile widened by t, persons (the book's)"
NAMES = {
    "percentile": "percentile, persons",
    "bca": "BCa, persons",
    "expanded": BOOK,
    NAIVE: "percentile, recordings",
}


@dataclass(frozen=True, eq=False)
class CoverageSection:
    """Coverage in samples of 50 recordings and of more.

    Attributes
    ----------
    model
        The fitted error model.
    first, second
        The two models of it whose scores and difference are estimated.
    repetitions
        Samples of each kind.
    seed
        Of all draws.
    runs
        What the error model was fitted to.
    """

    model: ErrorModel
    first: str
    second: str
    repetitions: int
    seed: int
    runs: Sequence[RunSpec] = ()

    @cached_property
    def at_fifty(self) -> pd.DataFrame:
        """Coverage of every kind of interval in the usual samples, as shares."""
        usual = self._coverage(self._quantities, self.model.subset(self.first, self.second), 1)
        strong = replace(self.model.subset(self.first), pcc=np.array([STRONG_PCC]))
        high = self._coverage({f"a PCC of {STRONG_PCC:.2f}": Quantity("pcc")}, strong, 2)
        return pd.concat([usual, high], ignore_index=True)

    @cached_property
    def larger(self) -> pd.DataFrame:
        """Coverage of the intervals over persons at 50 and more recordings."""
        pair = self.model.subset(self.first, self.second)
        rows = [self.at_fifty[self.at_fifty["quantity"].isin(self._quantities)].assign(n=N)]
        for k, n in enumerate(LARGER):
            found = self._coverage(self._quantities, pair, 3 + k, n_recordings=n, naive=False)
            rows.append(found.assign(n=n))
        return pd.concat(rows, ignore_index=True)

    @cached_property
    def balanced(self) -> pd.DataFrame:
        """Coverage of the book's intervals at 50 recordings, free and balanced scores together."""
        pair = self.model.subset(self.first, self.second)
        even = self._coverage(self._quantities, pair, 5, naive=False, balanced=True)
        free = self.at_fifty[self.at_fifty["quantity"].isin(self._quantities)]
        both = free.merge(even, on=["quantity", "method"], suffixes=("_free", ""))
        return both[both["method"] == BOOK]

    @property
    def _quantities(self) -> dict[str, Quantity]:
        return {
            f"MAE of {self.first}": Quantity("mae"),
            f"RMSE of {self.first}": Quantity("rmse"),
            f"PCC of {self.first}": Quantity("pcc"),
            "difference in MAE": Quantity("mae", 0, 1),
        }

    def _coverage(
        self,
        quantities: dict[str, Quantity],
        model: ErrorModel,
        stream: int,
        *,
        n_recordings: int = N,
        naive: bool = True,
        balanced: bool = False,
    ) -> pd.DataFrame:
        found = coverage(
            model,
            quantities,
            n_samples=self.repetitions,
            n_recordings=n_recordings,
            methods=METHODS,
            naive=naive,
            balanced=balanced,
            rng=np.random.default_rng([self.seed, stream]),
        )
        return found.assign(method=found["method"].map(NAMES))

    def design(self) -> Markdown:
        """Return what is drawn and counted."""
        return report.say(
            f"{self.repetitions:,} samples of {N} recordings of {persons_of(N)} persons are drawn, "
            "each gets its 95 % intervals, and the intervals that hold the truth are counted. A "
            f"coverage from {100 * TARGET[0]:.0f} to {100 * TARGET[1]:.0f} % still counts as that "
            "of a 95 % interval (shaded in the figure)."
        )

    def table(self) -> pd.DataFrame:
        """Return coverage at 50 recordings in per cent, with its Monte Carlo interval."""
        rows = self.at_fifty
        return pd.DataFrame(
            {
                "interval of": rows["quantity"],
                "truth": rows["truth"],
                "method": rows["method"],
                "coverage, %": [percent(row, "coverage") for _, row in rows.iterrows()],
                "too low, %": percents(rows["below"]),
                "too high, %": percents(rows["above"]),
                "mean width": rows["width"],
            }
        )

    def larger_table(self) -> pd.DataFrame:
        """Return how coverage approaches its name with more recordings."""
        kept = self.larger[self.larger["method"] != NAMES[NAIVE]]
        cells = kept.assign(cell=[percent(row, "coverage") for _, row in kept.iterrows()])
        wide = cells.pivot_table(
            index=["quantity", "method"], columns="n", values="cell", aggfunc="first", sort=False
        )
        wide.columns = [f"{n} recordings, %" for n in wide.columns]
        return wide.reset_index()

    def figure(self) -> Figure:
        """Return coverage by quantity and method."""
        shown = figures.coverage_dots(self.at_fifty, target=TARGET)
        runs = [run for run in self.runs if run.model in (self.first, self.second)]
        return figures.stated(shown, *(figures.simulated(run.world) for run in runs), runs=runs)

    def verdict(self) -> Markdown:
        """Return which intervals hold what they promise at 50 recordings."""
        wide = self.at_fifty.pivot_table(
            index="quantity", columns="method", values="coverage", sort=False
        )
        book, naive, bca = wide[BOOK], wide[NAMES[NAIVE]], wide[NAMES["bca"]]
        met = list(book[book.between(*TARGET)].index)
        lowest = (naive < wide.drop(columns=naive.name).min(axis=1)).all()
        return report.say(
            "The book prints percentile intervals over persons, widened by Student's t. Their "
            "coverage is within "
            f"{100 * TARGET[0]:.0f} to {100 * TARGET[1]:.0f} % for {len(met)} of {len(book)} "
            f"quantities ({report.listed(met)}), and lowest for {book.idxmin()}: "
            f"{100 * book.min():.1f} %, {_from_name(book.min())}. "
            + (
                "So an interval of this book is to be read as somewhat too short. "
                if (book < 0.95).all()
                else "Not all of them are too short. "
            )
            + f"BCa intervals cover {span(bca)}; "
            f"{int(bca.between(*TARGET).sum())} of {len(bca)} are within the target. "
            f"Taking recordings for independent covers {span(naive)}"
            + (", the lowest of the four methods for every quantity." if lowest else ".")
        )

    def balanced_table(self) -> pd.DataFrame:
        """Return coverage of the book's intervals with free and with balanced scores."""
        rows = self.balanced
        free = rows[["coverage_free", "low_free", "high_free"]].set_axis(
            ["coverage", "low", "high"], axis=1
        )
        return pd.DataFrame(
            {
                "interval of": rows["quantity"],
                "scores drawn freely, %": [percent(row, "coverage") for _, row in free.iterrows()],
                "scores balanced, %": [percent(row, "coverage") for _, row in rows.iterrows()],
            }
        )

    def balanced_verdict(self) -> Markdown:
        """Return what balancing the scores of a split does to the intervals."""
        shares = self.balanced.set_index("quantity")["coverage"]
        wide = list(shares[shares > TARGET[1]].index)
        others = shares.drop(wide)
        return report.say(
            (
                f"With balanced scores the intervals of {report.listed(wide)} cover "
                f"{span(shares[wide])}: far too wide for that question, since most of what moves "
                "them is which scores a sample happens to hold, and here all samples hold the same."
                if wide
                else "With balanced scores no interval covers more than its target."
            )
            + (
                f" Those of {report.listed(list(others.index))} cover {span(others)}: there "
                "balancing does not help."
                if len(others)
                else ""
            )
        )

    def larger_verdict(self) -> Markdown:
        """Return whether more recordings mend the coverage of the book's intervals."""
        book = self.larger[self.larger["method"] == BOOK]
        wide = book.pivot_table(index="quantity", columns="n", values="coverage")
        few, many = wide[N], wide[LARGER[-1]]
        inside = int(many.between(*TARGET).sum())
        return report.say(
            f"With {LARGER[-1]} recordings the book's intervals cover {span(many)} (with {N}: "
            f"{span(few)}), {inside} of {len(many)} within the target. "
            + (
                f"So what is missing at {N} is for want of persons."
                if inside == len(many) and few.min() < TARGET[0]
                else "More recordings do not bring all of them to the target."
                if inside < len(many)
                else "They hold what they promise at either size."
            )
        )


def _from_name(share: float) -> str:
    points = 100 * share - 95
    return f"{abs(points):.1f} points {'below' if points < 0 else 'above'} its name"
