"""The calendar of a quarter: its lines, their order, and where a bar lies."""

import re
from datetime import date

from roundsman_collector.web.task_calendar import Told, calendar_of, days_of

TODAY = date(2026, 10, 16)


def told(number: int, **changes: object) -> Told:
    one = Told(
        id=number,
        plan="calls",
        name="call",
        mode="phone",
        site="mall-1",
        site_name="Mall 1",
        period="2026-10",
        opens=date(2026, 10, 1),
        last=date(2026, 10, 31),
        mark="",
        is_over=False,
        text="planned",
    )
    return one._replace(**changes)


def bars(found: str) -> list[tuple[str, float, float]]:
    """Class, begin and width in percent of each task's bar."""
    seen = re.findall(r'class="([\w-]+) edge" x="([\d.]+)%"[^>]* width="([\d.]+)%"', found)
    return [(shape, float(x), float(width)) for shape, x, width in seen]


def test_a_quarter_is_three_whole_months() -> None:
    assert days_of("2026-Q4") == (date(2026, 10, 1), date(2027, 1, 1))
    assert days_of("2027-Q1") == (date(2027, 1, 1), date(2027, 4, 1))
    assert calendar_of("2027-Q1", [], TODAY).months == ("2027-01", "2027-02", "2027-03")


def test_a_plan_at_a_site_is_one_line_and_sites_where_something_is_late_come_first() -> None:
    tasks = [
        told(1),
        told(2, period="2026-11", opens=date(2026, 11, 1), last=date(2026, 11, 30)),
        told(3, plan="visit", name="visit"),
        told(4, site="mall-2", site_name="Mall 2", mark="overdue"),
        told(5, site="mall-0", site_name="Mall 0", mark="overdue", is_over=True),
    ]

    lines = calendar_of("2026-Q4", tasks, TODAY).lines

    assert [(line.site, line.name, [one.id for one in line.tasks]) for line in lines] == [
        ("mall-2", "call", [4]),
        ("mall-1", "call", [1, 2]),
        ("mall-1", "visit", [3]),
        ("mall-0", "call", [5]),
    ]


def test_a_bar_goes_from_the_day_it_opens_to_the_end_of_its_last_day_within_the_quarter() -> None:
    tasks = [
        told(1, mark="danger"),
        told(2, opens=date(2026, 12, 1), last=date(2027, 2, 1), is_over=True),
        told(3, opens=date(2026, 9, 1), last=date(2026, 10, 1), mark="overdue"),
    ]

    (line,) = calendar_of("2026-Q4", tasks, TODAY).lines

    begin = [100 * days / 92 for days in (0, 31, 61, 1)]
    assert [shape for shape, *_ in bars(line.bar)] == ["s-warning", "s-up", "s-down"]
    for (_, x, width), (from_, to) in zip(
        bars(line.bar), ((begin[0], begin[1]), (begin[2], 100), (0, begin[3])), strict=True
    ):
        assert abs(x - from_) < 0.02 and abs(width - (to - from_)) < 0.03
    assert 'class="now" x="16.3%"' in line.bar
    assert "2026-10 10-01 – 10-31 planned" in line.bar


def test_today_stands_in_its_own_quarter_alone_and_words_are_escaped() -> None:
    (line,) = calendar_of("2027-Q1", [told(1, text="<b>", opens=date(2027, 1, 1), last=date(2027, 1, 2))], TODAY).lines

    assert 'class="now"' not in line.bar
    assert "<b>" not in line.bar and "&lt;b&gt;" in line.bar
