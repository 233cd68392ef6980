"""A quarter lived through by the town: a real engine, store and clockwork; time is told.

    town = Quarter(folder)
    town.pass_until(wall("11-05 09:00"))        devices report every six hours and when something befalls them
    town.breaks("bank-1-kiosk-03", "10-08 09:00", "10-08 11:30", printer__paper="end")
    town.silent("metro-2-gw", "12-29 10:00", "01-09 08:00")     its line is cut; then it sends what it kept

What befalls devices is written down before, in any order, and happens when its time comes. People are those who watch
(`on_tick`): they look at tickets and tasks as the clockwork goes and take steps as commands, by the wall.
"""

import heapq
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from roundsman_collector import door
from roundsman_collector.api.inspection import freeze_next
from roundsman_collector.clockwork import Clockwork
from roundsman_collector.config import Config, built_in, service_levels, trends
from roundsman_collector.engine import rules, timely
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.intake import Arrival
from roundsman_collector.rules.catalogue import rule_set_from
from roundsman_collector.store import Deed, Office, Store, View
from roundsman_collector.store.commands import CommandRow
from roundsman_wire.codec import birth_hash, encode
from roundsman_wire.topics import Address
from tests.collector.engine.people import SHANGHAI
from tests.quarter import town

HOUR = 3_600_000
MINUTE = 60_000
EVERY_MS = 6 * HOUR
LOOK_MS = 3 * HOUR
"""What nobody waits for is looked at so often."""
SPEAKS_S = 6 * 3600 + 900
LATE_S = SPEAKS_S + 600
YEAR = 2026

WELL: Mapping[str, Mapping[str, Any]] = {
    "kiosk": {
        "printer.paper": "ok",
        "printer.cover": "closed",
        "printer.error": "none",
        "cash.state": "ready",
        "app[checkout].state": "running",
        "disk[/].used_percent": 61.0,
        "host.cpu_percent": 12.0,
    },
    "nvr": {
        "nvr.state": "online",
        "channel[1].state": "online",
        "channel[2].state": "online",
        "disk[1].state": "normal",
        "channel[1].retained_days": 45,
        "channel[1].required_days": 30,
    },
    "vehicle": {"gnss.fix": "3d", "modem.network": "registered", "modem.signal_dbm": -71, "terminal.power": "ok"},
}
"""What a device of a kind says that is well."""


def wall(said: str) -> int:
    """What the wall in Shanghai shows, as milliseconds: "10-08 09:00"; up to March it is the next year."""
    year = YEAR + (said < "04")
    return round(datetime.fromisoformat(f"{year}-{said}").replace(tzinfo=SHANGHAI).timestamp() * 1000)


FIRST = wall("10-01 00:00")
LAST = wall("01-01 00:00")
"""The quarter, half-open."""
BOOTED = FIRST - 30 * 24 * HOUR


class Voice:
    """An agent: it numbers what it says, and keeps it while its line is cut."""

    def __init__(self, name: str, group: str, devices: tuple[str, ...], kind: str) -> None:
        self.name, self.group = name, group
        self.readings: dict[str, dict[str, Any]] = {one: dict(WELL[kind]) for one in devices}
        self.n = 0
        self.kept: list[dict[str, Any]] = []
        self.is_cut = False

    @property
    def _devices(self) -> list[dict[str, Any]]:
        return [
            {"device": one, "kind": "x", "local": False, "period_s": 21_600, "valid_s": SPEAKS_S, "arrive_by_s": LATE_S}
            for one in self.readings
        ]

    @property
    def _hash(self) -> str:
        return birth_hash(self._devices, "c1")  # type: ignore[arg-type]

    def birth(self, now_ms: int) -> Arrival:
        """What it says of itself."""
        said = {
            "v": 1,
            "hash": self._hash,
            "session": 1,
            "boot": "b1",
            "sent": _sent(now_ms),
            "versions": {"agent": "0.1.0"},
            "platform": "linux",
            "capabilities": [],
            "config_hash": "c1",
            "streams": [{"id": f"{self.name}-1", "oldest": 1, "newest": self.n, "gone": []}],
            "probes": ["host"],
            "devices": self._devices,
            "page": 1,
            "pages": 1,
        }
        return self._arrival("birth", said)

    def samples(self, now_ms: int, *devices: str) -> list[dict[str, Any]]:
        """What these devices are like now, numbered."""
        found = []
        for device in devices or tuple(self.readings):
            readings = dict(self.readings[device])
            found.append(
                self.record(now_ms, "sample", device=device, valid_s=SPEAKS_S, readings=readings),
            )
        return found

    def record(self, now_ms: int, kind: str, **fields: Any) -> dict[str, Any]:
        """A record of a kind, the next number of the stream."""
        self.n += 1
        return {"n": self.n, "kind": kind, "boot": "b1", "mono": now_ms - BOOTED, "t": now_ms, **fields}

    def report(self, now_ms: int, records: list[dict[str, Any]], leaf: str = "report") -> Arrival:
        """A message with these records."""
        said = {"v": 1, "stream": f"{self.name}-1", "birth": self._hash, "sent": _sent(now_ms), "records": records}
        return self._arrival(leaf, said)

    def _arrival(self, leaf: str, said: Mapping[str, Any]) -> Arrival:
        plain = encode(said)
        check = door.validate_birth if leaf == "birth" else door.validate_report
        return Arrival(Address(self.group, self.name, leaf), check(plain), plain)  # type: ignore[operator]


