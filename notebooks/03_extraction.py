# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/true/*-seed0.json
#     - results/default/true-lost50-*/*.json
#     - results/timings/machine.json
#     - results/timings/chapters/03_extraction.json
#     - deplib/chapters/detectors.py
#     uses:
#     - deplib.models.mean_mlp
#     - deplib.models.ldbm
#     - deplib.models.transformer
#     - deplib.models.mamba_gru
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
# # Zeros: how feature extraction failed in silence
#
# The study reports a bug worth a chapter. Its first features were all zero, every model collapsed
# to a constant, and nothing raised an error. This chapter lets it happen again, explains it, mends
# it, and shows the checks that would have caught it.

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

# %%
from deplib import figures
from deplib.chapters import checks, detectors, extraction, scrfd
from deplib.chapters.fallback import FallbackPage
from deplib.extraction import embedded_encoder
from deplib.report import badge, say, table
from deplib.study import open_cohort

cohort = open_cohort(size=size)
badge(cohort, size)

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("03_extraction")

# %% [markdown]
# ## The pipeline that failed
#
# A common pipeline first *detects* a face and then embeds it. The study's frames were aligned
# crops already, small and filled by the face. Given those, its detector returned an empty list,
# without an exception, and the code around it filled the gap with zeros.
#
# The study names the package: `buffalo_l` of `insightface` {cite}`insightface`, whose detector
# belongs to the SCRFD family. Two smaller members of that family were measured for this report
# at their default size. The tables are of that measurement; this page does not repeat it, since
# the weights are for research only and are not shipped.

# %%
table(detectors.SCRFD_VIEWS)

# %% tags=["hide-input"]
scrfd.scale()

# %%
table(detectors.SCRFD_SIZES)

# %% tags=["hide-input"]
scrfd.threshold()

# %% [markdown]
# Others met the same: see [#1518](https://github.com/deepinsight/insightface/issues/1518),
# [#2165](https://github.com/deepinsight/insightface/issues/2165),
# [#2782](https://github.com/deepinsight/insightface/issues/2782) and
# [#2877](https://github.com/deepinsight/insightface/issues/2877) in its tracker.
#
# The detector of `buffalo_l`, `det_10g`, was not to be had. That it fails for the same reason, and
# that this is where the study's zeros came from, is an inference.
#
# ## It happens again
#
# The stand-in used here is OpenCV's Haar cascade. It reproduces the mechanism: the image is fitted
# to a canvas, and the size of a face is bounded. The control is the same cascade without the bound.
#
# Where a reader has `buffalo_l`, its own `det_10g` joins them in every table below, at its default
# size and at half of it. It is looked for where `insightface` keeps it, or in the folder that the
# environment variable `DEPLIB_BUFFALO_L` names. The published page is made without it.

# %%
chosen = detectors.DETECTORS | detectors.local_detectors()
views = detectors.three_views(cohort)
table(detectors.detection_rates(views, chosen), digits=2)

# %% mystnb={"figure": {"caption": "The same frame as the bounded detector meets it: the whole scene, the aligned crop, and the crop with a margin.", "name": "fig-detector"}, "image": {"alt": "Three views of one rendered face; a box is drawn on the first and the third."}}
images, boxes = detectors.detector_view(views, detectors.failing(chosen), index=5)
figures.stated(figures.detections(images, boxes), cohort)

# %% [markdown]
# A photograph of a person shows the same pattern, so it is no artefact of the rendering.

# %%
table(detectors.detection_rates(detectors.photograph_views(), chosen), digits=2)

# %% [markdown]
# ## The face outgrows the detector
#
# Between a margin and none lies a slope. {numref}`fig-outgrown` takes the margin away step by step,
# so that the face fills more and more of the canvas, and asks each detector for its best candidate,
# found or not. A score of one is what a face needs.

# %% mystnb={"figure": {"caption": "Faces found, and the best score (median over persons), as the face fills more of the canvas. The last point is the aligned crop.", "name": "fig-outgrown"}, "image": {"alt": "Two stacked line charts. Without a bound all faces are found at every size. With it the best score falls as the face grows, and beyond some size no face is found."}}
curves = detectors.outgrowing(views["aligned crop"][:12], chosen)
figures.stated(figures.outgrown(curves), cohort)

# %% tags=["hide-input"]
whole, blind = detectors.tipping(curves, detectors.STAND_IN)
say(
    f"The stand-in finds every face up to {100 * whole:.0f} % of the canvas and none from "
    f"{100 * blind:.0f} % on. The control finds all of them: nothing in the picture is missing."
)

# %% [markdown]
# The stand-in is not SCRFD. Its bound is a setting, chosen to match the behaviour measured above;
# in SCRFD it comes from the anchors and the training. Its score counts overlapping hits; SCRFD's is
# a network's output between zero and one. It gives no landmarks, and it finds upright, frontal faces
# only. What carries over is the mechanism, and what the code around it does with an empty list.
#
# ## An empty list becomes zeros
#
# This is that code, as it runs below. The array starts as zeros; a frame without a face writes
# nothing to it; nobody is told.

# %%
detectors.listing(detectors.detect_then_embed_with_zeros)

