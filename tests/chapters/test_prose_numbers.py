"""No figure is typed into the prose of the book: what code did not write can go stale unseen."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbformat
import pytest
import yaml
from typed_numbers import ALLOWED, typed

ROOT = Path(__file__).parents[2]
TEXTS = sorted((ROOT / "notebooks").glob("*.py"))
PAGES = sorted((ROOT / "book").glob("*.md"))
MODULES = sorted((ROOT / "deplib" / "chapters").glob("*.py"))

DEFINITIONS = {
    r"(below|above) 1 for|includes -1, the constant's": "the slope of a calibrated, a flat answer",
    r"with 1/n or 1/\(n - 1\)": "two formulas of the SD",
    r"O\(N\^2\)": "an order of growth",
    r"in 95 % of samples|in size, 95 %": "what a 95 % interval is",
    r"CIELAB(, | from )0 to 100": "a scale of lightness",
    r"guessing gives 50 %": "two answers by chance",
    r"seeds at rank 1, 2, 3, 4": "the places of a ranking",
}
"""Figures that sentences of the library may hold, each with the reason."""


def prose_of(notebook: nbformat.NotebookNode) -> Iterator[str]:
    """Yield the Markdown cells of a notebook, and the captions and descriptions of its figures."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            yield cell.source
        shown = cell.metadata.get("mystnb", {})
        yield shown.get("figure", {}).get("caption", "")
        yield shown.get("image", {}).get("alt", "")


def sentences_of(source: str) -> Iterator[str]:
    """Yield the strings of code that read as sentences; ``…`` stands for what code puts in."""
    tree = ast.parse(source)
    within = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr | ast.JoinedStr)  # docstrings; format specifications
        for part in ast.walk(node)
        if part is not node and not (isinstance(node, ast.Expr) and isinstance(part, ast.JoinedStr))
    }
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.JoinedStr) and id(node) not in within:
            text = "".join(v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = "" if id(node) in within else node.value
        if len(text.split()) > 5:
            yield text


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_no_figure_is_typed_into_a_chapter(path: Path) -> None:
    found = [str(figure) for text in prose_of(jupytext.read(path)) for figure in typed(text)]
    assert not found, "say it in a cell with report.say(f'...'), from the value that code has"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_figure_is_typed_into_a_page_without_code(path: Path) -> None:
    assert not [str(figure) for figure in typed(path.read_text(encoding="utf-8"))]


def test_no_figure_is_typed_into_the_table_of_contents() -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    captions = [part.get("caption", "") for part in toc["parts"]]
    assert not [str(figure) for caption in captions for figure in typed(caption)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_figure_is_typed_into_the_sentences_of_the_library(path: Path) -> None:
    found = []
    for text in sentences_of(path.read_text(encoding="utf-8")):
        for allowed in DEFINITIONS:
            text = re.sub(allowed, "", text)
        found += [str(figure) for figure in typed(text)]
    assert not found


@pytest.mark.parametrize(
    ("planted", "figures"),
    [
        ("The Test MAE is 9.54.", ["9.54"]),
        ("It was trained at ten\nseeds.", ["ten seeds"]),
        ("A PCC of .42 to .51.", ["42", "51"]),
        ("Thirty-two of them, of fifty Test recordings.", ["fifty Test recordings"]),
        ("one of 1,200 recordings", ["1,200"]),
        ("about two thirds of the clips", ["two thirds of"]),
        ("It takes three minutes, or 17.5 % of the time.", ["17.5", "three minutes"]),
        ("With $C = 512$ channels.", ["512"]),
        ("```{glossary}\nscore\n  It reaches `63` points.\n```\n", ["63"]),
        ("Scores from `0` to `63` of `BDI-II`", ["0", "63"]),
        ("a 95 % interval from 3 to 4", ["3", "4"]),
        ("On AVEC2014 it is 13.", ["13"]),
    ],
)
def test_a_planted_figure_is_found(planted: str, figures: list[str]) -> None:
    assert [one.figure for one in typed(planted)] == figures
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell(f"# A title\n\n{planted}"),
            nbformat.v4.new_code_cell(
                "1 + 1", metadata={"mystnb": {"figure": {"caption": planted}}}
            ),
            nbformat.v4.new_code_cell("2", metadata={"mystnb": {"image": {"alt": planted}}}),
        ]
    )
    found = [one.figure for text in prose_of(notebook) for one in typed(text)]
    assert found == 3 * figures


@pytest.mark.parametrize(
    "sound",
    [
        "AVEC2014 and BDI-II, float32 and w600k_r50, an L1 loss",
        "1. first\n2. second",
        "## 3. Videos",
        "a 95 % interval over persons; 90 % intervals; at the 5 % level",
        "`N x 3 x 112 x 112`, {doc}`09_results`, [#1518](https://a.b/issues/1518), in 8 bits",
        "$$y = \\tfrac12 (x_{12} + 1)^2, \\qquad z = 1.96$$",
        "two models, three panels, the four architectures",
    ],
)
def test_names_formulas_and_numbers_of_sections_are_no_figures(sound: str) -> None:
    assert not [str(figure) for figure in typed(sound)]


def test_a_figure_that_code_puts_in_is_none_that_was_typed() -> None:
    source = '"""Of 12 seeds, in five or more words."""\nsay(f"the MAE over all seeds is {x:.2f}")'
    assert list(sentences_of(source)) == ["the MAE over all seeds is …"]
    assert not list(typed("the MAE over all seeds is …"))
    typed_in = 'say(f"the MAE over all {n} seeds is 9.54")'
    assert [one.figure for text in sentences_of(typed_in) for one in typed(text)] == ["9.54"]


def test_each_allowed_form_is_used_and_has_a_reason() -> None:
    texts = [text for path in TEXTS for text in prose_of(jupytext.read(path))]
    texts += [path.read_text(encoding="utf-8") for path in PAGES]
    for pattern, reason in ALLOWED.items():
        assert reason
        assert any(re.search(pattern, text, re.MULTILINE) for text in texts), pattern
