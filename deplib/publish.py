"""Publish the book: execute the chapters that are stale, and write their pages.

A chapter is a pair: ``notebooks/NAME.py`` (py:percent) is the text that people edit, and
``book/NAME.ipynb`` is that text executed, by papermill in a temporary folder; what comes out is
normalised and moved into place, so that a failure or a kill leaves the old page. The header of a
text may say, under ``deplib:`` in ``jupyter:``,

- ``needs``: files it reads, relative to the root of the repository, also as patterns,
- ``uses``: modules of deplib that count as imported, beside those that its cells import.

What else of the library and the repository an execution is seen to read, its page notes by itself;
``needs`` is for what compiled code reads unseen, such as Parquet, ``uses`` for what is imported
elsewhere. A page states what it was made from; so a clean clone can tell whether it is stale.
Where a page is fresh but was executed on another machine, `publish` executes it and compares what
it says: a page that says the same stays as it is, so that publishing changes no file.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from importlib.util import source_from_cache
from itertools import groupby, product, zip_longest
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import yaml
from filelock import FileLock, Timeout
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sphinx_external_toc.parsing import MalformedError, parse_toc_yaml

from deplib import __version__, provenance
from deplib.errors import DeplibError
from deplib.figures import KEEP, KEPT
from deplib.paths import VARIABLE, data_root, write_atomically

KERNEL_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
KERNEL_ENVIRONMENT |= {"TQDM_DISABLE": "1", "DEPLIB_BUFFALO_L": ""}
"""One thread and one hash seed give the same digits again; progress bars never look alike; weights
that only some machines have would change a page."""

FORMAT = 4
"""Raised by one when pages are written in another way, so that all of them are made anew."""
FIGURES = "figures"
"""Folder below ``book/`` of what can be downloaded; and in a page's metadata, its SHA-256 sums."""
DOWNLOADS = {"svg": "drawing (SVG)", "csv": "data (CSV)", "json": "origin (JSON)"}
CAPTION = "caption"
"""Tag of a cell that only a page has: a figure's caption, for readers of the notebook itself."""
READ = "read"
"""Under which a page's metadata names what its execution was seen to read."""
INGREDIENTS = {
    "text": "its text changed",
    "library": "the code of deplib that it uses changed",
    "files": "a file that it needs changed",
    "lock": "requirements.lock changed",
    "format": "pages are written in another way now",
}
"""What a page is made from, each with the reason that its change gives."""
ADDRESS = re.compile(r"https://github\.com/[\w-]+/[\w.-]+")
"""Of a repository: another one makes no page stale."""
UNSTABLE = {
    r"\bat 0x[0-9a-f]{6,}": "an address in memory; give the last value a name, as in `_ = ...`",
    r"ipykernel_\d+": "the kernel's temporary file; mend what the warning says, or silence it",
    r"\btmp[a-z0-9_]{8}\b": "a temporary folder; print a name, not a path",
}
"""What differs from run to run, each with how to mend it."""
OWN, REPORT_ONLY = ("09_results", "11_power"), "report-only"
"""Chapters that are executed on results of one's own corpus, and the tag of what they then lack."""
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}
WATCH = """\
import os, sys
def _hook(event, args, log=os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)):
    if event == "open" and isinstance(args[0], str) and not set("wax+") & set(args[1] or ""):
        os.write(log, os.fsencode(os.path.abspath(args[0])) + b"\\n")
sys.addaudithook(_hook)
"""
"""Put before the first cell of an execution: it writes down which files the kernel reads."""


class PublishError(DeplibError):
    """A chapter fails, a page is stale, or the book's text and order contradict each other."""


@dataclass(frozen=True)
class Chapter:
    """One chapter of the book; see the module for what its header says."""

    name: str
    root: Path  # of the repository
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    @property
    def text(self) -> Path:
        """The py:percent file that people edit."""
        return self.root / "notebooks" / f"{self.name}.py"

    @property
    def page(self) -> Path:
        """The executed notebook that is published."""
        return self.root / "book" / f"{self.name}.ipynb"

    @cached_property
    def source(self) -> NotebookNode:
        """The text as a notebook without outputs."""
        return _without_captions(jupytext.read(self.text))

    def modules(self) -> list[str]:
        """Return the modules of deplib that the cells import or the header names."""
        code = [cell.source for cell in self.source.cells if cell.cell_type == "code"]
        names = set(self.uses).union(*map(provenance.imports_of, code))
        return sorted(filter(provenance.module_path, names))

    def files(self) -> list[Path]:
        """Return the files that the chapter needs; a `PublishError` names a pattern without any."""
        found = {pattern: sorted(self.root.glob(pattern)) for pattern in self.needs}
        if absent := [pattern for pattern in found if not found[pattern]]:
            where = f"make it, or correct `needs` in the header of notebooks/{self.name}.py"
            raise PublishError(f"{self.name} needs {_list(absent)}, and no file matches: {where}")
        return [path for paths in found.values() for path in paths]


