# ---
# jupyter:
#   deplib:
#     needs:
#     - deplib/claims/*.csv
#     - deplib/extraction/networks/*
#     - results/default/*.parquet
#     - results/null/*.parquet
#     - results/published/*.parquet
#     uses:
#     - deplib.cohorts.simulated
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
# # Limits and ethics, with the cards
#
# **This is not a diagnosis, and no step towards one.** BDI-II is a questionnaire, a video shows a few
# minutes of behaviour, and a model that regresses one on the other is a research instrument. This
# page says what must not be done with it, who could be harmed, and what the numbers cannot carry. At
# its end are the cards: who is in the simulated cohort, and what the models and encoders are.

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

# %%
import json

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from deplib import baselines, figures, results, study
from deplib.claims import FACTS, REPORTED, TEST_BANDS
from deplib.cohorts.simulated import LATENTS, PERSON_SHARE, RELIABILITY
from deplib.cohorts.simulated.anatomy import Anatomy
from deplib.deploy.bundle import DEMONSTRATION
from deplib.extraction import network_card, open_encoder
from deplib.report import badge, say, table
from deplib.statistics import critical_r, fisher_interval, score_runs

figures.style()
cohort = study.open_cohort("default")
badge(cohort)

# %% [markdown]
# ## What it must not be used for
#
# - **Diagnosis, triage or treatment** of anyone. BDI-II is one questionnaire; a diagnosis is made by a
#   person who talks with a person.
# - **Screening without consent**: in hiring, insurance, schools, prisons, at borders, in calls or on
#   recordings that were made for something else.
# - **Judging risk of suicide.** A score of severity is no measure of risk, BDI-II's single item on
#   suicidal thoughts is not what a video shows, and a low estimate must never reassure. If you are
#   worried about somebody, ask them and seek professional help; in danger, call the emergency services.
# - **Judging emotion or truthfulness.** A smile that is missing is not a feeling that is missing.
# - **Ranking persons**, or following one person over time, by scores like these.

# %%
best = REPORTED["test_mae"].min()
moderate = TEST_BANDS.set_index("band").loc["moderate"]
scores_in_band = int(moderate["highest"] - moderate["lowest"] + 1)
assert best > scores_in_band, "rewrite: the error no longer spans a band"
say(
    f"The best Test MAE that the study reports is {best:.1f} points. The band *moderate* spans "
    f"{scores_in_band} scores: an average error can move a person across a whole band."
)

# %% [markdown]
# ## Who could be harmed
#
# Those who are scored and do not know it. Those whose faces move differently for other reasons: facial
# palsy, Parkinson's disease, medication, autism, fatigue, another culture of showing. Those whom the
# encoder sees less well. Those who are missed and told that they are well; and those who are labelled
# and are not ill, where a label costs a job. Researchers and clinicians who trust a table of errors
# that [a constant would win](14_literature.ipynb).
#
# ## Face encoders do not see all groups equally well
#
# What others found, about recognising persons and not about depression. The groups have the names that
# [the source](https://arxiv.org/abs/1812.00194) gives them: share of face pairs that four commercial
# systems judge wrongly.

# %% mystnb={"figure": {"caption": "Share of face pairs judged wrongly by four commercial systems on Racial Faces in the Wild (Wang et al. 2019, as the paper's first version prints them).", "name": "fig-unequal"}, "image": {"alt": "Four lines, one a system, rising from the group named Caucasian to the groups named Asian or African."}}
rightly = pd.DataFrame(
    {
        "Caucasian": [87.60, 93.90, 89.13, 90.45],
        "Indian": [82.83, 88.55, 86.53, 87.20],
        "Asian": [79.67, 92.47, 90.27, 84.87],
        "African": [75.83, 87.50, 77.97, 86.27],
    },
    index=pd.Index(["Microsoft", "Face++", "Baidu", "Amazon"], name="system"),
)  # percent, read in the paper
wrongly = (100 - rightly).melt(ignore_index=False, var_name="group", value_name="errors")
fig, ax = plt.subplots(figsize=(5.2, 3.2))
sns.stripplot(
    wrongly, x="errors", y="group", hue="system", palette=list(figures.KINDS), size=7, ax=ax
)
ax.set(xlabel="pairs judged wrongly, %", ylabel="", xlim=(0, None),
       title="Every system errs most on one of the other groups")  # fmt: skip
sns.move_legend(
    ax,
    "upper center",
    bbox_to_anchor=(0.4, -0.22),
    ncols=4,
    title=None,
    columnspacing=1,
    handletextpad=0.2,
)
figures.keep(fig, wrongly, "https://arxiv.org/abs/1812.00194")

