"""The table of models: parameters and orders, and what MambaGRU is."""

import numpy as np
import torch

from deplib.claims.entry import CODE, UNDECIDABLE, Finding, claim, claim_each
from deplib.claims.evidence import Evidence
from deplib.claims.reported import DESCRIBED
from deplib.cost.fits import ORDERS
from deplib.cost.summary import counted_exponent
from deplib.cost.ways import HEAD_ONLY, LENGTHS
from deplib.models import MODELS, build
from deplib.models.selective_scan import sequential_scan

MEAN, PATCHES, RECURRENT = "TemporalMeanMLP", "LDBM", "MambaGRU"
SAME_COUNT = 0.01
"""Share by which a count may differ, since the study prints two or three digits."""
FAR = 2**20
"""Frames: where an order must show, if it is one."""
SAME_EXPONENT = 0.05
NOT_DESCRIBED = {PATCHES: "which tokens attend to each other"}
"""Model -> what of it the study leaves open and its order depends on."""
BENDING = 0.01
"""Share of a change of state from which on a step is called curved."""

_LINES = dict(zip(MODELS, (54, 55, 56, 57), strict=True))
_STATED = DESCRIBED.set_index("model").to_dict("index")


@claim_each(
    [(m, _LINES[m], f"{m} has {_STATED[m]['parameters_reported']} parameters") for m in MODELS],
    rests_on=CODE,
    otherwise=UNDECIDABLE,
)
def parameters(evidence: Evidence, model: str) -> Finding:
    """Count those of a model of that description."""
    count, reported = evidence.built.parameters[model], evidence.study.count(model)
    off = count / reported - 1
    return Finding(
        f"a model of that description has {count:,} here ({100 * off:+.1f} %)",
        True if abs(off) <= SAME_COUNT else None,
    )


@claim_each(
    [
        (m, _LINES[m], f"The cost of {m} is {_STATED[m]['order_reported']} in the frames N")
        for m in MODELS
    ],
    rests_on=CODE,
    otherwise=UNDECIDABLE,
)
def order(evidence: Evidence, model: str) -> Finding:
    """Compare the exponent of counted operations far out with that of the order."""
    stated = str(evidence.study.models.set_index("model").loc[model, "order_reported"])
    counted = counted_exponent(model, FAR // 2, FAR)
    near, far = (ORDERS[stated](np.array(float(n))) for n in (FAR // 2, FAR))
    expected = float(np.log2(far / near))
    fits = abs(counted - expected) <= SAME_EXPONENT
    found = (
        f"operations grow as N^{counted:.2f} far out, the order as N^{expected:.2f}; time from "
        f"{LENGTHS[0]} to {LENGTHS[-1]} frames as N^{evidence.built.costs.fitted(model)}"
    )
    if model == MEAN:
        found += f". Only what follows the mean is O(1): N^{evidence.built.costs.fitted(HEAD_ONLY)}"
    if model in NOT_DESCRIBED and not fits:
        found += f". The study does not say {NOT_DESCRIBED[model]}; here all do"
        return Finding(found, None)
    return Finding(found, fits)


@claim(line=101, says="LDBM has 10 times the parameters of the mean-pooling baseline")
def ten_times(evidence: Evidence) -> Finding:
    """Divide the reported counts, and ours."""
    ratio = evidence.study.count(PATCHES) / evidence.study.count(MEAN)
    ours = evidence.built.parameters[PATCHES] / evidence.built.parameters[MEAN]
    return Finding(
        f"{ratio:.1f} times by its table, {ours:.1f} times here",
        round(ratio) == evidence.study.times_parameters,
    )


def bend(step: torch.Tensor) -> float:
    """Return how far a map is from affine, given its values at a, (a + b) / 2 and b, (3, n)."""
    first, middle, last = step
    return float((middle - (first + last) / 2).abs().max() / (first - last).abs().max())


def bend_of_gru() -> float:
    """Return the bend of one step of MambaGRU's recurrence in the state before it."""
    gru = build(RECURRENT, seed=0).gru
    assert isinstance(gru, torch.nn.GRU)
    rng = torch.Generator().manual_seed(0)
    ends = torch.randn(2, gru.hidden_size, generator=rng)
    states = torch.stack([ends[0], ends.mean(dim=0), ends[1]])
    frame = torch.randn(1, gru.input_size, generator=rng)
    with torch.no_grad():
        h0 = states.expand(gru.num_layers, 3, -1).contiguous()
        _, after = gru(frame.expand(3, 1, -1), h0)
    return bend(after[0])  # the first layer: its input is the frame itself


def bend_of_scan() -> float:
    """Return the same of a selective scan: its state after one frame, read after the next."""
    rng = torch.Generator().manual_seed(0)
    d, n = 8, 4
    ends = torch.randn(2, d, generator=rng)
    first = torch.stack([ends[0], ends.mean(dim=0), ends[1]])
    x = torch.stack([first, torch.zeros(3, d)], dim=1)  # (3, 2, d): the first frame sets the state
    dt = torch.rand(1, 2, d, generator=rng).expand(3, -1, -1)
    B, C = (torch.randn(1, 2, n, generator=rng).expand(3, -1, -1) for _ in "BC")
    A = -torch.rand(d, n, generator=rng)
    return bend(sequential_scan(x, dt, A, B, C, torch.zeros(d))[:, 1])


@claim(
    line=57,
    says="MambaGRU is a state-space model, a GRU being an approximation of one",
    rests_on=CODE,
)
def gru_as_state_space(evidence: Evidence) -> Finding:
    """Ask whether one step of the recurrence is affine in the state, as in S4 and Mamba."""
    gru, scan = bend_of_gru() > BENDING, bend_of_scan() > BENDING

    def words(curved: bool) -> str:
        return "is not" if curved else "is"

    return Finding(
        f"given the frame, the next state of a selective scan {words(scan)} affine in the state "
        f"before it, that of the GRU {words(gru)}"
        + (
            ": a gated recurrence, with neither the linear state nor the parallel scan that the "
            "name promises"
            if gru
            else ""
        ),
        not gru,
    )
