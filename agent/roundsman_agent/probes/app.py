"""The business program: does it run, does it hang, does it restart, when was the last transaction (业务程序)

    [[device.probe]]
    name = "app"
    instance = "kiosk"
    program = "/opt/kiosk/kiosk"
    heartbeat_file = "/run/kiosk/alive"
    log = "/opt/kiosk/log/app-*.log"
    transaction = "交易成功|TXN OK"

    [[device.probe]]
    name = "app"
    instance = "browser"
    program = "chromium*"
    arguments = "--kiosk"
    heartbeat_url = "http://127.0.0.1:8080/health"

**Needs** to see the program: the agent's service hides processes of other users (`ProtectProc=invisible`); in a drop-in
(`systemctl edit roundsman-agent`) set `ProtectProc=default`. Until then a program that is not seen is the failure
`permission`, never `dead`. The log must be readable by the agent's user (`SupplementaryGroups=`). No program is
started, nothing is written, and nothing is sent but one GET to this machine itself, if `heartbeat_url` says so.

* **dead**: no process matches `program` (its path or name; `*` stands for anything) and `arguments` (a part of its
  command line). A defunct process is dead. Of several that match the oldest counts, so the children of a browser may
  come and go. Without `program`, a port of this machine at which nothing listens is dead too.
* **hung**: it runs, but was stopped (SIGSTOP); or its `heartbeat_file` is older than `heartbeat_s`; or `heartbeat_url`
  gives no answer in time, or a status of 500 and more. A program that has just started has as long for its first sign.
  A process that exists is not yet one that serves: give it a heartbeat if you can.
* **restarts**: how often another process took its place within the last hour, as far as visits have seen it.
* **idle_min**: minutes since the newest line of the `log` that matches `transaction`. The line's own time is taken if
  it has one (`2026-11-22 10:03:22`, `2026年11月22日 …`, with or without a zone, else local time), or what `log_time`
  reads out of the group `time`, as in `transaction = "^(?P<time>[0-9:]{8}) .*SUCCESS"`, `log_time = "%H:%M:%S"`; else
  the time at which the file was written. Rotated, dated (`app-*.log`) and truncated logs are followed; a visit reads
  what was added, at most 1 MiB. Nothing but its time is kept of a line: amounts, cards and names never leave the log.

The expression of `transaction` is the configuration's and is searched in lines of at most 500 characters; one that
could search for ever (`(a+)+`) is refused as `bad_setting`, and the probe runs in a process of its own, so that even
what slips through holds nothing but itself.

Sources: proc(5) and psutil for processes; what a heartbeat is, the program's maker says.
"""

from __future__ import annotations

import fnmatch
import math
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import psutil

from roundsman_agent.clock import SystemClock
from roundsman_agent.instance import instance
from roundsman_agent.line_pattern import compiled
from roundsman_agent.log_search import Search, Trouble
from roundsman_agent.probe import Answer, Probe, ProbeError, Setting, Value, number, text
from roundsman_wire.failures import FAILURES

__all__ = ["Look", "Process", "probe"]

