import numpy as np
import pytest

from deplib.errors import CohortError
from deplib.streams.align import MAX_SAMPLES, place, to_frames


def samples(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Each sample holds its own number, from 1."""
    return np.arange(1.0, n + 1)[:, None], np.ones(n, bool)


def by_clock(n: int, rate: int, fps: int, n_frames: int) -> list[int]:
    """The sample that is current at each frame, counted in whole numbers; 0 where none is."""
    current = [frame * rate // fps for frame in range(n_frames)]
    return [k + 1 if k < n else 0 for k in current]


@pytest.mark.parametrize(
    ("n", "rate", "n_frames"), [(4, 1, 120), (40, 30, 40), (133, 100, 40), (20, 7, 90), (3, 1, 80)]
)
def test_each_frame_gets_the_sample_that_is_current(n: int, rate: int, n_frames: int) -> None:
    values, valid = to_frames(*samples(n), rate=rate, fps=30, n_frames=n_frames)
    assert values.dtype == np.float32
    assert values[:, 0].tolist() == by_clock(n, rate, 30, n_frames)
    np.testing.assert_array_equal(valid, values[:, 0] > 0)


def test_a_rate_that_is_rounded_puts_no_sample_off() -> None:
    values, _ = to_frames(*samples(60), rate=1 / 1.0000001, fps=30, n_frames=1800)
    assert values[:, 0].tolist() == by_clock(60, 1, 30, 1800)


def test_invalid_samples_are_not_bridged_by_older_ones() -> None:
    values, valid = samples(3)
    valid[1] = False
    values[1] = np.nan
    framed, there = to_frames(values, valid, rate=1, fps=4, n_frames=12)
    assert there.tolist() == [True] * 4 + [False] * 4 + [True] * 4
    assert framed[:, 0].tolist() == [1] * 4 + [0] * 4 + [3] * 4


def test_frames_after_the_last_sample_are_invalid() -> None:
    framed, valid = to_frames(*samples(27), rate=30, fps=30, n_frames=30)
    assert valid.sum() == 27
    assert not valid[27:].any()
    assert (framed[27:] == 0).all()


def test_samples_after_the_last_frame_are_left_out() -> None:
    framed, valid = to_frames(*samples(45), rate=30, fps=30, n_frames=30)
    assert framed[:, 0].tolist() == list(range(1, 31))
    assert valid.all()


@pytest.mark.parametrize("n", [28, 92])
def test_other_durations_are_refused_with_both_told(n: int) -> None:
    with pytest.raises(CohortError, match=rf"of x lasts .*{n} samples.*60 frames.*1 s apart"):
        to_frames(*samples(n), rate=30, fps=30, n_frames=60, what="stream of x")
    to_frames(*samples(n), rate=30, fps=30, n_frames=60, tolerance=1.1)


@pytest.mark.parametrize("bad", [{"rate": 0}, {"fps": -1}, {"rate": np.nan}, {"fps": np.inf}])
def test_a_rate_must_be_positive(bad: dict) -> None:
    with pytest.raises(CohortError, match="both must be > 0"):
        to_frames(*samples(30), **{"rate": 30, "fps": 30, "n_frames": 30} | bad)


def test_shapes_that_do_not_fit_are_refused() -> None:
    values, valid = samples(30)
    for wrong in ((values, valid[:9]), (values[:, 0], valid), (values, valid.astype(int))):
        with pytest.raises(CohortError, match="one bool a sample"):
            to_frames(*wrong, rate=30, fps=30, n_frames=30)


def test_gaps_between_places_stand_as_invalid_samples() -> None:
    values, valid = samples(4)
    valid[3] = False
    placed, there = place(np.array([1, 2, 5, 6]), values, valid)
    assert there.tolist() == [False, True, True, False, False, True, False]
    assert placed[there, 0].tolist() == [1, 2, 3]
    assert (placed[[0, 3, 4], 0] == 0).all()


def test_a_place_beyond_any_recording_is_refused() -> None:
    with pytest.raises(CohortError, match="beyond the end of any recording"):
        place(np.array([MAX_SAMPLES]), *samples(1))
