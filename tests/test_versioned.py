"""Versioned files: found beside the package, and written whole or refused with the file's name."""

import json
from pathlib import Path

import pytest

from deplib import versioned
from deplib.errors import ResultError


def test_the_folder_is_that_of_the_checkout() -> None:
    assert versioned.folder() == Path(__file__).parents[1] / "results"
    assert (versioned.folder() / "published").is_dir()


@pytest.mark.parametrize(("indent", "text"), [(None, '{"a":[1,2]}\n'), (1, None)])
def test_what_is_written_is_json_in_a_new_folder(
    tmp_path: Path, indent: int | None, text: str | None
) -> None:
    path = tmp_path / "new" / "file.json"
    versioned.write_json(path, {"a": [1, 2]}, indent=indent)
    assert json.loads(path.read_text()) == {"a": [1, 2]}
    assert path.read_text().endswith("}\n")
    assert text is None or path.read_text() == text
    assert [one.name for one in path.parent.iterdir()] == ["file.json"]


def test_what_cannot_be_written_is_named_and_the_old_file_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(ResultError, match=r"cannot write .*file/file\.json"):
        versioned.write_json(tmp_path / "file" / "file.json", {})
    path = tmp_path / "kept.json"
    versioned.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        versioned.write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}
