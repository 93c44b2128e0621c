# ---
# jupyter:
#   deplib:
#     uses:
#     - deplib.cohorts.simulated
#     - deplib.metrics
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
# # A cohort whose truth is known
#
# **Here we know how well a model can do at best.** The recordings of AVEC2014 are licensed, and
# nobody knows how much of a depression score shows in them. So this report renders a cohort of its
# own, with the corpus's size, splits, returning persons and clip lengths, and with behaviour that
# follows a severity we set. If a model read that behaviour without error, it would remove about a
# fifth of the error that a constant makes: published effects are small. What a model finds here, it
# finds in our assumptions. It says nothing about patients.

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
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from deplib import figures
from deplib.cohorts.base import BANDS, SPLITS
from deplib.cohorts.simulated import (
    CHANNELS,
    CLIP_LENGTHS,
    FPS,
    INDEX,
    LATENTS,
    WORLDS,
    SimulatedCohort,
    oracle_error,
)
from deplib.metrics import mae, pcc
from deplib.protocol import Protocol
from deplib.report import badge, say, table

figures.style()
cohort = SimulatedCohort("default")
badge(cohort)

# %% [markdown]
# ## What the encoder sees
#
# Each recording is a film of one face, aligned by its eyes, nose and mouth as the study's frames
# were. One row is one recording.


# %% mystnb={"figure": {"caption": "Frames at equal steps through four recordings, one a row. Everything is rendered; no person is shown.", "name": "fig-faces"}, "image": {"alt": "A grid of small rendered faces. Within a row the person, hair and room stay the same while expression, gaze and head pose change."}}
def show(frame: np.ndarray, ax: plt.Axes) -> None:
    """Draw a frame at half its size, which keeps the page light."""
    half = frame.reshape(56, 2, 56, 2, 3).mean(axis=(1, 3)) / 255
    ax.imshow(half, interpolation="none")
    ax.set(xticks=[], yticks=[])
    sns.despine(ax=ax, left=True, bottom=True)


persons = cohort.recordings.drop_duplicates("person").iloc[5::20]
fig, axes = plt.subplots(len(persons), 5, figsize=(4.6, 3.5))
for row, record in zip(axes, persons.itertuples(), strict=True):
    for ax, at in zip(row, np.linspace(0, record.n_frames - 1, 5).astype(int), strict=True):
        show(cohort.frames(record.recording, at, at + 1)[0], ax)
    row[0].set_ylabel(f"BDI-II\n{record.bdi:.0f}", rotation=0, ha="right", va="center")
fig.suptitle("One look does not tell the score", x=0.02, ha="left", fontweight="bold", fontsize=11)
figures.keep(fig, persons[["recording", "person", "split", "bdi"]], "simulated cohort (default)")

# %% [markdown]
# A frame is a function of twenty-one numbers: how far the mouth smiles, where the eyes look, how
# the head is turned, where the light comes from. Set one of them, and the face follows.

# %% mystnb={"figure": {"caption": "The same face with one channel of its motion changed at a time.", "name": "fig-channels"}, "image": {"alt": "Six pictures of one rendered face: neutral, smiling, frowning, looking down, turned to the side, mouth open."}}
renderer = cohort.renderer(persons["recording"].iloc[2])
poses = {"neutral": {}, "smile": {"smile": 0.9}, "frown": {"brow_lower": 0.9},
         "look down": {"gaze_y": 0.9, "pitch": 8}, "turn": {"yaw": 18}, "speak": {"jaw_open": 0.7}}  # fmt: skip
motion = np.zeros((len(poses), len(CHANNELS)), np.float32)
for row, pose in zip(motion, poses.values(), strict=True):
    for channel, value in pose.items():
        row[INDEX[channel]] = value

fig, axes = plt.subplots(2, 3, figsize=(3.6, 2.9))
for ax, name, frame in zip(axes.flat, poses, renderer.crops(motion), strict=True):
    show(frame, ax)
    ax.set_title(name, fontsize=10, fontweight="normal")
figures.keep(fig, pd.DataFrame(motion, list(poses), CHANNELS).rename_axis("pose"), "renderer")

# %% [markdown]
# **Try it**: add `"blink": 1` to a pose, or draw another person by changing the row in
# `persons["recording"].iloc[2]`.
#
# ## Who is in it, and what they score
#
# Scores follow a skewed distribution that was matched to what is published about the corpus: its
# means, its spread, and the shares of the four bands among the Test recordings. No score of a real
# person was used. The splits are as balanced as the official ones.

