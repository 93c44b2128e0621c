"""What a study of one seed a model would have printed, over all that it could have printed."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata


@dataclass(frozen=True)
class Lottery:
    """All tables of results with one run a model, as a study of one seed draws one of them."""

    n_tables: int
    n_orders: int  # different rankings among them
    first: dict[str, float]  # model -> share of tables in which its value is the lowest
    same_order: float  # share of tables that rank as the means over seeds do


def lottery_of(runs: Mapping[str, np.ndarray], means: Mapping[str, float]) -> Lottery:
    """Rank the models in every table with one run of each.

    Parameters
    ----------
    runs
        Model -> (n_runs of it,), its values.
    means
        Model -> their mean.
    """
    grid = np.meshgrid(*runs.values(), indexing="ij")
    tables = np.stack([axis.ravel() for axis in grid], axis=1)  # (n_tables, n_models)
    ranks = rankdata(tables, axis=1)
    of_means = rankdata([means[model] for model in runs])
    return Lottery(
        n_tables=len(tables),
        n_orders=len(np.unique(ranks, axis=0)),
        first={m: float((ranks[:, k] == 1).mean()) for k, m in enumerate(runs)},
        same_order=float((ranks == of_means).all(axis=1).mean()),
    )
