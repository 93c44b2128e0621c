import ast
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from deplib import provenance
from deplib.errors import ResultError
from deplib.provenance import bare_code, digest, file_digest, imported_modules, source_digest


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package in which a imports b relatively, b imports sub.c late, and lone stands apart."""
    root = tmp_path / "pack"
    files = {
        "__init__.py": "",
        "a.py": '"""Doc."""\nfrom . import b\n\nX = 1  # one\n',
        "b.py": "def late():\n    from pack.sub.c import C\n    return C\n",
        "sub/__init__.py": "",
        "sub/c.py": "from ..names import N\nC = N\n",
        "sub/table.json": "{}",
        "names.py": "N = 'pack.named:f'\n",
        "named.py": "def f(): ...\n",
        "lone.py": "Y = 2\n",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_closure_follows_relative_late_and_named_imports_but_no_strangers(
    package: Path,
) -> None:
    closure = imported_modules("pack.a", root=package)
    assert set(closure) == {
        "pack", "pack.a", "pack.b", "pack.sub", "pack.sub.c", "pack.names", "pack.named",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", '"""Another text,\n\nlonger."""\n# why\nfrom . import b\n\n\nX = 1\n'),
        ("lone.py", "Y = 3\n"),
        (
            "b.py",
            "def late():\n    # late, to break a cycle\n    from pack.sub.c import C\n    return C",
        ),
    ],
)
def test_comments_docstrings_blank_lines_and_strangers_leave_the_digest(
    package: Path, name: str, text: str
) -> None:
    before = source_digest("pack.a", root=package)
    (package / name).write_text(text)
    assert source_digest("pack.a", root=package) == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", "from . import b\nX = 2\n"),
        ("sub/c.py", "from ..names import N\nC = N + ''\n"),
        ("named.py", "def f(): return 0\n"),
        ("sub/table.json", '{"changed": 1}'),
    ],
)
def test_code_and_shipped_data_anywhere_in_the_closure_change_the_digest(
    package: Path, name: str, text: str
) -> None:
    before = source_digest("pack.a", root=package)
    (package / name).write_text(text)
    assert source_digest("pack.a", root=package) != before


def test_a_module_that_does_not_exist_is_named(package: Path) -> None:
    with pytest.raises(ResultError, match=r"no module pack\.nothing"):
        source_digest("pack.nothing", root=package)


def test_bare_code_keeps_strings_and_cuts_comments_docstrings_and_blank_lines() -> None:
    source = (
        '"""Module."""\n\n'
        "x = '# no comment'   # a comment ü\n"
        "é = 'ü'; 'a bare string'\n"
        "t = f'''a\n\n  # {x}\nb'''  # after\n"
        "class K:\n    '''Doc.\n\n    More.'''\n    y = 1\n"
        "def f(): ...\n"
    )
    kept = "x = '# no comment'\né = 'ü'; 'a bare string'\nt = f'''a\n  # {x}\nb'''\n"
    assert bare_code(source) == kept + "class K:\n    y = 1\ndef f(): ..."


def test_bare_code_means_the_same_program() -> None:
    source = Path(provenance.__file__).read_text(encoding="utf-8")
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                one
                for one in body
                if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
            ]
    assert ast.dump(ast.parse(bare_code(source))) == ast.dump(tree)


def test_a_digest_is_sha256_of_canonical_json_whatever_the_order() -> None:
    text = json.dumps({"a": [1, 2.5], "b": None}, sort_keys=True, separators=(",", ":"))
    expected = hashlib.sha256(text.encode()).hexdigest()
    assert digest({"b": None, "a": (np.int64(1), 2.5)}) == expected


def test_a_dataclass_is_digested_by_name_and_fields() -> None:
    @dataclass(frozen=True)
    class Settings:
        rate: float

    @dataclass(frozen=True)
    class Other:
        rate: float

    assert digest(Settings(0.1)) == digest(Settings(0.1))
    assert len({digest(Settings(0.1)), digest(Settings(0.2)), digest(Other(0.1))}) == 3


@pytest.mark.parametrize("value", [float("nan"), {1: "a"}, {"a", "b"}, Path("x"), np.zeros(2)])
def test_values_without_a_canonical_form_are_refused(value: object) -> None:
    with pytest.raises(ResultError, match="no digest"):
        digest(value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="gone"):
        file_digest(tmp_path / "gone.csv")


def test_an_edit_of_the_same_length_in_the_same_instant_is_seen(package: Path) -> None:
    digests = set()
    for value in range(10):
        (package / "lone.py").write_text(f"Y = {value}\n")
        digests.add(source_digest("pack.lone", root=package))
    assert len(digests) == 10


def test_a_module_that_is_left_out_does_not_count(package: Path) -> None:
    before = source_digest("pack.a", without=("pack.b",), root=package)
    (package / "b.py").write_text("def late():\n    from pack.sub.c import C\n    return C + 1\n")
    assert source_digest("pack.a", without=("pack.b",), root=package) == before
    (package / "sub" / "c.py").write_text("C = 5\n")
    assert source_digest("pack.a", without=("pack.b",), root=package) != before
