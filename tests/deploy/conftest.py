"""Exported models that the tests of a room share."""

import pytest
from exporting import write


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Path of a model's float32 file, written when it is first asked for."""
    folder = tmp_path_factory.mktemp("exported")

    def path(name):
        if not (file := folder / f"{name}.onnx").exists():
            write(name, file)
        return file

    return path
