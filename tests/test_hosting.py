"""What is hosted: no file that may not be there, careful workflows, and a sound CI script."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import click
import pytest
import typer.main
import yaml

from deplib.cli import app

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
WORKFLOWS = {path.stem: path for path in sorted((GITHUB / "workflows").glob("*.yml"))}
ACTIONS = {path.parent.name: path for path in sorted((GITHUB / "actions").glob("*/action.yml"))}
WRITES = {
    ("publish", "deploy"): {"pages": "write", "id-token": "write"},
    ("weekly", "report"): {"issues": "write"},
}
"""The only jobs that may do more than read the repository, and what."""

LARGEST = 2_000_000
"""Bytes of a file: the networks that are shipped have 1.3 million."""
MEASURED = (
    "results/*/pooled.safetensors",
    "results/selection/surrogate.safetensors",
    "deplib/extraction/*/*reference.safetensors",
)
"""Arrays that are no weights: means of features, and one frame with its embedding."""
CORPUS_NAME = re.compile(
    r"(?<!\d)\d{3}_\d_(Freeform|Northwind|Depression|audio|video)", re.IGNORECASE
)
FILMED = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".wmv", ".m4v", ".mpg", ".wav", ".mp3", ".flac"}
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff"}
WEIGHTS = {".pt", ".pth", ".ckpt", ".h5", ".hdf5", ".pb", ".tflite", ".caffemodel", ".npz", ".npy"}
WEIGHTS |= {".pkl", ".pickle", ".bin", ".mat", ".onnx", ".safetensors"}
PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE " + rb"KEY-----")
CONFLICT = re.compile(rb"^(<{7}|>{7}|\|{7}) ", re.MULTILINE)
REGISTRIES = [f"{one}.org" for one in ("pypi", "pythonhosted", "npmjs")]
FOLDERS = [f"{ROOT}/", "/home" + "/runner", "/tmp" + "/bash"]


def tracked() -> list[str]:
    """Return the files that git tracks or would track; all that there are where there is no git."""
    if shutil.which("git") and (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        names = [name for name in listed.stdout.split("\0") if name]
    else:
        skip = {".venv", ".deplib", "_build", ".git", "__pycache__", ".mypy_cache", ".ruff_cache"}
        paths = [path.relative_to(ROOT) for path in ROOT.rglob("*")]
        names = [path.as_posix() for path in paths if not skip & set(path.parts)]
    return [name for name in names if (ROOT / name).is_file()]


def trained_here() -> set[str]:
    """Return the hashes of networks whose recipe lies beside them."""
    notes = [json.loads(path.read_text()) for path in (ROOT / "deplib").rglob("*.json")]
    return {one["sha256"] for one in notes if isinstance(one, dict) and "recipe" in one}


def complaint(name: str, content: bytes) -> str | None:
    """Say why a file may not be in the repository; None where it may."""
    path = PurePosixPath(name)
    kind, text = path.suffix.lower(), path.parts[0] == "notebooks"
    found = {
        f"it has {len(content):,} bytes": len(content) > LARGEST,
        "its name is one of AVEC2014": CORPUS_NAME.search(name),
        "it is a film or a sound": kind in FILMED,
        "it is a picture outside of book/": kind in PICTURES and path.parts[0] != "book",
        "it is a label: one number": kind in {".csv", ".txt"}
        and re.fullmatch(rb"\s*\d+(\.\d+)?\s*", content),
        "it holds weights that were not trained here": kind in WEIGHTS
        and not any(path.match(pattern) for pattern in MEASURED)
        and sha256(content).hexdigest() not in trained_here(),
        "it holds a private key": PRIVATE_KEY.search(content),
        "it holds the marks of a merge": CONFLICT.search(content),
        "notebooks/ holds texts only": text and kind != ".py",
        "a text holds an output": text
        and re.search(rb"^# ?\+? ?outputs?=|image/png|^.{2000}", content, re.MULTILINE),
        "it names a package registry": any(host.encode() in content for host in REGISTRIES),
        "it names a folder of one machine": any(one.encode() in content for one in FOLDERS),
    }
    return next((why for why, wrong in found.items() if wrong), None)


def test_no_file_is_what_it_may_not_be() -> None:
    files = tracked()
    assert len(files) > 200
    found = {name: complaint(name, (ROOT / name).read_bytes()) for name in files}
    assert {name: why for name, why in found.items() if why} == {}
    assert len(trained_here()) == 4


FILES = [
    ("data/203_1_Freeform_video.mp4", b"", "AVEC2014"),
    ("tests/clip.avi", b"", "film"),
    ("tests/face.jpg", b"", "picture"),
    ("labels/one.csv", b"12\n", "label"),
    ("weights/w600k_r50.onnx", b"another network", "weights"),
    ("big.svg", b" " * (LARGEST + 1), "bytes"),
    ("id_rsa", b"-----BEGIN RSA PRIVATE " + b"KEY-----\n", "private key"),
    ("README.md", b"ours\n<<<<<<< HEAD\n", "merge"),
    ("notebooks/01_protocol.ipynb", b"{}", "texts only"),
    ("notebooks/new.py", b"# image/png: iVBOR", "output"),
    ("Makefile", f"--index-url {REGISTRIES[0]}".encode(), "registry"),
    ("results/cost.json", f'"{ROOT}/data"'.encode(), "folder"),
    ("results/default/pooled.safetensors", b"means", None),
    ("book/figures/scores.csv", b"model,score\nLDBM,9.5\n", None),
    ("notebooks/new.py", b"# %%\n1 + 1\n", None),
]


@pytest.mark.parametrize(("name", "content", "why"), FILES)
def test_a_file_that_may_not_be_is_found(name: str, content: bytes, why: str | None) -> None:
    found = complaint(name, content)
    assert found is None if why is None else why in (found or "")


def test_the_hooks_are_tools_of_the_lock_change_no_file_and_name_tests_that_exist() -> None:
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert local["repo"] == "local"
    for hook in local["hooks"]:
        tool, *arguments = hook["entry"].split()
        assert tool == "make" or Path(sys.prefix, "bin", Path(tool).name).is_file(), hook["id"]
        assert not {"--fix", "--write-changes", "-w"} & set(arguments)
        assert "format" not in arguments or "--check" in arguments
        assert all((ROOT / one).is_file() for one in arguments if one.startswith("tests/"))


# Workflows


def read(path: Path) -> dict[str, Any]:
    """Return a workflow; its ``on`` is a string, not what YAML 1.1 makes of it."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {("on" if key is True else key): value for key, value in found.items()}


