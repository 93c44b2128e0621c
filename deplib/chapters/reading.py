"""What can be read from each encoder's features, computed live on rendered persons."""

from functools import cached_property

import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from deplib import evaluation, figures, readability, report
from deplib.chapters import over_seeds
from deplib.extraction.embedded.renders import stream
from deplib.extraction.encoders.encoder import OnnxEncoder, embedded_encoder
from deplib.readability import Embed, Readability
from deplib.readability.scores import MEAN, R2, VERIFIED, WHITENED
from deplib.streams.names import parse
from deplib.study import options
from deplib.study.inputs import encoder_of

SEED = 7
"""Of the persons drawn: none of a cohort, none that an encoder was trained on."""
EXPRESSION = "expression"


class Reading:
    """Identity, expression and pose, read by a linear map fitted on other persons.

    Parameters
    ----------
    persons, renders
        How many are drawn, and pictures of each.
    """

    def __init__(self, persons: int = 120, renders: int = 16) -> None:
        self.persons, self.renders = persons, renders

    @cached_property
    def measured(self) -> Readability:
        """All scores; some fifteen seconds on one core."""
        given = embedded_encoder()
        encoders = {name: encoder_of(name, given) for name in options.ENCODERS}
        return readability.measure(
            {name: _embed(encoder) for name, encoder in encoders.items()},
            joined={options.FUSED: parse(options.FUSED)},
            persons=self.persons,
            renders=self.renders,
            rng=stream("held-out", SEED),
        )

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row a quantity and kind of features."""
        return self.measured.table()

    def table(self) -> pd.DataFrame:
        """Return the scores for print, one row a quantity, one column a kind of features."""
        rows: dict[str, dict[str, str]] = {}
        for entry in self.scores.to_dict("records"):
            name = _named(entry)
            row = rows.setdefault(name, {"quantity": name})
            row[entry["features"]] = over_seeds.interval(
                entry["value"], entry["low"], entry["high"]
            )
        return pd.DataFrame(rows.values())

    def figure(self) -> Figure:
        """Return the R2 of each parameter of the renderer."""
        shown = self.scores[(self.scores["measure"] == R2) & (self.scores["quantity"] != MEAN)]
        drawn = figures.readability(shown, xlabel="R2 on persons that no read-out was fitted on")
        return figures.stated(drawn, "rendered persons of no cohort", seeds=[SEED])

    def verdict(self) -> Markdown:
        """Return what the affect encoder shows more, and what it still knows of the person."""
        more = evaluation.Difference(
            *self.measured.difference(MEAN, "affect", "identity", kind=EXPRESSION)
        )
        told = self.scores[self.scores["measure"] == VERIFIED + WHITENED].set_index("features")
        known = over_seeds.interval(*told.loc["affect", ["value", "low", "high"]])
        return report.say(
            f"Over all expressions the affect encoder's features give an R2 that is "
            f"{evaluation.signed(more)} above that of the identity encoder's. Identity is not gone "
            f"from them: after a linear map, two pictures are told to be of one person or of two "
            f"in {known} of the pairs."
        )


def _embed(encoder: OnnxEncoder) -> Embed:
    return lambda frames: encoder.embed(frames).features


def _named(entry: dict) -> str:
    if entry["measure"] != R2:
        return f"{entry['quantity']}: {entry['measure']} (by chance {entry['chance']:.2f})"
    name = f"mean of {entry['kind']}" if entry["quantity"] == MEAN else entry["quantity"]
    return f"{name.replace('_', ' ')}, {R2}"
