"""How chapters show scores over seeds: cells, rows and sentences from one ``Scores``."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from deplib import evaluation, report
from deplib.evaluation import CONSTANT, ORACLE
from deplib.seeds import Scores, Summary

TITLES = {"mae": "MAE", "rmse": "RMSE", "pcc": "PCC", "ccc": "CCC", "sigma_ratio": "sigma_ratio"}
"""The metrics that the chapters print, by their name in ``deplib.metrics``."""


def interval(value: float, low: float, high: float) -> str:
    """Return ``value (low to high)``; without the brackets where there is no interval."""
    return f"{value:.2f}" + (f" ({low:.2f} to {high:.2f})" if np.isfinite(low) else "")


def cell(summary: Summary) -> str:
    """Return ``mean ± SD between seeds (interval over persons)``; without the SD for one run."""
    if not summary.n_defined:
        return "undefined"
    spread = f" ± {summary.seed_sd:.2f}" if np.isfinite(summary.seed_sd) else ""
    interval = f" ({summary.low:.2f} to {summary.high:.2f})" if np.isfinite(summary.low) else ""
    few = summary.n_defined < summary.n_runs
    part = f", defined in {summary.n_defined} of {summary.n_runs} runs" if few else ""
    return f"{summary.value:.2f}{spread}{interval}{part}"


def score_table(scores: Scores, *, labels: str = "true") -> pd.DataFrame:
    """Return one row a predictor, one column a metric, each cell with both kinds of spread."""
    return pd.DataFrame(
        {
            "predictor": model,
            "labels": labels,
            "runs": len(scores.values(model)),
            **{title: cell(scores.summary(model, name)) for name, title in TITLES.items()},
        }
        for model in scores.models
    )


def forest_rows(scores: Scores, models: Iterable[str], metric: str = "mae") -> pd.DataFrame:
    """Return scores in the form that ``figures.forest_of_seeds`` takes."""
    summaries = {model: scores.summary(model, metric) for model in models}
    return pd.DataFrame(
        {
            "label": model,
            "model": model,
            "value": summary.value,
            "low": summary.low,
            "high": summary.high,
            "runs": scores.values(model, metric),
        }
        for model, summary in summaries.items()
    )


def excludes_zero(difference: evaluation.Difference) -> bool:
    """Tell whether an interval lies on one side of zero."""
    return difference.low > 0 or difference.high < 0


def better(scores: Scores, models: Iterable[str], reference: str) -> list[str]:
    """Return the models whose MAE is below the reference's by an interval without zero."""
    return [model for model in models if scores.difference(model, reference).high < 0]


def spread_sentence(scores: Scores, models: Sequence[str]) -> str:
    """Return how far seeds and how far persons move the Test MAE of these models."""
    summaries = [scores.summary(model) for model in models]
    between_seeds = [summary.seed_sd for summary in summaries]
    over_persons = [summary.person_sd for summary in summaries]
    means = [summary.value for summary in summaries]
    return (
        f"Between the {summaries[0].n_runs} seeds of a model the Test MAE has an SD of "
        f"{min(between_seeds):.2f} to {max(between_seeds):.2f} points, on the same "
        f"{scores.n_persons} persons. The mean of its seeds has an SD over persons of "
        f"{min(over_persons):.2f} to {max(over_persons):.2f}. The {len(models)} means lie between "
        f"{min(means):.2f} and {max(means):.2f}."
    )


def spread_table(scores: Scores, models: Sequence[str]) -> pd.DataFrame:
    """Return the interquartile mean and the parts of the variance of the MAE of each model."""
    rows = []
    for model in models:
        parts, middle = scores.components(model), scores.interquartile_mean(model)
        rows.append(
            {
                "variant": model,
                "mean": scores.summary(model).value,
                "interquartile mean": interval(middle.value, middle.low, middle.high),
                "SD from seeds": parts.seed_sd,
                "SD from persons": parts.person_sd,
                "SD from both at once": parts.interaction_sd,
                "SD of one run": parts.run_sd,
                "share that more seeds remove": percent(parts.seed_share),
                f"share left in the mean of {parts.n_runs}": percent(parts.share_left),
            }
        )
    return pd.DataFrame(rows)


def components_sentence(scores: Scores, models: Sequence[str]) -> str:
    """Return which part of the variance of one run seeds make, and what their mean leaves."""
    parts = [scores.components(model) for model in models]
    removed, left = ([getattr(p, name) for p in parts] for name in ("seed_share", "share_left"))
    larger = sum(share > 0.5 for share in removed)
    so = (
        "persons make the larger part for all of them"
        if larger == 0
        else f"seeds make the larger part for {larger} of {len(parts)}"
    )
    return (
        f"Of the variance of one run on other persons, more seeds would remove "
        f"{percent(min(removed))} to {percent(max(removed))}: {so}. In the mean of "
        f"{parts[0].n_runs} seeds, {percent(min(left))} to {percent(max(left))} of the variance is "
        "still from seeds."
    )


def percent(share: float) -> str:
    """Return a share for print."""
    return f"{100 * share:.0f} %" if np.isfinite(share) else "undefined"


def named(models: Sequence[str]) -> str:
    """Return models in brackets, and nothing where there is none."""
    return f" ({report.listed(models)})" if models else ""


def said(predictor: str) -> str:
    """Return a predictor as prose names it."""
    return f"the {predictor}" if predictor in (CONSTANT, ORACLE) else predictor


def lowest(scores: Scores, models: Sequence[str]) -> str:
    """Return the model with the lowest mean MAE over seeds."""
    return min(models, key=lambda model: scores.summary(model).value)


def ranking_sentence(scores: Scores, models: Sequence[str]) -> str:
    """Return how stable a ranking from one run a model would have been."""
    ranks, lottery = scores.ranks(models), scores.lottery(models)
    orders = ranks.value_counts()
    winner = lowest(scores, models)
    times = f"{orders.iloc[0]} time{'' if orders.iloc[0] == 1 else 's'}"
    over_persons = scores.first_over_persons(models)[winner]
    return (
        f"On the same {scores.n_persons} persons, {len(ranks)} seeds rank the {len(models)} "
        f"architectures in {len(orders)} different orders, the most frequent one "
        f"{times}. {winner} has the lowest mean MAE and is first in "
        f"{first_at(scores, models)} of {len(ranks)} seeds. Over all {lottery.n_tables:,} tables "
        f"that take one run of each, it is first in {100 * lottery.first[winner]:.0f} %, and "
        f"{100 * lottery.same_order:.0f} % rank all {len(models)} as the means over seeds do. "
        f"With all seeds kept and the persons resampled, it is first in {100 * over_persons:.0f} %."
    )


def first_at(scores: Scores, models: Sequence[str]) -> int:
    """Return at how many seeds the model with the lowest mean is first."""
    return int((scores.ranks(models)[lowest(scores, models)] == 1).sum())