def all_jobs() -> list[tuple[str, str, dict[str, Any]]]:
    """Return every job with the workflow and the name that it has."""
    workflows = {file: read(path)["jobs"] for file, path in WORKFLOWS.items()}
    return [(file, name, job) for file, jobs in workflows.items() for name, job in jobs.items()]


def steps(*files: str) -> Iterator[dict[str, Any]]:
    """Return the steps of workflows and of this repository's actions; all where none is named."""
    for file, _, job in all_jobs():
        yield from job["steps"] if not files or file in files else ()
    for name, path in ACTIONS.items():
        yield from read(path)["runs"]["steps"] if not files or name in files else ()


def scripts() -> str:
    return "\n".join(step.get("run", "") for step in steps())


def fake(folder: Path, name: str, script: str) -> None:
    """Write a command of that name."""
    (folder / name).write_text(f"#!/bin/sh\n{script}")
    (folder / name).chmod(0o755)


def test_a_job_may_do_no_more_than_it_needs_and_has_an_end() -> None:
    for name, path in WORKFLOWS.items():
        assert read(path)["permissions"] == {}, name
    for file, name, job in all_jobs():
        assert job["permissions"] == WRITES.get((file, name), {"contents": "read"}), (file, name)
        assert job["timeout-minutes"] <= 180, (file, name)
        assert job["runs-on"] == "ubuntu-24.04", (file, name)
        uses = " ".join(step.get("uses", "") for step in job["steps"])
        assert not ((file, name) in WRITES and "checkout" in uses), "it runs nothing from here"


def test_the_workflows_call_verbs_that_exist() -> None:
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):(?!=)", rules, flags=re.MULTILINE))
    made = set(re.findall(r"^make ([a-z-]+)$", scripts(), flags=re.MULTILINE))
    assert made <= targets
    assert {"lint", "test", "book", "install", "installs", "unit-tests"} <= made
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for call in re.findall(r"\.venv/bin/deplib((?: [\w-]+)+)", scripts()):
        verb, *options = call.split()
        with click.Context(commands[verb]) as context:
            commands[verb].parse_args(context, options)  # raises where there is no such


def test_wherever_nobody_has_a_gpu_make_installs_torch_for_the_cpu() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    given = [container["containerEnv"], *(read(path)["env"] for path in WORKFLOWS.values())]
    assert given == [{"TORCH": "cpu"}] * 4
    assert container["postCreateCommand"] == "make install"
    assert not [step for step in steps() if "pip install" in step.get("run", "")]


