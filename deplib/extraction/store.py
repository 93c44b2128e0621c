"""The feature store: one safetensors file a recording, and a ledger that says what each holds.

::

    store.json                     header: format, encoder, cohort, dtype, frame limit
    recordings/<id>.safetensors    features (n, D) float16 or float32, valid (n,) bool
    recordings/<id>.json           ledger entry: SHA-256 of the file above, frames, invalid frames

A recording counts as done once its ledger entry is there, and the entry is written last; each file
is written beside its place, flushed to the disk and renamed. So a kill at any moment leaves whole
recordings and, at worst, one that is done again. Nothing here is ever unpickled.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from deplib.errors import StoreError

FORMAT = 1
_ID = re.compile(r"[A-Za-z0-9._-]+")
_DTYPES = ("float16", "float32")


@dataclass(frozen=True)
class StoreHeader:
    """What all recordings of a store have in common; a store made otherwise is refused."""

    encoder: str  # OnnxEncoder.id: hash of the file, and the preprocessing
    dim: int  # width of an embedding
    cohort: str  # the cohort's name
    fingerprint: str  # the cohort's fingerprint: frames and labels
    n_recordings: int  # recordings of the cohort; fewer in the store means unfinished
    frame_limit: int  # frames of a recording that are kept; longer ones are cut
    dtype: str = "float16"  # of the stored features, "float16" or "float32"
    format: int = FORMAT  # layout of the store on disk

    def __post_init__(self) -> None:
        if self.dtype not in _DTYPES:
            raise StoreError(f"dtype is {self.dtype!r}; a store holds {' or '.join(_DTYPES)}")

    @property
    def key(self) -> str:
        """Short hash of all the fields, for the names of folders."""
        return hashlib.sha256(_to_json(asdict(self))).hexdigest()[:12]


@dataclass(frozen=True)
class LedgerEntry:
    """What the ledger says of one recording."""

    recording: str
    sha256: str  # of the recording's safetensors file
    size: int  # of that file, bytes
    n_frames: int
    n_invalid: int


class FeatureStore:
    """Features of a cohort's recordings on disk.

    Parameters
    ----------
    root
        The store's folder.
    header
        Creates the store, or opens the one that is there and requires the same header. Without
        it, an existing store is opened as it is.

    Raises
    ------
    StoreError
        If there is no store and no header, the header is unreadable, or the store was made by
        another encoder, from another cohort, or with other settings.
    """

    def __init__(self, root: str | Path, *, header: StoreHeader | None = None) -> None:
        self.root = Path(root)
        self._folder = self.root / "recordings"
        self._trusted: dict[str, tuple[str, int, int]] = {}
        if header is not None and not self._header_path.exists():
            self._create(header)
        self.header = self._read_header()
        if header is not None and header != self.header:
            raise StoreError(_difference(self.root, self.header, header))

    def __repr__(self) -> str:
        return f"FeatureStore({self.root}, {self.header.cohort}, {len(self.done())} recordings)"

    @property
    def _header_path(self) -> Path:
        return self.root / "store.json"

    def path(self, recording: str) -> Path:
        """Return where a recording's features are, or would be."""
        return self._folder / f"{_checked_id(recording)}.safetensors"

    def _entry_path(self, recording: str) -> Path:
        return self._folder / f"{_checked_id(recording)}.json"

    # ---------------------------------------------------------------- writing

    def write(self, recording: str, features: np.ndarray, valid: np.ndarray) -> LedgerEntry:
        """Write one recording, replacing it if it is there.

        Parameters
        ----------
        recording
            Letters, digits, ``.``, ``_`` and ``-``.
        features
            Shape ``(n, dim)``, any float type; stored as the header's dtype.
        valid
            bool, shape ``(n,)``; False where a frame could not be embedded.

        Raises
        ------
        StoreError
            If the arrays don't fit, or the disk is full or read-only. What was finished before
            stays whole.
        """
        path = self.path(recording)
        if features.ndim != 2 or features.shape[1] != self.header.dim or not len(features):
            raise StoreError(
                f"features of {recording} have shape {features.shape}; this store holds "
                f"(n, {self.header.dim}) with n of at least 1"
            )
        if valid.dtype != bool or valid.shape != (len(features),):
            raise StoreError(
                f"valid of {recording} is {valid.dtype} {valid.shape}; it must be bool "
                f"({len(features)},), one flag a frame"
            )
        stored = np.ascontiguousarray(features, dtype=self.header.dtype)
        content = save({"features": stored, "valid": np.ascontiguousarray(valid)})
        entry = LedgerEntry(
            recording=recording,
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            n_frames=len(features),
            n_invalid=int((~valid).sum()),
        )
        try:
            with self._lock():  # two processes never mix one's features with the other's entry
                _write_atomically(path, content)
                _write_atomically(self._entry_path(recording), _to_json(asdict(entry)))
        except OSError as error:
            raise StoreError(
                f"cannot write {recording} to {self.root}: {error.strerror or error}; make room "
                "or choose another folder and run again: finished recordings are kept"
            ) from error
        return entry

    def discard(self, recording: str) -> None:
        """Forget a recording, so that it counts as missing; unknown ones are ignored."""
        with self._lock():
            self._entry_path(recording).unlink(missing_ok=True)
            self.path(recording).unlink(missing_ok=True)

    def _create(self, header: StoreHeader) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._lock():
                if self._header_path.exists():  # another process was quicker
                    return
                if any(self._folder.glob("*.safetensors")):
                    raise StoreError(
                        f"{self.root} holds features but no store.json, so nobody knows what made "
                        "them: delete the folder or choose another"
                    )
                _write_atomically(self._header_path, _to_json(asdict(header)))
        except OSError as error:
            raise StoreError(
                f"cannot create a store in {self.root}: {error.strerror or error}; choose a "
                "folder that can be written"
            ) from error

    def _lock(self) -> FileLock:
        return FileLock(self.root / ".lock")

    # ---------------------------------------------------------------- reading

    def read(
        self, recording: str, start: int = 0, stop: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the features of frames ``start`` to ``stop`` of one recording.

        The file's hash is checked when a recording is first read through this object.

        Returns
        -------
        features : ndarray of float32, shape (n, dim)
        valid : ndarray of bool, shape (n,)

        Raises
        ------
        StoreError
            If the recording is missing or is not what the ledger says.
        """
        entry = self.entry(recording)
        path = self.path(recording)
        try:
            status = path.stat()
            state = (entry.sha256, status.st_mtime_ns, status.st_size)
            if self._trusted.get(recording) != state:
                fault = self._fault(entry)
                if fault:
                    raise StoreError(
                        f"{path} {fault}; run the extraction again: it redoes this recording"
                    )
                self._trusted[recording] = state
            start, stop, _ = slice(start, stop).indices(entry.n_frames)
            if start >= stop:
                return np.empty((0, self.header.dim), np.float32), np.empty(0, bool)
            with safe_open(path, framework="numpy") as file:
                features = file.get_slice("features")[start:stop]
                valid = file.get_slice("valid")[start:stop]
        except (OSError, SafetensorError) as error:
            raise StoreError(
                f"cannot read {path}: {error}; run the extraction again: it redoes this recording"
            ) from error
        return features.astype(np.float32), valid

    def entry(self, recording: str) -> LedgerEntry:
        """Return the ledger entry of a recording.

        Raises
        ------
        StoreError
            If there is none, or it is unreadable.
        """
        path = self._entry_path(recording)
        try:
            entry = LedgerEntry(**json.loads(path.read_bytes()))
            if entry.recording != recording:
                raise ValueError(f"it speaks of {entry.recording!r}")
        except FileNotFoundError:
            raise StoreError(
                f"{recording} is not in the store {self.root}; it holds {len(self.done())} "
                "recordings: extract it first"
            ) from None
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(
                f"the ledger entry {path} is unreadable ({error}); run the extraction again: it "
                "redoes this recording"
            ) from error
        return entry

    def done(self) -> set[str]:
        """Return the recordings that have a ledger entry; no hash is checked."""
        return {path.stem for path in self._folder.glob("*.json")}

    def missing(self, recordings: Iterable[str]) -> list[str]:
        """Return those of ``recordings`` that are not done, in the order given."""
        done = self.done()
        return [recording for recording in recordings if recording not in done]

    def verify_hashes(self) -> dict[str, str]:
        """Check every finished recording's file against the ledger.

        Returns
        -------
        dict
            What is wrong, by recording; empty when all is as written.
        """
        faults = {}
        for recording in sorted(self.done()):
            try:
                fault = self._fault(self.entry(recording))
            except StoreError:
                fault = "has an unreadable ledger entry"
            if fault:
                faults[recording] = fault
        return faults

    def digest(self) -> str:
        """Return one SHA-256 over the header and every ledger entry: the store's content.

        Raises
        ------
        StoreError
            If a ledger entry is unreadable.
        """
        content = [asdict(self.header)]
        content += [asdict(self.entry(recording)) for recording in sorted(self.done())]
        return hashlib.sha256(_to_json(content)).hexdigest()

    def _fault(self, entry: LedgerEntry) -> str | None:
        """Return what is wrong with a recording's file, or None."""
        path = self.path(entry.recording)
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

    def _read_header(self) -> StoreHeader:
        try:
            content = json.loads(self._header_path.read_bytes())
            if content["format"] != FORMAT:
                raise StoreError(
                    f"{self.root} is a store of format {content['format']}; this library reads "
                    f"format {FORMAT}: extract again into another folder"
                )
            return StoreHeader(**content)
        except FileNotFoundError:
            raise StoreError(
                f"no feature store in {self.root.absolute()} (it has no store.json): check the "
                "folder, or run the extraction first"
            ) from None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StoreError(
                f"{self._header_path} is unreadable ({error}): nobody knows what made these "
                "features; delete the folder and extract again"
            ) from error


def _checked_id(recording: str) -> str:
    if not _ID.fullmatch(recording) or recording.startswith("."):
        raise StoreError(
            f"{recording!r} cannot name a recording: use letters, digits, '.', '_' and '-', and "
            "no leading dot"
        )
    return recording


def _difference(root: Path, found: StoreHeader, wanted: StoreHeader) -> str:
    parts = [
        f"{field.name} {getattr(found, field.name)!r}, wanted {getattr(wanted, field.name)!r}"
        for field in fields(StoreHeader)
        if getattr(found, field.name) != getattr(wanted, field.name)
    ]
    return (
        f"the store {root} was made otherwise: it has {'; '.join(parts)}. Use another folder, or "
        "delete this one"
    )


def _to_json(content: Any) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def _write_atomically(path: Path, content: bytes) -> None:
    """Put a whole file in place or none. The caller holds the lock, so one name is enough."""
    temporary = path.with_name(f".{path.name}.partial")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # a rename lasts once its folder is on the disk
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
