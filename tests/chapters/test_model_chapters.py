"""The model chapters say what the runs give, all seeds of them, and follow when they change."""

import ast
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from deplib import study
from deplib.chapters import masks
from deplib.chapters.anatomy import anatomy, influence, short_mask
from deplib.chapters.model import ModelPage, percent, source_of_methods
from deplib.chapters.patches import SIZES, PatchAblation
from deplib.chapters.recurrence import (
    LINEAR,
    NONLINEAR,
    Recurrence,
    _answer,
    gru_failure,
    half_of,
    scan_failure,
)
from deplib.chapters.recurrence import influence as frame_influence
from deplib.chapters.variant import TITLES, Variant
from deplib.claims.reported import as_number
from deplib.errors import ResultError
from deplib.models import MODELS, build
from deplib.models.ldbm import LDBM
from deplib.results import Result
from deplib.study import completion

COHORT = study.open_cohort()
LENGTHS = [12 + 3 * seed for seed in study.SEEDS]  # 12 to 39 epochs, and the best two of them last


def made_up(spec: study.RunSpec) -> Result:
    """Return a result with two windows a recording: labels, weakened, and seeded noise."""
    table = COHORT.recordings
    scaled = (table["bdi"] - 15.0) / 12.0
    rng = np.random.default_rng([spec.seed, *spec.model.encode()])
    windows = pd.concat(
        [
            table[["recording", "person", "split"]].assign(
                window=k, y=scaled, y_hat=0.3 * scaled + 0.3 * rng.standard_normal(len(table))
            )
            for k in range(2)
        ]
    )
    epochs = np.arange(1, LENGTHS[spec.seed] + 1)
    history = pd.DataFrame({"epoch": epochs, "train_loss": 1 / epochs, "dev_mae": 9.0})
    history["dev_sigma_ratio"] = epochs / 40
    history["collapsed"] = epochs == (3 if spec.seed else epochs[-1])
    return Result(
        spec=spec, key="", predictions=windows, history=history, epoch=int(epochs[-1]) - 2,
        chosen_by="dev_mae", label_mean=15.0, label_std=12.0, n_parameters=1,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _made_up_results(monkeypatch):
    monkeypatch.setattr(study, "published", lambda specs: [made_up(spec) for spec in specs])


@pytest.fixture
def with_labels(monkeypatch):
    """Make the predictions of one model a multiple of the labels, exactly."""

    def changed(spec: study.RunSpec, model: str, factor: float) -> Result:
        result = made_up(spec)
        if spec.model != model:
            return result
        table = result.predictions
        return replace(result, predictions=table.assign(y_hat=factor * table["y"]))

    def change(model: str, factor: float = 1.0) -> None:
        monkeypatch.setattr(
            study, "published", lambda specs: [changed(spec, model, factor) for spec in specs]
        )

    return change


def test_a_page_needs_every_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "published", completion.published)
    monkeypatch.setattr(completion, "results_dir", lambda: tmp_path)
    with pytest.raises(ResultError, match="does not exist"):
        ModelPage("LDBM")


def test_a_variant_holds_all_seeds_of_the_grid():
    variant = Variant("LDBM")
    assert [result.spec.seed for result in variant.results] == list(study.SEEDS)
    assert set(variant.recordings["seed"]) == set(study.SEEDS)


def test_averaged_predictions_are_means_with_their_extremes():
    variant = Variant("LDBM")
    wide = variant.split("test").pivot_table("bdi_hat", "recording", "seed")
    table = variant.averaged("test").set_index("recording").loc[wide.index]
    np.testing.assert_allclose(table["bdi_hat"], wide.mean(axis=1))
    np.testing.assert_allclose(table["low"], wide.min(axis=1))
    np.testing.assert_allclose(table["high"], wide.max(axis=1))


def test_the_score_table_tells_seeds_from_persons():
    variant = Variant("MambaGRU")
    table = variant.score_table()
    assert len(table) == 2 * len(TITLES)
    row = table.query("split == 'test' and score == 'MAE'").iloc[0]
    errors = (variant.split("test")["bdi_hat"] - variant.split("test")["bdi"]).abs()
    by_seed = errors.groupby(variant.split("test")["seed"]).mean()
    assert row["mean over seeds"] == f"{by_seed.mean():.2f}"
    assert row["SD between seeds"] == f"{by_seed.std():.2f}"
    assert row["lowest to highest seed"] == f"{by_seed.min():.2f} to {by_seed.max():.2f}"
    low, high = map(float, row["95 % interval over persons"].split(" to "))
    assert low < by_seed.mean() < high
    assert high - low > 2 * by_seed.std()


