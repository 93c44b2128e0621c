# ---
# jupyter:
#   deplib:
#     needs:
#     - deplib/claims/*.csv
#     uses:
#     - deplib.claims
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
# # The literature, beside a constant
#
# **Always giving the same answer has a Test MAE of 9.54 on AVEC2014. Each result that its authors put
# forward is better than that, and each of the study's four models is worse.** That answer, 13 or 14,
# is a median of the *Test* labels, which nobody knows beforehand. The mean of Train, about 15 as
# commonly quoted, gives 9.54 to 9.76: the verdict is the same.
#
# Three more things can be read from published figures alone. Most papers differ from each other by
# less than fifty recordings can show. All three public re-runs came out worse, one of them by more
# than chance explains. And the best errors are close to the questionnaire's own, if its reliability
# is the lowest that was published.

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

# %%
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

from deplib import figures
from deplib.claims import CERTAINTY, FACTS, REPORTED, TEST_BANDS, constant_test_mae, published
from deplib.report import badge_of_published, say, table

figures.style()
badge_of_published()

# %%
all_results = published()
shown = all_results[all_results["kind"] != "ablation"].reset_index(drop=True)
constant = constant_test_mae()
assert (shown["mae"] < constant).all(), "rewrite the answer"
assert (REPORTED["test_mae"] > 9.76).all() and round(constant, 2) == 9.54, "rewrite the answer"
ablations = all_results.loc[all_results["kind"] == "ablation", "mae"]
say(
    f"There are {len(shown)} published results; their errors go up to {shown['mae'].max():.2f}. "
    f"{len(ablations)} ablations, parts of a method that its authors tried alone, are left out here; "
    f"theirs go up to {ablations.max():.2f}."
)

# %% [markdown]
# ## What one constant scores
#
# No paper that we found prints it, yet it can be derived. [One
# README](https://github.com/umayrah-mm/Depression-Severity-Estimation) states share and mean of each
# severity band among the Test labels; no single label is known or needed. Labels are whole numbers,
# so at fifty recordings the number of labels in a band and their sum are known exactly.

# %%
bands = TEST_BANDS.assign(labels=(50 * TEST_BANDS["share"]).round().astype(int))
bands["their_sum"] = (bands["mean_bdi"] * bands["labels"]).round().astype(int)
off = (bands["their_sum"] / bands["labels"] - bands["mean_bdi"]).abs()
assert (off <= 0.005 + 1e-9).all(), "no whole sum has the published mean"
below = bands["highest"] < 13.5
distances = np.where(below, 1, -1) * (13.5 * bands["labels"] - bands["their_sum"])
mae = distances.sum() / 50
assert bands.loc[below, "labels"].sum() == 25, "13.5 is no median"
assert abs(mae - constant) < 0.005
say(
    f"Half of the labels are at most 13 and half at least 14. So every number between is a median, "
    f"which has the smallest MAE of all constants: {distances.sum():.0f} points over 50 recordings, "
    f"or **{mae:.2f}**. The labels' mean is {bands['their_sum'].sum() / 50:.2f}."
)

# %% [markdown]
# Other constants have labels of one band on either side, so only bounds can be given. The distances
# within a band sum to the least when its labels are as equal as their sum permits, and to the most
# when all but one lie at the limits of the band.


