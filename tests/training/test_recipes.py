"""What holds for every recipe, and the sums of each by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from lessons import PROTOCOL, SMALL, bagged, planted

from deplib import recipes
from deplib.errors import CohortError, ModelError
from deplib.metrics import mae
from deplib.models import MODELS, build
from deplib.recipes import recipe_named
from deplib.training import recording_table, train

MEAN, DROPOUT = "TemporalMeanMLP", "HybridPooling-dropout"
OF_RECIPE = {"smoothed": MEAN, "bags": MEAN, "dropout": DROPOUT}
WAYS = [*OF_RECIPE.items(), *(("protocol", name) for name in MODELS)]
SAME = 1e-4
"""z-units by which two ways of computing one training may differ."""
every_way = pytest.mark.parametrize(("recipe", "model"), WAYS)


@pytest.fixture(scope="module")
def runs(windows):
    """One run each way."""
    return {way: taught(*way, windows, seed=1) for way in WAYS}


def taught(recipe, model, windows, *, seed=0, config=SMALL, **change):
    protocol = replace(PROTOCOL, **change)
    return recipe_named(recipe)(model, windows, protocol, seed=seed, config=config)


def error_on_test(run):
    table = recording_table(run.predictions, run.label_mean, run.label_std)
    test = table[table["split"] == "test"]
    median = table.loc[table["split"] == "train", "bdi"].median()
    return mae(test["bdi"], test["bdi_hat"]), mae(test["bdi"], np.full(len(test), median))


@every_way
def test_same_seed_same_run_other_seed_another(recipe, model, windows, runs):
    a, state = runs[recipe, model], torch.random.get_rng_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(77)  # what others have drawn does not matter
        b = taught(recipe, model, windows, seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    pd.testing.assert_frame_equal(a.predictions, b.predictions, check_exact=True)
    pd.testing.assert_frame_equal(a.history, b.history, check_exact=True)
    assert all(torch.equal(a.state_dict[key], b.state_dict[key]) for key in a.state_dict)
    other = taught(recipe, model, windows, seed=2)
    assert not np.array_equal(a.predictions["y_hat"], other.predictions["y_hat"])


@every_way
def test_it_learns_and_gives_the_epoch_that_dev_chose(recipe, model, windows):
    run = taught(recipe, model, windows, epochs=25, patience=25)
    shared = ["recording", "person", "split", "window", "y"]
    pd.testing.assert_frame_equal(run.predictions[shared], windows.index[shared])
    assert run.epoch == run.history.set_index("epoch")["dev_mae"].idxmin()
    table = recording_table(run.predictions, run.label_mean, run.label_std)
    dev = table[table["split"] == "dev"]
    assert mae(dev["bdi"], dev["bdi_hat"]) == pytest.approx(run.history["dev_mae"].min(), abs=SAME)
    error, of_the_constant = error_on_test(run)
    assert error < 0.7 * of_the_constant


@every_way
def test_test_labels_and_features_choose_nothing(recipe, model, windows, runs):
    test = (windows.index["split"] == "test").to_numpy()
    features = windows.features.copy()
    features[test] *= -1
    index = windows.index.assign(y=windows.index["y"].where(~test, 9.0))
    other = taught(recipe, model, replace(windows, features=features, index=index), seed=1)
    pd.testing.assert_frame_equal(runs[recipe, model].history, other.history, check_exact=True)
    assert not np.array_equal(
        runs[recipe, model].predictions["y_hat"][test], other.predictions["y_hat"][test]
    )


@every_way
def test_what_cannot_be_taught_is_refused(recipe, model, windows):
    nan = windows.features.copy()
    nan[0, 0, 0] = np.nan
    with pytest.raises(ModelError, match="NaN or infinity"):
        taught(recipe, model, replace(windows, features=nan))
    with pytest.raises(CohortError, match="'dev' has no window"):
        taught(recipe, model, windows.subset("train"))
    with pytest.raises(ModelError, match=rf"{model}, seed 0: .*epoch \d"):
        taught(recipe, model, windows, learning_rate=1e30)
    with pytest.raises(ModelError, match="cannot be built with"):
        taught(recipe, model, windows, config={"kernel": 3})
    with pytest.raises(ModelError, match=r"unknown recipe 'mixup'; there are .*'bags'"):
        recipe_named("mixup")


@pytest.mark.parametrize(("recipe", "share"), [("protocol", 0.0), ("smoothed", 0.3)])
def test_epochs_by_hand(recipe, share, windows):
    """A plain loop on whole windows, with targets from a dict of the epoch before."""
    result = taught(recipe, MEAN, windows, seed=4)
    data = windows.subset("train")
    model = build(MEAN, seed=4, **SMALL)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)
    x, mask = torch.from_numpy(data.features).transpose(1, 2), torch.from_numpy(data.mask)
    keys = list(zip(data.index["recording"], data.index["window"], strict=True))
    labels = dict(zip(keys, data.index["y"], strict=True))
    order, before = np.random.default_rng(4), {}
    for epoch in range(PROTOCOL.epochs):
        now, losses = {}, []
        for rows in torch.from_numpy(order.permutation(len(data))).split(16):
            output = model(x[rows], mask[rows])
            targets = []
            for recording, w in (keys[i] for i in rows):
                near = [before[recording, v] for v in (w - 1, w, w + 1) if (recording, v) in before]
                label = labels[recording, w]
                targets.append((1 - share) * label + share * np.mean(near) if near else label)
            optimizer.zero_grad()
            (output - torch.tensor(targets, dtype=torch.float32)).abs().mean().backward()
            optimizer.step()
            now |= {keys[i]: y for i, y in zip(rows, output.tolist(), strict=True)}
            losses += [abs(now[keys[i]] - labels[keys[i]]) for i in rows]
        assert result.history["train_loss"][epoch] == pytest.approx(np.mean(losses), abs=1e-5)
        before = now


def test_neighbours_are_windows_of_the_same_recording_side_by_side():
    near = recipes.neighbours(pd.DataFrame({"recording": [*"abaa"], "window": [1, 0, 0, 3]}))
    # Of the last, its neighbour had no real frame and was dropped.
    expected = [[0.5, 0, 0.5, 0], [0, 1, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0, 1]]
    np.testing.assert_array_equal(near, np.float32(expected))


def test_bags_by_hand(windows, runs):
    """Equations 7 and 8 on a recording at a time, from the weights that the run kept."""
    run = runs["bags", MEAN]
    p = {key: value.double().numpy() for key, value in run.state_dict.items()}
    train_rows = (windows.index["split"] == "train").to_numpy()
    frames = zip(windows.features.astype(float), windows.mask, strict=True)
    means = np.stack([window[real].mean(axis=0) for window, real in frames])
    z = (means - means[train_rows].mean(axis=0)) / means[train_rows].std(axis=0)
    for _, rows in windows.index.groupby("recording").groups.items():
        hidden = np.tanh(z[rows] @ p["gate.hidden_proj.weight"].T + p["gate.hidden_proj.bias"])
        a = np.exp(hidden @ p["gate.score.weight"][0])
        a /= a.sum()
        h = means[rows] @ p["mlp.0.weight"].T + p["mlp.0.bias"]
        f = np.maximum(h, 0) @ p["mlp.2.weight"][0] + p["mlp.2.bias"][0]
        part = run.predictions.loc[rows]
        np.testing.assert_allclose(part["attention"], a, atol=1e-5)
        np.testing.assert_allclose(part["y_hat"], a @ f, atol=1e-5)
    sizes = run.predictions.groupby("recording")["window"].transform("size")
    assert (run.predictions["attention"] * sizes)[sizes > 1].std() > 1e-3  # not evenly


@pytest.mark.parametrize("name", [MEAN, "LDBM"])
def test_bags_of_one_window_are_the_protocol(name):
    single = bagged(n_frames=(5, 12))
    a = recipes.bags(name, single, PROTOCOL, seed=2, config=SMALL)
    b = train(name, single, PROTOCOL, seed=2, config=SMALL)
    np.testing.assert_allclose(a.predictions["y_hat"], b.predictions["y_hat"], atol=SAME)


def test_one_window_that_counts_is_found():
    """The label is in one window of four, which says so; the others hold as good as a label."""
    data = bagged(planted, n=240, n_frames=(48, 48))
    bag, plain = (
        taught(r, MEAN, data, epochs=20, learning_rate=1e-2) for r in ("bags", "protocol")
    )
    assert error_on_test(bag)[0] < 0.4 * error_on_test(plain)[0]
    key = data.features[:, :, 1].mean(axis=1) > 0
    test = (data.index["split"] == "test").to_numpy()
    assert bag.predictions["attention"][key & test].mean() > 0.7


def test_a_component_that_never_varies_is_no_division_by_zero(windows):
    features = windows.features.copy()
    features[..., 2] = 0.1 * windows.mask
    run = taught("bags", MEAN, replace(windows, features=features))
    assert np.isfinite(run.predictions["y_hat"]).all()


def test_dropout_is_the_protocol_and_the_sd_of_the_recordings_mean_by_hand(windows, runs):
    """Masks applied by hooks to whole forward passes in plain loops."""
    run = runs["dropout", DROPOUT]
    plain = train(DROPOUT, windows, PROTOCOL, seed=1, config=SMALL)
    np.testing.assert_allclose(run.predictions["y_hat"], plain.predictions["y_hat"], atol=SAME)
    model = build(DROPOUT, seed=9, **SMALL)
    model.load_state_dict(run.state_dict)
    seed = int(run.state_dict["dropout.stream"][0])
    x, mask = torch.from_numpy(windows.features).transpose(1, 2), torch.from_numpy(windows.mask)
    y = []
    for k in range(recipes.PASSES):
        kept = np.random.default_rng([seed, 1, k]).random(3 * SMALL["channels"] + 1) >= 0.2
        factor = torch.from_numpy(kept / 0.8).float()
        hook = model.dropout.register_forward_hook(lambda _m, _i, out, by=factor: out * by)
        with torch.no_grad():
            y.append(model.eval()(x, mask).double().numpy())
        hook.remove()
    np.testing.assert_allclose(recipes.passes(model, windows, n=3, batch_size=7), y[:3], atol=SAME)
    for _, rows in windows.index.groupby("recording").groups.items():
        expected = np.std([one[rows].mean() for one in y], ddof=1)
        np.testing.assert_allclose(run.predictions.loc[rows, "y_sd"], expected, atol=SAME)


def test_a_model_without_dropout_is_refused(windows):
    for name, p in {"LDBM": {}, "HybridPooling": {}, DROPOUT: {"dropout": 0.0}}.items():
        with pytest.raises(ModelError, match="has no dropout, so all passes would agree"):
            recipes.dropout(name, windows, PROTOCOL, seed=0, config=SMALL | p)
