"""Power by simulation: known differences and correlations, and how often a sample finds them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from deplib.power.coverage import share
from deplib.power.error_model import ErrorModel
from deplib.power.fitting import intraclass_correlation
from deplib.power.labels import (
    draw_persons,
    draw_scores,
    persons_of,
    score_mean,
    score_sd,
    shared_and_own,
)

ALPHA = 0.05


def power_curve(
    pair: ErrorModel,
    differences: Sequence[float],
    *,
    n_recordings: int = 50,
    n_samples: int = 2_000,
    n_resamples: int = 1_999,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return how often sign flips over persons find a true difference in MAE at the 5 % level.

    Of two models with the same truth (``deplib.power.error_model.twins``) the second has every
    error reduced by one share, so that the difference of their MAEs is that share of the MAE. All
    differences are tried on the same samples, and all samples see the same flips.

    Parameters
    ----------
    pair
        Two models of equal MAE.
    differences
        True differences in MAE, from 0 to that MAE, BDI-II points.
    n_recordings
        In each sample.
    n_samples
        Repetitions.
    n_resamples
        Sign flips.
    rng
        Source of randomness.

    Returns
    -------
    DataFrame
        A row a difference: ``difference``, ``power`` with ``low`` and ``high`` (95 %, Wilson), and
        ``wrong``, the share of samples in which the better model has the larger MAE.

    Raises
    ------
    ValueError
        If there are not two models of equal MAE, or a difference is outside 0 to that MAE.
    """
    if len(pair) != 2 or not np.isclose(pair.mae[0], pair.mae[1], rtol=1e-6):
        raise ValueError(f"two models of equal MAE are needed, not {pair.names} with {pair.mae}")
    mae = float(pair.mae[0])
    if not all(0 <= difference <= mae for difference in differences):
        raise ValueError(f"a difference in {list(differences)} is not between 0 and {mae:.2f}")
    samples = pair.draw(n_samples, n_recordings, rng=rng)
    n_persons = persons_of(n_recordings)
    errors = samples.errors
    by_person = np.zeros((n_samples, n_persons, 2))
    rows = np.arange(n_samples)[:, None]
    np.add.at(by_person, (rows, samples.person), np.moveaxis(errors, 1, -1))
    signs = rng.choice([1.0, -1.0], size=(n_resamples, n_persons))
    first, second = (signs @ by_person[:, :, k].T for k in (0, 1))  # (n_resamples, n_samples)
    sums = by_person.sum(axis=1)
    found = []
    for difference in differences:
        kept = 1 - difference / mae
        observed = sums[:, 0] - kept * sums[:, 1]
        as_extreme = (np.abs(first - kept * second) >= np.abs(observed) - 1e-9).sum(axis=0)
        p = (1 + as_extreme) / (1 + n_resamples)
        found.append(
            {
                "difference": difference,
                **share(int((p <= ALPHA).sum()), n_samples, "power"),
                "wrong": float((observed < 0).mean()),
            }
        )
    return pd.DataFrame(found)


def reduced_sd(pair: ErrorModel, difference: float) -> float:
    """Return the SD of the paired differences once the second model's errors are reduced.

    Parameters
    ----------
    pair
        Two models of equal truth, as ``power_curve`` takes them.
    difference
        True difference in MAE after the reduction, BDI-II points.
    """
    kept = 1 - difference / float(pair.mae[0])
    variance = float(pair.error_sd[0]) ** 2 * (1 - kept) ** 2 + kept * pair.difference_sd() ** 2
    return float(np.sqrt(variance))


def correlations(
    rho: Sequence[float],
    person_share: float,
    *,
    n_recordings: int = 50,
    n_persons: int | None = None,
    n_samples: int = 4_000,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the sample PCC of predictions whose true PCC is known, (n_rho, n_samples).

    Parameters
    ----------
    rho
        True correlations with the score, -1 to 1; all on the same samples.
    person_share
        Correlation of the prediction's residual on two recordings of a person.
    n_recordings, n_persons
        Of each sample; persons as in the Test split by default.
    n_samples
        Repetitions.
    rng
        Source of randomness.
    """
    person = draw_persons(n_samples, n_recordings, rng=rng, n_persons=n_persons)
    y = (draw_scores(person, rng=rng) - score_mean()) / score_sd()
    residual = shared_and_own(person, person_share, rng=rng)
    return np.array([_rowwise_pcc(y, r * y + np.sqrt(1 - r * r) * residual) for r in rho])


def ranking(
    model: ErrorModel,
    maes: Sequence[float],
    *,
    n_recordings: int = 50,
    n_samples: int = 4_000,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return how often each of some models wins a sample, if their true MAEs were those given.

    Parameters
    ----------
    model
        Whose errors are scaled to the MAEs; it keeps how they are spread and go together.
    maes
        The true MAE of each model, BDI-II points.
    n_recordings, n_samples
        Recordings in a sample, and repetitions.
    rng
        Source of randomness.

    Returns
    -------
    DataFrame
        ``model``, ``mae``, ``first`` (share of the samples in which its MAE is the lowest), and the
        same in every row: ``same_order``, the share of samples that rank all as the truth does.
    """
    if np.shape(maes) != (len(model),) or not np.all(np.asarray(maes) > 0):
        raise ValueError(f"{len(model)} models need as many MAEs above 0, not {list(maes)}")
    errors = model.draw(n_samples, n_recordings, rng=rng).errors.mean(axis=-1)
    errors *= np.asarray(maes) / model.mae
    same = (np.argsort(errors, axis=1) == np.argsort(maes)).all(axis=1)
    first = np.bincount(errors.argmin(axis=1), minlength=len(model)) / n_samples
    return pd.DataFrame(
        {"model": model.names, "mae": maes, "first": first, "same_order": same.mean()}
    )


def within_persons(
    pair: ErrorModel, *, n_persons: int = 150_000, rng: np.random.Generator
) -> dict[str, float]:
    """Return how two recordings of a person correlate, in one large sample.

    Returns
    -------
    dict
        ``label``, ``prediction`` (of the first model), ``error`` (its absolute error) and
        ``difference`` (its absolute error minus that of the second).
    """
    large = pair.draw(1, 2 * n_persons, rng=rng, n_persons=n_persons)
    errors = large.errors[0]
    values = {
        "label": large.y[0],
        "prediction": large.y_hat[0, 0],
        "error": errors[0],
        "difference": errors[0] - errors[1],
    }
    found = intraclass_correlation(np.stack(list(values.values()), axis=1), large.person[0])
    return dict(zip(values, found.tolist(), strict=True))


def _rowwise_pcc(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    a = y - y.mean(axis=1, keepdims=True)
    b = y_hat - y_hat.mean(axis=1, keepdims=True)
    return (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
