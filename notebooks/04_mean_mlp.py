# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/*.parquet
#     - results/small/*.parquet
#     - results/default/pooled.safetensors
#     uses:
#     - deplib.models.mean_mlp
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
# # The mean of all frames: how much is left without time?
#
# **Averaged over time, a face says who somebody is, and hardly how somebody feels.** The baseline of
# this report takes the mean of all frames and regresses the score from it. Over ten runs its Test
# error is not below that of a constant, the same score for everybody. Every other model has to beat
# this average to show that time matters. The page also shows how all models are trained: one loop,
# written out below.

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
import warnings
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from safetensors.numpy import load_file
from torch import nn

from deplib import figures, models, results, study
from deplib.baselines import references
from deplib.metrics import MAE_TOLERANCE, mae
from deplib.protocol import Protocol
from deplib.report import badge, say, table
from deplib.statistics import score_runs
from deplib.training import train

figures.style()
badge(study.open_cohort("default"))

# %% [markdown]
# ## The model
#
# The embeddings $x_t$ of all real frames are averaged, and a network with one hidden layer maps the
# mean to a score:
#
# $$m = \text{mean of } x_t \text{ over real frames}, \qquad y = w^\top\, \mathrm{relu}(W m + b) + c .$$
#
# The order of the frames is gone, and so is how much the face moved: a mean holds neither.


# %%
class TemporalMeanMLP(nn.Module):
    """Average the real frames, then one hidden layer."""

    def __init__(self, channels: int = 512, hidden: int = 256) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, x, mask):  # (batch, channels, time), (batch, time) bool: True = real frame
        real = mask.to(x.dtype)[:, None, :]
        mean = (x.masked_fill(~mask[:, None, :], 0.0) * real).sum(dim=2) / real.sum(dim=2)
        return self.mlp(mean).squeeze(1)  # (batch,), z-scored BDI-II


# %% [markdown]
# The library's model, by which the results were computed, is this class with a check of its input.
# Its weights fit, and the two agree. Neither padding nor the order of the frames changes an answer.
# Whoever changes the class takes loading and comparison out of the next cell.

# %%
library, here = models.build("TemporalMeanMLP", seed=0).eval(), TemporalMeanMLP().eval()
here.load_state_dict(library.state_dict())

rng = torch.Generator().manual_seed(0)
x, mask = torch.randn(4, 512, 300, generator=rng), torch.rand(4, 300, generator=rng) > 0.2
shuffled = torch.randperm(300, generator=rng)
with torch.inference_mode():
    y = here(x, mask)
    torch.testing.assert_close(y, library(x, mask))
    torch.testing.assert_close(y, here(x[..., shuffled], mask[:, shuffled]))
    padded = nn.functional.pad(x, (0, 200), value=9.0), nn.functional.pad(mask, (0, 200))
    torch.testing.assert_close(y, here(*padded))
say(f"It has {models.n_parameters(here):,} parameters; the study reports 131 K.")

# %% [markdown]
# ## What the mean keeps
#
# The identity encoder was trained to tell persons apart, as ArcFace was. Here are the mean frames of
# all 150 recordings, compared in pairs. The average of a recording was computed when the results
# were, and lies beside them.

# %%
cohort = study.open_cohort("default")
recordings = cohort.recordings
by_name = load_file(results.folder() / "default" / "pooled.safetensors")["features"].astype(float)
mean = by_name[recordings["recording"].argsort().argsort(), :512]  # the SDs follow
centred = mean - mean.mean(axis=0)
centred /= np.linalg.norm(centred, axis=1, keepdims=True)

first, second = np.triu_indices(len(mean), k=1)
person, bdi = recordings["person"].to_numpy(), recordings["bdi"].to_numpy()
pairs = pd.DataFrame(
    {
        "similarity": (centred @ centred.T)[first, second].round(3),
        "persons": np.where(person[first] == person[second], "same person", "two persons"),
        "difference in BDI-II": np.abs(bdi[first] - bdi[second]),
    }
)

# %% mystnb={"figure": {"caption": "Similarity (cosine, after the mean of all recordings is taken off) of the mean frames of two recordings, for all pairs of the full cohort.", "name": "fig-mean-pairs"}, "image": {"alt": "Two humps that hardly overlap. Pairs of two persons lie around zero; pairs of recordings of the same person lie close to one."}}
fig, ax = plt.subplots(figsize=(5.2, 2.8))
colours = {"two persons": figures.GREY, "same person": figures.COLOURS["TemporalMeanMLP"]}
sns.histplot(pairs, x="similarity", hue="persons", stat="density", common_norm=False,
             element="step", binwidth=0.05, palette=colours, legend=False, ax=ax)  # fmt: skip
