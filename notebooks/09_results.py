# ---
# jupyter:
#   deplib:
#     after:
#     - 04_mean_mlp
#     - 05_ldbm
#     - 06_transformer
#     - 07_mamba_gru
#     needs:
#     - results/default/permuted/*.json
#     - results/default/true/*.json
#     - results/timings/machine.json
#     - results/timings/chapters/09_results.json
#     uses:
#     - deplib.models.mean_mlp
#     - deplib.models.ldbm
#     - deplib.models.transformer
#     - deplib.models.mamba_gru
#     - deplib.models.mamba
#     - deplib.models.attention_mil
#     - deplib.rocket
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
# # Results: three sources, side by side
#
# Three kinds of numbers meet in this chapter, and they must not be mixed up:
#
# 1. what the **study reported** on AVEC2014, quoted;
# 2. what **follows by arithmetic** from published statistics;
# 3. what was **computed here** on the simulated cohort, where the truth is known.

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
size = "full"  # or "small": a small simulated cohort, for a free machine

# %% tags=["hide-input"]
from deplib import claims
from deplib.chapters.results import ResultsPage
from deplib.report import say, table

page = ResultsPage(size)
page.badge()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("09_results")

# %% [markdown]
# ## 1. As reported by the study (AVEC2014)
#
# The last column is arithmetic: a constant's Test MAE follows from the published share and mean of
# each severity band ({doc}`15_literature` has the formula), and is subtracted.

# %%
table(page.reported(), digits=3)

# %% tags=["hide-input"]
constant = claims.constant_test_mae()
above = (page.reported()["test_mae_minus_constant"] > 0).sum()
say(
    f"A constant of {claims.BEST_CONSTANT:g} points has a Test MAE of **{constant:.2f}** on "
    f"AVEC2014. {above} of {len(claims.REPORTED)} Test MAEs in the study's table are higher."
)

# %% [markdown]
# {doc}`14_claims` checks every statement that the study makes from this table, and sets those about
# architectures beside what the grid below shows.
#
# ## 2. Computed here (simulated cohort)
#
# Two things make a score spread, and they answer different questions.
#
# - **Seeds.** The same model, trained again on the same recordings, scores differently. The SD
#   between seeds measures that. It says nothing about other persons.
# - **Persons.** Other persons would have given every run another score. For the 95 % interval,
#   persons are drawn anew with all their recordings, each run is scored on them, and the mean over
#   the runs is taken; all seeds stay in. The interval is of that mean, over persons and not over
#   seeds.
#
# Each cell below is *mean over seeds ± SD between seeds (95 % interval over persons)*. What has no
# random part has one run and no SD. Plain LDBM has the study's patch. The constant is the median of
# the Train labels, or where it says so their mean; the oracle knows the true latents of each
# recording and is the ceiling. The *permuted* rows are a control at one seed: the same models, with
# labels that were shuffled among recordings within each split, so that nothing can be learnt.

# %% tags=["hide-input"]
page.what_is_scored()

# %%
table(page.scoreboard(), digits=2)

# %% mystnb={"figure": {"caption": "Test MAE on the simulated cohort. Large dot: mean over seeds; bar: its 95 % interval over persons; small dots: the single seeds. Dashed: the constant (Train median).", "name": "fig-test-mae"}, "image": {"alt": "Dots with wide bars for all models and baselines, the oracle and the permuted controls; the single seeds lie well within each bar."}}
page.forest()

# %% tags=["hide-input"]
page.verdict()

# %% [markdown]
# ## Seeds and persons
#
# Every run scores every person, so a two-way analysis of variance tells three parts of an MAE's
# variance apart: from the seed alone, from the draw of persons alone, and from both at once, as a
# seed may suit some persons. A run of one seed on one test split is subject to all three. More seeds
# remove the first and the third; only more persons remove the second. Parts are estimated by
# subtraction, and one that comes out below zero is printed as zero. The *interquartile mean* leaves
# out the best and the worst quarter of the seeds, and its interval is over persons and seeds
# together {cite}`agarwal2021rliable`. The last column counts in how many seeds each of the study's four
# has which rank.

# %%
table(page.spread_table(), digits=2)

# %% tags=["hide-input"]
page.spread()

# %% tags=["hide-input"]
page.ranking()

# %% [markdown]
# ## Differences between the architectures
#
# All models are scored on the same persons, so what two of them find equally hard cancels. Three
# questions are asked of each pair, each about the means over these seeds and about other persons:
#
# - *How large is the difference?* Its 95 % interval.
# - *Is there one?* A test: were the two models alike, each person's difference could as well have
#   had the other sign. All pairs are one family, so the p-values are corrected by Holm's method.
# - *Is there none that matters?* The absence of a significant difference does not show that. An
#   equivalence test does, if the 90 % interval lies within a margin: here one point, and the minimal
#   clinically important difference (MCID) of the BDI-II, a share of the score
#   {cite}`button2015mcid`. The MCID is about a change within a patient; as a margin for errors it
#   is a choice.
#
# The interval keeps these seeds; the *standard error from seeds* tells by how much others would
# move the difference. *First beats second* is the probability that one run of the first has a lower
# MAE than one run of the second, its interval over persons and seeds.

# %%
table(page.pairs(), digits=2)

