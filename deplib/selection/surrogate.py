"""A linear-Gaussian stand-in for rendering and embedding: windows of features from latents.

The mean embedding of a window is modelled as

    ``x = mean + latents @ L + person + session + window``

with Gaussian parts of person, session and window. Its parameters are fitted to embedded renderings
whose persons and latents are known. A cohort of 150 recordings then takes milliseconds, not
minutes; what the embedding does beyond second moments is lost.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from deplib.errors import ResultError
from deplib.paths import write_atomically

RANKS = {"person": 80, "session": 56, "window": 40}
"""Directions kept of each part's covariance; what is left becomes noise of equal size in all."""


@dataclass(frozen=True, eq=False)
class Part:
    """A zero-mean Gaussian: ``z @ loadings + floor * noise``."""

    loadings: np.ndarray  # (rank, D)
    floor: float  # SD of independent noise in each dimension

    def draw(self, n: int, *, rng: np.random.Generator) -> np.ndarray:
        """Draw n rows, (n, D)."""
        rank, width = self.loadings.shape
        common = rng.standard_normal((n, rank)) @ self.loadings
        return common + self.floor * rng.standard_normal((n, width))


@dataclass(frozen=True, eq=False)
class Surrogate:
    """The fitted model.

    Attributes
    ----------
    mean
        (D,)
    latents
        (n_latents, D), the change of the embedding by one SD of a latent.
    person, session
        What a person, and one recording of a person, adds.
    window
        What one frame's worth adds; a window of n frames has it divided by sqrt(n).
    """

    mean: np.ndarray
    latents: np.ndarray
    person: Part
    session: Part
    window: Part

    def draw(
        self,
        latents: np.ndarray,
        person: np.ndarray,
        n_frames: np.ndarray,
        *,
        window_length: int,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw the mean embeddings of the windows of recordings.

        Parameters
        ----------
        latents
            (n, n_latents), one row a recording.
        person
            (n,), any labels.
        n_frames
            (n,), frames that are used of each.
        window_length
            Frames of a whole window; the last of a recording may have fewer.
        rng
            Source of randomness.

        Returns
        -------
        features : ndarray of float32, (n_windows, D)
        recording : ndarray of int, (n_windows,)
            Row of ``latents`` that each window belongs to, ascending.
        """
        names, code = np.unique(person, return_inverse=True)
        recordings = self.mean + latents @ self.latents
        recordings += self.person.draw(len(names), rng=rng)[code]
        recordings += self.session.draw(len(latents), rng=rng)
        recording, n_in_window = cut(n_frames, window_length)
        noise = self.window.draw(len(recording), rng=rng) / np.sqrt(n_in_window)[:, None]
        noise -= weighted_means(noise, recording, n_in_window)[recording]
        return (recordings[recording] + noise).astype(np.float32), recording

    def save(self, path: Path) -> "Surrogate":
        """Write the parameters, arrays in half precision, and return them as they are read back.

        So a first run draws what later ones draw.
        """
        arrays = {"mean": self.mean.astype("f2"), "latents": self.latents.astype("f2")}
        for name in RANKS:
            part: Part = getattr(self, name)
            arrays[name] = np.ascontiguousarray(part.loadings, dtype="f2")
            arrays[f"{name}_floor"] = np.array([round(part.floor, 8)])
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, save(arrays))
        return Surrogate.load(path)

    @classmethod
    def load(cls, path: Path) -> "Surrogate":
        """Read the parameters that `save` wrote.

        Raises
        ------
        ResultError
            If the file is missing or damaged.
        """
        try:
            a = {name: array.astype(float) for name, array in load_file(path).items()}
            parts = {name: Part(a[name], float(a[f"{name}_floor"][0])) for name in RANKS}
            return cls(a["mean"], a["latents"], **parts)
        except (OSError, KeyError, IndexError, SafetensorError) as error:
            raise ResultError(
                f"{path} is missing or damaged ({error}); delete it and run `make sweep`"
            ) from error


def fit(
    features: np.ndarray,
    recording: np.ndarray,
    n_in_window: np.ndarray,
    person: np.ndarray,
    latents: np.ndarray,
    *,
    ranks: dict[str, int] | None = None,
) -> Surrogate:
    """Fit the model by moments.

    Loadings of the latents are a random-effects regression: a person's recordings are demeaned by
    the share that the person's own variance asks for, so that faces do not drown the latents. The
    session's covariance comes from differences within persons, the person's from person means less
    the sessions' part, the window's from differences within recordings.

    Parameters
    ----------
    features, recording, n_in_window
        Mean embedding, recording's row and number of frames of each window; (n_windows, ...).
    person, latents
        Of each recording, (n,) and (n, n_latents).
    ranks
        Directions to keep of each part; ``RANKS`` by default.

    Raises
    ------
    ResultError
        If no person has two recordings, or no recording two windows.
    """
    ranks = ranks or RANKS
    names, code = np.unique(person, return_inverse=True)
    sessions = np.bincount(code)
    n, df = len(code), len(code) - len(names)
    if not df or len(recording) == n:
        raise ResultError(
            "the surrogate needs persons with two recordings and recordings with two windows: "
            "calibrate it on more, longer recordings"
        )
    x = weighted_means(features, recording, n_in_window)
    design = np.hstack([np.ones((n, 1)), latents])

    coefficients = np.linalg.lstsq(design, x, rcond=None)[0]
    for _ in range(2):  # variances and loadings depend on each other, weakly
        between, within = _variances(x - design @ coefficients, code, sessions)
        share = np.trace(within) / (np.trace(within) + sessions * np.trace(between))
        demean = (1 - np.sqrt(share))[code, None]
        coefficients = np.linalg.lstsq(
            design - demean * weighted_means(design, code)[code],
            x - demean * weighted_means(x, code)[code],
            rcond=None,
        )[0]
    between, within = _variances(x - design @ coefficients, code, sessions)
    apart = (features - x[recording]) * np.sqrt(n_in_window)[:, None]
    window = apart.T @ apart / (len(recording) - n)
    return Surrogate(
        mean=coefficients[0],
        latents=coefficients[1:],
        person=_part(between, ranks["person"]),
        session=_part(within, ranks["session"]),
        window=_part(window, ranks["window"]),
    )


def cut(n_frames: np.ndarray, window_length: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut recordings into windows: recording's row and number of frames of each window."""
    n_windows = -(-n_frames // window_length)
    recording = np.repeat(np.arange(len(n_frames)), n_windows)
    first = np.concatenate([[0], np.cumsum(n_windows)[:-1]])
    start = (np.arange(len(recording)) - first[recording]) * window_length
    return recording, np.minimum(n_frames[recording] - start, window_length)


def weighted_means(
    x: np.ndarray, group: np.ndarray, weight: np.ndarray | None = None
) -> np.ndarray:
    """Return the weighted mean of the rows of each group 0, 1, ..., (n_groups, D)."""
    weight = np.ones(len(group)) if weight is None else weight
    total = np.zeros((group.max() + 1, x.shape[1]))
    np.add.at(total, group, x * weight[:, None])
    return total / np.bincount(group, weight)[:, None]


def _variances(
    rest: np.ndarray, code: np.ndarray, sessions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the covariances between persons and within them, (D, D) each."""
    means = weighted_means(rest, code)
    apart = rest - means[code]
    within = apart.T @ apart / (len(rest) - len(sessions))
    return np.cov(means.T) - within * (1 / sessions).mean(), within


def _part(covariance: np.ndarray, rank: int) -> Part:
    """Return the leading directions and, of what is left, an equal variance in every dimension."""
    values, vectors = np.linalg.eigh(covariance)
    values = np.clip(values[::-1], 0.0, None)
    rest = values[rank:].mean() if len(values) > rank else 0.0
    kept = np.sqrt(np.clip(values[:rank] - rest, 0.0, None))
    return Part(kept[:, None] * vectors[:, ::-1][:, :rank].T, float(np.sqrt(rest)))
