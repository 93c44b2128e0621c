"""The recipe for a new chapter, followed line by line in a copy of the repository."""

import re
import shutil
from pathlib import Path

import pytest
from recipes import ROOT, clone, editor, follow, recipe

from deplib.publish import stale

LINES = recipe("A new chapter, in ten lines")
NEIGHBOUR, NEW = "17_limitations", "25_question"
NOT_TRIED = {
    ".venv/bin/deplib rehearse": "installs from the network; tests/colab has a rehearsal",
    "git add": "the copy is no repository",
}
"""Lines that this test leaves out, each with the reason."""
CELLS = r"""\1
# %% [markdown]
# ## How many recordings
#
# The question stands here, and the answer below it; {doc}`17_limitations` says what it is worth.

# %% tags=["hide-input"]
say(f"The cohort has {len(cohort.recordings)} recordings.")
"""
PLACE = (r"( *)- file: 19_verification\n", r"\g<0>\1- file: 25_question\n")


def test_the_recipe_has_ten_lines_at_most_and_all_but_two_are_tried() -> None:
    assert len(LINES) <= 10
    left_out = [line for line in LINES if line.startswith(tuple(NOT_TRIED))]
    assert len(left_out) == len(NOT_TRIED)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy in which the other chapters are bare titles, so that it is published in seconds."""
    root = clone(tmp_path / "clone")
    for path in (root / "notebooks").glob("*.py"):
        if path.stem != NEIGHBOUR:
            path.unlink()
            (root / "book" / f"{path.stem}.ipynb").unlink(missing_ok=True)
            (root / "book" / f"{path.stem}.md").write_text(f"# {path.stem}\n")
    for path in (root / "book").rglob("*.md"):
        if path.stem not in ("references", "glossary", "notation"):
            path.write_text(f"# {path.stem}\n")
    return root


@pytest.mark.slow
def test_a_chapter_is_written_published_built_and_compared(root: Path, tmp_path: Path) -> None:
    changes = {
        f"notebooks/{NEW}.py": (r'(how_long\("25_question"\)\n).*', CELLS),
        "_toc.yml": PLACE,
    }
    times = root / "results" / "timings" / "chapters"  # as the line that is not tried leaves them
    shutil.copy(times / f"{NEIGHBOUR}.json", times / f"{NEW}.json")
    lines = [line for line in LINES if not line.startswith(tuple(NOT_TRIED))]
    chosen = "-k 'same_text or jupytext or short or set_up_cell or says_first or Cell'"
    said = follow(lines, root, EDITOR=str(editor(tmp_path, changes)), PYTEST_ADDOPTS=chosen)
    assert f"{NEW}: running" in said
    assert stale(root) == []
    page = (root / "book" / "_build" / "html" / f"{NEW}.html").read_text(encoding="utf-8")
    recordings = 150
    assert f"The cohort has {recordings} recordings." in page
    neighbour = (root / "book" / "_build" / "html" / f"{NEIGHBOUR}.html").read_text()
    assert re.search(rf'href="{NEW}.html"', neighbour)  # the contents of the book list it
    assert (ROOT / "notebooks" / f"{NEIGHBOUR}.py").exists()
