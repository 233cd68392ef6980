"""Faults of a window as the database counts them: what is left out, as known then, whose they are, what stood where."""

from typing import Any

import pytest

from roundsman_collector.core.fault_counts import Part, pareto
from roundsman_collector.core.ticket_log import ROBOT
from roundsman_collector.roles import EVERYTHING, NOTHING, Scope
from roundsman_collector.store import (
    Batch,
    Deed,
    DeviceEntry,
    Office,
    Store,
    TicketAmend,
    TicketOpen,
    TicketStep,
    TicketVoid,
    View,
)
from roundsman_collector.store.fault_counts import Found, LeftOut
from roundsman_collector.store.overlays import By, Wish
from tests.collector.store.cast import DAY, TODAY

HOUR = 3_600_000
NOW = TODAY + 40 * DAY
METRO = Scope(customers=frozenset({"metro"}))
BANK = Scope(customers=frozenset({"bank"}))
SOUTH = Scope(groups=frozenset({"south"}))


def at(day: float) -> int:
    return TODAY + round(day * DAY)


def deed(day: float, who: str = "wang") -> Deed:
    return Deed(who=who, at_ms=at(day))


def opened(subject: str, day: float, component: str = "printer", **more: Any) -> TicketOpen:
    usual: dict[str, Any] = {"code": "printer.jam", "severity": "minor", "service_class": "clerk", "watched": False}
    return TicketOpen(
        subject=subject,
        agent_no=None,
        component=component,
        fault_from_ms=at(day),
        opened_ms=at(day) + HOUR,
        year=2026,
        source="phone",
        **{**usual, **more},
    )


def step(ticket: int, day: float, verb: str, who: str = "li", **data: Any) -> TicketStep:
    return TicketStep(ticket=ticket, at_ms=at(day), verb=verb, who=who, text="x", data=data)


def promise(ticket: int, day: float, customer: str | None, site: str | None, **more: Any) -> TicketStep:
    said = {"customer": customer, "site": site, "category": "printer", "level_id": None, **more}
    return step(ticket, day, "promise", ROBOT, **said)


def visited(ticket: int, day: float, **fix: Any) -> list[TicketStep]:
    """Somebody is sent, comes and mends it, within three hours."""
    hour = 1 / 24
    return [
        step(ticket, day, "dispatch", engineer="li"),
        step(ticket, day + hour, "arrive"),
        step(ticket, day + 2 * hour, "part", component="printer[1]", name="print head", quantity=1),
        step(ticket, day + 3 * hour, "fix", **fix),
    ]


@pytest.fixture
def town(store: Store, view: View, where: str) -> View:
    """kiosk-7 stands at metro's from day 0 and moves to the bank on day 10; nvr-2 stands at metro's.

    1 kiosk-7 at metro's, mended; 2 kiosk-7 at the bank's, open; 3 nvr-2, void on day 12; 4 bus-31, of no site; 5 nvr-2
    on day 20, under an exclusion that was approved on day 25; 6 a task that is late.
    """
    with Office.open(where) as office:
        for person in ("li", "wang"):
            office.add_person(person, name=person, role="manager", scope=EVERYTHING, language="zh", deed=deed(0))
        for name, group in (("metro", "south"), ("bank", "north")):
            put(office, "customer", name, {"name_zh": name, "name_en": name})
            site = {"customer": name, "group_id": group, "name_zh": name, "name_en": name}
            put(office, "site", f"{name}-a", site)
            put(office, "place", f"{name}-p", {"site": f"{name}-a", "name_zh": name, "name_en": name})
        put(office, "installation", "kiosk-7", {"place": "metro-p"})
        put(office, "installation", "nvr-2", {"place": "metro-p"})
        put(office, "installation", "kiosk-7", {"place": "bank-p"}, day=10)
    card = DeviceEntry(
        id="kiosk-7", kind="kiosk", name_zh="7", name_en="7", model="K2", vendor="示例科技", batch="2024-03"
    )
    store.put_devices([card], {}, {}, deed(0))
    store.commit(
        Batch(
            now_ms=NOW,
            tickets=[
                opened("kiosk-7", 1, "printer[1]"),
                opened("kiosk-7", 11),
                opened("nvr-2", 2, "disk[3]", code="disk.failing"),
                opened("bus-31", 3),
                opened("nvr-2", 20, "disk[3]", code="disk.failing"),
                opened("#metro-a", 5, code="task_late"),
            ],
        )
    )
    store.commit(
        Batch(
            now_ms=NOW,
            tickets=[
                promise(1, 1.1, "metro", "metro-a", contract="m-1"),
                promise(2, 11.1, "bank", "bank-a"),
                promise(3, 2.1, "metro", "metro-a", category="storage"),
                promise(4, 3.1, None, None, category=""),
                promise(5, 20.1, "metro", "metro-a", category="storage"),
                *visited(1, 2, cause="product"),
                TicketVoid(ticket=3, at_ms=at(12), text="it never was"),
            ],
        )
    )
    with Office.open(where) as office:
        wish = Wish(
            kind="exclusion", scope="site", target="metro-a", from_ms=at(19), to_ms=at(21), reason="customer_power"
        )
        made = office.propose_overlay(wish, deed=deed(24, "li"), by=By(may_approve=True))
        office.act_on_overlay(made, "approve", deed=deed(25), by=By(may_approve=True))
    return view


def put(office: Office, kind: Any, entry: str, fields: dict[str, Any], day: float = 0) -> None:
    office.put_entry(kind, entry, fields, deed=deed(day), from_ms=at(day))


