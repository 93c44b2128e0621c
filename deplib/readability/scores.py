"""The table: every quantity from every encoder, with intervals over the tested persons."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deplib.extraction import SHOWN
from deplib.readability.drawn import Embed, draw, embed_all
from deplib.readability.recognition import recognise, whitened
from deplib.readability.regression import read_out
from deplib.statistics import interval_of
from deplib.statistics.resampling import moments_of, person_sums, resample

KINDS = {
    **dict.fromkeys(SHOWN[:-4], "expression"),
    "gaze_x": "gaze",
    "gaze_y": "gaze",
    "yaw": "pose",
    "pitch": "pose",
}
"""Quantity -> what kind it is; each kind also has a mean over its quantities."""
COLUMNS = ("kind", "quantity", "measure", "chance", "features", "value", "low", "high")
R2, MEAN = "R2", "mean"
VERIFIED, RETRIEVED = "verification accuracy", "retrieval, first hit"
WHITENED = ", whitened"  # after ``recognition.whitened``
_PER_SCENE = 4  # pictures that are compared: the number of pairs grows with the square


@dataclass(frozen=True, eq=False)
class Score:
    """A score of the tested persons and what it is in resamples of them.

    Attributes
    ----------
    value
        Of the persons as they are.
    resampled
        (n_resamples,).
    left_out
        Without one person at a time, (n_persons,).
    """

    value: float
    resampled: np.ndarray
    left_out: np.ndarray

    def minus(self, other: "Score") -> "Score":
        """Return the difference of two scores of the same resamples."""
        return Score(
            self.value - other.value,
            self.resampled - other.resampled,
            self.left_out - other.left_out,
        )

    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval, expanded as in ``deplib.statistics.cluster_bootstrap``."""
        defined = self.resampled[np.isfinite(self.resampled)]
        return interval_of(defined, self.value, self.left_out)


@dataclass(frozen=True, eq=False)
class Readability:
    """What was read from each set of features; all scores share persons and resamples.

    Attributes
    ----------
    scores
        (kind, quantity, measure) -> features -> score.
    chance
        Measure -> what features that know nothing reach.
    """

    scores: Mapping[tuple[str, str, str], Mapping[str, Score]]
    chance: Mapping[str, float]

    def table(self) -> pd.DataFrame:
        """Return a row a quantity, measure and set of features; the columns are ``COLUMNS``."""
        rows = [
            (*key, self.chance[key[2]], features, score.value, *score.interval())
            for key, by_features in self.scores.items()
            for features, score in by_features.items()
        ]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def difference(
        self, quantity: str, first: str, second: str, *, kind: str | None = None, measure: str = R2
    ) -> tuple[float, float, float]:
        """Return a score of the first features minus that of the second, with its interval.

        Parameters
        ----------
        quantity, kind, measure
            As in the table; the kind only where the quantity is ``"mean"``.
        first, second
            Names of features.

        Returns
        -------
        tuple of float
            The difference, and its 95 % interval over persons, both read from the same ones.

        Raises
        ------
        ValueError
            If there is no such score, or no such features.
        """
        found = [
            by_features
            for (its_kind, its_name, its_measure), by_features in self.scores.items()
            if (its_name, its_measure) == (quantity, measure) and kind in (None, its_kind)
        ]
        if len(found) != 1 or not {first, second} <= set(found[0]):
            raise ValueError(
                f"{len(found)} scores are called {quantity!r}, {measure!r} (kind {kind!r}), and "
                f"{first!r} and {second!r} must be among its features; see table()"
            )
        score = found[0][first].minus(found[0][second])
        return score.value, *score.interval()


