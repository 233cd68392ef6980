"""Faults of a window and what stood installed, as the database has them: for figures, reports and warnings.

    of(connection, scope, (from_ms, to_ms), known_ms) -> Found        the faults that count, and what is left out
    of(..., only={"site": "metro-rmgc"})                              of one site, contract, customer, group, device
    installed(connection, scope, (from_ms, to_ms)) -> [Installed]     device by device, as installations are dated

What a fault is and what became of it says core/fault_counts.py. A ticket belongs to the customer, contract and site at
which its device stood when it was opened: whoever has the device now does not see it. Models, vendors and batches are
those that the register has now: what a device is does not change, what was entered wrongly does.
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
from roundsman_collector.core.ticket_words import NOT_SEEN
from roundsman_collector.core.worries import CODE as TASK_LATE
from roundsman_collector.roles import Scope
from roundsman_collector.store import laid, reach
from roundsman_collector.store.sql import look, marks, quoted

UNKNOWN_CLASS = "other"
NO_FAULTS = (TASK_LATE, NOT_SEEN)
"""Codes of tickets about work that is to be done: nothing is broken."""
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
    where, values = _where(scope, window, known_ms, only)
    fates, classes = _fates(connection, where, values, known_ms)
    rows = [
        _Row(*row) for row in look(connection, f"{SELECT}{where} ORDER BY ticket.fault_from_ms, ticket.id", *values)
    ]
    excluded = _excluded(connection, rows, window, known_ms)
    faults: list[Fault] = []
    left_out: list[LeftOut] = []
    for row in rows:
        fate = fates[row.id]
        why = fate.why or ("excluded" if is_within(row.fault_from_ms, excluded.get(row.subject, ())) else "")
        if why:
            left_out.append(LeftOut(row.id, row.number, why))
        else:
            faults.append(_fault(row, fate, classes.get(row.id, "") or UNKNOWN_CLASS))
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


def _where(scope: Scope, window: Pair, known_ms: int, only: Mapping[str, str]) -> tuple[str, list[object]]:
    reached, values = tickets_within(scope)
    parts = [
        "ticket.fault_from_ms >= ? AND ticket.fault_from_ms < ? AND ticket.opened_ms <= ?",
        f"ticket.code NOT IN ({quoted(NO_FAULTS)})",
        reached,
        *(ONLY[name] for name in only),
    ]
    return " AND ".join(parts), [*window, known_ms, *values, *only.values()]


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
    id: int
    number: str
    fault_from_ms: int
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
    "SELECT ticket.id, ticket.number, ticket.fault_from_ms, ticket.subject, ticket.code, ticket.component, "
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


def _fates(
    connection: Connection, where: str, values: Sequence[object], known_ms: int
) -> tuple[Mapping[int, Fate], dict[int, str]]:
    """What had become of each ticket by then, and the class of its fault, which its promise names."""
    sql = (
        "SELECT e.ticket_id, e.who, e.verb, e.data FROM ticket_event e JOIN ticket ON ticket.id = e.ticket_id "
        f"WHERE {where} AND (e.verb = 'promise' OR (e.verb IN ({quoted(VERBS)}) AND e.at_ms <= ?)) ORDER BY e.id"
    )
    logs: dict[int, list[Line]] = defaultdict(list)
    classes: dict[int, str] = {}
    for ticket_id, who, verb, text in look(connection, sql, *values, known_ms):
        data = json.loads(text)
        if verb == "promise":
            classes[ticket_id] = str(data.get("category") or "")
        else:
            logs[ticket_id].append(Line(who, verb, data))
    return _Fates(logs), classes


class _Fates(dict[int, Fate]):
    """What became of tickets; of one without a line nothing has."""

    def __init__(self, logs: Mapping[int, Iterable[Line]]) -> None:
        super().__init__((ticket_id, fate_of(lines)) for ticket_id, lines in logs.items())

    def __missing__(self, _: int) -> Fate:
        return Fate()


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
