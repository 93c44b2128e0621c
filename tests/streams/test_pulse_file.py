from pathlib import Path

import numpy as np
import pytest
from stream_files import write_pulse

from deplib.errors import CohortError
from deplib.streams.pulse_file import read_pulse


@pytest.mark.parametrize("rate", [1.0, 2.0, 0.5, 30.0])
def test_estimates_at_a_constant_rate(tmp_path: Path, rate: float) -> None:
    written = write_pulse(tmp_path / "a.csv", [round(k / rate, 3) for k in range(60)])
    values, valid, found = read_pulse(tmp_path / "a.csv")
    assert found == pytest.approx(rate, rel=1e-3)
    assert valid.all()
    np.testing.assert_allclose(values, written, rtol=1e-6)


def test_times_without_an_estimate_are_invalid(tmp_path: Path) -> None:
    written = write_pulse(tmp_path / "a.csv", [5.5, 6.5, 7.5, 12.5])
    values, valid, rate = read_pulse(tmp_path / "a.csv")
    assert rate == 1
    assert np.flatnonzero(valid).tolist() == [5, 6, 7, 12]
    np.testing.assert_allclose(values[valid], written, rtol=1e-6)


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        ([3.0], "two rows or more"),
        ([-1.0, 0.0], "ascending timestamps from 0"),
        ([1.0, 1.0], "ascending"),
        ([2.0, 1.0], "ascending"),
        ([0.0, 1.0, 2.5, 4.0], "no constant rate"),
        ([0.0, 1e-5, 1e3], "no constant rate"),
    ],
)
def test_other_times_are_refused(tmp_path: Path, seconds: list[float], message: str) -> None:
    write_pulse(tmp_path / "a.csv", seconds)
    with pytest.raises(CohortError, match=message) as error:
        read_pulse(tmp_path / "a.csv")
    assert "a.csv" in str(error.value)


def test_a_missing_column_and_a_missing_number_are_named(tmp_path: Path) -> None:
    write_pulse(tmp_path / "a.csv", [0, 1, 2])
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(text.replace("quality", "qualité"))
    with pytest.raises(CohortError, match="lacks the columns quality"):
        read_pulse(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text(text.rsplit(",", 1)[0] + ",\n")
    with pytest.raises(CohortError, match="holds nothing as quality in row 3"):
        read_pulse(tmp_path / "a.csv")
