"""Tasks over HTTP: lists within scopes, steps with a version and a key, and what is refused."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.store import Deed, Store, View
from roundsman_collector.store.batch import Batch
from roundsman_collector.store.tasks import TaskLine
from tests.collector.api import world
from tests.collector.api.planned import plan


@pytest.fixture
def desk(view: View) -> Desk:
    made = world.desk(view)
    world.places(made.office)
    return made


@pytest.fixture
def tasks(store: Store, desk: Desk) -> dict[str, int]:
    return plan(store, desk.office)


@pytest.fixture
def client(desk: Desk, tasks: dict[str, int], store: Store) -> Iterator[TestClient]:
    with world.answering(store):
        yield world.browser(desk, Authorization=f"Bearer {world.TOKEN}")


def test_a_list_is_what_somebody_reaches_by_opening(client: TestClient, desk: Desk, tasks: dict[str, int]) -> None:
    found = client.get("/api/v1/tasks").json()["tasks"]
    theirs = world.signed_in(desk, "viewer").get("/api/v1/tasks").json()["tasks"]

    assert {one["plan"] for one in found} == {"upkeep", "hush-call"}
    assert [one["opens_ms"] for one in found] == sorted(one["opens_ms"] for one in found)
    assert {one["plan"] for one in theirs} == {"upkeep"}
    assert world.signed_in(desk, "viewer").get(f"/api/v1/tasks/{tasks['hush-call']}").status_code == 404


def test_a_list_goes_on_behind_its_last_task(client: TestClient) -> None:
    whole = [one["id"] for one in client.get("/api/v1/tasks").json()["tasks"]]
    found: list[int] = []
    after: int | None = None
    while len(found) < len(whole):
        page = client.get("/api/v1/tasks", params={"limit": 2} | ({"after": after} if after else {})).json()
        found += [one["id"] for one in page["tasks"]]
        after = page["next_after"]

    assert (found, after) == (whole, None)


def test_filters_narrow_and_name_what_they_do_not_know(client: TestClient) -> None:
    assert {one["kind"] for one in client.get("/api/v1/tasks?site=hush-a").json()["tasks"]} == {"tianyi-call"}
    assert client.get("/api/v1/tasks?quarter=2030-Q1").json()["tasks"] == []
    assert {one["period"] for one in client.get("/api/v1/tasks?plan=upkeep&quarter=2025-Q1").json()["tasks"]} == {
        "2025-Q1"
    }
    assert client.get("/api/v1/tasks?mark=open&state=planned").status_code == 200
    for wrong in ("mark=nearly", "state=dancing", "quarter=2026-Q5", "quarter=9999-Q1", "limit=0", "after=x"):
        assert client.get(f"/api/v1/tasks?{wrong}").status_code == 422, wrong


# Shows S0-29.
def test_a_task_goes_from_the_proposal_to_the_customers_word(client: TestClient, tasks: dict[str, int]) -> None:
    at = f"/api/v1/tasks/{tasks['upkeep']}"
    first = client.get(at)
    assert first.headers["etag"] == f'"{first.json()["version"]}"'
    assert [one["part"] if "part" in one else one["id"] for one in first.json()["parts"]] == [*"abcdefg"]
    assert "begin" in [one["verb"] for one in first.json()["steps"]]

    refused = client.post(f"{at}/begin")
    proposed = client.post(f"{at}/propose", headers={"If-Match": first.headers["etag"]})
    stale = client.post(f"{at}/propose", headers={"If-Match": first.headers["etag"]})
    agreed = client.post(f"{at}/agree", json={"data": {"name": "钱女士"}})

    assert refused.status_code == 409
    assert (proposed.status_code, proposed.json()["state"]) == (200, "proposed")
    assert stale.status_code == 412
    assert (agreed.json()["state"], agreed.json()["agreed_by"]) == ("agreed", "钱女士")


def test_the_same_key_is_the_same_step(client: TestClient, tasks: dict[str, int]) -> None:
    at, key = f"/api/v1/tasks/{tasks['upkeep']}", {"Idempotency-Key": "note-0001"}

    for _ in range(3):
        assert client.post(f"{at}/note", json={"text": "ask for Mr Qian"}, headers=key).status_code == 200
    other = client.post(f"{at}/note", json={"text": "or for Mrs Li"}, headers=key)

    assert [one["text"] for one in client.get(at).json()["events"] if one["verb"] == "note"] == ["ask for Mr Qian"]
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("step", "body", "status"),
    [
        ("dance", None, 404),
        ("fulfil", None, 404),
        ("agree", {"data": {}}, 422),
        ("agree", {"data": {"name": "x", "colour": "red"}}, 422),
        ("assign", {"data": {"day": "tomorrow"}}, 422),
        ("begin", {"data": {"at_ms": -1}}, 422),
        ("note", {"text": ""}, 409),
        ("note", {"words": "?"}, 422),
    ],
)
def test_what_a_step_cannot_say_is_refused(
    client: TestClient, tasks: dict[str, int], step: str, body: dict[str, object] | None, status: int
) -> None:
    assert client.post(f"/api/v1/tasks/{tasks['upkeep']}/{step}", json=body).status_code == status


def test_a_manager_alone_cancels(client: TestClient, desk: Desk, tasks: dict[str, int]) -> None:
    at = f"/api/v1/tasks/{tasks['upkeep']}/cancel"
    why = {"text": "the station is being rebuilt"}

    engineer = world.signed_in(desk, "engineer").post(at, json=why, headers={"Origin": world.ORIGIN})

    assert engineer.status_code == 403
    assert client.post(at, json=why).json()["state"] == "cancelled"


def test_a_link_is_made_for_what_waits_for_the_customer(client: TestClient, tasks: dict[str, int]) -> None:
    at = f"/api/v1/tasks/{tasks['upkeep']}"

    early = client.post(f"{at}/link")
    client.post(f"{at}/propose")
    made = client.post(f"{at}/link", json={"name": "钱女士", "days": 7})

    assert early.status_code == 409
    assert made.status_code == 201
    assert made.json()["for_whom"] == "钱女士"
    assert made.json()["expires_ms"] == world.NOW + 7 * 86_400_000
    assert "/agree/" in made.json()["link"]


# Shows S1-7.
def test_free_visits_of_a_year_are_counted_and_the_third_is_chargeable(
    client: TestClient, desk: Desk, store: Store
) -> None:
    deed = Deed(who="admin", at_ms=world.NOW)
    changes = '{"every": null, "times_a_year": 12}'
    fields = {"kind": "huajun-free", "site": "metro-a", "first_day": "2024-10-01", "changes": changes}
    desk.office.put_entry("plan", "free", fields, deed=deed)
    plan(store, desk.office)
    ids = [one.row.id for one in store.tasks_of_plan("free")]
    assert client.get(f"/api/v1/tasks/{ids[0]}").json()["free"] == {
        "year": "2024",
        "free": 2,
        "used": 0,
        "left": 2,
        "is_next_charged": False,
    }

    for task in ids[:2]:
        lines = [TaskLine(task=task, at_ms=world.NOW, verb=verb) for verb in ("begin", "finish")]
        store.commit(Batch(now_ms=world.NOW, tasks=lines))

    free = client.get(f"/api/v1/tasks/{ids[2]}").json()["free"]
    assert (free["used"], free["left"], free["is_next_charged"]) == (2, 0, True)
