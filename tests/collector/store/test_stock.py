"""Spare stock in the store: never negative, reserved for tickets, two people at once, months that are signed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roundsman_collector.core.stock import KEEPERS, Level, Quantities, sums
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import (
    Batch,
    Deed,
    EntryError,
    ItemFields,
    LocationFields,
    MoveFilter,
    MoveWish,
    Office,
    Store,
    TicketVoid,
    View,
    reservations,
    stock,
)
from roundsman_collector.store.connect import transaction
from tests.collector.store.cast import DAY, TODAY, ticket

METRO = Scope(customers=frozenset({"metro"}))
PRINTER = ItemFields(name_zh="80 毫米打印头", name_en="print head", component="printer", warranty_months=12)
NUMBER = "2026-000001"


def deed(days: float = 0, who: str = "wang") -> Deed:
    return Deed(who=who, at_ms=TODAY + round(days * DAY))


def wish(verb: str, quantity: int = 1, **more: Any) -> MoveWish:
    return MoveWish(**{"location": "hq", "item": "head", "verb": verb, "quantity": quantity, **more})


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    """A headquarters' stock and a customer's own, one item, and a ticket about kiosk-7."""
    store.commit(Batch(now_ms=TODAY, tickets=[ticket()]))
    with Office.open(where) as opened:
        for person in ("wang", "li.na"):
            opened.add_person(person, name=person, role="storekeeper", scope=EVERYTHING, deed=deed())
        names = {"name_zh": "地铁", "name_en": "Metro"}
        opened.put_entry("customer", "metro", names, deed=deed())
        opened.put_stock_item("head", PRINTER, deed=deed())
        opened.put_stock_location("hq", LocationFields(name_zh="总库"), deed=deed())
        opened.put_stock_location("metro-own", LocationFields(name_zh="地铁专用库", customer="metro"), deed=deed())
        yield opened


def book(office: Office, verb: str, quantity: int = 1, days: float = 0, **more: Any) -> int:
    return office.book_move(wish(verb, quantity, **more), deed=deed(days))


def there(view: View, location: str = "hq") -> tuple[Quantities, int]:
    row = next(one for one in view.stock(location=location) if one.item.id == "head")
    return row.now, row.reserved


# --- moves -----------------------------------------------------------------------------------------------------------


def test_what_came_and_went_adds_up(office: Office, view: View) -> None:
    book(office, "receive", 10)
    book(office, "issue", 3, ticket=NUMBER)
    book(office, "return", 1, ticket=NUMBER)
    book(office, "send", 2)
    book(office, "repaired", 1, grade=2)
    book(office, "discard", 1, text="the board is burnt")
    book(office, "scrap", 1, text="wet")
    book(office, "count", -1, text="counted on Friday")

    assert there(view) == (Quantities(shelf=5, repair=0, lent=0), 0)
    assert [(one.verb, one.quantity) for one in view.stock_moves()][:2] == [("count", -1), ("scrap", 1)]
    assert [one.verb for one in view.stock_moves(MoveFilter(ticket=NUMBER))] == ["return", "issue"]


@pytest.mark.parametrize(
    ("verb", "quantity", "more"),
    [
        ("issue", 4, {"ticket": NUMBER}),
        ("send", 4, {}),
        ("scrap", 4, {"text": "wet"}),
        ("count", -4, {"text": "counted"}),
        ("repaired", 1, {"grade": 1}),
        ("discard", 1, {"text": "burnt"}),
        ("return", 1, {"ticket": NUMBER}),
    ],
)
def test_nothing_goes_that_is_not_there_and_nothing_of_it_is_stored(
    office: Office, view: View, verb: str, quantity: int, more: dict[str, Any]
) -> None:
    book(office, "receive", 3)

    with pytest.raises(EntryError) as refused:
        book(office, verb, quantity, **more)

    assert refused.value.cause == "conflict"
    assert there(view) == (Quantities(shelf=3), 0)
    assert [one.verb for one in view.stock_moves()] == ["receive"]


@pytest.mark.parametrize(
    ("verb", "quantity", "more", "field"),
    [
        ("steal", 1, {}, "verb"),
        ("lend", 1, {}, "verb"),
        ("receive", 0, {}, "quantity"),
        ("receive", -1, {}, "quantity"),
        ("receive", 10**9, {}, "quantity"),
        ("receive", 2, {"serial": "SN 1"}, "quantity"),
        ("scrap", 1, {}, "text"),
        ("issue", 1, {}, "ticket"),
        ("issue", 1, {"ticket": "2026-999999"}, "ticket"),
        ("repaired", 1, {}, "grade"),
        ("repaired", 1, {"grade": 9}, "grade"),
        ("receive", 1, {"item": "nothing"}, "item"),
        ("receive", 1, {"location": "nowhere"}, "location"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_with_the_field(
    office: Office, verb: str, quantity: int, more: dict[str, Any], field: str
) -> None:
    with pytest.raises(EntryError) as refused:
        book(office, verb, quantity, **more)

    assert refused.value.field == field


def test_of_two_who_want_the_last_one_at_once_one_is_refused(office: Office, view: View) -> None:
    book(office, "receive", 1)

    def want(_: int) -> str:
        try:
            book(office, "issue", ticket=NUMBER)
        except EntryError as error:
            return error.cause
        return "got it"

    with ThreadPoolExecutor(6) as many:
        answers = sorted(many.map(want, range(6)))

    assert answers == ["conflict"] * 5 + ["got it"]
    assert there(view) == (Quantities(), 0)


def test_the_same_key_books_once_and_another_wish_under_it_is_refused(office: Office, view: View) -> None:
    first = book(office, "receive", 5, key="delivery-17")

    assert book(office, "receive", 5, key="delivery-17") == first
    with pytest.raises(EntryError, match="another move"):
        book(office, "receive", 6, key="delivery-17")
    assert there(view)[0].shelf == 5


# Shows S3-37.
def test_a_serial_number_is_followed_and_not_issued_twice(office: Office, view: View) -> None:
    book(office, "receive", serial="SN 1")
    book(office, "receive", serial="SN 2")
    book(office, "issue", serial="SN 1", ticket=NUMBER)

    with pytest.raises(EntryError, match="it is issued"):
        book(office, "issue", serial="SN 1", ticket=NUMBER)
    with pytest.raises(EntryError, match="it is on the shelf"):
        book(office, "receive", serial="SN 2")
    assert [one.verb for one in view.stock_moves(MoveFilter(serial="SN 1"))] == ["issue", "receive"]


def test_a_ticket_that_is_over_gets_nothing(office: Office, store: Store) -> None:
    book(office, "receive", 3)
    store.commit(Batch(now_ms=TODAY, tickets=[TicketVoid(ticket=1, at_ms=TODAY + 9, text="never was")]))

    with pytest.raises(EntryError, match="is void"):
        book(office, "issue", ticket=NUMBER)
    with pytest.raises(EntryError, match="is void"):
        office.reserve_spare("hq", "head", 1, NUMBER, deed=deed())


def test_a_clock_that_was_set_back_does_not_date_a_move_before_the_last_one(office: Office, view: View) -> None:
    book(office, "receive", 3, days=5)
    book(office, "receive", 3, days=4)

    assert [one.at_ms for one in view.stock_moves()] == [TODAY + 5 * DAY] * 2


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(KEEPERS), st.integers(1, 4)), max_size=25))
@pytest.mark.sqlite
def test_whatever_is_tried_the_quantity_is_the_sum_of_the_moves_and_never_negative(
    office: Office, view: View, tried: list[tuple[str, int]]
) -> None:
    for verb, quantity in tried:
        more = {"ticket": NUMBER} if verb in ("issue", "return") else {}
        grade = {"grade": 1} if verb == "repaired" else {}
        try:
            book(office, verb, -quantity if verb == "count" else quantity, text="why", **more, **grade)
        except EntryError as error:
            assert error.cause == "conflict"

    moved: dict[Any, int] = {}
    for one in view.stock_moves(limit=10_000):
        moved[one.verb] = moved.get(one.verb, 0) + one.quantity
    rows = view.stock(location="hq")
    now = rows[0].now if rows else Quantities()
    assert now == sums(moved)
    assert now.is_possible


# --- reservations ----------------------------------------------------------------------------------------------------


def test_what_is_reserved_is_nobody_elses_and_goes_with_its_ticket(office: Office, store: Store, view: View) -> None:
    store.commit(Batch(now_ms=TODAY, tickets=[ticket("nvr-2")]))
    book(office, "receive", 3)
    office.reserve_spare("hq", "head", 2, NUMBER, deed=deed())

    with pytest.raises(EntryError, match="1 are free"):
        book(office, "issue", 2, ticket="2026-000002")
    with pytest.raises(EntryError, match="1 are free"):
        office.reserve_spare("hq", "head", 2, "2026-000002", deed=deed())

    book(office, "issue", 1, ticket=NUMBER)

    assert there(view) == (Quantities(shelf=2), 1), "the rest stays reserved"
    office.end_reservation(1, "issue", deed=deed())
    assert there(view) == (Quantities(shelf=1), 0)
    assert [(one.state, one.quantity) for one in view.stock_reservations()] == [("issued", 1)]
    with pytest.raises(EntryError, match="is issued"):
        office.end_reservation(1, "release", deed=deed())


def test_a_reservation_that_is_asked_for_twice_is_made_once(office: Office, view: View) -> None:
    book(office, "receive", 3)

    made = [office.reserve_spare("hq", "head", 1, NUMBER, key="click", deed=deed()) for _ in range(2)]

    assert made[0] == made[1]
    assert there(view) == (Quantities(shelf=3), 1)


def test_a_reservation_ends_with_its_ticket(office: Office, store: Store, view: View) -> None:
    book(office, "receive", 3)
    office.reserve_spare("hq", "head", 2, NUMBER, deed=deed())

    with transaction(store._write, "ending", store._place) as connection:
        before = reservations.spares_of(connection, 1)
        ended = reservations.end_of(connection, 1, "roundsman", TODAY + 9)
        again = reservations.end_of(connection, 1, "roundsman", TODAY + 9)

    assert (before, ended, again) == ((2, 0, 0), 1, 0)
    assert there(view) == (Quantities(shelf=3), 0)
    assert [one.state for one in view.stock_reservations()] == ["expired"]


def test_the_engine_goes_on_with_its_transaction_where_a_move_is_refused(
    office: Office, store: Store, view: View
) -> None:
    book(office, "receive", 1)

    with transaction(store._write, "issuing", store._place) as connection:
        with pytest.raises(EntryError):
            stock.issue(connection, "head", "hq", 2, 1, "", "li", TODAY)
        stock.issue(connection, "head", "hq", 1, 1, "SN 7", "li", TODAY)
        stock.give_back(connection, "head", "hq", 1, 1, "SN 7", "li", TODAY)
        with pytest.raises(EntryError, match="0 went with it"):
            stock.give_back(connection, "head", "hq", 1, 1, "", "li", TODAY)

    assert [one.verb for one in view.stock_moves()] == ["return", "issue", "receive"]


# --- what is to be there ---------------------------------------------------------------------------------------------


# Shows S0-20, S1-39, S2-27.
def test_what_lacks_of_the_authorised_quantity_is_to_be_bought(office: Office, view: View) -> None:
    office.put_stock_level("hq", "head", Level(5, 2), deed=deed())
    book(office, "receive", 3)
    book(office, "send", 2)

    row = view.stock(location="hq")[0]

    assert (row.short.missing, row.short.is_low) == (2, True)
    assert office.put_stock_level("hq", "head", Level(5, 2), deed=deed(1)) is False
    with pytest.raises(EntryError, match="minimum 6 of 5"):
        office.put_stock_level("hq", "head", Level(5, 6), deed=deed(1))


def test_an_item_changes_by_versions_and_ends_only_when_nothing_is_left(office: Office, view: View) -> None:
    book(office, "receive", 1)
    changed = ItemFields(name_zh="打印头", unit="只", kinds=("kiosk",), models=("DR-58",))
    assert office.put_stock_item("head", changed, deed=deed(1)) is True
    assert office.put_stock_item("head", changed, deed=deed(2)) is False

    with pytest.raises(EntryError, match="is not empty"):
        office.end_stock_entry("item", "head", deed=deed(3))
    book(office, "scrap", 1, days=3, text="old")
    office.end_stock_entry("item", "head", deed=deed(3))

    assert view.stock_items() == []
    with pytest.raises(EntryError, match="no stock item"):
        book(office, "receive", 1, days=4)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name_zh": ""}, "name_zh"),
        ({"unit": ""}, "unit"),
        ({"warranty_months": -1}, "warranty_months"),
        ({"kinds": ("two words",)}, "kinds"),
        ({"component": "打印机"}, "component"),
    ],
)
def test_an_item_that_cannot_be_is_refused(office: Office, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(EntryError) as refused:
        office.put_stock_item("more", ItemFields(**{"name_zh": "件", **fields}), deed=deed())

    assert refused.value.field == field


# --- scopes ----------------------------------------------------------------------------------------------------------


# Shows S2-16.
def test_a_scope_sees_and_writes_the_stock_of_its_own_customers(office: Office, view: View) -> None:
    book(office, "receive", 3)
    office.book_move(wish("receive", 2, location="metro-own"), deed=deed(), scope=METRO)

    assert [one.location for one in view.stock(scope=METRO)] == ["metro-own"]
    assert [one.location for one in view.stock_moves(scope=METRO)] == ["metro-own"]
    with pytest.raises(EntryError, match="no stock location"):
        office.book_move(wish("receive", 2), deed=deed(), scope=METRO)
    with pytest.raises(EntryError):
        office.put_stock_location("metro-own", LocationFields(name_zh="我的"), deed=deed(), scope=METRO)
    with pytest.raises(EntryError, match="cannot write"):
        office.put_stock_item("mine", PRINTER, deed=deed(), scope=METRO)
    with pytest.raises(EntryError, match="no ticket"):
        office.book_move(wish("issue", location="metro-own", ticket=NUMBER), deed=deed(), scope=METRO)


# --- months ----------------------------------------------------------------------------------------------------------


# Shows S0-23.
def test_a_month_is_signed_by_two_people_and_stays_as_it_was(office: Office, view: View) -> None:
    book(office, "receive", 10, days=1)
    book(office, "issue", 4, days=2, ticket=NUMBER)

    with pytest.raises(EntryError, match="not over"):
        office.sign_stock("hq", "2024-10", is_check=False, deed=deed(20))
    with pytest.raises(EntryError, match="keeper has not signed"):
        office.sign_stock("hq", "2024-10", is_check=True, deed=deed(40, "li.na"))
    kept = office.sign_stock("hq", "2024-10", is_check=False, deed=deed(40))
    with pytest.raises(EntryError, match="wang has signed"):
        office.sign_stock("hq", "2024-10", is_check=False, deed=deed(41, "li.na"))
    with pytest.raises(EntryError, match="second person"):
        office.sign_stock("hq", "2024-10", is_check=True, deed=deed(41))
    office.put_stock_item("head", ItemFields(name_zh="改名"), deed=deed(42))
    checked = office.sign_stock("hq", "2024-10", is_check=True, text="财务 李", deed=deed(42, "li.na"))

    assert [(one.name_zh, one.line.opening, one.line.closing) for one in kept.lines] == [("80 毫米打印头", 0, 6)]
    assert checked.lines == kept.lines
    assert (checked.sha256, checked.kept_by, checked.checked_by) == (kept.sha256, "wang", "li.na")
    assert view.stock_months("hq") == ({"2024-10": ("wang", "li.na")}, TODAY + DAY)


def test_nothing_is_written_into_a_month_that_was_signed(office: Office, view: View) -> None:
    book(office, "receive", 10, days=1)
    office.sign_stock("hq", "2024-10", is_check=False, deed=deed(40))

    book(office, "receive", 1, days=2)

    assert view.stock_moves()[0].at_ms == view.stock_statement("hq", "2024-10").to_ms
    november = view.stock_statement("hq", "2024-11")
    assert [(one.line.opening, one.line.received, one.line.closing) for one in november.lines] == [(10, 1, 11)]


def test_what_was_signed_stays_when_the_location_is_gone(office: Office, view: View) -> None:
    book(office, "receive", 2, days=1)
    book(office, "scrap", 2, days=2, text="wet")
    office.sign_stock("hq", "2024-10", is_check=False, deed=deed(40))
    office.end_stock_entry("location", "hq", deed=deed(41))

    assert view.stock_statement("hq", "2024-10").lines[0].line.scrapped == 2
    with pytest.raises(EntryError, match="no stock location"):
        view.stock_statement("nowhere", "2024-10")


def test_a_month_is_one_of_headquarters(office: Office, view: View) -> None:
    found = view.stock_statement("hq", "2024-12")

    assert (found.from_ms, found.to_ms) == (1732982400000, 1735660800000), "from midnight in Beijing"
    with pytest.raises(EntryError, match="no month"):
        view.stock_statement("hq", "2024-13")
