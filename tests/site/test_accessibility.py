"""Every page before axe: nothing serious and nothing critical, with hidden cells open."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from pages_of_book import NARROW, WIDE, Site, visit
from playwright.sync_api import Browser

pytestmark = pytest.mark.slow
GRAVE = {"serious", "critical"}
OPEN_AND_THIN = """() => {
    for (const one of document.querySelectorAll("details")) one.open = true;
    // The contrast of a token depends on its class, that of a cell on its place in a stripe:
    // looking at one of each kind finds as much as looking at thousands.
    const seen = new Set();
    for (const token of document.querySelectorAll(".highlight span")) {
        if (seen.has(token.className)) token.replaceWith(...token.childNodes);
        seen.add(token.className);
    }
    for (const body of document.querySelectorAll("tbody"))
        for (const row of [...body.rows].slice(4)) row.remove();
}"""


@pytest.mark.parametrize(("mode", "width"), [("light", WIDE), ("dark", NARROW)])
def test_axe_finds_nothing_grave(browser: Browser, site: Site, mode: str, width: int) -> None:
    axe, faults = Axe(), []
    for name in site.pages:
        with visit(browser, site, name, mode=mode, width=width) as one:
            one.page.evaluate(OPEN_AND_THIN)
            result = axe.run(one.page, options={"resultTypes": ["violations"]}).response
            assert result["passes"], name
            faults += [
                f"{name}: {fault['id']} ({fault['impact']}) at {node['target']}: {node['html']}"
                for fault in result["violations"]
                if fault["impact"] in GRAVE
                for node in fault["nodes"]
            ]
    assert not faults, "\n".join(faults)


def test_axe_finds_what_is_wrong(browser: Browser, site: Site) -> None:
    with visit(browser, site, "index", mode="light", width=WIDE) as one:
        one.page.evaluate("document.querySelector('article img').removeAttribute('alt')")
        found = Axe().run(one.page, options={"resultTypes": ["violations"]}).response["violations"]
    assert ("image-alt", "critical") in {(fault["id"], fault["impact"]) for fault in found}
