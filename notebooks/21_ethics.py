# ---
# jupyter:
#   deplib:
#     needs:
#     - results/timings/machine.json
#     - results/timings/chapters/21_ethics.json
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
# # Ethics and limits
#
# **Nothing here diagnoses, and nothing here should.** A questionnaire's score is regressed from a video,
# on rendered persons. {doc}`17_limitations` says what the numbers cannot carry; this page says what must
# not be done with the method, who could be harmed, and what others have found about faces and groups.

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
from deplib.chapters import ethics
from deplib.report import badge_of_published, table
from deplib.study import open_cohort

badge_of_published()

# %% tags=["remove-input"]
from deplib.chapters.timings import how_long

how_long("21_ethics")

# %% [markdown]
# ## What it must not be used for
#
# - **Diagnosis, triage or treatment** of anyone. BDI-II is one questionnaire; a diagnosis is made by a
#   person who talks with a person.
# - **Screening without consent**: in hiring, insurance, schools, prisons, at borders, in calls or on
#   recordings that were made for something else.
# - **Judging risk of suicide.** A score of severity is no measure of risk, BDI-II's single item on
#   suicidal thoughts is not what a video shows, and a low estimate must never reassure. Whoever is worried
#   about somebody should ask them and seek professional help; in danger, the emergency services.
# - **Judging emotion or truthfulness.** A smile that is missing is not a feeling that is missing.
# - **Ranking persons**, or following one person over time, by scores like these.

# %% tags=["hide-input"]
ethics.screening_sentence()

# %% [markdown]
# ## Who could be harmed
#
# Those who are scored and do not know it. Those whose faces move differently for other reasons: facial
# palsy, Parkinson's disease, medication, autism, fatigue, another culture of showing. Those whom the
# encoder sees less well. Those who are missed and told that they are well; and those who are labelled and
# are not ill, where a label costs a job. Researchers and clinicians who trust a table of errors that a
# constant would win ({doc}`15_literature`).
#
# ## Face encoders do not see all groups equally well
#
# Published figures {cite}`buolamwini2018gender,grother2019frvt`; none was measured here. They are about
# recognising persons and guessing gender, not about depression. What they show is that a face network's
# errors depend on who is looked at, and embeddings from such networks are what the study feeds to its
# models.

# %%
table(ethics.unequal_table())

# %% [markdown]
# Share of pairs rightly judged as the same person or not, of commercial systems on faces in four groups,
# under the names that the source gives them {cite}`wang2019racial`. The last column divides the error of
# the group with most by that of the group with fewest.

# %%
table(ethics.verified_table(), digits=2)

# %% [markdown]
# One threshold for everybody makes such gaps, and thresholds by group make them smaller
# {cite}`robinson2020face`. A regression has no threshold to set: the error of the features goes into the
# score, and into every interval around it.
#
# ## What this report cannot say about it

# %% tags=["hide-input"]
ethics.no_group_sentence(open_cohort())

# %% [markdown]
# Behaviour differs between cultures, ages and sexes as well, and so do the answers to a questionnaire.
# Before a model of this kind is used on anyone, its errors must be known for the groups it will meet, on
# recordings of those groups, by someone who has no stake in the answer.
#
# ## Embeddings are personal data
#
# An embedding is no anonymous number {cite}`mai2018reconstruction`.

# %% tags=["hide-input"]
ethics.inversion_sentence()

# %% [markdown]
# So features of a licensed corpus are as sensitive as its videos: they stay where the licence allows the
# videos to be, they are not published with results, and the predictions of this repository hold simulated
# persons alone. In AVEC2014 a person's session can be found again from the embeddings of another
# {cite}`stc2026`, and {doc}`13_persons` shows what recognition alone does to a score.
#
# ## If you have a licence
#
# Keep the corpus, its labels and its features to the machines that the licence names. Report errors by
# severity band and beside a constant ({doc}`09_results`). Say which split chose what. Do not publish a
# trained model without asking whether the licence covers it. Ask people who live with depression what
# they would want such a tool for, before building one.
