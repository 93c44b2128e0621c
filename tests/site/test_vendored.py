"""What others wrote and the pages bring along is what was read, with its licence."""

import json
from pathlib import Path

from deplib.provenance import file_digest

VENDOR = Path(__file__).parents[2] / "book" / "_static" / "vendor"


def test_every_file_is_listed_with_version_source_licence_and_digest() -> None:
    listed = json.loads((VENDOR / "vendored.json").read_text())
    assert {path.name for path in VENDOR.iterdir() if path.is_dir()} == set(listed)
    for name, entry in listed.items():
        assert {"version", "from", "licence", "sha256"} == set(entry), name
        files = {path.name: file_digest(path) for path in (VENDOR / name).iterdir()}
        assert files == entry["sha256"], name
        assert "LICENSE.txt" in files, name
