"""The answer in README.md is the one on the published first page."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from deplib.chapters.answer import MARKS, is_answer_of

ROOT = Path(__file__).parents[2]
ANSWER = "1. **None.** The difference is -0.1 (-0.5 to 0.3).\n2. **Two.**"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    shown = new_output("execute_result", data={"text/markdown": ANSWER, "text/plain": "<M>"})
    cells = [new_markdown_cell("# A book"), new_code_cell("answer", outputs=[shown])]
    nbformat.write(new_notebook(cells=cells), tmp_path / "index.ipynb")
    return tmp_path / "index.ipynb"


@pytest.mark.parametrize(
    ("between", "same"),
    [
        (ANSWER, True),
        (ANSWER.replace("-0.1", "-0.2"), False),
        (ANSWER.splitlines()[0], False),
        ("", False),
    ],
)
def test_it_is_compared_whole(page: Path, tmp_path: Path, between: str, same: bool) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"# A title\n\n{MARKS[0]}\n{between}\n{MARKS[1]}\n\nThe rest.\n")
    assert is_answer_of(page, readme) is same


def test_a_file_without_the_marks_holds_none(page: Path, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(ANSWER)
    assert not is_answer_of(page, readme)


def test_a_book_whose_first_page_is_text_has_nothing_to_compare(tmp_path: Path) -> None:
    assert is_answer_of(tmp_path / "index.ipynb", tmp_path / "README.md")


def test_the_readme_of_this_book_holds_the_answer_of_its_first_page() -> None:
    assert is_answer_of(ROOT / "book" / "index.ipynb", ROOT / "README.md")
