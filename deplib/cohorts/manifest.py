"""A corpus of one's own: a table of its clips, one row each, saved as CSV.

Its columns, in any order:

``path``
    A film, or a folder of aligned frames; from the table's own folder, or absolute.
``recording``, ``person``
    Names; whoever is filmed more than once has one name.
``split``
    train, dev or test. Without this column a rule splits so that nobody is in two splits; see
    `split_persons`.
the label
    A number, in a column that is named by what it is: BDI-II, PHQ-8, PHQ-9, HAM-D or MADRS.
``task``, ``fps``
    If you like: what the person did, and the frames a second of a folder of frames.

What a table cannot say, a YAML file of the same name beside it does (``faces.yaml`` beside
``faces.csv``), as far as it must: ``name: Clinic faces``, for pages and cards; ``label: fatigue``,
the column of any other label; ``range: [0, 10]``, its lowest and highest value; and ``bands:
{low: [0, 3], high: [4, 10]}``. Excel's semicolons, decimal commas and encodings are read.
"""

import csv
import hashlib
import os
import re
from collections.abc import Collection, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from deplib.cohorts.base import SIMULATED_MARKER, SPLIT_NAMES, SPLITS, Scale
from deplib.cohorts.images import shown
from deplib.cohorts.scan import Listing, has_images, is_film, of_tasks, problems, text_of
from deplib.errors import CohortError

SHARES = {"train": 0.6, "dev": 0.2, "test": 0.2}
"""Of the recordings, in a split by rule."""
_COLUMNS = ("path", "recording", "person", "split", "task", "fps")  # the first three must be there
_LINE = " line"  # no column has that name: cells are stripped
_NUMBER = r"[+-]?[0-9]+([.,][0-9]+)?"
_NAME = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"  # of a recording: its features' file
_TITLE = re.compile(r"\w[\w .()+-]*")  # of a corpus: its results' folder
_FORM = "name: TEXT, label: COLUMN, range: [LOWEST, HIGHEST], bands: {NAME: [FROM, TO]}"
_RULE = "persons are split 60:20:20 by the order of their names' SHA-256; nobody is in two splits"


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class _Beside:
    """What the YAML file beside a table says."""

    name: str
    label: str | None = None
    range: tuple[float, float] | None = None
    bands: dict[str, tuple[float, float]] | None = None


def read_manifest(file: Path, tasks: Collection[str] = ()) -> Listing:
    """List the clips of a table, of some tasks or of all.

    Raises
    ------
    CohortError
        If the table or the YAML file beside it cannot be read as such, a column is missing, what
        the label is or its range is not known, or there is no clip of a task.
    """
    table, beside = _table(file), _beside(file)
    column, scale = _label(table, beside, file)
    by_rule = bool((table["split"] == "").all())
    split = table["split"].str.lower().map(SPLIT_NAMES).fillna("")
    clips = table[["recording", "person", "task"]].assign(
        split=split_persons(table["person"]) if by_rule else split,
        bdi=_numbers(table[column]),
        rate=_numbers(table["fps"]),
        path=table["path"].map(lambda cell: file.parent / cell),
        where=shown(file.name) + ", line " + table[_LINE] + ": " + table["path"].map(shown),
    )
    clips["recording"] = clips["recording"].where(clips["recording"] != "", "line-" + table[_LINE])
    clips["kind"] = clips["path"].map(_kind)
    found = [*_of_rows(clips, table, column, scale), *_unlisted(file.parent, clips["path"])]
    above = {file.parent, *(folder for path in clips["path"] for folder in path.parents)}
    simulated = any((folder / SIMULATED_MARKER).is_file() for folder in above)
    name, notes = "simulated/" * simulated + beside.name, [_RULE] * by_rule
    notes += _notes(table, clips, column)
    clips = of_tasks(clips, tasks, file)
    return Listing(name, simulated, scale, file.parent, clips, pd.concat(found), tuple(notes))


