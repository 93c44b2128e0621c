# ---
# jupyter:
#   deplib:
#     needs:
#     - deplib/claims/*.csv
#     - results/cost.json
#     - results/default/*.parquet
#     uses:
#     - deplib.claims
#     - deplib.models.ldbm
#     - deplib.models.mamba_gru
#     - deplib.models.mean_mlp
#     - deplib.models.transformer
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
# # The study's claims, judged one by one
#
# **Nearly two fifths of what the study states follows from its own figures, and a fifth is
# contradicted by them.** The rest cannot be decided, or needs the licensed recordings. The most
# important statement is not among its own: all four models do worse on Test than a predictor that
# always gives the same answer.

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
import torch
from scipy import stats
from scipy.optimize import brentq

from deplib import baselines, figures, metrics, models, results
from deplib.claims import FACTS, HERE, REPORTED, TEST_BANDS, constant_test_mae
from deplib.report import badge_of_published, say, table
from deplib.statistics import correlation, critical_r, score_runs
from deplib.study import open_cohort

figures.style()
badge_of_published()

# %% [markdown]
# ## What matters most
#
# **1. The models do worse than a constant.** Always answering with a median of the Test labels has a
# smaller error than any of the four, on these very recordings. The
# [next chapter](14_literature.ipynb) derives it from published statistics of the labels.
#
# How uncertain is one such error? $\mathrm{RMSE}^2 = S^2 (1 + s^2 - 2sr) + b^2$, for labels of SD $S$,
# predictions of SD $sS$, correlation $r$ and any bias $b$; $\mathrm{RMSE}^2 - \mathrm{MAE}^2$ is then
# the variance of the absolute errors. Without a bias, and with the best of all spreads, $s = r$, that
# is the least.

# %%
study = REPORTED.set_index("model")
fact = FACTS["value"]
n, constant = int(fact.n_test), constant_test_mae()


def least_rmse(r, s):
    """Of predictions without a bias."""
    return fact.label_sd * np.sqrt(np.maximum(1 + s**2 - 2 * s * r, 0))


def half_width(mae, r, s):
    """Of a 95 % interval of an MAE, at least; recordings count as independent."""
    return 1.96 * np.sqrt(np.maximum(least_rmse(r, s) ** 2 - mae**2, 0) / n)


r, s, mae = study["test_pcc"], study["sigma_ratio"], study["test_mae"]
assert (mae > constant).all(), "rewrite the answer"
say(
    f"The Test MAEs are {mae.min():.2f} to {mae.max():.2f}; the best "
    f"constant has {constant:.2f}. It is a median of the *Test* labels, which nobody "
    "knows beforehand; the mean of Train, as commonly quoted, gives 9.54 to 9.76. The verdict stands "
    "with either. On other recordings the difference might be another: no predictions are published, "
    f"and one such MAE alone is uncertain by {half_width(mae, r, r).min():.1f} points at the very least, "
    f"and by {half_width(mae, r, s).min():.1f} if sigma_ratio is of Test."
)

# %% [markdown]
# **2. The spread of the predictions, taken for a sign of learning, adds error.** Predictions that
# vary more than twice as much as they correlate have a larger squared error than the mean of the
# labels. That holds for all four rows. Here it is, from nothing but two columns of the table:

# %%
rmse = least_rmse(r, s)
assert (s > 2 * r).all(), "rewrite: not all rows are harmed by their spread"
say(
    f"Their RMSE is at least {rmse.min():.1f} to {rmse.max():.1f} points, if sigma_ratio is of Test; "
    f"that of the mean is {fact.label_sd}. At most {100 * (r**2).max():.0f} % of the variance of any "
    "model's predictions goes with severity."
)

# %% [markdown]
# **3. No Test correlation differs from zero.** Fifty recordings need a larger one, and recordings of
# one person are not independent, so the true intervals are wider still.

# %% mystnb={"figure": {"caption": "PCC on AVEC2014 as the study reports it, with 95 % intervals by Fisher's z for independent recordings. Dashed: the smallest r that differs from zero at the 5 % level. Dev may have chosen the epoch, so its intervals mean less than they seem to.", "name": "fig-claims-pcc"}, "image": {"alt": "Eight dots with bars. The four of Dev lie right of the dashed line; the four of Test lie left of it, and their bars include zero."}}
correlations = pd.DataFrame(
    [
        (f"{model}, {split.title()}", model, value, *correlation.fisher_interval(value, n))
        for split in ("dev", "test")
        for model, value in study[f"{split}_pcc"].items()
    ],
    columns=["label", "model", "value", "low", "high"],
)
fig, ax = plt.subplots(figsize=(5.2, 4.8))
figures.forest(correlations, ax, zero=critical_r(n), zero_label="differs from 0")
ax.axvline(0, color=figures.GREY, linewidth=0.8)
ax.set(xlabel="correlation with BDI-II", title="On Test, every interval includes zero")
figures.keep(fig, correlations, "as reported by the study on AVEC2014")

