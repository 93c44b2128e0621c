# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/true/MambaGRU-seed*.json
#     - results/default/true/Mamba-seed*.json
#     - results/timings/machine.json
#     - results/timings/chapters/07_mamba_gru.json
#     - deplib/models/mamba_gru.py
#     - deplib/models/mamba.py
#     - deplib/models/selective_scan.py
#     uses:
#     - deplib.models.mean_mlp
#     - deplib.models.mamba_gru
#     - deplib.models.mamba
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
# # MambaGRU: one pass through time, and a true Mamba beside it
#
# This model reads frames in order and keeps a state. The study calls it a sequential state-space
# model, approximated by a GRU {cite}`cho2014learning`. A GRU is *no* state-space model: its state
# update is nonlinear in the state and its gates depend on it. We keep the name, so that tables can
# be compared, and set a selective state-space model {cite}`gu2023mamba` beside it.

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
from deplib.chapters.model import ModelPage
from deplib.chapters.recurrence import Recurrence
from deplib.report import table

page = ModelPage("MambaGRU", size)
page.badge()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("07_mamba_gru")

# %% [markdown]
# ## The idea in a picture
#
# {numref}`fig-picture-mamba` shows that a state draws on earlier frames only, the more on a frame
# the later it is, and that the output reads the last real state. A masked frame takes no step: the
# arrows pass over it.

# %% mystnb={"figure": {"caption": "Each row is a stage of the model, lowest the frames; the numbers are cells times width in a whole window. Lines lead to the dark cell of a row from every cell that it depends on, the more the darker; hatched: masked. Measured on the built model.", "name": "fig-picture-mamba"}, "image": {"alt": "Rows of cells; arrows lead from state to state over the masked frames, and the output reads the last real one."}}
page.picture()

# %% [markdown]
# ## The same in symbols
#
# Two layers of gated recurrence read $u_t = W x_t + b + p_t$. With the gates $r_t$ (reset) and
# $z_t$ (update), biases left out,
#
# $$r_t = \sigma(W_r u_t + U_r h_{t-1}), \quad z_t = \sigma(W_z u_t + U_z h_{t-1}),$$
#
# $$n_t = \tanh\big(W_n u_t + r_t \odot U_n h_{t-1}\big), \quad
#   h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1} ,$$
#
# and $y = f(h_\text{last})$ reads the state after the last *real* frame. Frames later in the clip
# therefore weigh more, and the model is causal: a state never depends on the future.

# %% [markdown]
# ## The forward pass
#
# Real frames are moved together before the recurrence, each with the position of its own time.

# %% tags=["hide-input"]
page.forward()

# %% [markdown]
# The whole file that the results were computed with:

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Show the whole file"}
page.source()

# %% [markdown]
# ## Parameters
#
# The learned positions are a large part of the model.

# %%
table(page.parameters())

# %% [markdown]
# ## Cost
#
# One step a frame, each waiting for the one before it: linear in the length, and sequential.
# Operations are counted, not timed; {doc}`08_cost` measures time and memory.

# %% tags=["hide-input"]
page.cost()

# %% [markdown]
# ## What masks do
#
# A model must not see padding, and a frame that could not be embedded must not count. A masked
# frame takes no step; a row of zeros takes one, and its gates move the state.

# %% tags=["hide-input"]
page.masking()

# %% [markdown]
# ## Learning curves
#
# {numref}`fig-courses-mamba` shows the runs of the grid, one a seed; they differ in their initial
# weights and in the order of the batches only. Dev chooses the epoch of each, as the protocol
# demands. Because it was chosen *for* its Dev error, its Dev error is no evidence. An untrained
# model is close to a constant, so a low sigma_ratio in the first epochs is no collapse.

# %% mystnb={"figure": {"caption": "Dev MAE, training loss and Dev sigma_ratio of MambaGRU by epoch (simulated cohort): thin, the seeds; dots, the epochs that Dev chose; black, the median as long as half of the seeds still train.", "name": "fig-courses-mamba"}, "image": {"alt": "Panels below each other: the training loss of all seeds falls; their Dev errors and the spread of their predictions vary from seed to seed around the black median."}}
page.courses()

# %% tags=["hide-input"]
page.course_verdict()

# %% [markdown]
# ## Predictions
#
# {numref}`fig-predictions-mamba` shows the Dev and the Test recordings. A model that had learnt
# the score would follow the dotted diagonal.

# %% mystnb={"figure": {"caption": "Predicted against true BDI-II of MambaGRU, a point a recording (simulated cohort). Above: the first seed. Below: the mean over seeds, whiskers from the smallest to the largest prediction. Grey: severity bands; dotted: perfect prediction.", "name": "fig-predictions-mamba"}, "image": {"alt": "Scatter plots, Dev at the left and Test at the right. The clouds are flatter than the dotted diagonal: low scores are predicted too high, and high ones too low."}}
page.predictions()

