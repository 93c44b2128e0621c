"""LaTeX as MathML, which browsers draw and screen readers read without a script.

`latex2mathml` converts; what it leaves to wish for is mended here: words set in letters, names of
functions without a space, signs that are no operators.
"""

import re
import unicodedata
from html import unescape
from xml.etree import ElementTree as ET

from latex2mathml.converter import convert_to_element

from deplib.errors import SiteError

THIN = "0.167em"
"""TeX's space around the name of a function."""
_IDENTIFIERS = "∞∅"
_PARTS = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2}
_PARTS |= {"msubsup": 3, "munderover": 3}
_SIGNS = set("+−±")
_CLOSING = set(")]}|⌉⌋⟩!")


def mathml(latex: str, *, block: bool = False) -> str:
    """Return a formula as a ``math`` element.

    Parameters
    ----------
    latex : str
        The formula without its dollar signs.
    block : bool
        Whether it stands on a line of its own.

    Raises
    ------
    SiteError
        Where the formula has a command that is not known, or does not close what it opens.
    """
    source = " ".join(latex.split())
    plain = source.replace(r"\\", "").replace(r"\{", "").replace(r"\}", "")
    if plain.count("{") != plain.count("}"):
        raise SiteError(f"{source!r} is no formula: its braces do not match")
    try:
        math = convert_to_element(_prepared(source), display="block" if block else "inline")
    except Exception as error:  # the library raises what its parser happens to meet
        raise SiteError(f"{source!r} is no formula: {error!r}") from error
    for one in math.iter():
        one.text = unescape(one.text or "")
        if reason := _unknown(one):
            raise SiteError(f"{source!r} cannot be written as MathML: {reason}")
    math.set("alttext", source)
    _mend(math)
    return ET.tostring(math, encoding="unicode")


def _prepared(source: str) -> str:
    """Write environments as the library knows them without numbers, and single letters upright."""
    source = re.sub(r"\\mathrm\{(\w)\}", r"\\text{\1}", source)
    source = re.sub(r"(\\(?:begin|end))\{(?:align|aligned|split)\}", r"\1{align*}", source)
    several = r"\\" in source and r"\begin" not in source
    return rf"\begin{{align*}}{source}\end{{align*}}" if several else source


def _unknown(one: ET.Element) -> str:
    """Say what the library has passed on without knowing it."""
    if "\\" in (one.text or "") or one.text == "&" or (one.tag == "mo" and not one.text):
        return f"it does not know {one.text or 'an operator'}"
    if len(one) != _PARTS.get(one.tag, len(one)):
        return f"a part of an {one.tag} is missing"
    if one.get("mathvariant", "normal") != "normal":
        return f"browsers draw no {one.get('mathvariant')} {one.text}"
    return ""


def _mend(parent: ET.Element) -> None:
    for child in parent:
        _mend(child)
    _name_signs(parent)
    if parent.tag in {"math", "mrow", "mstyle", "mtd"}:  # whose children stand in a row
        _space_functions(parent)
    if parent.tag == "mrow":
        _join_words(parent)


def _name_signs(parent: ET.Element) -> None:
    """Call operators what are operators, and a minus a sign where it is one."""
    before: ET.Element | None = None
    for child in parent:
        text = child.text or ""
        if child.tag in {"mi", "mo"} and len(text) == 1:
            if text in _IDENTIFIERS:
                child.tag = "mi"
            elif text in "⌈⌊⌉⌋" or (unicodedata.category(text) == "Sm" and text not in "∂∇"):
                child.tag = "mo"
        follows = before is not None and before.tag == "mo" and before.text not in _CLOSING
        if child.tag == "mo" and text in _SIGNS and follows:
            child.set("form", "prefix")
        if child.tag != "mspace":
            before = child


def _space_functions(parent: ET.Element) -> None:
    children = list(parent)
    for index in reversed(range(len(children))):
        if not _is_function(children[index]):
            continue
        after = children[index + 1] if index + 1 < len(children) else None
        before = children[index - 1] if index else None
        if after is not None and after.tag not in {"mo", "mspace"}:
            parent.insert(index + 1, ET.Element("mspace", {"width": THIN}))
        if before is not None and before.tag not in {"mo", "mspace"}:
            parent.insert(index, ET.Element("mspace", {"width": THIN}))


def _is_function(element: ET.Element) -> bool:
    if element.tag in {"msub", "msup", "msubsup", "munder", "munderover"}:
        element = element[0]
    text = element.text or ""
    return element.tag == "mi" and len(text) > 1 and text.isalpha() and not element.attrib


def _join_words(row: ET.Element) -> None:
    """Make one identifier of upright letters in a row: a word, for eyes and for screen readers."""
    previous: ET.Element | None = None
    for child in list(row):
        upright = child.tag == "mi" and child.get("mathvariant") == "normal"
        if upright and previous is not None:
            previous.text = (previous.text or "") + (child.text or "")
            previous.attrib.pop("mathvariant", None)  # longer than a letter is upright of itself
            row.remove(child)
        else:
            previous = child if upright else None
