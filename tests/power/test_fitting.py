import numpy as np
import pandas as pd
import pytest
from known_truth import two

from deplib.errors import ResultError
from deplib.power import fit
from deplib.power.fitting import intraclass_correlation


def table(n_seeds=2, n=4_000):
    """Return runs whose predictions are draws of a known error model, on the same labels."""
    model = two()
    samples = model.draw(1, n, rng=np.random.default_rng(0))
    return pd.concat(
        pd.DataFrame(
            {
                "recording": np.arange(n),
                "person": samples.person[0],
                "bdi": samples.y[0],
                "bdi_hat": samples.y_hat[0, k] + 0.01 * seed,
                "model": name,
                "seed": seed,
            }
        )
        for seed in range(n_seeds)
        for k, name in enumerate(model.names)
    )


def test_a_known_model_is_found_again():
    found, known = fit(table(), ("a", "b")), two()
    assert found.names == known.names
    np.testing.assert_allclose(found.mean, known.mean, atol=0.4)
    np.testing.assert_allclose(found.sd, known.sd, rtol=0.05)
    np.testing.assert_allclose(found.pcc, known.pcc, atol=0.05)
    np.testing.assert_allclose(found.mae, known.mae, atol=0.5)
    np.testing.assert_allclose(found.residual_correlation, known.residual_correlation, atol=0.03)
    assert found.person_share == pytest.approx(known.person_share, abs=0.03)
    assert fit(table(), ("b", "a")).sd.tolist() == found.sd[::-1].tolist()


def test_runs_that_cannot_be_paired_are_refused():
    rows = table(n=60)
    with pytest.raises(ResultError, match="no run of"):
        fit(rows, ("a", "c"))
    with pytest.raises(ResultError, match="twice in one run"):
        fit(pd.concat([rows, rows]), ("a", "b"))
    lost = rows[(rows["model"] == "a") | (rows["seed"] == 0)]
    with pytest.raises(ResultError, match="same recordings and seeds"):
        fit(lost, ("a", "b"))
    short = rows[(rows["model"] == "a") | (rows["recording"] != 3)]
    with pytest.raises(ResultError, match="same recordings and seeds"):
        fit(short, ("a", "b"))
    with pytest.raises(ResultError, match="constant"):
        fit(rows.assign(bdi_hat=15.0), ("a", "b"))
    with pytest.raises(ResultError, match="one of them twice"):
        fit(rows.assign(person=rows["recording"]), ("a", "b"))


def test_the_correlation_within_persons_is_known_for_simple_groups():
    same = np.array([[1.0], [1.0], [4.0], [4.0], [9.0], [9.0]])
    assert intraclass_correlation(same, [*"aabbcc"]) == pytest.approx([1.0])
    opposite = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    assert intraclass_correlation(opposite, [*"aabb"]) == pytest.approx([-1.0])
    assert np.isnan(intraclass_correlation(np.ones((4, 1)), [*"aabb"])).all()
    with pytest.raises(ResultError, match="one of them twice"):
        intraclass_correlation(opposite, [*"abcd"])
    with pytest.raises(ResultError, match="one of them twice"):
        intraclass_correlation(opposite, [*"aaaa"])


def test_persons_whose_recordings_differ_more_than_strangers_share_nothing():
    runs = table(n_seeds=1, n=200).reset_index(drop=True)
    opposite = np.where(runs["recording"] % 2, 8.0, -8.0)
    runs = runs.assign(person=runs["recording"] // 2, bdi_hat=15 + opposite + runs["bdi_hat"] / 50)
    assert fit(runs, ("a", "b")).person_share == 0.0