# %% mystnb={"figure": {"caption": "Differences in Test MAE between the study's four, two at a time (simulated cohort). Hill: the bootstrap distribution of the difference of the means over seeds, persons resampled; dot and bar: the difference and its 95 % interval; ticks: the persons' own differences; shaded: the margins of equivalence.", "name": "fig-differences"}, "image": {"alt": "A row a pair. Each has a narrow hill near zero and, below it, ticks that spread several times as wide on both sides of zero."}}
page.differences_figure()

# %% tags=["hide-input"]
page.margins()

# %% tags=["hide-input"]
page.paired_verdict()

# %% [markdown]
# The other variants, against the mean over frames, which knows nothing of time, and against the
# constant ({doc}`10_worlds` has each difference):

# %% tags=["hide-input"]
page.against_verdict()

# %% [markdown]
# ## Dev against Test
#
# Dev chose the epoch. In the control nothing can be learnt, so whatever advantage Dev shows there
# over Test, beyond that of the constant, is produced by choosing alone.

# %%
table(page.dev_against_test(), digits=2)

# %% tags=["hide-input"]
page.dev_verdict()

# %% [markdown]
# Persons return in several recordings, some of them in Train and Test. {doc}`13_persons` asks how
# much of a score is identity.
#
# ## The spread of the predictions while training
#
# `sigma_ratio`, the SD of the predictions over the SD of the labels, is watched after every epoch:
# near zero, a model says the same of everybody. It is the study's sign that features are alive.
# Does it tell features that carry severity from labels that nothing can predict?

# %% mystnb={"figure": {"caption": "Dev sigma_ratio by epoch (simulated cohort). Thin lines: the seeds with true labels; thick: one seed with permuted labels; dots: the epoch that Dev chose; dashed: the threshold of collapse.", "name": "fig-sigma"}, "image": {"alt": "A panel a model. The spread grows with the epochs in all of them; the run on permuted labels grows as far as the others or further."}}
page.monitor.figure()

# %% tags=["hide-output"]
table(page.monitor.table(), digits=2)

# %% tags=["hide-input"]
page.monitor.sentence()

# %% [markdown]
# ## Where the predictions are off

# %% mystnb={"figure": {"caption": "Predicted against true BDI-II on the Test recordings (simulated cohort). Dot: mean over seeds; line: from the lowest to the highest seed; grey: severity bands; dotted: perfect prediction.", "name": "fig-all-scatter"}, "image": {"alt": "Scatter plots, one a model, each with a flat cloud that hardly follows the dotted diagonal; the lines between seeds are shortest for TemporalMeanMLP."}}
page.scatter()

# %% [markdown]
# By severity band: *MAE; bias (95 % interval over persons)*, means over seeds. The bias is
# prediction minus label.

# %%
table(page.errors.bands())

# %% tags=["hide-input"]
page.errors.bands_sentence()

# %% [markdown]
# That mild cases are overestimated and severe ones underestimated is not by itself a fault. The
# error falls with the label at a slope of $r s - 1$, for a PCC of $r$ and a `sigma_ratio` of $s$. A
# predictor that can be taken at its word has $s = r$, and so a slope of $r^2 - 1$: the less it
# knows, the nearer to the $-1$ of a constant. Only what exceeds this forced slope is the predictor's
# own doing; it is positive where predictions spread wider than what they know.

# %% mystnb={"figure": {"caption": "Error against true BDI-II on the Test recordings (simulated cohort), means over seeds. Line: the fitted slope of the error; dashed: the slope that is forced on a calibrated predictor of the same PCC; grey: severity bands.", "name": "fig-residuals"}, "image": {"alt": "Panels with errors that fall from above zero to far below zero as severity grows; in the oracle's panel the fall is less steep."}}
page.errors.residuals()

# %% [markdown]
# Calibration: of the recordings that get the same prediction, is the mean label that prediction?
# The line of the label on the prediction should have slope one and intercept zero; a slope below
# one promises more than is known. A line fitted on Dev could mend that, and is applied to Test: it
# is never fitted on Test.

# %%
table(page.errors.calibration_table())

# %% tags=["hide-input"]
page.errors.calibration_sentence()

# %% tags=["hide-input"]
page.errors.recalibration_sentence()

# %% [markdown]
# Dev chose the epoch, so a good slope on Dev is no evidence of calibration.
#
# ## Windows and recordings
#
# Models are trained on windows with z-scored labels, and scored on recordings, whose prediction is
# the mean of their windows. Long recordings have more windows and count for more at window level; the
# windows of one recording share its label and are no independent observations, so there is no
# interval here: *mean over seeds ± SD between seeds*.

# %% tags=["hide-output"]
table(page.errors.levels())

# %% [markdown]
# ## The same runs on this machine
#
# The tables above are printed from versioned results. One seed of each of the four models is
# trained again wherever this page is executed (with `size = "small"`: twice, on a small cohort of its
# own). Training that fits noise amplifies the last digits of a processor's arithmetic, and where epochs are nearly equal on Dev it may end in the other
# one; so the agreement is stated with a tolerance, and a single window may differ by more than a
# whole score.

# %%
table(page.agreement())

# %% [markdown]
# ## What we saw
#
# Read the intervals over persons first: with so few recordings they are wide, and what is neither
# different nor equivalent stays open. Then read the parts of the variance: where seeds make much of
# it, a table of one seed a model ranks seeds. Last, read the slope of the error beside the forced
# one: a model that underestimates the severe cases may only be one that knows little.
# {doc}`10_worlds` repeats the comparison where there is nothing to learn, and where there is more;
# {doc}`11_power` asks what so few recordings could have shown at all.
