import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from deplib.errors import EncoderError
from deplib.extraction import SHOWN, embedded_encoder, open_encoder, stream
from deplib.readability import (
    COLUMNS,
    KINDS,
    PENALTIES,
    Drawn,
    draw,
    embed_all,
    measure,
    read_out,
    readability,
    recognise,
    ridge_path,
    whitened,
)
from deplib.readability.recognition import SHARES


def halves(persons: int) -> np.ndarray:
    return np.arange(persons) < persons // 2


def pixels(frames: np.ndarray) -> np.ndarray:
    """The mean colour of an 8 x 8 grid: a cheap encoder."""
    n = len(frames)
    return frames.reshape(n, 8, 14, 8, 14, 3).mean(axis=(2, 4)).reshape(n, -1) - 127.5


def noise(frames: np.ndarray) -> np.ndarray:
    return np.random.default_rng(3).standard_normal((len(frames), 64))


@pytest.fixture(scope="module")
def cheap():
    return measure(
        {"pixels": pixels, "noise": noise},
        joined={"both": ("pixels", "noise")},
        persons=24,
        renders=8,
        rng=stream("held-out", 31),
    )


# --- the read-out


@pytest.mark.parametrize(("n", "width"), [(40, 9), (12, 30)])
def test_the_path_is_ridge_regression(n, width):
    rng = np.random.default_rng(0)
    x, y, new = rng.normal(2, 1, (n, width)), rng.normal(5, 2, (n, 3)), rng.normal(size=(6, width))
    path = ridge_path(x, y, new, (0.1, 10.0, 1e4))
    for penalty, got in zip((0.1, 10.0, 1e4), path, strict=True):
        np.testing.assert_allclose(got, Ridge(alpha=penalty).fit(x, y).predict(new), rtol=1e-8)


def test_a_planted_linear_feature_is_read_and_noise_is_not():
    rng = np.random.default_rng(1)
    targets = rng.normal(3, 2, (60, 8, 2))
    features = rng.normal(size=(60, 8, 40))
    features[..., :7] += 5 * targets[..., :1] * rng.normal(size=7)  # the first target only
    fit = halves(60)
    read = read_out(features, targets, fit)
    planted, absent = (r2_score(targets[~fit, :, k].ravel(), read[..., k].ravel()) for k in (0, 1))
    assert planted > 0.98
    assert -0.1 < absent < 0.03


def test_the_units_of_features_and_targets_do_not_matter():
    rng = np.random.default_rng(2)
    targets, fit = rng.normal(size=(20, 6, 1)), halves(20)
    features = rng.normal(size=(20, 6, 5)) + targets
    scale = np.array([1e-3, 1, 10, 1e3, 1e5])
    plain, scaled = read_out(features, targets, fit), read_out(features * scale - 7, targets, fit)
    np.testing.assert_allclose(plain, scaled, rtol=1e-6)
    np.testing.assert_allclose(100 * plain + 5, read_out(features, 100 * targets + 5, fit))


def test_what_is_tested_never_enters_the_fit():
    rng = np.random.default_rng(3)
    features, targets, fit = rng.normal(size=(30, 4, 6)), rng.normal(size=(30, 4, 2)), halves(30)
    changed = targets.copy()
    changed[~fit] = 1e6
    np.testing.assert_array_equal(
        read_out(features, targets, fit), read_out(features, changed, fit)
    )
    moved = features.copy()
    moved[-1] += 50  # one tested person: the others' predictions stay
    np.testing.assert_allclose(
        read_out(features, targets, fit)[:-1], read_out(moved, targets, fit)[:-1], rtol=1e-12
    )


def test_the_penalty_is_chosen_over_persons_not_pictures():
    """A person's own offset predicts their pictures; other persons' it must not pretend to."""
    rng = np.random.default_rng(4)
    names = rng.normal(size=(40, 1, 60))
    features = np.repeat(names, 10, axis=1) + 0.01 * rng.normal(size=(40, 10, 60))
    targets = np.repeat(rng.normal(size=(40, 1, 1)), 10, axis=1)  # of the person, not the picture
    read, fit = read_out(features, targets, halves(40)), halves(40)
    assert np.abs(read - targets[fit].mean()).max() < 0.5 * targets.std()  # shrunk to the mean


