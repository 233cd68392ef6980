"""What forms ask of the database: tickets of a period with what belongs to them, as it was when they were opened."""

import pytest

from roundsman_collector.roles import EVERYTHING, NOTHING, Scope
from roundsman_collector.store import Batch, Deed, Office, Store, TicketStep, View
from roundsman_collector.store.dossiers import Where
from tests.collector.store.cast import TODAY, ticket

HOUR = 3_600_000
ADMIN = Deed(who="admin", at_ms=TODAY - 10 * HOUR)
LATER = Deed(who="admin", at_ms=TODAY + 10 * HOUR)
PROMISE = {"site": "metro-a", "place": "metro-1", "customer": "metro", "contract": "metro-c", "zone": "urban"}


@pytest.fixture(autouse=True)
def places(store: Store, where: str) -> None:
    with Office.open(where) as office:
        office.put_entry("customer", "metro", {"name_zh": "地铁公司", "name_en": "Metro"}, deed=ADMIN)
        contract = {
            "customer": "metro",
            "name": "维保 2024",
            "accepted_on": "2024-01-01",
            "warranty_until": "2026-01-01",
        }
        office.put_entry("contract", "metro-c", contract, deed=ADMIN)
        office.put_entry("site", "metro-a", site("地铁站"), deed=ADMIN)
        office.put_entry("place", "metro-1", {"site": "metro-a", "name_zh": "站厅", "name_en": "Concourse"}, deed=ADMIN)
        office.put_entry("installation", "kiosk-7", {"place": "metro-1"}, deed=ADMIN)


def site(name: str) -> dict[str, str]:
    return {
        "customer": "metro",
        "group_id": "south",
        "contract": "metro-c",
        "name_zh": name,
        "name_en": "Metro station",
        "address": f"{name}路 1 号",
    }


def opened(store: Store, *at_ms: int, subject: str = "kiosk-7", promises: bool = True) -> None:
    """A ticket opened at each of these times."""
    for place, from_ms in enumerate(at_ms, start=1):
        handle = -place
        steps = [TicketStep(ticket=handle, at_ms=from_ms + 6, verb="promise", data=PROMISE)] if promises else []
        store.commit(Batch(now_ms=from_ms, tickets=[ticket(subject, from_ms, handle), *steps]))
        subject = "nvr-2"


def test_names_are_those_of_the_day_it_was_opened(store: Store, view: View, where: str) -> None:
    opened(store, TODAY)
    with Office.open(where) as office:
        office.put_entry("site", "metro-a", site("人民广场站"), deed=LATER)

    ((facts,), _) = view.tickets_opened(EVERYTHING, TODAY, TODAY + HOUR, limit=10)

    assert facts.where == Where(
        customer=("地铁公司", "Metro"),
        site=("地铁站", "Metro station"),
        place=("站厅", "Concourse"),
        address="地铁站路 1 号",
        zone="urban",
        time_zone="Asia/Shanghai",
        contract="维保 2024",
        accepted_on="2024-01-01",
        warranty_until="2026-01-01",
    )
    assert facts.card is not None
    assert facts.card.site_zh == "人民广场站"
    assert [event.verb for event in facts.log] == ["open", "promise"]
    assert view.ticket_facts([facts.row]) == [facts]


def test_an_old_ticket_is_where_its_device_stands_now(store: Store, view: View) -> None:
    opened(store, TODAY, promises=False)

    ((facts,), _) = view.tickets_opened(EVERYTHING, TODAY, TODAY + HOUR, limit=10)

    assert (facts.where.site, facts.where.contract) == (("地铁站", "Metro station"), "维保 2024")


def test_a_ticket_about_nothing_registered_has_no_place(store: Store, view: View) -> None:
    opened(store, TODAY, subject="@kiosk-7", promises=False)

    ((facts,), _) = view.tickets_opened(EVERYTHING, TODAY, TODAY + HOUR, limit=10)

    assert (facts.where, facts.card, facts.clocks, facts.loans) == (Where(), None, (), ())


def test_a_period_begins_with_its_first_millisecond_and_ends_before_its_last(store: Store, view: View) -> None:
    opened(store, TODAY, TODAY + HOUR)
    first, second = (one.row for one in view.tickets_opened(EVERYTHING, 0, 2**60, limit=10)[0])

    def numbers(from_ms: int, to_ms: int) -> list[str]:
        return [one.row.number for one in view.tickets_opened(EVERYTHING, from_ms, to_ms, limit=10)[0]]

    assert numbers(first.opened_ms, second.opened_ms) == [first.number]
    assert numbers(first.opened_ms, second.opened_ms + 1) == [first.number, second.number]
    assert numbers(second.opened_ms + 1, 2**60) == []


def test_a_register_says_when_it_is_full(store: Store, view: View) -> None:
    opened(store, TODAY, TODAY + HOUR)

    found, has_more = view.tickets_opened(EVERYTHING, 0, 2**60, limit=1)
    everything, is_full = view.tickets_opened(EVERYTHING, 0, 2**60, limit=2)

    assert (len(found), has_more, len(everything), is_full) == (1, True, 2, False)


def test_a_register_holds_what_somebody_reaches(store: Store, view: View) -> None:
    opened(store, TODAY, TODAY + HOUR)

    def count(scope: Scope) -> int:
        return len(view.tickets_opened(scope, 0, 2**60, limit=10)[0])

    assert count(Scope(customers=frozenset({"metro"}))) == 1
    assert count(Scope(groups=frozenset({"south"}))) == 2
    assert count(Scope(customers=frozenset({"hush"}))) == 0
    assert count(NOTHING) == 0


def test_people_are_called_by_their_names(view: View, where: str) -> None:
    with Office.open(where) as office:
        office.add_person("li", name="李工", role="engineer", scope=EVERYTHING, deed=ADMIN)

    assert view.people_names()["li"] == "李工"
