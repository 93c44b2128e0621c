# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/*.parquet
#     - results/published/*.parquet
#     - results/order/*.parquet
#     - results/population/*.parquet
#     - deplib/claims/*.csv
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
# # Does temporal architecture matter?
#
# *When depression severity (BDI-II) is regressed from facial video, does it matter how the frames are
# combined over time?* A study compared four ways on AVEC2014, all on the same frozen face embeddings:
# a plain average of the frames, attention over patches (LDBM), attention over all frames
# (Transformer), and a recurrent network (MambaGRU).
#
# **Where order tells, it can. But these four models, trained on fifty recordings, showed no gain from
# it.** On AVEC2014, all four models of the study erred more than somebody who always answers the same
# number. In simulated worlds where severity is in the *order* of movement, and a network sees the true
# movement of the face, two of the three temporal models beat an average once they learn from hundreds
# of recordings; with fifty, the study's number, none does. From embeddings of identity, which the study
# uses, no network found more than a trace of order with fifty or 150. And where severity is mostly in
# *how much* a face moves, no temporal model was shown to beat the average on them.

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
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from deplib import figures, results
from deplib.claims import REPORTED, constant_test_mae
from deplib.metrics import pcc
from deplib.report import badge, say
from deplib.statistics import holm, score_runs, stacked_errors

figures.style()
badge("default")

# %% [markdown]
# ## The answer in one picture
#
# The upper panel is the map of [When order matters](10_when_order_matters.ipynb): how much LDBM adds
# to an average and a spread of the frames, which here are the true movement of the face. The lower
# one is what the study reports for AVEC2014. Its predictions are not published, so the bars are
# borrowed: they show how far such an error moves with other recordings, as measured on the simulated
# cohort.

# %%
AVERAGE_SD = "ridge (mean+sd)"
said = results.answers("order")
asked = (said["predictor"] == AVERAGE_SD) | (said["inputs"] == "z-scored")
asked &= said["predictor"].isin([AVERAGE_SD, "LDBM"]) & (said["movement"] == "pace")
rows = []
for cell, of in said[asked].groupby(["share", "n_train", "cohort"]):
    wide = of.pivot_table(
        index=["split", "recording", "bdi"], columns=["predictor", "seed"], values="bdi_hat"
    )
    alone = stacked_errors(wide, (AVERAGE_SD, 0)).mean()
    ldbm = [name for name in wide if name[0] == "LDBM"]
    rows += [(*cell, alone - stacked_errors(wide, (AVERAGE_SD, 0), one).mean()) for one in ldbm]
added = pd.DataFrame(rows, columns=["share", "n_train", "cohort", "gain"])
gain = added.pivot_table(index="share", columns="n_train", values="gain").dropna()  # whole rows

# %%
MODELS = {  # as the library calls them, and as this page does
    "TemporalMeanMLP": "plain average",
    "LDBM": "LDBM",
    "VanillaTransformer": "Transformer",
    "MambaGRU": "MambaGRU",
}
AVERAGE, *TEMPORAL = MODELS
grid = results.load("default", **results.ABLATION | {"model": list(MODELS)})
test = grid[grid["split"] == "test"]
test = test.assign(error=(test["bdi_hat"] - test["bdi"]).abs())

by_run = test.groupby(["model", "seed"])["error"].agg(["mean", "std", "size"])
half_width = 1.96 * (by_run["std"] / np.sqrt(by_run["size"])).median()
reported = REPORTED.assign(label=REPORTED["model"].map(MODELS), value=REPORTED["test_mae"])
reported = reported.assign(low=reported["value"] - half_width, high=reported["value"] + half_width)
say(
    f"Of one run on {by_run['size'].max()} recordings, the mean absolute error is known to about "
    f"±{half_width:.1f} points."
)

