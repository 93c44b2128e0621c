"""Formulas become MathML, and what cannot makes the build fail with its place."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from deplib.errors import SiteError
from deplib.site.mathml import mathml

SPACE = "{http://www.w3.org/1998/Math/MathML}"


def elements(latex: str, tag: str) -> list[ET.Element]:
    return list(ET.fromstring(mathml(latex)).iter(SPACE + tag))


def texts(latex: str, tag: str) -> list[str]:
    return [one.text or "" for one in elements(latex, tag)]


def test_a_formula_keeps_its_source_for_those_who_cannot_see_it() -> None:
    math = ET.fromstring(mathml("x_t \\in\n \\mathbb{R}", block=True))
    assert math.tag == f"{SPACE}math"
    assert math.attrib == {"display": "block", "alttext": r"x_t \in \mathbb{R}"}
    assert texts(r"x_t \in \mathbb{R}", "mi") == ["x", "t", "ℝ"]
    assert texts(r"a < b", "mo") == ["<"]


def test_upright_letters_are_a_word() -> None:
    assert texts(r"\mathrm{softmax}(Q)", "mi") == ["softmax", "Q"]
    assert texts(r"\mathrm{d} x", "mtext") == ["d"]
    assert elements(r"\mathrm{LN} x", "mi")[0].attrib == {}


def test_functions_have_room_but_not_before_a_bracket() -> None:
    assert len(elements(r"N \log N", "mspace")) == 2
    assert len(elements(r"\log_2 N", "mspace")) == 1
    assert len(elements(r"\tanh(x)", "mspace")) == 0
    assert len(elements(r"N \, \log \, N", "mspace")) == 2


def test_signs_are_told_from_operators() -> None:
    def forms(latex: str) -> list[str | None]:
        return [one.get("form") for one in elements(latex, "mo") if one.text in {"−", "±"}]

    assert forms("a - 1") == [None]
    assert forms("a = -1") == ["prefix"]
    assert forms(r"a, \quad -1") == ["prefix"]
    assert forms("(a) - 1") == [None]
    assert texts(r"a \pm b", "mo") == ["±"]
    assert texts(r"-\infty", "mi") == ["∞"]
    assert texts(r"\lceil x \rceil", "mo") == ["⌈", "⌉"]


def test_lines_of_a_formula_are_rows_without_numbers_of_their_own() -> None:
    for latex in (
        r"\begin{align} a &= b \\ c &= d \end{align}",
        r"\begin{aligned} a &= b \\ c &= d \end{aligned}",
        r"a &= b \\ c &= d",
    ):
        assert len(elements(latex, "mtr")) == 2
        assert len(elements(latex, "mtd")) == 4


@pytest.mark.parametrize(
    ("latex", "reason"),
    [
        (r"\foo x", r"\\foo"),
        (r"\frac{1}{2", "braces"),
        (r"\frac{1}", "part of an mfrac is missing"),
        ("x_", "no formula"),
        ("a & b", "&"),
        (r"\mathbb{1}", "double-struck"),
    ],
)
def test_what_cannot_be_written_is_refused_with_its_reason(latex: str, reason: str) -> None:
    with pytest.raises(SiteError, match=reason):
        mathml(latex)


def build(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "conf.py").write_text(
        "extensions = ['myst_parser', 'deplib.site']\nhtml_theme = 'sphinx_book_theme'\n"
        "myst_enable_extensions = ['dollarmath', 'amsmath']\n"
        "root_doc = 'page'\nexclude_patterns = ['out']\n"
    )
    (folder / "page.md").write_text(text)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    return subprocess.run([*command, folder, folder / "out"], capture_output=True, text=True)


def test_a_page_shows_its_formulas_and_their_numbers(tmp_path: Path) -> None:
    run = build(tmp_path, "# T\n\n$x_t$ as in {eq}`one`\n\n$$\na = b\n$$ (one)\n")
    assert run.returncode == 0, run.stderr
    page = (tmp_path / "out" / "page.html").read_text()
    assert page.count("<math ") == 2
    assert 'id="equation-one"' in page
    assert '<span class="eqno">(1)' in page
    assert '<span class="badge-of-numbers" data-kind="no results">' in page
    assert "MathJax" not in page


def test_a_formula_that_is_none_fails_the_build_with_its_place(tmp_path: Path) -> None:
    run = build(tmp_path, "# T\n\nFine: $x$.\n\nNot: $\\foo$.\n")
    assert run.returncode != 0
    assert "page.md:5: WARNING" in run.stderr
    assert r"it does not know \foo" in run.stderr
