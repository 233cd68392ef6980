"""Conditions: the faults of components over time, bitemporal like the ledger.

A condition is the one of its subject, component, code and beginning; when anything else about it changes, the row known
so far ends in known time and a new one takes its place. Conditions may overlap: a device has many components.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.model import Condition, Ref
from roundsman_collector.store.sql import chunks, json_text, look, many, marks, run

Key = tuple[str, str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class ConditionsTold:
    """What a core.model.Change says of conditions: new and changed ones; and in `whole`, subjects and times from which
    on these are all there is.

    A condition that ends where it begins is taken back: it never was.
    """

    conditions: tuple[Condition, ...] = ()
    whole: tuple[tuple[str, int], ...] = ()


class ConditionRow(NamedTuple):
    """A row of the condition table. `known_to_ms` None: this is what is known now."""

    id: int
    subject: str
    component: str
    code: str
    event_from_ms: int
    event_to_ms: int | None
    known_from_ms: int
    known_to_ms: int | None
    first: Ref
    confirmed: Ref
    cause: str
    effect: str
    function: str
    explains: str
    flapping: bool

    @property
    def since_ms(self) -> int:
        """When the fault began, whatever rules changed while it held."""
        return min(self.event_from_ms, self.first.t)


class _Told(NamedTuple):
    """What one ConditionsTold says of one subject."""

    conditions: list[Condition]
    whole_from_ms: int | None


COLUMNS = (
    "id, subject, component, code, event_from_ms, event_to_ms, known_from_ms, known_to_ms, first_ref, confirmed_ref, "
    "cause, effect, function, explains, flapping"
)


def tell(connection: Connection, tells: Sequence[ConditionsTold], known_ms: int) -> None:
    """Write what was told of conditions; what is told of a subject several times counts in order, as one."""
    of_subject: dict[str, list[_Told]] = {}
    for told in tells:
        for subject, part in _by_subject(told).items():
            of_subject.setdefault(subject, []).append(part)
    closed: list[tuple[int, int]] = []
    added: list[tuple[object, ...]] = []
    for subject, parts in of_subject.items():
        held = _reaching(connection, subject, min(_floor(part) for part in parts))
        wanted = {key: one for key, (one, _) in held.items()}
        for part in parts:
            _apply(wanted, part)
        closed.extend((known_ms, row_id) for key, (one, row_id) in held.items() if wanted.get(key) != one)
        added.extend(_values(one, known_ms) for key, one in wanted.items() if key not in held or held[key][0] != one)
    many(connection, "UPDATE condition SET known_to_ms = ? WHERE id = ?", closed)
    many(
        connection,
        "INSERT INTO condition (subject, component, code, event_from_ms, event_to_ms, known_from_ms, first_ref, "
        "confirmed_ref, cause, effect, function, explains, flapping) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        added,
    )


def _by_subject(told: ConditionsTold) -> dict[str, _Told]:
    parts = {subject: _Told([], from_ms) for subject, from_ms in told.whole}
    for one in told.conditions:
        if one.to_ms is not None and one.to_ms < one.from_ms:
            raise ValueError(f"condition {one} ends before it begins")
        parts.setdefault(one.subject, _Told([], None)).conditions.append(one)
    return parts


def _apply(wanted: dict[Key, Condition], told: _Told) -> None:
    if told.whole_from_ms is not None:
        for key in [key for key, one in wanted.items() if one.to_ms is None or one.to_ms > told.whole_from_ms]:
            del wanted[key]
    for one in told.conditions:
        wanted.pop(_key(one), None)
        if one.to_ms != one.from_ms:
            wanted[_key(one)] = one


def _key(one: Condition) -> Key:
    return one.component, one.code, one.from_ms


def _floor(told: _Told) -> int:
    """Nothing that ends by then is touched."""
    begins = [one.from_ms for one in told.conditions]
    return min(begins if told.whole_from_ms is None else [*begins, told.whole_from_ms])


def _reaching(connection: Connection, subject: str, from_ms: int) -> dict[Key, tuple[Condition, int]]:
    found = look(
        connection,
        f"SELECT {COLUMNS} FROM condition WHERE subject = ? AND known_to_ms IS NULL "
        "AND (event_to_ms IS NULL OR event_to_ms > ?)",
        subject,
        from_ms,
    )
    held = {}
    for row in map(read_row, found):
        held[row.component, row.code, row.event_from_ms] = condition_of(row), row.id
    return held


def _values(one: Condition, known_ms: int) -> tuple[object, ...]:
    where = one.subject, one.component, one.code, one.from_ms, one.to_ms
    marks = one.effect, one.function, one.explains, one.flapping
    return (*where, known_ms, json_text(one.first), json_text(one.confirmed), one.cause, *marks)


def condition_of(row: ConditionRow) -> Condition:
    """The condition that a row tells of."""
    where = row.subject, row.component, row.code, row.event_from_ms, row.event_to_ms
    return Condition(*where, row.first, row.confirmed, row.cause, row.effect, row.function, row.explains, row.flapping)


def read_row(row: Sequence[Any]) -> ConditionRow:
    """A row of COLUMNS."""
    first, confirmed = Ref(*json.loads(row[8])), Ref(*json.loads(row[9]))
    return ConditionRow(*row)._replace(first=first, confirmed=confirmed, flapping=bool(row[14]))


def conditions(
    connection: Connection, subject: str, from_ms: int, to_ms: int, known_ms: int | None = None
) -> list[ConditionRow]:
    """A subject's conditions that reach into [from, to), by beginning: as known now, or as known at `known_ms`."""
    known, at = _known(known_ms)
    found = run(
        connection,
        f"SELECT {COLUMNS} FROM condition WHERE subject = ? AND {known} "
        "AND event_from_ms < ? AND (event_to_ms IS NULL OR event_to_ms > ?) ORDER BY event_from_ms, component, code",
        subject,
        *at,
        to_ms,
        from_ms,
    )
    return [read_row(row) for row in found]


