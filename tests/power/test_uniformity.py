import numpy as np
import pytest
from known_truth import two
from scipy import stats

from deplib.power import twins, uniformity
from deplib.statistics import sign_flip_test


def rng(seed=0):
    return np.random.default_rng(seed)


def test_uniformity_has_known_answers():
    even = (np.arange(1000) + 0.5) / 1000
    found = uniformity.uniformity(even)
    assert found["rejected"] == 0.05
    assert found["ks"] == pytest.approx(0.0005)
    assert found["ks_p"] == pytest.approx(1)
    found = uniformity.uniformity(np.full(1000, 0.01))
    assert found["rejected"] == 1
    assert found["ks_p"] < 1e-10


def test_tests_over_persons_keep_their_level():
    pair = twins(two(), 4.0).draw(400, 50, rng=rng(1))
    alone = uniformity.unrelated(two()).draw(400, 50, rng=rng(2))
    for samples, test in (
        (pair, uniformity.by_signs(n_resamples=299)),
        (alone, uniformity.by_permutation(n_resamples=299)),
    ):
        found = uniformity.uniformity(uniformity.p_values(samples, test, rng=rng(3)))
        assert found["low"] < 0.05 < found["high"]
        assert found["ks_p"] > 0.01


def test_recordings_taken_for_persons_reject_too_often():
    samples = uniformity.unrelated(two(share=1.0)).draw(2_000, 80, n_persons=40, rng=rng(4))
    p = uniformity.p_values(samples, uniformity.by_formula, rng=rng(5))
    assert uniformity.uniformity(p)["low"] > 0.06


def test_the_formula_is_the_textbook_test():
    samples = two().draw(2, 30, rng=rng(6))
    p = uniformity.p_values(samples, uniformity.by_formula, rng=rng())
    expected = [
        stats.pearsonr(y, h[0]).pvalue for y, h in zip(samples.y, samples.y_hat, strict=True)
    ]
    np.testing.assert_allclose(p, expected, rtol=1e-9)


def test_signs_are_flipped_by_person_or_by_recording():
    samples = two().draw(1, 50, rng=rng(7))
    error = samples.errors[0]
    for persons, who in ((True, samples.person[0]), (False, np.arange(50))):
        test = uniformity.by_signs(persons=persons, n_resamples=200)
        expected = sign_flip_test(error[0] - error[1], who, n_resamples=200, rng=rng(8)).p_value
        assert uniformity.p_values(samples, test, rng=rng(8)).tolist() == [expected]


def test_an_mae_can_be_set_by_the_correlation():
    model = uniformity.with_mae(two(), "b", float(two().mae[0]))
    assert model.mae[1] == pytest.approx(model.mae[0], abs=1e-9)
    assert model.sd.tolist() == two().sd.tolist()
    assert model.pcc[0] == two().pcc[0]
    with pytest.raises(ValueError, match="can have a true MAE from"):
        uniformity.with_mae(two(), "b", 0.1)


def test_predictions_can_be_cut_from_the_labels():
    model = uniformity.unrelated(two())
    assert model.pcc.tolist() == [0, 0]
    assert model.sd.tolist() == two().sd.tolist()
