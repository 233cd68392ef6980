"""Rule tests, run: `outcomes(read, rules) -> [Outcome, ...]`, one per test, or one per expectation that fails. Pure.

    the file's signals and troubles   --evidence-->   records as agents make them, and when they arrive
    records as they arrive            --Rehearsal->   what the collector knows, at each time that is asked for
    what it knows                     --compared-->   ok, or expected … got …

An agent's records are numbered in the order of their times, its machine booted an hour before the test, and nothing is
under way for any time at all: what is recorded arrives at once, unless a line is down.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from types import MappingProxyType
from typing import Any, NamedTuple

from roundsman_collector.core.availability import percent
from roundsman_collector.core.calendar import EPOCH, MILLISECOND, working_intervals, zone
from roundsman_collector.core.causes import KINDS, Link
from roundsman_collector.core.hours import calendar_of, kept
from roundsman_collector.core.intervals import Intervals, intersect, normal
from roundsman_collector.core.model import Condition, Item, Spec
from roundsman_collector.core.overlay import REASONS, Laid
from roundsman_collector.core.policy import Fails, shape_and_component
from roundsman_collector.core.reckoning import DEGRADED, Broken, Stretch, figure_of, joined, stretches
from roundsman_collector.core.rehearsal import Rehearsal
from roundsman_collector.core.rehearsal_desk import Kept, QuietSpan
from roundsman_collector.core.rulebook import Rulebook, RuleSet, Traits
from roundsman_collector.core.vectors import Outcome
from roundsman_collector.core.waiting import Key
from roundsman_collector.rules.durations import shown
from roundsman_collector.rules.rule_tests import (
    BUILT_IN,
    Device,
    Expectation,
    Read,
    RuleTest,
    RuleTests,
    Trouble,
)
from roundsman_collector.rules.series import Mark
from roundsman_collector.rules.shape import Strict
from roundsman_collector.wording import key, nearest
from roundsman_wire.catalogue import POINTS

HOUR_MS = 3_600_000
FAILED = "failed."
"""Begins the name of a series that holds the codes of a failing probe."""
SAMPLES_LIMIT = 200_000
"""A test of more would take minutes."""
TIMES = ("from", "to", "fault_from", "fault_to", "opened", "closed", "up", "down", "unknown", "excluded", "degraded")
"""What is compared and told as a duration."""


class StageError(ValueError):
    """A test that contradicts itself, or names what is not there."""


# --- the rules -------------------------------------------------------------------------------------------------------


def wanted_files(read: Read) -> tuple[str | None, list[str]]:
    """The fault catalogue that a file names (None: the built-in one), and what is laid over it."""
    return None if read.file.rules == BUILT_IN else read.file.rules, list(read.file.overrides)


def outcomes(read: Read, rules: RuleSet) -> list[Outcome]:
    """What became of each test of a file: one outcome if all of it is as expected, else one for each that is not."""
    found: list[Outcome] = []
    for place, test in enumerate(read.file.tests):
        try:
            failed = list(_failures(read, place, rules))
        except StageError as error:
            where = f"{read.source}:{read.line('tests', place)} {test.name}"
            failed = [Outcome(id=where, ok=False, expected="a test that can be run", got=str(error))]
        found += failed or [Outcome(id=f"{read.source} {test.name}", ok=True, expected="", got="")]
    return found


def _failures(read: Read, place: int, rules: RuleSet) -> Iterator[Outcome]:
    """The expectations of a test that do not come true, as they come."""
    test = read.file.tests[place]
    stage = _stage(read.file, test, rules)
    arrivals = sorted(_arrivals(stage), key=lambda one: (one.at_ms, one.agent, one.is_backlog, one.item.n))
    batches = [
        (at_ms, agent, [one.item for one in batch])
        for (at_ms, agent), batch in groupby(arrivals, key=lambda one: (one.at_ms, one.agent))
    ]
    told = 0
    for number in sorted(range(len(test.expect)), key=lambda number: test.expect[number].at):
        expected = test.expect[number]
        at_ms = stage.start_ms + expected.at
        while told < len(batches) and batches[told][0] <= at_ms:
            now_ms, agent, items = batches[told]
            stage.rehearsal.take(items, agent=agent, now_ms=now_ms)
            told += 1
        stage.rehearsal.wait(at_ms)
        where = f"{read.source}:{read.line('tests', place, 'expect', number)} {test.name}, at {shown(expected.at)}"
        for what, wanted, got in _compared(stage, expected):
            yield Outcome(id=f"{where}, {what}", ok=False, expected=wanted, got=got)


# --- the stage -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A test, ready to be told: who there is, what befalls whom, what is laid over, and a collector."""

    file: RuleTests
    test: RuleTest
    start_ms: int
    devices: Mapping[str, Device]
    rehearsal: Rehearsal
    hours: Intervals | None
    laid: tuple[Laid, ...]

    def agent_of(self, device: str) -> str:
        """Who polls a device."""
        return self.devices[device].agent or device

    @property
    def agents(self) -> dict[str, list[str]]:
        """Whom each agent polls."""
        found: dict[str, list[str]] = {}
        for device in self.devices:
            found.setdefault(self.agent_of(device), []).append(device)
        return found