# %%
def bounds(c):
    """Smallest and largest Test MAE of a constant c, whatever the single labels are."""
    low = high = 0.0
    for _, lowest, highest, _, _, n, total in bands.itertuples(index=False):
        equal = np.full(n, total // n) + (np.arange(n) < total % n)
        top, rest = divmod(total - n * lowest, highest - lowest)
        extreme = np.full(n, lowest)
        extreme[:top] = highest
        if top < n:
            extreme[top] += rest
        low, high = low + np.abs(equal - c).sum() / 50, high + np.abs(extreme - c).sum() / 50
    return low, high


# %% mystnb={"figure": {"caption": "Test MAE on AVEC2014 of every constant: it lies within the shaded band, whatever the single labels are. Red: the study's four models as reported.", "name": "fig-constant-curve"}, "image": {"alt": "A band with a flat lowest part at 13 to 14 that rises on both sides; the range of the four models lies above it from 11 to 18."}}
curve = pd.DataFrame(
    [(c, *bounds(c)) for c in np.arange(5, 25.01, 0.25)], columns=["constant", "low", "high"]
)
fig, ax = plt.subplots(figsize=(5.2, 3.6))
ax.fill_between(curve["constant"], curve["low"], curve["high"], color=figures.GREY, alpha=0.5)
ax.axhspan(
    REPORTED["test_mae"].min(), REPORTED["test_mae"].max(), color=figures.KINDS[1], alpha=0.35
)
ax.text(14.5, REPORTED["test_mae"].max() + 0.1, "the study's four models", ha="center")
ax.text(13.5, 9.2, "every constant", ha="center")
ax.set(xlabel="the constant answer, BDI-II points", ylabel="Test MAE", ylim=(9, 13), xlim=(5, 25), xticks=range(5, 26, 5),
       title="Any answer from 11 to 18 beats all four models")  # fmt: skip
figures.keep(fig, curve, "published statistics of the AVEC2014 Test labels; models as reported")

# %%
best = REPORTED["test_mae"].min()
surely = [c for c in range(64) if bounds(c)[1] < best]
assert (surely[0], surely[-1]) == (11, 18), "rewrite the title"
assert np.allclose(bounds(13.5), constant, atol=0.005)
assert np.allclose(np.round([bounds(15.0)[0], bounds(15.1)[1]], 2), (9.54, 9.76)), "rewrite 9.76"
off_mean = bands["their_sum"].sum() / 50 - 13.5
rmse = np.hypot(FACTS.loc["label_sd", "value"], off_mean)
say(f"The RMSE of the best constant is about {rmse:.1f}, from the published SD of the labels.")

# %% [markdown]
# **Another test set would give another figure.** For these recordings the error of a constant is
# exact. As an estimate for others like them it has a spread: its absolute errors have an SD of
# $\sqrt{\mathrm{RMSE}^2 - \mathrm{MAE}^2}$.

# %%
half = 1.96 * np.sqrt(rmse**2 - mae**2) / np.sqrt(50)
say(
    f"Over random sets of 50 recordings it would be {mae:.1f} ± {half:.1f}, and more if persons return."
)

# %% [markdown]
# ## What was published
#
# The same identity makes an interval of every published result, for papers print MAE and RMSE:
# $\mathrm{MAE} \pm 1.96 \sqrt{(\mathrm{RMSE}^2 - \mathrm{MAE}^2)/50}$. It takes recordings as
# independent, so it is too narrow; it also leaves out what choosing on Test would add.

# %%
shown["half"] = 1.96 * np.sqrt((shown["rmse"] ** 2 - shown["mae"] ** 2) / 50)
label_sd = FACTS.loc["label_sd", "value"]
gaussian = np.sqrt(2 / np.pi)  # MAE over RMSE of normal errors
floor_of_label = gaussian * label_sd * np.sqrt(1 - FACTS.loc["retest_low", "value"])
clinician = gaussian * label_sd * np.sqrt(1 - FACTS.loc["hamilton_r", "value"] ** 2)

# %% mystnb={"figure": {"caption": "Published Test MAE on AVEC2014 with approximate 95 % intervals, and the study's four models (diamonds). Filled: a paper's figure that we read; grey: second hand or as commonly quoted; squares: public code. The CSV has the source of each.", "name": "fig-literature"}, "image": {"alt": "A column of points with wide overlapping bars, papers mostly from 5 to 7, public code from 7 to 9. All lie left of the dashed line of the constant; the study's four diamonds lie right of it."}}
looks = {"V": figures.KINDS[0], "S": "#8C8C8C", "M": "#8C8C8C"}
fig, ax = plt.subplots(figsize=(5.2, 9.2))
for y, row in enumerate(shown.itertuples()):
    shade = looks[row.certainty] if row.kind == "paper" else figures.KINDS[1]
    ax.plot([row.mae - row.half, row.mae + row.half], [y, y], color=shade, linewidth=1.6)
    ax.plot(row.mae, y, "o" if row.kind == "paper" else "s", color=shade, markersize=5)
for k, row in enumerate(REPORTED.itertuples()):
    ax.plot(row.test_mae, len(shown) + k, "D", color=figures.COLOURS[row.model])
names = [*shown["name"], *("this study: " + REPORTED["model"])]
for x, text, side in (
    (constant, "a constant", "center"),
    (clinician, " a clinician's\n rating", "left"),
    (floor_of_label, "the label's \nown error ", "right"),
):
    ax.axvline(x, color=figures.GREY, linestyle="--", linewidth=1)
    ax.text(x, -1.2, text, ha=side, va="bottom", fontsize=9)
ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.3, -1), xlabel="Test MAE")
ax.tick_params(axis="y", labelsize=8)
fig.suptitle(
    "What papers put forward beats a constant;\nthe study's four models do not",
    weight="bold",
    fontsize=11,
)
how_sure = shown["certainty"].map(CERTAINTY)
figures.keep(fig, shown.assign(certainty=how_sure), "published results, each with its source")

