"""Pictures of the pages: fetched when they come near, with their size, legible on a phone."""

from collections.abc import Callable
from pathlib import Path

import imagesize
from bs4 import BeautifulSoup, Tag

from deplib.site.scrolling import scrolls


def mend(page: BeautifulSoup, picture: Callable[[str], Path | None]) -> None:
    """Let pictures load late, keep their place, and scroll where the page is too narrow.

    A figure is drawn for the width of a page of text. Shrunk to that of a phone its labels are
    illegible, so the style sheet stops the shrinking, which needs the width that is set here.
    """
    for image in page.select("img"):
        if "logo__image" not in image.get_attribute_list("class"):  # in sight from the start
            image["loading"] = "lazy"
        file = picture(str(image["src"]).rpartition("/")[2])
        if file is None or image.has_attr("width") or image.has_attr("style"):
            continue  # the theme's, or one whose size the text sets
        width, height = imagesize.get(file)
        if width > 0 and height > 0:
            image["width"], image["height"] = str(width), str(height)
            if image.find_parent("figure"):
                image["style"] = f"--width:{width}px"
                scrolls(page, _linked(image), "Figure")


def _linked(image: Tag) -> Tag:
    parent = image.parent
    return parent if parent is not None and parent.name == "a" else image
