"""Configurations that the collector pushes: looked through, tried, confirmed or taken back by the agent itself.

    remote = Remote.begin(path, now)            which configuration this start runs with: remote.config
    remote.take(payload, now)                   a message of the topic `config`
    remote.serve(..., now) -> bool              in every turn of the loop; True: leave in order and begin anew
    remote.acknowledged()                       the collector has answered this session

A push is judged twice: its envelope here, its tables in a process of its own, because pydantic costs more memory than
the agent has. What cannot be used is refused in a log line and a `result` record `config:HASH`, and that is all. What
can is written down (pushed.py), and the agent begins anew in the same process: a thread that hangs in the kernel would
hold up an exec for ever. docs/decisions/0020-remote-configuration.md.
"""

import json
import logging
import os
import re
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from roundsman_agent import commands, fault, machine, pushed
from roundsman_agent.clock import Moment, Offset
from roundsman_agent.config import Config, ConfigError, laid_over, made, read_file
from roundsman_agent.isolate import Isolation, Outcome
from roundsman_agent.pushed import Journal, Pushed
from roundsman_wire.codec import config_hash
from roundsman_wire.report import MESSAGE_LIMIT

log = logging.getLogger("roundsman.config")

KEY: Final = "config/"
"""What the keys of its work in isolation begin with."""
ROLLBACK_S: Final = (60, 86_400)
_CHECK_S: Final = 120
"""What looking through a configuration may take, on a slow machine that is busy."""
_REFUSALS: Final = 20
_PER_MS: Final = 3_600_000
"""So many refusals are answered in an hour; a flood must not fill the spool."""
_DETAIL: Final = 400
"""Characters of a result's detail."""
_HASH: Final = re.compile(r"[0-9a-f]{12}\Z")
_UNREADABLE: Final = "unreadable"

