"""``results/order/``: what every predictor of the map said; read, or computed where missing.

Two Parquet tables: ``runs`` has a row a run with its answers on Dev and Test, in hundredths of a
point; ``recordings`` says whose they are, and is the same at every share of a size and seed. A row
whose key is not that of the present code is never shown, and computed again.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from joblib import Memory, Parallel, delayed
from tqdm import tqdm

from deplib import results
from deplib.cohorts.simulated import SimulatedCohort
from deplib.cohorts.simulated.behaviour import World
from deplib.errors import ResultError
from deplib.keys import PACKAGE, code_of, source_of
from deplib.order_map import cells
from deplib.order_map.cells import CONVOLUTIONS, NETWORKS, SHALLOW, Run
from deplib.paths import data_root
from deplib.results import RunSpec
from deplib.scaling import Scaling
from deplib.streams.measured import true_actions

SIZES = (50, 150, 500, 1500)
COHORTS = (0, 1, 2)
SEEDS = (0, 1)
SOURCES = ("order_map/cells.py", "scaling.py")
"""What the key covers, beside the model's source and what the cohort gives."""
TOGETHER = 24
"""Runs after which the table is written again."""
FIELDS = list(Run._fields)


def grid() -> list[Run]:
    """Return the runs of the map, so ordered that a part of them is already a picture.

    Pace at shares 0, .5 and 1, then at .25 and .75; then stroke at 1; then what the other inputs
    do to pace. In each, small Train sets come first. Of a mean over time nothing is left when
    recordings are z-scored, so TemporalMeanMLP sees inputs that are not.
    """
    own: dict[str, Scaling] = dict.fromkeys((*SHALLOW[:-1], "TemporalMeanMLP"), "none")
    learn = [*NETWORKS, CONVOLUTIONS]
    main = [(own.get(name, "z-scored"), name, 0) for name in (*SHALLOW[:-1], *learn)]
    main += [(own.get(name, "z-scored"), name, seed) for seed in SEEDS[1:] for name in learn]
    other = [(scaling, name, 0) for scaling in get_args(Scaling)[:2] for name in learn]
    stages = (
        ("pace", (0.0, 0.5, 1.0), SIZES, main),
        ("pace", (0.25, 0.75), SIZES, main),
        ("stroke", (1.0,), SIZES, main),
        ("pace", (0.0, 1.0), (500,), other),
    )
    runs = [
        Run(movement, share, n_train, cohort, *which)
        for movement, shares, sizes, predictors in stages
        for n_train, cohort, share in product(sizes, COHORTS, shares)
        for which in predictors
    ]
    return list(dict.fromkeys(runs))


def load(*, folder: Path | None = None, **settings: Any) -> pd.DataFrame:
    """Return what was said on Dev and Test, a row a run and recording, in BDI-II points.

    Parameters
    ----------
    folder
        Where the tables lie; ``results/order`` by default.
    **settings
        Fields of `Run` to select by, such as ``movement="pace"``; a list selects several values.

    Returns
    -------
    DataFrame
        The fields of `Run`, ``epoch``, ``recording``, ``person``, ``split``, ``bdi``, ``bdi_hat``.

    Raises
    ------
    ResultError
        If the table is missing, damaged or stale, or has no such run.
    """
    folder = folder or _folder()
    runs, recordings = (_read(folder / f"{name}.parquet") for name in ("runs", "recordings"))
    for name, wanted in settings.items():
        if name not in FIELDS:
            raise ResultError(f"the map has no setting {name!r}; it has {', '.join(FIELDS)}")
        values = wanted if isinstance(wanted, list | tuple) else [wanted]
        there, runs = sorted(runs[name].unique().tolist()), runs[runs[name].isin(values)]
        if runs.empty:
            raise ResultError(f"the map has no run with {name}={wanted!r}; there are {there}")
    stale = runs[runs["key"] != _keys(runs)]
    if len(stale):
        about = stale.iloc[0][FIELDS].to_dict()
        raise ResultError(f"{about} was computed by other code or settings: run `make sweep`")
    cell = ["n_train", "cohort"]
    recordings["place"] = recordings.groupby(cell).cumcount()
    said = runs["bdi_hat"].to_list()
    tidy = runs[[*FIELDS, "epoch"]].loc[runs.index.repeat([len(one) for one in said])]
    tidy = tidy.assign(
        bdi_hat=np.concatenate(said) / 100,
        place=np.concatenate([np.arange(len(one)) for one in said]),
    )
    columns = [*FIELDS, "epoch", "recording", "person", "split", "bdi", "bdi_hat"]
    return tidy.merge(recordings, on=[*cell, "place"])[columns]


