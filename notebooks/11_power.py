# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/true/LDBM-seed*.json
#     - results/default/true/MambaGRU-seed*.json
#     - results/default/true/TemporalMeanMLP-seed*.json
#     - results/default/true/VanillaTransformer-seed*.json
#     - results/timings/machine.json
#     - results/timings/chapters/11_power.json
#     uses:
#     - deplib.models.mean_mlp
#     - deplib.models.ldbm
#     - deplib.models.transformer
#     - deplib.models.mamba_gru
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
# # Power: what so few recordings can show
#
# A study ranks architectures by small differences on a small Test split. Could such a sample have
# found such differences? Could it have found larger ones? And do the intervals and tests of this
# book hold what they promise at that size?

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

# %% tags=["hide-input"]
from deplib.chapters.power import PowerPage
from deplib.report import table

page = PowerPage()
page.badge()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("11_power")

# %% tags=["hide-input"]
page.question()

# %% [markdown]
# ## A population whose truth is known
#
# To say how often an estimate is right, the truth must be known. So the Test predictions of the
# versioned runs ({doc}`09_results`) are turned into an *error model*: given the label, the four
# models' predictions are normal, with the mean, the spread, the correlation with the label and the
# correlations between models that the runs show, averaged over seeds; and with the likeness of two
# recordings of one person that they show. Its MAE, RMSE, PCC and differences are then exact sums
# over the possible scores.
#
# Persons come with one recording or several, and with scores from the simulated cohort's own
# marginal. They are drawn freely here. The cohort itself balances its splits, as the official ones
# are; an interval over persons, though, is about persons as they come.

# %%
table(page.population.fitted())

# %% tags=["hide-input"]
page.population.sentence()

# %% [markdown]
# How well two models can be told apart depends on one figure more than on any other: how much the
# difference of their absolute errors varies from recording to recording.

# %%
table(page.population.pairs)

# %% [markdown]
# The rest of this page uses the smallest, the middle and the largest of these SDs.
#
# ## Do the intervals hold what they promise?

# %% tags=["hide-input"]
page.coverage.design()

# %% [markdown]
# Three kinds are those of `deplib.statistics`: percentile, BCa {cite}`efron1987bca`, and percentile
# widened by Student's t and by the factor that a bootstrap of few persons loses
# {cite}`hesterberg2015bootstrap`. One more resamples recordings as if each showed another person.
# In brackets is what the number of samples leaves open.

# %% mystnb={"figure": {"caption": "Share of 95 % intervals that hold the truth, in samples as large as the Test split. Bars: what the number of samples leaves open. Dashed: what they promise; shaded: what still counts as that.", "name": "fig-coverage"}, "image": {"alt": "Groups of dots, a group a quantity. Intervals over recordings are lowest everywhere; those of the RMSE lie far to the left of the shaded band."}}
page.coverage.figure()

# %%
table(page.coverage.table())

# %% tags=["hide-input"]
page.coverage.verdict()

# %% [markdown]
# *Too low* are intervals that end below the truth: a sample without its share of severe cases shows
# small errors and, because of that, too narrow an interval. Resampling cannot add the cases that are
# missing; more persons can.

# %%
table(page.coverage.larger_table())

# %% tags=["hide-input"]
page.coverage.larger_verdict()

# %% [markdown]
# And a warning about the splits of this cohort, which are balanced: each holds nearly the same
# scores. The interval of an MAE is about persons drawn freely, as another study would draw them.
# The same intervals on samples with balanced scores:

# %%
table(page.coverage.balanced_table())

# %% tags=["hide-input"]
page.coverage.balanced_verdict()

# %% [markdown]
# ## Are p-values uniform where there is nothing to find?
#
# The same for the tests: samples in which the null hypothesis is true, so that p-values should be
# spread evenly from zero to one.

# %%
table(page.levels.table())

# %% tags=["hide-input"]
page.levels.verdict()

# %% [markdown]
# ## What can be found with so few recordings?
#
# Of two models of equal truth the second now has all its errors reduced by one share, so that the
# true difference of the MAEs is known; the test is by sign flips over persons. The formula beside it
# is the power of a paired t test with the effective number of recordings from above.

# %% mystnb={"figure": {"caption": "Probability of finding a true difference in MAE (above) and a true PCC (below) with as many recordings and persons as the Test split has, at the 5 % level. Dots and bars: simulated, with what the number of samples leaves open; lines: formula. Dashed: the power that one wants. Ticks on the axis: what the study's table holds.", "name": "fig-power"}, "image": {"alt": "Rising curves; the differences of the study lie at the left, where the curves are low, and its correlations below the point where the curve passes the dashed line."}}
page.finding.figure()

# %%
table(page.finding.power_table())

# %% tags=["hide-input"]
page.finding.power_verdict()

# %%
table(page.finding.correlation_table())

# %% tags=["hide-input"]
page.finding.correlation_verdict()

# %% [markdown]
# ## How many recordings would it take?
#
# The table asks for sizes that would do. The minimal clinically important difference
# {cite}`button2015mcid` is one within a person and not one between two models; it stands here for a
# size that would matter.

# %% tags=["hide-input"]
page.sizes.terms()

# %%
table(page.sizes.needed())

# %% tags=["hide-input"]
page.sizes.needed_checked()

# %%
table(page.sizes.detectable())

# %% [markdown]
# ## The study's own table
#
# The study reports one Test PCC and one Test MAE a model. Fisher's z gives the PCCs their intervals.
# The second column of intervals supposes that persons recur in the study's Test split as they do in
# this cohort's; how often they do there is not reported.

# %%
table(page.study.correlations())

# %% tags=["hide-input"]
page.study.verdict()

# %% mystnb={"figure": {"caption": "How often the truly better of two models has the larger MAE in a sample as large as the Test split. Dots: simulated; lines: formula. Vertical: the differences between the study's four models.", "name": "fig-wrong-order"}, "image": {"alt": "Falling curves that begin at one half; the thin vertical lines all stand near their beginning."}}
page.study.wrong_figure()

# %%
table(page.study.wrong_table())

# %% [markdown]
# ## What this shows, and what not
#
# The error model is fitted to the study's models on one simulated Test split, and it supposes
# normal residuals. Another corpus has other spreads; the tables above give the answer for three of
# them, and the formulas in `deplib.power.formulas` for any. Retraining is left out: here the models
# are fixed and only persons vary. Seeds ({doc}`09_results`) add to every uncertainty on this page.
