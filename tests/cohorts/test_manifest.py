"""A corpus of one's own: what a table may say and how, and what is said of one that is wrong."""

import shutil

import numpy as np
import pandas as pd
import pytest

from deplib.cohorts.base import COLUMNS, TolerantCohort
from deplib.cohorts.corpus import Corpus
from deplib.cohorts.manifest import split_persons
from deplib.errors import CohortError


@pytest.fixture
def table(source):
    """Six clips in the folder that a table lies in, labels 0 to 20."""
    rows = source.recordings[["recording", "person", "split"]]
    return rows.assign(path="clips/" + rows["recording"], label=[0, 4, 8, 12, 16, 20])


@pytest.fixture
def write(written, tmp_path, table):
    """Write the table, its label named as asked, beside clips and YAML; return its path."""
    for one in written.rglob("*_aligned"):
        shutil.copytree(one, tmp_path / "clips" / one.name.split("_Freeform")[0])

    def put(change=lambda t: t, label="PHQ-8", beside="", **how):
        table_as = change(table.copy()).rename(columns={"label": label})
        table_as.to_csv(tmp_path / "faces.csv", index=False, **how)
        (tmp_path / "faces.yaml").write_text(beside)
        return tmp_path / "faces.csv"

    return put


def at(column, value, row=2):
    def change(table):
        table[column] = table[column].astype(object)
        table.loc[row, column] = value
        return table

    return change


def test_a_table_is_a_corpus_with_its_name_and_scale(write, source, table):
    file = write(lambda t: t.assign(task="talk", fps=30, age=30))
    cohort = Corpus(file)
    assert isinstance(cohort, TolerantCohort)
    assert (cohort.name, cohort.simulated, cohort.scale[:3]) == ("faces", False, ("PHQ-8", 0, 24))
    assert tuple(cohort.recordings.columns) == COLUMNS
    expected = table.set_index("recording")["label"].astype(float)
    assert cohort.recordings.set_index("recording")["bdi"].to_dict() == expected.to_dict()
    assert cohort.check().empty
    for name in table["recording"]:
        np.testing.assert_array_equal(cohort.frames(name), source.frames(name))
    assert any("not used: age" in note for note in cohort.notes)
    with pytest.raises(CohortError, match=r"no recording of task sing: .* has talk"):
        Corpus(file, tasks=["sing"])
    (file.parent / "SIMULATED.txt").touch()
    assert (Corpus(file).name, Corpus(file).simulated) == ("simulated/faces", True)


SHEETS = {
    "Excel": {"sep": ";", "decimal": ",", "encoding": "utf-8-sig"},
    "Unicode text": {"sep": "\t", "encoding": "utf-16"},
    "quoted": {"decimal": ",", "quoting": 1, "lineterminator": "\r\n"},
    "ANSI": {"encoding": "cp1252"},
}


@pytest.mark.parametrize("how", SHEETS.values(), ids=SHEETS)
def test_what_spreadsheets_write_is_read(write, table, how):
    (write().parent / "clips" / "001_1").rename(write().parent / "clips" / "Jörg")

    def change(rows):
        rows["path"] = rows["path"].str.replace("001_1", "Jörg").str.replace("/", "\\")
        titled = rows.drop(columns="label").rename(columns=str.title)
        return titled.assign(label=rows["label"] + 0.5)

    cohort = Corpus(write(change, **how))
    assert sorted(cohort.recordings["bdi"]) == sorted(table["label"] + 0.5)
    assert cohort.check().empty


WRONG_ROWS = [
    (at("path", "clips/none"), "no such file or folder", 1),
    (at("label", 25), "its PHQ-8 is not from 0 to 24", 1),
    (at("label", -1), "its PHQ-8 is not from 0 to 24", 1),
    (at("label", "mild"), "its PHQ-8 is no number", 1),
    (at("label", "1e1"), "its PHQ-8 is no number", 1),
    (at("label", np.nan), "no PHQ-8", 1),
    (at("person", ""), "no person", 1),
    (at("split", "later"), "no split", 1),
    (at("recording", ""), "no recording", 1),
    (at("recording", "001 1/a"), "no file can have", 1),
    (lambda t: at("recording", t["recording"][0])(t), "in several rows", 2),
    (lambda t: at("path", t["path"][0])(t), "the clip is in several rows", 2),
    (lambda t: t.assign(fps="fast"), "no number above 0", 6),
    (lambda t: t.drop(index=5), "no row names", 0),
    (lambda t: t[t["split"] != "dev"], "no recording of this split", 0),
]


@pytest.mark.parametrize(("change", "text", "lost"), WRONG_ROWS)
def test_a_row_that_is_wrong_is_named_and_left_out(write, table, change, text, lost):
    file = write(change)
    n = len(pd.read_csv(file))
    if lost == n:
        with pytest.raises(CohortError, match=text):
            Corpus(file)
        return
    cohort = Corpus(file)
    report = cohort.check()
    assert report["problem"].str.contains(text).any()
    assert report["excluded"].any() == (lost > 0)
    assert len(cohort.recordings) == n - lost
    assert not report.drop(columns=["where", "recording"]).to_csv().count("mild")


REFUSED = [
    ({"change": lambda t: t.drop(columns="person")}, "lacks person; it has recording, split"),
    ({"change": lambda t: t[:0]}, "is the only one"),
    ({"change": lambda t: t.assign(**{"BDI-II": 3})}, "more than one label.*label: COLUMN"),
    ({"label": "fatigue"}, "no column BDI-II, PHQ-8.*it has .*fatigue"),
    ({"label": "fatigue", "beside": "label: fatigue"}, r"range of fatigue.*say range: \[LOW"),
    ({"beside": "label: mood"}, "no column mood"),
    ({"beside": "ranges: [0, 1]"}, r"does not hold.*ranges"),
    ({"beside": "a: [b"}, "does not hold"),
    ({"beside": "name: ../up"}, "cannot be called '../up'"),
]


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_a_table_that_cannot_be_understood_is_refused(write, given, message):
    with pytest.raises(CohortError, match=message):
        Corpus(write(**given))
    with pytest.raises(CohortError, match="no folder or table"):
        Corpus(write().with_name("none.csv"))


def test_any_label_has_the_range_and_bands_that_are_said(write):
    beside = "{name: Clinic, label: fatigue, range: [-5, 30], bands: {low: [-5, 3]}}"
    cohort = Corpus(write(label="fatigue", beside=beside))
    assert (cohort.name, cohort.scale) == ("Clinic", ("fatigue", -5, 30, (("low", -5, 3),)))
    assert cohort.check().empty


def test_without_a_split_persons_are_split_by_a_rule(write):
    persons = pd.Series([f"p{k % 40}" for k in range(100)])
    split = split_persons(persons)
    assert split.groupby(persons).nunique().eq(1).all()
    assert split.value_counts().between(18, 62).all()
    assert split.equals(split_persons(persons[::-1]).sort_index())
    file = write(lambda t: t.drop(columns="split").assign(person=list("aabbcd")))
    assert set(Corpus(file).recordings["split"]) == {"train", "dev", "test"}
    assert any("nobody is in two" in note for note in Corpus(file).notes)
    file = write(lambda t: t.assign(person=["P-01", "p01", "1", "01", "Ann", "ann "]))
    assert any("name: 01, 1; Ann, ann; P-01, p01; if" in note for note in Corpus(file).notes)
    file = write(lambda t: t.assign(person="a"))
    assert any("more than one split: a" in note for note in Corpus(file).notes)
