"""One random tale of deaths, cuts and damage in one process, told by a seed, and the account of it.

    tell(seed, folder, template) -> Tale        its diary, and the flaws of its account: none

The agent's spool, outbox and uplink, the collector's door, ingest, engine and SQLite store are the real ones; the
broker (quiet_broker.py) and the time are told. A `kill -9` is a picture of the files at that very moment, taken at a
fault point of the code or between two steps; who is started again goes on from the picture. The rest of the dead is
thrown away.

What was sampled is what `Spool.take` returned a number for. It has to be stored, or, where files were cut to a random
length or were too small, declared.
"""

import random
import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

from roundsman_agent import fault as agent_fault
from roundsman_agent.birth import Pages, compose
from roundsman_agent.clock import Moment, Offset, is_news
from roundsman_agent.isolate import Outcome
from roundsman_agent.spool import Spool
from roundsman_agent.uplink import Uplink
from roundsman_collector import clock as collector_clock
from roundsman_collector import fault as collector_fault
from roundsman_collector.config import built_in
from roundsman_collector.engine import rules, timely
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.rebuilds import Rebuilds
from roundsman_collector.ingest import Ingest
from roundsman_collector.rules.catalogue import rule_set_from
from roundsman_collector.store.door import Store
from roundsman_collector.store.register import DeviceEntry
from tests.agent.cast import T0, config, device
from tests.story.account import Account, Taken
from tests.story.quiet_broker import Lies, QuietBroker, Side

AGENT, GROUP = "gw-2", "south"
DEVICES = ("gw-2", "nvr-2")
CONFIG = config("unused", device("gw-2", period_s=60), replace(device("nvr-2", period_s=60), kind="nvr"))
ACK_EVERY_S = 10.0
STEPS = (25, 60)
PATIENCE = 1500
"""Turns within which everything has to be settled once all are alive and nothing lies."""

AGENT_POINTS = tuple(point for point in agent_fault.POINTS if point.split(".")[0] in ("start", "spool", "uplink"))
COLLECTOR_POINTS = (
    "ingest.before_take",
    "store.before_commit",
    "store.in_commit",
    "store.after_commit",
    "ingest.before_settle",
    "ingest.before_ack",
    "ingest.after_ack",
)
WEIGHTS: Mapping[str, int] = {
    "work": 30,
    "kill_agent": 4,
    "doom_agent": 5,
    "stop_agent": 1,
    "damage_spool": 2,
    "kill_collector": 3,
    "doom_collector": 4,
    "kill_broker": 3,
    "cut_cable": 4,
    "mend": 12,
}
"""What happens next: `doom` is death at a fault point to come, `damage` is a kill and files cut short."""


class Killed(BaseException):
    """A process ended here."""


class _Threads:
    """In place of the agent's threads: a dial is answered at the next turn."""

    def __init__(self, dial: Callable[[], Any]) -> None:
        self._dial = dial
        self._asked: list[str] = []

    def start(self, key: str, _call: object, **_: object) -> None:
        self._asked.append(key)

    def hung(self) -> Mapping[str, int]:
        return {}

    def collect(self) -> list[Outcome]:
        found = [self._answer(key) for key in self._asked]
        self._asked = []
        return found

    def _answer(self, key: str) -> Outcome:
        try:
            return Outcome(key=key, value=self._dial())
        except OSError as error:
            return Outcome(key=key, error=error)


@dataclass(kw_only=True)
class Tale:
    """What happened, and what is wrong with the account."""

    seed: int
    diary: list[str] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    is_bereaved: bool = False
    flaws: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(
            [
                *self.flaws,
                f"seed {self.seed}: " + "; ".join(self.diary),
                f"again: python -m tests.soak --seed {self.seed} --runs 1",
            ]
        )


def template(folder: Path) -> Path:
    """A collector's database with the cast in its register, to be copied for each tale."""
    with Store.open(folder / "roundsman.sqlite3") as store:
        entries = [DeviceEntry(id=one, kind="story", name_zh=one, name_en=one) for one in DEVICES]
        store.add_agent(AGENT, GROUP, entries, T0 - 1)
        rules.begin(store, rule_set_from(built_in("faults.yaml"), source="faults.yaml"), T0 - 1)
    return folder


def tell(seed: int, folder: Path, template: Path) -> Tale:
    """Live through the tale of a seed in an empty folder."""
    world = _World(seed, folder, template)
    try:
        with world.hooks():
            world.live()
            world.settle()
        world.audit()
    except Exception:  # nobody's net may hide it
        world.tale.flaws.append(traceback.format_exc())
    return world.tale


