"""Formulas as MathML; a tiny book in which a formula and a figure are not whole."""

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
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


def text_of(element: ET.Element) -> str:
    return "".join(element.itertext())


FORMULAS = [
    (r"\mathrm{MAE} = \frac{1}{n} \sum_i |e_i|", "MAE=1n∑i|ei|", {"mfrac", "mtext"}),
    (r"x \in \mathbb{R}^{C \times T}", "x∈ℝC×T", {"msup"}),
    (r"\begin{aligned} a &= b \\ c &= \sigma(d) \end{aligned}", "a=bc=σ(d)", {"mtable"}),
    (r"a = b \\ c = d", "a=bc=d", {"mtable"}),
]


@pytest.mark.parametrize(("latex", "text", "tags"), FORMULAS)
def test_formulas_become_mathml(latex: str, text: str, tags: set[str]) -> None:
    math = ET.fromstring(mathml(latex, block=True))
    assert text_of(math).replace(" ", "") == text
    assert tags <= {one.tag.rpartition("}")[2] for one in math.iter()}
    assert math.get("display") == "block"


def test_what_is_no_formula_is_refused() -> None:
    refused = {r"\foo{x}": r"not know \\foo", "{x": "braces", r"\frac{a}{b": "braces|no formula"}
    for latex, why in refused.items():
        with pytest.raises(ValueError, match=why):
            mathml(latex)


@pytest.mark.slow
def test_a_formula_and_a_figure_that_are_not_whole_fail_the_build(tmp_path: Path) -> None:
    """What those that are whole look like, the tests of the built book know."""
    output = new_output("display_data", data={"image/svg+xml": SVG})
    cell = new_code_cell("x", metadata={"mystnb": SHOWN}, outputs=[output])
    page = new_notebook(cells=[new_markdown_cell("# T\n\n$\\foo$"), cell])
    page.metadata["language_info"] = LANGUAGE
    write(page, tmp_path / "index.ipynb")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    config = 'title: T\nexecute: {execute_notebooks: "off"}\n'
    config += "sphinx: {extra_extensions: [deplib.sphinx_ext]}\n"
    (tmp_path / "_config.yml").write_text(config)
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "-W"]
    command += ["--keep-going", str(tmp_path)]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    assert run.returncode != 0
    assert "fig-line has no line.json" in run.stdout + run.stderr
    assert r"know \foo" in run.stdout + run.stderr
