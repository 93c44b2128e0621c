"""Operations against hand-written formulas and against counting on real tensors."""

from dataclasses import dataclass

import pytest
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from deplib.cost import flops
from deplib.cost.ways import HEAD_ONLY, WAYS, forward_of, sized, unit_vectors


@dataclass
class Tally:
    """Forward and backward of matrix products, written out: two operations a multiply-add."""

    forward: int = 0
    training: int = 0

    def linear(self, rows: int, a: int, b: int, *, first: bool = False) -> None:
        """The input of the first layer gets no gradient."""
        once = 2 * rows * a * b
        self.forward += once
        self.training += 2 * once if first else 3 * once

    def attention(self, n: int, width: int) -> None:
        for _ in ("Q K'", "A V"):
            self.forward += 2 * n * n * width
            self.training += 3 * 2 * n * n * width

    def mean(self, n: int, width: int, *, gradient: bool) -> None:
        self.forward += 2 * n * width
        self.training += (2 if gradient else 1) * 2 * n * width

    def encoder(self, n: int, feedforward: int) -> None:
        self.linear(n, 128, 3 * 128)
        self.attention(n, 128)
        self.linear(n, 128, 128)
        self.linear(n, 128, feedforward)
        self.linear(n, feedforward, 128)

    def regressor(self, width: int, hidden: int, *, first: bool = False) -> None:
        self.linear(1, width, hidden, first=first)
        self.linear(1, hidden, 1)


def by_hand(way: str, T: int) -> Tally:
    tally = Tally()
    if way == "TemporalMeanMLP":
        tally.mean(T, 512, gradient=False)
    if WAYS[way] == "TemporalMeanMLP":
        tally.regressor(512, 256, first=True)
    elif way == "AttentionMIL":
        tally.linear(T, 512, 128, first=True)
        tally.linear(T, 128, 1)
        tally.mean(T, 512, gradient=True)
        tally.regressor(512, 256)
    elif way.startswith("LDBM"):
        patch = {"LDBM-patch4": 4, "LDBM": 8, "LDBM-patch16": 16}[way]
        n = T // patch
        tally.linear(n, patch * 512, 128, first=True)
        for _ in range(4):
            tally.encoder(n, 512)
            n = -(-n // 2)
        tally.mean(n, 128, gradient=True)
        tally.regressor(128, 64)
    elif way == "VanillaTransformer":
        tally.linear(T, 512, 128, first=True)
        for _ in range(3):
            tally.encoder(T, 128)
        tally.mean(T, 128, gradient=True)
        tally.regressor(128, 64)
    elif way == "MambaGRU":
        tally.linear(T, 512, 128, first=True)
        for _ in range(2):
            tally.linear(T, 128, 3 * 128)
            tally.linear(T, 128, 3 * 128)
            tally.training -= 2 * 128 * 3 * 128  # no gradient for the state before the first frame
        tally.regressor(128, 64)
    elif way == "Mamba":
        tally.linear(T, 512, 128, first=True)
        for frames in (T, 1):  # the last block's output is needed at one frame only
            tally.linear(T, 128, 256)
            tally.linear(T, 256, 8 + 2 * 16)
            tally.linear(T, 8, 256)
            tally.linear(frames, 128, 256)
            tally.linear(frames, 256, 128)
        tally.regressor(128, 64)
    else:
        raise AssertionError(f"no formula for {way}")
    return tally


@pytest.mark.parametrize("way", WAYS)
def test_operations_are_those_of_a_formula_to_the_digit(way: str) -> None:
    for frames in (128, 1024, 4096):
        counted, formula = flops.operations(way, frames), by_hand(way, frames)
        assert (counted.forward, counted.training) == (formula.forward, formula.training)


@pytest.mark.parametrize("way", WAYS)
def test_counts_on_shapes_alone_are_those_of_real_tensors(way: str) -> None:
    forward = forward_of(way, sized(WAYS[way], 24), unit_vectors(1, 24))
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        forward().sum().backward()
    assert counter.get_total_flops() == flops.operations(way, 24).training


def test_attention_is_what_a_formula_says_and_other_models_have_none() -> None:
    n = 1024
    pairs = 3 * 3 * 2 * 2 * n * n * 128  # layers, passes, products, two operations
    mean = 2 * 2 * n * 128
    assert flops.operations("VanillaTransformer", n).attention == pairs + mean
    for way in (HEAD_ONLY, "TemporalMeanMLP", "AttentionMIL", "MambaGRU", "Mamba"):
        assert flops.operations(way, n).attention == 0


class Counted:
    """A number that counts what is done with it."""

    done = 0

    def _again(self, *_: object) -> "Counted":
        Counted.done += 1
        return Counted()

    __add__ = __mul__ = exp = _again


def test_the_scan_formula_counts_the_published_recurrence() -> None:
    T, channels, states, layers = 5, 256, 16, 2
    x = dt = A = B = C = D = h = Counted()
    Counted.done = 0
    for _ in range(T * channels):
        y = D * x
        u = dt * x
        for _ in range(states):
            h = (dt * A).exp() * h + u * B
            y = y + C * h
    forward, backward = flops.scan_operations(sized("Mamba", T), T)
    assert forward == layers * Counted.done
    assert backward > forward


def test_plain_attention_keeps_a_matrix_of_all_pairs_for_each_head() -> None:
    n, layers, heads, float32 = 2048, 3, 4, 4
    kept = flops.kept_by_plain_attention("VanillaTransformer", n, windows=1)
    matrices = layers * heads * n * n * float32
    assert matrices < kept < 1.5 * matrices
    assert flops.kept_by_plain_attention("VanillaTransformer", n, windows=2) > 1.9 * kept
