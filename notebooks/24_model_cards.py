# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/permuted/*.json
#     - results/default/true/*.json
#     - results/timings/machine.json
#     - results/timings/chapters/24_model_cards.json
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
# # Model cards
#
# Cards in the manner of {cite}`mitchell2019model`: first the study's four temporal models as they were
# trained here, then the encoders that are shipped with the library. Scores come from the versioned
# results, sizes and hashes from the files.

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
from deplib.chapters.cards import CardsPage
from deplib.report import table

page = CardsPage()
page.badge()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("24_model_cards")

# %% [markdown]
# ## The four temporal models

# %%
table(page.models())

# %% [markdown]
# **Intended use.** To compare ways of combining frames under one {term}`protocol`, and to teach how such a
# comparison goes wrong. **Out of scope.** Any statement about a person; any recording that was not
# rendered here; {doc}`21_ethics` names what must not be done. **Who made them.** The authors of this
# report, after the study's description; the study's own code is not public, so details can differ.
#
# **Training data.**

# %% tags=["hide-input"]
page.training_data()

# %% [markdown]
# **Metrics.** On Test, mean over seeds with the SD between them, and an interval over persons, which is
# wide since they are few. The {term}`constant` stands beside them.

# %%
table(page.scores())

# %% tags=["hide-input"]
page.verdict()

# %% [markdown]
# **By group.** Scores by {term}`severity band` are in {doc}`09_results`. There are no other groups: the
# simulated persons have none ({doc}`23_cohort_card`). **Limits.** {doc}`17_limitations`. **Weights.** Those
# of the first seed are computed by `make book` on the reader's machine and are not shipped; `deplib export`
# writes one with its encoder and a card of its own.
#
# ## The embedded encoders

# %% tags=["hide-input"]
page.form()

# %%
table(page.encoder_table())

# %% tags=["hide-input"]
page.read_by_affect()

# %% [markdown]
# **Intended use.** To run the whole path from frames to scores without a licensed network, and to ask what
# another kind of feature would change ({doc}`16_implications`). **Out of scope.** Recognising, verifying or
# reading real faces: they have never seen one. **Training data.** Rendered persons from random streams of
# their own; no person of the {term}`cohort` is among them. **Limits.** What is easy to read from a drawing
# may be hard to read from a face; the {term}`identity encoder` tells rendered persons apart, which real
# ones are not, and the {term}`affect encoder` was taught numbers that nobody has for real faces. **Bias between groups.** Unknown, and not measurable here.
#
# The files, by the hash of their bytes. Whoever opens one through `deplib` has it checked against its card.

# %%
table(page.hashes())