# %%
ratio = (100 - rightly).max(axis=1) / (100 - rightly).min(axis=1)
assert ((100 - rightly).idxmax(axis=1) != "Caucasian").all(), "rewrite the title"
say(
    f"The group with most errors has {ratio.min():.1f} to {ratio.max():.1f} times those of the group "
    "with fewest. Classifiers of gender erred on 0.8 % of men with lighter skin and 34.7 % of women "
    "with darker skin (Buolamwini and Gebru 2018, second hand); of 189 algorithms, false matches of "
    "Asian and African American persons were up to 100 times as many as of white persons ([NIST "
    "2019](https://doi.org/10.6028/NIST.IR.8280), second hand)."
)

# %% [markdown]
# One threshold for everybody makes such gaps, and [thresholds by
# group](https://doi.org/10.1109/CVPRW50498.2020.00008) make them smaller. A regression has no
# threshold to set: the error of the features goes into the score, and into every interval around it.
# The simulated persons cannot help here. They have a colour of skin, and no age, sex, origin or
# culture.

# %% mystnb={"figure": {"caption": "Lightness of skin (CIELAB, 0 to 100) and mean score of the simulated persons.", "name": "fig-skin"}, "image": {"alt": "A cloud of dots without any trend."}}
first = cohort.recordings.drop_duplicates("person").set_index("person")["recording"]
skin = np.array([Anatomy(cohort.identity(name)).skin for name in first], np.float32)
people = cohort.recordings.groupby("person")["bdi"].mean().loc[first.index].to_frame()
people["lightness"] = cv2.cvtColor(np.clip(skin / 255, 0, 1)[None], cv2.COLOR_RGB2LAB)[0, :, 0]
fig, ax = plt.subplots(figsize=(5.2, 3))
sns.regplot(
    people, x="lightness", y="bdi", ax=ax, color=figures.KINDS[0], seed=0, scatter_kws={"s": 16}
)
ax.set(xlabel="lightness of skin", ylabel="mean BDI-II of the person",
       title="Nothing links colour to score in the simulated cohort")  # fmt: skip
figures.keep(fig, people, "simulated cohort (default)")

# %%
r = people["lightness"].corr(people["bdi"])
assert abs(r) < critical_r(len(people)), "rewrite: in this draw colour goes with the score"
say(
    f"In this draw of {len(people)} persons they correlate by {r:+.2f}, within what chance gives. So a "
    "difference between groups can neither be found nor ruled out here. Before a model of this kind is "
    "used on anyone, its errors must be known for the groups it will meet, on recordings of those "
    "groups, by someone who has no stake in the answer."
)

# %% [markdown]
# ## Embeddings are personal data
#
# An embedding is no anonymous number. Pictures that were [rebuilt from embeddings
# alone](https://arxiv.org/abs/1703.00832) passed for the person in 95.2 % of the trials against the
# picture that the embedding came from, and in 58.05 % against another one, at 0.1 % of false accepts.
# So features of a licensed corpus are as sensitive as its videos: they stay where the licence allows the
# videos to be, and are not published with results. [Chapter 12](12_choosing_on_dev.ipynb) shows what
# recognition alone does to a score.
#
# ## What the numbers cannot carry
#
# **The cohort is simulated.** Faces are rendered, behaviour follows assumed correlations, and the
# encoder was trained on rendered faces. What is found here about *methods* (an estimate's spread, a
# leak, a selection effect) holds wherever its premises hold. What is found here about *effect sizes*
# holds nowhere else.
#
# **Few recordings.** A correlation over the Test split must be large to differ from none, and it comes
# from fewer persons than recordings.

# %%
n = int(FACTS.loc["n_test", "value"])
highest = REPORTED["test_pcc"].max()
low, high = fisher_interval(highest, n)
assert low < 0, "rewrite: the highest correlation differs from zero"
say(
    f"At n = {n} a correlation differs from zero at the 5 % level when it exceeds {critical_r(n):.3f}. "
    f"The highest of the study, {highest:.3f}, has a 95 % interval from {low:.2f} to {high:.2f}."
)

