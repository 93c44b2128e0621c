"""Formulas as MathML, and the line below a figure, on a tiny book that Jupyter Book builds."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from nbformat import write
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from deplib.publish import LANGUAGE
from deplib.sphinx_ext import mathml

SHOWN = {"figure": {"name": "fig-line", "caption": "A line."}, "image": {"alt": "Rising."}}
ORIGIN = {"figure": "line", "chapter": "index", "cell": 2, "deplib": "0", "code": "0123456789"}
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


def text_of(element: ET.Element) -> str:
    return "".join(element.itertext())


@pytest.mark.parametrize(
    ("latex", "text", "tags"),
    [
        (r"\mathrm{MAE} = \frac{1}{n} \sum_i |e_i|", "MAE=1n∑i|ei|", {"mfrac", "mtext"}),
        (r"x \in \mathbb{R}^{C \times T}", "x∈ℝC×T", {"msup"}),
        (r"\begin{aligned} a &= b \\ c &= \sigma(d) \end{aligned}", "a=bc=σ(d)", {"mtable"}),
        (r"a = b \\ c = d", "a=bc=d", {"mtable"}),
    ],
)
def test_formulas_become_mathml(latex: str, text: str, tags: set[str]) -> None:
    math = ET.fromstring(mathml(latex, block=True))
    assert text_of(math).replace(" ", "") == text
    assert tags <= {one.tag.rpartition("}")[2] for one in math.iter()}
    assert math.get("display") == "block"


@pytest.mark.parametrize(
    ("latex", "why"),
    [(r"\foo{x}", r"does not know \\foo"), ("{x", "braces"), (r"\frac{a}{b", "braces|no formula")],
)
def test_what_is_no_formula_is_refused(latex: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        mathml(latex)


def build(folder: Path, *, formula: str = "$x^2$", origin: bool = True) -> tuple[int, str, str]:
    """Build a book of one page with a formula and a figure; return code, words and the page."""
    output = new_output("display_data", data={"image/svg+xml": SVG})
    cell = new_code_cell("x", metadata={"mystnb": SHOWN}, outputs=[output])
    page = new_notebook(cells=[new_markdown_cell(f"# T\n\n{formula}"), cell])
    page.metadata["language_info"] = LANGUAGE
    write(page, folder / "index.ipynb")
    (folder / "figures").mkdir()
    for kind in ("svg", "csv"):
        (folder / "figures" / f"line.{kind}").write_text(SVG)
    if origin:
        stated = json.dumps(ORIGIN | {"origin": "simulated cohort (default)."})
        (folder / "figures" / "line.json").write_text(stated)
    (folder / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    config = 'title: T\nexecute: {execute_notebooks: "off"}\n'
    (folder / "_config.yml").write_text(
        config + "sphinx: {extra_extensions: [deplib.sphinx_ext]}\n"
    )
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "-W"]
    command += ["--keep-going", str(folder)]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    built = folder / "_build" / "html" / "index.html"
    html = built.read_text(encoding="utf-8") if built.is_file() else ""
    return run.returncode, run.stdout + run.stderr, html


@pytest.mark.slow
def test_a_page_shows_formula_and_origin_and_offers_the_files(tmp_path: Path) -> None:
    code, said, html = build(tmp_path)
    assert code == 0, said
    assert "<msup>" in html
    assert "simulated cohort (default). Cell 2 of index, code 01234567: " in html
    files = {path.suffix for path in (tmp_path / "_build/html/_downloads").rglob("line.*")}
    assert files == {".svg", ".csv", ".json"}
    assert "fontawesome.js" not in html


@pytest.mark.slow
def test_a_formula_and_a_figure_that_are_not_whole_fail_the_build(tmp_path: Path) -> None:
    code, said, _ = build(tmp_path, formula=r"$\foo$", origin=False)
    assert code != 0
    assert "fig-line has no line.json" in said
    assert r"know \foo" in said
