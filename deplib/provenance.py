"""What a result was made from, as digests: settings, source code, and files.

A result's key must change when code that can change the result does, and only then. So the
digest of a module covers every module of the package that it imports, directly or not, and
leaves out comment lines, docstrings and blank lines. Imports are read from the source, never
executed.
"""

import ast
import hashlib
import importlib.util
import json
import re
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from deplib.errors import ResultError

PACKAGE = Path(__file__).resolve().parent
"""The package whose source is digested unless told otherwise."""
DATA_SUFFIXES = frozenset({".json", ".onnx"})
"""Files that are shipped with the package and count as part of the code beside them."""
NO_NUMBERS = ("deplib", "deplib.errors", "deplib.protocol")
"""Modules that no number depends on beyond what a key names itself: version, messages, settings."""
_MODULE_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+(:\w+)?")


def digest(value: Any) -> str:
    """Return the SHA-256 of a value as JSON; the order of keys plays no part.

    Raises
    ------
    TypeError, ValueError
        Where the value is no JSON, or holds a number that is not finite.

    Examples
    --------
    >>> digest({"seed": 0, "model": "ldbm"}) == digest({"model": "ldbm", "seed": 0})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes; a `ResultError` names a file that cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        why = f"{error.strerror}; make it, or take it off the list"
        raise ResultError(f"cannot read {path}: {why}") from error


def source_digest(*modules: str, without: Collection[str] = (), root: Path = PACKAGE) -> str:
    """Return the SHA-256 of modules, of all they import from their package, and of shipped data.

    Parameters
    ----------
    *modules
        Dotted names, such as ``"deplib.windows"``.
    without
        Modules of the closure whose source does not count, such as ``NO_NUMBERS``.
    root
        The package's folder; its name is the package's name.

    Raises
    ------
    ResultError
        Where a name is no module of the package.

    Notes
    -----
    Imports inside functions count, and so does a string that is exactly a module's dotted name.
    Data files (``DATA_SUFFIXES``) count where they lie beside a module of the closure.
    """
    found = imported_modules(*modules, root=root)
    closure = {name: path for name, path in found.items() if name not in without}
    sources = {name: bare_code(path.read_text(encoding="utf-8")) for name, path in closure.items()}
    beside = {file for path in closure.values() for file in path.parent.iterdir()}
    data = {file for file in beside if file.suffix in DATA_SUFFIXES and file.is_file()}
    shipped = {file.relative_to(root).as_posix(): file_digest(file) for file in data}
    return digest({"sources": sources, "data": shipped})


def imported_modules(*modules: str, root: Path = PACKAGE) -> dict[str, Path]:
    """Return the named modules and all that they import from the package, by name."""
    for name in modules:
        if module_path(name, root) is None:
            raise ResultError(f"no module {name} under {root}: name one that exists")
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = module_path(name, root)
        if path is None or name in found:
            continue
        found[name] = path
        parent = name.rpartition(".")[0]  # importing a.b.c runs a and a.b first
        package = name if path.name == "__init__.py" else parent
        imports = imports_of(path.read_text(encoding="utf-8"))
        resolved = (importlib.util.resolve_name(one, package) for one in imports)
        waiting += [*filter(None, [parent]), *resolved]
    return dict(sorted(found.items()))


def module_path(name: str, root: Path = PACKAGE) -> Path | None:
    """Return the file of a module of the package, or None where the name is no such module."""
    base = root.parent.joinpath(*name.split("."))
    candidates = (base / "__init__.py", base.with_name(f"{base.name}.py"))
    return next((one for one in candidates if one.is_relative_to(root) and one.is_file()), None)


@cache
def imports_of(source: str) -> frozenset[str]:
    """Return the dotted names that source imports; of ``from a import b`` both ``a`` and ``a.b``.

    A string constant that reads as a dotted module name is given too.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a cell that is no Python, which its execution will say
        return frozenset()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            stem = "." * node.level + (node.module or "")
            names.add(stem)
            joint = "" if stem.endswith(".") else "."
            names.update(f"{stem}{joint}{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and _MODULE_NAME.fullmatch(str(node.value)):
            names.add(str(node.value).partition(":")[0])
    return frozenset(names)


@cache
def bare_code(text: str) -> str:
    """Return source without docstrings, comment lines and blank lines, the rest as written."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        value = node.value if isinstance(node, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            first, last = value.lineno, value.end_lineno or value.lineno
            lines[first - 1 : last] = [""] * (last - first + 1)
    kept = (line.rstrip() for line in lines if not line.lstrip().startswith("#"))
    return "\n".join(line for line in kept if line)
