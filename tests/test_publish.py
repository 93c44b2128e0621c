"""Publishing, on tiny books in temporary folders that real kernels execute."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from copy import deepcopy
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from small_book import HEADER, write_book

from deplib import publish as publishing
from deplib.figures import KEPT
from deplib.publish import PublishError, chapters, publish, stale

METADATA = (
    '# %% mystnb={"figure": {"caption": "A line.", "name": "fig-line"}, '
    '"image": {"alt": "Rising."}}'
)
ONE = """\
# %% [markdown]
# # One

# %% tags=["remove-cell"]
import sys

# %%
for step in range(3):
    print(f"\\r{step}", end="", file=sys.stderr)
print("last", file=sys.stderr)
print("seen")
sys.stdout.flush()
print("also seen")

# %%
6 * 7
"""
DRAWN = f"""\
# %%
import matplotlib.pyplot as plt
import pandas as pd

from deplib import figures

{METADATA}
data = pd.DataFrame({{"x": [0, 1, 2], "y": [3.5, 4.5, 6.25]}})
fig, ax = plt.subplots(figsize=(4, 3))
_ = ax.plot(data["x"], data["y"])
figures.keep(fig, data, "simulated cohort (default), seeds 0 to 2")
"""
TWO = """\
# %%
import os
from pathlib import Path

from deplib.protocol import Protocol

Path.cwd().name, os.environ["OMP_NUM_THREADS"], Protocol().loss

