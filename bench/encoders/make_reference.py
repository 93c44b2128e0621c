"""How the reference embedding of the embedded encoder was made.

``python -m encoders.make_reference``, in ``bench/``, makes it again. The embedding is computed by
other code than the code that it checks: the preprocessing is written out here, and the network runs
in the ONNX project's reference evaluator, plain NumPy, not in onnxruntime. Needs the package
``onnx``. The picture is a render of nobody: an identity of a seed stream of its own, outside every
cohort and outside the encoder's training.
"""

from typing import Any

import numpy as np

from deplib.extraction import (
    Reference,
    known_renders,
    network_card,
    network_path,
    save_reference,
    stream,
)
from deplib.extraction.reference import EMBEDDED_REFERENCE


def make_reference() -> Reference:
    """Render the frame and embed it without onnxruntime; takes some seconds."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    frame = known_renders(1, rng=stream("reference", 0))[0][0]
    planes = (frame.transpose(2, 0, 1)[None].astype(np.float32) - 127.5) / 127.5  # RGB, 1 3 112 112
    model = onnx.load(network_path("embedded"))
    outputs: Any = ReferenceEvaluator(model).run(None, {model.graph.input[0].name: planes})
    embedding = outputs[0][0] / np.linalg.norm(outputs[0][0])
    return Reference(
        frame,
        embedding.astype(np.float32),
        f"embedded encoder {network_card('embedded')['sha256']}, by onnx.reference; "
        "a simulated face, stream 'reference' 0",
    )


if __name__ == "__main__":
    save_reference(EMBEDDED_REFERENCE, make_reference())
