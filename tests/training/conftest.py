"""One thread, so that equal means equal, and windows to train on."""

from collections.abc import Iterator

import pytest
import torch
from lessons import bagged

from deplib.windows import WindowSet


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def windows() -> WindowSet:
    return bagged()
