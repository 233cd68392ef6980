"""The agent's loop: poll what is due, keep what was read, move the uplink along, sleep until something happens.

    Agent(config, clock=SystemClock(), ...).run()      until `stop()`, which signal handlers may call

       due? ---> isolation (threads, deadlines) ---> all answers of a round ---> one sample ---> spool ---> uplink
         ^                                                                                                   |
         +------------------------------ select: probe done, socket ready, next tick ------------------------+

One thread. A device has one round at a time; the next one waits for it. What a probe breaks is logged once when it
breaks and once when it is back.
"""

import logging
import platform
import random
import select
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from roundsman_agent import __version__, errands, fault, machine, poll, remote
from roundsman_agent.birth import Pages, compose, points_of
from roundsman_agent.budget import Budget
from roundsman_agent.clock import Clock, Moment, Offset, spoken
from roundsman_agent.config import Config, ProbeUse
from roundsman_agent.cost import Costs
from roundsman_agent.errands import Errands
from roundsman_agent.isolate import SLACK_MS, Isolation, Outcome
from roundsman_agent.known_time import KnownTime
from roundsman_agent.limits import Limits
from roundsman_agent.machine import system_is_stopping
from roundsman_agent.poll import Round, Turn
from roundsman_agent.probe import Answer, Probe, ProbeError
from roundsman_agent.ready import Supervisor
from roundsman_agent.remote import Remote
from roundsman_agent.spool import Spool
from roundsman_agent.uplink import Uplink
from roundsman_agent.warden import Warden

log = logging.getLogger("roundsman.agent")

_NAP_MS: Final = 5_000
"""The longest sleep: whatever an event should have announced is seen then."""
_GOODBYE_MS: Final = 2_000
_PAUSE_AFTER_ERROR_S: Final = 1.0


@dataclass(kw_only=True, slots=True)
class _Running:
    """A round under way: when it began, what it still waits for, what it has."""

    begun: Moment
    waiting: set[str]
    answers: dict[str, Answer] = field(default_factory=dict)


