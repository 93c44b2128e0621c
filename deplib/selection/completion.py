"""All files of ``results/selection/``: kept where they still hold, computed where not."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from tqdm import tqdm

from deplib.errors import ResultError
from deplib.paths import data_root
from deplib.protocol import Protocol
from deplib.selection import calibration, record
from deplib.selection.cohorts import SCENARIOS, draw
from deplib.selection.courses import PARTS, SETTINGS, Courses, courses
from deplib.selection.record import N_COHORTS, Selection, rules_key
from deplib.selection.rules import Many
from deplib.selection.surrogate import Surrogate

BLOCK = 5
"""Cohorts that are computed and kept together."""

Validate = Callable[[Surrogate], pd.DataFrame]


def complete(
    scenarios: Sequence[str] = tuple(SCENARIOS),
    *,
    folder: Path | None = None,
    n_cohorts: int = N_COHORTS,
    jobs: int = 2,
    progress: bool = False,
    validate: Validate | None = None,
) -> dict[str, Selection]:
    """Return the files of some scenarios, computing what is missing or stale.

    It can be stopped at any time: blocks of cohorts are kept under
    :func:`deplib.paths.data_root` until their scenario is written.

    Parameters
    ----------
    scenarios
        Names of ``SCENARIOS``.
    folder
        Where the files lie, or will; ``results/selection`` by default.
    n_cohorts
        Cohorts of each scenario.
    jobs
        Processes of one thread each.
    progress
        Show a bar.
    validate
        Compares a newly fitted surrogate with a rendered cohort; ``validation.compare`` of the
        report's by default.

    Raises
    ------
    ResultError
        If a file cannot be written.
    """
    folder = folder or record.default_folder()
    surrogate = _surrogate(folder, jobs, validate)
    done: dict[str, Selection] = {}
    missing: list[str] = []
    for name in scenarios:
        try:
            key = rules_key(name, surrogate, n_cohorts)
            done[name] = Selection.load(folder / f"{name}.json", key=key)
        except ResultError:
            missing.append(name)
    starts = range(0, n_cohorts, BLOCK)
    work = [
        (name, range(start, min(start + BLOCK, n_cohorts))) for name in missing for start in starts
    ]
    places = {item: _place(*item, surrogate) for item in work}
    todo = [item for item in work if not _readable(places[item])]
    workers = Parallel(n_jobs=jobs, return_as="generator_unordered")
    jobs_done = workers(delayed(_block)(*item, surrogate, places[item]) for item in todo)
    for _ in tqdm(jobs_done, total=len(todo), desc="choosing", disable=not progress):
        pass
    for name in missing:
        cohorts = [one for item in work if item[0] == name for one in _read(places[item])]
        done[name] = summary(name, cohorts)
        done[name].save(folder / f"{name}.json", key=rules_key(name, surrogate, n_cohorts))
    return {name: done[name] for name in scenarios}


def cohort_courses(scenario: str, index: int, surrogate: Surrogate) -> Courses:
    """Draw one cohort of a scenario and train every candidate on it."""
    with _one_thread():
        return courses(draw(scenario, index, surrogate), seed=1000 * index)


def summary(scenario: str, cohorts: Sequence[Courses]) -> Selection:
    """Apply the rules to the courses of a scenario's cohorts."""
    many = Many(cohorts, n_settings=len(SETTINGS), patience=Protocol().patience)
    constant = pd.DataFrame([one.constant for one in cohorts])[["dev", "test"]]
    return Selection(
        scenario=scenario,
        rules=many.apply(),
        constant=constant.add_suffix("_mae"),
        growth=many.growth(rng=np.random.default_rng(0)),
        courses=many.mean_courses(),
    )


def _surrogate(folder: Path, jobs: int, validate: Validate | None) -> Surrogate:
    with contextlib.suppress(ResultError):
        record.load_validation(folder)
        return record.load_surrogate(folder)
    if validate is None:
        from deplib.selection.validation import compare_with_report

        validate = compare_with_report
    surrogate = calibration.calibrate(jobs=jobs)
    record.save_surrogate(surrogate, folder, validate(surrogate))
    return surrogate


def _place(scenario: str, indices: range, surrogate: Surrogate) -> Path:
    key = record.courses_key(scenario, surrogate)
    return data_root() / "selection" / key[:16] / f"{scenario}-{indices.start}-{indices.stop}.npz"


def _block(scenario: str, indices: range, surrogate: Surrogate, path: Path) -> None:
    cohorts = [cohort_courses(scenario, index, surrogate) for index in indices]
    arrays = {name: np.stack([c.scores[name] for c in cohorts]) for name in cohorts[0].scores}
    arrays["inner_mae"] = np.stack([c.inner_mae for c in cohorts])
    arrays["constant"] = np.array([[c.constant[part] for part in PARTS] for c in cohorts])
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ResultError(f"cannot write {path}: {error.strerror or error}") from error


def _read(path: Path) -> list[Courses]:
    with np.load(path, allow_pickle=False) as stored:
        arrays = dict(stored)
    constant, inner = arrays.pop("constant"), arrays.pop("inner_mae")
    return [
        Courses(
            scores={name: array[k] for name, array in arrays.items()},
            inner_mae=inner[k],
            constant=dict(zip(PARTS, constant[k].tolist(), strict=True)),
        )
        for k in range(len(constant))
    ]


def _readable(path: Path) -> bool:
    try:
        return bool(_read(path))
    except Exception:  # missing, cut off or foreign: it will be computed
        return False


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch use one thread, as one process a core is fastest."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
