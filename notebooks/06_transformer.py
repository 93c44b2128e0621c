# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/*.parquet
#     - results/small/*.parquet
#     uses:
#     - deplib.models.transformer
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
# # VanillaTransformer: does attention find the frames that matter?
#
# **It does not look for them.** The Transformer could weigh every frame against every other one, at a
# cost that grows with the square of the length. Trained on thirty recordings of these embeddings, its
# attention stays nearly uniform: shuffle the frames of a window and the answer stays where it was. So
# it computes an average, in a costly way. Trained on fifty, it errs on the same recordings as the
# plain average does. The two differ by less than half a point.

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
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from torch import nn
from torch.nn.functional import relu, scaled_dot_product_attention

from deplib import figures, models, results, study
from deplib.metrics import MAE_TOLERANCE
from deplib.models.blocks import masked_mean
from deplib.protocol import Protocol
from deplib.report import badge, say, table
from deplib.statistics import score_runs
from deplib.training import train

figures.style()
badge("default")

# %% [markdown]
# ## The architecture
#
# Nothing is assumed about time but a position: each frame becomes a token with a learned position
# $p_t$, and in each of three layers every token attends to every real one, as in
# [Vaswani et al. 2017](https://doi.org/10.48550/arXiv.1706.03762):
#
# $$\begin{aligned}
#   z_t &= W x_t + b + p_t \\
#   z &\leftarrow \mathrm{LN}\big(z + \mathrm{softmax}(Q K^\top / \sqrt{D/H} + M)\, V\big) \\
#   z &\leftarrow \mathrm{LN}\big(z + W_2\,\mathrm{relu}(W_1 z)\big)
# \end{aligned}$$
#
# where $Q$, $K$, $V$ are linear maps of $z$ in $H$ heads of width $D/H$, and $M$ is $-\infty$ for
# masked frames, so that no token attends to them. The answer is $f(\text{mean of } z_t)$ over real
# frames. The study states the kind of model and a count of about 500K; four heads, LayerNorm after
# each part, ReLU and no dropout are choices of this report.


# %%
class EncoderLayer(nn.Module):
    """Attention between tokens, then a small network on each; LayerNorm after both."""

    def __init__(self, width: int, heads: int, feedforward: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, feedforward), nn.Linear(feedforward, width)
        self.norm_attention, self.norm_feedforward = nn.LayerNorm(width), nn.LayerNorm(width)

    def heads_of(self, z):  # (B, N, D) -> queries, keys, values, each (B, H, N, D / H)
        return self.qkv(z).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)

    def forward(self, z, mask):  # (B, N, D), (B, N) -> (B, N, D)
        mixed = scaled_dot_product_attention(*self.heads_of(z), attn_mask=mask[:, None, None, :])
        z = self.norm_attention(z + self.out(mixed.transpose(1, 2).flatten(2)))
        return self.norm_feedforward(z + self.contract(relu(self.expand(z))))


class VanillaTransformer(nn.Module):
    """Every frame is a token; three encoder layers; the mean of the tokens is regressed."""

    def __init__(self, width: int = 128, n_positions: int = 1000) -> None:
        super().__init__()
        self.input_proj = nn.Linear(512, width)
        self.positions = nn.Parameter(0.02 * torch.randn(n_positions, width))
        self.layers = nn.ModuleList(EncoderLayer(width, heads=4, feedforward=128) for _ in range(3))
        self.regressor = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 1))

    def tokens(self, x, mask):  # (batch, 512, time), (batch, time) bool -> (B, T, width)
        x = x.transpose(1, 2).masked_fill(~mask[..., None], 0.0)
        return self.input_proj(x) + self.positions[: x.shape[1]]

    def forward(self, x, mask):  # -> (batch,), z-scored BDI-II
        z = self.tokens(x, mask)
        for layer in self.layers:
            z = layer(z, mask)
        return self.regressor(masked_mean(z, mask)).squeeze(1)


# %% [markdown]
# The library's class, which computed the results, takes the same weights and gives the same
# answers. A feed-forward part as narrow as the tokens, and a position for each of 1,000 frames, meet
# the study's count. Whoever changes the class takes loading and
# comparison out of the next cell.

# %%
library, here = models.build("VanillaTransformer", seed=0).eval(), VanillaTransformer().eval()
here.load_state_dict(library.state_dict())

rng = torch.Generator().manual_seed(0)
x, mask = torch.randn(4, 512, 300, generator=rng), torch.rand(4, 300, generator=rng) > 0.2
with torch.inference_mode():
    torch.testing.assert_close(here(x, mask), library(x, mask))

parts = pd.Series({name: models.n_parameters(part) for name, part in here.named_children()})
parts["positions"] = here.positions.numel()
assert abs(parts.sum() / 500_000 - 1) < 0.01  # the study reports about 500K
table(parts.rename("parameters").rename_axis("part").reset_index())

