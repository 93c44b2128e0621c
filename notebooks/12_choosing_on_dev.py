# ---
# jupyter:
#   deplib:
#     needs:
#     - results/selection/*.json
#     - results/*/true/*.json
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
# # Choosing on Dev: what fifty recordings do to a choice
#
# The study reports a Dev MAE of 8.3 to 9.1 and a Test MAE of 10.4 to 10.9, a Dev PCC of .42 to .51
# and a Test PCC of .10 to .27. It reads the gap as overfitting, and the Dev PCC as a sign that the
# features carry signal. This chapter asks how much of that pattern appears where there is **no
# signal at all**: from choosing epochs and settings on 50 recordings, and from persons who come
# back.

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
from deplib.chapters.choosing import ChoosingPage
from deplib.report import table

page = ChoosingPage()
page.badge()

# %% [markdown]
# ## The smallest model: guessing
#
# Each candidate guesses around 15 points, on Dev and on Test. The one with the lowest Dev MAE is
# kept. Nobody learns anything; only the number of candidates changes.

# %%
table(page.guessing(), digits=2)

# %% tags=["hide-input"]
page.guessing_verdict()

# %% [markdown]
# ## Many cohorts, at feature level
#
# Guesses are not networks. So the protocol's TemporalMeanMLP is trained on hundreds of new cohorts.
# To render and embed so many videos would take days; they are drawn **at feature level** instead.
# Persons, splits, BDI-II scores, clip lengths and latents come from the simulator's own functions.
# The mean embedding of each 512-frame window comes from a linear-Gaussian surrogate,
#
# $$x = \mu + L^\top \text{latents} + \text{person} + \text{session} + \text{window},$$
#
# fitted to 1,200 sparsely rendered recordings of other persons. A model that averages its frames
# sees nothing else of a window, but what rendering does beyond second moments is lost, and windows
# count as full ones. Below, the surrogate draws features for the very persons and scores of the
# rendered cohort; what is measured on that cohort should be an ordinary draw.

# %%
table(page.validation(), digits=2)

# %% tags=["hide-input"]
page.validation_verdict()

# %% [markdown]
# Four scenarios: the three worlds, in which persons recur across splits as they do in the official
# ones, and the null world once more with **persons apart**, where nothing whatever can be learnt.
# Each has the same number of cohorts, drawn with the same random numbers.
#
# The candidates are the protocol's network and four variations, each at two seeds, trained for all
# 40 epochs:

# %%
table(page.candidates())

# %% [markdown]
# What is kept of a training is decided by a rule:

# %%
table(page.rules())

# %% [markdown]
# **Optimism** is Test MAE minus Dev MAE, less the same difference of the constant on the same
# cohort: how much better Dev looks than Test for another reason than the labels. In the tables,
# scores are *mean ± SD between cohorts*; optimism has the 95 % interval of its mean over cohorts.
#
# ## Nothing to learn, persons apart

# %%
table(page.outcome("null-apart"))

# %% tags=["hide-input"]
page.apart_verdict()

# %% [markdown]
# ## Nothing to learn, persons recur

# %%
table(page.outcome("null"))

# %% tags=["hide-input"]
page.null_verdict()

# %% [markdown]
# ## Something to learn
#
# The `default` world:

# %%
table(page.outcome("default"))

# %% [markdown]
# The `published` world, where behaviour tells as much as the best published errors would need:

# %%
table(page.outcome("published"))

# %% tags=["hide-input"]
page.worlds_verdict()

# %% mystnb={"figure": {"caption": "Dev and Test MAE of the protocol's network after each epoch, mean over cohorts (feature level). Dashed: the constant on Test; dotted: the epoch that Dev chose, on average.", "name": "fig-choosing-courses"}, "image": {"alt": "Four panels, one a scenario; the Dev curve lies below the Test curve where persons recur."}}
page.curves.over_epochs()

# %%
table(page.curves.epochs_table())

# %% [markdown]
# ## How often the study's pattern appears
#
# Each bound is the mildest of the study's four models: a Dev MAE as high as its highest, a Test MAE
# as low as its lowest, and so on. *Test above constant* compares with each cohort's own constant.

# %%
table(page.pattern.table())

# %% tags=["hide-input"]
page.pattern.verdict()

# %% mystnb={"figure": {"caption": "Dev against Test MAE of every cohort when Dev chooses epoch and setting (grey), and the study's four models (diamonds). Dotted: equal.", "name": "fig-choosing-scatter"}, "image": {"alt": "Four clouds of dots with the study's four models as diamonds above the dotted line."}}
page.pattern.scatter()

# %%
table(page.pattern.scatter_data(), digits=2)

# %% [markdown]
# ## More candidates, more optimism

# %% mystnb={"figure": {"caption": "Optimism of the best of K candidates on Dev, mean over cohorts with its 95 % interval. Where persons recur, the worlds lie on one another.", "name": "fig-choosing-growth"}, "image": {"alt": "Four rising lines, one a scenario."}}
page.curves.over_candidates()

# %%
table(page.curves.candidates_table())

# %% tags=["hide-input"]
page.curves.verdict()

# %% [markdown]
# ## What honest rules cost and save
#
# The same cohorts under two rules, paired: what an honest choice costs in Test MAE (positive: it is
# worse), and by how much optimism shrinks (negative: it saves).

# %%
table(page.costs())

# %% tags=["hide-input"]
page.costs_verdict()

# %% [markdown]
# ## The trained architectures of this report
#
# The four models on the rendered cohort, mean over seeds, by the protocol's rule.

# %%
table(page.own_runs.table())

# %% tags=["hide-input"]
page.own_runs.verdict()

# %% [markdown]
# ## Drawn and trained again
#
# The first cohorts of the null world, drawn and trained again wherever this page is executed,
# against the versioned file (mean over these cohorts):

# %%
table(page.own_runs.again())

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
page.conclusion()

# %% [markdown]
# What this does not show: the candidates are small networks on averaged features, their number is
# ours, and how many settings the study tried is not reported. The share of persons who recur in
# AVEC2014 is known only within bounds, and how stable a person's score is from session to session
# is an assumption of the simulator. The size of the two effects on AVEC2014 is open.
