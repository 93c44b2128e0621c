"""The study's targets: measured, and beside each what a constant and the oracle reach."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from IPython.display import Markdown

from deplib import claims, report, seeds
from deplib.chapters import over_seeds
from deplib.chapters.tested_options import TestedOptions, label
from deplib.deployment import record
from deplib.evaluation import CONSTANT, ORACLE, Difference
from deplib.models import MODELS, build, n_parameters
from deplib.results import RunSpec
from deplib.study import options
from deplib.study.runs import config_of

MET, NOT_MET, UNTOLD = "met", "not met", "cannot be told"


@dataclass(frozen=True)
class Target:
    """One of the study's targets on the scores of a world."""

    name: str
    limit: float
    above: bool  # whether the value shall lie above the limit
    of: Callable[[dict[str, seeds.Scores], str], Difference]

    def verdict(self, found: Difference) -> str:
        """Return whether a value and its interval meet the target."""
        low, high = (found.low, found.high) if self.above else (-found.high, -found.low)
        limit = self.limit if self.above else -self.limit
        if not np.isfinite(low):
            return "undefined"
        return MET if low > limit else NOT_MET if high < limit else UNTOLD

    def nearly_met(self, found: Difference) -> bool:
        """Whether an interval reaches the target: a constant that does makes it ask for nothing."""
        return self.verdict(found) in (MET, UNTOLD)


def _summary(metric: str) -> Callable[[dict[str, seeds.Scores], str], Difference]:
    def of(scores: dict[str, seeds.Scores], name: str) -> Difference:
        found = scores["test"].summary(name, metric)
        return Difference(found.value, found.low, found.high)

    return of


def _gap(scores: dict[str, seeds.Scores], name: str) -> Difference:
    """Return Test minus Dev MAE; persons of the two are resampled apart from each other."""
    parts = [scores[split].summary(name) for split in ("test", "dev")]
    value = parts[0].value - parts[1].value
    # Of two independent estimates: the half-widths of their intervals add in squares.
    below = np.hypot(parts[0].value - parts[0].low, parts[1].high - parts[1].value)
    above = np.hypot(parts[0].high - parts[0].value, parts[1].value - parts[1].low)
    return Difference(value, value - below, value + above)


class Targets:
    """The recommended design, the study's four, a constant and the oracle against the targets."""

    def __init__(self, tested: TestedOptions) -> None:
        self.world = tested.cohort.world.name
        wanted = claims.Study().targets
        self.spec = RunSpec(options.BASE, world=self.world, features=options.FUSED)
        self.recommended = label(self.spec)
        self.scores = {
            split: tested.scores([self.recommended], split=split) for split in ("dev", "test")
        }
        self.targets = [
            Target(f"Test MAE below {wanted.test_mae:g}", wanted.test_mae, False, _summary("mae")),
            Target(f"Test PCC above {wanted.test_pcc:.2f}", wanted.test_pcc, True, _summary("pcc")),
            Target(f"gap from Dev to Test below {wanted.gap_mae:.1f}", wanted.gap_mae, False, _gap),
        ]

    @cached_property
    def found(self) -> dict[str, dict[str, Difference]]:
        """Value and interval by target and predictor."""
        names = (self.recommended, CONSTANT, ORACLE)
        return {t.name: {n: t.of(self.scores, n) for n in names} for t in self.targets}

    def verdict_of(self, target: Target) -> str:
        """Return the verdict on the recommended design; a target that asks for nothing is named."""
        found = self.found[target.name]
        verdict = target.verdict(found[self.recommended])
        empty = target.nearly_met(found[CONSTANT])
        return f"{verdict}; a constant nearly meets it" if empty else verdict

    def table(self) -> pd.DataFrame:
        """Return one row a target of error: what was reached, and by whom."""
        return pd.DataFrame(
            {
                "world": self.world,
                "target": target.name,
                "recommended design": _cell(self.found[target.name][self.recommended]),
                "verdict": self.verdict_of(target),
                "constant": _cell(self.found[target.name][CONSTANT]),
                "oracle": _cell(self.found[target.name][ORACLE]),
            }
            for target in self.targets
        )


class CostTargets:
    """The study's targets of time and size, against what was measured."""

    def __init__(self) -> None:
        self.wanted = claims.Study().targets
        self.measured = record.load()

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Parameters of each model that the targets are about."""
        specs = [RunSpec(name) for name in (*MODELS, options.BASE)]
        specs.append(RunSpec(options.BASE, features=options.FUSED))
        return {
            label(spec): n_parameters(build(spec.model, seed=0, **config_of(spec)))
            for spec in specs
        }

    def time_table(self) -> pd.DataFrame:
        """Return a frame's time of each encoder, and of the whole verb, as shares of a limit."""
        rows = self.measured.against_limits()
        return pd.DataFrame(
            {
                "what": rows["what"],
                "milliseconds": (1e3 * rows["seconds"]).map("{:,.4g}".format),
                "limit, milliseconds": (1e3 * rows["limit"]).map("{:g}".format),
                "share of the limit": rows["share"].map("{:.3f}".format),
                "verdict": np.where(rows["met"], MET, NOT_MET),
            }
        )

    def size_table(self) -> pd.DataFrame:
        """Return the parameters of each model, and whether they are few enough."""
        limit = self.wanted.parameters
        return pd.DataFrame(
            {
                "model": name,
                "parameters": f"{n:,}",
                "verdict": MET if n < limit else NOT_MET,
            }
            for name, n in self.sizes.items()
        )


def _cell(found: Difference) -> str:
    if not np.isfinite(found.value):
        return "undefined"
    return over_seeds.interval(found.value, found.low, found.high)


def targets_sentence(tables: list[Targets]) -> Markdown:
    """Return which targets of error a constant nearly meets, and which the design meets."""
    parts = []
    for one in tables:
        met = [t.name for t in one.targets if one.verdict_of(t).startswith(MET)]
        empty = [t.name for t in one.targets if t.nearly_met(one.found[t.name][CONSTANT])]
        parts.append(
            f"In `{one.world}` the recommended design meets {report.listed(met)}; a constant "
            f"meets, or cannot be told to miss, {report.listed(empty)}."
        )
    return report.say(
        f"{' '.join(parts)} On AVEC2014 the best constant has a Test MAE of "
        f"{claims.constant_test_mae():.2f}, as published statistics of the labels give it: the "
        f"target of {claims.Study().targets.test_mae:g} is what knowing nothing nearly reaches."
    )
