"""Cards and the page of failures say what files and results say, and follow when those change."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from deplib.chapters import cohort_card, did_not_work, ethics
from deplib.chapters.cards import CardsPage, EncoderFile, encoder_files
from deplib.cohorts.simulated import SimulatedCohort
from deplib.cost.fits import ratio
from deplib.deployment import record
from deplib.errors import EncoderError
from deplib.literature import bias


@pytest.fixture(scope="module")
def cohort() -> SimulatedCohort:
    return SimulatedCohort(n_recordings=30)


@pytest.fixture
def copied(tmp_path: Path) -> EncoderFile:
    original = next(one for one in encoder_files() if one.name == "affect")
    for suffix in (".onnx", ".json"):
        shutil.copy(original.path.with_suffix(suffix), tmp_path)
    return EncoderFile("affect", tmp_path / original.path.name)


def edit(one: EncoderFile, **changes: object) -> None:
    card = one.path.with_suffix(".json")
    card.write_text(json.dumps(json.loads(card.read_text()) | changes))


def test_the_text_of_an_encoder_follows_its_card(copied: EncoderFile) -> None:
    page = CardsPage([copied])
    before = page.encoder_table().loc[0]
    edit(copied, verification_accuracy=0.5, parameters=7, r2={"smile": 0.25, "yaw": 0.75})
    after = page.encoder_table().loc[0]
    assert before["tells persons apart"] != after["tells persons apart"] == "50.0 %"
    assert after["parameters"] == "7"
    assert "2 parameters" in page.read_by_affect().data
    assert "0.25 (smile) to 0.75 (yaw)" in page.read_by_affect().data


def test_the_hash_is_computed_and_held_against_the_card(copied: EncoderFile) -> None:
    assert CardsPage([copied]).hashes().iloc[0, 1] == copied.card["sha256"]
    copied.path.write_bytes(copied.path.read_bytes() + b"x")
    with pytest.raises(EncoderError, match="install deplib again"):
        CardsPage([copied]).hashes()


def test_all_shipped_encoders_have_a_card_and_a_size() -> None:
    files = encoder_files()
    assert {one.name for one in files} == {"identity", "affect", "random"}
    table = CardsPage(files).encoder_table()
    assert list(table["MB"]) == [f"{one.path.stat().st_size / 1e6:.2f}" for one in files]


def test_the_composition_counts_the_recordings(cohort: SimulatedCohort) -> None:
    table = cohort_card.composition(cohort).set_index("split")
    bands = table[["minimal", "mild", "moderate", "severe"]].sum(axis=1)
    assert (bands == table["recordings"]).all()
    assert table.loc["all", "recordings"] == table["recordings"].drop("all").sum() == 30
    assert table.loc["all", "persons"] == cohort.recordings["person"].nunique()


def test_sentences_follow_the_cohort(cohort: SimulatedCohort) -> None:
    other = SimulatedCohort("published", seed=3, n_recordings=60)
    for say in (
        cohort_card.sessions_sentence,
        cohort_card.skin_sentence,
        cohort_card.behaviour_sentence,
        cohort_card.chance_sentence,
        ethics.no_group_sentence,
    ):
        assert say(cohort).data != say(other).data, say.__name__


def test_lightness_of_skin_is_a_number_a_person_on_its_scale(cohort: SimulatedCohort) -> None:
    lightness = cohort_card.skin_lightness(cohort)
    assert set(lightness.index) == set(cohort.recordings["person"])
    assert lightness.between(20, 90).all()
    assert lightness.nunique() > len(lightness) / 2


def test_what_varies_is_what_the_renderer_has() -> None:
    table = cohort_card.varied()
    assert (table["number"] == [len(p.split(", ")) for p in table["parameters"]]).all()
    assert "jaw width" in table["parameters"][0]
    assert not table["parameters"].str.contains("seed").any()


def test_published_figures_of_bias_are_cited_and_possible() -> None:
    bibliography = (Path(__file__).parents[2] / "book" / "references.bib").read_text()
    for key in {row.key for row in bias.UNEQUAL} | {bias.RFW_KEY, bias.INVERTED.key}:
        assert f"{{{key}," in bibliography
    assert {row.certainty for row in bias.UNEQUAL} | {bias.RFW_CERTAINTY} <= set(bias.READ)
    for row in bias.RFW:
        assert min(row.caucasian, row.indian, row.asian, row.african) > 50
        assert max(row.caucasian, row.indian, row.asian, row.african) < 100
    assert bias.INVERTED.other_picture < bias.INVERTED.same_picture


def test_the_ratio_of_errors_is_of_the_worst_group_over_the_best() -> None:
    assert bias.Verified("made up", 90, 80, 85, 60).ratio == pytest.approx(4)


def test_the_sentence_on_inversion_follows_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bias, "INVERTED", replace(bias.INVERTED, same_picture=12.5))
    assert "12.5 %" in ethics.inversion_sentence().data


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> did_not_work.DidNotWorkPage:
    monkeypatch.setattr(did_not_work.DidNotWorkPage, "__init__", lambda self: None)
    return did_not_work.DidNotWorkPage()


def test_networks_that_8_bits_do_not_speed_up_follow_the_measurements(
    page: did_not_work.DidNotWorkPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = record.load()
    slower = measured.models.copy()
    small = slower["precision"] != did_not_work.FLOAT
    slower["seconds"] = [
        [3 * s for s in seconds] if is_small else seconds
        for seconds, is_small in zip(slower["seconds"], small, strict=True)
    ]
    before = set(page.eight_bits()["network"])
    monkeypatch.setattr(record, "load", lambda: replace(measured, models=slower))
    after = set(page.eight_bits()["network"])
    assert before < after
    assert set(measured.models["model"]) <= after


def test_only_ways_that_a_batch_is_not_shown_to_speed_up_are_named(
    page: did_not_work.DidNotWorkPage,
) -> None:
    budget = did_not_work.BudgetPage()
    at = did_not_work.LENGTHS.index(budget.protocol.window_length)
    named = set(page.batches()["way"])
    for way in did_not_work.WAYS:
        many = budget.costs.milliseconds(way, windows=budget.protocol.batch_size_train)[0]
        found = ratio(many, budget.costs.milliseconds(way)[at])
        assert (way in named) == (found.high >= 1)


def test_contradicted_statements_are_those_of_the_ledger(
    page: did_not_work.DidNotWorkPage,
) -> None:
    row = {"statement": "s", "found": "f", "rests_on": "arithmetic"}
    verdicts = [did_not_work.CONTRADICTED, "confirmed", did_not_work.CONTRADICTED]
    page.ledger = pd.DataFrame([row | {"verdict": verdict} for verdict in verdicts])
    assert len(page.statements()) == 2
    assert "2 of 3 statements" in page.statements_sentence().data
