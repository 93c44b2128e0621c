# ---
# jupyter:
#   deplib:
#     needs:
#     - results/selection/*.json
#     - results/*/true/LDBM-seed*.json
#     - results/*/true/MambaGRU-seed*.json
#     - results/*/true/TemporalMeanMLP-seed*.json
#     - results/*/true/VanillaTransformer-seed*.json
#     - results/timings/machine.json
#     - results/timings/chapters/12_choosing_on_dev.json
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
# # Choosing on Dev: what so few recordings do to a choice
#
# All models of the study look better on Dev than on Test. This chapter asks how much of that
# pattern appears where there is **no signal at all**: from choosing epochs and settings on a small
# Dev split, and from persons who come back.

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
from deplib.chapters import choosing_design as design
from deplib.chapters.choosing import ChoosingPage
from deplib.report import table

page = ChoosingPage()
page.badge()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("12_choosing_on_dev")

# %% tags=["hide-input"]
design.question()

# %% [markdown]
# ## The smallest model: guessing
#
# Each candidate guesses around one score, on Dev and on Test. The one with the lowest Dev MAE is
# kept. Nobody learns anything; only the number of candidates changes.

# %%
table(page.guessing(), digits=2)

# %% tags=["hide-input"]
page.guessing_verdict()

# %% [markdown]
# ## Many cohorts, at feature level
#
# Guesses are not networks. So the protocol's TemporalMeanMLP is trained on many new cohorts.
# To render and embed so many videos would take days; they are drawn **at feature level** instead.
# Persons, splits, BDI-II scores, clip lengths and latents come from the simulator's own functions.
# The mean embedding of each window comes from a linear-Gaussian surrogate,
#
# $$x = \mu + L^\top \text{latents} + \text{person} + \text{session} + \text{window},$$
#
# with a term for each of what persons, sessions and windows have of their own.

# %% tags=["hide-input"]
design.surrogate()

# %%
table(page.validation(), digits=2)

# %% tags=["hide-input"]
page.validation_verdict()

# %% [markdown]
# Four scenarios: the three worlds, in which persons recur across splits as they do in the official
# ones, and the null world once more with **persons apart**, where nothing whatever can be learnt.
# Each has the same number of cohorts, drawn with the same random numbers.

# %% tags=["hide-input"]
design.candidates(page.n_cohorts)

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

# %% mystnb={"figure": {"caption": "Dev against Test MAE of every cohort when Dev chooses epoch and setting (grey), and the study's four models (large marks). Dotted: equal.", "name": "fig-choosing-scatter"}, "image": {"alt": "A cloud of dots a scenario, with the marks of the study's models at its edge, above the dotted line."}}
page.pattern.scatter()

# %%
table(page.pattern.scatter_data(), digits=2)

# %% [markdown]
# ## More candidates, more optimism

# %% mystnb={"figure": {"caption": "Optimism of the best of K candidates on Dev, mean over cohorts with its 95 % interval. Where persons recur, the worlds lie on one another.", "name": "fig-choosing-growth"}, "image": {"alt": "Rising lines with bands. The one of the scenario with persons apart lies far below the others, which nearly coincide."}}
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
