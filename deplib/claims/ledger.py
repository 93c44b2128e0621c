"""The ledger: every statement of the study with what its check finds, and a verdict."""

import json
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from deplib import results
from deplib.claims import checks
from deplib.claims.checks import CHECKS, GAUSSIAN, MEAN, PATCHES
from deplib.claims.quoted import FACTS, HERE, REPORTED, TEST_BANDS, constant_test_mae
from deplib.metrics import score
from deplib.statistics import Interval, Scores, compare_correlations, score_runs

VERDICTS = ("confirmed", "contradicted", "undecidable", "not testable")
"""Undecidable: from what is reported. Not testable: without the licensed recordings."""
SECTIONS = {
    12: "Motivation",
    18: "Problem",
    31: "Protocol",
    53: "Models",
    80: "Results",
    103: "Findings",
    138: "Implications",
    158: "Limitations",
}
"""First line of each section of the study's text -> its name."""


class Claim(NamedTuple):
    """A row of ``claims.csv``."""

    model: str
    stated: tuple[float, ...]  # the figures of the statement


def claims() -> pd.DataFrame:
    """Return the statements, index ``id``, as ``claims.csv`` has them.

    ``kind`` is what a check rests on besides the study's own figures: ``arithmetic``,
    ``published`` statistics, this ``code``, or the ``simulated`` cohort; ``stated`` holds the
    figures of the statement, ``finding`` prints what the check found, and ``otherwise`` is the
    verdict where it leaves the statement open.
    """
    table = pd.read_csv(HERE / "claims.csv", dtype={"stated": str}).fillna("").set_index("id")
    table["stated"] = table["stated"].map(lambda text: tuple(map(float, text.split())))
    return table


