"""The Sphinx extension of the book: pages that need nothing from outside and that all can read."""

from typing import Any

from sphinx.application import Sphinx

from deplib.site import blocks, figures, maths, reference, rendered, single_page


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up the parts, one module a job."""
    for part in (blocks, figures, maths, reference, rendered, single_page):
        part.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
