"""What a server keeps is found again by its inputs, and by nothing else."""

import shutil
from pathlib import Path

import pytest
from deplib.study.input_key import input_key

import deplib
from deplib import cli

ROOT = Path(__file__).parents[2]
PACKAGE = Path(deplib.__file__).parent


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch):
    """Edit a source file of deplib for the key alone; nothing is written."""
    real = Path.read_text

    def edit(name: str, addition: str) -> None:
        path = PACKAGE / name
        assert path.is_file()

        def read(self: Path, *args: object, **options: object) -> str:
            text = real(self, *args, **options)
            return text + addition if self == path else text

        monkeypatch.setattr(Path, "read_text", read)

    return edit


@pytest.mark.parametrize(
    "module",
    [
        "cohorts/simulated/face.py",  # what is rendered
        "extraction/encoder.py",  # what is embedded
        "extraction/store.py",  # what only carries features
        "extraction/checks.py",  # what lets them pass
        "models/mamba_gru.py",
        "training/loop.py",
        "protocol.py",
    ],
)
def test_code_on_the_way_from_frames_to_models_changes_the_key(edited, module: str) -> None:
    before = input_key(ROOT)
    edited(module, "\nADDED = 1\n")
    assert input_key(ROOT) != before


@pytest.mark.parametrize(
    ("module", "addition"),
    [
        ("models/mamba_gru.py", "\n# what a comment says\n"),
        ("chapters/landing.py", "\nADDED = 1\n"),  # a chapter's page, made afterwards
        ("figures/style.py", "\nADDED = 1\n"),
        ("publish.py", "\nADDED = 1\n"),
        ("models/mamba.py", "\nADDED = 1\n"),  # that no run of `deplib run` trains
    ],
)
def test_prose_figures_and_publishing_do_not(edited, module: str, addition: str) -> None:
    before = input_key(ROOT)
    edited(module, addition)
    assert input_key(ROOT) == before


def test_the_key_is_that_of_the_packages_and_not_of_the_texts_around(tmp_path: Path) -> None:
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    assert input_key(tmp_path) == input_key(ROOT)  # no notebooks/, no book/, no README.md there
    (tmp_path / "requirements.lock").write_text("torch==2.12.0\n")
    assert input_key(tmp_path) != input_key(ROOT)


def test_the_verb_prints_the_key_and_nothing_else(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as ended:
        cli.app(["key"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"{input_key(ROOT)}\n"
