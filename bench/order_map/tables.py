"""Answers of many runs, kept in two small tables that grow run by run.

A study is a module with ``Run``, a NamedTuple that says what a run is; ``CELL``, the fields that
say whom it is about; ``answers(run)``; ``evaluated(run)``, the recordings of Dev and Test; and
``key(run)``, the hash of what made its answers beside what ``Run`` says. ``runs`` has a row a run,
its answers in hundredths of a point; ``recordings`` says whose they are, in the same order.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from joblib import Parallel, delayed
from tqdm import tqdm

from deplib import results

TOGETHER = 12
"""Runs after which the tables are written again."""


def complete(study: ModuleType, runs: Sequence[Any], folder: Path, *, jobs: int) -> None:
    """Compute the runs that the tables lack, or have of other code.

    The tables are written again after every few runs, so that it can be stopped at any time.

    Raises
    ------
    ResultError
        If a file cannot be written.
    """
    fields = list(study.Run._fields)
    held = set(held_in(study, folder)[fields].itertuples(index=False, name=None))
    missing = [run for run in runs if tuple(run) not in held]
    calls = [delayed(row_of)(study.__name__, run) for run in missing]
    done = Parallel(n_jobs=jobs, return_as="generator")(calls)
    some: list[dict[str, Any]] = []
    for row in tqdm(done, total=len(missing), desc=folder.name, unit="run"):
        some.append(row)
        if len(some) == TOGETHER:
            merge(study, some, folder)
            some.clear()
    if some:
        merge(study, some, folder)


def row_of(study: str, run: Any) -> dict[str, Any]:
    """Do one run, and return its row."""
    module = import_module(study)
    bdi_hat, epoch = module.answers(run)
    names = module.evaluated(run)["recording"]
    hundredths = (bdi_hat[names] * 100).round().clip(-32_000, 32_000).to_numpy(np.int16)
    return run._asdict() | {"epoch": epoch, "bdi_hat": hundredths, "key": module.key(run)}


def merge(study: ModuleType, rows: list[dict[str, Any]], folder: Path) -> None:
    """Put runs into the tables; ``runs``, which tells what is there, is written last."""
    runs = pd.DataFrame([*held_in(study, folder).to_dict("records"), *rows])
    runs = runs.sort_values(list(study.Run._fields))
    cells = runs.drop_duplicates(study.CELL)
    whose = [
        study.evaluated(run)[["recording", "person", "split", "bdi"]].assign(
            **{name: getattr(run, name) for name in study.CELL}
        )
        for run in runs_in(study, cells)
    ]
    columns = [*study.CELL, "recording", "person", "split", "bdi"]
    results.write_table(pd.concat(whose)[columns], folder / "recordings.parquet")
    results.write_table(runs, folder / "runs.parquet")


def held_in(study: ModuleType, folder: Path) -> pd.DataFrame:
    """Return the runs of the table that the present code would give as they are."""
    try:
        runs = pd.read_parquet(folder / "runs.parquet")
    except (OSError, pa.ArrowException):  # none, or damaged
        return pd.DataFrame(columns=[*study.Run._fields, "epoch", "bdi_hat", "key"])
    fresh = [
        study.key(run) == key for run, key in zip(runs_in(study, runs), runs["key"], strict=True)
    ]
    return runs[fresh]


def runs_in(study: ModuleType, table: pd.DataFrame) -> list[Any]:
    """Return what the rows of a table are of."""
    rows = table[list(study.Run._fields)].itertuples(index=False, name=None)
    return [study.Run(*row) for row in rows]