def _stage(file: RuleTests, test: RuleTest, rules: RuleSet) -> Stage:
    devices = {**file.devices, **test.devices}
    for device in test.signals:
        if devices and device not in devices:
            raise StageError(f"signals.{device}: there is no such device{nearest(device, devices)}")
    devices = devices or dict.fromkeys(test.signals, Device())
    count = sum(max(map(len, series.values()), default=0) for series in test.signals.values())
    if count > SAMPLES_LIMIT:
        raise StageError(f"more than {SAMPLES_LIMIT} samples; make `every` longer or the test shorter")
    agents = {one.agent or name for name, one in devices.items()}
    for trouble in test.trouble:
        if trouble.agent not in agents:
            known = ", ".join(sorted(agents))
            raise StageError(
                f"trouble.{trouble.what}: {trouble.agent} is no agent; expected one of {known} "
                "(a device that is polled says `-` in its series when it does not answer)"
            )
    _check_names(test, devices, agents, rules)
    start_ms = (datetime.fromisoformat(file.start).replace(tzinfo=zone(file.time_zone)) - EPOCH) // MILLISECOND
    traits = {name: ((0, Traits(one.kind or "", one.model or "", one.site or "")),) for name, one in devices.items()}
    ends_ms = max(one.at for one in test.expect)
    hours = None
    if file.service_hours is not None:
        calendar = calendar_of(kept(file.service_hours), file.time_zone)
        hours = working_intervals(calendar, start_ms, start_ms + ends_ms)
    return Stage(
        file=file,
        test=test,
        start_ms=start_ms,
        devices=devices,
        rehearsal=Rehearsal(
            Rulebook([rules], lambda device: traits.get(device, ())),
            links=_links(devices),
            quiet=_quiet(test, start_ms),
        ),
        hours=hours,
        laid=_laid(test, start_ms),
    )


def _links(devices: Mapping[str, Device]) -> list[Link]:
    return [
        Link(name, kind, root, 0, None)
        for name, one in devices.items()
        for kind in KINDS
        if (root := getattr(one.behind, kind)) is not None
    ]


def _laid(test: RuleTest, start_ms: int) -> tuple[Laid, ...]:
    """What people say, in the order in which it begins to count."""
    numbered = sorted(enumerate(test.laid_over, 1), key=lambda one: (one[1].counts, one[0]))
    return tuple(
        Laid(
            number,
            one.what,
            one.state or "",
            one.reason,
            start_ms + one.from_,
            None if one.to is None else start_ms + one.to,
            start_ms + one.counts,
        )
        for number, one in numbered
    )


def _quiet(test: RuleTest, start_ms: int) -> dict[str, list[QuietSpan]]:
    """When no ticket opens for a device."""
    found: dict[str, list[QuietSpan]] = {}
    for one in test.laid_over:
        if one.what == "maintenance" or REASONS[one.reason].is_quiet:
            to_ms = None if one.to is None else start_ms + one.to
            found.setdefault(one.device, []).append((start_ms + one.from_, to_ms, start_ms + one.counts))
    return found


def _check_names(test: RuleTest, devices: Mapping[str, Device], agents: Iterable[str], rules: RuleSet) -> None:
    """Names that nobody knows would quietly test nothing."""
    known = {*devices, *(f"@{agent}" for agent in agents)}
    codes = [rule.code for rule in rules.rules]
    named = [
        *(("laid_over", one.device) for one in test.laid_over),
        *(("expect", one.device) for one in test.expect if one.device is not None),
        *(("expect.conditions", c.device) for one in test.expect for c in one.conditions or () if c.device),
        *(("expect.tickets", c.device) for one in test.expect for c in one.tickets or () if c.device),
    ]
    for where, device in named:
        if device not in known:
            raise StageError(f"{where}: there is no device {device}{nearest(device, known)}")
    for one in test.expect:
        for wanted in (*(one.conditions or ()), *(one.tickets or ())):
            if wanted.code not in codes:
                raise StageError(f"expect: the rules have no fault {wanted.code}{nearest(wanted.code, codes)}")
    _check_readings(test, rules)


