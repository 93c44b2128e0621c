"""How far a single prediction can be trusted: dropout and ensembles beside intervals from Dev."""

from functools import cached_property

import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from deplib import evaluation, figures, report, uncertainty
from deplib.chapters import over_seeds
from deplib.chapters.tested_options import TestedOptions, label
from deplib.cohorts.simulated.labels import BDI_MAX
from deplib.evaluation import CONSTANT
from deplib.metrics import sigma_ratio
from deplib.results import RunSpec
from deplib.study import options

LEVEL = 0.9
"""Of the intervals that the sentences are about."""
ENSEMBLE, DROPOUT = "an ensemble of seeds", "Monte Carlo dropout"


class Trust:
    """The uncertainty of the recommended model in one world, stated in two ways.

    Parameters
    ----------
    tested
        The options of the world.
    features
        What the model sees.
    """

    def __init__(self, tested: TestedOptions, features: str) -> None:
        self.world, self.features = tested.cohort.world.name, features
        plain = RunSpec(options.BASE, world=self.world, features=features)
        runs = tested.table[tested.table["model"] == label(plain)]
        dropped = [
            result
            for spec, result in tested.results.items()
            if spec.recipe == "dropout" and spec.features == features
        ]
        constant = tested.table[tested.table["model"] == CONSTANT]
        first = [result for result in dropped if result.spec.seed == 0]
        self.stated = {
            ENSEMBLE: uncertainty.ensemble(runs),
            DROPOUT: uncertainty.dropout(first),
        }
        self.cohort = tested.cohort
        self.specs = [*tested.specs_of([label(plain)]), *(result.spec for result in first)]
        self.constant = constant.drop(columns=["model", "seed"])

    @cached_property
    def covered(self) -> dict[str, pd.DataFrame]:
        """Coverage, width and score of each kind of interval, by who stated the uncertainty."""
        stated = {name: uncertainty.coverage(table) for name, table in self.stated.items()}
        return {**stated, CONSTANT: uncertainty.coverage(self.constant)}

    def table(self) -> pd.DataFrame:
        """Return coverage on Test beside the nominal level, one row a predictor and interval."""
        rows = []
        for name, found in self.covered.items():
            for kind, part in found.groupby("kind", sort=False):
                if part["coverage"].isna().all():
                    continue  # a constant has no SD of its own
                row = {"predictor": name, "interval": kind}
                for entry in part.to_dict("records"):
                    cell = over_seeds.interval(
                        entry["coverage"], entry["coverage_low"], entry["coverage_high"]
                    )
                    row[f"coverage at {100 * entry['level']:.0f} %"] = cell
                last = part.loc[part["level"] == LEVEL].iloc[0]
                row[f"width at {100 * LEVEL:.0f} %, points"] = f"{last['width']:.1f}"
                rows.append(row)
        return pd.DataFrame(rows)

    def ranking_table(self) -> pd.DataFrame:
        """Return whether the stated uncertainty goes with the error, and the spread."""
        rows = []
        for name, table in self.stated.items():
            found, test = uncertainty.ranking(table), table[table["split"] == "test"]
            rows.append(
                {
                    "predictor": name,
                    "mean SD, points": f"{test['bdi_sd'].mean():.2f}",
                    "Spearman, SD and error": over_seeds.interval(
                        found.rho.value, found.rho.low, found.rho.high
                    ),
                    "MAE, more certain half": f"{found.certain:.2f}",
                    "MAE, other half": f"{found.uncertain:.2f}",
                    "difference": evaluation.signed(found.halves),
                    "sigma_ratio": f"{sigma_ratio(test['bdi'], test['bdi_hat']):.2f}",
                }
            )
        return pd.DataFrame(rows)

    def figure(self) -> Figure:
        """Return error against stated uncertainty, one panel a way of stating it."""
        shown = figures.error_and_uncertainty(
            {name: table[table["split"] == "test"] for name, table in self.stated.items()}
        )
        return figures.stated(shown, self.cohort, runs=self.specs)

    def own(self, name: str) -> evaluation.Difference:
        """Return the coverage of the intervals from a predictor's own SD at ``LEVEL``."""
        found = self.covered[name]
        row = found[(found["kind"] == uncertainty.OWN_SD) & (found["level"] == LEVEL)].iloc[0]
        return evaluation.Difference(row["coverage"], row["coverage_low"], row["coverage_high"])

    def verdict(self) -> Markdown:
        """Return whether the stated uncertainties cover what they say, and rank the errors."""
        parts = []
        for name in self.stated:
            share, rho = self.own(name), uncertainty.ranking(self.stated[name]).rho
            short = "too few" if share.high < LEVEL else "not shown to be too few"
            told = "its SD goes with" if rho.low > 0 else "its SD cannot be told to go with"
            parts.append(
                f"The intervals of {name} hold {100 * share.value:.0f} % ({100 * share.low:.0f} to "
                f"{100 * share.high:.0f}) of the Test labels where they should hold "
                f"{100 * LEVEL:.0f} %, {short}; {told} the error "
                f"({over_seeds.interval(rho.value, rho.low, rho.high)})."
            )
        conformal = self.covered[ENSEMBLE]
        row = conformal[
            (conformal["kind"] == uncertainty.CONFORMAL) & (conformal["level"] == LEVEL)
        ].iloc[0]
        parts.append(
            f"An interval of one width, taken from the errors on Dev, covers "
            f"{100 * row['coverage']:.0f} % and is {row['width']:.0f} points wide on a scale of "
            f"{BDI_MAX}."
        )
        return report.say(" ".join(parts))
