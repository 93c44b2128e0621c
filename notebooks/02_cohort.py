# ---
# jupyter:
#   deplib:
#     needs:
#     - results/timings/machine.json
#     - results/timings/chapters/02_cohort.json
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
# # The simulated cohort
#
# To know whether a method finds a signal, one needs data in which the signal is known. This chapter
# builds such a cohort: persons with an identity, a trait of expressivity and a severity; their
# sessions; the behaviour that follows from them; and the rendered frames of their faces. The
# directions and sizes of the effects are *assumptions*, taken from the literature on behaviour in
# depression {cite}`girard2014nonverbal,alghowinem2013head,kacem2018detecting,dibeklioglu2018dynamic`.

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
from deplib.chapters import cohort as chapter
from deplib.cohorts.simulated import CLIP_LENGTHS
from deplib.protocol import Protocol
from deplib.report import badge, say, table
from deplib.study import open_cohort

cohort, protocol = open_cohort(), Protocol()
badge(cohort)

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("02_cohort")

# %% [markdown]
# ## Faces
#
# {numref}`fig-faces` shows frames of some recordings as the encoder meets them: small squares,
# aligned by landmarks of the face. Identity, hair, light and background are drawn from random
# streams of their own, so that they cannot carry severity by construction.

# %% mystnb={"figure": {"caption": "Frames of some recordings of the simulated cohort, one recording a row, at equal steps through the clip. Everything is rendered; no person is shown.", "name": "fig-faces"}, "image": {"alt": "A grid of rendered faces with different identities, expressions, gaze and head poses."}}
rows = chapter.sample_frames(cohort, n_recordings=6, n_frames=7)
figures.stated(figures.contact_sheet(list(rows.values()), list(rows), [""] * 7), cohort)

# %% [markdown]
# ## Labels
#
# BDI-II scores follow a skewed distribution that was matched to the published statistics of the
# corpus; no score of a real person was used.

# %% tags=["hide-input"]
chapter.bands_sentence()

# %% mystnb={"figure": {"caption": "Share of recordings in each severity band, by split, beside the published shares of the AVEC2014 test split.", "name": "fig-bands"}, "image": {"alt": "Grouped bars: the minimal band is the largest in every split."}}
shares = chapter.band_shares(cohort.recordings)
figures.stated(figures.labels_by_band(shares), cohort, figures.PUBLISHED)

# %%
table(chapter.label_summary(cohort.recordings), digits=1)

# %% [markdown]
# ## Persons return
#
# The official split of AVEC2014 is by recording, not by person. The cohort has the same property,
# because it matters: whoever recognises a person can guess the score.

# %% tags=["hide-input"]
overlap = chapter.person_overlap(cohort.recordings)
say(
    f"{overlap.n_persons} persons appear in {overlap.n_recordings} recordings. "
    f"{overlap.test_recordings_seen} of the {overlap.test_recordings} Test recordings come from "
    "persons who also appear in Train or Dev."
)

# %% [markdown]
# ## Length of the clips
#
# Most clips are shorter than the protocol's sequence, so most sequences end in padding
# ({numref}`fig-lengths`). The published quantiles of AVEC2014 are drawn beside the cohort's own.

# %% mystnb={"figure": {"caption": "Cumulative distribution of clip lengths. Dots: published quantiles of AVEC2014. Dashed: the length at which the protocol cuts.", "name": "fig-lengths"}, "image": {"alt": "A step curve that passes near the published quantiles."}}
lengths = cohort.recordings["n_frames"].to_numpy()
shown = figures.clip_lengths(lengths, dict(CLIP_LENGTHS), protocol.sequence_length)
figures.stated(shown, cohort, figures.PUBLISHED)

# %% [markdown]
# ## Behaviour
#
# Severity and the trait of expressivity act on slow latents such as smile intensity, head velocity
# and gaze; these set the rates and sizes of events and processes, frame by frame.
# {numref}`fig-tracks` shows the same stretch of time in the mildest and in the most severe
# recording.

# %% mystnb={"figure": {"caption": "The first seconds of behaviour in the recording with the lowest and the one with the highest score.", "name": "fig-tracks"}, "image": {"alt": "Columns of curves, one a recording, a channel in each row: smiles and blinks are short peaks, the gaze moves in steps, the speed of the head is never still."}}
tracks, seconds = chapter.example_tracks(cohort, seconds=30)
figures.stated(figures.trajectories(tracks, seconds), cohort)

# %% [markdown]
# The next table holds the assumptions against what the generator does: the correlation of each
# latent with BDI-II as set, and as found in a large population drawn from the same generator.

# %%
table(chapter.latent_correlations(cohort))

# %% [markdown]
# ## What can be known at best
#
# The *oracle* sees the true latents of a recording and the whole generative model, and predicts the
# score that minimises the expected absolute error. No model that learns from behaviour alone can do
# better in expectation; one that recognises a *person* may, since persons return. In the world
# `null` severity acts on nothing, and the oracle can only guess the centre; in `published` it acts
# as strongly as the best published results would require.

# %%
table(chapter.compare_worlds())

# %% [markdown]
# ## What we saw
#
# The cohort has the corpus's size, splits, recurring persons, label distribution and clip lengths,
# and a truth that we can compare with. What it cannot have is the corpus's real behaviour: a method
# that works or fails here has been tested on assumptions.
