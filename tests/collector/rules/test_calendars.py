"""Calendar files: China's days as they were announced, the generated file against its sources, files of people."""

import random
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.config import calendar
from roundsman_collector.core.calendar import working_intervals
from roundsman_collector.core.days import Day, shift_hours
from roundsman_collector.core.hours import calendar_of, kept
from roundsman_collector.core.intervals import total
from roundsman_collector.rules.calendars import CalendarFile, calendar_from, calendar_read, csv_of, runs, yaml_of
from roundsman_collector.rules.shape import RulesError

ROOT = Path(__file__).parents[3]
CN = calendar().days
OFFICE = calendar_of(kept("周一至周五 09:00-12:00，14:00-18:00"), "Asia/Shanghai", CN)


def day(text: str) -> date:
    return date.fromisoformat(text)


def between(first: str, last: str) -> list[date]:
    return [day(first) + timedelta(days=n) for n in range((day(last) - day(first)).days + 1)]


# --- what the State Council announced, looked up by hand --------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2024-01-01", "2024-01-01"),
        ("2024-02-10", "2024-02-17"),
        ("2024-04-04", "2024-04-06"),
        ("2024-05-01", "2024-05-05"),
        ("2024-06-10", "2024-06-10"),
        ("2024-09-15", "2024-09-17"),
        ("2024-10-01", "2024-10-07"),
        ("2025-01-01", "2025-01-01"),
        ("2025-01-28", "2025-02-04"),
        ("2025-04-04", "2025-04-06"),
        ("2025-05-01", "2025-05-05"),
        ("2025-05-31", "2025-06-02"),
        ("2025-10-01", "2025-10-08"),
        ("2026-01-01", "2026-01-03"),
        ("2026-02-15", "2026-02-23"),
        ("2026-04-04", "2026-04-06"),
        ("2026-05-01", "2026-05-05"),
        ("2026-06-19", "2026-06-21"),
        ("2026-09-25", "2026-09-27"),
        ("2026-10-01", "2026-10-07"),
    ],
)
def test_an_announced_holiday_begins_and_ends_on_its_days(first: str, last: str) -> None:
    around = (day(first) - timedelta(days=1), day(last) + timedelta(days=1))

    assert {CN[one].kind for one in between(first, last)} == {"holiday"}
    assert {CN[one].status for one in between(first, last)} == {"confirmed"}
    assert all(one not in CN or CN[one].kind != "holiday" for one in around)


ADJUSTED = {
    "2024-02-04": 4, "2024-02-18": 5, "2024-04-07": 5, "2024-04-28": 4, "2024-05-11": 5, "2024-09-14": 1,
    "2024-09-29": 5, "2024-10-12": 1,
    "2025-01-26": 1, "2025-02-08": 2, "2025-04-27": 1, "2025-09-28": 2, "2025-10-11": 3,
    "2026-01-04": 5, "2026-02-14": 5, "2026-02-28": 1, "2026-05-09": 2, "2026-09-20": 2, "2026-10-10": 3,
}  # fmt: skip


def test_the_adjusted_working_days_are_these_and_no_others() -> None:
    assert {one.isoformat(): said.hours for one, said in CN.items() if said.kind == "shift"} == {
        one: f"weekday:{weekday}" for one, weekday in ADJUSTED.items()
    }
    assert all(day(one).isoweekday() > 5 for one in ADJUSTED)


def test_2027_is_expected_and_nothing_else_is() -> None:
    assert {one.year for one, said in CN.items() if said.status == "provisional"} == {2027}
    assert {said.kind for one, said in CN.items() if one.year == 2027} == {"holiday"}
    assert {one.year for one in CN} == {2024, 2025, 2026, 2027}


@pytest.mark.parametrize(("year", "days"), [(2024, 251), (2025, 248), (2026, 248)])
def test_a_year_has_as_many_working_days_as_was_published(year: int, days: int) -> None:
    worked = [one for one in between(f"{year}-01-01", f"{year}-12-31") if OFFICE.hours_on(one)]

    assert len(worked) == days


