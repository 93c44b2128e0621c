"""What stands in the place of lost frames: four ways, four models, from versioned results."""

import pandas as pd
from IPython.display import Markdown

from deplib import evaluation, report, study
from deplib.extraction.fallback import FILLS
from deplib.models import MODELS

MASK, WHOLE = "mask", "nothing lost"


class FallbackPage:
    """The runs that lost half of their frames, and the same runs on whole recordings."""

    def __init__(self, world: str = "default") -> None:
        whole = [study.RunSpec(model, world=world) for model in MODELS]
        results = study.published([*whole, *study.fallback_specs(world)])
        self.tables: dict[tuple[str, str], pd.DataFrame] = {}
        for result in results:
            table = evaluation.recordings(result)
            fill = result.spec.fill if result.spec.lost else WHOLE
            self.tables[result.spec.model, fill] = table[table["split"] == "test"]

    def differences(self) -> dict[tuple[str, str], evaluation.Difference]:
        """Return each run's Test MAE minus that of the same model with masking."""
        return {
            (model, fill): evaluation.paired_mae(table, self.tables[model, MASK])
            for (model, fill), table in self.tables.items()
            if fill != MASK
        }

    def scores(self) -> pd.DataFrame:
        """Return one row a model and way of filling; intervals are over persons."""
        differences = self.differences()
        rows = []
        for model in MODELS:
            for fill in (WHOLE, *FILLS):
                scores = evaluation.with_intervals(self.tables[model, fill])
                difference = differences.get((model, fill))
                rows.append(
                    {
                        "model": model,
                        "lost frames": fill,
                        "sigma_ratio": scores["sigma_ratio"],
                        "PCC": scores["pcc"],
                        "Test MAE": scores["mae"],
                        "minus that of masking": evaluation.signed(difference)
                        if difference
                        else "",
                    }
                )
        return pd.DataFrame(rows)

    def verdict(self) -> Markdown:
        """Return how many of the ways can be told from masking, and what sigma_ratio says."""
        filled = [d for (_, fill), d in self.differences().items() if fill != WHOLE]
        apart = sum(d.low > 0 or d.high < 0 for d in filled)
        spread = self.scores().query("`lost frames` == 'random'")["sigma_ratio"]
        return report.say(
            f"With {100 * study.LOST:.0f} % of the frames lost, {apart} of {len(filled)} runs "
            "that fill them differ in Test MAE from masking by an interval that excludes zero, "
            "without correction for their number. With random vectors sigma_ratio is "
            f"{spread.min():.2f} to {spread.max():.2f}: it does not show that frames are missing."
        )
