"""The pages of a built book, served on this machine, and a visit to one in a browser."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, Request, ViewportSize

ROOT = Path(__file__).parents[2]
GENERATED = ("genindex", "search")
"""Pages that no text stands behind."""
WIDE, NARROW = 1280, 360
PATIENCE = 180_000
"""Milliseconds for a page to load: other tests may have the machine."""


@dataclass(frozen=True)
class Site:
    """A built book that is served."""

    folder: Path
    address: str
    pages: tuple[str, ...]


@dataclass
class Visit:
    """A page in a browser, and what it did there."""

    page: Page
    outside: list[str] = field(default_factory=list)  # addresses asked for beyond the book
    said: list[str] = field(default_factory=list)  # errors and warnings on the console


def documents(folder: Path) -> tuple[str, ...]:
    """Return the names of the pages of a built book: an old build may have left others."""
    text = (folder / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(re.sub(r"^Search\.setIndex\((.*)\)$", r"\1", text, flags=re.DOTALL))
    return (*index["docnames"], *GENERATED)


@contextmanager
def visit(browser: Browser, site: Site, name: str, *, mode: str, width: int) -> Iterator[Visit]:
    """Open a page as one who comes for the first time, and whose system is light or dark."""
    size = ViewportSize(width=width, height=900)
    context = browser.new_context(viewport=size, reduced_motion="reduce", color_scheme=mode)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE)
    seen = Visit(context.new_page())

    def asked(request: Request) -> None:
        if not request.url.startswith((site.address, "data:", "blob:")):
            seen.outside.append(request.url)

    seen.page.on("request", asked)
    seen.page.on("requestfailed", lambda one: seen.said.append(f"{one.url}: {one.failure}"))
    seen.page.on("pageerror", lambda error: seen.said.append(str(error)))
    seen.page.on(
        "console",
        lambda one: seen.said.append(one.text) if one.type in {"error", "warning"} else None,
    )
    seen.page.goto(f"{site.address}{name}.html")
    yield seen
    context.close()
