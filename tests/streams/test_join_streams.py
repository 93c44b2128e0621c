import numpy as np
import pandas as pd
import pytest

from deplib.errors import CohortError, StoreError
from deplib.protocol import Protocol
from deplib.streams.join import join
from deplib.streams.missing import StreamMissingError, hiding
from deplib.streams.names import width_of
from deplib.streams.scaling import fit_scaling
from deplib.windows import build_windows

RECORDINGS = pd.DataFrame(
    {
        "recording": ["t1", "t2", "d1", "e1", "e2"],
        "person": ["a", "b", "c", "d", "e"],
        "split": ["train", "train", "dev", "test", "test"],
        "task": "Freeform",
        "bdi": [0.0, 12.0, 10.0, 33.0, 20.0],
        "n_frames": [50, 30, 20, 40, 30],
    }
)
LENGTH = dict(zip(RECORDINGS["recording"], RECORDINGS["n_frames"], strict=True))


def made(width: int, seed: int, *, scale: float = 1.0, lost: dict[str, slice] | None = None):
    """A reader of random rows, of which some are invalid and hold NaN."""

    def read(recording: str) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([seed, *recording.encode()])
        n = LENGTH[recording]
        values = 7 * scale + scale * rng.standard_normal((n, width))
        valid = np.ones(n, bool)
        if recording in (lost or {}):
            valid[lost[recording]] = False
            values[~valid] = np.nan
        return values.astype(np.float32), valid

    return read


def encoder(recording: str) -> tuple[np.ndarray, np.ndarray]:
    values, valid = made(512, 1)(recording)
    values -= 7
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float16), valid


ACTION, PULSE = made(29, 2, scale=100.0), made(23, 3, scale=0.01)
READS = {"identity": encoder, "action": ACTION, "pulse": PULSE}


def test_one_encoders_stream_is_left_alone() -> None:
    assert join("identity", READS, RECORDINGS) is encoder


def test_streams_stand_side_by_side_with_their_presence_last() -> None:
    reads = READS | {"action": made(29, 2, lost={"t1": slice(5, 9)})}
    reads["pulse"] = made(23, 3, lost={"t1": slice(0, 7)})
    features, valid = join("identity+action+pulse", reads, RECORDINGS)("t1")
    assert features.shape == (50, width_of("identity+action+pulse"))
    assert features.dtype == np.float32
    assert valid.all()
    np.testing.assert_array_equal(features[:, :512], encoder("t1")[0].astype(np.float32))
    presence = features[:, -3:]
    assert presence[:, 0].tolist() == [1] * 50
    assert np.flatnonzero(presence[:, 1] == 0).tolist() == [5, 6, 7, 8]
    assert np.flatnonzero(presence[:, 2] == 0).tolist() == list(range(7))
    assert (features[5:9, 512:541] == 0).all()
    assert (features[:7, 541:564] == 0).all()
    assert np.isfinite(features).all()


def test_a_frame_is_real_where_any_stream_has_it() -> None:
    reads = {"action": made(29, 2, lost={"t1": slice(0, 20)}),
             "pulse": made(23, 3, lost={"t1": slice(10, 30)})}  # fmt: skip
    features, valid = join("action+pulse", reads, RECORDINGS)("t1")
    assert np.flatnonzero(~valid).tolist() == list(range(10, 20))
    assert (features[10:20] == 0).all()


def test_scaled_streams_have_the_size_of_unit_rows_on_train() -> None:
    for name in ("action", "pulse"):
        read = join(name, READS, RECORDINGS)
        rows = np.vstack([read(recording)[0] for recording in ("t1", "t2")])
        np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(rows.std(axis=0), 1 / np.sqrt(rows.shape[1]), rtol=1e-4)
        assert np.square(rows).sum(axis=1).mean() == pytest.approx(1, rel=1e-4)


