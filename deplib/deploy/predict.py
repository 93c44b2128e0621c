"""From a folder of aligned frames to one score with its interval, and what each window added to it.

No torch: an exported pair, onnxruntime and NumPy are all that it takes. The score is the mean of
the windows' predictions, as in every table of this report, so it is also a sum: the mean label of
the training recordings, and what each window adds to that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deplib.cohorts.base import COLUMNS, FrameBlock, FrameFault
from deplib.cohorts.images import FrameFolder, shown
from deplib.cohorts.video import Aligner, VideoClip
from deplib.deploy.bundle import Bundle, Card, open_model
from deplib.errors import CohortError, ModelError
from deplib.extraction import MAX_TEMPLATE_DISTANCE, embed_recording, require_aligned, require_few
from deplib.streams import ENCODED
from deplib.windows import WindowSet

FPS = 30.0
"""Frames a second that times are stated at; AVEC2014's videos have 30."""
NO_DIAGNOSIS = (
    "This is no diagnosis: it estimates the score of a questionnaire from a video, by a research "
    "prototype that was never validated for clinical use."
)
SIMULATED = (
    "The pair was trained on simulated recordings ({cohort}), so the score says nothing about a "
    "person."
)
MOST_MISSING = 0.5
"""Share of a clip's frames that may be missing."""
_LOOKED_AT = 8  # frames of a folder that show how they are aligned
_OF_CARD = ("level", "label", "label_mean", "model", "features", "cohort", "simulated")


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a pair says of one clip, in points of its scale.

    Attributes
    ----------
    score
        The mean of the windows' predictions, clipped to the scale.
    low, high
        ``score`` plus and minus the pair's half-width, clipped to the scale.
    unclipped
        The mean before clipping: the card's ``label_mean``, which is the answer of a model that
        saw nothing, plus the sum of the contributions.
    windows
        One row a window that has a real frame: ``window``, its number; ``start`` and ``end``,
        seconds at ``FPS``; ``n_frames``, its real frames; ``prediction``; ``contribution``, what
        it adds to the mean label.
    n_frames, n_missing, n_gaps
        Frames that were used; of these, without an embedding, and masked; and of these, frame
        numbers that the folder lacks.
    faults
        What was wrong with single frames.
    card
        The model, the features it takes, whom it was trained on, and ``level``: how often such an
        interval shall hold the truth, for recordings of the same origin.
    """

    score: float
    low: float
    high: float
    unclipped: float
    windows: pd.DataFrame
    n_frames: int
    n_missing: int
    n_gaps: int
    faults: tuple[FrameFault, ...]
    card: Card

    @property
    def caveats(self) -> list[str]:
        """What must be said whenever the score is."""
        return [NO_DIAGNOSIS] + [SIMULATED.format(cohort=self.card.cohort)] * self.card.simulated

    def as_dict(self) -> dict[str, Any]:
        """Return all of it in the types of JSON, the caveats included."""
        told = {name: value for name, value in vars(self).items() if name != "card"}
        told |= {name: getattr(self.card, name) for name in _OF_CARD}
        told |= {"windows": self.windows.to_dict("records"), "fps": FPS, "caveats": self.caveats}
        faults = [fault._asdict() for fault in self.faults]
        return told | {"faults": faults, "clipped": self.score != self.unclipped}


def predict_folder(
    bundle: Bundle,
    folder: str | Path,
    *,
    aligner: Aligner | None = None,
    max_template_distance: float = MAX_TEMPLATE_DISTANCE,
    progress: Callable[[int], object] = lambda n: None,
) -> Prediction:
    """Predict the label of one clip from its aligned frames.

    As in training, the clip is cut at the pair's sequence length, a frame that cannot be read or
    embedded is masked, and a window without a real frame is left out.

    Parameters
    ----------
    bundle
        The pair, as ``deplib.deploy.open_bundle`` returns it.
    folder
        Images of 112x112 in 8-bit RGB, numbered like the film's frames; with an aligner, a film.
    aligner
        Finds and aligns the faces of a film.
    max_template_distance
        As of ``deplib.extraction.extract``: how far off faces in images may lie, pixels.
    progress
        Called with the number of frames read since the last call.

    Raises
    ------
    ModelError
        If the pair takes more than the features of one encoder, or returns NaN or infinity.
    CohortError
        If there is no such folder, or as of ``FrameFolder`` or ``VideoClip``.
    VerificationError
        If more than the share `MOST_MISSING` of the frames could not be read or embedded, or they
        are aligned otherwise than encoders expect.

    Notes
    -----
    Stores keep features in float16, and here they stay float32: a score may differ in its third
    digit from the one in a table of results.
    """
    card = bundle.card
    require_one_encoder(card.features)
    clip = _Clip(Path(folder), card.sequence_length, aligner)
    if aligner is None:
        some = np.linspace(0, clip.n_frames - 1, _LOOKED_AT).astype(int).tolist()
        require_aligned(clip, [clip.name], max_template_distance, some)
    clip.progress = progress  # from here on
    features, valid, faults = embed_recording(clip, bundle.encoder, clip.name, clip.n_frames)
    require_few(faults, clip.n_frames, MOST_MISSING, f"frames of {folder}", "mend the frames")
    x, mask, numbers = cut(features, valid, card.window_length)
    z = bundle.predict(np.ascontiguousarray(x.transpose(0, 2, 1)), mask).astype(float)
    starts = numbers * card.window_length
    ends = np.minimum(starts + card.window_length, len(valid))
    windows = pd.DataFrame({
        "window": numbers, "start": starts / FPS, "end": ends / FPS, "n_frames": mask.sum(axis=1),
        "prediction": card.points(z), "contribution": z * card.label_std / len(z),
    })  # fmt: skip
    unclipped = card.label_mean + float(windows["contribution"].sum())
    score = float(np.clip(unclipped, card.lowest, card.highest))
    # Around the clipped score: it is at least as near to any label as the unclipped one.
    low = max(score - card.half_width, card.lowest)
    high = min(score + card.half_width, card.highest)
    gaps = sum(fault.kind == "gap" for fault in faults)
    counts = len(valid), int((~valid).sum()), gaps
    return Prediction(score, low, high, unclipped, windows, *counts, faults, card)


def predict_windows(path: Path, windows: WindowSet) -> np.ndarray:
    """Predict the windows of many recordings by an exported file, in one thread.

    In 8 bits a layer's activations share one scale, so windows that run together change each other.
    A recording's windows run together and with no other, as in `predict_folder`: its numbers are
    the same whoever else is predicted.

    Returns
    -------
    ndarray of float64, shape (n_windows,)
        z-units, in the order of ``windows.index``; rounded to 1e-6 as
        ``deplib.training.predict`` does.

    Raises
    ------
    ModelError
        If the file is no exported model, or as of ``Bundle.predict``.
    """
    model, y = open_model(path), np.empty(len(windows))
    for rows in windows.index.groupby("recording", sort=False).indices.values():
        x = np.ascontiguousarray(windows.features[rows].transpose(0, 2, 1))  # (B, C, T)
        y[rows] = model.predict(x, windows.mask[rows])
    return y.round(6)


def require_one_encoder(features: str) -> None:
    """Pass where one encoder makes all of a model's features of frames alone.

    Raises
    ------
    ModelError
        If there are several streams, or one that needs more than an encoder.
    """
    if features not in ENCODED:
        only = f"a folder of frames and one encoder give one of {', '.join(ENCODED)} only"
        raise ModelError(f"the features {features!r} need more than frames: {only}; train on one")


def cut(
    features: np.ndarray, valid: np.ndarray, window_length: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut one clip into windows, as ``deplib.windows.build_windows`` cuts each recording.

    Parameters
    ----------
    features, valid
        (n_frames, width), and bool (n_frames,).
    window_length
        Frames of a window; the last one is padded.

    Returns
    -------
    x : ndarray of float32, shape (n_windows, window_length, width)
        0 where ``mask`` is False.
    mask : ndarray of bool, shape (n_windows, window_length)
        True = real frame.
    numbers : ndarray of int, shape (n_windows,)
        Of each window within the clip; one without a real frame is left out.
    """
    n = -(-len(valid) // window_length)
    mask = np.pad(valid, (0, n * window_length - len(valid))).reshape(n, window_length)
    x = np.zeros((n, window_length, features.shape[1]), np.float32)
    x[mask] = features[valid]
    numbers = np.flatnonzero(mask.any(axis=1))
    return x[numbers], mask[numbers], numbers


class _Clip:
    """A folder or a film as a cohort of one recording without a label, embedded like all others."""

    simulated, fingerprint = False, ""

    def __init__(self, path: Path, limit: int, aligner: Aligner | None) -> None:
        self.name = str(path)
        self.progress: Callable[[int], object] = lambda n: None
        self.recordings = pd.DataFrame(columns=list(COLUMNS))
        try:
            self.source = VideoClip(path, aligner) if aligner else FrameFolder(path)
        except OSError as error:
            remedy = "give the folder of a clip's frames, or a film and what aligns it (--detector)"
            why = f"no folder to read at {path.absolute()} ({error.strerror}): {remedy}"
            raise CohortError(why) from error
        if strays := getattr(self.source, "strays", []):
            what = f"{path} holds images that are not named like the others: {shown(strays[0])}"
            raise CohortError(f"{what} ({len(strays)} in all): remove them")
        self.n_frames = min(self.source.n_frames, limit)

    def read(self, recording: str, start: int = 0, stop: int | None = None) -> FrameBlock:
        stop = self.n_frames if stop is None else stop
        self.progress(stop - start)
        return self.source.read(start, stop)

    def frames(self, recording: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        return self.read(recording, start, stop).frames
