"""Labels planted in features, and the table that may be shared."""

import numpy as np
import pytest
import small_world

from deplib import results, study
from deplib.study.controls import PLANTED


def test_planted_labels_follow_what_the_features_show_and_each_split_keeps_its_own(data):
    inputs = small_world.inputs()
    true = inputs.windows(study.RunSpec("LDBM"))
    real = [x[mask] for x, mask in zip(true.features, true.mask, strict=True)]
    about = true.index.assign(
        step=[np.square(np.diff(x, axis=0)).sum() / x.var(0).sum() for x in real]
    )
    for labels in PLANTED:
        planted = inputs.windows(study.RunSpec("LDBM", labels=labels))
        for split, now in planted.index.groupby("split"):
            was = true.index[true.index["split"] == split]
            once = [table.drop_duplicates("recording")["bdi"].sort_values() for table in (was, now)]
            np.testing.assert_allclose(*map(np.asarray, once))
    both = (
        about.assign(bdi=planted.index["bdi"])
        .groupby(["split", "recording"])[["step", "bdi"]]
        .mean()
    )
    assert (both.groupby("split").corr("spearman")["bdi"].xs("step", level=1) > 0.95).all()


def test_what_is_shared_has_scores_and_names_nobody(data, tmp_path):
    specs = [
        one for one in study.planned("default", 2) if one.model in ("TemporalMeanMLP", "RidgeMean")
    ]
    assert {(one.labels, one.split_rule) for one in specs} == {
        ("true", "official"), ("true", "disjoint"), ("permuted", "official"),
        ("planted-level", "official"), ("planted-order", "official"),
    }  # fmt: skip
    small_world.complete(specs, tmp_path)
    runs = results.load("default", root=tmp_path)
    shared = study.aggregate(runs)
    mae = shared.loc[("disjoint", "true", slice(None), "", "mae"), :].droplevel([0, 1, 3, 4])
    of = runs.query("split_rule == 'disjoint' and split == 'test' and model == 'TemporalMeanMLP'")
    assert mae.loc["TemporalMeanMLP", "value"] == pytest.approx(
        (of.bdi - of.bdi_hat).abs().mean(), abs=1e-3
    )
    assert {"constant", "constant (mean)", "RidgeMean"} <= set(mae.index)
    gap = shared.loc[("disjoint", "true", "RidgeMean", "TemporalMeanMLP", "mae")]
    assert gap["low_seeds"] <= gap["value"] <= gap["high_seeds"]
    text = shared.to_csv()
    assert not [name for name in {*runs["recording"], *runs["person"]} if f",{name}," in text]
    assert (tmp_path / "default" / study.PROTOCOL).read_text().startswith("sequence_length: 2000")
