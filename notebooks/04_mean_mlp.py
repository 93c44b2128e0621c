# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/true/TemporalMeanMLP-seed*.json
#     - results/timings/machine.json
#     - results/timings/chapters/04_mean_mlp.json
#     - deplib/models/mean_mlp.py
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
# The simplest model averages the embeddings of all real frames and hands the mean to a network
# with one hidden layer. Whatever happens in the order of frames is invisible to it, and so is how
# much a face moves: a mean holds neither. It is the floor that every other model must beat to show
# that time matters.

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
from deplib.report import table

page = ModelPage("TemporalMeanMLP", size)
page.badge()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("04_mean_mlp")

# %% [markdown]
# ## The idea in a picture
#
# {numref}`fig-picture-mlp` shows a short window with a gap and some padding. Every real frame
# enters the mean with the same weight, masked ones do not enter it.

# %% mystnb={"figure": {"caption": "Each row is a stage of the model, lowest the frames; the numbers are cells times width in a whole window. Lines lead to the dark cell of a row from every cell that it depends on, the more the darker; hatched: masked. Measured on the built model.", "name": "fig-picture-mlp"}, "image": {"alt": "Lines from all real frames, and from no masked one, to one mean, and from there to the output."}}
page.picture()

# %% [markdown]
# ## The same in symbols
#
# With embeddings $x_t \in \mathbb{R}^{C}$ and the mask, one where a frame is real and else zero,
#
# $$m = \frac{\sum_t \mathrm{mask}_t\, x_t}{\sum_t \mathrm{mask}_t}, \qquad
#   y = w^\top\, \mathrm{relu}(W m + b) + c .$$
#
# Its output does not change when frames are shuffled, which a test asserts. Two relatives that
# stand in {doc}`09_results` loosen one thing each: attention pooling learns the weights of the
# frames {cite}`ilse2018attention`, and MiniRocket sees their order through fixed convolutions
# {cite}`dempster2021minirocket`.

# %% [markdown]
# ## The forward pass
#
# `pool` has no parameters, so training takes the mean of each window once and not in every epoch.

# %% tags=["hide-input"]
page.forward()

# %% [markdown]
# The whole file that the results were computed with:

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Show the whole file"}
page.source()

# %% [markdown]
# ## Parameters
#
# The count is that of the study to the precision with which it is printed.

# %%
table(page.parameters())

# %% [markdown]
# ## Cost
#
# The mean costs one pass over the frames; everything after it does not depend on their number.
# Operations are counted, not timed; {doc}`08_cost` measures time and memory.

# %% tags=["hide-input"]
page.cost()

# %% [markdown]
# ## What masks do
#
# A model must not see padding, and a frame that could not be embedded must not count. The mean
# leaves masked frames out; a row of zeros would shrink it towards the origin.

# %% tags=["hide-input"]
page.masking()

# %% [markdown]
# ## Learning curves
#
# {numref}`fig-courses-mlp` shows the runs of the grid, one a seed; they differ in their initial
# weights and in the order of the batches only. Dev chooses the epoch of each, as the protocol
# demands. Because it was chosen *for* its Dev error, its Dev error is no evidence. An untrained
# model is close to a constant, so a low sigma_ratio in the first epochs is no collapse.

# %% mystnb={"figure": {"caption": "Dev MAE, training loss and Dev sigma_ratio of TemporalMeanMLP by epoch (simulated cohort): thin, the seeds; dots, the epochs that Dev chose; black, the median as long as half of the seeds still train.", "name": "fig-courses-mlp"}, "image": {"alt": "Panels below each other: the training loss of all seeds falls; their Dev errors and the spread of their predictions vary from seed to seed around the black median."}}
page.courses()

# %% tags=["hide-input"]
page.course_verdict()

# %% [markdown]
# ## Predictions
#
# {numref}`fig-predictions-mlp` shows the Dev and the Test recordings. A model that had learnt the
# score would follow the dotted diagonal.

# %% mystnb={"figure": {"caption": "Predicted against true BDI-II of TemporalMeanMLP, a point a recording (simulated cohort). Above: the first seed. Below: the mean over seeds, whiskers from the smallest to the largest prediction. Grey: severity bands; dotted: perfect prediction.", "name": "fig-predictions-mlp"}, "image": {"alt": "Scatter plots, Dev at the left and Test at the right. The clouds are flatter than the dotted diagonal: low scores are predicted too high, and high ones too low."}}
page.predictions()

# %% [markdown]
# Two kinds of uncertainty meet in {numref}`fig-strip-mlp`. The small dots are runs: the same
# recordings, another seed. The bar is a 95 % interval over persons (bootstrap) of the mean over
# the runs: the same runs, other persons.

# %% mystnb={"figure": {"caption": "MAE of TemporalMeanMLP on Dev and Test (simulated cohort). Large dot: mean over seeds; bar: its 95 % interval over persons; small dots: the seeds; dashed: the constant.", "name": "fig-strip-mlp"}, "image": {"alt": "One row for Dev and one for Test. The small dots lie close together within a much wider bar around the large one."}}
page.strip()

# %%
table(page.scores())

# %% [markdown]
# One run alone (the first seed), at the level of windows, in z-units, and of recordings, in BDI-II
# points:

# %% tags=["hide-output"] mystnb={"code_prompt_show": "Show one run alone"}
table(page.one_run(), digits=3)

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
