"""Slips and their logs: core/slips.py says what may stand in them.

    begin(connection, new, data, deed) -> SlipRow            a new slip with its first line
    add(connection, slip, wish, deed) -> SlipRow              a line of one that is there
    one(connection, "S2026-000007") -> SlipRow | None         some(connection, scope, wanted) -> the newest first
    installed(connection, scope, (first, last), by) -> [...]  how many were fitted on which day

A slip belongs to the customer and the group that its site had when it was written. What it is about does not change;
numbers are given without gaps, and a void one keeps its own.
"""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.slips import KINDS, Line, Standing, Wish, refusal, standing_of
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import audit, files, series
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.sql import chunks, clean, json_text, look, marks, run

SLIPS = files.SLIPS


class SlipNew(NamedTuple):
    """A slip to be written. `day`: of the service, at the site. `key`: the same of a person is the same slip."""

    kind: str
    day: str
    site: str | None
    customer: str | None
    group: str | None
    device: str | None
    engineer: str
    key: str | None = None


class SlipRow(NamedTuple):
    """A slip as lists show it. `device_kind` "": it is about no device. `signed_ms` None: not all have signed."""

    id: int
    number: str
    kind: str
    day: str
    site: str | None
    customer: str | None
    group_id: str | None
    device: str | None
    device_kind: str
    engineer: str
    state: str
    made_ms: int
    made_by: str
    signed_ms: int | None
    version: int


class SlipFilter(NamedTuple):
    """Which slips are asked for; days are included."""

    kind: str | None = None
    state: str | None = None
    site: str | None = None
    device: str | None = None
    first_day: str | None = None
    last_day: str | None = None
    made: tuple[int, int] | None = None
    """Written down in [from, to), in milliseconds."""


class Installed(NamedTuple):
    """How many devices were fitted on a day: `fitted` by the records, `accepted` by those that both sides signed."""

    day: str
    id: str
    fitted: int
    accepted: int


COLUMNS = ", ".join(f"slip.{name}" for name in SlipRow._fields)
BY: Mapping[str, str] = {"engineer": "slip.engineer", "group": "slip.group_id", "site": "slip.site"}


# --- reading ---------------------------------------------------------------------------------------------------------


def one(connection: Connection, number: str, scope: Scope = EVERYTHING) -> SlipRow | None:
    """A slip by its number, if the scope reaches it."""
    reached, values = within(scope)
    sql = f"SELECT {COLUMNS} FROM slip WHERE number = ? AND {reached}"
    found = run(connection, sql, number, *values).first()
    return None if found is None else SlipRow(*found)


def some(
    connection: Connection, scope: Scope, wanted: SlipFilter, *, before_id: int | None = None, limit: int = 100
) -> list[SlipRow]:
    """Slips that the scope reaches, the newest first."""
    where, values = _where(scope, wanted)
    rows = look(
        connection,
        f"SELECT {COLUMNS} FROM slip WHERE {where} AND slip.id < ? ORDER BY slip.id DESC LIMIT ?",
        *values,
        2**62 if before_id is None else before_id,
        limit,
    )
    return [SlipRow(*row) for row in rows]


def of_days(connection: Connection, scope: Scope, wanted: SlipFilter) -> list[tuple[SlipRow, Standing]]:
    """All of a kind or period with what they say, by number."""
    where, values = _where(scope, wanted)
    rows = [
        SlipRow(*row) for row in look(connection, f"SELECT {COLUMNS} FROM slip WHERE {where} ORDER BY slip.id", *values)
    ]
    logs = _logs(connection, [row.id for row in rows])
    return [(row, standing_of(logs.get(row.id, []))) for row in rows]


def log_of(connection: Connection, slip: int) -> list[Line]:
    """The log of a slip."""
    return _logs(connection, [slip]).get(slip, [])


def installed(connection: Connection, scope: Scope, days: tuple[str, str], by: str) -> list[Installed]:
    """How many devices were fitted on each of these days, both included, by engineer, centre or site. A device counts
    once a day, on the day of its record; void records do not count."""
    reached, values = within(scope)
    name = f"COALESCE({BY[by]}, '')"
    rows = look(
        connection,
        f"SELECT slip.day, {name}, count(DISTINCT slip.device), count(DISTINCT CASE WHEN slip.state = 'signed' "
        f"THEN slip.device END) FROM slip WHERE slip.kind = 'installation' AND slip.state <> 'void' "
        f"AND slip.day >= ? AND slip.day <= ? AND {reached} GROUP BY slip.day, {name} ORDER BY slip.day, {name}",
        *days,
        *values,
    )
    return [Installed(*row) for row in rows]


