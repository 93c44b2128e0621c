"""A narrow surrogate, and a protocol of few epochs."""

from dataclasses import replace

import numpy as np
from surrogate import Part, Surrogate

from deplib.cohorts.simulated import LATENTS
from deplib.protocol import Protocol

WIDTH = 512
PROTOCOL = replace(Protocol(), epochs=4)
_rng = np.random.default_rng(0)
SURROGATE = Surrogate(
    mean=_rng.normal(0, 0.04, WIDTH),
    latents=_rng.normal(0, 0.002, (len(LATENTS), WIDTH)),
    person=Part(_rng.normal(0, 0.01, (12, WIDTH)), 0.005),
    session=Part(_rng.normal(0, 0.003, (8, WIDTH)), 0.003),
    window=Part(_rng.normal(0, 0.01, (4, WIDTH)), 0.04),
)
