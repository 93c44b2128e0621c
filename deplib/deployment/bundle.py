"""A model and its encoder in one folder: written together, checked together, run without torch.

``encoder.onnx`` turns faces into embeddings, ``model.onnx`` windows of them into z-units; the
card in the second names the first by its hash. Beside a wrong encoder a model still gives numbers,
so nothing is opened that does not fit.
"""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort

from deplib.deployment.card import Card, put_card
from deplib.deployment.model_file import open_model, parse_model, read_model
from deplib.errors import EncoderError, ModelError
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.extraction.encoders.onnx_file import first_line
from deplib.extraction.encoders.preprocess import Preprocess
from deplib.extraction.storage.atomic import write_atomically
from deplib.streams.names import ENCODED

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ENCODER_FILE", "MODEL_FILE", "Bundle", "Card", "open_bundle", "write_bundle"]

ENCODER_FILE, MODEL_FILE = "encoder.onnx", "model.onnx"


@dataclass(frozen=True)
class Bundle:
    """An open pair. ``model_sha256`` is the hash of the model's file."""

    encoder: OnnxEncoder
    card: Card
    session: ort.InferenceSession
    model_sha256: str

    def predict(self, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Predict windows.

        Parameters
        ----------
        x
            float32 (B, C, T): features as in training, one column a frame.
        mask
            bool (B, T), True = real frame. What stands in a masked frame does not matter.

        Returns
        -------
        ndarray of float32, shape (B,)
            z-units; ``card.points`` makes BDI-II points of them.

        Raises
        ------
        ModelError
            If shapes or types do not fit, a window is longer than the model takes or has no real
            frame, a real frame is not finite, or the model fails on it.
        """
        self._check(x, mask)
        if not len(x):
            return np.empty(0, np.float32)
        try:
            y: np.ndarray = self.session.run(None, {"x": x, "mask": mask})[0]
        except Exception as error:  # the runtime's exceptions share no base of their own
            raise ModelError(
                f"{self.card.model} failed on x {x.shape}: {first_line(error)}; export it again"
            ) from error
        if y.shape != (len(x),) or not np.isfinite(y).all():
            raise ModelError(
                f"{self.card.model} made {y.shape} values of {len(x)} windows, or not all finite: "
                "its weights are damaged; export it again"
            )
        return y

    def _check(self, x: np.ndarray, mask: np.ndarray) -> None:
        card = self.card
        if x.ndim != 3 or x.shape[1] != card.channels or x.dtype != np.float32:
            raise ModelError(
                f"x is {x.dtype} {x.shape}; {card.model} was exported for float32 (batch, "
                f"{card.channels}, time), the features {card.features!r}"
            )
        B, _, T = x.shape
        if mask.dtype != np.bool_ or mask.shape != (B, T):
            raise ModelError(
                f"mask is {mask.dtype} {mask.shape}; expected bool {(B, T)}, True = real frame"
            )
        if card.max_length is not None and card.max_length < T:
            raise ModelError(
                f"windows of {T} frames are longer than the {card.max_length} that {card.model} "
                f"was exported for: cut them, best to {card.window_length} as in training"
            )
        if not mask.any(axis=1).all():
            first = int(np.flatnonzero(~mask.any(axis=1))[0])
            raise ModelError(f"window {first} of the batch has no real frame: drop it")
        bad = ~np.isfinite(x).all(axis=1) & mask
        if bad.any():
            window, frame = (int(i) for i in np.argwhere(bad)[0])
            raise ModelError(
                f"frame {frame} of window {window} holds NaN or infinity: mask it, or verify the "
                "features first"
            )


def open_bundle(folder: Path, *, threads: int = 1) -> Bundle:
    """Open the pair in a folder, checked against each other and against what is supported.

    Parameters
    ----------
    folder
        Holds ``encoder.onnx`` and ``model.onnx``.
    threads
        Threads of the runtime, for each of the two.

    Raises
    ------
    ModelError
        If the folder or the model is missing, or the model is no ONNX, keeps weights elsewhere, has
        no card or one of another format, was written with other operators than its card says or
        this version supports, or has other inputs or outputs; if encoder and card disagree.
    EncoderError
        If the encoder is missing, no ONNX, or breaks its contract.
    """
    if not folder.is_dir():
        raise ModelError(f"no folder {folder.absolute()}: export a model there first")
    path = folder / MODEL_FILE
    content = read_model(path)
    session, card = open_model(content, path, threads=threads)
    encoder = _encoder(folder / ENCODER_FILE, card, threads=threads)
    return Bundle(encoder, card, session, hashlib.sha256(content).hexdigest())


def write_bundle(
    folder: Path,
    model: "nn.Module | Path",
    card: Card,
    encoder_path: Path,
    *,
    overwrite: bool = False,
) -> None:
    """Put a model and its encoder into a folder: the whole pair, or nothing.

    Parameters
    ----------
    folder
        Where the pair goes; made if need be. The same pair may be there already.
    model
        A model to export, or a file that was exported (and quantised, say): its card is replaced.
    card
        Names the encoder by its hash.
    encoder_path
        The encoder's file, which is copied.
    overwrite
        Whether another pair in the folder may be replaced.

    Raises
    ------
    ModelError
        If the folder holds another pair or other files, or the model does not fit its card.
    EncoderError
        If the encoder is not the card's, or breaks its contract.
    OSError
        If the disk is full or read-only.
    """
    encoder = _encoder(encoder_path, card, threads=1)
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(staged, ignore_errors=True)  # what a killed writer left
    staged.mkdir()
    try:
        if isinstance(model, Path):
            _write_again(model, staged / MODEL_FILE, card)
        else:
            from deplib.deployment.exporting import export_model  # needs torch

            export_model(model, staged / MODEL_FILE, card)
        write_atomically(staged / ENCODER_FILE, encoder.path.read_bytes())
        _put(staged, folder, overwrite=overwrite)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _encoder(path: Path, card: Card, *, threads: int) -> OnnxEncoder:
    """Open an encoder as a card describes it."""
    encoder = OnnxEncoder(path, Preprocess.parse(card.preprocess), threads=threads)
    if encoder.sha256 != card.encoder_sha256:
        raise EncoderError(
            f"{path} has sha256 {encoder.sha256}, but the model was exported for the encoder "
            f"{card.encoder_sha256}: another encoder's features mean nothing to it; put that one "
            "there, or export the model again with this one"
        )
    if card.features in ENCODED and encoder.dim != card.channels:
        raise ModelError(
            f"{path} makes {encoder.dim} values a frame, the model takes {card.channels}: the card "
            "was filled in for another model"
        )
    return encoder


def _write_again(source: Path, target: Path, card: Card) -> None:
    """Copy an exported file with another card."""
    network = parse_model(read_model(source), source)
    put_card(network, card)
    content = network.SerializeToString()
    open_model(content, source, threads=1)
    write_atomically(target, content)


def _put(staged: Path, folder: Path, *, overwrite: bool) -> None:
    """Give a staged folder its name; an older pair goes once the new one can take its place."""
    pair = {ENCODER_FILE, MODEL_FILE}
    there = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if there - pair:
        raise ModelError(
            f"{folder} holds {sorted(there - pair)[0]}, which is no part of a bundle: choose "
            "another folder"
        )
    if there == pair and all(
        (folder / name).read_bytes() == (staged / name).read_bytes() for name in pair
    ):
        return
    if there and not overwrite:
        raise ModelError(
            f"{folder} holds another model or encoder: choose another folder, or allow it to be "
            "overwritten"
        )
    old = folder.with_name(f".{folder.name}.old.partial")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    try:
        staged.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