# %%
splits = cohort.recordings.groupby("split", sort=False)
summary = splits.agg(
    recordings=("recording", "size"), persons=("person", "nunique"), mean=("bdi", "mean"),
    SD=("bdi", "std"), largest=("bdi", "max"),
)  # fmt: skip
assert np.ptp(summary["mean"]) < 0.5, "the splits are no longer balanced"
table(summary.reset_index(), digits=1)

# %% mystnb={"figure": {"caption": "Share of recordings in each band of BDI-II, by split. Diamonds: the published shares of the AVEC2014 Test split (umayrah-mm/Depression-Severity-Estimation).", "name": "fig-bands"}, "image": {"alt": "Four groups of three bars. About half of the recordings are in the lowest band in every split, and the published diamonds lie at the ends of the bars."}}
published = {"minimal": 0.50, "mild": 0.20, "moderate": 0.16, "severe": 0.14}
names = [f"{band}\n{low} to {high}" for band, low, high in BANDS]
bands = pd.cut(cohort.recordings["bdi"], [-1, *(high for *_, high in BANDS)], labels=names)
shares = bands.groupby(cohort.recordings["split"]).value_counts(normalize=True)
shares = shares.rename("share").rename_axis(["split", "band"]).reset_index()

fig, ax = plt.subplots(figsize=(4.8, 2.8))
sns.barplot(shares, x="band", y="share", hue="split", order=names, hue_order=SPLITS,
            palette=figures.KINDS[:3], linewidth=0, ax=ax)  # fmt: skip
ax.plot(names, list(published.values()), "D", color=figures.GREY, label="AVEC2014, Test")
ax.legend(title="")
ax.set_title("Half of the recordings show hardly any depression")
ax.set(xlabel="", ylabel="share of recordings")
figures.keep(fig, shares, "simulated cohort (default); published shares of AVEC2014")

# %% [markdown]
# ## Persons return
#
# The official split of AVEC2014 is by recording, not by person: a Test recording may show somebody
# whom a model has seen in training. It matters, because severity changes less between two sessions
# of one person than between two persons. So the cohort has the same property.

# %%
test = cohort.recordings[cohort.recordings["split"] == "test"]
known = set(cohort.recordings.loc[cohort.recordings["split"] != "test", "person"])
returning = int(test["person"].isin(known).sum())

large = SimulatedCohort("default", seed=1, n_recordings=3000)  # labels only; nothing is rendered
sessions = large.recordings.groupby("person")["bdi"]
first, later = sessions.transform("first"), large.recordings["bdi"]
again = large.recordings["person"].duplicated()
say(
    f"{cohort.recordings['person'].nunique()} persons appear in {len(cohort.recordings)} "
    f"recordings; {returning} of the {len(test)} Test recordings show a person of Train or Dev. "
    f"In a draw of 3,000 recordings, two scores of one person correlate at "
    f"{pcc(later[again], first[again]):.2f}."
)

# %%
constant = mae(later[again], np.full(again.sum(), later.median()))
recognised = mae(later[again], first[again])
assert recognised < constant - 1, "to know the person helps little: rewrite the paragraph"

# %% [markdown]
# A model that does nothing but recognise a person and repeat the earlier score is therefore better
# than a constant. [Chapter 12](12_choosing_on_dev.ipynb) shows what that does to a comparison.
#
# ## Most clips are shorter than the protocol's sequence
#
# The study cuts each clip at 2,000 frames and fills shorter ones with padding. Lengths here are
# interpolated between published quantiles of the corpus (zhen-gitch/STC).

# %% mystnb={"figure": {"caption": "Clip lengths of the cohort, cumulated. Dots: published quantiles of AVEC2014. Dashed: where the protocol cuts.", "name": "fig-lengths"}, "image": {"alt": "A rising curve that passes through the published quantiles; about three quarters of the clips lie left of the dashed line at 2,000 frames."}}
limit = Protocol().sequence_length
lengths = cohort.recordings[["recording", "n_frames"]]
short = (lengths["n_frames"] < limit).mean()

fig, ax = plt.subplots(figsize=(4.6, 2.7))
sns.ecdfplot(lengths, x="n_frames", color=figures.KINDS[0], ax=ax)
ax.plot(*np.array(CLIP_LENGTHS).T[::-1], "o", color=figures.GREY)
ax.axvline(limit, color=figures.GREY, linestyle="--", linewidth=1)
ax.annotate("cut at 2,000", (limit, 0.05), (5, 0), textcoords="offset points", fontsize=10)
ax.set_title("Three of four sequences end in padding")
ax.set(xlabel="frames of a clip", ylabel="share of recordings", xlim=(0, 7600))
figures.keep(fig, lengths, "simulated cohort (default); published quantiles of AVEC2014")

# %%
assert limit == 2000
assert 0.7 < short < 0.8, "rewrite the title"

