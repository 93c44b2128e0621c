"""Which sessions of a person come before which, and what a model got wrong in them."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deplib.errors import ResultError

# PPP_S, or PPP_S_Task as in AVEC2014; of two numbers after each other none is taken for granted.
_ID = re.compile(r"(?!.*_\d+_\d+(?:_|$)).*?_(\d+)(?:_[^\W\d]\w*)?")


@dataclass(frozen=True, eq=False)
class Earlier:
    """The residuals of a person's earlier sessions, for each of some recordings.

    Attributes
    ----------
    n
        (n_recordings,), earlier sessions that may be used.
    residual
        (n_recordings,), mean over these of label minus prediction, BDI-II points; 0 where none.
    """

    n: np.ndarray
    residual: np.ndarray


def session_numbers(table: pd.DataFrame) -> np.ndarray:
    """Return the number of the session of each recording, (n_recordings,).

    Parameters
    ----------
    table
        ``recording``, read as ``PPP_S`` or ``PPP_S_Task``; or a column ``session`` of numbers,
        which goes before.

    Raises
    ------
    ResultError
        If a recording's name has no session, or a number in ``session`` is not finite.

    Examples
    --------
    >>> session_numbers(pd.DataFrame({"recording": ["203_1", "203_2_Freeform"]})).tolist()
    [1.0, 2.0]
    """
    if "session" in table:
        numbers = pd.to_numeric(table["session"], errors="coerce").to_numpy(float)
        bad = np.flatnonzero(~np.isfinite(numbers))
        if len(bad):
            row = table.iloc[bad[0]]
            raise ResultError(
                f"recording {row['recording']} has session {row['session']!r}: a number is needed "
                "to tell which session came first"
            )
        return numbers
    found = {name: _ID.fullmatch(str(name)) for name in table["recording"].unique()}
    unread = [name for name, match in found.items() if match is None]
    if unread:
        raise ResultError(
            f"no session can be read from the recording {unread[0]!r} ({len(unread)} such): name "
            "recordings PPP_S, person and session, or give the table a column `session`"
        )
    return np.array([float(found[name][1]) for name in table["recording"]])  # type: ignore[index]


def earlier_sessions(targets: pd.DataFrame, support: pd.DataFrame) -> Earlier:
    """Return what one run got wrong in the sessions before each target.

    Only sessions of the same person with a smaller number count, so neither the target itself nor
    another task of its session, which has the same label, is ever used. The recordings of one
    session are averaged first.

    Parameters
    ----------
    targets
        ``recording``, ``person``.
    support
        ``recording``, ``person``, ``bdi``, ``bdi_hat``: where earlier sessions may come from.

    Raises
    ------
    ResultError
        As ``session_numbers``.
    """
    residuals = pd.DataFrame(
        {
            "person": support["person"].to_numpy(),
            "before": session_numbers(support),
            "residual": (support["bdi"] - support["bdi_hat"]).to_numpy(float),
        }
    )
    known = residuals.groupby(["person", "before"]).mean().reset_index()
    wanted = pd.DataFrame(
        {"person": targets["person"].to_numpy(), "session": session_numbers(targets)}
    )
    pairs = wanted.rename_axis("row").reset_index().merge(known, on="person")
    pairs = pairs[pairs["before"] < pairs["session"]]
    found = pairs.groupby("row")["residual"].agg(["size", "mean"]).reindex(wanted.index)
    return Earlier(found["size"].fillna(0).to_numpy(int), found["mean"].fillna(0.0).to_numpy(float))