# %% [markdown]
# A window has 512 frames, so nearly half of the positions are never looked up and never learn.

# %%
unreached = here.positions[Protocol().window_length :].numel() / parts.sum()
assert 0.11 < unreached < 0.13
say(
    f"Positions that no window of {Protocol().window_length} frames reaches are "
    f"{unreached:.0%} of the parameters."
)

# %% [markdown]
# ## Where does a trained network look?
#
# The class above is trained on a small simulated cohort. Then one layer after the other is asked
# how much weight it gives to each frame of a window, in the mean over heads and over the frames
# that ask. Times the number of frames, 1 is what a plain average gives.

# %%
windows = study.small_windows()
torch.manual_seed(0)
run = train(VanillaTransformer(), windows, Protocol(epochs=4), seed=0)
trained = VanillaTransformer().eval()
trained.load_state_dict(run.state_dict)

test = windows.subset("test")
x, mask = torch.from_numpy(test.features).transpose(1, 2), torch.from_numpy(test.mask)


def attention(model: VanillaTransformer, x: torch.Tensor, mask: torch.Tensor) -> pd.DataFrame:
    """Return the weight of each frame times their number, a row a frame of one window."""
    z, weights = model.tokens(x, mask), {}
    for i, layer in enumerate(model.layers, start=1):
        q, k, _ = layer.heads_of(z)
        score = (q @ k.transpose(2, 3)) / q.shape[-1] ** 0.5  # (1, H, T, T)
        weight = score.masked_fill(~mask[:, None, None, :], -torch.inf).softmax(dim=-1)
        weights[f"layer {i}"] = weight[0, :, mask[0]].mean(dim=(0, 1)) * mask.sum()
        z = layer(z, mask)
    return pd.DataFrame(weights).rename_axis("frame").loc[mask[0].numpy()]


with torch.inference_mode():
    looked = attention(trained, x[:1], mask[:1]).round(2)

# %% mystnb={"figure": {"caption": "Weight that each layer of a trained VanillaTransformer gives to each frame of one Test window, times the number of frames; 1 (dashed) is a plain average. Trained on the small simulated cohort.", "name": "fig-transformer-attention"}, "image": {"alt": "Three lines over five hundred frames, on a logarithmic axis from a tenth to ten. All three stay close to one from the first frame to the last."}}
fig, ax = plt.subplots(figsize=(5.2, 2.8))
sns.lineplot(looked, palette=["#00D29B", "#009E73", "#005C43"], dashes=False, ax=ax)
ax.axhline(1, color=figures.GREY, linestyle="--")
ax.set_title("Attention stays close to a plain average")
ax.set(yscale="log", ylim=(0.1, 10), xlabel="frame", ylabel="weight, in averages")
ax.legend(ncols=3, loc="lower left")
figures.keep(fig, looked, "simulated cohort (default, small), one Test window, trained on the page")

# %% [markdown]
# A model that weighs all frames alike cannot tell their order. So shuffle the real frames of each
# Test window, in time, and ask again.