def ids(found: Found) -> list[int]:
    return [one.ticket for one in found.faults]


def asked(
    view: View, scope: Scope = EVERYTHING, begin: float = 0, end: float = 40, known: float = 40, **only: str
) -> Found:
    return view.faults(scope, (at(begin), at(end)), at(known), only)


def test_faults_are_told_with_what_became_of_them_and_what_is_left_out_with_its_reason(town: View) -> None:
    found = asked(town)

    assert ids(found) == [1, 4, 2]
    first = found.faults[0]
    assert (first.code, first.category, first.component, first.cause, first.done, first.parts) == (
        "printer.jam",
        "printer",
        "printer",
        "product",
        "visit",
        (Part("print head", "printer", 1),),
    )
    assert (first.kind, first.model, first.vendor, first.batch) == ("kiosk", "K2", "示例科技", "2024-03")
    assert (first.customer, first.contract, first.site, first.device) == ("metro", "m-1", "metro-a", "kiosk-7")
    assert [(one.ticket, one.why) for one in found.left_out] == [(3, "void"), (5, "excluded")]


def test_a_fault_counts_in_the_window_in_which_it_began(town: View) -> None:
    days = range(40)
    parts = [asked(town, begin=day, end=day + 1) for day in days]

    assert [ticket for part in parts for ticket in ids(part)] == ids(asked(town))
    assert ids(asked(town, begin=1, end=1.01)) == [1]
    assert ids(asked(town, begin=0, end=1)) == []


def test_what_was_not_known_yet_does_not_count_yet(town: View) -> None:
    assert ids(asked(town, known=1)) == []  # it had begun, and was reported an hour later
    early = asked(town, known=1.5)
    assert [(one.ticket, one.done, one.category) for one in early.faults] == [(1, "", "printer")]
    assert ids(asked(town, known=11.9)) == [1, 3, 4, 2]
    before, after = asked(town, known=24.5), asked(town, known=25)
    assert (ids(before), [one.why for one in before.left_out]) == ([1, 4, 2, 5], ["void"])
    assert (ids(after), [one.why for one in after.left_out]) == ([1, 4, 2], ["void", "excluded"])


@pytest.mark.parametrize(
    ("scope", "found", "left_out"),
    [
        (METRO, [1], [3, 5]),
        (BANK, [2], []),
        (SOUTH, [1, 4], [3, 5]),  # bus-31 stands nowhere: the group's agent speaks for it
        (NOTHING, [], []),
    ],
)
def test_a_customer_sees_the_faults_that_were_at_theirs(
    town: View, scope: Scope, found: list[int], left_out: list[int]
) -> None:
    told = asked(town, scope)

    assert (ids(told), [one.ticket for one in told.left_out]) == (found, left_out)


@pytest.mark.parametrize(
    ("only", "found"),
    [
        ({"site": "metro-a"}, [1]),
        ({"customer": "bank"}, [2]),
        ({"contract": "m-1"}, [1]),
        ({"device": "bus-31"}, [4]),
        ({"group": "north"}, [2]),
    ],
)
def test_a_question_may_be_narrowed(town: View, only: dict[str, str], found: list[int]) -> None:
    assert ids(asked(town, **only)) == found


def test_device_months_follow_the_installations(town: View) -> None:
    window = (at(0), at(40))

    def spans(scope: Scope, **only: str) -> dict[str, tuple[tuple[int, int], ...]]:
        return {one.device: one.spans for one in town.installed(scope, window, only)}

    assert spans(EVERYTHING) == {"kiosk-7": (window,), "nvr-2": (window,)}
    assert spans(METRO) == {"kiosk-7": ((at(0), at(10)),), "nvr-2": (window,)}
    assert spans(EVERYTHING, customer="bank") == {"kiosk-7": ((at(10), at(40)),)}
    assert spans(EVERYTHING, device="nvr-2", site="metro-a") == {"nvr-2": (window,)}
    assert spans(NOTHING) == {}
    (kiosk,) = town.installed(BANK, window)
    assert (kiosk.kind, kiosk.model, kiosk.vendor, kiosk.batch) == ("kiosk", "K2", "示例科技", "2024-03")


def test_groups_add_up_to_the_faults_that_count(town: View) -> None:
    assert [(one.key, one.amount) for one in pareto(asked(town).faults, "class")] == [("printer", 2), ("other", 1)]
    assert [(one.key, one.amount) for one in pareto(asked(town).faults, "vendor")] == [("示例科技", 2), ("", 1)]
    assert asked(town).left_out[0] == LeftOut(3, "2026-000003", "void")


def test_a_fault_counts_where_it_was_known_to_have_begun_before_late_evidence_moved_it(
    town: View, store: Store
) -> None:
    for known, begins in ((13, 0.5), (14, 1.5)):
        store.commit(Batch(now_ms=NOW, tickets=[TicketAmend(ticket=4, at_ms=at(known), fault_from_ms=at(begins))]))

    def counted(day: int, known: float) -> bool:
        return 4 in ids(asked(town, begin=day, end=day + 1, known=known))

    assert [counted(day, 12.9) for day in (0, 1, 3)] == [False, False, True]
    assert [counted(day, 13) for day in (0, 1, 3)] == [True, False, False]
    assert [counted(day, 40) for day in (0, 1, 3)] == [False, True, False]
    assert [one.from_ms for one in asked(town, known=12.9).faults if one.ticket == 4] == [at(3)]
