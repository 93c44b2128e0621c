"""``results/selection/``: what every rule chose on every cohort; read, or computed where missing.

Three Parquet tables and the surrogate. Each scenario has a key over all that makes its rows.
"""

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from joblib import Memory, Parallel, delayed
from tqdm import tqdm

from deplib import results
from deplib.errors import ResultError
from deplib.keys import PACKAGE, code_of
from deplib.paths import data_root
from deplib.protocol import Protocol
from deplib.selection import rules
from deplib.selection.candidates import Courses, courses
from deplib.selection.drawing import SCENARIOS, draw
from deplib.selection.surrogate import Surrogate

N_COHORTS = 200
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
        names = ", ".join(TABLES)
        text = f"{path} is missing or damaged ({error}); there are {names}; run `make sweep`"
        raise ResultError(text) from error


def complete(
    scenarios: Sequence[str] = tuple(SCENARIOS),
    *,
    folder: Path | None = None,
    n_cohorts: int = N_COHORTS,
    jobs: int = 2,
    progress: bool = False,
) -> pd.DataFrame:
    """Compute the scenarios that are missing or stale, and return the table of choices.

    It can be stopped at any time: each cohort's courses are kept under
    :func:`deplib.paths.data_root`.

    Parameters
    ----------
    scenarios
        Names of `SCENARIOS`.
    folder
        Where the surrogate lies, and the tables; ``results/selection`` by default.
    n_cohorts
        Cohorts of each scenario.
    jobs
        Processes of one thread each.
    progress
        Show a bar.

    Raises
    ------
    ResultError
        If the surrogate is missing, or a file cannot be written.
    """
    folder = folder or results.folder() / "selection"
    surrogate, held = Surrogate.load(folder / SURROGATE), _keys(folder)
    for name in scenarios:
        its_key = key(name, folder, n_cohorts)
        if held.get(name) == its_key:
            continue
        memory = Memory(data_root() / "selection" / key(name, folder, 0)[:16], verbose=0)
        train = memory.cache(cohort_courses, ignore=["surrogate"])
        work = (delayed(train)(name, index, surrogate) for index in range(n_cohorts))
        done = Parallel(n_jobs=jobs, return_as="generator")(work)
        bar = tqdm(done, total=n_cohorts, desc=name, disable=not progress)
        _write(name, list(bar), folder, its_key)
    return load(folder=folder)


def key(scenario: str, folder: Path, n_cohorts: int = N_COHORTS) -> str:
    """Return the hash of what determines a scenario's rows: code, settings, surrogate."""
    surrogate = (folder / SURROGATE).read_bytes()
    content = [list(SCENARIOS[scenario]), asdict(Protocol()), n_cohorts]
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


def _keys(folder: Path) -> dict[str, str]:
    """Return the key of each scenario that the tables hold."""
    with contextlib.suppress(OSError, pa.ArrowException, KeyError, TypeError):
        return json.loads(pq.read_schema(folder / "choices.parquet").metadata[b"keys"])
    return {}


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
        results.write_table(rows, folder / f"{name}.parquet", keys=json.dumps(keys))
