"""Whether an embedding tells who is seen: pictures of one person in two scenes.

Pictures of one person are compared across scenes only: within a scene, background and clothes
would do.
"""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_curve

SHARES = (0.01, 0.1, 1.0, 10.0)
"""Shares of the mean variance that ``whitened`` may add to every direction's."""


class Recognised(NamedTuple):
    """What each tested person contributes, (persons tested,); the mean over persons is the score.

    Attributes
    ----------
    verified
        Share of pairs on the right side of the threshold, the person's own and those with others
        weighing the same.
    retrieved
        Share of pictures whose most similar picture is of the same person.
    retrieved_by_chance
        The same share for similarities that know nothing.
    """

    verified: np.ndarray
    retrieved: np.ndarray
    retrieved_by_chance: float


def recognise(features: np.ndarray, fit: np.ndarray) -> Recognised:
    """Verify and retrieve the persons not in ``fit`` by cosine similarity.

    The threshold of verification is the one that serves the persons in ``fit`` best, as in
    ``bench/encoders/face_verification.py``.

    Parameters
    ----------
    features
        (persons, renders, D), the first half of the renders in one scene, the others in another.
    fit
        True for the persons that choose the threshold, (persons,).

    Raises
    ------
    ValueError
        If fewer than two persons stand on a side, or the renders are odd in number.
    """
    persons, renders, _ = features.shape
    if renders % 2 or min(fit.sum(), persons - fit.sum()) < 2:
        raise ValueError(
            f"{fit.sum()} of {persons} persons choose the threshold, with {renders} renders each; "
            "take at least two persons on each side and an even number of renders"
        )
    cosine, own, other = _pairs(features[fit])
    compared = own | other
    threshold = _best_threshold(own[compared], cosine[compared])
    cosine, own, other = _pairs(features[~fit])
    accepted = cosine >= threshold
    verified = 0.5 * (
        (accepted & own).sum(axis=1) / own.sum(axis=1)
        + (~accepted & other).sum(axis=1) / other.sum(axis=1)
    )
    candidates = np.where(own | other, cosine, -np.inf)
    nearest = candidates.argmax(axis=1)
    hit = own[np.arange(len(own)), nearest]
    return Recognised(
        verified.reshape(-1, renders).mean(axis=1),
        hit.reshape(-1, renders).mean(axis=1),
        float(own[0].sum() / (own[0] | other[0]).sum()),
    )


def _best_threshold(own: np.ndarray, cosine: np.ndarray) -> float:
    """Return the cosine that parts own pairs from others' best, halfway to the next below."""
    wrong, right, cuts = roc_curve(own, cosine)
    cut = cuts[int(np.argmax(right - wrong))]
    below = cosine[cosine < cut]
    return float(0.5 * (cut + below.max())) if np.isfinite(cut) and len(below) else float(cut)


def whitened(features: np.ndarray, fit: np.ndarray) -> np.ndarray:
    """Scale the directions down in which pictures of one person differ.

    Within-class covariance normalisation (Hatch et al., Interspeech 2006), with a share
    of the mean variance added to every direction's. The share is the one of ``SHARES`` with which
    one half of the persons in ``fit`` sets those of the other half best apart; of equals, the
    largest. It is to identity what a read-out is to expression: without it, an encoder whose
    embeddings mostly follow the expression would look blind to who is seen.

    Parameters
    ----------
    features
        (persons, renders, D), in two scenes as ``recognise`` has it.
    fit
        True for the persons whose mean and covariance are used, (persons,); at least four.

    Returns
    -------
    ndarray of float64, shape (persons, renders, D)
        The mean of the persons in ``fit`` is the origin.

    Raises
    ------
    ValueError
        If there are fewer than four such persons, or their pictures are all the same.
    """
    known = np.asarray(features[fit], float)
    if len(known) < 4:
        raise ValueError(f"{len(known)} persons to whiten by; take at least 4")
    separation = np.zeros(len(SHARES))
    for half in (np.arange(len(known)) % 2 == part for part in (0, 1)):
        basis = _Within(known[half])
        separation += [_separation(basis.scaled(known[~half], share)) for share in SHARES]
    best = len(SHARES) - 1 - int(separation[::-1].argmax())
    return _Within(known).scaled(features, SHARES[best])


class _Within:
    """Mean, and principal directions of what differs between pictures of one person."""

    def __init__(self, known: np.ndarray) -> None:
        self.origin = known.mean(axis=(0, 1))
        apart = (known - known.mean(axis=1, keepdims=True)).reshape(-1, known.shape[-1])
        freedom = known.shape[0] * (known.shape[1] - 1)
        variances, self.directions = np.linalg.eigh(apart.T @ apart / freedom)
        self.variances = np.maximum(variances, 0.0)
        if not self.variances.any():
            raise ValueError(
                "all pictures of a person have the same embedding: nothing to whiten; check the "
                "encoder"
            )

    def scaled(self, features: np.ndarray, share: float) -> np.ndarray:
        scale = np.sqrt(self.variances + share * self.variances.mean())
        return (features - self.origin) @ (self.directions / scale)


def _separation(features: np.ndarray) -> float:
    """Return how far the cosines within and between persons lie apart, in SDs of either."""
    cosine, own, other = _pairs(features)
    own, other = cosine[own], cosine[other]
    return float((own.mean() - other.mean()) / np.sqrt((own.var() + other.var()) / 2))


def _pairs(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return cosines of all pictures, who is whom across scenes, and who is another, (n, n)."""
    persons, renders, width = features.shape
    rows = features.reshape(-1, width)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    person, scene = np.divmod(np.arange(persons * renders), renders)
    scene = scene >= renders // 2
    same = person[:, None] == person
    return rows @ rows.T, same & (scene[:, None] != scene), ~same
