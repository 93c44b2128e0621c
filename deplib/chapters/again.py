"""Runs repeated where a page is executed: beside the versioned results, or at a small size.

In full size a run is trained again and held against its versioned result. In a small one the
cohort is another, so nothing versioned compares with it: the run is trained twice, and the two are
held against each other.
"""

import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from IPython.display import Markdown

from deplib import baselines, evaluation, report, study
from deplib.evaluation import Agreement
from deplib.protocol import Protocol
from deplib.results import Result
from deplib.sizes import FULL, size_named

SAME = 0.01
"""BDI-II points within which two trainings on one machine must agree on every prediction."""


@dataclass(frozen=True)
class Twice:
    """A run that was trained twice on a small cohort.

    Attributes
    ----------
    agreement
        The two beside each other.
    mae, constant_mae
        Recording-level Test MAE of the first, and of the Train median, BDI-II points.
    n_recordings, n_test
        Recordings of the cohort, and of its Test part.
    epochs
        How many there could be.
    """

    agreement: Agreement
    mae: float
    constant_mae: float
    n_recordings: int
    n_test: int
    epochs: int

    @property
    def same(self) -> bool:
        """Whether the two trainings agree on every prediction."""
        return self.agreement.prediction_difference <= SAME


def table(versioned: Sequence[Result], size: str = FULL.name) -> pd.DataFrame:
    """Train runs again and return how they compare, one row a run.

    Parameters
    ----------
    versioned
        Results of the runs.
    size
        A name in ``deplib.sizes.SIZES``.

    Raises
    ------
    CohortError
        If there is no such size.
    """
    if size_named(size) == FULL:
        return evaluation.agreement_table(_beside(versioned))
    return pd.DataFrame(
        {
            "model": one.agreement.model,
            "size": size,
            "trained twice": f"{'the same' if one.same else 'NOT the same'} within {SAME:g} points",
            f"Test MAE of {one.n_test} recordings": f"{one.mae:.1f}",
            "constant there": f"{one.constant_mae:.1f}",
            "compares with the versioned results": "no, another cohort",
        }
        for one in _twice(versioned, size)
    )


def sentence(versioned: Result, size: str = FULL.name) -> Markdown:
    """Train one run again and return how it compares, as prose; otherwise as ``table``."""
    if size_named(size) == FULL:
        return report.say(_beside([versioned])[0].sentence())
    (one,) = _twice([versioned], size)
    return report.say(
        f"Size *{size}*: {one.agreement.model} was trained twice on this machine, on a simulated "
        f"cohort of {one.n_recordings} recordings, for {one.epochs} epochs at most. The two "
        f"{'agree' if one.same else 'DISAGREE'} on every prediction within {SAME:g} BDI-II points. "
        f"The Test MAE is {one.mae:.1f} on {one.n_test} recordings, where the constant has "
        f"{one.constant_mae:.1f}. This is another cohort, and a far smaller one: neither figure "
        "can be compared with those above, and so few recordings rank nothing."
    )


def _beside(versioned: Sequence[Result]) -> list[Agreement]:
    live = study.complete([result.spec for result in versioned], study.live_dir())
    return list(map(evaluation.compare, versioned, live))


def _twice(versioned: Sequence[Result], size: str) -> list[Twice]:
    """Train runs twice, each on the small cohort of its world; features are made once.

    In one process, for a free machine may have little memory.
    """
    protocol = Protocol()
    protocol = replace(protocol, epochs=size_named(size).epochs or protocol.epochs)
    specs = [replace(one.spec, world=f"{one.spec.world}-{size}") for one in versioned]
    cohorts = {
        spec.world: study.open_cohort(one.spec.world, size)
        for spec, one in zip(specs, versioned, strict=True)
    }
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore", UserWarning)  # on ten recordings a collapse is no news
        first, second = (
            study.complete(specs, place, cohorts=cohorts, protocol=protocol, jobs=1)
            for place in (study.live_dir(), Path(folder))
        )
    found = []
    for spec, one, other in zip(specs, first, second, strict=True):
        recordings = cohorts[spec.world].recordings
        scored, constant = (
            table[table["split"] == "test"]
            for table in (
                evaluation.recordings(one),
                baselines.constant(recordings, "median").predictions,
            )
        )
        found.append(
            Twice(
                evaluation.compare(one, other),
                mae=evaluation.mae_of(scored),
                constant_mae=evaluation.mae_of(constant),
                n_recordings=len(recordings),
                n_test=len(scored),
                epochs=protocol.epochs,
            )
        )
    return found
