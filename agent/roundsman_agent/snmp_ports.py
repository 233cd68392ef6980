"""The ports of a switch: what one visit says of them, and what two visits say together. Pure.

    read(plan, rows, at_s, uptime, past, wanted) -> readings, failed        kept(…) -> Past, for the next visit

    port[].state           up, down; disabled where somebody switched it off (ifAdminStatus)
    port[].mbit            the speed of a port that is up: 100 instead of 1000 is a bad cable
    port[].poe             delivering, searching, fault, disabled
    port[].changes         how often it changed within an hour: from the second visit on
    port[].error_percent   bad frames of all frames since the visit before: from the second visit on

Which ports: those that `ports` names (by name, description or number), of whatever kind; otherwise every Ethernet port
that is up, was up when we last looked, or has carried frames since the switch started. An empty socket is no fault, and
no reading; what has neither a connector nor a speed is none of metal.

Counters (RFC 2863): 64 bits where the switch has them (ifXTable), otherwise 32. A counter of 32 bits that went down has
wrapped if it stood in its upper half and the way round is no further than the line could carry; otherwise it was set
back, as after a reboot or a discontinuity that the switch tells of (sysUpTime, ifCounterDiscontinuityTime): then there
is nothing to say, and the next visit counts from here. Below `FRAMES_LEAST` frames there is no share either: counting
goes on from where it began.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from roundsman_agent.snmp_ber import Bound

__all__ = [
    "PORTS_LIMIT",
    "PORT_ROWS_LIMIT",
    "Past",
    "PastPort",
    "Ports",
    "Rows",
    "bad_percent",
    "kept",
    "read",
    "since",
]

Rows = Mapping[str, Mapping[tuple[int, ...], Bound]]
"""The rows of each column, by their index."""
Failure = tuple[str, str]
Readings = dict[str, "float | str | None"]

PORTS_LIMIT: Final = 170
"""Ports that are told of: five readings each, and a sample holds a thousand."""
PORT_ROWS_LIMIT: Final = 600
"""Interfaces that are looked at: a chassis has hundreds, most of them no ports."""
HOUR_S: Final = 3600.0
CHANGES_LIMIT: Final = 100
FRAMES_LEAST: Final = 100
"""One bad frame of three says nothing."""
ANY_SPEED: Final = 100_000.0
"""Mbit/s of a port that does not tell."""
FRAMES_PER_MBIT: Final = 1_000_000 / (84 * 8)
"""The shortest frame is 84 octets on the line, gap and preamble included."""

UP, DOWN, DISABLED, UNKNOWN = "up", "down", "disabled", "unknown"
# ifOperStatus: 3 testing, 4 unknown and 5 dormant are neither; 6: its module was taken out; 7: what carries it is down.
STATES: Final = {1: UP, 2: DOWN, 6: DOWN, 7: DOWN}
# pethPsePortDetectionStatus: 5 is a test.
POE: Final = {1: "disabled", 2: "searching", 3: "delivering", 4: "fault", 6: "fault"}
NOT_A_SPEED: Final = frozenset({0, 2**32 - 1})


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Where a family finds the ports: columns by what they mean. `…_64` and `…_32` are frames, wide and narrow."""

    uptime: str
    oper: str
    admin: str
    kind: str
    names: tuple[str, ...]
    kinds: frozenset[int] = frozenset()
    mbit: str = ""
    bits: str = ""
    changed: str = ""
    discontinuity: str = ""
    connector: str = ""
    errors_in: str = ""
    errors_out: str = ""
    frames_in_64: tuple[str, ...] = ()
    frames_out_64: tuple[str, ...] = ()
    frames_in_32: tuple[str, ...] = ()
    frames_out_32: tuple[str, ...] = ()
    poe: str = ""

    def fixed(self) -> list[str]:
        """What a port is and how it is called."""
        return [oid for oid in (*self.names, self.kind, self.connector) if oid]

    def columns(self) -> list[str]:
        """What is walked in every visit."""
        single = (self.oper, self.admin, self.mbit, self.bits, self.changed, self.discontinuity)
        frames = (self.errors_in, self.errors_out, *self.frames_in_64, *self.frames_out_64, self.poe)
        return [oid for oid in (*single, *frames) if oid]

    def frames(self) -> tuple[str, ...]:
        """Every column that counts frames."""
        return (*self.frames_in_64, *self.frames_out_64, *self.frames_in_32, *self.frames_out_32)

    def narrow(self) -> list[str]:
        """What is walked where the wide counters are not there."""
        return [*self.frames_in_32, *self.frames_out_32]

    def readings(self) -> list[str]:
        given = {
            "port[].state": self.oper,
            "port[].mbit": self.mbit or self.bits,
            "port[].changes": self.oper,
            "port[].error_percent": self.errors_in,
            "port[].poe": self.poe,
            "switch.ports": self.oper,
        }
        return [name for name, oid in given.items() if oid]


