"""Processes of one thread each, one a core, and a log of what they did."""

import json
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
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


class RunLog:
    """Appends events to a file, one JSON object a line; without a file, does nothing.

    A line holds ``time`` (UTC, ISO 8601), ``event``, and the event's own fields. A log that cannot
    be written is no reason to lose a night's work: the first failure is warned of, and the run
    goes on without. Read it with ``pandas.read_json(path, lines=True, dtype=False)``.

    Parameters
    ----------
    path
        The file; an existing one is continued.
    """

    def __init__(self, path: str | Path | None) -> None:
        self._path = None if path is None else Path(path)

    def __call__(self, event: str, **fields: Any) -> None:
        """Append one event."""
        if self._path is None:
            return
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": time, "event": event, **fields}, default=str)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            why = f"cannot write the log {self._path}: {error.strerror or error}"
            warnings.warn(f"{why}; the run goes on without it", stacklevel=3)
            self._path = None