def of_many(
    connection: Connection, subjects: Sequence[str], from_ms: int, to_ms: int, known_ms: int | None = None
) -> dict[str, list[ConditionRow]]:
    """The conditions of those subjects that have any in [from, to), each by beginning; as known now, or at a time."""
    known, at = _known(known_ms)
    found: dict[str, list[ConditionRow]] = {}
    for part in chunks(subjects):
        rows = look(
            connection,
            f"SELECT {COLUMNS} FROM condition WHERE subject IN ({marks(len(part))}) AND {known} "
            "AND event_from_ms < ? AND (event_to_ms IS NULL OR event_to_ms > ?) "
            "ORDER BY event_from_ms, component, code",
            *part,
            *at,
            to_ms,
            from_ms,
        )
        for row in map(read_row, rows):
            found.setdefault(row.subject, []).append(row)
    return found


def _known(known_ms: int | None) -> tuple[str, list[int]]:
    if known_ms is None:
        return "known_to_ms IS NULL", []
    return "known_from_ms <= ? AND (known_to_ms IS NULL OR known_to_ms > ?)", [known_ms, known_ms]


def open_of(connection: Connection, subjects: Sequence[str]) -> dict[str, list[ConditionRow]]:
    """The conditions that hold now, by subject."""
    found: dict[str, list[ConditionRow]] = {}
    for part in chunks(subjects):
        rows = run(
            connection,
            f"SELECT {COLUMNS} FROM condition WHERE subject IN ({marks(len(part))}) "
            "AND known_to_ms IS NULL AND event_to_ms IS NULL ORDER BY event_from_ms, component, code",
            *part,
        )
        for row in map(read_row, rows):
            found.setdefault(row.subject, []).append(row)
    return found


def read(connection: Connection, where: str, values: Sequence[object]) -> list[ConditionRow]:
    """Conditions that match, by subject and beginning; `where` is a condition of this package's own making."""
    sql = f"SELECT {COLUMNS} FROM condition WHERE {where} ORDER BY subject, event_from_ms, component, code"
    return [read_row(row) for row in look(connection, sql, *values)]
