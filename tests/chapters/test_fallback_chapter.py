"""The comparison of what stands in the place of lost frames, from versioned results."""

import numpy as np
import pandas as pd
import pytest

from deplib import evaluation
from deplib.chapters.fallback import MASK, WHOLE, FallbackPage
from deplib.extraction.fallback import FILLS
from deplib.models import MODELS


@pytest.fixture(scope="module")
def page() -> FallbackPage:
    return FallbackPage()


def test_every_model_meets_every_way_on_the_same_test_recordings(page: FallbackPage) -> None:
    assert set(page.tables) == {(model, fill) for model in MODELS for fill in (WHOLE, *FILLS)}
    recordings = {tuple(table["recording"]) for table in page.tables.values()}
    assert len(recordings) == 1
    assert len(next(iter(recordings))) == 50


def test_lost_frames_changed_what_models_saw(page: FallbackPage) -> None:
    for model in MODELS:
        seen = {tuple(page.tables[model, fill]["bdi_hat"].round(3)) for fill in (WHOLE, *FILLS)}
        assert len(seen) == len(FILLS) + 1


def test_scores_and_differences_are_those_of_the_predictions(page: FallbackPage) -> None:
    scores = page.scores().set_index(["model", "lost frames"])
    for (model, fill), table in page.tables.items():
        error = (table["bdi_hat"] - table["bdi"]).abs().mean()
        assert scores.loc[(model, fill), "Test MAE"] == pytest.approx(error)
        if fill == MASK:
            assert scores.loc[(model, fill), "minus that of masking"] == ""
            continue
        masked = page.tables[model, MASK]
        difference = error - (masked["bdi_hat"] - masked["bdi"]).abs().mean()
        assert page.differences()[model, fill].value == pytest.approx(difference)


def test_the_verdict_follows_the_intervals(page: FallbackPage) -> None:
    before = str(page.verdict().data)
    for model in MODELS:
        table = page.tables[model, "zeros"]
        page.tables[model, "zeros"] = table.assign(bdi_hat=table["bdi"])  # beyond doubt better
    after = str(page.verdict().data)
    assert before != after
    assert isinstance(page.scores(), pd.DataFrame)
    assert np.isfinite(evaluation.mae_of(page.tables["LDBM", "zeros"]))
