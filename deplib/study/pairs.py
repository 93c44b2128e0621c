"""A run of the study as a pair of files: found or trained, exported, and told what it is worth.

The half-width of a pair's interval is that of the files as they are written: the model in ONNX, in
8 bits where it was asked for, on the Dev recordings. Test is scored, and chooses nothing.

`results_in_8_bits` are the predictions of a trained run, made again with a part of it in 8 bits:
``"int8"``, the temporal model, on the same features; ``"int8-encoder"``, the model as it is, on Dev
and Test features of the encoder in 8 bits. Nothing is trained in 8 bits.
"""

import math
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from joblib import delayed
from numpy.typing import ArrayLike
from torch import nn

from deplib.cohorts.base import AS_GIVEN, BDI, scale_of
from deplib.deploy.bundle import MODEL_FILE, Card, write_bundle
from deplib.deploy.export import export_model, longest
from deplib.deploy.predict import predict_windows, require_one_encoder
from deplib.deploy.quantise import quantise_dynamic
from deplib.errors import EncoderError, ModelError
from deplib.extraction import OnnxEncoder
from deplib.metrics import score
from deplib.models import REGISTRY
from deplib.protocol import Protocol
from deplib.results import Result, RunSpec
from deplib.streams import width_of
from deplib.study.inputs import SMALL_ENCODER, SMALL_MODEL, Inputs, encoder_of, in_float
from deplib.study.runs import in_processes, kept, trained
from deplib.training import predict, recording_table
from deplib.windows import WindowSet

SAME_TRAINING = 1e-3
"""Largest difference, in z-units, of two predictions of the same weights: rounding stays below."""


@dataclass(frozen=True)
class Exported:
    """A pair that was written.

    Attributes
    ----------
    card
        What its model says of itself.
    difference
        Largest difference of the written model from PyTorch on a window, z-units.
    mae
        MAE by recording, in points; rows "in PyTorch", "as written", columns "dev", "test".
    """

    card: Card
    difference: float
    mae: pd.DataFrame


def export_run(
    spec: RunSpec,
    inputs: Inputs,
    folder: Path,
    *,
    level: float = 0.9,
    int8: bool = False,
    overwrite: bool = False,
    say: Callable[[str], object] = lambda line: None,
) -> Exported:
    """Write the model of a run and the encoder of its features into one folder.

    Parameters
    ----------
    spec, inputs
        The run, whose weights are found or trained now; the streams of its cohort, extracted where
        they are missing.
    folder, overwrite
        As of ``deplib.deploy.write_bundle``.
    level
        How often the pair's interval shall hold the truth.
    int8
        Whether the model's weights go into 8 bits.
    say
        Called with a line before what takes minutes.

    Raises
    ------
    ModelError
        If the run's model is a baseline, its features are not those of one encoder, the level
        asks for more recordings than Dev has, or the export fails or finds other files there.
    EncoderError
        If the encoder was opened with ``flip``: a pair embeds a frame once.
    VerificationError
        If the features must not be used.
    OSError
        If the files cannot be written.
    """
    protocol, key = inputs.protocol, _key(spec, inputs)
    encoder = encoder_of(spec.features, inputs.encoder)
    windows = inputs.windows(spec)
    half_width(np.zeros(windows.subset("dev").index["recording"].nunique()), level)  # enough?
    if kept(spec, key) is None:
        say(f"no weights of {spec.model}, seed {spec.seed}, on this machine: training it")
    model = trained(spec, windows, key, protocol=protocol)
    y = predict(model, windows, batch_size=protocol.batch_size_eval)
    scale = scale_of(inputs.cohort)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / MODEL_FILE
        say(f"exporting {spec.model} and comparing it with PyTorch")
        card = card_of(
            spec, model, encoder, protocol, key=key, level=level, cohort=inputs.cohort.name,
            simulated=bool(inputs.cohort.simulated), label_mean=windows.label_mean,
            label_std=windows.label_std, label=scale.name, lowest=scale.low, highest=scale.high,
            aligned=getattr(inputs.cohort, "aligned", AS_GIVEN),
        )  # fmt: skip
        export_model(model, path, card)
        if int8:
            quantise_dynamic(path, path)
        written = predict_windows(path, windows)
        tables = {"in PyTorch": _held_out(windows, y), "as written": _held_out(windows, written)}
        scores = {how: score(one, by=["split"]) for how, one in tables.items()}
        mae = pd.DataFrame({how: one.set_index("split")["mae"] for how, one in scores.items()}).T
        dev = tables["as written"].query("split == 'dev'")
        width = half_width(dev["bdi"] - dev["bdi_hat"], level)
        card = replace(card, half_width=width, test_mae=float(mae["test"]["as written"]))
        write_bundle(folder, path, card, encoder.path, overwrite=overwrite)
    return Exported(card, float(np.abs(written - y).max()), mae)


