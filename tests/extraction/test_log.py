import json
import os
import subprocess
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deplib.extraction.workers import RunLog


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_event_is_a_line_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "run.jsonl"
    with RunLog(path) as log:
        log("start", cohort="tiny", jobs=2)
        assert len(lines(path)) == 1  # while the run goes on
        log("recording", recording='201_1 "quoted"\nand broken')
    first, second = lines(path)
    assert (first["event"], first["cohort"], first["jobs"]) == ("start", "tiny", 2)
    assert second["recording"] == '201_1 "quoted"\nand broken'
    moment = datetime.fromisoformat(first["time"])
    assert moment.tzinfo == UTC
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 600


@pytest.mark.parametrize("length", [1, 12, 40])
def test_half_a_line_is_removed_so_that_all_is_readable(tmp_path: Path, length: int) -> None:
    path = tmp_path / "run.jsonl"
    with RunLog(path) as log:
        log("start")
        log("recording", recording="201_1", n_frames=40)
    whole = path.read_bytes()
    first_line = whole.index(b"\n") + 1
    path.write_bytes(whole[: first_line + length])
    assert json.loads(path.read_text().splitlines()[0])["event"] == "start"
    with RunLog(path) as log:
        log("start")
    assert [line["event"] for line in lines(path)] == ["start", "start"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_warns_once_and_the_run_goes_on() -> None:
    with RunLog("/dev/full") as log:
        with pytest.warns(UserWarning, match=r"cannot write the log /dev/full: No space left"):
            log("start")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            log("recording")


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_what_was_said_before_a_kill_stays(tmp_path: Path) -> None:
    code = (
        "import os, sys; from deplib.extraction.workers import RunLog; log = RunLog(sys.argv[1]);"
        "[log('recording', number=i) for i in range(3)]; os.kill(os.getpid(), 9)"
    )
    path = tmp_path / "run.jsonl"
    assert subprocess.run([sys.executable, "-c", code, str(path)]).returncode == -9
    assert [line["number"] for line in lines(path)] == [0, 1, 2]