# %% mystnb={"figure": {"caption": "Above: points of Test MAE that LDBM adds to the mean and spread of all channels, by recordings in Train and by order's share of what behaviour tells about severity; simulated worlds, true movement and no encoder, mean of three cohorts and two seeds. Below: mean absolute error of the study's four models on the 50 Test recordings of AVEC2014, as reported; bars: how far such an error moves with other recordings, measured on the simulated cohort. The dashed line is a constant answer of 13.5, the shaded strip the Train mean.", "name": "fig-glance"}, "image": {"alt": "Above, a map of numbers: zero along the foot and with 50 recordings, and growing to the upper right. Below, four dots with wide bars, all right of a dashed line."}}
fig, (above, below) = plt.subplots(2, 1, figsize=(4.6, 5.4), height_ratios=[3, 4])
shown = gain[::-1].to_numpy()
text = np.where(np.abs(shown) < 0.05, "0", np.char.mod("%+.1f", shown))
sns.heatmap(
    gain[::-1], ax=above, annot=text, fmt="", cmap="vlag_r", vmin=-2, vmax=2, cbar=False,
    linewidths=1, annot_kws={"color": "black", "weight": "bold"},
)  # fmt: skip
above.set(xlabel="recordings in Train", ylabel="share of order")
above.tick_params(axis="y", labelrotation=0)
above.set_title("LDBM finds order in hundreds of recordings")
figures.forest(reported, below, zero=(constant := constant_test_mae(13.5)))
below.text(constant - 0.06, 3.45, "always 13.5", color=figures.GREY, ha="right", fontsize=9)
below.axvspan(9.54, 9.76, color=figures.MARGIN, alpha=0.3, linewidth=0)
below.set(title="AVEC2014: all err more than a constant", xlabel="Test MAE, BDI-II points")
study = reported[["model", "value", "low", "high"]].assign(panel="reported")
drawn = pd.concat([study, added.assign(panel="simulated")]).round(3)
figures.keep(fig, drawn, "Simulated worlds of order (pace); figures reported by the study")

# %% [markdown]
# ## Four findings
#
# ### 1. Order pays where there is order, an input that shows movement, and a model that can find it
#
# LDBM adds more than a point where order has it all and Train has hundreds of recordings, and nothing
# with fifty. (That is the easier of two worlds of order; in the other it takes 1,500.) The order is
# there to be found: a fixed set of random filters finds it in fifty. So does MambaGRU in the easier
# world, if its answer is read from the *mean* of its states instead of the last; with 150 it then
# errs as little as the best of the four with 1,500. And a trained network's input must show movement:
# scaled over all recordings, as is usual, it let LDBM find nothing in five hundred. From rendered
# faces, with either encoder, no network of the study found more than a trace in five hundred at the
# protocol's settings; the changed one found some of it. *(simulated worlds of order)*

# %%
most = gain.columns.max()
assert gain.loc[1.0, most] > 1 and (gain.loc[0.0] < 0.1).all(), "rewrite finding 1"
assert gain[50].abs().max() < 0.1, "rewrite finding 1"
fifty = said.query("movement == 'pace' and share == 1.0 and n_train == 50 and split == 'test'")
errors = (fifty["bdi_hat"] - fifty["bdi"]).abs().groupby(fifty["predictor"]).mean()
read_from_mean = errors["MambaGRU (mean of states)"]
assert read_from_mean < errors["constant"] - 0.4 < errors["MambaGRU"], "rewrite finding 1"
easier = said.query(
    "movement == 'pace' and share == 1.0 and split == 'test' and inputs == 'z-scored'"
)
by_size = (
    (easier["bdi_hat"] - easier["bdi"]).abs().groupby([easier["n_train"], easier["predictor"]])
)
by_size = by_size.mean().unstack()
changed = by_size.loc[150, "MambaGRU (mean of states)"]
assert changed < by_size.loc[most].reindex(MODELS).min() + 0.1, "rewrite finding 1"


def known(runs, by):
    """Correlation with severity of each run, averaged by something."""
    of_runs = runs.groupby([*by, "cohort", "seed"])[["bdi", "bdi_hat"]]
    found = of_runs.apply(lambda run: pcc(run["bdi"].to_numpy(), run["bdi_hat"].to_numpy()))
    return found.groupby(by).mean()


