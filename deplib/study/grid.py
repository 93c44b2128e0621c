"""Which runs there are: a table of blocks, each a product of worlds, models and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from deplib import baselines
from deplib.errors import ModelError
from deplib.models import MODELS, REGISTRY
from deplib.recipes import recipe_named
from deplib.results import RunSpec
from deplib.streams import parse
from deplib.study.controls import PLANTED
from deplib.study.inputs import SMALL
from deplib.windows import Fill, SplitRule

Part = Literal["ablation", "options"]
"""The study's comparison with its controls, and the advice that the study only gives."""
WORLDS = ("default", "null", "published")
"""The simulated worlds, the one that the book shows first."""
SEEDS = tuple(range(10))
"""Seeds of every model that has a random part."""
FEW = SEEDS[:5]
"""Seeds of the person-disjoint split and of the options."""
MEAN, HYBRID, UNCERTAIN = "TemporalMeanMLP", "HybridPooling", "HybridPooling-dropout"
"""No architecture, the model that the study recommends, and the same with dropout."""
VARIED = (MEAN, "LDBM-patch4", "LDBM", "LDBM-patch16", "VanillaTransformer", "MambaGRU", "Mamba")
"""The trained variants of the ablation; LDBM alone is patch 8, the study's."""
RIDGE: dict[str, baselines.Pooling] = {"RidgeMean": "mean", "RidgeMeanSD": "mean+sd"}
"""Ridge baselines by what they pool; nothing in them is random."""
BASELINES = ("AttentionMIL", "MiniRocket", *RIDGE)
"""What the architectures are compared with, besides the constant."""
LOST = 0.5
"""Share of the frames that the comparison of fills loses."""
STREAMS = ("action", "pulse", "identity+action+pulse")
ON_BOTH = ("identity", "affect")
"""Features on which the ways of teaching are compared: the study's kind, and the better ones."""


@dataclass(frozen=True)
class Block:
    """Runs of some models at some seeds in some worlds, with settings in common."""

    part: Part
    worlds: tuple[str, ...]
    models: tuple[str, ...]
    seeds: tuple[int, ...] = SEEDS
    settings: dict[str, Any] = field(default_factory=dict)

    def specs(self) -> list[RunSpec]:
        """Return its runs, seed by seed: whoever stops early has whole seeds."""
        return [
            RunSpec(model, seed, world, **self.settings)
            for world in self.worlds
            for seed in self.seeds
            for model in self.models
            if model not in RIDGE or seed == SEEDS[0]
        ]


def _option(
    models: Sequence[str], *worlds: str, seeds: tuple[int, ...] = FEW, **settings: Any
) -> Block:
    # Two worlds: a moderate link from severity to behaviour, and a strong one.
    return Block("options", worlds or ("default", "published"), tuple(models), seeds, settings)


FOUR = tuple(MODELS)
GRID = (
    # What a reader's machine trains again, to compare.
    Block("ablation", (SMALL,), (*FOUR, HYBRID), SEEDS[:1]),
    Block("ablation", WORLDS, (*VARIED, *BASELINES)),
    Block("ablation", ("default",), (*FOUR, *RIDGE), SEEDS[:1], {"labels": "permuted"}),
    *(
        Block("ablation", ("default",), FOUR, SEEDS[:1], {"lost": LOST, "fill": fill})
        for fill in get_args(Fill)
    ),
    Block("ablation", ("default",), (*FOUR, *RIDGE), FEW, {"split_rule": "disjoint"}),
    *(_option((MEAN, HYBRID), features=features) for features in (*ON_BOTH, "random")),
    _option([HYBRID], features="identity+affect"),
    *(_option([HYBRID], features=f, recipe=way) for way in ("smoothed", "bags") for f in ON_BOTH),
    *(_option([HYBRID], features=f, missing=share) for share in (0.0, 0.5) for f in STREAMS),
    *(_option([UNCERTAIN], features=features, recipe="dropout") for features in ON_BOTH),
    *(_option([HYBRID], features=features, split_rule="disjoint") for features in ON_BOTH),
    # What is costly to train is tested where the link is strong: there it would help first. Without
    # the Transformer, whose five seeds would take a third of all options' time.
    _option((MEAN, "LDBM", "MambaGRU"), "published", features="affect"),
    *(
        _option((*FOUR, HYBRID, "Mamba"), "default", seeds=SEEDS[:1], precision=precision)
        for precision in ("int8", "int8-encoder")
    ),
)
"""Every run whose result is versioned. Nothing is tuned: settings are the recipes' defaults."""


def sweep_specs(
    worlds: Sequence[str] | None = None,
    *,
    models: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    split_rules: Sequence[str] | None = None,
    parts: Sequence[str] | None = None,
) -> list[RunSpec]:
    """Return all runs whose results are versioned, or only those of some worlds, models, ..."""
    every = [spec for block in GRID if not parts or block.part in parts for spec in block.specs()]
    wanted = {"world": worlds, "model": models, "seed": seeds, "split_rule": split_rules}
    return [
        spec
        for spec in dict.fromkeys(every)
        if all(not values or getattr(spec, name) in values for name, values in wanted.items())
    ]


def planned(world: str, n_seeds: int = len(SEEDS)) -> list[RunSpec]:
    """Return the runs of the plan: all models under both split rules, and with dealt-out labels."""
    models, seeds = (*FOUR, "MiniRocket", *RIDGE), SEEDS[:n_seeds]
    settings = [{}, {"split_rule": "disjoint"}, *({"labels": name} for name in PLANTED)]
    blocks = [Block("ablation", (world,), models, seeds, one) for one in settings]
    blocks.append(Block("ablation", (world,), models, seeds[:1], {"labels": "permuted"}))
    return [spec for block in blocks for spec in block.specs()]


def training_specs(
    world: str,
    *,
    models: Sequence[str] | None = None,
    seeds: Sequence[int] = SEEDS[:1],
    split_rule: SplitRule = "official",
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
    recipe_named(recipe)
    known = dict.fromkeys((*REGISTRY, *BASELINES))
    for model in models or ():
        if model not in known:
            raise ModelError(f"unknown model {model!r}; there are {', '.join(known)}")
        if recipe != RunSpec.recipe and model not in REGISTRY:
            raise ModelError(f"{model} is fitted, not trained: no recipe fits it")
    return [
        RunSpec(model, seed, world, split_rule=split_rule, features=features, recipe=recipe)
        for model in dict.fromkeys(models or MODELS)
        for seed in (seeds[:1] if model in RIDGE else seeds)
    ]
