"""Any ONNX face encoder ``N x 3 x size x size -> N x D``, checked when it is opened."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime as ort

from deplib.errors import EncoderError
from deplib.extraction.preprocess import ARCFACE, Preprocess

_MIN_NORM = 1e-6  # a shorter output has no direction worth the name
_NO_ERRORS_BELOW_FATAL = 4  # failures become EncoderError; the runtime need not also print them


class Embedded(NamedTuple):
    """Embeddings of a block of frames."""

    features: np.ndarray
    """float32, shape ``(n, dim)``: unit rows; NaN where ``valid`` is False."""
    valid: np.ndarray
    """bool, shape ``(n,)``: False where the network's output was not finite or had no length."""


class OnnxEncoder:
    """A frozen face encoder read from an ONNX file, checked against its contract when opened.

    Parameters
    ----------
    path
        The ONNX file: one float32 input ``N x 3 x size x size``, one output ``N x D``, where N is
        free or a fixed number. Weights are inside the file.
    preprocess
        What the network expects of its pixels.
    sha256
        Expected hash of the file; another file is refused.
    threads
        Threads of the runtime. One is best where a process runs on each core.
    batch_size
        Frames given to the network at once, where the file leaves that free.

    Attributes
    ----------
    dim : int
        Width D of an embedding.
    sha256 : str
        Hash of the file that was opened.
    id : str
        File hash and preprocessing in one line: the same id means the same features.

    Raises
    ------
    EncoderError
        If the file is missing, altered, no ONNX, or breaks the contract on a probe.
    """

    def __init__(
        self,
        path: str | Path,
        preprocess: Preprocess = ARCFACE,
        *,
        sha256: str | None = None,
        threads: int = 1,
        batch_size: int = 4,  # inputs and activations stay in the cache
    ) -> None:
        if threads < 1 or batch_size < 1:
            raise EncoderError(
                f"threads is {threads} and batch_size {batch_size}; both must be 1 or more"
            )
        self.path = Path(path)
        self.preprocess = preprocess
        self.threads = threads
        self.batch_size = batch_size
        content = _read(self.path)
        self.sha256 = hashlib.sha256(content).hexdigest()
        if sha256 is not None and self.sha256 != sha256.lower():
            raise EncoderError(
                f"{self.path} has sha256 {self.sha256}, not {sha256}: it is another file than the "
                "one expected, or a damaged copy; fetch it again or pass its own sha256"
            )
        self._session = _open_session(content, self.path, threads)
        self._input = self._session.get_inputs()[0]
        self._fixed_batch = _check_signature(self._session, self.path, preprocess.size)
        self.dim = self._probe()
        self.id = f"sha256={self.sha256} {preprocess}"

    def __repr__(self) -> str:
        return f"OnnxEncoder({self.path.name}, D={self.dim}, {self.preprocess})"

    def __reduce__(self) -> tuple[Callable[..., "OnnxEncoder"], tuple[Any, ...]]:
        # A runtime session cannot be pickled: a worker opens the same file, by hash, once.
        arguments = (self.path, self.preprocess, self.sha256, self.threads, self.batch_size)
        return _reopen, arguments

    def embed(self, frames: np.ndarray) -> Embedded:
        """Embed aligned face frames.

        Parameters
        ----------
        frames
            RGB, uint8, shape ``(n, size, size, 3)``; n may be zero.

        Returns
        -------
        Embedded
            ``features`` float32 ``(n, dim)`` with unit rows, and ``valid`` bool ``(n,)``. A row
            that the network left without finite values or without length is NaN and not valid.

        Raises
        ------
        EncoderError
            If the frames have another shape or type.
        """
        size = self.preprocess.size
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[1:] != (size, size, 3):
            raise EncoderError(
                f"frames are {frames.dtype} {frames.shape}; this encoder takes uint8 "
                f"(n, {size}, {size}, 3) in RGB: align and resize the faces, and do not normalise"
            )
        step = self._fixed_batch or self.batch_size
        raw = np.empty((len(frames), self.dim), np.float32)
        planes = np.empty((min(step, len(frames)), 3, size, size), np.float32)  # reused
        for start in range(0, len(frames), step):
            block = frames[start : start + step]
            raw[start : start + step] = self._run(self.preprocess(block, planes[: len(block)]))
        norms = np.linalg.norm(raw, axis=1, keepdims=True)
        valid = np.isfinite(norms[:, 0]) & (norms[:, 0] > _MIN_NORM)
        norms[~valid] = np.nan
        return Embedded(raw / norms, valid)

    def _run(self, planes: np.ndarray) -> np.ndarray:
        """Return the network's raw output for at most one batch of preprocessed frames."""
        n = len(planes)
        if self._fixed_batch and n < self._fixed_batch:
            planes = np.concatenate([planes, np.repeat(planes[-1:], self._fixed_batch - n, axis=0)])
        try:
            return self._session.run(None, {self._input.name: planes})[0][:n]
        except Exception as error:  # the runtime's exceptions share no base of their own
            raise EncoderError(
                f"{self.path} failed on a batch of {n}: {_first_line(error)}; if the network was "
                "exported for a fixed batch, export it again with a free first dimension"
            ) from error

    def _probe(self) -> int:
        """Check the outputs for two fixed frames and return their width."""
        size = self.preprocess.size
        noise = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)
        planes = self.preprocess(noise)
        single = [self._run(plane[None]) for plane in planes]
        shape = single[0].shape
        if len(shape) != 2 or shape[0] != 1 or shape[1] < 2:
            raise EncoderError(
                f"{self.path} turns one frame into an array of shape {shape}; an encoder returns "
                "(1, D): choose the recognition network, not a detector or landmark network"
            )
        rows = np.concatenate(single)
        if not np.isfinite(rows).all():
            raise EncoderError(
                f"{self.path} returns NaN or infinite values for an ordinary frame: the weights "
                "are damaged or overflow; fetch or export the file again"
            )
        if np.linalg.norm(rows, axis=1).min() <= _MIN_NORM or np.array_equal(rows[0], rows[1]):
            raise EncoderError(
                f"{self.path} returns zeros, or the same values for two different frames: its "
                "weights are empty; fetch or export the file again"
            )
        if not self._fixed_batch:
            together = self._run(planes)
            if not np.allclose(together, rows, rtol=1e-2, atol=1e-2 * np.abs(rows).max()):
                raise EncoderError(
                    f"{self.path} embeds a frame differently beside another one: it was exported "
                    "in training mode (batch statistics); export it in evaluation mode"
                )
        return int(shape[1])


