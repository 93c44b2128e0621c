"""A head that adapts to its person: what it gains, and what the earlier label alone gains."""

from functools import cached_property

import pandas as pd
from IPython.display import Markdown

from deplib import adaptation, evaluation, report
from deplib.chapters.tested_options import TestedOptions, label
from deplib.study import options


class Adapting:
    """Few-shot calibration in one world, on the split in which nobody is in two parts."""

    def __init__(self, tested: TestedOptions) -> None:
        self.world = tested.cohort.world.name
        runs = [r for r in tested.results.values() if r.spec.split == "disjoint"]
        tables = [evaluation.recordings(r).assign(model=label(r.spec)) for r in runs]
        self.predictions = adaptation.predictors(pd.concat(tables, ignore_index=True))

    @cached_property
    def differences(self) -> pd.DataFrame:
        """Adapted minus each rival, by model."""
        return adaptation.differences(self.predictions)

    def table(self) -> pd.DataFrame:
        """Return those differences for print."""
        return pd.DataFrame(
            {
                "model": row["model"],
                "compared with": row["rival"],
                "Test MAE, adapted": f"{row['mae']:.2f}",
                "Test MAE of the other": f"{row['mae_rival']:.2f}",
                "difference": evaluation.signed(_difference(row)),
            }
            for row in self.differences.to_dict("records")
            if row["model"] != "all"
        )

    def effect(self, rival: str, features: str = options.BETTER) -> evaluation.Difference:
        """Return adapted minus a rival, of the model on some features."""
        chosen = self.differences["model"].str.contains(f"({features}", regex=False)
        rows = self.differences[chosen & (self.differences["rival"] == rival)]
        return _difference(rows.iloc[0].to_dict())

    def verdict(self) -> Markdown:
        """Return what adapting gains, over no adapting and over the label without a face."""
        gained, over_label = (
            self.effect(rival) for rival in (adaptation.UNADAPTED, adaptation.SHRUNK)
        )
        told = (
            "lowers"
            if gained.high < 0
            else "raises"
            if gained.low > 0
            else "cannot be told to change"
        )
        face = (
            "the face adds to the label"
            if over_label.high < 0
            else "that the face adds anything to the label is not shown"
        )
        later = self.predictions[self.predictions["predictor"] == adaptation.CONSTANT]
        return report.say(
            f"`{self.world}`: on {len(later)} later Test recordings of "
            f"{later['person'].nunique()} persons the adapted head {told} the MAE, by "
            f"{evaluation.signed(gained)} points; against the earlier label alone, shrunk and "
            f"without any video, it has {evaluation.signed(over_label)}: {face}."
        )


def _difference(row: dict) -> evaluation.Difference:
    return evaluation.Difference(row["difference"], row["low"], row["high"])