def test_a_constant_feature_is_left_out():
    rng = np.random.default_rng(5)
    features, targets, fit = rng.normal(size=(20, 4, 3)), rng.normal(size=(20, 4, 1)), halves(20)
    constant = np.concatenate([features, np.full((20, 4, 1), 0.1)], axis=2)
    np.testing.assert_allclose(
        read_out(features, targets, fit), read_out(constant, targets, fit), rtol=1e-9
    )
    blind = read_out(np.full((20, 4, 1), 0.1), targets, fit)
    np.testing.assert_allclose(blind, targets[fit].mean())


def test_bad_arrays_are_refused():
    x, y, fit = np.zeros((10, 4, 3)), np.zeros((10, 4, 1)), halves(10)
    with pytest.raises(ValueError, match="must be"):
        read_out(x, y[:9], fit)
    with pytest.raises(ValueError, match="NaN"):
        read_out(np.full_like(x, np.nan), y, fit)
    with pytest.raises(ValueError, match="at least 5"):
        read_out(x, y, np.arange(10) < 4)
    with pytest.raises(ValueError, match="at least one to be tested"):
        read_out(x, y, np.ones(10, bool))
    assert min(PENALTIES) > 0


# --- recognition


def persons_apart(persons: int, *, width: int = 40, spread: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(persons, 1, width)) + spread * rng.normal(size=(persons, 6, width))


def test_persons_that_stand_apart_are_recognised_and_noise_is_chance():
    apart = recognise(persons_apart(40, spread=0.2, seed=0), halves(40))
    assert apart.verified.mean() > 0.99
    np.testing.assert_array_equal(apart.retrieved, np.ones(20))
    blind = recognise(np.random.default_rng(1).normal(size=(40, 6, 40)), halves(40))
    assert 0.4 < blind.verified.mean() < 0.6
    assert blind.retrieved.mean() < 0.15
    assert blind.retrieved_by_chance == pytest.approx(3 / (3 + 19 * 6))


def test_a_scene_alone_is_no_recognition():
    """Pictures that agree within a scene and nowhere else: the person is not in them."""
    scenes = np.random.default_rng(2).normal(size=(40, 2, 1, 40))
    features = np.repeat(scenes, 3, axis=2).reshape(40, 6, 40)
    blind = recognise(features, halves(40))
    assert blind.retrieved.mean() < 0.2
    assert 0.35 < blind.verified.mean() < 0.65


def test_verification_is_counted_pair_by_pair():
    features = persons_apart(12, spread=1.5, seed=3)
    fit = halves(12)
    unit = features / np.linalg.norm(features, axis=2, keepdims=True)

    def pairs(of):
        genuine = [unit[p, a] @ unit[p, b] for p in of for a in range(3) for b in range(3, 6)]
        impostor = [
            unit[p, a] @ unit[q, b]
            for p in of for q in of if p != q for a in range(6) for b in range(6)
        ]  # fmt: skip
        return np.array(genuine), np.array(impostor)

    genuine, impostor = pairs(range(6))
    scores = np.unique(np.concatenate([genuine, impostor]))
    cuts = 0.5 * (scores[1:] + scores[:-1])
    threshold = max(cuts, key=lambda cut: (genuine >= cut).mean() - (impostor >= cut).mean())
    genuine, impostor = pairs(range(6, 12))
    expected = 0.5 * ((genuine >= threshold).mean() + (impostor < threshold).mean())
    assert recognise(features, fit).verified.mean() == pytest.approx(expected)


def test_whitening_uncovers_persons_behind_a_larger_variation():
    features = persons_apart(60, spread=0.3, seed=4)
    moods = np.random.default_rng(5).normal(size=(60, 6, 3)) * 3
    hidden = features + moods @ np.random.default_rng(6).normal(size=(3, 40))
    fit = halves(60)
    raw = recognise(hidden, fit).verified.mean()
    white = recognise(whitened(hidden, fit), fit).verified.mean()
    assert raw < 0.7
    assert white > 0.95


