"""The results pages say what the results give, and follow them when they change.

Most tests show them results that nobody trained, so that they hold whatever the grid found.
"""

import re
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up import EPOCHS, guess, publishing
from scipy import stats
from statsmodels.stats.multitest import multipletests

from deplib import claims, evaluation, report, study
from deplib.chapters import comparisons, landing, over_seeds
from deplib.chapters.landing import LandingPage, update_readme
from deplib.chapters.monitor import Monitor
from deplib.chapters.protocol import beside_overview
from deplib.chapters.results import MEAN, ResultsPage
from deplib.chapters.worlds import WorldsPage
from deplib.errors import ResultError
from deplib.evaluation import CONSTANT, CONSTANT_MEAN, ORACLE
from deplib.models import MODELS
from deplib.selection import record

sys.path.append(str(Path(__file__).parents[1] / "selection"))
from made_up_choices import selection


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


@pytest.fixture(scope="module")
def informed() -> ResultsPage:
    """Of results in which LDBM alone knows something."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "published", publishing(knowing("LDBM")))
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


def page_with(monkeypatch, predict) -> ResultsPage:
    monkeypatch.setattr(study, "published", publishing(predict))
    return ResultsPage()


def test_the_reported_table_has_the_constant_subtracted(page):
    table = page.reported()
    assert list(table["model"]) == list(MODELS)
    constant = table["test_mae"] - table["test_mae_minus_constant"]
    assert constant.to_numpy() == pytest.approx(claims.constant_test_mae())


def test_ranks_and_parts_of_variance_stand_beside_each_other(page):
    table = page.spread_table().set_index("variant")
    assert list(table.index) == list(study.VARIED)
    ranks = table["seeds at rank 1, 2, 3, 4"]
    counts = np.array([[int(n) for n in ranks[model].split(", ")] for model in MODELS])
    assert (counts.sum(axis=0) == len(study.SEEDS)).all()
    assert (counts.sum(axis=1) == len(study.SEEDS)).all()
    assert (ranks.drop(list(MODELS)) == "").all()
    parts = page.test.components("LDBM")
    assert table.loc["LDBM", "SD of one run"] == parts.run_sd
    assert f"{100 * parts.seed_share:.0f} %" == table.loc["LDBM", "share that more seeds remove"]
    assert "of the variance is still from seeds" in page.spread().data


class TestPairs:
    def test_differences_are_of_means_over_seeds(self, page):
        family = {(one.first, one.second): one for one in page.family}
        assert list(family) == list(combinations(MODELS, 2))
        first, second = (
            np.mean([evaluation.mae_of(run) for _, run in runs(page, m).groupby("seed")])
            for m in ("LDBM", "MambaGRU")
        )
        one = family["LDBM", "MambaGRU"]
        assert one.difference.value == pytest.approx(first - second)
        assert one.n_persons == page.test.n_persons

    def test_p_values_are_corrected_for_the_whole_family(self, page):
        p = [page.test.test(*pair).p_value for pair in combinations(MODELS, 2)]
        expected = multipletests(p, method="holm")[1]
        assert [one.p_holm for one in page.family] == pytest.approx(list(expected))
        assert all(one.p <= one.p_holm for one in page.family)

    def test_the_figure_shows_what_the_table_says(self, page):
        resampled = comparisons.resampled_difference(page.test, "LDBM", "MambaGRU")
        one = next(c for c in page.family if (c.first, c.second) == ("LDBM", "MambaGRU"))
        assert one.difference.low < np.median(resampled) < one.difference.high
        assert np.mean(resampled < one.difference.low) == pytest.approx(0.025, abs=0.02)
        persons = comparisons.person_differences(page.test, "LDBM", "MambaGRU")
        assert len(persons) == page.test.n_persons
        weights = pd.Series(page.test.persons).value_counts(sort=False).sort_index()
        assert np.average(persons, weights=weights) == pytest.approx(one.difference.value)
        assert (persons < 0).sum() == one.n_lower
        labels = [t.get_text() for t in page.differences_figure().axes[0].get_yticklabels()]
        assert labels == [f"{a}\nminus {b}" for a, b in combinations(MODELS, 2)]

    def test_margins_are_a_point_and_the_mcid_of_the_mean_label(self, page):
        margins = comparisons.margins(page.test)
        assert margins == {"1 point": 1.0, "the MCID": pytest.approx(0.175 * page.test.y.mean())}
        assert f"{margins['the MCID']:.2f} points" in page.margins().data

    def test_a_model_that_knows_is_told_from_the_others(self, informed):
        table = informed.pairs().set_index("pair")
        with_it = table.index.str.contains("LDBM")
        assert with_it.sum() == 3
        assert table["verdict"][with_it].str.startswith("different").all()
        assert not table["verdict"][~with_it].str.startswith("different").any()
        verdict = informed.paired_verdict().data
        assert "3 of 6 pairs differ (TemporalMeanMLP - LDBM, LDBM - VanillaTransformer" in verdict
        against = informed.against_verdict().data
        assert "1 of 6 have a lower MAE than TemporalMeanMLP (LDBM) and 0 a higher" in against
        assert "1 of 7 have a lower MAE than the constant (LDBM)" in against

    def test_models_that_say_the_same_are_equivalent_and_not_different(self, monkeypatch):
        def same(spec, windows, rng):
            return np.tanh(windows["y"].to_numpy()) + rng.normal(0, 0.01, len(windows))

        page = page_with(monkeypatch, same)
        assert (page.pairs()["verdict"] == "equivalent within 1 point").all()
        assert "0 of 6 pairs differ. Shown to be equivalent: 6 within 1 point and 6 within" in (
            page.paired_verdict().data
        )

    @pytest.mark.parametrize(
        ("p", "shown", "verdict"),
        [
            (0.01, (False, False), "different"),
            (0.01, (True, True), "different, by less than 1 point"),
            (0.2, (False, True), "equivalent within the MCID"),
            (0.2, (False, False), "undecided"),
        ],
    )
    def test_a_verdict_takes_both_tests_into_account(self, page, p, shown, verdict):
        margins = dict(zip(comparisons.margins(page.test), shown, strict=True))
        assert replace(page.family[0], p_holm=p, equivalent=margins).verdict == verdict


def test_p_values_are_printed_to_three_decimals():
    assert comparisons.p_text(0.0312) == "0.031"
    assert comparisons.p_text(0.0001) == "< 0.001"
    assert comparisons.p_text(float("nan")) == "undefined"


class TestErrors:
    def test_a_cell_of_the_bands_is_mae_and_bias_over_seeds(self, page):
        table = page.errors.bands().set_index("predictor")
        assert list(table.index) == [*study.VARIED, *study.BASELINES, CONSTANT, ORACLE]
        severe = runs(page, "LDBM").query("bdi >= 28.5")
        error = severe["bdi_hat"] - severe["bdi"]
        cell = table.filter(like="severe").loc["LDBM"].item()
        assert cell.startswith(f"{error.abs().mean():.1f}; {error.mean():+.1f} (")
        n = severe["recording"].nunique()
        assert table.filter(like="severe").columns.item().endswith(f"({n} recordings)")

    def test_the_sentence_says_which_way_the_errors_go(self, page, monkeypatch):
        assert "minimal recordings are overestimated by" in page.errors.bands_sentence().data
        assert "severe recordings are underestimated by" in page.errors.bands_sentence().data
        assert "undefined in 4 of 4 bands (the predictions are constant)" in (
            page.errors.bands_sentence().data
        )

        def too_high(spec, windows, rng):
            return windows["y"].to_numpy() + 0.5 + rng.normal(0, 0.01, len(windows))

        text = page_with(monkeypatch, too_high).errors.bands_sentence().data
        assert text.count("overestimated") == 2

    def test_calibration_is_that_of_the_library_and_undefined_for_the_constant(self, page):
        fit = page.errors.calibrations["LDBM"]
        slopes = [
            stats.linregress(run["bdi_hat"], run["bdi"]).slope
            for _, run in runs(page, "LDBM").groupby("seed")
        ]
        assert fit.slope.estimate == pytest.approx(np.mean(slopes), abs=1e-4)
        table = page.errors.calibration_table().set_index("predictor")
        assert table.loc["LDBM", "slope on Test"].startswith(f"{np.mean(slopes):.2f} (")
        columns = ["slope on Dev", "slope on Test", "forced by its PCC", "excess"]
        assert (table.loc[CONSTANT, columns] == "undefined").all()
        assert table.loc[CONSTANT, "slope of the error"].startswith("-1.00")
        assert CONSTANT_MEAN not in table.index

    def test_guesses_have_the_slope_of_the_constant_and_knowing_ones_a_flatter(self, informed):
        text = informed.errors.calibration_sentence().data
        assert "Its interval lies below 1 for 3 of 4" in text
        assert "above 1 for 1 (LDBM)" in text
        assert "For 3 of 4 (TemporalMeanMLP, VanillaTransformer and MambaGRU) the interval" in text

    def test_a_line_from_dev_mends_what_is_linear_and_nothing_else(self, informed):
        assert informed.errors.dev_slopes("LDBM").mean() == pytest.approx(1 / 0.6, rel=0.02)
        assert informed.errors.recalibration_change("LDBM").high < 0
        text = informed.errors.recalibration_sentence().data
        lower = [m for m in MODELS if informed.errors.recalibration_change(m).high < 0]
        assert f"{len(lower)} of the four by an interval" in text
        assert report.listed(lower) in text

    def test_windows_and_recordings_are_two_levels_of_the_same_runs(self, page):
        table = page.errors.levels().set_index(["model", "level"])
        assert len(table) == 3 * len(MODELS)
        points = table.loc[("LDBM", "recording, BDI-II points")]
        assert points["MAE"].startswith(f"{page.test.summary('LDBM').value:.2f} ±")
        assert points["n"] == 50
        z = table.loc[("LDBM", "recording, z-units")]
        assert (z[["PCC", "CCC", "sigma_ratio"]] == points[["PCC", "CCC", "sigma_ratio"]]).all()
        assert table.loc[("LDBM", "window, z-units"), "n"] == 100


class TestMonitor:
    @staticmethod
    def monitor(page, factor: float) -> Monitor:
        """Return the page's monitor with the spread of the permuted runs multiplied."""
        permuted = [
            replace(
                r, history=r.history.assign(dev_sigma_ratio=factor * r.history["dev_sigma_ratio"])
            )
            for r in page.permuted
            if r.spec.model in MODELS
        ]
        return Monitor(page.results, permuted)

    def test_the_place_of_the_permuted_run_follows_its_spread(self, page):
        assert set(self.monitor(page, 0.01).places().values()) == {"below"}
        assert set(self.monitor(page, 99).places().values()) == {"above"}
        same = self.monitor(page, 1).places(chosen=False)
        assert set(same.values()) == {"among"}
        low, high = (self.monitor(page, factor).sentence().data for factor in (0.01, 99))
        assert "goes with nothing to learn" in low
        assert "no sign that anything was learnt" in high
        assert "above all seeds that still train for 4" in high

    def test_the_table_takes_the_median_over_runs_and_counts_collapses(self, page):
        table = page.monitor.table().set_index(["labels", "model"])
        seeds_ = np.array(study.SEEDS)
        assert table.loc[("true", "LDBM"), "epoch 1"] == pytest.approx(
            0.02 + 0.01 * np.median(seeds_)
        )
        assert table.loc[("true", "LDBM"), "runs"] == len(seeds_)
        assert table.loc[("permuted", "LDBM"), "runs"] == 1
        assert np.isnan(table.loc[("true", "LDBM"), "epoch 10"])
        collapsed = [
            replace(r, history=r.history.assign(collapsed=True))
            if r.spec.seed < 3 and r.spec.model == "LDBM"
            else r
            for r in page.results
        ]
        table = Monitor(collapsed, page.permuted).table().set_index(["labels", "model"])
        assert table.loc[("true", "LDBM"), "runs ever collapsed"] == 3
        assert "3 of 40 are collapsed at their end" in (
            Monitor(collapsed, page.permuted).sentence().data
        )

    def test_the_figure_has_a_line_a_run_and_a_dot_a_chosen_epoch(self, page):
        axis = page.monitor.figure().axes[0]
        lines = [line for line in axis.lines if len(line.get_xdata()) == EPOCHS]
        dots = [line for line in axis.lines if len(line.get_xdata()) == 1]
        assert len(lines) == len(dots) == len(study.SEEDS) + 1


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


