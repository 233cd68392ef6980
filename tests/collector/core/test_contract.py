"""The phases of a contract, and service hours as people write them."""

import json
from datetime import date

import pytest

from roundsman_collector.core.calendar import CalendarError, instant, working_intervals, zone
from roundsman_collector.core.contract import ContractError, Dates, phase, phase_at
from roundsman_collector.core.hours import AROUND_THE_CLOCK, calendar_of, kept, short

DATES = Dates(accepted_on=date(2025, 3, 1), warranty_until=date(2026, 2, 28), maintenance_until=date(2028, 2, 29))
ONLY_WARRANTY = Dates(warranty_until=date(2026, 2, 28))


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2025, 2, 28), "before_acceptance"),
        (date(2025, 3, 1), "warranty"),
        (date(2026, 2, 28), "warranty"),
        (date(2026, 3, 1), "maintenance"),
        (date(2028, 2, 29), "maintenance"),
        (date(2028, 3, 1), "expired"),
    ],
)
def test_the_last_day_of_a_phase_belongs_to_it(day: date, expected: str) -> None:
    assert phase(DATES, day) == expected


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (Dates(), "before_acceptance"),
        (Dates(accepted_on=date(2025, 1, 1)), "expired"),
        (Dates(maintenance_until=date(2027, 1, 1)), "maintenance"),
        (ONLY_WARRANTY, "warranty"),
    ],
)
def test_a_date_that_nobody_knows_claims_nothing(dates: Dates, expected: str) -> None:
    assert phase(dates, date(2025, 6, 1)) == expected


def test_the_day_is_the_one_that_the_site_has() -> None:
    shanghai_midnight = instant(date(2026, 3, 1), 0, zone("Asia/Shanghai"))

    assert phase_at(DATES, shanghai_midnight - 1, "Asia/Shanghai") == "warranty"
    assert phase_at(DATES, shanghai_midnight, "Asia/Shanghai") == "maintenance"
    assert phase_at(DATES, shanghai_midnight, "Europe/Berlin") == "warranty"


def test_dates_follow_each_other() -> None:
    with pytest.raises(ContractError, match="maintenance_until 2024-01-01 lies before accepted_on"):
        Dates(accepted_on=date(2025, 1, 1), maintenance_until=date(2024, 1, 1))
    with pytest.raises(ContractError, match="hundred years"):
        Dates(accepted_on=date(2025, 1, 1), warranty_until=date(2226, 1, 1))


WEEK = {str(day): [["09:00", "18:00"]] for day in range(1, 6)}


@pytest.mark.parametrize(
    "text", ["24x7", "24×7", "7x24", "全天", "", "每天 00:00-24:00", "1-7 0:00-24:00", "00:00-24:00"]
)
def test_around_the_clock_is_written_in_many_ways(text: str) -> None:
    assert kept(text) == AROUND_THE_CLOCK


@pytest.mark.parametrize(
    "text",
    [
        "1-5 09:00-18:00; 6 09:00-12:00,14:00-17:00",
        "Mon-Fri 9:00-18:00; Sat 09:00-12:00, 14:00-17:00",
        "周一至周五 09:00-18:00;周六 09:00-12:00、14:00-17:00",
        "工作日 09:00-18:00; 周六 09:00-12:00; 周六 14:00-17:00",
    ],
)
def test_a_week_is_written_in_numbers_english_or_chinese(text: str) -> None:
    wide = text.translate({ord(sign): ord(sign) + 0xFEE0 for sign in ":;,"})  # as a Chinese keyboard writes them
    assert kept(wide) == kept(text)
    assert json.loads(kept(text)) == {"hours": {**WEEK, "6": [["09:00", "12:00"], ["14:00", "17:00"]]}}
    assert short(kept(text)) == "1-5 09:00-18:00; 6 09:00-12:00, 14:00-17:00"


@pytest.mark.parametrize(
    "text",
    [
        "24x7",
        "1-5 09:00-18:00",
        "1 09:00-18:00; 3 09:00-18:00; 6-7 10:00-16:00",
        "1-4 18:00-00:00; 5-6 18:00-02:00",
        '{"holidays":["2026-02-17"],"hours":{"1":[["09:00","18:00"]]},"shifts":{"2026-02-14":[["09:00","18:00"]]}}',
    ],
)
def test_the_short_way_is_read_as_what_it_was_made_of(text: str) -> None:
    assert kept(short(kept(text))) == kept(text)


@pytest.mark.parametrize(
    "text",
    [
        "9 to 5",
        "周八 09:00-18:00",
        "1-5",
        "1-5 09:00",
        "6-1 09:00-10:00",
        "1 18:00-18:00",
        "1 25:00-26:00",
        "{",
        "{}x",
        '{"tz": "UTC"}',
        "[1]",
        '{"hours": 5}',
        "x" * 9000,
        "{" + '"a":[' * 4000,
    ],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(CalendarError):
        kept(text)


def test_hours_over_midnight_are_written_as_people_say_them() -> None:
    night_market = kept("每天 18:00-02:00")
    tuesday = instant(date(2026, 11, 17), 0, zone("Asia/Shanghai"))

    assert short(night_market) == "1-7 18:00-02:00"
    assert working_intervals(calendar_of(night_market, "Asia/Shanghai"), tuesday, tuesday + 43_200_000) == (
        (tuesday, tuesday + 7_200_000),
    )


def test_service_hours_are_hours_of_the_sites_own_clock() -> None:
    calendar = calendar_of(kept("周一 09:00-18:00"), "Asia/Shanghai")
    monday = instant(date(2026, 11, 16), 0, zone("Asia/Shanghai"))

    assert working_intervals(calendar, monday, monday + 86_400_000) == ((monday + 32_400_000, monday + 64_800_000),)


def test_free_labour_is_no_phase_and_begins_with_the_acceptance() -> None:
    alone = Dates(labour_until=date(2030, 1, 1))

    assert phase(alone, date(2026, 1, 1)) == "before_acceptance"
    with pytest.raises(ContractError, match="labour_until 2024-01-01 lies before accepted_on"):
        Dates(accepted_on=date(2025, 1, 1), labour_until=date(2024, 1, 1))
