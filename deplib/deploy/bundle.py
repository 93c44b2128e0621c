"""A model and its encoder in one folder: written together, checked together, run without torch.

``encoder.onnx`` turns faces into embeddings, ``model.onnx`` windows of them into z-units. The card
in the second, one line of JSON, names the first by its hash: beside a wrong encoder a model still
gives numbers, so nothing is opened that does not fit.
"""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import onnx
import onnxruntime as ort
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from deplib.errors import EncoderError, ModelError
from deplib.extraction import OnnxEncoder, Preprocess, open_session, parse, read_file, told
from deplib.extraction.encoder import network_path
from deplib.paths import write_atomically
from deplib.streams import ENCODED

METADATA_KEY = "deplib"  # the card's name among the `metadata_props` of an ONNX file
AGAIN = "export the model again with this version of deplib"
ENCODER_FILE, MODEL_FILE = "encoder.onnx", "model.onnx"
DEMONSTRATION = Path(__file__).with_name("demonstration.onnx"), network_path("affect")
"""A model of the simulated cohort and its encoder; the JSON file beside the model is their card."""
_Name = Annotated[str, Field(pattern=r"\S")]
_Count = Annotated[int, Field(ge=1)]
_Points = Annotated[float, Field(gt=0)]
_EXACT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True, config=_EXACT)
class Card:
    """All that is needed to use a model on frames, and to say what its numbers are worth.

    A value of another type than it should be, or an impossible one, is a ``ValidationError``.
    """

    format: Literal[4] = 4  # of the card; a file of another one is refused
    model: _Name  # name in the registry of models
    features: _Name  # names of streams, joined by "+"
    channels: _Count  # rows of x: the widths of the streams, and a row of presence each if several
    window_length: _Count  # frames of a window in training
    sequence_length: _Count  # frames of a recording that were used
    max_length: _Count | None  # longest window that the model takes; None: any
    label: _Name  # what is predicted
    lowest: float  # of the label's scale: predictions are clipped to it
    highest: float  # likewise
    label_mean: float  # of the training recordings, points of the scale
    label_std: _Points  # of the training recordings, points of the scale
    encoder_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]  # of the encoder's file
    preprocess: _Name  # what is done to pixels, as `Preprocess` prints it
    half_width: _Points  # of an interval around a prediction, points
    level: Annotated[float, Field(gt=0, lt=1)]  # how often such an interval shall hold the truth
    test_mae: _Points  # by recording, of the model as written; Test chose nothing
    cohort: _Name  # name of the cohort that it was trained on
    simulated: bool  # whether that cohort's persons are simulated
    aligned: str = ""  # how that cohort's faces were aligned; older cards do not say
    key: _Name  # key of the training run

    def points(self, z: Any) -> Any:
        """Map z-units, a number or an array, to points of the scale."""
        return z * self.label_std + self.label_mean


@dataclasses.dataclass(frozen=True)
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
            z-units; ``card.points`` makes points of them.

        Raises
        ------
        ModelError
            If shapes or types do not fit, a window is longer than the model takes or has no real
            frame, a real frame is not finite, or the model fails on it.
        """
        if why := self._misfit(x, mask):
            raise ModelError(why)
        with told(f"{self.card.model} failed", AGAIN, ModelError):
            y = self.session.run(None, {"x": x, "mask": mask})[0] if len(x) else np.empty(0, "f4")
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


@dataclasses.dataclass(frozen=True)
class Bundle(OpenModel):
    """An open pair: a model, and the encoder whose features it takes."""

    encoder: OnnxEncoder


def put_card(network: onnx.ModelProto, card: Card) -> None:
    """Write a card into a network, as one line of JSON, in place of all other notes there."""
    content = json.dumps(dataclasses.asdict(card), sort_keys=True)
    onnx.helper.set_model_props(network, {METADATA_KEY: content})


def open_model(path: Path, content: bytes | None = None, *, threads: int = 1) -> OpenModel:
    """Open an exported model, from its file or from the bytes that are to become it.

    Raises
    ------
    ModelError
        If it is missing, no ONNX network or one that onnxruntime cannot load, keeps weights
        elsewhere, has no card or one that cannot be true, or has other inputs or outputs.
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
    found = ", ".join(
        f"{v.name} {v.type} {[n if isinstance(n, int) else 'free' for n in v.shape]}"
        for v in (*session.get_inputs(), *session.get_outputs())
    )
    x, mask = f"x tensor(float) ['free', {card.channels}, 'free']", "mask tensor(bool)"
    needed = f"{x}, {mask} ['free', 'free'], y tensor(float) ['free']"
    if found != needed:
        raise ModelError(f"{path} takes and gives {found}; its card needs {needed}: {AGAIN}")
    return OpenModel(session, card, network)


