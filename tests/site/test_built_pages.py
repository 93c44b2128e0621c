"""The built pages as files: badges, links, downloads, buttons; no browser."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup, Tag
from pages_of_book import GENERATED, ROOT, Site

from deplib import REPOSITORY
from deplib.publish import chapters

pytestmark = pytest.mark.slow
KINDS = {"simulated cohort", "AVEC2014", "published figures", "measured code", "no results"}
LOADED = "script[src], img[src], link[href], source[src], source[srcset], iframe, object, video"


@cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path: Path) -> frozenset[str]:
    return frozenset(str(one["id"]) for one in parsed(path).select("[id]"))


def pages(site: Site) -> Iterator[tuple[str, BeautifulSoup]]:
    for name in site.pages:
        yield name, parsed(site.folder / f"{name}.html")


def test_an_address_can_be_copied_as_it_is_shown(site: Site) -> None:
    shown = parsed(site.folder / "citing.html").select_one("blockquote a")
    assert shown is not None
    assert shown.get_text() == shown["href"] == REPOSITORY


def addresses(page: BeautifulSoup) -> Iterator[tuple[Tag, str]]:
    """Give all addresses of a page, with the element that has them."""
    for element in page.select("[href], [src], [srcset]"):
        for attribute in ("href", "src"):
            if element.has_attr(attribute):
                yield element, str(element[attribute])
        for part in str(element.get("srcset", "")).split(","):
            if part.strip():
                yield element, part.split()[0]


def test_every_page_has_the_badge_of_its_own_notes(site: Site) -> None:
    for name, page in pages(site):
        shown = [one.get_text() for one in page.select(".badge-of-numbers")]
        notes = [str(note["data-numbers"]) for note in page.select("[role=note][data-numbers]")]
        assert shown == (list(dict.fromkeys(notes)) or ["no results"]), name
        assert set(shown) <= KINDS, name
    of_chapters = {chapter.name for chapter in chapters(ROOT)}
    badges = {
        one.get_text()
        for name, page in pages(site)
        if name in of_chapters
        for one in page.select(".badge-of-numbers")
    }
    assert "simulated cohort" in badges


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


def test_pages_load_nothing_by_an_address_of_the_web(site: Site) -> None:
    faults = [
        f"{name}: {one}"
        for name, page in pages(site)
        for one in page.select(LOADED)
        for attribute in ("src", "srcset", "href", "data")
        if urlsplit(str(one.get(attribute, ""))).netloc
    ]
    assert not faults, "\n".join(faults)


def test_the_buttons_of_chapters_open_the_right_notebook(site: Site) -> None:
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    branch, folder = config["repository"]["branch"], config["repository"]["path_to_book"]
    owner = REPOSITORY.removeprefix("https://github.com/")
    buttons = config["launch_buttons"]
    for chapter in chapters(ROOT):
        page = parsed(site.folder / f"{chapter.name}.html")
        notebook = f"{folder}/{chapter.name}.ipynb"
        assert (ROOT / notebook).is_file()
        links = {str(link["href"]) for link in page.select(".dropdown-launch-buttons a")}
        assert links == {
            f"{buttons['colab_url']}/github/{owner}/blob/{branch}/{notebook}",
            f"{buttons['binderhub_url']}/v2/gh/{owner}/{branch}?urlpath=lab/tree/{notebook}",
        }, chapter.name
        source = page.select_one("a.btn-source-repository-button")
        assert source is not None
        assert source["href"] == REPOSITORY


def test_no_page_names_a_folder_or_an_address_in_memory_of_what_built_it(site: Site) -> None:
    folders = {str(ROOT), str(site.folder.parents[2])}
    of_machine = re.compile(f"(?:{'|'.join(map(re.escape, folders))})/|at 0x[0-9a-f]{{6,}}")
    faults = [
        f"{name}: {found[0]}"
        for name in site.pages
        for found in of_machine.finditer((site.folder / f"{name}.html").read_text("utf-8"))
    ]
    assert not faults, "\n".join(faults)


def test_formulas_are_there_without_a_script(site: Site) -> None:
    formulas = 0
    for name, page in pages(site):
        assert "mathjax" not in " ".join(str(one) for one in page.select("script")).lower(), name
        for one in page.select(".math"):
            assert one.name == "math" or one.select_one("math"), f"{name}: {one.get_text()}"
        formulas += len(page.select("math"))
    assert formulas > 50


def test_pictures_keep_their_place_and_say_what_they_show(site: Site) -> None:
    for name, page in pages(site):
        for image in page.select("article img"):
            assert image.get("alt"), f"{name}: {image['src']}"
            assert image.get("loading") == "lazy", f"{name}: {image['src']}"
            assert image.has_attr("width"), f"{name}: {image['src']}"
            assert image.has_attr("height"), f"{name}: {image['src']}"
            assert image.find_parent("figure") is None or image.find_parent(class_="scrolls")


def test_long_tables_can_be_sorted_and_heads_have_a_scope(site: Site) -> None:
    long = 0
    for name, page in pages(site):
        for table in page.select("article .cell_output table"):
            assert all(head.has_attr("scope") for head in table.select("th")), name
            rows = len(table.select("tbody > tr"))
            heads = table.select("thead tr:only-child th")
            if rows > 8 and not table.select("[colspan], [rowspan]"):
                assert all(head.select_one("button") for head in heads), name
                long += 1
            else:
                assert not table.select("button"), name
    assert long > 5
    assert set(GENERATED) <= set(site.pages)
