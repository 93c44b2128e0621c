"""What the study concludes from correlations and from the spread of predictions."""

import numpy as np

from deplib.claims.arithmetic import GAUSSIAN, rmse_rescaled, rmse_without_bias
from deplib.claims.entry import CODE, PUBLISHED, Finding, claim
from deplib.claims.evidence import Evidence
from deplib.metrics import pcc, sigma_ratio
from deplib.statistics import compare_correlations, critical_r, fisher_interval

PATCHES = "LDBM"


@claim(line=88, says="Dev PCC exceeds 0.4 for every architecture")
def dev_pcc_above(evidence: Evidence) -> Finding:
    """Take the least."""
    least = float(evidence.study.column("dev_pcc").min())
    return Finding(
        f"the least is {least:.3f}; |r| must exceed {critical_r(evidence.study.n_split):.3f} to "
        "differ from 0, where nothing was chosen on the same recordings",
        least > evidence.study.dev_pcc_above,
    )


@claim(line=90, says="The embeddings hold some signal of depression", rests_on=PUBLISHED)
def some_signal(evidence: Evidence) -> Finding:
    """Ask for a Test error below a constant's, or a Test PCC that differs from 0."""
    test, pccs = evidence.study.column("test_mae"), evidence.study.column("test_pcc")
    bound, constant = critical_r(evidence.published.n_test), evidence.published.constant_mae()
    nothing = bool((test > constant).all() and (pccs < bound).all())
    return Finding(
        f"{(test > constant).sum()} of {len(test)} Test MAEs ({test.min():.2f} to "
        f"{test.max():.2f}) are above that of a constant ({constant:.2f}); "
        f"{(pccs >= bound).sum()} Test PCCs reach {bound:.3f}. Persons of Train return on Dev, so "
        "a Dev PCC can come from recognising them",
        None if nothing else True,
    )


@claim(
    line=114,
    says="What is learnt does not carry over: PCC 0.42 to 0.51 on Dev, 0.10 to 0.27 on Test",
)
def fall_of_pcc(evidence: Evidence) -> Finding:
    """Test the fall of each model, taking the splits as independent."""
    n_dev, n_test = evidence.study.n_split, evidence.published.n_test
    table = evidence.study.results.set_index("model")
    p = {
        model: compare_correlations(row["dev_pcc"], n_dev, row["test_pcc"], n_test)[1]
        for model, row in table.iterrows()
    }
    apart = sum(value < 0.05 for value in p.values())
    falls = bool((evidence.study.gaps("pcc") < 0).all())
    return Finding(
        f"{apart} of {len(p)} falls differ from 0 at the 5 % level (p from {min(p.values()):.2f} "
        f"to {max(p.values()):.2f}, before any correction for Dev having been chosen on)",
        False if not falls else (True if apart == len(p) else None),
    )


@claim(line=99, says="LDBM has the highest Test PCC, 0.267")
def highest_pcc(evidence: Evidence) -> Finding:
    """Read the table."""
    pccs = evidence.study.column("test_pcc")
    return Finding(f"{pccs.idxmax()}, {pccs.max():.3f}", pccs.idxmax() == PATCHES)


@claim(line=99, says="LDBM's Test PCC shows that patches may see other temporal patterns")
def other_patterns(evidence: Evidence) -> Finding:
    """Give the interval of the highest PCC, and its distance from the lowest."""
    pccs, n = evidence.study.column("test_pcc"), evidence.published.n_test
    best, worst = str(pccs.idxmax()), str(pccs.idxmin())
    low, high = fisher_interval(float(pccs[best]), n)
    z, p = compare_correlations(float(pccs[best]), n, float(pccs[worst]), n)
    found = (
        f"95 % interval {low:.2f} to {high:.2f}; against {worst} z = {z:.2f}, p = "
        f"{p:.2f} as if independent"
    )
    if best != PATCHES:
        return Finding(found, False)
    return Finding(found, True if low > 0 and p < 0.05 else None)


