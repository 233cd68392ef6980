"""What customers said, over HTTP: which tickets, whose, and that it agrees with the figures of /kept."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Batch, Store, View
from tests.collector.api import kept_desk, world
from tests.collector.api.kept_desk import step
from tests.collector.api.world import NOW, at

DAY = f"from={at(0)}&to={at(24)}"


@pytest.fixture(autouse=True)
def judged(store: Store) -> None:
    """The customers of tickets 1 and 2 say something; 2 is judged by a customer who changes their mind."""
    kept_desk.settle(store)
    store.commit(
        Batch(
            now_ms=NOW,
            tickets=[
                step(1, 13.6, "confirm", name="王", rating=4),
                step(2, 17.7, "resolve", how="phone"),
                step(2, 17.8, "follow_up", reached=True, satisfied=True, rating=5),
                step(2, 17.9, "follow_up", reached=True, satisfied=False, rating=2),
            ],
        )
    )


def got(api: TestClient, path: str) -> Any:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


# Shows S4-38.
def test_each_ticket_has_the_last_word_of_its_customer_and_all_have_a_mean(api: TestClient) -> None:
    found = got(api, f"/api/v1/kept/judgements?{DAY}")

    assert [(one["number"], one["by"], one["satisfied"], one["rating"]) for one in found["judgements"]] == [
        ("2024-000002", "follow_up", False, 2),
        ("2024-000001", "confirm", None, 4),
    ]
    assert (found["found"], found["rated"], found["mean_rating"]) == (2, 2, "3.00")
    assert [one["tickets"] for one in found["ratings"]] == [0, 1, 0, 1, 0]
    assert got(api, f"/api/v1/kept/judgements?{DAY}&limit=1")["found"] == 2


def test_it_agrees_with_how_promises_were_kept(api: TestClient) -> None:
    figures = {one["figure"]: one for one in got(api, f"/api/v1/kept?{DAY}")["total"]["figures"]}

    assert (figures["satisfaction"]["count"], figures["satisfaction"]["of"]) == (0, 1)


def test_a_filter_narrows_and_a_scope_hides(api: TestClient, view: View) -> None:
    desk = world.desk(view)
    world.places(desk.office)
    nobody = world.signed_in(desk, "nobody")

    mine = got(api, f"/api/v1/kept/judgements?{DAY}&contract=metro-c")

    assert [one["number"] for one in mine["judgements"]] == ["2024-000001"]
    assert got(nobody, f"/api/v1/kept/judgements?{DAY}")["found"] == 0


def test_nobody_has_said_anything(api: TestClient) -> None:
    found = got(api, f"/api/v1/kept/judgements?from={at(-48)}&to={at(-24)}")

    assert (found["found"], found["mean_rating"], found["judgements"]) == (0, None, [])
