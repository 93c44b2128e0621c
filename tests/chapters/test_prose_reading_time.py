"""The minutes that the landing page promises are those that its pages take."""

import re
from pathlib import Path

import nbformat
import pytest

from deplib.chapters.paths_of_reading import (
    PATHS,
    SECONDS_A_PICTURE,
    WORDS_A_MINUTE,
    Stop,
    paths,
)

BOOK = Path(__file__).parents[2] / "book"
UNSEEN = {"remove-cell", "remove-output", "hide-cell", "hide-output"}
FIRST = Stop("index")


def shown(stop: Stop) -> tuple[int, int]:
    """Return the words of a page or of one of its sections, and how many figures and tables."""
    words = pictures = 0
    inside = not stop.section
    for cell in nbformat.read(BOOK / f"{stop.page}.ipynb", as_version=4).cells:
        if cell.cell_type == "markdown":
            for part in re.split(r"^(?=## )", cell.source, flags=re.MULTILINE):
                if stop.section and part.startswith("## "):
                    inside = part.split("\n")[0] == f"## {stop.section}"
                words += inside * len(part.split())
        elif inside and not UNSEEN & set(cell.metadata.get("tags", [])):
            for output in cell.outputs:
                data = output.get("data", {})
                if "text/markdown" in data and "| --- |" not in data["text/markdown"]:
                    text = re.sub(r"```.*?```", "", data["text/markdown"], flags=re.DOTALL)
                    words += len(text.split())
                elif data:
                    pictures += 1
    return words, pictures


def minutes(stops: tuple[Stop, ...]) -> float:
    """Return how long a path takes, the first page included."""
    words, pictures = (sum(counts) for counts in zip(*map(shown, (FIRST, *stops)), strict=True))
    return words / WORDS_A_MINUTE + pictures * SECONDS_A_PICTURE / 60


@pytest.mark.parametrize("promised", PATHS)
def test_a_path_takes_the_time_that_it_promises(promised: int) -> None:
    assert 0.6 * promised < minutes(PATHS[promised]) <= promised


@pytest.mark.parametrize("stop", sorted({s for p in PATHS.values() for s in p}, key=str), ids=str)
def test_every_stop_is_there_and_has_something_to_read(stop: Stop) -> None:
    words, _ = shown(stop)
    assert words > 10


def test_a_longer_section_takes_longer_and_an_unknown_one_has_no_words() -> None:
    whole = shown(Stop("14_claims"))
    part = shown(Stop("14_claims", "What matters most"))
    assert whole[0] > part[0] > shown(Stop("14_claims", "No such section"))[0] == 0


def test_the_page_names_every_stop_with_a_link() -> None:
    text = paths().data
    for promised, stops in PATHS.items():
        (line,) = [one for one in text.split("\n") if f"**{promised} minutes**" in one]
        assert all(f"{{doc}}`{stop.page}`" in line for stop in stops)
