"""The recipe for a new model, followed line by line in a copy of the repository."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from recipes import clone, editor, follow, recipe

LINES = recipe("A new model, in ten lines")
NOT_TRIED = {".venv/bin/deplib sweep": "hours; `train` does the same on little"}
"""Lines that this test leaves out, each with the reason."""

MODEL = '''\
"""MyModel: a mean over the real frames that weighs late ones more.

a = softmax over t of r t / T         y = f(sum of a_t x_t)
"""

import torch
from torch import Tensor, nn

from deplib.models.blocks import check_input, regressor


class MyModel(nn.Module):
    """Weights that grow with time, at a rate that is learnt."""

    def __init__(self, *, channels: int = 512, hidden: int = 64) -> None:
        super().__init__()
        self.channels = channels
        self.rate = nn.Parameter(torch.ones(1))
        self.mlp = regressor(channels, hidden)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) bool -> (B,) z-scored BDI-II."""
        x = check_input(x, mask, channels=self.channels)
        time = mask.cumsum(1) / mask.sum(1, keepdim=True)
        weights = (self.rate * time).masked_fill(~mask, -torch.inf).softmax(1)
        return self.mlp(weights[:, None].bmm(x).squeeze(1)).squeeze(1)
'''
CHANGES = {
    "deplib/models/my_model.py": (r".*class MyModel.*", MODEL.replace("\\", r"\\")),
    "deplib/models/registry.py": (r"(BEYOND = \{\n)", r'\1    "MyModel": "my_model",\n'),
    "deplib/study/grid.py": (r"(VARIED = \(\n)", r'\1    "MyModel",\n'),
    "deplib/figures/style.py": (r'("Mamba": "#\w+",\n)', r'\1        "MyModel": "#123456",\n'),
    "notebooks/09_results.py": (
        r"(#     - deplib.models.mamba\n)",
        r"\1#     - deplib.models.my_model\n",
    ),
}
KEYS = """
import json
from pathlib import Path
from deplib import study
from deplib.extraction import embedded_encoder
from deplib.study.features import open_cohort

encoder, found = embedded_encoder(), {}
for spec in study.sweep_specs(seeds=[0]):
    if (study.results_dir() / spec.path).exists():
        key = study.run_key(spec, open_cohort(spec.world), encoder)
        stored = json.loads((study.results_dir() / spec.path).read_text())["key"]
        found[spec.path.as_posix()] = key == stored
print(json.dumps(found))
"""
"""Whether each result of seed 0 is one that the present code stands behind."""


def test_the_recipe_has_ten_lines_at_most_and_all_but_one_are_tried() -> None:
    assert len(LINES) <= 10
    assert len([line for line in LINES if line.startswith(tuple(NOT_TRIED))]) == len(NOT_TRIED)


@pytest.mark.slow
def test_a_model_is_written_held_to_the_contract_and_trained(tmp_path: Path) -> None:
    root = clone(tmp_path / "clone")
    lines = [line for line in LINES if not line.startswith(tuple(NOT_TRIED))]
    chosen = "-k MyModel -p no:cacheprovider"
    said = follow(lines, root, EDITOR=str(editor(tmp_path, CHANGES)), PYTEST_ADDOPTS=chosen)
    tested = int(said.split(" passed")[0].split()[-1])
    assert tested > 20  # the contract has more than twenty parts
    assert "failed" not in said
    assert "MyModel" in said.split("BDI-II points")[1]  # the table of scores
    golden = json.loads((root / "tests" / "models" / "golden.json").read_text())
    assert len(golden["MyModel"]["output"]) == 3
    assert follow([".venv/bin/pytest tests/study/test_grid.py"], root)

    command = [sys.executable, "-c", KEYS]
    environment = {"PYTHONPATH": str(root), "PATH": ""}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    fresh = json.loads(run.stdout)
    assert len(fresh) > 50
    assert all(fresh.values()), [path for path, holds in fresh.items() if not holds]
