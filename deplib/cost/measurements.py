"""Measurements of one machine as one keyed JSON file: written whole, refused when stale."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from deplib import versioned
from deplib.errors import ResultError

FORMAT = 1
Read = TypeVar("Read")


def write(path: Path, content: Mapping[str, Any], *, key: str) -> None:
    """Write measurements with the key of the code that was measured, whole or not at all.

    Parameters
    ----------
    path
        Where the file goes; its folder is made.
    content
        JSON types, mappings, and tables, which are written a row at a time.
    key
        Of the present code.

    Raises
    ------
    ResultError
        If the file cannot be written.
    """
    plain = {
        name: json.loads(value.to_json(orient="records"))
        if isinstance(value, pd.DataFrame)
        else dict(value)
        for name, value in content.items()
    }
    versioned.write_json(path, {"format": FORMAT, "key": key, **plain})


def read(
    path: Path,
    parse: Callable[[dict[str, Any]], Read],
    *,
    key: str,
    code: str,
    remedy: str,
) -> Read:
    """Read measurements and check that they are of the present code.

    Parameters
    ----------
    path
        The file.
    parse
        Makes of its content what is returned; may raise ValueError, KeyError or TypeError.
    key
        Of the present code.
    code, remedy
        What gives that key, and what to run, for the messages.

    Raises
    ------
    ResultError
        If the file is missing or damaged, or other code was measured.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}, this library reads {FORMAT}")
        theirs, measured = content["key"], parse(content)
    except FileNotFoundError:
        raise ResultError(f"{path} does not exist; {remedy}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultError(f"{path} is no whole file of measurements ({error}); {remedy}") from error
    if theirs != key:
        raise ResultError(
            f"{path} is stale: its key begins {theirs[:12]}, and the present {code} "
            f"{key[:12]}; {remedy}"
        )
    return measured