def test_a_constant_model_has_undefined_correlations(monkeypatch):
    def constant(specs):
        flat = [made_up(spec) for spec in specs]
        return [replace(r, predictions=r.predictions.assign(y_hat=0.1)) for r in flat]

    monkeypatch.setattr(study, "published", constant)
    table = Variant("LDBM").score_table().set_index(["split", "score"])
    assert table.loc[("test", "PCC"), "mean over seeds"] == "undefined"
    assert table.loc[("test", "sigma_ratio"), "mean over seeds"] == "0.00"


def test_the_course_sentence_counts_runs(monkeypatch):
    sentence = Variant("LDBM").course_sentence()
    assert "epochs 10 to 37 (median 23.5)" in sentence
    assert "without a lower Dev MAE in 0 of 10 runs" in sentence
    assert "was the best in 0 of 10." in sentence
    assert "Collapse: 10 of 10 runs" in sentence
    assert "and 1 of 10 at their end" in sentence

    def waiting(specs):  # two runs with a best epoch long before the end, one with the last as best
        results = [made_up(spec) for spec in specs]
        for seed, epoch in ((0, 2), (9, 29)):
            results[seed] = replace(results[seed], epoch=epoch)
        results[5] = replace(results[5], epoch=40)
        return results

    monkeypatch.setattr(study, "published", waiting)
    sentence = Variant("LDBM").course_sentence()
    assert "without a lower Dev MAE in 2 of 10 runs" in sentence
    assert "was the best in 1 of 10, where longer" in sentence


def test_what_we_saw_follows_the_results(with_labels):
    with_labels("LDBM", -1.0)
    assert "it is worse than the constant" in ModelPage("LDBM").saw().data
    with_labels("LDBM")
    saw = ModelPage("LDBM").saw().data
    assert "the Test MAE of LDBM is 0.00 on average" in saw
    assert "it is better than the constant" in saw
    assert "rises at 0 of 10 seeds" in saw


@pytest.mark.parametrize("model", MODELS)
def test_every_part_of_a_page_can_be_shown(model):
    page = ModelPage(model)
    deviation = page.parameters().set_index("part").loc["deviation", "parameters"]
    assert abs(float(deviation.removesuffix(" %"))) < 1
    assert "changes no output by more than" in page.masking().data
    assert "CHANGES" not in page.masking().data
    assert "million operations" in page.cost().data
    panels = page.predictions().axes
    assert [axis.get_title() for axis in panels] == ["Dev", "Test", "", ""]
    n_test = int((COHORT.recordings["split"] == "test").sum())
    assert len(panels[3].collections[-1].get_offsets()) == n_test
    assert len(page.courses().axes[0].lines) == 2 * len(study.SEEDS) + 1
    assert [t.get_text() for t in page.strip().axes[0].get_yticklabels()] == ["Dev", "Test"]


class Deaf(torch.nn.Module):
    """A model that does not look at the mask."""

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=2).sum(dim=1)


def test_a_model_that_sees_padding_is_found():
    assert masks.padding_change(Deaf()) > masks.BOUND
    assert masks.content_change(Deaf()) > masks.BOUND
    assert masks.gap_changes(Deaf(), "end")["masked"] == 0.0


def test_zeros_move_a_mean_further_than_a_mask():
    moved = masks.gap_changes(build("TemporalMeanMLP", seed=0), "middle")
    assert 0 < moved["masked"] < moved["zeros"]


def test_a_gap_matters_to_a_recurrence_at_the_end_only():
    middle, end = (masks.gap_changes(build("MambaGRU", seed=0), p) for p in ("middle", "end"))
    assert middle["masked"] < 1e-4 < end["masked"]


def test_the_forward_pass_is_shown_with_what_it_uses():
    shown = source_of_methods(LDBM).removeprefix("```python\n").removesuffix("\n```")
    names = [node.name for node in ast.parse(shown).body]
    assert names == ["patches", "merge_patches", "forward"]


def test_counts_and_digits_are_read_and_written():
    assert [as_number(text) for text in ("131K", "1.35M", "~500K")] == [131e3, 1.35e6, 500e3]
    assert [percent(s) for s in (0.097, 3.4e-4, 9e-5)] == ["10 %", "0.03 %", "less than 0.01 %"]


