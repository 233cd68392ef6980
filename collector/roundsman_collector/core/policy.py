"""The rules that one device is judged by. Pure data; rules/ reads them from YAML, rulebook.py says which apply when.

    Rule(code="printer.paper_end", when=Is(reading="printer.paper", words=("end",)), for_ms=60_000, …)

A rule looks at one *shape* of reading (`disk.used_percent` for every `disk[…].used_percent`), at a probe that fails, at
restarts, or at one of the two built-in observations: a device that does not answer, an agent that is silent.
"""

import math
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

UNREACHABLE = "host.unreachable"
SILENT = "agent.silent"
_CACHE_LIMIT = 50_000
_SETS_LIMIT = 5_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Is:
    """The reading is one of `words`; `others` are the words that say it is not (empty: any other word does).

    A word in neither says nothing: a newer agent may know words that this collector does not.
    """

    reading: str
    words: tuple[str, ...]
    others: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Above:
    """The reading is above `limit`; once so, until it is at or below `clear`.

    With `per`, what is compared is reading ÷ that other reading of the same sample and component; where that one is
    zero or not there, the rule says nothing.
    """

    reading: str
    limit: float
    clear: float
    per: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Below:
    """The reading is below `limit`; once so, until it is at or above `clear`. `per` as with `Above`."""

    reading: str
    limit: float
    clear: float
    per: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fails:
    """A probe gives no answer while the device does (its other readings are there); `component` is what it looks at.

    Only a failure with one of `codes` counts (empty: any); another one, like a port that is busy, says nothing.
    """

    probe: str
    component: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Restarts:
    """The device started `count` times or more within the last `within_ms` (a window that rolls)."""

    count: int
    within_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Builtin:
    """What the core observes itself: `unanswered` (a device, its road being well) or `silent` (an agent)."""

    what: Literal["unanswered", "silent"]


