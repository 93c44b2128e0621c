"""The simulated cohort: recordings, labels and truth at once, frames rendered when asked for."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deplib.cohorts.avec2014 import SIMULATED_MARKER
from deplib.cohorts.base import COLUMNS
from deplib.cohorts.simulated import behaviour, labels
from deplib.cohorts.simulated.behaviour import LATENT_NAMES, World
from deplib.cohorts.simulated.face import FaceRenderer, SceneFrame, sample_identity, sample_scene
from deplib.cohorts.simulated.motion import FPS, trajectory
from deplib.cohorts.simulated.order import movement
from deplib.cohorts.video import require_av
from deplib.errors import CohortError

TASK = "Freeform"
_PURPOSES = ["sessions", "labels", "length", "latents", "motion", "nuisance", "identity", "scene"]
_PURPOSES += ["order"]
"""Each purpose draws from a stream of its own; append to this list, never reorder it."""
_BLOCK = 256  # frames in memory at once


class SimulatedCohort:
    """Persons with a known severity, filmed by a renderer: implements ``Cohort``.

    Parameters
    ----------
    world
        A world, or its name in ``WORLDS``: the strength of the link from severity to behaviour.
        Persons, faces, scenes, labels and lengths are the same in all worlds of a seed.
    seed
        Seed of everything.
    n_recordings
        150 as in AVEC2014. Fewer make a small cohort with the same structure, for tests and quick
        looks; more make a population. Three numbers are those of Train, Dev and Test.
    n_frames
        Film every recording for so many frames; None draws the published lengths.
    max_frames
        Longest clip in frames as delivered; None keeps what was filmed.
    frame_step
        Deliver every ``frame_step``-th frame of the film at 30 frames a second.

    Attributes
    ----------
    name, simulated, recordings, fingerprint
        As in ``Cohort``.
    truth
        One row a recording: ``recording``, ``severity`` (BDI-II points without measurement
        noise), ``severity_z`` (the same, standard normal), each latent of ``LATENTS``, ``order``
        in a world of order, and ``oracle_mean`` and ``oracle_median`` of BDI-II given the latents.

    Raises
    ------
    CohortError
        If the world is unknown or a size is too small.
    """

    simulated = True

    def __init__(
        self,
        world: str | World = "default",
        seed: int = 2014,
        *,
        n_recordings: int | Sequence[int] = 150,
        n_frames: int | None = None,
        max_frames: int | None = None,
        frame_step: int = 1,
    ) -> None:
        sizes = {"frame_step": frame_step, "max_frames": max_frames, "n_frames": n_frames}
        if any(size is not None and size < 1 for size in sizes.values()):
            raise CohortError(f"each of {sizes} must be at least 1, or None where it may be")
        self.world = world if isinstance(world, World) else behaviour.world_named(world)
        self.seed, self.name = seed, f"simulated/{self.world.name}"
        self.frame_step, self.max_frames = frame_step, max_frames

        sessions = labels.draw_sessions(n_recordings, rng=self._stream("sessions"))
        person = sessions["person"].to_numpy()
        split = sessions["split"].to_numpy()
        severity, bdi = labels.draw_labels(person, split, rng=self._stream("labels"))
        lengths = labels.draw_lengths(len(sessions), rng=self._stream("length"))
        self._filmed = lengths if n_frames is None else np.full_like(lengths, n_frames)
        delivered = -(-self._filmed // frame_step)
        if max_frames is not None:
            delivered = np.minimum(delivered, max_frames)
        self.recordings = sessions.assign(task=TASK, bdi=bdi, n_frames=delivered)[list(COLUMNS)]

        a, t = behaviour.loadings(self.world)
        levels, order = slice(len(LATENT_NAMES)), slice(len(LATENT_NAMES), None)
        drawn = [
            behaviour.drawn(severity, person, a[part], t[part], rng=self._stream(purpose))
            for purpose, part in (("latents", levels), ("order", order))
        ]
        self._latents = np.hstack(drawn)
        self.truth = sessions[["recording"]].assign(
            severity=labels.severity_points(severity),
            severity_z=severity,
            **dict(zip([*LATENT_NAMES, "order"], self._latents.T, strict=False)),
            oracle_mean=behaviour.oracle_mean(self._latents, self.world),
            oracle_median=behaviour.oracle_median(self._latents, self.world),
        )
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
            text = f"recording {recording} has frames 0 to {n_frames}, not {start} to {stop}"
            raise CohortError(text)
        renderer, trajectories = self._film(recording)
        return renderer.crops(trajectories[start:stop])

    def trajectories(self, recording: str) -> np.ndarray:
        """Return the renderer's parameters, float32 ``(n_frames, len(CHANNELS))``: true motion."""
        row, delivered = self.row_of(recording), self._n_frames(recording)
        n, kind, moved = int(self._filmed[row]), self.world.movement, None
        if kind:
            # Only what is delivered is filmed: all of it, and no part, has a histogram held equal.
            n = min(n, delivered * self.frame_step)
            moved = movement(kind, self._latents[row, -1], n, rng=self._stream("order", row))
        levels = self._latents[row, : len(LATENT_NAMES)]
        rng, nuisance_rng = self._stream("motion", row), self._stream("nuisance", row)
        whole = trajectory(levels, n, rng=rng, nuisance_rng=nuisance_rng, moved=moved)
        return np.ascontiguousarray(whole[:: self.frame_step][:delivered])

    def identity(self, recording: str) -> np.ndarray:
        """Return the code of the person's face, float32 ``(32,)``, the same in all sessions."""
        person = self.recordings["person"].iloc[self.row_of(recording)]
        return sample_identity(rng=self._stream("identity", self._person[person]))

    def renderer(self, recording: str) -> FaceRenderer:
        """Return the renderer of the person's face in the scene of this session."""
        scene = sample_scene(rng=self._stream("scene", self.row_of(recording)))
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

    def row_of(self, recording: str) -> int:
        """Return a recording's row in the tables; a ``CohortError`` says that there is none."""
        if recording not in self._row:
            raise CohortError(f"{self.name} has no recording {recording!r}: see its .recordings")
        return self._row[recording]

    def _n_frames(self, recording: str) -> int:
        return int(self.recordings["n_frames"].iloc[self.row_of(recording)])

    def _stream(self, purpose: str, *index: int) -> np.random.Generator:
        """Return the random stream of one purpose, and of one person or recording in it."""
        key = (_PURPOSES.index(purpose), *index)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def __getstate__(self) -> dict[str, Any]:
        """Leave the renderer behind: workers build their own."""
        return {**self.__dict__, "_last": None}


