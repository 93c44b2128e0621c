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
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
from filelock import FileLock
from safetensors import SafetensorError

from deplib.errors import StoreError
from deplib.extraction.storage.atomic import remove_partial, write_atomically
from deplib.extraction.storage.claims import claim, remove_claims
from deplib.extraction.storage.ledger import (
    LedgerEntry,
    StoreHeader,
    read_entry,
    read_header,
    require_same,
    to_json,
)
from deplib.extraction.storage.recording_file import fault_of, pack, unpack

_ID = re.compile(r"[A-Za-z0-9._-]+")


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
        self.header = read_header(self._header_path)
        if header is not None:
            require_same(self.root, self.header, header)
            if header.n_recordings != self.header.n_recordings:  # the cohort has grown or shrunk
                self._write_header(header)
                self.header = header

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
        path = self.path(recording)
        content = pack(recording, features, valid, self.header)
        entry = LedgerEntry(
            recording=recording,
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            n_frames=len(features),
            n_invalid=int((~valid).sum()),
            faults={kind: int(count) for kind, count in (faults or {}).items()},
            source=source,
        )
        try:
            with self._lock():  # two processes never mix one's features with the other's entry
                write_atomically(path, content)
                write_atomically(self._entry_path(recording), to_json(asdict(entry)))
        except OSError as error:
            raise StoreError(
                f"cannot write {recording} to {self.root}: {error.strerror or error}; make room "
                "or choose another folder and run again: finished recordings are kept"
            ) from error
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
        try:
            with self._lock():
                for recording in suspects:
                    fault = self._fault(recording)  # another process may just have mended it
                    if fault:
                        damaged[recording] = fault
                        self._discard(recording)
                for folder in (self.root, self._folder):
                    remove_partial(folder)
            remove_claims(self.root)
        except OSError as error:
            raise StoreError(
                f"cannot read and write in {self.root}: {error.strerror or error}; check the disk "
                "and the permissions, or choose another folder"
            ) from error
        return damaged

    @contextmanager
    def claim(self, recording: str, *, wait: bool = False) -> Iterator[bool]:
        """Hold a recording while this process works on it; see `storage.claims.claim`.

        Raises
        ------
        StoreError
            If the folder cannot be written.
        """
        with ExitStack() as stack:
            try:
                held = stack.enter_context(claim(self.root, _checked_id(recording), wait=wait))
            except OSError as error:
                raise StoreError(
                    f"cannot lock {recording} in {self.root}: {error.strerror or error}; make "
                    "room or choose another folder and run again: finished recordings are kept"
                ) from error
            yield held

    def _discard(self, recording: str) -> None:
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
                write_atomically(self._header_path, to_json(asdict(header)))
        except OSError as error:
            raise StoreError(
                f"cannot create a store in {self.root}: {error.strerror or error}; choose a "
                "folder that can be written"
            ) from error

    def _write_header(self, header: StoreHeader) -> None:
        try:
            with self._lock():
                write_atomically(self._header_path, to_json(asdict(header)))
        except OSError as error:
            raise StoreError(
                f"cannot write {self._header_path}: {error.strerror or error}; make room or "
                "choose another folder and run again: finished recordings are kept"
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
                fault = self._fault(recording)
                if fault:
                    raise StoreError(
                        f"{path} {fault}; run the extraction again: it redoes this recording"
                    )
                self._trusted[recording] = state
            start, stop, _ = slice(start, stop).indices(entry.n_frames)
            if start >= stop:
                return np.empty((0, self.header.dim), np.float32), np.empty(0, bool)
            return unpack(path, start, stop)
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
        try:
            return read_entry(self._entry_path(recording), recording)
        except FileNotFoundError:
            raise StoreError(
                f"{recording} is not in the store {self.root}; it holds {len(self.done())} "
                "recordings: extract it first"
            ) from None

    def done(self) -> set[str]:
        """Return the recordings that have a ledger entry; no hash is checked."""
        return {path.stem for path in self._folder.glob("*.json") if path.name[0] != "."}

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
            entry = read_entry(self._entry_path(recording), recording)
        except (StoreError, FileNotFoundError) as error:
            if isinstance(error.__cause__, OSError):
                raise error.__cause__ from None
            return "has an unreadable ledger entry"
        return fault_of(self.path(recording), entry)


def _checked_id(recording: str) -> str:
    if not _ID.fullmatch(recording) or recording.startswith("."):
        raise StoreError(
            f"{recording!r} cannot name a recording: use letters, digits, '.', '_' and '-', and "
            "no leading dot"
        )
    return recording
