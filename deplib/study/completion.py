"""All results of a list of runs: those that still hold are kept, the others computed and merged.

Each finished run is a part of its own in the data folder, so that a kill at any moment costs no
more than the runs in hand; when all of a world are there, they go into its tables at once.
"""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from joblib import delayed
from tqdm import tqdm

from deplib import results
from deplib.errors import CohortError, ResultError
from deplib.extraction import embedded_encoder, first_line
from deplib.keys import source_of
from deplib.paths import data_root
from deplib.protocol import Protocol
from deplib.results import Result, RunSpec
from deplib.streams import parse
from deplib.study.inputs import SMALL, Inputs, in_float, open_cohort
from deplib.study.pairs import results_in_8_bits
from deplib.study.runs import in_processes, run
from deplib.study.signature import same_features, write_signature
from deplib.windows import WindowSet

SLOWEST_FIRST = ("VanillaTransformer", "Mamba", "MambaGRU", "LDBM-patch4")
"""Of one seed, so that no core waits long for the last run."""
_ANSWER = 10  # seconds within which a scheduler must answer


def complete(
    specs: Sequence[RunSpec],
    *,
    root: Path | None = None,
    inputs: Mapping[str, Inputs] | None = None,
    scheduler: str | None = None,
    **given: Any,
) -> list[Result]:
    """Return the results of all runs, computing those that are missing or stale.

    An interrupted call goes on where it stopped. A run in 8 bits is made from its run in float32,
    which is completed, too.

    Parameters
    ----------
    specs
        The runs; their results are returned in this order.
    root
        Folder of the tables, one folder a world; the versioned results by default, beside which
        the signatures of the features are kept.
    inputs
        What runs see, by ``RunSpec.world``; worlds that are not in it are those of the simulation,
        seen by the embedded encoder.
    scheduler
        Address of a dask scheduler, such as ``tcp://10.0.0.1:8786``, whose workers train instead.
    **given
        Options of the simulation's `Inputs`, such as ``protocol``, ``jobs`` and ``progress``.

    Raises
    ------
    ResultError
        If a result cannot be written, no scheduler answers, or a worker has another version of
        deplib.
    """
    if scheduler:  # now, and not after hours of extraction
        _client_of(scheduler).close()
    needed = list(dict.fromkeys(one for spec in specs for one in (in_float(spec), spec)))
    done: dict[RunSpec, Result] = {}
    for world in dict.fromkeys(spec.world for spec in specs):
        found = (inputs or {}).get(world) or Inputs(open_cohort(world), embedded_encoder(), **given)
        here = [spec for spec in needed if spec.world == world]
        done |= _complete(world, here, found, root, scheduler)
        if root:
            found.protocol.write(root / world / "protocol.yaml")
    return [done[spec] for spec in specs]


def prepare(*, jobs: int = 2, progress: bool = False) -> None:
    """Extract the small cohort, which chapters train on, and verify it.

    Raises
    ------
    ResultError
        If the features are not those that the versioned results were computed from.
    VerificationError
        If they must not be used.
    """
    inputs = Inputs(open_cohort(SMALL), embedded_encoder(), jobs=jobs, progress=progress)
    if same_features(inputs.windows(RunSpec("", world=SMALL)), SMALL) is False:
        what = (
            f"the features of the {SMALL} cohort are not those that its results were computed from"
        )
        why = "the code that makes or carries them has changed"
        mend = "Find out what did; if the change is meant, run `make sweep`"
        raise ResultError(f"{what}: {why}. {mend}")


def _complete(
    world: str, specs: Sequence[RunSpec], inputs: Inputs, root: Path | None, scheduler: str | None
) -> dict[RunSpec, Result]:
    """Complete the runs of one world, and put them into its tables."""
    parts = data_root() / "parts" / world  # a folder of tables each finished run, as of a world

    def held() -> tuple[dict[RunSpec, str], dict[RunSpec, Result]]:
        """Return the key of each run, and those that hold: finished parts, or in the tables."""
        key_of = inputs.key if root else partial(results.versioned_key, protocol=inputs.protocol)
        keys = {spec: key_of(spec) for spec in specs}
        found = results.holding(world, keys, root=root)
        for spec, key in keys.items():
            with contextlib.suppress(ResultError):  # what is damaged is done again
                found |= results.holding(spec.name, {spec: key}, root=parts)
        return keys, found

    keys, done = held()
    missing = [spec for spec in specs if spec not in done]
    if missing and root is None and _renew(missing, inputs, world):
        keys, done = held()
    todo = [spec for spec in specs if spec not in done]
    bar = tqdm(total=len(todo), desc="runs", unit="run", disable=not (inputs.progress and todo))
    for group in _alike(todo):
        if group[0].precision == RunSpec.precision:
            finished = in_parallel(group, inputs, keys, scheduler)
        else:
            finished = results_in_8_bits(group, inputs, keys, done, jobs=inputs.jobs)
        for result in finished:
            name = result.spec.name
            shutil.rmtree(parts / name, ignore_errors=True)  # of another key, or damaged
            results.merge(name, [result], root=parts)
            done[result.spec] = result.rounded()
            bar.set_postfix_str(name)
            bar.update()
    bar.close()
    there = [part for spec in specs if (part := parts / spec.name).exists()]
    if there:  # also those of a call that was killed before or while it merged them
        results.merge(world, done.values(), root=root)
        for part in there:
            shutil.rmtree(part)
    return done