# %% [markdown]
# **The label has an error of its own.** Who fills in BDI-II twice within a week does not get the same
# score; [chapter 14](14_literature.ipynb) says what that alone costs.
#
# **Seeds and persons.** The main comparison has ten seeds, and the control with permuted labels one;
# other chapters say how many. Seeds differ in initial weights and in the order of batches. In the
# main comparison protocol, split and features are the same in all runs, so what another split or
# another encoder would change is in neither spread. A bootstrap of so few persons does not quite hold
# what its name promises: [chapter 11](11_power.ipynb) measures it.
#
# **Dev chooses.** It decides when training stops as well as which epoch counts, on the same recordings,
# and Dev scores are optimistic for both.
#
# **The architectures are reconstructions.** Parameter counts match what the study reports, and the
# descriptions are followed; the code behind the study is not public, so details can differ.
#
# **Part of the path to real data could not be tried.** The corpus, the weights of `w600k_r50` and those
# of the usual detectors are not free to be used here. The code for them was tested on a small simulated
# corpus in the same layout, on networks that were built to have the same inputs and outputs, and on
# published figures. How long a real corpus takes, `deplib extract --dry-run` measures on your machine.
#
# ## What did not work
#
# A report that lists only what succeeded misleads those who build on it. In `null`, `default` and
# `published` no architecture is shown to beat the constant or the plain average (where order tells,
# some do: [When order matters](10_when_order_matters.ipynb)):

# %%
tried = [
    "LDBM",
    "LDBM-patch4",
    "LDBM-patch16",
    "VanillaTransformer",
    "MambaGRU",
    "Mamba",
    "AttentionMIL",
]
beaten = []
for world in ("null", "default", "published"):
    opened = study.open_cohort(world)
    runs = results.load(world, **results.ABLATION)
    reference = baselines.references(opened.recordings)
    scored = score_runs(pd.concat([runs, reference]).query("split == 'test'"), n_resamples=2000)
    for model in {*tried, "TemporalMeanMLP"} & set(scored.models):
        for other in {"constant", "TemporalMeanMLP"} - {model}:
            d = scored.difference(model, other, draw_seeds=True)
            beaten.append((world, model, other, d.estimate, d.high < 0))
beaten = pd.DataFrame(beaten, columns=["world", "model", "other", "difference", "better"])
assert not beaten["better"].any(), "rewrite: an architecture beats its reference"
say(
    f"Of {len(beaten)} comparisons, {beaten['better'].sum()} show a lower error by an interval over "
    "persons and seeds that excludes zero, even without correction for their number."
)

# %% [markdown]
# Of the [study's advice](15_advice.ipynb) what could be tried was, and none of it lowers the error
# demonstrably. Of the study's own statements, those that fell are listed in [chapter
# 13](13_claims.ipynb). Most of this is absence of evidence from few recordings.
#
# ## Cohort card
#
# In the manner of [datasheets](https://arxiv.org/abs/1803.09010) and data statements. **Why it was
# made**: to test methods where the truth is known, in the shape of a corpus that may not be shared.
# It was made from code alone; nobody was filmed, asked or paid, and no score of a real person was
# used.

# %%
recordings = cohort.recordings.assign(split=cohort.recordings["split"].str.title())
both = pd.concat([recordings, recordings.assign(split="all")])
card = both.groupby("split", sort=False).agg(
    recordings=("recording", "size"),
    persons=("person", "nunique"),
    mean_BDI=("bdi", "mean"),
    severe=("bdi", lambda bdi: (bdi >= 29).sum()),
    median_minutes=("n_frames", lambda frames: frames.median() / 30 / 60),
)
table(card.reset_index(), digits=1)

# %%
sessions = cohort.recordings["person"].value_counts()
falling = [latent.meaning for latent in LATENTS if latent.correlation < 0]
rising = [latent.meaning for latent in LATENTS if latent.correlation > 0]
oracle = baselines.references(cohort.recordings, cohort.truth)
oracle = oracle.query("model == 'oracle' and split == 'test'")
say(
    f"**Who is in it**: {len(sessions)} persons, {(sessions == 1).sum()} with one session and nobody with "
    f"more than {sessions.max()}. A person keeps {100 * PERSON_SHARE:.0f} % of the variance of severity "
    f"from session to session (an assumption), and a score has a reliability of {RELIABILITY:g} "
    f"(published). **What follows severity**: with it fall {'; '.join(falling)}; with it rise "
    f"{'; '.join(rising)}. Light, room, clothes and the face itself do not. **The best possible**: an "
    f"oracle that knows the true behaviour has a Test MAE of "
    f"{(oracle['bdi'] - oracle['bdi_hat']).abs().mean():.2f}."
)

# %% [markdown]
# **What is not in it**: age, sex, origin, language, culture, illness, medication; hands, body, voice,
# words; glasses, headwear, make-up, scars; other people in the picture; a person who does not want to be
# filmed; a second task, an interview, a clinician's rating. **Uses**: comparing methods, testing
# pipelines, teaching. It is no evidence about patients, and a model that was trained on it must not be
# used on anyone. **Licence**: the code MIT; rendered faces may be shared under CC BY 4.0.
#
# **AVEC2014 itself**, as published, is [licensed clinical
# data](https://doi.org/10.1145/2661806.2661807). Its owners grant access on request, for research; the
# persons consented to that, not to redistribution. No recording, label or feature of it is here. Not
# found in what we could read: ages, sexes, origins and diagnoses by split, and how many were in
# treatment. A licensee should look before training anything.

