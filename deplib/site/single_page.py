"""The whole report on one page, for printing: the finished pages joined, without any script.

It is made from the HTML that was just written, so it shows what the pages show. Anchors get the
name of their page in front, and every link within the report leads to a place on the same page.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

OUTPUT = "print/index.html"
"""Where it lies below the pages."""
LEFT_OUT = ("api/",)
"""Pages that nobody reads from end to end: links to them lead to the pages themselves."""
FURNITURE = "a.headerlink, button, script, style, .tooltip, input.sd-tab-input"
"""What has no use on paper."""
POINTERS = ("href", "for", "aria-labelledby", "aria-describedby", "aria-controls", "headers")
STYLE = """
body { display: block; padding: 0 1rem; }
main.bd-article { max-width: 60rem; margin: 0 auto; padding: 1rem 0; }
main section { max-width: 100%; overflow-x: auto; } main img { max-width: 100%; height: auto; }
@media print { main section { overflow: visible; } .toggle-button, summary { display: none; } }
main > section { break-before: page; } figure, table, .admonition { break-inside: avoid; }
main.bd-article a { color: #0b519c; } nav ol { columns: 2 16rem; column-gap: 3rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
"""


def documents(env: BuildEnvironment) -> list[str]:
    """Return the pages in the order of the table of contents."""

    def below(name: str) -> Iterator[str]:
        yield name
        for child in env.toctree_includes.get(name, []):
            yield from below(child)

    whole = dict.fromkeys(below(env.config.root_doc))
    return [name for name in whole if not name.startswith(LEFT_OUT)]


def join(folder: Path, titles: dict[str, str]) -> str:
    """Return the joined page.

    Parameters
    ----------
    folder : Path
        The finished pages.
    titles : dict
        Page -> its title, in the order of reading; the first one's head is taken over.

    Raises
    ------
    ExtensionError
        If a link leads to an anchor of the page that is not there.
    """
    names = list(titles)
    parts = {name: _article(folder, name, set(names)) for name in names}
    page = BeautifulSoup(_text(folder, names[0]), "html.parser")
    sheets = "".join(str(_moved(sheet)) for sheet in page.select("head link[rel=stylesheet]"))
    contents = "".join(f'<li><a href="#{_slug(n)}">{title}</a></li>' for n, title in titles.items())
    sections = "\n".join(f'<section id="{_slug(n)}">{part}</section>' for n, part in parts.items())
    text = (
        '<!DOCTYPE html>\n<html lang="en" data-theme="light" data-mode="light"><head>'
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{titles[names[0]]} (on one page)</title>{sheets}<style>{STYLE}</style></head>"
        f'<body><main class="bd-article"><nav aria-label="Contents"><ol>{contents}</ol></nav>\n'
        f"{sections}</main></body></html>\n"
    )
    _check(text)
    return text


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write the joined page once the pages are there, unless none has changed since."""
    if exception is not None or app.builder.name != "html":
        return
    folder, titles = Path(app.outdir), {}
    for name in documents(app.env):
        titles[name] = app.env.titles[name].astext()
    output = folder / OUTPUT
    newest = max((folder / f"{name}.html").stat().st_mtime for name in titles)
    if output.is_file() and output.stat().st_mtime > newest:
        return
    output.parent.mkdir(exist_ok=True)
    output.write_text(join(folder, titles), encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("build-finished", write, priority=900)  # after all that mends the pages


def _article(folder: Path, name: str, joined: set[str]) -> str:
    """Return what a page says, with its anchors and links as the joined page needs them."""
    article = BeautifulSoup(_text(folder, name), "html.parser").select_one("article")
    if article is None:
        raise ExtensionError(f"{name}.html has no article: the single page cannot be made of it")
    for one in article.select("table.sortable button"):
        one.unwrap()  # the words of a head stay
    for one in article.select(FURNITURE):
        one.decompose()
    for one in article.select(".scrolls"):
        one["tabindex"] = "0"  # the pages set it by a script where there is something to scroll
    for one in article.find_all(True):
        if "id" in one.attrs:
            one["id"] = f"{_slug(name)}--{one['id']}"
        for pointer in POINTERS[1:]:
            if pointer in one.attrs:
                value = one[pointer]
                words = value if isinstance(value, list) else value.split()
                one[pointer] = " ".join(f"{_slug(name)}--{word}" for word in words)
        if one.name == "img":
            one["loading"] = "lazy"
        _redirect(one, name, joined)
    return article.decode_contents()


def _redirect(one: Tag, name: str, joined: set[str]) -> None:
    """Point a link at its place on the joined page, or at the file it meant."""
    for attribute in ("href", "src", "data", "srcset"):
        target = one.attrs.get(attribute)
        if not isinstance(target, str) or re.match(r"[a-z][a-z+.-]*:|//", target):
            continue
        path, _, anchor = target.partition("#")
        file = _normal(PurePosixPath(name).parent / path) if path else f"{name}.html"
        page = file.removesuffix(".html")
        if file.endswith(".html") and page in joined:
            one[attribute] = f"#{_slug(page)}--{anchor}" if anchor else f"#{_slug(page)}"
        else:
            one[attribute] = f"../{file}" + (f"#{anchor}" if anchor else "")


def _moved(sheet: Tag) -> Tag:
    if not re.match(r"[a-z]+:|//", str(sheet["href"])):
        sheet["href"] = f"../{sheet['href']}"
    return sheet


def _check(text: str) -> None:
    anchors = set(re.findall(r'\sid="([^"]+)"', text))
    lost = sorted(set(re.findall(r'\shref="#([^"]*)"', text)) - anchors)
    if lost:
        raise ExtensionError(
            f"{len(lost)} links of the single page lead nowhere, such as #{lost[0]}: correct them "
            "on the page whose name stands before the double hyphen"
        )


def _normal(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _slug(name: str) -> str:
    return f"page-{name.replace('/', '-')}"


def _text(folder: Path, name: str) -> str:
    return (folder / f"{name}.html").read_text(encoding="utf-8")
