# ---
# jupyter:
#   deplib:
#     needs:
#     - results/timings/*.json
#     - results/timings/chapters/*.json
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
# # Times and versions
#
# Every chapter can be run alone: in an empty folder, on a machine that has nothing but Python and
# torch, as on Colab. Its first cell, which this book does not show, installs `deplib`. That was
# rehearsed for all of them, and this page says what it cost.

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
from deplib.chapters.timings import TimingsPage
from deplib.report import table

page = TimingsPage()
page.badge()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("22_timings")

# %% tags=["hide-input"]
page.machine()

# %% [markdown]
# ## Chapter by chapter
#
# Chapters that compute with the cohort have a parameter, `size`, in a cell near their top. Set it to
# `"small"` on a free machine: what the chapter computes is then computed on a small cohort, whose
# scores say nothing. A chapter without it reads results and is as quick as it can be.

# %%
table(page.table())

# %% tags=["hide-input"]
page.note()

# %% tags=["hide-input"]
page.small()

# %% [markdown]
# ## The whole book
#
# `make book` makes features, trains, executes two chapters at a time and builds the pages, with the
# packages installed. `python bench/whole_book.py --record` takes these two times anew.

# %%
table(page.budget())

# %% [markdown]
# ## Versions
#
# What `pip` chose on that day, for `deplib` and the packages that it asks for. The pages of this book
# were executed with the versions of `requirements.lock`, and the two may differ.

# %%
table(page.versions())

# %% [markdown]
# `deplib rehearse --chapter NAME` repeats the rehearsal of one chapter on your machine, and
# `make colab` that of all, with the times.
