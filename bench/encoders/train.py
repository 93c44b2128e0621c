"""The recipe of the twins: ``python -m deplib.extraction.twins.train affect``, or ``random``.

Affect: linear regression of what a face shows on the embedding, the network and the read-out
trained together on simulated persons; the read-out is dropped. It reads unit rows, since those are
what is stored of a frame. A few minutes on one core. Random: seeded weights; only the statistics
of the normalisation layers are measured, on renders, without which most outputs would be constant.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from deplib.extraction.embedded.network import EMBEDDING_DIM, EmbeddedEncoder
from deplib.extraction.embedded.renders import person_renders, stream
from deplib.extraction.embedded.train import embed, export, parity, to_input
from deplib.extraction.embedded.verification import verification_accuracy
from deplib.extraction.twins import path_of
from deplib.extraction.twins.renders import SHOWN, known_renders
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from tqdm import trange

from deplib.cohorts.simulated import INDEX

_COLUMNS = [INDEX[name] for name in SHOWN]
_HELD_OUT = {"persons": 100, "renders": 20}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AffectRecipe:
    """Everything that determines the affect network's weights, given the library versions."""

    identities: int = 1000
    renders: int = 20  # pictures a person
    epochs: int = 6
    batch_size: int = 64
    learning_rate: float = 3e-3  # peak of a one-cycle schedule, AdamW
    weight_decay: float = 5e-3
    seed: int = 1


@dataclass(frozen=True)
class RandomRecipe:
    """Everything that determines the random network, given the library versions."""

    identities: int = 100  # whose pictures the normalisation layers see
    renders: int = 20  # pictures a person
    batch_size: int = 128
    seed: int = 1


class ReadOut(nn.Module):
    """Linear map from unit rows to the standardised parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(EMBEDDING_DIM, len(SHOWN))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Map embeddings (n, 512) of any length to (n, len(SHOWN))."""
        return self.linear(EMBEDDING_DIM**0.5 * F.normalize(embeddings))


@dataclass(frozen=True)
class Trained:
    """The affect network and the read-out that it was trained with."""

    network: EmbeddedEncoder
    read_out: ReadOut
    mean: np.ndarray  # of each parameter over the training pictures, (len(SHOWN),)
    sd: np.ndarray

    def read(self, frames: np.ndarray) -> np.ndarray:
        """Return what RGB frames (n, 112, 112, 3) show, (n, len(SHOWN))."""
        with torch.inference_mode():
            z = self.read_out(self.network(to_input(frames))).numpy()
        return self.mean + self.sd * z


def fit_affect(recipe: AffectRecipe) -> Trained:
    """Render the persons and train network and read-out on what they show (mean squared error).

    Raises
    ------
    ValueError
        If there are fewer pictures than a batch holds.
    """
    _check_batch(recipe)
    rng = stream("affect", recipe.seed)
    persons = [
        known_renders(recipe.renders, rng=rng)
        for _ in trange(recipe.identities, desc="persons", unit="")
    ]
    frames = np.concatenate([one for one, _ in persons])
    shown = np.concatenate([params[:, _COLUMNS] for _, params in persons])
    del persons
    mean, sd = shown.mean(axis=0), shown.std(axis=0)
    targets = torch.from_numpy((shown - mean) / sd)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network, read_out = EmbeddedEncoder(), ReadOut()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        [*network.parameters(), *read_out.parameters()],
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
    )
    steps = len(frames) // recipe.batch_size
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.epochs * steps, pct_start=0.2
    )
    network.train()
    for epoch in trange(recipe.epochs, desc="epochs", unit=""):
        total = 0.0
        for batch in _batches(len(frames), recipe.batch_size, rng=rng):
            inputs = to_input(frames[batch]).contiguous(memory_format=torch.channels_last)
            value = F.mse_loss(read_out(network(inputs)), targets[batch])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            total += value.item()
        _log.info("epoch %d: loss %.3f", epoch + 1, total / steps)
    return Trained(network.eval(), read_out.eval(), mean, sd)


