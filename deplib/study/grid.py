"""Which runs there are: the live ones, and those of the sweep whose results are versioned."""

from collections.abc import Sequence

from deplib import baselines
from deplib.errors import ModelError
from deplib.extraction.fallback import FILLS
from deplib.models import MODELS, REGISTRY
from deplib.recipes import recipe_module
from deplib.results import RunSpec
from deplib.windows import Split
from deplib.streams.names import parse

WORLDS = ("default", "null", "published")
"""The simulated worlds, the one that the book shows first."""
SEEDS = tuple(range(10))
"""Seeds of every model that has a random part."""
VARIED = (
    "TemporalMeanMLP",
    "LDBM-patch4",
    "LDBM",
    "LDBM-patch16",
    "VanillaTransformer",
    "MambaGRU",
    "Mamba",
)
"""The trained variants of the ablation; LDBM alone is patch 8, the study's."""
RIDGE: dict[str, baselines.Pooling] = {"RidgeMean": "mean", "RidgeMeanSD": "mean+sd"}
"""Ridge baselines by what they pool; nothing in them is random."""
BASELINES = ("AttentionMIL", "MiniRocket", *RIDGE)
"""What the architectures are compared with, besides the constant."""
DISJOINT_SEEDS = SEEDS[:5]
"""Seeds at which the four are trained again on a person-disjoint split."""
LOST = 0.5
"""Share of the frames that the comparison of fallbacks loses."""


def live_specs(world: str = "default") -> list[RunSpec]:
    """Return the runs that every build of the book repeats: the four models at one seed."""
    return [RunSpec(model, world=world) for model in MODELS]


def training_specs(
    world: str,
    *,
    models: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    split: Split = "official",
    features: str = RunSpec.features,
    recipe: str = RunSpec.recipe,
) -> list[RunSpec]:
    """Return runs of some models and baselines on any cohort; the study's four by default.

    Raises
    ------
    CohortError
        If a stream of the features is unknown.
    ModelError
        If a model is neither in the registry nor a baseline, the recipe is unknown, or a baseline
        is to be taught by one.
    """
    parse(features)
    if recipe != RunSpec.recipe:
        recipe_module(recipe)  # raises if there is none
    known = (*REGISTRY, *(name for name in BASELINES if name not in REGISTRY))
    for model in models or ():
        if model not in known:
            raise ModelError(f"unknown model {model!r}; there are {', '.join(known)}")
        if recipe != RunSpec.recipe and model not in REGISTRY:
            raise ModelError(f"{model} is fitted, not trained: no recipe fits it")
    return [
        RunSpec(model, seed, world, split=split, features=features, recipe=recipe)
        for model in dict.fromkeys(models or MODELS)
        for seed in (seeds[:1] if model in RIDGE else seeds)
    ]


def grid_specs(world: str = "default", seeds: Sequence[int] = SEEDS) -> list[RunSpec]:
    """Return the grid of one world: every variant and baseline at every seed, seed by seed.

    Whoever stops early has whole seeds, not one model at all of them.
    """
    return [
        RunSpec(name, seed=seed, world=world)
        for seed in seeds
        for name in (*VARIED, *BASELINES)
        if name not in RIDGE or seed == SEEDS[0]
    ]


def permuted_specs(world: str = "default") -> list[RunSpec]:
    """Return the control: the study's four and ridge at one seed, with permuted labels."""
    return [RunSpec(name, world=world, labels="permuted") for name in (*MODELS, *RIDGE)]


def fallback_specs(world: str = "default") -> list[RunSpec]:
    """Return the runs that compare what can stand in the place of lost frames."""
    return [RunSpec(model, world=world, lost=LOST, fill=fill) for fill in FILLS for model in MODELS]


def disjoint_specs(world: str = "default", seeds: Sequence[int] = DISJOINT_SEEDS) -> list[RunSpec]:
    """Return the study's four and ridge on a split in which nobody is in two splits."""
    return training_specs(world, models=(*MODELS, *RIDGE), seeds=seeds, split="disjoint")
