"""What reports about a site are made of, gathered as /availability, /kept, /tickets and /rounds answer.

    gather(view, asked, head) -> Site

The site and the customer narrow, not a scope: a device may have gone to another customer since, and what it did here
stays in this customer's report; what it did there is in the other's.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Literal

from roundsman_collector.config import built_in
from roundsman_collector.core import kept, reckoning
from roundsman_collector.core.contract import Phase, phase_at
from roundsman_collector.core.inspection import WORST
from roundsman_collector.core.looking import Line, marks
from roundsman_collector.core.reckoning import Reckoned
from roundsman_collector.core.tasks import standing_of
from roundsman_collector.core.ticket_log import happened_ms
from roundsman_collector.issuing.about import Asked
from roundsman_collector.issuing.worse import worse
from roundsman_collector.reports import inspected
from roundsman_collector.reports.head import NO_LABEL, Head
from roundsman_collector.reports.inspected import Inspected
from roundsman_collector.reports.looked import Mark
from roundsman_collector.reports.site import Clock, DeviceLine, FaultLine, RoundHeld, Site, TaskLine, TicketLine
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.rules.ticks import questions_from, ticks_from
from roundsman_collector.store import RoundRow, TicketRow, View, reckon
from roundsman_collector.store.entry_kinds import dates_of
from roundsman_collector.store.kept import Behind, KeptAsked
from roundsman_collector.store.plan_files import kind_from
from roundsman_collector.store.reckon import Asked as Figures
from roundsman_collector.store.reckon import Frame, Served
from roundsman_wire.catalogue import Label

AT_ONCE = 500
MOST = 1_000_000
"""No site has so many devices."""


def gather(view: View, asked: Asked, head: Head, *, on_trial: bool = False) -> Site:
    """Everything that reports about this site may say; of its trial run, the time before acceptance (试运行)."""
    answer = view.reckon(figures(asked, on_trial=on_trial))
    figured = {row.key: reckoning.reckoned(row.whole) for row in answer.rows if row.key}
    served = served_of(view, asked, list(figured), on_trial=on_trial)
    wanted = kept_asked(asked)
    found = view.kept(wanted)
    tickets = list(_tickets(view, wanted))
    rounds = rounds_of(view, asked)
    devices = tuple(_devices(view, figured, served, tickets, seen_in(view, rounds)))
    names = {one.id: one.name for one in devices}
    gets_worse = worse(view, asked, served, names)
    return Site(
        head=head,
        address=str(entry(view, asked, "site", asked.about.id).get("address", "")),
        engineers=_engineers(view, served),
        phase=_phase(view, asked),
        target_percent=next(iter(answer.targets)) if len(answer.targets) == 1 else None,
        whole=reckoning.reckoned(answer.total.whole),
        devices=tuple(replace(one, restarts=gets_worse.restarts.get(one.id)) for one in devices),
        rounds=_held(view, rounds),
        tasks=tuple(_tasks(view, asked)),
        marks=tuple(_marks(view, asked, rounds, names)),
        faults=tuple(_befell(view, asked, served, names)),
        worst=gets_worse.values,
        foretold=gets_worse.foretold,
        tickets=tuple(_lines(view, asked, tickets)),
        clocks=tuple(kept.kept_of(found.tallies).values()),
        counts=found.counts.get(None, {}),
        left_out=tuple((one.state, one.tickets) for one in found.left_out),
    )


# --- time ------------------------------------------------------------------------------------------------------------


def narrows(asked: Asked) -> dict[str, frozenset[str]]:
    """What of time and tickets is this report's."""
    return {"site": frozenset({asked.about.id}), "customer": frozenset({asked.about.customer or ""})}


def frame(asked: Asked, *, on_trial: bool = False) -> Frame:
    """The period as known when the report is."""
    return Frame(
        from_ms=asked.from_ms, to_ms=asked.to_ms, now_ms=asked.now_ms, known_ms=asked.known_ms, on_trial=on_trial
    )


def figures(asked: Asked, *, on_trial: bool = False) -> Figures:
    """What /availability is asked for."""
    told = reckon.asked_of(frame(asked, on_trial=on_trial), narrows(asked))
    return replace(told, by="device", limit=MOST)


def of(asked: Asked) -> dict[str, str]:
    """What /ratios is narrowed to."""
    return {name: next(iter(ids)) for name, ids in narrows(asked).items()}


def served_of(view: View, asked: Asked, devices: Sequence[str], *, on_trial: bool = False) -> dict[str, list[Served]]:
    """Where these devices served for this report."""
    wanted = narrows(asked)
    told = view.served(devices, frame(asked, on_trial=on_trial))
    return {device: reckon.narrowed(device, told.get(device, ()), wanted) for device in devices}


