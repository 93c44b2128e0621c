"""Processes of one thread each: one a core beats one process with many threads."""

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import cv2
from joblib import Parallel, delayed, parallel_config


def run_unordered(calls: Sequence[Callable[[], Any]], jobs: int) -> Iterator[Any]:
    """Yield each call's result as soon as it is there.

    Calls must be picklable where ``jobs`` is above 1. The first exception of a call ends all, and
    so does closing this generator: work that is under way is then killed.
    """
    if jobs == 1 or len(calls) < 2:
        yield from (call() for call in calls)
        return
    with parallel_config(backend="loky", inner_max_num_threads=1):
        results = Parallel(
            n_jobs=min(jobs, len(calls)), return_as="generator_unordered", batch_size=1
        )(delayed(_in_worker)(os.getpid(), call) for call in calls)
    try:
        for result in results:  # noqa: UP028 (yield from would close it outside the next block)
            yield result
    finally:
        with warnings.catch_warnings():  # joblib warns of work cut short, which is meant
            warnings.simplefilter("ignore", UserWarning)
            results.close()


def _in_worker(parent: int, call: Callable[[], Any]) -> Any:
    cv2.setNumThreads(1)
    _leave_with(parent)
    return call()


@lru_cache(maxsize=1)
def _leave_with(parent: int) -> None:
    """End this worker soon after its parent; an orphan could wait for its next task for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
