"""The population behind the chapter on power: the report's runs as predictors of known truth."""

from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown
from matplotlib.figure import Figure

from deplib import claims, evaluation, figures, report, study
from deplib.models import MODELS
from deplib.power import fit, formulas, simulation, twins
from deplib.power.labels import persons_of

N = claims.N_TEST
"""Recordings of a sample, as in the study's Test split and in this cohort's."""


class Population:
    """The Test predictions of the default world's runs, and the error model fitted to them.

    Raises
    ------
    ResultError
        If a result is missing or stale.
    """

    def __init__(self) -> None:
        self.cohort = study.open_cohort()
        self.specs = [spec for spec in study.grid_specs() if spec.model in MODELS]
        table = evaluation.predictors(self.cohort, study.published(self.specs))
        test = table[(table["split"] == "test") & table["model"].isin(MODELS)]
        self.test = test.assign(error=(test["bdi_hat"] - test["bdi"]).abs())
        self.model = fit(self.test, tuple(MODELS))

    def badge(self) -> HTML:
        """Return the note that says where the numbers come from."""
        return report.badge(self.cohort)

    def fitted(self) -> pd.DataFrame:
        """Return the error model beside the runs that it was fitted to."""
        runs = self.test.groupby(["model", "seed"])["error"]
        mean, sd = runs.mean().groupby("model").mean(), runs.std().groupby("model").mean()
        return pd.DataFrame(
            {
                "model": name,
                "mean prediction": self.model.mean[k],
                "SD": self.model.sd[k],
                "PCC": self.model.pcc[k],
                "true MAE": self.model.mae[k],
                "MAE of the runs": mean[name],
                "true SD of the errors": self.model.error_sd[k],
                "SD of the runs' errors": sd[name],
            }
            for k, name in enumerate(self.model.names)
        )

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """SD of the paired differences of each pair: of the runs, and true in the error model."""
        errors = self.test.pivot_table(index="recording", columns=["model", "seed"], values="error")
        rows = []
        for a, b in combinations(range(len(self.model)), 2):
            first, second = self.model.names[a], self.model.names[b]
            differences = errors[first].to_numpy() - errors[second].to_numpy()
            sds = differences.std(axis=0, ddof=1)
            rows.append(
                {
                    "pair": f"{first} - {second}",
                    "SD of the runs": sds.mean(),
                    "lowest seed": sds.min(),
                    "highest seed": sds.max(),
                    "in the error model": self.model.difference_sd(a, b),
                }
            )
        return pd.DataFrame(rows)

    @cached_property
    def spreads(self) -> dict[str, float]:
        """Smallest, middle and largest SD of the pairs, by a label."""
        sds = self.pairs["SD of the runs"]
        named = {"smallest": sds.min(), "middle": sds.median(), "largest": sds.max()}
        return {f"{name} SD ({sd:.1f})": float(sd) for name, sd in named.items()}

    @property
    def middle(self) -> tuple[str, float]:
        """Label and SD of the middle spread."""
        return list(self.spreads.items())[1]

    @cached_property
    def within(self) -> dict[str, float]:
        """How two recordings of one person correlate, for twins of the middle spread."""
        return simulation.within_persons(twins(self.model, self.middle[1]), rng=self.rng(30))

    def effective(self, what: str, n_recordings: int = N) -> float:
        """Return the effective number for an ``"error"``, a ``"difference"`` or a ``"pcc"``."""
        within = self.within | {"pcc": self.within["label"] * self.within["prediction"]}
        return formulas.effective_n(n_recordings, within[what])

    def sentence(self) -> Markdown:
        """Return how persons tie recordings together, and what that leaves of 50."""
        within = self.within
        return report.say(
            f"Two recordings of one person correlate: their labels by {within['label']:.2f}, their "
            f"predictions by {within['prediction']:.2f}, the absolute errors by "
            f"{within['error']:.2f}, the paired differences by {within['difference']:.2f}. So "
            f"{N} recordings of {persons_of(N)} persons are worth "
            f"{self.effective('difference'):.1f} independent ones where two models are compared, "
            f"and {self.effective('pcc'):.1f} where a PCC near zero is tested."
        )

    def stated(self, figure: Figure, *cohorts: str) -> Figure:
        """Return a figure of samples from this population, with its origin and other cohorts."""
        return figures.stated(figure, self.cohort, *cohorts, runs=self.specs)

    def rng(self, stream: int) -> np.random.Generator:
        """Return the source of one of the chapter's draws; each has a stream of its own."""
        return np.random.default_rng([evaluation.SEED, stream])