@dataclass(frozen=True, kw_only=True, slots=True)
class PastPort:
    """What visits before knew of one port; times on the clock of the visits."""

    state: str
    was_up: bool
    changed: int | None
    changes: tuple[float, ...]
    counts_at_s: float
    counts: Mapping[str, int]
    discontinuity: int | None
    has_delivered: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """What visits before knew of a switch: when the last one was, the switch's uptime then (1/100 s), its ports."""

    at_s: float
    uptime: int | None
    ports: Mapping[str, PastPort] = field(default_factory=dict)


class _Now(NamedTuple):
    """One port in this visit."""

    number: int
    name: str
    called: tuple[str, ...]
    state: str
    mbit: float | None
    is_mbit_told: bool
    changed: int | None
    discontinuity: int | None
    counts: Mapping[str, int]
    carried: int
    poe: str | None


# --- readings ---------------------------------------------------------------------------------------------------------


def read(
    plan: Ports, rows: Rows, at_s: float, uptime: int | None, past: Past | None, wanted: Sequence[str]
) -> tuple[Readings, dict[str, Failure]]:
    """The readings of one visit; a None has its reason in the second."""
    readings: Readings = {}
    failed: dict[str, Failure] = {}
    ports = _ports(plan, rows, wanted)
    watched, absent = _watched(ports, past, wanted)
    is_reset = _is_reset(past, at_s, uptime)
    for port in watched[:PORTS_LIMIT]:
        before = None if past is None else past.ports.get(str(port.number))
        name = f"port[{port.name}]"
        readings[f"{name}.state"] = port.state
        if port.state == UP and port.is_mbit_told:
            readings[f"{name}.mbit"] = port.mbit
            if port.mbit is None:
                failed[f"{name}.mbit"] = ("absent", f"port {port.name} is up and tells no speed")
        if port.poe is not None and _is_told(port, before, wanted):
            readings[f"{name}.poe"] = port.poe
        if past is not None and before is not None:
            readings[f"{name}.changes"] = len(_changes(port, before, past.at_s, at_s, is_reset=is_reset))
            share = None if is_reset or port.state != UP else _share(plan, port, before, at_s)
            if share is not None:
                readings[f"{name}.error_percent"] = round(share, 4)
    if not wanted:
        for (group, number), word in _unplaced(plan, rows).items():
            readings[f"port[{group}.{number}].poe"] = word
    for asked in absent:
        readings[f"port[{asked}].state"] = None
        failed[f"port[{asked}].state"] = ("absent", f"the device has no port {asked}")
    if ports:
        readings["switch.ports"] = len(watched)
        if len(watched) > PORTS_LIMIT:
            readings["switch.ports"] = None
            failed["switch.ports"] = (
                "implausible",
                f"{len(watched)} ports; the first {PORTS_LIMIT} are told of: name those that matter in `ports`",
            )
    return readings, failed