# %% [markdown]
# Would the highest differ from that of the average? That depends on how alike the two models'
# predictions are (Williams's t; Steiger 1980, equation 7), which nobody has published.

# %%
on_test = correlations[correlations["label"].str.endswith("Test")]
assert (on_test["low"] < 0).all(), "rewrite the title"


def agreement_needed(a, b):
    """Correlation of two models' predictions from which their PCCs differ; None if at none."""
    room = np.sqrt((1 - a**2) * (1 - b**2))
    low, high = a * b - room + 1e-9, a * b + room - 1e-9

    def beyond(r):
        determinant = 1 - a**2 - b**2 - r**2 + 2 * a * b * r
        scale = 2 * (n - 1) / (n - 3) * determinant + ((a + b) / 2) ** 2 * (1 - r) ** 3
        return abs(a - b) * np.sqrt((n - 1) * (1 + r) / scale) - stats.t.isf(0.025, n - 3)

    if beyond(high) < 0:
        return None
    return low if beyond(low) > 0 else brentq(beyond, low, high)


say(
    f"At n = {n}, |r| must exceed {critical_r(n):.3f}. The highest, {r.max():.3f} of LDBM, would "
    f"differ from that of TemporalMeanMLP only if the two models' predictions correlated above "
    f"{agreement_needed(r['LDBM'], r['TemporalMeanMLP']):.2f}."
)

# %% [markdown]
# **4. Not all of the study's summaries follow from its own table.** They can be recomputed in three
# lines:

# %%
rise = study["test_mae"] - study["dev_mae"]
sds = mae.std(ddof=0), mae.std(ddof=1)
assert not np.isclose(sds, 0.195, atol=0.002).any(), "rewrite the finding"
say(
    f"The SD of Test MAE is {sds[0]:.3f} or {sds[1]:.3f}, by convention; the stated 0.195 is neither. "
    f"The gap of +2.0 is {rise.mean():+.2f}, and the gaps called identical run from {rise.min():+.2f} "
    f"to {rise.max():+.2f}. A PCC of 0.30 would not double 0.267: it is {0.30 / r.max():.2f} times it."
)

# %% [markdown]
# **5. That "all Test MAEs are similar" is undecidable.** They lie close together, but each is so
# uncertain that a real difference of one point would look the same. Wide intervals are no evidence
# of equality; [chapter 11](11_power.ipynb) says how many recordings would find such a difference.

# %% mystnb={"figure": {"caption": "Test MAE on AVEC2014 as the study reports it, with the least 95 % interval that its own PCC and sigma_ratio allow for independent recordings. Dashed: the best constant on the same recordings, which is exact and has no interval.", "name": "fig-claims-mae"}, "image": {"alt": "Four dots with wide bars, all to the right of a dashed line that every bar crosses."}}
width = half_width(mae, r, s)
errors = pd.DataFrame({"label": study.index, "model": study.index, "value": mae})
errors = errors.assign(low=mae - width, high=mae + width)
assert (errors["low"] < constant).all(), "rewrite the caption"
fig, ax = plt.subplots(figsize=(5.2, 2.9))
figures.forest(errors, ax, zero=constant, zero_label="a constant")
ax.set(xlabel="Test MAE, BDI-II points",
       title="Close together, and each uncertain by two points")  # fmt: skip
figures.keep(fig, errors.reset_index(drop=True), "as reported by the study on AVEC2014")

# %% [markdown]
# An interval that crosses the dashed line does not make a model as good as the constant: on these
# recordings it was worse.
#
# ## How a verdict is made
#
# Nobody typed a verdict. Each statement is a row of `deplib/claims/claims.csv`, in our words, with
# its line in the study's text, the figures `stated`, and two expressions: its `check`, which says
# whether it holds, and its `finding`, which says what was found. They may name all that this page
# computes. First, what follows from the study's table and from published facts, as a function, so
# that another table can be judged:

# %%
PAIRED_SD = np.array([3.0, 6.0])  # points: assumed of paired differences; the study has none


