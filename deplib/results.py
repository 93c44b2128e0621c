"""Results as tidy tables: what every run predicted, what it was, how it learnt.

Three Parquet tables a world, in ``results/WORLD/``: ``predictions`` (a row a window), ``runs`` (a
row a run) and ``histories`` (a row an epoch). Each carries the fields of `RunSpec`, so that any of
them is selected by ``results.load("default", model="LDBM", features="affect")``.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from deplib.errors import ResultError
from deplib.windows import Fill, SplitRule

PREDICTION_COLUMNS = ["recording", "person", "split", "window", "y", "y_hat"]
SPREAD_COLUMN = "y_sd"
"""SD of the recording's prediction in z-units; nan but for runs that state their uncertainty."""
TABLES = ("runs", "predictions", "histories")


@dataclass(frozen=True)
class RunSpec:
    """What one run is: a model, its seed, the simulated world, and what it saw of it."""

    model: str
    seed: int = 0
    world: str = "default"
    labels: str = "true"  # or "permuted": the control in which nothing can be learnt
    split_rule: SplitRule = "official"  # the cohort's own, or person-disjoint
    features: str = "identity"  # names of streams, joined by "+"; see deplib.streams
    recipe: str = "protocol"  # how it is taught: as the protocol says, or one of deplib.recipes
    missing: float = 0.0  # share of the recordings that have nothing but embeddings
    precision: str = "float32"  # or what of a trained run is in 8 bits
    lost: float = 0.0  # share of the frames that a planted fault takes, in bursts
    fill: Fill = "mask"  # what stands in the place of the lost frames

    @property
    def name(self) -> str:
        """What tells the run from others of its world; serves as a file's name."""
        values = asdict(self)
        other = [
            f"{key}={values[key]}"
            for key, usual in ABLATION.items()
            if values[key] != usual or key == "labels"
        ]
        return "-".join(
            [*(f"{one}".partition("=")[2] for one in other), f"{self.model}-{self.seed}"]
        )


SPEC = [field.name for field in fields(RunSpec)]
"""Columns that say which run a row is of."""
ABLATION: dict[str, Any] = {
    field.name: field.default
    for field in fields(RunSpec)
    if field.name not in ("model", "seed", "world")
}
"""The settings of the main comparison: ``load(world, **ABLATION)`` leaves all options out."""


@dataclass(frozen=True, eq=False)
class Result:
    """A run's predictions and learning curve, with what made them.

    Attributes
    ----------
    spec, key
        The run, and the hash of all that determines it.
    predictions
        One row a window, in z-scored BDI-II: ``PREDICTION_COLUMNS``, and ``y_sd`` where a run
        states its uncertainty.
    history
        One row an epoch: losses, Dev scores, sigma_ratio; no rows for a model without epochs.
    epoch, chosen_by
        The epoch whose predictions these are, and the rule that chose it.
    label_mean, label_std
        The scaling of the labels, in BDI-II points.
    n_parameters
        Trainable parameters of the model.
    """

    spec: RunSpec
    key: str
    predictions: pd.DataFrame
    history: pd.DataFrame
    epoch: int
    chosen_by: str
    label_mean: float
    label_std: float
    n_parameters: int

    def rounded(self) -> "Result":
        """Return the result as it is stored: columns in order, numbers to six digits."""
        numbers = dict.fromkeys(("y", "y_hat", SPREAD_COLUMN), float)
        predictions = self.predictions.reindex(columns=[*PREDICTION_COLUMNS, SPREAD_COLUMN])
        predictions = predictions.astype(numbers).round(6)
        history = self.history.astype(float).round(6)
        if len(history):
            history["epoch"] = history["epoch"].astype(int)
        return Result(
            self.spec, self.key, predictions.reset_index(drop=True), history.reset_index(drop=True),
            int(self.epoch), self.chosen_by, round(float(self.label_mean), 6),
            round(float(self.label_std), 6), int(self.n_parameters),
        )  # fmt: skip

    @property
    def digest(self) -> str:
        """SHA-256 of all that is stored of the run but its key: an edited number shows."""
        about = [asdict(self.spec), self.epoch, self.chosen_by, self.label_mean, self.label_std]
        found = hashlib.sha256(json.dumps([*about, self.n_parameters]).encode())
        for table in (self.predictions, self.history):
            for name, column in table.items():
                if column.isna().all() or name in SPEC:
                    continue
                text = not pd.api.types.is_numeric_dtype(column)
                found.update(
                    f"{name}:{chr(0).join(column)}".encode()
                    if text
                    else f"{name}:".encode() + column.to_numpy(np.float64).tobytes()
                )
        return found.hexdigest()

    def save(self, path: Path) -> None:
        """Write the run as one part, whole or not at all; `merge` puts parts into the tables.

        Raises
        ------
        ResultError
            If the file cannot be written, for instance because the disk is full.
        """
        kept = self.rounded()
        about = _row(kept) | {"history": kept.history.to_json(orient="split", double_precision=15)}
        table = pa.Table.from_pandas(kept.predictions, preserve_index=False)
        _write(table.replace_schema_metadata({"run": json.dumps(about)}), path)

    @classmethod
    def read(cls, path: Path, *, key: str | None = None) -> "Result":
        """Read a part that `save` wrote.

        Raises
        ------
        ResultError
            If it is missing, damaged or edited, or has another key than the one given.
        """
        try:
            table = pq.read_table(path)
            row = json.loads(table.schema.metadata[b"run"])
            history = pd.DataFrame(**json.loads(row.pop("history")))
            result = _result(row, table.to_pandas(), history)
        except FileNotFoundError:
            raise ResultError(f"{path} does not exist; make it with `make sweep`") from None
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise ResultError(
                f"{path} is no whole run ({error}); delete it and run again"
            ) from error
        if key is not None and result.key != key:
            raise ResultError(f"{path} is stale: it was made by other code, data or settings")
        return result