def write_avec_layout(
    cohort: SimulatedCohort,
    root: Path,
    *,
    recordings: Sequence[str] | None = None,
    max_frames: int | None = None,
    videos: bool = False,
) -> Path:
    """Write frames and simulated labels in the corpus's official layout.

    A marker file says that nothing in the folder was filmed. A full cohort takes about 7 GB as
    aligned frames: name a few recordings.

    Parameters
    ----------
    cohort
        Where the recordings come from.
    root
        New or empty folder.
    recordings
        Which to write; None writes all.
    max_frames
        Frames of each recording, from its start; None writes all.
    videos
        Write whole scenes, 640x480 at 30 frames a second, as raw videos ``*_video.mp4``; else
        aligned frames as PNG.

    Returns
    -------
    Path
        ``root``.

    Raises
    ------
    CohortError
        If the folder holds something already, a recording is unknown, or videos are asked for and
        PyAV is not installed.
    """
    root = Path(root)
    if videos:
        require_av()
    if root.exists() and any(root.iterdir()):
        raise CohortError(f"{root} is not empty: simulated and real recordings must not be mixed")
    chosen = list(cohort.recordings["recording"] if recordings is None else recordings)
    rows = cohort.recordings.iloc[[cohort.row_of(name) for name in chosen]]
    write, ending = (_write_video, ".mp4") if videos else (_write_frames, "_aligned")
    root.mkdir(parents=True, exist_ok=True)
    marker = f"Rendered by deplib from {cohort.name}, seed {cohort.seed}. No person was filmed.\n"
    (root / SIMULATED_MARKER).write_text(marker, encoding="utf-8")
    for row in rows.to_dict("records"):
        recording, task = row["recording"], row["task"]
        n_frames = min(row["n_frames"], max_frames or row["n_frames"])
        part = {"train": "Training", "dev": "Development", "test": "Testing"}[row["split"]]
        labels_of = "Final_Labels" if part != "Testing" else "AVEC2014_Labels_Testset/Testing"
        prefix = f"{part}_" if part != "Testing" else ""
        clips = root / f"AVEC2014_AudioVisual/Video/{part}/{task}"
        label = root / f"{labels_of}/{prefix}DepressionLabels/{recording}_Depression.csv"
        for folder in (label.parent, clips):
            folder.mkdir(parents=True, exist_ok=True)
        write(cohort, recording, n_frames, clips / f"{recording}_{task}_video{ending}")
        label.write_text(f"{row['bdi']:.0f}\n", encoding="utf-8")
    return root


def _write_frames(cohort: SimulatedCohort, recording: str, n_frames: int, folder: Path) -> None:
    folder.mkdir()
    for start in range(0, n_frames, _BLOCK):
        frames = cohort.frames(recording, start, min(start + _BLOCK, n_frames))
        for number, frame in enumerate(frames, start=start + 1):
            _, png = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            (folder / f"frame_det_00_{number:06d}.png").write_bytes(png.tobytes())


def _write_video(cohort: SimulatedCohort, recording: str, n_frames: int, file: Path) -> None:
    av = require_av()
    with open(file, "wb") as opened, av.open(opened, "w", format="mp4") as container:
        h264 = "libx264" in av.codecs_available
        codec, options = ("libx264", {"crf": "18"}) if h264 else ("mpeg4", {"qscale": "2"})
        stream = container.add_stream(codec, rate=FPS, options=options)
        stream.pix_fmt = "yuv420p"
        stream.height, stream.width = cohort.scene_frame(recording, 0).image.shape[:2]
        for index in range(n_frames):
            image = cohort.scene_frame(recording, index).image
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
