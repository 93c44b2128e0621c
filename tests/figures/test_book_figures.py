"""A figure shows itself as a picture, and hands over what readers can download if asked to."""

import io
import os
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deplib import figures
from deplib.figures.drawn import unlisted
from deplib.figures.style import KEEP, KEPT, begin, key

DRAW = """
import hashlib, os
import numpy as np
from deplib import figures
rng = np.random.default_rng(0)
lengths = {0.0: 180, 0.5: 1200, 1.0: 7000}
figure = figures.clip_lengths(rng.integers(180, 7000, 30), lengths, 2000)
for bytes_ in (figure._repr_mimebundle_()[0]["image/png"], *figure.kept().values()):
    print(hashlib.sha256(bytes_ if isinstance(bytes_, bytes) else str(bytes_).encode()).hexdigest())
"""


def figure() -> Figure:
    lengths = {0.0: 180, 0.5: 1200, 1.0: 7000}
    return figures.clip_lengths(np.arange(180, 7000, 300), lengths, 2000)


def test_without_being_asked_a_figure_is_only_a_picture(monkeypatch):
    monkeypatch.delenv(KEEP, raising=False)
    data, metadata = figure()._repr_mimebundle_(include=None, exclude=None)
    assert data["image/png"].startswith(b"\x89PNG")
    assert data["text/plain"] == "<BookFigure size 770x330 with 1 Axes>"
    assert metadata == {}


def test_where_it_is_asked_it_hands_over_drawing_data_and_origin(monkeypatch):
    monkeypatch.setenv(KEEP, "1")
    _, metadata = figures.stated(figure(), "made up")._repr_mimebundle_()
    kept = metadata[KEPT]
    assert kept["svg"].startswith("<?xml")
    table = pd.read_csv(io.StringIO(kept["csv"]))
    assert set(table["series"]) == {"this cohort", "AVEC2014, published", "2000 frames"}
    assert table.query("series == 'AVEC2014, published'")["x"].tolist() == [180, 1200, 7000]
    assert kept["origin"]["cohort"] == "made up"


def test_two_processes_draw_the_same_bytes():
    outputs = []
    for seed in ("0", "1"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": seed}
        done = subprocess.run(
            [sys.executable, "-c", DRAW],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.append(done.stdout.split())
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) == 4


def test_a_figure_is_on_white_whatever_the_session_says():
    with plt.rc_context({"figure.facecolor": "black", "savefig.facecolor": "black"}):
        assert figure().get_facecolor() == (1, 1, 1, 1)
        picture = plt.imread(io.BytesIO(figure()._repr_mimebundle_()[0]["image/png"]))
    assert picture[0, 0].tolist() == [1, 1, 1, 1]


def test_only_photographs_are_pictures_within_the_drawing():
    sheet = figures.contact_sheet([np.zeros((2, 112, 112, 3), np.uint8)], ["001_1"], ["", ""])
    assert sheet.kept()["svg"].count("<image") == 2
    assert figure().kept()["svg"].count("<image") == 0
    table = pd.read_csv(io.StringIO(sheet.kept()["csv"]))
    assert table["panel"].tolist() == ["001_1, frame 1", "001_1, frame 2"]
    assert table["kind"].tolist() == ["picture"] * 2


def test_the_legend_above_a_figure_names_everything_once():
    shown, axes = begin(size=(3, 2))
    for label in ("runs", "runs", unlisted("interval")):
        axes[0, 0].plot([1, 2], label=label)
    key(shown, axes[0, 0])
    assert [text.get_text() for text in shown.legends[0].get_texts()] == ["runs"]
