"""Recurrence warnings as rows: found again and again, told once; and what people found at their root.

    seen(connection, rules, now_ms)                  what is too much now: core/recurrence.py over the year's faults
    keep(connection, found, now_ms)                  new ones get a row, and notices; the others their newest numbers
    analyse(connection, 7, cause="process", ...)     a line of what is at the root; the newest one counts
    page(connection, scope, Wanted(level="year")) · one(connection, scope, 7)

A warning of a device is seen by whoever reaches the device; one of a model, or of all, by whoever reaches everything:
others' devices stand behind it. A row stays when its tickets are voided: people were told of it. A way hears of
warnings (event `recurred`) as far as its filter goes: month is minor, quarter is major, year is urgent. Somebody's own
way hears of them where they are a manager, or answer for the device and the way wants that.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.fault_counts import Fault
from roundsman_collector.core.recurrence import (
    CAUSES,
    LEVELS,
    Cause,
    Level,
    Recurrence,
    Rules,
    Span,
    spans_at,
    warnings,
)
from roundsman_collector.roles import EVERYTHING, Role, Scope
from roundsman_collector.store import audit, fault_counts, on_call, people, reach, ways
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.notices import INSERT
from roundsman_collector.store.notices import TEXT_LIMIT as TOLD_LIMIT
from roundsman_collector.store.sql import clean, json_text, many, marks, run
from roundsman_collector.store.ways import Event, Severity, WayRow

TEXT_LIMIT = 2000
ZONE = "Asia/Shanghai"
"""Whose calendar has the months."""
AFTER_MS = 3 * 86_400_000
"""A period is looked at for so long after its end: what was still on its way by then."""
EVENT: Event = "recurred"
SEVERITIES: Mapping[Level, Severity] = {"month": "minor", "quarter": "major", "year": "urgent"}
MANAGERS: tuple[Role, ...] = ("manager", "administrator")
IDENTITY = ("level", "about", "same", "key", "what", "period")
NUMBERS = ("faults", "devices", "months", "tickets")


class RecurrenceRow(NamedTuple):
    """A warning as it is kept; `about` is `of` of the core. Of what is at its root, the newest line; empty: nobody has
    said yet."""

    id: int
    level: Level
    about: str
    same: str
    key: str
    what: str
    period: str
    from_ms: int
    to_ms: int
    faults: int
    devices: int
    months: int
    tickets: tuple[int, ...]
    told_ms: int
    cause: str
    text: str
    who: str
    said_ms: int | None


class Word(NamedTuple):
    """What somebody found at the root of a warning."""

    id: int
    at_ms: int
    who: str
    cause: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which warnings a list shows; empty: of all. `cause` NONE: those at whose root nobody has found anything yet."""

    level: str = ""
    about: str = ""
    cause: str = ""
    period: str = ""


NONE = "~none"
NEWEST = "(SELECT max(n.id) FROM recurrence_word n WHERE n.recurrence_id = r.id)"
SELECT = (
    "SELECT r.id, r.level, r.about, r.same, r.key, r.what, r.period, r.from_ms, r.to_ms, r.faults, "
    "r.devices, r.months, r.tickets, r.told_ms, COALESCE(w.cause, ''), COALESCE(w.text, ''), COALESCE(w.who, ''), "
    "w.at_ms "
    f"FROM recurrence r LEFT JOIN recurrence_word w ON w.id = {NEWEST} WHERE "
)


# --- finding ---------------------------------------------------------------------------------------------------------


def seen(connection: Connection, rules: Rules, now_ms: int) -> list[Recurrence]:
    """What is too much in the periods of today, and in those that ended a moment ago."""
    spans = dict.fromkeys((*spans_at(now_ms, ZONE), *spans_at(now_ms - AFTER_MS, ZONE)))
    years = [span for span in spans if span.level == "year"]
    standing = run(connection, "SELECT model, count(*) FROM device WHERE model IS NOT NULL GROUP BY model").all()
    return warnings(
        _faults(connection, years, now_ms), rules, list(spans), {model: int(count) for model, count in standing}
    )