def test_figures_show_all_seeds(page):
    axis = page.forest().axes[0]
    labels = [tick.get_text() for tick in axis.get_yticklabels()]
    assert "LDBM, permuted" in labels
    assert ORACLE in labels
    assert CONSTANT not in labels
    assert max(len(line.get_xdata()) for line in axis.lines) == len(study.SEEDS)
    panels = page.errors.residuals().axes
    assert [axis.get_title() for axis in panels] == [*MODELS, CONSTANT, ORACLE]
    assert [axis.get_title() for axis in page.scatter().axes] == list(MODELS)


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


def landing_with(monkeypatch, *models, elsewhere=(), **choices) -> LandingPage:
    """Return the page of a default world where these know something, and others elsewhere."""
    monkeypatch.setattr(study, "published", publishing(knowing(*models)))
    monkeypatch.setattr(study, "available", publishing(knowing(*elsewhere)))
    made = {"gap": 0.0, "chosen_gap": 0.8} | choices
    monkeypatch.setattr(record, "load", lambda name: selection(name, **made))
    return LandingPage()


def test_the_answer_names_who_beats_the_mean_and_counts_the_seeds(monkeypatch):
    nobody = landing_with(monkeypatch).texts()
    assert "no temporal model is shown to do better than a mean over frames" in nobody[0]
    assert "no model better than a constant" in nobody[0]
    assert f"({len(study.SEEDS)} seeds;" in nobody[0]
    assert "give no ranking" in nobody[1]
    someone = landing_with(monkeypatch, "LDBM").texts()
    assert "LDBM is shown to do better than a mean" in someone[0]
    assert "LDBM better than a constant" in someone[0]
    assert "LDBM is first at every seed" in someone[1]


