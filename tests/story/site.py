"""A small site of real processes for whole-system tales: a broker, a collector, agents; all of them may be killed.

    with Site.on("nats", tmp_path) as site:
        site.start()                                      agents poll fast: some hundred records a second
        site.collector.start(fault="store.in_commit:3")   dies there by SIGKILL
        site.collector.await_kill();  site.collector.start()
        site.settle()                                     polling stops, spools run empty, everything ends in order
        site.account().assert_whole()                     every number once, the ledger as a rebuild tells it

`kiosk-7` is the agent program as it is, with its host probe. `gw-2` (which speaks for `nvr-2` and `ups-2`) and `bus-31`
are brisk_agent.py: the same program with a probe that answers at once, and a journal of what was taken.
"""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from roundsman_collector import broker as embedded
from roundsman_collector import logins
from roundsman_collector.store.door import Store
from roundsman_collector.store.reads import View
from roundsman_collector.store.register import DeviceEntry
from roundsman_collector.store.sql import run
from roundsman_collector.tether import tethered
from tests.brokers import BROKERS, GROUP, Broker, accepts, until
from tests.story.account import Account, taken

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 45.0
"""How long a tale waits for something real before it fails; nothing in it takes a tenth of that on an idle machine."""
TAIL_LINES = 25
START_LINE = "--- start "

CAST: Mapping[str, tuple[tuple[str, float], ...]] = {
    "kiosk-7": (("kiosk-7", 0.25),),
    "gw-2": (("gw-2", 0.03), ("nvr-2", 0.03), ("ups-2", 0.03)),
    "bus-31": (("bus-31", 0.015),),
}
"""Who speaks for whom, and how many seconds a poll comes after the one before."""
BRISK = ("gw-2", "bus-31")
OWN = "own"
"""The name of the broker that the collector starts itself."""
START_OF_HISTORY_MS = 1_700_000_000_000
"""The register knows the cast for long."""

# The faults that the brisk probe shows are told within a second; rebuilds and acknowledgements do not wait.
OVERRIDES = """overrides:
  - {code: printer.paper_end, for_s: 0.2, clear_for_s: 0.1}
  - {code: host.unreachable, for_s: 0.1, clear_for_s: 0.1, flap_s: 0}
"""
COLLECTOR_TOML = """
[data]
folder = "collector"
[broker]
{broker}
[collector]
ack_every_s = 0.2
rebuild_pause_s = 0.3
rebuild_at_latest_s = 2.0
[api]
port = 0
[policy]
overrides = ["overrides.yaml"]
"""
AGENT_TOML = """
[agent]
id = "{agent}"
group = "{group}"
data = "{agent}"
[broker]
host = "{host}"
port = {port}
user = "{user}"
password_file = "{agent}.password"
[spool]
fsync_s = 0.3
free_floor_bytes = 0
[uplink]
reconnect_min_s = 0.05
reconnect_max_s = 0.4
reconnect_spread_s = 0.2
ack_expected_s = 0.5
epoch_jitter_s = 0.5
backlog_records_per_s = 3000.0
batch_s = {batch_s}
"""
DEVICE_TOML = """
[[device]]
id = "{device}"
kind = "story"
local = {local}
period_s = {period_s}
valid_s = 0.5
[[device.probe]]
name = "host"
timeout_s = {period_s}
"""
# `roundsman-agent check` of several files in one process.
CHECK = """
import sys
from roundsman_agent import cli
sys.exit(max(cli.main(["check", one]) for one in sys.argv[1:]))
"""


