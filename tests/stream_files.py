"""Files of streams as other programs write them, for tests to spoil."""

from pathlib import Path

import numpy as np
import pandas as pd

from deplib.streams import ACTION, GAZE, POSE, PULSE, UNITS

OPENFACE = ("frame", "face_id", "timestamp", "confidence", "success", *ACTION, "AU45_c")


def openface_rows(n: int, seed: int = 0) -> list[dict[str, object]]:
    """Rows as FeatureExtraction writes them: all frames tracked, frames from 1."""
    rng, rows = np.random.default_rng(seed), []
    for k in range(1, n + 1):
        row = {"frame": k, "face_id": 0, "timestamp": round(k / 30, 3), "confidence": 0.98}
        row |= {name: round(float(rng.uniform(0, 5)), 2) for name in UNITS}
        row |= {name: round(float(rng.normal()), 3) for name in (*POSE, *GAZE)}
        rows.append(row | {"success": 1, "AU45_c": 0.0})
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
    table = pd.DataFrame(values, columns=list(PULSE))
    table.insert(0, "timestamp", seconds)
    table.to_csv(path, index=False)
    return values.astype(np.float32)
