"""The recipes of CONTRIBUTING.md as they are printed, and copies of the house to try them in."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("deplib", "tests", "notebooks", "book", "results")
FILES = (
    "_toc.yml",
    "_config.yml",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "pyproject.toml",
    "requirements.lock",
)
EDITOR = """\
import re
import sys
from pathlib import Path

CHANGES = {changes!r}
for name in sys.argv[1:]:
    path = Path(name)
    pattern, new = CHANGES[name]
    text, n = re.subn(pattern, new, path.read_text(encoding="utf-8"), count=1, flags=re.DOTALL)
    assert n, f"{{name}} holds nothing like {{pattern}}"
    path.write_text(text, encoding="utf-8")
"""


def recipe(title: str) -> list[str]:
    """Return the lines of the one block of shell below a heading of CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split(f"# {title}\n")[1].split("\n#")[0]
    (block,) = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    return block.splitlines()


def clone(folder: Path) -> Path:
    """Copy the repository, without what was built; ``.venv`` is the environment of the tests."""
    left_out = shutil.ignore_patterns("__pycache__", "_build", ".pytest_cache")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=left_out, symlinks=True)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def editor(folder: Path, changes: Mapping[str, tuple[str, str]]) -> Path:
    """Write an editor that knows what to do: in each file, what matches becomes something new."""
    script, path = folder / "editor.py", folder / "editor"
    script.write_text(EDITOR.format(changes=dict(changes)))
    # A shell starts it, for no line that begins with #! can hold a path with a space.
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "{script}" "$@"\n')
    path.chmod(0o755)
    return path


def follow(lines: Sequence[str], root: Path, **environment: str) -> str:
    """Run lines of shell in a copy, with the copy's library; return what they print.

    A line that fails fails the test, with what it said.
    """
    script = "set -euo pipefail\n" + "\n".join(lines)
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    own = {"PYTHONPATH": str(root), "DEPLIB_DATA": str(root / "data"), "PYTHONHASHSEED": "0"}
    run = subprocess.run(
        ["bash", "-c", script],
        cwd=root,
        env={**outer, **own, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.returncode == 0, f"{script}\n\n{run.stdout}"
    return run.stdout
