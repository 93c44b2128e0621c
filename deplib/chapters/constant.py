"""The chapter on the literature: what one constant scores, derived from published statistics."""

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from deplib import claims, constant, figures, literature, report
from deplib.cohorts.base import BANDS

QUOTED_TRAIN_MEAN = 15.1
"""Mean of the AVEC2014 Train labels as commonly quoted; confirmed nowhere."""
CONSTANTS = (0, 8, 10, 12, 13, 13.5, 14, QUOTED_TRAIN_MEAN, 17, 20, 25)
PERSONS = (50, 40, 28)
SEED = 20140
GAP = (BANDS[0][2], BANDS[1][1])
"""BDI-II points: the lower half of the Test labels ends at the first, the upper begins there."""


class ConstantPart:
    """The MAE of a constant on AVEC2014: derived, bounded, and as an estimate."""

    mae = float(constant.exact_mae(GAP[0]))
    """The smallest Test MAE that a constant can have."""

    def median(self) -> Markdown:
        """Return why every number between the halves of the labels is a best constant."""
        n, (low, high) = claims.N_TEST, GAP
        share = claims.TEST_BANDS["share"].iloc[0]
        return report.say(
            f"There are {n} Test labels; {round(n * share)} of them are minimal, at most {low}, "
            f"and the other {round(n * (1 - share))} at least {high}. Hence every number from "
            f"{low} to {high} is a median."
        )

    def steps(self) -> pd.DataFrame:
        """Return the derivation of the constant's MAE, a band a row."""
        table = constant.band_sums()
        distance = (table["total"] - claims.BEST_CONSTANT * table["count"]).abs()
        published = claims.TEST_BANDS.set_index("band")
        return pd.DataFrame(
            {
                "band": table["band"],
                "BDI-II": [f"{a} to {b}" for a, b in zip(table.lowest, table.highest, strict=True)],
                "published share": [f"{published.loc[b, 'share']:.2f}" for b in table["band"]],
                "published mean": [f"{published.loc[b, 'mean_bdi']:.2f}" for b in table["band"]],
                "labels": table["count"],
                "their sum": table["total"],
                f"sum of distances from {claims.BEST_CONSTANT:g}": distance,
            }
        )

    def derivation(self) -> Markdown:
        """Return the exact MAE, and what rounding leaves open."""
        exact, table = constant.exact_mae(GAP[0]), constant.band_sums()
        n, shares = claims.N_TEST, claims.TEST_BANDS["share"]
        slack = float((shares * constant.HALF_A_DIGIT).sum())
        same = constant.exact_mae(GAP[1]) == exact
        alike = f", the same for every constant from {GAP[0]} to {GAP[1]}" if same else ""
        low, high = constant.rmse_bounds(claims.BEST_CONSTANT)
        return report.say(
            f"The {n} labels sum to {table['total'].sum()}, so their mean is "
            f"{table['total'].sum() / n:.2f}, and the distances to {exact * n}: the MAE is "
            f"{exact * n} / {n} = "
            f"**{float(exact):.2f}**{alike}. "
            "Rounding leaves nothing open, because in each band only one whole sum has the "
            f"published mean; without that argument it would leave ±{slack:.3f}. The RMSE of the "
            f"same constant is between {low:.2f} and {high:.2f}: the published SD of "
            f"{constant.TEST_SD:.2f} is rounded and may be with 1/n or 1/(n - 1)."
        )

    def other_constants(self) -> pd.DataFrame:
        """Return the bounds of MAE and RMSE for several constants."""
        rows = []
        for value in CONSTANTS:
            mae, rmse = constant.mae_bounds(value), constant.rmse_bounds(value)
            name = f"{value:g}"
            if value == QUOTED_TRAIN_MEAN:
                name += " (Train mean, as commonly quoted)"
            rows.append((name, *mae, *rmse))
        columns = ["constant", "MAE at least", "MAE at most", "RMSE at least", "RMSE at most"]
        return pd.DataFrame(rows, columns=columns)

    def curve(self) -> Figure:
        """Return the bounds against the constant, and the study's four as lines."""
        grid = np.arange(5, 26.01, 0.1)
        low, high = np.transpose([constant.mae_bounds(c) for c in grid])
        shown = figures.constant_curve(grid, low, high, reported=claims.REPORTED)
        return figures.stated(shown, figures.PUBLISHED)

    def study_sentence(self) -> Markdown:
        """Return which constants would have had a lower MAE than each of the study's models."""
        best = claims.REPORTED["test_mae"].min()
        if best <= self.mae:
            return report.say(
                f"The study's lowest Test MAE, {best:.2f}, is not above that of a constant."
            )
        low, high = constant.surely_below(best)
        return report.say(
            f"The study's lowest Test MAE is {best:.2f}. Every whole number from "
            f"{int(np.ceil(low))} to {int(np.floor(high))}, said of each recording, has a lower "
            "one, whatever the single labels are."
        )

    def persons(self) -> Markdown:
        """Return how few persons the recordings may come from."""
        return report.say(
            "Persons recur in the corpus: with fewer persons than recordings, the first ones have "
            "more than one recording, with the same label, which is the strongest dependence there "
            f"can be. {min(PERSONS)} persons are about the fewest that the published counts permit."
        )

    def spread(self) -> pd.DataFrame:
        """Return the constant's MAE over random test sets, by how many persons they come from."""
        rows = []
        for persons in PERSONS:
            rng = np.random.default_rng(SEED)
            drawn = constant.sampled_mae(claims.BEST_CONSTANT, persons, rng=rng)
            low, high = np.quantile(drawn, [0.025, 0.975])
            rows.append((persons, drawn.mean(), drawn.std(), low, high))
        columns = ["persons", "mean MAE", "SD", "2.5 % below", "97.5 % below"]
        return pd.DataFrame(rows, columns=columns)

    def spread_sentence(self) -> Markdown:
        """Return the same spread without any simulation, from the published SD."""
        rmse = constant.rmse_bounds(claims.BEST_CONSTANT)
        errors = [
            float(literature.sd_of_absolute_error(self.mae, r) / np.sqrt(claims.N_TEST))
            for r in rmse
        ]
        return report.say(
            f"Without any assumption about single labels, the published SD gives a standard error "
            f"of {errors[0]:.2f} to {errors[1]:.2f} for {claims.N_TEST} independent recordings, by "
            "the formula of the next section."
        )
