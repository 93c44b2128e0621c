"""The class in a chapter's cell is the library's: its weights fit, and it answers the same."""

import ast
from pathlib import Path

import jupytext
import pytest
import torch
from torch import nn

from deplib import models
from deplib.study import small_windows
from deplib.training.loop import require_contract

CHAPTERS = [
    ("04_mean_mlp", "TemporalMeanMLP"),
    ("05_ldbm", "LDBM"),
    ("06_transformer", "VanillaTransformer"),
    ("07_mamba_gru", "MambaGRU"),
    ("07_mamba_gru", "Mamba"),
]
SAME = 1e-4
"""z-units: two ways of writing one sum."""


def class_in(chapter: str, name: str) -> type[nn.Module]:
    """Run the imports, classes and functions of the cells that define classes, and no more."""
    cells = jupytext.read(Path(__file__).parents[2] / "notebooks" / f"{chapter}.py").cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    imports = "\n".join(
        line for source in sources for line in source.splitlines()
        if line.startswith(("import torch", "from torch", "from deplib.models"))
    )  # fmt: skip
    scope: dict[str, object] = {}
    exec(imports, scope)
    for source in sources:
        for node in ast.parse(source).body if "class " in source else ():
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                exec(ast.unparse(node), scope)
    found = scope[name]
    assert isinstance(found, type)
    return found


@pytest.mark.parametrize(("chapter", "name"), CHAPTERS)
def test_the_class_in_the_cell_is_the_model_of_the_library(chapter, name):
    library, here = models.build(name, seed=0).eval(), class_in(chapter, name)().eval()
    here.load_state_dict(library.state_dict())
    assert models.n_parameters(here) == models.n_parameters(library)
    rng = torch.Generator().manual_seed(0)
    x, mask = torch.randn(3, 512, 200, generator=rng), torch.rand(3, 200, generator=rng) > 0.2
    mask[:, 0] = True
    with torch.inference_mode():
        torch.testing.assert_close(here(x, mask), library(x, mask), atol=SAME, rtol=0)


@pytest.mark.parametrize(("chapter", "name"), CHAPTERS)
def test_it_can_be_trained(chapter, name):
    require_contract(class_in(chapter, name)(), small_windows())
