"""The Word report of the demo city against a golden file: every heading, sentence, caption and line of headings.

After an intended change, write the file anew with ``CARECIRCLE_GOLDEN=write`` and read the difference.
"""

import os
from pathlib import Path

import pytest
from docx import Document
from docx.oxml.ns import qn
from docx.table import Table
from docx.text.paragraph import Paragraph

from carecircle.config import load_plan
from carecircle.datasets import demo_file
from carecircle.pipeline import make_study
from carecircle.report.word import write_report

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def structure(tmp_path_factory):
    plan = load_plan(demo_file("plan"))
    policy = plan.policy.model_copy(update={"packs": ["yuxi"], "inputs": None})
    study = make_study(plan.model_copy(update={"policy": policy}))
    paper = Document(write_report(study, tmp_path_factory.mktemp("report") / "report.docx", language="zh"))
    return "".join(f"{line}\n" for part in paper.element.body for line in lines_of(part, paper))


def lines_of(part, paper):
    """Yield a paragraph with its style, or a table's lines of headings and how many rows it has."""
    if part.tag == qn("w:p"):
        line = Paragraph(part, paper)
        if line.text.strip():
            style = "" if line.style.name == "Normal" else f"[{line.style.name}] "
            yield style + line.text
    elif part.tag == qn("w:tbl"):
        rows = Table(part, paper).rows
        heads = [row for row in rows if row._tr.find(f".//{qn('w:tblHeader')}") is not None]
        for row in heads:
            yield "| " + " | ".join(cell.text for cell in row.cells)
        yield f"| {len(rows) - len(heads)} rows"


def test_structure(structure):
    path = HERE / "demo.report.txt"
    if os.environ.get("CARECIRCLE_GOLDEN") == "write":
        path.write_text(structure, "utf-8", newline="\n")
    assert structure == path.read_text("utf-8"), f"{path.name} has changed: see the head of this file"
