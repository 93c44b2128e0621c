"""The hands that every page passes through, on small pages."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from deplib.report import badge, badge_of_measurements, badge_of_published
from deplib.site.rendered import mended
from deplib.site.tables import leading_number

PAGE = (
    "<html><head>{head}</head><body><main><article><h1>T</h1>{text}</article></main></body></html>"
)


def page(text: str = "", head: str = "", files: dict[str, Path] | None = None) -> BeautifulSoup:
    mend = mended(PAGE.format(head=head, text=text), (files or {}).get)
    return BeautifulSoup(mend, "html.parser")


def badges(text: str) -> list[str]:
    found = page(text).select("h1 + p.numbers .badge-of-numbers")
    assert [one["data-kind"] for one in found] == [one.get_text() for one in found]
    return [one.get_text() for one in found]


def test_a_page_has_the_badges_of_its_notes_each_once() -> None:
    published, measured = badge_of_published().data, badge_of_measurements().data
    assert badges(published) == ["published figures"]
    assert badges(measured + published + measured) == ["measured code", "published figures"]
    assert badges("<p>simulated cohort</p>") == ["no results"]


@pytest.mark.parametrize(
    ("simulated", "name", "kind"),
    [(True, "simulated/default", "simulated cohort"), (False, "AVEC2014", "AVEC2014")],
)
def test_the_badge_of_a_cohort_says_whether_it_is_simulated(
    simulated: bool, name: str, kind: str
) -> None:
    cohort = SimpleNamespace(simulated=simulated, name=name)
    assert badges(badge(cohort).data) == [kind]  # type: ignore[arg-type]


def table(rows: list[list[str]], heads: str = "<th>a</th><th>b</th>") -> str:
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def test_a_long_table_has_buttons_and_numbers_to_sort_by() -> None:
    cells = ["+0.44 (-0.21 to +1.08)", "9.44 ± 0.12 (9.2 to 9.7)", "1,200", "undefined", "14 %"]
    cells += ["-3", "131K", "<b>2.5</b>", "n/a"]
    mend = page(table([["name", cell] for cell in cells])).select_one("table")
    assert mend is not None
    assert mend["class"] == ["sortable", "asc", "n-last"]
    assert [one.get_text() for one in mend.select("th[scope=col] > button")] == ["a", "b"]
    second = [row.select("td")[1] for row in mend.select("tbody tr")]
    assert [cell["data-sort"] for cell in second] == [
        *("0.44", "9.44", "1200", "", "14", "-3", "131e3", "2.5", "")
    ]
    assert not mend.select("td:first-child[data-sort]")  # words are sorted as words


def test_short_tables_and_those_with_cells_across_are_left_in_their_order() -> None:
    assert not page(table([["x", "1"]] * 8)).select("button")
    across = table([["x", "1"]] * 9, '<th colspan="2">both</th>')
    assert not page(across).select("button")
    assert page(across).select('th[scope="colgroup"]')


def test_an_empty_head_is_no_head_and_tables_scroll() -> None:
    mend = page(table([["x", "1"]], "<th></th><th>b</th>"))
    assert [one.name for one in mend.select("thead tr > *")] == ["td", "th"]
    assert mend.select('div.scrolls[role="group"][aria-label="Table"] > table')


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *[("−0.5", "-0.5"), ("< 0.001", "0.001"), ("3 of 10", "3"), ("1.2M", "1.2e6")],
        *[("5 MB", "5"), ("2D", ""), ("x 3", ""), ("2026-07-27", ""), ("-", "")],
    ],
)
def test_the_leading_number_of_a_cell(text: str, number: str) -> None:
    assert leading_number(text) == number


def test_pictures_are_fetched_late_keep_their_place_and_scroll_in_figures(tmp_path: Path) -> None:
    Image.new("RGB", (770, 300)).save(tmp_path / "a.png")
    text = '<figure><a href="x"><img src="_images/a.png" alt="a"></a></figure><img src="b.png">'
    mend = page(text, files={"a.png": tmp_path / "a.png"})
    first, second = mend.select("img")
    assert (first["width"], first["height"], first["loading"]) == ("770", "300", "lazy")
    assert mend.select("figure > div.scrolls > a > img")
    assert first["style"] == "--width:770px"
    assert second["loading"] == "lazy"
    assert not second.has_attr("width")


def test_heavy_and_invalid_parts_of_the_theme_are_mended() -> None:
    mend = page(
        '<details class="hide"><summary aria-label="Toggle"><p class="collapsed">Show</p>'
        '</summary></details><i class="fab fa-github"></i>'
        '<div role="list"><div role="doc-biblioentry">x</div></div>'
        '<input id="search-input"><input id="search-input">'
        '<li class="has-children"><a>All</a><details><summary><i></i></summary></details></li>'
        '<dl><dd class="field-odd"><p><ul><li>x</li></ul></p></dd></dl>',
        '<meta name="viewport" content="a"><meta name="viewport" content="b">'
        '<script src="vendor/fontawesome/all.js"></script><script src="own.js"></script>',
    )
    assert [one["src"] for one in mend.select("script")] == ["own.js"]
    assert len(mend.select("meta")) == 1
    assert str(mend.select_one("summary")) == (
        '<summary><span class="collapsed">Show</span></summary>'
    )
    assert mend.select('[role="list"] > [role="listitem"]')
    assert not mend.select(".fab")
    assert mend.select("dd > ul")
    assert mend.select('li.has-children summary[aria-label="Pages of All"]')
    assert len({one["id"] for one in mend.select("input")}) == 2


def test_what_needs_no_mending_stays_as_it_is() -> None:
    text = '<pre>a &lt; b\n  c</pre><script>document.write(`<img src="x">`)</script>&nbsp;é'
    assert "<pre>a &lt; b\n  c</pre>" in mended(PAGE.format(head="", text=text), lambda name: None)
    assert 'document.write(`<img src="x">`)' in mended(
        PAGE.format(head="", text=text), lambda name: None
    )
