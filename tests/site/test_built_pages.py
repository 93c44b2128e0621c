"""The built pages as files: links, downloads, buttons, formulas; no browser."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from browsing import ROOT, Site
from bs4 import BeautifulSoup, Tag

from deplib.publish import chapters

pytestmark = pytest.mark.slow
LOADED = "script[src], img[src], link[href], source[src], iframe, object, video"


@cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path: Path) -> frozenset[str]:
    return frozenset(str(one["id"]) for one in parsed(path).select("[id]"))


def pages(site: Site) -> Iterator[tuple[str, BeautifulSoup]]:
    for name in site.pages:
        yield name, parsed(site.folder / f"{name}.html")


def addresses(page: BeautifulSoup) -> Iterator[tuple[Tag, str]]:
    """Give all addresses of a page, with the element that has them."""
    for element in page.select("[href], [src]"):
        for attribute in ("href", "src"):
            if element.has_attr(attribute):
                yield element, str(element[attribute])


def test_all_links_pictures_and_downloads_lead_somewhere(site: Site) -> None:
    faults, seen = [], 0
    for name, page in pages(site):
        here = site.folder / f"{name}.html"
        for element, address in addresses(page):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            seen += 1
            target = (here.parent / unquote(parts.path)).resolve() if parts.path else here
            if not target.is_file():
                faults.append(f"{name}: <{element.name}> leads to {address}: no such file")
            elif parts.fragment and unquote(parts.fragment) not in anchors(target):
                faults.append(f"{name}: <{element.name}> leads to {address}: no such place")
    assert not faults, "\n".join(faults)
    assert seen > 100


def test_pages_load_nothing_heavy_and_nothing_from_the_web(site: Site) -> None:
    for name, page in pages(site):
        for one in page.select(LOADED):
            address = str(one.get("src") or one.get("href") or one.get("data"))
            assert not urlsplit(address).netloc, f"{name}: {one}"
            assert not (one.name == "script" and "fontawesome" in address), name
        assert "mathjax" not in str(page.select("script")).lower(), name
    assert any(page.select("article math msup") for _, page in pages(site))


def test_every_figure_has_words_and_its_line_of_origin(site: Site) -> None:
    figures = 0
    for name, page in pages(site):
        for figure in page.select("article figure:has(img)"):
            assert figure.select_one("img")["alt"], name  # type: ignore[index]
            line = figure.select_one("p.origin")
            assert line is not None, name
            assert re.search(r"\. Cell \d+ of \w+, code [0-9a-f]{8}: ", line.text), name
            kinds = {Path(str(link["href"])).suffix for link in line.select("a[download]")}
            assert kinds == {".svg", ".csv", ".json"}, name
            figures += 1
    assert figures > 20


def test_the_buttons_of_chapters_open_the_right_notebook(site: Site) -> None:
    config = yaml.safe_load((ROOT / "book" / "_config.yml").read_text())
    branch, buttons = config["repository"]["branch"], config["launch_buttons"]
    owner = config["repository"]["url"].removeprefix("https://github.com/")
    for chapter in chapters(ROOT):
        page = parsed(site.folder / f"{chapter.name}.html")
        notebook = f"book/{chapter.name}.ipynb"
        links = {str(link["href"]) for link in page.select(".dropdown-launch-buttons a")}
        assert links == {
            f"{buttons['colab_url']}/github/{owner}/blob/{branch}/{notebook}",
            f"{buttons['binderhub_url']}/v2/gh/{owner}/{branch}?urlpath=lab/tree/{notebook}",
        }, chapter.name


def test_no_page_names_a_folder_or_an_address_in_memory_of_what_built_it(site: Site) -> None:
    folders = {str(ROOT), str(site.folder.parents[2])}
    of_machine = re.compile(f"(?:{'|'.join(map(re.escape, folders))})/|at 0x[0-9a-f]{{6,}}")
    faults = [
        f"{name}: {found[0]}"
        for name in site.pages
        for found in of_machine.finditer((site.folder / f"{name}.html").read_text("utf-8"))
    ]
    assert not faults, "\n".join(faults)


def test_the_reference_names_every_room(site: Site) -> None:
    rooms = {path.stem for path in (ROOT / "deplib").iterdir() if path.suffix in ("", ".py")}
    hidden = {one for one in rooms if one.startswith(("_", "."))}
    text = "".join(path.read_text("utf-8") for path in (ROOT / "book").glob("reference_*.md"))
    named = set(re.findall(r"automodule:: deplib\.(\w+)", text))
    assert rooms - hidden - {"cli", "sphinx_ext"} == named


def test_the_citation_says_what_its_file_says() -> None:
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    for file in ("book/citing.md", "README.md"):
        text = " ".join((ROOT / file).read_text(encoding="utf-8").replace("\n> ", " ").split())
        assert cff["title"].partition("?")[0] in text, file
    citing = (ROOT / "book" / "citing.md").read_text(encoding="utf-8")
    for part in (cff["repository-code"], str(cff["version"]), str(cff["date-released"])):
        assert part in citing
