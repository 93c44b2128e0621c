"""A linear-Gaussian stand-in for rendering and embedding: windows of features from latents.

The mean embedding of a window is modelled as

    ``x = mean + latents @ L + person + session + window``

with Gaussian parts of person, session and window. Its parameters are fitted to embedded renderings
whose persons and latents are known (``bench/choosing/fit.py``). A cohort of 150 recordings then
takes milliseconds, not minutes; what the embedding does beyond second moments is lost.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from deplib.errors import ResultError
from deplib.paths import write_atomically

Array = np.ndarray
PARTS = ("person", "session", "window")


@dataclass(frozen=True, eq=False)
class Part:
    """A zero-mean Gaussian: ``z @ loadings + floor * noise``."""

    loadings: Array  # (rank, D)
    floor: float  # SD of independent noise in each dimension

    def draw(self, n: int, *, rng: Generator) -> Array:
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

    mean: Array
    latents: Array
    person: Part
    session: Part
    window: Part

    def draw(
        self, latents: Array, person: Array, n_frames: Array, *, window_length: int, rng: Generator
    ) -> tuple[Array, Array]:
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
        parts = {name: getattr(self, name) for name in PARTS}
        halves = {"mean": self.mean, "latents": self.latents}
        halves |= {name: part.loadings for name, part in parts.items()}
        arrays = {name: np.ascontiguousarray(array, dtype="f2") for name, array in halves.items()}
        arrays |= {f"{name}_floor": np.array([round(p.floor, 8)]) for name, p in parts.items()}
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
            parts = {name: Part(a[name], float(a[f"{name}_floor"][0])) for name in PARTS}
            return cls(a["mean"], a["latents"], **parts)
        except (OSError, KeyError, IndexError, SafetensorError) as error:
            raise ResultError(
                f"{path} is missing or damaged ({error}): take it from the repository again, or "
                "fit it anew by bench/choosing/fit.py"
            ) from error


def cut(n_frames: Array, window_length: int) -> tuple[Array, Array]:
    """Cut recordings into windows: recording's row and number of frames of each window."""
    n_windows = -(-n_frames // window_length)
    recording = np.repeat(np.arange(len(n_frames)), n_windows)
    first = np.concatenate([[0], np.cumsum(n_windows)[:-1]])
    start = (np.arange(len(recording)) - first[recording]) * window_length
    return recording, np.minimum(n_frames[recording] - start, window_length)


def weighted_means(x: Array, group: Array, weight: Array | None = None) -> Array:
    """Return the weighted mean of the rows of each group 0, 1, ..., (n_groups, D)."""
    weight = np.ones(len(group)) if weight is None else weight
    total = np.zeros((group.max() + 1, x.shape[1]))
    np.add.at(total, group, x * weight[:, None])
    return total / np.bincount(group, weight)[:, None]
