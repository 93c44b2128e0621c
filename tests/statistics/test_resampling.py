import numpy as np
from drawn import rng, sample

from deplib.metrics import METRICS
from deplib.statistics import bootstrap_distribution, jackknife


def test_each_resample_scores_as_the_metrics_do_on_its_rows():
    y, predictions, persons = sample()
    values = bootstrap_distribution(y, predictions, persons, n_resamples=30, rng=rng())
    names = list(dict.fromkeys(persons))
    counts = rng().multinomial(len(names), np.full(len(names), 1 / len(names)), size=30)
    for k, drawn in enumerate(counts):
        rows = np.concatenate(
            [np.tile(np.flatnonzero(persons == p), c) for p, c in zip(names, drawn, strict=True)]
        )
        for name, metric in METRICS.items():
            expected = [metric(y[rows], y_hat[rows]) for y_hat in predictions]
            np.testing.assert_allclose(values[name][k], expected, atol=1e-9, err_msg=name)


def test_the_jackknife_scores_as_the_metrics_do_without_a_person():
    y, predictions, persons = sample()
    values = jackknife(y, predictions, persons)
    for k, person in enumerate(dict.fromkeys(persons)):
        kept = persons != person
        for name, metric in METRICS.items():
            expected = [metric(y[kept], y_hat[kept]) for y_hat in predictions]
            np.testing.assert_allclose(values[name][k], expected, atol=1e-9, err_msg=name)


def test_a_metric_is_undefined_without_the_one_person_who_differs():
    values = jackknife([10.0, 10.0, 30.0], [[1.0, 2.0, 4.0]], [*"abc"])
    assert np.isnan(values["pcc"][:, 0]).tolist() == [False, False, True]
    assert np.isfinite(values["mae"]).all()
