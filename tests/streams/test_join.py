"""Streams side by side, scaled by Train alone, some of them missing."""

import numpy as np
import pandas as pd
import pytest

from deplib.errors import CohortError, StoreError
from deplib.streams import ACTION, PULSE, WIDTHS, parse, width_of
from deplib.streams.join import StreamMissingError, fit_scaling, hiding, join, lacking, to_frames

ROWS = [("t1", "train", 50), ("t2", "train", 30), ("d1", "dev", 20), ("e1", "test", 40)]
ROWS += [("e2", "test", 30)]
RECORDINGS = pd.DataFrame(ROWS, columns=["recording", "split", "n_frames"])
LENGTH = dict(zip(RECORDINGS["recording"], RECORDINGS["n_frames"], strict=True))


def made(width: int, seed: int, *, scale: float = 1.0, lost: dict[str, slice] | None = None):
    """A reader of random rows, of which some are invalid and hold NaN."""

    def read(recording: str) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([seed, *recording.encode()])
        values = 7 * scale + scale * rng.standard_normal((LENGTH[recording], width))
        valid = np.ones(len(values), bool)
        if recording in (lost or {}):
            valid[lost[recording]] = False
            values[~valid] = np.nan
        return values.astype(np.float32), valid

    return read


def encoder(recording: str) -> tuple[np.ndarray, np.ndarray]:
    values, valid = made(512, 1)(recording)
    values -= 7
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float16), valid


AU, HEART = made(29, 2, scale=100.0), made(23, 3, scale=0.01)
READS = {"identity": encoder, "action": AU, "pulse": HEART}


def test_names_are_parsed_in_their_order_and_widths_add_up() -> None:
    assert parse("pulse+identity") == ("pulse", "identity")
    assert width_of("identity+action+pulse") == 512 + 29 + 23 + 3
    assert len(set(ACTION)) == WIDTHS["action"] == width_of("action") == 29
    assert len(set(PULSE)) == WIDTHS["pulse"] == 23
    assert join("identity", READS, RECORDINGS) is encoder
    for features in ("", "voice", "identity+", "identity + action"):
        with pytest.raises(CohortError, match=r"no stream is named .*identity, affect, random"):
            parse(features)
    with pytest.raises(CohortError, match="'action' occurs twice"):
        width_of("action+identity+action")


def test_streams_stand_side_by_side_with_their_presence_last() -> None:
    reads = READS | {"action": made(29, 2, lost={"t1": slice(0, 20)})}
    reads["pulse"] = made(23, 3, lost={"t1": slice(10, 30)})
    features, valid = join("identity+action+pulse", reads, RECORDINGS)("t1")
    assert features.shape == (50, width_of("identity+action+pulse"))
    assert features.dtype == np.float32
    assert valid.all()
    np.testing.assert_array_equal(features[:, :512], encoder("t1")[0].astype(np.float32))
    assert (features[:20, 512:541] == 0).all()
    assert (features[10:30, 541:564] == 0).all()
    assert [np.flatnonzero(presence == 0).tolist() for presence in features[:, -3:].T] == [
        [], list(range(20)), list(range(10, 30))
    ]  # fmt: skip
    _, valid = join("action+pulse", reads, RECORDINGS)("t1")  # real where any stream has it
    assert np.flatnonzero(~valid).tolist() == list(range(10, 20))


