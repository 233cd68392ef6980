"""Recurrence warnings in the database: told once to those whom it concerns, and what is found at their root."""

from collections.abc import Iterator
from typing import Any

import pytest

from roundsman_collector.core.recurrence import Recurrence, Rule, Rules
from roundsman_collector.core.ticket_log import ROBOT
from roundsman_collector.roles import EVERYTHING, NOTHING, Scope
from roundsman_collector.store import (
    Batch,
    Deed,
    DeviceEntry,
    Filter,
    Office,
    Outbox,
    Store,
    StoreError,
    TicketOpen,
    TicketStep,
    View,
)
from roundsman_collector.store.recurrence import NONE, Wanted
from roundsman_collector.store.ways import Also
from tests.collector.store.cast import DAY, TODAY

NOW = TODAY + 8 * DAY  # 2024-10-12
METRO = Scope(customers=frozenset({"metro"}))
DEED = Deed(who="boss", at_ms=TODAY)
NAMES = {"name_zh": "名", "name_en": "Name"}
RULES = Rules(
    rules=(
        Rule(level="month", of="device", same="fault", faults=3),
        Rule(level="quarter", of="model", same="class", faults=4, devices=2, share_percent=50),
        Rule(level="year", of="model", same="fault", faults=5),
    )
)


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    """kiosk-7 stands at metro's, for whose site li answers; boss is an administrator, chen a manager of metro's."""
    with Office.open(where) as opened:
        opened.add_person("boss", name="Boss", role="administrator", scope=EVERYTHING, deed=DEED)
        opened.add_person("chen", name="Chen", role="manager", scope=METRO, deed=DEED)
        opened.add_person("li", name="Li", role="engineer", scope=METRO, deed=DEED)
        opened.put_entry("customer", "metro", NAMES, deed=DEED, from_ms=TODAY)
        site = {**NAMES, "customer": "metro", "group_id": "south", "engineer": "li"}
        opened.put_entry("site", "metro-1", site, deed=DEED, from_ms=TODAY)
        opened.put_entry("place", "hall", {**NAMES, "site": "metro-1"}, deed=DEED, from_ms=TODAY)
        opened.put_entry("installation", "kiosk-7", {"place": "hall"}, deed=DEED, from_ms=TODAY)
        yield opened


@pytest.fixture
def outbox(store: Store, where: str) -> Iterator[Outbox]:
    with Outbox.open(where) as opened:
        yield opened


def fail(store: Store, *days: float, device: str = "kiosk-7", code: str = "printer.jam") -> None:
    """Faults that began on these days, each on a ticket of its own, and their class."""
    made = store.commit(
        Batch(
            now_ms=NOW,
            tickets=[
                TicketOpen(
                    subject=device,
                    agent_no=None,
                    component="printer",
                    code=code,
                    severity="minor",
                    service_class="clerk",
                    fault_from_ms=TODAY + round(day * DAY),
                    opened_ms=TODAY + round(day * DAY) + 1,
                    year=2024,
                    watched=False,
                    source="phone",
                )
                for day in days
            ],
        )
    )
    said = {"category": "printer", "level_id": None}
    steps = [
        TicketStep(ticket=one.id, at_ms=NOW, verb="promise", who=ROBOT, text="", data=said) for one in made.tickets
    ]
    store.commit(Batch(now_ms=NOW, tickets=steps))


def way(office: Office, person: str | None = None, *also: Also, **filter_: Any) -> int:
    wants = Filter(**{"events": ("recurred",), "also": also, **filter_})
    name = person or "desk"
    made = office.add_way(kind="mail", name=name, target=f"{name}@example.com", filter_=wants, person=person, deed=DEED)
    return made.id


def told(office: Office) -> list[tuple[int, str, str]]:
    """Which way was told what of, and in which level."""
    return sorted((one.way, one.subject, one.body["warning"]["level"]) for one in office.notices())


