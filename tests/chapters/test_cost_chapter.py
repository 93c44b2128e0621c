"""What the chapter on cost says: verdicts on invented costs, prose on the versioned ones."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deplib.chapters import cost as chapter
from deplib.chapters.cost import FASTER, INSIDE, SLOWER, CostPage
from deplib.chapters.cost_of_training import BudgetPage
from deplib.cost import record
from deplib.cost.fits import ORDERS
from deplib.cost.steps import FORWARD, TRAINING
from deplib.cost.summary import Costs, counted_exponent
from deplib.cost.ways import HEAD_ONLY, LENGTHS, WAYS, WINDOWS
from deplib.errors import ResultError

FOUR = ("TemporalMeanMLP", "LDBM", "VanillaTransformer", "MambaGRU")
RECURRENT = ("MambaGRU", "Mamba")


def invented(growth: Callable[[str, np.ndarray], np.ndarray]) -> record.Measured:
    """Measurements whose time and memory grow exactly as told; the second round is a tenth more."""
    n = np.array(LENGTHS, dtype=float)
    steps, memory = [], []
    for way in WAYS:
        for frames, cost in zip(LENGTHS, growth(way, n), strict=True):
            rounds = [1e-3 * cost, 1.1e-3 * cost]
            for kind in (TRAINING, FORWARD):
                at = {"way": way, "kind": kind, "frames": frames}
                steps.append({**at, "windows": WINDOWS, "seconds": rounds})
                if frames == 512:
                    steps.append({**at, "windows": 32, "seconds": [8 * r for r in rounds]})
            grown = 2**20 if frames == LENGTHS[-1] else None
            row = {"way": way, "frames": frames, "windows": WINDOWS, "grown": grown}
            memory.append({**row, "bytes": int(1000 * cost)})
    epochs = [{"way": way, "seconds": [1.0 + i, 2.0 + i]} for i, way in enumerate(WAYS)]
    return record.Measured(
        machine=record.this_machine(),
        steps=pd.DataFrame(steps),
        memory=pd.DataFrame(memory),
        epochs=pd.DataFrame(epochs),
        windows={"train": 160, "dev": 147},
    )


def page_on(measured: record.Measured) -> CostPage:
    return CostPage(Costs(measured))


def test_costs_that_grow_as_the_study_says_are_found_to_do_so() -> None:
    orders = chapter.claims.DESCRIBED.set_index("model")["order_reported"]
    page = page_on(invented(lambda way, n: ORDERS[orders.get(WAYS[way], "O(N log N)")](n)))
    assert {way: page.verdict(way) for way in FOUR} == dict.fromkeys(FOUR, INSIDE)
    assert page.verdict(HEAD_ONLY) == INSIDE


def test_costs_that_all_grow_alike_are_told_from_the_other_orders() -> None:
    page = page_on(invented(lambda _, n: n))
    assert {way: page.verdict(way) for way in FOUR} == {
        "TemporalMeanMLP": FASTER,
        "LDBM": SLOWER,
        "VanillaTransformer": SLOWER,
        "MambaGRU": INSIDE,
    }
    assert page.verdict("Mamba") == page.verdict("AttentionMIL") == ""
    table = page.exponents().set_index("way")
    assert table.loc["LDBM", "would show"] == "1.15"
    assert table.loc["LDBM", "forward and backward"] == "1.00 [1.00, 1.00]"
    assert table.loc["MambaGRU", "single rounds"] == "1.00 to 1.00"


def test_tables_give_rounds_a_window_in_milliseconds() -> None:
    page = page_on(invented(lambda _, n: n))
    times = page.times(TRAINING).set_index("way")
    assert list(times.index) == list(WAYS)
    assert times.loc["LDBM", "512"] == f"{512 / WINDOWS:.0f} to {512 * 1.1 / WINDOWS:.0f}"
    assert set(page.between().set_index("way").loc["LDBM"]) == {"1.00 [1.00, 1.00]"}


def test_times_are_never_printed_as_powers_of_ten() -> None:
    assert chapter.spread([1549.7, 1603.2]) == "1550 to 1600"
    assert chapter.spread([0.016512, 0.0176]) == "0.0165 to 0.0176"


@pytest.mark.parametrize(
    ("mlp", "head", "ldbm", "place"),
    [
        (1.0, 0.1, 5.0, "between the two"),
        (1.0, 0.1, 20.0, "below both"),
        (1.0, 0.5, 2.0, "above both"),
        (1.0, 0.1, 9.0, "agrees with one of the two"),
    ],
)
def test_the_studys_ratio_of_nine_is_placed_by_the_measured_ones(
    mlp: float, head: float, ldbm: float, place: str
) -> None:
    seconds = {"TemporalMeanMLP": mlp, HEAD_ONLY: head, "LDBM": ldbm}
    rows = [{"way": way, "seconds": [seconds.get(way, 1.0)] * 2} for way in WAYS]
    measured = replace(invented(lambda _, n: n), epochs=pd.DataFrame(rows))
    budget = BudgetPage(Costs(measured))
    assert place in str(budget.epoch_verdict().data)


def test_a_stale_file_stops_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "key", lambda: "f" * 64)
    with pytest.raises(ResultError, match=r"run `python bench/cost.py`"):
        CostPage()


def test_only_attention_between_tokens_bends_and_ldbm_passes_through_n_log_n() -> None:
    lengths = [2**k for k in range(7, 20)]
    for way in ("LDBM-patch4", "LDBM", "LDBM-patch16", "VanillaTransformer"):
        slopes = [counted_exponent(way, n, 2 * n) for n in lengths]
        assert (np.diff(slopes) > 0).all()
        assert 1.9 < slopes[-1] < 2
    log = [chapter._log_slope(n) for n in lengths]
    assert (np.diff(log) < 0).all()
    for way in ("AttentionMIL", *RECURRENT):
        assert counted_exponent(way, 2**19, 2**20) == pytest.approx(1, abs=1e-3)


@pytest.fixture(scope="module")
def page() -> CostPage:
    return CostPage()


def test_the_versioned_file_is_whole(page: CostPage) -> None:
    for way in WAYS:
        for kind in (TRAINING, FORWARD):
            by_length = page.costs.milliseconds(way, kind)
            assert len(by_length) == len(LENGTHS)
            assert len({len(rounds) for rounds in by_length}) == 1
        assert len(page.costs.peaks(way)) == len(LENGTHS)
        assert page.costs.epoch(way)


def test_what_the_prose_says_of_the_measured_models_holds(page: CostPage) -> None:
    at_512 = LENGTHS.index(512)
    ms = {way: min(page.costs.milliseconds(way)[at_512]) for way in WAYS}
    linear = {"TemporalMeanMLP", HEAD_ONLY, "AttentionMIL"}
    assert min(ms[way] for way in RECURRENT) > max(ms[way] for way in linear)
    assert ms["MambaGRU"] > ms["VanillaTransformer"]
    count = {way: chapter.flops.operations(way, 512).together for way in WAYS}
    assert count["MambaGRU"] < count["VanillaTransformer"]
    for way in ("LDBM-patch4", "LDBM", "LDBM-patch16", "VanillaTransformer"):
        slopes = page.costs.between(way)
        assert slopes[0].value < slopes[-1].value


def test_figures_show_every_way(page: CostPage) -> None:
    for axis in page.time_figure().axes:
        assert [c.get_label() for c in axis.containers] == list(WAYS)
    measured, counted = page.exponent_figure().axes
    assert [c.get_label() for c in measured.containers] == list(WAYS)
    assert len(counted.lines) > len(WAYS)
    (memory,) = BudgetPage().memory_figure().axes
    labels = {line.get_label() for line in memory.lines} | {
        c.get_label() for c in memory.containers
    }
    assert {*WAYS, "the window itself"} <= labels