def test_the_answer_says_who_beats_the_mean_where_there_is_more_to_learn(monkeypatch):
    n = len(study.VARIED) - 1
    nobody = landing_with(monkeypatch).texts()[0]
    assert f"0 of {n} temporal variants are shown to beat that mean; an oracle" in nobody
    someone = landing_with(monkeypatch, elsewhere=("Mamba",)).texts()[0]
    assert f"1 of {n} temporal variants are shown to beat that mean (Mamba); an oracle" in someone
    page = landing_with(monkeypatch)
    monkeypatch.setattr(study, "available", lambda specs: [])
    assert "the models are not computed yet" in page.texts()[0]


def test_the_answer_gives_what_fifty_recordings_find_and_what_choosing_makes(monkeypatch):
    page = landing_with(monkeypatch)
    found = re.search(
        r"probability of (\d+) %; to find it with 80 % takes ([\d,]+)", page.fifty_recordings()
    )
    assert int(found[1]) < 80
    assert int(found[2].replace(",", "")) > claims.N_TEST
    monkeypatch.setattr(claims, "REPORTED", claims.REPORTED.assign(test_mae=10.0))
    assert "lie within 0.00 points of each other" in page.fifty_recordings()
    gaps = []
    for made in (0.2, 2.2):
        monkeypatch.setattr(record, "load", lambda name: selection(name, gap=0, chosen_gap=made))  # noqa: B023
        gaps.append(float(re.search(r"make one of ([+-][\d.]+) \(", page.from_nothing())[1]))
    assert gaps[1] - gaps[0] == pytest.approx(2.0, abs=0.02)


