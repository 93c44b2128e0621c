"""A cell of the map of order, and what one predictor says in it.

A cell is a simulated cohort: what order moves, order's share of the information about severity,
recordings in Train, and a seed. Its frames are the 29 columns of true facial action, of 512 frames
a recording averaged in fours: 128 rows, one window. Nothing is rendered or measured with noise, so
that what a predictor misses is in no feature's way. All 29 columns are kept, of which ten never
move.

All that makes a number is here or in what it calls; the key of a row covers it.
"""

import hashlib
import json
import warnings
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.stats import skew
from torch import Tensor, nn

from deplib.baselines import pool, references, ridge, rocket
from deplib.cohorts.simulated import SimulatedCohort
from deplib.cohorts.simulated.behaviour import World
from deplib.keys import PACKAGE, code_of, source_of
from deplib.models import build
from deplib.protocol import Protocol
from deplib.results import RunSpec
from deplib.scaling import Scaling, scaled
from deplib.streams.measured import true_actions
from deplib.training import recording_table, train
from deplib.windows import WindowSet, build_windows

GAIN = 1.44
"""At which half of severity's variance is explained, whatever order's share: PCC .66, MAE 6.7."""
N_FRAMES, AVERAGE = 512, 4
N_DEV, N_TEST = 100, 1000
N_ROWS = N_FRAMES // AVERAGE
PROTOCOL = replace(
    Protocol(), sequence_length=N_ROWS, window_length=N_ROWS, feature_dim=29, learning_rate=1e-3
)
"""The report's, but for length, width and learning rate."""
OF_STATES = " (mean of states)"
MEAN_OF_STATES = "MambaGRU" + OF_STATES
"""MambaGRU that answers from the mean of its states, in the place of the last one."""
TEMPORAL: dict[str, dict[str, Any]] = {
    "LDBM": {},
    "MambaGRU": {"width": 64},
    MEAN_OF_STATES: {"width": 64},
    "VanillaTransformer": {"width": 64},
}
"""Networks that can see order, and what of their configuration differs from the report's."""
ORDER_BLIND = ("AttentionMIL", "TemporalMeanMLP")
"""Networks that see the same frames in any order."""
NETWORKS = TEMPORAL | {name: {} for name in ORDER_BLIND}
CONVOLUTIONS = "random convolutions"
SHALLOW = ("constant", "oracle", "ridge (mean+sd)", "ridge (order)", CONVOLUTIONS)
"""What learns by no gradient. All but the convolutions see the action as it is, with its level."""


def base_of(predictor: str) -> str:
    """Return the name under which a network is registered."""
    return predictor.removesuffix(OF_STATES)


class RunningMean(nn.Module):
    """A recurrence that gives, at each step, the mean of its states up to there."""

    def __init__(self, recurrence: nn.Module) -> None:
        super().__init__()
        self.recurrence = recurrence

    def forward(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, D) -> (B, T, D), and the last state."""
        h, last = self.recurrence(u)
        return h.cumsum(dim=1) / torch.arange(1, h.shape[1] + 1)[:, None], last


def network(predictor: str, *, seed: int, **config: Any) -> nn.Module:
    """Build a network, not trained.

    Raises
    ------
    ModelError
        If there is no such predictor.
    """
    model = build(base_of(predictor), seed=seed, **config)
    if predictor.endswith(OF_STATES):
        model.gru = RunningMean(model.gru)
    return model


class Run(NamedTuple):
    """One predictor, trained once in one cell."""

    movement: str  # what order moves: "pace" or "stroke"
    share: float  # order's, of the information about severity
    n_train: int
    cohort: int  # the seed of the cohort
    inputs: Scaling  # what the predictor sees
    predictor: str  # one of `SHALLOW` or `NETWORKS`
    seed: int = 0


CELL = ["n_train", "cohort"]
"""What determines whom a run is about; no movement or share changes it."""


def simulate(
    movement: str, share: float, n_train: int, cohort: int, *, n_test: int | None = None
) -> SimulatedCohort:
    """Return the cohort of a cell."""
    world = World("map", GAIN, "order's share of a fixed sum", share=share, movement=movement)
    sizes = (n_train, N_DEV, n_test or N_TEST)
    return SimulatedCohort(world, seed=cohort, n_recordings=sizes, n_frames=N_FRAMES)


def key(run: Run) -> str:
    """Return the hash of what determines a run's answers, but for what the run itself says."""
    return _key(run.movement, run.predictor)


