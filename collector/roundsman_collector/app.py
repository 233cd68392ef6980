"""The composition root: `run(config, rules)` starts the parts, drives the one loop, and ends them again.

    this process                    children (end with us, also after kill -9)
    +---------------------------+   +----------------------------------+
    | loop: wait for MQTT       |   | nats-server   (embedded broker)  |
    |       ingest.step         |   | python -m roundsman_collector.web|
    |       clockwork.step      |   +----------------------------------+
    |       children.poll       |   | ... roundsman_collector.notify   |
    +---------------------------+

Started from the main thread, as the embedded broker asks. SIGTERM and SIGINT end the loop after the batch in hand.
"""

import gc
import os
import secrets
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import structlog

from roundsman_collector import clock, logins
from roundsman_collector.broker import EmbeddedBroker, listener_of
from roundsman_collector.clockwork import Clockwork
from roundsman_collector.config import FIRST_LOGIN, TOKEN, Config, calendar, service_levels, trends
from roundsman_collector.core.rulebook import RuleSet
from roundsman_collector.core.ticket_log import ROBOT
from roundsman_collector.engine import rules as ruling
from roundsman_collector.engine.engine import Engine
from roundsman_collector.ingest import Ingest
from roundsman_collector.mqtt import Line, Subscription, wait
from roundsman_collector.ready import Supervisor
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import Deed, Office, View
from roundsman_collector.store.door import Store
from roundsman_collector.store.errors import StoreError
from roundsman_collector.tether import tethered
from roundsman_wire import topics
from roundsman_wire.codec import encode

log = structlog.get_logger(__name__)

TOKEN_NAME = "first"
FIRST_PERSON = "admin"
FIRST_LOGIN_MS = 7 * 86_400_000
RUNTIME = "runtime.json"
IDLE_S, REBUILDING_IDLE_S = 0.2, 0.05
GATHER_S = 0.02
"""How far batches are apart at least: a commit costs a millisecond, for one report as for a thousand."""
LOOK_S = 1.0
CHILD_RESTART_S = 5.0
RETRY_AFTER_S = 5
"""An orderly stop is mostly a restart: so soon agents may send what waited."""
LEAVE_S = 2.0
# Objects made and not gone before Python looks for cycles. A batch makes some ten thousand, and they go with it.
GARBAGE_THRESHOLDS = (100_000, 50, 1000)


