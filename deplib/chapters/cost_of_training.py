"""The chapter on cost, its second part: batches, memory, and epochs of training."""

import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from deplib import figures, report
from deplib.chapters.cost import ATTENTION, FILE, MINUTES, NO_COHORT, PATCHES, curves, spread, whole
from deplib.cost import flops
from deplib.cost.fits import Estimate, exponent, ratio
from deplib.cost.summary import MEAN, MIB, Costs
from deplib.cost.ways import LENGTHS, WAYS, WINDOWS
from deplib.protocol import Protocol


class BudgetPage:
    """What a training step needs beside its time at other lengths: batch, memory, whole epochs."""

    def __init__(self, costs: Costs | None = None) -> None:
        self.costs = costs or Costs()
        self.protocol = Protocol()

    def batches(self) -> pd.DataFrame:
        """Return time a window in a small step and in a whole batch of the protocol."""
        size, window = self.protocol.batch_size_train, self.protocol.window_length
        rows = []
        for way in WAYS:
            few = self.costs.milliseconds(way)[LENGTHS.index(window)]
            many = self.costs.milliseconds(way, windows=size)[0]
            rows.append(
                {
                    "way": way,
                    f"{WINDOWS} windows together": spread(few),
                    f"{size} windows together": spread(many),
                    "ratio": str(ratio(few, many)),
                }
            )
        return pd.DataFrame(rows)

    def memory(self) -> pd.DataFrame:
        """Return peak memory in MiB a window, and its exponent."""
        return pd.DataFrame(
            [
                {"way": way}
                | dict(zip(map(str, LENGTHS), self.costs.peaks(way), strict=True))
                | {"exponent": str(exponent(LENGTHS, self.costs.peaks(way)))}
                for way in WAYS
            ]
        )

    def memory_figure(self) -> Figure:
        """Return peak memory against length, beside the window itself."""
        own = "the window itself"
        window = pd.DataFrame({"way": own, "frames": LENGTHS})
        window["value"] = window["frames"] * self.protocol.feature_dim * 4 / MIB
        peaks = curves({way: [[peak] for peak in self.costs.peaks(way)] for way in WAYS})
        panels = {"peak of a training step": pd.concat([peaks, window])}
        shown = figures.cost_against_length(panels, ylabel="MiB a window", reference=own)
        return figures.stated(shown, NO_COHORT, files=[FILE])

    def memory_verdict(self) -> Markdown:
        """Return what fused attention saves."""
        *_, half, full = (
            flops.kept_by_plain_attention(ATTENTION, frames, windows=1) / MIB for frames in LENGTHS
        )
        fused = self.costs.peaks(ATTENTION)
        return report.say(
            f"VanillaTransformer needs memory with the power {exponent(LENGTHS, fused)}: attention "
            "is fused here and never holds the matrix of all pairs of tokens. Plain attention "
            f"would keep {full:.0f} MiB for the backward pass of one window of {LENGTHS[-1]} "
            f"frames, {full / half:.1f} times what it keeps at half the length; fused, the whole "
            f"step peaks at {fused[-1]:.0f} MiB. So O(N^2) describes the memory of an "
            "implementation, and not of the model."
        )

    def memory_check(self) -> pd.DataFrame:
        """Return, for the longest step, the allocator's record and the growth of the process."""
        memory = self.costs.measured.memory
        longest = memory[memory["frames"] == LENGTHS[-1]]
        return pd.DataFrame(
            {
                "way": longest["way"],
                "recorded by the allocator, MiB": longest["bytes"] / MIB,
                "growth of the process, MiB": longest["grown"] / MIB,
            }
        )

    def epochs(self) -> pd.DataFrame:
        """Return the time of an epoch, and its ratios to TemporalMeanMLP in both ways."""
        rows = []
        for way in WAYS:
            to_mean, to_head = self.costs.epoch_ratios(way)
            rows.append(
                {
                    "way": way,
                    "CPU-seconds": spread(self.costs.epoch(way)),
                    "to averaging in each step": str(to_mean),
                    "to means at hand": whole(to_head),
                }
            )
        return pd.DataFrame(rows)

    def epoch_verdict(self) -> Markdown:
        """Return where the study's ratio stands."""
        study, windows = MINUTES[PATCHES] / MINUTES[MEAN], self.costs.measured.windows
        to_mean, to_head = self.costs.epoch_ratios(PATCHES)
        return report.say(
            f"The study reports {MINUTES[MEAN]:.0f} minutes for TemporalMeanMLP and "
            f"{MINUTES[PATCHES]:.0f} for LDBM on one GPU, a ratio of {study:.0f}; it says neither "
            "how many epochs these were nor whether the MLP averaged in each step. Here an epoch "
            f"has {windows['train']} Train windows in batches of {self.protocol.batch_size_train} "
            f"and one prediction of {windows['dev']} Dev windows. LDBM takes {to_mean} times as "
            "long as the MLP that averages in each step, and "
            f"{whole(to_head)} times as long as the one whose means are at hand. "
            f"{_place(study, to_mean, to_head)}"
        )


def _place(study: float, to_mean: Estimate, to_head: Estimate) -> str:
    low, high = sorted((to_mean.value, to_head.value))
    if to_mean.holds(study) or to_head.holds(study):
        return "The study's ratio agrees with one of the two."
    where = "below both" if study < low else "above both" if study > high else "between the two"
    return f"The study's ratio is {where}."
