"""Pretraining on hidden frames: what is hidden, what is learnt, and the protocol afterwards."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pretrained_runs
import pretraining
import pytest
import torch
from pretrained_runs import RUNS, WORLD
from pretraining import Pretraining, draw_hidden, pretrain, pretrained
from scipy.signal import lfilter

from deplib import results, study
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import CohortError, ModelError
from deplib.models import build
from deplib.training import train
from deplib.windows import WindowSet, build_windows

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from lessons import PROTOCOL, WIDTH, table

NAME = "MambaGRU"
LONGER = replace(PROTOCOL, sequence_length=128, window_length=64)
RECURRENT = {"channels": WIDTH, "width": 16, "n_positions": 64}
QUICK = Pretraining(3, 8, shortest=3, longest=6, learning_rate=3e-3, held_out=0.0)
SAME = 1e-4
"""z-units by which two ways of computing one training may differ."""
# Few epochs on few recordings are for what is equal to what, not for learning.
pytestmark = pytest.mark.filterwarnings("ignore:.*pretraining ends at a loss")


def behaving(rho: float = 0.95, *, n: int = 60, seed: int = 0) -> WindowSet:
    """A person's own offset and AR(1) behaviour; a tenth of the frames has no face."""
    recordings = table(n, 30, 128, 2, seed)
    content = {}
    for i, n_frames in enumerate(recordings["n_frames"]):
        own = np.random.default_rng([seed, i // 2]).normal(size=WIDTH)
        rng = np.random.default_rng([seed, i, 1])
        noise, valid = rng.normal(size=(n_frames, WIDTH)), rng.random(n_frames) < 0.9
        behaviour = lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise, axis=0)
        content[f"r{i}"] = 0.1 * (3 * own + behaviour), valid
    return build_windows(recordings, content.__getitem__, LONGER)


@pytest.fixture(scope="module")
def windows():
    return behaving()


@pytest.fixture(scope="module")
def video():
    return behaving(n=30, seed=1)


@pytest.fixture
def task():
    """An untrained model with a head that says something."""
    model = build(NAME, seed=3, **RECURRENT)
    task = pretraining.MaskedFrames(model, np.full(WIDTH, 0.2), 0.5, 0.3)
    with torch.no_grad():
        task.head.weight.copy_(torch.from_numpy(np.random.default_rng(1).normal(size=(WIDTH, 16))))
    return task


def learn(windows, settings=QUICK, *, seed=0):
    model = build(NAME, seed=seed, **RECURRENT)
    return model, pretrain(model, windows, settings, seed=seed)


def taught(windows, *, seed=0, settings=QUICK, **given):
    given |= {"seed": seed, "config": RECURRENT, "settings": settings}
    return pretrained(NAME, windows, LONGER, **given)


def batch(n=4, time=40):
    """Real frames with holes and tails, some of them hidden."""
    x = np.random.default_rng(0).normal(size=(n, WIDTH, time)).astype(np.float32)
    mask, hidden = torch.ones(n, time, dtype=torch.bool), torch.zeros(n, time, dtype=torch.bool)
    mask[1, 25:] = mask[2, :3] = mask[2, 10:14] = False
    hidden[:, 6:12] = hidden[:, 20:24] = True
    return torch.from_numpy(x), mask, hidden & mask


def test_only_real_frames_are_hidden_and_as_many_as_asked():
    rng = np.random.default_rng(0)
    mask = rng.random((200, 100)) < rng.random((200, 1))
    for share in (0.1, 0.3, 0.5):
        hidden = draw_hidden(mask, Pretraining(share=share, shortest=2, longest=5), rng=rng)
        assert not hidden[~mask].any()
        room = mask.sum(axis=1) >= 20
        n_hidden, n_real = hidden.sum(axis=1)[room], mask.sum(axis=1)[room]
        np.testing.assert_allclose(n_hidden, share * n_real, atol=0.5)


def test_spans_have_their_lengths_do_not_touch_and_leave_the_first_frame():
    hidden = draw_hidden(np.ones((300, 512), bool), Pretraining(), rng=np.random.default_rng(1))
    edges = [np.flatnonzero(np.diff(np.r_[0, row.astype(int), 0])) for row in hidden]
    lengths = [edge[1::2] - edge[::2] for edge in edges]
    assert not hidden[:, 0].any()
    assert all((row < 8).sum() <= 1 for row in lengths)  # the one that makes up the sum
    counts = np.bincount(np.concatenate(lengths))
    assert len(counts) == 17  # none is longer than 16
    assert counts[8:].min() > 0.8 * counts[8:].mean()  # all lengths alike


def test_behaviour_that_lasts_is_learnt_and_noise_is_not(windows):
    settings = replace(QUICK, epochs=15, held_out=0.2)
    _, history = learn(windows, settings)
    assert history["epoch"].tolist() == list(range(1, 16))
    last = history.iloc[-1]
    assert last["loss"] < 0.65 * last["baseline"]
    assert last["held_out_loss"] < 0.75 * last["held_out_baseline"]
    assert np.ptp(history["held_out_baseline"]) == 0  # the same frames each time
    assert np.ptp(history["baseline"]) > 0
    _, nothing = learn(behaving(rho=0.0), replace(settings, epochs=5))
    assert (nothing["held_out_loss"] > 0.98 * nothing["held_out_baseline"]).all()


def test_same_seed_same_weights_and_all_but_the_regressor_learns(windows):
    state = torch.random.get_rng_state()
    (a, history), (b, again), (c, _) = (learn(windows, seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    pd.testing.assert_frame_equal(history, again, check_exact=True)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.input_proj.weight, c.input_proj.weight)
    start = build(NAME, seed=1, **RECURRENT)
    for (name, before), after in zip(start.named_parameters(), a.parameters(), strict=True):
        assert torch.equal(before, after) == name.startswith("regressor"), name


def test_the_control_that_learns_nothing_is_the_start_on_standardised_frames(windows):
    model, history = learn(windows, replace(QUICK, learning_rate=0.0))
    np.testing.assert_allclose(history["loss"], history["baseline"], rtol=1e-6)
    real = windows.features[windows.mask].astype(float)
    mean, sd = real.mean(axis=0), np.sqrt(((real - real.mean(axis=0)) ** 2).mean())
    z = torch.from_numpy((windows.features - mean) / sd).float().transpose(1, 2)
    x, mask = torch.from_numpy(windows.features).transpose(1, 2), torch.from_numpy(windows.mask)
    with torch.no_grad():
        expected = build(NAME, seed=0, **RECURRENT)(z, mask)
        torch.testing.assert_close(model(x, mask), expected, atol=1e-5, rtol=1e-5)


def test_errors_by_hand(task):
    x, mask, hidden = batch()
    task.spread = 0.4
    errors, baseline = task(x, mask, hidden)
    k = 0
    for row in range(len(x)):
        visible = mask[row] & ~hidden[row]
        z = (x[row].T - 0.2) / 0.5
        last, h, seen = None, {}, []
        for t in range(x.shape[2]):
            if visible[t]:
                u = task.model.input_proj(z[t]) + task.model.positions[t]
                out, last = task.model.gru(u[None, None], last)
                seen.append(out[0, 0])
            elif hidden[row, t]:
                h[t] = seen[-1]
        mean_state, mean = torch.stack(seen).mean(0), x[row].T[visible].mean(0)
        for t, state in h.items():
            predicted = mean + 0.3 * task.head((state - mean_state) / 0.4)
            error = ((x[row, :, t] - predicted) / 0.3).square().mean()
            torch.testing.assert_close(errors[k], error, atol=1e-4, rtol=1e-4)
            trivial = ((x[row, :, t] - mean) / 0.3).square().mean()
            torch.testing.assert_close(baseline[k], trivial, atol=1e-4, rtol=1e-4)
            k += 1
    assert k == len(errors) == int(hidden.sum())


def test_padding_changes_no_error_and_folding_is_exact(task):
    x, mask, hidden = batch()
    padded = (torch.nn.functional.pad(v, (0, 9), value=fill) for v, fill in
              ((x, float("nan")), (mask, False), (hidden, False)))  # fmt: skip
    garbage = torch.where(mask[:, None], x, 1e6)
    with torch.no_grad():
        for other in (padded, (garbage, mask, hidden)):
            for a, b in zip(task(x, mask, hidden), task(*other), strict=True):
                torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)
        expected = task.model(task.standardised(x, mask), mask)
        assert not torch.allclose(task.model(x, mask), expected, atol=1e-3)
        task.fold()
        torch.testing.assert_close(task.model(x, mask), expected, atol=1e-5, rtol=1e-5)


def test_without_an_epoch_of_pretraining_it_is_the_protocol(windows, video):
    plain = train(NAME, windows, LONGER, seed=2, config=RECURRENT)
    run = taught(windows, seed=2, settings=replace(QUICK, epochs=0), unlabelled=video)
    np.testing.assert_allclose(run.predictions["y_hat"], plain.predictions["y_hat"], atol=SAME)
    assert run.n_parameters == plain.n_parameters


def test_no_label_of_the_video_is_read_and_without_video_train_is_looked_at(windows, video):
    def blank(some):
        index = some.index.assign(bdi=np.nan, y=np.nan)
        return replace(some, index=index, label_mean=np.nan, label_std=np.nan)

    state = torch.random.get_rng_state()
    a, b = taught(windows, unlabelled=video), taught(windows, unlabelled=blank(video))
    assert torch.equal(torch.random.get_rng_state(), state)
    pd.testing.assert_frame_equal(a.predictions, b.predictions, check_exact=True)
    assert a.epoch == a.history.set_index("epoch")["dev_mae"].idxmin()
    c, d = taught(windows), taught(windows, unlabelled=blank(windows.subset("train")))
    pd.testing.assert_frame_equal(c.predictions, d.predictions, check_exact=True)
    assert not np.allclose(a.predictions["y_hat"], c.predictions["y_hat"], atol=1e-3)


@pytest.mark.filterwarnings("error")
def test_a_pretraining_that_learnt_nothing_says_so(video):
    settings = replace(QUICK, epochs=12, held_out=0.1)
    with pytest.warns(UserWarning, match="MambaGRU, seed 0: pretraining ends at a loss of"):
        learn(behaving(rho=0.0, n=30, seed=1), settings)
    learn(video, settings)
    learn(video, replace(settings, epochs=3, learning_rate=0.0))


def test_what_cannot_be_learnt_from_is_refused(windows, video):
    nan = windows.features.copy()
    nan[0][windows.mask[0]] = np.nan
    for message, data, change in [
        ("all frames are alike", replace(windows, features=np.ones_like(nan)), {}),
        ("one is NaN", replace(windows, features=nan), {}),
        ("is long enough for a frame to be hidden", windows, {"share": 0.001}),
        (r"the loss is \w+ in epoch", windows, {"learning_rate": 1e30}),
    ]:
        with pytest.raises(ModelError, match=message):
            learn(data, replace(QUICK, **change))
    with pytest.raises(ModelError, match=f"have {WIDTH - 1} numbers and those with labels {WIDTH}"):
        taught(windows, unlabelled=replace(video, features=video.features[:, :, 1:]))
    with pytest.raises(CohortError, match="'dev' has no window"):
        taught(windows.subset("train"))
    for name in ("VanillaTransformer", "TemporalMeanMLP", "LDBM-patch4", "Mamba"):
        with pytest.raises(ModelError, match=r"cannot be pretrained.*choose MambaGRU"):
            pretrained(name, windows, LONGER, seed=0, config={"channels": WIDTH})


@pytest.mark.parametrize(("name", "value"), [
    ("share", 0.0), ("share", 1.0), ("held_out", 1.0), ("shortest", 0), ("shortest", 17),
    ("epochs", -1), ("batch_size", 0), ("learning_rate", -1.0),
])  # fmt: skip
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ModelError, match="must"):
        Pretraining(**{name: value})


