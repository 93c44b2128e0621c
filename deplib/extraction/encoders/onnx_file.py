"""An ONNX file on disk: read, checked for what it is, and opened in onnxruntime."""

from pathlib import Path
from typing import Literal

import onnx
import onnxruntime as ort

from deplib.errors import EncoderError
from deplib.extraction.encoders.graph import external_files

Device = Literal["cpu", "cuda"]

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
    except FileNotFoundError:
        raise EncoderError(
            f"no encoder at {path.absolute()}: check the path, or download the ONNX file first"
        ) from None
    except OSError as error:
        raise EncoderError(f"cannot read the encoder {path}: {error.strerror}") from error
    if why := not_a_network(content[:64]):
        raise EncoderError(f"{path} {why}")
    return content


def not_a_network(head: bytes) -> str | None:
    """Return what a file that starts so is instead of a network, and how to mend it; or None."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not head:
        return "is empty: the download did not finish; fetch it again"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return (
            "is a web page saved under a network's name (a login, licence or error page): fetch "
            "the file itself"
        )
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
    if files := external_files(model):
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
            f"{path} would run on {', '.join(session.get_providers())} in place of {provider}: the "
            "driver, CUDA or cuDNN does not fit this onnxruntime-gpu; mend that, or use "
            "device='cpu'"
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
