"""A corpus, weights, and from frames to verified features, on the command line."""

import json

import numpy as np
import pandas as pd
import pytest
from tiny import TinyCohort

from deplib import cli
from deplib.cli import options
from deplib.cohorts.avec2014 import Avec2014Cohort
from deplib.cohorts.simulated import SimulatedCohort, write_avec_layout
from deplib.errors import EncoderError
from deplib.extraction import FeatureStore, Reference, embedded_encoder, save_reference, weights


def test_a_small_corpus_is_written_and_sound(run, tmp_path):
    written = run("corpus", tmp_path / "corpus", "--recordings", 6, "--frames", 3)
    assert written.exit_code == cli.OK, written.output
    assert f"deplib extract --root {tmp_path / 'corpus'}" in written.output
    cohort = Avec2014Cohort(tmp_path / "corpus")
    assert cohort.simulated
    assert cohort.recordings["n_frames"].tolist() == [3] * 6
    again = run("corpus", tmp_path / "corpus")
    assert again.exit_code == cli.FAILED
    assert "not empty" in again.output


def test_check_names_what_is_wrong_with_a_corpus(run, tmp_path):
    corpus = tmp_path / "corpus"
    run("corpus", corpus, "--recordings", 6, "--frames", 9)
    (damaged := sorted(corpus.rglob("*_000002.png"))[0]).write_bytes(b"no picture at all")
    sound = run("check", corpus)
    assert sound.exit_code == cli.OK, sound.output
    assert "6 recordings can be used, 0 problems" in sound.output
    full = run("check", corpus, "--full", "--jobs", 1)  # decodes the frames between, too
    assert full.exit_code == cli.FAULTS
    assert damaged.name in full.output
    label = sorted(corpus.rglob("*_Depression.csv"))[0]
    label.write_text("a lot\n")
    faulty = run("check", corpus)
    assert faulty.exit_code == cli.FAULTS
    assert label.name.removesuffix("_Depression.csv") in faulty.output
    assert "a lot" not in faulty.output  # no label's content is repeated
    assert "5 recordings can be used" in faulty.output


