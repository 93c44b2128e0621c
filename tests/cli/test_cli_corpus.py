"""A corpus and weights, on the command line."""

from pathlib import Path

import pytest

from deplib import cli
from deplib.cli import options
from deplib.cohorts.avec2014 import Avec2014Cohort
from deplib.errors import EncoderError
from deplib.extraction import weights


def test_a_small_corpus_is_written_and_sound(run, tmp_path: Path) -> None:
    written = run("corpus", tmp_path / "corpus", "--recordings", 6, "--frames", 3)
    assert written.exit_code == cli.OK, written.output
    assert f"deplib extract --root {tmp_path / 'corpus'}" in written.output
    cohort = Avec2014Cohort(tmp_path / "corpus")
    assert cohort.simulated
    assert cohort.recordings["n_frames"].tolist() == [3] * 6
    again = run("corpus", tmp_path / "corpus")
    assert again.exit_code == cli.FAILED
    assert "not empty" in again.output


def test_check_names_what_is_wrong_with_a_corpus(run, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    run("corpus", corpus, "--recordings", 6, "--frames", 3)
    sound = run("check", corpus)
    assert sound.exit_code == cli.OK, sound.output
    assert "6 recordings can be used, 0 problems" in sound.output
    label = sorted(corpus.rglob("*_Depression.csv"))[0]
    label.write_text("a lot\n")
    faulty = run("check", corpus)
    assert faulty.exit_code == cli.FAULTS
    assert label.name.removesuffix("_Depression.csv") in faulty.output
    assert "a lot" not in faulty.output  # no label's content is repeated
    assert "5 recordings can be used" in faulty.output


def test_only_a_full_check_decodes_the_frames_between(run, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    run("corpus", corpus, "--recordings", 6, "--frames", 9)
    (damaged := sorted(corpus.rglob("*_000002.png"))[0]).write_bytes(b"no picture at all")
    assert run("check", corpus).exit_code == cli.OK
    full = run("check", corpus, "--full", "--jobs", 1)
    assert full.exit_code == cli.FAULTS
    assert damaged.name in full.output


def test_the_known_weights_are_listed_with_their_licences(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    listed = run("fetch")
    assert listed.exit_code == cli.OK
    for known in weights.KNOWN.values():
        assert known.name in listed.output
        assert known.licence in listed.output
    assert listed.output.count("not on this machine") == len(weights.KNOWN)


def test_nothing_is_downloaded_before_the_licence_is_accepted(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    refused = run("fetch", "w600k_r50")
    assert refused.exit_code == cli.FAILED
    assert "non-commercial research" in refused.output
    assert not list(tmp_path.rglob("*.onnx"))
    with pytest.raises(EncoderError, match="deplib fetch w600k_r50"):
        options.known_or_path("w600k_r50")


def test_a_known_name_stands_for_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find", lambda name: Path("/here") / name)
    assert options.known_or_path("w600k_r50") == Path("/here/w600k_r50")
    assert options.known_or_path("mine/w600k_r50.onnx") == Path("mine/w600k_r50.onnx")