# %%
def shuffled(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return windows whose real frames stand in another order, the same real frames."""
    rng, x = np.random.default_rng(0), x.clone()
    for window, real in zip(x, mask, strict=True):
        places = torch.nonzero(real).squeeze(1)
        window[:, places] = window[:, places[rng.permutation(len(places))]]
    return x


with torch.inference_mode():
    before, after = trained(x, mask), trained(shuffled(x, mask), mask)
moved = float((after - before).abs().mean() / before.std())
alike = torch.nn.functional.cosine_similarity(x[:, :, :-30], x[:, :, 30:])[mask[:, 30:]].mean()

assert looked.to_numpy().min() > 0.5, "attention has found something: rewrite the finding"
assert looked.to_numpy().max() < 2, "attention has found something: rewrite the finding"
assert moved < 0.05, "the order matters now: rewrite the finding"
assert alike > 0.8

# %% [markdown]
# The answers move by less than a twentieth of their spread over windows. The likely reason: an
# identity encoder gives nearly the same embedding to all frames of one person (a second apart, their
# cosine is above 0.8), so nearly every key fits every query equally well. Nothing here says that a
# Transformer *could not* use order, only that this one, on these features, does not.
#
# ## Ten runs: far fewer steps
#
# If it computes an average, what does it do otherwise than TemporalMeanMLP? It learns faster. One
# learning rate was set for all, as the study's protocol wants, and larger models take larger steps
# in what they compute.

# %% mystnb={"figure": {"caption": "Dev MAE by gradient step; thin lines are ten seeds, thick ones their median as long as half of them train. Dots: the step that Dev chose.", "name": "fig-transformer-courses"}, "image": {"alt": "The Transformer's curves are lowest after some twenty steps and then level off or rise. The average's fall slowly for more than a hundred steps, to about the same height."}}
pair = ["VanillaTransformer", "TemporalMeanMLP"]
history = results.histories("default", **results.ABLATION, model=pair)
chosen = results.runs("default", **results.ABLATION, model=pair)[["model", "seed", "epoch"]]
n_steps = 5  # batches of 32 windows in an epoch
stepped = history.assign(epoch=history["epoch"] * n_steps)

fig, ax = plt.subplots(figsize=(5.2, 3.2))
figures.courses(stepped, ax, chosen=chosen.assign(epoch=chosen["epoch"] * n_steps))
ax.set_title("The Transformer needs a tenth of the steps")
ax.set(xlabel="gradient steps", ylabel="Dev MAE, BDI-II points", xlim=(0, 240))
figures.keep(
    fig, stepped[["model", "seed", "epoch", "dev_mae"]], "simulated cohort (default), seeds 0 to 9"
)

# %%
steps = chosen.groupby("model")["epoch"].median() * n_steps
assert steps["VanillaTransformer"] < steps["TemporalMeanMLP"] / 8
say(
    f"Half of the Transformer's runs were best after {steps['VanillaTransformer']:.0f} steps or "
    f"fewer, half of the average's after {steps['TemporalMeanMLP']:.0f} or fewer. So the comparison "
    "of architectures is one of speeds of learning as well."
)

# %% [markdown]
# ## Does it err elsewhere than the plain average?
#
# Each recording of the Test part gets one error from each model, the mean over ten runs. Points on
# the diagonal are recordings on which both are wrong by the same amount.

# %% mystnb={"figure": {"caption": "Absolute error of VanillaTransformer against that of TemporalMeanMLP, a point a Test recording, mean over ten seeds.", "name": "fig-transformer-errors"}, "image": {"alt": "Fifty points that lie close along the diagonal, from near zero to above thirty."}}
runs = results.load("default", **results.ABLATION, model=pair).query("split == 'test'")
runs["error"] = (runs["bdi_hat"] - runs["bdi"]).abs()
errors = runs.pivot_table(index="recording", columns="model", values="error")

fig, ax = plt.subplots(figsize=(4.2, 4.0))
top = errors.to_numpy().max() + 1
ax.plot([0, top], [0, top], color=figures.GREY, linewidth=1)
ax.plot(
    *errors[pair[::-1]].to_numpy().T, "o", color=figures.COLOURS["VanillaTransformer"], alpha=0.7
)
ax.set_title("Both err on the same recordings")
ax.set(xlabel="error of TemporalMeanMLP, points", ylabel="error of VanillaTransformer, points")
ax.set_aspect("equal")
figures.keep(fig, errors, "simulated cohort (default), seeds 0 to 9")

# %%
scores = score_runs(runs)
gap = scores.difference(*pair, draw_seeds=True)
assert errors.corr().iloc[0, 1] > 0.9
assert -0.5 < gap.low < 0 < gap.high < 0.5, "rewrite the answer at the top"
say(
    f"The Transformer's Test MAE minus that of the average is {gap:+.2f} points (95 % interval over "
    "persons and seeds, both drawn)."
)

# %% [markdown]
# Fifty recordings leave much undecided in this report; here they do not. The two differ by less than
# half a point, whoever is drawn. The study reported a Test MAE of 10.428 and a PCC of 0.186 for one
# run on AVEC2014, and for its average an MAE that is 0.002 away.
#
# ## Do the versioned results still hold?
#
# Ten epochs on the small cohort are held against their versioned course, with the tolerance that two
# processors need.

# %%
again = train("VanillaTransformer", study.small_windows(), Protocol(epochs=10), seed=0).history
kept = results.histories("small", model="VanillaTransformer", seed=0).head(10)
apart = np.abs(again["dev_mae"].to_numpy() - kept["dev_mae"].to_numpy()).max()
assert apart < MAE_TOLERANCE, f"the course differs by {apart:.2f} points: run `make sweep`"

# %% [markdown]
# ## Try it
#
# Multiply the features by 10 before the projection, `self.input_proj(10 * x)`, or take away what all
# frames of a window share, `x - x.mean(dim=1, keepdim=True)`. Does the attention still stay uniform,
# and does the answer still survive the shuffling?
#
# ## What this does not show
#
# Whether attention finds more in features that show what a face *does*: [Results](09_results.ipynb)
# tries those of affect. Z-scored, the Transformer is the best of the four there on average, with the
# order of frames or without it. Nor whether longer windows would need attention: all of this is about
# 512 frames, some 17 seconds. What the square of the length costs stands in [Cost](08_cost.ipynb).
