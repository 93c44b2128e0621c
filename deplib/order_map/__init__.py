"""When order matters: predictors on true action, by size of Train and by order's share.

`load` reads what every predictor said in every cell of the map, `complete` computes what is
missing of the `grid`, and `answers` is one run.
"""

from deplib.order_map.cells import ORDER_BLIND, SHALLOW, TEMPORAL, Run, answers, drawn
from deplib.order_map.table import complete, grid, load

__all__ = [
    "ORDER_BLIND", "SHALLOW", "TEMPORAL", "Run",
    "answers", "complete", "drawn", "grid", "load",
]  # fmt: skip
