"""Database: the same batches committed to SQLite and to PostgreSQL, and the same history read back, turn by turn.

    make bench ONLY=database                            two minutes
    make bench ONLY="database --batches 50"             a quick try

    this process: Store.commit(1,000 reports, 1 % transitions, memory of 200 agents) --> a file
                                                                                     --> Debian's server on this machine

Both are durable: a commit is on the disk when it returns. They take turns, so that whoever else uses the machine is
in both figures. CPU is told apart: of this process, which is the collector's, and of the server's. `read_back` is the
evidence of one agent, as a rebuild asks for it; `looks` are single rows, as late news asks for them.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import psutil

from roundsman_collector.core.model import Retold, Segment
from roundsman_collector.store import Batch, DeviceEntry, EvidenceRow, Store, UnitRow
from roundsman_collector.store.present import DeviceNow
from roundsman_collector.store.register import AgentEntry
from tests.bench._machine import facts
from tests.postgres import Server

AGENTS = 2_000
ROWS = 1_000
TRANSITIONS = 10
SWEPT = 200
BODY = b"x" * 900
READINGS = {f"reading.{n}": n * 1.5 for n in range(20)}
MEMORY = "m" * 800
NOW_MS = 1_760_000_000_000
READ_BACK = 20


class Spent(NamedTuple):
    """Seconds on the clock, CPU seconds of this process, CPU seconds of the server."""

    wall: float
    client: float
    server: float


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--batches", type=int, default=300, help="batches of 1,000 reports for each database")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    with (
        tempfile.TemporaryDirectory(prefix="roundsman-bench-") as folder,
        Server.started(is_durable=True) as server,
        closing(Store.open(Path(folder) / "roundsman.sqlite3")) as file,
        closing(Store.open(server.database())) as served,
    ):
        stores = {"sqlite": file, "postgresql": served}
        written = {name: [0.0, 0.0, 0.0] for name in stores}
        for store in stores.values():
            store.add_agents(list(_entries()), NOW_MS)
        for count in range(arguments.batches):
            batch = _batch(count)
            for name, store in stores.items():
                begun = _spent(server)
                store.commit(batch)
                _add(written[name], begun, _spent(server))
        found: dict[str, object] = {"machine": facts(), "reports": arguments.batches * ROWS}
        for name, store in stores.items():
            reports = arguments.batches * ROWS
            wall, client, theirs = (round(part / reports * 1e6, 1) for part in written[name])
            found[name] = {
                "wall_us_per_report": wall,
                "collector_cpu_us_per_report": client,
                "server_cpu_us_per_report": theirs if name == "postgresql" else 0,
                "read_back_us_per_row": _read_back(store, server, arguments.batches),
                "looks_us": _looks(store, server),
            }
        return found


def _entries() -> Iterator[AgentEntry]:
    for no in range(1, AGENTS + 1):
        device = DeviceEntry(id=f"d{no}", kind="kiosk", name_zh="终端", name_en="kiosk")
        yield AgentEntry(id=f"a{no}", group="south", devices=(device,))


def _batch(count: int) -> Batch:
    """The agents take turns; every one of them has said something every second batch."""
    now_ms = NOW_MS + count * 150
    first = count * ROWS
    rows = []
    for seq in range(first + 1, first + ROWS + 1):
        agent = (seq - 1) % AGENTS + 1
        rows.append(
            EvidenceRow(
                seq, agent, seq - AGENTS if seq > AGENTS else None, "report", "s1", seq, seq, now_ms, None, BODY
            )
        )
    told = [
        Retold(f"d{no}", now_ms, (Segment(now_ms, None, "down" if count % 2 else "up", "fault", "x"),))
        for no in range(count % 100 + 1, AGENTS, AGENTS // TRANSITIONS)
    ]
    swept = [(first + place) % AGENTS + 1 for place in range(SWEPT)]
    return Batch(
        now_ms=now_ms,
        evidence=rows,
        tells=told,
        units=[UnitRow(no, first, first, None, None, MEMORY) for no in swept],
        device_now=[DeviceNow(f"d{no}", no, now_ms, now_ms, now_ms, False, READINGS, now_ms) for no in swept],
        wakes=dict.fromkeys(swept, now_ms + 60000),
    )


def _read_back(store: Store, server: Server, batches: int) -> float:
    """The evidence of some agents, all of it."""
    begun, rows = _spent(server), 0
    newest = batches * ROWS
    for place in range(min(READ_BACK, AGENTS)):
        head = newest - place
        rows += len(store.evidence_of((head - 1) % AGENTS + 1, head, 0))
    return round((_spent(server).wall - begun.wall) / rows * 1e6, 1)


def _looks(store: Store, server: Server) -> float:
    begun = _spent(server)
    for no in range(1, 501):
        store.checkpoint_before(no, NOW_MS)
    return round((_spent(server).wall - begun.wall) / 500 * 1e6, 1)


def _spent(server: Server) -> Spent:
    return Spent(time.perf_counter(), time.process_time(), _cpu_of(server))


def _cpu_of(server: Server) -> float:
    """CPU seconds of the server and all its children, as far as they live."""
    main = psutil.Process(server.pid)
    total = 0.0
    for process in (main, *main.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def _add(sums: list[float], begun: Spent, ended: Spent) -> None:
    for place, (a, b) in enumerate(zip(begun, ended, strict=True)):
        sums[place] += b - a
