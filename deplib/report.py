"""How chapters speak: a badge for the cohort, sentences whose numbers code wrote, plain tables."""

import re
from collections.abc import Sequence

import pandas as pd
from IPython.display import HTML, Markdown

from deplib.cohorts.base import Cohort

_BADGE = (
    '<div role="note" style="border-left:.4em solid {colour};padding:.4em .8em;margin:.6em 0">'
    "<strong>{title}</strong> {text}</div>"
)

_NUMBER = r"[-+]?[\d.]+"
_TOGETHER = re.compile(
    rf"\(?{_NUMBER} to {_NUMBER}\)?|\[{_NUMBER}, {_NUMBER}\]|{_NUMBER} ± {_NUMBER}"
)


def badge(cohort: Cohort) -> HTML:
    """Return the note that says which cohort a page's numbers come from."""
    if cohort.simulated:
        return HTML(
            _BADGE.format(
                colour="#B8860B",
                title=f"Simulated cohort ({cohort.name}).",
                text="Faces, behaviour and BDI-II scores on this page are simulated, with known "
                "truth. Nothing here is evidence about AVEC2014 or about patients, except where a "
                "figure is marked as reported by the study or as published.",
            )
        )
    return HTML(
        _BADGE.format(
            colour="#0072B2",
            title=f"{cohort.name}.",
            text="The numbers on this page come from recordings of persons.",
        )
    )


def badge_of_published() -> HTML:
    """Return the note of a page whose numbers are quoted, or derived from quoted ones."""
    return HTML(
        _BADGE.format(
            colour="#0072B2",
            title="Published figures.",
            text="The numbers on this page are quoted from publications or derived from quoted "
            "ones, with the source of each; where one is simulated, the text says so. No recording "
            "of AVEC2014 was used.",
        )
    )


def badge_of_measurements() -> HTML:
    """Return the note of a page about the cost of code, which no cohort enters."""
    return HTML(
        _BADGE.format(
            colour="#5F5F5F",
            title="Measured code.",
            text="The numbers on this page are times, memory and operations of the models on "
            "random numbers in the shape of a window. No cohort enters them.",
        )
    )


def say(text: str) -> Markdown:
    """Return a sentence as prose; its numbers are values that the calling cell computed."""
    return Markdown(" ".join(text.split()))


def listed(names: Sequence[str], nothing: str = "none") -> str:
    """Return names as prose."""
    if len(names) < 2:
        return names[0] if names else nothing
    return f"{', '.join(names[:-1])} and {names[-1]}"


def table(frame: pd.DataFrame, digits: int = 2) -> HTML:
    """Return a table without its index, floats to ``digits`` decimals, nan as ``undefined``.

    Underscores in the names of columns are printed as spaces, and no line ends within an interval.
    """
    titled = frame.rename(columns=lambda name: str(name).replace("_", " "))
    html = titled.to_html(
        index=False,
        float_format=lambda value: f"{value:.{digits}f}",
        na_rep="undefined",
        border=0,
        justify="left",
    )
    return HTML(_TOGETHER.sub(lambda match: match[0].replace(" ", "&nbsp;"), html))