ldbm = said.query("movement == 'pace' and share == 1.0 and n_train == 500 and predictor == 'LDBM'")
ldbm = known(ldbm.query("split == 'test'"), ["inputs"])
assert ldbm["none"] < 0.1 < 0.4 < ldbm["z-scored"], "rewrite finding 1"
pixels = results.answers("population").query("world == 'pace' and n_train == 500")
pixels = pixels.query("inputs == 'z-scored' and learning_rate == 0 and dropout == 0")
pixels = pixels[pixels["split"] == "test"]
pixels = known(pixels, ["predictor", "features"]).unstack()
assert pixels.loc[TEMPORAL].abs().max(axis=None) < 0.2, "rewrite finding 1"
assert pixels.loc["MambaGRU (mean of states)"].min() > 0.3, "rewrite finding 1"
say(
    f"Where order has it all, LDBM adds {gain.loc[1.0, most]:.1f} points with {most:,} Train recordings "
    "and nothing with 50. Where levels have it all, it adds nothing at any size. Read from the mean of "
    f"its states, MambaGRU errs by {read_from_mean:.1f} points with 50 and {changed:.1f} with 150, where the "
    f"constant errs by {errors['constant']:.1f}."
)

# %% [markdown]
# ### 2. Where severity is mostly in how much a face moves, no temporal model was shown to beat an average of identities
#
# This is the study's own experiment on a simulated cohort: rendered faces, embeddings of identity,
# fifty Train recordings. None of the three temporal models had a demonstrably smaller error than the
# average, and what seems to be a difference does not survive the correction for three comparisons.
# With so few recordings, most of these differences are *undecided* rather than zero. *(simulated
# cohort)*

# %%
scored = score_runs(test)  # every run on the same 10,000 draws of persons
gaps = {model: scored.difference(model, AVERAGE, draw_seeds=True) for model in TEMPORAL}
p = holm([scored.test(model, AVERAGE).p_value for model in TEMPORAL])
assert min(p) > 0.05, "rewrite finding 2: a difference survives the correction"
assert not any(gap.low > 0 or gap.high < 0 for gap in gaps.values()), "rewrite finding 2"
assert gaps["LDBM"].estimate > 0.2 and abs(gaps["VanillaTransformer"].estimate) < 0.1, (
    "rewrite finding 2: the differences"
)
say(
    f"Over ten runs, the error of LDBM was {gaps['LDBM'].estimate:.1f} points higher than that of the "
    f"average, the Transformer's equal, that of MambaGRU {gaps['MambaGRU'].estimate:.1f} higher. The "
    f"smallest corrected p-value is {min(p):.2f}."
)

# %% [markdown]
# Is the signal too weak to tell? In a second simulated world, faces show severity as clearly as the
# best published results would need. The finding is the same there ([three worlds](09_results.ipynb)).
# And is it the fifty Test recordings? On a *thousand* new ones in each of three cohorts none gains, and
# the Transformer is equivalent to the average within a point. But the answers of all four networks have
# no correlation with severity there, while a ridge regression on mean and spread of the same embeddings
# has one of .1 to .3. Networks that learn nothing cannot show whether order matters. On embeddings of
# *affect* they do learn something; the same ridge regression still errs less. Z-scored within each
# recording, the Transformer mostly errs less than the average, and run by run it errs as much when its
# frames are shuffled: what it gains is not by their order ([Results](09_results.ipynb)).

# %%
thousand = results.answers("population").query("split == 'test' and inputs == 'raw'")
thousand = thousand[thousand["features"] == "identity"]
thousand = thousand[thousand["world"].isin(["default", "published"])]
thousand = known(thousand, ["predictor", "world"]).unstack()
assert thousand.loc[list(MODELS)].abs().max(axis=None) < 0.06, "rewrite finding 2"
assert thousand.loc[AVERAGE_SD].round(1).between(0.1, 0.3).all(), "rewrite finding 2"
affect = results.answers("population").query("world == 'published' and features == 'affect'")
affect = affect.query("split == 'test' and learning_rate == 0 and dropout == 0 and not whole")
affect = affect.groupby(["inputs", "predictor", "cohort"])[["bdi", "bdi_hat"]]
errs = affect.apply(lambda run: (run["bdi"] - run["bdi_hat"]).abs().mean()).unstack("cohort")
of_ridge = errs.loc[("raw", AVERAGE_SD)]
assert (errs.loc["raw"].loc[list(MODELS)] > of_ridge + 0.1).all(axis=None), "rewrite finding 2"
centred = errs.loc[("z-scored", "VanillaTransformer")]
assert (errs.loc[("raw", AVERAGE)] - centred).min() > 0.2, "rewrite finding 2"
no_order = errs.loc[("shuffled", "VanillaTransformer")]
assert (no_order - centred).abs().max() < 0.2, "rewrite finding 2"

