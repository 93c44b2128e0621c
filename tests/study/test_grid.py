from dataclasses import replace

import pytest

from deplib import study
from deplib.models import BEYOND, MODELS, REGISTRY, resolve
from deplib.results import RunSpec


def test_a_world_is_every_variant_and_baseline_at_every_seed_once():
    specs = study.grid_specs("null")
    assert len(specs) == len(set(specs)) == 10 * (len(study.VARIED) + 2) + 2
    assert {s.world for s in specs} == {"null"}
    assert {s.seed for s in specs if s.model == "MiniRocket"} == set(range(10))
    assert {s.seed for s in specs if s.model in study.RIDGE} == {0}  # nothing random in them
    assert [s.seed for s in specs] == sorted(s.seed for s in specs)  # seed by seed


def test_every_model_and_its_name_has_a_place_in_the_grid():
    assert set(study.VARIED) <= set(REGISTRY)
    swept = {resolve(s.model)[0] for s in study.sweep_specs() if s.model in REGISTRY}
    assert {*MODELS, *BEYOND} == swept
    assert {s.model for s in study.live_specs()} == set(MODELS)


def test_the_sweep_has_no_run_twice_and_every_run_a_file_of_its_own():
    specs = study.sweep_specs()
    assert len({s.path for s in specs}) == len(specs)
    assert set(study.live_specs()) <= set(specs)
    extra = [s for s in specs if s.labels != "true" or s.lost]
    assert {s.world for s in extra} == {"default"}
    assert {s.fill for s in extra if s.lost} == {"mask", "zeros", "random", "interpolate"}


def test_the_disjoint_runs_repeat_the_four_and_ridge_on_another_split():
    specs = study.disjoint_specs()
    assert len(specs) == len(set(specs)) == 4 * len(study.DISJOINT_SEEDS) + 2
    official = {replace(spec, split="official") for spec in specs}
    assert official <= set(study.grid_specs())
    ablation = ["ablation"]
    swept = study.sweep_specs(parts=ablation)
    assert {spec for spec in swept if spec.split == "disjoint"} == set(specs)
    assert set(study.sweep_specs(splits=["disjoint"], parts=ablation)) == set(specs)
    official = study.sweep_specs(splits=["official"], parts=ablation)
    assert set(official) == set(swept) - set(specs)
    assert not study.sweep_specs(["null"], splits=["disjoint"])


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"worlds": ["null"], "models": ["LDBM"], "seeds": [3]}, {RunSpec("LDBM", 3, "null")}),
        ({"worlds": ["null"], "models": ["RidgeMean"], "seeds": [0, 1]},
         {RunSpec("RidgeMean", 0, "null")}),
        ({"worlds": ["default"], "models": ["LDBM"], "seeds": [3]},
         {RunSpec("LDBM", 3), RunSpec("LDBM", 3, split="disjoint")}),
        ({"worlds": ["published"], "models": ["LDBM"], "seeds": [3]},
         {RunSpec("LDBM", 3, "published"), RunSpec("LDBM", 3, "published", features="affect")}),
        ({"seeds": [2], "models": ["Mamba"]},
         {RunSpec("Mamba", 2, world) for world in study.WORLDS}),
    ],
)  # fmt: skip
def test_a_part_of_the_sweep(choice, expected):
    assert set(study.sweep_specs(**choice)) == expected
