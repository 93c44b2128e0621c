"""The book as HTML, served on this machine, and a browser: what the tests of its pages share."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))  # browsing.py, whatever pytest's import mode

from browsing import ROOT, Site, documents

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""What the browser may be called."""


@pytest.fixture(scope="session")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built book: the one that ``DEPLIB_SITE`` names, or one built here."""
    if given := os.environ.get("DEPLIB_SITE"):
        return Path(given).resolve()
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # one build for all workers
    root = shared / "clone"
    with FileLock(shared / "site.lock"):
        if not (shared / "built").is_file():
            skip = shutil.ignore_patterns("_build", "__pycache__")
            shutil.copytree(ROOT / "book", root / "book", ignore=skip, dirs_exist_ok=True)
            command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "book"]
            run = subprocess.run([*command, "-W"], cwd=root, capture_output=True, text=True)
            assert run.returncode == 0, run.stdout + run.stderr
            (shared / "built").touch()
    return root / "book" / "_build" / "html"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def site(html: Path) -> Iterator[Site]:
    """The built book at an address of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(html)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Site(html, f"http://127.0.0.1:{server.server_port}/", documents(html))
    server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium or Chrome without a window; where neither is, a server of tests complains."""
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        paths = [*filter(None, map(shutil.which, NAMES)), *([own] if Path(own).is_file() else [])]
        if not paths:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(
                f"no browser: none of {', '.join(NAMES)} is on PATH, and playwright has none"
            )
        chromium = playwright.chromium.launch(executable_path=paths[0], args=["--no-sandbox"])
        yield chromium
        chromium.close()
