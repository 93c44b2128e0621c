"""Facial action and pulse of a cohort's recordings: simulated, or read from CSV files.

OpenFace 2.x (Baltrusaitis et al. 2018) writes one row a frame of the film; ``FeatureExtraction``
follows one face and is the program to use. No rPPG format is common, so that of the pulse is ours:
``timestamp`` in seconds from the start of the film and the 23 columns of ``PULSE``, one row an
estimate, at a constant rate; rows may be missing. Nothing is guessed or repaired: a frame of the
recording gets the row of its number in the film, or the estimate of its time, never one by place.
"""

import hashlib
import os
import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from deplib.cohorts.base import Cohort
from deplib.cohorts.images import shown, unlisted
from deplib.cohorts.simulated import SimulatedCohort
from deplib.cohorts.timeline import FPS
from deplib.errors import CohortError
from deplib.streams import ACTION, PULSE, UNITS
from deplib.streams.join import StreamMissingError, to_frames
from deplib.streams.measured import MAX_INTENSITY, SimulatedAction, SimulatedPulse

CONFIDENCE = 0.75
"""Tracking below this confidence counts as failed, whatever ``success`` says: our choice."""
REGULAR = 0.1
"""Share of a step by which a timestamp may miss its place."""
TOLERANCE = {"action": 1.0, "pulse": 10.0}
"""Seconds by which a stream's duration may differ from its recording's: our choice. Trackers drop
frames at the ends, and estimates of the pulse may end a window early."""
MAX_SAMPLES = 1_000_000
"""More samples than any recording's stream has: nine hours at 30 a second."""
CLIP_ENDINGS = ("_aligned", "_video_aligned", "_video", "")
"""What a file's name may have after the recording's; its own name wins."""


def open_stream(
    name: str, cohort: Cohort, *, folder: Path | None = None
) -> "SimulatedAction | SimulatedPulse | CsvFolder":
    """Open the facial action or the pulse of a cohort's recordings.

    Parameters
    ----------
    name
        ``"action"`` or ``"pulse"``.
    cohort
        A simulated cohort measures its own truth; any other is read from files.
    folder
        Files of a cohort that is not simulated; a warning tells how many recordings have none.

    Returns
    -------
    Read
        With a ``fingerprint`` of what determines it; recordings without a file raise
        ``StreamMissingError`` when they are read.

    Raises
    ------
    CohortError
        If the stream is unknown or an encoder's, a folder is missing, or one is given for a
        simulated cohort, or the folder has no file of the cohort.
    """
    if name not in TOLERANCE:
        what = f"stream {name!r} is not one of action and pulse, which are opened here"
        raise CohortError(f"{what}: embeddings are read from their store")
    if isinstance(cohort, SimulatedCohort):
        if folder is not None:
            raise CohortError(f"{cohort.name} simulates its own {name}: give it no folder")
        return SimulatedAction(cohort) if name == "action" else SimulatedPulse(cohort)
    if folder is None:
        raise CohortError(
            f"{cohort.name} has no {name} of its own: give the folder of CSV files, for action as "
            "OpenFace 2.x (FeatureExtraction) writes them, for pulse as in deplib.streams.files"
        )
    source = CsvFolder(name, folder, cohort)
    if without := len(source.n_frames) - len(source.files):
        text = f"{without} of {len(source.n_frames)} recordings have no file of stream {name!r}"
        warnings.warn(f"{text} and go without it", stacklevel=2)
    return source


