"""deplib as users install it: lowest and newest versions allowed, Colab's, and none of the extras.

A chapter runs alone: a fresh environment, an empty folder, deplib installed by the chapter itself.
Minutes and a network, so `make installs` asks for it, and the weekly workflow; not `make test`.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest

from deplib.publish import chapters

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOWEST = [re.sub(r">=([^,]+).*", r"==\1", one) for one in PROJECT["dependencies"]]
LOCKED = (ROOT / "requirements.lock").read_text().splitlines()
COLAB = ["numpy==2.0.*", "pandas==2.2.*"]
VERSIONS = {"lowest": LOWEST, "newest": [], "Colab": COLAB, "locked": LOCKED}
READS, TRAINS = "09_results", "05_ldbm"
VERBS = """corpus small --recordings 9 --frames 16
corpus films --recordings 6 --frames 8 --videos
check films --detector haar
train small --model TemporalMeanMLP
export small --model TemporalMeanMLP --level 0.5 --out pair
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
def test_chapters_and_verbs_run_with_the_versions_that_users_have(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every chapter with Colab's; with the lock's, a chapter says what its page says."""
    (tmp_path / "constraints.txt").write_text("\n".join(VERSIONS[name]))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("PIP_CONSTRAINT", str(tmp_path / "constraints.txt"))
    monkeypatch.setenv("DEPLIB_SOURCE", f"git+{ROOT.as_uri()}")
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-m", "venv", "venv"], check=True)
    there = tmp_path / "venv" / "bin"
    install = [there / "pip", "install", "-q", "ipykernel", "nbformat", "papermill", "torch"]
    subprocess.run(install, check=True)
    for chapter in chapters(ROOT):
        if name != "Colab" and chapter.name not in (READS, TRAINS):
            continue
        nbformat.write(chapter.source, "in.ipynb")
        run = [there / "papermill", "in.ipynb", "out.ipynb", "--kernel", "python3"]
        subprocess.run(run, check=True)
        if name == "locked":
            done, page = (nbformat.read(one, as_version=4) for one in ("out.ipynb", chapter.page))
            assert said(done) == said(page)
    follow([str(there / "deplib")], tmp_path)


def said(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the sentences that a notebook computes."""
    return [
        output["data"]["text/markdown"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "text/markdown" in output.get("data", {})
    ]