def readability(
    encoders: Mapping[str, Embed],
    *,
    joined: Mapping[str, Sequence[str]] | None = None,
    persons: int = 120,
    renders: int = 16,
    n_resamples: int = 10_000,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return ``measure(...).table()``; parameters and errors are those of ``measure``."""
    return measure(
        encoders,
        joined=joined,
        persons=persons,
        renders=renders,
        n_resamples=n_resamples,
        rng=rng,
    ).table()


def measure(
    encoders: Mapping[str, Embed],
    *,
    joined: Mapping[str, Sequence[str]] | None = None,
    persons: int = 120,
    renders: int = 16,
    n_resamples: int = 10_000,
    rng: np.random.Generator,
) -> Readability:
    """Measure what can be read from each encoder's embeddings of new persons.

    Expression, gaze and pose: the share of variance that a linear read-out explains in persons that
    it was not fitted on (R2: 0 for a constant, below 0 for worse). Identity: verification and
    retrieval by cosine, pictures of a person compared across two scenes; as the embeddings are, and
    ``whitened``. Intervals are over the tested persons; those who fit the read-outs stay.

    Parameters
    ----------
    encoders
        Name -> function of RGB frames, such as ``lambda frames: encoder.embed(frames).features``.
    joined
        Name -> the encoders whose unit rows stand side by side under that name.
    persons
        Two thirds fit read-outs and thresholds, the others are tested. More of them read more.
    renders
        Pictures a person, an even number.
    n_resamples
        Resamples of the tested persons, the same for all scores.
    rng
        Draws the persons and the resamples: the same state gives the same persons to any encoders.
        ``deplib.extraction.stream("held-out", seed)`` never meets a person of a
        training recipe or of a cohort.

    Raises
    ------
    ValueError
        As ``draw`` and ``embed_all``.
    EncoderError
        If an encoder returns something other than one finite row a picture.
    """
    drawn = draw(persons, renders, rng=rng)
    fit = drawn.fit
    features = embed_all(drawn, encoders, joined)
    counts = resample(int((~fit).sum()), n_resamples, rng)
    by_features: dict[str, dict[tuple[str, str, str], Score]] = {}
    chance = {R2: 0.0}
    some = np.flatnonzero(np.arange(renders) % (renders // 2) < _PER_SCENE)
    for name, one in features.items():
        read = read_out(one, drawn.shown, fit)
        scores = _of_shown(drawn.shown[~fit], read, counts)
        for way, found in (
            ("", recognise(one[:, some], fit)),
            (WHITENED, recognise(whitened(one, fit)[:, some], fit)),
        ):
            scores["identity", "person", VERIFIED + way] = _mean(found.verified, counts)
            scores["identity", "person", RETRIEVED + way] = _mean(found.retrieved, counts)
            chance |= {VERIFIED + way: 0.5, RETRIEVED + way: found.retrieved_by_chance}
        by_features[name] = scores
    keys = next(iter(by_features.values()), {})
    return Readability(
        {key: {name: scores[key] for name, scores in by_features.items()} for key in keys}, chance
    )


def _of_shown(
    shown: np.ndarray, read: np.ndarray, counts: np.ndarray
) -> dict[tuple[str, str, str], Score]:
    """Return R2 of each quantity, then the mean over each kind."""
    single = {
        name: _r2(shown[..., column], read[..., column], counts)
        for column, name in enumerate(SHOWN)
    }
    scores = {(KINDS[name], name, R2): score for name, score in single.items()}
    for kind in dict.fromkeys(KINDS.values()):
        members = [single[name] for name in SHOWN if KINDS[name] == kind]
        scores[kind, MEAN, R2] = Score(
            float(np.mean([one.value for one in members])),
            np.mean([one.resampled for one in members], axis=0),
            np.mean([one.left_out for one in members], axis=0),
        )
    return scores


def _r2(y: np.ndarray, y_hat: np.ndarray, counts: np.ndarray) -> Score:
    """Score (persons, renders): 1 - mean squared error / variance, both over all pictures."""
    who = np.repeat(np.arange(len(y)), y.shape[1])
    sums = person_sums(y.ravel(), [y_hat.ravel()], who)

    def score(weights: np.ndarray) -> np.ndarray:  # (k, persons) -> (k,)
        moments = moments_of(weights, sums)
        variance = moments["yy"][:, 0]
        share = moments["square"][:, 0] / np.where(variance > 0, variance, np.nan)
        return 1.0 - share

    return _scored(score, counts)


def _mean(values: np.ndarray, counts: np.ndarray) -> Score:
    """Score (persons,): the mean over persons."""
    return _scored(lambda weights: weights @ values / weights.sum(axis=1), counts)


def _scored(score: Callable[[np.ndarray], np.ndarray], counts: np.ndarray) -> Score:
    """Score the persons as they are, resampled, and without one at a time."""
    n = counts.shape[1]
    return Score(float(score(np.ones((1, n)))[0]), score(counts), score(1.0 - np.eye(n)))
