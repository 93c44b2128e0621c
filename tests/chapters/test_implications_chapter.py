"""The tested advice: its sentences follow the results, whatever these are."""

import numpy as np
import pandas as pd
import pytest
from made_up import guess, publishing

from deplib import adaptation, study
from deplib.chapters import advice as advice_module
from deplib.chapters.adapting import Adapting
from deplib.chapters.advice import ADVICE, TestedAdvice, verdict
from deplib.chapters.comparisons import Comparison
from deplib.chapters.ladder import Ladder
from deplib.chapters.reading import Reading
from deplib.chapters.targets import MET, NOT_MET, UNTOLD, Target, Targets
from deplib.chapters.tested_options import LATE, TestedOptions, label
from deplib.chapters.trust import DROPOUT, ENSEMBLE, Trust
from deplib.evaluation import Difference
from deplib.results import RunSpec
from deplib.study import options

KNOWN = RunSpec(options.BASE, features="affect")


def affect_knows(spec, windows, rng):
    """Whoever sees affect features is nearly right; nobody else knows anything."""
    if "affect" not in spec.features:
        return guess(spec, windows, rng)
    return windows["y"] + rng.normal(0, 0.1, len(windows))


@pytest.fixture(scope="module")
def knowing():
    """The advice of the strongest world, where affect features tell all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "published", publishing(affect_knows))
        yield TestedAdvice(options.STRONGEST)


@pytest.fixture(scope="module")
def guessing():
    """The default world, where nobody knows anything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "published", publishing())
        yield TestedAdvice("default")


def test_every_pair_is_of_runs_that_the_sweep_makes():
    made = {label(s) for w in options.TESTED_WORLDS for s in options.option_specs(w)}
    made |= {label(RunSpec(m)) for m in (options.MEAN, options.PRETRAINED_MODEL)}
    made |= {LATE, f"{LATE}, streams missing"}
    for pairs in ADVICE.values():
        assert {name for pair in pairs for name in pair} <= made


def test_what_helps_is_found_and_nothing_else(knowing):
    found = knowing.found.comparisons
    assert verdict(found["encoder"][0]) == "it helps"
    assert "it helps" in knowing.sentence("encoder")
    assert "it helps" not in {verdict(one) for one in found["modalities"]}
    assert verdict(found["architecture"][0]) == "no effect beyond 1 point"
    table = knowing.table("encoder")
    assert table["verdict"].iloc[0] == "it helps"
    assert table["option"].iloc[0] == label(KNOWN)


def test_where_nothing_is_known_nothing_helps(guessing):
    said = {verdict(one) for group in guessing.found.comparisons.values() for one in group}
    assert "it helps" not in said
    assert guessing.found.comparisons["pretraining"] == []  # not trained in this world
    assert "the constant has a Test MAE of" in guessing.ceiling().data


def test_p_values_are_corrected_over_all_pairs_of_a_world(knowing):
    family = [one for group in knowing.found.comparisons.values() for one in group]
    assert len(family) == sum(map(len, ADVICE.values()))
    smallest = min(family, key=lambda one: one.p)
    assert smallest.p_holm == pytest.approx(min(1.0, len(family) * smallest.p))


def made(p_holm: float, value: float, *, equivalent: bool = False) -> Comparison:
    apart = Difference(value, value - 1, value + 1)
    return Comparison("a", "b", apart, 0.1, p_holm, p_holm, apart, {"1 point": equivalent}, 20, 40)


@pytest.mark.parametrize(
    ("comparison", "said"),
    [
        (made(0.01, -2), "it helps"),
        (made(0.01, 2), "it harms"),
        (made(0.5, -2), "undecided"),
        (made(0.5, 0.1, equivalent=True), "no effect beyond 1 point"),
    ],
)
def test_the_verdict_follows_test_and_equivalence(comparison, said):
    assert verdict(comparison) == said


