"""The pages of calendars: a year with its marks, forms for whoever keeps the register, nothing of other customers."""

from datetime import date

import pytest
from starlette.testclient import TestClient

from roundsman_collector.config import calendar as traveling
from roundsman_collector.core.days import Day
from roundsman_collector.roles import EVERYTHING, Role, Scope
from roundsman_collector.store import Deed, Office, Store, View
from tests.collector.api import world
from tests.collector.api.world import NOW, ORIGIN

DEED = Deed(who="root", at_ms=NOW - 5)
ACME = Scope(customers=frozenset({"acme"}))
OCT_1 = date(2025, 10, 1)


@pytest.fixture
def office(store: Store, view: View) -> Office:
    """China's calendar as it travels, and one of another customer."""
    office = Office.open(view._place.path or "")
    office.seed_calendar(traveling(), deed=DEED)
    office.put_entry("calendar", "other-days", {"name_zh": "别家", "name_en": "Others"}, deed=DEED)
    return office


def browser(office: Office, view: View, role: Role = "dispatcher", scope: Scope = EVERYTHING) -> TestClient:
    login = f"{role}-{len(scope.customers)}"
    office.add_person(login, name=login, role=role, scope=scope, language="en", deed=DEED)
    return world.signed_in(world.desk(view), login, Origin=ORIGIN, **{"Accept-Language": "en"})


def test_the_list_tells_how_far_each_year_is_known(office: Office, view: View) -> None:
    answer = browser(office, view).get("/calendars")

    assert answer.status_code == 200
    assert [
        one for one in ("cn", "none", "other-days", "2024", "expected, not announced") if one not in answer.text
    ] == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (
            "year=2025",
            ["2025-10-01", "2025-10-08", "hours of a Tuesday", "Spring Festival", "<sup>work</sup>", "announced"],
        ),
        ("year=2027", ["2027 is not announced yet", "expected, not announced", 'class="holiday expected"']),
        ("year=2031", ["Nobody has entered the holidays of 2031 yet"]),
        ("day=2025-10-01", ["known since", "National Day and Mid-Autumn Festival", "roundsman"]),
        ("day=2025-10-20", ["Nothing was ever said of this day"]),
    ],
)
def test_a_year_shows_what_is_special_in_it(office: Office, view: View, query: str, words: list[str]) -> None:
    answer = browser(office, view).get(f"/calendars/cn?{query}")

    assert answer.status_code == 200
    assert [one for one in words if one not in answer.text] == []


def test_the_calendar_without_days_says_nothing_of_missing_years(office: Office, view: View) -> None:
    answer = browser(office, view).get("/calendars/none?year=2031")

    assert "Nobody has entered" not in answer.text
    assert "/calendars/none/days" not in answer.text


def test_a_run_of_days_is_said_by_a_form_and_taken_back(office: Office, view: View) -> None:
    person = browser(office, view)
    form = {"kind": "holiday", "name_zh": "校庆", "name_en": "Anniversary", "status": "confirmed", "hours": "weekday:1"}

    said = person.post("/calendars/cn/days", data={**form, "day": "2025-11-03", "to": "2025-11-05"})
    back = person.post("/calendars/cn/days", data={"kind": "usual", "status": "confirmed", "day": "2025-11-05"})

    assert (said.headers["location"], back.status_code) == ("/calendars/cn?year=2025&day=2025-11-03", 303)
    found = view.calendar_days("cn", from_day=date(2025, 11, 1), to_day=date(2025, 11, 30))
    holiday = Day(kind="holiday", name_zh="校庆", name_en="Anniversary")
    assert found == {
        date(2025, 11, 3): holiday,
        date(2025, 11, 4): holiday,
        date(2025, 11, 5): Day(kind="usual"),
    }


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"day": "soon"}, "Write a day such as 2026-10-01."),
        ({"day": "2025-11-05", "to": "2025-11-03"}, "Write the last day"),
        ({"day": "2025-11-05", "to": "2029-11-03"}, "Write the last day"),
        ({"day": "2025-11-05", "kind": "shift", "hours": "late"}, "Write weekday:1, or hours"),
        ({"day": "2025-11-05", "kind": "fiesta"}, "Nothing was changed"),
        ({"day": "2025-11-05", "name_zh": "长" * 101}, "A name of 1 to 100 characters"),
    ],
)
def test_what_cannot_be_said_comes_back_with_what_was_written(
    office: Office, view: View, form: dict[str, str], told: str
) -> None:
    before = view.calendar_days("cn")

    answer = browser(office, view).post(
        "/calendars/cn/days", data={"kind": "holiday", "status": "confirmed", "name_en": "Kept words", **form}
    )

    assert answer.status_code == 422
    assert told in answer.text and "Kept words" in answer.text
    assert view.calendar_days("cn") == before