# %% [markdown]
# ## What severity moves
#
# Severity reaches the face through ten tendencies, such as how strongly a person smiles or how fast
# the head moves. Their directions and sizes are taken from published work: people with severe
# depression smile less and move the head less
# ([Girard et al. 2014](https://doi.org/10.1016/j.imavis.2013.12.007)), the dynamics of face and
# head follow severity ([Kacem et al. 2018](https://doi.org/10.1109/FG.2018.00116)), and they look
# down for longer ([Alghowinem et al. 2013](https://doi.org/10.1109/ACII.2013.53)). Where studies
# disagree the effect is zero. A habit that is not depression, such as being lively, moves most of
# them too, and hides part of what severity does.

# %% mystnb={"figure": {"caption": "Correlation of each behavioural tendency with BDI-II: what we set after the literature, times the strength of this world (bars: the range that the literature leaves open), and what a draw of 3,000 recordings has.", "name": "fig-latents"}, "image": {"alt": "Ten rows. Head velocity and expressivity lie furthest to the left, brow lowering and looking down to the right; found values lie on the values set."}}
gain, bdi = cohort.world.gain, large.recordings["bdi"]
effects = pd.DataFrame(map(vars, LATENTS))
effects["set"] = gain * effects["correlation"]
effects["found"] = [pcc(large.truth[name], bdi) for name in effects["name"]]
effects = effects.sort_values("set").reset_index(drop=True)
effects["label"] = effects["name"].str.replace("_", " ")

fig, ax = plt.subplots(figsize=(4.8, 3.4))
ax.hlines(effects["label"], gain * effects["low"], gain * effects["high"], color=figures.GREY, lw=4,
          alpha=0.3)  # fmt: skip
for column, marker, colour in (("set", "o", figures.KINDS[1]), ("found", "D", figures.KINDS[0])):
    sns.scatterplot(effects, x=column, y="label", color=colour, marker=marker, s=55, linewidth=0,
                    label=column, ax=ax)  # fmt: skip
ax.axvline(0, color=figures.GREY, linewidth=1)
ax.set_title("No single behaviour says much")
ax.set(xlabel="correlation with BDI-II", ylabel="")
figures.keep(fig, effects, "simulated cohort (default), a draw of 3,000 recordings")

# %%
assert (effects["found"] - effects["set"]).abs().max() < 0.06, "the generator left its assumptions"
assert effects["found"].abs().max() < 0.45, "one behaviour now says much: rewrite the title"

# %% [markdown]
# The tendencies set rates and sizes of events, frame by frame: smiles come and go, gaze jumps, the
# head drifts. Here is half a minute of the mildest recording and of the most severe one.

# %% mystnb={"figure": {"caption": "Thirty seconds of true motion in the recordings with the lowest and the highest score. Gaze: positive is down. Head: angular speed in degrees a second. The others in shares of their largest size.", "name": "fig-tracks"}, "image": {"alt": "Four rows of curves in two columns. Both recordings show short smiles, a gaze that moves in steps and a head that is never still; in the severe one the brow stays tense and the gaze lower."}}
long = cohort.recordings[cohort.recordings["n_frames"] >= 30 * FPS].sort_values("bdi")
names = {"smile": "smile", "brow_lower": "brow", "gaze_y": "gaze", "head": "head"}
fig, axes = plt.subplots(4, 2, figsize=(5.4, 4.4), sharex=True, sharey="row")
tracks = []
for column, record in zip(axes.T, long.iloc[[0, -1]].itertuples(), strict=True):
    track = pd.DataFrame(cohort.trajectories(record.recording)[: 30 * FPS], columns=CHANNELS)
    track["head"] = np.hypot(*np.gradient(track[["yaw", "pitch"]], axis=0).T) * FPS
    track["second"] = track.index / FPS
    for ax, (channel, name) in zip(column, names.items(), strict=True):
        sns.lineplot(track, x="second", y=channel, linewidth=1, color=figures.KINDS[0], ax=ax)
        ax.set(ylabel=name)
    column[0].set_title(f"BDI-II {record.bdi:.0f}", fontsize=10, fontweight="normal")
    tracks.append(track[["second", *names]].assign(recording=record.recording))
fig.suptitle("Half a minute hardly tells two extremes apart", x=0.02, ha="left", fontweight="bold",
             fontsize=11)  # fmt: skip
figures.keep(fig, pd.concat(tracks), "simulated cohort (default)")

# %% [markdown]
# ## What must not tell the score
#
# If a face itself gave the score away, a model could cheat. Faces, hair, rooms and light are drawn
# from random streams of their own. To check, we predict the score of a person from the thirty-two
# numbers that make their face, each person by a model that was fitted on others.

