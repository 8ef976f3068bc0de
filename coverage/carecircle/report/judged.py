"""Judgements in words, for tables and pages alike: values, thresholds, what is short, how it was counted, remarks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from carecircle.language import Language, text
from carecircle.policy.judge import GRAVITY, Quantity, Tally, Verdict, Word
from carecircle.policy.model import Target
from carecircle.policy.results import Judgement, Line, Outcome
from carecircle.policy.vocabulary import Column, vocabulary
from carecircle.report import facts

EACH = ("ratio_of_each", "value_of_each", "facilities_per_unit", "count_per_unit")
"""Metrics that judge every row or unit by itself: their tallies say how many pass, of how many."""
SHARES = (*EACH, "share_of_units_with_facility", "share_of_units_with_document", "share_of_items", "functions", "kinds")
"""Metrics whose tallies count rows or units out of all."""
WITHHELD = Decimal("Infinity")
"""A number of a tally that is not published (`carecircle.report.suppression`)."""
_COMPARED = {">=": "at_least", "<=": "at_most", ">": "above", "=": "equal", "between": "between"}
_DIGITS = {"m2_per_person": 2}
_PEOPLE = "coverage=people"
MOST_NAMES = 8
"""How many failing rows the remarks of a target name."""


def number(quantity: Quantity | None, language: Language | None = None, *, absent: str = "no_data") -> str | float:
    """Return a number of a tally as a cell: a float, or the state that stands in for it."""
    if quantity is None:
        return text(f"fact.{absent}" if absent else "table.none", language)
    return text("fact.withheld", language) if withheld(quantity) else float(quantity)


def whole(target: Target, amount: Fraction) -> Fraction:
    """Return people and units of a tally as whole ones, cut; amounts of sheets as they are."""
    return Fraction(amount // 1) if target.check in {"units", "circle"} else amount


def withheld(quantity: Quantity | None) -> bool:
    """Return whether a number is there but not published."""
    return isinstance(quantity, Decimal) and quantity.is_infinite()


def verdict_word(word: str, language: Language | None = None) -> str:
    """Return a verdict in words: 达标, 未达标 ..."""
    return text(f"table.verdict_{word}", language)


def standing(outcome: Outcome) -> Line:
    """Return the number of the whole and its verdict: the pair of the year that decided, where one year did.

    All reports take numerator, denominator, value and shortfall of a target from here, so that they belong together.
    """
    verdict, year = outcome.verdict, str(outcome.verdict.year)
    own = (one.tally for one in outcome.by_period() if one.period == year and not one.reading)
    tally = next(own, outcome.tally or Tally(None, None))
    hidden = withheld(tally.numerator) or withheld(tally.denominator)
    return Line(tally, Verdict(verdict.word, year=verdict.year) if hidden else verdict)


def other_year(verdict: Verdict, as_of: date | None) -> int | None:
    """Return the year that decided, None where it is that of the data, or no year did."""
    return None if as_of is None or verdict.year == as_of.year else verdict.year


def with_year(words: str, verdict: Verdict, as_of: date | None, language: Language | None = None) -> str:
    """Return words with the year that decided where it is not that of the data: ``未达标（2024年）``.

    Examples
    --------
    >>> late = Verdict("missed", year=2024)
    >>> with_year("未达标", late, date(2026, 6, 30), "zh"), with_year("未达标", late, date(2024, 6, 30), "zh")
    ('未达标（2024年）', '未达标')
    """
    year = other_year(verdict, as_of)
    return words if year is None else text("table.decided", language, words=words, year=year)


def is_single(target: Target, line: Line) -> bool:
    """Whether a line is of one row's own ratio, where the others say how many rows pass."""
    return bool(line.item) and target.metric == "ratio_of_each"


def value(
    target: Target, tally: Tally | None, verdict: Verdict, language: Language | None = None, *, single: bool = False
) -> str:
    """Return what was found in the target's own unit, cut, or the state that stands in for it.

    With `single` the tally is one row's own ratio, of a target that judges every row by itself.

    Examples
    --------
    >>> from carecircle.policy import load_pack
    >>> from carecircle.policy.judge import judge
    >>> towns, tally = load_pack("yuxi").target("YX-03"), Tally(33, 51)
    >>> value(towns, tally, judge(towns, tally, date(2026, 6, 30)), "zh")
    '64.7%'
    """
    absent = _absent(tally, verdict)
    if absent or tally is None or tally.numerator is None:
        return text(f"fact.{absent or 'no_data'}", language)
    found = amount(target, tally, single=single)
    if found is None or tally.denominator is None:
        return quantity(target, Fraction(tally.numerator), language)
    if target.metric in EACH and not single:
        return _passes(tally, found, language)
    if is_share(target) and not single:
        return facts.exact_percent(found, upward=target.comparison == "<=")
    return quantity(target, found, language)


