"""Tables of the pages: heads with a scope, wide ones scroll, long ones can be sorted.

A cell such as ``+0.44 (-0.21 to +1.08)`` is sorted by its leading number, which is written beside
it here; the script in ``book/_static/vendor`` does the rest in the browser.
"""

import re

from bs4 import BeautifulSoup, Tag

from deplib.site.scrolling import scrolls

LONG = 8
"""Tables of more rows than this can be sorted."""
_LEADING = re.compile(
    r"[<>≤≥~≈±]?\s*([+\-−]?\d[\d,]*(?:\.\d+)?)\s?([kKMG](?![A-Za-z]))?(?![A-Za-z\d])"
)
_UNITS = {None: 0, "k": 3, "K": 3, "M": 6, "G": 9}


def leading_number(text: str) -> str:
    """Return the number that a cell begins with, as code reads it, or nothing.

    Examples
    --------
    >>> leading_number("+0.44 (-0.21 to +1.08)"), leading_number("131K"), leading_number("1,200")
    ('0.44', '131e3', '1200')
    >>> leading_number("undefined"), leading_number("2D pose"), leading_number("2026-07-27")
    ('', '', '')
    """
    match = _LEADING.match(text.strip())
    if match is None or re.match(r"-\d", text.strip()[match.end() :]):  # a date is no number
        return ""
    digits, unit = match.groups()
    number = digits.replace(",", "").replace("−", "-").lstrip("+")
    return f"{number}e{_UNITS[unit]}" if unit else number


def mend(page: BeautifulSoup) -> None:
    """Mend all tables of a page's text."""
    for table in page.select("article table"):
        if table.find_parent("table") is None and not table.select_one("pre"):
            _scopes(page, table)
            if _is_long(table):
                _sortable(page, table)
            scrolls(page, table, "Table")


def _scopes(page: BeautifulSoup, table: Tag) -> None:
    for head in table.select("thead th"):
        if head.get_text(strip=True):
            head["scope"] = "colgroup" if head.has_attr("colspan") else "col"
        else:
            head.name = "td"  # an empty head is the head of nothing
    for head in table.select("tbody th"):
        head["scope"] = "row"


def _is_long(table: Tag) -> bool:
    plain = not table.select("[colspan], [rowspan]") and len(table.select("thead > tr")) == 1
    return plain and len(table.select("tbody > tr")) > LONG


def _sortable(page: BeautifulSoup, table: Tag) -> None:
    table["class"] = " ".join([*table.get_attribute_list("class"), "sortable", "asc", "n-last"])
    for head in table.select("thead th"):
        for paragraph in head.select("p"):
            paragraph.unwrap()  # which a button must not hold
        button = page.new_tag("button", attrs={"type": "button"})
        button.extend(list(head.contents))
        head.append(button)
    rows = [row.find_all(["td", "th"], recursive=False) for row in table.select("tbody > tr")]
    for column in zip(*rows, strict=False):
        texts = [cell.get_text(" ", strip=True) for cell in column]
        numbers = [leading_number(text) for text in texts]
        if sum(map(bool, numbers)) * 2 >= len(numbers):  # what is none comes last
            for cell, number in zip(column, numbers, strict=True):
                cell["data-sort"] = number
