"""The workflows as data: files, jobs, steps, and what they call."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = {path.stem: path for path in sorted((GITHUB / "workflows").glob("*.yml"))}
ACTIONS = {path.parent.name: path for path in sorted((GITHUB / "actions").glob("*/action.yml"))}


@dataclass(frozen=True)
class Step:
    """One step of a job or of an action of this repository."""

    file: str  # stem of the workflow, or name of the action
    job: str  # empty in an action
    settings: dict[str, Any]

    @property
    def script(self) -> str:
        """What it runs, if it runs something."""
        return self.settings.get("run", "")

    @property
    def action(self) -> str:
        """What it uses, without the version."""
        return self.settings.get("uses", "").partition("@")[0]


def read(path: Path) -> dict[str, Any]:
    """Return a workflow; its ``on`` is a string, not what YAML 1.1 makes of it."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {("on" if key is True else key): value for key, value in found.items()}


def jobs(workflow: str) -> dict[str, dict[str, Any]]:
    """Return the jobs of a workflow by name."""
    return read(WORKFLOWS[workflow])["jobs"]


def all_jobs() -> list[tuple[str, str, dict[str, Any]]]:
    """Return every job with the workflow and the name that it has."""
    return [(file, name, job) for file in WORKFLOWS for name, job in jobs(file).items()]


def steps() -> Iterator[Step]:
    """Return every step, also those of the actions of this repository."""
    for file, name, job in all_jobs():
        for step in job["steps"]:
            yield Step(file, name, step)
    for name, path in ACTIONS.items():
        for step in read(path)["runs"]["steps"]:
            yield Step(name, "", step)


def calls(tool: str) -> set[tuple[str, ...]]:
    """Return the arguments of every call of a tool, such as ``make``, in any script."""
    pattern = rf"(?:^|[\s(;|&]){re.escape(tool)}((?: [\w./-]+)+)"
    return {
        tuple(found.split())
        for step in steps()
        for found in re.findall(pattern, step.script, flags=re.MULTILINE)
    }
