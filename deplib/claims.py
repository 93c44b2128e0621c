"""What the study reported, and the verdict that can be reached on its claims without its data.

``check_claims`` needs no recording: it recomputes the study's own summary figures from the rows of
its results table, and sets them beside what a constant predictor reaches on the AVEC2014 test
labels, derived from published statistics of the severity bands. ``check_on_grid`` sets what the
study says about architectures beside what a grid of runs on another cohort shows; about AVEC2014
that decides nothing.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from deplib.evaluation import signed
from deplib.models.registry import MODELS
from deplib.seeds import Scores
from deplib.statistics import critical_r, fisher_interval

REPORTED = pd.DataFrame(
    [
        ("TemporalMeanMLP", 8.645, 0.426, 10.426, 0.101, 0.53),
        ("LDBM", 9.061, 0.485, 10.529, 0.267, 0.93),
        ("VanillaTransformer", 8.272, 0.484, 10.428, 0.186, 0.79),
        ("MambaGRU", 8.885, 0.508, 10.907, 0.181, 0.80),
    ],
    columns=["model", "dev_mae", "dev_pcc", "test_mae", "test_pcc", "sigma_ratio"],
)
"""The study's results table (AVEC2014, one seed, 50 recordings a split), as reported."""

DESCRIBED = pd.DataFrame(
    [
        ("TemporalMeanMLP", "mean over frames, then one hidden layer", "131K", "O(1)"),
        ("LDBM", "attention over patches, merged after each layer", "1.35M", "O(N log N)"),
        ("VanillaTransformer", "attention over all frames", "~500K", "O(N^2)"),
        ("MambaGRU", "two layers of a causal GRU", "528K", "O(N)"),
    ],
    columns=["model", "mechanism", "parameters_reported", "order_reported"],
)
"""The study's table of models: parameters and order of temporal cost as reported."""

N_TEST = 50
"""Recordings in the AVEC2014 test split."""

TEST_BANDS = pd.DataFrame(
    [
        ("minimal", 0.50, 4.96),
        ("mild", 0.20, 16.20),
        ("moderate", 0.16, 25.00),
        ("severe", 0.14, 34.14),
    ],
    columns=["band", "share", "mean_bdi"],
)
"""Share and mean BDI-II of each severity band among the AVEC2014 test labels, as published in the
README of umayrah-mm/Depression-Severity-Estimation; no single label is known here or needed."""

CONFIRMED, CONTRADICTED, UNDECIDABLE = "confirmed", "contradicted", "undecidable"
NOT_TESTABLE = "not testable without the licensed data"


BEST_CONSTANT = 13.5
"""BDI-II points: a median of the AVEC2014 test labels, so no constant has a smaller MAE."""


def constant_test_mae(constant: float = BEST_CONSTANT) -> float:
    """Return the test MAE of predicting one constant for every AVEC2014 test recording.

    With half of the labels at 13 or below and half at 14 or above, no label lies between the two,
    so the band means suffice: ``sum_b share_b * |mean_b - c|``.

    Parameters
    ----------
    constant
        The prediction, 13 to 14 points; outside, a band's labels would lie on both sides.

    Raises
    ------
    ValueError
        If the constant is outside 13 to 14, where band means do not determine the MAE.

    Examples
    --------
    >>> round(constant_test_mae(13.5), 2)
    9.54
    """
    if not 13 <= constant <= 14:
        raise ValueError(
            f"constant {constant} is outside [13, 14]: there the band means do not determine the "
            "MAE. Use 13 to 14, the interval of medians, which also gives the smallest MAE."
        )
    return float((TEST_BANDS["share"] * (TEST_BANDS["mean_bdi"] - constant).abs()).sum())


@dataclass(frozen=True)
class Claim:
    """One statement of the study, what the check found, and the verdict."""

    statement: str
    found: str
    verdict: str


def _verdict(holds: bool) -> str:
    return CONFIRMED if holds else CONTRADICTED


