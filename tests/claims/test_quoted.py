import numpy as np
import pytest

from deplib.claims import CERTAINTY, FACTS, REPORTED, TEST_BANDS, constant_test_mae, published
from deplib.claims.quoted import HERE
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
    assert len(table) == 35
    assert table["mae"].is_monotonic_increasing
    code = table[table["kind"] != "paper"]
    assert code["source"].str.startswith("https://").all()
    assert table["source"].map(lambda text: text == "" or text.startswith("https://")).all()
    assert (table["rerun_of"] != "").sum() == 3


@pytest.mark.parametrize(
    ("fault", "old", "new"),
    [
        ("an RMSE below the MAE", "8.86,10.86", "8.86,7.86"),
        ("a certainty other than", "10.86,,M", "10.86,,X"),
        ("a name that occurs twice", "Jan 2014", "Valstar 2014 (baseline)"),
        ("a re-run of what is not", "Pan 2023 (STA-DRN),README", "Pan,README"),
        ("no positive MAE", "8.86,10.86", "-8.86,10.86"),
        ("a PCC outside", "8.86,10.86,", "8.86,10.86,1.2"),
        ("a kind other than", "M,paper,,,https://doi.org/10.1145/2661806.2661807", "M,poster,,,"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, fault, old, new) -> None:
    text = (HERE / "published.csv").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "published.csv"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=f"{fault}.*Correct the row"):
        published(path)


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
