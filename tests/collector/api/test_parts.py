"""A device's file, a place's and a serial number's, and what a ticket has of spares."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.store import Deed, MoveWish, Store, View, loans, parts
from roundsman_collector.store.connect import transaction
from roundsman_collector.store.stock_register import ItemFields, LocationFields
from tests.collector.api import world
from tests.collector.api.world import NOW

API = "/api/v1"
CONTRACT = {"accepted_on": "2024-01-01", "warranty_until": "2025-12-31"}


@pytest.fixture
def desk(view: View) -> Desk:
    found = world.desk(view)
    world.places(found.office)
    deed = Deed(who="admin", at_ms=NOW)
    office = found.office
    office.put_entry("contract", "metro-c", {"customer": "metro", "name": "M-1", **CONTRACT}, deed=deed)
    site = {"customer": "metro", "group_id": "south", "name_zh": "地铁站", "name_en": "Metro station"}
    office.put_entry("site", "metro-a", {**site, "contract": "metro-c"}, deed=deed)
    office.put_stock_item("head", ItemFields(name_zh="打印头", component="printer", warranty_months=6), deed=deed)
    office.put_stock_location("hq", LocationFields(name_zh="总库"), deed=deed)
    return found


def who(desk: Desk, person: str) -> TestClient:
    return world.signed_in(desk, person, Origin=world.ORIGIN)


@pytest.fixture
def dispatcher(desk: Desk) -> TestClient:
    return who(desk, "dispatcher")


def enter(client: TestClient, status: int = 201, device: str = "kiosk-7", **more: Any) -> dict[str, Any]:
    said = {"component": "printer", "serial": "SN 1", "from": world.TODAY, **more}
    answer = client.post(f"{API}/devices/{device}/parts", json=said)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_part_that_is_entered_has_the_warranty_of_the_contract(dispatcher: TestClient) -> None:
    made = enter(dispatcher)

    assert made["warranty"] == {"until": "2025-12-31", "by": "contract", "is_covered": True}
    found = dispatcher.get(f"{API}/devices/kiosk-7/file").json()
    assert found["parts"] == [made]
    assert (found["phase"], found["phase_zh"], found["is_warranty_short"]) == ("warranty", "质保", False)
    assert [one["place"] for one in found["installations"]] == ["metro-1"]
    assert [one["number"] for one in found["tickets"]] == ["2024-000001"]


def test_a_part_with_dates_of_its_own_and_a_consumable(dispatcher: TestClient) -> None:
    over = enter(dispatcher, warranty_until="2024-09-30")
    used = enter(dispatcher, component="supply", serial="", is_consumable=True)

    assert over["warranty"] == {"until": "2024-09-30", "by": "part", "is_covered": False}
    assert used["warranty"] == {"until": None, "by": "consumable", "is_covered": False}


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"component": ""}, 422),
        ({"from": NOW + 1}, 422),
        ({"from": "yesterday"}, 422),
        ({"warranty_until": "soon"}, 422),
        ({"item": "nothing"}, 422),
        ({"more": 1}, 422),
    ],
)
def test_a_part_that_cannot_be_is_refused(dispatcher: TestClient, said: dict[str, Any], status: int) -> None:
    assert enter(dispatcher, status, **said)["do"]


def test_a_serial_number_in_another_device_is_a_conflict_that_tells_no_other_device(
    desk: Desk, dispatcher: TestClient
) -> None:
    enter(dispatcher, device="ups-2", component="battery")

    refused = enter(dispatcher, 409)

    assert "ups-2" not in str(refused)
    assert refused["detail"] == "serial number SN 1 is built in elsewhere already"


def test_a_part_is_taken_out_or_back(dispatcher: TestClient) -> None:
    first = enter(dispatcher)
    at = f"{API}/devices/kiosk-7/parts"

    assert dispatcher.post(f"{at}/{first['id']}/mistake").json()["parts"] == []
    second = enter(dispatcher)
    assert dispatcher.post(f"{at}/{second['id']}/out").json()["parts"][0]["to_ms"] == NOW
    assert dispatcher.post(f"{at}/{second['id']}/out").status_code == 409
    assert dispatcher.post(f"{at}/99/out").status_code == 404


def test_a_place_tells_what_stood_there_and_a_serial_number_where_it_was(dispatcher: TestClient) -> None:
    enter(dispatcher)

    place = dispatcher.get(f"{API}/places/metro-1/parts").json()
    serial = dispatcher.get(f"{API}/parts", params={"serial": " SN 1 "}).json()

    assert [(one["device"], [part["serial"] for part in one["parts"]]) for one in place["standing"]] == [
        ("kiosk-7", ["SN 1"]),
        ("nvr-2", []),
    ]
    assert [(one["device"], one["to_ms"]) for one in serial["parts"]] == [("kiosk-7", None)]
    assert dispatcher.get(f"{API}/places/nowhere/parts").status_code == 404
    assert dispatcher.get(f"{API}/parts").json() == {"serial": "", "devices": [], "parts": []}


def test_a_viewer_of_one_customer_sees_no_serial_number_of_another(desk: Desk, dispatcher: TestClient) -> None:
    enter(dispatcher, device="ups-2", component="battery", serial="SECRET")

    assert who(desk, "viewer").get(f"{API}/parts?serial=SECRET").json()["parts"] == []
    assert who(desk, "viewer").post(f"{API}/devices/kiosk-7/parts", json={}).status_code == 403


def test_a_ticket_tells_its_spares_who_pays_and_whether_it_may_be_repaired_again(
    desk: Desk, dispatcher: TestClient, store: Store
) -> None:
    enter(dispatcher)
    desk.office.book_move(
        MoveWish(location="hq", item="head", verb="receive", quantity=2), deed=Deed(who="k", at_ms=NOW)
    )
    desk.office.book_move(
        MoveWish(location="hq", item="head", verb="issue", ticket="2024-000001"), deed=Deed(who="k", at_ms=NOW)
    )
    with transaction(store._write, "a test", store._place) as connection:
        loans.loan_out(connection, ticket_id=1, who="li", at_ms=NOW, name="a spare kiosk", serial="LU 1")

    found = who(desk, "viewer").get(f"{API}/tickets/2024-000001/spares").json()

    assert [(one["verb_zh"], one["quantity"]) for one in found["moves"]] == [("领用", 1)]
    assert [(one["name"], one["became_zh"]) for one in found["loans"]] == [("a spare kiosk", "借用中")]
    assert (found["phase"], found["warranty"]["is_covered"]) == ("warranty", True)
    assert found["verdict"]["is_blocked"] is False
    assert found["fitting"] == [], "a customer is not told what lies in the store"
    fitting = dispatcher.get(f"{API}/tickets/2024-000001/spares").json()["fitting"]
    assert [(one["item"], one["location"], one["free"]) for one in fitting] == [("head", "hq", 1)]
    charges = {one["cause"]: (one["labour_zh"], one["parts_zh"], one["is_new_due"]) for one in found["charges"]}
    assert charges["product"] == ("免费", "免费", True)
    assert charges["misuse"] == ("免费", "按成本价", False)
    at = f"{API}/tickets/2024-000001/spares"
    excluded = dispatcher.get(f"{at}?exclusion=accident").json()["charges"]
    assert {(one["labour_zh"], one["parts_zh"], one["is_new_due"]) for one in excluded} == {
        ("按标准价", "按标准价", False)
    }
    assert dispatcher.get(f"{at}?exclusion=luck").status_code == 422
    with transaction(store._write, "a test", store._place) as connection:
        connection.exec_driver_sql(
            "INSERT INTO ticket_event (ticket_id, at_ms, who, verb, text, data) "
            "VALUES (1, ?, 'li', 'fix', '', '{\"cause\": \"damage\", \"exclusion\": \"accident\"}')",
            (NOW,),
        )
    assert dispatcher.get(at).json()["charges"] == excluded, "the repair says why no warranty covers it"


def test_a_third_repair_is_told_before_it_is_tried(desk: Desk, dispatcher: TestClient, store: Store) -> None:
    with transaction(store._write, "a test", store._place) as connection:
        for at_ms in (NOW - 2000, NOW - 1000):
            connection.exec_driver_sql(
                "INSERT INTO ticket_event (ticket_id, at_ms, who, verb, text, data) "
                "VALUES (1, ?, 'li', 'fix', '', '{\"cause\": \"product\"}')",
                (at_ms,),
            )
    before = dispatcher.get(f"{API}/tickets/2024-000001/spares").json()["verdict"]
    with transaction(store._write, "a test", store._place) as connection:
        parts.replace(connection, "kiosk-7", "printer", "", "SN 9", 1, None, "li", NOW, item="head")
    after = dispatcher.get(f"{API}/tickets/2024-000001/spares").json()["verdict"]

    assert (before["is_blocked"], before["rule"], before["evidence"]) == (True, "repaired", ["2024-000001"])
    assert after["is_blocked"] is False
