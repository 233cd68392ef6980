"""Lists of tickets: each field narrows, the newest comes first, and a scope keeps its secrets, counts included."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from roundsman_collector.roles import EVERYTHING, NOTHING, Scope
from roundsman_collector.store import Batch, Store, TicketFilter, TicketOpen, TicketResolve, TicketStep, View
from roundsman_collector.store.ticket_clocks import ClockRow, ClocksTold
from tests.collector.store.cast import TODAY

BANK, MALL = Scope(customers=frozenset({"bank"})), Scope(customers=frozenset({"mall"}))


def opened(subject: str, agent_no: int, code: str, severity: str) -> TicketOpen:
    return TicketOpen(
        subject=subject,
        agent_no=agent_no,
        component="printer",
        code=code,
        severity=severity,
        service_class="clerk",
        fault_from_ms=TODAY,
        opened_ms=TODAY,
        year=2026,
    )


@pytest.fixture
def listed(store: Store, view: View) -> View:
    """1 kiosk-7 (bank, resolved), 2 nvr-2 (mall), 3 @gateway-2 (speaks for nvr-2), 4 bus-31 (no customer, urgent)."""
    with store._write.begin() as connection:
        for site, customer, engineer, special in (("s-1", "bank", "li", "NULL"), ("s-2", "mall", "wang", "'zhao'")):
            connection.execute(
                text(
                    "INSERT INTO site (id, from_ms, made_ms, made_by, customer, group_id, name_zh, name_en, address, "
                    "zone, time_zone, service_hours, engineer) "
                    f"VALUES ('{site}', 0, 0, 'w', '{customer}', 'north', '', '', '', '', '', '', '{engineer}')"
                )
            )
            connection.execute(
                text(
                    "INSERT INTO place (id, from_ms, made_ms, made_by, site, name_zh, name_en, engineer) "
                    f"VALUES ('p-{site}', 0, 0, 'w', '{site}', '', '', {special})"
                )
            )
        for device, place in (("kiosk-7", "p-s-1"), ("nvr-2", "p-s-2")):
            connection.execute(
                text(
                    "INSERT INTO installation (device, from_ms, made_ms, made_by, place) "
                    f"VALUES ('{device}', 0, 0, 'w', '{place}')"
                )
            )
        connection.execute(text("INSERT INTO device_search (device, text) VALUES ('nvr-2', 'nvr-2 录像机 100%_ lxj')"))
    store.commit(
        Batch(
            now_ms=TODAY,
            tickets=[
                opened("kiosk-7", 1, "printer.paper_end", "minor"),
                opened("nvr-2", 2, "disk.full", "major"),
                opened("@gateway-2", 2, "agent.silent", "major"),
                opened("bus-31", 3, "gnss.lost", "urgent"),
            ],
        )
    )
    store.commit(
        Batch(
            now_ms=TODAY,
            tickets=[
                TicketResolve(ticket=1, at_ms=TODAY, outcome="recovered"),
                TicketStep(verb="acknowledge", ticket=4, at_ms=TODAY, who="li"),
            ],
        )
    )
    return view


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (TicketFilter(), [4, 3, 2, 1]),
        (TicketFilter(states=("open",)), [3, 2]),
        (TicketFilter(states=("resolved", "void")), [1]),
        (TicketFilter(severities=("major", "urgent"), kinds=("nvr", "vehicle")), [4, 2]),
        (TicketFilter(sites=("s-1", "s-2")), [2, 1]),
        (TicketFilter(engineers=("li",)), [1]),
        (TicketFilter(engineers=("wang",)), []),
        (TicketFilter(engineers=("zhao",)), [2]),
        (TicketFilter(subject="@gateway-2"), [3]),
        (TicketFilter(takers=("li",)), [4]),
        (TicketFilter(of="li"), [4]),
        (TicketFilter(sent=("li",)), []),
        (TicketFilter(sources=("monitoring",)), [4, 3, 2, 1]),
        (TicketFilter(sources=("phone", "qr")), []),
        (TicketFilter(waiting=("parts",)), []),
        (TicketFilter(due_before_ms=2**60), []),
        (TicketFilter(text="2026-000004"), [4]),
        (TicketFilter(text="录像机 LXJ"), [2]),
        (TicketFilter(text="100%_"), [2]),
        (TicketFilter(text="%"), [2]),
        (TicketFilter(text="缺纸", codes=("printer.paper_end",)), [1]),
        (TicketFilter(text="缺纸", codes=("printer.paper_end",), states=("open",)), []),
    ],
)
def test_each_field_of_a_filter_narrows_the_list(listed: View, wanted: TicketFilter, expected: list[int]) -> None:
    assert [row.id for row in listed.tickets_page(EVERYTHING, wanted)] == expected
    assert sum(listed.ticket_counts(EVERYTHING, wanted).values()) == len(expected)


def test_pages_follow_each_other(listed: View) -> None:
    first = listed.tickets_page(EVERYTHING, TicketFilter(), limit=3)

    second = listed.tickets_page(EVERYTHING, TicketFilter(), before_id=first[-1].id, limit=3)

    assert [row.id for row in (*first, *second)] == [4, 3, 2, 1]
    assert (second[0].number, second[0].state, second[0].opened_late) == ("2026-000001", "resolved", False)


@pytest.mark.parametrize(
    ("scope", "expected", "counts"),
    [
        (NOTHING, [], {}),
        (BANK, [1], {"resolved": 1}),
        (MALL, [3, 2], {"open": 2}),
        (Scope(groups=frozenset({"north"})), [3, 2, 1], {"open": 2, "resolved": 1}),
        (Scope(groups=frozenset({"south"})), [4, 3, 2, 1], {"open": 2, "acknowledged": 1, "resolved": 1}),
        (Scope(groups=frozenset({"east"})), [], {}),
    ],
)
def test_nothing_beyond_a_scope_is_listed_or_counted(
    listed: View, scope: Scope, expected: list[int], counts: dict[str, int]
) -> None:
    assert [row.id for row in listed.tickets_page(scope, TicketFilter())] == expected
    assert listed.ticket_counts(scope, TicketFilter()) == counts


def test_agents_are_named_by_number(listed: View) -> None:
    assert listed.agent_names([3, 1, 3, 99]) == {1: "kiosk-7", 3: "bus-31"}


def test_a_ticket_at_work_is_found_by_who_goes_by_why_it_waits_and_by_what_is_due(store: Store, listed: View) -> None:
    due = ClockRow("repair", "running", TODAY, TODAY + 5_000, None, None, 10, False)
    over = ClockRow("arrive", "met", TODAY, TODAY + 100, None, TODAY + 90, 80, False)
    call = replace(opened("nvr-2", 2, "disk.full", "major"), source="phone", watched=False)
    store.commit(Batch(now_ms=TODAY, tickets=[call]))
    steps = [
        TicketStep(ticket=5, at_ms=TODAY, verb="dispatch", who="zhao", data={"engineer": "sun"}),
        TicketStep(ticket=5, at_ms=TODAY, verb="wait", who="sun", data={"reason": "parts"}),
        TicketStep(ticket=5, at_ms=TODAY, verb="warn", data={"clock": "repair", "percent": 50}),
        TicketStep(ticket=5, at_ms=TODAY, verb="warn", data={"clock": "repair", "percent": 80}),
    ]
    told = [
        ClocksTold(ticket=5, wake_at_ms=None, clocks=(due, over)),
        ClocksTold(ticket=4, wake_at_ms=None, clocks=(over,)),
    ]
    store.commit(Batch(now_ms=TODAY, tickets=steps, clocks=told))

    def found(wanted: TicketFilter) -> list[int]:
        return [row.id for row in listed.tickets_page(EVERYTHING, wanted)]

    for wanted in (
        TicketFilter(sent=("sun",)),
        TicketFilter(waiting=("parts", "other")),
        TicketFilter(of="zhao"),
        TicketFilter(of="sun"),
        TicketFilter(sources=("phone",)),
        TicketFilter(due_before_ms=TODAY + 5_001),
    ):
        assert found(wanted) == [5], wanted
    assert found(TicketFilter(due_before_ms=TODAY + 5_000)) == []
    assert listed.tickets_warned([4, 5]) == {5: {"repair": 80}}
    (newest, *_) = listed.tickets(limit=1)
    assert [row.id for row in listed.tickets_before(newest, limit=5)] == [2]


# Shows S1-13.
@pytest.mark.parametrize(
    ("subject", "caller", "later", "is_found"),
    [
        ("kiosk-7", {"name": "", "phone": ""}, (), True),
        ("kiosk-7", {"name": "王", "phone": "138"}, (), False),
        ("kiosk-7", {"name": '"phone":"1"'}, (), True),
        ("kiosk-7", {}, (("call", {"phone": "139"}),), False),
        ("kiosk-7", {}, (("note", {"phone": "139"}),), True),
        ("kiosk-7", {}, (("check", {"asked": "desk"}),), True),
        ("kiosk-7", {}, (("check", {"asked": "desk", "phone": "139"}),), False),
        ("kiosk-7", {}, (("check", {"asked": "customer"}),), False),
        ("#s-1", {"phone": "138"}, (), True),
        ("#s-1", {"phone": "138"}, (("check", {"asked": "customer"}),), False),
        ("kiosk-7", {}, (("resolve", {"how": "phone"}),), False),
    ],
)
def test_a_call_is_to_be_checked_until_somebody_can_be_called_back_and_the_device_is_known(
    listed: View,
    store: Store,
    subject: str,
    caller: dict[str, str],
    later: tuple[tuple[str, dict[str, str]], ...],
    is_found: bool,
) -> None:
    said = {"source": "phone", "caller": caller}
    call = replace(
        opened(subject, 1, "reported", "major"), source="phone", who="w", watched=False, data=said, ticket=-1
    )
    steps = [TicketStep(ticket=-1, at_ms=TODAY + 5, verb=verb, who="w", text="x", data=data) for verb, data in later]
    store.commit(Batch(now_ms=TODAY + 5, tickets=[call, *steps]))

    found = listed.tickets_page(EVERYTHING, TicketFilter(is_unchecked=True))

    assert [row.subject for row in found] == ([subject] if is_found else [])


# Shows S1-62.
def test_a_check_keeps_what_the_report_said_before(listed: View, store: Store) -> None:
    said = {"source": "phone", "caller": {"name": "王", "phone": "138"}}
    call = replace(
        opened("kiosk-7", 1, "reported", "major"), source="phone", who="w", data=said, text="坏了", ticket=-1
    )
    checks = [
        {"asked": "desk", "phone": "139", "name": "王"},
        {"asked": "customer", "phone": "137", "words": "不打印", "wish": "上午来"},
    ]
    steps = [TicketStep(ticket=-1, at_ms=TODAY + 5, verb="check", who="w", data=data) for data in checks]
    (made,) = store.commit(Batch(now_ms=TODAY + 5, tickets=[call, *steps])).tickets

    lines = listed.ticket_lines([made.id], ("check",))[made.id]

    assert [one.data for one in lines] == [
        {"asked": "desk", "phone": "139", "was": {"phone": "138"}},
        {
            "asked": "customer",
            "phone": "137",
            "words": "不打印",
            "wish": "上午来",
            "was": {"phone": "139", "words": "坏了"},
        },
    ]
