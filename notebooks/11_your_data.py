# ---
# jupyter:
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
# is part of this project, and neither may be added to it. This chapter goes through the steps on a
# small corpus in the same layout, written by the simulator.

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

from deplib.cohorts.avec2014 import Avec2014Cohort
from deplib.cohorts.simulated import SimulatedCohort
from deplib.cohorts.simulated.writer import write_avec_layout
from deplib.report import badge, say, table

source = SimulatedCohort(n_recordings=6)
badge(source)

# %% [markdown]
# ## 1. The folder
#
# Aligned frames lie in one folder a clip, labels in one file a recording, with one number and no
# header. The reader also knows the common re-packings of the corpus. It reads no video: frames must
# have been cropped and aligned before, as OpenFace does.

# %% tags=["hide-input"]
scratch = TemporaryDirectory()
root = Path(scratch.name) / "corpus"
write_avec_layout(source, root, recordings=source.recordings["recording"], max_frames=24)
folder, label = (min(root.rglob(name)) for name in ("*_aligned", "*_Depression.csv"))
say(f"A clip's frames: `{folder.relative_to(root)}`. A label: `{label.relative_to(root)}`.")

# %% [markdown]
# ## 2. Check before anything runs

# %%
cohort = Avec2014Cohort(root)
table(cohort.recordings.drop(columns=["bdi"]))

# %% tags=["hide-input"]
problems = cohort.check()
say(f"The check found {len(problems)} problems in this corpus.")

# %% [markdown]
# A missing label is reported, by name, and the recording is left out.

# %%
min(root.rglob("*_Depression.csv")).unlink()
table(Avec2014Cohort(root).check()[["recording", "problem", "remedy", "excluded"]])

# %% [markdown]
# ## 3. The encoder
#
# Any ONNX model with the ArcFace contract will do: input `N x 3 x 112 x 112`, output `N x D`.
# State its preprocessing. Rows have unit length whatever it is. The small encoder of this book is so
# sensitive to colour and contrast that a wrong one shows in the variance too; in a large encoder it
# is nearly silent (last column), and only a comparison with a reference embedding finds it.

# %%
from deplib.chapters.your_data import preprocessing_faults

table(preprocessing_faults(source), digits=3)

# %% [markdown]
# ## 4. Extract, verify, train
#
# ```bash
# deplib check /path/to/AVEC2014
# deplib extract --cohort avec2014 --root /path/to/AVEC2014 --encoder w600k_r50.onnx
# deplib train --cohort avec2014 --root /path/to/AVEC2014 --encoder w600k_r50.onnx
# ```
#
# `check` lists what is wrong before anything runs. `extract` takes hours on the whole corpus and may
# be interrupted at any time: the same command goes on where it stopped, and says where the features
# are and how to verify them. `train` refuses features that do not pass, trains the four models and
# prints their Test scores with intervals over persons. Here is what `extract` does on the small
# corpus.

# %% tags=["hide-input"]
from deplib.chapters.your_data import extract_small

report = extract_small(cohort, Path(scratch.name) / "features")
say(report)

# %%
scratch.cleanup()
