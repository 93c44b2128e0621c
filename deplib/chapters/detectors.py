"""The detectors of the extraction chapter, and the pipeline that took no face for a zero."""

import ast
import inspect
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import dedent

import cv2
import numpy as np
import pandas as pd
from IPython.display import Markdown

from deplib.alignment.faces import Detector
from deplib.alignment.haar import BOX_SIDE, BoundedHaarDetector
from deplib.alignment.scrfd import ScrfdDetector
from deplib.alignment.template import SIZE, align
from deplib.cohorts.simulated import SimulatedCohort
from deplib.extraction.encoders.encoder import OnnxEncoder

STAND_IN = "bounded (stand-in)"
DETECTORS: dict[str, Detector] = {
    STAND_IN: BoundedHaarDetector(),
    "no bound (control)": BoundedHaarDetector(max_size_fraction=1.0),
}
LOCAL_FOLDER = "DEPLIB_BUFFALO_L"
"""Environment variable: the folder of insightface's buffalo_l; set but empty, none is used."""
LOCAL_NAME, DEFAULT_SIZE = "det_10g", 640
"""Its detector, and insightface's default canvas."""
ASTRONAUT_LANDMARKS = np.array([[204, 101], [247, 102], [224, 125], [205.5, 142], [244, 142]])
"""Eyes, nose and mouth corners (x, y) of scikit-image's astronaut, read off by eye."""

SCRFD_VIEWS = pd.DataFrame(
    [
        ("whole photograph", 87, 86),
        ("aligned crop", 86, 0),
        ("aligned crop, 10 % margin", 86, 0),
        ("aligned crop, 25 % margin", 86, 85),
        ("aligned crop, 50 % margin", 86, 86),
        ("aligned crop, not enlarged", 86, 86),
    ],
    columns=["view", "images", "faces found"],
)
"""Measured on public photographs with insightface 0.7.3 and the SCRFD detectors 2.5G and 500M at
their default size of 640; the detector of the study's pipeline, det_10g, was not to be had."""
SCRFD_SIZES = pd.DataFrame(
    [
        ("640", "0.07", "0"),
        ("512", "0.26", "-"),
        ("480", "-", "35"),
        ("448", "0.69", "-"),
        ("320", "0.84", "86"),
        ("96 to 288", "-", "86"),
    ],
    columns=["det size", "median best score", "crops found, of 86"],
)
"""The same crops at other sizes of the canvas; a face needs a score of 0.5. Not all were noted."""