ax.text(0.0, 3.2, "two persons", ha="center", color=colours["two persons"])
ax.text(0.76, 9, "same person", ha="right", color=colours["same person"])
ax.set_title("The mean frame says who it is")
ax.set(xlabel="similarity of two mean frames", ylabel="density")
binned = (pairs["similarity"] // 0.05 * 0.05).round(2).groupby(pairs["persons"]).value_counts()
figures.keep(
    fig,
    binned.reset_index(name="pairs"),
    "simulated cohort (default), mean embeddings of 150 recordings",
)

# %%
by = pairs.groupby("persons")["similarity"]
others = pairs[pairs["persons"] == "two persons"]
tells = others["similarity"].corr(others["difference in BDI-II"], method="spearman")
assert by.quantile(0.1)["same person"] > by.quantile(0.9)["two persons"], "persons are not apart"
assert abs(tells) < 0.1, "similar means have similar scores: rewrite the finding"

# %% [markdown]
# Two recordings of one person have nearly the same mean; those of two persons have not. But
# recordings of different persons whose means are alike do not have scores that are alike. What a
# model of the mean can learn is, for the most part, who somebody is.
#
# ## How one trains
#
# Training is the same for every model. Labels are z-scored by Train. The loss is L1, the optimizer
# Adam, and a batch holds 32 windows. After each epoch the Dev windows of a recording are averaged, and
# the epoch with the smallest Dev error is kept. Test chooses nothing. On thirty small recordings
# that is:

# %%
windows = study.small_windows()
torch.manual_seed(0)
model, order = TemporalMeanMLP(), np.random.default_rng(0)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-4, weight_decay=1e-4)
parts = {split: windows.subset(split) for split in ("train", "dev")}


def batch_of(part, rows):
    x = torch.from_numpy(part.features[rows]).transpose(1, 2)  # (batch, channels, time)
    return x, torch.from_numpy(part.mask[rows])


