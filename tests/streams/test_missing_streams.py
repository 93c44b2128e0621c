import numpy as np
import pandas as pd
import pytest

from deplib.errors import CohortError
from deplib.streams.missing import StreamMissingError, hide_after_first, hiding, lacking

TABLE = pd.DataFrame(
    {
        "recording": [f"r{k:03d}" for k in range(150)],
        "split": np.repeat(["train", "dev", "test"], [50, 50, 50]),
        "bdi": np.arange(150) % 60,
    }
)


def drawn(share: float, seed: int = 0, table: pd.DataFrame = TABLE) -> set[str]:
    return lacking(table, share, rng=np.random.default_rng(seed))


@pytest.mark.parametrize(("share", "each"), [(0, 0), (0.1, 5), (0.5, 25), (0.99, 49), (0.999, 49)])
def test_every_split_lacks_the_same_share(share: float, each: int) -> None:
    chosen = drawn(share)
    counts = TABLE[TABLE["recording"].isin(chosen)]["split"].value_counts()
    assert [counts.get(split, 0) for split in ("train", "dev", "test")] == [each] * 3


def test_the_draw_follows_the_seed_and_not_the_order_or_the_labels() -> None:
    assert drawn(0.3) == drawn(0.3)
    assert drawn(0.3) != drawn(0.3, seed=1)
    shuffled = TABLE.sample(frac=1, random_state=3).assign(bdi=0)
    assert drawn(0.3, table=shuffled) == drawn(0.3)


def test_a_larger_share_lacks_all_that_a_smaller_one_lacks() -> None:
    assert drawn(0.1) < drawn(0.3) < drawn(0.8)


def test_a_split_of_one_keeps_its_recording() -> None:
    assert drawn(0.9, table=TABLE.iloc[[0, 60, 120]]) == set()


@pytest.mark.parametrize("share", [-0.1, 1.0, 2, float("nan")])
def test_other_shares_are_refused(share: float) -> None:
    with pytest.raises(CohortError, match="from 0 to below 1"):
        drawn(share)


def test_a_table_without_splits_is_refused() -> None:
    with pytest.raises(CohortError, match=r"lacks .'split'"):
        drawn(0.2, table=TABLE[["recording"]])


def read(recording: str) -> tuple[np.ndarray, np.ndarray]:
    return np.ones((3, 29), np.float32), np.ones(3, bool)


def test_hidden_recordings_say_that_the_stream_is_missing() -> None:
    partial = hiding(read, {"a"})
    with pytest.raises(StreamMissingError, match="'a' is one of the 1"):
        partial("a")
    assert partial("b")[1].all()


def test_only_streams_after_the_first_are_hidden() -> None:
    reads = hide_after_first(
        "identity+action+pulse", {"pulse": read, "action": read, "identity": read}, {"a"}
    )
    assert list(reads) == ["identity", "action", "pulse"]
    assert reads["identity"] is read
    for name in ("action", "pulse"):
        with pytest.raises(StreamMissingError):
            reads[name]("a")
    with pytest.raises(CohortError, match=r"'action' of 'identity.action' has no reader"):
        hide_after_first("identity+action", {"identity": read}, {"a"})
