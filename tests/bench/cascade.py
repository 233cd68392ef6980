"""Cascade: 10,000 devices behind one failed uplink, settled into one ticket; aim 2 s.

    make bench ONLY=cascade                         10,000 kiosks behind one gateway, a minute or two
    make bench ONLY="cascade --devices 1000"        a quick try

The engine and its store as in production, in this process. Everybody falls silent at once:

    silence       the 10,000 silences told and committed, before any ticket (what each costs without a cause)
    join_s        the root is known first: 10,000 faults that wait become children of its ticket
    absorb_s      10,000 tickets are open already when their root is entered: they are merged into its ticket
    release_s     the root is well, nobody else: 10,000 tickets of their own
    ledger_s      the 10,000 ledgers of a day read, with what the root explains; and once more laid over by hand
    limit_s       for comparison, the physical limit: the rows of `absorb`, as plain SQL in one transaction, same disk

Each is CPU time (this machine may be shared) from the first step of the desk to the last; the clockwork spreads them.
"""

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from roundsman_collector.core.causes import explained
from roundsman_collector.core.model import Segment
from roundsman_collector.core.policy import Builtin, Policy
from roundsman_collector.core.rulebook import book_of
from roundsman_collector.engine import timely
from roundsman_collector.engine.engine import Engine
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.behind import Wanted
from roundsman_collector.store.door import Store
from roundsman_collector.store.reads import View
from roundsman_collector.store.register import AgentEntry, DeviceEntry
from roundsman_collector.store.sql import chunks
from tests.bench._machine import facts
from tests.collector.core.desk import START, at, rule
from tests.collector.engine.desk import GROUP, Agent, gateway

EXPLAINED = ("power", "uplink")
SILENT = replace(rule("agent.silent", Builtin(what="silent"), effect=""), explains="uplink", explained_by=EXPLAINED)
BATCH = 1000
DAY = at(6) - 86_400_000, at(6)
LEDGER = [Segment(DAY[0], at(1) + 90_000, "up", "", ""), Segment(at(1) + 90_000, None, "unknown", "silent", "")]
"""A day of a kiosk that fell silent."""


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=int, default=10_000)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    count: int = arguments.devices
    with tempfile.TemporaryDirectory() as folder:
        joined = _Site(Path(folder) / "joined.sqlite3", count)
        joined.stand(0)
        silence_s = joined.fall_silent()
        join_s = joined.settle(4.2)
        release_s = joined.release()
        absorbed = _Site(Path(folder) / "absorbed.sqlite3", count)
        absorbed.fall_silent()
        absorbed.stand(5)
        absorb_s = absorbed.settle(5)
        ledger_s = absorbed.read_ledgers()
        limit_s = _limit(Path(folder) / "limit.sqlite3", count)
        told = {"joined": joined.count("children"), "merged": absorbed.count("merged"), "own": joined.count("open")}
        joined.store.close()
        absorbed.store.close()
    times = {
        "silence_s": silence_s,
        "join_s": join_s,
        "absorb_s": absorb_s,
        "release_s": release_s,
        "ledger_s": ledger_s,
        "limit_s": limit_s,
    }
    return {"devices": count, **told, **{name: round(value, 2) for name, value in times.items()}, **facts()}


