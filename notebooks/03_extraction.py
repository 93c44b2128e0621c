# ---
# jupyter:
#   deplib:
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

# %%
from deplib import figures
from deplib.chapters import extraction as chapter
from deplib.extraction.encoder import embedded_encoder
from deplib.report import badge, say, table
from deplib.study import open_cohort

cohort = open_cohort()
badge(cohort)

# %% [markdown]
# ## The pipeline that failed
#
# A common pipeline first *detects* a face and then embeds it. Given frames that are already aligned
# and cropped to the face, its detector returned an empty list, without an exception, and the code
# around it filled the gap with zeros.
#
# In public face photographs the cause was measured: `insightface` 0.7.3 with an SCRFD detector at
# its default size enlarges the crop to fill its canvas, and the face becomes larger than the
# largest face that the detector looks for. The *scale* is at fault, not missing context: with some
# padding around the crop the same detector finds the face {cite}`insightface`.

# %%
table(chapter.SCRFD)

# %% [markdown]
# Two smaller detectors of that family were measured; that the one in the study's pipeline fails for
# the same reason is an inference. Version 1.0 and later of the library look at two sizes at once
# and find the crops.
#
# The stand-in used here is OpenCV's Haar cascade, which reproduces that mechanism: the image is
# fitted to a canvas and the size of a face is bounded. The bound was chosen to match the measured
# behaviour; the control, without a bound, is shown beside it.

# %%
views = chapter.three_views(cohort)
table(chapter.detection_rates(views), digits=2)

# %% mystnb={"figure": {"caption": "The same frame as the bounded detector meets it: the whole scene, the aligned crop, and the crop with a margin of a quarter of its width.", "name": "fig-detector"}, "image": {"alt": "Three views of one rendered face; a box is drawn on the first and the third."}}
images, boxes = chapter.detector_view(views)
figures.detections(images, boxes)

# %% [markdown]
# A photograph of a person shows the same pattern, so it is no artefact of the rendering.

# %%
table(chapter.photograph_rates(), digits=2)

# %% [markdown]
# ## Zeros go in, a constant comes out
#
# Now the failing pipeline fills a feature store from aligned crops, and the four models train on it
# under the protocol.

# %% tags=["hide-input"]
encoder = embedded_encoder()
broken = chapter.broken_features(cohort, encoder)
say(
    f"{100 * broken.zero_share:.0f} % of the {len(broken.rows)} rows of features are zero: one row for "
    "each aligned frame in which the detector found no face. No exception was raised."
)

# %%
table(chapter.train_on(broken))

# %% [markdown]
# Every model predicts one value for every recording: sigma_ratio is zero and the correlation is
# undefined. It is *not* zero: a PCC of a constant does not exist. The MAE looks harmless all the
# same, since a constant is not a bad guess. That is why the bug could live.

# %% [markdown]
# ## The fix
#
# The frames are aligned already, so no detector is needed: the encoder reads them directly, with
# its preprocessing stated in full.

# %% tags=["hide-input"]
mended = chapter.direct_features(cohort, encoder)
say(f"Of the {len(mended.rows)} rows, {100 * mended.zero_share:.0f} % are zero now.")

# %% [markdown]
# ## The checks
#
# `deplib verify` runs after every extraction and stops the study when a check fails. Here are its
# findings on the broken store; on the mended one it has none.

# %%
table(chapter.findings(broken, encoder))

# %% tags=["hide-input"]
say(f"Findings on the mended store: {len(chapter.findings(mended, encoder))}.")

# %% [markdown]
# ## A fix that only looks like one
#
# The study replaced failed frames by random vectors. Such rows have unit length and healthy
# variance, and sigma_ratio leaves zero in some models, although the features carry nothing at all.

# %%
random_rows = chapter.random_features(broken)
table(chapter.train_on(random_rows))

# %% [markdown]
# So a sigma_ratio above zero is no evidence that features carry signal. Here a frame that cannot be
# embedded is masked (`valid=False`), and a share of such frames above a stated bound stops the
# extraction.

# %% [markdown]
# ## The encoder of this book
#
# The embedded encoder is a small network in the manner of ArcFace, trained to tell simulated
# persons apart; none of them is in the cohort. How well it does so is measured here, on persons
# that it has never seen: pairs of frames, same person or not, told apart by their cosine.

# %% tags=["hide-input"]
card = chapter.encoder_card(encoder)
say(
    f"The file has {card.megabytes:.1f} MB (SHA-256 {card.sha256[:16]}…). On {card.n_identities} "
    f"held-out identities it tells same from different with an accuracy of {card.accuracy:.3f}."
)

# %% [markdown]
# It is an *identity* encoder, as the study's is: trained to ignore expression. That is part of the
# question, and {doc}`09_implications` returns to it.
#
# ## What we saw
#
# A detector that finds nothing is not an error to the code around it. Zeros then pass through
# training and give a plausible MAE. The cheapest check, *is any row zero?*, catches it in a second.
