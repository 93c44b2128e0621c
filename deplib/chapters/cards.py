"""Model cards: of the study's four models as trained here, and of the embedded encoders."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import HTML, Markdown

from deplib import report, study
from deplib.alignment.template import SIZE
from deplib.chapters import over_seeds
from deplib.chapters.results import ResultsPage
from deplib.errors import EncoderError
from deplib.evaluation import CONSTANT, signed
from deplib.extraction import embedded, twins
from deplib.models import MODELS, build, n_parameters
from deplib.provenance import file_digest
from deplib.results import RunSpec
from deplib.streams.names import WIDTHS
from deplib.study.runs import config_of

WHAT = {
    "TemporalMeanMLP": "takes the mean over the frames; no order of frames enters",
    "LDBM": "attends over patches of frames and merges them layer by layer",
    "VanillaTransformer": "attends over all frames",
    "MambaGRU": "reads the frames in order with a gated recurrence",
}
"""In a line, what each of the study's four does with time."""

TAUGHT = {
    "identity": "to tell rendered persons apart",
    "affect": "to read expression, gaze and pose of rendered faces, from the renderer's numbers",
    "random": "nothing: seeded weights",
}
"""What each embedded encoder was taught."""


@dataclass(frozen=True)
class EncoderFile:
    """An embedded encoder: its network, and what its card beside it says."""

    name: str
    path: Path  # of the ONNX file

    @property
    def card(self) -> dict[str, Any]:
        """How the file was made, as the JSON beside it says."""
        return dict(json.loads(self.path.with_suffix(".json").read_text(encoding="utf-8")))

    @property
    def sha256(self) -> str:
        """Hash of the file's bytes, computed.

        Raises
        ------
        EncoderError
            If the card beside it states another one.
        """
        found = file_digest(self.path)
        if found != self.card["sha256"]:
            raise EncoderError(
                f"{self.path} has SHA-256 {found}, but the card beside it says "
                f"{self.card['sha256']}: install deplib again"
            )
        return found

    def row(self) -> dict[str, str]:
        """Return what tables say of it."""
        card = self.card
        recipe = card["recipe"]
        epochs = f"{recipe['epochs']} epochs" if "epochs" in recipe else "not trained"
        return {
            "encoder": self.name,
            "taught": TAUGHT[self.name],
            "training data": f"{recipe['identities']:,} rendered persons, {recipe['renders']} "
            f"pictures each; {epochs}",
            "tells persons apart": f"{100 * card['verification_accuracy']:.1f} %",
            "parameters": f"{card['parameters']:,}",
            "MB": f"{self.path.stat().st_size / 1e6:.2f}",
            "licence": "MIT",
            "SHA-256 of the ONNX file": self.sha256,
        }


def encoder_files() -> list[EncoderFile]:
    """Return the encoders that are shipped with the library."""
    shipped = {"identity": embedded.PATH} | {name: twins.path_of(name) for name in twins.NAMES}
    return [EncoderFile(name, path) for name, path in shipped.items()]


class CardsPage:
    """The cards, from versioned results and the shipped files."""

    def __init__(self, encoders: list[EncoderFile] | None = None) -> None:
        self.encoders = encoders or encoder_files()

    @cached_property
    def results(self) -> ResultsPage:
        """The versioned results of the default world."""
        return ResultsPage()

    def badge(self) -> HTML:
        """Return the note that says where the numbers come from."""
        return report.badge(study.open_cohort())

    def models(self) -> pd.DataFrame:
        """Return one row a model: what it does, its size, and what is kept of it."""
        return pd.DataFrame(
            {
                "model": name,
                "what it does": WHAT[name],
                "parameters": f"{n_parameters(build(name, seed=0, **config_of(RunSpec(name)))):,}",
                "runs": str(len(self.results.test.values(name))),
                "licence": "MIT",
            }
            for name in MODELS
        )

    def scores(self) -> pd.DataFrame:
        """Return the Test scores of each model, mean over seeds, with intervals over persons."""
        test = self.results.test
        rows = []
        for name in (*MODELS, CONSTANT):
            row = {"model": name} | {
                metric.upper() if metric != "sigma_ratio" else metric: over_seeds.cell(
                    test.summary(name, metric)
                )
                for metric in ("mae", "rmse", "pcc", "ccc", "sigma_ratio")
            }
            minus = "" if name == CONSTANT else signed(test.difference(name, CONSTANT))
            rows.append(row | {"MAE minus the constant's": minus})
        return pd.DataFrame(rows)

    def training_data(self) -> Markdown:
        """Return on what the models were trained, chosen and scored."""
        table = self.results.cohort.recordings
        said = []
        for split in ("train", "dev", "test"):
            part = table[table["split"] == split]
            said.append(f"{len(part)} recordings of {part['person'].nunique()} persons")
        return report.say(
            f"All simulated: a run learns from {said[0]} (Train), takes its epoch from {said[1]} "
            f"(Dev) and is scored on {said[2]} (Test); persons return across splits. Each model "
            f"has {self.results.n_seeds} seeds. No recording of AVEC2014 was used."
        )

    def verdict(self) -> Markdown:
        """Return whether any of the models is worth using, by its own scores."""
        test = self.results.test
        better = [name for name in MODELS if test.difference(name, CONSTANT).high < 0]
        return report.say(
            f"Told from a constant by a lower MAE: {report.listed(better)} of {len(MODELS)}. A "
            "model that is not has no use on this cohort, and says nothing about another."
        )

    def encoder_table(self) -> pd.DataFrame:
        """Return one row an embedded encoder, its hash apart."""
        rows = pd.DataFrame([one.row() for one in self.encoders])
        return rows.drop(columns="SHA-256 of the ONNX file")

    def hashes(self) -> pd.DataFrame:
        """Return the SHA-256 of each encoder's file, computed from its bytes."""
        rows = pd.DataFrame([one.row() for one in self.encoders])
        return rows[["encoder", "SHA-256 of the ONNX file"]]

    def read_by_affect(self) -> Markdown:
        """Return how much of each parameter the affect encoder reads on new rendered persons."""
        card = next(one.card for one in self.encoders if one.name == "affect")
        shown = sorted(card["r2"].items(), key=lambda item: item[1])
        (worst, low), (best, high) = shown[0], shown[-1]
        return report.say(
            f"The affect encoder reads {len(shown)} parameters of the renderer from pictures of "
            f"rendered persons that it was not trained on, with an R2 of {low:.2f} "
            f"({worst.replace('_', ' ')}) to {high:.2f} ({best.replace('_', ' ')})."
        )

    def form(self) -> Markdown:
        """Return what all encoders take and give."""
        return report.say(
            f"All take aligned RGB pictures of {SIZE} x {SIZE} pixels, shifted and scaled as "
            f"ArcFace networks want them, and give {WIDTHS['identity']} numbers. *Tells persons "
            "apart* is the share of pairs of pictures of other rendered persons that are rightly "
            "judged as the same person or not; guessing gives 50 %."
        )
