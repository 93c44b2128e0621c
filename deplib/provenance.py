"""What a result was made from, as digests: settings, source code, and files.

A result's key must change when code that can change the result does, and only then. So the
digest of a module covers every module of the package that it imports, directly or not, and
leaves out comments, docstrings and blank lines. Imports are read from the source, never executed.
"""

import ast
import dataclasses
import hashlib
import io
import json
import re
import tokenize
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeGuard

from deplib.errors import ResultError

PACKAGE = Path(__file__).parent
"""The package whose source is digested unless told otherwise."""

DATA_SUFFIXES = frozenset({".json", ".onnx"})
"""Files that are shipped with the package and count as part of the code beside them."""

_MODULE_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+(:\w+)?")


def digest(value: Any) -> str:
    """Return the SHA-256 of a value written as canonical JSON.

    Parameters
    ----------
    value : JSON types, tuples, dataclasses or NumPy scalars, nested at will
        Tuples count as lists, and a dataclass as its name and its fields.

    Returns
    -------
    str
        64 hexadecimal digits, the same for equal values in any order of keys.

    Raises
    ------
    ResultError
        Where the value holds something that has no canonical form, such as NaN or a set.

    Examples
    --------
    >>> digest({"seed": 0, "model": "ldbm"}) == digest({"model": "ldbm", "seed": 0})
    True
    """
    try:
        text = json.dumps(
            _plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True
        )
    except (TypeError, ValueError) as error:
        raise ResultError(
            f"no digest of this {type(value).__name__}: {error}; use finite numbers, strings, "
            "lists, dicts with string keys, or dataclasses of these"
        ) from error
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    Raises
    ------
    ResultError
        Where the file is missing or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ResultError(
            f"cannot read {path}: {error.strerror}; make it, or take it off the list"
        ) from error


NO_NUMBERS = ("deplib", "deplib.errors", "deplib.protocol")
"""Modules that no number depends on beyond what a key names itself: version, messages, settings."""


def source_digest(*modules: str, without: Collection[str] = (), root: Path = PACKAGE) -> str:
    """Return the SHA-256 of modules, of all they import from their package, and of shipped data.

    Parameters
    ----------
    *modules : str
        Dotted names, such as ``"deplib.windows"``.
    without : collection of str
        Modules of the closure whose source does not count, such as ``NO_NUMBERS``.
    root : Path
        The package's folder; its name is the package's name.

    Returns
    -------
    str
        64 hexadecimal digits. They change with the code of any module in the closure, and with
        any data file (``DATA_SUFFIXES``) that lies in the same folder as one of these modules.

    Raises
    ------
    ResultError
        Where a name is no module of the package.

    Notes
    -----
    Imports inside functions count, and so does a string that is exactly a module's dotted name
    (``import_module("deplib.models.ldbm")``). A name put together at run time is not seen.
    """
    closure = imported_modules(*modules, root=root)
    closure = {name: path for name, path in closure.items() if name not in without}
    sources = {name: _scan(path.read_text(encoding="utf-8")).code for name, path in closure.items()}
    folders = {path.parent for path in closure.values()}
    data = {
        path.relative_to(root).as_posix(): file_digest(path)
        for folder in folders
        for path in folder.iterdir()
        if path.suffix in DATA_SUFFIXES and path.is_file()
    }
    return digest({"sources": sources, "data": data})


def imported_modules(*modules: str, root: Path = PACKAGE) -> dict[str, Path]:
    """Return the named modules and all modules of the package that they import, by name.

    Raises
    ------
    ResultError
        Where a name is no module of the package.
    """
    found: dict[str, Path] = {}
    for name in modules:
        if module_path(name, root) is None:
            raise ResultError(f"no module {name} under {root}: name one that exists")
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = module_path(name, root)
        if path is None or name in found:
            continue
        found[name] = path
        if "." in name:  # importing a.b.c runs a and a.b first
            waiting.append(name.rpartition(".")[0])
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        waiting += [
            _absolute(target, package) for target in _scan(path.read_text(encoding="utf-8")).imports
        ]
    return dict(sorted(found.items()))


