# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/*/*.json
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
# The same table for the simulated cohort. The constant is the median of the Train labels. The
# *permuted-label control* trains the same models on labels that were shuffled among recordings
# within each split, so that nothing can be learnt. The oracle knows the true latents of each
# recording: it is the ceiling.

# %%
table(page.table("test"), digits=2)

# %% mystnb={"figure": {"caption": "Test MAE on the simulated cohort with 95 % intervals over persons. Dashed: the constant (Train median).", "name": "fig-test-mae"}, "image": {"alt": "Points with intervals for four models, the permuted controls, ridge, the constant and the oracle."}}
figures.forest(
    page.forest("mae"),
    reference=page.constant_mae(),
    reference_label="constant",
    xlabel="Test MAE on the simulated cohort, BDI-II points",
)

# %% tags=["hide-input"]
page.verdict()

# %% [markdown]
# ## Differences between the architectures
#
# Each pair of models is compared on the same persons. The interval belongs to the difference in
# MAE, not to the two errors apart.

# %%
table(page.paired_differences(), digits=2)

# %% tags=["hide-input"]
page.paired_verdict()

# %% [markdown]
# ## Dev against Test
#
# Dev chose the epoch. In the control nothing can be learnt, so whatever advantage Dev shows there
# over Test is produced by choosing alone.

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
table(page.seen_and_unseen(), digits=2)

# %% tags=["hide-input"]
page.seen_verdict()

# %% [markdown]
# ## Predictions

# %% mystnb={"figure": {"caption": "Predicted against true BDI-II on the 50 Test recordings (simulated cohort); grey: severity bands; dotted: perfect prediction.", "name": "fig-all-scatter"}, "image": {"alt": "Four scatter plots, one a model."}}
page.scatter()

# %% [markdown]
# ## What we saw
#
# Read the intervals first: with 50 recordings from fewer persons they are wide, and a difference of
# a few tenths of a point between two architectures cannot be told from none.
