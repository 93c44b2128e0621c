"""The chapter on cost, its first part: time against length, and the study's orders."""

from itertools import pairwise

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from deplib import claims, figures, report
from deplib.cost import flops
from deplib.cost.fits import ORDERS, Estimate, exponent, shown_by
from deplib.cost.steps import FORWARD, TRAINING
from deplib.cost.summary import (
    MEAN,
    Costs,
    attention_leads,
    attention_share,
    counted_exponent,
)
from deplib.cost.ways import HEAD_ONLY, LENGTHS, WAYS, WINDOWS
from deplib.models import resolve
from deplib.protocol import Protocol

FILE, NO_COHORT = "cost.json", "no cohort: random unit vectors"
"""The measurements in ``results/``, and what was fed to the models."""
PATCHES, ATTENTION = "LDBM", "VanillaTransformer"
MINUTES = claims.Study().minutes
"""Minutes of training as the study reports them, on one T4."""
FAR = 2**20
"""Frames; no clip is so long. It shows where an order leads."""
NEIGHBOURS = tuple(pairwise(LENGTHS))
NO_CLAIM, INSIDE, SLOWER, FASTER = "none", "inside", "outside: grows less", "outside: grows more"


class CostPage:
    """What the chapter shows: the versioned measurements, and operations counted as it is read."""

    def __init__(self, costs: Costs | None = None) -> None:
        self.costs = costs or Costs()
        self.protocol = Protocol()
        self.orders = claims.DESCRIBED.set_index("model")["order_reported"]
        self.claimed = (*self.orders.index, HEAD_ONLY)

    def note(self) -> Markdown:
        """Return the machine that the numbers come from."""
        machine = self.costs.measured.machine
        return report.say(
            f"The windows hold random unit vectors. Measured on {machine['date']} in one thread "
            f"of a processor that calls itself {machine['processor']} ({machine['cores']} cores, "
            f"{machine['system']}), with torch {machine['torch']}. Another machine has other "
            "times; ratios and exponents carry over better."
        )

    def takeaway(self) -> Markdown:
        """Return what a reader should keep of the page."""
        held = [way for way in self.claimed if self.verdict(way) == INSIDE]
        slopes = {way: self.costs.between(way)[-1] for way in WAYS}
        second = max(set(WAYS) - {ATTENTION}, key=lambda way: slopes[way].value)
        to_mean, to_head = self.costs.epoch_ratios(PATCHES)
        return report.say(
            f"Between {LENGTHS[-2]} and {LENGTHS[-1]} frames the time of VanillaTransformer grows "
            f"with the power {slopes[ATTENTION]}; the next is {second} with {slopes[second]}. Over "
            "the whole range the order that the study states describes what is measured for "
            f"{report.listed(held, nothing='none of its models')} only. An epoch of LDBM costs "
            f"{to_mean} times that of TemporalMeanMLP where that averages the frames in each step, "
            f"and {whole(to_head)} times where the means are at hand; the study's minutes give "
            f"{MINUTES[PATCHES] / MINUTES[MEAN]:.0f}."
        )

    def rounds(self) -> Markdown:
        """Return how often and on how much everything was measured."""
        n_rounds = len(self.costs.milliseconds(MEAN)[0])
        return report.say(
            f"A step has {WINDOWS} windows and was measured in {n_rounds} rounds in which all "
            f"models and lengths take turns; an epoch in {len(self.costs.epoch(MEAN))}."
        )

    def times(self, kind: str) -> pd.DataFrame:
        """Return CPU-milliseconds a window, with the lowest and highest round."""
        return pd.DataFrame(
            [
                {"way": way}
                | {
                    str(frames): spread(ms)
                    for frames, ms in zip(LENGTHS, self.costs.milliseconds(way, kind), strict=True)
                }
                for way in WAYS
            ]
        )

    def time_figure(self) -> Figure:
        """Return time against length: forward and backward, and forward alone."""
        titles = {"forward and backward": TRAINING, "forward alone": FORWARD}
        panels = {
            title: curves({way: self.costs.milliseconds(way, kind) for way in WAYS})
            for title, kind in titles.items()
        }
        shown = figures.cost_against_length(panels, ylabel="CPU-milliseconds a window")
        return figures.stated(shown, NO_COHORT, files=[FILE])

    def order(self, way: str) -> str:
        """Return the order that the study states for the class of a way, or ``NO_CLAIM``."""
        return str(self.orders.get(resolve(WAYS[way])[0], NO_CLAIM))

    def verdict(self, way: str) -> str:
        """Return whether what the study's order would show lies in the measured interval."""
        order, fitted = self.order(way), self.costs.fitted(way)
        if order == NO_CLAIM:
            return ""
        expected = shown_by(order, LENGTHS)
        return INSIDE if fitted.holds(expected) else SLOWER if fitted.value < expected else FASTER

    def exponents(self) -> pd.DataFrame:
        """Return the fitted exponents, beside what the study's order would show."""
        rows = []
        for way in WAYS:
            order = self.order(way)
            counts = [flops.operations(way, frames).together for frames in LENGTHS]
            rows.append(
                {
                    "way": way,
                    "order in the study": order,
                    "would show": "" if order == NO_CLAIM else f"{shown_by(order, LENGTHS):.2f}",
                    "forward and backward": str(self.costs.fitted(way)),
                    "single rounds": "{:.2f} to {:.2f}".format(*self.costs.single_fits(way)),
                    "forward alone": str(self.costs.fitted(way, FORWARD)),
                    "operations": str(exponent(LENGTHS, counts)),
                    "verdict": self.verdict(way),
                }
            )
        return pd.DataFrame(rows)

    def between(self) -> pd.DataFrame:
        """Return the measured exponent between each length and the next."""
        names = [f"{a} to {b}" for a, b in NEIGHBOURS]
        return pd.DataFrame(
            [
                {"way": way} | dict(zip(names, map(str, self.costs.between(way)), strict=True))
                for way in WAYS
            ]
        )

    def counted(self) -> pd.DataFrame:
        """Return the exponent of the counted operations, up to a million frames."""
        pairs = (*NEIGHBOURS, (FAR // 2, FAR))
        rows: list[dict[str, object]] = [
            {"way": way} | {f"{a} to {b}": counted_exponent(way, a, b) for a, b in pairs}
            for way in WAYS
        ]
        rows.append({"way": "exactly N log N"} | {f"{a} to {b}": _log_slope(a) for a, b in pairs})
        return pd.DataFrame(rows)

    def exponent_figure(self) -> Figure:
        """Return the exponents between neighbours as curves, measured and counted."""
        rows = [
            {"way": way, "model": WAYS[way], "frames": a * 2**0.5} | vars(estimate)
            for way in WAYS
            for (a, _), estimate in zip(NEIGHBOURS, self.costs.between(way), strict=True)
        ]
        lengths = [2**k for k in range(7, 20)]
        counted = [
            {"way": way, "model": WAYS[way], "frames": n * 2**0.5}
            | dict.fromkeys(("value", "low", "high"), counted_exponent(way, n, 2 * n))
            for way in WAYS
            for n in lengths
        ]
        line = pd.Series({n * 2**0.5: _log_slope(n) for n in lengths})
        panels = {"measured time": pd.DataFrame(rows), "operations counted": pd.DataFrame(counted)}
        shown = figures.exponents_against_length(panels, order={"N log N": line})
        return figures.stated(shown, NO_COHORT, files=[FILE])

    def where_orders_lead(self) -> Markdown:
        """Return where attention takes over, and which way LDBM's exponent moves."""
        window = self.protocol.window_length
        share = {way: 100 * attention_share(way, window) for way in (PATCHES, ATTENTION)}
        half = {way: attention_leads(way, FAR) for way in share}
        near, far = (counted_exponent(PATCHES, n // 2, n) for n in (LENGTHS[-1], FAR))
        log_near, log_far = _log_slope(LENGTHS[-1] // 2), _log_slope(FAR // 2)
        moves = "rises" if far > near else "falls"
        return report.say(
            f"At the protocol's {window} frames, products between tokens are "
            f"{share[ATTENTION]:.0f} % of the operations of VanillaTransformer and "
            f"{share[PATCHES]:.0f} % of those of LDBM; the rest is linear in N, first of all the "
            "projection of every embedding. Taking powers of two, attention has more than half "
            f"from {half[ATTENTION]} frames on in VanillaTransformer, and from {half[PATCHES]} in "
            f"LDBM. The exponent of LDBM's operations {moves} from {near:.2f} at the longest "
            f"measured length to {far:.2f} at {FAR:,} frames, while that of N log N falls from "
            f"{log_near:.2f} to {log_far:.2f}."
        )

    def operations(self) -> pd.DataFrame:
        """Return counted operations for one window of the protocol, and their rate."""
        window = self.protocol.window_length
        rows = []
        for way in WAYS:
            operations, share = flops.operations(way, window), attention_share(way, window)
            milliseconds = self.costs.milliseconds(way)[LENGTHS.index(window)]
            rows.append(
                {
                    "way": way,
                    "forward": f"{operations.forward:,}",
                    "forward and backward": f"{operations.training:,}",
                    "attention": f"{100 * share:.0f} %" if share else "",
                    "scan, by hand": f"{operations.scan:,}" if operations.scan else "",
                    "10^9 in a CPU-second": spread(
                        [operations.together / ms / 1e6 for ms in milliseconds]
                    ),
                }
            )
        return pd.DataFrame(rows)


def _log_slope(frames: int) -> float:
    """Return the exponent that N log N shows from a length to its double."""
    log = ORDERS["O(N log N)"]
    return float(np.log2(log(np.array(2.0 * frames)) / log(np.array(float(frames)))))


def curves(rounds: dict[str, list[list[float]]]) -> pd.DataFrame:
    """Return ways' rounds by length in the form that a figure takes; the smallest is the value."""
    return pd.DataFrame(
        [
            {"way": way, "model": WAYS[way], "frames": frames, "value": min(r), "high": max(r)}
            for way, by_length in rounds.items()
            for frames, r in zip(LENGTHS, by_length, strict=True)
        ]
    )


def spread(values: list[float]) -> str:
    """Return the lowest and the highest round, to three digits and never as a power of ten."""
    low, high = (
        np.format_float_positional(x, precision=3, fractional=False, trim="-")
        for x in (min(values), max(values))
    )
    return f"{low} to {high}"


def whole(estimate: Estimate) -> str:
    """Return a large ratio without decimals."""
    return f"{estimate.value:.0f} [{estimate.low:.0f}, {estimate.high:.0f}]"
