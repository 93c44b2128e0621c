"""One check a statement: whether it holds (None leaves it open), then figures of its own.

A check takes the `Evidence` and, from its row of ``claims.csv``, ``of`` (a model or a column of the
study's table) and the figures ``stated``. No check and no row states a verdict.

For labels of SD ``S``, predictions of SD ``s S``, correlation ``r`` and mean error ``b``, whatever
the distribution::

    RMSE^2 = S^2 (1 + s^2 - 2 s r) + b^2
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq

from deplib.metrics import pcc, sigma_ratio
from deplib.statistics import compare_correlations, fisher_interval
from deplib.statistics.correlation import correlation_p_value

if TYPE_CHECKING:
    from deplib.claims.ledger import Evidence

MEAN, PATCHES = "TemporalMeanMLP", "LDBM"
GAUSSIAN = float(np.sqrt(2 / np.pi))
"""MAE over RMSE of Gaussian errors without bias, 0.80."""
FAR = 2**20
"""Frames: where an order must show, if it is one."""
LABELS = ("true", "permuted")
WIDTH = 128
"""Of the tokens of LDBM and VanillaTransformer."""


def rmse_without_bias(r: float, s: float, sd: float) -> float:
    """Return the least RMSE that a correlation and a ratio of SDs allow.

    >>> round(rmse_without_bias(0.0, 0.0, 11.48), 2), rmse_without_bias(1.0, 1.0, 11.48)
    (11.48, 0.0)
    """
    return float(sd * np.sqrt(max(1 + s * s - 2 * s * r, 0.0)))


def half_width(e: "Evidence", model: str, s: float | None = None) -> float:
    """Return the least half width of a 95 % interval of a model's Test MAE.

    From the least SD of its absolute errors, ``sqrt(RMSE^2 - MAE^2)``; with ``s`` for that ratio
    of SDs, else whatever it is. Recordings count as independent; a bias makes it wider.
    """
    row = e.reported.loc[model]
    rmse = e.least_rmse(model, row["test_pcc"] if s is None else s)  # the former is the least
    return float(1.96 * np.sqrt(max(rmse**2 - row["test_mae"] ** 2, 0) / e.facts.n_test))


def candidates_by_chance(r: float, n: int) -> int:
    """Return of how many candidates without any signal the best reaches r with even odds."""
    single = stats.t.sf(r * np.sqrt((n - 2) / (1 - r * r)), n - 2)
    return int(np.ceil(np.log1p(-0.5) / np.log1p(-single)))


def agreement_needed(r_a: float, r_b: float, n: int) -> float | None:
    """Return from which correlation between two models' predictions r_a differs from r_b.

    Two-sided at 5 %, by Williams's t (Steiger 1980, equation 7); None if at none possible.
    """
    room = np.sqrt((1 - r_a**2) * (1 - r_b**2))
    low, high = r_a * r_b - room + 1e-9, r_a * r_b + room - 1e-9

    def beyond(r: float) -> float:
        determinant = 1 - r_a**2 - r_b**2 - r**2 + 2 * r_a * r_b * r
        scale = 2 * (n - 1) / (n - 3) * determinant + ((r_a + r_b) / 2) ** 2 * (1 - r) ** 3
        t = (r_a - r_b) * np.sqrt((n - 1) * (1 + r) / scale)
        return abs(t) - stats.t.isf(0.025, n - 3)

    if beyond(high) < 0:
        return None
    return float(low if beyond(low) > 0 else brentq(beyond, low, high))


def operations(model: str, n: float) -> float:
    """Return multiplications of a forward pass over n frames, to leading terms."""
    if model == MEAN:
        return n * 512
    if model == "MambaGRU":
        return n * 6 * 128**2 * 2
    layers = [n / 8 / 2**k for k in range(4)] if model == PATCHES else [n] * 3
    return sum(12 * WIDTH**2 * tokens + 2 * WIDTH * tokens**2 for tokens in layers)


ORDERS: dict[str, Callable[[float], float]] = {
    "O(1)": lambda n: 1.0,
    "O(N)": lambda n: n,
    "O(N log N)": lambda n: n * np.log(n),
    "O(N^2)": lambda n: n**2,
}


def growth(cost: Callable[[float], float]) -> float:
    """Return the exponent of N by which a cost grows far out."""
    return float(np.log2(cost(FAR) / cost(FAR / 2)))


def ends(values: pd.Series) -> tuple[float, float]:
    """Return the least and the greatest."""
    return float(values.min()), float(values.max())


def ratio(values: pd.Series) -> float:
    """Return how many times the value of TemporalMeanMLP that of LDBM is."""
    return float(values[PATCHES] / values[MEAN])


def as_stated(values: Any, *stated: float) -> bool:
    """Return whether values are those stated, rounded to as many digits."""
    digits = max(len(str(value).partition(".")[2]) for value in stated)
    return np.allclose(np.round(values, digits), stated, atol=1e-9)


def same_mean(values: pd.Series, stated: float) -> tuple[bool, float]:
    """Compare a mean; rounding may go either way at half a unit, as in 10.5725."""
    return abs(values.mean() - stated) <= 0.000501, values.mean()


def same_sd(values: pd.Series, stated: float) -> tuple[bool, float, float]:
    """Compare with both conventions, and with what rounding of the rows allows.

    The SD of n rounded numbers is off by at most half a unit (1/n), or sqrt(n / (n - 1)) of it.
    """
    sds, half = np.array([values.std(ddof=0), values.std(ddof=1)]), 0.0005
    slack = half * np.sqrt([1, len(values) / (len(values) - 1)]) + half
    return bool((abs(sds - stated) <= slack).any()), *sds


def same_delta(e: "Evidence", metric: str, stated: float) -> tuple[bool, float, float, float]:
    """Ask whether a delta follows from the two printed ranges: from both ends, or the middles."""
    names = (f"rounded-range-of-test-{metric}", f"range-of-dev-{metric}")
    low, high = np.subtract(*(e.claims.loc[name, "stated"] for name in names))
    off, slack = abs(np.array([low, high]) - stated), {"mae": 0.05, "pcc": 0.005}[metric] + 1e-9
    middle = (low + high) / 2
    return bool((off <= slack).all() or abs(middle - stated) <= slack), low, high, middle


def possible(e: "Evidence", model: str, power: float) -> bool:
    """Return whether a Test MAE can go with its PCC and sigma_ratio; no error exceeds the scale.

    As ``e^2 <= 63 |e|``, the MAE is at least ``RMSE^2 / 63``.
    """
    row, top = e.reported.loc[model], e.facts.scale_high
    return bool(e.least_rmse(model, row.sigma_ratio**power) ** 2 / top <= row.test_mae <= top)


CHECKS: dict[str, Callable[..., Any]] = {
    "fact": lambda e, name, stated: stated == e.facts[name],
    "clips-are-long": lambda e, low, high: low <= e.facts.clip_q25 < e.facts.clip_q75 <= high,
    "scale-of-bdi": lambda e, *stated: (e.facts.scale_low, e.facts.scale_high) == stated,
    "fifty-subjects": lambda e, n: (
        3 * n == e.facts.n_persons,
        e.facts.n_test - (e.facts.n_persons - e.facts.n_persons_train_dev),
    ),
    "one-label": lambda e: e.facts.n_recordings <= e.facts.n_clips,
    "which-sigma-ratio": lambda e: all(
        possible(e, model, power) for model in e.reported.index for power in (1.0, 0.5)
    ),
    "encoder-training": lambda e: (
        e.facts.encoder_identities >= e.facts.webface260m_identities,
        *(e.facts[["encoder_identities", "webface260m_identities"]] / [1e3, 1e6]),
    ),
    "length-of-the-paper": lambda e, n: n in (e.facts.ste_mamba_frames, e.facts.mlm_eoe_frames),
    "same-context": lambda e, n: (
        e.facts.clips_over_2000 / e.facts.n_clips > 0.95,
        100 - 100 * e.facts.clips_over_2000 / e.facts.n_clips,
        100 * e.facts.clip_median / n,
    ),
    "batch-fits": lambda e, n: (n * e.peak_mib * 2**20 < e.facts.gpu_gb * 1e9, n * e.peak_mib),
    "patches-tried": lambda e, *sizes: (e.patched >= len(sizes), e.patched, len(sizes)),
    "parameters": lambda e, m, n: (abs(e.off(m, n)) <= 0.01, e.parameters[m], 100 * e.off(m, n)),
    "order": lambda e, m: (abs(np.subtract(*e.growth(m))) <= 0.05, *e.growth(m), e.exponent(m)),
    "gru-as-state-space": lambda e: (e.bend < 0.01, 100 * e.bend),
    "ten-times": lambda e, x: (
        round(ratio(e.reported.parameters)) == x,
        ratio(e.reported.parameters),
        ratio(e.parameters),
    ),
    "dev-mae": lambda e, m, mae: 0 <= mae <= e.facts.scale_high,
    "dev-pcc": lambda e, m, r: (abs(r) < 1, *fisher_interval(r, e.n), candidates_by_chance(r, e.n)),
    "test-mae": lambda e, m, mae: (0 <= mae <= e.facts.scale_high, mae - e.constant),
    "test-pcc": lambda e, m, r: (abs(r) < 1, *fisher_interval(r, e.n), correlation_p_value(r, e.n)),
    "sigma-ratio": lambda e, m, s: (
        possible(e, m, 1.0) or possible(e, m, 0.5),
        e.least_rmse(m, s),
        e.least_rmse(m, s**0.5),
    ),
    "mean": lambda e, column, stated: same_mean(e.reported[column], stated),
    "sd": lambda e, column, stated: same_sd(e.reported[column], stated),
    "range": lambda e, column, *stated: as_stated((e.low[column], e.high[column]), *stated),
    "gap": lambda e, m, x: (as_stated(e.mean_gap[m], x), e.mean_gap[m], *ends(e.gap[m])),
    "delta": same_delta,
    "gap-has-one-sign": lambda e: (e.worse.all(axis=None), *e.worse.sum()),
    "identical-gap": lambda e: (np.ptp(e.gap.mae.round(1)) == 0, *ends(e.gap.mae)),
    "overfitting": lambda e: ((e.gap.mae > 0).any(), np.sqrt(2 / e.n) * e.constant_sd),
    # Errors that lie closer than a test of so few could tell are not shown to be similar.
    "spread-is-negligible": lambda e: (e.sd.test_mae < e.detectable[1], e.half_widths.min() / 1.96),
    "similar-errors": lambda e: (e.span.test_mae < e.detectable[1], e.half_widths.min()),
    "nobody-dominates": lambda e: len(set(e.best)) > 1,
    "patches-on-dev": lambda e: e.reported.dev_mae[PATCHES] > e.reported.dev_mae[MEAN],
    "patches-for-accuracy": lambda e: e.ranks.loc[PATCHES, ["dev_mae", "test_mae"]].min() > 1,
    "within-a-tenth": lambda e, x: (
        (e.behind_the_mean.abs().round(1) <= x).all(),
        ", ".join(f"{model} {value:+.3f}" for model, value in e.behind_the_mean.items()),
    ),
    "no-better-error": lambda e: ((e.behind_the_mean >= 0).all(), (e.behind_the_mean < 0).sum()),
    "no-better-correlation": lambda e: (e.agreement is None, e.agreement or 1.0),
    "training-times": lambda e, mean, patches: (
        any(abs(times * mean / patches - 1) < 0.1 for times in e.epoch_ratios),
        patches / mean,
        *e.epoch_ratios,
    ),
    "lower-bound": lambda e: e.reported.test_mae[MEAN] < e.constant,
    "zero-is-collapse": lambda e: (
        sigma_ratio(np.arange(e.n), np.full(e.n, 14.5)) == 0 < sigma_ratio(*e.senseless)
    ),
    "meaningful-spread": lambda e, x: (
        not sigma_ratio(*e.senseless) > x,
        sigma_ratio(*e.senseless),
        abs(pcc(*e.senseless)),
        (e.reported.sigma_ratio > 2 * e.reported.test_pcc).sum(),
    ),
    "least": lambda e, column, x: e.low[column] > x,
    "some-signal": lambda e: (e.signal.any(axis=None), (~e.signal.mae).sum(), e.signal.pcc.sum()),
    "highest": lambda e, column: ((top := e.reported[column].idxmax()) == PATCHES, top),
    "other-patterns": lambda e: (
        e.reported.test_pcc.idxmax() == PATCHES,
        *fisher_interval(e.reported.test_pcc[PATCHES], e.n),
        *compare_correlations(e.reported.test_pcc[PATCHES], e.n, e.reported.test_pcc.min(), e.n),
    ),
    "useful-spread": lambda e: (
        e.least_rmse(PATCHES) <= e.facts.label_sd,
        100 * e.reported.test_pcc[PATCHES] ** 2,
        e.least_rmse(PATCHES, e.reported.test_pcc[PATCHES]),
        e.least_rmse(PATCHES),
    ),
    "fall-of-pcc": lambda e: (
        ((e.falls < 0.05).all() or None) if e.worse.pcc.all() else False,
        (e.falls < 0.05).sum(),
        *ends(e.falls),
    ),
    "zeros-collapse": lambda e, x: (as_stated(e.spread_on_zeros, x), e.spread_on_zeros),
    "norms-and-variances": lambda e: (
        not np.allclose((e.random_frames**2).sum(axis=1), 1)
        or e.random_frames.var(axis=1).min() < 0.5 / e.facts.encoder_dim
    ),
    "noise-of-labels": lambda e: e.noise.retest_low >= e.low.test_mae,
    "target-mae": lambda e, target, best: (
        round(e.low.test_mae, 1) == best > target,
        target - e.constant,
    ),
    "target-pcc": lambda e, target, best: (
        target / e.high.test_pcc >= 2,
        target / e.high.test_pcc,
        *fisher_interval(target, e.n),
    ),
    "target-gap": lambda e, target: (round(e.mean_gap.mae / 2, 2) == target, e.mean_gap.mae / 2),
    "target-time": lambda e, ms: (ms <= e.frame_ms, ms / e.frame_ms),
    "target-size": lambda e, n: (
        None if e.parameters.max() < n <= e.with_encoder else e.parameters.max() < n,
        e.parameters.max() / 1e6,
        e.with_encoder / 1e6,
    ),
    # Of the simulated cohort, which decides nothing: figures only.
    "simulated-patches": lambda e: [e.apart(f"LDBM-patch{size}", PATCHES) for size in (4, 16)],
    "simulated-gap": lambda e: [
        (e.scores("mae", "test", x) - e.scores("mae", "dev", x)).mean() for x in LABELS
    ],
    "simulated-dev-pcc": lambda e: [v for x in LABELS for v in ends(e.scores("pcc", "dev", x))],
    "simulated-collapse": lambda e: ends(e.scores("sigma_ratio", "test", LABELS[1])),
    "simulated-spread": lambda e: [e.scores("mae").std(), *ends(e.scores("mae"))],
    "simulated-winner": lambda e: [e.scores("mae").idxmin()],
    "simulated-highest": lambda e, name: [(s := e.scores(name)).idxmax(), s.max(), s[PATCHES]],
    "simulated-identity": lambda e: [
        e.runs.summary(model, "pcc").estimate for model in ("RidgeMeanSD", "oracle")
    ],
    "simulated-differences": lambda e: [
        ", ".join(f"{m} {e.apart(m, MEAN):+.2f}" for m in e.others)
    ],
    "simulated-improvement": lambda e: [sum(e.apart(m, MEAN).high < 0 for m in e.others)],
    "simulated-fallback": lambda e: [e.filled("random"), e.filled("mask")],
}
"""Name in ``claims.csv`` -> check."""
