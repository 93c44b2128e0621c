"""Smaller files: 8-bit weights for a model, 8-bit weights and activations for its encoder.

q = round(w / s), one scale s for each output of a layer (Krishnamoorthi 2018, "Quantizing deep
convolutional networks for efficient inference", sections 2 and 3). Weights keep to 7 of the 8
bits: on a processor without VNNI onnxruntime adds products of 8 bits in 16, and would overflow
there, so that the same file would give other numbers.
"""

import contextlib
import io
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from filelock import FileLock
from onnx import TensorProto, helper, numpy_helper

from deplib import extraction
from deplib.deploy.bundle import open_model, put_card
from deplib.errors import DeplibError, EncoderError, ModelError
from deplib.extraction.onnx_graph import front_normalisation
from deplib.paths import data_root, write_atomically
from deplib.provenance import NO_NUMBERS, digest, source_digest

LEAST_COSINE = 0.95
"""Of an encoder in 8 bits with the same one in float32, in the mean; below it nothing is written.
Another person's face is at 0.3 or so, and an encoder in order at 0.99 or more."""
LARGE = 4096
"""Numbers in a weight that is worth storing in 8 bits with scales of its own."""
CALIBRATION_SEED = 0
_COMMON: dict[str, Any] = {"per_channel": True, "reduce_range": True}
_BATCH = 16  # frames of a calibration step, where the encoder leaves that free


def quantise_dynamic(source: Path, target: Path) -> None:
    """Write an exported model with 8-bit weights; its card goes along.

    Products with a weight are computed in 8 bits, on activations rounded as they come. Other large
    weights (a GRU's, the positions) are stored in 8 bits and computed with in float32.

    Raises
    ------
    ModelError
        If the source is no exported model, is quantised already, or onnxruntime cannot do it.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = open_model(source)
    del model.network.graph.value_info[:]  # shapes of the float32 graph
    options = _COMMON | {"op_types_to_quantize": ["MatMul"]}
    with _quietly(model.network, source, ModelError) as partial:
        quantize_dynamic(model.network, partial, weight_type=QuantType.QInt8, **options)
        network = onnx.load(partial)
    _store_in_8_bits(network.graph)
    put_card(network, model.card)
    small = network.SerializeToString()
    open_model(target, small)
    write_atomically(target, small)


def quantise_static(
    encoder_path: Path, target: Path, frames: np.ndarray, preprocess: extraction.Preprocess
) -> None:
    """Write an encoder with 8-bit weights and activations.

    Parameters
    ----------
    encoder_path
        A float32 encoder.
    target
        Where the small one goes. Its hash is another one: export models for it with its own.
    frames
        RGB uint8 (n, size, size, 3): what the ranges of activations are read off, such as
        `calibration_frames`. Never frames of the cohort that is evaluated.
    preprocess
        The encoder's.

    Raises
    ------
    EncoderError
        If the encoder breaks its contract, there are too few frames, onnxruntime cannot do it, or
        the result agrees with the encoder less than `LEAST_COSINE` on these frames.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    encoder = extraction.OnnxEncoder(encoder_path, preprocess)
    reference = encoder.embed(frames).features  # checks what they are
    network = extraction.parse(extraction.read_file(encoder_path), encoder_path)
    extraction.rewrite_prelu(network)  # there is no PRelu in 8 bits
    with _quietly(network, encoder_path, EncoderError) as partial:
        front = front_normalisation(network.graph)  # an encoder is known by it: it stays as it is
        for i, node in enumerate(kept := front.nodes if front else []):
            node.name = node.name or f"front_{i}"
        options = _COMMON | {"nodes_to_exclude": [node.name for node in kept]}
        kinds = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
        reader = _Calibration(_entry(network.graph), frames, preprocess)
        form = QuantFormat.QOperator
        quantize_static(network, partial, reader, quant_format=form, **kinds, **options)
        small = extraction.OnnxEncoder(partial, preprocess).embed(frames).features
        if not (mean := float((reference * small).sum(axis=1).mean())) >= LEAST_COSINE:
            low = f"in 8 bits agrees with itself in float32 to a cosine of {mean:.3f} only"
            raise EncoderError(f"{encoder_path} {low}: calibrate it on more faces, or use float32")
        write_atomically(target, partial.read_bytes())


def calibration_frames(persons: int = 32, renders: int = 8, *, seed: int) -> np.ndarray:
    """Render faces to calibrate an encoder on: persons of no cohort and of no training.

    Returns
    -------
    ndarray of uint8, shape (persons * renders, 112, 112, 3)
    """
    rng = extraction.stream("calibration", seed)
    return np.concatenate([extraction.known_renders(renders, rng=rng)[0] for _ in range(persons)])


