import numpy as np
import pandas as pd
import pytest
from candidates import SETTINGS
from rules import RULES, choices, growth, mean_courses, stopped
from rules import SCORES as COLUMNS

N, SEEDS, EPOCHS = 6, 2, 7
CANDIDATES = SEEDS * len(SETTINGS)


@pytest.fixture
def cohorts():
    rng = np.random.default_rng(5)
    names = [f"{p}_{s}" for p in ("dev", "test", "dev_a", "dev_b") for s in ("mae", "pcc")]
    names.append("test_sigma_ratio")
    shapes = dict.fromkeys(names, (CANDIDATES, EPOCHS))
    shapes |= {"inner_mae": (len(SETTINGS), EPOCHS), "constant": 4}
    return [{name: rng.uniform(0, 9, shape) for name, shape in shapes.items()} for _ in range(N)]


def chosen(cohorts, patience=3):
    return choices(cohorts, patience=patience).set_index(["rule", "cohort"])


def lowest(array):
    return np.unravel_index(array.argmin(), array.shape)


def test_every_rule_takes_what_it_says(cohorts):
    table = chosen(cohorts)
    assert table.index.unique("rule").tolist() == list(RULES)
    for k, s in enumerate(cohorts):
        for rule, at in {
            "last epoch": (0, EPOCHS - 1),
            "epoch on Dev": (0, stopped(s["dev_mae"][0], 3)),
            "epoch and setting on Dev": lowest(s["dev_mae"]),
            "epoch and setting on Test": lowest(s["test_mae"]),
            "inner folds of Train": lowest(s["inner_mae"]),
        }.items():
            row = table.loc[(rule, k)]
            assert row["epoch"] == at[1] + 1
            assert all(row[column] == s[column][at] for column in COLUMNS)
        a, b = lowest(s["dev_a_mae"]), lowest(s["dev_b_mae"])
        row = table.loc[("Dev halved", k)]
        assert row["dev_mae"] == pytest.approx((s["dev_b_mae"][a] + s["dev_a_mae"][b]) / 2)
        assert row["test_mae"] == pytest.approx((s["test_mae"][a] + s["test_mae"][b]) / 2)
        assert row["constant_test_mae"] == s["constant"][1]


def test_a_fixed_choice_comes_from_other_cohorts_only(cohorts):
    before = chosen(cohorts)["epoch"]
    cohorts[0]["dev_mae"][:, 3] = 0.0  # cohort 0 would choose epoch 4 at once
    after = chosen(cohorts)["epoch"]
    for rule in ("fixed epoch", "fixed epoch and setting"):
        assert after[rule, 0] == before[rule, 0]
        assert len({after[rule, k] for k in range(1, N, 2)}) == 1
    mean = np.mean([c["dev_mae"][0] for c in cohorts[::2]], axis=0)
    assert after["fixed epoch", 1] == mean.argmin() + 1


@pytest.mark.parametrize(
    ("course", "patience", "epoch"),
    [([9, 8, 8.5, 8.4, 8.3, 1], 3, 1), ([9, 8, 8.5, 8.4, 1], 3, 4), ([5, 5, 5], 9, 0)],
)
def test_the_protocol_stops_by_its_patience(course, patience, epoch):
    assert stopped(np.array(course, float), patience) == epoch


def test_more_candidates_only_lower_dev(cohorts):
    table = growth(cohorts, rng=np.random.default_rng(0))
    dev = table.pivot_table(index="cohort", columns="candidates", values="dev_mae")
    assert dev.shape == (N, CANDIDATES)
    assert (np.diff(dev, axis=1) <= 0).all()
    whole = chosen(cohorts).loc["epoch and setting on Dev"]
    last = table[table["candidates"] == CANDIDATES].set_index("cohort")
    pd.testing.assert_frame_equal(last[["dev_mae", "test_mae"]], whole[["dev_mae", "test_mae"]])
    again = growth(cohorts, rng=np.random.default_rng(1))
    assert not np.array_equal(again["dev_mae"], table["dev_mae"])


def test_mean_courses_are_of_the_first_seed(cohorts):
    table = mean_courses(cohorts).set_index(["setting", "epoch"])
    assert len(table) == len(SETTINGS) * EPOCHS
    expected = np.mean([c["test_pcc"][1, 2] for c in cohorts])
    assert table.loc[(1, 3), "test_pcc"] == pytest.approx(expected)


def test_one_cohort_is_not_enough(cohorts):
    with pytest.raises(ValueError, match="two or more"):
        choices(cohorts[:1], patience=3)
