"""A temporal model as one ONNX file: traced, labelled with its card, and checked before it stands.

``x`` (batch, channels, time) float32 and ``mask`` (batch, time) bool, True = real frame, give ``y``
(batch,) in z-units. Batch and time are free. A graph cannot raise as ``check_input`` does: what
opens the file, `deplib.deploy.bundle`, checks what goes in.

A trace records tensor operations: what Python computes from a shape may become a constant and be
wrong at another length, silently. Where a model does so, or uses an operator that ONNX lacks,
`FORMS` puts a module of the same parameters and the same function in its place.
"""

import io
import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import torch
from onnx import inliner, parser
from torch import Tensor, nn

from deplib.deploy.bundle import Card, OpenModel, open_model, put_card
from deplib.errors import ModelError
from deplib.extraction import first_line
from deplib.models.blocks import pad_time
from deplib.models.ldbm import LDBM
from deplib.models.selective_scan import ONNX_DOMAIN
from deplib.paths import write_atomically

OPSET = 17
"""Of the ONNX operators that models are written with."""
TOLERANCE = 1e-4
"""Largest difference from PyTorch, in z-units: 0.001 BDI-II points. Of an output's size where that
is above 1, since float32 rounds in proportion."""
LENGTHS = (1, 2, 7, 64, 129, 512, 777, 1000, 2000)
"""Windows on which an export is checked, and the model's longest besides."""
_REMEDY = "give that part a form in deplib.deploy.export"
_EXAMPLE = (2, 45)  # batch and time of the example that is traced; parity is measured at others

SCAN_NODE = f"""
<domain: "{ONNX_DOMAIN}", opset_import: ["" : {OPSET}]>
SelectiveScan (x, dt, A, B, C, D) => (y)
{{
    second = Constant <value = int64[1] {{2}}> ()       third = Constant <value = int64[1] {{3}}> ()
    u = Mul (dt, x)                                     A_rows = Transpose <perm = [1, 0]> (A)
    dt_rows = Unsqueeze (dt, second)                    u_rows = Unsqueeze (u, second)
    B_columns = Unsqueeze (B, third)                    C_rows = Unsqueeze (C, second)
    batch = Shape <start = 0, end = 1> (x)              states = Shape (A_rows)
    sizes = Concat <axis = 0> (batch, states)           h_first = ConstantOfShape (sizes)
    h_last, y_rows = Scan <
        num_scan_inputs = 4, scan_input_axes = [1, 1, 1, 1], scan_output_axes = [1],
        body = step (
            float[b, n, d] h,
            float[b, 1, d] dt_t, float[b, 1, d] u_t, float[b, n, 1] B_t, float[b, 1, n] C_t
        ) => (float[b, n, d] h_next, float[b, 1, d] y_t) {{
            rate = Mul (dt_t, A_rows)                   decay = Exp (rate)
            kept = Mul (decay, h)                       entered = Mul (B_t, u_t)
            h_next = Add (kept, entered)                y_t = MatMul (C_t, h_next)
        }}
    > (h_first, dt_rows, u_rows, B_columns, C_rows)
    read = Squeeze (y_rows, second)                     skip = Mul (D, x)
    y = Add (read, skip)
}}
"""
"""``deplib.models.selective_scan`` in ONNX's own ``Scan``, one step of the recurrence a frame. The
d channels stand last, so that a step is long rows of additions and products."""


def export_model(model: nn.Module, path: Path, card: Card) -> None:
    """Write a model as one self-contained ONNX file that agrees with it, or write nothing.

    Parameters
    ----------
    model
        A model of ``deplib.models``; it is left as it is, in its mode and on its device.
    path
        Where the file goes. An older file there is replaced, once the new one has been checked.
    card
        Goes into the file; its channels, longest window and opset must be the model's.

    Raises
    ------
    ModelError
        If the card is another model's, the model cannot be traced, or the file's outputs differ
        from PyTorch's by more than `TOLERANCE` at any length of `LENGTHS`.
    OSError
        If the file cannot be written.
    """
    expected = {"channels": getattr(model, "channels", None), "max_length": longest(model)}
    for name, value in expected.items():
        if (given := getattr(card, name)) != value:
            raise ModelError(f"the card's {name} is {given}, the model's {value}: it is of another")
    network = _trace(model, card)
    put_card(network, card)
    content = network.SerializeToString()
    limit = card.max_length or max(LENGTHS)
    lengths = sorted({*filter(lambda length: length <= limit, LENGTHS), limit})
    table = parity(model, open_model(path, content), lengths, np.random.default_rng(0))
    excess = (table["difference"] / table["largest"].clip(lower=1.0)).fillna(np.inf)
    if excess.max() > TOLERANCE:
        worst = table.iloc[int(excess.argmax())]
        by = f"by {worst['difference']:.2g} z-units at {worst['length']} frames"
        why = f"a part of it depends on the example's length; {_REMEDY}"
        raise ModelError(f"{card.model} as ONNX differs from PyTorch {by}: {why}")
    write_atomically(path, content)


