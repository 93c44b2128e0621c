"""A copy of the repository that a test may edit, with pages that are fresh."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("deplib", "notebooks", "results", "book")
FILES = ("_toc.yml", "_config.yml", "requirements.lock", "README.md")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "_build", "*.ipynb", "figures", "_toc.yml")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("real") / "clone"
    for folder in FOLDERS:
        left_out = LEFT_OUT if folder == "book" else shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, root / folder, ignore=left_out)
    for file in FILES:
        shutil.copy(ROOT / file, root / file)
    return root


@pytest.fixture(scope="module")
def environment(clone: Path) -> dict[str, str]:
    """Of a process that imports the copy's library and has a data folder of its own."""
    data = str(clone.parent / "data")
    return {**os.environ, "PYTHONPATH": str(clone), "DEPLIB_DATA": data}