class Program:
    """A program of ours that is started, killed and started again; its words go to a file."""

    def __init__(self, name: str, argv: list[str], log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        self.diary: list[str] = []
        """What befell it, in order."""
        self._argv = argv
        self._environment = environment
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    @property
    def runs(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self, fault: str = "") -> None:
        """Start it; `fault` is `point[:count]` where it shall die."""
        assert not self.runs, f"{self.name} runs already"
        self.diary.append(f"start {fault}".strip())
        environment = {**os.environ, **self._environment, "ROUNDSMAN_FAULT": fault, "PYTHONUNBUFFERED": "1"}
        with self.log.open("ab") as journal:
            journal.write(f"{START_LINE}{fault}\n".encode())
            journal.flush()
            self._child = subprocess.Popen(
                tethered(self._argv),
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=journal,
                stderr=journal,
                start_new_session=True,
            )

    def kill9(self) -> None:
        """End it the hard way."""
        self.diary.append("kill -9")
        assert self.runs, f"{self.name} is not there to be killed; its log ends:\n{self.tail()}"
        os.kill(self.pid, signal.SIGKILL)
        self._gone()

    def await_kill(self) -> None:
        """Wait until it has died at its fault point, and not of anything else."""
        until(lambda: not self.runs, f"{self.name} dies ({self.diary[-1]}); its log ends:\n{self.tail()}", PATIENCE_S)
        code = self._gone()
        assert code == -signal.SIGKILL, f"{self.name} ended by itself with {code}; its log ends:\n{self.tail()}"

    def stop(self) -> None:
        """Ask it to end, and see that it does so in order."""
        self.diary.append("stop")
        assert self.runs, f"{self.name} is not there to be stopped; its log ends:\n{self.tail()}"
        os.kill(self.pid, signal.SIGTERM)
        until(lambda: not self.runs, f"{self.name} stops; its log ends:\n{self.tail()}", PATIENCE_S)
        code = self._gone()
        assert code == 0, f"{self.name} ended with {code}; its log ends:\n{self.tail()}"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """It stands still: it reads nothing, says nothing, and does not know."""
        self.diary.append("held")
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def abandon(self) -> None:
        """End it whatever it does."""
        if self.runs:
            os.kill(self.pid, signal.SIGKILL)
            self._gone()

    def words(self) -> str:
        """All it ever said."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def words_of_this_run(self) -> str:
        return self.words().rpartition(START_LINE)[2]

    def tail(self) -> str:
        return "\n".join(self.words().splitlines()[-TAIL_LINES:])

    def _gone(self) -> int:
        assert self._child is not None
        return self._child.wait(PATIENCE_S)


class Own:
    """The broker that the collector starts itself: it is the collector's child, and gone when the collector is."""

    name = OWN
    host = embedded.HOST

    def __init__(self, data: Path) -> None:
        self._data = data
        drawn = embedded.EmbeddedBroker(data / "broker")  # draws ports and passwords for the collector to find
        self.port = drawn.port
        self.collector = (drawn.collector_user, drawn.collector_password)

    def user_for(self, agent: str, group: str = GROUP) -> tuple[str, str]:
        login = logins.given(self._data, group, agent)
        return login.user, login.password

    def kill9(self) -> None:
        os.kill(int((self._data / "broker" / "nats.pid").read_text()), signal.SIGKILL)

    def restart(self) -> None:
        """The collector does."""
        until(lambda: accepts(self.port), "the collector has started its broker again", PATIENCE_S)


@dataclass
class Site:
    """See the module; made by `Site.on`."""

    folder: Path
    broker: Broker
    collector: Program
    agents: dict[str, Program]
    server: str = ""

    @classmethod
    @contextlib.contextmanager
    def on(cls, broker: str, folder: Path, server: str = "") -> "Iterator[Site]":
        """A site on a broker of BROKERS, or on the collector's `own`: its agents are entered in the register, nothing
        runs but the broker (the collector's own runs when the collector does). `server`: the URL of its database."""
        with contextlib.ExitStack() as ending:
            ending.enter_context(mock.patch.object(embedded, "RESTART_LAST_SECONDS", 0.25))
            (folder / "collector").mkdir(mode=0o700)
            runs = Own(folder / "collector") if broker == OWN else ending.enter_context(BROKERS[broker](folder))
            site = cls(folder, runs, _collector(folder, runs, server), _agents(folder, runs), server)
            for program in site.programs:
                ending.callback(program.abandon)
            yield site

    @property
    def programs(self) -> list[Program]:
        return [self.collector, *self.agents.values()]

    @property
    def database(self) -> Path:
        """Its database, where that is a file."""
        return self.folder / "collector" / "roundsman.sqlite3"

    @property
    def where(self) -> str | Path:
        """Its database, wherever it is."""
        return self.server or self.database

    def view(self) -> View:
        return View.open(self.where)

    def start(self) -> None:
        """Start everything that does not run, and wait until records of every agent are in the store."""
        for program in self.programs:
            if not program.runs:
                program.start()
        self.await_records(20)

    def start_collector(self) -> None:
        """Start the collector and wait until it listens: who does not send again would not be heard before."""
        self.collector.start()
        listens = "broker reached"
        self.until(
            lambda: self.collector.words_of_this_run().count(listens) == 2 or not self.collector.runs,
            "the collector reaches the broker",
        )
        with self.explained():
            assert self.collector.runs, "the collector ended while it started"

    def rows(self, agent: str) -> int:
        """How many evidence rows the store has of an agent; cheap enough to poll."""
        if self.server:
            with self.view() as view:
                numbers = [one.no for one in view.agents() if one.id == agent]
                return sum(_rows_of(view, day.table_name, numbers) for day in view.status().partitions)
        if not self.database.exists():
            return 0
        with contextlib.closing(_reading(self.database)) as database:
            try:
                days = [name for (name,) in database.execute("SELECT table_name FROM partition")]
                return sum(
                    database.execute(
                        f"SELECT count(*) FROM {day} JOIN agent ON agent.no = agent_no WHERE agent.id = ?", (agent,)
                    ).fetchone()[0]
                    for day in days
                )
            except sqlite3.OperationalError:
                return 0

    def await_records(self, more: int) -> None:
        """Wait until the store has that many more reports of every brisk agent: the load flows."""
        before = {agent: self.rows(agent) for agent in BRISK}
        for agent, count in before.items():
            self.until(lambda agent=agent, count=count: self.rows(agent) >= count + more, f"{agent} gets through")

    def until(self, happened: Any, what: str) -> None:
        """Wait for something real; the failure shows everybody's last words."""
        with self.explained():
            until(happened, what, PATIENCE_S)

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Add the diaries and the ends of the logs to a failure."""
        try:
            yield
        except (AssertionError, pytest.fail.Exception) as failure:
            raise pytest.fail.Exception(f"{failure}\n{self.last_words()}") from failure

    def last_words(self) -> str:
        """Diaries and logs; the collector says where it is."""
        if self.collector.runs:
            os.kill(self.collector.pid, signal.SIGUSR1)
            time.sleep(0.5)
        told = [
            f"=== {program.name}: {'; '.join(program.diary)}\n{program.tail()}"
            for program in self.programs
            if program.diary
        ]
        return "\n".join(told)

    def settle(self) -> None:
        """Let polling stop and the spools run empty, then end everything in order."""
        self.hush()
        for program in self.agents.values():
            if program.runs:
                program.stop()
        self.until(self._is_rebuilt, "nothing waits to be rebuilt")
        self.collector.stop()

    def hush(self) -> None:
        """Nothing more is polled by the brisk agents; wait until the collector has settled all they have."""
        (self.folder / "hush").touch()
        for agent in BRISK:
            self.until(lambda agent=agent: self.waiting(agent) == 0, f"the spool of {agent} runs empty")

    def stream(self, agent: str) -> str:
        """The stream of an agent that has started."""
        with contextlib.closing(_reading(self.folder / agent / "spool.db")) as spool:
            (stream,) = spool.execute("SELECT id FROM stream").fetchone()
            return str(stream)

    def counted(self, name: str) -> dict[str, int]:
        """What the collector counted under a name, by cause."""
        with self.view() as view:
            return {one.cause: one.count for one in view.counters() if one.name == name}

    def waiting(self, agent: str) -> int:
        """Records and undeclared losses in an agent's spool."""
        with contextlib.closing(_reading(self.folder / agent / "spool.db")) as spool:
            (count,) = spool.execute("SELECT (SELECT count(*) FROM record) + (SELECT count(*) FROM loss)").fetchone()
            return int(count)

    def _is_rebuilt(self) -> bool:
        with self.view() as view:
            return view.status().dirty_units == 0

    def account(self) -> Account:
        """What the agents took, what the store has, what the ledger says; after `settle`."""
        spools = {agent: self.folder / agent for agent in self.agents}
        journals = {agent: taken(self.folder / f"{agent}.journal") for agent in BRISK}
        return Account.of(self.where, spools, journals)


def _collector(folder: Path, broker: Broker, server: str) -> Program:
    """The collector's configuration, its register and its program."""
    user, password = broker.collector
    _secret(folder / "collector.password", password)
    said = f'mode = "external"\nurl = "mqtt://{broker.host}:{broker.port}"\nuser = "{user}"\n'
    said += 'password_file = "collector.password"'
    if broker.name == OWN:
        said = 'mode = "embedded"'
    stored = f'[store]\nurl = "{server}"\n' if server else ""
    (folder / "collector.toml").write_text(COLLECTOR_TOML.format(broker=said) + stored)
    (folder / "overrides.yaml").write_text(OVERRIDES)
    with Store.open(server or folder / "collector" / "roundsman.sqlite3") as store:
        for agent, devices in CAST.items():
            entries = [DeviceEntry(id=d, kind="story", name_zh=d, name_en=d) for d, _ in devices]
            store.add_agent(agent, GROUP, entries, START_OF_HISTORY_MS)
    argv = [sys.executable, "-m", "tests.story.brisk_collector", "up", "--config", str(folder / "collector.toml")]
    return Program("collector", argv, folder / "collector.log", {})


def _agents(folder: Path, broker: Broker) -> dict[str, Program]:
    """The agents' configurations, normalised once, and their programs."""
    for agent in CAST:
        _configure(folder, broker, agent)
    check = (
        "import sys\nfrom roundsman_agent import cli\nsys.exit(max(cli.main(['check', one]) for one in sys.argv[1:]))"
    )
    files = [str(folder / f"{agent}.toml") for agent in CAST]
    checked = subprocess.run(
        [sys.executable, "-c", check, *files], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    return {agent: _agent(folder, agent, path) for agent, path in zip(CAST, checked.stdout.split(), strict=True)}


def _configure(folder: Path, broker: Broker, agent: str) -> None:
    user, password = broker.user_for(agent)
    _secret(folder / f"{agent}.password", password)
    said = AGENT_TOML.format(
        agent=agent, group=GROUP, host=broker.host, port=broker.port, user=user, batch_s=0.1 if agent == "gw-2" else 0.0
    )
    for device, period_s in CAST[agent]:
        said += DEVICE_TOML.format(device=device, period_s=period_s, local=str(device == agent).lower())
    (folder / f"{agent}.toml").write_text(said)


def _agent(folder: Path, agent: str, path: str) -> Program:
    module = "tests.story.brisk_agent" if agent in BRISK else "roundsman_agent"
    environment = {
        "ROUNDSMAN_STORY_JOURNAL": str(folder / f"{agent}.journal"),
        "ROUNDSMAN_STORY_HUSH": str(folder / "hush"),
    }
    argv = [sys.executable, "-m", module, "run", path]
    return Program(agent, argv, folder / f"{agent}.log", environment)


def _secret(file: Path, text: str) -> None:
    file.write_text(text + "\n")
    file.chmod(0o600)


def _rows_of(view: View, table: str, numbers: list[int]) -> int:
    with view._reading("rows") as connection:
        return sum(
            run(connection, f"SELECT count(*) FROM {table} WHERE agent_no = ?", no).scalar_one() for no in numbers
        )


def _reading(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10.0)
