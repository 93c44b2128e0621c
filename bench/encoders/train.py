"""How the shipped encoders were made: ``python -m encoders.train identity|affect|random``.

Identity (the embedded encoder): large-margin cosine loss (CosFace, Wang et al., 2018) over
simulated persons. Affect: linear regression of what a face shows on unit rows, since those are what
is stored of a frame; the read-out is dropped. Random: seeded weights; only the statistics of the
normalisation layers are measured, on renders, without which most outputs would be constant. A few
minutes on two cores; run in ``bench/``, with ``deplib[recipe]`` installed.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from encoders.face_verification import verification_accuracy
from encoders.network import EMBEDDING_DIM, INPUT_SIZE, EmbeddedEncoder
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from tqdm import trange

from deplib.cohorts.simulated import INDEX
from deplib.extraction import SHOWN, known_renders, network_path, stream

OPSET = 17
_COLUMNS = [INDEX[name] for name in SHOWN]
_HELD_OUT = {"persons": 100, "renders": 20}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """Everything that determines the weights, given the library versions."""

    file: str  # name of the shipped network
    stream: str  # of the persons
    identities: int = 1000
    renders: int = 20  # pictures a person
    epochs: int = 5  # 0: the weights stay as they were drawn
    batch_size: int = 128
    learning_rate: float = 4e-3  # peak of a one-cycle schedule, AdamW
    weight_decay: float = 5e-3
    seed: int = 1


RECIPES = {
    "identity": Recipe("embedded", "train"),
    "affect": Recipe("affect", "affect", epochs=6, batch_size=64, learning_rate=3e-3),
    "random": Recipe("random", "random", identities=100, epochs=0),
}


class CosFace(nn.Module):
    """Large-margin cosine loss over one learned direction a person."""

    def __init__(self, persons: int, *, margin: float = 0.30, scale: float = 30.0) -> None:
        super().__init__()
        # short, so that Adam's steps can turn them quickly; only their direction counts
        self.directions = nn.Parameter(0.05 * torch.randn(persons, EMBEDDING_DIM))
        self.margin, self.scale = margin, scale

    def forward(self, embeddings: Tensor, persons: Tensor) -> Tensor:
        """Return the mean loss of embeddings (n, 512) of known persons (n,)."""
        cosine = F.linear(F.normalize(embeddings), F.normalize(self.directions))
        penalty = self.margin * F.one_hot(persons, len(self.directions))
        return F.cross_entropy(self.scale * (cosine - penalty), persons)


class ReadOut(nn.Module):
    """Mean squared error of a linear map from unit rows to standardised parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(EMBEDDING_DIM, len(SHOWN))

    def read(self, embeddings: Tensor) -> Tensor:
        """Map embeddings (n, 512) of any length to (n, len(SHOWN))."""
        return self.linear(EMBEDDING_DIM**0.5 * F.normalize(embeddings))

    def forward(self, embeddings: Tensor, targets: Tensor) -> Tensor:
        """Return the mean squared error against what is shown, (n, len(SHOWN))."""
        return F.mse_loss(self.read(embeddings), targets)


@dataclass(frozen=True)
class Trained:
    """A network, the loss that it was trained with, and the scale of what it reads."""

    network: EmbeddedEncoder
    loss: nn.Module | None = None
    mean: np.ndarray | None = None  # of each parameter over the training pictures, (len(SHOWN),)
    sd: np.ndarray | None = None


def to_input(frames: np.ndarray) -> Tensor:
    """Map RGB uint8 (n, 112, 112, 3) to the network's input (n, 3, 112, 112)."""
    pixels = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)
    return (pixels.float() - 127.5) / 127.5