# %%
papers, code = (shown[shown["kind"] == kind] for kind in ("paper", "public code"))
near = shown[shown["mae"] + shown["half"] >= constant]
unsure = (papers["certainty"] == "M").sum()
say(
    f"{len(near)} of the {len(shown)} lie below the constant by less than their own interval. How "
    f"sure a figure is differs: of {len(papers)} papers' figures {(papers['certainty'] == 'V').sum()} "
    f"were {CERTAINTY['V']}, and {unsure} are {CERTAINTY['M']}, confirmed nowhere."
)

# %% [markdown]
# ## Do two papers differ?

# %%
sure = papers[papers["certainty"] != "M"]
pairs = [
    (abs(a.mae - b.mae), np.hypot(a.half, b.half)) for a, b in combinations(sure.itertuples(), 2)
]
pairs = pd.DataFrame(pairs, columns=["difference", "half_width"])
apart = (pairs["difference"] > pairs["half_width"]).sum()
assert apart <= 2, "rewrite the finding"
say(
    f"Of {len(pairs)} pairs of papers, those that are only commonly quoted left out, {apart} differs "
    f"by more than the interval of the difference. That interval is ±{pairs['half_width'].median():.1f} "
    f"points wide, and the {len(sure)} papers span {np.ptp(sure['mae']):.1f}. Fifty recordings tell "
    "a model from a constant; they hardly rank the models."
)

# %% [markdown]
# These comparisons are unpaired. Two models tend to err on the same recordings, and a paired
# difference would be sharper. It needs the predictions of both: one more reason to publish them.
#
# ## Re-runs beside the papers
#
# Where public code reproduces a listed result, both can be compared.

# %% mystnb={"figure": {"caption": "Test MAE as a paper reports it (dot) and as public code reproduces it (square).", "name": "fig-reruns"}, "image": {"alt": "Three arrows to the right: from 6.0 to 9.4, from 6.1 to 7.4, from 7.6 to 8.2."}}
again = shown[shown["rerun_of"] != ""].merge(
    shown, left_on="rerun_of", right_on="name", suffixes=("", "_reported")
)
again["gap"] = again["mae"] - again["mae_reported"]
again["half_of_gap"] = np.hypot(again["half"], again["half_reported"])
again = again.sort_values("gap", ascending=False, ignore_index=True)
fig, ax = plt.subplots(figsize=(5.2, 2.7))
for y, row in enumerate(again.itertuples()):
    ax.annotate(
        "",
        (row.mae - 0.07, y),
        (row.mae_reported + 0.07, y),
        arrowprops={"arrowstyle": "->", "color": figures.GREY},
    )
    ax.plot(row.mae_reported, y, "o", color=figures.KINDS[0])
    ax.plot(row.mae, y, "s", color=figures.KINDS[1])
    ax.text(row.mae_reported, y - 0.2, row.rerun_of, fontsize=10)
ax.axvline(constant, color=figures.GREY, linestyle="--", linewidth=1)
ax.text(constant - 0.05, 2.35, "a constant", ha="right", fontsize=9)
ax.set(
    yticks=[],
    ylim=(2.5, -0.6),
    xlim=(5.7, 9.8),
    xlabel="Test MAE",
    title="Every re-run came out worse",
)
columns = ["rerun_of", "name", "mae_reported", "mae", "gap", "half_of_gap", "source"]
figures.keep(fig, again[columns], "published results and public re-runs")

# %%
assert (again["gap"] > 0).all(), "rewrite the title"
beyond = again[again["gap"] > again["half_of_gap"]]
assert len(beyond) == 1, "rewrite the finding"
say(
    f"The gaps are {again['gap'].min():.1f} to {again['gap'].max():.1f} points, and one exceeds what "
    f"chance over recordings explains: {beyond['rerun_of'].iloc[0]}, {beyond['mae_reported'].iloc[0]:.2f} "
    f"in the paper and {beyond['mae'].iloc[0]:.2f} [in other "
    f"hands]({beyond['source'].iloc[0]}). The median of all public code is "
    f"{code['mae'].median():.1f}, that of the papers {papers['mae'].median():.1f}."
)

