"""What autodoc is told for the pages of the reference, which only this book has."""

import sys
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx


def skip_strangers(app: Sphinx, what: str, name: str, obj: object, *_: Any) -> bool | None:
    """Leave out of a room's reference what it only imports from elsewhere."""
    room = app.env.temp_data.get("autodoc:module", "")
    module = getattr(obj, "__module__", None)
    return True if what == "module" and module and not module.startswith(room) else None


def without_type(app: Sphinx, what: str, *others: Any) -> None:
    """Keep napoleon from taking what stands before a colon in a constant's text for its type."""
    if what in {"attribute", "data", "property"}:
        others[-1][:0] = ["..", ""]  # the docstring's lines; a comment has no colon


def look_in_room(
    app: Sphinx, env: Any, node: addnodes.pending_xref, text: nodes.TextElement
) -> nodes.Element | None:
    """Find in its room's reference what a signature names by the module that defines it.

    What exists and is not public keeps its name, without a link.
    """
    module, _, name = node.get("reftarget", "").rpartition(".")
    if not hasattr(sys.modules.get(module), name) or not module.startswith("deplib."):
        return None
    place = node.get("refdoc", ""), app.builder, node["reftype"]
    target = f"{module.rpartition('.')[0]}.{name}"
    return env.get_domain("py").resolve_xref(env, *place, target, node, text) or text


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the events of autodoc."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-skip-member", skip_strangers)
    app.connect("autodoc-process-docstring", without_type, priority=400)  # before napoleon
    app.connect("missing-reference", look_in_room)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
