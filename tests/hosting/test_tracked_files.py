"""No file of the repository is what it may not be; the hooks before a commit ask the same."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from guards import LARGEST, complaint, tracked

from deplib.extraction import network_path

ROOT = Path(__file__).parents[2]
HOOKS = ROOT / ".pre-commit-config.yaml"


def test_no_file_is_what_it_may_not_be() -> None:
    files = tracked(ROOT)
    assert len(files) > 500
    found = {name: complaint(name, (ROOT / name).read_bytes()) for name in files}
    assert {name: why for name, why in found.items() if why} == {}


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("data/203_1_Freeform_video.mp4", b"", "AVEC2014"),
        ("tests/203_1_Depression.csv", b"12\n", "AVEC2014"),
        ("tests/clip.avi", b"", "film"),
        ("tests/face.jpg", b"", "picture"),
        ("labels/one.csv", b"12\n", "label"),
        ("weights/w600k_r50.onnx", b"another network", "weights"),
        ("deplib/models/best.safetensors", b"", "weights"),
        ("big.svg", b" " * (LARGEST + 1), "bytes"),
        ("id_rsa", b"-----BEGIN RSA PRIVATE " + b"KEY-----\n", "private key"),
        ("README.md", b"ours\n<<<<<<< HEAD\n", "merge"),
        ("notebooks/01_protocol.ipynb", b"{}", "texts only"),
        ("notebooks/new.py", b"# image/png: iVBOR", "output"),
        ("results/cost.json", b"{", "cannot be read"),
        ("_toc.yml", b"a: [", "cannot be read"),
        ("pyproject.toml", b"a = ", "cannot be read"),
    ],
)
def test_what_may_not_be_is_found(name: str, content: bytes, why: str) -> None:
    assert why in (complaint(name, content) or "")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("deplib/extraction/networks/embedded.onnx", network_path("embedded").read_bytes()),
        ("results/default/pooled.safetensors", b"means"),
        ("book/landing.png", b"a picture of the book"),
        ("book/figures/scores.csv", b"model,score\nLDBM,9.5\n"),
        ("notebooks/new.py", b"# %%\n1 + 1\n"),
    ],
)
def test_what_may_be_is_let_through(name: str, content: bytes) -> None:
    assert complaint(name, content) is None


def hooks() -> dict[str, dict]:
    (local,) = yaml.safe_load(HOOKS.read_text(encoding="utf-8"))["repos"]
    assert local["repo"] == "local"
    return {hook["id"]: hook for hook in local["hooks"]}


def test_the_hooks_are_tools_of_the_lock_and_change_no_file() -> None:
    for name, hook in hooks().items():
        tool, *arguments = hook["entry"].split()
        assert hook["language"] == "system", name
        assert tool == "make" or Path(sys.prefix, "bin", Path(tool).name).is_file(), name
        assert not {"--fix", "--write-changes", "-w"} & set(arguments), name
        assert "format" not in arguments or "--check" in arguments, name
    assert set(hooks()) == {
        *("ruff-check", "ruff-format", "codespell", "pairs-and-pins", "files", "workflows"),
    }


def test_the_tests_that_hooks_name_are_there() -> None:
    named = " ".join(hook["entry"] for hook in hooks().values())
    for test in re.findall(r"tests/\S+", named):
        assert (ROOT / test).is_file()
    targets = re.findall(r"^([a-z-]+):(?!=)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert set(re.findall(r"make ([a-z-]+)", named)) <= set(targets)


def test_the_hooks_are_understood() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(HOOKS)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