def _check_readings(test: RuleTest, rules: RuleSet) -> None:
    looked_at = {shape for rule in rules.rules for shape in _shapes_of(rule)}
    points = {shape_and_component(name)[0]: point for name, point in POINTS.items()}
    probes = {rule.when.probe for rule in rules.rules if isinstance(rule.when, Fails)}
    for device, readings in test.signals.items():
        for name, series in readings.items():
            if name.startswith(FAILED):
                probe = name.removeprefix(FAILED)
                if probe not in probes:
                    raise StageError(f"signals.{device}.{name}: no rule looks at that probe{nearest(probe, probes)}")
                continue
            shape, _ = shape_and_component(name)
            point = points.get(shape)
            if point is None and shape not in looked_at:
                close = nearest(name, [*looked_at, *POINTS])
                raise StageError(f"signals.{device}.{name}: no rule looks at it, no probe reads it{close}")
            strange = [one for one in series if isinstance(one, str) and point and one not in point.words]
            if strange and point is not None and point.words:
                words = ", ".join(point.words)
                raise StageError(f"signals.{device}.{name}: expected one of {words}, got {key(strange[0])}")


def _shapes_of(rule: Any) -> Iterator[str]:
    for when in (rule.when, rule.only_while):
        for name in ("reading", "per"):
            if getattr(when, name, ""):
                yield getattr(when, name)


# --- evidence --------------------------------------------------------------------------------------------------------


class Arrival(NamedTuple):
    """A record on its way: when it arrives, and whether it is one of those that had to wait."""

    at_ms: int
    is_backlog: bool
    agent: str
    item: Item


class Note(NamedTuple):
    """What an agent writes down at `t`: a `sample` of a device, a `boot` of its machine, a `gap` since `since_ms`."""

    t: int
    kind: str
    device: str = ""
    readings: Mapping[str, Any] = MappingProxyType({})
    failed: Mapping[str, Any] = MappingProxyType({})
    since_ms: int = 0


def _arrivals(stage: Stage) -> list[Arrival]:
    found: list[Arrival] = []
    for agent, devices in stage.agents.items():
        found += _recorded(stage, agent, [sample for device in devices for sample in _samples(stage, device)])
    return found


def _samples(stage: Stage, device: str) -> Iterator[Note]:
    """What is read of a device, sample by sample."""
    series = stage.test.signals.get(device, {})
    for place in range(max(map(len, series.values()), default=0)):
        present = {name: slots[place] for name, slots in series.items() if place < len(slots)}
        present = {name: slot for name, slot in present.items() if slot is not Mark.ABSENT}
        said = {name: slot for name, slot in present.items() if slot is not Mark.NO_ANSWER}
        readings = {name: slot for name, slot in said.items() if not name.startswith(FAILED)}
        failed = {name.removeprefix(FAILED): (str(slot), "") for name, slot in said.items() if name.startswith(FAILED)}
        t = stage.start_ms + place * stage.file.every
        if len(said) < len(present):
            if readings:
                at, reads = shown(t - stage.start_ms), ", ".join(readings)
                raise StageError(f"signals.{device}: at {at} it does not answer, and reads {reads}")
            failed = failed or {"host": ("timeout", "")}
        if present:
            yield Note(t, "sample", device, readings, failed)


def _recorded(stage: Stage, agent: str, samples: Iterable[Note]) -> Iterator[Arrival]:
    """The records that an agent makes, with its boots and losses, numbered in the order of their times; and when each
    arrives."""
    spans = [
        (trouble, stage.start_ms + trouble.span[0], stage.start_ms + trouble.span[1])
        for trouble in stage.test.trouble
        if trouble.agent == agent
    ]
    asleep = [(begin, end) for one, begin, end in spans if one.what in ("power_off", "stopped")]
    boots = [
        end for one, begin, end in spans if one.what == "reboot" or (one.what == "power_off" and one.to is not None)
    ]
    awake = [one for one in samples if not _inside(one.t, asleep)]
    lost = [(begin, end) for one, begin, end in spans if one.what == "lost"]
    told = [
        Note(end, "gap", since_ms=begin)
        for one, begin, end in spans
        if one.what == "lost" and one.to is not None and any(begin <= note.t < end for note in awake)
    ]
    notes = sorted([*told, *(Note(at, "boot") for at in boots), *awake], key=lambda one: (one.t, one.kind == "sample"))
    spec = _spec(stage, agent)
    for n, note in enumerate(notes, 1):
        if note.kind != "gap" and _inside(note.t, lost):
            continue
        numbers = _numbers(notes, note) if note.kind == "gap" else ()
        record = _record(stage, note, n, boots, numbers)
        item = Item(note.since_ms if note.kind == "gap" else note.t, f"{agent}-1", n, record, spec)
        arrives_ms = _arrives(note.t, spans, stage.start_ms)
        if arrives_ms is not None:
            yield Arrival(arrives_ms, arrives_ms > note.t, agent, item)


