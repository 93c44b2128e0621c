# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/*.parquet
#     - deplib/claims/reported.csv
#     uses:
#     - deplib.statistics
#   jupytext:
#     formats: notebooks//py:percent,book//ipynb
#     notebook_metadata_filter: deplib,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Few recordings: what can they show, and what not?

# %% [markdown] tags=["report-only"]
# **Fifty Test recordings miss a true difference of half a point five times out of six, and half a
# point is as much as lies between the study's best and worst model. To find it four times out of
# five takes about ten times as many recordings. And then it is found between two trained networks:
# that two *architectures* differ cannot be seen from one run of each, however many recordings there
# are.** The book's intervals nearly hold what they promise. Those of somebody who takes recordings for
# persons do not.

# %% tags=["remove-cell"]
import importlib.util
import os
import subprocess
import sys

if importlib.util.find_spec("deplib") is None:  # as on Colab, where nothing is installed yet
    source = os.environ.get(
        "DEPLIB_SOURCE", "git+https://github.com/deplib--report/depression-temporal-ablation"
    )
    subprocess.run([sys.executable, "-m", "pip", "install", "-qq", source], check=True)
    importlib.invalidate_caches()

# %% tags=["parameters"]
WORLD = "default"  # or "null", "published"; or the name of your own corpus
ROOT = None  # then the folder of its tables; `deplib study` executes this page on them
LABEL = "BDI-II"  # what is predicted

# %%
from dataclasses import replace
from itertools import combinations, product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from scipy import optimize, stats
from statsmodels.stats.power import TTestPower

from deplib import claims, figures, results, study
from deplib.errors import ResultError
from deplib.metrics import METRICS
from deplib.report import badge, say, table
from deplib.statistics import (
    bootstrap_distribution, critical_r, fisher_interval, fit, interval_of, jackknife, persons_of,
    population_like, score_runs, sign_flip_test,
)  # fmt: skip
from deplib.statistics.population import AVEC2014

figures.style()
WHOSE = f"simulated cohort ({WORLD}), seeds 0 to 9" if ROOT is None else WORLD
badge(WORLD, simulated=ROOT is None, label=LABEL)

# %% [markdown]
# ## A population whose truth is known
#
# To say how often an estimate is right, the truth must be known. So the runs are
# turned into a model of their errors: given the label, the predictions of the four models are
# normal, with the mean, spread, correlation with the label and likeness among each other that the
# runs show. Scores have the shares of a Test split. Then the true MAE of each model is a sum over the
# possible scores, and samples of any size can be drawn. Some persons come with several recordings,
# which are alike: their scores as in the simulated cohort, what the models make of them as in the runs.

# %% [markdown] tags=["report-only"]
# The shares, and the means of severity bands, are those that are published of AVEC2014's Test split. So
# a constant errs by 9.54 here, too, and nobody scores above the mid-forties.

# %%
SAMPLES = 2_000  # of each kind
SEED = 2014
MODELS = ["TemporalMeanMLP", "LDBM", "VanillaTransformer", "MambaGRU"]

runs = results.load(WORLD, root=ROOT, **results.ABLATION, model=MODELS)
test = runs[runs["split"] == "test"].assign(error=lambda t: (t["bdi_hat"] - t["bdi"]).abs())
N = test["recording"].nunique()  # recordings of a sample: 50, as in the Test split
POINT, labels = 1.0, AVEC2014
if ROOT is not None:
    labels = population_like(test)
if LABEL != "BDI-II":  # a tenth of what the median of Train errs by there
    known = runs[runs["split"] == "train"].drop_duplicates("recording")["bdi"]
    POINT = (known - known.median()).abs().mean() / 10
HALF = POINT / 2
if (n := test["person"].nunique()) < study.FEWEST:
    raise ResultError(f"{n} persons in Test are too few for this page: it needs {study.FEWEST}")
population = fit(test, MODELS, labels)

