"""The streams that a run may see, by name, and how several are written as one.

Embeddings of three encoders, facial action as OpenFace measures it (29 numbers a frame), and the
spectrum and rate of a remote photoplethysmogram (23). The study removed its streams of action and
pulse, and what their columns were is not known: these are our choice. `files` opens them,
simulated or from CSV files; `join` puts streams side by side or averages predictions.
"""

from deplib.errors import CohortError

UNITS = tuple(
    f"AU{number:02d}_r" for number in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
)
"""Intensities of action units, 0 to 5."""
POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
"""Head in front of the camera: mm to the image's right, down and away; radians of pitch, yaw and
roll. Simulated, pitch is positive down and yaw to the image's right."""
GAZE = tuple(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz")
"""Unit vectors of both eyes' direction, in the camera's axes; z is negative towards it."""
ACTION = UNITS + POSE + GAZE
PULSE = (*(f"band_{band:02d}" for band in range(1, 22)), "heart_rate", "quality")
"""log10 of a band's share of the power (at least -4), bpm, and dB."""
ENCODED = ("identity", "affect", "random")
"""Streams that a face encoder makes and a feature store holds; their rows have unit length."""
WIDTHS = dict.fromkeys(ENCODED, 512) | {"action": len(ACTION), "pulse": len(PULSE)}
"""Numbers a frame of each stream; another encoder may make ``identity`` of another width."""
SEPARATOR = "+"


def parse(features: str) -> tuple[str, ...]:
    """Return the names of the streams that are joined by ``+``, in their order.

    Raises
    ------
    CohortError
        If a name is unknown or occurs twice.

    Examples
    --------
    >>> parse("identity+action")
    ('identity', 'action')
    """
    names = tuple(features.split(SEPARATOR))
    for name in names:
        if name not in WIDTHS:
            remedy = f"join some of {', '.join(WIDTHS)} by {SEPARATOR!r}, without spaces"
            raise CohortError(f"no stream is named {name!r} in {features!r}: {remedy}")
        if names.count(name) > 1:
            raise CohortError(f"stream {name!r} occurs twice in {features!r}: name it once")
    return names


def widths_of(features: str, identity: int = 512) -> dict[str, int]:
    """Return the numbers a frame of each stream, where the encoder given makes ``identity``.

    Examples
    --------
    >>> widths_of("identity+action", 128)
    {'identity': 128, 'action': 29}
    """
    return {name: (WIDTHS | {"identity": identity})[name] for name in parse(features)}


def width_of(features: str, identity: int = 512) -> int:
    """Return the numbers a frame of some streams joined: several bring a presence row each.

    Examples
    --------
    >>> width_of("action"), width_of("identity+action"), width_of("identity", 128)
    (29, 543, 128)
    """
    widths = widths_of(features, identity)
    return sum(widths.values()) + len(widths) * (len(widths) > 1)
