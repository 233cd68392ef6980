"""One file per device, the history of places and serial numbers, repairs that did not last, and loan units."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection

from roundsman_collector.core.model import Retold, Segment
from roundsman_collector.core.parts import Repair, verdict
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import (
    Batch,
    Deed,
    DeviceEntry,
    DeviceNow,
    EntryError,
    ItemFields,
    LocationFields,
    MoveFilter,
    MoveWish,
    Office,
    PartWish,
    Store,
    View,
    loans,
    parts,
)
from roundsman_collector.store.connect import transaction
from roundsman_collector.store.reckon import Asked
from tests.collector.store.cast import DAY, TODAY, ticket

METRO = Scope(customers=frozenset({"metro"}))
NOBODY = Scope()


def at(days: float) -> int:
    return TODAY + round(days * DAY)


def deed(days: float = 0, who: str = "wang") -> Deed:
    return Deed(who=who, at_ms=at(days))


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    """kiosk-7 stands in metro's hall, a loan unit lies in the store, and a ticket is open."""
    unit = DeviceEntry(id="loan-1", kind="kiosk", name_zh="备机 1", name_en="Loan unit 1", serial="LU-1")
    store.add_agent("kiosk-7", "south", [unit], TODAY)
    store.commit(Batch(now_ms=TODAY, tickets=[ticket()]))
    with Office.open(where) as opened:
        names = {"name_zh": "地铁", "name_en": "Metro"}
        dates = {"accepted_on": "2024-01-01", "warranty_until": "2025-12-31"}
        opened.put_entry("customer", "metro", names, deed=deed())
        opened.put_entry("contract", "c-1", {"customer": "metro", "name": "C 1", **dates}, deed=deed())
        opened.put_entry(
            "site", "metro-1", {**names, "customer": "metro", "group_id": "south", "contract": "c-1"}, deed=deed()
        )
        opened.put_entry("place", "hall", {**names, "site": "metro-1"}, deed=deed())
        opened.put_entry("installation", "kiosk-7", {"place": "hall"}, deed=deed())
        opened.put_stock_item("head", ItemFields(name_zh="打印头", component="printer", warranty_months=6), deed=deed())
        opened.put_stock_location("hq", LocationFields(name_zh="总库"), deed=deed())
        yield opened


@pytest.fixture
def engine(office: Office, store: Store) -> Iterator[Connection]:
    """A transaction of the engine."""
    with transaction(store._write, "a test", store._place) as connection:
        yield connection


def enter(office: Office, days: float = 1, **more: Any) -> int:
    said = {"device": "kiosk-7", "component": "printer", "serial": "SN 1", "from_ms": at(days), **more}
    return office.put_part(PartWish(**said), deed=deed(days))


def swap(connection: Connection, old: str = "SN 1", new: str = "SN 2", days: float = 2, **more: Any) -> int:
    return parts.replace(connection, "kiosk-7", "printer", old, new, 1, more.pop("until", None), "li", at(days), **more)


def told(rows: list[parts.PartRow]) -> list[tuple[str, float, float | None, str | None]]:
    return [
        (
            one.serial,
            (one.from_ms - TODAY) / DAY,
            None if one.to_ms is None else (one.to_ms - TODAY) / DAY,
            one.warranty_until,
        )
        for one in rows
    ]


# --- a device's file -------------------------------------------------------------------------------------------------


def test_a_replacement_ends_the_old_part_and_begins_a_warranty_anew(office: Office, store: Store, view: View) -> None:
    enter(office)
    with transaction(store._write, "a test", store._place) as connection:
        swap(connection, item="head")

    found = view.parts_of_device("kiosk-7")

    assert told(found) == [("SN 1", 1, 2, None), ("SN 2", 2, None, "2025-12-31")]
    assert [(one.ticket, one.out_ticket) for one in found] == [(None, "2026-000001"), ("2026-000001", None)]
    assert found[1].name == "打印头"