class Collector:
    """All parts of a running collector; made by `run`."""

    def __init__(self, config: Config, rules: RuleSet) -> None:
        self.config = config
        self.folder: Path = config.data.folder
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.store = Store.open(config.database)
        try:
            now_ms = clock.now_ms()
            ruling.begin(self.store, rules, now_ms)
            ruling.promise(self.store, service_levels(config), now_ms)
            self.first_login = self._first_keys(now_ms)
            self.engine = Engine(self.store, ruling.book(self.store), trends())
            gc.set_threshold(*GARBAGE_THRESHOLDS)
            read_again = self.engine.load(now_ms)
            gc.collect()
            gc.freeze()  # the fleet stays: looking through it for garbage again and again would cost a third of the CPU
            log.info("memory is back", agents=len(self.engine.units), read_again=read_again)
            self.broker = _embedded_broker(config)
            self._logins_at = -1
            self._look_at_logins()
            if self.broker is not None:
                self.broker.start()
            self._connect()
        except BaseException:
            self.store.close()
            raise
        self.clockwork = Clockwork(
            self.engine,
            listen_grace_s=config.collector.listen_grace_s,
            rebuild_pause_s=config.collector.rebuild_pause_s,
            rebuild_at_latest_s=config.collector.rebuild_at_latest_s,
            sweep_rows=config.collector.sweep_rows,
            evidence_days=config.keeping.evidence_days,
            evidence_bytes=config.keeping.evidence_bytes,
            condenses=config.keeping.evidence == "changes",
            publish=self.live.publish_many,
            keeper=self.live,
        )
        self.children = (
            Child("web", config, self.folder, lambda: config.api.port > 0, "--port", str(config.api.port)),
            Child("notify", config, self.folder, self._has_ways),
            Child("web.issuing", config, self.folder, self._has_reports),
        )
        self._greeted: set[str] = set()
        self._was_connected = False
        self._next_look = 0.0

    def _first_keys(self, now_ms: int) -> str | None:
        """See to it that a program and a person can come in; the link of the first administrator, if it is needed."""
        database = self.config.database
        with Office.open(database) as office, View.open(database) as view:
            office.seed_calendar(calendar(), deed=Deed(who=ROBOT, at_ms=now_ms))
            first_token(office, self.folder, now_ms)
            return first_login(office, view, self.folder, self._welcome, now_ms)

    def _welcome(self, key: str) -> str:
        base = self.config.api.public_url or f"http://127.0.0.1:{self.config.api.port}"
        return f"{base}/welcome?key={key}"

    def _connect(self) -> None:
        line = self._line()
        base = self._client_id()
        self.live = Subscription(line, client_id=f"{base}-live", filters=topics.LIVE_FILTERS)
        self.history = Subscription(line, client_id=f"{base}-history", filters=topics.HISTORY_FILTERS)
        self.ingest = Ingest(
            self.engine,
            self.live,
            self.history,
            ack_every_s=self.config.collector.ack_every_s,
            batch_max=self.config.collector.batch_max,
            window=self.config.collector.history_window,
        )

    def _line(self) -> Line:
        if self.broker is not None:
            return Line(
                host=self.broker.host,
                port=self.broker.port,
                user=self.broker.collector_user,
                password=self.broker.collector_password,
                tls=self.broker.trust,
            )
        return external_line(self.config)

    def _client_id(self) -> str:
        """The same for the life of the database, restores included: the broker keeps our session under it."""
        return f"roundsman-{self.store.session}"

    @property
    def is_connected(self) -> bool:
        """Whether the broker lets us listen, to live reports and to history."""
        return self.live.connected and self.history.connected

    # --- the loop ----------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """One turn of the loop: wait for news, take it, do what time brings, look after the children."""
        wait([self.live, self.history], REBUILDING_IDLE_S if self.engine.dirty else IDLE_S)
        begun_s = clock.mono_s()
        settled = self.ingest.step()
        now_ms, mono_s = clock.now_ms(), clock.mono_s()
        connected = self.is_connected
        self.clockwork.listening(connected, now_ms)
        if connected and not self._was_connected:
            self._greeted.clear()
        self._was_connected = connected
        self.clockwork.step(now_ms, mono_s, is_busy=2 * settled >= self.config.collector.batch_max)
        if mono_s >= self._next_look:
            self._next_look = mono_s + LOOK_S
            self._look_after()
        if not settled and not connected:
            time.sleep(0.02)  # a lost broker: the subscriptions back off by themselves
        elif 0 < settled < self.config.collector.batch_max:
            time.sleep(max(0.0, begun_s + GATHER_S - clock.mono_s()))

    def _look_after(self) -> None:
        if self.broker is not None:
            self.broker.poll()
        self._look_at_logins()
        for child in self.children:
            child.poll()
        if self.live.connected:
            self._greet()

    def _has_ways(self) -> bool:
        """Whether anybody wants to be told; a database that does not answer now is asked again in a second."""
        try:
            return self.store.has_ways()
        except StoreError:
            return False

    def _has_reports(self) -> bool:
        """Whether there are reports to make; a database that does not answer now is asked again in a second."""
        try:
            return self.store.has_reports(clock.now_ms())
        except StoreError:
            return False

    def _look_at_logins(self) -> None:
        """New or revoked agents: the register and the broker's rights follow the file within a second."""
        changed = logins.changed_at(self.folder)
        if changed == self._logins_at:
            return
        self._logins_at = changed
        if self.broker is not None:
            self.broker.set_agents(logins.read(self.folder))
        self.engine.load_register()

    def _greet(self) -> None:
        """Tell every group that we listen, retained, with the epoch of our database."""
        for group in sorted(self.engine.groups - self._greeted):
            said = encode({"v": 1, "online": True, "epoch": self.store.epoch})
            self.live.publish_retained(topics.collector_state(group), said)
            self._greeted.add(group)

    def _take_leave(self) -> None:
        """Tell every group that we go, and when we may be back; a broker that does not confirm is not waited for."""
        if not self.live.connected:
            return
        for group in sorted(self.engine.groups):
            said = encode({"v": 1, "online": False, "epoch": self.store.epoch, "retry_after": RETRY_AFTER_S})
            self.live.publish_retained(topics.collector_state(group), said)
        until = clock.mono_s() + LEAVE_S
        while self.live.unconfirmed and clock.mono_s() < until:
            wait([self.live], 0.05)
            self.live.step(0)

    def close(self) -> None:
        """Write memory to disk and end everything we started."""
        for child in self.children:
            child.stop()
        self._take_leave()
        self.live.close()
        self.history.close()
        if self.broker is not None:
            self.broker.stop()
        try:
            self.clockwork.close(clock.now_ms())
        except StoreError as error:  # it is read again at the next start
            log.warning("memory could not be written at the end", cause=str(error))
        self.store.close()


