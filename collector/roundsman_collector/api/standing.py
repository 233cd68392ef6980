"""Which of the six state words a device has, and why. Pure: one table, read from the top.

    standing(device, is_agent_silent=False, now_ms=now) -> Standing(word="offline", why="host.unreachable")

What people took out of the reckoning comes first. Then unknown, because nothing that was heard of a device says what it
is once nobody hears of it any more. What a device stands behind explains it: without power it is offline, behind a
broken uplink nobody knows. A device that rests (a parked vehicle) need not be heard of: nobody has to do anything.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

from roundsman_collector.core.causes import Shadow, explained
from roundsman_collector.core.model import DOWN, UNKNOWN, Segment
from roundsman_collector.core.policy import SILENT, UNREACHABLE
from roundsman_collector.core.timeline import RESTING, RESTS
from roundsman_collector.store import DeviceView, View

Word = Literal["normal", "warning", "fault", "offline", "maintenance", "unknown"]

WORDS: tuple[Word, ...] = ("fault", "offline", "unknown", "warning", "maintenance", "normal")
"""The worst first, as lists of devices are read."""
CHINESE: dict[Word, str] = {
    "normal": "正常",
    "warning": "告警",
    "fault": "故障",
    "offline": "离线",
    "maintenance": "维护",
    "unknown": "未知",
}
OVERDUE_MS = 5 * 60_000
"""So long after the end of what evidence covers the ledger's last word holds no more, even if no engine says so."""


class Standing(NamedTuple):
    """A state word and its reason: a cause of the ledger, the code of a fault, `never_seen`, `overdue`, or empty."""

    word: Word
    why: str


class Told(Protocol):
    """What the ledger says of a device now, and how far evidence covers it."""

    @property
    def state(self) -> str | None: ...
    @property
    def cause(self) -> str: ...
    @property
    def fault(self) -> str: ...
    @property
    def since_ms(self) -> int | None: ...
    @property
    def covered_to_ms(self) -> int | None: ...


class _Seen(NamedTuple):
    device: Told
    state: str | None
    cause: str
    fault: str
    condition: str
    is_agent_silent: bool
    is_maintained: bool
    now_ms: int


def _is_overdue(seen: _Seen) -> bool:
    covered_to_ms = seen.device.covered_to_ms
    return covered_to_ms is None or seen.now_ms - covered_to_ms > OVERDUE_MS


def _is_unreachable(seen: _Seen) -> bool:
    return seen.state == DOWN and (seen.fault == UNREACHABLE or seen.cause in ("off", "power"))


TABLE: tuple[tuple[Callable[[_Seen], bool], Word, Callable[[_Seen], str]], ...] = (
    # what is seen                               the word    and why
    (lambda seen: seen.is_maintained, "maintenance", lambda seen: "maintenance"),
    (lambda seen: seen.state is None, "unknown", lambda seen: "never_seen"),
    (lambda seen: seen.state == DOWN and seen.cause == "power", "offline", lambda seen: "power"),
    (lambda seen: seen.state == UNKNOWN and seen.cause == RESTING, "normal", lambda seen: RESTING),
    (lambda seen: seen.state == UNKNOWN, "unknown", lambda seen: seen.cause),
    (lambda seen: seen.is_agent_silent, "unknown", lambda seen: SILENT),
    (_is_overdue, "unknown", lambda seen: "overdue"),
    (_is_unreachable, "offline", lambda seen: seen.fault or seen.cause),
    (lambda seen: seen.state == DOWN, "fault", lambda seen: seen.fault or seen.cause),
    (lambda seen: bool(seen.condition), "warning", lambda seen: seen.condition),
    (lambda seen: True, "normal", lambda seen: ""),
)


def standing(
    device: DeviceView, *, is_agent_silent: bool, now_ms: int, shadow: Shadow | None = None, is_maintained: bool = False
) -> Standing:
    """The first row of TABLE that applies. `device.conditions` are those that hold now."""
    return standing_of(
        device,
        condition=next((held.code for held in device.conditions if held.effect != RESTS), ""),
        is_agent_silent=is_agent_silent,
        now_ms=now_ms,
        shadow=shadow,
        is_maintained=is_maintained,
    )


def standing_of(
    device: Told,
    *,
    condition: str,
    is_agent_silent: bool,
    now_ms: int,
    shadow: Shadow | None = None,
    is_maintained: bool = False,
) -> Standing:
    """The first row of TABLE that applies. `condition`: the code of what is wrong longest, if anything is.

    `shadow`: what explains it now, of what it stands behind. `is_maintained`: people are at it, or it is laid up.
    """
    state, cause, fault = device.state, device.cause, device.fault
    if shadow is not None and state is not None:
        last = explained([Segment(device.since_ms or 0, None, state, cause, fault)], [shadow])[-1]
        state, cause, fault = last.state, last.cause, last.fault
    seen = _Seen(device, state, cause, fault, condition, is_agent_silent, is_maintained, now_ms)
    return next(Standing(word, why(seen)) for applies, word, why in TABLE if applies(seen))


def standings(view: View, devices: Sequence[DeviceView], now_ms: int) -> dict[str, Standing]:
    """The standing of each device, by id."""
    silent = silent_agents(view, devices)
    shadows = view.explained_now(now_ms, [one.id for one in devices])
    maintained = view.maintenance_now(now_ms, [one.id for one in devices])
    return {
        one.id: standing(
            one,
            is_agent_silent=one.agent in silent,
            now_ms=now_ms,
            shadow=shadows.get(one.id),
            is_maintained=one.id in maintained,
        )
        for one in devices
    }


def silent_agents(view: View, devices: Iterable[DeviceView]) -> frozenset[str]:
    """Which of these devices' agents are silent now: asked only where it could change the word."""
    asked = {device.agent for device in devices if device.agent is not None and device.state not in (None, UNKNOWN)}
    held = view.open_conditions([f"@{agent}" for agent in sorted(asked)])
    return frozenset(subject[1:] for subject, found in held.items() if any(one.code == SILENT for one in found))
