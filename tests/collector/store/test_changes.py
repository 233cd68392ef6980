"""What changed since, from the rows: late evidence, overlays, tickets; narrowed, scoped and paged."""

from collections.abc import Iterator

import pytest

from roundsman_collector.core.overlay import EXCLUDED
from roundsman_collector.roles import EVERYTHING, NOTHING, Scope
from roundsman_collector.store import (
    Batch,
    By,
    ChangesPage,
    Deed,
    DeviceNow,
    Office,
    Since,
    Store,
    TicketNote,
    TicketVoid,
    View,
    Wish,
)
from roundsman_collector.store import changes as change_rows
from tests.collector.store.cast import TODAY, ticket, told

HOUR = 3_600_000
BY = By(may_approve=True)
DEVICES = ("bus-31", "kiosk-7", "nvr-2", "ups-2")


def hours(count: float) -> int:
    return TODAY + round(count * HOUR)


def deed(at: float, who: str = "wang") -> Deed:
    return Deed(who=who, at_ms=hours(at))


def commit(store: Store, at: float, **told_of: object) -> None:
    """A batch known at an hour."""
    store.commit(Batch(now_ms=hours(at), **told_of))  # type: ignore[arg-type]


@pytest.fixture
def lived(store: Store) -> Store:
    """Everything up since 00:00, known at 01:00; nvr-2 silent from 02:00 on, known at 03:00; evidence up to 20:00."""
    present = tuple(DeviceNow(device, 1, hours(20), hours(20), hours(20), False, None, None) for device in DEVICES)
    commit(
        store, 1, tells=tuple(told(device, hours(0), (hours(0), None, "up")) for device in DEVICES), device_now=present
    )
    commit(store, 3, tells=(told("nvr-2", hours(2), (hours(2), None, "unknown")),))
    return store


@pytest.fixture
def office(lived: Store, where: str) -> Iterator[Office]:
    with Office.open(where) as opened:
        for person in ("wang", "li.na"):
            opened.add_person(person, name=person, role="dispatcher", scope=EVERYTHING, deed=deed(0))
        for customer, device in (("metro", "nvr-2"), ("bank", "kiosk-7")):
            names = {"name_zh": customer, "name_en": customer}
            opened.put_entry("customer", customer, names, deed=deed(0))
            opened.put_entry(
                "site", f"{customer}-1", {**names, "customer": customer, "group_id": customer}, deed=deed(0)
            )
            opened.put_entry("place", f"{customer}-1-hall", {**names, "site": f"{customer}-1"}, deed=deed(0))
            opened.put_entry("installation", device, {"place": f"{customer}-1-hall"}, deed=deed(0))
        yield opened


def since(known: float, **narrowed: str) -> Since:
    return Since(known_ms=hours(known), now_ms=hours(20), from_ms=hours(-1), **narrowed)


def stretches(page: ChangesPage) -> list[tuple[str, float, float, str, str, str]]:
    return [
        (
            one.device,
            (each.from_ms - TODAY) / HOUR,
            (each.to_ms - TODAY) / HOUR,
            each.was.state,
            each.now.state,
            each.why,
        )
        for one in page.devices
        for each in one.changes
    ]


def correct(office: Office, device: str, begin: float, end: float, state: str) -> int:
    wish = Wish(
        kind="correction",
        scope="device",
        target=device,
        from_ms=hours(begin),
        to_ms=hours(end),
        state=state,
        reason="found_off",
    )
    made = office.propose_overlay(wish, deed=deed(10), by=BY)
    office.act_on_overlay(made, "approve", deed=deed(11, "li.na"), by=BY)
    return made


def test_late_evidence_changes_the_past_of_its_device_alone(lived: Store, office: Office, view: View) -> None:
    commit(lived, 12, tells=(told("nvr-2", hours(2), (hours(2), hours(5), "up"), (hours(5), None, "down")),))

    page = view.changed_devices(since(8), EVERYTHING)

    assert stretches(page) == [
        ("nvr-2", 2, 5, "unknown", "up", "evidence"),
        ("nvr-2", 5, 8, "unknown", "down", "evidence"),
    ]
    assert page.devices[0].moved.was == {"unknown": 6 * HOUR}
    assert page.devices[0].moved.now == {"up": 3 * HOUR, "down": 3 * HOUR}
    assert (page.next_after, page.looked) == (None, 4)


def test_what_happens_after_that_time_is_no_change_of_it(lived: Store, office: Office, view: View) -> None:
    commit(lived, 12, tells=(told("kiosk-7", hours(12), (hours(12), None, "down")),))

    assert view.changed_devices(since(8), EVERYTHING).devices == ()


def test_the_first_news_of_a_device_that_reach_into_the_past_are_a_change(
    lived: Store, office: Office, view: View
) -> None:
    commit(lived, 12, tells=(told("ups-2", hours(-0.5), (hours(-0.5), None, "up")),))

    assert stretches(view.changed_devices(since(8), EVERYTHING)) == [("ups-2", -0.5, 0, "unknown", "up", "evidence")]


def test_an_approved_correction_is_a_change_and_a_revoked_one_changes_it_back(office: Office, view: View) -> None:
    made = correct(office, "kiosk-7", 4, 6, "down")

    assert stretches(view.changed_devices(since(8), EVERYTHING)) == [("kiosk-7", 4, 6, "up", "down", "correction")]

    office.act_on_overlay(made, "revoke", deed=deed(13, "li.na"), by=BY)

    assert view.changed_devices(since(8), EVERYTHING).devices == ()
    assert stretches(view.changed_devices(since(12), EVERYTHING)) == [("kiosk-7", 4, 6, "down", "up", "revoked")]
    assert [row.overlay.id for row in view.changed_overlays(since(8), EVERYTHING)] == [made]
    assert view.changed_overlays(since(14), EVERYTHING) == []


