"""Executing in a kernel of its own: what fails is named, what it costs is measured."""

import contextlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from deplib.errors import NoNetworkError, RehearsalError
from deplib.rehearsal import execution
from deplib.rehearsal.environment import Environment, plain_variables
from deplib.rehearsal.execution import Executed, execute
from deplib.rehearsal.session import at_size, notebook_of

WAIT = "import time\n\ntime.sleep(0.6)"
HOLD = "held = bytearray(300_000_000)\nheld[::4096] = b'x' * len(held[::4096])\ntime.sleep(0.6)"


class ThisPython(Environment):
    """An environment that is not made anew: the interpreter of the tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def python(self) -> Path:
        return Path(sys.executable)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Execute cells in an empty folder."""
    monkeypatch.setenv("DEPLIB_SECRET", "of the caller")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    here = ThisPython(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()

    def run_cells(*cells: str) -> Executed:
        return execute(
            notebook_of(*cells),
            kernels=here.write_kernel(),
            folder=empty,
            variables=here.variables(source="git+file:///there", data=tmp_path / "data"),
        )

    return run_cells


def test_time_of_the_set_up_cell_stands_apart_and_memory_is_seen(run) -> None:
    done = run(WAIT, HOLD)
    assert done.install.seconds > 0
    assert done.cost.peak > 300e6
    assert done.install.peak < 300e6


def test_a_chapter_sees_an_empty_folder_and_nothing_of_its_caller(run, tmp_path: Path) -> None:
    done = run(
        "import os\nfrom pathlib import Path",
        "list(Path().iterdir()), {k: v for k, v in os.environ.items() if k.startswith('DEPLIB')}",
        "'OMP_NUM_THREADS' in os.environ",
    )
    told = " ".join(done.notebook.cells[1].outputs[0].data["text/plain"].split())
    assert told.startswith("([], {")
    assert "SECRET" not in told
    assert "'DEPLIB_SOURCE': 'git+file:///there'" in told
    assert f"'DEPLIB_DATA': '{tmp_path / 'data'}'" in told
    assert done.notebook.cells[2].outputs[0].data["text/plain"] == "False"


def test_a_failing_cell_is_named(run) -> None:
    with pytest.raises(RehearsalError, match=r"cell 2 \('1 / 0'\) raises ZeroDivisionError"):
        run("0", "1 / 0", "2")


def test_a_dead_kernel_is_named_with_its_cell(run) -> None:
    with pytest.raises(RehearsalError, match="the kernel died in cell 2"):
        run("import os", "os._exit(1)")


def test_what_a_stranger_lacks_is_taken_away_and_nothing_else() -> None:
    caller = {"PYTHONPATH": "x", "DEPLIB_DATA": "x", "OMP_NUM_THREADS": "1", "HOME": "/h"}
    assert plain_variables(caller) == {"HOME": "/h"}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("NewConnectionError('Failed to establish a new connection')", NoNetworkError),
        ("ERROR: No matching distribution found for torch==9", RehearsalError),
    ],
)
def test_a_want_of_network_is_told_from_other_failures(tmp_path, said: str, kind: type) -> None:
    command = [sys.executable, "-c", f"import sys; sys.exit({said!r})"]
    with pytest.raises(RehearsalError, match="failed") as raised:
        ThisPython(tmp_path)._call(command)
    assert raised.type is kind


def test_a_size_is_injected_after_the_parameters_and_needs_them() -> None:
    notebook = notebook_of("0", 'size = "full"', "size")
    with pytest.raises(RehearsalError, match="one has no cell tagged parameters"):
        at_size(notebook, "small", "one")
    assert at_size(notebook, "full", "one") is notebook
    notebook.cells[1].metadata["tags"] = ["parameters"]
    cells = at_size(notebook, "small", "one").cells
    assert [cell.source for cell in cells][2] == '# Parameters\nsize = "small"\n'
    assert len(cells) == 4


class Member:
    """A process as psutil shows it."""

    def __init__(self, pid: int, spent: float, status: str, resident: int) -> None:
        self.pid, self._spent, self._status, self._resident = pid, spent, status, resident

    oneshot = staticmethod(contextlib.nullcontext)

    def cpu_times(self) -> tuple[float, float]:
        return self._spent, 0.0

    def memory_info(self) -> SimpleNamespace:
        return SimpleNamespace(rss=self._resident)

    def status(self) -> str:
        return self._status


@pytest.mark.parametrize(
    ("looks", "seconds"),
    [
        # one process that got half of the time: the rest was others'
        ([[Member(1, 1.0, "running", 5)], [Member(1, 2.0, "running", 5)]], 2.0),
        # all sleep: the clock counts, two seconds a look
        ([[Member(1, 0.0, "sleeping", 5)], [Member(1, 0.1, "sleeping", 5)]], 4.0),
        # the first thread sleeps and another one computes
        ([[Member(1, 0.5, "sleeping", 5)]], 0.5),
        # a parent that sleeps while two workers compute, one more than the other
        ([[Member(1, 0.0, "sleeping", 5), Member(2, 1.5, "running", 6), Member(3, 1.0, "idle", 7)]],
         1.5),
        # four that compute share two cores
        ([[Member(k, 1.0, "running", 5) for k in range(4)]], 2.0),
    ],
)  # fmt: skip
def test_time_counts_what_the_notebook_computes_or_waits_for(
    monkeypatch: pytest.MonkeyPatch, looks: list[list[Member]], seconds: float
) -> None:
    watch = execution.Watch(None)
    began = watch._looked
    clock = iter(began + 2.0 * k for k in range(1, 9))
    tell = SimpleNamespace(perf_counter=lambda: next(clock))
    monkeypatch.setattr(execution, "time", tell)
    monkeypatch.setattr(execution, "os", SimpleNamespace(cpu_count=lambda: 2))
    for members in looks[:-1]:
        monkeypatch.setattr(watch, "_members", lambda members=members: members)
        watch._look()
    monkeypatch.setattr(watch, "_members", lambda: looks[-1])
    cost = watch.since()
    assert cost.seconds == pytest.approx(seconds)
    assert cost.peak == max(sum(one._resident for one in members) for members in looks)
    monkeypatch.setattr(watch, "_members", list)
    assert watch.since().peak == 0
