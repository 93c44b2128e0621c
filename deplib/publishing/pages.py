"""Pages: executed notebooks in a form that depends on nothing but sources and results.

Two executions of the same sources give the same bytes. So a page holds the text as it was read
from ``notebooks/``, and of the execution only its outputs, without counts, times and progress.
"""

import hashlib
import re
from collections import Counter
from itertools import groupby
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

FORMAT = 2
"""Raised by one when pages are written in another way, so that all of them are made anew."""

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}

WIDGET = "application/vnd.jupyter.widget-view+json"

UNSTABLE = {
    r"\bat 0x[0-9a-f]{6,}": "an address in memory; give the last value a name, as in `_ = ...`",
    r"ipykernel_\d+": "the kernel's temporary file; mend what the warning says, or silence it",
    r"\btmp[a-z0-9_]{8}\b": "a temporary folder; print a name, not a path",
}
"""What differs from run to run, each with how to mend it."""


def header(source: NotebookNode) -> dict[str, Any]:
    """Return the metadata of a text, without what jupytext says about the text file itself."""
    pairing = {
        key: value
        for key, value in source.metadata.get("jupytext", {}).items()
        if key != "text_representation"
    }
    return {**source.metadata, "jupytext": pairing}


def with_ids(source: NotebookNode) -> NotebookNode:
    """Return a copy whose cells have ids made from their text, so that edits move no other id."""
    notebook = NotebookNode(
        cells=[NotebookNode(cell) for cell in source.cells],
        metadata={"kernelspec": KERNEL, **header(source), "language_info": LANGUAGE},
        nbformat=4,
        nbformat_minor=5,
    )
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        name = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        cell.id = f"{name}-{seen[name]}" if seen[name] else name
        seen[name] += 1
    return notebook


def page(source: NotebookNode, executed: NotebookNode, made_from: dict[str, str]) -> NotebookNode:
    """Return the page of a chapter: its text with the outputs of an execution.

    Parameters
    ----------
    source : NotebookNode
        The text, as `with_ids` returns it.
    executed : NotebookNode
        The same notebook after execution; cells that were added on the way are left out.
    made_from : dict
        The chapter's ingredients, stored in the page's metadata as ``published``.
    """
    outputs = {cell.get("id"): cell.get("outputs", []) for cell in executed.cells}
    notebook = with_ids(source)
    notebook.metadata["published"] = made_from
    count = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        count += bool(cell.source.strip())
        cell.execution_count = count if cell.source.strip() else None
        cell.outputs = _outputs(outputs[cell.id], count)
    return notebook


def same_text(first: NotebookNode, second: NotebookNode) -> bool:
    """Tell whether two notebooks hold the same cells, outputs aside."""
    return _text(first) == _text(second)


def unstable(notebook: NotebookNode, *secrets: str) -> str | None:
    """Say which output would differ on another run or machine, and how to mend it.

    Parameters
    ----------
    notebook : NotebookNode
        A page.
    *secrets : str
        Folders of this machine, which no page may show.

    Returns
    -------
    str or None
        None where nothing was found.
    """
    patterns = UNSTABLE | {
        re.escape(folder): "a folder of this machine; print a name, not a path"
        for folder in secrets
    }
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.rstrip().endswith(";"):
            # nbval runs cells without history, and then IPython does not see the semicolon.
            return f"cell {cell.execution_count} ends with a semicolon: write `_ = ...` instead"
        for output in cell.get("outputs", []):
            for text in _texts(output):
                for pattern, remedy in patterns.items():
                    if match := re.search(pattern, text):
                        return f"cell {cell.execution_count} shows {match.group()!r}: {remedy}"
    return None


def _text(notebook: NotebookNode) -> list[tuple[str, str, list[str]]]:
    return [(c.cell_type, c.source, list(c.metadata.get("tags", []))) for c in notebook.cells]


def _outputs(raw: list[NotebookNode], count: int) -> list[NotebookNode]:
    kept: list[NotebookNode] = []
    for streams, group in groupby(raw, key=lambda output: output.output_type == "stream"):
        outputs = list(group)
        if streams:  # the two race each other, so each becomes one piece
            for name in ("stdout", "stderr"):
                text = _without_progress("".join(o.text for o in outputs if o.name == name))
                if text:
                    kept.append(new_output("stream", name=name, text=text))
            continue
        for output in outputs:
            if WIDGET not in output.get("data", {}):
                if output.output_type == "execute_result":
                    output = NotebookNode(output, execution_count=count)
                kept.append(output)
    return kept


def _without_progress(text: str) -> str:
    """Drop the lines that a progress bar rewrites: they end as they happen to."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text.replace("\r\n", "\n"))
    return "".join(line for line in lines if "\r" not in line)


def _texts(output: NotebookNode) -> list[str]:
    data = output.get("data", {})
    named = [value for kind, value in data.items() if kind.startswith("text/")]
    return [*map(str, named), output.get("text", "")]
