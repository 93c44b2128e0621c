# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/true/LDBM*-seed*.json
#     - results/timings/machine.json
#     - results/timings/chapters/05_ldbm.json
#     - deplib/models/ldbm.py
#     - deplib/models/blocks.py
#     uses:
#     - deplib.models.mean_mlp
#     - deplib.models.ldbm
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
# # LDBM: patches, attention, merging
#
# LDBM belongs to the study's main paper {cite}`wang2025routing`. It cuts the sequence into
# patches, embeds each as one token, and alternates encoder layers with a merging of neighbouring
# tokens, so that later layers see longer stretches of time. No public code for it could be found
# and its name is nowhere expanded; the model here follows the study's description.

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
from deplib.chapters.patches import PatchAblation
from deplib.report import table

page = ModelPage("LDBM", size)
page.badge()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("05_ldbm")

# %% [markdown]
# ## The idea in a picture
#
# {numref}`fig-picture-ldbm` shows how the cells widen: a patch of frames makes a token, and each
# layer ends with the mean of two neighbours. The dark lines are the two that were merged, the pale
# ones what they attended to. A masked patch is left out; merged with a real one, it vanishes.

# %% mystnb={"figure": {"caption": "Each row is a stage of the model, lowest the frames; the numbers are cells times width in a whole window. Lines lead to the dark cell of a row from every cell that it depends on, the more the darker; hatched: masked. Measured on the built model.", "name": "fig-picture-ldbm"}, "image": {"alt": "Rows of cells that get fewer and wider from the frames to the output."}}
page.picture()

# %% [markdown]
# ## The same in symbols
#
# A patch of $P$ frames that starts at every $S$-th becomes a token with a learned position $p_i$,
#
# $$z_i = W\,[x_{iS}, \ldots, x_{iS+P-1}] + b + p_i, \qquad i < N = \lceil T / S \rceil ,$$
#
# and four times an encoder layer {cite}`vaswani2017attention` is followed by a merging of
# neighbours,
#
# $$z \leftarrow \mathrm{LN}\big(z + \mathrm{softmax}(Q K^\top / \sqrt{D/H})\, V\big),$$
#
# $$z \leftarrow \mathrm{LN}\big(z + W_2\,\mathrm{relu}(W_1 z)\big), \qquad
#   z_i \leftarrow \tfrac12 (z_{2i} + z_{2i+1}) ,$$
#
# where $Q$, $K$, $V$ are linear maps of $z$ in $H$ heads of width $D/H$, projected back to $D$.
# The output is $y = f(\text{mean of } z_i)$ with the regressor $f$. The mask travels along: a
# patch is real when it holds a real frame, a merged token when one of its parts is, and a pair
# with one real part keeps that part. The merging has no parameters: with a linear map of the pair
# the model would have more of them than the study reports.

# %% [markdown]
# ## The forward pass
#
# `patches` and `merge_patches` are the model's own; the encoder layer is shared with the
# Transformer.

# %% tags=["hide-input"]
page.forward()

# %% [markdown]
# The whole file that the results were computed with:

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Show the whole file"}
page.source()

# %% [markdown]
# ## Parameters
#
# The study's count leaves no room for a merging with parameters.

# %%
table(page.parameters())

# %% [markdown]
# The count changes with the patch: the first map grows with it, the table of positions shrinks.
# With a linear regressor in the place of the one with a hidden layer, the study's count would be
# met as it is printed. Patches may also overlap (`stride` below `patch`); that variant can be
# built and is not in the grid.

# %%
patches = PatchAblation()
table(patches.counts())

# %% [markdown]
# ## Cost
#
# The study gives $O(N \log N)$. Merging halves the tokens, so the layers after the first cost
# little, but the first one attends over all $N = T/S$ tokens. Operations are counted, not timed;
# {doc}`08_cost` measures time and memory.

# %% tags=["hide-input"]
page.cost()

# %% [markdown]
# ## What masks do
#
# A model must not see padding, and a frame that could not be embedded must not count. A patch that
# holds a masked and a real frame stays real, its masked part is zero.

# %% tags=["hide-input"]
page.masking()

# %% [markdown]
# ## Learning curves
#
# {numref}`fig-courses-ldbm` shows the runs of the grid, one a seed; they differ in their initial
# weights and in the order of the batches only. Dev chooses the epoch of each, as the protocol
# demands. Because it was chosen *for* its Dev error, its Dev error is no evidence. An untrained
# model is close to a constant, so a low sigma_ratio in the first epochs is no collapse.

# %% mystnb={"figure": {"caption": "Dev MAE, training loss and Dev sigma_ratio of LDBM by epoch (simulated cohort): thin, the seeds; dots, the epochs that Dev chose; black, the median as long as half of the seeds still train.", "name": "fig-courses-ldbm"}, "image": {"alt": "Panels below each other: the training loss of all seeds falls; their Dev errors and the spread of their predictions vary from seed to seed around the black median."}}
page.courses()

# %% tags=["hide-input"]
page.course_verdict()

# %% [markdown]
# ## Predictions
#
# {numref}`fig-predictions-ldbm` shows the Dev and the Test recordings. A model that had learnt the
# score would follow the dotted diagonal.

# %% mystnb={"figure": {"caption": "Predicted against true BDI-II of LDBM, a point a recording (simulated cohort). Above: the first seed. Below: the mean over seeds, whiskers from the smallest to the largest prediction. Grey: severity bands; dotted: perfect prediction.", "name": "fig-predictions-ldbm"}, "image": {"alt": "Scatter plots, Dev at the left and Test at the right. The clouds are flatter than the dotted diagonal: low scores are predicted too high, and high ones too low."}}
page.predictions()

# %% [markdown]
# Two kinds of uncertainty meet in {numref}`fig-strip-ldbm`. The small dots are runs: the same
# recordings, another seed. The bar is a 95 % interval over persons (bootstrap) of the mean over
# the runs: the same runs, other persons.

# %% mystnb={"figure": {"caption": "MAE of LDBM on Dev and Test (simulated cohort). Large dot: mean over seeds; bar: its 95 % interval over persons; small dots: the seeds; dashed: the constant.", "name": "fig-strip-ldbm"}, "image": {"alt": "One row for Dev and one for Test. The small dots lie close together within a much wider bar around the large one."}}
page.strip()

# %%
table(page.scores())

# %% [markdown]
# One run alone (the first seed), at the level of windows, in z-units, and of recordings, in BDI-II
# points:

# %% tags=["hide-output"] mystnb={"code_prompt_show": "Show one run alone"}
table(page.one_run(), digits=3)

# %% [markdown]
# ## The patch size

# %% tags=["hide-input"]
patches.question()

# %% [markdown]
# {numref}`fig-patches` answers on the simulated cohort: nothing but the patch differs between the
# rows.

# %% mystnb={"figure": {"caption": "Test MAE of LDBM by patch size (simulated cohort). Large dot: mean over seeds; bar: its 95 % interval over persons; small dots: the seeds; dashed: the constant.", "name": "fig-patches"}, "image": {"alt": "A row for each size. The bars are wide and overlap almost wholly, and so do the ranges of the small dots."}}
patches.figure()

# %%
table(patches.table())

# %% tags=["hide-input"]
patches.verdict()

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
