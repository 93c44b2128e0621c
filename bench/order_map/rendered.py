"""Cells from pixels: rendered faces, ONNX encoders, and a Test set that is a population.

Two kinds of worlds. In ``null``, ``default`` and ``published`` Train and Dev have 50 recordings
each, as long as AVEC2014's, and Test a thousand, one window of each, whose labels follow the bands
that are published of AVEC2014's Test split: no model knows anything of them, and a constant errs by
9.54 there. In ``pace`` order tells all; its recordings are those of the map of order, 512 frames
averaged in fours, and smaller Train sets are parts of the largest.

Frames are embedded once by both encoders and kept in the data folder.
"""

import hashlib
import io
import json
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cells
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from deplib.cohorts.simulated import SimulatedCohort
from deplib.extraction import embedded_encoder, open_encoder
from deplib.keys import PACKAGE, code_of, source_of
from deplib.paths import data_root, write_atomically
from deplib.protocol import Protocol
from deplib.results import RunSpec
from deplib.scaling import Scaling, scaled
from deplib.statistics.population import SHARES
from deplib.windows import WindowSet, build_windows

LEVELS = ("null", "default", "published")
"""Worlds in which levels tell, or nothing does; the protocol is the report's."""
N_TRAIN, N_DEV, N_TEST = 50, 50, 1000
DRAWN = 6000
"""Test recordings to choose a population from."""
PACE_TRAIN, PACE_TEST = 500, 500
CELL = ["world", "n_train", "cohort"]
"""What determines whom a run is about."""
ENCODERS = ("identity", "affect")
NETWORKS = ("TemporalMeanMLP", "LDBM", "VanillaTransformer", "MambaGRU")
SHALLOW = ("constant", "oracle", "ridge (mean+sd)", "ridge (order)")


class Run(NamedTuple):
    """One predictor, trained once in one cell."""

    world: str  # one of `LEVELS`, or "pace"
    n_train: int
    cohort: int  # the seed of the cohort
    features: str  # one of `ENCODERS`
    inputs: Scaling | Literal["raw", "shuffled"]
    """``"raw"``: unit vectors, as the report's models see them; ``"shuffled"``: z-scored, and the
    frames of each window dealt out anew."""
    predictor: str  # one of `SHALLOW` or `cells.NETWORKS`
    seed: int = 0
    learning_rate: float = 0.0  # 0: that of the world's protocol
    dropout: float = 0.0  # share of the input's numbers that training hides
    whole: bool = False  # sequences of 2,000 frames in the place of windows of 512


def evaluated(run: Run) -> pd.DataFrame:
    """Return the recordings of Dev and Test that a run's answers are about."""
    used = simulate(run.world, run.cohort)[1]
    return used[used["split"] != "train"].sort_values("split", kind="stable")


def key(run: Run) -> str:
    """Return the hash of what determines a run's answers, but for what the run itself says."""
    return _key(cells.base_of(run.predictor))


@lru_cache
def _key(predictor: str) -> str:
    files = [Path(__file__), Path(cells.__file__), PACKAGE / "scaling.py", PACKAGE / "baselines.py"]
    files += sorted((PACKAGE / "cohorts" / "simulated").glob("*.py"))
    source = source_of(RunSpec(predictor if predictor in cells.NETWORKS else "RidgeMeanSD"))
    encoders = [_encoders()[name].id for name in ENCODERS]
    content = [source, asdict(Protocol()), encoders, *map(code_of, files)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=4)
def simulate(world: str, cohort: int) -> tuple[SimulatedCohort, pd.DataFrame]:
    """Return a cohort, and the recordings that are used, with the frames that are used of each."""
    if world not in LEVELS:
        cell = cells.simulate(world, 1.0, PACE_TRAIN, cohort, n_test=PACE_TEST)
        return cell, cell.recordings
    simulated = SimulatedCohort(world, cohort, n_recordings=(N_TRAIN, N_DEV, DRAWN))
    table, protocol = simulated.recordings, Protocol()
    exact = N_TEST * SHARES
    wanted = np.floor(exact).astype(int)
    wanted[np.argsort(wanted - exact, kind="stable")[: N_TEST - wanted.sum()]] += 1
    drawn = table[table["split"] == "test"].sample(frac=1, random_state=cohort)
    place = drawn.groupby("bdi").cumcount()
    test = drawn[place < wanted[drawn["bdi"].astype(int)]].sort_index()
    used = pd.concat([table[table["split"] != "test"], test])
    limit = np.where(used["split"] == "test", protocol.window_length, protocol.sequence_length)
    return simulated, used.assign(n_frames=np.minimum(used["n_frames"], limit))


