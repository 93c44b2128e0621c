"""Several seeds of one model in one pass: parameters stacked along a leading dimension.

It pays where a step is short beside what Python and the dispatcher cost, that is for models that
average the frames once and then train a small head. Each seed keeps its own weights, batches,
history and end; gradients don't mix, since the losses are added and no parameter is shared.
"""

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from deplib.errors import ModelError
from deplib.models import build
from deplib.protocol import Protocol
from deplib.training.course import Course
from deplib.training.loop import adam, batches, check_loss, finish, pool
from deplib.training.run import Run
from deplib.windows import WindowSet


def can_stack(name: str) -> bool:
    """Tell whether a model's seeds can be trained together."""
    model = build(name, seed=0)
    return hasattr(model, "pool") and hasattr(model, "head")


def train_together(
    name: str, windows: WindowSet, protocol: Protocol, *, seeds: Sequence[int], **config: int
) -> list[Run]:
    """Train one model from several seeds at once.

    Returns
    -------
    list of Run
        In the order of ``seeds``; equal to ``train`` one after the other but for rounding, which
        a test holds to 1e-4 z-units at the same chosen epoch.

    Raises
    ------
    ModelError
        If the model does not start with a ``pool`` that has no parameters, no seed is given, or a
        loss is no longer finite.
    CohortError
        If a split has no window.
    """
    start = time.perf_counter()
    models = [build(name, seed=seed, **config) for seed in seeds]
    if not models or not hasattr(models[0], "pool"):
        raise ModelError(
            f"{name} with seeds {list(seeds)} cannot be trained together: that takes a seed or "
            "more, and a model with `pool` and `head`; use `train` for each seed"
        )
    train_set, dev_set = windows.subset("train"), windows.subset("dev")
    windows.subset("test")
    pooled, pooled_dev = pool(models[0], train_set), pool(models[0], dev_set)
    y_train = torch.from_numpy(train_set.index["y"].to_numpy(np.float32))
    stack = {key: p.detach().requires_grad_() for key, p in stack_module_state(models)[0].items()}
    optimizer = adam(stack.values(), protocol)
    head = vmap(_Head(models[0]).of)
    rngs = [np.random.default_rng(seed) for seed in seeds]
    courses = [Course(name, seed, train_set, dev_set, protocol) for seed in seeds]

    while not all(course.stopped for course in courses):
        y_hat = np.empty((len(seeds), len(train_set)), dtype=np.float32)
        orders = np.stack([rng.permutation(len(train_set)) for rng in rngs])  # (S, n)
        for columns in batches(np.arange(len(train_set)), protocol.batch_size_train):
            rows = orders[:, columns]  # (S, B)
            output = head(stack, pooled[rows])  # (S, B)
            losses = (output - y_train[rows]).abs().mean(dim=1)
            optimizer.zero_grad(set_to_none=True)
            losses.sum().backward()
            for loss, course in zip(losses.tolist(), courses, strict=True):
                if not course.stopped:
                    check_loss(loss, name, course.seed, course.epoch + 1)
            optimizer.step()
            np.put_along_axis(y_hat, rows, output.detach().numpy(), axis=1)
        with torch.inference_mode():
            dev_hat = head(stack, pooled_dev.expand(len(seeds), -1, -1))
        dev = dev_hat.numpy().astype(float).round(6)
        for s, course in enumerate(courses):
            if not course.stopped:
                course.record(y_hat[s], dev[s], lambda s=s: _seed(stack, s))  # type: ignore[misc]
    return [
        finish(model, windows, course, start) for model, course in zip(models, courses, strict=True)
    ]


class _Head(nn.Module):
    """A model whose ``forward`` is its ``head``, with the model's own names of parameters."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pooled: Tensor) -> Tensor:
        return self.model.head(pooled)  # type: ignore[operator]

    def of(self, parameters: dict[str, Tensor], pooled: Tensor) -> Tensor:
        """Apply the head with other parameters than the module's own."""
        named = {f"model.{key}": value for key, value in parameters.items()}
        return functional_call(self, named, (pooled,))


def _seed(stack: dict[str, Tensor], s: int) -> dict[str, Tensor]:
    return {key: value[s].detach().clone() for key, value in stack.items()}
