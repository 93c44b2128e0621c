"""What was measured of the SCRFD detectors, in words: why a tight crop holds no face for them."""

from IPython.display import Markdown

from deplib import report
from deplib.alignment.template import SIZE
from deplib.chapters.detectors import DEFAULT_SIZE

MEASURED, MENDED = "0.7.3", "1.0"
"""Versions of insightface: the one of the measurements, and the first that looks at two sizes."""
LARGEST_ANCHOR = 512
"""Pixels of the canvas."""
THRESHOLD, LOWER = 0.5, 0.3
"""Score that a face needs by default, and a lower one that was tried."""
JOINT_SIZES = (128, 640)
"""Pixels: the canvases that later versions look at."""


def scale() -> Markdown:
    """Return why the detector does not see the face."""
    return report.say(
        f"Measured with `insightface` {MEASURED} on crops of {SIZE} x {SIZE} pixels. What fails is "
        "the *scale* of the face, not missing context. The detector enlarges a square crop until "
        f"it fills the canvas, {DEFAULT_SIZE} x {DEFAULT_SIZE} pixels, and the face is then larger "
        f"than the largest anchor, {LARGEST_ANCHOR} pixels. A margin around the crop, or a crop "
        "that is not enlarged, brings the face back. So does a smaller canvas:"
    )


def threshold() -> Markdown:
    """Return what a lower threshold and a later version change."""
    small, large = JOINT_SIZES
    return report.say(
        f"A face needs a score of {THRESHOLD:g}. A lower threshold does not help: at {LOWER:g} the "
        f"crops are still not found on a canvas of {DEFAULT_SIZE}. Versions up to {MEASURED} of "
        f"the library behave so. Version {MENDED} and later look at two sizes at once, {small} and "
        f"{large}, and find the crops."
    )
