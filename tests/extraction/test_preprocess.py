import numpy as np
import pytest

from deplib.errors import EncoderError
from deplib.extraction import ARCFACE, PRESETS, RAW, Preprocess


def test_parse_is_the_inverse_of_str():
    odd = Preprocess("BGR", (1.5, 127.50001, 1e-7), (1 / 3, 255, 1e4), 160)
    for preprocess in (*PRESETS.values(), odd):
        assert Preprocess.parse(str(preprocess)) == preprocess


def test_parse_reads_names_and_leaves_the_rest_to_arcface():
    assert Preprocess.parse("ArcFace") == ARCFACE
    assert Preprocess.parse(" raw ") == RAW
    assert Preprocess.parse("bgr std=128") == Preprocess("BGR", std=(128, 128, 128))
    assert Preprocess.parse("size=96 mean=1,2,3") == Preprocess(mean=(1, 2, 3), size=96)


OTHER = [
    ("", "it is empty"),
    ("arcfaces", r"'ARCFACES'; .*give one of arcface, raw"),
    ("RGB BGR", "channel_order is given twice"),
    ("mean=1,2", "three finite numbers"),
    ("mean=a,b,c", "could not convert.*'a'.* like 'RGB mean"),
    ("std=0", "above zero"),
    ("scale=2", "'scale'"),
    ("size=11.2", "11.2"),
    ("size=0", "size is 0"),
]


@pytest.mark.parametrize(("text", "message"), OTHER)
def test_other_text_is_refused(text, message):
    with pytest.raises(EncoderError, match=message):
        Preprocess.parse(text)


@pytest.mark.parametrize("preprocess", [*PRESETS.values(), Preprocess("BGR", (1, 2, 3), (4, 5, 6))])
def test_planes_are_the_formula_in_float64(preprocess):
    frames = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), np.uint8)
    pixels = frames[..., ::-1] if preprocess.channel_order == "BGR" else frames
    expected = (pixels.astype(np.float64) - preprocess.mean) / preprocess.std
    planes = preprocess(frames)
    np.testing.assert_allclose(planes, expected.transpose(0, 3, 1, 2), rtol=1e-6, atol=2e-5)
    assert planes.dtype == np.float32
    buffer = np.full_like(planes, np.nan)
    assert preprocess(frames, buffer) is buffer
    np.testing.assert_array_equal(buffer, planes)
