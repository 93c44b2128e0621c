"""The runs of the report: from a cohort to keyed results, resumable, on all cores.

A *run* trains one model once. Its key is a hash of all that determines it: the protocol, the
model, the seed, the cohort, the encoder, and the source code between features and predictions. A
result whose key no longer fits is refused, never shown.

Results live in two places. ``results/`` is versioned and is what the chapters print; the *live*
copy under :func:`deplib.paths.data_root` is computed on the reader's own machine, and the chapters
say whether the two agree.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from tqdm import tqdm

from deplib import baselines
from deplib.cohorts.base import Cohort
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import EncoderError, ResultError
from deplib.extraction.encoders.encoder import OnnxEncoder, embedded_encoder
from deplib.extraction.fallback import FILLS, losing
from deplib.extraction.pipeline import extract, plan, store_folder, store_header
from deplib.extraction.storage.store import FeatureStore
from deplib.extraction.verification.report import Bounds
from deplib.extraction.verification.verify import verify
from deplib.models import MODELS, module_of
from deplib.paths import data_root
from deplib.protocol import Protocol
from deplib.provenance import NO_NUMBERS, digest, source_digest
from deplib.results import PREDICTION_COLUMNS, Result, RunSpec
from deplib.training import permute_labels, train
from deplib.windows import WindowSet, build_windows

RIDGE: dict[str, baselines.Pooling] = {"RidgeMean": "mean", "RidgeMeanSD": "mean+sd"}
"""Ridge baselines of the grid, by what they pool."""
LOST = 0.5
"""Share of the frames that the comparison of fallbacks loses."""
SLOWEST_FIRST = ("VanillaTransformer", "MambaGRU", "LDBM")


class MissLimits(NamedTuple):
    """How many frames may lack an embedding."""

    overall: float = 0.05  # share of all frames above which nothing may be used
    recording: float = 0.5  # share of one recording's frames above which it is left out


LIMITS = MissLimits()


def open_cohort(world: str = "default") -> SimulatedCohort:
    """Return the simulated cohort of the report in one of its worlds."""
    return SimulatedCohort(world)


def live_specs(world: str = "default") -> list[RunSpec]:
    """Return the runs that every build of the book repeats: the four models at one seed."""
    return [RunSpec(model, world=world) for model in MODELS]


def sweep_specs(world: str = "default") -> list[RunSpec]:
    """Return the runs whose results are versioned: models and baselines, true and permuted."""
    names = [*MODELS, *RIDGE]
    return [
        RunSpec(name, world=world, labels=labels)
        for labels in ("true", "permuted")
        for name in names
    ]


def fallback_specs(world: str = "default") -> list[RunSpec]:
    """Return the runs that compare what can stand in the place of lost frames."""
    return [RunSpec(model, world=world, lost=LOST, fill=fill) for fill in FILLS for model in MODELS]


def run_key(
    spec: RunSpec,
    cohort: Cohort,
    encoder: OnnxEncoder,
    protocol: Protocol | None = None,
    limits: MissLimits = LIMITS,
) -> str:
    """Return the hash of all that determines a run's result."""
    other_limits = {} if limits == LIMITS else {"limits": list(limits)}
    fitting = (
        ["deplib.training", module_of(spec.model)] if spec.model in MODELS else ["deplib.baselines"]
    )
    return digest(
        {
            "spec": asdict(spec),
            "protocol": asdict(protocol or Protocol()),
            "cohort": cohort.fingerprint,
            "encoder": encoder.id,
            "source": source_digest("deplib.extraction.pipeline", *fitting, without=NO_NUMBERS),
            **other_limits,
        }
    )


def prepare_features(
    cohort: Cohort,
    encoder: OnnxEncoder,
    *,
    protocol: Protocol | None = None,
    limits: MissLimits = LIMITS,
    jobs: int = 2,
    progress: bool = False,
) -> tuple[FeatureStore, pd.DataFrame]:
    """Extract what is missing, verify all of it, and return it.

    Returns
    -------
    store : FeatureStore
    recordings : DataFrame
        The cohort's table without the recordings that cannot be used; a warning names each.

    Raises
    ------
    EncoderError
        If its embeddings have another width than the protocol's.
    VerificationError
        If the features must not be used, for instance because all of them are zero.
    """
    protocol = protocol or Protocol()
    if encoder.dim != protocol.feature_dim:
        raise EncoderError(
            f"{encoder!r} gives {encoder.dim} numbers a frame and the protocol compares models on "
            f"{protocol.feature_dim}: choose an encoder of that width"
        )
    limit = protocol.sequence_length
    header = store_header(cohort, encoder, frame_limit=limit)
    store = FeatureStore(store_folder(header), header=header)
    todo = sum(plan(cohort, store, frame_limit=limit).values())
    with tqdm(total=todo, unit="frame", desc="features", disable=not (progress and todo)) as bar:
        report = extract(
            cohort,
            encoder,
            store,
            frame_limit=limit,
            jobs=jobs,
            max_miss_rate=limits.overall,
            max_recording_miss_rate=limits.recording,
            progress=lambda entry: bar.update(entry.n_frames),
        )
    left_out = dict(report.refused)
    for entry in map(store.entry, store.done()):
        if entry.n_invalid == entry.n_frames:
            left_out[entry.recording] = "none of its frames has an embedding"
    for recording, why in left_out.items():
        warnings.warn(f"left out {recording}: {why}", stacklevel=2)
    recordings = cohort.recordings[~cohort.recordings["recording"].isin(list(left_out))]
    bounds = Bounds(invalid_rate=limits.overall, recording_invalid_rate=limits.recording)
    verify(store, recordings, bounds=bounds).raise_for_faults()
    return store, recordings


