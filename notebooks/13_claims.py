# ---
# jupyter:
#   deplib:
#     needs:
#     - deplib/claims/*.csv
#     - results/cost.json
#     - results/default/*.parquet
#     uses:
#     - deplib.claims
#     - deplib.models.ldbm
#     - deplib.models.mamba_gru
#     - deplib.models.mean_mlp
#     - deplib.models.transformer
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
# # The study's claims, judged one by one
#
# **A third of what the study states follows from its own figures, and a fifth is contradicted by
# them.** The rest cannot be decided, or needs the licensed recordings. The most important statement
# is not among its own: all four models do worse on Test than a predictor that always gives the same
# answer.

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
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from deplib import figures
from deplib.claims import FACTS, REPORTED, VERDICTS, Evidence, constant_test_mae, ledger
from deplib.claims.checks import agreement_needed, half_width
from deplib.report import badge_of_published, say, table
from deplib.statistics import critical_r, fisher_interval

figures.style()
badge_of_published()

# %%
evidence = Evidence()
rows = ledger(evidence)
judged = rows[rows["kind"] != "simulated"]
n = judged["verdict"].value_counts()
study = REPORTED.set_index("model")
assert (study["test_mae"] > constant_test_mae()).all(), "rewrite the answer"
say(
    f"The study makes {len(judged)} statements with a number or a comparison. "
    f"**{n['confirmed']} follow from what it reports, {n['contradicted']} are contradicted**, "
    f"{n['undecidable']} cannot be decided from it, and {n['not testable']} only the licensed "
    "recordings can repeat."
)

# %% [markdown]
# Nobody typed a verdict. Each statement is a row of a CSV file, in our words, with its line in the
# study's text. A check of one expression computes what can be known, and the verdict follows. That a
# figure is *confirmed* means that it follows from the others, not that it is true of patients.
#
# ## What matters most
#
# **1. The models do worse than a constant.** Always answering with a median of the Test labels has a
# smaller error than any of the four, on these very recordings. The
# [next chapter](14_literature.ipynb) derives it from published statistics of the labels.

# %%
least = min(half_width(evidence, model) for model in study.index)
say(
    f"The Test MAEs are {study['test_mae'].min():.2f} to {study['test_mae'].max():.2f}; the best "
    f"constant has {constant_test_mae():.2f}. It is a median of the *Test* labels, so who names it "
    "has seen them; the mean of Train, as commonly quoted, gives 9.54 to 9.76. The verdict stands "
    "with either. On other recordings the difference might be another: no predictions are "
    f"published, and one such MAE alone is uncertain by {least:.1f} points at the very least."
)

# %% [markdown]
# **2. The spread of the predictions, taken for a sign of learning, adds error.** Predictions that
# vary more than twice as much as they correlate have a larger squared error than the mean of the
# labels. That holds for all four rows. Here it is, from nothing but two columns of the table:

# %%
r, s = study["test_pcc"], study["sigma_ratio"]
rmse_of_mean = FACTS.loc["label_sd", "value"]  # predicting the labels' mean
rmse = rmse_of_mean * np.sqrt(1 + s**2 - 2 * s * r)  # at least, by the variance of a difference
assert (s > 2 * r).all(), "rewrite: not all rows are harmed by their spread"
say(
    f"Their RMSE is at least {rmse.min():.1f} to {rmse.max():.1f} points, if sigma_ratio is of Test; "
    f"that of the mean is {rmse_of_mean}. At most {100 * (r**2).max():.0f} % of the variance of any "
    "model's predictions goes with severity."
)

# %% [markdown]
# **3. No Test correlation differs from zero.** Fifty recordings need a larger one, and recordings of
# one person are not independent, so the true intervals are wider still.

