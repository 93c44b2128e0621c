"""A snapshot is the tree as it lies there, committed or not."""

import subprocess
from pathlib import Path

import pytest

from deplib.errors import RehearsalError
from deplib.rehearsal.snapshot import PARTS, snapshot


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree without git: what an export leaves."""
    root = tmp_path / "export"
    (root / "deplib" / "__pycache__").mkdir(parents=True)
    (root / "deplib" / "__pycache__" / "old.pyc").write_text("")
    (root / "deplib" / "new.py").write_text("uncommitted = True\n")
    (root / "results").mkdir()
    (root / "results" / "a.json").write_text("{}")
    (root / ".gitignore").write_text("results/\n")
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        (root / file).write_text(file)
    return root


def test_the_address_can_be_cloned_and_holds_what_is_installed(tree: Path, tmp_path: Path) -> None:
    address = snapshot(tree, tmp_path / "source")
    assert address.startswith("git+file:///")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", address.removeprefix("git+"), clone], check=True)
    files = {str(path.relative_to(clone)) for path in clone.rglob("*") if path.is_file()}
    expected = {"deplib/new.py", "results/a.json", "pyproject.toml", "README.md", "LICENSE"}
    assert {name for name in files if not name.startswith(".git/")} == expected
    assert {name.partition("/")[0] for name in expected} == set(PARTS)


def test_the_author_of_the_caller_and_hooks_of_the_machine_play_no_part(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[commit]\n  gpgsign = true\n[user]\n  useConfigOnly = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    snapshot(tree, tmp_path / "source")
    command = ["git", "log", "--format=%an"]
    log = subprocess.run(command, cwd=tmp_path / "source", capture_output=True, text=True)
    assert log.stdout == "deplib\n"


def test_another_tree_is_refused(tree: Path, tmp_path: Path) -> None:
    (tree / "pyproject.toml").unlink()
    with pytest.raises(RehearsalError, match=r"has no pyproject\.toml"):
        snapshot(tree, tmp_path / "source")


def test_without_git_it_says_so(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RehearsalError, match="install git"):
        snapshot(tree, tmp_path / "source")
