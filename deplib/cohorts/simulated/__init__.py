"""The embedded cohort with known truth: rendered faces whose behaviour follows a severity.

``SimulatedCohort`` is the cohort itself; ``WORLDS`` are the strengths of its link between severity
and behaviour. It demonstrates and tests the pipeline and is no evidence about patients.
"""

from deplib.cohorts.simulated.behaviour import LATENTS, WORLDS, World
from deplib.cohorts.simulated.cohort import SimulatedCohort
from deplib.cohorts.simulated.truth import OracleError, oracle_error

__all__ = ["LATENTS", "WORLDS", "OracleError", "SimulatedCohort", "World", "oracle_error"]