# Shows S3-24.
def test_the_same_fault_three_times_in_a_month_is_told_once(
    store: Store, office: Office, outbox: Outbox, view: View
) -> None:
    desk = way(office)
    fail(store, 1, 2)
    assert outbox.warn(RULES, NOW) == 0
    fail(store, 3)

    assert (outbox.warn(RULES, NOW), outbox.warn(RULES, NOW + 1)) == (1, 0)

    (row,) = view.recurrences(EVERYTHING, Wanted())
    assert (row.level, row.about, row.key, row.what, row.period) == (
        "month",
        "device",
        "kiosk-7",
        "printer.jam",
        "2024-10",
    )
    assert (row.faults, row.devices, row.tickets, row.told_ms, row.cause) == (3, 1, (1, 2, 3), NOW, "")
    assert told(office) == [(desk, "kiosk-7", "month")]


def test_what_comes_on_top_is_counted_and_not_told_again(
    store: Store, office: Office, outbox: Outbox, view: View
) -> None:
    way(office)
    fail(store, 1, 2, 3)
    outbox.warn(RULES, NOW)
    fail(store, 4)

    assert outbox.warn(RULES, NOW) == 0

    assert [row.faults for row in view.recurrences(EVERYTHING, Wanted())] == [4]
    assert len(office.notices()) == 1


def test_a_warning_stays_when_its_tickets_were_none(store: Store, office: Office, outbox: Outbox, view: View) -> None:
    fail(store, 1, 2, 3)
    outbox.warn(RULES, NOW)
    lost = TicketStep(ticket=1, at_ms=NOW, verb="void", who="chen", text="it never was", data={})
    store.commit(Batch(now_ms=NOW, tickets=[lost]))

    assert outbox.warn(RULES, NOW + 1) == 0
    assert [row.faults for row in view.recurrences(EVERYTHING, Wanted())] == [3]


def test_a_model_is_warned_of_by_quarter_and_year_as_strongly_as_its_level(
    store: Store, office: Office, outbox: Outbox, view: View
) -> None:
    cards = [
        DeviceEntry(id=one, kind="kiosk", name_zh=one, name_en=one, model="DR-58") for one in ("kiosk-7", "kiosk-8")
    ]
    store.put_devices(cards, {}, {}, DEED)
    fail(store, 1, 2)
    fail(store, 1, 2, 3, device="kiosk-8", code="printer.offline")
    grave = way(office, severity="major")

    assert outbox.warn(RULES, NOW) == 2

    found = view.recurrences(EVERYTHING, Wanted())
    assert {(row.level, row.about, row.key, row.what, row.period, row.devices) for row in found} == {
        ("quarter", "model", "DR-58", "printer", "2024-Q4", 2),
        ("month", "device", "kiosk-8", "printer.offline", "2024-10", 1),
    }
    assert told(office) == [(grave, "", "quarter")]


def test_a_period_is_looked_at_for_some_days_after_its_end(store: Store, outbox: Outbox, view: View) -> None:
    fail(store, 25, 26, 27.5)  # 29 to 31 October

    assert outbox.warn(RULES, TODAY + 29 * DAY) == 1  # 2 November
    assert [row.period for row in view.recurrences(EVERYTHING, Wanted())] == ["2024-10"]


def test_managers_hear_of_what_they_reach_and_others_of_what_they_answer_for(
    store: Store, office: Office, outbox: Outbox
) -> None:
    boss, chen, li = way(office, "boss"), way(office, "chen"), way(office, "li", "responsible")
    office.add_person("wu", name="Wu", role="engineer", scope=EVERYTHING, deed=DEED)
    way(office, "wu", "responsible")  # answers for nothing
    fail(store, 1, 2, 3)
    fail(store, 1, 2, 3, device="nvr-2")

    outbox.warn(RULES, NOW)

    assert told(office) == [
        (boss, "kiosk-7", "month"),
        (boss, "nvr-2", "month"),
        (chen, "kiosk-7", "month"),
        (li, "kiosk-7", "month"),
    ]


