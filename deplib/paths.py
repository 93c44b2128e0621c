"""Where extracted features and other large, reproducible files live."""

import os
from pathlib import Path

import platformdirs

VARIABLE = "DEPLIB_DATA"


def data_root() -> Path:
    """Return the folder for large, reproducible files; it need not exist yet.

    Returns
    -------
    Path
        The environment variable ``DEPLIB_DATA`` where it is set and not empty, else the user's
        cache folder of the operating system.
    """
    chosen = os.environ.get(VARIABLE, "").strip()
    if chosen:
        return Path(chosen).expanduser().absolute()
    return Path(platformdirs.user_cache_dir("deplib", appauthor=False))