class _World:
    """Everybody in it; `now` is the one time there is."""

    def __init__(self, seed: int, folder: Path, template: Path) -> None:
        self.tale = Tale(seed=seed)
        self.rng = random.Random(seed)
        self.folder = folder
        self.now = Moment(wall=T0, mono=1_000_000, boot="boot-1", ntp=True)
        lies = Lies(drops=0.15, repeats=0.1, delays=0.2) if self.rng.random() < 0.5 else Lies()
        self.broker = QuietBroker(rng=self.rng, lies=lies)
        self.max_bytes = self.rng.choice([50_000_000, 50_000_000, 50_000_000, 400_000])
        self.tale.is_bereaved = self.max_bytes < 1_000_000
        self._lives = 0
        self._doom: dict[str, int] = {}
        self._picture: Path | None = None
        self._answers = 0
        self._boots: set[str] = set()
        self._offset: Offset | None = None
        self.data = self._home("agent")
        self.data.mkdir()
        self.house = self._home("collector")
        shutil.copytree(template, self.house)
        self.spool: Spool | None = None
        self.uplink: Uplink | None = None
        self.store: Store | None = None
        self.ingest: Ingest | None = None

    # --- the tale -----------------------------------------------------------------------------------------------------

    def live(self) -> None:
        self._start_agent()
        self._start_collector()
        events, weights = list(WEIGHTS), list(WEIGHTS.values())
        for _ in range(self.rng.randint(*STEPS)):
            event = self.rng.choices(events, weights)[0]
            getattr(self, f"_{event}")()
        self._say("the end")

    def settle(self) -> None:
        """All live, nothing lies: the spool has to run empty."""
        self._doom.clear()
        self.broker.is_up, self.broker.is_cut = True, False
        self.broker.come_to_rest()
        self._start_agent()
        self._start_collector()
        for _ in range(PATIENCE):
            self._turn(self.rng.choice([1, 2, 5]))
            assert self.spool is not None and self.ingest is not None
            if self.spool.oldest > self.spool.newest and not self.spool.losses():
                break
        else:
            waiting = [record["n"] for record in self.spool.unsettled(limit=5)]
            self.tale.flaws.append(f"the spool does not run empty: {waiting}..., {self.spool.losses()[:3]}")
        self._stop_agent()
        self._rebuild()
        self._leave_collector()

    def audit(self) -> None:
        """Hold the store and the spool to what was taken."""
        spools = {AGENT: self.data}
        account = Account.of(self.house / "roundsman.sqlite3", spools, {AGENT: self.tale.taken})
        try:
            account.assert_whole(bereaved=[AGENT] if self.tale.is_bereaved else [])
        except AssertionError as flaw:
            self.tale.flaws.append(str(flaw.args[0] if flaw.args else flaw))

    # --- what happens -------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Some turns of everybody, with samples between."""
        turns = self.rng.randint(1, 8)
        for _ in range(turns):
            if self.rng.random() < 0.8:
                self._sample(self.rng.randint(1, 6))
            self._turn(self.rng.choice([1, 1, 5, 20]))

    def _kill_agent(self) -> None:
        if self.spool is not None:
            self._say("kill -9 agent")
            self._bury_agent(self._photograph(self.data, "agent"))
        self._perhaps(self._start_agent)

    def _doom_agent(self) -> None:
        """It will die at a fault point, when it comes by."""
        point = self.rng.choice(AGENT_POINTS)
        self._doom[point] = self.rng.randint(1, 6) if not point.startswith("start") else 1
        if point.startswith("start") and self.spool is not None:
            self._bury_agent(self._photograph(self.data, "agent"))
        self._start_agent()
        self._work()

    def _stop_agent(self) -> None:
        if self.spool is None or self.uplink is None:
            return
        self._say("stop agent")
        self.uplink.stop(self.now)
        self.broker.serve()
        self.uplink.close()
        self.spool.close(now=self.now)
        self.spool = self.uplink = None
        self.broker.drop()

    def _damage_spool(self) -> None:
        """Files of a dead agent end at a random byte; after that the machine may have been started anew."""
        if self.spool is not None:
            self._bury_agent(self._photograph(self.data, "agent"))
        idle = ("lock", "spool.db-shm")  # nothing is kept there
        files = sorted(file for file in self.data.iterdir() if file.name not in idle and file.stat().st_size)
        for file in self.rng.sample(files, min(len(files), self.rng.choice([1, 1, 1, 2]))):
            size = file.stat().st_size
            at = self.rng.choice([0, self.rng.randrange(size), max(size - self.rng.randint(1, 5000), 0)])
            with file.open("rb+") as cut:
                cut.truncate(at)
            self._say(f"{file.name} cut from {size} to {at}")
        self.tale.is_bereaved = True
        if self.rng.random() < 0.5:
            self.now = replace(self.now, boot=f"boot-{self._lives}", mono=10_000)
            self._say("new boot")
        self._perhaps(self._start_agent)

    def _kill_collector(self) -> None:
        if self.store is not None:
            self._say("kill -9 collector")
            self._bury_collector(self._photograph(self.house, "collector"))
        self._perhaps(self._start_collector)

    def _doom_collector(self) -> None:
        self._doom[self.rng.choice(COLLECTOR_POINTS)] = self.rng.randint(1, 4)
        self._start_collector()
        self._work()

    def _kill_broker(self) -> None:
        forgets = self.rng.random() < 0.4
        self._say(f"kill -9 broker{', its disk is lost' if forgets else ''}")
        self.broker.kill(forgets=forgets)
        if self.rng.random() < 0.5:
            self._work()
        self.broker.is_up = True
        if self.ingest is not None:  # it comes back to the collector with what is retained
            self.ingest.live, self.ingest.history = self._sides()

    def _cut_cable(self) -> None:
        self._say("cable cut")
        self.broker.is_cut = True
        self.broker.drop()
        if self.rng.random() < 0.7:
            self._work()
            self.broker.is_cut = False

    def _mend(self) -> None:
        """Who is dead starts again."""
        self.broker.is_cut = False
        self._start_agent()
        self._start_collector()
        self._work()

    # --- turns --------------------------------------------------------------------------------------------------------

    def _sample(self, count: int) -> None:
        with self._mortal("agent"):
            for _ in range(count):
                if self.spool is None:
                    return
                self._pass(self.rng.choice([0.2, 1, 10, 60]))
                self._answers += 1
                paper = "end" if self._answers % 17 > 12 else "ok"
                readings = {"printer.paper": paper, "host.cpu_percent": self._answers % 100 + 0.5}
                self._take(
                    {
                        **self._stamp("sample"),
                        "device": self.rng.choice(DEVICES),
                        "valid_s": 90,
                        "readings": readings,
                    }
                )

    def _turn(self, seconds: float) -> None:
        self._pass(seconds)
        with self._mortal("agent"):
            if self.spool is not None and self.uplink is not None:
                for outcome in self.threads.collect():
                    self.uplink.dialed(outcome, self.now)
                self.uplink.step(self.now)
                self.spool.tend(self.now)
        self.broker.serve()
        with self._mortal("collector"):
            if self.ingest is not None:
                self.ingest.step()
                if self.rng.random() < 0.1:
                    self.rebuilds.step(self.now.wall)
                    timely.sweep(self.ingest.engine, 100, self.now.wall)

    def _take(self, record: dict[str, Any]) -> int:
        assert self.spool is not None
        n = self.spool.take(record)
        if n:
            self.tale.taken.append(Taken(self.spool.stream, n, record["t"]))
        return n

    def _stamp(self, kind: str) -> dict[str, Any]:
        return {"kind": kind, "boot": self.now.boot, "mono": self.now.mono, "t": self.now.wall}

    def _pass(self, seconds: float) -> None:
        ms = int(seconds * 1000)
        self.now = replace(self.now, wall=self.now.wall + ms, mono=self.now.mono + ms)

    def _perhaps(self, do: Callable[[], None]) -> None:
        if self.rng.random() < 0.7:
            do()

    def _say(self, what: str) -> None:
        self.tale.diary.append(what)

    # --- life and death -----------------------------------------------------------------------------------------------

    def _start_agent(self) -> None:
        while self.spool is None:  # it may die while it starts
            with self._mortal("agent"):
                self._open_agent()

    def _open_agent(self) -> None:
        self.spool = Spool.open(
            str(self.data), now=self.now, max_bytes=self.max_bytes, free_floor_bytes=0, fsync_ms=10_000
        )
        self._offset = None
        self.threads = _Threads(self.broker.dial)
        self.uplink = Uplink(
            agent=AGENT,
            group=GROUP,
            broker=CONFIG.broker,
            settings=CONFIG.uplink,
            spool=self.spool,
            isolation=self.threads,  # type: ignore[arg-type]
            birth=self._birth,
            on_command=lambda *_: None,
            on_offset=self._take_offset,
            now=self.now,
            rng=random.Random(self.rng.random()),
        )
        if self.now.boot not in self._boots and self._take({**self._stamp("boot"), "orderly": None}):
            self._boots.add(self.now.boot)
            self.spool.remember_boot(self.now.boot)

    def _birth(self, now: Moment) -> Pages:
        assert self.spool is not None
        return compose(
            CONFIG,
            stream=self.spool.stream,
            oldest=self.spool.oldest,
            newest=self.spool.newest,
            gone=self.spool.gone(),
            session=self.spool.session,
            versions={},
            platform="story",
            now=now,
        )

    def _take_offset(self, found: Offset, now: Moment) -> None:
        if is_news(found, self._offset):
            self._offset = found
            self._take({**self._stamp("clock"), "offset_ms": found.offset_ms, "error_ms": found.error_ms})

    def _bury_agent(self, picture: Path) -> None:
        """Go on from the picture; what the dead one had open is let go."""
        if self.spool is not None:
            self.spool._abandon()
        self.broker.drop()
        self.spool = self.uplink = None
        shutil.rmtree(self.data)
        self.data = picture

    def _start_collector(self) -> None:
        while self.store is None:
            with self._mortal("collector"):
                self.store = Store.open(self.house / "roundsman.sqlite3")
                engine = Engine(self.store, rules.book(self.store))
                engine.load(self.now.wall)
                live, history = self._sides()
                self.ingest = Ingest(
                    engine,
                    live,  # type: ignore[arg-type]
                    history,  # type: ignore[arg-type]
                    ack_every_s=ACK_EVERY_S,
                    batch_max=500,
                    window=8,
                )
                self.rebuilds = Rebuilds(engine, pause_ms=30_000, at_latest_ms=300_000)

    def _sides(self) -> tuple[Any, Any]:
        return Side(self.broker, is_history=False), Side(self.broker, is_history=True)

    def _bury_collector(self, picture: Path) -> None:
        self._leave_collector()
        shutil.rmtree(self.house)
        self.house = picture

    def _leave_collector(self) -> None:
        if self.store is not None:
            self.store.close()
        self.store = self.ingest = None

    def _rebuild(self) -> None:
        assert self.ingest is not None
        rebuilds = Rebuilds(self.ingest.engine, pause_ms=0, at_latest_ms=0)
        for _ in range(100):
            rebuilds.step(self.now.wall)
            timely.sweep(self.ingest.engine, 1000, self.now.wall)
            if not any(unit.dirty_from_ms is not None for unit in self.ingest.engine.by_agent.values()):
                break

    @contextmanager
    def _mortal(self, who: str) -> Iterator[None]:
        """Whoever dies in here is buried; the picture was taken at the fault point."""
        try:
            yield
        except Killed as killed:
            assert self._picture is not None
            picture, self._picture = self._picture, None
            self._say(f"{who} dies at {killed}")
            (self._bury_agent if who == "agent" else self._bury_collector)(picture)

    @contextmanager
    def hooks(self) -> Iterator[None]:
        """Fault points lead here, and the collector's clock tells the time of the tale."""
        with ExitStack() as ending:
            for thing, name, instead in (
                (agent_fault, "point", lambda point: self._passed(point, "agent")),
                (collector_fault, "_hit", lambda point: self._passed(point, "collector")),
                (collector_clock, "now_ms", lambda: self.now.wall),
                (collector_clock, "mono_s", lambda: self.now.wall / 1000),
            ):
                ending.enter_context(mock.patch.object(thing, name, instead))
            try:
                yield
            finally:
                if self.spool is not None:
                    self.spool._abandon()
                self._leave_collector()
                self.broker.drop()

    def _passed(self, point: str, who: str) -> None:
        if point in self._doom:
            self._doom[point] -= 1
            if self._doom[point] <= 0:
                del self._doom[point]
                self._picture = self._photograph(self.data if who == "agent" else self.house, who)
                raise Killed(point)

    def _photograph(self, folder: Path, who: str) -> Path:
        """The files as the kernel has them: all that a killed process leaves."""
        picture = self._home(who)
        shutil.copytree(folder, picture)
        return picture

    def _home(self, who: str) -> Path:
        self._lives += 1
        return self.folder / f"{who}-{self._lives}"
