"""What the study concludes from its Test MAEs, and from the gap between Dev and Test."""

import numpy as np

from deplib.claims.arithmetic import agreement_needed, detectable
from deplib.claims.entry import CODE, PUBLISHED, Finding, claim
from deplib.claims.evidence import Evidence
from deplib.claims.table_rows import Z, half_width
from deplib.models import MODELS

MEAN, PATCHES = "TemporalMeanMLP", "LDBM"
PAIRED_SD = (3.0, 6.0)
"""BDI-II points: assumed SDs of the paired differences of absolute errors. The study gives none."""
COLUMNS = {"dev_mae": "min", "dev_pcc": "max", "test_mae": "min", "test_pcc": "max"}
"""Column of the results table -> which end is best."""


def behind_the_mean(evidence: Evidence) -> np.ndarray:
    """Return Test MAE of each other model minus that of TemporalMeanMLP."""
    test = evidence.study.column("test_mae")
    return (test.drop(MEAN) - test[MEAN]).to_numpy()


def power(evidence: Evidence) -> tuple[float, float]:
    """Return the differences in MAE that a paired test of n recordings finds with 80 % power."""
    small, large = (detectable(sd, evidence.published.n_test) for sd in PAIRED_SD)
    return small, large


@claim(
    line=96, says="The variance of Test MAE over architectures is negligible", rests_on=PUBLISHED
)
def spread_is_negligible(evidence: Evidence) -> Finding:
    """Compare the SD of the four with the least standard error of one of them."""
    test = evidence.study.column("test_mae")
    sd = float(test.std(ddof=1))
    error = min(half_width(evidence, model) for model in MODELS) / Z
    return Finding(
        f"SD {sd:.2f} between the four; one Test MAE alone has a standard error of at least "
        f"{error:.2f} over recordings. Small beside that, and so no proof of equality either",
        sd < error,
    )


@claim(line=97, says="No architecture clearly dominates")
def nobody_dominates(evidence: Evidence) -> Finding:
    """Name the best of each column."""
    best = {
        column: getattr(evidence.study.column(column), f"idx{end}")()
        for column, end in COLUMNS.items()
    }
    titles = {"dev_mae": "Dev MAE", "dev_pcc": "Dev PCC"}
    titles |= {"test_mae": "Test MAE", "test_pcc": "Test PCC"}
    return Finding(
        "best " + ", ".join(f"{titles[c]}: {model}" for c, model in best.items()),
        len(set(best.values())) > 1,
    )


@claim(line=98, says="The capacity to model time is not the primary bottleneck", rests_on=PUBLISHED)
def capacity_is_no_bottleneck(evidence: Evidence) -> Finding:
    """Ask whether a difference that matters could have been seen."""
    largest = float(np.ptp(evidence.study.column("test_mae")))
    small, large = power(evidence)
    unseen = largest < large
    return Finding(
        f"the largest difference is {largest:.2f}. With {evidence.published.n_test} recordings a "
        f"paired test finds one of {small:.1f} to {large:.1f} with 80 % power, if paired "
        f"differences have an SD of {PAIRED_SD[0]:g} to {PAIRED_SD[1]:g}"
        + (": a real advantage of that size could have gone unseen" if unseen else ""),
        None if unseen else False,
    )


@claim(line=104, says="All Test MAEs are similar: 10.4 to 10.9", rests_on=PUBLISHED)
def similar_errors(evidence: Evidence) -> Finding:
    """Compare their range with the least half width of one interval."""
    test = evidence.study.column("test_mae")
    least = min(half_width(evidence, model) for model in MODELS)
    constant = evidence.published.constant_mae()
    beyond = "all" if (test > constant).all() else f"{(test > constant).sum()}"
    return Finding(
        f"they span {np.ptp(test):.2f}, one interval at least ±{least:.1f}; {beyond} of them are "
        f"above the {constant:.2f} of a constant",
        bool(np.ptp(test) < least),
    )


@claim(line=120, says="TemporalMeanMLP is within 0.1 MAE of the complex models")
def within_a_tenth(evidence: Evidence) -> Finding:
    """Take the three differences."""
    test = evidence.study.column("test_mae")
    behind = (test.drop(MEAN) - test[MEAN]).abs()
    return Finding(
        "behind it: " + ", ".join(f"{m} {test[m] - test[MEAN]:+.3f}" for m in behind.index),
        bool((behind.round(1) <= evidence.study.within).all()),
    )


