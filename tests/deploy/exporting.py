"""Models small enough to export in a moment, and how an exported file is run."""

from dataclasses import replace

from small_pair import CARD

from deplib.deploy import export
from deplib.deploy.bundle import open_model
from deplib.models import build

CHANNELS, LIMIT = 64, 300
FEWER = {
    "LDBM": {"max_length": LIMIT},
    "VanillaTransformer": {"n_positions": LIMIT},
    "MambaGRU": {"n_positions": LIMIT},
    "Mamba": {"width": 32},
}


def make(name):
    return build(name, seed=0, channels=CHANNELS, **FEWER.get(name.split("-")[0], {})).eval()


def card_for(model):
    longest = export.longest(model)
    return replace(CARD, model=type(model).__name__, channels=model.channels, max_length=longest)


def run(path, x, mask):
    return open_model(path).session.run(None, {"x": x, "mask": mask})[0]
