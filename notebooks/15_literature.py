# ---
# jupyter:
#   deplib:
#     needs:
#     - deplib/literature/results.csv
#     - results/timings/machine.json
#     - results/timings/chapters/15_literature.json
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
# # The literature, beside a constant
#
# What does a predictor without any input score on AVEC2014, and what do the published results amount
# to beside it? Random draws appear in two places, and both say what they assume.

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
from deplib.report import badge_of_published, say, table
from deplib.statistics import MCID_SHARE

badge_of_published()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("15_literature")

# %% [markdown]
# ## What one constant scores
#
# The first question to a table of results is what a predictor without any input would score. For
# AVEC2014 no paper that we found prints it, yet it can be derived: one README {cite}`umayrah2026`
# states the share and the mean of each severity band among the Test labels. The minimal band holds
# as many of them as all others together. So no label lies between that band and the next, every
# number $c$ between the two is a median, and a median has the smallest MAE of all constants. Its
# distances need only the number $n_b$ and the sum $S_b$ of the labels in each band, since all
# labels of a band lie on the same side of $c$; with $n$ labels in all,
#
# $$\mathrm{MAE}(c) = \frac{1}{n} \sum_b \left| S_b - n_b c \right| .$$
#
# Labels are whole numbers. So shares and means, though rounded, give both exactly.

# %%
from deplib.chapters.constant import ConstantPart
from deplib.chapters.literature import LiteraturePage

constant, page = ConstantPart(), LiteraturePage()
constant.median()

# %%
table(constant.steps(), digits=1)

# %% tags=["hide-input"]
constant.derivation()

# %% [markdown]
# For other constants, some labels of a band lie on either side and only bounds can be given. They
# are sharp: the distances within a band sum to the least when its labels are as equal as their sum
# permits, and to the most when all but one lie at the limits of the band.

# %%
table(constant.other_constants())

# %% mystnb={"figure": {"caption": "Test MAE on AVEC2014 of every constant: it lies within the grey band, whatever the single labels are. Dashed: the study's four models as reported.", "name": "fig-constant-curve"}, "image": {"alt": "A band with a flat lowest part that rises on both sides, and horizontal dashed lines above that part."}}
constant.curve()

# %% tags=["hide-input"]
constant.study_sentence()

# %% [markdown]
# **Another test set would give another figure.** For these recordings the MAE of the constant is
# exact; as an estimate for recordings of the same kind it has a spread. Here labels are drawn from
# the distribution of largest entropy that has the published shares, means and limits of the bands.

# %% tags=["hide-input"]
constant.persons()

# %%
table(constant.spread())

# %% tags=["hide-input"]
constant.spread_sentence()

# %% [markdown]
# ## What was published
#
# How precise is a Test MAE? Papers give no intervals, but MAE and RMSE together determine one. The
# mean of the absolute errors is the MAE, the mean of their squares is the squared RMSE, so their SD
# is $\sqrt{\mathrm{RMSE}^2 - \mathrm{MAE}^2}$, exactly and for any distribution, and
#
# $$\mathrm{MAE} \pm 1.96 \sqrt{\frac{\mathrm{RMSE}^2 - \mathrm{MAE}^2}{n}}$$
#
# is an approximate 95 % interval. It takes the $n$ Test recordings as independent. They are not, so
# it is too narrow. It also leaves out what a choice of epochs and settings on the Test list would
# add.
#
# How sure a figure is stands beside it: read in the paper's own abstract or README; second hand,
# from another project's table; or *as commonly quoted*, which we could confirm nowhere.

# %% tags=["hide-input"] mystnb={"markdown_format": "myst"}
page.paper_table()

# %% [markdown]
# Public repositories state figures of their own. Some reproduce a paper, others only their own
# method.

# %% tags=["hide-input"] mystnb={"markdown_format": "myst"}
page.code_table()

# %% mystnb={"figure": {"caption": "Published Test MAE on AVEC2014 with approximate 95 % intervals. Vertical lines: the smallest MAE of a constant, the MAE that the error of BDI-II alone causes at the lowest published reliability, and that of perfect knowledge of a clinician's rating.", "name": "fig-literature"}, "image": {"alt": "Points with wide overlapping bars, papers mostly left of public code; the study's four crosses lie right of the constant."}}
page.forest()

# %% tags=["hide-input"]
page.against_constant()

# %% tags=["hide-input"]
page.pairs_sentence()

# %% [markdown]
# These comparisons are unpaired. Two models that are scored on the same recordings tend to err on
# the same ones, and the interval of a paired difference is then narrower. It needs the predictions
# of both, which is one more reason to publish them. No correction for the number of pairs was made.
#
# ## Re-runs beside the papers
#
# Where public code reproduces a listed result, both can be compared. The gap is MAE of the re-run
# minus MAE reported, and `gap in widths` divides it by half the width of the 95 % interval of an
# unpaired difference: above one, chance over recordings alone does not explain it.

# %%
table(page.reruns())

# %% tags=["hide-input"]
page.rerun_sentence()

# %% [markdown]
# A re-run can fail for reasons of its own: fewer frames, another aligner, less tuning. A gap says
# that a result did not transfer to other hands, and not which of the two is right.
#
# ## Two checks that need no data
#
# **RMSE over MAE.** The ratio depends on the shape of the errors only.

# %% tags=["hide-input"]
page.ratio_sentence()

# %% [markdown]
# **RMSE against PCC.** Predictions that correlate $r$ with the labels have an RMSE of at least
# $\mathrm{SD}\sqrt{1-r^2}$, where SD is that of the labels: it is what remains after the best linear
# rescaling. The SD of the Test labels is published, so a pair of RMSE and PCC can be impossible. The
# two clips of a recording share its label, so it does not matter whether clips or recordings were
# counted. All roundings are resolved in favour of the result.

# %%
table(page.consistency())

# %% tags=["hide-input"]
page.consistency_sentence()

# %% [markdown]
# A figure slightly below the bound can come from clips that were left out, which changes the SD. One
# far below it cannot; an RMSE that was averaged over small batches would look like this.
#
# ## The label has an error of its own
#
# With retest reliability $r$ {cite}`wang2013bdi`, a BDI-II score has a standard error of measurement
# $\mathrm{SEM} = \mathrm{SD}\sqrt{1-r}$. A predictor that knew every person's true score would still
# have an expected MAE of $\sqrt{2/\pi}\,\mathrm{SEM} = 0.798\,\mathrm{SEM}$, if errors are normal.
# The SD is that of the Test labels {cite}`umayrah2026`.

# %%
table(page.floors())

# %% tags=["hide-input"]
page.ceiling_sentence()

# %% [markdown]
# The smallest change that matters to patients is a share of the baseline {cite}`button2015mcid`.

# %% tags=["hide-input"]
say(f"It is {100 * MCID_SHARE:g} % of the baseline; in points:")

# %%
table(page.mcid())

# %% [markdown]
# ## What this shows and what it does not

# %% tags=["hide-input"]
page.closing()

# %% [markdown]
# It does not show that a published result is wrong. Reliabilities come from other groups of people
# than this corpus, and a retest after a week contains true change, so the floors are approximate. A
# figure that is only commonly quoted is as uncertain in this table as it was before.