def chapters(root: Path) -> list[Chapter]:
    """Return the chapters in the order of ``_toc.yml``; pages of plain Markdown are none.

    Raises
    ------
    PublishError
        Where the table of contents names a page that has no source, a chapter is not in it, or
        a header is not understood.
    """
    try:
        names = list(parse_toc_yaml(root / "book" / "_toc.yml"))
    except (OSError, yaml.YAMLError, MalformedError) as error:
        raise PublishError(f"_toc.yml is no table of contents of a jb-book: {error}") from error
    texts = {path.stem for path in (root / "notebooks").glob("*.py")}
    if lost := set(names) - texts - {path.stem for path in (root / "book").glob("*.md")}:
        where = "neither notebooks/ nor, as Markdown, book/ has it: write it, or take it out"
        raise PublishError(f"_toc.yml names {_list(lost)}, but {where}")
    if forgotten := texts - set(names):
        raise PublishError(f"not in _toc.yml: {_list(forgotten)} of notebooks/; add, or remove")
    return [_chapter(root, name) for name in names if name in texts]


def stale(root: Path, *, here: bool = False) -> dict[str, tuple[str, ...]]:
    """Return the chapters whose page is not what their sources give, each with the reasons.

    With ``here``, also those that were not executed on this machine since they changed.
    """
    found: dict[str, tuple[str, ...]] = {}
    for one in chapters(root):
        reasons, record = _reasons(one), _record(one)
        if here and not reasons:
            page = provenance.file_digest(one.page)
            if not record.is_file() or record.read_text(encoding="utf-8") != page:
                reasons = ("it was not executed on this machine",)
        found |= {one.name: reasons} if reasons else {}
    return found


def publish(
    root: Path,
    *,
    names: Collection[str] | None = None,
    jobs: int = 2,
    force: bool = False,
    check: bool = False,
    progress: Callable[[str], None] | None = None,
) -> dict[str, str]:
    """Execute the stale chapters and write their pages.

    Parameters
    ----------
    root
        The repository, with ``notebooks/``, ``book/`` and its ``_toc.yml``, ``requirements.lock``.
    names
        Chapters to look at; all where it is None.
    jobs
        Chapters executed at once, each by one kernel in a process of its own.
    force
        Execute chapters that are not stale too, and write them whatever they say.
    check
        Execute nothing; complain about pages that are stale, whoever executed them.
    progress
        Called with one line of text whenever a chapter starts or ends.

    Returns
    -------
    dict
        Of each chapter that was looked at: ``written``, ``same`` (executed, and it says what its
        page says) or ``fresh`` (not executed).

    Raises
    ------
    PublishError
        Where a chapter fails or says something else than its fresh page (the others are
        published all the same), where `check` finds a stale page, or where the book's sources
        contradict each other.
    """
    book = {chapter.name: chapter for chapter in chapters(root)}
    if unknown := set(names or ()) - set(book):
        raise PublishError(f"no chapter {_list(unknown)}: the book has {', '.join(book)}")
    done = {name: "fresh" for name in book if names is None or name in names}
    old = stale(root, here=not check)
    todo = [name for name in done if name in old or (force and not check)]
    if check:
        if lines := "\n".join(f"  {name}: {'; '.join(old[name])}" for name in todo):
            raise PublishError(f"stale pages, to be made anew by `deplib publish`:\n{lines}")
        return done
    say = progress or len

    def execute(name: str) -> None:
        say(f"{name}: running")
        done[name] = "written" if _execute(book[name], force) else "same"
        say(f"{name}: {done[name]}")

    _state(root).mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(_state(root) / "lock", timeout=0):
            with ThreadPoolExecutor(max_workers=jobs) as pool:
                errors = {name: pool.submit(execute, name) for name in todo}
            if failed := [f"  {name}: {e}" for name in todo if (e := errors[name].exception())]:
                how_many = f"{len(failed)} of {len(todo)} chapters failed:"
                raise PublishError("\n".join([how_many, *failed]))
            _forget_figures(list(book.values()))
    except Timeout:
        raise PublishError(f"another process publishes {root} now: wait for its end") from None
    return done


