"""The Sphinx extension of the book: pages that need nothing from outside and that all can read."""

import gc
from typing import Any

from sphinx.application import Sphinx

from deplib.site import blocks, figures, maths, reference, rendered, single_page

ALLOCATIONS = 200_000
"""Objects between two searches for garbage."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up the parts, one module a job."""
    for part in (blocks, figures, maths, reference, rendered, single_page):
        part.setup(app)
    # A build makes millions of nodes that live to its end: to look for garbage among them after
    # every 700, as Python does, takes an eighth of its time.
    gc.set_threshold(ALLOCATIONS)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
