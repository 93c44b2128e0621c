"""A model's chapter: what it is, what it does to a window, and its runs at every seed."""

import importlib
import inspect
import re
import textwrap
from functools import cached_property
from types import FunctionType

import numpy as np
import pandas as pd
import torch
from IPython.display import HTML, Markdown
from matplotlib.figure import Figure

from deplib import claims, evaluation, figures, report, study
from deplib.chapters import again, masks
from deplib.chapters.anatomy import anatomy, short_mask
from deplib.chapters.variant import DEV, TEST, Variant, constant_tables, together
from deplib.claims.reported import as_number
from deplib.cost.flops import operations
from deplib.models import build, n_parameters
from deplib.models.blocks import EncoderLayer
from deplib.protocol import Protocol
from deplib.sizes import FULL, size_named

CONSTANT = "constant (median)"
PICTURED = {"LDBM": short_mask(128, slice(8, 16), 24)}
"""The windows of the pictures: patches need more frames to show how they merge."""
FEW_FRAMES = short_mask(16, slice(4, 6), 2)
LONGER = 4
"""Times the length of a window, to see how cost grows."""
INITIAL = range(5)
"""Seeds of the initial weights over which the effect of a gap is averaged."""


class ModelPage:
    """Everything that the chapter of one model shows.

    Parameters
    ----------
    model
        A key of ``deplib.models.MODELS``.
    size
        Of the cohort on which it is trained again: a name in ``deplib.sizes.SIZES``.

    Raises
    ------
    CohortError
        If there is no such size.
    ResultError
        If the result of one of its seeds is missing or stale.
    """

    def __init__(self, model: str, size: str = FULL.name) -> None:
        self.model, self.size = model, size_named(size).name
        self.cohort = study.open_cohort()
        self.variant = Variant(model)
        self.constant = constant_tables(self.cohort)

    def badge(self) -> HTML:
        """Return the note that says where the numbers come from."""
        return report.badge(self.cohort, self.size)

    @cached_property
    def network(self) -> torch.nn.Module:
        """The model with the weights of seed 0 before training."""
        return build(self.model, seed=0).eval()

    # What it is.

    def picture(self) -> Figure:
        """Return what depends on what, measured on the built model."""
        rows = anatomy(self.network, PICTURED.get(self.model, FEW_FRAMES))
        picture = figures.diagram(rows, colour=figures.COLOURS[self.model])
        return figures.stated(picture, figures.MADE_UP, seeds=[0])

    def forward(self) -> Markdown:
        """Return the source of the forward pass: the methods that a window passes through."""
        parts = [source_of_methods(type(self.network))]
        if any(isinstance(part, EncoderLayer) for part in self.network.modules()):
            parts.append(source_of_methods(EncoderLayer))
        return Markdown("\n\n".join(parts))

    def source(self) -> Markdown:
        """Return the file that defines the model."""
        module = importlib.import_module(type(self.network).__module__)
        return Markdown(f"```python\n{inspect.getsource(module).strip()}\n```")

    def parameters(self) -> pd.DataFrame:
        """Return the trainable parameters of each part, their sum, and what the study reports."""
        parts: dict[str, int] = {}
        for name, parameter in self.network.named_parameters():
            part = name.partition(".")[0]
            parts[part] = parts.get(part, 0) + parameter.numel()
        count = n_parameters(self.network)
        described = claims.DESCRIBED.set_index("model").loc[self.model]
        reported = str(described["parameters_reported"])
        rows = [(part, f"{n:,}") for part, n in parts.items()]
        rows += [
            ("together", f"{count:,}"),
            ("reported by the study", reported),
            ("deviation", f"{100 * (count / as_number(reported) - 1):+.1f} %"),
        ]
        return pd.DataFrame(rows, columns=["part", "parameters"])

    def cost(self) -> Markdown:
        """Return the operations of a training step, and how they grow with the window."""
        T = Protocol().window_length
        short, long = (operations(self.model, frames).together for frames in (T, LONGER * T))
        mlp = operations("TemporalMeanMLP", T).together
        growth = np.log(long / short) / np.log(LONGER)
        order = str(claims.DESCRIBED.set_index("model").loc[self.model, "order_reported"])
        beside = "" if self.model == "TemporalMeanMLP" else f", {short / mlp:,.0f} times as many "
        beside += "as TemporalMeanMLP" if beside else ""
        return report.say(
            f"Training on one window of {T} frames takes {short / 1e6:,.1f} million operations, "
            f"forward and backward{beside}. For a window {LONGER} times as long they grow as "
            f"N^{growth:.2f}; the study gives {order}."
        )

    # What it does to a window.

    def masking(self) -> Markdown:
        """Return what padding, the content of masked frames and a gap do to the output."""
        padding = masks.padding_change(self.network)
        content = masks.content_change(self.network)
        return report.say(
            f"Padding {masks.FRAMES} frames with masked noise {_within(padding)}; exchanging what "
            f"stands in masked frames {_within(content)}. {self._gap_sentence()}"
        )

    def _gap_sentence(self) -> str:
        parts = []
        for place, words in (("middle", "in the middle"), ("end", "at the end")):
            moved = pd.DataFrame(
                [masks.gap_changes(build(self.model, seed=seed), place) for seed in INITIAL]
            ).mean()
            parts.append(
                f"{words} by {percent(moved['masked'])} if they are masked, by "
                f"{percent(moved['zeros'])} if zeros stand in their place and count as frames"
            )
        return (
            f"Losing {100 * masks.LOST:.0f} % of the frames in one gap moves the output, in "
            f"shares of its SD over windows: {'; '.join(parts)}. (Mean over {len(INITIAL)} sets of "
            f"initial weights, {masks.WINDOWS} made-up windows.)"
        )

    # Its runs.

    def courses(self) -> Figure:
        """Return Dev error, loss and sigma_ratio by epoch, a line a seed."""
        return self._stated(
            figures.courses(self.variant.histories, self.variant.epochs, model=self.model)
        )

    def course_verdict(self) -> Markdown:
        """Return how training went over the seeds."""
        return report.say(self.variant.course_sentence())

    def predictions(self) -> Figure:
        """Return predictions against labels: one seed above, all seeds below."""
        first = self.variant.recordings.query("seed == 0")
        panels = {
            "one seed": {s.title(): first[first["split"] == s] for s in (DEV, TEST)},
            "mean of seeds": {s.title(): self.variant.averaged(s) for s in (DEV, TEST)},
        }
        return self._stated(figures.predictions_over_seeds(panels, model=self.model))

    def strip(self) -> Figure:
        """Return the MAE of every seed and the interval over persons, on Dev and Test."""
        rows = [
            self.variant.strip_row(split.title(), split, evaluation.mae_of(self.constant[split]))
            for split in (DEV, TEST)
        ]
        return self._stated(
            figures.scores_over_seeds(pd.DataFrame(rows), xlabel="MAE, BDI-II points")
        )

    def _stated(self, figure: Figure) -> Figure:
        return figures.stated(figure, self.cohort, runs=self.variant.specs)

    def scores(self) -> pd.DataFrame:
        """Return every metric over the seeds, with both kinds of spread."""
        return self.variant.score_table()

    def one_run(self) -> pd.DataFrame:
        """Return the scores of seed 0 alone, at the level of windows and of recordings."""
        return evaluation.both_levels(self.variant.results[0])

    def reported(self) -> pd.DataFrame:
        """Return the study's row for this model (AVEC2014), beside the derived constant."""
        row = claims.REPORTED[claims.REPORTED["model"] == self.model]
        return row.assign(constant_test_mae=claims.constant_test_mae())

    def agreement(self) -> Markdown:
        """Train seed 0 again on this machine, or load what this build trained, and compare."""
        return again.sentence(self.variant.results[0], self.size)

    def saw(self) -> Markdown:
        """Return what the runs say: beside the constant, between seeds, from Dev to Test."""
        scores = together([self.variant], self.constant[TEST])
        mae, values = scores.summary(self.model), scores.values(self.model)
        difference = scores.difference(self.model, CONSTANT)
        gaps = values - self.variant.scores[DEV].values(self.model)
        return report.say(
            f"Over {len(values)} seeds the Test MAE of {self.model} is {mae.value:.2f} on average, "
            f"and differs from that of the constant by {evaluation.signed(difference)} points: "
            f"{evaluation.reading(difference, 'better than', 'worse than')} the constant. One "
            f"seed alone would have given a value from {values.min():.2f} to {values.max():.2f} "
            f"(SD between seeds {mae.seed_sd:.2f}); other persons would have moved the mean by an "
            f"SD of {mae.person_sd:.2f}. From Dev, which chose the epoch, to Test the MAE "
            f"changes by {gaps.mean():+.2f} on average, and rises at {int((gaps > 0).sum())} of "
            f"{len(gaps)} seeds."
        )


