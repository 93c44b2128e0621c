# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/true/LDBM-seed*.json
#     - results/default/true/MambaGRU-seed*.json
#     - results/default/true/TemporalMeanMLP-seed*.json
#     - results/default/true/VanillaTransformer-seed*.json
#     - results/default/true/Ridge*-seed*.json
#     - results/default/true-disjoint/*.json
#     - results/default/pooled.safetensors
#     - results/null/pooled.safetensors
#     - results/timings/machine.json
#     - results/timings/chapters/13_persons.json
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
# # Persons: how much of a score is identity?
#
# The official split of AVEC2014 is by recording. A person whom a model saw in Train may be in Test
# with another recording, and the features are those of a network that was trained to recognise
# faces. A model can then answer *I know this face, and I know its score*. That is no reading of
# behaviour, and it fails on anybody new.
#
# Three ways of asking how much this is worth, from the direct to the sharp:
#
# 1. the **same models on two splits**, the official-style one and one in which nobody is in two parts;
# 2. **many splits** of the same recordings, in which persons recur freely, as often as officially,
#    or never;
# 3. **the same Test recordings twice**: once with other recordings of their persons in Train, once
#    with recordings of other persons in their place.

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
from deplib.chapters.persons import PersonsPage
from deplib.report import table

page = PersonsPage()
page.badge()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("13_persons")

# %% [markdown]
# ## What the simulator assumes
#
# Identity can only help where a person's score persists from one session to the next. In the
# simulated cohort it does by assumption, and in every world alike. Faces carry no severity. So the
# `null` world, in which behaviour does not follow severity at all, is a sharp test: whatever is
# learnt there beyond a constant is identity.

# %% tags=["hide-input"]
page.persistence()

# %% [markdown]
# How persistent the scores of AVEC2014 are is not known here; with other persistence every figure
# below would be another.
#
# ## Two splits of the same recordings
#
# The person-disjoint split draws persons at random into three parts of the same sizes. The official
# parts are balanced in their labels, so it is balanced, too: two persons with as many recordings
# change places, always the pair that helps most, until no exchange brings the labels of the three
# parts nearer to those of all recordings.

# %%
table(page.split_table(), digits=1)

# %% tags=["hide-input"]
page.balance()

# %% [markdown]
# ## Known and new persons within the official-style split
#
# The runs of {doc}`09_results`: MAE on the recordings whose person Train has, and on the others,
# mean over all seeds. The constant's column shows how hard each group is by itself, for no face can
# help it.

# %%
table(page.known_persons.table(), digits=2)

# %% tags=["hide-input"]
page.known_verdict()

# %% [markdown]
# The two groups are different persons. Where the constant errs more, any answer that lies nearer to
# that group's scores gains more, whether it knows the face or not. So this difference mixes
# recognition with who the known persons happen to be.
#
# ## The same models on both splits
#
# The four and ridge, trained anew with the labels scaled by the new Train. Two Test sets differ in
# how hard they are, so MAEs of different splits must not be compared. What can be compared is the
# difference from the constant of the same split. *Change* is that difference on the
# person-disjoint split minus that on the official one; its interval draws all persons of both
# Test sets together.

# %%
table(page.two_splits.table(), digits=2)

# %% tags=["hide-input"]
page.split_verdict()

# %% [markdown]
# ## Many splits
#
# One person-disjoint split is one draw. At feature level a split costs milliseconds: ridge on the
# mean embedding of a recording, or on mean and standard deviation, with the penalty chosen on Dev.
# Three more predictors do nothing but recognise. *Nearest recording* copies the label of the Train
# recording with the most similar mean embedding. *Person's label* is told who it is and answers the
# mean of the person's Train labels, or shrinks it as the assumed persistence asks; for new persons
# both answer the constant. They bound what identity could give.

# %% tags=["hide-input"]
page.many.rules_counts()

# %%
table(page.many.rules_table(), digits=2)

# %% mystnb={"figure": {"caption": "Test MAE minus that of the constant of the same split, mean over all splits by each rule (simulated cohort). Bar: 95 % interval over persons. Left of the dashed line is better than the constant.", "name": "fig-split-rules"}, "image": {"alt": "Two panels, one a world, with a mark and a bar for each of three rules in each of three rows, one a predictor."}}
page.many.rules_figure()

# %% tags=["hide-input"]
page.many.rules_verdict()

# %% [markdown]
# Two things work against each other here, beside the known persons themselves. Train has the same
# number of recordings under each rule, but not of persons: where nobody may be split, the same
# recordings show fewer people. And Dev chooses: where Dev has known persons, it can favour a model
# that leans on faces, at the expense of the new persons in Test. The penalties above tell whether it
# did. The comparison of rules sums all of this up; the next one holds the rest still.
#
# ## The same recordings, with and without their persons in Train

# %% tags=["hide-input"]
page.many.gain_design()

# %%
table(page.many.gain_table(), digits=2)

# %% mystnb={"figure": {"caption": "By how much the MAE on the same Test recordings rises when their persons' other recordings in Train are replaced by those of other persons. Bar: 95 % interval over persons.", "name": "fig-known-gain"}, "image": {"alt": "Rows, one a predictor, each with a mark and a bar for either of two worlds."}}
page.many.gain_figure()

# %% tags=["hide-input"]
page.many.gain_verdict()

# %% [markdown]
# The constant moves, too, with no face at all: the median of a Train that holds other recordings of
# the Test persons is nearer to their scores. *Beyond the constant's* leaves that out.
#
# ## Recognition alone

# %% tags=["hide-input"]
page.many.recognition()

# %% [markdown]
# Recognition can only help where there is somebody to recognise: in the simulated cohort the face
# of a stranger says nothing about severity, whose recording in Train it may resemble.
#
# ## What follows for AVEC2014

# %% tags=["hide-input"]
page.avec_counts()

# %% [markdown]
# The table multiplies the rise for a known recording by the share of Test that is known. Two things
# are assumed and cannot be checked without the corpus: that scores persist from session to session
# as they do here, and that a person seen in Dev counts as much as one seen in Train, though Dev
# teaches a model only when to stop. So this is a what-if, and no estimate.

# %%
table(page.avec_table(), digits=2)

# %% tags=["hide-input"]
page.avec_verdict()

# %% [markdown]
# ## What we saw
#
# A score on a split by recording answers a mixed question: how well does a model do on persons it
# has met, and on strangers, in a proportion that nobody chose. A report should give the number of
# known persons, the score on either group with an interval over persons, and the constant beside
# both. A person-disjoint split costs nothing: `deplib train --split disjoint` makes one of any cohort.