RESTARTS_WITHIN_S: Final = 3600.0
RESTARTS_LIMIT: Final = 1000
COMMAND_LIMIT: Final = 4096
"""Characters of a command line that are looked at."""
CLOCKS_APART_S: Final = 60.0
USES_LIMIT: Final = 64
PAGE_SHARE: Final = 0.7
"""Of the visit's time, what the heartbeat's page may take."""
STOPPED: Final = frozenset({psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP})
_LOOPBACK = re.compile(r"localhost|127\.[0-9]+\.[0-9]+\.[0-9]+|::1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """The program as it runs: since when (wall clock, seconds), and whether somebody has stopped it."""

    started_s: float
    is_stopped: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What one visit found; None where there is none, or nobody asked for it. Times are wall clock, in seconds."""

    now_s: float
    process: Process | Trouble | None
    restarts: int
    beat_s: float | Trouble | None
    """When the heartbeat's file was written."""
    page: int | Trouble | None
    """The status of the heartbeat's page."""
    transaction_s: float | Trouble | None


# --- processes --------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True, slots=True)
class _Known:
    """What is known of one use of the probe from the visits before."""

    process: psutil.Process | None = None
    restarts: list[float] = field(default_factory=list)
    search: Search | None = None


_known: dict[tuple[str, ...], _Known] = {}


def _known_of(settings: Mapping[str, object]) -> _Known:
    names = ("instance", "program", "arguments", "log", "transaction", "log_time")
    key = tuple(text(settings, name) for name in names)
    if key not in _known:
        while len(_known) >= USES_LIMIT:
            del _known[next(iter(_known))]
        _known[key] = _Known()
    return _known[key]


def matches(program: str, arguments: str, *, name: str, command: Sequence[str], path: str) -> bool:
    """Whether a process is the program. `path` is its file, "" when only root may know it."""
    first = command[0] if command else ""
    path = path.removesuffix(" (deleted)")  # it was updated while it ran
    names = {os.path.basename(first), name, os.path.basename(path)}
    if "/" in program:
        candidates = {first, path}
        if not path and not first.startswith("/"):  # started by a relative path, and whose it is is not ours to know
            candidates |= {os.path.join(os.path.dirname(program), one) for one in names if one}
    else:
        candidates = names
    if program and not any(one and fnmatch.fnmatchcase(one, program) for one in candidates):
        return False
    said = " ".join(command[1:])[:COMMAND_LIMIT]
    return not arguments or fnmatch.fnmatchcase(said, f"*{arguments}*")


def _process(settings: Mapping[str, object], known: _Known) -> Process | Trouble | None:
    """The program's oldest process; None when it does not run, as far as all processes can be seen."""
    program, arguments = text(settings, "program"), text(settings, "arguments")
    before = known.process
    if before is not None:
        is_same, _ = _is_it(before, program, arguments)
        looked = _looked_at(before) if is_same and before.is_running() else None
        if looked is not None:
            return looked
    found, are_some_hidden = _oldest(program, arguments)
    if found is None:
        if are_some_hidden:
            return (
                "permission",
                "processes of other users are hidden from the agent: set ProtectProc=default in a drop-in of its"
                " service, or mount /proc without hidepid",
            )
        return None
    known.process, process = found
    if before is not None:
        known.restarts = [*known.restarts, time.monotonic()][-RESTARTS_LIMIT:]
    return process


def _oldest(program: str, arguments: str) -> tuple[tuple[psutil.Process, Process] | None, bool]:
    """The oldest process that matches, and whether there may be others that we cannot see."""
    ours = {os.getpid(), os.getppid()}
    are_some_hidden = os.name == "posix" and os.path.isdir("/proc") and not os.path.exists("/proc/1")
    oldest: tuple[psutil.Process, Process] | None = None
    for one in psutil.process_iter():
        if one.pid in ours:
            continue
        is_it, is_hidden = _is_it(one, program, arguments)
        are_some_hidden |= is_hidden
        looked = _looked_at(one) if is_it else None
        if looked is not None and (oldest is None or looked.started_s < oldest[1].started_s):
            oldest = one, looked
    psutil.process_iter.cache_clear()  # it would remember every process of the machine
    return oldest, are_some_hidden


def _is_it(one: psutil.Process, program: str, arguments: str) -> tuple[bool, bool]:
    """Whether a process matches; whether it would not let itself be looked at."""
    try:
        command = one.cmdline()
        if not command:  # a thread of the kernel, or defunct
            return False, False
        try:
            path = one.exe()
        except psutil.AccessDenied:
            path = ""
        return matches(program, arguments, name=one.name(), command=command, path=path), False
    except psutil.AccessDenied:
        return False, True
    except psutil.NoSuchProcess:
        return False, False


def _looked_at(one: psutil.Process) -> Process | None:
    """Since when it runs; None when it has ended meanwhile, or is defunct."""
    try:
        status = one.status()
        if status in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        return Process(started_s=one.create_time(), is_stopped=status in STOPPED)
    except psutil.Error:
        return None


# --- settings ---------------------------------------------------------------------------------------------------------


def _is_searched(value: object) -> None:
    """Whether an expression can be used; said when the configuration is checked."""
    try:
        compiled(str(value))
    except ProbeError as error:
        raise ValueError(error.detail) from error


def _is_here(value: object) -> None:
    """Whether a heartbeat's page is one of this machine."""
    from roundsman_agent.http_visit import url

    if not value:
        return
    try:
        host = url(str(value)).host
    except ProbeError as error:
        raise ValueError(error.detail) from error
    if not _LOOPBACK.fullmatch(host):
        raise ValueError(f"{host} is not this machine; expected 127.0.0.1 (another one: probe http)")


# --- signs of life ----------------------------------------------------------------------------------------------------


def fetch(settings: Mapping[str, object]) -> Look:
    """Look for the program, its heartbeat and its last transaction."""
    begin = time.monotonic()
    deadline = begin + number(settings, "timeout_s")
    is_looked_for = bool(text(settings, "program") or text(settings, "arguments"))
    page, log = text(settings, "heartbeat_url"), text(settings, "log")
    if not (is_looked_for or page or log or text(settings, "heartbeat_file")):
        raise ProbeError("bad_setting", "nothing to look at: set program, heartbeat_file, heartbeat_url or log")
    if bool(log) != bool(text(settings, "transaction")):
        raise ProbeError("bad_setting", "log and transaction belong together: which file, and what is looked for in it")
    known = _known_of(settings)
    process = _process(settings, known) if is_looked_for else None
    known.restarts = [at for at in known.restarts if at > begin - RESTARTS_WITHIN_S]
    now_s = SystemClock().now().wall / 1000
    return Look(
        now_s=now_s,
        process=process,
        restarts=len(known.restarts),
        beat_s=_written(text(settings, "heartbeat_file")),
        page=_page(page, begin + number(settings, "timeout_s") * PAGE_SHARE) if page else None,
        transaction_s=_transaction(settings, known, now_s, deadline) if log else None,
    )


def _written(path: str) -> float | Trouble | None:
    """When the heartbeat's file was written; None when there is none."""
    try:
        return os.stat(path).st_mtime if path else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        return ("permission", f"{path}: the agent's user may not look into its folder")
    except (OSError, ValueError) as error:
        return ("bad_answer", f"{path}: {getattr(error, 'strerror', None) or error}")


def _page(page: str, deadline: float) -> int | Trouble:
    """The status of the heartbeat's page, or why there is none."""
    from roundsman_agent.http_visit import HttpVisit, Trust, url

    try:
        _is_here(page)
    except ValueError as error:
        raise ProbeError("bad_setting", f"heartbeat_url: {error}") from error
    at = url(page)
    try:
        with HttpVisit(at, deadline=deadline, trust=Trust(verify=False), most_bytes=0) as visit:  # it is this machine
            return visit.get(at.path).status
    except ProbeError as error:
        return error.code, error.detail


def _transaction(settings: Mapping[str, object], known: _Known, now_s: float, deadline: float) -> float | Trouble:
    if known.search is None:
        known.search = Search(
            path=text(settings, "log"), pattern=text(settings, "transaction"), time_format=text(settings, "log_time")
        )
    return known.search.newest(now_s=now_s, deadline=deadline)


# --- parse ------------------------------------------------------------------------------------------------------------


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """The state of the program, its restarts and the minutes since its last transaction."""
    if not isinstance(raw, Look):
        raise TypeError(f"app parses a Look, not {type(raw).__name__}")
    name = f"app[{instance(text(settings, 'instance'))}]"
    readings: dict[str, Value] = {}
    failed: dict[str, tuple[str, str]] = {}
    is_looked_for = bool(text(settings, "program") or text(settings, "arguments"))
    if is_looked_for or text(settings, "heartbeat_file") or text(settings, "heartbeat_url"):
        state, why = _state(raw, settings, is_looked_for=is_looked_for)
        readings[f"{name}.state"] = state
        if state is None:
            failed[f"{name}.state"] = _reason(why)
    if is_looked_for and not isinstance(raw.process, tuple):
        readings[f"{name}.restarts"] = max(0, min(raw.restarts, RESTARTS_LIMIT))
    if text(settings, "log"):
        minutes, why = _idle_min(raw)
        readings[f"{name}.idle_min"] = minutes
        if minutes is None:
            failed[f"{name}.idle_min"] = _reason(why)
    return Answer(readings=readings, failed=failed)


def _reason(why: Trouble) -> Trouble:
    code, detail = why
    return code if code in FAILURES else "bad_answer", detail[:400]


_FINE: Final[Trouble] = ("", "")


def _state(look: Look, settings: Mapping[str, object], *, is_looked_for: bool) -> tuple[str | None, Trouble]:
    """dead, hung or running, or None and why: what is known to be bad counts before what is not known."""
    process = look.process
    if is_looked_for and process is None:
        return "dead", _FINE
    if isinstance(process, Process) and process.is_stopped:
        return "hung", _FINE
    found: list[tuple[str | None, Trouble]]
    found = [(None, process)] if isinstance(process, tuple) else [("running", _FINE)] if is_looked_for else []
    if text(settings, "heartbeat_file"):
        found.append(_by_file(look, number(settings, "heartbeat_s")))
    if text(settings, "heartbeat_url"):
        found.append(_by_page(look, number(settings, "heartbeat_s"), is_looked_for=is_looked_for))
    for word in ("dead", "hung", None):
        for state, why in found:
            if state == word:
                return state, why
    return "running", _FINE


def _by_file(look: Look, most_s: float) -> tuple[str | None, Trouble]:
    """What the heartbeat's file says; a program that has just started is given the time to write it."""
    if isinstance(look.beat_s, tuple):
        return None, look.beat_s
    signs = [look.beat_s] if look.beat_s is not None else []
    if isinstance(look.process, Process):
        signs.append(look.process.started_s)
    if not signs:
        return None, ("absent", "the heartbeat's file does not exist")
    age = look.now_s - max(signs)
    if not math.isfinite(age) or age < -CLOCKS_APART_S:
        return None, ("implausible", "the heartbeat is of the future: the clock was set")
    return ("hung" if age > most_s else "running"), _FINE


def _by_page(look: Look, most_s: float, *, is_looked_for: bool) -> tuple[str | None, Trouble]:
    """What the heartbeat's page says."""
    if isinstance(look.page, int):
        if 200 <= look.page < 400:
            return "running", _FINE
        if 500 <= look.page < 600:
            return "hung", _FINE
        return None, ("bad_answer", f"the heartbeat's page has status {str(look.page)[:20]}: is its address right?")
    if look.page is None:
        return None, ("absent", "the heartbeat's page was not asked")
    if look.page[0] == "refused" and not is_looked_for:
        return "dead", _FINE
    if isinstance(look.process, Process) and look.now_s - look.process.started_s <= most_s:
        return "running", _FINE  # it may be starting
    return ("hung", _FINE) if look.page[0] in ("timeout", "refused", "bad_answer") else (None, look.page)


def _idle_min(look: Look) -> tuple[float | None, Trouble]:
    if look.transaction_s is None:
        return None, ("absent", "the log was not searched")
    if isinstance(look.transaction_s, tuple):
        return None, look.transaction_s
    minutes = (look.now_s - look.transaction_s) / 60
    if not math.isfinite(minutes) or abs(minutes) > 1e9:
        return None, ("implausible", "the last transaction was at no time")
    return round(max(0.0, minutes), 1), _FINE


probe = Probe(
    name="app",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(
            name="instance",
            kind=str,
            default="main",
            unit="",
            sentence="What the program is called in its readings: app[INSTANCE].state.",
        ),
        Setting(
            name="program",
            kind=str,
            default="",
            unit="",
            sentence="The program's path, or its name alone; * stands for anything.",
        ),
        Setting(
            name="arguments",
            kind=str,
            default="",
            unit="",
            sentence="What stands in its command line behind the program, as kiosk.jar where the program is java.",
        ),
        Setting(
            name="heartbeat_file",
            kind=str,
            default="",
            unit="",
            sentence="A file that the program writes as long as it serves.",
        ),
        Setting(
            name="heartbeat_url",
            kind=str,
            default="",
            unit="",
            sentence="A page of the program at 127.0.0.1 that answers as long as it serves.",
            fits=_is_here,
        ),
        Setting(
            name="heartbeat_s",
            kind=float,
            default=120.0,
            unit="s",
            sentence="How old the heartbeat's file may be, and how long a program may take to start.",
            least=1,
            most=86_400,
        ),
        Setting(
            name="log",
            kind=str,
            default="",
            unit="",
            sentence="The program's log; * in its name for one that is dated or numbered.",
        ),
        Setting(
            name="transaction",
            kind=str,
            default="",
            unit="",
            sentence="A regular expression for the lines of the log that tell of a transaction.",
            fits=_is_searched,
        ),
        Setting(
            name="log_time",
            kind=str,
            default="",
            unit="",
            sentence="How the group `time` of `transaction` is read (strptime), for times that are not found without.",
        ),
        Setting(
            name="timeout_s",
            kind=float,
            default=10.0,
            unit="s",
            sentence="The longest that one visit may take.",
            least=0.5,
            most=60,
        ),
    ),
    fetch=fetch,
    parse=parse,
    default_timeout_s=10.0,
    readings=("app[].state", "app[].restarts", "app[].idle_min"),
    parts=(Look, Process),
    blocks=True,
)
