import pandas as pd

from deplib.report import badge, badge_of_published, say, table


def test_no_line_ends_within_an_interval() -> None:
    cells = ["9.61 ± 0.05 (7.41 to 12.72)", "-0.44 [-1.08, 0.16]", "3 to 9", "a mean to take"]
    html = table(pd.DataFrame({"cell": cells})).data
    assert "9.61&nbsp;±&nbsp;0.05 (7.41&nbsp;to&nbsp;12.72)" in html  # only between the two
    assert "-0.44 [-1.08,&nbsp;0.16]" in html
    assert "3&nbsp;to&nbsp;9" in html
    assert "a mean to take" in html


def test_a_table_rounds_names_what_is_undefined_and_escapes() -> None:
    html = table(pd.DataFrame({"test_mae": [1.23456, float("nan")], "x": ["<b>", "y"]})).data
    assert "test mae" in html
    assert "1.23<" in html
    assert "undefined" in html
    assert "&lt;b&gt;" in html


def test_prose_has_no_line_breaks_of_the_code() -> None:
    assert say("one\n    two").data == "one two"


def test_every_badge_says_first_whose_numbers_follow() -> None:
    assert badge("null").data.startswith("> **Simulated cohort (null).**")
    assert badge_of_published().data.startswith("> **Published figures.**")
