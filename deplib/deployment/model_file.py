"""The file of an exported model: read, checked for what it is, and opened in onnxruntime."""

from pathlib import Path

import onnx
import onnxruntime as ort

from deplib.deployment.card import OPSET, Card, read_card
from deplib.errors import EncoderError, ModelError
from deplib.extraction.encoders.onnx_file import not_a_network, open_session, parse

_DOMAINS = {"", "ai.onnx", "com.microsoft"}  # the last holds onnxruntime's int8 operators


def read_model(path: Path) -> bytes:
    """Return the bytes of a model's file.

    Raises
    ------
    ModelError
        If there is no such file, or it is empty, a web page or a Git LFS pointer.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"no model at {path.absolute()}: export one there first") from None
    except OSError as error:
        raise ModelError(f"cannot read the model {path}: {error.strerror}") from error
    if why := not_a_network(content[:64]):
        raise ModelError(f"{path} {why}")
    return content


def parse_model(content: bytes, path: Path) -> onnx.ModelProto:
    """Return the network that a file's bytes describe.

    Raises
    ------
    ModelError
        If the bytes are no ONNX network, or its weights are in another file.
    """
    try:
        return parse(content, path)
    except EncoderError as error:  # the checks are those of an encoder's file
        raise ModelError(str(error)) from error


def open_model(content: bytes, path: Path, *, threads: int) -> tuple[ort.InferenceSession, Card]:
    """Open the bytes of an exported model, of the file ``path``, and read its card.

    Raises
    ------
    ModelError
        If it is no ONNX network or one that onnxruntime cannot load, keeps weights elsewhere, has
        no card or one of another format, was written with other operators than its card says or
        this version supports, or has other inputs or outputs.
    """
    network = parse_model(content, path)
    card = read_card(network, path)
    _check_opset(network, card, path)
    try:
        session = open_session(content, path, threads=threads, device="cpu")
    except EncoderError as error:
        raise ModelError(str(error)) from error
    _check_signature(session, card, path)
    return session, card


def _check_opset(network: onnx.ModelProto, card: Card, path: Path) -> None:
    opsets = {one.domain: one.version for one in network.opset_import}
    opset = opsets.get("", opsets.get("ai.onnx"))
    if opset != card.opset:
        raise ModelError(
            f"{path} is written in opset {opset}, its card says {card.opset}: the file was changed "
            "after its export, so what was checked then no longer holds; export the model again"
        )
    if opset != OPSET:
        raise ModelError(
            f"{path} is written in opset {opset}; this version of deplib exports and opens opset "
            f"{OPSET}: export the model again with this version"
        )
    if foreign := sorted({node.domain for node in network.graph.node} - _DOMAINS):
        raise ModelError(f"{path} has operators of {foreign[0]!r}: export the model again")


def _check_signature(session: ort.InferenceSession, card: Card, path: Path) -> None:
    """Check names, types and axes of the inputs and the output; a free axis has a name."""

    def show(values: list) -> str:
        return ", ".join(f"{v.name} {v.type} {v.shape}" for v in values)

    declared = {
        "x": ("tensor(float)", [None, card.channels, None]),
        "mask": ("tensor(bool)", [None, None]),
        "y": ("tensor(float)", [None]),
    }
    inputs, outputs = session.get_inputs(), session.get_outputs()
    found = {
        v.name: (v.type, [n if isinstance(n, int) else None for n in v.shape])
        for v in (*inputs, *outputs)
    }
    if found != declared or [v.name for v in outputs] != ["y"]:
        raise ModelError(
            f"{path} takes {show(inputs)} and gives {show(outputs)}; its card needs x "
            f"tensor(float) [batch, {card.channels}, time], mask tensor(bool) [batch, time] and "
            "y tensor(float) [batch], batch and time free: export the model again"
        )
