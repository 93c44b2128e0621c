"""Many splits and replaced persons in both worlds: tables, figures and sentences."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from deplib import evaluation, figures, report, study
from deplib.chapters.recognition import Recognition
from deplib.evaluation import Difference
from deplib.identity import CONSTANT, NEAREST, OWN, RULES, SHRUNK
from deplib.study.pooled import POOLED

RIDGE = "RidgeMeanSD"
"""The predictor that sentences are about: it reads features, as the models do."""
READERS = (*study.RIDGE, NEAREST)
"""Predictors that see the face, and are not told who it is."""
LOOSE, OFFICIAL, DISJOINT = RULES


class RepeatedSplits:
    """The worlds of ``deplib.chapters.recognition``, side by side.

    Parameters
    ----------
    worlds
        ``null``, where nothing about depression can be learnt, and ``default``; all with the same
        recordings, labels and splits.
    """

    def __init__(self, worlds: Mapping[str, Recognition]) -> None:
        self.worlds = worlds
        self.recordings = worlds["null"].pooled.recordings

    def rules_table(self) -> pd.DataFrame:
        """Return scores by each rule in each world, over all splits."""
        rows = []
        for world, one in self.worlds.items():
            for rule, trials in one.trials.items():
                for predictor in (CONSTANT, *READERS, OWN, SHRUNK):
                    mae = trials.mae(predictor)
                    row = {
                        "world": world,
                        "split": rule,
                        "predictor": predictor,
                        "Test MAE": mae.mean(),
                        "SD between splits": mae.std(ddof=1),
                    }
                    for title, known in (
                        ("minus the constant's", None),
                        ("on known persons", True),
                        ("on new persons", False),
                    ):
                        nobody = known is True and not trials.known.any()
                        row[title] = (
                            ""
                            if predictor == CONSTANT or nobody
                            else evaluation.signed(one.excess(rule, predictor, known))
                        )
                    rows.append(row)
        return pd.DataFrame(rows)

    def rules_counts(self) -> Markdown:
        """Return how many persons are known, and how many are in Train, by each rule."""
        trials = self.worlds["null"].trials
        n_test = int((self.recordings["split"] == "test").sum())
        parts = [
            f"{one.known.sum(axis=1).mean():.1f} of {n_test} Test recordings are of persons in "
            f"Train, which has {one.n_train_persons.mean():.0f} persons ({rule})"
            for rule, one in trials.items()
        ]
        n_splits = len(next(iter(trials.values())).known)
        return report.say(f"Mean over {n_splits} splits a rule: {'; '.join(parts)}.")

    def rules_figure(self) -> Figure:
        """Return the difference from the constant by rule, a panel a world."""
        panels = {
            world: _rows(
                (predictor, rule, one.excess(rule, predictor))
                for predictor in READERS
                for rule in RULES
            )
            for world, one in self.worlds.items()
        }
        shown = figures.forest_of_groups(panels, xlabel="MAE minus the constant's, BDI-II points")
        return self._stated(shown)

    def rules_verdict(self) -> Markdown:
        """Return what a rule changes for ridge, in each world."""
        lines = []
        for world, one in self.worlds.items():
            change = one.change(RIDGE, LOOSE, DISJOINT)
            lines.append(
                f"- `{world}`: the difference of {RIDGE} from the constant changes by "
                f"{evaluation.signed(change)} points when persons may recur freely ({LOOSE}) and "
                f"not at all ({DISJOINT}): {evaluation.reading(change, 'below', 'above')} zero. "
                f"The median penalty that Dev chose is {self._penalty(world, LOOSE)} where persons "
                f"recur and {self._penalty(world, DISJOINT)} where not."
            )
        return Markdown("\n".join(lines))

    def _penalty(self, world: str, rule: str) -> str:
        return f"{np.median(self.worlds[world].trials[rule].penalties[RIDGE]):,.0f}"

    def gain_table(self) -> pd.DataFrame:
        """Return what replacing the persons of Test in Train costs each predictor."""
        rows = []
        for world, one in self.worlds.items():
            seen, replaced = one.replaced
            for predictor in (CONSTANT, *READERS, SHRUNK):
                row = {
                    "world": world,
                    "predictor": predictor,
                    "MAE, person in Train": seen.of_recordings(predictor).mean(),
                    "MAE, replaced": replaced.of_recordings(predictor).mean(),
                    "difference": evaluation.signed(one.over_persons(one.gain(predictor))),
                }
                row["beyond the constant's"] = (
                    ""
                    if predictor == CONSTANT
                    else evaluation.signed(one.over_persons(one.gain(predictor, minus=CONSTANT)))
                )
                rows.append(row)
        return pd.DataFrame(rows)

    def gain_figure(self) -> Figure:
        """Return the gain from known persons by predictor, one mark a world."""
        rows = _rows(
            (predictor, world, one.over_persons(one.gain(predictor)))
            for predictor in (CONSTANT, *READERS, SHRUNK)
            for world, one in self.worlds.items()
        )
        shown = figures.forest_of_groups({"": rows}, xlabel="rise of the MAE, BDI-II points")
        return self._stated(shown)

    def _stated(self, figure: Figure) -> Figure:
        return figures.stated(
            figure,
            *map(figures.simulated, self.worlds),
            files=[f"{world}/{POOLED}" for world in self.worlds],
            seeds=[evaluation.SEED],
        )

    def gain_design(self) -> Markdown:
        """Return what was drawn for the paired contrast."""
        seen, replaced = self.worlds["null"].replaced
        tested = np.isfinite(seen.errors[CONSTANT])
        scored = self.recordings[tested.any(axis=0)]
        return report.say(
            f"{len(tested)} draws with {tested.sum(axis=1).mean():.0f} Test recordings each, of "
            f"{len(scored)} recordings of {scored['person'].nunique()} persons; Train has "
            f"{seen.n_train_persons.mean():.1f} persons on average where the persons of Test are "
            f"among them, and {replaced.n_train_persons.mean():.1f} where they are replaced."
        )

    def gain_verdict(self) -> Markdown:
        """Return what a known person is worth to ridge in both worlds, and whether they differ."""
        lines = []
        for world, one in self.worlds.items():
            gain, beyond = (
                one.over_persons(one.gain(RIDGE, minus=minus)) for minus in (None, CONSTANT)
            )
            lines.append(
                f"- `{world}`: with others in their place the error of {RIDGE} rises by "
                f"{evaluation.signed(gain)} points a recording of a known person: "
                f"{evaluation.reading(gain, 'below', 'above')} zero. Beyond what the constant "
                f"loses, the rise is {evaluation.signed(beyond)}: "
                f"{evaluation.reading(beyond, 'below', 'above')} zero."
            )
        apart = self.between_worlds()
        lines.append(
            f"- `default` minus `null`: {evaluation.signed(apart)}. What a known person is worth "
            "where severity shows in behaviour: "
            f"{evaluation.reading(apart, 'less than', 'more than')} what it is worth where nothing "
            "but identity can be learnt."
        )
        return Markdown("\n".join(lines))

    def between_worlds(self) -> Difference:
        """Return ridge's gain in the default world minus that in the null world."""
        null, default = self.worlds["null"], self.worlds["default"]
        return default.over_persons(default.gain(RIDGE) - null.gain(RIDGE))

    def recognition(self) -> Markdown:
        """Return how well faces are recognised, and what copying the label is worth."""
        lines = []
        for world, one in self.worlds.items():
            right, n = one.recognised()
            on_known, on_new, own, shrunk = (
                evaluation.signed(one.excess(LOOSE, predictor, known))
                for predictor, known in (
                    (NEAREST, True), (NEAREST, False), (OWN, True), (SHRUNK, True),
                )
            )  # fmt: skip
            lines.append(
                f"- `{world}`: the nearest recording in Train is of the same person in {right} of "
                f"{n} cases in which there is one ({100 * right / n:.1f} %). Copying its label "
                f"gives an MAE that differs from the constant's by {on_known} points on known "
                f"persons and by {on_new} on new ones. Recognition that never errs would give "
                f"{own} on known persons by copying the mean label, and {shrunk} by shrinking it "
                "as the assumed persistence asks."
            )
        return Markdown("\n".join(lines))


def _rows(entries: Iterable[tuple[str, str, Difference]]) -> pd.DataFrame:
    """Return differences in the form that ``figures.forest_of_groups`` takes."""
    return pd.DataFrame(
        {"label": label, "group": group, "value": d.value, "low": d.low, "high": d.high}
        for label, group, d in entries
    )