def test_whitening_divides_by_the_variance_within_persons_and_a_share_more():
    rng = np.random.default_rng(7)
    features = rng.normal(size=(400, 20, 4)) @ rng.normal(size=(4, 4)) + rng.normal(
        size=(400, 1, 4)
    )
    white = whitened(features, np.ones(400, bool))
    residual = (white - white.mean(axis=1, keepdims=True)).reshape(-1, 4)
    found = residual.T @ residual / (400 * 19)
    variances = np.linalg.eigvalsh(
        np.cov((features - features.mean(axis=1, keepdims=True)).reshape(-1, 4).T)
    )
    variances *= 20 / 19
    candidates = [variances / (variances + share * variances.mean()) for share in SHARES]
    assert min(np.abs(np.diag(found) - one).max() for one in candidates) < 1e-3
    np.testing.assert_allclose(found, np.diag(np.diag(found)), atol=1e-10)


def test_recognition_refuses_what_it_cannot_pair():
    with pytest.raises(ValueError, match="even number"):
        recognise(np.ones((8, 5, 3)), halves(8))
    with pytest.raises(ValueError, match="two persons"):
        recognise(np.ones((3, 4, 3)), halves(3))
    with pytest.raises(ValueError, match="take at least 4"):
        whitened(np.ones((6, 4, 3)), halves(6))
    with pytest.raises(ValueError, match="same embedding"):
        whitened(np.ones((8, 4, 3)), halves(8))


# --- drawing and embedding


def test_no_person_stands_in_both_halves():
    drawn = draw(20, 4, rng=stream("held-out", 32))
    assert drawn.fit.sum() == 13
    assert drawn.shown.shape == (20, 4, len(SHOWN))
    faces = [person.tobytes() for person in drawn.frames]
    assert not set(faces[:13]) & set(faces[13:])
    assert len(set(faces)) == 20


@pytest.mark.parametrize(("persons", "renders"), [(19, 4), (20, 2), (20, 5)])
def test_too_few_persons_or_renders_are_refused(persons, renders):
    with pytest.raises(ValueError, match="at least 20 persons"):
        draw(persons, renders, rng=np.random.default_rng(0))


def test_each_encoder_sees_every_frame_once_and_rows_are_joined():
    drawn = Drawn(np.arange(2 * 4 * 12, dtype=np.uint8).reshape(2, 4, 2, 2, 3), np.zeros((2, 4, 1)))
    calls = []

    def flat(frames):
        calls.append(len(frames))
        return frames.reshape(len(frames), -1) + 1.0

    features = embed_all(drawn, {"a": flat, "b": flat}, {"ab": ("a", "b")})
    assert calls == [8, 8]
    assert {name: one.shape for name, one in features.items()} == {
        "a": (2, 4, 12), "b": (2, 4, 12), "ab": (2, 4, 24),
    }  # fmt: skip
    np.testing.assert_allclose(np.linalg.norm(features["a"], axis=-1), 1)
    np.testing.assert_array_equal(features["ab"][..., 12:], features["b"])
    row = drawn.frames[1, 2].ravel() + 1.0
    np.testing.assert_allclose(features["a"][1, 2], row / np.linalg.norm(row))


def test_broken_encoders_and_joints_are_refused():
    drawn = Drawn(np.zeros((2, 2, 2, 2, 3), np.uint8), np.zeros((2, 2, 1)))
    with pytest.raises(EncoderError, match="'bad' must return one row a picture"):
        embed_all(drawn, {"bad": lambda frames: np.ones((3, 5))})
    with pytest.raises(EncoderError, match="'bad' returned a zero"):
        embed_all(drawn, {"bad": lambda frames: np.zeros((len(frames), 5))})
    for joined in ({"x": ("good", "none")}, {"good": ("good",)}):
        with pytest.raises(ValueError, match="each name must be new"):
            embed_all(drawn, {"good": lambda frames: np.ones((len(frames), 5))}, joined)


# --- the table


def test_the_table_has_a_row_for_everything(cheap):
    table = cheap.table()
    assert tuple(table.columns) == COLUMNS
    assert list(table["features"].unique()) == ["pixels", "noise", "both"]
    assert set(KINDS) == set(SHOWN)
    assert len(table) == 3 * (len(SHOWN) + len(set(KINDS.values())) + 4)
    assert not table.duplicated(["kind", "quantity", "measure", "features"]).any()
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()


