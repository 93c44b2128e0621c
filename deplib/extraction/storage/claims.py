"""Claims: which process works on which recording, so that two runs share the work.

A claim is a lock of the operating system's on a file, so that of a killed process is gone with it.
Claims save work only; that no harm is done without them is the store's own matter.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def claim(root: Path, name: str, *, wait: bool = False) -> Iterator[bool]:
    """Hold a name for this process; give False where another one holds it.

    Parameters
    ----------
    root
        The folder that both processes know.
    name
        What is claimed; it is part of a file's name.
    wait
        Wait until the other process is done or dead, in place of giving False.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    path = root / f".{name}.claim"
    lock = FileLock(path)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        _remove(path)
        lock.release()


def remove_claims(root: Path) -> None:
    """Remove the files of claims that killed processes left; those that are held stay."""
    for path in root.glob(".*.claim"):
        with suppress(Timeout), FileLock(path).acquire(timeout=0):
            _remove(path)


def _remove(path: Path) -> None:
    """Remove a file that this process has locked: who waits for it will open a new one."""
    with suppress(OSError):  # Windows keeps a file that is open; a later call removes it
        path.unlink(missing_ok=True)