def test_an_exclusion_of_a_site_changes_what_stood_there(office: Office, view: View) -> None:
    wish = Wish(
        kind="exclusion", scope="site", target="metro-1", from_ms=hours(1), to_ms=hours(3), reason="customer_power"
    )
    made = office.propose_overlay(wish, deed=deed(10), by=BY)
    office.act_on_overlay(made, "approve", deed=deed(11, "li.na"), by=BY)

    page = view.changed_devices(since(8), EVERYTHING)

    assert stretches(page) == [
        ("nvr-2", 1, 2, "up", EXCLUDED, "exclusion"),
        ("nvr-2", 2, 3, "unknown", EXCLUDED, "exclusion"),
    ]
    assert [row.overlay.id for row in view.changed_overlays(since(8, customer="metro"), EVERYTHING)] == [made]
    assert view.changed_overlays(since(8, device="kiosk-7"), EVERYTHING) == []


@pytest.mark.parametrize(
    ("narrowed", "expected"),
    [({"customer": "metro"}, ["nvr-2"]), ({"site": "bank-1"}, ["kiosk-7"]), ({"device": "ups-2"}, [])],
)
def test_changes_are_narrowed_to_a_customer_a_site_or_a_device(
    office: Office, view: View, narrowed: dict[str, str], expected: list[str]
) -> None:
    correct(office, "kiosk-7", 4, 6, "down")
    correct(office, "nvr-2", 4, 6, "down")

    page = view.changed_devices(since(8, **narrowed), EVERYTHING)

    assert [one.device for one in page.devices] == expected


def test_a_scope_sees_the_changes_of_its_own_devices(office: Office, view: View) -> None:
    correct(office, "kiosk-7", 4, 6, "down")
    metro, bank = Scope(customers=frozenset({"metro"})), Scope(customers=frozenset({"bank"}))

    assert [one.device for one in view.changed_devices(since(8), bank).devices] == ["kiosk-7"]
    for scope in (metro, NOTHING):
        assert view.changed_devices(since(8), scope).devices == ()
        assert view.changed_overlays(since(8), scope) == []
        assert view.changed_overlays(since(8, device="kiosk-7"), scope) == []


@pytest.mark.parametrize("chunk", [500, 1, 2])
def test_pages_of_changes_are_the_whole_in_parts(
    office: Office, view: View, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(change_rows, "CHUNK", chunk)
    for device in ("bus-31", "kiosk-7", "ups-2"):
        correct(office, device, 4, 6, "down")

    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = view.changed_devices(since(8), EVERYTHING, after=after, limit=2)
        seen += [one.device for one in page.devices]
        after = page.next_after

    assert seen == ["bus-31", "kiosk-7", "ups-2"]


def test_a_request_looks_at_so_many_devices_and_says_where_to_go_on(
    office: Office, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_rows, "CHUNK", 1)
    monkeypatch.setattr(change_rows, "LOOK_LIMIT", 2)
    correct(office, "ups-2", 4, 6, "down")

    first = view.changed_devices(since(8), EVERYTHING)
    second = view.changed_devices(since(8), EVERYTHING, after=first.next_after or "")

    assert (first.devices, first.next_after, first.looked) == ((), "kiosk-7", 2)
    assert [one.device for one in second.devices] == ["ups-2"]


def test_a_device_with_many_changes_tells_the_first_of_them_and_how_many_there_are(
    lived: Store, office: Office, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_rows, "STRETCHES_LIMIT", 1)
    commit(lived, 12, tells=(told("nvr-2", hours(2), (hours(2), hours(5), "up"), (hours(5), None, "down")),))

    found = view.changed_devices(since(8), EVERYTHING).devices[0]

    assert (len(found.changes), found.total) == (1, 2)
    assert found.moved.was == {"unknown": 6 * HOUR}, "the sums are of all"


def test_tickets_whose_facts_changed_are_listed_and_what_was_merely_done_about_them_is_not(
    lived: Store, office: Office, view: View
) -> None:
    commit(lived, 5, tickets=(ticket("kiosk-7", hours(4)), ticket("nvr-2", hours(4))))
    first, second = sorted(row.id for row in view.tickets())
    commit(lived, 9, tickets=(TicketNote(ticket=first, at_ms=hours(9), who="li.na", text="on my way"),))
    commit(
        lived, 9, tickets=(TicketVoid(ticket=second, at_ms=hours(9), who="roundsman", text="it worked all the time"),)
    )

    found = view.changed_tickets(since(8), EVERYTHING)

    assert [(one.subject, one.verb, one.text) for one in found] == [("nvr-2", "void", "it worked all the time")]
    assert view.changed_tickets(since(9.5), EVERYTHING) == []
    assert view.changed_tickets(since(4), EVERYTHING) == [], "it was not there yet"
    assert view.changed_tickets(since(8, customer="bank"), EVERYTHING) == []
    assert view.changed_tickets(since(8), Scope(customers=frozenset({"bank"}))) == []


def test_nothing_is_asked_of_a_window_without_time(office: Office, view: View) -> None:
    assert view.changed_devices(since(-2), EVERYTHING).devices == ()
