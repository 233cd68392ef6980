"""Tickets: numbers without gaps, a table of what may follow what, a log that only grows."""

from dataclasses import replace

import pytest

from roundsman_collector.store import (
    Batch,
    Store,
    StoreError,
    TicketAmend,
    TicketChange,
    TicketEvent,
    TicketNote,
    TicketOpen,
    TicketOpened,
    TicketResolve,
    TicketRow,
    TicketStep,
    TicketVoid,
    View,
)
from tests.collector.store.cast import TODAY, evidence, ticket


def opened(store: Store, *changes: TicketChange) -> tuple[TicketOpened, ...]:
    return store.commit(Batch(now_ms=TODAY, tickets=changes)).tickets


def one(view: View, ticket_id: int) -> TicketRow:
    found = view.ticket(ticket_id)
    assert found is not None
    return found[0]


def verbs(view: View, ticket_id: int) -> list[str]:
    found = view.ticket(ticket_id)
    assert found is not None
    return [event.verb for event in found[1]]


def test_a_ticket_opens_with_number_facts_and_evidence(store: Store, view: View) -> None:
    assert opened(store, ticket()) == (TicketOpened(1, "2026-000001"),)

    row = TicketRow(
        id=1,
        number="2026-000001",
        subject="kiosk-7",
        agent_no=1,
        component="printer",
        code="printer.paper_out",
        severity="minor",
        service_class="consumables",
        state="open",
        fault_from_ms=TODAY,
        fault_to_ms=None,
        opened_ms=TODAY + 5,
        opened_late=False,
        acknowledged_ms=None,
        acknowledged_by=None,
        resolved_ms=None,
        outcome="",
        wake_at_ms=TODAY + 5,
    )
    log = [TicketEvent(1, 1, TODAY + 5, "roundsman", "open", "没纸了", {"first": ["s1", 1, TODAY]})]
    assert view.ticket("2026-000001") == (row, log)
    assert list(store.open_tickets()) == [row]


def test_a_failed_commit_takes_its_numbers_back(store: Store, view: View) -> None:
    opened(store, ticket())
    with pytest.raises(StoreError):
        store.commit(
            Batch(now_ms=TODAY, tickets=[ticket(), ticket(), TicketNote(ticket=99, at_ms=1, who="wang", text="?")])
        )

    assert [new.number for new in opened(store, ticket(), ticket())] == ["2026-000002", "2026-000003"]
    assert [row.number for row in view.tickets()] == ["2026-000003", "2026-000002", "2026-000001"]


def test_the_series_goes_on_over_the_new_year(store: Store) -> None:
    opened(store, ticket())
    next_year = TicketOpen(
        subject="kiosk-7",
        agent_no=1,
        component="door",
        code="door.open",
        severity="minor",
        service_class="visit",
        fault_from_ms=TODAY,
        opened_ms=TODAY,
        year=2027,
    )

    assert opened(store, next_year) == (TicketOpened(2, "2027-000002"),)


def test_a_ticket_may_be_resolved_in_the_batch_that_opens_it(store: Store, view: View) -> None:
    store.commit(
        Batch(
            now_ms=TODAY,
            tickets=[
                ticket(handle=-1),
                ticket("bus-31", handle=-2),
                TicketResolve(ticket=-1, at_ms=TODAY + 9, outcome="recovered", fault_to_ms=TODAY + 8),
            ],
        )
    )

    assert [(row.subject, row.state, row.fault_to_ms) for row in view.tickets()] == [
        ("bus-31", "open", None),
        ("kiosk-7", "resolved", TODAY + 8),
    ]


def test_the_life_of_a_ticket_is_in_its_log(store: Store, view: View) -> None:
    opened(store, ticket())
    for change in (
        TicketStep(verb="acknowledge", ticket=1, at_ms=TODAY + 10, who="wang"),
        TicketAmend(ticket=1, at_ms=TODAY + 20, fault_from_ms=TODAY - 50, severity="major", text="late evidence"),
        TicketNote(ticket=1, at_ms=TODAY + 30, who="li", text="已换纸"),
        TicketResolve(ticket=1, at_ms=TODAY + 40, outcome="recovered", fault_to_ms=TODAY + 35),
        TicketVoid(ticket=1, at_ms=TODAY + 50, who="wang", text="a drill"),
    ):
        opened(store, change)

    assert one(view, 1) == one(view, 1)._replace(
        state="void",
        severity="major",
        fault_from_ms=TODAY - 50,
        fault_to_ms=TODAY + 35,
        acknowledged_ms=TODAY + 10,
        acknowledged_by="wang",
        resolved_ms=TODAY + 40,
        outcome="void",
    )
    assert verbs(view, 1) == ["open", "acknowledge", "amend", "note", "resolve", "void"]
    assert list(store.open_tickets()) == []


