"""From a folder of aligned frames to one score with its interval, and what each window added to it.

No torch: an exported pair, onnxruntime and NumPy are all that it takes. The score is the mean of
the windows' predictions, as in every table of this report, so it is also a sum: the mean label of
the training recordings, and what each window adds to that.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deplib.cohorts.base import COLUMNS, FrameBlock, FrameFault
from deplib.cohorts.images import IMAGES, FrameFolder, frame_number, missing_numbers
from deplib.deploy.bundle import Bundle, Card, open_model
from deplib.errors import CohortError, ModelError, VerificationError
from deplib.extraction import MissCount, embed_recording
from deplib.paths import write_atomically
from deplib.streams import ENCODED
from deplib.windows import BDI_MAX, BDI_MIN, WindowSet

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
_OF_CARD = ("level", "label_mean", "model", "features", "cohort", "simulated")
Progress = Callable[[int], object]
"""Called with the number of frames that were read since the last call."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a pair says of one clip, in BDI-II points.

    Attributes
    ----------
    score
        The mean of the windows' predictions, clipped to 0-63.
    low, high
        ``score`` plus and minus the pair's half-width, clipped to 0-63.
    unclipped
        The mean before clipping: the card's ``label_mean``, which is the answer of a model that
        saw nothing, plus the sum of the contributions.
    windows
        One row a window that has a real frame: ``window``, its number; ``start`` and ``end``,
        seconds at ``FPS``; ``n_frames``, its real frames; ``prediction``; ``contribution``, what
        it adds to the mean label.
    n_frames, n_missing, n_gaps
        Frames that were used; of these, without an embedding, and masked; and frame numbers that
        the folder lacks, over which time closes, as in training.
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
        of_card = {name: getattr(self.card, name) for name in _OF_CARD}
        return (
            {k: v for k, v in self.__dict__.items() if k != "card"}
            | of_card
            | {
                "windows": self.windows.to_dict("records"),
                "faults": [fault._asdict() for fault in self.faults],
                "clipped": self.score != self.unclipped,
                "fps": FPS,
                "caveats": self.caveats,
            }
        )

    def save_plot(self, path: Path) -> None:
        """Draw what each window adds to the mean label, and the score it ends at, into a file.

        Parameters
        ----------
        path
            Ends in .svg or .png; replaced whole, or not at all.
        """
        import matplotlib.pyplot as plt

        added, ends = self.windows["contribution"].to_numpy(), self.windows["end"]
        mean, level = self.card.label_mean, f"{self.card.level:.0%} interval"
        sums = mean + added.cumsum()
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.9), width_ratios=(4, 1))
        figure.set_layout_engine("constrained")
        widths, colours = ends - self.windows["start"], np.where(added < 0, "#0072B2", "#D55E00")
        left.bar(self.windows["start"], added, widths, sums - added, align="edge", color=colours)
        left.axhline(mean, color="black", linestyle=":", linewidth=1)
        title = f"What each window adds to the training mean of {mean:.1f}"
        left.set(xlabel="time in the clip, s", ylabel="BDI-II points", title=title)
        spread = [[self.score - self.low], [self.high - self.score]]
        right.errorbar(0, self.score, spread, fmt="o", color="black", capsize=4)
        right.set(ylim=(BDI_MIN, BDI_MAX), title=f"score {self.score:.1f}")
        right.set_xticks([0], [f"{level}\n{self.low:.1f} to {self.high:.1f}"])
        figure.supxlabel("\n".join(self.caveats), fontsize=8, x=0.01, ha="left", wrap=True)
        kind, drawn = path.suffix.lower().removeprefix("."), io.BytesIO()
        with plt.rc_context({"svg.hashsalt": "deplib"}):  # the same answer is the same file
            date = {"Date": None} if kind == "svg" else None
            figure.savefig(drawn, format=kind, dpi=150, metadata=date)
        plt.close(figure)
        write_atomically(path, drawn.getvalue())


