"""The real book: an edit makes stale what depends on it, nothing else, and says why.

What depends on a model is read from the texts' own words here, not from `deplib.publishing`: the
header names it under ``uses``, or a module that only some chapters import does.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from deplib.publish import stale

ROOT = Path(__file__).parents[2]
EVERY = sorted(path.stem for path in (ROOT / "notebooks").glob("*.py"))


class Edit(NamedTuple):
    """A change of one file: ``old`` becomes ``new``, once."""

    file: str
    old: str
    new: str


def headers() -> dict[str, dict[str, list[str]]]:
    """Return what the header of each chapter says under ``deplib:``."""
    found = {}
    for name in EVERY:
        text = (ROOT / "notebooks" / f"{name}.py").read_text(encoding="utf-8")
        lines = text.split("# ---\n")[1].splitlines()
        header = yaml.safe_load("\n".join(line[2:] for line in lines))
        found[name] = header["jupyter"].get("deplib", {})
    return found


def using(module: str) -> set[str]:
    return {name for name, said in headers().items() if module in said.get("uses", [])}


def needing(file: str) -> set[str]:
    return {
        name
        for name, said in headers().items()
        if any(Path(file).match(pattern) for pattern in said.get("needs", []))
    }


CODE, FILES = "the code of deplib that it uses changed", "a file that it needs changed"
TEXT, LOCK = "its text changed", "requirements.lock changed"
AFTER = "a chapter that it comes after changed"
A_RESULT = "results/default/true/MambaGRU-seed3.json"

SHOWN = {
    "04_mean_mlp": "mean_mlp",
    "05_ldbm": "ldbm",
    "06_transformer": "transformer",
    "07_mamba_gru": "mamba_gru",
}
"""Chapters that print a model's file as it stands, comments included."""


def in_code(file: str) -> Edit:
    """Return an edit that adds a line of code behind the first import of a module."""
    text = (ROOT / file).read_text(encoding="utf-8")
    first = re.search(r"^(?:import|from) [\w., ]+$", text, re.MULTILINE)
    assert first, f"{file} imports nothing in one line"
    return Edit(file, f"\n{first[0]}\n", f"\n{first[0]}\nADDED = 1\n")


def in_a_comment(file: str) -> Edit:
    edit = in_code(file)
    return edit._replace(new=edit.old + "# One word more.\n")


EDITS = {
    "LDBM": in_code("deplib/models/ldbm.py"),
    "HybridPooling": in_code("deplib/models/hybrid.py"),
    "MiniRocket": in_code("deplib/rocket.py"),
    "a recipe": in_code("deplib/recipes/bags.py"),
    "export": in_code("deplib/deploy/export.py"),
    "windows": in_code("deplib/windows.py"),
    "the encoder": Edit("deplib/extraction/networks/embedded.json", '"sha256"', ' "sha256"'),
    "a comment": in_a_comment("deplib/windows.py"),
    "a docstring": Edit("deplib/windows.py", '"""', '"""Once more: '),
    **{f"a comment in {name}": in_a_comment(f"deplib/models/{name}.py") for name in SHOWN.values()},
    "a result": Edit(A_RESULT, '"epoch":', ' "epoch":'),
    "pooled features": Edit("results/null/pooled.safetensors", "", " "),
    "signature of features": Edit("results/default/features.json", "{", "{ "),
    "cost": Edit("results/cost.json", "{", "{ "),
    "published results": Edit("deplib/literature/results.csv", "\n", "\n\n"),
    "the lock": Edit("requirements.lock", "==", "==9"),
    "text": Edit("notebooks/04_mean_mlp.py", "# %% [markdown]\n# #", "# %% [markdown]\n# # Hm:"),
    "a parameter": Edit("notebooks/06_transformer.py", 'size = "full"', 'size = "small"'),
    "references": Edit("book/references.md", "#", "# All"),
}


