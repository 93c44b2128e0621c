"""All results of a list of runs: loaded where they still hold, computed where not."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from deplib import versioned
from deplib.cohorts.base import Cohort
from deplib.errors import ResultError
from deplib.extraction.encoders.encoder import OnnxEncoder, embedded_encoder
from deplib.paths import data_root
from deplib.protocol import Protocol
from deplib.results import Result, RunSpec
from deplib.streams.names import ENCODED, parse
from deplib.study.features import LIMITS, MissLimits, open_cohort
from deplib.study.inputs import PRETRAINED, Inputs, in_float
from deplib.study.keys import run_key
from deplib.study.parallel import in_parallel
from deplib.study.pooled import has_pooled, pooled_key, write_pooled
from deplib.study.signature import same_features, signature_of, write_signature
from deplib.windows import WindowSet


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
    stream_folder: Path | None = None,
    jobs: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
) -> list[Result]:
    """Return the results of all runs, computing those that are missing or stale.

    Finished runs are kept one by one, so an interrupted call resumes where it stopped. The runs of
    one world share their features; the slowest models of a seed start first. A run in 8 bits is
    made from its run in float32, which is completed, too.

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
    stream_folder
        Files of streams that no encoder makes; the simulated cohort needs none.
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
    needed = dict.fromkeys(one for spec in specs for one in (in_float(spec), spec))
    done: dict[RunSpec, Result] = {}
    for world in dict.fromkeys(spec.world for spec in specs):
        cohort = (cohorts or {}).get(world) or open_cohort(world)
        here = [spec for spec in needed if spec.world == world]
        keys = {
            spec: run_key(spec, cohort, encoder, protocol, limits, stream_folder) for spec in here
        }
        found = _stored(keys, folder)
        pooled_of_world = pooled_key(cohort, encoder, protocol)
        missing_pooled = pooled and not has_pooled(folder / world, pooled_of_world)
        if len(found) < len(keys) or missing_pooled:
            inputs = Inputs(
                cohort,
                encoder,
                protocol=protocol,
                limits=limits,
                jobs=jobs,
                progress=progress,
                stream_folder=stream_folder,
            )
            streams = dict.fromkeys(
                name for spec in keys if spec not in found for name in parse(spec.features)
            )
            for stream in [name for name in streams if name in ENCODED] or [RunSpec.features]:
                whole = inputs.windows(RunSpec("", world=world, features=stream))
                if _renewed(whole, stream, folder / world, against and against / world):
                    found = {s: r for s, r in found.items() if stream not in parse(s.features)}
                    missing_pooled |= pooled and stream == RunSpec.features
                if missing_pooled and stream == RunSpec.features:
                    write_pooled(whole, folder / world, pooled_of_world)
                del whole  # half a gigabyte
            for group in _alike([spec for spec in keys if spec not in found]):
                finished = (
                    _in_8_bits(group, inputs, keys, done | found, jobs=jobs)
                    if group[0].precision != RunSpec.precision
                    else in_parallel(
                        group,
                        inputs.windows(group[0]),
                        keys,
                        protocol,
                        unlabelled=inputs.unlabelled(group[0]),
                        jobs=jobs,
                        scheduler=scheduler,
                        progress=progress,
                    )
                )
                for result in finished:
                    result.save(folder / result.spec.path)
                    done[result.spec] = result
        done |= found
    return [done[spec] for spec in specs]


def _renewed(windows: WindowSet, stream: str, folder: Path, against: Path | None) -> bool:
    """Compare features with those that the results of a world were computed from.

    Returns
    -------
    bool
        Whether they are others: then the results that saw them are gone, whatever their keys say.
    """
    name = signature_of(stream)
    if against and same_features(windows, against, name) is False:
        raise ResultError(
            f"the features of the {folder.name} cohort are not those that the results in "
            f"{against} were computed from: the code that makes or carries them has changed. Find "
            "out what did; if the change is meant, run `make sweep`"
        )
    if same_features(windows, folder, name):
        return False
    for path in folder.rglob("*-seed*.json"):
        with contextlib.suppress(ResultError):
            if stream in parse(Result.load(path).spec.features):
                path.unlink()
    write_signature(windows, folder, name)
    return True


def _in_8_bits(specs: Sequence[RunSpec], *given: Any, jobs: int) -> Iterator[Result]:
    """Make results in 8 bits, by a module named so that only their readers depend on it."""
    return import_module("deplib.deploy.runs").results_in_8_bits(specs, *given, jobs=jobs)


def _alike(specs: Sequence[RunSpec]) -> list[list[RunSpec]]:
    """Group the runs that see the same windows."""
    groups: dict[tuple, list[RunSpec]] = {}
    for spec in specs:
        pretrained = spec.recipe == PRETRAINED
        seen = (spec.features, spec.missing, spec.labels, spec.lost, spec.fill, spec.split)
        groups.setdefault((*seen, pretrained, spec.precision), []).append(spec)
    return list(groups.values())


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
    return versioned.folder()


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
