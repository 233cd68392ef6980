"""What stands behind what, by the API: read, written through the engine, and no more told than somebody reaches."""

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Batch, Deed, Office, Store, View
from roundsman_collector.store.behind import Wanted
from roundsman_collector.store.children import Child
from roundsman_collector.store.tickets import TicketJoin, TicketLeave
from tests.collector.api import world
from tests.collector.api.world import MINUTE, NOW, answering


@pytest.fixture
def wired(store: Store) -> Store:
    links = [Wanted("kiosk-7", "power", "ups-2", NOW - MINUTE), Wanted("nvr-2", "power", "ups-2", NOW - MINUTE)]
    store.put_behind(links, Deed(who="li", at_ms=NOW))
    return store


def test_a_device_tells_its_roots_its_history_and_what_depends_on_it(api: TestClient, wired: Store) -> None:
    kiosk = api.get("/api/v1/devices/kiosk-7/behind").json()
    ups = api.get("/api/v1/devices/ups-2/behind").json()

    assert (kiosk["power"], kiosk["uplink"]) == ("ups-2", None)
    assert [(one["kind"], one["root"], one["made_by"]) for one in kiosk["history"]] == [("power", "ups-2", "li")]
    assert ups["below"] == [{"device": "kiosk-7", "kind": "power"}, {"device": "nvr-2", "kind": "power"}]


def test_the_engine_is_asked_and_a_circle_is_refused_with_its_path(api: TestClient, wired: Store) -> None:
    with answering(wired):
        said = api.put("/api/v1/devices/kiosk-7/behind", json={"uplink": "nvr-2", "power": None})
        refused = api.put("/api/v1/devices/ups-2/behind", json={"power": "nvr-2"})

    assert said.status_code == 200, said.text
    assert (said.json()["power"], said.json()["uplink"]) == (None, "nvr-2")
    assert refused.status_code == 409
    assert "ups-2 <- nvr-2 <- ups-2" in refused.json()["detail"]


def test_a_root_that_is_not_known_or_not_reached_cannot_be_named(api: TestClient, wired: Store) -> None:
    refused = api.put("/api/v1/devices/kiosk-7/behind", json={"power": "nobody-9"})

    assert (refused.status_code, refused.json()["type"]) == (409, "urn:roundsman:problem:no_device")


def test_a_root_beyond_somebodys_scope_is_not_named(view: View, wired: Store) -> None:
    with Office.open(view._place.path or "") as office:
        world.places(office)
    viewer = world.signed_in(world.desk(view), "viewer")

    told = viewer.get("/api/v1/devices/kiosk-7/behind").json()

    assert told["power"] is None
    assert [(one["root"], one["is_hidden"]) for one in told["history"]] == [(None, True)]
    assert viewer.get("/api/v1/devices/ups-2/behind").status_code == 404


def test_the_device_page_and_the_card_show_what_it_depends_on(api: TestClient, wired: Store) -> None:
    device = api.get("/devices/kiosk-7", headers={"Accept-Language": "en"}).text
    with answering(wired):
        saved = api.post("/devices/kiosk-7/card", data=_card(api) | {"uplink": "nvr-2"})
    card = api.get("/devices/kiosk-7/card").text

    assert 'href="/devices/ups-2"' in device
    assert saved.status_code == 303, saved.text
    assert 'name="uplink" value="nvr-2"' in card or 'value="nvr-2"' in card


def _card(api: TestClient) -> dict[str, str]:
    names = ("kind", "model", "serial", "name_zh", "name_en", "place", "agent")
    card = api.get("/api/v1/devices/kiosk-7/card").json()
    return {name: card[name] or "" for name in names} | {"power": "ups-2", "uplink": ""}


@pytest.fixture
def merged(store: Store) -> Store:
    """The recorder's ticket is explained by the UPS's agent; that of kiosk-7 was merged into it, too, and left."""
    children = [
        Child("nvr-2", "host", "host.unreachable", NOW - MINUTE, 2),
        Child("ups-2", "host", "host.unreachable", NOW - MINUTE),
    ]
    store.commit(Batch(now_ms=NOW, tickets=[TicketJoin(ticket=3, at_ms=NOW, children=children)]))
    left = TicketLeave(ticket=3, at_ms=NOW, children=[children[1].key], is_release=True)
    store.commit(Batch(now_ms=NOW, tickets=[left]))
    return store


def test_a_ticket_tells_what_it_explains_and_a_merged_one_by_which_it_is_explained(
    api: TestClient, merged: Store
) -> None:
    root = api.get("/api/v1/tickets/2024-000003").json()
    child = api.get("/api/v1/tickets/2024-000002").json()

    assert [(one["subject"], one["ticket"], one["left_ms"]) for one in root["children"]] == [
        ("nvr-2", "2024-000002", None),
        ("ups-2", None, NOW),
    ]
    assert (root["child_count"], root["merged_into"]) == (1, None)
    assert (child["state"], child["outcome"], child["merged_into"]) == ("merged", "merged", "2024-000003")
    assert [one["number"] for one in api.get("/api/v1/tickets?state=merged").json()["tickets"]] == ["2024-000002"]
    assert [one["child_count"] for one in api.get("/api/v1/tickets").json()["tickets"]] == [1, 0, 0]


def test_a_viewer_learns_of_no_ticket_and_no_child_of_another_customer(view: View, merged: Store) -> None:
    with Office.open(view._place.path or "") as office:
        world.places(office)
    viewer = world.signed_in(world.desk(view), "viewer")

    child = viewer.get("/api/v1/tickets/2024-000002").json()

    assert (child["state"], child["merged_into"]) == ("merged", None)
    assert "2024-000003" not in viewer.get("/api/v1/tickets/2024-000002").text
    assert "2024-000003" not in viewer.get("/tickets/2024-000002").text
    assert viewer.get("/api/v1/tickets/2024-000003").status_code == 404


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_pages_show_children_and_where_a_ticket_went(api: TestClient, merged: Store, language: str) -> None:
    root = api.get("/tickets/2024-000003", headers={"Accept-Language": language}).text
    child = api.get("/tickets/2024-000002", headers={"Accept-Language": language}).text

    assert 'href="/tickets/2024-000002"' in root and 'href="/devices/ups-2"' in root
    assert 'href="/tickets/2024-000003"' in child
    assert "acknowledge" not in child.partition('id="buttons"')[2]