def check_claims(reported: pd.DataFrame = REPORTED) -> list[Claim]:
    """Recompute the study's summary claims from the rows of its own results table.

    Parameters
    ----------
    reported
        A table with the columns of ``REPORTED``.

    Returns
    -------
    list of Claim
        The verdict is reached by comparing at the precision that the study prints.
    """
    test, dev = reported["test_mae"].to_numpy(), reported["dev_mae"].to_numpy()
    pcc = reported["test_pcc"].to_numpy()
    by_model = reported.set_index("model")
    gap_mae, gap_pcc = test - dev, pcc - reported["dev_pcc"].to_numpy()
    stds = {"population": test.std(), "sample": test.std(ddof=1)}
    pcc_stds = {"population": pcc.std(), "sample": pcc.std(ddof=1)}
    mlp = by_model.loc["TemporalMeanMLP"]
    behind = by_model["test_mae"].drop("TemporalMeanMLP") - mlp["test_mae"]
    best_pcc = float(pcc.max())
    low, high = fisher_interval(best_pcc, N_TEST)
    bound = critical_r(N_TEST)
    constant = constant_test_mae()
    return [
        Claim(
            "Test MAE: mean 10.573",
            f"mean {test.mean():.4f}",
            _verdict(abs(test.mean() - 10.573) <= 0.00051),
        ),
        Claim(
            "Test MAE: standard deviation 0.195",
            ", ".join(f"{value:.3f} ({name})" for name, value in stds.items()),
            _verdict(any(round(value, 3) == 0.195 for value in stds.values())),
        ),
        Claim(
            "Test PCC: mean 0.184, standard deviation 0.068",
            f"mean {pcc.mean():.3f}; "
            + ", ".join(f"{value:.3f} ({name})" for name, value in pcc_stds.items()),
            _verdict(round(pcc.mean(), 3) == 0.184 and round(pcc_stds["sample"], 3) == 0.068),
        ),
        Claim(
            "Gap from Dev to Test: +2.0 MAE, consistent across architectures",
            f"{gap_mae.mean():+.2f} on average, {gap_mae.min():+.2f} to {gap_mae.max():+.2f}",
            _verdict(round(gap_mae.mean(), 1) == 2.0),
        ),
        Claim(
            "Gap from Dev to Test: -0.25 PCC",
            f"{gap_pcc.mean():+.2f} on average",
            _verdict(round(gap_pcc.mean(), 2) == -0.25),
        ),
        Claim(
            "TemporalMeanMLP is within 0.1 MAE of the complex models",
            ", ".join(f"{name} {value:+.3f}" for name, value in behind.items()),
            _verdict(bool((behind.round(1) <= 0.1).all())),
        ),
        Claim(
            "A Test PCC of 0.267 shows that patch attention captures temporal patterns",
            f"95 % interval {low:.2f} to {high:.2f}; to differ from 0 at n = {N_TEST}, "
            f"|r| must exceed {bound:.3f}",
            UNDECIDABLE if low <= 0 <= high else CONFIRMED,
        ),
        Claim(
            "A Test PCC above 0.30 would double the best result (0.267)",
            f"0.30 is {0.30 / best_pcc:.2f} times {best_pcc:.3f}",
            _verdict(0.30 / best_pcc >= 2),
        ),
        Claim(
            "Reducing the gap by 50 % means less than 1.0 MAE",
            f"half of {gap_mae.mean():.2f} is {gap_mae.mean() / 2:.2f}",
            _verdict(round(gap_mae.mean() / 2, 2) == 1.0),
        ),
        Claim(
            "The features contain some depression-relevant signal",
            f"every Test MAE ({test.min():.2f} to {test.max():.2f}) is above that of a constant "
            f"({constant:.2f}); no Test PCC exceeds {bound:.3f}",
            UNDECIDABLE if np.all(test > constant) and np.all(pcc < bound) else CONFIRMED,
        ),
    ]


def check_on_grid(test: Scores, permuted: Scores) -> list[Claim]:
    """Set what the study says about architectures beside a grid of runs on another cohort.

    Parameters
    ----------
    test
        Scores of the study's four and of LDBM at patches 4 and 16 over seeds.
    permuted
        Scores of the four on permuted labels.

    Returns
    -------
    list of Claim
        ``found`` is about the cohort of the scores. As statements about AVEC2014 all remain
        ``NOT_TESTABLE``.
    """
    four = list(MODELS)
    mean = {model: test.summary(model).value for model in four}
    winner, n_seeds = min(mean, key=lambda model: mean[model]), len(test.values(four[0]))
    first = int((test.ranks(four)[winner] == 1).sum())
    pcc = {model: test.summary(model, "pcc") for model in four}
    top = max(pcc, key=lambda model: pcc[model].value)
    sigma = {model: test.summary(model, "sigma_ratio").value for model in four}
    widest = max(sigma, key=lambda model: sigma[model])
    shuffled = [permuted.summary(model, "sigma_ratio").value for model in four]
    from_mlp = {m: test.difference(m, "TemporalMeanMLP") for m in four if m != "TemporalMeanMLP"}
    patches = {p: test.difference(f"LDBM-patch{p}", "LDBM") for p in (4, 16)}
    sd = np.std(list(mean.values()), ddof=1)
    found = {
        "Variance of Test MAE over four architectures is negligible (SD 0.195)": (
            f"SD of the four means over {n_seeds} seeds: {sd:.3f}; {min(mean.values()):.2f} to "
            f"{max(mean.values()):.2f}"
        ),
        "No architecture clearly dominates (lowest Test MAE: TemporalMeanMLP)": (
            f"lowest mean: {winner}, first in {first} of {n_seeds} seeds"
        ),
        "TemporalMeanMLP is within 0.1 MAE of the complex models": "minus TemporalMeanMLP: "
        + ", ".join(f"{name} {signed(d)}" for name, d in from_mlp.items()),
        "LDBM has the highest Test PCC (0.267)": (
            f"highest mean: {top}, {pcc[top].value:.2f} ({pcc[top].low:.2f} to "
            f"{pcc[top].high:.2f}); LDBM {pcc['LDBM'].value:.2f}"
        ),
        "LDBM has the highest sigma_ratio (0.93)": (
            f"highest mean: {widest}, {sigma[widest]:.2f}; LDBM {sigma['LDBM']:.2f}"
        ),
        "sigma_ratio above 0.5 indicates predictions that have not collapsed": (
            f"with permuted labels, where nothing can be learnt, {min(shuffled):.2f} to "
            f"{max(shuffled):.2f}"
        ),
        "Does finer temporal granularity help? (patches of 4, 8, 16; no figure reported)": (
            "MAE minus that of patch 8: "
            + ", ".join(f"patch {patch} {signed(d)}" for patch, d in patches.items())
        ),
    }
    return [Claim(statement, figure, NOT_TESTABLE) for statement, figure in found.items()]


def claims_table(claims: list[Claim]) -> pd.DataFrame:
    """Return the claims as a table with columns ``statement``, ``found``, ``verdict``."""
    return pd.DataFrame([vars(claim) for claim in claims])