def test_a_warranty_may_be_given_and_a_consumable_has_none(office: Office, engine: Connection) -> None:
    swap(engine, until=date(2030, 1, 1))
    first = parts.of_device(engine, "kiosk-7")[-1]

    assert (first.serial, first.warranty_until) == ("SN 2", "2030-01-01")


def test_what_was_never_written_down_is_when_it_comes_out(office: Office, engine: Connection) -> None:
    swap(engine, old="OLD 9")

    assert told(parts.of_device(engine, "kiosk-7")) == [("OLD 9", 0, 2, None), ("SN 2", 2, None, "2026-10-05")]
    assert [one.out_ticket for one in parts.of_serial(engine, "OLD 9")] == ["2026-000001"]


def test_a_serial_number_is_in_one_device_at_a_time_and_has_one_history(office: Office, store: Store) -> None:
    enter(office)
    with pytest.raises(EntryError, match="built in elsewhere"):
        enter(office, device="nvr-2")

    with transaction(store._write, "a test", store._place) as connection:
        swap(connection)
    enter(office, 3, device="nvr-2")

    with transaction(store._read, "looking", store._place) as connection:
        history = parts.of_serial(connection, "SN 1")
        assert [(one.device, one.to_ms) for one in history] == [("kiosk-7", at(2)), ("nvr-2", None)]
        assert [one.device for one in parts.of_serial(connection, "SN 1", METRO)] == ["kiosk-7"]
        assert parts.devices_of_serial(connection, "LU-1") == ["loan-1"]
        assert parts.devices_of_serial(connection, "LU-1", METRO) == []


def test_a_slip_of_the_pen_is_taken_back_and_a_replacement_is_not(office: Office, store: Store, view: View) -> None:
    slip = enter(office, serial="SN 77")
    office.take_out_part("kiosk-7", slip, is_mistake=True, deed=deed(2))
    assert view.parts_of_device("kiosk-7") == []
    enter(office)
    with transaction(store._write, "a test", store._place) as connection:
        made = swap(connection)

    with pytest.raises(EntryError, match="on ticket 2026-000001"):
        office.take_out_part("kiosk-7", made, is_mistake=True, deed=deed(3))
    office.take_out_part("kiosk-7", made, is_mistake=False, deed=deed(3))
    with pytest.raises(EntryError, match="was taken out"):
        office.take_out_part("kiosk-7", made, is_mistake=False, deed=deed(4))

    assert told(view.parts_of_device("kiosk-7"))[-1] == ("SN 2", 2, 3, "2026-10-05")


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"component": ""}, "component"),
        ({"device": "nobody"}, "device"),
        ({"from_ms": at(9)}, "from"),
        ({"warranty_until": "soon"}, "warranty_until"),
        ({"item": "nothing"}, "item"),
    ],
)
def test_a_part_that_cannot_be_is_refused_with_the_field(office: Office, said: dict[str, Any], field: str) -> None:
    with pytest.raises(EntryError) as refused:
        enter(office, **said)

    assert refused.value.field == field


def test_who_does_not_reach_a_device_cannot_write_its_file(office: Office) -> None:
    said = PartWish(device="kiosk-7", component="printer", from_ms=at(1))

    with pytest.raises(EntryError, match="there is no device 'kiosk-7'"):
        office.put_part(said, deed=deed(1), scope=NOBODY)
    assert office.put_part(said, deed=deed(1), scope=METRO) > 0


# --- repairs that did not last ---------------------------------------------------------------------------------------


def fixed(store: Store, ticket_id: int, days: float, cause: str = "product") -> None:
    with transaction(store._write, "a test", store._place) as connection:
        connection.exec_driver_sql(
            "INSERT INTO ticket_event (ticket_id, at_ms, who, verb, text, data) VALUES (?, ?, 'li', 'fix', '', ?)",
            (ticket_id, at(days), f'{{"cause": "{cause}"}}'),
        )


