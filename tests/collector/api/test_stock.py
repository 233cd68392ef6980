"""/stock: what a storekeeper books, what two people at once are told, the purchase list and the months as files."""

import csv
import io
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.register import xlsx
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import Deed, Office, View
from tests.collector.api import world
from tests.collector.api.world import NOW

STOCK = "/api/v1/stock"
TICKET = "2024-000001"
MONTH = "2024-09"
LATER = NOW + 40 * 86_400_000


@pytest.fixture
def desk(view: View) -> Desk:
    found = world.desk(view)
    world.places(found.office)
    deed = Deed(who="admin", at_ms=NOW)
    for person, scope in (
        ("keeper", EVERYTHING),
        ("second", EVERYTHING),
        ("metros", Scope(customers=frozenset({"metro"}))),
    ):
        found.office.add_person(person, name=person, role="storekeeper", scope=scope, deed=deed)
    return found


def who(desk: Desk, person: str) -> TestClient:
    return world.signed_in(desk, person, Origin=world.ORIGIN)


@pytest.fixture
def keeper(desk: Desk) -> TestClient:
    """A storekeeper with a store at headquarters, one of metro's own, and five print heads."""
    client = who(desk, "keeper")
    said = {"name_zh": "打印头", "name_en": "print head", "component": "printer", "warranty_months": 12}
    assert client.put(f"{STOCK}/items/head", json=said).status_code == 200
    assert client.put(f"{STOCK}/locations/hq", json={"name_zh": "总库"}).status_code == 200
    own = {"name_zh": "地铁专用库", "customer": "metro"}
    assert client.put(f"{STOCK}/locations/metro-own", json=own).status_code == 200
    level = {"authorised": 8, "minimum": 2}
    assert client.put(f"{STOCK}/locations/hq/items/head", json=level).status_code == 200
    booked(client, "receive", 5)
    return client


def booked(client: TestClient, verb: str, quantity: int = 1, status: int = 201, **more: Any) -> dict[str, Any]:
    headers = {"Idempotency-Key": more.pop("key")} if "key" in more else {}
    said = {"location": "hq", "item": "head", "verb": verb, "quantity": quantity, **more}
    answer = client.post(f"{STOCK}/moves", json=said, headers=headers)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def shelf(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{STOCK}?location=hq").json()["stock"][0]
    return found


def test_what_is_booked_is_told_with_who_and_when(keeper: TestClient) -> None:
    made = booked(keeper, "issue", 2, ticket=TICKET)

    assert {**made, "at": "", "at_ms": 0} == {
        "id": 2,
        "at_ms": 0,
        "at": "",
        "location": "hq",
        "item": "head",
        "verb": "issue",
        "verb_zh": "领用",
        "quantity": 2,
        "serial": "",
        "grade": None,
        "ticket": TICKET,
        "loan": None,
        "who": "keeper",
        "text": "",
    }
    assert shelf(keeper) == {
        "location": "hq",
        "item": "head",
        "name_zh": "打印头",
        "name_en": "print head",
        "unit": "个",
        "shelf": 3,
        "reserved": 0,
        "free": 3,
        "in_repair": 0,
        "lent": 0,
        "authorised": 8,
        "minimum": 2,
        "missing": 5,
        "is_low": False,
    }


def test_more_than_there_is_is_a_conflict_in_words(keeper: TestClient) -> None:
    refused = booked(keeper, "issue", 6, status=409, ticket=TICKET)

    assert refused["type"] == "urn:roundsman:problem:entry_conflict"
    assert refused["detail"] == "6 of head cannot go: 5 are on the shelf at hq"
    assert refused["expected"] == "at most 5"


def test_the_same_request_again_is_booked_once(keeper: TestClient) -> None:
    first = booked(keeper, "receive", 3, key="delivery-17")

    assert booked(keeper, "receive", 3, key="delivery-17") == first
    assert booked(keeper, "receive", 4, key="delivery-17", status=409)["where"].startswith("header Idempotency-Key")
    assert shelf(keeper)["shelf"] == 8


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"verb": "lend"}, 422),
        ({"verb": "steal"}, 422),
        ({"quantity": 0}, 422),
        ({"quantity": "many"}, 422),
        ({"verb": "issue"}, 422),
        ({"verb": "issue", "ticket": "2024-999999"}, 404),
        ({"item": "nothing"}, 404),
        ({"location": "nowhere"}, 404),
        ({"more": 1}, 422),
        ({"verb": "scrap"}, 422),
        ({"text": "x" * 2001}, 422),
    ],
)
def test_what_cannot_be_booked_is_refused_and_nothing_is_stored(
    keeper: TestClient, said: dict[str, Any], status: int
) -> None:
    body = {"location": "hq", "item": "head", "verb": "receive", "quantity": 1, **said}

    answer = keeper.post(f"{STOCK}/moves", json=body)

    assert answer.status_code == status, answer.text
    assert answer.json()["do"]
    assert len(keeper.get(f"{STOCK}/moves").json()["moves"]) == 1


def test_a_reservation_is_issued_or_released_once(keeper: TestClient) -> None:
    body = {"location": "hq", "item": "head", "quantity": 2, "ticket": TICKET}
    first = keeper.post(f"{STOCK}/reservations", json=body)
    second = keeper.post(f"{STOCK}/reservations", json=body)
    assert [first.status_code, second.status_code, shelf(keeper)["free"]] == [201, 201, 1]

    issued = keeper.post(f"{STOCK}/reservations/1/issue", json={})
    released = keeper.post(f"{STOCK}/reservations/2/release", json={})

    assert [issued.json()["state"], released.json()["state"]] == ["issued", "released"]
    assert (shelf(keeper)["shelf"], shelf(keeper)["reserved"]) == (3, 0)
    assert keeper.post(f"{STOCK}/reservations/1/release", json={}).status_code == 409
    assert keeper.post(f"{STOCK}/reservations/9/release", json={}).status_code == 404
    assert keeper.get(f"{STOCK}/reservations?state=open").json() == {"reservations": [], "next_before": None}


