"""What the statistics report of a contract or a customer is made of, section by section.

The contract or the customer narrows, not a scope: time counts where the device stood then, tickets where they were
opened. What another customer's device did, or this one's before it came here, is in neither.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date

from roundsman_collector.core import kept, reckoning
from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.fault_counts import DONE, LEFT_OUT, NOT_DONE, By, Group, pareto, parts_of
from roundsman_collector.core.judgements import rated
from roundsman_collector.core.periods import CYCLES, ONE_DAY, Period, periods
from roundsman_collector.core.recurrence import CAUSES as ROOTS
from roundsman_collector.core.recurrence import LEVELS
from roundsman_collector.core.ticket_words import CAUSES
from roundsman_collector.issuing.about import Asked
from roundsman_collector.issuing.ahead import ahead
from roundsman_collector.issuing.called import called
from roundsman_collector.issuing.figures import MOST, asked_for
from roundsman_collector.reports.document import Component, Value
from roundsman_collector.reports.head import Head
from roundsman_collector.reports.statistics_inputs import (
    Faults,
    Named,
    Opinion,
    Ranked,
    Running,
    Said,
    StatisticsInputs,
    Warned,
    is_below,
)
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.rules.shape import CATEGORIES
from roundsman_collector.store import Version, View
from roundsman_collector.store.fault_counts import Found
from roundsman_collector.store.kept import KeptAsked
from roundsman_collector.store.recurrence import Wanted
from roundsman_collector.store.report_words import Place
from roundsman_wire.catalogue import Label

KIND, MEASURES, ADVICE = "statistics", "measures", "advice"
SECTIONS: Mapping[str, Label] = {
    MEASURES: Label(zh="三、降低故障率的改进措施", en="3. What would lower the rate"),
    ADVICE: Label(zh="五、下季度工作计划和建议", en="5. Plan and advice for the next quarter"),
}
"""What its author may write words for."""
WORST = 10
"""So many devices are named as the worst."""
UNKNOWN = Label(zh="未知", en="not known")
ALL = Label(zh="全部", en="all")


def gather(view: View, asked: Asked, head: Head) -> StatisticsInputs:
    """Everything that the report says."""
    at = Place(KIND, asked.about.scope, asked.about.id, asked.period.id)
    written = view.report_words(at, asked.known_ms)
    return StatisticsInputs(
        measures=written[MEASURES].paragraphs if MEASURES in written else (),
        advice=written[ADVICE].paragraphs if ADVICE in written else (),
        head=head,
        running=_running(view, asked),
        faults=_faults(view, asked),
        opinion=_opinion(view, asked),
        ahead=ahead(view, asked, _beside(asked, asked.period.last_day + ONE_DAY)[0]),
    )


def _of(asked: Asked) -> dict[str, frozenset[str]]:
    return {asked.about.scope: frozenset({asked.about.id})}


def _beside(asked: Asked, day: date) -> tuple[Period, Asked]:
    """The same question of the period that a day lies in."""
    (found,) = periods(CYCLES[asked.cycle], day, day)
    local = zone(asked.about.time_zone)
    from_ms, to_ms = instant(found.first_day, 0, local), instant(found.last_day + ONE_DAY, 0, local)
    return found, replace(asked, period=found, from_ms=from_ms, to_ms=to_ms)


def _before(asked: Asked) -> Asked:
    return _beside(asked, asked.period.first_day - ONE_DAY)[1]


# --- one: how everything ran -----------------------------------------------------------------------------------------


def _running(view: View, asked: Asked) -> Running:
    of = _of(asked)
    answer = view.reckon(asked_for(asked, by="site", of=of, bucket="month"))
    before = reckoning.reckoned(view.reckon(asked_for(_before(asked), of=of)).total.whole)
    rows = view.reckon(asked_for(asked, by="device", of=of)).rows
    worst = rows[:WORST]
    sites = _labels(view.entries_named("site", [row.key for row in answer.rows if row.key]))
    devices = {
        one.id: Label(zh=one.name_zh, en=one.name_en)
        for one in view.fleet_facts_of([row.key for row in worst if row.key])
    }
    return Running(
        whole=reckoning.reckoned(answer.total.whole),
        before=before if before.devices else None,
        months=tuple((name, reckoning.reckoned(one)) for name, one in sorted(answer.total.buckets.items())),
        sites=tuple(
            Named(name=sites.get(row.key or "", _plain(row.key)), reckoned=reckoning.reckoned(row.whole))
            for row in sorted(answer.rows, key=lambda row: row.key or "")
        ),
        worst=tuple(
            Named(
                name=devices.get(row.key or "", _plain(row.key)),
                reckoned=reckoning.reckoned(row.whole),
                id=row.key or "",
            )
            for row in worst
        ),
        below=sum(is_below(reckoning.reckoned(row.whole), answer.target) for row in rows),
        target_percent=answer.target,
    )


def _labels(found: Mapping[str, Version]) -> dict[str, Label]:
    return {key: Label(zh=one.fields["name_zh"], en=one.fields["name_en"]) for key, one in found.items()}


def _plain(key: str | None) -> Label:
    return Label(zh=key or "–", en=key or "–")


# --- two and three: faults, and what was done ------------------------------------------------------------------------


def _found(view: View, asked: Asked) -> Found:
    window = asked.from_ms, asked.to_ms
    return view.faults(EVERYTHING, window, asked.known_ms, {asked.about.scope: asked.about.id})


def _faults(view: View, asked: Asked) -> Faults:
    found = _found(view, asked)

    def ranked(by: By, called: Callable[[str], Value]) -> tuple[Ranked, ...]:
        return _ranked(pareto(found.faults, by), called)

    return Faults(
        count=len(found.faults),
        before=len(_found(view, _before(asked)).faults),
        by_class=ranked("class", lambda key: CATEGORIES.get(key, _plain(key))),
        by_component=ranked("component", lambda key: Component(key) if key else UNKNOWN),
        by_cause=ranked("cause", lambda key: _said(CAUSES, key, UNKNOWN)),
        by_fault=ranked("fault", asked.fault),
        by_model=ranked("model", lambda key: key or UNKNOWN),
        done=ranked("done", lambda key: _said(DONE, key, Label(zh=NOT_DONE[0], en=NOT_DONE[1]))),
        parts=_ranked(parts_of(found.faults), lambda key: key or UNKNOWN),
        left_out=tuple(
            (Label(zh=zh, en=en), number)
            for why, (zh, en) in LEFT_OUT.items()
            if (number := sum(one.why == why for one in found.left_out))
        ),
        warned=tuple(_warned(view, asked, {one.ticket for one in found.faults})),
    )


def _warned(view: View, asked: Asked, tickets: Collection[int]) -> Iterator[Warned]:
    """Warnings of this period and of its months that are about these faults alone: no other customer's stand behind."""
    months = periods(CYCLES["month"], asked.period.first_day, asked.period.last_day)
    rows = [
        row
        for name in dict.fromkeys((asked.period.id, *(one.id for one in months)))
        for row in view.recurrences(EVERYTHING, Wanted(period=name), limit=MOST)
        if row.told_ms <= asked.known_ms and row.faults == len(row.tickets) and set(row.tickets) <= set(tickets)
    ]
    devices = {
        one.id: Label(zh=one.name_zh, en=one.name_en)
        for one in view.fleet_facts_of([row.key for row in rows if row.about == "device"])
    }
    for row in sorted(rows, key=lambda row: (row.period, row.id)):
        zh, en = LEVELS[row.level]
        yield Warned(
            level=Label(zh=zh, en=en),
            what=CATEGORIES.get(row.what, _plain(row.what)) if row.same == "class" else asked.fault(row.what),
            where=devices.get(row.key) or (_plain(row.key) if row.key else ALL),
            faults=row.faults,
            root=_said(ROOTS, row.cause, UNKNOWN) if row.cause and (row.said_ms or 0) <= asked.known_ms else None,
        )


