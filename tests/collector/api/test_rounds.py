"""/rounds: who may start and see which, what is answered, and that nobody learns of what is not theirs."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.roles import Scope
from roundsman_collector.store import Store, View
from tests.collector.api import world
from tests.collector.api.rounds_desk import NUMBER, inspected, placed, rules
from tests.collector.api.world import HOUR, NOW

METRO = Scope(customers=frozenset({"metro"}))
ADDRESS = "/api/v1/rounds"


@pytest.fixture
def metro(store: Store, view: View) -> TestClient:
    """An engineer of one customer."""
    placed(view, ("li", "engineer", METRO))
    return world.signed_in(world.desk(view), "li", Origin=world.ORIGIN)


def told(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()
    return found


def test_a_round_is_started_and_asks_the_agents(api: TestClient, store: Store, view: View) -> None:
    rules(store)
    with world.answering(store):
        answer = api.post(ADDRESS, json={"site": "south", "days": 7})

    found = told(answer)
    assert answer.status_code == 201
    assert (found["number"], found["kind"], found["state"], found["asked_by"]) == (
        NUMBER,
        "group",
        "running",
        "token:first",
    )
    assert found["to_ms"] - found["from_ms"] == 7 * 24 * HOUR
    assert (found["agents"], found["answered"]) == (4, 0)
    full = told(api.get(f"{ADDRESS}/{NUMBER}"))
    assert full["document"] is None
    assert [one["agent"] for one in full["errands"]] == sorted(one.id for one in view.agents())


def test_the_document_is_there_when_it_is_over_and_stays_as_it_is(api: TestClient, store: Store, view: View) -> None:
    placed(view)
    inspected(store, view, ["metro-a"])

    first = told(api.get(f"{ADDRESS}/{NUMBER}"))
    second = told(api.get(f"{ADDRESS}/{NUMBER}"))

    assert first["state"] == "done"
    assert len(first["sha256"]) == 64
    assert first == second
    kiosk, nvr = first["document"]["devices"]
    assert (kiosk["id"], kiosk["verdict"], kiosk["unreached"]["reason"]) == ("kiosk-7", "fail", "no_result")
    assert kiosk["times"]["down_ms"] == 2 * HOUR
    assert [one["fault"] for one in kiosk["outages"]] == ["printer.paper_end"]
    assert (nvr["id"], nvr["verdict"]) == ("nvr-2", "fail")


def test_a_round_that_the_engine_has_not_made_is_answered_as_asked_for(view: View) -> None:
    client = world.browser(world.desk(view, answer_within_s=0.05), Authorization=f"Bearer {world.TOKEN}")

    answer = client.post(ADDRESS, json={"site": "south"})

    assert (answer.status_code, told(answer)["state"]) == (202, "new")


def test_a_second_round_of_the_same_is_refused_with_the_number_of_the_first(api: TestClient, store: Store) -> None:
    rules(store)
    with world.answering(store):
        api.post(ADDRESS, json={"site": "south"})
        answer = api.post(ADDRESS, json={"site": "south"})

    assert answer.status_code == 409
    assert NUMBER in answer.text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"site": ""},
        {"site": "south", "days": 0},
        {"site": "south", "days": 4000},
        {"site": "south", "from": "2024-10-04"},
        {"site": "south", "from": NOW, "to": NOW},
        {"site": "south", "from": 0, "to": NOW},
        {"site": "south", "whatever": 1},
    ],
)
def test_a_wish_that_makes_no_sense_asks_nobody(api: TestClient, view: View, body: dict[str, Any]) -> None:
    assert api.post(ADDRESS, json=body).status_code == 422
    assert view.status().new_commands == 0


def test_who_may_only_look_starts_nothing(view: View) -> None:
    client = world.signed_in(world.desk(view), "viewer", Origin=world.ORIGIN)

    assert client.post(ADDRESS, json={"site": "south"}).status_code == 403
    assert view.status().new_commands == 0


def test_somebody_of_one_customer_starts_a_round_of_its_site(metro: TestClient, store: Store) -> None:
    rules(store)
    with world.answering(store):
        assert metro.post(ADDRESS, json={"site": "metro-a"}).status_code == 201
        assert metro.post(ADDRESS, json={"site": "kiosk-7"}).status_code == 201


def test_what_is_not_theirs_is_answered_like_what_is_not_there(metro: TestClient, view: View) -> None:
    def refusal(site: str) -> tuple[int, str]:
        answer = metro.post(ADDRESS, json={"site": site})
        return answer.status_code, answer.text.replace(site, "…")

    before = view.status().new_commands
    nothing = refusal("no-such-site")

    assert nothing[0] == 404
    assert [refusal(site) for site in ("hush-a", "south", "ups-2")] == [nothing] * 3
    assert view.status().new_commands == before


def test_rounds_of_other_customers_are_not_seen(metro: TestClient, store: Store, view: View) -> None:
    theirs, others, group = inspected(store, view, ["metro-a", "hush-a", "south"])

    listed = told(metro.get(ADDRESS))["rounds"]

    assert [one["number"] for one in listed] == [theirs]
    assert metro.get(f"{ADDRESS}/{theirs}").status_code == 200
    absent = metro.get(f"{ADDRESS}/R2024-000099")
    for number in (others, group):
        answer = metro.get(f"{ADDRESS}/{number}")
        assert answer.status_code == 404
        assert answer.text.replace(number, "…") == absent.text.replace("R2024-000099", "…")
        assert metro.get(f"/rounds/{number}").status_code == 404
        assert metro.get(f"/rounds/{number}/paper").status_code == 404
    assert view.round(others).state == "answered"  # type: ignore[union-attr]


def test_rounds_are_listed_page_by_page(api: TestClient, store: Store, view: View) -> None:
    placed(view)
    numbers = inspected(store, view, ["metro-a", "hush-a", "south"])

    first = told(api.get(f"{ADDRESS}?limit=2"))
    second = told(api.get(f"{ADDRESS}?limit=2&before={first['next_before']}"))

    assert [one["number"] for one in (*first["rounds"], *second["rounds"])] == numbers[::-1]
    assert second["next_before"] is None
    assert [one["number"] for one in told(api.get(f"{ADDRESS}?site=hush-a"))["rounds"]] == [numbers[1]]
