"""Known weights: what they are, where they come from, their hash and their licence.

None are shipped. `fetch` downloads one, on explicit request and once its licence is accepted; it is
verified before it appears under its name, so a file that is there is whole.
"""

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from deplib.errors import EncoderError
from deplib.paths import data_root

_UNFINISHED = "unfinished-"
_TIMEOUT = 60  # seconds without an answer


@dataclass(frozen=True)
class KnownWeights:
    """A network that somebody else trained and published."""

    name: str
    what: str
    file: str  # its name on disk
    url: str  # of the file, or of the zip archive that holds it
    sha256: str  # of the file
    size: int  # of the file, bytes
    licence: str
    licence_url: str
    archive_sha256: str | None = None  # of the archive, where the url is one
    pack: str | None = None  # insightface's own name of the archive, and of its folder


_LIST = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
KNOWN: dict[str, KnownWeights] = {known["name"]: KnownWeights(**known) for known in _LIST}
"""By name. The hash of each was confirmed in its publisher's repository or several others."""


def default_folder() -> Path:
    """Return where weights are kept, unless another folder is named."""
    return data_root() / "weights"


def find(name: str, folder: str | Path | None = None) -> Path | None:
    """Return the verified file of known weights on this machine, or None.

    Parameters
    ----------
    name
        A name of `KNOWN`.
    folder
        Where to look first; `default_folder` by default. Then where insightface keeps its packs.

    Raises
    ------
    EncoderError
        If there are no such known weights.
    """
    known = _known(name)
    places = [Path(folder) if folder is not None else default_folder()]
    if known.pack is not None:
        places.append(Path.home() / ".insightface" / "models" / known.pack)
    return next((p / known.file for p in places if _is(p / known.file, known)), None)


def fetch(
    name: str, folder: str | Path | None = None, *, accept_licence: bool, progress: bool = True
) -> Path:
    """Download known weights, unless they are here already, and return the verified file.

    Parameters
    ----------
    name
        A name of `KNOWN`.
    folder
        Where to put the file; `default_folder` by default. Other known files that come in the same
        archive are put there too.
    accept_licence
        Whether you have read the licence and keep to it; without, nothing is downloaded.
    progress
        Whether to show a progress bar on standard error.

    Raises
    ------
    EncoderError
        If there are no such known weights, the licence is not accepted, the download fails or ends
        early, or is another file than the one known. No half of a file is left under its name.
    """
    known = _known(name)
    if not accept_licence:
        raise EncoderError(
            f"{known.file} is licensed by its authors: {known.licence}; read {known.licence_url}. "
            "If you accept that, fetch it again with accept_licence=True (on the command line "
            "--accept-licence). Nothing was downloaded"
        )
    if (here := find(name, folder)) is not None:
        return here
    import requests  # here and below: finding a file must not wait for the network's libraries

    target = Path(folder) if folder is not None else default_folder()
    try:
        target.mkdir(parents=True, exist_ok=True)
        with FileLock(target / ".lock"):
            for left in target.glob(f"{_UNFINISHED}*"):  # by a process that was killed
                shutil.rmtree(left, ignore_errors=True)
            if not _is(target / known.file, known):  # another process may have been quicker
                _download(known, target, progress)
    except requests.RequestException as error:
        raise EncoderError(
            f"could not download {known.url}: {error}; check the connection, or fetch the file "
            f"otherwise and put {known.file} into {target}"
        ) from error
    except OSError as error:
        raise EncoderError(
            f"cannot write {known.file} to {target}: {error.strerror or error}; free space or name "
            "another folder"
        ) from error
    return target / known.file


def _download(known: KnownWeights, target: Path, progress: bool) -> None:
    """Download into a folder of its own, verify, and move into place all known files of it."""
    import pooch

    archive = known.archive_sha256 is not None
    together = [other for other in KNOWN.values() if other.url == known.url] if archive else [known]
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=target) as unfinished:
        try:
            files = pooch.retrieve(
                known.url,
                known_hash=known.archive_sha256 or known.sha256,
                fname=Path(known.url).name,
                path=unfinished,
                downloader=pooch.HTTPDownloader(progressbar=progress, timeout=_TIMEOUT),
                processor=pooch.Unzip([other.file for other in together]) if archive else None,
            )
        except ValueError as error:  # pooch's answer to another hash
            raise _wrong(known, "has another sha256 than the known one") from error
        found = {Path(file).name: Path(file) for file in (files if archive else [files])}
        for other in together:
            if other.file not in found or not _is(found[other.file], other):
                raise _wrong(other, f"holds another {other.file}, or none")
        for other in together:
            found[other.file].replace(target / other.file)


def _wrong(known: KnownWeights, what: str) -> EncoderError:
    return EncoderError(
        f"what was downloaded from {known.url} {what}. It was deleted: try again later; a proxy or "
        "a login page may stand in between, or the publisher has replaced the file"
    )


def _known(name: str) -> KnownWeights:
    if name not in KNOWN:
        raise EncoderError(f"no known weights {name!r}; there are {', '.join(KNOWN)}")
    return KNOWN[name]


def _is(path: Path, known: KnownWeights) -> bool:
    """Return whether a path holds exactly the known file; the size is the quicker question."""
    try:
        with path.open("rb") as file:
            return (
                path.stat().st_size == known.size
                and hashlib.file_digest(file, "sha256").hexdigest() == known.sha256
            )
    except OSError:
        return False
