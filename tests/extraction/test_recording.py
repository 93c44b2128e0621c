import threading
import time
from pathlib import Path

import numpy as np
import pytest
from tiny import TinyCohort

from deplib.errors import CohortError, EncoderError
from deplib.extraction import FeatureStore, OnnxEncoder, StoreHeader, embed_recording
from deplib.extraction.embedding import Extractor


class Watched(TinyCohort):
    """A tiny cohort that notes who reads what, and fails from one frame on."""

    reads: list[tuple[int, bool]]
    fails_at: int

    def frames(self, recording: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        self.reads.append((start, threading.current_thread() is threading.main_thread()))
        if start >= self.fails_at:
            raise CohortError(f"frame {start} is gone")
        return super().frames(recording, start, stop)


def watched(n_frames: int, fails_at: int = 10**9, delay: float = 0.0) -> Watched:
    cohort = Watched((n_frames,), delay=delay)
    object.__setattr__(cohort, "reads", [])
    object.__setattr__(cohort, "fails_at", fails_at)
    return cohort


@pytest.mark.parametrize("n_frames", [1, 8, 9, 50])
def test_reading_ahead_changes_nothing(tiny_encoder: OnnxEncoder, n_frames: int) -> None:
    cohort = TinyCohort((n_frames,), blank={"201_1": (0, 33)})
    plain, ahead = (
        embed_recording(cohort, tiny_encoder, "201_1", n_frames, block=8, read_ahead=how)
        for how in (False, True)
    )
    np.testing.assert_array_equal(plain.features, ahead.features)
    np.testing.assert_array_equal(plain.valid, ahead.valid)
    assert plain.faults == ahead.faults
    assert [fault.frame for fault in plain.faults] == [i for i in (0, 33) if i < n_frames]


def test_one_block_is_read_while_the_network_runs_and_no_more(
    tiny_encoder: OnnxEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = watched(80)
    real, in_memory = tiny_encoder.embed, []

    def slow(frames: np.ndarray) -> object:
        time.sleep(0.02)  # time enough to read all that may be read
        in_memory.append(len(cohort.reads) - len(in_memory))
        return real(frames)

    monkeypatch.setattr(tiny_encoder, "embed", slow)
    embed_recording(cohort, tiny_encoder, "201_1", 80, block=8, read_ahead=True)
    assert max(in_memory) == 2  # a busy machine may not have read as far
    assert [start for start, _ in cohort.reads] == list(range(0, 80, 8))
    assert [by_main for _, by_main in cohort.reads] == [True] + [False] * 9


def test_errors_surface_in_order(
    tiny_encoder: OnnxEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = watched(40, fails_at=16)
    real, embedded = tiny_encoder.embed, []
    monkeypatch.setattr(tiny_encoder, "embed", lambda x: embedded.append(len(x)) or real(x))
    with pytest.raises(CohortError, match="frame 16 is gone"):
        embed_recording(cohort, tiny_encoder, "201_1", 40, block=8, read_ahead=True)
    assert embedded == [8, 8]  # what came before the fault was embedded

    def fails(frames: np.ndarray) -> object:
        raise EncoderError("out of memory")

    monkeypatch.setattr(tiny_encoder, "embed", fails)
    with pytest.raises(EncoderError, match="out of memory"):  # the network's comes first
        embed_recording(
            watched(40, fails_at=8), tiny_encoder, "201_1", 40, block=8, read_ahead=True
        )
    assert threading.active_count() == 1 or not any(
        "ThreadPool" in thread.name for thread in threading.enumerate()
    )


def test_blocks_are_whole_batches(tiny_onnx: Path) -> None:
    cohort = watched(50)
    embed_recording(cohort, OnnxEncoder(tiny_onnx, batch_size=16), "201_1", 50, block=20)
    assert [start for start, _ in cohort.reads] == [0, 32]


def test_what_another_process_holds_is_left_and_what_it_did_is_kept(
    tiny_encoder: OnnxEncoder, tmp_path: Path
) -> None:
    header = StoreHeader(tiny_encoder.id, tiny_encoder.dim, "tiny", "ff", 1, 2000)
    store = FeatureStore(tmp_path, header=header)
    work = Extractor(TinyCohort((20,)), tiny_encoder, store, 8, None, 0.5, 0)
    with store.claim("201_1"):
        assert work("201_1", 20).entry is None
    first = work("201_1", 20)
    assert first.extracted
    assert first.entry == store.entry("201_1")
    again = work("201_1", 20, wait=True)
    assert not again.extracted
    assert again.entry == first.entry
