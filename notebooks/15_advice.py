# ---
# jupyter:
#   deplib:
#     needs:
#     - results/default/*.parquet
#     - results/small/*.parquet
#     - results/published/*.parquet
#     - results/pretraining/published/*.parquet
#     - results/deployment.json
#     uses:
#     - deplib.models.hybrid
#     - deplib.training
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
# # The study's advice: does any of it help?
#
# **None of it lowers the error demonstrably. Half of what was tried is equivalent to doing without,
# and the other half stays undecided: fifty Test recordings do not tell.** The study ends with advice
# for the next architecture and tests none of it. Here what can be tried on a simulated cohort is an
# option of the same protocol, differs from its reference in one thing, and is tried on the same
# persons. What comes nearest to helping are features that show what a face does: its actions, alone
# or beside identities. What a model says of its own uncertainty is badly wrong; a width taken from
# the errors on Dev holds. Exporting to 8 bits costs nothing. And two of the three targets of error
# are nearly met by a constant.
#
# Two worlds are asked: `default`, and `published`, in which behaviour tells as much as the strongest
# published figures would need. What is costly to train was trained in the second alone. Nothing was
# tuned, and every option was trained from the same five seeds.

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

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from scipy.stats import norm, spearmanr
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.preprocessing import normalize

from deplib import figures, results, study
from deplib.baselines import references, ridge
from deplib.cohorts.simulated import INDEX, LATENT_NAMES, oracle_error, world_named
from deplib.extraction import SHOWN, embedded_encoder, known_renders, open_encoder, stream
from deplib.metrics import MAE_TOLERANCE
from deplib.protocol import Protocol
from deplib.report import badge, say, table
from deplib.statistics import holm, mean_over_persons, score_runs
from deplib.training import train

figures.style()
badge("default")

# %% [markdown]
# ## Seven pieces of advice, and the report's question
#
# One table holds all runs; a name says what a run saw and how it was taught. *Late fusion* averages
# one model for each stream; a recording that lacks a stream is averaged over the others.

# %%
WORLDS = ("default", "published")
SEEDS = [0, 1, 2, 3, 4]


def named(runs: pd.DataFrame) -> pd.DataFrame:
    """Name each run by its model, its features, and what else is different."""
    how = runs["recipe"].where(runs["recipe"] == "protocol", ", " + runs["recipe"])
    less = pd.Series("", index=runs.index).where(runs["missing"] == 0, ", streams missing")
    of = runs["features"] + how.replace("protocol", "") + less
    return runs.assign(model=runs["model"] + " (" + of + ")")


def late(runs: pd.DataFrame, missing: float) -> pd.DataFrame:
    """Return the mean over one HybridPooling a stream, of the streams that a recording has."""
    plain = runs[(runs["model"] == "HybridPooling") & (runs["recipe"] == "protocol")]
    face = plain[(plain["features"] == "identity")]
    other = plain[plain["features"].isin(["action", "pulse"]) & (plain["missing"] == missing)]
    by = ["seed", "recording", "person", "split"]
    fused = pd.concat([face, other]).groupby(by, as_index=False)[["bdi", "bdi_hat"]].mean()
    return fused.assign(model="late fusion" + (", streams missing" if missing else ""))


tables, plain = {}, {"labels": "true", "precision": "float32", "lost": 0.0, "seed": SEEDS}
for world in WORLDS:
    runs = results.load(world, **plain, split_rule="official")
    if world == "published":  # costly, so asked where the link is strong, and in a study apart
        apart = results.load(world, root=results.folder() / "pretraining")
        runs = pd.concat([runs, apart]).sort_values(results.SPEC, kind="stable")
    cohort = study.open_cohort(world)
    known = references(cohort.recordings, cohort.truth)
    tables[world] = pd.concat([named(runs), late(runs, 0.0), late(runs, 0.5), known])

# %% [markdown]
# A pair is an option and what it differs from in one thing. The first of each piece of advice is its
# main comparison and is drawn below; the last block is the report's own question, asked again of
# better features.

