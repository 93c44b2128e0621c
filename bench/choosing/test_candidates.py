from dataclasses import replace

import candidates as module
import numpy as np
import pytest
from candidates import SETTINGS, courses, predictions
from drawing import draw
from small import PROTOCOL, SURROGATE

from deplib.training import recording_table, train
from deplib.windows import WindowSet


@pytest.fixture(scope="module")
def cohort():
    return draw("default", 3, SURROGATE, protocol=PROTOCOL, n_recordings=30)


def windows_of(cohort) -> WindowSet:
    """Return the cohort as the training loop of the report takes it: windows of one frame."""
    index = cohort.recordings.iloc[cohort.recording].reset_index(drop=True)
    bdi = cohort.recordings.loc[cohort.rows("train"), "bdi"].to_numpy()
    index = index.assign(recording=cohort.recording.astype(str), window=index.index)
    index["y"] = (index["bdi"] - bdi.mean()) / bdi.std()
    features = cohort.features[:, None]
    mask = np.ones(features.shape[:2], dtype=bool)
    return WindowSet(features, mask, index, float(bdi.mean()), float(bdi.std()))


def test_stacked_training_is_that_of_the_report(cohort):
    """Every epoch's Dev MAE, and the chosen epoch's predictions, against deplib.training.train.

    Each candidate is trained there alone: rates, seeds and features of one stack do not mix.
    """
    protocol, windows = replace(PROTOCOL, epochs=8, patience=8), windows_of(cohort)
    fitted = windows.subset("train").features
    dev, test = cohort.rows("dev"), cohort.rows("test")
    held_out = np.concatenate([dev, test])
    bdi = cohort.recordings["bdi"].to_numpy()
    stack = [(setting, seed) for seed in (5, 9) for setting in SETTINGS[1:]]
    ours = np.stack([*predictions(cohort, cohort.rows("train"), held_out, stack, protocol)])
    for k, (setting, seed) in enumerate(stack):
        alone, seen = replace(protocol, learning_rate=setting.learning_rate), windows
        if setting.scaled:
            z = (windows.features - fitted.mean(axis=0)) / fitted.std(axis=0)
            seen = replace(windows, features=z)
        run = train(module.MODEL, seen, alone, seed=seed, config={"hidden": 64})
        dev_mae = np.abs(ours[:, k, : len(dev)] - bdi[dev]).mean(axis=1)
        np.testing.assert_allclose(dev_mae, run.history["dev_mae"], atol=2e-3)
        table = recording_table(run.predictions, run.label_mean, run.label_std)
        table = table.set_index(table["recording"].astype(int))
        expected = table.loc[held_out, "bdi_hat"]
        np.testing.assert_allclose(ours[run.epoch - 1, k], expected, atol=5e-3)


def test_every_candidate_has_a_course_and_folds_keep_persons_together(cohort, monkeypatch):
    seen = []

    def watched(cohort, train, held_out, *rest):
        seen.append((train, held_out))
        return predictions(cohort, train, held_out, *rest)

    monkeypatch.setattr(module, "predictions", watched)
    out = courses(cohort, seed=7, protocol=PROTOCOL)
    shape = (module.N_SEEDS * len(SETTINGS), PROTOCOL.epochs)
    assert {out[f"{p}_{s}"].shape for p in module.PARTS for s in module.SCORES} == {shape}
    assert out["inner_mae"].shape == (len(SETTINGS), PROTOCOL.epochs)
    person = cohort.recordings["person"].to_numpy()
    n_widths = len({setting.hidden for setting in SETTINGS})
    inner = seen[n_widths:]
    assert len(inner) == n_widths * module.N_FOLDS
    for train_rows, held_out in inner:
        assert not set(person[train_rows]) & set(person[held_out])
    together = np.sort(np.concatenate([rows for _, rows in inner[: module.N_FOLDS]]))
    np.testing.assert_array_equal(together, cohort.rows("train"))
    assert np.isfinite(out["inner_mae"]).all()