def test_runs_go_on_from_their_tables_and_see_video_of_others(monkeypatch, tmp_path):
    """On a small cohort, with trainings of one epoch."""
    small, asked = partial(SimulatedCohort, n_recordings=9, max_frames=12), []

    def short(model, windows, protocol, **given):
        asked.append((windows, given["unlabelled"], given["seed"]))
        quick = {"settings": replace(QUICK, epochs=1)}
        return pretrained(model, windows, replace(protocol, epochs=1), **given, **quick)

    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(study, "open_cohort", small)
    monkeypatch.setattr(pretraining, "SimulatedCohort", lambda *who, **_: small(*who))
    monkeypatch.setattr(pretraining, "pretrained", short)
    for n in (1, 2, 2):
        pretrained_runs.complete(RUNS[:n], tmp_path, jobs=1)
    windows, video, _ = asked[0]
    assert [seed for *_, seed in asked] == [0, 1]
    assert results.load(WORLD, root=tmp_path)["seed"].unique().tolist() == [0, 1]
    assert video.index["y"].isna().all()
    assert np.isnan(video.label_mean)
    assert not np.array_equal(video.features[0], windows.features[0])
    monkeypatch.setattr(pretrained_runs, "code_of", lambda path: "changed")
    pretrained_runs.complete(RUNS[:1], tmp_path, jobs=1)
    assert len(asked) == 3


def test_the_versioned_runs_are_those_of_the_present_code():
    done = results.read_all(WORLD, root=results.folder() / "pretraining")
    assert {one.spec: one.key for one in done} == {spec: pretrained_runs.key(spec) for spec in RUNS}
