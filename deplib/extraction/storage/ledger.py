"""What a store says of itself: one header for all recordings, one ledger entry for each."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from deplib.errors import StoreError

FORMAT = 2
"""Layout of the store on disk. Format 1 did not count what was wrong with the frames."""
DTYPES = ("float16", "float32")


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


def to_json(content: Any) -> bytes:
    """Return the one way of writing a value that makes equal values equal bytes."""
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def read_header(path: Path) -> StoreHeader:
    """Read a store's header.

    Raises
    ------
    StoreError
        If it is missing, unreadable, or of another format.
    """
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


def read_entry(path: Path, recording: str) -> LedgerEntry:
    """Read a recording's ledger entry.

    Raises
    ------
    FileNotFoundError
        If there is none.
    StoreError
        If it is unreadable, or speaks of another recording.
    """
    try:
        entry = LedgerEntry(**json.loads(path.read_bytes()))
        if entry.recording != recording:
            raise ValueError(f"it speaks of {entry.recording!r}")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(
            f"the ledger entry {path} is unreadable ({error}); run the extraction again: it "
            "redoes this recording"
        ) from error
    return entry


def require_same(root: Path, found: StoreHeader, wanted: StoreHeader) -> None:
    """Refuse a store that was made otherwise.

    Raises
    ------
    StoreError
        Naming each field that differs.
    """
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
