"""One check a statement: whether it holds (None leaves it open), then the figures found.

A check takes the `Evidence` and its row of ``claims.csv``: ``model``, and ``stated``, the figures
of the statement; what it finds is printed by the row's ``finding``. No check and no row states a
verdict. For labels of SD ``S``, predictions of SD ``s S``, correlation ``r`` and mean error ``b``,
whatever the distribution::

    RMSE^2 = S^2 (1 + s^2 - 2 s r) + b^2
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq

from deplib.metrics import pcc, sigma_ratio
from deplib.statistics import (
    compare_correlations,
    correlation_p_value,
    critical_r,
    fisher_interval,
)

if TYPE_CHECKING:
    from deplib.claims.ledger import Claim, Evidence

Found = tuple[Any, ...]
MEAN, PATCHES = "TemporalMeanMLP", "LDBM"
GAUSSIAN = float(np.sqrt(2 / np.pi))
"""MAE over RMSE of Gaussian errors without bias, 0.80."""
PAIRED_SD = (3.0, 6.0)
"""BDI-II points: assumed SDs of paired differences of absolute errors. The study gives none."""
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
    r, sd = row["test_pcc"], e.facts["label_sd"]
    rmse = sd * np.sqrt(1 - r * r) if s is None else rmse_without_bias(r, s, sd)
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


def detectable(n: int) -> list[float]:
    """Return the differences in MAE that a paired test of n recordings finds with 80 % power."""
    z = stats.norm.isf(0.025) + stats.norm.ppf(0.8)
    return [float(z * sd / np.sqrt(n)) for sd in PAIRED_SD]


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


def senseless(n: int, spread: float) -> np.ndarray:
    """Return predictions of that sigma_ratio that know nothing of the labels 0, 1, ..., n - 1."""
    y = np.arange(n) - (n - 1) / 2
    noise = np.cos(np.pi * np.arange(n))
    noise = noise - noise.mean() - y * (noise @ y) / (y @ y)
    return noise * spread * y.std() / noise.std()


def ends(values: pd.Series) -> tuple[float, float]:
    """Return the least and the greatest."""
    return float(values.min()), float(values.max())


def same_mean(values: pd.Series, c: "Claim") -> Found:
    """Compare a mean; rounding may go either way at half a unit, as in 10.5725."""
    return abs(values.mean() - c.stated[0]) <= 0.000501, values.mean()


def same_sd(values: pd.Series, c: "Claim") -> Found:
    """Compare with both conventions, and with what rounding of the rows allows.

    The SD of n rounded numbers is off by at most half a unit (1/n), or sqrt(n / (n - 1)) of it.
    """
    n, half = len(values), 0.0005
    slack = np.array([half, half * np.sqrt(n / (n - 1))]) + half
    sds = np.array([values.std(ddof=0), values.std(ddof=1)])
    return bool((abs(sds - c.stated[0]) <= slack).any()), *sds


def same_range(values: pd.Series, c: "Claim", digits: int) -> Found:
    """Compare the least and the greatest, rounded as stated."""
    return np.allclose(np.round(ends(values), digits), c.stated, atol=1e-9), *ends(values)


def same_mean_gap(values: pd.Series, c: "Claim", digits: int) -> Found:
    """Compare the mean of the four gaps, rounded as stated."""
    return round(values.mean(), digits) == c.stated[0], values.mean(), *ends(values)


def same_delta(e: "Evidence", c: "Claim", metric: str, unit: float) -> Found:
    """Ask whether a delta follows from the two printed ranges: from both ends, or the middles."""
    names = (f"range-of-dev-{metric}", f"rounded-range-of-test-{metric}")
    low, high = np.subtract(*(e.claims.loc[name, "stated"] for name in reversed(names)))
    off, slack = abs(np.array([low, high]) - c.stated[0]), unit / 2 + 1e-9
    middle = (low + high) / 2
    return bool((off <= slack).all() or abs(middle - c.stated[0]) <= slack), low, high, middle


def possible(e: "Evidence", model: str, power: float) -> bool:
    """Return whether a Test MAE can go with its PCC and sigma_ratio; no error exceeds the scale.

    As ``e^2 <= 63 |e|``, the MAE is at least ``RMSE^2 / 63``.
    """
    row, top = e.reported.loc[model], e.facts.scale_high
    rmse = rmse_without_bias(row.test_pcc, row.sigma_ratio**power, e.facts.label_sd)
    return bool(rmse**2 / top <= row.test_mae <= top)


def not_false(holds: bool) -> bool | None:
    """Leave a statement open unless it is contradicted."""
    return None if holds else False


def not_true(holds: bool) -> bool | None:
    """Leave a statement open unless it is confirmed."""
    return True if holds else None


# fmt: off
CHECKS: dict[str, Callable[["Evidence", "Claim"], Found]] = {
    "clips-are-long": lambda e, c: (
        c.stated[0] <= e.facts.clip_q25 < e.facts.clip_q75 <= c.stated[1],
        *e.facts[["clip_q25", "clip_q75", "clip_median"]]),
    "scale-of-bdi": lambda e, c: ((e.facts.scale_low, e.facts.scale_high) == c.stated, *c.stated),
    "fifty-subjects": lambda e, c: (
        3 * c.stated[0] == e.facts.n_persons, e.facts.n_persons, e.facts.n_persons_train_dev,
        e.facts.n_test - (e.facts.n_persons - e.facts.n_persons_train_dev)),
    "frame-size": lambda e, c: (c.stated[0] == e.facts.encoder_size, e.facts.encoder_size),
    "feature-dim": lambda e, c: (c.stated[0] == e.facts.encoder_dim, e.facts.encoder_dim),
    "one-label": lambda e, c: (
        e.facts.n_recordings <= e.facts.n_clips, e.facts.n_recordings, e.facts.n_clips),
    "which-sigma-ratio": lambda e, c: (
        not_false(all(possible(e, m, p) for m in e.reported.index for p in (1.0, 0.5))),),
    "encoder-training": lambda e, c: (
        not_true(e.facts.encoder_identities >= e.facts.webface260m_identities),
        e.facts.encoder_identities / 1e3, e.facts.webface260m_identities / 1e6),
    "length-of-the-paper": lambda e, c: (
        not_true(c.stated[0] in (e.facts.ste_mamba_frames, e.facts.mlm_eoe_frames)),
        e.facts.ste_mamba_frames, e.facts.mlm_eoe_frames),
    "width-of-the-paper": lambda e, c: (not_false(c.stated[0] == e.facts.encoder_dim),),
    "same-context": lambda e, c: (
        e.facts.clips_over_2000 / e.facts.n_clips > 0.95,
        100 - 100 * e.facts.clips_over_2000 / e.facts.n_clips,
        100 * e.facts.clip_median / c.stated[0]),
    "batch-fits": lambda e, c: (
        bool(c.stated[0] * e.peak_mib() * 2**20 < e.facts.gpu_gb * 1e9), e.peak_mib(),
        c.stated[0] * e.peak_mib(), e.facts.gpu_gb),
    "patches-tried": lambda e, c: (
        not_true(e.reported.index.str.startswith(PATCHES).sum() >= len(c.stated)),
        e.reported.index.str.startswith(PATCHES).sum(), len(c.stated)),
    "parameters": lambda e, c: (
        not_true(abs(e.parameters[c.model] / c.stated[0] - 1) <= 0.01), e.parameters[c.model],
        100 * (e.parameters[c.model] / c.stated[0] - 1)),
    "order": lambda e, c: (
        abs(e.growth(c.model) - e.stated_growth(c.model)) <= 0.05
        or (None if c.model == PATCHES else False),  # which tokens attend is not said
        e.growth(c.model), e.stated_growth(c.model), e.time_exponent(c.model)),
    "gru-as-state-space": lambda e, c: (bool(e.bend() < 0.01), 100 * e.bend()),
    "ten-times": lambda e, c: (
        round(e.reported.parameters[PATCHES] / e.reported.parameters[MEAN]) == c.stated[0],
        e.reported.parameters[PATCHES] / e.reported.parameters[MEAN],
        e.parameters[PATCHES] / e.parameters[MEAN]),
    "dev-mae": lambda e, c: (
        not_false(0 <= c.stated[0] <= e.facts.scale_high),
        e.constant * e.facts.dev_sd / e.facts.label_sd, e.facts.dev_sd),
    "dev-pcc": lambda e, c: (
        not_false(abs(c.stated[0]) < 1), *fisher_interval(c.stated[0], e.n),
        candidates_by_chance(c.stated[0], e.n)),
    "test-mae": lambda e, c: (
        not_false(0 <= c.stated[0] <= e.facts.scale_high), c.stated[0] - e.constant, e.constant,
        half_width(e, c.model), half_width(e, c.model, e.reported.sigma_ratio[c.model])),
    "test-pcc": lambda e, c: (
        not_false(abs(c.stated[0]) < 1), *fisher_interval(c.stated[0], e.n),
        correlation_p_value(c.stated[0], e.n), critical_r(e.n)),
    "sigma-ratio": lambda e, c: (
        not_false(possible(e, c.model, 1.0) or possible(e, c.model, 0.5)),
        *(e.least_rmse(c.model, c.stated[0] ** power) for power in (1.0, 0.5)), e.facts.label_sd),
    "mean-of-test-mae": lambda e, c: same_mean(e.reported.test_mae, c),
    "sd-of-test-mae": lambda e, c: same_sd(e.reported.test_mae, c),
    "range-of-test-mae": lambda e, c: same_range(e.reported.test_mae, c, 3),
    "mean-of-test-pcc": lambda e, c: same_mean(e.reported.test_pcc, c),
    "sd-of-test-pcc": lambda e, c: same_sd(e.reported.test_pcc, c),
    "range-of-test-pcc": lambda e, c: same_range(e.reported.test_pcc, c, 3),
    "range-of-dev-mae": lambda e, c: same_range(e.reported.dev_mae, c, 1),
    "rounded-range-of-test-mae": lambda e, c: same_range(e.reported.test_mae, c, 1),
    "range-of-dev-pcc": lambda e, c: same_range(e.reported.dev_pcc, c, 2),
    "rounded-range-of-test-pcc": lambda e, c: same_range(e.reported.test_pcc, c, 2),
    "gap-in-mae": lambda e, c: same_mean_gap(e.gap("mae"), c, 1),
    "gap-in-pcc": lambda e, c: same_mean_gap(e.gap("pcc"), c, 2),
    "gap-has-one-sign": lambda e, c: (
        bool((e.gap("mae") > 0).all() and (e.gap("pcc") < 0).all()), (e.gap("mae") > 0).sum(),
        (e.gap("pcc") < 0).sum()),
    "delta-of-mae": lambda e, c: same_delta(e, c, "mae", 0.1),
    "delta-of-pcc": lambda e, c: same_delta(e, c, "pcc", 0.01),
    "identical-gap": lambda e, c: (
        round(e.gap("mae").min(), 1) == round(e.gap("mae").max(), 1), *ends(e.gap("mae")),
        np.ptp(e.gap("mae")), np.ptp(e.reported.test_mae)),
    "overfitting": lambda e, c: (
        not_false(bool((e.gap("mae") > 0).any())), e.gap("mae").mean(),
        np.sqrt(2 / e.n) * e.constant_error_sd()),
    # Errors that lie closer than a test of so few could tell are not shown to be similar.
    "spread-is-negligible": lambda e, c: (
        not_false(e.reported.test_mae.std() < detectable(e.n)[1]), e.reported.test_mae.std(),
        e.least_half_width() / 1.96),
    "similar-errors": lambda e, c: (
        not_false(np.ptp(e.reported.test_mae) < detectable(e.n)[1]), np.ptp(e.reported.test_mae),
        e.least_half_width(), *detectable(e.n)),
    "capacity-is-no-bottleneck": lambda e, c: (
        not_false(np.ptp(e.reported.test_mae) < detectable(e.n)[1]), np.ptp(e.reported.test_mae),
        *detectable(e.n), *PAIRED_SD),
    "nobody-dominates": lambda e, c: (len(set(e.best())) > 1, *e.best()),
    "patches-on-dev": lambda e, c: (
        bool(e.reported.dev_mae[PATCHES] > e.reported.dev_mae[MEAN]), e.reported.dev_mae[PATCHES],
        e.reported.dev_mae[MEAN]),
    "patches-for-accuracy": lambda e, c: (
        PATCHES not in (e.reported.dev_mae.idxmin(), e.reported.test_mae.idxmin()),
        e.reported.dev_mae.rank()[PATCHES], e.reported.test_mae.rank()[PATCHES],
        e.reported.test_pcc.rank(ascending=False)[PATCHES]),
    "within-a-tenth": lambda e, c: (
        bool((e.behind_the_mean().abs().round(1) <= c.stated[0]).all()),
        ", ".join(f"{model} {value:+.3f}" for model, value in e.behind_the_mean().items())),
    "no-better-error": lambda e, c: (
        not_true(bool((e.behind_the_mean() >= 0).all())), (e.behind_the_mean() < 0).sum(),
        len(e.behind_the_mean())),
    "no-better-correlation": lambda e, c: (not_true(e.agreement() is None), e.agreement() or 1.0),
    "training-times": lambda e, c: (
        not_true(any(abs(x * c.stated[0] / c.stated[1] - 1) < 0.1 for x in e.epoch_ratios())),
        c.stated[1] / c.stated[0], *e.epoch_ratios()),
    "lower-bound": lambda e, c: (
        bool(e.reported.test_mae[MEAN] < e.constant), e.reported.test_mae[MEAN], e.constant),
    "zero-is-collapse": lambda e, c: (
        sigma_ratio(np.arange(e.n), np.full(e.n, 14.5)) == 0 < sigma_ratio(*e.senseless()),),
    "meaningful-spread": lambda e, c: (
        not sigma_ratio(*e.senseless()) > c.stated[0], sigma_ratio(*e.senseless()),
        abs(pcc(*e.senseless())), (e.reported.sigma_ratio > 2 * e.reported.test_pcc).sum()),
    "dev-pcc-above": lambda e, c: (
        bool(e.reported.dev_pcc.min() > c.stated[0]), e.reported.dev_pcc.min(), critical_r(e.n)),
    "not-collapsed": lambda e, c: (
        bool(e.reported.sigma_ratio.min() > c.stated[0]), e.reported.sigma_ratio.min()),
    "some-signal": lambda e, c: (
        not_true(bool((e.reported.test_mae <= e.constant).any())
                 or bool((e.reported.test_pcc >= critical_r(e.n)).any())),
        (e.reported.test_mae > e.constant).sum(), e.constant,
        (e.reported.test_pcc >= critical_r(e.n)).sum(), critical_r(e.n)),
    "highest-pcc": lambda e, c: (
        e.reported.test_pcc.idxmax() == PATCHES, e.reported.test_pcc.idxmax(),
        e.reported.test_pcc.max()),
    "other-patterns": lambda e, c: (
        not_false(e.reported.test_pcc.idxmax() == PATCHES),
        *fisher_interval(e.reported.test_pcc[PATCHES], e.n),
        *compare_correlations(e.reported.test_pcc[PATCHES], e.n, e.reported.test_pcc.min(), e.n)),
    "highest-sigma-ratio": lambda e, c: (
        e.reported.sigma_ratio.idxmax() == PATCHES, e.reported.sigma_ratio.idxmax(),
        e.reported.sigma_ratio.max()),
    "useful-spread": lambda e, c: (
        not_true(e.least_rmse(PATCHES) <= e.facts.label_sd),
        100 * e.reported.test_pcc[PATCHES] ** 2,
        e.least_rmse(PATCHES, e.reported.test_pcc[PATCHES]), e.least_rmse(PATCHES),
        e.facts.label_sd),
    "fall-of-pcc": lambda e, c: (
        not_true(bool((e.falls() < 0.05).all())) if (e.gap("pcc") < 0).all() else False,
        (e.falls() < 0.05).sum(), *ends(e.falls())),
    "zeros-collapse": lambda e, c: (
        round(e.spread_on_zeros(), 2) == c.stated[0], e.spread_on_zeros()),
    "norms-and-variances": lambda e, c: (
        not np.allclose((e.random_frames() ** 2).sum(axis=1), 1)
        or bool(e.random_frames().var(axis=1).min() < 0.5 / e.facts.encoder_dim),),
    "noise-of-labels": lambda e, c: (
        not_true(e.noise("retest_low") >= e.reported.test_mae.min()),
        *map(e.noise, ("retest_high", "retest_week", "retest_low")),
        *e.facts[["retest_high", "retest_week", "retest_low"]]),
    "target-mae": lambda e, c: (
        round(e.reported.test_mae.min(), 1) == c.stated[1] > c.stated[0],
        e.reported.test_mae.min(), e.constant, c.stated[0] - e.constant),
    "target-pcc": lambda e, c: (
        c.stated[0] / e.reported.test_pcc.max() >= 2, c.stated[0] / e.reported.test_pcc.max(),
        *fisher_interval(c.stated[0], e.n)),
    "target-gap": lambda e, c: (
        round(e.gap("mae").mean() / 2, 2) == c.stated[0], e.gap("mae").mean(),
        e.gap("mae").mean() / 2),
    "target-time": lambda e, c: (
        c.stated[0] <= 1e3 / e.facts.frames_a_second, 1e3 / e.facts.frames_a_second,
        c.stated[0] * e.facts.frames_a_second / 1e3),
    "target-size": lambda e, c: (
        None if e.parameters.max() < c.stated[0] <= e.with_encoder()
        else bool(e.parameters.max() < c.stated[0]),
        e.parameters.max() / 1e6, e.with_encoder() / 1e6),
    "simulated-patches": lambda e, c: (
        None, *(e.apart(f"LDBM-patch{patch}", PATCHES) for patch in (4, 16))),
    "simulated-gap": lambda e, c: (
        None, *((e.scores("mae", "test", x) - e.scores("mae", "dev", x)).mean() for x in LABELS)),
    "simulated-dev-pcc": lambda e, c: (
        None, *(x for labels in LABELS for x in ends(e.scores("pcc", "dev", labels)))),
    "simulated-collapse": lambda e, c: (None, *ends(e.scores("sigma_ratio", "test", LABELS[1]))),
    "simulated-spread": lambda e, c: (None, e.scores("mae").std(), *ends(e.scores("mae"))),
    "simulated-winner": lambda e, c: (None, e.scores("mae").idxmin()),
    "simulated-pcc": lambda e, c: (None, e.scores("pcc").idxmax(), e.scores("pcc").max()),
    "simulated-sigma-ratio": lambda e, c: (
        None, e.scores("sigma_ratio").idxmax(), e.scores("sigma_ratio").max(),
        e.scores("sigma_ratio")[PATCHES]),
    "simulated-identity": lambda e, c: (
        None, *(e.runs.summary(model, "pcc").estimate for model in ("RidgeMeanSD", "oracle"))),
    "simulated-differences": lambda e, c: (
        None, ", ".join(f"{m} {e.apart(m, MEAN)}" for m in e.behind_the_mean().index)),
    "simulated-improvement": lambda e, c: (
        None, sum(e.difference(m, MEAN).high < 0 for m in e.behind_the_mean().index)),
    "simulated-fallback": lambda e, c: (None, e.filled("random"), e.filled("mask")),
}
# fmt: on
"""Name in ``claims.csv`` -> check."""
