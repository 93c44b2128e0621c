"""The repository's files agree with each other: pins, addresses, pairs, verbs, commands."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import jupytext
import nbformat
import pytest
import typer.main
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from deplib.cli import app
from deplib.publish import chapters, header, same_text, stale

ROOT = Path(__file__).parents[1]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
REPOSITORY = CONFIG["repository"]["url"]
VERBS = {"help", "install", "book", "test", "installs", "bench", "sweep", "address", "lint"}
_SHOWN = re.compile(r'```python\n# %% tags=\["remove-cell"\]\n(.*?)\n```', re.S)
SETUP_CELL = _SHOWN.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))[0]
EVERYTHING = "[chapters,book,recipe,sweep,test,lint]"
TORCH_INDEX = "https://download.pytorch.org/whl/"
FILTER = "deplib,-jupytext.text_representation.jupytext_version"


def pins(lines: list[str]) -> dict[str, str]:
    found = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line) for line in found), found
    return {name(one.split("==")[0]): one.split("==")[1] for one in found}


def name(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def locked() -> dict[str, str]:
    return pins((ROOT / "requirements.lock").read_text().splitlines())


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_conda_and_binder_install_what_the_lock_pins_with_torch_for_the_cpu() -> None:
    for path, lock, what in (
        ("environment.yml", "requirements.lock", "." + EVERYTHING),
        (".binder/environment.yml", "../requirements.lock", ".."),
    ):
        *conda, by_pip = yaml.safe_load((ROOT / path).read_text())["dependencies"]
        cpu = f"--extra-index-url {TORCH_INDEX}cpu"
        assert conda == ["python=3.11", "pip"]
        assert by_pip == {"pip": [cpu, f"--constraint {lock}", f"--editable {what}"]}


def test_make_installs_all_extras_with_the_torch_that_is_asked_for(tmp_path: Path) -> None:
    assert Requirement("deplib" + EVERYTHING).extras == set(project()["optional-dependencies"])
    shutil.copy(ROOT / "Makefile", tmp_path)
    for file in ("requirements.lock", "pyproject.toml"):
        (tmp_path / file).touch()
    python = tmp_path / "python"  # makes an environment that holds itself, and says what it is told
    python.write_text(
        "#!/bin/sh\nmkdir -p .venv/bin; cp python .venv/bin\necho $PIP_EXTRA_INDEX_URL $*"
    )
    python.chmod(0o755)
    command = ["make", "--always-make", "install", "PYTHON=./python"]
    for torch, index in ((), "file:///own"), (["TORCH=cpu"], f"file:///own {TORCH_INDEX}cpu"):
        environment = {"PATH": os.environ["PATH"], "PIP_EXTRA_INDEX_URL": "file:///own"}
        given = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
        last = subprocess.run([*command, *torch], check=True, **given).stdout.splitlines()[-1]
        assert last.startswith(f"{index} -m pip install")
        assert last.endswith(f"--constraint requirements.lock --editable .{EVERYTHING}")


def test_the_lock_fulfils_every_range_of_pyproject() -> None:
    extras = [one for group in project()["optional-dependencies"].values() for one in group]
    for requirement in map(Requirement, project()["dependencies"] + extras):
        pin = locked().get(name(requirement.name))
        assert pin is not None, f"{requirement.name} is not in requirements.lock"
        assert Version(pin) in requirement.specifier, f"{requirement} against {pin}"


def test_the_tests_run_on_what_is_locked() -> None:
    installed = {name(one.metadata["Name"]): one.version for one in metadata.distributions()}
    other = {
        package: (pin, installed.get(package))
        for package, pin in locked().items()
        if installed.get(package, "none").partition("+")[0] != pin
    }
    assert not other, "locked and installed differ: make the lock anew, or install from it"


def test_the_book_takes_its_configuration_from_the_root() -> None:
    for file in ("_config.yml", "_toc.yml"):
        assert (ROOT / "book" / file).read_bytes() == (ROOT / file).read_bytes()
    assert project()["urls"]["Repository"] == REPOSITORY
    assert CONFIG["repository"]["path_to_book"] == "book"


def test_one_command_sets_the_address_everywhere_and_makes_no_page_stale(tmp_path: Path) -> None:
    def call(*command: str) -> subprocess.CompletedProcess[str]:
        own = os.environ | {"PYTHONPATH": str(tmp_path)}
        return subprocess.run(command, cwd=tmp_path, env=own, capture_output=True, text=True)

    subprocess.run(["git", "clone", "-q", "--shared", str(ROOT), str(tmp_path)], check=True)
    told = "from pathlib import Path; from deplib.publish import stale; print(stale(Path()))"
    before = call(sys.executable, "-c", told).stdout
    assert call("make", "address", "REPOSITORY=elsewhere").returncode == 2
    new = "https://github.com/Some-One/a.report"
    assert call("make", "address", f"REPOSITORY={new}").returncode == 0
    assert call("git", "grep", "-i", REPOSITORY.split("/")[-2]).stdout == ""
    assert new in (tmp_path / "notebooks" / "index.py").read_text()
    assert call("git", "status", "--short", "_config.yml").stdout == ""  # a link still
    assert call(sys.executable, "-c", told).stdout == before != ""


def test_all_chapters_and_the_guide_start_with_the_same_set_up_cell() -> None:
    for chapter in chapters(ROOT):
        first = next(cell for cell in chapter.source.cells if cell.cell_type == "code")
        assert first.source == SETUP_CELL, chapter.name
        assert first.metadata["tags"] == ["remove-cell"], chapter.name


def test_the_set_up_cell_installs_deplib_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("subprocess.run", lambda command, check: commands.append(command))
    monkeypatch.delenv("DEPLIB_SOURCE", raising=False)
    exec(SETUP_CELL, {})
    monkeypatch.setenv("DEPLIB_SOURCE", "a/checkout")
    exec(SETUP_CELL, {})
    pip = [sys.executable, "-m", "pip", "install", "-qq"]
    assert commands == [[*pip, f"git+{REPOSITORY}"], [*pip, "a/checkout"]]


def test_links_and_pictures_lead_somewhere_in_a_plain_checkout() -> None:
    """As on GitHub and in Jupyter, where nothing is built."""
    texts = {path: path.read_text("utf-8") for path in ROOT.glob("*.md")}
    texts |= {path: path.read_text("utf-8") for path in ROOT.glob("book/*.md")}
    texts |= {path: path.read_text("utf-8") for path in ROOT.glob(".github/*.md")}
    for path in ROOT.glob("book/*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            said = [one.get("data", {}).get("text/markdown", "") for one in cell.get("outputs", [])]
            prose = cell.source if cell.cell_type == "markdown" else ""
            texts[path] = "\n".join([texts.get(path, ""), prose, *said])
    found = [
        (path, target)
        for path, text in texts.items()
        for target in re.findall(r"\]\((?!\w+:)([^)#\s]+)", re.sub(r"`[^`\n]*`", "`", text))
    ]
    lost = [f"{one.relative_to(ROOT)}: {to}" for one, to in found if not (one.parent / to).exists()]
    assert lost == []
    assert len(found) > 80


def test_notebooks_and_book_hold_the_same_text() -> None:
    for chapter in chapters(ROOT):
        page = nbformat.read(chapter.page, as_version=4)
        assert same_text(page, chapter.source), f"{chapter.name}: run `deplib publish`"
        assert page.metadata["jupytext"] == header(chapter.source)["jupytext"], chapter.name
    pages = {path.stem for path in (ROOT / "book").glob("*.ipynb")}
    assert pages == {chapter.name for chapter in chapters(ROOT)}


def test_no_page_is_stale() -> None:
    """Whoever edits a text, the library or a result runs `make book`."""
    assert stale(ROOT) == {}


def test_texts_are_written_as_jupytext_writes_them_so_that_a_sync_changes_nothing() -> None:
    for chapter in chapters(ROOT):
        stated = chapter.source.metadata["jupytext"]
        assert stated["formats"] == "notebooks//py:percent,book//ipynb", chapter.name
        assert stated["notebook_metadata_filter"] == FILTER, chapter.name
        assert jupytext.writes(chapter.source, fmt="py:percent") == chapter.text.read_text()


def test_every_page_says_first_where_its_numbers_come_from() -> None:
    kinds = ("> **Simulated cohort", "> **Published figures", "> **Measured code")
    for chapter in chapters(ROOT):
        page = nbformat.read(chapter.page, as_version=4)
        outputs = [output for cell in page.cells for output in cell.get("outputs", [])]
        assert outputs[0].get("data", {}).get("text/markdown", "").startswith(kinds), chapter.name


def test_the_makefile_has_these_verbs_and_its_help_lists_them() -> None:
    text = (ROOT / "Makefile").read_text()
    assert set(re.findall(r"^([a-z]+):(?!=)", text, flags=re.MULTILINE)) == VERBS
    command = ["make", "--no-print-directory", "help"]  # make itself may be running this test
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert {line.split()[0] for line in shown.stdout.splitlines()} == VERBS


def test_no_line_of_the_makefile_breaks_at_a_space_in_the_path_of_the_clone(tmp_path: Path) -> None:
    folder = tmp_path / "a clone"
    (folder / ".venv").mkdir(parents=True)
    for file in ("requirements.lock", "pyproject.toml", "Makefile"):
        shutil.copy(ROOT / file, folder)
    (folder / ".venv" / "installed").touch()
    command = ["make", "--dry-run", "book", "test", "bench", "sweep"]
    shown = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    lines = [line for line in shown.splitlines() if not line.startswith("make[")]  # make's own
    assert any("jupyter-book" in line for line in lines)
    assert [line for line in lines if "a clone" in line] == []


def test_verbs_and_files_that_the_texts_name_exist() -> None:
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for file in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / file).read_text()
        assert set(re.findall(r"`(?:\.venv/bin/)?deplib ([a-z]+)", text)) <= set(verbs)
        prose = re.sub(r"`[^`\n]+`", "", text)
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", prose):
            assert (ROOT / target).exists(), f"{file} links to {target}"