def test_the_scaling_is_that_of_all_valid_train_frames_at_once() -> None:
    read = made(23, 4, scale=3.0, lost={"t2": slice(0, 12)})
    scaling = fit_scaling(read, ["t1", "t2"], frame_limit=40)
    rows = np.vstack([read("t1")[0][:40], read("t2")[0][12:]]).astype(float)
    np.testing.assert_allclose(scaling.mean, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scaling.sd, rows.std(axis=0), rtol=1e-10)
    assert scaling.n_frames == len(rows) == 58


def test_the_scaling_does_not_cancel_far_from_zero() -> None:
    def read(recording: str) -> tuple[np.ndarray, np.ndarray]:
        values, valid = made(29, 5)(recording)
        return values.astype(float) + 1e7, valid

    scaling = fit_scaling(read, ["t1", "t2"], frame_limit=2000)
    rows = np.vstack([read("t1")[0], read("t2")[0]])
    np.testing.assert_allclose(scaling.sd, rows.std(axis=0), rtol=1e-8)


def test_nothing_outside_train_enters_the_scaling() -> None:
    asked = []

    def changed(recording: str) -> tuple[np.ndarray, np.ndarray]:
        asked.append(recording)
        values, valid = ACTION(recording)
        return (values if recording.startswith("t") else values * 1000 + 5), valid

    one = join("identity+action", READS, RECORDINGS)
    two = join("identity+action", READS | {"action": changed}, RECORDINGS)
    assert asked == ["t1", "t2"]
    np.testing.assert_array_equal(one.scalings["action"].mean, two.scalings["action"].mean)
    np.testing.assert_array_equal(one.scalings["action"].sd, two.scalings["action"].sd)
    np.testing.assert_array_equal(one("t2")[0], two("t2")[0])
    assert not np.array_equal(one("e1")[0], two("e1")[0])
    moved = RECORDINGS.assign(split=["dev", "train", "train", "test", "test"])
    assert not np.array_equal(
        join("action", READS, moved).scalings["action"].mean, one.scalings["action"].mean
    )


def test_frames_beyond_the_limit_are_neither_used_nor_scaled_by() -> None:
    def long(recording: str) -> tuple[np.ndarray, np.ndarray]:
        values, valid = ACTION(recording)
        return np.vstack([values[:25], np.full((60, 29), 1e9)]), np.r_[valid[:25], [True] * 60]

    short = join("identity+action", READS, RECORDINGS, frame_limit=20)
    cut = join("identity+action", READS | {"action": long}, RECORDINGS, frame_limit=20)
    for recording in ("t1", "e1"):
        np.testing.assert_array_equal(short(recording)[0], cut(recording)[0])
        assert len(cut(recording)[0]) == 20


def test_a_constant_channel_does_not_divide_by_zero() -> None:
    def read(recording: str) -> tuple[np.ndarray, np.ndarray]:
        values, valid = ACTION(recording)
        values[:, 4] = 0.1 if recording.startswith("t") else 0.3
        return values, valid

    joined = join("action", {"action": read}, RECORDINGS)
    assert np.abs(joined("t1")[0][:, 4]).max() < 1e-6
    np.testing.assert_allclose(joined("e1")[0][:, 4], 0.2 / np.sqrt(29), rtol=1e-4)


def test_a_recording_that_lacks_a_stream_goes_on_without_it() -> None:
    reads = READS | {"action": hiding(ACTION, {"t1", "e1"})}
    reads["pulse"] = made(23, 3, lost={"e1": slice(None)})
    joined = join("identity+action+pulse", reads, RECORDINGS)
    features, valid = joined("e1")
    assert valid.all()
    assert (features[:, 512:564] == 0).all()
    assert features[:, -3:].tolist() == [[1, 0, 0]] * 40
    assert joined("e2")[0][:, -3:].all()
    only = fit_scaling(ACTION, ["t2"], frame_limit=2000)
    np.testing.assert_array_equal(joined.scalings["action"].mean, only.mean)


