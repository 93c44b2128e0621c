"""The embedded encoder's twins: the same network, trained for the expression, or not at all.

``affect`` regresses the simulator's own expression, gaze and pose parameters: an upper bound on
what an encoder trained for affect could show, since no annotator of real faces sees those numbers.
``random`` has seeded weights that nothing was trained on: what the architecture alone keeps of a
picture. Both have the contract of ``deplib.extraction.embedded``. ``train`` needs torch and is the
recipe; using the shipped files needs neither.
"""

import json
from pathlib import Path
from typing import Any

from deplib.errors import EncoderError
from deplib.extraction.encoders.encoder import OnnxEncoder

NAMES = ("affect", "random")
"""What the twins are called."""


def path_of(name: str) -> Path:
    """Return where a twin's network lies: ``input`` N x 3 x 112 x 112, ``embedding`` N x 512.

    Raises
    ------
    EncoderError
        If no twin has this name.
    """
    if name not in NAMES:
        raise EncoderError(
            f"no twin of the embedded encoder is called {name!r}; there are "
            f"{', '.join(NAMES)}, and the encoder itself opens with embedded_encoder()"
        )
    return Path(__file__).with_name(f"{name}.onnx")


def card_of(name: str) -> dict[str, Any]:
    """Return how a shipped file was made: hash, recipe, and what it reached on held-out persons.

    Raises
    ------
    EncoderError
        If no twin has this name, or its card is missing or no card.
    """
    path = path_of(name).with_suffix(".json")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EncoderError(
            f"cannot read {path}, the card of the twin {name!r}: {error}; install deplib again, "
            f"or make it with python -m deplib.extraction.twins.train {name}"
        ) from error
    if not isinstance(card, dict) or "sha256" not in card:
        raise EncoderError(f"{path} is no card: it has no sha256; install deplib again")
    return card


def sha256_of(name: str) -> str:
    """Return the hash of a shipped file's bytes, as its card states it."""
    return str(card_of(name)["sha256"])


def open_encoder(name: str, **options: Any) -> OnnxEncoder:
    """Open a twin that is shipped with the library, checked by its hash.

    Parameters
    ----------
    name
        ``"affect"`` or ``"random"``.
    **options
        ``threads``, ``batch_size``, ``device`` and ``flip`` of `OnnxEncoder`.

    Returns
    -------
    OnnxEncoder
        512-D.

    Raises
    ------
    EncoderError
        If no twin has this name, or its file is missing or altered.
    """
    return OnnxEncoder(path_of(name), sha256=sha256_of(name), **options)
