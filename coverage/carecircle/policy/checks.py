"""What must hold within a pack beyond its fields: ids that differ, sums, and quotes that stand in the text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from carecircle.errors import Problem
from carecircle.language import text
from carecircle.policy.model import Pack, Schedule, ScheduleRow, Target, quote_parts
from carecircle.policy.problems import PackProblem, at
from carecircle.policy.vocabulary import vocabulary

_BLANKS = re.compile(r"\s+")

Found = tuple[str, str]
"""A field and what is wrong with it."""


def pack_problems(pack: Pack, file: str | Path | None) -> list[PackProblem]:
    """Return everything that does not hold in a pack whose fields have the right form."""
    return [
        *(at(file, "", field, why) for field, why in (*_twice(pack), *_own_kinds(pack), *_schedule(pack))),
        *(at(file, target.id, field, why) for target in pack.targets for field, why in _sum(target, pack)),
    ]


def _twice(pack: Pack) -> Iterator[Found]:
    again = [name for name, count in Counter(pack.target_ids()).items() if count > 1]
    if again:
        yield "id", text("policy.twice", ids=", ".join(again))


def _own_kinds(pack: Pack) -> Iterator[Found]:
    known = [*vocabulary().kinds, *pack.kinds]
    for name, kind in pack.kinds.items():
        yield from _unknown(f"kinds.{name}.includes", kind.includes, known)


def _unknown(field: str, given: Iterable[str], known: Iterable[str]) -> Iterator[Found]:
    names = list(known)
    wrong = [name for name in given if name not in names]
    if wrong:
        yield field, text("policy.not_one_of", value=", ".join(wrong), expected=", ".join(names))


def _sum(target: Target, pack: Pack) -> Iterator[Found]:
    found = sum(one.threshold or 0 for one in pack.targets if one.id in target.sum_of)
    if target.sum_of and found != target.threshold:
        yield "sum_of", text("policy.sum", sum=found, total=target.threshold)


def _schedule(pack: Pack) -> Iterator[Found]:
    schedule = pack.schedule
    if schedule is None:
        return
    targets = {target.id: target for target in pack.targets}
    yield from _unknown("schedule.classes.target", [one.target for one in schedule.classes], targets)
    for row in (*schedule.rows, schedule.total):
        yield from _row_sums(row)
    yield from _column_sums(schedule)
    for one in schedule.classes:
        total, target = schedule.total.cells[one.key][0], targets.get(one.target)
        if target is not None and target.threshold != total:
            yield f"schedule.total.{one.key}", text("policy.sum", sum=total, total=target.threshold)


def _row_sums(row: ScheduleRow) -> Iterator[Found]:
    for key, (total, *years) in row.cells.items():
        if years and sum(years) != total:
            yield f"schedule.{row.name}.{key}", text("policy.sum", sum=sum(years), total=total)


def _column_sums(schedule: Schedule) -> Iterator[Found]:
    for key, totals in schedule.total.cells.items():
        sums = [sum(numbers) for numbers in zip(*(row.cells[key] for row in schedule.rows), strict=True)]
        for name, found, total in zip(("total", *schedule.years), sums, totals, strict=False):
            if found != total:
                yield f"schedule.{key}.{name}", text("policy.sum", sum=found, total=total)


def check_quotes(pack: Pack, texts_dir: str | Path) -> list[Problem]:
    """Return every quote of a pack that does not stand literally in its text.

    The parts of a quote around … must stand there in that order. The lines of a schedule that says so must stand
    there too: name, total and years, with blanks for 0.

    Parameters
    ----------
    pack
        A pack with `source_file`.
    texts_dir
        The folder with the texts, plain and in UTF-8.
    """
    file = Path(texts_dir) / pack.source_file
    try:
        words = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return [PackProblem("no_text", file, values={"pack": pack.id, "why": str(error)})]
    bare = _BLANKS.sub("", words)
    return [
        *(at(file, one.id, "quote", text("policy.quote", part=part)) for one in pack.targets
          if (part := _absent(quote_parts(one.quote), words))),
        *(at(file, "", f"schedule.{row.name}", text("policy.quote", part=line)) for row, line in _lines(pack.schedule)
          if line not in bare),
    ]  # fmt: skip


def _absent(parts: Iterable[str], words: str) -> str:
    """Return the first part that does not stand behind those before it, "" when all do."""
    place = 0
    for part in parts:
        found = words.find(part, place)
        if found < 0:
            return part
        place = found + len(part)
    return ""


def _lines(schedule: Schedule | None) -> Iterator[tuple[ScheduleRow, str]]:
    """Return the lines of a schedule as the text of a table has them, without blanks."""
    if schedule is None or not schedule.in_text:
        return
    for row in (*schedule.rows, schedule.total):
        numbers = [number for one in schedule.classes for number in row.cells[one.key]]
        yield row, "|".join([row.name, *(str(number or "") for number in numbers)]) + "|"
