"""What the theme brings to every page, mended where it is heavy, invalid or not for all readers."""

from bs4 import BeautifulSoup


def mend(page: BeautifulSoup) -> None:
    """Mend head, bars, hidden cells and the list of references."""
    _icons(page)
    _head(page)
    _hidden_cells(page)
    _branches(page)
    _fields(page)
    _references(page)
    _search(page)
    _toggles(page)


def _icons(page: BeautifulSoup) -> None:
    """Leave the icons to the style sheet: the script that draws them again is 1.5 MB."""
    for one in page.select('script[src*="fontawesome"], link[rel=preload][href*="fontawesome"]'):
        one.decompose()
    for mark in page.select("i.fab"):  # a font of 118 kB for a single mark
        mark["class"] = "fa-solid fa-code-branch"


def _head(page: BeautifulSoup) -> None:
    for again in page.select('meta[name="viewport"]')[1:]:
        again.decompose()


def _hidden_cells(page: BeautifulSoup) -> None:
    """Let summaries hold words, not paragraphs, and be named by them."""
    for summary in page.select("details.hide > summary"):
        del summary["aria-label"]
        for text in summary.select("p"):
            text.name = "span"


def _branches(page: BeautifulSoup) -> None:
    """Name what opens a branch of the table of contents, which is a mere arrow."""
    for branch in page.select("li.has-children:has(> a, > p)"):
        name = branch.select_one("a, p")
        for summary in branch.select(":scope > details > summary"):
            if name is not None:
                summary["aria-label"] = f"Pages of {name.get_text(strip=True)}"


def _fields(page: BeautifulSoup) -> None:
    """Take lists out of paragraphs: Sphinx writes them there for functions that return several."""
    for paragraph in page.select("dd.field-odd > p:has(> ul), dd.field-even > p:has(> ul)"):
        paragraph.unwrap()


def _references(page: BeautifulSoup) -> None:
    """Let the list hold items: the role of bibliography entries was given up by its standard."""
    for entry in page.select('[role="list"] > [role="doc-biblioentry"]'):
        entry["role"] = "listitem"


def _search(page: BeautifulSoup) -> None:
    """Tell the two search fields of the search page apart."""
    for again in page.select("#search-input")[1:]:
        again["id"] = "search-input-of-page"


def _toggles(page: BeautifulSoup) -> None:
    """Name what opens a list of pages in the bar after the page that the list belongs to."""
    for summary in page.select("summary:has(.toctree-toggle)"):
        item = summary.find_parent("li")
        link = item.find("a") if item else None
        summary["aria-label"] = f"Pages below {link.get_text(strip=True)}" if link else "Pages"
