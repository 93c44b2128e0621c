"""What rehearsals measured, as one file: ``results/timings.json``.

Nothing in it names the machine beyond its processor and its number of cores. Times are no results:
a chapter that was changed keeps its old ones until it is rehearsed again.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from deplib.errors import ResultError
from deplib.extraction.storage.atomic import write_atomically

FORMAT = 1
FILE = "timings.json"
REMEDY = "run `deplib rehearse --record`"


@dataclass(frozen=True)
class Cost:
    """Time in seconds, and the most memory in bytes that all processes held at once.

    Time is as ``deplib.rehearsal.execution.Watch`` counts it: what a chapter would take if the
    machine had nothing else to do. Memory is a sum over processes, and pages that they share count
    in each: an upper bound.
    """

    seconds: float
    peak: int


@dataclass(frozen=True)
class Timing:
    """What one chapter costs when it is run alone, without the installation.

    Attributes
    ----------
    inputs
        Digest of the code that was timed.
    full
        In full size, with nothing at hand but the features where ``features`` is true.
    features
        Whether it needs the features of the whole cohort; to make them comes on top.
    small
        In small size with nothing at hand; None where a chapter has no sizes.
    again
        In full size with everything at hand; None where nothing is kept from the first time.
    """

    inputs: str
    full: Cost
    features: bool
    small: Cost | None = None
    again: Cost | None = None


@dataclass(frozen=True)
class Book:
    """Seconds by the clock of the whole book: from nothing, and with nothing changed.

    Without installation; ``bench/whole_book.py`` takes them.
    """

    cold: float
    unchanged: float
    peak: int


@dataclass(frozen=True)
class Timings:
    """What the rehearsals of one machine measured.

    Attributes
    ----------
    machine
        ``processor``, ``cores``, ``system``, ``date``.
    versions
        Of Python and of the packages that a chapter runs on, by name.
    install
        Seconds to install deplib and what it needs, where torch is there already.
    features
        Rendering and embedding the whole simulated cohort.
    chapters
        By name.
    book
        The whole book, where that was measured.
    """

    machine: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    install: float | None = None
    features: Cost | None = None
    chapters: Mapping[str, Timing] = field(default_factory=dict)
    book: Book | None = None

    def alone(self, name: str) -> Cost | None:
        """Return what a chapter costs from nothing: with its features, where it needs them.

        For those, a sum of two measurements: features are made once and serve all chapters.
        """
        one = self.chapters.get(name)
        if one is None:
            return None
        if not one.features:
            return one.full
        if self.features is None:
            return None
        return Cost(
            self.features.seconds + one.full.seconds, max(self.features.peak, one.full.peak)
        )

    def having(self, name: str, timing: Timing) -> "Timings":
        """Return the same with another chapter, or a chapter measured anew."""
        return replace(self, chapters=dict(sorted({**self.chapters, name: timing}.items())))

    def of(self, names: Collection[str]) -> "Timings":
        """Return the same without chapters of other names, such as those that are no more."""
        kept = {name: one for name, one in self.chapters.items() if name in names}
        return replace(self, chapters=kept)

    def save(self, path: Path) -> None:
        """Write the measurements, whole or not at all.

        Raises
        ------
        ResultError
            If the file cannot be written.
        """
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, (text + "\n").encode())
        except OSError as error:
            raise ResultError(f"cannot write {path}: {error.strerror or error}") from error


def default_path() -> Path:
    """Return where the versioned timings lie, in a checkout or in an installed package."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_results"
    return (inside if inside.is_dir() else package.parent / "results") / FILE


def load(path: Path | None = None) -> Timings:
    """Read timings; where none were taken yet, there are none.

    Raises
    ------
    ResultError
        If the file is damaged.
    """
    path = path or default_path()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            raise ValueError(f"this library reads format {FORMAT}")
        return Timings(
            machine=content["machine"],
            versions=content["versions"],
            install=content["install"],
            features=_cost(content["features"]),
            chapters={name: _timing(one) for name, one in content["chapters"].items()},
            book=None if content["book"] is None else Book(**content["book"]),
        )
    except FileNotFoundError:
        return Timings()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultError(
            f"{path} is no whole file of timings ({error!r}); delete it and {REMEDY}"
        ) from error


def _timing(content: Mapping[str, Any]) -> Timing:
    return Timing(
        inputs=content["inputs"],
        full=Cost(**content["full"]),
        features=content["features"],
        small=_cost(content["small"]),
        again=_cost(content["again"]),
    )


def _cost(content: Mapping[str, Any] | None) -> Cost | None:
    return None if content is None else Cost(**content)
