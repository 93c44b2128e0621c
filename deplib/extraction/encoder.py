"""Any ONNX face encoder ``N x 3 x size x size -> N x D``, checked when it is opened."""

import hashlib
import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deplib.errors import EncoderError
from deplib.extraction import onnx_graph, weights
from deplib.extraction.preprocess import ARCFACE, Preprocess

_MIN_NORM = 1e-6  # a shorter output has no direction worth the name
_FREE = "export it again, with a free first dimension"
_BATCH_SIZES = {"cpu": 4, "cuda": 64}  # CPU: inputs and activations stay in the cache


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
        The ONNX file: one float32 input ``N x 3 x size x size``, and one output that is a vector a
        frame; others, such as its norm or a map, are left aside. N is free or a fixed number; a
        network that fails on two frames gets one at a time. Weights are inside the file.
    preprocess
        What is done to pixels before the network sees them. By default what is known of the file
        (`weights.KNOWN`), else the graph decides: nothing but a change of range where it
        normalises its input itself, else `ARCFACE`. A graph cannot tell RGB from BGR. The size is
        the graph's where it fixes one.
    sha256
        Expected hash of the file; another file is refused.
    threads
        Threads of the runtime. One is best where a process runs on each core.
    batch_size
        Frames given to the network at once, where the file leaves that free; by default 4 on the
        CPU, 64 on CUDA.
    device
        ``"cpu"``, or ``"cuda"`` with onnxruntime-gpu. Another device than the one asked for is
        never taken instead.
    flip
        Whether to add the network's outputs for a frame and its mirror image before scaling to
        unit length, as ArcFace's authors do at test time; twice the work.

    Attributes
    ----------
    dim : int
        Width D of an embedding.
    preprocess : Preprocess
        The one given, or the one that the graph decided.
    normalises_inside : str or None
        What the graph itself does to its input, in words.
    sha256 : str
        Hash of the file that was opened.
    rendered : bool
        Whether it is one of `NETWORKS`, which saw rendered faces alone.
    id : str
        File hash, preprocessing and flip in one line: the same id means the same features.

    Raises
    ------
    EncoderError
        If the file is missing, altered, no ONNX, or breaks the contract on a probe; if pixels
        would be normalised twice; if the device cannot be had.
    """

    def __init__(
        self,
        path: str | Path,
        preprocess: Preprocess | None = None,
        *,
        sha256: str | None = None,
        threads: int = 1,
        batch_size: int | None = None,
        device: onnx_graph.Device = "cpu",
        flip: bool = False,
    ) -> None:
        if device not in _BATCH_SIZES:
            raise EncoderError(f"device is {device!r}; it must be 'cpu' or 'cuda'")
        size = _BATCH_SIZES[device] if batch_size is None else batch_size
        if threads < 1 or size < 1:
            raise EncoderError(f"threads is {threads}, batch_size {size}; both must be 1 or more")
        self.path, self.threads, self.batch_size = Path(path), threads, size
        self.device, self.flip = device, flip
        content = onnx_graph.read_file(self.path, sha256)
        self.sha256 = hashlib.sha256(content).hexdigest()
        given = _known(self.sha256, preprocess, self.path)
        model = onnx_graph.parse(content, self.path)
        changed = onnx_graph.drop_unused_inputs(model)
        inside = onnx_graph.front_normalisation(model.graph)
        if device == "cpu":
            changed += onnx_graph.rewrite_prelu(model)
        if changed:
            del content  # 170 MB in an IResNet-50
            content = model.SerializeToString()
        del model  # a large network need not be in memory twice while it is opened
        self._session = onnx_graph.open_session(content, self.path, threads=threads, device=device)
        self.normalises_inside = None if inside is None else str(inside)
        self._input = self._session.get_inputs()[0].name
        self._fixed_batch, side = onnx_graph.check_signature(self._session, self.path)
        self.preprocess = _decide(given, inside, side, self.path)
        self._output, self.dim = self._find_output()
        self._probe()
        self.rendered = self.sha256 in {network_card(name)["sha256"] for name in NETWORKS}
        self.id = f"sha256={self.sha256} {self.preprocess}" + (" flip" if flip else "")

    def __repr__(self) -> str:
        return f"OnnxEncoder({self.path.name}, D={self.dim}, {self.preprocess})"

    def __reduce__(self) -> tuple[Callable[..., "OnnxEncoder"], tuple[Any, ...]]:
        # A runtime session cannot be pickled: a worker opens the same file, by hash, once.
        names = ("sha256", "threads", "batch_size", "device", "flip")
        kept = {name: getattr(self, name) for name in names}
        return partial(_reopen, self.path, self.preprocess, **kept), ()

    def embed(self, frames: np.ndarray) -> Embedded:
        """Embed aligned face frames.

        Parameters
        ----------
        frames
            RGB, uint8, shape ``(n, size, size, 3)``; n may be zero. Crops of 112 x 112 are resized
            for a network of another size.

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
        shapes = [(side, side, 3) for side in (size, ARCFACE.size)]
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[1:] not in shapes:
            raise EncoderError(
                f"frames are {frames.dtype} {frames.shape}; this encoder takes uint8 "
                f"(n, {size}, {size}, 3) in RGB: align and resize the faces, and do not normalise"
            )
        step = self._fixed_batch or self.batch_size
        raw = np.empty((len(frames), self.dim), np.float32)
        planes = np.empty((min(step, len(frames)), 3, size, size), np.float32)  # reused
        for start in range(0, len(frames), step):
            block = frames[start : start + step]
            ready = self.preprocess(block, planes[: len(block)])
            raw[start : start + step] = self._run(ready)
            if self.flip:
                raw[start : start + step] += self._run(np.ascontiguousarray(ready[..., ::-1]))
        norms = np.linalg.norm(raw, axis=1, keepdims=True)
        valid = np.isfinite(norms[:, 0]) & (norms[:, 0] > _MIN_NORM)
        norms[~valid] = np.nan
        return Embedded(raw / norms, valid)

    def _run(self, planes: np.ndarray) -> np.ndarray:
        """Return the network's raw output, ``(n, dim)``, for at most one batch of frames."""
        values, n = self._outputs(planes, [self._output])[0], self._fixed_batch or len(planes)
        if values.size != n * self.dim or (n > 1 and len(values) != n):
            raise EncoderError(f"{self.path} gives {values.shape} for a batch of {n}: {_FREE}")
        return values.reshape(n, self.dim)[: len(planes)]

    def _outputs(self, planes: np.ndarray, names: list[str]) -> list[np.ndarray]:
        if missing := max(0, (self._fixed_batch or 1) - len(planes)):
            planes = np.concatenate([planes, np.repeat(planes[-1:], missing, axis=0)])
        with onnx_graph.told(f"{self.path} failed on a batch of {len(planes)}", _FREE):
            return self._session.run(names, {self._input: planes})

    def _find_output(self) -> tuple[str, int]:
        """Return name and width of the one output that is a vector of each frame."""
        names, n = [one.name for one in self._session.get_outputs()], self._fixed_batch or 1
        planes = np.zeros((1, 3, self.preprocess.size, self.preprocess.size), np.float32)
        found = dict(zip(names, self._outputs(planes, names), strict=True))
        sides = {name: values.shape[values.ndim > 1 :] for name, values in found.items()}
        vectors = [k for k, v in found.items() if 1 < v.size // n == max(sides[k])]
        if len(vectors) != 1:
            shapes = ", ".join(f"{name} {values.shape}" for name, values in found.items())
            raise EncoderError(
                f"{self.path} turns a batch of {n} into {shapes}; an encoder returns one array of "
                f"({n}, D): choose the recognition network, not a detector or landmark network, "
                "or export it with the embedding alone"
            )
        return vectors[0], max(sides[vectors[0]])

    def _probe(self) -> None:
        """Check the output for two fixed frames, alone and together."""
        size = self.preprocess.size
        noise = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)
        planes = self.preprocess(noise)
        rows = np.concatenate([self._run(plane[None]) for plane in planes])
        lengths = np.linalg.norm(rows, axis=1)
        whole = np.isfinite(rows).all() and (lengths > _MIN_NORM).all()
        if not whole or np.array_equal(rows[0], rows[1]):
            raise EncoderError(
                f"{self.path} returns NaN or infinite values, zeros, or the same for two frames: "
                "its weights are damaged, empty, or overflow, or it was exported in training mode "
                "(batch statistics); fetch it again, or export it in evaluation mode"
            )
        try:
            together = self._run(planes) if self._fixed_batch != 1 else rows
        except EncoderError:  # exported for one frame, whatever it declares
            self._fixed_batch = 1
        if self._fixed_batch == 1:  # the same again, or not, as with dropout
            together = np.concatenate([self._run(plane[None]) for plane in planes])
        if not np.allclose(together, rows, rtol=1e-2, atol=1e-2 * np.abs(rows).max()):
            raise EncoderError(
                f"{self.path} embeds a frame differently beside another one: it was exported in "
                "training mode (batch statistics, dropout); export it in evaluation mode"
            )


