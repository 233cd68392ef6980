"""From what a round saw to its document: read at once, built, frozen. Whoever asks for the page first does it.

    finished(view, office, number, now_ms) -> dict        the document of a round that is over, as it was frozen
    freeze_next(view, office, now_ms) -> bool             of one that nobody asked for: evidence is not kept for ever

The engine's loop must not wait for a document of 10,000 devices, so it only ends the round. Everything a document is
made of lies still in the database (store/round_facts.py): if whoever builds it dies, the next one who asks builds the
same. It is kept once, with its SHA-256; a page, a file and the API all show that one text.
"""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import islice
from typing import Any

from pydantic_core import to_json

from roundsman_collector.api.figures import stretches_of
from roundsman_collector.api.standing import standing
from roundsman_collector.config import built_in
from roundsman_collector.core.inspection import (
    WORST,
    Both,
    DevicePart,
    Document,
    Held,
    Inspected,
    Looked,
    Round,
    Seen,
    Signed,
    TicketSeen,
    TickSeen,
    Unreached,
    Verdict,
    build,
)
from roundsman_collector.core.looking import ON_SITE, STATES, Line, Mode, Question, Tick, marks, signatures
from roundsman_collector.core.policy import SILENT, UNREACHABLE
from roundsman_collector.core.rulebook import Rulebook, Traits
from roundsman_collector.rules.kept import rule_set_of
from roundsman_collector.rules.ticks import for_kind, for_mode, questions_from, ticks_from
from roundsman_collector.store import ConditionRow, DeviceView, Interval, Office, RoundFacts, TicketRow, View
from roundsman_collector.store.round_facts import DeviceFacts, Reported
from roundsman_collector.store.rounds import UNASKED_MS, ErrandRow, Frozen, RoundRow
from roundsman_wire.catalogue import Label

SLACK_MS = 2_000
"""A sample may be dated so much before the question and still be its answer: clocks agree to a second or so."""
SHOWN = 200
"""So many devices stand on the page of a round; all of them are on the paper."""
Json = dict[str, Any]
building = threading.Lock()
"""Held by whoever builds something of a whole round: of many who ask at once, one does."""


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


def freeze_next(view: View, office: Office, now_ms: int) -> bool:
    """Build and keep the document of the round that has waited longest for it; False: none has waited long."""
    number = view.unfrozen_round(now_ms - UNASKED_MS)
    if number is None:
        return False
    _freeze(view, office, number, now_ms)
    return True


def _freeze(view: View, office: Office, number: str, now_ms: int) -> None:
    """Build and keep it; of many who ask at once, one does, and the others wait for it."""
    with building:
        row = view.round(number)
        if row is not None and row.state == "answered":
            built = document(view.round_facts(row))
            text = to_json(built).decode()
            frozen = Frozen(text, hashlib.sha256(text.encode()).hexdigest(), to_json(_summary(built)).decode())
            office.freeze_round(number, frozen, now_ms)


def _summary(built: Document) -> Json:
    """What the page of a round shows of its document: the verdicts, and the devices that are worst."""
    worst_first = sorted(built.devices, key=lambda one: WORST.index(one.verdict))
    return summary_of(built.verdicts, ((one.id, one.name.zh, one.name.en, one.verdict) for one in worst_first))


def summary_of(verdicts: Mapping[str, int], worst_first: Iterable[tuple[str, str, str, str]]) -> Json:
    """A summary, of (id, zh, en, verdict) in their order."""
    shown = [{"id": one, "zh": zh, "en": en, "verdict": verdict} for one, zh, en, verdict in islice(worst_first, SHOWN)]
    return {"verdicts": dict(verdicts), "devices": shown}


def summary(view: View, office: Office, number: str, now_ms: int) -> Json | None:
    """What the page of a round shows of its document, built and kept now if nobody has; None: it is not over."""
    row = view.round(number)
    if row is None or row.state in STATES:
        return None
    if row.state == "answered":
        _freeze(view, office, number, now_ms)
    kept = view.round_summary(number)
    if kept is not None:
        return dict(json.loads(kept))
    old = finished(view, office, number, now_ms)
    assert old is not None, "it is over"
    devices = sorted(old["devices"], key=lambda one: WORST.index(one["verdict"]))
    return summary_of(
        old["verdicts"], ((one["id"], one["name"]["zh"], one["name"]["en"], one["verdict"]) for one in devices)
    )


