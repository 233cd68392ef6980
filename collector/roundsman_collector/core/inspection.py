"""The document of an inspection round, worked out from what was seen. Pure.

    build(round, devices, book=book) -> Document

One line per component, with its numbers, their limits and a verdict:

    fail        不合格  a fault that counts as down holds, or a reading is beyond the limit of such a fault
    attention   关注    any other fault holds, or a reading is beyond its limit
    unseen      未检    nobody saw it in this inspection, or the device itself does not know
    pass        合格    seen, and within all limits

The worst of its readings is a component's verdict, the worst of its lines a device's: fail, attention, unseen, pass. A
reading counts as seen only when it was taken after the inspection was asked for; an older one is shown, marked as old,
and passes nothing. What no rule limits is shown without a verdict: nothing was judged. A device that was not reached is
*unseen*, with the reason, whatever it said before; a fault that holds is a fault all the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from roundsman_collector.core.availability import Figure, pool
from roundsman_collector.core.intervals import intersect, normal, subtract
from roundsman_collector.core.model import DOWN
from roundsman_collector.core.overlay import EXCLUDED
from roundsman_collector.core.policy import UNREACHABLE, Above, Below, Is, Policy, Rule, holds, shape_and_component
from roundsman_collector.core.reckoning import Stretch, cut, figure_of, joined
from roundsman_collector.core.rulebook import Rulebook

Verdict = Literal["fail", "attention", "unseen", "pass"]
Reason = Literal["", "no_agent", "refused", "silent", "no_result", "no_answer", "not_sampled"]
"""Why a device was not reached: nobody speaks for it; its agent refused; its agent is silent; its agent did not say in
time; its agent says that it does not answer; its agent sent no sample of it."""

WORST: tuple[Verdict, ...] = ("fail", "attention", "unseen", "pass")
SHOWN: Mapping[str, str] = {EXCLUDED: "maintenance"}
"""What a strip calls a state."""
ANSWERS = ""
"""The component of the line that says whether the device answers at all."""


# --- what goes in ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Both:
    """A text in both languages."""

    zh: str
    en: str


class Seen(NamedTuple):
    """A reading: its value, when it was taken, and the record it stands in (`stream` empty: not known)."""

    value: Any
    t_ms: int
    stream: str = ""
    n: int = 0


NOTHING = Seen(None, 0)
"""A reading that was expected and never came."""


class Held(NamedTuple):
    """A fault of a component over a time; `to_ms` None: it holds."""

    code: str
    component: str
    from_ms: int
    to_ms: int | None


@dataclass(frozen=True, slots=True)
class TicketSeen:
    """A ticket of the period, as it stood."""

    number: str
    code: str
    component: str
    severity: str
    state: str
    fault_from_ms: int
    fault_to_ms: int | None
    opened_ms: int
    resolved_ms: int | None
    outcome: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TickSeen:
    """What only a person can see or ask, and what was found; `verdict` None: nobody said. `files` are ids of photos."""

    id: str
    zh: str
    en: str
    verdict: Verdict | None = None
    words: str = ""
    files: tuple[int, ...] = ()
    who: str = ""
    at_ms: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """A signature: whose, by which name, and the file that it is."""

    side: str
    name: str
    file: int
    who: str
    at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """What people did in a round beside their agents. `rest` says why something was not looked at, `unsigned` why the
    customer did not sign."""

    mode: str
    questions: tuple[TickSeen, ...] = ()
    signed: tuple[Signed, ...] = ()
    verdicts: Mapping[str, int] = field(default_factory=dict)
    finished_ms: int | None = None
    finished_by: str = ""
    rest: str = ""
    unsigned: str = ""
    since_ms: int | None = None
    """When somebody last looked, in the round `since_round`; None: nobody ever has."""
    since_round: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreached:
    """Why nobody saw a device."""

    reason: Reason
    since_ms: int | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspected:
    """All that is known of one device. `fresh` was taken after the inspection was asked for, `older` before.

    `word` and `why` are how it stands (the six state words). `failures` are what its agent could not read, by probe or
    reading: (code, detail). `ticks` are what only a person can see.
    """

    id: str
    kind: str
    name: Both
    model: str | None
    serial: str | None
    place: Both | None
    agent: str | None
    word: str
    why: str
    unreached: Unreached | None
    fresh: Mapping[str, Seen]
    older: Mapping[str, Seen]
    failures: Mapping[str, tuple[str, str]]
    ledger: Sequence[Stretch]
    """Its time that counts, as it is reckoned."""
    faults: Sequence[Held]
    tickets: Sequence[TicketSeen]
    ticks: Sequence[TickSeen]
    since: Sequence[Held] = ()
    """The faults since the last inspection."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """What the round itself is."""

    number: str
    kind: str
    site: str
    name: Both
    customer: Both
    address: str
    contract: str
    engineer: str
    time_zone: str
    from_ms: int
    to_ms: int
    asked_ms: int
    asked_by: str
    known_ms: int
    rules: str


# --- what comes out --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """What a reading may not be: `above` or `below` a number, or `one_of` some words, `of` all that there are."""

    form: Literal["above", "below", "one_of"]
    number: float | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A reading on paper. `why` it is unseen: `old`, `unknown` (the device does not know), or a failure's code."""

    name: str
    value: Any
    t_ms: int
    is_fresh: bool
    limits: tuple[Limit, ...]
    verdict: Verdict | None
    why: str
    stream: str
    n: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultSeen:
    """A fault that holds."""

    code: str
    name: Both
    from_ms: int
    is_down: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultPast:
    """A fault that there was; `to_ms` None: it holds."""

    code: str
    name: Both
    component: str
    from_ms: int
    to_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A component: what was measured and judged, what was measured beside it, what is wrong with it."""

    component: str
    verdict: Verdict
    measured: tuple[Measured, ...]
    beside: tuple[Measured, ...]
    faults: tuple[FaultSeen, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage:
    """A stretch of the period in which the device was down."""

    from_ms: int
    to_ms: int
    cause: str
    fault: str
    name: Both


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """A figure with its shares as exact texts (`863/864`); None where there is none."""

    base_ms: int
    up_ms: int
    down_ms: int
    unknown_ms: int
    excluded_ms: int
    outages: int
    longest_ms: int
    availability: str | None
    coverage: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketLine:
    """A ticket with the name of its fault."""

    ticket: TicketSeen
    name: Both


@dataclass(frozen=True, kw_only=True, slots=True)
class DevicePart:
    """The part of the document that a device has."""

    id: str
    kind: str
    name: Both
    model: str | None
    serial: str | None
    place: Both | None
    agent: str | None
    word: str
    why: str
    verdict: Verdict
    unreached: Unreached | None
    times: Times
    strip: tuple[tuple[int, int, str], ...]
    lines: tuple[Line, ...]
    others: tuple[Measured, ...]
    failures: tuple[tuple[str, str, str], ...]
    outages: tuple[Outage, ...]
    tickets: tuple[TicketLine, ...]
    ticks: tuple[TickSeen, ...]
    since: tuple[FaultPast, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """Everything that the page of a round shows; frozen as it is."""

    v: int = 2
    round: Round
    times: Times
    verdicts: Mapping[str, int]
    component_verdicts: Mapping[str, int]
    devices: tuple[DevicePart, ...] = field(default_factory=tuple)
    looked: Looked | None = None
    """None: a round of its agents alone, or an older document (v 1)."""


# --- how -------------------------------------------------------------------------------------------------------------


def build(about: Round, devices: Iterable[Inspected], *, book: Rulebook, looked: Looked | None = None) -> Document:
    """The document; see the module."""
    figures, parts = [], []
    for one in devices:
        found = figure_of(cut(one.ledger, _window(about)))
        figures.append(found)
        parts.append(_part(one, about, book.at(one.id, about.to_ms), found))
    return Document(
        round=about,
        times=_times(pool(figures)),
        verdicts=_counted(part.verdict for part in parts),
        component_verdicts=_counted(line.verdict for part in parts for line in part.lines),
        devices=tuple(parts),
        looked=looked,
    )


def worst(verdicts: Iterable[Verdict], otherwise: Verdict = "pass") -> Verdict:
    """The worst of some verdicts."""
    return min(verdicts, key=WORST.index, default=otherwise)


def _counted(verdicts: Iterable[Verdict]) -> dict[str, int]:
    counts: dict[str, int] = dict.fromkeys(WORST, 0)
    for one in verdicts:
        counts[one] += 1
    return counts


def _part(one: Inspected, about: Round, policy: Policy, found: Figure) -> DevicePart:
    lines = _lines(one, about, policy)
    return DevicePart(
        id=one.id,
        kind=one.kind,
        name=one.name,
        model=one.model,
        serial=one.serial,
        place=one.place,
        agent=one.agent,
        word=one.word,
        why=one.why,
        verdict=worst(line.verdict for line in lines),
        unreached=one.unreached,
        times=_times(found),
        strip=_strip(one, about),
        lines=lines,
        others=_others(one, policy, {line.component for line in lines}),
        failures=tuple((name, *failure) for name, failure in one.failures.items()),
        outages=_outages(one, about, policy),
        tickets=tuple(TicketLine(ticket=ticket, name=_name(policy, ticket.code)) for ticket in one.tickets),
        ticks=tuple(one.ticks),
        since=tuple(
            FaultPast(
                code=held.code,
                name=_name(policy, held.code),
                component=held.component,
                from_ms=held.from_ms,
                to_ms=held.to_ms,
            )
            for held in one.since
        ),
    )


def _name(policy: Policy, code: str) -> Both:
    """A fault's name; its code where the rules in force have none (any more)."""
    rule = policy.rule(code)
    return Both(code, code) if rule is None else Both(rule.zh, rule.en)


