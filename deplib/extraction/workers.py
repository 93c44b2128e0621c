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

_OURS = b'{"time": "'


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
    """Appends events to a file, one JSON object a line, each whole; without a file, does nothing.

    A line holds ``time`` (UTC, ISO 8601), ``event``, and the event's own fields. A log that cannot
    be written is no reason to lose a night's work: the first failure is warned of, and the run
    goes on without. Read it with ``pandas.read_json(path, lines=True, dtype=False)``.

    Parameters
    ----------
    path
        The file; an existing one is continued. Half a line that a dying machine left at its end
        is removed, so that the whole stays readable.
    """

    def __init__(self, path: str | Path | None) -> None:
        self._path = None if path is None else Path(path)
        self._file: int | None = None
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                _mend(self._path)
                self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            except OSError as error:
                self._give_up(error)

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __call__(self, event: str, **fields: Any) -> None:
        """Append one event."""
        if self._file is None:
            return
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": time, "event": event, **fields}, default=str).encode() + b"\n"
        try:
            written = os.write(self._file, line)  # one call: a kill comes before or after it
            if written < len(line):
                raise OSError(None, f"only {written} of {len(line)} bytes were taken")
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        warnings.warn(
            f"cannot write the log {self._path}: {error.strerror or error}; the run goes on "
            "without it",
            stacklevel=4,
        )
        self.__exit__()


def _mend(path: Path) -> None:
    """Remove half a line at the end of a log, or end the last line of any other file."""
    if not path.is_file():
        return
    with path.open("r+b") as file:
        start = max(0, file.seek(0, os.SEEK_END) - 2**20)
        file.seek(start)
        tail = file.read()
        last = tail[tail.rfind(b"\n") + 1 :]
        if last and (last.startswith(_OURS) or _OURS.startswith(last)):
            file.truncate(start + len(tail) - len(last))
        elif last:
            file.write(b"\n")
