"""Where the streams beside the embeddings come from, by the kind of cohort."""

import warnings
from pathlib import Path

import numpy as np

from deplib.cohorts.base import Cohort
from deplib.cohorts.simulated import FPS, SimulatedCohort
from deplib.errors import CohortError
from deplib.streams.action import SimulatedAction
from deplib.streams.align import TOLERANCE
from deplib.streams.folder import CsvFolder, Load
from deplib.streams.names import ENCODED, parse
from deplib.streams.openface import read_openface
from deplib.streams.pulse import WINDOW, SimulatedPulse
from deplib.streams.pulse_file import read_pulse

_SIMULATED: dict[str, type[SimulatedAction] | type[SimulatedPulse]] = {
    "action": SimulatedAction,
    "pulse": SimulatedPulse,
}
_TO_GIVE = {
    "action": "the folder of CSV files that OpenFace 2.x (FeatureExtraction) writes of its videos",
    "pulse": "a folder of CSV files with the columns of deplib.streams.pulse_file",
}

Source = SimulatedAction | SimulatedPulse | CsvFolder
"""A ``Read`` with a ``fingerprint`` of all that determines it."""


def open_stream(name: str, cohort: Cohort, *, folder: Path | None = None) -> Source:
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
    Source
        A reader; recordings without a file raise ``StreamMissingError`` when they are read.

    Raises
    ------
    CohortError
        If the stream is unknown or an encoder's, a folder is missing, or one is given for a
        simulated cohort, or the folder has no file of the cohort.
    """
    if parse(name) != (name,) or name in ENCODED:
        raise CohortError(
            f"stream {name!r} is no single stream beside the embeddings: those that can be opened "
            f"here are {', '.join(_SIMULATED)}; embeddings are read from their feature store"
        )
    if isinstance(cohort, SimulatedCohort):
        if folder is not None:
            raise CohortError(
                f"{cohort.name} simulates its own {name}: give a folder for a filmed cohort only"
            )
        return _SIMULATED[name](cohort)
    if folder is None:
        raise CohortError(f"{cohort.name} has no {name} of its own: give {_TO_GIVE[name]}")
    load: Load = _load_action if name == "action" else read_pulse
    tolerance = TOLERANCE if name == "action" else WINDOW  # estimates may end a window early
    source = CsvFolder(folder, cohort.recordings, load, fps=FPS, tolerance=tolerance)
    without = len(source.n_frames) - len(source.files)
    if without:
        warnings.warn(
            f"{without} of {len(source.n_frames)} recordings have no file of stream {name!r} and "
            "go without it",
            stacklevel=2,
        )
    return source


def _load_action(path: Path) -> tuple[np.ndarray, np.ndarray, float]:
    """Read a file of OpenFace, which has a row for each frame of the film."""
    return *read_openface(path), float(FPS)
