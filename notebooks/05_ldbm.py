# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/*.parquet
#     - results/small/*.parquet
#     uses:
#     - deplib.models.ldbm
#     - deplib.training
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
# # LDBM: do patches of frames help?
#
# **No patch size beats the plain average of all frames.** LDBM has ten times the parameters of the
# averaging baseline and a larger error, by about half a point; how much of that is chance, fifty Test
# recordings cannot say. Patches of 4, 8 and 16 frames score alike. LDBM learns its Train recordings
# almost by heart within a few passes, and the passes after the second make it worse on new ones. Nor
# did a network trained on thirty recordings use what patches are for: shuffle the frames, and its
# answer stays.

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

# %%
from dataclasses import asdict

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from torch import nn

from deplib import figures, models, results, study
from deplib.metrics import MAE_TOLERANCE, score
from deplib.models.blocks import EncoderLayer, masked_mean, pad_time
from deplib.protocol import Protocol
from deplib.report import badge, say, table
from deplib.statistics import score_runs
from deplib.training import train

figures.style()
badge("default")

# %% [markdown]
# ## What LDBM does
#
# LDBM belongs to the study's main paper,
# [Wang et al. 2025](references.md). It cuts a window into patches, turns each patch into one
# token, and alternates attention between tokens with the merging of neighbours. So the first layer
# compares quarter seconds, and the last one compares stretches of two seconds. The name is nowhere
# expanded and no public code could be found: what follows is built from the study's description.
# Where the description is silent, as about the kind of attention, an ordinary one stands.
#
# For frames $x_t$, patches of $P$ frames that start at every $S$-th, and learned positions $p_i$:
#
# $$\begin{aligned}
#   z_i &= W\,[x_{iS}, \ldots, x_{iS+P-1}] + b + p_i \\
#   z &\leftarrow \mathrm{EncoderLayer}(z) \\
#   z_i &\leftarrow \tfrac12 (z_{2i} + z_{2i+1}) \\
#   y &= f\big(\text{mean of } z_i\big)
# \end{aligned}$$
#
# the middle two four times. `EncoderLayer` is the usual attention and feed-forward pair; the
# [next chapter](06_transformer.ipynb) writes it out.