# %%
MEAN, HYBRID, GRU = "TemporalMeanMLP (%s)", "HybridPooling (%s)", "MambaGRU (%s)"
AFFECT, IDENTITY = HYBRID % "affect", HYBRID % "identity"
ADVICE = {
    "affect encoder": [
        (AFFECT, IDENTITY),
        (HYBRID % "identity+affect", IDENTITY),
        (HYBRID % "random", IDENTITY),
        (MEAN % "affect", MEAN % "identity"),
    ],
    "mean and attention": [(IDENTITY, MEAN % "identity"), (AFFECT, MEAN % "affect")],
    "smoothed labels": [
        (HYBRID % f"{features}, smoothed", HYBRID % features) for features in ("identity", "affect")
    ],
    "bags of windows": [
        (HYBRID % f"{features}, bags", HYBRID % features) for features in ("identity", "affect")
    ],
    "pretraining": [(GRU % "affect, pretrained", GRU % "affect")],
    "all streams at once": [
        (HYBRID % "identity+action+pulse", IDENTITY),
        (HYBRID % "identity+action+pulse, streams missing", IDENTITY),
    ],
    "a model for each stream": [
        ("late fusion", IDENTITY),
        ("late fusion, streams missing", IDENTITY),
        (HYBRID % "action", IDENTITY),
        (HYBRID % "pulse", IDENTITY),
    ],
    "time, on affect": [
        ("LDBM (affect)", MEAN % "affect"),
        (GRU % "affect", MEAN % "affect"),
    ],
}

# %% [markdown]
# Four verdicts, by a margin that was stated before looking: one point, or half of what lies between
# the best constant and the oracle where that is less. (The smallest change that matters clinically is
# no margin: at two and a half points it is more than some worlds hold.) *Better* and *worse* mean a
# difference by a test of sign flips over persons, after Holm's correction over all comparisons of a
# world. *Equivalent* means that the 90 % interval of the difference lies within the margin.
# *Undecided* means that fifty Test recordings do not tell. Intervals draw persons and seeds, for the
# question is about designs.


# %%
learnable = {world: oracle_error(world_named(world)) for world in WORLDS}
MARGIN = {w: min(1.0, (e.constant_mae - e.mae) / 2) for w, e in learnable.items()}


def judged(world: str) -> pd.DataFrame:
    """Return all comparisons of a world that were trained: effect, p-values and verdict."""
    test = tables[world].query("split == 'test'")
    there = set(test["model"])
    pairs = [(a, *pair) for a, group in ADVICE.items() for pair in group if there.issuperset(pair)]
    scores = score_runs(test[test["model"].isin({name for _, *pair in pairs for name in pair})])
    corrected = holm([scores.test(a, b).p_value for _, a, b in pairs])
    rows = []
    for (advice, a, b), p_holm in zip(pairs, corrected, strict=True):
        effect = scores.difference(a, b, draw_seeds=True)
        same = scores.equivalence(a, b, MARGIN[world], draw_seeds=True).equivalent
        verdict = "equivalent" if same else "undecided"
        if p_holm < 0.05:
            verdict = "better" if effect.estimate < 0 else "worse"
        rows.append((world, advice, a, b, effect.estimate, effect.low, effect.high,
                     scores.test(a, b).p_value, p_holm, verdict))  # fmt: skip
    columns = "world advice option reference effect low high p p_holm verdict"
    return pd.DataFrame(rows, columns=columns.split())


compared = pd.concat(map(judged, WORLDS), ignore_index=True)
main = compared.groupby(["world", "advice"], sort=False).first().reset_index()


# %%
def two_worlds(rows: pd.DataFrame, ax: plt.Axes) -> None:
    """Draw ``effect`` from ``low`` to ``high`` for each ``label`` and ``world``, labels above."""
    labels = list(dict.fromkeys(rows["label"]))
    left = rows["low"].min()
    for k, (world, part) in enumerate(rows.groupby("world", sort=False)):
        y = part["label"].map(labels.index) + 0.1 + 0.26 * k
        error = [part["effect"] - part["low"], part["high"] - part["effect"]]
        style = {"fmt": figures.MARKS[k], "color": figures.KINDS[k], "label": world}
        ax.errorbar(part["effect"], y, xerr=error, **style)
    for y, label in enumerate(labels):
        ax.annotate(label, (left, y), va="bottom", fontsize=10)
    ax.axvline(0, color=figures.GREY, linestyle="--", linewidth=1)
    ax.set(ylim=(len(labels) - 0.3, -0.8), yticks=[])
    ax.spines["left"].set_visible(False)
    ax.legend(loc="upper right", ncols=2)


