"""Late fusion: one prediction a recording from the models of several streams."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from deplib.errors import ResultError

COLUMNS = ("recording", "person", "split", "bdi", "bdi_hat")
LABEL_TOLERANCE = 1e-3
"""BDI-II points: labels that were z-scored and scaled back differ by rounding."""


def fuse(
    tables: Mapping[str, pd.DataFrame], recordings: Iterable[str] | None = None
) -> pd.DataFrame:
    """Average the predictions of the streams that a recording has, all with equal weight.

    Equal weights need no data to be chosen on. A recording of one stream keeps its prediction.

    Parameters
    ----------
    tables
        One a stream, each with ``COLUMNS`` and one row a recording, as
        ``deplib.training.recording_table`` returns for one model and seed. A table leaves out the
        recordings that lack its stream.
    recordings
        The recordings to predict; by default all that any table has.

    Returns
    -------
    DataFrame
        ``COLUMNS`` and ``streams``, the names that were averaged joined by ``+``; one row a
        recording, in the order of ``recordings`` or of first appearance.

    Raises
    ------
    ResultError
        If there is no table, one lacks a column, holds a recording twice or a value that is not
        finite, two disagree about a recording's person, split or label, or a recording is in none.
    """
    if not tables:
        raise ResultError("no table to fuse: give the predictions of one stream or more")
    parts = [_checked(stream, table).assign(stream=stream) for stream, table in tables.items()]
    rows = pd.concat(parts, ignore_index=True)
    by_recording = rows.groupby("recording", sort=False)
    for column in ("person", "split"):
        same = rows[column] == by_recording[column].transform("first")
        _agree(same.groupby(rows["recording"], sort=False).all(), column)
    _agree(by_recording["bdi"].max() - by_recording["bdi"].min() <= LABEL_TOLERANCE, "label")
    fused = by_recording.agg(
        person=("person", "first"),
        split=("split", "first"),
        bdi=("bdi", "first"),
        bdi_hat=("bdi_hat", "mean"),
        streams=("stream", "+".join),
    )
    if recordings is not None:
        wanted = list(recordings)
        unknown = [name for name in wanted if name not in fused.index]
        if unknown:
            raise ResultError(
                f"recording {unknown[0]!r} has no prediction of {', '.join(tables)} "
                f"({len(unknown)} in all have none): leave it out, or predict it from one stream"
            )
        fused = fused.loc[wanted]
    return fused.rename_axis("recording").reset_index()


def _checked(stream: str, table: pd.DataFrame) -> pd.DataFrame:
    absent = [column for column in COLUMNS if column not in table]
    if absent:
        raise ResultError(f"the table of stream {stream!r} lacks {absent}; it needs {COLUMNS}")
    twice = table["recording"][table["recording"].duplicated()]
    if len(twice):
        raise ResultError(
            f"the table of stream {stream!r} has recording {twice.iloc[0]!r} twice: give one model "
            "and one seed"
        )
    for column in ("bdi", "bdi_hat"):
        finite = np.isfinite(pd.to_numeric(table[column], errors="coerce"))
        if not finite.all():
            recording = table["recording"][~finite].iloc[0]
            raise ResultError(
                f"stream {stream!r} has no finite {column} for {recording!r}: drop the row where "
                "the recording lacks the stream"
            )
    return table[list(COLUMNS)]


def _agree(same: pd.Series, what: str) -> None:
    if not same.all():
        raise ResultError(
            f"the streams disagree about the {what} of recording {same.index[~same][0]!r}: their "
            "tables are of different cohorts, splits or labels"
        )
