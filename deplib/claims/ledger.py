"""The ledger: every statement of the study with what its check finds, and a verdict."""

import json
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from deplib import results
from deplib.claims import checks
from deplib.claims.checks import CHECKS, GAUSSIAN, MEAN, PATCHES
from deplib.claims.quoted import FACTS, HERE, REPORTED, TEST_BANDS, constant_test_mae
from deplib.metrics import score
from deplib.statistics import Interval, Scores, compare_correlations, critical_r, score_runs

VERDICTS = ("confirmed", "contradicted", "undecidable", "not testable")
"""Undecidable: from what is reported. Not testable: without the licensed recordings."""


def claims() -> pd.DataFrame:
    """Return the statements, index ``id``, as ``claims.csv`` has them.

    ``kind`` is what a check rests on besides the study's own figures: ``arithmetic``,
    ``published`` statistics, this ``code``, or the ``simulated`` cohort. ``decides`` is the one
    outcome of the check that settles the statement, empty for both; ``otherwise`` is the verdict
    where it leaves the statement open. ``finding`` prints what was found: figures of the check, or
    of the `Evidence` ``e``, ``facts``, the ``reported`` table and the figures ``stated``.
    """
    table = pd.read_csv(HERE / "claims.csv", dtype=str, keep_default_na=False).set_index("id")
    stated = table["stated"].map(lambda text: tuple(map(float, text.split())))
    return table.assign(line=table["line"].astype(int), stated=stated)