def load_windows(
    recordings: pd.DataFrame,
    store: FeatureStore,
    spec: RunSpec,
    *,
    protocol: Protocol | None = None,
) -> WindowSet:
    """Return the windows of a verified store as a run sees them: its labels, its lost frames."""
    read = losing(store.read, spec.lost, spec.fill) if spec.lost else store.read
    windows = build_windows(recordings, read, protocol or Protocol())
    if spec.labels == "permuted":
        return permute_labels(windows, rng=np.random.default_rng(0))
    return windows


def run(
    spec: RunSpec,
    windows: WindowSet,
    key: str,
    *,
    protocol: Protocol | None = None,
    progress: bool = False,
) -> Result:
    """Train one model once, in one thread, and return its result."""
    torch.set_num_threads(1)
    protocol = protocol or Protocol()
    if spec.model in RIDGE:
        return _ridge(spec, windows, key)
    with tqdm(total=protocol.epochs, desc=spec.model, unit="epoch", disable=not progress) as bar:
        fitted = train(
            spec.model, windows, protocol, seed=spec.seed, on_epoch=lambda row: bar.update()
        )
    return Result(
        spec=spec,
        key=key,
        predictions=fitted.predictions[PREDICTION_COLUMNS],
        history=fitted.history,
        epoch=int(fitted.epoch),
        chosen_by=protocol.chosen_by,
        label_mean=fitted.label_mean,
        label_std=fitted.label_std,
        n_parameters=fitted.n_parameters,
    )


def _ridge(spec: RunSpec, windows: WindowSet, key: str) -> Result:
    """Fit ridge on pooled features; its prediction of a recording stands as one window."""
    features, table = baselines.pool(windows, RIDGE[spec.model])
    fitted = baselines.ridge(features, table, name=spec.model)
    scaled = (fitted.predictions[["bdi", "bdi_hat"]] - windows.label_mean) / windows.label_std
    return Result(
        spec=spec,
        key=key,
        predictions=table.assign(window=0, y=scaled["bdi"], y_hat=scaled["bdi_hat"])[
            PREDICTION_COLUMNS
        ],
        history=pd.DataFrame(),
        epoch=0,
        chosen_by=fitted.chosen_by,
        label_mean=windows.label_mean,
        label_std=windows.label_std,
        n_parameters=features.shape[1] + 1,
    )


def complete(
    specs: Sequence[RunSpec],
    folder: Path,
    *,
    cohorts: Mapping[str, Cohort] | None = None,
    encoder: OnnxEncoder | None = None,
    limits: MissLimits = LIMITS,
    jobs: int = 2,
    progress: bool = False,
) -> list[Result]:
    """Return the results of all runs, computing those that are missing or stale.

    Finished runs are kept one by one, so an interrupted call resumes where it stopped. The runs of
    one world share their features; the slowest models start first.

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
    jobs
        Processes of one thread each.
    progress
        Show bars.
    """
    encoder = encoder or embedded_encoder()
    done: dict[RunSpec, Result] = {}
    for world in dict.fromkeys(spec.world for spec in specs):
        cohort = (cohorts or {}).get(world) or open_cohort(world)
        keys = {s: run_key(s, cohort, encoder, limits=limits) for s in specs if s.world == world}
        missing = []
        for spec, key in keys.items():
            try:
                done[spec] = Result.load(folder / spec.path, key=key)
            except ResultError:
                missing.append(spec)
        if not missing:
            continue
        store, recordings = prepare_features(
            cohort, encoder, limits=limits, jobs=jobs, progress=progress
        )
        groups: dict[tuple, list[RunSpec]] = {}  # runs that see the same windows
        for spec in missing:
            groups.setdefault((spec.labels, spec.lost, spec.fill), []).append(spec)
        for group in groups.values():
            windows = load_windows(recordings, store, group[0])
            todo = sorted(group, key=_slowest_first)
            for result in _in_parallel(todo, windows, keys, jobs, progress):
                result.save(folder / result.spec.path)
                done[result.spec] = result
    return [done[spec] for spec in specs]


def published(specs: Sequence[RunSpec]) -> list[Result]:
    """Return versioned results, after checking that the present code still stands behind them.

    Raises
    ------
    ResultError
        If one is missing or stale.
    """
    encoder = embedded_encoder()
    cohorts = {world: open_cohort(world) for world in {spec.world for spec in specs}}
    return [
        Result.load(results_dir() / spec.path, key=run_key(spec, cohorts[spec.world], encoder))
        for spec in specs
    ]


def results_dir() -> Path:
    """Return the folder of the versioned results, in a checkout or in an installed package."""
    package = Path(__file__).resolve().parent
    inside = package / "_results"
    return inside if inside.is_dir() else package.parent / "results"


def live_dir() -> Path:
    """Return the folder of the results computed on this machine."""
    return data_root() / "runs"


def _slowest_first(spec: RunSpec) -> int:
    return SLOWEST_FIRST.index(spec.model) if spec.model in SLOWEST_FIRST else len(SLOWEST_FIRST)


def _in_parallel(
    specs: Sequence[RunSpec],
    windows: WindowSet,
    keys: dict[RunSpec, str],
    jobs: int,
    progress: bool,
) -> Iterator[Result]:
    # One process a core with one thread each beats threads within one process.
    workers = Parallel(n_jobs=min(jobs, len(specs)), return_as="generator_unordered")
    with warnings.catch_warnings():
        # A worker that has mapped the windows looks like a leak to loky, which then starts another.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
        yield from workers(
            delayed(run)(spec, windows, keys[spec], progress=progress) for spec in specs
        )
