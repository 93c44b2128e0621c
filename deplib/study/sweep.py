"""All runs whose results are versioned, part by part."""

from collections.abc import Sequence
from typing import Literal, get_args

from deplib.results import RunSpec
from deplib.windows import Split
from deplib.study.grid import (
    SEEDS,
    WORLDS,
    disjoint_specs,
    fallback_specs,
    grid_specs,
    permuted_specs,
)
from deplib.study.options import TESTED_WORLDS, option_specs, quantised_specs

Part = Literal["ablation", "options"]
"""The study's comparison with its controls, and the advice that the study only gives."""


def sweep_specs(
    worlds: Sequence[str] = WORLDS,
    *,
    models: Sequence[str] | None = None,
    seeds: Sequence[int] = SEEDS,
    splits: Sequence[str] = get_args(Split),
    parts: Sequence[str] = get_args(Part),
) -> list[RunSpec]:
    """Return all runs whose results are versioned, or some of them.

    Parameters
    ----------
    worlds
        Worlds of the grid; the permuted control, the fallbacks and the person-disjoint split
        belong to ``"default"``, the options to ``TESTED_WORLDS``.
    models
        Only these of the variants and baselines; all by default.
    seeds
        Only these seeds.
    splits
        Only runs on these splits.
    parts
        Only these parts.
    """
    specs: list[RunSpec] = []
    for world in worlds:
        if "ablation" in parts:
            specs += grid_specs(world, seeds)
            if world == "default":
                if SEEDS[0] in seeds:
                    specs += permuted_specs(world) + fallback_specs(world)
                specs += [spec for spec in disjoint_specs(world) if spec.seed in seeds]
        if "options" in parts and world in TESTED_WORLDS:
            options = [*option_specs(world), *(quantised_specs() if world == "default" else ())]
            specs += [spec for spec in options if spec.seed in seeds]
    specs = [spec for spec in dict.fromkeys(specs) if spec.split in splits]
    return [spec for spec in specs if models is None or spec.model in models]