def test_a_narrow_way_hears_of_its_devices_alone(store: Store, office: Office, outbox: Outbox) -> None:
    of_metro, quiet = way(office, customers=("metro",)), way(office, events=("voided",))
    fail(store, 1, 2, 3)
    fail(store, 1, 2, 3, device="nvr-2")

    outbox.warn(RULES, NOW)

    assert told(office) == [(of_metro, "kiosk-7", "month")]
    assert office.notices(way=quiet) == []


def test_what_is_at_the_root_is_written_once_more_told_and_audited(
    store: Store, office: Office, outbox: Outbox, view: View
) -> None:
    way(office)
    fail(store, 1, 2, 3)
    outbox.warn(RULES, NOW)

    for minute, cause, text in ((1, "product", "a weak roller"), (2, "process", "nobody cleans it")):
        deed = Deed(who="chen", at_ms=NOW + minute)
        office.analyse(1, cause=cause, text=text, scope=METRO, deed=deed)  # type: ignore[arg-type]

    found = view.recurrence(EVERYTHING, 1)
    assert found is not None
    row, words = found
    assert (row.cause, row.text, row.who, row.said_ms) == ("process", "nobody cleans it", "chen", NOW + 2)
    assert [(word.cause, word.who) for word in words] == [("process", "chen"), ("product", "chen")]
    assert [one.body["found"] for one in office.notices()] == [
        {"cause": "process", "text": "nobody cleans it", "who": "chen"},
        {"cause": "product", "text": "a weak roller", "who": "chen"},
        None,
    ]
    assert [row.id for row in view.recurrences(EVERYTHING, Wanted(cause="process"))] == [1]
    assert view.recurrences(EVERYTHING, Wanted(cause=NONE)) == []
    last = view.audit(limit=1)[0]
    assert (last.verb, last.subject, last.before) == (
        "recurrence.analyse",
        "recurrence:1",
        {"cause": "product", "text": "a weak roller"},
    )


def test_nobody_says_nothing_of_what_they_do_not_reach(store: Store, office: Office, outbox: Outbox) -> None:
    fail(store, 1, 2, 3, device="nvr-2")
    outbox.warn(RULES, NOW)

    for scope, text in ((METRO, "x"), (EVERYTHING, "  ")):
        with pytest.raises(StoreError):
            office.analyse(1, cause="use", text=text, scope=scope, deed=DEED)


def test_a_scope_sees_the_warnings_of_its_devices(store: Store, office: Office, outbox: Outbox, view: View) -> None:
    store.put_devices([DeviceEntry(id="kiosk-7", kind="kiosk", name_zh="7", name_en="7", model="DR-58")], {}, {}, DEED)
    fail(store, 1, 2, 3, 4, 5)
    fail(store, 1, 2, 3, device="nvr-2")
    outbox.warn(RULES, NOW)

    def keys(scope: Scope) -> list[str]:
        return sorted(row.key for row in view.recurrences(scope, Wanted()))

    assert keys(EVERYTHING) == ["DR-58", "kiosk-7", "nvr-2"]
    assert keys(METRO) == ["kiosk-7"]
    assert keys(NOTHING) == []
    assert view.recurrence(METRO, 10**6) is None


def test_lists_are_narrowed_and_come_page_by_page(store: Store, outbox: Outbox, view: View) -> None:
    fail(store, 1, 2, 3)
    fail(store, 1, 2, 3, device="nvr-2")
    outbox.warn(RULES, NOW)

    first = view.recurrences(EVERYTHING, Wanted(level="month", about="device", period="2024-10"), limit=1)
    second = view.recurrences(EVERYTHING, Wanted(), before_id=first[0].id)
    assert sorted(row.key for row in first + second) == ["kiosk-7", "nvr-2"]
    assert view.recurrences(EVERYTHING, Wanted(level="year")) == []


def test_one_warning_is_one_row_whoever_finds_it() -> None:
    one = Recurrence("month", "device", "fault", "a", "x.y", "2024-10", 0, 1, 3, 1, 1, (1,))

    assert one.identity == one._replace(faults=9, tickets=(1, 2)).identity
