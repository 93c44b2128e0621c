"""Where large, reproducible files live, and how a file is put in its place whole."""

import os
from pathlib import Path

import platformdirs

VARIABLE = "DEPLIB_DATA"


def data_root() -> Path:
    """Return the folder for large, reproducible files; it need not exist yet.

    Returns
    -------
    Path
        The environment variable ``DEPLIB_DATA`` where it is set and not empty, else the user's
        cache folder of the operating system.
    """
    chosen = os.environ.get(VARIABLE, "").strip()
    if chosen:
        return Path(chosen).expanduser().absolute()
    return Path(platformdirs.user_cache_dir("deplib", appauthor=False))


def write_atomically(path: Path, content: bytes) -> None:
    """Put a whole file in place or none: written beside it, flushed to the disk, and renamed.

    Where several processes may write one path, the caller holds a lock.

    Raises
    ------
    OSError
        If the disk is full or read-only; then the old file, if there was one, is as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
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
