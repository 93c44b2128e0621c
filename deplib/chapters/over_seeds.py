"""How chapters show scores over seeds: cells, rows and sentences from one ``Scores``."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from deplib import evaluation
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


def differences(scores: Scores, pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Return the difference in MAE of each pair, and how many pairs of runs say the opposite."""
    rows = []
    for first, second in pairs:
        difference = scores.difference(first, second)
        opposite, n_pairs = scores.against_the_mean(first, second)
        rows.append(
            {
                "pair": f"{first} - {second}",
                "difference in MAE": difference.value,
                "low": difference.low,
                "high": difference.high,
                "standard error from seeds": scores.seed_error(first, second),
                "interval excludes 0": "yes" if excludes_zero(difference) else "no",
                "opposite sign between single runs": f"{opposite} of {n_pairs}",
            }
        )
    return pd.DataFrame(rows)


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
