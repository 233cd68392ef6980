"""The list of tickets as a file: the same filter as the page, no formula, no number of people for who may only look."""

import csv
import io
import zipfile

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api import tables, ticket_export
from roundsman_collector.store import Batch, Deed, Office, Store, TicketOpen, TicketStep, View
from tests.collector.api import world
from tests.collector.api.world import NOW

EXPORT = "/api/v1/tickets/export.csv"
PHONE = "138 1234 5678"
CALL = TicketOpen(
    subject="ups-2",
    agent_no=2,
    component="device",
    code="reported",
    severity="major",
    service_class="maintenance",
    fault_from_ms=NOW - 60_000,
    opened_ms=NOW,
    year=2024,
    source="phone",
    watched=False,
    who=world.ADMIN,
    text="=HYPERLINK(1)",
    data={
        "source": "phone",
        "caller": {"name": "@王女士", "phone": PHONE},
        "customer_priority": "urgent",
        "wish": "上午来",
    },
)


def rows(client: TestClient, address: str = EXPORT) -> list[dict[str, str]]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


@pytest.fixture
def called(view: View, store: Store) -> View:
    """The made-up day, places, and a call about ups-2 whose words would be a formula."""
    with Office.open(view._place.path or "") as office:
        world.places(office)
    store.commit(Batch(now_ms=NOW, tickets=[CALL]))
    return view


@pytest.fixture
def admin(called: View) -> TestClient:
    return world.signed_in(world.desk(called), world.ADMIN)


def test_a_file_has_a_line_for_each_ticket_of_the_list(admin: TestClient) -> None:
    found = rows(admin, f"{EXPORT}?lang=en")

    assert [one["Number"] for one in found] == ["2024-000004", "2024-000003", "2024-000002", "2024-000001"]
    kiosk = found[-1]
    assert {name: kiosk[name] for name in ("Device", "Customer", "Site", "Place", "Fault", "State", "Severity")} == {
        "Device": "kiosk-7",
        "Customer": "Metro",
        "Site": "Metro station",
        "Place": "Concourse",
        "Fault": "printer out of paper",
        "State": "reported",
        "Severity": "major",
    }


# Shows S2-20.
def test_what_the_customer_said_stands_in_it_and_no_cell_is_a_formula(admin: TestClient) -> None:
    (call,) = rows(admin, f"{EXPORT}?source=phone")

    assert {name: call[name] for name in ("故障情况", "报修人", "联系电话", "用户要求", "客户优先级", "来源")} == {
        "故障情况": "'=HYPERLINK(1)",
        "报修人": "'@王女士",
        "联系电话": PHONE,
        "用户要求": "上午来",
        "客户优先级": "紧急",
        "来源": "电话报修",
    }


def test_the_filter_is_that_of_the_page(admin: TestClient, store: Store) -> None:
    sent = TicketStep(verb="dispatch", ticket=1, at_ms=NOW, who=world.ADMIN, data={"engineer": world.ADMIN})
    store.commit(Batch(now_ms=NOW, tickets=[sent]))

    for query, numbers in (
        ("look=mine", ["2024-000001"]),
        ("state=dispatched", ["2024-000001"]),
        ("device=ups-2", ["2024-000004"]),
        ("site=hush-a", ["2024-000004"]),
        ("severity=urgent", ["2024-000002"]),
        ("state=over", []),
    ):
        assert [one["单号"] for one in rows(admin, f"{EXPORT}?{query}")] == numbers, query
        assert [one["单号"] for one in rows(admin, f"/tickets.csv?{query}")] == numbers, query


def test_who_may_only_look_gets_telephone_numbers_masked(called: View) -> None:
    desk = world.desk(called)
    desk.office.add_person("looks", name="L", role="viewer", scope=world.EVERYTHING, deed=Deed(who="admin", at_ms=1))

    (call,) = rows(world.signed_in(desk, "looks"), f"{EXPORT}?source=phone")

    assert (call["联系电话"], PHONE in str(call)) == ("138******5678", False)


def test_nothing_beyond_a_scope_is_in_it(called: View) -> None:
    found = rows(world.signed_in(world.desk(called), "viewer"))

    assert {one["设备"] for one in found} == {"kiosk-7", "nvr-2"}


def test_a_workbook_holds_the_same(admin: TestClient) -> None:
    answer = admin.get("/tickets.xlsx?source=phone")

    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert answer.headers["content-type"] == tables.XLSX_TYPE
    assert ("2024-000004" in sheet, "=HYPERLINK(1)" in sheet, "<f>" in sheet) == (True, True, False)


def test_a_file_of_another_form_is_not_there(admin: TestClient) -> None:
    answer = admin.get("/api/v1/tickets/export.pdf")

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:roundsman:problem:no_page")


def test_a_file_is_read_in_pieces_and_says_where_it_stops(admin: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticket_export, "AT_ONCE", 1)
    assert len(rows(admin)) == 4

    monkeypatch.setattr(ticket_export, "MOST", 2)

    assert [one["单号"] for one in rows(admin)] == ["2024-000004", "2024-000003", ticket_export.MORE.zh]
