"""The results pages say what the results give, and follow them when they change.

Most tests show them results that nobody trained, so that they hold whatever the grid found.
"""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up import guess, publishing

from deplib import evaluation, report, study
from deplib.chapters import landing, over_seeds
from deplib.chapters.implications import ImplicationsPage
from deplib.chapters.landing import LandingPage, update_readme
from deplib.chapters.protocol import beside_overview
from deplib.chapters.results import MEAN, ResultsPage
from deplib.chapters.worlds import WorldsPage
from deplib.errors import ResultError
from deplib.evaluation import CONSTANT, CONSTANT_MEAN, ORACLE
from deplib.models import MODELS

ROOT = Path(__file__).parents[2]


def knowing(*models):
    """Return a prediction that knows half of the label for some models and guesses for others."""

    def predict(spec, windows, rng):
        if spec.model in models and spec.labels == "true":
            return 0.6 * windows["y"].to_numpy() + rng.normal(0, 0.05, len(windows))
        return guess(spec, windows, rng)

    return predict


@pytest.fixture(scope="module")
def page() -> ResultsPage:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "published", publishing())
        return ResultsPage()


def test_every_run_is_scored_on_the_same_test_recordings(page):
    wanted = set(page.cohort.recordings.query("split == 'test'")["recording"])
    test = page.table[page.table["split"] == "test"]
    for _, run in test.groupby(["model", "seed"]):
        assert set(run["recording"]) == wanted
    assert f"{page.n_seeds} seeds" in page.what_is_scored().data
    assert page.n_seeds == len(study.SEEDS)


def test_the_table_has_a_row_for_each_predictor_and_control(page):
    table = page.scoreboard()
    true = table[table["labels"] == "true"].set_index("predictor")
    assert list(true.index) == [*study.VARIED, *study.BASELINES, CONSTANT, CONSTANT_MEAN, ORACLE]
    assert list(table[table["labels"] == "permuted"]["predictor"]) == [*MODELS, *study.RIDGE]
    mae = [evaluation.mae_of(run) for _, run in runs(page, "LDBM").groupby("seed")]
    assert true.loc["LDBM", "MAE"].startswith(f"{np.mean(mae):.2f} ± {np.std(mae, ddof=1):.2f} (")
    assert true.loc[CONSTANT, "PCC"] == "undefined"
    assert "±" not in true.loc["RidgeMean", "MAE"]


def runs(page: ResultsPage, model: str, split: str = "test") -> pd.DataFrame:
    return page.table[(page.table["model"] == model) & (page.table["split"] == split)]


def test_differences_are_of_means_over_seeds(page):
    pairs = page.pairs().set_index("pair")
    assert len(pairs) == len(list(combinations(MODELS, 2)))
    first, second = (
        np.mean([evaluation.mae_of(run) for _, run in runs(page, m).groupby("seed")])
        for m in ("LDBM", "MambaGRU")
    )
    assert pairs.loc["LDBM - MambaGRU", "difference in MAE"] == pytest.approx(first - second)
    assert len(page.against_mean()) == len(study.VARIED) - 1


def test_a_gap_is_the_mean_over_seeds_and_the_constant_has_one_too(page):
    table = page.dev_against_test().query("labels == 'true'").set_index("predictor")
    gap = np.mean(
        [
            evaluation.mae_of(test) - evaluation.mae_of(dev)
            for (_, test), (_, dev) in zip(
                runs(page, "LDBM").groupby("seed"),
                runs(page, "LDBM", "dev").groupby("seed"),
                strict=True,
            )
        ]
    )
    assert table.loc["LDBM", "gap"] == pytest.approx(gap)
    assert table.loc[CONSTANT, "gap, SD between seeds"] == ""
    assert f"changes by {table.loc[CONSTANT, 'gap']:+.2f}" in page.dev_verdict().data


def test_known_and_new_persons_are_told_by_train(page):
    known = page.known_persons
    train = set(page.cohort.recordings.query("split == 'train'")["person"])
    assert (known.known == known.held_out["person"].isin(train)).all()
    table = known.table()
    assert table["recordings"].sum() == 100
    dev = runs(page, "LDBM", "dev")
    part = dev[dev["person"].isin(train)]
    error = (part["bdi_hat"] - part["bdi"]).abs().mean()
    assert table.loc[0, "LDBM"] == pytest.approx(error)
    weights = table["recordings"] / 100
    excess = (table[list(MODELS)].mean(axis=1) - table[CONSTANT]) * weights
    on_known, on_new = known.differences()
    n_known = table.loc[table["person in Train"] == "yes", "recordings"].sum()
    assert excess.sum() == pytest.approx(
        (on_known.value * n_known + on_new.value * (100 - n_known)) / 100
    )


def test_figures_show_all_seeds(page):
    axis = page.forest().axes[0]
    labels = [tick.get_text() for tick in axis.get_yticklabels()]
    assert "LDBM, permuted" in labels
    assert ORACLE in labels
    assert CONSTANT not in labels
    assert max(len(line.get_xdata()) for line in axis.lines) == len(study.SEEDS)
    bars = page.rank_figure().axes[0].patches
    assert sum(bar.get_width() for bar in bars) == len(MODELS) * len(study.SEEDS)
    assert [axis.get_title() for axis in page.scatter().axes] == list(MODELS)


def test_statements_about_architectures_stay_untestable_and_show_the_grid(page):
    rows = page.claims()
    assert (rows["on AVEC2014"] == "not testable without the licensed data").all()
    winner = over_seeds.lowest(page.test, list(MODELS))
    assert f"lowest mean: {winner}" in " ".join(rows["on the simulated cohort"])