@claim(line=121, says="No architecture improves Test MAE with statistical significance")
def no_better_error(evidence: Evidence) -> Finding:
    """Look at the sign first: what is no improvement cannot be a significant one."""
    behind = behind_the_mean(evidence)
    better = int((behind < 0).sum())
    found = f"the study reports no test; {better} of {len(behind)} models have a lower Test MAE "
    found += f"than {MEAN}"
    return Finding(
        found + (": where nothing improves, no test can find it" if not better else ""),
        True if not better else None,
    )


@claim(line=121, says="No architecture improves Test PCC with statistical significance")
def no_better_correlation(evidence: Evidence) -> Finding:
    """Ask at which agreement between two models' predictions the best would be told apart."""
    pcc, n = evidence.study.column("test_pcc"), evidence.published.n_test
    best = str(pcc.idxmax())
    if best == MEAN:
        return Finding(f"none has a higher Test PCC than {MEAN}", True)
    needed = agreement_needed(float(pcc[best]), float(pcc[MEAN]), n)
    if needed is None:
        return Finding(f"{best} and {MEAN} cannot be told apart whatever they predict", True)
    return Finding(
        f"the study reports no test. {best} and {MEAN} would be told apart (Williams's t) only if "
        f"their predictions correlate above {needed:.2f}; they are not published",
        None,
    )


@claim(line=101, says="LDBM has a higher Dev MAE")
def patches_on_dev(evidence: Evidence) -> Finding:
    """Compare with the baseline and with all."""
    dev = evidence.study.column("dev_mae")
    above = int((dev.drop(PATCHES) < dev[PATCHES]).sum())
    return Finding(
        f"{dev[PATCHES]:.3f} against {dev[MEAN]:.3f}; {above} of {len(dev) - 1} others are lower",
        bool(dev[PATCHES] > dev[MEAN]),
    )


@claim(line=102, says="LDBM is not the choice for accuracy alone")
def patches_for_accuracy(evidence: Evidence) -> Finding:
    """Rank it by both errors and by the correlation."""
    table = evidence.study.results.set_index("model")
    rank = {c: int(table[c].rank(ascending=c.endswith("mae"))[PATCHES]) for c in COLUMNS}
    return Finding(
        f"rank {rank['dev_mae']} by Dev MAE and {rank['test_mae']} by Test MAE of {len(table)}, "
        f"but {rank['test_pcc']} by Test PCC",
        rank["dev_mae"] > 1 and rank["test_mae"] > 1,
    )


@claim(line=122, says="Training takes 5 minutes for the MLP and 45 for LDBM", rests_on=CODE)
def training_times(evidence: Evidence) -> Finding:
    """Compare the ratio with epochs measured here, since minutes belong to a machine."""
    ratio = evidence.study.minutes[PATCHES] / evidence.study.minutes[MEAN]
    to_mean, to_head = evidence.built.costs.epoch_ratios(PATCHES)
    holds = to_mean.holds(ratio) or to_head.holds(ratio)
    return Finding(
        f"a ratio of {ratio:.0f}, for an unknown number of epochs. An epoch here, on a processor: "
        f"{to_mean} if the MLP averages in each step, {to_head.value:.0f} "
        f"[{to_head.low:.0f}, {to_head.high:.0f}] if the means are at hand",
        True if holds else None,
    )


@claim(
    line=95,
    says="Training on one label a video makes models overfit, and that limits generalization",
    rests_on=PUBLISHED,
)
def overfitting(evidence: Evidence) -> Finding:
    """Compare the gap with what two splits differ by for a predictor that learns nothing."""
    gap, n = float(evidence.study.gaps("mae").mean()), evidence.published.n_test
    sd = float(np.sqrt(2 / n) * evidence.published.constant_error_sd())
    no_gap = bool((evidence.study.gaps("mae") <= 0).all())
    return Finding(
        f"the mean gap is {gap:+.2f}. Between two random splits of {n} recordings the MAE of a "
        f"constant differs with an SD of {sd:.2f}, so the gap is {gap / sd:.1f} of these; no score "
        "on Train is reported, and no model with other labels",
        False if no_gap else None,
    )


@claim(line=124, says="The mean-pooling baseline is a lower bound", rests_on=PUBLISHED)
def lower_bound(evidence: Evidence) -> Finding:
    """Set it beside a predictor that knows less."""
    value, constant = evidence.study.column("test_mae")[MEAN], evidence.published.constant_mae()
    return Finding(
        f"Test MAE {value:.3f}; a constant, which never sees a face, has {constant:.2f}",
        bool(value < constant),
    )
