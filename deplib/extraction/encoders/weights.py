"""Known weights: what they are, where they come from, their hash and their licence.

None are shipped. `fetch` downloads one, on explicit request and once its licence is accepted; it is
verified before it appears under its name, so a file that is there is whole.
"""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from deplib.errors import EncoderError
from deplib.extraction.encoders.onnx_file import not_a_network
from deplib.paths import data_root

_UNFINISHED = "unfinished-"
_TIMEOUT = 60  # seconds without an answer
_CHUNK = 1 << 16  # bytes


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


_INSIGHTFACE = {
    "url": "https://github.com/deepinsight/insightface/releases/download/v0.7/buffalo_l.zip",
    "licence": "non-commercial research only (insightface's pretrained models)",
    "licence_url": "https://github.com/deepinsight/insightface/tree/master/python-package#license",
    "archive_sha256": "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
    "pack": "buffalo_l",
}

KNOWN: dict[str, KnownWeights] = {
    known.name: known
    for known in (
        KnownWeights(
            name="w600k_r50",
            what="face encoder, IResNet-50 trained on WebFace600K, 512-D",
            file="w600k_r50.onnx",
            sha256="4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
            size=174_383_860,
            **_INSIGHTFACE,
        ),
        KnownWeights(
            name="det_10g",
            what="face detector, SCRFD-10GF with five landmarks",
            file="det_10g.onnx",
            sha256="5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
            size=16_923_827,
            **_INSIGHTFACE,
        ),
        KnownWeights(
            name="yunet",
            what="face detector, OpenCV's YuNet of March 2023 with five landmarks",
            file="face_detection_yunet_2023mar.onnx",
            url="https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/"
            "face_detection_yunet_2023mar.onnx",
            sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
            size=232_589,
            licence="MIT",
            licence_url="https://github.com/opencv/opencv_zoo/tree/main/models/"
            "face_detection_yunet#license",
        ),
    )
}
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
    name: str,
    folder: str | Path | None = None,
    *,
    accept_licence: bool,
    progress: bool = True,
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
    except OSError as error:
        if isinstance(error, requests.RequestException):
            raise EncoderError(
                f"could not download {known.url}: {error}; check the connection, or fetch the "
                f"file otherwise and put {known.file} into {target}"
            ) from error
        raise EncoderError(
            f"cannot write {known.file} to {target}: {error.strerror or error}; free space or name "
            "another folder"
        ) from error
    return target / known.file


def _download(known: KnownWeights, target: Path, progress: bool) -> None:
    """Download into a folder of its own, verify, and move into place."""
    import pooch

    together = (
        [known]
        if known.archive_sha256 is None
        else [other for other in KNOWN.values() if other.url == known.url]
    )
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=target) as unfinished:
        files = pooch.retrieve(
            known.url,
            known_hash=known.archive_sha256 or known.sha256,
            fname=Path(known.url).name,
            path=unfinished,
            downloader=_Checked(known, progress),
            processor=None
            if known.archive_sha256 is None
            else pooch.Unzip(members=[other.file for other in together]),
        )
        found = {
            Path(file).name: Path(file) for file in ([files] if isinstance(files, str) else files)
        }
        for other in together:
            if other.file not in found or not _is(found[other.file], other):
                raise _wrong(other, "holds another file of that name, or none")
        for other in together:
            found[other.file].replace(target / other.file)


class _Checked:
    """pooch's download over HTTP, and the checks that say what came in place of the file."""

    def __init__(self, known: KnownWeights, progress: bool) -> None:
        import pooch

        self.known = known
        self.http = pooch.HTTPDownloader(progressbar=progress, chunk_size=_CHUNK, timeout=_TIMEOUT)

    def __call__(self, url: str, output_file: str, _: object) -> None:
        self.http(url, output_file, None)
        with Path(output_file).open("rb") as file:
            head = file.read(64)
        if why := not_a_network(head):
            raise _wrong(self.known, why.partition(":")[0])
        actual = _sha256(Path(output_file))
        if actual != (self.known.archive_sha256 or self.known.sha256):
            raise _wrong(self.known, f"has sha256 {actual}, which is not the known one")


def _wrong(known: KnownWeights, what: str) -> EncoderError:
    return EncoderError(
        f"what was downloaded from {known.url} {what}. It was deleted: try again later; a proxy or "
        "a login may stand in between, or the publisher has replaced the file"
    )


def _known(name: str) -> KnownWeights:
    if name not in KNOWN:
        raise EncoderError(f"no known weights {name!r}; there are {', '.join(KNOWN)}")
    return KNOWN[name]


def _is(path: Path, known: KnownWeights) -> bool:
    """Return whether a path holds exactly the known file; the size is the quicker question."""
    try:
        return path.stat().st_size == known.size and _sha256(path) == known.sha256
    except OSError:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
