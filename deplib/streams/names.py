"""The streams that a run may see, by name: their widths, and how several are written as one."""

from deplib.errors import CohortError

WIDTHS = {"identity": 512, "affect": 512, "random": 512, "action": 29, "pulse": 23}
"""Numbers a frame of each stream: embeddings of three encoders, facial action, pulse."""
ENCODED = ("identity", "affect", "random")
"""Streams that a face encoder makes and a feature store holds; their rows have unit length."""
SEPARATOR = "+"


def parse(features: str) -> tuple[str, ...]:
    """Return the names of the streams that are joined by ``+``, in their order.

    Raises
    ------
    CohortError
        If a name is unknown or occurs twice.

    Examples
    --------
    >>> parse("identity+action")
    ('identity', 'action')
    """
    names = tuple(features.split(SEPARATOR))
    for name in names:
        if name not in WIDTHS:
            raise CohortError(
                f"no stream is named {name!r} in {features!r}: join some of {', '.join(WIDTHS)} "
                f"by {SEPARATOR!r}, without spaces"
            )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CohortError(f"stream {twice[0]!r} occurs twice in {features!r}: name it once")
    return names


def width_of(features: str) -> int:
    """Return the numbers a frame of some streams joined: several bring a presence row each.

    Raises
    ------
    CohortError
        As ``parse``.

    Examples
    --------
    >>> width_of("action"), width_of("identity+action")
    (29, 543)
    """
    names = parse(features)
    presence = len(names) if len(names) > 1 else 0
    return sum(WIDTHS[name] for name in names) + presence
