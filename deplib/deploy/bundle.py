"""A model and its encoder in one folder: written together, checked together, run without torch.

``encoder.onnx`` turns faces into embeddings, ``model.onnx`` windows of them into z-units. The card
in the second, one line of JSON, names the first by its hash: beside a wrong encoder a model still
gives numbers, so nothing is opened that does not fit.
"""

import json
import math
import re
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime as ort

from deplib.errors import EncoderError, ModelError
from deplib.extraction import OnnxEncoder, Preprocess, first_line, open_session, parse, read_file
from deplib.paths import write_atomically
from deplib.streams import ENCODED

if TYPE_CHECKING:
    from torch import nn

FORMAT = 1  # of the card; a file of another one is refused
OPSET = 17  # of the ONNX operators that models are written with
METADATA_KEY = "deplib"  # the card's name among the `metadata_props` of an ONNX file
AGAIN = "export the model again with this version of deplib"
ENCODER_FILE, MODEL_FILE = "encoder.onnx", "model.onnx"
_DOMAINS = {"", "ai.onnx", "com.microsoft"}  # the last holds onnxruntime's int8 operators


@dataclass(frozen=True)
class Card:
    """All that is needed to use a model on frames, and to say what its numbers are worth.

    Raises
    ------
    ModelError
        If a value has another type than it should, or is impossible.
    """

    format: int  # `FORMAT`
    model: str  # name in the registry of models
    features: str  # names of streams, joined by "+"
    channels: int  # rows of x: the widths of the streams, and a row of presence each if several
    window_length: int  # frames of a window in training
    sequence_length: int  # frames of a recording that were used
    max_length: int | None  # longest window that the model takes; None: any
    label_mean: float  # of the training recordings, BDI-II points
    label_std: float  # of the training recordings, BDI-II points
    encoder_sha256: str  # of the encoder file whose features the model was trained on
    preprocess: str  # what is done to pixels, as `Preprocess` prints it
    half_width: float  # of an interval around a prediction, BDI-II points
    level: float  # how often such an interval shall hold the truth, above 0 and below 1
    cohort: str  # name of the cohort that it was trained on
    simulated: bool  # whether that cohort's persons are simulated
    opset: int  # `OPSET`
    key: str  # key of the training run

    def __post_init__(self) -> None:
        for field in fields(self):
            rule = f"must be {getattr(field.type, '__name__', field.type)}"
            self._require(_is(getattr(self, field.name), field.type), field.name, rule)
        for name in ("model", "features", "cohort", "key"):
            self._require(getattr(self, name).strip(), name, "must not be empty")
        for name in ("channels", "window_length", "sequence_length", "opset"):
            self._require(getattr(self, name) >= 1, name, "must be 1 or more")
        for name in ("label_std", "half_width", "level"):
            self._require(getattr(self, name) > 0, name, "must be above 0")
        self._require(self.level < 1, "level", "must be below 1")
        if self.max_length is not None:
            rule = f"must hold a window of {self.window_length} frames"
            self._require(self.max_length >= self.window_length, "max_length", rule)
        is_hash = re.fullmatch(r"[0-9a-f]{64}", self.encoder_sha256)
        self._require(is_hash, "encoder_sha256", "must be 64 hexadecimal digits")
        try:
            Preprocess.parse(self.preprocess)
        except EncoderError as error:
            self._require(False, "preprocess", f"must be a preprocessing ({error})")

    def _require(self, holds: object, name: str, rule: str) -> None:
        if not holds:
            raise ModelError(f"the card's {name} is {getattr(self, name)!r}: it {rule}")

    def to_json(self) -> str:
        """Return one line of JSON; equal cards give equal lines."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Card":
        """Read what ``to_json`` wrote.

        Raises
        ------
        ModelError
            If it is no JSON object, of another format, lacks a field or has one too many, or a
            value is wrong.
        """
        try:
            given = dict(json.loads(text))
        except (ValueError, TypeError) as error:
            raise ModelError(f"the card is no JSON object ({error}): {AGAIN}") from error
        if (found := given.get("format")) != FORMAT:
            raise ModelError(f"the card is of format {found!r}, deplib reads {FORMAT}: {AGAIN}")
        names = {field.name for field in fields(cls)}
        if odd := sorted(names ^ given.keys()):
            state = "lacks" if odd[0] in names else "has an unknown"
            raise ModelError(f"the card {state} {odd[0]!r}: {AGAIN}")
        return cls(**given)

    def points(self, z: Any) -> Any:
        """Map z-units, a number or an array, to BDI-II points."""
        return z * self.label_std + self.label_mean


@dataclass(frozen=True)
class OpenModel:
    """An exported model's file, opened."""

    session: ort.InferenceSession
    card: Card
    network: onnx.ModelProto

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
        if why := self._misfit(x, mask):
            raise ModelError(why)
        try:
            y = self.session.run(None, {"x": x, "mask": mask})[0] if len(x) else np.empty(0, "f4")
        except Exception as error:  # the runtime's exceptions share no base of their own
            raise ModelError(f"{self.card.model} failed: {first_line(error)}; {AGAIN}") from error
        if y.shape != (len(x),) or not np.isfinite(y).all():
            raise ModelError(f"{self.card.model} gives no finite values: its weights are damaged")
        return np.asarray(y)

    def _misfit(self, x: np.ndarray, mask: np.ndarray) -> str | None:
        card = self.card
        if x.ndim != 3 or x.shape[1] != card.channels or x.dtype != np.float32:
            wanted = f"float32 (batch, {card.channels}, time), the features {card.features!r}"
            return f"x is {x.dtype} {x.shape}; {card.model} was exported for {wanted}"
        B, _, T = x.shape
        if mask.dtype != np.bool_ or mask.shape != (B, T):
            return f"mask is {mask.dtype} {mask.shape}; expected bool {(B, T)}, True = real frame"
        if (limit := card.max_length) is not None and limit < T:
            best = f"cut them, best to {card.window_length} as in training"
            return f"windows of {T} frames are longer than the {limit} of {card.model}: {best}"
        if len(empty := np.flatnonzero(~mask.any(axis=1))):
            return f"window {empty[0]} of the batch has no real frame: drop it"
        if len(bad := np.argwhere(~np.isfinite(x).all(axis=1) & mask)):
            return f"frame {bad[0][1]} of window {bad[0][0]} holds NaN or infinity: mask it"
        return None


