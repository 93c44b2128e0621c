"""The embedded cohort with known truth: rendered faces whose behaviour follows a severity.

``SimulatedCohort`` is the cohort itself; ``WORLDS`` say how much of severity shows in behaviour,
and where, in levels or in order. It demonstrates and tests the pipeline and is no evidence about
patients.
"""

from deplib.cohorts.simulated.behaviour import (
    LATENT_NAMES,
    LATENTS,
    WORLDS,
    World,
    draw_latents,
    oracle_error,
    world_named,
)
from deplib.cohorts.simulated.cohort import SimulatedCohort, write_avec_layout
from deplib.cohorts.simulated.face import FaceRenderer, sample_identity, sample_scene
from deplib.cohorts.simulated.labels import (
    CLIP_LENGTHS,
    PERSON_SHARE,
    RELIABILITY,
    draw_labels,
    draw_lengths,
    draw_sessions,
    to_bdi,
)
from deplib.cohorts.simulated.motion import CHANNELS, FPS, INDEX
