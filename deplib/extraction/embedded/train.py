"""The recipe of the embedded encoder: ``python -m deplib.extraction.embedded.train``.

Large-margin cosine loss (CosFace, Wang et al., 2018) over simulated persons, then an ONNX file and
its card. A few minutes on two cores.
"""

import hashlib
import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from tqdm import trange

from deplib.extraction.embedded import PATH
from deplib.extraction.embedded.network import EMBEDDING_DIM, INPUT_SIZE, EmbeddedEncoder
from deplib.extraction.embedded.renders import person_renders, stream
from deplib.extraction.embedded.verification import verification_accuracy

OPSET = 17
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """Everything that determines the weights, given the library versions."""

    identities: int = 1000
    renders: int = 20  # pictures a person
    epochs: int = 5
    batch_size: int = 128
    learning_rate: float = 4e-3  # peak of a one-cycle schedule, AdamW
    weight_decay: float = 5e-3
    margin: float = 0.30  # subtracted from the true person's cosine
    scale: float = 30.0  # of the cosines before the softmax
    seed: int = 1


class CosFace(nn.Module):
    """Large-margin cosine loss over one learned direction a person."""

    def __init__(self, persons: int, *, margin: float, scale: float) -> None:
        super().__init__()
        # short, so that Adam's steps can turn them quickly; only their direction counts
        self.directions = nn.Parameter(0.05 * torch.randn(persons, EMBEDDING_DIM))
        self.margin, self.scale = margin, scale

    def forward(self, embeddings: Tensor, persons: Tensor) -> Tensor:
        """Return the mean loss of embeddings (n, 512) of known persons (n,)."""
        cosine = F.linear(F.normalize(embeddings), F.normalize(self.directions))
        penalty = self.margin * F.one_hot(persons, len(self.directions))
        return F.cross_entropy(self.scale * (cosine - penalty), persons)


def to_input(frames: np.ndarray) -> Tensor:
    """Map RGB uint8 (n, 112, 112, 3) to the network's input (n, 3, 112, 112)."""
    pixels = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)
    return (pixels.float() - 127.5) / 127.5


def fit(recipe: Recipe) -> EmbeddedEncoder:
    """Render the persons and train the network on them."""
    rng = stream("train", recipe.seed)
    torch.manual_seed(recipe.seed)
    frames = np.concatenate(
        [
            person_renders(recipe.renders, rng=rng)
            for _ in trange(recipe.identities, desc="persons", unit="")
        ]
    )
    persons = torch.arange(recipe.identities).repeat_interleave(recipe.renders)
    network = EmbeddedEncoder()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    loss = CosFace(recipe.identities, margin=recipe.margin, scale=recipe.scale)
    optimizer = torch.optim.AdamW(
        [*network.parameters(), *loss.parameters()],
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
    )
    steps = len(frames) // recipe.batch_size
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.epochs * steps, pct_start=0.2
    )
    network.train()
    for epoch in trange(recipe.epochs, desc="epochs", unit=""):
        order = rng.permutation(len(frames))[: steps * recipe.batch_size].reshape(steps, -1)
        total = 0.0
        for batch in order:
            inputs = to_input(frames[batch]).contiguous(memory_format=torch.channels_last)
            value = loss(network(inputs), persons[batch])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            total += value.item()
        _log.info("epoch %d: loss %.3f", epoch + 1, total / steps)
    return network.eval()


def embed(network: EmbeddedEncoder, frames: np.ndarray) -> np.ndarray:
    """Embed RGB uint8 (n, 112, 112, 3) with the torch network."""
    with torch.inference_mode():
        return network(to_input(frames)).numpy()


def export(network: EmbeddedEncoder, path: Path) -> None:
    """Write one self-contained ONNX file with a free batch size, by way of a temporary name."""
    partial = path.with_suffix(".partial")
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    torch.onnx.export(
        network,
        (torch.zeros(2, 3, INPUT_SIZE, INPUT_SIZE),),
        str(partial),
        input_names=["input"],
        output_names=["embedding"],
        dynamic_axes={"input": {0: "batch"}, "embedding": {0: "batch"}},
        opset_version=OPSET,
        dynamo=False,
    )
    os.replace(partial, path)


def parity(network: EmbeddedEncoder, path: Path, frames: np.ndarray) -> float:
    """Return the largest difference between the torch network and the exported file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    exported = session.run(None, {"input": to_input(frames).numpy()})[0]
    return float(np.abs(exported - embed(network, frames)).max())


def main(
    identities: Annotated[int, typer.Option(help="persons to train on")] = Recipe.identities,
    renders: Annotated[int, typer.Option(help="pictures a person")] = Recipe.renders,
    epochs: Annotated[int, typer.Option(help="passes over the pictures")] = Recipe.epochs,
    seed: Annotated[int, typer.Option(help="seed of persons, weights and order")] = Recipe.seed,
    out: Annotated[Path, typer.Option(help="where the ONNX file goes")] = PATH,
) -> None:
    """Train, export and verify the embedded encoder."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe = Recipe(identities=identities, renders=renders, epochs=epochs, seed=seed)
    network = fit(recipe)
    export(network, out)
    difference = parity(network, out, person_renders(8, rng=stream("held-out", seed + 1)))
    result = verification_accuracy(
        lambda frames: embed(network, frames), rng=stream("held-out", seed)
    )
    card = {
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        "recipe": asdict(recipe),
        "parameters": sum(p.numel() for p in network.parameters()),
        "verification_accuracy": round(result.accuracy, 4),
        "parity": float(f"{difference:.1e}"),
    }
    out.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    _log.info("%s", json.dumps(card, indent=2))


if __name__ == "__main__":
    typer.run(main)
