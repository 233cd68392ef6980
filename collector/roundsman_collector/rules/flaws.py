"""What can be wrong with a rule beyond its shape: names that nobody knows, limits that can never hold. Pure.

row_flaws(row, functions) -> ["when.reading: expected a reading of the catalogue, got 'printer.papr'; did you …"]
"""

from collections.abc import Iterable, Mapping
from typing import Any

from roundsman_collector.core.policy import SILENT, UNREACHABLE, WHOLE, Above, Below
from roundsman_collector.core.rulebook import Function
from roundsman_collector.rules.shape import (
    CATEGORIES,
    NOTHING,
    ProbeFails,
    ReadingAbove,
    ReadingBelow,
    ReadingIs,
    RestartsOften,
    Row,
    Silent,
    Unanswered,
)
from roundsman_collector.wording import nearest
from roundsman_wire.catalogue import FAILURES, POINTS, Point

KINDS = (
    "kiosk",
    "nvr",
    "camera",
    "vehicle",
    "ups",
    "printer",
    "gateway",
    "switch",
    "router",
    "computer",
    "host",
    "sensor",
)
"""The kinds of devices that Roundsman knows; a file says others under `kinds`."""
BUILTIN_CODES = {"unanswered": UNREACHABLE, "silent": SILENT}
"""What the core observes itself, and the code under which it looks for the rule."""
COMPONENTS = sorted({name.partition(".")[0].removesuffix("[]") for name in POINTS})
_NEVER_NEGATIVE = {"count", "percent", "seconds", "minutes", "milliseconds", "bytes", "megabytes", "volts", "hertz"}
_MAY_EXCEED = {"ups.load_percent", "output[].load_percent"}
"""Percentages that go beyond a hundred."""


def row_flaws(row: Row, functions: Mapping[str, Function]) -> list[str]:
    """What is wrong with a fault's row."""
    flaws = _when_flaws(row.code, row.when)
    if row.only_while is not None:
        flaws += _beside_flaws(row.when, row.only_while)
    if row.takes_down not in (NOTHING, WHOLE, *functions):
        flaws.append(unknown_function("takes_down", row.takes_down, functions))
    if row.category not in CATEGORIES:
        known = ", ".join(CATEGORIES)
        flaws.append(f"category: expected one of {known}, got {row.category!r}{nearest(row.category, CATEGORIES)}")
    if row.rests and (row.ticket or row.takes_down != NOTHING or isinstance(row.when, Unanswered | Silent)):
        flaws.append(f"rests: what is no fault is seen by a reading; expected ticket: false and takes_down: {NOTHING}")
    return flaws


def limits_flaw(when: Above | Below, key: str = "when") -> str | None:
    """What is wrong with limits: hysteresis on the wrong side, a limit that always or never holds or never clears."""
    is_above = isinstance(when, Above)
    limit_key, clear_key = ("above", "clear_below") if is_above else ("below", "clear_above")
    if is_above and when.clear > when.limit:
        return f"{key}.{clear_key}: expected at most the limit {when.limit:g}, got {when.clear:g}"
    if not is_above and when.clear < when.limit:
        return f"{key}.{clear_key}: expected at least the limit {when.limit:g}, got {when.clear:g}"
    low, high = _reach(when)
    if is_above:
        never, always = high is not None and when.limit >= high, low is not None and when.limit < low
        stays = low is not None and when.clear < low
    else:
        never, always = low is not None and when.limit <= low, high is not None and when.limit > high
        stays = high is not None and when.clear > high
    if never or always:
        return f"{key}.{limit_key}: {when.limit:g} {'can never' if never else 'would always'} hold{_between(low, high)}"
    return f"{key}.{clear_key}: {when.clear:g} can never be reached{_between(low, high)}" if stays else None


def _reach(when: Above | Below) -> tuple[float | None, float | None]:
    """The least and the most that what is compared can be."""
    points = {name.replace("[]", ""): point for name, point in POINTS.items()}
    point, per = points.get(when.reading), points.get(when.per)
    if point is None or point.unit not in _NEVER_NEGATIVE or (per is not None and per.unit not in _NEVER_NEGATIVE):
        return None, None
    return 0, 100 if point.unit == "percent" and per is None and point.name not in _MAY_EXCEED else None


def _between(low: float | None, high: float | None) -> str:
    return f"; it is between {low:g} and {high:g}" if low is not None and high is not None else "; it is never negative"


def unknown_function(key: str, said: str, functions: Iterable[str]) -> str:
    """The sentence for a function that is not declared."""
    known = [WHOLE, *functions] if key != "function" else [*functions]
    more = f" or {NOTHING}" if key != "function" else ""
    return f"{key}: expected one of {', '.join(known)}{more}, got {said!r}{nearest(said, known)}"


