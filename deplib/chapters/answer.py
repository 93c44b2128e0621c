"""The answer that README.md repeats from the first page, and whether it is that page's."""

from pathlib import Path

import nbformat

MARKS = (
    "<!-- answer:begin (written by `deplib publish`; do not edit) -->",
    "<!-- answer:end -->",
)
"""What stands between the two in README.md is written from the results."""


def is_answer_of(page: Path, readme: Path) -> bool:
    """Tell whether README.md holds, between the marks, what the published first page shows.

    Parameters
    ----------
    page
        The first page, ``book/index.ipynb``. A book whose first page has no code has no answer,
        and then there is nothing to compare.
    readme
        README.md.
    """
    if not page.exists():
        return True
    text = readme.read_text(encoding="utf-8")
    held = text.partition(MARKS[0])[2].partition(MARKS[1])[0].strip()
    shown = (
        str(output.get("data", {}).get("text/markdown", ""))
        for cell in nbformat.read(page, as_version=4).cells
        for output in cell.get("outputs", [])
    )
    return held in (one.strip() for one in shown)
