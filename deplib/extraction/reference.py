"""One frame and the embedding that a face encoder must give it.

Wrong preprocessing leaves norms and variances healthy; only a comparison with an embedding known
to be right shows it. So that embedding must come from *other* code than the code that it checks.

For insightface's ``w600k_r50`` a licensee makes one with insightface itself, on a photograph that
they may use, aligned to the five-point template::

    from insightface.model_zoo import get_model

    frame = deplib.alignment.align(photograph, landmarks)  # uint8 RGB
    embedding = get_model("w600k_r50.onnx").get_feat(frame[..., ::-1])[0]  # it takes BGR
    save_reference("reference.safetensors", Reference(frame, embedding, "insightface 0.7.3, ..."))

and gives the file to ``deplib verify --reference``.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from deplib.errors import VerificationError
from deplib.extraction.encoder import OnnxEncoder
from deplib.paths import write_atomically

EMBEDDED_REFERENCE = Path(__file__).parent / "networks" / "embedded_reference.safetensors"
"""The embedded encoder's; ``bench/encoders/make_reference.py`` made it, with other code."""

_MIN_NORM = 1e-6  # a shorter embedding has no direction


@dataclass(frozen=True, eq=False)
class Reference:
    """A frame, and the embedding that it must have.

    Parameters
    ----------
    frame
        RGB, uint8, shape ``(size, size, 3)``, aligned.
    embedding
        Shape ``(dim,)``, finite, of any length above zero.
    source
        What embedded it, and whose picture it is.

    Raises
    ------
    VerificationError
        If one of them is something else.
    """

    frame: np.ndarray
    embedding: np.ndarray
    source: str = ""

    def __post_init__(self) -> None:
        frame, embedding = self.frame, self.embedding
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape != (len(frame),) * 2 + (3,):
            remedy = "give one aligned RGB image, uint8 (size, size, 3), not normalised"
            raise VerificationError(f"the reference frame is {frame.dtype} {frame.shape}; {remedy}")
        length = float(np.linalg.norm(embedding)) if embedding.dtype.kind == "f" else np.nan
        if embedding.ndim != 1 or not length >= _MIN_NORM or not np.isfinite(length):
            raise VerificationError(
                f"the reference embedding is {embedding.dtype} {embedding.shape} of length "
                f"{length:.3g}; give (dim,) finite floating-point values, not all zero"
            )


def reference_cosine(encoder: OnnxEncoder, reference: Reference) -> float:
    """Return the cosine of an encoder's embedding of the frame to the reference embedding.

    An encoder that averages a frame and its mirror image is compared without the mirror image:
    what is checked is the file and its preprocessing.

    Raises
    ------
    VerificationError
        If the encoder has another width or frame size.
    """
    size, shape = encoder.preprocess.size, reference.embedding.shape
    if shape != (encoder.dim,) or len(reference.frame) != size:
        raise VerificationError(
            f"the reference is a frame of {reference.frame.shape} and an embedding of {shape}; "
            f"{encoder!r} takes ({size}, {size}, 3) and gives ({encoder.dim},): the reference "
            "belongs to another encoder"
        )
    if getattr(encoder, "flip", False):
        encoder = OnnxEncoder(encoder.path, encoder.preprocess, sha256=encoder.sha256)
    actual = encoder.embed(reference.frame[None]).features[0]
    return float(actual @ reference.embedding / np.linalg.norm(reference.embedding))


def check_reference(
    encoder: OnnxEncoder, reference: Reference, *, min_cosine: float = 0.999
) -> float:
    """Return that cosine, or refuse the encoder: the only check that finds wrong preprocessing.

    In a large encoder swapped channels keep every norm and variance healthy and a cosine of about
    0.97 to the right embedding.

    Raises
    ------
    VerificationError
        If the cosine is below ``min_cosine``, or the vectors cannot be compared.
    """
    cosine = reference_cosine(encoder, reference)
    if not cosine >= min_cosine:  # a NaN fails too
        raise VerificationError(
            f"{encoder!r} embeds the reference frame at cosine {cosine:.4f} to the expected "
            f"embedding (at least {min_cosine}): check channel order, mean and std of Preprocess, "
            "and whether the network normalises its input itself"
        )
    return cosine


def save_reference(path: str | Path, reference: Reference) -> None:
    """Write a reference to a safetensors file."""
    tensors = {
        "frame": np.ascontiguousarray(reference.frame),
        "embedding": np.ascontiguousarray(reference.embedding, np.float32),
    }
    write_atomically(Path(path), save(tensors, metadata={"source": reference.source}))


def load_reference(path: str | Path) -> Reference:
    """Read a reference from a safetensors file.

    Raises
    ------
    VerificationError
        If the file is missing, no safetensors file, or holds something else.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            source = (file.metadata() or {}).get("source", "")
            return Reference(file.get_tensor("frame"), file.get_tensor("embedding"), source)
    except (OSError, SafetensorError, VerificationError) as error:
        why = f"{error}; fetch it again, or write it with deplib.extraction.save_reference"
        raise VerificationError(f"{path} holds no reference: {why}") from error


def embedded_reference() -> Reference:
    """Return the reference of the encoder that is shipped with the library."""
    return load_reference(EMBEDDED_REFERENCE)
