# ---
# jupyter:
#   deplib:
#     needs:
#     - results/cost.json
#     - results/timings/machine.json
#     - results/timings/chapters/08_cost.json
#     uses:
#     - deplib.models.mean_mlp
#     - deplib.models.attention_mil
#     - deplib.models.ldbm
#     - deplib.models.transformer
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
# # What the models cost

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
from deplib.chapters.cost import FORWARD, TRAINING, CostPage
from deplib.chapters.cost_of_training import BudgetPage
from deplib.report import badge_of_measurements, table

page = CostPage()
badge_of_measurements()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("08_cost")

# %% tags=["hide-input"]
page.takeaway()

# %% tags=["hide-input"]
page.note()

# %% [markdown]
# The study gives each architecture an order: how its cost grows with the number of frames N. An
# order holds in the limit. Whether it describes what one sees at the lengths in use is a question
# for a clock, and this chapter asks it of every model of the book.
#
# ## How it was measured
#
# A training step is a forward pass, an L1 loss and the backward pass, without the optimizer. Its
# time is CPU time of one thread, so that what else the machine does counts as little as possible;
# what remains of it only adds. So **times are given from the smallest to the largest round**, and the
# smallest is the estimate. Every frame is real, and a model that learns positions
# gets as many as the window is long.

# %% tags=["hide-input"]
page.rounds()

# %% [markdown]
# TemporalMeanMLP is measured twice. Under its name it averages the frames in each step, as a plain
# implementation does. With *means at hand* the averages were taken once, before the first step,
# which is possible because no parameter acts before them; only the perceptron is timed then.
#
# ## Time against length
#
# {numref}`fig-cost-time` has logarithms on both axes: a power of N is a straight line there, and its
# exponent the slope. At short windows every curve is flatter, for a step has a cost of its own,
# however short the window.

# %% mystnb={"figure": {"caption": "CPU time a window against its length, training step and forward pass alone; points: smallest round, bars: up to the highest (random unit vectors, one thread).", "name": "fig-cost-time"}, "image": {"alt": "Two log-log line plots of CPU time against frames, a line a way; VanillaTransformer bends upwards, TemporalMeanMLP with means at hand is flat."}}
page.time_figure()

# %% [markdown]
# The same in figures, CPU-milliseconds a window by frames: first forward and backward,

# %%
table(page.times(TRAINING))

# %% [markdown]
# then the forward pass alone.

# %%
table(page.times(FORWARD))

# %% [markdown]
# ## One exponent for the whole range
#
# A straight line through the logarithms gives one exponent a model. **Brackets after an exponent
# hold the 95 % interval of that line's slope**; where a curve bends, no single exponent fits and the
# interval is wide. *Would show* is what the same fit finds if time grows exactly by the study's
# order. The verdict asks whether that lies in the interval of forward and backward. *Single rounds*
# has the lowest and highest exponent that one round alone gives: the noise without the bend.
# *Operations* are counted further below, fitted in the same way; they have no noise.

# %%
table(page.exponents())

# %% [markdown]
# To take a mean is O(N), since every frame must be read; $O(1)$ is what remains once the mean is
# there. The recurrence of a GRU and the scan of Mamba are O(N) in steps that follow one another: of
# the models that are linear in N they are the dearest. The attention models start flatter than any
# order says, and the interval of a line through a bent curve tells how bent it is.
#
# ## The exponent at each length
#
# {numref}`fig-cost-exponents` shows the slope between each length and its double. Above it is
# measured; below it is counted from the operations of the models, which have no noise and no
# fixed cost, up to lengths that no clip has.

# %% mystnb={"figure": {"caption": "Exponent between a length and its double. Above: of measured time, bars from the lowest to the highest round. Below: of counted operations. Dotted: exactly N log N.", "name": "fig-cost-exponents"}, "image": {"alt": "Two line plots of local exponents against frames; the attention models rise towards two, the dotted curve of N log N falls towards one."}}
page.exponent_figure()

# %%
table(page.between())

# %% [markdown]
# Brackets here hold the lowest and the highest slope of a single round. And counted, with the last
# column far beyond any clip:

# %%
table(page.counted())

# %% tags=["hide-input"]
page.where_orders_lead()

# %% [markdown]
# Merging halves the tokens from layer to layer, so the first layer does most of the work, and its
# attention is full: LDBM is linear with a small quadratic part at the lengths in use, and quadratic
# in the limit. It is N log N nowhere; where its exponent comes near to that of N log N, it passes
# through it.
#
# ## Operations
#
# Matrix products are counted as the tensors pass through the model, two operations a multiply-add,
# with attention that is not fused, for a fused one hides its products from the counter. Elementwise
# work is left out: beside products of this width it is small, except in the selective scan of Mamba,
# which is elementwise throughout and is counted by hand. For one window of the protocol:

# %%
table(page.operations())

# %% [markdown]
# The last column divides the operations by the measured time; here the largest is the estimate.
# MambaGRU needs fewer operations than VanillaTransformer and more time in so small a step, for a
# recurrence does little at once.
#
# ## A few windows and a whole batch
#
# The curves above are of a few windows together, so that the longest step stays affordable. Here
# are CPU-milliseconds a window at the protocol's length, beside those in a whole batch.

# %%
budget = BudgetPage()
table(budget.batches())

# %% [markdown]
# Where the ratio is above one, windows share a cost that a step has once. The order is not affected
# by it, the height of the curve is: a model with many small operations gains most from a batch.
#
# ## Memory
#
# {numref}`fig-cost-memory` shows the most that torch's allocator held at once during a training step:
# what is kept for the backward pass, what is needed in passing, and the gradients of the
# parameters. The windows themselves and the parameters were there before and are not in it. It is
# a sum over the allocator's own record, the same in each run, so it has no rounds.

# %% mystnb={"figure": {"caption": "Peak memory of a training step, a window, against length; dotted: the window itself, which is not in it.", "name": "fig-cost-memory"}, "image": {"alt": "A log-log line plot of memory against frames; all lines but the flat one of TemporalMeanMLP with means at hand become parallel to that of the window."}}
budget.memory_figure()

# %% [markdown]
# MiB a window by frames, and the exponent with its 95 % interval:

# %%
table(budget.memory())

# %% tags=["hide-input"]
budget.memory_verdict()

# %% [markdown]
# As a check, here is by how much the whole process grew during the longest step, all its windows
# together. What is no tensor and what the C library keeps back is only in the second figure; what a
# shorter step had freed before, and this one used again, only in the first.

# %%
table(budget.memory_check(), digits=1)

# %% [markdown]
# ## Time of training
#
# Minutes are of a machine, ratios less so. One epoch is what the protocol says: every Train window
# once in shuffled batches, with the optimizer's steps, then Dev predicted.

# %%
table(budget.epochs())

# %% tags=["hide-input"]
budget.epoch_verdict()

# %% [markdown]
# ## What we saw
#
# - An order is a statement about the limit. At the lengths of this study the fixed cost of a step and
#   the projection of the embeddings, linear in N, hide much of it.
# - $O(1)$ is the cost of a mean that one already has.
# - LDBM's N log N is not its order at any length.
# - What a ratio of training times says depends on how the simplest model was implemented.
#
# None of this speaks for or against a model's errors. `python bench/cost.py` measures it anew.
