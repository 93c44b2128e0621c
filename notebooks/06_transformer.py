# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/true/VanillaTransformer-seed*.json
#     - results/timings/machine.json
#     - results/timings/chapters/06_transformer.json
#     - deplib/models/transformer.py
#     - deplib/models/blocks.py
#     uses:
#     - deplib.models.mean_mlp
#     - deplib.models.transformer
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
# # VanillaTransformer: every frame attends to every frame
#
# Nothing is assumed about time except an order: each frame is a token with a learned position, and
# in each layer every token attends to every other one {cite}`vaswani2017attention`. The cost of
# attention grows with the square of the length.

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

page = ModelPage("VanillaTransformer", size)
page.badge()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("06_transformer")

# %% [markdown]
# ## The idea in a picture
#
# {numref}`fig-picture-transformer` shows that in each layer the dark cell draws on all real
# frames, earlier and later ones, most of all on itself: the residual connection. No line leads to
# a masked frame.

# %% mystnb={"figure": {"caption": "Each row is a stage of the model, lowest the frames; the numbers are cells times width in a whole window. Lines lead to the dark cell of a row from every cell that it depends on, the more the darker; hatched: masked. Measured on the built model.", "name": "fig-picture-transformer"}, "image": {"alt": "Rows of cells; in each layer lines lead from all real frames to the dark one."}}
page.picture()

# %% [markdown]
# ## The same in symbols
#
# Frames are projected and get learned positions, $z_t = W x_t + b + p_t$; three times an encoder
# layer follows,
#
# $$z \leftarrow \mathrm{LN}\big(z + \mathrm{softmax}(Q K^\top / \sqrt{D/H} + M)\, V\big),$$
#
# $$z \leftarrow \mathrm{LN}\big(z + W_2\,\mathrm{relu}(W_1 z)\big) ,$$
#
# where $Q$, $K$, $V$ are linear maps of $z$ in $H$ heads of width $D/H$, projected back to $D$,
# and $M$ is $-\infty$ for masked frames, so that none is attended to. The output is $y =
# f(\text{mean of } z_t)$ over the real frames, with the regressor $f$.

# %% [markdown]
# ## The forward pass
#
# The encoder layer is the shared one; a test holds it to `torch.nn.TransformerEncoderLayer`.

# %% tags=["hide-input"]
page.forward()

# %% [markdown]
# The whole file that the results were computed with:

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Show the whole file"}
page.source()

# %% [markdown]
# ## Parameters
#
# A feed-forward part as narrow as the model, and positions for more frames than a window has, meet
# the study's count.

# %%
table(page.parameters())

# %% [markdown]
# ## Cost
#
# Attention takes time and memory in the square of the number of frames. Operations are counted,
# not timed; {doc}`08_cost` measures time and memory.

# %% tags=["hide-input"]
page.cost()

# %% [markdown]
# ## What masks do
#
# A model must not see padding, and a frame that could not be embedded must not count. A masked
# frame is attended to by nobody and does not enter the mean.

# %% tags=["hide-input"]
page.masking()

# %% [markdown]
# ## Learning curves
#
# {numref}`fig-courses-transformer` shows the runs of the grid, one a seed; they differ in their
# initial weights and in the order of the batches only. Dev chooses the epoch of each, as the
# protocol demands. Because it was chosen *for* its Dev error, its Dev error is no evidence. An
# untrained model is close to a constant, so a low sigma_ratio in the first epochs is no collapse.

# %% mystnb={"figure": {"caption": "Dev MAE, training loss and Dev sigma_ratio of VanillaTransformer by epoch (simulated cohort): thin, the seeds; dots, the epochs that Dev chose; black, the median as long as half of the seeds still train.", "name": "fig-courses-transformer"}, "image": {"alt": "Panels below each other: the training loss of all seeds falls; their Dev errors and the spread of their predictions vary from seed to seed around the black median."}}
page.courses()

# %% tags=["hide-input"]
page.course_verdict()

# %% [markdown]
# ## Predictions
#
# {numref}`fig-predictions-transformer` shows the Dev and the Test recordings. A model that had
# learnt the score would follow the dotted diagonal.

# %% mystnb={"figure": {"caption": "Predicted against true BDI-II of VanillaTransformer, a point a recording (simulated cohort). Above: the first seed. Below: the mean over seeds, whiskers from the smallest to the largest prediction. Grey: severity bands; dotted: perfect prediction.", "name": "fig-predictions-transformer"}, "image": {"alt": "Scatter plots, Dev at the left and Test at the right. The clouds are flatter than the dotted diagonal: low scores are predicted too high, and high ones too low."}}
page.predictions()

# %% [markdown]
# Two kinds of uncertainty meet in {numref}`fig-strip-transformer`. The small dots are runs: the
# same recordings, another seed. The bar is a 95 % interval over persons (bootstrap) of the mean
# over the runs: the same runs, other persons.

# %% mystnb={"figure": {"caption": "MAE of VanillaTransformer on Dev and Test (simulated cohort). Large dot: mean over seeds; bar: its 95 % interval over persons; small dots: the seeds; dashed: the constant.", "name": "fig-strip-transformer"}, "image": {"alt": "One row for Dev and one for Test. The small dots lie close together within a much wider bar around the large one."}}
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