def folder() -> Path:
    """Return the folder of the versioned results, in a checkout or in an installed package."""
    package = Path(__file__).resolve().parent
    inside = package / "_results"
    return inside if inside.is_dir() else package.parent / "results"


def load(world: str = "default", *, root: Path | None = None, **settings: Any) -> pd.DataFrame:
    """Return the predictions of all runs of a world, a row a recording, in BDI-II points.

    Parameters
    ----------
    world
        Name of a simulated world, or of a corpus under ``root``.
    root
        Folder of the tables; the versioned results by default.
    **settings
        Fields of `RunSpec` to select by, such as ``model="LDBM"`` or ``**results.ABLATION``; a
        list selects several values.

    Returns
    -------
    DataFrame
        The fields of `RunSpec`, then ``recording``, ``person``, ``split``, ``bdi``, ``bdi_hat``,
        and ``bdi_sd``, nan where a run does not state its uncertainty.

    Raises
    ------
    ResultError
        If a table is missing, damaged, edited, or stale: made by other code or data.
    """
    table = windows(world, root=root, **settings)
    scaling = runs(world, root=root, **settings)[[*SPEC, "label_mean", "label_std"]]
    by = [*SPEC, "recording", "person", "split"]
    table = table.groupby(by, sort=False, as_index=False).agg(
        bdi=("y", "first"), bdi_hat=("y_hat", "mean"), bdi_sd=(SPREAD_COLUMN, "first")
    )
    table = table.merge(scaling, on=SPEC, how="left", validate="many_to_one")
    for column in ("bdi", "bdi_hat", "bdi_sd"):
        table[column] *= table["label_std"]
    for column in ("bdi", "bdi_hat"):
        table[column] += table["label_mean"]
    return table.drop(columns=["label_mean", "label_std"])


def runs(world: str = "default", *, root: Path | None = None, **settings: Any) -> pd.DataFrame:
    """Return a row a run: `RunSpec`, ``key``, ``digest``, ``epoch``, ``n_parameters``, scaling."""
    return _select(_tables(world, root)["runs"], settings)


def histories(world: str = "default", *, root: Path | None = None, **settings: Any) -> pd.DataFrame:
    """Return a row an epoch of every run that has epochs: `RunSpec`, losses and Dev scores."""
    return _select(_tables(world, root)["histories"], settings)


def windows(world: str = "default", *, root: Path | None = None, **settings: Any) -> pd.DataFrame:
    """Return a row a window: `RunSpec`, ``PREDICTION_COLUMNS`` in z-units, ``y_sd``."""
    return _select(_tables(world, root)["predictions"], settings)