def kept(plan: Ports, rows: Rows, at_s: float, uptime: int | None, past: Past | None, wanted: Sequence[str]) -> Past:
    """What the next visit is to know."""
    is_reset = _is_reset(past, at_s, uptime)
    known: dict[str, PastPort] = {} if past is None else dict(past.ports)
    for port in _ports(plan, rows, wanted):
        before = known.get(str(port.number))
        counts_at_s, counts = at_s, port.counts
        if before is not None and not is_reset and at_s - before.counts_at_s < HOUR_S:
            moved = _moved(plan, port, before, at_s)
            if moved is not None and max((good + bad for bad, good in moved), default=0) < FRAMES_LEAST:
                counts_at_s, counts = before.counts_at_s, before.counts
        known[str(port.number)] = PastPort(
            state=port.state,
            was_up=port.state == UP or (before is not None and before.was_up),
            changed=port.changed,
            changes=()
            if before is None or past is None
            else _changes(port, before, past.at_s, at_s, is_reset=is_reset),
            counts_at_s=counts_at_s,
            counts=counts,
            discontinuity=port.discontinuity,
            has_delivered=port.poe == "delivering" or (before is not None and before.has_delivered),
        )
    return Past(at_s=at_s, uptime=uptime, ports=known)


def _watched(ports: Sequence[_Now], past: Past | None, wanted: Sequence[str]) -> tuple[list[_Now], list[str]]:
    """The ports to tell of, and those that were asked for and are not there."""
    if not wanted:
        # A wireless controller shows hundreds of "Ethernet ports" that are up and have no speed; its real ones have.
        have_speed = any(port.mbit is not None for port in ports)
        real = [port for port in ports if port.mbit is not None or port.state != UP or not have_speed]
        return [port for port in real if _was_used(port, past)], []
    asked = _asked(wanted)
    found = [port for port in ports if any(one in asked for one in port.called)]
    there = {one for port in found for one in port.called}
    return found, [name for key, name in asked.items() if key not in there][:PORTS_LIMIT]


def _was_used(port: _Now, past: Past | None) -> bool:
    before = None if past is None else past.ports.get(str(port.number))
    was = before is not None and (before.was_up or before.has_delivered)
    return port.state == UP or port.carried > 0 or was or port.poe in ("delivering", "fault")


def _unplaced(plan: Ports, rows: Rows) -> dict[tuple[int, ...], str]:
    """Power of ports whose interface nobody knows, where there is something to say."""
    called = {port.number: port.called[1:] for port in _ports(plan, rows, ())}
    _, left = _power(plan, rows, called)
    return {index: word for index, word in list(left.items())[:PORTS_LIMIT] if word in ("delivering", "fault")}


def _is_told(port: _Now, before: PastPort | None, wanted: Sequence[str]) -> bool:
    """Whether its power says anything: a port that feeds nothing searches for ever."""
    if port.poe in ("delivering", "fault") or (before is not None and before.has_delivered):
        return True
    return bool(wanted)


# --- two visits -------------------------------------------------------------------------------------------------------


def since(before: int, now: int, bits: int, most: float) -> int | None:
    """How far a counter went that cannot have gone further than `most`; None: it was set back, nobody knows."""
    if now >= before:
        return now - before
    wrapped = now - before + (1 << bits)
    return wrapped if before >> (bits - 1) == 1 and 0 <= wrapped <= most else None


def bad_percent(moved: Sequence[tuple[int, int]]) -> float | None:
    """The worse of both directions, each (bad frames, good frames); None while too few have passed."""
    shares = [100 * bad / (bad + good) for bad, good in moved if bad + good >= FRAMES_LEAST]
    return max(shares, default=None)


def _share(plan: Ports, port: _Now, before: PastPort, at_s: float) -> float | None:
    moved = _moved(plan, port, before, at_s)
    return None if moved is None else bad_percent(moved)


