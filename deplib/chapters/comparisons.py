"""A family of paired comparisons of Test MAE: difference, corrected test, equivalence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deplib import evaluation
from deplib.evaluation import Difference
from deplib.seeds import Scores
from deplib.statistics import MCID_SHARE, holm

ALPHA = 0.05
"""Of a whole family of tests, after Holm's correction, and of each equivalence test."""
POINT = 1.0
"""BDI-II points: the narrower of the two margins of equivalence."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Comparison:
    """One pair of a family; a negative difference means that the first has the lower MAE."""

    first: str
    second: str
    difference: Difference  # of the mean MAEs over seeds
    seed_error: float  # by how much other seeds would move it; nan for single runs
    p: float  # sign flips over persons
    p_holm: float  # over the family
    improvement: Difference  # probability that a run of the first beats one of the second
    equivalent: dict[str, bool]  # margin -> whether the difference is shown to lie within it
    n_lower: int  # persons for whom the first has the lower MAE
    n_persons: int

    @property
    def name(self) -> str:
        """``first - second``."""
        return f"{self.first} - {self.second}"

    @property
    def different(self) -> bool:
        """Whether the corrected test tells the two apart."""
        return self.p_holm < ALPHA

    @property
    def verdict(self) -> str:
        """What the two tests allow to say."""
        within = [margin for margin, shown in self.equivalent.items() if shown]
        if self.different:
            return "different" + (f", by less than {within[0]}" if within else "")
        return f"equivalent within {within[0]}" if within else "undecided"


def margins(scores: Scores) -> dict[str, float]:
    """Return the margins of equivalence, narrow to wide: one point, and the MCID.

    The minimal clinically important difference of the BDI-II is a share of the baseline score; the
    baseline here is the mean label.
    """
    return dict(
        sorted(
            {"1 point": POINT, "the MCID": MCID_SHARE * float(scores.y.mean())}.items(),
            key=lambda item: item[1],
        )
    )


def p_values(scores: Scores, pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
    """Return the p-values of a family of pairs, as they are and after Holm's correction."""
    p = np.array([scores.test(first, second).p_value for first, second in pairs])
    return p, holm(p)


def compare(scores: Scores, pairs: Iterable[Pair]) -> list[Comparison]:
    """Compare the MAEs of pairs that are one family: p-values are corrected for all of them."""
    pairs, found = list(pairs), []
    for (first, second), p, p_holm in zip(pairs, *p_values(scores, pairs), strict=True):
        per_person = person_differences(scores, first, second)
        found.append(
            Comparison(
                first=first,
                second=second,
                difference=scores.difference(first, second),
                seed_error=scores.seed_error(first, second),
                p=float(p),
                p_holm=float(p_holm),
                improvement=scores.improvement(first, second),
                equivalent={
                    name: scores.equivalence(first, second, margin).equivalent
                    for name, margin in margins(scores).items()
                },
                n_lower=int((per_person < 0).sum()),
                n_persons=len(per_person),
            )
        )
    return found


def comparison_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Return one row a pair, for print."""
    return pd.DataFrame(
        {
            "pair": one.name,
            "difference in MAE": evaluation.signed(one.difference),
            "standard error from seeds": one.seed_error,
            "p": p_text(one.p),
            "p, Holm": p_text(one.p_holm),
            "verdict": one.verdict,
            "first beats second": f"{one.improvement.value:.2f} "
            f"({one.improvement.low:.2f} to {one.improvement.high:.2f})",
            "persons with the lower error in the first": f"{one.n_lower} of {one.n_persons}",
        }
        for one in comparisons
    )


def p_text(p: float) -> str:
    """Return a p-value for print, to three decimals."""
    if not np.isfinite(p):
        return "undefined"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def resampled_difference(scores: Scores, first: str, second: str) -> np.ndarray:
    """Return the difference of the mean MAEs over seeds in each resample, (n_resamples,)."""
    model = scores.runs["model"].to_numpy()
    mae = scores.resampled["mae"]
    return mae[:, model == first].mean(axis=1) - mae[:, model == second].mean(axis=1)


def person_differences(scores: Scores, first: str, second: str) -> np.ndarray:
    """Return each person's difference in mean absolute error over seeds, (n_persons,)."""
    model = scores.runs["model"].to_numpy()
    error = np.abs(scores.predictions - scores.y)
    apart = error[model == first].mean(axis=0) - error[model == second].mean(axis=0)
    return pd.Series(apart).groupby(scores.persons).mean().to_numpy()
