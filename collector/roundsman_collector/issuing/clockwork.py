"""Which reports schedules want now: one of every period that is over since they began, whoever looks how often.

    for wish in due(view, now_ms): desk.ask(wish, deed=...)

A schedule about "*" is about each of its scope that there is. Months that passed while nothing ran are made up for.
"""

from collections.abc import Iterator

from roundsman_collector.core.contract import local_day
from roundsman_collector.core.periods import CYCLES, Period, periods
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.issuing.about import SCOPES, Asked, ReportError, ScopeWord, asked, window
from roundsman_collector.issuing.kinds import ReportKind, kind_of
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import KindName, View
from roundsman_collector.store.issued import ReportFilter, Wish
from roundsman_collector.store.report_mails import EACH, ScheduleRow

MOST_BACK_MS = 400 * 86_400_000
"""What was over before is not made up for."""
AT_ONCE = 1000
ENTRIES: dict[ScopeWord, KindName] = {
    "site": "site",
    "contract": "contract",
    "customer": "customer",
    "group": "group",
}


def wish_of(
    kind: ReportKind, wanted: Asked, *, language: str = "zh", is_auto: bool = False, schedule: int | None = None
) -> Wish:
    """A report as it is asked of the store."""
    return Wish(
        kind=kind.id,
        scope=wanted.about.scope,
        about=wanted.about.id,
        period=wanted.period.id,
        number=kind.number(wanted),
        from_ms=wanted.from_ms,
        to_ms=wanted.to_ms,
        customer=wanted.about.customer,
        group=wanted.about.group,
        language=language,
        is_auto=is_auto,
        schedule=schedule,
    )


def due(view: View, now_ms: int) -> Iterator[Wish]:
    """What schedules want and nobody has asked for yet."""
    for schedule in view.report_schedules():
        for period in _over(schedule, now_ms):
            yield from _of_period(view, schedule, period, now_ms)


def _over(schedule: ScheduleRow, now_ms: int) -> tuple[Period, ...]:
    """The periods of a schedule that have ended since it began, by the usual clock."""
    first_ms = max(schedule.from_ms, now_ms - MOST_BACK_MS)
    first, last = local_day(first_ms, USUAL_ZONE), local_day(now_ms, USUAL_ZONE)
    found = periods(CYCLES[schedule.cycle], first, last)
    return tuple(one for one in found if first_ms < window(one, USUAL_ZONE)[1] <= now_ms)


def _of_period(view: View, schedule: ScheduleRow, period: Period, now_ms: int) -> Iterator[Wish]:
    kind = kind_of(schedule.kind)
    scope = next(one for one in SCOPES if one == schedule.scope)
    wanted = ReportFilter(kind=schedule.kind, scope=schedule.scope, period=period.id)
    known = {row.about for row in view.reports(EVERYTHING, wanted, limit=2**31 - 1)}
    for name in _names(view, schedule, scope):
        if name in known:
            continue
        try:
            found = asked(view, scope, name, period.id, now_ms=now_ms)
        except ReportError:  # ended since, or its zone lies behind: the next look finds it
            continue
        if found.to_ms <= now_ms:
            yield wish_of(kind, found, language=schedule.language, is_auto=schedule.auto_issue, schedule=schedule.id)


def _names(view: View, schedule: ScheduleRow, scope: ScopeWord) -> Iterator[str]:
    """What a schedule is about: one, or each of its scope."""
    if schedule.about != EACH:
        yield schedule.about
    elif scope == "engineer":
        yield from (person.id for person in view.persons() if person.role == "engineer")
    elif scope in ENTRIES:
        after = ""
        while page := view.entries(ENTRIES[scope], after=after, limit=AT_ONCE):
            yield from (entry.id for entry in page)
            after = page[-1].id
    else:
        yield ""
