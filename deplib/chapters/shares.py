"""Shares as text, in per cent."""

import pandas as pd


def percent(row: pd.Series, name: str) -> str:
    """Return a share and its interval in per cent."""
    value, low, high = (100 * row[key] for key in (name, "low", "high"))
    return f"{value:.1f} ({low:.1f} to {high:.1f})"


def percents(shares: pd.Series) -> list[str]:
    """Return shares in per cent."""
    return [f"{100 * value:.1f}" for value in shares]


def span(shares: pd.Series) -> str:
    """Return the lowest and the highest of some shares, in per cent."""
    return f"{100 * shares.min():.1f} to {100 * shares.max():.1f} %"
