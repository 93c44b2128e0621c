"""A trained run as a checked pair of files: found or trained, exported, and told what it is worth.

The half-width of the pair's interval is that of the files as they are written: the model in ONNX,
in 8 bits where it was asked for, on the Dev recordings. Test is scored, and chooses nothing.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from deplib.deployment.applying import predict_windows
from deplib.deployment.bundle import ENCODER_FILE, MODEL_FILE, write_bundle
from deplib.deployment.card import FORMAT, OPSET, Card
from deplib.deployment.exporting import export_model, longest
from deplib.deployment.prediction import require_one_encoder
from deplib.deployment.quantising import quantise_dynamic
from deplib.errors import EncoderError, ModelError
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.metrics import mae
from deplib.models import REGISTRY
from deplib.results import RunSpec
from deplib.streams.names import width_of
from deplib.study.inputs import Inputs, encoder_of
from deplib.study.keys import run_key
from deplib.study.runs import trained
from deplib.study.weights import kept
from deplib.training import predict, recording_table
from deplib.uncertainty import half_width
from deplib.windows import WindowSet

UNKNOWN = 1.0
"""Half-width of a card until its model has been asked about Dev; in no pair that is left."""


@dataclass(frozen=True)
class Exported:
    """A pair that was written.

    Attributes
    ----------
    folder, card
        Where it lies, and what its model says of itself.
    model_bytes, encoder_bytes
        Sizes of the two files.
    n_windows
        Windows of Dev and Test.
    difference
        Largest difference of the written model from PyTorch on these windows, in z-units.
    mae
        MAE of the run on ``"dev"`` and ``"test"``, by recording, BDI-II points; in PyTorch.
    mae_written
        The same of the written model.
    """

    folder: Path
    card: Card
    model_bytes: int
    encoder_bytes: int
    n_windows: int
    difference: float
    mae: dict[str, float]
    mae_written: dict[str, float]


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
    spec
        The run; its weights are found, or trained now.
    inputs
        The streams of its cohort, extracted where they are missing.
    folder
        As of ``deplib.deployment.bundle.write_bundle``.
    level
        How often the pair's interval shall hold the truth.
    int8
        Whether the model's weights go into 8 bits.
    overwrite
        Whether another pair in the folder may be replaced.
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
    protocol = inputs.protocol
    _require_exportable(spec)
    encoder = encoder_of(spec.features, inputs.encoder)
    if encoder.flip:
        raise EncoderError(
            "a pair embeds each frame once, so a model of features with flip would see others "
            "than in training: train and export it without --flip"
        )
    key = _key(spec, inputs)
    windows = inputs.windows(spec)
    _require_enough(windows, level)
    if kept(spec, key) is None:
        say(f"no weights of {spec.model}, seed {spec.seed}, on this machine: training it")
    model = trained(spec, windows, key, protocol=protocol, unlabelled=inputs.unlabelled(spec))
    y = predict(model, windows, batch_size=protocol.batch_size_eval)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / MODEL_FILE
        card = _card(spec, inputs, encoder, model, windows, key)
        say(f"exporting {spec.model} and comparing it with PyTorch")
        export_model(model, path, card)
        if int8:
            quantise_dynamic(path, path)
        written = predict_windows(path, windows)
        of_run, of_written = _recordings(windows, y), _recordings(windows, written)
        dev = of_written[of_written["split"] == "dev"]
        card = replace(card, half_width=half_width(dev["bdi"] - dev["bdi_hat"], level), level=level)
        write_bundle(folder, path, card, encoder.path, overwrite=overwrite)
    held_out = windows.index["split"].isin(["dev", "test"]).to_numpy()
    return Exported(
        folder=folder,
        card=card,
        model_bytes=(folder / MODEL_FILE).stat().st_size,
        encoder_bytes=(folder / ENCODER_FILE).stat().st_size,
        n_windows=int(held_out.sum()),
        difference=float(np.abs(written - y)[held_out].max()),
        mae=_scores(of_run),
        mae_written=_scores(of_written),
    )


def first_kept(specs: Sequence[RunSpec], inputs: Inputs) -> RunSpec:
    """Return the first of some runs whose weights are on this machine, else the first of all.

    Raises
    ------
    ModelError
        If one of them cannot be exported; see `export_run`.
    """
    for spec in specs:
        _require_exportable(spec)
    return next((spec for spec in specs if kept(spec, _key(spec, inputs)) is not None), specs[0])


def _require_exportable(spec: RunSpec) -> None:
    if spec.model not in REGISTRY:
        raise ModelError(
            f"{spec.model} cannot be exported; the models that can are {', '.join(REGISTRY)}"
        )
    require_one_encoder(spec.features)


def _key(spec: RunSpec, inputs: Inputs) -> str:
    return run_key(
        spec,
        inputs.cohort,
        inputs.encoder,
        inputs.protocol,
        inputs.limits,
        stream_folder=inputs.stream_folder,
    )


def _card(
    spec: RunSpec,
    inputs: Inputs,
    encoder: OnnxEncoder,
    model: nn.Module,
    windows: WindowSet,
    key: str,
) -> Card:
    protocol = inputs.protocol
    return Card(
        format=FORMAT,
        model=spec.model,
        features=spec.features,
        channels=width_of(spec.features),
        window_length=protocol.window_length,
        sequence_length=protocol.sequence_length,
        max_length=longest(model),
        label_mean=windows.label_mean,
        label_std=windows.label_std,
        encoder_sha256=encoder.sha256,
        preprocess=str(encoder.preprocess),
        half_width=UNKNOWN,
        level=0.5,
        cohort=inputs.cohort.name,
        simulated=bool(inputs.cohort.simulated),
        opset=OPSET,
        key=key,
    )


def _recordings(windows: WindowSet, y_hat: np.ndarray) -> pd.DataFrame:
    """Return ``bdi`` and ``bdi_hat`` of each recording, in points."""
    table = windows.index.assign(y_hat=y_hat, model="", seed=0)
    return recording_table(table, windows.label_mean, windows.label_std)


def _scores(table: pd.DataFrame) -> dict[str, float]:
    parts = {split: table[table["split"] == split] for split in ("dev", "test")}
    return {split: float(mae(part["bdi"], part["bdi_hat"])) for split, part in parts.items()}


def _require_enough(windows: WindowSet, level: float) -> None:
    """Find out before the work whether Dev is large enough for an interval of a level."""
    n_recordings = windows.subset("dev").index["recording"].nunique()
    try:
        half_width(np.zeros(n_recordings), level)
    except ValueError as error:
        raise ModelError(
            f"no interval of level {level:g} from {n_recordings} Dev recordings: {error}"
        ) from error
