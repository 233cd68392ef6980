"""The spares of a ticket on its page: kept by one press, a warning over the step that sends somebody without one."""

import re

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.store import Batch, Deed, ItemFields, LocationFields, MoveWish, Store, TicketStep, View
from tests.collector.api import world
from tests.collector.api.world import NOW
from tests.collector.web.reading import page, words_of

TICKET = "/tickets/2024-000001"
DEED = Deed(who="admin", at_ms=NOW)


@pytest.fixture
def desk(view: View) -> Desk:
    found = world.desk(view)
    world.places(found.office)
    head = ItemFields(name_zh="打印头", name_en="print head", component="printer", is_swapped=True)
    found.office.put_stock_item("head", head, deed=DEED)
    found.office.put_stock_location("hq", LocationFields(name_zh="总库", name_en="headquarters"), deed=DEED)
    found.office.book_move(MoveWish(location="hq", item="head", verb="receive"), deed=DEED)
    return found


@pytest.fixture
def engineer(desk: Desk) -> TestClient:
    client = world.signed_in(desk, "engineer", Origin=world.ORIGIN)
    client.cookies.set("roundsman_language", "en")
    return client


def planned(store: Store) -> None:
    step = TicketStep(verb="plan", ticket=1, at_ms=NOW, who="dispatcher", text="", data={"mode": "supply"})
    store.commit(Batch(now_ms=NOW, tickets=[step]))


def buttons(html: str) -> list[dict[str, str]]:
    """The forms that keep a spare or ask for one, as a browser would send them."""
    forms = re.findall(rf'<form class="narrow" method="post" action="{TICKET}/spares">(.*?)</form>', html, re.S)
    return [dict(re.findall(r'name="(\w+)" value="([^"]*)"', one)) for one in forms]


# Shows S4-24.
def test_who_is_sent_without_the_spare_is_warned_until_it_is_kept(engineer: TestClient, store: Store) -> None:
    planned(store)
    before = page(engineer, f"{TICKET}?do=dispatch")
    (button,) = buttons(before)

    twice = [engineer.post(f"{TICKET}/spares", data=button) for _ in range(2)]
    after = page(engineer, f"{TICKET}?do=dispatch")

    warning = "it takes a spare, and none is kept for the ticket"
    assert words_of(before).count(warning) == 2, "in the card, and over the form"
    assert "print head swap at once headquarters · central · 1 free Keep one" in words_of(before)
    assert [(one.status_code, one.headers["location"]) for one in twice] == [(303, f"{TICKET}#spares")] * 2
    assert warning not in words_of(after)
    assert "print head × 1 · headquarters kept engineer Let go" in words_of(after)
    assert "0 free Ask for one" in words_of(after)


def test_who_was_slower_reads_that_it_is_gone_and_may_ask_for_one(desk: Desk, engineer: TestClient, view: View) -> None:
    (button,) = buttons(page(engineer, TICKET))
    desk.office.book_move(MoveWish(location="hq", item="head", verb="scrap", text="wet"), deed=DEED)

    slow = engineer.post(f"{TICKET}/spares", data=button)
    told = page(engineer, slow.headers["location"].partition("#")[0])
    (ask,) = buttons(told)
    engineer.post(f"{TICKET}/spares", data=ask)

    assert slow.headers["location"] == f"{TICKET}?spare=taken#spares"
    assert "somebody was faster" in words_of(told)
    assert [(one.state, one.quantity) for one in view.stock_reservations()] == [("wanted", 1)]


def test_what_is_kept_is_let_go_and_a_second_time_is_told_plainly(engineer: TestClient, view: View) -> None:
    (button,) = buttons(page(engineer, TICKET))
    engineer.post(f"{TICKET}/spares", data=button)

    first, second = (engineer.post(f"{TICKET}/spares/1/release") for _ in range(2))

    assert (first.headers["location"], second.headers["location"]) == (
        f"{TICKET}#spares",
        f"{TICKET}?spare=over#spares",
    )
    assert [one.state for one in view.stock_reservations()] == ["released"]


def test_a_viewer_reads_nothing_of_the_store(desk: Desk) -> None:
    viewer = world.signed_in(desk, "viewer", Origin=world.ORIGIN)

    assert 'id="spares"' not in page(viewer, TICKET)
    assert viewer.post(f"{TICKET}/spares", data={"location": "hq", "item": "head"}).status_code == 403


def test_a_part_that_is_used_is_chosen_from_what_was_issued_first(
    desk: Desk, engineer: TestClient, store: Store
) -> None:
    desk.office.book_move(MoveWish(location="hq", item="head", verb="issue", ticket="2024-000001"), deed=DEED)
    for verb, data in (("dispatch", {"engineer": "engineer"}), ("arrive", {})):
        step = TicketStep(verb=verb, ticket=1, at_ms=NOW, who="engineer", text="", data=data)
        store.commit(Batch(now_ms=NOW, tickets=[step]))

    html = page(engineer, f"{TICKET}?do=part")

    assert '<option value="hq|head">print head · issued to this ticket · 1</option>' in html
    assert "Issued to this ticket and not used yet: 1" in words_of(html)


# Shows S0-21.
def test_an_old_unit_that_was_swapped_is_taken_in_from_the_list(desk: Desk, view: View) -> None:
    desk.office.book_move(MoveWish(location="hq", item="head", verb="issue", ticket="2024-000001"), deed=DEED)
    admin = world.signed_in(desk, world.ADMIN, Origin=world.ORIGIN)
    admin.cookies.set("roundsman_language", "en")
    before = page(admin, "/stock/out")

    said = {"item": "head", "ticket": "2024-000001", "location": "hq", "serial": "SN 1", "key": "a-press"}
    answers = [admin.post("/stock/out/owed", data=said).status_code for _ in range(2)]

    assert "Old units that are to come in" in words_of(before)
    assert answers == [303, 303]
    assert [one.verb for one in view.stock_moves()] == ["collect", "issue", "receive"]
    assert "Old units that are to come in" not in words_of(page(admin, "/stock/out")).partition("Kept for tickets")[2]