@dataclass(frozen=True)
class Bundle(OpenModel):
    """An open pair: a model, and the encoder whose features it takes."""

    encoder: OnnxEncoder


def put_card(network: onnx.ModelProto, card: Card) -> None:
    """Write a card into a network, in place of the one that it has."""
    kept = {entry.key: entry.value for entry in network.metadata_props}
    onnx.helper.set_model_props(network, kept | {METADATA_KEY: card.to_json()})


def open_model(path: Path, content: bytes | None = None, *, threads: int = 1) -> OpenModel:
    """Open an exported model, from its file or from the bytes that are to become it.

    Raises
    ------
    ModelError
        If it is missing, no ONNX network or one that onnxruntime cannot load, keeps weights
        elsewhere, has no card or one of another format, was written with other operators than its
        card says or this version supports, or has other inputs or outputs.
    """
    if content is None and not path.exists():
        raise ModelError(f"no model at {path.absolute()}: export one there first")
    try:
        content = read_file(path) if content is None else content
        network = parse(content, path)
        card = _card_in(network, path)
        session = open_session(content, path, threads=threads, device="cpu")
    except EncoderError as error:  # the checks are those of an encoder's file
        raise ModelError(str(error)) from error
    _check_signature(session, card, path)
    return OpenModel(session, card, network)


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
        As of `open_model`; if the folder is missing, or encoder and card disagree.
    EncoderError
        If the encoder is missing, no ONNX, or breaks its contract.
    """
    if not folder.is_dir():
        raise ModelError(f"no folder {folder.absolute()}: export a model there first")
    model = open_model(folder / MODEL_FILE, threads=threads)
    encoder = _encoder(folder / ENCODER_FILE, model.card, threads=threads)
    return Bundle(model.session, model.card, model.network, encoder)


def write_bundle(
    folder: Path, model: "nn.Module | Path", card: Card, encoder: Path, *, overwrite: bool = False
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
    encoder
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
    _encoder(encoder, card, threads=1)
    folder = folder.absolute()
    staged = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(staged, ignore_errors=True)  # what a killed writer left
    staged.mkdir(parents=True)
    try:
        if isinstance(model, Path):
            network = open_model(model).network
            put_card(network, card)
            content = network.SerializeToString()
            open_model(model, content)
            write_atomically(staged / MODEL_FILE, content)
        else:
            from deplib.deploy.export import export_model  # needs torch

            export_model(model, staged / MODEL_FILE, card)
        write_atomically(staged / ENCODER_FILE, encoder.read_bytes())
        _put(staged, folder, overwrite=overwrite)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _is(value: Any, kind: Any) -> bool:
    """Whether a value is of a field's type; a bool is no number, and a number is finite."""
    if isinstance(value, bool) or kind is not float:
        return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    return isinstance(value, int | float) and math.isfinite(value)


