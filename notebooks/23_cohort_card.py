# ---
# jupyter:
#   deplib:
#     needs:
#     - results/timings/machine.json
#     - results/timings/chapters/23_cohort_card.json
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
# # Cohort card and data statement
#
# Who is in the data, what varies and what does not, in the manner of datasheets
# {cite}`gebru2021datasheets` and data statements {cite}`bender2018data`. First the {term}`simulated
# cohort`, on which everything here was computed; then what is known of AVEC2014, which is not here.

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

# %% tags=["hide-input"]
from deplib.chapters import cohort_card
from deplib.report import badge, table
from deplib.study import open_cohort

cohort = open_cohort()
badge(cohort)

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("23_cohort_card")

# %% [markdown]
# ## Why it was made
#
# To test methods where the truth is known, in the shape of a corpus that may not be shared: its size, its
# splits, its recurring persons, its distribution of scores and its clip lengths. It was made by this
# project, from code alone; nobody was filmed, asked or paid, and no score of a real person was used.
#
# ## Who is in it

# %%
table(cohort_card.composition(cohort))

# %% tags=["hide-input"]
cohort_card.sessions_sentence(cohort)

# %% [markdown]
# ## What varies
#
# The renderer's parameters, each drawn by person, by session or by frame. Appearance and scene come from
# random streams of their own and cannot carry severity.

# %%
table(cohort_card.varied())

# %% tags=["hide-input"]
cohort_card.skin_sentence(cohort)

# %% [markdown]
# Hair may be long; only short hair goes with a beard. Darker skin goes with darker hair and eyes more
# often than not. That is all that could be taken for a group.
#
# ## What follows severity

# %% tags=["hide-input"]
cohort_card.behaviour_sentence(cohort)

# %% [markdown]
# Directions and sizes are assumptions from the literature; {doc}`02_cohort` lists each with what the
# generator does, and {doc}`10_worlds` repeats everything in worlds with no link and with a strong one.

# %% tags=["hide-input"]
cohort_card.chance_sentence(cohort)

# %% [markdown]
# ## What is not in it
#
# Age, sex, origin, language, culture, illness, medication; hands, body, voice, words; glasses, headwear,
# make-up, scars; other people in the picture; compression; a person who does not want to be filmed. No
# second task, no interview and no clinician's rating. Whoever needs any of these cannot find it here.
#
# ## Labels, splits, quality
#
# A label is BDI-II with the noise that its published reliability implies. The {term}`split` is by
# recording, as the corpus's is, and persons return across it; {doc}`13_persons` has the
# {term}`person-disjoint split` too. Frames are perfect but for sensor noise and a jitter of the alignment;
# faults are planted on demand ({doc}`19_verification`).
#
# ## Uses, and uses to refuse
#
# Made for comparing methods, for testing pipelines, for teaching. It is no evidence about patients, and a
# model that was trained on it must not be used on anyone ({doc}`21_ethics`).
#
# ## Distribution and maintenance
#
# The code that draws it is under the MIT licence and gives the same cohort everywhere; its rendered faces
# may be shared under CC BY 4.0 ({doc}`licences`). A change of the cohort changes its fingerprint, makes
# every result stale, and stands in the {doc}`changelog`.
#
# ## AVEC2014, as published
#
# The corpus is licensed clinical data {cite}`valstar2014avec`. Its owners grant access on request, for
# research; the persons consented to that, not to redistribution. No recording, label or feature of it is
# here. What follows are published statistics, with how they were read; the last two rows come from public
# repositories {cite}`stc2026,umayrah2026`.

# %%
table(cohort_card.published())

# %% [markdown]
# Not found in what we could read: ages, sexes, origins and diagnoses by split, and how many of the persons
# were in treatment. A licensee should look before training anything.