class _Site:
    """Kiosks with agents of their own, and a gateway with one; all of them heard once."""

    def __init__(self, path: Path, count: int) -> None:
        self.path = path
        self.store = Store.open(path)
        self.names = [f"kiosk-{number}" for number in range(count)]
        for part in chunks([*self.names, "gw-2"], BATCH):
            self.store.add_agents([_entry(name) for name in part], START - 1)
        self.engine = Engine(self.store, book_of(Policy(rules=(SILENT,))))
        self.engine.load(START)
        self.root = gateway()
        agents = {name: Agent(name, [(name, True)]) for name in self.names} | {"gw-2": self.root}
        for part in chunks(agents.values(), BATCH):
            self.engine.take([one.birth(0.5) for one in part], (), at(0.5))
            self.engine.take([one.report(1, one.sample(1, one.name, cpu__load=3)) for one in part], (), at(1))

    def stand(self, minutes: float) -> None:
        """All kiosks get their uplink from the gateway."""
        links = [Wanted(name, "uplink", "gw-2", at(0)) for name in self.names]
        self.store.put_behind(links, Deed(who="bench", at_ms=at(max(minutes, 0))))
        self.engine.desk.reread()
        if not minutes:
            self.engine.desk.step(at(0))

    def fall_silent(self) -> float:
        """Nobody says anything for four minutes."""
        return _timed(lambda: _until_done(lambda: timely.wake(self.engine, at(4.1))))

    def settle(self, minutes: float) -> float:
        """The desk's steps until nothing is due."""
        return _timed(lambda: _until_done(lambda: self.engine.desk.step(at(minutes))))

    def release(self) -> float:
        """The gateway is back, and nobody else."""
        self.engine.take([self.root.report(6, self.root.sample(6, "gw-2", cpu__load=3))], (), at(6))
        return self.settle(10)

    def read_ledgers(self) -> float:
        """What the root explains of a day of everybody."""

        def read() -> None:
            with View.open(self.path) as view:
                for part in chunks(self.names, BATCH):
                    view.evidence_of(part, DAY[0], DAY[1], now_ms=at(6))
                    over = view.shadows_for(part, *DAY)
                    for name in part:
                        assert explained(LEDGER, over[name])[-1].root == "gw-2"

        return _timed(read)

    def count(self, what: str) -> int:
        """How many children there are, or tickets in a state."""
        with View.open(self.path) as view:
            if what == "children":
                return view.count_children([1])[1].ever
            return len(view.tickets(states=[what], limit=1_000_000))


def _entry(name: str) -> AgentEntry:
    kinds = [name] if name != "gw-2" else ["gw-2", "nvr-2", "ups-2"]
    devices = tuple(DeviceEntry(id=one, kind="kiosk", name_zh=one, name_en=one) for one in kinds)
    return AgentEntry(id=name, group=GROUP, devices=devices)


def _until_done(act: Callable[[], int]) -> None:
    while act():
        pass


def _timed(act: Callable[[], object]) -> float:
    begin = time.process_time()
    act()
    return time.process_time() - begin


def _limit(path: Path, count: int) -> float:
    """Rows like those of `absorb` in plain SQL: a ticket changed, an event and a child written for each."""
    with sqlite3.connect(path, isolation_level=None) as line:
        line.execute("PRAGMA journal_mode = WAL")
        line.execute("PRAGMA synchronous = FULL")
        line.execute("CREATE TABLE ticket (id INTEGER PRIMARY KEY, subject TEXT, state TEXT, merged_into INTEGER)")
        line.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, ticket INTEGER, data TEXT)")
        line.execute("CREATE TABLE child (id INTEGER PRIMARY KEY, ticket INTEGER, subject TEXT, left_ms INTEGER)")
        line.execute("CREATE INDEX child_by_subject ON child (subject, left_ms)")
        line.executemany("INSERT INTO ticket VALUES (?, ?, 'open', NULL)", [(n, f"@kiosk-{n}") for n in range(count)])

        def write() -> None:
            line.execute("BEGIN IMMEDIATE")
            line.executemany(
                "UPDATE ticket SET state = 'merged', merged_into = 1 WHERE id = ?", [(n,) for n in range(count)]
            )
            line.executemany(
                "INSERT INTO event (ticket, data) VALUES (?, ?)", [(n, '{"was":"open"}') for n in range(count)]
            )
            line.executemany(
                "INSERT INTO child (ticket, subject) VALUES (1, ?)", [(f"@kiosk-{n}",) for n in range(count)]
            )
            line.execute("COMMIT")

        return _timed(write)
