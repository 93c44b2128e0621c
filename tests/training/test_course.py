"""The book-keeping alone, fed with predictions made by hand."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from lessons import PROTOCOL

from deplib.metrics import describe
from deplib.training.course import Course

LABELS, CONSTANT = 1.0, 0.0  # how much of the label a prediction holds


def course_of(windows, **change):
    protocol = replace(PROTOCOL, **change)
    return Course("LDBM", 7, windows.subset("train"), windows.subset("dev"), protocol)


def feed(course, shares):
    """Epochs whose predictions are that share of the labels, until the course stops."""
    y_train, y_dev = (s.index["y"].to_numpy() for s in (course.train_set, course.dev_set))
    for share in shares:
        if course.stopped:
            break
        course.record(share * y_train, share * y_dev, lambda: {"epoch": course.epoch})
    return course


def test_a_row_holds_the_metrics_of_recordings(windows):
    course = feed(course_of(windows), [0.5])
    dev = course.dev_set.index
    y_hat = (0.5 * dev["y"]).groupby(dev["recording"], sort=False).mean()
    bdi = dev.groupby("recording", sort=False)["bdi"].first()
    expected = describe(bdi, y_hat * windows.label_std + windows.label_mean)
    for name in ("mae", "rmse", "bias", "pcc", "ccc", "sigma_ratio"):
        assert course.rows[0][f"dev_{name}"] == pytest.approx(expected[name])
    y = course.train_set.index["y"].to_numpy()
    assert course.rows[0]["train_loss"] == pytest.approx(np.abs(0.5 * y).mean(), rel=1e-5)


ENDS = [
    (40, [0.2, 0.6, 0.5, 0.6, 0.4, 0.9], 5, 2),  # a tie is no progress
    (40, [0.5, 0.4, 0.4, 0.6, *[0.1] * 9], 7, 4),  # the last epoch of patience counts
    (4, np.linspace(0.1, 0.9, 9), 4, 4),
]


@pytest.mark.parametrize(("epochs", "shares", "last", "best"), ENDS)
def test_it_stops_when_patience_or_epochs_are_over(windows, epochs, shares, last, best):
    course = feed(course_of(windows, epochs=epochs, patience=3), shares)
    assert (course.epoch, course.best["epoch"], course.weights) == (last, best, {"epoch": best})


def collapse_warnings(course, shares):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        feed(course, shares)
    return [str(warning.message) for warning in caught]


def test_a_collapse_is_warned_of_early_and_once(windows):
    course = course_of(windows, epochs=20, patience=20)
    shares = [LABELS] * 7 + [CONSTANT] * 4 + [LABELS] + [CONSTANT] * 5
    (message,) = collapse_warnings(course, shares)
    assert "LDBM, seed 7: Dev sigma_ratio is below 0.05 since epoch 8" in message
    assert [row["epoch"] for row in course.rows if row["collapsed"]] == [10, 11, 15, 16, 17]


def test_a_model_that_starts_as_a_constant_has_time_to_warm_up(windows):
    course = course_of(windows, epochs=20, patience=20)
    assert collapse_warnings(course, [CONSTANT] * 5) == []
    assert course.rows[-1]["collapsed"]
    (message,) = collapse_warnings(course, [CONSTANT] * 3)
    assert "since epoch 1," in message
    assert collapse_warnings(course_of(windows, epochs=9), [CONSTANT] * 4 + [LABELS] * 5) == []


def test_a_resumed_course_goes_on_and_does_not_warn_twice(windows):
    course = course_of(windows, epochs=20, patience=9)
    collapse_warnings(course, [0.6, *[CONSTANT] * 6])
    again = course_of(windows, epochs=20, patience=9)
    again.resume(course.rows[:7], 1, course.weights)
    assert collapse_warnings(again, [CONSTANT] * 9) == []
    assert (again.epoch, again.best["epoch"]) == (10, 1)
    assert again.rows[-1]["collapsed"]