def test_the_first_stream_may_be_the_missing_one() -> None:
    joined = join("identity+action", READS | {"identity": hiding(encoder, {"e1"})}, RECORDINGS)
    features, valid = joined("e1")
    assert features.shape == (40, 543)
    assert valid.all()
    assert features[:, -2:].tolist() == [[0, 1]] * 40


def test_a_recording_without_any_stream_is_named() -> None:
    reads = {"action": hiding(ACTION, {"e1"}), "pulse": made(23, 3, lost={"e1": slice(None)})}
    with pytest.raises(StoreError, match="'e1' has no valid frame in action or pulse"):
        join("action+pulse", reads, RECORDINGS)("e1")
    with pytest.raises(StoreError, match="'e1' has no valid frame in action"):
        join("action", reads, RECORDINGS)("e1")


def test_faults_that_are_no_absence_are_raised() -> None:
    def broken(recording: str) -> tuple[np.ndarray, np.ndarray]:
        raise StoreError("the store lacks it")

    with pytest.raises(StoreError, match="the store lacks it"):
        join("identity+action", READS | {"identity": broken}, RECORDINGS)("t1")


def test_a_stream_that_train_lacks_cannot_be_scaled() -> None:
    with pytest.raises(StoreError, match=r"stream 'action' has no valid frame in any of 2 Train"):
        join("identity+action", READS | {"action": hiding(ACTION, {"t1", "t2"})}, RECORDINGS)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda v, ok: (v[:, :28], ok), r"has shape \(40, 28\); expected \(n_frames, 29\)"),
        (lambda v, ok: (v[:39], ok[:39]), "39 frames and the recording 40"),
        (lambda v, ok: (v, ok.astype(int)), "one bool a frame"),
        (lambda v, ok: (v, ok[:30]), "one bool a frame"),
        (lambda v, ok: (np.where(v > 7, np.nan, v), ok), "NaN or infinity"),
    ],
)
def test_a_wrong_stream_is_named_with_its_recording(spoil, message: str) -> None:
    def read(recording: str) -> tuple[np.ndarray, np.ndarray]:
        values, valid = ACTION(recording)
        return spoil(values, valid) if recording == "e1" else (values, valid)

    with pytest.raises(StoreError, match=rf"stream 'action' of 'e1'.*{message}"):
        join("identity+action", READS | {"action": read}, RECORDINGS)("e1")


def test_nan_in_train_is_told_before_it_becomes_a_scale() -> None:
    read = made(29, 2)

    def nan(recording: str) -> tuple[np.ndarray, np.ndarray]:
        values, valid = read(recording)
        values[3, 3] = np.nan
        return values, valid

    with pytest.raises(StoreError, match="stream 'action' of 't1' holds NaN"):
        join("action", {"action": nan}, RECORDINGS)


def test_readers_and_columns_that_lack_are_named() -> None:
    with pytest.raises(CohortError, match=r"'pulse' of 'identity.pulse' has no reader"):
        join("identity+pulse", {"identity": encoder}, RECORDINGS)
    with pytest.raises(CohortError, match=r"lacks \['split'\]"):
        join("action", READS, RECORDINGS.drop(columns="split"))
    with pytest.raises(StoreError, match="'nobody' is not in the table"):
        join("action", READS, RECORDINGS)("nobody")


def test_joined_streams_become_windows() -> None:
    reads = READS | {"action": hiding(ACTION, {"e1"})}
    read = join("identity+action", reads, RECORDINGS, frame_limit=40)
    protocol = Protocol(sequence_length=40, window_length=16, feature_dim=543)
    windows = build_windows(RECORDINGS, read, protocol)
    test = windows.subset("test")
    assert test.mask.sum() == 70
    of_e1 = (test.index["recording"] == "e1").to_numpy()
    assert (test.features[of_e1][..., 512:541] == 0).all()
    assert test.features[~of_e1][..., -1].sum() == 30


def test_a_missing_stream_is_a_fault_of_the_store_by_kind() -> None:
    assert issubclass(StreamMissingError, StoreError)
