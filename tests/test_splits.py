"""Person-disjoint splits: nobody in two of them, sizes and labels as near as persons allow."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wasserstein_distance

from deplib import study
from deplib.cohorts.base import SPLITS
from deplib.errors import CohortError
from deplib.windows import person_disjoint, split_as


def table(sessions: list[int], *, seed: int = 0) -> pd.DataFrame:
    """One person a number of recordings, split by recording."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(len(sessions)), sessions)
    return pd.DataFrame(
        {
            "recording": [f"{k:03d}" for k in range(len(person))],
            "person": [f"p{k}" for k in person],
            "split": rng.permutation(np.resize(SPLITS, len(person))),
            "bdi": rng.integers(0, 64, len(person)).astype(float),
        }
    )


def sizes(recordings: pd.DataFrame) -> list[int]:
    return [int((recordings["split"] == split).sum()) for split in SPLITS]


@pytest.mark.parametrize("seed", range(8))
def test_nobody_is_in_two_splits_and_nothing_else_changes(seed):
    rng = np.random.default_rng(seed)
    recordings = table(rng.integers(1, 5, rng.integers(3, 40)).tolist(), seed=seed)
    split = person_disjoint(recordings, rng=rng)
    assert split.groupby("person")["split"].nunique().max() == 1
    pd.testing.assert_frame_equal(split.drop(columns="split"), recordings.drop(columns="split"))
    most = recordings["person"].value_counts().max()
    assert all(abs(a - b) <= most for a, b in zip(sizes(split), sizes(recordings), strict=True))


@pytest.mark.parametrize("seed", range(10))
def test_sizes_are_exact_where_enough_persons_have_one_recording(seed):
    recordings = table([4] * 5 + [3] * 6 + [2] * 10 + [1] * 20, seed=seed)
    recordings["split"] = np.repeat(SPLITS, [40, 20, 18])
    assert sizes(person_disjoint(recordings, rng=np.random.default_rng(seed))) == [40, 20, 18]


@pytest.mark.parametrize("sessions", [[9, 1, 1], [2, 2, 2], [6, 5, 1, 1]])
def test_few_persons_fill_every_split(sessions):
    split = person_disjoint(table(sessions), rng=np.random.default_rng(0))
    assert min(sizes(split)) >= 1
    assert max(sizes(split)) == max(sessions)


def imbalance(recordings: pd.DataFrame) -> float:
    """The mean Wasserstein distance of the labels of a split from all labels, in points."""
    every = recordings["bdi"]
    parts = recordings.groupby("split")["bdi"]
    return float(np.mean([wasserstein_distance(part, every) for _, part in parts]))


@pytest.mark.parametrize("seed", range(5))
def test_balance_moves_persons_until_no_exchange_helps(seed):
    recordings = table([1, 2, 3, 1, 1] * 6, seed=seed)
    split = person_disjoint(recordings, rng=np.random.default_rng(seed))
    of = split.groupby("person").agg(split=("split", "first"), n=("split", "size"))
    reached = imbalance(split)
    for one in of.index:
        for two in of.index:
            if of.loc[one, "n"] == of.loc[two, "n"]:
                to = {one: of.loc[two, "split"], two: of.loc[one, "split"]}
                moved = split.assign(split=split["person"].map(to).fillna(split["split"]))
                assert imbalance(moved) >= reached - 1e-9


UNSPLIT = [
    (lambda t: t.assign(person="p"), r"too few persons \(1\) to fill 3 splits"),
    (lambda t: t.drop(columns="bdi"), "lacks \\['bdi'\\]"),
    (lambda t: t.assign(bdi=t["bdi"].where(t["recording"] != "001")), "'001' has the label"),
    (lambda t: t.assign(person=t["person"].where(t["bdi"] < 0)), "has no person"),
]


@pytest.mark.parametrize(("change", "message"), UNSPLIT)
def test_what_cannot_be_split_is_refused(change, message):
    with pytest.raises(CohortError, match=message):
        person_disjoint(change(table([2, 1, 1, 2])), rng=np.random.default_rng(0))


def test_the_split_of_the_study_is_disjoint_even_and_balanced(monkeypatch):
    with pytest.raises(CohortError, match="unknown split rule 'random'; there are official, disj"):
        split_as(table([1, 1, 1]), "random")
    recordings = study.open_cohort().recordings
    assert split_as(recordings, "official") is recordings
    split = split_as(recordings, "disjoint")
    assert sizes(split) == [50, 50, 50]
    assert split.groupby("person")["split"].nunique().max() == 1
    monkeypatch.setattr("deplib.windows._balance", lambda *_: None)
    rngs = map(np.random.default_rng, range(20))
    drawn = min(imbalance(person_disjoint(recordings, rng=rng)) for rng in rngs)
    assert imbalance(split) < 0.5 * drawn
