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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from safetensors.numpy import load, save

from deplib.errors import StoreError
from deplib.paths import write_atomically

FORMAT = 3
"""Layout of the store on disk. Format 2 knew frames by their names and sizes."""
DTYPES = ("float16", "float32")
_AGAIN = "run the extraction again: it redoes this recording"
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
    made: str = ""  # key of the header that it was written under


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
        if header is not None and not self._header_path.exists():
            self._create(header)
        self.header = _read_header(self._header_path)
        if header is not None:
            _require_same(self.root, self.header, header)
            if header.n_recordings != self.header.n_recordings:  # the cohort has grown or shrunk
                with self._writing("the header"):
                    write_atomically(self._header_path, to_json(asdict(header)))
                self.header = header

    def path(self, recording: str) -> Path:
        """Return where a recording's features are, or would be."""
        if not _ID.fullmatch(recording):
            what = f"{recording!r} cannot name a recording"
            raise StoreError(f"{what}: use letters, digits, '.', '_' and '-', and no leading dot")
        return self._folder / f"{recording}.safetensors"

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
        path, n, dim = self.path(recording), len(features), self.header.dim
        if not n or features.shape != (n, dim) or valid.dtype != bool or valid.shape != (n,):
            raise StoreError(
                f"features of {recording} are {features.shape}, its valid {valid.dtype} "
                f"{valid.shape}; this store holds (n, {dim}) and bool (n,), with n of at least 1"
            )
        stored = np.ascontiguousarray(features, dtype=self.header.dtype)
        content = save({"features": stored, "valid": np.ascontiguousarray(valid)})
        counts = {kind: int(count) for kind, count in (faults or {}).items()}
        digest, lost = hashlib.sha256(content).hexdigest(), int((~valid).sum())
        made = self.header.key
        entry = LedgerEntry(recording, digest, len(content), n, lost, counts, source, made)
        with self._writing(recording):  # two processes never mix one's features with the other's
            write_atomically(path, content)
            write_atomically(path.with_suffix(".json"), to_json(asdict(entry)))
        return entry

    def discard(self, recording: str) -> None:
        """Forget a recording, so that it counts as missing; unknown ones are ignored."""
        self.path(recording).with_suffix(".json").unlink(missing_ok=True)
        self.path(recording).unlink(missing_ok=True)

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
        damaged = {}
        with self._writing("what is damaged"):
            for recording in sorted(self.done()):
                try:
                    self._content(recording)
                except StoreError as error:
                    if isinstance(error.__cause__, OSError):
                        raise
                    damaged[recording] = str(error)
                    self.discard(recording)
            for partial in self.root.rglob(".*.partial"):
                partial.unlink(missing_ok=True)
        return damaged

    def _create(self, header: StoreHeader) -> None:
        with self._writing("a new store"):
            self._folder.mkdir(parents=True, exist_ok=True)
            if self._header_path.exists():  # another process was quicker
                return
            if any(self._folder.glob("*.safetensors")):
                raise StoreError(
                    f"{self.root} holds features but no store.json, so nobody knows what made "
                    "them: delete the folder or choose another"
                )
            write_atomically(self._header_path, to_json(asdict(header)))

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        try:
            with FileLock(self.root / ".lock"):
                yield
        except OSError as error:
            raise StoreError(
                f"cannot write {what} to {self.root}: {error.strerror or error}; check the disk's "
                "room and permissions, or choose another folder: finished recordings are kept"
            ) from error

    # ---------------------------------------------------------------- reading

    def read(self, recording: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the features of one recording, whose file is checked against the ledger.

        Returns
        -------
        features : ndarray of float32, shape (n, dim)
        valid : ndarray of bool, shape (n,)

        Raises
        ------
        StoreError
            If the recording is missing, or is not what the ledger or the header says.
        """
        tensors = load(self._content(recording))
        features, valid = tensors["features"], tensors["valid"]
        said = (self.header.dtype, (len(valid), self.header.dim))
        if (found := (str(features.dtype), features.shape)) != said:
            raise StoreError(f"{recording} holds {found}, and its header says {said}; {_AGAIN}")
        return features.astype(np.float32), valid

    def entry(self, recording: str) -> LedgerEntry:
        """Return the ledger entry of a recording.

        Raises
        ------
        StoreError
            If there is none, or it is unreadable.
        """
        path = self.path(recording).with_suffix(".json")
        try:
            entry = LedgerEntry(**json.loads(path.read_bytes()))
            if entry.recording != recording:
                raise ValueError(f"it speaks of {entry.recording!r}")
        except FileNotFoundError:
            remedy = f"it holds {len(self.done())} recordings: extract it first"
            raise StoreError(f"{recording} is not in the store {self.root}; {remedy}") from None
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(f"ledger entry {path} is unreadable ({error}); {_AGAIN}") from error
        return entry

    def done(self) -> set[str]:
        """Return the recordings that have a ledger entry; no hash is checked."""
        return {path.stem for path in self._folder.glob("*.json") if path.name[0] != "."}

    def digest(self, recordings: Sequence[str] = ()) -> str:
        """Return one SHA-256 over the header and ledger entries, by default all: the content.

        Raises
        ------
        StoreError
            If a ledger entry is unreadable.
        """
        content = [asdict(self.header)]
        content += [asdict(self.entry(name)) for name in sorted(recordings or self.done())]
        return hashlib.sha256(to_json(content)).hexdigest()

    def _content(self, recording: str) -> bytes:
        """Return the file of a recording, which is the one that the ledger describes.

        Raises
        ------
        StoreError
            Caused by an OSError where nobody knows, since a file that is there cannot be read.
        """
        entry, path = self.entry(recording), self.path(recording)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise StoreError(f"{path} is gone, though the ledger has it; {_AGAIN}") from None
        except OSError as error:
            raise StoreError(f"cannot read {path}: {error.strerror}; check the disk") from error
        if (actual := hashlib.sha256(content).hexdigest()) != entry.sha256:
            raise StoreError(
                f"{path} is not the file that the ledger describes (sha256 {actual[:12]}..., "
                f"{len(content):,} bytes; ledger {entry.sha256[:12]}..., {entry.size:,}); {_AGAIN}"
            )
        return content


def fill_invalid(
    features: np.ndarray, valid: np.ndarray, *, rng: np.random.Generator
) -> np.ndarray:
    """Return features with a random unit vector in place of each row that is not valid.

    So a store holds no zeros; the rows stay ``valid=False``, and windows mask them. Parameters are
    those of ``deplib.windows.fill``; directions are uniform on the sphere.
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
            remedy = f"this library reads format {FORMAT}: extract again into another folder"
            raise StoreError(f"{path.parent} is a store of format {content['format']}; {remedy}")
        return StoreHeader(**content)
    except FileNotFoundError:
        what = f"no feature store in {path.parent.absolute()} (it has no {path.name})"
        raise StoreError(f"{what}: check the folder, or run the extraction first") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        what = f"{path} is unreadable ({error}): nobody knows what made these features"
        raise StoreError(f"{what}; delete the folder and extract again") from error


def _require_same(root: Path, found: StoreHeader, wanted: StoreHeader) -> None:
    """Refuse a store that was made otherwise, naming each field that differs."""
    parts = [
        f"{field.name} {getattr(found, field.name)!r}, wanted {getattr(wanted, field.name)!r}"
        for field in fields(StoreHeader)
        if field.compare and getattr(found, field.name) != getattr(wanted, field.name)
    ]
    if parts:
        what = f"the store {root} was made otherwise: it has {'; '.join(parts)}"
        raise StoreError(f"{what}. Use another folder, or delete this one")
