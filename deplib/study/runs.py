"""One run: a model trained once, or a baseline fitted, and its result; the weights are kept.

Weights are one safetensors file a run in the data folder: they can be made again, and nothing but
the key says that they belong to the present code. Nothing is ever unpickled.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import Parallel
from torch import Tensor, nn

from deplib import baselines
from deplib.errors import ModelError
from deplib.models import REGISTRY, build
from deplib.paths import data_root
from deplib.protocol import Protocol
from deplib.recipes import recipe_named
from deplib.results import PREDICTION_COLUMNS, Result, RunSpec
from deplib.streams import width_of, widths_of
from deplib.study.grid import RIDGE, SEEDS
from deplib.training import Checkpoint, Run
from deplib.training.checkpoint import UNREADABLE, read_tensors, write_tensors
from deplib.windows import WindowSet

POOLS_STREAMS = "HybridPooling"
"""The model, and its variants, that pools each of several streams by itself."""
KEPT_SEED = SEEDS[0]
"""Of a study, only the weights of its first seed are kept: the one that is exported."""


def run(spec: RunSpec, windows: WindowSet, key: str, *, protocol: Protocol | None = None) -> Result:
    """Train one model once, in one thread, or fit a baseline, and return its result.

    Parameters
    ----------
    spec, windows
        The run, and what it sees.
    key
        The hash of all that determines it; under it checkpoint and weights are kept.
    protocol
        The report's by default.
    """
    protocol = protocol or Protocol()
    trains = spec.model in REGISTRY
    fitted = _fit(spec, windows, key, protocol) if trains else _baseline(spec, windows)
    if trains and spec.seed == KEPT_SEED:
        keep(spec, key, fitted.state_dict)
    about = {name: value for name, value in vars(fitted).items() if name != "state_dict"}
    return Result(spec, key, chosen_by=protocol.chosen_by, **about)


def trained(
    spec: RunSpec, windows: WindowSet, key: str, *, protocol: Protocol | None = None
) -> nn.Module:
    """Return the model of a run with its weights: those that are kept, or trained and then kept.

    Raises
    ------
    ModelError
        If the run is a baseline's, or its recipe gives it more parts than the model has.
    """
    if spec.model not in REGISTRY:
        raise ModelError(f"{spec.model} is a baseline and has no weights: name one of {REGISTRY}")
    weights = kept(spec, key)
    if weights is None:
        weights = _fit(spec, windows, key, protocol or Protocol()).state_dict
        keep(spec, key, weights)
    model = build(spec.model, seed=spec.seed, **config_of(spec, protocol))
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        why = f"by the recipe {spec.recipe!r} its answer is not the model's alone"
        more = f"the weights of {spec.name} are more than those of {spec.model}"
        raise ModelError(f"{more}: {why}") from error
    return model.eval()


def in_processes(jobs: int, calls: Sequence[tuple]) -> Iterator[Any]:
    """Do what ``joblib.delayed`` put off, and yield what each call returns when it is there."""
    # One process a core with one thread each beats threads within one process.
    workers = Parallel(n_jobs=min(jobs, len(calls)), return_as="generator_unordered")
    with warnings.catch_warnings():
        # A worker that has mapped the windows looks like a leak to loky, which then starts another.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
        yield from workers(calls)


def config_of(spec: RunSpec, protocol: Protocol | None = None) -> dict[str, Any]:
    """Return the keywords of a run's model that its features ask for.

    Raises
    ------
    CohortError
        If a stream is unknown.
    """
    given = spec.features, (protocol or Protocol()).feature_dim
    widths, width = widths_of(*given), width_of(*given)
    if len(widths) > 1 and spec.model.startswith(POOLS_STREAMS):
        return {"channels": width, "streams": list(widths.values())}
    return {} if width == Protocol().feature_dim else {"channels": width}


def keep(spec: RunSpec, key: str, state_dict: Mapping[str, Tensor]) -> None:
    """Keep the weights of a run, whole or not at all; a full disk is a warning."""
    cost = f"what needs these weights of {spec.model} will train again"
    write_tensors(_weights_path(spec), state_dict, {"key": key}, cost=cost)


def kept(spec: RunSpec, key: str) -> dict[str, Tensor] | None:
    """Return the weights of a run, or None where they are missing, damaged, or of another key."""
    try:
        tensors, about = read_tensors(_weights_path(spec))
    except UNREADABLE:
        return None
    return tensors if about == {"key": key} else None


def _weights_path(spec: RunSpec) -> Path:
    return data_root() / "weights" / spec.world / f"{spec.name}.safetensors"


def _fit(spec: RunSpec, windows: WindowSet, key: str, protocol: Protocol) -> Run:
    """Train in one thread; by the protocol's own way, an interrupted run goes on where it was."""
    if spec.precision != RunSpec.precision:
        made = f"made from the run in {RunSpec.precision}: call deplib.study.complete"
        raise ModelError(f"{spec.name} is not trained but {made}")
    given: dict[str, Any] = {"seed": spec.seed, "config": config_of(spec, protocol)}
    if spec.recipe == RunSpec.recipe:
        path = data_root() / "checkpoints" / spec.world / f"{spec.name}.safetensors"
        given["checkpoint"] = Checkpoint(path, key)
    return recipe_named(spec.recipe)(spec.model, windows, protocol, **given)


def _baseline(spec: RunSpec, windows: WindowSet) -> Run:
    """Fit ridge on fixed features; its prediction of a recording stands as one window."""
    if spec.model in RIDGE:
        features, table = baselines.pool(windows, RIDGE[spec.model])
    else:
        features, table = baselines.rocket(windows, seed=spec.seed)
    fitted = baselines.ridge(features, table, name=spec.model)
    scaled = (fitted.predictions[["bdi", "bdi_hat"]] - windows.label_mean) / windows.label_std
    predictions = table.assign(window=0, y=scaled["bdi"], y_hat=scaled["bdi_hat"])
    scale, n_parameters = (windows.label_mean, windows.label_std), features.shape[1] + 1
    return Run(predictions[PREDICTION_COLUMNS], pd.DataFrame(), 0, *scale, n_parameters, {})
