"""A ticket goes on under another number: spares, loans and what is in somebody's hand go along, all or nothing."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from roundsman_collector.core.stock import Quantities, Spares
from roundsman_collector.store import (
    Batch,
    Deed,
    EntryError,
    ItemFields,
    LocationFields,
    MoveWish,
    Office,
    Store,
    StoreError,
    TicketStep,
    View,
    Want,
)
from roundsman_collector.store.tickets import TicketOpen
from tests.collector.store.cast import TODAY, ticket

OLD, NEW = "2026-000001", "2026-000002"
DEED = Deed(who="wang", at_ms=TODAY)
NAMES = {"name_zh": "打印头", "name_en": "打印头"}


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    """Five print heads, and a ticket for which two are kept, one is asked for, two are in hand; a unit is lent."""
    store.commit(Batch(now_ms=TODAY, tickets=[ticket()]))
    with Office.open(where) as opened:
        opened.put_stock_item("head", ItemFields(name_zh="打印头"), deed=DEED)
        opened.put_stock_location("hq", LocationFields(name_zh="总库"), deed=DEED)
        opened.book_move(MoveWish(location="hq", item="head", verb="receive", quantity=5), deed=DEED)
        opened.want_spare(want(2, key="k-1"), deed=DEED)
        opened.want_spare(want(1), is_wish=True, deed=DEED)
        issue = MoveWish(location="hq", item="head", verb="issue", quantity=2, ticket=OLD)
        opened.book_move(issue, deed=DEED)
        opened.want_spare(want(2), deed=DEED)
        yield opened


def want(quantity: int, key: str = "") -> Want:
    return Want(location="hq", item="head", ticket=OLD, quantity=quantity, key=key)


def lend(store: Store) -> None:
    said = TicketStep(ticket=1, at_ms=TODAY + 10, verb="loan", who="li", data={"name": "a printer", "serial": "P-9"})
    store.commit(Batch(now_ms=TODAY + 10, tickets=[said]))


def moves(**said: Any) -> list[TicketOpen | TicketStep]:
    """What a transfer writes."""
    new = replace(ticket(handle=-1), data={"source": "phone", "transferred_from": OLD, **said})
    step = TicketStep(ticket=1, at_ms=TODAY + 20, verb="transfer", who="wang", text="a book", data={"to": -1})
    return [new, step]


def transfer(store: Store, **said: Any) -> None:
    store.commit(Batch(now_ms=TODAY + 20, tickets=moves(**said)))


def waits(view: View, number: str) -> list[tuple[str, int]]:
    return sorted((one.state, one.quantity) for one in view.stock_reservations() if one.ticket == number)


def data_of(store: Store, ticket_id: int, verb: str) -> dict[str, Any]:
    found = store.ticket_with_log(ticket_id)
    assert found is not None
    return next(dict(one.data) for one in found[1] if one.verb == verb)


def test_what_waits_for_a_ticket_waits_for_the_next_one_and_stays_kept(
    office: Office, store: Store, view: View
) -> None:
    transfer(store)

    assert waits(view, NEW) == [("open", 2), ("wanted", 1)]
    assert waits(view, OLD) == [("issued", 2), ("released", 1), ("released", 2)]
    assert [(one.now, one.reserved) for one in view.stock()] == [(Quantities(shelf=3), 2)]
    there = {"location": "hq", "item": "head", **NAMES}
    along = {
        "spares": [
            {**there, "reservation": 2, "quantity": 1, "state": "wanted"},
            {**there, "reservation": 3, "quantity": 2, "state": "open"},
        ],
        "in_hand": [{**there, "quantity": 2}],
    }
    assert data_of(store, 1, "transfer") == {"to": NEW, **along}
    assert data_of(store, 2, "open") == {"source": "phone", "transferred_from": OLD, **along}


def test_what_is_in_hand_is_used_or_comes_back_on_the_next_number_only(
    office: Office, store: Store, view: View
) -> None:
    transfer(store)
    back = MoveWish(location="hq", item="head", verb="return", ticket=OLD)

    with pytest.raises(EntryError, match="0 went with it"):
        office.book_move(back, deed=DEED)
    office.book_move(replace(back, ticket=NEW), deed=DEED)
    part = {"component": "printer", "name": "head", "item": "head", "location": "hq"}
    store.commit(
        Batch(
            now_ms=TODAY + 50,
            tickets=[
                TicketStep(ticket=2, at_ms=TODAY + 30, verb="dispatch", who="wang", data={"engineer": "li"}),
                TicketStep(ticket=2, at_ms=TODAY + 40, verb="arrive", who="li"),
                TicketStep(ticket=2, at_ms=TODAY + 50, verb="part", who="li", data=part),
            ],
        )
    )

    assert (view.spares_with_ticket(1), view.spares_with_ticket(2)) == (
        (Spares(reserved=0, in_hand=0, wanted=0), {}),
        (Spares(reserved=2, in_hand=0, wanted=1), {}),
    )
    assert [(one.now.shelf, one.reserved) for one in view.stock()] == [(4, 2)], "one came back, one was used"


def test_a_loan_that_is_out_goes_along_and_both_numbers_show_it(office: Office, store: Store, view: View) -> None:
    lend(store)

    transfer(store, loans=[1])
    transfer_again = [replace(one, ticket=2) if isinstance(one, TicketStep) else one for one in moves(loans=[1])]
    transfer_again[0] = replace(transfer_again[0], data={"source": "phone", "transferred_from": NEW, "loans": [1]})
    store.commit(Batch(now_ms=TODAY + 20, tickets=transfer_again))

    third = "2026-000003"
    assert [[(one.id, one.ticket) for one in view.spares_of_ticket(number)[2]] for number in (1, 2, 3)] == [
        [(1, third)]
    ] * 3
    assert [len(one.loans) for one in view.ticket_facts(view.tickets())] == [1, 1, 1]
    back = TicketStep(ticket=3, at_ms=TODAY + 30, verb="loan_back", who="li", data={"loan": 1})
    store.commit(Batch(now_ms=TODAY + 30, tickets=[back]))
    assert view.spares_of_ticket(3)[2][0].became == "returned"


def test_a_loan_of_another_ticket_stays_there(office: Office, store: Store, view: View) -> None:
    lend(store)
    store.commit(Batch(now_ms=TODAY + 15, tickets=[ticket("nvr-2")]))
    new = replace(ticket("nvr-2", handle=-1), data={"source": "phone", "transferred_from": NEW, "loans": [1]})
    step = TicketStep(ticket=2, at_ms=TODAY + 20, verb="transfer", who="wang", text="a book", data={"to": -1})

    store.commit(Batch(now_ms=TODAY + 20, tickets=[new, step]))

    assert [one.ticket for one in view.spares_of_ticket(1)[2]] == [OLD]


def test_a_transfer_that_does_not_come_to_an_end_moves_nothing(office: Office, store: Store, view: View) -> None:
    lend(store)
    before = waits(view, OLD), view.stock(), view.spares_with_ticket(1)
    too_much = TicketStep(ticket=1, at_ms=TODAY + 21, verb="arrive", who="li")

    with pytest.raises(StoreError, match="it is transferred"):
        store.commit(Batch(now_ms=TODAY + 21, tickets=[*moves(loans=[1]), too_much]))

    assert (waits(view, OLD), view.stock(), view.spares_with_ticket(1)) == before
    assert [one.number for one in view.tickets()] == [OLD]
    transfer(store, loans=[1])
    assert [one.number for one in view.tickets()] == [NEW, OLD], "no number is lost"


def test_a_reservation_that_is_asked_for_again_after_the_transfer_is_done_once(
    office: Office, store: Store, view: View
) -> None:
    transfer(store)

    again = office.want_spare(want(2, key="k-1"), deed=DEED)

    assert (again, waits(view, NEW)) == (1, [("open", 2), ("wanted", 1)])
