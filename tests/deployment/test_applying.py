"""Many recordings by one exported file: each as if it were alone."""

from dataclasses import replace

import numpy as np
import pytest
from small_pair import WINDOW, card_for, small_model
from tiny import TinyCohort

from deplib.deployment.applying import predict_windows
from deplib.deployment.exporting import export_model
from deplib.deployment.quantising import quantise_dynamic
from deplib.errors import ModelError
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.protocol import Protocol
from deplib.training import predict
from deplib.windows import build_windows


@pytest.fixture(scope="module")
def windows(tiny_onnx):
    cohort, encoder = TinyCohort(), OnnxEncoder(tiny_onnx)
    protocol = Protocol(window_length=WINDOW, feature_dim=encoder.dim)
    return build_windows(cohort.recordings, lambda r: encoder.embed(cohort.frames(r)), protocol)


@pytest.fixture(scope="module")
def files(tiny_onnx, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    whole, small = folder / "float32.onnx", folder / "int8.onnx"
    export_model(small_model(), whole, card_for(tiny_onnx))
    quantise_dynamic(whole, small)
    return whole, small


def test_an_export_says_what_the_model_says(windows, files):
    y = predict_windows(files[0], windows)
    np.testing.assert_allclose(y, predict(small_model(), windows), atol=2e-6)
    assert np.ptp(y) > 0.1


def test_in_8_bits_a_recording_is_predicted_as_if_it_were_alone(windows, files):
    together = predict_windows(files[1], windows)
    assert np.abs(together - predict_windows(files[0], windows)).max() > 0
    for name in windows.index["recording"].unique():
        rows = (windows.index["recording"] == name).to_numpy()
        alone = replace(
            windows,
            features=windows.features[rows],
            mask=windows.mask[rows],
            index=windows.index[rows].reset_index(drop=True),
        )
        np.testing.assert_array_equal(predict_windows(files[1], alone), together[rows])


def test_windows_of_other_features_are_refused(windows, files):
    wide = replace(windows, features=np.repeat(windows.features, 2, axis=2))
    with pytest.raises(ModelError, match=r"takes 8 values a frame, and these windows have 16"):
        predict_windows(files[0], wide)


def test_a_value_that_is_not_finite_is_refused(windows, files):
    features = windows.features.copy()
    features[0, 0] = np.nan
    with pytest.raises(ModelError, match="gives NaN or infinity"):
        predict_windows(files[0], replace(windows, features=features))