def source_of_methods(cls: type) -> str:
    """Return the source of ``forward`` and of the class's own methods that it calls.

    Methods are found by name, as ``self.name(``; ``forward`` comes last, after what it uses.
    """
    found: dict[str, str] = {}

    def follow(name: str) -> None:
        text = textwrap.dedent(inspect.getsource(vars(cls)[name]))
        for called in re.findall(r"self\.(\w+)\(", text):
            if isinstance(vars(cls).get(called), FunctionType) and called not in found:
                follow(called)
        found[name] = text.strip()

    follow("forward")
    place = f"# {cls.__name__}, in {cls.__module__.replace('.', '/')}.py"
    return "```python\n" + "\n\n".join([place, *found.values()]) + "\n```"


def percent(share: float) -> str:
    """Return a share in percent to one significant digit, or that it is below float32 noise.

    >>> percent(0.0973), percent(0.0034), percent(1e-7)
    ('10 %', '0.3 %', 'less than 0.01 %')
    """
    return f"{float(f'{100 * share:.1g}'):g} %" if share >= 1e-4 else "less than 0.01 %"


def _within(change: float) -> str:
    """Return a change as a comparison that is the same on every processor."""
    holds = (
        "changes no output by more than" if change < masks.BOUND else "CHANGES an output by over"
    )
    return f"{holds} {masks.BOUND:g} z-units"
