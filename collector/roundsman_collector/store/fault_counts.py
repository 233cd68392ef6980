"""Faults of a window and what stood installed, as the database has them: for figures, reports and warnings.

    of(connection, scope, (from_ms, to_ms), known_ms) -> Found        the faults that count, and what is left out
    of(..., only={"site": "metro-rmgc"})                              of one site, contract, customer, group, device
    installed(connection, scope, (from_ms, to_ms)) -> [Installed]     device by device, as installations are dated

What a fault is and what became of it says core/fault_counts.py. A ticket belongs to the customer, contract and site at
which its device stood when it was opened: whoever has the device now does not see it. Models, vendors and batches are
those that the register has now: what a device is does not change, what was entered wrongly does. When a fault was said
to have begun, before late evidence said otherwise, stands in the log.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.failure_rates import Installed
from roundsman_collector.core.fault_counts import (
    VERBS,
    Fate,
    Fault,
    Line,
    Why,
    component_of,
    fate_of,
    is_within,
)
from roundsman_collector.core.intervals import Pair, normal
from roundsman_collector.core.kept import OUR_WORK
from roundsman_collector.roles import Scope
from roundsman_collector.store import laid, reach
from roundsman_collector.store.sql import look, marks, quoted
from roundsman_collector.store.tickets import BEGAN_BEFORE

UNKNOWN_CLASS = "other"
ONLY: Mapping[str, str] = {
    "customer": "ticket.customer = ?",
    "contract": "ticket.contract = ?",
    "site": "ticket.site = ?",
    "place": "ticket.place = ?",
    "device": "ticket.subject = ?",
    "group": "ticket.site IN (SELECT id FROM site WHERE to_ms IS NULL AND group_id = ?)",
}
"""What may be asked for, beside the scope."""
STOOD: Mapping[str, str] = {
    "customer": "s.customer = ?",
    "contract": "s.contract = ?",
    "site": "s.id = ?",
    "place": "p.id = ?",
    "device": "i.device = ?",
    "group": "s.group_id = ?",
}
"""The same, of what stood installed."""
ASKED: Mapping[str, str] = {}


class LeftOut(NamedTuple):
    """A ticket that is in no count, and why."""

    ticket: int
    number: str
    why: Why


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The faults of a window by when they began, and what is left out."""

    faults: tuple[Fault, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def of(connection: Connection, scope: Scope, window: Pair, known_ms: int, *, only: Mapping[str, str] = ASKED) -> Found:
    """The faults that began in [from, to), as far as the scope reaches, as known at a time."""
    where, values = _where(connection, scope, window, known_ms, only)
    logs = _logs(connection, where, values, known_ms)
    told = [logs.as_known(_Row(*row)) for row in look(connection, f"{SELECT}{where}", *values)]
    rows = sorted(row for row in told if window[0] <= row.fault_from_ms < window[1])
    excluded = _excluded(connection, rows, window, known_ms)
    faults: list[Fault] = []
    left_out: list[LeftOut] = []
    for row in rows:
        fate = fate_of(logs.lines.get(row.id, ()))
        why = fate.why or ("excluded" if is_within(row.fault_from_ms, excluded.get(row.subject, ())) else "")
        if why:
            left_out.append(LeftOut(row.id, row.number, why))
        else:
            faults.append(_fault(row, fate, logs.classes.get(row.id, "") or UNKNOWN_CLASS))
    return Found(faults=tuple(faults), left_out=tuple(left_out))


def installed(
    connection: Connection, scope: Scope, window: Pair, *, only: Mapping[str, str] = ASKED
) -> list[Installed]:
    """What stood where the scope reaches in [from, to), by device."""
    reached, values = _stood_within(scope)
    asked = [STOOD[name] for name in only]
    sql = INSTALLED + " AND ".join([reached, *asked]) + " ORDER BY i.device"
    spans: dict[str, list[Pair]] = defaultdict(list)
    known: dict[str, Sequence[Any]] = {}
    for row in look(connection, sql, window[1], window[0], *values, *only.values()):
        begin = max(window[0], row[1], row[3], row[5])
        end = min(window[1] if time is None else time for time in (row[2], row[4], row[6], window[1]))
        if begin < end:
            spans[row[0]].append((begin, end))
            known[row[0]] = row[7:]
    return [Installed(device, normal(spans[device]), *(said or "" for said in known[device])) for device in spans]


# --- what is asked ---------------------------------------------------------------------------------------------------


MOVED_SINCE = "SELECT ticket_id FROM ticket_event WHERE verb = 'amend' AND at_ms > ?"
"""Tickets whose fault may be said to have begun at another time since."""


def _where(
    connection: Connection, scope: Scope, window: Pair, known_ms: int, only: Mapping[str, str]
) -> tuple[str, list[object]]:
    """Tickets whose fault began in the window, or may have been said to as known then."""
    reached, values = tickets_within(scope)
    began, bound = "ticket.fault_from_ms >= ? AND ticket.fault_from_ms < ?", list[object](window)
    if look(connection, f"{MOVED_SINCE} LIMIT 1", known_ms):
        began, bound = f"({began} OR ticket.id IN ({MOVED_SINCE}))", [*bound, known_ms]
    parts = [
        began,
        "ticket.opened_ms <= ?",
        f"ticket.code NOT IN ({quoted(OUR_WORK)})",
        reached,
        *(ONLY[name] for name in only),
    ]
    return " AND ".join(parts), [*bound, known_ms, *values, *only.values()]


def tickets_within(scope: Scope) -> reach.Condition:
    """The condition under which a scope reaches a ticket by where its subject stood when it was opened.

    One of no site is a group's where its subject is now; a customer has none that was not at theirs.
    """
    if scope.everything:
        return reach.ALL, []
    parts: list[str] = []
    values: list[object] = []
    if scope.customers:
        parts.append(f"ticket.customer IN ({marks(len(scope.customers))})")
        values += sorted(scope.customers)
    if scope.groups:
        names = sorted(scope.groups)
        some = marks(len(names))
        now, bound = reach.subjects_within(Scope(groups=scope.groups))
        parts += [
            f"ticket.agent_no IN (SELECT no FROM agent WHERE group_id IN ({some}))",
            f"ticket.site IN (SELECT id FROM site WHERE to_ms IS NULL AND group_id IN ({some}))",
            f"(ticket.site IS NULL AND {now})",
        ]
        values += [*names, *names, *bound]
    return (f"({' OR '.join(parts)})", values) if parts else (reach.NONE, [])


def _stood_within(scope: Scope) -> reach.Condition:
    if scope.everything:
        return reach.ALL, []
    parts: list[str] = []
    values: list[object] = []
    for column, targets in (("s.customer", scope.customers), ("s.group_id", scope.groups)):
        if targets:
            parts.append(f"{column} IN ({marks(len(targets))})")
            values += sorted(targets)
    if scope.groups:
        spoken, bound = reach.within(Scope(groups=scope.groups), "i.device")
        parts.append(spoken)
        values += bound
    return (f"({' OR '.join(parts)})", values) if parts else (reach.NONE, [])


INSTALLED = (
    "SELECT i.device, i.from_ms, i.to_ms, p.from_ms, p.to_ms, s.from_ms, s.to_ms, "
    "device.kind, device.model, device.vendor, device.batch "
    f"FROM {laid.STANDING_THEN} JOIN device ON device.id = i.device "
    "WHERE i.from_ms < ? AND (i.to_ms IS NULL OR i.to_ms > ?) AND "
)


# --- tickets ---------------------------------------------------------------------------------------------------------


class _Row(NamedTuple):
    fault_from_ms: int
    id: int
    number: str
    subject: str
    code: str
    component: str
    customer: str | None
    contract: str | None
    site: str | None
    kind: str | None
    model: str | None
    vendor: str | None
    batch: str | None


SELECT = (
    "SELECT ticket.fault_from_ms, ticket.id, ticket.number, ticket.subject, ticket.code, ticket.component, "
    "ticket.customer, ticket.contract, ticket.site, device.kind, device.model, device.vendor, device.batch "
    "FROM ticket LEFT JOIN device ON device.id = ticket.subject WHERE "
)


def _fault(row: _Row, fate: Fate, category: str) -> Fault:
    return Fault(
        ticket=row.id,
        number=row.number,
        from_ms=row.fault_from_ms,
        subject=row.subject,
        code=row.code,
        category=category,
        component=component_of(row.component),
        kind=row.kind or "",
        model=row.model or "",
        vendor=row.vendor or "",
        batch=row.batch or "",
        customer=row.customer or "",
        contract=row.contract or "",
        site=row.site or "",
        cause=fate.cause,
        done=fate.done,
        parts=fate.parts,
    )


@dataclass(frozen=True, slots=True)
class _Logs:
    """Of each ticket the lines that were known, the class of its fault, and when that was said to have begun, where it
    is said otherwise by now."""

    lines: dict[int, list[Line]]
    classes: dict[int, str]
    began: dict[int, int]

    def as_known(self, row: _Row) -> _Row:
        """A ticket with the beginning of its fault as it was known."""
        return row._replace(fault_from_ms=self.began.get(row.id, row.fault_from_ms))


def _logs(connection: Connection, where: str, values: Sequence[object], known_ms: int) -> _Logs:
    sql = (
        "SELECT e.ticket_id, e.who, e.verb, e.data FROM ticket_event e JOIN ticket ON ticket.id = e.ticket_id "
        f"WHERE {where} AND (e.verb = 'promise' OR (e.verb IN ({quoted(VERBS)}) AND e.at_ms <= ?) "
        "OR (e.verb = 'amend' AND e.at_ms > ?)) ORDER BY e.id"
    )
    found = _Logs(defaultdict(list), {}, {})
    for ticket_id, who, verb, text in look(connection, sql, *values, known_ms, known_ms):
        data = json.loads(text)
        if verb == "promise":
            found.classes[ticket_id] = str(data.get("category") or "")
        elif verb != "amend":
            found.lines[ticket_id].append(Line(who, verb, data))
        elif BEGAN_BEFORE in data:
            found.began.setdefault(ticket_id, int(data[BEGAN_BEFORE]))
    return found


def _excluded(
    connection: Connection, rows: Iterable[_Row], window: Pair, known_ms: int
) -> dict[str, list[tuple[int, int | None]]]:
    """When which of the devices was excluded or under maintenance, as known at a time."""
    devices = {row.subject for row in rows if row.subject[:1] not in ("@", "#")}
    if not devices:
        return {}
    found = laid.overlays_for(connection, devices, *window, known_ms)
    return {
        device: [(one.from_ms, one.to_ms) for one in over if one.kind != "correction"] for device, over in found.items()
    }
