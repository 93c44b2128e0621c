"""Every page before the Nu checker: HTML without an error."""

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from filelock import FileLock
from pages_of_book import Site

from deplib.paths import data_root
from deplib.provenance import file_digest

pytestmark = pytest.mark.slow
PACKAGE, VERSION = "vnu-jar", "26.9.27"
SHA256 = "5970d3ffca91a627cf0965e5d91bb2e4242307c29292998de0b419d6a901b2b7"
"""Of the package as npm packs it."""


@pytest.fixture(scope="module")
def checker() -> Path:
    """The Nu checker, fetched once and kept beside the data."""
    folder = data_root() / "tools" / f"{PACKAGE}-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{PACKAGE}-{VERSION}.tgz"
    with FileLock(folder / "lock"):
        if not archive.is_file() or file_digest(archive) != SHA256:
            if not shutil.which("npm"):
                _without("npm is missing, which fetches the checker")
            command = ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"]
            run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            if run.returncode != 0:
                _without(f"npm cannot fetch the checker: {run.stderr.strip()[-200:]}")
            assert file_digest(archive) == SHA256, "another package than the one that was read"
        jar = folder / "package" / "build" / "dist" / "vnu.jar"
        if not jar.is_file():
            with tarfile.open(archive) as package:
                package.extractall(folder, filter="data")
    if not shutil.which("java"):
        _without("java is missing, which runs the checker")
    return jar


def _without(reason: str) -> None:
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def _errors(checker: Path, files: list[Path]) -> list[str]:
    command = ["java", "-jar", str(checker), "--errors-only", "--format", "json"]
    run = subprocess.run([*command, *map(str, files)], capture_output=True, text=True)
    messages = json.loads(run.stderr)["messages"]
    names = {file.resolve().as_uri().replace("file:///", "file:/"): file.stem for file in files}
    return [
        f"{names.get(one['url'], one['url'])}, line {one.get('lastLine')}: {one['message']} "
        f"{one.get('extract', '').strip()}"
        for one in messages
    ]


def test_all_pages_are_valid_html(checker: Path, site: Site) -> None:
    errors = _errors(checker, [site.folder / f"{name}.html" for name in site.pages])
    assert not errors, "\n".join(errors)


def test_the_checker_finds_what_is_wrong(checker: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        "<!DOCTYPE html><html lang='en'><title>t</title><h1>t</h1><button><p>x</p></button></html>"
    )
    assert len(_errors(checker, [page])) == 1