def module_path(name: str, root: Path = PACKAGE) -> Path | None:
    """Return the file of a module of the package, or None where the name is no such module."""
    package, *parts = name.split(".")
    if package != root.name:
        return None
    base = root.joinpath(*parts)
    candidates = (base / "__init__.py", *([base.with_suffix(".py")] if parts else []))
    return next((path for path in candidates if path.is_file()), None)


def imports_of(source: str) -> frozenset[str]:
    """Return the dotted names that Python source imports; relative ones keep their dots.

    ``from a import b`` gives both ``a`` and ``a.b``, since ``b`` may be a module. A string
    constant that reads as a dotted module name is given too.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            stem = "." * node.level + (node.module or "")
            joint = "" if stem.endswith(".") else "."
            names.add(stem)
            names.update(f"{stem}{joint}{alias.name}" for alias in node.names)
        elif _is_text(node) and _MODULE_NAME.fullmatch(node.value):
            names.add(node.value.partition(":")[0])
    return frozenset(names)


def bare_code(source: str) -> str:
    """Return Python source without comments, docstrings, blank lines and trailing spaces.

    The parser only finds the spans to cut and the text that remains is kept as written, so the
    result is the same on every Python that can parse the source.
    """
    lines = source.split("\n")
    tree = ast.parse(source)
    kept_whole: set[int] = set()  # lines in which white space belongs to a string
    cuts: list[tuple[int, int, int, int]] = []
    for node in _outside_f_strings(tree):
        if isinstance(node, ast.Expr) and _is_text(node.value):
            text = node.value
            start = len(lines[text.lineno - 1].encode()[: text.col_offset].decode())
            stop = len(lines[text.end_lineno - 1].encode()[: text.end_col_offset].decode())
            cuts.append((text.lineno, start, text.end_lineno, stop))
        elif _is_text(node) or isinstance(node, ast.JoinedStr):
            kept_whole.update(range(node.lineno, node.end_lineno or node.lineno))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            cuts.append((*token.start, *token.end))
    for first, start, last, stop in sorted(cuts, reverse=True):
        tail = lines[last - 1][stop:]
        lines[first - 1] = (lines[first - 1][:start] + tail).rstrip()
        lines[first:last] = [""] * (last - first)
    kept = (line if number in kept_whole else line.rstrip() for number, line in enumerate(lines, 1))
    return "\n".join(line for number, line in enumerate(kept, 1) if line or number in kept_whole)


class _Text(ast.Constant):
    value: str
    end_lineno: int
    end_col_offset: int


@dataclasses.dataclass(frozen=True)
class _Source:
    code: str
    imports: frozenset[str]


@lru_cache(maxsize=256)
def _scan(text: str) -> _Source:
    code = bare_code(text)
    return _Source(hashlib.sha256(code.encode()).hexdigest(), imports_of(text))


def _absolute(name: str, package: str) -> str:
    bare = name.lstrip(".")
    dots = len(name) - len(bare)
    if dots == 0:
        return name
    parents = package.split(".")
    return ".".join([*parents[: len(parents) - dots + 1], *([bare] if bare else [])])


def _is_text(node: ast.AST) -> TypeGuard["_Text"]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _outside_f_strings(tree: ast.AST) -> list[ast.AST]:
    """Walk a tree, but neither into docstrings nor into f-strings.

    Positions inside an f-string differ between versions of Python.
    """
    found, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        found.append(node)
        docstring = isinstance(node, ast.Expr) and _is_text(node.value)
        if not (docstring or isinstance(node, ast.JoinedStr)):
            waiting.extend(ast.iter_child_nodes(node))
    return found


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"dataclass": type(value).__name__, "fields": fields}
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a dict has keys that are no strings")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0:  # a NumPy scalar
        return value.item()
    return value
