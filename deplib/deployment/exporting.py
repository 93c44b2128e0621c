"""A temporal model as one ONNX file: traced, labelled with its card, and checked before it stands.

``x`` (batch, channels, time) float32 and ``mask`` (batch, time) bool, True = real frame, give ``y``
(batch,) in z-units. Batch and time are free. A graph cannot raise as ``check_input`` does: what
opens the file, `deplib.deployment.bundle`, checks what goes in.
"""

import io
import warnings
from collections.abc import Sequence
from copy import deepcopy
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import torch
from torch import Tensor, nn

from deplib.deployment.card import OPSET, Card, put_card
from deplib.deployment.model_file import open_model, read_model
from deplib.deployment.tracing import define_scans, traceable
from deplib.errors import ModelError
from deplib.extraction.storage.atomic import write_atomically

TOLERANCE = 1e-4
"""Largest difference from PyTorch, in z-units: 0.001 BDI-II points. Of an output's size where that
is above 1, since float32 rounds in proportion."""

LENGTHS = (1, 2, 7, 64, 129, 512, 777, 1000, 2000)
"""Windows on which an export is checked, and the model's longest besides."""

_TRACED = (2, 45)  # batch and time of the example; parity is measured at other ones
_BATCHES = (1, 3)


def export_model(model: nn.Module, path: Path, card: Card) -> None:
    """Write a model as one self-contained ONNX file that agrees with it, or write nothing.

    Parameters
    ----------
    model
        A model of ``deplib.models``; it is left as it is, in its mode and on its device.
    path
        Where the file goes. An older file there is replaced, once the new one has been checked.
    card
        Goes into the file; its channels, longest window and opset must be the model's.

    Raises
    ------
    ModelError
        If the card is another model's, the model cannot be traced, or the file's outputs differ
        from PyTorch's by more than `TOLERANCE` at any length of `LENGTHS`.
    OSError
        If the file cannot be written.
    """
    expected = {"channels": _channels(model), "max_length": longest(model), "opset": OPSET}
    for name, value in expected.items():
        if getattr(card, name) != value:
            raise ModelError(
                f"the card's {name} is {getattr(card, name)}, the model's {value}: the card was "
                "filled in for another model"
            )
    network = _trace(model)
    put_card(network, card)
    content = network.SerializeToString()
    session, _ = open_model(content, path, threads=1)
    lengths = [length for length in LENGTHS if length <= (card.max_length or length)]
    if card.max_length is not None:
        lengths.append(card.max_length)
    table = _compare(model, session, sorted(set(lengths)), np.random.default_rng(0))
    excess = (table["difference"] / table["largest"].clip(lower=1.0)).fillna(np.inf).to_numpy()
    if excess.max() > TOLERANCE:
        worst = table.iloc[int(excess.argmax())]
        raise ModelError(
            f"{card.model} as ONNX differs from PyTorch by {worst['difference']:.2g} z-units at "
            f"{worst['length']:.0f} frames, more than {TOLERANCE:g}: a part of it depends on the "
            "example's length; give that part a form in deplib.deployment.tracing"
        )
    write_atomically(path, content)


def parity(
    model: nn.Module, path: Path, lengths: Sequence[int], rng: np.random.Generator
) -> pd.DataFrame:
    """Compare an exported file with the PyTorch model on drawn windows.

    Parameters
    ----------
    model
        The model that was exported.
    path
        The file.
    lengths
        Frames of the windows.
    rng
        Draws features from N(0, 1), presence rows, and masks with holes; masked frames hold NaN.

    Returns
    -------
    DataFrame
        ``length``, ``batch``, ``masked``; ``difference``, the largest of the batch in z-units, NaN
        where the file fails or an output is not finite; ``largest``, the largest output's size.

    Raises
    ------
    ModelError
        If the file cannot be opened or breaks the contract of an exported model.
    """
    session, _ = open_model(read_model(path), path, threads=1)
    return _compare(model, session, lengths, rng)


