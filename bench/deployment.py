"""Size and speed of exported models and encoders, and of a whole `deplib predict`.

    python bench/deployment.py [FILE]

Writes results/deployment.json, or FILE. Models and encoders in CPU time of one thread, float32
beside int8 and, where an encoder has PReLU, beside onnxruntime's own PReLU; the verb as a process,
by the clock, beside its limit of five seconds a clip. The models are untrained, for speed does not
depend on weights. Some two minutes on a quiet machine.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from networks.iresnet50 import write_iresnet50
from networks.turns import take_turns, this_machine

from deplib import results
from deplib.cohorts.simulated import SimulatedCohort, write_avec_layout
from deplib.deploy import write_bundle
from deplib.deploy.bundle import open_model
from deplib.deploy.export import export_model
from deplib.deploy.predict import cut
from deplib.deploy.quantise import calibration_frames, quantise_dynamic, quantise_static
from deplib.extraction import OnnxEncoder, embedded_encoder, network_path, open_session
from deplib.models import REGISTRY, build
from deplib.protocol import Protocol
from deplib.results import RunSpec
from deplib.study import card_of

ROUNDS = 5
FEW = 4  # frames in a call of the IResNet-50, which takes a hundred times as long as the other
FRAME_LIMIT, CLIP_LIMIT = 0.1, 5.0  # seconds that the study allows a frame, and a clip may take
PROTOCOL = Protocol()


def models(folder: Path) -> list[dict]:
    """Export every model in float32 and int8 and run each on one clip of the protocol."""
    features = np.random.default_rng(0).standard_normal((PROTOCOL.sequence_length, 512), np.float32)
    valid = np.ones(len(features), bool)
    x, mask, _ = cut(features, valid, PROTOCOL.window_length)
    given = {"x": np.ascontiguousarray(x.transpose(0, 2, 1)), "mask": mask}
    files: dict[tuple[str, str], Path] = {}
    for name in REGISTRY:
        network, path = build(name, seed=0), folder / f"{name}.onnx"
        export_model(network, path, card_of(RunSpec(name), network, embedded_encoder(), PROTOCOL))
        quantise_dynamic(path, small := folder / f"{name}.int8.onnx")
        files |= {(name, "float32"): path, (name, "int8"): small}

    def run(path: Path) -> Callable[[], object]:
        session = open_model(path).session
        return lambda: session.run(None, given)

    taken = take_turns({key: run(path) for key, path in files.items()}, ROUNDS)
    return [
        {"model": name, "precision": precision, "bytes": files[name, precision].stat().st_size,
         "frames": len(features), "windows": len(x), "seconds": seconds}
        for (name, precision), seconds in taken.items()
    ]  # fmt: skip


def encoders(folder: Path) -> list[dict]:
    """Embed frames with the embedded encoder and an IResNet-50, in several forms."""
    write_iresnet50(large := folder / "iresnet50.onnx")
    frames = calibration_frames(seed=0)
    of = {"embedded": (network_path("embedded"), frames), "IResNet-50": (large, frames[:FEW])}
    ways: dict[tuple[str, str], Callable[[], object]] = {}
    sizes: dict[tuple[str, str], int] = {}
    for name, (path, block) in of.items():
        encoder = OnnxEncoder(path)
        quantise_static(path, small := folder / f"{name}.int8.onnx", block, encoder.preprocess)
        ways[name, "float32"] = lambda e=encoder, b=block: e.embed(b)
        in_8_bits = OnnxEncoder(small)
        ways[name, "int8"] = lambda e=in_8_bits, b=block: e.embed(b)
        sizes |= {(name, "float32"): path.stat().st_size, (name, "int8"): small.stat().st_size}
        if any(node.op_type == "PRelu" for node in onnx.load(path).graph.node):
            # OnnxEncoder rewrites PReLU by itself, so the file is opened without it.
            session = open_session(path.read_bytes(), path, threads=1, device="cpu")
            key, entry = (name, "float32, PReLU as written"), session.get_inputs()[0].name
            inputs = encoder.preprocess(block)
            ways[key] = lambda s=session, n=entry, i=inputs: s.run(None, {n: i})
            sizes[key] = path.stat().st_size
    return [
        {"encoder": name, "form": form, "bytes": sizes[name, form],
         "seconds": [one / len(of[name][1]) for one in seconds]}
        for (name, form), seconds in take_turns(ways, ROUNDS).items()
    ]  # fmt: skip


def whole(folder: Path) -> list[dict]:
    """Run `deplib predict` on one clip of the protocol's length, in processes of its own."""
    cohort, n = SimulatedCohort(), PROTOCOL.sequence_length
    table = cohort.recordings
    recording = table.loc[table["n_frames"] >= n, "recording"].iloc[0]
    write_avec_layout(cohort, folder / "corpus", recordings=[recording], max_frames=n)
    clip, network, encoder = (
        next(folder.rglob("*_aligned")),
        build("LDBM", seed=0),
        embedded_encoder(),
    )
    card = card_of(RunSpec("LDBM"), network, encoder, PROTOCOL)
    export_model(network, folder / "model.onnx", card)
    write_bundle(folder / "pair", folder / "model.onnx", card, encoder.path)
    code = "from deplib.cli import app; app()"
    command = [sys.executable, "-c", code, "predict", str(clip), str(folder / "pair")]
    verb = {"whole": lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)}
    seconds = take_turns(verb, ROUNDS, time.perf_counter)["whole"]
    return [{"part": "whole", "by": "clock", "seconds": seconds}]


def main(path: Path) -> None:
    """Measure, write, and print the ratios."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        content = {"machine": this_machine() | {"onnxruntime": ort.__version__}}
        content |= {part.__name__: part(folder) for part in (models, encoders, whole)}
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")

    print("int8 over float32:            bytes   time")
    for float32, int8 in zip(content["models"][::2], content["models"][1::2], strict=True):
        size, clock = (
            int8["bytes"] / float32["bytes"],
            min(int8["seconds"]) / min(float32["seconds"]),
        )
        print(f"  {float32['model']:<24}{size:9.2f}{clock:7.2f}")
    slowest = max(min(m["seconds"]) / m["frames"] for m in content["models"])
    print(f"a frame, with the slowest model, as a share of {FRAME_LIMIT:g} s; and over float32")
    first = {}
    for row in content["encoders"]:
        seconds = min(row["seconds"])
        base = first.setdefault(row["encoder"], seconds)
        share = (seconds + slowest) / FRAME_LIMIT
        print(f"  {row['encoder']:<12}{row['form']:<28}{share:7.3f}{seconds / base:7.2f}")
    share = min(content["whole"][0]["seconds"]) / CLIP_LIMIT
    print(f"deplib predict, a clip of 2000 frames, as a share of {CLIP_LIMIT:g} s: {share:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else results.folder() / "deployment.json")
