"""Forms of the models that can be traced into an ONNX graph right for every length and batch.

A trace records tensor operations: whatever Python computes from a shape may become a constant and
then be wrong at another length, silently. Where a model does so, or uses an operator that ONNX
lacks, its module is replaced here by one of the same parameters and the same function.

- ``LDBM`` counts its patches in Python: its form counts in traced integers.
- ``MambaBlock`` runs a compiled scan: its form leaves a node ``SelectiveScan``, which `SCAN_NODE`
  defines by ONNX's own ``Scan``, one step of the recurrence a frame.
- ``RMSNorm`` is written out.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import onnx
import torch
from onnx import helper, inliner, parser
from torch import Tensor, nn
from torch.nn.functional import softplus

from deplib.deployment.card import OPSET
from deplib.models.blocks import pad_time
from deplib.models.ldbm import LDBM
from deplib.models.mamba import MambaBlock
from deplib.models.selective_scan import sequential_scan

DOMAIN = "deplib"
"""Domain of the nodes that a trace leaves for `define_scans`."""

SCAN_NODE = f"""
<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]>
SelectiveScan (x, dt, A, B, C, D) => (y)
{{
    second = Constant <value = int64[1] {{2}}> ()
    third = Constant <value = int64[1] {{3}}> ()
    u = Mul (dt, x)
    dt_rows = Unsqueeze (dt, second)
    u_rows = Unsqueeze (u, second)
    B_columns = Unsqueeze (B, third)
    C_rows = Unsqueeze (C, second)
    A_rows = Transpose <perm = [1, 0]> (A)
    batch = Shape <start = 0, end = 1> (x)
    states = Shape (A_rows)
    sizes = Concat <axis = 0> (batch, states)
    h_first = ConstantOfShape (sizes)
    h_last, y_rows = Scan <
        num_scan_inputs = 4,
        scan_input_axes = [1, 1, 1, 1],
        scan_output_axes = [1],
        body = step (
            float[b, n, d] h,
            float[b, 1, d] dt_t, float[b, 1, d] u_t, float[b, n, 1] B_t, float[b, 1, n] C_t
        ) => (float[b, n, d] h_next, float[b, 1, d] y_t) {{
            rate = Mul (dt_t, A_rows)
            decay = Exp (rate)
            kept = Mul (decay, h)
            entered = Mul (B_t, u_t)
            h_next = Add (kept, entered)
            y_t = MatMul (C_t, h_next)
        }}
    > (h_first, dt_rows, u_rows, B_columns, C_rows)
    read = Squeeze (y_rows, second)
    skip = Mul (D, x)
    y = Add (read, skip)
}}
"""
"""``deplib.models.selective_scan`` in ONNX. The d channels stand last, so that a step of the
recurrence is long rows of additions and products: 4 ms for 512 frames on one core."""


def traceable(model: nn.Module) -> nn.Module:
    """Return a copy of a model for tracing: same function, evaluation mode, CPU, float32."""
    copy = deepcopy(model).cpu().float().eval()
    for module in copy.modules():
        # The forms below add methods and no state, so a change of class is all it takes.
        module.__class__ = FORMS.get(type(module), type(module))
    return copy


def define_scans(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a traced network with each node ``SelectiveScan`` replaced by what defines it."""
    if not any(node.domain == DOMAIN for node in model.graph.node):
        return model
    model.functions.append(parser.parse_function(SCAN_NODE))
    if DOMAIN not in {one.domain for one in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    inlined = inliner.inline_local_functions(model)
    kept = [one for one in inlined.opset_import if one.domain != DOMAIN]
    del inlined.opset_import[:]
    inlined.opset_import.extend(kept)
    return inlined


class _TraceableLDBM(LDBM):
    """LDBM by reshaping and indexing: ``len``, ``unflatten`` and ``unfold`` give constants."""

    def patches(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, C), (B, T) -> (B, N, P C), (B, N), with N = ceil(T / S)."""
        P, S, C = self.patch, self.stride, self.channels
        n = (x.shape[1] + (S - 1)) // S
        x, mask = pad_time(x, mask, (n - 1) * S + P)
        if S < P:
            first = torch.arange(n, device=x.device)[:, None] * S  # (N, 1)
            frames = (first + torch.arange(P, device=x.device)).reshape(-1)  # (N P,)
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
    """MambaBlock whose scan is a node of the graph."""

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
