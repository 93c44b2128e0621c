"""The key of all that is computed before the chapters: by which a server keeps it for later."""

from pathlib import Path

from deplib.extraction.encoders.encoder import embedded_encoder
from deplib.provenance import digest, file_digest, source_digest
from deplib.study.features import open_cohort
from deplib.study.grid import live_specs
from deplib.study.keys import run_key

MAKERS = ("deplib.study.completion",)
"""Modules that extract, verify and train; all that they import counts, too."""


def input_key(root: Path) -> str:
    """Return the hash of all that `deplib run` computes its features and models from.

    Keys of runs leave out code that only carries features, since these are compared with the
    versioned ones when they are made. Features that come from a cache were not made here, so this
    key covers that code as well, and the packages.

    Parameters
    ----------
    root
        The repository, with ``requirements.lock``.

    Returns
    -------
    str
        64 hexadecimal digits; comments, docstrings and the text of chapters change none of them.
    """
    encoder = embedded_encoder()
    runs = {
        spec.path.as_posix(): run_key(spec, open_cohort(spec.world), encoder)
        for spec in live_specs()
    }
    return digest(
        {
            "runs": runs,
            "source": source_digest(*MAKERS),
            "lock": file_digest(root / "requirements.lock"),
        }
    )
