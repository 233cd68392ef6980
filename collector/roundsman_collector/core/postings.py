"""Where a device served when, and for whom: its window cut by every dated row that says so. Pure.

    assigned      |------------------------------------------
    installed               |--- place A ---|   |--- place B
    place A, its site, contract, engineer: each with versions of their own
    posting       |-nowhere-|-- A --|-- A --|   |----- B ----
                                    ^ another engineer from here on

A device is *in service* while it is installed somewhere. Before its first installation it is, too, as long as an agent
speaks for it: nobody had written down yet where it stood. Between two installations, and after the last one ended, it
lies in the store: that time counts nowhere. What its site's contract has not accepted yet does not count either.

Parts add up to the whole: the postings of a device never overlap, so whatever they are grouped by (place, customer,
engineer ...), the sums of the groups are the sum of the devices.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, NamedTuple, TypeVar

from roundsman_collector.core.availability import UnknownAs
from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.intervals import Intervals, Pair, intersect

T = TypeVar("T")
EVER = 2**62
USUAL_ZONE = "Asia/Shanghai"


class Dated(NamedTuple, Generic[T]):
    """Something that held in [from, to)."""

    from_ms: int
    to_ms: int
    what: T


@dataclass(frozen=True, slots=True)
class Site:
    """A version of a site.

    hours           its service hours in the window; None: always
    why             not empty: nobody can say when it must run, and all of its time is unknown for that reason
    is_provisional  a day of its calendar is only expected: figures may change when it is announced
    """

    id: str
    customer: str
    group: str
    contract: str | None
    engineer: str | None
    time_zone: str
    hours: Intervals | None
    why: str = ""
    is_provisional: bool = False


@dataclass(frozen=True, slots=True)
class Contract:
    """A version of a contract, as far as figures ask."""

    id: str
    accepted_on: str | None
    unknown_as: UnknownAs
    target_percent: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """A version of a place."""

    id: str
    site: str
    engineer: str | None


class Trait(NamedTuple):
    """What a device was."""

    kind: str
    model: str | None


@dataclass(frozen=True, slots=True)
class Register:
    """The dated rows that postings are made of, by id, each ascending; rows of one id do not overlap."""

    places: Mapping[str, Sequence[Dated[Place]]]
    sites: Mapping[str, Sequence[Dated[Site]]]
    contracts: Mapping[str, Sequence[Dated[Contract]]]


class Posting(NamedTuple):
    """A stretch of service with all that it counts for. `site` None: nobody had said where the device stood.

    `group` and `customer` say who may see it: before its first installation it is seen by who sees that one.
    """

    from_ms: int
    to_ms: int
    kind: str
    model: str | None
    place: str | None
    site: Site | None
    contract: Contract | None
    engineer: str | None
    seen_by_group: str | None
    seen_by_customer: str | None

    @property
    def time_zone(self) -> str:
        """The zone whose days are counted."""
        return USUAL_ZONE if self.site is None else self.site.time_zone

    @property
    def unknown_as(self) -> UnknownAs:
        """What the contract takes unknown time for."""
        return "exclude" if self.contract is None else self.contract.unknown_as

    def counted(self, past: Pair) -> Intervals:
        """The time of this posting that counts, inside a window that is past: the one that its hours are of."""
        begin, end = max(self.from_ms, past[0]), min(self.to_ms, past[1])
        if begin >= end:
            return ()
        hours = None if self.site is None else self.site.hours
        if hours is None:
            return ((begin, end),)
        return hours if (begin, end) == past else intersect(hours, ((begin, end),))


def postings(
    register: Register,
    *,
    window: Pair,
    installed: Sequence[Dated[str]],
    assigned: Sequence[Dated[str]],
    traits: Sequence[Dated[Trait]],
    on_trial: bool = False,
) -> list[Posting]:
    """Where a device served in a window, in order. `assigned`: the group of the agent that spoke for it.

    `traits` cover all time: the first of them is taken to have held before it, too. `on_trial`: the time at sites whose
    contract was not accepted yet (试运行), and nothing else; usually that time counts nowhere.
    """
    found: list[Posting] = []
    for begin, end, trait in _cut(traits, window):
        if not on_trial:
            found += _unplaced(register, installed, assigned, trait, (begin, end))
        for place_from, place_to, place in _cut(installed, (begin, end)):
            found += _placed(register, place, trait, (place_from, place_to), on_trial)
    return sorted(found, key=lambda one: one.from_ms)


def _unplaced(
    register: Register,
    installed: Sequence[Dated[str]],
    assigned: Sequence[Dated[str]],
    trait: Trait,
    window: Pair,
) -> Iterable[Posting]:
    first = installed[0] if installed else None
    end = window[1] if first is None else min(window[1], first.from_ms)
    if end <= window[0]:
        return
    customer, group = (None, None) if first is None else _seen_by(register, first)
    for from_ms, to_ms, voice in _cut(assigned, (window[0], end)):
        yield Posting(from_ms, to_ms, *trait, None, None, None, None, voice if first is None else group, customer)


def _seen_by(register: Register, first: Dated[str]) -> tuple[str | None, str | None]:
    """The customer and the group of a device's first installation."""
    for _, _, place in _cut(register.places.get(first.what, ()), (first.from_ms, first.to_ms)):
        for _, _, site in _cut(register.sites.get(place.site, ()), (first.from_ms, first.to_ms)):
            return site.customer, site.group
    return None, None


def _placed(register: Register, place_id: str, trait: Trait, window: Pair, on_trial: bool) -> Iterable[Posting]:
    for place_from, place_to, place in _cut(register.places.get(place_id, ()), window):
        for site_from, site_to, site in _cut(register.sites.get(place.site, ()), (place_from, place_to)):
            engineer = place.engineer or site.engineer
            facts = (*trait, place.id, site)
            seen = (site.group, site.customer)
            if site.contract is None:
                # without a contract there is nothing to accept: all of it is both
                yield Posting(site_from, site_to, *facts, None, engineer, *seen)
                continue
            for from_ms, to_ms, contract in _filled(register.contracts.get(site.contract, ()), (site_from, site_to)):
                accepted_ms = from_ms if contract is None else _accepted(contract, site.time_zone, on_trial)
                begin, end = (from_ms, min(to_ms, accepted_ms)) if on_trial else (max(from_ms, accepted_ms), to_ms)
                if begin < end:
                    yield Posting(begin, end, *facts, contract, engineer, *seen)


def _accepted(contract: Contract, time_zone: str, on_trial: bool) -> int:
    """The first instant of the day of acceptance where the site is.

    Where nobody wrote it down, all time counts: 0; who asks for the trial run is told that it goes on.
    """
    if contract.accepted_on is None:
        return EVER if on_trial else 0
    return instant(date.fromisoformat(contract.accepted_on), 0, zone(time_zone))


def _cut(rows: Sequence[Dated[T]], window: Pair) -> Iterable[Dated[T]]:
    """The rows inside a window, cut to it."""
    begin, end = window
    for from_ms, to_ms, what in rows:
        if from_ms < end and to_ms > begin:
            yield Dated(max(from_ms, begin), min(to_ms, end), what)


def _filled(rows: Sequence[Dated[T]], window: Pair) -> Iterable[Dated[T | None]]:
    """The rows inside a window; where there is none, None."""
    at = window[0]
    for from_ms, to_ms, what in _cut(rows, window):
        if at < from_ms:
            yield Dated(at, from_ms, None)
        yield Dated(from_ms, to_ms, what)
        at = to_ms
    if at < window[1]:
        yield Dated(at, window[1], None)