def evidence(study, fact):
    """What checks may name besides."""
    low, high = study.min(numeric_only=True), study.max(numeric_only=True)
    r, s, mae = study["test_pcc"], study["sigma_ratio"], study["test_mae"]
    behind = (mae - mae["TemporalMeanMLP"]).drop("TemporalMeanMLP")
    signs = pd.Series({"dev_mae": 1, "dev_pcc": -1, "test_mae": 1, "test_pcc": -1})
    ranks = (study[signs.index] * signs).rank()
    best = ranks.idxmin()
    gap = pd.DataFrame({m: study[f"test_{m}"] - study[f"dev_{m}"] for m in ("mae", "pcc")})
    worse = gap * [1, -1] > 0
    critical, half_widths, wider = critical_r(n), half_width(mae, r, r), half_width(mae, r, s)
    agreement = agreement_needed(r.max(), r["TemporalMeanMLP"])
    pairs = zip(study["dev_pcc"], r, strict=True)  # p, as if their splits were independent
    falls = pd.Series([correlation.compare_correlations(a, n, b, n)[1] for a, b in pairs])

    off = (TEST_BANDS["share"] * TEST_BANDS["mean_bdi"]).sum() - 13.5
    constant_sd = np.sqrt(fact.label_sd**2 + off**2 - constant**2)  # of its absolute errors
    constant_on_dev = constant * fact.dev_sd / fact.label_sd
    gaussian = np.sqrt(2 / np.pi)  # MAE over RMSE
    noise = gaussian * fact.label_sd * np.sqrt(1 - fact.filter(like="retest"))
    frame_ms, with_encoder = 1e3 / fact.frames_a_second, parameters.max() + fact.encoder_parameters
    z = stats.norm.isf(0.025) + stats.norm.ppf(0.8)  # found with 80 % power
    detectable = z * PAIRED_SD / np.sqrt(n)

    y, sway = np.arange(n) - (n - 1) / 2, np.cos(np.pi * np.arange(n))  # know nothing of each other
    sway = sway - sway.mean() - y * (sway @ y) / (y @ y)
    senseless = y, sway * high["sigma_ratio"] * y.std() / sway.std()
    rows = np.random.default_rng(0).normal(size=(8, int(fact.encoder_dim)))
    random_frames = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return globals() | locals()


# %% [markdown]
# Then what the models do that were built here to the study's description: their parameters, how
# their operations and their measured time grow with the frames, and how they answer to nothing.

# %%
parameters = pd.Series({m: models.n_parameters(models.build(m, seed=0)) for m in study.index})


def attention(*tokens):
    """Multiplications of layers of width 128, to leading terms."""
    return sum(12 * 128**2 * one + 2 * 128 * one**2 for one in tokens)


OPERATIONS = {
    "TemporalMeanMLP": lambda frames: frames * 512,
    "LDBM": lambda frames: attention(frames / 8, frames / 16, frames / 32, frames / 64),
    "VanillaTransformer": lambda frames: attention(frames, frames, frames),
    "MambaGRU": lambda frames: frames * 6 * 128**2 * 2,
}
ORDERS = {
    "O(1)": lambda frames: 1.0,
    "O(N)": lambda frames: frames,
    "O(N log N)": lambda frames: frames * np.log(frames),
    "O(N^2)": lambda frames: frames**2,
}


def growth(cost, far=2**20):
    """The exponent of N by which a cost grows far out, where an order must show."""
    return np.log2(cost(far) / cost(far / 2))


# %%
measured = json.loads((results.folder() / "cost.json").read_text(encoding="utf-8"))
steps, memory, epochs = (pd.DataFrame(measured[name]) for name in ("steps", "memory", "epochs"))
steps = steps.query("kind == 'training' and windows == 3").assign(least=steps["seconds"].map(min))
exponent = {
    model: stats.linregress(np.log(one["frames"]), np.log(one["least"])).slope
    for model, one in steps.groupby("way")
}
memory = memory[memory["way"].isin(study.index) & (memory["frames"] == 512)]
peak_mib = (memory["bytes"] / memory["windows"]).max() / 2**20
seconds = epochs.set_index("way")["seconds"].map(min)
epoch_ratios = seconds["LDBM"] / seconds[["TemporalMeanMLP", "TemporalMeanMLP (means at hand)"]]
epoch_ratios = epoch_ratios.to_numpy()

gru = models.build("MambaGRU", seed=0).gru
rng = torch.Generator().manual_seed(0)
a, b = torch.randn(2, gru.hidden_size, generator=rng)
state = torch.stack([a, (a + b) / 2, b]).expand(gru.num_layers, 3, -1).contiguous()
frame = torch.randn(1, 1, gru.input_size, generator=rng).expand(3, 1, -1)
zeros, mask = torch.zeros(8, 512, 512), torch.ones(8, 512, dtype=torch.bool)
with torch.inference_mode():
    first, middle, last = gru(frame, state)[1][0]  # of a step that is affine, midway is the middle
    bend = float((middle - (first + last) / 2).abs().max() / (first - last).abs().max())
    spread_on_zeros = max(
        float(models.build(m, seed=0).eval()(zeros, mask).std()) for m in study.index
    )

