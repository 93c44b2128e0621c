"""Exported models that the tests of a room share."""

import pytest
from exporting import card_for, make

from deplib.deploy import export


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Path of a model's float32 file, written when first asked for, compared at two lengths."""
    folder = tmp_path_factory.mktemp("exported")

    def path(name):
        if not (file := folder / f"{name}.onnx").exists():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(export, "LENGTHS", (2, 64))
                export.export_model(make(name), file, card_for(make(name)))
        return file

    return path
