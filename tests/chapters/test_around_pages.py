"""The pages around the report: in the table of contents, complete, and used."""

import json
import re
from pathlib import Path

import pytest
import yaml

from deplib.literature import bias

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "book"
PART = "Around the report"
PAGES = {
    "20_did_not_work",
    "21_ethics",
    "23_cohort_card",
    "24_model_cards",
    "glossary",
    "notation",
    "api",
    "citing",
    "licences",
    "contributing",
    "changelog",
    "one_page",
    "references",
}


def toc_part() -> list[dict]:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    return next(part["chapters"] for part in toc["parts"] if part["caption"] == PART)


def texts() -> dict[str, str]:
    files = [*(ROOT / "notebooks").glob("*.py"), *BOOK.glob("*.md")]
    return {path.stem: path.read_text() for path in files}


def terms() -> list[str]:
    block = re.search(r"```\{glossary\}\n(.*?)```", texts()["glossary"], re.DOTALL)
    assert block
    return re.findall(r"^(\S.*)$", block[1], re.MULTILINE)


def test_every_page_is_in_the_table_of_contents() -> None:
    assert {entry["file"] for entry in toc_part()} >= PAGES
    for page in PAGES:
        assert (BOOK / f"{page}.md").is_file() or (ROOT / "notebooks" / f"{page}.py").is_file()


def test_terms_of_the_glossary_are_unique_sorted_and_used() -> None:
    found = [term.strip("`") for term in terms()]
    lowered = [term.lower() for term in found]
    assert lowered == sorted(set(lowered))
    others = "\n".join(text for name, text in texts().items() if name != "glossary").lower()
    unused = [term for term in lowered if not re.search(rf"\b{re.escape(term)}", others)]
    assert not unused


def test_terms_that_pages_refer_to_exist() -> None:
    known = {term.strip("`").lower() for term in terms()}
    asked = set()
    for text in texts().values():
        text = re.sub(r"\n# ?", " ", text)
        for target in re.findall(r"\{term\}`([^`]+)`", text):
            inner = re.search(r"<([^>]+)>", target)
            asked.add(" ".join((inner[1] if inner else target).split()).lower())
    assert asked
    assert asked <= known


def test_every_citation_of_these_pages_is_in_the_bibliography() -> None:
    keys = set(re.findall(r"^@\w+\{([^,]+),", (BOOK / "references.bib").read_text(), re.MULTILINE))
    for name in PAGES & set(texts()):
        for group in re.findall(r"\{cite\}`([^`]+)`", texts()[name]):
            assert set(group.replace("\n# ", "").split(",")) <= keys, name
    assert bias.RFW_KEY in keys


@pytest.mark.parametrize("file", ["CONTRIBUTING.md", "CHANGELOG.md"])
def test_pages_that_include_a_file_name_it(file: str) -> None:
    assert f"```{{include}} ../{file}\n" in texts()[file[:-3].lower()]
    assert (ROOT / file).read_text().startswith("# ")


def test_the_page_of_licences_names_every_licence_and_what_is_not_here() -> None:
    text = texts()["licences"]
    for word in ("MIT", "CC BY 4.0", "LICENSE-TEXT", "AVEC2014", "w600k_r50", "{deplib-vendored}"):
        assert word in text
    legal = "https://creativecommons.org/licenses/by/4.0/legalcode"
    assert legal in text
    assert legal in (ROOT / "LICENSE-TEXT").read_text()


def test_the_pages_ship_no_file_of_another_project_outside_the_listed_folders() -> None:
    listed = json.loads((BOOK / "_static" / "vendor" / "vendored.json").read_text())
    for path in (BOOK / "_static" / "vendor").rglob("*"):
        if path.is_file() and path.name != "vendored.json":
            assert path.parent.name in listed


def test_the_page_on_ethics_says_what_must_not_be_done() -> None:
    text = texts()["21_ethics"].lower()
    for word in ("diagnos", "suicid", "consent", "seek professional help", "personal data"):
        assert word in text
