"""The reference of the library: pages of ``book/api/`` are filled from docstrings.

A page names its room; which modules that room has is read from the package when the book is
built, so that a new module is in the reference without anyone writing it there. The names in
signatures are links; a name of deplib that leads nowhere fails the build.
"""

import re
from itertools import groupby
from typing import Annotated, Any, get_args, get_origin

from numpy.typing import ArrayLike
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.ext import napoleon

from deplib.site.rooms import ROOMS, modules_of, room_on, summary_of

STYLE = napoleon.Config(
    napoleon_use_param=False,  # types in docstrings are prose, such as "(n_frames, 512)": no links
    napoleon_use_rtype=False,
    napoleon_custom_sections=[("Attributes", "params_style")],
)

ELSEWHERE = (
    "numpy|pandas|scipy|torch|matplotlib|sklearn|nbformat|onnx|onnxruntime|IPython|safetensors"
    "|sphinx|docutils|bs4|typer|cv2|joblib|numba"
    "|collections|concurrent|enum|fractions|os|pathlib|subprocess|types|typing"
)
"""Packages that signatures name. The build reads no inventory of another project, for it reads
nothing from the network, so these names stay without a link; names of deplib may not."""
UNLINKED = ("ArrayLike", "SafetensorError", "nn.Module", "Path", "deplib.cost.measurements.Read")
"""Names that have no page: those that are written without their package, and a type variable."""

BRIEF = ("deplib.chapters.", "deplib.cli.", "deplib.rehearsal.", "deplib.site.")
"""Modules of which the reference holds the first line alone: they serve the book or its commands,
and nobody calls them from elsewhere."""


def page_of(page: str) -> str:
    """Return the modules of a room, named by its page, as MyST: a section each, for autodoc."""
    names = modules_of(room_on(page))
    brief = [name for name in names if name.startswith(BRIEF)]
    parts = [
        f"## `{name}`\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n"
        "   :ignore-module-all:\n   :no-value:\n```\n"  # values hold paths of the machine
        for name in names
        if name not in brief
    ]
    if brief:
        rows = "\n".join(f"- `{name}`: {summary_of(name)}" for name in brief)
        parts.append(f"## In a line each\n\n{rows}\n")
    return "\n".join(parts)


def overview() -> str:
    """Return all rooms by stage of the data flow as MyST, a line a package or module."""
    lines = []
    for stage, rooms in groupby(ROOMS, key=lambda room: room.stage):
        lines.append(f"\n## {stage}\n")
        for room in rooms:
            named = [f"deplib.{module}" for module in room.modules]
            lines.append(f"{{doc}}`{room.title} <api/{room.page}>`")
            lines += [f": `{name}`: {summary_of(name)}" for name in named]
            lines.append("")
    return "\n".join(lines)


def numpydoc(
    app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]
) -> None:
    """Turn a numpydoc docstring into reStructuredText.

    Napoleon takes what precedes a colon in the docstring of a constant for its type, so constants
    and properties are given to it as methods.
    """
    plain = what in ("attribute", "data", "property")
    lines[:] = napoleon.NumpyDocstring(
        lines,
        STYLE,  # type: ignore[arg-type]  # napoleon means its own kind of Config
        app,
        "method" if plain else what,
        name,
        obj,
    ).lines()


def skip(
    app: Sphinx, what: str, name: str, obj: object, skipped: bool, options: Any
) -> bool | None:
    """Leave out methods that another package puts into a class of ours."""
    module = getattr(obj, "__module__", None) or ""
    return True if callable(obj) and module and not module.startswith("deplib") else None


def shorten(app: Sphinx, obj: Any, bound_method: bool) -> None:
    """Call ``ArrayLike`` by its name, not by the fourteen types that it joins; leave out notes.

    The note of an option of the command line shows where it lies in memory: never the same.
    """
    annotations = getattr(obj, "__annotations__", {})
    for name, annotation in list(annotations.items()):
        if annotation == ArrayLike:
            annotations[name] = "ArrayLike"
        elif get_origin(annotation) is Annotated:
            annotations[name] = get_args(annotation)[0]


def configure(app: Sphinx, config: Config) -> None:
    """Set what autodoc and the check of references need."""
    config.autodoc_member_order = "bysource"
    config.autodoc_preserve_defaults = True  # a default that is a path names this machine
    config.autodoc_type_aliases = {"ArrayLike": "ArrayLike"}  # short, see `shorten`
    config.toc_object_entries = False  # the table of contents of a page lists its modules
    config.nitpick_ignore_regex = [
        *config.nitpick_ignore_regex,
        ("py:.*", rf"({ELSEWHERE})\..*"),
        *(("py:.*", re.escape(name)) for name in UNLINKED),
    ]


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("config-inited", configure)
    app.connect("autodoc-process-docstring", numpydoc)
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-before-process-signature", shorten)
