"""The pair that is shipped is the one that the present code makes, and says what it is worth."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from demonstration import SPEC, card_of

from deplib import results
from deplib.cohorts.simulated import SimulatedCohort
from deplib.deploy import open_bundle
from deplib.deploy.bundle import DEMONSTRATION
from deplib.deploy.predict import cut
from deplib.extraction import embed_recording
from deplib.metrics import MAE_TOLERANCE

SAME_TRAINING = 1.0
"""BDI-II points by which an answer may differ from the versioned result."""
RECORDING = "009_1"  # the shortest of Test


def test_its_key_is_that_of_the_present_code_and_its_card_true() -> None:
    card = open_bundle().card
    assert card.key == results.versioned_key(SPEC), "run bench/demonstration/demonstration.py"
    beside = json.loads(DEMONSTRATION[0].with_suffix(".json").read_bytes())
    assert beside == card_of(DEMONSTRATION[0], card)
    told = beside["test"]
    assert card.test_mae == pytest.approx(told["mae"], abs=MAE_TOLERANCE)
    assert told["mae_95"][0] < told["mae"] < told["mae_95"][1]


def test_it_answers_as_the_versioned_run_did() -> None:
    bundle, cohort = open_bundle(), SimulatedCohort(SPEC.world)
    n_frames = int(cohort.recordings.set_index("recording")["n_frames"][RECORDING])
    features, valid, _ = embed_recording(cohort, bundle.encoder, RECORDING, n_frames)
    x, mask, _ = cut(features, valid, bundle.card.window_length)
    z = bundle.predict(np.ascontiguousarray(x.transpose(0, 2, 1)), mask)
    expected = results.load(**asdict(SPEC)).set_index("recording")["bdi_hat"][RECORDING]
    assert bundle.card.points(z).mean() == pytest.approx(expected, abs=SAME_TRAINING)
