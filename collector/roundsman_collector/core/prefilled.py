"""What monitoring puts beside what people look at, and what it answers in their place. Pure.

    beside(kind, part)        what stands next to a tick: readings of the inspection, and faults of the same components
    extreme(days)             what a reading was over a period
    answers(parts)            {"software": Answer, "hardware": Answer, "faults": Answer}: of all devices of a round

What stands beside a tick decides nothing: dust is seen by eyes, but a temperature that is near its limit says where to
look. A question is answered by monitoring only where all of it was seen and is well; else it is asked, with what is
known beside it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from roundsman_collector.core.inspection import ANSWERS, Both, DevicePart, FaultPast, Line, Measured, Verdict, worst
from roundsman_collector.core.looking import AnsweredBy, Beside
from roundsman_collector.core.policy import shape_and_component

SOFTWARE = ("app", "web", "tcp", "clock")
"""Components that are programs; what is not one of them is a piece of hardware, or its road."""
PORTS = ("port", "net", "uplink", "modem")
DEGREES = "celsius"
SUPPLY = "supply"
USED_UP = ("printer.paper", "ups.battery_state", "ups.battery_replace", "ups.charge_percent", "ups.runtime_min")
"""Readings of what is used up, beside the supplies that a printer tells (易耗零配件)."""
NAMED = 5
"""So many devices an answer names."""


class Extreme(NamedTuple):
    """What a reading was over the days of a period: the least, the greatest, how it began and how it ended."""

    least: float
    greatest: float
    first: float
    last: float
    days: int


class OfDay(Protocol):
    """What was read on a day."""

    @property
    def least(self) -> float: ...
    @property
    def greatest(self) -> float: ...
    @property
    def last(self) -> float: ...


def extreme(days: Sequence[OfDay]) -> Extreme | None:
    """The worst of a period's days, which are in their order; None: there are none."""
    if not days:
        return None
    return Extreme(
        least=min(one.least for one in days),
        greatest=max(one.greatest for one in days),
        first=days[0].last,
        last=days[-1].last,
        days=len(days),
    )


class Stands(NamedTuple):
    """What stands beside a tick."""

    readings: tuple[Measured, ...]
    faults: tuple[FaultPast, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What monitoring says to a question: of `of` devices, `wrong` so many are not well (the first of them named)."""

    verdict: Verdict
    of: int
    wrong: int = 0
    unseen: int = 0
    named: tuple[tuple[str, Both], ...] = ()


# --- beside a tick ---------------------------------------------------------------------------------------------------


def _head(component: str) -> str:
    return component.partition("[")[0]


def _is_value(one: Measured) -> bool:
    return bool(one.limits)


def _is_warm(one: Measured) -> bool:
    return shape_and_component(one.name)[0].endswith(DEGREES)


def _of(*heads: str) -> Callable[[Measured], bool]:
    return lambda one: _head(shape_and_component(one.name)[1]) in heads


PICKS: Mapping[Beside, Callable[[Measured], bool]] = {
    "values": _is_value,
    "temperature": _is_warm,
    "ports": _of(*PORTS),
    "transactions": _of("app"),
    "consumables": lambda one: _head(shape_and_component(one.name)[1]) == SUPPLY or one.name in USED_UP,
    "parts": lambda one: _is_value(one) and _head(shape_and_component(one.name)[1]) not in SOFTWARE,
}
"""Which readings stand beside a tick."""


def beside(kind: Beside, part: DevicePart) -> Stands:
    """What monitoring has to say beside a tick of this device; nothing where nothing fits."""
    pick = PICKS.get(kind)
    if pick is None:
        return Stands((), ())
    readings = tuple(one for one in _all(part) if pick(one))
    components = {shape_and_component(one.name)[1] for one in readings}
    return Stands(readings, tuple(one for one in part.since if one.component in components))


def _all(part: DevicePart) -> Iterable[Measured]:
    for line in part.lines:
        yield from line.measured
        yield from line.beside
    yield from part.others


# --- in place of an answer -------------------------------------------------------------------------------------------


def answers(parts: Sequence[DevicePart]) -> dict[AnsweredBy, Answer]:
    """What monitoring answers, of all devices of a round."""
    return {
        "software": _seen(parts, lambda line: _head(line.component) in SOFTWARE),
        "hardware": _seen(parts, lambda line: _head(line.component) not in SOFTWARE),
        "faults": _quiet(parts),
    }


def _seen(parts: Sequence[DevicePart], is_meant: Callable[[Line], bool]) -> Answer:
    """Whether these components of all devices were seen and are well."""
    verdicts = {part.id: _worst(part, is_meant) for part in parts}
    wrong = [part for part in parts if verdicts[part.id] in ("fail", "attention")]
    looked_at = [one for one in verdicts.values() if one is not None]
    return Answer(
        verdict=worst(looked_at, "unseen"),
        of=len(looked_at),
        wrong=len(wrong),
        unseen=sum(one == "unseen" for one in looked_at),
        named=_named(wrong),
    )


def _worst(part: DevicePart, is_meant: Callable[[Line], bool]) -> Verdict | None:
    """The worst of a device's lines that are meant; None: it has none. A device that was not reached is unseen."""
    found = [line.verdict for line in part.lines if is_meant(line) or line.component == ANSWERS]
    if len(found) == 1 and not any(is_meant(line) for line in part.lines):
        return None if part.unreached is None else "unseen"
    return worst(found)


def _quiet(parts: Sequence[DevicePart]) -> Answer:
    """Whether there was no fault since the last inspection."""
    wrong = [part for part in parts if part.since]
    return Answer(
        verdict="attention" if wrong else "pass", of=len(parts), wrong=len(wrong), unseen=0, named=_named(wrong)
    )


def _named(parts: Sequence[DevicePart]) -> tuple[tuple[str, Both], ...]:
    return tuple((part.id, part.name) for part in parts[:NAMED])
