"""A figure states whose data it shows, which runs and which files."""

import numpy as np
import pytest

from deplib import figures, study
from deplib.figures.style import BookFigure, begin
from deplib.results import RunSpec


def blank() -> BookFigure:
    return begin(size=(2, 2))[0]  # type: ignore[return-value]


def origin_of(*args, **kwargs) -> figures.Origin:
    return figures.stated(blank(), *args, **kwargs).origin


def test_runs_give_their_seeds_and_files():
    runs = [RunSpec("LDBM", seed=1), RunSpec("LDBM"), RunSpec("LDBM", labels="permuted")]
    origin = origin_of("somebody's", runs=iter(runs), files=["cost.json"])
    assert origin.seeds == (0, 1)
    assert origin.results == (
        "cost.json",
        "default/permuted/LDBM-seed0.json",
        "default/true/LDBM-seed0.json",
        "default/true/LDBM-seed1.json",
    )


def test_seeds_of_what_is_drawn_stand_beside_those_of_runs():
    assert origin_of("made up", runs=[RunSpec("LDBM", seed=3)], seeds=range(2)).seeds == (0, 1, 3)


def test_cohorts_are_named_once_and_as_what_they_are():
    cohort = study.open_cohort("null")
    origin = origin_of(cohort, figures.simulated("null"), figures.PUBLISHED, cohort)
    assert origin.cohort == "simulated cohort (null), published figures"
    assert (origin.seeds, origin.results) == ((), ())


def test_a_corpus_has_its_own_name():
    class Corpus:
        name, simulated = "AVEC2014", False

    assert origin_of(Corpus()).cohort == "AVEC2014"  # type: ignore[arg-type]


def test_a_figure_without_a_cohort_is_refused():
    with pytest.raises(ValueError, match="name a cohort, or why there is none"):
        figures.stated(blank(), runs=[RunSpec("LDBM")])


def test_a_figure_has_no_origin_until_it_is_stated():
    figure = blank()
    figure.axes[0].plot(np.arange(3), label="data")
    assert figure.kept()["origin"] is None
    figures.stated(figure, "made up", files=["cost.json"])
    assert figure.kept()["origin"] == {
        "cohort": "made up", "seeds": (), "results": ("cost.json",)
    }  # fmt: skip