def path_of(world: str, cohort: int, recording: str) -> Path:
    """Return where the embeddings of a recording are kept."""
    fingerprint = simulate(world, cohort)[0].fingerprint[:12]
    return data_root() / "rendered" / f"{world}-{cohort}-{fingerprint}" / f"{recording}.npz"


def not_embedded(world: str, cohort: int) -> list[str]:
    """Return the recordings of a cohort whose embeddings are not kept yet."""
    names = simulate(world, cohort)[1]["recording"]
    return [name for name in names if not path_of(world, cohort, name).exists()]


def embed(world: str, cohort: int, recording: str) -> None:
    """Render a recording, and keep the embeddings of both encoders: float16, (frames, 512)."""
    simulated, used = simulate(world, cohort)
    n_frames = int(used.loc[used["recording"] == recording, "n_frames"].item())
    film, content = simulated.frames(recording, 0, n_frames), io.BytesIO()
    features = {name: encoder.embed(film) for name, encoder in _encoders().items()}
    assert all(one.valid.all() for one in features.values()), recording
    arrays = {name: one.features.astype(np.float16) for name, one in features.items()}
    np.savez(content, **arrays)
    path = path_of(world, cohort, recording)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content.getvalue())


@lru_cache(maxsize=1)
def _encoders() -> dict[str, Any]:
    return {"identity": embedded_encoder(), "affect": open_encoder("affect")}


@lru_cache(maxsize=1)  # runs of a cell follow each other
def windows_of(
    world: str, n_train: int, cohort: int, features: str, whole: bool = False
) -> WindowSet:
    """Return the windows of a cell, not scaled."""
    _, used = simulate(world, cohort)
    train = used[used["split"] == "train"].sample(n_train, random_state=cohort)["recording"]
    used = used[(used["split"] != "train") | used["recording"].isin(train)]
    every = 1 if world in LEVELS else cells.AVERAGE

    def read(name: str) -> tuple[np.ndarray, np.ndarray]:
        with np.load(path_of(world, cohort, name)) as kept:
            frames = kept[features].astype(np.float32)
        frames = frames[: len(frames) // every * every].reshape(-1, every, frames.shape[1]).mean(1)
        return frames, np.ones(len(frames), dtype=bool)

    protocol = protocol_of(Run(world, n_train, cohort, features, "raw", "", whole=whole))
    return build_windows(used.assign(n_frames=used["n_frames"] // every), read, protocol)


def protocol_of(run: Run) -> Protocol:
    """Return the controlled variables of a run."""
    own = {"learning_rate": run.learning_rate} if run.learning_rate else {}
    if run.world not in LEVELS:
        return replace(cells.PROTOCOL, feature_dim=Protocol().feature_dim, **own)
    own |= {"window_length": Protocol().sequence_length} if run.whole else {}
    return replace(Protocol(), **own)


class HidingInputs(nn.Module):
    """A model whose inputs are dropped at random while it learns."""

    def __init__(self, model: nn.Module, share: float) -> None:
        super().__init__()
        self.model, self.hide = model, nn.Dropout(share)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return (batch,) z-scored BDI-II."""
        return self.model(self.hide(x), mask)


def answers(run: Run) -> tuple[pd.Series, int]:
    """Train a predictor, and let it answer.

    Returns
    -------
    bdi_hat : Series
        BDI-II points by name of the recording, of all splits.
    epoch : int
        The one that Dev chose; 0 where there are none.
    """
    windows = windows_of(run.world, run.n_train, run.cohort, run.features, run.whole)
    cohort, used = simulate(run.world, run.cohort)
    if run.predictor in SHALLOW:
        asked = used[used["recording"].isin(windows.index["recording"])]
        return cells.shallow(run.predictor, windows, asked, cohort.truth), 0
    config = {} if run.world in LEVELS else cells.NETWORKS.get(run.predictor, {})
    model = cells.network(run.predictor, seed=run.seed, **config)
    model = HidingInputs(model, run.dropout) if run.dropout else model
    if run.inputs == "shuffled":
        windows = shuffled(scaled(windows, "z-scored"), run.seed)
    elif run.inputs != "raw":
        windows = scaled(windows, run.inputs)
    torch.manual_seed(run.seed)  # which inputs are hidden
    name = cells.base_of(run.predictor)
    return cells.taught(model, windows, protocol_of(run), seed=run.seed, name=name)


def shuffled(windows: WindowSet, seed: int) -> WindowSet:
    """Return windows without order: the real frames of each in an order of its own."""
    rng, features = np.random.default_rng(seed), windows.features.copy()
    for window, real in zip(features, windows.mask, strict=True):
        window[real] = rng.permutation(window[real])
    return replace(windows, features=features)
