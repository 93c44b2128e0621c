"""New cohorts at feature level: new persons, splits, labels and latents, features of the surrogate.

Persons, splits, labels, lengths and latents come from the simulator's own functions. One index has
the same persons, labels and noise in every world, so worlds are compared on the same draws.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from surrogate import Surrogate

from deplib.cohorts import simulated
from deplib.errors import CohortError
from deplib.protocol import Protocol

SEED = 50
"""Of all cohorts; the rendered one has another."""
N_RECORDINGS = 150


SCENARIOS = {
    "null": ("null", True),
    "null-apart": ("null", False),
    "default": ("default", True),
    "published": ("published", True),
}
"""Scenario -> its world, and whether a person may occur in several splits.

In the null world behaviour tells nothing, but a person seen in Train keeps a level of severity from
one recording to the next; apart, nothing whatever can be learnt."""


@dataclass(frozen=True, eq=False)
class FeatureCohort:
    """One drawn cohort.

    Attributes
    ----------
    recordings
        ``person``, ``split``, ``bdi``; one row a recording.
    features
        float32 (n_windows, D), the mean embedding of each window.
    recording
        (n_windows,), row of ``recordings`` of each window, ascending.
    """

    recordings: pd.DataFrame
    features: np.ndarray
    recording: np.ndarray

    def rows(self, split: str) -> np.ndarray:
        """Return the rows of the recordings of a split."""
        return np.flatnonzero(self.recordings["split"] == split)


def draw(
    scenario: str,
    index: int,
    surrogate: Surrogate,
    *,
    protocol: Protocol | None = None,
    n_recordings: int = N_RECORDINGS,
) -> FeatureCohort:
    """Draw one cohort.

    Parameters
    ----------
    scenario
        A name of ``SCENARIOS``.
    index
        Number of the cohort, from 0; it determines every draw.
    surrogate
        Gives the features.
    protocol
        Frames that are used, and the length of a window.
    n_recordings
        As in ``SimulatedCohort``.

    Raises
    ------
    CohortError
        If no scenario has that name.
    """
    if scenario not in SCENARIOS:
        raise CohortError(f"no scenario is named {scenario!r}: choose one of {[*SCENARIOS]}")
    (world, persons_recur), protocol = SCENARIOS[scenario], protocol or Protocol()
    streams = np.random.SeedSequence(SEED, spawn_key=(index,)).spawn(5)
    sessions, labels, lengths, behaviour, noise = map(np.random.default_rng, streams)
    table = simulated.draw_sessions(n_recordings, rng=sessions)
    if not persons_recur:  # a person of two splits becomes two persons
        table["person"] = table["person"] + table["split"]
    person = table["person"].to_numpy(str)
    severity, bdi = simulated.draw_labels(person, table["split"].to_numpy(str), rng=labels)
    n_frames = np.minimum(
        simulated.draw_lengths(n_recordings, rng=lengths), protocol.sequence_length
    )
    gain = simulated.world_named(world).gain
    latents = simulated.draw_latents(severity, person, gain=gain, rng=behaviour)
    features, recording = surrogate.draw(
        latents, person, n_frames, window_length=protocol.window_length, rng=noise
    )
    return FeatureCohort(table[["person", "split"]].assign(bdi=bdi), features, recording)
