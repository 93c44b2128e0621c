"""Results as tidy tables: what every run predicted, what it was, how it learnt.

Three Parquet tables a world, in ``results/WORLD/``: ``predictions`` (a row a window), ``runs`` (a
row a run) and ``histories`` (a row an epoch). Each carries the fields of `RunSpec`, so that any of
them is selected by ``results.load("default", model="LDBM", features="affect")``.
"""

import hashlib
import io
import json
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from deplib.errors import ResultError
from deplib.keys import run_key
from deplib.paths import write_atomically
from deplib.protocol import Protocol
from deplib.windows import Fill, SplitRule

PREDICTION_COLUMNS = ["recording", "person", "split", "window", "y", "y_hat"]
SPREAD_COLUMN = "y_sd"
"""SD of the recording's prediction in z-units; nan but for runs that state their uncertainty."""
TABLES = ("runs", "predictions", "histories")
_ABOUT = ("epoch", "chosen_by", "label_mean", "label_std", "n_parameters")


@dataclass(frozen=True)
class RunSpec:
    """What one run is: a model, its seed, the simulated world, and what it saw of it."""

    model: str
    seed: int = 0
    world: str = "default"
    labels: str = "true"  # or "permuted", where nothing can be learnt, or one of PLANTED
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
        other = [key for key, usual in ABLATION.items() if values[key] != usual or key == "labels"]
        return "-".join([*(str(values[key]) for key in other), f"{self.model}-{self.seed}"])


SPEC = [field.name for field in fields(RunSpec)]
"""Columns that say which run a row is of."""
ABLATION: dict[str, Any] = {field.name: field.default for field in fields(RunSpec)[3:]}
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
        said = self.predictions.reindex(columns=[*PREDICTION_COLUMNS, SPREAD_COLUMN])
        said = said.astype(numbers).round(6).reset_index(drop=True)
        history = self.history.astype(float).round(6).reset_index(drop=True)
        if len(history):
            history["epoch"] = history["epoch"].astype(int)
        mean, std = round(float(self.label_mean), 6), round(float(self.label_std), 6)
        return replace(self, predictions=said, history=history, label_mean=mean, label_std=std)

    @property
    def digest(self) -> str:
        """SHA-256 of all that is stored of the run but its key: an edited number shows."""
        about = asdict(self.spec) | {name: getattr(self, name) for name in _ABOUT}
        found = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
        for table in (self.predictions, self.history):
            for name in sorted(table.columns):
                column = _coded(table[name])
                if not np.isnan(column).all():  # a column that is NaN throughout is none
                    found.update(str(name).encode() + column.tobytes())
        return found.hexdigest()


def folder() -> Path:
    """Return the folder of the versioned results, in a checkout or in an installed package."""
    package = Path(__file__).resolve().parent
    inside = package / "_results"
    return inside if inside.is_dir() else package.parent / "results"


def signature_path(world: str, stream: str = RunSpec.features) -> Path:
    """Return where the signature lies of the features that a world's results were made from."""
    name = "features" if stream == RunSpec.features else f"features-{stream}"
    return folder() / world / f"{name}.json"


def signature_digest(world: str, stream: str = RunSpec.features) -> str | None:
    """Return the SHA-256 of a signature, or None where there is none."""
    path = signature_path(world, stream)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of results, whole or not at all.

    Raises
    ------
    ResultError
        If it cannot be written, for instance because the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        why = f"{error.strerror or error}; make room and run again: finished runs are kept"
        raise ResultError(f"cannot write {path}: {why}") from error


