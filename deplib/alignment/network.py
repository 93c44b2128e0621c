"""A detector's ONNX file: read, told from what is no detector, opened."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort

from deplib.errors import EncoderError
from deplib.extraction.encoders.onnx_file import not_a_network, open_session


@dataclass(frozen=True)
class Network:
    """An ONNX file's bytes and the session that runs them."""

    path: Path
    content: bytes
    sha256: str
    session: ort.InferenceSession

    @property
    def outputs(self) -> dict[str, list[int | str | None]]:
        """Declared outputs: name -> shape, free dimensions as a name or None."""
        return {one.name: list(one.shape) for one in self.session.get_outputs()}

    @property
    def signature(self) -> str:
        """Inputs and outputs in a few words, for messages."""
        first = self.session.get_inputs()[0]
        outputs = list(self.outputs.items())
        shown = ", ".join(f"{name} {shape}" for name, shape in outputs[:3])
        more = f" and {len(outputs) - 3} more" if len(outputs) > 3 else ""
        return f"input {first.shape}, {len(outputs)} outputs: {shown}{more}"


def open_network(path: str | Path, *, sha256: str | None = None) -> Network:
    """Read and open a detector's ONNX file.

    Parameters
    ----------
    path
        The file, weights inside.
    sha256
        Expected hash of the file; another file is refused.

    Raises
    ------
    EncoderError
        If the file is missing, altered, or no ONNX network with one image input.
    """
    path = Path(path)
    content = _read(path)
    actual = hashlib.sha256(content).hexdigest()
    if sha256 is not None and actual != sha256.lower():
        raise EncoderError(
            f"{path} has sha256 {actual}, not {sha256}: it is another detector than the one "
            "expected, or a damaged copy; fetch it again or pass its own sha256"
        )
    session = open_session(content, path, threads=1, device="cpu")
    inputs = session.get_inputs()
    shape = inputs[0].shape if inputs else []
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(shape) != 4 or shape[1] != 3:
        raise EncoderError(
            f"{path} takes {[(one.type, one.shape) for one in inputs]}; a face detector takes one "
            "tensor(float) [1, 3, height, width]: choose a SCRFD (det_10g.onnx of buffalo_l) or "
            "YuNet (face_detection_yunet_2023mar.onnx) file"
        )
    return Network(path, content, actual, session)


def check_shares(*, threshold: float, nms: float) -> None:
    """Refuse a least score or a largest overlap that is no share.

    Raises
    ------
    EncoderError
        If one of them is not between 0 and 1.
    """
    if not 0 < threshold < 1 or not 0 < nms < 1:
        raise EncoderError(f"threshold is {threshold} and nms {nms}; give both between 0 and 1")


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise EncoderError(
            f"no detector at {path.absolute()}: check the path, or download the ONNX file first"
        ) from None
    except OSError as error:
        raise EncoderError(f"cannot read the detector {path}: {error.strerror}") from error
    if why := not_a_network(content[:64]):
        raise EncoderError(f"{path} {why}")
    return content