class CsvFolder:
    """Reads one stream of a filmed cohort from its files: a ``Read``.

    A recording's file is called ``<recording>.csv``, or after its clip, such as
    ``203_1_Freeform_video.csv``; capitals don't count, and it may lie in any folder below.

    Parameters
    ----------
    name
        ``"action"`` or ``"pulse"``.
    folder
        Holds the files.
    cohort
        Its ``clock(recording)`` gives number and second of each frame in the film; without one,
        the frames are those of a film of 30 a second from its start.

    Attributes
    ----------
    files
        File of each recording that has one; reading another raises ``StreamMissingError``.

    Raises
    ------
    CohortError
        If there is no such folder, it cannot be listed, it has a file of no recording of the
        cohort, or two of one.
    """

    def __init__(self, name: str, folder: Path, cohort: Cohort) -> None:
        self.name, self.folder = name, Path(folder)
        self._clock = getattr(cohort, "clock", self._from_start)
        counts = cohort.recordings["n_frames"].astype(int)
        self.n_frames = dict(zip(cohort.recordings["recording"], counts, strict=True))
        if not self.folder.is_dir():
            raise CohortError(f"no folder {shown(self.folder)}: give the one that holds the files")
        stems = {(n + end).casefold(): n for end in CLIP_ENDINGS for n in self.n_frames}
        self.files: dict[str, Path] = {}
        tree = os.walk(self.folder, onerror=unlisted)
        for path in sorted(Path(top, file) for top, _, files in tree for file in files):
            recording = stems.get(path.stem.casefold())  # names are only compared
            if path.suffix.lower() != ".csv" or recording is None:
                continue
            if before := self.files.get(recording):
                both = [shown(one.relative_to(self.folder)) for one in (before, path)]
                text = f"recording {recording!r} has two files, {' and '.join(both)}: keep one"
                raise CohortError(text)
            self.files[recording] = path
        if not self.files:
            text = f"no file of the cohort's {len(self.n_frames)} recordings, such as"
            first = shown(next(iter(self.n_frames)))
            raise CohortError(f"{shown(self.folder)} holds {text} {first}.csv: name one so")

    def __call__(self, recording: str) -> tuple[np.ndarray, np.ndarray]:
        """Return values, float32 ``(n_frames, width)``, and valid, bool ``(n_frames,)``.

        Raises
        ------
        StreamMissingError
            If the recording has no file.
        CohortError
            If the recording is unknown, or its file is wrong or of another duration.
        """
        if recording not in self.n_frames:
            raise CohortError(f"the cohort has no recording {recording!r}")
        if recording not in self.files:
            raise StreamMissingError(f"{recording!r} has no file in {shown(self.folder)}")
        path, most = self.files[recording], TOLERANCE[self.name]
        numbers, seconds = self._clock(recording)
        if self.name == "action":
            values, valid, rate = read_openface(path)
            n, took = numbers[-1] - numbers[0], seconds[-1] - seconds[0]
            at, per = numbers, n / took if took else FPS
            if rate and abs(n / rate - took) > 1.5 / FPS + 0.01 * took:
                raise CohortError(
                    f"{shown(path.name)} has {rate:.4g} rows a second by its timestamps and its "
                    f"recording {per:.4g} frames: make both from one film, or say the film's rate"
                )
        else:
            values, valid, per = read_pulse(path)
            at = seconds * per
        film, used = seconds[-1] + 1 / FPS, np.flatnonzero(valid).max(initial=-1) + 1
        lasts = np.clip(film, used / per, len(values) / per)  # failed rows at its end don't count
        if abs(lasts - film) > most:
            raise CohortError(
                f"{shown(path.name)} lasts {lasts:.2f} s and its recording {film:.2f} s, more than "
                f"{most:g} s apart: make the stream again from the whole film"
            )
        if not valid.any():
            warnings.warn(f"{shown(path.name)} has no valid row, and is not used", stacklevel=2)
        return to_frames(values, valid, at)

    def _from_start(self, recording: str) -> tuple[np.ndarray, np.ndarray]:
        numbers = np.arange(self.n_frames[recording])
        return numbers, numbers / FPS

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the files."""
        digest = hashlib.sha256(repr([self.n_frames, TOLERANCE[self.name]]).encode())
        for recording, path in sorted(self.files.items()):
            digest.update(recording.encode() + hashlib.sha256(path.read_bytes()).digest())
            numbers, seconds = self._clock(recording)
            digest.update(numbers.tobytes() + seconds.round(3).tobytes())
        return digest.hexdigest()


def read_openface(path: Path) -> tuple[np.ndarray, np.ndarray, float]:
    """Read the 29 columns of ``ACTION`` from one file of OpenFace 2.x.

    Frames are counted from 1, or from 0 where there is a frame 0. A number that is missing, in a
    gap or at the start, is an invalid frame. Cells of invalid frames are not looked at. Timestamps
    must go with the numbers: where they do not, rows were dropped and numbered anew.

    Returns
    -------
    values : ndarray of float32, shape (last frame, 29)
        0 where invalid.
    valid : ndarray of bool, shape (last frame,)
        Where ``success`` is 1 and ``confidence`` at least ``CONFIDENCE``.
    rate : float
        Frames a second by its timestamps; 0 where it has none.

    Raises
    ------
    CohortError
        If the file is unreadable, lacks a column, holds anything but numbers in a valid frame,
        shows several faces, its frames are not whole numbers in ascending order, no two of them
        are neighbours, or timestamps contradict them.
    """
    marks = ["frame", "confidence", "success"]
    name, table = shown(path.name), read_table(path, [*marks, *ACTION])
    frame, confidence, success = numbers(table, marks, name).T
    valid = (success == 1) & (confidence >= CONFIDENCE)
    values = np.nan_to_num(numbers(table, ACTION, name, valid))
    whole = (frame % 1 == 0) & (frame >= 0) & (frame <= MAX_SAMPLES)
    other = table["face_id"] != table["face_id"].iloc[0] if "face_id" in table else False
    wrong = {
        "another face": np.array(other),
        "a frame number that is no whole number from 0 on": ~whole,
        "a frame number that does not ascend": np.diff(frame, prepend=-1) <= 0,
        "a confidence outside 0 to 1": (confidence < 0) | (confidence > 1),
        "a success that is neither 0 nor 1": ~np.isin(success, (0, 1)),
    }
    first, rate = 0 if frame[0] == 0 else 1, 0.0
    steps = np.diff(frame, prepend=first)
    if "timestamp" in table and (seconds := numbers(table, ["timestamp"], name)[:, 0]).any():
        passed = np.diff(seconds, prepend=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            amiss = np.abs(passed / np.median((passed / steps)[1:]) - steps)
            rate = float((frame[-1] - frame[0]) / (seconds[-1] - seconds[0]))
        amiss[0] -= 1  # the first frame's time is 0, or that of its end
        wrong["a timestamp that does not go with its frame number"] = amiss > 0.5 + 0.02 * steps
    alone = len(frame) > 1 and (steps[1:] > 1).all()
    wrong["no row of a neighbouring frame"] = np.array(alone)
    for unit, column in zip(UNITS, values.T, strict=False):
        wrong[f"{unit} outside 0 to {MAX_INTENSITY:g}"] = (column < 0) | (column > MAX_INTENSITY)
    for what, rows in wrong.items():
        if rows.any():
            again = "run FeatureExtraction, which follows one face, again"
            where = f"in row {rows.argmax() + 1} of its data"
            raise CohortError(f"{name} has {what} {where}: {again}")
    return *place(frame.astype(int) - first, values, valid), rate


def read_pulse(path: Path) -> tuple[np.ndarray, np.ndarray, float]:
    """Read the estimates of one recording.

    The rate is one over the step between neighbouring timestamps. The first row falls into the
    step that its timestamp is in, and the others follow at their distance from it.

    Returns
    -------
    values : ndarray of float32, shape (n, 23)
    valid : ndarray of bool, shape (n,)
        False where a row is missing between others or before the first.
    rate : float
        Rows a second.

    Raises
    ------
    CohortError
        If the file is unreadable, lacks a column, holds anything but finite numbers, has fewer
        than two rows, or its timestamps are negative, not ascending, or at no constant rate.
    """
    name, table = shown(path.name), read_table(path, ["timestamp", *PULSE])
    seconds = numbers(table, ["timestamp"], name)[:, 0]
    values = numbers(table, PULSE, name)
    steps = np.diff(seconds)
    if len(seconds) < 2 or seconds[0] < 0 or (steps <= 0).any():
        raise CohortError(f"{name} needs two rows or more, of ascending timestamps from 0 s on")
    step = float(steps[steps < 1.5 * steps.min()].mean())  # of neighbours, rounding averaged out
    ahead = (seconds - seconds[0]) / step
    index = np.floor(seconds[0] / step + REGULAR) + np.rint(ahead)
    if np.abs(ahead - np.rint(ahead)).max() > REGULAR or index[-1] > MAX_SAMPLES:
        what = f"{name} has timestamps at no constant rate (a step is {step:.4g} s)"
        raise CohortError(f"{what}: give one row a step, and none where there is no estimate")
    return *place(index.astype(int), values, np.ones(len(values), bool)), 1 / step


def read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a comma-separated file whose first line names its columns, as text.

    Spaces about names and cells don't count.

    Raises
    ------
    CohortError
        If the file cannot be read, is no UTF-8 text, lacks a column, names one twice, has no row,
        a row of more or fewer cells than the header, or no end of its last line.
    """
    name, again = shown(path.name), "write it again with the program that made it"
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CohortError(f"{name} cannot be read ({error.strerror}): restore it") from error
    except UnicodeDecodeError as error:
        raise CohortError(f"{name} is no UTF-8 text, but perhaps a spreadsheet: {again}") from error
    if text and not text.endswith("\n"):
        what = f"{name} does not end with a line break: add one if its last line is whole"
        raise CohortError(f"{what}, or, if it was cut short, {again}")
    header, *rows = [
        [c.strip() for c in line.split(",")] for line in text.splitlines() if line.strip()
    ] or [[]]
    if not rows:
        raise CohortError(f"{name} is empty, or names its columns and holds no row: {again}")
    absent = [column for column in columns if column not in header]
    twice = [column for column in header if column and header.count(column) > 1]
    if absent or twice:
        lacks = f"lacks {', '.join(absent[:5])} ({len(absent)} columns)"
        wrong = f"names {twice[0]} twice" if twice else lacks
        rule = "its first line must name each column once, separated by commas"
        raise CohortError(f"{name} {wrong}: {rule}; {again}")
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise CohortError(
                f"{name} has {len(row)} cells in row {number} of its data and {len(header)} in its "
                f"first line: it is cut short or has decimal commas; {again}"
            )
    return pd.DataFrame(rows, columns=header)


def numbers(
    table: pd.DataFrame, columns: Sequence[str], name: str, rows: np.ndarray | bool = True
) -> np.ndarray:
    """Return columns as float64 ``(n, len(columns))``; NaN in rows that are not asked for.

    Raises
    ------
    CohortError
        If a cell of the rows is empty, no number, or not finite.
    """
    out = table[list(columns)].apply(pd.to_numeric, errors="coerce").to_numpy(float, copy=True)
    asked = np.broadcast_to(rows, len(out))
    out[~asked] = np.nan
    for row, column in np.argwhere(~np.isfinite(out) & asked[:, None])[:1]:
        cell = shown(str(table[columns[column]].iloc[row])[:20])
        text = f"{name} holds {cell!r} as {columns[column]} in row {row + 1} of its data"
        raise CohortError(f"{text}: a finite number with a decimal point is needed")
    return out


def place(
    index: np.ndarray, values: np.ndarray, valid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Put samples at their ascending places from 0; gaps stand as invalid samples of 0."""
    out = np.zeros((int(index[-1]) + 1, values.shape[1]), np.float32)
    there = np.zeros(len(out), bool)
    out[index], there[index] = values, valid
    return out, there
