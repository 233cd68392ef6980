"""A month that a fleet has behind it: ledger, faults, tickets and places, written straight into the database.

Of each device, over 30 days: some 6 outages, 3 stretches that nobody knows, 4 faults that do not count as down, a
ticket for every third outage; a tenth of the ledger was told anew. One device in 20 has a ticket open. Kinds, sites and
customers as in a fleet of branches: 20 devices to a site, 10 sites to a customer.
"""

import json
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tests.bench._fleet import agent, group

DAY_MS = 86_400_000
DAYS = 30
KINDS = ("kiosk", "nvr", "ups", "vehicle", "printer")
CODES = ("printer.paper_end", "printer.cover_open", "disk.nearly_full", "host.unreachable", "clock.wrong")
PER_SITE, PER_CUSTOMER = 20, 10
INTERVAL = (
    "INSERT INTO interval (device, state, cause, fault, event_from_ms, event_to_ms, known_from_ms, known_to_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
CONDITION = (
    "INSERT INTO condition (subject, component, code, event_from_ms, event_to_ms, known_from_ms, first_ref, "
    "confirmed_ref, cause) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '')"
)
TICKET = (
    "INSERT INTO ticket (id, number, subject, agent_no, component, code, severity, service_class, state, "
    "fault_from_ms, fault_to_ms, opened_ms, opened_late, resolved_ms, outcome) "
    "VALUES (?, ?, ?, ?, 'printer', ?, 'major', 'clerk', ?, ?, ?, ?, 0, ?, ?)"
)
EVENT = "INSERT INTO ticket_event (ticket_id, at_ms, who, verb, text, data) VALUES (?, ?, 'roundsman', ?, '', ?)"
VERSION = "from_ms, made_ms, made_by"


def write(path: Path, devices: int, until_ms: int) -> None:
    """Write the month before `until_ms` of a register that holds `devices` of tests/bench/_fleet.py."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("BEGIN")
    database.executemany(
        "UPDATE device SET kind = ? WHERE id = ?", ((KINDS[i % len(KINDS)], agent(i)) for i in range(devices))
    )
    _places(database, devices)
    numbers = dict(database.execute("SELECT id, no FROM agent"))
    for i in range(devices):
        _month(database, agent(i), numbers[agent(i)], until_ms, random.Random(i), has_open=i % 20 == 0)
    count = database.execute("SELECT count(*) FROM ticket").fetchone()[0]
    database.execute("INSERT INTO series (name, next) VALUES ('ticket', ?)", (count + 1,))
    database.execute("COMMIT")
    database.execute("ANALYZE")
    database.close()


def _places(database: sqlite3.Connection, devices: int) -> None:
    sites = -(-devices // PER_SITE)
    customers = -(-sites // PER_CUSTOMER)
    database.executemany(
        f"INSERT INTO customer (id, {VERSION}, name_zh, name_en) VALUES (?, 0, 0, 'bench', ?, ?)",
        ((f"c{k:04d}", f"客户 {k}", f"Customer {k}") for k in range(customers)),
    )
    database.executemany(
        f"INSERT INTO site (id, {VERSION}, customer, group_id, name_zh, name_en, address, zone, time_zone, "
        "service_hours) VALUES (?, 0, 0, 'bench', ?, ?, ?, ?, '', 'urban', 'Asia/Shanghai', '24/7')",
        (
            (f"s{k:05d}", f"c{k // PER_CUSTOMER:04d}", group(k * PER_SITE + 1), f"网点 {k}", f"Branch {k}")
            for k in range(sites)
        ),
    )
    database.executemany(
        f"INSERT INTO place (id, {VERSION}, site, name_zh, name_en) VALUES (?, 0, 0, 'bench', ?, ?, ?)",
        ((f"p{i:06d}", f"s{i // PER_SITE:05d}", f"点位 {i}", f"Place {i}") for i in range(devices)),
    )
    database.executemany(
        f"INSERT INTO installation (device, {VERSION}, place) VALUES (?, 0, 0, 'bench', ?)",
        ((agent(i), f"p{i:06d}") for i in range(devices)),
    )


def _month(
    database: sqlite3.Connection, device: str, no: int, until_ms: int, chance: random.Random, *, has_open: bool
) -> None:
    begin = until_ms - DAYS * DAY_MS
    breaks = sorted(
        (chance.randrange(begin, until_ms - DAY_MS // 24), chance.choice(("down", "down", "unknown"))) for _ in range(9)
    )
    rows, at = [], begin
    for start, state in breaks:
        end = start + chance.randrange(60_000, 3_000_000)
        if start <= at or end >= until_ms:
            continue
        rows.append((device, "up", "", "", at, start, at, None))
        cause = ("fault", CODES[0]) if state == "down" else ("silent", "")
        rows.append((device, state, *cause, start, end, start, None))
        if chance.random() < 0.1:  # told as up at first, then anew
            rows.append((device, "up", "", "", start, None, start, start + 120_000))
        at = end
    rows.append((device, "up", "", "", at, until_ms, at, None))
    database.executemany(INTERVAL, rows)
    down = [row for row in rows if row[1] == "down"]
    ref = json.dumps(["bench", 1, begin])
    database.executemany(CONDITION, (_condition(row, ref) for row in down))
    warnings = ((chance.randrange(begin, until_ms - DAY_MS), chance.choice(CODES[1:])) for _ in range(4))
    database.executemany(
        CONDITION,
        ((device, "printer", code, start, start + 1_800_000, start, ref, ref) for start, code in warnings),
    )
    for row in down[::3]:
        _ticket(database, device, no, row[4], row[5], begin)
    if has_open:
        _ticket(database, device, no, until_ms - chance.randrange(DAY_MS), None, begin)


def _condition(row: tuple, ref: str) -> tuple:  # type: ignore[type-arg]
    device, _, _, code, start, end, known, _ = row
    return device, "printer", code, start, end, known, ref, ref


_ids: Iterator[int] = iter(range(1, 10**9))


def _ticket(database: sqlite3.Connection, device: str, no: int, from_ms: int, to_ms: int | None, begin_ms: int) -> None:
    ticket_id = next(_ids)
    state = ("open", None, "") if to_ms is None else ("resolved", to_ms + 60_000, "recovered")
    database.execute(
        TICKET,
        (
            ticket_id,
            f"2026-{ticket_id:06d}",
            device,
            no,
            CODES[0],
            state[0],
            from_ms,
            to_ms,
            from_ms + 60_000,
            *state[1:],
        ),
    )
    ref = {"stream": f"{device}-3f9c", "n": 1, "t": begin_ms}
    events = [("open", json.dumps({"first": ref, "confirmed": ref, "policy": "bench"}))]
    if to_ms is not None:
        events.append(("resolve", json.dumps({"first": ref, "confirmed": ref})))
    database.executemany(EVENT, ((ticket_id, from_ms + 60_000, verb, data) for verb, data in events))
