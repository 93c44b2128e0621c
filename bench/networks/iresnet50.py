"""An IResNet-50 with random weights as ONNX: the size and the layers of ``w600k_r50``, no more.

The weights of insightface's file may not be shipped, and speed does not depend on their values. As
in that file, the batch normalisations behind convolutions are folded into them and those before
remain, activations are PReLU with a slope for each channel, and pixels come normalised.
"""

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))  # channels, blocks; each stage halves the side
SIDE = 112
DIM = 512


class _Graph:
    """Nodes and seeded weights, added layer by layer; each layer returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list = []
        self.weights: list = []
        self.n_parameters = 0
        self.n_multiply_adds = 0
        self.rng = np.random.default_rng(0)

    def _weight(self, values: np.ndarray) -> str:
        name = f"weight{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        self.n_parameters += values.size
        return name

    def _node(self, op: str, inputs: list[str], **attributes: Any) -> str:
        output = f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def convolution(self, x: str, shape: tuple[int, int, int], side: int, stride: int = 1) -> str:
        outputs, inputs, kernel = shape
        weights = self.rng.standard_normal((outputs, inputs, kernel, kernel))
        weights /= np.sqrt(inputs * kernel**2)
        bias = 0.05 * self.rng.standard_normal(outputs)
        self.n_multiply_adds += weights.size * (side // stride) ** 2
        return self._node(
            "Conv",
            [x, self._weight(weights), self._weight(bias)],
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[kernel // 2] * 4,
        )

    def batch_norm(self, x: str, channels: int) -> str:
        scale, shift, mean, variance = (
            centre + spread * self.rng.standard_normal(channels)
            for centre, spread in ((1, 0.05), (0, 0.05), (0, 0.05), (1, 0.05))
        )
        inputs = [x, *map(self._weight, (scale, shift, mean, np.abs(variance)))]
        return self._node("BatchNormalization", inputs, epsilon=1e-5)

    def prelu(self, x: str, channels: int) -> str:
        return self._node("PRelu", [x, self._weight(self.rng.uniform(0, 0.4, (channels, 1, 1)))])

    def block(self, x: str, inputs: int, outputs: int, side: int, stride: int) -> str:
        y = self.batch_norm(x, inputs)
        y = self.prelu(self.convolution(y, (outputs, inputs, 3), side), outputs)
        y = self.convolution(y, (outputs, outputs, 3), side, stride)
        shortcut = x if stride == 1 else self.convolution(x, (outputs, inputs, 1), side, stride)
        return self._node("Add", [y, shortcut])

    def head(self, x: str, inputs: int) -> str:
        x = self._node("Flatten", [x])
        weights = self.rng.standard_normal((DIM, inputs)) / np.sqrt(inputs)
        self.n_multiply_adds += weights.size
        x = self._node("Gemm", [x, self._weight(weights), self._weight(np.zeros(DIM))], transB=1)
        return self.batch_norm(x, DIM)


def write_iresnet50(path: Path) -> tuple[int, int]:
    """Write the network: input ``input.1`` (N, 3, 112, 112), output (N, 512).

    Returns
    -------
    tuple of int
        Parameters, and multiply-adds a frame.
    """
    graph, side, width = _Graph(), SIDE, STAGES[0][0]
    x = graph.prelu(graph.convolution("input.1", (width, 3, 3), side), width)
    for channels, blocks in STAGES:
        for block in range(blocks):
            stride = 2 if block == 0 else 1
            x = graph.block(x, width, channels, side, stride)
            side, width = side // stride, channels
    x = graph.head(graph.batch_norm(x, width), width * side**2)

    def declared(name: str, shape: list) -> list:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "iresnet50",
            declared("input.1", ["N", 3, SIDE, SIDE]),
            declared(x, ["N", DIM]),
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", 11)],
        ir_version=6,
    )
    path.write_bytes(model.SerializeToString())
    return graph.n_parameters, graph.n_multiply_adds
