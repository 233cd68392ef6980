"""From what a round saw to its document: read at once, built, frozen. Whoever asks for the page first does it.

    finished(view, office, number, now_ms) -> dict        the document of a round that is over, as it was frozen

The engine's loop must not wait for a document of 10,000 devices, so it only ends the round. Everything a document is
made of lies still in the database (store/round_facts.py): if whoever builds it dies, the next one who asks builds the
same. It is kept once, with its SHA-256; a page, a file and the API all show that one text.
"""

import hashlib
import json
import threading
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

from pydantic_core import to_json

from roundsman_collector.api.figures import stretches_of
from roundsman_collector.api.standing import standing
from roundsman_collector.core.inspection import (
    Both,
    Document,
    Held,
    Inspected,
    Round,
    Seen,
    TicketSeen,
    TickSeen,
    Unreached,
    build,
)
from roundsman_collector.core.looking import STATES, Tick
from roundsman_collector.core.policy import SILENT, UNREACHABLE
from roundsman_collector.core.rulebook import Rulebook, Traits
from roundsman_collector.rules.kept import rule_set_of
from roundsman_collector.rules.ticks import for_kind, ticks_from
from roundsman_collector.store import ConditionRow, DeviceView, Interval, Office, RoundFacts, TicketRow, View
from roundsman_collector.store.round_facts import DeviceFacts, Reported
from roundsman_collector.store.rounds import ErrandRow

SLACK_MS = 2_000
"""A sample may be dated so much before the question and still be its answer: clocks agree to a second or so."""
Json = dict[str, Any]
_building = threading.Lock()


def finished(view: View, office: Office, number: str, now_ms: int) -> Json | None:
    """A round's document, built and kept now if nobody has; None: it is not over, or there is no such round."""
    row = view.round(number)
    if row is None or row.state in STATES:
        return None
    if row.state == "answered":
        _freeze(view, office, number, now_ms)
    frozen = view.round_body(number)
    assert frozen is not None, "it was frozen by us, or by somebody who was first"
    return dict(json.loads(frozen))


def _freeze(view: View, office: Office, number: str, now_ms: int) -> None:
    """Build and keep it; of many who ask at once, one does, and the others wait for it."""
    with _building:
        row = view.round(number)
        if row is not None and row.state == "answered":
            text = to_json(document(view.round_facts(row))).decode()
            office.freeze_round(number, text, hashlib.sha256(text.encode()).hexdigest(), now_ms)


@cache
def _ticks() -> tuple[Tick, ...]:
    name = "ticks.yaml"
    return ticks_from(resources.files("roundsman_collector.rules").joinpath(name).read_text("utf-8"), source=name)


def document(facts: RoundFacts) -> Document:
    """What the round saw, as a document."""
    traits = {one.device: ((0, Traits(one.kind, one.model or "", facts.site.id)),) for one in facts.devices}
    rules = rule_set_of(facts.rules_text, hash_=facts.rules_hash, valid_from_ms=0)
    book = Rulebook([rules], lambda device: traits.get(device, ()))
    return build(_about(facts), _Gathered(facts).inspected(), book=book)


def _about(facts: RoundFacts) -> Round:
    row, site = facts.row, facts.site
    assert row.answered_ms is not None
    return Round(
        number=row.number,
        kind=row.kind,
        site=row.site,
        name=Both(site.name_zh, site.name_en),
        customer=Both(site.customer_zh, site.customer_en),
        address=site.address,
        contract=site.contract,
        engineer=site.engineer,
        time_zone=site.time_zone,
        from_ms=row.from_ms,
        to_ms=row.to_ms,
        asked_ms=row.asked_ms,
        asked_by=row.asked_by,
        known_ms=row.answered_ms,
        rules=facts.rules_hash,
    )