def _ranked(groups: Iterable[Group], called: Callable[[str], Value]) -> tuple[Ranked, ...]:
    return tuple(
        Ranked(name=called(one.key), amount=one.amount, share=one.share, running=one.running) for one in groups
    )


def _said(words: Mapping[str, tuple[str, str]], key: str, empty: Label) -> Label:
    if not key:
        return empty
    zh, en = words.get(key, (key, key))
    return Label(zh=zh, en=en)


# --- four: what the customer thinks ----------------------------------------------------------------------------------


def _opinion(view: View, asked: Asked) -> Opinion:
    wanted = KeptAsked(
        scope=EVERYTHING,
        from_ms=asked.from_ms,
        to_ms=asked.to_ms,
        now_ms=asked.known_ms,
        contract=asked.about.id if asked.about.scope == "contract" else "",
        customer=asked.about.id if asked.about.scope == "customer" else "",
    )
    found, judged = view.kept(wanted), view.judgements(wanted)
    return Opinion(
        counts=found.counts.get(None, {}),
        called=called(view, asked),
        clocks=tuple(kept.kept_of(found.tallies).values()),
        ratings=rated(row.judgement for row in judged),
        said=tuple(
            Said(
                number=row.number,
                at_ms=row.judgement.at_ms,
                satisfied=row.judgement.satisfied,
                rating=row.judgement.rating,
                words=row.judgement.words,
            )
            for row in judged
        ),
    )
