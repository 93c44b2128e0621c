"""Whole files or none: written beside their place, flushed to the disk, and renamed."""

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Put a whole file in place or none. The caller holds a lock, so one name is enough.

    Raises
    ------
    OSError
        If the disk is full or read-only; then the old file, if there was one, is as it was.
    """
    temporary = path.with_name(f".{path.name}.partial")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # a rename lasts once its folder is on the disk
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def remove_partial(folder: Path) -> None:
    """Remove what killed writers left in a folder. The caller holds the lock of its writers."""
    for path in folder.glob(".*.partial"):
        path.unlink(missing_ok=True)
