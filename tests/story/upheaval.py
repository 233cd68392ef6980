"""Random tales of real processes on one site: kills at any moment and at fault points, cut cables, spools cut short.

    with site_on_a_cable("mosquitto", folder) as site:
        upheaval = Upheaval(site)
        upheaval.live(seed)          one tale; then polling rests until all is settled; the account is made of copies
        upheaval.live(seed + 1)      the next, of the same processes

Agents, broker and collector run on between the tales; only the copies of their files are looked at.
"""

import contextlib
import random
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from tests.brokers import BROKERS
from tests.story import site as sites
from tests.story.account import Account, taken
from tests.story.cable import Cabled, cabled
from tests.story.site import BRISK, Program, Site

EVENTS = (3, 5)
AGENT_POINTS = (
    "spool.before_insert:9",
    "spool.after_insert:9",
    "uplink.before_publish:4",
    "uplink.after_publish:4",
    "uplink.before_settle:2",
    "spool.in_settle:2",
    "spool.after_settle:2",
    "uplink.after_connect",
    "uplink.after_birth",
)
COLLECTOR_POINTS = ("store.in_commit:3", "store.after_commit:3", "ingest.before_settle:3", "ingest.before_ack:3")
KEPT = ("spool.db", "spool.db-wal", "head.json", "head-copy.json")


@contextlib.contextmanager
def site_on_a_cable(broker: str, folder: Path) -> Iterator[Site]:
    """A site whose broker, one of BROKERS, is behind a cable."""
    with mock.patch.dict(sites.BROKERS, {"cabled": cabled(BROKERS[broker])}), Site.on("cabled", folder) as site:
        yield site


class Upheaval:
    """See the module."""

    def __init__(self, site: Site) -> None:
        assert isinstance(site.broker, Cabled)
        self.site = site
        self.cable = site.broker.cable
        self.diary: list[str] = []
        self._bereaved: set[str] = set()

    def live(self, seed: int) -> None:
        """One tale and its account; AssertionError (or pytest's failure) tells the seed and what happened."""
        self.diary.append(f"seed {seed}")
        chance = random.Random(seed)
        site = self.site
        (site.folder / "hush").unlink(missing_ok=True)
        for program in site.programs:
            if not program.runs:
                program.start()
        site.await_records(3)
        for _ in range(chance.randint(*EVENTS)):
            what = chance.choice(
                [self._kill_some, self._kill_some, self._doom, self._doom_collector, self._cut, self._damage]
            )
            what(chance)
        site.await_records(3)
        with site.explained():
            self.settle()
            self.audit()

    def settle(self) -> None:
        """Nothing is polled; wait until the spools are empty and nothing waits to be rebuilt."""
        self.site.hush()
        self.site.until(self.site._is_rebuilt, "nothing waits to be rebuilt")

    def audit(self) -> None:
        """The account of copies."""
        copies = self.site.folder / "copies"
        shutil.rmtree(copies, ignore_errors=True)
        copies.mkdir()
        with (
            contextlib.closing(sqlite3.connect(f"file:{self.site.database}?mode=ro", uri=True)) as running,
            contextlib.closing(sqlite3.connect(copies / "roundsman.sqlite3")) as copy,
        ):
            running.backup(copy)
        account = Account.of(
            copies / "roundsman.sqlite3",
            {agent: self.site.folder / agent for agent in BRISK},
            {agent: taken(self.site.folder / f"{agent}.journal") for agent in BRISK},
        )
        try:
            account.assert_whole(bereaved=self._bereaved)
        except AssertionError as flaw:
            raise AssertionError(f"{flaw}\n{'; '.join(self.diary)}") from flaw

    # --- what happens -------------------------------------------------------------------------------------------------

    def _kill_some(self, chance: random.Random) -> None:
        victims = chance.sample(["broker", "collector", *BRISK], chance.choice([1, 1, 2, 3]))
        self.diary.append(f"kill -9 {', '.join(victims)}")
        for victim in victims:
            (self.site.broker if victim == "broker" else self._program(victim)).kill9()
        chance.shuffle(victims)
        for victim in victims:
            if victim == "broker":
                self.site.broker.restart()
            else:
                self._program(victim).start()
        time.sleep(chance.uniform(0, 0.5))

    def _doom(self, chance: random.Random) -> None:
        agent, point = chance.choice(BRISK), chance.choice(AGENT_POINTS)
        self.diary.append(f"{agent} dies at {point}")
        self._die(self._program(agent), point)

    def _doom_collector(self, chance: random.Random) -> None:
        point = chance.choice(COLLECTOR_POINTS)
        self.diary.append(f"collector dies at {point}")
        self._die(self.site.collector, point)

    def _die(self, program: Program, point: str) -> None:
        program.kill9()
        program.start(fault=point)
        with self.site.explained():
            program.await_kill()
        program.start()

    def _cut(self, chance: random.Random) -> None:
        seconds = chance.uniform(0.1, 0.8)
        self.diary.append(f"cable cut for {seconds:.1f} s")
        self.cable.cut()
        time.sleep(seconds)
        self.cable.mend()

    def _damage(self, chance: random.Random) -> None:
        agent = chance.choice(BRISK)
        self._program(agent).kill9()
        files = [file for name in KEPT if (file := self.site.folder / agent / name).exists() and file.stat().st_size]
        for file in chance.sample(files, chance.choice([1, 1, 1, 2])):
            size = file.stat().st_size
            at = chance.choice([0, chance.randrange(size), max(size - chance.randint(1, 5000), 0)])
            with file.open("rb+") as cut:
                cut.truncate(at)
            self.diary.append(f"{agent}: {file.name} cut from {size} to {at}")
        self._bereaved.add(agent)
        self._program(agent).start()

    def _program(self, name: str) -> Program:
        return self.site.collector if name == "collector" else self.site.agents[name]
