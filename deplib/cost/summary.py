"""Numbers from the measurements, and from counting: per window, by way and by length."""

from dataclasses import dataclass, field

import numpy as np

from deplib.cost import flops, record
from deplib.cost.fits import Estimate, exponent, local_exponents, ratio
from deplib.cost.steps import TRAINING
from deplib.cost.ways import HEAD_ONLY, LENGTHS, WINDOWS

MIB = 2**20
MEAN = "TemporalMeanMLP"


@dataclass(frozen=True)
class Costs:
    """The versioned measurements in the units that are printed.

    Attributes
    ----------
    measured
        Read from ``results/cost.json`` unless given.
    """

    measured: record.Measured = field(default_factory=lambda: record.load())

    def milliseconds(
        self, way: str, kind: str = TRAINING, *, windows: int = WINDOWS
    ) -> list[list[float]]:
        """Return CPU-milliseconds a window: a list for each length, rising, of all rounds."""
        steps = self.measured.steps
        chosen = (steps["way"] == way) & (steps["kind"] == kind) & (steps["windows"] == windows)
        rows = steps[chosen].sort_values("frames")["seconds"]
        return [[1e3 * s / windows for s in rounds] for rounds in rows]

    def fitted(self, way: str, kind: str = TRAINING) -> Estimate:
        """Return the exponent of time over all lengths, from the smallest rounds."""
        return exponent(LENGTHS, [min(rounds) for rounds in self.milliseconds(way, kind)])

    def single_fits(self, way: str) -> tuple[float, float]:
        """Return the lowest and highest exponent that a single round gives."""
        by_round = np.transpose(self.milliseconds(way))
        slopes = [exponent(LENGTHS, single.tolist()).value for single in by_round]
        return min(slopes), max(slopes)

    def between(self, way: str) -> list[Estimate]:
        """Return the exponent of time between each length and the next."""
        return local_exponents(LENGTHS, self.milliseconds(way))

    def peaks(self, way: str) -> list[float]:
        """Return the peak memory of a training step in MiB a window, by rising length."""
        memory = self.measured.memory[self.measured.memory["way"] == way].sort_values("frames")
        return (memory["bytes"] / memory["windows"] / MIB).tolist()

    def epoch(self, way: str) -> list[float]:
        """Return CPU-seconds of an epoch, all rounds."""
        return list(self.measured.epochs.set_index("way")["seconds"][way])

    def epoch_ratios(self, way: str) -> tuple[Estimate, Estimate]:
        """Return an epoch's time over TemporalMeanMLP's: averaging each step, means at hand."""
        return ratio(self.epoch(way), self.epoch(MEAN)), ratio(
            self.epoch(way), self.epoch(HEAD_ONLY)
        )


def counted_exponent(way: str, shorter: int, longer: int) -> float:
    """Return the exponent of the counted operations between two lengths."""
    a, b = (flops.operations(way, frames).together for frames in (shorter, longer))
    return float(np.log(b / a) / np.log(longer / shorter))


def attention_share(way: str, frames: int) -> float:
    """Return the share of batched products, attention's, in the operations of a training step."""
    operations = flops.operations(way, frames)
    return operations.attention / operations.training


def attention_leads(way: str, longest: int) -> int | None:
    """Return the least power of two of frames at which attention has more than half, if any."""
    lengths = (2**k for k in range(longest.bit_length()))
    return next((n for n in lengths if n >= LENGTHS[0] and attention_share(way, n) > 0.5), None)
