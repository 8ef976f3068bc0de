"""What is due: the hard targets that must be reached by now, and the tasks of a schedule, counted together.

All reports take these counts, so that they say the same as the command's last line (`Judgement.missed_hard`).
"""

from __future__ import annotations

from collections import Counter

from carecircle.language import Language, text
from carecircle.policy.judge import GRAVITY
from carecircle.policy.results import Judgement, Progress

_OPEN = frozenset({"missed", "no_data", "to_be_verified"})


def due_tasks(judgement: Judgement) -> tuple[Progress, ...]:
    """Return the rows of the schedule that something had to stand of by now, the sum of all units among them."""
    rows = judgement.schedule.rows if judgement.schedule else ()
    return tuple(one for one in rows if one.due)


def missed_tasks(judgement: Judgement) -> tuple[Progress, ...]:
    """Return the tasks that are behind what was due."""
    return tuple(one for one in due_tasks(judgement) if one.verdict.word == "missed")


def target_counts(judgement: Judgement) -> dict[str, int]:
    """Return how many hard targets due there are of each verdict, all verdicts named."""
    return _counts([one.verdict.word for one in judgement.due()])


def task_counts(judgement: Judgement) -> dict[str, int]:
    """Return how many tasks due there are of each verdict; one is met where what was due stands."""
    words = [one.verdict.word for one in due_tasks(judgement)]
    return _counts([word if word in _OPEN else "met" for word in words])


def due_counts(judgement: Judgement) -> dict[str, int]:
    """Return the counts of hard targets and tasks together."""
    targets, tasks = target_counts(judgement), task_counts(judgement)
    return {word: targets[word] + tasks[word] for word in GRAVITY}


def _counts(words: list[str]) -> dict[str, int]:
    found = Counter(words)
    return {word: found[word] for word in GRAVITY}


def task_id(judgement: Judgement, one: Progress) -> str:
    """Return the name of a task as `Judgement.missed_hard` has it: ``YY-A-4309-CZ``."""
    start = judgement.pack.schedule.id if judgement.pack.schedule else ""
    return f"{start}-{one.unit_code}-{one.facility_class.key}"


def task_words(one: Progress, language: Language) -> str:
    """Return what was due of a task and what stands: ``应完成 2，已建 0``; "" where nothing is due."""
    if not one.due:
        return ""
    built = text("fact.no_data", language) if one.built is None else f"{one.built:,d}"
    return text("table.due_built", language, due=f"{one.due:,d}", built=built)


def what(judgement: Judgement, language: Language) -> str:
    """Return what the counts are of: hard targets, or these and tasks of the schedule."""
    return text("table.due_both" if due_tasks(judgement) else "table.due_targets", language)