def _devices(
    view: View,
    figured: Mapping[str, Reckoned],
    served: Mapping[str, Sequence[Served]],
    tickets: Iterable[TicketRow],
    seen: Mapping[str, Inspected],
) -> Iterator[DeviceLine]:
    """By place and name, as people walk past them."""
    cards = view.cards_named(list(figured))
    last = {device: where[-1].posting for device, where in served.items() if where}
    places = view.entries_named("place", {one.place for one in last.values() if one.place})
    counts = Counter(row.subject for row in tickets)
    order = sorted(figured, key=lambda device: (last[device].place or "", device))
    for device in order:
        card, posting = cards[device], last[device]
        place = places.get(posting.place or "")
        yield DeviceLine(
            id=device,
            name=Label(zh=card.name_zh, en=card.name_en),
            kind=posting.kind,
            model=posting.model or "",
            serial=card.serial or "",
            place=NO_LABEL if place is None else Label(zh=place.fields["name_zh"], en=place.fields["name_en"]),
            reckoned=figured[device],
            stretches=tuple(reckoning.joined(one for each in served[device] for one in each.stretches)),
            tickets=counts[device],
            inspected=_while_here(seen.get(device), served[device]),
        )


def _while_here(seen: Inspected | None, where: Sequence[Served]) -> Inspected | None:
    """What a round saw of a device, if it served here then."""
    if seen is None:
        return None
    return seen if any(one.posting.from_ms <= seen.asked_ms <= one.posting.to_ms for one in where) else None


# --- the register ----------------------------------------------------------------------------------------------------


def entry(view: View, asked: Asked, kind: Literal["site", "contract"], name: str | None) -> Mapping[str, Any]:
    """An entry of the register as it was at the period's end, or is now where it was not there then; empty: none."""
    if name is None:
        return {}
    found = view.entry(kind, name, at_ms=last_ms(asked)) or view.entry(kind, name)
    return {} if found is None else found.fields


def last_ms(asked: Asked) -> int:
    """The last instant of the period, or of what is known of it."""
    return min(asked.to_ms - 1, asked.known_ms)


def _engineers(view: View, served: Mapping[str, Sequence[Served]]) -> tuple[str, ...]:
    """Who looked after it, by name."""
    names = view.people_names()
    found = {one.posting.engineer for where in served.values() for one in where if one.posting.engineer}
    return tuple(sorted(names.get(one, one) for one in found))


def _phase(view: View, asked: Asked) -> Phase | None:
    """The phase of the contract on the last day of the period, or today."""
    found = entry(view, asked, "contract", asked.about.contract)
    if not found:
        return None
    return phase_at(dates_of(found, f"contract {asked.about.contract}"), last_ms(asked), asked.about.time_zone)


def _tasks(view: View, asked: Asked) -> Iterator[TaskLine]:
    """The tasks that were due in the period, as their logs stood when the report is known."""
    first, last = asked.period.first_day.isoformat(), asked.period.last_day.isoformat()
    for row, log in view.tasks_due(asked.about.id, first, last):
        stands = standing_of(line for line in log if line.at_ms <= asked.known_ms)
        if row.made_ms > asked.known_ms or row.contract not in (None, asked.about.contract):
            continue
        kind = kind_from(row.body)
        yield TaskLine(
            plan=Label(zh=kind.zh, en=kind.en),
            period=row.period,
            due_on=row.due.due_on,
            state=stands.state or "planned",
            agreed_by=stands.agreed_by,
            agreed_ms=stands.agreed_ms,
            done_ms=stands.done_ms,
            round=stands.round,
        )


# --- rounds ----------------------------------------------------------------------------------------------------------


def rounds_of(view: View, asked: Asked) -> list[RoundRow]:
    """The site's rounds of the period, the first first."""
    found: list[RoundRow] = []
    before: int | None = None
    while page := view.rounds(scope=asked.audience, site=asked.about.id, before_id=before, limit=AT_ONCE):
        found += [one for one in page if one.kind == "site" and asked.from_ms <= one.asked_ms < asked.to_ms]
        before = page[-1].id
    return [one for one in reversed(found) if one.customer == asked.about.customer and one.asked_ms < asked.known_ms]


def seen_in(view: View, rounds: Iterable[RoundRow]) -> dict[str, Inspected]:
    """What the newest of these rounds saw of each device; a round without a document has seen nothing yet."""
    bodies = (view.round_body(one.number) for one in rounds)
    return inspected.newest(json.loads(body) for body in bodies if body is not None)


