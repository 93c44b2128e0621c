"""Every example of a docstring gives what it says."""

import doctest
import importlib
import pkgutil

import deplib


def test_examples_in_the_docstrings() -> None:
    found = pkgutil.walk_packages(deplib.__path__, "deplib.")
    names = [one.name for one in found if not one.name.endswith("__main__")]
    results = [doctest.testmod(importlib.import_module(name)) for name in names]
    assert sum(result.attempted for result in results) > 30
    assert sum(result.failed for result in results) == 0