class Agent:
    """See the module. SpoolBusy or SpoolDenied when the data folder cannot be had."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock,
        load: Callable[[str], Probe] | None = None,
        rng: random.Random | None = None,
        stopping: Callable[[], bool | None] = system_is_stopping,
        supervisor: Supervisor | None = None,
        remote: Remote | None = None,
        warden: Warden | None = None,
    ) -> None:
        self._config = config
        self._remote = remote
        self._clock = self._known = KnownTime(clock)
        self._stopping = stopping
        self._supervisor = supervisor or Supervisor()
        self._warden = warden or Warden()
        self._costs = Costs(int(config.cost_every_s * 1000))
        load = load or self._warden.load
        self._devices = {device.id: device for device in config.devices}
        self._uses: dict[str, tuple[ProbeUse, Probe]] = {
            f"{device.id}/{use.label}": (use, load(use.name)) for device in config.devices for use in device.probes
        }
        self._plan = [turn for device in config.devices for turn in _turns(device.id, device.probes)]
        self._done: dict[Turn, int] = {}
        self._running: dict[str, _Running] = {}
        self._broken: dict[str, str] = {}
        self._is_stopping = False
        self._begins_anew = False
        now = self._clock.now()
        self.spool = Spool.open(
            config.data,
            now=now,
            max_bytes=config.spool.max_bytes,
            free_floor_bytes=config.spool.free_floor_bytes,
            fsync_ms=int(config.spool.fsync_s * 1000),
            limits=Limits(config.limits),
        )
        self._budget = Budget.open(
            config.data,
            day_bytes=config.uplink.budget_day_bytes,
            month_bytes=config.uplink.budget_month_bytes,
            now=now,
        )
        self._isolation = Isolation()
        self.uplink = Uplink(
            agent=config.id,
            group=config.group,
            broker=config.broker,
            settings=config.uplink,
            spool=self.spool,
            isolation=self._isolation,
            birth=self._birth,
            on_command=self._take_command,
            on_offset=self._take_offset,
            on_config=self._take_config,
            now=now,
            rng=rng or random.Random(),
            budget=self._budget,
        )
        self._note_boot(now)
        self._errands = Errands(
            config,
            spool=self.spool,
            isolation=self._isolation,
            known=self._known,
            poll_now=self._poll_now,
            say_birth=self.uplink.say_birth,
            look=self._look_at_itself,
            now=now,
        )

    # --- the loop -----------------------------------------------------------------------------------------------------

    def run(self) -> bool:
        """Go round until `stop`, then say goodbye and leave the spool in order. True: begin anew, the configuration is
        another one."""
        log.info("agent %s: stream %s, session %d", self._config.id, self.spool.stream, self.spool.session)
        while not self._is_stopping:
            try:
                self.step()
                self._supervisor.ready()
                self._supervisor.alive(self._clock.now().mono)
                self.wait()
            except Exception:  # the one net: log, back off, go on
                log.exception("agent: something broke; going on in %.0f s", _PAUSE_AFTER_ERROR_S)
                self._sleep(_PAUSE_AFTER_ERROR_S)
        self._leave()
        return self._begins_anew

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._is_stopping = True
        self._isolation.ring()

    def step(self) -> None:
        """Do everything that can be done now."""
        now = self._clock.now()
        self._serve_remote(now)
        self._keep_time(now)
        for outcome in self._isolation.collect(now.mono):
            if outcome.key.startswith("uplink/"):
                self.uplink.dialed(outcome, now)
            elif outcome.key.startswith(remote.KEY):
                self._remote_checked(outcome, now)
            elif outcome.key.startswith(errands.KEY):
                self._errands.finished(outcome, now)
            else:
                self._take_outcome(outcome, now)
        for due in poll.due(self._plan, self._done, now.mono):
            if due.device not in self._running:
                self._begin(due, now)
        self.uplink.step(now)
        self._errands.tend(now)
        self.spool.tend(now)

    def wait(self) -> None:
        """Sleep until a probe is done, the socket is ready or something is due."""
        now = self._clock.now()
        idle = [turn for turn in self._plan if turn.device not in self._running]
        times = [now.mono + _NAP_MS, poll.wake_at(idle, self._done, now.mono), self.uplink.wake_at(now)]
        times += [at for at in (self._isolation.wake_at(), self._supervisor.wake_at(now.mono)) if at is not None]
        if self._remote is not None and (at := self._remote.wake_at()) is not None:
            times.append(at)
        self._sleep(max(min(times) - now.mono, 0) / 1000)

    def _sleep(self, seconds: float) -> None:
        sock = self.uplink.connection()
        readable = [self._isolation.wake] if sock is None else [self._isolation.wake, sock]
        writable = [sock] if sock is not None and self.uplink.wants_to_write() else []
        select.select(readable, writable, [], seconds)

    def _leave(self) -> None:
        fault.point("agent.before_stop")
        if not self._begins_anew:
            self._supervisor.stopping()
        began = now = self._clock.now()
        self.uplink.stop(now)
        while not self.uplink.is_quiet() and now.mono - began.mono < _GOODBYE_MS:
            self._sleep(0.1)
            self._isolation.collect(now.mono)
            now = self._clock.now()
            self.uplink.pump(now)
        self.uplink.close()
        self._budget.close(now)
        self.spool.close(now=now, system_stopping=self._stopping())
        self._isolation.close()
        self._warden.close()
        log.info("agent %s: stopped", self._config.id)

    # --- polling ------------------------------------------------------------------------------------------------------

    def _begin(self, due: Round, now: Moment) -> None:
        """Start all probes of a round."""
        running = _Running(begun=now, waiting={f"{turn.device}/{turn.probe}" for turn in due.turns})
        self._running[due.device] = running
        for turn in due.turns:
            self._done[turn] = poll.tick(turn, now.mono)
            key = f"{turn.device}/{turn.probe}"
            use, probe = self._uses[key]
            since = self._isolation.start(
                key, _call(probe, use.settings), now=now.mono, timeout_ms=int(use.timeout_s * 1000) + SLACK_MS
            )
            if since is not None:
                self._answer(key, _hung(key, since, now), now)

    def _take_outcome(self, outcome: Outcome, now: Moment) -> None:
        if outcome.hung_since is not None:
            self._answer(outcome.key, _hung(outcome.key, outcome.hung_since, now), now)
        elif outcome.error is not None:
            self._answer(outcome.key, self._failure(outcome.key, outcome.error), now)
        elif isinstance(outcome.value, Answer):
            self._answer(outcome.key, outcome.value, now)
        else:
            cause = f"gave a {type(outcome.value).__name__}, not an Answer"
            self._answer(outcome.key, _failed(outcome.key, "crashed", cause), now)

    def _failure(self, key: str, error: BaseException) -> Answer:
        if isinstance(error, ProbeError):
            return _failed(key, error.code, error.detail)
        if key not in self._broken:
            log.error("%s: the probe itself broke", key, exc_info=error)
        return _failed(key, "crashed", f"{type(error).__name__}: {error}")

    def _answer(self, key: str, answer: Answer, now: Moment) -> None:
        """One probe of a round has answered; with the last one the round becomes a sample."""
        self._tell_once(key, answer)
        device, _, label = key.partition("/")
        running = self._running[device]
        running.waiting.discard(key)
        running.answers[label] = answer
        self._costs.note(key, answer, took_ms=now.mono - running.begun.mono)
        if running.waiting:
            return
        del self._running[device]
        sample = poll.sample(device, self._devices[device].valid_s, running.begun, running.answers)
        if sample["readings"]:  # our own costs must not make a device that is silent look as if it had answered
            costs = {**self._costs.told(device, now.mono)}
            if costs and self._devices[device].local:
                costs |= self._budget.told(now)
            sample["readings"] |= costs | self._clock_told(device, now)
        self.spool.take(sample)
        self._errands.sampled(device, now)

    def _tell_once(self, key: str, answer: Answer) -> None:
        """Log when a probe breaks and when it is back; quiet between."""
        _, _, label = key.partition("/")
        trouble = answer.failed.get(label) if not answer.readings else None
        if trouble is not None and key not in self._broken:
            log.warning("%s: %s: %s", key, *trouble)
            self._broken[key] = trouble[0]
        elif trouble is None and key in self._broken:
            log.info("%s: is back after %s", key, self._broken.pop(key))

    # --- records of our own -------------------------------------------------------------------------------------------

    def _note_boot(self, now: Moment) -> None:
        """The first start in a boot writes its record; the shutdown before was orderly if it stopped the agent."""
        before = self.spool.previous
        if before is not None and before.boot == now.boot:
            return
        record = {**_stamp("boot", now), "orderly": None}
        if before is not None and before.boot is not None:
            stopped = before.stopped
            was_there = stopped is not None and stopped.boot == before.boot
            # Stopped while the system stayed up: what became of the system afterwards nobody saw.
            record["orderly"] = was_there if stopped is None or stopped.system_stopping is not False else None
        if self.spool.take(record):
            self.spool.remember_boot(now.boot)

    def _take_offset(self, found: Offset, now: Moment) -> None:
        if self._remote is not None:
            self._remote.acknowledged()
        if (record := self._known.hear(found, now)) is not None:
            self.spool.take(record)

    def _keep_time(self, now: Moment) -> None:
        """NTP came: what was sampled without it in this boot can be dated."""
        if (record := self._known.look(now)) is not None:
            self.spool.take(record)

    def _clock_told(self, device: str, now: Moment) -> dict[str, int]:
        """How wrong the machine's own clock is, as a reading of the machine itself."""
        ahead_s = self._known.ahead_s(now) if self._devices[device].local else None
        return {} if ahead_s is None else {"clock.wrong_by_s": abs(ahead_s)}

    # --- what the collector pushes ------------------------------------------------------------------------------------

    def _take_config(self, payload: bytes, now: Moment) -> None:
        if self._remote is not None:
            self._remote.take(payload, now)

    def _remote_checked(self, outcome: Outcome, now: Moment) -> None:
        if self._remote is not None:
            self._remote.checked(outcome, now)

    def _serve_remote(self, now: Moment) -> None:
        """First in every turn: a configuration on trial ends in time, whatever it breaks."""
        if self._remote is None or self._is_stopping:
            return
        if self._remote.serve(isolation=self._isolation, keep=self.spool.take, now=now, offset=self._known.offset(now)):
            self._begins_anew = self._is_stopping = True

    def _birth(self, now: Moment) -> Pages:
        return compose(
            self._config,
            stream=self.spool.stream,
            oldest=self.spool.oldest,
            newest=self.spool.newest,
            gone=self.spool.gone(),
            session=self.spool.session,
            versions={"agent": __version__, "python": platform.python_version()},
            platform=f"{sys.platform}-{platform.machine() or 'unknown'}",
            now=now,
            waits_s=self.uplink.waits_s,
            points=points_of(self.spool.read(self.spool.newest_of_devices())) if self._config.uplink.compress else (),
        )

    # --- commands -----------------------------------------------------------------------------------------------------

    def _take_command(self, payload: bytes, now: Moment) -> None:
        self._errands.take(payload, now)

    def _poll_now(self, devices: Collection[str]) -> None:
        """Make all probes of these devices due."""
        for turn in self._plan:
            if turn.device in devices:
                self._done.pop(turn, None)

    def _look_at_itself(self, checks: list[str], now: Moment) -> tuple[str, str]:
        """What `diagnose` answers: a line, and a line for each check."""
        from roundsman_agent import diagnose

        offset = self._known.offset(now)
        facts = diagnose.Facts(
            stream=self.spool.stream,
            oldest=self.spool.oldest,
            newest=self.spool.newest,
            spool_bytes=machine.folder_bytes(self._config.data),
            spool_limit=self._config.spool.max_bytes,
            losses=len(self.spool.losses()),
            free_bytes=machine.free_bytes(self._config.data),
            free_floor=self._config.spool.free_floor_bytes,
            is_online=self.uplink.is_online,
            session=self.spool.session,
            ntp=now.ntp,
            ahead_s=self._known.ahead_s(now),
            error_ms=None if offset is None else offset.error_ms,
            probes=len(self._uses),
            broken=self._broken,
            hung=[key for key in self._isolation.hung() if key in self._uses],
        )
        found = diagnose.findings(facts, checks)
        return diagnose.summary(found), diagnose.written(found)


def _turns(device: str, uses: tuple[ProbeUse, ...]) -> tuple[Turn, ...]:
    return poll.turns(device, [(use.label, max(int(use.every_s * 1000), 1)) for use in uses])


def _call(probe: Probe, settings: Mapping[str, object]) -> Callable[[], Answer]:
    return lambda: probe.parse(probe.fetch(settings), settings)


def _failed(key: str, code: str, detail: str) -> Answer:
    """A probe that failed as a whole: its own name is the key."""
    return Answer(readings={}, failed={key.partition("/")[2]: (code, detail)})


def _hung(key: str, since: int, now: Moment) -> Answer:
    return _failed(key, "hung", f"no answer since {spoken(now.wall - (now.mono - since))}")


def _stamp(kind: str, now: Moment) -> dict[str, Any]:
    record: dict[str, Any] = {"kind": kind, "boot": now.boot, "mono": now.mono, "t": now.wall}
    if not now.ntp:
        record["ntp"] = False
    return record
