import errno
import hashlib
import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
from tiny import flip_a_bit

from deplib.errors import StoreError
from deplib.extraction import FeatureStore, StoreHeader

HEADER = StoreHeader("sha256=aa RGB", 6, "tiny", "ff", n_recordings=3, frame_limit=100)


def rows(n: int, seed: int = 0, dim: int = 6) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.fixture
def store(tmp_path):
    made = FeatureStore(tmp_path / "store", header=HEADER)
    for seed, name in enumerate(("201_1", "201_2")):
        made.write(name, rows(10 + seed, seed), np.arange(10 + seed) != 3)
    return made


def test_the_same_content_is_read_and_has_the_same_bytes(store, tmp_path):
    features, valid = store.read("201_2")
    np.testing.assert_array_equal(features, rows(11, 1).astype(np.float16).astype(np.float32))
    assert features.dtype == np.float32
    assert valid.tolist() == [i != 3 for i in range(11)]
    again = FeatureStore(tmp_path / "again", header=HEADER)
    for seed, name in reversed(list(enumerate(("201_1", "201_2")))):
        again.write(name, rows(10 + seed, seed), np.arange(10 + seed) != 3)
    assert again.digest() == store.digest()
    content, entry = store.path("201_2").read_bytes(), store.entry("201_2")
    assert again.path("201_2").read_bytes() == content
    assert entry.sha256 == hashlib.sha256(content).hexdigest()
    assert (entry.size, entry.n_frames, entry.n_invalid) == (len(content), 11, 1)
    again.write("201_1", rows(10, seed=5), np.ones(10, bool))
    assert again.digest() != store.digest()


def test_reopening_requires_the_same_origin(store):
    assert FeatureStore(store.root).header == HEADER
    assert FeatureStore(store.root, header=HEADER).done() == store.done()
    for name, value in {"encoder": "sha256=bb RGB", "cohort": "AVEC2014", "frame_limit": 7}.items():
        other = StoreHeader(**{**vars(HEADER), name: value})
        with pytest.raises(StoreError) as caught:
            FeatureStore(store.root, header=other)
        for said in (name, repr(getattr(HEADER, name)), repr(value)):
            assert said in str(caught.value)


HEADERS = [
    ("", "unreadable"), ("[]", "unreadable"), ('{"format": 3}', "unreadable"),
    (json.dumps({**vars(HEADER), "format": 1}), "format 1; .* again into another folder"),
    (None, "nobody knows what made them"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), HEADERS)
def test_another_or_no_header_is_refused(store, content, message):
    (store.root / "store.json").unlink()
    if content is not None:
        (store.root / "store.json").write_text(content)
    with pytest.raises(StoreError, match=message):
        FeatureStore(store.root, header=HEADER)


@pytest.mark.parametrize("name", ["", ".hidden", "../up", "a b", "a\n"])
def test_a_recording_cannot_leave_the_folder(store, name):
    for act in (lambda: store.write(name, rows(2), np.ones(2, bool)), lambda: store.read(name)):
        with pytest.raises(StoreError, match="cannot name a recording"):
            act()


def test_arrays_that_do_not_fit_are_refused(store):
    """Of another width, empty, of two lengths, or not bool."""
    four, true = rows(4), np.ones(4, bool)
    wrong = [(rows(4, dim=5), true), (four[:0], true[:0]), (four, true[:3]), (four, true * 1)]
    for arrays in wrong:
        with pytest.raises(StoreError, match="x_1"):
            store.write("x_1", *arrays)
    assert "x_1" not in store.done()


@pytest.mark.parametrize("damage", [flip_a_bit, Path.unlink])
def test_damage_and_leftovers_are_found_and_discarded_and_nothing_else(store, damage):
    damage(store.path("201_1"))
    for reader in (store, FeatureStore(store.root)):
        with pytest.raises(StoreError, match="run the extraction again"):
            reader.read("201_1")
    names = (".store.json", "recordings/.202_2.safetensors", "recordings/.202_2.json")
    leftovers = [store.root / f"{name}.partial" for name in names]
    for leftover in leftovers:
        leftover.write_bytes(b"half")
    assert set(store.discard_damaged()) == {"201_1"}
    assert store.done() == {"201_2"}
    assert len(store.read("201_2")[0]) == 11
    assert not any(leftover.exists() for leftover in leftovers)
    assert store.discard_damaged() == {}


@pytest.mark.parametrize("name", ["201_1.safetensors", "201_1.json"])
def test_what_a_failing_disk_hides_is_reported_and_not_thrown_away(store, monkeypatch, name):
    real = Path.open

    def failing(path: Path, *options: object, **more: object) -> object:
        if path.name == name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path, *options, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(StoreError, match="Input/output error"):
        store.discard_damaged()
    monkeypatch.undo()
    assert store.done() == {"201_1", "201_2"}
    assert store.discard_damaged() == {}


def test_a_full_disk_is_reported_and_loses_nothing(store, monkeypatch):
    before = store.digest()

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_room)
    for name in ("201_1", "202_1"):  # replacing, and new
        with pytest.raises(StoreError, match=r"No space left on device.*finished recordings"):
            store.write(name, rows(8, seed=9), np.ones(8, bool))
    monkeypatch.undo()
    assert store.digest() == before
    assert not list(store.root.rglob("*.partial"))
    assert store.discard_damaged() == {}


def write_often(root: Path, seed: int) -> None:
    store = FeatureStore(root, header=HEADER)
    for round_ in range(15):
        store.write("201_1", rows(10, seed=100 * seed + round_), np.ones(10, bool))


def test_two_processes_do_not_mix_their_writes(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_often, args=(tmp_path / "s", k)) for k in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    store = FeatureStore(tmp_path / "s", header=HEADER)
    last = [rows(10, seed=k).astype(np.float16) for k in (114, 214)]
    assert any(np.array_equal(store.read("201_1")[0], x) for x in last)