# %% mystnb={"figure": {"caption": "Test MAE of each option minus that of its reference, mean over five seeds, in two simulated worlds. Bars: 95 % intervals over persons and seeds. Shaded: within the margin. The CSV holds all comparisons.", "name": "fig-advice"}, "image": {"alt": "A row for each piece of advice with a mark and a bar for each of two worlds. All bars contain zero. Those of the affect encoder and of a model for each stream reach furthest to the left; the others lie within a point of zero."}}
fig, ax = plt.subplots(figsize=(5.2, 5.4))
half = min(MARGIN.values())
ax.axvspan(-half, half, color=figures.MARGIN, alpha=0.2, linewidth=0)
two_worlds(main.assign(label=main["advice"]), ax)
ax.set(xlabel="change in Test MAE, points (left is better)", xlim=(-3.2, 2.8))
ax.set_title("No advice lowers the error demonstrably")
figures.keep(fig, compared, "simulated cohort (default and published), seeds 0 to 4")

# %%
shown = main.assign(
    change=[f"{r.effect:+.2f} ({r.low:+.2f} to {r.high:+.2f})" for r in main.itertuples()]
)
said = shown.pivot_table(
    index="advice", columns="world", values="verdict", aggfunc="first", sort=False
)
wide = shown.pivot_table(
    index="advice", columns="world", values="change", aggfunc="first", sort=False
)
wide["verdict"] = [" / ".join(dict.fromkeys(row.dropna())) for _, row in said.iterrows()]
table(wide.fillna("").reset_index().rename_axis(columns=None))

# %%
assert (compared["p_holm"] > 0.05).all(), "something helps or harms: rewrite the answer"
assert compared["low"].max() < 0 < compared["high"].min()
counts = compared["verdict"].value_counts()
assert (counts / len(compared)).between(0.4, 0.6).all(), "not half and half: rewrite the answer"
best = compared.loc[compared["p"].idxmin()]
say(
    f"Of {len(compared)} comparisons, {counts['undecided']} stay undecided and {counts['equivalent']} "
    f"are equivalent within {half:.2f} points. The smallest p-value before any correction is "
    f"{best['p']:.3f}, of {best['option']} in `{best['world']}`."
)

# %% [markdown]
# *Read the affect encoder's row with care.* An encoder that was **not trained at all** gains twice as
# much over the identity encoder in `default`, and nearly as much in `published`. Identity features
# invite a model to learn faces, and any features that do so less are safer. Only in `published` does
# the affect encoder bring the error below the constant's, and there, too, its interval contains zero.
# Where levels tell, as here, the architecture does not begin to matter on better features either:
# LDBM and MambaGRU err a little more than the plain average. (Where order tells, [it
# does](10_when_order_matters.ipynb).) Under the protocol's L1 loss a smoothed target seldom changes
# the sign of a gradient, so a small effect is all that smoothing can have.
#
# ## Where does the information get lost?
#
# A ladder from nothing to everything: ridge regression on the embeddings, on the same two summaries
# (mean and SD) of the *true behaviour* that the frames show, and on the true latents; then the oracle,
# which knows how latents and severity belong together. Dev chooses each penalty.


