# ---
# jupyter:
#   deplib:
#     needs:
#     - results/cost.json
#     - results/default/*.parquet
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
# # Does a temporal architecture repay what it costs?
#
# **No: on the simulated cohort none of the dearer models is shown to beat the cheapest one.** The
# plain average of the frames needs about a hundredth of the work of the next cheapest. Attention
# between all frames is the only part whose cost grows faster than the length of a window, and at the
# protocol's length it is about half of the work of the Transformer. The study gives each architecture
# an order of growth; LDBM's cannot be decided from its description, and MambaGRU's parameters are a
# third unused.

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
import json
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from deplib import figures, models, results
from deplib.models.attention_mil import AttentionMIL
from deplib.models.blocks import EncoderLayer
from deplib.models.mamba import MambaBlock
from deplib.models.mean_mlp import TemporalMeanMLP
from deplib.report import badge, say, table
from deplib.statistics import score_runs

NAMES = ["TemporalMeanMLP", "AttentionMIL", "LDBM", "VanillaTransformer", "MambaGRU", "Mamba"]
WINDOW = 512  # frames of a window in the protocol
figures.style()
badge()

# %% [markdown]
# ## What a forward pass multiplies
#
# A multiply-add is one product that is added to a sum. Nearly all of a model's work consists of
# them, and their number is the same on every machine. A hook is a function that torch calls after
# each part of a model has run. So the hooks below see every map, every step of a recurrence and
# every pair of tokens that attend to each other, and count.


# %%
def multiply_adds(model: nn.Module, frames: int) -> Counter:
    """Count the multiply-adds of one window, by kind, while it passes through the model."""
    counts: Counter = Counter()

    def count(part, inputs, output):
        if isinstance(part, nn.Linear):
            counts["maps"] += output.numel() * part.in_features
        elif isinstance(part, nn.GRU):  # each frame meets each weight of the two matrices a layer
            weights = sum(w.numel() for name, w in part.named_parameters() if "weight" in name)
            counts["recurrence"] += inputs[0].shape[1] * weights
        elif isinstance(part, EncoderLayer):  # Q K' and A V: every token with every other
            counts["token pairs"] += 2 * inputs[0].shape[1] ** 2 * inputs[0].shape[2]
        elif isinstance(part, MambaBlock):  # dt A, h, B u and C h a state; dt x and D x a channel
            channels, states = part.A_log.shape
            counts["recurrence"] += inputs[0].shape[1] * channels * (4 * states + 2)
        elif isinstance(part, TemporalMeanMLP | AttentionMIL):
            counts["mean"] += frames * part.channels

    hooks = [part.register_forward_hook(count) for part in model.modules()]
    with torch.inference_mode():
        model(torch.ones(1, 512, frames), torch.ones(1, frames, dtype=torch.bool))
    for hook in hooks:
        hook.remove()
    return counts


def sized(name: str, frames: int = WINDOW) -> nn.Module:
    """Build a model whose learned positions, if it has any, reach over a window of that length."""
    longest = {"LDBM": "max_length", "VanillaTransformer": "n_positions", "MambaGRU": "n_positions"}
    return models.build(name, seed=0, **({longest[name]: frames} if name in longest else {})).eval()


counts = {name: multiply_adds(sized(name), WINDOW) for name in NAMES}
work = pd.DataFrame(counts).T.fillna(0).rename_axis("model")
shares = (100 * work.div(work.sum(axis=1), axis=0)).round(1)

# %% [markdown]
# Torch has a counter of its own, which sees every matrix product and nothing elementwise. It must
# agree wherever a model is made of matrix products.

# %%
for name in ("TemporalMeanMLP", "AttentionMIL", "LDBM", "VanillaTransformer", "MambaGRU"):
    with (
        FlopCounterMode(display=False) as torchs,
        torch.inference_mode(),
        sdpa_kernel(SDPBackend.MATH),
    ):
        sized(name)(torch.ones(1, 512, WINDOW), torch.ones(1, WINDOW, dtype=torch.bool))
    apart = torchs.get_total_flops() / 2 / work.loc[name].sum() - 1
    assert abs(apart) < 0.01, f"{name} is counted differently by torch: {100 * apart:.1f} %"