NETWORKS = ("embedded", "affect", "random")
"""Networks that are shipped, all of one architecture: ``input`` N x 3 x 112 x 112, ``embedding``
N x 512. ``embedded`` was trained to tell simulated persons apart, ``affect`` to read the
simulator's own expression, gaze and pose: an upper bound, since no annotator of real faces sees
those numbers. ``random`` has seeded weights. ``bench/encoders`` holds the recipes."""


def network_path(name: str) -> Path:
    """Return where a shipped network lies.

    Raises
    ------
    EncoderError
        If there is none of this name.
    """
    if name not in NETWORKS:
        raise EncoderError(f"no encoder {name!r} is shipped; there are {', '.join(NETWORKS)}")
    return Path(__file__).parent / "networks" / f"{name}.onnx"


def network_card(name: str) -> dict[str, Any]:
    """Return how a shipped network was made: sha256, recipe, and what it reached.

    Raises
    ------
    EncoderError
        If there is none of this name.
    """
    return dict(json.loads(network_path(name).with_suffix(".json").read_bytes()))


def open_encoder(name: str, **options: Any) -> OnnxEncoder:
    """Open a network that is shipped with the library, checked by its hash; 512-D.

    Parameters
    ----------
    name
        One of `NETWORKS`.
    **options
        ``threads``, ``batch_size``, ``device`` and ``flip`` of `OnnxEncoder`.

    Raises
    ------
    EncoderError
        If there is none of this name, or its file is missing or altered.
    """
    return OnnxEncoder(network_path(name), sha256=network_card(name)["sha256"], **options)


