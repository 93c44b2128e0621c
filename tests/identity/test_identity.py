"""Repeated splits, replaced persons and recognition, on vectors whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from deplib import baselines, identity, study
from deplib.cohorts.base import SPLITS
from deplib.errors import CohortError
from deplib.identity import CONSTANT, NEAREST, OWN, RULES, SHRUNK, Pooled
from deplib.statistics import cluster_bootstrap
from deplib.windows import known


@pytest.fixture(scope="module")
def recordings() -> pd.DataFrame:
    return study.open_cohort().recordings


def faces(recordings: pd.DataFrame, *, noise: float = 0.05, width: int = 24) -> Pooled:
    """Vectors of a person and a little of the session; labels are not in them."""
    rng = np.random.default_rng(0)
    code, names = pd.factorize(recordings["person"])
    vectors = rng.standard_normal((len(names), width))[code]
    vectors = vectors + noise * rng.standard_normal(vectors.shape)
    return Pooled(recordings, {"RidgeMean": vectors}, vectors)


@pytest.fixture(scope="module")
def pooled(recordings) -> Pooled:
    return faces(recordings)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(5))
def test_rules_keep_the_recordings_and_the_sizes(recordings, rule, seed):
    split = RULES[rule](recordings, rng=np.random.default_rng(seed))
    assert split["split"].value_counts().to_dict() == dict.fromkeys(SPLITS, 50)
    pd.testing.assert_frame_equal(split.drop(columns="split"), recordings.drop(columns="split"))
    again = RULES[rule](recordings, rng=np.random.default_rng(seed))
    other = RULES[rule](recordings, rng=np.random.default_rng(seed + 100))
    assert split.equals(again)
    assert not split.equals(other)


@pytest.mark.parametrize("seed", range(5))
def test_as_official_repeats_how_many_are_known(recordings, seed):
    split = identity.as_official(recordings, rng=np.random.default_rng(seed))
    n_known, expected = (int(known(t, among=("train", "dev")).sum()) for t in (split, recordings))
    assert n_known == expected


def people(sessions: list[int]) -> pd.DataFrame:
    """The first recording of all but the last person in Train and Dev, by turns; others in Test."""
    names = [f"p{k}" for k, n in enumerate(sessions) for _ in range(n)]
    table = pd.DataFrame({"recording": range(len(names)), "person": names, "bdi": 10.0})
    first = ~table["person"].duplicated() & (table["person"] != names[-1])
    return table.assign(split=np.where(first, np.resize(["train", "dev"], len(names)), "test"))


def test_as_official_where_nobody_is_known(recordings):
    alone = recordings.drop_duplicates("person").assign(split=np.resize(SPLITS, 84))
    split = identity.as_official(alone, rng=np.random.default_rng(0))
    assert not known(split).any()


def test_as_official_draws_again_until_test_is_full(monkeypatch):
    """One person of three is new; any of two in its place leaves one recording to fill."""
    table = people([2] * 30 + [3])
    split = identity.as_official(table, rng=np.random.default_rng(0))
    assert known(split, among=("train", "dev")).sum() == 30
    assert (split.loc[split["person"] == "p30", "split"] == "test").all()
    monkeypatch.setattr("deplib.identity.rules.ATTEMPTS", 1)
    with pytest.raises(CohortError, match="in 1 draws no Test had 3 recordings of new persons"):
        identity.as_official(table, rng=np.random.default_rng(0))


@pytest.mark.parametrize("seed", range(10))
def test_replacing_changes_persons_in_train_and_nothing_else(recordings, seed):
    seen, replaced = identity.draw_replacement(recordings, rng=np.random.default_rng(seed))
    for split in (seen, replaced):
        sizes = pd.Series(split).value_counts()
        assert (sizes["train"], sizes["dev"]) == (50, 50)
    np.testing.assert_array_equal(seen == "test", replaced == "test")
    np.testing.assert_array_equal(seen == "dev", replaced == "dev")
    person = recordings["person"].to_numpy()
    tested = person[seen == "test"]
    assert len(set(tested)) == len(tested)
    assert set(tested) <= set(person[seen == "train"])
    assert not set(tested) & set(person[replaced == "train"])
    assert not set(tested) & set(person[seen == "dev"])
    others = np.isin(person, tested) & (seen != "test")
    assert (seen[others] == "train").all()
    assert (replaced[others] == "").all()


def test_too_few_persons_to_replace_are_told(recordings):
    alone = recordings.drop_duplicates("person").assign(split=np.resize(SPLITS, 84))
    with pytest.raises(CohortError, match="0 persons have several recordings"):
        identity.draw_replacement(alone, rng=np.random.default_rng(0))


@pytest.mark.parametrize("width", [24, 200])
def test_ridge_is_that_of_the_baselines(recordings, width):
    x = faces(recordings, width=width).embedding
    y = recordings["bdi"].to_numpy(float)
    train = np.flatnonzero(recordings["split"] == "train")
    fitted = baselines.ridge(x, recordings)
    ours, penalty = identity.ridge(x, y, train, (recordings["split"] == "dev").to_numpy())
    np.testing.assert_allclose(ours, fitted.predictions["bdi_hat"], atol=1e-8)
    assert penalty == fitted.setting


def test_predictors_by_hand():
    recordings = pd.DataFrame(
        {
            "recording": [*"abcdefg"],
            "person": ["p", "p", "q", "r", "p", "q", "s"],
            "split": ["train"] * 4 + ["test"] * 3,
            "bdi": [10.0, 14.0, 30.0, 2.0, 11.0, 31.0, 20.0],
        }
    )
    towards = {"p": [1.0, 0.0, 0.0], "q": [0.0, 1.0, 0.0], "r": [0.0, 0.0, 1.0], "s": [0, 0.1, 3]}
    pooled = Pooled(recordings, {}, np.array([towards[p] for p in recordings["person"]]))
    found, _ = identity.predict(pooled, recordings["split"].to_numpy(), pooled.similarity)
    test = slice(4, None)
    assert found[CONSTANT][test].tolist() == [12, 12, 12]
    assert found[NEAREST][test].tolist() == [10, 30, 2]
    assert found[OWN][test].tolist() == [12, 30, 12]
    s = identity.PERSISTENCE
    assert found[SHRUNK][test] == pytest.approx(
        [14 + 2 * s / (1 + s) * (12 - 14), 14 + s * (30 - 14), 12]
    )


def test_trials_tell_known_from_new_and_count_what_is_recognised(pooled):
    trials = identity.repeat_splits(
        pooled, "by recording", n_splits=8, rng=np.random.default_rng(1)
    )
    tested = np.isfinite(trials.errors[CONSTANT])
    assert (tested.sum(axis=1) == 50).all()
    assert (trials.known <= tested).all()
    np.testing.assert_array_equal(trials.recognised, trials.known)  # faces without error
    assert np.nanmax(np.abs((trials.errors[OWN] - trials.errors[CONSTANT])[~trials.known])) == 0
    errors = trials.errors[NEAREST] - trials.errors[CONSTANT]
    by_recording = trials.of_recordings(NEAREST, minus=CONSTANT, known=True)
    recording = by_recording.index[0]
    at = pooled.recordings["recording"].tolist().index(recording)
    assert by_recording[recording] == pytest.approx(errors[trials.known[:, at], at].mean())
    assert trials.mae(CONSTANT)[0] == pytest.approx(trials.errors[CONSTANT][0][tested[0]].mean())
    disjoint = identity.repeat_splits(
        pooled, "person-disjoint", n_splits=3, rng=np.random.default_rng(1)
    )
    assert not disjoint.known.any()
    assert disjoint.of_recordings(NEAREST, known=True).empty


def test_an_unknown_rule_is_refused(pooled):
    with pytest.raises(CohortError, match="unknown rule 'random'; there are by recording"):
        identity.repeat_splits(pooled, "random", n_splits=1, rng=np.random.default_rng(0))


@pytest.mark.parametrize("persist", [True, False])
def test_persons_are_worth_something_only_where_labels_persist(recordings, persist):
    """The truth is known: faces say nothing but who it is."""
    rng = np.random.default_rng(5)
    code, names = pd.factorize(recordings["person"])
    bdi = rng.integers(0, 50, len(names))[code] if persist else rng.integers(0, 50, len(code))
    pooled = faces(recordings.assign(bdi=bdi.astype(float)), noise=0.01, width=100)
    seen, replaced = identity.replace_persons(pooled, n_draws=60, rng=np.random.default_rng(0))
    gains = {
        name: (replaced.of_recordings(name) - seen.of_recordings(name)).mean()
        for name in ("RidgeMean", NEAREST, OWN)
    }
    if persist:
        assert np.nanmax(seen.errors[OWN]) == np.nanmax(seen.errors[NEAREST]) == 0
        assert min(gains.values()) > 3
    else:
        assert abs(gains["RidgeMean"]) < 1.5
        assert gains[OWN] < 1.5


def test_pairs_of_sessions_by_hand():
    table = pd.DataFrame(
        {"recording": [*"abcd"], "person": ["p", "p", "q", "p"], "bdi": [1.0, 2.0, 3.0, 4.0]}
    )
    pairs = identity.session_pairs(table)
    assert set(pairs["person"]) == {"p"}
    assert sorted(zip(pairs["bdi"], pairs["bdi_other"], strict=True)) == [
        (1, 2), (1, 4), (2, 1), (2, 4), (4, 1), (4, 2),
    ]  # fmt: skip


def test_a_difference_of_means_draws_persons_of_both_sets_together():
    rng = np.random.default_rng(0)
    names = [f"r{k}" for k in range(80)]
    persons = pd.Series([f"p{k // 2}" for k in range(80)], index=names)
    level = pd.Series(np.repeat(rng.normal(0, 5, 40), 2), index=names)
    same = identity.difference_of_means(
        level, level - 2.0, persons, rng=np.random.default_rng(1), n_resamples=500
    )
    assert (same.value, same.low, same.high) == pytest.approx((2, 2, 2))
    apart = identity.difference_of_means(
        level[:40], level[40:], persons, rng=np.random.default_rng(1), n_resamples=2000
    )
    assert apart.value == pytest.approx(level[:40].mean() - level[40:].mean())
    error = np.sqrt(2 * level[::2].var() / 20)  # 20 persons a side, not 40 recordings
    assert (apart.high - apart.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.2)
    paired = identity.difference_of_means(
        level, level**2, persons, rng=np.random.default_rng(1), n_resamples=4000
    )
    known_way = cluster_bootstrap(  # where both sets are the same recordings
        level**2,
        level,
        persons,
        metric="bias",
        n_resamples=4000,
        rng=np.random.default_rng(1),
    )
    assert (paired.value, paired.low, paired.high) == pytest.approx(
        (known_way.estimate, known_way.low, known_way.high),
        rel=0.02,  # other draws
    )
    again = identity.difference_of_means(
        level[:40], level[40:], persons, rng=np.random.default_rng(1), n_resamples=2000
    )
    assert again == apart


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ([], "a set of 0 values"),
        ([np.nan, 1.0], "not finite"),
        ([1.0, 2.0, 3.0], "without a person"),
    ],
)
def test_sets_that_have_no_mean_are_refused(first, message):
    persons = pd.Series({0: "p", 1: "q"})
    with pytest.raises(ValueError, match=message):
        identity.difference_of_means(
            pd.Series(first, dtype=float), pd.Series([1.0]), persons, rng=np.random.default_rng(0)
        )


def test_one_person_has_no_interval():
    one = pd.Series([1.0, 2.0])
    with pytest.raises(ValueError, match="needs at least two"):
        identity.difference_of_means(
            one, one, pd.Series({0: "p", 1: "p"}), rng=np.random.default_rng(0)
        )
