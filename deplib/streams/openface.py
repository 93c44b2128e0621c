"""The facial action of filmed recordings, from the CSV files of OpenFace 2.x.

OpenFace (Baltrusaitis et al. 2018) writes one row a frame of the film, whose first line names the
columns: ``frame, face_id, timestamp, confidence, success, ...``, often with a space after each
comma. ``FeatureExtraction`` follows one face and is the program to use.
"""

from pathlib import Path

import numpy as np

from deplib.errors import CohortError
from deplib.streams.action import COLUMNS, MAX_INTENSITY, UNITS
from deplib.streams.align import MAX_SAMPLES, place
from deplib.streams.tables import CsvTable, read_csv

CONFIDENCE = 0.75
"""Tracking below this confidence counts as failed, whatever ``success`` says: our choice."""
_STATE = ("frame", "confidence", "success")


def read_openface(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the 29 columns of ``action.COLUMNS`` from one file of OpenFace 2.x.

    Frames are counted from 1, or from 0 where there is a frame 0. A number that is missing, in a
    gap or at the start, is an invalid frame. Cells of invalid frames are not looked at.

    Parameters
    ----------
    path
        A file of ``FeatureExtraction``; columns in any order, more of them allowed.

    Returns
    -------
    values : ndarray of float32, shape (last frame, 29)
        0 where invalid.
    valid : ndarray of bool, shape (last frame,)
        Where ``success`` is 1 and ``confidence`` at least ``CONFIDENCE``.

    Raises
    ------
    CohortError
        If the file is unreadable, lacks a column, holds anything but numbers in a valid frame,
        shows several faces, or its frames are not whole numbers in ascending order.
    """
    table = read_csv(path, [*_STATE, *COLUMNS], optional=["face_id"])
    state = table.numbers(_STATE)
    _require_one_face(table)
    frame = _frame_numbers(table, state[:, 0])
    confidence, success = state[:, 1], state[:, 2]
    if not ((confidence >= 0) & (confidence <= 1) & np.isin(success, (0, 1))).all():
        raise CohortError(
            f"{table.name} has a confidence outside 0 to 1, or a success that is neither 0 nor 1: "
            "this is no output of OpenFace 2.x; run FeatureExtraction again"
        )
    valid = (success == 1) & (confidence >= CONFIDENCE)
    values = np.nan_to_num(table.numbers(COLUMNS, valid))
    units = values[:, : len(UNITS)]
    wrong = np.argwhere((units < 0) | (units > MAX_INTENSITY))
    if len(wrong):
        row, unit = wrong[0]
        raise CohortError(
            f"{table.name} has {UNITS[unit]} outside 0 to {MAX_INTENSITY:g} in row {row + 1} of "
            "its data: intensities of OpenFace 2.x end there; run FeatureExtraction again"
        )
    return place(frame, values, valid, what=table.name)


def _require_one_face(table: CsvTable) -> None:
    if "face_id" not in table.cells:
        return
    faces = np.unique(table.numbers(["face_id"]))
    if len(faces) > 1:
        raise CohortError(
            f"{table.name} follows {len(faces)} faces: which one is the participant is not known; "
            "run FeatureExtraction, which follows one, or keep the rows of one face_id"
        )


def _frame_numbers(table: CsvTable, frame: np.ndarray) -> np.ndarray:
    """Return the place of each row, from 0."""
    if (frame != np.round(frame)).any() or frame.min() < 0 or frame.max() > MAX_SAMPLES:
        raise CohortError(
            f"{table.name} has a frame number that is no whole number from 0 to {MAX_SAMPLES}: "
            "run FeatureExtraction again"
        )
    steps = np.flatnonzero(np.diff(frame) <= 0)
    if len(steps):
        row = int(steps[0])
        before, after = int(frame[row]), int(frame[row + 1])
        what = f"frame {after} twice" if before == after else f"frame {after} after {before}"
        raise CohortError(
            f"{table.name} has {what}, in row {row + 2} of its data: rows must be in the order of "
            "the film, one a frame; sort or separate what was put together, or make it again"
        )
    return frame.astype(int) - (0 if frame[0] == 0 else 1)