def write_table(table: pd.DataFrame, path: Path, **metadata: str) -> None:
    """Write a table without its index as Parquet, whole or not at all.

    Raises
    ------
    ResultError
        If the file cannot be written, for instance because the disk is full.
    """
    content, arrow = io.BytesIO(), pa.Table.from_pandas(table, preserve_index=False)
    arrow = arrow.replace_schema_metadata(metadata or arrow.schema.metadata)
    lists = [field.name for field in arrow.schema if pa.types.is_list(field.type)]
    pq.write_table(
        arrow,
        content,
        compression="zstd",
        compression_level=9,
        use_dictionary=[name for name in arrow.column_names if name not in lists],
        column_encoding={f"{name}.list.element": "BYTE_STREAM_SPLIT" for name in lists},
    )  # lists are of numbers, which hardly recur: high bytes beside each other pack better
    write_whole(path, content.getvalue())


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
    about = runs(world, root=root, **settings)[[*SPEC, "label_mean", "label_std"]]
    table = windows(world, root=root, **settings).merge(about, on=SPEC)
    by = [table.groupby(SPEC, sort=False).ngroup().rename("run"), table["recording"]]
    mean, sd = table["label_mean"], table["label_std"]
    table = table.assign(
        bdi=table["y"] * sd + mean,
        bdi_hat=table.groupby(by, sort=False)["y_hat"].transform("mean") * sd + mean,
        bdi_sd=table[SPREAD_COLUMN] * sd,
    )
    columns = [*SPEC, "recording", "person", "split", "bdi", "bdi_hat", "bdi_sd"]
    return table.loc[~pd.concat(by, axis=1).duplicated(), columns].reset_index(drop=True)


def answers(study: str) -> pd.DataFrame:
    """Return what every predictor of a study beside the main one said, a row a recording and run.

    Parameters
    ----------
    study
        ``"order"``, the map of order on true action, or ``"population"``, the models on rendered
        faces with a Test split of a thousand recordings.

    Returns
    -------
    DataFrame
        What the run was (``inputs``, ``predictor``, ``seed``, ``cohort``, ``n_train``, ...),
        ``epoch``, ``recording``, ``person``, ``split`` (Dev or Test), ``bdi``, ``bdi_hat``.

    Raises
    ------
    ResultError
        If a table is missing or damaged.
    """
    try:
        runs, whose = (pd.read_parquet(_path(study, None, name)) for name in ("runs", "recordings"))
    except (OSError, pa.ArrowException) as error:
        raise ResultError(f"no answers of {study!r} ({error}); run `make sweep`") from error
    cell = [name for name in whose if name in runs]
    whose["place"] = whose.groupby(cell).cumcount()
    runs["place"] = runs["bdi_hat"].map(lambda given: range(len(given)))
    said = runs.explode(["bdi_hat", "place"]).merge(whose, on=[*cell, "place"])
    said["bdi_hat"] = said["bdi_hat"].astype(float) / 100  # stored in hundredths
    return said.drop(columns=["key", "place"])


def require_fresh(world: str, rows: pd.DataFrame) -> None:
    """Refuse versioned rows that the present code, protocol or features would not give.

    Raises
    ------
    ResultError
        If the key of a row differs.
    """
    for row in rows.to_dict("records"):
        spec = RunSpec(**{name: row[name] for name in SPEC})
        if row["key"] != versioned_key(spec):
            why = "by other code or settings, or from other features; run `make sweep`"
            raise ResultError(
                f"the results of {world} are stale: {_words(spec)} was computed {why}"
            )


def versioned_key(spec: RunSpec, protocol: Protocol | None = None) -> str:
    """Return the key that the row of a run must have beside the versioned signatures."""
    digests = {name: str(signature_digest(spec.world, name)) for name in spec.features.split("+")}
    return run_key(spec, digests, protocol)


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
    return _whole(world, _read(world, root))


def holding(
    world: str, keys: Mapping[RunSpec, str], *, root: Path | None = None
) -> dict[RunSpec, Result]:
    """Return those of some runs that the tables of a world have whole and under these keys."""
    if not keys or not _path(world, root, "runs").is_file():
        return {}
    found = _results(_read(world, root))
    return {one.spec: one for one, whole in found if whole and keys.get(one.spec) == one.key}


def merge(world: str, done: Iterable[Result], *, root: Path | None = None) -> None:
    """Put finished runs into the tables of a world, in the place of earlier runs of their specs.

    The table of runs is written last: until then the tables are refused or as they were, and the
    parts that they are made from are still there.
    """
    there = {one.spec: one.rounded() for one in done}
    if _path(world, root, "runs").is_file():
        old = {one.spec: one for one in _whole(world, _read(world, root), but=there)}
        other = [spec.name for spec in old.keys() & there if old[spec].key != there[spec].key]
        if other and root is not None:
            what = f"results in {root / world} that other code or data made are replaced"
            warnings.warn(f"{what}: {', '.join(sorted(other))}", stacklevel=2)
        there = old | there
    order = sorted(there, key=lambda spec: [str(value) for value in asdict(spec).values()])
    kept = [there[spec] for spec in order]
    rows = {
        "predictions": [_marked(one.spec, one.predictions) for one in kept],
        "histories": [_marked(one.spec, one.history) for one in kept if len(one.history)],
        "runs": [_marked(one.spec, pd.DataFrame([_about(one)])) for one in kept],
    }
    for name, parts in rows.items():
        table = pd.concat(parts) if parts else pd.DataFrame(columns=SPEC)
        write_table(table, _path(world, root, name))
    _checked.cache_clear()