def embedded_encoder(**options: Any) -> OnnxEncoder:
    """Open the encoder of this report, as `open_encoder` does."""
    return open_encoder("embedded", **options)


Front = onnx_graph.FrontNormalisation | None


def _decide(given: Preprocess | None, inside: Front, side: int | None, path: Path) -> Preprocess:
    """Return the preprocessing to use; pixels must be normalised once, not twice."""
    needed = ARCFACE if inside is None else inside.convention
    given = given or needed
    if side and given.size not in (side, ARCFACE.size):
        raise EncoderError(f"{path} takes frames of {side}x{side}, and '{given}' was asked for")
    given = replace(given, size=side or given.size)
    if inside is not None and (given.mean, given.std) != (needed.mean, needed.std):
        raise EncoderError(
            f"{path} would normalise pixels twice: its graph does {inside}, and '{given}' is done "
            "before. Twice normalised, different faces look alike to it; leave preprocess out, or "
            f"give '{replace(needed, channel_order=given.channel_order, size=given.size)}'"
        )
    return given


def _known(sha256: str, given: Preprocess | None, path: Path) -> Preprocess | None:
    """Return what is given, or what known weights take; warn where these differ."""
    right = {one.sha256: one.preprocess for one in weights.KNOWN.values()}.get(sha256)
    known = Preprocess.parse(right) if right else given
    if given not in (None, known):
        warnings.warn(f"{path} takes '{known}', and '{given}' was asked for", stacklevel=3)
    return given or known


@lru_cache(maxsize=2)
def _reopen(path: Path, preprocess: Preprocess, **kept: Any) -> OnnxEncoder:
    return OnnxEncoder(path, preprocess, **kept)
