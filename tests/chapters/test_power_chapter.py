"""The chapter on power says what its simulations give, and follows them when they change."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from made_up import publishing

from deplib import claims, study
from deplib.chapters.coverage import BOOK, NAMES, CoverageSection
from deplib.chapters.finding import DIFFERENCES
from deplib.chapters.levels import LevelSection
from deplib.chapters.power import PowerPage
from deplib.chapters.sizes import SIZES, WANTED, SizesSection
from deplib.chapters.study_table import reported_differences
from deplib.models import MODELS
from deplib.power import NAIVE

REPETITIONS = 60


def predict(spec, windows, rng):
    """Predict what a person always gets, and a little noise: as an encoder of identity does."""
    noise = np.random.default_rng(1)
    level = windows.groupby("person", sort=True)["y"].transform(lambda y: noise.normal(0, 0.4))
    return level.to_numpy() + rng.normal(0, 0.2, len(windows))


@pytest.fixture(scope="module")
def page() -> PowerPage:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "published", publishing(predict))
        return PowerPage(REPETITIONS)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_the_error_model_stands_beside_the_runs_it_was_fitted_to(page):
    table = page.population.fitted().set_index("model")
    assert list(table.index) == list(MODELS)
    errors = page.population.test.query("model == 'LDBM'").groupby("seed")["error"].mean()
    assert table.loc["LDBM", "MAE of the runs"] == pytest.approx(errors.mean())
    assert table["true MAE"].sub(table["MAE of the runs"]).abs().max() < 1
    assert set(page.population.test["split"]) == {"test"}


def test_spreads_are_those_of_the_pairs_of_runs(page):
    runs = page.population.test
    one, other = (
        runs[(runs["model"] == m) & (runs["seed"] == 0)].set_index("recording")["error"]
        for m in ("LDBM", "MambaGRU")
    )
    row = page.population.pairs.set_index("pair").loc["LDBM - MambaGRU"]
    assert row["lowest seed"] <= (one - other).std() <= row["highest seed"]
    sds = list(page.population.spreads.values())
    assert sds == sorted(sds)
    assert page.population.middle[1] == sds[1]
    worth = page.population.effective("difference")
    assert f"worth {worth:.1f} independent ones" in page.population.sentence().data


def test_coverage_has_a_row_a_quantity_and_method(page):
    table = page.coverage.table()
    assert len(table) == 5 * 4
    assert set(table["method"]) == set(NAMES.values())
    assert len(page.coverage.balanced_table()) == 4
    assert page.coverage.larger_table().shape == (4 * 3, 2 + 3)
    axis = page.coverage.figure().axes[0]
    assert [t.get_text() for t in axis.get_yticklabels()] == list(
        dict.fromkeys(table["interval of"])
    )


def covering(**shares: float) -> CoverageSection:
    """Return a section whose coverage is given, by method."""
    section = CoverageSection(None, "LDBM", "TemporalMeanMLP", REPETITIONS, 0)  # type: ignore[arg-type]
    rows = pd.DataFrame(
        {"quantity": quantity, "method": NAMES[method], "coverage": share, "low": 0, "high": 1}
        for quantity in section._quantities
        for method, share in shares.items()
    )
    sizes = [rows.assign(n=n) for n in (50, 100, 300)]
    section.__dict__.update(at_fifty=rows, larger=pd.concat(sizes))
    return section


def test_the_verdict_on_coverage_follows_the_shares():
    shares = {"percentile": 0.93, "bca": 0.94, "expanded": 0.90, NAIVE: 0.88}
    short = covering(**shares)
    text = short.verdict().data
    assert "for 0 of 4 quantities (none)" in text
    assert "90.0 %, 5.0 points below its name" in text
    assert "somewhat too short" in text
    assert "the lowest of the four methods for every quantity" in text
    assert "do not bring all of them" in short.larger_verdict().data
    right = covering(**(shares | {"expanded": 0.955, NAIVE: 0.95})).verdict().data
    assert "for 4 of 4 quantities" in right
    assert "Not all of them are too short" in right
    assert "lowest of the four" not in right
    mended = covering(**shares)
    larger = mended.larger
    larger.loc[(larger["n"] == 300) & (larger["method"] == BOOK), "coverage"] = 0.95
    assert "for want of persons" in mended.larger_verdict().data
    assert "at either size" in covering(**(shares | {"expanded": 0.95})).larger_verdict().data


def test_the_verdict_on_balanced_scores_follows_the_shares():
    section = covering(percentile=0.93, bca=0.9, expanded=0.94)
    rows = pd.DataFrame({"quantity": ["MAE", "PCC"], "method": BOOK, "coverage": [0.99, 0.92]})
    section.__dict__["balanced"] = rows
    text = section.balanced_verdict().data
    assert "intervals of MAE cover 99.0 to 99.0 %" in text
    assert "Those of PCC cover 92.0 to 92.0 %" in text
    section.__dict__["balanced"] = rows.assign(coverage=0.95)
    assert "no interval covers more" in section.balanced_verdict().data


def test_every_test_is_asked_under_its_null_hypothesis(page):
    table = page.levels.table()
    assert list(table["test"].str.contains("persons")) == [True, False, True, True, False]
    assert page.levels.found["rejected"].between(0, 0.3).all()


def test_the_verdict_on_levels_follows_the_rates(page):
    section = LevelSection(
        **{f: getattr(page.levels, f) for f in LevelSection.__dataclass_fields__}
    )
    rows = page.levels.found.assign(rejected=0.08, low=0.06, high=0.1, ks_p=0.5)
    section.__dict__["found"] = rows
    text = section.verdict().data
    assert "0 of 3 tests over persons" in text
    assert "; not sign flips, persons (two models alike in distribution)" in text
    assert "too often" in text
    section.__dict__["found"] = rows.assign(low=0.04)
    text = section.verdict().data
    assert "3 of 3 tests over persons" in text
    assert "not clearly too often" in text


def test_power_is_shown_for_every_difference_spread_and_correlation(page):
    table = page.finding.power_table()
    assert len(table) == len(DIFFERENCES)
    assert table.shape[1] == 1 + 2 * 3
    assert len(page.finding.correlation_table()) == len(page.finding.correlations)
    above, below = page.finding.figure().axes
    for axis in (above, below):
        assert any(list(line.get_ydata()) == [80, 80] for line in axis.lines)
    assert "0.279" in page.finding.correlation_verdict().data


def test_the_verdict_on_power_follows_the_studys_differences(page, monkeypatch):
    assert "No difference in that table is within reach" in page.finding.power_verdict().data
    larger = claims.REPORTED.assign(test_mae=[9.0, 12.0, 16.0, 20.0])
    monkeypatch.setattr(claims, "REPORTED", larger)
    assert "Some differences in that table are within reach" in page.finding.power_verdict().data


def test_sizes_are_given_for_each_difference_and_back(page):
    needed = page.sizes.needed()
    assert len(needed) == len(WANTED) + 1
    counts = needed.iloc[:, 2].str.replace(",", "").astype(int)
    assert counts.is_monotonic_decreasing
    detectable = page.sizes.detectable()
    assert len(detectable) == len(SIZES)
    assert detectable["PCC"].is_monotonic_decreasing
    assert f"**{needed.iloc[1, 2]} recordings**" in page.sizes.needed_checked().data


def test_a_simulation_that_contradicts_the_formula_is_said_to(page, monkeypatch):
    other = SizesSection(page.population, REPETITIONS)
    monkeypatch.setattr("deplib.power.simulation.reduced_sd", lambda pair, difference: 50.0)
    assert "the two DISAGREE" in other.needed_checked().data


def test_the_studys_table_is_read_with_its_intervals(page):
    rows = page.study.correlations()
    assert list(rows["model"]) == list(claims.REPORTED["model"])
    assert (rows["includes 0"] == "yes").all()
    assert page.study.ranking["first"].sum() == pytest.approx(1)
    assert "order of all four" in page.study.verdict().data
    shown = page.study.wrong_table()
    assert shown.iloc[-1, 0] == "2"
    lines = {x for line in page.study.wrong_figure().axes[0].lines for x in line.get_xdata()}
    assert set(reported_differences()) <= lines


def test_the_studys_differences_are_those_of_its_pairs():
    found = reported_differences()
    assert len(found) == 6
    assert found[-1] == pytest.approx(10.907 - 10.426)
    assert found == sorted(found)
