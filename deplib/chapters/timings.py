"""How long chapters take when they are run alone: a line for each, and the page of all."""

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pandas as pd
from IPython.display import HTML, Markdown

from deplib import report
from deplib.rehearsal.record import Cost, Timing, Timings, load, load_chapter

BUDGET_COLD, BUDGET_UNCHANGED = 600.0, 60.0
"""Seconds that the book may take on two cores: from nothing, and with nothing changed."""
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


def how_long(name: str) -> Markdown:
    """Return how long a chapter takes when it is run alone, as one line.

    It is what was recorded, the same wherever it is executed.

    Parameters
    ----------
    name
        Of the chapter.
    """
    return report.say(sentence(name, load_chapter(name)))


def sentence(name: str, timings: Timings) -> str:
    """Return the line of ``how_long`` for some record."""
    one, alone = timings.chapters.get(name), timings.alone(name)
    if one is None or alone is None:
        return "*How long this page takes when it is run alone has not been measured yet.*"
    cores = _cores(one.machine or timings.machine)
    parts = [
        f"Run alone on a fresh machine with {cores}, this page takes about {about(alone.seconds)}"
    ]
    if one.features and timings.features:
        share = about(timings.features.seconds)
        share = "nearly all" if share == about(alone.seconds) else share
        parts[0] += f", {share} of it to render and embed the faces"
    if one.again:
        parts.append(f"run once more, with all of that at hand, about {about(one.again.seconds)}")
    if one.small:
        parts.append(f'with `size = "small"` above, about {about(one.small.seconds)} from nothing')
    if timings.install is not None:
        parts.append(f"to install `deplib` first takes about {about(timings.install)}")
    return f"*{'; '.join(parts)}.*"


def about(seconds: float) -> str:
    """Return a time as coarsely as another machine may be expected to meet it, never too short.

    >>> about(3), about(12), about(64), about(95), about(200)
    ('10 s', '20 s', '70 s', '2 min', '4 min')
    """
    tens = 10 * max(1, math.ceil(seconds / 10))
    return f"{tens} s" if tens < 100 else f"{math.ceil(seconds / 60)} min"


class TimingsPage:
    """The page of times, memory and versions."""

    def __init__(self, timings: Timings | None = None) -> None:
        self.timings = load() if timings is None else timings

    def badge(self) -> HTML:
        """Return the note that says what was measured."""
        return report.badge_of_measurements(
            "times and memory of the chapters, and versions of packages. No cohort enters them."
        )

    @cached_property
    def sized(self) -> dict[str, Timing]:
        """The chapters that have sizes."""
        return {name: one for name, one in self.timings.chapters.items() if one.small}

    def machine(self) -> Markdown:
        """Return what was measured where, and when."""
        machine = self.timings.machine
        dates = sorted({one.date for one in self.timings.chapters.values()})
        if not dates:
            return report.say("Nothing has been measured yet.")
        when = f"on {dates[0]}" if len(dates) == 1 else f"from {dates[0]} to {dates[-1]}"
        return report.say(
            f"Measured on {_cores(machine)} of a shared machine ({machine['processor']}, "
            f"{machine['system']}), {when}, each chapter once. So that "
            "the others on the machine count for little, a second is one of processor time of the "
            "busiest process, or one in which all of a chapter's processes wait. Another run "
            "gives other seconds; read them as an order of magnitude. Installing deplib and what "
            f"it needs beside torch took {_seconds(self.timings.install)} s; it is in none of the "
            f"times below.{self._elsewhere()}"
        )

    def _elsewhere(self) -> str:
        """Return which chapters were timed under other circumstances, as a sentence."""
        said = []
        for name, one in self.timings.chapters.items():
            where = [f"{package} {version}" for package, version in one.versions.items()]
            if one.machine:
                where.insert(0, f"{_cores(one.machine)} of {one.machine['processor']}")
            if where:
                said.append(f"{name} ({', '.join(where)})")
        return f" Timed under other circumstances: {'; '.join(said)}." if said else ""

    def table(self) -> pd.DataFrame:
        """Return one row a chapter: seconds from nothing, small, and at hand; memory."""
        rows = []
        for name, one in self.timings.chapters.items():
            alone = self.timings.alone(name)
            rows.append(
                {
                    "chapter": name,
                    "full, from nothing (s)": _of(alone),
                    "small, from nothing (s)": _of(one.small),
                    "full, features at hand (s)": _of(one.full if one.features else None),
                    "full, all at hand (s)": _of(one.again or one.full),
                    "memory, full (GB)": _gigabytes(alone),
                    "memory, small (GB)": _gigabytes(one.small),
                }
            )
        return pd.DataFrame(rows)

    def note(self) -> Markdown:
        """Return how the columns come about."""
        features = self.timings.features
        if features is None:
            return report.say("No chapter that needs features has been measured yet.")
        needing = sum(one.features for one in self.timings.chapters.values())
        return report.say(
            f"Chapters that train on features of the whole cohort: {needing}. To render and embed "
            f"all of its faces took {features.seconds:.0f} s and {features.peak / 1e9:.1f} GB, "
            "once; for these chapters *from nothing* is a sum of that and of the chapter with "
            "features at hand, not one measurement. *All at hand*: trained, too. Memory is the "
            "largest sum over all processes; what they share counts in each, so it is an upper "
            "bound."
        )

    def small(self) -> Markdown:
        """Return what the small size needs at most."""
        if not self.sized:
            return report.say("No chapter has been measured in small size yet.")
        costs = [one.small for one in self.sized.values() if one.small]
        longest, largest = max(c.seconds for c in costs), max(c.peak for c in costs)
        return report.say(
            f"In small size, from nothing, no chapter took longer than {longest:.0f} s or held "
            f"more than {largest / 1e9:.1f} GB."
        )

    def budget(self) -> pd.DataFrame:
        """Return the whole book beside its budget of time."""
        book = self.timings.book
        rows = [
            ("from nothing", book.cold if book else None, BUDGET_COLD),
            ("once more, nothing changed", book.unchanged if book else None, BUDGET_UNCHANGED),
        ]
        return pd.DataFrame(
            {
                "the whole book": what,
                "took (s)": "not measured" if took is None else f"{took:.0f}",
                "budget (s)": f"{budget:.0f}",
                "verdict": "" if took is None else "within" if took <= budget else "OVER",
            }
            for what, took, budget in rows
        )

    def versions(self) -> pd.DataFrame:
        """Return what the chapters ran on."""
        return pd.DataFrame(self.timings.versions.items(), columns=["package", "version"])


def _cores(machine: Mapping[str, Any]) -> str:
    """Return the number of cores as prose.

    >>> _cores({"cores": 2})
    'two cores'
    """
    cores = int(machine["cores"])
    return f"{NUMBERS[cores] if cores < len(NUMBERS) else cores} core{'s' * (cores != 1)}"


def _of(cost: Cost | None) -> str:
    return "" if cost is None else f"{cost.seconds:.0f}"


def _seconds(seconds: float | None) -> str:
    return "an unknown number of" if seconds is None else f"{seconds:.0f}"


def _gigabytes(cost: Cost | None) -> str:
    return "" if cost is None else f"{cost.peak / 1e9:.1f}"
