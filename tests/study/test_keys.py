"""A key follows what makes a number, and nothing else; stale rows are refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from deplib import keys, results, study
from deplib.errors import ModelError, ResultError
from deplib.keys import run_key, source_of
from deplib.protocol import Protocol
from deplib.results import RunSpec

LDBM, FEATURES = RunSpec("LDBM"), {"identity": "0" * 64}


@pytest.fixture
def edited(monkeypatch):
    """Source files of deplib as if they had been edited; nothing is written."""
    real = Path.read_text
    changes = {}

    def read(self, *args, **options):
        return changes.get(self, str)(real(self, *args, **options))

    def edit(name, change):
        assert (keys.PACKAGE / name).is_file()
        changes[keys.PACKAGE / name] = change
        keys.code_of.cache_clear()

    monkeypatch.setattr(Path, "read_text", read)
    yield edit
    keys.code_of.cache_clear()


def test_the_key_follows_all_that_determines_a_result():
    changes = [
        {}, {"seed": 1}, {"labels": "permuted"}, {"lost": 0.5}, {"lost": 0.5, "fill": "random"},
        {"model": "MambaGRU"}, {"model": "LDBM-patch4"}, {"world": "null"}, {"recipe": "bags"},
        {"split_rule": "disjoint"}, {"model": "RidgeMean"},
    ]  # fmt: skip
    found = [run_key(replace(LDBM, **change), FEATURES) for change in changes]
    found += [run_key(LDBM, {"identity": "1" * 64}), run_key(LDBM, FEATURES, Protocol(epochs=3))]
    assert len(set(found)) == len(found)
    assert run_key(LDBM, dict(FEATURES), Protocol()) == found[0]
    with pytest.raises(ModelError, match="unknown model 'ResNet'"):
        run_key(RunSpec("ResNet"), FEATURES)


CODE = [
    (LDBM, "models/ldbm.py", True),
    (LDBM, "models/blocks.py", True),
    (LDBM, "models/mamba_gru.py", False),
    (LDBM, "training/loop.py", True),
    (LDBM, "windows.py", True),
    (LDBM, "recipes.py", False),
    (LDBM, "extraction/encoder.py", False),
    (RunSpec("Mamba"), "models/selective_scan.py", True),
    (RunSpec("HybridPooling", recipe="bags"), "recipes.py", True),
    (RunSpec("LDBM", precision="int8"), "deploy/quantise.py", True),
    (RunSpec("RidgeMean"), "baselines.py", True),
    (RunSpec("RidgeMean"), "training/loop.py", False),
]


@pytest.mark.parametrize(("spec", "file", "counts"), CODE)
def test_code_that_makes_the_numbers_counts_and_no_other(edited, spec, file, counts):
    before = source_of(spec)
    edited(file, lambda text: text + "\n# a comment, and a blank line\n\n")
    assert source_of(spec) == before
    edited(file, lambda text: text + "\nNEW = 1\n")
    assert (source_of(spec) != before) == counts


def test_the_versioned_results_are_those_of_the_present_code(edited):
    for world in study.WORLDS:
        results.require_fresh(world, results.runs(world))
    edited("models/ldbm.py", lambda text: text + "\nNEW = 1\n")
    with pytest.raises(ResultError, match=r"stale.*LDBM.*make sweep"):
        results.require_fresh("default", results._read("default", None)["runs"])