def predict_folder(
    bundle: Bundle,
    folder: str | Path,
    *,
    max_miss_rate: float = 0.5,
    progress: Progress = lambda n: None,
) -> Prediction:
    """Predict BDI-II from the aligned frames of one clip.

    As in training, the clip is cut at the pair's sequence length, a frame that cannot be read or
    embedded is masked, and a window without a real frame is left out.

    Parameters
    ----------
    bundle
        The pair, as ``deplib.deploy.open_bundle`` returns it.
    folder
        Images of 112x112 in 8-bit RGB, numbered like the film's frames.
    max_miss_rate
        Share of the frames that may be missing.
    progress
        Called with the number of frames read since the last call.

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
    clip = _Clip(Path(folder), card.sequence_length, progress)
    features, valid, faults = embed_recording(clip, bundle.encoder, clip.name, clip.n_frames)
    clip.require_few(faults, max_miss_rate)
    x, mask, numbers = cut(features, valid, card.window_length)
    z = bundle.predict(np.ascontiguousarray(x.transpose(0, 2, 1)), mask).astype(float)
    starts = numbers * card.window_length
    ends = np.minimum(starts + card.window_length, len(valid))
    windows = pd.DataFrame({"window": numbers, "start": starts / FPS, "end": ends / FPS})
    windows["n_frames"], windows["prediction"] = mask.sum(axis=1), card.points(z)
    windows["contribution"] = z * card.label_std / len(z)
    unclipped = card.label_mean + float(windows["contribution"].sum())
    score = float(np.clip(unclipped, BDI_MIN, BDI_MAX))
    return Prediction(
        score=score,
        # Around the clipped score: it is at least as near to any label as the unclipped one.
        low=max(score - card.half_width, BDI_MIN),
        high=min(score + card.half_width, BDI_MAX),
        unclipped=unclipped,
        windows=windows,
        n_frames=len(valid),
        n_missing=int((~valid).sum()),
        n_gaps=missing_numbers(clip.numbers),
        faults=faults,
        card=card,
    )


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
    """A folder as a cohort of one recording without a label, to be embedded like all others."""

    simulated, fingerprint = False, ""

    def __init__(self, path: Path, limit: int, progress: Progress) -> None:
        self.name, self.progress = str(path), progress
        self.recordings = pd.DataFrame(columns=list(COLUMNS))
        if not path.is_dir():
            kind = "is a file: align the video" if path.is_file() else "is not there"
            raise CohortError(f"no folder at {path.absolute()}: it {kind}; give one clip's folder")
        try:
            self.folder = FrameFolder(path)
        except OSError as error:
            raise CohortError(f"{path} cannot be listed ({error.strerror}): mend it") from error
        if not (files := self.folder.files()):
            raise CohortError(f"{path} holds no image ({', '.join(IMAGES)}): give a clip's folder")
        found = [(frame_number(file.name), file) for file in files]
        if odd := [file for number, file in found if number is None]:
            raise CohortError(f"{odd[0]} has no frame number: number it, or remove it")
        numbers = [number for number, _ in found if number is not None]
        if twice := [number for number, after in pairwise(numbers) if number == after]:
            raise CohortError(f"{path} has two images of frame {twice[0]}: keep one clip a folder")
        self.numbers = numbers[:limit]
        self.n_frames = len(self.numbers)

    def read(self, recording: str, start: int = 0, stop: int | None = None) -> FrameBlock:
        stop = self.n_frames if stop is None else stop
        self.progress(stop - start)
        return self.folder.read(start, stop)

    def frames(self, recording: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        return self.read(recording, start, stop).frames

    def require_few(self, faults: tuple[FrameFault, ...], max_miss_rate: float) -> None:
        """Pass as long as the misses are a bearable share of the clip's frames, and not all."""
        (misses := MissCount()).add(faults)
        if misses.misses > min(max_miss_rate * self.n_frames, self.n_frames - 1):
            few = f"{misses.misses:,} of the {self.n_frames:,} frames of {self.name} could not be"
            text = f"{few} used; up to {max_miss_rate:.0%} may be missing.\n{misses.describe()}"
            raise VerificationError(f"{text}\nNothing is predicted from so little: mend the frames")