# %%
def ladder(world: str) -> pd.DataFrame:
    """Return each rung's Test MAE minus the constant's, with its interval over persons."""
    cohort = study.open_cohort(world)
    people, frames = cohort.recordings, Protocol().sequence_length
    tracks = [cohort.trajectories(recording)[:frames] for recording in people["recording"]]
    behaviour = np.array([np.r_[track.mean(axis=0), track.std(axis=0)] for track in tracks], float)
    rungs = {
        "behaviour": ridge(behaviour[:, behaviour.std(axis=0) > 0], people).predictions,
        "latents": ridge(cohort.truth[list(LATENT_NAMES)].to_numpy(), people).predictions,
        "embeddings": results.load(world, **results.ABLATION, model="RidgeMeanSD"),
    }
    parts = [rung.assign(model=name, seed=0) for name, rung in rungs.items()]
    both = pd.concat([*parts, references(people, cohort.truth)])
    scores = score_runs(both[both["split"] == "test"])
    names = {"embeddings": "ridge on embeddings", "behaviour": "ridge on true behaviour",
             "latents": "ridge on true latents", "oracle": "the oracle"}  # fmt: skip
    found = [(label, scores.difference(name, "constant")) for name, label in names.items()]
    found.append(("step", scores.difference("behaviour", "embeddings")))
    return pd.DataFrame([(world, n, d.estimate, d.low, d.high) for n, d in found],
                        columns=["world", "label", "effect", "low", "high"])  # fmt: skip


rungs = pd.concat(map(ladder, WORLDS), ignore_index=True)

# %% mystnb={"figure": {"caption": "Test MAE of each predictor minus that of the constant, in two simulated worlds. Bars: 95 % intervals over persons.", "name": "fig-ladder"}, "image": {"alt": "Four rows. Ridge on embeddings lies right of zero, ridge on the true behaviour and on the latents near zero or left of it, the oracle furthest to the left; in the published world further left than in the default one."}}
fig, ax = plt.subplots(figsize=(5.2, 3.4))
two_worlds(rungs[rungs["label"] != "step"], ax)
ax.set(xlabel="Test MAE minus the constant's, points", xlim=(-6, 3.5))
ax.set_title("Embeddings seem to lose what behaviour holds")
figures.keep(fig, rungs, "simulated cohort (default and published), ridge regression")

# %%
step = rungs.query("label == 'step'").set_index("world")
assert (step["effect"] < -0.5).all() and (step["high"] > 0).all(), "rewrite the title"
of = {
    world: f"{gap.effect:+.1f} ({gap.low:+.1f} to {gap.high:+.1f})"
    for world, gap in step.iterrows()
}
oracle = rungs.query("label == 'the oracle'").set_index("world")
assert oracle.loc["published", "high"] < 0
say(
    f"From embeddings to true behaviour the error changes by {of['default']} points in `default` and "
    f"{of['published']} in `published`."
)

# %% [markdown]
# That step is what a better encoder could gain, though both intervals contain zero. The next one, to
# the latents, is what a better model of time could gain; what is left between the oracle and a
# perfect score is out of reach of behaviour.
#
# ## What can be read from each encoder?
#
# New persons are drawn, with faces and expressions of no cohort. A linear map is fitted on some of
# them and tested on others: can it tell what the renderer was asked to show?

# %%
rng = stream("held-out", 7)
drawn = [known_renders(12, share=6, rng=rng) for _ in range(90)]
frames = np.concatenate([pictures for pictures, _ in drawn])
asked = np.concatenate([shown for _, shown in drawn])[:, [INDEX[name] for name in SHOWN]]
person = np.repeat(np.arange(90), 12)
fit, new, alphas = person < 60, person >= 60, np.logspace(-3, 1, 9)


def readable(features: np.ndarray) -> np.ndarray:
    """Return the R2 of each quantity on new persons; the penalty is chosen on the others."""
    groups = {"groups": person[fit], "cv": GroupKFold(5)}
    tried = [cross_val_predict(Ridge(a), features[fit], asked[fit], **groups) for a in alphas]
    error = [((asked[fit] - told) ** 2).mean(axis=0) for told in tried]
    model = Ridge(alphas[np.argmin(error, axis=0)]).fit(features[fit], asked[fit])
    return r2_score(asked[new], model.predict(features[new]), multioutput="raw_values")


def same_person(features: np.ndarray) -> float:
    """Return how often two pictures of one new person are closer than two of two (AUC)."""
    within = features[fit] - features[fit].reshape(60, 12, -1).mean(axis=1).repeat(12, axis=0)
    spread = np.cov(within.T) + 0.1 * within.var() * np.eye(within.shape[1])
    z = normalize(features[new] @ np.linalg.cholesky(np.linalg.inv(spread)))
    pair = np.triu_indices(len(z), k=1)
    return roc_auc_score(np.equal.outer(person[new], person[new])[pair], (z @ z.T)[pair])