@dataclass(frozen=True)
class Evidence:
    """What checks may look at; ``dataclasses.replace`` changes a part, and verdicts follow."""

    reported: pd.DataFrame = field(default_factory=lambda: REPORTED.set_index("model"))
    facts: pd.Series = field(default_factory=lambda: FACTS["value"])
    claims: pd.DataFrame = field(default_factory=claims)
    world: str = "default"  # of the simulated rows

    @property
    def n(self) -> int:
        """Recordings of Test."""
        return int(self.facts["n_test"])

    @property
    def constant(self) -> float:
        """The smallest Test MAE of a constant; whoever names that constant has seen the labels."""
        return constant_test_mae()

    def constant_error_sd(self) -> float:
        """SD of the absolute errors of that constant over the Test recordings."""
        off = (TEST_BANDS["share"] * TEST_BANDS["mean_bdi"]).sum() - 13.5
        return float(np.sqrt(self.facts["label_sd"] ** 2 + off**2 - self.constant**2))

    def gap(self, metric: str) -> pd.Series:
        """Return Test minus Dev of each model."""
        return self.reported[f"test_{metric}"] - self.reported[f"dev_{metric}"]

    def behind_the_mean(self) -> pd.Series:
        """Return Test MAE of each other model minus that of TemporalMeanMLP."""
        return (self.reported["test_mae"] - self.reported["test_mae"][MEAN]).drop(MEAN)

    def best(self) -> list[str]:
        """Return the best model by Dev MAE, Dev PCC, Test MAE and Test PCC."""
        signs = {"dev_mae": 1, "dev_pcc": -1, "test_mae": 1, "test_pcc": -1}
        return [str((sign * self.reported[name]).idxmin()) for name, sign in signs.items()]

    def least_half_width(self) -> float:
        """Return the least half width of any model's interval."""
        return min(checks.half_width(self, model) for model in self.reported.index)

    def least_rmse(self, model: str, s: float | None = None) -> float:
        """Return the least RMSE of a model with its spread, or another."""
        row = self.reported.loc[model]
        s = row.sigma_ratio if s is None else s
        return checks.rmse_without_bias(row.test_pcc, s, self.facts.label_sd)

    def senseless(self) -> tuple[np.ndarray, np.ndarray]:
        """Return labels, and predictions of the widest reported spread that know nothing."""
        return np.arange(self.n), checks.senseless(self.n, self.reported["sigma_ratio"].max())

    def falls(self) -> pd.Series:
        """Return the p-value of each fall of the PCC, the splits taken as independent."""
        rows = self.reported[["dev_pcc", "test_pcc"]].itertuples()
        return pd.Series({r[0]: compare_correlations(r[1], self.n, r[2], self.n)[1] for r in rows})

    def agreement(self) -> float | None:
        """Return how alike the predictions must be for the best PCC to differ from the mean's."""
        r = self.reported["test_pcc"]
        return checks.agreement_needed(r.max(), r[MEAN], self.n)

    def growth(self, model: str) -> float:
        """Return the exponent of a model's operations far out."""
        return checks.growth(lambda n: checks.operations(model, n))

    def stated_growth(self, model: str) -> float:
        """Return the exponent of its order as the study states it."""
        return checks.growth(checks.ORDERS[self.reported.loc[model, "order"]])

    def with_encoder(self) -> float:
        """Return the parameters of the largest model with its encoder."""
        return float(self.parameters.max() + self.facts.encoder_parameters)

    def noise(self, retest: str) -> float:
        """Return the MAE that retest noise alone makes, if Gaussian."""
        return float(GAUSSIAN * self.facts["label_sd"] * np.sqrt(1 - self.facts[retest]))

    @cached_property
    def parameters(self) -> pd.Series:
        """Parameters of models built here to the study's description."""
        from deplib.models import build, n_parameters

        return pd.Series({m: n_parameters(build(m, seed=0)) for m in self.reported.index})

    @cached_property
    def cost(self) -> dict[str, pd.DataFrame]:
        """What was measured: ``steps``, ``memory``, ``epochs``."""
        stored = json.loads((results.folder() / "cost.json").read_text(encoding="utf-8"))
        return {name: pd.DataFrame(stored[name]) for name in ("steps", "memory", "epochs")}

    def time_exponent(self, model: str) -> float:
        """Return the exponent of a training step's time in its frames."""
        steps = self.cost["steps"].query("way == @model and kind == 'training' and windows == 3")
        seconds = steps["seconds"].map(min)
        return float(stats.linregress(np.log(steps["frames"]), np.log(seconds)).slope)

    def peak_mib(self) -> float:
        """Return the largest peak memory of a window of 512 frames in training."""
        memory = self.cost["memory"]
        memory = memory[memory["way"].isin(self.reported.index) & (memory["frames"] == 512)]
        return float((memory["bytes"] / memory["windows"]).max() / 2**20)

    def epoch_ratios(self) -> tuple[float, float]:
        """Return LDBM's epoch over TemporalMeanMLP's: averaging in each step, means at hand."""
        seconds = self.cost["epochs"].set_index("way")["seconds"].map(np.median)
        return tuple(seconds[PATCHES] / seconds[[MEAN, f"{MEAN} (means at hand)"]])

    def bend(self) -> float:
        """Return how far a step of MambaGRU's recurrence is from affine in its state."""
        import torch

        from deplib.models import build

        gru, rng = build("MambaGRU", seed=0).gru, torch.Generator().manual_seed(0)
        a, b = torch.randn(2, gru.hidden_size, generator=rng)
        state = torch.stack([a, (a + b) / 2, b]).expand(gru.num_layers, 3, -1).contiguous()
        frame = torch.randn(1, 1, gru.input_size, generator=rng).expand(3, 1, -1)
        with torch.no_grad():
            first, middle, last = gru(frame, state)[1][0]
        return float((middle - (first + last) / 2).abs().max() / (first - last).abs().max())

    def spread_on_zeros(self) -> float:
        """Return the largest SD of predictions of windows that hold zeros only."""
        import torch

        from deplib.models import build

        x, mask = torch.zeros(8, 512, 512), torch.ones(8, 512, dtype=torch.bool)
        with torch.no_grad():
            return max(float(build(m, seed=0).eval()(x, mask).std()) for m in self.reported.index)

    def random_frames(self) -> np.ndarray:
        """Return what the study puts in the place of failed frames: random unit vectors."""
        rows = np.random.default_rng(0).normal(size=(8, int(self.facts["encoder_dim"])))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    @property
    def runs(self) -> Scores:
        """The grid on Test of the simulated cohort, with constant and oracle."""
        return _runs(self.world)

    def scores(self, metric: str, split: str = "test", labels: str = "true") -> pd.Series:
        """Return a metric of the four on the simulated cohort, mean over seeds."""
        return _means(self.world, labels)[metric].xs(split, level="split")[self.reported.index]

    def filled(self, how: str) -> float:
        """Return the mean sigma_ratio of the four with half of the frames lost and filled."""
        lost = results.load(self.world, **results.ABLATION | {"lost": 0.5, "fill": how})
        by_run = score(lost[lost["split"] == "test"], by=["model", "seed"])
        return float(by_run["sigma_ratio"].mean())

    def difference(self, first: str, second: str) -> Interval:
        """Return the difference in MAE of two architectures: persons and seeds are drawn."""
        return self.runs.difference(first, second, draw_seeds=True)

    def apart(self, first: str, second: str) -> str:
        """Return it as text, with its 95 % interval."""
        d = self.difference(first, second)
        return f"{d.estimate:+.2f} ({d.low:+.2f} to {d.high:+.2f})"


@lru_cache
def _runs(world: str) -> Scores:
    from deplib import baselines, study

    cohort = study.open_cohort(world)
    grid = results.load(world, **results.ABLATION)
    both = pd.concat([grid, baselines.references(cohort.recordings, cohort.truth)])
    return score_runs(both[both["split"] == "test"])


@lru_cache
def _means(world: str, labels: str) -> pd.DataFrame:
    table = results.load(world, **results.ABLATION | {"labels": labels})
    return score(table, by=["model", "seed", "split"]).groupby(["model", "split"]).mean()


def ledger(evidence: Evidence | None = None) -> pd.DataFrame:
    """Return every statement with what its check ``found``, and the ``verdict`` that follows.

    A simulated cohort never decides about AVEC2014.

    Raises
    ------
    ResultError
        If a result is missing.
    """
    evidence = evidence or Evidence()
    table = evidence.claims.copy()
    judged = [CHECKS[r.check](evidence, Claim(r.model, r.stated)) for r in table.itertuples()]
    rows = list(zip(table.itertuples(), judged, strict=True))
    table["found"] = [row.finding.format(*figures) for row, (_, *figures) in rows]
    table["verdict"] = [
        row.otherwise if holds is None or row.kind == "simulated" else VERDICTS[0 if holds else 1]
        for row, (holds, *_) in rows
    ]
    firsts = np.array([*SECTIONS])
    sections = firsts[np.searchsorted(firsts, table["line"], side="right") - 1]
    return table.assign(section=[SECTIONS[first] for first in sections]).reset_index()