# --- lines -----------------------------------------------------------------------------------------------------------


def _lines(one: Inspected, about: Round, policy: Policy) -> tuple[Line, ...]:
    """Whether it answers; then its components in the order in which the device names them."""
    missing = [name for name in one.failures if policy.judges(name)]
    names = dict.fromkeys([*one.fresh, *one.older, *missing])
    judged: dict[str, list[Measured]] = {}
    beside: dict[str, list[Measured]] = {}
    holding = [held for held in one.faults if held.to_ms is None or held.to_ms > about.known_ms]
    for name in names:
        component = shape_and_component(name)[1]
        measured = _measured(one, name, policy, holding)
        (beside if measured.verdict is None else judged).setdefault(component, []).append(measured)
    faults: dict[str, list[FaultSeen]] = {}
    for held in holding:
        where = ANSWERS if held.code == UNREACHABLE else held.component
        rule = policy.rule(held.code)
        faults.setdefault(where, []).append(
            FaultSeen(
                code=held.code,
                name=_name(policy, held.code),
                from_ms=held.from_ms,
                is_down=rule is not None and rule.effect == "down",
            )
        )
    components = dict.fromkeys([*judged, *(component for component in faults if component != ANSWERS)])
    return (
        _answering(one, tuple(faults.get(ANSWERS, ()))),
        *(
            _line(component, judged.get(component, ()), beside.get(component, ()), tuple(faults.get(component, ())))
            for component in components
        ),
    )