def _renew(specs: Sequence[RunSpec], inputs: Inputs, world: str) -> bool:
    """Write the signatures of features that are not those of the results, and tell if one was."""
    renewed = False
    for stream in dict.fromkeys(name for spec in specs for name in parse(spec.features)):
        windows = inputs.windows(RunSpec("", world=world, features=stream))
        if not same_features(windows, world, stream):
            write_signature(windows, world, stream)
            renewed = True
    return renewed


def _alike(specs: Sequence[RunSpec]) -> list[list[RunSpec]]:
    """Group the runs that see the same windows; those in float32 come first."""
    groups: dict[RunSpec, list[RunSpec]] = {}
    for spec in sorted(specs, key=lambda spec: spec.precision != RunSpec.precision):
        groups.setdefault(replace(spec, model="", seed=0, recipe=""), []).append(spec)
    return list(groups.values())


def in_parallel(
    specs: Sequence[RunSpec],
    inputs: Inputs,
    keys: Mapping[RunSpec, str],
    scheduler: str | None = None,
) -> Iterator[Result]:
    """Do runs that see the same windows, seed by seed, and yield each result when it is there.

    Raises
    ------
    CohortError
        If Test shows one person alone: no interval over persons can be told of it.
    ResultError
        If a worker has another version of deplib, or dask is asked for and not there.
    """
    rank = {name: place for place, name in enumerate(SLOWEST_FIRST)}
    order = sorted(specs, key=lambda spec: (spec.seed, rank.get(spec.model, len(rank))))
    work = [(spec, keys[spec], source_of(spec), inputs.protocol) for spec in order]
    windows = inputs.windows(specs[0])
    if windows.subset("test").index["person"].nunique() < 2:  # now, and not after the training
        what = f"Test of {inputs.cohort.name} ({specs[0].split_rule} split) shows one person"
        raise CohortError(f"{what}, and intervals over persons need two: put others into it")
    here = [] if scheduler else [delayed(_one)(windows, *each) for each in work]
    yield from _on_dask(scheduler, work, windows) if scheduler else in_processes(inputs.jobs, here)


def _one(windows: WindowSet, spec: RunSpec, key: str, source: str, protocol: Protocol) -> Result:
    """Do one run in a worker, which may run on another machine."""
    if source_of(spec) != source:
        raise ResultError(f"a worker has another version of deplib ({spec.name}): install the same")
    return run(spec, windows, key, protocol=protocol)


def _client_of(address: str) -> Any:
    """Connect to a dask scheduler that has workers, or say in seconds why not."""
    try:
        from distributed import Client
        from distributed.core import connect
    except ImportError:
        raise ResultError("dask needs distributed: install deplib[sweep]") from None
    try:
        # A client would wait for ever for whoever takes a connection and says nothing.
        trial = asyncio.wait_for(connect(address, timeout=_ANSWER), _ANSWER)
        with ThreadPoolExecutor(1) as apart:  # this thread may have a loop, as in a notebook
            apart.submit(asyncio.run, trial).result().abort()
        client = Client(address, timeout=_ANSWER)
        client.wait_for_workers(1, timeout=_ANSWER)
    except Exception as error:  # of the address, the network, or what answered there
        raise ResultError(
            f"no dask scheduler with workers answers at {address!r} ({first_line(error)}): start "
            "'dask scheduler' and 'dask worker ADDRESS', and give the address that it prints"
        ) from error
    return client


def _on_dask(address: str, work: Sequence[tuple], windows: WindowSet) -> Iterator[Result]:
    """Do runs on the workers of a dask scheduler, which all get the windows once."""
    from distributed import as_completed

    with _client_of(address) as client:
        shared = client.scatter([windows], broadcast=True)[0]
        futures = [client.submit(_one, shared, *each, pure=False) for each in work]
        for _, result in as_completed(futures, with_results=True):
            yield result