def test_known_weights_are_listed_and_none_is_downloaded_before_its_licence_is_accepted(
    run, tmp_path, monkeypatch
):
    for variable in ("DEPLIB_DATA", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    listed = run("fetch")
    assert listed.exit_code == cli.OK
    for known in weights.KNOWN.values():
        assert known.name in listed.output
        assert known.licence in listed.output
    assert listed.output.count("not on this machine") == len(weights.KNOWN)
    refused = run("fetch", "w600k_r50")
    assert refused.exit_code == cli.FAILED
    assert "non-commercial research" in refused.output
    assert not list(tmp_path.rglob("*.onnx"))
    with pytest.raises(EncoderError, match="deplib fetch w600k_r50"):
        options.known_or_path("w600k_r50")


def test_extract_plans_leaves_verified_features_and_goes_on_where_it_ended(extract, run, tmp_path):
    store = tmp_path / "store"
    planned = extract("--out", store, "--dry-run", "--frame-limit", 30)
    assert planned.exit_code == 0
    assert "6 of 6 recordings to do, 157 frames" in planned.output
    assert "for 157 frames of 6 recordings in 1 process" in planned.output
    assert not store.exists()
    result = extract("--out", store)
    assert result.exit_code == cli.OK, result.output
    assert "6 recordings (218 frames) embedded" in result.output
    assert json.loads((store / "report.json").read_text())["ok"] is True
    log = pd.read_json(store / "extract.jsonl", lines=True)
    assert (log["event"] == "recording").sum() == 6
    assert "0 of 6 recordings to do, 0 frames" in extract("--out", store, "--dry-run").output
    FeatureStore(store).discard("202_1")
    again = extract("--out", store)
    assert "1 recordings (60 frames) embedded" in again.output
    assert "5 already there" in again.output
    checked = run("verify", store, "--json", tmp_path / "report.json")
    assert checked.exit_code == cli.OK, checked.output
    assert "sound" in checked.output
    assert json.loads((tmp_path / "report.json").read_text())["ok"] is True


def test_verify_tells_faults_by_its_exit_code(extract, run, tmp_path):
    extract("--out", tmp_path / "store")
    store = FeatureStore(tmp_path / "store")
    for name in store.done():
        store.write(name, np.zeros((20, 8)), np.ones(20, bool))
    result = run("verify", store.root, "--json", tmp_path / "r.json")
    assert result.exit_code == cli.FAULTS
    assert "fault [all_zero_store] every feature" in result.output
    assert json.loads((tmp_path / "r.json").read_text())["ok"] is False


def test_recordings_without_faces_are_left_out_and_too_many_stop_the_work(
    extract, tmp_path, monkeypatch
):
    gaps = TinyCohort(blank={"203_1": tuple(range(8))})  # 8 of its 12 frames, of 218 in all
    monkeypatch.setattr(options, "open_cohort", lambda *_: gaps)
    result = extract("--out", tmp_path / "store")
    assert result.exit_code == cli.FAULTS
    assert "left out 203_1" in result.output
    assert "sound" in result.output  # the others are
    assert len(FeatureStore(tmp_path / "store").done()) == 5
    allowed = extract("--out", tmp_path / "store", "--max-recording-miss-rate", 0.7)
    assert len(FeatureStore(tmp_path / "store").done()) == 6, allowed.output
    many = TinyCohort(blank={"202_1": tuple(range(20))})
    monkeypatch.setattr(options, "open_cohort", lambda *_: many)
    stopped = extract("--out", tmp_path / "many")
    assert stopped.exit_code == cli.FAULTS
    assert "blank" in stopped.output
    assert extract("--out", tmp_path / "many", "--max-miss-rate", 0.5).exit_code == cli.OK


def test_wrong_preprocessing_stops_before_any_work(run, tmp_path, monkeypatch):
    monkeypatch.setattr(options, "open_cohort", lambda *_: TinyCohort())
    encoder = embedded_encoder()
    frame = SimulatedCohort(n_recordings=6).frames("001_1", 0, 1)[0]
    reference = tmp_path / "reference.safetensors"
    save_reference(reference, Reference(frame, encoder.embed(frame[None]).features[0]))
    given = ("--encoder", encoder.path, "--reference", reference, "--dry-run")
    assert run("extract", *given).exit_code == cli.OK
    swapped = ("--preprocess", "BGR mean=127.5,127.5,127.5 std=127.5,127.5,127.5 size=112")
    wrong = run("extract", *given, *swapped)
    assert wrong.exit_code == cli.FAULTS
    assert "reference" in wrong.output
    shipped = run("extract", "--encoder", encoder.path, *swapped, "--dry-run")  # without asking
    assert shipped.exit_code == cli.FAULTS


def test_verify_compares_store_and_corpus_when_it_is_given_both(run, tmp_path):
    corpus = tmp_path / "corpus"
    write_avec_layout(SimulatedCohort(n_recordings=6), corpus, max_frames=6)
    store = tmp_path / "features"
    assert run("extract", "--root", corpus, "--out", store, "--jobs", 1).exit_code == cli.OK
    assert run("verify", store, "--root", corpus).exit_code == cli.OK
    opened = FeatureStore(store)
    first, second, *_ = sorted(opened.done())
    mine, theirs = opened.read(first), opened.read(second)
    opened.write(first, *theirs)
    opened.write(second, *mine)
    alone = run("verify", store)
    assert alone.exit_code == cli.OK, alone.output  # the store by itself cannot show it
    beside = run("verify", store, "--root", corpus)
    assert beside.exit_code == cli.FAULTS
    assert "[spot_check]" in beside.output


def test_mending_one_recording_costs_that_recording(run, tmp_path):
    corpus, store = tmp_path / "corpus", tmp_path / "store"
    write_avec_layout(SimulatedCohort(n_recordings=6), corpus, max_frames=20)
    last = max(corpus.rglob("*_aligned"))
    whole = (last / "frame_det_00_000007.png").read_bytes()
    (last / "frame_det_00_000007.png").write_bytes(whole[:500])
    label = sorted(corpus.rglob("*_Depression.csv"))[0]
    score = label.read_text()
    label.write_text("unknown")
    common = ("extract", "--root", corpus, "--out", store, "--jobs", 1)
    begun = run(*common)
    assert "5 recordings" in begun.output, begun.output
    assert "1 unreadable" in begun.output
    (last / "frame_det_00_000007.png").write_bytes(whole)
    label.write_text(score)
    stale = run("verify", store, "--root", corpus)
    assert stale.exit_code == cli.FAULTS
    assert stale.output.count("[wrong_cohort]") == 1
    planned = run(*common, "--dry-run")
    assert "2 of 6 recordings to do, 40 frames; 1 of them have changed" in planned.output
    mended = run(*common)
    assert mended.exit_code == cli.OK, mended.output
    assert "2 recordings (40 frames) embedded" in mended.output
    assert "4 already there" in mended.output
    assert "warning" not in mended.output.replace("0 warnings", "")
    assert run("verify", store, "--root", corpus).exit_code == cli.OK


def test_videos_go_from_folder_to_verified_features(run, tmp_path):
    written = run("corpus", tmp_path / "corpus", "--videos", "--frames", 3, "--recordings", 6)
    assert written.exit_code == cli.OK, written.output
    assert not list((tmp_path / "corpus").rglob("*.png"))
    common = ("extract", "--root", tmp_path / "corpus", "--out", tmp_path / "store", "--jobs", 1)
    refused = run(*common)
    assert refused.exit_code == cli.FAILED
    assert "--detector" in refused.output
    done = run(*common, "--detector", "haar")
    assert done.exit_code == cli.OK, done.output
    assert "6 recordings (18 frames) embedded" in done.output