# %% [markdown]
# A re-run can fail for reasons of its own: fewer frames, another aligner, less tuning. A gap says
# that a result did not transfer, and not which of the two is right.
#
# ## Two checks that need no data
#
# **RMSE against PCC.** Predictions that correlate $r$ with labels of SD $S$ have an RMSE of at least
# $S\sqrt{1 - r^2}$. So a published pair can be impossible. **RMSE over MAE.** For normal errors the
# ratio is 1.25; an RMSE that is averaged over small batches slides towards the MAE.

# %%
pairs = all_results.dropna(subset=["pcc"]).copy()
r = pairs["pcc"].abs() + 0.005  # all roundings in favour of the result
pairs["least"] = (label_sd - 0.005) * np.sqrt(49 / 50) * np.sqrt(1 - r**2)
pairs["short"] = pairs["rmse"] + 0.005 - pairs["least"]
impossible = pairs[pairs["short"] < 0].sort_values("short")
chi = stats.chi(2).mean() / np.sqrt(2) / gaussian  # RMSE / MAE when averaged over batches of 2
assert len(impossible) == 4, "rewrite the finding"
table(
    impossible[["name", "mae", "rmse", "pcc", "least"]].rename(columns={"least": "RMSE at least"})
)

# %%
say(
    f"{len(impossible)} of {len(pairs)} figures are below the bound: not the RMSE of these "
    f"predictions on all of these labels. Averaged over batches of two, as one of their READMEs says, "
    f"an RMSE is {chi:.2f} times the MAE instead of {1 / gaussian:.2f} times. The smallest "
    "shortfall can come from clips that were left out."
)

# %% [markdown]
# ## The label has an error of its own
#
# Who fills in BDI-II twice does not get the same score. With [retest
# reliability](https://doi.org/10.1590/1516-4446-2012-1048) $r$, a predictor that knew every person's
# true score would still have an MAE of $0.80\,\mathrm{SD}\sqrt{1 - r}$, if errors are normal. And one
# that knew a clinician's rating, which correlates 0.71 with BDI-II, would have $0.80\,\mathrm{SD}
# \sqrt{1 - 0.71^2}$.

# %%
retest = FACTS.loc[["retest_high", "retest_week", "retest_low"], "value"]
floors = gaussian * label_sd * np.sqrt(1 - retest)
better = (sure["mae"] < clinician).sum()
implied = np.sqrt(1 - (sure["rmse"].min() / label_sd) ** 2)
assert better > len(sure) / 2, "rewrite the answer"
say(
    f"The label's own error makes an MAE of {floors.iloc[0]:.1f} to {floors.iloc[2]:.1f} points, by "
    f"the reliability taken. A clinician's rating would score {clinician:.2f}. {better} of {len(sure)} "
    f"papers claim less. The best of them implies a correlation of at least {implied:.2f} with the "
    "questionnaire: more than the interview has."
)

# %%
mcid = FACTS.loc["mcid_share", "value"]
say(
    f"What would matter to patients? [The smallest change that does](https://doi.org/10.1017/"
    f"S0033291715001270) is {100 * mcid:g} % of the baseline: {mcid * TEST_BANDS['mean_bdi'].iloc[0]:.1f} "
    f"points in the minimal band, {mcid * TEST_BANDS['mean_bdi'].iloc[-1]:.1f} in the severe one."
)

# %% [markdown]
# **Try it**: put your own model's MAE and RMSE in, and see from which papers it differs.

# %%
mine = {"mae": 7.0, "rmse": 9.0}
my_half = 1.96 * np.sqrt((mine["rmse"] ** 2 - mine["mae"] ** 2) / 50)
differs = (sure["mae"] - mine["mae"]).abs() > np.hypot(sure["half"], my_half)
say(
    f"{differs.sum()} of {len(sure)} papers differ from it by more than the interval of the difference."
)

# %% [markdown]
# ## What this does not show
#
# It does not show that a published result is wrong. Reliabilities come from other groups of people
# than this corpus, and a retest after a week contains true change, so the floors are approximate.
# The bands of the labels rest on one public README. And a figure that is only commonly quoted is as
# uncertain here as it was before.
