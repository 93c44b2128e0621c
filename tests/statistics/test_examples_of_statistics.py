import doctest
import importlib
import pkgutil

import deplib.statistics


def test_examples_in_the_docstrings():
    names = [module.name for module in pkgutil.iter_modules(deplib.statistics.__path__)]
    results = [
        doctest.testmod(importlib.import_module(f"deplib.statistics.{name}")) for name in names
    ]
    assert sum(result.attempted for result in results) >= 20
    assert sum(result.failed for result in results) == 0
