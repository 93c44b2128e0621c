"""An encoder's file in 8 bits, made once on a machine from faces of nobody's recordings."""

import onnxruntime as ort
from filelock import FileLock

from deplib.deployment.quantising import calibration_frames, quantise_static
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.paths import data_root
from deplib.provenance import NO_NUMBERS, digest, source_digest

CALIBRATION_SEED = 0


def small_encoder(encoder: OnnxEncoder) -> OnnxEncoder:
    """Return an encoder in 8 bits; its file is written where it is not there yet.

    Another processor may round another activation's range, so the file, and with it the hash in
    ``id``, can differ between machines; on one machine it is always the same.

    Parameters
    ----------
    encoder
        In float32. Its preprocessing, device, threads and flip are those of the small one.

    Raises
    ------
    EncoderError
        If it cannot be quantised, or agrees too little with itself then.
    OSError
        If the file cannot be written.
    """
    made_from = [
        encoder.sha256,
        str(encoder.preprocess),
        CALIBRATION_SEED,
        source_digest("deplib.deployment.quantising", without=NO_NUMBERS),
        ort.__version__,
    ]
    path = data_root() / "quantised" / f"encoder-{digest(made_from)[:16]}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            frames = calibration_frames(seed=CALIBRATION_SEED)
            quantise_static(encoder.path, path, frames, encoder.preprocess)
    return OnnxEncoder(
        path,
        encoder.preprocess,
        threads=encoder.threads,
        device=encoder.device,
        flip=encoder.flip,
    )
