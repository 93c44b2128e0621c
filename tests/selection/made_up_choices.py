"""Choices that nobody made: for tables and sentences that must follow whatever was found."""

import numpy as np
import pandas as pd

from deplib.selection.record import Selection
from deplib.selection.rules import COLUMNS, RULES

N, CANDIDATES, SETTINGS, EPOCHS = 12, 4, 2, 40


def selection(
    scenario: str, *, gap: float = 0.0, chosen_gap: float = 0.0, constant: float = 9.0
) -> Selection:
    """Return a selection in which Test is ``gap`` worse than Dev, and more where Dev chose."""
    rng = np.random.default_rng(len(scenario))
    wobble = rng.normal(0, 0.05, N)
    rules = {}
    for name, rule in RULES.items():
        extra = gap + (chosen_gap if rule.dev_chooses else 0.0)
        values = {
            "dev_mae": constant + 0.2 - extra / 2,
            "dev_pcc": 0.2,
            "test_mae": constant + 0.2 + extra / 2 + wobble,
            "test_pcc": 0.1,
            "test_sigma_ratio": 0.5,
            "epoch": 20.0,
        }
        rules[name] = pd.DataFrame({c: np.broadcast_to(values[c], N) for c in COLUMNS}).copy()
    steps = chosen_gap * np.linspace(0.2, 1, CANDIDATES)
    growth = {
        "dev_mae": np.full((N, CANDIDATES), constant) - steps,
        "test_mae": np.full((N, CANDIDATES), constant) + wobble[:, None],
    }
    courses = {
        name: rng.uniform(0, 1, (SETTINGS, EPOCHS)) + (9 if name.endswith("mae") else 0)
        for name in ("dev_mae", "test_mae", "dev_pcc", "test_pcc")
    }
    same = pd.DataFrame({"dev_mae": np.full(N, constant), "test_mae": np.full(N, constant)})
    return Selection(scenario, rules, same, growth, courses)
