"""Files of streams as other programs write them, for tests to spoil."""

from pathlib import Path

import numpy as np

from deplib.streams import ACTION, GAZE, POSE, PULSE, UNITS

OPENFACE = ("frame", "face_id", "timestamp", "confidence", "success", *ACTION, "AU45_c")


def openface_rows(n: int, seed: int = 0) -> list[dict[str, object]]:
    """Rows as FeatureExtraction writes them: all frames tracked, frames from 1."""
    rng = np.random.default_rng(seed)
    rows = []
    for frame in range(1, n + 1):
        row: dict[str, object] = {"frame": frame, "face_id": 0, "timestamp": round(frame / 30, 3)}
        row |= {"confidence": 0.98, "success": 1}
        row |= {name: round(float(rng.uniform(0, 5)), 2) for name in UNITS}
        row |= {name: round(float(rng.normal()), 3) for name in (*POSE, *GAZE)}
        rows.append(row | {"AU45_c": 0.0})
    return rows


def write_openface(path: Path, rows: list[dict[str, object]], separator: str = ", ") -> Path:
    """Write rows with OpenFace's space after each comma."""
    lines = [separator.join(OPENFACE)]
    lines += [separator.join(str(row[name]) for name in OPENFACE) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def expected(rows: list[dict[str, object]]) -> np.ndarray:
    return np.array([[row[name] for name in ACTION] for row in rows], np.float32)


def write_pulse(path: Path, seconds: list[float], seed: int = 0) -> np.ndarray:
    """Write estimates at these times; return their values."""
    values = np.random.default_rng(seed).normal(size=(len(seconds), 23)).round(3)
    lines = [",".join(("timestamp", *PULSE))]
    lines += [
        ",".join(map(str, (second, *row)))
        for second, row in zip(seconds, values.tolist(), strict=True)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return values.astype(np.float32)