def test_the_page_compares_its_runs_with_those_of_this_machine(page, monkeypatch):
    published = publishing()
    monkeypatch.setattr(study, "published", published)

    def elsewhere(specs, folder):
        shifted = [
            replace(r, predictions=r.predictions.assign(y_hat=r.predictions["y_hat"] + 2))
            if r.spec.model == "LDBM"
            else r
            for r in published(specs)
        ]
        return shifted

    monkeypatch.setattr(study, "complete", elsewhere)
    table = page.agreement().set_index("model")
    assert list(table.index) == list(MODELS)
    assert table.loc["LDBM"].str.startswith("NOT within").all()
    assert table.drop("LDBM").apply(lambda c: c.str.startswith("within")).all(axis=None)


def landing_with(monkeypatch, *models) -> LandingPage:
    monkeypatch.setattr(study, "published", publishing(knowing(*models)))
    return LandingPage()


def test_the_answer_names_who_beats_the_mean_and_counts_the_seeds(monkeypatch):
    nobody = landing_with(monkeypatch).texts()
    assert "no temporal model does better than a mean over frames" in nobody[0]
    assert "no model better than a constant" in nobody[0]
    assert f"Averaged over {len(study.SEEDS)} seeds" in nobody[0]
    assert "no stable ranking" in nobody[1]
    someone = landing_with(monkeypatch, "LDBM").texts()
    assert "LDBM does better than a mean" in someone[0]
    assert "LDBM better than a constant" in someone[0]
    assert "LDBM is first at every seed" in someone[1]
    assert f"first in {len(study.SEEDS)} of {len(study.SEEDS)} seeds" in someone[1]


def test_the_readme_follows_the_results(tmp_path, monkeypatch):
    readme = tmp_path / "README.md"
    begin, end = landing.README_MARKS
    readme.write_text(f"# T\n{begin}\nan earlier answer\n{end}\nrest\n")
    monkeypatch.setattr(study, "published", publishing())
    assert update_readme(readme)
    assert not update_readme(readme)
    text = readme.read_text(encoding="utf-8")
    assert "1. **On the simulated cohort" in text[text.index(begin) : text.index(end)]
    assert "an earlier answer" not in text
    assert text.endswith("rest\n")


def test_a_readme_without_the_marks_is_refused(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("# A title\n")
    with pytest.raises(ResultError, match="marks"):
        update_readme(readme)


def test_targets_are_compared_with_means_over_seeds(monkeypatch):
    monkeypatch.setattr(study, "published", publishing())
    page = ImplicationsPage()
    assert list(page.rungs)[-1] == "oracle"
    for table in page.rungs.values():
        assert set(table.columns) >= {"recording", "person", "split", "bdi", "bdi_hat"}
        assert len(table) == 150
    best = min(page.scores["test"].summary(model).value for model in MODELS)
    shown = page.targets().set_index("target")["best of the four, mean over seeds (simulated)"]
    assert shown["Test MAE below 9.5"] == f"{best:.2f}"


class TestWorlds:
    @staticmethod
    def open(monkeypatch, *, left_out=lambda spec: False, models=()) -> WorldsPage:
        published = publishing(knowing(*models))
        monkeypatch.setattr(
            study, "available", lambda specs: published([s for s in specs if not left_out(s)])
        )
        return WorldsPage()

    def test_a_partial_world_is_not_shown_and_named(self, monkeypatch):
        page = self.open(
            monkeypatch, left_out=lambda s: s == study.RunSpec("Mamba", seed=9, world="null")
        )
        assert [world.name for world in page.complete] == ["default", "published"]
        assert "Not computed yet: `null`" in page.coverage().data
        assert set(page.comparison()["world"]) == {"default", "published"}
        assert list(page.ceilings()["world"]) == list(study.WORLDS)
        assert [axis.get_title() for axis in page.figure().axes] == ["default", "published"]

    def test_all_worlds_are_shown_when_all_are_there(self, monkeypatch):
        page = self.open(monkeypatch, models=("MambaGRU",))
        assert "Not computed" not in page.coverage().data
        verdict = page.verdict().data
        assert verdict.count("\n") == len(study.WORLDS) - 1
        assert f"1 of {len(study.VARIED) - 1} below that of {MEAN} (MambaGRU)" in verdict

    def test_without_any_complete_world_there_is_no_page(self, monkeypatch):
        with pytest.raises(ResultError, match="make sweep"):
            self.open(monkeypatch, left_out=lambda s: s.seed == 3)


def test_what_stands_beside_the_four_is_the_rest_of_the_grid():
    table = beside_overview()
    assert set(table["model"]) | set(MODELS) == {*study.VARIED, *study.BASELINES}
    assert (
        table["parameters"].str.replace(",", "").str.isdigit() | table["kind"].eq("baseline")
    ).all()


def test_names_are_listed_as_prose():
    assert report.listed([]) == "none"
    assert report.listed(["a"]) == "a"
    assert report.listed(["a", "b", "c"]) == "a, b and c"


class TestVersioned:
    """Of the results that are in the repository."""

    def test_the_readme_holds_the_answer_that_the_results_give(self):
        assert LandingPage().readme_block() in (ROOT / "README.md").read_text(encoding="utf-8")

    def test_the_oracle_beats_every_model_and_labels_are_permuted_within_splits(self):
        page = ResultsPage()
        mae = {model: page.test.summary(model).value for model in page.test.models}
        assert mae.pop(ORACLE) < min(mae.values())
        true = page.table[page.table["seed"] == 0]
        for split in ("train", "dev", "test"):
            a, b = (
                t[(t["model"] == "LDBM") & (t["split"] == split)]["bdi"].to_numpy()
                for t in (true, page.control)
            )
            assert not np.allclose(a, b)
            np.testing.assert_allclose(np.sort(a), np.sort(b), atol=1e-3)