def test_repairs_of_the_same_part_are_counted_since_it_was_built_in(office: Office, store: Store, view: View) -> None:
    store.commit(Batch(now_ms=TODAY, tickets=[ticket(fault_from_ms=at(3)), ticket(fault_from_ms=at(5))]))
    fixed(store, 1, 2)
    fixed(store, 2, 4)

    found = view.repair_history(3)

    assert found is not None
    assert found.repairs == (Repair("2026-000001", at(2), "product"), Repair("2026-000002", at(4), "product"))
    assert (found.bought_ms, found.reported_ms, found.is_replaced) == (at(0), at(5) + 5, False)
    assert verdict(found, at(6)).evidence == ("2026-000001", "2026-000002")

    with transaction(store._write, "a test", store._place) as connection:
        swap(connection, days=6)
    after = view.repair_history(3)
    assert after is not None and (after.repairs, after.is_replaced) == ((), True)
    assert verdict(after, at(6)).is_blocked is False


def test_a_ticket_that_waits_for_a_spare_says_since_when(office: Office, store: Store, view: View) -> None:
    with transaction(store._write, "a test", store._place) as connection:
        for days, data in ((1, '{"reason": "rescheduled"}'), (2, '{"reason": "parts"}'), (3, '{"reason": "parts"}')):
            connection.exec_driver_sql(
                "INSERT INTO ticket_event (ticket_id, at_ms, who, verb, text, data) VALUES (1, ?, 'li', 'wait', '', ?)",
                (at(days), data),
            )

    found = view.repair_history(1)

    assert found is not None and found.lacking_ms == at(2)
    assert [verdict(found, at(days)).rule for days in (29, 31)] == ["", "no_spare"]


def test_the_silence_of_an_agent_is_no_part(office: Office, store: Store, view: View) -> None:
    store.commit(Batch(now_ms=TODAY, tickets=[ticket("@bus-31")]))

    assert view.repair_history(2) is None
    assert view.repair_history(99) is None


# --- loan units ------------------------------------------------------------------------------------------------------


def lend(connection: Connection, days: float = 2, **more: Any) -> int:
    return loans.loan_out(connection, ticket_id=1, who="li", at_ms=at(days), **more)


def stands(view: View, device: str) -> list[tuple[str, float, float | None]]:
    return [
        (
            str(one.fields["place"]),
            (one.from_ms - TODAY) / DAY,
            None if one.to_ms is None else (one.to_ms - TODAY) / DAY,
        )
        for one in view.entry_history("installation", device)
    ]


def test_a_registered_loan_unit_stands_at_the_place_until_the_device_is_back(
    office: Office, store: Store, view: View
) -> None:
    enter(office)
    with transaction(store._write, "a test", store._place) as connection:
        made = lend(connection, unit="loan-1")

    assert (stands(view, "kiosk-7"), stands(view, "loan-1")) == ([("hall", 0, 2)], [("hall", 2, None)])
    assert [(one.id, one.unit, one.serial, one.is_out) for one in view.loans(only_out=True)] == [
        (made, "loan-1", "LU-1", True)
    ]

    with transaction(store._write, "a test", store._place) as connection:
        loans.loan_back(connection, made, who="li", at_ms=at(5))

    assert stands(view, "kiosk-7") == [("hall", 0, 2), ("hall", 5, None)]
    assert stands(view, "loan-1") == [("hall", 2, 5)]
    assert view.loans(only_out=True) == []
    standing = view.parts_of_place("hall")
    assert [(one.device, [part.serial for part in one.parts]) for one in standing] == [
        ("kiosk-7", ["SN 1"]),
        ("loan-1", []),
        ("kiosk-7", ["SN 1"]),
    ]


