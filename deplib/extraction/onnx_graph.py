"""An encoder's ONNX file: checked for what it is, read, rewritten where that is faster, opened."""

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from deplib.errors import EncoderError
from deplib.extraction.preprocess import RAW, UNIT, Preprocess

Device = Literal["cpu", "cuda"]

_PIXEL_STD = 16.0  # a larger one divides numbers of 0 to 255; no other range is that wide
_FIRST_PRELU_OPSET = 7  # before it, slopes were not broadcast as all other operands are

_NO_ERRORS_BELOW_FATAL = 4  # failures become EncoderError; the runtime need not also print them
_PROVIDERS = {
    "cpu": ("CPUExecutionProvider", {}),
    # Without TF32, features are the CPU's to rounding, and one store may be filled by both.
    "cuda": ("CUDAExecutionProvider", {"use_tf32": "0"}),
}


def read_file(path: Path) -> bytes:
    """Return a file's bytes, after the checks that name what is wrong better than a parser.

    Raises
    ------
    EncoderError
        If there is no such file, or it is empty, a web page or a Git LFS pointer.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EncoderError(
            f"no encoder at {path.absolute()} ({error.strerror}): check the path, or download the "
            "ONNX file first"
        ) from error
    if why := not_a_network(content[:64]):
        raise EncoderError(f"{path} {why}")
    return content


def not_a_network(head: bytes) -> str | None:
    """Return what a file that starts so is instead of a network, and how to mend it; or None."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not head:
        return "is empty: the download did not finish; fetch it again"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page (a login, licence or error page): fetch the file itself"
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file: run 'git lfs pull'"
    return None


def parse(content: bytes, path: Path) -> onnx.ModelProto:
    """Return the network that a file's bytes describe.

    Raises
    ------
    EncoderError
        If the bytes are no ONNX network, or its weights are in another file.
    """
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's exceptions share no base of their own
        raise _broken(path, error) from error
    tensors = [tensor for tensor in model.graph.initializer if uses_external_data(tensor)]
    if files := sorted({ExternalDataInfo(tensor).location for tensor in tensors}):
        raise EncoderError(
            f"{path} keeps its weights in {', '.join(files[:3])}: a hash of one file must cover "
            "them; join them with onnx.save(onnx.load(path), 'one_file.onnx') and open that"
        )
    return model


def open_session(
    content: bytes, path: Path, *, threads: int, device: Device
) -> ort.InferenceSession:
    """Open a network on exactly the device that is asked for.

    Raises
    ------
    EncoderError
        If onnxruntime cannot run it, or not on that device: it would quietly take the CPU.
    """
    provider, settings = _PROVIDERS[device]
    if provider not in ort.get_available_providers():
        raise EncoderError(
            f"this onnxruntime has no {provider} (it has {', '.join(ort.get_available_providers())}"
            "): pip uninstall onnxruntime, then pip install onnxruntime-gpu; or use device='cpu'"
        )
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _NO_ERRORS_BELOW_FATAL
    # Spinning threads steal the core from the renderer or decoder that feeds the network.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(content, options, providers=[(provider, settings)])
    except Exception as error:  # the runtime's exceptions share no base of their own
        raise _broken(path, error) from error
    if provider not in session.get_providers():
        raise EncoderError(
            f"{path} would not run on {provider}: the driver, CUDA or cuDNN does not fit this "
            "onnxruntime-gpu; mend that, or use device='cpu'"
        )
    session.disable_fallback()
    session._model_bytes = None  # kept for falling back only: 170 MB in an IResNet-50
    return session


