# ---
# jupyter:
#   deplib:
#     needs:
#     - results/timings/machine.json
#     - results/timings/chapters/01_protocol.json
#     uses:
#     - deplib.models.mean_mlp
#     - deplib.models.ldbm
#     - deplib.models.transformer
#     - deplib.models.mamba_gru
#     - deplib.models.mamba
#     - deplib.models.attention_mil
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
# # The question and the protocol
#
# A video of a face is long, and the score that goes with it is one number. In AVEC2014
# {cite}`valstar2014avec` a recording of up to a few minutes carries a single BDI-II score
# {cite}`beck1996bdi`, a questionnaire of depression severity that the person filled in. Much recent
# work spends its effort on *how the frames are combined over time*: patches and attention, state
# spaces, merging at several scales. This report asks whether that choice matters when everything
# else is held still.
#
# *What is compared.* Four temporal models read the same frozen embeddings of the same frames, with
# the same windows, labels, loss, optimiser and rule for choosing the epoch. They differ only in how
# they turn a sequence of embeddings into one number.
#
# *What this is not.* It is no claim that simple models are always better, and no instrument for
# finding depression in a person.

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

# %% [markdown]
# ## Which data these pages use
#
# AVEC2014 is licensed clinical data and may not be redistributed, and the face encoder of the study
# is free for research only. The book therefore runs on a **simulated cohort** whose truth is known,
# and it takes the whole real path: rendered faces, an ONNX encoder, features, windows, models. A
# reader who holds a licence points the same chapters at the corpus ({doc}`18_your_data`).

# %%
from deplib.report import badge, say, table
from deplib.study import open_cohort

cohort = open_cohort()
badge(cohort)

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("01_protocol")

# %% [markdown]
# ## What is held constant
#
# The table is printed from the object that the training code reads, so it cannot drift from what
# was run. *Source* tells whether the study states the value or this report had to choose it.

# %%
from deplib.protocol import Protocol

protocol = Protocol()
table(protocol.table(), digits=4)

# %% [markdown]
# ## What varies
#
# Parameters are counted from the models as built. The last two columns are the study's own words
# for cost; what one measures is often different, because at this length the constant factors
# dominate.

# %%
from deplib.chapters.protocol import models_overview

table(models_overview())

# %% [markdown]
# Beside the study's four stand its other two patch sizes, for which it reports no figure, a true
# state-space model, and baselines. All read the same windows, and all are in {doc}`09_results`.

# %%
from deplib.chapters.protocol import beside_overview

table(beside_overview())

# %% tags=["hide-input"]
from deplib.study import SEEDS, VARIED, WORLDS

say(
    f"Whatever has a random part runs at {len(SEEDS)} seeds. A seed sets the initial weights and "
    "the order of the batches, or which random convolutions there are, and nothing else. The grid "
    f"of {len(VARIED)} trained variants and the baselines is laid out for {len(WORLDS)} simulated "
    "worlds."
)

# %% [markdown]
# {doc}`10_worlds` says which of the worlds have been computed.
#
# ## Windows, masks and the unit of evaluation
#
# A recording is cut at `sequence_length` frames and split into windows of `window_length` frames.
# The last window is padded, and a boolean mask marks which frames are real: `True` means a real
# frame. No model may change its output when padding is added, and a test holds every model to it.
# A window that holds no real frame is dropped.
#
# Each model predicts the z-scored BDI-II for every window. Evaluation happens at two levels:
#
# 1. **window level**: predictions and labels in z-units, one row a window;
# 2. **recording level**: the mean over a recording's windows, scaled back to BDI-II points.
#
# Only the second level is a result; the first is a diagnostic. A recording is not a person either:
# persons return in several recordings, so every interval in this book resamples *persons*.

# %% tags=["hide-input"]
from deplib.chapters.protocol import window_layout

layout = window_layout(cohort.recordings, protocol)
say(
    f"Of the {len(cohort.recordings)} recordings, {100 * layout.padded_share:.0f} % are shorter than "
    f"{protocol.sequence_length} frames. Together they give {layout.n_windows} windows, and "
    f"{100 * layout.real_share:.0f} % of the frames in those windows are real."
)

# %% [markdown]
# ## Metrics
#
# | name | definition | direction |
# |---|---|---|
# | MAE | mean absolute error, BDI-II points | lower is better |
# | RMSE | root of the mean squared error over *all* predictions at once | lower is better |
# | PCC | Pearson correlation; undefined when predictions or labels are constant | higher is better |
# | CCC | concordance correlation, Lin's $1/n$ convention | higher is better |
# | sigma_ratio | standard deviation of predictions over that of labels | one is faithful, zero is collapse |
#
# The study calls σ_ratio a ratio of variances and names it a ratio of standard deviations. This
# report uses the ratio of standard deviations and says so wherever the other is meant. A mean of
# batch RMSEs is not an RMSE; here every metric sees whole vectors. An undefined value is printed as
# undefined and never as zero.

# %% [markdown]
# ## Where this report departs from the study
#
# - **Epochs.** The study states no number of epochs and no rule for choosing one. Here training
#   stops when Dev has not improved for a while, so that slow and fast learners alike come to their
#   best epoch, and Dev chooses the epoch by recording-level MAE. That makes the Dev score
#   optimistic; Test chooses nothing.
# - **Seeds.** The study reports one run a model. Here every score is a mean over seeds, and the
#   spread between seeds is printed beside the interval over persons.
# - **Masks.** The study pads with zeros. Here padding is masked in every layer.
# - **The meaning of LDBM.** Neither an expansion of that name nor public code for it could be
#   found. The model is built from what the study describes: patches, a positional encoding, encoder
#   layers with patch merging between them, a mean over tokens, a regressor.
# - **The encoder.** The study's main paper {cite}`wang2025routing` publishes a texture encoder that
#   is fine-tuned on depression labels; the study, and this report, keep the encoder frozen.
