"""Time of the paired cluster bootstrap of a results table, beside scipy.stats.bootstrap.

    python bench/bootstrap.py

The task: 7 models on 50 recordings of 40 persons, all metrics of all models in the same 10,000
resamples of persons, and the 95 % BCa interval of each metric of each model and of each difference
between two models. CPU time, which counts what several threads use as if it were one core.

scipy takes the persons as its sample and one of two statistics: *plain*, which gathers the rows of
the persons that are drawn and calls the metrics of deplib, as a script would; and *vectorised*,
every metric written out over a batch of resamples. The plain one runs fewer resamples and its time
is scaled up; the others run them all. Their resamples are not the same, so their intervals differ
a little: by how much is printed, in standard errors.
"""

import time
from collections.abc import Callable
from itertools import combinations

import numpy as np
from scipy import stats

from deplib.metrics import METRICS
from deplib.statistics import bootstrap_distribution, interval_of, jackknife

N_RECORDINGS, N_PERSONS, N_MODELS = 50, 40, 7
RESAMPLES, PLAIN_RESAMPLES, BATCH = 10_000, 200, 500
ROUNDS = 3
SECONDS, RATIO = 2.0, 10.0  # what is wanted

PAIRS = np.array(list(combinations(range(N_MODELS), 2))).T
Ways = dict[str, Callable[[], np.ndarray]]


def table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw labels (n,), predictions (models, n) and persons (n,); ten have two recordings."""
    rng = np.random.default_rng(0)
    persons = np.concatenate([np.arange(N_PERSONS), np.arange(N_RECORDINGS - N_PERSONS)])
    y = rng.gamma(1.35, 11.4, N_RECORDINGS).clip(0, 63)
    shared = 15 + 0.3 * (y - 15) + rng.normal(0, 4, N_RECORDINGS)
    return y, shared + rng.normal(0, 3, (N_MODELS, N_RECORDINGS)), persons


def with_pairs(values: np.ndarray) -> np.ndarray:
    """Append the differences between models: (..., models) -> (..., models + pairs)."""
    return np.concatenate([values, values[..., PAIRS[0]] - values[..., PAIRS[1]]], axis=-1)


def exact(y: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Return what is estimated: (metrics, models + pairs)."""
    values = [[metric(y, y_hat) for y_hat in predictions] for metric in METRICS.values()]
    return with_pairs(np.array(values))


def ours(y: np.ndarray, predictions: np.ndarray, persons: np.ndarray) -> np.ndarray:
    """Return the intervals by deplib: (2, metrics, models + pairs)."""
    rng = np.random.default_rng(1)
    values = bootstrap_distribution(y, predictions, persons, n_resamples=RESAMPLES, rng=rng)
    left_out = jackknife(y, predictions, persons)
    estimates = exact(y, predictions)
    intervals = [
        [
            interval_of(column, estimate, without, 0.95, "bca")
            for column, estimate, without in zip(
                with_pairs(values[name]).T, row, with_pairs(left_out[name]).T, strict=True
            )
        ]
        for name, row in zip(METRICS, estimates, strict=True)
    ]
    return np.moveaxis(np.array(intervals), -1, 0)


def by_scipy(
    statistic: Callable[..., np.ndarray], *, n_resamples: int, vectorized: bool
) -> np.ndarray:
    """Return intervals as ``ours`` does, and their standard errors below: (3, ...)."""
    result = stats.bootstrap(
        (np.arange(N_PERSONS),),
        statistic,
        n_resamples=n_resamples,
        batch=BATCH if vectorized else None,
        vectorized=vectorized,
        method="BCa",
        rng=np.random.default_rng(1),
    )
    low, high = result.confidence_interval
    return np.stack([low, high, result.standard_error])


def plain(y: np.ndarray, predictions: np.ndarray, persons: np.ndarray) -> Callable[..., np.ndarray]:
    """Return the statistic that gathers rows and calls the metrics."""
    rows_of = [np.flatnonzero(persons == person) for person in range(N_PERSONS)]

    def statistic(drawn: np.ndarray) -> np.ndarray:
        rows = np.concatenate([rows_of[person] for person in drawn])
        return exact(y[rows], predictions[:, rows])

    return statistic


