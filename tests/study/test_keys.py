from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pytest
from deplib.study.keys import source_of
from small_world import COHORT

import deplib
from deplib import study
from deplib.errors import ModelError
from deplib.extraction import OnnxEncoder, embedded_encoder
from deplib.models import REGISTRY, resolve
from deplib.protocol import Protocol
from deplib.provenance import digest
from deplib.results import RunSpec

PACKAGE = Path(deplib.__file__).parent
LDBM = RunSpec("LDBM")


@pytest.fixture
def edited(monkeypatch):
    """Source files of deplib as if they had been edited; nothing is written."""
    real = Path.read_text

    def edit(name, change):
        path = PACKAGE / name
        assert path.is_file()
        monkeypatch.setattr(
            Path,
            "read_text",
            lambda self, *a, **kw: (
                change(real(self, *a, **kw)) if self == path else real(self, *a, **kw)
            ),
        )

    return edit


def more_code(text):
    return text + "\nNEW = 1\n"


def test_the_key_follows_all_that_determines_a_result(tmp_path, tiny_onnx):
    cohort = COHORT()
    key = partial(study.run_key, encoder=embedded_encoder())
    keys = [
        key(LDBM, cohort),
        key(replace(LDBM, seed=1), cohort),
        key(replace(LDBM, labels="permuted"), cohort),
        key(replace(LDBM, lost=0.5), cohort),
        key(replace(LDBM, lost=0.5, fill="random"), cohort),
        key(replace(LDBM, model="MambaGRU"), cohort),
        key(replace(LDBM, model="LDBM-patch4"), cohort),
        key(LDBM, COHORT("null")),
        key(LDBM, COHORT(seed=1)),
        key(LDBM, cohort, protocol=Protocol(epochs=3)),
        key(LDBM, cohort, protocol=Protocol(patience=3)),
        key(LDBM, cohort, limits=study.MissLimits(0.5, 0.5)),
        study.run_key(LDBM, cohort, OnnxEncoder(tiny_onnx)),
    ]
    assert len(set(keys)) == len(keys)
    assert key(LDBM, COHORT(), protocol=Protocol(), limits=study.LIMITS) == keys[0]


@pytest.mark.parametrize(
    "spec",
    [LDBM, RunSpec("RidgeMean", world="null"), RunSpec("LDBM", 2, labels="permuted", lost=0.5)],
)
def test_the_key_of_a_run_on_the_official_split_is_what_it_was_before_there_was_another(spec):
    """Results that were computed then stay valid: the new field must not be hashed."""
    cohort, encoder = COHORT(spec.world), embedded_encoder()
    fields = ("model", "seed", "world", "labels", "lost", "fill")
    before = digest(
        {
            "spec": {name: getattr(spec, name) for name in fields},
            "model": spec.model if spec.model == "RidgeMean" else resolve(spec.model),
            "protocol": asdict(Protocol()),
            "cohort": cohort.fingerprint,
            "encoder": encoder.id,
            "source": source_of(spec),
        }
    )
    assert study.run_key(spec, cohort, encoder) == before
    assert study.run_key(replace(spec, split="official"), cohort, encoder) == before
    assert study.run_key(replace(spec, split="disjoint"), cohort, encoder) != before


def test_the_code_that_splits_counts_where_it_splits(edited):
    disjoint = replace(LDBM, split="disjoint")
    before = [source_of(LDBM), source_of(disjoint)]
    edited("splits.py", more_code)
    assert source_of(LDBM) == before[0]
    assert source_of(disjoint) != before[1]


@pytest.mark.parametrize(
    ("model", "lost", "files"),
    [
        ("LDBM", 0.0, ["models/ldbm.py", "models/blocks.py", "training/loop.py", "windows.py"]),
        ("LDBM-patch4", 0.0, ["models/ldbm.py", "training/course.py", "metrics.py"]),
        ("TemporalMeanMLP", 0.0, ["models/mean_mlp.py", "training/stacked.py"]),
        ("Mamba", 0.0, ["models/mamba.py", "models/selective_scan.py"]),
        ("LDBM", 0.5, ["extraction/fallback.py", "extraction/encoder.py"]),
        ("RidgeMean", 0.0, ["baselines.py", "windows.py"]),
        ("MiniRocket", 0.0, ["rocket.py", "baselines.py", "windows.py"]),
    ],
)
def test_the_code_that_makes_the_numbers_counts(model, lost, files, edited):
    spec = RunSpec(model, lost=lost)
    before = source_of(spec)
    for name in files:
        edited(name, more_code)
        assert source_of(spec) != before, name


@pytest.mark.parametrize(
    ("model", "files"),
    [
        ("LDBM", ["models/mamba_gru.py", "models/mamba.py", "baselines.py", "rocket.py"]),
        ("RidgeMean", ["models/ldbm.py", "training/loop.py", "rocket.py"]),
        ("MiniRocket", ["models/ldbm.py", "training/loop.py"]),
        *(
            (model, ["models/registry.py", "study/completion.py", "training/checkpoint.py"])
            for model in REGISTRY
        ),
    ],
)
def test_the_code_that_does_not_make_them_does_not_count(model, files, edited):
    before = source_of(RunSpec(model))
    for name in files:
        edited(name, more_code)
        assert source_of(RunSpec(model)) == before, name


@pytest.mark.parametrize("model", ["LDBM", "MiniRocket"])
def test_comments_and_docstrings_do_not_count(model, edited):
    before = source_of(RunSpec(model))
    edited(
        "windows.py", lambda text: '"""Other words."""\n# why\n' + text.split('"""', 2)[2] + "# !\n"
    )
    assert source_of(RunSpec(model)) == before


def test_lost_frames_do_not_count_where_none_is_lost(edited):
    before = source_of(LDBM)
    edited("extraction/fallback.py", more_code)
    assert source_of(LDBM) == before


def test_an_unknown_model_is_refused():
    with pytest.raises(ModelError, match=r"unknown model 'Mambo'.*MiniRocket"):
        source_of(RunSpec("Mambo"))
