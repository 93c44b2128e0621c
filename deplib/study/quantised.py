"""What 8 bits change: the predictions of a trained run, made again with a part of it in 8 bits.

``"int8"``: the temporal model quantised dynamically and run by onnxruntime, on the same features.
``"int8-encoder"``: the model as it is, on Dev and Test features of the encoder in 8 bits. Nothing
is trained in 8 bits, so a result stands beside that of the same run in float32, recording by
recording.
"""

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from joblib import delayed
from torch import nn

from deplib.deployment.applying import predict_windows
from deplib.deployment.exporting import export_model, longest
from deplib.deployment.latency import card_of
from deplib.deployment.quantising import quantise_dynamic
from deplib.errors import ModelError
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.protocol import Protocol
from deplib.results import Result, RunSpec
from deplib.streams.names import width_of
from deplib.study.inputs import SMALL_ENCODER, SMALL_MODEL, Inputs, in_float
from deplib.study.parallel import in_processes
from deplib.study.runs import trained
from deplib.training import predict
from deplib.windows import WindowSet

SAME_TRAINING = 1e-3
"""Largest difference, in z-units, of two predictions of the same weights: rounding stays below."""


def results(
    specs: Sequence[RunSpec],
    inputs: Inputs,
    keys: Mapping[RunSpec, str],
    floats: Mapping[RunSpec, Result],
    *,
    jobs: int,
) -> Iterator[Result]:
    """Make the results of runs in 8 bits that see the same windows, in processes here.

    Parameters
    ----------
    specs
        Runs of one precision.
    inputs
        The streams of their cohort.
    keys
        Keys of these runs.
    floats
        Results of the same runs in float32, by their spec: what is no prediction (the epoch, the
        history) is theirs, too.
    jobs
        Processes of one thread each.

    Raises
    ------
    ModelError
        If the precision is unknown, or a run has no model that can be exported.

    Warns
    -----
    UserWarning
        Where the weights at hand are of another training than the result in float32, as on
        another processor: then the difference of the two results is not that of 8 bits alone.
    """
    first = specs[0]
    if first.precision not in (SMALL_MODEL, SMALL_ENCODER):
        raise ModelError(
            f"no precision {first.precision!r}: name {RunSpec.precision}, {SMALL_MODEL} or "
            f"{SMALL_ENCODER}"
        )
    windows = inputs.windows(in_float(first))
    seen = inputs.windows(first) if first.precision == SMALL_ENCODER else windows
    unlabelled = inputs.unlabelled(first)
    given = (windows, seen, unlabelled, inputs.protocol, inputs.encoder)
    calls = [delayed(_one)(spec, keys[spec], floats[in_float(spec)], *given) for spec in specs]
    for result, apart in in_processes(jobs, calls):
        if apart > SAME_TRAINING:
            warnings.warn(
                f"{result.spec.path}: the weights of {result.spec.model} here predict up to "
                f"{apart:.2g} z-units away from its result in {RunSpec.precision}, so they are of "
                "another training; delete that result and run again to compare the same",
                stacklevel=2,
            )
        yield result


def _one(
    spec: RunSpec,
    key: str,
    reference: Result,
    windows: WindowSet,
    seen: WindowSet,
    unlabelled: WindowSet | None,
    protocol: Protocol,
    encoder: OnnxEncoder,
) -> tuple[Result, float]:
    """Return one result, and how far its weights in float32 are from their own result."""
    torch.set_num_threads(1)
    model = trained(
        reference.spec, windows, reference.key, protocol=protocol, unlabelled=unlabelled
    )
    y = predict(model, windows, batch_size=protocol.batch_size_eval)
    apart = float(np.abs(y - reference.predictions["y_hat"].to_numpy()).max())
    if spec.precision == SMALL_ENCODER:
        y = predict(model, seen, batch_size=protocol.batch_size_eval)
    else:
        y = _in_8_bits(spec, model, windows, encoder)
    predictions = seen.index[["recording", "person", "split", "window", "y"]].assign(y_hat=y)
    return replace(reference, spec=spec, key=key, predictions=predictions), apart


def _in_8_bits(
    spec: RunSpec, model: nn.Module, windows: WindowSet, encoder: OnnxEncoder
) -> np.ndarray:
    card = card_of(
        spec.model, encoder, width=width_of(spec.features), longest_window=longest(model)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export_model(model, path, card)
        quantise_dynamic(path, path)
        return predict_windows(path, windows)
