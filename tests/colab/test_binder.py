"""What Binder installs is what the lock pins, and all that a chapter needs."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".binder"


def name(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def pins(lines: list[str], separator: str = "==") -> dict[str, str]:
    pairs = [line.strip().split(separator) for line in lines if separator in line]
    return {name(package): version for package, version in pairs}


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return pins([line for line in lines if not line.startswith("#")])


def environment() -> list:
    return yaml.safe_load((FOLDER / "environment.yml").read_text())["dependencies"]


def from_pip() -> list[str]:
    return next(one["pip"] for one in environment() if isinstance(one, dict))


def test_binder_reads_one_file_and_runs_no_script() -> None:
    assert [path.name for path in FOLDER.iterdir()] == ["environment.yml"]


def test_its_pins_are_those_of_the_lock() -> None:
    found, lock = pins(from_pip()[:-1]), locked()
    assert len(found) == len(from_pip()) - 1  # no line without a pin
    assert {package: lock.get(package) for package in found} == found
    torch = [one for one in environment() if isinstance(one, str) and "torch" in one]
    assert torch == [f"pytorch-cpu={lock['torch']}"]


def test_it_installs_every_requirement_of_deplib_and_the_repository_itself() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {name(Requirement(one).name) for one in project["dependencies"]}
    assert needed <= {*pins(from_pip()[:-1]), "torch"}
    editable = from_pip()[-1]
    assert editable.startswith("-e ")
    assert (FOLDER / editable.removeprefix("-e ")).resolve() == ROOT


def test_it_has_the_python_of_the_other_environment() -> None:
    other = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    python = [one for one in environment() if isinstance(one, str) and one.startswith("python=")]
    assert len(python) == 1
    assert python[0] in other