def read_all(world: str, *, root: Path | None = None) -> list[Result]:
    """Return every run of a world as a `Result`, each checked against its digest."""
    tables = {name: pq.read_table(_path(world, root, name)).to_pandas() for name in TABLES}
    parts = {
        name: {
            spec: part.drop(columns=SPEC).reset_index(drop=True)
            for spec, part in tables[name].groupby(SPEC, sort=False)
        }
        for name in ("predictions", "histories")
    }
    found = []
    for row in tables["runs"].to_dict("records"):
        spec = tuple(row[name] for name in SPEC)
        history = parts["histories"].get(spec, pd.DataFrame())
        try:
            found.append(_result(row, parts["predictions"][spec], history))
        except (KeyError, ValueError) as error:
            raise ResultError(
                f"the results of {world} are not whole: {row['model']}, seed {row['seed']}: "
                f"{error}; run `make sweep`, which mends them from finished runs"
            ) from error
    return found


def merge(world: str, done: Iterable[Result], *, root: Path | None = None) -> None:
    """Put finished runs into the tables of a world, in the place of earlier runs of their specs.

    The table of runs is written last: until then the tables are refused or as they were, and the
    parts that they are made from are still there.
    """
    there = {one.spec: one for one in read_all(world, root=root)} if _exists(world, root) else {}
    there |= {one.spec: one.rounded() for one in done}
    kept = [
        there[spec]
        for spec in sorted(there, key=lambda spec: [str(v) for v in asdict(spec).values()])
    ]
    rows = {
        "predictions": [_marked(one.spec, one.predictions) for one in kept],
        "histories": [_marked(one.spec, one.history) for one in kept if len(one.history)],
    }
    for name, parts in rows.items():
        table = pd.concat(parts) if parts else pd.DataFrame(columns=SPEC)
        _write(pa.Table.from_pandas(table, preserve_index=False), _path(world, root, name))
    table = pd.DataFrame([_row(one) for one in kept])
    _write(pa.Table.from_pandas(table, preserve_index=False), _path(world, root, "runs"))
    _CACHE.clear()


_CACHE: dict[Any, dict[str, pd.DataFrame]] = {}


def _tables(world: str, root: Path | None) -> dict[str, pd.DataFrame]:
    """Read a world's tables once a process, and check every run."""
    if not _exists(world, root):
        raise ResultError(
            f"no results of {world!r} in {root or folder()}; there are "
            f"{sorted(path.parent.name for path in (root or folder()).glob('*/runs.parquet'))}"
        )
    stamp = [_path(world, root, name).stat().st_mtime_ns for name in TABLES]
    at = (world, root, *stamp)
    if at not in _CACHE:
        read_all(world, root=root)
        _CACHE[at] = {name: pq.read_table(_path(world, root, name)).to_pandas() for name in TABLES}
    return _CACHE[at]


def _select(table: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    for name, wanted in settings.items():
        if name not in SPEC:
            raise ResultError(f"runs have no setting {name!r}; they have {', '.join(SPEC)}")
        values = wanted if isinstance(wanted, list | tuple | set | frozenset) else [wanted]
        table = table[table[name].isin(list(values))]
        if table.empty:
            raise ResultError(f"no run with {name}={wanted!r} among those selected so far")
    return table.reset_index(drop=True)


def _result(row: dict[str, Any], predictions: pd.DataFrame, history: pd.DataFrame) -> Result:
    spec = RunSpec(**{name: row[name] for name in SPEC})
    about = {f.name: row[f.name] for f in fields(Result) if f.name in row and f.name not in SPEC}
    result = Result(spec=spec, predictions=predictions, history=history, **about)
    if result.digest != row["digest"]:
        raise ValueError("its numbers are not those that were written")
    return result


def _row(result: Result) -> dict[str, Any]:
    names = ("key", "epoch", "chosen_by", "label_mean", "label_std", "n_parameters", "digest")
    return asdict(result.spec) | {name: getattr(result, name) for name in names}


def _marked(spec: RunSpec, table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(asdict(spec), index=table.index).join(table)


def _path(world: str, root: Path | None, name: str) -> Path:
    return (root or folder()) / world / f"{name}.parquet"


def _exists(world: str, root: Path | None) -> bool:
    return _path(world, root, "runs").is_file()


def _write(table: pa.Table, path: Path) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, partial, compression="zstd", compression_level=9)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ResultError(
            f"cannot write {path}: {error.strerror or error}; make room and run again: finished "
            "runs are kept"
        ) from error
