"""The key of a run: a hash of what made its numbers; a row whose key differs is refused.

What counts is the run's settings, the protocol, the source of its model and of training, and the
digest of the features. Cohort and encoder count through the features alone.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from deplib.errors import ModelError
from deplib.models.registry import BEYOND, MODELS, VARIANTS
from deplib.protocol import Protocol
from deplib.provenance import PACKAGE, bare_code

TRAINING = ("training/loop.py", "training/course.py", "windows.py")
IN_8_BITS = ("deploy/export.py", "deploy/quantise.py", "deploy/predict.py")


def run_key(spec: Any, features: Mapping[str, str], protocol: Protocol | None = None) -> str:
    """Return the hash of all that determines a run's result.

    Parameters
    ----------
    spec
        The run, a ``deplib.results.RunSpec``, which needs this module.
    features
        Digest of each of its streams.
    protocol
        The report's by default.

    Raises
    ------
    ModelError
        If the model is unknown.
    """
    content = [asdict(spec), asdict(protocol or Protocol()), source_of(spec), dict(features)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def source_of(spec: Any) -> str:
    """Return the digest of the code that makes the numbers of a run; comments don't count.

    Raises
    ------
    ModelError
        If the model is unknown.
    """
    base = VARIANTS.get(spec.model, (spec.model, {}))[0]
    if base in MODELS | BEYOND:
        files = [*_of_model((MODELS | BEYOND)[base]), *TRAINING]
        files += ["recipes.py"] if spec.recipe != "protocol" else []
        files += IN_8_BITS if spec.precision != "float32" else ()
        settings = VARIANTS.get(spec.model)
    elif spec.model in ("RidgeMean", "RidgeMeanSD", "MiniRocket"):
        files, settings = ["baselines.py", "windows.py"], None
    else:
        raise ModelError(f"unknown model {spec.model!r}: it is neither registered nor a baseline")
    code = [code_of(PACKAGE / name) for name in files]
    return hashlib.sha256(json.dumps([code, settings]).encode()).hexdigest()


def _of_model(name: str) -> list[str]:
    """Return the files of a model: its own, and those of the same folder that it imports."""
    files = [f"models/{name}.py"]
    for file in files:  # grows
        imported = re.findall(r"from deplib\.models\.(\w+) import", code_of(PACKAGE / file))
        files += [new for one in imported if (new := f"models/{one}.py") not in files]
    return files


@cache
def code_of(path: Path) -> str:
    """Return the code of a file, as `bare_code` does."""
    return bare_code(path.read_text(encoding="utf-8"))
