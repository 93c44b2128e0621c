import numpy as np
import pytest

from deplib.claims import CERTAINTY, FACTS, REPORTED, TEST_BANDS, constant_test_mae, published
from deplib.models import MODELS


def test_the_study_has_the_four_models_in_order() -> None:
    assert REPORTED["model"].tolist() == list(MODELS)
    assert (REPORTED["dev_mae"] < REPORTED["test_mae"]).all()


def test_every_fact_says_how_sure_it_is_and_where_it_is_from() -> None:
    assert set(FACTS["certainty"]) <= set(CERTAINTY)
    assert FACTS["source"].str.len().gt(10).all()
    assert FACTS.loc[FACTS["certainty"] == "M", "source"].str.contains("commonly quoted").all()


def test_published_results_come_with_their_source() -> None:
    table = published()
    assert table["mae"].is_monotonic_increasing
    assert table["name"].is_unique
    assert not ((table["rmse"] < table["mae"]) | (table["pcc"].abs() > 1)).any()
    assert set(table["certainty"]) <= set(CERTAINTY)
    assert set(table["kind"]) == {"paper", "public code", "ablation"}
    assert set(table["rerun_of"]) <= {"", *table["name"]}
    confirmed = table["source"].str.startswith("https://")
    assert (confirmed | (table["source"] == "") & (table["kind"] == "paper")).all()


def test_the_constant_is_that_of_any_labels_with_these_bands() -> None:
    """Labels made up from the bands, whichever they are, give the same MAE between 13 and 14."""
    counts = (TEST_BANDS["share"] * 50).round().astype(int)
    for place in (0.0, 0.5, 1.0):  # where in their band all but a rest of the labels lie
        error = 0.0
        for row, n in zip(TEST_BANDS.itertuples(), counts, strict=True):
            labels = np.full(n, row.lowest + place * (row.highest - row.lowest))
            labels += row.mean_bdi - labels.mean()
            error += np.abs(labels - 13.5).sum()
        assert error / 50 == pytest.approx(constant_test_mae(), abs=0.005)
    assert constant_test_mae(13) == pytest.approx(constant_test_mae(14))
    with pytest.raises(ValueError, match="13 to 14"):
        constant_test_mae(15)
