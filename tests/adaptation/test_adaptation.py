"""Adaptation to a person: planted offsets are found, later labels never used, Train refused."""

import doctest

import numpy as np
import pandas as pd
import pytest

from deplib import adaptation
from deplib.adaptation import (
    ADAPTED,
    CONSTANT,
    COPY,
    LAMBDAS,
    SHRUNK,
    UNADAPTED,
    adapt,
    choose,
    difference,
    differences,
    predictors,
    residuals,
    session_numbers,
    sessions,
)
from deplib.errors import ResultError


def people(
    *,
    offset: float = 0.0,
    noise: float = 1.0,
    persons: int = 20,
    visits: int = 3,
    model: str = "A",
    seed: int = 0,
) -> pd.DataFrame:
    """A person-disjoint split in which a model is off by an amount of each person's own."""
    rng = np.random.default_rng(seed)
    rows = []
    for k, split in enumerate(("train", "dev", "test")):
        for p in range(persons):
            own = offset * rng.standard_normal()
            for visit in range(1, visits + 1):
                bdi_hat = rng.uniform(5, 30)
                bdi = bdi_hat + own + noise * rng.standard_normal()
                rows.append((f"{k}{p:02}_{visit}", f"{k}{p:02}", split, bdi, bdi_hat))
    table = pd.DataFrame(rows, columns=["recording", "person", "split", "bdi", "bdi_hat"])
    return table.assign(model=model, seed=seed)


