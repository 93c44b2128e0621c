"""What may be wider than a page: put where it scrolls by itself, so that the page never does.

``report.js`` lets the keyboard reach such a place while there is something to scroll.
"""

from bs4 import BeautifulSoup, Tag


def scrolls(page: BeautifulSoup, element: Tag, what: str) -> None:
    """Wrap an element in a place that scrolls sideways, named for screen readers."""
    place = page.new_tag("div", attrs={"class": "scrolls", "role": "group", "aria-label": what})
    element.wrap(place)
