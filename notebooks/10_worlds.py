# ---
# jupyter:
#   deplib:
#     needs:
#     - results/*/true/*.json
#     - results/timings/machine.json
#     - results/timings/chapters/10_worlds.json
#     uses:
#     - deplib.models.mean_mlp
#     - deplib.models.ldbm
#     - deplib.models.transformer
#     - deplib.models.mamba_gru
#     - deplib.models.mamba
#     - deplib.models.attention_mil
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
# # Worlds: the same grid with more and with less to learn
#
# In which world would an architecture matter? The simulated cohort exists in several, which differ
# in one number: how strongly behaviour follows severity. Persons, scores, faces and protocol are the
# same in all of them.

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
from deplib.chapters.worlds import WorldsPage
from deplib.report import table

page = WorldsPage()
page.badge()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("10_worlds")

# %% tags=["hide-input"]
page.coverage()

# %% [markdown]
# ## What there is to learn
#
# The constant needs no face and the oracle knows the true behaviour. What lies between them is all
# that a model can gain from a video. Intervals are over persons.

# %%
table(page.ceilings())

# %% [markdown]
# ## What the architectures make of it
#
# Every variant at all its seeds, scored as in {doc}`09_results`: *mean over seeds ± SD between seeds
# (95 % interval over persons)*; differences are paired on the same persons. The p-values are of sign
# flips over persons, corrected by Holm's method for the variants of a world that are compared with
# the same reference.

# %%
table(page.comparison())

# %% mystnb={"figure": {"caption": "Test MAE in each world that has been computed. Large dot: mean over seeds; bar: its 95 % interval over persons; small dots: the single seeds. Dashed: the constant.", "name": "fig-worlds"}, "image": {"alt": "One panel a world with dots and bars for the variants, two baselines and the oracle."}}
page.figure()

# %% [markdown]
# The baselines: attention over windows as in multiple-instance learning, ridge on the mean (and SD)
# of the features, and ridge on many random temporal features (MiniRocket), which no gradient
# has fitted to a label.

# %%
table(page.baselines())

# %% tags=["hide-input"]
page.strongest()

# %% [markdown]
# ## In which world does an architecture beat the mean over frames?

# %% tags=["hide-input"]
page.verdict()

# %% tags=["hide-input"]
page.correction()
