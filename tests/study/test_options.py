"""The runs that test the study's advice: each differs from its reference in one thing."""

from dataclasses import fields, replace

import pytest

from deplib import study
from deplib.results import RunSpec
from deplib.study import options

EVERY = [spec for world in options.TESTED_WORLDS for spec in options.option_specs(world)]


def test_every_option_has_five_seeds_and_a_file_of_its_own():
    assert len({spec.path for spec in EVERY}) == len(EVERY) == len(set(EVERY))
    kinds = {replace(spec, seed=0) for spec in EVERY}
    assert len(EVERY) == len(kinds) * len(options.OPTION_SEEDS)
    assert {spec.world for spec in EVERY} == set(options.TESTED_WORLDS)


def test_the_sweep_has_them_beside_the_ablation():
    ablation = set(study.sweep_specs(parts=["ablation"]))
    small = set(options.quantised_specs())
    assert set(study.sweep_specs(parts=["options"])) == set(EVERY) | small
    assert set(study.sweep_specs()) == ablation | set(EVERY) | small
    assert {replace(spec, precision="float32") for spec in small} <= {*ablation, *EVERY}
    assert not study.sweep_specs(["null"], parts=["options"])
    of_the_ablation = {spec for spec in EVERY if spec in ablation}
    assert {spec.model for spec in of_the_ablation} == {options.MEAN}  # on the study's features


@pytest.mark.parametrize("spec", [s for s in EVERY if s.seed == 0], ids=lambda s: str(s.path))
def test_an_option_differs_from_a_run_that_is_there_in_one_thing(spec):
    """From another option, or from a run of the grid."""
    there = {*EVERY, *study.grid_specs(spec.world), *study.disjoint_specs(spec.world)} - {spec}
    if spec.recipe == "dropout":  # the model that it needs, and the recipe, come together
        spec = replace(spec, model=options.BASE)
    names = [field.name for field in fields(RunSpec)]
    apart = [[n for n in names if getattr(spec, n) != getattr(other, n)] for other in there]
    assert min(map(len, apart)) == 1
