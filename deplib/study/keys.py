"""The key of a run: a hash of all that determines its numbers."""

from dataclasses import asdict

from deplib.cohorts.base import Cohort
from deplib.errors import ModelError
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.models import REGISTRY, module_of, resolve
from deplib.protocol import Protocol
from deplib.provenance import NO_NUMBERS, digest, source_digest
from deplib.results import RunSpec
from deplib.study.features import LIMITS, MissLimits
from deplib.study.grid import BASELINES, RIDGE

CARRIERS = (
    "deplib.models.registry",
    "deplib.training.checkpoint",
)
"""Modules that name, keep or carry what others compute: a list of models, files, a resumed state.

A key names the model that it is about, so a new one changes no other.
"""


def run_key(
    spec: RunSpec,
    cohort: Cohort,
    encoder: OnnxEncoder,
    protocol: Protocol | None = None,
    limits: MissLimits = LIMITS,
) -> str:
    """Return the hash of all that determines a run's result.

    The cohort's fingerprint covers its own source, and the encoder's id its weights. What only
    carries features from one to the other (the store, the workers, the log) is not in it: the
    features that it delivers are compared with those of the versioned results instead
    (``deplib.study.features.same_features``).
    """
    other_limits = {} if limits == LIMITS else {"limits": list(limits)}
    return digest(
        {
            "spec": spec.settings(),
            "model": resolve(spec.model) if spec.model in REGISTRY else spec.model,
            "protocol": asdict(protocol or Protocol()),
            "cohort": cohort.fingerprint,
            "encoder": encoder.id,
            "source": source_of(spec),
            **other_limits,
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
    if spec.model in REGISTRY:
        modules += ["deplib.training.loop", module_of(spec.model)]
    elif spec.model in BASELINES:
        modules.append("deplib.baselines")
        if spec.model not in RIDGE:
            modules.append("deplib.rocket")
    else:
        raise ModelError(
            f"unknown model {spec.model!r}; the models are {list(REGISTRY)}, the baselines "
            f"{[name for name in BASELINES if name not in REGISTRY]}"
        )
    return source_digest(*modules, without=(*NO_NUMBERS, *CARRIERS))
