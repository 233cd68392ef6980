"""The pages of the stock: what a form books, what comes back as written and marked, who sees them."""

import re

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import Deed, Store, View, loans
from roundsman_collector.store.connect import transaction
from tests.collector.api import world
from tests.collector.api.world import NOW
from tests.collector.web.reading import Loads, page, words_of

TICKET = "2024-000001"
PAGES = (
    "/stock/quantities",
    "/stock/quantities?short=1&location=hq",
    "/stock/moves",
    "/stock/out",
    "/stock/out?all=1",
    "/stock/items",
    "/stock/items/head",
    "/stock/items/~new",
    "/stock/locations",
    "/stock/locations/hq",
    "/stock/locations/~new",
    "/stock/locations/hq/months/2024-10",
    "/stock/locations/hq/months/2024-09",
)


@pytest.fixture
def desk(view: View) -> Desk:
    found = world.desk(view)
    world.places(found.office)
    for person in ("keeper", "second"):
        deed = Deed(who="admin", at_ms=NOW)
        found.office.add_person(person, name=person, role="storekeeper", scope=EVERYTHING, deed=deed)
    return found


def who(desk: Desk, person: str, language: str = "en") -> TestClient:
    client = world.signed_in(desk, person, Origin=world.ORIGIN)
    client.cookies.set("roundsman_language", language)
    return client


@pytest.fixture
def keeper(desk: Desk) -> TestClient:
    """A storekeeper who entered a store and print heads, by the pages."""
    client = who(desk, "keeper")
    item = {"id": "head", "name_zh": "打印头", "name_en": "print head", "component": "printer", "kinds": "kiosk, nvr"}
    for path, said, leads in (
        ("/stock/items/~new", {**item, "models": "DR-58\nDR-80"}, "/stock/items/head"),
        ("/stock/locations/~new", {"id": "hq", "name_zh": "总库", "name_en": "headquarters"}, "/stock/locations/hq"),
        ("/stock/items/head/level", {"location": "hq", "authorised": "8", "minimum": "6"}, "/stock/items/head"),
        ("/stock/moves", {"location": "hq", "item": "head", "verb": "receive", "quantity": "5"}, "/stock/moves"),
    ):
        answer = client.post(path, data=said)
        assert (answer.status_code, answer.headers.get("location")) == (303, leads), words_of(answer.text)
    return client


def book(client: TestClient, status: int = 303, **said: str) -> str:
    answer = client.post("/stock/moves", data={"location": "hq", "item": "head", "quantity": "1", **said})
    assert answer.status_code == status, words_of(answer.text)
    return str(answer.text)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_is_there_in_both_languages_and_loads_nothing_foreign(
    desk: Desk, keeper: TestClient, store: Store, language: str
) -> None:
    book(keeper, verb="issue", ticket=TICKET, serial="SN 1")
    keeper.post("/stock/out", data={"location": "hq", "item": "head", "quantity": "1", "ticket": TICKET})
    with transaction(store._write, "a test", store._place) as connection:
        loans.loan_out(connection, ticket_id=1, who="li", at_ms=NOW, name="spare <kiosk>", serial="LU 1")
    keeper.cookies.set("roundsman_language", language)

    for path in PAGES:
        html = page(keeper, path)
        assert Loads(html).is_ours(), path
        ids = re.findall(r'\bid="([^"]+)"', html)
        assert sorted(ids) == sorted(set(ids)), path
        assert "<kiosk>" not in html, "what a person wrote is text"


def test_what_lacks_is_shown_and_leads_to_the_purchase_list(keeper: TestClient) -> None:
    told = words_of(page(keeper, "/stock/quantities"))

    assert "print head head headquarters 5 个 △ low" in told
    assert "Purchase list" in told


def test_a_form_that_is_sent_twice_books_once(keeper: TestClient, view: View) -> None:
    key = re.search(r'name="key" value="(\w+)"', page(keeper, "/stock/moves"))
    assert key is not None

    book(keeper, verb="receive", key=key[1])
    book(keeper, verb="receive", key=key[1])

    assert view.stock(location="hq")[0].now.shelf == 6


