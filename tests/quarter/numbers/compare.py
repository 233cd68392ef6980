"""What a report says, line by line, beside what was asked for.

    differences(lines, expected) -> ["Devices / bank-1-kiosk-03 / Down: (3,) instead of (4,)", ...]
    spoilt(lines) -> the same lines, every number another one

Expected is a row for each row, in the report's order where several bear one name. A number that is in no row is told as
well: a new column has to say where its number can be asked for. Words are compared where a row has them.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import zip_longest
from typing import Any

Line = Mapping[str, Any]
"""A line of /reports/preview."""
Row = Mapping[str, Any]
"""Values by column, in English; several values of a column as a tuple."""
Rows = Mapping[Any, Row | Sequence[Row]]
"""Rows by name, as name_of() makes it; None: facts."""
NUMBERS = ("count", "share", "span", "number", "at", "day")
PERCENT = re.compile(r"\d+(\.\d+)? ?%")
OTHERWISE = 987_654_321
"""No report says this number."""


def pieces(value: Any) -> tuple[Any, ...]:
    """What a value of a report says, one after the other: numbers, words; nothing of None."""
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(piece for one in value for piece in pieces(one))
    if not isinstance(value, dict):
        return (value,)
    if "en" in value:
        return (value["en"],)
    ((word, fields),) = value.items()
    if word in ("phrase", "reading"):
        return pieces(fields[1])
    if word == "share":
        part, whole, _ = fields
        return () if part is None or not Fraction(whole) else (Fraction(part) / Fraction(whole),)
    return pieces(fields[0])


def told(value: Any) -> tuple[Any, ...]:
    """The same of a value that was asked for."""
    if isinstance(value, tuple | list):
        return tuple(piece for one in value for piece in told(one))
    return () if value is None else (value,)


def is_number(value: Any) -> bool:
    """Whether a value of a report has a number, a time or a day in it."""
    if isinstance(value, list):
        return any(is_number(one) for one in value)
    if not isinstance(value, dict):
        return isinstance(value, str) and PERCENT.fullmatch(value) is not None
    if "en" in value:
        return False
    ((word, fields),) = value.items()
    if word in ("phrase", "reading"):
        return is_number(fields[1]) or (isinstance(fields[1], int | float) and not isinstance(fields[1], bool))
    return word in NUMBERS and fields[0] is not None


def name_of(row: Any) -> Any:
    """What a row is called: a word, several as a tuple, None for facts."""
    found = pieces(row)
    return None if not found else found[0] if len(found) == 1 else found


def by_part(lines: Iterable[Line]) -> dict[str, dict[Any, list[dict[str, Any]]]]:
    """Values by part, name of the row, which of those rows, column."""
    parts: dict[str, dict[Any, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        rows = parts[line["part_en"]][name_of(line["row"])]
        if not rows or line["column_en"] in rows[-1]:
            rows.append({})
        rows[-1][line["column_en"]] = line["value"]
    return parts


def differences(part: str, said: Mapping[Any, list[dict[str, Any]]], expected: Rows) -> Iterator[str]:
    """What a part of a report says otherwise than expected, says alone, or does not say."""
    for name in [*said, *(name for name in expected if name not in said)]:
        mine, theirs = said.get(name, []), _listed(expected.get(name, ()))
        if len(mine) < len(theirs):
            yield f"{part} / {name}: {len(mine)} rows instead of {len(theirs)}"
        for row, asked in zip_longest(mine, theirs):
            yield from (f"{part} / {name} / {wrong}" for wrong in _unlike(row or {}, asked or {}))


def _listed(rows: Row | Sequence[Row]) -> Sequence[Row]:
    return [rows] if isinstance(rows, Mapping) else rows


def _unlike(row: Mapping[str, Any], asked: Row) -> Iterator[str]:
    for column, value in row.items():
        if column in asked:
            if pieces(value) != told(asked[column]):
                yield f"{column}: {pieces(value)} instead of {told(asked[column])}"
        elif is_number(value):
            yield f"{column}: nobody compares {pieces(value)}"


# --- whether that would tell -----------------------------------------------------------------------------------------


def spoilt(lines: Iterable[Line]) -> list[Line]:
    """Every number another one, so that each has to be found."""
    return [{**line, "value": _spoilt(line["value"])} if is_number(line["value"]) else line for line in lines]


def _spoilt(value: Any) -> Any:
    """One number of a value, another one."""
    if isinstance(value, str):
        return f"{OTHERWISE} %"
    if isinstance(value, list):
        place = next(place for place, one in enumerate(value) if is_number(one))
        return [*value[:place], _spoilt(value[place]), *value[place + 1 :]]
    ((word, fields),) = value.items()
    if word == "phrase":
        return {word: [fields[0], _spoilt(fields[1])]}
    if word == "day":
        return {word: ["1999-12-31"]}
    if word == "share":
        return {word: [str(OTHERWISE), *fields[1:]]}
    place = 1 if word == "reading" else 0
    return {word: [*fields[:place], OTHERWISE, *fields[place + 1 :]]}