def test_the_purchase_list_is_what_lacks(keeper: TestClient) -> None:
    text = keeper.get(f"{STOCK}/purchase.csv").content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))

    assert rows[1] == ["hq", "总库", "head", "打印头", "", "个", "8", "5", "0", "0", "3"]
    workbook = xlsx.read(keeper.get(f"{STOCK}/purchase.xlsx").content)
    assert [values for _, values in workbook.rows][1][2:4] == ["head", "打印头"]
    assert keeper.get(f"{STOCK}/purchase.pdf").status_code == 404


def test_no_cell_of_a_file_is_a_formula(keeper: TestClient) -> None:
    keeper.put(f"{STOCK}/items/head", json={"name_zh": "=1+1", "specification": '@cmd"|'})

    text = keeper.get(f"{STOCK}/purchase.csv").content.decode("utf-8-sig")

    assert list(csv.reader(io.StringIO(text)))[1][3:5] == ["'=1+1", "'@cmd\"|"]
    workbook = xlsx.read(keeper.get(f"{STOCK}/purchase.xlsx").content)
    assert [values for _, values in workbook.rows][1][3] == "=1+1", "a text, not what it would amount to"


def test_a_month_is_signed_by_two_people(view: View, desk: Desk, keeper: TestClient) -> None:
    later = world.desk(view, now_ms=lambda: LATER)
    at = f"{STOCK}/locations/hq/months/2024-10"
    people = {}
    for person in ("keeper", "second"):
        client = world.browser(later, Origin=world.ORIGIN)
        key = later.office.begin_session(
            person, expires_ms=LATER + 10_000, browser="", deed=Deed(who=person, at_ms=LATER)
        )
        client.cookies.set(f"roundsman_{world.PORT}", key)
        people[person] = client

    assert people["second"].post(f"{at}/check", json={}).status_code == 409
    kept = people["keeper"].post(f"{at}/keep", json={})
    own = people["keeper"].post(f"{at}/check", json={})
    checked = people["second"].post(f"{at}/check", json={"text": "财务 李会计"})

    assert [kept.status_code, own.status_code, checked.status_code] == [200, 403, 200]
    assert (checked.json()["kept_by"], checked.json()["checked_by"]) == ("keeper", "second")
    line = checked.json()["lines"][0]
    assert (line["opening"], line["received"], line["closing"]) == (0, 5, 5)
    text = people["second"].get(f"{at}/export.csv").content.decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text)))[1][:6] == ["head", "打印头", "", "个", "0", "5"]
    assert people["second"].get(f"{at}/export.xlsx").content[:2] == b"PK"


def test_a_month_that_is_not_over_or_is_none_is_refused(keeper: TestClient) -> None:
    assert keeper.post(f"{STOCK}/locations/hq/months/2024-10/keep", json={}).status_code == 409
    assert keeper.get(f"{STOCK}/locations/hq/months/2024-13").status_code == 422
    assert keeper.get(f"{STOCK}/locations/nowhere/months/2024-10").status_code == 404


def test_who_reaches_one_customer_sees_its_own_store_and_nothing_else(desk: Desk, keeper: TestClient) -> None:
    metros = who(desk, "metros")

    assert [one["id"] for one in metros.get(f"{STOCK}/locations").json()["locations"]] == ["metro-own"]
    assert metros.get(STOCK).json() == {"stock": []}
    assert metros.get(f"{STOCK}/moves").json()["moves"] == []
    assert metros.get(f"{STOCK}/locations/hq").status_code == 404
    assert metros.get(f"{STOCK}/locations/hq/months/{MONTH}").status_code == 404
    assert booked(metros, "receive", 1, status=404)["where"] == "location, location"
    assert booked(metros, "receive", 2, location="metro-own")["who"] == "metros"
    assert metros.put(f"{STOCK}/items/mine", json={"name_zh": "我的"}).status_code == 403
    foreign = booked(metros, "issue", 1, location="metro-own", ticket="2024-000003", status=404)
    nobodys = booked(metros, "issue", 1, location="metro-own", ticket="2024-000009", status=404)
    assert foreign["detail"].replace("000003", "000009") == nobodys["detail"]


def test_an_engineer_sees_items_and_no_stock(desk: Desk, keeper: TestClient) -> None:
    engineer = who(desk, "engineer")

    assert [one["id"] for one in engineer.get(f"{STOCK}/items").json()["items"]] == ["head"]
    assert engineer.get(f"{STOCK}/items/head").json()["component"] == "printer"
    assert engineer.get(STOCK).status_code == 403
    assert booked(engineer, "receive", 1, status=403)["expected"] == "the right stock"


def test_what_is_empty_ends_and_what_is_not_does_not(keeper: TestClient) -> None:
    assert keeper.delete(f"{STOCK}/items/head").status_code == 409
    assert keeper.delete(f"{STOCK}/locations/metro-own").status_code == 204
    assert keeper.get(f"{STOCK}/locations/metro-own").status_code == 404
    assert keeper.delete(f"{STOCK}/locations/metro-own").status_code == 404


def test_what_is_booked_stands_in_the_audit_log(desk: Desk, keeper: TestClient, view: View) -> None:
    booked(keeper, "scrap", 1, text="wet")

    found = view.audit(limit=1)[0]

    assert (found.verb, found.subject, found.who) == ("stock.scrap", "stock:hq/head", "keeper")
    assert isinstance(desk.office, Office)
