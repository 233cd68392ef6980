"""The file of a device, of a place and of a serial number, as pages."""

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.store import Store, View, loans, parts
from roundsman_collector.store.connect import transaction
from tests.collector.api import world
from tests.collector.api.world import NOW
from tests.collector.web.reading import Loads, page, words_of


@pytest.fixture
def desk(view: View) -> Desk:
    found = world.desk(view)
    world.places(found.office)
    return found


def who(desk: Desk, person: str, language: str = "en") -> TestClient:
    client = world.signed_in(desk, person, Origin=world.ORIGIN)
    client.cookies.set("roundsman_language", language)
    return client


def enter(client: TestClient, status: int = 303, device: str = "kiosk-7", **said: str) -> str:
    data = {"component": "printer", "serial": "SN <1>", "from": "2024-10-01", **said}
    answer = client.post(f"/devices/{device}/parts", data=data)
    assert answer.status_code == status, words_of(answer.text)
    return str(answer.text)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_file_tells_parts_replacements_loans_and_tickets(desk: Desk, store: Store, language: str) -> None:
    client = who(desk, "dispatcher", language)
    enter(client)
    with transaction(store._write, "a test", store._place) as connection:
        parts.replace(connection, "kiosk-7", "printer", "SN <1>", "SN 2", 1, None, "li", NOW - 5000)
        loans.loan_out(connection, ticket_id=1, who="li", at_ms=NOW - 4000, name="a spare", serial="LU 1")

    for path in ("/devices/kiosk-7/file", "/places/metro-1/file", "/parts?serial=SN+2", "/parts", "/parts?serial=X"):
        assert Loads(page(client, path)).is_ours(), path
    html = page(client, "/devices/kiosk-7/file")
    told = words_of(html)
    assert "SN &lt;1&gt;" in html and "<1>" not in html
    assert told.index("SN 2") < told.index("SN &lt;1&gt;"), "what is in it first, then what was"
    assert "2024-000001" in told and "LU 1" in told


def test_what_cannot_be_entered_comes_back_as_written_and_marked(desk: Desk, view: View) -> None:
    client = who(desk, "dispatcher")

    future = enter(client, 422, **{"from": "2030-01-01", "name": "head <b>"})
    nothing = enter(client, 422, component=" ")

    assert "A day up to today" in words_of(future) and "head &lt;b&gt;" in future
    assert 'aria-invalid="true"' in nothing
    assert view.parts_of_device("kiosk-7") == []


def test_a_part_is_taken_out_or_taken_back_on_the_page(desk: Desk, view: View) -> None:
    client = who(desk, "dispatcher")
    enter(client)

    assert client.post("/devices/kiosk-7/parts/1", data={"verb": "mistake"}).status_code == 303
    enter(client)
    assert client.post("/devices/kiosk-7/parts/2", data={"verb": "out"}).status_code == 303
    assert client.post("/devices/kiosk-7/parts/2", data={"verb": "out"}).status_code == 409

    assert [(one.id, one.to_ms) for one in view.parts_of_device("kiosk-7")] == [(2, NOW)]


def test_a_day_begins_where_the_site_is(desk: Desk, view: View) -> None:
    enter(who(desk, "dispatcher"))

    assert view.parts_of_device("kiosk-7")[0].from_ms == world.TODAY - 3 * 86_400_000 - 8 * world.HOUR


def test_a_viewer_reads_the_file_and_changes_nothing(desk: Desk) -> None:
    viewer = who(desk, "viewer")

    told = words_of(page(viewer, "/devices/kiosk-7/file"))

    assert "Enter what is built in" not in told
    assert viewer.post("/devices/kiosk-7/parts", data={"component": "printer"}).status_code == 403
    assert viewer.get("/devices/ups-2/file").status_code == 404
    assert viewer.get("/places/hush-1/file").status_code == 404


def test_the_file_is_found_from_the_device(desk: Desk) -> None:
    assert "/devices/kiosk-7/file" in page(who(desk, "viewer"), "/devices/kiosk-7")