def _faults(connection: Connection, years: Sequence[Span], now_ms: int) -> Iterator[Fault]:
    """Month by month: a year of faults needs the room of one month."""
    for year in years:
        edges = [*year.months_ms, year.to_ms]
        for begin, end in pairwise(edges):
            if begin < now_ms:
                yield from fault_counts.of(connection, EVERYTHING, (begin, end), now_ms).faults


# --- keeping and telling ---------------------------------------------------------------------------------------------


def keep(connection: Connection, found: Sequence[Recurrence], now_ms: int) -> int:
    """Write what was found; return how many are new. They are told in the same transaction."""
    new: list[RecurrenceRow] = []
    for one in found:
        row = (*one.identity, one.from_ms, one.to_ms, one.faults, one.devices, one.months, json_text(one.tickets))
        made = run(
            connection,
            f"INSERT INTO recurrence ({', '.join(IDENTITY)}, from_ms, to_ms, {', '.join(NUMBERS)}, told_ms) "
            f"VALUES ({marks(len(row) + 1)}) ON CONFLICT ({', '.join(IDENTITY)}) DO NOTHING RETURNING id",
            *row,
            now_ms,
        ).scalar()
        if made is None:
            _renew(connection, one)
        else:
            new += _read(connection, "r.id = ?", [made])
    tell(connection, new, now_ms)
    return len(new)


def _renew(connection: Connection, one: Recurrence) -> None:
    numbers = (one.faults, one.devices, one.months, json_text(one.tickets))
    run(
        connection,
        f"UPDATE recurrence SET {', '.join(f'{name} = ?' for name in NUMBERS)} "
        f"WHERE {' AND '.join(f'{name} = ?' for name in IDENTITY)} AND tickets <> ?",
        *numbers,
        *one.identity,
        numbers[-1],
    )


def tell(connection: Connection, rows: Sequence[RecurrenceRow], now_ms: int) -> None:
    """Put a notice into the outbox for each way that wants to hear of these warnings, or of what was found out."""
    listeners = [way for way in ways.active(connection) if EVENT in way.filter.events]
    if not rows or not listeners:
        return
    called = on_call.of(connection, {row.key for row in rows if row.about == "device"}, now_ms)
    notices: list[tuple[object, ...]] = []
    for row in rows:
        responsible = called[row.key].responsible if row.key in called and row.about == "device" else ()
        key = f"{EVENT}:{row.id}" if row.said_ms is None else f"{EVENT}:{row.id}:{row.said_ms}"
        about = (key, EVENT, row.key if row.about == "device" else "", json_text(_body(row)), now_ms)
        notices += [
            (way.id, *about, now_ms, None, SEVERITIES[row.level], "", now_ms, False)
            for way in listeners
            if _hears(connection, way, row, responsible)
        ]
    many(connection, INSERT, notices)


def _hears(connection: Connection, way: WayRow, row: RecurrenceRow, responsible: Collection[str]) -> bool:
    if not way.filter.wants(EVENT, SEVERITIES[row.level]):
        return False
    if way.filter.is_narrow and not (row.about == "device" and way.filter.reaches(ways.belonging(connection, row.key))):
        return False
    if way.person is None:
        return True
    person = people.one(connection, way.person)
    if person is None or person.disabled_ms is not None or not _is_reached(connection, person.scope, row):
        return False
    return person.role in MANAGERS or (way.person in responsible and "responsible" in way.filter.also)


def _is_reached(connection: Connection, scope: Scope, row: RecurrenceRow) -> bool:
    return scope.everything or (row.about == "device" and reach.reaches(connection, scope, row.key))


def _body(row: RecurrenceRow) -> dict[str, Any]:
    """The facts as they are at this moment: what is told later does not change with them."""
    names = ("id", *IDENTITY, "faults", "devices", "months")
    return {
        "warning": {name: getattr(row, name) for name in names},
        "found": {"cause": row.cause, "text": clean(row.text, TOLD_LIMIT), "who": row.who} if row.cause else None,
        "who": row.who,
        "text": clean(row.text, TOLD_LIMIT),
    }


