"""An engine on a real SQLite store, fed with messages as the door hands them over; time is told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roundsman_collector import door
from roundsman_collector.core.policy import Policy
from roundsman_collector.core.rulebook import Rulebook, book_of
from roundsman_collector.engine import timely
from roundsman_collector.engine.engine import Engine, Owed, Rejected
from roundsman_collector.engine.intake import Arrival
from roundsman_collector.engine.rebuilds import Rebuilds
from roundsman_collector.rules.trends import Trends
from roundsman_collector.store.door import Store
from roundsman_collector.store.reads import View
from roundsman_collector.store.register import DeviceEntry
from roundsman_wire.codec import birth_hash, encode
from roundsman_wire.topics import Address
from tests.collector.core.desk import MINUTE, POLICY, START, at

GROUP = "south"
CAST = {"kiosk-7": [("kiosk-7", "kiosk")], "gw-2": [("gw-2", "gateway"), ("nvr-2", "nvr"), ("ups-2", "ups")]}


class Agent:
    """What an agent says; records are numbered, sent when the story says so."""

    def __init__(self, name: str, devices: list[tuple[str, bool]]) -> None:
        self.name = name
        self.devices = [
            {"device": d, "kind": "x", "local": local, "period_s": 60, "valid_s": 90, "arrive_by_s": 180}
            for d, local in devices
        ]
        self.stream, self.n, self.boot, self.session = f"{name}-1", 0, "b1", 1
        self.booted = START - 60 * MINUTE
        self.capabilities: list[str] = []
        self.config_hash = "c1"

    @property
    def hash(self) -> str:
        return birth_hash(self.devices, self.config_hash)  # type: ignore[arg-type]

    def birth(self, minutes: float, oldest: int = 1, gone: tuple[tuple[int, int], ...] = ()) -> Arrival:
        said = {
            "v": 1,
            "hash": self.hash,
            "session": self.session,
            "boot": self.boot,
            "sent": self.sent(minutes),
            "versions": {"agent": "0.1.0"},
            "platform": "linux",
            "capabilities": self.capabilities,
            "config_hash": self.config_hash,
            "streams": [{"id": self.stream, "oldest": oldest, "newest": max(self.n, oldest - 1), "gone": [*gone]}],
            "probes": ["host"],
            "devices": self.devices,
            "page": 1,
            "pages": 1,
        }
        return self.arrival("birth", said)

    def sent(self, minutes: float) -> dict[str, Any]:
        return {"boot": self.boot, "mono": at(minutes) - self.booted, "wall": at(minutes)}

    def sample(self, minutes: float, device: str | None = None, /, **readings: Any) -> dict[str, Any]:
        said = {name.replace("__", "."): value for name, value in readings.items()}
        device = device or self.name
        return self.record(minutes, "sample", device=device, valid_s=90, readings=said)

    def record(self, minutes: float, kind: str, **fields: Any) -> dict[str, Any]:
        self.n += 1
        t = at(minutes)
        return {"n": self.n, "kind": kind, "boot": self.boot, "mono": t - self.booted, "t": t, **fields}

    def report(self, minutes: float, *records: Mapping[str, Any], leaf: str = "report") -> Arrival:
        said = {
            "v": 1,
            "stream": self.stream,
            "birth": self.hash,
            "sent": self.sent(minutes),
            "records": list(records),
        }
        return self.arrival(leaf, said)

    def arrival(self, leaf: str, said: Mapping[str, Any]) -> Arrival:
        plain = encode(said)
        check = {"birth": door.validate_birth}.get(leaf, door.validate_report)
        return Arrival(Address(GROUP, self.name, leaf), check(plain), plain)  # type: ignore[operator]


def kiosk() -> Agent:
    return Agent("kiosk-7", [("kiosk-7", True)])


def gateway() -> Agent:
    return Agent("gw-2", [("gw-2", True), ("nvr-2", False), ("ups-2", False)])


def in_a_file(folder: Path) -> str | Path:
    """Where a collector of this folder keeps its database."""
    return folder / "roundsman.sqlite3"


where_in = in_a_file
"""conftest.py puts a server's database in its place."""


class Collector:
    """Engine and store of a data folder; `restart` is a kill -9 and a new start."""

    def __init__(self, folder: Path, rules: Policy | Rulebook = POLICY, trends: Trends | None = None) -> None:
        self.path = where_in(folder)
        self.trends = trends
        self.book = book_of(rules) if isinstance(rules, Policy) else rules
        self.store = Store.open(self.path)
        for agent, devices in CAST.items():
            entries = [DeviceEntry(id=d, kind=kind, name_zh=d, name_en=d) for d, kind in devices]
            self.store.add_agent(agent, GROUP, entries, START - 1)
        self.engine = Engine(self.store, self.book, self.trends)
        self.engine.load(START)

    def take(self, minutes: float, *arrivals: Arrival, rejected: tuple[Rejected, ...] = ()) -> list[Owed]:
        return self.engine.take(arrivals, rejected, at(minutes))

    def look(self, minutes: float) -> None:
        """Everything that time brings at this minute."""
        Rebuilds(self.engine, pause_ms=0, at_latest_ms=0).step(at(minutes))
        timely.wake(self.engine, at(minutes))
        self.engine.desk.step(at(minutes))
        timely.sweep(self.engine, 1000, at(minutes))

    def restart(self, minutes: float) -> int:
        self.store.close()
        self.store = Store.open(self.path)
        self.engine = Engine(self.store, self.book, self.trends)
        return self.engine.load(at(minutes))

    def view(self) -> View:
        return View.open(self.path)

    def ledger(self, device: str) -> list[tuple[float, float | None, str, str]]:
        """The current ledger in minutes of the story."""
        with self.view() as view:
            return [
                (
                    (i.event_from_ms - START) / MINUTE,
                    None if i.event_to_ms is None else (i.event_to_ms - START) / MINUTE,
                    i.state,
                    i.fault or i.cause,
                )
                for i in view.intervals(device, 0, at(10_000_000))
            ]

    def tickets(self) -> list[tuple[str, str, str, str]]:
        with self.view() as view:
            return [(t.subject, t.code, t.state, t.outcome) for t in reversed(view.tickets())]

    def refused(self) -> dict[str, int]:
        with self.view() as view:
            return {c.cause: c.count for c in view.counters() if c.name == "refused"}

    def stored_numbers(self, agent: str) -> list[int]:
        """Every record number of the agent's stream in the store, as often as it stands there."""
        from roundsman_collector.store.samples import records_in

        no = self.engine.by_agent[agent].no
        return [r["n"] for row in self.store.evidence_after(0) if row.agent_no == no for r in records_in(row)]
