"""Pages between template and file: each passes through a few hands that mend it.

Sphinx lets a project name its own loader of templates; this one is Sphinx's, and what it renders
is parsed, mended and written out again. So the theme's templates are used as they are.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.config import Config
from sphinx.jinja2glue import BuiltinTemplateLoader
from sphinx.theming import Theme

from deplib.site import badge, furniture, pictures, tables

BRIDGE = f"{__name__}.MendedPages"


class MendedPages(BuiltinTemplateLoader):
    """Sphinx's templates, mended once they are rendered."""

    def init(
        self, builder: Builder, theme: Theme | None = None, dirs: list[str] | None = None
    ) -> None:
        """Take the builder, which knows where the pictures of a page lie."""
        super().init(builder, theme, dirs)
        self._builder = builder

    def render(self, template: str, context: dict[str, Any]) -> str:  # type: ignore[override]
        """Return the page that a template gives, mended; what is no page stays as it is."""
        text = super().render(template, context)
        return mended(text, self._pictures) if "<html" in text else text

    def _pictures(self, name: str) -> Path | None:
        """Return the file behind a name in ``_images``."""
        for source, written in self._builder.images.items():
            if written == name:
                return Path(self._builder.srcdir) / source
        return None


def mended(text: str, picture: Callable[[str], Path | None]) -> str:
    """Return a page after all hands.

    Parameters
    ----------
    text : str
        The page.
    picture : callable
        Gives the file of a picture by its name in ``_images``, or None.
    """
    page = BeautifulSoup(text, "html.parser")
    furniture.mend(page)
    tables.mend(page)
    pictures.mend(page, picture)
    badge.mend(page)
    return str(page)


def choose(app: Sphinx, config: Config) -> None:
    """Make this the loader of templates."""
    config.template_bridge = BRIDGE


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("config-inited", choose)