def within(scope: Scope) -> tuple[str, list[object]]:
    """The condition under which a slip is reached: by the customer or the group that it belongs to."""
    if scope.everything:
        return "1 = 1", []
    parts, values = ["1 = 0"], list[object]()
    for column, targets in (("group_id", sorted(scope.groups)), ("customer", sorted(scope.customers))):
        if targets:
            parts.append(f"slip.{column} IN ({marks(len(targets))})")
            values += targets
    return f"({' OR '.join(parts)})", values


def _where(scope: Scope, wanted: SlipFilter) -> tuple[str, list[object]]:
    reached, values = within(scope)
    where = [reached]
    asked = (
        ("kind = ?", wanted.kind),
        ("state = ?", wanted.state),
        ("site = ?", wanted.site),
        ("device = ?", wanted.device),
        ("day >= ?", wanted.first_day),
        ("day <= ?", wanted.last_day),
    )
    for condition, value in asked:
        if value:
            where.append(f"slip.{condition}")
            values.append(value)
    if wanted.made is not None:
        where.append("slip.made_ms >= ? AND slip.made_ms < ?")
        values += wanted.made
    return " AND ".join(where), values


def _logs(connection: Connection, ids: Sequence[int]) -> dict[int, list[Line]]:
    found: dict[int, list[Line]] = {}
    for part in chunks(ids):
        rows = look(
            connection,
            "SELECT slip_id, id, at_ms, who, verb, side, words, file, data FROM slip_line "
            f"WHERE slip_id IN ({marks(len(part))}) ORDER BY id",
            *part,
        )
        for row in rows:
            found.setdefault(row[0], []).append(Line._make((*row[1:-1], json.loads(row[-1]))))
    return found


# --- writing ---------------------------------------------------------------------------------------------------------


def begin(connection: Connection, new: SlipNew, data: Mapping[str, str], deed: Deed) -> SlipRow:
    """Write a new slip; the same key again answers with what was written then. StoreError (conflict): it may not be."""
    known = None if new.key is None else _of_key(connection, new.key, deed)
    if known is not None:
        return known
    year = int(new.day[:4])
    number = f"S{year:04d}-{series.mark(connection)}{series.number(connection, 'slip'):06d}"
    kind = run(connection, "SELECT kind FROM device WHERE id = ?", new.device or "").scalar()
    slip: int = run(
        connection,
        "INSERT INTO slip (number, kind, day, site, customer, group_id, device, device_kind, engineer, state, made_ms, "
        "made_by, version, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, 0, ?) RETURNING id",
        *(number, new.kind, new.day, new.site, new.customer, new.group, new.device, kind or "", new.engineer),
        *(deed.at_ms, deed.who, new.key),
    ).scalar_one()
    audit.add(connection, deed, "slip.begin", f"slip:{number}", after={"kind": new.kind, "day": new.day})
    return add(connection, slip, Wish(verb="write", data=data), deed)


def add(connection: Connection, slip: int, wish: Wish, deed: Deed) -> SlipRow:
    """Write a line. StoreError (conflict): core/slips.py refuses it, or somebody was faster."""
    before = _row(connection, slip)
    kind, log = KINDS[before.kind], log_of(connection, slip)
    refused = refusal(kind, standing_of(log), wish, before.device_kind)
    if refused is not None:
        raise conflict(refused.en, refused.cause, refused.zh)
    if wish.file is not None:
        files.claim(connection, SLIPS, slip, wish.file, deed.at_ms, is_signature=wish.verb == "sign")
    said = {name: clean(text, len(text)) for name, text in wish.data.items()}
    line: int = run(
        connection,
        "INSERT INTO slip_line (slip_id, at_ms, who, verb, side, words, file, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
        "RETURNING id",
        *(slip, deed.at_ms, deed.who, wish.verb, wish.side, clean(wish.words.strip(), len(wish.words)), wish.file),
        json_text(said),
    ).scalar_one()
    written = Line(line, deed.at_ms, deed.who, wish.verb, wish.side, wish.words.strip(), wish.file, said)
    state = standing_of([*log, written]).state(kind)
    signed_ms = deed.at_ms if state == "signed" else before.signed_ms if state == "void" else None
    changed = run(
        connection,
        "UPDATE slip SET state = ?, signed_ms = ?, version = ? WHERE id = ? AND version = ?",
        *(state, signed_ms, line, slip, before.version),
    )
    if not changed.rowcount:
        raise conflict("somebody else wrote to it at the same time", "changed", "look at it again")
    audit.add(connection, deed, f"slip.{wish.verb}", f"slip:{before.number}", after={"line": line, "state": state})
    return _row(connection, slip)


def _row(connection: Connection, slip: int) -> SlipRow:
    return SlipRow(*run(connection, f"SELECT {COLUMNS} FROM slip WHERE id = ?", slip).one())


def _of_key(connection: Connection, key: str, deed: Deed) -> SlipRow | None:
    found = run(connection, f"SELECT {COLUMNS} FROM slip WHERE made_by = ? AND key = ?", deed.who, key).first()
    return None if found is None else SlipRow(*found)