def local_detectors() -> dict[str, Detector]:
    """Return buffalo_l's own detector at two canvases where this machine has it, else nothing.

    Looked for in the folder that the environment variable ``DEPLIB_BUFFALO_L`` names, or where
    insightface keeps it.

    Raises
    ------
    EncoderError
        If the variable names a folder without ``det_10g.onnx``.
    """
    named = os.environ.get(LOCAL_FOLDER)
    if named == "":
        return {}
    folder = Path(named) if named else Path.home() / ".insightface" / "models" / "buffalo_l"
    path = folder / f"{LOCAL_NAME}.onnx"
    if not named and not path.is_file():
        return {}
    sizes = (DEFAULT_SIZE, DEFAULT_SIZE // 2)
    return {f"{LOCAL_NAME} at {side}": ScrfdDetector(path, side) for side in sizes}


def failing(detectors: Mapping[str, Detector]) -> Detector:
    """Return the detector of the broken pipeline: buffalo_l's own where it is, or the stand-in."""
    return detectors.get(f"{LOCAL_NAME} at {DEFAULT_SIZE}", detectors[STAND_IN])


def detect_then_embed_with_zeros(
    frames: np.ndarray, detector: Detector, encoder: OnnxEncoder
) -> np.ndarray:
    """Embed the largest face found in each frame, and leave zeros where none is found.

    This is the study's bug, reproduced on purpose: a frame without a detection is neither
    reported nor marked, and its row stays zero. Use `deplib.extraction.pipeline.extract`.

    Parameters
    ----------
    frames
        RGB, uint8, shape ``(n, height, width, 3)``: whole scenes, or crops.
    detector, encoder
        The two stages. The face's box is resized to the encoder's input without alignment.

    Returns
    -------
    ndarray of float32, shape (n, dim)
    """
    features = np.zeros((len(frames), encoder.dim), np.float32)
    size = encoder.preprocess.size
    for i, frame in enumerate(frames):
        faces = detector.detect(frame)
        if faces:
            x0, y0, x1, y1 = faces[0].box.round().astype(int).clip(min=0)
            face = cv2.resize(frame[y0:y1, x0:x1], (size, size))
            features[i] = encoder.embed(face[None]).features[0]
    return features


def listing(function: Callable[..., object]) -> Markdown:
    """Return a function's code, without its docstring, as it runs."""
    source = dedent(inspect.getsource(function))
    docstring = ast.parse(source).body[0].body[0]  # type: ignore[attr-defined]
    lines = source.splitlines()
    code = lines[: docstring.lineno - 1] + lines[docstring.end_lineno :]
    return Markdown("```python\n" + "\n".join(code) + "\n```")


def with_margin(crop: np.ndarray, pixels: int) -> np.ndarray:
    """Return a crop with a black margin on all four sides."""
    return cv2.copyMakeBorder(crop, pixels, pixels, pixels, pixels, cv2.BORDER_CONSTANT)


def three_views(cohort: SimulatedCohort, *, n: int = 16) -> dict[str, list[np.ndarray]]:
    """Return one frame of ``n`` persons as whole scene, aligned crop, and crop with a margin."""
    recordings = cohort.recordings.drop_duplicates("person")["recording"].iloc[:n].tolist()
    crops = [cohort.frames(recording, 0, 1)[0] for recording in recordings]
    return {
        "whole scene": [cohort.scene_frame(recording, 0).image for recording in recordings],
        "aligned crop": crops,
        "aligned crop, 25 % margin": [with_margin(crop, SIZE // 4) for crop in crops],
    }


def detection_rates(
    views: Mapping[str, list[np.ndarray]], detectors: Mapping[str, Detector]
) -> pd.DataFrame:
    """Return the share of images in which each detector finds a face, one row a view."""
    return pd.DataFrame(
        [
            {"view": view, "images": len(images)}
            | {
                name: np.mean([len(detector.detect(image)) > 0 for image in images])
                for name, detector in detectors.items()
            }
            for view, images in views.items()
        ]
    )


def detector_view(
    views: Mapping[str, list[np.ndarray]], detector: Detector, index: int = 0
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return one image of each view, and the boxes (k, 4) that a detector finds in it."""
    images = {view: members[index] for view, members in views.items()}
    boxes = {
        view: np.array([face.box for face in detector.detect(image)]).reshape(-1, 4)
        for view, image in images.items()
    }
    return images, boxes


def outgrowing(
    crops: Sequence[np.ndarray], detectors: Mapping[str, Detector], *, steps: int = 12
) -> pd.DataFrame:
    """Let the face of an aligned crop outgrow the detectors' canvas, by less and less margin.

    Parameters
    ----------
    crops
        Aligned, one a person.
    detectors
        By name.
    steps
        Margins; the last is none.

    Returns
    -------
    DataFrame
        One row a detector and margin: ``detector``; ``share``, the side of the face's box in the
        canvas's sides (the face as the cascade boxes it); ``found``, the share of persons;
        ``score``, the median best score in units of the score that a face needs.
    """
    rows = []
    for share in np.linspace(0.3, BOX_SIDE / SIZE, steps):
        margin = round((BOX_SIDE / share - SIZE) / 2)
        images = [with_margin(crop, margin) for crop in crops]
        for name, detector in detectors.items():
            best = np.array([detector.best_score(image) for image in images])
            rows.append(
                {
                    "detector": name,
                    "share": BOX_SIDE / (SIZE + 2 * margin),
                    "found": float((best >= detector.threshold).mean()),
                    "score": float(np.median(best / detector.threshold)),
                }
            )
    return pd.DataFrame(rows)


def tipping(curves: pd.DataFrame, detector: str) -> tuple[float, float]:
    """Return the shares of `outgrowing` up to which no face is missed and from which all are.

    NaN where there is no such share.
    """
    curve = curves[curves["detector"] == detector].sort_values("share")
    whole = curve["found"].cummin() == 1
    none = curve["found"][::-1].cummax() == 0
    return curve["share"][whole].max(), curve["share"][none].min()


def photograph_views() -> dict[str, list[np.ndarray]]:
    """Return the same views of a public-domain photograph (scikit-image's astronaut)."""
    with warnings.catch_warnings():  # a library's remark on the notebook's widgets is no output
        warnings.simplefilter("ignore")
        from skimage import data

        photograph = data.astronaut()
    crop = align(photograph, ASTRONAUT_LANDMARKS)
    return {
        "whole photograph": [photograph],
        "aligned crop": [crop],
        "aligned crop, 25 % margin": [with_margin(crop, SIZE // 4)],
    }
