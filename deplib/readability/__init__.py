"""How readable identity, expression, gaze and pose are from each encoder's embeddings.

Held-out simulated persons, whose parameters are known. Two thirds of them fit a linear read-out,
the others are tested, and what is reported has an interval over the tested persons. What a linear
read-out misses may still be there: folded up, or too faint for as few persons as fit it. An encoder
that was not trained for a quantity needs many more of them before it is read. Frames are single
renders: nothing here is about time, and nothing about depression.
"""

from deplib.readability.drawn import Drawn, Embed, draw, embed_all
from deplib.readability.recognition import recognise, whitened
from deplib.readability.regression import PENALTIES, read_out, ridge_path
from deplib.readability.scores import COLUMNS, KINDS, Readability, Score, measure, readability

__all__ = [
    "COLUMNS",
    "KINDS",
    "PENALTIES",
    "Drawn",
    "Embed",
    "Readability",
    "Score",
    "draw",
    "embed_all",
    "measure",
    "read_out",
    "readability",
    "recognise",
    "ridge_path",
    "whitened",
]
