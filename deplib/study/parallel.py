"""Many runs at once: processes on this machine, or the workers of a dask scheduler."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from joblib import Parallel, delayed
from tqdm import tqdm

from deplib.errors import ResultError
from deplib.models import REGISTRY
from deplib.protocol import Protocol
from deplib.results import Result, RunSpec
from deplib.study.keys import source_of
from deplib.study.runs import run, run_together
from deplib.training import can_stack
from deplib.windows import WindowSet

SLOWEST_FIRST = ("VanillaTransformer", "Mamba", "MambaGRU", "LDBM-patch4")
"""Of one seed, so that no core waits long for the last run."""

Seen = tuple[WindowSet, WindowSet | None]
"""What a run sees: its windows, and what it may pretrain on."""


def in_parallel(
    specs: Sequence[RunSpec],
    windows: WindowSet,
    keys: Mapping[RunSpec, str],
    protocol: Protocol,
    *,
    unlabelled: WindowSet | None = None,
    jobs: int,
    scheduler: str | None = None,
    progress: bool = False,
) -> Iterator[Result]:
    """Do the runs that see the same windows, and yield each result when it is there.

    Parameters
    ----------
    specs, windows, keys, protocol
        What to do.
    unlabelled
        What a recipe may pretrain on.
    jobs, scheduler, progress
        As in ``deplib.study.complete``.

    Raises
    ------
    ResultError
        If a worker has another version of deplib, or dask is asked for and not installed.
    """
    work = [(job, [keys[spec] for spec in job], _sources(job), protocol) for job in jobs_of(specs)]
    seen = (windows, unlabelled)
    finished = _on_dask(scheduler, work, seen) if scheduler else _here(jobs, work, seen)
    with tqdm(total=len(specs), desc="runs", unit="run", disable=not progress) as bar:
        for results in finished:
            for result in results:
                bar.set_postfix_str(result.spec.path.stem)
                bar.update()
                yield result


def jobs_of(specs: Sequence[RunSpec]) -> list[list[RunSpec]]:
    """Group the seeds that train together; seed by seed, the slowest first."""
    order = {name: rank for rank, name in enumerate(SLOWEST_FIRST)}
    together: dict[str, list[RunSpec]] = {}
    single = []
    for spec in specs:
        if spec.model in REGISTRY and spec.recipe == RunSpec.recipe and can_stack(spec.model):
            together.setdefault(spec.model, []).append(spec)
        else:
            single.append([spec])
    single.sort(key=lambda job: (job[0].seed, order.get(job[0].model, len(order))))
    return [*together.values(), *single]


def _sources(specs: Sequence[RunSpec]) -> list[str]:
    return [source_of(spec) for spec in specs]


def _one_job(
    specs: Sequence[RunSpec],
    seen: Seen,
    keys: Sequence[str],
    sources: Sequence[str],
    protocol: Protocol,
) -> list[Result]:
    """Do one job in a worker, which may run on another machine."""
    if _sources(specs) != sources:
        raise ResultError(
            f"a worker has another version of deplib than the one that asked for {specs[0].path}: "
            "install the same one on every machine"
        )
    windows, unlabelled = seen
    if len(specs) > 1:
        return run_together(specs, windows, keys, protocol=protocol)
    return [run(specs[0], windows, keys[0], protocol=protocol, unlabelled=unlabelled)]


def _here(jobs: int, work: Sequence[tuple], seen: Seen) -> Iterator[list[Result]]:
    """Do the jobs in processes of this machine."""
    return in_processes(jobs, [delayed(_one_job)(job, seen, *rest) for job, *rest in work])


def in_processes(jobs: int, calls: Sequence[tuple]) -> Iterator[Any]:
    """Do what ``joblib.delayed`` put off, and yield what each call returns when it is there."""
    # One process a core with one thread each beats threads within one process.
    workers = Parallel(n_jobs=min(jobs, len(calls)), return_as="generator_unordered")
    with warnings.catch_warnings():
        # A worker that has mapped the windows looks like a leak to loky, which then starts another.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
        yield from workers(calls)


def _on_dask(address: str, work: Sequence[tuple], seen: Seen) -> Iterator[list[Result]]:
    """Do the jobs on the workers of a dask scheduler, which all get the windows once."""
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise ResultError(
            "training on a dask scheduler needs the package distributed: install deplib[sweep]"
        ) from None
    with Client(address) as client:
        shared = client.scatter([seen], broadcast=True)[0]
        futures = [client.submit(_one_job, job, shared, *rest, pure=False) for job, *rest in work]
        for _, results in as_completed(futures, with_results=True):
            yield results
