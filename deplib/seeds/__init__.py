"""Scores of models that were trained at several seeds: two sources of spread, told apart.

*Seeds*: the same model, trained again, scores the same persons differently. The SD between runs
measures that, and says nothing about other persons. *Persons*: other persons would have given
every run another score. For that, persons are resampled and all runs are kept: an interval of a
``Summary`` or a difference is of the mean over seeds of a metric, taken anew in each resample. All
predictors are scored in the same resamples, so a difference between two is a difference within
each of them. Where a method draws the seeds as well, it says so. What is trained on stays the same
throughout: nothing here tells what other Train and Dev recordings would have given.
"""

from deplib.seeds.components import Components
from deplib.seeds.lottery import Lottery
from deplib.seeds.scores import Scores, Summary
from deplib.seeds.scoring import score

__all__ = ["Components", "Lottery", "Scores", "Summary", "score"]
