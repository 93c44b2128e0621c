import errno
import hashlib
import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from deplib.errors import StoreError
from deplib.extraction import FeatureStore, StoreHeader

HEADER = StoreHeader(
    encoder="sha256=aa RGB", dim=6, cohort="tiny", fingerprint="ff", n_recordings=3,
    frame_limit=100,
)  # fmt: skip


def rows(n: int, seed: int = 0, dim: int = 6) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    made = FeatureStore(tmp_path / "store", header=HEADER)
    for seed, name in enumerate(("201_1", "201_2")):
        made.write(name, rows(10 + seed, seed), np.arange(10 + seed) != 3)
    return made


def test_what_is_written_is_read(store: FeatureStore) -> None:
    features, valid = store.read("201_2")
    np.testing.assert_array_equal(features, rows(11, 1).astype(np.float16).astype(np.float32))
    assert features.dtype == np.float32
    assert valid.tolist() == [i != 3 for i in range(11)]


def test_the_same_content_has_the_same_bytes_and_digest(
    store: FeatureStore, tmp_path: Path
) -> None:
    again = FeatureStore(tmp_path / "again", header=HEADER)
    for seed, name in reversed(list(enumerate(("201_1", "201_2")))):
        again.write(name, rows(10 + seed, seed), np.arange(10 + seed) != 3)
    assert again.digest() == store.digest()
    content = store.path("201_2").read_bytes()
    assert again.path("201_2").read_bytes() == content
    entry = store.entry("201_2")
    assert entry.sha256 == hashlib.sha256(content).hexdigest()
    assert (entry.size, entry.n_frames, entry.n_invalid) == (len(content), 11, 1)
    again.write("201_1", rows(10, seed=5), np.ones(10, bool))
    assert again.digest() != store.digest()


def test_reopening_requires_the_same_origin(store: FeatureStore) -> None:
    assert FeatureStore(store.root).header == HEADER
    assert FeatureStore(store.root, header=HEADER).done() == store.done()
    for name, value in {"encoder": "sha256=bb RGB", "cohort": "AVEC2014", "frame_limit": 7}.items():
        other = StoreHeader(**{**vars(HEADER), name: value})
        with pytest.raises(StoreError) as caught:
            FeatureStore(store.root, header=other)
        for said in (name, repr(getattr(HEADER, name)), repr(value)):
            assert said in str(caught.value)


OTHER_FORMAT = json.dumps({**vars(HEADER), "format": 1})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "unreadable"), ("[]", "unreadable"), ('{"format": 2}', "unreadable"),
        (OTHER_FORMAT, "format 1; .* again into another folder"),
    ],
    ids=["empty", "a list", "half", "another format"],
)  # fmt: skip
def test_another_header_is_refused(store: FeatureStore, content: str, message: str) -> None:
    (store.root / "store.json").write_text(content)
    for header in (None, HEADER):
        with pytest.raises(StoreError, match=message):
            FeatureStore(store.root, header=header)


def test_features_without_header_are_not_adopted(store: FeatureStore) -> None:
    (store.root / "store.json").unlink()
    with pytest.raises(StoreError, match="nobody knows what made them"):
        FeatureStore(store.root, header=HEADER)


@pytest.mark.parametrize("name", ["", ".hidden", "../up", "a b", "a\n"])
def test_a_recording_cannot_leave_the_folder(store: FeatureStore, name: str) -> None:
    for act in (lambda: store.write(name, rows(2), np.ones(2, bool)), lambda: store.read(name)):
        with pytest.raises(StoreError, match="cannot name a recording"):
            act()


@pytest.mark.parametrize(
    ("features", "valid"),
    [
        (rows(4, dim=5), np.ones(4, bool)),
        (rows(0), np.ones(0, bool)),
        (rows(4), np.ones(3, bool)),
        (rows(4), np.ones(4)),
    ],
    ids=["dim", "empty", "length", "not bool"],
)
def test_arrays_that_do_not_fit_are_refused(
    store: FeatureStore, features: np.ndarray, valid: np.ndarray
) -> None:
    with pytest.raises(StoreError, match="x_1"):
        store.write("x_1", features, valid)
    assert "x_1" not in store.done()


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [flip_a_bit, halve, Path.unlink])
def test_a_damaged_recording_is_found_and_never_read(store: FeatureStore, damage) -> None:
    store.read("201_1")
    damage(store.path("201_1"))
    assert set(store.verify_hashes()) == {"201_1"}
    for reader in (store, FeatureStore(store.root)):
        with pytest.raises(StoreError, match="run the extraction again"):
            reader.read("201_1")
    assert len(store.read("201_2")[0]) == 11


def test_damage_and_leftovers_are_discarded_and_nothing_else(store: FeatureStore) -> None:
    store.write("202_1", rows(8), np.ones(8, bool))
    halve(store.path("201_1"))
    folder = store.root / "recordings"
    leftovers = [
        folder / ".202_2.safetensors.partial", folder / ".202_2.json.partial",
        store.root / ".store.json.partial",
    ]  # fmt: skip
    for leftover in leftovers:
        leftover.write_bytes(b"half")
    assert set(store.discard_damaged()) == {"201_1"}
    assert store.done() == {"201_2", "202_1"}
    assert not any(leftover.exists() for leftover in leftovers)
    assert store.discard_damaged() == {}


@pytest.mark.parametrize("name", ["201_1.safetensors", "201_1.json"])
def test_what_a_failing_disk_hides_is_reported_and_not_thrown_away(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    real = Path.open

    def failing(path: Path, *options: object, **more: object) -> object:
        if path.name == name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path, *options, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", failing)
    assert set(store.verify_hashes()) == {"201_1"}
    with pytest.raises(StoreError, match="Input/output error"):
        store.discard_damaged()
    monkeypatch.undo()
    assert store.done() == {"201_1", "201_2"}
    assert store.verify_hashes() == {}


def test_a_full_disk_is_reported_and_loses_nothing(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = store.digest()

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_room)
    for name in ("201_1", "202_1"):  # replacing, and new
        with pytest.raises(StoreError, match=r"No space left on device.*finished recordings"):
            store.write(name, rows(8, seed=9), np.ones(8, bool))
    monkeypatch.undo()
    assert store.digest() == before
    assert store.verify_hashes() == {}
    assert not list(store.root.rglob("*.partial"))


def write_often(root: Path, seed: int) -> None:
    store = FeatureStore(root, header=HEADER)
    for round_ in range(15):
        store.write("201_1", rows(10, seed=100 * seed + round_), np.ones(10, bool))


def test_two_processes_do_not_mix_their_writes(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_often, args=(tmp_path / "s", k)) for k in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    store = FeatureStore(tmp_path / "s", header=HEADER)
    assert store.verify_hashes() == {}
    last = [rows(10, seed=k).astype(np.float16) for k in (114, 214)]
    assert any(np.array_equal(store.read("201_1")[0], x) for x in last)