# %% mystnb={"figure": {"caption": "PCC on AVEC2014 as the study reports it, with 95 % intervals by Fisher's z for independent recordings. Dashed: the smallest r that differs from zero at the 5 % level. Dev may have chosen the epoch, so its intervals mean less than they seem to.", "name": "fig-claims-pcc"}, "image": {"alt": "Eight dots with bars. The four of Dev lie right of the dashed line; the four of Test lie left of it, and their bars include zero."}}
pcc = pd.DataFrame(
    [
        (f"{model}, {split.title()}", model, value, *fisher_interval(value, 50))
        for split in ("dev", "test")
        for model, value in study[f"{split}_pcc"].items()
    ],
    columns=["label", "model", "value", "low", "high"],
)
fig, ax = plt.subplots(figsize=(5.2, 4.8))
figures.forest(pcc, ax, zero=critical_r(50), zero_label="differs from 0")
ax.axvline(0, color=figures.GREY, linewidth=0.8)
ax.set(xlabel="correlation with BDI-II", title="On Test, every interval includes zero")
figures.keep(fig, pcc, "as reported by the study on AVEC2014")

# %%
on_test = pcc[pcc["label"].str.endswith("Test")]
assert (on_test["low"] < 0).all(), "rewrite the title"
needed = agreement_needed(r["LDBM"], r["TemporalMeanMLP"], 50)
say(
    f"At n = 50, |r| must exceed {critical_r(50):.3f}. The highest, {r.max():.3f} of LDBM, would "
    f"differ from that of TemporalMeanMLP only if the two models' predictions correlated above "
    f"{needed:.2f}."
)

# %% [markdown]
# **4. Not all of the study's summaries follow from its own table.** They can be recomputed in three
# lines:

# %%
gap = study["test_mae"] - study["dev_mae"]
sds = study["test_mae"].std(ddof=0), study["test_mae"].std(ddof=1)
of_sums = judged[judged["topic"] == "Means, ranges and gaps"]["verdict"].value_counts()
assert of_sums["contradicted"] == 6, "rewrite the finding"
assert not np.isclose(sds, 0.195, atol=0.002).any()
say(
    f"{of_sums['contradicted']} of {of_sums.sum()} means, ranges and gaps are contradicted. The SD "
    f"of Test MAE is {sds[0]:.3f} or {sds[1]:.3f}, by convention; the stated 0.195 is neither. The "
    f"gap of +2.0 is {gap.mean():+.2f}, and the gaps called identical run from {gap.min():+.2f} to "
    f"{gap.max():+.2f}. A PCC of 0.30 would not double 0.267: it is {0.30 / r.max():.2f} times it."
)

# %% [markdown]
# **5. That "all Test MAEs are similar" is undecidable.** They lie close together, but each is so
# uncertain that a real difference of one point would look the same. Wide intervals are no evidence
# of equality; [chapter 11](11_power.ipynb) says how many recordings would be.

# %% mystnb={"figure": {"caption": "Test MAE on AVEC2014 as the study reports it, with the least 95 % interval that its own PCC and sigma_ratio allow for independent recordings. Dashed: the best constant on the same recordings, which is exact and has no interval.", "name": "fig-claims-mae"}, "image": {"alt": "Four dots with wide bars, all to the right of a dashed line that every bar crosses."}}
width = pd.Series({m: half_width(evidence, m, s[m]) for m in study.index})
mae = pd.DataFrame({"label": study.index, "model": study.index, "value": study["test_mae"]})
mae = mae.assign(low=mae["value"] - width, high=mae["value"] + width)
fig, ax = plt.subplots(figsize=(5.2, 2.9))
figures.forest(mae, ax, zero=constant_test_mae(), zero_label="a constant")
ax.set(xlabel="Test MAE, BDI-II points",
       title="Close together, and each uncertain by two points")  # fmt: skip
figures.keep(fig, mae.reset_index(drop=True), "as reported by the study on AVEC2014")

# %%
similar = judged.set_index("id").loc["similar-errors"]
assert similar["verdict"] == "undecidable", "rewrite the finding"
assert (mae["low"] < constant_test_mae()).all(), "rewrite the caption"
say(f"The ledger's row: {similar['found']}.")

# %% [markdown]
# An interval that crosses the dashed line does not make a model as good as the constant: on these
# recordings it was worse. The width follows from $\mathrm{RMSE}^2 = S^2 (1 + s^2 - 2sr) + b^2$, for
# labels of SD $S$, predictions of SD $sS$, correlation $r$ and any bias $b$; $\mathrm{RMSE}^2 -
# \mathrm{MAE}^2$ is then the variance of the absolute errors.
#
# ## The ledger
#
# - **confirmed** or **contradicted**: what is reported, what others published, or this code decides.
# - **undecidable**: it does not follow from what is reported, and its contrary does not either.
# - **not testable**: a measurement that only the licensed recordings can repeat.

