"""What calendars say of days: versions by when they were known, what the program brings, whose word holds, scopes."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from roundsman_collector.config import calendar as traveling
from roundsman_collector.core.days import Day
from roundsman_collector.roles import Scope
from roundsman_collector.rules.calendars import CalendarFile
from roundsman_collector.store import Deed, EntryError, Office, Store, View, migrate, service_key
from tests.collector.store.cast import TODAY

HOUR = 3_600_000
METRO = Scope(customers=frozenset({"metro"}))
SITE = {"customer": "metro", "group_id": "south", "name_zh": "人民广场站", "name_en": "People's Square"}
OCT_1, OCT_2, SEP_28 = date(2025, 10, 1), date(2025, 10, 2), date(2025, 9, 28)
OFF = Day(kind="holiday", name_zh="国庆节", name_en="National Day")
WORKED = Day(kind="shift", hours="weekday:2", name_zh="国庆节调休上班")


def deed(hours: float = 0, who: str = "wang") -> Deed:
    return Deed(who=who, at_ms=TODAY + round(hours * HOUR), address="10.0.0.7")


def file(days: Mapping[date, Day]) -> CalendarFile:
    return CalendarFile(calendar="cn", name_zh="x", name_en="x", days=days)


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    with Office.open(where) as opened:
        opened.put_entry("customer", "metro", {"name_zh": "地铁", "name_en": "Metro"}, deed=deed())
        opened.put_entry("customer", "bank", {"name_zh": "银行", "name_en": "Bank"}, deed=deed())
        opened.put_entry("calendar", "metro-days", {"name_zh": "地铁", "name_en": "Metro"}, deed=deed())
        opened.put_entry("calendar", "bank-days", {"name_zh": "银行", "name_en": "Bank"}, deed=deed())
        yield opened


def site(office: Office, view: View, entry: str = "metro-1", **more: Any) -> Any:
    office.put_entry("site", entry, {**SITE, **more}, deed=deed())
    found = view.entry("site", entry)
    assert found is not None
    return found


# --- days -------------------------------------------------------------------------------------------------------------


def test_what_a_calendar_says_can_be_asked_as_it_was_known(office: Office, view: View) -> None:
    office.put_calendar_days("cn", {OCT_1: OFF, SEP_28: WORKED}, deed=deed(1))
    office.put_calendar_days("cn", {SEP_28: Day(kind="usual")}, deed=deed(2))

    assert view.calendar_days("cn", TODAY) == {}
    assert view.calendar_days("cn", TODAY + HOUR) == {OCT_1: OFF, SEP_28: WORKED}
    assert view.calendar_days("cn", TODAY + 2 * HOUR) == {OCT_1: OFF, SEP_28: Day(kind="usual")}
    assert view.calendar_days("cn") == {OCT_1: OFF, SEP_28: Day(kind="usual")}


def test_the_same_word_again_changes_nothing(office: Office, view: View) -> None:
    first = office.put_calendar_days("cn", {OCT_1: OFF, OCT_2: Day(kind="usual")}, deed=deed(1))
    again = office.put_calendar_days("cn", {OCT_1: OFF}, deed=deed(2))

    assert (first, again) == (1, 0), "that a day is as usual goes without saying"
    assert [one.made_ms for one in view.calendar_day_history("cn", OCT_1)] == [TODAY + HOUR]


def test_a_clock_set_back_rewrites_no_history(office: Office, view: View) -> None:
    office.put_calendar_days("cn", {OCT_1: OFF}, deed=deed(5))
    office.put_calendar_days("cn", {OCT_1: WORKED}, deed=deed(1))
    office.put_calendar_days("cn", {OCT_1: OFF}, deed=deed(1))

    told = view.calendar_day_history("cn", OCT_1)
    begin = TODAY + 5 * HOUR
    assert [(one.from_ms, one.to_ms, one.said.kind) for one in told] == [
        (begin, begin + 1, "holiday"),
        (begin + 1, begin + 2, "shift"),
        (begin + 2, None, "holiday"),
    ]


def test_a_part_of_a_year_is_read_by_its_days(office: Office, view: View) -> None:
    office.put_calendar_days("cn", {OCT_1: OFF, OCT_2: OFF, SEP_28: WORKED}, deed=deed(1))

    assert set(view.calendar_days("cn", from_day=OCT_1, to_day=OCT_1)) == {OCT_1}
    assert set(view.calendar_days("cn", from_day=OCT_1)) == {OCT_1, OCT_2}


def test_who_changed_a_day_stands_in_the_audit_log(office: Office, view: View) -> None:
    office.put_calendar_days("cn", {OCT_1: OFF}, deed=deed(1))
    office.put_calendar_days("cn", {date.fromordinal(735_000 + n): OFF for n in range(100)}, deed=deed(2, "li"))

    many, one = view.audit(subject="calendar:cn", limit=2)
    assert (one.who, one.verb, one.before) == ("wang", "put calendar day", None)
    assert one.after is not None and (one.after["day"], one.after["kind"]) == ("2025-10-01", "holiday")
    assert many.after == {"days": 100, "first": "2013-05-12", "last": "2013-08-19"}


@pytest.mark.parametrize(
    ("calendar", "scope", "cause"),
    [("cn", METRO, "closed"), ("mars", None, "missing"), ("none", None, "conflict")],
)
def test_days_are_refused_where_they_do_not_belong(
    office: Office, view: View, calendar: str, scope: Scope | None, cause: str
) -> None:
    with pytest.raises(EntryError) as caught:
        office.put_calendar_days(calendar, {OCT_1: OFF}, deed=deed(1), scope=scope or Scope(everything=True))

    assert caught.value.cause == cause
    assert view.calendar_days(calendar) == {}


# --- what comes with the program --------------------------------------------------------------------------------------


def test_the_program_brings_its_days_once(office: Office, view: View) -> None:
    brought = office.seed_calendar(traveling(), deed=deed(1, "roundsman"))
    again = office.seed_calendar(traveling(), deed=deed(2, "roundsman"))

    assert (brought, again) == (len(traveling().days), 0)
    assert view.calendar_days("cn") == traveling().days


def test_what_people_said_stays_when_a_newer_program_comes(office: Office, view: View) -> None:
    office.seed_calendar(file({OCT_1: OFF, OCT_2: OFF}), deed=deed(1))
    office.put_calendar_days("cn", {OCT_1: Day(kind="usual"), SEP_28: WORKED}, deed=deed(2))
    changed = office.seed_calendar(file({OCT_1: OFF, OCT_2: WORKED, SEP_28: OFF}), deed=deed(3))

    assert changed == 1
    assert view.calendar_days("cn") == {OCT_1: Day(kind="usual"), OCT_2: WORKED, SEP_28: WORKED}


def test_a_year_that_was_expected_becomes_what_was_announced(office: Office, view: View) -> None:
    expected = Day(kind="holiday", name_zh="国庆节", status="provisional")
    office.seed_calendar(file({OCT_1: expected, OCT_2: expected}), deed=deed(1))
    office.seed_calendar(file({OCT_1: OFF, SEP_28: WORKED}), deed=deed(2))

    assert view.calendar_days("cn") == {OCT_1: OFF, OCT_2: Day(kind="usual"), SEP_28: WORKED}
    assert view.calendar_days("cn", TODAY + HOUR) == {OCT_1: expected, OCT_2: expected}, "as it was known before"


def test_an_older_program_does_not_unsay_what_was_announced(office: Office, view: View) -> None:
    office.seed_calendar(file({OCT_1: OFF}), deed=deed(1))
    changed = office.seed_calendar(file({OCT_2: Day(kind="holiday", status="provisional")}), deed=deed(2))

    assert changed == 0
    assert view.calendar_days("cn") == {OCT_1: OFF}


# --- calendars as entries ---------------------------------------------------------------------------------------------


def test_every_database_has_the_two_calendars_that_sites_begin_with(office: Office, view: View) -> None:
    assert [one.id for one in view.entries("calendar")] == ["bank-days", "cn", "metro-days", "none"]


@pytest.mark.parametrize("entry", ["cn", "none"])
def test_the_two_cannot_end(office: Office, entry: str) -> None:
    with pytest.raises(EntryError) as caught:
        office.end_entry("calendar", entry, deed=deed(1))

    assert caught.value.cause == "conflict"


def test_a_calendar_that_a_site_names_cannot_end_before_it(office: Office, view: View) -> None:
    site(office, view, calendar="metro-days")

    with pytest.raises(EntryError, match="still has site metro-1"):
        office.end_entry("calendar", "metro-days", deed=deed(1))
    assert office.end_entry("calendar", "bank-days", deed=deed(1))


def test_a_calendar_of_others_is_neither_seen_nor_named_nor_written(office: Office, view: View) -> None:
    site(office, view, calendar="metro-days")
    mine = {**SITE, "calendar": "bank-days"}

    assert [one.id for one in view.entries("calendar", scope=METRO)] == ["cn", "metro-days", "none"]
    with pytest.raises(EntryError) as named:
        office.put_entry("site", "metro-1", mine, deed=deed(1), scope=METRO)
    assert (named.value.cause, named.value.field) == ("conflict", "calendar")
    with pytest.raises(EntryError) as written:
        office.put_entry("calendar", "metro-days", {"name_zh": "x", "name_en": "x"}, deed=deed(1), scope=METRO)
    assert written.value.cause == "closed"


@pytest.mark.sqlite
def test_sites_of_before_keep_having_no_holidays(bare: str) -> None:
    engine = create_engine(f"sqlite:///{bare}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate.FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.exec_driver_sql(
            "INSERT INTO site (id, from_ms, made_ms, made_by, customer, group_id, name_zh, name_en, address, zone, "
            "time_zone, service_hours) VALUES ('old-1', 0, 0, 'w', 'metro', 'south', '', '', '', '', 'UTC', '{}')"
        )
    engine.dispose()

    with Store.open(bare), View.open(bare) as view:
        found = view.entry("site", "old-1")
        calendars = [one.id for one in view.entries("calendar")]

    assert found is not None
    assert (found.fields["calendar"], calendars) == ("none", ["cn", "none"])


# --- when sites have to run -------------------------------------------------------------------------------------------


def test_sites_of_the_same_hours_share_one_calendar(office: Office, view: View) -> None:
    office.put_calendar_days("cn", {OCT_1: OFF, OCT_2: Day(kind="holiday", status="provisional")}, deed=deed(1))
    sites = [site(office, view, f"metro-{n}", service_hours="1-5 09:00-18:00") for n in range(3)]

    found = view.service_calendars(sites)

    assert set(found) == {service_key(sites[0])}
    hours = found[service_key(sites[0])]
    assert (hours.why, hours.provisional, hours.years) == ("", frozenset({OCT_2}), frozenset({2025}))
    assert hours.calendar is not None
    assert hours.calendar.hours_on(OCT_1) == ()
    assert hours.calendar.hours_on(date(2025, 10, 9)) == ((540, 1080),)


def test_service_hours_of_before_know_what_was_known_then(office: Office, view: View) -> None:
    shop = site(office, view, service_hours="1-5 09:00-18:00")
    office.put_calendar_days("cn", {OCT_1: OFF}, deed=deed(1))

    then = view.service_calendars([shop], TODAY)[service_key(shop)]

    assert then.calendar is not None
    assert then.calendar.hours_on(OCT_1) == ((540, 1080),)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"calendar": "gone"}, "no_calendar"),
        ({"service_hours": '{"hours":{}}'}, "no_hours"),
        ({"service_hours": "whenever"}, "unreadable"),
        ({"time_zone": "Mars/Olympus"}, "unreadable"),
        ({"calendar": None}, ""),
    ],
)
def test_hours_that_nobody_can_say_are_unknown_by_name(
    office: Office, view: View, fields: dict[str, Any], why: str
) -> None:
    found = site(office, view)
    broken = found._replace(fields={**found.fields, **fields})

    told = view.service_calendars([broken])[service_key(broken)]

    assert told.why == why
    assert (told.calendar is None) == bool(why)
