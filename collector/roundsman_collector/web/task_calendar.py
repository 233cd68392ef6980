"""The calendar of a quarter: of each plan at each site one line, with a bar from the day a task opens to its last day.

    calendar_of("2026-Q4", [Told(row, ...), ...], today) -> Calendar(months, lines)

Drawn by the server, as strips are (drawing.py). Sites where something is late come first.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from markupsafe import Markup

HEIGHT = 18
GRAVEST = ("overdue", "danger", "open", "coming", "")
"""Marks, the gravest first."""
SHAPES = {"overdue": "s-down", "danger": "s-warning", "open": "s-maintenance", "over": "s-up"}
"""The class of a bar by how its task stands; others are quiet."""
QUIET = "s-unknown"


class Told(NamedTuple):
    """A task as the calendar shows it. `text`: how it stands, in words."""

    id: int
    plan: str
    name: str
    mode: str
    site: str
    site_name: str
    period: str
    opens: date
    last: date
    mark: str
    is_over: bool
    text: str


class Line(NamedTuple):
    """A plan at a site: its tasks by opening, and their bars."""

    name: str
    mode: str
    site: str
    site_name: str
    tasks: tuple[Told, ...]
    bar: Markup


class Calendar(NamedTuple):
    """Three months, and a line for each plan at each site."""

    months: tuple[str, ...]
    lines: tuple[Line, ...]


def days_of(quarter: str) -> tuple[date, date]:
    """The first day of a quarter such as 2026-Q4, and the first one after it."""
    year, number = int(quarter[:4]), int(quarter[-1])
    return date(year, 3 * number - 2, 1), date(year + number // 4, 3 * number % 12 + 1, 1)


def calendar_of(quarter: str, tasks: Iterable[Told], today: date) -> Calendar:
    """The calendar of a quarter."""
    begin, end = days_of(quarter)
    found: dict[tuple[str, str], list[Told]] = {}
    for one in tasks:
        found.setdefault((one.site, one.plan), []).append(one)
    worst: dict[str, int] = {}
    for (site, _), some in found.items():
        worst[site] = min([worst.get(site, len(GRAVEST)), *(_gravity(one) for one in some)])
    order = sorted(found, key=lambda at: (worst[at[0]], found[at][0].site_name, at[0], found[at][0].name, at[1]))
    firsts = [date(begin.year, begin.month + ahead, 1) for ahead in range(3)]
    return Calendar(
        months=tuple(first.isoformat()[:7] for first in firsts),
        lines=tuple(_line(found[at], begin, end, firsts, today) for at in order),
    )


def _gravity(one: Told) -> int:
    return len(GRAVEST) if one.is_over else min(GRAVEST.index(one.mark), 2)


def _line(tasks: Sequence[Told], begin: date, end: date, firsts: Iterable[date], today: date) -> Line:
    first, days = tasks[0], (end - begin).days

    def at(day: date) -> float:
        return round(100 * min(max((day - begin).days / days, 0), 1), 2)

    ticks = "".join(f'<rect class="tick" x="{at(one)}%" y="0" width="1" height="{HEIGHT}"/>' for one in firsts)
    bars = "".join(
        f'<rect class="{_shape(one)} edge" x="{at(one.opens)}%" y="3" height="{HEIGHT - 6}" rx="3" '
        f'width="{max(at(one.last + timedelta(days=1)) - at(one.opens), 0.6):.2f}%"/>'
        for one in tasks
    )
    now = f'<rect class="now" x="{at(today)}%" y="0" width="2" height="{HEIGHT}"/>' if begin <= today < end else ""
    text = "; ".join(f"{one.period} {one.opens:%m-%d} – {one.last:%m-%d} {one.text}" for one in tasks)
    bar = Markup(
        '<svg class="plan-bar" role="img" aria-label="{text}" width="100%" height="{height}"><title>{text}</title>'
        "{ticks}{bars}{now}</svg>"
    ).format(text=text, height=HEIGHT, ticks=Markup(ticks), bars=Markup(bars), now=Markup(now))
    return Line(first.name, first.mode, first.site, first.site_name, tuple(tasks), bar)


def _shape(one: Told) -> str:
    return SHAPES.get("over" if one.is_over else one.mark, QUIET)
