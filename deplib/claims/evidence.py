"""What checks may look at: the study's figures, published ones, this code, a simulated cohort."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

import pandas as pd

from deplib import evaluation, study
from deplib.claims.published import Published
from deplib.claims.reported import Study
from deplib.cost.summary import Costs
from deplib.errors import ResultError
from deplib.models import MODELS, build, n_parameters
from deplib.seeds import Scores, score


@lru_cache(maxsize=1)
def _counted() -> dict[str, int]:
    return {name: n_parameters(build(name, seed=0)) for name in MODELS}


@dataclass(frozen=True)
class Built:
    """What this code says: the size of its models, and their measured cost."""

    parameters: Mapping[str, int] = field(default_factory=lambda: MappingProxyType(_counted()))
    costs: Costs = field(default_factory=Costs)


@dataclass(frozen=True, eq=False)
class Simulated:
    """Scores on a simulated cohort.

    Attributes
    ----------
    test, dev
        Of the grid: the study's four, LDBM at patches 4 and 16, baselines, constant and oracle,
        over seeds.
    permuted, permuted_dev
        Of the four on permuted labels, one seed.
    fallback
        Of the four with half of their frames lost, as ``"MODEL, FILL"`` on Test, one seed.
    """

    test: Scores
    permuted: Scores
    dev: Scores | None = None
    permuted_dev: Scores | None = None
    fallback: Scores | None = None

    @classmethod
    def read(cls, world: str = "default") -> "Simulated":
        """Return the scores of the versioned results.

        Raises
        ------
        ResultError
            If a result is missing or stale.
        """
        cohort = study.open_cohort(world)
        grid = evaluation.predictors(cohort, study.published(study.grid_specs(world)))
        control = pd.concat(
            map(evaluation.recordings, study.published(study.permuted_specs(world)))
        )
        filled = [
            evaluation.recordings(result).assign(model=f"{result.spec.model}, {result.spec.fill}")
            for result in study.published(study.fallback_specs(world))
        ]
        return cls(
            test=score(grid[grid["split"] == "test"]),
            permuted=score(control[control["split"] == "test"]),
            dev=score(grid[grid["split"] == "dev"]),
            permuted_dev=score(control[control["split"] == "dev"]),
            fallback=score(pd.concat(filled).query("split == 'test'")),
        )


@dataclass(frozen=True)
class Evidence:
    """All of it; ``dataclasses.replace`` changes a part, and verdicts follow."""

    study: Study = field(default_factory=Study)
    published: Published = field(default_factory=Published)
    built: Built = field(default_factory=Built)
    simulated: Simulated | None = None

    @property
    def on_grid(self) -> Simulated:
        """The scores on the simulated cohort.

        Raises
        ------
        ResultError
            If there are none.
        """
        if self.simulated is None:
            raise ResultError(
                "this row is about the simulated cohort: give Evidence(simulated=Simulated.read())"
            )
        return self.simulated
