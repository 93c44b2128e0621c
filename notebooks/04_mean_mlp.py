# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/true/TemporalMeanMLP-seed0.json
#     uses:
#     - deplib.models.mean_mlp
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
# # TemporalMeanMLP: no time at all
#
# The simplest model averages the embeddings of all real frames and hands the mean to a network with
# one hidden layer. Whatever happens in the order of frames is invisible to it, and so is how much a
# face moves: a mean holds neither. It is the floor that every other model must beat to show that
# time matters.

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
from deplib.chapters.model import ModelPage
from deplib.report import table

page = ModelPage("TemporalMeanMLP")
page.badge()

# %% [markdown]
# ## The idea in two lines
#
# With embeddings $x_t \in \mathbb{R}^{512}$ and the mask $m_t \in \{0, 1\}$,
#
# $$\bar x = \frac{\sum_t m_t\, x_t}{\sum_t m_t}, \qquad
#   \hat y = w_2^\top\, \mathrm{relu}(W_1 \bar x + b_1) + b_2 .$$
#
# Its output does not change when frames are shuffled, which a test asserts.

# %% [markdown]
# ## The whole model
#
# This is the file that the results were computed with.

# %% tags=["hide-input"]
page.source()

# %% [markdown]
# ## Parameters

# %%
table(page.parameters())

# %% [markdown]
# ## Masks
#
# A model must not see padding. Here a batch is padded with further frames whose content is noise;
# the outputs may differ by rounding only.

# %% tags=["hide-input"]
page.padding_invariance()

# %% [markdown]
# ## Learning curve
#
# {numref}`fig-curve-mlp` shows one run (seed 0). The dotted line marks the epoch that Dev chose,
# as the protocol demands. Because it was chosen *for* its Dev error, its Dev error is no evidence.

# %% mystnb={"figure": {"caption": "Training loss, Dev MAE and Dev sigma_ratio of TemporalMeanMLP by epoch (one seed, simulated cohort); dotted: the epoch that Dev chose.", "name": "fig-curve-mlp"}, "image": {"alt": "Three small line plots over epochs for TemporalMeanMLP."}}
page.learning_curve()

# %% [markdown]
# ## Predictions
#
# {numref}`fig-scatter-mlp` shows the Dev and the Test recordings. A model that had learnt the
# score would follow the dotted diagonal.

# %% mystnb={"figure": {"caption": "Predicted against true BDI-II of TemporalMeanMLP, a point a recording; grey: severity bands; dotted: perfect prediction (simulated cohort).", "name": "fig-scatter-mlp"}, "image": {"alt": "Scatter plots of predictions for Dev and Test recordings."}}
page.scatter()

# %%
table(page.scores(), digits=3)

# %% [markdown]
# Intervals are 95 % bootstrap intervals over persons. The window level is in z-units, the recording
# level in BDI-II points.

# %% tags=["hide-input"]
page.verdict()

# %% [markdown]
# ## What the study reported

# %%
table(page.reported(), digits=3)

# %% [markdown]
# ## Computed again, here
#
# The figures above are read from versioned result files, whose key is checked against the code.
# This build trained the same model again on this machine, from rendered frames on. Training that
# fits noise amplifies the last digits of a processor's arithmetic, so the agreement is stated with
# a tolerance.

# %% tags=["hide-input"]
page.agreement()
