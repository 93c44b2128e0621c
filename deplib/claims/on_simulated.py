"""The study's statements on the simulated cohort. About AVEC2014 none of this decides anything."""

import numpy as np

from deplib.claims.described import MEAN, PATCHES
from deplib.claims.entry import SIMULATED, Finding, claim
from deplib.claims.evidence import Evidence
from deplib.evaluation import CONSTANT, ORACLE, signed
from deplib.models import MODELS
from deplib.seeds import Scores

FOUR = tuple(MODELS)
RIDGE = "RidgeMeanSD"


def _means(scores: Scores, metric: str = "mae") -> dict[str, float]:
    return {model: scores.summary(model, metric).value for model in FOUR}


def _span(values: dict[str, float]) -> str:
    return f"{min(values.values()):.2f} to {max(values.values()):.2f}"


@claim(
    line=96,
    says="Variance of Test MAE over four architectures is negligible (SD 0.195)",
    rests_on=SIMULATED,
)
def simulated_spread(evidence: Evidence) -> Finding:
    """Take the SD of the means over seeds."""
    test = evidence.on_grid.test
    mean, n_seeds = _means(test), len(test.values(FOUR[0]))
    sd = float(np.std(list(mean.values()), ddof=1))
    return Finding(
        f"SD of the four means over {n_seeds} seeds: {sd:.3f}; {_span(mean)}",
        None,
    )


@claim(
    line=97,
    says="No architecture clearly dominates (lowest Test MAE: TemporalMeanMLP)",
    rests_on=SIMULATED,
)
def simulated_winner(evidence: Evidence) -> Finding:
    """Name the lowest mean, and count its first places."""
    test = evidence.on_grid.test
    mean = _means(test)
    winner = min(mean, key=lambda model: mean[model])
    first = int((test.ranks(FOUR)[winner] == 1).sum())
    return Finding(
        f"lowest mean: {winner}, first in {first} of {len(test.values(FOUR[0]))} seeds", None
    )


@claim(
    line=120,
    says="TemporalMeanMLP is within 0.1 MAE of the complex models, over seeds",
    rests_on=SIMULATED,
)
def simulated_differences(evidence: Evidence) -> Finding:
    """Take the paired differences from it."""
    test = evidence.on_grid.test
    others = [model for model in FOUR if model != MEAN]
    text = ", ".join(f"{model} {signed(test.difference(model, MEAN))}" for model in others)
    return Finding(f"minus TemporalMeanMLP: {text}", None)


@claim(line=99, says="LDBM has the highest Test PCC (0.267), over seeds", rests_on=SIMULATED)
def simulated_pcc(evidence: Evidence) -> Finding:
    """Name the highest mean, with its interval."""
    test = evidence.on_grid.test
    pcc = {model: test.summary(model, "pcc") for model in FOUR}
    top = max(pcc, key=lambda model: pcc[model].value)
    return Finding(
        f"highest mean: {top}, {pcc[top].value:.2f} ({pcc[top].low:.2f} to {pcc[top].high:.2f}); "
        f"LDBM {pcc[PATCHES].value:.2f}",
        None,
    )


@claim(line=100, says="LDBM has the highest sigma_ratio (0.93), over seeds", rests_on=SIMULATED)
def simulated_sigma_ratio(evidence: Evidence) -> Finding:
    """Name the highest mean."""
    sigma = _means(evidence.on_grid.test, "sigma_ratio")
    widest = max(sigma, key=lambda model: sigma[model])
    return Finding(f"highest mean: {widest}, {sigma[widest]:.2f}; LDBM {sigma[PATCHES]:.2f}", None)


@claim(
    line=89,
    says="sigma_ratio above 0.5 tells that a model has learnt something",
    rests_on=SIMULATED,
)
def simulated_collapse(evidence: Evidence) -> Finding:
    """Take it where nothing can be learnt."""
    shuffled = _means(evidence.on_grid.permuted, "sigma_ratio")
    return Finding(
        f"with permuted labels, where nothing can be learnt, {_span(shuffled)}",
        None,
    )