# %% [markdown]
# Twelve statements about architectures are asked of the [simulated results](09_results.ipynb), too.
# As statements about AVEC2014 they stay *not testable*, whatever comes out: their rows have no check.

# %%
cohort, grid = open_cohort("default"), results.load("default", **results.ABLATION)
both = pd.concat([grid, baselines.references(cohort.recordings, cohort.truth)])
runs = score_runs(both[both["split"] == "test"])
permuted = results.load("default", **results.ABLATION | {"labels": "permuted"})
by_split = {
    labels: metrics.score(rows, by=["model", "seed", "split"]).groupby(["split", "model"]).mean()
    for labels, rows in {"true": grid, "permuted": permuted}.items()
}


def scores(metric, split="test", labels="true"):
    """A metric of the four, mean over seeds."""
    return by_split[labels][metric][split][study.index]


def apart(first, second):
    """The difference in MAE of two architectures: persons and seeds are drawn."""
    return runs.difference(first, second, draw_seeds=True)


def filled(how):
    """The mean sigma_ratio of the four with half of the frames lost and filled."""
    lost = results.load("default", **results.ABLATION | {"lost": 0.5, "fill": how})
    return metrics.score(lost[lost["split"] == "test"], by=["model", "seed"])["sigma_ratio"].mean()


# %% [markdown]
# Some rules are asked by more than one row. A rounded figure agrees with what rounds to it; a
# standard deviation may be that of a sample or of a population.

# %%
statements = pd.read_csv(HERE / "claims.csv", dtype={"stated": str}, keep_default_na=False)
statements = statements.set_index("id")
statements["stated"] = statements["stated"].map(lambda text: tuple(map(float, text.split())))


def as_stated(values, *stated):
    """Are they those stated, rounded to as many digits?"""
    digits = max(len(str(value).partition(".")[2]) for value in stated)
    return np.allclose(np.round(values, digits), stated, atol=1e-9)


def same_sd(values, stated):
    """Is it one of both SDs, give or take half a unit of each row and of the result?"""
    sds = np.array([values.std(ddof=0), values.std(ddof=1)])
    slack = 0.0005 * np.sqrt([1, len(values) / (len(values) - 1)]) + 0.0005
    return (abs(sds - stated) <= slack).any()


def deltas(metric):
    """Test minus Dev by the two printed ranges: of the low ends, the high ends and the middles."""
    test, dev = f"rounded-range-of-test-{metric}", f"range-of-dev-{metric}"
    ends = np.subtract(statements.stated[test], statements.stated[dev])
    return np.array([*ends, ends.mean()])


def possible(row, s):
    """Can its MAE go with its PCC and that spread? No error exceeds the scale, so e² <= 63 |e|."""
    return least_rmse(row.test_pcc, s) ** 2 / fact.scale_high <= row.test_mae <= fact.scale_high


def candidates_by_chance(r, n):
    """Of how many without any signal does the best reach r with even odds?"""
    single = stats.t.sf(r * np.sqrt((n - 2) / (1 - r * r)), n - 2)
    return int(np.ceil(np.log1p(-0.5) / np.log1p(-single)))


def told(values, digits):
    """Values with their names."""
    return ", ".join(f"{name} {value:{digits}}" for name, value in values.items())


# %% [markdown]
# Now the verdict. Some statements are settled by one outcome only (`decides`): that a figure is
# possible, for instance, does not make it right. Then, and where the check is None, the verdict is
# what stands under `otherwise`.

# %%
VERDICTS = ["confirmed", "contradicted", "undecidable", "not testable"]


def judge(row, known):
    """What was found, and the verdict."""
    stated = row.stated[0] if len(row.stated) == 1 else row.stated
    known = known | {"of": row.of, "stated": stated}
    found = eval(f'f"""{row.finding}"""', known)
    holds = eval(row.check or "None", known)
    settled = holds is not None and row.decides in ("", str(bool(holds)))
    return found, VERDICTS[0 if holds else 1] if settled else row.otherwise


def ledger(study=study, fact=fact):
    """Every statement, with what was found and the verdict."""
    known = evidence(study, fact)
    judged = statements.copy()
    judged[["found", "verdict"]] = [judge(row, known) for row in statements.itertuples()]
    return judged


