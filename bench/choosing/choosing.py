"""Compute ``results/selection/``: what every rule chose on every cohort.

    python bench/choosing/choosing.py

Some hours of a core; it can be stopped at any time: each cohort's courses are kept in the data
folder. ``choices`` has a row a scenario, rule and cohort, ``growth`` a row a number of candidates,
``courses`` a row a setting and epoch, mean over cohorts. Each scenario has a key over all that
makes its rows; those of another are computed again. The chapter *Looking good on Dev* reads them.
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
import rules
import torch
from candidates import Courses, courses
from drawing import SCENARIOS, draw
from joblib import Memory, Parallel, cpu_count, delayed
from surrogate import Surrogate
from tqdm import tqdm

from deplib import results
from deplib.keys import PACKAGE, code_of
from deplib.paths import data_root
from deplib.protocol import Protocol

N_COHORTS = 200
TABLES = ("growth", "courses", "choices")
SURROGATE = "surrogate.safetensors"
SOURCES = (
    *(Path(__file__).with_name(f"{name}.py") for name in ("candidates", "drawing", "surrogate")),
    *(PACKAGE / f"cohorts/simulated/{name}.py" for name in ("behaviour", "labels")),
    PACKAGE / "models/mean_mlp.py",
    Path(rules.__file__),
)
"""What the key of a scenario covers."""


def complete(
    scenarios: Sequence[str], folder: Path, *, n_cohorts: int = N_COHORTS, jobs: int
) -> None:
    """Compute the scenarios that the tables lack, or have of other code.

    Raises
    ------
    ResultError
        If the surrogate is missing in the folder, or a file cannot be written.
    """
    surrogate, held = Surrogate.load(folder / SURROGATE), keys_in(folder)
    for name in scenarios:
        its_key = key(name, folder, n_cohorts)
        if held.get(name) == its_key:
            continue
        memory = Memory(data_root() / "selection" / key(name, folder, 0)[:16], verbose=0)
        train = memory.cache(cohort_courses, ignore=["surrogate"])
        work = (delayed(train)(name, index, surrogate) for index in range(n_cohorts))
        done = Parallel(n_jobs=jobs, return_as="generator")(work)
        bar = tqdm(done, total=n_cohorts, desc=f"choosing on Dev, {name}", unit="cohort")
        write(name, list(bar), folder, its_key)


def key(scenario: str, folder: Path, n_cohorts: int = N_COHORTS) -> str:
    """Return the hash of what determines a scenario's rows: code, settings, surrogate."""
    surrogate = (folder / SURROGATE).read_bytes()
    content = [list(SCENARIOS[scenario]), asdict(Protocol()), n_cohorts]
    content += [*map(code_of, SOURCES)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode() + surrogate).hexdigest()


def cohort_courses(scenario: str, index: int, surrogate: Surrogate) -> Courses:
    """Draw one cohort of a scenario and train every candidate on it, in one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return courses(draw(scenario, index, surrogate), seed=1000 * index)
    finally:
        torch.set_num_threads(before)


def keys_in(folder: Path) -> dict[str, str]:
    """Return the key of each scenario that the tables hold."""
    with contextlib.suppress(OSError, pa.ArrowException, KeyError, TypeError):
        return json.loads(pq.read_schema(folder / "choices.parquet").metadata[b"keys"])
    return {}


def write(scenario: str, cohorts: list[Courses], folder: Path, its_key: str) -> None:
    """Put a scenario's rows into the tables; ``choices`` comes last and carries the key."""
    made = {
        "growth": rules.growth(cohorts, rng=np.random.default_rng(0)),
        "courses": rules.mean_courses(cohorts),
        "choices": rules.choices(cohorts, patience=Protocol().patience),
    }
    keys = {name: k for name, k in keys_in(folder).items() if name != scenario} | {
        scenario: its_key
    }
    for name in TABLES:
        rows = made[name].round(3)
        rows.insert(0, "scenario", scenario)
        with contextlib.suppress(OSError, pa.ArrowException):  # none, or damaged
            old = pd.read_parquet(folder / f"{name}.parquet")
            rows = pd.concat([old[old["scenario"] != scenario], rows])
        results.write_table(rows, folder / f"{name}.parquet", keys=json.dumps(keys))


if __name__ == "__main__":
    import choosing  # by this name a worker finds it, too

    choosing.complete(tuple(SCENARIOS), results.folder() / "selection", jobs=cpu_count())