def test_late_fusion_is_the_mean_of_the_streams_that_are_there(monkeypatch):
    monkeypatch.setattr(study, "published", publishing())
    tested = TestedOptions("default")
    table = tested.table.set_index(["model", "seed", "recording"])["bdi_hat"].sort_index()
    streams = [label(RunSpec(options.BASE, features=name)) for name in ("identity", "action")]
    pulse = label(RunSpec(options.BASE, features="pulse"))
    mean = sum(table[name, 0] for name in (*streams, pulse)) / 3
    pd.testing.assert_series_equal(
        table[LATE, 0].sort_index(), mean.sort_index(), check_names=False
    )
    lacking = table[f"{LATE}, streams missing", 0]
    alone = table[streams[0], 0].reindex(lacking.index)
    assert np.isclose(lacking, alone).mean() == pytest.approx(0.5, abs=0.02)


def test_an_adapted_head_is_held_against_the_label_without_a_face(knowing):
    one = Adapting(knowing.options)
    table = one.table()
    assert set(table["compared with"]) >= {adaptation.UNADAPTED, adaptation.SHRUNK}
    text = one.verdict().data
    assert "later Test recordings of" in text
    assert "the face adds to the label" in text  # affect features tell all in this world


def test_a_stated_uncertainty_is_held_against_the_errors(guessing):
    one = Trust(guessing.options, "affect")
    assert list(one.stated) == [ENSEMBLE, DROPOUT]
    table = one.table()
    assert set(table["predictor"]) == {ENSEMBLE, DROPOUT, "constant"}
    assert 0 <= one.own(DROPOUT).value <= 1
    assert "of the Test labels where they should hold 90 %" in one.verdict().data
    assert len(one.ranking_table()) == len(one.stated)
    assert len(one.figure().axes) == len(one.stated)


@pytest.mark.parametrize(
    ("above", "found", "said"),
    [
        (False, (9.0, 8.5, 9.4), MET),
        (False, (9.0, 8.5, 9.6), UNTOLD),
        (False, (10.0, 9.6, 11.0), NOT_MET),
        (True, (10.0, 9.6, 11.0), MET),
        (True, (9.0, 8.5, 9.4), NOT_MET),
        (True, (float("nan"),) * 3, "undefined"),
    ],
)
def test_a_target_is_met_by_an_interval_not_by_a_point(above, found, said):
    target = Target("a target", 9.5, above, lambda scores, name: Difference(*found))
    assert target.verdict(Difference(*found)) == said
    assert target.nearly_met(Difference(*found)) is (said in (MET, UNTOLD))


def test_a_target_that_a_constant_nearly_meets_is_called_so(knowing):
    one = Targets(knowing.options)
    rows = one.table().set_index("target")
    assert rows.loc["Test MAE below 9.5", "verdict"] == "met; a constant nearly meets it"
    assert rows.loc["Test PCC above 0.30", "verdict"] == "met"
    assert rows.loc["Test PCC above 0.30", "constant"] == "undefined"


def test_the_ladder_ends_at_the_oracle(monkeypatch):
    monkeypatch.setattr(study, "published", publishing())
    ladder = Ladder()
    assert list(ladder.rungs)[-1] == "oracle"
    for table in ladder.rungs.values():
        assert set(table.columns) >= {"recording", "person", "split", "bdi", "bdi_hat"}
        assert len(table) == 150
    assert "from the constant to the oracle by" in ladder.verdict().data


def test_the_affect_encoder_shows_more_of_a_face_than_the_identity_encoder():
    reading = Reading(persons=24, renders=6)
    table = reading.table().set_index("quantity")
    assert {"identity", "affect", "random", "identity+affect"} <= set(table.columns)
    more = reading.measured.difference("mean", "affect", "identity", kind="expression")
    assert more[1] > 0
    assert "above that of the identity encoder" in reading.verdict().data


def test_advice_is_named_by_what_differs():
    assert label(KNOWN) == "HybridPooling (affect)"
    spec = RunSpec(options.BASE, features="affect", recipe="bags", missing=0.5)
    assert label(spec) == "HybridPooling (affect, bags, streams missing)"
    assert advice_module.ADVICE["encoder"][0][0] == label(KNOWN)