# %%
Path("../results/table.csv").read_text()
"""


EVERY = ("index", "one", "two", "drawn")


def pages_of(root: Path) -> dict[str, bytes]:
    """Return all that publishing writes, by name."""
    files = [*(root / "book").glob("*.ipynb"), *(root / "book" / "figures").glob("*")]
    return {path.name: path.read_bytes() for path in sorted(files)}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "a data folder"))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of three chapters and an index, executed once."""
    folder = tmp_path_factory.mktemp("a book")
    root = write_book(folder / "clone", one=ONE, two=TWO, drawn=DRAWN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPLIB_DATA", str(folder / "data"))
        assert publish(root) == dict.fromkeys(EVERY, "written")
    return root


@pytest.fixture
def book(published: Path, tmp_path: Path) -> Path:
    """A copy of the published book: what a clean clone on another machine holds."""
    return shutil.copytree(published, tmp_path / "clone")


def test_another_machine_confirms_what_the_pages_say_and_changes_no_file(book: Path) -> None:
    """But what no page shows any more goes."""
    assert stale(book) == {}
    assert "deplib.protocol" in chapters(book)[2].modules()  # whose code counts for that one
    assert [one.name for one in chapters(book)] == list(EVERY)  # in the order of _toc.yml
    with pytest.raises(PublishError, match="no chapter ten: the book has index, one, two, drawn"):
        publish(book, names=["ten"])
    assert publish(book, check=True) == dict.fromkeys(EVERY, "fresh")
    assert set(stale(book, here=True)) == set(EVERY)
    # Another drawing, same words:
    edit(book / "book" / "drawn.ipynb", "stroke-linejoin: round", "stroke-linejoin:  round")
    before = pages_of(book)
    (book / "book" / "figures" / "gone.svg").write_text("of no page")
    events: list[str] = []
    assert publish(book, progress=events.append) == dict.fromkeys(EVERY, "same")
    assert "one: same" in events
    assert pages_of(book) == before
    assert publish(book) == dict.fromkeys(EVERY, "fresh")


def test_a_page_that_says_something_else_here_is_named_with_its_cell_and_kept(book: Path) -> None:
    path = book / "book" / "one.ipynb"
    edit(path, '"42"', '"43"')
    before = pages_of(book)
    with pytest.raises(PublishError, match="one: cell 3 says '42', and its page '43'"):
        publish(book, names=["one"])
    assert pages_of(book) == before
    assert publish(book, names=["one"], force=True) == {"one": "written"}
    assert '"42"' in path.read_text()


def test_a_page_holds_the_text_its_outputs_and_nothing_of_the_run(published: Path) -> None:
    one = nbformat.read(published / "book" / "one.ipynb", as_version=4)
    nbformat.validate(one)
    assert [cell.get("execution_count") for cell in one.cells] == [None, 1, 2, 3]
    assert [o.text for o in one.cells[2].outputs] == ["seen\nalso seen\n"]
    assert one.cells[3].outputs[0].data == {"text/plain": "42"}
    text = (published / "book" / "one.ipynb").read_text()
    assert not [word for word in ("papermill", "duration", "addaudithook") if word in text]
    two = nbformat.read(published / "book" / "two.ipynb", as_version=4)
    assert two.cells[0].outputs[0].data["text/plain"] == "('book', '1', 'L1')"


def test_drawing_data_and_origin_lie_beside_the_page(published: Path) -> None:
    folder = published / "book" / "figures"
    assert pd.read_csv(folder / "line.csv")["y"].tolist() == [3.5, 4.5, 6.25]
    assert "<svg" in (folder / "line.svg").read_text()
    origin = json.loads((folder / "line.json").read_text())
    assert (origin["chapter"], origin["cell"]) == ("drawn", 2)
    assert origin["origin"] == "simulated cohort (default), seeds 0 to 2"
    page = nbformat.read(published / "book" / "drawn.ipynb", as_version=4)
    assert "*: [drawing (SVG)](figures/line.svg), [data (CSV)]" in page.cells[-1].source
    output = page.cells[-2].outputs[0]
    assert set(output.data) == {"image/svg+xml", "image/png", "text/plain"}
    assert output.metadata == {}
    assert set(page.metadata["figures"]) == {path.name for path in folder.iterdir()}


CHANGES = [
    ("notebooks/one.py", ("6 * 7", "6 * 8"), {"one": "text"}),
    ("notebooks/two.py", ("# %%\n", "# %% [markdown]\n# Hm.\n\n# %%\n"), {"two": "text"}),
    ("results/table.csv", ("a,b", "a,c"), {"two": "file that it needs"}),
    ("book/two.ipynb", ('"library": "', '"library": "0'), {"two": "the code of deplib"}),
    ("requirements.lock", ("==2", "==3"), dict.fromkeys(EVERY, "lock")),
    ("book/one.ipynb", ('"6 * 7"', '"6 * 8"'), {"one": "page was edited"}),
    ("book/one.ipynb", ("{", "x"), {"one": "no notebook"}),
    ("book/figures/line.svg", ("<svg", "<svg "), {"drawn": "line.svg is missing or was"}),
]


@pytest.mark.parametrize(("file", "change", "expected"), CHANGES)
def test_a_change_makes_stale_what_depends_on_it_and_says_why(
    book: Path, file: str, change: tuple[str, str], expected: dict[str, str]
) -> None:
    edit(book / file, *change)
    found = stale(book)
    assert found.keys() == expected.keys()
    for name, part in expected.items():
        assert part in "; ".join(found[name])
    with pytest.raises(PublishError, match="stale pages"):
        publish(book, check=True)


def test_a_failing_cell_is_named_kept_for_a_look_and_stops_no_other(
    book: Path, tmp_path: Path
) -> None:
    before = pages_of(book)
    edit(book / "notebooks" / "one.py", "6 * 7", "{}['missing key']")
    with pytest.raises(PublishError) as caught:
        publish(book, names=["one", "two"])
    message = str(caught.value)
    assert "1 of 2 chapters failed" in message
    assert "one: cell 3 (\"{}['missing key']\") raises KeyError: 'missing key'" in message
    assert pages_of(book) == before
    assert "two" not in stale(book, here=True)  # which was looked at all the same
    kept = Path(message.split("(kept at ")[1].split(")")[0])
    assert kept.is_relative_to(tmp_path / "a data folder")
    assert "missing key" in kept.read_text()


def test_what_a_chapter_reads_without_saying_so_makes_it_stale_all_the_same(book: Path) -> None:
    read = "open('../results/table.csv').read(), __import__('deplib.' + 'windows').__name__"
    edit(book / "notebooks" / "one.py", "6 * 7", read)
    assert publish(book, names=["one"]) == {"one": "written"}
    page = nbformat.read(book / "book" / "one.ipynb", as_version=4)
    assert page.metadata["read"]["needs"] == ["results/table.csv"]
    assert "deplib.windows" in page.metadata["read"]["uses"]
    assert "one" not in stale(book)
    edit(book / "results" / "table.csv", "a,b", "a,c")
    assert stale(book)["one"] == ("a file that it needs changed",)


SHOWN = [
    ({"figure": {"name": "fig-x"}, "image": {"alt": "A."}}, 1, "give the cell `mystnb`"),
    ({"figure": {"name": "fig-x", "caption": "X."}}, 1, "an image's alt text"),
    ({"figure": {"name": "x", "caption": "X."}, "image": {"alt": "A."}}, 1, "a figure's name"),
    ({"figure": {"name": "fig-x", "caption": "X."}, "image": {"alt": "A."}}, 2, "another"),
]


@pytest.mark.parametrize(("shown", "times", "message"), SHOWN)
def test_a_figure_that_readers_could_not_find_is_refused(
    shown: dict[str, object], times: int, message: str
) -> None:
    kept = {KEPT: {"csv": "x\n0\n", "origin": "made-up"}}
    cells = [new_code_cell(f"{k}", metadata={"mystnb": shown}) for k in range(times)]
    output = new_output("display_data", data={"image/svg+xml": "<svg/>"}, metadata=kept)
    result = publishing.with_ids(new_notebook(cells=cells))
    for cell in result.cells:
        cell.outputs = [deepcopy(output)]
    page = publishing.page_of(new_notebook(cells=cells), result, {"library": "0"})
    with pytest.raises(PublishError, match=f"one, cell {times}.*{message}"):
        publishing.take_figures(page, "one")


def test_a_kill_leaves_the_old_page_and_the_next_run_makes_it_anew(book: Path) -> None:
    before = pages_of(book)
    index = book / "notebooks" / "index.py"
    index.write_text(index.read_text() + "\n# %%\nimport time; time.sleep(3); 'new'\n")
    code = "import sys; from pathlib import Path; from deplib.publish import publish; "
    code += "say = lambda line: print(line, flush=True); "
    code += "publish(Path(sys.argv[1]), names=['index'], progress=say)"
    command = [sys.executable, "-c", code, str(book)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"index: running\n"
        with pytest.raises(PublishError, match="another process publishes"):
            publish(book)
        time.sleep(1.5)
        os.killpg(victim.pid, signal.SIGKILL)
    assert pages_of(book) == before
    assert publish(book, names=["index"]) == {"index": "written"}
    assert b"'new'" in pages_of(book)["index.ipynb"]


def header(line: str) -> str:
    return HEADER.format(deplib=f"#   deplib:\n#     {line}\n") + "# %%\n1\n"


TEXTS = [
    ("book/_toc.yml", "root: gone", "_toc.yml names gone"),
    ("book/_toc.yml", "parts: 3", "no table of contents"),
    ("notebooks/lost.py", "", "not in _toc.yml: lost"),
    ("notebooks/one.py", header("need: [x]"), "has need; it takes"),
    ("notebooks/one.py", header("needs: [none.csv]"), "one needs none.csv, and no file"),
    ("notebooks/one.py", "# %%\nx =", r"'x ='\) raises SyntaxError"),
    ("notebooks/one.py", "# %%\nobject()", "cell 1 shows 'at 0x"),
    ("notebooks/one.py", "# %%\n6 * 7;", "ends with a semicolon"),
]


@pytest.mark.parametrize(("file", "text", "message"), TEXTS)
def test_texts_that_contradict_each_other_or_could_not_be_trusted_are_refused(
    tmp_path: Path, file: str, text: str, message: str
) -> None:
    root = write_book(tmp_path / "clone", one="# %%\n1\n")
    (root / file).write_text(text)
    with pytest.raises(PublishError, match=message):
        publish(root, names=["one"])
    assert not (root / "book" / "one.ipynb").exists()


def executed(*outputs: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A page made from one executed cell, with what papermill adds on the way."""
    text = new_notebook(cells=[new_code_cell("x")])
    result = publishing.with_ids(text)
    result.cells[0].outputs = list(outputs)
    result.cells.insert(0, new_code_cell("seed = 1", metadata={"tags": ["injected-parameters"]}))
    return publishing.page_of(text, result, {})


def test_streams_are_merged_whatever_order_they_raced_in() -> None:
    out = [new_output("stream", name="stdout", text=text) for text in ("a\n", "b\n")]
    err = new_output("stream", name="stderr", text="w\n")
    first = executed(out[0], err, out[1])
    assert len(first.cells) == 1
    assert first == executed(err, *out)
    assert [one.text for one in first.cells[0].outputs] == ["a\nb\n", "w\n"]


def test_what_differs_between_runs_and_machines_is_found() -> None:
    for text, part in {
        "<A at 0x7f00aa11bb22>": "address",
        "/some/ipykernel_123/4.py:1: W": "temporary file",
        "saved /home/me/clone/x": "folder of this machine",
        "left in tmpcahwyl41/corpus": "temporary folder",
        "0x1, 3.5": "None",
    }.items():
        html = new_output("execute_result", data={"text/html": text})
        for output in (html, new_output("stream", text=text)):
            assert part in str(publishing.unstable(executed(output), "/home/me"))
