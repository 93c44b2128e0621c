"""A model's chapter: the model as it is, one run of it, and the same run computed again."""

import importlib
import inspect
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from IPython.display import HTML, Markdown
from matplotlib.figure import Figure

from deplib import baselines, claims, evaluation, figures, report, study
from deplib.models import build, n_parameters
from deplib.protocol import Protocol

TEST, DEV = "test", "dev"


class ModelPage:
    """Everything that the chapter of one model shows.

    Parameters
    ----------
    model
        A key of ``deplib.models.MODELS``.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.cohort = study.open_cohort()
        self.spec = study.RunSpec(model)
        self.result = study.published([self.spec])[0]

    def badge(self) -> HTML:
        """Return the note that says where the numbers come from."""
        return report.badge(self.cohort)

    def source(self) -> Markdown:
        """Return the file that defines the model."""
        module = importlib.import_module(type(self.network).__module__)
        return Markdown(f"```python\n{inspect.getsource(module).strip()}\n```")

    @cached_property
    def network(self) -> torch.nn.Module:
        """The model with the weights of seed 0 before training."""
        return build(self.model, seed=0)

    def parameters(self) -> pd.DataFrame:
        """Return the trainable parameters of each part, their sum, and what the study reports."""
        parts: dict[str, int] = {}
        for name, parameter in self.network.named_parameters():
            part = name.partition(".")[0]
            parts[part] = parts.get(part, 0) + parameter.numel()
        described = claims.DESCRIBED.set_index("model").loc[self.model]
        rows = [(part, f"{count:,}") for part, count in parts.items()]
        rows += [
            ("together", f"{n_parameters(self.network):,}"),
            ("reported by the study", str(described["parameters_reported"])),
        ]
        return pd.DataFrame(rows, columns=["part", "parameters"])

    def padding_invariance(self) -> Markdown:
        """Return by how much padding changes an output, as a comparison with a bound."""
        rng = np.random.default_rng(0)
        x = torch.from_numpy(rng.standard_normal((4, 512, 301)).astype(np.float32))
        mask = torch.ones(4, 301, dtype=torch.bool)
        noise = torch.from_numpy(rng.standard_normal((4, 512, 211)).astype(np.float32))
        padded = torch.cat([x, noise], dim=2)
        padded_mask = torch.cat([mask, torch.zeros(4, 211, dtype=torch.bool)], dim=1)
        network = self.network.eval()
        with torch.inference_mode():
            change = (network(x, mask) - network(padded, padded_mask)).abs().max().item()
        bound = 1e-5
        holds = "changes no output by more than" if change < bound else "CHANGES an output by over"
        return report.say(f"Padding 301 frames to 512 {holds} {bound:g} z-units.")

    def learning_curve(self) -> Figure:
        """Return loss, Dev error and sigma_ratio by epoch."""
        return figures.learning_curve(self.result.history, self.model, self.result.epoch)

    def scatter(self) -> Figure:
        """Return predictions against labels on Dev and Test."""
        table = evaluation.recordings(self.result)
        panels = {split.title(): table[table["split"] == split] for split in (DEV, TEST)}
        return figures.prediction_scatter(panels, model=self.model)

    def scores(self) -> pd.DataFrame:
        """Return window-level and recording-level scores on Dev and Test."""
        return evaluation.both_levels(self.result)

    def verdict(self) -> Markdown:
        """Return what the Test scores say beside the constant."""
        table = evaluation.recordings(self.result)
        test = table[table["split"] == TEST]
        constant = baselines.constant(self.cohort.recordings).predictions
        difference = evaluation.paired_mae(test, constant[constant["split"] == TEST])
        epochs = Protocol().epochs
        last = " (the last one: more might have gone lower)" if self.result.epoch == epochs else ""
        return report.say(
            f"Dev chose epoch {self.result.epoch} of {epochs}{last}. On Test the model's MAE "
            f"differs from that of the constant by {evaluation.signed(difference)} points: "
            f"{evaluation.reading(difference, 'better than', 'worse than')} the constant."
        )

    def reported(self) -> pd.DataFrame:
        """Return the study's row for this model (AVEC2014), beside the derived constant."""
        row = claims.REPORTED[claims.REPORTED["model"] == self.model]
        return row.assign(constant_test_mae=claims.constant_test_mae())

    def agreement(self) -> Markdown:
        """Train again on this machine, or load what this build trained, and compare."""
        live = study.complete([self.spec], study.live_dir())[0]
        return report.say(evaluation.compare(self.result, live).sentence())
