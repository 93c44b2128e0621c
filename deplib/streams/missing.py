"""Recordings that lack a stream: how a reader says so, and how a study makes it so."""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from deplib.errors import CohortError, StoreError
from deplib.streams.names import parse
from deplib.windows import Read


class StreamMissingError(StoreError):
    """A recording lacks this stream altogether; joined streams go on without it."""


def lacking(recordings: pd.DataFrame, share: float, *, rng: np.random.Generator) -> set[str]:
    """Draw the recordings that lack a stream, the same share of each split.

    Parameters
    ----------
    recordings
        ``recording`` and ``split``.
    share
        From 0 to below 1. Of each split the nearest whole number is drawn, and at least one
        recording is left. From the same state of ``rng``, a larger share lacks all that a smaller
        one lacks. Labels are not looked at.
    rng
        Source of the draw.

    Raises
    ------
    CohortError
        If the share is outside, or a column is missing.
    """
    if not 0 <= share < 1:
        raise CohortError(
            f"a share of {share} of the recordings cannot lack a stream: give one from 0 to below "
            "1, and leave the stream out where all lack it"
        )
    absent = [column for column in ("recording", "split") if column not in recordings]
    if absent:
        raise CohortError(f"the table of recordings lacks {absent}: nothing can be drawn from it")
    chosen: set[str] = set()
    for _, names in recordings.groupby("split", sort=True)["recording"]:
        drawn = rng.permutation(names.sort_values().to_numpy(dtype=object))
        chosen.update(drawn[: min(round(share * len(drawn)), len(drawn) - 1)])
    return chosen


def hiding(read: Read, hidden: Collection[str]) -> Read:
    """Return a reader that lacks some recordings.

    It raises ``StreamMissingError`` for these, and reads the others as before.
    """
    names = frozenset(hidden)

    def partial(recording: str) -> tuple[np.ndarray, np.ndarray]:
        if recording in names:
            raise StreamMissingError(
                f"{recording!r} is one of the {len(names)} that lack this stream"
            )
        return read(recording)

    return partial


def hide_after_first(
    features: str, reads: Mapping[str, Read], hidden: Collection[str]
) -> dict[str, Read]:
    """Return the readers of some streams, all but the first without the hidden recordings.

    Raises
    ------
    CohortError
        If a name of ``features`` is wrong, or has no reader.
    """
    first, *others = parse(features)
    without = [name for name in (first, *others) if name not in reads]
    if without:
        raise CohortError(f"stream {without[0]!r} of {features!r} has no reader: give one")
    return {first: reads[first]} | {name: hiding(reads[name], hidden) for name in others}
