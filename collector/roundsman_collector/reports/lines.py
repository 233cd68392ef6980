"""What a document says, line by line, so that two of them can be compared and one can be kept. Pure.

    lines(document) -> (Line(part=..., row=..., column=..., value=Share(...)), ...)     every value with its place
    differences(before, after) -> (Difference(line, was, now), ...)                     what changed, came or went
    written(lines) / read(text)                                                         as canonical JSON, and back
    digest(lines) -> sha256                                                             equal for equal statements

When a report was known is not part of what it says: two reports that say the same are equal. Nor is how far a ticket
or a task has come by then (a column STATE): they go on.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from roundsman_collector.reports.document import (
    At,
    Bars,
    Component,
    Count,
    Day,
    Document,
    Facts,
    Found,
    Heading,
    Number,
    Part,
    Phrase,
    Piece,
    Reading,
    ReadingName,
    Share,
    Span,
    StripRow,
    Strips,
    Table,
    Text,
    Trend,
    Value,
)
from roundsman_collector.reports.head import KNOWN
from roundsman_collector.reports.words import STATE
from roundsman_wire.catalogue import Label
from roundsman_wire.codec import canonical

NO_NAME = Label(zh="", en="")
TIME = Label(zh="时长", en="Time")
STATES_ZH = {
    "up": "正常",
    "warning": "带故障运行",
    "down": "停机",
    "maintenance": "剔除",
    "unknown": "未知",
    "closed": "非服务",
}
"""What a strip's states are called where their time is compared."""
VALUE = Label(zh="数值", en="Value")
WORDS = Label(zh="说明", en="Words")


class Line(NamedTuple):
    """A value and its place: the title above it, the row, the column. `again`: of rows with the same name, which."""

    part: Label
    row: Value
    column: Label
    value: Value
    again: int = 0


class Difference(NamedTuple):
    """A place whose value is another one now. None: it was, or is, not there."""

    line: Line
    was: Value
    now: Value


def lines(document: Document) -> tuple[Line, ...]:
    """Everything that a document says, in its order."""
    return tuple(_lines(document))


def _lines(document: Document) -> Iterator[Line]:
    above = NO_NAME
    for part in document.parts:
        if isinstance(part, Heading):
            above = part.label
        else:
            yield from _part(part, getattr(part, "title", None) or above)


def _part(part: Part, title: Label) -> Iterator[Line]:
    """What a part says; small print and signatures say nothing of the period."""
    match part:
        case Facts(fields=fields):
            yield from (Line(title, None, one.label, one.value) for one in fields if one.label != KNOWN)
        case Table():
            yield from _table(part, title)
        case Text(paragraphs=paragraphs):
            yield from (Line(title, None, WORDS, said, place) for place, said in enumerate(paragraphs))
        case Strips(rows=strips):
            for row in strips:
                yield from _strip(part, row, title)
        case Trend(points=points):
            yield from (Line(title, Day(day), VALUE, _number(value, part.unit)) for day, value in points)
        case Bars(rows=bars):
            yield from (Line(title, one.label, VALUE, _number(one.value)) for one in bars)


def _table(part: Table, title: Label) -> Iterator[Line]:
    seen: Counter[str] = Counter()
    for row in (*part.rows, *((part.total,) if part.total else ())):
        name = row[0] if row else None
        key = json.dumps(_encoded(name), ensure_ascii=False)
        for column, value in zip(part.columns[1:], row[1:], strict=False):
            yield Line(title, name, column, value, seen[key])
        if len(row) == 1:
            yield Line(title, name, part.columns[0], name, seen[key])
        seen[key] += 1


def _strip(part: Strips, row: StripRow, title: Label) -> Iterator[Line]:
    times: Counter[str] = Counter()
    for state, from_ms, to_ms in row.stretches:
        times[state] += to_ms - from_ms
    for state in sorted(times):
        yield Line(title, row.name, _time_in(state), Span(times[state]))
    yield from (Line(title, row.name, column, value) for column, value in zip(part.columns, row.figures, strict=False))


