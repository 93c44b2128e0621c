"""What leaves the laboratory: exported models, the same in 8 bits, and one command."""

import tempfile
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Markdown
from torch import nn

from deplib import evaluation, report, seeds, study
from deplib.deployment import exporting, record
from deplib.deployment.card import Card
from deplib.deployment.latency import card_of
from deplib.evaluation import CONSTANT
from deplib.extraction.encoders.encoder import embedded_encoder
from deplib.models import BEYOND, MODELS, build
from deplib.protocol import Protocol
from deplib.results import RunSpec
from deplib.study import options
from deplib.study.inputs import SMALL_ENCODER, SMALL_MODEL

LENGTHS = (1, 45, 64, 129, 512, 777)
"""Frames of the windows on which the page compares, some odd; an export checks more."""
EXPORTED = (*MODELS, *BEYOND)
PRECISIONS = {SMALL_MODEL: "the temporal model", SMALL_ENCODER: "the encoder"}
"""What is in 8 bits, by a run's precision."""


class Deploying:
    """Exports of untrained models, live; and what 8 bits change in trained ones, from results."""

    @cached_property
    def parity(self) -> pd.DataFrame:
        """Largest difference between a file and PyTorch, by model."""
        rows = []
        with tempfile.TemporaryDirectory() as folder:
            for name in EXPORTED:
                model = build(name, seed=0).eval()
                path = Path(folder) / f"{name}.onnx"
                exporting.export_model(model, path, self._card(name, model))
                found = exporting.parity(model, path, LENGTHS, np.random.default_rng(0))
                rows.append({"model": name, "largest": found["difference"].max()})
        return pd.DataFrame(rows)

    @staticmethod
    def _card(name: str, model: nn.Module) -> Card:
        width, longest = Protocol().feature_dim, exporting.longest(model)
        return card_of(name, embedded_encoder(), width=width, longest_window=longest)

    def parity_table(self) -> pd.DataFrame:
        """Return whether each model's file says what PyTorch says, masked and not."""
        within = self.parity["largest"] < exporting.TOLERANCE
        return pd.DataFrame(
            {
                "model": self.parity["model"],
                "lengths": ", ".join(map(str, LENGTHS)),
                f"within {exporting.TOLERANCE:g} z-units": np.where(within, "yes", "NO"),
            }
        )

    @cached_property
    def scores(self) -> seeds.Scores:
        """Test scores of trained models in float and in 8 bits, the default world, one seed."""
        specs = options.quantised_specs()
        floats = list(dict.fromkeys(RunSpec(spec.model, spec.seed) for spec in specs))
        tables = [
            evaluation.recordings(r).assign(model=_label(r.spec))
            for r in study.published([*floats, *specs])
        ]
        constant = evaluation.predictors(study.open_cohort(), [])
        table = pd.concat([*tables, constant], ignore_index=True)
        return seeds.score(table[table["split"] == "test"])

    def accuracy_table(self) -> pd.DataFrame:
        """Return the change in Test MAE by what is in 8 bits."""
        rows = []
        for spec in options.quantised_specs():
            one, other = _label(spec), _label(RunSpec(spec.model, spec.seed))
            rows.append(
                {
                    "model": spec.model,
                    "in 8 bits": PRECISIONS[spec.precision],
                    "Test MAE in float": self.scores.summary(other).value,
                    "change in Test MAE": f"{_precise(self.scores.difference(one, other))}",
                    "minus the constant": evaluation.signed(self.scores.difference(one, CONSTANT)),
                }
            )
        return pd.DataFrame(rows)

    def size_table(self) -> pd.DataFrame:
        """Return size and time in float and in 8 bits, as measured on one machine."""
        found = record.load().model_table()
        return pd.DataFrame(
            {
                "model": found["model"],
                "MB": found["mb"],
                "size in 8 bits / float": found["size_ratio"],
                "ms a frame, one thread": found["ms_frame"].map("{:.4f}".format),
                "time in 8 bits / float": found["time_ratio"],
            }
        )

    def largest_changes(self) -> dict[str, evaluation.Difference]:
        """Return the largest change in Test MAE over the models, by what is in 8 bits."""
        found: dict[str, evaluation.Difference] = {}
        for spec in options.quantised_specs():
            change = self.scores.difference(_label(spec), _label(RunSpec(spec.model, spec.seed)))
            what = PRECISIONS[spec.precision]
            if what not in found or abs(change.value) > abs(found[what].value):
                found[what] = change
        return found

    def verdict(self) -> Markdown:
        """Return whether the exports agree, and what 8 bits cost."""
        agree = int((self.parity["largest"] < exporting.TOLERANCE).sum())
        changes = [
            f"with {what} in 8 bits the Test MAE changes by at most {_precise(change)} points"
            for what, change in self.largest_changes().items()
        ]
        return report.say(
            f"{agree} of {len(self.parity)} exports agree with PyTorch; {report.listed(changes)}."
        )


def _label(spec: RunSpec) -> str:
    return f"{spec.model}, {spec.precision}"


def _precise(change: evaluation.Difference) -> str:
    return f"{change.value:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