@pytest.mark.parametrize(
    ("said", "status", "told"),
    [
        ({"verb": "issue", "quantity": "6", "ticket": TICKET}, 409, "Somebody may have been faster"),
        ({"verb": "issue", "ticket": "2024-999999"}, 422, "There is no such ticket"),
        ({"verb": "scrap"}, 422, "Say why"),
        ({"verb": "receive", "quantity": "a few"}, 422, "A whole number from 1 on"),
        ({"verb": "repaired"}, 422, "For how many years it is good"),
        ({"verb": "receive", "location": "nowhere"}, 422, "There is no such location"),
        ({"verb": "steal"}, 422, "Choose what happens"),
    ],
)
def test_what_cannot_be_booked_comes_back_as_written_and_marked(
    keeper: TestClient, view: View, said: dict[str, str], status: int, told: str
) -> None:
    html = book(keeper, status, **{"text": "", "serial": "SN <7>" if said.get("quantity") is None else "", **said})

    assert told in words_of(html)
    assert 'aria-invalid="true"' in html
    assert "SN &lt;7&gt;" in html or "quantity" in said
    assert len(view.stock_moves()) == 1


def test_what_is_kept_is_issued_from_the_list(keeper: TestClient, view: View) -> None:
    keeper.post("/stock/out", data={"location": "hq", "item": "head", "quantity": "1", "ticket": TICKET})
    assert TICKET in words_of(page(keeper, "/stock/out"))

    answer = keeper.post("/stock/out/1", data={"verb": "issue", "serial": "SN 3"})
    again = keeper.post("/stock/out/1", data={"verb": "release"})

    assert (answer.status_code, again.status_code) == (303, 409)
    assert next((one.verb, one.serial) for one in view.stock_moves()) == ("issue", "SN 3")


def test_an_item_that_is_there_is_not_entered_again_and_ends_when_it_is_gone(keeper: TestClient, view: View) -> None:
    again = keeper.post("/stock/items/~new", data={"id": "head", "name_zh": "别的"})
    full = keeper.post("/stock/items/head/end")
    assert (again.status_code, full.status_code) == (422, 409)
    assert "It is not empty" in words_of(full.text)

    book(keeper, verb="scrap", quantity="5", text="old")
    assert keeper.post("/stock/items/head/end").headers["location"] == "/stock/items"
    assert keeper.get("/stock/items/head").status_code == 404
    assert view.stock_items() == []


def test_a_level_that_cannot_be_is_marked(keeper: TestClient) -> None:
    answer = keeper.post("/stock/items/head/level", data={"location": "hq", "authorised": "2", "minimum": "3"})

    assert answer.status_code == 422
    assert "at most as many as are authorised" in words_of(answer.text)


def test_a_month_is_signed_on_its_page(desk: Desk, keeper: TestClient, view: View) -> None:
    at = "/stock/locations/hq/months/2024-09"

    assert "Sign as keeper" in words_of(page(keeper, at))
    assert keeper.post(at, data={"verb": "keep"}).status_code == 303
    assert keeper.post(at, data={"verb": "keep"}).status_code == 409
    refused = keeper.post(at, data={"verb": "check", "text": "mine"})
    assert (refused.status_code, "somebody else" in words_of(refused.text)) == (403, True)
    second = who(desk, "second")
    assert second.post(at, data={"verb": "check", "text": "with Li"}).status_code == 303

    told = words_of(page(keeper, at))
    assert "second" in told and "with Li" in told
    assert "signed by keeper · checked by second" in words_of(page(keeper, "/stock/locations/hq"))
    assert "The month is not over." in words_of(page(keeper, "/stock/locations/hq/months/2024-10"))


def test_an_engineer_has_no_stock_in_the_menu(desk: Desk, keeper: TestClient) -> None:
    assert "/stock/quantities" in page(keeper, "/devices")
    assert "/stock/quantities" not in page(who(desk, "engineer"), "/devices")
    assert who(desk, "engineer").get("/stock/quantities").status_code == 403
