# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/true*/*.json
#     - results/published/true*/*.json
#     - results/deployment.json
#     - results/timings/machine.json
#     - results/timings/chapters/16_implications.json
#     uses:
#     - deplib.models.hybrid
#     - deplib.models.mean_mlp
#     - deplib.models.ldbm
#     - deplib.models.transformer
#     - deplib.models.mamba_gru
#     - deplib.models.attention_mil
#     - deplib.deploy.predict
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
# # Implications: the advice, tested
#
# The study ends with advice for the next architecture: features that show affect, more modalities,
# light attention over a mean, gentler supervision, pretraining, a stated uncertainty, export to small
# devices, and a table of targets. It tests none of it. Here each piece is an option of the same
# protocol, differs from its reference in one thing, and is compared on the same persons. Nothing was
# tuned: every option has the settings that its source or its recipe gives it.
#
# Two worlds are asked: `default`, and `published`, where behaviour tells as much as the strongest
# published figures would need. Options that are costly to train were trained in the second alone: what
# does not help there will hardly help elsewhere.

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

# %% tags=["parameters"]
size = "full"  # or "small": a small simulated cohort, for a free machine

# %% tags=["hide-input"]
from deplib.chapters.implications import ImplicationsPage
from deplib.report import table

page = ImplicationsPage(size)
page.badge()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("16_implications")

# %% tags=["hide-input"]
page.design()

# %% [markdown]
# ## At a glance
#
# One row a piece of advice, its main comparison, and what that allows to say. *It helps* means a lower
# error after Holm's correction over all comparisons of a world; *no effect beyond a margin* means that
# the difference is shown to be smaller; *undecided* means that so few Test recordings do not tell.

# %%
table(page.summary())

# %% mystnb={"figure": {"caption": "The main comparison of every piece of advice that was trained: Test MAE of the option minus that of its reference, mean over seeds (simulated cohort). Bar: 95 % interval over persons. Left of the dashed line is better.", "name": "fig-advice"}, "image": {"alt": "A row for each piece of advice, in it a mark and a bar for each of two worlds, around a dashed line at zero."}}
page.effects_figure()

# %% tags=["hide-input"]
page.ceilings()

# %% [markdown]
# ## Where does the information get lost?
#
# A ladder from nothing to everything. Each rung is fitted on Train with ridge regression (Dev chooses
# its penalty) and scored on Test: the mean of the embeddings, mean and standard deviation of the
# embeddings, the same two summaries of the *true behaviour* that the frames show, and the true latents.
# The oracle needs no fitting.

# %%
table(page.ladders[0].table(), digits=2)

# %% tags=["hide-input"]
page.ladder_verdict()

# %% [markdown]
# The step from embeddings to true behaviour is what a better encoder could gain, the step from
# summaries of behaviour to latents is what a better model of time could gain, and the step from the
# oracle to a perfect score is out of reach of behaviour.
#
# ## 1. Another encoder
#
# **Hypothesis.** An encoder that was trained to recognise persons drops what faces *do*; one that was
# trained for affect keeps it. **Comparison.** The same network three times: trained on identities,
# trained to regress the renderer's own expression, gaze and pose (an upper bound: no annotator of real
# faces sees those numbers), and not trained at all; and two of them side by side.
#
# What can be read from each, by a linear map that is fitted on some new persons and tested on others?
# The pictures are drawn and embedded while this page is made. A linear read-out that is fitted on so few
# persons finds less than there is: an encoder that was not trained for a quantity needs many more.

# %%
table(page.reading.table())

# %% mystnb={"figure": {"caption": "How well each parameter of the renderer is read from the features of each encoder: R2 on persons that no read-out was fitted on (rendered faces). Bar: 95 % interval over these persons. Zero is what the mean reaches.", "name": "fig-readability"}, "image": {"alt": "A row for each parameter, with a mark and a bar for each kind of features."}}
page.reading.figure()

# %% tags=["hide-input"]
page.reading.verdict()

# %% [markdown]
# Does it lower the error? The hybrid of the next section, and the mean over frames, on each:

# %%
table(page.table("encoder"), digits=2)

# %% tags=["hide-input"]
page.verdict("encoder")

# %% [markdown]
# ### The report's question, asked again
#
# If the features were the bottleneck, the architecture might matter once they are better. The study's
# models on the affect features, in the world with the most to find; VanillaTransformer was not trained
# again, since it takes as long as all others together:

# %%
table(page.table("architecture"), digits=2)

# %% tags=["hide-input"]
page.verdict("architecture")

# %% [markdown]
# ## 2. The recommended hybrid
#
# **Hypothesis.** Mean pooling with light attention is both cheap and expressive enough. **Comparison.**
# `HybridPooling` hands mean, standard deviation and an attention-weighted mean to one small perceptron
# (`deplib/models/hybrid.py`, the contract of all models); beside it TemporalMeanMLP, on the same features.

# %%
table(page.table("hybrid"), digits=2)

# %% tags=["hide-input"]
page.verdict("hybrid")

# %% [markdown]
# This comparison is repeated while this page is made, at one seed; what was computed here is held
# against the versioned results (with `size = "small"`: two trainings on a small cohort are held
# against each other).

# %%
table(page.live())

