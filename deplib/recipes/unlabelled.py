"""Face video without labels: other simulated persons, whose severity nobody has rated.

What a model is pretrained on must be neither the recordings that it is tested on nor their
persons. The renderer makes both at once: another seed is other persons in other scenes, and the
labels that it draws along with them are taken out of whatever a model could be given.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import CohortError
from deplib.protocol import Protocol
from deplib.windows import Read, WindowSet, build_windows

UNLABELLED_SEED = 4102
"""Not 2014, the seed of the labelled cohort."""
N_RECORDINGS = 150
N_FRAMES = 512
"""The first frames of each recording: one window, and 73,000 frames in all."""
PREFIX = "u"
"""Before recording and person in windows: person u001 is not the 001 of the labelled cohort."""


class UnlabelledCohort(SimulatedCohort):
    """A simulated cohort whose recordings have no label, and whose truth is not kept.

    Every recording is of the split "train", since no split means anything here, and ``bdi`` is
    NaN, which no training survives.

    Parameters
    ----------
    world, seed, n_recordings, max_frames
        As of ``SimulatedCohort``.

    Raises
    ------
    CohortError
        If the world is unknown or a size is too small.
    """

    def __init__(
        self,
        world: str = "default",
        seed: int = UNLABELLED_SEED,
        *,
        n_recordings: int = N_RECORDINGS,
        max_frames: int | None = N_FRAMES,
    ) -> None:
        super().__init__(world, seed, n_recordings=n_recordings, max_frames=max_frames)
        self.name = f"{self.name}/unlabelled"
        self.recordings = self.recordings.assign(split="train", bdi=np.nan)
        self.truth = self.truth[["recording"]]


def unlabelled_cohort(world: str = "default") -> UnlabelledCohort:
    """Return the unlabelled video of a world: about 150 recordings of 84 persons, 17 s each."""
    return UnlabelledCohort(world)


def unlabelled_windows(read: Read, recordings: pd.DataFrame, protocol: Protocol) -> WindowSet:
    """Cut features into windows without labels.

    Parameters
    ----------
    read
        As of ``deplib.windows.build_windows``, such as ``store.read``.
    recordings
        With the columns of ``deplib.cohorts.base.COLUMNS``; ``split`` and ``bdi`` are not read.
    protocol
        Gives the sequence length, the window length and the width.

    Returns
    -------
    WindowSet
        In the order of ``recordings``; ``split`` is "train" throughout, ``recording`` and
        ``person`` begin with ``PREFIX``, and ``bdi``, ``y``, ``label_mean`` and ``label_std``
        are NaN.

    Raises
    ------
    CohortError, StoreError
        As ``build_windows`` does, or if there is a single recording.
    """
    if len(recordings) < 2:
        raise CohortError(
            f"{len(recordings)} recordings without labels are too few to learn from: give 2 or more"
        )
    # build_windows wants labels that differ; these have nothing to do with anybody.
    blank = recordings.assign(split="train", bdi=np.arange(len(recordings)) % 2)
    windows = build_windows(blank, read, protocol)
    names = {column: PREFIX + windows.index[column] for column in ("recording", "person")}
    index = windows.index.assign(**names, bdi=np.nan, y=np.nan)
    return replace(windows, index=index, label_mean=np.nan, label_std=np.nan)