def _numbers(notes: Sequence[Note], gap: Note) -> list[int]:
    """The numbers of what was recorded in the time of a gap."""
    return [n for n, one in enumerate(notes, 1) if one.kind != "gap" and gap.since_ms <= one.t < gap.t]


def _record(stage: Stage, note: Note, n: int, boots: Sequence[int], lost: Sequence[int]) -> dict[str, Any]:
    booted = max((at for at in boots if at <= note.t), default=stage.start_ms - HOUR_MS)
    number = sum(at <= note.t for at in boots) + 1
    record = {"n": n, "kind": note.kind, "boot": f"b{number}", "mono": note.t - booted, "t": note.t}
    if note.kind == "boot":
        return {**record, "orderly": None}
    if note.kind == "gap":
        told = {"lost": (lost[0], lost[-1]), "from_t": note.since_ms, "to_t": note.t, "count": len(lost)}
        return {**record, **told, "reason": "spool_full"}
    sample = {"device": note.device, "valid_s": stage.file.valid_ms / 1000, "readings": note.readings}
    return {**record, **sample, **({"failed": note.failed} if note.failed else {})}


def _arrives(t: int, spans: Iterable[tuple[Trouble, int, int]], start_ms: int) -> int | None:
    """When a record that is made at `t` arrives; None: never."""
    for trouble, begin, end in spans:
        if trouble.what == "line" and begin <= t < end:
            if trouble.to is None or trouble.arrives == "never":
                return None
            return end if trouble.arrives is None else start_ms + int(trouble.arrives)
    return t