# %% [markdown]
# ## 3. Gentler supervision
#
# **Hypothesis.** One label for a whole recording is a noisy label for each of its windows.
# **Comparison.** *Smoothed*: a window's target is drawn towards the model's own earlier answers for it
# and its neighbours. *Bags*: multiple-instance learning, in which attention weighs the windows and only
# the recording's answer is compared with its label. Both change nothing but the teaching. Under the
# protocol's L1 loss a smoothed target seldom changes the sign of a gradient, so a small effect is all
# that smoothing can have.

# %%
table(page.table("supervision"), digits=2)

# %% tags=["hide-input"]
page.verdict("supervision")

# %% [markdown]
# ### A head that adapts to its person
#
# **Hypothesis.** An earlier session of a person, with its label, calibrates the head for later ones.
# **Comparison.** On the person-disjoint split the model has seen nobody of Test. The residuals of a
# person's earlier Test sessions shift the answer for the later ones; how far is chosen on Dev. The rival
# that matters is the *earlier label alone*, shrunk towards the mean, which looks at no video.

# %%
table(page.adapting_table(), digits=2)

# %% tags=["hide-input"]
page.adapting_verdict()

# %% [markdown]
# ## 4. Self-supervised pretraining
#
# **Hypothesis.** Video without labels teaches a model of time what faces do, so that few labels suffice.
# **Comparison.** MambaGRU, which has a state at every frame, first fills in masked frames of
# unlabelled recordings of other simulated persons, then is trained as the protocol says; beside it the
# same model with the same labels and no pretraining.

# %%
table(page.table("pretraining"), digits=2)

# %% tags=["hide-input"]
page.verdict("pretraining")

# %% [markdown]
# ## 5. More modalities
#
# **Hypothesis.** Facial action and pulse add what texture does not show. **Comparison.** *Early
# fusion* gives all streams to one hybrid, *late fusion* averages one hybrid a stream. In *streams
# missing* part of the recordings has nothing but its embeddings; masks carry that, and no value
# is made up. Which physiology goes with depression is not assumed: the simulated heart follows
# behaviour alone.

# %% tags=["hide-input"]
page.streams()

# %%
table(page.table("modalities"), digits=2)

# %% tags=["hide-input"]
page.verdict("modalities")

# %% [markdown]
# ## 6. A stated uncertainty
#
# **Hypothesis.** Monte Carlo dropout, or an ensemble of seeds, tells which predictions to trust.
# **Comparison.** The hybrid on affect features in `published`. Three intervals: from the model's own SD;
# of one width, taken from the errors on Dev; and that width scaled by the SD. Coverage on Test beside the
# nominal level, 95 % intervals over persons. Dev also chose the epoch, so its errors are a little small.
# Both SDs say how far models of one kind disagree, and nothing of the noise in the label itself.

# %%
table(page.trust.table(), digits=2)

# %%
table(page.trust.ranking_table(), digits=2)

# %% mystnb={"figure": {"caption": "Absolute error of each Test recording against the SD that was stated for it, hybrid on affect features, world `published` (simulated cohort). On the dashed line the error equals the SD.", "name": "fig-uncertainty"}, "image": {"alt": "Two panels of dots, one for the ensemble and one for dropout; most dots lie far above a dashed diagonal."}}
page.trust.figure()

# %% tags=["hide-input"]
page.trust.verdict()

# %% [markdown]
# `sigma_ratio` stands beside: it warns of a collapse, and says nothing of a single prediction.
#
# ## 7. Deployment
#
# **Hypothesis.** The models can leave the laboratory: as ONNX files, and in 8 bits, without a loss.
# **Comparison.** Each model is exported while this page is made, with free batch and time and a mask, and
# its file is asked what PyTorch is asked, masked frames holding NaN:

# %%
table(page.deploying.parity_table())

# %% [markdown]
# In 8 bits, trained on the default world at one seed: the temporal model quantised dynamically, or the
# encoder statically, calibrated on rendered faces that are in no cohort.

# %%
table(page.deploying.accuracy_table(), digits=2)

# %%
table(page.deploying.size_table(), digits=2)

# %% tags=["hide-input"]
page.deploying.verdict()

# %% [markdown]
# Sizes and times were measured on one machine by `python bench/deployment.py`. `deplib export` writes a
# pair of encoder and model with its card; `deplib predict FRAMES PAIR` answers with a score, an interval
# and what each window contributes, and says that it is no diagnosis.
#
# ## 8. The targets
#
# Beside each target of the study stands what the recommended design reaches here (the hybrid on identity
# and affect features), and what needs no model. The gap's interval takes the persons of Dev and of Test
# for different ones, though some are in both.

# %%
table(page.targets_table(), digits=2)

# %% tags=["hide-input"]
page.targets_verdict()

# %% [markdown]
# Time and size. A frame: its encoder and its share of the slowest temporal model, in one thread.
# `deplib predict`: a whole clip of the protocol's length by the clock, on two cores, with its own start.

# %%
table(page.cost_targets.time_table(), digits=2)

# %%
table(page.cost_targets.size_table())

# %% [markdown]
# ## What we saw

# %% tags=["hide-input"]
page.closing()

# %% [markdown]
# What is *undecided* may still be true, and would take many more recordings to tell
# ({doc}`11_power`). All of it was found on a simulated cohort, with an affect encoder that no one
# has for real faces. It says which experiments are worth a licence, not how they end.