def vectorised(
    y: np.ndarray, predictions: np.ndarray, persons: np.ndarray
) -> Callable[..., np.ndarray]:
    """Return the statistic over a batch of resamples, the rows of a person padded to two."""
    rows, real = np.zeros((N_PERSONS, 2), dtype=int), np.zeros((N_PERSONS, 2))
    for person in range(N_PERSONS):
        own = np.flatnonzero(persons == person)
        rows[person, : len(own)], real[person, : len(own)] = own, 1.0

    def statistic(drawn: np.ndarray, axis: int) -> np.ndarray:
        drawn = np.moveaxis(drawn, axis, -1)  # (..., persons)
        index = rows[drawn].reshape(*drawn.shape[:-1], -1)
        weight = real[drawn].reshape(index.shape)
        weight = weight / weight.sum(axis=-1, keepdims=True)
        a, b = y[index], predictions[:, index]  # (..., rows), (models, ..., rows)
        mean_a, mean_b = (weight * a).sum(axis=-1), (weight * b).sum(axis=-1)
        centred_a, centred_b = a - mean_a[..., None], b - mean_b[..., None]
        var_a, var_b = (weight * centred_a**2).sum(axis=-1), (weight * centred_b**2).sum(axis=-1)
        covariance = (weight * centred_a * centred_b).sum(axis=-1)
        bias = mean_b - mean_a
        values = {
            "mae": (weight * np.abs(b - a)).sum(axis=-1),
            "rmse": np.sqrt((weight * (b - a) ** 2).sum(axis=-1)),
            "pcc": covariance / np.sqrt(var_a * var_b),
            "ccc": 2 * covariance / (var_a + var_b + bias**2),
            "sigma_ratio": np.sqrt(var_b / var_a),
            "bias": bias,
        }
        stacked = np.stack([values[name] for name in METRICS])  # (metrics, models, ...)
        return np.moveaxis(with_pairs(np.moveaxis(stacked, 1, -1)), -1, 1)

    return statistic


def seconds_of(ways: Ways) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Return the smallest CPU time of each way, which take turns, and what each returned."""
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    results = {}
    for _ in range(ROUNDS):
        for way, run in ways.items():
            start = time.process_time()
            results[way] = run()
            seconds[way].append(time.process_time() - start)
    return {way: min(times) for way, times in seconds.items()}, results


def main() -> None:
    """Measure, compare the intervals, and print the ratio."""
    data = table()
    one, batch = plain(*data), vectorised(*data)
    np.testing.assert_allclose(one(np.arange(N_PERSONS)), batch(np.arange(N_PERSONS), axis=-1))
    ways: Ways = {
        "deplib": lambda: ours(*data),
        "scipy, vectorised": lambda: by_scipy(batch, n_resamples=RESAMPLES, vectorized=True),
        "scipy, plain": lambda: by_scipy(one, n_resamples=PLAIN_RESAMPLES, vectorized=False),
    }
    seconds, results = seconds_of(ways)
    # BCa scores every person left out as well: these calls do not grow with the resamples.
    calls = [n + N_PERSONS + 1 for n in (RESAMPLES, PLAIN_RESAMPLES)]
    seconds["scipy, plain"] *= calls[0] / calls[1]

    print(
        f"{RESAMPLES:,} paired resamples of {N_PERSONS} persons ({N_RECORDINGS} recordings), "
        f"{len(METRICS)} metrics of {N_MODELS} models, {len(METRICS) * (N_MODELS + PAIRS.shape[1])}"
        " BCa intervals; CPU-s, smallest of the rounds"
    )
    for way, value in seconds.items():
        scaled = f", scaled up from {PLAIN_RESAMPLES}" if way == "scipy, plain" else ""
        print(f"{way:18} {value:8.3f} s   {value / seconds['deplib']:7.1f} times deplib{scaled}")
    theirs = results["scipy, vectorised"]
    apart = np.abs(results["deplib"] - theirs[:2]) / theirs[2]
    print(
        f"ends of the intervals differ from scipy's by {np.median(apart):.2f} standard errors "
        f"(median), {apart.max():.2f} (largest)"
    )
    print(f"wanted: at most {SECONDS:g} s: {'met' if seconds['deplib'] <= SECONDS else 'NOT met'}")
    for way in list(seconds)[1:]:
        far = seconds[way] >= RATIO * seconds["deplib"]
        print(f"wanted: {RATIO:g} times faster than {way}: {'met' if far else 'NOT met'}")


if __name__ == "__main__":
    main()