def test_main_alone_is_published_and_everything_is_made_from_scratch_once_a_week() -> None:
    publish, weekly = read(WORKFLOWS["publish"]), read(WORKFLOWS["weekly"])
    assert publish["on"]["push"] == {"branches": ["main"]}
    assert publish["jobs"]["deploy"]["needs"] == "build"
    assert not [one for one in steps("weekly") if re.search("cache|computed", one.get("uses", ""))]
    assert set(weekly["jobs"]["report"]["needs"]) == set(weekly["jobs"]) - {"report"}
    (kept,) = [step["with"] for step in steps("computed") if step.get("id") == "kept"]
    assert "hashFiles('deplib/**', 'requirements.lock')" in kept["key"]
    assert "restore-keys" not in kept, "what was made from other inputs"


@pytest.mark.parametrize("file", ["test", "publish", "weekly"])
def test_a_failing_chapter_is_uploaded_from_where_publish_keeps_it(file: str) -> None:
    (upload,) = [one for one in steps(file) if "actions/upload-artifact" in one.get("uses", "")]
    assert upload["if"] == "failure()"
    assert upload["with"]["include-hidden-files"] is True  # .deplib is hidden
    assert ".deplib/published/*/work/" in upload["with"]["path"]


ISSUES = [
    ("", "create --title The weekly run from scratch fails\n"),
    ("4 Another fault\n12 Re: The weekly run from scratch fails\n", "create --title "),
    ("9 Other\n7 The weekly run from scratch fails\n", "comment 7 "),
]


@pytest.mark.parametrize(("listed", "done"), ISSUES)
def test_a_failing_week_opens_one_issue_and_the_next_one_adds_to_it(
    tmp_path: Path, listed: str, done: str
) -> None:
    (step,) = read(WORKFLOWS["weekly"])["jobs"]["report"]["steps"]
    (tmp_path / "listed").write_text(listed)
    said = f'echo "$2 $3" "$4" >> {tmp_path}/done\n'
    fake(tmp_path, "gh", f'[ "$2" = list ] && cat {tmp_path}/listed && exit\n{said}')
    environment = {name: str(value) for name, value in step["env"].items()}
    environment["PATH"] = f"{tmp_path}:/usr/bin:/bin"
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    subprocess.run(command, env=environment, check=True)
    assert (tmp_path / "done").read_text().startswith(done)


def test_the_workflows_are_sound() -> None:
    """Actions are pinned by commit, no credentials stay, no expression is in a script (zizmor)."""
    command = [str(Path(sys.executable).with_name("zizmor")), "--offline", "--pedantic", GITHUB]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


# .ci/run on made-up machines

TOOLS = ("make", "git", "python3", "chromium", "npm")
TEST = "make test CI=true"


MACHINES = [
    (TOOLS, {}, 0, None),
    (("make", "git", "python3", "google-chrome"), {}, 0, "npm"),
    (("make", "git", "python3"), {}, 0, "chromium fonts-dejavu-core npm"),
    (TOOLS, {"python3": "exit 1\n"}, 0, "python3-venv"),
    (TOOLS, {"make": "exit 2\n"}, 2, None),
    (("make", "python3"), {"apt-get": "exit 100\n"}, 100, "-"),
]


@pytest.mark.parametrize(("there", "bodies", "code", "installed"), MACHINES)
def test_the_ci_script_installs_what_is_missing_and_ends_with_the_tests(
    tmp_path: Path, there: tuple[str, ...], bodies: dict[str, str], code: int, installed: str | None
) -> None:
    """A copy of the script, where only some commands are; each writes down that it was called."""
    (tmp_path / "clone" / ".ci").mkdir(parents=True)
    script = shutil.copy(ROOT / ".ci" / "run", tmp_path / "clone" / ".ci")
    folder, log = tmp_path / "bin", tmp_path / "log"
    folder.mkdir()
    for name in ("bash", "dirname"):
        (folder / name).symlink_to(shutil.which(name) or name)
    for name in (*there, "apt-get", "sleep"):
        fake(folder, name, f'echo "{name} $* CI=$CI" >> {log}\n' + bodies.get(name, ""))
    done = subprocess.run([script], env={"PATH": str(folder)}, check=False)
    lines = [line.strip() for line in log.read_text().splitlines()]
    calls = [line for line in lines if not line.startswith("python3")]
    assert done.returncode == code
    assert (calls[-1:] == [TEST]) == (code != 100)
    if installed is None:
        assert calls == [TEST]
    elif code == 0:
        assert calls[1].endswith(f"--no-install-recommends {installed} CI=")
