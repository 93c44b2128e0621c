"""Compute ``results/order/``: what every predictor of the map of order said.

    python bench/order_map/sweep.py

Some three hours of a core; it can be stopped at any time, and goes on from its tables. ``runs`` has
a row a run with its answers on Dev and Test, in hundredths of a point; ``recordings`` says whose
they are, in the same order, and is the same at every share of a size and seed. A row whose key is
not that of the present code is computed again. The chapter *When order matters* reads both.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, get_args

import cells
import numpy as np
import pandas as pd
import pyarrow as pa
from cells import CONVOLUTIONS, NETWORKS, SHALLOW, Run
from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from deplib import results
from deplib.cohorts.simulated import SimulatedCohort
from deplib.cohorts.simulated.behaviour import World
from deplib.keys import PACKAGE, code_of, source_of
from deplib.results import RunSpec
from deplib.scaling import Scaling
from deplib.streams.measured import true_actions

SIZES = (50, 150, 500, 1500)
COHORTS = (0, 1, 2)
SEEDS = (0, 1)
SOURCES = (Path(cells.__file__), PACKAGE / "scaling.py")
"""What the key covers, beside the model's source and what the cohort gives."""
TOGETHER = 12
"""Runs after which the table is written again."""
FIELDS = list(Run._fields)


def grid() -> list[Run]:
    """Return the runs of the map, so ordered that a part of them is already a picture.

    Pace at shares 0 and 1, what other inputs do there, stroke, then pace at the shares between. In
    each, small Train sets come first. Of a mean over time nothing is left when recordings are
    z-scored, so TemporalMeanMLP sees inputs that are not.
    """
    own: dict[str, Scaling] = dict.fromkeys((*SHALLOW[:-1], "TemporalMeanMLP"), "none")
    learn = [*NETWORKS, CONVOLUTIONS]
    main = [(own.get(name, "z-scored"), name, 0) for name in (*SHALLOW[:-1], *learn)]
    main += [(own.get(name, "z-scored"), name, seed) for seed in SEEDS[1:] for name in learn]
    other = [(scaling, name, 0) for scaling in get_args(Scaling)[:2] for name in learn]
    stages = (
        ("pace", (0.0, 1.0), SIZES, main),
        ("pace", (0.0, 1.0), (500,), other),
        ("stroke", (1.0,), SIZES, main),
        ("pace", (0.5,), SIZES, main),
        ("pace", (0.25, 0.75), SIZES, main),
    )
    runs = [
        Run(movement, share, n_train, cohort, *which)
        for movement, shares, sizes, predictors in stages
        for n_train, cohort, share in product(sizes, COHORTS, shares)
        for which in predictors
    ]
    return list(dict.fromkeys(runs))


def complete(runs: Sequence[Run], folder: Path, *, jobs: int) -> None:
    """Compute the runs that the tables lack, or have of other code.

    The tables are written again after every few runs, so that it can be stopped at any time.

    Raises
    ------
    ResultError
        If a file cannot be written.
    """
    held = set(held_in(folder)[FIELDS].itertuples(index=False, name=None))
    missing = [run for run in runs if tuple(run) not in held]
    done = Parallel(n_jobs=jobs, return_as="generator")(delayed(row_of)(run) for run in missing)
    some: list[dict[str, Any]] = []
    for row in tqdm(done, total=len(missing), desc="order map", unit="run"):
        some.append(row)
        if len(some) == TOGETHER:
            merge(some, folder)
            some.clear()
    if some:
        merge(some, folder)


@lru_cache
def key(movement: str, predictor: str) -> str:
    """Return the hash of what determines a run's answers, but for what the run itself says.

    The simulated cohort counts through what it gives: labels, latents and motion of forty
    recordings, so rounded that another processor changes nothing.
    """
    world = World("probe", cells.GAIN, "half of it in order", share=0.5, movement=movement)
    probe = SimulatedCohort(world, seed=0, n_recordings=40, n_frames=cells.N_FRAMES)
    action = true_actions(probe, average=cells.AVERAGE).astype(float)
    speed = np.diff(action, axis=1).std(axis=1)
    digest = hashlib.sha256(probe.recordings.to_csv(index=False).encode())
    for part in (probe.truth.drop(columns="recording"), action.mean(1), action.std(1), speed):
        digest.update((np.asarray(part).round(3) + 0.0).tobytes())
    source = source_of(RunSpec(predictor if predictor in NETWORKS else "MiniRocket"))
    content = [source, asdict(cells.PROTOCOL), *map(code_of, SOURCES)]
    digest.update(json.dumps(content, sort_keys=True).encode())
    return digest.hexdigest()


def row_of(run: Run) -> dict[str, Any]:
    """Do one run, and return its row."""
    bdi_hat, epoch = cells.answers(run)
    names = recordings_of(run.n_train, run.cohort)["recording"]
    hundredths = (bdi_hat[names] * 100).round().clip(-32_000, 32_000).to_numpy(np.int16)
    its_key = key(run.movement, run.predictor)
    return run._asdict() | {"epoch": epoch, "bdi_hat": hundredths, "key": its_key}


@lru_cache  # every merge asks for those of all cells
def recordings_of(n_train: int, cohort: int) -> pd.DataFrame:
    """Return whom the answers of a cell are about; no movement or share changes it."""
    table = cells.simulate("pace", 0.0, n_train, cohort).recordings
    evaluated = table[table["split"] != "train"].sort_values("split", kind="stable")
    columns = ["n_train", "cohort", "recording", "person", "split", "bdi"]
    return evaluated.assign(n_train=n_train, cohort=cohort)[columns]


def merge(rows: list[dict[str, Any]], folder: Path) -> None:
    """Put runs into the tables; ``runs``, which tells what is there, is written last."""
    runs = pd.DataFrame([*held_in(folder).to_dict("records"), *rows]).sort_values(FIELDS)
    pairs = runs[["n_train", "cohort"]].drop_duplicates().itertuples(index=False, name=None)
    whose = pd.concat([recordings_of(*pair) for pair in pairs])
    results.write_table(whose, folder / "recordings.parquet")
    results.write_table(runs, folder / "runs.parquet")


def held_in(folder: Path) -> pd.DataFrame:
    """Return the runs of the table that the present code would give as they are."""
    try:
        runs = pd.read_parquet(folder / "runs.parquet")
    except (OSError, pa.ArrowException):  # none, or damaged
        return pd.DataFrame(columns=[*FIELDS, "epoch", "bdi_hat", "key"])
    return runs[[key(*of) == k for *of, k in runs[["movement", "predictor", "key"]].to_numpy()]]


if __name__ == "__main__":
    import sweep  # by this name a worker finds it, too

    sweep.complete(sweep.grid(), results.folder() / "order", jobs=cpu_count())
