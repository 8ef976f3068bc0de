"""The tables of the demo city, judged by two packs, against a golden file (see `test_demo_golden`)."""

import os
from pathlib import Path

from carecircle import demo_file
from carecircle.config import load_plan
from carecircle.language import use_language
from carecircle.pipeline import make_study
from carecircle.report.tables import tables

HERE = Path(__file__).parent
SHOWN = 12
"""Rows of long lists: the first say enough."""


def written(table):
    """Return a table as lines of text, numbers as they are."""
    heads = [f"{one.group}/{one.heading}" if one.group else one.heading for one in table.heads]
    rows = table.rows if table.key != "3" else table.rows[:SHOWN]
    lines = [f"## {table.key}.{table.part} {table.title} {table.pack}".rstrip(), " | ".join(heads)]
    lines += [" | ".join(str(cell).replace("\n", " / ") for cell in row) for row in rows]
    return "\n".join([*lines, *(f"- {sentence}" for sentence in table.foot), ""])


def test_tables_of_the_demo_city():
    plan = load_plan(demo_file("plan"))
    policy = plan.policy.model_copy(update={"packs": ["yuxi", "yiyang"], "inputs": None})
    with use_language("zh"):
        found = tables(make_study(plan.model_copy(update={"policy": policy})))
    # Table 8 names files with sizes and hashes, which other tests hold.
    content = "\n".join(written(one) for one in found if one.key != "8")
    path = HERE / "demo.tables.txt"
    if os.environ.get("CARECIRCLE_GOLDEN") == "write":
        path.write_text(content, "utf-8", newline="\n")
    assert content == path.read_text("utf-8"), "demo.tables.txt has changed: see the head of test_demo_golden.py"
