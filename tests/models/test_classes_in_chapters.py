"""The classes that chapters write out are the library's: one's weights give the other's answers."""

import ast
from pathlib import Path
from typing import Any

import jupytext
import pytest
import torch

from deplib.models import build

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
WRITTEN_OUT = {
    "TemporalMeanMLP": "04_mean_mlp",
    "LDBM": "05_ldbm",
    "VanillaTransformer": "06_transformer",
    "MambaGRU": "07_mamba_gru",
    "Mamba": "07_mamba_gru",
}


def defined(chapter: str) -> dict[str, Any]:
    """Return what a chapter imports and defines, without running anything else of it."""
    cells = jupytext.read(NOTEBOOKS / f"{chapter}.py").cells
    kept: list[ast.stmt] = []
    for cell in (cell for cell in cells if cell.cell_type == "code"):
        kept += [
            node
            for node in ast.parse(cell.source).body
            if isinstance(node, ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef)
        ]
    names: dict[str, Any] = {"__name__": chapter}
    exec(compile(ast.Module(kept, []), chapter, "exec"), names)
    return names


@pytest.mark.parametrize(("model", "chapter"), WRITTEN_OUT.items())
def test_the_class_in_a_chapter_is_the_class_in_the_library(model: str, chapter: str) -> None:
    library, here = build(model, seed=3).eval(), defined(chapter)[model]().eval()
    assert type(here) is not type(library), f"{chapter} imports {model} and does not write it out"
    here.load_state_dict(library.state_dict())
    rng = torch.Generator().manual_seed(0)
    x, mask = torch.randn(3, 512, 75, generator=rng), torch.rand(3, 75, generator=rng) > 0.3
    x = x.masked_fill(~mask[:, None], float("nan"))
    with torch.inference_mode():
        torch.testing.assert_close(here(x, mask), library(x, mask), atol=1e-5, rtol=1e-4)


def test_a_class_of_other_weights_is_told_apart() -> None:
    one, other = build("LDBM", seed=0).eval(), defined("05_ldbm")["LDBM"]().eval()
    x, mask = torch.randn(2, 512, 40), torch.ones(2, 40, dtype=torch.bool)
    with torch.inference_mode():
        assert (one(x, mask) - other(x, mask)).abs().max() > 1e-4