# %% [markdown]
# ## Parameters that nothing reaches
#
# Some models learn a position for each frame or patch, up to a length of their own. A window has 512
# frames, so the positions beyond are never read: with NaN in their place the answer is the same, and with
# NaN in the last one that is read, there is no answer. They stay as they were drawn. A count of
# parameters, the usual measure of a model's size, includes them all the same.


# %%
def unused(name: str) -> int:
    """Count the parameters that stand for positions beyond a window of the protocol."""
    model = models.build(name, seed=0).eval()
    if not hasattr(model, "positions"):
        return 0
    x, mask = torch.ones(1, 512, WINDOW), torch.ones(1, WINDOW, dtype=torch.bool)
    reached = -(-WINDOW // getattr(model, "stride", 1))  # LDBM has one position a patch
    with torch.no_grad():
        model.positions[reached:] = torch.nan
        assert model(x, mask).isfinite().all()
        model.positions[reached - 1] = torch.nan
        assert model(x, mask).isnan().all()
    return model.positions[reached:].numel()


size = pd.DataFrame({"unused": {name: unused(name) for name in NAMES}})
size["parameters"] = [models.n_parameters(models.build(name, seed=0)) for name in NAMES]
size["share"] = 100 * size["unused"] / size["parameters"]
assert size["share"].idxmax() == "MambaGRU"
say(
    f"Of MambaGRU's parameters {size.loc['MambaGRU', 'share']:.0f} % are positions that no window "
    f"reaches, of the Transformer's {size.loc['VanillaTransformer', 'share']:.0f} %."
)

# %%
overview = pd.DataFrame(
    {
        "model": NAMES,
        "parameters": [f"{n:,}" for n in size["parameters"]],
        "of these unused": [f"{share:.0f} %" if share else "none" for share in size["share"]],
        "million multiply-adds": work.sum(axis=1).to_numpy() / 1e6,
        "token pairs": [f"{share:.0f} %" if share else "none" for share in shares["token pairs"]],
    }
)
table(overview, digits=1)

# %% [markdown]
# The last two columns are about one forward pass over one window. In AttentionMIL and LDBM the maps
# of single frames or patches cost most, in MambaGRU the recurrence, and in the Transformer the pairs
# of frames, with about half of the work.
#
# ## How the work grows with the window
#
# The study gives each architecture an *order*: how its cost grows with the number of frames N. The
# number of multiply-adds is a constant, a part in N and a part in N², and nothing else. So three
# lengths determine it, a fourth checks it, and it can be followed to lengths that no clip has.

# %%
LENGTHS = np.array([128, 256, 512, 1024, 2048])
by_length = pd.DataFrame(
    [
        {"model": name, "frames": n, "multiply-adds": multiply_adds(sized(name, n), n).total()}
        for name in NAMES
        for n in map(int, LENGTHS)
    ]
)
growth = {}
for name, rows in by_length.groupby("model", sort=False):
    n, cost = rows["frames"].to_numpy(float), rows["multiply-adds"].to_numpy(float)
    growth[name] = np.linalg.solve(np.vander(n[:3], 3), cost[:3])  # of N², N and 1
    np.testing.assert_allclose(np.polyval(growth[name], n), cost, rtol=1e-9)


def exponent(name: str, n: float) -> float:
    """Return the power of N by which the work grows from n frames to twice as many."""
    return float(np.log2(np.polyval(growth[name], 2 * n) / np.polyval(growth[name], n)))


far = pd.DataFrame(
    [
        {"model": name, "frames": n, "power of N": exponent(name, n)}
        for name in ("LDBM", "VanillaTransformer", "MambaGRU")
        for n in 2.0 ** np.arange(6, 20)
    ]
)

# %% mystnb={"figure": {"caption": "The power of N by which the multiply-adds grow when a window of N frames is doubled. The band marks windows of the protocol up to whole sequences, 512 to 2000 frames; dashed: N log N.", "name": "fig-cost-growth"}, "image": {"alt": "Three curves over window lengths from 64 to half a million frames. MambaGRU stays at 1. The Transformer rises from a little above 1 to 2 within the lengths in use. LDBM stays near 1 there and rises to 2 only far to the right; N log N falls slowly towards 1."}}
fig, ax = plt.subplots(figsize=(5.2, 3.2))
ax.axvspan(512, 2000, color=figures.MARGIN, alpha=0.25)
sns.lineplot(
    far, x="frames", y="power of N", hue="model", palette=figures.COLOURS, legend=False, ax=ax
)
n = np.unique(far["frames"])
ax.plot(n, np.log2(2 * np.log(2 * n) / np.log(n)), "--", color=figures.GREY)
labels = {"VanillaTransformer": (4000, 1.88), "LDBM": (40_000, 1.55), "MambaGRU": (70, 0.91)}
for name, place in labels.items():
    ax.annotate(name, place, color=figures.COLOURS[name])
ax.annotate("N log N", (60_000, 1.14), color=figures.GREY)
ax.set_xscale("log", base=10)
ax.set(title="LDBM is nearly linear in use, and quadratic far out", xlabel="frames of a window, N",
       ylim=(0.85, 2.08))  # fmt: skip
figures.keep(fig, far, "multiply-adds counted on this page")

# %%
assert exponent("VanillaTransformer", 512) > 1.4, "rewrite the finding"
assert exponent("LDBM", 512) < 1.15 < 1.9 < exponent("LDBM", 2**19), "rewrite the title"
for linear in ("TemporalMeanMLP", "AttentionMIL", "MambaGRU", "Mamba"):
    assert abs(exponent(linear, 2**19) - 1) < 0.01, linear
stated = pd.DataFrame(
    [
        (
            "TemporalMeanMLP",
            "O(1)",
            "only what follows the mean is; the mean itself reads N frames",
        ),
        ("LDBM", "O(N log N)", "undecidable: which tokens attend to each other is not said"),
        ("VanillaTransformer", "O(N²)", "yes, in work; in memory it depends on the code"),
        ("MambaGRU", "O(N)", "yes, in N steps that must wait for one another"),
    ],
    columns=["model", "the study says", "does it hold?"],
)
table(stated)

# %% [markdown]
# The study writes N log N beside LDBM and speaks of *structured attention*, which would let a token
# attend to some others only. It does not say to which. Here every token attends to all, as nothing
# else is described, and then the order is N² with a small factor: merging halves the tokens from
# layer to layer, and a patch makes eight frames one token. So the N log N is not refuted; it cannot
# be decided.
#
# ## Memory of a training step
#
# Training keeps what the backward pass will need. An attention written out plainly keeps a weight
# for every pair of tokens. A *fused* attention computes the same and keeps none of them. The tensors
# that torch stores can be looked at, too.


# %%
def kept_mib(name: str, frames: int, *, plain: bool) -> float:
    """Return the MiB that one window's forward pass keeps for the backward pass."""
    model, kept = sized(name, frames), {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage
        return tensor

    x, mask = torch.ones(1, 512, frames), torch.ones(1, frames, dtype=torch.bool)
    kernel = [SDPBackend.MATH] if plain else [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), sdpa_kernel(kernel):
        output = model(x, mask)
    own = {p.untyped_storage().data_ptr() for p in (x, *model.parameters())}
    assert output.requires_grad
    return sum(s.nbytes() for pointer, s in kept.items() if pointer not in own) / 2**20


memory = pd.DataFrame(
    [
        {
            "attention": kind,
            "frames": n,
            "MiB": kept_mib("VanillaTransformer", n, plain=kind == "plain"),
        }
        for kind in ("plain", "fused")
        for n in (512, 1024, 2048)
    ]
)
wide = memory.pivot_table(index="frames", columns="attention", values="MiB")
say(
    f"From 1024 to 2048 frames a Transformer keeps {wide['plain'][2048] / wide['plain'][1024]:.1f} "
    f"times as much with plain attention, and {wide['fused'][2048] / wide['fused'][1024]:.1f} times as "
    "much with fused attention."
)

# %%
assert 3 < wide["plain"][2048] / wide["plain"][1024] < 4
assert 1.9 < wide["fused"][2048] / wide["fused"][1024] < 2.1, "fused attention is not linear here"

# %% [markdown]
# So O(N²) describes the memory of an implementation, and not of the model.
#
# ## On the clock
#
# Operations are not seconds. A recurrence does few of them, one after the other, and a matrix
# product many at once. `bench/cost.py` measures training steps and whole epochs, in CPU time of one
# thread on one quiet machine, the models taking turns; the smallest round counts. Only ratios are
# printed here, for they carry over to another machine better than times do.

# %%
measured = json.loads((results.folder() / "cost.json").read_text(encoding="utf-8"))
steps = pd.DataFrame(measured["steps"]).query("kind == 'training' and windows == 3")
steps["seconds"] = steps["seconds"].map(min)
steps = steps[steps["way"].isin(NAMES)].rename(columns={"way": "model"})
cheapest = steps[steps["model"] == "TemporalMeanMLP"].set_index("frames")["seconds"]
steps["times the average"] = steps["seconds"] / steps["frames"].map(cheapest)

# %% mystnb={"figure": {"caption": "CPU time of a training step on three windows, divided by that of TemporalMeanMLP at the same length. Measured by bench/cost.py on one machine; both axes are logarithmic.", "name": "fig-cost-clock"}, "image": {"alt": "Curves over window lengths from 128 to 4096 frames. AttentionMIL and LDBM lie lowest, at some four to ten times the average. MambaGRU and Mamba lie higher and stay level. The Transformer starts below them and is the highest at the right end."}}
fig, ax = plt.subplots(figsize=(5.2, 3.4))
others = steps[steps["model"] != "TemporalMeanMLP"]
sns.lineplot(others, x="frames", y="times the average", hue="model", palette=figures.COLOURS,
             marker="o", legend=False, ax=ax)  # fmt: skip
for name, rows in others.groupby("model"):
    end = rows.loc[rows["frames"].idxmax()]
    ax.annotate(name, (end["frames"], end["times the average"]), (6, 0), color=figures.COLOURS[name],
                textcoords="offset points", va="center", fontsize=9)  # fmt: skip
ax.set_xscale("log", base=2)
ax.set_yscale("log")
ax.set_xticks(sorted(set(others["frames"])), sorted(set(others["frames"])))
ax.set_yticks([3, 10, 30, 100, 300], [3, 10, 30, 100, 300])
ax.set(title="Attention between frames is dear in long windows", xlabel="frames of a window",
       ylabel="step, times the average's")  # fmt: skip
figures.keep(fig, others, f"bench/cost.py, one thread, {measured['machine']['date']}")

# %%
at = others.pivot_table(index="frames", columns="model", values="times the average")
assert at.idxmax(axis=1).iloc[[0, -1]].tolist() == ["MambaGRU", "VanillaTransformer"]
epoch = pd.DataFrame(measured["epochs"]).set_index("way")["seconds"].map(min)
each_step = epoch["LDBM"] / epoch["TemporalMeanMLP"]
at_hand = epoch["LDBM"] / epoch["TemporalMeanMLP (means at hand)"]
assert at_hand > max(45 / 5, 3 * each_step), "rewrite what follows"
say(
    "The study reports 45 minutes of training for LDBM and 5 for the average, a ratio of 9. "
    f"Here an epoch of LDBM takes {each_step:.0f} times as long where the MLP averages the frames "
    f"anew in each step, and {at_hand:.0f} times where the averages are taken once, before training."
)

# %% [markdown]
# No parameter acts before the average, so it needs to be taken only once. What a ratio of training
# times says depends on how the simplest model is written. The study says neither which way it used
# nor how many epochs the minutes were.
#
# ## Cost beside error
#
# Here the cost of a model stands beside what it is for. Each point is the Test MAE of a model minus
# that of the plain average, on the same persons, over ten training runs of each.

# %%
runs = results.load("default", **results.ABLATION, model=NAMES)
scores = score_runs(runs[runs["split"] == "test"])
gaps = {name: scores.difference(name, "TemporalMeanMLP", draw_seeds=True) for name in NAMES[1:]}
beside = pd.DataFrame(
    [
        {"model": name, "multiply-adds": work.loc[name].sum(), "difference": gap.estimate,
         "low": gap.low, "high": gap.high}
        for name, gap in gaps.items()
    ]
)  # fmt: skip

# %% mystnb={"figure": {"caption": "Test MAE minus that of TemporalMeanMLP (*the average*) against the multiply-adds of one window (logarithmic). Mean over ten seeds; bars are 95 % intervals over persons and seeds.", "name": "fig-cost-error"}, "image": {"alt": "Five points at some ninety to a thousand times the cost of the average. Their bars all contain zero or lie above it: none lies below."}}
fig, ax = plt.subplots(figsize=(5.2, 3.4))
ax.axhline(0, color=figures.GREY, linestyle="--", linewidth=1)
for row in beside.itertuples():
    colour = figures.COLOURS[row.model]
    ax.plot([row[2]] * 2, [row.low, row.high], color=colour, linewidth=2)
    ax.plot(row[2], row.difference, "o", color=colour)
    if row.model == "VanillaTransformer":
        place = {"xy": (row[2], row.difference), "xytext": (6, 5)}
    elif row.model == "Mamba":
        place = {"xy": (row[2], row.low), "xytext": (0, -13), "ha": "center"}
    else:
        place = {"xy": (row[2], row.high), "xytext": (0, 4), "ha": "center"}
    ax.annotate(row.model, **place, textcoords="offset points", color=colour, fontsize=9)
average = work.loc["TemporalMeanMLP"].sum()
ax.annotate("the average", (average, 0), (0, -14), textcoords="offset points", color=figures.GREY)
ax.plot(average, 0, "o", color=figures.COLOURS["TemporalMeanMLP"])
ax.set_xscale("log")
ax.set(title="None of the dearer models is shown to err less", xlabel="multiply-adds of one window",
       ylabel="difference in Test MAE, points", xlim=(1.5e5, 2e10), ylim=(-1.1, 2.1))  # fmt: skip
figures.keep(fig, beside, "simulated cohort (default), seeds 0 to 9")

# %%
assert (beside["high"] > 0).all(), "a dearer model is better: rewrite the finding"
cost = beside["multiply-adds"] / average
say(
    f"The other models multiply {cost.min():.0f} to {cost.max():.0f} times as much as the average. "
    "No interval lies below zero: no model is shown to be better than the average."
)

# %% [markdown]
# ## Try it
#
# In the cell that counts, add `"LDBM-patch4"` to `NAMES`, or call `multiply_adds(sized("LDBM"), 2000)`.
# Which part grows most? On a machine of your own, `python bench/cost.py` measures the times anew
# and writes them where this page reads them.
#
# ## What this does not show
#
# A cost that buys nothing here may buy something elsewhere: in this cohort severity shows mostly in
# how much a face moves, and a model of order has little to find. Elementwise work is not counted
# except in Mamba's scan, where it is all there is. The clock was read on one machine; on a graphics
# card a recurrence, whose steps must wait for one another, loses more than here. And
# the face encoder, which every model needs first, costs far more than any of them.
