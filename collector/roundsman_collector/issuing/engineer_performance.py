"""What the performance of engineers is made of: their devices by the days they were theirs, and who was sent."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from roundsman_collector.core import kept, reckoning
from roundsman_collector.core.judgements import rated
from roundsman_collector.core.reckoning import Reckoned
from roundsman_collector.issuing.about import Asked
from roundsman_collector.issuing.figures import MOST, asked_for
from roundsman_collector.reports.engineer_performance import (
    ALL,
    NOBODY,
    DeviceRow,
    EngineerRow,
    PerformanceInputs,
    Said,
    TicketLine,
)
from roundsman_collector.reports.head import Head
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import View
from roundsman_collector.store.judgements import JudgedRow
from roundsman_collector.store.kept import Behind, KeptAsked, KeptFound
from roundsman_collector.store.reckon import Answer
from roundsman_collector.store.sql import chunks
from roundsman_wire.catalogue import Label

TOLD = {"unsolved": "unsolved", "unfollowed": "unfollowed", "second_repairs": "mended_again"}
"""Figures whose tickets are listed, and the count that they are behind."""


def gather(view: View, asked: Asked, head: Head) -> PerformanceInputs:
    """Everything that the report says: of one engineer, or of all."""
    one = asked.about.id
    of = {"engineer": frozenset({one})} if one else {}
    wanted = KeptAsked(
        scope=EVERYTHING,
        from_ms=asked.from_ms,
        to_ms=asked.to_ms,
        now_ms=asked.known_ms,
        by="engineer",
        engineer=one,
    )
    answer = view.reckon(asked_for(asked, by="engineer", of=of, bucket="month"))
    judged = view.judgements(wanted)
    work = _Work(view.kept(wanted), judged)
    return PerformanceInputs(
        head=head,
        rows=tuple(_rows(view, answer, work)),
        total=work.all(reckoning.reckoned(answer.total.whole)),
        months=tuple((name, reckoning.reckoned(told)) for name, told in sorted(answer.total.buckets.items())),
        devices=tuple(_devices(view, asked, of)) if one else (),
        behind={name: _behind(view, asked, wanted, count) for name, count in TOLD.items()} if one else None,
        said=tuple(_said(row) for row in judged) if one else (),
    )


class _Work:
    """The tickets of engineers, by engineer and together."""

    def __init__(self, found: KeptFound, judged: Sequence[JudgedRow]) -> None:
        self.counts = found.counts
        self.clocks: dict[str | None, list[kept.Kept]] = defaultdict(list)
        for (key, _), one in kept.kept_of(found.tallies).items():
            self.clocks[key].append(one)
        self._tallies = found.tallies
        self._judged = judged

    def of(self, key: str | None, name: Label, reckoned: Reckoned | None) -> EngineerRow:
        """Of one, None: of tickets that nobody was sent for."""
        return EngineerRow(
            name=name,
            reckoned=reckoned,
            counts=self.counts.get(key, {}),
            clocks=tuple(self.clocks.get(key, ())),
            ratings=rated(row.judgement for row in self._judged if row.engineer == key),
        )

    def all(self, reckoned: Reckoned) -> EngineerRow:
        """Of all together."""
        counts: Counter[str] = Counter()
        for told in self.counts.values():
            counts.update(told)
        return EngineerRow(
            name=ALL,
            reckoned=reckoned,
            counts=counts,
            clocks=tuple(kept.kept_of(one._replace(key=None) for one in self._tallies).values()),
            ratings=rated(row.judgement for row in self._judged),
        )


def _rows(view: View, answer: Answer, work: _Work) -> Iterator[EngineerRow]:
    """Whoever had a device or a ticket, by name; nobody comes last."""
    figured = {row.key: reckoning.reckoned(row.whole) for row in answer.rows}
    names = view.people_names()
    keys = {*figured, *work.counts}
    for key in sorted(keys, key=lambda key: (key is None, names.get(key or "", key or ""), key or "")):
        said = names.get(key, key) if key else None
        yield work.of(key, NOBODY if said is None else Label(zh=said, en=said), figured.get(key))


def _devices(view: View, asked: Asked, of: Mapping[str, Collection[str]]) -> Iterator[DeviceRow]:
    """The worst first, as the API has them."""
    rows = [row for row in view.reckon(asked_for(asked, by="device", of=of)).rows if row.key]
    names = {
        one.id: Label(zh=one.name_zh, en=one.name_en)
        for part in chunks(rows)
        for one in view.fleet_facts_of([row.key for row in part if row.key])
    }
    for row in rows:
        device = row.key or ""
        name = names.get(device, Label(zh=device, en=device))
        yield DeviceRow(name=name, device=device, reckoned=reckoning.reckoned(row.whole))


def _behind(view: View, asked: Asked, wanted: KeptAsked, count: str) -> tuple[TicketLine, ...]:
    rows = view.kept_behind(wanted, Behind(count=count), before_id=None, limit=MOST)
    return tuple(
        TicketLine(number=row.number, fault=asked.fault(row.code), subject=row.subject, opened_ms=row.opened_ms)
        for row in rows
    )


def _said(row: JudgedRow) -> Said:
    told = row.judgement
    return Said(number=row.number, at_ms=told.at_ms, satisfied=told.satisfied, rating=told.rating, words=told.words)