def first_kept(specs: Sequence[RunSpec], inputs: Inputs) -> RunSpec:
    """Return the first of some runs whose weights are on this machine, else the first of all.

    Raises
    ------
    ModelError
        If one of them cannot be exported; see `export_run`.
    """
    keys = {spec: _key(spec, inputs) for spec in specs}
    return next((spec for spec, key in keys.items() if kept(spec, key) is not None), specs[0])


def card_of(
    spec: RunSpec, model: nn.Module, encoder: OnnxEncoder, protocol: Protocol, **known: Any
) -> Card:
    """Return the card of a run's model; what is not ``known`` is that of an untrained one."""
    fields: dict[str, Any] = {
        "model": spec.model, "features": spec.features,
        "channels": width_of(spec.features, protocol.feature_dim), "max_length": longest(model),
        "window_length": protocol.window_length, "sequence_length": protocol.sequence_length,
        "encoder_sha256": encoder.sha256, "preprocess": str(encoder.preprocess),
        "label": BDI.name, "lowest": BDI.low, "highest": BDI.high,
        "label_mean": 0.0, "label_std": 1.0, "half_width": 1.0, "level": 0.5, "test_mae": 1.0,
        "cohort": "none", "simulated": True, "key": "untrained",
    }  # fmt: skip
    return Card(**fields | known)


def half_width(residuals: ArrayLike, level: float) -> float:
    """Return the half-width of a split conformal interval, the same for every recording.

    The absolute residuals of n calibration recordings and that of a new one have any order with the
    same chance, if all are exchangeable: the new one is at most the ceil((n + 1) level)-th smallest
    of the n with probability ``level`` at least (Vovk, Gammerman and Shafer 2005; Lei et al. 2018,
    JASA 113, Theorem 2.2). Dev also chose the epoch and persons recur, which weakens this here.

    Raises
    ------
    ModelError
        If the level is none, or there are fewer residuals than level / (1 - level).
    """
    scores = np.sort(np.abs(np.asarray(residuals, dtype=float)))
    rank = math.ceil(round((len(scores) + 1) * level, 9))  # 100 * 0.55 is 55.00000000000001
    if not 0 < level < 1 or rank > len(scores):
        few = f"no interval of level {level:g} from {len(scores)} Dev recordings"
        raise ModelError(f"{few}: above 0 and below 1, it needs level / (1 - level) of them")
    return float(scores[rank - 1])


def results_in_8_bits(
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
        there = f"name {RunSpec.precision}, {SMALL_MODEL} or {SMALL_ENCODER}"
        raise ModelError(f"no precision {first.precision!r}: {there}")
    windows = inputs.windows(in_float(first))
    seen = inputs.windows(first) if first.precision == SMALL_ENCODER else windows
    given = windows, seen, inputs.protocol, inputs.encoder
    calls = [delayed(_one)(spec, keys[spec], floats[in_float(spec)], given) for spec in specs]
    for result, apart in in_processes(jobs, calls):
        if apart > SAME_TRAINING:
            what = (
                f"the weights of {result.spec} here predict up to {apart:.2g} z-units away from its"
            )
            why = "result in float32, so they are of another training: compute that result again"
            warnings.warn(f"{what} {why}", stacklevel=2)
        yield result


def _one(
    spec: RunSpec, key: str, ref: Result, given: tuple[WindowSet, WindowSet, Protocol, OnnxEncoder]
) -> tuple[Result, float]:
    """Return one result, and how far its weights in float32 are from their own result."""
    torch.set_num_threads(1)
    windows, seen, protocol, encoder = given
    model = trained(ref.spec, windows, ref.key, protocol=protocol)
    y = predict(model, windows, batch_size=protocol.batch_size_eval)
    apart = float(np.abs(y - ref.predictions["y_hat"].to_numpy()).max())
    if spec.precision == SMALL_ENCODER:
        y = predict(model, seen, batch_size=protocol.batch_size_eval)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / MODEL_FILE
            export_model(model, path, card_of(ref.spec, model, encoder, protocol))
            quantise_dynamic(path, path)
            y = predict_windows(path, windows)
    predictions = seen.index[["recording", "person", "split", "window", "y"]].assign(y_hat=y)
    return replace(ref, spec=spec, key=key, predictions=predictions), apart


def _key(spec: RunSpec, inputs: Inputs) -> str:
    if spec.model not in REGISTRY:
        raise ModelError(f"{spec.model} cannot be exported; the models are {', '.join(REGISTRY)}")
    require_one_encoder(spec.features)
    if encoder_of(spec.features, inputs.encoder).flip:
        raise EncoderError("a pair embeds each frame once: train and export it without --flip")
    return inputs.key(spec)


def _held_out(windows: WindowSet, y_hat: np.ndarray) -> pd.DataFrame:
    """Return ``split``, ``bdi`` and ``bdi_hat`` of each Dev and Test recording, in points."""
    table = windows.index.assign(y_hat=y_hat, model="", seed=0)
    return recording_table(table, windows.label_mean, windows.label_std).query("split != 'train'")