fitted = pd.DataFrame({"model": population.names, "mean": population.mean, "SD": population.sd})
fitted = fitted.assign(PCC=population.pcc, true_MAE=population.mae)
fitted["MAE of the runs"] = test.groupby("model")["error"].mean()[MODELS].to_numpy()
more = fitted["true_MAE"] - fitted["MAE of the runs"]
assert more.between(0.1, 0.5).all(), "a poor fit"
table(fitted)

# %% [markdown] tags=["report-only"]
# The true errors are a little larger than those of the runs: on labels spread like AVEC2014's, a
# constant errs by half a point more than on those of the simulated Test split.

# %% [markdown]
# How well two models can be told apart depends above all on one figure: by how much the difference
# of their absolute errors varies from recording to recording. Among the six pairs it varies by a
# smallest, a middle and a largest SD; the rest of the page uses these three.

# %%
errors = test.pivot_table(index="recording", columns=["model", "seed"], values="error")
spread = pd.Series(
    {
        (a, b): (errors[a].to_numpy() - errors[b].to_numpy()).std(axis=0, ddof=1).mean()
        for a, b in combinations(MODELS, 2)
    }
)
SPREADS = {"smallest": spread.min(), "middle": spread.median(), "largest": spread.max()}
say("; ".join(f"{name} SD: **{sd:.1f}** points" for name, sd in SPREADS.items()))

# %% [markdown]
# ## How often is a true difference found?
#
# Take two models of equal truth whose differences vary as much as that, and make every error of the
# second smaller by one share: now the true difference is known. Draw samples as large as the Test
# split, and test each for a difference, as the results chapter does: by flipping the signs of whole
# persons. Beside it stands a formula, the power of a paired t test with the number of *independent*
# recordings that so many recordings of fewer persons are worth.


# %%
def twins(difference_sd):
    """Two models of equal truth whose paired differences have that SD."""
    mean, sd, r_label = (
        np.full(2, v.mean()) for v in (population.mean, population.sd, population.pcc)
    )

    def pair(r):  # of the two models' residuals
        return replace(
            population, names=("first", "second"), mean=mean, sd=sd, pcc=r_label,
            residual_correlation=np.array([[1, r], [r, 1]]),
        )  # fmt: skip

    while difference_sd >= pair(-1.0).difference_sd():  # two that spread so little cannot differ so
        sd = 1.1 * sd
    return pair(optimize.brentq(lambda r: pair(r).difference_sd() - difference_sd, -1, 1))


def power_curve(pair, differences, n_recordings=N, n_samples=SAMPLES, *, rng):
    """How often sign flips over persons find each true difference; all on the same samples."""
    samples = pair.draw(n_samples, n_recordings, rng=rng)
    sums = np.zeros((n_samples, samples.person.max() + 1, 2))  # of a person's errors, each model's
    at = (np.arange(n_samples)[:, None], samples.person)
    np.add.at(sums, at, np.moveaxis(samples.errors, 1, -1))
    signs = rng.choice([1.0, -1.0], size=(1_999, sums.shape[1]))
    first, second = (signs @ sums[:, :, k].T for k in (0, 1))  # (flips, samples)
    found = []
    for difference in differences:
        kept = 1 - difference / pair.mae[0]  # every error of the second model, times this
        observed = sums[:, :, 0].sum(axis=1) - kept * sums[:, :, 1].sum(axis=1)
        as_extreme = (np.abs(first - kept * second) >= np.abs(observed) - 1e-9).sum(axis=0)
        p = (1 + as_extreme) / (1 + len(signs))
        found.append((difference, (p <= 0.05).mean(), (observed < 0).mean()))
    return pd.DataFrame(found, columns=["difference", "power", "wrong"])


# %%
DIFFERENCES = POINT * np.array([0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0])
pairs = {name: twins(sd) for name, sd in SPREADS.items()}
for name, pair in pairs.items():
    assert pair.mae[0] == pair.mae[1] and np.isclose(pair.difference_sd(), SPREADS[name]), (
        "no twins"
    )
curves = pd.concat(
    power_curve(pair, DIFFERENCES, rng=np.random.default_rng([SEED, 31 + k])).assign(spread=name)
    for k, (name, pair) in enumerate(pairs.items())
)


