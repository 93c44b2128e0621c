import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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


class Server(ThreadingHTTPServer):
    """Serves what its ``pages`` say, and counts the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, bytes] = {"/pack.zip": archive(), "/single.onnx": NETWORK}
        self.requests: list[str] = []
        self.missing_bytes = 0  # promised, and never sent


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        content = self.server.pages[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content) + self.server.missing_bytes))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """Knows three files, two of them in one archive; nothing else is known."""
    with Server() as server:
        base = f"http://127.0.0.1:{server.server_port}"
        single = KnownWeights(
            "single", "a network", "single.onnx", f"{base}/single.onnx", sha256(NETWORK),
            len(NETWORK), "for tests only", "https://example.org/licence",
        )  # fmt: skip
        packed = replace(
            single, name="network", file="network.onnx", url=f"{base}/pack.zip",
            archive_sha256=sha256(archive()), pack="pack",
        )  # fmt: skip
        named = {"name": "detector", "file": "detector.onnx"}
        detector = replace(packed, **named, sha256=sha256(DETECTOR), size=len(DETECTOR))
        entries = {entry.name: entry for entry in (single, packed, detector)}
        monkeypatch.setattr(weights, "KNOWN", entries)
        for variable, value in {"HOME": "home", "DEPLIB_DATA": "data"}.items():
            monkeypatch.setenv(variable, str(tmp_path / value))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock"}


def test_a_single_file_is_fetched_once_and_again_when_damaged(
    server: Server, tmp_path: Path
) -> None:
    path = fetch("single", accept_licence=True, progress=False)
    assert path == tmp_path / "data" / "weights" / "single.onnx"
    assert path.read_bytes() == NETWORK
    assert names(path.parent) == {"single.onnx"}
    assert find("single") == path
    before = path.stat().st_mtime_ns
    assert fetch("single", accept_licence=True) == path
    assert path.stat().st_mtime_ns == before  # not downloaded again
    path.write_bytes(NETWORK[:-1] + b"!")
    assert find("single") is None
    assert fetch("single", accept_licence=True, progress=False).read_bytes() == NETWORK
    assert server.requests == ["/single.onnx"] * 2


def test_a_packed_file_brings_its_neighbour_and_leaves_no_archive(
    server: Server, tmp_path: Path
) -> None:
    path = fetch("network", tmp_path / "w", accept_licence=True, progress=False)
    assert path.read_bytes() == NETWORK
    assert names(path.parent) == {"network.onnx", "detector.onnx"}
    assert fetch("detector", tmp_path / "w", accept_licence=True).read_bytes() == DETECTOR
    assert server.requests == ["/pack.zip"]


def test_without_the_licence_nothing_is_downloaded(server: Server, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"for tests only; read https://example\.org/licence"):
        fetch("single", tmp_path / "w", accept_licence=False)
    assert server.requests == []


def test_another_file_and_one_that_breaks_off_leave_nothing(server: Server, tmp_path: Path) -> None:
    for content in (NETWORK[:-1] + b"!", b"<!DOCTYPE html><html>Please log in</html>"):
        server.pages["/single.onnx"] = content
        with pytest.raises(EncoderError, match=r"has another sha256.*a login page may stand"):
            fetch("single", tmp_path / "w", accept_licence=True, progress=False)
    server.pages["/single.onnx"], server.missing_bytes = NETWORK, 1000
    with pytest.raises(EncoderError, match="could not download"):
        fetch("single", tmp_path / "w", accept_licence=True, progress=False)
    assert names(tmp_path / "w") == set()
    server.missing_bytes = 0
    assert fetch("single", tmp_path / "w", accept_licence=True, progress=False).exists()


def test_insightface_s_own_copy_is_found(server: Server, tmp_path: Path) -> None:
    pack = tmp_path / "home" / ".insightface" / "models" / "pack"
    pack.mkdir(parents=True)
    assert find("network") is None
    (pack / "network.onnx").write_bytes(NETWORK)
    assert find("network") == pack / "network.onnx"
    assert fetch("network", accept_licence=True) == pack / "network.onnx"
    assert server.requests == []


def test_the_registry_is_whole() -> None:
    for name, entry in KNOWN.items():
        assert entry.name == name
        assert entry.url.startswith("https://github.com/")
        assert entry.licence_url.startswith("https://")
        hashes = [entry.sha256, entry.archive_sha256 or entry.sha256]
        assert all(len(h) == 64 and set(h) <= set("0123456789abcdef") for h in hashes)
        assert (entry.archive_sha256 is not None) == entry.url.endswith(".zip")
        assert Path(entry.file).name == entry.file
