"""One run: a model trained once, or a baseline fitted, and its result."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import pandas as pd
import torch
from torch import nn

from deplib import baselines
from deplib.errors import ModelError
from deplib.models import REGISTRY, build
from deplib.paths import data_root
from deplib.protocol import Protocol
from deplib.recipes import train_by
from deplib.results import PREDICTION_COLUMNS, Result, RunSpec, known_columns
from deplib.streams.names import WIDTHS, parse, width_of
from deplib.study.grid import RIDGE
from deplib.study.weights import KEPT_SEED, keep, kept
from deplib.training import Checkpoint, Run, train, train_together
from deplib.windows import WindowSet

POOLS_STREAMS = "HybridPooling"
"""The model, and its variants, that pools each of several streams by itself."""


def run(
    spec: RunSpec,
    windows: WindowSet,
    key: str,
    *,
    protocol: Protocol | None = None,
    unlabelled: WindowSet | None = None,
) -> Result:
    """Train one model once, in one thread, and return its result.

    The weights of the first seed are kept; see ``deplib.study.weights``.
    """
    _require_float(spec)
    protocol = protocol or Protocol()
    if spec.model not in REGISTRY:
        return _baseline(spec, windows, key)
    fitted = fit(spec, windows, key, protocol=protocol, unlabelled=unlabelled)
    return _kept_result(spec, key, fitted, protocol)


def trained(
    spec: RunSpec,
    windows: WindowSet,
    key: str,
    *,
    protocol: Protocol | None = None,
    unlabelled: WindowSet | None = None,
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
        protocol = protocol or Protocol()
        weights = fit(spec, windows, key, protocol=protocol, unlabelled=unlabelled).state_dict
        keep(spec, key, weights)
    model = build(spec.model, seed=spec.seed, **config_of(spec))
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(
            f"the weights of {spec.path} are more than those of {spec.model}: by the recipe "
            f"{spec.recipe!r} its answer is not the model's alone"
        ) from error
    return model.eval()


def fit(
    spec: RunSpec,
    windows: WindowSet,
    key: str,
    *,
    protocol: Protocol,
    unlabelled: WindowSet | None = None,
) -> Run:
    """Train the model of a run, in one thread; its weights are in what is returned.

    Where the protocol alone says how, a run that was interrupted resumes from its checkpoint
    under ``deplib.paths.data_root``.
    """
    _require_float(spec)
    torch.set_num_threads(1)
    config = config_of(spec)
    if spec.recipe != RunSpec.recipe:
        return train_by(
            spec.recipe,
            spec.model,
            windows,
            protocol,
            seed=spec.seed,
            config=config,
            unlabelled=unlabelled,
        )
    path = data_root() / "checkpoints" / spec.path.with_suffix(".safetensors")
    checkpoint = Checkpoint(path, key)
    return train(
        spec.model, windows, protocol, seed=spec.seed, config=config, checkpoint=checkpoint
    )


def config_of(spec: RunSpec) -> dict[str, Any]:
    """Return the keywords of a run's model that its features ask for.

    Raises
    ------
    CohortError
        If a stream is unknown.
    """
    names, width = parse(spec.features), width_of(spec.features)
    if len(names) > 1 and spec.model.startswith(POOLS_STREAMS):
        return {"channels": width, "streams": [WIDTHS[name] for name in names]}
    return {} if width == Protocol().feature_dim else {"channels": width}


def run_together(
    specs: Sequence[RunSpec],
    windows: WindowSet,
    keys: Sequence[str],
    *,
    protocol: Protocol | None = None,
) -> list[Result]:
    """Train several seeds of one model in one pass, in one thread."""
    for spec in specs:
        _require_float(spec)
    torch.set_num_threads(1)
    protocol = protocol or Protocol()
    seeds = [spec.seed for spec in specs]
    runs = train_together(specs[0].model, windows, protocol, seeds=seeds, **config_of(specs[0]))
    return [
        _kept_result(spec, key, fitted, protocol)
        for spec, key, fitted in zip(specs, keys, runs, strict=True)
    ]


def _require_float(spec: RunSpec) -> None:
    if spec.precision != RunSpec.precision:
        raise ModelError(
            f"{spec.path} is not trained but made from the run in {RunSpec.precision}: call "
            "deplib.study.complete"
        )


def _kept_result(spec: RunSpec, key: str, fitted: Run, protocol: Protocol) -> Result:
    if spec.seed == KEPT_SEED:
        keep(spec, key, fitted.state_dict)
    return Result(
        spec=spec,
        key=key,
        predictions=known_columns(fitted.predictions),
        history=fitted.history,
        epoch=int(fitted.epoch),
        chosen_by=protocol.chosen_by,
        label_mean=fitted.label_mean,
        label_std=fitted.label_std,
        n_parameters=fitted.n_parameters,
    )


def _baseline(spec: RunSpec, windows: WindowSet, key: str) -> Result:
    """Fit ridge on fixed features; its prediction of a recording stands as one window."""
    if spec.model in RIDGE:
        features, table = baselines.pool(windows, RIDGE[spec.model])
    else:
        # Late, for its library is optional: the extra `sweep` brings it. And by a name that only
        # its readers depend on.
        rocket = import_module("..rocket", __package__)
        features, table = rocket.features(windows, seed=spec.seed)
    fitted = baselines.ridge(features, table, name=spec.model)
    scaled = (fitted.predictions[["bdi", "bdi_hat"]] - windows.label_mean) / windows.label_std
    return Result(
        spec=spec,
        key=key,
        predictions=table.assign(window=0, y=scaled["bdi"], y_hat=scaled["bdi_hat"])[
            PREDICTION_COLUMNS
        ],
        history=pd.DataFrame(),
        epoch=0,
        chosen_by=fitted.chosen_by,
        label_mean=windows.label_mean,
        label_std=windows.label_std,
        n_parameters=features.shape[1] + 1,
    )
