"""deplib as users install it: lowest and newest versions allowed, Colab's, and none of the extras.

The former take minutes and a network: `make installs` asks for them, and the weekly workflow.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from test_colab import KERNEL

from deplib.publish import chapters

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOWEST = [re.sub(r">=([^,]+).*", r"==\1", one) for one in PROJECT["dependencies"]]
VERSIONS = {"lowest": LOWEST, "newest": [], "Colab": ["numpy==2.0.*", "pandas==2.2.*"]}
VERBS = """corpus small --recordings 9 --frames 16
corpus films --recordings 6 --frames 8 --videos
check films --detector haar
train --root small --model TemporalMeanMLP
export --root small --model TemporalMeanMLP --level 0.5 pair
fetch"""
EXTRAS = "IPython ipykernel jupyter_book jupytext papermill sphinx onnxscript distributed sktime"
PLAIN = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {EXTRAS.split()}:
            raise ModuleNotFoundError(f"no {{name}}", name=name)
sys.meta_path.insert(0, Absent())
from deplib.cli import app
app(sys.argv[1:])
"""


def follow(command: list[str], folder: Path) -> None:
    """Call each verb, as the command line of a plain install."""
    environment = {**os.environ, "DEPLIB_DATA": str(folder / "data"), "OMP_NUM_THREADS": "1"}
    for line in VERBS.splitlines():
        given = {"cwd": folder, "env": environment, "capture_output": True, "text": True}
        done = subprocess.run([*command, *line.split()], **given, check=False)
        assert done.returncode == 0, f"{line}: {done.stderr[-2000:]}"


@pytest.mark.slow
def test_the_command_line_needs_no_extra(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PLAIN]
    follow(command, tmp_path)
    done = subprocess.run([*command, "publish"], capture_output=True, text=True, check=False)
    assert (done.returncode, "pip install 'deplib[book,sweep]'" in done.stderr) == (2, True)


@pytest.mark.slow
@pytest.mark.skipif("DEPLIB_INSTALLS" not in os.environ, reason="`make installs` asks for it")
@pytest.mark.parametrize("name", VERSIONS)
def test_verbs_and_a_chapter_run_with_the_versions_that_users_have(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    (tmp_path / "constraints.txt").write_text("\n".join(VERSIONS[name]))
    folder, constraints = tmp_path / "venv" / "bin", str(tmp_path / "constraints.txt")
    install = [str(folder / "pip"), "install", "-q", "--constraint", constraints, str(ROOT)]
    subprocess.run(install, check=True)
    follow([str(folder / "deplib")], tmp_path)
    subprocess.run([*install, *KERNEL], check=True)
    (chapter,) = [one for one in chapters(ROOT) if one.name == "09_results"]
    nbformat.write(chapter.source, tmp_path / "in.ipynb")
    run = [str(folder / "papermill"), "in.ipynb", "out.ipynb", "--kernel", "python3"]
    subprocess.run(run, cwd=tmp_path, check=True)
