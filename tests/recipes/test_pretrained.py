"""The recipe: the protocol from other weights, and no label before it."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from behaving import PROTOCOL, SMALL, WIDTH, make_windows

from deplib.errors import CohortError, ModelError
from deplib.models import build
from deplib.pretraining import Pretraining, pretrained_model
from deplib.recipes import pretrained
from deplib.training import PREDICTION_COLUMNS, predict, train

QUICK = Pretraining(epochs=4, batch_size=8, shortest=3, longest=6, learning_rate=3e-3)
NAME = "MambaGRU"
# Four epochs on thirty recordings are for what is equal to what, not for learning.
pytestmark = pytest.mark.filterwarnings("ignore:.*pretraining ends at a loss")


@pytest.fixture(scope="module")
def windows():
    return make_windows()


@pytest.fixture(scope="module")
def video():
    return make_windows(n=30, seed=1)


def taught(windows, *, seed=0, settings=QUICK, **keywords):
    return pretrained(
        NAME, windows, PROTOCOL, seed=seed, config=SMALL, settings=settings, **keywords
    )


def assert_same(a, b):
    pd.testing.assert_frame_equal(a.predictions, b.predictions, check_exact=True)
    pd.testing.assert_frame_equal(a.history, b.history, check_exact=True)
    assert (a.epoch, a.collapsed, a.n_parameters) == (b.epoch, b.collapsed, b.n_parameters)
    assert list(a.state_dict) == list(b.state_dict)
    assert all(torch.equal(a.state_dict[key], b.state_dict[key]) for key in a.state_dict)


def relabelled(windows, how):
    index = windows.index.copy()
    if how == "permuted":
        order = np.random.default_rng(3).permutation(len(index))
        index[["bdi", "y"]] = index[["bdi", "y"]].to_numpy()[order]
        return replace(windows, index=index)
    index[["bdi", "y"]] = np.nan
    return replace(windows, index=index, label_mean=np.nan, label_std=np.nan)


def test_without_an_epoch_of_pretraining_it_is_the_protocol_bit_for_bit(windows, video):
    settings = replace(QUICK, epochs=0)
    plain = train(NAME, windows, PROTOCOL, seed=2, config=SMALL)
    assert_same(taught(windows, seed=2, settings=settings), plain)
    with_video = taught(windows, seed=2, settings=settings, unlabelled=video)
    assert_same(with_video, plain)


@pytest.mark.parametrize("how", ["permuted", "missing"])
def test_no_label_of_the_video_is_read(windows, video, how):
    a = taught(windows, unlabelled=video)
    b = taught(windows, unlabelled=relabelled(video, how))
    assert_same(a, b)


def test_without_video_the_train_windows_are_looked_at_without_their_labels(windows):
    train_set = windows.subset("train")
    a = taught(windows)
    assert_same(a, taught(windows, unlabelled=relabelled(train_set, "missing")))


def test_what_comes_back_is_a_run_of_the_epoch_that_dev_chose(windows, video):
    run = taught(windows, unlabelled=video)
    assert list(run.predictions) == list(PREDICTION_COLUMNS)
    assert run.epoch == run.history.set_index("epoch")["dev_mae"].idxmin()
    assert len(run.history) == PROTOCOL.epochs
    model = build(NAME, seed=0, **SMALL)
    model.load_state_dict(run.state_dict)
    np.testing.assert_allclose(predict(model, windows), run.predictions["y_hat"], atol=1e-4)
    plain = train(NAME, windows, PROTOCOL, seed=0, config=SMALL)
    assert run.n_parameters == plain.n_parameters
    assert not np.allclose(run.predictions["y_hat"], plain.predictions["y_hat"], atol=1e-3)


def test_same_seed_same_run_other_seed_another(windows, video):
    state = torch.random.get_rng_state()
    a = taught(windows, seed=1, unlabelled=video)
    assert torch.equal(torch.random.get_rng_state(), state)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(77)  # what others have drawn does not matter
        assert_same(a, taught(windows, seed=1, unlabelled=video))
    other = taught(windows, seed=2, unlabelled=video)
    assert not np.array_equal(a.predictions["y_hat"], other.predictions["y_hat"])


def test_some_persons_are_measured_only(video):
    settings = replace(QUICK, held_out=0.2)
    held = []

    def note(model, windows, settings, *, rng, held_out):
        held.append(held_out)
        return pd.DataFrame()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deplib.pretraining.pretrain", note)
        for seed in (0, 0, 1):
            pretrained_model(NAME, video, seed=seed, config=SMALL, settings=settings)
    persons = video.index["person"]
    assert set(persons[held[0]]).isdisjoint(persons[~held[0]])
    assert persons[held[0]].nunique() == 3  # of 15
    np.testing.assert_array_equal(held[0], held[1])
    assert not np.array_equal(held[0], held[2])


def test_a_pretraining_that_learnt_nothing_says_so(video):
    noise = make_windows(rho=0.0, n=30, seed=1)
    with pytest.warns(UserWarning, match="MambaGRU, seed 0: pretraining ends at a loss of"):
        pretrained_model(NAME, noise, seed=0, config=SMALL, settings=replace(QUICK, epochs=12))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pretrained_model(NAME, video, seed=0, config=SMALL, settings=replace(QUICK, epochs=12))
        control = replace(QUICK, learning_rate=0.0)
        pretrained_model(NAME, video, seed=0, config=SMALL, settings=control)


@pytest.mark.parametrize("name", ["VanillaTransformer", "TemporalMeanMLP", "LDBM-patch4", "Mamba"])
def test_a_model_without_such_states_is_refused(windows, name):
    with pytest.raises(ModelError, match=r"cannot be pretrained.*\['MambaGRU'\]"):
        pretrained(name, windows, PROTOCOL, seed=0, config={"channels": WIDTH})
    with pytest.raises(ModelError, match="unknown model"):
        pretrained("ResNet", windows, PROTOCOL, seed=0)


def test_bad_windows_are_refused(windows, video):
    with pytest.raises(ModelError, match=f"have {WIDTH - 1} numbers and those with labels {WIDTH}"):
        taught(windows, unlabelled=replace(video, features=video.features[:, :, 1:]))
    with pytest.raises(CohortError, match="'dev' has no window"):
        taught(windows.subset("train"))
    with pytest.raises(ModelError, match="longer than the 32 learned positions"):
        pretrained(
            NAME, windows, PROTOCOL, seed=0, config=SMALL | {"n_positions": 32}, settings=QUICK
        )
