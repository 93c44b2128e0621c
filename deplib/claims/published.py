"""What others published and the ledger uses: labels of AVEC2014 in bands, BDI-II, the encoder.

No single label of AVEC2014 is known here or needed.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

N_TEST = 50
"""Recordings in the AVEC2014 test split."""

TEST_BANDS = pd.DataFrame(
    [
        ("minimal", 0.50, 4.96),
        ("mild", 0.20, 16.20),
        ("moderate", 0.16, 25.00),
        ("severe", 0.14, 34.14),
    ],
    columns=["band", "share", "mean_bdi"],
)
"""Share and mean BDI-II of each severity band among the AVEC2014 test labels, as published in the
README of umayrah-mm/Depression-Severity-Estimation; no single label is known here or needed."""

BEST_CONSTANT = 13.5
"""BDI-II points: a median of the AVEC2014 test labels, so no constant has a smaller MAE."""


def constant_test_mae(constant: float = BEST_CONSTANT, bands: pd.DataFrame = TEST_BANDS) -> float:
    """Return the test MAE of predicting one constant for every AVEC2014 test recording.

    With half of the labels at 13 or below and half at 14 or above, no label lies between the two,
    so the band means suffice: ``sum_b share_b * |mean_b - c|``.

    Parameters
    ----------
    constant
        The prediction, 13 to 14 points; outside, a band's labels would lie on both sides.
    bands
        A table with the columns of ``TEST_BANDS``.

    Raises
    ------
    ValueError
        If the constant is outside 13 to 14, where band means do not determine the MAE.

    Examples
    --------
    >>> round(constant_test_mae(13.5), 2)
    9.54
    """
    if not 13 <= constant <= 14:
        raise ValueError(
            f"constant {constant} is outside [13, 14]: there the band means do not determine the "
            "MAE. Use 13 to 14, the interval of medians, which also gives the smallest MAE."
        )
    return float((bands["share"] * (bands["mean_bdi"] - constant).abs()).sum())


@dataclass(frozen=True, eq=False)
class Published:
    """Figures from elsewhere, each with its source; ``dataclasses.replace`` gives others."""

    n_test: int = N_TEST
    bands: pd.DataFrame = field(default_factory=lambda: TEST_BANDS)
    label_sd: float = 11.48  # BDI-II points, Test (umayrah-mm/Depression-Severity-Estimation)
    dev_sd_quoted: float = 11.8  # as commonly quoted, not confirmed here
    n_recordings: int = 150
    n_clips: int = 300  # each recording has two tasks
    n_persons: int = 84  # second hand
    n_persons_train_dev: int = 58
    clip_quartiles: tuple[int, int, int] = (1080, 1260, 1860)  # frames (zhen-gitch/STC)
    clips_over_2000: int = 66  # zhen-gitch/STC
    frames_a_second: float = 30.0
    scale: tuple[int, int] = (0, 63)  # BDI-II (Beck, Steer and Brown 1996)
    # Test-retest of BDI-II: lowest and highest of 118 studies (Wang and Gorenstein 2013), and
    # over one week (Beck, Steer and Brown 1996).
    retest: tuple[float, float, float] = (0.73, 0.93, 0.96)
    encoder_parameters: float = 43.6e6  # w600k_r50.onnx, which buffalo_l holds
    encoder_dim: int = 512
    encoder_size: int = 112  # pixels
    encoder_identities: int = 618_000  # WebFace600K, on which w600k_r50 was trained
    webface260m_identities: int = 4_000_000
    authors_lengths: tuple[int, ...] = (1000, 2048)  # frames: STE-Mamba, MLM-EOE
    gpu_gb: float = 16.0  # of memory in a T4, by its data sheet

    def constant_mae(self) -> float:
        """Return the smallest Test MAE of a constant."""
        return constant_test_mae(bands=self.bands)

    def constant_error_sd(self) -> float:
        """Return the SD of the absolute errors of that constant c over Test recordings.

        ``E|y - c|^2 = SD(y)^2 + (mean(y) - c)^2``, less the squared MAE.
        """
        mean = float((self.bands["share"] * self.bands["mean_bdi"]).sum())
        square = self.label_sd**2 + (mean - BEST_CONSTANT) ** 2
        return float(np.sqrt(square - self.constant_mae() ** 2))
