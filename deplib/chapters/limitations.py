"""The chapter on limitations: one sentence on the error of the label itself."""

from IPython.display import Markdown

from deplib import literature, report


def label_sentence() -> Markdown:
    """Return what the error of BDI-II alone costs in MAE, over the published reliabilities."""
    floor = literature.label_floor().sort_values("reliability")
    worst, best = floor.iloc[0], floor.iloc[-1]
    return report.say(
        "The same person who fills in BDI-II twice within a week does not get the same score. With "
        f"the published retest reliabilities, {worst['reliability']:.2f} to "
        f"{best['reliability']:.2f}, that alone causes an MAE of {best['mae']:.1f} to "
        f"{worst['mae']:.1f} points, which no predictor can be expected to get below."
    )
