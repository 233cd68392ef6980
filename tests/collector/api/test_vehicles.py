"""Vehicles online by centre, and those that were not: why, since when, whose they are, and who may see it."""

from typing import Any

import pytest

from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import Batch, By, Deed, Office, Store, TicketOpen, View, Wish
from tests.collector.api import world
from tests.collector.api.test_ratios import DAY, DEED, METRO, asked, office, store, view
from tests.collector.api.world import HOUR, NOW, at, ledger
from tests.collector.store.cast import TODAY

__all__ = ["office", "store", "view"]

API = "/api/v1/ratios/vehicles"
NORTH = Scope(groups=frozenset({"north"}))


def told(office: Office, view: View, query: str = DAY, scope: Scope = EVERYTHING) -> Any:
    key = f"of-{sorted(scope.customers | scope.groups)}"
    office.add_token(key, name=key, role="viewer", scope=scope, deed=DEED)
    answer = world.browser(world.desk(view), Authorization=f"Bearer {key}").get(f"{API}?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def lay_up(office: Office, device: str) -> None:
    """Take a vehicle out of the reckoning since yesterday."""
    wish = Wish(
        kind="exclusion",
        scope="device",
        target=device,
        from_ms=TODAY - 24 * HOUR,
        to_ms=None,
        reason="laid_up",
        text="报停",
    )
    office.add_person("li", name="li", role="dispatcher", scope=EVERYTHING, deed=DEED)
    made = office.propose_overlay(wish, deed=DEED, by=By())
    office.act_on_overlay(made, "approve", deed=Deed(who="li", at_ms=TODAY + 1), by=By(may_approve=True))


# Shows S3-2.
def test_each_vehicle_that_was_not_online_is_named_with_the_reason_and_whose_it_is(
    store: Store, office: Office, view: View
) -> None:
    office.add_person("wang", name="王", role="engineer", scope=EVERYTHING, deed=DEED)
    site = {"customer": "bank", "group_id": "south", "engineer": "wang", "name_zh": "站", "name_en": "Station"}
    office.put_entry("site", "bank-1", site, deed=Deed(who="root", at_ms=TODAY + 1))
    store.commit(
        Batch(
            now_ms=NOW,
            tells=[ledger("bus-31", (-48, -20, "up", "", ""), (-20, None, "down", "fault", "gnss.antenna_open"))],
            tickets=[
                TicketOpen(
                    subject="@bus-31",
                    agent_no=3,
                    component="agent",
                    code="agent.silent",
                    severity="minor",
                    service_class="maintenance",
                    fault_from_ms=at(-20),
                    opened_ms=at(-20),
                    year=2024,
                )
            ],
        )
    )

    found = told(office, view)

    gone, never = found["missing"]
    assert (gone["device"], gone["state"], gone["cause"], gone["fault"]) == (
        "bus-31",
        "down",
        "fault",
        "gnss.antenna_open",
    )
    assert (gone["group"], gone["site"], gone["engineer"]) == ("south", "bank-1", "wang")
    assert (gone["last_up_ms"], gone["ticket"]) == (at(-20), "2024-000001")
    assert (never["device"], never["cause"], never["last_up_ms"], never["ticket"]) == (
        "bus-32",
        "never_seen",
        None,
        None,
    )


def test_the_counts_are_those_of_the_ratios(office: Office, view: View) -> None:
    lay_up(office, "bus-33")

    total, ratios = told(office, view)["total"], asked(office, view)

    assert (total["registered"], total["on_net"], total["laid_up"], total["missing"]) == (3, 1, 1, 1)
    assert (str(total["online"]), str(total["online_of"])) == (
        ratios["vehicles_online"]["part"],
        ratios["vehicles_online"]["whole"],
    )
    assert total["online_percent"] == ratios["vehicles_online"]["value_percent"]


def test_a_vehicle_that_stands_nowhere_belongs_to_the_centre_of_its_agent(office: Office, view: View) -> None:
    for bus in ("bus-32", "bus-33"):
        office.end_entry("installation", bus, deed=Deed(who="root", at_ms=TODAY + HOUR))

    found = told(office, view)

    assert [(one["group"], one["place"], one["online"], one["online_of"]) for one in found["centres"]] == [
        ("north", 1, 1, 1),
        ("south", 1, 1, 1),
    ]
    assert told(office, view, f"{DAY}&of=group:north")["total"]["registered"] == 2
    assert asked(office, view, f"{DAY}&of=group:north")["vehicles_on_net"]["whole"] == "2"
    assert [one["group"] for one in told(office, view, scope=NORTH)["centres"]] == ["north"]


@pytest.mark.parametrize(("scope", "registered"), [(METRO, 0), (Scope(customers=frozenset({"bank"})), 3)])
def test_a_customer_sees_its_own_vehicles(office: Office, view: View, scope: Scope, registered: int) -> None:
    assert told(office, view, scope=scope)["total"]["registered"] == registered


def test_what_is_beyond_the_limit_is_said_to_be_there(office: Office, view: View) -> None:
    found = told(office, view, f"from={TODAY + 17 * HOUR}&to={NOW}&limit=1")

    assert (found["is_cut"], len(found["missing"]), found["total"]["missing"]) == (True, 1, 2)