def _answering(one: Inspected, faults: tuple[FaultSeen, ...]) -> Line:
    seen: Verdict = "pass" if one.unreached is None else "unseen"
    return Line(component=ANSWERS, verdict=worst([seen, *_of_faults(faults)]), measured=(), beside=(), faults=faults)


def _line(
    component: str, measured: Sequence[Measured], beside: Sequence[Measured], faults: tuple[FaultSeen, ...]
) -> Line:
    verdicts = [one.verdict for one in measured if one.verdict is not None]
    return Line(
        component=component,
        verdict=worst([*verdicts, *_of_faults(faults)], "unseen"),
        measured=tuple(measured),
        beside=tuple(beside),
        faults=faults,
    )


def _of_faults(faults: Iterable[FaultSeen]) -> list[Verdict]:
    return ["fail" if one.is_down else "attention" for one in faults]


def _measured(one: Inspected, name: str, policy: Policy, holding: Sequence[Held]) -> Measured:
    """A reading with its limits and its verdict; None where no rule looks at it."""
    fresh = one.fresh.get(name)
    seen = one.older.get(name, NOTHING) if fresh is None else fresh
    judges = [(rule, component) for rule, component in policy.judges(name)]
    verdict: Verdict | None = None
    why = ""
    if fresh is None:
        why = one.failures[name][0] if name in one.failures else "old"
    if judges:
        verdict = "unseen" if why else _judged(seen.value, judges, holding)
        if verdict == "unseen" and not why:
            why = one.failures[name][0] if name in one.failures else "unknown"
    return Measured(
        name=name,
        value=seen.value,
        t_ms=seen.t_ms,
        is_fresh=fresh is not None,
        limits=limits_of(rule for rule, _ in judges),
        verdict=verdict,
        why=why,
        stream=seen.stream,
        n=seen.n,
    )


