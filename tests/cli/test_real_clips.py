"""What a researcher does with films of their own, on ten real clips."""

import re

import pandas as pd
import pytest

from deplib.cli.options import FAULTS


@pytest.mark.slow
@pytest.mark.skipif("os.environ.get('CI')", reason="five minutes of a core: run it by hand")
def test_real_clips_go_from_a_table_to_pages(run, real_clips, free_weights, tmp_path, monkeypatch):
    """The labels are invented; no word is of AVEC2014, its label, or a simulation."""
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    names = ["again", "brother", "bird", "milk", "book", "learn", "eat", "night", "hungry", "want"]
    table = pd.DataFrame({"recording": names, "person": [*"aabbccddee"], "fatigue": range(10)})
    table = table.assign(split=["train"] * 4 + ["dev"] * 2 + ["test"] * 4)
    table.assign(path=[*map(real_clips.get, names)]).to_csv(file := tmp_path / "signs.csv")
    file.with_suffix(".yaml").write_text("{label: fatigue, range: [0, 9]}")
    (quick := tmp_path / "quick").write_text("{epochs: 1, sequence_length: 6, window_length: 6}")
    aligned, pair = ("--detector", free_weights["yunet"], "--det-size", 320), tmp_path / "pair"
    given = (*aligned, "--encoder", free_weights["sface"], "--config", quick)
    told = run("study", file, *given, "--out", tmp_path, "--runs", 2, code=FAULTS).output
    told += run("export", file, *given, "--model", "LDBM", "--level", 0.5, "--out", pair).output
    told += run("predict", real_clips["eat"], pair, *aligned).output
    for name, word in (("09_results", "fatigue"), ("11_power", "2 persons in Test are too few")):
        page = (tmp_path / "pages" / f"{name}.html").read_text()
        told += (said := re.sub('(?s)<div class="highlight.*?</div>', "", page))  # without code
        assert word in said
    assert ',"fatigue",' in next(tmp_path.rglob("residuals.csv")).read_text()
    assert not re.search("AVEC2014|BDI|[Ss]imulated|left out", told)
