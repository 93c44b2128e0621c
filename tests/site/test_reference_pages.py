"""The reference holds every public room of deplib, once, and each has a page."""

from pathlib import Path

import pytest
import yaml
from numpy.typing import ArrayLike

from deplib.errors import DeplibError
from deplib.provenance import PACKAGE, module_path
from deplib.site import reference
from deplib.site.rooms import ROOMS, Room, modules_of, room_on, summary_of

ROOT = Path(__file__).parents[2]


def public_modules() -> list[str]:
    names = []
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if len(parts) > 1 and not any(part.startswith("_") for part in parts):
            names.append(".".join(parts))
    return sorted(name for name in names if module_path(name))


def test_every_public_module_is_in_one_room() -> None:
    held = [name for room in ROOMS for name in modules_of(room)]
    assert sorted(held) == [name for name in public_modules() if importable(name)]


def importable(name: str) -> bool:
    """Whether every folder on the way is a package: scripts beside one belong to no room."""
    parts = name.split(".")
    above = [".".join(parts[:k]) for k in range(1, len(parts))]
    return all((PACKAGE.parent.joinpath(*a.split(".")) / "__init__.py").is_file() for a in above)


def test_every_room_has_a_page_in_the_table_of_contents_and_no_page_is_left_over() -> None:
    pages = {path.stem for path in (ROOT / "book" / "api").glob("*.md")}
    assert pages == {room.page for room in ROOMS}
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    entries = [entry for part in toc["parts"] for entry in part["chapters"]]
    api = next(entry for entry in entries if entry["file"] == "api")
    assert [entry["file"] for entry in api["sections"]] == [f"api/{room.page}" for room in ROOMS]


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.page)
def test_a_page_names_its_room_and_every_module_has_a_summary(room: Room) -> None:
    page = (ROOT / "book" / "api" / f"{room.page}.md").read_text()
    assert page == f"# {room.title}\n\n```{{deplib-room}} {room.page}\n```\n"
    filled = reference.page_of(room.page)
    for name in modules_of(room):
        assert f"`{name}`" in filled
        assert summary_of(name).strip(), name


def test_a_new_module_is_found_without_being_listed(tmp_path: Path) -> None:
    package = tmp_path / "deplib" / "power"
    package.mkdir(parents=True)
    for name in ("__init__", "new", "_hidden"):
        (package / f"{name}.py").write_text('"""A line."""\n')
    found = modules_of(room_on("power"), tmp_path / "deplib")
    assert found == ["deplib.power", "deplib.power.new"]


def test_a_room_that_is_not_there_is_refused() -> None:
    with pytest.raises(DeplibError, match="no room"):
        room_on("attic")


def test_the_overview_links_every_room() -> None:
    text = reference.overview()
    assert all(f"<api/{room.page}>`" in text for room in ROOMS)


def test_constants_keep_their_colons_and_functions_their_sections() -> None:
    lines = ["Marginal of a score: a mean."]
    reference.numpydoc(None, "data", "x", 1, {}, lines)  # type: ignore[arg-type]
    assert "\n".join(lines).strip() == "Marginal of a score: a mean."
    lines = ["Do.", "", "Raises", "------", "ValueError", "    If not."]
    reference.numpydoc(None, "function", "f", len, {}, lines)  # type: ignore[arg-type]
    assert any(line.startswith(":raises ValueError:") for line in lines)


def test_array_like_is_called_by_its_name() -> None:
    def taking(y: ArrayLike, n: int) -> None: ...

    reference.shorten(None, taking, False)  # type: ignore[arg-type]
    assert taking.__annotations__["y"] == "ArrayLike"
    assert taking.__annotations__["n"] is int


def test_methods_of_other_packages_are_left_out() -> None:
    skip = reference.skip
    assert skip(None, "class", "load", yaml.safe_load, False, {})  # type: ignore[arg-type]
    assert skip(None, "module", "room_on", room_on, False, {}) is None  # type: ignore[arg-type]