def _card_in(network: onnx.ModelProto, path: Path) -> Card:
    text = {entry.key: entry.value for entry in network.metadata_props}.get(METADATA_KEY)
    if text is None:
        raise ModelError(f"{path} carries no card: deplib did not export it (its encoder, perhaps)")
    try:
        card = Card.from_json(text)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    opset = next((o.version for o in network.opset_import if o.domain in ("", "ai.onnx")), None)
    if not opset == card.opset == OPSET:
        says = f"is of opset {opset}, its card says {card.opset}, deplib opens {OPSET}"
        raise ModelError(f"{path} {says}: {AGAIN}")
    if foreign := sorted({node.domain for node in network.graph.node} - _DOMAINS):
        raise ModelError(f"{path} has operators of {foreign[0]!r}: {AGAIN}")
    return card


def _check_signature(session: ort.InferenceSession, card: Card, path: Path) -> None:
    """Check names, types and axes of the inputs and the output; a free axis has a name."""
    found = ", ".join(
        f"{v.name} {v.type} {[n if isinstance(n, int) else 'free' for n in v.shape]}"
        for v in (*session.get_inputs(), *session.get_outputs())
    )
    x, mask = f"x tensor(float) ['free', {card.channels}, 'free']", "mask tensor(bool)"
    needed = f"{x}, {mask} ['free', 'free'], y tensor(float) ['free']"
    if found != needed:
        raise ModelError(f"{path} takes and gives {found}; its card needs {needed}: {AGAIN}")


def _encoder(path: Path, card: Card, *, threads: int) -> OnnxEncoder:
    """Open an encoder as a card describes it."""
    encoder = OnnxEncoder(path, Preprocess.parse(card.preprocess), threads=threads)
    if encoder.sha256 != card.encoder_sha256:
        other = f"has sha256 {encoder.sha256}, but the model was exported for the encoder"
        raise EncoderError(f"{path} {other} {card.encoder_sha256}: give that one")
    if card.features in ENCODED and encoder.dim != card.channels:
        why = f"makes {encoder.dim} values a frame, the model takes {card.channels}"
        raise ModelError(f"{path} {why}: the card was filled in for another model")
    return encoder


def _put(staged: Path, folder: Path, *, overwrite: bool) -> None:
    """Give a staged folder its name; an older pair goes once the new one can take its place."""
    there = {path.name: path for path in folder.iterdir()} if folder.exists() else {}
    if foreign := sorted(there.keys() - {ENCODER_FILE, MODEL_FILE}):
        raise ModelError(f"{folder} holds {foreign[0]}, no part of a bundle: choose another folder")
    new = {path.name: path.read_bytes() for path in staged.iterdir()}
    if {name: path.read_bytes() for name, path in there.items()} == new:
        return
    if there and not overwrite:
        other = "choose another folder, or allow it to be overwritten"
        raise ModelError(f"{folder} holds another model or encoder: {other}")
    old = folder.with_name(f".{folder.name}.old.partial")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    staged.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
