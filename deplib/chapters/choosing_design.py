"""What the chapter on choosing asks and how it answers, in words whose numbers code wrote."""

from IPython.display import Markdown

from deplib import claims, report
from deplib.protocol import Protocol
from deplib.selection.calibration import N_RECORDINGS
from deplib.selection.cohorts import SCENARIOS
from deplib.selection.courses import N_SEEDS, SETTINGS


def question() -> Markdown:
    """Return the pattern in the study's table that asks for an explanation."""
    low, high = claims.REPORTED.min(), claims.REPORTED.max()

    def ranges(metric: str, digits: int) -> str:
        dev, test = (
            f"{low[column]:.{digits}f} to {high[column]:.{digits}f}"
            for column in (f"dev_{metric}", f"test_{metric}")
        )
        return f"a Dev {metric.upper()} of {dev} and a Test {metric.upper()} of {test}"

    return report.say(
        f"The study reports {ranges('mae', 1)}, {ranges('pcc', 2)}, each split of "
        f"{claims.N_TEST} recordings. It reads the gap as overfitting, and the Dev PCC as a sign "
        "that the features carry signal."
    )


def surrogate() -> Markdown:
    """Return what the surrogate was fitted to, and what it cannot hold."""
    return report.say(
        f"It was fitted to {N_RECORDINGS:,} sparsely rendered recordings of other persons, for "
        f"windows of {Protocol().window_length} frames. A model that averages its frames sees "
        "nothing else of a window, but what rendering does beyond second moments is lost, and "
        "windows count as full ones. Below, the surrogate draws features for the very persons and "
        "scores of the rendered cohort; what is measured on that cohort should be an ordinary draw."
    )


def candidates(n_cohorts: int) -> Markdown:
    """Return who competes in each of so many cohorts a scenario."""
    return report.say(
        f"The candidates are the protocol's network and {len(SETTINGS) - 1} variations, each at "
        f"{N_SEEDS} seeds, trained for all {Protocol().epochs} epochs, on {n_cohorts} cohorts of "
        f"each of the {len(SCENARIOS)} scenarios:"
    )