# %%
class LDBM(nn.Module):
    """Attention over patches of frames, which are merged in pairs from layer to layer."""

    def __init__(self, patch: int = 8, stride: int | None = None, width: int = 128) -> None:
        super().__init__()
        self.patch, self.stride = patch, stride or patch
        self.patch_proj = nn.Linear(patch * 512, width)
        self.positions = nn.Parameter(0.02 * torch.randn(-(-2000 // self.stride), width))
        self.layers = nn.ModuleList(EncoderLayer(width, heads=4, feedforward=512) for _ in range(4))
        self.regressor = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 1))

    def tokens(self, x, mask):  # (batch, 512, time), (batch, time) bool: True = real frame
        n = -(-x.shape[2] // self.stride)  # tokens; the last patch is completed by masked zeros
        x = x.transpose(1, 2).masked_fill(~mask[..., None], 0.0)
        x, mask = pad_time(x, mask, (n - 1) * self.stride + self.patch)
        patches = x.unfold(1, self.patch, self.stride).transpose(2, 3).flatten(2)  # (B, n, P * 512)
        real = mask.unfold(1, self.patch, self.stride).any(dim=2)  # a patch with one real frame is
        return self.patch_proj(patches) + self.positions[:n], real

    def merge(self, z, real):  # (B, n, width), (B, n) -> half as many, rounded up
        z, real = pad_time(z, real, z.shape[1] + z.shape[1] % 2)
        z, real = z.unflatten(1, (-1, 2)), real.unflatten(1, (-1, 2))
        n_real = real.sum(dim=2, keepdim=True).clamp(min=1)
        return (z * real[..., None]).sum(dim=2) / n_real, real.any(dim=2)

    def forward(self, x, mask):  # -> (batch,), z-scored BDI-II
        z, real = self.tokens(x, mask)
        for layer in self.layers:
            z, real = self.merge(layer(z, real), real)
        return self.regressor(masked_mean(z, real)).squeeze(1)


# %% [markdown]
# The library's `LDBM`, by which the results were computed, is this class with a check of its
# input. Its weights fit, and the two give the same answers. Whoever changes the class
# takes loading and comparison out of the next cell.

# %%
library = models.build("LDBM", seed=0).eval()
here = LDBM().eval()
here.load_state_dict(library.state_dict())

rng = torch.Generator().manual_seed(0)
x, mask = torch.randn(4, 512, 300, generator=rng), torch.rand(4, 300, generator=rng) > 0.2
with torch.inference_mode():
    torch.testing.assert_close(here(x, mask), library(x, mask))

parts = pd.Series({name: models.n_parameters(part) for name, part in here.named_children()})
parts["positions"] = here.positions.numel()
assert abs(parts.sum() / 1.35e6 - 1) < 0.01  # the study reports 1.35 M
table(parts.rename("parameters").rename_axis("part").reset_index())

# %% [markdown]
# The study's count leaves no parameter for the merging, so a pair is averaged: a linear map of the
# pair would make the model larger than reported.
#
# ## What a token stands for
#
# The gradient of one token with respect to the frames says on which of them it depends. Attention
# lets every token draw on every real frame from the first layer on. But the residual connection
# keeps its own stretch of time in front, and each merging doubles that stretch.


# %%
def dependence(model: LDBM, n_frames: int, gap: slice) -> pd.DataFrame:
    """Return how much one token of each stage depends on each frame, as a share of the largest."""
    mask = torch.ones(1, n_frames, dtype=torch.bool)
    mask[:, gap] = False
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(1, 512, n_frames, generator=rng).requires_grad_()
    z, real = model.tokens(x, mask)
    stages = {"tokens": z}
    for i, layer in enumerate(model.layers, start=1):
        z, real = model.merge(layer(z, real), real)
        stages[f"layer {i}"] = z
    rows = {}
    for name, z in stages.items():
        token = z[0, z.shape[1] // 2]
        direction = torch.randn(len(token), generator=rng)
        (gradient,) = torch.autograd.grad(token @ direction, x, retain_graph=True)
        size = gradient[0].norm(dim=0)
        rows[name] = (size / size.max()).numpy()
    return pd.DataFrame(rows).rename_axis("frame")


seen = dependence(here, n_frames=384, gap=slice(60, 76))

# %% mystnb={"figure": {"caption": "How much one token (in the middle of 384 frames) depends on each frame, after the patches and after each layer, as a share of the largest (logarithmic). White: no dependence; frames 60 to 75 are masked. Initial weights, one made-up window.", "name": "fig-ldbm-receptive"}, "image": {"alt": "Five rows, one above the other. In the lowest a narrow dark block, the patch; in each row above the block is twice as wide, on a pale background that covers all frames but the masked ones."}}
fig, ax = plt.subplots(figsize=(5.2, 2.9))
shown = np.log10(seen.T.where(seen.T > 1e-4))
sns.heatmap(shown[::-1], vmin=-3, vmax=0, cmap="Oranges", xticklabels=64, ax=ax,
            cbar_kws={"ticks": [-3, -2, -1, 0], "format": "$10^{{{x:.0f}}}$"})  # fmt: skip
ax.set_title("Each layer doubles what a token stands for")
ax.set(xlabel="frame", ylabel="")
ax.tick_params(axis="both", rotation=0)
figures.keep(fig, seen, "LDBM with initial weights, one made-up window")

# %%
wide = (seen > 0.3).sum()  # frames that matter a third as much as the one that matters most
assert wide.is_monotonic_increasing, "the picture no longer widens: rewrite the title"
assert (seen[60:76] == 0).all(axis=None), "a masked frame shows"

# %% [markdown]
# ## Train it here
#
# The class from the cell above, trained on a small simulated cohort: thirty recordings of one
# window each, which take some seconds to render and embed. So few recordings rank nothing. They
# show what training does: the error falls on the recordings that are trained on.

# %% mystnb={"figure": {"caption": "MAE of LDBM by epoch on a small simulated cohort, trained where this page is executed.", "name": "fig-ldbm-here"}, "image": {"alt": "Two lines over six epochs. The Train error falls from nine points to two; the Dev error stays between eight and ten."}}
windows = study.small_windows()
torch.manual_seed(0)
run = train(LDBM(), windows, Protocol(learning_rate=3e-4, epochs=6), seed=0)
errors = run.history.melt("epoch", ["train_mae", "dev_mae"], "measured on", "MAE").round(1)
errors["measured on"] = errors["measured on"].str.removesuffix("_mae").str.title()

fig, ax = plt.subplots(figsize=(5.2, 2.4))
sns.lineplot(errors, x="epoch", y="MAE", hue="measured on", marker="o", ax=ax)
ax.set_title("Thirty recordings, trained in this cell")
ax.set(ylabel="MAE, BDI-II points")
figures.keep(fig, errors, "simulated cohort (default, small), seed 0, trained on the page")

# %% [markdown]
# Does this network use the order of its tokens? Shuffle the frames of each Test window in time: a
# plain average would not move at all.

# %%
trained, test = LDBM().eval(), windows.subset("test")
trained.load_state_dict(run.state_dict)
x, mask = torch.from_numpy(test.features).transpose(1, 2), torch.from_numpy(test.mask)
order = torch.randperm(512, generator=torch.Generator().manual_seed(0))
with torch.inference_mode():
    before, after = trained(x, mask), trained(x[:, :, order], mask[:, order])
moved = float((after - before).abs().mean() / before.std())

assert run.history["train_mae"].iloc[-1] < run.history["train_mae"].iloc[0] - 0.5
assert moved < 0.05, "the order matters now: rewrite the finding"

# %% [markdown]
# Its answers move by less than a twentieth of their spread. What LDBM learnt of thirty faces is in
# how they look on average; the order that patches and merging keep goes unused. The
# [next chapter](06_transformer.ipynb) looks into the reason.

# %% [markdown]
# ## Ten runs on the full cohort
#
# The runs that the report compares took minutes each and are versioned in `results/`. They differ
# in their initial weights and in the order of the batches, nothing else.

# %% mystnb={"figure": {"caption": "MAE of LDBM by epoch on Train and on Dev; thin lines are the ten seeds, thick ones their mean. Dots: the epoch that Dev chose.", "name": "fig-ldbm-courses"}, "image": {"alt": "The Train error falls steeply and goes on falling. The Dev errors fall for one or two epochs, then rise."}}
history = results.histories("default", **results.ABLATION, model="LDBM")
chosen = results.runs("default", **results.ABLATION, model="LDBM")[["seed", "epoch"]]
courses = history.melt(["seed", "epoch"], ["train_mae", "dev_mae"], "split", "MAE")
courses["split"] = courses["split"].map({"train_mae": "Train", "dev_mae": "Dev"})
courses = courses[courses["epoch"] <= 12]

fig, ax = plt.subplots(figsize=(5.2, 3.2))
colours = {"Train": figures.GREY, "Dev": figures.COLOURS["LDBM"]}
sns.lineplot(courses, x="epoch", y="MAE", hue="split", units="seed", estimator=None,
             palette=colours, linewidth=0.7, alpha=0.5, legend=False, ax=ax)  # fmt: skip
sns.lineplot(courses, x="epoch", y="MAE", hue="split", errorbar=None, palette=colours,
             linewidth=2.4, legend=False, ax=ax)  # fmt: skip
best = chosen.merge(courses[courses["split"] == "Dev"])
ax.plot(best["epoch"], best["MAE"], "o", color=colours["Dev"])
ends = courses[courses["epoch"] == 12].groupby("split")["MAE"].mean()
for split, height in ends.items():
    ax.annotate(split, (12, height), (5, 0), textcoords="offset points", color=colours[split])
ax.set_title("After two passes LDBM learns Train by heart")
ax.set(xlim=(0.8, 13), ylabel="MAE, BDI-II points")
figures.keep(fig, courses, "simulated cohort (default), seeds 0 to 9")

# %%
at_best = history.merge(chosen, on=["seed", "epoch"])
last = history.loc[history.groupby("seed")["epoch"].idxmax()]
assert chosen["epoch"].median() <= 2
assert (last["train_mae"] < last["dev_mae"] - 3).all(), "no longer learnt by heart"
say(
    f"Dev chose epoch {chosen['epoch'].min()} to {chosen['epoch'].max()}, half of the time the "
    f"second or an earlier one. In the last epoch the mean error is "
    f"{last['train_mae'].mean():.1f} points on Train and {last['dev_mae'].mean():.1f} on Dev."
)

# %% [markdown]
# ## Beside the plain average, at three patch sizes
#
# The study lists patches of 4, 8 and 16 frames as tested and asks whether finer ones help; it
# reports no result by size. Here every size was trained from ten seeds, like the average that it is
# compared with. Nothing but the patch differs between the rows.

# %%
sizes = {"LDBM-patch4": 4, "LDBM": 8, "LDBM-patch16": 16}
runs = results.load("default", **results.ABLATION, model=["TemporalMeanMLP", *sizes])
scores = score_runs(runs[runs["split"] == "test"])

beside_average = [scores.difference(name, "TemporalMeanMLP", draw_seeds=True) for name in sizes]
rows = pd.DataFrame(map(asdict, beside_average)).rename(columns={"estimate": "value"})
rows["label"] = [f"patches of {size} frames" for size in sizes.values()]

# %% mystnb={"figure": {"caption": "Test MAE of LDBM at three patch sizes minus that of TemporalMeanMLP, which averages all frames. Mean over ten seeds; bars are 95 % intervals over persons and seeds, both drawn.", "name": "fig-ldbm-patches"}, "image": {"alt": "Three points, all a little to the right of zero, with wide bars that overlap almost wholly and all contain zero."}}
fig, ax = plt.subplots(figsize=(5.2, 2.6))
figures.forest(rows, ax, zero_label="as the plain average", colour=figures.COLOURS["LDBM"])
ax.set_title("No patch size beats the plain average")
ax.set(xlim=(-0.8, 1.3), xlabel="difference in Test MAE, BDI-II points")
figures.keep(fig, rows, "simulated cohort (default), seeds 0 to 9")

# %%
assert (rows["value"] > 0).all(), "rewrite the finding"
assert (rows["low"] < 0).all(), "rewrite the finding"
for name in ("LDBM-patch4", "LDBM-patch16"):
    between = scores.difference(name, "LDBM", draw_seeds=True)
    assert between.low < 0 < between.high, "the patch size matters: rewrite the finding"
assert rows["value"].max() - rows["value"].min() < 0.2, "the sizes do differ: rewrite"

# %% [markdown]
# LDBM's error is larger at every size, and every interval contains zero. The three sizes lie within
# a fifth of a point of each other, far less than two runs of one size differ by. So patches of 4
# frames are neither better nor worse than those of 8 as far as this cohort can tell. What a patch
# does change is where the parameters sit: the first map grows with it, the table of positions
# shrinks. Overlapping patches can be built as well; they were not trained.


# %%
def counts(patch: int, stride: int) -> dict[str, object]:
    model = LDBM(patch, stride)
    return {
        "patch": patch,
        "stride": stride,
        "tokens": -(-512 // stride),
        "first map": f"{models.n_parameters(model.patch_proj):,}",
        "positions": f"{model.positions.numel():,}",
        "parameters": f"{models.n_parameters(model):,}",
    }


table(pd.DataFrame([counts(4, 4), counts(8, 8), counts(16, 16), counts(8, 4)]))

# %% [markdown]
# ## One run or ten?
#
# The study ran LDBM once and reported a Test MAE of 10.529 with a PCC of 0.267, on AVEC2014. Here
# is what single runs on the simulated cohort would have said.

# %%
by_seed = score(runs[runs["model"] == "LDBM"], by=["split", "seed"])
by_seed = by_seed.pivot_table(index="seed", columns="split", values="mae")
rise = by_seed["test"] - by_seed["dev"]
assert (rise > 0).all()
say(
    f"One run would have given a Test MAE anywhere from {by_seed['test'].min():.1f} to "
    f"{by_seed['test'].max():.1f} points; the mean of ten is {by_seed['test'].mean():.2f}. In all "
    f"ten the error is larger on Test than on Dev, which chose the epoch: by {rise.mean():.1f} "
    "points on average."
)

# %% [markdown]
# ## Do the versioned results still hold?
#
# Every figure above but the first two reads versioned results. As in the
# [last chapter](04_mean_mlp.ipynb), ten epochs on the small cohort are held against their versioned
# course, within the tolerance that two processors need.

# %%
again = train("LDBM", study.small_windows(), Protocol(epochs=10), seed=0).history
kept = results.histories("small", model="LDBM", seed=0).head(10)
apart = np.abs(again["dev_mae"].to_numpy() - kept["dev_mae"].to_numpy()).max()
assert apart < MAE_TOLERANCE, f"the course differs by {apart:.2f} points: run `make sweep`"

# %% [markdown]
# ## Try it
#
# In the cell that trains, write `LDBM(patch=4)` or `LDBM(patch=8, stride=4)` in the place of
# `LDBM()`, or leave out the merging: let `merge` return `z, real` unchanged. Which of them learns
# the Train recordings fastest?
#
# ## What this does not show
#
# The study's own LDBM may differ where its description is silent: the kind of attention, the size of
# the feed-forward part, the merging. And a cohort in which severity shows mostly in *how much* a face
# moves gives a model of order little to find; [others](10_when_order_matters.ipynb) give more. What
# LDBM costs in time and memory stands in [Cost](08_cost.ipynb).
