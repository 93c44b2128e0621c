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
# 2. what **follows by arithmetic** from the study's table and from published statistics;
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

# %% tags=["hide-input"]
from deplib import claims, figures
from deplib.chapters.results import ResultsPage
from deplib.report import say, table

page = ResultsPage()
page.badge()

# %% [markdown]
# ## 1. As reported by the study (AVEC2014)

# %%
table(claims.REPORTED, digits=3)

# %% [markdown]
# ## 2. What arithmetic says about that table
#
# No recording is needed for the following checks, only the table above and the published share and
# mean of each severity band among the Test labels.

# %%
table(claims.claims_table(claims.check_claims()))

# %% tags=["hide-input"]
constant = claims.constant_test_mae()
worst_constant = claims.REPORTED["test_mae"].min() - constant
say(
    f"A constant of {claims.BEST_CONSTANT:g} points has a Test MAE of **{constant:.2f}** on AVEC2014. Every Test MAE in "
    f"the study's table is higher, the lowest by {worst_constant:.2f} points. A model that always "
    "gives the same answer would have led that table."
)

# %% mystnb={"figure": {"caption": "Test MAE on AVEC2014 as reported by the study (dots; the study gives no intervals), and the MAE of a constant derived from published band statistics (dashed).", "name": "fig-study-mae"}, "image": {"alt": "Four dots, all to the right of a dashed line."}}
figures.forest(
    page.study_forest(),
    reference=constant,
    reference_label="constant, derived",
    xlabel="Test MAE on AVEC2014, BDI-II points",
)

# %% [markdown]
# ## 3. Computed here (simulated cohort)
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
# random part has one run and no SD. LDBM is the study's at patch 8. The constant is the median of
# the Train labels, or where it says so their mean; the oracle knows the true latents of each
# recording and is the ceiling. The *permuted* rows are a control at one seed: the same models, with labels that were shuffled among
# recordings within each split, so that nothing can be learnt.

# %% tags=["hide-input"]
page.what_is_scored()

# %%
table(page.scoreboard(), digits=2)

# %% mystnb={"figure": {"caption": "Test MAE on the simulated cohort. Large dot: mean over seeds; bar: its 95 % interval over persons; small dots: the single seeds. Dashed: the constant (Train median).", "name": "fig-test-mae"}, "image": {"alt": "Dots with wide bars for all models and baselines, the oracle and the permuted controls; the single seeds lie well within each bar."}}
page.forest()

# %% tags=["hide-input"]
page.verdict()

# %% tags=["hide-input"]
page.spread()

# %% [markdown]
# A run of one seed on one test split is subject to both spreads at once. More seeds narrow the
# first; only more persons narrow the second.
#
# ## Differences between the architectures
#
# All models are scored in the same resamples of persons, so what two of them find equally hard
# cancels. The interval belongs to the difference between two means over seeds. It keeps these
# seeds; the *standard error from seeds* tells by how much other seeds would move the difference.
# The last column takes one run of each model: in how many pairs is the sign the other one?

# %%
table(page.pairs(), digits=2)

# %% [markdown]
# The mean over frames knows nothing of time. Every other variant against it:

# %%
table(page.against_mean(), digits=2)

# %% tags=["hide-input"]
page.paired_verdict()

# %% [markdown]
# ## How stable is a ranking from one seed?
#
# The study ranks four architectures by one run each. Here are as many such rankings as seeds, on
# the same persons ({numref}`fig-ranks`).

# %%
table(page.rank_table())

# %% mystnb={"figure": {"caption": "In how many seeds each architecture has which rank by Test MAE (simulated cohort; 1 is the lowest error).", "name": "fig-ranks"}, "image": {"alt": "Four stacked bars, one an architecture, with the ranks 1 to 4 as parts."}}
page.rank_figure()

# %% tags=["hide-input"]
page.ranking()

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
# ## Known persons and new ones
#
# Persons return in several recordings. Where a person of Dev or Test also appears in Train, a model
# can recognise the face and repeat the score it learnt with it.

# %%
table(page.known_persons.table(), digits=2)

# %% tags=["hide-input"]
page.seen_verdict()

# %% [markdown]
# ## Predictions

# %% mystnb={"figure": {"caption": "Predicted against true BDI-II on the Test recordings (simulated cohort). Dot: mean over seeds; line: from the lowest to the highest seed; grey: severity bands; dotted: perfect prediction.", "name": "fig-all-scatter"}, "image": {"alt": "Four scatter plots, one a model."}}
page.scatter()

# %% [markdown]
# ## What the study says about architectures
#
# The licensed data would be needed to test these statements. What the same comparison shows on the
# simulated cohort stands beside them, and decides nothing about AVEC2014.

# %%
table(page.claims())

# %% [markdown]
# ## The same runs on this machine
#
# The tables above are printed from versioned results. One seed of each of the four models is
# trained again wherever this page is executed. Training that fits noise amplifies the last digits
# of a processor's arithmetic, and where two epochs are nearly equal on Dev it may end in the other
# one; so the agreement is stated with a tolerance, and a single window may differ by more than a
# whole score.

# %%
table(page.agreement())

# %% [markdown]
# ## What we saw
#
# Read the intervals over persons first: with so few recordings they are wide, and a difference of a
# few tenths of a point between two architectures cannot be told from none. Then read the spread
# between seeds: it alone reorders architectures whose means lie close together. {doc}`10_worlds`
# repeats the comparison where there is nothing to learn, and where there is more.
