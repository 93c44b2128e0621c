"""The study's advice that training can test: pairs of options, one family of tests a world."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
from IPython.display import Markdown

from deplib import evaluation, report, seeds
from deplib.chapters import over_seeds
from deplib.chapters.comparisons import Comparison, Pair, compare, margins, p_text
from deplib.chapters.tested_options import LATE, TestedOptions, label
from deplib.evaluation import CONSTANT, ORACLE
from deplib.models import MODELS
from deplib.results import RunSpec
from deplib.study import options


def _named(model: str, features: str, recipe: str = "protocol", missing: float = 0.0) -> str:
    return label(RunSpec(model, features=features, recipe=recipe, missing=missing))


BASE, MEAN = options.BASE, options.MEAN
ADVICE: dict[str, tuple[Pair, ...]] = {
    "encoder": (
        (_named(BASE, options.BETTER), _named(BASE, "identity")),
        (_named(BASE, options.FUSED), _named(BASE, "identity")),
        (_named(BASE, "random"), _named(BASE, "identity")),
        (_named(MEAN, options.BETTER), _named(MEAN, "identity")),
    ),
    "hybrid": (
        (_named(BASE, "identity"), _named(MEAN, "identity")),
        (_named(BASE, options.BETTER), _named(MEAN, options.BETTER)),
    ),
    "supervision": tuple(
        (_named(BASE, features, recipe), _named(BASE, features))
        for recipe in ("smoothed", "bags")
        for features in options.TAUGHT_ON
    ),
    "pretraining": (
        (
            _named(options.PRETRAINED_MODEL, options.BETTER, "pretrained"),
            _named(options.PRETRAINED_MODEL, options.BETTER),
        ),
    ),
    "modalities": (
        (_named(BASE, options.ALL_STREAMS), _named(BASE, "identity")),
        (LATE, _named(BASE, "identity")),
        (_named(BASE, "action"), _named(BASE, "identity")),
        (_named(BASE, "pulse"), _named(BASE, "identity")),
        (_named(BASE, options.ALL_STREAMS, missing=options.MISSING), _named(BASE, "identity")),
        (f"{LATE}, streams missing", _named(BASE, "identity")),
    ),
    "architecture": tuple(
        (_named(model, options.BETTER), _named(MEAN, options.BETTER))
        for model in MODELS
        if model not in (MEAN, options.SLOWEST)
    ),
}
"""By piece of advice, pairs of an option and what it differs from; the first is the main one.

The last is the report's own question, asked again of better features.
"""


@dataclass(frozen=True)
class Found:
    """What one world says of the advice."""

    scores: seeds.Scores
    comparisons: Mapping[str, list[Comparison]]  # by piece of advice, in the order of its pairs


class TestedAdvice:
    """All pairs of one world that were trained, compared as one family of tests."""

    __test__ = False  # no test, whatever a test runner makes of the name

    def __init__(self, world: str) -> None:
        self.options = TestedOptions(world)

    @cached_property
    def found(self) -> Found:
        """Scores and comparisons on Test; p-values are corrected over all pairs of the world."""
        trained = set(self.options.table["model"])
        pairs = {
            advice: [pair for pair in pairs if trained.issuperset(pair)]
            for advice, pairs in ADVICE.items()
        }
        every = [pair for group in pairs.values() for pair in group]
        scores = self.options.scores([name for pair in every for name in pair])
        family = iter(compare(scores, every))
        return Found(scores, {name: [next(family) for _ in group] for name, group in pairs.items()})

    def table(self, advice: str) -> pd.DataFrame:
        """Return one row a pair: the option, its reference, the effect and the verdict."""
        scores = self.found.scores
        return pd.DataFrame(
            {
                "option": one.first,
                "compared with": one.second,
                "effect on MAE": evaluation.signed(one.difference),
                "verdict": verdict(one),
                "p (Holm)": f"{p_text(one.p)} ({p_text(one.p_holm)})",
                "Test MAE": over_seeds.cell(scores.summary(one.first)),
                "Test PCC": over_seeds.cell(scores.summary(one.first, "pcc")),
                "minus the constant": evaluation.signed(scores.difference(one.first, CONSTANT)),
            }
            for one in self.found.comparisons[advice]
        )

    def main_runs(self) -> list[RunSpec]:
        """Return the runs behind the main pair of each piece of advice."""
        pairs = [group[0] for group in self.found.comparisons.values() if group]
        return self.options.specs_of({name for one in pairs for name in (one.first, one.second)})

    def sentence(self, advice: str) -> str:
        """Return what the main pair of a piece of advice shows in this world."""
        one = self.found.comparisons[advice][0]
        return (
            f"In `{self.options.cohort.world.name}`, {one.first} changes the Test MAE of "
            f"{one.second} by {evaluation.signed(one.difference)} points: {verdict(one)}."
        )

    def ceiling(self) -> Markdown:
        """Return what the constant and the oracle have here."""
        scores = self.found.scores
        return report.say(
            f"`{self.options.cohort.world.name}`: {scores.n_recordings} Test recordings of "
            f"{scores.n_persons} persons; the constant has a Test MAE of "
            f"{scores.summary(CONSTANT).value:.2f}, the oracle {scores.summary(ORACLE).value:.2f}; "
            f"the margins are {report.listed(margins_in_points(scores))}."
        )


def margins_in_points(scores: seeds.Scores) -> list[str]:
    """Return the margins of equivalence by name, those that are no number of points with one."""
    named = margins(scores).items()
    return [name if "point" in name else f"{name} ({half:.2f} points)" for name, half in named]


def verdict(one: Comparison) -> str:
    """Return what a comparison says of the advice, in words."""
    if one.different:
        return "it helps" if one.difference.value < 0 else "it harms"
    within = [margin for margin, shown in one.equivalent.items() if shown]
    return f"no effect beyond {within[0]}" if within else "undecided"