@pytest.fixture(scope="module")
def found(clone: Path, environment: dict[str, str]) -> dict[str, dict[str, str]]:
    """What each edit makes stale, and why: one process, since each looks at the whole book."""
    command = [sys.executable, str(Path(__file__).with_name("after_edits.py"))]
    edits = json.dumps([*EDITS.values()])
    run = subprocess.run(
        command, env=environment, cwd=clone, input=edits, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    every = zip(EDITS, json.loads(run.stdout), strict=True)
    return {edit: {name: "; ".join(why) for name, why in old.items()} for edit, old in every}


def later(names: set[str]) -> set[str]:
    """Return the chapters that come after one of these."""
    return {name for name, said in headers().items() if names & set(said.get("after", []))}


def test_a_model_makes_stale_the_chapters_that_use_it_and_no_other(found) -> None:
    assert set(found["LDBM"]) == using("deplib.models.ldbm")
    assert not {"04_mean_mlp", "06_transformer", "07_mamba_gru"} & set(found["LDBM"])
    assert {"05_ldbm", "09_results", "index"} <= set(found["LDBM"])
    assert all(CODE in why for why in found["LDBM"].values())
    assert AFTER in found["LDBM"]["09_results"]  # for 05_ldbm is another page then
    assert set(found["HybridPooling"]) == using("deplib.models.hybrid") >= {"16_implications"}


@pytest.mark.parametrize(
    ("edit", "module"), [("MiniRocket", "deplib.rocket"), ("a recipe", "deplib.recipes.bags")]
)
def test_what_few_results_need_makes_few_chapters_stale(found, edit: str, module: str) -> None:
    assert set(found[edit]) == using(module)
    assert 1 <= len(found[edit]) <= len(EVERY) // 2


def test_code_that_writes_models_for_deployment_concerns_few_pages(found) -> None:
    """Runs in 8 bits are in the study, and its other readers do not depend on how they are made."""
    assert "16_implications" in found["export"]
    assert not {"02_cohort", "04_mean_mlp", "09_results", "15_literature"} & set(found["export"])


@pytest.mark.parametrize("edit", ["windows", "the encoder"])
def test_code_that_all_results_come_from_makes_all_of_their_pages_stale(found, edit: str) -> None:
    models = {
        name for name, said in headers().items() if "deplib.models.ldbm" in said.get("uses", [])
    }
    assert models | set(SHOWN) <= set(found[edit])


def test_no_comment_and_no_docstring_makes_a_page_stale(found) -> None:
    assert found["a comment"] == {}
    assert found["a docstring"] == {}


@pytest.mark.parametrize(("chapter", "model"), SHOWN.items())
def test_a_comment_in_a_file_that_a_page_prints_does(found, chapter: str, model: str) -> None:
    stale = found[f"a comment in {model}"]
    assert set(stale) == {chapter} | later({chapter})
    assert FILES in stale[chapter]
    assert CODE not in stale[chapter]


@pytest.mark.parametrize(
    ("edit", "file", "least"),
    [
        ("a result", A_RESULT, {"07_mamba_gru", "09_results", "11_power", "index"}),
        ("pooled features", "results/null/pooled.safetensors", {"13_persons"}),
        ("cost", "results/cost.json", {"08_cost", "14_claims"}),
        ("published results", "deplib/literature/results.csv", {"15_literature"}),
    ],
)
def test_a_file_makes_stale_the_chapters_that_name_it(
    found, edit: str, file: str, least: set[str]
) -> None:
    stale = found[edit]
    assert least <= needing(file)
    assert set(stale) == needing(file) | later(needing(file))
    assert all(FILES in stale[name] for name in needing(file))
    assert not {"04_mean_mlp", "05_ldbm", "17_limitations"} & set(stale)


def test_a_file_that_no_chapter_reads_makes_none_stale(found) -> None:
    """Features are compared with their signature where they are made, not where they are shown."""
    assert found["signature of features"] == {}
    assert found["references"] == {}  # a page of plain text, which every build reads


def test_the_lock_makes_every_page_stale(found) -> None:
    assert set(found["the lock"]) == set(EVERY)
    assert all(LOCK in why for why in found["the lock"].values())


@pytest.mark.parametrize(
    ("edit", "chapter"), [("text", "04_mean_mlp"), ("a parameter", "06_transformer")]
)
def test_text_and_parameters_make_their_own_page_stale(found, edit: str, chapter: str) -> None:
    assert set(found[edit]) == {chapter} | later({chapter})
    assert found[edit][chapter].startswith(TEXT)
    assert all(AFTER in found[edit][name] for name in later({chapter}))


def test_the_command_names_the_chapter_and_the_reason(
    clone: Path, environment: dict[str, str], found
) -> None:
    """Of the copy whose pages were made fresh for the other tests."""
    check = [sys.executable, "-c", "from deplib.cli import app; app()", "publish", "--check"]
    path = clone / "results" / "cost.json"
    before = path.read_text()
    path.write_text("{ " + before[1:])
    try:
        run = subprocess.run(
            check, env=environment, cwd=clone, capture_output=True, text=True, check=False
        )
    finally:
        path.write_text(before)
    assert run.returncode == 2
    assert f"08_cost: {FILES}" in run.stderr
    assert "04_mean_mlp" not in run.stderr


def test_no_page_of_this_checkout_is_stale() -> None:
    """Whoever edits a text, the library or a result runs `make book`."""
    assert stale(ROOT) == []
