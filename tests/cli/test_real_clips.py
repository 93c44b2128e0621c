"""What a researcher does with films of their own, on ten real clips."""

import re

import pandas as pd

from deplib.cli.options import FAULTS


def test_real_clips_go_from_a_table_to_pages(run, real_clips, free_weights, tmp_path, monkeypatch):
    """The labels are invented; no word is of AVEC2014, its label, or a simulation."""
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    persons = {"again brother": "train", "bird milk": "train", "book learn": "dev"}
    persons |= {"eat night": "test", "hungry want": "test"}
    rows = [(n, who, split) for who, split in persons.items() for n in who.split()]
    table = pd.DataFrame(rows, columns=["recording", "person", "split"]).assign(fatigue=range(10))
    table["path"] = table["recording"].map(real_clips)
    table.to_csv(file := tmp_path / "signs.csv", index=False)
    file.with_suffix(".yaml").write_text("{label: fatigue, range: [0, 9]}")
    (quick := tmp_path / "quick").write_text("{epochs: 1, sequence_length: 6, window_length: 6}")
    aligned = ("--detector", free_weights["yunet"], "--det-size", 320)
    given = ("--root", file, *aligned, "--encoder", free_weights["sface"], "--config", quick)
    told = run("study", out := tmp_path / "study", *given, "--seeds", 2, code=FAULTS).output
    assert "left out" not in told
    told += run("export", tmp_path / "pair", *given, "--model", "LDBM", "--level", 0.5).output
    told += run("predict", real_clips["eat"], tmp_path / "pair", *aligned).output
    for name, word in (("09_results", "fatigue"), ("11_power", "2 persons in Test are too few")):
        page = (out / "pages" / f"{name}.html").read_text()
        told += (said := re.sub('(?s)<div class="highlight.*?</div>', "", page))  # without code
        assert word in said
    assert not re.search("AVEC2014|BDI|[Ss]imulated", told)