def complete(
    runs: Sequence[Run] | None = None,
    *,
    folder: Path | None = None,
    jobs: int = 2,
    progress: bool = False,
) -> int:
    """Compute the runs that the tables lack or have of other code; return how many there are.

    It can be stopped at any time: each run is kept under :func:`deplib.paths.data_root`, and the
    tables are written again after every few runs, so that what is done is seen, and lasts.

    Parameters
    ----------
    runs
        The `grid` by default.
    folder
        Where the tables lie, or will; ``results/order`` by default.
    jobs
        Processes of one thread each.
    progress
        Show a bar.

    Raises
    ------
    ResultError
        If a file cannot be written.
    """
    folder, runs = folder or _folder(), grid() if runs is None else runs
    held = set(_held(folder)[FIELDS].itertuples(index=False, name=None))
    missing = [run for run in runs if tuple(run) not in held]
    done = Parallel(n_jobs=jobs, return_as="generator")(delayed(_kept)(run) for run in missing)
    bar = tqdm(done, total=len(missing), desc="order map", disable=not progress)
    some = []
    for row in bar:
        some.append(row)
        if len(some) == TOGETHER:
            _merge(some, folder)
            some.clear()
    if some:
        _merge(some, folder)
    return len(held) + len(missing)


@lru_cache
def key(movement: str, predictor: str) -> str:
    """Return the hash of what determines a run's answers, but for what the run itself says.

    The simulated cohort counts through what it gives: labels, latents and motion of forty
    recordings, so rounded that another processor changes nothing.
    """
    world = World("probe", cells.GAIN, "half of it in order", share=0.5, movement=movement)
    probe = SimulatedCohort(world, seed=0, n_recordings=40, n_frames=cells.N_FRAMES)
    action = true_actions(probe, average=cells.AVERAGE).astype(float)
    velocity = np.diff(action, axis=1)
    digest = hashlib.sha256(probe.recordings.to_csv(index=False).encode())
    for part in (
        probe.truth.drop(columns="recording"),
        action.mean(1),
        action.std(1),
        velocity.std(1),
    ):
        digest.update((np.asarray(part).round(3) + 0.0).tobytes())
    source = source_of(RunSpec(predictor if predictor in NETWORKS else "MiniRocket"))
    content = [source, asdict(cells.PROTOCOL), *(code_of(PACKAGE / name) for name in SOURCES)]
    digest.update(json.dumps(content, sort_keys=True).encode())
    return digest.hexdigest()


def _kept(run: Run) -> dict[str, Any]:
    """Return a row of ``runs``, from what earlier calls left if it is there."""
    its_key = key(run.movement, run.predictor)
    memory = Memory(data_root() / "order" / its_key[:16], verbose=0)
    return memory.cache(_row)(run) | {"key": its_key}


def _row(run: Run) -> dict[str, Any]:
    bdi_hat, epoch = cells.answers(run)
    names = _recordings(run.n_train, run.cohort)["recording"]
    hundredths = (bdi_hat[names] * 100).round().clip(-32_000, 32_000)
    return run._asdict() | {"epoch": epoch, "bdi_hat": hundredths.to_numpy(np.int16)}


def _recordings(n_train: int, cohort: int) -> pd.DataFrame:
    """Return whom the answers of a cell are about; no movement or share changes it."""
    table = cells.simulate("pace", 0.0, n_train, cohort).recordings
    evaluated = table[table["split"] != "train"].sort_values("split", kind="stable")
    columns = ["n_train", "cohort", "recording", "person", "split", "bdi"]
    return evaluated.assign(n_train=n_train, cohort=cohort)[columns]


def _merge(rows: list[dict[str, Any]], folder: Path) -> None:
    """Put runs into the tables; ``runs``, which tells what is there, is written last."""
    runs = pd.DataFrame([*_held(folder).to_dict("records"), *rows]).sort_values(FIELDS)
    pairs = runs[["n_train", "cohort"]].drop_duplicates().itertuples(index=False, name=None)
    results.write_table(pd.concat([_recordings(*p) for p in pairs]), folder / "recordings.parquet")
    results.write_table(runs, folder / "runs.parquet")


def _held(folder: Path) -> pd.DataFrame:
    """Return the runs of the table that the present code would give as they are."""
    try:
        runs = _read(folder / "runs.parquet")
    except ResultError:
        return pd.DataFrame(columns=[*FIELDS, "epoch", "bdi_hat", "key"])
    return runs[runs["key"] == _keys(runs)]


def _keys(runs: pd.DataFrame) -> list[str]:
    return [key(*of) for of in zip(runs["movement"], runs["predictor"], strict=True)]


def _read(path: Path) -> pd.DataFrame:
    try:
        return pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowException) as error:
        text = f"{path} is missing or damaged ({error}): run `make sweep`, which computes it"
        raise ResultError(text) from error


def _folder() -> Path:
    return results.folder() / "order"