def parity(
    model: nn.Module, exported: OpenModel, lengths: Sequence[int], rng: np.random.Generator
) -> pd.DataFrame:
    """Compare an exported model with the PyTorch model on drawn windows.

    Parameters
    ----------
    model, exported
        The model that was exported, and its file, opened.
    lengths
        Frames of the windows.
    rng
        Draws features from N(0, 1), and masks with holes; masked frames hold NaN.

    Returns
    -------
    DataFrame
        ``length``, ``batch``, ``masked``; ``difference``, the largest of the batch in z-units, NaN
        where the file fails or an output is not finite; ``largest``, the largest output's size.
    """
    model, rows = deepcopy(model).cpu().float().eval(), []
    for length, batch, masked in product(lengths, (1, 3), (False, True)):
        x = rng.standard_normal((batch, exported.card.channels, length), np.float32)
        mask = rng.random((batch, length)) < (0.6 if masked else 1.0)
        mask[np.arange(batch), rng.integers(length, size=batch)] = True  # one real frame at least
        x.transpose(0, 2, 1)[~mask] = np.nan
        with torch.inference_mode():
            expected = model(torch.from_numpy(x), torch.from_numpy(mask)).numpy()
        try:
            difference = np.abs(exported.predict(x, mask) - expected).max()
        except ModelError:
            difference = np.nan
        rows.append((length, batch, masked, float(difference), float(np.abs(expected).max())))
    return pd.DataFrame(rows, columns=["length", "batch", "masked", "difference", "largest"])


def longest(model: nn.Module) -> int | None:
    """Return the longest window that a model's learned positions allow, or None if any."""
    if isinstance(limit := getattr(model, "max_length", None), int):
        return limit
    positions = getattr(model, "positions", None)
    return len(positions) if isinstance(positions, Tensor) else None


def _trace(model: nn.Module, card: Card) -> onnx.ModelProto:
    batch, time = _EXAMPLE[0], min(_EXAMPLE[1], card.max_length or _EXAMPLE[1])
    x, mask = torch.ones(batch, card.channels, time), torch.ones(batch, time).bool()
    axes = {"x": {0: "batch", 2: "time"}, "mask": {0: "batch", 1: "time"}, "y": {0: "batch"}}
    buffer, traced = io.BytesIO(), deepcopy(model).cpu().float().eval()
    for module in traced.modules():
        # The forms add methods and no state, so a change of class is all it takes.
        module.__class__ = FORMS.get(type(module), type(module))
    try:
        with warnings.catch_warnings():
            # Each says that a Python value may have become a constant: parity says if it matters.
            warnings.simplefilter("ignore")
            # The other exporter, dynamo, needs onnxscript and unrolls a recurrence.
            names = {"input_names": ["x", "mask"], "output_names": ["y"], "dynamic_axes": axes}
            given = {"opset_version": OPSET, "dynamo": False} | names
            torch.onnx.export(traced, (x, mask), buffer, **given)  # type: ignore[arg-type]
    except Exception as error:  # the exporter's exceptions share no base of their own
        why = first_line(error)
        raise ModelError(f"{type(model).__name__} cannot be traced: {why}; {_REMEDY}") from error
    network = onnx.load_model_from_string(buffer.getvalue())
    if own := [one for one in network.opset_import if one.domain == ONNX_DOMAIN]:
        network.functions.append(parser.parse_function(SCAN_NODE))
        network = inliner.inline_local_functions(network)  # each node becomes what defines it
        network.opset_import.remove(own[0])
    onnx.checker.check_model(network, full_check=True)
    return network


class _TraceableLDBM(LDBM):
    """LDBM whose overlapping patches are indexed: ``unfold`` gives a constant."""

    def patches(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, C), (B, T) -> (B, N, P C), (B, N), with N = ceil(T / S)."""
        P, S = self.patch, self.stride
        if S == P:
            return super().patches(x, mask)
        n = (x.shape[1] + S - 1) // S
        x, mask = pad_time(x, mask, (n - 1) * S + P)
        frames = (torch.arange(n)[:, None] * S + torch.arange(P)).flatten()  # (N P,)
        x, mask = x[:, frames], mask[:, frames]
        return x.reshape(-1, n, P * self.channels), mask.reshape(-1, n, P).any(dim=2)


class _TraceableRMSNorm(nn.RMSNorm):
    """RMSNorm in elementary operations: ONNX has it from operator set 23 on."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> the same."""
        eps = torch.finfo(x.dtype).eps if self.eps is None else self.eps
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + eps) * self.weight


FORMS: Mapping[type[nn.Module], type[nn.Module]] = {
    LDBM: _TraceableLDBM,
    nn.RMSNorm: _TraceableRMSNorm,
}
"""Module -> the form of it that is traced; every other module is traced as it is."""