def test_the_readme_follows_the_results(tmp_path, monkeypatch):
    readme = tmp_path / "README.md"
    begin, end = landing.README_MARKS
    readme.write_text(f"# T\n{begin}\nan earlier answer\n{end}\nrest\n")
    landing_with(monkeypatch)
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


class TestWorlds:
    @staticmethod
    def open(monkeypatch, *, left_out=lambda spec: False, models=()) -> WorldsPage:
        published = publishing(knowing(*models))
        monkeypatch.setattr(
            study, "available", lambda specs: published([s for s in specs if not left_out(s)])
        )
        return WorldsPage()

    @pytest.fixture(scope="class")
    @classmethod
    def partial(cls) -> WorldsPage:
        """Return the page of results that know nothing, one of which is missing."""
        missing = study.RunSpec("Mamba", seed=9, world="null")
        with pytest.MonkeyPatch.context() as patch:
            return cls.open(patch, left_out=lambda spec: spec == missing)

    def test_a_partial_world_is_not_shown_and_named(self, partial):
        page = partial
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
        n = len(study.VARIED)
        better = f"1 of {n - 1} variants have a lower Test MAE than {MEAN} (MambaGRU)"
        assert verdict.count(better) == len(study.WORLDS)
        n_all = len(study.WORLDS) * (2 * n - 1)
        assert f"Of all {n_all} comparisons, {2 * len(study.WORLDS)} count" in (
            page.correction().data
        )

    def test_baselines_stand_in_every_world_and_the_highest_pcc_is_named(self, monkeypatch):
        page = self.open(monkeypatch, models=("MiniRocket",))
        table = page.baselines()
        assert len(table) == len(study.WORLDS) * len(study.BASELINES)
        text = page.strongest().data
        for world in study.WORLDS:
            assert re.search(rf"MiniRocket in `{world}`, [^,]+, which excludes zero", text)
        page = self.open(monkeypatch, models=("Mamba",))
        assert "Mamba in `null`" in page.strongest().data

    def test_what_only_an_uncorrected_interval_shows_does_not_count(self, partial):
        page = partial
        world = page.complete[0]
        p = world.corrected[CONSTANT]
        raw = [world.scores.test(model, CONSTANT).p_value for model in p]
        assert list(p.values()) == pytest.approx(list(multipletests(raw, method="holm")[1]))
        alone = {
            (w.name, r, m)
            for w in page.complete
            for r in (CONSTANT, MEAN)
            for m in over_seeds.better(w.scores, w.corrected[r], r)
        }
        kept = {
            (w.name, r, m) for w in page.complete for r in (CONSTANT, MEAN) for m in w.better(r)
        }
        text = page.correction().data
        assert f"{len(kept)} count as a lower MAE" in text
        if alone == kept:
            assert "would have counted the same" in text
        else:
            assert f"would have counted {len(alone)}" in text

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
