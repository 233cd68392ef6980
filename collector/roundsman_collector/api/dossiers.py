"""From the database to what a form is filled from: a ticket's dossier, gathered in one place for pages and API.

    dossier(desk, who, row) -> Dossier          everything of one ticket, its readings before and after the repair
    register(desk, who, from_ms, to_ms)         the dossiers of a period, without readings

Who may only look at tickets gets telephone numbers masked, here already: a form cannot show what it was not given.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from roundsman_collector.api.desk import Desk
from roundsman_collector.api.entries import DEFAULT_ZONE
from roundsman_collector.api.tickets import references
from roundsman_collector.api.whole_numbers import note
from roundsman_collector.core.contract import PHASES, Dates, local_day, phase_at
from roundsman_collector.core.ticket_log import Event
from roundsman_collector.reports.dossier import (
    NO_ADVICE,
    NO_NAME,
    Advice,
    Caller,
    ClockLine,
    DeviceCard,
    Dossier,
    LoanLine,
    Snapshot,
    at,
    caller,
    last,
    masked,
    without_phones,
)
from roundsman_collector.roles import Who
from roundsman_collector.store import ZONES, TicketEvent, TicketRow
from roundsman_collector.store.cards import Card
from roundsman_collector.store.dossiers import TicketFacts, Where
from roundsman_wire.catalogue import Label

SETTLED_MS = 2 * 3_600_000
"""For so long after a repair a reading proves it (S1-15)."""
LOOKED_AT = 400
"""So many reports are looked through for one after the repair; later ones say more, earlier ones may be pruned."""
REGISTER_ROWS = 1000


def dossier(desk: Desk, who: Who, row: TicketRow) -> Dossier:
    """A ticket as a form wants it."""
    (facts,) = desk.view.ticket_facts([row])
    found = replace(_dossier(desk, who, facts, desk.view.people_names()), contact=_contact(desk, who, facts))
    if who.may("act"):
        note(desk, who, f"ticket:{row.number}", caller(found).phone, found.contact and found.contact.phone)
    return _with_readings(desk, _with_age(desk, found), facts)


def register(desk: Desk, who: Who, from_ms: int, to_ms: int) -> tuple[list[Dossier], bool]:
    """The tickets that were opened in a period, by number, and whether there are more than one register holds."""
    facts, has_more = desk.view.tickets_opened(who.scope, from_ms, to_ms, limit=REGISTER_ROWS)
    people = desk.view.people_names()
    found = [_dossier(desk, who, one, people) for one in facts]
    if who.may("act"):
        note(desk, who, "tickets:register", *(caller(one).phone for one in found))
    return found, has_more


def _dossier(desk: Desk, who: Who, facts: TicketFacts, people: dict[str, str]) -> Dossier:
    row, where = facts.row, facts.where
    log = tuple(_event(one) for one in facts.log)
    return Dossier(
        number=row.number,
        state=row.state,
        source=row.source,
        severity=row.severity,
        service_class=row.service_class,
        component=row.component,
        fault=Label(zh=desk.fault_name(row.code, "zh"), en=desk.fault_name(row.code, "en")) if row.code else NO_NAME,
        opened_ms=row.opened_ms,
        resolved_ms=row.resolved_ms,
        known_ms=desk.now_ms(),
        time_zone=where.time_zone,
        log=log if who.may("act") else without_phones(log),
        company=desk.company,
        device=None if facts.card is None else _device(facts.card),
        customer=Label(zh=where.customer[0], en=where.customer[1]),
        site=Label(zh=where.site[0], en=where.site[1]),
        place=Label(zh=where.place[0], en=where.place[1]),
        zone=Label(zh=ZONES[where.zone][0], en=ZONES[where.zone][1]) if where.zone in ZONES else NO_NAME,
        address=where.address,
        contract=where.contract,
        phase=_phase(where, row.opened_ms),
        warranty_until=where.warranty_until,
        advice=_advice(desk, row.code),
        engineer=row.engineer or "",
        people=people,
        clocks=tuple(ClockLine(one.clock, one.state, one.due_ms, one.ended_ms) for one in facts.clocks),
        loans=tuple(LoanLine(*one) for one in facts.loans),
    )


def _phase(where: Where, at_ms: int) -> Label:
    """In which phase the contract was then; nothing where there is none."""
    if not where.contract:
        return NO_NAME
    dates = {name: getattr(where, name) or None for name in ("accepted_on", "warranty_until", "maintenance_until")}
    said = {name: None if day is None else date.fromisoformat(day) for name, day in dates.items()}
    zh, en = PHASES[phase_at(Dates(**said), at_ms, where.time_zone or DEFAULT_ZONE)]
    return Label(zh=zh, en=en)


def _advice(desk: Desk, code: str) -> Advice:
    found = desk.advice.get(code)
    return NO_ADVICE if found is None else Advice(found.causes, found.remedy or NO_NAME, found.parts)


def _event(one: TicketEvent) -> Event:
    return Event(one.id, one.at_ms, one.who, one.verb, one.text, one.data)


def _device(card: Card) -> DeviceCard:
    return DeviceCard(
        id=card.device,
        name=Label(zh=card.name_zh, en=card.name_en),
        kind=card.kind,
        model=card.model or "",
        serial=card.serial or "",
    )


def _contact(desk: Desk, who: Who, facts: TicketFacts) -> Caller | None:
    """Who is on the spot where the device stands now, or at the site that somebody called from."""
    name, phone = ("", "") if facts.card is None else facts.card.on_the_spot
    if facts.card is None and facts.row.subject[0] == "#":
        site = desk.view.entry("site", facts.row.subject[1:])
        name, phone = ("", "") if site is None else ((site.fields[one] or "") for one in ("contact", "contact_phone"))
    return Caller(name, phone if who.may("act") else masked(phone)) if name or phone else None


def _with_age(desk: Desk, found: Dossier) -> Dossier:
    bought_ms = None if found.device is None else desk.view.bought_ms(found.device.id)
    if bought_ms is None:
        return found
    return replace(found, bought_on=local_day(bought_ms, found.time_zone or DEFAULT_ZONE).isoformat())


# --- readings --------------------------------------------------------------------------------------------------------


def _with_readings(desk: Desk, found: Dossier, facts: TicketFacts) -> Dossier:
    if found.device is None:
        return found
    return replace(found, before=_before(desk, facts.row, facts.log), after=_after(desk, found))


def _before(desk: Desk, row: TicketRow, log: Sequence[TicketEvent]) -> Snapshot | None:
    """The record that confirmed the fault, or the first of it."""
    if row.agent_no is None:
        return None
    known = {one.role: one.ref for one in references(log)}
    for role in ("confirmed", "first"):
        if role in known:
            record = desk.view.record(row.agent_no, known[role])
            readings: Any = None if record is None else record.record.get("readings")
            if readings:
                return Snapshot(known[role].t, readings)
    return None


def _after(desk: Desk, found: Dossier) -> Snapshot | None:
    """The last sample within two hours of the repair."""
    ended = last(found, "fix", "resolve")
    done_ms = at(ended) if ended is not None else found.resolved_ms
    if done_ms is None or found.device is None:
        return None
    page = desk.view.samples(found.device.id, done_ms, done_ms + SETTLED_MS, limit=1, look=LOOKED_AT)
    fresh = [one.sample for one in page.samples if one.as_of_ms is None and one.sample["readings"]]
    newest = max(fresh, key=lambda one: one["t"], default=None)
    return None if newest is None else Snapshot(newest["t"], newest["readings"])
