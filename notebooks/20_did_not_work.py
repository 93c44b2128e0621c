# ---
# jupyter:
#   deplib:
#     needs:
#     - results/cost.json
#     - results/deployment.json
#     - results/default/permuted/*.json
#     - results/*/true*/*.json
#     - results/timings/machine.json
#     - results/timings/chapters/20_did_not_work.json
#     uses:
#     - deplib.deploy.predict
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
# # What did not work
#
# A report that lists what succeeded alone misleads whoever wants to build on it. Here stands what was
# tried in vain: architectures that do not beat a mean, options that do not lower the error, targets that
# were missed, and engineering that did not pay. Every row is taken from the same results as the chapter
# that it comes from.

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
from deplib.chapters.did_not_work import DidNotWorkPage
from deplib.report import table

page = DidNotWorkPage()
page.badge()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("20_did_not_work")

# %% [markdown]
# ## Architectures
#
# Shown in {doc}`09_results` and {doc}`10_worlds`. *That have it* counts after correction for the
# variants of a world; beside it stands the variant with the lowest mean, which was picked as the lowest.

# %%
table(page.architectures())

# %% [markdown]
# ## Options
#
# Shown in {doc}`16_implications`. Every option of the study's advice that is not shown to lower the
# error, the worst effect first. *No effect beyond a margin* is a result; *undecided* is none.

# %%
table(page.options())

# %% tags=["hide-input"]
page.options_sentence()

# %% [markdown]
# ## Targets
#
# Shown in {doc}`16_implications`. Of the study's targets, those that the recommended design misses or
# cannot be told to meet, beside what a {term}`constant` and the {term}`oracle` reach.

# %%
table(page.targets())

# %% tags=["hide-input"]
page.times()

# %% [markdown]
# ## Statements of the study
#
# Shown in {doc}`14_claims`, where each row of the {term}`ledger` names the function that checks it.

# %% tags=["hide-input"]
page.statements_sentence()

# %%
table(page.statements())

# %% [markdown]
# ## Engineering
#
# **Orders of growth.** Shown in {doc}`08_cost`. The orders that the study states, where the measured
# exponent of time excludes what they would show at these lengths.

# %%
table(page.orders())

# %% [markdown]
# **Larger batches.** Shown in {doc}`08_cost`. A whole batch on a processor, where it is not shown to cost
# less a window than a few windows do.

# %%
table(page.batches())

# %% [markdown]
# **8 bits.** Shown in {doc}`16_implications`. Networks that became smaller and not faster.

# %%
table(page.eight_bits())

# %% tags=["hide-input"]
page.eight_bits_sentence()

# %% [markdown]
# ## What follows
#
# Most of this is absence of evidence from few recordings, and {doc}`11_power` says how little that is.
# What is equivalent within a margin is known to be so on the {term}`simulated cohort` alone.
