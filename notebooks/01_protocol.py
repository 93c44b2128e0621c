# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/*.parquet
#     - deplib/claims/reported.csv
#     uses:
#     - deplib.protocol
#     - deplib.cohorts.simulated
#     - deplib.models
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
# # Does it matter how the frames of a video are combined?
#
# **That is the question of this report, and only that.** A video of a face has thousands of frames;
# the score that goes with it is one number, the BDI-II, a questionnaire of depression severity that
# the person filled in. Much recent work goes into *how the frames are combined over time*. Here four
# ways of combining them read the same frames, with the same windows, labels, loss and optimiser, so
# that little else can make the difference.
#
# It is no claim that simple models are always better, and no instrument for finding depression in a
# person.

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

from deplib import claims, figures, metrics, models, results, study
from deplib.extraction import embedded_encoder
from deplib.protocol import Protocol
from deplib.report import badge, say, table

figures.style()
badge("default")

# %% [markdown]
# ## Which data these pages use
#
# The study that this report starts from used AVEC2014
# ([Valstar et al. 2014](https://doi.org/10.1145/2661806.2661807)): licensed clinical recordings that
# may not be passed on. So the book runs on a **simulated cohort**, whose truth is known, and takes the
# whole real path: rendered faces, an encoder, features, windows, models. With a licence, the same
# chapters run on the corpus ([Your data](16_your_data.ipynb)).
#
# ## The whole path, with one recording
#
# One recording of the Test split, from its first frame to its predicted score. The encoder turns each
# frame into 512 numbers and stays frozen; the models never see a pixel.

# %%
protocol = Protocol()
cohort, encoder = study.open_cohort("default"), embedded_encoder()

long = cohort.recordings.query("split == 'test' and 1_600 < n_frames < 1_900").iloc[0]
film = cohort.frames(long["recording"])  # (frames, 112, 112, 3), rendered here
features = encoder.embed(film).features  # (frames, 512)
say(f"Recording {long['recording']}: {len(film):,} frames, BDI-II {long['bdi']:.0f}.")

# %% [markdown]
# The sequence is cut into windows of 512 frames. The last one is filled with zeros, and a mask says
# which frames are real. No model may change its answer when more padding is added.

