import numpy as np
import pytest

from deplib.selection import rules as module
from deplib.selection.courses import PARTS, SCORES, Courses
from deplib.selection.rules import (
    BEST,
    COLUMNS,
    FIXED,
    FIXED_BOTH,
    HALVES,
    LAST,
    LEAK,
    NESTED,
    PROTOCOL,
    RULES,
    Many,
    stopped,
)

N, SETTINGS, SEEDS, EPOCHS = 6, 3, 2, 8


def random_courses(seed: int) -> Courses:
    rng = np.random.default_rng(seed)
    shape = (SETTINGS * SEEDS, EPOCHS)
    scores = {f"{p}_{s}": rng.uniform(5, 12, shape) for p in PARTS for s in SCORES}
    return Courses(scores, rng.uniform(5, 12, (SETTINGS, EPOCHS)), dict.fromkeys(PARTS, 9.0))


@pytest.fixture
def cohorts():
    return [random_courses(k) for k in range(N)]


def many(cohorts, patience=3) -> Many:
    return Many(cohorts, n_settings=SETTINGS, patience=patience)


def lowest(table: np.ndarray) -> tuple[int, int]:
    """Return row and column of the lowest value, by a plain loop."""
    best = (0, 0)
    for row in range(len(table)):
        for column in range(table.shape[1]):
            if table[row, column] < table[best]:
                best = (row, column)
    return best


def test_each_rule_by_hand(cohorts):
    """Against plain loops over candidates and epochs."""
    chosen = many(cohorts).apply()
    assert list(chosen) == list(RULES)
    for k, one in enumerate(cohorts):
        s = one.scores
        for rule, at in {
            LAST: (0, EPOCHS - 1),
            BEST: lowest(s["dev_mae"]),
            LEAK: lowest(s["test_mae"]),
            NESTED: lowest(one.inner_mae),
        }.items():
            row = chosen[rule].loc[k]
            assert row["epoch"] == at[1] + 1
            for column in COLUMNS[:-1]:
                assert row[column] == s[column][at]
        a, b = lowest(s["dev_a_mae"]), lowest(s["dev_b_mae"])
        row = chosen[HALVES].loc[k]
        assert row["dev_mae"] == pytest.approx((s["dev_b_mae"][a] + s["dev_a_mae"][b]) / 2)
        assert row["dev_pcc"] == pytest.approx((s["dev_b_pcc"][a] + s["dev_a_pcc"][b]) / 2)
        assert row["test_mae"] == pytest.approx((s["test_mae"][a] + s["test_mae"][b]) / 2)


def test_a_fixed_choice_comes_from_other_cohorts_only(cohorts):
    before = many(cohorts).apply()
    cohorts[0].scores["dev_mae"][:, 3] = 0.0  # cohort 0 would choose epoch 4 at once
    after = many(cohorts).apply()
    for rule in (FIXED, FIXED_BOTH):
        assert after[rule].loc[0, "epoch"] == before[rule].loc[0, "epoch"]
        others = [k for k in range(N) if k % 2]
        assert len({after[rule].loc[k, "epoch"] for k in others}) == 1
    mean = np.mean([c.scores["dev_mae"][0] for c in cohorts[::2]], axis=0)
    assert after[FIXED].loc[1, "epoch"] == mean.argmin() + 1


def test_the_protocol_stops_by_its_patience(cohorts):
    assert stopped(np.array([9, 8, 8.5, 8.4, 8.3, 1]), patience=3) == 1
    assert stopped(np.array([9, 8, 8.5, 8.4, 1.0]), patience=3) == 4
    assert stopped(np.array([5, 5, 5.0]), patience=9) == 0
    for k, one in enumerate(cohorts):
        found = many(cohorts, patience=2).apply()[PROTOCOL].loc[k, "epoch"]
        assert found == stopped(one.scores["dev_mae"][0], 2) + 1


def test_more_candidates_only_lower_dev(cohorts):
    growth = many(cohorts).growth(rng=np.random.default_rng(0))
    assert growth["dev_mae"].shape == (N, SETTINGS * SEEDS)
    assert (np.diff(growth["dev_mae"], axis=1) <= 0).all()
    whole = many(cohorts).apply()[BEST]
    np.testing.assert_array_equal(growth["dev_mae"][:, -1], whole["dev_mae"])
    np.testing.assert_array_equal(growth["test_mae"][:, -1], whole["test_mae"])
    again = many(cohorts).growth(rng=np.random.default_rng(1))
    assert not np.array_equal(again["dev_mae"][:, 0], growth["dev_mae"][:, 0])


def test_mean_courses_are_of_the_first_seed(cohorts):
    means = many(cohorts).mean_courses()
    assert means["dev_mae"].shape == (SETTINGS, EPOCHS)
    expected = np.mean([c.scores["test_pcc"][1, 2] for c in cohorts])
    assert means["test_pcc"][1, 2] == pytest.approx(expected)


def test_one_cohort_is_not_enough(cohorts):
    with pytest.raises(ValueError, match="two or more"):
        many(cohorts[:1])


def test_only_rules_in_which_dev_chose_say_so():
    assert [rule.name for rule in module.RULES.values() if rule.dev_chooses] == [PROTOCOL, BEST]
