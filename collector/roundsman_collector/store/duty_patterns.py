"""How the weeks of a rota look, and days that are made like that.

put_pattern(connection, rota, document, deed=..., scope=...)       how they look from now on; it fills no day
planned(connection, rota, first, last, now_ms=...) -> Plan         what filling days would do
fill(connection, rota, first, last, deed=...) -> Plan              ... and does
"""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.duty import DutyError, Pattern, Plan, filled, laid_out, pattern_from, written
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import audit, calendars, duty, entries
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.duty import NOTE_LIMIT, ZONE, Rota
from roundsman_collector.store.duty_refusals import check_person, check_rota, value_refused
from roundsman_collector.store.entry_kinds import EntryError
from roundsman_collector.store.sql import chunks, clean, json_text, many, marks, run


class PatternRow(NamedTuple):
    """How the weeks of a rota look, and who said so when."""

    pattern: Pattern
    made_ms: int
    made_by: str


def pattern(connection: Connection, rota: Rota, *, scope: Scope = EVERYTHING) -> PatternRow | None:
    """How the weeks of a rota look now; None: nobody has said, or it is out of reach."""
    if not scope.holds(rota.group, None):
        return None
    row = run(
        connection,
        "SELECT body, made_ms, made_by FROM duty_pattern WHERE group_id = ? AND point = ? AND to_ms IS NULL",
        rota.group,
        rota.point,
    ).first()
    return None if row is None else PatternRow(pattern_from(json.loads(row[0])), row[1], row[2])


def put_pattern(
    connection: Connection, rota: Rota, document: Mapping[str, Any], *, deed: Deed, scope: Scope = EVERYTHING
) -> Pattern:
    """Say how the weeks of a rota look from now on; it fills no day by itself. Raises EntryError."""
    duty.begin(connection, deed)
    check_rota(connection, rota, scope)
    try:
        wanted = pattern_from(document)
    except DutyError as error:
        raise value_refused(error.field, error.what, error.expected) from error
    if entries.one(connection, "calendar", wanted.calendar, scope=scope) is None:
        raise value_refused("calendar", f"there is no calendar {wanted.calendar[:63]}", "a calendar such as cn")
    for at, line in enumerate(wanted.lines):
        for person in line.people:
            check_person(connection, rota.group, person, f"lines.{at}.people")
    before = pattern(connection, rota)
    if before is not None and before.pattern == wanted:
        return wanted
    begin = deed.at_ms if before is None else max(deed.at_ms, before.made_ms + 1)
    run(
        connection,
        "UPDATE duty_pattern SET to_ms = ? WHERE group_id = ? AND point = ? AND to_ms IS NULL",
        begin,
        rota.group,
        rota.point,
    )
    run(
        connection,
        "INSERT INTO duty_pattern (group_id, point, from_ms, made_ms, made_by, body) VALUES (?, ?, ?, ?, ?, ?)",
        rota.group,
        rota.point,
        begin,
        begin,
        clean(deed.who, NOTE_LIMIT),
        json_text(written(wanted)),
    )
    told = None if before is None else written(before.pattern)
    audit.add(connection, deed, "duty.pattern", _subject(rota), before=told, after=written(wanted))
    return wanted


def planned(
    connection: Connection, rota: Rota, first: date, last: date, *, now_ms: int, scope: Scope = EVERYTHING
) -> Plan:
    """What filling days of a rota would do. Raises EntryError."""
    check_rota(connection, rota, scope)
    found = pattern(connection, rota)
    if found is None:
        raise EntryError(
            what="nobody has said how the weeks of this rota look",
            where=_subject(rota),
            expected="a pattern",
            do="write a pattern first, then fill days with it",
            cause="conflict",
            field="pattern",
        )
    days = calendars.days(connection, found.pattern.calendar, from_day=found.pattern.from_day, to_day=last)
    try:
        turns = filled(found.pattern, days, first, last, zone(ZONE))
    except DutyError as error:
        raise value_refused(error.field, error.what, error.expected) from error
    begin, end = instant(first, 0, zone(ZONE)), instant(last + timedelta(days=1), 0, zone(ZONE))
    widest = max((turn.to_ms for turn in turns), default=end)
    held = duty.read(connection, "group_id = ? AND to_ms > ? AND from_ms < ?", rota.group, begin, widest)
    seen = {one.id for one in held}
    for part in chunks(sorted({turn.person for turn in turns})):
        rows = duty.read(
            connection,
            f"person IN ({marks(len(part))}) AND kind = 'off' AND to_ms > ? AND from_ms < ?",
            *part,
            begin,
            widest,
        )
        held += [one for one in rows if one.id not in seen]
    return laid_out(turns, held, group=rota.group, point=rota.point, from_ms=begin, to_ms=end, now_ms=now_ms)


def fill(connection: Connection, rota: Rota, first: date, last: date, *, deed: Deed, scope: Scope = EVERYTHING) -> Plan:
    """Make days of a rota as its pattern says; returns what was done. Raises EntryError."""
    duty.begin(connection, deed)
    plan = planned(connection, rota, first, last, now_ms=deed.at_ms, scope=scope)
    for part in chunks(sorted({turn.person for turn in plan.add})):
        for person in part:
            check_person(connection, rota.group, person, "people")
    who = clean(deed.who, NOTE_LIMIT)
    many(
        connection,
        "UPDATE duty_shift SET void_ms = ?, void_by = ? WHERE id = ? AND void_ms IS NULL",
        [(deed.at_ms, who, one) for one in plan.void],
    )
    many(
        connection,
        "INSERT INTO duty_shift (group_id, point, person, kind, from_ms, to_ms, note, origin, made_ms, made_by) "
        "VALUES (?, ?, ?, ?, ?, ?, '', 'pattern', ?, ?)",
        [
            (rota.group, rota.point, turn.person, turn.kind, turn.from_ms, turn.to_ms, deed.at_ms, who)
            for turn in plan.add
        ],
    )
    if plan.add or plan.void:
        told = {
            "first": first.isoformat(),
            "last": last.isoformat(),
            "added": len(plan.add),
            "taken_back": len(plan.void),
            "left_out": len(plan.left_out),
        }
        audit.add(connection, deed, "duty.fill", _subject(rota), after=told)
    return plan


def _subject(rota: Rota) -> str:
    return f"rota:{rota.group}" + (f"/{rota.point}" if rota.point else "")