def longest(model: nn.Module) -> int | None:
    """Return the longest window that a model's learned positions allow, or None if any."""
    if isinstance(limit := getattr(model, "max_length", None), int):
        return limit
    positions = getattr(model, "positions", None)
    return len(positions) if isinstance(positions, Tensor) else None


def _trace(model: nn.Module) -> onnx.ModelProto:
    batch, time = _TRACED[0], min(_TRACED[1], longest(model) or _TRACED[1])
    x, mask = torch.ones(batch, _channels(model), time), torch.ones(batch, time, dtype=torch.bool)
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            # Each says that a Python value may have become a constant: parity says if it matters.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                traceable(model),
                (x, mask),
                buffer,  # type: ignore[arg-type]  # this exporter takes a file, too
                input_names=["x", "mask"],
                output_names=["y"],
                dynamic_axes={
                    "x": {0: "batch", 2: "time"},
                    "mask": {0: "batch", 1: "time"},
                    "y": {0: "batch"},
                },
                opset_version=OPSET,
                dynamo=False,  # the other exporter needs onnxscript and unrolls a recurrence
            )
    except Exception as error:  # the exporter's exceptions share no base of their own
        raise ModelError(
            f"{type(model).__name__} cannot be traced: {str(error).strip().splitlines()[0]}; give "
            "the part that fails a form in deplib.deployment.tracing"
        ) from error
    network = define_scans(onnx.load_model_from_string(buffer.getvalue()))
    onnx.checker.check_model(network, full_check=True)
    return network


def _compare(
    model: nn.Module,
    session: ort.InferenceSession,
    lengths: Sequence[int],
    rng: np.random.Generator,
) -> pd.DataFrame:
    model = deepcopy(model).cpu().float().eval()
    rows = []
    for length, batch, masked in product(lengths, _BATCHES, (False, True)):
        x, mask = _draw(model, batch, length, masked, rng)
        with torch.inference_mode():
            expected = model(torch.from_numpy(x), torch.from_numpy(mask)).numpy()
        difference = np.abs(_run(session, x, mask) - expected).max()
        rows.append((length, batch, masked, float(difference), float(np.abs(expected).max())))
    return pd.DataFrame(rows, columns=["length", "batch", "masked", "difference", "largest"])


def _run(session: ort.InferenceSession, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return what an export makes of windows; NaN where it fails, since so it is wrong there."""
    try:
        y: np.ndarray = session.run(None, {"x": x, "mask": mask})[0]
    except Exception:  # the runtime's exceptions share no base of their own
        return np.full(len(x), np.nan, np.float32)
    return y if y.shape == (len(x),) else np.full(len(x), np.nan, np.float32)


def _draw(
    model: nn.Module, batch: int, length: int, masked: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw windows (batch, channels, length) and masks as a model's contract has them."""
    channels = _channels(model)
    x = rng.standard_normal((batch, channels, length), np.float32)
    if n := int(getattr(model, "n_flags", 0)):  # streams: never there, sometimes, or always
        share = rng.choice([0.0, 0.7, 1.0], size=(batch, n, 1))
        here = rng.random((batch, n, length)) < share
        here[:, 0] = True
        x[:, :-n] *= here.repeat(np.asarray(model.widths), axis=1)
        x[:, -n:] = here
    mask = np.ones((batch, length), bool)
    if masked:
        mask = rng.random((batch, length)) < 0.6
        mask[np.arange(batch), rng.integers(length, size=batch)] = True  # one real frame at least
    x[~mask[:, None, :].repeat(channels, axis=1)] = np.nan
    return x, mask


def _channels(model: nn.Module) -> int:
    channels = getattr(model, "channels", None)
    if not isinstance(channels, int):
        raise ModelError(f"{type(model).__name__} has no channels: it is no model of deplib.models")
    return channels