rows = ledger()
simulated = rows.loc[rows["kind"] == "simulated"]
assert (simulated["verdict"] == "not testable").all()
judged = rows[rows["kind"] != "simulated"]
count = judged["verdict"].value_counts()
of_sums = judged.loc[judged["topic"] == "Means, ranges and gaps", "verdict"]
assert judged.loc["similar-errors", "verdict"] == "undecidable", "rewrite point 5"
say(
    f"The study makes {len(judged)} statements with a number or a comparison. "
    f"**{count['confirmed']} follow from what it reports, {count['contradicted']} are contradicted**, "
    f"{count['undecidable']} cannot be decided from it, and {count['not testable']} only the licensed "
    f"recordings can repeat. Of {len(of_sums)} means, ranges and gaps, "
    f"{(of_sums == 'contradicted').sum()} are contradicted."
)

# %% [markdown]
# **Try it**: give the ledger another table, and the verdicts change. Here LDBM's Test MAE is two
# points lower.

# %%
other = study.copy()
other.loc["LDBM", "test_mae"] -= 2
again = ledger(other)
moved = again[again["verdict"] != rows["verdict"]].join(rows["verdict"], rsuffix=" before")
assert "some-signal" in moved.index
table(moved[["statement", "verdict before", "verdict"]])

# %% [markdown]
# ## The ledger
#
# - **confirmed** or **contradicted**: what is reported, what others published, or this code decides.
#   That a figure is confirmed means that it follows from the others, not that it is true of patients.
# - **undecidable**: it does not follow from what is reported, and its contrary does not either.
# - **not testable**: a measurement that only the licensed recordings can repeat.

# %% mystnb={"figure": {"caption": "The verdicts by topic. The CSV holds all rows: the statement, its line, what was found, and the verdict.", "name": "fig-ledger"}, "image": {"alt": "Stacked bars, one a topic. Figures of the results table are not testable; most others are confirmed, and each topic but that one has contradicted statements."}}
counts = pd.crosstab(judged["topic"], judged["verdict"])[VERDICTS]
counts = counts.loc[counts.sum(axis=1).sort_values().index]
shades = dict(
    zip(VERDICTS, (figures.KINDS[0], figures.KINDS[1], figures.KINDS[2], "#BDBDBD"), strict=True)
)
fig, ax = plt.subplots(figsize=(5.2, 4.6))
counts.plot.barh(stacked=True, color=shades, ax=ax, width=0.45, legend=False)
for y, topic in enumerate(counts.index):
    ax.text(0, y + 0.29, topic, fontsize=10)
for x, verdict in zip((0, 6, 12.4, 17.5), VERDICTS, strict=True):
    ax.text(
        x,
        len(counts) - 0.1,
        verdict,
        color=shades[verdict] if verdict != "not testable" else figures.GREY,
        fontsize=10,
        weight="bold",
    )
ax.set(
    yticks=[],
    xticks=range(0, 21, 5),
    ylabel="",
    xlabel="statements",
    ylim=(-0.5, len(counts) + 0.4),
)
ax.set_title("A third follows, a fifth is contradicted", pad=12)
columns = ["line", "section", "topic", "statement", "found", "verdict", "kind", "check"]
figures.keep(fig, rows[columns], "the study's text; published statistics; this code")

# %%
assert 0.3 < count["confirmed"] / len(judged) < 0.42, "rewrite the title"
assert 0.16 < count["contradicted"] / len(judged) < 0.24, "rewrite the title"
against = judged[judged["verdict"] == "contradicted"]
table(against[["line", "statement", "found"]])

# %% [markdown]
# What cannot be decided:

# %%
still_open = judged[judged["verdict"] == "undecidable"]
table(still_open[["line", "statement", "found"]])

# %% [markdown]
# One file would decide most of these: the predictions of each model for each recording. With it,
# paired differences have intervals over persons, and two correlations can be compared as dependent
# ones. Scores on Train and the chosen epochs would tell overfitting from choosing on Dev; several
# seeds would tell a model from its luck. [Your data](16_your_data.ipynb) computes all of that for
# whoever holds the corpus.
#
# ## The same statements on the simulated cohort

# %%
found = simulated["found"]
say(
    f"Three of them. *The gap from Dev to Test*: {found['simulated-gap']}. *A sigma_ratio above "
    f"0.5 shows learning*: {found['simulated-collapse']}. *TemporalMeanMLP is within 0.1 of the "
    f"others*: {found['simulated-differences']}."
)

# %% [markdown]
# ## What this does not show
#
# Settings that the study states, such as its learning rate, are no claims and have no row. Published
# statistics are taken from where `deplib/claims/facts.csv` says, some of them second hand. And a
# contradicted number is a slip in a table more often than it is an error in an argument: the five
# points above are what matters.
