"""Face verification: whether an encoder tells if two pictures show the same person.

The protocol of Labelled Faces in the Wild (Huang et al., 2007): cosine similarity of pairs, half of
them of one person, and a threshold that is chosen on other persons than it is tested on.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deplib.errors import EncoderError
from deplib.extraction import known_renders


@dataclass(frozen=True)
class VerificationResult:
    """How well same-person pairs stand apart.

    Attributes
    ----------
    accuracy
        Share of the tested half's pairs on the right side of ``threshold``.
    threshold
        Cosine similarity, chosen on the other half of the persons.
    genuine, impostor
        Cosine similarities of all pairs of one person and of two, as many of each.
    """

    accuracy: float
    threshold: float
    genuine: np.ndarray
    impostor: np.ndarray


def verification_accuracy(
    embed: Callable[[np.ndarray], np.ndarray],
    *,
    identities: int = 200,
    renders: int = 4,
    rng: np.random.Generator,
) -> VerificationResult:
    """Verify persons that were drawn for this call alone.

    Parameters
    ----------
    embed
        Maps RGB uint8 (n, 112, 112, 3) to (n, D); rows need not have unit length.
    identities
        Persons, at least four; half of them choose the threshold, half are tested.
    renders
        Pictures a person, at least two.
    rng
        Draws persons, pictures and impostor pairs. ``stream("held-out", seed)`` never meets a
        person of the training recipe or of a cohort.

    Raises
    ------
    ValueError
        If there are too few persons or pictures for pairs.
    EncoderError
        If an embedding has another number of rows, is not finite, or is zero.
    """
    if identities < 4 or renders < 2:
        raise ValueError(f"need at least 4 persons and 2 pictures, got {identities} and {renders}")
    embeddings = np.stack(
        [_unit_rows(embed(known_renders(renders, rng=rng)[0]), renders) for _ in range(identities)]
    )  # persons renders D
    half = identities // 2
    chosen_on = _pairs(embeddings[:half], rng=rng)
    tested_on = _pairs(embeddings[half:], rng=rng)
    threshold = _best_threshold(*chosen_on)
    genuine, impostor = tested_on
    accuracy = 0.5 * float((genuine > threshold).mean() + (impostor <= threshold).mean())
    return VerificationResult(
        accuracy,
        threshold,
        np.concatenate([chosen_on[0], genuine]),
        np.concatenate([chosen_on[1], impostor]),
    )


def _unit_rows(embeddings: np.ndarray, rows: int) -> np.ndarray:
    embeddings = np.asarray(embeddings, np.float64)
    if embeddings.ndim != 2 or len(embeddings) != rows:
        raise EncoderError(
            f"embed() must return one row a picture, ({rows}, D), got shape {embeddings.shape}"
        )
    length = np.linalg.norm(embeddings, axis=1, keepdims=True)
    if not np.isfinite(length).all() or (length == 0).any():
        raise EncoderError(
            "embed() returned a zero, NaN or infinite row; check the encoder's input"
        )
    return embeddings / length


def _pairs(embeddings: np.ndarray, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return similarities of all pairs within persons, and of as many drawn across persons."""
    persons, renders, _ = embeddings.shape
    first, second = np.triu_indices(renders, 1)
    genuine = np.einsum("pkd,pkd->pk", embeddings[:, first], embeddings[:, second]).ravel()
    one = rng.integers(persons, size=len(genuine))
    other = (one + rng.integers(1, persons, size=len(genuine))) % persons
    pick = rng.integers(renders, size=(2, len(genuine)))
    impostor = np.einsum("pd,pd->p", embeddings[one, pick[0]], embeddings[other, pick[1]])
    return genuine, impostor


def _best_threshold(genuine: np.ndarray, impostor: np.ndarray) -> float:
    """Return the similarity that splits the pairs best; among equals, the middle one."""
    scores = np.sort(np.concatenate([genuine, impostor]))
    cuts = 0.5 * (scores[1:] + scores[:-1])
    hits = np.searchsorted(np.sort(impostor), cuts, side="right") + len(genuine)
    hits = hits - np.searchsorted(np.sort(genuine), cuts, side="right")
    best = np.flatnonzero(hits == hits.max())
    return float(cuts[best[len(best) // 2]])