def embedded_encoder(**options: Any) -> OnnxEncoder:
    """Open the small encoder that is shipped with the library, checked by its hash.

    Parameters
    ----------
    **options
        ``threads`` and ``batch_size`` of `OnnxEncoder`.

    Returns
    -------
    OnnxEncoder
        Trained on simulated identities disjoint from the cohort; 512-D.
    """
    from deplib.extraction.embedded import PATH, SHA256

    return OnnxEncoder(PATH, sha256=SHA256, **options)


@lru_cache(maxsize=2)
def _reopen(
    path: Path, preprocess: Preprocess, sha256: str, threads: int, batch_size: int
) -> OnnxEncoder:
    return OnnxEncoder(path, preprocess, sha256=sha256, threads=threads, batch_size=batch_size)


def _read(path: Path) -> bytes:
    """Return a file's bytes, after the checks that name what is wrong better than a parser."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise EncoderError(
            f"no encoder at {path.absolute()}: check the path, or download the ONNX file first"
        ) from None
    except OSError as error:
        raise EncoderError(f"cannot read the encoder {path}: {error.strerror}") from error
    head = content[:64].lstrip().lower()
    if not content:
        raise EncoderError(f"{path} is empty: the download did not finish; fetch it again")
    if head.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise EncoderError(
            f"{path} is a web page saved under an encoder's name (a login, licence or error "
            "page): fetch the file itself"
        )
    if head.startswith(b"version https://git-lfs"):
        raise EncoderError(f"{path} is a Git LFS pointer, not the file: run 'git lfs pull'")
    return content


def _open_session(content: bytes, path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _NO_ERRORS_BELOW_FATAL
    # Spinning threads steal the core from the renderer or decoder that feeds the network.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's exceptions share no base of their own
        raise EncoderError(
            f"{path} ({len(content):,} bytes) is not a whole ONNX network that can run here: "
            f"{_first_line(error)}; it is truncated, in another format, newer than the installed "
            "onnxruntime, or keeps its weights in a second file: fetch or export it again as one"
        ) from error


def _check_signature(session: ort.InferenceSession, path: Path, size: int) -> int | None:
    """Check the declared inputs and outputs; return the fixed batch size, or None if free."""
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


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else repr(error)
