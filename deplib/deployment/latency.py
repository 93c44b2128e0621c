"""Size of exported models and encoders, and their CPU time in one thread, on this machine.

All take turns, round after round, so that a busy machine hits all alike, and every round is kept:
the smallest is the estimate, for another program's work only adds to it.
"""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from deplib.cost.steps import cpu_seconds
from deplib.deployment.card import FORMAT, OPSET, Card
from deplib.deployment.exporting import export_model, longest
from deplib.deployment.model_file import open_model, read_model
from deplib.deployment.prediction import cut
from deplib.deployment.quantising import quantise_dynamic, quantise_static
from deplib.extraction.embedded import PATH
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.extraction.encoders.onnx_file import open_session
from deplib.models import build
from deplib.models.registry import REGISTRY
from deplib.protocol import Protocol

FLOAT, INT8 = "float32", "int8"
AS_WRITTEN = "float32, PReLU as written"


def card_of(name: str, encoder: OnnxEncoder, *, width: int, longest_window: int | None) -> Card:
    """Return the card of a model that was not trained: its numbers mean nothing."""
    protocol = Protocol()
    return Card(
        format=FORMAT,
        model=name,
        features="identity",
        channels=width,
        window_length=protocol.window_length,
        sequence_length=protocol.sequence_length,
        max_length=longest_window,
        label_mean=0.0,
        label_std=1.0,
        encoder_sha256=encoder.sha256,
        preprocess=str(encoder.preprocess),
        half_width=1.0,
        level=0.5,
        cohort="none",
        simulated=True,
        opset=OPSET,
        key="untrained",
    )


def clip_windows(
    n_frames: int, width: int, window_length: int, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return one clip's windows of drawn unit vectors, (B, C, T), and their masks (B, T)."""
    features = rng.standard_normal((n_frames, width), np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    x, mask, _ = cut(features, np.ones(n_frames, bool), window_length)
    return np.ascontiguousarray(x.transpose(0, 2, 1)), mask


def model_rows(
    folder: Path,
    names: Collection[str] = REGISTRY,
    *,
    width: int = 512,
    rounds: int,
    rng: np.random.Generator,
    on_round: Callable[[], object] = lambda: None,
) -> list[dict[str, Any]]:
    """Export temporal models, in float32 and int8, and run each on one clip of the protocol.

    Parameters
    ----------
    folder
        Where the files are written; what is there already is kept.
    names
        Models of the registry; untrained, for speed does not depend on the weights.
    width
        Rows of a model's input.
    rounds
        How often each is measured.
    rng
        Draws the clip's features.
    on_round
        Called after each round.

    Returns
    -------
    list of dict
        ``model``, ``precision``, ``bytes`` of the file, ``frames`` and ``windows`` of the clip, and
        ``seconds`` of CPU: one number a round for all windows at once.
    """
    protocol, encoder = Protocol(), OnnxEncoder(PATH)
    x, mask = clip_windows(protocol.sequence_length, width, protocol.window_length, rng=rng)
    files: dict[tuple[str, str], Path] = {}
    for name in names:
        network = build(name, seed=0, channels=width)
        path, small = folder / f"{name}.onnx", folder / f"{name}.int8.onnx"
        card = card_of(name, encoder, width=width, longest_window=longest(network))
        export_model(network, path, card)
        quantise_dynamic(path, small)
        files |= {(name, FLOAT): path, (name, INT8): small}

    def run(path: Path) -> Callable[[], object]:
        session, _ = open_model(read_model(path), path, threads=1)
        return lambda: session.run(None, {"x": x, "mask": mask})

    seconds = _in_turns({key: run(path) for key, path in files.items()}, rounds, on_round)
    return [
        {
            "model": name,
            "precision": precision,
            "bytes": files[name, precision].stat().st_size,
            "frames": protocol.sequence_length,
            "windows": len(x),
            "seconds": measured,
        }
        for (name, precision), measured in seconds.items()
    ]


def encoder_rows(
    folder: Path,
    encoders: Mapping[str, Path],
    frames: Mapping[str, np.ndarray],
    *,
    rounds: int,
    on_round: Callable[[], object] = lambda: None,
) -> list[dict[str, Any]]:
    """Embed frames with encoders in several forms.

    Parameters
    ----------
    folder
        Where the files in int8 are written.
    encoders
        The files, by name.
    frames
        Faces for each, uint8 (n, 112, 112, 3): what is embedded at once, and what calibrates int8.
    rounds
        How often each is measured.
    on_round
        Called after each round.

    Returns
    -------
    list of dict
        ``encoder``, ``form``, ``bytes`` of the file, and ``seconds`` of CPU a frame, preprocessing
        included: one number a round. `AS_WRITTEN` is there only where there is a PReLU to rewrite.
    """
    files: dict[tuple[str, str], Path] = {}
    for name, path in encoders.items():
        small = folder / f"{name}.int8.onnx"
        quantise_static(path, small, frames[name], OnnxEncoder(path).preprocess)
        files |= {(name, FLOAT): path, (name, INT8): small}
        if "PRelu" in {node.op_type for node in onnx.load(path).graph.node}:
            files[name, AS_WRITTEN] = path

    def run(key: tuple[str, str]) -> Callable[[], object]:
        block, encoder = frames[key[0]], OnnxEncoder(files[key])
        if key[1] != AS_WRITTEN:
            return lambda: encoder.embed(block)
        # OnnxEncoder rewrites PReLU by itself, so the file is opened without it.
        session = open_session(files[key].read_bytes(), files[key], threads=1, device="cpu")
        name, step = session.get_inputs()[0].name, encoder.batch_size

        def as_written() -> None:
            for start in range(0, len(block), step):
                session.run(None, {name: encoder.preprocess(block[start : start + step])})

        return as_written

    seconds = _in_turns({key: run(key) for key in files}, rounds, on_round)
    return [
        {
            "encoder": name,
            "form": form,
            "bytes": files[name, form].stat().st_size,
            "seconds": [one / len(frames[name]) for one in measured],
        }
        for (name, form), measured in seconds.items()
    ]


def _in_turns(
    runs: dict[tuple[str, str], Callable[[], object]], rounds: int, on_round: Callable[[], object]
) -> dict[tuple[str, str], list[float]]:
    """Return the CPU time of each call, round after round, once each was called to warm up."""
    for run in runs.values():
        run()
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    for _ in range(rounds):
        for key, run in runs.items():
            seconds[key].append(cpu_seconds(run))
        on_round()
    return seconds
