import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from lessons import PROTOCOL, SMALL
from safetensors import safe_open
from safetensors.torch import save_file
from tiny import flip_a_bit

from deplib.models import REGISTRY
from deplib.training import Checkpoint, train


class Stopped(Exception):  # noqa: N818 - no error: it stands for a kill
    pass


def trained(name, windows, checkpoint=None, protocol=PROTOCOL):
    return train(name, windows, protocol, seed=1, config=SMALL, checkpoint=checkpoint)


def interrupt(name, windows, path, after, protocol=PROTOCOL):
    class Stopping(Checkpoint):
        def save(self, model, optimizer, course, rng):
            super().save(model, optimizer, course, rng)
            if course.epoch == after:
                raise Stopped

    with pytest.raises(Stopped):
        trained(name, windows, Stopping(path, "key", every=0), protocol)
    assert path.exists()


def assert_same(a, b):
    pd.testing.assert_frame_equal(a.predictions, b.predictions, check_exact=True)
    pd.testing.assert_frame_equal(a.history, b.history, check_exact=True)
    assert a.epoch == b.epoch
    assert list(a.state_dict) == list(b.state_dict)
    assert all(torch.equal(a.state_dict[key], b.state_dict[key]) for key in a.state_dict)


@pytest.mark.parametrize("name", REGISTRY)
def test_a_resumed_run_ends_in_the_same_bits(name, windows, tmp_path):
    """Stopped after each epoch in turn, by one process after the other."""
    whole, path = trained(name, windows), tmp_path / "run.safetensors"
    for after in (1, 2, 4):
        interrupt(name, windows, path, after)
    assert_same(whole, trained(name, windows, Checkpoint(path, "key", every=0)))
    assert list(tmp_path.iterdir()) == []


def test_a_run_resumes_from_the_last_whole_epoch(windows, tmp_path, monkeypatch):
    """Stopped in the middle of the third epoch, it trains the third and the fourth."""
    path, trained_epochs = tmp_path / "run.safetensors", []
    protocol = replace(PROTOCOL, batch_size_train=32)
    assert len(windows.subset("train")) in range(33, 65)  # two batches an epoch
    whole = trained("LDBM", windows, protocol=protocol)

    def check_loss(loss, name, seed, epoch):
        trained_epochs.append(epoch)
        if len(trained_epochs) == 6:
            raise Stopped

    monkeypatch.setattr("deplib.training.loop.check_loss", check_loss)
    with pytest.raises(Stopped):
        trained("LDBM", windows, Checkpoint(path, "key", every=0), protocol=protocol)
    trained_epochs[:] = []
    assert_same(whole, trained("LDBM", windows, Checkpoint(path, "key"), protocol=protocol))
    assert trained_epochs == [3, 3, 4, 4]


def test_patience_and_the_chosen_weights_survive(windows, tmp_path):
    protocol = replace(PROTOCOL, epochs=40, patience=2, learning_rate=0.02)
    whole, path = trained("LDBM", windows, protocol=protocol), tmp_path / "run.safetensors"
    last = len(whole.history)
    assert whole.epoch == last - 2
    interrupt("LDBM", windows, path, last - 1, protocol)
    assert_same(whole, trained("LDBM", windows, Checkpoint(path, "key"), protocol=protocol))


def edit(path, change):
    """Write the file anew with other contents, whole and readable."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        about = json.loads(file.metadata()["about"])
    change(tensors, about)
    save_file(tensors, path, metadata={"about": json.dumps(about)})


DAMAGE = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "a flipped bit": flip_a_bit,
    "another key": lambda path: edit(path, lambda t, s: s.update(key="other")),
    "no generator": lambda path: edit(path, lambda t, s: s.pop("rng")),
    "no moments": lambda path: edit(path, lambda t, s: t.pop("3:exp_avg")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_cannot_be_used_is_named_and_changes_nothing(damage, windows, tmp_path):
    whole, path = trained("LDBM", windows), tmp_path / "run.safetensors"
    interrupt("LDBM", windows, path, after=2)
    DAMAGE[damage](path)
    with pytest.warns(UserWarning, match=r"cannot resume from .*run\.safetensors"):
        again = trained("LDBM", windows, Checkpoint(path, "key"))
    assert_same(whole, again)
    assert not path.exists()


def test_a_full_disk_is_a_warning_and_leaves_the_last_file(windows, tmp_path, monkeypatch):
    path = tmp_path / "run.safetensors"
    interrupt("LDBM", windows, path, after=1)
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deplib.paths.os.fsync", full)
    with pytest.warns(UserWarning, match=r"cannot write .*No space left on device.*Make room"):
        interrupt("LDBM", windows, path, after=3)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_history_keeps_what_is_undefined(windows, tmp_path):
    zeros = replace(windows, features=np.zeros_like(windows.features))
    whole, path = trained("TemporalMeanMLP", zeros), tmp_path / "run.safetensors"
    interrupt("TemporalMeanMLP", zeros, path, after=2)
    assert_same(whole, trained("TemporalMeanMLP", zeros, Checkpoint(path, "key")))