encoders = {"identity": embedded_encoder()} | {k: open_encoder(k) for k in ("affect", "random")}
features = {name: encoder.embed(frames).features for name, encoder in encoders.items()}
read = {name: readable(rows).round(2) for name, rows in features.items()}
known = same_person(features["affect"])

# %% mystnb={"figure": {"caption": "R2 of a linear read-out on persons it was not fitted on, by what the renderer was asked to show and by encoder: trained on identities, trained on the renderer's own parameters, not trained.", "name": "fig-readable"}, "image": {"alt": "A row for each action, gaze and turn of the head. The affect encoder's marks stand between 0.6 and 1, the identity encoder's mostly near zero with yaw as the exception, the untrained one's near zero."}}
shares = pd.DataFrame(read, index=[name.replace("_", " ") for name in SHOWN]).rename_axis("shown")
long = shares.reset_index().melt("shown", var_name="encoder", value_name="R2")
fig, ax = plt.subplots(figsize=(5.2, 4.6))
sns.stripplot(long, x="R2", y="shown", hue="encoder", palette=list(figures.KINDS[:3]), size=8,
              jitter=False, ax=ax)  # fmt: skip
ax.grid(axis="y")
ax.set(xlim=(-0.3, 1.05), ylabel="", title="An identity encoder hides expressions")
ax.legend(title="", loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)
figures.keep(fig, shares, "rendered persons of no cohort, seed 7")

# %%
expressions = shares.drop(["gaze x", "gaze y", "yaw", "pitch"])
assert expressions["affect"].mean() - expressions["identity"].mean() > 0.6
assert known > 0.9, "identity is gone from the affect features: rewrite"

# %% [markdown]
# An affect encoder that saw the renderer's own parameters is an upper bound: no annotator of real
# faces has them. And it still knows who is shown: on new persons, a linear map tells two pictures of
# one person from those of two nearly always.
#
# ## Does a model know when it is wrong?
#
# The study asks for Monte Carlo dropout. Beside it stands an ensemble of five seeds; both are
# HybridPooling on affect features in `published`. Their 90 % intervals are taken at their word, or
# replaced by one width for all that would have held on Dev (split conformal: the 46th smallest of 50
# absolute errors), or by that width scaled with their SD. A width from Dev is right if persons are as
# strange to the model there as in Test. In the official split they are not: two in five Dev recordings
# are of persons in Train, of Test one in six. So the ensemble stands there once more, of the split in
# which nobody is in two parts.


# %%
def width_on_dev(score: pd.Series, level: float = 0.9) -> float:
    """Return the ceil((n + 1) level)-th smallest score: split conformal prediction."""
    return float(np.sort(score)[int(np.ceil((len(score) + 1) * level)) - 1])


