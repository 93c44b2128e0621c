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


def per_channel(values: tuple[float, ...]) -> np.ndarray:
    return np.float32(values).reshape(1, 3, 1, 1)


def front(path: Path, chain: list[tuple], *, how: str = "initializer") -> onnx.ModelProto:
    """Write a graph that applies ``(op, constant)`` in turn and then a convolution.

    A constant that is not last in its tuple is the first operand: ``("Sub", c, None)`` is c - x.
    """
    kernel = np.random.default_rng(0).standard_normal((2, 3, 3, 3)).astype(np.float32)
    weights, nodes, value = [numpy_helper.from_array(kernel, "kernel")], [], "x"
    for i, (op, *operands) in enumerate(chain):
        inputs = [value] if not operands or operands[0] is not None else []
        for constant in operands:
            if constant is None:
                inputs.append(value)
                continue
            name = f"c{i}_{len(inputs)}"
            tensor = numpy_helper.from_array(np.asarray(constant, np.float32), name)
            if how == "initializer":
                weights.append(tensor)
            elif how == "constant":
                nodes.append(helper.make_node("Constant", [], [name], value=tensor))
            else:
                tensor.name = f"{name}_source"
                weights.append(tensor)
                nodes.append(helper.make_node("Identity", [tensor.name], [name]))
            inputs.append(name)
        if operands and operands[0] is not None and len(operands) == 1:
            inputs = [value, inputs[-1]]
        if len(operands) == 2:
            inputs = inputs[-2:]
        nodes.append(helper.make_node(op, inputs, [f"v{i}"]))
        value = f"v{i}"
    nodes.append(helper.make_node("Conv", [value, "kernel"], ["y"]))
    write_onnx(path, nodes, weights, inputs={"x": SHAPE}, outputs={"y": ["N", 2, 6, 6]})
    return onnx.load(path)


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