def split_persons(persons: pd.Series) -> pd.Series:
    """Split recordings by a rule so that nobody is in two splits, from their persons alone.

    Persons come in the order of the SHA-256 of their name, and each goes, with all recordings, to
    the split that has least of its share of `SHARES`: the same table always gives the same splits,
    and three persons fill all three.
    """
    have, place = dict.fromkeys(SHARES, 0), {}
    for person in sorted(set(persons), key=lambda name: hashlib.sha256(name.encode()).digest()):
        place[person] = min(SHARES, key=lambda split: have[split] / SHARES[split])
        have[place[person]] += int((persons == person).sum())
    return persons.map(place)


def _table(file: Path) -> pd.DataFrame:
    """Read a CSV file as text, with the line of each row, and all of `_COLUMNS`."""
    text = text_of(file)
    comma = max(",;\t", key=text.lstrip().split("\n", 1)[0].count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=comma)
    rows = [[str(reader.line_num), *map(str.strip, row)] for row in reader if any(row)] or [[""]]
    names = [name.lower() if name.lower() in _COLUMNS else name for name in rows[0][1:]]
    wrong = f"lacks {', '.join(lost)}" if (lost := sorted(set(_COLUMNS[:3]) - set(names))) else ""
    wrong = "names a column twice" if len(set(names)) < len(names) else wrong
    if wrong or len(rows) < 2:
        there = f"the first line of {shown(file)} {wrong or 'is the only one'}"
        raise CohortError(f"{there}; it has {shown(', '.join(names)[:200])}: save a table as CSV")
    for line, *cells in rows:
        if len(cells) != len(names):
            wrong = f"line {line} has {len(cells)} cells and the first one {len(names)}"
            remedy = f"put a cell that holds {comma!r} in quotation marks"
            raise CohortError(f"{shown(file)}: {wrong}; {remedy}")
    table = pd.DataFrame(rows[1:], columns=[_LINE, *names], dtype=str)
    if os.sep == "/" and not table["path"].str.contains("/").any():  # as Windows writes them
        table["path"] = table["path"].str.replace("\\", "/")
    return table.reindex(columns=[*dict.fromkeys((_LINE, *_COLUMNS, *names))], fill_value="")


def _beside(table: Path) -> _Beside:
    """Read the YAML file beside a table, if there is one."""
    file = table.with_suffix(".yaml")
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8-sig")) if file.is_file() else {}
        beside = TypeAdapter(_Beside).validate_python({"name": table.stem} | (said or {}))
    except (yaml.YAMLError, ValueError, TypeError) as error:
        what = f"{shown(file)} does not hold, as far as needed, {_FORM}"
        raise CohortError(f"{what} ({shown(' '.join(str(error).split()))})") from error
    if not _TITLE.fullmatch(beside.name):
        what = f"a corpus cannot be called {shown(beside.name)!r}"
        raise CohortError(f"{what}: say name: LETTERS AND DIGITS in {shown(file)}")
    return beside


def _label(table: pd.DataFrame, beside: _Beside, file: Path) -> tuple[str, Scale]:
    """Return the column of the label, and what it measures."""
    scales = yaml.safe_load(Path(__file__).with_name("scales.yaml").read_text(encoding="utf-8"))
    known: dict[str, Any] = {_plain(name): {"name": name, **scales[name]} for name in scales}
    known["bdi"], asked = known["bdiii"], beside.label
    names, place = [str(one) for one in table][1:], shown(file.with_suffix(".yaml"))
    found = [one for one in names if (one == asked if asked else _plain(one) in known)]
    if len(found) != 1:
        wrong = "more than one label" if found else f"no column {asked or ', '.join(scales)}"
        there = shown(f"{wrong}: it has {', '.join(found or names)}")
        raise CohortError(f"{shown(file)} has {there}; say label: COLUMN in {place}")
    about = {"name": found[0], "bands": {}} | known.get(_plain(found[0]), {})
    about |= {k: said for k in ("range", "bands") if (said := getattr(beside, k))}
    if "range" not in about:
        what = f"{shown(file)}: the range of {shown(found[0])} is not known"
        raise CohortError(f"{what}: say range: [LOWEST, HIGHEST] in {place}")
    (low, high), bands = about["range"], about["bands"]
    return found[0], Scale(about["name"], low, high, tuple((k, *bands[k]) for k in bands))


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower()).removesuffix("score")


