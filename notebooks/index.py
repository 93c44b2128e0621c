# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/permuted/*.json
#     - results/default/true/*.json
#     - results/published/true*/*.json
#     - results/selection/null.json
#     - results/selection/surrogate.json
#     - results/timings/machine.json
#     - results/timings/chapters/index.json
#     uses:
#     - deplib.models.mean_mlp
#     - deplib.models.ldbm
#     - deplib.models.transformer
#     - deplib.models.mamba_gru
#     - deplib.models.mamba
#     - deplib.models.attention_mil
#     - deplib.models.hybrid
#     - deplib.rocket
#     - deplib.recipes.bags
#     - deplib.recipes.dropout
#     - deplib.recipes.pretrained
#     - deplib.recipes.smoothed
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
from deplib.chapters.paths_of_reading import paths

page = LandingPage()
page.badge()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("index")

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
# ## What is simulated
#
# - **Simulated**, with known truth: persons, their BDI-II scores, their behaviour, and the rendered
#   frames of their faces. The face encoder is a real network, trained on rendered faces.
# - **Real**: features, windows, models, training and statistics. The same code runs on AVEC2014 for
#   whoever holds a licence ({doc}`18_your_data`).
# - **Reported**: the study's own figures, quoted, and those of other papers, each with its source.
#
# What is found on the simulated cohort is no evidence about AVEC2014 or about patients. This is
# research on methods, not an instrument: nothing here diagnoses anyone.
#
# ## How to read this book

# %% tags=["hide-input"] mystnb={"markdown_format": "myst"}
paths()

# %% [markdown]
# See also the {doc}`glossary`, {doc}`citing` and {doc}`22_timings`.
