"""The single page: every link within the report leads to a place on it."""

import re
from pathlib import Path

import pytest
from sphinx.errors import ExtensionError

from deplib.site import single_page

HEAD = '<head><link rel="stylesheet" href="_static/a.css"><script src="x.js"></script></head>'
FIRST = """<article><h1 id="top">One</h1><a class="headerlink" href="#top">#</a>
<a href="two.html#part">part</a> <a href="#top">top</a> <a href="api/x.html#y">api</a>
<a href="https://example.org/">out</a> <label for="box">l</label><input id="box">
<img src="_images/a.svg" alt="a"><button>copy</button></article>"""
SECOND = '<article><h1>Two</h1><p id="part">p</p><a href="one.html">first</a></article>'
TITLES = {"one": "One", "two": "Two"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, article in (("one", FIRST), ("two", SECOND)):
        (tmp_path / f"{name}.html").write_text(f"<html>{HEAD}<body>{article}</body></html>")
    return tmp_path


def test_links_between_pages_become_links_on_the_page(folder: Path) -> None:
    text = single_page.join(folder, TITLES)
    links = re.findall(r'<a href="([^"]+)"', text)
    assert links == [
        "#page-one",
        "#page-two",
        "#page-two--part",
        "#page-one--top",
        "../api/x.html#y",
        "https://example.org/",
        "#page-one",
    ]
    anchors = re.findall(r'\sid="([^"]+)"', text)
    assert len(anchors) == len(set(anchors))


def test_nothing_runs_on_it_and_pictures_wait(folder: Path) -> None:
    text = single_page.join(folder, TITLES)
    assert "<script" not in text
    assert "<button" not in text
    assert "headerlink" not in text
    assert re.search(r'<img[^>]*loading="lazy"[^>]*src="../_images/a.svg"', text) or re.search(
        r'<img[^>]*src="../_images/a.svg"[^>]*loading="lazy"', text
    )
    assert 'href="../_static/a.css"' in text
    assert 'for="page-one--box"' in text


def test_a_link_that_leads_nowhere_fails_the_build(folder: Path) -> None:
    page = folder / "two.html"
    page.write_text(page.read_text().replace('id="part"', 'id="gone"'))
    with pytest.raises(ExtensionError, match="page-two--part"):
        single_page.join(folder, TITLES)


def test_a_page_without_an_article_is_named(folder: Path) -> None:
    (folder / "two.html").write_text("<html></html>")
    with pytest.raises(ExtensionError, match="two"):
        single_page.join(folder, TITLES)
