import hashlib
from pathlib import Path

import pytest

from deplib.errors import ResultError
from deplib.provenance import bare_code, digest, file_digest, imported_modules, source_digest

FILES = {
    "__init__.py": "",
    "a.py": '"""Doc."""\nfrom . import b\n\n# one\nX = 1\n',
    "b.py": "def late():\n    from pack.sub.c import C\n    return C\n",
    "sub/__init__.py": "",
    "sub/c.py": "from ..names import N\nC = N\n",
    "sub/table.json": "{}",
    "names.py": "N = 'pack.named:f'\n",
    "named.py": "def f(): ...\n",
    "lone.py": "Y = 2\n",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package in which a imports b relatively, b imports sub.c late, and lone stands apart."""
    for name, text in FILES.items():
        path = tmp_path / "pack" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "pack"


def test_the_closure_follows_relative_late_and_named_imports_but_no_strangers(
    package: Path,
) -> None:
    names = ["", ".a", ".b", ".sub", ".sub.c", ".names", ".named"]
    assert set(imported_modules("pack.a", root=package)) == {f"pack{name}" for name in names}
    with pytest.raises(ResultError, match=r"no module pack\.nothing"):
        source_digest("pack.nothing", root=package)


CHANGES = [
    ("a.py", '"""Another text,\n\nlonger."""\n# why\nfrom . import b\n\n\nX = 1\n', False),
    ("lone.py", "Y = 3\n", False),
    ("a.py", "from . import b\nX = 2\n", True),
    ("sub/c.py", "from ..names import N\nC = N + ''\n", True),
    ("named.py", "def f(): return 0\n", True),
    ("sub/table.json", '{"changed": 1}', True),
]


@pytest.mark.parametrize(("name", "text", "counts"), CHANGES)
def test_code_and_shipped_data_of_the_closure_count_and_words_and_strangers_do_not(
    package: Path, name: str, text: str, counts: bool
) -> None:
    before = source_digest("pack.a", root=package)
    left_out = source_digest("pack.a", without=("pack.a",), root=package)
    (package / name).write_text(text)
    assert (source_digest("pack.a", root=package) != before) == counts
    of_others = counts and name != "a.py"
    assert (source_digest("pack.a", without=("pack.a",), root=package) != left_out) == of_others


def test_bare_code_keeps_strings_and_cuts_comment_lines_docstrings_and_blank_lines() -> None:
    source = (
        '"""Module."""\n\n'
        "# é\n"
        "x = '# no comment'   # with the line\n"
        "t = f'''a\n\n  {x}\nb'''\n"
        "class K:\n    '''Doc.\n\n    More.'''\n    y = 1  \n"
        "def f(): ...\n"
    )
    kept = "x = '# no comment'   # with the line\nt = f'''a\n  {x}\nb'''\n"
    assert bare_code(source) == kept + "class K:\n    y = 1\ndef f(): ..."


def test_a_digest_is_sha256_of_canonical_json_whatever_the_order(tmp_path: Path) -> None:
    expected = hashlib.sha256(b'{"a":[1,2.5],"b":null}').hexdigest()
    assert digest({"b": None, "a": (1, 2.5)}) == expected
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest(float("nan"))
    with pytest.raises(ResultError, match="gone"):
        file_digest(tmp_path / "gone.csv")
