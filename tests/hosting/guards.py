"""What no file of the repository may be: data under a licence, foreign weights, secrets, faults."""

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path, PurePosixPath

import yaml

from deplib.extraction import network_card
from deplib.extraction.encoder import NETWORKS

LARGEST = 2_000_000
"""Bytes of a file: the networks that are shipped have 1.3 million."""

OURS = {network_card(name)["sha256"] for name in NETWORKS}
"""Hashes of the networks that were trained here."""

MEASURED = (
    "results/*/pooled.safetensors",
    "deplib/extraction/networks/embedded_reference.safetensors",
)
"""Arrays that are no weights: means of features, and one frame with its embedding."""

CORPUS_NAME = re.compile(
    r"(?<!\d)\d{3}_\d_(Freeform|Northwind|Depression|audio|video)", re.IGNORECASE
)
FILMED = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".wmv", ".m4v", ".mpg", ".wav", ".mp3", ".flac"}
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff"}
WEIGHTS = {".pt", ".pth", ".ckpt", ".h5", ".hdf5", ".pb", ".tflite", ".caffemodel", ".npz", ".npy"}
WEIGHTS |= {".pkl", ".pickle", ".bin", ".mat", ".onnx", ".safetensors"}
PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE " + rb"KEY-----")
CONFLICT = re.compile(rb"^(<{7}|>{7}|\|{7}) ", re.MULTILINE)

READERS: dict[str, Callable[[str], object]] = {
    ".json": json.loads,
    ".ipynb": json.loads,
    ".toml": tomllib.loads,
    ".yml": yaml.safe_load,
    ".yaml": yaml.safe_load,
    ".cff": yaml.safe_load,
}


def tracked(root: Path) -> list[str]:
    """Return the files that git tracks or would track; all that there are where there is no git."""
    if shutil.which("git") and (root / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
        names = [name for name in listed.stdout.split("\0") if name]
    else:
        skip = {".venv", ".deplib", "_build", ".git", "__pycache__"}
        paths = [path.relative_to(root) for path in root.rglob("*")]
        names = [path.as_posix() for path in paths if not skip & set(path.parts)]
    return [name for name in names if (root / name).is_file()]


def complaint(name: str, content: bytes) -> str | None:
    """Say why a file may not be in the repository; None where it may."""
    path = PurePosixPath(name)
    kind = path.suffix.lower()
    found = {
        f"it has {len(content):,} bytes": len(content) > LARGEST,
        "its name is one of AVEC2014": CORPUS_NAME.search(name),
        "it is a film or a sound": kind in FILMED,
        "it is a picture outside of book/": kind in PICTURES and path.parts[0] != "book",
        "it is a label: one number": kind in {".csv", ".txt"} and _one_number(content),
        "it holds weights that were not trained here": kind in WEIGHTS
        and not any(path.match(pattern) for pattern in MEASURED)
        and sha256(content).hexdigest() not in OURS,
        "it holds a private key": PRIVATE_KEY.search(content),
        "it holds the marks of a merge": CONFLICT.search(content),
        "notebooks/ holds texts only": path.parts[0] == "notebooks" and kind != ".py",
        "a text holds an output": path.parts[0] == "notebooks" and _has_output(content),
        f"it cannot be read as {kind}": kind in READERS and not _readable(kind, content),
    }
    return next((why for why, wrong in found.items() if wrong), None)


def _one_number(content: bytes) -> bool:
    return re.fullmatch(rb"\s*\d+(\.\d+)?\s*", content) is not None


def _has_output(content: bytes) -> bool:
    longest = max(map(len, content.split(b"\n")))
    return longest > 2000 or re.search(rb"^# ?\+? ?outputs?=|image/png", content, re.M) is not None


def _readable(kind: str, content: bytes) -> bool:
    try:
        READERS[kind](content.decode())
    except (ValueError, yaml.YAMLError):
        return False
    return True
