"""The options of one world, scored together: each beside what it differs from in one thing."""

from collections.abc import Collection, Sequence
from functools import cached_property

import pandas as pd

from deplib import evaluation, seeds, study
from deplib.evaluation import CONSTANT, ORACLE
from deplib.results import Result, RunSpec
from deplib.streams.late import fuse
from deplib.streams.names import parse
from deplib.study import options

LATE = "late fusion"
"""The mean of one model a stream, beside the model that sees all streams at once."""


def label(spec: RunSpec) -> str:
    """Return what tables call the runs that differ in their seed only."""
    parts = [spec.features]
    if spec.recipe != RunSpec.recipe:
        parts.append(spec.recipe)
    if spec.missing:
        parts.append("streams missing")
    return f"{spec.model} ({', '.join(parts)})"


def _late_label(missing: float) -> str:
    return f"{LATE}, streams missing" if missing else LATE


class TestedOptions:
    """Predictions and Test scores of all options of one world, at the same seeds.

    Parameters
    ----------
    world
        One of ``study.options.TESTED_WORLDS``.

    Raises
    ------
    ResultError
        If a result is missing or stale.
    """

    __test__ = False  # no test, whatever a test runner makes of the name

    def __init__(self, world: str) -> None:
        self.cohort = study.open_cohort(world)
        self.specs = options.option_specs(world)
        self.results: dict[RunSpec, Result] = {
            result.spec: result
            for result in study.published([*self._reference_specs(), *self.specs])
        }

    def _reference_specs(self) -> list[RunSpec]:
        """Return the runs of the grid that options are compared with."""
        names = (options.MEAN, options.PRETRAINED_MODEL)
        return study.training_specs(
            self.cohort.world.name, models=names, seeds=options.OPTION_SEEDS
        )

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a recording and run, of the official split; ``model`` is the option's label."""
        whole = [r for r in self.results.values() if r.spec.split == "official"]
        tables = [evaluation.recordings(r).assign(model=label(r.spec)) for r in whole]
        fused = [self._late(seed, missing) for seed in options.OPTION_SEEDS
                 for missing in (0.0, options.MISSING)]  # fmt: skip
        constants = evaluation.predictors(self.cohort, [])
        return pd.concat([*tables, *fused, constants], ignore_index=True)

    def specs_of(self, labels: Collection[str]) -> list[RunSpec]:
        """Return the runs behind some labels; of late fusion, those of every stream."""
        found = [s for s in self.results if label(s) in labels and s.split == "official"]
        for missing in (0.0, options.MISSING):
            if _late_label(missing) in labels:
                for seed in options.OPTION_SEEDS:
                    found += self._late_specs(seed, missing).values()
        return found

    def _late_specs(self, seed: int, missing: float) -> dict[str, RunSpec]:
        """Return the run of each stream that late fusion averages."""
        world, modalities = self.cohort.world.name, options.MODALITIES
        return {
            stream: RunSpec(
                options.BASE,
                seed,
                world,
                features=stream,
                missing=missing if stream in modalities else 0.0,
            )
            for stream in parse(options.ALL_STREAMS)
        }

    def _late(self, seed: int, missing: float) -> pd.DataFrame:
        """Return the mean over the models of the streams that a recording has."""
        parts = {
            stream: evaluation.recordings(self.results[spec])
            for stream, spec in self._late_specs(seed, missing).items()
        }
        return fuse(parts).assign(model=_late_label(missing), seed=seed)

    def scores(self, labels: Sequence[str], split: str = "test") -> seeds.Scores:
        """Score some options on the recordings of a split, with the constants and the oracle."""
        fixed = (CONSTANT, ORACLE)
        wanted = self.table["model"].isin([*labels, *fixed]) & (self.table["split"] == split)
        return seeds.score(self.table[wanted])