def amount(target: Target, tally: Tally, *, single: bool = False) -> Fraction | None:
    """Return the exact number that a tally comes to in the target's unit; of rows or units, the share in per cent.

    None where it is not known or not published, or where there is nothing to count.
    """
    above, below = tally.numerator, tally.denominator
    if above is None or below == 0 or withheld(above) or withheld(below):
        return None
    if below is None:
        return Fraction(above)
    return Fraction(above) / Fraction(below) * (100 if is_share(target) and not single else _scale(target))


def _absent(tally: Tally | None, verdict: Verdict) -> str:
    """Say why there is no value, "" where there is one."""
    if verdict.word == "not_applicable" or (tally is not None and tally.denominator == 0):
        return "not_applicable"
    nothing = tally is None or (tally.numerator is None and tally.denominator is None)
    if nothing and verdict.word == "monitored":
        return "by_item"
    if tally is None or tally.numerator is None:
        return "no_data"
    return "withheld" if withheld(tally.numerator) or withheld(tally.denominator) else ""


def _passes(tally: Tally, found: Fraction, language: Language | None) -> str:
    passes, every = (facts.exact(Fraction(one or 0)) for one in (tally.numerator, tally.denominator))
    return text("table.each_value", language, passes=passes, all=every, percent=facts.exact_percent(found))


def is_share(target: Target) -> bool:
    """Return whether a numerator over a denominator is a share in per cent."""
    if target.threshold_unit == "percent" or target.metric in SHARES or target.check == "circle":
        return True
    if target.check == "none" and not target.data.sheets:
        return True  # units that are only watched
    return target.threshold_unit in {"none", "items"} and _same_unit(target)


def _same_unit(target: Target) -> bool:
    uses = target.data.sheets[:1]
    units = [_unit(use.sheet, names) for use in uses for names in (use.numerator, use.denominator)]
    return bool(units) and units[0] == units[1]


def _unit(sheet: str, names: tuple[str, ...]) -> str:
    column = _column(sheet, names)
    return column.unit.zh if column is not None and column.unit is not None else ""


def _column(sheet: str, names: tuple[str, ...]) -> Column | None:
    return vocabulary().sheets[sheet].columns[names[0]] if names else None


def _scale(target: Target) -> int:
    return {"percent": 100, "m2_per_100_households": 100, "places_per_1000_people": 1000}.get(target.threshold_unit, 1)


def quantity(target: Target, amount: Fraction | Decimal, language: Language | None = None) -> str:
    """Return an amount in the target's unit: ``33 个``, ``0.24㎡/人``, ``65%``."""
    upward = target.comparison == "<="
    if target.threshold_unit == "percent":
        return facts.exact_percent(amount, upward=upward)
    shown = facts.exact(amount, _DIGITS.get(target.threshold_unit, 1), upward=upward)
    if target.threshold_unit in {"number", "none"}:
        return text("table.counted", language, value=shown, counter=counter(target, language)).strip()
    return shown + text(f"policy.per_{target.threshold_unit}", language)


def counter(
    target: Target, language: Language | None = None, default: str = "counter_of", *, single: bool = False
) -> str:
    """Return the word that numbers of a target's numerator are counted with: 个, 张, 人, 平方米."""
    if target.threshold_unit.startswith("m2") and (single or target.metric not in EACH):
        return text("table.counter_m2", language)
    for use in () if target.metric in SHARES and not single else target.data.sheets[:1]:
        column = _column(use.sheet, use.numerator)
        if column is not None and column.unit is not None:
            return column.unit.said(language)
    return text(f"table.{default}", language)


def demanded(target: Target, language: Language | None = None) -> str:
    """Return what the text demands: ``≥65%``, ``3–5 个``, or that it has no number.

    Examples
    --------
    >>> from carecircle.policy import load_pack
    >>> [demanded(load_pack("yuxi").target(name), "zh") for name in ("YX-03", "YX-04", "YX-20")]
    ['≥65%', '100%', '15 分钟时限（原文无达标率）']
    """
    if target.minutes is not None:
        return text("table.of_circle", language, value=f"{target.minutes:g}")
    if target.metric == "change":
        return text("table.more_than_before", language)
    if target.threshold is None:
        return text("table.no_threshold", language)
    shown = _threshold(target, target.threshold if target.upper is None else target.upper, language)
    low = f"{target.threshold:f}"
    said = text(f"table.{_COMPARED[target.comparison]}", language, value=shown, low=low)
    return text("table.each_one", language, value=said) if target.metric in EACH else said


