"""Write down what this process reads; Python imports this file first where it is on its path.

Child processes inherit the environment and do the same. `deplib.publishing.opened` sets it.
"""

import contextlib
import os
import sys
from importlib import import_module
from typing import Any

LOG = os.environ.get("DEPLIB_OPENED")
WRITES = os.O_WRONLY | os.O_RDWR


def _announced(safe_open: Any) -> Any:
    """Let the one reader that is compiled say what it opens, as Python's own does."""

    def announce(filename: Any, *args: Any, **kwargs: Any) -> Any:
        sys.audit("open", os.fspath(filename), "r", 0)
        return safe_open(filename, *args, **kwargs)

    return announce


def _write_down(log: int) -> None:
    seen = set()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], str | bytes):
            return
        path, mode, flags = os.fsdecode(arguments[0]), arguments[1] or "", arguments[2] or 0
        if path not in seen and not set("wax+") & set(mode) and not flags & WRITES:
            seen.add(path)
            os.write(log, os.fsencode(os.path.abspath(path)) + b"\n")

    sys.addaudithook(hook)


if LOG:
    with contextlib.suppress(ImportError):
        safetensors: Any = import_module("safetensors")
        safetensors.safe_open = _announced(safetensors.safe_open)
    _write_down(os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
