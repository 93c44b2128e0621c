"""The file of one recording: features and valid mask in safetensors, checked by its hash."""

import hashlib
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from deplib.errors import StoreError
from deplib.extraction.storage.ledger import LedgerEntry, StoreHeader


def pack(recording: str, features: np.ndarray, valid: np.ndarray, header: StoreHeader) -> bytes:
    """Return a recording's file: equal arrays give equal bytes.

    Raises
    ------
    StoreError
        If the arrays fit neither the store nor each other.
    """
    if features.ndim != 2 or features.shape[1] != header.dim or not len(features):
        raise StoreError(
            f"features of {recording} have shape {features.shape}; this store holds "
            f"(n, {header.dim}) with n of at least 1"
        )
    if valid.dtype != bool or valid.shape != (len(features),):
        raise StoreError(
            f"valid of {recording} is {valid.dtype} {valid.shape}; it must be bool "
            f"({len(features)},), one flag a frame"
        )
    stored = np.ascontiguousarray(features, dtype=header.dtype)
    return save({"features": stored, "valid": np.ascontiguousarray(valid)})


def unpack(path: Path, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features (float32) and mask of the frames ``start`` to ``stop``; only they are read.

    Raises
    ------
    OSError, SafetensorError
        If the file cannot be read or is no such file.
    """
    with safe_open(path, framework="numpy") as file:
        features = file.get_slice("features")[start:stop]
        valid = file.get_slice("valid")[start:stop]
    return features.astype(np.float32), valid


def fault_of(path: Path, entry: LedgerEntry) -> str | None:
    """Return in what a recording's file is not the one of the ledger's entry, or None.

    Raises
    ------
    OSError
        If the file is there and cannot be read: then nobody knows.
    """
    try:
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "is gone, though the ledger has it"
    if actual != entry.sha256:
        return (
            f"is not the file that the ledger describes (sha256 {actual[:12]}..., "
            f"{path.stat().st_size:,} bytes; ledger {entry.sha256[:12]}..., {entry.size:,})"
        )
    return None