def _sent(now_ms: int) -> dict[str, Any]:
    return {"boot": "b1", "mono": now_ms - BOOTED, "wall": now_ms}


class Happening(NamedTuple):
    """Something that will happen; `order` keeps what is at once in the order it was said."""

    at_ms: int
    order: int
    act: Callable[[], None]


class Broken(NamedTuple):
    """What the script lets be wrong with a device, from when to when."""

    from_ms: int
    to_ms: int
    readings: list[str]


class Quarter:
    """The town with its collector."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "roundsman.sqlite3"
        self.now_ms = FIRST - 24 * HOUR
        self.mono_s = 0.0
        self.store = Store.open(self.path)
        town.enrol(self.store, self.now_ms)
        self.office = Office.open(self.path)
        self.view = View.open(self.path)
        rules.promise(self.store, service_levels(Config()), self.now_ms - 1)
        town.enter(self.office, Deed(who="admin", at_ms=self.now_ms), wall("04-15 09:00"))
        rules.begin(self.store, rule_set_from(built_in("faults.yaml"), source="faults.yaml"), self.now_ms)
        self.engine = Engine(self.store, rules.book(self.store), trends())
        self.engine.load(self.now_ms)
        self.voices = {name: Voice(name, group, found, _kind_of(found[0])) for name, group, found in town.agents()}
        self.voice_of = {device: voice for voice in self.voices.values() for device in voice.readings}
        self.broken: dict[str, list[Broken]] = {}
        self.on_tick: list[Callable[[], None]] = []
        self.line: list[tuple[str, bytes]] = []
        self._order = count()
        self._ahead: list[Happening] = []
        self.clockwork = self._clockwork()
        self._take([voice.birth(self.now_ms) for voice in self.voices.values()])
        self.at(FIRST - HOUR, self._all_report)

    def _clockwork(self) -> Clockwork:
        made = Clockwork(
            self.engine,
            listen_grace_s=0,
            rebuild_pause_s=0,
            rebuild_at_latest_s=0,
            sweep_rows=5000,
            evidence_days=40,
            evidence_bytes=10**12,
            publish=self._publish,
        )
        made.listening(True, self.now_ms)
        return made

    def _publish(self, messages: Any) -> int:
        self.line += messages
        return len(messages)

    def close(self) -> None:
        """Let go of the database."""
        self.view.close()
        self.office.close()
        self.store.close()

    # --- what befalls devices ----------------------------------------------------------------------------------------

    def at(self, at_ms: int, act: Callable[[], None]) -> None:
        """Let this happen then."""
        heapq.heappush(self._ahead, Happening(at_ms, next(self._order), act))

    def breaks(self, device: str, since: str, until: str, **readings: Any) -> None:
        """A device says this from one time to another, by the wall; its agent reports it as it begins and ends."""
        told = {name.replace("__", "."): value for name, value in readings.items()}
        voice = self.voice_of[device]
        well = {name: voice.readings[device].get(name) for name in told}

        def become(readings: Mapping[str, Any]) -> None:
            voice.readings[device].update(readings)
            self._report(voice, device)

        self.broken.setdefault(device, []).append(Broken(wall(since), wall(until), [*told]))
        for begin_ms, said in ((wall(since), told), (wall(until), well)):
            self.at(begin_ms, lambda said=said: become(said))  # type: ignore[misc]
            for minute in (2, 6, 12):
                self.at(begin_ms + minute * MINUTE, lambda: self._report(voice, device))

    def drifts(self, device: str, reading: str, per_day: float) -> None:
        """A reading of a device grows by so much a day, from the quarter's beginning."""
        voice = self.voice_of[device]
        first = float(voice.readings[device][reading])

        def grow(day: int) -> None:
            voice.readings[device][reading] = round(first + per_day * day, 3)

        for day in range(92):
            self.at(FIRST + day * 24 * HOUR + MINUTE, lambda day=day: grow(day))  # type: ignore[misc]

    def silent(self, agent: str, since: str, until: str) -> None:
        """An agent's line is cut; when it is mended it sends what it kept."""
        voice = self.voices[agent]
        self.at(wall(since), lambda: setattr(voice, "is_cut", True))
        self.at(wall(until), lambda: self._mended(voice))

    def _mended(self, voice: Voice) -> None:
        voice.is_cut = False
        kept, voice.kept = voice.kept, []
        arrivals = [voice.report(self.now_ms, kept[i : i + 50], "history") for i in range(0, len(kept), 50)]
        self._take([voice.birth(self.now_ms), voice.report(self.now_ms, voice.samples(self.now_ms)), *arrivals])

    def _all_report(self) -> None:
        self._take([one for voice in self.voices.values() for one in self._said(voice, voice.samples(self.now_ms))])
        self.at(self.now_ms + EVERY_MS, self._all_report)

    def _report(self, voice: Voice, *devices: str) -> None:
        self._take(self._said(voice, voice.samples(self.now_ms, *devices)))

    def _said(self, voice: Voice, records: list[dict[str, Any]]) -> list[Arrival]:
        if voice.is_cut:
            voice.kept += records
            return []
        return [voice.report(self.now_ms, records)]

    def _take(self, arrivals: list[Arrival]) -> None:
        if arrivals:
            self.engine.take(arrivals, (), self.now_ms)

    def _answer(self) -> None:
        """Agents that hear us do at once what they are asked."""
        line, self.line = self.line, []
        for topic, payload in line:
            voice = self.voices[topic.split("/")[3]]
            if not voice.is_cut:
                asked = json.loads(payload)
                result = {"command": asked["id"], "ok": True, "detail": "sampled"}
                records = [*voice.samples(self.now_ms), voice.record(self.now_ms, "result", **result)]
                self._take([voice.report(self.now_ms, records)])

    # --- time --------------------------------------------------------------------------------------------------------

    def pass_until(self, until_ms: int) -> None:
        """Let time pass: what happens, what is due, and the clockwork now and then."""
        while self.now_ms < until_ms:
            self.now_ms = min(until_ms, self._next_ms())
            while self._ahead and self._ahead[0].at_ms <= self.now_ms:
                heapq.heappop(self._ahead).act()
            self.tick()

    def _next_ms(self) -> int:
        ahead_ms = [self.now_ms + LOOK_MS]
        if self._ahead:
            ahead_ms.append(self._ahead[0].at_ms)
        due = self.store.tickets_due(self.now_ms + LOOK_MS, 1)
        if due and due[0][0].wake_at_ms is not None:
            ahead_ms.append(max(self.now_ms + 1000, due[0][0].wake_at_ms))
        return max(self.now_ms + 1, min(ahead_ms))

    def tick(self) -> None:
        """Everything that time brings now; then those who watch look."""
        self.mono_s += 7200
        self.clockwork.step(self.now_ms, self.mono_s)
        while self.engine.dirty or self.line:
            self._answer()
            self.mono_s += 7200
            self.clockwork.step(self.now_ms, self.mono_s)
        while freeze_next(self.view, self.office, self.now_ms):
            pass
        for look in self.on_tick:
            look()

    # --- what people do ----------------------------------------------------------------------------------------------

    def does(self, who: str, verb: str, /, **args: Any) -> CommandRow:
        """What somebody asks for by a command, once it is answered."""
        number = self.view.ask(who=who, verb=verb, args=args, now_ms=self.now_ms)
        timely.obey(self.engine, self.store.new_commands(100), self.now_ms)
        answer = self.view.command(number)
        assert answer is not None
        return answer


def _kind_of(device: str) -> str:
    return {"bus": "vehicle"}.get(device.split("-")[-2], device.split("-")[-2])