def _inside(t: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(begin <= t < end for begin, end in spans)


def _spec(stage: Stage, agent: str) -> Spec:
    """The birth of an agent: whom it polls, which of them is the machine it runs on, by when each reports."""
    devices = tuple(
        (name, name == agent, stage.file.arrive_by_ms if one.arrive_by is None else one.arrive_by)
        for name, one in stage.devices.items()
        if stage.agent_of(name) == agent
    )
    return Spec(f"birth of {agent}", devices)


# --- what is expected ------------------------------------------------------------------------------------------------

Found = Mapping[str, Any]
"""A fault, a ticket, a stretch or a figure, by the keys of the file; times in milliseconds since the start."""


def _compared(stage: Stage, expected: Expectation) -> Iterator[tuple[str, str, str]]:
    """What is not as expected: what it is about, what was expected, what is there instead."""
    known = stage.rehearsal
    if expected.conditions is not None:
        found = [_condition(one, stage.start_ms) for one in known.conditions]
        yield from _any_order("conditions", expected.conditions, _of(found, expected.device))
    if expected.tickets is not None:
        found = [_ticket(one, stage.start_ms) for one in known.tickets]
        yield from _any_order("tickets", expected.tickets, _of(found, expected.device))
    if expected.ledger is None and expected.availability is None:
        return
    told = _stretches(stage, expected)
    if expected.ledger is not None:
        yield from _in_order("ledger", expected.ledger, [_stretch(one, stage.start_ms) for one in joined(told)])
    if expected.availability is not None:
        yield from _in_order("availability", [expected.availability], [_figure(told)])


def _stretches(stage: Stage, expected: Expectation) -> list[Stretch]:
    """The time of the window that counts, as known at its end, with everything laid over it."""
    device = str(expected.device)
    window = stage.start_ms + expected.from_, stage.start_ms + expected.at
    broken = [
        Broken(one.from_ms, one.to_ms, one.code)
        for one in stage.rehearsal.conditions
        if one.subject == device and one.function == expected.function
    ]
    return stretches(
        stage.rehearsal.ledger(device, window[1]),
        counted=normal([window]) if stage.hours is None else intersect(normal([window]), stage.hours),
        overlays=[one for one in stage.laid if one.counts_ms <= window[1] and _named(stage, one) == device],
        broken=broken if expected.function is not None else (),
    )


def _named(stage: Stage, laid: Laid) -> str:
    return stage.test.laid_over[laid.overlay - 1].device


def _condition(one: Condition, start_ms: int) -> Found:
    return {
        "device": one.subject,
        "component": one.component,
        "code": one.code,
        "from": one.from_ms - start_ms,
        "to": None if one.to_ms is None else one.to_ms - start_ms,
        "effect": one.effect,
        "function": one.function,
        "flapping": one.flapping,
    }


def _ticket(one: Kept, start_ms: int) -> Found:
    return {
        "device": one.subject,
        "component": one.component,
        "code": one.code,
        "status": one.status,
        "outcome": one.outcome,
        "fault_from": one.fault_from_ms - start_ms,
        "fault_to": None if one.fault_to_ms is None else one.fault_to_ms - start_ms,
        "opened": one.opened_ms - start_ms,
        "closed": None if one.closed_ms is None else one.closed_ms - start_ms,
        "cause": None if one.cause is None else _named_key(one.cause),
        "explains": sorted(map(_named_key, one.explains)),
    }


def _named_key(key: Key) -> str:
    """A fault as a file names it: `nvr-2 host.unreachable`."""
    return f"{key[0]} {key[2]}"


def _stretch(one: Stretch, start_ms: int) -> Found:
    return {
        "state": one.state,
        "cause": one.cause,
        "fault": one.fault,
        "from": one.from_ms - start_ms,
        "to": one.to_ms - start_ms,
        "by": one.by if one.root else one.kind,
    }


def _figure(told: Sequence[Stretch]) -> Found:
    figure = figure_of(told)
    return {
        "up": figure.up_ms,
        "down": figure.down_ms,
        "unknown": figure.unknown_ms,
        "excluded": figure.excluded_ms,
        "degraded": sum(one.to_ms - one.from_ms for one in told if one.state == "up" and one.cause == DEGRADED),
        "outages": figure.outages,
        "percent": None if figure.availability is None else float(percent(figure.availability)),
        "coverage": None if figure.coverage is None else float(percent(figure.coverage)),
    }


def _of(found: Iterable[Found], device: str | None) -> list[Found]:
    return [one for one in found if device is None or one["device"] == device]


def _any_order(what: str, wanted: Sequence[Strict], found: Sequence[Found]) -> Iterator[tuple[str, str, str]]:
    """Each of `wanted` must be one of `found`, and none may be left; those that say most choose first."""
    left = list(found)
    is_all = len(wanted) == len(found)
    for one in sorted(map(_said, wanted), key=len, reverse=True):
        match = next((each for each in left if _agrees(one, each)), None)
        if match is None:
            is_all = False
        else:
            left.remove(match)
    if not is_all:
        yield what, _texts(map(_said, wanted)), _texts(map(_worth_telling, found))


def _in_order(what: str, wanted: Sequence[Strict], found: Sequence[Found]) -> Iterator[tuple[str, str, str]]:
    said = [_said(one) for one in wanted]
    if len(said) != len(found) or not all(map(_agrees, said, found)):
        keys = set().union(*said) if what == "availability" else None
        yield what, _texts(said), _texts(found, keys)


def _said(wanted: Strict) -> dict[str, Any]:
    """What an expectation says, by the keys of the file."""
    return wanted.model_dump(by_alias=True, include=wanted.model_fields_set)


def _worth_telling(found: Found) -> Found:
    """What was found, without what is not so."""
    return {name: value for name, value in found.items() if value is not None or name == "to"}


def _agrees(said: Mapping[str, Any], found: Found) -> bool:
    return all(found[name] == value for name, value in said.items())


def _texts(many: Iterable[Mapping[str, Any]], keys: Collection[str] | None = None) -> str:
    return "; ".join(_text(one, keys) for one in many) or "none"


def _text(one: Mapping[str, Any], keys: Collection[str] | None = None) -> str:
    told = {name: _value(name, value) for name, value in one.items() if keys is None or name in keys}
    return " ".join(f"{name}={value}" for name, value in told.items() if value not in ("", "no"))


def _value(name: str, value: Any) -> str:
    if value is None:
        return "null"
    if name in TIMES:
        return shown(value) if value >= 0 else f"-{shown(-value)}"
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