def test_the_place_is_up_while_the_loan_unit_is_and_the_workshop_counts_for_nobody(
    office: Office, store: Store, view: View
) -> None:
    with transaction(store._write, "a test", store._place) as connection:
        made = lend(connection, unit="loan-1")
        loans.loan_back(connection, made, who="li", at_ms=at(5))
    store.commit(
        Batch(
            now_ms=at(6),
            tells=[
                Retold("loan-1", at(0), (Segment(at(0), None, "up", "", ""),)),
                Retold(
                    "kiosk-7",
                    at(0),
                    (
                        Segment(at(0), at(1), "up", "", ""),
                        Segment(at(1), at(5), "down", "off", ""),
                        Segment(at(5), None, "up", "", ""),
                    ),
                ),
            ],
            device_now=[DeviceNow(one, 1, at(6), at(6), at(6), False, None, None) for one in ("kiosk-7", "loan-1")],
        )
    )

    found = view.reckon(Asked(from_ms=at(0), to_ms=at(6), now_ms=at(6), by="place", of={"place": {"hall"}}))

    whole = found.rows[0].whole
    assert (found.rows[0].key, whole.total("up") / DAY, whole.total("down") / DAY) == ("hall", 5, 1)


def test_a_loan_unit_that_is_converted_stays_and_counts_as_a_replacement(
    office: Office, store: Store, view: View
) -> None:
    with transaction(store._write, "a test", store._place) as connection:
        made = lend(connection, unit="loan-1")
        loans.loan_back(connection, made, who="li", at_ms=at(5), became="converted")

    assert (stands(view, "kiosk-7"), stands(view, "loan-1")) == ([("hall", 0, 2)], [("hall", 2, None)])
    found = view.repair_history(1)
    assert found is not None and found.is_replaced is True


def test_a_loan_from_the_stock_comes_back_to_it(office: Office, store: Store, view: View) -> None:
    office.book_move(MoveWish(location="hq", item="head", verb="receive", serial="SN 5"), deed=deed(1))
    with transaction(store._write, "a test", store._place) as connection:
        made = lend(connection, item="head", location="hq", serial="SN 5", name="备用打印头")
    lent = view.stock(location="hq")[0].now
    with transaction(store._write, "a test", store._place) as connection:
        loans.loan_back(connection, made, who="li", at_ms=at(5))

    assert (lent.shelf, lent.lent) == (0, 1)
    assert [(one.verb, one.loan, one.ticket) for one in view.stock_moves(MoveFilter(serial="SN 5"))] == [
        ("lend_back", made, "2026-000001"),
        ("lend", made, "2026-000001"),
        ("receive", None, None),
    ]
    assert stands(view, "kiosk-7") == [("hall", 0, None)], "nothing is known of an unregistered unit"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "unit"),
        ({"unit": "nobody"}, "unit"),
        ({"unit": "kiosk-7"}, "unit"),
        ({"item": "head"}, "location"),
        ({"item": "head", "location": "hq"}, "quantity"),
    ],
)
def test_a_loan_that_cannot_be_is_refused_before_anything_is_written(
    engine: Connection, said: dict[str, Any], field: str
) -> None:
    with pytest.raises(EntryError) as refused:
        lend(engine, **said)

    assert refused.value.field == field
    assert loans.loans_of(engine, 1) == []


def test_a_loan_ends_once(engine: Connection) -> None:
    made = lend(engine, name="a spare kiosk")
    with pytest.raises(EntryError, match="without a word"):
        loans.loan_back(engine, made, who="li", at_ms=at(3), became="lost")
    loans.loan_back(engine, made, who="li", at_ms=at(3), became="lost", text="stolen")

    with pytest.raises(EntryError, match="no loan 1 that runs"):
        loans.loan_back(engine, made, who="li", at_ms=at(4))
    assert [(one.became, one.text, one.back_ms) for one in loans.loans_of(engine, 1)] == [("lost", "stolen", at(3))]


def test_a_unit_that_stands_somewhere_is_not_lent(office: Office, engine: Connection) -> None:
    lend(engine, unit="loan-1")

    with pytest.raises(EntryError, match="stands at place hall"):
        lend(engine, unit="loan-1", days=3)


def test_only_loans_for_reached_tickets_are_listed(office: Office, store: Store, view: View) -> None:
    with transaction(store._write, "a test", store._place) as connection:
        lend(connection, name="a spare kiosk")

    assert len(view.loans(scope=METRO)) == len(view.loans(scope=EVERYTHING)) == 1
    assert view.loans(scope=NOBODY) == []
