"""Publishing, on tiny books in temporary folders that real kernels execute."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from small_book import HEADER, write_book
from typer.testing import CliRunner

from deplib.chapters.answer import MARKS
from deplib.cli import FAILED, app
from deplib.publish import PublishError, chapters, publish, seconds, stale
from deplib.publishing.pages import page, unstable, with_ids

ONE = """\
# %% [markdown]
# # One

# %% tags=["remove-cell"]
import sys
import time

# %%
for step in range(3):
    print(f"\\r{step}", end="", file=sys.stderr)
    time.sleep(0.01)
print("last", file=sys.stderr)
print("seen")
sys.stdout.flush()
print("also seen")

# %%
6 * 7
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


def pages_of(root: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted((root / "book").glob("*.ipynb"))}


def reasons_of(root: Path) -> dict[str, tuple[str, ...]]:
    return {one.name: one.reasons for one in stale(root)}


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "a data folder"))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of two chapters and an index, executed once."""
    folder = tmp_path_factory.mktemp("a book")
    root = write_book(folder / "clone", one=ONE, two=TWO)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPLIB_DATA", str(folder / "data"))
        publish(root)
    return root


@pytest.fixture
def book(published: Path, tmp_path: Path) -> Path:
    """A copy of the published book: what a clean clone holds."""
    root = tmp_path / "clone"
    subprocess.run(["cp", "-r", published, root], check=True)
    return root


def test_a_clean_clone_is_fresh_for_the_reader_but_this_machine_executes_it(
    published: Path, book: Path
) -> None:
    assert stale(book) == []
    assert publish(book, check=True).fresh == ("index", "one", "two")
    assert [one.reasons for one in stale(book, here=True)] == [
        ("it was not executed on this machine",)
    ] * 3
    events: list[str] = []
    report = publish(book, progress=events.append)
    assert set(report.executed) == {"index", "one", "two"}
    assert events.index("one: running") < events.index("two: running")
    assert any(event.startswith("one: ") and event.endswith(" s") for event in events)
    assert pages_of(book) == pages_of(published)  # two executions, the same bytes
    assert seconds(book).keys() == {"index", "one", "two"}
    assert min(seconds(book).values()) > 0
    again = publish(book)
    assert again.executed == {}
    assert again.fresh == ("index", "one", "two")
    (book / "book" / "one.ipynb").write_bytes(pages_of(book)["one"] + b"\n")
    assert [one.name for one in stale(book, here=True)] == ["one"]


def test_a_page_holds_the_text_its_outputs_and_nothing_of_the_run(published: Path) -> None:
    one = nbformat.read(published / "book" / "one.ipynb", as_version=4)
    nbformat.validate(one)
    assert [cell.get("execution_count") for cell in one.cells] == [None, 1, 2, 3]
    assert one.cells[2].outputs == [new_output("stream", name="stdout", text="seen\nalso seen\n")]
    assert one.cells[3].outputs[0].data == {"text/plain": "42"}
    assert one.cells[1].metadata == {"tags": ["remove-cell"]}
    assert set(one.metadata) == {"jupytext", "kernelspec", "language_info", "published"}
    text = (published / "book" / "one.ipynb").read_text()
    assert "papermill" not in text
    assert "duration" not in text
    two = nbformat.read(published / "book" / "two.ipynb", as_version=4)
    assert two.cells[0].outputs[0].data["text/plain"] == "('book', '1', 'L1')"


def test_jupytext_finds_nothing_to_synchronise(book: Path) -> None:
    files = [*(book / "notebooks").glob("*.py"), *(book / "book").glob("*.ipynb")]
    before = {path: path.read_bytes() for path in files}
    later = time.time() + 10
    for suffix in (".ipynb", ".py"):
        side = [path for path in files if path.suffix == suffix]
        for path in side:
            os.utime(path, (later, later))
        later += 10
        command = [sys.executable, "-m", "jupytext", "--quiet", "--sync", *map(str, side)]
        subprocess.run(command, check=True, capture_output=True)
        assert {path: path.read_bytes() for path in files} == before


@pytest.mark.parametrize(
    ("file", "change", "expected"),
    [
        ("notebooks/one.py", ("6 * 7", "6 * 8"), {"one": "text", "two": "comes after"}),
        ("notebooks/two.py", ("# %%\n", "# %% [markdown]\n# Hm.\n\n# %%\n"), {"two": "text"}),
        ("results/table.csv", ("a,b", "a,c"), {"two": "file that it needs"}),
        ("requirements.lock", ("==2", "==3"), dict.fromkeys(["index", "one", "two"], "lock")),
        ("book/one.ipynb", ('"6 * 7"', '"6 * 8"'), {"one": "page was edited"}),
        ("book/one.ipynb", ("{", "x"), {"one": "no notebook"}),
    ],
)
def test_a_change_makes_stale_what_depends_on_it_and_says_why(
    book: Path, file: str, change: tuple[str, str], expected: dict[str, str]
) -> None:
    path = book / file
    path.write_text(path.read_text().replace(*change, 1))
    found = reasons_of(book)
    assert found.keys() == expected.keys()
    for name, part in expected.items():
        assert part in "; ".join(found[name])
    with pytest.raises(PublishError, match="stale pages"):
        publish(book, check=True)


def test_code_of_the_library_that_a_chapter_imports_makes_only_that_one_stale(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deplib import provenance

    real = provenance.source_digest

    def changed(*modules: str) -> str:
        return "changed" if "deplib.protocol" in modules else real(*modules)

    monkeypatch.setattr(provenance, "source_digest", changed)
    assert reasons_of(book) == {"two": ("the code of deplib that it uses changed",)}


def test_a_failing_cell_is_named_kept_for_a_look_and_stops_only_what_comes_after(
    book: Path, tmp_path: Path
) -> None:
    before = pages_of(book)
    one = book / "notebooks" / "one.py"
    one.write_text(one.read_text().replace("6 * 7", "{}['missing key']"))
    with pytest.raises(PublishError) as caught:
        publish(book)
    message = str(caught.value)
    assert "2 of 3 chapters failed" in message
    assert "one: cell 3 (\"{}['missing key']\") raises KeyError: 'missing key'" in message
    assert "two: not executed, since it comes after one" in message
    assert pages_of(book) == before
    assert set(seconds(book)) == {"index"}  # the other chapter was finished all the same
    kept = Path(message.split("(kept at ")[1].split(")")[0])
    assert kept.is_relative_to(tmp_path / "a data folder")
    assert "missing key" in kept.read_text()


def test_a_chapter_that_reads_what_it_does_not_name_is_refused(book: Path) -> None:
    before = pages_of(book)
    one = book / "notebooks" / "one.py"
    one.write_text(one.read_text().replace("6 * 7", "open('../results/table.csv').read()"))
    with pytest.raises(PublishError, match=r"needs: results/table\.csv"):
        publish(book, names=["one"])
    assert pages_of(book) == before


def test_a_page_that_another_run_would_not_repeat_is_refused(book: Path) -> None:
    before = pages_of(book)
    one = book / "notebooks" / "one.py"
    one.write_text(one.read_text().replace("6 * 7", "object()"))
    with pytest.raises(PublishError, match="cell 3 shows 'at 0x"):
        publish(book, names=["one"])
    assert pages_of(book) == before


def test_a_kill_leaves_the_old_page_and_the_next_run_makes_it_anew(book: Path) -> None:
    before = pages_of(book)
    index = book / "notebooks" / "index.py"
    index.write_text(index.read_text() + "\n# %%\nimport time; time.sleep(3); 'new'\n")
    code = "import sys; from pathlib import Path; from deplib.publish import publish; "
    code += (
        "publish(Path(sys.argv[1]), names=['index'], progress=lambda line: print(line, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(book)], stdout=subprocess.PIPE, start_new_session=True
    ) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"index: running\n"
        with pytest.raises(PublishError, match="another process publishes"):
            publish(book)
        time.sleep(1.5)
        os.killpg(victim.pid, signal.SIGKILL)
    assert pages_of(book) == before
    assert sorted(publish(book, names=["index"]).executed) == ["index"]
    assert b"'new'" in pages_of(book)["index"]


def test_the_check_also_names_a_readme_that_holds_another_answer(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(book)
    (book / "README.md").write_text("\n".join([MARKS[0], "an earlier answer", MARKS[1]]))
    run = CliRunner().invoke(app, ["publish", "--check"])
    assert run.exit_code == FAILED
    assert "README.md does not hold the answer of the first page" in run.output


def test_named_chapters_bring_those_they_come_after(book: Path) -> None:
    assert publish(book, names=["two"], check=True).fresh == ("one", "two")
    with pytest.raises(PublishError, match="no chapter ten: the book has index, one, two"):
        publish(book, names=["ten"])


def test_chapters_come_in_the_order_of_the_table_of_contents(tmp_path: Path) -> None:
    root = write_book(tmp_path / "clone", two="# %%\n", one="# %%\n")
    assert [chapter.name for chapter in chapters(root)] == ["index", "two", "one"]


@pytest.mark.parametrize(
    ("breakage", "message"),
    [
        (lambda root: (root / "notebooks" / "one.py").unlink(), "_toc.yml names one"),
        (lambda root: (root / "notebooks" / "lost.py").write_text(""), "not in _toc.yml: lost"),
        (lambda root: (root / "_toc.yml").write_text("parts: 3"), "no table of contents"),
        (lambda root: header(root, "one", "after: [ten]"), "one comes after ten: no such"),
        (lambda root: header(root, "one", "after: [two]"), "come after each other: "),
        (lambda root: header(root, "one", "need: [x]"), "has need; it takes"),
        (lambda root: header(root, "one", "needs: [none.csv]"), "one needs none.csv, and no file"),
        (
            lambda root: (root / "notebooks" / "one.py").write_text("# %%\nx ="),
            "'x ='\\) raises SyntaxError",
        ),
    ],
)
def test_sources_that_contradict_each_other_are_refused(
    tmp_path: Path, breakage: object, message: str
) -> None:
    root = write_book(tmp_path / "clone", one="# %%\n1\n", two=TWO)
    breakage(root)  # type: ignore[operator]
    with pytest.raises(PublishError, match=message):
        publish(root, names=["one"])


def header(root: Path, name: str, line: str) -> None:
    text = HEADER.format(deplib=f"#   deplib:\n#     {line}\n") + "# %%\n1\n"
    (root / "notebooks" / f"{name}.py").write_text(text)


def executed(*outputs: nbformat.NotebookNode, source: str = "x") -> nbformat.NotebookNode:
    """A page made from one executed cell, with what papermill adds on the way."""
    text = new_notebook(cells=[new_code_cell(source)])
    result = with_ids(text)
    result.cells[0].outputs = list(outputs)
    injected = new_code_cell("seed = 1", metadata={"tags": ["injected-parameters"]})
    result.cells.insert(0, injected)
    return page(text, result, {})


def test_streams_are_merged_whatever_order_they_raced_in() -> None:
    out = [new_output("stream", name="stdout", text=text) for text in ("a\n", "b\n")]
    err = new_output("stream", name="stderr", text="w\n")
    first = executed(out[0], err, out[1])
    assert len(first.cells) == 1
    assert first == executed(err, *out)
    assert [o.text for o in first.cells[0].outputs] == ["a\nb\n", "w\n"]


def test_equal_cells_have_ids_of_their_own_that_do_not_depend_on_their_place() -> None:
    cells = [new_code_cell(text) for text in ("x", "y", "x")]
    ids = [cell.id for cell in with_ids(new_notebook(cells=cells)).cells]
    moved = [cell.id for cell in with_ids(new_notebook(cells=[cells[1], cells[0]])).cells]
    assert len(set(ids)) == 3
    assert moved == [ids[1], ids[0]]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("<A at 0x7f00aa11bb22>", "address"),
        ("/some/ipykernel_123/4.py:1: W", "temporary file"),
        ("saved /home/me/clone/x", "folder of this machine"),
        ("left in tmpcahwyl41/corpus", "temporary folder"),
    ],
)
def test_what_differs_between_runs_and_machines_is_found(text: str, part: str) -> None:
    result = new_output("execute_result", data={"text/html": text})
    assert part in (unstable(executed(result), "/home/me") or "")
    assert part in (unstable(executed(new_output("stream", text=text)), "/home/me") or "")


def test_a_stable_page_passes_and_a_closing_semicolon_does_not() -> None:
    assert unstable(executed(new_output("stream", text="0x1, 3.5\n")), "/home/me") is None
    assert "semicolon" in (unstable(executed(source="ax.plot(x);")) or "")


def test_a_record_that_cannot_be_read_only_means_another_execution(book: Path) -> None:
    publish(book, names=["index"])
    record = next(Path(os.environ["DEPLIB_DATA"]).rglob("index.json"))
    assert json.loads(record.read_text())["seconds"] > 0
    record.write_text("{")
    assert "index" in {one.name for one in stale(book, here=True)}