def test_an_office_works_the_hours_of_the_day_it_works_for() -> None:
    friday_short = calendar_of(kept("1-4 09:00-18:00; 5 09:00-12:00"), "Asia/Shanghai", CN)

    assert friday_short.hours_on(day("2024-02-18")) == ((540, 720),), "a Sunday worked for a Friday"
    assert friday_short.hours_on(day("2024-02-04")) == ((540, 1080),), "a Sunday worked for a Thursday"
    assert friday_short.hours_on(day("2025-10-01")) == ()


def test_what_runs_around_the_clock_runs_on_holidays() -> None:
    kiosk = calendar_of(kept("24x7"), "Asia/Shanghai", CN)

    assert total(working_intervals(kiosk, 1_704_038_400_000, 1_735_660_800_000)) == 366 * 86_400_000, "all of 2024"


def test_a_place_that_closes_on_holidays_only_says_so() -> None:
    shop = calendar_of(kept("每天 09:00-21:00；节假日 休"), "Asia/Shanghai", CN)
    short = calendar_of(kept("daily 09:00-21:00; holidays 10:00-16:00"), "Asia/Shanghai", CN)

    assert (shop.hours_on(day("2025-10-01")), shop.hours_on(day("2025-10-09"))) == ((), ((540, 1260),))
    assert short.hours_on(day("2025-10-01")) == ((600, 960),)


def test_a_date_that_the_site_names_itself_wins_over_the_calendar() -> None:
    text = kept(
        '{"hours":{"1":[["09:00","18:00"]]},"holidays":["2025-01-26"],"shifts":{"2025-10-01":[["10:00","11:00"]]}}'
    )
    site = calendar_of(text, "Asia/Shanghai", CN)

    assert site.hours_on(day("2025-01-26")) == (), "its own day off, though the calendar has it worked"
    assert site.hours_on(day("2025-10-01")) == ((600, 660),)


# --- the file that travels --------------------------------------------------------------------------------------------


def test_the_file_is_what_notices_and_library_say() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "calendars.generate", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_program_asks_no_library_of_holidays() -> None:
    ours = [*(ROOT / "collector").rglob("*.py"), *(ROOT / "wire").rglob("*.py"), *(ROOT / "agent").rglob("*.py")]

    assert [one for one in ours if "import holidays" in one.read_text("utf-8")] == []


# --- files of people --------------------------------------------------------------------------------------------------

HOLIDAYS = st.builds(
    Day,
    kind=st.just("holiday"),
    name_zh=st.sampled_from(["春节", "", "a, b"]),
    status=st.sampled_from(["confirmed", "provisional"]),
)
HOURS = st.sampled_from(["weekday:1", "none", "09:00-12:00,14:00-18:00", "22:00-06:00"])
SHIFTS = st.builds(Day, kind=st.just("shift"), hours=HOURS)
DAYS = st.dictionaries(
    st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    st.one_of(HOLIDAYS, SHIFTS, st.just(Day(kind="usual"))),
    max_size=30,
)


@given(DAYS)
def test_what_is_written_is_read_again(days: dict[date, Day]) -> None:
    file = CalendarFile(calendar="x", name_zh="某日历: 甲", name_en="a: calendar", days=days)

    assert calendar_from(yaml_of(file), source="x.yaml") == file
    assert calendar_from(csv_of(days), source="x.csv").days == days


@given(DAYS)
def test_runs_hold_every_day_once(days: dict[date, Day]) -> None:
    told = {one: said for first, last, said in runs(days) for one in between(str(first), str(last))}

    assert told == days


def test_a_sheet_is_read_with_the_titles_of_people() -> None:
    text = (
        "\ufeff日期,至,类型,时段,名称,状态\r\n2026-10-01,2026-10-02,放假,,国庆节,已公布\r\n"
        "2026-10-10,,调休,周三,,预计\r\n,,,,,\r\n"
    )

    assert calendar_from(text, source="days.csv").days == {
        day("2026-10-01"): Day(kind="holiday", name_zh="国庆节"),
        day("2026-10-02"): Day(kind="holiday", name_zh="国庆节"),
        day("2026-10-10"): Day(kind="shift", hours="weekday:3", status="provisional"),
    }


