"""CPU time of one epoch of the protocol: every Train batch, then Dev predicted."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deplib.cost.steps import cpu_seconds
from deplib.cost.ways import HEAD_ONLY, WAYS, sized, unit_vectors
from deplib.protocol import Protocol

PROTOCOL = Protocol()


def epoch_seconds(
    windows: Mapping[str, int],
    ways: Collection[str] = tuple(WAYS),
    *,
    rounds: int,
    protocol: Protocol = PROTOCOL,
    on_round: Callable[[], object] = lambda: None,
) -> list[dict[str, Any]]:
    """Measure the CPU time of an epoch of each way, the ways taking turns.

    Parameters
    ----------
    windows
        Number of windows of "train" and of "dev".
    ways
        Names of ``deplib.cost.ways.WAYS``.
    rounds
        How often each is measured.
    protocol
        Batch sizes, length of a window, and the optimizer's settings.
    on_round
        Called after each round.

    Returns
    -------
    list of dict
        ``way`` and ``seconds``, one number a round. That the means of ``HEAD_ONLY`` are taken,
        once for all epochs, is in no round.
    """
    train, dev = (
        unit_vectors(windows[split], protocol.window_length) for split in ("train", "dev")
    )
    epochs = {way: Epoch(way, train, torch.zeros(len(train)), dev, protocol) for way in ways}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for epoch in epochs.values():
        epoch.warm_up()
    for _ in range(rounds):
        for way, epoch in epochs.items():
            seconds[way].append(cpu_seconds(epoch))
        on_round()
    return [{"way": way, "seconds": measured} for way, measured in seconds.items()]


class Epoch:
    """An epoch as ``deplib.training`` makes it, without its history and checkpoints.

    A test holds the two together: the same losses from the same seed.

    Parameters
    ----------
    way
        A name of ``deplib.cost.ways.WAYS``.
    train, dev
        Frames, (windows, frames, 512), all real.
    y
        Labels of the Train windows.
    protocol
        Batch sizes and the optimizer's settings.
    """

    def __init__(self, way: str, train: Tensor, y: Tensor, dev: Tensor, protocol: Protocol) -> None:
        self.network = sized(WAYS[way], train.shape[1])
        self.protocol, self.y, self.n_dev = protocol, y, len(dev)
        self.train_outputs, self.dev_outputs = (
            _outputs(way, self.network, x) for x in (train, dev)
        )
        self.rng = np.random.default_rng(0)
        self.optimizer = torch.optim.Adam(
            self.network.parameters(),
            lr=protocol.learning_rate,
            weight_decay=protocol.weight_decay,
        )

    def __call__(self) -> float:
        """Train once on every window and predict Dev; return the mean training loss of a window."""
        total = 0.0
        for rows in _cut(self.rng.permutation(len(self.y)), self.protocol.batch_size_train):
            loss = nn.functional.l1_loss(self.train_outputs(rows), self.y[rows])
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(rows)
        self.predict_dev()
        return total / len(self.y)

    def predict_dev(self) -> Tensor:
        """Predict every Dev window without a gradient."""
        with torch.inference_mode():
            parts = _cut(np.arange(self.n_dev), self.protocol.batch_size_eval)
            return torch.cat([self.dev_outputs(rows) for rows in parts])

    def warm_up(self) -> None:
        """Let a process do what only its first step does, such as compiling; weights stay."""
        self.train_outputs(np.arange(2)).mean().backward()
        self.optimizer.zero_grad(set_to_none=True)


def _outputs(way: str, network: nn.Module, x: Tensor) -> Callable[[np.ndarray], Tensor]:
    """Return rows -> outputs. A batch is copied out of the windows, as in training."""
    mask = torch.ones(x.shape[:2], dtype=torch.bool)
    if way != HEAD_ONLY:
        return lambda rows: network(x[rows].transpose(1, 2), mask[rows])
    with torch.no_grad():
        parts = _cut(np.arange(len(x)), 64)
        means = torch.cat([network.pool(x[rows].transpose(1, 2), mask[rows]) for rows in parts])  # type: ignore[operator]
    return lambda rows: network.head(means[rows])  # type: ignore[operator]


def _cut(rows: np.ndarray, size: int) -> list[np.ndarray]:
    return [rows[i : i + size] for i in range(0, len(rows), size)]