def test_the_scaling_is_that_of_all_valid_train_frames_and_does_not_cancel() -> None:
    def read(recording: str) -> tuple[np.ndarray, np.ndarray]:
        values, valid = made(23, 4, lost={"t2": slice(0, 12)})(recording)
        values[:, 4] = 0.1  # one that is constant is only shifted
        return values.astype(float) + 1e6, valid

    mean, unit = fit_scaling("pulse", read, {"t1": 40, "t2": 30})
    rows = np.vstack([read("t1")[0][:40], read("t2")[0][12:]])
    sd = (rows - 1e6).std(axis=0)
    sd[4] = 1
    np.testing.assert_allclose(mean, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(unit / np.sqrt(23), sd, rtol=1e-7)
    # so they are of the size of an encoder's rows
    assert np.square((rows - mean) / unit).sum(axis=1).mean() == pytest.approx(22 / 23, rel=1e-6)


def test_nothing_outside_train_enters_the_scaling() -> None:
    asked = []

    def changed(recording: str) -> tuple[np.ndarray, np.ndarray]:
        asked.append(recording)
        values, valid = AU(recording)
        return (values if recording.startswith("t") else values * 1000 + 5), valid

    one, two = join("action", READS, RECORDINGS), join("action", {"action": changed}, RECORDINGS)
    assert asked == ["t1", "t2"]
    np.testing.assert_array_equal(one("t1")[0], two("t1")[0])
    moved = RECORDINGS.assign(split=["train", "test", "train", "test", "test"])
    assert not np.array_equal(join("action", READS, moved)("t1")[0], one("t1")[0])


def test_frames_beyond_the_limit_are_neither_used_nor_scaled_by() -> None:
    def long(recording: str) -> tuple[np.ndarray, np.ndarray]:
        values, valid = AU(recording)
        return np.vstack([values[:25], np.full((60, 29), 1e9)]), np.r_[valid[:25], [True] * 60]

    short = join("identity+action", READS, RECORDINGS, frame_limit=20)
    cut = join("identity+action", READS | {"action": long}, RECORDINGS, frame_limit=20)
    for recording in ("t1", "e1"):
        np.testing.assert_array_equal(short(recording)[0], cut(recording)[0])
        assert len(cut(recording)[0]) == 20


def test_a_recording_that_lacks_a_stream_goes_on_without_it() -> None:
    reads = READS | {"action": hiding(AU, {"t1", "e1"})}
    reads["pulse"] = made(23, 3, lost={"e1": slice(None)})
    joined = join("identity+action+pulse", reads, RECORDINGS)
    features, valid = joined("e1")
    assert valid.all()
    assert (features[:, 512:564] == 0).all()
    assert features[:, -3:].tolist() == [[1, 0, 0]] * 40
    mean, unit = fit_scaling("action", AU, {"t2": 30})
    np.testing.assert_allclose(joined("t2")[0][:, 512:541], (AU("t2")[0] - mean) / unit, rtol=1e-6)
    first = join("identity+action", READS | {"identity": hiding(encoder, {"e1"})}, RECORDINGS)
    assert first("e1")[0][:, -2:].tolist() == [[0, 1]] * 40


def test_what_cannot_be_joined_is_named() -> None:
    missing = {"action": hiding(AU, {"e1"}), "pulse": made(23, 3, lost={"e1": slice(None)})}
    nowhere = READS | {"action": hiding(AU, {"t1", "t2"})}
    with pytest.raises(StoreError, match="'e1' has no valid frame in action or pulse"):
        join("action+pulse", missing, RECORDINGS)("e1")
    with pytest.raises(KeyError):  # what a reader raises is not swallowed
        join("identity+action", READS | {"identity": {}.__getitem__}, RECORDINGS)("t1")
    with pytest.raises(StoreError, match="stream 'action' has no valid frame in any Train"):
        join("identity+action", nowhere, RECORDINGS)
    with pytest.raises(CohortError, match=r"'pulse' of 'identity.pulse' has no reader"):
        join("identity+pulse", {"identity": encoder}, RECORDINGS)
    with pytest.raises(CohortError, match=r"lacks \['split'\]"):
        join("action", READS, RECORDINGS.drop(columns="split"))
    with pytest.raises(StoreError, match="'nobody' is not in the table"):
        join("action", READS, RECORDINGS)("nobody")


SPOILT = [
    (lambda v, ok: (v[:, :28], ok), r"has shape \(40, 28\); expected \(n_frames, 29\)"),
    (lambda v, ok: (v[:39], ok[:39]), "39 frames and the recording 40"),
    (lambda v, ok: (v, ok.astype(int)), "one bool a frame"),
    (lambda v, ok: (np.where(v > 7, np.nan, v), ok), "NaN or infinity"),
]


@pytest.mark.parametrize(("spoil", "message"), SPOILT)
def test_a_wrong_stream_is_named_with_its_recording(spoil, message: str) -> None:
    def read(recording: str) -> tuple[np.ndarray, np.ndarray]:
        values, valid = AU(recording)
        return spoil(values, valid) if recording == "e1" else (values, valid)

    for table in (RECORDINGS, RECORDINGS.assign(split="train")):
        with pytest.raises(StoreError, match=rf"stream 'action' of 'e1'.*{message}"):
            join("identity+action", READS | {"action": read}, table)("e1")


# --- recordings that lack a stream

TABLE = pd.DataFrame(
    {"recording": [f"r{k:03d}" for k in range(150)], "split": ["train", "dev", "test"] * 50}
)


def drawn(share: float, seed: int = 0, table: pd.DataFrame = TABLE) -> set[str]:
    return lacking(table, share, rng=np.random.default_rng(seed))


def test_every_split_lacks_the_same_share_which_follows_the_seed_and_grows() -> None:
    for share, each in ((0, 0), (0.1, 5), (0.5, 25), (0.999, 49)):
        counts = TABLE[TABLE["recording"].isin(drawn(share))]["split"].value_counts()
        assert [counts.get(split, 0) for split in ("train", "dev", "test")] == [each] * 3
    assert drawn(0.3) == drawn(0.3, table=TABLE.sample(frac=1, random_state=3))
    assert drawn(0.3) != drawn(0.3, seed=1)
    assert drawn(0.1) < drawn(0.3) < drawn(0.8)
    for share in (-0.1, 1.0, float("nan")):
        with pytest.raises(CohortError, match="from 0 to below 1"):
            drawn(share)
    with pytest.raises(CohortError, match=r"lacks .'split'"):
        drawn(0.2, table=TABLE[["recording"]])
    with pytest.raises(StreamMissingError, match="'t1' is one of 1"):
        hiding(AU, {"t1"})("t1")


# --- other rates


RATES = [(4, 1, 120), (40, 30, 40), (133, 100, 40), (20, 7, 90), (3, 1, 80)]


@pytest.mark.parametrize(("n", "rate", "n_frames"), RATES)
def test_each_frame_gets_the_sample_that_is_current(n: int, rate: int, n_frames: int) -> None:
    values = np.arange(1.0, n + 1)[:, None]  # each sample holds its own number
    out, valid = to_frames(values, np.ones(n, bool), np.arange(n_frames) / 30 * rate)
    current = [frame * rate // 30 for frame in range(n_frames)]
    assert out.dtype == np.float32
    assert out[:, 0].tolist() == [k + 1 if k < n else 0 for k in current]
    np.testing.assert_array_equal(valid, out[:, 0] > 0)


def test_invalid_samples_are_not_bridged_and_a_rounded_rate_puts_none_off() -> None:
    values, valid = np.array([[1.0], [np.nan], [3.0]]), np.array([True, False, True])
    out, there = to_frames(values, valid, np.arange(-1, 12) / 4 / 1.0000001)
    assert there.tolist() == [False] + [True] * 4 + [False] * 4 + [True] * 4
    assert out[:, 0].tolist() == [0] + [1] * 4 + [0] * 4 + [3] * 4
