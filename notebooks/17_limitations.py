# ---
# jupyter:
#   deplib:
#     needs:
#     - results/timings/machine.json
#     - results/timings/chapters/17_limitations.json
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
# # Limitations
#
# **This is not a diagnosis, and no step towards one.** BDI-II is a questionnaire, a video shows a
# few minutes of behaviour, and a model that regresses one on the other is a research instrument.

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
from deplib.report import badge, say
from deplib.study import open_cohort

cohort = open_cohort()
badge(cohort)

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("17_limitations")

# %% [markdown]
# ## The cohort is simulated
#
# Faces are rendered, behaviour follows assumed correlations, and the encoder was trained on rendered
# faces. What is found here about *methods* (an estimate's spread, a leak, a selection effect) holds
# wherever its premises hold. What is found here about *effect sizes* holds nowhere else.
#
# ## Few recordings
#
# A correlation over the Test split must be large to be told from none, and it comes from fewer
# persons than recordings.

# %% tags=["hide-input"]
from deplib.claims import REPORTED
from deplib.statistics import critical_r, fisher_interval

n = int((cohort.recordings["split"] == "test").sum())
best = REPORTED["test_pcc"].max()
low, high = fisher_interval(best, n)
say(
    f"At n = {n} a correlation differs from zero at the 5 % level when it exceeds "
    f"{critical_r(n):.3f}. The highest Test PCC of the study, {best:.3f}, has a 95 % interval from "
    f"{low:.2f} to {high:.2f}, and this takes its recordings as independent, which they are not."
)

# %% [markdown]
# ## The label has an error of its own

# %% tags=["hide-input"]
from deplib.chapters.limitations import label_sentence

label_sentence()

# %% [markdown]
# {doc}`15_literature` has the formulas, the sources and what follows for published results.
#
# ## Seeds and persons
#
# Models are trained at several seeds, and the intervals keep those seeds: they are about persons.
# Seeds differ in initial weights and in the order of the batches. Protocol, split and features are
# the same in all runs, so what another split or another encoder would change is in neither spread.
# The comparison of fallbacks in {doc}`03_extraction` and the control with permuted labels in
# {doc}`09_results` have one seed. The worlds that have not been computed are named in
# {doc}`10_worlds`.
#
# A bootstrap of so few persons does not quite hold what its name promises. {doc}`11_power` measures
# how often the intervals of this book contain a known truth; those of the RMSE need the most caution.
#
# Training stops when Dev has not improved for a while. Dev therefore chooses when to stop as well
# as which epoch counts, on the same recordings, and Dev scores are optimistic for both.
# {doc}`12_choosing_on_dev` measures by how much, on cohorts that were drawn as features and not
# rendered.
#
# ## The architectures are reconstructions
#
# Parameter counts match what the study reports, and the descriptions are followed; the code behind
# the study is not public, so details can differ.
#
# ## What of the path to real data could not be tried
#
# The corpus, the weights of `w600k_r50` and those of the SCRFD and YuNet detectors are not free to be
# used here. The code for them was tested on a small simulated corpus in the same layout, on networks
# that were built to have the same inputs and outputs, and on the public figures in
# {doc}`03_extraction`. No accelerator was used either. The time that a real corpus takes is measured
# on the reader's own machine, by the dry run of `deplib extract`.
#
# ## Bias
#
# Face encoders do not work equally well for all groups of people. The simulated persons vary in
# skin tone and in the shape of the face, but not along any group's real distribution, so nothing can
# be said here about fairness.