def check_signature(session: ort.InferenceSession, path: Path, size: int) -> int | None:
    """Check the declared inputs and outputs; return the fixed batch size, or None if free.

    Raises
    ------
    EncoderError
        If there is not one float32 input ``N x 3 x size x size`` and one output.
    """
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise EncoderError(
            f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; an encoder has one of "
            "each: choose the recognition network, not a detector"
        )
    shape, kind = inputs[0].shape, inputs[0].type
    expected = (None, 3, size, size)
    fits = len(shape) == 4 and all(
        want is None or not isinstance(have, int) or have == want
        for have, want in zip(shape, expected, strict=True)
    )
    if not fits or kind != "tensor(float)":
        raise EncoderError(
            f"{path} takes {kind} {shape}; this pipeline gives tensor(float) "
            f"[N, 3, {size}, {size}]: choose an encoder of that input, or set Preprocess(size=...)"
        )
    return shape[0] if isinstance(shape[0], int) and shape[0] > 0 else None


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, of at most 200 characters."""
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else repr(error)


def _broken(path: Path, error: Exception) -> EncoderError:
    return EncoderError(
        f"{path} is not a whole ONNX network that can run here: {first_line(error)}; it is "
        "truncated, in another format, or newer than the installed onnx and onnxruntime: fetch or "
        "export it again"
    )


class FrontNormalisation(NamedTuple):
    """What a graph does to each pixel before its first layer: ``(x - mean) / std``."""

    mean: np.ndarray  # shape (3,), in the order of the network's channels
    std: np.ndarray
    convention: Preprocess  # what it takes: pixels from 0 to 255, or from 0 to 1

    def __str__(self) -> str:
        texts = [[f"{value:g}" for value in values] for values in (self.mean, self.std)]
        mean, std = (t[0] if len(set(t)) == 1 else f"({', '.join(t)})" for t in texts)
        return f"(x - {mean}) / {std} on pixels from 0 to {255 / self.convention.std[0]:g}"


def front_normalisation(graph: onnx.GraphProto) -> FrontNormalisation | None:
    """Return the normalisation at the front of a graph with one input, or None.

    Follows the input through ``Sub``, ``Add``, ``Mul`` and ``Div`` with constants, one for all
    channels or one each, up to the first other node or branch. The arithmetic decides, not the
    nodes' names as in insightface: a chain that divides by more than 16 takes pixels from 0 to 255;
    one that subtracts a mean between 0 and 1 and divides by at most 1 takes numbers from 0 to 1;
    any other only scales what is normalised already.

    Parameters
    ----------
    graph
        A graph with one input ``N x 3 x height x width``; of any other, None is returned.
    """
    weights = {tensor.name: tensor for tensor in graph.initializer}
    weights |= {n.output[0]: n.attribute[0].t for n in graph.node if n.op_type == "Constant"}
    inputs = [i.name for i in graph.input if i.name not in weights]  # old files list weights, too
    scale, shift = np.ones(3), np.zeros(3)
    while len(inputs) == 1:
        (value,) = inputs
        users = [node for node in graph.node if value in node.input]
        others = [name for node in users for name in node.input if name != value]
        if len(users) != 1 or len(others) != 1 or others[0] not in weights:
            break
        node, c = users[0], _channels(weights[others[0]])
        if c is None or not (node.input[0] == value or node.op_type in ("Add", "Mul")):
            break
        with np.errstate(all="ignore"):  # what overflows is told by the probe
            if node.op_type in ("Add", "Sub"):
                shift = shift + (c if node.op_type == "Add" else -c)
            elif node.op_type in ("Mul", "Div"):
                factor = c if node.op_type == "Mul" else 1 / c
                scale, shift = scale * factor, shift * factor
            else:
                break
        inputs = list(node.output)
    with np.errstate(all="ignore"):
        mean, std = 0 - shift / scale, 1 / scale
    if not np.isfinite([mean, std, scale]).all():
        return None
    if (np.abs(std) > _PIXEL_STD).all():
        return FrontNormalisation(mean, std, RAW)
    if ((mean > 0) & (mean < 1) & (np.abs(std) <= 1)).all():
        return FrontNormalisation(mean, std, UNIT)
    return None


def _channels(tensor: onnx.TensorProto) -> np.ndarray | None:
    """Return a constant as one number a channel, or None if it is no such thing."""
    if np.prod(tensor.dims) != 1 and list(tensor.dims)[-3:] != [3, 1, 1]:
        return None  # three numbers of another shape meet the width, not the channels
    return np.broadcast_to(numpy_helper.to_array(tensor).astype(np.float64).ravel(), 3)


def rewrite_prelu(model: onnx.ModelProto) -> int:
    """Replace each ``PRelu`` by ``a x + (1 - a) relu(x)``, in place.

    The same function to rounding. onnxruntime computes ``PRelu`` slowly and outside the layout that
    it keeps between convolutions; this makes an IResNet-50 on the CPU 4 to 11 % faster, the more
    the less smooth its activations are.

    Parameters
    ----------
    model
        Changed in place. A slope that is no float32 constant is left alone.

    Returns
    -------
    int
        How many were replaced.
    """
    graph = model.graph
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)
    if opset < _FIRST_PRELU_OPSET:
        return 0
    slopes = {
        tensor.name: tensor
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    }
    nodes: list[onnx.NodeProto] = []
    complements: dict[str, onnx.TensorProto] = {}
    for node in graph.node:
        if node.op_type != "PRelu" or node.input[1] not in slopes:
            nodes.append(node)
            continue
        (x, a), y = node.input, node.output[0]
        rest = f"{a}/one_minus"
        if rest not in complements:
            slope = numpy_helper.to_array(slopes[a])
            complements[rest] = numpy_helper.from_array(np.float32(1) - slope, rest)
        nodes += [
            helper.make_node("Relu", [x], [f"{y}/relu"]),
            helper.make_node("Mul", [x, a], [f"{y}/all"]),
            helper.make_node("Mul", [f"{y}/relu", rest], [f"{y}/above"]),
            helper.make_node("Add", [f"{y}/all", f"{y}/above"], [y]),
        ]
    replaced = (len(nodes) - len(graph.node)) // 3
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(complements.values())
    return replaced
