"""The simulated cohort: recordings, labels and truth at once, frames rendered when asked for."""

import hashlib
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from deplib.cohorts.base import COLUMNS
from deplib.cohorts.simulated import labels
from deplib.cohorts.simulated.behaviour import LATENT_NAMES, draw_latents, world_named
from deplib.cohorts.simulated.face import (
    FaceRenderer,
    SceneFrame,
    sample_identity,
    sample_scene,
)
from deplib.cohorts.simulated.motion import trajectory
from deplib.cohorts.simulated.truth import oracle_mean, oracle_median
from deplib.errors import CohortError

TASK = "Freeform"
_PURPOSES = (
    "sessions",
    "labels",
    "length",
    "latents",
    "motion",
    "nuisance",
    "identity",
    "scene",
)
"""Each purpose draws from a stream of its own; append to this list, never reorder it."""


class SimulatedCohort:
    """Persons with a known severity, filmed by a renderer: implements ``Cohort``.

    Parameters
    ----------
    world
        Name of a world in ``WORLDS``: the strength of the link from severity to behaviour.
        Persons, faces, scenes, labels and lengths are the same in all worlds of a seed.
    seed
        Seed of everything.
    n_recordings
        150 as in AVEC2014. Fewer make a small cohort with the same structure, for tests and quick
        looks; more make a population.
    max_frames
        Longest clip in frames as delivered; None keeps the published lengths.
    frame_step
        Deliver every ``frame_step``-th frame of the film at 30 frames a second.

    Attributes
    ----------
    name, simulated, recordings, fingerprint
        As in ``Cohort``.
    truth
        One row a recording: ``recording``, ``severity`` (BDI-II points without measurement
        noise), ``severity_z`` (the same, standard normal), each latent of ``LATENTS``, and
        ``oracle_mean`` and ``oracle_median`` of BDI-II given the latents.

    Raises
    ------
    CohortError
        If the world is unknown or a size is too small.
    """

    simulated = True

    def __init__(
        self,
        world: str = "default",
        seed: int = 2014,
        *,
        n_recordings: int = 150,
        max_frames: int | None = None,
        frame_step: int = 1,
    ) -> None:
        if frame_step < 1 or (max_frames is not None and max_frames < 1):
            raise CohortError(
                f"frame_step ({frame_step}) and max_frames ({max_frames}) must be at least 1"
            )
        self.world = world_named(world)
        self.seed = seed
        self.frame_step = frame_step
        self.max_frames = max_frames
        self.name = f"simulated/{world}"

        sessions = labels.draw_sessions(n_recordings, rng=self._stream("sessions"))
        person = sessions["person"].to_numpy()
        severity, bdi = labels.draw_labels(
            person, sessions["split"].to_numpy(), rng=self._stream("labels")
        )
        filmed = labels.draw_lengths(n_recordings, rng=self._stream("length"))
        delivered = -(-filmed // frame_step)
        if max_frames is not None:
            delivered = np.minimum(delivered, max_frames)
        self.recordings = sessions.assign(task=TASK, bdi=bdi, n_frames=delivered)[list(COLUMNS)]

        gain = self.world.gain
        self._latents = draw_latents(severity, person, gain=gain, rng=self._stream("latents"))
        self.truth = pd.DataFrame(
            {
                "recording": sessions["recording"],
                "severity": labels.severity_points(severity),
                "severity_z": severity,
                **dict(zip(LATENT_NAMES, self._latents.T, strict=True)),
                "oracle_mean": oracle_mean(self._latents, gain),
                "oracle_median": oracle_median(self._latents, gain),
            }
        )
        self._filmed = filmed
        self._row = {name: row for row, name in enumerate(self.recordings["recording"])}
        self._person = {name: k for k, name in enumerate(np.unique(person))}
        self._last: tuple[str, FaceRenderer, np.ndarray] | None = None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the settings and of what the cohort gives.

        That is all labels, splits, lengths and latents, and of three recordings the motion and
        three rendered frames: whatever changes frames or labels changes it, and no change of code
        that leaves them alone does. Another processor may round a pixel otherwise, and so have
        another fingerprint.
        """
        table = self.recordings
        settings = [self.name, self.seed, len(table), self.max_frames, self.frame_step]
        digest = hashlib.sha256(repr(settings).encode())
        digest.update(table.to_csv(index=False).encode())
        digest.update(self._latents.round(6).tobytes())
        for row in (0, len(table) // 2, len(table) - 1):
            recording, n_frames = table["recording"].iloc[row], int(table["n_frames"].iloc[row])
            motion = self.trajectories(recording)
            digest.update(motion.tobytes())
            shown = motion[[0, n_frames // 2, n_frames - 1]]
            digest.update(self.renderer(recording).crops(shown).tobytes())
        return digest.hexdigest()

    def frames(self, recording: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Render aligned frames ``start`` to ``stop`` of one recording.

        Returns
        -------
        ndarray of uint8, shape (stop - start, 112, 112, 3)
            RGB; a block equals the same slice of the whole.

        Raises
        ------
        CohortError
            If the recording is unknown or the block leaves it.
        """
        n_frames = self._n_frames(recording)
        stop = n_frames if stop is None else stop
        if not 0 <= start <= stop <= n_frames:
            raise CohortError(
                f"frames {start} to {stop} of recording {recording} were asked for, but it has "
                f"frames 0 to {n_frames}"
            )
        renderer, trajectories = self._film(recording)
        return renderer.crops(trajectories[start:stop])

    def trajectories(self, recording: str) -> np.ndarray:
        """Return the renderer's parameters, float32 ``(n_frames, len(CHANNELS))``: true motion."""
        row = self._row_of(recording)
        whole = trajectory(
            self._latents[row],
            int(self._filmed[row]),
            rng=self._stream("motion", row),
            nuisance_rng=self._stream("nuisance", row),
        )
        return np.ascontiguousarray(whole[:: self.frame_step][: self._n_frames(recording)])

    def identity(self, recording: str) -> np.ndarray:
        """Return the code of the person's face, float32 ``(32,)``, the same in all sessions."""
        person = self.recordings["person"].iloc[self._row_of(recording)]
        return sample_identity(rng=self._stream("identity", self._person[person]))

    def renderer(self, recording: str) -> FaceRenderer:
        """Return the renderer of the person's face in the scene of this session."""
        scene = sample_scene(rng=self._stream("scene", self._row_of(recording)))
        return FaceRenderer(self.identity(recording), scene)

    def scene_frame(self, recording: str, index: int) -> SceneFrame:
        """Render one whole camera frame with its landmarks, before any alignment.

        Raises
        ------
        CohortError
            If the recording is unknown or has no such frame.
        """
        n_frames = self._n_frames(recording)
        if not 0 <= index < n_frames:
            raise CohortError(f"recording {recording} has frames 0 to {n_frames - 1}, no {index}")
        renderer, trajectories = self._film(recording)
        return renderer.scene_frame(trajectories[index])

    def _film(self, recording: str) -> tuple[FaceRenderer, np.ndarray]:
        """Return renderer and trajectories; those of the last recording are kept for its blocks."""
        last = self._last
        if last is None or last[0] != recording:
            last = (recording, self.renderer(recording), self.trajectories(recording))
            self._last = last  # one assignment: readers in other threads see old or new, not a mix
        return last[1], last[2]

    def _row_of(self, recording: str) -> int:
        if recording not in self._row:
            raise CohortError(
                f"{self.name} has no recording {recording!r}: its {len(self._row)} recordings are "
                "listed in .recordings"
            )
        return self._row[recording]

    def _n_frames(self, recording: str) -> int:
        return int(self.recordings["n_frames"].iloc[self._row_of(recording)])

    def _stream(self, purpose: str, *index: int) -> np.random.Generator:
        """Return the random stream of one purpose, and of one person or recording in it."""
        key = (_PURPOSES.index(purpose), *index)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def __getstate__(self) -> dict[str, Any]:
        """Leave the renderer behind: workers build their own."""
        return {**self.__dict__, "_last": None}
