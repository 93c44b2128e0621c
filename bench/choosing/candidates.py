"""The course of every candidate on one cohort: Dev and Test scores after each epoch.

A candidate is a setting and a seed. Training is that of ``deplib.training`` (L1 on z-scored
windows, Adam, the same initial weights and batches of a seed), with candidates of one width
stacked along a leading dimension. Nothing stops early: a rule that chooses may pretend to.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from drawing import FeatureCohort
from torch import Tensor

from deplib.metrics import METRICS
from deplib.models import build
from deplib.protocol import Protocol

MODEL = "TemporalMeanMLP"
SCORES = ("mae", "pcc", "sigma_ratio")
PARTS = ("dev", "test", "dev_a", "dev_b")
"""What is scored: the splits, and two halves of Dev without a person in common."""
N_FOLDS = 3
"""Inner folds of Train, persons kept together."""


class Setting(NamedTuple):
    """What a study may try beside its protocol."""

    learning_rate: float
    hidden: int
    scaled: bool  # z-score each feature by the Train windows


SETTINGS = (
    Setting(Protocol().learning_rate, 256, False),
    *(Setting(rate, 64, scaled) for scaled, rate in product((False, True), (3e-4, 3e-3))),
)
"""The protocol's setting, then four that are a third of its cost."""
N_SEEDS = 2

Candidate = tuple[Setting, int]
"""A setting at one seed."""
Courses = dict[str, np.ndarray]
"""What `courses` returns."""


def courses(
    cohort: FeatureCohort,
    *,
    seed: int,
    protocol: Protocol | None = None,
    settings: Sequence[Setting] = SETTINGS,
    n_seeds: int = N_SEEDS,
) -> Courses:
    """Train every candidate on one cohort.

    Parameters
    ----------
    cohort
        What `drawing.draw` returns.
    seed
        First of the seeds of weights and batches, and what halves Dev and cuts the inner folds.
    protocol
        Epochs, batch size and weight decay; its learning rate is that of the settings.
    settings, n_seeds
        The candidates.

    Returns
    -------
    dict
        ``dev_mae`` and the like (of `PARTS` and `SCORES`): (n_candidates, n_epochs), recording
        level, BDI-II points; candidates are ordered by seed, then setting. ``inner_mae``:
        (n_settings, n_epochs), over Train, each recording predicted by the fold that was trained
        without its person. ``constant``: MAE of the Train median on each of `PARTS`.
    """
    protocol = protocol or Protocol()
    rng = np.random.default_rng(seed)
    train, dev, test = (cohort.rows(split) for split in ("train", "dev", "test"))
    persons, bdi = cohort.recordings["person"].to_numpy(str), cohort.recordings["bdi"].to_numpy()
    half = _groups(persons[dev], 2, rng=rng)
    parts = dict(zip(PARTS, (dev, test, dev[half == 0], dev[half == 1]), strict=True))
    every = [(setting, seed + s) for s in range(n_seeds) for setting in settings]
    names = (f"{part}_{name}" for part in PARTS for name in SCORES)
    out: Courses = {name: np.empty((len(every), protocol.epochs)) for name in names}
    held_out = np.sort(np.concatenate([dev, test]))
    for which in _by_width(every):
        stack = [every[c] for c in which]
        for epoch, y_hat in enumerate(predictions(cohort, train, held_out, stack, protocol)):
            for part, rows in parts.items():
                columns = y_hat[:, np.searchsorted(held_out, rows)]
                for name in SCORES:
                    score = [METRICS[name](bdi[rows], one) for one in columns]
                    out[f"{part}_{name}"][which, epoch] = score

    fold = _groups(persons[train], N_FOLDS, rng=rng)
    errors = np.empty((len(settings), protocol.epochs, len(train)))
    for which in _by_width(every[: len(settings)]):
        stack = [every[c] for c in which]
        for f in range(N_FOLDS):
            place, inside = np.flatnonzero(fold == f), train[fold != f]
            epochs = predictions(cohort, inside, train[place], stack, protocol)
            for epoch, y_hat in enumerate(epochs):
                errors[which[:, None], epoch, place] = np.abs(y_hat - bdi[train[place]])
    median = np.median(bdi[train])
    constant = np.array([np.abs(bdi[rows] - median).mean() for rows in parts.values()])
    return out | {"inner_mae": errors.mean(axis=2), "constant": constant}


