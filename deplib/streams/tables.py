"""Numbers from a CSV file that somebody else's program wrote: nothing is guessed or repaired."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from deplib.cohorts.images import shown
from deplib.errors import CohortError

_MAX_HEADER = 2**20
_MAX_BYTES = 2**30  # OpenFace writes about 6 kB a frame: more is no single clip


@dataclass(frozen=True, eq=False)
class CsvTable:
    """Some columns of a CSV file, cells as they were read."""

    name: str  # of the file, for messages
    cells: pd.DataFrame

    def __len__(self) -> int:
        return len(self.cells)

    def numbers(self, columns: Sequence[str], rows: np.ndarray | None = None) -> np.ndarray:
        """Return columns as float64 ``(n, len(columns))``; NaN in the rows that are not asked for.

        Parameters
        ----------
        columns
            Which ones.
        rows
            bool, shape ``(n,)``: the rows that must hold finite numbers; all by default.

        Raises
        ------
        CohortError
            If one of these cells is empty, no number, or not finite.
        """
        rows = np.ones(len(self), bool) if rows is None else rows
        out = np.full((len(self), len(columns)), np.nan)
        for k, column in enumerate(columns):
            cells = self.cells[column][rows]
            if cells.dtype == bool:
                cells = cells.astype(str)
            out[rows, k] = pd.to_numeric(cells, errors="coerce")
            bad = np.flatnonzero(rows)[~np.isfinite(out[rows, k])]
            if len(bad):
                cell = self.cells[column].iloc[bad[0]]
                text = "nothing" if pd.isna(cell) else repr(shown(str(cell)[:20]))
                raise CohortError(
                    f"{self.name} holds {text} as {column} in row {bad[0] + 1} of its data "
                    f"({len(bad)} such rows): a finite number with a decimal point is needed; "
                    "write the file again with the program that made it"
                )
        return out


def read_csv(path: Path, columns: Sequence[str], *, optional: Sequence[str] = ()) -> CsvTable:
    """Read some columns of a comma-separated file whose first line names them.

    Spaces about names and cells don't count; columns that are not asked for are not kept.

    Parameters
    ----------
    path
        The file.
    columns
        Names that it must have.
    optional
        Names that it may have.

    Raises
    ------
    CohortError
        If the file cannot be read, is empty, is no UTF-8 text, lacks a column or has one twice,
        has no row, or a row of more or fewer cells than the header.
    """
    name = shown(path.name)
    header = _header(path, name)
    absent = [column for column in columns if column not in header]
    if absent:
        more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
        raise CohortError(
            f"{name} lacks the columns {', '.join(absent[:5])}{more}: its first line must name "
            "them, separated by commas; write it again with all of them"
        )
    wanted = [*columns, *(column for column in optional if column in header)]
    twice = [column for column in wanted if header.count(column) > 1]
    if twice:
        raise CohortError(f"{name} has the column {twice[0]} twice: write the file again")
    places = sorted(header.index(column) for column in wanted)
    try:
        _require_whole_rows(path, name, len(header))
        cells = pd.read_csv(
            path, header=None, skiprows=1, names=list(range(len(header))), usecols=places,
            skipinitialspace=True, encoding="utf-8-sig", low_memory=False,
        )  # fmt: skip
    except pd.errors.EmptyDataError:
        cells = pd.DataFrame(columns=places)
    except UnicodeDecodeError as error:
        raise _no_text(name) from error
    except (pd.errors.ParserError, OSError, ValueError) as error:
        raise CohortError(
            f"{name} cannot be read as a table ({error}): write it again with the program that "
            "made it"
        ) from error
    if cells.empty:
        raise CohortError(f"{name} names its columns and holds no row: make it again")
    cells.columns = pd.Index([header[place] for place in places])
    return CsvTable(name, cells)


def _header(path: Path, name: str) -> list[str]:
    """Return the names in the first line of a file."""
    try:
        with open(path, "rb") as stream:
            if os.fstat(stream.fileno()).st_size > _MAX_BYTES:
                raise CohortError(f"{name} is larger than any clip's table: give one clip a file")
            line = stream.readline(_MAX_HEADER)
    except OSError as error:
        raise CohortError(f"{name} cannot be read ({error.strerror}): restore it") from error
    if not line.strip():
        raise CohortError(f"{name} is empty or begins with an empty line: make it again")
    if b"\0" in line:
        raise _no_text(name)
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_text(name) from error
    try:
        cells = next(csv.reader([text.strip("\r\n")], skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise CohortError(f"the first line of {name} cannot be read ({error})") from error
    return [cell.strip() for cell in cells]


def _require_whole_rows(path: Path, name: str, width: int) -> None:
    """Refuse a row of another number of cells: pandas would shift or fill it without a word."""
    with open(path, "rb") as stream:
        stream.readline(_MAX_HEADER)
        for number, line in enumerate(filter(bytes.strip, stream), 1):
            cells = line.count(b",") + 1
            if cells != width:
                raise CohortError(
                    f"{name} has {cells} cells in row {number} of its data and {width} in its "
                    "first line: the file is cut short or has decimal commas; make it again"
                )


def _no_text(name: str) -> CohortError:
    return CohortError(
        f"{name} is no UTF-8 text: it may be a spreadsheet or UTF-16; save it as comma-separated "
        "UTF-8, or make it again"
    )
