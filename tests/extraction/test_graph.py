"""What is read off a graph must be what the graph computes: onnxruntime is the judge."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper
from tiny import write_onnx

from deplib.extraction import RAW, UNIT, rewrite_prelu
from deplib.extraction.onnx_graph import front_normalisation

SHAPE = ["N", 3, 8, 8]
RGB_MEAN, RGB_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def per_channel(values: tuple[float, ...] | np.ndarray) -> np.ndarray:
    return np.float32(values).reshape(1, 3, 1, 1)


def front(path: Path, chain: list[tuple], *, in_nodes: bool = False) -> onnx.ModelProto:
    """Write a graph that applies ``(op, constant)`` in turn and then a convolution.

    A third member puts the constant first: ``("Sub", c, "first")`` is c - x.
    """
    kernel = np.random.default_rng(0).standard_normal((2, 3, 3, 3)).astype(np.float32)
    weights, nodes, value = [numpy_helper.from_array(kernel, "kernel")], [], "x"
    for i, (op, *operands) in enumerate(chain):
        inputs = [value]
        if operands:
            tensor = numpy_helper.from_array(np.asarray(operands[0], np.float32), f"c{i}")
            if in_nodes:
                nodes.append(helper.make_node("Constant", [], [f"c{i}"], value=tensor))
            else:
                weights.append(tensor)
            inputs.insert(0 if operands[1:] else 1, f"c{i}")
        nodes.append(helper.make_node(op, inputs, [f"v{i}"]))
        value = f"v{i}"
    nodes.append(helper.make_node("Conv", [value, "kernel"], ["y"]))
    write_onnx(path, nodes, weights, inputs={"x": SHAPE}, outputs={"y": ["N", 2, 6, 6]})
    return onnx.load(path)


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


TORCHVISION = [
    ("Div", 255.0), ("Sub", per_channel((0.485, 0.456, 0.406))),
    ("Div", per_channel((0.229, 0.224, 0.225))[0]),
]  # fmt: skip
FIRST = [("Add", np.float32([[[-127.5]]]), "first"), ("Mul", 0.0078125, "first")]
CHAINS = {
    "insightface": ([("Sub", 127.5), ("Mul", 0.0078125)], 127.5, 128, RAW),
    "imagenet": (
        [("Sub", per_channel(RGB_MEAN)), ("Div", per_channel(RGB_STD))], RGB_MEAN, RGB_STD, RAW,
    ),
    "torchvision": (TORCHVISION, RGB_MEAN, RGB_STD, RAW),
    "multiplied first": ([("Mul", 2 / 255), ("Add", -1.0)], 127.5, 127.5, RAW),
    "constant first": (FIRST, 127.5, 128, RAW),
    "from 0 to 1": ([("Sub", 0.5), ("Div", 0.5)], 0.5, 0.5, UNIT),
}  # fmt: skip


@pytest.mark.parametrize("in_nodes", [False, True])
@pytest.mark.parametrize("name", CHAINS)
def test_a_normalisation_at_the_front_is_read_off(tmp_path, name, in_nodes):
    chain, mean, std, convention = CHAINS[name]
    model = front(tmp_path / "e.onnx", chain, in_nodes=in_nodes)
    inside = front_normalisation(model.graph)
    assert inside is not None
    np.testing.assert_allclose(inside.mean, mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(inside.std, std, rtol=1e-5)
    assert inside.convention == convention
    # The bare convolution on what the formula gives is the whole graph on what it takes.
    bare = front(tmp_path / "bare.onnx", [])
    pixels = np.random.default_rng(1).uniform(0, 255, (2, 3, 8, 8))
    x = (pixels / convention.std[0]).astype(np.float32)
    normalised = (x - per_channel(inside.mean)) / per_channel(inside.std)
    np.testing.assert_allclose(run(model, x), run(bare, normalised), rtol=1e-3, atol=1e-3)


OTHERS = {
    "nothing": [],
    "a branch": CHAINS["insightface"][0],
    "behind a layer": [("Relu",), ("Sub", 127.5), ("Div", 128.0)],
    "a mere scale": [("Mul", 0.996)],
    "a mean image": [("Sub", np.full((1, 3, 8, 8), 127.5)), ("Div", 128.0)],
    "a mean row": [("Sub", np.float32([[[[127.5] * 8]]])), ("Div", 128.0)],
    "undone again": [("Mul", 127.5), ("Add", 127.5), ("Sub", 127.5), ("Div", 127.5)],
    "nothing left": [("Mul", 0.0)],
    "a reciprocal": [("Div", 255.0, "first")],
    "a power": [("Pow", 2.0)],
}


@pytest.mark.parametrize("name", OTHERS)
def test_anything_else_is_none(tmp_path, name):
    model = front(tmp_path / "e.onnx", OTHERS[name])
    if name == "a branch":  # only what every path has passed is the input's normalisation
        model.graph.node.append(helper.make_node("Relu", ["x"], ["aside"]))
    assert front_normalisation(model.graph) is None


SLOPES = [[0.25], [(0.25, 0.1, 0.4)], [(-0.5, 1.0, 1.7), (0.0, 0.2, 0.3)]]


@pytest.mark.parametrize("slopes", SLOPES)
def test_rewritten_prelu_is_the_same_function(tmp_path, slopes):
    nodes, value = [], "x"
    for i in range(len(slopes)):
        nodes.append(helper.make_node("PRelu", [value, f"a{i}"], [f"p{i}"]))
        value = f"p{i}"
    shaped = [np.float32(slope).reshape(-1, 1, 1) for slope in slopes]
    weights = [numpy_helper.from_array(slope, f"a{i}") for i, slope in enumerate(shaped)]
    nodes.append(helper.make_node("Flatten", [value], ["y"]))
    write_onnx(tmp_path / "e.onnx", nodes, weights, inputs={"x": SHAPE}, outputs={"y": ["N", 192]})
    model = onnx.load(tmp_path / "e.onnx")
    x = np.random.default_rng(1).standard_normal((4, 3, 8, 8)).astype(np.float32)
    before = run(model, x)
    assert rewrite_prelu(model) == len(slopes)
    onnx.checker.check_model(model)
    assert all(node.op_type != "PRelu" for node in model.graph.node)
    np.testing.assert_allclose(run(model, x), before, atol=1e-5 * np.abs(before).max())
    assert rewrite_prelu(model) == 0


def test_a_slope_that_is_computed_is_left_alone(tmp_path):
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["slope"], axes=[2, 3]),
        helper.make_node("PRelu", ["x", "slope"], ["y"]),
    ]
    path = write_onnx(tmp_path / "e.onnx", nodes, [], inputs={"x": SHAPE}, outputs={"y": SHAPE})
    model = onnx.load(path)
    before = model.SerializeToString()
    assert rewrite_prelu(model) == 0
    assert model.SerializeToString() == before
