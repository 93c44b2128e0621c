import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from deplib.errors import EncoderError
from deplib.extraction import weights
from deplib.extraction.weights import KNOWN, KnownWeights, fetch, find

NETWORK = b"\x08\x07 a network " * 5000
DETECTOR = b"\x08\x07 a detector " * 900


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as pack:
        members = {"network": NETWORK, "detector": DETECTOR, "../outside": b"of no interest"}
        for name, content in members.items():
            pack.writestr(zipfile.ZipInfo(f"{name}.onnx"), content)
    return buffer.getvalue()


BASE = "https://example.org"
SINGLE, PACK = f"{BASE}/single.onnx", f"{BASE}/pack.zip"


@pytest.fixture
def pages(monkeypatch, tmp_path):
    """What each address answers; three files are known, two of them in one archive."""
    single = KnownWeights(
        "single", "a network", "single.onnx", SINGLE, sha256(NETWORK), len(NETWORK),
        "for tests only", f"{BASE}/licence",
    )  # fmt: skip
    packed = replace(
        single, name="network", file="network.onnx", url=PACK, archive_sha256=sha256(archive()),
        pack="pack",
    )  # fmt: skip
    named = {"name": "detector", "file": "detector.onnx"}
    detector = replace(packed, **named, sha256=sha256(DETECTOR), size=len(DETECTOR))
    entries = {entry.name: entry for entry in (single, packed, detector)}
    monkeypatch.setattr(weights, "KNOWN", entries)
    for variable, value in {"HOME": "home", "DEPLIB_DATA": "data"}.items():
        monkeypatch.setenv(variable, str(tmp_path / value))
    return {SINGLE: NETWORK, PACK: archive()}


@pytest.fixture
def asked(pages, monkeypatch):
    """Addresses that were asked for; an answer that is an exception breaks off halfway."""
    addresses = []

    def download(url, output_file, _):
        addresses.append(url)
        broken = isinstance(pages[url], OSError)
        Path(output_file).write_bytes(NETWORK[:1000] if broken else pages[url])
        if broken:
            raise pages[url]

    monkeypatch.setattr("pooch.HTTPDownloader", lambda **options: download)
    return addresses


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock"}


def test_a_single_file_is_fetched_once_and_again_when_damaged(asked, tmp_path):
    path = fetch("single", accept_licence=True)
    assert path == tmp_path / "data" / "weights" / "single.onnx"
    assert path.read_bytes() == NETWORK
    assert names(path.parent) == {"single.onnx"}
    assert find("single") == path
    before = path.stat().st_mtime_ns
    assert fetch("single", accept_licence=True) == path
    assert path.stat().st_mtime_ns == before  # not downloaded again
    path.write_bytes(NETWORK[:-1] + b"!")
    assert find("single") is None
    assert fetch("single", accept_licence=True).read_bytes() == NETWORK
    assert asked == [SINGLE] * 2


def test_a_packed_file_brings_its_neighbour_and_leaves_no_archive(asked, tmp_path):
    path = fetch("network", accept_licence=True)
    assert path.read_bytes() == NETWORK
    assert names(path.parent) == {"network.onnx", "detector.onnx"}
    assert fetch("detector", accept_licence=True).read_bytes() == DETECTOR
    assert asked == [PACK]


def test_without_the_licence_nothing_is_downloaded(asked, tmp_path):
    with pytest.raises(EncoderError, match=r"for tests only; read https://example\.org/licence"):
        fetch("single", accept_licence=False)
    assert asked == []


def test_another_file_and_one_that_breaks_off_leave_nothing(asked, pages, tmp_path):
    for content in (NETWORK[:-1] + b"!", b"<!DOCTYPE html><html>Please log in</html>"):
        pages[SINGLE] = content
        with pytest.raises(EncoderError, match=r"has another sha256.*a login page may stand"):
            fetch("single", accept_licence=True)
    pages[SINGLE] = OSError("the connection broke")
    with pytest.raises(EncoderError, match="could not download"):
        fetch("single", accept_licence=True)
    assert names(tmp_path / "data" / "weights") == set()
    pages[SINGLE] = NETWORK
    assert fetch("single", accept_licence=True).exists()


def test_insightface_s_own_copy_is_found(asked, tmp_path):
    pack = tmp_path / "home" / ".insightface" / "models" / "pack"
    pack.mkdir(parents=True)
    assert find("network") is None
    (pack / "network.onnx").write_bytes(NETWORK)
    assert find("network") == pack / "network.onnx"
    assert fetch("network", accept_licence=True) == pack / "network.onnx"
    assert asked == []


def test_the_registry_is_whole():
    for name, entry in KNOWN.items():
        assert entry.name == name
        assert entry.url.startswith("https://github.com/")
        assert entry.licence_url.startswith("https://")
        hashes = [entry.sha256, entry.archive_sha256 or entry.sha256]
        assert all(len(h) == 64 and set(h) <= set("0123456789abcdef") for h in hashes)
        assert (entry.archive_sha256 is not None) == entry.url.endswith(".zip")
        assert Path(entry.file).name == entry.file