# %%
def alike(values, person):
    """Correlation of a value between two recordings of one person (Donner's pairwise estimate)."""
    same = person[1:] == person[:-1]
    return np.corrcoef(values[1:][same], values[:-1][same])[0, 1]


large = pairs["middle"].draw(1, 300_000, n_persons=150_000, rng=np.random.default_rng([SEED, 30]))
gap = large.errors[0, 0] - large.errors[0, 1]
person = pairs["middle"].draw(400, N, rng=np.random.default_rng(SEED)).person
sessions = np.stack([np.bincount(who) for who in person])
beside = (sessions**2).sum() / sessions.sum()  # recordings of a recording's person, on average
design = 1 + (beside - 1) * alike(gap, large.person[0])  # Kish's design effect

power = TTestPower().power


def formula(difference, pair):
    """Power of the t test; the second model's errors are smaller, and so vary less."""
    kept = 1 - difference / pair.mae[0]
    variance = (pair.error_sd[0] * (1 - kept)) ** 2 + kept * pair.difference_sd() ** 2
    return power(difference / np.sqrt(variance), N / design, 0.05) if difference else 0.05


curves["formula"] = [formula(row.difference, pairs[row.spread]) for row in curves.itertuples()]
say(
    f"{N} recordings of {persons_of(N, labels)} persons are worth {N / design:.0f} independent ones."
)

# %% mystnb={"figure": {"caption": "Probability of finding a true difference in MAE with as many recordings as the Test split has, at the 5 % level. Dots: simulated; lines: formula, for the three spreads of paired differences.", "name": "fig-power"}, "image": {"alt": "Three rising curves. At half a point they stand between one and three tenths; all ticks of the study lie to the left of that. They pass the dashed line at 0.8 between one and two points."}}
stated = [abs(a - b) for a, b in combinations(claims.REPORTED["test_mae"], 2)]
stated = stated if ROOT is None else []  # of the study, and in BDI-II points

fig, ax = plt.subplots(figsize=(5.2, 3.8))
shared = {"data": curves, "x": "difference", "hue": "spread", "palette": list(figures.KINDS[:3])}
sns.lineplot(y="formula", ax=ax, **shared)
sns.scatterplot(y="power", ax=ax, legend=False, **shared)
sns.rugplot(x=stated, height=0.06, color=figures.GREY, linewidth=2, ax=ax)
ax.axhline(0.8, linestyle="--", linewidth=1, color=figures.GREY)
ax.set(xlabel=f"true difference in MAE, {LABEL} points", ylabel="probability of finding it")
ax.set(ylim=(0, 1.05))
ax.set_title("Half a point is missed five times out of six")
sns.move_legend(ax, "lower right", title="SD of differences")
figures.keep(fig, curves, WHOSE)

# %%
found = curves.set_index(["spread", "difference"])["power"]
assert 1 / 7 < found["middle", HALF] < 1 / 5, "half a point: rewrite the finding"
assert max(stated) < 0.5 and (curves["power"] - curves["formula"]).abs().max() < 0.05, (
    "rewrite: the power of one run, or its formula"
)
bounds = np.array([0.1, 6]) / np.sqrt(N / design)  # in SDs of the difference
least = {
    name: sd * optimize.brentq(lambda d: power(d, N / design, 0.05) - 0.8, *bounds)
    for name, sd in SPREADS.items()
}
say(
    f"{HALF:.2g} points are found in **{found['middle', HALF]:.0%}** of the samples at the middle spread. "
    f"{least['smallest']:.1f} to {least['largest']:.1f} points are found four times out of five."
)

# %% [markdown] tags=["report-only"]
# Every difference in the study's table, a tick in the figure, is smaller than half a point. Its
# sample could hardly have found the largest of them, had it been true; and where it misses, it often
# points the wrong way:

