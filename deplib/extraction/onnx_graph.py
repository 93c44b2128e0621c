"""A network's ONNX file: checked for what it is, read, rewritten where that is faster, opened."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
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
_NO_ERRORS_BELOW_FATAL = 4  # failures become EncoderError; the runtime need not also print them
_BROKEN = "is not a whole ONNX network that can run here"
_MEND = "it is truncated, in another format, or newer than the installed onnx and onnxruntime: "
_MEND += "fetch or export it again"
_PROVIDERS = {
    "cpu": ("CPUExecutionProvider", {}),
    # Without TF32, features are the CPU's to rounding, and one store may be filled by both.
    "cuda": ("CUDAExecutionProvider", {"use_tf32": "0"}),
}


def read_file(path: Path, sha256: str | None = None) -> bytes:
    """Return a file's bytes, after the checks that name what is wrong better than a parser.

    Parameters
    ----------
    path
        The file.
    sha256
        Expected hash of the file; another file is refused.

    Raises
    ------
    EncoderError
        If there is no such file, it is another one, or it is empty, a web page or a Git LFS
        pointer.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EncoderError(
            f"no network at {path.absolute()} ({error.strerror}): check the path, or download the "
            "ONNX file first"
        ) from error
    start = content[:64].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not content:
        raise EncoderError(f"{path} is empty: the download did not finish; fetch it again")
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        what = "is a web page (a login, licence or error page)"
        raise EncoderError(f"{path} {what}: fetch the file itself")
    if start.startswith(b"version https://git-lfs"):
        raise EncoderError(f"{path} is a Git LFS pointer, not the file: run 'git lfs pull'")
    actual = hashlib.sha256(content).hexdigest() if sha256 else None
    if sha256 and actual != sha256.lower():
        raise EncoderError(
            f"{path} has sha256 {actual}, not {sha256}: it is another file than the one expected, "
            "or a damaged copy; fetch it again or pass its own sha256"
        )
    return content


def parse(content: bytes, path: Path) -> onnx.ModelProto:
    """Return the network that a file's bytes describe.

    Raises
    ------
    EncoderError
        If the bytes are no ONNX network, or its weights are in another file.
    """
    with told(f"{path} {_BROKEN}", _MEND):
        model = onnx.load_model_from_string(content)
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
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _NO_ERRORS_BELOW_FATAL
    # Spinning threads steal the core from the renderer or decoder that feeds the network.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    with told(f"{path} {_BROKEN}", _MEND):
        session = ort.InferenceSession(content, options, providers=[(provider, settings)])
    if provider not in session.get_providers():
        raise EncoderError(
            f"{path} would not run on {provider}. This onnxruntime has "
            f"{', '.join(ort.get_available_providers())}: pip uninstall onnxruntime, then pip "
            "install onnxruntime-gpu; or mend the driver, CUDA or cuDNN that do not fit it; or use "
            "device='cpu'"
        )
    session.disable_fallback()
    session._model_bytes = None  # kept for falling back only: 170 MB in an IResNet-50
    return session


def check_signature(session: ort.InferenceSession, path: Path) -> tuple[int | None, int | None]:
    """Check the declared input; return the batch size and the frames' side, None where free.

    Raises
    ------
    EncoderError
        If there is not one float32 input ``N x 3 x size x size``.
    """
    inputs = [(one.type, one.shape or [None] * 4) for one in session.get_inputs()]
    shape = [n if isinstance(n, int) and n > 0 else None for n in inputs[0][1]]
    sides = set(shape[2:]) - {None}
    right = [kind for kind, _ in inputs] == ["tensor(float)"] and len(shape) == 4
    if not right or shape[1] not in (None, 3) or len(sides) > 1:
        raise EncoderError(
            f"{path} takes {', '.join(f'{kind} {form}' for kind, form in inputs)}; an encoder "
            "takes tensor(float) [N, 3, size, size]: export it with one float32 input, channels "
            "first, for square crops, or choose another"
        )
    return shape[0], next(iter(sides), None)


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, of at most 200 characters."""
    return (str(error).strip().splitlines() or [repr(error)])[0][:200]


@contextmanager
def told(what: str, remedy: str, kind: type[Exception] = EncoderError) -> Iterator[None]:
    """Raise one kind of error for whatever a runtime raises: its exceptions share no base."""
    try:
        yield
    except Exception as error:
        raise kind(f"{what}: {first_line(error)}; {remedy}") from error


class FrontNormalisation(NamedTuple):
    """What a graph does to each pixel before its first layer: ``(x - mean) / std``."""

    mean: np.ndarray  # shape (3,), in the order of the network's channels
    std: np.ndarray
    convention: Preprocess  # what it takes: pixels from 0 to 255, or from 0 to 1
    nodes: list[onnx.NodeProto]  # that do it

    def __str__(self) -> str:
        mean, std = (values.round(4).tolist() for values in (self.mean, self.std))
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
    scale, shift, nodes = np.ones(3), np.zeros(3), list[onnx.NodeProto]()
    with np.errstate(all="ignore"):  # what overflows is told by the probe
        while len(inputs) == 1:
            users = [node for node in graph.node if inputs[0] in node.input]
            if len(users) != 1 or users[0].op_type not in ("Add", "Sub", "Mul", "Div"):
                break
            kind, first = users[0].op_type, users[0].input[0] == inputs[0]
            c = _channels(weights.get(users[0].input[int(first)]))
            if c is None or not (first or kind in ("Add", "Mul")):
                break
            if kind in ("Add", "Sub"):
                shift = shift + (c if kind == "Add" else -c)
            else:
                factor = c if kind == "Mul" else 1 / c
                scale, shift = scale * factor, shift * factor
            inputs, nodes = list(users[0].output), nodes + users
        mean, std = 0 - shift / scale, 1 / scale
    if not np.isfinite([mean, std, scale]).all():
        return None
    if (np.abs(std) > _PIXEL_STD).all():
        return FrontNormalisation(mean, std, RAW, nodes)
    if ((mean > 0) & (mean < 1) & (np.abs(std) <= 1)).all():
        return FrontNormalisation(mean, std, UNIT, nodes)
    return None


def _channels(tensor: onnx.TensorProto | None) -> np.ndarray | None:
    """Return a constant as one number a channel, or None if it is no such thing."""
    if tensor is None or (np.prod(tensor.dims) != 1 and list(tensor.dims)[-3:] != [3, 1, 1]):
        return None  # three numbers of another shape meet the width, not the channels
    return np.broadcast_to(numpy_helper.to_array(tensor).astype(np.float64).ravel(), 3)


def drop_unused_inputs(model: onnx.ModelProto) -> int:
    """Remove inputs that no node reads, in place, and return how many there were."""
    used = {name for node in model.graph.node for name in node.input}
    unused = [one for one in model.graph.input if one.name not in used]
    for one in unused:
        model.graph.input.remove(one)
    return len(unused)


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
    graph, floats = model.graph, onnx.TensorProto.FLOAT
    slopes = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type == floats}
    nodes: list[onnx.NodeProto] = []
    complements: dict[str, onnx.TensorProto] = {}
    for node in graph.node:
        if node.op_type != "PRelu" or node.input[1] not in slopes:
            nodes.append(node)
            continue
        (x, a), y = node.input, node.output[0]
        rest = f"{a}/one_minus"
        complements[rest] = numpy_helper.from_array(1 - numpy_helper.to_array(slopes[a]), rest)
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