Reads = Is | Above | Below
"""What looks at one reading."""
When = Is | Above | Below | Fails | Restarts | Builtin
Effect = Literal["", "degraded", "down", "rests"]
Explains = Literal["", "power", "uplink"]
WHOLE = "device"
"""The function that every device has: to be there at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One row of the fault catalogue, as it holds for some device. Durations are event time; severity 1 紧急, 2 严重,
    3 一般.

    function      what the fault takes away: `device` (all of it), a function of the kind (`receipts`), or "" (nothing)
    effect        what that makes of the device: `down` (its whole, or a function it cannot do without), `degraded`
                  (one it can), "" (nothing); `rests` is no fault but a state: see there
    rests         while it holds the device is out of use on purpose, as a parked vehicle is: then its agent's silence
                  is no fault, and time without its answers is neither unknown nor off but does not count
    only_while    another reading of the same sample that must hold too; where it does not, the fault does not either
    flap_ms       a fault that comes and goes more often than once in this time is held as one; 0: never (turn.py)
    explains      what a device with this fault explains for those that stand behind it (law 5)
    explained_by  what may explain this fault: it then opens no ticket of its own
    ticket        whether it opens one at all
    """

    code: str
    zh: str
    en: str
    when: When
    for_ms: int
    clear_for_ms: int
    severity: int
    service_class: Literal["clerk", "maintenance", "replacement"]
    category: str = "other"
    function: str = ""
    effect: Effect = ""
    ticket: bool = True
    only_while: Reads | None = None
    flap_ms: int = 0
    explains: Explains = ""
    explained_by: tuple[Explains, ...] = ()
    rests: bool = False


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The rules in force for some devices from `valid_from_ms` on; `hash` names the rule set they come from."""

    rules: tuple[Rule, ...]
    hash: str = ""
    valid_from_ms: int = 0
    _by_code: dict[str, Rule] = field(default_factory=dict, compare=False, repr=False)
    _by_shape: dict[str, tuple[Rule, ...]] = field(default_factory=dict, compare=False, repr=False)
    _by_name: dict[str, tuple[tuple[Rule, str], ...]] = field(default_factory=dict, compare=False, repr=False)
    _by_names: dict[tuple[str, ...], "_Limits"] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        for rule in self.rules:
            if rule.code in self._by_code:
                raise ValueError(f"rule {rule.code} stands twice in the catalogue")
            self._by_code[rule.code] = rule
            shape = _shape_of(rule.when)
            self._by_shape[shape] = (*self._by_shape.get(shape, ()), rule)

    def rule(self, code: str) -> Rule | None:
        """The rule with this code, if it is in force."""
        return self._by_code.get(code)

    def judges(self, name: str) -> tuple[tuple[Rule, str], ...]:
        """The rules that look at the reading `name`, each with the component it speaks of."""
        found = self._by_name.get(name)
        if found is None:
            shape, component = shape_and_component(name)
            found = tuple((rule, component) for rule in self._by_shape.get(shape, ()))
            if len(self._by_name) < _CACHE_LIMIT:  # a device that invents names must not fill the memory
                self._by_name[name] = found
        return found

    def finds_well(self, readings: Mapping[str, Any]) -> bool:
        """Whether no rule holds for any of these readings, of a device that nothing is suspected of.

        The same as asking `holds` of everything `judges` names, in a fifth of the time: devices report the same
        readings again and again, so which of them matter is looked up once for all of their names.
        """
        limits = self._limits_of(readings)
        values = tuple(readings.values())
        for place, words in limits.words:
            if values[place] in words:
                return False
        for place, low, high in limits.numbers:
            value = values[place]
            if type(value) in _NUMBERS and not low <= value <= high:
                return False
        for place, per, low, high in limits.ratios:
            ratio = _ratio(values[place], values[per])
            if ratio is not None and not low <= ratio <= high:
                return False
        return True

    def finds_wrong(self, readings: Mapping[str, Any]) -> frozenset[str]:
        """The readings of which some rule may hold, of a device that nothing is suspected of; empty: it is well."""
        if self.finds_well(readings):
            return _NONE
        limits, names, values = self._limits_of(readings), tuple(readings), tuple(readings.values())
        places = [place for place, words in limits.words if values[place] in words]
        places += [
            place
            for place, low, high in limits.numbers
            if type(values[place]) in _NUMBERS and not low <= values[place] <= high
        ]
        for place, per, low, high in limits.ratios:
            ratio = _ratio(values[place], values[per])
            if ratio is not None and not low <= ratio <= high:
                places.append(place)
        return frozenset(names[place] for place in places)

    def uptime_ms(self, readings: Mapping[str, Any]) -> int | None:
        """For how long the device says it has been up; None when it does not say, or nothing possible."""
        place = self._limits_of(readings).uptime
        if place < 0:
            return None
        value = tuple(readings.values())[place]
        return round(value * 1000) if _is_number(value) and 0 <= value <= _LONGEST_UPTIME_S else None

    def _limits_of(self, readings: Mapping[str, Any]) -> "_Limits":
        names = tuple(readings)
        limits = self._by_names.get(names)
        if limits is None:
            limits = self._limits(names)
            if len(self._by_names) < _SETS_LIMIT:
                self._by_names[names] = limits
        return limits

    def _limits(self, names: tuple[str, ...]) -> "_Limits":
        words: list[tuple[int, frozenset[str]]] = []
        numbers: list[tuple[int, float, float]] = []
        ratios: list[tuple[int, int, float, float]] = []
        for place, name in enumerate(names):
            for rule, component in self.judges(name):
                match rule.when:
                    case Is(words=bad):
                        words.append((place, frozenset(bad) - {"unknown"}))
                    case Above(limit=limit, per=per) | Below(limit=limit, per=per):
                        low, high = (-math.inf, limit) if isinstance(rule.when, Above) else (limit, math.inf)
                        beside = beside_name(per, component, names) if per else None
                        if not per:
                            numbers.append((place, low, high))
                        elif beside is not None:
                            ratios.append((place, names.index(beside), low, high))
                    case _:
                        pass
        uptime = next((place for place, name in enumerate(names) if name.endswith(".uptime_s")), -1)
        return _Limits(tuple(words), tuple(numbers), tuple(ratios), uptime)

    @cached_property
    def failure_rules(self) -> tuple[Rule, ...]:
        """The rules that look at failing probes."""
        return tuple(rule for rule in self.rules if isinstance(rule.when, Fails))

    @cached_property
    def restart_rules(self) -> tuple[tuple[Rule, Restarts], ...]:
        """The rules that count restarts, each with what it counts."""
        return tuple((rule, rule.when) for rule in self.rules if isinstance(rule.when, Restarts))

    @cached_property
    def restarts_within_ms(self) -> int:
        """How long a restart may matter to any rule; 0: to none."""
        return max((when.within_ms for _, when in self.restart_rules), default=0)


class _Limits(NamedTuple):
    """What would be wrong with some readings: (place, bad words), (place, lowest, highest that is well), the same for
    one reading per another; and the place of the device's uptime, -1 without one."""

    words: tuple[tuple[int, frozenset[str]], ...]
    numbers: tuple[tuple[int, float, float], ...]
    ratios: tuple[tuple[int, int, float, float], ...]
    uptime: int