Check = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Push:
    """A message whose envelope is in order."""

    hash: str
    body: Mapping[str, Any]
    rollback_s: int
    at: int | None
    expires_s: float | None
    checksum: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A message that is no configuration for this agent. `hash` is what it says of itself, if it can be read."""

    hash: str
    why: str


def judge(payload: bytes, agent: str) -> Push | Refusal:
    """Whether a message is a configuration for this agent, by its envelope alone. Pure."""
    if len(payload) > MESSAGE_LIMIT:
        return Refusal(hash=_UNREADABLE, why=f"{len(payload)} bytes; the limit is {MESSAGE_LIMIT}")
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError):
        return Refusal(hash=_UNREADABLE, why="not JSON")
    if not isinstance(message, dict):
        return Refusal(hash=_UNREADABLE, why="not an object")
    said = message.get("hash")
    if not isinstance(said, str) or not _HASH.match(said):
        return Refusal(hash=_UNREADABLE, why="hash: expected twelve hex digits")
    why = _amiss(message, agent)
    if why:
        return Refusal(hash=said, why=why)
    return Push(
        hash=said,
        body=message["body"],
        rollback_s=message["rollback_s"],
        at=message.get("at"),
        expires_s=message.get("expires_s"),
        checksum=zlib.crc32(payload),
    )


def _amiss(message: Mapping[str, Any], agent: str) -> str | None:
    """What is wrong with an envelope whose hash can be read."""
    body, rollback_s, least, most = message.get("body"), message.get("rollback_s"), *ROLLBACK_S
    if message.get("v") != 1:
        return f"version {message.get('v')!r:.40} of the contract is not spoken here"
    if not isinstance(body, dict):
        return "body: expected an object with the tables of agent.toml"
    if type(rollback_s) is not int or not least <= rollback_s <= most:
        return f"rollback_s: expected a whole number from {least} to {most}, got {rollback_s!r:.40}"
    if message.get("agent", agent) != agent:
        return f"it is for agent {message['agent']!r:.80}, this is {agent}"
    at, expires_s = message.get("at"), message.get("expires_s")
    if not isinstance(at, int | None) or not isinstance(expires_s, int | float | None):
        return "at or expires_s is not a number"
    try:
        found = config_hash(body)
    except (ValueError, RecursionError):
        return "body: not JSON of this contract"
    if found != message["hash"]:
        return f"its body has the hash {found}: it was damaged on the way, or altered"
    return None


def is_expired(push: Push, now: Moment, offset: Offset | None) -> bool | None:
    """Whether a push is too old; None: nobody can say yet, for want of a clock that can be believed."""
    if push.at is None or push.expires_s is None:
        return False
    if offset is not None and offset.boot == now.boot:
        true = now.wall + offset.offset_ms
    elif now.ntp:
        true = now.wall
    else:
        return None
    return true - push.at > push.expires_s * 1000


class Remote:
    """See the module. `config` is what is in force; `path` names the local normalised file."""

    def __init__(
        self,
        path: str,
        *,
        base: Mapping[str, Any],
        config: Config,
        journal: Journal,
        check: Check | None = None,
    ) -> None:
        self.config = config
        self._path = path
        self._base = base
        self._local: str = base.get("given", base["hash"])
        self._journal = journal
        self._check = check or check_apart
        self._waiting: Push | None = None
        self._checking: Push | None = None
        self._refusals: list[int] = []
        self._is_flooded = False
        self._begins_anew = False
        self._checks = 0

    @classmethod
    def begin(cls, path: str, now: Moment, *, before: "Remote | None" = None, check: Check | None = None) -> "Remote":
        """Decide what this start runs with, and count it when that is on trial. ConfigError: the local file.

        `before` is the one that this process ran with until now: what the disk did not take, it knows.
        """
        base = read_file(path)
        local = made(base, path)
        remote = cls(path, base=base, config=local, journal=Journal(), check=check)
        try:
            lock = machine.lock(os.path.join(local.data, "lock"))
        except machine.AlreadyLocked:
            return remote  # another agent works here: this one will be sent away, and nothing was started
        except OSError:  # no such folder yet, or none that can be written: the spool will say so
            return remote
        with lock:
            remote._start(pushed.read(local.data) if before is None else before._journal, now)
        return remote

    def _start(self, before: Journal, now: Moment) -> None:
        self._journal = pushed.started(before, self._local, now)
        while (chosen := self._journal.in_force) is not None:
            try:
                self.config = self._laid_over(chosen)
                break
            except ConfigError as error:
                if self._journal.trial is not None:
                    self._journal = pushed.rolled_back(self._journal, str(error))
                else:
                    self._journal = pushed.set_aside(self._journal, f"set aside: {error}")
        if self._journal != before:
            self._write("a start")
        for answer in self._journal.answers[len(before.answers) :]:
            log.error("configuration %s %s", answer.hash, answer.why)
        if chosen is not None:
            on_trial = " on trial" if self._journal.trial is not None else ""
            log.info("configuration %s: pushed by the collector, lies over %s%s", chosen.hash, self._path, on_trial)
        fault.point("config.started")

    def _laid_over(self, chosen: Pushed) -> Config:
        """The local configuration with the tables that were pushed. Tables of an older agent are made anew."""
        try:
            return made(laid_over(self._base, chosen.tables, chosen.hash), f"configuration {chosen.hash}")
        except ConfigError as error:
            log.warning("%s; looking through it again", error)
        tables = self._check(self._path, chosen.body)
        renewed = replace(chosen, tables=tables)
        config = made(laid_over(self._base, tables, chosen.hash), f"configuration {chosen.hash}")
        if self._journal.trial is not None:
            self._journal = replace(self._journal, trial=replace(self._journal.trial, pushed=renewed))
        else:
            self._journal = replace(self._journal, settled=renewed)
        return config

    @property
    def is_pushed(self) -> bool:
        """Whether something that was pushed is in force, so that there is something to fall back to."""
        return self._journal.in_force is not None

    # --- what comes in ------------------------------------------------------------------------------------------------

    def take(self, payload: bytes, now: Moment) -> None:
        """A message of the topic `config`: retained, so the same one comes with every connection."""
        if not payload:  # withdrawn at the broker; what is in force stays
            self._waiting = None
            return
        checksum = zlib.crc32(payload)
        if checksum == self._journal.ignored:
            return
        judged = judge(payload, self.config.id)
        if isinstance(judged, Refusal):
            self._ignore(judged.hash, judged.why, checksum, now)
            return
        if judged.hash == self._journal.turned_down:
            return
        self._waiting = None if judged.hash == self._tried_hash() else judged
        if self._waiting is None and self._journal.turned_down:  # another came, so that one may come again
            self._journal = replace(self._journal, turned_down="")
            self._write("what was pushed")

    def _tried_hash(self) -> str | None:
        """The hash that is in force, or on its way to it."""
        if self._checking is not None:
            return self._checking.hash
        return self._journal.in_force.hash if self._journal.in_force is not None else None

    def acknowledged(self) -> None:
        """The collector has acknowledged something that was sent since this start."""
        trial = self._journal.trial
        if trial is None or self._begins_anew:
            return
        self._journal = pushed.confirmed(self._journal)
        self._write("that it is confirmed")
        log.info("configuration %s: confirmed", trial.pushed.hash)

    def serve(
        self,
        *,
        isolation: Isolation,
        keep: Callable[[Mapping[str, Any]], int],
        now: Moment,
        offset: Offset | None,
    ) -> bool:
        """Answer, watch over a trial, have a push looked through; True when the agent is to begin anew."""
        self._answer(keep, now)
        trial = self._journal.trial
        if trial is not None and not self._begins_anew and pushed.is_overdue(trial, now):
            self._roll_back(f"no acknowledgement within {trial.rollback_s} s")
        if self._waiting is not None and self._checking is None and not self._begins_anew:
            self._consider(self._waiting, isolation, now, offset)
        return self._begins_anew

    def wake_at(self) -> int | None:
        """When a trial is over."""
        trial = self._journal.trial
        return None if trial is None else trial.mono + trial.rollback_s * 1000

    def _consider(self, push: Push, isolation: Isolation, now: Moment, offset: Offset | None) -> None:
        expired = is_expired(push, now, offset)
        if expired is None:
            return
        self._waiting = None
        if expired:
            self._ignore(push.hash, f"expired: {push.expires_s:g} s were allowed", push.checksum, now)
        elif self._journal.settled is not None and push.hash == self._journal.settled.hash:
            self._roll_back("the one before it was pushed again")
        else:
            log.info("configuration %s: pushed; looking through it", push.hash)
            self._checking = push
            self._checks += 1
            path, check = self._path, self._check
            isolation.start(
                f"{KEY}{self._checks}",
                lambda: check(path, push.body),
                now=now.mono,
                timeout_ms=_CHECK_S * 1500,
            )

    def checked(self, outcome: Outcome, now: Moment) -> None:
        """A configuration was looked through (the agent hands over outcomes whose key begins with `config/`)."""
        push, self._checking = self._checking, None
        if push is None or outcome.key != f"{KEY}{self._checks}":
            return
        try:
            if outcome.hung_since is not None:
                raise ConfigError("looking through it took too long")
            if outcome.error is not None:
                raise outcome.error
            candidate = Pushed(hash=push.hash, body=push.body, tables=outcome.value, local=self._local)
            made(laid_over(self._base, candidate.tables, push.hash), f"configuration {push.hash}")
        except ConfigError as error:
            self._refuse(push, str(error), now)
            return
        except Exception as error:
            log.exception("configuration %s: looking through it failed", push.hash)
            self._ignore(push.hash, f"looking through it failed: {error}", push.checksum, now)
            return
        self._try(push, candidate, now)

    def _try(self, push: Push, candidate: Pushed, now: Moment) -> None:
        """Write down that it is to be tried; the next start does it."""
        fault.point("config.before_trial")
        before = self._journal
        self._journal = pushed.tried(before, candidate, push.rollback_s, now)
        if not self._write("that it is to be tried"):
            self._journal = before
            self._ignore(push.hash, "the disk does not take it", 0, now)
            return
        fault.point("config.after_trial")
        log.info("configuration %s: in force now, for %d s unless confirmed", push.hash, push.rollback_s)
        self._begins_anew = True

    # --- saying no ----------------------------------------------------------------------------------------------------

    def _refuse(self, push: Push, why: str, now: Moment) -> None:
        """Its content cannot be used: not again until another comes."""
        log.error("configuration %s refused: %s", push.hash, why)
        if self._may_answer(now):
            self._journal = pushed.refused(self._journal, push.hash, why)
        else:
            self._journal = replace(self._journal, turned_down=push.hash)
        self._write("that it is refused")

    def _ignore(self, of: str, why: str, checksum: int, now: Moment) -> None:
        """The message cannot be used; its hash may still come in a good one."""
        if not self._may_answer(now):
            return
        log.error("configuration %s refused: %s", of, why)
        self._journal = pushed.answered(replace(self._journal, ignored=checksum), of, ok=False, why=f"refused: {why}")
        self._write("that it is refused")

    def _may_answer(self, now: Moment) -> bool:
        self._refusals = [one for one in self._refusals if now.mono - one < _PER_MS]
        has_room = len(self._refusals) < _REFUSALS
        if has_room:
            self._refusals.append(now.mono)
        elif not self._is_flooded:
            log.error("configuration: %d refused within an hour; the others are ignored", _REFUSALS)
        self._is_flooded = not has_room
        return has_room

    def fall_back(self, why: str) -> None:
        """The configuration that was pushed broke the start itself."""
        if self._journal.trial is not None:
            self._roll_back(why)
        else:
            self._journal = pushed.set_aside(self._journal, f"set aside: {why}")
            log.error("what was pushed is set aside: %s", why)
            self._write("that it is set aside")

    def _roll_back(self, why: str) -> None:
        self._journal = pushed.rolled_back(self._journal, why)
        log.error("configuration %s %s", self._journal.answers[-1].hash, self._journal.answers[-1].why)
        self._write("that it is rolled back")
        self._begins_anew = True

    def _answer(self, keep: Callable[[Mapping[str, Any]], int], now: Moment) -> None:
        """What is to be told becomes records; a kill between the two tells it twice."""
        if not self._journal.answers:
            return
        for answer in self._journal.answers:
            output = answer.why if len(answer.why) > _DETAIL else ""  # every mistake, where a line does not hold them
            keep(commands.result(f"config:{answer.hash}", ok=answer.ok, detail=answer.why, now=now, output=output))
        self._journal = replace(self._journal, answers=())
        self._write("that it is answered")

    def _write(self, what: str) -> bool:
        try:
            pushed.write(self.config.data, self._journal)
        except OSError as error:
            log.error("configuration: %s cannot be written down: %s", what, error)
            return False
        return True


def check_apart(path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The normalised tables of a push, made by `roundsman-agent check-push` in a process of its own; ConfigError lists
    what is wrong with them."""
    import subprocess  # rarely: it does not stay out of memory for nothing

    command = [sys.executable, "-m", "roundsman_agent", "check-push", path]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(body).encode(),
            stdout=subprocess.PIPE,
            timeout=_CHECK_S,
            check=False,
            env={**os.environ, "ROUNDSMAN_FAULT": ""},
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(f"looking through it took more than {_CHECK_S} s") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise OSError(f"`check-push` ended with code {done.returncode} and said nothing") from None
    if "mistakes" in answer:
        raise ConfigError(answer["mistakes"])
    tables: Mapping[str, Any] = answer["tables"]
    return tables