# %%
wrong = curves.set_index(["spread", "difference"])["wrong"]
assert 0.1 < wrong["middle", HALF] < 0.25, "rewrite: how often the wrong one is called"
say(
    f"At a true difference of {HALF:.2g} points the better model has the larger error in "
    f"{wrong['middle', HALF]:.0%} of the samples; at half of that, in {wrong['middle', HALF / 2]:.0%}."
)

# %% [markdown]
# ## How many recordings would it take?
#
# The formula, turned round.


# %%
def needed(difference, sd, wanted=0.8):
    """Recordings with which a true difference is found with the wanted probability."""

    def lack(n):
        return power(difference / sd, n, 0.05) - wanted

    worth = optimize.brentq(lack, 2, (5 * sd / difference) ** 2) if lack(2) < 0 else 2
    return int(np.ceil(worth * design))


sizes = pd.DataFrame(
    [
        [f"{POINT * d:.2g} points", *(needed(POINT * d, sd) for sd in SPREADS.values())]
        for d in (0.25, 0.5, 1, 2)
    ],
    columns=["true difference", *(f"{name} SD" for name in SPREADS)],
)
enough = needed(HALF, SPREADS["middle"])
table(sizes)

# %% tags=["report-only"]
check = power_curve(
    pairs["middle"], [HALF], n_recordings=enough, n_samples=SAMPLES // 2,
    rng=np.random.default_rng([SEED, 50]),
)  # fmt: skip
assert abs(check["power"].item() - 0.8) < 0.04, "formula and simulation disagree"

# %% [markdown] tags=["report-only"]
# For half a point at the middle spread the answer is some 470 recordings, of 375 persons. The whole
# of AVEC2014 has 150. And even that is an answer to the easier of two questions.

# %% [markdown]
# ## Two networks, or two architectures?
#
# So far the two models were *fixed*: two trained networks, compared on other persons. A paper wants
# to say more: that one *architecture* is better than the other. Train the same architecture again,
# and its error on the very same persons moves. Two architectures of equal worth, with one run each,
# differ by that luck alone. How often does a test over persons call it a difference?

# %%
scores = score_runs(test, n_resamples=100)
own = {m: scores.components(m).seed_sd for m in MODELS}  # SD that the seed alone makes
LUCK = [float(np.hypot(own["LDBM"], own[m])) for m in ("TemporalMeanMLP", "MambaGRU")]


def called(n, luck, difference=0.0, sd=SPREADS["middle"]):
    """Probability that a test over persons calls the better one better, and worse; one run each."""
    error = sd / np.sqrt(n / design)
    size = np.hypot(1, luck / error)  # SD of the test statistic over seeds and persons
    beyond = stats.norm.isf(0.025)
    better, worse = (beyond - difference / error) / size, (beyond + difference / error) / size
    return stats.norm.sf(better), stats.norm.sf(worse)


recordings = np.geomspace(25, 2_000, 60)
alarms = pd.DataFrame(
    [
        (n, f"seeds: SD {luck:.2f}" if luck else "two fixed networks", sum(called(n, luck)))
        for luck in (0.0, *LUCK)
        for n in recordings
    ],
    columns=["recordings", "luck", "called different"],
)

# %% mystnb={"figure": {"caption": "Two architectures of equal worth, one run each: how often a test over persons at the 5 % level finds a difference. Lines: SD that the seeds alone make in the difference of two errors, none (two networks that are truly equal), and two sizes as measured on these runs.", "name": "fig-architectures"}, "image": {"alt": "Three lines against the number of recordings. The one for fixed networks is flat at five per cent; the others rise, past a third and a half at 470 recordings."}}
fig, ax = plt.subplots(figsize=(5.2, 3.8))
sns.lineplot(
    alarms, x="recordings", y="called different", hue="luck", palette=list(figures.KINDS[:3]), ax=ax
)
ax.axvline(enough, linestyle=":", color=figures.GREY)
ax.annotate(f"{enough}", (enough, 0.01), (4, 0), textcoords="offset points", color=figures.GREY)
ax.set(xscale="log", ylim=(0, 0.85), ylabel="called different")
ax.yaxis.set_major_formatter("{x:.0%}")
sns.move_legend(ax, "upper left", title=None)
ax.set_title("More recordings make one run each worse")
figures.keep(fig, alarms, WHOSE)

