"""Entries of the register: chains of versions, references, scopes, the audit log, what devices are found by."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.hours import AROUND_THE_CLOCK
from roundsman_collector.roles import NOTHING, Scope
from roundsman_collector.store import Deed, EntryError, Office, Store, Version, View
from roundsman_collector.store.entries import laid
from tests.collector.store.cast import TODAY

HOUR = 3_600_000
METRO = Scope(customers=frozenset({"metro"}))
BANK = Scope(customers=frozenset({"bank"}))
SOUTH = Scope(groups=frozenset({"south"}))


def deed(hours: float = 0, who: str = "wang") -> Deed:
    return Deed(who=who, at_ms=TODAY + round(hours * HOUR), address="10.0.0.7")


def named(zh: str, en: str, **more: Any) -> dict[str, Any]:
    return {"name_zh": zh, "name_en": en, **more}


SITE = named("人民广场站", "People's Square", customer="metro", group_id="south")


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    """The office beside the store, with two customers, a site each, and a place each."""
    with Office.open(where) as opened:
        for customer, group in (("metro", "south"), ("bank", "north")):
            opened.put_entry("customer", customer, named(f"客户 {customer}", customer.title()), deed=deed())
            site = {**SITE, "customer": customer, "group_id": group}
            opened.put_entry("site", f"{customer}-1", site, deed=deed())
            hall = named("大厅", "Hall", site=f"{customer}-1")
            opened.put_entry("place", f"{customer}-1-hall", hall, deed=deed())
        yield opened


# --- the algebra -----------------------------------------------------------------------------------------------------

TIMES = st.integers(min_value=0, max_value=12)
PUTS = st.lists(st.tuples(TIMES, st.integers(min_value=0, max_value=2)), max_size=12)


def chain_of(puts: list[tuple[int, int]]) -> list[Version]:
    """The chain that puts leave behind, by the pure function and what entries.put_all() does with its answer."""
    chain: dict[int, Version] = {}
    for made, (at, value) in enumerate(puts):
        change = laid(sorted(chain.values(), key=lambda one: one.from_ms), version(at, None, made, value))
        if change is None:
            continue
        if change.before is not None and change.before.from_ms < at:
            chain[change.before.from_ms] = change.before._replace(to_ms=at)
        chain[at] = change.new
    return sorted(chain.values(), key=lambda one: one.from_ms)


def version(from_ms: int, to_ms: int | None, made: int, value: int) -> Version:
    return Version("x", from_ms, to_ms, made, "wang", {"value": value})


@given(PUTS)
def test_versions_never_overlap_and_none_is_empty(puts: list[tuple[int, int]]) -> None:
    chain = chain_of(puts)

    for one, other in pairwise(chain):
        assert one.to_ms is not None
        assert one.from_ms < one.to_ms <= other.from_ms
    assert all(one.to_ms is None for one in chain[-1:])


@given(PUTS)
def test_the_chain_says_at_every_time_what_the_last_put_that_speaks_for_it_said(puts: list[tuple[int, int]]) -> None:
    said: dict[int, int] = {}
    begins: set[int] = set()
    for at, value in puts:
        if said.get(at) == value:
            continue
        until = min((t for t in begins if t > at), default=13)
        said.update(dict.fromkeys(range(at, until), value))
        begins.add(at)

    told = {t: one.fields["value"] for t in range(13) for one in chain_of(puts) if one.holds_at(t)}

    assert told == said


@given(PUTS)
def test_saying_the_same_again_changes_nothing(puts: list[tuple[int, int]]) -> None:
    chain = chain_of(puts)

    for one in chain:
        assert laid(chain, one._replace(made_ms=99)) is None


# --- in the database -------------------------------------------------------------------------------------------------


def test_what_is_not_named_gets_its_usual_value(office: Office, view: View) -> None:
    found = view.entry("site", "metro-1")

    assert found is not None
    assert found.fields == {
        "customer": "metro",
        "group_id": "south",
        "contract": None,
        "name_zh": "人民广场站",
        "name_en": "People's Square",
        "address": "",
        "zone": "urban",
        "time_zone": "Asia/Shanghai",
        "service_hours": AROUND_THE_CLOCK,
        "engineer": None,
        "calendar": "cn",
        "point": None,
        "contact": None,
        "contact_phone": None,
    }


def test_a_change_ends_one_version_and_begins_the_next(office: Office, view: View) -> None:
    became = office.put_entry("site", "metro-1", {**SITE, "address": "西藏中路 1 号"}, deed=deed(2))

    first, second = view.entry_history("site", "metro-1")
    assert became == "changed"
    assert (first.from_ms, first.to_ms, first.fields["address"]) == (TODAY, TODAY + 2 * HOUR, "")
    assert (second.from_ms, second.to_ms, second.fields["address"]) == (TODAY + 2 * HOUR, None, "西藏中路 1 号")
    assert view.entry("site", "metro-1", at_ms=TODAY + HOUR) == first
    assert view.entry("site", "metro-1", at_ms=TODAY - 1) is None


def test_the_same_again_writes_nothing_not_even_in_the_audit_log(office: Office, view: View) -> None:
    before = view.audit()

    assert office.put_entry("site", "metro-1", SITE, deed=deed(2)) == "same"

    assert view.audit() == before


def test_a_change_that_is_told_late_leaves_later_changes_as_they_were_told(office: Office, view: View) -> None:
    office.put_entry("place", "metro-1-hall", named("三", "Three", site="metro-1"), deed=deed(3))
    office.put_entry("place", "metro-1-hall", named("二", "Two", site="metro-1"), deed=deed(4), from_ms=TODAY + HOUR)

    told = [(v.from_ms - TODAY, v.to_ms, v.fields["name_en"]) for v in view.entry_history("place", "metro-1-hall")]
    assert told == [(0, TODAY + HOUR, "Hall"), (HOUR, TODAY + 3 * HOUR, "Two"), (3 * HOUR, None, "Three")]


def test_nothing_begins_in_the_future(office: Office) -> None:
    with pytest.raises(EntryError, match="cannot take effect"):
        office.put_entry("site", "metro-1", SITE, deed=deed(1), from_ms=TODAY + 2 * HOUR)


def test_every_change_is_audited_with_before_and_after(office: Office, view: View) -> None:
    office.put_entry("customer", "metro", named("地铁", "Metro"), deed=deed(2))
    office.put_entry("installation", "kiosk-7", {"place": "metro-1-hall"}, deed=deed(3))
    office.end_entry("installation", "kiosk-7", deed=deed(4))

    ended, put, renamed = view.audit(limit=3)
    assert (renamed.who, renamed.address, renamed.verb, renamed.subject) == (
        "wang",
        "10.0.0.7",
        "put customer",
        "customer:metro",
    )
    assert renamed.before is not None and renamed.before["name_zh"] == "客户 metro"
    assert renamed.after is not None and renamed.after["name_zh"] == "地铁"
    assert (put.verb, put.before, put.after) == (
        "put installation",
        None,
        {"from_ms": TODAY + 3 * HOUR, "to_ms": None, "place": "metro-1-hall"},
    )
    assert (ended.verb, ended.after) == ("end installation", {"to_ms": TODAY + 4 * HOUR})


def test_a_device_that_is_installed_elsewhere_leaves_its_place_at_that_moment(office: Office, view: View) -> None:
    office.put_entry("installation", "kiosk-7", {"place": "metro-1-hall"}, deed=deed(1))
    office.put_entry("installation", "kiosk-7", {"place": "bank-1-hall"}, deed=deed(2))

    told = [(v.to_ms, v.fields["place"]) for v in view.entry_history("installation", "kiosk-7")]
    assert told == [(TODAY + 2 * HOUR, "metro-1-hall"), (None, "bank-1-hall")]


def test_two_devices_may_stand_at_one_place(office: Office, view: View) -> None:
    for device in ("kiosk-7", "ups-2"):
        office.put_entry("installation", device, {"place": "metro-1-hall"}, deed=deed(1))

    assert [one.id for one in view.entries("installation", where={"place": "metro-1-hall"})] == ["kiosk-7", "ups-2"]
    assert [card.device for card in view.cards(where={"site": "metro-1"})] == ["kiosk-7", "ups-2"]


@pytest.mark.parametrize(
    ("kind", "entry", "fields", "field"),
    [
        ("customer", "Metro", named("a", "a"), "id"),
        ("customer", "m", {"name_zh": "a"}, "name_en"),
        ("customer", "m", named("a" * 201, "a"), "name_zh"),
        ("customer", "m", named("a", "a", colour="red"), "colour"),
        ("site", "s", {**SITE, "customer": "nobody"}, "customer"),
        ("site", "s", {**SITE, "group_id": "South!"}, "group_id"),
        ("site", "s", {**SITE, "zone": "市区"}, "zone"),
        ("site", "s", {**SITE, "time_zone": "Mars/Olympus"}, "time_zone"),
        ("site", "s", {**SITE, "service_hours": "9 to 5"}, "service_hours"),
        ("site", "s", {**SITE, "service_hours": '{"hours":{}}'}, "service_hours"),
        ("site", "s", {**SITE, "calendar": "mars"}, "calendar"),
        ("contract", "k", {"customer": "metro", "name": "k", "unknown_as": "perhaps"}, "unknown_as"),
        ("contract", "k", {"customer": "metro", "name": "k", "target_percent": "101"}, "target_percent"),
        ("site", "s", {**SITE, "engineer": "nobody"}, "engineer"),
        ("site", "s", {**SITE, "contract": "none"}, "contract"),
        ("place", "p", named("a", "a", site="nowhere"), "site"),
        ("contract", "k", {"customer": "metro", "name": "k", "accepted_on": "2026-02-30"}, "accepted_on"),
        (
            "contract",
            "k",
            {"customer": "metro", "name": "k", "accepted_on": "2026-02-01", "warranty_until": "2026-01-01"},
            "warranty_until",
        ),
    ],
)
def test_a_field_that_cannot_be_used_is_named(office: Office, kind: Any, entry: str, fields: Any, field: str) -> None:
    with pytest.raises(EntryError) as found:
        office.put_entry(kind, entry, fields, deed=deed(1))

    assert found.value.field == field


def test_a_contract_serves_the_sites_of_its_own_customer(office: Office, view: View) -> None:
    office.put_entry("contract", "c-1", {"customer": "metro", "name": "2026 维保"}, deed=deed())

    office.put_entry("site", "metro-1", {**SITE, "contract": "c-1"}, deed=deed(1))
    with pytest.raises(EntryError, match="another customer"):
        office.put_entry(
            "site", "bank-1", {**SITE, "customer": "bank", "group_id": "north", "contract": "c-1"}, deed=deed(1)
        )
    with pytest.raises(EntryError, match="belongs to customer metro"):
        office.put_entry("contract", "c-1", {"customer": "bank", "name": "2026 维保"}, deed=deed(2))


def test_what_is_named_by_something_in_force_cannot_end(office: Office, view: View) -> None:
    for kind, entry in (("customer", "metro"), ("site", "metro-1")):
        with pytest.raises(EntryError, match="still has"):
            office.end_entry(kind, entry, deed=deed(1))  # type: ignore[arg-type]

    for kind, entry in (("place", "metro-1-hall"), ("site", "metro-1"), ("customer", "metro")):
        assert office.end_entry(kind, entry, deed=deed(2))  # type: ignore[arg-type]
        assert not office.end_entry(kind, entry, deed=deed(3))  # type: ignore[arg-type]
    assert [one.id for one in view.entries("customer")] == ["bank"]


def test_an_end_before_a_later_change_is_refused(office: Office) -> None:
    office.put_entry("place", "metro-1-hall", named("新", "New", site="metro-1"), deed=deed(3))

    with pytest.raises(EntryError, match="changed later"):
        office.end_entry("place", "metro-1-hall", deed=deed(4), at_ms=TODAY + HOUR)


def test_a_site_cannot_be_older_than_its_customer(office: Office) -> None:
    with pytest.raises(EntryError, match="not in force all the time"):
        office.put_entry("site", "s-0", SITE, deed=deed(1), from_ms=TODAY - 1)


# --- scopes ----------------------------------------------------------------------------------------------------------


def test_a_customer_sees_itself_and_nobody_else(office: Office, view: View) -> None:
    office.put_entry("group", "south", named("南", "South"), deed=deed())
    office.put_entry("group", "north", named("北", "North"), deed=deed())
    for kind, mine in (
        ("customer", ["metro"]),
        ("site", ["metro-1"]),
        ("place", ["metro-1-hall"]),
        ("group", ["south"]),
    ):
        assert [one.id for one in view.entries(kind, scope=METRO)] == mine  # type: ignore[arg-type]
        assert view.entries(kind, scope=NOTHING) == []  # type: ignore[arg-type]
    assert view.entry("site", "bank-1", scope=METRO) is None
    assert view.entry("site", "bank-1", scope=METRO, at_ms=TODAY) is None
    assert view.entry("place", "metro-1-hall", scope=METRO, at_ms=TODAY) is not None


def test_a_group_sees_whose_sites_it_watches(office: Office, view: View) -> None:
    assert [one.id for one in view.entries("customer", scope=SOUTH)] == ["metro"]
    assert [one.id for one in view.entries("place", scope=SOUTH)] == ["metro-1-hall"]


def test_the_time_of_another_owner_is_nobody_elses_business(office: Office, view: View) -> None:
    office.put_entry("site", "metro-1", {**SITE, "customer": "bank"}, deed=deed(2))

    assert [v.fields["customer"] for v in view.entry_history("site", "metro-1")] == ["metro", "bank"]
    assert [v.fields["customer"] for v in view.entry_history("site", "metro-1", scope=BANK)] == ["bank"]


@pytest.mark.parametrize(
    ("kind", "entry", "fields"),
    [
        ("customer", "bank", named("银行", "Mine now")),
        ("customer", "new", named("新", "New")),
        ("site", "bank-1", {**SITE, "customer": "metro"}),
        ("site", "metro-1", {**SITE, "customer": "bank", "group_id": "north"}),
        ("place", "bank-1-hall", named("a", "b", site="metro-1")),
        ("place", "metro-1-hall", named("a", "b", site="bank-1")),
        ("group", "north", named("a", "b")),
        ("installation", "kiosk-7", {"place": "bank-1-hall"}),
        ("installation", "bus-31", {"place": "metro-1-hall"}),
        ("contract", "k", {"customer": "bank", "name": "k"}),
    ],
)
def test_nobody_writes_beyond_their_scope_neither_from_nor_to(
    office: Office, view: View, kind: Any, entry: str, fields: Any
) -> None:
    office.put_entry("installation", "bus-31", {"place": "bank-1-hall"}, deed=deed(1))
    office.put_entry("installation", "kiosk-7", {"place": "metro-1-hall"}, deed=deed(1))
    before = view.audit()

    with pytest.raises(EntryError) as found:
        office.put_entry(kind, entry, fields, deed=deed(2), scope=METRO)

    assert found.value.cause in ("closed", "conflict")
    assert view.audit() == before


def test_a_refusal_does_not_tell_whether_it_exists(office: Office) -> None:
    told = []
    for customer in ("bank", "nosuch"):
        with pytest.raises(EntryError) as found:
            office.put_entry("site", "metro-1", {**SITE, "customer": customer}, deed=deed(2), scope=METRO)
        told.append(str(found.value).replace(customer, "X"))

    assert told[0] == told[1]


def test_within_their_scope_people_write(office: Office) -> None:
    hall = named("新大厅", "New hall", site="metro-1")

    assert office.put_entry("place", "metro-1-new", hall, deed=deed(1), scope=METRO) == "added"
    assert office.put_entry("installation", "kiosk-9", {"place": "metro-1-new"}, deed=deed(1), scope=METRO) == "added"
    assert office.end_entry("place", "metro-1-hall", deed=deed(2), scope=METRO)


# --- what devices are found by ---------------------------------------------------------------------------------------


def found_by(store: Store) -> dict[str, str]:
    from roundsman_collector.store.sql import run

    with store._read.begin() as connection:
        return {row[0]: row[1] for row in run(connection, "SELECT device, text FROM device_search")}


def test_a_device_is_found_by_its_site_in_characters_pinyin_and_initials(office: Office, store: Store) -> None:
    office.put_entry("installation", "nvr-2", {"place": "metro-1-hall"}, deed=deed(1))

    text = found_by(store)["nvr-2"]

    for word in (
        "nvr-2",
        "录像机 2",
        "recorder 2",
        "ds-7616",
        "大厅",
        "人民广场站",
        "renminguangchangzhan",
        "rmgcz",
        "dt",
    ):
        assert word in text


def test_a_site_that_is_renamed_is_found_by_its_new_name_at_once(office: Office, store: Store) -> None:
    office.put_entry("installation", "nvr-2", {"place": "metro-1-hall"}, deed=deed(1))

    office.put_entry("site", "metro-1", {**SITE, "name_zh": "虹桥站"}, deed=deed(2))

    assert "hqz" in found_by(store)["nvr-2"]
    assert "rmgcz" not in found_by(store)["nvr-2"]


def test_devices_that_the_engine_entered_get_their_line_when_somebody_fills_it(office: Office, store: Store) -> None:
    assert found_by(store) == {}

    office.fill_search()
    lines = found_by(store)
    office.rebuild_search()

    assert set(lines) == {"kiosk-7", "nvr-2", "ups-2", "bus-31"}
    assert found_by(store) == lines
