"""What is known of a ticket when a form is filled, and what its log says to the questions that forms ask. Pure.

    visits(dossier) -> (Visit(arrived=..., ended=..., parts=...), ...)      the log cut into visits
    caller(dossier) -> Caller(name="王女士", phone="138****5678")
    masked("13812345678") -> "138****5678"                                   for whoever may not act on tickets

Whatever can be read off the log is read off it here (law 7): a form that is printed again says the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from roundsman_collector.core.label import is_author
from roundsman_collector.core.ticket_log import ROBOT, Event, happened_ms, reported
from roundsman_wire.catalogue import Label

NO_NAME = Label(zh="", en="")
PHONE_KEYS = ("phone",)
CALLER_KEYS = ("caller", "was")


@dataclass(frozen=True, kw_only=True, slots=True)
class Company:
    """Who hands the form over. `copies`: how many of a work order are printed; `letterhead`: a folder's name."""

    name: Label = NO_NAME
    service_phone: str = ""
    supervision_phone: str = ""
    copies: int = 3
    letterhead: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceCard:
    """The device that a ticket is about."""

    id: str
    name: Label
    kind: str
    model: str = ""
    serial: str = ""


class ClockLine(NamedTuple):
    """A clock of the ticket as it stands."""

    clock: str
    state: str
    due_ms: int | None
    ended_ms: int | None


class LoanLine(NamedTuple):
    """A unit that was lent while something was away."""

    id: int
    name: str
    serial: str
    out_ms: int
    out_by: str
    became: str
    back_ms: int | None


class Advice(NamedTuple):
    """What the fault catalogue says of a fault: what it may be, what helps, what to take along."""

    causes: tuple[Label, ...] = ()
    remedy: Label = NO_NAME
    parts: tuple[Label, ...] = ()


NO_ADVICE = Advice()


class Snapshot(NamedTuple):
    """Readings of the device at a time."""

    t_ms: int
    readings: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Dossier:
    """A ticket with everything that a form may say. `people`: names of those who stand in the log, by login."""

    number: str
    state: str
    source: str
    severity: str
    service_class: str
    component: str
    fault: Label
    opened_ms: int
    resolved_ms: int | None
    known_ms: int
    time_zone: str
    log: tuple[Event, ...]
    company: Company = field(default_factory=Company)
    device: DeviceCard | None = None
    customer: Label = NO_NAME
    site: Label = NO_NAME
    place: Label = NO_NAME
    zone: Label = NO_NAME
    address: str = ""
    contract: str = ""
    phase: Label = NO_NAME
    """Of the contract, on the day of the report: under warranty, under maintenance, expired."""
    warranty_until: str = ""
    bought_on: str = ""
    """When the device was accepted or first installed, whichever is later."""
    advice: Advice = NO_ADVICE
    contact: "Caller | None" = None
    """Who is on the spot, now; None: nobody is named."""
    engineer: str = ""
    people: Mapping[str, str] = field(default_factory=dict)
    clocks: tuple[ClockLine, ...] = ()
    loans: tuple[LoanLine, ...] = ()
    before: Snapshot | None = None
    after: Snapshot | None = None

    def name(self, login: str) -> str:
        """What a person is called; nobody for what nobody did."""
        return "" if login == ROBOT or is_author(login) else self.people.get(login, login)


class Caller(NamedTuple):
    """Who reported it."""

    name: str
    phone: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """One engineer's way there and back: from being sent to the next time somebody is."""

    sent: Event | None = None
    departed: Event | None = None
    arrived: Event | None = None
    ended: Event | None = None
    confirmed: Event | None = None
    verified: Event | None = None
    parts: tuple[Event, ...] = ()
    taken: tuple[Event, ...] = ()
    signed: tuple[Event, ...] = ()

    @property
    def is_fixed(self) -> bool:
        """Whether it ended with the repair."""
        return self.ended is not None and self.ended.verb == "fix"


NOTHING = Visit()


def of(dossier: Dossier, *verbs: str) -> tuple[Event, ...]:
    """The lines of the log with one of these verbs, in order."""
    return tuple(event for event in dossier.log if event.verb in verbs)


def last(dossier: Dossier, *verbs: str) -> Event | None:
    """The last of them."""
    return next((event for event in reversed(dossier.log) if event.verb in verbs), None)


def said(event: Event | None, key: str) -> str:
    """What a line says under a key, as text; empty where it says nothing."""
    found = None if event is None else event.data.get(key)
    return "" if found is None or isinstance(found, dict | list) else str(found).strip()


def at(event: Event | None) -> int | None:
    """When it happened."""
    return None if event is None else happened_ms(event)


def visits(dossier: Dossier) -> tuple[Visit, ...]:
    """The visits of a ticket. One begins when somebody is sent, or arrives, after the one before has been there."""
    return tuple(_visits(dossier.log))


_SET = {
    "dispatch": "sent",
    "depart": "departed",
    "arrive": "arrived",
    "leave": "ended",
    "fix": "ended",
    "confirm": "confirmed",
    "verify": "verified",
}
_ADD = {"part": "parts", "take_away": "taken", "sign": "signed"}
_BEGINS = ("dispatch", "depart", "arrive")


def _visits(log: tuple[Event, ...]) -> Iterator[Visit]:
    told: dict[str, Event] = {}
    added: dict[str, tuple[Event, ...]] = {}
    for event in log:
        if event.verb in _BEGINS and "arrived" in told:
            yield Visit(**told, **added)  # type: ignore[arg-type]
            told, added = {}, {}
        if event.verb in _SET:
            told[_SET[event.verb]] = event
        elif event.verb in _ADD and told:
            name = _ADD[event.verb]
            added[name] = (*added.get(name, ()), event)
    if told:
        yield Visit(**told, **added)  # type: ignore[arg-type]


def visit_of(dossier: Dossier, serial: int) -> Visit:
    """The visit with this number, counted from 1; one of which nothing is known yet."""
    found = visits(dossier)
    return found[serial - 1] if 0 < serial <= len(found) else NOTHING


def caller(dossier: Dossier) -> Caller:
    """Who reported it, or called first where nobody stands at the beginning; as it was checked since."""
    told = reported_of(dossier)
    return Caller(told.get("name", ""), told.get("phone", ""))


def reported_of(dossier: Dossier) -> dict[str, str]:
    """What people reported, as it was checked since: name, phone, words, wish; those that anybody said."""
    return reported((event.verb, event.text, event.data) for event in dossier.log)


def customer_priority(dossier: Dossier) -> str:
    """How urgent the customer calls it; empty where they were not asked."""
    wished = last(dossier, "priority")
    opened = next(iter(of(dossier, "open")), None)
    return said(wished, "priority") or said(opened, "customer_priority")


# --- what not everybody may read -------------------------------------------------------------------------------------


def masked(phone: str) -> str:
    """A telephone number of which only its owner sees whose it is."""
    if len(phone) < 7:
        return "*" * len(phone)
    return f"{phone[:3]}{'*' * (len(phone) - 7)}{phone[-4:]}"


def without_phones(log: tuple[Event, ...]) -> tuple[Event, ...]:
    """The same log for somebody who may only look."""
    return tuple(event._replace(data=masked_data(event.data)) for event in log)


def masked_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a line of a log says, for somebody who may only look: without the numbers of people."""
    return {
        key: masked(str(value))
        if key in PHONE_KEYS
        else masked_data(value)
        if key in CALLER_KEYS and isinstance(value, Mapping)
        else value
        for key, value in data.items()
    }