def fit(name: str, recipe: Recipe) -> Trained:
    """Render the persons and train a network on them, or only measure its normalisation layers.

    Raises
    ------
    ValueError
        If there are fewer pictures than a batch holds.
    """
    n = recipe.identities * recipe.renders
    if n < recipe.batch_size:
        raise ValueError(
            f"{n} pictures make no batch of {recipe.batch_size}: take more persons or renders, or "
            "a smaller batch"
        )
    rng = stream(recipe.stream, recipe.seed)
    drawn = [
        known_renders(recipe.renders, rng=rng)
        for _ in trange(recipe.identities, desc="persons", unit="")
    ]
    frames = np.concatenate([pictures for pictures, _ in drawn])
    shown = np.concatenate([params[:, _COLUMNS] for _, params in drawn])
    del drawn
    mean, sd = shown.mean(axis=0), shown.std(axis=0)
    loss: nn.Module
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = EmbeddedEncoder()
        loss = CosFace(recipe.identities) if name == "identity" else ReadOut()
    if name == "random":
        _measure_norms(network, frames, recipe, rng=rng)
        return Trained(network.eval())
    if name == "identity":
        targets = torch.arange(recipe.identities).repeat_interleave(recipe.renders)
    else:
        targets = torch.from_numpy((shown - mean) / sd)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        [*network.parameters(), *loss.parameters()],
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
    )
    steps = n // recipe.batch_size
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.epochs * steps, pct_start=0.2
    )
    network.train()
    for epoch in trange(recipe.epochs, desc="epochs", unit=""):
        total = 0.0
        for batch in _batches(n, recipe.batch_size, rng=rng):
            inputs = to_input(frames[batch]).contiguous(memory_format=torch.channels_last)
            value = loss(network(inputs), targets[batch])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            total += value.item()
        _log.info("epoch %d: loss %.3f", epoch + 1, total / steps)
    return Trained(network.eval(), loss.eval(), mean, sd)


def _measure_norms(
    network: EmbeddedEncoder, frames: np.ndarray, recipe: Recipe, *, rng: np.random.Generator
) -> None:
    """Measure the normalisation layers' statistics: the plain average over all batches."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.momentum = None
    network.train()
    with torch.no_grad():
        for batch in _batches(len(frames), recipe.batch_size, rng=rng):
            network(to_input(frames[batch]))


def _batches(n: int, size: int, *, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield whole batches of all indices in a new order."""
    yield from rng.permutation(n)[: n // size * size].reshape(-1, size)


def embed(network: EmbeddedEncoder, frames: np.ndarray) -> np.ndarray:
    """Embed RGB uint8 (n, 112, 112, 3) with the torch network."""
    with torch.inference_mode():
        return network(to_input(frames)).numpy()


def held_out_r2(trained: Trained, *, rng: np.random.Generator) -> dict[str, float]:
    """Return the share of variance that the read-out explains in persons of its own, by channel."""
    drawn = [known_renders(_HELD_OUT["renders"], rng=rng) for _ in range(_HELD_OUT["persons"])]
    shown = np.concatenate([params[:, _COLUMNS] for _, params in drawn])
    with torch.inference_mode():
        z = [trained.loss.read(trained.network(to_input(frames))) for frames, _ in drawn]
    read = trained.mean + trained.sd * torch.cat(z).numpy()
    unexplained = ((shown - read) ** 2).sum(axis=0)
    r2 = 1 - unexplained / ((shown - shown.mean(axis=0)) ** 2).sum(axis=0)
    return {channel: round(value, 3) for channel, value in zip(SHOWN, r2.tolist(), strict=True)}


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
    name: Annotated[str, typer.Argument(help="identity, affect or random")],
    identities: Annotated[int | None, typer.Option(help="persons to render")] = None,
    renders: Annotated[int | None, typer.Option(help="pictures a person")] = None,
    epochs: Annotated[int | None, typer.Option(help="passes over the pictures")] = None,
    seed: Annotated[int | None, typer.Option(help="seed of persons, weights and order")] = None,
    out: Annotated[Path | None, typer.Option(help="where the ONNX file goes")] = None,
) -> None:
    """Make, export and verify one of the shipped encoders, and write its card."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if name not in RECIPES:
        raise typer.BadParameter(f"no recipe {name!r}; there are {', '.join(RECIPES)}")
    if name == "random" and epochs is not None:
        raise typer.BadParameter("random is not trained: it has no epochs; leave them out")
    given = {"identities": identities, "renders": renders, "epochs": epochs, "seed": seed}
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    recipe = replace(RECIPES[name], **changes)
    path = out or network_path(recipe.file)
    trained = fit(name, recipe)
    export(trained.network, path)
    card: dict[str, Any] = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "recipe": asdict(recipe),
        "parameters": sum(p.numel() for p in trained.network.parameters()),
    }
    if name == "affect":
        card["r2"] = held_out_r2(trained, rng=stream("held-out", recipe.seed + 2))
    faces, _ = known_renders(8, rng=stream("held-out", recipe.seed + 1))
    accuracy = verification_accuracy(
        lambda frames: embed(trained.network, frames), rng=stream("held-out", recipe.seed)
    ).accuracy
    card["verification_accuracy"] = round(accuracy, 4)
    card["parity"] = float(f"{parity(trained.network, path, faces):.1e}")
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    _log.info("%s", json.dumps(card, indent=2))


if __name__ == "__main__":
    typer.run(main)
