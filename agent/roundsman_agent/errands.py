"""Errands: what the agent is asked to do, from the command on the line to its result in the spool.

    errands = Errands(config, ...)           results of what an earlier run was interrupted in are written at once
    errands.take(payload, now)               a message of the topic `cmd`
    errands.finished(outcome, now)           work in isolation whose key begins with KEY
    errands.sampled(device, now)             a device has its sample: inspections wait for it
    errands.tend(now)                        in every turn of the loop

    judged -> remembered, fsynced -> written down (deeds) -> done -> result in the spool -> remembered as answered

At most once: what was accepted is on disk before anything is done, and a start that finds it there without a result
says so and does not do it again. A reboot has its result after the boot; where none comes within five minutes it did
not work. Who floods the topic is answered at a bounded rate; the rest is counted, not done, and told with the next.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, Final

from roundsman_agent import commands, fault
from roundsman_agent.clock import Moment
from roundsman_agent.commands import Accepted, Refused
from roundsman_agent.config import Config, ConfigError
from roundsman_agent.deeds import Deeds
from roundsman_agent.isolate import Isolation, Outcome
from roundsman_agent.known_time import KnownTime
from roundsman_agent.rarely import Rarely
from roundsman_agent.remembered import Entry, Memory
from roundsman_agent.spool import Spool

log = logging.getLogger("roundsman.commands")

KEY: Final = "@command/"
"""What the keys of its work in isolation begin with; no device's id does."""
BURST: Final = 30
EVERY_MS: Final = 10_000
"""Commands that are answered at once, and how often one more is."""
REBOOT_MS: Final = 5 * 60_000
"""How long a machine may take from being told to reboot to going down."""
INSPECT_MS: Final = 10 * 60_000
"""How long an inspection may take."""
HUNG: Final = 2
REFUSED: Final = 64
"""Refused commands that are not answered once more."""
_LOG_MS: Final = 15_000
_DEED_MS: Final = 75_000
_LINES: Final = 200


