"""Persons drawn for the purpose, what they show, and what encoders make of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deplib.cohorts.simulated import INDEX
from deplib.errors import EncoderError
from deplib.extraction import SHOWN, known_renders

Embed = Callable[[np.ndarray], np.ndarray]
"""RGB uint8 (n, 112, 112, 3) to (n, D)."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Renders of new persons, each in two scenes.

    Attributes
    ----------
    frames
        RGB uint8, (persons, renders, 112, 112, 3); the first half of a person's in one scene.
    shown
        What they show, (persons, renders, len(SHOWN)).
    """

    frames: np.ndarray
    shown: np.ndarray

    @property
    def fit(self) -> np.ndarray:
        """True for the two thirds of the persons that fit a read-out, False for those tested."""
        return np.arange(len(self.frames)) < 2 * len(self.frames) // 3


def draw(persons: int, renders: int, *, rng: np.random.Generator) -> Drawn:
    """Draw persons and render them.

    Parameters
    ----------
    persons
        At least 20; two thirds fit the read-outs, the others are tested.
    renders
        Pictures a person, an even number of at least 4.
    rng
        ``deplib.extraction.stream("held-out", seed)`` never meets a person of a
        training recipe or of a cohort.

    Raises
    ------
    ValueError
        If there are too few of either, or an odd number of renders.
    """
    if persons < 20 or renders < 4 or renders % 2:
        raise ValueError(
            f"persons is {persons} and renders {renders}; take at least 20 persons, and an even "
            "number of at least 4 renders, half in each of two scenes"
        )
    parts = [known_renders(renders, share=renders // 2, rng=rng) for _ in range(persons)]
    columns = [INDEX[name] for name in SHOWN]
    return Drawn(
        np.stack([frames for frames, _ in parts]),
        np.stack([params[:, columns] for _, params in parts]).astype(float),
    )


def embed_all(
    drawn: Drawn,
    encoders: Mapping[str, Embed],
    joined: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, np.ndarray]:
    """Embed all frames once with each encoder, and set embeddings side by side where asked to.

    Parameters
    ----------
    drawn
        The frames.
    encoders
        Name -> encoder.
    joined
        Name -> the encoders whose unit rows are joined to one, such as
        ``{"both": ("identity", "affect")}``.

    Returns
    -------
    dict of str to ndarray, shape (persons, renders, D)
        Float64, unit rows per encoder.

    Raises
    ------
    EncoderError
        If an encoder returns another number of rows, or a zero or non-finite one.
    ValueError
        If something is to be joined that is not there, or a name comes twice.
    """
    joined = {} if joined is None else joined
    missing = sorted({name for names in joined.values() for name in names} - set(encoders))
    if missing or set(joined) & set(encoders):
        raise ValueError(
            f"joined is {dict(joined)}: each name must be new and join some of {list(encoders)}"
        )
    persons, renders = drawn.frames.shape[:2]
    flat = drawn.frames.reshape(-1, *drawn.frames.shape[2:])
    features = {
        name: _unit_rows(name, embed(flat), len(flat)).reshape(persons, renders, -1)
        for name, embed in encoders.items()
    }
    for name, names in joined.items():
        features[name] = np.concatenate([features[one] for one in names], axis=-1)
    return features


def _unit_rows(name: str, embeddings: np.ndarray, n: int) -> np.ndarray:
    embeddings = np.asarray(embeddings, np.float64)
    if embeddings.ndim != 2 or len(embeddings) != n:
        raise EncoderError(
            f"the encoder {name!r} must return one row a picture, ({n}, D), got shape "
            f"{embeddings.shape}; give a function of frames, such as "
            "lambda frames: encoder.embed(frames).features"
        )
    length = np.linalg.norm(embeddings, axis=1, keepdims=True)
    if not np.isfinite(length).all() or (length == 0).any():
        raise EncoderError(
            f"the encoder {name!r} returned a zero, NaN or infinite row for an ordinary render; "
            "check its file and its preprocessing"
        )
    return embeddings / length