@lru_cache
def _key(movement: str, predictor: str) -> str:
    """Return the key of all runs of a predictor.

    The simulated cohort counts through what it gives: labels, latents and motion of forty
    recordings, so rounded that another processor changes nothing.
    """
    world = World("probe", GAIN, "half of it in order", share=0.5, movement=movement)
    probe = SimulatedCohort(world, seed=0, n_recordings=40, n_frames=N_FRAMES)
    action = true_actions(probe, average=AVERAGE).astype(float)
    speed = np.diff(action, axis=1).std(axis=1)
    digest = hashlib.sha256(probe.recordings.to_csv(index=False).encode())
    for part in (probe.truth.drop(columns="recording"), action.mean(1), action.std(1), speed):
        digest.update((np.asarray(part).round(3) + 0.0).tobytes())
    source = source_of(RunSpec(base_of(predictor) if predictor in NETWORKS else "MiniRocket"))
    files = (Path(__file__), PACKAGE / "scaling.py")
    content = [source, asdict(PROTOCOL), *map(code_of, files)]
    digest.update(json.dumps(content, sort_keys=True).encode())
    return digest.hexdigest()


def evaluated(run: Run) -> pd.DataFrame:
    """Return the recordings of Dev and Test that a run's answers are about."""
    return _evaluated(run.n_train, run.cohort)


@lru_cache  # every merge asks for those of all cells
def _evaluated(n_train: int, cohort: int) -> pd.DataFrame:
    table = simulate("pace", 0.0, n_train, cohort).recordings
    return table[table["split"] != "train"].sort_values("split", kind="stable")


@lru_cache(maxsize=1)  # runs of a cell follow each other
def drawn(
    movement: str, share: float, n_train: int, cohort: int
) -> tuple[SimulatedCohort, WindowSet]:
    """Return a cell: its cohort, and a window of true action for each recording, not scaled."""
    simulated = simulate(movement, share, n_train, cohort)
    names = simulated.recordings["recording"]
    action = dict(zip(names, true_actions(simulated, average=AVERAGE), strict=True))
    recordings = simulated.recordings.assign(n_frames=N_ROWS)
    real = np.ones(N_ROWS, dtype=bool)
    return simulated, build_windows(recordings, lambda name: (action[name], real), PROTOCOL)


def order_features(windows: WindowSet) -> np.ndarray:
    """Return what knows order by hand: log of velocity over SD, and skewness of velocity.

    Of every channel that moves in each Train recording; nothing of its level or spread is left.
    """
    moves = windows.subset("train").features.std(axis=1).min(axis=0) > 1e-4
    x = windows.features[..., moves].astype(float)
    velocity = np.diff(x, axis=1)
    speed = np.log((velocity.std(axis=1) + 1e-6) / (x.std(axis=1) + 1e-6))
    return np.hstack([speed, np.nan_to_num(skew(velocity, axis=1))])


def answers(run: Run) -> tuple[pd.Series, int]:
    """Train a predictor, and let it answer.

    Returns
    -------
    bdi_hat : Series
        BDI-II points by name of the recording, of all splits.
    epoch : int
        The one that Dev chose; 0 where there are none.

    Raises
    ------
    CohortError
        If there is no such cell or no such inputs.
    ModelError
        If there is no such predictor.
    """
    cohort, windows = drawn(*run[:4])
    seen = scaled(windows, run.inputs)
    if run.predictor == CONVOLUTIONS:
        return _by_recording(ridge(*rocket(seen, seed=run.seed)).predictions), 0
    if run.predictor in SHALLOW:
        return shallow(run.predictor, windows, cohort.recordings, cohort.truth), 0
    config = {"channels": PROTOCOL.feature_dim, **NETWORKS.get(run.predictor, {})}
    model = network(run.predictor, seed=run.seed, **config)
    return taught(model, seen, PROTOCOL, seed=run.seed, name=base_of(run.predictor))


def shallow(
    predictor: str, windows: WindowSet, recordings: pd.DataFrame, truth: pd.DataFrame
) -> pd.Series:
    """Let a reference or a ridge regression answer, which sees windows that are not scaled."""
    if predictor in ("constant", "oracle"):
        both = references(recordings, truth)
        return _by_recording(both[both["model"] == predictor])
    features, table = pool(windows, "mean+sd")
    features = order_features(windows) if predictor == "ridge (order)" else features
    return _by_recording(ridge(features, table).predictions)


def taught(
    model: Any, seen: WindowSet, protocol: Protocol, *, seed: int, **given: Any
) -> tuple[pd.Series, int]:
    """Train a network, and return what `answers` does; more keywords are those of ``train``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a network which can learn nothing collapses
        one = train(model, seen, protocol, seed=seed, **given)
    return _by_recording(recording_table(one.predictions, one.label_mean, one.label_std)), one.epoch


def _by_recording(table: pd.DataFrame) -> pd.Series:
    return table.set_index("recording")["bdi_hat"]
