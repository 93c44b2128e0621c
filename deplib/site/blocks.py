"""Blocks that code fills: a fence such as ``{deplib-room}`` becomes the text that it stands for.

What a page says twice would drift; so the reference, the forms of the citation and the table of
licences have one source each, and a page holds a fence in their place.
"""

import re
from collections.abc import Callable, Mapping

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

from deplib.site import citation, licences, reference

BLOCKS: Mapping[str, Callable[[str], str]] = {
    "room": reference.page_of,
    "rooms": lambda argument: reference.overview(),
    "citation": citation.block,
    "vendored": lambda argument: licences.vendored_table(),
}
"""What stands after ``deplib-`` -> the MyST text for the fence's argument."""

_FENCE = re.compile(r"^```\{deplib-([a-z]+)\}[ \t]*(\S*)\n```$", re.MULTILINE)


def fill(text: str) -> str:
    """Return a page with every fence filled.

    Raises
    ------
    ExtensionError
        If there is no such block.
    """
    return _FENCE.sub(lambda match: _text(match[1], match[2]), text)


def expand(app: Sphinx, docname: str, source: list[str]) -> None:
    """Fill the fences of a page as it is read, and remember what they were filled with."""
    fences = _FENCE.findall(source[0])
    if fences:
        _filled(app.env)[docname] = {fence: _text(*fence) for fence in fences}
        source[0] = fill(source[0])


def outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Name the pages whose fences would be filled with something else now."""
    return [
        name
        for name, fences in _filled(env).items()
        if any(_text(*fence) != text for fence, text in fences.items())
    ]


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("source-read", expand)
    app.connect("env-get-outdated", outdated)


def _text(kind: str, argument: str) -> str:
    if kind not in BLOCKS:
        raise ExtensionError(f"no block deplib-{kind}: there are {', '.join(BLOCKS)}")
    return BLOCKS[kind](argument)


def _filled(env: BuildEnvironment) -> dict[str, dict[tuple[str, str], str]]:
    """Return the fences of every page with their text; kept with the environment."""
    if not hasattr(env, "deplib_blocks"):
        env.deplib_blocks = {}  # type: ignore[attr-defined]
    return env.deplib_blocks  # type: ignore[attr-defined]
