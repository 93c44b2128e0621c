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
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import torch
from onnx import helper, inliner, parser
from torch import Tensor, nn
from torch.nn.functional import softplus

from deplib.deploy.bundle import OPSET, Card, open_model, put_card
from deplib.errors import ModelError
from deplib.models.blocks import pad_time
from deplib.models.ldbm import LDBM
from deplib.models.mamba import MambaBlock
from deplib.models.selective_scan import sequential_scan
from deplib.paths import write_atomically

TOLERANCE = 1e-4
"""Largest difference from PyTorch, in z-units: 0.001 BDI-II points. Of an output's size where that
is above 1, since float32 rounds in proportion."""
LENGTHS = (1, 2, 7, 64, 129, 512, 777, 1000, 2000)
"""Windows on which an export is checked, and the model's longest besides."""
DOMAIN = "deplib"
"""Domain of the nodes ``SelectiveScan`` that a trace leaves, until `SCAN_NODE` defines them."""
_REMEDY = "give that part a form in deplib.deploy.export"
_EXAMPLE = (2, 45)  # batch and time of the example that is traced; parity is measured at others

SCAN_NODE = f"""
<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]>
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
    expected = {"channels": _channels(model), "max_length": longest(model), "opset": OPSET}
    for name, value in expected.items():
        if (given := getattr(card, name)) != value:
            raise ModelError(f"the card's {name} is {given}, the model's {value}: it is of another")
    network = _trace(model)
    put_card(network, card)
    content = network.SerializeToString()
    limit = card.max_length or max(LENGTHS)
    lengths = sorted({*filter(lambda length: length <= limit, LENGTHS), limit})
    table = _compare(model, open_model(path, content).session, lengths, np.random.default_rng(0))
    excess = (table["difference"] / table["largest"].clip(lower=1.0)).fillna(np.inf)
    if excess.max() > TOLERANCE:
        worst = table.iloc[int(excess.argmax())]
        by = f"by {worst['difference']:.2g} z-units at {worst['length']} frames"
        why = f"a part of it depends on the example's length; {_REMEDY}"
        raise ModelError(f"{card.model} as ONNX differs from PyTorch {by}: {why}")
    write_atomically(path, content)


def parity(
    model: nn.Module, path: Path, lengths: Sequence[int], rng: np.random.Generator
) -> pd.DataFrame:
    """Compare an exported file with the PyTorch model on drawn windows.

    Parameters
    ----------
    model, path
        The model that was exported, and its file.
    lengths
        Frames of the windows.
    rng
        Draws features from N(0, 1), presence rows, and masks with holes; masked frames hold NaN.

    Returns
    -------
    DataFrame
        ``length``, ``batch``, ``masked``; ``difference``, the largest of the batch in z-units, NaN
        where the file fails or an output is not finite; ``largest``, the largest output's size.

    Raises
    ------
    ModelError
        If the file cannot be opened or breaks the contract of an exported model.
    """
    return _compare(model, open_model(path).session, lengths, rng)


def longest(model: nn.Module) -> int | None:
    """Return the longest window that a model's learned positions allow, or None if any."""
    if isinstance(limit := getattr(model, "max_length", None), int):
        return limit
    positions = getattr(model, "positions", None)
    return len(positions) if isinstance(positions, Tensor) else None


def define_scans(network: onnx.ModelProto) -> onnx.ModelProto:
    """Return a traced network with each node ``SelectiveScan`` replaced by what defines it."""
    if not any(node.domain == DOMAIN for node in network.graph.node):
        return network
    network.functions.append(parser.parse_function(SCAN_NODE))
    kept = [one for one in network.opset_import if one.domain != DOMAIN]
    network.opset_import.extend([helper.make_opsetid(DOMAIN, 1)] * (kept == network.opset_import))
    inlined = inliner.inline_local_functions(network)
    del inlined.opset_import[:]
    inlined.opset_import.extend(kept)
    return inlined


def _trace(model: nn.Module) -> onnx.ModelProto:
    batch, time = _EXAMPLE[0], min(_EXAMPLE[1], longest(model) or _EXAMPLE[1])
    x, mask = torch.ones(batch, _channels(model), time), torch.ones(batch, time).bool()
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
        why = str(error).strip().splitlines()[0]
        raise ModelError(f"{type(model).__name__} cannot be traced: {why}; {_REMEDY}") from error
    network = define_scans(onnx.load_model_from_string(buffer.getvalue()))
    onnx.checker.check_model(network, full_check=True)
    return network