# %%
false = [sum(called(enough, luck)) for luck in LUCK]
true = [called(enough, luck, difference=HALF)[0] for luck in LUCK]
assert 0.3 < false[0] < 0.45 < false[1] < 0.65 and all(0.55 < t < 0.7 for t in true), (
    "rewrite: shares of false and true alarms"
)
say(
    f"With {enough} recordings and one run each, equal architectures are called different in "
    f"{min(false):.0%} to {max(false):.0%} of the cases. Where one is better by {HALF:.2g} points, "
    f"it is called better in {min(true):.0%} to {max(true):.0%}."
)

# %% [markdown]
# Where the shares are near to each other, such a study can hardly tell a real difference from the
# luck of two seeds. More recordings make that worse, since they only measure more exactly how these
# two networks differ. What helps is more runs of each architecture, and a test that draws them too,
# as the [results chapter](09_results.ipynb) does. How many of either? The variance of a difference is
# that of the seeds over the number of runs, plus that of persons over the number of recordings. To
# find that difference four times out of five, the sum may be so large and no larger:

# %%
allowed = (HALF / (stats.norm.isf(0.025) + stats.norm.isf(0.2))) ** 2
fewest_runs = [max(1, int(np.ceil(luck**2 / allowed))) for luck in LUCK]
many = max(20, max(fewest_runs) + 5)
then = [np.ceil(SPREADS["middle"] ** 2 * design / (allowed - luck**2 / many)) for luck in LUCK]
assert fewest_runs[0] < 5 and 10 < fewest_runs[1] < 15 and max(then) < 1500, (
    "rewrite: how many runs, how many recordings"
)
say(
    f"With fewer than {min(fewest_runs)} to {max(fewest_runs)} runs of each architecture, no number of "
    f"recordings is enough. With {many} runs of each, {min(then):,.0f} to {max(then):,.0f} are."
)

# %% [markdown] tags=["report-only"]
# So a laboratory that owns fifty Test recordings had better not ask which of two architectures is better
# by half a point. It can ask whether *its network* is better than a constant, train each architecture
# twenty times and say what stays undecided, or pool recordings with others.

# %% [markdown]
# ## Do the intervals hold what they promise?
#
# Each of many samples gets its 95 % intervals; those that hold the truth are counted. The book's
# intervals resample persons and are widened by Student's t
# ([Hesterberg 2015](https://doi.org/10.1080/00031305.2015.1089789)). Beside them: plain percentiles,
# BCa ([Efron 1987](https://doi.org/10.1080/01621459.1987.10478410)), and percentiles that resample
# recordings, as if each showed another person.

# %%
PAIR = fit(test, ["LDBM", "TemporalMeanMLP"], labels)
TRUTH = {"MAE": PAIR.mae[0], "RMSE": PAIR.rmse[0], "PCC": PAIR.pcc[0],
         "difference in MAE": PAIR.mae[0] - PAIR.mae[1]}  # fmt: skip
OVER_PERSONS = {"the book's": "expanded", "percentile": "percentile", "BCa": "bca"}


def four(metrics):  # metric -> (k, 2 models); returns the four quantities, (4, k)
    first, second = metrics["mae"].T
    return np.stack([first, metrics["rmse"][:, 0], metrics["pcc"][:, 0], first - second])


