"""The embedded encoder: a small face network, trained on simulated identities, shipped as ONNX.

``network`` and ``train`` need torch and are the recipe; using the shipped file needs neither.
"""

import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("embedded.onnx")
"""The shipped network: ``input`` N x 3 x 112 x 112, ``embedding`` N x 512, not normalised."""

CARD: dict[str, Any] = json.loads(PATH.with_suffix(".json").read_text(encoding="utf-8"))
"""How the shipped file was made: seed, recipe, and what it reached on held-out identities."""

SHA256: str = CARD["sha256"]
"""Hash of the shipped file's bytes."""
