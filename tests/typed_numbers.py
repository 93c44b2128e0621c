"""Find figures that somebody typed into prose: what code did not write can go stale unseen."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]+(?:\n[^$\n]+)?\$", re.DOTALL)
NO_VALUE = re.compile(r"_\{?\d+\}?|\\tfrac12")  # indices, and one half
IN_FORMULAS = {"0", "1", "2", "1.96", "0.798"}
"""Constants of mathematics: the last are a quantile of the normal distribution and the square root
of 2 / pi."""
NOT_PROSE = (
    re.compile(r"^```(?!\{(?:glossary|note|tip|warning|admonition)).*?^```", re.DOTALL | re.M),
    re.compile(r"^(?:```|:::).*$", re.MULTILINE),  # around what is prose after all
    re.compile(r"<!--.*?-->", re.DOTALL),
    FORMULA,
    re.compile(r"\{[a-z:-]+\}`[^`]*`"),  # roles: labels of figures, chapters, papers
    re.compile(r"`[^`]*`"),  # code: files, arguments
    re.compile(r"\]\([^)]*\)|<[^>]*>|https?://\S+"),  # where a link leads, and HTML
    re.compile(r"^\([\w-]+\)=$", re.MULTILINE),  # labels
)
"""What is no prose, and what other tests hold to the code or to the list of references."""

ALLOWED = {
    r"\b[A-Za-z][A-Za-z_-]*\d\w*": "a name, such as AVEC2014, R2 or float32",
    r"^\s*\d+\. ": "the number of an item in a list",
    r"^#+ \d+\. ": "the number of a section",
    r"\b(?:CC BY|Apache|SIL OFL) \d\.\d\b": "the name of a licence",
    r"#\d+": "the number of an issue",
    r"\b8 bits\b": "a number format, as float32 is",
    r"\b9[05] % intervals?\b": "a kind of interval, as one says standard deviation",
    r"\b5 % level\b": "the level of the tests that belong to the 95 % intervals",
}
"""Figures that state no fact; each with the reason."""

NUMERAL = (
    "five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    "|eighteen|nineteen|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:-[a-z]+)?"
    "|hundred|thousand|million"
)
FEW = "three|four"
COUNTED = (
    "persons|people|recordings|clips|frames|windows|seeds|runs|epochs|cohorts|samples|splits"
    "|models|architectures|variants|options|pairs|parameters|scores|labels|points|rows|panels"
    "|dots|lines|columns|groups|ways|findings|checks|faults|streams|worlds|chapters|pixels"
)
MEASURED = "persons|recordings|seeds|epochs|points|samples|pixels|per cent|percent"
TIME = "seconds|minutes|hours|days|weeks"
SPELLED = (
    re.compile(rf"\b(?:{NUMERAL})(?: [\w-]+)?? (?:{COUNTED}|{TIME}|per cent|percent)\b", re.I),
    re.compile(r"\b(?:a|one|two|three|four) (?:third|quarter|fifth|tenth)s? of\b", re.I),
    re.compile(rf"\b(?:{FEW}) (?:{MEASURED}|{TIME})\b", re.I),
)
"""Numerals with what they count. The small ones are words as well: *three panels*, *the four
models*; they are found only where they measure. Two is *both* or *a pair* as often as not."""
DIGITS = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Typed:
    """A figure in prose, with its place."""

    figure: str
    line: str

    def __str__(self) -> str:
        return f"{self.figure!r} in: {self.line.strip()}"


def _blank(found: re.Match[str]) -> str:
    """Return as many blanks as there was text, so that what follows stays in its place."""
    bare = re.fullmatch(r"`[\d\s.,%+-]+`", found[0])  # a figure is one in the type of code, too
    return found[0] if bare else re.sub(r"[^\n]", " ", found[0])


def typed(text: str) -> Iterator[Typed]:
    """Yield the figures that were typed into Markdown, spelled or in digits."""
    prose = text
    for pattern in NOT_PROSE:
        prose = pattern.sub(_blank, prose)
    for allowed in ALLOWED:
        prose = re.sub(allowed, _blank, prose, flags=re.MULTILINE)
    lines = text.split("\n")
    for formula in FORMULA.finditer(text):
        for found in DIGITS.finditer(NO_VALUE.sub("", formula[0])):
            if found[0] not in IN_FORMULAS:
                yield Typed(found[0], formula[0])
    unwrapped = prose.replace("\n", " ")
    for pattern in (DIGITS, *SPELLED):
        for found in pattern.finditer(unwrapped):
            yield Typed(found[0], lines[prose.count("\n", 0, found.start())])
