"""README.md and CONTRIBUTING.md hold: recipes are followed, commands run or say why not."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
TEXTS = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "CONTRIBUTING.md", "book/plan.md")
}
EDITOR = """\
import re, sys
from pathlib import Path

for path in map(Path, sys.argv[1:]):
    pattern, new = {changes!r}[str(path)]
    text, n = re.subn(pattern, new, path.read_text(encoding="utf-8"), count=1, flags=re.DOTALL)
    assert n, f"{{path}} holds nothing like {{pattern}}"
    path.write_text(text, encoding="utf-8")
"""


def recipe(title: str) -> list[str]:
    """Return the lines of the one block of shell below a heading of CONTRIBUTING.md."""
    section = TEXTS["CONTRIBUTING.md"].split(f"# {title}\n")[1].split("\n#")[0]
    (block,) = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    return block.splitlines()


def clone(folder: Path) -> Path:
    """Copy the repository, without what was built; ``.venv`` is the environment of the tests."""
    left_out = shutil.ignore_patterns("__pycache__", "_build", ".pytest_cache")
    for name in ("deplib", "tests", "notebooks", "book", "results"):
        shutil.copytree(ROOT / name, folder / name, ignore=left_out, symlinks=True)
    for path in ROOT.iterdir():
        if path.is_file() and path.name[0] != ".":
            shutil.copy(path, folder / path.name)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def editor(root: Path, changes: dict[str, tuple[str, str]]) -> str:
    """Write an editor that knows what to do: in each file, what matches becomes something new."""
    (root.parent / "editor.py").write_text(EDITOR.format(changes=changes))
    return ".venv/bin/python ../editor.py"


def follow(lines: Sequence[str], root: Path, **environment: str) -> str:
    """Run lines of shell in a copy, with the copy's library; return what they print."""
    script = "set -euo pipefail\n" + "\n".join(lines)
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    own = {"PYTHONPATH": str(root), "DEPLIB_DATA": str(root / "data"), "PYTHONHASHSEED": "0"}
    how = {"cwd": root, "env": outer | own | environment, "text": True, "stdout": subprocess.PIPE}
    run = subprocess.run(["bash", "-c", script], stderr=subprocess.STDOUT, **how)
    assert run.returncode == 0, f"{script}\n\n{run.stdout}"
    return run.stdout


# Commands

BLOCKS = re.findall(r"```bash\n(.*?)```", TEXTS["README.md"], re.DOTALL)
VERBS, MINUTE, OWN = (re.sub(r" +#.*", "", block).strip().splitlines() for block in BLOCKS)
SMALL = "deplib corpus small --recordings 30"  # for the commands of OWN
HOURS, RECIPE, SELF = "takes hours", "a recipe below has it", "runs these tests, or is run by them"
NOT_RUN = {
    "deplib corpus small --recordings 6 --frames 9": RECIPE,
    "deplib publish --check": "tests/test_publish.py has the same by name",
    "deplib publish": RECIPE,
    "deplib train small --model MyModel": RECIPE,
    "deplib sweep --model MyModel": HOURS,
    "jupyter-book build -W -n --keep-going book": RECIPE,
    "pytest --nbval book/18_question.ipynb": RECIPE,
    "pytest tests/test_house.py tests/test_repository.py": RECIPE,
    "pytest tests/models": RECIPE,
    "python tests/models/golden.py MyModel": RECIPE,
    "python bench/demonstration/demonstration.py": "its own test has what it makes",
    "python bench/keys/restamp.py": "tests/study/test_keys.py has what makes a row stale",
    "git add notebooks/18_question.py book": RECIPE,
    **dict.fromkeys(("make book", "make sweep"), HOURS),
    **dict.fromkeys(("make help", "make lint", "make test", "make unit-tests"), SELF),
    **dict.fromkeys(("pytest -n 2", 'pytest -m "not slow"'), SELF),
    **dict.fromkeys(("pip install pre-commit", "pip install '.[book,sweep]'"), "the network"),
    "make install": "the network",
    "git switch -c feature/your-idea": "would change this repository's branch",
    **dict.fromkeys((MINUTE[0], OWN[0]), "the network; tests/test_installs.py has both verbs"),
    "make address REPOSITORY=https://github.com/OWNER/NAME": "tests/test_repository.py does",
    "pre-commit install": "would change this repository's hooks",
    "dask scheduler": "tests/study has a cluster",
    "dask worker ADDRESS": "tests/study has a cluster",
}
TOOLS = "deplib|make|jupyter-book|pytest|python|pip|pre-commit|git|dask"


def commands(text: str) -> set[str]:
    """Return the commands of a text's code; a verb alone, such as `deplib check`, is none."""
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    mentions = {one for one in spans if re.fullmatch("deplib [a-z]+", one)}
    lines = [one.strip() for block in blocks for one in block.splitlines()]
    parts = [part.strip() for line in lines + spans for part in line.split(" && ")]
    bare = {re.sub(r"\s+#.*", "", part).removeprefix(".venv/bin/") for part in parts}
    found = {one for one in bare if re.match(rf"(?:{TOOLS}) ", one)}
    return found - (mentions - {one for one in NOT_RUN if one in mentions})


def test_every_command_is_run_or_listed_with_a_reason() -> None:
    printed = set().union(*map(commands, TEXTS.values()))
    known = {*MINUTE, *OWN, SMALL, *NOT_RUN}
    assert (printed - known, known - printed) == (set(), set())  # nothing is listed in vain