def _moved(plan: Ports, port: _Now, before: PastPort, at_s: float) -> list[tuple[int, int]] | None:
    """Bad and good frames in and out since the counts that are kept; None when a counter was set back."""
    if port.discontinuity != before.discontinuity:
        return None
    seconds = at_s - before.counts_at_s
    if not 0 < seconds < math.inf:
        return None
    most = (port.mbit or ANY_SPEED) * FRAMES_PER_MBIT * seconds * 1.1
    ways = (
        (plan.errors_in, plan.frames_in_64, plan.frames_in_32),
        (plan.errors_out, plan.frames_out_64, plan.frames_out_32),
    )
    moved = []
    for errors, wide, narrow in ways:
        bits = 64 if any(oid in port.counts for oid in wide) else 32
        frames = [oid for oid in (wide if bits == 64 else narrow) if oid in port.counts]
        if errors not in port.counts or not frames:
            continue
        steps: list[int] = []
        for oid in (errors, *frames):
            if oid not in before.counts:
                return None
            step = since(before.counts[oid], port.counts[oid], 32 if oid == errors else bits, most)
            if step is None:
                return None
            steps.append(step)
        moved.append((steps[0], sum(steps[1:])))
    return moved


def _is_reset(past: Past | None, at_s: float, uptime: int | None) -> bool:
    """Whether the switch has started anew since the last visit: its uptime is less than then plus the time between."""
    if past is None or past.uptime is None or uptime is None:
        return False
    passed = at_s - past.at_s
    return not 0 <= passed < math.inf or uptime < past.uptime + 100 * (0.9 * passed - 30)


def _changes(port: _Now, before: PastPort, then_s: float, at_s: float, *, is_reset: bool) -> tuple[float, ...]:
    """When it changed within the last hour. A port that is as it was, but has changed meanwhile, did so twice."""
    new = 0
    if not is_reset and {port.state, before.state} <= {UP, DOWN}:
        has_moved = None not in (port.changed, before.changed) and port.changed != before.changed
        new = 1 if port.state != before.state else 2 if has_moved and then_s < at_s else 0
    old = tuple(one for one in before.changes if at_s - one < HOUR_S)
    return (*old, *(at_s,) * new)[-CHANGES_LIMIT:]


# --- one visit --------------------------------------------------------------------------------------------------------


def _ports(plan: Ports, rows: Rows, wanted: Sequence[str]) -> list[_Now]:
    """The Ethernet ports and those that were asked for, in the order of the device."""
    indexes = sorted(index[0] for index in rows.get(plan.oper, {}) if len(index) == 1)[:PORT_ROWS_LIMIT]
    called = {index: [name for oid in plan.names if (name := _name(rows, oid, index))] for index in indexes}
    asked = _asked(wanted)
    real = {
        index: names
        for index, names in called.items()
        if _is_metal(plan, rows, index) or not asked.keys().isdisjoint(_calls(index, names))
    }
    given = Counter(names[0] for names in real.values() if names)
    power, _ = _power(plan, rows, real)
    return [
        _port(plan, rows, index, names, power.get(index), is_unique=given[(names or [""])[0]] == 1)
        for index, names in real.items()
    ]


def _is_metal(plan: Ports, rows: Rows, index: int) -> bool:
    if plan.kinds and _number(rows, plan.kind, index) not in plan.kinds:
        return False
    return _number(rows, plan.connector, index) != 2 or _speed(plan, rows, index)[0] is not None


def _asked(wanted: Sequence[str]) -> dict[str, str]:
    """What was asked for as it is compared, and as it was written."""
    return {name.casefold(): name for one in wanted if (name := _plain(one))}


def _calls(index: int, names: Sequence[str]) -> tuple[str, ...]:
    """All by which a port may be asked for."""
    return (str(index), *(name.casefold() for name in names))


