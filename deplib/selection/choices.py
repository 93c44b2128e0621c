"""``results/selection/``: what every rule chose on every cohort; read, or computed where missing.

Three Parquet tables and the surrogate. Each scenario has a key over all that makes its rows.
"""

import contextlib
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from joblib import Parallel, delayed
from tqdm import tqdm

from deplib import results
from deplib.errors import ResultError
from deplib.keys import PACKAGE, code_of
from deplib.paths import data_root, write_atomically
from deplib.protocol import Protocol
from deplib.selection import calibration, rules
from deplib.selection.candidates import Courses, courses
from deplib.selection.drawing import SCENARIOS, draw
from deplib.selection.surrogate import Surrogate

N_COHORTS = 200
BLOCK = 5
"""Cohorts that are computed and kept together."""
TABLES = ("growth", "courses", "choices")
SURROGATE = "surrogate.safetensors"
SOURCES = (
    *(f"selection/{name}.py" for name in ("candidates", "drawing", "rules", "surrogate")),
    *(f"cohorts/simulated/{name}.py" for name in ("behaviour", "labels")),
    "models/mean_mlp.py",
)
"""What the key of a scenario covers."""


def load(table: str = "choices", *, folder: Path | None = None) -> pd.DataFrame:
    """Return one of `TABLES`: ``scenario``, then the columns that `rules` gives it.

    ``choices`` has a row a scenario, rule and cohort, ``growth`` a row a number of candidates,
    ``courses`` a row a setting and epoch, mean over cohorts.

    Raises
    ------
    ResultError
        If the table is missing or damaged.
    """
    path = (folder or results.folder() / "selection") / f"{table}.parquet"
    try:
        return pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise ResultError(
            f"{path} is missing or damaged ({error}); there are {', '.join(TABLES)}; run "
            "`make sweep`"
        ) from error


def complete(
    scenarios: Sequence[str] = tuple(SCENARIOS),
    *,
    folder: Path | None = None,
    n_cohorts: int = N_COHORTS,
    jobs: int = 2,
    progress: bool = False,
) -> pd.DataFrame:
    """Compute the scenarios that are missing or stale, and return the table of choices.

    It can be stopped at any time: blocks of cohorts are kept under
    :func:`deplib.paths.data_root` until their scenario is written.

    Parameters
    ----------
    scenarios
        Names of `SCENARIOS`.
    folder
        Where the tables lie, or will; ``results/selection`` by default.
    n_cohorts
        Cohorts of each scenario.
    jobs
        Processes of one thread each.
    progress
        Show a bar.

    Raises
    ------
    ResultError
        If a file cannot be written.
    """
    folder = folder or results.folder() / "selection"
    surrogate = _surrogate(folder, jobs)
    keys = {name: key(name, folder, n_cohorts) for name in scenarios}
    held = _keys(folder)
    missing = [name for name in scenarios if held.get(name) != keys[name]]
    starts = range(0, n_cohorts, BLOCK)
    work = [(name, range(k, min(k + BLOCK, n_cohorts))) for name in missing for k in starts]
    places = [_place(name, block, folder) for name, block in work]
    todo = [(*one, at) for one, at in zip(work, places, strict=True) if not _readable(at)]
    jobs_done = Parallel(n_jobs=jobs, return_as="generator_unordered")(
        delayed(_block)(name, block, surrogate, at) for name, block, at in todo
    )
    for _ in tqdm(jobs_done, total=len(todo), desc="choosing", disable=not progress):
        pass
    for name in missing:
        found = [_read(at) for (of, _), at in zip(work, places, strict=True) if of == name]
        _write(name, [one for block in found for one in block], folder, keys[name])
    return load(folder=folder)


def key(scenario: str, folder: Path, n_cohorts: int = N_COHORTS) -> str:
    """Return the hash of what determines a scenario's rows: code, settings, surrogate."""
    surrogate = (folder / SURROGATE).read_bytes()
    content = [asdict(SCENARIOS[scenario]), asdict(Protocol()), n_cohorts]
    content += [code_of(PACKAGE / name) for name in SOURCES]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode() + surrogate).hexdigest()


def cohort_courses(scenario: str, index: int, surrogate: Surrogate) -> Courses:
    """Draw one cohort of a scenario and train every candidate on it, in one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return courses(draw(scenario, index, surrogate), seed=1000 * index)
    finally:
        torch.set_num_threads(before)


def _surrogate(folder: Path, jobs: int) -> Surrogate:
    with contextlib.suppress(ResultError):
        return Surrogate.load(folder / SURROGATE)
    return calibration.calibrate(jobs=jobs).save(folder / SURROGATE)


def _keys(folder: Path) -> dict[str, str]:
    """Return the key of each scenario that the tables hold."""
    with contextlib.suppress(OSError, pa.ArrowException, KeyError, TypeError):
        return json.loads(pq.read_schema(folder / "choices.parquet").metadata[b"keys"])
    return {}


def _place(scenario: str, block: range, folder: Path) -> Path:
    name = f"{scenario}-{block.start}-{block.stop}.npz"
    return data_root() / "selection" / key(scenario, folder, 0)[:16] / name


def _block(scenario: str, block: range, surrogate: Surrogate, path: Path) -> None:
    cohorts = [cohort_courses(scenario, index, surrogate) for index in block]
    stream = io.BytesIO()
    np.savez(stream, **{name: np.stack([one[name] for one in cohorts]) for name in cohorts[0]})
    _put(path, stream)


def _read(path: Path) -> list[Courses]:
    with np.load(path, allow_pickle=False) as arrays:
        rows = [dict(zip(arrays, row, strict=True)) for row in zip(*arrays.values(), strict=True)]
    return rows


def _readable(path: Path) -> bool:
    try:
        return bool(_read(path))
    except Exception:  # missing, cut off or foreign: it will be computed
        return False


def _write(scenario: str, cohorts: list[Courses], folder: Path, its_key: str) -> None:
    """Put a scenario's rows into the tables; ``choices`` comes last and carries the key."""
    made = {
        "growth": rules.growth(cohorts, rng=np.random.default_rng(0)),
        "courses": rules.mean_courses(cohorts),
        "choices": rules.choices(cohorts, patience=Protocol().patience),
    }
    keys = {name: k for name, k in _keys(folder).items() if name != scenario} | {scenario: its_key}
    for name in TABLES:
        rows = made[name].round(3)
        rows.insert(0, "scenario", scenario)
        with contextlib.suppress(ResultError):
            old = load(name, folder=folder)
            rows = pd.concat([old[old["scenario"] != scenario], rows])
        table = pa.Table.from_pandas(rows, preserve_index=False)
        table = table.replace_schema_metadata({"keys": json.dumps(keys)})
        stream = io.BytesIO()
        pq.write_table(table, stream, compression="zstd")
        _put(folder / f"{name}.parquet", stream)


def _put(path: Path, stream: io.BytesIO) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, stream.getvalue())
    except OSError as error:
        raise ResultError(f"cannot write {path}: {error.strerror or error}") from error
