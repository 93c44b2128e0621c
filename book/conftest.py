"""Make the plain ``pytest --nbval book/`` execute the chapters as `deplib.publish` does."""

import os
from pathlib import Path

import pytest

from deplib.paths import VARIABLE, data_root
from deplib.publish import KERNEL_ENVIRONMENT

collect_ignore_glob = ["_build/*"]


def pytest_configure(config: pytest.Config) -> None:
    """Give the kernels the environment and the interpreter that made the pages."""
    os.environ.update(KERNEL_ENVIRONMENT)
    os.environ[VARIABLE] = str(data_root())
    config.option.nbval_current_env = True
    config.option.nbval_sanitize_with = str(Path(__file__).with_name("nbval.cfg"))
