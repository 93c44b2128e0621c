"""Every page in a browser: light and dark, on a screen and on a phone, nothing from outside."""

import pytest
from pages_of_book import NARROW, WIDE, Site, visit
from playwright.sync_api import Browser

from deplib.figures.style import STYLE

pytestmark = pytest.mark.slow
FIRST_LOAD = 1_500_000
"""Bytes of a page and its assets before any scrolling, at most."""
LABELS = STYLE["font.size"] * STYLE["figure.dpi"] / 72
"""Pixels of a figure's labels as they are drawn."""
LEGIBLE = {WIDE: 9, NARROW: 10}
"""Pixels of a figure's labels as they are shown, at least."""
WIDER = "document.documentElement.scrollWidth - window.innerWidth"
SHOWN = """() => [...document.querySelectorAll("article img[width]")].filter(
    image => image.getBoundingClientRect().width > 0).map(image => {
    const box = image.getBoundingClientRect(), style = getComputedStyle(image);
    const across = box.width - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const down = box.height - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    return [across / image.getAttribute("width"), down / image.getAttribute("height"),
            image.closest("figure") !== null];
})"""
"""How far visible pictures are shrunk, across and down, and whether they are figures."""


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_pages_need_nothing_from_outside_and_fit(
    browser: Browser, site: Site, mode: str, width: int
) -> None:
    faults = []
    for name in site.pages:
        with visit(browser, site, name, mode=mode, width=width) as one:
            faults += [f"{name} asks for {address}" for address in one.outside]
            faults += [f"{name} says {text}" for text in one.said]
            if one.page.evaluate("document.documentElement.dataset.theme") != mode:
                faults.append(f"{name} is not {mode}")
            if (wider := one.page.evaluate(WIDER)) > 0:
                faults.append(f"{name} is {wider} px wider than the window")
            if not one.page.locator(".badge-of-numbers").first.is_visible():
                faults.append(f"{name} does not show whose numbers it holds")
            for across, down, figure in one.page.evaluate(SHOWN):
                if figure and across * LABELS < LEGIBLE[width]:
                    faults.append(f"{name} shrinks a figure until its labels are illegible")
                if abs(across / down - 1) > 0.02:
                    faults.append(f"{name} distorts a picture: {across:.2f} by {down:.2f}")
    assert not faults, "\n".join(faults)


def test_the_first_load_of_every_page_is_small(browser: Browser, site: Site) -> None:
    loads = {}
    for name in site.pages:
        with visit(browser, site, name, mode="light", width=WIDE, until="networkidle") as one:
            loads[name] = sum(one.weights.values())
    for name, load in sorted(loads.items(), key=lambda item: -item[1]):
        print(f"{load / 1e6:.2f} MB  {name}")
    assert max(loads.values()) < FIRST_LOAD, loads
    assert min(loads.values()) > 100_000  # what is measured is there


def test_long_tables_are_sorted_by_click_and_by_key(browser: Browser, site: Site) -> None:
    sorted_pages = 0
    for name in site.pages:
        if "data-sort=" not in (site.folder / f"{name}.html").read_text(encoding="utf-8"):
            continue
        with visit(browser, site, name, mode="light", width=WIDE) as one:
            table = one.page.locator("table.sortable:has(td[data-sort])").first
            column = table.evaluate(
                "t => [...t.tBodies[0].rows[0].cells].findIndex(c => c.dataset.sort !== undefined)"
            )
            head = table.locator("thead th").nth(column)
            before = _column(table, column)
            button = head.locator("button")
            button.click()
            _settled(head, "ascending")
            numbers = [float(value) for value in _column(table, column) if value]
            assert numbers == sorted(numbers), name
            assert _column(table, column)[len(numbers) :] == [""] * before.count("")
            button.focus()
            one.page.keyboard.press("Enter")
            _settled(head, "descending")
            numbers = [float(value) for value in _column(table, column) if value]
            assert numbers == sorted(numbers, reverse=True), name
            assert sorted(_column(table, column)) == sorted(before)
        sorted_pages += 1
    assert sorted_pages


def test_what_scrolls_can_be_reached_with_the_keyboard(browser: Browser, site: Site) -> None:
    reached = 0
    for name in site.pages:
        with visit(browser, site, name, mode="light", width=NARROW) as one:
            for place in one.page.locator(".scrolls:visible").all()[:3]:
                wide = place.evaluate("e => e.scrollWidth > e.clientWidth")
                assert (place.get_attribute("tabindex") == "0") == wide, name
                if wide:
                    place.focus()
                    one.page.keyboard.press("ArrowRight")
                    one.page.wait_for_function("() => document.activeElement.scrollLeft > 0")
                    reached += 1
        if reached >= 3:
            return
    assert reached


def _column(table: object, column: int) -> list[str]:
    script = "(t, c) => [...t.tBodies[0].rows].map(row => row.cells[c].dataset.sort)"
    return table.evaluate(script, column)  # type: ignore[attr-defined]


def _settled(head: object, direction: str) -> None:
    """Wait until a head says so, and for the sorting that follows in the next moment."""
    head.evaluate(  # type: ignore[attr-defined]
        """(head, direction) => new Promise(done => {
            const table = head.closest("table");
            const look = () => head.getAttribute("aria-sort") === direction
                ? setTimeout(done, 50) : setTimeout(look, 10);
            look();
        })""",
        direction,
    )
