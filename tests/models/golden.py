"""Record a model's golden numbers: ``python tests/models/golden.py NAME``, once, to be committed.

What is recorded already is left as it is: a change of it is a change of the model, and its entry
is taken out of ``golden.json`` by hand.
"""

import json
import sys
from pathlib import Path

from samples import batch, make

from deplib.models import build, n_parameters

FILE = Path(__file__).with_name("golden.json")


def recorded() -> dict[str, dict]:
    """Return, by model, ``parameters`` and ``output``: of seed 0, for ``samples.batch``."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def record(name: str) -> None:
    known = recorded()
    if name in known:
        sys.exit(f"{name} is recorded already: take its entry out of {FILE.name} to change it")
    output = [round(value, 5) for value in make(name)(*batch()).tolist()]
    known[name] = {"parameters": n_parameters(build(name, seed=0)), "output": output}
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in known.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        record(argument)
