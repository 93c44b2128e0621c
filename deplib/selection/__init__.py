"""What choosing on Dev has to choose from: cohorts at feature level, and many candidates.

`draw` makes one cohort of the `Surrogate`, and `courses` trains every candidate on it.
"""

from deplib.selection.candidates import SETTINGS, courses
from deplib.selection.drawing import SCENARIOS, draw
from deplib.selection.surrogate import Surrogate

__all__ = ["SCENARIOS", "SETTINGS", "Surrogate", "courses", "draw"]