def small_encoder(encoder: extraction.OnnxEncoder) -> extraction.OnnxEncoder:
    """Return an encoder in 8 bits; its file is written where it is not there yet.

    Another processor may round another activation's range, so the file, and with it the hash in
    ``id``, can differ between machines; on one machine it is always the same. Preprocessing,
    device, threads and flip are those of the encoder that is given.

    Raises
    ------
    EncoderError
        If it cannot be quantised, or agrees too little with itself then.
    OSError
        If the file cannot be written.
    """
    source = source_digest("deplib.deploy.quantise", without=NO_NUMBERS)
    made_from = [encoder.id, CALIBRATION_SEED, source, ort.__version__]
    path = data_root() / "quantised" / f"encoder-{digest(made_from)[:16]}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            frames = calibration_frames(seed=CALIBRATION_SEED)
            quantise_static(encoder.path, path, frames, encoder.preprocess)
    settings = {name: getattr(encoder, name) for name in ("threads", "device", "flip")}
    return extraction.OnnxEncoder(path, encoder.preprocess, **settings)


class _Calibration:
    """Frames as onnxruntime's calibration reads them: a batch a call, None at the end."""

    def __init__(
        self, entry: onnx.ValueInfoProto, frames: np.ndarray, preprocess: extraction.Preprocess
    ):
        size = entry.type.tensor_type.shape.dim[0].dim_value or max(1, min(_BATCH, len(frames)))
        if len(frames) < size:
            few = f"takes batches of {size}, and there are {len(frames)} frames to calibrate on"
            raise EncoderError(f"the encoder {few}: give some hundreds of faces")
        ends = range(size, len(frames) + 1, size)
        self.batches = ({entry.name: preprocess(frames[end - size : end])} for end in ends)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next batch by the name of the network's input, or None."""
        return next(self.batches, None)


@contextlib.contextmanager
def _quietly(network: onnx.ModelProto, source: Path, kind: type[DeplibError]) -> Iterator[Path]:
    """Give a path for onnxruntime's quantisation to write to, and keep the terminal clear of it.

    It prints, and logs by the root logger, which sets up logging where the program has not.
    """
    small = {TensorProto.INT8, TensorProto.UINT8}
    if any(tensor.data_type in small for tensor in network.graph.initializer):
        raise kind(f"{source} has 8-bit weights already: quantise the float32 file")
    root, disabled = logging.getLogger(), logging.root.manager.disable
    silent = logging.NullHandler()
    root.addHandler(silent)
    logging.disable(logging.CRITICAL)
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            yield Path(folder) / "quantised.onnx"
    except (DeplibError, OSError):
        raise
    except Exception as error:  # its exceptions share no base of their own
        why = f"onnxruntime cannot quantise {source}: {extraction.first_line(error)}"
        raise kind(f"{why}; use it in float32") from error
    finally:
        logging.disable(disabled)
        root.removeHandler(silent)


def _entry(graph: onnx.GraphProto) -> onnx.ValueInfoProto:
    """Return the input that takes the frames; older files list their weights as inputs, too."""
    weights = {tensor.name for tensor in graph.initializer}
    return next(one for one in graph.input if one.name not in weights)


def _store_in_8_bits(graph: onnx.GraphProto) -> None:
    """Store each large float32 weight as int8 with one scale a row, and a node that reads it."""
    kept, nodes = [], []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < LARGE:
            kept.append(tensor)
            continue
        weight, axis = numpy_helper.to_array(tensor), max(len(tensor.dims) - 2, 0)
        others = tuple(i for i in range(weight.ndim) if i != axis)
        scale = np.abs(weight).max(axis=others, keepdims=True) / np.float32(127)
        scale[scale == 0] = 1
        small, steps = f"{tensor.name}_int8", f"{tensor.name}_scale"
        kept.append(numpy_helper.from_array(np.rint(weight / scale).astype(np.int8), small))
        kept.append(numpy_helper.from_array(scale.reshape(-1), steps))
        nodes.append(helper.make_node("DequantizeLinear", [small, steps], [tensor.name], axis=axis))
    nodes += graph.node
    for field, values in ((graph.initializer, kept), (graph.node, nodes)):
        values = [type(value).FromString(value.SerializeToString()) for value in values]
        del field[:]
        field.extend(values)
