"""Spares that wait for tickets: asked for where none is there, used once although issued beforehand, old ones owed."""

from collections.abc import Iterator

import pytest

from roundsman_collector.core.stock import Quantities
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import (
    Batch,
    Deed,
    EntryError,
    ItemFields,
    LocationFields,
    MoveWish,
    Office,
    OwedRow,
    Store,
    TicketStep,
    TicketVoid,
    View,
    Want,
)
from tests.collector.store.cast import DAY, TODAY, ticket

NUMBER = "2026-000001"
HEAD = ItemFields(name_zh="打印头", component="printer", warranty_months=12, is_swapped=True)


def deed(days: float = 0, who: str = "wang") -> Deed:
    return Deed(who=who, at_ms=TODAY + round(days * DAY))


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    """A headquarters' stock without a single print head, and a ticket about the printer of kiosk-7."""
    store.commit(Batch(now_ms=TODAY, tickets=[ticket()]))
    with Office.open(where) as opened:
        for person, role in (("wang", "storekeeper"), ("li", "engineer")):
            opened.add_person(person, name=person, role=role, scope=EVERYTHING, deed=deed())
        opened.put_stock_item("head", HEAD, deed=deed())
        opened.put_stock_location("hq", LocationFields(name_zh="总库"), deed=deed())
        yield opened


def want(quantity: int = 1, **more: str) -> Want:
    return Want(**{"location": "hq", "item": "head", "ticket": NUMBER, **more}, quantity=quantity)


def receive(office: Office, quantity: int) -> None:
    office.book_move(MoveWish(location="hq", item="head", verb="receive", quantity=quantity), deed=deed())


def there(view: View) -> tuple[Quantities, int]:
    rows = view.stock(location="hq")
    return (rows[0].now, rows[0].reserved) if rows else (Quantities(), 0)


def states(view: View) -> list[tuple[str, int]]:
    return [(one.state, one.quantity) for one in view.stock_reservations()]


# Shows S1-16.
def test_what_is_not_there_is_asked_for_and_kept_when_it_comes(office: Office, store: Store, view: View) -> None:
    with pytest.raises(EntryError, match="0 are free"):
        office.want_spare(want(), deed=deed(who="li"))
    office.want_spare(want(2), is_wish=True, deed=deed(who="li"))
    wished = states(view), there(view)
    with pytest.raises(EntryError, match="0 are free"):
        office.end_reservation(1, "keep", deed=deed())

    receive(office, 3)
    office.end_reservation(1, "keep", deed=deed())

    assert wished == ([("wanted", 2)], (Quantities(), 0)), "a wish keeps nothing"
    assert states(view) == [("open", 2)]
    assert there(view) == (Quantities(shelf=3), 2)
    with pytest.raises(EntryError, match="is open"):
        office.end_reservation(1, "keep", deed=deed())


def test_what_was_asked_for_is_issued_at_once_where_it_has_come(office: Office, view: View) -> None:
    office.want_spare(want(), is_wish=True, deed=deed(who="li"))
    receive(office, 1)

    office.end_reservation(1, "issue", deed=deed())

    assert (states(view), there(view)) == ([("issued", 1)], (Quantities(), 0))


def test_a_wish_ends_with_its_ticket_and_frees_nothing(office: Office, store: Store, view: View) -> None:
    receive(office, 1)
    office.want_spare(want(), deed=deed())
    office.want_spare(want(), is_wish=True, deed=deed())

    store.commit(Batch(now_ms=TODAY + 9, tickets=[TicketVoid(ticket=1, at_ms=TODAY + 9, text="never was")]))

    assert states(view) == [("expired", 1), ("expired", 1)]
    assert there(view) == (Quantities(shelf=1), 0)


def test_who_presses_twice_keeps_once_and_another_wish_under_the_key_is_refused(office: Office, view: View) -> None:
    receive(office, 5)

    made = [office.want_spare(want(key="click"), deed=deed(who="li")) for _ in range(2)]

    assert made[0] == made[1]
    assert there(view) == (Quantities(shelf=5), 1)
    with pytest.raises(EntryError, match="was used for another"):
        office.want_spare(want(2, key="click"), deed=deed(who="li"))


