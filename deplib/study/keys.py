"""The key of a run: a hash of all that determines its numbers."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from deplib.cohorts.base import Cohort
from deplib.errors import ModelError
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.models import REGISTRY, module_of, resolve
from deplib.protocol import Protocol
from deplib.provenance import NO_NUMBERS, digest, source_digest
from deplib.recipes import recipe_module
from deplib.results import RunSpec
from deplib.streams.names import ENCODED, parse
from deplib.streams.source import open_stream
from deplib.study.features import LIMITS, MissLimits
from deplib.study.grid import BASELINES, RIDGE
from deplib.study.inputs import PRETRAINED, encoder_of

CARRIERS = (
    "deplib.models.registry",
    "deplib.recipes",
    "deplib.training.checkpoint",
)
"""Modules that name, keep or carry what others compute: a list of models, files, a resumed state.

A key names the model that it is about, so a new one changes no other.
"""

# What follows is no whole name, so that only chapters that say so depend on it.
IN_8_BITS = tuple(f"deplib.deploy.{name}" for name in ("predict", "export", "quantise"))
"""Modules between a trained model and what it says in 8 bits."""
ROCKET = ".".join(["deplib", "rocket"])
"""The module of MiniRocket."""


def run_key(
    spec: RunSpec,
    cohort: Cohort,
    encoder: OnnxEncoder,
    protocol: Protocol | None = None,
    limits: MissLimits = LIMITS,
    stream_folder: Path | None = None,
) -> str:
    """Return the hash of all that determines a run's result.

    Parameters
    ----------
    spec, cohort, protocol, limits
        The run.
    encoder
        The one that the stream ``identity`` stands for.
    stream_folder
        Files of streams that no encoder makes; what is in them counts.

    The cohort's fingerprint covers its own source, and the encoder's id its weights. What only
    carries features from one to the other (the store, the workers, the log) is not in it: the
    features that it delivers are compared with those of the versioned results instead
    (``deplib.study.features.same_features``).
    """
    names = parse(spec.features)
    encoders = [encoder_of(name, encoder).id for name in names if name in ENCODED]
    others: dict[str, Any] = {} if limits == LIMITS else {"limits": list(limits)}
    made = [name for name in names if name not in ENCODED]
    if made:
        opened = [open_stream(name, cohort, folder=stream_folder) for name in made]
        others["streams"] = [stream.fingerprint for stream in opened]
    return digest(
        {
            "spec": spec.settings(),
            "model": resolve(spec.model) if spec.model in REGISTRY else spec.model,
            "protocol": asdict(protocol or Protocol()),
            "cohort": cohort.fingerprint,
            "encoder": encoders[0] if len(names) == len(encoders) == 1 else encoders,
            "source": source_of(spec),
            **others,
        }
    )


def source_of(spec: RunSpec) -> str:
    """Return the digest of the source code that makes the numbers of a run.

    Raises
    ------
    ModelError
        If the run's model is none of the registry and no baseline.
    """
    modules = ["deplib.extraction.encoders.encoder", "deplib.windows"]
    if spec.lost:
        modules.append("deplib.extraction.fallback")
    if spec.split != "official":
        modules.append("deplib.splits")
    modules += _of_streams(spec)
    if spec.model in REGISTRY:
        modules += ["deplib.training.loop", module_of(spec.model)]
        if spec.recipe != RunSpec.recipe:
            modules.append(recipe_module(spec.recipe))
        if spec.recipe == PRETRAINED:
            modules.append("deplib.recipes.unlabelled")
        if spec.precision != RunSpec.precision:
            modules += IN_8_BITS
    elif spec.model in BASELINES:
        modules.append("deplib.baselines")
        if spec.model not in RIDGE:
            modules.append(ROCKET)
    else:
        raise ModelError(
            f"unknown model {spec.model!r}; the models are {list(REGISTRY)}, the baselines "
            f"{[name for name in BASELINES if name not in REGISTRY]}"
        )
    return source_digest(*modules, without=(*NO_NUMBERS, *CARRIERS))


def _of_streams(spec: RunSpec) -> list[str]:
    """Return the modules that make and join the streams of a run, where an encoder is not all."""
    names = parse(spec.features)
    made = [name for name in names if name not in ENCODED]
    modules = [f"deplib.streams.{name}" for name in made]
    if made or len(names) > 1:
        modules.append("deplib.streams.join")
    if spec.missing:
        modules.append("deplib.streams.missing")
    return modules
