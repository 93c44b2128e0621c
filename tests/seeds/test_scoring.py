"""What ``score`` refuses."""

import doctest

import numpy as np
import pandas as pd
import pytest

from deplib import seeds
from deplib.errors import ResultError
from deplib.seeds import scoring


def test_runs_that_do_not_fit_together_are_refused(table, scores):
    with pytest.raises(ResultError, match="b at seed 4 does not have the recordings"):
        seeds.score(table.drop(table.query("model == 'b' and seed == 4").index[:1]))
    with pytest.raises(ResultError, match="twice"):
        seeds.score(pd.concat([table, table.tail(1)]))
    changed = table.copy()
    changed.loc[60, "bdi"] += 1
    with pytest.raises(ResultError, match="different labels"):
        seeds.score(changed)
    changed = table.copy()
    changed.loc[60, "person"] = "another"
    with pytest.raises(ResultError, match="different persons"):
        seeds.score(changed)
    with pytest.raises(ResultError, match="no run of 'd'"):
        scores.summary("d")
    with pytest.raises(ResultError, match="cannot be ranked"):
        seeds.score(table.query("model == 'a' or seed < 3")).ranks(["a", "b"])


@pytest.mark.parametrize("column", ["recording", "person", "bdi", "model", "seed"])
def test_a_gap_in_the_table_is_refused_wherever_it_is(table, column):
    gap = table.astype({"seed": object})
    gap.loc[3, column] = None
    with pytest.raises(ResultError, match=f"some rows have no {column}"):
        seeds.score(gap)


def test_predictions_that_are_no_numbers_are_refused(table):
    for value, error in ((np.nan, ResultError), (np.inf, ValueError)):
        changed = table.copy()
        changed.loc[3, "bdi_hat"] = value
        with pytest.raises(error, match=r"nan|inf"):
            seeds.score(changed)


def test_an_empty_table_and_a_single_person_are_refused(table):
    with pytest.raises(ResultError, match="no run to score"):
        seeds.score(table.head(0))
    with pytest.raises(ValueError, match="1 person"):
        seeds.score(table.assign(person="p"))


def test_examples_in_the_docstrings():
    assert doctest.testmod(scoring) == (0, 5)
