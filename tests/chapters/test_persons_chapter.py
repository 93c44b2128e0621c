"""The chapter on persons follows its results, on runs that nobody trained and faces made up."""

from copy import copy

import numpy as np
import pandas as pd
import pytest
from made_up import guess, made_up

from deplib import claims, evaluation, study
from deplib.chapters import persons as chapter
from deplib.chapters import recognition
from deplib.chapters.known_persons import TwoSplits
from deplib.chapters.persons import PersonsPage
from deplib.errors import ResultError
from deplib.evaluation import CONSTANT
from deplib.identity import NEAREST, RULES, Pooled
from deplib.models import MODELS
from deplib.splits import known, split_as

N_SPLITS = 6


def published(predict):
    """What stands in for ``study.published``: made-up runs on the split that they ask for."""

    def of(specs):
        cohorts = {}
        for spec in specs:
            if (spec.world, spec.split) not in cohorts:
                cohort = copy(study.open_cohort(spec.world))
                cohort.recordings = split_as(cohort.recordings, spec.split)
                cohorts[spec.world, spec.split] = cohort
        return [made_up(spec, cohorts[spec.world, spec.split], predict) for spec in specs]

    return of


def open_pooled(world):
    """Faces without labels in them, the same in both worlds but for a little noise."""
    recordings = study.open_cohort(world).recordings
    code, names = pd.factorize(recordings["person"])
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((len(names), 30))[code]
    vectors = vectors + 0.05 * np.random.default_rng(len(world)).standard_normal(vectors.shape)
    return Pooled(recordings, dict.fromkeys(study.RIDGE, vectors), vectors)


def open_page(predict):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "published", published(predict))
        patch.setattr(chapter, "open_pooled", open_pooled)
        return PersonsPage(n_splits=N_SPLITS)


@pytest.fixture(scope="module")
def page():
    return open_page(guess)


def recognising(spec, windows, rng):
    """Know the label of a person in Train, half of it of others, and nothing where nobody is."""
    if spec.split == "disjoint":
        return 4 * guess(spec, windows, rng)
    train = set(windows.loc[windows["split"] == "train", "person"])
    return np.where(windows["person"].isin(train), windows["y"], windows["y"] / 2)


@pytest.fixture(scope="module")
def recognised():
    return open_page(recognising)


def test_both_splits_are_shown_as_they_are(page):
    table = page.split_table().set_index(["split", "part"])
    assert (table["recordings"] == 50).all()
    assert table.loc["disjoint", "persons"].sum() == 84
    is_known = known(page.cohort.recordings)
    test = page.cohort.recordings.query("split == 'test'")["recording"]
    column = "recordings of persons in Train"
    assert table.loc[("official", "test"), column] == str(is_known[test].sum())
    assert table.loc[("disjoint", "test"), column] == "0"
    assert "points in the official-style split" in page.balance().data


def test_known_and_new_persons_are_told_by_train(page):
    one = page.known_persons
    train = set(page.cohort.recordings.query("split == 'train'")["person"])
    assert (one.known == one.held_out["person"].isin(train)).all()
    table = one.table()
    assert table["recordings"].sum() == 100
    on_known, on_new, between = one.differences()
    assert between.value == pytest.approx(on_known.value - on_new.value)
    excess = (table[list(MODELS)].mean(axis=1) - table[CONSTANT]) * table["recordings"]
    n_known = table.loc[table["person in Train"] == "yes", "recordings"].sum()
    assert excess.sum() == pytest.approx(on_known.value * n_known + on_new.value * (100 - n_known))


def test_the_change_between_splits_is_taken_against_each_constant(page):
    two = page.two_splits
    table = two.table().set_index("model")
    assert list(table.index) == [*MODELS, *study.RIDGE, "the four, mean"]
    maes = {}
    for split, cohort in (("official", page.cohort), ("disjoint", page.disjoint)):
        specs = [s for s in study.disjoint_specs() if s.model == "LDBM"]
        runs = [made_up(study.RunSpec("LDBM", s.seed, split=split), cohort, guess) for s in specs]
        tables = [evaluation.recordings(run).query("split == 'test'") for run in runs]
        maes[split] = np.mean([evaluation.mae_of(t) for t in tables])
        train = cohort.recordings.query("split == 'train'")["bdi"].median()
        test = cohort.recordings.query("split == 'test'")["bdi"]
        assert two.against_constant(split, "LDBM").value == pytest.approx(
            maes[split] - (test - train).abs().mean(), abs=1e-4
        )
        assert table.loc["LDBM", f"{split}: Test MAE"] == pytest.approx(maes[split], abs=1e-4)
    change = two.change("LDBM")
    assert change.value == pytest.approx(
        two.against_constant("disjoint", "LDBM").value
        - two.against_constant("official", "LDBM").value
    )


