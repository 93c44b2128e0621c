"""The reference frame: what is shipped, what it finds, and files that are something else."""

import numpy as np
import pytest
from safetensors.numpy import save

from deplib import extraction
from deplib.errors import VerificationError
from deplib.extraction import Reference, embedded_reference, load_reference, reference_cosine

FRAME = np.random.default_rng(0).integers(0, 256, (112, 112, 3), np.uint8)
EMBEDDING = np.linspace(-1, 1, 8, dtype=np.float32)


def test_the_shipped_encoder_gives_the_shipped_reference():
    reference = embedded_reference()
    assert abs(reference_cosine(extraction.embedded_encoder(), reference) - 1) < 1e-3
    assert extraction.network_card("embedded")["sha256"] in reference.source


def test_a_mirrored_average_is_compared_without_the_mirror_image():
    encoder = extraction.OnnxEncoder(extraction.network_path("embedded"), flip=True)
    reference = embedded_reference()
    both = encoder.embed(reference.frame[None]).features[0]
    assert both @ reference.embedding < 0.9999  # else this test could not fail
    assert reference_cosine(encoder, reference) == pytest.approx(1, abs=1e-5)


def test_a_reference_is_one_rgb_image_and_one_vector_with_a_length():
    for frame in (FRAME[:111], FRAME[..., 0], FRAME / 255):
        with pytest.raises(VerificationError, match="give one aligned RGB image"):
            Reference(frame, EMBEDDING)
    for bad in (np.zeros(8), np.full(8, np.nan), np.eye(8), np.arange(8), np.full(8, np.inf)):
        with pytest.raises(VerificationError, match="finite floating-point values"):
            Reference(FRAME, bad)


def test_the_reference_of_another_encoder_is_refused(tiny_encoder):
    for other in (embedded_reference(), Reference(FRAME[:96, :96], EMBEDDING)):
        with pytest.raises(VerificationError, match="belongs to another encoder"):
            reference_cosine(tiny_encoder, other)


SAVED = {"frame": FRAME, "embedding": EMBEDDING}


OTHER_FILES = [
    (None, "No such file"),
    (b"", "holds no reference"),
    (b"\x80\x04\x95 a pickle", "holds no reference"),
    (save({"weights": EMBEDDING}), "does not contain tensor frame"),
    (save(SAVED | {"frame": FRAME[:100].copy()}), "the reference frame is uint8"),
]


@pytest.mark.parametrize(("content", "message"), OTHER_FILES)
def test_another_file_is_named(tmp_path, content, message):
    path = tmp_path / "r.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VerificationError, match=rf"r\.safetensors .*{message}.*save_reference"):
        load_reference(path)
