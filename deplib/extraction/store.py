"""The feature store: one safetensors file a recording, and a ledger that says what each holds.

::

    store.json                     header: format, encoder, cohort, dtype, frame limit
    recordings/<id>.safetensors    features (n, D) float16 or float32, valid (n,) bool
    recordings/<id>.json           ledger entry: SHA-256 of the file above, frames, faults by kind

A recording counts as done once its ledger entry is there, and the entry is written last; each file
is written beside its place, flushed to the disk and renamed. So a kill at any moment leaves whole
recordings and, at worst, one that is done again. Nothing here is ever unpickled.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from deplib.errors import StoreError
from deplib.paths import write_atomically

FORMAT = 2
"""Layout of the store on disk. Format 1 did not count what was wrong with the frames."""
DTYPES = ("float16", "float32")
_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class StoreHeader:
    """What all recordings of a store have in common; a store made otherwise is refused."""

    encoder: str  # OnnxEncoder.id: hash of the file, and the preprocessing
    dim: int  # width of an embedding
    cohort: str  # the cohort's name
    fingerprint: str  # what determines the frames of all recordings alike
    n_recordings: int = field(compare=False)  # of the cohort; fewer in the store means unfinished
    frame_limit: int  # frames of a recording that are kept; longer ones are cut
    dtype: str = "float16"  # of the stored features, "float16" or "float32"
    format: int = FORMAT  # layout of the store on disk

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise StoreError(f"dtype is {self.dtype!r}; a store holds {' or '.join(DTYPES)}")

    @property
    def key(self) -> str:
        """Short hash of all that two stores must share to be one, for the names of folders."""
        shared = {name: value for name, value in asdict(self).items() if name != "n_recordings"}
        return hashlib.sha256(to_json(shared)).hexdigest()[:12]


@dataclass(frozen=True)
class LedgerEntry:
    """What the ledger says of one recording."""

    recording: str
    sha256: str  # of the recording's safetensors file
    size: int  # of that file, bytes
    n_frames: int
    n_invalid: int  # frames without an embedding of their own
    faults: dict[str, int] = field(default_factory=dict)  # what was wrong with frames, by kind
    source: str = ""  # fingerprint of the recording's frames, where it has one of its own


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
        self._header_path = self.root / "store.json"
        self._trusted: dict[str, tuple[str, int, int]] = {}
        if header is not None and not self._header_path.exists():
            self._create(header)
        self.header = _read_header(self._header_path)
        if header is not None:
            _require_same(self.root, self.header, header)
            if header.n_recordings != self.header.n_recordings:  # the cohort has grown or shrunk
                with self._writing("the header"):
                    write_atomically(self._header_path, to_json(asdict(header)))
                self.header = header

    def __repr__(self) -> str:
        return f"FeatureStore({self.root}, {self.header.cohort}, {len(self.done())} recordings)"

    def path(self, recording: str) -> Path:
        """Return where a recording's features are, or would be."""
        if not _ID.fullmatch(recording):
            raise StoreError(
                f"{recording!r} cannot name a recording: use letters, digits, '.', '_' and '-', "
                "and no leading dot"
            )
        return self._folder / f"{recording}.safetensors"

    def _entry_path(self, recording: str) -> Path:
        return self.path(recording).with_name(f"{recording}.json")

    # ---------------------------------------------------------------- writing

    def write(
        self,
        recording: str,
        features: np.ndarray,
        valid: np.ndarray,
        faults: Mapping[str, int] | None = None,
        source: str = "",
    ) -> LedgerEntry:
        """Write one recording, replacing it if it is there.

        Parameters
        ----------
        recording
            Letters, digits, ``.``, ``_`` and ``-``.
        features
            Shape ``(n, dim)``, any float type; stored as the header's dtype.
        valid
            bool, shape ``(n,)``; False where a frame could not be embedded.
        faults
            What was wrong with frames, as counts by kind, for the ledger.
        source
            Fingerprint of the recording's frames, for the ledger.

        Raises
        ------
        StoreError
            If the arrays don't fit, or the disk is full or read-only. What was finished before
            stays whole.
        """
        path, n = self.path(recording), len(features)
        if features.ndim != 2 or features.shape[1] != self.header.dim or not n:
            raise StoreError(
                f"features of {recording} have shape {features.shape}; this store holds "
                f"(n, {self.header.dim}) with n of at least 1"
            )
        if valid.dtype != bool or valid.shape != (n,):
            raise StoreError(
                f"valid of {recording} is {valid.dtype} {valid.shape}; it must be bool ({n},), one "
                "flag a frame"
            )
        stored = np.ascontiguousarray(features, dtype=self.header.dtype)
        content = save({"features": stored, "valid": np.ascontiguousarray(valid)})
        counts = {kind: int(count) for kind, count in (faults or {}).items()}
        digest, lost = hashlib.sha256(content).hexdigest(), int((~valid).sum())
        entry = LedgerEntry(recording, digest, len(content), n, lost, counts, source)
        with self._writing(recording):  # two processes never mix one's features with the other's
            write_atomically(path, content)
            write_atomically(self._entry_path(recording), to_json(asdict(entry)))
        return entry

    def discard(self, recording: str) -> None:
        """Forget a recording, so that it counts as missing; unknown ones are ignored."""
        with self._lock():
            self._discard(recording)

    def discard_damaged(self) -> dict[str, str]:
        """Forget the recordings that are not what the ledger says, and what killed writers left.

        Returns
        -------
        dict
            What was wrong, by recording; empty when all is as written.

        Raises
        ------
        StoreError
            If the folder cannot be written, or a file in it cannot be read. A failing disk is no
            reason to throw away what may be whole.
        """
        suspects = self.verify_hashes()
        damaged = {}
        with self._writing("what is damaged"):
            for recording in suspects:
                if fault := self._fault(recording):  # another process may just have mended it
                    damaged[recording] = fault
                    self._discard(recording)
            for folder in (self.root, self._folder):
                for partial in folder.glob(".*.partial"):
                    partial.unlink(missing_ok=True)
            for path in self.root.glob(".*.claim"):
                with suppress(Timeout), FileLock(path).acquire(timeout=0):  # those held stay
                    _unlink(path)
        return damaged

    @contextmanager
    def claim(self, recording: str, *, wait: bool = False) -> Iterator[bool]:
        """Hold a recording while this process works on it; give False where another one does.

        A claim is a lock of the operating system's on a file, so that of a killed process is gone
        with it. Claims save work only: without them, too, no file would be harmed.

        Parameters
        ----------
        recording
            What is claimed.
        wait
            Wait until the other process is done or dead, in place of giving False.

        Raises
        ------
        StoreError
            If the folder cannot be written.
        """
        path = self.root / f".{self.path(recording).stem}.claim"
        lock = FileLock(path)
        try:
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            yield False
            return
        except OSError as error:
            raise self._unwritable(recording, error) from error
        try:
            yield True
        finally:
            _unlink(path)
            lock.release()

    def _discard(self, recording: str) -> None:
        self._entry_path(recording).unlink(missing_ok=True)
        self.path(recording).unlink(missing_ok=True)

    def _create(self, header: StoreHeader) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable("a new store", error) from error
        with self._writing("a new store"):
            if self._header_path.exists():  # another process was quicker
                return
            if any(self._folder.glob("*.safetensors")):
                raise StoreError(
                    f"{self.root} holds features but no store.json, so nobody knows what made "
                    "them: delete the folder or choose another"
                )
            write_atomically(self._header_path, to_json(asdict(header)))

    def _lock(self) -> FileLock:
        return FileLock(self.root / ".lock")

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        try:
            with self._lock():
                yield
        except OSError as error:
            raise self._unwritable(what, error) from error

    def _unwritable(self, what: str, error: OSError) -> StoreError:
        return StoreError(
            f"cannot write {what} to {self.root}: {error.strerror or error}; check the disk's room "
            "and permissions, or choose another folder: finished recordings are kept"
        )

    # ---------------------------------------------------------------- reading

    def read(
        self, recording: str, start: int = 0, stop: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the features of frames ``start`` to ``stop`` of one recording.

        The file's hash is checked when a recording is first read through this object; then only
        the frames asked for are read.

        Returns
        -------
        features : ndarray of float32, shape (n, dim)
        valid : ndarray of bool, shape (n,)

        Raises
        ------
        StoreError
            If the recording is missing or is not what the ledger says.
        """
        entry, path = self.entry(recording), self.path(recording)
        try:
            state = (entry.sha256, path.stat().st_mtime_ns, path.stat().st_size)
            if self._trusted.get(recording) != state:
                if fault := self._fault(recording):
                    raise StoreError(
                        f"{path} {fault}; run the extraction again: it redoes this recording"
                    )
                self._trusted[recording] = state
            start, stop, _ = slice(start, stop).indices(entry.n_frames)
            if start >= stop:
                return np.empty((0, self.header.dim), np.float32), np.empty(0, bool)
            with safe_open(path, framework="numpy") as file:
                features = file.get_slice("features")[start:stop].astype(np.float32)
                return features, file.get_slice("valid")[start:stop]
        except (OSError, SafetensorError) as error:
            raise StoreError(
                f"cannot read {path}: {error}; run the extraction again: it redoes this recording"
            ) from error

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
        return {path.stem for path in self._folder.glob("*.json") if path.name[0] != "."}

    def missing(self, recordings: Iterable[str]) -> list[str]:
        """Return those of ``recordings`` that are not done, in the order given."""
        return [name for name in recordings if not self._entry_path(name).exists()]

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
                fault = self._fault(recording)
            except OSError as error:
                fault = f"cannot be read ({error.strerror or error})"
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
        return hashlib.sha256(to_json(content)).hexdigest()

    def _fault(self, recording: str) -> str | None:
        """Return what is wrong with a finished recording, or None.

        Raises
        ------
        OSError
            If its files are there and cannot be read: then nobody knows.
        """
        try:
            entry = self.entry(recording)
        except StoreError as error:
            if isinstance(error.__cause__, OSError):
                raise error.__cause__ from None
            return "has an unreadable ledger entry"
        try:
            with self.path(recording).open("rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return "is gone, though the ledger has it"
        if actual == entry.sha256:
            return None
        return (
            f"is not the file that the ledger describes (sha256 {actual[:12]}..., "
            f"{self.path(recording).stat().st_size:,} bytes; ledger {entry.sha256[:12]}..., "
            f"{entry.size:,})"
        )


def fill_invalid(
    features: np.ndarray, valid: np.ndarray, *, rng: np.random.Generator
) -> np.ndarray:
    """Return features with a random unit vector in place of each row that is not valid.

    So a store holds no zeros; the rows stay ``valid=False``, and windows mask them.

    Parameters
    ----------
    features
        Shape ``(n, dim)``.
    valid
        bool, shape ``(n,)``.
    rng
        Source of the vectors: directions uniform on the sphere.
    """
    filled = features.copy()
    vectors = rng.standard_normal((int((~valid).sum()), features.shape[1]))
    filled[~valid] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return filled


def to_json(content: Any) -> bytes:
    """Return the one way of writing a value that makes equal values equal bytes."""
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def _read_header(path: Path) -> StoreHeader:
    """Read a store's header; refuse one that is missing, unreadable, or of another format."""
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != FORMAT:
            raise StoreError(
                f"{path.parent} is a store of format {content['format']}; this library reads "
                f"format {FORMAT}: extract again into another folder"
            )
        return StoreHeader(**content)
    except FileNotFoundError:
        raise StoreError(
            f"no feature store in {path.parent.absolute()} (it has no {path.name}): check the "
            "folder, or run the extraction first"
        ) from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StoreError(
            f"{path} is unreadable ({error}): nobody knows what made these features; delete the "
            "folder and extract again"
        ) from error


def _require_same(root: Path, found: StoreHeader, wanted: StoreHeader) -> None:
    """Refuse a store that was made otherwise, naming each field that differs."""
    parts = [
        f"{field.name} {getattr(found, field.name)!r}, wanted {getattr(wanted, field.name)!r}"
        for field in fields(StoreHeader)
        if field.compare and getattr(found, field.name) != getattr(wanted, field.name)
    ]
    if parts:
        raise StoreError(
            f"the store {root} was made otherwise: it has {'; '.join(parts)}. Use another folder, "
            "or delete this one"
        )


def _unlink(path: Path) -> None:
    """Remove a file that this process has locked: who waits for it will open a new one."""
    with suppress(OSError):  # Windows keeps a file that is open; a later call removes it
        path.unlink(missing_ok=True)