def _time_in(state: str) -> Label:
    return Label(zh=f"{STATES_ZH.get(state, state)}{TIME.zh}", en=f"{TIME.en} {state}")


def _number(value: float | None, unit: str = "") -> Number | None:
    return None if value is None else Number(value, unit, 3)


# --- comparing -------------------------------------------------------------------------------------------------------


def differences(before: Sequence[Line], after: Sequence[Line]) -> tuple[Difference, ...]:
    """What another document says instead: in the order of the new one, what is gone at the end."""
    old, new = _by_place(before), _by_place(after)
    found = [
        Difference(line, old[place].value if place in old else None, line.value)
        for place, line in new.items()
        if place not in old or _encoded(old[place].value) != _encoded(line.value)
    ]
    return (*found, *(Difference(line, line.value, None) for place, line in old.items() if place not in new))


def _by_place(told: Sequence[Line]) -> dict[str, Line]:
    return {canonical([*_line(one)[:3], one.again]).decode(): one for one in told if one.column != STATE}


def digest(told: Sequence[Line]) -> str:
    """SHA-256 of what is said."""
    return hashlib.sha256(written([one for one in told if one.column != STATE]).encode()).hexdigest()


# --- as text ---------------------------------------------------------------------------------------------------------


def written(told: Sequence[Line]) -> str:
    """As canonical JSON: the same lines give the same text."""
    return canonical([_line(one) for one in told]).decode()


def read(text: str) -> tuple[Line, ...]:
    """What written() wrote."""
    return tuple(
        Line(_label(part), _decoded(row), _label(column), _decoded(value), again)
        for part, row, column, value, again in json.loads(text)
    )


def _line(one: Line) -> list[Any]:
    return [_encoded(one.part), _encoded(one.row), _encoded(one.column), _encoded(one.value), one.again]


def _label(said: Mapping[str, Any]) -> Label:
    return Label(zh=said["zh"], en=said["en"])


def _share(said: Sequence[Any]) -> Share:
    part, whole, digits = said
    return Share(None if part is None else Fraction(part), Fraction(whole), digits)


READERS: Mapping[str, Callable[[Any], Piece]] = {
    "at": lambda said: At(*said),
    "span": lambda said: Span(*said),
    "reading": lambda said: Reading(*said),
    "reading_name": lambda said: ReadingName(*said),
    "component": lambda said: Component(*said),
    "count": lambda said: Count(said[0], None if said[1] is None else _label(said[1])),
    "number": lambda said: Number(*said),
    "share": _share,
    "day": lambda said: Day(date.fromisoformat(said[0])),
    "found": lambda said: Found(*said),
    "phrase": lambda said: Phrase(_label(said[0]), tuple(_piece(one) for one in said[1])),
}
NAMES: Mapping[type, str] = {
    At: "at",
    Span: "span",
    Reading: "reading",
    ReadingName: "reading_name",
    Component: "component",
    Count: "count",
    Number: "number",
    Share: "share",
    Day: "day",
    Found: "found",
    Phrase: "phrase",
}


def _encoded(value: Any) -> Any:
    """A value as JSON: texts as they are, labels by language, other pieces by their name."""
    name = NAMES.get(type(value))
    match value:
        case Label():
            return {"zh": value.zh, "en": value.en}
        case Share(part=part, whole=whole, digits=digits):
            return {"share": [None if part is None else str(Fraction(part)), str(Fraction(whole)), digits]}
        case Day(day=day):
            return {"day": [day.isoformat()]}
        case Phrase(text=text, values=values):
            return {"phrase": [_encoded(text), [_encoded(one) for one in values]]}
        case _ if name is not None:
            return {name: [_encoded(one) for one in value]}
        case tuple():
            return [_encoded(one) for one in value]
        case Fraction():
            return str(value)
        case _:
            return value


def _decoded(said: Any) -> Value:
    return tuple(_piece(one) for one in said) if isinstance(said, list) else None if said is None else _piece(said)


def _piece(said: Any) -> Piece:
    if isinstance(said, str):
        return said
    if "zh" in said:
        return _label(said)
    ((name, fields),) = said.items()
    return READERS[name](fields)
