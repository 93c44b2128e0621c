"""Labels planted in features, and the table that may be shared."""

import numpy as np
import pytest
import small_world

from deplib import results, study
from deplib.study.controls import PLANTED
from deplib.study.grid import planned


def test_planted_labels_follow_what_the_features_show_and_each_split_keeps_its_own(data):
    inputs = small_world.inputs()
    true = inputs.windows(study.RunSpec("LDBM"))
    for labels in PLANTED:
        planted = inputs.windows(study.RunSpec("LDBM", labels=labels)).index
        for split, now in planted.groupby("split"):
            was = true.index[true.index["split"] == split]
            once = [one.drop_duplicates("recording")["bdi"].sort_values() for one in (was, now)]
            np.testing.assert_array_equal(*map(np.asarray, once))
    frames = [x[real] for x, real in zip(true.features, true.mask, strict=True)]
    planted["step"] = [(np.diff(x, axis=0) ** 2).sum() / x.var(0).sum() / len(x) for x in frames]
    both = planted.groupby(["split", "recording"])[["step", "bdi"]].mean()
    assert (both.groupby("split").corr("spearman")["bdi"].xs("step", level=1) > 0.99).all()


def test_what_is_shared_has_scores_and_names_nobody(data, tmp_path):
    models = ("TemporalMeanMLP", "RidgeMean")
    specs = [one for one in planned("default", 2) if one.model in models]
    assert {(one.labels, one.split_rule) for one in specs} == {
        ("true", "official"), ("true", "disjoint"), ("permuted", "official"),
        ("planted-level", "official"), ("planted-order", "official"),
    }  # fmt: skip
    small_world.complete(specs, tmp_path)
    runs = results.load("default", root=tmp_path)
    shared = study.aggregate(runs)
    mae = shared.query("split_rule == 'disjoint' and metric == 'mae'").set_index(["model", "minus"])
    of = runs.query("split_rule == 'disjoint' and split == 'test' and model == 'TemporalMeanMLP'")
    error = (of["bdi"] - of["bdi_hat"]).abs().mean()
    assert mae.loc[("TemporalMeanMLP", ""), "value"] == pytest.approx(error, abs=1e-3)
    gap = mae.loc[("RidgeMean", "TemporalMeanMLP")]
    assert gap["low_seeds"] <= gap["value"] <= gap["high_seeds"]
    assert {"constant", "constant (mean)"} <= set(shared["model"])
    assert {*shared.to_numpy().ravel()}.isdisjoint({*runs["recording"], *runs["person"]})
    assert (tmp_path / "default" / "protocol.yaml").read_text().startswith("sequence_length: 2000")
