"""The runs that test the study's advice: other features, another model, other ways of teaching.

Each option differs from a run of the grid, or from one here, in one thing; ``BASE`` and the
functions say which. Nothing is tuned: every setting is the recipe's default.
"""

from collections.abc import Sequence

from deplib.models import MODELS
from deplib.results import RunSpec
from deplib.windows import Split
from deplib.study.grid import SEEDS
from deplib.study.inputs import SMALL_ENCODER, SMALL_MODEL

TESTED_WORLDS = ("default", "published")
"""Where there is something to find: a moderate link from severity to behaviour, a strong one."""
STRONGEST = "published"
"""Where what is costly to train is tested: if it fails here, it will not help elsewhere."""
OPTION_SEEDS = SEEDS[:5]
MEAN, BASE = "TemporalMeanMLP", "HybridPooling"
"""The reference without any architecture, and the model that the study recommends."""
UNCERTAIN = "HybridPooling-dropout"
SLOWEST = "VanillaTransformer"
"""Not trained again on other features: its five seeds would take a third of all options' time."""
PRETRAINED_MODEL = "MambaGRU"
"""A state a frame, so that a masked frame can be asked for."""
ENCODERS = ("identity", "affect", "random")
FUSED = "identity+affect"
MODALITIES = ("action", "pulse")
ALL_STREAMS = "identity+action+pulse"
BETTER = "affect"
TAUGHT_ON = ("identity", BETTER)
"""Features on which the ways of teaching are compared: the study's kind, and the better ones."""
IN_8_BITS = (SMALL_MODEL, SMALL_ENCODER)
MISSING = 0.5
"""Share of the recordings that lack the streams that no encoder makes."""


def option_specs(world: str, seeds: Sequence[int] = OPTION_SEEDS) -> list[RunSpec]:
    """Return the runs of all options in one world, the quick ones first."""
    specs = [
        *encoder_specs(world, seeds),
        *teaching_specs(world, seeds),
        *modality_specs(world, seeds),
        *dropout_specs(world, seeds),
        *stranger_specs(world, seeds),
    ]
    if world == STRONGEST:
        specs += [*pretraining_specs(world, seeds), *temporal_specs(world, seeds)]
    return list(dict.fromkeys(specs))


def encoder_specs(world: str, seeds: Sequence[int] = OPTION_SEEDS) -> list[RunSpec]:
    """Return the mean and the hybrid on each encoder, and the hybrid on two."""
    pairs = [(model, features) for features in ENCODERS for model in (MEAN, BASE)]
    return _specs(world, seeds, [*pairs, (BASE, FUSED)])


def teaching_specs(world: str, seeds: Sequence[int] = OPTION_SEEDS) -> list[RunSpec]:
    """Return the hybrid with smoothed labels, and on bags of windows."""
    pairs = [(BASE, features) for features in TAUGHT_ON]
    return [
        spec
        for recipe in ("smoothed", "bags")
        for spec in _specs(world, seeds, pairs, recipe=recipe)
    ]


def modality_specs(world: str, seeds: Sequence[int] = OPTION_SEEDS) -> list[RunSpec]:
    """Return the hybrid on each stream alone and on all, with and without missing streams."""
    pairs = [(BASE, features) for features in (*MODALITIES, ALL_STREAMS)]
    return [*_specs(world, seeds, pairs), *_specs(world, seeds, pairs, missing=MISSING)]


def dropout_specs(world: str, seeds: Sequence[int] = OPTION_SEEDS) -> list[RunSpec]:
    """Return the hybrid with Monte Carlo dropout."""
    return _specs(world, seeds, [(UNCERTAIN, f) for f in TAUGHT_ON], recipe="dropout")


def stranger_specs(world: str, seeds: Sequence[int] = OPTION_SEEDS) -> list[RunSpec]:
    """Return the hybrid on the split in which nobody is in two parts: what a head adapts to."""
    return _specs(world, seeds, [(BASE, f) for f in TAUGHT_ON], split="disjoint")


def pretraining_specs(world: str, seeds: Sequence[int] = OPTION_SEEDS) -> list[RunSpec]:
    """Return the model that was pretrained on masked frames, on the better features."""
    return _specs(world, seeds, [(PRETRAINED_MODEL, BETTER)], recipe="pretrained")


def temporal_specs(world: str, seeds: Sequence[int] = OPTION_SEEDS) -> list[RunSpec]:
    """Return the study's architectures on the features that show most, but for the slowest."""
    return _specs(world, seeds, [(model, BETTER) for model in MODELS if model != SLOWEST])


def quantised_specs(world: str = "default", seeds: Sequence[int] = SEEDS[:1]) -> list[RunSpec]:
    """Return the study's four, the hybrid and Mamba with a part of them in 8 bits."""
    models = (*MODELS, BASE, "Mamba")
    return [
        RunSpec(model, seed, world, precision=precision)
        for precision in IN_8_BITS
        for seed in seeds
        for model in models
    ]


def _specs(
    world: str,
    seeds: Sequence[int],
    pairs: Sequence[tuple[str, str]],
    *,
    recipe: str = RunSpec.recipe,
    missing: float = RunSpec.missing,
    split: Split = RunSpec.split,
) -> list[RunSpec]:
    return [
        RunSpec(model, seed, world, split=split, features=features, recipe=recipe, missing=missing)
        for seed in seeds
        for model, features in pairs
    ]
