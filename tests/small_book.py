"""A small book in a temporary folder, in the layout of the real one."""

from pathlib import Path

HEADER = """\
# ---
# jupyter:
{deplib}#   jupytext:
#     formats: notebooks//py:percent,book//ipynb
#     notebook_metadata_filter: deplib,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

"""
NEEDS = "#   deplib:\n#     needs:\n#     - results/*.csv\n"


INDEX = "# %% [markdown]\n# # A book\n"


def write_book(root: Path, **texts: str) -> Path:
    for folder in ("notebooks", "book", "results"):
        (root / folder).mkdir(parents=True)
    (root / "results" / "table.csv").write_text("a,b\n")
    (root / "requirements.lock").write_text("numpy==2\n")
    names = [f"      - file: {name}" for name in texts]
    toc = ["format: jb-book", "root: index", "parts:", "  - caption: All", "    chapters:", *names]
    (root / "book" / "_toc.yml").write_text("\n".join([*toc, "      - file: references", ""]))
    (root / "book" / "references.md").write_text("# References\n")
    for name, text in {"index": INDEX, **texts}.items():
        header = HEADER.format(deplib=NEEDS if "results/" in text else "")
        (root / "notebooks" / f"{name}.py").write_text(header + text)
    return root