def test_sentences_follow_models_that_recognise(page, recognised):
    assert "below zero" in recognised.known_verdict().data
    assert "above zero. Above zero means worse" in recognised.split_verdict().data
    assert "cannot be told from zero" in page.split_verdict().data
    official, disjoint = (
        recognised.two_splits.against_constant(split, *MODELS) for split in ("official", "disjoint")
    )
    assert official.value < disjoint.value


def test_two_splits_need_the_same_seeds(page):
    specs = study.disjoint_specs()
    official = published(guess)([s for s in study.grid_specs() if s.model in MODELS])
    with pytest.raises(ResultError, match="differ in models or seeds"):
        TwoSplits(
            {
                "official": evaluation.predictors(page.cohort, official),
                "disjoint": evaluation.predictors(page.disjoint, published(guess)(specs)),
            }
        )


def test_rules_are_compared_on_all_their_splits(page):
    table = page.many.rules_table().set_index(["world", "split", "predictor"])
    one = page.many.worlds["null"]
    trials = one.trials["by recording"]
    key = ("null", "by recording", NEAREST)
    assert table.loc[key, "Test MAE"] == pytest.approx(trials.mae(NEAREST).mean())
    assert len(trials.mae(NEAREST)) == N_SPLITS
    assert table.loc[("null", "by recording", CONSTANT), "minus the constant's"] == ""
    constant = table.xs(CONSTANT, level="predictor")["Test MAE"]
    np.testing.assert_allclose(constant["null"], constant["default"])  # the same splits in both
    counts = page.many.rules_counts().data
    assert f"Mean over {N_SPLITS} splits" in counts
    assert "0.0 of 50" in counts
    verdict = page.many.rules_verdict().data
    assert verdict.count("zero.") == 2


def test_what_a_known_person_is_worth_is_paired(page):
    one = page.many.worlds["default"]
    table = page.many.gain_table().set_index(["world", "predictor"])
    row = table.loc[("default", NEAREST)]
    difference = float(row["difference"].split()[0])
    assert difference == pytest.approx(
        row["MAE, replaced"] - row["MAE, person in Train"], abs=0.006
    )
    assert one.over_persons(one.gain(NEAREST)).low > 0  # these faces are recognised
    right, n = one.recognised()
    assert right == n > 0
    assert "(100.0 %)" in page.many.recognition().data
    assert "`default` minus `null`" in page.many.gain_verdict().data
    apart = page.many.between_worlds()
    assert f"{apart.value:+.2f} (" in page.many.gain_verdict().data


def test_the_range_for_avec_follows_from_what_is_published(page):
    fewest, most = chapter.known_in_avec()
    assert (fewest, most) == (2, 24)
    assert "at most 24 of the 50" in page.avec_counts().data
    table = page.avec_table()
    one = page.many.worlds["default"]
    gain = one.over_persons(one.gain(chapter.RIDGE))
    assert table.iloc[0]["24 of 50 known"].startswith(f"{gain.value * 24 / claims.N_TEST:+.2f} (")
    verdict = page.avec_verdict().data
    spread = np.ptp(claims.REPORTED["test_mae"])
    assert f"{spread:.2f} points between" in verdict
    assert ("is more than" in verdict) == (gain.value * 24 / 50 > spread)


def test_persistence_is_measured_over_persons(page):
    text = page.persistence().data
    counts = page.cohort.recordings["person"].value_counts()
    assert f"of {(counts > 1).sum()} persons with several recordings" in text
    assert f"({(counts * (counts - 1) // 2).sum()} pairs" in text
    assert "correlate by 0.70 on the normal scale" in text


def test_figures_show_every_rule_and_world(page):
    rules, gains = page.many.rules_figure(), page.many.gain_figure()
    assert [axis.get_title() for axis in rules.axes] == list(page.many.worlds)
    (legend,) = rules.legends
    assert [text.get_text() for text in legend.get_texts()] == list(RULES)
    axis = rules.axes[0]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == [
        "RidgeMean",
        "RidgeMeanSD",
        NEAREST,
    ]
    shown = axis.lines[0].get_xdata()[-1]
    assert shown == pytest.approx(page.many.worlds["null"].excess("by recording", NEAREST).value)
    assert len(gains.axes) == 1


def test_the_versioned_worlds_open():
    pooled = recognition.open_pooled("null")
    assert pooled.features["RidgeMean"].shape == (150, 512)
    assert pooled.features["RidgeMeanSD"].shape == (150, 1024)
    assert pooled.embedding.shape == (150, 512)
