"""Fences that code fills: citation, licences, rooms."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from sphinx.errors import ExtensionError

from deplib import REPOSITORY, __version__
from deplib.errors import DeplibError
from deplib.site import blocks, citation, licences

ROOT = Path(__file__).parents[2]
CONTENT = yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_the_citation_file_is_of_this_version_and_address() -> None:
    assert CONTENT["version"] == __version__
    assert CONTENT["repository-code"] == REPOSITORY
    assert CONTENT["license"] == "MIT"
    assert citation.load() == CONTENT


def test_the_citation_file_is_valid() -> None:
    check = pytest.importorskip("check_jsonschema").main
    path = str(ROOT / "CITATION.cff")
    with pytest.raises(SystemExit) as ended:
        check(["--builtin-schema", "vendor.citation-file-format", path])
    assert ended.value.code == 0


@pytest.mark.parametrize("field", ["version", "repository-code"])
def test_a_citation_of_something_else_is_refused(tmp_path: Path, field: str) -> None:
    path = tmp_path / "CITATION.cff"
    path.write_text(yaml.safe_dump(CONTENT | {field: "other"}))
    with pytest.raises(DeplibError, match=field):
        citation.load(path)


def test_every_form_follows_the_file() -> None:
    changed = CONTENT | {
        "title": "Another title",
        "date-released": "2031-02-03",
        "authors": [{"name": "A group"}, {"given-names": "Ada", "family-names": "Byron"}],
    }
    plain, bibtex = citation.plain(changed), citation.bibtex(changed)
    assert plain.startswith("A group, Ada Byron (2031). *Another title.*")
    assert "2031-02-03" in plain
    assert "author = {{A group} and {Ada Byron}}" in bibtex
    assert "year = {2031}" in bibtex
    assert f"version = {{{__version__}}}" in bibtex
    assert bibtex.count("{") == bibtex.count("}")


def vendor(folder: Path, **entry: object) -> Path:
    (folder / "thing").mkdir()
    (folder / "thing" / "thing.js").write_text("1")
    path = folder / "vendored.json"
    path.write_text(json.dumps({"thing": {"version": "1", "licence": "MIT"} | entry}))
    return path


def test_the_table_of_licences_names_every_shipped_file() -> None:
    table = licences.vendored_table()
    for path in licences.VENDORED.parent.rglob("*"):
        if path.is_file() and path != licences.VENDORED:
            assert f"`{path.name}`" in table
            assert f"| {path.parent.name} |" in table


def test_a_file_that_is_added_appears_in_the_table(tmp_path: Path) -> None:
    path = vendor(tmp_path)
    assert "`more.css`" not in licences.vendored_table(path)
    (tmp_path / "thing" / "more.css").write_text("")
    assert "`more.css`" in licences.vendored_table(path)


def test_a_folder_that_is_not_listed_or_has_no_licence_is_refused(tmp_path: Path) -> None:
    path = vendor(tmp_path, licence="")
    with pytest.raises(DeplibError, match="no licence"):
        licences.vendored(path)
    (tmp_path / "stranger").mkdir()
    with pytest.raises(DeplibError, match="stranger"):
        licences.vendored(path)


def test_a_fence_is_filled_and_other_fences_are_left() -> None:
    text = "a\n\n```{deplib-citation} plain\n```\n\n```{note}\nb\n```\n"
    filled = blocks.fill(text)
    assert citation.plain(CONTENT) in filled
    assert "```{note}\nb\n```" in filled
    with pytest.raises(ExtensionError, match="no block"):
        blocks.fill("```{deplib-unknown}\n```")


def test_a_page_is_read_again_only_where_its_blocks_would_differ(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    env = SimpleNamespace()
    source = ["```{deplib-citation} plain\n```"]
    blocks.expand(SimpleNamespace(env=env), "citing", source)  # type: ignore[arg-type]
    assert blocks.outdated(None, env, set(), set(), set()) == []  # type: ignore[arg-type]
    monkeypatch.setitem(blocks.BLOCKS, "citation", lambda argument: "other")  # type: ignore[arg-type]
    assert blocks.outdated(None, env, set(), set(), set()) == ["citing"]  # type: ignore[arg-type]
