# ---
# jupyter:
#   deplib:
#     needs:
#     - deplib/extraction/embedded/reference.safetensors
#     - results/timings/machine.json
#     - results/timings/chapters/19_verification.json
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
# # What the verifier finds
#
# A check that has never met a fault is a hope. This chapter extracts a small store, damages a copy
# of it in every way that is listed below, and looks whether `deplib verify` finds that fault and
# nothing else. Then it shows what no statistic of the features can find, and what nothing finds.

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
from pathlib import Path
from tempfile import TemporaryDirectory

from deplib.chapters import verification as chapter
from deplib.report import badge, say, table

scratch = TemporaryDirectory()
folder = Path(scratch.name)
sound = chapter.sound_extraction(folder / "sound")
badge(sound.cohort)

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("19_verification")

# %% tags=["hide-input"]
report = chapter.examine(sound)
say(
    f"The sound store: {report.n_recordings} recordings, {report.n_frames} frames. All "
    f"{len(report.checked)} checks were made, with {len(report.findings)} findings."
)

# %% [markdown]
# ## The checks
#
# A *fault* means that the features must not be used: the command ends with an exit status that is
# not zero. A *warning* asks for a look. Some checks need more than the store: the cohort's table,
# its frames, the encoder, or a reference embedding. What was not given is listed in the report as
# not checked, so that silence cannot pass for soundness. Where a cheap check finds a fault in a
# recording's rows, the dearer ones do not look at that recording again.

# %%
table(chapter.checks_table())

# %% [markdown]
# The bounds are this report's choices. A recording may lose many of its frames, for they are
# masked; above the lower bound it is worth a look, and above that bound over the whole store it is
# extraction that fails.
#
# ## Every fault, planted
#
# Each row is one damage to one copy of the store. *Imitates* says how it comes about in practice.

# %%
planted = chapter.planted_faults(sound, folder)
table(planted.drop(columns="exactly"))

# %% tags=["hide-input"]
say(
    f"{planted['exactly'].sum()} of {len(planted)} faults were found by the checks that must find "
    "them and by no other."
)

# %% [markdown]
# Two of them deserve a word. *Random vectors*, the study's fallback, have unit length and healthy
# variance; what gives them away is that consecutive frames are unrelated. *Shuffled in time* leaves
# every row sound; only embedding a few frames again shows that a row is not that of its frame.
#
# ## Where only the reference speaks
#
# With wrong preprocessing every row is still a unit vector that follows the face over time. The
# checks of rows stay silent, and those of persons speak only when faces are hardly seen any more.

# %%
table(chapter.silence(sound, folder))

# %% tags=["hide-input"]
w600k = chapter.W600K_R50
say(
    f"In the small encoder of this book a wrong preprocessing is a gross error. In a large one it is "
    f"nearly silent: the last column was measured with w600k_r50 on public photographs, where BGR "
    f"keeps a cosine of {w600k['BGR']} to the right embedding. The bound of the check is "
    f"{report.bounds.reference_cosine}."
)

# %% [markdown]
# A reference is one frame and the embedding that *other code* gave it. That of the embedded encoder
# is a rendered face outside the cohort, embedded by the reference implementation of ONNX. For
# `w600k_r50` one makes it with `insightface` itself; `deplib.extraction.verification.reference` says how.
#
# ## What is known of the real corpus
#
# The STC project reports these face problems of AVEC2014 {cite}`stc2026`. They were not measured
# here; the last column names the check made for each. Its criterion for exposure is not known to
# us, so our count may differ. The empty chair is found if the detector finds no face in it; frames
# that were saved as if they showed one need the check of identity.

# %%
table(chapter.CORPUS)

# %% [markdown]
# ## What the verifier cannot find
#
# Where the recordings are wrong before they reach the reader, frames, encoder and store agree with
# each other and are wrong together. Three damages of this kind, made to the frames of the cohort:

# %%
table(chapter.unfound(sound, folder))

# %% [markdown]
# Nor can it find a wrong BDI-II score, since no check looks at labels; a wrong person's name where
# the table and the faces are wrong alike; a few wrong rows between the frames that are looked at
# again; an encoder that is sound and yet blind to expression. `deplib check` looks at the corpus
# itself, and a person should look at some aligned faces of every recording.
#
# ## What we saw
#
# Each planted fault was found by the check that is meant for it. Statistics of features find broken
# rows, the table finds missing and exchanged recordings, looking again at the frames finds rows of
# other frames, and one reference embedding finds what all of these miss. A report without findings
# says that these faults are absent, and no more.

# %%
scratch.cleanup()
