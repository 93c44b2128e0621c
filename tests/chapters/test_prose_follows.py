"""The sentences of the book follow the results and the quoted figures, or the page fails.

The versioned results are laid out anew with one model's predictions changed, under the same keys;
then the pages are asked again.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np
import pytest

from deplib import claims, evaluation, study
from deplib.chapters import choosing_design, detectors, landing, scrfd
from deplib.chapters import cohort as cohort_chapter
from deplib.chapters.advice import TestedAdvice
from deplib.chapters.landing import LandingPage
from deplib.chapters.population import Population
from deplib.chapters.power import PowerPage
from deplib.chapters.results import ResultsPage
from deplib.chapters.worlds import WorldsPage
from deplib.errors import ResultError
from deplib.models import MODELS
from deplib.results import Result

ROOT = Path(__file__).parents[2]
RESULTS = study.results_dir()
Change = Callable[[dict], None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the versioned results; a test that changes a file puts it back."""
    place = tmp_path_factory.mktemp("repository") / "results"
    shutil.copytree(RESULTS, place)
    return place


@pytest.fixture
def changed(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that changes files of the results and points the library at them."""
    monkeypatch.setattr("deplib.study.completion.results_dir", lambda: folder)
    before: dict[Path, bytes] = {}

    def change(pattern: str, how: Change) -> list[Path]:
        paths = sorted(folder.glob(pattern))
        assert paths, pattern
        for path in paths:
            before[path] = path.read_bytes()
            content = json.loads(before[path])
            how(content)
            path.write_text(json.dumps(content), encoding="utf-8")
        return paths

    yield change
    for path, content in before.items():
        path.write_bytes(content)


def too_high(content: dict) -> None:
    """Let every prediction of a run be half an SD of the labels higher."""
    content["predictions"]["y_hat"] = [value + 0.5 for value in content["predictions"]["y_hat"]]


def knowing(content: dict) -> None:
    """Let a run know nearly all of the label."""
    content["predictions"]["y_hat"] = [0.9 * value for value in content["predictions"]["y"]]


def of_another_code(content: dict) -> None:
    """Let a result have been made by other code, data or settings."""
    content["key"] = "0" * 64


def test_mae(folder: Path, model: str) -> float:
    """Return the Test MAE of a model, the mean over its seeds, straight from the files."""
    maes = []
    for path in sorted((folder / "default/true").glob(f"{model}-seed*.json")):
        table = evaluation.recordings(Result.load(path))
        test = table[table["split"] == "test"]
        maes.append(float(np.mean(np.abs(test["bdi_hat"] - test["bdi"]))))
    return float(np.mean(maes))


test_mae.__test__ = False  # a helper, whatever its name


@pytest.fixture(scope="module")
def answer() -> list[str]:
    return LandingPage().texts()


class TestLanding:
    def test_a_changed_result_changes_the_answer(self, answer, changed, folder) -> None:
        changed("default/true/LDBM-seed*.json", too_high)
        now = LandingPage().texts()
        difference = test_mae(folder, "LDBM") - test_mae(folder, "TemporalMeanMLP")
        assert f"by {difference:+.2f} (" in now[0]
        assert f"by {difference:+.2f} (" not in answer[0]
        earlier = test_mae(RESULTS, "LDBM") - test_mae(RESULTS, "TemporalMeanMLP")
        assert f"by {earlier:+.2f} (" in answer[0]
        assert f"by {earlier:+.2f} (" not in now[0]
        assert now[1] != answer[1]  # other ranks, another spread
        assert now[2] == answer[2]  # of the study and of other cohorts

    def test_what_a_model_learns_changes_the_headline(self, answer, changed) -> None:
        assert "no temporal model is shown to do better than a mean" in answer[0]
        changed("default/true/MambaGRU-seed*.json", knowing)
        now = LandingPage().texts()
        assert (
            "MambaGRU is shown to do better than a mean over frames, and MambaGRU better" in now[0]
        )
        assert "**MambaGRU is first at every seed" in now[1]

    def test_a_result_that_no_longer_fits_stops_the_page(self, changed) -> None:
        (path,) = changed("default/true/LDBM-seed3.json", of_another_code)
        with pytest.raises(ResultError, match=r"LDBM-seed3\.json is stale.*make sweep"):
            LandingPage()
        path.unlink()
        with pytest.raises(ResultError, match=r"LDBM-seed3\.json does not exist.*make sweep"):
            LandingPage()

    def test_the_study_s_figures_change_what_is_said_of_it(self, monkeypatch) -> None:
        page = LandingPage()
        before = page.the_study()
        assert (
            "the study's models do worse than a constant, and their correlations cannot" in before
        )
        figures = claims.REPORTED.assign(test_mae=[8.11, 9.0, 9.2, 12.34], test_pcc=0.55)
        monkeypatch.setattr(claims, "REPORTED", figures)
        after = page.the_study()
        assert (
            "1 of the study's 4 models do worse than a constant, and their correlations can be"
            in (after)
        )
        assert "theirs are 8.11 to 12.34" in after
        assert "8.11" not in before

    def test_choices_without_a_gap_change_what_is_said_of_it(
        self, changed, folder, monkeypatch
    ) -> None:
        def no_gap(content: dict) -> None:
            for rule in content["rules"].values():
                rule["dev_mae"] = list(rule["test_mae"])

        monkeypatch.setattr("deplib.selection.record.default_folder", lambda: folder / "selection")
        before = LandingPage.from_nothing(None)
        changed("selection/null.json", no_gap)
        after = LandingPage.from_nothing(None)
        assert "needs no signal" in before
        assert "did not arise without a signal" in after
        assert "one of +0.00 (+0.00 to +0.00)" in after

    def test_a_reader_sees_the_answer_within_a_minute_or_so(self, answer) -> None:
        headlines = [text.split("**")[1] for text in answer]
        assert len(" ".join(headlines).split()) < 70
        assert len(" ".join(answer).split()) < 300

    def test_the_readme_holds_the_answer_of_the_published_page(self) -> None:
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        begin, end = (readme.index(mark) for mark in landing.README_MARKS)
        block = readme[begin + len(landing.README_MARKS[0]) : end].strip()
        page = nbformat.read(ROOT / "book" / "index.ipynb", as_version=4)
        (cell,) = [c for c in page.cells if c.source == "page.findings()"]
        assert cell.outputs[0]["data"]["text/markdown"].strip() == block
        assert len([line for line in block.split("\n") if line[:2] in ("1.", "2.", "3.")]) == 3


class TestOtherPages:
    def test_results(self, changed) -> None:
        before = ResultsPage()
        changed("default/true/VanillaTransformer-seed*.json", knowing)
        after = ResultsPage()
        assert before.test.summary("VanillaTransformer").value > 5
        assert "Of 7 variants, 0 have a Test MAE below" in before.verdict().data
        assert "Of 7 variants, 1 have a Test MAE below" in after.verdict().data
        assert "VanillaTransformer) and" in after.against_verdict().data
        assert before.paired_verdict().data != after.paired_verdict().data

    def test_worlds(self, changed) -> None:
        before = WorldsPage(["published"]).verdict().data
        changed("published/true/Mamba-seed*.json", knowing)
        after = WorldsPage(["published"]).verdict().data
        assert "0 of 6 variants have a lower Test MAE than TemporalMeanMLP, at a" in before
        assert "1 of 6 variants have a lower Test MAE than TemporalMeanMLP (Mamba), at a" in after

    def test_power(self, changed) -> None:
        before = Population()
        changed("default/true/MambaGRU-seed*.json", too_high)
        after = Population()
        mae = [one.model.mae[list(MODELS).index("MambaGRU")] for one in (before, after)]
        assert mae[1] > mae[0] + 1
        assert before.sentence().data != after.sentence().data
        assert f"correlate: their labels by {after.within['label']:.2f}" in after.sentence().data

    def test_implications(self, changed) -> None:
        before = TestedAdvice("default").sentence("hybrid")
        changed("default/true/HybridPooling-seed*.json", knowing)
        after = TestedAdvice("default").sentence("hybrid")
        assert "it helps" not in before
        assert after.endswith(" points: it helps.")

    def test_a_quoted_figure(self, monkeypatch) -> None:
        page = PowerPage.__new__(PowerPage)  # its question needs no result
        assert "are 0.48 points of MAE apart" in page.question().data
        assert "a Dev MAE of 8.3 to 9.1 and a Test MAE of 10.4 to 10.9" in (
            choosing_design.question().data
        )
        other = claims.REPORTED.assign(test_mae=[9.0, 12.0, 16.0, 20.0])
        monkeypatch.setattr(claims, "REPORTED", other)
        assert "are 11.00 points of MAE apart" in page.question().data
        assert "a Test MAE of 9.0 to 20.0" in choosing_design.question().data

    def test_a_constant_of_the_library(self, monkeypatch) -> None:
        assert "severe (29 to 63)" in cohort_chapter.bands_sentence().data
        monkeypatch.setattr(cohort_chapter, "BANDS", (("low", 0, 9), ("high", 10, 77)))
        assert "low (0 to 9) and high (10 to 77)" in cohort_chapter.bands_sentence().data
        assert f"{detectors.DEFAULT_SIZE} x {detectors.DEFAULT_SIZE}" in scrfd.scale().data
        monkeypatch.setattr(scrfd, "DEFAULT_SIZE", 333)
        assert "333 x 333 pixels" in scrfd.scale().data
        assert "on a canvas of 333" in scrfd.threshold().data
