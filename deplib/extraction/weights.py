"""Known weights: what they are, where they come from, their hash and their licence.

None are shipped. `fetch` downloads one, on explicit request and once its licence is accepted; it is
verified before it appears under its name, so a file that is there is whole.
"""

import hashlib
import json
import shutil
import tempfile
from contextlib import suppress
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
    preprocess: str | None = None  # of an encoder, as `Preprocess.parse` reads it
    archive_sha256: str | None = None  # of the archive, where the url is one
    pack: str | None = None  # insightface's own name of the archive, and of its folder


_LIST = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
KNOWN: dict[str, KnownWeights] = {known["name"]: KnownWeights(**known) for known in _LIST}
"""By name. The hash of each was confirmed in its publisher's repository or several others."""


def find(name: str) -> Path | None:
    """Return the verified file of known weights on this machine, or None.

    Parameters
    ----------
    name
        A name of `KNOWN`.
        Looked for in ``weights`` in the data folder, then where insightface keeps its packs.

    Raises
    ------
    EncoderError
        If there are no such known weights.
    """
    if name not in KNOWN:
        raise EncoderError(f"no known weights {name!r}; there are {', '.join(KNOWN)}")
    known = KNOWN[name]
    packs = Path.home() / ".insightface" / "models" / (known.pack or "")
    places = [data_root() / "weights", packs]
    return next((p / known.file for p in places if _is(p / known.file, known)), None)


def fetch(name: str, *, accept_licence: bool) -> Path:
    """Download known weights, unless they are here already, and return the verified file.

    Parameters
    ----------
    name
        A name of `KNOWN`.
        It is put into ``weights`` in the data folder, with the other known files that come in the
        same archive.
    accept_licence
        Whether you have read the licence and keep to it; without, nothing is downloaded.

    Raises
    ------
    EncoderError
        If there are no such known weights, the licence is not accepted, the download fails or ends
        early, or is another file than the one known. No half of a file is left under its name.
    """
    here, known = find(name), KNOWN[name]
    if not accept_licence:
        raise EncoderError(
            f"nothing was downloaded. {known.file} is licensed: {known.licence}; read "
            f"{known.licence_url}, and if you accept it, give accept_licence (--accept-licence)"
        )
    if here is not None:
        return here
    target = data_root() / "weights"
    try:
        target.mkdir(parents=True, exist_ok=True)
        with FileLock(target / ".lock"):
            for left in target.glob(f"{_UNFINISHED}*"):  # by a process that was killed
                shutil.rmtree(left, ignore_errors=True)
            if not _is(target / known.file, known):  # another process may have been quicker
                _download(known, target)
    except OSError as error:  # of the network, too
        raise EncoderError(
            f"could not download {known.url} to {target}: {error}; check the connection and the "
            f"disk's room and permissions, or fetch the file otherwise, as {target / known.file}"
        ) from error
    return target / known.file


def _download(known: KnownWeights, target: Path) -> None:
    """Download into a folder of its own, verify, and move into place all known files of it."""
    import pooch  # here: finding a file must not wait for the libraries of the network

    archive = known.archive_sha256 is not None
    together = [other for other in KNOWN.values() if other.url == known.url] if archive else [known]
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=target) as unfinished:
        try:
            files = pooch.retrieve(
                known.url,
                known_hash=known.archive_sha256 or known.sha256,
                fname=Path(known.url).name,
                path=unfinished,
                downloader=pooch.HTTPDownloader(progressbar=True, timeout=_TIMEOUT),
                processor=pooch.Unzip([other.file for other in together]) if archive else None,
            )
        except ValueError as error:  # pooch's answer to another hash
            raise EncoderError(
                f"what was downloaded from {known.url} has another sha256 than the known one. It "
                "was deleted: try again later; a proxy or a login page may stand in between, or "
                "the publisher has replaced the file"
            ) from error
        found = {Path(file).name: Path(file) for file in (files if archive else [files])}
        for other in together:
            if not _is(found.get(other.file, target), other):
                raise EncoderError(f"{known.url} holds another {other.file}, or none")
        for other in together:
            found[other.file].replace(target / other.file)


def _is(path: Path, known: KnownWeights) -> bool:
    """Return whether a path holds exactly the known file; the size is the quicker question."""
    with suppress(OSError), path.open("rb") as file:
        if path.stat().st_size == known.size:
            return hashlib.file_digest(file, "sha256").hexdigest() == known.sha256
    return False