# %%
size = protocol.window_length
n_windows = -(-len(features) // size)  # rounded up
windows = np.zeros((n_windows, size, features.shape[1]), np.float32)
mask = np.zeros((n_windows, size), dtype=bool)
windows.reshape(-1, features.shape[1])[: len(features)] = features
mask.reshape(-1)[: len(features)] = True
assert mask.sum() == len(features) and not windows[~mask].any()

# %% [markdown]
# A model answers once a window, in z-units of the Train labels. The mean over the windows, scaled back
# to BDI-II points, is the prediction for the recording.

# %%
chosen = results.ABLATION | {"model": "TemporalMeanMLP", "seed": 0}
of_windows = results.windows("default", **chosen).query("recording == @long.recording")
scale = results.runs("default", **chosen).iloc[0]
points = scale["label_mean"] + scale["label_std"] * of_windows["y_hat"].to_numpy()
assert len(points) == n_windows

stored = results.load("default", **chosen).set_index("recording").loc[long["recording"]]
assert np.isclose(points.mean(), stored["bdi_hat"], atol=1e-3)

# %% mystnb={"figure": {"caption": "From frames to a score, for one recording of the simulated cohort. From above: rendered frames; their embeddings (every eighth frame and number of 512, standardised); the windows, hatched where there are no frames; the answer for each window and their mean (TemporalMeanMLP, seed 0).", "name": "fig-pipeline"}, "image": {"alt": "Four strips that share a time axis: six small faces, a heat map with vertical stripes, four boxes of which the last is partly hatched, and four horizontal lines with a dashed one for their mean and a dotted one for the label."}}
fig, axes = plt.subplots(4, 1, figsize=(5.4, 5.6), sharex=True, height_ratios=[0.8, 2, 0.6, 1.6])
end = n_windows * size
for start in np.linspace(0, len(film) - 1, 6).astype(int):  # one face a sixth of the time axis
    left = start / len(film) * (len(film) - 260)
    axes[0].imshow(film[start], extent=(left, left + 250, 0, 250), aspect="auto")
axes[0].set(ylim=(0, 250), ylabel="frames", yticks=[])

spread = (features - features.mean(axis=0)) / features.std(axis=0)
shown = np.clip(spread[::8, ::8].T, -2, 2)
axes[1].imshow(
    shown, extent=(0, len(film), 0, 512), aspect="auto", cmap="vlag", interpolation="none"
)
axes[1].set(ylabel="embedding", yticks=[0, 512])

for k in range(n_windows):
    real = mask[k].sum()
    axes[2].barh(0, real - 8, left=k * size, color=figures.KINDS[0], alpha=0.6)
    axes[2].barh(0, size - real, left=k * size + real, color="none", hatch="////", ec=figures.GREY)
    axes[3].hlines(points[k], k * size, (k + 1) * size - 8, color=figures.KINDS[0], linewidth=3)
axes[2].set(ylabel="windows", yticks=[])

axes[3].axhline(points.mean(), linestyle="--", color=figures.KINDS[1], linewidth=1.5)
axes[3].axhline(long["bdi"], linestyle=":", color=figures.GREY, linewidth=1.5)
for y, text, up in ((points.mean(), "mean: the prediction", -12), (long["bdi"], "label", 3)):
    axes[3].annotate(text, (end, y), (-4, up), textcoords="offset points", ha="right", fontsize=9)
axes[3].set(ylabel="BDI-II", xlabel="frame", xlim=(0, end), ylim=(0, 30))
axes[0].set_title("Frames, embeddings, windows, one score")
drawn = pd.DataFrame({"window": range(n_windows), "real_frames": mask.sum(axis=1), "bdi": points})
figures.keep(fig, drawn.assign(label=long["bdi"]), "simulated cohort (default), seed 0")

# %% [markdown]
# Only the recording's score is a result; the windows are a step on the way. And a recording is not a
# person: persons return in several recordings, so every interval in this book draws *persons*.

# %%
frames = cohort.recordings["n_frames"].clip(upper=protocol.sequence_length)
short = (cohort.recordings["n_frames"] < protocol.sequence_length).mean()
filled = frames.sum() / (np.ceil(frames / size).sum() * size)
say(
    f"**{short:.0%}** of the {len(frames)} recordings are shorter than "
    f"{protocol.sequence_length:,} frames; {filled:.0%} of the frames in all windows are real."
)

# %% [markdown]
# ## What is held still
#
# The table is printed from the object that the training code reads. *Source* says whether the study
# states the value or this report had to choose it.

# %%
table(protocol.table()[["variable", "value", "meaning", "source"]], digits=4)

# %% [markdown]
# ## What varies
#
# Only the way from a window to a number. Parameters are counted from the models as built, beside the
# study's own count.

# %%
varied = claims.REPORTED[["model", "mechanism", "parameters"]].rename(
    columns={"parameters": "as reported"}
)
varied["as built"] = [models.n_parameters(models.build(name, seed=0)) for name in varied["model"]]
assert np.allclose(varied["as built"], varied["as reported"], rtol=0.01), "the counts differ"
table(varied)

# %% [markdown]
# Beside these four stand what the study leaves out: two more patch sizes of LDBM, a true state-space
# model (a GRU is none), attention that ignores order, and baselines without any training by gradient.
# All read the same windows; the [results](09_results.ipynb) have them. Whatever has a random part runs
# at ten seeds. A seed sets the first weights and the order of the batches, and nothing else.
#
# ## How a prediction is scored
#
# Five numbers, each in a line. All take the predictions of all recordings at once: a mean over batches
# would be another number.

# %%
test = results.load("default", **chosen).query("split == 'test'")
y, y_hat = test["bdi"].to_numpy(), test["bdi_hat"].to_numpy()

mae = np.abs(y_hat - y).mean()  # points; lower is better
rmse = np.sqrt(((y_hat - y) ** 2).mean())  # points; large errors count more
pcc = np.corrcoef(y, y_hat)[0, 1]  # blind to bias and scale
sigma_ratio = y_hat.std() / y.std()  # 0: the same answer for everybody
ccc = 2 * np.cov(y, y_hat, ddof=0)[0, 1] / (y.var() + y_hat.var() + (y.mean() - y_hat.mean()) ** 2)

by_hand = {"mae": mae, "rmse": rmse, "pcc": pcc, "ccc": ccc, "sigma_ratio": sigma_ratio}
assert all(np.isclose(value, metrics.METRICS[name](y, y_hat)) for name, value in by_hand.items())
batches = np.sqrt(((y_hat - y) ** 2).reshape(5, 10).mean(axis=1)).mean()
assert batches < rmse
say(f"The RMSE is {rmse:.1f} points; as a mean over five batches it would be {batches:.1f}.")

# %% [markdown]
# The study names `sigma_ratio` after standard deviations and defines it by variances; here it is the
# ratio of standard deviations.
#
# ## Where this report departs from the study
#
# - **Epochs.** The study states no number of epochs and no rule for choosing one. Here training stops
#   when the error on Dev has not fallen for a while, and Dev chooses the epoch. So a score on Dev
#   flatters ([Looking good on Dev](12_choosing_on_dev.ipynb)). Test chooses nothing.
# - **Windows.** The study's sequences are 2,000 frames long, and it evaluates windows of 512. Here the
#   models are also *trained* on windows of 512. Whoever trains on whole sequences has fewer and longer
#   examples, and positions beyond 512 are then used at last: some parameters of MambaGRU and of the
#   Transformer belong to positions that no window reaches ([Cost](08_cost.ipynb)).
# - **Seeds.** The study reports one run a model. Here the scores of the main comparison are means over ten.
# - **Masks.** The study pads with zeros, and its models read them. Here padding is masked in every
#   layer.
# - **LDBM.** Neither an expansion of the name nor public code could be found. The model is built from
#   what the study describes: patches, a positional encoding, encoder layers with merging between them,
#   a mean over tokens, a regressor.
# - **The encoder.** The study's main paper publishes an encoder that is fine-tuned on depression
#   labels ([code](https://github.com/Amcky/Multimodal-Depression)). The study, and this report, keep
#   the encoder frozen.
#
# ## Try it
#
# Choose another recording above, such as one of more than 2,000 frames: what is cut off? Or set
# `size = 128`: more windows, and the last one wastes less.
#
# ## What this does not show
#
# Nothing on this page says how well anything works. One recording is a picture, not evidence.
