"""Chapters say all that they read: executed here, with every file that they open written down.

`deplib.publishing.opened` is what is asked; these chapters need nothing that `deplib run` makes.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deplib.publish import KERNEL_ENVIRONMENT, chapters
from deplib.publishing import opened

ROOT = Path(__file__).parents[2]
EXECUTE = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
for cell in json.load(sys.stdin):
    shell.run_cell(cell, silent=True).raise_error()
"""


@pytest.mark.parametrize("name", ["01_protocol", "15_literature", "17_limitations"])
def test_a_chapter_reads_nothing_that_it_does_not_say(name: str, tmp_path: Path) -> None:
    chapter = next(one for one in chapters(ROOT) if one.name == name)
    cells = [cell.source for cell in chapter.source.cells if cell.cell_type == "code"]
    log = tmp_path / "opened"
    data = {"DEPLIB_DATA": str(tmp_path / "data")}
    run = subprocess.run(
        [sys.executable, "-c", EXECUTE],
        input=json.dumps(cells),
        env={**os.environ, **KERNEL_ENVIRONMENT, **opened.watch(log), **data},
        cwd=ROOT / "book",
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert re.search(r"deplib/(__pycache__/)?report\b", log.read_text())  # it was watched
    assert opened.undeclared(chapter, log) == []