@dataclass(eq=False)
class Evidence:
    """What checks may look at; ``dataclasses.replace`` changes a part, and verdicts follow."""

    reported: Any = field(default_factory=lambda: REPORTED.set_index("model"))  # table
    facts: Any = field(default_factory=lambda: FACTS["value"])  # series
    claims: Any = field(default_factory=claims)  # table
    world: str = "default"  # of the simulated rows

    paired_sd = (3.0, 6.0)
    """BDI-II points: assumed SDs of paired differences of absolute errors; the study has none."""

    def __post_init__(self) -> None:
        """Compute what several checks or findings name."""
        table, facts = self.reported, self.facts
        self.n = int(facts["n_test"])
        self.low, self.high = table.min(numeric_only=True), table.max(numeric_only=True)
        self.span, self.sd = self.high - self.low, table.std(numeric_only=True)
        self.patched = table.index.str.startswith(PATCHES).sum()
        self.others = [model for model in table.index if model != MEAN]
        self.behind_the_mean = (table["test_mae"] - table["test_mae"][MEAN])[self.others]
        signs = pd.Series({"dev_mae": 1, "dev_pcc": -1, "test_mae": 1, "test_pcc": -1})
        self.ranks = (table[signs.index] * signs).rank()
        self.best = self.ranks.idxmin()
        self.gap = pd.DataFrame({m: table[f"test_{m}"] - table[f"dev_{m}"] for m in ("mae", "pcc")})
        self.mean_gap, self.span_of_gaps = self.gap.mean(), self.gap.max() - self.gap.min()
        self.worse = self.gap * [1, -1] > 0

        # The smallest Test MAE of a constant, whoever names which has seen the labels, and the SD
        # of its absolute errors
        self.constant = constant_test_mae()
        off = (TEST_BANDS["share"] * TEST_BANDS["mean_bdi"]).sum() - 13.5
        self.constant_sd = np.sqrt(facts["label_sd"] ** 2 + off**2 - self.constant**2)
        self.constant_on_dev = self.constant * facts["dev_sd"] / facts["label_sd"]
        self.noise = GAUSSIAN * facts["label_sd"] * np.sqrt(1 - facts.filter(like="retest"))
        self.frame_ms = 1e3 / facts["frames_a_second"]

        # What so many recordings can tell: differences in MAE with 80 % power, paired; from which
        # |r| a correlation differs from 0; the falls of the PCC, as if splits were independent; how
        # alike the predictions of the best PCC and of TemporalMeanMLP must be for a difference
        z = stats.norm.isf(0.025) + stats.norm.ppf(0.8)
        self.detectable = [float(z * sd / np.sqrt(self.n)) for sd in self.paired_sd]
        self.critical_r = critical_r(self.n)
        pairs = table[["dev_pcc", "test_pcc"]].itertuples(index=False)
        p_values = [compare_correlations(dev, self.n, test, self.n)[1] for dev, test in pairs]
        self.falls = pd.Series(p_values, table.index)
        r = table["test_pcc"]
        self.agreement = checks.agreement_needed(r.max(), r[MEAN], self.n)
        self.signal = (table["test_mae"] <= self.constant).to_frame("mae")
        self.signal["pcc"] = r >= self.critical_r
        self.half_widths = pd.Series({m: checks.half_width(self, m) for m in table.index})
        spreads = table["sigma_ratio"].items()
        self.wider = pd.Series({m: checks.half_width(self, m, s) for m, s in spreads})

        # Labels, and predictions of the widest reported spread that know nothing of them; and what
        # the study puts in the place of failed frames: random unit vectors
        y, noise = np.arange(self.n) - (self.n - 1) / 2, np.cos(np.pi * np.arange(self.n))
        noise = noise - noise.mean() - y * (noise @ y) / (y @ y)
        self.senseless = y, noise * self.high["sigma_ratio"] * y.std() / noise.std()
        rows = np.random.default_rng(0).normal(size=(8, int(facts["encoder_dim"])))
        self.random_frames = rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def least_rmse(self, model: str, s: float | None = None) -> float:
        """Return the least RMSE of a model with its spread, or another."""
        row = self.reported.loc[model]
        s = row.sigma_ratio if s is None else s
        return checks.rmse_without_bias(row.test_pcc, s, self.facts.label_sd)

    def growth(self, model: str) -> tuple[float, float]:
        """Return the exponent of a model's operations far out, and that of its stated order."""
        stated = checks.ORDERS[self.reported.loc[model, "order"]]
        return checks.growth(lambda n: checks.operations(model, n)), checks.growth(stated)

    def off(self, model: str, stated: float) -> float:
        """Return by which share a model's parameters are more than stated."""
        return float(self.parameters[model] / stated - 1)

    @property
    def with_encoder(self) -> float:
        """Parameters of the largest model with its encoder."""
        return float(self.parameters.max() + self.facts.encoder_parameters)

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

    def exponent(self, model: str) -> float:
        """Return the exponent of a training step's time in its frames."""
        steps = self.cost["steps"].query("way == @model and kind == 'training' and windows == 3")
        seconds = steps["seconds"].map(min)
        return float(stats.linregress(np.log(steps["frames"]), np.log(seconds)).slope)

    @property
    def peak_mib(self) -> float:
        """The largest peak memory of a window of 512 frames in training."""
        memory = self.cost["memory"]
        memory = memory[memory["way"].isin(self.reported.index) & (memory["frames"] == 512)]
        return float((memory["bytes"] / memory["windows"]).max() / 2**20)

    @property
    def epoch_ratios(self) -> tuple[float, float]:
        """LDBM's epoch over TemporalMeanMLP's: averaging in each step, means at hand."""
        seconds = self.cost["epochs"].set_index("way")["seconds"].map(np.median)
        return tuple(seconds[PATCHES] / seconds[[MEAN, f"{MEAN} (means at hand)"]])

    @cached_property
    def bend(self) -> float:
        """How far a step of MambaGRU's recurrence is from affine in its state."""
        import torch

        from deplib.models import build

        gru: Any = build("MambaGRU", seed=0).gru
        rng = torch.Generator().manual_seed(0)
        a, b = torch.randn(2, gru.hidden_size, generator=rng)
        state = torch.stack([a, (a + b) / 2, b]).expand(gru.num_layers, 3, -1).contiguous()
        frame = torch.randn(1, 1, gru.input_size, generator=rng).expand(3, 1, -1)
        with torch.no_grad():
            first, middle, last = gru(frame, state)[1][0]
        return float((middle - (first + last) / 2).abs().max() / (first - last).abs().max())

    @cached_property
    def spread_on_zeros(self) -> float:
        """The largest SD of predictions of windows that hold zeros only."""
        import torch

        from deplib.models import build

        x, mask = torch.zeros(8, 512, 512), torch.ones(8, 512, dtype=torch.bool)
        with torch.no_grad():
            return max(float(build(m, seed=0).eval()(x, mask).std()) for m in self.reported.index)

    @cached_property
    def runs(self) -> Scores:
        """The grid on Test of the simulated cohort, with constant and oracle."""
        from deplib import baselines, study

        cohort, grid = study.open_cohort(self.world), results.load(self.world, **results.ABLATION)
        both = pd.concat([grid, baselines.references(cohort.recordings, cohort.truth)])
        return score_runs(both[both["split"] == "test"])

    def scores(self, metric: str, split: str = "test", labels: str = "true") -> pd.Series:
        """Return a metric of the four on the simulated cohort, mean over seeds."""
        return _means(self.world, labels)[metric].xs(split, level="split")[self.reported.index]

    def filled(self, how: str) -> float:
        """Return the mean sigma_ratio of the four with half of the frames lost and filled."""
        lost = results.load(self.world, **results.ABLATION | {"lost": 0.5, "fill": how})
        by_run = score(lost[lost["split"] == "test"], by=["model", "seed"])
        return float(by_run["sigma_ratio"].mean())

    def apart(self, first: str, second: str) -> Interval:
        """Return the difference in MAE of two architectures: persons and seeds are drawn."""
        return self.runs.difference(first, second, draw_seeds=True)


@cache
def _means(world: str, labels: str) -> pd.DataFrame:
    table = results.load(world, **results.ABLATION | {"labels": labels})
    return score(table, by=["model", "seed", "split"]).groupby(["model", "split"]).mean()


def judge(row: Any, evidence: Evidence) -> tuple[str, str]:
    """Return what the check of a row of `claims` found, as text, and the verdict that follows."""
    result = CHECKS[row.check](evidence, *filter(None, [row.of]), *row.stated)
    if row.kind == "simulated":  # decides nothing about AVEC2014
        holds, figures = None, result
    else:
        holds, *figures = result if isinstance(result, tuple) else (result,)
    sources = {"facts": evidence.facts, "reported": evidence.reported, "stated": row.stated}
    found = row.finding.format(*figures, e=evidence, **sources)
    settled = holds is not None and row.decides in ("", str(bool(holds)))
    return found, VERDICTS[0 if holds else 1] if settled else row.otherwise


def ledger(evidence: Evidence | None = None) -> pd.DataFrame:
    """Return every statement with what its check ``found``, and the ``verdict`` that follows.

    A simulated cohort never decides about AVEC2014.

    Raises
    ------
    ResultError
        If a result is missing.
    """
    evidence = evidence or Evidence()
    table = evidence.claims.reset_index()
    table[["found", "verdict"]] = [judge(row, evidence) for row in table.itertuples()]
    return table
