"""Pages in a browser: light and dark, on a screen and on a phone, nothing from outside, axe."""

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import NARROW, WIDE, Site, visit
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
GRAVE = {"serious", "critical"}
LEGIBLE = 0.6
"""A figure's letters have 13 to 15 px as drawn: shrunk to less than this they are too small."""
WIDER = "document.documentElement.scrollWidth - window.innerWidth"
SHRUNK = """() => [...document.querySelectorAll("article figure img")].map(
    image => image.getBoundingClientRect().width / image.naturalWidth)"""
GROUND = """() => [...document.querySelectorAll("article figure img")].map(
    image => getComputedStyle(image).backgroundColor)"""
FREE = """() => {
    const typed = document.querySelector(".bd-search-container input");
    const [icon, box] = [typed.previousElementSibling, typed].map(a => a.getBoundingClientRect());
    return box.x + parseFloat(getComputedStyle(typed).paddingLeft) - icon.right;
}"""
"""Pixels between the magnifier and what is typed."""
THIN = """() => {
    // The contrast of a row, an entry or a token depends on its kind and its place in a stripe:
    // looking at four of each kind in each place finds as much as looking at thousands. Tokens of
    // code and entries of the reference have the same place wherever they are on a page.
    const many = new Set(["TR", "LI", "DL", "DT", "DD", "SPAN", "A"]), everywhere = {};
    for (const parent of document.querySelectorAll("article *")) {
        const here = {};
        for (const child of [...parent.children]) {
            const kind = [parent, child].map(one => one.tagName + one.className).join();
            const alike = child.tagName === "DL" || ["DT", "PRE"].includes(parent.tagName);
            const seen = alike ? everywhere : here;
            seen[kind] = (seen[kind] || 0) + 1;
            if (many.has(child.tagName) && seen[kind] > 4) child.remove();
        }
    }
}"""


def violations(page: Page) -> list[dict[str, Any]]:
    page.evaluate(THIN)
    result = Axe().run(page, options={"resultTypes": ["violations"]}).response
    assert result["passes"]
    return [fault for fault in result["violations"] if fault["impact"] in GRAVE]


@pytest.mark.parametrize(("mode", "width"), [("light", WIDE), ("dark", NARROW)])
def test_pages_need_nothing_from_outside_fit_and_are_accessible(
    browser: Browser, site: Site, mode: str, width: int
) -> None:
    """Every page in one scheme; every third before axe in the other, for the theme is one."""
    faults = []
    for number, name in enumerate(site.pages):
        with visit(browser, site, name, mode=mode, width=width) as one:
            faults += [f"{name} asks for {address}" for address in one.outside]
            faults += [f"{name} says {text}" for text in one.said]
            if one.page.evaluate("document.documentElement.dataset.theme") != mode:
                faults.append(f"{name} does not follow the reader's system, which is {mode}")
            if (wider := one.page.evaluate(WIDER)) > 0:
                faults.append(f"{name} is {wider} px wider than the window")
            if any(0 < shrunk < LEGIBLE for shrunk in one.page.evaluate(SHRUNK)):
                faults.append(f"{name} shrinks a figure until its labels are illegible")
            if any(ground != "rgba(0, 0, 0, 0)" for ground in one.page.evaluate(GROUND)):
                faults.append(f"{name} shows a figure on a ground of its own")
            if mode == "light" or number % 3 == 0:
                faults += [
                    f"{name}: {fault['id']} ({fault['impact']}) at {node['target']}: {node['html']}"
                    for fault in violations(one.page)
                    for node in fault["nodes"]
                ]
    assert not faults, "\n".join(faults)


def test_axe_finds_what_is_wrong(browser: Browser, site: Site) -> None:
    with visit(browser, site, "index", mode="light", width=WIDE) as one:
        one.page.evaluate("document.querySelector('article img').removeAttribute('alt')")
        one.page.evaluate("document.querySelector('article p').style.color = '#ccc'")
        found = {fault["id"] for fault in violations(one.page)}
    assert {"image-alt", "color-contrast"} <= found


def test_what_is_wider_than_a_phone_is_scrolled_with_the_keyboard(
    browser: Browser, site: Site
) -> None:
    with visit(browser, site, "index", mode="light", width=NARROW) as one:
        one.page.wait_for_selector("article pre[tabindex='0']").focus()
        one.page.keyboard.press("ArrowRight")
        one.page.wait_for_function("() => document.activeElement.scrollLeft > 0")


@pytest.mark.parametrize("words", ["LDBM", "bootstrap", "PCC", "mask"])
def test_a_search_finds_chapters_before_symbols_without_a_network(
    browser: Browser, site: Site, words: str
) -> None:
    with visit(browser, site, "search", mode="light", width=NARROW) as one:
        one.page.goto(f"{site.address}search.html?q={words}")
        one.page.wait_for_function("document.querySelector('.search-summary')?.innerText")
        links = one.page.locator("#search-results li > a").all()
        found = [str(link.get_attribute("href")) for link in links]
        symbols = ["#deplib" in link or "#module" in link for link in found]
        assert True in symbols
        assert symbols == sorted(symbols)
        assert re.match(r"index|\d\d_", found["#term-" in found[0]])
        assert one.page.evaluate(FREE) > 0
        assert not one.outside


def test_a_reader_of_dark_pages_is_shown_no_light_one_first(browser: Browser, site: Site) -> None:
    with visit(browser, site, "index", mode="dark", width=WIDE) as one:
        one.page.route("**/pydata-sphinx-theme.js*", lambda route: route.abort())
        one.page.evaluate("localStorage.clear()")
        one.page.reload(wait_until="domcontentloaded")
        assert one.page.evaluate("document.documentElement.dataset.theme") == "dark"