def _numbers(cells: pd.Series) -> pd.Series:
    """Return cells as float, the decimal sign a point or a comma; NaN for all else."""
    return cells.where(cells.str.fullmatch(_NUMBER)).str.replace(",", ".").astype(float)


def _kind(path: Path) -> str:
    if path.is_file():
        return "video"
    return "missing" if not path.is_dir() else "frames" if has_images(path) else "empty"


def _of_rows(
    clips: pd.DataFrame, table: pd.DataFrame, column: str, scale: Scale
) -> Iterator[pd.DataFrame]:
    """Yield what is wrong with the rows of a table; each leaves its recording out."""
    bdi, rate, ends = clips["bdi"], clips["rate"], f"from {scale.low:g} to {scale.high:g}"
    needed = (("recording", "recording"), ("person", "person"), (column, scale.name))
    for wrong, problem, remedy in (
        *((table[one] == "", f"no {name}", "write it, or remove the row") for one, name in needed),
        (clips["split"] == "", "no split", f"write {', '.join(SPLITS)}"),
        (~clips["recording"].str.fullmatch(_NAME), "no file can have the recording's name",
         "use letters without accents, digits, '.', '_' and '-'"),
        (clips["recording"].duplicated(keep=False), "the recording is in several rows", "keep one"),
        (clips["path"].duplicated(keep=False), "the clip is in several rows", "keep one"),
        (clips["kind"] == "missing", "there is no such file or folder", "mend the path"),
        (table[column].ne("") & bdi.isna(), f"its {scale.name} is no number", "write a number"),
        (bdi.notna() & ~bdi.between(scale.low, scale.high), f"its {scale.name} is not {ends}",
         "mend it; another range is said beside the table"),
        (table["fps"].ne("") & ~rate.gt(0), "fps is no number above 0", "write frames a second"),
    ):  # fmt: skip
        yield problems(clips[wrong], problem, remedy)


def _unlisted(root: Path, listed: pd.Series) -> Iterator[pd.DataFrame]:
    """Yield films and folders of images beside those listed that no row names."""
    real = set(map(os.path.realpath, listed))
    for folder in sorted({path.parent for path in listed if path.parent.is_dir()}):
        for one in sorted(folder.iterdir()):
            what = "a film" if is_film(one) else "a folder of images" if has_images(one) else ""
            if what and os.path.realpath(one) not in real:
                rows = pd.DataFrame({"recording": "", "where": [shown(os.path.relpath(one, root))]})
                yield problems(rows, f"{what} that no row names", "add a row, or move it away")


def _notes(table: pd.DataFrame, clips: pd.DataFrame, column: str) -> Iterator[str]:
    splits = clips[clips["split"] != ""].groupby("person")["split"].nunique()
    if both := [*splits.index[splits > 1]]:
        remedy = "if none shall be, give --split disjoint or leave the column split empty"
        yield f"persons in more than one split: {shown(', '.join(both))}; {remedy}"
    plain = table["person"].str.casefold().str.replace(r"[\W_]|^0+", "", regex=True)
    alike = table.groupby(plain)["person"].unique()
    if near := [", ".join(sorted(names)) for names in alike if len(names) > 1]:
        yield f"persons of nearly one name: {shown('; '.join(near))}; if one is meant, write one"
    if others := [str(one) for one in table if one not in (*_COLUMNS, column, _LINE)]:
        yield f"columns that are not used: {shown(', '.join(others))}"