# %%
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict

people = large.recordings.drop_duplicates("person")
faces = np.stack([large.identity(name) for name in people["recording"]])
guess = cross_val_predict(RidgeCV(np.logspace(0, 4, 9)), faces, people["bdi"], cv=5)
leak = pcc(people["bdi"], guess)
chance = 2 / np.sqrt(len(people))
assert leak < chance, "the face tells the score: find the leak before anything else"
say(
    f"Over {len(people):,} persons the correlation of guess and score is {leak:.2f}; chance alone "
    f"reaches {chance:.2f} in either direction."
)

# %% [markdown]
# ## The best that any model can do
#
# An *oracle* knows the ten tendencies of a recording exactly and the rules by which we drew them, and
# says the score that minimises the expected error. No model that reads behaviour alone can beat it on
# average. (One that recognises persons may.) Three worlds differ in one number, the strength of the
# link: in `null` severity moves nothing, in `default` the single correlations are a quarter above the
# published ones, in `published` they are as strong as the best published errors would need. Two more,
# in which severity moves nothing but the *order* of movement, have a [chapter of their
# own](10_when_order_matters.ipynb).

# %%
levels = [name for name, world in WORLDS.items() if world.movement is None]
oracle = pd.DataFrame(
    {"world": name, "strength": WORLDS[name].gain, **vars(oracle_error(WORLDS[name]))}
    for name in levels
)
oracle["pcc"] = oracle["pcc"].where(oracle["strength"] > 0)
shown = oracle[["world", "strength", "constant_mae", "mae", "pcc", "r2"]]
table(shown.rename(columns={"mae": "oracle_mae", "r2": "R2", "pcc": "oracle_pcc"}))

# %% mystnb={"figure": {"caption": "MAE of the oracle and of the best constant over an endless population, and of the oracle on the 50 Test recordings of this draw.", "name": "fig-oracle"}, "image": {"alt": "Three rows, one a world. In null the oracle stands on the constant; in default it is two points better, in published four."}}
oracle["this draw"] = np.nan
for world in levels:
    one = SimulatedCohort(world)
    rows = one.recordings["split"] == "test"
    drawn = mae(one.recordings.loc[rows, "bdi"], one.truth.loc[rows, "oracle_median"])
    oracle.loc[oracle["world"] == world, "this draw"] = drawn

fig, ax = plt.subplots(figsize=(4.6, 2.4))
ax.hlines(
    oracle["world"], oracle["mae"], oracle["constant_mae"], color=figures.GREY, lw=4, alpha=0.3
)
looks = {"constant_mae": ("constant", "s", figures.GREY), "mae": ("oracle", "o", figures.COLOURS["oracle"]),
         "this draw": ("oracle, 50 recordings", "|", figures.COLOURS["oracle"])}  # fmt: skip
for column, (name, marker, colour) in looks.items():
    ax.plot(oracle[column], oracle["world"], marker, color=colour, label=name, markersize=9)
ax.legend(loc="upper left", bbox_to_anchor=(-0.02, 1.05), handletextpad=0.2)
ax.set_title("Published effects leave most of the error")
ax.set(xlabel="MAE, BDI-II points", xlim=(2, 10), ylim=(2.4, -0.4))
figures.keep(fig, oracle, "simulated cohort, three worlds")

# %%
by_world = oracle.set_index("world")
share = 1 - by_world["mae"] / by_world["constant_mae"]
assert share["null"] == 0, "behaviour tells something in the null world"
assert 0.15 < share["default"] < 0.25, "no longer about a fifth: rewrite the answer at the top"
assert share["published"] < 0.5, "most of the error is gone: rewrite the title"
assert WORLDS["default"].gain == 1.25 and 1.9 < WORLDS["published"].gain < 2.2, (
    "rewrite: the strengths"
)

# %% [markdown]
# Even somebody who knows the behaviour exactly keeps four fifths of a constant's error in the default
# world. To reach the best published errors, behaviour would have to follow severity about twice as
# strongly as published single effects do. And fifty recordings blur the picture: the mark of this
# draw lies beside the oracle's own.
#
# **Try it**: `SimulatedCohort("default", seed=2)` draws another cohort of the same kind. Run the
# page again and see which of the numbers above are the generator's and which are luck.
#
# ## What it does not show
#
# Real behaviour. The effects are averages of small studies with other tasks, the tendencies are
# independent of age and sex, the faces are simple, and nobody speaks in words. A method that works
# here has been tested on assumptions, one that fails here has failed where the truth was known.
# Light, room and camera never depend on severity; in a clinic they may. The
# [limits](17_limits.ipynb) say more, and the pixels become numbers in the
# [next chapter](03_extraction.ipynb).
