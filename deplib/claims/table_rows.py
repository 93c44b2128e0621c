"""Each figure of the results table: what it amounts to, and whether it is possible at all.

None of them can be recomputed without the licensed recordings. A figure that no predictions could
have would be contradicted all the same.
"""

from deplib.claims.arithmetic import (
    GAUSSIAN,
    can_be,
    candidates_by_chance,
    least_error_sd,
    rmse_without_bias,
)
from deplib.claims.entry import PUBLISHED, Finding, claim_each
from deplib.claims.evidence import Evidence
from deplib.claims.reported import REPORTED
from deplib.models import MODELS
from deplib.statistics import correlation_p_value, critical_r, fisher_interval

_LINES = dict(zip(MODELS, (82, 83, 84, 85), strict=True))
Z = 1.96


def _rows(column: str, name: str, digits: int) -> list[tuple[str, int, str]]:
    values = REPORTED.set_index("model")[column]
    return [(m, _LINES[m], f"{name} of {m}: {values[m]:.{digits}f}") for m in MODELS]


def _possible(holds: bool) -> bool | None:
    """Return False for a figure that cannot be, and otherwise leave it open."""
    return None if holds else False


def half_width(evidence: Evidence, model: str, *, any_spread: bool = True) -> float:
    """Return the least half width of a 95 % interval of a model's Test MAE.

    From the least SD of its absolute errors, taking recordings as independent; recordings that
    share a person, or a bias, make it wider.

    Parameters
    ----------
    evidence, model
        Whose results, and of which model.
    any_spread
        Whatever the spread of the predictions; else with the reported sigma_ratio, read as the
        ratio of SDs over Test recordings.
    """
    row = evidence.study.row(model)
    s = None if any_spread else row["sigma_ratio"]
    sd = least_error_sd(row["test_mae"], row["test_pcc"], evidence.published.label_sd, s)
    return float(Z * sd / evidence.published.n_test**0.5)


@claim_each(_rows("dev_mae", "Dev MAE", 3), rests_on=PUBLISHED)
def dev_mae(evidence: Evidence, model: str) -> Finding:
    """Set it beside a constant, as far as the Dev labels are known."""
    known, value = evidence.published, evidence.study.column("dev_mae")[model]
    constant = known.constant_mae() * known.dev_sd_quoted / known.label_sd
    beside = "below" if value < constant else "above"
    return Finding(
        f"{abs(constant - value):.2f} {beside} the {constant:.1f} of a constant, if the SD on Dev "
        f"is {known.dev_sd_quoted} as commonly quoted; no interval, no seeds; Dev is no held-out "
        "split where it chose the epoch, of which nothing is said",
        _possible(0 <= value <= known.scale[1]),
    )


@claim_each(_rows("dev_pcc", "Dev PCC", 3), rests_on=PUBLISHED)
def dev_pcc(evidence: Evidence, model: str) -> Finding:
    """Give the interval, and how much choosing would be needed to reach it from nothing."""
    n, r = evidence.study.n_split, float(evidence.study.column("dev_pcc")[model])
    if not abs(r) < 1:
        return Finding(f"{r:g} is no correlation of predictions with errors", False)
    low, high = fisher_interval(r, n)
    return Finding(
        f"95 % interval {low:.2f} to {high:.2f}. Without any signal, the best of "
        f"{candidates_by_chance(r, n):,} independent candidates reaches it with even odds",
        None,
    )


@claim_each(_rows("test_mae", "Test MAE", 3), rests_on=PUBLISHED)
def test_mae(evidence: Evidence, model: str) -> Finding:
    """Set it beside the best constant; give the least width of its interval."""
    value, constant = evidence.study.column("test_mae")[model], evidence.published.constant_mae()
    beside = "above" if value > constant else "below"
    return Finding(
        f"{abs(value - constant):.2f} {beside} the {constant:.2f} of a constant; its own 95 % "
        f"interval is at least ±{half_width(evidence, model):.1f}, and with the reported spread of "
        f"its predictions ±{half_width(evidence, model, any_spread=False):.1f}",
        _possible(0 <= value <= evidence.published.scale[1]),
    )


@claim_each(_rows("test_pcc", "Test PCC", 3), rests_on=PUBLISHED)
def test_pcc(evidence: Evidence, model: str) -> Finding:
    """Give the interval and the p-value."""
    n, r = evidence.published.n_test, float(evidence.study.column("test_pcc")[model])
    if not abs(r) < 1:
        return Finding(f"{r:g} is no correlation of predictions with errors", False)
    low, high = fisher_interval(r, n)
    bound = critical_r(n)
    told = "told" if abs(r) > bound else "not told"
    return Finding(
        f"95 % interval {low:.2f} to {high:.2f}, p = {correlation_p_value(r, n):.3f}: {told} "
        f"from 0 at n = {n}, where |r| must exceed {bound:.3f}",
        None,
    )


@claim_each(_rows("sigma_ratio", "sigma_ratio", 2), rests_on=PUBLISHED)
def sigma_ratio(evidence: Evidence, model: str) -> Finding:
    """Ask what RMSE it implies together with the PCC, under both conventions."""
    row = evidence.study.row(model)
    sd, mae, r = evidence.published.label_sd, row["test_mae"], row["test_pcc"]
    s = {"SDs": row["sigma_ratio"], "variances": row["sigma_ratio"] ** 0.5}
    if row["sigma_ratio"] < 0 or not abs(r) <= 1:
        return Finding(f"{row['sigma_ratio']:g} with r = {r:g} is no ratio of spreads", False)
    rmse = {name: rmse_without_bias(r, value, sd) for name, value in s.items()}
    possible = any(can_be(mae, r, value, sd) for value in s.values())
    return Finding(
        f"if it is of Test recordings, then with its PCC and labels of SD {sd} the RMSE is at "
        f"least {rmse['SDs']:.2f} ({rmse['variances']:.2f} for a ratio of variances): MAE "
        f"over RMSE at most {mae / rmse['SDs']:.2f} ({mae / rmse['variances']:.2f}), of "
        f"Gaussian errors {GAUSSIAN:.2f}. A constant has {sd}",
        _possible(possible),
    )
