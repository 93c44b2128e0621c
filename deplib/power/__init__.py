"""What a sample of persons can show: coverage of intervals, level and power of tests.

Predictors with known population scores are fitted to the runs of the report, samples are drawn
from their population, and what the book does with its 50 Test recordings is done with each.
"""

from deplib.power.coverage import NAIVE, coverage
from deplib.power.error_model import ErrorModel, Samples, twins
from deplib.power.fitting import fit
from deplib.power.resampling import Quantity, intervals

__all__ = ["NAIVE", "ErrorModel", "Quantity", "Samples", "coverage", "fit", "intervals", "twins"]
