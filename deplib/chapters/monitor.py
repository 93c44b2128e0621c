"""The spread of the predictions by epoch: what it shows of a collapse, and what it does not."""

from collections.abc import Sequence

import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from deplib import figures, report
from deplib.models import MODELS
from deplib.results import Result
from deplib.training.course import COLLAPSE_EPOCHS, COLLAPSE_RATIO

SIGMA = "dev_sigma_ratio"
EPOCHS = (1, 3, 5, 10)
"""Epochs that the table shows, beside the chosen and the last one."""


class Monitor:
    """The Dev sigma_ratio of the study's four by epoch, on true and on permuted labels.

    Parameters
    ----------
    true, permuted
        Runs at all seeds, and those of the control; others than the four are left out.
    """

    def __init__(self, true: Sequence[Result], permuted: Sequence[Result]) -> None:
        self.specs = [r.spec for r in (*true, *permuted) if r.spec.model in MODELS]
        self.histories = {
            labels: {
                model: [_history(r) for r in results if r.spec.model == model] for model in MODELS
            }
            for labels, results in (("true", true), ("permuted", permuted))
        }

    def table(self) -> pd.DataFrame:
        """Return the median over runs of the Dev sigma_ratio at some epochs, a row a model."""
        rows = []
        for labels, by_model in self.histories.items():
            for model, runs in by_model.items():
                at = pd.concat(runs).groupby("epoch")[SIGMA]
                row: dict[str, object] = {"model": model, "labels": labels, "runs": len(runs)}
                row |= {f"epoch {epoch}": at.median().get(epoch, float("nan")) for epoch in EPOCHS}
                row |= {
                    "chosen epoch": _kept(runs).median(),
                    "last epoch": pd.Series([run[SIGMA].iloc[-1] for run in runs]).median(),
                    "runs ever collapsed": sum(bool(run["collapsed"].any()) for run in runs),
                }
                rows.append(row)
        return pd.DataFrame(rows)

    def figure(self) -> Figure:
        """Return the Dev sigma_ratio by epoch, a panel a model."""
        true, permuted = self.histories["true"], self.histories["permuted"]
        shown = figures.spread_by_epoch(
            {model: (true[model], permuted[model]) for model in MODELS}, floor=COLLAPSE_RATIO
        )
        cohorts = [figures.simulated(spec.world) for spec in self.specs]
        return figures.stated(shown, *cohorts, runs=self.specs)

    def places(self, *, chosen: bool = True) -> dict[str, str]:
        """Return where the permuted run of each model stands among the seeds with true labels.

        ``"below"`` or ``"above"`` all of them, or ``"among"`` them: at the epoch that Dev chose for
        each, or else at the same epoch, the last that the permuted run shares with any seed.
        """
        found = {}
        for model in MODELS:
            runs = [self.histories[labels][model] for labels in ("true", "permuted")]
            if chosen:
                true, permuted = map(_kept, runs)
            else:
                epoch = min(max(len(run) for run in part) for part in runs)
                true, permuted = (_at(part, epoch) for part in runs)
            below, above = permuted.max() < true.min(), permuted.min() > true.max()
            found[model] = "below" if below else "above" if above else "among"
        return found

    def sentence(self) -> Markdown:
        """Return whether the monitor sees a collapse, and whether it knows noise from signal."""
        runs = [run for runs in self.histories["true"].values() for run in runs]
        started = [run for run in runs if run[SIGMA].iloc[0] < COLLAPSE_RATIO]
        ended = [run for run in runs if run["collapsed"].iloc[-1]]
        places = self.places()
        below = [model for model, place in places.items() if place == "below"]
        others = [model for model in MODELS if model not in below]
        if len(below) == len(places):
            meaning = (
                "Here a low sigma_ratio goes with nothing to learn, though one permuted run a "
                "model shows this"
            )
        else:
            meaning = (
                "A spread that is not collapsed is therefore no sign that anything was learnt: "
                f"{report.listed(others)} spread as wide, or wider, where there is nothing to learn"
            )
        counts = pd.Series(places).value_counts()
        wider = list(self.places(chosen=False).values()).count("above")
        return report.say(
            f"After the first epoch {len(started)} of {len(runs)} runs have a Dev sigma_ratio "
            f"below {COLLAPSE_RATIO:g}; {len(ended)} of {len(runs)} are collapsed at their end, by "
            f"{COLLAPSE_EPOCHS} epochs in a row below it. At the chosen epoch the "
            f"run on permuted labels lies below all seeds with true labels for {len(below)} "
            f"of {len(places)} models, among them for {counts.get('among', 0)} and above them for "
            f"{counts.get('above', 0)}; at the same epoch, its last, it lies above all seeds that "
            f"still train for {wider}. {meaning}."
        )


def _history(result: Result) -> pd.DataFrame:
    return result.history.assign(chosen=result.history["epoch"] == result.epoch)


def _kept(runs: Sequence[pd.DataFrame]) -> pd.Series:
    """Return the Dev sigma_ratio at the chosen epoch of each run."""
    return pd.Series([run.loc[run["chosen"], SIGMA].item() for run in runs])


def _at(runs: Sequence[pd.DataFrame], epoch: int) -> pd.Series:
    """Return the Dev sigma_ratio at one epoch of each run that is still training."""
    return pd.Series([run[SIGMA].iloc[epoch - 1] for run in runs if len(run) >= epoch])
