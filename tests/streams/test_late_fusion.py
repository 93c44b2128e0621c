import numpy as np
import pandas as pd
import pytest

from deplib.errors import ResultError
from deplib.streams.late import fuse

BDI = {"a": 3.0, "b": 20.0, "c": 40.0}


def table(**predicted: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "recording": list(predicted),
            "person": [f"p{name}" for name in predicted],
            "split": ["test" if name == "c" else "train" for name in predicted],
            "bdi": [BDI[name] for name in predicted],
            "bdi_hat": list(predicted.values()),
            "model": "any",
            "seed": 0,
        }
    )


def test_the_mean_is_over_the_streams_that_a_recording_has() -> None:
    fused = fuse(
        {
            "identity": table(a=10, b=12, c=14),
            "action": table(b=20, c=20),
            "pulse": table(c=2),
        }
    )
    assert fused.columns.tolist() == ["recording", "person", "split", "bdi", "bdi_hat", "streams"]
    assert fused["recording"].tolist() == ["a", "b", "c"]
    assert fused["bdi_hat"].tolist() == [10, 16, 12]
    assert fused["streams"].tolist() == ["identity", "identity+action", "identity+action+pulse"]
    assert fused["bdi"].tolist() == list(BDI.values())
    assert fused["split"].tolist() == ["train", "train", "test"]
    assert fused["person"].tolist() == ["pa", "pb", "pc"]


def test_one_stream_is_itself_and_order_follows_the_recordings_asked_for() -> None:
    fused = fuse({"action": table(a=1, b=2, c=3)}, ["c", "a"])
    assert fused["recording"].tolist() == ["c", "a"]
    assert fused["bdi_hat"].tolist() == [3, 1]


def test_streams_together_may_cover_what_none_covers_alone() -> None:
    fused = fuse({"action": table(a=1), "pulse": table(c=3)}, ["a", "c"])
    assert fused["bdi_hat"].tolist() == [1, 3]


def test_rounding_of_labels_is_no_disagreement() -> None:
    other = table(a=5, b=5)
    other["bdi"] += 1e-5
    assert fuse({"action": table(a=1, b=2), "pulse": other})["bdi_hat"].tolist() == [3, 3.5]


@pytest.mark.parametrize(
    ("column", "value", "what"), [("bdi", 4.0, "label"), ("person", "x", "person"),
                                  ("split", "dev", "split")],
)  # fmt: skip
def test_tables_that_disagree_are_refused(column: str, value: object, what: str) -> None:
    other = table(a=5, b=5)
    other.loc[0, column] = value
    with pytest.raises(ResultError, match=f"disagree about the {what} of recording 'a'"):
        fuse({"action": table(a=1, b=2), "pulse": other})


def test_a_recording_in_no_table_is_named() -> None:
    with pytest.raises(ResultError, match="'c' has no prediction of action, pulse"):
        fuse({"action": table(a=1), "pulse": table(b=1)}, ["a", "c"])


def test_tables_that_are_not_one_run_are_refused() -> None:
    good = table(a=1, b=2)
    with pytest.raises(ResultError, match="no table to fuse"):
        fuse({})
    with pytest.raises(ResultError, match=r"'pulse' lacks \['bdi_hat'\]"):
        fuse({"action": good, "pulse": good.drop(columns="bdi_hat")})
    with pytest.raises(ResultError, match="'pulse' has recording 'a' twice"):
        fuse({"action": good, "pulse": pd.concat([good, good])})
    for column in ("bdi", "bdi_hat"):
        with pytest.raises(ResultError, match=f"no finite {column} for 'b'"):
            fuse({"action": good.assign(**{column: [1.0, np.nan]})})
