"""What lies ahead of a contract or a customer: tasks of plans, parts that are to wear out, what ends.

All of it as it stood at the period's end, or stands now while it runs: a report that was signed does not change because
what it announced has been done.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from roundsman_collector.core.periods import Period
from roundsman_collector.core.tasks import standing_of
from roundsman_collector.issuing.about import Asked
from roundsman_collector.issuing.figures import MOST, asked_for
from roundsman_collector.issuing.names import labels
from roundsman_collector.issuing.worse import foretold
from roundsman_collector.reports.head import period_label
from roundsman_collector.reports.statistics_inputs import Ahead, Foretold, Planned
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import Version, View
from roundsman_collector.store.reckon import narrowed
from roundsman_collector.store.task_lists import TaskFilter
from roundsman_collector.store.tasks import TaskFound
from roundsman_wire.catalogue import Label

ENDS = {
    "warranty_until": Label(zh="质保到期", en="the warranty ends"),
    "maintenance_until": Label(zh="维保到期", en="the maintenance contract ends"),
    "labour_until": Label(zh="免费上门到期", en="free labour on site ends"),
}
DAYS = ("opens_on", "due_on")
"""What a log says when a task is made or moved."""
NO_SITE = Label(zh="不限站点", en="of no site")


def ahead(view: View, asked: Asked, period: Period) -> Ahead:
    """Everything that is known to lie in a period after the report's own."""
    return Ahead(
        period=period_label(period),
        tasks=tuple(_planned(view, asked, period)),
        foretold=tuple(_foretold(view, asked, period)),
        ends=tuple(sorted(_ends(_contracts(view, asked), period), key=lambda one: one[1])),
    )


def _past_ms(asked: Asked) -> int:
    return min(asked.to_ms, asked.known_ms)


# --- tasks -----------------------------------------------------------------------------------------------------------


def _planned(view: View, asked: Asked, period: Period) -> Iterator[Planned]:
    """The tasks that are due in the period and were not over, the first due first."""
    found = [one for one in (_as_told(one, asked) for one in tasks_of(view, asked, asked.to_ms)) if one is not None]
    listed = sorted(
        (one for one in found if period.first_day <= one.task.due.due_on <= period.last_day),
        key=lambda one: (one.task.due.due_on, one.task.due.opens_on, one.row.site, one.row.id),
    )
    names = labels(view, "site", (one.row.site for one in listed))
    for one in listed:
        kind, due, site = one.task.kind, one.task.due, one.row.site
        where = names[site] if site else NO_SITE
        yield Planned(what=Label(zh=kind.zh, en=kind.en), site=where, opens=due.opens_on, due=due.due_on)


def tasks_of(view: View, asked: Asked, from_ms: int) -> Sequence[TaskFound]:
    """The tasks of the contract or customer that may be worked on from then on."""
    if asked.about.scope == "contract":
        return view.tasks_told(EVERYTHING, TaskFilter(contract=asked.about.id, from_ms=from_ms))
    return view.tasks_told(Scope(customers=frozenset({asked.about.id})), TaskFilter(from_ms=from_ms))


def _as_told(found: TaskFound, asked: Asked) -> TaskFound | None:
    """A task with the days and the log that it had; None: it was not there yet, or was over."""
    log = [line for line in found.log if line.at_ms <= _past_ms(asked)]
    if not log or replace(found.task, standing=standing_of(log)).is_over:
        return None
    days: dict[str, Any] = {name: line.data[name] for line in log for name in DAYS if name in line.data}
    return TaskFound(found.row._replace(**days), log)


# --- forecasts -------------------------------------------------------------------------------------------------------


def _foretold(view: View, asked: Asked, period: Period) -> Iterator[Foretold]:
    """What may cross its limit until the period ends, of devices that served here at the end; the soonest first."""
    of: dict[str, frozenset[str]] = {asked.about.scope: frozenset({asked.about.id})}
    devices = sorted({row.device for row in view.forecasts_of(EVERYTHING, _past_ms(asked), limit=MOST)})
    told = view.served(devices, asked_for(asked))
    served = {device: where for device in devices if (where := narrowed(device, told.get(device, ()), of))}
    names = {one.id: Label(zh=one.name_zh, en=one.name_en) for one in view.fleet_facts_of(list(served))}
    for one in foretold(view, asked, served, names):
        if one.earliest <= period.last_day:
            part = one.part if one.part.zh else None
            yield Foretold(device=one.device, name=one.about, what=one.what, part=part, likely=one.likely)


# --- what ends -------------------------------------------------------------------------------------------------------


def _contracts(view: View, asked: Asked) -> Sequence[Version]:
    if asked.about.scope == "contract":
        found = view.entry("contract", asked.about.id)
        return () if found is None else (found,)
    return view.entries("contract", where={"customer": asked.about.id})


def _ends(contracts: Iterable[Version], period: Period) -> Iterator[tuple[Label, date]]:
    for one in contracts:
        name = one.fields["name"] or one.id
        for field, what in ENDS.items():
            day = date.fromisoformat(one.fields[field]) if one.fields[field] else None
            if day is not None and period.first_day <= day <= period.last_day:
                yield Label(zh=f"合同 {name}：{what.zh}", en=f"contract {name}: {what.en}"), day
