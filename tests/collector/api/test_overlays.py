"""/overlays and /changes: proposed by one, approved by another, and what that changes of a figure of then."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import Deed, View
from tests.collector.api import world
from tests.collector.api.world import NOW, at

OVERLAYS, CHANGES = "/api/v1/overlays", "/api/v1/changes"
CORRECTION = {
    "kind": "correction",
    "scope": "device",
    "target": "nvr-2",
    "from": at(9),
    "to": at(9.5),
    "state": "up",
    "reason": "found_working",
    "text": "the recorder ran; its port was blocked",
}
WORK = {
    "kind": "maintenance",
    "scope": "device",
    "target": "kiosk-7",
    "from": NOW + 1000,
    "to": NOW + 9000,
    "reason": "planned_work",
}


@pytest.fixture
def desk(view: View) -> Desk:
    found = world.desk(view)
    world.places(found.office)
    found.office.add_person(
        "second", name="second", role="dispatcher", scope=EVERYTHING, deed=Deed(who="admin", at_ms=NOW)
    )
    return found


@pytest.fixture
def dispatcher(desk: Desk) -> TestClient:
    return world.signed_in(desk, "dispatcher", Origin=world.ORIGIN)


@pytest.fixture
def second(desk: Desk) -> TestClient:
    return world.signed_in(desk, "second", Origin=world.ORIGIN)


@pytest.fixture
def engineer(desk: Desk) -> TestClient:
    return world.signed_in(desk, "engineer", Origin=world.ORIGIN)


@pytest.fixture
def viewer(desk: Desk) -> TestClient:
    return world.signed_in(desk, "viewer", Origin=world.ORIGIN)


def proposed(client: TestClient, said: dict[str, Any] = CORRECTION, **more: Any) -> dict[str, Any]:
    answer = client.post(OVERLAYS, json={**said, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def done(client: TestClient, overlay: int, verb: str, **said: Any) -> dict[str, Any]:
    answer = client.post(f"{OVERLAYS}/{overlay}/{verb}", json=said)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_correction_is_proposed_by_one_and_approved_by_another(dispatcher: TestClient, second: TestClient) -> None:
    made = proposed(dispatcher)

    assert (made["status"], made["status_zh"], made["counts_ms"], made["may"]) == (
        "proposed",
        "待审批",
        None,
        ["revoke"],
    )
    assert second.get(f"{OVERLAYS}/{made['id']}").json()["may"] == ["approve", "refuse", "revoke"]

    approved = done(second, made["id"], "approve", text="seen on site")

    assert (approved["status"], approved["counts_ms"]) == ("in_force", NOW)
    assert [(one["verb"], one["who"], one["text"]) for one in approved["events"]] == [
        ("approve", "second", "seen on site")
    ]
    assert dispatcher.get(f"{OVERLAYS}/{made['id']}").json()["may"] == [], "what was measured is not the author's alone"


@pytest.mark.parametrize("verb", ["approve", "refuse"])
def test_an_author_is_told_that_it_takes_a_second_person(dispatcher: TestClient, verb: str) -> None:
    made = proposed(dispatcher)

    answer = dispatcher.post(f"{OVERLAYS}/{made['id']}/{verb}", json={})

    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:roundsman:problem:entry_closed"
    assert "second person" in answer.json()["expected"]


def test_an_author_does_not_approve_by_the_own_token(desk: Desk, dispatcher: TestClient) -> None:
    desk.office.add_token("mine", name="mine", role="dispatcher", deed=Deed(who="dispatcher", at_ms=NOW))
    made = proposed(dispatcher)
    program = world.browser(desk, Authorization="Bearer mine")

    assert program.get(f"{OVERLAYS}/{made['id']}").json()["may"] == ["revoke"]
    assert program.post(f"{OVERLAYS}/{made['id']}/approve", json={}).status_code == 403


def test_an_engineer_proposes_and_plans_nothing(engineer: TestClient) -> None:
    made = proposed(engineer, text="found at 09:30")

    assert made["may"] == ["revoke"]
    refused = engineer.post(OVERLAYS, json=WORK)
    assert (refused.status_code, refused.json()["where"].partition(",")[2]) == (403, " kind")


def test_an_engineer_cannot_approve(engineer: TestClient, dispatcher: TestClient) -> None:
    made = proposed(dispatcher)

    answer = engineer.post(f"{OVERLAYS}/{made['id']}/approve", json={})

    assert (answer.status_code, answer.json()["expected"]) == (403, "the right to approve")


def test_planned_maintenance_counts_at_once_and_its_author_may_shorten_it(dispatcher: TestClient) -> None:
    made = proposed(dispatcher, WORK)

    assert (made["status"], made["is_planned"], made["may"]) == ("in_force", True, ["revoke", "end"])

    ended = done(dispatcher, made["id"], "end", to=NOW + 5000)

    assert (ended["to_ms"], ended["ends_ms"]) == (NOW + 9000, NOW + 5000)


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({**CORRECTION, "state": ""}, 422, "bad_entry"),
        ({**CORRECTION, "reason": "force_majeure"}, 422, "bad_entry"),
        ({**CORRECTION, "target": "nvr-9"}, 404, "entry_missing"),
        ({**CORRECTION, "to": at(8)}, 422, "bad_entry"),
        ({**CORRECTION, "to": NOW + 1}, 422, "bad_entry"),
        ({**CORRECTION, "from": "09:00"}, 422, "bad_parameter"),
        ({**CORRECTION, "scope": "galaxy"}, 422, "bad_parameter"),
        ({**CORRECTION, "more": 1}, 422, "bad_parameter"),
        ({}, 422, "bad_parameter"),
    ],
)
def test_what_cannot_be_proposed_is_refused_in_words(
    dispatcher: TestClient, said: dict[str, Any], status: int, code: str
) -> None:
    answer = dispatcher.post(OVERLAYS, json=said)

    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:roundsman:problem:{code}")
    assert answer.json()["expected"] and answer.json()["do"]


def test_an_end_needs_a_time_and_nothing_else_takes_one(dispatcher: TestClient, second: TestClient) -> None:
    made = proposed(dispatcher)

    assert second.post(f"{OVERLAYS}/{made['id']}/end", json={}).status_code == 422
    assert second.post(f"{OVERLAYS}/{made['id']}/approve", json={"to": at(9.2)}).status_code == 422
    assert second.post(f"{OVERLAYS}/{made['id']}/forget", json={}).status_code == 422


@pytest.mark.parametrize("name", ["99", "x", "999999999999999999", "-1", "٣"])
def test_what_is_not_there_is_not_found(dispatcher: TestClient, name: str) -> None:
    for answer in (dispatcher.get(f"{OVERLAYS}/{name}"), dispatcher.post(f"{OVERLAYS}/{name}/approve", json={})):
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:roundsman:problem:no_overlay")


def test_a_list_is_narrowed_and_of_a_device_it_holds_what_concerns_it(
    dispatcher: TestClient, second: TestClient
) -> None:
    first, work = proposed(dispatcher), proposed(dispatcher, WORK)
    of_site = proposed(dispatcher, WORK, scope="site", target="metro-a")
    done(second, first["id"], "refuse")

    def ids(query: str) -> list[int]:
        return [one["id"] for one in dispatcher.get(f"{OVERLAYS}?{query}").json()["overlays"]]

    assert ids("") == [of_site["id"], work["id"], first["id"]]
    assert ids("status=refused") == [first["id"]]
    assert ids("kind=maintenance&limit=1") == [of_site["id"]]
    assert ids("device=kiosk-7") == [of_site["id"], work["id"]]
    assert ids("device=kiosk-7&scope=device") == [work["id"]]
    assert ids("device=nobody") == []
    assert ids(f"to={at(10)}") == [first["id"]]


def test_a_viewer_sees_the_own_customers_and_changes_nothing(dispatcher: TestClient, viewer: TestClient) -> None:
    mine = proposed(dispatcher)
    foreign = proposed(dispatcher, CORRECTION, target="ups-2", text="hush")

    assert [one["id"] for one in viewer.get(OVERLAYS).json()["overlays"]] == [mine["id"]]
    assert viewer.get(f"{OVERLAYS}/{mine['id']}").json()["may"] == []
    assert viewer.get(f"{OVERLAYS}/{foreign['id']}").status_code == 404
    assert viewer.get(f"{OVERLAYS}?device=ups-2").json() == {"overlays": [], "next_before": None}
    assert viewer.post(OVERLAYS, json=CORRECTION).status_code == 403


# --- what changed since ----------------------------------------------------------------------------------------------


def test_an_approval_is_a_change_since_and_says_so(desk: Desk, dispatcher: TestClient, second: TestClient) -> None:
    known = NOW - 1
    assert dispatcher.get(f"{CHANGES}?known={known}").json()["devices"] == []
    made = proposed(dispatcher, CORRECTION, to=at(9) + 30_000)
    done(second, made["id"], "approve")

    told = dispatcher.get(f"{CHANGES}?known={known}&device=nvr-2").json()

    (device,) = told["devices"]
    (change,) = device["changes"]
    assert (device["device"], device["total"]) == ("nvr-2", 1)
    assert (device["was_ms"], device["now_ms"]) == ({"down": 30_000}, {"up": 30_000})
    assert (change["from_ms"], change["to_ms"], change["why"]) == (at(9), at(9) + 30_000, "correction")
    assert (change["was"]["state"], change["now"]["state"], change["now"]["overlay"]) == ("down", "up", made["id"])
    assert [one["id"] for one in told["overlays"]] == [made["id"]]
    assert told["next_after"] is None


def test_a_change_by_an_exclusion_tells_its_reason(desk: Desk, dispatcher: TestClient, second: TestClient) -> None:
    made = proposed(dispatcher, CORRECTION, kind="exclusion", state="", reason="customer_power", to=at(9) + 30_000)
    done(second, made["id"], "approve")

    (device,) = dispatcher.get(f"{CHANGES}?known={NOW - 1}&device=nvr-2").json()["devices"]

    (change,) = device["changes"]
    assert change["why"] == "exclusion"
    assert change["now"] == {
        "state": "excluded", "cause": "customer_power", "fault": "", "overlay": made["id"], "root": ""
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "bad_parameter"),
        (f"known={NOW + 1}", "bad_parameter"),
        (f"known={NOW}&from={NOW}", "bad_parameter"),
        (f"known={NOW}&from=1", "window_too_long"),
        ("known=yesterday", "bad_parameter"),
    ],
)
def test_what_cannot_be_compared_is_refused(dispatcher: TestClient, query: str, code: str) -> None:
    answer = dispatcher.get(f"{CHANGES}?{query}")

    assert (answer.status_code, answer.json()["type"]) == (422, f"urn:roundsman:problem:{code}")


def test_a_viewer_hears_of_the_changes_of_the_own_devices_only(
    dispatcher: TestClient, second: TestClient, viewer: TestClient
) -> None:
    for target in ("nvr-2", "ups-2"):
        made = proposed(dispatcher, CORRECTION, target=target, state="unknown", text="hush")
        done(second, made["id"], "approve")

    told = viewer.get(f"{CHANGES}?known={NOW - 1}").json()

    assert [one["device"] for one in told["devices"]] == ["nvr-2"]
    assert [one["target"] for one in told["overlays"]] == ["nvr-2"]
    assert viewer.get(f"{CHANGES}?known={NOW - 1}&device=ups-2").json()["devices"] == []


def test_a_program_is_held_to_its_scope_too(desk: Desk, dispatcher: TestClient) -> None:
    scope = Scope(customers=frozenset({"hush"}))
    desk.office.add_token("theirs", name="t", role="administrator", scope=scope, deed=Deed(who="second", at_ms=NOW))
    made = proposed(dispatcher)
    program = world.browser(desk, Authorization="Bearer theirs")

    assert program.get(f"{OVERLAYS}/{made['id']}").status_code == 404
    assert program.post(f"{OVERLAYS}/{made['id']}/approve", json={}).status_code == 404
    assert program.post(OVERLAYS, json=CORRECTION).status_code == 404
