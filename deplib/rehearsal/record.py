"""What rehearsals measured, in ``results/timings/``: a file a chapter, for each page reads its own.

``machine.json`` has what all of them share, ``chapters/NAME.json`` a chapter and ``book.json`` the
whole book. Nothing in them names the machine beyond its processor and its number of cores. Times
are no results: a chapter that was changed keeps its old ones until it is rehearsed again.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from deplib import versioned
from deplib.errors import ResultError

FORMAT = 2
FOLDER = "timings"
Read = TypeVar("Read")
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
    date
        When, as year, month and day.
    full
        In full size, with nothing at hand but the features where ``features`` is true.
    features
        Whether it needs the features of the whole cohort; to make them comes on top.
    small
        In small size with nothing at hand; None where a chapter has no sizes.
    again
        In full size with everything at hand; None where nothing is kept from the first time.
    machine, versions
        Where one chapter was timed later: the machine, and the versions, that are others than those
        of the record.
    """

    inputs: str
    date: str
    full: Cost
    features: bool
    small: Cost | None = None
    again: Cost | None = None
    machine: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


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
    """What rehearsals measured.

    Attributes
    ----------
    machine
        ``processor``, ``cores``, ``system``.
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

    def save(self, folder: Path | None = None) -> None:
        """Write the measurements, each file whole or not at all; chapters that are no more go.

        Parameters
        ----------
        folder
            Where to; ``results/timings`` by default.

        Raises
        ------
        ResultError
            If a file cannot be written.
        """
        folder = folder or default_folder()
        shared = {name: getattr(self, name) for name in ("machine", "versions", "install")}
        features = None if self.features is None else asdict(self.features)
        _write(folder / "machine.json", {**shared, "features": features})
        for name, timing in self.chapters.items():
            _write(_chapter(folder, name), asdict(timing))
        for path in set((folder / "chapters").glob("*.json")):
            if path.stem not in self.chapters:
                path.unlink()
        if self.book is None:
            (folder / "book.json").unlink(missing_ok=True)
        else:
            _write(folder / "book.json", asdict(self.book))


def default_folder() -> Path:
    """Return where the versioned timings lie, in a checkout or in an installed package."""
    return versioned.folder() / FOLDER


def load(folder: Path | None = None) -> Timings:
    """Read all timings; where none were taken yet, there are none.

    Raises
    ------
    ResultError
        If a file is damaged.
    """
    folder = folder or default_folder()
    names = sorted(path.stem for path in (folder / "chapters").glob("*.json"))
    book = _read(folder / "book.json", lambda content: Book(**content))
    return replace(_of(folder, names), book=book)


def load_chapter(name: str, folder: Path | None = None) -> Timings:
    """Read the timings of one chapter, and what all share; otherwise as ``load``."""
    return _of(folder or default_folder(), [name])


def _of(folder: Path, names: Collection[str]) -> Timings:
    shared = _read(folder / "machine.json", _shared) or Timings()
    found = {name: _read(_chapter(folder, name), _timing) for name in names}
    return replace(shared, chapters={name: one for name, one in found.items() if one})


def _chapter(folder: Path, name: str) -> Path:
    return folder / "chapters" / f"{name}.json"


def _write(path: Path, content: Mapping[str, Any]) -> None:
    versioned.write_json(path, {"format": FORMAT, **content}, indent=1)


def _read(path: Path, parse: Callable[[dict[str, Any]], Read]) -> Read | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            raise ValueError(f"this library reads format {FORMAT}")
        return parse(content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultError(
            f"{path} is no whole file of timings ({error!r}); delete it and {REMEDY}"
        ) from error


def _shared(content: Mapping[str, Any]) -> Timings:
    return Timings(
        machine=content["machine"],
        versions=content["versions"],
        install=content["install"],
        features=_cost(content["features"]),
    )


def _timing(content: Mapping[str, Any]) -> Timing:
    return Timing(
        inputs=content["inputs"],
        date=content["date"],
        full=Cost(**content["full"]),
        features=content["features"],
        small=_cost(content["small"]),
        again=_cost(content["again"]),
        machine=content["machine"],
        versions=content["versions"],
    )


def _cost(content: Mapping[str, Any] | None) -> Cost | None:
    return None if content is None else Cost(**content)
