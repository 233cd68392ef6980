"""What fits a ticket and where it lies; keeping it, asking for it, and who may; what labour and parts cost."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.store import Batch, Deed, ItemFields, LocationFields, MoveWish, Store, TicketStep, View
from tests.collector.api import world
from tests.collector.api.world import NOW

TICKET = "2024-000001"
SPARES = f"/api/v1/tickets/{TICKET}/spares"
DEED = Deed(who="admin", at_ms=NOW)


@pytest.fixture
def desk(view: View) -> Desk:
    """Print heads at headquarters, in the bag of the engineer, and in a bank's own store."""
    found = world.desk(view)
    world.places(found.office)
    office = found.office
    office.put_stock_item("head", ItemFields(name_zh="打印头", name_en="print head", component="printer"), deed=DEED)
    office.put_entry("customer", "bank", {"name_zh": "银行", "name_en": "Bank"}, deed=DEED)
    for location, fields in (
        ("hq", LocationFields(name_zh="总库", name_en="headquarters")),
        ("bag", LocationFields(name_zh="随身备件", name_en="bag", engineer="engineer")),
        ("bank-own", LocationFields(name_zh="银行专用库", customer="bank")),
    ):
        office.put_stock_location(location, fields, deed=DEED)
        office.book_move(MoveWish(location=location, item="head", verb="receive"), deed=DEED)
    return found


@pytest.fixture
def engineer(desk: Desk) -> TestClient:
    return world.signed_in(desk, "engineer", Origin=world.ORIGIN)


def keep(client: TestClient, status: int = 201, key: str = "", **more: Any) -> dict[str, Any]:
    headers = {"Idempotency-Key": key} if key else {}
    answer = client.post(SPARES, json={"location": "hq", "item": "head", **more}, headers=headers)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def spots(found: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(one["location"], one["near"], one["free"]) for one in found["fitting"]]


def step(store: Store, verb: str, **data: Any) -> None:
    taken = TicketStep(verb=verb, ticket=1, at_ms=NOW, who="dispatcher", text="", data=data)
    store.commit(Batch(now_ms=NOW, tickets=[taken]))


# Shows S1-16.
def test_an_engineer_of_one_centre_sees_what_fits_and_keeps_it_from_headquarters(
    desk: Desk, engineer: TestClient, store: Store
) -> None:
    before = engineer.get(SPARES).json()
    step(store, "dispatch", engineer="engineer")

    kept = keep(engineer)

    assert spots(before) == [("hq", "central", 1), ("bag", "colleague", 1)], "the bank's own store serves the bank"
    assert spots(kept) == [("bag", "carried", 1), ("hq", "central", 0)], "the engineer's own bag lies nearest"
    assert [(one["location"], one["state"], one["made_by"]) for one in kept["reservations"]] == [
        ("hq", "open", "engineer")
    ]
    assert (kept["along"]["state"], kept["along"]["reserved"]) == ("ready", 1)
    assert engineer.get("/api/v1/stock").status_code == 403, "keeping the store is the storekeeper's"
    assert engineer.post("/api/v1/stock/reservations/1/issue").status_code == 403


# Shows S4-4.
def test_the_last_one_goes_to_who_was_faster_and_the_other_asks_for_one(engineer: TestClient) -> None:
    first = keep(engineer, key="first")

    refused = keep(engineer, 409)
    again = keep(engineer, key="first")
    asked = keep(engineer, is_wish=True)

    assert refused["expected"] == "at most 0"
    assert again["reservations"] == first["reservations"]
    assert [one["state"] for one in asked["reservations"]] == ["wanted", "open"]
    assert asked["along"]["wanted"] == 1


def test_what_is_kept_is_let_go_once(engineer: TestClient) -> None:
    keep(engineer)

    first = engineer.post(f"{SPARES}/1/release")
    second = engineer.post(f"{SPARES}/1/release")

    assert (first.status_code, spots(first.json())[0]) == (200, ("hq", "central", 1))
    assert (second.status_code, engineer.post(f"{SPARES}/9/release").status_code) == (409, 404)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"location": "bank-own"}, 404),
        ({"location": "nowhere"}, 404),
        ({"item": "nothing"}, 404),
        ({"quantity": 0}, 422),
        ({"quantity": 2}, 409),
        ({"more": 1}, 422),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_is_kept(
    engineer: TestClient, said: dict[str, Any], status: int
) -> None:
    keep(engineer, status, **said)

    assert engineer.get(SPARES).json()["reservations"] == []


def test_who_only_looks_keeps_nothing_and_a_ticket_out_of_reach_is_none(desk: Desk, engineer: TestClient) -> None:
    viewer = world.signed_in(desk, "viewer", Origin=world.ORIGIN)

    assert viewer.post(SPARES, json={"location": "hq", "item": "head"}).status_code == 403
    assert viewer.get(SPARES).json()["fitting"] == []
    beyond = engineer.post("/api/v1/tickets/2024-000009/spares", json={"location": "hq", "item": "head"})
    assert beyond.status_code == 404


# Shows S4-24.
def test_a_solution_that_delivers_something_wants_a_spare_along(engineer: TestClient, store: Store) -> None:
    told = [engineer.get(SPARES).json()["along"]]
    step(store, "plan", mode="supply")
    told.append(engineer.get(SPARES).json()["along"])
    told.append(keep(engineer, is_wish=True)["along"])
    told.append(keep(engineer)["along"])

    assert [one["state"] for one in told] == ["", "missing", "wanted", "ready"]
    assert told[1]["state_zh"] == "需带备件，尚未预留"


# Shows S1-41.
def test_labour_and_parts_go_by_dates_and_rates_of_their_own(desk: Desk, engineer: TestClient) -> None:
    contract = {"accepted_on": "2020-01-01", "warranty_until": "2022-12-31", "labour_until": "2024-12-31"}
    fields = {"customer": "metro", "name": "M-1", "parts_rate": "cost", **contract}
    desk.office.put_entry("contract", "metro-c", fields, deed=DEED)
    site = {"customer": "metro", "group_id": "south", "name_zh": "地铁站", "name_en": "Metro station"}
    desk.office.put_entry("site", "metro-a", {**site, "contract": "metro-c"}, deed=DEED)

    found = engineer.get(SPARES).json()
    file = engineer.get("/api/v1/devices/kiosk-7/file").json()

    charges = {one["cause"]: (one["labour_zh"], one["parts_zh"]) for one in found["charges"]}
    assert found["phase"] == "expired"
    assert charges["product"] == ("免费", "按成本价")
    assert charges["other"] == ("待售后经理核定", "按成本价")
    assert (file["labour_until"], file["parts_rate"]) == ("2024-12-31", "cost")