@claim(line=100, says="LDBM has the highest sigma_ratio, 0.93, so the most varied predictions")
def highest_sigma_ratio(evidence: Evidence) -> Finding:
    """Read the table."""
    spread = evidence.study.column("sigma_ratio")
    return Finding(f"{spread.idxmax()}, {spread.max():.2f}", spread.idxmax() == PATCHES)


@claim(line=100, says="Predictions that vary more help to estimate uncertainty", rests_on=PUBLISHED)
def useful_spread(evidence: Evidence) -> Finding:
    """Ask how much of the spread goes with severity, and what rescaling it would bring."""
    row = evidence.study.row(PATCHES)
    known, r, s = evidence.published, row["test_pcc"], row["sigma_ratio"]
    as_it_is, best = rmse_without_bias(r, s, known.label_sd), rmse_rescaled(r, known.label_sd)
    low, high = GAUSSIAN * best, known.constant_mae() / known.label_sd * best
    worse = as_it_is > known.label_sd
    return Finding(
        f"{100 * r * r:.0f} % of the variance of LDBM's predictions goes with severity. Shrunk to "
        f"{r / s:.2f} of their spread, about the right mean, they could at best have an "
        f"RMSE of {best:.2f} instead of {as_it_is:.2f} or more (a constant: {known.label_sd}) and "
        f"an MAE of about {low:.1f} to {high:.1f}. A spread over recordings is no uncertainty of "
        "one of them",
        None if worse else True,
    )


@claim(line=30, says="A sigma_ratio near 0 shows collapse to a constant", rests_on=CODE)
def zero_is_collapse(evidence: Evidence) -> Finding:
    """Compute it for a constant."""
    y = np.arange(float(evidence.published.n_test))
    value = sigma_ratio(y, np.full_like(y, y.mean()))
    return Finding(f"a constant has {value:.2f}, and only a constant has", value == 0)


@claim(line=30, says="A sigma_ratio above 0.5 shows variance that means something")
def meaningful_spread(evidence: Evidence) -> Finding:
    """Build predictions of such a spread without any sense; look at the reported ones, too.

    Predictions have a larger squared error than their labels' mean if s > 2 r, whatever the bias.
    """
    table = evidence.study.results.set_index("model")
    wide = table[table["sigma_ratio"] > evidence.study.not_collapsed]
    harmed = wide[wide["sigma_ratio"] > 2 * wide["test_pcc"]]
    shares = 100 * wide["test_pcc"] ** 2
    spread, r = senseless(evidence.published.n_test, table["sigma_ratio"].max())
    return Finding(
        f"predictions with sigma_ratio {spread:.2f} and PCC {r:.2f} exist. "
        f"{len(harmed)} of {len(wide)} reported ones above {evidence.study.not_collapsed:g} are "
        "more than twice the Test PCC; over Test recordings such predictions have a larger squared "
        f"error than the mean of the labels. At most {shares.max():.0f} % of their variance goes "
        "with severity",
        not (spread > evidence.study.not_collapsed and r == 0),
    )


def senseless(n: int, spread: float) -> tuple[float, float]:
    """Return sigma_ratio and PCC, to two digits, of predictions that know nothing of n labels."""
    y = np.arange(float(n)) - (n - 1) / 2
    noise = np.cos(np.pi * np.arange(n))  # alternates, and is then freed of what goes with y
    noise -= noise.mean()
    noise -= y * (noise @ y) / (y @ y)
    y_hat = noise * spread * y.std() / noise.std()
    return round(sigma_ratio(y, y_hat), 2), abs(round(pcc(y, y_hat), 2))


@claim(line=89, says="A sigma_ratio above 0.5 shows that predictions have not collapsed")
def not_collapsed(evidence: Evidence) -> Finding:
    """Compare the least with the bound."""
    least = float(evidence.study.results["sigma_ratio"].min())
    return Finding(
        f"the least is {least:.2f}"
        + ("; so none is a constant, and nothing more follows" if least > 0 else ""),
        least > evidence.study.not_collapsed,
    )