CHAINS = {
    "insightface": ([("Sub", 127.5), ("Mul", 0.0078125)], (127.5,) * 3, (128,) * 3, RAW),
    "divided": ([("Sub", 127.5), ("Div", 127.5)], (127.5,) * 3, (127.5,) * 3, RAW),
    "imagenet": (
        [("Sub", per_channel(RGB_MEAN)), ("Div", per_channel(RGB_STD))], RGB_MEAN, RGB_STD, RAW,
    ),
    "torchvision": (
        [
            ("Div", 255.0),
            ("Sub", per_channel((0.485, 0.456, 0.406))),
            ("Div", per_channel((0.229, 0.224, 0.225))),
        ],
        RGB_MEAN, RGB_STD, RAW,
    ),
    "multiplied first": ([("Mul", 2 / 255), ("Add", -1.0)], (127.5,) * 3, (127.5,) * 3, RAW),
    "only divided": ([("Div", np.float32([255]))], (0,) * 3, (255,) * 3, RAW),
    "constant first": (
        [("Add", np.float32([[[-127.5]]]), None), ("Mul", 0.0078125, None)],
        (127.5,) * 3, (128,) * 3, RAW,
    ),
    "copied": (
        [("Identity",), ("Sub", 127.5), ("Identity",), ("Mul", 0.0078125)],
        (127.5,) * 3, (128,) * 3, RAW,
    ),
    "from 0 to 1": ([("Sub", 0.5), ("Div", 0.5)], (0.5,) * 3, (0.5,) * 3, UNIT),
    "shape (3, 1, 1)": (
        [("Sub", per_channel(RGB_MEAN)[0]), ("Div", per_channel(RGB_STD)[0])],
        RGB_MEAN, RGB_STD, RAW,
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", ["initializer", "constant", "identity"])
@pytest.mark.parametrize("name", CHAINS)
def test_a_normalisation_at_the_front_is_read_off(tmp_path: Path, name: str, how: str) -> None:
    chain, mean, std, convention = CHAINS[name]
    model = front(tmp_path / "e.onnx", chain, how=how)
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


@pytest.mark.parametrize(
    "chain",
    [
        [],
        [("Relu",), ("Sub", 127.5), ("Div", 128.0)],
        [("Mul", 1.0), ("Add", 0.0)],
        [("Mul", 0.996)],
        [("Sub", np.full((1, 3, 8, 8), 127.5)), ("Div", 128.0)],
        [("Sub", np.float32([[[[127.5] * 8]]])), ("Div", 128.0)],
        [("Mul", 127.5), ("Add", 127.5), ("Sub", 127.5), ("Div", 127.5)],
        [("Mul", 0.0)],
        [("Div", 255.0, None)],
        [("Pow", 2.0)],
    ],
    ids=[
        "nothing", "behind a layer", "nothing in effect", "a mere scale", "a mean image",
        "a mean row", "undone and done again", "nothing left", "a reciprocal", "a power",
    ],
)  # fmt: skip
def test_anything_else_is_none(tmp_path: Path, chain: list) -> None:
    assert front_normalisation(front(tmp_path / "e.onnx", chain).graph) is None


def test_a_branch_ends_the_chain(tmp_path: Path) -> None:
    """Only what every path through the network has passed is the input's normalisation."""
    nodes = [
        helper.make_node("Sub", ["x", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "x"], ["y"]),
    ]
    weights = [
        numpy_helper.from_array(np.float32(127.5), "mean"),
        numpy_helper.from_array(np.float32(0.0078125), "scale"),
    ]
    path = write_onnx(
        tmp_path / "e.onnx", nodes, weights, inputs={"x": SHAPE}, outputs={"y": SHAPE}
    )
    assert front_normalisation(onnx.load(path).graph) is None


def prelu_network(path: Path, slopes: list[np.ndarray], *, opset: int = 17) -> onnx.ModelProto:
    """Write convolutions, each followed by a PReLU; equal slopes share one initializer."""
    rng = np.random.default_rng(0)
    nodes, weights, value = [], {}, "x"
    for i, slope in enumerate(slopes):
        kernel = rng.standard_normal((3, 3, 3, 3)).astype(np.float32) / 5
        weights[f"k{i}"] = kernel
        name = f"a{id(slope)}"
        weights[name] = slope
        nodes += [
            helper.make_node("Conv", [value, f"k{i}"], [f"c{i}"], pads=[1] * 4),
            helper.make_node("PRelu", [f"c{i}", name], [f"p{i}"]),
        ]
        value = f"p{i}"
    nodes.append(helper.make_node("Flatten", [value], ["embedding"]))
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    write_onnx(path, nodes, tensors, inputs={"x": SHAPE}, outputs={"embedding": ["N", 192]})
    model = onnx.load(path)
    model.opset_import[0].version = opset
    return model


@pytest.mark.parametrize(
    "slopes",
    [
        [np.float32([[[0.25]], [[0.1]], [[0.4]]])],
        [np.float32([0.25])],
        [np.float32([[[-0.5]], [[1.0]], [[1.7]]]), np.float32([[[0.0]], [[0.2]], [[0.3]]])],
        [np.random.default_rng(3).uniform(0, 1, (3, 8, 8)).astype(np.float32)],
    ],
    ids=["a channel", "one for all", "outside 0 to 1", "a pixel"],
)
def test_rewritten_prelu_is_the_same_function(tmp_path: Path, slopes: list[np.ndarray]) -> None:
    model = prelu_network(tmp_path / "e.onnx", slopes)
    x = np.random.default_rng(1).standard_normal((4, 3, 8, 8)).astype(np.float32)
    before = run(model, x)
    assert rewrite_prelu(model) == len(slopes)
    onnx.checker.check_model(model)
    assert all(node.op_type != "PRelu" for node in model.graph.node)
    np.testing.assert_allclose(run(model, x), before, atol=1e-5 * np.abs(before).max())
    assert rewrite_prelu(model) == 0


def test_a_slope_that_is_computed_is_left_alone(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["slope"], axes=[2, 3]),
        helper.make_node("PRelu", ["x", "slope"], ["y"]),
    ]
    path = write_onnx(tmp_path / "e.onnx", nodes, [], inputs={"x": SHAPE}, outputs={"y": SHAPE})
    model = onnx.load(path)
    before = model.SerializeToString()
    assert rewrite_prelu(model) == 0
    assert model.SerializeToString() == before