def stated(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return how often each kind of 90 % interval holds a Test label, and its mean width."""
    dev, test = (table[table["split"] == split] for split in ("dev", "test"))
    error = (dev["bdi"] - dev["bdi_hat"]).abs()
    half = {"one width from Dev": pd.Series(width_on_dev(error), index=test.index)}
    if "bdi_sd" in table:
        half["own SD"] = norm.ppf(0.95) * test["bdi_sd"]
        half["SD, scaled on Dev"] = width_on_dev(error / dev["bdi_sd"]) * test["bdi_sd"]
    rows = []
    for kind, h in half.items():
        low, high = ((test["bdi_hat"] + sign * h).clip(0, 63) for sign in (-1, 1))
        inside = test["bdi"].between(low - 1e-3, high + 1e-3).astype(float)
        share = mean_over_persons(inside, test["person"], rng=np.random.default_rng(2014))
        row = {"model": name, "interval": kind, "held": share, "width": (high - low).mean()}
        rows.append(row)
    return pd.DataFrame(rows)


# %%
world = tables["published"]
by = ["recording", "person", "split", "bdi"]
by_split = {"official": world[world["model"] == AFFECT]}
by_split["disjoint"] = results.load(
    "published", **plain, split_rule="disjoint", model="HybridPooling", features="affect"
)
ensembles, known = {}, {}
for rule, runs in by_split.items():
    five = runs.assign(bdi=runs["bdi"].round(3)).groupby(by)["bdi_hat"]
    ensembles[rule] = five.agg(bdi_hat="mean", bdi_sd="std").reset_index()
    who = {split: rows["person"] for split, rows in ensembles[rule].groupby("split")}
    known[rule] = {split: who[split].isin(who["train"]).mean() for split in ("dev", "test")}
ensemble = ensembles["official"]
assert known["official"]["dev"] > 2 * known["official"]["test"] > 0, (
    "rewrite: persons of Train in Dev and Test"
)
assert not any(known["disjoint"].values())
dropout = world[
    (world["model"] == "HybridPooling-dropout (affect, dropout)") & (world["seed"] == 0)
]
constant = world[world["model"] == "constant"].drop(columns="bdi_sd")
trust = pd.concat(
    [
        stated(ensemble, "five seeds"),
        stated(ensembles["disjoint"], "five seeds, new persons"),
        stated(dropout, "dropout"),
        stated(constant, "constant"),
    ]
)
shown = trust.assign(held=[f"{100 * s.estimate:.0f} % ({100 * s.low:.0f} to {100 * s.high:.0f})"
                           for s in trust["held"]], width=trust["width"].round())  # fmt: skip
table(shown, digits=0)

# %%
own = trust[trust["interval"] == "own SD"]
assert all(share.high < 0.5 for share in own["held"]), "their SDs hold more now: rewrite"
one = trust[trust["interval"] == "one width from Dev"]
assert all(0.9 in share for share in one["held"])
wide = one.set_index("model")["width"]
assert wide["five seeds, new persons"] > wide["five seeds"], "rewrite: new persons widen nothing"
for predictor in (ensemble, dropout):
    test = predictor[predictor["split"] == "test"]
    assert abs(spearmanr(test["bdi_sd"], (test["bdi"] - test["bdi_hat"]).abs()).statistic) < 0.28

# %% [markdown]
# Their SDs say how far models of one kind disagree, and nothing of the noise in the label: intervals
# that should hold 90 % of the labels hold fewer than one in four. Nor is a link of SD and error
# shown. One width from Dev held about 90 %, at the price of half the scale (fifty recordings cannot tell
# 80 % from 98 %), and on persons whom
# nobody has seen it is a little wider; it holds as well around a constant. `deplib export` writes that
# width into the card of a model. The study's other monitor, `sigma_ratio`, warns of a collapse
# ([MambaGRU](07_mamba_gru.ipynb) shows one) and says nothing of a single answer.
#
# ## A head that adapts to its person
#
# On the split in which nobody is in two parts, the residuals of a person's earlier sessions shift the
# answers for later ones, by $k / (k + \lambda)$ of their mean after $k$ sessions; Dev chooses
# $\lambda$. The rival that matters is the *earlier label alone*, shrunk towards the mean in the same
# way, which looks at no video.


# %%
def shifted(rows: pd.DataFrame, support: pd.DataFrame, lam: float) -> pd.Series:
    """Return answers shifted by the residuals of a person's earlier sessions; nan without any."""
    pairs = rows.merge(support, on="person", suffixes=("", "_before"))
    pairs = pairs[pairs["session_before"] < pairs["session"]]
    before = pairs.groupby("recording")["residual_before"].agg(["size", "mean"])
    shift = before["size"] / (before["size"] + lam) * before["mean"]
    return rows["bdi_hat"] + rows["recording"].map(shift)


def adapted(run: pd.DataFrame) -> pd.DataFrame:
    """Return one run's later Test recordings, adapted by the penalty that Dev chooses."""
    session = run["recording"].str.split("_").str[1].astype(int)
    run = run.assign(session=session, residual=run["bdi"] - run["bdi_hat"])
    dev, test = (run[run["split"] == split] for split in ("dev", "test"))
    grid = [np.inf, 16, 8, 4, 2, 1, 0.5, 0.25, 0]
    error = [(shifted(dev, dev, lam) - dev["bdi"]).abs().mean() for lam in grid]
    answer = shifted(test, pd.concat([dev, test]), grid[int(np.argmin(error))])
    return test.assign(unadapted=test["bdi_hat"], bdi_hat=answer).dropna(subset=["bdi_hat"])


def adapting(world: str) -> pd.DataFrame:
    runs = results.load(world, **plain, split_rule="disjoint", model="HybridPooling")
    runs = runs[runs["features"] == "affect"]
    later = pd.concat([adapted(run) for _, run in runs.groupby("seed")])
    first = runs[runs["seed"] == 0]
    mean = first.loc[first["split"] == "train", "bdi"].mean()
    label = adapted(first.assign(bdi_hat=mean)).assign(model="label", seed=0)
    before = later.assign(bdi_hat=later["unadapted"], model="unadapted")
    scores = score_runs(pd.concat([later.assign(model="adapted"), before, label]))
    rivals = {"the same, not adapted": "unadapted", "the earlier label alone": "label"}
    found = [(world, f"minus {words}", scores.difference("adapted", rival, draw_seeds=True))
             for words, rival in rivals.items()]  # fmt: skip
    return pd.DataFrame([(w, n, d.estimate, d.low, d.high) for w, n, d in found],
                        columns=["world", "label", "effect", "low", "high"])  # fmt: skip


# %% mystnb={"figure": {"caption": "Test MAE on later sessions of HybridPooling (affect) with an adapted head, minus that of the same model without, and minus that of the earlier label alone. Bars: 95 % intervals over persons and seeds.", "name": "fig-adapting"}, "image": {"alt": "Two rows with a mark and a bar for each of two worlds, all left of zero with bars that contain it."}}
heads = pd.concat(map(adapting, WORLDS), ignore_index=True)
fig, ax = plt.subplots(figsize=(5.2, 2.6))
two_worlds(heads, ax)
ax.set(xlabel="difference in MAE on later sessions, points", xlim=(-4, 3))
ax.set_title("What adapting adds is not shown")
figures.keep(fig, heads, "simulated cohort (default and published), person-disjoint, seeds 0 to 4")

# %%
assert (heads["effect"] < 0).all()
assert (heads["high"] > 0).all(), "adapting helps: rewrite"

# %% [markdown]
# Every difference leans towards the adapted head and none excludes zero: there are only some twenty
# later sessions to tell. Before claiming a gain, compare with the earlier label alone.
#
# ## Small enough, fast enough, good enough?
#
# `deplib export` writes a model as ONNX and refuses to where the file answers otherwise than PyTorch
# by more than 1e-4 z-units at any of nine lengths ([Your data](16_your_data.ipynb)). What do 8 bits
# cost, for the temporal model or for the encoder?

# %%
eight = results.load(
    "default", **results.ABLATION | {"precision": ["float32", "int8", "int8-encoder"]}, seed=0
).query("split == 'test'")
whole = eight.loc[eight["precision"] != "float32", "model"].unique()
scores = score_runs(eight.assign(model=eight["model"] + " " + eight["precision"]))
changes = {
    (form, name): scores.difference(f"{name} {form}", f"{name} float32")
    for form in ("int8", "int8-encoder")
    for name in whole
}
worst = {form: max(abs(d.estimate) for (f, _), d in changes.items() if f == form)
         for form in ("int8", "int8-encoder")}  # fmt: skip
assert all(d.low > -0.25 and d.high < 0.25 for d in changes.values()), "8 bits cost something"
say(
    f"Over {len(whole)} models the Test MAE changes by at most {worst['int8']:.2f} points with the "
    f"temporal model in 8 bits, and by at most {worst['int8-encoder']:.2f} with the encoder."
)

# %% [markdown]
# The study names five targets. Beside them stands what its recommended design reaches here,
# HybridPooling on identity and affect features, and what a constant reaches, which knows nothing.


# %%
def reached(world: str, name: str) -> dict[str, tuple[float, float, float]]:
    """Return value and 95 % interval of the three targets of error."""
    runs = tables[world][tables[world]["model"].isin([name])]
    test, dev = (score_runs(runs[runs["split"] == split]) for split in ("test", "dev"))
    mae, pcc, on_dev = test.summary(name), test.summary(name, "pcc"), dev.summary(name)
    gap = mae.estimate - on_dev.estimate
    # As of two independent estimates, though some persons are in both.
    below = np.hypot(mae.estimate - mae.low, on_dev.high - on_dev.estimate)
    above = np.hypot(mae.high - mae.estimate, on_dev.estimate - on_dev.low)
    return {
        "Test MAE < 9.5": (mae.estimate, mae.low, mae.high),
        "Test PCC > 0.30": (pcc.estimate, pcc.low, pcc.high),
        "Dev to Test < 1.0": (gap, gap - below, gap + above),
    }


design = HYBRID % "identity+affect"
found = {world: reached(world, design) for world in WORLDS}
found["constant"] = reached("default", "constant")
targets = pd.DataFrame(
    {who: {t: f"{v:.2f} ({low:.2f} to {high:.2f})" for t, (v, low, high) in of.items()}
     for who, of in found.items()}
)  # fmt: skip
table(targets.replace("nan (nan to nan)", "undefined").rename_axis("target").reset_index())

# %%
for of in (found["default"], found["published"]):
    assert of["Test MAE < 9.5"][2] > 9.5
    assert of["Test PCC > 0.30"][1] < 0.30
    assert of["Dev to Test < 1.0"][2] > 1.0
assert found["constant"]["Test MAE < 9.5"][0] < 9.5
assert found["constant"]["Dev to Test < 1.0"][0] < 1.0

assert results.runs("default")["n_parameters"].max() < 5e6  # the target of size
timed = json.loads((results.folder() / "deployment.json").read_text())
slowest = max(
    min(m["seconds"]) / m["frames"] for m in timed["models"] if m["precision"] == "float32"
)
frame = {(e["encoder"], e["form"]): min(e["seconds"]) + slowest for e in timed["encoders"]}
assert frame["embedded", "float32"] < 0.1
assert frame["IResNet-50", "int8"] < min(0.1, frame["IResNet-50", "float32"] / 2)
say(
    "The target of 100 ms a frame, with the slowest of the models and one thread: "
    f"{1e3 * frame['embedded', 'float32']:.1f} ms with the report's own small encoder. An encoder of "
    f"the study's size takes {1e3 * frame['IResNet-50', 'float32']:.0f} ms, and "
    f"{1e3 * frame['IResNet-50', 'int8']:.0f} ms in 8 bits. (A slower processor, measured before, took "
    "twice as long, and met the target in 8 bits only.)"
)

# %% [markdown]
# No target of error is shown to be met, and none to be missed. But two of the three ask for nearly
# nothing: a constant has no gap and, here, an MAE below 9.5. On AVEC2014 the best constant, 13.5, has
# a Test MAE of 9.54: whoever names 13.5 has looked at the Test labels, and the bands it is computed from
# rest on one public README. The mean of the Train labels, as commonly quoted, gives 9.54 to 9.76, and
# no Test label is needed for it ([Literature](14_literature.ipynb)). All models stay below 5 million
# parameters.
#
# ## Do the versioned results still hold?

# %%
again = train("HybridPooling", study.small_windows(), Protocol(epochs=10), seed=0).history
kept = results.histories("small", model="HybridPooling", seed=0).head(10)
apart = np.abs(again["dev_mae"].to_numpy() - kept["dev_mae"].to_numpy()).max()
assert apart < MAE_TOLERANCE, f"the course differs by {apart:.2f} points: run `make sweep`"

# %% [markdown]
# ## Try it
#
# Add a pair to `ADVICE`, for instance the hybrid against the constant, `(AFFECT, "constant")`. Does its
# verdict change when `draw_seeds=True` is taken away, and why may a claim about a *design* not do that?
#
# ## What this does not show
#
# What is undecided may still be true; [Few recordings](11_power.ipynb) says how many would tell. The
# affect encoder is one that nobody has for real faces, the pulse follows the simulated behaviour, and
# the study's own suggestion, an encoder finetuned on FER2013, was not tried. All of it says which
# experiments are worth a licence, not how they end.