rows = []
for epoch in range(1, 6):
    part = parts["train"]
    y = torch.from_numpy(part.index["y"].to_numpy(np.float32))
    for at in np.array_split(order.permutation(len(part)), -(-len(part) // 32)):
        loss = nn.functional.l1_loss(model(*batch_of(part, at)), y[at])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        y_hat = model(*batch_of(parts["dev"], np.arange(len(parts["dev"])))).numpy()
    points = y_hat * windows.label_std + windows.label_mean  # z-units to BDI-II
    dev = parts["dev"].index.assign(bdi_hat=points).groupby("recording")[["bdi", "bdi_hat"]].mean()
    rows.append({"epoch": epoch, "dev_mae": mae(dev["bdi"], dev["bdi_hat"])})

# %% [markdown]
# The library's `train` is this loop with checks, early stopping, predictions of all splits and, if
# asked, a checkpoint from which it resumes in the same bits. It takes the class from the cell above.

# %%
torch.manual_seed(0)
run = train(TemporalMeanMLP(), windows, Protocol(learning_rate=3e-4, epochs=5), seed=0)
apart = np.abs(run.history["dev_mae"] - pd.DataFrame(rows)["dev_mae"]).max()
assert apart < 0.01, "the loop in this page is not that of the library"

# %% [markdown]
# ## Ten runs on the full cohort
#
# Forty epochs at most, and an end after ten without a smaller Dev error. The ten runs differ in their
# initial weights and in the order of the batches. They are versioned in `results/`.

# %% mystnb={"figure": {"caption": "MAE by epoch on Train and on Dev: thin lines are the ten seeds, thick ones their mean as long as all train. Dots: the epoch that Dev chose. Dashed: the constant on Dev.", "name": "fig-mean-courses"}, "image": {"alt": "The Train error falls steadily through all epochs. The Dev error falls by about one point below the dashed constant until epoch 24 or so, then stays. The ten seeds lie on top of each other."}}
settings = results.ABLATION | {"model": "TemporalMeanMLP"}
history = results.histories("default", **settings)
chosen = results.runs("default", **settings)[["seed", "epoch"]]
courses = history.melt(["seed", "epoch"], ["train_mae", "dev_mae"], "split", "MAE")
courses["split"] = courses["split"].map({"train_mae": "Train", "dev_mae": "Dev"})
constants = references(recordings).query("model == 'constant'")
flat = {s: mae(rows["bdi"], rows["bdi_hat"]) for s, rows in constants.groupby("split")}

fig, ax = plt.subplots(figsize=(5.2, 3.0))
colours = {"Train": figures.GREY, "Dev": figures.COLOURS["TemporalMeanMLP"]}
sns.lineplot(courses, x="epoch", y="MAE", hue="split", units="seed", estimator=None,
             palette=colours, linewidth=0.7, alpha=0.5, legend=False, ax=ax)  # fmt: skip
together = courses[courses["epoch"] <= history.groupby("seed")["epoch"].max().min()]
sns.lineplot(together, x="epoch", y="MAE", hue="split", errorbar=None, palette=colours,
             linewidth=2.4, legend=False, ax=ax)  # fmt: skip
best = chosen.merge(courses[courses["split"] == "Dev"])
ax.plot(best["epoch"], best["MAE"], "o", color=colours["Dev"])
ax.axhline(flat["dev"], color=figures.GREY, linestyle="--", linewidth=1)
ax.text(40, flat["dev"] + 0.1, "constant (Dev)", ha="right", fontsize=9)
last = together.groupby(["split", "epoch"])["MAE"].mean().groupby("split").tail(1)
for (split, epoch), height in last.items():
    ax.annotate(split, (epoch, height), (8, 0), textcoords="offset points", color=colours[split])
ax.set_title("Slow, and much the same at every seed")
ax.set(ylabel="MAE, BDI-II points")
figures.keep(fig, courses, "simulated cohort (default), seeds 0 to 9")

# %%
runs = results.load("default", **settings).query("split == 'test'")
scores = score_runs(pd.concat([runs, constants.query("split == 'test'")], ignore_index=True))
gap = scores.difference("TemporalMeanMLP", "constant", draw_seeds=True)
by_seed = runs.groupby("seed")[["bdi", "bdi_hat"]].apply(
    lambda one: mae(one["bdi"], one["bdi_hat"])
)
collapsed = history.groupby("seed")["collapsed"].agg(["max", "last"])

assert chosen["epoch"].between(20, 30).all()
assert gap.low < 0 < gap.high, "it differs from the constant: rewrite the finding"
assert by_seed.max() - by_seed.min() < 0.2, "the seeds differ more: rewrite the finding"
at_best = history.merge(chosen, on=["seed", "epoch"])
assert (at_best["dev_mae"] < flat["dev"] - 0.5).all() and (at_best["train_mae"] < 6).all()
assert collapsed["max"].all() and not collapsed["last"].any(), "rewrite what is said of collapse"
say(
    f"The Test error is {by_seed.mean():.2f} points on average. Minus that of the constant it is "
    f"{gap.estimate:+.2f} ({gap.low:+.2f} to {gap.high:+.2f}, persons and seeds drawn): more rather "
    "than less, and zero is well within the interval."
)

# %% [markdown]
# On Dev the average does better than the constant, on Test it does not. The Train error goes on
# falling all the while: the persons of Train are learnt by heart. All ten runs end within a fifth of
# a point of each other, so the seed hardly matters here; other persons would. Every run starts close
# to a constant answer, which the training log flags as a collapse, and leaves it later. An early
# epoch in which the answers hardly differ is therefore no sign of a fault; a last epoch would be.
#
# The study reports one run of this model on AVEC2014, with a larger error on Test than on Dev. That
# happens here as well, and needs no fault: Dev chose the epoch.

# %%
both = results.load("default", **settings).groupby(["split", "seed"])[["bdi", "bdi_hat"]]
both = both.apply(lambda one: mae(one["bdi"], one["bdi_hat"])).unstack("split")
assert (both["test"] > both["dev"]).all()
ends = both[["train", "dev", "test"]].agg(["mean", "min", "max"]).round(2)
table(ends.rename_axis("MAE over ten seeds").reset_index())

# %% [markdown]
# ## Do the versioned results still hold?
#
# The figures above read versioned results; to repeat them takes hours (`make sweep`). Here one seed is
# trained again for ten epochs on the small cohort, from the rendered faces on, and held against its
# versioned course. Two processors round differently and training amplifies that, so the two agree
# within a tolerance. Ten epochs show that faces, features, model and steps are the same here as where
# the results were computed; they do not show where forty on the full cohort would end.

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # so early all answers are nearly the same, and `train` says so
    again = train("TemporalMeanMLP", study.small_windows(), Protocol(epochs=10), seed=0).history
kept = results.histories("small", model="TemporalMeanMLP", seed=0).head(10)
apart = np.abs(again["dev_mae"].to_numpy() - kept["dev_mae"].to_numpy()).max()
assert apart < MAE_TOLERANCE, f"the course differs by {apart:.2f} points: run `make sweep`"

# %% [markdown]
# ## Try it
#
# In the class, return the standard deviation of the frames beside their mean
# (`channels=1024` in the first layer), and train again on the small windows. In the loop, raise
# `lr` to `3e-3`: how many epochs does the collapse last now?
#
# ## What this does not show
#
# An encoder that was trained for expressions keeps more of behaviour in its mean;
# [Advice](15_advice.ipynb) tries one. And in this cohort severity shows mostly in *how much* a face
# moves, little in the order of its movements: where order carried the signal, the mean would miss all
# of it.