def predictions(
    cohort: FeatureCohort,
    train: np.ndarray,
    held_out: np.ndarray,
    candidates: Sequence[Candidate],
    protocol: Protocol,
) -> Iterator[np.ndarray]:
    """Train candidates of one width together and yield, after each epoch, what they predict.

    Parameters
    ----------
    cohort
        The cohort.
    train, held_out
        Rows of the recordings to learn from, and of those to predict.
    candidates
        What is trained; all with the same ``hidden``.
    protocol
        Epochs, batch size and weight decay.

    Yields
    ------
    ndarray of float, shape (n_candidates, n_held_out)
        BDI-II points, the mean over a recording's windows.
    """
    bdi = cohort.recordings["bdi"].to_numpy()
    mean, sd = bdi[train].mean(), bdi[train].std()
    fitted, windows = _windows(cohort, train)
    shown, recording = _windows(cohort, held_out)
    centre, scale = fitted.mean(axis=0), fitted.std(axis=0)
    scaled = np.array([setting.scaled for setting, _ in candidates], int)
    both = [np.stack([part, (part - centre) / scale]) for part in (fitted, shown)]
    x, everything = map(torch.from_numpy, both)  # (2, n_windows, D): as they are, and z-scored
    everything = everything[scaled]
    y = torch.from_numpy(((bdi[train][windows] - mean) / sd).astype(np.float32))
    averaging = np.zeros((len(held_out), len(recording)))
    averaging[recording, np.arange(len(recording))] = 1 / np.bincount(recording)[recording]
    network = _Stack(candidates)
    optimizer = network.optimizer(protocol)
    rngs = [np.random.default_rng(seed) for _, seed in candidates]
    for _ in range(protocol.epochs):
        shuffled = np.stack([rng.permutation(len(y)) for rng in rngs])
        for start in range(0, len(y), protocol.batch_size_train):
            rows = shuffled[:, start : start + protocol.batch_size_train]
            loss = (network(x[scaled[:, None], rows]) - y[rows]).abs().mean(dim=1).sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            output = network(everything).numpy().astype(float).round(6)
        yield mean + sd * output @ averaging.T


class _Stack:
    """TemporalMeanMLP heads of several candidates at once."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self.rates = [setting.learning_rate for setting, _ in candidates]
        self.heads: list[list[Tensor]] = []
        for setting, seed in candidates:
            w1, b1, w2, b2 = build(MODEL, seed=seed, hidden=setting.hidden).parameters()
            head = (w1.mT, b1[None], w2.mT, b2[None])
            self.heads.append([t.detach().contiguous().requires_grad_() for t in head])

    def optimizer(self, protocol: Protocol) -> torch.optim.Adam:
        """Return the protocol's optimizer at each candidate's rate, in its fused, faster form."""
        both = zip(self.heads, self.rates, strict=True)
        groups = [{"params": head, "lr": rate} for head, rate in both]
        return torch.optim.Adam(groups, weight_decay=protocol.weight_decay, fused=True)

    def __call__(self, x: Tensor) -> Tensor:
        """(S, B, D) -> (S, B)."""
        w1, b1, w2, b2 = map(torch.stack, zip(*self.heads, strict=True))
        return torch.baddbmm(b2, torch.baddbmm(b1, x, w1).relu(), w2).squeeze(2)


def _by_width(candidates: Sequence[Candidate]) -> list[np.ndarray]:
    """Return the places of the candidates of each width: only these fit in one stack."""
    width = np.array([setting.hidden for setting, _ in candidates])
    return [np.flatnonzero(width == hidden) for hidden in np.unique(width)]


def _windows(cohort: FeatureCohort, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return features of the windows of some recordings, and the place of each in ``rows``."""
    place = np.full(len(cohort.recordings), -1)
    place[rows] = np.arange(len(rows))
    kept = place[cohort.recording] >= 0
    return cohort.features[kept], place[cohort.recording[kept]]


def _groups(persons: np.ndarray, n: int, *, rng: np.random.Generator) -> np.ndarray:
    """Cut recordings into n parts of about equal size, all of a person in one, (n_recordings,)."""
    names, code, counts = np.unique(persons, return_inverse=True, return_counts=True)
    part, size = np.empty(len(names), int), np.zeros(n)
    for person in rng.permutation(len(names)):
        part[person] = np.argmin(size)
        size[part[person]] += counts[person]
    return part[code]