def unknown_kind(key: str, said: str, kinds: Iterable[str]) -> str:
    """The sentence for a kind that is not known."""
    told = sorted(kinds)
    return (
        f"{key}: expected one of {', '.join(told)}, got {said!r}{nearest(said, told)}; "
        "a kind of your own is named under kinds"
    )


def twice(names: Iterable[str]) -> list[str]:
    """A sentence for each name that stands more than once."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return [f"{name}: stands {count} times" for name, count in counts.items() if count > 1]


def _when_flaws(code: str, when: Any) -> list[str]:
    match when:
        case Unanswered() | Silent():
            what = "unanswered" if isinstance(when, Unanswered) else "silent"
            own = BUILTIN_CODES[what]
            return [] if code == own else [f"when: only {own} can be {what}; the core looks for it by that code"]
        case ProbeFails(component=component, codes=codes):
            return [
                *([] if component in COMPONENTS else [_unknown("component", component, COMPONENTS)]),
                *(_unknown("codes", code, FAILURES) for code in codes if code not in FAILURES),
            ]
    if code in BUILTIN_CODES.values():
        return [f"when: {code} is what the core observes itself; expected its own key"]
    return [] if isinstance(when, RestartsOften) else _read_flaws("when", when)


def _beside_flaws(when: Any, beside: ReadingIs | ReadingAbove | ReadingBelow) -> list[str]:
    if not isinstance(when, ReadingIs | ReadingAbove | ReadingBelow):
        return ["only_while: only a fault that is seen by a reading has another one beside it"]
    flaws = _read_flaws("only_while", beside)
    if not flaws and beside.reading == when.reading:
        return [f"only_while.reading: expected another reading than {when.reading}"]
    strange = _other_instance("only_while.reading", when.reading, beside.reading)
    return flaws or ([strange] if strange else [])


def _unknown(key: str, said: str, known: Iterable[str]) -> str:
    what = "a failure of the catalogue" if key == "codes" else "a component"
    return f"when.{key}: expected {what}, got {said!r}{nearest(said, known)}"


def _read_flaws(key: str, when: ReadingIs | ReadingAbove | ReadingBelow) -> list[str]:
    point = POINTS.get(when.reading)
    if point is None:
        return [_no_reading(f"{key}.reading", when.reading)]
    if isinstance(when, ReadingIs):
        return _word_flaws(key, when, point)
    if point.words:
        return [f"{key}: {point.name} is a word ({', '.join(point.words)}), which is never above or below; use is"]
    if when.per is not None:
        flaw = _per_flaw(key, when.reading, when.per)
        if flaw:
            return [flaw]
    flaw = limits_flaw(_limits(when), key)
    return [flaw] if flaw else []


def _limits(when: ReadingAbove | ReadingBelow) -> Above | Below:
    reading, per = when.reading.replace("[]", ""), (when.per or "").replace("[]", "")
    if isinstance(when, ReadingAbove):
        clear = when.above if when.clear_below is None else when.clear_below
        return Above(reading=reading, limit=when.above, clear=clear, per=per)
    clear = when.below if when.clear_above is None else when.clear_above
    return Below(reading=reading, limit=when.below, clear=clear, per=per)


def _per_flaw(key: str, reading: str, per: str) -> str | None:
    """What is wrong with a divisor: it must be a number of the same component, and another one."""
    point = POINTS.get(per)
    if point is None:
        return _no_reading(f"{key}.per", per)
    if point.words:
        return f"{key}.per: {per} is a word, by which nothing can be divided"
    if per == reading:
        return f"{key}.per: {per} divided by itself is always 1, or nothing at all where it is 0"
    return _other_instance(f"{key}.per", reading, per)


def _other_instance(key: str, reading: str, beside: str) -> str | None:
    """Of which disk should it be, where the rule does not look at disks?"""
    if "[]" in beside and "[]" not in reading:
        return f"{key}: {beside} has instances and {reading} has none; nobody could tell which one is meant"
    return None


def _no_reading(key: str, said: str) -> str:
    return f"{key}: expected a reading of the catalogue, got {said!r}{nearest(said, POINTS)}"


def _word_flaws(key: str, when: ReadingIs, point: Point) -> list[str]:
    if not point.words:
        return [f"{key}: {point.name} is a number in {point.unit}; use above or below"]
    known = [word for word in point.words if word != "unknown"]
    strange = [
        f"{key}.is: expected words of {point.name} ({', '.join(known)}), got {word!r}{nearest(word, known)}"
        for word in when.words
        if word not in known
    ]
    if not strange and set(known) == set(when.words):
        return [f"{key}.is: names every word of {point.name} ({', '.join(known)}), so it would always hold"]
    return strange
