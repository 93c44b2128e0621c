"""All results of a list of runs: loaded where they still hold, computed where not."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from deplib.cohorts.base import Cohort
from deplib.errors import ResultError
from deplib.extraction.encoders.encoder import OnnxEncoder, embedded_encoder
from deplib.paths import data_root
from deplib.protocol import Protocol
from deplib.results import Result, RunSpec
from deplib.study.features import (
    LIMITS,
    MissLimits,
    load_windows,
    open_cohort,
    prepare_features,
    same_features,
    write_signature,
)
from deplib.study.keys import run_key
from deplib.study.parallel import in_parallel
from deplib.study.pooled import has_pooled, pooled_key, write_pooled


def complete(
    specs: Sequence[RunSpec],
    folder: Path,
    *,
    cohorts: Mapping[str, Cohort] | None = None,
    encoder: OnnxEncoder | None = None,
    limits: MissLimits = LIMITS,
    protocol: Protocol | None = None,
    against: Path | None = None,
    pooled: bool = False,
    jobs: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
) -> list[Result]:
    """Return the results of all runs, computing those that are missing or stale.

    Finished runs are kept one by one, so an interrupted call resumes where it stopped. The runs of
    one world share their features; the slowest models of a seed start first.

    Parameters
    ----------
    specs
        The runs; their results are returned in this order.
    folder
        Where the results lie, or will.
    cohorts
        Cohorts by the name that ``RunSpec.world`` has for them; worlds that are not in it are
        those of the simulation.
    encoder
        The embedded encoder by default.
    limits
        How many frames may lack an embedding.
    protocol
        Other controlled variables than those of the report.
    against
        Another folder of results, whose features must be these.
    pooled
        Keep the pooled features beside the results of each world, too.
    jobs
        Processes of one thread each.
    scheduler
        Address of a dask scheduler, such as ``tcp://10.0.0.1:8786``, whose workers train instead.
    progress
        Show bars.

    Raises
    ------
    ResultError
        If a result cannot be written, the features are not those of ``against``, or a worker has
        another version of deplib.
    """
    encoder, protocol = encoder or embedded_encoder(), protocol or Protocol()
    done: dict[RunSpec, Result] = {}
    for world in dict.fromkeys(spec.world for spec in specs):
        cohort = (cohorts or {}).get(world) or open_cohort(world)
        here = [spec for spec in specs if spec.world == world]
        keys = {spec: run_key(spec, cohort, encoder, protocol, limits) for spec in here}
        found = _stored(keys, folder)
        pooled_of_world = pooled_key(cohort, encoder, protocol)
        missing_pooled = pooled and not has_pooled(folder / world, pooled_of_world)
        if len(found) < len(keys) or missing_pooled:
            store, recordings = prepare_features(
                cohort, encoder, protocol=protocol, limits=limits, jobs=jobs, progress=progress
            )
            whole = load_windows(recordings, store, RunSpec("", world=world), protocol=protocol)
            if against and same_features(whole, against / world) is False:
                raise ResultError(
                    f"the features of the {world} cohort are not those that the results in "
                    f"{against / world} were computed from: the code that makes or carries them "
                    "has changed. Find out what did; if the change is meant, run `make sweep`"
                )
            if not same_features(whole, folder / world):
                found = {}
                for stale in (folder / world).rglob("*-seed*.json"):
                    stale.unlink()  # a result of other features, whatever its key says
                write_signature(whole, folder / world)
                missing_pooled = pooled
            if missing_pooled:
                write_pooled(whole, folder / world, pooled_of_world)
            groups: dict[tuple, list[RunSpec]] = {}  # runs that see the same windows
            for spec in keys:
                if spec not in found:
                    seen = (spec.labels, spec.lost, spec.fill, spec.split)
                    groups.setdefault(seen, []).append(spec)
            for kind, group in groups.items():
                windows = whole
                if kind != ("true", 0.0, "mask", "official"):
                    windows = load_windows(recordings, store, group[0], protocol=protocol)
                for result in in_parallel(
                    group,
                    windows,
                    keys,
                    protocol,
                    jobs=jobs,
                    scheduler=scheduler,
                    progress=progress,
                ):
                    result.save(folder / result.spec.path)
                    done[result.spec] = result
        done |= found
    return [done[spec] for spec in specs]


def published(specs: Sequence[RunSpec]) -> list[Result]:
    """Return versioned results, after checking that the present code still stands behind them.

    Raises
    ------
    ResultError
        If one is missing or stale.
    """
    return [Result.load(results_dir() / spec.path, key=key) for spec, key in _keys(specs).items()]


def available(specs: Sequence[RunSpec]) -> list[Result]:
    """Return those of the versioned results that are there.

    Raises
    ------
    ResultError
        If one that is there is stale or damaged.
    """
    folder = results_dir()
    return published([spec for spec in specs if (folder / spec.path).exists()])


def results_dir() -> Path:
    """Return the folder of the versioned results, in a checkout or in an installed package."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_results"
    return inside if inside.is_dir() else package.parent / "results"


def live_dir() -> Path:
    """Return the folder of the results computed on this machine."""
    return data_root() / "runs"


def _keys(specs: Sequence[RunSpec]) -> dict[RunSpec, str]:
    encoder = embedded_encoder()
    cohorts = {world: open_cohort(world) for world in {spec.world for spec in specs}}
    return {spec: run_key(spec, cohorts[spec.world], encoder) for spec in specs}


def _stored(keys: Mapping[RunSpec, str], folder: Path) -> dict[RunSpec, Result]:
    found = {}
    for spec, key in keys.items():
        with contextlib.suppress(ResultError):  # missing or stale: it will be computed
            found[spec] = Result.load(folder / spec.path, key=key)
    return found