def _threshold(target: Target, amount: Decimal, language: Language | None) -> str:
    """Return a threshold as the text writes it: 65%, and not 65.0%."""
    unit = target.threshold_unit
    if unit == "percent":
        return f"{amount:f}%"
    if unit == "number":
        return text("table.counted", language, value=f"{amount:f}", counter=counter(target, language)).strip()
    return f"{amount:f}" + text(f"policy.per_{unit}", language)


def of_people(outcome: Outcome, reading: str = "") -> bool:
    """Return whether a number of a target counts people: by the reading taken, or by another one of coverage."""
    if reading.startswith("coverage="):
        return reading == _PEOPLE
    return outcome.target.check == "circle" or outcome.readings.get("coverage") == "people"


def gap(
    target: Target,
    tally: Tally | None,
    verdict: Verdict,
    language: Language | None = None,
    *,
    people: bool = False,
    single: bool = False,
) -> str:
    """Return how much is short, in percentage points and in whole units (or people); a dash where nothing is.

    Examples
    --------
    >>> from carecircle.policy import load_pack
    >>> from carecircle.policy.judge import judge
    >>> towns, tally = load_pack("yuxi").target("YX-03"), Tally(33, 51)
    >>> gap(towns, tally, judge(towns, tally, date(2026, 6, 30)), "zh")
    '差 0.3 个百分点（还需 1 个）'
    """
    if verdict.word not in {"missed", "in_progress", "to_be_verified"} or _absent(tally, verdict):
        return text("table.none", language)
    short = shortfall(target, tally, verdict, single=single)
    name = text("table.counter_person", language) if people else counter(target, language, "counter", single=single)
    more = _more(target, tally, replace(verdict, shortfall=short), name, language)
    points = _points(target, tally)
    if points is None or points <= 0:
        return more or text("table.none", language)
    shown = facts.exact(points, upward=True)
    if not more:
        return text("table.points", language, points=shown)
    return text("table.points_and", language, points=shown, more=more)


def _more(target: Target, tally: Tally | None, verdict: Verdict, name: str, language: Language | None) -> str:
    missing = verdict.shortfall
    if not missing:
        return ""
    key = "too_many" if _over(target, tally, verdict) else "need_more"
    return text(f"table.{key}", language, count=f"{missing:,d}", counter=name)


def shortfall(target: Target, tally: Tally | None, verdict: Verdict, *, single: bool = False) -> int | None:
    """Return how many are short where that is told of this tally: the worst county may have decided for the whole."""
    if tally is None or verdict.value is None or verdict.shortfall is None:
        return verdict.shortfall
    known = amount(target, tally, single=single)
    return verdict.shortfall if known is None or known == verdict.value else None


def _over(target: Target, tally: Tally | None, verdict: Verdict) -> bool:
    """Return whether there are too many, of what has a limit from above."""
    if target.comparison not in {"<=", "="} or target.threshold is None or target.metric in EACH or tally is None:
        return False
    found = verdict.value if verdict.value is not None else tally.numerator
    return found is not None and Fraction(found) > Fraction(target.threshold)


def _points(target: Target, tally: Tally | None) -> Fraction | None:
    """Return the percentage points short, None where the target is no share."""
    if target.threshold is None or target.threshold_unit != "percent" or target.metric in EACH or tally is None:
        return None
    if tally.denominator is None or tally.numerator is None:
        return None
    return Fraction(target.threshold) - 100 * Fraction(tally.numerator) / Fraction(tally.denominator)


def deadline(target: Target, language: Language | None = None) -> str:
    """Return the last day, with the period where the target holds for several, or that the text has none."""
    last = day(target.deadline, language) if target.deadline else text("table.no_deadline", language)
    if target.period == "once":
        return last
    period = text(f"policy.period_{target.period}", language)
    return text("table.with_period", language, day=last, period=period) if target.deadline else period


def definition(outcome: Outcome, language: Language | None = None) -> str:
    """Return how a target was counted: what it demands, and each reading that was taken."""
    options = [words for _, words in readings(outcome, language)]
    said = outcome.target.description.said(language)
    if not options:
        return said
    return said + text("table.reading", language, options=text("table.join", language).join(options))


def readings(outcome: Outcome, language: Language | None = None) -> list[tuple[str, str]]:
    """Return key and option in words of each reading that was taken."""
    known = {one.key: one for one in outcome.target.readings}
    return [
        (key, known[key].options[option].said(language))
        for key, option in outcome.readings.items()
        if key in known and option in known[key].options
    ]


def reading_words(target: Target, reading: str, language: Language | None = None) -> str:
    """Return a reading such as ``coverage=served`` in few words, as it is where it is not one of the target's."""
    key, _, option = reading.partition("=")
    found = next((one for one in target.readings if one.key == key), None)
    if found is None or option not in found.options:
        return reading
    return found.options[option].said(language).replace(": ", "：").split("：", maxsplit=1)[0]


