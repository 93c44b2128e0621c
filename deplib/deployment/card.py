"""What an exported model says of itself: one line of JSON inside its ONNX file."""

import json
import math
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import onnx

from deplib.errors import EncoderError, ModelError
from deplib.extraction.encoders.preprocess import Preprocess

FORMAT = 1
"""Version of the card; a file of another one is refused."""

OPSET = 17
"""Version of the ONNX operators that models are written with: the first with LayerNormalization."""

METADATA_KEY = "deplib"
"""The card's name among the ``metadata_props`` of an ONNX file."""


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
            value = getattr(self, field.name)
            if not _is(value, field.type):
                raise _wrong(field.name, value, f"it must be {getattr(field.type, '__name__', '')}")
        for name in ("model", "features", "cohort", "key"):
            if not getattr(self, name).strip():
                raise _wrong(name, getattr(self, name), "it must not be empty")
        for name in ("channels", "window_length", "sequence_length", "opset"):
            if getattr(self, name) < 1:
                raise _wrong(name, getattr(self, name), "it must be 1 or more")
        if self.max_length is not None and self.max_length < self.window_length:
            raise _wrong("max_length", self.max_length, f"a window has {self.window_length} frames")
        for name in ("label_std", "half_width"):
            if getattr(self, name) <= 0:
                raise _wrong(name, getattr(self, name), "it must be above 0")
        if not 0 < self.level < 1:
            raise _wrong("level", self.level, "it must be above 0 and below 1")
        if not re.fullmatch(r"[0-9a-f]{64}", self.encoder_sha256):
            raise _wrong("encoder_sha256", self.encoder_sha256, "it must be 64 hexadecimal digits")
        try:
            Preprocess.parse(self.preprocess)
        except EncoderError as error:
            raise _wrong("preprocess", self.preprocess, str(error)) from error

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
            given = json.loads(text)
        except ValueError as error:
            raise ModelError(f"the card is no JSON ({error}): export the model again") from error
        if not isinstance(given, dict):
            raise ModelError(f"the card is {text[:60]!r}, no JSON object: export the model again")
        if given.get("format") != FORMAT:
            raise ModelError(
                f"the card is of format {given.get('format')!r}; this version of deplib reads "
                f"format {FORMAT}: export the model again with this version"
            )
        names = {field.name for field in fields(cls)}
        if odd := sorted(names ^ given.keys()):
            state = "lacks" if odd[0] in names else "has an unknown"
            raise ModelError(f"the card {state} {odd[0]!r}: export the model again")
        return cls(**given)

    def points(self, z: Any) -> Any:
        """Map z-units, a number or an array, to BDI-II points."""
        return z * self.label_std + self.label_mean


def read_card(model: onnx.ModelProto, path: Path) -> Card:
    """Return the card in a network, of the file ``path``.

    Raises
    ------
    ModelError
        If there is none, or it cannot be read.
    """
    text = {entry.key: entry.value for entry in model.metadata_props}.get(METADATA_KEY)
    if text is None:
        raise ModelError(
            f"{path} carries no card: it is no model that deplib exported (its encoder, perhaps)"
        )
    try:
        return Card.from_json(text)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def put_card(model: onnx.ModelProto, card: Card) -> None:
    """Write a card into a network, in place of the one that it has."""
    kept = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, kept | {METADATA_KEY: card.to_json()})


def _is(value: Any, kind: Any) -> bool:
    """Whether a value is of a field's type; a bool is no number, and a number is finite."""
    if kind is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _wrong(name: str, value: Any, why: str) -> ModelError:
    return ModelError(f"the card's {name} is {value!r}: {why}")
