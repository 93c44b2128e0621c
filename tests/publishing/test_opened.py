"""What an execution reads is written down, and what the header does not say is found."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from deplib.publishing import opened
from deplib.publishing.chapters import Chapter, chapters
from safetensors.numpy import save_file
from small_book import HEADER, write_book

from deplib import provenance

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_book(tmp_path / "clone", one="# %%\n1\n")


def stating(root: Path, *lines: str, cell: str = "1") -> Chapter:
    """Return the chapter ``one`` with these lines under ``deplib:`` in its header."""
    said = "".join(f"#     {line}\n" for line in lines)
    header = HEADER.format(deplib=f"#   deplib:\n{said}" if said else "")
    (root / "notebooks" / "one.py").write_text(f"{header}# %%\n{cell}\n")
    return chapters(root)[1]


def after(chapter: Chapter, code: str, folder: Path) -> list[str]:
    """Run code as a chapter's kernel would, and return what the chapter did not say."""
    log = folder / "opened"
    log.unlink(missing_ok=True)
    environment = {**os.environ, **opened.watch(log)}
    command = [sys.executable, "-c", code]
    subprocess.run(command, env=environment, cwd=chapter.page.parent, check=True)
    return opened.undeclared(chapter, log)


READ = "open('../results/table.csv').read()"


def test_a_file_that_the_header_does_not_name_is_found(root: Path, tmp_path: Path) -> None:
    assert after(stating(root), READ, tmp_path) == ["needs: results/table.csv"]
    assert after(stating(root, "needs: [results/*.csv]"), READ, tmp_path) == []


def test_a_process_that_the_chapter_starts_is_watched_too(root: Path, tmp_path: Path) -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {READ!r}], check=True)"
    assert after(stating(root), code, tmp_path) == ["needs: results/table.csv"]


def test_a_file_that_compiled_code_reads_is_found(root: Path, tmp_path: Path) -> None:
    save_file({"x": np.zeros(1)}, root / "results" / "x.safetensors")
    code = "from safetensors import safe_open\n"
    code += "with safe_open('../results/x.safetensors', framework='numpy') as file:\n"
    code += "    assert list(file.keys()) == ['x']\n"
    assert after(stating(root), code, tmp_path) == ["needs: results/x.safetensors"]


@pytest.mark.parametrize(
    "code",
    [
        "from importlib import import_module; import_module('deplib.models.' + 'ldbm')",
        "from deplib.provenance import source_digest; source_digest('deplib.models.' + 'ldbm')",
    ],
    ids=["imported", "hashed"],
)
def test_a_module_whose_name_is_made_at_run_time_is_found(
    root: Path, tmp_path: Path, code: str
) -> None:
    plain = stating(root, cell="import deplib.provenance")
    assert "uses: deplib.models.ldbm" in after(plain, code, tmp_path)
    said = stating(root, "uses: [deplib.models.ldbm]", cell="import deplib.provenance")
    assert after(said, code, tmp_path) == []


def test_what_the_cells_import_is_said_by_that(root: Path, tmp_path: Path) -> None:
    code = "from deplib.protocol import Protocol"
    assert "uses: deplib.protocol" in after(stating(root), code, tmp_path)
    assert after(stating(root, cell=code), code, tmp_path) == []


def test_data_that_is_shipped_beside_a_module_belongs_to_it(tmp_path: Path) -> None:
    """Of the real package: the small encoder counts as code, its reference must be named."""
    chapter = Chapter("17_limitations", ROOT, uses=("deplib.extraction.encoder",))
    folder = provenance.PACKAGE / "extraction" / "networks"
    code = "from pathlib import Path; "
    code += f"[Path({str(folder)!r}, name).read_bytes() for name in "
    code += "('embedded.json', 'embedded.onnx', 'embedded_reference.safetensors')]"
    found = after(chapter, code, tmp_path)
    assert found == ["needs: deplib/extraction/networks/embedded_reference.safetensors"]


def test_what_is_written_packages_and_the_data_folder_play_no_part(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = root / "data"
    data.mkdir()
    (data / "features").write_text("x")
    monkeypatch.setenv("DEPLIB_DATA", str(data))
    code = "import yaml; open('written', 'w').write('x'); open('../data/features').read(); "
    code += "open('../.hidden', 'x'); open('../.hidden').read(); open('../notebooks/one.py').read()"
    assert after(stating(root), code, tmp_path) == []


def test_a_path_of_modules_that_was_set_before_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Path("log")
    monkeypatch.setenv("PYTHONPATH", "somewhere")
    assert opened.watch(log)["PYTHONPATH"] == f"{opened.WATCHING}{os.pathsep}somewhere"
    monkeypatch.delenv("PYTHONPATH")
    assert opened.watch(log)["PYTHONPATH"] == str(opened.WATCHING)