def rows_of(*rows: tuple[str, str, float, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["recording", "split", "bdi", "bdi_hat"])
    return table.assign(person=table["recording"].str[:3], model="A", seed=0)


def test_the_examples_hold():
    assert doctest.testmod(sessions).failed == 0
    assert adaptation.LAMBDAS is LAMBDAS


def test_the_shift_is_the_ridge_update_of_the_bias():
    table = rows_of(
        ("301_1", "test", 20.0, 14.0),
        ("301_2", "test", 17.0, 15.0),
        ("301_4", "test", 30.0, 10.0),
    )
    found = adapt(table, grid=(2.0,)).set_index("recording")
    for lam, rows in ((0.0, adapt(table, grid=(0.0,))), (2.0, found.reset_index())):
        for name, r in (("301_2", [6.0]), ("301_4", [6.0, 2.0])):
            b = np.linspace(-10, 10, 200_001)
            loss = sum((one - b) ** 2 for one in r) + lam * b**2
            row = rows.set_index("recording").loc[name]
            assert row["bdi_hat"] - row["bdi_hat_before"] == pytest.approx(
                b[loss.argmin()], abs=1e-4
            )
    assert found.index.tolist() == ["301_2", "301_4"]
    assert found["earlier"].tolist() == [1, 2]
    assert found["bdi_hat"].tolist() == pytest.approx([15 + 1 / 3 * 6, 10 + 2 / 4 * 4])


def test_a_planted_offset_is_found_and_pays():
    table = people(offset=10.0, noise=1.0)
    found = adapt(table)
    assert (found["lam"] <= 0.25).all()
    after = (found["bdi_hat"] - found["bdi"]).abs().mean()
    before = (found["bdi_hat_before"] - found["bdi"]).abs().mean()
    assert after < 1.5 < 5 < before
    (gained,) = differences(predictors(table)).query("rival == 'unadapted'").to_dict("records")
    assert gained["difference"] == pytest.approx(after - before)
    assert gained["high"] < 0


def test_without_an_effect_of_the_person_the_penalty_grows():
    chosen = [choose(people(seed=s).query("split == 'dev'")) for s in range(12)]
    planted = [choose(people(seed=s, offset=10.0).query("split == 'dev'")) for s in range(12)]
    assert np.median(chosen) >= 8
    assert np.median(planted) <= 0.5
    many = people(persons=600, visits=2, seed=3)
    assert choose(many[many["split"] == "dev"]) >= 8


def test_the_penalty_follows_the_ratio_of_the_variances():
    for noise, offset in ((4.0, 4.0), (4.0, 2.0)):
        table = people(noise=noise, offset=offset, persons=2000, visits=2)
        expected = noise**2 / offset**2
        assert expected / 2 <= choose(table[table["split"] == "dev"]) <= 2 * expected


def test_of_equal_penalties_the_largest_is_taken_and_infinity_changes_nothing():
    dev = rows_of(("201_1", "dev", 9.0, 9.0), ("201_2", "dev", 30.0, 10.0))
    assert choose(dev) == float("inf")
    table = people(offset=5.0)
    same = adapt(table, grid=(float("inf"),))
    assert same["bdi_hat"].tolist() == same["bdi_hat_before"].tolist()
    assert choose(dev, (0.5,)) == 0.5
    assert choose(dev.iloc[:0], (0.5,)) == 0.5  # nothing to choose, so nothing is needed


@pytest.mark.parametrize("visit", [1, 2, 3])
def test_a_label_enters_later_predictions_only(visit):
    table = people(offset=5.0)
    who = "204"
    changed = table.assign(
        bdi=table["bdi"] + 30.0 * (table["recording"] == f"{who}_{visit}"),
    )
    before, after = (adapt(t).set_index("recording")["bdi_hat"] for t in (table, changed))
    moved = set(before.index[before != after])
    assert moved == {f"{who}_{k}" for k in range(visit + 1, 4)}


def test_no_label_of_test_enters_the_choice_of_the_penalty():
    table = people(offset=5.0)
    test = table["split"] == "test"
    changed = table.assign(bdi=table["bdi"].where(~test, 0.0))
    assert adapt(table)["lam"].tolist() == adapt(changed)["lam"].tolist()
    dev = table["split"] == "dev"
    other = table.assign(bdi=table["bdi"].where(~dev, table["bdi_hat"] + 5 * (table.index % 2)))
    assert adapt(table)["lam"].tolist() != adapt(other)["lam"].tolist()


def test_the_order_of_the_rows_does_not_matter():
    table = people(offset=5.0)
    found = adapt(table.sample(frac=1, random_state=0)).sort_values("recording", ignore_index=True)
    pd.testing.assert_frame_equal(found, adapt(table))


def test_another_task_of_the_same_session_is_not_earlier_and_a_session_counts_once():
    table = rows_of(
        ("301_1_Freeform", "test", 20.0, 14.0),
        ("301_1_Northwind", "test", 20.0, 10.0),
        ("301_2_Freeform", "test", 17.0, 15.0),
        ("301_2_Northwind", "test", 17.0, 12.0),
    )
    found = adapt(table, grid=(1.0,))
    assert found["recording"].tolist() == ["301_2_Freeform", "301_2_Northwind"]
    assert found["earlier"].tolist() == [1, 1]
    shift = 1 / 2 * (6 + 10) / 2
    assert found["bdi_hat"].tolist() == pytest.approx([15 + shift, 12 + shift])
    alone = adapt(table.iloc[:2], grid=(1.0,), without="keep")
    assert alone["bdi_hat"].tolist() == alone["bdi_hat_before"].tolist()


def test_sessions_are_numbers_not_words():
    names = ["203_2", "203_10", "203_9", "a_b_04_Northwind", "203_1_Freeform_video"]
    table = pd.DataFrame({"recording": names})
    assert session_numbers(table).tolist() == [2, 10, 9, 4, 1]
    assert session_numbers(table.assign(session=[5, 4, 3, 2, 1])).tolist() == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("name", ["203", "203_", "203_x", "203-1", "_", "203_1_2"])
def test_a_name_without_a_session_is_refused_with_the_way_out(name):
    table = people().replace("200_1", name)
    with pytest.raises(ResultError, match=r"no session can be read .* a column `session`"):
        adapt(table)
    numbered = table.assign(session=np.resize([1, 2, 3], len(table)))
    pd.testing.assert_series_equal(adapt(numbered)["bdi_hat"], adapt(people())["bdi_hat"])
    with pytest.raises(ResultError, match="has session"):
        adapt(numbered.assign(session=np.resize([1, 2, np.nan], len(table))))


def test_a_person_without_an_earlier_session_is_left_out_or_kept_as_it_was():
    table = people(offset=5.0)
    table = table[(table["person"] != "203") | (table["recording"] == "203_2")]
    dropped, kept = adapt(table), adapt(table, without="keep")
    assert len(kept) == (table["split"] == "test").sum()
    alone = kept.set_index("recording").loc["203_2"]
    assert alone["earlier"] == 0
    assert alone["bdi_hat"] == alone["bdi_hat_before"]
    assert (kept["earlier"] == 0).sum() == 20
    expected = kept[kept["earlier"] > 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(dropped, expected)


def test_sessions_of_train_are_refused_and_never_used():
    table = people(offset=5.0)
    with pytest.raises(ResultError, match=r"cannot come from train: .* only dev, test"):
        adapt(table, support=("train", "test"))
    moved = table.assign(split=table["split"].where(table["recording"] != "203_1", "train"))
    kept = adapt(moved).set_index("recording")
    assert "203_2" not in kept.index
    assert kept.loc["203_3", "earlier"] == 1
    of_dev = table.assign(split=table["split"].where(table["recording"] != "203_1", "dev"))
    found = adapt(of_dev, grid=(1.0,)).set_index("recording")
    same = adapt(table, grid=(1.0,)).set_index("recording")
    assert found.loc["203_2", "bdi_hat"] == same.loc["203_2", "bdi_hat"]
    only_test = adapt(of_dev, grid=(1.0,), support=("test",)).set_index("recording")
    assert only_test.loc["203_3", "earlier"] == 1


def test_runs_are_adapted_each_by_itself():
    tables = [people(offset=8.0), people(offset=0.5, seed=1), people(offset=3.0, model="B")]
    joined = adapt(pd.concat(tables, ignore_index=True))
    parts = pd.concat([adapt(one) for one in tables], ignore_index=True)
    pd.testing.assert_frame_equal(joined, parts)
    assert joined.groupby(["model", "seed"])["lam"].nunique().eq(1).all()
    assert len(joined["lam"].unique()) > 1


def test_nothing_to_choose_by_or_to_adapt_to_is_said():
    table = people(visits=2)
    lonely = table[(table["split"] != "dev") | table["recording"].str.endswith("_1")]
    with pytest.raises(ResultError, match=r"A, seed 0: of 20 Dev recordings none .* single one"):
        adapt(lonely)
    assert len(adapt(lonely, grid=(1.0,))) == 20
    nobody = table[(table["split"] != "test") | table["recording"].str.endswith("_1")]
    with pytest.raises(ResultError, match="A, seed 0: of 20 Test recordings none has an earlier"):
        adapt(nobody)
    assert len(adapt(nobody, without="keep")) == 20


def test_bad_arguments_and_tables_are_refused():
    table = people()
    for grid in ((), (-1.0, 2.0), (float("nan"),)):
        with pytest.raises(ResultError, match="one or more numbers from 0 to inf"):
            adapt(table, grid=grid)
    with pytest.raises(ResultError, match="cannot come from no split"):
        adapt(table, support=())
    with pytest.raises(ResultError, match="without is 'leave'"):
        adapt(table, without="leave")
    with pytest.raises(ResultError, match=r"lacks \['seed'\]"):
        adapt(table.drop(columns="seed"))
    with pytest.raises(ResultError, match="lacks rows"):
        adapt(table.iloc[:0])
    with pytest.raises(ResultError, match="A, seed 0: recording 000_1 occurs twice"):
        adapt(pd.concat([table, table]))
    with pytest.raises(ResultError, match="recording 000_1 has a label or prediction"):
        adapt(table.assign(bdi_hat=table["bdi_hat"].where(table.index > 0)))


class TestRivals:
    def test_all_five_have_the_same_later_recordings(self):
        table = pd.concat([people(offset=5.0), people(offset=5.0).assign(model="B", seed=3)])
        found = predictors(table.reset_index(drop=True))
        assert list(found["predictor"].unique()) == [UNADAPTED, ADAPTED, COPY, SHRUNK, CONSTANT]
        for _, run in found.groupby(["predictor", "model", "seed"]):
            assert sorted(run["recording"]) == sorted(
                f"2{p:02}_{v}" for p in range(20) for v in (2, 3)
            )
        assert found.groupby("predictor")["model"].nunique().to_dict() == {
            UNADAPTED: 2,
            ADAPTED: 2,
            COPY: 1,
            SHRUNK: 1,
            CONSTANT: 1,
        }

    def test_the_labels_alone_by_hand(self):
        table = people(offset=5.0)
        found = predictors(table).set_index(["predictor", "recording"])
        bdi = table.set_index("recording")["bdi"]
        train = table.loc[table["split"] == "train", "bdi"]
        copied = (bdi["207_1"] + bdi["207_2"]) / 2
        assert found.loc[(COPY, "207_3"), "bdi_hat"] == pytest.approx(copied)
        shrunk = found.loc[(SHRUNK, "207_3")]
        weight = 2 / (2 + shrunk["lam"])
        expected = train.mean() + weight * (copied - train.mean())
        assert shrunk["bdi_hat"] == pytest.approx(expected)
        assert (found.loc[CONSTANT, "bdi_hat"] == train.median()).all()

    def test_differences_are_of_means_over_seeds_with_intervals_over_persons(self):
        runs = [people(offset=6.0).assign(seed=k) for k in range(3)]
        for k, run in enumerate(runs):
            run["bdi_hat"] += np.random.default_rng(k).normal(0, 1, len(run))
        runs += [run.assign(model="B") for run in runs[:2]]
        found = predictors(pd.concat(runs, ignore_index=True))
        table = differences(found)
        assert table["model"].tolist() == ["A"] * 4 + ["B"] * 4 + ["all"] * 4
        error = (found["bdi_hat"] - found["bdi"]).abs()
        of = error.groupby([found["predictor"], found["model"]]).mean()
        row = table.set_index(["model", "rival"]).loc[("A", COPY)]
        assert row["mae"] == pytest.approx(of[ADAPTED, "A"])
        assert row["mae_rival"] == pytest.approx(of[COPY, COPY])
        assert row["difference"] == pytest.approx(row["mae"] - row["mae_rival"])
        assert (table["low"] <= table["difference"]).all()
        assert (table["difference"] <= table["high"]).all()

    def test_runs_on_two_splits_or_without_train_are_refused(self):
        table = people(offset=5.0)
        other = table[table["person"] != "203"].assign(model="B")
        with pytest.raises(ResultError, match="not scored on the same recordings"):
            predictors(pd.concat([table, other], ignore_index=True))
        with pytest.raises(ResultError, match="no Train recording"):
            predictors(table[table["split"] != "train"])
        with pytest.raises(ResultError, match="not the same ones"):
            difference(table, table.iloc[1:])

    def test_a_column_of_sessions_serves_the_rivals_too(self):
        table = people(offset=5.0)
        numbered = table.assign(session=session_numbers(table))
        numbered["recording"] = "clip-" + numbered["recording"].str.replace("_", "-")
        found, expected = predictors(numbered), predictors(table)
        assert found["bdi_hat"].tolist() == expected["bdi_hat"].tolist()


def test_residuals_of_fitted_labels_are_smaller():
    table = pd.concat([people(noise=4.0), people(noise=4.0, seed=1)], ignore_index=True)
    train = table["split"] == "train"
    table["bdi_hat"] = table["bdi_hat"].where(~train, (table["bdi"] + table["bdi_hat"]) / 2)
    found = residuals(table).set_index("split")
    assert found["n"].to_dict() == {"train": 60, "dev": 60, "test": 60}
    assert found.loc["train", "mae"] < 0.7 * found.loc["test", "mae"]
    by_hand = [
        np.std(run["bdi"] - run["bdi_hat"], ddof=1)
        for _, run in table[table["split"] == "dev"].groupby("seed")
    ]
    assert found.loc["dev", "sd"] == pytest.approx(np.mean(by_hand))