def test_a_calendar_is_made_renamed_and_ended(office: Office, view: View) -> None:
    person = browser(office, view)
    names = {"name_zh": "工厂", "name_en": "Factory"}

    made = person.post("/calendars", data={"id": "factory", **names})
    again = person.post("/calendars", data={"id": "factory", **names})
    renamed = person.post("/calendars/factory", data={**names, "name_en": "Plant"})
    nameless = person.post("/calendars/factory", data={"name_zh": "", "name_en": ""})
    ended = person.post("/calendars/factory/end")
    kept = person.post("/calendars/cn/end")

    assert [one.status_code for one in (made, again, renamed, nameless, ended, kept)] == [303, 422, 303, 422, 303, 409]
    assert "it cannot end" in kept.text
    assert view.entry("calendar", "factory") is None


def test_a_calendar_that_sites_have_cannot_end(office: Office, view: View) -> None:
    office.put_entry("customer", "acme", {"name_zh": "甲", "name_en": "Acme"}, deed=DEED)
    site = {"customer": "acme", "group_id": "south", "name_zh": "站", "name_en": "Station", "calendar": "other-days"}
    office.put_entry("site", "acme-1", site, deed=DEED)

    answer = browser(office, view).post("/calendars/other-days/end")

    assert answer.status_code == 409
    assert "Sites have this calendar" in answer.text


@pytest.mark.parametrize(("role", "scope"), [("viewer", EVERYTHING), ("dispatcher", ACME)])
def test_who_may_not_write_for_everybody_sees_no_form(office: Office, view: View, role: Role, scope: Scope) -> None:
    person = browser(office, view, role, scope)

    shown = person.get("/calendars/cn?day=2025-10-01")
    said = person.post("/calendars/cn/days", data={"kind": "usual", "status": "confirmed", "day": "2025-10-01"})

    assert shown.status_code == 200
    assert '<form method="post" action="/calendars' not in shown.text
    assert said.status_code == 403
    assert view.calendar_days("cn")[OCT_1].kind == "holiday"


def test_a_calendar_of_another_customer_is_not_there(office: Office, view: View) -> None:
    person = browser(office, view, "dispatcher", ACME)

    assert "other-days" not in person.get("/calendars").text
    assert person.get("/calendars/other-days").status_code == 404
    assert person.get("/calendars/nothing").status_code == 404


def test_a_site_is_given_its_calendar_by_its_form(office: Office, view: View) -> None:
    office.put_entry("customer", "acme", {"name_zh": "甲", "name_en": "Acme"}, deed=DEED)
    person = browser(office, view)
    site = {"id": "acme-1", "customer": "acme", "group_id": "south", "name_zh": "站", "name_en": "Station"}

    form = person.get("/sites/~new?customer=acme")
    made = person.post("/sites/~new", data={**site, "calendar": "none"})

    assert '<option value="cn" selected>' in form.text
    assert made.status_code == 303
    found = view.entry("site", "acme-1")
    assert found is not None and found.fields["calendar"] == "none"