HEAD = "calendar: x\nzh: 甲\nen: a\ndays:\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file: expected"),
        ("days: [", "is no YAML"),
        ("[" * 5000, "is no YAML"),
        (HEAD.replace("x", "Über") + "  []\n", "is no id"),
        (HEAD + "  - {day: 45931, kind: holiday}\n", "days.0.day"),
        (HEAD + "  - {day: 2025-13-01, kind: holiday}\n", "x.yaml: "),
        (HEAD + "  - {day: 2025-10-01, kind: fiesta}\n", "days[0] (2025-10-01): kind: 'fiesta' is unknown"),
        (HEAD + "  - {day: 2025-10-01, kind: holiday, hours: 'weekday:1'}\n", "has none of its own"),
        (HEAD + "  - {day: 2025-10-01, kind: shift}\n", "expected weekday:1 to weekday:7"),
        (HEAD + "  - {day: 2025-10-01, kind: shift, hours: '9-5'}\n", "cannot be read"),
        (HEAD + "  - {day: 2025-10-01, kind: shift, hours: '25:00-26:00'}\n", "24:00"),
        (HEAD + "  - {day: 2025-10-02, to: 2025-10-01, kind: holiday}\n", "the first before the last"),
        (HEAD + "  - {day: 2025-10-01, to: 2035-10-01, kind: holiday}\n", "more than a year"),
        (HEAD + "  - {day: 2025-10-01, kind: holiday}\n  - {day: 2025-10-01, kind: usual}\n", "told twice"),
        (HEAD + "  - {day: 2025-10-01, kind: holiday, status: maybe}\n", "status: 'maybe' is unknown"),
        (HEAD + f"  - {{day: 2025-10-01, kind: holiday, zh: {'长' * 101}}}\n", "days.0.zh"),
        (HEAD + "  - {day: 2025-10-01, kind: holiday, colour: red}\n", "days.0.colour"),
        ("day,kind,color\n", "'color' is none of them"),
        ("kind,hours\nholiday,\n", "expected the columns"),
        ("day,kind\n2025-10-01,holiday,a,b\n", "line 2: 4 cells; expected 2"),
        ("day,kind\nsoon,holiday\n", "line 2"),
        ('day,kind\n"2025', "is no CSV"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_what(text: str, told: str) -> None:
    with pytest.raises(RulesError) as caught:
        calendar_from(text, source="x.yaml")

    assert told in str(caught.value)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    text = HEAD + "  - {day: 2025-10-01, kind: fiesta}\n  - {day: 2025-10-02, kind: shift, hours: late}\n"

    with pytest.raises(RulesError) as caught:
        calendar_from(text, source="x.yaml")

    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("said", "held"),
    [
        ("周三", "weekday:3"),
        ("Mon", "weekday:1"),
        ("休", "none"),
        ("14:00-18:00, 9:00-12:00", "09:00-12:00,14:00-18:00"),
        ("９：００至１２：００".replace("９", "9").replace("０", "0").replace("１２", "12"), "09:00-12:00"),
    ],
)
def test_the_hours_of_a_shift_are_read_as_people_write_them(said: str, held: str) -> None:
    assert shift_hours(said) == held == shift_hours(held)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_sheet_saved_by_a_spreadsheet_in_china_is_read(encoding: str) -> None:
    body = "日期,类型,名称\r\n2026-10-01,放假,国庆节\r\n".encode(encoding)

    assert calendar_read(body, source="x").days == {day("2026-10-01"): Day(kind="holiday", name_zh="国庆节")}


@pytest.mark.parametrize("body", [b"\xff\xff\xff\xff", b"day,kind\n" + b" " * 1_000_001])
def test_bytes_that_are_no_calendar_are_refused(body: bytes) -> None:
    with pytest.raises(RulesError):
        calendar_read(body, source="x")


def test_rubbish_is_refused_and_nothing_else_happens() -> None:
    dice = random.Random(7)
    for _ in range(300):
        text = "".join(dice.choice("day,kind:-\n{}[]2025&*!'\"\x00é中 ") for _ in range(dice.randrange(60)))
        with pytest.raises(RulesError):
            calendar_from(text, source="x")
