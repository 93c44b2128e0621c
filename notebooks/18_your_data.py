# ---
# jupyter:
#   deplib:
#     needs:
#     - results/timings/machine.json
#     - results/timings/chapters/18_your_data.json
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
# # Running it on AVEC2014
#
# You need a licence for AVEC2014 from its owners, and the weights of a face encoder as ONNX. Neither
# is part of this project, and neither may be added to it. Then two commands lead from the corpus's
# folder to a table of scores:
#
# ```bash
# deplib extract --root AVEC2014 --encoder w600k_r50.onnx
# deplib train --root AVEC2014 --encoder w600k_r50.onnx
# ```
#
# This chapter goes through what they do, on a small corpus in the same layout that the simulator
# writes. `deplib corpus small` writes one for you, to try the commands on.

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

from deplib.chapters import your_data as chapter
from deplib.cohorts.avec2014 import Avec2014Cohort
from deplib.cohorts.simulated import SimulatedCohort
from deplib.cohorts.simulated import write_avec_layout
from deplib.report import badge, say, table
from deplib.study import LIMITS

source = SimulatedCohort(n_recordings=6)
badge(source)

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("18_your_data")

# %% [markdown]
# ## 1. The folder
#
# Aligned frames lie in one folder a clip, or the clip is a video; labels lie in one file a
# recording, with one number and no header, which both tasks share. The reader also knows the common
# re-packings of the corpus.

# %% tags=["hide-input"]
scratch = TemporaryDirectory()
root = Path(scratch.name) / "corpus"
write_avec_layout(source, root, recordings=source.recordings["recording"], max_frames=24)
folder, label = (min(root.rglob(name)) for name in ("*_aligned", "*_Depression.csv"))
say(f"A clip's frames: `{folder.relative_to(root)}`. A label: `{label.relative_to(root)}`.")

# %% [markdown]
# ## 2. Check before anything runs
#
# `deplib check AVEC2014` lists what is missing, without a label, there twice, unreadable or empty,
# and what each costs; with `--full` it decodes every frame.

# %%
cohort = Avec2014Cohort(root)
table(cohort.recordings.drop(columns=["bdi"]))

# %% tags=["hide-input"]
say(f"The check found {len(cohort.check(full=True))} problems in this corpus.")

# %% [markdown]
# Now a label is removed and a frame is cut short. The first costs its recording, the second itself.

# %%
chapter.spoil(root)
table(chapter.problems(root))

# %% [markdown]
# ## 3. Videos
#
# Where a clip exists only as a video, its frames are decoded and each face is aligned to the
# landmarks that encoders of the ArcFace family expect. `--detector` names what finds the faces: the
# ONNX file of an SCRFD or YuNet detector, or `haar`, which comes with OpenCV, has no landmarks and
# is the least exact. Frames without a face keep their place and are masked.

# %% tags=["hide-input"]
say(chapter.align_videos(source, Path(scratch.name) / "videos"))

# %% [markdown]
# ## 4. The encoder
#
# Any ONNX model with the ArcFace contract will do: input `N x 3 x 112 x 112`, output `N x D`. These
# are known by name; `deplib fetch NAME` shows the licence, and downloads once you accept it.

# %%
table(chapter.known_weights())

# %% [markdown]
# If a network normalises its input itself, `deplib` sees that in its graph and does not do so again.
# Anything else you state with `--preprocess`. A wrong convention leaves rows of unit length and, in a
# large encoder, is nearly silent: only a comparison with a reference embedding finds it.
# `--reference` compares before anything runs; {doc}`19_verification` shows why, and how to make one.

# %% [markdown]
# ## 5. Extract and verify
#
# `extract` embeds a few frames first and says how long all of them will take (`--dry-run` stops
# there). It may be interrupted at any time, even by a crash: the same command goes on where it
# stopped, and does only those recordings again whose files you have mended since. A frame that
# cannot be used is masked, a recording that lacks too many is left out, and both are listed. At the
# end it verifies what it wrote. `extract.jsonl` and `report.json` beside the features hold the same
# for machines.

# %% tags=["hide-input"]
say(
    f"Unless told otherwise it leaves out a recording that lacks more than {100 * LIMITS.recording:.0f} % of its "
    f"frames, and stops when more than {100 * LIMITS.overall:.0f} % of all frames are lost."
)

# %% tags=["hide-input"]
say(chapter.extract_small(Avec2014Cohort(root), Path(scratch.name) / "features"))

# %% [markdown]
# ## 6. Train
#
# `train` refuses features that do not pass, trains the four models under the protocol and prints
# their Test scores with intervals over persons. Give it the options that `extract` was given.

# %%
scratch.cleanup()
