"""The contract of a cohort: a table of recordings, and the frames of each."""

from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

SPLITS = ("train", "dev", "test")
BANDS = (("minimal", 0, 13), ("mild", 14, 19), ("moderate", 20, 28), ("severe", 29, 63))
"""BDI-II severity bands, in points, both ends included."""
COLUMNS = ("recording", "person", "split", "task", "bdi", "n_frames")
"""Columns of ``Cohort.recordings``: str, str, one of SPLITS, str, float in 0-63, int."""


@runtime_checkable
class Cohort(Protocol):
    """Recordings of persons with one BDI-II score each, and their aligned face frames.

    Attributes
    ----------
    name
        Short name for tables and badges, such as ``"simulated/default"`` or ``"AVEC2014"``.
    simulated
        True when the recordings are rendered and not filmed; every page says which.
    recordings
        One row a recording with the columns of ``COLUMNS``, in a fixed order.
    fingerprint
        Hash of all that determines the frames and labels; part of every result's key.
    """

    name: str
    simulated: bool
    recordings: pd.DataFrame
    fingerprint: str

    def frames(self, recording: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return aligned frames ``start`` to ``stop`` of one recording.

        Returns
        -------
        ndarray of uint8, shape (stop - start, 112, 112, 3)
            RGB. A block can be asked for, so memory is bounded whatever the clip's length.

        Raises
        ------
        CohortError
            If the recording is unknown or a frame cannot be read.
        """
        ...
