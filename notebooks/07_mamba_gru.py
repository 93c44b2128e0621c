# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/true/MambaGRU-seed0.json
#     uses:
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
# # MambaGRU: one pass through time
#
# This model reads frames in order and keeps a state. The study calls it a sequential state-space
# model, approximated by a GRU. A GRU is *no* state-space model: its state update is nonlinear in
# the state and its gates depend on it. We keep the name, so that tables can be compared.

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

page = ModelPage("MambaGRU")
page.badge()

# %% [markdown]
# ## The idea in a few lines
#
# Two layers of gated recurrence read $z_t = W x_t + e_t$:
#
# $$r_t = \sigma(W_r z_t + U_r h_{t-1}), \quad u_t = \sigma(W_u z_t + U_u h_{t-1}),$$
#
# $$n_t = \tanh(W_n z_t + r_t \odot U_n h_{t-1}), \quad
#   h_t = (1 - u_t) \odot n_t + u_t \odot h_{t-1} .$$
#
# The regressor reads the state after the last *real* frame. Frames later in the clip therefore
# weigh more, and the model is causal: a state never depends on the future.

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
# {numref}`fig-curve-mamba` shows one run (seed 0). The dotted line marks the epoch that Dev chose,
# as the protocol demands. Because it was chosen *for* its Dev error, its Dev error is no evidence.

# %% mystnb={"figure": {"caption": "Training loss, Dev MAE and Dev sigma_ratio of MambaGRU by epoch (one seed, simulated cohort); dotted: the epoch that Dev chose.", "name": "fig-curve-mamba"}, "image": {"alt": "Three small line plots over epochs for MambaGRU."}}
page.learning_curve()

# %% [markdown]
# ## Predictions
#
# {numref}`fig-scatter-mamba` shows the Dev and the Test recordings. A model that had learnt the
# score would follow the dotted diagonal.

# %% mystnb={"figure": {"caption": "Predicted against true BDI-II of MambaGRU, a point a recording; grey: severity bands; dotted: perfect prediction (simulated cohort).", "name": "fig-scatter-mamba"}, "image": {"alt": "Scatter plots of predictions for Dev and Test recordings."}}
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