@claim(
    line=44,
    says="Does finer temporal granularity help? (patches of 4, 8, 16; no figure reported)",
    rests_on=SIMULATED,
)
def simulated_patches(evidence: Evidence) -> Finding:
    """Take the paired differences from patch 8."""
    test = evidence.on_grid.test
    text = ", ".join(
        f"patch {patch} {signed(test.difference(f'LDBM-patch{patch}', PATCHES))}"
        for patch in (4, 16)
    )
    return Finding(f"MAE minus that of patch 8: {text}", None)


@claim(line=88, says="The gap from Dev to Test, and where it comes from", rests_on=SIMULATED)
def simulated_gap(evidence: Evidence) -> Finding:
    """Set the gap of the four beside that of the constant and with permuted labels."""
    grid = evidence.on_grid
    if grid.dev is None or grid.permuted_dev is None:
        return Finding("no scores on Dev were given", None)
    gaps = {
        name: float(np.mean([test.summary(m).value - dev.summary(m).value for m in models]))
        for name, test, dev, models in (
            ("four", grid.test, grid.dev, FOUR),
            ("permuted", grid.permuted, grid.permuted_dev, FOUR),
            ("constant", grid.test, grid.dev, (CONSTANT,)),
        )
    }
    return Finding(
        f"the four {gaps['four']:+.2f} on average, with permuted labels {gaps['permuted']:+.2f}, "
        f"the constant, for which nothing was chosen, {gaps['constant']:+.2f}",
        None,
    )


@claim(line=88, says="Dev PCC of every architecture exceeds 0.4, over seeds", rests_on=SIMULATED)
def simulated_dev_pcc(evidence: Evidence) -> Finding:
    """Give the means on Dev, with true and with permuted labels."""
    grid = evidence.on_grid
    if grid.dev is None or grid.permuted_dev is None:
        return Finding("no scores on Dev were given", None)
    return Finding(
        f"{_span(_means(grid.dev, 'pcc'))}; with permuted labels "
        f"{_span(_means(grid.permuted_dev, 'pcc'))}",
        None,
    )


@claim(
    line=121,
    says="No architecture improves on the mean over frames, paired over persons",
    rests_on=SIMULATED,
)
def simulated_improvement(evidence: Evidence) -> Finding:
    """Count the differences whose interval lies below 0."""
    test = evidence.on_grid.test
    against = {m: test.difference(m, MEAN) for m in FOUR if m != MEAN}
    better = [model for model, difference in against.items() if difference.high < 0]
    widest = max(d.high - d.low for d in against.values()) / 2
    return Finding(
        f"{len(better)} of {len(against)} have a lower MAE by an interval that excludes 0; the "
        f"intervals reach up to {widest:.1f} to either side",
        None,
    )


@claim(
    line=106,
    says="Embeddings made for identity hold little of affect",
    rests_on=SIMULATED,
)
def simulated_identity(evidence: Evidence) -> Finding:
    """Compare what can be read from embeddings with what the truth allows."""
    test = evidence.on_grid.test
    pcc = {name: test.summary(name, "pcc") for name in (RIDGE, ORACLE)}
    text = {n: f"{s.value:.2f} ({s.low:.2f} to {s.high:.2f})" for n, s in pcc.items()}
    return Finding(
        f"Test PCC of ridge on mean and SD of the embeddings {text[RIDGE]}, of an oracle that "
        f"knows the true behaviour {text[ORACLE]}",
        None,
    )


@claim(
    line=133,
    says="Random vectors in place of zeros mend frames without a face",
    rests_on=SIMULATED,
)
def simulated_fallback(evidence: Evidence) -> Finding:
    """Compare the spread of predictions when half of the frames are random."""
    fallback = evidence.on_grid.fallback
    if fallback is None:
        return Finding("no scores with lost frames were given", None)
    parts, means = [], []
    for fill in ("random", "mask"):
        sigma, pcc = (
            {m: fallback.summary(f"{m}, {fill}", metric).value for m in FOUR}
            for metric in ("sigma_ratio", "pcc")
        )
        parts.append(f"sigma_ratio {_span(sigma)} and PCC {_span(pcc)}")
        means.append(float(np.mean(list(sigma.values()))))
    return Finding(
        f"with half of the frames lost and random vectors in their place, {parts[0]}; masked, "
        f"{parts[1]}; random vectors change the mean sigma_ratio by {means[0] - means[1]:+.2f}",
        None,
    )
