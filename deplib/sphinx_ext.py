"""The Sphinx extension of the book: formulas without a script, and a line below each figure.

Formulas become MathML when the book is built. Below a figure stands what it was drawn from, with
the drawing, its data and its origin to download, as `deplib.publish` wrote them.
"""

import json
import re
from html import escape, unescape
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

from deplib.publish import DOWNLOADS, FIGURES

PREFIX = "fig-"
"""How the names of figures begin."""
_log = logging.getLogger(__name__)


def mathml(latex: str, *, block: bool = False) -> str:
    """Return a formula as a ``math`` element.

    Raises
    ------
    ValueError
        Where the formula has a command that is not known, or does not close what it opens.
    """
    source = re.sub(r"\\(?:mathrm|operatorname)\{([^{}]*)\}", r"\\text{\1}", latex.strip())
    source = re.sub(r"(\\(?:begin|end))\{(?:align|aligned|split)\}", r"\1{align*}", source)
    if r"\\" in source and r"\begin" not in source:
        source = rf"\begin{{align*}}{source}\end{{align*}}"
    plain = re.sub(r"\\[\\{}]", "", source)
    try:
        written = convert(source, display="block" if block else "inline")
    except Exception as error:  # the library raises what its parser happens to meet
        raise ValueError(f"{latex!r} is no formula: {error!r}") from error
    unknown = re.search(r">(\\\w+)<", unescape(written))
    if unknown or plain.count("{") != plain.count("}"):
        what = f"it does not know {unknown[1]}" if unknown else "its braces do not match"
        raise ValueError(f"{latex!r} cannot be written as MathML: {what}")
    return written


def visit_math(self: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    """Write a formula, in its line or on one of its own; a warning names one that fails."""
    block = isinstance(node, nodes.math_block)
    try:
        written = mathml(node.astext(), block=block)
    except ValueError as error:
        _log.warning("%s", error, location=node)
        written = f"<code>{escape(node.astext())}</code>"
    self.body.append(f'<div class="math">{written}</div>\n' if block else written)
    raise nodes.SkipNode


class OriginLines(SphinxTransform):
    """Add a line to every figure that a cell shows."""

    default_priority = 800  # after the outputs of cells have become figures

    def apply(self, **_: Any) -> None:
        """Add the lines; a figure without its files is a warning, so that the build fails."""
        for figure in list(self.document.findall(nodes.figure)):
            name = next((one for one in figure["ids"] if one.startswith(PREFIX)), "")
            inside = figure.findall(nodes.container)
            if not name or not any(one.get("nb_element") for one in inside):
                continue
            path = Path(self.env.srcdir) / FIGURES / f"{name.removeprefix(PREFIX)}.json"
            self.env.note_dependency(str(path))
            if path.is_file():
                origin = json.loads(path.read_text(encoding="utf-8"))
                line = nodes.paragraph("", "", *_line(origin), classes=["origin"])
                figure += nodes.legend("", line)
            else:
                why = "figure %s has no %s: run `deplib publish`"
                _log.warning(why, name, path.name, location=figure)


def _line(origin: dict[str, Any]) -> list[nodes.Node]:
    made = f"Cell {origin['cell']} of {origin['chapter']}, code {origin['code'][:8]}"
    found: list[nodes.Node] = [nodes.Text(f"{origin['origin'].rstrip('.')}. {made}: ")]
    for number, (kind, label) in enumerate(DOWNLOADS.items()):
        target = f"/{FIGURES}/{origin['figure']}.{kind}"
        link = addnodes.download_reference("", "", reftarget=target, refdoc="", refexplicit=True)
        link += nodes.Text(label)
        found += [nodes.Text(", " if number else ""), link]
    return found


def lighten(app: Sphinx, failed: Exception | None) -> None:
    """Leave the icons to the style sheet, for the script that draws them again weighs 1.5 MB.

    Also drop thebe, which would ask the web for a kernel that no page offers, and the roles of the
    list of references, which their standard has given up.
    """
    heavy = re.compile(
        r"<script[^>]*fontawesome[^>]*></script>|<link[^>]*preload[^>]*fontawesome[^>]*>"
        r"|<link[^>]*thebe[^>]*>|<script[^>]*(>const THEBE_|thebe)[^<]*</script>"
        r'|(?<=<div) role="list"(?= class="citation-list")| role="doc-biblioentry"'
    )
    for page in Path(app.outdir).rglob("*.html") if app.builder.format == "html" else ():
        text = page.read_text(encoding="utf-8")
        if heavy.search(text):
            page.write_text(heavy.sub("", text), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to Sphinx; the renderer is the only one besides its own, so it is the chosen one."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))
    app.add_transform(OriginLines)
    app.connect("build-finished", lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
