"""Formulas of the pages: written as MathML when the book is built, or the build fails."""

from html import escape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

from deplib.errors import SiteError
from deplib.site.mathml import mathml

_log = logging.getLogger(__name__)


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula of a line."""
    self.body.append(_written(node, block=False))
    raise nodes.SkipNode


def visit_displaymath(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula of its own, with its number if it has one; a wide one can be scrolled."""
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    formula = _written(node, block=True)
    self.body.append(f'<div class="scrolls" role="group" aria-label="Formula">{formula}</div>')
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Register the renderer, the only one besides Sphinx's own, which makes it the chosen one."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))


def _written(node: nodes.math | nodes.math_block, *, block: bool) -> str:
    try:
        return mathml(node.astext(), block=block)
    except SiteError as error:
        _log.warning("%s", error, location=node)
        return f"<code>{escape(node.astext())}</code>"