def _judged(value: Any, judges: Iterable[tuple[Rule, str]], holding: Sequence[Held]) -> Verdict:
    """The worst that any rule says of a value; a fault that holds ends only beyond its hysteresis."""
    found: list[Verdict] = []
    for rule, component in judges:
        is_active = any(held.code == rule.code and held.component == component for held in holding)
        is_so = holds(rule.when, value, is_active)
        if is_so is None:
            found.append("unseen")
        elif is_so:
            found.append("fail" if rule.effect == "down" else "attention")
        else:
            found.append("pass")
    return worst(found)


def limits_of(rules: Iterable[Rule]) -> tuple[Limit, ...]:
    """What a reading may not be, from all rules that look at it: the tightest numbers, all bad words."""
    above: list[float] = []
    below: list[float] = []
    words: dict[str, None] = {}
    for rule in rules:
        match rule.when:
            case Above(limit=limit):
                above.append(limit)
            case Below(limit=limit):
                below.append(limit)
            case Is(words=bad):
                words.update(dict.fromkeys(bad))
            case _:
                pass
    found = []
    if above:
        found.append(Limit(form="above", number=min(above)))
    if below:
        found.append(Limit(form="below", number=max(below)))
    if words:
        found.append(Limit(form="one_of", words=tuple(words)))
    return tuple(found)


def _others(one: Inspected, policy: Policy, with_line: set[str]) -> tuple[Measured, ...]:
    """What was seen of components that have no line, because no rule looks at any of their readings."""
    return tuple(
        _measured(one, name, policy, ()) for name in one.fresh if shape_and_component(name)[1] not in with_line
    )


# --- the period ------------------------------------------------------------------------------------------------------


def _window(about: Round) -> tuple[int, int]:
    """The period, as far as it is past."""
    return about.from_ms, max(about.from_ms, min(about.to_ms, about.known_ms))


def _times(found: Figure) -> Times:
    return Times(
        base_ms=found.base_ms,
        up_ms=found.up_ms,
        down_ms=found.down_ms,
        unknown_ms=found.unknown_ms,
        excluded_ms=found.excluded_ms,
        outages=found.outages,
        longest_ms=found.longest_ms,
        availability=None if found.availability is None else str(found.availability),
        coverage=None if found.coverage is None else str(found.coverage),
    )


def _outages(one: Inspected, about: Round, policy: Policy) -> tuple[Outage, ...]:
    """The stretches of the period that are down, by beginning."""
    return tuple(
        Outage(from_ms=s.from_ms, to_ms=s.to_ms, cause=s.cause, fault=s.fault, name=_name(policy, s.fault))
        for s in joined(cut(one.ledger, _window(about)))
        if s.state == DOWN
    )


def _strip(one: Inspected, about: Round) -> tuple[tuple[int, int, str], ...]:
    """The time of the period that counts, `closed` where it does not; `warning` where something is wrong though up."""
    window = _window(about)
    ledger = joined(cut(one.ledger, window))
    up = normal((s.from_ms, s.to_ms) for s in ledger if s.state == "up")
    wrong = normal(
        (max(held.from_ms, about.from_ms), max(held.from_ms, about.from_ms, min(window[1], held.to_ms or window[1])))
        for held in one.faults
    )
    told = [(s.from_ms, s.to_ms, SHOWN.get(s.state, s.state)) for s in ledger]
    closed = subtract((window,), normal((begin, end) for begin, end, _ in told))
    return (
        *told,
        *((begin, end, "closed") for begin, end in closed if begin < end),
        *((begin, end, "warning") for begin, end in intersect(up, wrong)),
    )
