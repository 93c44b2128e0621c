"""Smaller files: 8-bit weights for a model, 8-bit weights and activations for its encoder.

q = round(w / s), one scale s for each output of a layer (Krishnamoorthi 2018, "Quantizing deep
convolutional networks for efficient inference", sections 2 and 3). Weights keep to 7 of the 8
bits: on a processor without VNNI onnxruntime adds products of 8 bits in 16, and would overflow
there, so that the same file would give other numbers.

How far a small file strays from the large one is measured, not assumed: `largest_change` and
`cosines`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from deplib.deployment.card import put_card
from deplib.deployment.model_file import open_model, parse_model, read_model
from deplib.deployment.quantiser import (
    CalibrationFrames,
    front_nodes,
    quietly,
    refuse_twice,
    store_in_8_bits,
)
from deplib.errors import EncoderError, ModelError
from deplib.extraction.embedded.renders import person_renders, stream
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.extraction.encoders.graph import rewrite_prelu
from deplib.extraction.encoders.onnx_file import parse, read_file
from deplib.extraction.encoders.preprocess import Preprocess
from deplib.extraction.storage.atomic import write_atomically

LEAST_COSINE = 0.95
"""Of an encoder in 8 bits with the same one in float32, in the mean; below it nothing is written.
Another person's face is at 0.3 or so, and an encoder in order at 0.99 or more."""


@dataclass(frozen=True)
class Quantised:
    """Sizes of a file before and after, in bytes."""

    bytes_before: int
    bytes_after: int


def quantise_dynamic(source: Path, target: Path) -> Quantised:
    """Write an exported model with 8-bit weights; its card goes along.

    Products with a weight are computed in 8 bits, on activations rounded as they come. Other large
    weights (a GRU's, the positions) are stored in 8 bits and computed with in float32.

    Parameters
    ----------
    source
        A file that ``export_model`` wrote.
    target
        Where the small one goes.

    Returns
    -------
    Quantised

    Raises
    ------
    ModelError
        If the source is no exported model, is quantised already, or onnxruntime cannot do it.
    """
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization import quantize_dynamic as quantise

    content = read_model(source)
    _, card = open_model(content, source, threads=1)
    network = parse_model(content, source)
    refuse_twice(network, source, ModelError)
    del network.graph.value_info[:]  # shapes of the float32 graph
    with quietly("model", source, ModelError) as partial:
        quantise(
            network,
            partial,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
        network = onnx.load(partial)
    store_in_8_bits(network.graph)
    del network.metadata_props[:]  # onnxruntime's notes
    put_card(network, card)
    small = network.SerializeToString()
    open_model(small, target, threads=1)
    write_atomically(target, small)
    return Quantised(len(content), len(small))


def quantise_static(
    encoder_path: Path, target: Path, frames: np.ndarray, preprocess: Preprocess
) -> Quantised:
    """Write an encoder with 8-bit weights and activations.

    Parameters
    ----------
    encoder_path
        A float32 encoder.
    target
        Where the small one goes. Its hash is another one: export models for it with its own.
    frames
        RGB uint8 (n, size, size, 3): what the ranges of activations are read off, such as
        `calibration_frames`. Never frames of the cohort that is evaluated.
    preprocess
        The encoder's.

    Returns
    -------
    Quantised

    Raises
    ------
    EncoderError
        If the encoder breaks its contract, there is no frame, onnxruntime cannot do it, or the
        result agrees with the encoder less than `LEAST_COSINE` on these frames.
    """
    from onnxruntime.quantization import QuantFormat, QuantType
    from onnxruntime.quantization import quantize_static as quantise

    encoder = OnnxEncoder(encoder_path, preprocess)
    if not len(frames):
        raise EncoderError("no frame to calibrate on: give some hundreds of faces")
    encoder.embed(frames[:1])  # checks what they are
    content = read_file(encoder_path)
    network = parse(content, encoder_path)
    refuse_twice(network, encoder_path, EncoderError)
    rewrite_prelu(network)  # there is no PRelu in 8 bits
    with quietly("encoder", encoder_path, EncoderError) as partial:
        quantise(
            network,
            partial,
            CalibrationFrames(network, frames, preprocess),
            quant_format=QuantFormat.QOperator,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=front_nodes(network.graph),
        )
        agreement = cosines(encoder, OnnxEncoder(partial, preprocess), frames)
        if not (mean := float(agreement.mean())) >= LEAST_COSINE:
            raise EncoderError(
                f"{encoder_path} in 8 bits agrees with itself in float32 to a cosine of {mean:.3f} "
                f"only, below {LEAST_COSINE}: calibrate it on more frames, of faces as it will "
                "see them, or use it in float32"
            )
        small = partial.read_bytes()
    write_atomically(target, small)
    return Quantised(len(content), len(small))


def calibration_frames(persons: int = 32, renders: int = 8, *, seed: int) -> np.ndarray:
    """Render faces to calibrate an encoder on: persons of no cohort and of no training.

    Returns
    -------
    ndarray of uint8, shape (persons * renders, 112, 112, 3)
    """
    rng = stream("calibration", seed)
    return np.concatenate([person_renders(renders, rng=rng) for _ in range(persons)])


def largest_change(source: Path, target: Path, x: np.ndarray, mask: np.ndarray) -> float:
    """Return the largest difference of two exported models on windows (B, C, T), in z-units.

    Raises
    ------
    ModelError
        If a file is no exported model.
    """
    given = {"x": x, "mask": mask}
    y, z = (
        open_model(read_model(path), path, threads=1)[0].run(None, given)[0]
        for path in (source, target)
    )
    return float(np.abs(y - z).max())


def cosines(one: OnnxEncoder, other: OnnxEncoder, frames: np.ndarray) -> np.ndarray:
    """Return the cosine of two encoders' embeddings of each frame, (n,); NaN where one has none."""
    a, b = (encoder.embed(frames).features for encoder in (one, other))
    return np.asarray((a * b).sum(axis=1))