# %% mystnb={"figure": {"caption": "The verdicts by topic. The CSV holds all rows: the statement, its line, what was found, and the verdict.", "name": "fig-ledger"}, "image": {"alt": "Stacked bars, one a topic. Figures of the results table are not testable; most others are confirmed, and each topic but that one has contradicted statements."}}
counts = pd.crosstab(judged["topic"], judged["verdict"])[[*VERDICTS]]
counts = counts.loc[counts.sum(axis=1).sort_values().index]
shades = dict(
    zip(VERDICTS, (figures.KINDS[0], figures.KINDS[1], figures.KINDS[2], "#BDBDBD"), strict=True)
)
fig, ax = plt.subplots(figsize=(5.2, 4.6))
counts.plot.barh(stacked=True, color=shades, ax=ax, width=0.45, legend=False)
for y, topic in enumerate(counts.index):
    ax.text(0, y + 0.29, topic, fontsize=10)
for x, verdict in zip((0, 6, 12.4, 17.5), VERDICTS, strict=True):
    ax.text(
        x,
        len(counts) - 0.1,
        verdict,
        color=shades[verdict] if verdict != "not testable" else figures.GREY,
        fontsize=10,
        weight="bold",
    )
ax.set(
    yticks=[],
    xticks=range(0, 21, 5),
    ylabel="",
    xlabel="statements",
    ylim=(-0.5, len(counts) + 0.4),
)
ax.set_title("A third follows, a fifth is contradicted", pad=12)
columns = ["line", "section", "topic", "statement", "found", "verdict", "kind", "check"]
figures.keep(fig, rows[columns], "the study's text; published statistics; this code")

# %%
assert 0.3 < n["confirmed"] / len(judged) < 0.42, "rewrite the title"
assert 0.16 < n["contradicted"] / len(judged) < 0.24, "rewrite the title"
against = judged[judged["verdict"] == "contradicted"]
table(against[["line", "statement", "found"]])

# %% [markdown]
# What cannot be decided:

# %%
still_open = judged[judged["verdict"] == "undecidable"]
table(still_open[["line", "statement", "found"]])

# %% [markdown]
# One file would decide most of these: the predictions of each model for each recording. With it,
# paired differences have intervals over persons, and two correlations can be compared as dependent
# ones. Scores on Train and the chosen epochs would tell overfitting from choosing on Dev; several
# seeds would tell a model from its luck. [Your data](16_your_data.ipynb) computes all of that for
# whoever holds the corpus.
#
# ## How a verdict is made
#
# **Try it**: give the ledger another table, and the verdicts change. Here LDBM's Test MAE is two
# points lower.

# %%
other = evidence.reported.copy()
other.loc["LDBM", "test_mae"] -= 2
again = ledger(replace(evidence, reported=other)).set_index("id")
before = rows.set_index("id")["verdict"]
moved = again[again["verdict"] != before].join(before, rsuffix=" before")
assert "some-signal" in moved.index
table(moved[["statement", "verdict before", "verdict"]])

# %% [markdown]
# ## The same statements on the simulated cohort
#
# Twelve statements about architectures are asked of the [simulated results](09_results.ipynb), too.
# As statements about AVEC2014 they stay *not testable*, whatever comes out.

# %%
simulated = rows[rows["kind"] == "simulated"].set_index("id")["found"]
assert (rows.loc[rows["kind"] == "simulated", "verdict"] == "not testable").all()
say(
    f"Three of them. *The gap from Dev to Test*: {simulated['simulated-gap']}. *A sigma_ratio above "
    f"0.5 shows learning*: {simulated['simulated-collapse']}. *TemporalMeanMLP is within 0.1 of the "
    f"others*: {simulated['simulated-differences']}."
)

# %% [markdown]
# ## What this does not show
#
# Settings that the study states, such as its learning rate, are no claims and have no row. Published
# statistics are taken from where `deplib/claims/facts.csv` says, some of them second hand. And a
# contradicted number is a slip in a table more often than it is an error in an argument: the five
# points above are what matters.