@pytest.mark.slow
def test_what_readme_shows_answers_in_a_minute_and_on_a_corpus_of_ones_own(tmp_path: Path) -> None:
    """With the shipped encoder as the file, and one epoch; a corpus of its own is SMALL."""
    path = f"{sys.prefix}/bin:{os.environ['PATH']}"
    deplib = {"PATH": path, "PYTHONPATH": str(ROOT)}
    said = follow(MINUTE[1:], tmp_path, **deplib)
    assert re.search(r"BDI-II [\d.]+, 90% interval [\d.]+ to [\d.]+", said)
    assert "This is no diagnosis" in said
    assert "trained on simulated recordings" in said
    (encoder,) = (ROOT / "deplib" / "extraction").rglob("embedded.onnx")
    clip = "\"$(find thirty -name '*_aligned' | head -n 1)\""
    names = {"CORPUS": "thirty", "ENCODER.onnx": shlex.quote(str(encoder)), "CLIP": clip}
    (tmp_path / "p.yaml").write_text("epochs: 1\nwindow_length: 8\n")
    follow([f"{SMALL} --frames 6".replace("small", "thirty")], tmp_path, **deplib)
    for command in OWN[1:]:
        line = re.sub("CORPUS|ENCODER.onnx|CLIP", lambda found: names[found[0]], command)
        line += " --config p.yaml" * bool(re.match("deplib (train|export|study)", line))
        # So few recordings give no chapter on power, and the exit code says so.
        line += " --runs 2 || [ $? = 1 ]" * line.startswith("deplib study")
        said = follow([line], tmp_path, **deplib)
        assert re.search("0 problems|sound|predictor +runs|next: |no diagnosis|pages: OUT", said)
    page = (tmp_path / "OUT" / "pages" / "09_results.html").read_text()
    assert "Simulated cohort" in page
    assert not re.search("No model beats the constant</|oracle</em>|Three worlds|unpkg", page)
    assert yaml.safe_load((tmp_path / "OUT/share/protocol.yaml").read_text())["epochs"] == 1


def test_the_readme_names_the_two_commands_first_and_its_python_runs(capsys) -> None:
    assert VERBS == ["make book", "make test"]
    (code,) = re.findall(r"```python\n(.*?)```", TEXTS["README.md"], re.DOTALL)
    exec(compile(code, "README.md", "exec"), names := {})  # type: ignore[var-annotated]
    assert re.search(r"[+-]\d\.\d\d \([+-]\d\.\d\d to [+-]\d\.\d\d\)", capsys.readouterr().out)
    (axes,) = names["sns"].mpl.pyplot.gcf().axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "LDBM",
        "MambaGRU",
        "TemporalMeanMLP",
    ]
    names["sns"].mpl.pyplot.close("all")


# Recipes

CELLS = r"""\1
# %%
print(f"There are {len('question')} letters.")
"""


@pytest.mark.slow
def test_the_recipe_for_a_chapter_is_followed(tmp_path: Path) -> None:
    lines = recipe("A new chapter")
    assert len(lines) <= 10
    root = clone(tmp_path / "a clone")
    # All pages are bare titles, so that it takes seconds, and two chapters run their first cell.
    bare = (root / "notebooks" / "17_limits.py").read_text().partition("invalidate_caches()\n")
    for path in [*(root / "notebooks").glob("*.py"), *(root / "book").glob("*.md")]:
        (root / "book" / f"{path.stem}.ipynb").unlink(missing_ok=True)
        if path.stem in {"index", "17_limits"}:
            path.write_text("".join(bare[:2]))
        else:
            path.unlink()
            (root / "book" / f"{path.stem}.md").write_text(f"# {path.stem}\n")
    place = (r"( *)- file: 17_limits\n", r"\g<0>\1- file: 18_question\n")
    changes = {
        "book/_toc.yml": place,
        "notebooks/18_question.py": (r"(invalidate_caches\(\)\n).*", CELLS),
    }
    chosen = "-k 'jupytext or set_up_cell or Cell'"
    tried = [line for line in lines if not line.startswith("git add")]
    follow(tried, root, EDITOR=editor(root, changes), PYTEST_ADDOPTS=chosen)
    html = root / "book" / "_build" / "html"
    assert "There are 8 letters." in (html / "18_question.html").read_text(encoding="utf-8")
    assert 'href="18_question.html"' in (html / "17_limits.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_recipe_for_a_model_is_followed(tmp_path: Path) -> None:
    lines = recipe("A new model")
    assert len(lines) <= 10
    changes = {
        "deplib/models/my_model.py": ("return score", "return (score + mask.cumsum(1) / 9)"),
        "deplib/models/registry.py": (r"(BEYOND = \{\n)", r'\1    "MyModel": "my_model",\n'),
        "deplib/study/grid.py": (r"(VARIED = \()", r'\1"MyModel", '),
        "deplib/figures.json": (r'("Mamba": "#\w+",\n)', r'\1  "MyModel": "#123456",\n'),
        "notebooks/09_results.py": (r"(BESIDE = \[)", r'\1"MyModel", '),
    }
    root = clone(tmp_path / "a clone")
    tried = [line for line in lines if "deplib sweep" not in line]
    chosen = "-k MyModel -p no:cacheprovider"
    said = follow(tried, root, EDITOR=editor(root, changes), PYTEST_ADDOPTS=chosen)
    assert int(said.split(" passed")[0].split()[-1]) > 15  # the contract has more than 15 parts
    assert "MyModel" in said.split("BDI-II points")[1]  # the table of scores
    golden = json.loads((root / "tests" / "models" / "golden.json").read_text())
    assert len(golden["MyModel"]["output"]) == 3
