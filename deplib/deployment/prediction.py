"""From a folder of aligned frames to one score with its interval, and what each window added to it.

No torch: an exported pair, onnxruntime and NumPy are all that it takes. The score is the mean of
the windows' predictions, as in every table of this report, so it is also a sum: the mean label of
the training recordings, and what each window adds to that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deplib.cohorts.faults import FrameFault
from deplib.deployment.bundle import Bundle
from deplib.deployment.clip import Progress, embed_clip
from deplib.errors import ModelError
from deplib.windows import BDI_MAX, BDI_MIN

FPS = 30.0
"""Frames a second that times are stated at; AVEC2014's videos have 30."""
FROM_FRAMES = ("identity", "affect", "random")
"""Streams that one encoder makes of frames alone; `deplib.streams` would bring all the others."""
NO_DIAGNOSIS = (
    "This is no diagnosis: it estimates the score of a questionnaire from a video, by a research "
    "prototype that was never validated for clinical use."
)
SIMULATED = (
    "The pair was trained on simulated recordings ({cohort}), so the score says nothing about a "
    "person."
)
COLUMNS = ("window", "start", "end", "n_frames", "prediction", "contribution")
"""Columns of ``Prediction.windows``."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a pair says of one clip, in BDI-II points.

    Attributes
    ----------
    score
        The mean of the windows' predictions, clipped to 0-63.
    low, high
        ``score`` plus and minus the pair's half-width, clipped to 0-63.
    level
        How often such an interval shall hold the truth, for recordings of the same origin.
    unclipped
        The mean before clipping: ``label_mean`` plus the sum of the contributions.
    label_mean
        Mean label of the training recordings: the answer of a model that saw nothing.
    windows
        One row a window that has a real frame: ``window``, its number; ``start`` and ``end``,
        seconds at ``FPS``; ``n_frames``, its real frames; ``prediction``; ``contribution``, what
        it adds to ``label_mean``.
    n_frames, n_missing, n_gaps
        Frames that were used; of these, without an embedding, and masked; and frame numbers that
        the folder lacks, over which time closes, as in training.
    faults
        What was wrong with single frames.
    model, features, cohort, simulated
        The model, the features it takes, and whom it was trained on.
    """

    score: float
    low: float
    high: float
    level: float
    unclipped: float
    label_mean: float
    windows: pd.DataFrame
    n_frames: int
    n_missing: int
    n_gaps: int
    faults: tuple[FrameFault, ...]
    model: str
    features: str
    cohort: str
    simulated: bool

    @property
    def clipped(self) -> bool:
        """Whether the models' mean lay outside 0-63."""
        return self.score != self.unclipped

    @property
    def caveats(self) -> tuple[str, ...]:
        """What must be said whenever the score is."""
        more = (SIMULATED.format(cohort=self.cohort),) if self.simulated else ()
        return (NO_DIAGNOSIS, *more)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it in the types of JSON, the caveats included."""
        plain = {
            name: value
            for name, value in self.__dict__.items()
            if name not in ("windows", "faults")
        }
        return plain | {
            "windows": self.windows.to_dict("records"),
            "faults": [fault._asdict() for fault in self.faults],
            "clipped": self.clipped,
            "fps": FPS,
            "caveats": list(self.caveats),
        }


def predict_folder(
    bundle: Bundle,
    folder: str | Path,
    *,
    max_miss_rate: float = 0.5,
    progress: Progress | None = None,
) -> Prediction:
    """Predict BDI-II from the aligned frames of one clip.

    Frames are read in one thread and embedded in another. As in training, the clip is cut at the
    pair's sequence length, a frame that cannot be read or embedded is masked, and a window without
    a real frame is left out.

    Parameters
    ----------
    bundle
        The pair, as ``deplib.deployment.bundle.open_bundle`` returns it.
    folder
        Images of 112x112 in 8-bit RGB, numbered like the film's frames.
    max_miss_rate
        Share of the frames that may be missing.
    progress
        Called, from the thread that reads, with the number of frames read since the last call.

    Raises
    ------
    ModelError
        If the pair takes more than the features of one encoder, or returns NaN or infinity.
    CohortError
        If there is no such folder, it holds no image, or an image has no number of its own.
    VerificationError
        If more frames than ``max_miss_rate`` could not be read or embedded.

    Notes
    -----
    Stores keep features in float16, and here they stay float32: a score may differ in its third
    digit from the one in a table of results.
    """
    card = bundle.card
    require_one_encoder(card.features)
    clip = embed_clip(
        folder,
        bundle.encoder,
        frame_limit=card.sequence_length,
        max_miss_rate=max_miss_rate,
        progress=progress,
    )
    x, mask, numbers = cut(clip.features, clip.valid, card.window_length)
    z = bundle.predict(np.ascontiguousarray(x.transpose(0, 2, 1)), mask).astype(float)
    contributions = z * card.label_std / len(z)
    unclipped = card.label_mean + float(contributions.sum())
    score = float(np.clip(unclipped, BDI_MIN, BDI_MAX))
    return Prediction(
        score=score,
        # Around the clipped score: it is at least as near to any label as the unclipped one.
        low=max(score - card.half_width, BDI_MIN),
        high=min(score + card.half_width, BDI_MAX),
        level=card.level,
        unclipped=unclipped,
        label_mean=card.label_mean,
        windows=_table(numbers, mask, len(clip.valid), card.points(z), contributions),
        n_frames=len(clip.valid),
        n_missing=clip.n_missing,
        n_gaps=clip.n_gaps,
        faults=clip.faults,
        model=card.model,
        features=card.features,
        cohort=card.cohort,
        simulated=card.simulated,
    )


def require_one_encoder(features: str) -> None:
    """Pass where one encoder makes all of a model's features of frames alone.

    Raises
    ------
    ModelError
        If there are several streams, or one that needs more than an encoder.
    """
    if features in FROM_FRAMES:
        return
    raise ModelError(
        f"this pair takes the features {features!r}, and a folder of frames and one encoder give "
        f"one of {', '.join(FROM_FRAMES)} only: export a pair that was trained on one of these"
    )


def cut(
    features: np.ndarray, valid: np.ndarray, window_length: int
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Cut one clip into windows, as ``deplib.windows.build_windows`` cuts each recording.

    Parameters
    ----------
    features
        (n_frames, width).
    valid
        bool, (n_frames,).
    window_length
        Frames of a window; the last one is padded.

    Returns
    -------
    x : ndarray of float32, shape (n_windows, window_length, width)
        0 where ``mask`` is False.
    mask : ndarray of bool, shape (n_windows, window_length)
        True = real frame.
    numbers : list of int
        Of each window within the clip; one without a real frame is left out.
    """
    starts = range(0, len(valid), window_length)
    x = np.zeros((len(starts), window_length, features.shape[1]), np.float32)
    mask = np.zeros((len(starts), window_length), bool)
    for number, start in enumerate(starts):
        real = valid[start : start + window_length]
        mask[number, : len(real)] = real
        x[number, : len(real)][real] = features[start : start + window_length][real]
    kept = mask.any(axis=1)
    return x[kept], mask[kept], np.flatnonzero(kept).tolist()


def _table(
    numbers: Sequence[int],
    mask: np.ndarray,
    n_frames: int,
    predictions: np.ndarray,
    contributions: np.ndarray,
) -> pd.DataFrame:
    starts = np.asarray(numbers) * mask.shape[1]
    ends = np.minimum(starts + mask.shape[1], n_frames)
    values = (numbers, starts / FPS, ends / FPS, mask.sum(axis=1), predictions, contributions)
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))