def _held(view: View, rounds: Iterable[RoundRow]) -> tuple[RoundHeld, ...]:
    names = view.people_names()
    return tuple(
        RoundHeld(one.number, one.asked_ms, one.done_ms, names.get(one.asked_by, one.asked_by)) for one in rounds
    )


@cache
def _items() -> dict[str, Label]:
    """What can be looked at or asked, by the id of the tick or question."""
    ticks = ticks_from(built_in("ticks.yaml"), source="ticks.yaml")
    questions = questions_from(built_in("questions.yaml"), source="questions.yaml")
    return {one.id: one.label for one in ticks} | {one.id: one.label for one in questions}


def _marks(view: View, asked: Asked, rounds: Iterable[RoundRow], names: Mapping[str, Label]) -> Iterator[Mark]:
    """What people found last of each device and item in these rounds, in the order of the devices."""
    people = view.people_names()
    found: dict[tuple[str, str], tuple[str, Line]] = {}
    for one in rounds:
        log = [line for line in view.round_lines(one.id) if line.known_ms <= asked.known_ms]
        found |= {key: (one.number, line) for key, line in marks(log).items()}
    places = {device: place for place, device in enumerate(names)}
    here = [(key, told) for key, told in found.items() if not key[0] or key[0] in names]
    for (device, item), (number, line) in sorted(here, key=lambda one: (places.get(one[0][0], -1), one[1][1].id)):
        yield Mark(
            device=device,
            about=names.get(device),
            item=item,
            label=_items().get(item, Label(zh=item, en=item)),
            verdict=next(one for one in WORST if one == line.verdict),
            words=line.words,
            photos=len(line.files),
            who=people.get(line.who, line.who),
            at_ms=line.at_ms,
            round=number,
        )


# --- faults ----------------------------------------------------------------------------------------------------------


def _befell(
    view: View, asked: Asked, served: Mapping[str, Sequence[Served]], names: Mapping[str, Label]
) -> Iterator[FaultLine]:
    """What began in the period, while its device served here, by beginning."""
    told = view.conditions_of(list(names), asked.from_ms, asked.to_ms, asked.known_ms)
    rows = [
        row
        for device, of_device in told.items()
        for row in of_device
        if row.event_from_ms >= asked.from_ms
        and any(one.posting.from_ms <= row.event_from_ms < one.posting.to_ms for one in served[device])
    ]
    for row in sorted(rows, key=lambda row: (row.event_from_ms, row.subject, row.component, row.code)):
        fault, name = asked.fault(row.code), names[row.subject]
        yield FaultLine(row.subject, name, row.component, row.code, fault, row.event_from_ms, row.event_to_ms)


# --- tickets ---------------------------------------------------------------------------------------------------------


def kept_asked(asked: Asked) -> KeptAsked:
    """What /kept is asked for."""
    return KeptAsked(
        scope=EVERYTHING,
        from_ms=asked.from_ms,
        to_ms=asked.to_ms,
        now_ms=asked.known_ms,
        site=asked.about.id,
        customer=asked.about.customer or "",
    )


def _tickets(view: View, wanted: KeptAsked) -> Iterator[TicketRow]:
    """The tickets that are in the figures, the newest first."""
    before: int | None = None
    while rows := view.kept_behind(wanted, Behind(count="tickets"), before_id=before, limit=AT_ONCE):
        yield from rows
        before = rows[-1].id


def _lines(view: View, asked: Asked, tickets: Sequence[TicketRow]) -> Iterator[TicketLine]:
    """The first ticket first."""
    ids = [row.id for row in tickets]
    clocks, logs = view.ticket_clocks(ids), view.ticket_logs(ids)
    cards = view.cards_named(sorted({row.subject for row in tickets}))
    for row in reversed(tickets):
        card = cards.get(row.subject)
        happened = {event.verb: happened_ms(event) for event in logs[row.id]}
        first = {event.verb: happened_ms(event) for event in reversed(logs[row.id])}
        yield TicketLine(
            number=row.number,
            about=Label(zh=row.subject, en=row.subject) if card is None else Label(zh=card.name_zh, en=card.name_en),
            fault=asked.fault(row.code),
            component=row.component,
            state=row.state,
            opened_ms=row.opened_ms,
            replied_ms=first.get("acknowledge", row.acknowledged_ms),
            arrived_ms=first.get("arrive"),
            repaired_ms=happened.get("fix", row.resolved_ms),
            clocks=tuple(Clock(one.clock, one.state, one.is_breached) for one in clocks.get(row.id, ())),
        )
