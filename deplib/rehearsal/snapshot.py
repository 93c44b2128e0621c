"""The working tree as a git repository of its own, so that pip can install it by its address."""

import shutil
import subprocess
from pathlib import Path

from deplib.errors import RehearsalError

SKIPPED = ("__pycache__", "*.egg-info")
_AUTHOR = ("-c", "user.name=deplib", "-c", "user.email=deplib@localhost")
_PLAIN = ("-c", "commit.gpgsign=false", "-c", "core.hooksPath=", "-c", "init.defaultBranch=main")
PARTS = ("deplib", "results", "pyproject.toml", "README.md", "LICENSE")
"""What an installation is made from."""


def snapshot(root: Path, folder: Path) -> str:
    """Copy what an installation is made from, commit it, and return the address for pip.

    Parameters
    ----------
    root
        A checkout with or without changes, or an export without git.
    folder
        Where the repository goes; it must not exist.

    Returns
    -------
    str
        ``git+file://...``.

    Raises
    ------
    RehearsalError
        If there is no git, or the tree is not that of deplib.
    """
    if shutil.which("git") is None:
        raise RehearsalError("a rehearsal installs from a git repository: install git")
    folder.mkdir(parents=True)
    for part in PARTS:
        source = root / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns(*SKIPPED))
        elif source.is_file():
            shutil.copy2(source, folder / part)
        else:
            raise RehearsalError(f"{root} has no {part}: rehearse in the repository of deplib")
    for command in (["init", "-q"], ["add", "--all", "--force"], ["commit", "-q", "-m", "now"]):
        run = subprocess.run(
            ["git", *_AUTHOR, *_PLAIN, *command],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise RehearsalError(f"git {command[0]} in {folder} failed: {run.stderr.strip()}")
    return f"git+file://{folder.resolve()}"
