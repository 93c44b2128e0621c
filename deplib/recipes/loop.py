"""What the recipes' own loops share with the protocol's."""

import torch
from torch import Tensor

from deplib.training.course import Course
from deplib.training.loop import check_loss


def descend(optimizer: torch.optim.Optimizer, loss: Tensor, course: Course) -> None:
    """Take one step down the gradient of a loss.

    Raises
    ------
    ModelError
        If the loss is no longer finite.
    """
    check_loss(loss.item(), course.name, course.seed, course.epoch + 1)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
