"""Every command that is printed runs here, or is listed with the reason why it does not."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest
from recipes import ROOT, follow

TEXTS = {
    name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")
}
CHAPTERS = ("18_your_data", "19_verification")

FROM_NOTHING = """\
deplib corpus small --recordings 30 --frames 32
deplib check small
deplib extract --root small
deplib train --root small --model LDBM
deplib export pair --root small --model LDBM
deplib predict "$(find small -name '*_aligned' | head -n 1)" pair"""
"""As README.md has it, in this order."""

WITH_AN_ENCODER = {
    "deplib extract --root CORPUS --encoder ENCODER.onnx": "",
    "deplib train --root CORPUS --encoder ENCODER.onnx": " --model TemporalMeanMLP",
    "deplib check AVEC2014": "",
}
"""Run on a small corpus and the shipped encoder's file, each with what makes it short."""

SAME = "as README.md has it, with other names"
HOURS, RECIPE = "takes hours", "tests/contributing follows the recipe line by line"
NOT_RUN = {
    "deplib corpus small": "the same verb, with options that make it short, is",
    "deplib extract --root AVEC2014 --encoder w600k_r50.onnx": SAME,
    "deplib train --root AVEC2014 --encoder w600k_r50.onnx": SAME,
    "deplib fetch NAME": "needs the network; test_weights.py has a server of its own",
    "deplib publish --check": "tests/freshness/test_real_book.py runs it",
    "deplib rehearse --record --chapter 25_question": "needs the network; tests/colab rehearses",
    "deplib train --root small --model MyModel": RECIPE,
    "deplib sweep --model MyModel": HOURS,
    "deplib sweep --part options": HOURS,
    "make book": "executes all chapters; the server does it",
    "make help": "tests/test_repository.py runs it",
    "make lint": "the server runs it",
    "make sweep": HOURS,
    "make test": "is running",
    "make unit-tests": "is running",
    "jupyter-book build -W -n --keep-going book": RECIPE,
    "pytest --nbval book/25_question.ipynb": RECIPE,
    "pytest tests/test_repository.py": RECIPE,
    "pytest tests/models": RECIPE,
    "python tests/models/golden.py MyModel": RECIPE,
    "pytest -n 2": "is running",
    'pytest -m "not slow"': "a choice of tests",
    "pip install pre-commit": "needs the network",
    "pre-commit install": "would change this repository's hooks",
    "git add notebooks/25_question.py book _toc.yml results/timings": "a choice of files",
    "dask scheduler": "tests/study/test_parallel.py has a cluster",
    "dask worker ADDRESS": "tests/study/test_parallel.py has a cluster",
}
TOOLS = "deplib|make|jupyter-book|pytest|python|pip|pre-commit|git|dask"


def commands(text: str) -> set[str]:
    """Return the commands of a text's code, without the folder of the tool and comments.

    A verb that is only mentioned, such as `deplib extract`, is none.
    """
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    verbs = {one for one in spans if re.fullmatch("deplib [a-z]+", one)}
    lines = [one.strip() for block in blocks for one in block.splitlines()]
    parts = [part.strip() for line in lines + spans for part in line.split(" && ")]
    bare = (re.sub(r"\s+#.*", "", part).removeprefix(".venv/bin/") for part in parts)
    return {one for one in bare if re.match(rf"(?:{TOOLS}) ", one) and one not in verbs}


def printed() -> set[str]:
    found = set().union(*map(commands, TEXTS.values()))
    for name in CHAPTERS:
        for cell in jupytext.read(ROOT / "notebooks" / f"{name}.py").cells:
            if cell.cell_type == "markdown":
                found |= commands(cell.source)
    return found


def test_every_command_is_run_or_listed_with_a_reason() -> None:
    run = {*FROM_NOTHING.splitlines(), *WITH_AN_ENCODER}
    assert printed() - run - set(NOT_RUN) == set()
    assert (run | set(NOT_RUN)) - printed() == set()  # and nothing is listed in vain


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder, but for the environment that the commands name."""
    folder = tmp_path_factory.mktemp("anywhere")
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.fixture(scope="module")
def said(folder: Path) -> str:
    """What the block of README.md says that goes from nothing to a score."""
    (block,) = (
        block
        for block in re.findall(r"```bash\n(.*?)```", TEXTS["README.md"], re.DOTALL)
        if "deplib corpus" in block
    )
    lines = block.strip().splitlines()
    bare = [re.sub(r"\s+#.*", "", one).strip() for one in lines]
    assert bare == [f".venv/bin/{line}" for line in FROM_NOTHING.splitlines()]
    return follow(lines, folder)


@pytest.mark.slow
def test_from_nothing_to_a_score(said: str, folder: Path) -> None:
    assert "30 recordings can be used, 0 problems" in said
    assert "sound" in said
    assert "LDBM" in said
    assert re.search(r"BDI-II [\d.]+, 90% interval [\d.]+ to [\d.]+", said)
    assert "This is no diagnosis" in said
    assert sorted(path.name for path in (folder / "pair").glob("*.onnx")) == [
        "encoder.onnx",
        "model.onnx",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("command", WITH_AN_ENCODER)
def test_what_a_licensee_types(command: str, said: str, folder: Path) -> None:
    """With the shipped encoder given as a file, and the corpus that the block above wrote."""
    encoder = ROOT / "deplib" / "extraction" / "networks" / "embedded.onnx"
    line = re.sub("CORPUS|AVEC2014", "small", command) + WITH_AN_ENCODER[command]
    line = re.sub(r"ENCODER.onnx|w600k_r50.onnx", shlex.quote(str(encoder)), line)
    answer = follow([f".venv/bin/{line}"], folder)
    assert re.search("sound|predictor +runs|0 problems", answer)


def test_the_readme_names_the_two_commands_first() -> None:
    block = re.findall(r"```bash\n(.*?)```", TEXTS["README.md"], re.DOTALL)[0]
    assert [line.split("#")[0].split() for line in block.splitlines()] == [
        ["make", "book"],
        ["make", "test"],
    ]
    dry = subprocess.run(
        ["make", "--dry-run", "book", "test"], cwd=ROOT, capture_output=True, text=True
    )
    assert dry.returncode == 0, dry.stderr
    for part in ("deplib run", "deplib publish", "jupyter-book build", "pytest"):
        assert part in dry.stdout
