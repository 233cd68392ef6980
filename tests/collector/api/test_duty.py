"""/duty over HTTP: reading within a scope, a dispatcher's changes, swaps between two people, the file."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.roles import EVERYTHING, Role, Scope
from roundsman_collector.store import Deed, View
from tests.collector.api import world
from tests.collector.api.world import HOUR, NOW

SOUTH = Scope(groups=frozenset({"south"}))
NORTH = Scope(groups=frozenset({"north"}))
DEED = Deed(who="admin", at_ms=NOW - 10)
PEOPLE: tuple[tuple[str, Role, Scope], ...] = (
    ("li", "engineer", SOUTH),
    ("wang", "engineer", SOUTH),
    ("zhao", "engineer", Scope(customers=frozenset({"metro"}))),
    ("southern", "dispatcher", SOUTH),
    ("northern", "dispatcher", NORTH),
)


@pytest.fixture
def desk(view: View) -> Desk:
    made = world.desk(view)
    world.places(made.office)
    made.office.put_entry("group", "north", {"name_zh": "北", "name_en": "North"}, deed=DEED)
    for login, role, scope in PEOPLE:
        made.office.add_person(login, name=login.title(), role=role, scope=scope, deed=DEED)
    return made


def of(desk: Desk, login: str) -> TestClient:
    return world.signed_in(desk, login, Origin=world.ORIGIN)


def body(person: str = "li", begin: float = 24, end: float = 36, **more: Any) -> dict[str, Any]:
    return {
        "group": "south",
        "person": person,
        "from": NOW + round(begin * HOUR),
        "to": NOW + round(end * HOUR),
        **more,
    }


def entered(client: TestClient, *bodies: dict[str, Any]) -> list[int]:
    answers = [client.post("/api/v1/duty/shifts", json=one) for one in bodies]
    assert [one.status_code for one in answers] == [201] * len(bodies), [one.text for one in answers]
    return [one.json()["id"] for one in answers]


def test_a_dispatcher_enters_a_duty_and_everybody_of_the_group_sees_who_is_on(desk: Desk) -> None:
    (made,) = entered(of(desk, "southern"), body(begin=-1, end=11, note="国庆"))

    (now,) = of(desk, "wang").get("/api/v1/duty/now?group=south").json()["shifts"]

    assert (now["id"], now["person"], now["kind_zh"], now["note"], now["made_by"]) == (
        made,
        "li",
        "主班",
        "国庆",
        "southern",
    )
    assert now["from"] == "2024-10-04T17:00:00.000Z"
    assert of(desk, "wang").get(f"/api/v1/duty/now?at={NOW + 11 * HOUR}").json() == {"shifts": []}


def test_a_dispatcher_of_another_group_neither_sees_nor_changes_it(desk: Desk) -> None:
    (made,) = entered(of(desk, "southern"), body())
    northern = of(desk, "northern")

    answers = [
        northern.get(f"/api/v1/duty/shifts/{made}"),
        northern.post("/api/v1/duty/shifts", json=body("wang")),
        northern.post(f"/api/v1/duty/shifts/{made}/remove"),
        northern.post(f"/api/v1/duty/shifts/{made}/give", json={"other": "wang"}),
        northern.get("/api/v1/duty/pattern?group=south"),
        northern.put("/api/v1/duty/pattern?group=south", json=PATTERN),
        northern.post("/api/v1/duty/fill", json={"group": "south", "first": "2024-10-07", "last": "2024-10-08"}),
    ]

    assert [one.status_code for one in answers] == [404] * 7
    assert northern.get("/api/v1/duty").json() == {"shifts": []}
    assert made in [one["id"] for one in of(desk, "southern").get("/api/v1/duty").json()["shifts"]]


def test_an_engineer_of_one_customer_sees_their_own_duties_and_no_others(desk: Desk) -> None:
    mine, _ = entered(of(desk, "southern"), body("zhao"), body("li"))
    zhao = of(desk, "zhao")

    assert [one["id"] for one in zhao.get("/api/v1/duty").json()["shifts"]] == [mine]
    assert zhao.get(f"/api/v1/duty/shifts/{mine}").status_code == 200


def test_a_conflict_says_what_stands_in_the_way(desk: Desk) -> None:
    client = of(desk, "southern")
    (made,) = entered(client, body())

    answer = client.post("/api/v1/duty/shifts", json=body(begin=30, end=40))

    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:roundsman:problem:entry_conflict"
    assert f"li is on duty at that time already (shift {made})" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"from": "soon"}, 422),
        ({"from": "2024-10-05T08:00:00"}, 422),
        ({"to": NOW}, 422),
        ({"kind": "holiday"}, 422),
        ({"person": "ghost"}, 409),
        ({"group": "west"}, 404),
        ({"point": "nowhere"}, 404),
        ({"surprise": 1}, 422),
    ],
)
def test_a_duty_that_cannot_be_is_refused_as_a_problem(desk: Desk, more: dict[str, Any], status: int) -> None:
    answer = of(desk, "southern").post("/api/v1/duty/shifts", json=body() | more)

    assert answer.status_code == status, answer.text
    assert {"type", "title", "detail", "where", "expected", "do"} <= set(answer.json())


def test_what_was_taken_back_is_listed_only_when_asked_for(desk: Desk) -> None:
    client = of(desk, "southern")
    (made,) = entered(client, body())

    gone = client.post(f"/api/v1/duty/shifts/{made}/remove").json()

    assert (gone["taken_back_ms"], gone["taken_back_by"]) == (NOW, "southern")
    assert client.get("/api/v1/duty").json() == {"shifts": []}
    assert [one["id"] for one in client.get("/api/v1/duty?taken_back=true").json()["shifts"]] == [made]


PATTERN: dict[str, Any] = {
    "from_day": "2024-10-07",
    "calendar": "cn",
    "lines": [
        {"days": "周一至周五", "times": "18:00-08:00", "people": ["li", "wang"], "turns": "week"},
        {"days": "weekends, holidays", "times": "08:00-08:00", "kind": "backup", "people": ["wang"]},
    ],
}


def test_a_pattern_is_kept_and_fills_days_after_a_look(desk: Desk) -> None:
    client = of(desk, "southern")
    (off,) = entered(client, body("li", 24 * 4 - 18, 24 * 5 - 18, kind="off"))
    days = {"group": "south", "first": "2024-10-07", "last": "2024-10-13"}

    kept = client.put("/api/v1/duty/pattern?group=south", json=PATTERN)
    looked = client.post("/api/v1/duty/fill", json={**days, "dry_run": True}).json()
    before = client.get(f"/api/v1/duty?from={NOW}&to={NOW + 20 * 24 * HOUR}").json()["shifts"]
    filled = client.post("/api/v1/duty/fill", json=days).json()

    assert kept.json()["pattern"]["lines"][0]["days"] == "1-5"
    assert {**looked, "dry_run": False} == filled
    assert (filled["added"], filled["left_out_count"]) == (6, 1)
    assert {(one["why"], one["shift"]) for one in filled["left_out"]} == {("off", off)}
    assert [one["id"] for one in before] == [off]


def test_a_pattern_that_cannot_be_names_the_line(desk: Desk) -> None:
    wrong = {**PATTERN, "lines": [PATTERN["lines"][0], {**PATTERN["lines"][1], "times": "late"}]}

    answer = of(desk, "southern").put("/api/v1/duty/pattern?group=south", json=wrong)

    assert answer.status_code == 422
    assert answer.json()["where"].endswith("lines.1.times")


def test_a_swap_goes_from_one_to_the_other_and_the_second_answer_is_a_conflict(desk: Desk) -> None:
    mine, theirs = entered(of(desk, "southern"), body("li"), body("wang", 48, 60))
    li, wang = of(desk, "li"), of(desk, "wang")

    asked = li.post("/api/v1/duty/swaps", json={"shift": mine, "other": "wang", "other_shift": theirs})
    twice = li.post("/api/v1/duty/swaps", json={"shift": mine, "other": "wang", "other_shift": theirs})
    own = li.post(f"/api/v1/duty/swaps/{asked.json()['id']}/agree")
    agreed = wang.post(f"/api/v1/duty/swaps/{asked.json()['id']}/agree")
    again = wang.post(f"/api/v1/duty/swaps/{asked.json()['id']}/refuse")

    assert [one.status_code for one in (asked, twice, own, agreed, again)] == [201, 409, 403, 200, 409]
    assert agreed.json()["state_zh"] == "已同意"
    assert "was decided already: agreed by wang" in again.json()["detail"]
    assert [one["person"] for one in li.get("/api/v1/duty").json()["shifts"]] == ["wang", "li"]
    assert [one["state"] for one in li.get("/api/v1/duty/swaps").json()["swaps"]] == ["agreed"]


def test_a_program_has_no_duty_of_its_own_to_swap(desk: Desk) -> None:
    (made,) = entered(of(desk, "southern"), body("li"))
    desk.office.add_token("k" * 40, name="li", role="administrator", scope=EVERYTHING, deed=DEED)
    program = world.browser(desk, Authorization=f"Bearer {'k' * 40}")

    assert program.post("/api/v1/duty/swaps", json={"shift": made, "other": "wang"}).status_code == 404
    assert program.post(f"/api/v1/duty/shifts/{made}/give", json={"other": "wang"}).status_code == 201


def test_swaps_come_a_page_at_a_time(desk: Desk) -> None:
    shifts = entered(of(desk, "southern"), *(body("li", 24 * day, 24 * day + 8) for day in range(1, 4)))
    li = of(desk, "li")
    for shift in shifts:
        li.post("/api/v1/duty/swaps", json={"shift": shift, "other": "wang"})

    first = li.get("/api/v1/duty/swaps?limit=2&state=asked").json()
    second = li.get(f"/api/v1/duty/swaps?limit=2&before={first['next_before']}").json()

    assert [one["shift"] for one in first["swaps"] + second["swaps"]] == shifts[::-1]
    assert second["next_before"] is None


def test_the_file_holds_the_rota_and_no_formula(desk: Desk) -> None:
    entered(of(desk, "southern"), body(note="=1+1"))

    answer = of(desk, "southern").get("/api/v1/duty/export.csv?group=south")

    head, row = answer.content.decode("utf-8-sig").splitlines()
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert head.split(",")[:6] == ["编号", "监控分中心", "网点", "登录名", "姓名", "类别"]
    assert row.split(",")[1:6] == ["south", "", "li", "Li", "主班"]
    assert "'=1+1" in row


def test_too_long_a_window_is_refused(desk: Desk) -> None:
    client = of(desk, "southern")

    assert [
        client.get(f"/api/v1/duty?from={NOW}&to={to}").status_code for to in (NOW, NOW - 1, NOW + 401 * 24 * HOUR)
    ] == [422] * 3