def _forget_figures(book: list[Chapter]) -> None:
    """Remove the files of figures that no page shows any more."""
    pages = [nbformat.read(one.page, as_version=4) for one in book if one.page.is_file()]
    shown = {file for page in pages for file in page.metadata.get(FIGURES, {})}
    for path in (book[0].root / "book" / FIGURES).glob("*"):
        if path.name not in shown:
            path.unlink()


def _execute(chapter: Chapter, force: bool) -> bool:
    """Execute one chapter in a process of its own; tell whether its page was written."""
    chapter.files()  # complains about what is missing
    changed = force or bool(_reasons(chapter))
    work = _state(chapter.root) / "work" / chapter.name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    result, log = work / f"{chapter.name}.ipynb", work / "opened"
    watched = with_ids(chapter.source)
    watched.cells.insert(0, new_code_cell(WATCH.format(log=str(log)), id="watch"))
    executed = _executed(watched, result, chapter.page.parent)
    read = _read(chapter, log)
    page = page_of(chapter.source, executed, _ingredients(chapter, read))
    page.metadata[READ] = read
    files = take_figures(page, chapter.name)
    if why := unstable(page, str(chapter.root.resolve()), str(data_root())):
        raise PublishError(f"{why} (kept at {result})")
    if changed:
        folder = chapter.page.parent / FIGURES
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            write_atomically(folder / name, text.encode())
        # Last, for it vouches for the others.
        write_atomically(chapter.page, (nbformat.writes(page) + "\n").encode())
    elif why := _difference(nbformat.read(chapter.page, as_version=4), page):
        raise PublishError(f"{why} (kept at {result}); `--force` writes what this machine says")
    _record(chapter).write_text(provenance.file_digest(chapter.page), encoding="utf-8")
    shutil.rmtree(work)
    return changed


def _executed(source: NotebookNode, result: Path, folder: Path, **more: str) -> NotebookNode:
    """Execute a notebook in a process of its own, which works in a folder, and return it."""
    nbformat.write(source, given := result.with_name("source.ipynb"))
    command = [sys.executable, "-m", "papermill", str(given), str(result), "--kernel", "python3"]
    command += ["--cwd", str(folder), "--no-progress-bar", "--no-log-output"]
    environment = {**os.environ, **KERNEL_ENVIRONMENT, VARIABLE: str(data_root()), KEEP: "1"}
    run = subprocess.run(command, env=environment | more, capture_output=True, text=True)
    executed = nbformat.read(result, as_version=4) if result.is_file() else None
    if run.returncode != 0 or executed is None:
        raise PublishError(_what_failed(executed, run.stderr, result))
    return executed


