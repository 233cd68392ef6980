"""Labels by the API: made, worded, replaced and revoked by whoever keeps the register."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.roles import Scope
from roundsman_collector.store import Deed, Office, View
from tests.collector.api import world

LABELS = "/api/v1/labels"
PUBLIC = "https://rounds.example.com"


@pytest.fixture
def keeper(view: View) -> TestClient:
    """A program that keeps the register, where devices stand at sites."""
    with Office(view._place) as office:
        world.places(office)
    return world.browser(world.desk(view, public_url=PUBLIC), Authorization=f"Bearer {world.TOKEN}")


def made(keeper: TestClient, *subjects: str) -> list[Any]:
    answer = keeper.post(LABELS, json={"subjects": subjects})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["labels"])


def test_a_label_says_where_its_picture_leads(keeper: TestClient, view: View) -> None:
    (one,) = made(keeper, "kiosk-7")

    row = view.label(one["id"])
    assert row is not None
    assert one == {
        "id": 1,
        "subject": "kiosk-7",
        "code": "-".join(row.code[place : place + 4] for place in (0, 4, 8, 12)),
        "address": f"{PUBLIC}/r/{row.code}",
        "name_zh": "",
        "name_en": "",
        "spot_zh": "",
        "spot_en": "",
        "made_ms": world.NOW,
        "made": "2024-10-04T18:00:00.000Z",
        "made_by": "token:first",
        "ended_ms": None,
        "ended": None,
        "ended_by": "",
        "ended_how": "",
        "links": {"self": "/api/v1/labels/1"},
    }
    assert keeper.get(one["links"]["self"]).json() == one


def test_while_nobody_told_where_people_reach_us_a_label_leads_nowhere(api: TestClient) -> None:
    (one,) = made(api, "kiosk-7")

    assert one["address"] is None


def test_labels_are_made_for_those_that_have_none(keeper: TestClient) -> None:
    made(keeper, "kiosk-7")

    answer = keeper.post(LABELS, json={"subjects": ["#metro-a", "kiosk-7"]}).json()

    assert answer["made"] == 1
    assert [one["subject"] for one in answer["labels"]] == ["#metro-a", "kiosk-7"]


def test_a_lost_label_is_replaced_and_another_revoked(keeper: TestClient) -> None:
    made(keeper, "kiosk-7", "nvr-2")
    words = {"name_zh": "售票机", "spot_zh": "A 口"}
    assert keeper.put(f"{LABELS}/1", json=words).json()["name_zh"] == "售票机"

    new = keeper.post(f"{LABELS}/1/replace")
    gone = keeper.post(f"{LABELS}/2/revoke")

    assert (new.status_code, gone.status_code) == (201, 200)
    assert (new.json()["id"], new.json()["spot_zh"]) == (3, "A 口")
    assert (gone.json()["ended_how"], gone.json()["address"]) == ("revoked", None)
    assert [one["id"] for one in keeper.get(LABELS).json()["labels"]] == [3]
    listed = keeper.get(f"{LABELS}?subject=kiosk-7&ended=true&limit=1").json()
    assert ([one["id"] for one in listed["labels"]], listed["next_before"]) == ([3], 3)
    assert keeper.post(f"{LABELS}/2/replace").status_code == 409


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (lambda api: api.post(LABELS, json={"subjects": []}), 422),
        (lambda api: api.post(LABELS, json={"subjects": ["@bus-31"]}), 404),
        (lambda api: api.post(LABELS, json={"subjects": ["kiosk-7"] * 501}), 422),
        (lambda api: api.put(f"{LABELS}/1", json={"name_zh": "x" * 81}), 422),
        (lambda api: api.put(f"{LABELS}/1", json={"spot_en": "two\nlines"}), 422),
        (lambda api: api.get(f"{LABELS}/9"), 404),
        (lambda api: api.get(f"{LABELS}/VKS6FAXMABC69J9F"), 404),
        (lambda api: api.post(f"{LABELS}/9/replace"), 404),
    ],
)
def test_what_cannot_be_a_label_is_told_plainly(
    keeper: TestClient, view: View, ask: Callable[[TestClient], Any], status: int
) -> None:
    made(keeper, "kiosk-7")
    before = view.labels(with_ended=True)

    answer = ask(keeper)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert view.labels(with_ended=True) == before


def test_who_keeps_the_register_of_one_customer_has_no_label_of_another(keeper: TestClient, view: View) -> None:
    made(keeper, "kiosk-7", "ups-2", "#hush-a")
    scope = Scope(customers=frozenset({"metro"}))
    with Office(view._place) as office:
        deed = Deed(who="admin", at_ms=world.NOW)
        office.add_token("metro's", name="m", role="dispatcher", scope=scope, deed=deed)
    mine = world.browser(world.desk(view), Authorization="Bearer metro's")

    assert [one["subject"] for one in mine.get(LABELS).json()["labels"]] == ["kiosk-7"]
    assert mine.get(f"{LABELS}/2").status_code == mine.get(f"{LABELS}/9").status_code == 404
    for verb in ("replace", "revoke"):
        assert mine.post(f"{LABELS}/3/{verb}").status_code == 404
    assert mine.post(LABELS, json={"subjects": ["ups-2"]}).status_code == 404
    assert len(view.labels()) == 3
