"""Chapters run alone: a fresh environment, an empty folder, deplib installed by the chapter itself.

Minutes and a network, so `make colab` asks for it, and the weekly workflow; not `make test`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from deplib.publish import chapters

ROOT = Path(__file__).parents[1]
READS, TRAINS = "09_results", "05_ldbm"
KERNEL = ["ipykernel", "nbformat", "papermill"]


@pytest.mark.slow
@pytest.mark.skipif("DEPLIB_COLAB" not in os.environ, reason="minutes: `make colab` asks for it")
@pytest.mark.parametrize("name", [READS, TRAINS])
def test_a_chapter_runs_alone_and_says_what_its_page_says(name: str, tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    pinned = shutil.copy(ROOT / "requirements.lock", tmp_path)
    install = [str(python), "-m", "pip", "install", "-q", "--constraint", str(pinned)]
    for packages in (["torch"], KERNEL):
        subprocess.run([*install, *packages], check=True)
    absent = subprocess.run([str(python), "-c", "import deplib"], cwd=tmp_path, capture_output=True)
    assert b"No module named 'deplib'" in absent.stderr

    chapter = next(one for one in chapters(ROOT) if one.name == name)
    nbformat.write(chapter.source, tmp_path / "in.ipynb")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"DEPLIB_SOURCE": f"git+{ROOT.as_uri()}", "PIP_CONSTRAINT": str(pinned)}
    environment |= {"DEPLIB_DATA": str(tmp_path / "data"), "OMP_NUM_THREADS": "1"}
    command = [str(python), "-m", "papermill", "in.ipynb", "out.ipynb", "--kernel", "python3"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    done = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    page = nbformat.read(chapter.page, as_version=4)
    assert said(done) == said(page)


def said(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the sentences that a notebook computes."""
    return [
        output["data"]["text/markdown"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "text/markdown" in output.get("data", {})
    ]