def open_bundle(folder: Path | None = None, *, threads: int = 1) -> Bundle:
    """Open the pair in a folder, checked against each other and against what is supported.

    Parameters
    ----------
    folder
        Holds ``encoder.onnx`` and ``model.onnx``; without one, the `DEMONSTRATION` is opened.
    threads
        Threads of the runtime, for each of the two.

    Raises
    ------
    ModelError
        As of `open_model`; if the folder is missing, or encoder and card disagree.
    EncoderError
        If the encoder is missing, no ONNX, or breaks its contract.
    """
    if folder and not folder.is_dir():
        raise ModelError(f"no folder {folder.absolute()}: export a model there first")
    files = (folder / MODEL_FILE, folder / ENCODER_FILE) if folder else DEMONSTRATION
    model = open_model(files[0], threads=threads)
    encoder = _encoder(files[1], model.card, threads=threads)
    return Bundle(model.session, model.card, model.network, encoder)


def write_bundle(
    folder: Path, model: Path, card: Card, encoder: Path, *, overwrite: bool = False
) -> None:
    """Put a model and its encoder into a folder: the whole pair, or nothing.

    Parameters
    ----------
    folder
        Where the pair goes; made if need be. The same pair may be there already.
    model
        A file that was exported, and quantised perhaps; its card is replaced.
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
    network = open_model(model).network
    put_card(network, card)
    pair = {MODEL_FILE: network.SerializeToString(), ENCODER_FILE: encoder.read_bytes()}
    open_model(model, pair[MODEL_FILE])
    folder = folder.absolute()
    there = {path.name: path for path in folder.iterdir()} if folder.exists() else {}
    if foreign := sorted(there.keys() - pair.keys()):
        raise ModelError(f"{folder} holds {foreign[0]}, no part of a bundle: choose another folder")
    if {name: path.read_bytes() for name, path in there.items()} == pair:
        return
    if there and not overwrite:
        other = "choose another folder, or allow it to be overwritten"
        raise ModelError(f"{folder} holds another model or encoder: {other}")
    staged, old = (folder.with_name(f".{folder.name}.{end}") for end in ("partial", "old.partial"))
    for left in (staged, old):  # by a writer that was killed
        shutil.rmtree(left, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        for name, content in pair.items():
            write_atomically(staged / name, content)
        if folder.exists():  # the older pair goes once the new one can take its place
            folder.rename(old)
        staged.rename(folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def _card_in(network: onnx.ModelProto, path: Path) -> Card:
    text = {entry.key: entry.value for entry in network.metadata_props}.get(METADATA_KEY)
    if text is None:
        raise ModelError(f"{path} carries no card: deplib did not export it (its encoder, perhaps)")
    try:
        return TypeAdapter(Card).validate_json(text)
    except ValidationError as error:
        wrong = error.errors()[0]
        name = "".join(f"'s {part}" for part in wrong["loc"][:1])
        raise ModelError(f"{path}: its card{name} is wrong ({wrong['msg']}): {AGAIN}") from error


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