def _tables(world: str, root: Path | None) -> dict[str, pd.DataFrame]:
    """Return a world's tables, read and checked once a process."""
    if not _path(world, root, "runs").is_file():
        there = sorted(path.parent.name for path in (root or folder()).glob("*/runs.parquet"))
        raise ResultError(f"no results of {world!r} in {root or folder()}; there are {there}")
    return _checked(world, root, *(_path(world, root, name).stat().st_mtime_ns for name in TABLES))


@cache
def _checked(world: str, root: Path | None, *written: int) -> dict[str, pd.DataFrame]:
    tables = _read(world, root)
    _whole(world, tables)
    if root is None:
        require_fresh(world, tables["runs"])
    return tables


def _whole(
    world: str, tables: Mapping[str, pd.DataFrame], *, but: Collection[RunSpec] = ()
) -> list[Result]:
    """Return every run, and refuse them if numbers of one, but for some, were edited."""
    found = list(_results(tables))
    for one, whole in found:
        if not whole and one.spec not in but:
            what = f"the numbers of {_words(one.spec)} are not those that were written"
            mend = "run `make sweep`, which computes them"
            raise ResultError(f"the results of {world} are not whole: {what}; {mend}")
    return [one for one, _ in found]


def _read(world: str, root: Path | None) -> dict[str, pd.DataFrame]:
    try:
        return {name: pq.read_table(_path(world, root, name)).to_pandas() for name in TABLES}
    except (OSError, pa.ArrowException) as error:
        mend = "take them from the repository again, or delete the folder and run `make sweep`"
        raise ResultError(f"the results of {world} cannot be read ({error}): {mend}") from error


def _results(tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[Result, bool]]:
    """Yield every run, and whether its numbers are those that were written."""
    predictions, histories = (_by_run(tables[name]) for name in TABLES[1:])
    for row in tables["runs"].to_dict("records"):
        about = {name: row[name] for name in ("key", *_ABOUT)}
        spec = RunSpec(*(row[name] for name in SPEC))
        one = Result(spec, predictions=predictions[spec], history=histories[spec], **about)
        yield one, one.digest == row["digest"]


def _by_run(table: pd.DataFrame) -> defaultdict[RunSpec, pd.DataFrame]:
    """Return the rows of each run; a run that has none gets an empty table."""
    own, found = table.drop(columns=SPEC), defaultdict(pd.DataFrame)
    for values, rows in table.groupby(SPEC, sort=False).indices.items():
        found[RunSpec(*values)] = own.iloc[rows].reset_index(drop=True)  # type: ignore[misc]
    return found


def _coded(column: pd.Series) -> np.ndarray:
    """Return a column as 64-bit numbers: a text as a hash of it."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(np.float64)
    return np.array([_hash_of(text) for text in column.to_numpy(object)])


@cache
def _hash_of(text: str) -> np.uint64:
    return np.frombuffer(hashlib.sha256(text.encode()).digest()[:8], "<u8")[0]


def _select(table: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    for name, wanted in settings.items():
        if name not in SPEC:
            raise ResultError(f"runs have no setting {name!r}; they have {', '.join(SPEC)}")
        table = table[table[name].isin(wanted if pd.api.types.is_list_like(wanted) else [wanted])]
        if table.empty:
            raise ResultError(f"no run with {name}={wanted!r} among those selected so far")
    return table.reset_index(drop=True)


def _about(result: Result) -> dict[str, Any]:
    return {name: getattr(result, name) for name in ("key", *_ABOUT, "digest")}


def _words(spec: RunSpec) -> str:
    return f"{spec.model}, seed {spec.seed} ({spec.name})"


def _marked(spec: RunSpec, table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(asdict(spec), index=table.index).join(table)


def _path(world: str, root: Path | None, name: str) -> Path:
    return Path(root or folder()) / world / f"{name}.parquet"
