"""What autodoc and the search are told for the pages of the reference, which only this book has."""

import re
import sys
from pathlib import Path
from typing import Any

import typer
from docutils import nodes
from numpy.typing import ArrayLike
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.typing import stringify_annotation
from typer.cli import get_docs_for_click

from deplib.cli import app as verbs

ARRAY = stringify_annotation(ArrayLike, "smart")


def write_verbs(app: Sphinx, name: str, source: list[str]) -> None:
    """Add to the page of the command line what each verb's help says."""
    if name == "reference_commands":
        group = typer.main.get_command(verbs)
        told = get_docs_for_click(obj=group, ctx=typer.Context(group), name="deplib")
        source[0] += told[told.index("## `") :]  # below its title and a list of verbs


def skip_strangers(app: Sphinx, what: str, name: str, obj: object, *_: Any) -> bool | None:
    """Leave out of a room's reference what it only imports from elsewhere."""
    room = app.env.temp_data.get("autodoc:module", "")
    module = getattr(obj, "__module__", None)
    return True if what == "module" and module and not module.startswith(room) else None


def as_meant(app: Sphinx, what: str, *others: Any) -> None:
    """Show a module's formulas as they were typed.

    Also keep napoleon from taking what stands before a colon in a constant's text for its type.
    """
    lines = others[-1]  # of the docstring
    if what in {"attribute", "data", "property"}:
        lines[:0] = ["..", ""]  # a comment has no colon
    elif what == "module":
        text = re.sub(r"(?<!::)\n\n(?= {4})", "\n\n::\n\n", "\n".join(lines))
        lines[:] = text.splitlines()


def short(app: Sphinx, what: str, name: str, obj: object, options: Any, *said: Any) -> Any:
    """Name numpy's type of arrays, which has five lines, and make values that are made Python."""
    parts = [one and one.replace(ARRAY, "numpy.typing.ArrayLike") for one in said]
    return parts[0] and parts[0].replace("<factory>", "..."), parts[1]


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


def no_lists(app: Sphinx, failed: Exception | None) -> None:
    """Tell screen readers that the parameters of a long signature are no list of definitions."""
    for page in Path(app.outdir).glob("reference_*.html"):
        text = page.read_text(encoding="utf-8")
        text = re.sub(r'<dl>(?=\s*<dd><em class="sig-param)', '<dl role="presentation">', text)
        page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the events of autodoc, and name the order of what a search finds."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-skip-member", skip_strangers)
    app.connect("autodoc-process-signature", short)
    app.connect("autodoc-process-docstring", as_meant, priority=400)  # before napoleon
    app.connect("missing-reference", look_in_room)
    app.connect("build-finished", no_lists)
    app.config.html_search_scorer = str(Path(__file__).with_name("scorer.js"))
    app.connect("source-read", write_verbs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
