"""How to read the book in the time that one has; the minutes are checked against the pages."""

from dataclasses import dataclass

from IPython.display import Markdown

WORDS_A_MINUTE = 240
SECONDS_A_PICTURE = 20
"""For a look at a figure or a table."""


@dataclass(frozen=True)
class Stop:
    """A page to read, or one section of it."""

    page: str
    section: str = ""  # its heading; the whole page where there is none

    def __str__(self) -> str:
        link = f"{{doc}}`{self.page}`"
        return f"the section *{self.section}* of {link}" if self.section else link


VERDICTS = Stop("14_claims", "What matters most")
ADVICE = Stop("16_implications", "At a glance")
PROTOCOL, RESULTS, WORLDS = Stop("01_protocol"), Stop("09_results"), Stop("10_worlds")
POWER, CHOOSING, LIMITS = Stop("11_power"), Stop("12_choosing_on_dev"), Stop("17_limitations")
PATHS: dict[int, tuple[Stop, ...]] = {
    5: (VERDICTS,),
    20: (PROTOCOL, WORLDS, VERDICTS, ADVICE, LIMITS),
    60: (PROTOCOL, RESULTS, WORLDS, POWER, CHOOSING, VERDICTS, LIMITS),
}
"""By minutes, what to read after the first page."""


def paths() -> Markdown:
    """Return the paths as a list; its links are roles of MyST."""
    lines = [
        f"- **{minutes} minutes**: this page, then {'; '.join(map(str, stops))}."
        for minutes, stops in PATHS.items()
    ]
    lines += [
        "- **longer**: all chapters in order. Each computes what it shows and can be run alone.",
        "",
        f"The minutes are at {WORDS_A_MINUTE} words a minute and {SECONDS_A_PICTURE} seconds for a "
        "figure or a table.",
    ]
    return Markdown("\n".join(lines))
