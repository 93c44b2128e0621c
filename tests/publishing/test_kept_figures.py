"""What can be downloaded of a figure: written with the page, shown below the figure."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from test_publish import write_book

from deplib import provenance
from deplib.publish import PublishError, publish, stale
from deplib.site.figures import sentence

HEAD = """\
# %% [markdown]
# # One

# %% tags=["remove-cell"]
from deplib import figures
from deplib.figures import begin
from deplib.results import RunSpec

RUNS = [RunSpec("LDBM", seed=seed) for seed in range(3)]

"""
METADATA = (
    '# %% mystnb={"figure": {"caption": "A line.", "name": "fig-line"}, '
    '"image": {"alt": "Rising."}}'
)
CELL = """
figure, axes = begin(size=(4, 3))
_ = axes[0, 0].plot([0, 1, 2], [3.5, 4.5, 6.25], label="LDBM")
"""
STATED = 'figures.stated(figure, "simulated cohort (default)", runs=RUNS, files=["table.csv"])\n'
GOOD = f"{HEAD}{METADATA}{CELL}{STATED}"


def book_of(folder: Path, text: str) -> Path:
    root = write_book(folder / "clone", one=text)
    for seed in range(3):
        path = root / "results" / "default" / "true" / f"LDBM-seed{seed}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"key": f"key {seed}"}))
    return root


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a book with a figure")
    root = book_of(folder, GOOD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPLIB_DATA", str(folder / "data"))
        publish(root)
    return root


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))


def test_drawing_data_and_origin_lie_beside_the_page(published: Path) -> None:
    folder = published / "book" / "figures"
    assert {path.name for path in folder.iterdir()} == {"line.svg", "line.csv", "line.json"}
    table = pd.read_csv(folder / "line.csv")
    assert table["series"].unique().tolist() == ["LDBM"]
    assert table[["x", "y"]].to_numpy().tolist() == [[0, 3.5], [1, 4.5], [2, 6.25]]
    assert (folder / "line.svg").read_text().startswith("<?xml")


def test_the_origin_names_cell_cohort_seeds_and_the_key_of_every_result(published: Path) -> None:
    origin = json.loads((published / "book" / "figures" / "line.json").read_text())
    csv = provenance.file_digest(published / "results" / "table.csv")
    keys = {f"default/true/LDBM-seed{seed}.json": f"key {seed}" for seed in range(3)}
    assert origin["results"] == keys | {"table.csv": csv}
    assert origin["key"] == provenance.digest(keys | {"table.csv": csv})
    assert (origin["chapter"], origin["cell"]) == ("one", 2)
    assert (origin["cohort"], origin["seeds"]) == ("simulated cohort (default)", [0, 1, 2])
    said = sentence(origin)
    for part in ("Cell 2 of one", "simulated cohort (default)", "seeds 0 to 2", "4 results"):
        assert part in said
    assert origin["key"][:8] in said


def test_the_page_keeps_the_picture_and_no_more_than_the_names(published: Path) -> None:
    page = nbformat.read(published / "book" / "one.ipynb", as_version=4)
    output = page.cells[-1].outputs[0]
    assert set(output.data) == {"image/png", "text/plain"}
    assert output.metadata == {}
    assert set(page.metadata["figures"]) == {"line.svg", "line.csv", "line.json"}


@pytest.mark.parametrize("name", ["line.svg", "line.csv", "line.json"])
def test_a_page_whose_figure_was_edited_or_lost_is_stale(published: Path, name: str) -> None:
    path = published / "book" / "figures" / name
    before = path.read_bytes()
    for after in (before + b" ", None):
        path.write_bytes(after) if after else path.unlink()
        assert {one.name: name in one.reasons[0] for one in stale(published)} == {"one": True}
    path.write_bytes(before)
    assert not stale(published)


@pytest.mark.usefixtures("data_folder")
def test_files_of_a_figure_that_is_gone_are_removed(tmp_path: Path) -> None:
    root = book_of(tmp_path, GOOD)
    publish(root)
    text = root / "notebooks" / "one.py"
    text.write_text(text.read_text().replace("fig-line", "fig-other"))
    publish(root)
    names = {path.name for path in (root / "book" / "figures").iterdir()}
    assert names == {"other.svg", "other.csv", "other.json"}


@pytest.mark.usefixtures("data_folder")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace('"caption": "A line.", ', ""), "one, cell 2 shows a figure: give the cell"),
        (GOOD.replace('"alt": "Rising."', ""), "an image's alt text"),
        (GOOD.replace(METADATA, "# %%"), "with a figure's name"),
        (GOOD.replace(STATED, "figure\n"), "does not say what it was drawn from"),
        (GOOD.replace("range(3)", "range(4)"), "LDBM-seed3.json, which cannot be read"),
        (f"{GOOD}\n{METADATA}{CELL}{STATED}", "another figure of the page is called fig-line"),
    ],
)
def test_a_figure_that_readers_could_not_follow_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    root = book_of(tmp_path, text)
    with pytest.raises(PublishError, match=message):
        publish(root)
    assert not (root / "book" / "one.ipynb").exists()
    assert not (root / "book" / "figures").exists()


def source_of(published: Path, folder: Path) -> Path:
    """What Jupyter Book builds the pages from, with nothing but the lines below figures."""
    source = folder / "book"
    shutil.copytree(published / "book", source)
    shutil.copy(published / "_toc.yml", source)
    config = 'title: T\nexecute: {execute_notebooks: "off"}\n'
    config += "sphinx: {extra_extensions: [deplib.site.figures]}\n"
    (source / "_config.yml").write_text(config)
    return source


def build(source: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "-W", "-q", source]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_the_built_page_shows_the_line_and_offers_the_files(
    published: Path, tmp_path: Path
) -> None:
    source = source_of(published, tmp_path)
    run = build(source)
    assert run.returncode == 0, run.stderr
    html = (source / "_build" / "html" / "one.html").read_text()
    origin = json.loads((source / "figures" / "line.json").read_text())
    assert sentence(origin) in html
    downloads = sorted((source / "_build" / "html" / "_downloads").rglob("line.*"))
    assert {path.suffix for path in downloads} == {".csv", ".json", ".svg"}
    assert all(path.name in html for path in downloads)
    csv = next(path for path in downloads if path.suffix == ".csv")
    assert len(pd.read_csv(io.StringIO(csv.read_text()))) == 3


def test_a_figure_without_its_files_fails_the_build(published: Path, tmp_path: Path) -> None:
    source = source_of(published, tmp_path)
    (source / "figures" / "line.json").unlink()
    run = build(source)
    assert run.returncode != 0
    assert "figure fig-line has no line.json" in run.stdout + run.stderr