@cache
def all_ticks() -> tuple[Tick, ...]:
    """What only a person can see."""
    return ticks_from(built_in("ticks.yaml"), source="ticks.yaml")


@cache
def all_questions() -> tuple[Question, ...]:
    """What is asked of customers."""
    return questions_from(built_in("questions.yaml"), source="questions.yaml")


def ticks_of(mode: Mode, kind: str) -> tuple[Tick, ...]:
    """What is to be ticked of a device of this kind: on the spot, and on the paper of a round without people."""
    return for_kind(all_ticks(), kind) if mode in (*ON_SITE, "remote") else ()


def part_of(view: View, row: RoundRow, device: str) -> DevicePart | None:
    """The part that a device has in the document of a round whose agents are through; None: it is not of the round."""
    if row.answered_ms is None:
        return None
    return next(iter(document(view.round_facts(row, device)).devices), None)


def document(facts: RoundFacts) -> Document:
    """What the round saw, as a document."""
    traits = {one.device: ((0, Traits(one.kind, one.model or "", facts.site.id)),) for one in facts.devices}
    rules = rule_set_of(facts.rules_text, hash_=facts.rules_hash, valid_from_ms=0)
    book = Rulebook([rules], lambda device: traits.get(device, ()))
    return build(_about(facts), _Gathered(facts).inspected(), book=book, looked=_looked(facts))


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


def _looked(facts: RoundFacts) -> Looked | None:
    """What people did; None: it is a round of its agents alone."""
    row = facts.row
    if row.mode == "remote":
        return None
    end = _end(facts.log)
    found = marks(facts.log)
    counted = Counter(line.verdict for line in found.values())
    return Looked(
        mode=row.mode,
        questions=tuple(
            _tick(one.id, one.label, found.get(("", one.id)), end) for one in for_mode(all_questions(), row.mode)
        ),
        signed=tuple(
            Signed(side=side, name=line.words, file=line.files[0], who=line.who, at_ms=line.at_ms)
            for side, line in sorted(signatures(facts.log).items(), reverse=True)
        ),
        verdicts={name: counted[name] for name in WORST},
        finished_ms=row.finished_ms,
        finished_by=row.finished_by or "",
        rest=str(end.get("rest", "")),
        unsigned=str(end.get("unsigned", "")),
        since_ms=None if facts.before is None else facts.before.finished_ms,
        since_round="" if facts.before is None else facts.before.number,
    )


def _end(log: Iterable[Line]) -> Mapping[str, Any]:
    """What was said when the round was finished."""
    return next((line.data for line in log if line.verb == "finish"), {})


def _tick(item: str, label: Label, line: Line | None, end: Mapping[str, Any]) -> TickSeen:
    """A tick as it was found; what nobody found is not seen, with the words that finished the round."""
    if line is None:
        rest = str(end.get("rest", ""))
        return TickSeen(id=item, zh=label.zh, en=label.en, verdict="unseen" if end else None, words=rest)
    return TickSeen(
        id=item,
        zh=label.zh,
        en=label.en,
        verdict=_verdict(line.verdict),
        words=line.words,
        files=line.files,
        who=line.who,
        at_ms=line.at_ms,
    )


def _verdict(said: str) -> Verdict | None:
    return next((one for one in WORST if one == said), None)


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
        self.since = _by(facts.since, "subject")
        self.marks = marks(facts.log)
        self.end = _end(facts.log)

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
            ticks=[
                _tick(tick.id, tick.label, self.marks.get((one.device, tick.id)), self.end)
                for tick in ticks_of(self.facts.row.mode, one.kind)
            ],
            since=[Held(c.code, c.component, c.event_from_ms, c.event_to_ms) for c in self.since.get(one.device, [])],
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