# %% tags=["hide-input"]
encoder = embedded_encoder()
frames = extraction.few_frames(cohort)
broken = extraction.broken_features(cohort, frames, detectors.failing(chosen), encoder)
say(
    f"It is given {extraction.FRAMES} aligned frames of each of {len(frames)} recordings. "
    f"{100 * broken.zero_share:.0f} % of the {len(broken.rows)} rows of features are zero: one row "
    "for each frame in which the detector found no face. No exception was raised."
)

# %% [markdown]
# ## Zeros go in, a constant comes out
#
# Now the four models train on these features; a few epochs are enough to see what happens.

# %%
table(extraction.train_on(broken))

# %% [markdown]
# Every model predicts one value for every recording: sigma_ratio is zero and the correlation is
# undefined. It is *not* zero: a PCC of a constant does not exist. The MAE looks harmless all the
# same, since a constant is not a bad guess. That is why the bug could live. Today training warns
# while it runs, as soon as the spread on Dev stays near zero.
#
# ## The fix
#
# The frames are aligned already, so no detector is needed: the encoder reads them directly, with
# its preprocessing stated in full.

# %% tags=["hide-input"]
mended = extraction.direct_features(cohort, frames, encoder)
say(f"Of the {len(mended.rows)} rows, {100 * mended.zero_share:.0f} % are zero now.")

# %% [markdown]
# Frames that are *not* aligned need a detector, best one with landmarks. A frame without a face is
# then marked as not valid and counted, and extraction stops when there are too many.
#
# ## The checks, in order of cost
#
# Each of these would have caught the zeros. A row only needs to be read. A frame must be decoded
# and embedded again. The tiny run reads all rows and trains `TemporalMeanMLP`.

# %%
table(checks.by_cost(broken, encoder))

# %% tags=["hide-input"]
sound = checks.by_cost(mended, encoder)
say(
    f"On the mended features {(sound['verdict'] == 'passes').sum()} of the {len(sound)} checks "
    f"pass. To pass, a check of rows reads all {sound['rows read'].max()} of them."
)

# %% [markdown]
# `deplib verify` makes these checks of rows and more, on a whole store, and ends with an exit status.
# Here are its findings on the broken store.

# %%
table(checks.findings(broken, encoder))

# %% tags=["hide-input"]
say(f"Findings on the mended store: {len(checks.findings(mended, encoder))}.")

# %% [markdown]
# One fault passes all checks of rows: wrong preprocessing. Swapped channels leave lengths and
# variances healthy. Only the comparison with an embedding that other code has made shows it, which
# is what `deplib verify --reference` is for.
#
# ## A fix that only looks like one
#
# The study replaced failed frames by random vectors. Do that to every row of the broken features:

# %%
random_rows = extraction.random_features(broken)
table(checks.by_cost(random_rows, encoder))

# %% [markdown]
# No row is zero, each has unit length, and the rows change over time. What catches them is that
# neighbouring frames of a film look alike and random vectors do not; `deplib verify` calls that
# `incoherent`.

# %%
table(checks.findings(random_rows, encoder))

# %%
scores = extraction.train_on(random_rows)
table(scores)

# %% tags=["hide-input"]
say(extraction.no_evidence(scores, cohort))

# %% [markdown]
# So a sigma_ratio above zero is no evidence that features carry signal. Here a frame that cannot be
# embedded is masked (`valid=False`), and a share of such frames above a stated bound stops the
# extraction.

# %% [markdown]
# ## When only some frames are lost
#
# Some frames are lost in every corpus: the head turns, a tracker slips. Here frames of every
# recording are taken away, in bursts and whatever the severity, and the gaps are treated in four
# ways: hidden from the models by a mask, interpolated in time, filled with random unit vectors as in
# the study's fix, or left as zeros. The runs take too long for a page, so this one reads their
# versioned results.

# %%
page = FallbackPage()
table(page.scores(), digits=2)

# %% tags=["hide-input"]
page.verdict()

# %% [markdown]
# One seed, one cohort, and frames lost at random in time: where faces are lost *because* of
# behaviour, what fills the gap becomes a signal of its own. A mask adds nothing to the features, and
# the number of masked frames is counted and bounded. That is why it is the default here.

# %% [markdown]
# ## The encoder of this book
#
# The embedded encoder is a small network in the manner of ArcFace, trained to tell simulated
# persons apart; none of them is in the cohort. How well it does so is measured here, on persons
# that it has never seen: pairs of frames, same person or not, told apart by their cosine.

# %% tags=["hide-input"]
card = extraction.encoder_card(encoder)
say(
    f"The file has {card.megabytes:.1f} MB (SHA-256 {card.sha256[:16]}…). On {card.n_identities} "
    f"held-out identities it tells same from different with an accuracy of {card.accuracy:.3f}."
)

# %% [markdown]
# It is an *identity* encoder, as the study's is: trained to ignore expression. That is part of the
# question, and {doc}`16_implications` returns to it.
#
# ## What we saw
#
# A detector that finds nothing is not an error to the code around it. Zeros then pass through
# training and give a plausible MAE. The cheapest check, *is any row zero?*, catches it in a second.