def coverage(n=N, samples=600, balanced=False, naive=True, seed=1):
    """Share of 95 % intervals that hold the truth, a row a quantity and method."""
    rng = np.random.default_rng([SEED, seed])
    drawn, held = PAIR.draw(samples, n, rng=rng, balanced=balanced), []
    for y, y_hat, person in zip(drawn.y, drawn.y_hat, drawn.person, strict=True):
        once = {m: np.array([[METRICS[m](y, h) for h in y_hat]]) for m in ("mae", "rmse", "pcc")}
        alone = {"recordings as persons": "percentile"} if naive else {}
        for who, methods in [(person, OVER_PERSONS), (np.arange(n), alone)][: 1 + naive]:
            draws = four(bootstrap_distribution(y, y_hat, who, n_resamples=1_000, rng=rng))
            without = four(jackknife(y, y_hat, who))
            for name, k in product(methods, range(4)):
                estimate = four(once)[k, 0]
                ends = interval_of(draws[k], estimate, without[k], method=methods[name])
                held.append((name, [*TRUTH][k], ends[0] <= [*TRUTH.values()][k] <= ends[1]))
    table = pd.DataFrame(held, columns=["interval", "quantity", "coverage"])
    return table.groupby(["quantity", "interval"], sort=False)["coverage"].mean()


at_fifty = coverage()

# %% mystnb={"figure": {"caption": "Share of 95 % intervals that hold the truth, in samples as large as the Test split. Dashed: what they promise; shaded: what still counts as that.", "name": "fig-coverage"}, "image": {"alt": "Four rows of dots, one a quantity. Intervals that take recordings for persons cover least in every row and lie left of the shaded band; the book's lie within it or at its edge."}}
fig, ax = plt.subplots(figsize=(5.2, 3.6))
ax.axvspan(0.93, 0.97, color=figures.MARGIN, alpha=0.25, linewidth=0)
ax.axvline(0.95, linestyle="--", linewidth=1, color=figures.GREY)
sns.stripplot(
    at_fifty.reset_index(), x="coverage", y="quantity", hue="interval", jitter=False, size=8,
    palette=list(figures.KINDS), ax=ax,
)  # fmt: skip
ax.set(
    ylabel="", xlabel="intervals that hold the truth", xlim=(min(0.83, at_fifty.min() - 0.02), 1)
)
ax.xaxis.set(major_locator=plt.MultipleLocator(0.05), major_formatter="{x:.0%}")
sns.move_legend(ax, "upper center", bbox_to_anchor=(0.35, -0.18), ncol=2, title=None)
ax.set_title("Recordings are not persons")
figures.keep(fig, at_fifty.reset_index(), WHOSE)

# %%
ours = at_fifty.xs("the book's", level="interval")
naive = at_fifty.xs("recordings as persons", level="interval")
even = coverage(samples=300, balanced=True, naive=False, seed=5).xs("the book's", level="interval")
assert (ours > 0.92).all(), "rewrite: our intervals hold too little"
assert (naive < ours).all() and naive.min() < 0.92, "rewrite: what naive intervals hold"
assert (even[["MAE", "RMSE"]] > 0.99).all(), "rewrite: what balanced persons change"
assert even["difference in MAE"] < 0.98, "rewrite: what balanced persons change"
say(
    f"The book's intervals cover {ours.min():.0%} to {ours.max():.0%}; those that take recordings for "
    f"persons {naive.min():.0%} to {naive.max():.0%}."
)

# %% [markdown] tags=["report-only"]
# The book's intervals hold their promise, or nearly, also for the RMSE, which hangs on the severe cases.
# AVEC2014's scores end in the mid-forties. An earlier edition of this page drew scores up to 63, and
# there the intervals of the RMSE held too little: a sample that lacks its few extreme cases shows too
# small an error. Who takes recordings for persons is too sure everywhere.
#
# One warning about this cohort. Its splits are balanced: each holds nearly the same scores, as the
# official ones do. For the question *what would another such split give?* the intervals of an error
# are then far too wide. They answer another one: what would other persons give, as they come? For
# differences it makes none.

# %% [markdown]
# ## Does the test keep its level?
#
# Where two models are equal, a test at 5 % should find a difference in 5 % of the samples.

# %%
null = pairs["middle"].draw(SAMPLES, N, rng=np.random.default_rng([SEED, 10]))
rng = np.random.default_rng([SEED, 20])
gaps = null.errors[:, 0] - null.errors[:, 1]
flipped = [(sign_flip_test(gap, who, n_resamples=999, rng=rng).p_value,
            sign_flip_test(gap, range(N), n_resamples=999, rng=rng).p_value)
           for gap, who in zip(gaps, null.person, strict=True)]  # fmt: skip
