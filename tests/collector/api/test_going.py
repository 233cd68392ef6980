"""Who goes over HTTP: the suggestion for a ticket, people, points, skills; within scopes."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.roles import Role, Scope
from roundsman_collector.store import Deed, View
from tests.collector.api import world
from tests.collector.api.world import NOW

SOUTH = Scope(groups=frozenset({"south"}))
NORTH = Scope(groups=frozenset({"north"}))
DEED = Deed(who="admin", at_ms=NOW - 10)
PEOPLE: tuple[tuple[str, Role, Scope], ...] = (
    ("li", "engineer", SOUTH),
    ("far", "engineer", NORTH),
    ("southern", "dispatcher", SOUTH),
    ("northern", "dispatcher", NORTH),
)
POINT = {"name_zh": "天河网点", "name_en": "Tianhe", "group_id": "south", "zones": "urban", "phone": "020-8888 6666"}


@pytest.fixture
def desk(view: View) -> Desk:
    made = world.desk(view)
    world.places(made.office)
    for login, role, scope in PEOPLE:
        made.office.add_person(login, name=login.title(), role=role, scope=scope, deed=DEED)
    return made


def of(desk: Desk, login: str) -> TestClient:
    return world.signed_in(desk, login, Origin=world.ORIGIN)


def test_a_ticket_is_told_whom_to_send_and_why_and_nobody_is_dispatched(desk: Desk) -> None:
    southern = of(desk, "southern")
    southern.put("/api/v1/points/tianhe", json=POINT)
    southern.put("/api/v1/engineers/li/point", json={"point": "tianhe"})
    southern.put("/api/v1/engineers/li/skills", json={"kind": "kiosk", "qualified_until": "2030-06-30"})

    told = southern.get("/api/v1/tickets/2024-000001/suggestion").json()

    first = told["candidates"][0]
    assert {name: told[name] for name in ("subject", "kind", "group", "site", "place", "zone", "points")} == {
        "subject": "kiosk-7",
        "kind": "kiosk",
        "group": "south",
        "site": "metro-a",
        "place": "metro-1",
        "zone": "urban",
        "points": ["tianhe"],
    }
    assert (first["login"], first["is_best"], first["warnings"]) == ("li", True, [])
    assert [(one["code"], one["en"]) for one in first["reasons"]] == [
        ("point", "of service point tianhe, which covers the site"),
        ("skilled", "skilled for kiosk"),
        ("idle", "has no ticket now"),
    ]
    assert "far" not in [one["login"] for one in told["candidates"]]
    lacking = next(one for one in told["candidates"] if one["login"] == "southern")
    assert [one["code"] for one in lacking["warnings"]] == ["no_skill"]
    assert desk.view.ticket("2024-000001")[0].state == "open"  # type: ignore[index]


def test_a_ticket_out_of_reach_is_not_there(desk: Desk) -> None:
    assert of(desk, "northern").get("/api/v1/tickets/2024-000001/suggestion").status_code == 404


def test_only_people_with_something_in_common_are_seen_and_written(desk: Desk) -> None:
    northern = of(desk, "northern")

    logins = [one["login"] for one in northern.get("/api/v1/engineers").json()["engineers"]]
    answers = [
        northern.get("/api/v1/engineers/li"),
        northern.put("/api/v1/engineers/li/point", json={"point": None}),
        northern.put("/api/v1/engineers/li/skills", json={"kind": "kiosk"}),
        northern.post("/api/v1/engineers/li/skills/end", json={"kind": "kiosk"}),
    ]

    assert "far" in logins
    assert "li" not in logins
    assert [one.status_code for one in answers] == [404] * 4


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("point", {"point": "nowhere"}, 404),
        ("point", {}, 422),
        ("skills", {"kind": "Kiosk!"}, 422),
        ("skills", {"kind": "kiosk", "qualified_until": "soon"}, 422),
        ("skills", {"kind": "kiosk", "component": "disk[/]"}, 422),
    ],
)
def test_what_cannot_be_kept_of_somebody_is_refused(desk: Desk, path: str, body: dict[str, Any], status: int) -> None:
    answer = of(desk, "southern").put(f"/api/v1/engineers/li/{path}", json=body)

    assert answer.status_code == status, answer.text


def test_a_skill_is_entered_prolonged_and_ended(desk: Desk) -> None:
    client = of(desk, "southern")
    at = "/api/v1/engineers/li/skills"

    client.put(at, json={"kind": "nvr", "component": "disk", "qualified_until": "2025-06-30"})
    longer = client.put(at, json={"kind": "nvr", "component": "disk", "qualified_until": "2026-06-30"}).json()
    ended = client.post(f"{at}/end", json={"kind": "nvr", "component": "disk"}).json()

    assert [(one["kind"], one["component"], one["qualified_until"]) for one in longer["skills"]] == [
        ("nvr", "disk", "2026-06-30")
    ]
    assert ended["skills"] == []


def test_a_service_point_is_an_entry_of_the_register(desk: Desk) -> None:
    client = of(desk, "southern")

    made = client.put("/api/v1/points/tianhe", json=POINT)
    foreign = client.put("/api/v1/points/beihai", json={**POINT, "group_id": "north"})

    assert (made.status_code, foreign.status_code) == (201, 403)
    assert made.json()["fields"] == {**POINT, "address": ""}
    assert of(desk, "northern").get("/api/v1/points").json()["entries"] == []
