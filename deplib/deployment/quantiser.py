"""What onnxruntime's quantisation is given, kept from doing, and cannot do itself."""

import contextlib
import io
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from deplib.errors import DeplibError, EncoderError
from deplib.extraction.encoders.onnx_file import first_line
from deplib.extraction.encoders.preprocess import Preprocess

LARGE = 4096
"""Numbers in a weight that is worth storing in 8 bits with scales of its own."""

_BATCH = 16  # frames of a calibration step, where the encoder leaves that free
_AFFINE = ("Sub", "Add", "Mul", "Div", "Neg")


class CalibrationFrames:
    """Frames as onnxruntime's calibration reads them: a batch a call, None at the end.

    Raises
    ------
    EncoderError
        If they do not fill one batch of the size that the network was exported for.
    """

    def __init__(
        self, network: onnx.ModelProto, frames: np.ndarray, preprocess: Preprocess
    ) -> None:
        weights = {tensor.name for tensor in network.graph.initializer}
        entry = next(i for i in network.graph.input if i.name not in weights)
        size = entry.type.tensor_type.shape.dim[0].dim_value or min(_BATCH, len(frames))
        if len(frames) < size:
            raise EncoderError(
                f"the encoder takes batches of {size}, and there are {len(frames)} frames to "
                "calibrate on: give some hundreds of faces"
            )
        self.name = entry.name
        ends = range(size, len(frames) + 1, size)
        self.batches = (preprocess(frames[end - size : end]) for end in ends)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next batch by the name of the network's input, or None."""
        batch = next(self.batches, None)
        return None if batch is None else {self.name: batch}


@contextlib.contextmanager
def quietly(what: str, path: Path, kind: type[DeplibError]) -> Iterator[Path]:
    """Give a path for onnxruntime's quantisation to write to, and keep the terminal clear of it.

    It prints, and logs by the root logger, which sets up logging where the program has not.
    """
    root, disabled, silent = (
        logging.getLogger(),
        logging.root.manager.disable,
        logging.NullHandler(),
    )
    root.addHandler(silent)
    logging.disable(logging.CRITICAL)
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.redirect_stdout(io.StringIO()),
        ):
            yield Path(folder) / "quantised.onnx"
    except (DeplibError, OSError):
        raise
    except Exception as error:  # its exceptions share no base of their own
        raise kind(
            f"onnxruntime cannot quantise the {what} {path}: {first_line(error)}; use it in float32"
        ) from error
    finally:
        logging.disable(disabled)
        root.removeHandler(silent)


def refuse_twice(network: onnx.ModelProto, path: Path, kind: type[DeplibError]) -> None:
    """Raise an error of a kind if a network has 8-bit weights."""
    small = {TensorProto.INT8, TensorProto.UINT8}
    if any(tensor.data_type in small for tensor in network.graph.initializer):
        raise kind(f"{path} has 8-bit weights already: quantise the float32 file")


def front_nodes(graph: onnx.GraphProto) -> list[str]:
    """Name the nodes that normalise pixels at the front of a graph: they stay as they are.

    An encoder that normalises its input is known by them when it is opened.
    """
    weights = {tensor.name for tensor in graph.initializer}
    value = next(i.name for i in graph.input if i.name not in weights)
    names: list[str] = []
    while True:
        users = [node for node in graph.node if value in node.input]
        if len(users) != 1 or users[0].op_type not in _AFFINE:
            return names
        users[0].name = users[0].name or f"front_{len(names)}"
        names.append(users[0].name)
        value = users[0].output[0]


def store_in_8_bits(graph: onnx.GraphProto) -> None:
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