def test_who_acknowledged_first_stays_and_both_are_in_the_log(store: Store, view: View) -> None:
    opened(store, ticket())
    opened(store, TicketStep(verb="acknowledge", ticket=1, at_ms=TODAY + 10, who="wang"))
    opened(store, TicketStep(verb="acknowledge", ticket=1, at_ms=TODAY + 20, who="li"))

    row = one(view, 1)
    assert (row.state, row.acknowledged_by, row.acknowledged_ms) == ("acknowledged", "wang", TODAY + 10)
    assert verbs(view, 1) == ["open", "acknowledge", "acknowledge"]
    assert [row.id for row in store.open_tickets()] == [1]


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ([], TicketNote(ticket=7, at_ms=1, who="wang", text="?")),
        ([], TicketNote(ticket=-7, at_ms=1, who="wang", text="?")),
        ([], TicketVoid(ticket=1, at_ms=1, text=" ")),
        (
            [TicketResolve(ticket=1, at_ms=1, outcome="recovered")],
            TicketResolve(ticket=1, at_ms=2, outcome="recovered"),
        ),
        (
            [TicketResolve(ticket=1, at_ms=1, outcome="recovered")],
            TicketStep(verb="acknowledge", ticket=1, at_ms=2, who="wang"),
        ),
        ([TicketVoid(ticket=1, at_ms=1, text="a drill")], TicketAmend(ticket=1, at_ms=2, severity="major")),
        ([TicketVoid(ticket=1, at_ms=1, text="a drill")], TicketVoid(ticket=1, at_ms=2, text="again")),
    ],
    ids=[
        "a ticket that is not there",
        "a handle that was not given",
        "void without a reason",
        "resolved twice",
        "acknowledged when it is over",
        "amended when void",
        "voided twice",
    ],
)
def test_what_the_table_does_not_allow_is_refused(
    store: Store, view: View, before: list[TicketChange], change: TicketChange
) -> None:
    opened(store, ticket(), *before)
    stood = view.ticket(1)

    with pytest.raises(StoreError) as refused:
        store.commit(Batch(now_ms=TODAY, evidence=[evidence(1, 1, None)], tickets=[change]))

    assert refused.value.cause == "conflict"
    assert view.ticket(1) == stood
    assert store.last_seq() == 0


def test_tickets_are_found_by_state_subject_and_page(store: Store, view: View) -> None:
    opened(store, *(ticket("kiosk-7"), ticket("bus-31"), ticket("kiosk-7"), ticket("@kiosk-7")))
    opened(store, TicketResolve(ticket=3, at_ms=1, outcome="recovered"))

    assert [row.id for row in view.tickets()] == [4, 3, 2, 1]
    assert [row.id for row in view.tickets(states=["open"])] == [4, 2, 1]
    assert [row.id for row in view.tickets(states=["open", "resolved"], subject="kiosk-7")] == [3, 1]
    assert [row.id for row in view.tickets(before_id=3, limit=1)] == [2]
    assert view.ticket(99) is None
    assert view.ticket("2026-000099") is None


def test_a_persons_words_may_hold_anything(store: Store, view: View) -> None:
    opened(store, ticket())

    note = TicketNote(ticket=1, at_ms=1, who="wang", text="a\ud800b\0c", data={"x": "\ud800"})
    opened(store, note)

    found = view.ticket(1)
    assert found is not None
    assert (found[1][1].text, found[1][1].data) == ("a?b\N{REPLACEMENT CHARACTER}c", {"x": "\ud800"})


def test_new_tickets_of_one_batch_keep_their_order_whatever_stands_between_them(store: Store, view: View) -> None:
    """Two faults, words on the first, the first fault once more, and another: as one after the other would be."""
    opens = [replace(ticket(), ticket=-1), replace(ticket("bus-31"), ticket=-2)]
    again = replace(ticket(), ticket=-3, opened_ms=TODAY + 7)
    said = [
        TicketStep(ticket=-1, at_ms=TODAY + 6, verb="promise", data={"reopens_ms": 0}),
        TicketNote(ticket=-1, at_ms=TODAY + 6, who="li", text="等人开门"),
    ]

    done = store.commit(Batch(now_ms=TODAY, tickets=[*opens, *said, again, replace(ticket("nvr-2"), ticket=-4)]))

    assert [(made.number, made.how) for made in done.tickets] == [
        ("2026-000001", "open"),
        ("2026-000002", "open"),
        ("2026-000003", "open"),
        ("2026-000004", "open"),
    ]
    assert [(one(view, made.id).subject, verbs(view, made.id)) for made in done.tickets] == [
        ("kiosk-7", ["open", "promise", "note"]),
        ("bus-31", ["open"]),
        ("kiosk-7", ["open"]),
        ("nvr-2", ["open"]),
    ]