def _compare(
    model: nn.Module,
    session: ort.InferenceSession,
    lengths: Sequence[int],
    rng: np.random.Generator,
) -> pd.DataFrame:
    model, rows = deepcopy(model).cpu().float().eval(), []
    for length, batch, masked in product(lengths, (1, 3), (False, True)):
        x, mask = _draw(model, batch, length, masked, rng)
        with torch.inference_mode():
            expected = model(torch.from_numpy(x), torch.from_numpy(mask)).numpy()
        try:
            y = session.run(None, {"x": x, "mask": mask})[0]
            difference = np.abs(y - expected).max() if y.shape == expected.shape else np.nan
        except Exception:  # the runtime's exceptions share no base: so it is wrong there
            difference = np.nan
        rows.append((length, batch, masked, float(difference), float(np.abs(expected).max())))
    return pd.DataFrame(rows, columns=["length", "batch", "masked", "difference", "largest"])


def _draw(
    model: nn.Module, batch: int, length: int, masked: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw windows (batch, channels, length) and masks as a model's contract has them."""
    x = rng.standard_normal((batch, _channels(model), length), np.float32)
    if n := int(getattr(model, "n_flags", 0)):  # streams: never there, sometimes, or always
        here = rng.random((batch, n, length)) < rng.choice([0.0, 0.7, 1.0], size=(batch, n, 1))
        here[:, 0] = True
        x[:, :-n] *= here.repeat(np.asarray(model.widths), axis=1)
        x[:, -n:] = here
    mask = rng.random((batch, length)) < (0.6 if masked else 1.0)
    mask[np.arange(batch), rng.integers(length, size=batch)] = True  # one real frame at least
    x.transpose(0, 2, 1)[~mask] = np.nan
    return x, mask


def _channels(model: nn.Module) -> int:
    channels = getattr(model, "channels", None)
    if not isinstance(channels, int):
        raise ModelError(f"{type(model).__name__} has no channels: it is no model of deplib.models")
    return channels


class _TraceableLDBM(LDBM):
    """LDBM by reshaping and indexing: ``len``, ``unflatten`` and ``unfold`` give constants."""

    def patches(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, C), (B, T) -> (B, N, P C), (B, N), with N = ceil(T / S)."""
        P, S, C = self.patch, self.stride, self.channels
        n = (x.shape[1] + (S - 1)) // S
        x, mask = pad_time(x, mask, (n - 1) * S + P)
        if S < P:
            frames = (torch.arange(n)[:, None] * S + torch.arange(P)).reshape(-1)  # (N P,)
            x, mask = x.index_select(1, frames), mask.index_select(1, frames)
        return x.reshape(-1, n, P * C), mask.reshape(-1, n, P).any(dim=2)

    def merge_patches(self, z: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Average neighbours in pairs: (B, N, D), (B, N) -> (B, ceil(N/2), D), (B, ceil(N/2))."""
        n, D = (z.shape[1] + 1) // 2, self.positions.shape[1]
        z, mask = pad_time(z, mask, 2 * n)
        pairs, real = z.reshape(-1, n, 2, D), mask.reshape(-1, n, 2)  # (B, n, 2, D), (B, n, 2)
        weight = real.to(z.dtype)[..., None]  # (B, n, 2, 1)
        merged = (pairs * weight).sum(dim=2) / weight.sum(dim=2).clamp(min=1.0)  # (B, n, D)
        return merged, real.any(dim=2)


class _Scan(torch.autograd.Function):
    """Runs in PyTorch as the sequential scan, and is traced as one node."""

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        return sequential_scan(*inputs)

    @staticmethod
    def symbolic(g: Any, *inputs: Any) -> Any:
        return g.op(f"{DOMAIN}::SelectiveScan", *inputs).setType(inputs[0].type())


class _TraceableBlock(MambaBlock):
    """MambaBlock whose compiled scan is a node of the graph."""

    def ssm(self, x: Tensor) -> Tensor:
        """Algorithm 2: (b, t, d_inner) -> the same."""
        dt, B, C = self.x_proj(x).split(self.sizes, dim=2)  # (b, t, dt_rank), twice (b, t, n)
        dt = softplus(self.dt_proj(dt))  # (b, t, d_inner)
        y: Tensor = _Scan.apply(x, dt, -self.A_log.exp(), B, C, self.D)  # type: ignore[no-untyped-call]
        return y


class _TraceableRMSNorm(nn.RMSNorm):
    """RMSNorm in elementary operations: ONNX has it from operator set 23 on."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> the same."""
        eps = torch.finfo(x.dtype).eps if self.eps is None else self.eps
        y = x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + eps)
        return y if self.weight is None else y * self.weight


FORMS: Mapping[type[nn.Module], type[nn.Module]] = {
    LDBM: _TraceableLDBM,
    MambaBlock: _TraceableBlock,
    nn.RMSNorm: _TraceableRMSNorm,
}
"""Module -> the form of it that is traced; every other module is traced as it is."""
