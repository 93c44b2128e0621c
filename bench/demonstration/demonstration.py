"""Make the pair that is shipped anew, for ``deplib predict`` without one.

    python bench/demonstration/demonstration.py

A plain average of the frames, since no model of the report beat it, on the features of the encoder
that reads expression, since those of identity know nothing of severity; the first seed. Where the
features are not in the data folder, the cohort is rendered first. The encoder lies in the library
already; the model comes to lie there with its card.
"""

import hashlib
import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deplib import results
from deplib.cohorts.simulated import SimulatedCohort
from deplib.deploy.bundle import DEMONSTRATION, MODEL_FILE, Card, open_model
from deplib.extraction import embedded_encoder
from deplib.statistics import score_runs
from deplib.study import Inputs, RunSpec, export_run

SPEC = RunSpec("TemporalMeanMLP", features="affect")


def card_of(model: Path, card: Card) -> dict[str, Any]:
    """Return what is told of the model beside it: its hash, how it was made, what it is worth."""
    runs = results.load(**asdict(SPEC))
    test = runs[runs["split"] == "test"]
    scored = score_runs(test)
    mae = scored.summary(SPEC.model)
    always = (test["bdi"] - card.label_mean).abs().mean()
    return {
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "recipe": asdict(SPEC),
        "key": card.key,
        "test": {
            "recordings": len(test),
            "persons": test["person"].nunique(),
            "mae": round(mae.estimate, 2),
            "mae_95": [round(mae.low, 2), round(mae.high, 2)],
            "pcc": round(scored.summary(SPEC.model, "pcc").estimate, 2),
            "mae_of_the_train_mean": round(always, 2),
        },
        "interval": f"the score ± {card.half_width:.1f} points, at level {card.level:.0%}",
        "is": "a demonstration, trained on simulated persons and rendered faces; no diagnosis",
    }


if __name__ == "__main__":
    inputs = Inputs(SimulatedCohort(SPEC.world), embedded_encoder(), progress=True)
    with tempfile.TemporaryDirectory() as folder:
        export_run(SPEC, inputs, pair := Path(folder) / "pair", say=print)
        shutil.copy(pair / MODEL_FILE, DEMONSTRATION[0])
    card = card_of(DEMONSTRATION[0], open_model(DEMONSTRATION[0]).card)
    DEMONSTRATION[0].with_suffix(".json").write_text(
        json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
