# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/permuted/*.json
#     - results/*/true*/*.json
#     - results/selection/*.json
#     uses:
#     - deplib.models.mean_mlp
#     - deplib.models.ldbm
#     - deplib.models.transformer
#     - deplib.models.mamba_gru
#     - deplib.models.mamba
#     - deplib.models.attention_mil
#     - deplib.models.hybrid
#     - deplib.rocket
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
# # Does temporal architecture matter?
#
# *When depression severity (BDI-II) is regressed from facial video, does it matter how frames are
# combined over time?* A study compared four temporal models on identical, frozen face embeddings of
# AVEC2014: a mean over frames, attention over patches, attention over all frames, and a recurrent
# network. This book re-runs that comparison in the open, checks the study's own figures, and asks
# what so small a test split can show.

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
from deplib.chapters.landing import LandingPage

page = LandingPage()
page.badge()

# %% [markdown]
# ## The answer at a glance

# %% tags=["hide-input"]
page.findings()

# %% [markdown]
# {numref}`fig-glance` shows the models of this book: the mean over seeds with its 95 % interval over
# persons, and the single seeds below it. The dashed line is what one gets without any model: the
# median of the Train labels for every recording.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Test MAE on the simulated cohort. Large dot: mean over seeds; bar: its 95 % interval over persons; small dots: the single seeds. Dashed: a constant, the Train median. The oracle knows the true behaviour of each recording.", "name": "fig-glance"}, "image": {"alt": "Dots with wide bars for all models near a dashed line; the oracle lies left of them."}}
page.figure()

# %% [markdown]
# ## And the study's advice?
#
# What it recommends for the next architecture is tested in {doc}`16_implications`, each piece under the
# same protocol.

# %% tags=["hide-input"]
page.advice()

# %% [markdown]
# ## How to read this book
#
# - **5 minutes**: this page, then the first table of {doc}`14_claims`: what the study states, judged.
# - **20 minutes**: {doc}`09_results`, {doc}`11_power` and {doc}`12_choosing_on_dev`: what was found,
#   what fifty recordings can show, and what choosing makes of nothing; then the first table of
#   {doc}`16_implications`: the study's advice, tested.
# - **an hour or two**: all chapters in order. Each one computes what it shows and can be run alone.
#
# The data behind every page is named at its top. To run the same chapters on AVEC2014, see
# {doc}`18_your_data`. This is research on methods, not an instrument: nothing here diagnoses anyone.