def make_random(recipe: RandomRecipe) -> EmbeddedEncoder:
    """Draw the weights, and measure the normalisation layers' statistics in one pass.

    Raises
    ------
    ValueError
        If there are fewer pictures than a batch holds.
    """
    _check_batch(recipe)
    rng = stream("random", recipe.seed)
    frames = np.concatenate(
        [person_renders(recipe.renders, rng=rng) for _ in range(recipe.identities)]
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = EmbeddedEncoder()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.momentum = None  # the plain average over all batches
    network.train()
    with torch.no_grad():
        for batch in _batches(len(frames), recipe.batch_size, rng=rng):
            network(to_input(frames[batch]))
    return network.eval()


def _check_batch(recipe: AffectRecipe | RandomRecipe) -> None:
    n = recipe.identities * recipe.renders
    if n < recipe.batch_size:
        raise ValueError(
            f"{n} pictures make no batch of {recipe.batch_size}: take more persons or renders, or "
            "a smaller batch"
        )


def _batches(n: int, size: int, *, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield whole batches of all indices in a new order."""
    order = rng.permutation(n)
    yield from order[: n // size * size].reshape(-1, size)


def held_out_r2(
    trained: Trained, *, persons: int, renders: int, rng: np.random.Generator
) -> dict[str, float]:
    """Return the share of variance that the read-out explains in persons of its own, by channel."""
    drawn = [known_renders(renders, rng=rng) for _ in range(persons)]
    read = np.concatenate([trained.read(frames) for frames, _ in drawn])
    shown = np.concatenate([params[:, _COLUMNS] for _, params in drawn])
    unexplained = ((shown - read) ** 2).sum(axis=0)
    r2 = 1 - unexplained / ((shown - shown.mean(axis=0)) ** 2).sum(axis=0)
    return dict(zip(SHOWN, r2.tolist(), strict=True))


def main(
    name: Annotated[str, typer.Argument(help="affect or random")],
    identities: Annotated[int | None, typer.Option(help="persons to render")] = None,
    renders: Annotated[int | None, typer.Option(help="pictures a person")] = None,
    epochs: Annotated[int | None, typer.Option(help="passes over the pictures; affect")] = None,
    seed: Annotated[int | None, typer.Option(help="seed of persons, weights and order")] = None,
    out: Annotated[Path | None, typer.Option(help="where the ONNX file goes")] = None,
) -> None:
    """Make, export and verify one of the embedded encoder's twins."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    shipped = path_of(name)  # refuses an unknown name
    path = shipped if out is None else out
    given = {"identities": identities, "renders": renders, "epochs": epochs, "seed": seed}
    if name != "affect" and epochs is not None:
        raise typer.BadParameter(f"{name} is not trained: it has no epochs; leave them out")
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    recipe: AffectRecipe | RandomRecipe
    reached: dict[str, Any] = {}
    if name == "affect":
        recipe = replace(AffectRecipe(), **changes)
        trained = fit_affect(recipe)
        network = trained.network
        r2 = held_out_r2(trained, **_HELD_OUT, rng=stream("held-out", recipe.seed + 2))
        reached["reads"] = "expression, gaze and pose parameters of the simulator, by regression"
        reached["r2"] = {channel: round(value, 3) for channel, value in r2.items()}
    else:
        recipe = replace(RandomRecipe(), **changes)
        network = make_random(recipe)
        reached["reads"] = "nothing: seeded weights; normalisation statistics of one pass"
    export(network, path)
    difference = parity(network, path, person_renders(8, rng=stream("held-out", recipe.seed + 1)))
    result = verification_accuracy(
        lambda frames: embed(network, frames), rng=stream("held-out", recipe.seed)
    )
    card = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "recipe": asdict(recipe),
        "parameters": sum(p.numel() for p in network.parameters()),
        **reached,
        "verification_accuracy": round(result.accuracy, 4),
        "parity": float(f"{difference:.1e}"),
    }
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    _log.info("%s", json.dumps(card, indent=2))


if __name__ == "__main__":
    typer.run(main)