def test_noise_reads_nothing(cheap):
    table = cheap.table().query("features == 'noise'")
    of_shown = table.query("measure == 'R2'")
    assert of_shown["value"].max() < 0.1
    assert of_shown["value"].min() > -0.4
    identity = table.query("kind == 'identity'")
    assert (identity["value"] - identity["chance"]).abs().max() < 0.15


def test_the_mean_of_a_kind_is_the_mean(cheap):
    table = cheap.table().query("features == 'pixels' and kind == 'pose'").set_index("quantity")
    assert table.loc["mean", "value"] == pytest.approx(table.loc[["yaw", "pitch"], "value"].mean())


def test_r2_and_its_interval_are_those_of_the_definition():
    """Against scikit-learn and resampling persons row by row."""
    rng = stream("held-out", 33)
    result = measure({"pixels": pixels}, persons=20, renders=4, n_resamples=2000, rng=rng)
    drawn = draw(20, 4, rng=stream("held-out", 33))
    features = embed_all(drawn, {"pixels": pixels})["pixels"]
    read = read_out(features, drawn.shown, drawn.fit)[..., SHOWN.index("yaw")]
    y = drawn.shown[~drawn.fit][..., SHOWN.index("yaw")]
    row = result.table().set_index("quantity").loc["yaw"]
    assert row["value"] == pytest.approx(r2_score(y.ravel(), read.ravel()))
    again = np.random.default_rng(0).integers(len(y), size=(2000, len(y)))
    slow = [r2_score(y[who].ravel(), read[who].ravel()) for who in again]
    score = result.scores["pose", "yaw", "R2"]["pixels"]
    spread = np.std(slow)
    assert score.resampled.std() == pytest.approx(spread, rel=0.15)
    assert np.mean(score.resampled) == pytest.approx(np.mean(slow), abs=0.2 * spread)
    without_first = r2_score(y[1:].ravel(), read[1:].ravel())
    assert score.left_out[0] == pytest.approx(without_first)


def test_an_interval_of_recognition_is_that_of_the_mean_over_persons(cheap):
    score = cheap.scores["identity", "person", "retrieval, first hit"]["pixels"]
    assert score.resampled.mean() == pytest.approx(score.value, abs=0.02)
    assert score.left_out.mean() == pytest.approx(score.value)


def test_differences_are_paired(cheap):
    value, low, high = cheap.difference("yaw", "pixels", "noise")
    table = cheap.table().query("quantity == 'yaw'").set_index("features")
    assert value == pytest.approx(table.loc["pixels", "value"] - table.loc["noise", "value"])
    assert low < value < high
    assert cheap.difference("yaw", "both", "both") == (0, 0, 0)
    pose = cheap.difference("mean", "pixels", "noise", kind="pose")[0]
    assert pose != cheap.difference("mean", "pixels", "noise", kind="gaze")[0]
    for asked in (("nose", "pixels", "noise"), ("mean", "pixels", "noise"), ("yaw", "x", "noise")):
        with pytest.raises(ValueError, match=r"see table\(\)"):
            cheap.difference(*asked)


def test_the_same_generator_gives_the_same_table():
    tables = [
        readability({"pixels": pixels}, persons=20, renders=4, n_resamples=200, rng=rng)
        for rng in (stream("held-out", 34), stream("held-out", 34), stream("held-out", 35))
    ]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert not np.allclose(tables[0]["value"], tables[2]["value"])


def test_the_affect_encoder_reads_the_smile_and_the_identity_encoder_the_person():
    encoders = {"identity": embedded_encoder(), "affect": open_encoder("affect")}
    result = measure(
        {
            name: lambda frames, one=one: one.embed(frames).features
            for name, one in encoders.items()
        },
        persons=40,
        renders=8,
        n_resamples=500,
        rng=stream("held-out", 36),
    )
    value, low, _ = result.difference("smile", "affect", "identity")
    assert value > 0.4
    assert low > 0.2
    verified = result.scores["identity", "person", "verification accuracy"]
    assert verified["identity"].value > verified["affect"].value + 0.1
