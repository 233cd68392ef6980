"""Recurrence warnings 预警: the same fault again and again in a calendar month, quarter or year. Pure.

    spans = spans_at(now_ms, "Asia/Shanghai")              the month, quarter and year that hold a time
    warnings(faults, rules, spans, {"DR-58": 40}) -> [Recurrence, ...]

A rule (rules/recurrence.yaml) says of which level it warns, what is looked at (one device, one model, all), what of
the faults has to be the same (the fault, or its class), and from when on it is too much: so many faults in the period,
on so many devices, on such a share of the model's devices, in so many months one after the other. Faults are those
that count (core/fault_counts.py). Of a warning its level, what it is about and its period make it the same one: it is
told once.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, get_args

from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.fault_counts import Fault
from roundsman_collector.core.model import Milliseconds
from roundsman_collector.core.periods import CYCLES, periods

Level = Literal["month", "quarter", "year"]
LEVELS: Mapping[Level, tuple[str, str]] = {
    "month": ("本月预警", "warning of the month"),
    "quarter": ("本季预警", "warning of the quarter"),
    "year": ("年度预警", "warning of the year"),
}
"""The weakest first."""
Of = Literal["device", "model", "all"]
OFS: tuple[Of, ...] = get_args(Of)
Same = Literal["fault", "class"]
SAMES: tuple[Same, ...] = get_args(Same)
TICKETS = 50
"""So many tickets a warning names; it counts all."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Cause = Literal["product", "technique", "knowledge", "manners", "process", "use", "other"]
CAUSES: Mapping[str, tuple[str, str]] = {
    "product": ("产品质量", "the product"),
    "technique": ("安装技术", "technique of the installation"),
    "knowledge": ("服务：业务知识", "service: knowledge"),
    "manners": ("服务：行为礼节", "service: manners"),
    "process": ("服务：服务流程", "service: process"),
    "use": ("客户使用", "how it is used"),
    "other": ("其他", "something else"),
}
"""What is at the root of what recurs."""
CONCERNS: Mapping[str, tuple[str, str]] = {
    "product": ("采购人员：与供应商协商", "purchasing: to talk with the vendor"),
    "technique": ("技术人员：完善产品与安装", "engineering: to better product and installation"),
    "knowledge": ("服务部：知识培训", "service: training of knowledge"),
    "manners": ("服务部：行为礼节培训", "service: training of manners"),
    "process": ("服务部：熟悉服务流程", "service: to go through the process"),
    "use": ("服务部：指导客户使用", "service: to show the customer how to use it"),
    "other": ("售后经理", "the service manager"),
}
"""Whom each of them concerns (S3-26, S3-27)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """When it is too much; see the module. `share_percent`: of the model's devices, 0: however few."""

    level: Level
    of: Of
    same: Same
    faults: int
    devices: int = 1
    months: int = 1
    share_percent: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """The rules, and the faults of which nobody is warned: what is used up comes back."""

    rules: tuple[Rule, ...]
    except_: frozenset[str] = frozenset()


class Span(NamedTuple):
    """A period of a level [from, to), and where its months begin."""

    level: Level
    id: str
    from_ms: Milliseconds
    to_ms: Milliseconds
    months_ms: tuple[Milliseconds, ...]


class Recurrence(NamedTuple):
    """The same fault (`what`: a code, or a class) too often on a device or model (`key`; of all: empty).

    `months`: how many months one after the other; `tickets`: the first TICKETS of them.
    """

    level: Level
    of: Of
    same: Same
    key: str
    what: str
    period: str
    from_ms: Milliseconds
    to_ms: Milliseconds
    faults: int
    devices: int
    months: int
    tickets: tuple[int, ...]

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes it the same warning."""
        return self.level, self.of, self.same, self.key, self.what, self.period


def spans_at(at_ms: Milliseconds, time_zone: str) -> tuple[Span, ...]:
    """The month, quarter and year that hold a time, as the clocks of the zone show it."""
    local = zone(time_zone)
    day = (EPOCH + timedelta(milliseconds=at_ms)).astimezone(local).date()
    found = []
    for level in LEVELS:
        (period,) = periods(CYCLES[level], day, day)
        months = periods(CYCLES["month"], period.first_day, period.last_day)
        found.append(
            Span(
                level,
                period.id,
                instant(period.first_day, 0, local),
                instant(period.last_day + timedelta(days=1), 0, local),
                tuple(instant(month.first_day, 0, local) for month in months),
            )
        )
    return tuple(found)


@dataclass(slots=True)
class _Tally:
    faults: int = 0
    months: set[int] = field(default_factory=set)
    devices: set[str] = field(default_factory=set)
    tickets: list[tuple[int, int]] = field(default_factory=list)


def warnings(
    faults: Iterable[Fault], rules: Rules, spans: Sequence[Span], standing: Mapping[str, int]
) -> list[Recurrence]:
    """What is too much in these periods, the strongest level first. `standing`: how many devices a model has."""
    tallies: dict[tuple[Span, Rule, str, str], _Tally] = {}
    looked = [(span, rule) for span in spans for rule in rules.rules if rule.level == span.level]
    for fault in faults:
        if fault.code in rules.except_ or not fault.device:
            continue
        for span, rule in looked:
            key = _key(fault, rule)
            if key is not None and span.from_ms <= fault.from_ms < span.to_ms:
                what = fault.code if rule.same == "fault" else fault.category
                _add(tallies.setdefault((span, rule, key, what), _Tally()), fault, span)
    found = [
        _warning(span, rule, key, what, tally)
        for (span, rule, key, what), tally in tallies.items()
        if _is_too_much(rule, tally, standing.get(key, 0))
    ]
    order = list(LEVELS)
    return sorted(found, key=lambda one: (-order.index(one.level), one.period, -one.faults, one.identity))


def _key(fault: Fault, rule: Rule) -> str | None:
    """What is looked at; None where nobody knows the model."""
    if rule.of == "all":
        return ""
    return (fault.device if rule.of == "device" else fault.model) or None


def _add(tally: _Tally, fault: Fault, span: Span) -> None:
    tally.faults += 1
    tally.devices.add(fault.device)
    tally.months.add(sum(begin <= fault.from_ms for begin in span.months_ms))
    tally.tickets.append((fault.from_ms, fault.ticket))


def _is_too_much(rule: Rule, tally: _Tally, standing: int) -> bool:
    return (
        tally.faults >= rule.faults
        and len(tally.devices) >= rule.devices
        and in_a_row(tally.months) >= rule.months
        and (rule.of != "model" or 100 * len(tally.devices) >= rule.share_percent * standing)
    )


def in_a_row(months: Collection[int]) -> int:
    """The longest run of numbers that follow each other."""
    longest = 0
    for month in months:
        if month - 1 not in months:
            run = 1
            while month + run in months:
                run += 1
            longest = max(longest, run)
    return longest


def _warning(span: Span, rule: Rule, key: str, what: str, tally: _Tally) -> Recurrence:
    return Recurrence(
        level=span.level,
        of=rule.of,
        same=rule.same,
        key=key,
        what=what,
        period=span.id,
        from_ms=span.from_ms,
        to_ms=span.to_ms,
        faults=tally.faults,
        devices=len(tally.devices),
        months=in_a_row(tally.months),
        tickets=tuple(ticket for _, ticket in sorted(tally.tickets)[:TICKETS]),
    )