# %%
avec = FACTS["value"]
say(
    f"What is published: {avec['n_recordings']:.0f} recordings of two tasks each, split by recording and "
    f"not by person; {avec['n_persons']:.0f} persons (second hand), {avec['n_persons_train_dev']:.0f} of "
    f"them in Train and Dev; clips of {avec['clip_median']:.0f} frames in the median; Test scores "
    + ", ".join(f"{100 * row.share:.0f} % {row.band}" for row in TEST_BANDS.itertuples())
    + " ([README](https://github.com/umayrah-mm/Depression-Severity-Estimation))."
)

# %% [markdown]
# ## Model cards
#
# After [Mitchell et al. 2019](https://doi.org/10.1145/3287560.3287596). **Intended use**: to compare ways
# of combining frames under one protocol, and to teach how such a comparison goes wrong. **Out of scope**:
# any statement about a person; any recording that was not rendered here. **Training data**: simulated,
# 50 recordings each for Train, Dev and Test; persons return across splits. **Licence**: MIT; weights are
# computed on your machine, except those of one model (below).

# %%
four = [*REPORTED["model"]]
runs = results.load("default", **results.ABLATION | {"model": four})
scored = score_runs(
    pd.concat([runs, baselines.references(cohort.recordings)]).query("split == 'test'")
)
size = results.runs("default", **results.ABLATION).drop_duplicates("model").set_index("model")
rows = []
for model, mechanism in REPORTED.set_index("model")["mechanism"].items():
    s, d = scored.summary(model), scored.difference(model, "constant", draw_seeds=True)
    rows.append((model, mechanism, f"{size.loc[model, 'n_parameters']:,}",
                 f"{s.estimate:.2f} ± {s.seed_sd:.2f}",
                 f"{d.estimate:+.2f} ({d.low:+.2f} to {d.high:+.2f})"))  # fmt: skip
columns = ["model", "what it does", "parameters", "Test MAE ± SD of seeds", "minus the constant's"]
table(pd.DataFrame(rows, columns=columns))

# %%
shown = json.loads(DEMONSTRATION[0].with_suffix(".json").read_bytes())
made, worth = shown["recipe"], shown["test"]
say(
    f"**The one model that is shipped**, so that `deplib predict` answers in the first minute, is "
    f"{made['model']} on features of the encoder *{made['features']}*, with one seed. On "
    f"{worth['recordings']} simulated Test recordings it errs by {worth['mae']:.1f} points "
    f"({worth['mae_95'][0]:.1f} to {worth['mae_95'][1]:.1f}), and the mean of Train by "
    f"{worth['mae_of_the_train_mean']:.1f}; its answer is {shown['interval']}. Of real people it says "
    "nothing."
)

# %% [markdown]
# The encoders that are shipped take aligned pictures of 112 x 112 pixels and give 512 numbers. They
# have never seen a real face: **out of scope** is recognising, verifying or reading one. **Bias
# between groups** is unknown, and not measurable here.

# %%
taught = {"embedded": "to tell rendered persons apart", "affect": "to read expression, gaze and pose",
          "random": "nothing: seeded weights"}  # fmt: skip
cards = pd.DataFrame({name: network_card(name) for name in taught}).T
encoders = pd.DataFrame({
    "encoder": cards.index,
    "taught": cards.index.map(taught),
    "tells persons apart": [f"{100 * share:.1f} %" for share in cards["verification_accuracy"]],
    "parameters": [f"{n:,}" for n in cards["parameters"]],
    "SHA-256 begins": cards["sha256"].str[:12].to_numpy(),
})  # fmt: skip
table(encoders)

# %% [markdown]
# *Tells persons apart* is the share of pairs of pictures of other rendered persons that are rightly
# judged as the same person or not; guessing gives 50 %.
#
# **Try it**: open one of the files yourself; its hash is checked against its card each time.

# %%
frames = cohort.frames(cohort.recordings["recording"].iloc[0])[:3]
embedding = open_encoder("affect").embed(frames)
say(
    f"Three frames became {embedding.features.shape[1]} numbers each; {embedding.valid.sum()} are valid."
)

# %% [markdown]
# ## If you have a licence
#
# Keep the corpus, its labels and its features to the machines that the licence names. Report errors by
# severity band and beside a constant. Say which split chose what. Do not publish a trained model without
# asking whether the licence covers it. Ask people who live with depression what they would want such a
# tool for, before building one.
