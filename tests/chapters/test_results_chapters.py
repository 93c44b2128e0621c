"""The results pages say what the versioned results give, and follow them when they change."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deplib import study
from deplib.chapters.implications import ImplicationsPage
from deplib.chapters.landing import LandingPage, update_readme
from deplib.chapters.results import CONSTANT, ORACLE, ResultsPage
from deplib.errors import ResultError
from deplib.models import MODELS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page() -> ResultsPage:
    return ResultsPage()


def test_every_predictor_is_scored_on_the_same_test_recordings(page):
    wanted = set(page.cohort.recordings.query("split == 'test'")["recording"])
    for model, labels in page.tables:
        assert set(page.split(model, "test", labels)["recording"]) == wanted


def test_the_oracle_beats_every_model_and_the_constant(page):
    rows = page.rows("test").query("labels == 'true'").set_index("predictor")["mae"]
    assert rows[ORACLE] < rows.drop(ORACLE).min()
    assert rows[CONSTANT] == pytest.approx(page.constant_mae())


def test_permuted_labels_are_a_permutation_within_each_split(page):
    for model in MODELS:
        for split in ("train", "dev", "test"):
            true = page.split(model, split)["bdi"].to_numpy()
            permuted = page.split(model, split, "permuted")["bdi"].to_numpy()
            assert not np.allclose(true, permuted)
            np.testing.assert_allclose(np.sort(true), np.sort(permuted), atol=1e-3)


def test_the_readme_holds_the_answer_that_the_results_give():
    assert LandingPage().readme_block() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_answer_follows_the_results(tmp_path, monkeypatch):
    honest = study.published

    def perfect(specs):
        return [
            replace(result, predictions=result.predictions.assign(y_hat=result.predictions["y"]))
            if result.spec.model == "LDBM"
            else result
            for result in honest(specs)
        ]

    readme = tmp_path / "README.md"
    readme.write_text((ROOT / "README.md").read_text(encoding="utf-8"), encoding="utf-8")
    assert not update_readme(readme)
    monkeypatch.setattr(study, "published", perfect)
    assert update_readme(readme)
    assert "LDBM do better than a mean" in readme.read_text(encoding="utf-8")


def test_a_readme_without_the_marks_is_refused(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("# A title\n")
    with pytest.raises(ResultError, match="marks"):
        update_readme(readme)


def test_the_ladder_ends_at_the_oracle():
    rungs = ImplicationsPage().rungs
    assert next(iter(rungs)).startswith("constant")
    assert list(rungs)[-1] == "oracle"
    for table in rungs.values():
        assert set(table.columns) >= {"recording", "person", "split", "bdi", "bdi_hat"}
        assert len(table) == 150