class Errands:
    """See the module."""

    def __init__(
        self,
        config: Config,
        *,
        spool: Spool,
        isolation: Isolation,
        known: KnownTime,
        poll_now: Callable[[Collection[str]], None],
        say_birth: Callable[[Moment], None],
        look: Callable[[list[str], Moment], tuple[str, str]],
        now: Moment,
    ) -> None:
        self._config = config
        self._spool = spool
        self._isolation = isolation
        self._known = known
        self._poll_now = poll_now
        self._say_birth = say_birth
        self._look = look
        self._rarely = Rarely(log)
        self._refused: list[str] = []
        self._memory = Memory(config.data, now)
        self._deeds = Deeds(config.data)
        self._inspections: dict[str, tuple[int, set[str]]] = {}
        self._verbs: dict[str, Accepted] = {}
        self._left = BURST
        self._left_at = now.mono
        self._unanswered = 0
        self._tend_at = now.mono
        self._resume(now)

    # --- taking -------------------------------------------------------------------------------------------------------

    def take(self, payload: bytes, now: Moment) -> None:
        """Judge a message and begin what it asks."""
        judged = commands.judge(payload, now=now, offset=self._known.offset(now), commands=self._config.commands)
        if judged is None:
            size = f"{len(payload)} bytes" if len(payload) > commands.PAYLOAD_LIMIT else repr(payload[:200])
            self._rarely.warn("nonsense", now.mono, "command: a message that is no command was ignored: %s", size)
            return
        if (
            self._memory.knows(judged.id) or judged.id in self._refused
        ):  # QoS 1 may bring it twice, and so may a broker after months
            self._rarely.warn("again", now.mono, "command %s came again; it is not done again", judged.id)
            return
        if not self._may_answer(now):
            self._unanswered += 1
            self._rarely.warn(
                "flood", now.mono, "command %s: too many come; it is not done and not answered", judged.id
            )
            return
        if isinstance(judged, Accepted):
            judged = self._accept(judged, now)
        if isinstance(judged, Refused):
            self._refuse(judged, now)
            return
        self._begin(judged, now)

    def _accept(self, asked: Accepted, now: Moment) -> Accepted | Refused:
        """Remember it on disk; refused where it cannot be or may have been done before."""
        changes = commands.VERBS[asked.verb].changes
        why = self._hindrance(asked, changes)
        if why is None:
            entry = Entry(
                id=asked.id,
                verb=asked.verb,
                changes=changes,
                at=asked.at,
                expires_ms=asked.expires_ms,
                boot=now.boot,
                mono=now.mono,
            )
            try:
                self._memory.add(entry)
            except OSError as error:
                why = f"it cannot be remembered: {error.strerror}"
        if why is None and not self._deeds.write(now, is_synced=changes, what="accepted", **_told(asked)) and changes:
            self._memory.answered(asked.id)
            why = "commands.log in the data folder cannot be written, and what changes something must stand there"
        return asked if why is None else Refused(id=asked.id, why=why, by=asked.by)

    def _hindrance(self, asked: Accepted, changes: bool) -> str | None:
        if "device" in asked.args and all(asked.args["device"] != device.id for device in self._config.devices):
            return f"the agent does not speak for {asked.args['device']}"
        self._memory.begin(self._known.true)
        if changes and self._memory.is_from_before(asked.at):
            return "it was asked before this agent's memory of commands begins, so it may have been done; ask anew"
        if self._memory.is_full():
            return "too many commands are remembered until they expire"
        is_busy = any(one.changes for one in self._memory.pending())
        return "another command that changes something is not over yet" if changes and is_busy else None

    def _refuse(self, refused: Refused, now: Moment) -> None:
        log.warning("command %s refused: %s", refused.id, refused.why)
        self._refused = [*self._refused, refused.id][-REFUSED:]
        self._deeds.write(now, what="refused", id=refused.id, by=refused.by, why=refused.why)
        self._keep(refused.id, now, ok=False, detail=refused.why)

    def _may_answer(self, now: Moment) -> bool:
        """Whether one more is answered: a bucket that fills by one every EVERY_MS."""
        drops = max(now.mono - self._left_at, 0) // EVERY_MS
        self._left, self._left_at = min(self._left + drops, BURST), self._left_at + drops * EVERY_MS
        if not self._left:
            return False
        self._left -= 1
        return True

    # --- doing --------------------------------------------------------------------------------------------------------

    def _begin(self, asked: Accepted, now: Moment) -> None:
        log.info("command %s: %s %s", asked.id, asked.verb, dict(asked.args))
        fault.point("command.after_accept")
        self._verbs[asked.id] = asked
        match asked.verb:
            case "birth":
                self._say_birth(now)
                self._answer(asked.id, now, ok=True, detail="said")
            case "inspect":
                wanted = {asked.args["device"]} if "device" in asked.args else {d.id for d in self._config.devices}
                self._inspections[asked.id] = now.mono, wanted
                self._poll_now(wanted)
            case "diagnose":
                detail, output = self._look(commands.checks_of(asked.args), now)
                self._answer(asked.id, now, ok=True, detail=detail, output=output)
            case "log_tail":
                self._isolate(asked, self._tail(asked.args), _LOG_MS, now)
            case _:
                self._isolate(asked, self._deed(asked.verb), _DEED_MS, now)

    def _isolate(self, asked: Accepted, work: Callable[[], Any], timeout_ms: int, now: Moment) -> None:
        """In a thread with a deadline; what hangs there keeps at most HUNG threads."""
        if sum(key.startswith(KEY) for key in self._isolation.hung()) >= HUNG:
            self._answer(asked.id, now, ok=False, detail=f"{HUNG} commands before this one hang; nothing was done")
            return
        self._isolation.start(KEY + asked.id, work, now=now.mono, timeout_ms=timeout_ms)

    def _tail(self, args: Mapping[str, Any]) -> Callable[[], Any]:
        path, lines = self._config.commands.logs[args["log"]], args.get("lines", _LINES)
        known = [*self._config.known_secrets]

        def work() -> str:
            from roundsman_agent.log_tail import tail

            with suppress(ConfigError):  # it cannot be read: then it is in no log of ours either
                known.append(self._config.broker.secret())
            return tail(path, lines=lines, known=known)

        return work

    def _deed(self, verb: str) -> Callable[[], Any]:
        argv = self._config.commands.reboot if verb == "reboot" else self._config.commands.restart_app

        def work() -> Any:
            from roundsman_agent.deed import do

            return do(argv)

        return work

    def finished(self, outcome: Outcome, now: Moment) -> None:
        """Work of ours came back, or did not in time."""
        command = outcome.key.removeprefix(KEY)
        asked = self._verbs.get(command)
        if asked is None:
            return
        if outcome.hung_since is not None:
            self._answer(command, now, ok=False, detail=f"{asked.verb}: no end in time; what it did is not known")
        elif outcome.error is not None:
            self._answer(command, now, ok=False, detail=f"{asked.verb}: {outcome.error}")
        elif asked.verb == "log_tail":
            count = len(outcome.value.splitlines())
            detail = f"{count} lines of {asked.args['log']}; numbers of people and secrets are masked"
            self._answer(command, now, ok=True, detail=detail, output=outcome.value)
        else:
            fault.point("command.after_deed")
            self._deed_done(asked, outcome.value.code, outcome.value.said, now)

    def _deed_done(self, asked: Accepted, code: int | None, said: str, now: Moment) -> None:
        if code is not None and code <= 0 and asked.verb == "reboot":  # below 0: the machine going down killed it
            log.warning("command %s: the machine was told to reboot; the result follows after the boot", asked.id)
            del self._verbs[asked.id]  # it waits in memory for the boot, or for its time to end
            return
        ended = "it did not end in time and was stopped" if code is None else f"exit code {code}"
        said = self._masked(said)
        self._answer(asked.id, now, ok=code == 0, detail=f"{asked.verb}: {ended}", output=said)

    def _masked(self, said: str) -> str:
        from roundsman_agent.masked import masked

        return masked(said, self._config.known_secrets)

    def sampled(self, device: str, now: Moment) -> None:
        """A device has its sample."""
        for command, (_, waiting) in list(self._inspections.items()):
            waiting.discard(device)
            if not waiting:
                del self._inspections[command]
                self._answer(command, now, ok=True, detail=f"sampled up to number {self._spool.newest}")

    def tend(self, now: Moment) -> None:
        """End what takes too long; forget what has expired."""
        for command, (since, waiting) in list(self._inspections.items()):
            if now.mono - since >= INSPECT_MS:
                del self._inspections[command]
                detail = f"no sample yet of {', '.join(sorted(waiting))}"
                self._answer(command, now, ok=False, detail=detail[:400])
        if now.mono < self._tend_at:
            return
        self._tend_at = now.mono + EVERY_MS
        self._memory.begin(self._known.true)
        self._memory.expire(self._known.true(now))
        for one in self._memory.pending():
            if one.verb == "reboot" and one.id not in self._verbs and now.mono - one.mono >= REBOOT_MS:
                minutes = REBOOT_MS // 60_000
                detail = f"reboot: the machine was told to and did not go down within {minutes} minutes"
                self._answer(one.id, now, ok=False, detail=detail)

    # --- answering ----------------------------------------------------------------------------------------------------

    def _resume(self, now: Moment) -> None:
        """What an earlier run accepted and did not answer: its result, now that there is one to tell."""
        pending = {one.id: one for one in self._memory.pending()}
        if not pending:
            return
        for command in self._told_of(pending):
            self._memory.answered(command)
            del pending[command]
        for one in pending.values():
            if one.verb == "reboot" and one.boot == now.boot:
                continue  # it is about to go down, or `tend` finds that it does not
            if one.verb == "reboot":
                self._answer(one.id, now, ok=True, detail="reboot: the machine has started again")
            elif one.changes:
                detail = (
                    f"{one.verb}: the agent was interrupted; whether it was done is not known. It is not done again"
                )
                self._answer(one.id, now, ok=False, detail=detail)
            else:
                self._answer(one.id, now, ok=False, detail=f"{one.verb}: the agent was interrupted; ask again")

    def _told_of(self, commands: Collection[str]) -> list[str]:
        """Those whose result is in the spool already."""
        told, after = [], 0
        while records := self._spool.unsettled(after, 500):
            told += [r["command"] for r in records if r["kind"] == "result" and r["command"] in commands]
            after = records[-1]["n"]
        return told

    def _answer(self, command: str, now: Moment, *, ok: bool, detail: str, output: str = "") -> None:
        """The result of what was accepted: in the spool, in our own record, remembered."""
        asked = self._verbs.pop(command, None)
        self._keep(command, now, ok=ok, detail=detail, output=output)
        fault.point("command.after_result")
        self._deeds.write(
            now, what="done" if ok else "not done", id=command, verb=asked.verb if asked else None, detail=detail
        )
        self._memory.answered(command)

    def _keep(self, command: str, now: Moment, *, ok: bool, detail: str, output: str = "") -> None:
        if self._unanswered:
            detail = f"{detail} ({self._unanswered} other commands were neither done nor answered: too many came)"
            self._unanswered = 0
        self._spool.take(commands.result(command, ok=ok, detail=detail, now=now, output=output))


def _told(asked: Accepted) -> dict[str, Any]:
    """What our own record says of a command."""
    return {"id": asked.id, "verb": asked.verb, "args": dict(asked.args), "by": asked.by, "consent": asked.consent}
