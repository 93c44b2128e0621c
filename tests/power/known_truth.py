"""Error models for the tests: nobody's results."""

import numpy as np

from deplib.power import ErrorModel


def two(r=0.8, *, share=0.9):
    return ErrorModel(
        names=("a", "b"),
        mean=np.array([13.0, 15.0]),
        sd=np.array([4.0, 7.0]),
        pcc=np.array([0.1, 0.5]),
        residual_correlation=np.array([[1.0, r], [r, 1.0]]),
        person_share=share,
    )


def perfect():
    """Return one model with errors of 0 and one that misses every score by three points."""
    from deplib.power.labels import score_mean, score_sd

    return ErrorModel(
        names=("right", "off"),
        mean=score_mean() + np.array([0.0, 3.0]),
        sd=np.full(2, score_sd()),
        pcc=np.ones(2),
        residual_correlation=np.eye(2),
        person_share=0.5,
    )