def test_who_acts_on_a_ticket_lets_go_of_its_spares_and_of_no_others(office: Office, store: Store, view: View) -> None:
    store.commit(Batch(now_ms=TODAY, tickets=[ticket("nvr-2")]))
    receive(office, 1)
    office.want_spare(want(), deed=deed(who="li"))

    with pytest.raises(EntryError, match="no reservation 1"):
        office.let_spare_go(1, "2026-000002", deed=deed(who="li"))
    with pytest.raises(EntryError, match="there is no ticket"):
        office.let_spare_go(1, NUMBER, deed=deed(), scope=Scope(groups=frozenset({"nowhere"})))
    office.let_spare_go(1, NUMBER, deed=deed(who="li"))

    assert (states(view), there(view)) == ([("released", 1)], (Quantities(shelf=1), 0))
    with pytest.raises(EntryError, match="is released"):
        office.let_spare_go(1, NUMBER, deed=deed(who="li"))


def test_a_location_of_another_customer_serves_no_ticket(office: Office) -> None:
    office.put_entry("customer", "bank", {"name_zh": "银行", "name_en": "Bank"}, deed=deed())
    office.put_stock_location("bank-own", LocationFields(name_zh="银行专用库", customer="bank"), deed=deed())

    with pytest.raises(EntryError, match="'bank-own' serves ticket") as refused:
        office.want_spare(want(location="bank-own"), is_wish=True, deed=deed())

    assert refused.value.cause == "missing"


# Shows S4-4.
def test_what_was_issued_to_a_ticket_leaves_the_shelf_once_when_it_is_built_in(
    office: Office, store: Store, view: View
) -> None:
    receive(office, 3)
    office.want_spare(want(), deed=deed())
    office.end_reservation(1, "issue", deed=deed())
    before = view.spares_with_ticket(1)
    used = {"component": "printer", "name": "打印头", "item": "head", "location": "hq", "quantity": 2}

    steps = [("dispatch", {"engineer": "li"}), ("arrive", {}), ("part", used)]
    taken = [TicketStep(verb=verb, ticket=1, at_ms=TODAY + 5, who="li", text="", data=data) for verb, data in steps]
    store.commit(Batch(now_ms=TODAY + 5, tickets=[*taken]))

    assert before == ((0, 1, 0), {("hq", "head"): 1})
    assert there(view) == (Quantities(shelf=1), 0), "one went along, one more came off the shelf"
    assert view.spares_with_ticket(1) == ((0, 0, 0), {})


# Shows S0-21.
def test_what_is_swapped_is_owed_until_the_old_one_comes_in_graded_or_scrapped(office: Office, view: View) -> None:
    receive(office, 2)
    office.book_move(MoveWish(location="hq", item="head", verb="issue", quantity=2, ticket=NUMBER), deed=deed(1))
    owed = [view.stock_owed()]

    for verb, more in (
        ("collect", {"serial": "SN 1", "ticket": NUMBER}),
        ("repaired", {"serial": "SN 1", "grade": 2}),
        ("collect", {"serial": "SN 2", "ticket": NUMBER}),
        ("discard", {"serial": "SN 2", "text": "burnt"}),
    ):
        office.book_move(MoveWish(location="hq", item="head", verb=verb, **more), deed=deed(2))  # type: ignore[arg-type]
        owed.append(view.stock_owed())

    row = OwedRow("head", NUMBER, "kiosk-7", "hq", 2, TODAY + DAY)
    assert owed == [[row], [row._replace(quantity=1)], [row._replace(quantity=1)], [], []]
    assert there(view)[0] == Quantities(shelf=1)


# Shows S0-21.
def test_a_fixed_camera_is_told_from_another_by_the_item_that_replaces_it(office: Office, view: View) -> None:
    bullet = ItemFields(name_zh="枪机", component="channel", kinds=("nvr",), models=("DS-7608",), is_swapped=True)
    whole = ItemFields(name_zh="整机", component="device", kinds=("camera",), models=("DS-2CD",), is_swapped=True)
    for name, fields in (("bullet", bullet), ("whole", whole)):
        office.put_stock_item(name, fields, deed=deed())
    items = {one.id: one for one in view.stock_items()}

    fits = [
        items["bullet"].fits("channel[3]", "nvr", "DS-7608"),
        items["bullet"].fits("disk[1]", "nvr", "DS-7608"),
        items["whole"].fits("stream", "camera", "DS-2CD"),
        items["whole"].fits("stream", "camera", "DS-2DE-PTZ"),
    ]

    assert fits == [True, False, True, False]
    assert [one.fields.is_swapped for one in items.values()] == [True, True, True]


def test_a_store_out_of_sight_owes_nothing_to_who_cannot_see_it(office: Office, view: View) -> None:
    receive(office, 1)
    office.book_move(MoveWish(location="hq", item="head", verb="issue", ticket=NUMBER), deed=deed())

    assert view.stock_owed(scope=Scope(customers=frozenset({"metro"}))) == []
    assert len(view.stock_owed()) == 1