persons, alone = (np.array(flipped) <= 0.05).mean(axis=0)
assert persons < 0.06 < alone, "rewrite: false alarms of the two flips"
say(f"Flipping persons finds one in {persons:.1%}; flipping recordings, in {alone:.1%}.")

# %% [markdown] tags=["report-only"]
# ## The study's own table
#
# The study reports one Test PCC a model. Fisher's z gives each an interval: as if all 50 recordings
# were of different persons, and as if persons returned as often as in this cohort. How often they do
# in the study's Test split is not reported.

# %% tags=["report-only"]
one = large.y_hat[0, 0]
tied = 1 + (beside - 1) * alike(large.y[0], large.person[0]) * alike(one, large.person[0])
rows = claims.REPORTED[["model", "test_pcc"]].copy()
for title, n in (("95 %, all different", N), ("95 %, persons return", int(N / tied))):
    ends = [fisher_interval(r, n) for r in rows["test_pcc"]]
    assert all(low < 0 < high for low, high in ends), "a PCC differs from zero: rewrite"
    rows[title] = [f"{low:.2f} to {high:.2f}" for low, high in ends]
table(rows)

# %% [markdown] tags=["report-only"]
# None of the four differs from zero. To do so at the 5 % level, the correlation of fifty independent
# recordings must be above 0.279 in size. Where persons return, predictions without any relation to
# the label pass that bound too often:

# %% tags=["report-only"]
unrelated = replace(population, pcc=np.zeros(len(MODELS)))
drawn = unrelated.draw(2 * SAMPLES, N, rng=np.random.default_rng([SEED, 40]))
y = drawn.y - drawn.y.mean(axis=1, keepdims=True)
y_hat = drawn.y_hat[:, 0] - drawn.y_hat[:, 0].mean(axis=1, keepdims=True)
r = abs((y * y_hat).sum(axis=1)) / np.sqrt((y**2).sum(axis=1) * (y_hat**2).sum(axis=1))
passed, bound = (r > critical_r(N)).mean(), np.quantile(r, 0.95)
assert abs(critical_r(N) - 0.279) < 0.001 and passed > 0.07, "rewrite the finding"
say(f"They pass it in {passed:.1%} of the samples. A bound that keeps the 5 % is {bound:.2f}.")

# %% [markdown] tags=["report-only"]
# Last, suppose that the study's four errors were the exact truth of four such models. How often would
# a sample of fifty show the best of them as the best?

# %% tags=["report-only"]
truth = claims.REPORTED.set_index("model")["test_mae"][MODELS].to_numpy()
drawn = population.draw(2 * SAMPLES, N, rng=np.random.default_rng([SEED, 60])).errors.mean(axis=-1)
drawn *= truth / population.mae
best = (drawn.argmin(axis=1) == truth.argmin()).mean()
order = (np.argsort(drawn, axis=1) == np.argsort(truth)).all(axis=1).mean()
assert 0.2 < best < 0.35 and order < 0.15, "rewrite the finding"
say(
    f"The best is first in **{best:.0%}** of the samples; by pure chance it would be in 25 %. "
    f"All four are in order in {order:.0%}; by chance, in {1 / 24:.0%}."
)

# %% [markdown] tags=["report-only"]
# ## Try it
#
# Set `N = 300` where the runs are loaded, and run the page again: where does the middle curve pass
# the dashed line now? Or give `LUCK` the value that five runs of each model would leave, the old one
# divided by the square root of five, and look at the false alarms. Where an assertion stops the page,
# a sentence near it is about fifty recordings only.
#
# ## What this does not show
#
# The error model is fitted to four models on one simulated Test split, and its residuals are normal.
# Another corpus has other spreads: put them into `SPREADS`. All sizes here are of *Test* splits. What
# more *training* recordings would do to the models is another question: [When order
# matters](10_when_order_matters.ipynb) has Train splits of 50 to 1,500.
