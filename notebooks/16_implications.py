# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/true/*.json
#     uses:
#     - deplib.models.mean_mlp
#     - deplib.models.ldbm
#     - deplib.models.transformer
#     - deplib.models.mamba_gru
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
# # Implications: what follows, and what does not
#
# The study draws three lessons from its table: that the *features* are the bottleneck, that the
# *weak label* is, and that *simple temporal models suffice*. This chapter asks of each what the
# simulated cohort can say about it, where the features, the labels and the truth are all at hand.

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
from deplib.chapters.implications import ImplicationsPage
from deplib.report import table

page = ImplicationsPage()
page.badge()

# %% [markdown]
# ## Where does the information get lost?
#
# A ladder from nothing to everything. Each rung is fitted on Train with ridge regression (Dev
# chooses its penalty) and scored on Test: the mean of the
# embeddings, mean and standard deviation of the embeddings, the same two summaries of the *true
# behaviour* that the frames show, and the true latents. The oracle needs no fitting.

# %%
table(page.ladder(), digits=2)

# %% tags=["hide-input"]
page.ladder_verdict()

# %% [markdown]
# The step from embeddings to true behaviour is what a better encoder could gain, the step from
# summaries of behaviour to latents is what a better model of time could gain, and the step from the
# oracle to a perfect score is out of reach of behaviour: it is the error of the questionnaire and the
# part of severity that does not show.
#
# ## Identity as a shortcut
#
# Persons return in several recordings, and an encoder trained on identity recognises them. How well
# does one do by looking up the same person's other score?

# %% tags=["hide-input"]
page.identity_verdict()

# %% [markdown]
# ## The targets
#
# The study closes with targets. Beside each stands what needs no model at all, and the best of the
# four models here, each a mean over seeds; the best of four on Test flatters itself. The target of 100 ms a
# frame is left to `make bench`, since a time is no figure to print in a book.

# %%
table(page.targets(), digits=2)

# %% tags=["hide-input"]
page.targets_verdict()

# %% [markdown]
# ## What we saw
#
# Advice such as affect-specific encoders, smoothing of labels or pretraining is plausible, and it is
# untested in the study. Each can be tested here under the same protocol, with intervals over persons;
# until then it stays advice.