def publish_own(world: str, results: Path, out: Path, *, label: str) -> dict[str, str]:
    """Execute the chapters about results on those of one's own corpus, and build them as HTML.

    What speaks of the report's own cohorts is left out: cells tagged ``report-only``, assertions,
    titles of figures.

    Parameters
    ----------
    world, results
        Name of the results, and the folder of their tables.
    out
        Where the pages go; their figures show single recordings.
    label
        What is predicted.

    Returns
    -------
    dict
        Why a chapter could not be executed on these results; its page says so, too.

    Raises
    ------
    PublishError
        If jupyter-book fails.
    """
    package, work = provenance.PACKAGE, _state(out)
    home = package if (package / "notebooks").is_dir() else package.parent  # installed, or a clone
    shutil.rmtree(work, ignore_errors=True)
    (work / FIGURES).mkdir(parents=True)
    failed, named = {}, label.replace('"', '""')
    for name in OWN:
        source, result = Chapter(name, home).source, work / f"{name}.ipynb"
        _on_own(source, WORLD=world, ROOT=str(results.resolve()), LABEL=label)
        try:
            executed = _executed(with_ids(source), result, work, PYTHONOPTIMIZE="1")
            page = page_of(source, executed, {"library": __version__})
        except PublishError as error:
            failed[name] = str(error)
            told = new_markdown_cell(f"On these results: {error}")
            page = new_notebook(cells=[source.cells[0], told])
        for file, text in take_figures(page, name).items():
            if file.endswith(".csv"):  # whose column of labels is theirs
                text = re.sub(r"\A(.*,)bdi(?=,)", lambda m: f'{m[1]}"{named}"', text)
            (work / FIGURES / file).write_text(text, encoding="utf-8")
        nbformat.write(page, result)
    toc = {"format": "jb-book", "root": OWN[0], "chapters": [{"file": name} for name in OWN[1:]]}
    config = {"title": world, "author": "", "copyright": "", "only_build_toc_files": True}
    config |= {"execute": {"execute_notebooks": "off"}}
    sphinx = {"html_context": {"default_mode": "auto"}}  # light or dark as the reader's system
    config |= {"sphinx": {"extra_extensions": ["deplib.sphinx_ext"], "config": sphinx}}
    for name, content in (("_toc.yml", toc), ("_config.yml", config)):
        (work / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    command = "import sys; from jupyter_book.cli.main import main; main(['build', sys.argv[1]])"
    run = subprocess.run([sys.executable, "-c", command, work], capture_output=True, text=True)
    if run.returncode != 0:
        raise PublishError(f"jupyter-book failed in {work}: {run.stderr.strip()[-500:]}")
    shutil.copytree(work / "_build" / "html", out, dirs_exist_ok=True)
    return failed


def _on_own(source: NotebookNode, **parameters: str) -> None:
    """Make a chapter one for results of one's own: without what speaks of the report's cohorts."""
    source.cells = [c for c in source.cells if REPORT_ONLY not in c.metadata.get("tags", ())]
    elsewhere = re.compile(rf"\[([^]]+)\]\((?!{'|'.join(OWN)})\w+\.ipynb\)")
    for cell in source.cells:
        if "parameters" in cell.metadata.setdefault("tags", []):
            cell.source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
        cell.metadata.tags += ["hide-input"] * (cell.cell_type == "code")
        cell.source = elsewhere.sub(r"\1", cell.source)
        if shown := cell.metadata.get("mystnb"):  # an alt text tells of the report's picture
            shown["image"]["alt"] = shown["figure"]["caption"]


# What pages are made from


def _ingredients(chapter: Chapter, read: dict[str, list[str]]) -> dict[str, str]:
    """Return what a chapter is made from: one digest for each of ``INGREDIENTS``."""
    cells = [[c.cell_type, ADDRESS.sub("", c.source), c.metadata] for c in chapter.source.cells]
    modules = {*chapter.modules(), *filter(provenance.module_path, read.get("uses", []))}
    try:
        needed = {*chapter.files(), *(chapter.root / name for name in read.get("needs", []))}
        sums = {str(one.relative_to(chapter.root)): provenance.file_digest(one) for one in needed}
    except DeplibError:  # no page can hold this digest, so the chapter is stale
        sums = {"missing": ""}
    return {
        "text": provenance.digest([cells, header(chapter.source)]),
        "library": provenance.source_digest(*sorted(modules)),
        "files": provenance.digest(sums),
        "lock": provenance.file_digest(chapter.root / "requirements.lock"),
        "format": str(FORMAT),
    }


def _reasons(chapter: Chapter) -> tuple[str, ...]:
    """Say why a chapter's page is not what its sources give; nothing where it is."""
    if not chapter.page.is_file():
        return ("it was never published",)
    try:
        page = nbformat.read(chapter.page, as_version=4)
    except (ValueError, nbformat.ValidationError):
        return (f"book/{chapter.name}.ipynb is no notebook",)
    now = _ingredients(chapter, page.metadata.get(READ, {}))
    stated = page.metadata.get("published", {})
    found = [why for part, why in INGREDIENTS.items() if stated.get(part) != now[part]]
    if not found and not same_text(page, chapter.source):
        found = ["its page was edited: the text is edited in notebooks/"]
    for name, sha in page.metadata.get(FIGURES, {}).items():
        path = chapter.page.parent / FIGURES / name
        if not path.is_file() or provenance.file_digest(path) != sha:
            found.append(f"of its figures, {name} is missing or was edited")
    return tuple(found)


def _read(chapter: Chapter, log: Path) -> dict[str, list[str]]:
    """Return what an execution read and the text does not say, as a header would: needs and uses.

    Installed packages and the data folder, whose contents have keys of their own, play no part.
    """
    root, package = chapter.root.resolve(), provenance.PACKAGE.resolve()
    known = {path.resolve() for path in provenance.imported_modules(*chapter.modules()).values()}
    known |= {path.resolve() for path in (*chapter.files(), chapter.text)}
    needs, uses = set(), set()
    for line in set(log.read_text(encoding="utf-8").splitlines()):
        path = Path(source_from_cache(line) if line.endswith(".pyc") else line).resolve()
        elsewhere = (Path(sys.prefix).resolve(), data_root().resolve())
        if path in known or any(map(path.is_relative_to, elsewhere)) or not path.is_file():
            continue
        if path.is_relative_to(package) and path.suffix == ".py":
            parts = path.relative_to(package.parent).with_suffix("").parts
            uses.add(".".join(parts).removesuffix(".__init__"))
        elif path.is_relative_to(root) and not path.relative_to(root).parts[0].startswith("."):
            needs.add(path.relative_to(root).as_posix())
    return {"needs": sorted(needs), "uses": sorted(uses)}


# What pages look like


def header(source: NotebookNode) -> dict[str, Any]:
    """Return the metadata of a text, without what jupytext says about the text file itself."""
    stated = source.metadata.get("jupytext", {})
    pairing = {key: value for key, value in stated.items() if key != "text_representation"}
    return {**source.metadata, "jupytext": pairing}


def with_ids(source: NotebookNode) -> NotebookNode:
    """Return a copy whose cells have ids made from their text, so that edits move no other id."""
    notebook = new_notebook(cells=deepcopy(source.cells), metadata=header(source))
    notebook.metadata |= {"language_info": LANGUAGE}
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        name = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        cell.id = f"{name}-{seen[name]}" if seen[name] else name
        seen[name] += 1
    return notebook


def page_of(
    source: NotebookNode, executed: NotebookNode, made_from: dict[str, str]
) -> NotebookNode:
    """Return the page of a chapter: its text with the outputs of an execution.

    Two executions of the same sources give the same page: it holds no times and no progress, and
    of the executed notebook only what belongs to a cell of the text.
    """
    outputs = {cell.get("id"): cell.get("outputs", []) for cell in executed.cells}
    notebook = with_ids(source)
    notebook.metadata["published"] = made_from
    count = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            count += bool(cell.source.strip())
            cell.execution_count = count if cell.source.strip() else None
            cell.outputs = _outputs(outputs[cell.id], count)
    return notebook


def same_text(first: NotebookNode, second: NotebookNode) -> bool:
    """Tell whether two notebooks hold the same cells, outputs aside."""

    def text(book: NotebookNode) -> list[Any]:
        return [(one.cell_type, one.source, one.metadata.get("tags", [])) for one in book.cells]

    return text(_without_captions(first)) == text(_without_captions(second))


def _without_captions(book: NotebookNode) -> NotebookNode:
    """Return a notebook without the cells that `take_figures` adds; saving a page may keep them."""
    kept = [cell for cell in book.cells if CAPTION not in cell.metadata.get("tags", ())]
    return NotebookNode(book | {"cells": kept})


def unstable(page: NotebookNode, *secrets: str) -> str | None:
    """Say which output would differ on another run or machine, and how to mend it.

    ``secrets`` are folders of this machine, which no page may show.
    """
    folders = dict.fromkeys(map(re.escape, secrets), "a folder of this machine; print a name")
    for cell in page.cells:
        if cell.cell_type == "code" and cell.source.rstrip().endswith(";"):
            # nbval runs cells without history, and then IPython does not see the semicolon.
            return f"cell {cell.execution_count} ends with a semicolon: write `_ = ...` instead"
        for text, (pattern, remedy) in product(_said(cell), (UNSTABLE | folders).items()):
            if match := re.search(pattern, text):
                return f"cell {cell.execution_count} shows {match.group()!r}: {remedy}"
    return None


def _difference(before: NotebookNode, after: NotebookNode) -> str | None:
    """Say which cell says something else than a page of the same text; pictures play no part."""
    for old, new in zip(before.cells, after.cells, strict=True):
        for was, now in zip_longest(_said(old), _said(new), fillvalue=""):
            if was != now:
                return f"cell {old.execution_count} says {now[:300]!r}, and its page {was[:300]!r}"
    return None


def _said(cell: NotebookNode) -> list[str]:
    """Return the texts that a cell shows."""
    shown = ({**o.get("data", {}), "text/": o.get("text")} for o in cell.get("outputs", []))
    pairs = (pair for one in shown for pair in one.items())
    return [str(text) for kind, text in pairs if text and kind.startswith("text/")]


def _outputs(raw: list[NotebookNode], count: int) -> list[NotebookNode]:
    kept: list[NotebookNode] = []
    for streams, group in groupby(raw, key=lambda output: output.output_type == "stream"):
        outputs = list(group)
        for name in ("stdout", "stderr") if streams else ():  # they race each other: one piece each
            text = "".join(one.text for one in outputs if one.name == name).replace("\r\n", "\n")
            lines = re.findall(r"[^\n]*\n|[^\n]+", text)
            # What a progress bar rewrites ends as it happens to.
            if text := "".join(line for line in lines if "\r" not in line):
                kept.append(new_output("stream", name=name, text=text))
        kept += [] if streams else deepcopy(outputs)
    for output in kept:
        if output.output_type == "execute_result":
            output.execution_count = count
    return kept


def take_figures(page: NotebookNode, chapter: str) -> dict[str, str]:
    """Move what can be downloaded of figures out of a page; return each file's name and text.

    A cell with caption and links is added below each, which the book leaves out: it has its own.
    """
    files: dict[str, str] = {}
    for cell in list(page.cells):
        for output in cell.get("outputs", []):
            if (kept := output.get("metadata", {}).pop(KEPT, None)) is None:
                continue
            where = f"{chapter}, cell {cell.execution_count}"
            shown = {"figure": {}, "image": {}} | cell.metadata.get("mystnb", {})
            name = re.match("fig-([a-z0-9-]+)$", shown["figure"].get("name", ""))
            if not (name and shown["figure"].get("caption") and shown["image"].get("alt")):
                what = f"{where} shows a figure: give the cell `mystnb` metadata with a figure's"
                more = "name (fig-...), a caption and an image's alt text, as the other chapters do"
                raise PublishError(f"{what} {more}")
            stem = name[1]
            if f"{stem}.svg" in files:
                raise PublishError(f"{where}: another figure of the page is called fig-{stem}")
            code = page.metadata["published"]["library"]
            made = {"figure": stem, "chapter": chapter, "cell": cell.execution_count}
            made |= {"deplib": __version__, "code": code, "origin": kept["origin"]}
            files[f"{stem}.svg"] = output.data["image/svg+xml"]
            files[f"{stem}.csv"] = kept["csv"]
            files[f"{stem}.json"] = json.dumps(made, indent=1) + "\n"
            links = ", ".join(f"[{DOWNLOADS[one]}]({FIGURES}/{stem}.{one})" for one in DOWNLOADS)
            text = f"{shown['figure']['caption']} *{kept['origin']}*: {links}"
            own = {"id": f"{cell.id}-caption", "metadata": {"tags": ["remove-cell", CAPTION]}}
            page.cells.insert(page.cells.index(cell) + 1, new_markdown_cell(text, **own))
    sums = {name: hashlib.sha256(files[name].encode()).hexdigest() for name in sorted(files)}
    page.metadata |= {FIGURES: sums} if files else {}
    return files


def _what_failed(executed: NotebookNode | None, log: str, kept: Path) -> str:
    for cell in executed.cells if executed else []:
        for error in (one for one in cell.get("outputs", []) if one.output_type == "error"):
            if error.ename == "ResultError":  # which says what, where, and how to mend it
                return error.evalue
            first = next(iter(cell.source.strip().splitlines()), "")
            where = f"cell {cell.execution_count - 1} ({first!r})"
            return f"{where} raises {error.ename}: {error.evalue} (kept at {kept})"
    last = log.strip().splitlines()[-1:] or ["papermill said nothing"]
    return f"papermill failed: {last[0]} (kept at {kept})"


# The book and its files


def _chapter(root: Path, name: str) -> Chapter:
    stated = Chapter(name, root).source.metadata.get("deplib", {})
    if unknown := set(stated) - {"needs", "uses"}:
        where = f"notebooks/{name}.py: `deplib:` in its header"
        raise PublishError(f"{where} has {_list(unknown)}; it takes lists named needs and uses")
    return Chapter(name, root, **{key: tuple(value) for key, value in stated.items()})


def _state(root: Path) -> Path:
    """Return the folder of what was executed on this machine, of one repository."""
    return data_root() / "published" / provenance.digest(str(root.resolve()))[:16]


def _record(chapter: Chapter) -> Path:
    """Return the file that holds the digest of the page that was executed or confirmed here."""
    return _state(chapter.root) / f"{chapter.name}.sha256"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