def analyse(connection: Connection, warning: int, *, cause: Cause, text: str, scope: Scope, deed: Deed) -> int:
    """Say what is at the root of a warning; it is told like the warning. The id of the line. StoreError (conflict)."""
    found = one(connection, scope, warning)
    if found is None:
        raise conflict(f"there is no warning {warning}", "recurrence", "look at the list of warnings")
    if cause not in CAUSES:
        raise conflict(f"{cause!r} is no cause", "cause", f"expected one of {', '.join(CAUSES)}")
    said = clean(text.strip(), TEXT_LIMIT)
    if not said:
        raise conflict("nothing is said of the cause", "text", "say what was found")
    made = run(
        connection,
        "INSERT INTO recurrence_word (recurrence_id, at_ms, who, cause, text) VALUES (?, ?, ?, ?, ?) RETURNING id",
        warning,
        deed.at_ms,
        deed.who,
        cause,
        said,
    ).scalar_one()
    before = {"cause": found.cause, "text": found.text} if found.cause else None
    after = {"cause": cause, "text": said}
    audit.add(connection, deed, "recurrence.analyse", f"recurrence:{warning}", before=before, after=after)
    tell(connection, _read(connection, "r.id = ?", [warning]), deed.at_ms)
    return int(made)


# --- reading ---------------------------------------------------------------------------------------------------------


def page(
    connection: Connection, scope: Scope, wanted: Wanted, *, before_id: int | None = None, limit: int = 50
) -> list[RecurrenceRow]:
    """Warnings that the scope reaches, the newest first, older than `before_id`."""
    seen_by, values = _sight(scope)
    where = ["r.id < ?", seen_by]
    values = [2**62 if before_id is None else before_id, *values]
    for name in ("level", "about", "period"):
        if getattr(wanted, name):
            where.append(f"r.{name} = ?")
            values.append(getattr(wanted, name))
    if wanted.cause == NONE:
        where.append("w.id IS NULL")
    elif wanted.cause:
        where.append("w.cause = ?")
        values.append(wanted.cause)
    return _read(connection, f"{' AND '.join(where)} ORDER BY r.id DESC LIMIT ?", [*values, limit])


def one(connection: Connection, scope: Scope, recurrence: int) -> RecurrenceRow | None:
    """A warning, if the scope reaches it."""
    seen_by, values = _sight(scope)
    return next(iter(_read(connection, f"r.id = ? AND {seen_by}", [recurrence, *values])), None)


def words(connection: Connection, recurrence: int) -> list[Word]:
    """What people found at the root of a warning, the newest first."""
    sql = "SELECT id, at_ms, who, cause, text FROM recurrence_word WHERE recurrence_id = ? ORDER BY id DESC"
    return [Word(*row) for row in run(connection, sql, recurrence)]


def of_window(connection: Connection, scope: Scope, from_ms: int, to_ms: int, known_ms: int) -> list[RecurrenceRow]:
    """Warnings of periods that end within (from, to], as told at a time, the strongest first; for reports."""
    seen_by, values = _sight(scope)
    where = f"r.to_ms > ? AND r.to_ms <= ? AND r.told_ms <= ? AND {seen_by} ORDER BY r.id"
    order = list(LEVELS)
    rows = _read(connection, where, [from_ms, to_ms, known_ms, *values])
    return sorted(rows, key=lambda row: (-order.index(row.level), -row.faults, row.id))


def _sight(scope: Scope) -> reach.Condition:
    if scope.everything:
        return reach.ALL, []
    reached, values = reach.within(scope, "r.key")
    return f"(r.about = 'device' AND {reached})", values


def _read(connection: Connection, where: str, values: Iterable[object]) -> list[RecurrenceRow]:
    place = RecurrenceRow._fields.index("tickets")
    rows = run(connection, f"{SELECT}{where}", *values)
    return [RecurrenceRow(*row)._replace(tickets=tuple(json.loads(row[place]))) for row in rows]
