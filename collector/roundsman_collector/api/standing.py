"""Which of the six state words a device has, and why. Pure: one table, read from the top.

    standing(device, is_agent_silent=False, now_ms=now) -> Standing(word="offline", why="host.unreachable")

Unknown comes first, because nothing that was heard of a device says what it is once nobody hears of it any more.
*Maintenance* is not in the table yet: it comes with exclusions, and outranks all of this.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

from roundsman_collector.core.model import DOWN, UNKNOWN
from roundsman_collector.core.policy import SILENT, UNREACHABLE
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
    def covered_to_ms(self) -> int | None: ...


class _Seen(NamedTuple):
    device: Told
    condition: str
    is_agent_silent: bool
    now_ms: int


def _is_overdue(seen: _Seen) -> bool:
    covered_to_ms = seen.device.covered_to_ms
    return covered_to_ms is None or seen.now_ms - covered_to_ms > OVERDUE_MS


def _is_unreachable(seen: _Seen) -> bool:
    return seen.device.state == DOWN and (seen.device.fault == UNREACHABLE or seen.device.cause == "off")


TABLE: tuple[tuple[Callable[[_Seen], bool], Word, Callable[[_Seen], str]], ...] = (
    # what is seen                               the word    and why
    (lambda seen: seen.device.state is None, "unknown", lambda seen: "never_seen"),
    (lambda seen: seen.device.state == UNKNOWN, "unknown", lambda seen: seen.device.cause),
    (lambda seen: seen.is_agent_silent, "unknown", lambda seen: SILENT),
    (_is_overdue, "unknown", lambda seen: "overdue"),
    (_is_unreachable, "offline", lambda seen: seen.device.fault or seen.device.cause),
    (lambda seen: seen.device.state == DOWN, "fault", lambda seen: seen.device.fault or seen.device.cause),
    (lambda seen: bool(seen.condition), "warning", lambda seen: seen.condition),
    (lambda seen: True, "normal", lambda seen: ""),
)


def standing(device: DeviceView, *, is_agent_silent: bool, now_ms: int) -> Standing:
    """The first row of TABLE that applies. `device.conditions` are those that hold now."""
    condition = device.conditions[0].code if device.conditions else ""
    return standing_of(device, condition=condition, is_agent_silent=is_agent_silent, now_ms=now_ms)


def standing_of(device: Told, *, condition: str, is_agent_silent: bool, now_ms: int) -> Standing:
    """The first row of TABLE that applies. `condition`: the code of what is wrong longest, if anything is."""
    seen = _Seen(device, condition, is_agent_silent, now_ms)
    return next(Standing(word, why(seen)) for applies, word, why in TABLE if applies(seen))


def standings(view: View, devices: Sequence[DeviceView], now_ms: int) -> dict[str, Standing]:
    """The standing of each device, by id."""
    silent = silent_agents(view, devices)
    return {one.id: standing(one, is_agent_silent=one.agent in silent, now_ms=now_ms) for one in devices}


def silent_agents(view: View, devices: Iterable[DeviceView]) -> frozenset[str]:
    """Which of these devices' agents are silent now: asked only where it could change the word."""
    asked = {device.agent for device in devices if device.agent is not None and device.state not in (None, UNKNOWN)}
    held = view.open_conditions([f"@{agent}" for agent in sorted(asked)])
    return frozenset(subject[1:] for subject, found in held.items() if any(one.code == SILENT for one in found))
