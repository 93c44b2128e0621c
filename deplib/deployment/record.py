"""What deployment costs on one machine, as one keyed file, ``results/deployment.json``.

Nothing in it names the machine beyond its processor, its number of cores and the versions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime as ort
import pandas as pd

from deplib.cost import measurements
from deplib.cost import record as cost
from deplib.deployment.latency import FLOAT
from deplib.deployment.whole_clip import CLOCK, WHOLE
from deplib.models import module_of, resolve
from deplib.models.registry import REGISTRY
from deplib.protocol import Protocol
from deplib.provenance import NO_NUMBERS, digest, source_digest

REMEDY = "run `python bench/deployment.py`"
MEASURING = (
    "deplib.deployment.iresnet50",
    "deplib.deployment.latency",
    "deplib.deployment.whole_clip",
)
FRAME_LIMIT = 0.1
"""Seconds a frame that the study allows."""
CLIP_LIMIT = 5.0
"""Seconds that a clip of the protocol's length may take with the embedded encoder, two cores."""
_TABLES = {
    "models": ("model", "precision", "bytes", "frames", "windows", "seconds"),
    "encoders": ("encoder", "form", "bytes", "seconds"),
    "whole": ("part", "by", "seconds"),
}


@dataclass(frozen=True, eq=False)
class Measured:
    """What ``bench/deployment.py`` measured; ``seconds`` hold all rounds.

    Attributes
    ----------
    machine
        As ``deplib.cost.record.this_machine``, and ``onnxruntime``.
    models, encoders, whole
        As ``deplib.deployment.latency.model_rows`` and ``encoder_rows``, and
        ``deplib.deployment.whole_clip.predict_rows`` return them.
    """

    machine: Mapping[str, Any]
    models: pd.DataFrame
    encoders: pd.DataFrame
    whole: pd.DataFrame

    def save(self, path: Path) -> None:
        """Write the measurements with the key of the present code, whole or not at all.

        Raises
        ------
        ResultError
            If the file cannot be written.
        """
        names = ("machine", *_TABLES)
        measurements.write(path, {name: getattr(self, name) for name in names}, key=key())

    def model_table(self) -> pd.DataFrame:
        """Return one row a model: sizes, times a clip, a frame's share, and int8 against float32.

        Returns
        -------
        DataFrame
            ``model``, ``mb`` and ``mb_int8`` (10^6 bytes), ``ms`` and ``ms_int8`` of CPU a clip,
            smallest round, ``ms_frame`` (float32, a frame's share), ``size_ratio`` and
            ``time_ratio``, int8 over float32; the latter is the median over rounds, in which the
            two took turns.
        """
        rows = []
        for name, both in self.models.groupby("model", sort=False):
            by_precision = both.set_index("precision")
            wide, small = by_precision.loc[FLOAT], by_precision.drop(FLOAT).iloc[0]
            pairs = zip(small["seconds"], wide["seconds"], strict=True)
            rows.append(
                {
                    "model": name,
                    "mb": wide["bytes"] / 1e6,
                    "mb_int8": small["bytes"] / 1e6,
                    "ms": 1e3 * min(wide["seconds"]),
                    "ms_int8": 1e3 * min(small["seconds"]),
                    "ms_frame": 1e3 * min(wide["seconds"]) / wide["frames"],
                    "size_ratio": small["bytes"] / wide["bytes"],
                    "time_ratio": float(pd.Series([a / b for a, b in pairs]).median()),
                }
            )
        return pd.DataFrame(rows)

    def against_limits(self) -> pd.DataFrame:
        """Return what is limited, and which share of its limit it takes.

        Returns
        -------
        DataFrame
            ``what``, ``seconds`` (smallest round), ``limit``, ``share``, ``met``: a frame of each
            encoder with the share of the slowest model in float32, and the whole verb.
        """
        share = self.model_table()["ms_frame"].max() / 1e3
        rows = [
            (f"a frame, {row['encoder']} ({row['form']})", min(row["seconds"]) + share, FRAME_LIMIT)
            for row in self.encoders.to_dict("records")
        ]
        timed = self.whole[(self.whole["part"] == WHOLE) & (self.whole["by"] == CLOCK)]
        rows += [("deplib predict", min(seconds), CLIP_LIMIT) for seconds in timed["seconds"]]
        table = pd.DataFrame(rows, columns=["what", "seconds", "limit"])
        return table.assign(
            share=table["seconds"] / table["limit"], met=table["seconds"] <= table["limit"]
        )


def key() -> str:
    """Return the hash of what was measured: models, encoders, how they run, the protocol."""
    modules = sorted({module_of(model) for model in REGISTRY})
    without = (*NO_NUMBERS, *cost.CARRIERS)
    return digest(
        {
            "source": source_digest(*MEASURING, *modules, without=without),
            "models": {model: resolve(model) for model in REGISTRY},
            "protocol": Protocol(),
        }
    )


def default_path() -> Path:
    """Return where the versioned measurements lie, in a checkout or in an installed package."""
    return cost.default_path().with_name("deployment.json")


def load(path: Path | None = None) -> Measured:
    """Read the measurements and check that they are of the present code.

    Raises
    ------
    ResultError
        If the file is missing or damaged, or other code was measured.
    """
    return measurements.read(
        path or default_path(), _measured, key=key(), code="code gives", remedy=REMEDY
    )


def _measured(content: dict[str, Any]) -> Measured:
    tables = {name: pd.DataFrame(content[name])[list(has)] for name, has in _TABLES.items()}
    return Measured(machine=content["machine"], **tables)


def this_machine() -> dict[str, Any]:
    """Return what ``deplib.cost.record.this_machine`` says, and the version of onnxruntime."""
    return cost.this_machine() | {"onnxruntime": ort.__version__}