def rows_of(model: str, mask: torch.Tensor):
    return anatomy(build(model, seed=0).eval(), mask)


def test_the_transformer_attends_to_every_real_frame_and_to_no_other():
    mask = short_mask(16, slice(4, 6), 2)
    rows = rows_of("VanillaTransformer", mask)
    for row in rows[2:]:  # the layers, and the mean
        np.testing.assert_array_equal(row.sources > 0, mask[0])


def test_a_state_draws_on_real_frames_before_it_and_the_output_on_the_last():
    frames, u, h, y = rows_of("MambaGRU", short_mask(16, slice(4, 6), 2))
    drawn = h.sources > 0
    now = h.edges[h.picked, 0]
    np.testing.assert_array_equal(drawn, u.real & (u.edges[:, 0] <= now))
    (last,) = np.flatnonzero(y.sources)
    assert h.edges[last].tolist() == [13.0, 14.0]
    assert h.chained
    assert not u.chained
    assert frames.label.endswith("512 × 512")


def test_patches_widen_by_merging():
    rows = rows_of("LDBM", short_mask(128, slice(8, 16), 24))
    assert [len(row.edges) for row in rows] == [128, 16, 8, 4, 2, 1, 1, 1]
    assert [row.label.split("\n")[1] for row in rows[1:6]] == [
        "64 × 128", "32 × 128", "16 × 128", "8 × 128", "4 × 128"
    ]  # fmt: skip
    assert int((rows[1].sources > 0).sum()) == 8
    assert rows[1].real.tolist() == [True, False, *[True] * 11, *[False] * 3]
    assert rows[2].real.tolist() == [*[True] * 7, False]
    strongest = np.sort(np.argsort(rows[2].sources)[-2:])
    assert strongest.tolist() == [2 * rows[2].picked, 2 * rows[2].picked + 1]


def test_influence_of_a_layer_norm_does_not_vanish():
    z = torch.randn(1, 3, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    shares = influence(torch.nn.functional.layer_norm(z, (8,)), 1, z)
    assert shares.tolist() == [0.0, 1.0, 0.0]


def test_the_patch_ablation_counts_and_compares(with_labels):
    ablation = PatchAblation()
    counts = ablation.counts().set_index(["patch", "stride"])
    assert counts.loc[(8, 8), "parameters"] == "1,357,825"
    assert counts.loc[(8, 8), "with a linear regressor"] == "1,349,633"
    assert counts["tokens"].tolist() == [128, 64, 32, 128]
    assert counts["in the grid"].tolist() == ["yes"] * 3 + ["no"]
    assert ablation.table()["patch"].tolist() == [4, 8, 16]
    assert "it helps" not in ablation.verdict().data
    values = ablation.scores.values(SIZES[0]).mean() - ablation.scores.values("LDBM").mean()
    assert ablation.differences()[4].value == pytest.approx(values)
    with_labels("LDBM-patch4")
    assert "it helps" in PatchAblation().verdict().data
    with_labels("LDBM")
    assert "it harms" in PatchAblation().verdict().data


def test_the_scan_is_linear_in_its_state_and_the_gru_is_not():
    assert scan_failure(build("Mamba", seed=0)) < LINEAR
    assert gru_failure(build("MambaGRU", seed=0)) > NONLINEAR


def test_a_gru_forgets():
    share = frame_influence(build("MambaGRU", seed=0))
    assert share.sum() == pytest.approx(1)
    assert share[0] > share[20] > share[40]
    assert half_of(np.array([0.2, 0.2, 0.2, 0.4])) == 3
    assert half_of(np.array([0.6, 0.4])) == 1


def test_the_verdict_on_the_approximation_follows_the_results(with_labels):
    verdict = Recurrence().verdict().data
    assert "cannot be told from Mamba" in verdict
    with_labels("Mamba")
    other = Recurrence()
    assert "it is worse than Mamba" in other.verdict().data
    assert other.likeness()["Mamba"] == pytest.approx(1)
    assert "so they predict practically alike" in other.verdict().data  # but for the seeds' noise
    with_labels("Mamba", -1.0)
    assert "so they do not predict alike" in Recurrence().verdict().data


def test_models_whose_runs_disagree_cannot_be_called_alike():
    assert "nothing can be said" in _answer({"MambaGRU": 0.5, "Mamba": -0.1, "across": 0.1})
    assert "correlate at 0.50" in _answer({"MambaGRU": 0.4, "Mamba": 0.9, "across": 0.3})