# %% [markdown]
# Two kinds of uncertainty meet in {numref}`fig-strip-mamba`. The small dots are runs: the same
# recordings, another seed. The bar is a 95 % interval over persons (bootstrap) of the mean over
# the runs: the same runs, other persons.

# %% mystnb={"figure": {"caption": "MAE of MambaGRU on Dev and Test (simulated cohort). Large dot: mean over seeds; bar: its 95 % interval over persons; small dots: the seeds; dashed: the constant.", "name": "fig-strip-mamba"}, "image": {"alt": "One row for Dev and one for Test. The small dots lie close together within a much wider bar around the large one."}}
page.strip()

# %%
table(page.scores())

# %% [markdown]
# One run alone (the first seed), at the level of windows, in z-units, and of recordings, in BDI-II
# points:

# %% tags=["hide-output"] mystnb={"code_prompt_show": "Show one run alone"}
table(page.one_run(), digits=3)

# %% [markdown]
# ## Beside a true state-space model
#
# Mamba's selective scan (S6) {cite}`gu2023mamba` keeps $n$ states a channel. With $x_t$ what
# enters the scan,
#
# $$(dt_t, B_t, C_t) = W_x x_t, \qquad dt_t \leftarrow \mathrm{softplus}(W_{dt}\, dt_t + b_{dt}),$$
#
# $$h_t = e^{dt_t A}\, h_{t-1} + dt_t B_t x_t, \qquad A = -e^{A_{\log}},$$
#
# $$y_t = C_t h_t + D x_t .$$
#
# What is kept of a state, $e^{dt_t A}$, depends on the frame and not on the state, as that of a
# GRU does through $z_t$. With one state a channel and $A = -1$ it is $e^{-\mathrm{softplus}(a)} =
# 1 - \sigma(a)$: a forget gate that is blind to the state. What the GRU lacks is the width of the
# state ($n$ values a channel, each forgetting at a rate of its own) and a recurrence that need not
# be run step by step, for an update that is linear in the state is associative. Mamba's block adds
# a short causal convolution, a gate on what leaves the scan, and a residual connection around it
# all.

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Show the forward pass of Mamba"}
recurrence = Recurrence()
recurrence.source()

# %% [markdown]
# Whether an update is linear in the state is measured by superposition: the step is taken from two
# states and from their sum, in float64, and what fails to add up is compared with what the sum
# does.

# %% tags=["hide-input"]
recurrence.superposition()

# %% [markdown]
# ### Forgetting
#
# {numref}`fig-forgetting` shows how much each frame moves the output: the norm of the output's
# gradient with respect to it, as a share of all. Mamba's step sizes are set at the start so that
# some states remember for long; those of a GRU forget at one pace.

# %% mystnb={"figure": {"caption": "Share of each frame in the gradient of the output, by its distance from the last frame, before training (made-up windows; the smallest shares are cut off).", "name": "fig-forgetting"}, "image": {"alt": "Two falling curves on a logarithmic scale; that of the GRU falls in a straight line, that of Mamba levels off."}}
recurrence.forgetting()

# %% tags=["hide-input"]
recurrence.memory()

# %% [markdown]
# ### Scores
#
# Both were trained by the same protocol, at the same seeds. If a GRU approximates a state-space
# model, the two should err alike and also predict alike. Runs of one model differ too, which
# weakens every correlation; what remains of that between the two models is corrected for it by the
# usual division, $r_{12} / \sqrt{r_{11} r_{22}}$.

# %% mystnb={"figure": {"caption": "Test MAE of MambaGRU and Mamba (simulated cohort). Large dot: mean over seeds; bar: its 95 % interval over persons; small dots: the seeds; dashed: the constant.", "name": "fig-recurrence"}, "image": {"alt": "A row for either model. The bars are wide and overlap; the small dots lie closer together."}}
recurrence.figure()

# %%
table(recurrence.table())

# %% tags=["hide-input"]
recurrence.verdict()

# %% [markdown]
# ## What the study reported
#
# One seed, on AVEC2014; the last column is derived from published statistics of the Test labels.

# %%
table(page.reported(), digits=3)

# %% [markdown]
# ## Computed again, here
#
# The figures above are read from versioned result files, whose key is checked against the code.
# The first seed is trained again wherever this page is executed, from rendered frames on (with
# `size = "small"`: twice, on a small cohort of its own). Training that fits noise amplifies the last
# digits of a processor's arithmetic, so the agreement is stated with a tolerance.

# %% tags=["hide-input"]
page.agreement()

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
page.saw()
