"""`.ci/run` on made-up machines: what it installs, and that it ends with the tests."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "run"
TOOLS = ("make", "git", "python3", "chromium", "java", "node", "npm")
RECORDS = '#!/bin/sh\necho "{name} $* CI=$CI" >> {log}\n'


@pytest.fixture
def machine(tmp_path: Path):
    """Run a copy of the script where only some commands are; return its exit code and its calls."""
    (tmp_path / "clone" / ".ci").mkdir(parents=True)
    script = shutil.copy(SCRIPT, tmp_path / "clone" / ".ci")
    folder, log = tmp_path / "bin", tmp_path / "log"
    folder.mkdir()

    def run(*commands: str, **bodies: str) -> tuple[int, list[str]]:
        for name in ("bash", "dirname"):
            (folder / name).symlink_to(shutil.which(name) or name)
        for name in (*commands, "apt-get", "sleep"):
            body = bodies.get(name.replace("-", "_"), "")
            (folder / name).write_text(RECORDS.format(name=name, log=log) + body)
            (folder / name).chmod(0o755)
        environment = {"PATH": str(folder)}
        done = subprocess.run([str(folder / "bash"), script], env=environment, check=False)
        calls = [line.strip() for line in log.read_text().splitlines()] if log.exists() else []
        return done.returncode, [call for call in calls if not call.startswith("python3")]

    return run


def test_where_everything_is_there_nothing_is_installed(machine) -> None:
    assert machine(*TOOLS) == (0, ["make test CI=true"])


def test_another_browser_of_the_same_kind_will_do(machine) -> None:
    tools = [tool for tool in TOOLS if tool != "chromium"]
    assert machine(*tools, "google-chrome") == (0, ["make test CI=true"])


def test_what_is_missing_is_installed_and_no_more(machine) -> None:
    code, calls = machine("make", "git", "python3", "node")
    assert (code, calls[0], calls[2]) == (0, "apt-get update -q CI=", "make test CI=true")
    assert calls[1].endswith(
        "--no-install-recommends chromium fonts-dejavu-core default-jre-headless npm CI="
    )


def test_a_python_that_makes_no_environments_is_mended(machine) -> None:
    code, calls = machine(*TOOLS, python3="exit 1\n")
    assert code == 0
    assert calls[1].endswith("--no-install-recommends python3-venv CI=")


def test_a_mirror_that_fails_once_is_asked_again(machine, tmp_path: Path) -> None:
    once = f"test -e {tmp_path}/tried || {{ : > {tmp_path}/tried; exit 100; }}\n"
    tools = [tool for tool in TOOLS if tool != "git"]
    code, calls = machine(*tools, apt_get=once)
    assert code == 0
    assert [call.split()[1] for call in calls] == ["update", "15", "update", "install", "test"]


def test_the_tests_do_not_run_where_a_tool_cannot_be_had(machine) -> None:
    code, calls = machine("make", "python3", apt_get="exit 100\n")
    assert code != 0
    assert "make test CI=true" not in calls


def test_a_failure_of_the_tests_is_the_script_s_own(machine) -> None:
    assert machine(*TOOLS, make="exit 2\n")[0] == 2