def shape_and_component(name: str) -> tuple[str, str]:
    """`disk[/].used_percent` -> (`disk.used_percent`, `disk[/]`). The instance may hold any character but `]`."""
    opening = name.find("[")
    if opening < 0:
        return name, name.partition(".")[0]
    closing = name.rfind("]")
    return name[:opening] + name[closing + 1 :], name[: closing + 1]


def beside_name(shape: str, component: str, names: Container[str]) -> str | None:
    """What the reading of this shape is called for a component: its own (`disk[/].size`) or the device's (`disk.size`).

    None when `names` has neither.
    """
    instance = component[component.find("[") :] if "[" in component else ""
    head, _, tail = shape.partition(".")
    own = f"{head}{instance}.{tail}"
    return own if own in names else shape if shape in names else None


def judged(rule: Rule, name: str, component: str, readings: Mapping[str, Any], active: bool) -> bool | None:
    """Whether a rule that looks at the reading `name` holds for a sample; None when the sample says nothing of it."""
    when = rule.when
    assert isinstance(when, Is | Above | Below)
    verdict = _read(when, readings[name], component, readings, active)
    if not verdict or rule.only_while is None:
        return verdict
    beside = beside_name(rule.only_while.reading, component, readings)
    return None if beside is None else _read(rule.only_while, readings[beside], component, readings, active)


def _read(when: Reads, value: Any, component: str, readings: Mapping[str, Any], active: bool) -> bool | None:
    if not isinstance(when, Is) and when.per:
        beside = beside_name(when.per, component, readings)
        value = None if beside is None else _ratio(value, readings[beside])
    return holds(when, value, active)


def holds(when: When, value: Any, active: bool) -> bool | None:
    """Whether the condition holds for a reading; None when the reading says nothing (absent, unknown, not of its type).

    `active`: the fault is suspected or open already, so the hysteresis limit decides.
    """
    match when:
        case Is(words=words, others=others):
            if not isinstance(value, str) or value == "unknown":
                return None
            return value in words if value in words or not others or value in others else None
        case Above(limit=limit, clear=clear):
            return bool(value > (clear if active else limit)) if _is_number(value) else None
        case Below(limit=limit, clear=clear):
            return bool(value < (clear if active else limit)) if _is_number(value) else None
        case _:
            return None


def _ratio(value: Any, per: Any) -> float | None:
    """value ÷ per; None where that says nothing."""
    if not (_is_number(value) and _is_number(per)) or per == 0:
        return None
    return float(value / per)


_LONGEST_UPTIME_S = 100 * 366 * 86_400
_NONE: frozenset[str] = frozenset()
_NUMBERS = frozenset({int, float})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shape_of(when: When) -> str:
    match when:
        case Fails(probe=probe):
            return f"!{probe}"
        case Builtin(what=what):
            return f"@{what}"
        case Restarts():
            return "@restarts"
        case _:
            return when.reading
