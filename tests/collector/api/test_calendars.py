"""Calendars over HTTP: days as known now and then, files in and out, rights and scopes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.config import calendar as traveling
from roundsman_collector.roles import EVERYTHING, Role, Scope
from roundsman_collector.store import Deed, Office, Store, View
from tests.collector.api import world
from tests.collector.api.world import NOW

API = "/api/v1/calendars"
DEED = Deed(who="root", at_ms=NOW - 5)
METRO = Scope(customers=frozenset({"metro"}))
SHIFT = {"kind": "shift", "hours": "周三", "name_zh": "国庆节调休"}
FILE = "day,to,kind,hours,name_zh\n2026-10-01,2026-10-03,holiday,,国庆节\n2026-10-10,,shift,weekday:3,国庆节调休\n"

Client = Callable[..., TestClient]


@pytest.fixture
def office(store: Store, view: View) -> Iterator[Office]:
    with Office.open(view._place.path or "") as opened:
        opened.seed_calendar(traveling(), deed=DEED)
        opened.put_entry("calendar", "bank-days", {"name_zh": "银行", "name_en": "Bank"}, deed=DEED)
        yield opened


@pytest.fixture
def client(office: Office, view: View) -> Client:
    """A program of a role and scope."""

    def made(role: Role = "administrator", scope: Scope = EVERYTHING) -> TestClient:
        key = f"{role}-{sorted(scope.customers)}"
        office.add_token(key, name=key, role=role, scope=scope, deed=DEED)
        return world.browser(world.desk(view), Authorization=f"Bearer {key}")

    return made


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("type", "").rpartition(":")[2]


def test_a_year_of_a_calendar_is_told_with_how_far_it_is_known(client: Client) -> None:
    told = client("viewer").get(f"{API}/cn/days?year=2025").json()

    assert [one["day"] for one in told["days"] if one["kind"] == "shift"] == [
        "2025-01-26",
        "2025-02-08",
        "2025-04-27",
        "2025-09-28",
        "2025-10-11",
    ]
    assert [(one["year"], one["status"]) for one in told["years"]] == [
        (2024, "confirmed"),
        (2025, "confirmed"),
        (2026, "confirmed"),
        (2027, "provisional"),
    ]


def test_a_day_is_put_told_and_known_as_it_was(client: Client) -> None:
    api = client("dispatcher")

    put = api.put(f"{API}/cn/days/2026-11-28", json=SHIFT)
    history = api.get(f"{API}/cn/days/2026-11-28/history").json()["versions"]
    before = api.get(f"{API}/cn/days?year=2026&known={NOW - 1}").json()["days"]

    assert (put.status_code, put.json()["hours"]) == (200, "weekday:3")
    assert [(one["kind"], one["from_ms"], one["to_ms"], one["made_by"]) for one in history] == [
        ("shift", NOW, None, "token:dispatcher-[]")
    ]
    assert "2026-11-28" not in {one["day"] for one in before}


@pytest.mark.parametrize(
    ("address", "body", "expected"),
    [
        ("cn/days/2026-13-01", SHIFT, (422, "bad_parameter")),
        ("cn/days/2026-11-28", {**SHIFT, "hours": "late"}, (422, "bad_parameter")),
        ("cn/days/2026-11-28", {**SHIFT, "kind": "fiesta"}, (422, "bad_parameter")),
        ("cn/days/2026-11-28", {"kind": "holiday", "hours": "weekday:1"}, (422, "bad_parameter")),
        ("mars/days/2026-11-28", SHIFT, (404, "no_entry")),
        ("none/days/2026-11-28", SHIFT, (409, "entry_conflict")),
    ],
)
def test_a_day_that_cannot_be_is_refused(
    client: Client, address: str, body: dict[str, str], expected: tuple[int, str]
) -> None:
    assert code(client("dispatcher").put(f"{API}/{address}", json=body)) == expected


def test_a_file_is_looked_at_entered_and_given_back(client: Client, view: View) -> None:
    api = client("dispatcher")
    sent = {"content": FILE.encode("gb18030"), "headers": {"Content-Type": "text/csv"}}

    dry = api.post(f"{API}/bank-days/import?dry_run=true", **sent).json()
    between = view.calendar_days("bank-days")
    done = api.post(f"{API}/bank-days/import", **sent).json()
    exported = api.get(f"{API}/bank-days/export.csv")
    again = api.post(f"{API}/bank-days/import?whole_years=true", content=exported.content).json()
    as_yaml = api.get(f"{API}/bank-days/export.yaml")
    and_again = api.post(f"{API}/bank-days/import", content=as_yaml.content).json()

    assert (dry["changed"], between, done["changed"]) == (4, {}, 4)
    assert exported.headers["content-disposition"] == 'attachment; filename="roundsman-calendar-bank-days.csv"'
    assert (again["changed"], and_again["changed"]) == (0, 0)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"day,kind\nsoon,holiday\n", (422, "bad_calendar")),
        (b"calendar: cn\nzh: x\nen: x\ndays: []\n", (422, "bad_parameter")),
        (b"x" * 1_000_001, (413, "too_large")),
    ],
)
def test_a_file_that_cannot_be_used_changes_nothing(
    client: Client, view: View, body: bytes, expected: tuple[int, str]
) -> None:
    answer = client("dispatcher").post(f"{API}/bank-days/import", content=body)

    assert code(answer) == expected
    assert view.calendar_days("bank-days") == {}


def test_whoever_does_not_reach_everything_writes_no_day(client: Client) -> None:
    mine = client("dispatcher", METRO)

    assert code(mine.put(f"{API}/cn/days/2026-11-28", json=SHIFT)) == (403, "entry_closed")
    assert code(mine.post(f"{API}/cn/import", content=FILE)) == (403, "entry_closed")
    assert code(mine.put(f"{API}/new", json={"name_zh": "x", "name_en": "x"})) == (403, "entry_closed")
    assert code(client("viewer").put(f"{API}/cn/days/2026-11-28", json=SHIFT)) == (403, "not_yours")


def test_a_calendar_of_others_is_not_there(client: Client) -> None:
    mine = client("dispatcher", METRO)

    assert [one["id"] for one in mine.get(API).json()["entries"]] == ["cn", "none"]
    for address in ("", "/days", "/days/2026-10-01/history", "/export.csv", "/history"):
        assert code(mine.get(f"{API}/bank-days{address}")) == (404, "no_entry")
    assert code(mine.post(f"{API}/bank-days/import", content=FILE)) == (404, "no_entry")
