"""What choosing on Dev does: many cohorts at feature level, many candidates, rules that choose.

`load` reads what was chosen, `complete` computes what is missing, `draw` makes one cohort of the
`Surrogate` and `courses` trains every candidate on it.
"""

from deplib.selection.candidates import SETTINGS, courses
from deplib.selection.choices import complete, load
from deplib.selection.drawing import SCENARIOS, draw
from deplib.selection.rules import RULES
from deplib.selection.surrogate import Surrogate

__all__ = ["RULES", "SCENARIOS", "SETTINGS", "Surrogate", "complete", "courses", "draw", "load"]
