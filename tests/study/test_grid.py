from dataclasses import replace

import pytest

from deplib import results, study
from deplib.errors import CohortError, ModelError
from deplib.models import BEYOND, MODELS, REGISTRY, resolve
from deplib.results import RunSpec


def test_the_grid_is_what_the_versioned_tables_hold():
    for world in study.WORLDS:
        rows = results.runs(world)[results.SPEC].to_dict("records")
        assert {RunSpec(**row) for row in rows} == set(study.sweep_specs([world]))


def test_every_model_has_a_place_in_it():
    specs = study.sweep_specs()
    assert {resolve(s.model)[0] for s in specs if s.model in REGISTRY} == {*MODELS, *BEYOND}
    for world in study.WORLDS:
        plain = [s for s in study.sweep_specs([world], parts=["ablation"])
                 if s == RunSpec(s.model, s.seed, world)]  # fmt: skip
        assert len(plain) == 10 * (len(study.VARIED) + 2) + 2
        assert [s.seed for s in plain] == sorted(s.seed for s in plain)  # seed by seed
        assert {s.seed for s in plain if s.model in study.RIDGE} == {0}  # nothing random in them


def test_each_control_differs_from_a_plain_run_in_one_thing():
    plain = set(study.sweep_specs(parts=["ablation"]))
    for spec in plain:
        if spec.split_rule == "disjoint":
            assert replace(spec, split_rule="official") in plain
        if spec.labels == "permuted":
            assert replace(spec, labels="true") in plain
    assert {s.fill for s in plain if s.lost} == {"mask", "zeros", "random", "interpolate"}


PARTS = [
    ({"worlds": ["null"], "models": ["LDBM"], "seeds": [3]}, {RunSpec("LDBM", 3, "null")}),
    ({"worlds": ["published"], "models": ["LDBM"], "seeds": [3]},
     {RunSpec("LDBM", 3, "published"), RunSpec("LDBM", 3, "published", features="affect")}),
    ({"worlds": ["null"], "split_rules": ["disjoint"]}, set()),
]  # fmt: skip


@pytest.mark.parametrize(("choice", "expected"), PARTS)
def test_a_part_of_the_sweep(choice, expected):
    assert set(study.sweep_specs(**choice)) == expected


def test_runs_on_any_cohort():
    assert study.training_specs("mine") == [RunSpec(m, world="mine") for m in MODELS]
    some = study.training_specs("mine", models=["LDBM", "RidgeMean"], seeds=(0, 1))
    assert [(s.model, s.seed) for s in some] == [("LDBM", 0), ("LDBM", 1), ("RidgeMean", 0)]
    for message, options in [
        ("unknown model 'ResNet'", {"models": ["ResNet"]}),
        ("unknown recipe 'magic'", {"recipe": "magic"}),
        ("RidgeMean is fitted, not trained", {"models": ["RidgeMean"], "recipe": "bags"}),
        ("no stream is named", {"features": "voice"}),
    ]:
        with pytest.raises((ModelError, CohortError), match=message):
            study.training_specs("mine", **options)
