"""How chapters speak: a badge for the cohort, sentences whose numbers code wrote, plain tables."""

import re
from collections.abc import Sequence

import pandas as pd
from IPython.display import HTML, Markdown

from deplib.cohorts.base import Cohort
from deplib.sizes import FULL, size_named

_BADGE = (
    '<div role="note" data-numbers="{kind}" '
    'style="border-left:.4em solid {colour};padding:.4em .8em;margin:.6em 0">'
    "<strong>{title}</strong> {text}</div>"
)  # from the kinds that a page holds, `deplib.site.badge` makes the badge under its title

_SMALLER = (
    " <strong>Run at size {size.name}.</strong> What this page computes is computed on a small "
    "simulated cohort, {size.n_recordings} recordings of at most {size.max_frames} frames, whose "
    "scores say nothing; what it reads from versioned results is of the full one."
)

_OF_MODELS = (
    "times, memory and operations of the models on random numbers in the shape of a window. No "
    "cohort enters them."
)

_NUMBER = r"[-+]?[\d.]+"
_TOGETHER = re.compile(
    rf"\(?{_NUMBER} to {_NUMBER}\)?|\[{_NUMBER}, {_NUMBER}\]|{_NUMBER} ± {_NUMBER}"
)


def badge(cohort: Cohort, size: str = FULL.name) -> HTML:
    """Return the note that says which cohort a page's numbers come from.

    Parameters
    ----------
    cohort
        Whose recordings.
    size
        In which the page is run, a name in ``deplib.sizes.SIZES``.

    Raises
    ------
    CohortError
        If there is no such size.
    """
    chosen = size_named(size)
    if cohort.simulated:
        return HTML(
            _BADGE.format(
                kind="simulated cohort",
                colour="#B8860B",
                title=f"Simulated cohort ({cohort.name.removeprefix('simulated/')}).",
                text="Faces, behaviour and BDI-II scores on this page are simulated, with known "
                "truth. Nothing here is evidence about AVEC2014 or about patients, except where a "
                "figure is marked as reported by the study or as published."
                + ("" if chosen == FULL else _SMALLER.format(size=chosen)),
            )
        )
    return HTML(
        _BADGE.format(
            kind=cohort.name,
            colour="#0072B2",
            title=f"{cohort.name}.",
            text="The numbers on this page come from recordings of persons.",
        )
    )


def badge_of_published() -> HTML:
    """Return the note of a page whose numbers are quoted, or derived from quoted ones."""
    return HTML(
        _BADGE.format(
            kind="published figures",
            colour="#0072B2",
            title="Published figures.",
            text="The numbers on this page are quoted from publications or derived from quoted "
            "ones, with the source of each; where one is simulated, the text says so. No recording "
            "of AVEC2014 was used.",
        )
    )


def badge_of_measurements(what: str = _OF_MODELS) -> HTML:
    """Return the note of a page about the cost of code, which no cohort enters."""
    return HTML(
        _BADGE.format(
            kind="measured code",
            colour="#5F5F5F",
            title="Measured code.",
            text=f"The numbers on this page are {what}",
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