def _port(plan: Ports, rows: Rows, index: int, called: Sequence[str], poe: str | None, *, is_unique: bool) -> _Now:
    admin, oper = _number(rows, plan.admin, index), _number(rows, plan.oper, index)
    counts = {
        oid: value
        for oid in (plan.errors_in, plan.errors_out, *plan.frames())
        if (value := _number(rows, oid, index)) is not None and value >= 0
    }
    mbit, is_told = _speed(plan, rows, index)
    return _Now(
        number=index,
        name=called[0] if called and is_unique else str(index),
        called=_calls(index, called),
        state=DISABLED if admin in (2, 3) else STATES.get(-1 if oper is None else oper, UNKNOWN),
        mbit=mbit,
        is_mbit_told=is_told,
        changed=_number(rows, plan.changed, index),
        discontinuity=_number(rows, plan.discontinuity, index),
        counts=counts,
        carried=sum(counts.get(oid, 0) for oid in plan.frames()),
        poe=poe,
    )


def _speed(plan: Ports, rows: Rows, index: int) -> tuple[float | None, bool]:
    """Mbit/s, and whether the switch says anything of it."""
    mbit, bits = _number(rows, plan.mbit, index), _number(rows, plan.bits, index)
    if mbit is not None and mbit not in NOT_A_SPEED and 0 < mbit <= 1_000_000:
        return mbit, True
    if bits is not None and bits not in NOT_A_SPEED and 0 < bits < 2**32:
        return bits // 1_000_000 if bits % 1_000_000 == 0 else bits / 1_000_000, True
    return None, mbit is not None or bits is not None


_LAST_NUMBER: Final = re.compile(r"(\d{1,9})\D*$")


def _power(
    plan: Ports, rows: Rows, called: Mapping[int, Sequence[str]]
) -> tuple[dict[int, str], dict[tuple[int, ...], str]]:
    """What each port feeds, by interface, and by group and port where no interface is found.

    The MIB numbers by group and port, and does not say which interface is meant. If every port is the number of an
    interface, it is that one. Otherwise it is the interface whose name ends in that number, among those whose names
    begin alike and end in all numbers of the group (GigabitEthernet1/0/1 to 1/0/24); if several begin so, those whose
    first number is the group's.
    """
    told = {
        index: POE.get(bound.value, UNKNOWN) if isinstance(bound.value, int) else UNKNOWN
        for index, bound in rows.get(plan.poe, {}).items()
        if len(index) == 2
    }
    if told and len({port for _, port in told}) == len(told) and all(port in called for _, port in told):
        return {port: word for (_, port), word in told.items()}, {}
    series: dict[str, dict[int, int]] = {}
    for interface, names in called.items():
        if names and (end := _LAST_NUMBER.search(names[0])):
            series.setdefault(names[0][: end.start()], {})[int(end[1])] = interface
    found: dict[int, str] = {}
    left: dict[tuple[int, ...], str] = {}
    for group in sorted({group for group, _ in told}):
        mine = {port: word for (of, port), word in told.items() if of == group}
        fit = [start for start, numbers in series.items() if set(mine) <= set(numbers)]
        if len(fit) > 1:
            fit = [start for start in fit if (first := re.search(r"\d+", start)) and int(first[0]) == group]
        if len(fit) == 1:
            found |= {series[fit[0]][port]: word for port, word in mine.items()}
        else:
            left |= {(group, port): word for port, word in mine.items()}
    return found, left


def _number(rows: Rows, oid: str, index: int) -> int | None:
    found = rows.get(oid, {}).get((index,)) if oid else None
    return found.value if found is not None and isinstance(found.value, int) else None


def _name(rows: Rows, oid: str, index: int) -> str:
    found = rows.get(oid, {}).get((index,))
    if found is None or not isinstance(found.value, bytes):
        return ""
    return _plain(found.value[:200].decode("utf-8", "replace"))


_UNFIT: Final = re.compile(r"[\]\x00-\x1f\x7f\ud800-\udfff]+")


def _plain(name: str) -> str:
    """As it may stand in the brackets of a reading."""
    return _UNFIT.sub(" ", name).strip()[:64].strip()
