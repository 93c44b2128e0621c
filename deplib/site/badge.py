"""Under the title of every page: whose numbers it holds, as the page's own notes say."""

from bs4 import BeautifulSoup, Tag

NOTHING = "no results"
"""What a page says that has no note of `deplib.report`."""


def kinds(page: BeautifulSoup) -> list[str]:
    """Return whose numbers a page holds, in the order of its notes."""
    return list(dict.fromkeys(str(note["data-numbers"]) for note in page.select("[data-numbers]")))


def mend(page: BeautifulSoup) -> None:
    """Put the badges under the title."""
    title = page.select_one("article h1") or page.select_one("main .bd-article-container h1")
    if title is None:
        return
    line = page.new_tag("p", attrs={"class": "numbers"})
    line.append(_hidden(page, "Numbers on this page: "))
    for number, kind in enumerate(kinds(page) or [NOTHING]):
        if number:
            line.append(_hidden(page, ", "))
        attributes = {"class": "badge-of-numbers", "data-kind": kind}
        line.append(page.new_tag("span", string=kind, attrs=attributes))
    title.insert_after(line)


def _hidden(page: BeautifulSoup, text: str) -> Tag:
    return page.new_tag("span", string=text, attrs={"class": "visually-hidden"})
