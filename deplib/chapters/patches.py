"""The patch-size ablation of LDBM: the sizes that the study lists, at every seed."""

from functools import cached_property
from typing import Any

import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from deplib import evaluation, figures, report, seeds, study
from deplib.chapters.over_seeds import interval
from deplib.chapters.variant import Variant, constant_tables, together
from deplib.claims import Study
from deplib.evaluation import Difference
from deplib.models import build, n_parameters
from deplib.protocol import Protocol

REFERENCE = "LDBM"
SIZES = ("LDBM-patch4", REFERENCE, "LDBM-patch16")
OVERLAP = "LDBM-overlap"
FRAME_RATE = 30
"""Frames a second of AVEC2014 and of the simulation."""


class PatchAblation:
    """LDBM at three patch sizes, nothing else changed."""

    def __init__(self) -> None:
        self.variants = [Variant(name) for name in SIZES]
        self.networks: dict[str, Any] = {name: build(name, seed=0) for name in (*SIZES, OVERLAP)}
        self.cohort = study.open_cohort()
        constant = constant_tables(self.cohort)["test"]
        self.constant_mae = evaluation.mae_of(constant)

    @cached_property
    def scores(self) -> seeds.Scores:
        """The Test scores of all runs, in the same resamples of persons."""
        return together(self.variants)

    def question(self) -> Markdown:
        """Return what the study says of the patch size."""
        sizes = report.listed([str(size) for size in Study().patches])
        return report.say(
            f"The study lists patches of {sizes} frames as tested and asks whether finer "
            "granularity helps; it reports no result by size."
        )

    @property
    def usual(self) -> int:
        """The patch of the study's LDBM, in frames."""
        return self.networks[REFERENCE].patch

    def counts(self) -> pd.DataFrame:
        """Return tokens of a whole window and parameters, also of the overlapping variant."""
        rows = []
        for name, network in self.networks.items():
            count, head = n_parameters(network), n_parameters(network.regressor)
            rows.append(
                {
                    "patch": network.patch,
                    "stride": network.stride,
                    "seconds in a patch": f"{network.patch / FRAME_RATE:.2f}",
                    "tokens": -(-Protocol().window_length // network.stride),
                    "first map": f"{n_parameters(network.patch_proj):,}",
                    "positions": f"{network.positions.numel():,}",
                    "parameters": f"{count:,}",
                    # A linear regressor would be one weight a channel, and a bias.
                    "with a linear regressor": f"{count - head + network.positions.shape[1] + 1:,}",
                    "in the grid": "yes" if name in SIZES else "no",
                }
            )
        return pd.DataFrame(rows)

    def differences(self) -> dict[int, Difference]:
        """Return mean Test MAE over seeds minus that of the usual patch, by patch size."""
        return {
            self.networks[name].patch: self.scores.difference(name, REFERENCE)
            for name in SIZES
            if name != REFERENCE
        }

    def table(self) -> pd.DataFrame:
        """Return one row a patch size: parameters, Test scores over seeds, differences."""
        differences = self.differences()
        rows = []
        for variant in self.variants:
            network = self.networks[variant.model]
            mae = self.scores.summary(variant.model)
            pcc = self.scores.summary(variant.model, "pcc").value
            averaged = variant.averaged("test")
            row = evaluation.with_intervals(averaged)
            difference = differences.get(network.patch)
            rows.append(
                {
                    "patch": network.patch,
                    "parameters": f"{n_parameters(network):,}",
                    "Test MAE, mean over seeds (persons)": interval(mae.value, mae.low, mae.high),
                    "SD between seeds": f"{mae.seed_sd:.2f}",
                    "MAE of the averaged prediction (persons)": interval(
                        row["mae"], row["mae_low"], row["mae_high"]
                    ),
                    "PCC, mean over seeds": f"{pcc:.2f}",
                    f"minus patch {self.usual}": evaluation.signed(difference)
                    if difference
                    else "",
                }
            )
        return pd.DataFrame(rows)

    def figure(self) -> Figure:
        """Return Test MAE by seed and its interval, a row a patch size."""
        rows = [
            variant.strip_row(
                f"patch {self.networks[variant.model].patch}", "test", self.constant_mae
            )
            for variant in self.variants
        ]
        shown = figures.scores_over_seeds(pd.DataFrame(rows), xlabel="Test MAE, BDI-II points")
        runs = [spec for variant in self.variants for spec in variant.specs]
        return figures.stated(shown, self.cohort, runs=runs)

    def verdict(self) -> Markdown:
        """Return whether finer patches help, and how the sizes compare with chance over seeds."""
        finest, *_ = sorted(differences := self.differences())
        means = [self.scores.summary(name).value for name in SIZES]
        spread = max(self.scores.summary(name).seed_sd for name in SIZES)
        order, pairs = self.scores.against_the_mean(SIZES[0], REFERENCE)
        words = {"better than": "it helps", "worse than": "it harms"}
        read = evaluation.reading(differences[finest], "better than", "worse than")
        answer = words.get(read.removeprefix("it is "), "that cannot be told from no effect")
        rest = " and ".join(
            f"{evaluation.signed(d)} with patches of {size}"
            for size, d in differences.items()
            if size != finest
        )
        return report.say(
            f"Does finer granularity help? From patches of {self.usual} to {finest} frames the "
            f"mean Test MAE over {len(study.SEEDS)} seeds changes by "
            f"{evaluation.signed(differences[finest])} points: {answer}. It changes by {rest}. The "
            f"{len(means)} means lie within {max(means) - min(means):.2f} points, while two runs "
            f"of one size differ by an SD of up to {spread:.2f}: of {pairs} pairs of one run with "
            f"patches of {finest} and one with {self.usual}, {order} show the opposite order of "
            "their means."
        )
