from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest
from joblib import cpu_count
from tiny import TinyCohort

from deplib.cohorts.base import FrameBlock, FrameFault
from deplib.errors import CohortError, StoreError, VerificationError
from deplib.extraction import (
    Estimate,
    FeatureStore,
    OnnxEncoder,
    duration,
    estimate,
    extract,
    store_header,
)

LONG = (400, 250, 600, 330, 120, 480, 500, 500, 300, 200, 100, 100)


@dataclass(frozen=True)
class Probed(TinyCohort):
    """A tiny cohort that notes what is read, and misses what it is told to."""

    asked: list[tuple[str, int, int]] = field(default_factory=list)
    missed: float = 0.0  # share of the frames, the last ones of each block
    gone: tuple[str, ...] = ()

    def read(self, recording: str, start: int = 0, stop: int | None = None) -> FrameBlock:
        if recording in self.gone:
            raise CohortError(f"{recording}: its folder is gone: open the cohort again")
        frames = self.frames(recording, start, stop)
        self.asked.append((recording, start, start + len(frames)))
        first = round((1 - self.missed) * len(frames))
        frames[first:] = 0
        message = f"{recording}: no face found: look at the clip"
        lost = range(start + first, start + len(frames))
        return FrameBlock(frames, tuple(FrameFault(i, "no_face", message) for i in lost))


def test_it_looks_at_64_frames_spread_over_the_cohort(tiny_encoder: OnnxEncoder) -> None:
    cohort = Probed(LONG)
    told = estimate(cohort, tiny_encoder)
    probed = [(name, start) for name, start, stop in cohort.asked if stop - start == 8]
    names = list(cohort.recordings["recording"])
    assert len(probed) == 8
    assert (probed[0][0], probed[-1][0]) == (names[0], names[-1])
    places = [start / LONG[names.index(name)] for name, start in probed]
    assert places == sorted(places)  # beginnings of clips are not typical
    assert 0.7 < places[-1] < 0.95
    assert (told.recordings, told.frames, told.probed) == (12, sum(LONG), 64)
    assert told.misses == 0 < told.seconds
    for name in names:  # a video is read forwards
        spans = [(start, stop) for asked, start, stop in cohort.asked if asked == name]
        assert spans == sorted(spans)
        assert all(stop <= start for (_, stop), (start, _) in pairwise(spans))


def test_what_the_store_holds_is_not_counted(
    tiny_cohort: TinyCohort, tiny_encoder: OnnxEncoder, tmp_path: Path
) -> None:
    root = tmp_path / "s"
    assert estimate(tiny_cohort, tiny_encoder, root).frames == 218
    assert not root.exists()  # nothing is written
    FeatureStore(root, header=store_header(tiny_cohort, tiny_encoder, dtype="float32"))
    extract(tiny_cohort, tiny_encoder, root, recordings=["202_1", "201_1"])
    told = estimate(tiny_cohort, tiny_encoder, root)
    assert (told.recordings, told.frames) == (4, 118)
    with pytest.raises(StoreError, match="was made otherwise"):
        estimate(tiny_cohort, tiny_encoder, root, frame_limit=30)
    extract(tiny_cohort, tiny_encoder, root)
    done = estimate(tiny_cohort, tiny_encoder, root)
    assert (done.seconds, done.frames, done.probed) == (0, 0, 0)
    assert str(done) == "nothing to do: every recording is in the store"


def test_a_systemic_failure_is_said_at_once(tiny_encoder: OnnxEncoder, tmp_path: Path) -> None:
    with pytest.raises(VerificationError) as caught:
        estimate(Probed(LONG, missed=0.75), tiny_encoder)
    for said in ("48 of 64 frames", "48 no_face", "201_1: no face found", "without a detector"):
        assert said in str(caught.value)
    names = tuple(TinyCohort(LONG).recordings["recording"])
    with pytest.raises(VerificationError, match="its folder is gone"):
        estimate(Probed(LONG, gone=names), tiny_encoder)
    assert estimate(Probed(LONG, gone=names[:1]), tiny_encoder).misses == 8
    # Bad recordings that are left over are no systemic failure.
    cohort = TinyCohort(blank={"203_1": tuple(range(12))})
    report = extract(cohort, tiny_encoder, tmp_path / "s", max_miss_rate=0.1)
    assert list(report.refused) == ["203_1"]
    told = estimate(cohort, tiny_encoder, tmp_path / "s")
    assert (told.recordings, told.probed, told.misses) == (1, 12, 12)


def test_processes_share_the_frames_and_wait_for_the_longest(tiny_encoder: OnnxEncoder) -> None:
    told = estimate(TinyCohort((400, 50, 50)), tiny_encoder, jobs=3)
    assert told.seconds == pytest.approx(told.frame_seconds * (500 if cpu_count() == 1 else 400))


def test_it_reads_as_a_sentence() -> None:
    told = Estimate(9600, 300, 486_000, jobs=2, frame_seconds=0.0391, probed=64, misses=1)
    assert str(told) == (
        "about 2 h 40 min for 486,000 frames of 300 recordings in 2 processes (39 ms a frame; "
        "1 of 64 frames tried could not be embedded)"
    )
    assert "in 1 process " in str(replace(told, jobs=1))
    assert [duration(seconds) for seconds in (0.2, 89, 100)] == ["1 s", "89 s", "2 min"]


@pytest.mark.parametrize("options", [{"jobs": 0}, {"n_frames": 0}])
def test_impossible_options_are_refused(
    options: dict, tiny_cohort: TinyCohort, tiny_encoder: OnnxEncoder
) -> None:
    with pytest.raises(StoreError, match="must be at least 1"):
        estimate(tiny_cohort, tiny_encoder, **options)
