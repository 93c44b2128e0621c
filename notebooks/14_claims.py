# ---
# jupyter:
#   deplib:
#     needs:
#     - results/cost.json
#     - results/default/permuted/*.json
#     - results/default/true/*.json
#     - results/default/true-lost50-*/*.json
#     - results/timings/machine.json
#     - results/timings/chapters/14_claims.json
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
# # The claims ledger: every number of the study, judged
#
# The study states figures, compares models, and draws conclusions. Each statement that carries a
# number or a comparison has a row here: in our words, with its line in the study's text, the
# function that checks it, what that found, and a verdict.
#
# - **confirmed** or **contradicted**: what is reported, what others published, or this code decides.
# - **undecidable**: it does not follow from what is reported, and its contrary does not either.
# - **not testable without the licensed data**: a measurement that only the recordings can repeat.
#
# Nobody typed a verdict. A check returns whether the statement holds, or that it cannot tell; give
# it another table and the verdict changes. That a figure is *confirmed* means that it follows from
# the others, not that it is true of patients.

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
from deplib.chapters.claims import ClaimsPage, printable
from deplib.report import badge_of_published, table

page = ClaimsPage()
badge_of_published()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("14_claims")

# %% tags=["hide-input"]
page.summary()

# %% [markdown]
# ## What matters most

# %% tags=["hide-input"]
page.findings()

# %% [markdown]
# ## How many of each

# %%
table(page.counts())

# %% [markdown]
# Settings that the study states, such as its learning rate and the length of its windows, are no
# claims; {doc}`01_protocol` prints them. *Rests on* names what a check needs besides the study's own
# figures. *Published statistics* are of AVEC2014's labels and clips, of BDI-II, and of the face
# encoder, each with its source in `deplib/claims/published.py`. *This code* means models built here
# to the study's description.
#
# ## The correlations

# %% mystnb={"figure": {"caption": "PCC on AVEC2014 as the study reports it, with 95 % intervals by Fisher's z for independent recordings; those of one person are not independent, so the true intervals are wider. Dashed: the smallest r that differs from zero at the 5 % level. Dev may have chosen the epoch, so its intervals mean less than they seem to.", "name": "fig-claims-pcc"}, "image": {"alt": "Dots with bars. The four of Dev lie right of the dashed line with bars that stay above zero; the four of Test lie left of it, and their bars include zero."}}
page.correlation_figure()

# %% tags=["hide-input"]
table(printable(page.correlations()))

# %% [markdown]
# ## The errors
#
# The study gives no interval for an error, but its table bounds one. For labels of SD *S*,
# predictions of SD *sS*, correlation *r* and mean error *b*,
#
# $$\mathrm{RMSE}^2 = S^2 (1 + s^2 - 2 s r) + b^2 .$$
#
# The SD of the Test labels is published, *r* and *s* are in the table, and
# $\mathrm{RMSE}^2 - \mathrm{MAE}^2$ is the variance of the absolute errors. A bias *b* only adds to
# it. This reads sigma_ratio as that of the Test recordings, which the study does not say; the last
# column of the table holds whatever *s* is.

# %% mystnb={"figure": {"caption": "Test MAE on AVEC2014 as the study reports it, with the least 95 % interval that its own PCC and sigma_ratio allow for independent recordings. Dashed: the MAE of the best constant on the same recordings, which is exact and has no interval.", "name": "fig-claims-mae"}, "image": {"alt": "Four dots with wide bars, all to the right of a dashed line that every bar crosses."}}
page.error_figure()

# %% tags=["hide-input"]
table(printable(page.errors()))

# %% [markdown]
# An interval that crosses the dashed line does not make a model as good as the constant: on these
# recordings it was worse. It says how far other recordings might have moved its error.
#
# ## The rows
#
# ### Clips, persons and protocol

# %%
table(page.topic("Clips, persons and protocol"))

# %% [markdown]
# ### The models

# %%
table(page.topic("The models"))

# %% [markdown]
# ### Figures of the results table
#
# No figure can be repeated without the recordings. What can be asked is what it amounts to, and
# whether predictions with these figures exist at all.

# %%
table(page.topic("Figures of the results table"))

# %% [markdown]
# ### Means, ranges and gaps

# %%
table(page.topic("Means, ranges and gaps"))

# %% [markdown]
# ### What follows from the errors

# %%
table(page.topic("What follows from the errors"))

# %% [markdown]
# ### What follows from correlations and spread

# %%
table(page.topic("What follows from correlations and spread"))

# %% [markdown]
# ### The extraction that failed

# %%
table(page.topic("The extraction that failed"))

# %% [markdown]
# ### Labels and targets

# %%
table(page.topic("Labels and targets"))

# %% [markdown]
# ### On the simulated cohort
#
# What the study says about architectures, asked of the cohort of {doc}`09_results`. As statements
# about AVEC2014 all of these stay *not testable without the licensed data*.

# %%
table(page.topic("On the simulated cohort"))

# %% [markdown]
# ## What arithmetic cannot decide

# %%
table(page.open_statements())

# %% [markdown]
# One file would decide most of these: the predictions of each model for each recording. With it,
# paired differences have intervals over persons, two correlations can be compared as dependent ones,
# and sigma_ratio is of something known. Scores on Train and the chosen epochs would tell overfitting
# from choosing on Dev; several seeds would tell a model from its luck. {doc}`18_your_data` does all
# of that for whoever holds the corpus.
