"""Every page before axe: nothing serious and nothing critical, with hidden cells open."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from pages_of_book import NARROW, WIDE, Site, visit
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
GRAVE = {"serious", "critical"}
SHARES = 4
"""Parts of the book that are looked at on their own: the slowest test here is spread over cores."""
OPEN = "() => document.querySelectorAll('details').forEach(one => { one.open = true; })"
THIN = """() => {
    // The contrast of a row, an entry or a token depends on its kind and its place in a stripe:
    // looking at four of each kind in each place finds as much as looking at thousands.
    const many = new Set(["TR", "LI", "DL", "DT", "DD", "SPAN", "A"]);
    for (const parent of document.querySelectorAll("article *")) {
        const seen = {};
        for (const child of [...parent.children]) {
            const kind = child.tagName + child.className;
            seen[kind] = (seen[kind] || 0) + 1;
            if (many.has(child.tagName) && seen[kind] > 4) child.remove();
        }
    }
}"""


def violations(page: Page, rules: dict[str, object]) -> list[dict[str, Any]]:
    result = Axe().run(page, options={"resultTypes": ["violations"], **rules}).response
    assert result["passes"]
    return [fault for fault in result["violations"] if fault["impact"] in GRAVE]


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize(("mode", "width"), [("light", WIDE), ("dark", NARROW)])
def test_axe_finds_nothing_grave(
    browser: Browser, site: Site, mode: str, width: int, share: int
) -> None:
    faults = []
    pages = site.pages[share::SHARES]
    assert pages
    for name in pages:
        with visit(browser, site, name, mode=mode, width=width) as one:
            one.page.evaluate(OPEN)
            found = violations(one.page, {"rules": {"color-contrast": {"enabled": False}}})
            one.page.evaluate(THIN)
            found += violations(one.page, {"runOnly": ["color-contrast"]})
        faults += [
            f"{name}: {fault['id']} ({fault['impact']}) at {node['target']}: {node['html']}"
            for fault in found
            for node in fault["nodes"]
        ]
    assert not faults, "\n".join(faults)


def test_axe_finds_what_is_wrong(browser: Browser, site: Site) -> None:
    with visit(browser, site, "index", mode="light", width=WIDE) as one:
        one.page.evaluate("document.querySelector('article img').removeAttribute('alt')")
        one.page.evaluate("document.querySelector('article p:not(.numbers)').style.color = '#ccc'")
        found = {fault["id"] for fault in violations(one.page, {})}
    assert {"image-alt", "color-contrast"} <= found
