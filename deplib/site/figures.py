"""Below each figure: what it was drawn from, and what of it can be downloaded."""

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from deplib.publishing.figures import FOLDER

PREFIX = "fig-"
"""How the names of figures begin."""
SHOWN = 8
"""Digits that are shown of a digest; the file of the origin holds all."""
DOWNLOADS = {"svg": "drawing (SVG)", "csv": "data (CSV)", "json": "origin (JSON)"}

_log = logging.getLogger(__name__)


class ProvenanceLines(SphinxTransform):
    """Add a line to every figure that a cell shows."""

    default_priority = 800  # after the outputs of cells have become figures

    def apply(self, **_: Any) -> None:
        """Add the lines; a figure without its files is a warning, so that the build fails."""
        for figure in list(self.document.findall(nodes.figure)):
            names = [one for one in figure["ids"] if one.startswith(PREFIX)]
            if not names or not any(
                one.get("nb_element")
                for one in figure.findall()
                if isinstance(one, nodes.container)
            ):
                continue
            name = names[0].removeprefix(PREFIX)
            path = Path(self.env.srcdir) / FOLDER / f"{name}.json"
            self.env.note_dependency(str(path))
            if not path.is_file():
                _log.warning(
                    "figure %s has no %s: run `deplib publish`",
                    names[0],
                    path.name,
                    location=figure,
                )
                continue
            origin = json.loads(path.read_text(encoding="utf-8"))
            line = nodes.paragraph("", "", *_line(origin), classes=["provenance"])
            figure += nodes.legend("", line)


def sentence(origin: dict[str, Any]) -> str:
    """Return an origin as a sentence."""
    results, seeds = origin["results"], origin["seeds"]
    parts = [
        f"Cell {origin['cell']} of {origin['chapter']}, deplib {origin['deplib']}, "
        f"code {origin['code'][:SHOWN]}",
        origin["cohort"],
        *([_seeds(seeds)] if seeds else []),
    ]
    if results:
        kind = "result" if len(results) == 1 else "results"
        parts.append(f"{len(results)} {kind}, key {origin['key'][:SHOWN]}")
    return "; ".join(parts) + "."


def setup(app: Sphinx) -> None:
    """Register the lines."""
    app.add_transform(ProvenanceLines)


def _line(origin: dict[str, Any]) -> list[nodes.Node]:
    found: list[nodes.Node] = [nodes.Text(sentence(origin) + " ")]
    for number, (kind, label) in enumerate(DOWNLOADS.items()):
        target = f"/{FOLDER}/{origin['figure']}.{kind}"
        link = addnodes.download_reference("", "", reftarget=target, refdoc="", refexplicit=True)
        link += nodes.Text(label)
        found += [nodes.Text(", " if number else ""), link]
    return found


def _seeds(seeds: list[int]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return "seeds " + ", ".join(map(str, seeds))
