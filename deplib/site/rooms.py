"""The rooms of deplib in the order in which data flow, each with its page of the reference."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deplib.errors import DeplibError
from deplib.provenance import PACKAGE, module_path


@dataclass(frozen=True)
class Room:
    """Modules that one page of the reference holds."""

    page: str  # below book/api/
    title: str
    stage: str  # of the way from frames to chapters
    modules: tuple[str, ...]  # below deplib; a package stands for all of its modules


FRAMES, FEATURES, WINDOWS = "Frames", "Features", "Windows"
PREDICTIONS, METRICS, CHAPTERS = "Predictions", "Metrics", "Chapters"

ROOMS = (
    Room("cohorts", "Cohorts", FRAMES, ("cohorts",)),
    Room("simulated", "The simulated cohort", FRAMES, ("cohorts.simulated",)),
    Room("alignment", "Alignment", FRAMES, ("alignment",)),
    Room("extraction", "Extraction", FEATURES, ("extraction",)),
    Room(
        "encoders",
        "Encoders",
        FEATURES,
        ("extraction.encoders", "extraction.embedded", "extraction.twins"),
    ),
    Room("storage", "Features on disk", FEATURES, ("extraction.storage",)),
    Room("verification", "Verification", FEATURES, ("extraction.verification",)),
    Room(
        "faults",
        "Planted faults",
        FEATURES,
        ("extraction.verification.planted", "extraction.verification.damage"),
    ),
    Room("streams", "Streams", FEATURES, ("streams",)),
    Room("readability", "Readability", FEATURES, ("readability",)),
    Room("windows", "Windows and protocol", WINDOWS, ("protocol", "splits", "windows")),
    Room("models", "Models", PREDICTIONS, ("models", "baselines", "rocket", "constant")),
    Room("training", "Training", PREDICTIONS, ("training",)),
    Room("recipes", "Other ways of teaching", PREDICTIONS, ("recipes", "adaptation")),
    Room("study", "Runs and results", PREDICTIONS, ("study", "results", "versioned", "sizes")),
    Room("grid", "Which runs there are", PREDICTIONS, ("study.grid", "study.options")),
    Room("deployment", "Deployment", PREDICTIONS, ("deployment",)),
    Room("metrics", "Metrics", METRICS, ("metrics", "evaluation", "calibration", "uncertainty")),
    Room("statistics", "Statistics", METRICS, ("statistics",)),
    Room("seeds", "Seeds", METRICS, ("seeds",)),
    Room("power", "Power", METRICS, ("power",)),
    Room("selection", "Choosing on Dev", METRICS, ("selection",)),
    Room("identity", "Identity", METRICS, ("identity",)),
    Room("cost", "Cost", METRICS, ("cost",)),
    Room("claims", "Claims and literature", METRICS, ("claims", "literature")),
    Room("figures", "Figures", CHAPTERS, ("figures",)),
    Room("chapters", "Chapters", CHAPTERS, ("chapters", "report")),
    Room("publishing", "Publishing", CHAPTERS, ("publish", "publishing", "rehearsal", "site")),
    Room("house", "The house itself", CHAPTERS, ("errors", "paths", "provenance", "cli")),
)
"""Every public module of deplib belongs to exactly one of them."""

_CLAIMED = frozenset(f".{module}" for room in ROOMS for module in room.modules)


def room_on(page: str) -> Room:
    """Return the room of a page.

    Raises
    ------
    DeplibError
        If there is none.
    """
    for room in ROOMS:
        if room.page == page:
            return room
    raise DeplibError(f"no room has the page api/{page}: see deplib.site.rooms")


def modules_of(room: Room, root: Path = PACKAGE) -> list[str]:
    """Return the dotted names of a room's public modules, packages before what they hold."""
    return [name for module in room.modules for name in _below(f"{root.name}.{module}", root)]


def summary_of(module: str, root: Path = PACKAGE) -> str:
    """Return the first line of a module's docstring, read without importing it."""
    path = module_path(module, root)
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) if path else None
    return (text or "").partition("\n")[0]


def _below(module: str, root: Path) -> Iterator[str]:
    path = module_path(module, root)
    if path is None:
        return
    yield module
    if path.name == "__init__.py":
        for child in sorted(path.parent.iterdir()):
            package = (child / "__init__.py").is_file()
            name = f"{module}.{child.stem}"
            elsewhere = name.removeprefix(root.name) in _CLAIMED
            if (child.suffix == ".py" or package) and child.stem[0] != "_" and not elsewhere:
                yield from _below(name, root)