class _Gathered:
    """The facts of a round by device."""

    def __init__(self, facts: RoundFacts) -> None:
        self.facts = facts
        self.known_ms = facts.row.answered_ms or 0
        self.errands: dict[int, ErrandRow] = {one.agent_no: one for one in facts.errands}
        self.intervals = _by(facts.intervals, "device")
        self.conditions = _by(facts.conditions, "subject")
        self.tickets = _by(facts.tickets, "subject")
        self.samples = _by(facts.samples, "device")

    def inspected(self) -> list[Inspected]:
        """Every device with all that is known of it."""
        return [self._one(one) for one in self.facts.devices]

    def _one(self, one: DeviceFacts) -> Inspected:
        errand = None if one.agent_no is None else self.errands.get(one.agent_no)
        mine = [sample for sample in self.samples.get(one.device, ()) if sample.agent_no == one.agent_no]
        newest = [sample for sample in mine if sample.seen_ms >= self.facts.row.asked_ms - SLACK_MS]
        newest.sort(key=lambda sample: (sample.seen_ms, sample.n), reverse=True)
        fresh = _readings(newest)
        conditions = self.conditions.get(one.device, [])
        place = None if one.place is None else self.facts.places.get(one.place)
        stands = standing(
            self._view(one, errand, conditions),
            is_agent_silent=self._silent_ms(errand) is not None,
            now_ms=self.known_ms,
        )
        return Inspected(
            id=one.device,
            kind=one.kind,
            name=Both(one.name_zh, one.name_en),
            model=one.model,
            serial=one.serial,
            place=None if place is None else Both(place.name_zh, place.name_en),
            agent=None if errand is None else errand.agent,
            word=stands.word,
            why=stands.why,
            unreached=None if fresh else self._unreached(one, errand, newest, conditions),
            fresh=fresh,
            older=self._older(one, mine, fresh),
            failures=_failures(newest),
            ledger=stretches_of(self.facts.served.get(one.device, [])),
            faults=[Held(c.code, c.component, c.event_from_ms, c.event_to_ms) for c in conditions],
            tickets=[_ticket(row) for row in self.tickets.get(one.device, ())],
            ticks=[TickSeen(id=tick.id, zh=tick.label.zh, en=tick.label.en) for tick in for_kind(_ticks(), one.kind)],
        )

    def _older(self, one: DeviceFacts, mine: list[Reported], fresh: dict[str, Seen]) -> dict[str, Seen]:
        """What was known of readings that nobody took in this inspection."""
        swept = (
            {}
            if one.readings is None
            else {name: Seen(value, one.readings_t_ms or 0) for name, value in one.readings.items()}
        )
        late = sorted(mine, key=lambda sample: (sample.seen_ms, sample.n), reverse=True)
        return {name: seen for name, seen in {**swept, **_readings(late)}.items() if name not in fresh}

    def _unreached(
        self, one: DeviceFacts, errand: ErrandRow | None, newest: list[Reported], conditions: list[ConditionRow]
    ) -> Unreached:
        """Why there is no fresh reading of a device."""
        if errand is None:
            return Unreached(reason="no_agent")
        if newest:  # sampled, without a single reading
            down = next((c.event_from_ms for c in conditions if c.code == UNREACHABLE and c.event_to_ms is None), None)
            told = "; ".join(": ".join(part for part in failure if part) for failure in _failures(newest).values())
            return Unreached(reason="no_answer", since_ms=down, detail=told)
        if errand.state == "failed":
            return Unreached(reason="refused", detail=errand.detail)
        silent_ms = self._silent_ms(errand)
        if silent_ms is not None:
            return Unreached(reason="silent", since_ms=silent_ms)
        if errand.state == "done":
            return Unreached(reason="not_sampled", since_ms=one.last_t_ms, detail=errand.detail)
        return Unreached(reason="no_result", since_ms=one.last_t_ms)

    def _silent_ms(self, errand: ErrandRow | None) -> int | None:
        """Since when the agent is silent."""
        held = [] if errand is None else self.conditions.get(f"@{errand.agent}", [])
        return next((c.event_from_ms for c in held if c.code == SILENT and c.event_to_ms is None), None)

    def _view(self, one: DeviceFacts, errand: ErrandRow | None, conditions: list[ConditionRow]) -> DeviceView:
        """The device as it stood when the round was over."""
        rows: list[Interval] = self.intervals.get(one.device, [])
        last = rows[-1] if rows and rows[-1].event_to_ms is None else None
        return DeviceView(
            id=one.device,
            kind=one.kind,
            model=one.model,
            name_zh=one.name_zh,
            name_en=one.name_en,
            agent=None if errand is None else errand.agent,
            group=self.facts.row.group_id,
            state=None if last is None else last.state,
            cause="" if last is None else last.cause,
            fault="" if last is None else last.fault,
            since_ms=None if last is None else last.event_from_ms,
            conditions=tuple(c for c in conditions if c.event_to_ms is None),
            last_t_ms=one.last_t_ms,
            covered_to_ms=one.covered_to_ms,
            received_ms=None,
            settling=False,
            readings=one.readings,
            readings_t_ms=one.readings_t_ms,
        )


def _by(rows: Iterable[Any], name: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(getattr(row, name), []).append(row)
    return found


def _readings(samples: list[Reported]) -> dict[str, Seen]:
    """The newest value of each reading, of samples from the newest to the oldest."""
    found: dict[str, Seen] = {}
    for sample in samples:
        for name, value in sample.readings.items():
            found.setdefault(name, Seen(value, sample.seen_ms, sample.stream, sample.n))
    return found


def _failures(newest: list[Reported]) -> dict[str, tuple[str, str]]:
    """What the last look could not read."""
    return {} if not newest else {name: (told[0], told[1]) for name, told in newest[0].failed.items()}


def _ticket(row: TicketRow) -> TicketSeen:
    return TicketSeen(
        row.number,
        row.code,
        row.component,
        row.severity,
        row.state,
        row.fault_from_ms,
        row.fault_to_ms,
        row.opened_ms,
        row.resolved_ms,
        row.outcome,
    )
