"""All monthly numbers of a fleet: availability with coverage, promises kept, faults, failure rates, recurrence.

    make bench ONLY=monthly                           10,000 devices
    make bench ONLY="monthly --devices 1000"          a quick try

The fleet has a month behind it (tests/bench/_past.py): some 25,000 tickets for 10,000 devices at 500 sites of 50
customers, each with its promise; of a third somebody went there, used a part and mended it, with two clocks. A process
of its own asks the store what reports and pages ask it: availability by site and local day, by customer and of all;
promises kept by contract and zone; faults with every grouping; what stood installed, with rates by model, vendor and
batch; what recurs. Each is asked for once: nothing is remembered between two of them.
"""

import argparse
import gc
import json
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from roundsman_collector.config import recurrence
from roundsman_collector.core.failure_rates import RATE_GROUPINGS, rates
from roundsman_collector.core.fault_counts import GROUPINGS, pareto, parts_of
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import Outbox, Store, View
from roundsman_collector.store.kept import KeptAsked
from roundsman_collector.store.reckon import Asked
from roundsman_collector.store.sql import chunks
from roundsman_collector.web.__main__ import GARBAGE_THRESHOLDS
from tests.bench import _fleet, _past
from tests.bench._machine import facts

DAY_MS = 86_400_000
UNTIL_MS = 1_796_054_400_000  # November 2026 is over in Beijing
BEGIN_MS = UNTIL_MS - _past.DAYS * DAY_MS
AIM_S = 30
MODELS, VENDORS = 20, 6
LINE = "INSERT INTO ticket_event (ticket_id, at_ms, who, verb, text, data) VALUES (?, ?, ?, ?, '', ?)"
CLOCK = (
    "INSERT INTO ticket_clock (ticket_id, clock, state, start_ms, due_ms, ended_ms, elapsed_ms, is_breached) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=int, default=10_000, help="how many")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    if arguments.measure is not None:
        return _measured(arguments.measure)
    before = facts()
    folder = Path(tempfile.mkdtemp(prefix="roundsman-bench-"))
    try:
        path = folder / "roundsman.sqlite3"
        tickets = _write(path, arguments.devices)
        command = [sys.executable, "-m", "tests.bench", "monthly", "--measure", str(path)]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    finally:
        shutil.rmtree(folder)
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    del found["bench"]
    machine = {**before, "load_1m_after": facts()["load_1m"]}
    return {"aim_s": AIM_S, "devices": arguments.devices, "tickets": tickets, **found, "machine": machine}


# --- what is measured ------------------------------------------------------------------------------------------------


def _measured(path: Path) -> dict[str, object]:
    gc.set_threshold(*GARBAGE_THRESHOLDS)  # as in the console's process
    taken: dict[str, dict[str, float]] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        begin, cpu = time.monotonic(), time.process_time()
        answer = work()
        spent = time.monotonic() - begin, time.process_time() - cpu
        taken[name] = {"seconds": round(spent[0], 2), "cpu_s": round(spent[1], 2)}
        return answer

    window = (BEGIN_MS, UNTIL_MS)
    with View.open(path) as view:
        for by, bucket in (("", ""), ("customer", ""), ("site", "day")):
            timed(
                f"availability {by or 'of all'} {bucket}".strip(),
                lambda by=by, bucket=bucket: view.reckon(_asked(by, bucket)),
            )
        for by in ("", "contract", "zone"):
            timed(f"promises kept by {by or 'nothing'}", lambda by=by: view.kept(_kept(by)))
        faults = timed("faults", lambda: view.faults(EVERYTHING, window, UNTIL_MS)).faults
        timed("faults, every grouping", lambda: [parts_of(faults), *(pareto(faults, by) for by in GROUPINGS)])
        standing = timed("what stood installed", lambda: view.installed(EVERYTHING, window))
        timed("failure rates", lambda: [rates(faults, standing, by) for by in RATE_GROUPINGS])
    with Outbox.open(path) as outbox:
        warned = timed("what recurs", lambda: outbox.warn(recurrence(), UNTIL_MS))
    return {
        "seconds": round(sum(one["seconds"] for one in taken.values()), 1),
        "cpu_s": round(sum(one["cpu_s"] for one in taken.values()), 1),
        "parts": taken,
        "faults": len(faults),
        "warnings": warned,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _asked(by: Any, bucket: Any) -> Asked:
    return Asked(from_ms=BEGIN_MS, to_ms=UNTIL_MS, now_ms=UNTIL_MS, by=by, bucket=bucket)


def _kept(by: Any) -> KeptAsked:
    return KeptAsked(scope=EVERYTHING, from_ms=BEGIN_MS, to_ms=UNTIL_MS, now_ms=UNTIL_MS, by=by)


# --- the month -------------------------------------------------------------------------------------------------------


def _write(path: Path, devices: int) -> int:
    """The fleet with its month; how many tickets it has."""
    with Store.open(path) as store:
        for part in chunks(_fleet.entries(devices), 5000):
            store.add_agents(part, BEGIN_MS - 1000)
    _past.write(path, devices, UNTIL_MS)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA synchronous = OFF")
    database.execute("BEGIN")
    database.execute(
        "UPDATE device SET model = 'M' || (CAST(substr(id, 2) AS INTEGER) % ?), "
        "vendor = 'V' || (CAST(substr(id, 2) AS INTEGER) % ?), "
        "batch = '2026-' || (CAST(substr(id, 2) AS INTEGER) % 12)",
        (MODELS, VENDORS),
    )
    database.execute(
        "UPDATE ticket SET (place, site, customer, zone) = (SELECT p.id, s.id, s.customer, s.zone FROM installation i "
        "JOIN place p ON p.id = i.place JOIN site s ON s.id = p.site WHERE i.device = ticket.subject)"
    )
    rows = database.execute("SELECT id, opened_ms, resolved_ms, site, customer FROM ticket ORDER BY id").fetchall()
    for ticket_id, opened_ms, resolved_ms, site, customer in rows:
        said = {"site": site, "customer": customer, "category": "printer", "level_id": None}
        database.execute(LINE, (ticket_id, opened_ms, "roundsman", "promise", json.dumps(said)))
        if ticket_id % 3 == 0 and resolved_ms is not None:
            _visit(database, ticket_id, opened_ms)
    database.execute("COMMIT")
    database.execute("ANALYZE")
    database.close()
    return len(rows)


def _visit(database: sqlite3.Connection, ticket_id: int, opened_ms: int) -> None:
    """Somebody was sent, came as agreed, used a part and mended it: two clocks, every tenth of them late."""
    hour = 3_600_000
    lines: tuple[tuple[int, str, dict[str, object]], ...] = (
        (1, "dispatch", {"engineer": f"e{ticket_id % 40}", "arrival_ms": opened_ms + 2 * hour}),
        (2, "arrive", {}),
        (3, "part", {"component": "printer", "name": "print head", "quantity": 1}),
        (3, "fix", {"cause": "product"}),
    )
    for after, verb, data in lines:
        database.execute(LINE, (ticket_id, opened_ms + after * hour, f"e{ticket_id % 40}", verb, json.dumps(data)))
    late = ticket_id % 10 == 0
    for clock, after in (("arrive", 2), ("repair", 3)):
        ended_ms = opened_ms + after * hour
        state = "missed" if late else "met"
        row = (ticket_id, clock, state, opened_ms, opened_ms + 4 * hour, ended_ms, after * hour, late)
        database.execute(CLOCK, row)
    database.execute("UPDATE ticket SET state = 'closed', engineer = ? WHERE id = ?", (f"e{ticket_id % 40}", ticket_id))