class Child:
    """A part of ours as a process of its own, so that nothing of it, and no crash, holds up a report.

    `name` is the module below roundsman_collector that it runs, and its journal's. It is started as soon as it
    `is_wanted`, and again whenever it ends.
    """

    def __init__(self, name: str, config: Config, folder: Path, is_wanted: Callable[[], bool], *more: str) -> None:
        self._name = name
        self._journal = folder / f"{name}.log"
        self._is_wanted = is_wanted
        self._argv = [sys.executable, "-m", f"roundsman_collector.{name}", "--data", str(folder), *more]
        if config.source is not None:
            self._argv += ["--config", str(config.source)]
        self._child: subprocess.Popen[bytes] | None = None
        self._restart_at = 0.0

    def poll(self) -> None:
        """Start it, or start it again."""
        if self._child is not None and self._child.poll() is None:
            return
        mono = clock.mono_s()
        if mono < self._restart_at or (self._child is None and not self._is_wanted()):
            return
        if self._child is not None:
            why = {"code": self._child.returncode, "journal": str(self._journal)}
            log.error("a child ended; it is started again", child=self._name, **why)
        self._restart_at = mono + CHILD_RESTART_S
        with self._journal.open("ab") as journal:
            self._child = subprocess.Popen(
                tethered(self._argv),
                stdin=subprocess.DEVNULL,
                stdout=journal,
                stderr=journal,
                start_new_session=True,
            )

    def stop(self) -> None:
        """End it."""
        if self._child is None or self._child.poll() is not None:
            return
        self._child.terminate()
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def first_token(office: Office, folder: Path, now_ms: int) -> str:
    """The token of programs on this machine: made at the first start, kept in a file of mode 0600."""
    file = folder / TOKEN
    try:
        token = file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        token = secrets.token_urlsafe(24)
        _write_private(file, token + "\n")
    office.add_token(token, name=TOKEN_NAME, role="administrator", deed=Deed(who=ROBOT, at_ms=now_ms))
    return token


def first_login(office: Office, view: View, folder: Path, link: Callable[[str], str], now_ms: int) -> str | None:
    """The one-time link of the first administrator, while nobody has ever signed in; kept in a file of mode 0600."""
    file = folder / FIRST_LOGIN
    persons = view.persons()
    if any(person.has_password for person in persons):
        file.unlink(missing_ok=True)
        return None
    deed = Deed(who=ROBOT, at_ms=now_ms)
    if not persons:
        office.add_person(FIRST_PERSON, name=FIRST_PERSON, role="administrator", scope=EVERYTHING, deed=deed)
    if len(persons) > 1:
        return None  # somebody is at work with `roundsman user`
    who = persons[0].id if persons else FIRST_PERSON
    address = link(office.invite(who, expires_ms=now_ms + FIRST_LOGIN_MS, deed=deed))
    file.unlink(missing_ok=True)
    _write_private(file, address + "\n")
    return address


def _write_private(file: Path, text: str) -> None:
    """A new file that only its owner may read."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        opened.write(text)


def _embedded_broker(config: Config) -> EmbeddedBroker | None:
    """The broker of our own, unless the configuration names another."""
    if config.broker.mode == "external":
        return None
    return EmbeddedBroker(config.data.folder / "broker", listener_of(config))


def external_line(config: Config) -> Line:
    """How to reach a broker that is not ours; the configuration has seen to it that the URL is one of a broker."""
    url = urlsplit(config.broker.url)
    assert url.hostname is not None
    tls = None
    if url.scheme == "mqtts":
        tls = ssl.create_default_context(cafile=str(config.broker.ca) if config.broker.ca else None)
        if config.broker.cert:
            tls.load_cert_chain(str(config.broker.cert), str(config.broker.key) if config.broker.key else None)
    password = None
    if config.broker.password_file:
        password = Path(config.broker.password_file).read_text(encoding="utf-8").strip()
    port = url.port or (8883 if tls else 1883)
    return Line(host=url.hostname, port=port, user=config.broker.user or None, password=password, tls=tls)


def _tell(supervisor: Supervisor, collector: Collector) -> None:
    """How we are: ready when agents are heard, which needs the broker; alive as long as the loop goes round."""
    mono_ms = round(clock.mono_s() * 1000)
    if collector.is_connected:
        supervisor.ready(f"{len(collector.engine.units)} agents")
    else:
        supervisor.waiting("for the broker", mono_ms)
    supervisor.alive(mono_ms)


def run(config: Config, rules: RuleSet, *, each: Callable[[Collector], None] | None = None) -> None:
    """Run until SIGTERM or SIGINT; `each` is called once a turn, and may raise StopIteration to end."""
    stopping = []

    def stop(number: int, _: FrameType | None) -> None:
        stopping.append(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    supervisor = Supervisor.of(os.environ)
    collector = Collector(config, rules)
    log.info("the collector runs", data=str(collector.folder), api=f"http://127.0.0.1:{config.api.port}/")
    if collector.first_login:
        log.info("nobody has signed in yet: the first administrator's link", file=str(collector.folder / FIRST_LOGIN))
        if sys.stdout.isatty():  # for eyes, not for a journal: it is a key
            print(f"Open this link once, to choose a password: {collector.first_login}", flush=True)
    try:
        while not stopping:
            collector.step()
            _tell(supervisor, collector)
            if each is not None:
                each(collector)
    except StopIteration:
        pass
    finally:
        supervisor.stopping()
        collector.close()
        for number, handler in before.items():
            signal.signal(number, handler)