# %%
strong = results.load("published", **results.ABLATION | {"model": list(MODELS)})
strong = score_runs(strong[strong["split"] == "test"])
for model in TEMPORAL:
    assert strong.difference(model, AVERAGE, draw_seeds=True).high > 0, "rewrite finding 2"

# %% [markdown]
# ### 3. Fifty recordings and one run of each model give no ranking
#
# Train the same four models again, from other random numbers, and the order of their errors on the
# same fifty recordings changes. A study with one run each shows one of these orders.
# [Few recordings](11_power.ipynb) says how many would be enough. *(simulated cohort)*

# %%
mae = by_run["mean"].unstack("model")
orders = mae.rank(axis=1).drop_duplicates()
spread_of_study = np.ptp(REPORTED["test_mae"])
assert len(orders) > 3, "rewrite finding 3"
wide = test.pivot_table(index="recording", columns=["model", "seed"], values="error")
gaps_of = [wide[one][seed] - wide[AVERAGE][seed] for one in TEMPORAL for seed in wide[one]]
pair = 1.96 * np.median([gap.std() / np.sqrt(len(gap)) for gap in gaps_of])
assert spread_of_study < pair, "rewrite finding 3"
say(
    f"The {len(mae)} runs put the four models in {len(orders)} different orders. The study's four "
    f"errors lie within {spread_of_study:.2f} points of each other; a difference of two networks on fifty "
    f"recordings is known to about ±{pair:.1f} points."
)

# %% [markdown]
# ### 4. On AVEC2014 the study's models did worse than a constant
#
# Always answering 13.5 has a Test error of 9.54 points. One caveat matters most: 13.5 is the median
# of the *Test* labels, which nobody knows beforehand. The mean of the Train labels, as commonly quoted,
# gives 9.54 to 9.76, so the verdict stands. Both rest on the
# [means of the severity bands](https://github.com/umayrah-mm/Depression-Severity-Estimation) that one
# public README states; [A constant](14_literature.ipynb) has the sum. On *other* recordings the order
# could be another: the bars of the picture cross the constant's line. On Dev, which chose the epochs,
# the same models look better than a constant:
# [Looking good on Dev](12_choosing_on_dev.ipynb) shows that this needs no
# signal. *(reported by the study, and derived from published statistics of the labels)*

# %%
worse = REPORTED["test_mae"] > 9.76  # also than the Train mean
assert worse.all() and round(constant_test_mae(13.5), 2) == 9.54, "rewrite finding 4"
assert (REPORTED["dev_mae"] < REPORTED["test_mae"] - 1).all(), "rewrite finding 4"
assert (reported["low"] < constant).all(), "rewrite finding 4"
say(
    f"The study reports Test errors of {REPORTED['test_mae'].min():.2f} to "
    f"{REPORTED['test_mae'].max():.2f} points."
)

# %% [markdown]
# ## What is simulated
#
# - **Simulated**, with known truth: persons, their BDI-II scores, their behaviour, and the rendered
#   frames of their faces. The face encoder is a real network, trained on rendered faces.
# - **Real**: features, windows, models, training and statistics. The same code runs on AVEC2014 for
#   whoever has a licence ([Your data](16_your_data.ipynb)).
# - **Reported**: the study's own figures, quoted, and those of other papers, each with its source.
#
# ## How to read this book
#
# - **Five minutes**: this page.
# - **Twenty minutes**: [the results](09_results.ipynb),
#   [when order matters](10_when_order_matters.ipynb), [looking good on Dev](12_choosing_on_dev.ipynb),
#   and [what the study claims](13_claims.ipynb).
# - **To use the code**: [the zeros that nobody noticed](03_extraction.ipynb),
#   [how a model is trained](04_mean_mlp.ipynb), [your data](16_your_data.ipynb).
# - **To build the next model**: [LDBM in one cell](05_ldbm.ipynb) and
#   [the study's advice, tested](15_advice.ipynb).
#
# The [glossary](glossary.md) has the terms, and [citing](citing.md) the licences.
#
# **Try it**: put another metric in the place of the absolute error, such as the squared one, in the
# second cell of the picture. Which of the four findings would you have to rewrite?
#
# ## What this page does not show
#
# Nothing found on the simulated cohort is evidence about AVEC2014 or about patients. That no
# difference was found is not proof that there is none: fifty recordings would miss a difference of
# half a point most of the time. And this is research on methods; nothing here diagnoses anyone.
