"""Label files: one BDI-II score each, which no message repeats."""

import re
from pathlib import Path

from deplib.cohorts.base import BANDS
from deplib.errors import CohortError

BDI_MAX = BANDS[-1][-1]
_WHOLE_NUMBER = re.compile(r"[0-9]{1,3}(\.0*)?")
_MAX_BYTES = 256


def read_label(file: Path) -> float:
    """Read the one number of a label file, BDI-II points from 0 to 63.

    Raises
    ------
    CohortError
        If the file cannot be read, or holds anything but one whole number of the scale. The
        message neither names the file, whose place the report states, nor its content.
    """
    try:
        with open(file, "rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise CohortError(f"the label file cannot be read ({error.strerror})") from error
    text = content.decode("utf-8-sig", errors="replace").strip()
    if not text:
        raise CohortError("the label file is empty")
    if len(content) > _MAX_BYTES or not _WHOLE_NUMBER.fullmatch(text):
        raise CohortError(
            "the label file does not hold one whole number: digits only, without sign, exponent, "
            "decimal comma or heading"
        )
    if float(text) > BDI_MAX:
        raise CohortError(f"the label is above {BDI_MAX}, where the BDI-II ends")
    return float(text)