def day(value: date | None, language: Language | None = None) -> str:
    """Return a date as documents write it: 2026年6月30日."""
    return facts.day(value, language).replace(" ", "") if value else facts.day(value, language)


def sources(outcome: Outcome, as_of: date | None, language: Language | None = None) -> str:
    """Return where the numbers come from, and their day."""
    named = [facts.label("table.source_", key, language) for key in outcome.sources]
    if not named:
        return text("table.unknown_source", language)
    words = text("fact.list_join", language).join(named)
    return text("table.source_of", language, sources=words, day=day(as_of, language))


def line_value(target: Target, line: Line, language: Language | None = None) -> str:
    """Return a line's numerator and denominator with its value."""
    shown, tally = value(target, line.tally, line.verdict, language), line.tally
    if tally.denominator is None or _absent(tally, line.verdict) or not is_share(target):
        return shown
    if target.metric in EACH:
        shown = facts.exact_percent(100 * Fraction(tally.numerator or 0) / Fraction(tally.denominator))
    parts = [facts.exact(whole(target, Fraction(one or 0))) for one in (tally.numerator, tally.denominator)]
    return text("table.value_of", language, covered=parts[0], total=parts[1], percent=shown)


def remarks(outcome: Outcome, language: Language | None = None) -> list[str]:
    """Return what a reader should know: reasons, what is unverified, years, other readings, rows that fail, kin."""
    target = outcome.target
    found = [*outcome.reasons]
    if outcome.tally is not None and outcome.tally.unverified and not withheld(outcome.tally.unverified):
        many = facts.exact(Fraction(outcome.tally.unverified))
        found.append(text("table.unverified", language, count=many, counter=counter(target, language)))
    found += [
        _line_words(target, line, period(line, language), "of_year", language)
        for line in outcome.by_period()
        if line.verdict.word != "no_data"
    ]
    for line in outcome.by_reading():
        said = reading_words(target, line.reading, language)
        found.append(_line_words(target, line, said, "other_reading", language))
    found += _items(outcome, language)
    for name in ("same_as", "similar_to", "conflicts_with", "sum_of", "defines"):
        ids = getattr(target, name)
        said_already = name == "sum_of" and any(ids[0] in reason for reason in outcome.reasons if ids)
        if ids and not said_already:
            found.append(text(f"table.{name}", language, ids=text("fact.list_join", language).join(ids)))
    return found


def period(line: Line, language: Language | None = None) -> str:
    """Return a line's year, half-year, month or day in words, marked where its number was only told from dates.

    Examples
    --------
    >>> none = Verdict("no_data")
    >>> [period(Line(Tally(None), none, period=one), "zh") for one in ("2025", "2026-H1", "2026-03", "2025-06-30")]
    ['2025年', '2026年上半年', '2026年3月', '2025年6月30日']
    """
    year, _, rest = line.period.partition("-")
    if "-" in rest:
        said = day(date.fromisoformat(line.period), language)
    elif rest.startswith("H"):
        said = text(f"table.half_{rest[1:]}", language, year=year)
    elif rest.isdigit():
        said = text("table.month", language, year=year, month=int(rest))
    else:
        said = text("table.year_of", language, year=line.period)
    return text("table.estimated", language, period=said) if line.estimated else said


def _items(outcome: Outcome, language: Language | None) -> list[str]:
    """Return the rows and items: values of levels, names of those that fail or are to be verified."""
    lines = outcome.by_item()
    if outcome.target.unit == "level":
        return [_line_words(outcome.target, one, one.item, "of_year", language) for one in lines]
    titles = {one.key: one.title.said(language) for one in outcome.target.items}
    found = []
    for word in ("missed", "to_be_verified"):
        named = [titles.get(one.item, one.item) for one in lines if one.verdict.word == word]
        if named:
            shown = text("fact.list_join", language).join(named[:MOST_NAMES])
            key = "names" if len(named) <= MOST_NAMES else "names_cut"
            said = verdict_word(word, language)
            found.append(text(f"table.{key}", language, verdict=said, names=shown, count=f"{len(named):,d}"))
    return found


def _line_words(target: Target, line: Line, said: str, key: str, language: Language | None) -> str:
    words = {"value": line_value(target, line, language), "verdict": verdict_word(line.verdict.word, language)}
    return text(f"table.{key}", language, period=said, reading=said, **words)


def gravest(words: Iterable[Word]) -> Word | None:
    """Return the gravest of verdict words, None of none."""
    return min(words, key=GRAVITY.index, default=None)


def any_units(judgements: Iterable[Judgement]) -> bool:
    """Return whether any unit was judged: counted by a target, or looked at for a circle."""
    every = [one for judgement in judgements for one in judgement.outcomes if one.verdict.word != "no_data"]
    return any(one.circle is not None or (one.units is not None and len(one.units) > 0) for one in every)
