"""A corpus, weights, and from frames to verified features, on the command line."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiny import TinyCohort, openface

from deplib.cli import options
from deplib.cli.options import FAILED, FAULTS
from deplib.cohorts.corpus import Corpus
from deplib.cohorts.simulated import SimulatedCohort, write_avec_layout
from deplib.errors import EncoderError
from deplib.extraction import FeatureStore, Reference, embedded_encoder, save_reference, weights


def test_a_small_corpus_is_written_and_check_names_what_is_wrong_with_it(run, tmp_path):
    corpus = tmp_path / "corpus"
    written = run("corpus", corpus, "--recordings", 6, "--frames", 9)
    assert f"deplib extract {corpus}" in written.output
    cohort = Corpus(corpus)
    assert cohort.simulated
    assert cohort.recordings["n_frames"].tolist() == [9] * 6
    assert "not empty" in run("corpus", corpus, code=FAILED).output
    (damaged := sorted(corpus.rglob("*_000002.png"))[0]).write_bytes(b"no picture at all")
    assert "6 recordings can be used, 0 problems" in run("check", corpus).output
    # Each frame, and not three of a clip, is decoded.
    assert damaged.name in run("check", corpus, "--full", "--jobs", 1, code=FAULTS).output
    label = sorted(corpus.rglob("*_Depression.csv"))[0]
    label.write_text("a lot\n")
    faulty = run("check", corpus, code=FAULTS).output
    assert label.name.removesuffix("_Depression.csv") in faulty
    assert "a lot" not in faulty  # no label's content is repeated
    assert "5 recordings can be used" in faulty


def test_recordings_are_left_out_by_name_and_said(run, tmp_path):
    run("corpus", corpus := tmp_path / "corpus", "--recordings", 6, "--frames", 2)
    names = sorted(Corpus(corpus).recordings["recording"])
    assert names[0] in run("check", corpus, "--exclude", "nobody", code=FAILED).stderr
    next(corpus.rglob(f"{names[0]}*_aligned/*.png")).write_bytes(b"")  # a fault, left out, too
    given = (corpus, "--exclude", names[0], "--exclude", names[1])
    assert "4 recordings can be used, 0 problems" in run("check", *given).output
    extract = run("extract", *given, "--store", tmp_path / "store", "--jobs", 1)
    assert f"left out as asked: {names[0]}, {names[1]}" in extract.stderr
    assert FeatureStore(tmp_path / "store").done() == set(names[2:])
    run("verify", "--store", tmp_path / "store")  # it knows what extract was given


def test_crops_as_openface_cuts_them_are_drawn_and_refused_before_anything_runs(run, tmp_path):
    run("corpus", corpus := tmp_path / "corpus", "--recordings", 6, "--frames", 3)
    for file in corpus.rglob("*.png"):
        Image.fromarray(openface(np.asarray(Image.open(file)))).save(file)
    why = r"faces in 6 crops of .* lie 1\d pixels from the five-point template.*--detector yunet"
    sheet, cohort = tmp_path / "sheet.png", Corpus(corpus)
    assert re.search(why, run("check", corpus, "--crops", sheet, code=FAULTS).output)
    drawn, left = np.asarray(Image.open(sheet)), cohort.frames(cohort.recordings["recording"][0])
    assert (drawn[16:40, :112] == left[0, :24]).all()  # below its name, above the five points
    assert (drawn[16 + 52, 38] == [0, 255, 0]).all()  # where encoders expect an eye
    store = (corpus, "--store", tmp_path / "store", "--jobs", 1)
    assert re.search(why, run("extract", *store, code=FAULTS).output)
    assert not (tmp_path / "store").exists()
    chosen = run("extract", *store, "--max-template-distance", 30).output
    assert re.search(r"faces lie 1\d\.\d pixels from the template", chosen)


def test_known_weights_are_listed_and_none_is_downloaded_before_its_licence_is_accepted(
    run, tmp_path, monkeypatch
):
    for variable in ("DEPLIB_DATA", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    listed = run("fetch").output
    for known in weights.KNOWN.values():
        assert known.name in listed
        assert known.licence in listed
    assert listed.count("not on this machine") == len(weights.KNOWN)
    assert "non-commercial research" in run("fetch", "w600k_r50", code=FAILED).output
    assert not list(tmp_path.rglob("*.onnx"))
    with pytest.raises(EncoderError, match="deplib fetch w600k_r50"):
        options.known_or_path("w600k_r50")


def test_extract_plans_leaves_verified_features_and_goes_on_where_it_ended(extract, run, tmp_path):
    store = tmp_path / "store"
    planned = extract("--store", store, "--dry-run", "--frame-limit", 30).output
    assert "6 of 6 recordings to do, 157 frames" in planned
    assert "for 157 frames of 6 recordings in 1 process" in planned
    assert not store.exists()
    assert "6 recordings (218 frames) embedded" in extract("--store", store).output
    assert json.loads((store / "report.json").read_text())["ok"] is True
    log = pd.read_json(store / "extract.jsonl", lines=True)
    assert (log["event"] == "recording").sum() == 6
    assert "0 of 6 recordings to do, 0 frames" in extract("--store", store, "--dry-run").output
    FeatureStore(store).discard("202_1")
    again = extract("--store", store).output
    assert "1 recordings (60 frames) embedded" in again
    assert "5 already there" in again
    assert "sound" in run("verify", "--store", store).output
    opened = FeatureStore(store)
    for name in opened.done():
        opened.write(name, np.zeros((20, 8)), np.ones(20, bool))
    faulty = run("verify", "--store", store, code=FAULTS).output
    assert "fault [all_zero_store] every feature" in faulty
    asked = run("verify", "--store", store, "--json", code=FAULTS).stdout
    assert json.loads(asked)["ok"] is False


def test_recordings_without_faces_are_left_out_and_too_many_stop_the_work(
    extract, tmp_path, monkeypatch
):
    gaps = TinyCohort(blank={"203_1": tuple(range(8))})  # 8 of its 12 frames, of 218 in all
    monkeypatch.setattr(options.Work, "open_cohort", lambda self: gaps)
    result = extract("--store", tmp_path / "store", code=FAULTS)
    assert result.stdout.endswith("1 recordings left out: 203_1\n")
    assert "sound" in result.output  # the others are
    again = extract("--store", tmp_path / "store", code=FAULTS).stdout
    assert "0 of 6 recordings to do" in again  # it is remembered
    assert again.endswith("1 recordings left out: 203_1\n")
    extract("--store", tmp_path / "store", "--max-recording-miss-rate", 0.7)
    many = TinyCohort(blank={"202_1": tuple(range(20))})
    monkeypatch.setattr(options.Work, "open_cohort", lambda self: many)
    assert "blank" in extract("--store", tmp_path / "many", code=FAULTS).output
    extract("--store", tmp_path / "many", "--max-miss-rate", 0.5)


def test_wrong_preprocessing_stops_before_any_work(run, tmp_path, monkeypatch):
    monkeypatch.setattr(options.Work, "open_cohort", lambda self: TinyCohort())
    encoder = embedded_encoder()
    frame = SimulatedCohort(n_recordings=6).frames("001_1", 0, 1)[0]
    reference = tmp_path / "reference.safetensors"
    save_reference(reference, Reference(frame, encoder.embed(frame[None]).features[0]))
    given = ("extract", "--encoder", encoder.path, "--dry-run")
    run(*given, "--reference", reference)
    swapped = ("--preprocess", "BGR mean=127.5,127.5,127.5 std=127.5,127.5,127.5 size=112")
    wrong = run(*given, "--reference", reference, *swapped, code=FAULTS)
    assert "reference" in wrong.output
    run(*given, *swapped, code=FAULTS)  # by the one that is shipped, without asking


def test_verify_compares_store_and_corpus_when_it_is_given_both(run, tmp_path):
    corpus, store = tmp_path / "corpus", tmp_path / "features"
    write_avec_layout(SimulatedCohort(n_recordings=6), corpus, max_frames=6)
    run("extract", corpus, "--store", store, "--jobs", 1)
    run("verify", "--store", store, corpus)
    opened = FeatureStore(store)
    first, second, *_ = sorted(opened.done())
    mine, theirs = opened.read(first), opened.read(second)
    opened.write(first, *theirs, source=opened.entry(first).source)
    opened.write(second, *mine, source=opened.entry(second).source)
    assert "[spot_check]" in run("verify", "--store", store, corpus, code=FAULTS).output
    assert "[spot_check]" in run("verify", "--store", store, code=FAULTS).output  # as extract did
    trained = run("train", corpus, "--store", store, "--jobs", 1, code=FAULTS)
    assert "embedded again" in trained.output
    corpus.rename(tmp_path / "elsewhere")  # the store by itself cannot show it
    assert "not compared with" in run("verify", "--store", store).output


def test_mending_one_recording_costs_that_recording(run, tmp_path):
    corpus, store = tmp_path / "corpus", tmp_path / "store"
    write_avec_layout(SimulatedCohort(n_recordings=6), corpus, max_frames=20)
    frame = max(corpus.rglob("*_aligned")) / "frame_det_00_000007.png"
    label = sorted(corpus.rglob("*_Depression.csv"))[0]
    whole, score = frame.read_bytes(), label.read_text()
    frame.write_bytes(whole[:500])
    label.write_text("unknown")
    common = ("extract", corpus, "--store", store, "--jobs", 1)
    begun = run(*common, code=FAULTS).stdout
    assert begun.endswith(f"1 recordings left out: {label.name[:5]}_Freeform\n")
    assert "5 recordings" in begun
    assert "1 unreadable" in begun
    frame.write_bytes(whole)
    label.write_text(score)
    stale = run("verify", "--store", store, corpus, code=FAULTS)
    assert stale.output.count("[wrong_cohort]") == 1
    planned = run(*common, "--dry-run").output
    assert "2 of 6 recordings to do, 40 frames; 1 of them have changed" in planned
    mended = run(*common).output
    assert "2 recordings (40 frames) embedded" in mended
    assert "4 already there" in mended
    assert "warning" not in mended.replace("0 warnings", "")
    run("verify", "--store", store, corpus)


def test_corpora_of_the_same_names_and_sizes_do_not_mix_and_a_copy_needs_no_work(
    run, tmp_path, monkeypatch
):
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    tight, wide = tmp_path / "tight", tmp_path / "wide"
    write_avec_layout(SimulatedCohort(n_recordings=6), tight, max_frames=3)
    for png in tight.rglob("*.png"):
        Image.open(png).save(png.with_suffix(".bmp"))
        png.unlink()
    shutil.copytree(tight, wide)
    for bmp in wide.rglob("*.bmp"):
        Image.open(bmp).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(bmp)

    def extract(root):
        return run("extract", root, "--jobs", 1).output

    for root, todo in ((tight, 6), (wide, 6), (tight, 0), (wide, 0)):
        told = extract(root)
        assert f"{todo} of 6 recordings to do" in told
        assert f"{todo} recordings ({3 * todo} frames) embedded" in told
    bmp = next(wide.rglob("*.bmp"))  # mended under its name
    Image.open(bmp).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(bmp)
    assert "1 recordings (3 frames) embedded" in extract(wide)
    copied = extract(shutil.copytree(wide, tmp_path / "copy", copy_function=shutil.copyfile))
    assert "0 of 6 recordings to do" in copied


def test_videos_go_from_folder_to_verified_features(run, tmp_path):
    run("corpus", tmp_path / "corpus", "--videos", "--frames", 3, "--recordings", 6)
    assert not list((tmp_path / "corpus").rglob("*.png"))
    common = ("extract", tmp_path / "corpus", "--store", tmp_path / "store", "--jobs", 1)
    assert "--detector" in run(*common, code=FAILED).output
    assert "6 recordings (18 frames) embedded" in run(*common, "--detector", "haar").output
