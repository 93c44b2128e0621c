"""How chapters speak: a badge that says whose numbers follow, computed sentences, plain tables."""

import re

import pandas as pd
from IPython.display import HTML, Markdown

from deplib.cohorts.base import BDI, Cohort, scale_of

_NUMBER = r"[-+]?[\d.]+"
_TOGETHER = re.compile(
    rf"\(?{_NUMBER} to {_NUMBER}\)?|\[{_NUMBER}, {_NUMBER}\]|{_NUMBER} ± {_NUMBER}"
)


def badge(
    cohort: Cohort | str = "default", *, simulated: bool = True, label: str = BDI.name
) -> Markdown:
    """Return the note that says which cohort a page's numbers come from.

    Parameters
    ----------
    cohort
        Whose recordings, or their name.
    simulated
        Whether a name is that of a simulated world; a cohort says so itself.
    label
        What its labels measure, where only its name is given; a cohort says so itself.
    """
    name = cohort if isinstance(cohort, str) else cohort.name
    label = label if isinstance(cohort, str) else scale_of(cohort).name
    if name.startswith("simulated") or (simulated if isinstance(cohort, str) else cohort.simulated):
        return Markdown(
            f"> **Simulated cohort ({name.removeprefix('simulated/')}).** Faces, behaviour and "
            f"{label} scores on this page are simulated, with known truth. Nothing here is "
            f"evidence about {'AVEC2014 or about ' * (label == BDI.name)}patients, except where a "
            "figure is marked as reported by the study or as published."
        )
    return Markdown(
        f"> **{name}.** The numbers on this page come from recordings of persons. Its "
        "figures show single ones: keep it with the data."
    )


def badge_of_published() -> Markdown:
    """Return the note of a page whose numbers are quoted, or derived from quoted ones."""
    return Markdown(
        "> **Published figures.** The numbers on this page are quoted from publications or derived "
        "from quoted ones, with the source of each; where one is simulated, the text says so. No "
        "recording of AVEC2014 was used."
    )


def say(text: str) -> Markdown:
    """Return a sentence as prose; its numbers are values that the calling cell computed."""
    return Markdown(" ".join(text.split()))


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
