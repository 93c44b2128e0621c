"""The execution of one chapter: papermill in a process of its own, then its page, in one step."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from deplib import provenance
from deplib.extraction.storage.atomic import write_atomically
from deplib.figures import KEEP
from deplib.paths import VARIABLE, data_root
from deplib.publishing import PublishError, figures, opened, pages
from deplib.publishing.chapters import Chapter

KERNEL_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "TQDM_DISABLE": "1",
    "DEPLIB_BUFFALO_L": "",
}
"""One thread and one hash seed give the same digits again; progress bars never look alike; weights
that only some machines have would change a page."""

SHOWN = 5
"""How many undeclared files an error lists."""


def execute(chapter: Chapter, made_from: dict[str, str]) -> float:
    """Execute one chapter in a process of its own, write its page, return its seconds."""
    chapter.files()  # complains about what is missing
    work = state(chapter.root) / "work" / chapter.name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    source, result = work / "source.ipynb", work / f"{chapter.name}.ipynb"
    nbformat.write(pages.with_ids(chapter.source), source)
    command = [sys.executable, "-m", "papermill", str(source), str(result), "--kernel", "python3"]
    command += ["--cwd", str(chapter.page.parent), "--no-progress-bar", "--no-log-output"]
    environment = {**os.environ, **KERNEL_ENVIRONMENT, VARIABLE: str(data_root()), KEEP: "1"}
    environment |= opened.watch(work / "opened")
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    executed = nbformat.read(result, as_version=4) if result.is_file() else None
    if run.returncode != 0 or executed is None:
        raise PublishError(_what_failed(executed, run.stderr, result))
    if unsaid := opened.undeclared(chapter, work / "opened"):
        raise PublishError(
            "it reads what its header does not say, so that a change there would make no page "
            f"stale; add under `deplib:` in notebooks/{chapter.name}.py, by pattern where there "
            f"are many: {'; '.join(unsaid[:SHOWN])}"
            + (f" and {len(unsaid) - SHOWN} more" if len(unsaid) > SHOWN else "")
        )
    page = pages.page(chapter.source, executed, made_from)
    kept = figures.taken(page, chapter.root, chapter.name)
    folders = (str(chapter.root.resolve()), str(data_root()))
    if why := pages.unstable(page, *folders):
        raise PublishError(f"{why} (kept at {result})")
    for name, text in kept.items():
        _write(chapter.page.parent / figures.FOLDER / name, text)
    _write(chapter.page, nbformat.writes(page) + "\n")  # last: it vouches for the others
    took = float(executed.metadata.papermill.duration)
    record = {"sha256": provenance.file_digest(chapter.page), "seconds": took}
    _write(record_path(chapter), json.dumps(record))
    shutil.rmtree(work)
    return took


def state(root: Path) -> Path:
    """Return the folder of what was executed on this machine, of one repository."""
    return data_root() / "published" / provenance.digest(str(root.resolve()))[:16]


def record_path(chapter: Chapter) -> Path:
    """Return the file that says what execution of a chapter on this machine gave."""
    return state(chapter.root) / f"{chapter.name}.json"


def _what_failed(executed: NotebookNode | None, log: str, kept: Path) -> str:
    for cell in executed.cells if executed else []:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                first = next(iter(cell.source.strip().splitlines()), "")
                return (
                    f"cell {cell.execution_count} ({first!r}) raises {output.ename}: "
                    f"{output.evalue} (kept at {kept})"
                )
    last = log.strip().splitlines()[-1:] or ["papermill said nothing"]
    return f"papermill failed: {last[0]} (kept at {kept})"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, text.encode())
