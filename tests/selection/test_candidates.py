from dataclasses import replace

import numpy as np
import pytest
from small import PROTOCOL, SURROGATE

from deplib.selection import candidates as module
from deplib.selection.candidates import SETTINGS, Setting, courses, predictions
from deplib.selection.drawing import draw
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


@pytest.mark.parametrize("rate", [3e-4, 3e-3])
def test_stacked_training_is_that_of_the_report(cohort, rate):
    """Every epoch's Dev MAE, and the chosen epoch's predictions, against deplib.training.train."""
    protocol = replace(PROTOCOL, learning_rate=rate, epochs=8, patience=8)
    dev, test = cohort.rows("dev"), cohort.rows("test")
    held_out = np.concatenate([dev, test])
    bdi = cohort.recordings["bdi"].to_numpy()
    both = [(Setting(rate, 64, False), seed) for seed in (5, 9)]
    ours = np.stack([*predictions(cohort, cohort.rows("train"), held_out, both, protocol)])
    for k, (_, seed) in enumerate(both):
        run = train(module.MODEL, windows_of(cohort), protocol, seed=seed, config={"hidden": 64})
        dev_mae = np.abs(ours[:, k, : len(dev)] - bdi[dev]).mean(axis=1)
        np.testing.assert_allclose(dev_mae, run.history["dev_mae"], atol=2e-3)
        table = recording_table(run.predictions, run.label_mean, run.label_std)
        table = table.set_index(table["recording"].astype(int))
        expected = table.loc[held_out, "bdi_hat"]
        np.testing.assert_allclose(ours[run.epoch - 1, k], expected, atol=5e-3)


def test_the_company_of_other_candidates_changes_nothing(cohort):
    """Rates, seeds and features of one stack do not mix, whatever the order."""
    stack = [(setting, seed) for seed in (1, 2) for setting in SETTINGS[1:]]
    rows = cohort.rows("train"), cohort.rows("dev")
    together = list(predictions(cohort, *rows, stack, PROTOCOL))[-1]
    for k, candidate in enumerate(stack):
        alone = list(predictions(cohort, *rows, [candidate], PROTOCOL))[-1]
        np.testing.assert_allclose(together[k], alone[0], atol=1e-3)
    assert len(np.unique(together[:, 0].round(3))) == len(stack)


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
