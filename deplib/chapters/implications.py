"""The chapter on implications: each piece of the study's advice, tested on the simulated cohort."""

from collections.abc import Sequence

import pandas as pd
from IPython.display import HTML, Markdown
from matplotlib.figure import Figure

from deplib import adaptation, evaluation, figures, report, study
from deplib.chapters import again, over_seeds
from deplib.chapters.adapting import Adapting
from deplib.chapters.advice import TestedAdvice, verdict
from deplib.chapters.comparisons import p_text
from deplib.chapters.deploying import Deploying
from deplib.chapters.ladder import Ladder
from deplib.chapters.reading import Reading
from deplib.chapters.targets import CostTargets, Targets, targets_sentence
from deplib.chapters.trust import ENSEMBLE, LEVEL, Trust
from deplib.results import RunSpec
from deplib.sizes import FULL, size_named
from deplib.streams.names import WIDTHS
from deplib.study import options

TITLES = {
    "encoder": "an encoder trained for affect",
    "hybrid": "mean pooling with light attention",
    "supervision": "smoothed labels",
    "pretraining": "self-supervised pretraining",
    "modalities": "all modalities at once",
    "architecture": "an architecture of time, on affect features",
}
"""What a reader calls each piece of advice that was trained."""


class ImplicationsPage:
    """All pieces of advice, in the worlds where there is something to find.

    Parameters
    ----------
    size
        Of the cohort on which two runs are trained again: a name in ``deplib.sizes.SIZES``.
    """

    def __init__(self, size: str = FULL.name) -> None:
        self.size = size_named(size).name
        self.cohort = study.open_cohort()
        self.tested = {world: TestedAdvice(world) for world in options.TESTED_WORLDS}
        self.ladders = [Ladder(world) for world in options.TESTED_WORLDS]
        self.reading, self.deploying = Reading(), Deploying()
        self.adapting = {world: Adapting(one.options) for world, one in self.tested.items()}
        self.trusts = {
            world: Trust(one.options, options.BETTER) for world, one in self.tested.items()
        }
        self.trust = self.trusts[options.STRONGEST]
        self.targets = [Targets(one.options) for one in self.tested.values()]
        self.cost_targets = CostTargets()

    def badge(self) -> HTML:
        """Return the note that says where the numbers come from."""
        return report.badge(self.cohort, self.size)

    def design(self) -> Markdown:
        """Return how often each option was trained."""
        return report.say(
            f"Every option was trained at {len(options.OPTION_SEEDS)} seeds; the seeds are the "
            "same for all."
        )

    def streams(self) -> Markdown:
        """Return what the added streams hold."""
        return report.say(
            "Two more streams are simulated from the same behaviour with stated noise: "
            f"{WIDTHS['action']} numbers a frame as OpenFace gives them, and {WIDTHS['pulse']} of "
            f"a remote pulse estimate once a second. *Streams missing* leaves "
            f"{100 * options.MISSING:.0f} % of the recordings without them."
        )

    def ceilings(self) -> Markdown:
        """Return what the constant and the oracle have in each world."""
        return report.say(" ".join(one.ceiling().data for one in self.tested.values()))

    def ladder_verdict(self) -> Markdown:
        """Return what the steps of the ladder are worth in each world."""
        return report.say(" ".join(one.verdict().data for one in self.ladders))

    def table(self, advice: str) -> pd.DataFrame:
        """Return the comparisons of one piece of advice, world by world."""
        return _by_world(
            {
                world: one.table(advice)
                for world, one in self.tested.items()
                if one.found.comparisons[advice]
            }
        )

    def verdict(self, advice: str) -> Markdown:
        """Return what the main comparison of one piece of advice shows, world by world."""
        asked = [one for one in self.tested.values() if one.found.comparisons[advice]]
        return report.say(" ".join(one.sentence(advice) for one in asked))

    def effects_figure(self) -> Figure:
        """Return the main effect of every piece of advice that was trained, by world."""
        panels = {
            world: pd.DataFrame(
                {
                    "label": TITLES[advice],
                    "value": found[0].difference.value,
                    "low": found[0].difference.low,
                    "high": found[0].difference.high,
                }
                for advice, found in one.found.comparisons.items()
                if found
            )
            for world, one in self.tested.items()
        }
        shown = figures.effects(panels, xlabel="change in Test MAE, BDI-II points (95 % interval)")
        runs = [run for one in self.tested.values() for run in one.main_runs()]
        return figures.stated(shown, *(t.options.cohort for t in self.tested.values()), runs=runs)

    def adapting_table(self) -> pd.DataFrame:
        """Return the subject-adaptive head beside its rivals, world by world."""
        return _by_world({world: one.table() for world, one in self.adapting.items()})

    def adapting_verdict(self) -> Markdown:
        """Return what adapting gains in each world."""
        return report.say(" ".join(one.verdict().data for one in self.adapting.values()))

    def targets_table(self) -> pd.DataFrame:
        """Return the targets of error in every world."""
        return pd.concat([one.table() for one in self.targets], ignore_index=True)

    def targets_verdict(self) -> Markdown:
        """Return which targets ask for something."""
        return targets_sentence(self.targets)

    def live(self) -> pd.DataFrame:
        """Train the hybrid and the mean again on this machine, and compare with the results."""
        return again.table(
            study.published([RunSpec(options.BASE), RunSpec(options.MEAN)]), self.size
        )

    def summary(self) -> pd.DataFrame:
        """Return one row a piece of advice: effect with its interval by world, and verdict."""
        rows = [self._trained(advice) for advice in TITLES if advice != "architecture"]
        rows.insert(3, self._adapted())
        rows += [self._trusted(), *self._deployed(), self._aimed()]
        return pd.DataFrame(rows).fillna("")

    def closing(self) -> Markdown:
        """Return how many of all comparisons say what."""
        every = [
            one
            for tested in self.tested.values()
            for group in tested.found.comparisons.values()
            for one in group
        ]
        said = [verdict(one).partition(" beyond")[0] for one in every]
        counts = [f"{said.count(word)} say *{word}*" for word in dict.fromkeys(said)]
        least = min(every, key=lambda one: one.p)
        return report.say(
            f"Of {len(every)} comparisons of trained options in {len(self.tested)} worlds, "
            f"{report.listed(counts)}. The smallest p-value before any correction is "
            f"{p_text(least.p)}, of {least.first} against {least.second}, at "
            f"{evaluation.signed(least.difference)} points."
        )

    def _trained(self, advice: str) -> dict[str, str]:
        row, said = {"advice": TITLES[advice], "measure": "Test MAE"}, []
        for world, one in self.tested.items():
            if found := one.found.comparisons[advice]:
                row[world] = evaluation.signed(found[0].difference)
                said.append(verdict(found[0]))
        return row | {"verdict": _joined(said)}

    def _adapted(self) -> dict[str, str]:
        row = {"advice": "a head that adapts to its person", "measure": "MAE, later sessions"}
        effects = {w: one.effect(adaptation.UNADAPTED) for w, one in self.adapting.items()}
        row |= {world: evaluation.signed(effect) for world, effect in effects.items()}
        said = [
            "it helps" if e.high < 0 else "it harms" if e.low > 0 else "undecided"
            for e in effects.values()
        ]
        return row | {"verdict": _joined(said)}

    def _trusted(self) -> dict[str, str]:
        row = {
            "advice": "a stated uncertainty (ensemble)",
            "measure": f"coverage of its {100 * LEVEL:.0f} % interval",
        }
        shares = {world: one.own(ENSEMBLE) for world, one in self.trusts.items()}
        row |= {w: over_seeds.interval(s.value, s.low, s.high) for w, s in shares.items()}
        said = ["too sure" if s.high < LEVEL else "not shown too sure" for s in shares.values()]
        return row | {"verdict": _joined(said)}

    def _deployed(self) -> list[dict[str, str]]:
        found = self.deploying.largest_changes()
        return [
            {
                "advice": f"8 bits for {what}",
                "measure": "Test MAE, largest change",
                self.cohort.world.name: evaluation.signed(change),
                "verdict": "no effect beyond 1 point"
                if max(abs(change.low), abs(change.high)) < 1
                else "undecided",
            }
            for what, change in found.items()
        ]

    def _aimed(self) -> dict[str, str]:
        row = {"advice": "the targets of error", "measure": "met by the recommended design"}
        for one in self.targets:
            met = sum(one.verdict_of(t).startswith("met") for t in one.targets)
            row[one.world] = f"{met} of {len(one.targets)}"
        empty = {t.name for one in self.targets for t in one.targets
                 if t.nearly_met(one.found[t.name][evaluation.CONSTANT])}  # fmt: skip
        return row | {"verdict": f"a constant nearly meets {len(empty)} of them"}


def _by_world(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return tables below each other, the world first."""
    whole = pd.concat(
        [table.assign(world=world) for world, table in tables.items()], ignore_index=True
    )
    return whole[["world", *whole.columns.drop("world")]]


def _joined(said: Sequence[str]) -> str:
    """Return one word where all worlds agree, else one a world."""
    return said[0] if len(set(said)) == 1 else "; ".join(said)
