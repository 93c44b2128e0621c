"""A virtual environment as a stranger has it: torch and a kernel, as on Colab, and no deplib."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from deplib.errors import NoNetworkError, RehearsalError
from deplib.paths import VARIABLE

KERNEL = "ipykernel"
SOURCE = "DEPLIB_SOURCE"
"""Environment variable: what the set-up cell of a chapter installs."""
HIDDEN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "OMP_NUM_THREADS", "PYTHONHASHSEED")
"""Variables of the caller that a stranger does not have, and every one of deplib's own."""
_NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|Failed to establish a new connection|"
    r"Temporary failure in name resolution|Network is unreachable|Name or service not known"
)


class Environment:
    """A virtual environment in a folder of its own.

    Parameters
    ----------
    folder
        Where it goes.
    torch
        The version of torch to install first.

    Raises
    ------
    NoNetworkError
        If the packages cannot be had for want of a network.
    RehearsalError
        If they cannot be installed for another reason.
    """

    def __init__(self, folder: Path, *, torch: str) -> None:
        self.folder = folder
        self._call([sys.executable, "-m", "venv", str(folder)])
        self.pip("install", f"torch=={torch}")
        self.pip("install", KERNEL)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts" if os.name == "nt" else "bin") / "python"

    def pip(self, *arguments: str) -> None:
        """Run its pip; raises as the class does."""
        self._call([str(self.python), "-m", "pip", "--quiet", *arguments])

    def without_deplib(self) -> None:
        """Uninstall deplib, so that the next chapter's set-up cell must install it."""
        self.pip("uninstall", "--yes", "deplib")

    def variables(self, *, source: str, data: Path) -> dict[str, str]:
        """Return the environment variables of a chapter.

        Parameters
        ----------
        source
            What the set-up cell installs.
        data
            The folder of large files.
        """
        return {
            **plain_variables(os.environ),
            SOURCE: source,
            VARIABLE: str(data),
            "DEPLIB_BUFFALO_L": "",  # weights that only some machines have
            "PYTHONNOUSERSITE": "1",
            "IPYTHONDIR": str(self.folder / "ipython"),
        }

    def write_kernel(self) -> Path:
        """Write a kernel of this interpreter; return the folder in which Jupyter finds it."""
        folder = self.folder / "kernels"
        spec = {
            "argv": [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "rehearsal",
            "language": "python",
        }
        (folder / "rehearsal").mkdir(parents=True, exist_ok=True)
        (folder / "rehearsal" / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
        return folder

    def _call(self, command: list[str]) -> None:
        run = subprocess.run(
            command,
            env=plain_variables(os.environ),
            cwd=self.folder.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            said = f"{run.stdout}\n{run.stderr}".strip()
            kind = NoNetworkError if _NO_NETWORK.search(said) else RehearsalError
            raise kind(f"{' '.join(command[1:])} failed: {said[-600:]}")


def plain_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables without those that a stranger does not have."""
    return {
        name: value
        for name, value in variables.items()
        if name not in HIDDEN and not name.startswith("DEPLIB_")
    }
