"""Detector networks whose answers are planted, written as ONNX."""

from pathlib import Path

import numpy as np
from onnx import helper, numpy_helper
from tiny import write_onnx

STRIDES = (8, 16, 32)


def write_constants(path: Path, outputs: dict[str, np.ndarray], *, side: int | str) -> Path:
    """Write a network that answers every image with the same arrays."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["means"]),
    ]
    weights = []
    for name, values in outputs.items():
        weights += [
            numpy_helper.from_array(np.zeros((3, values.size), np.float32), f"{name}_w"),
            numpy_helper.from_array(values.astype(np.float32).reshape(1, -1), f"{name}_b"),
            numpy_helper.from_array(np.array(values.shape, np.int64), f"{name}_s"),
        ]
        nodes += [
            helper.make_node("MatMul", ["means", f"{name}_w"], [f"{name}_m"]),
            helper.make_node("Add", [f"{name}_m", f"{name}_b"], [f"{name}_f"]),
            helper.make_node("Reshape", [f"{name}_f", f"{name}_s"], [name]),
        ]
    return write_onnx(
        path, nodes, weights,
        inputs={"image": [1, 3, side, side]},
        outputs={name: list(values.shape) for name, values in outputs.items()},
    )  # fmt: skip


def scrfd_outputs(side: int, *, rng: np.random.Generator, hits: int = 8) -> dict[str, np.ndarray]:
    """Draw SCRFD's nine outputs for a square canvas: some confident anchors at each stride."""
    grids = {}
    for stride in STRIDES:
        n = 2 * (side // stride) ** 2
        score = rng.uniform(0, 0.49, n)
        score[rng.choice(n, min(hits, n), replace=False)] = rng.uniform(0.5, 1, min(hits, n))
        grids[stride] = (
            score[:, None],
            rng.uniform(0.5, 3, (n, 4)),
            rng.uniform(-2, 2, (n, 10)),
        )
    kinds = ("score", "bbox", "kps")
    return {f"{kind}_{s}": grids[s][k] for k, kind in enumerate(kinds) for s in STRIDES}


def yunet_outputs(side: int) -> dict[str, np.ndarray]:
    """Return YuNet's twelve outputs for a square canvas, without any face."""
    widths = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
    return {
        f"{kind}_{s}": np.zeros((1, (side // s) ** 2, width), np.float32)
        for kind, width in widths.items()
        for s in STRIDES
    }
