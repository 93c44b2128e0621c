"""One run: a model trained once, or a baseline fitted, and its result."""

from collections.abc import Sequence

import pandas as pd
import torch

from deplib import baselines
from deplib.models import REGISTRY
from deplib.paths import data_root
from deplib.protocol import Protocol
from deplib.results import PREDICTION_COLUMNS, Result, RunSpec
from deplib.study.grid import RIDGE
from deplib.training import Checkpoint, Run, train, train_together
from deplib.windows import WindowSet


def run(
    spec: RunSpec,
    windows: WindowSet,
    key: str,
    *,
    protocol: Protocol | None = None,
) -> Result:
    """Train one model once, in one thread, and return its result.

    A run that was interrupted resumes from its checkpoint under ``deplib.paths.data_root``.
    """
    torch.set_num_threads(1)
    protocol = protocol or Protocol()
    if spec.model not in REGISTRY:
        return _baseline(spec, windows, key)
    path = data_root() / "checkpoints" / spec.path.with_suffix(".safetensors")
    checkpoint = Checkpoint(path, key)
    fitted = train(spec.model, windows, protocol, seed=spec.seed, checkpoint=checkpoint)
    return _result(spec, key, fitted, protocol)


def run_together(
    specs: Sequence[RunSpec],
    windows: WindowSet,
    keys: Sequence[str],
    *,
    protocol: Protocol | None = None,
) -> list[Result]:
    """Train several seeds of one model in one pass, in one thread."""
    torch.set_num_threads(1)
    protocol = protocol or Protocol()
    seeds = [spec.seed for spec in specs]
    runs = train_together(specs[0].model, windows, protocol, seeds=seeds)
    return [
        _result(spec, key, fitted, protocol)
        for spec, key, fitted in zip(specs, keys, runs, strict=True)
    ]


def _result(spec: RunSpec, key: str, fitted: Run, protocol: Protocol) -> Result:
    return Result(
        spec=spec,
        key=key,
        predictions=fitted.predictions[PREDICTION_COLUMNS],
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
        from deplib import rocket  # its library is optional: the extra `sweep` brings it

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
