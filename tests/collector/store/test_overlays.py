"""Overlays in the store: proposing, two people, scopes, what lies over which device by dates, what is quiet now."""

from collections.abc import Iterator
from typing import Any

import pytest

from roundsman_collector.core.overlay import Laid, Verb
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import By, Deed, EntryError, Office, OverlayFilter, Store, View, Wish
from roundsman_collector.store import laid as laid_rows
from tests.collector.store.cast import TODAY

HOUR = 3_600_000
METRO = Scope(customers=frozenset({"metro"}))
BANK = Scope(customers=frozenset({"bank"}))
SOUTH = Scope(groups=frozenset({"south"}))
APPROVER = By(may_approve=True)
ENGINEER = By()


def deed(hours: float = 0, who: str = "wang") -> Deed:
    return Deed(who=who, at_ms=TODAY + round(hours * HOUR), address="10.0.0.7")


def hours(count: float) -> int:
    return TODAY + round(count * HOUR)


def wish(kind: str = "correction", from_: float = 1, to: float | None = 2, **more: Any) -> Wish:
    usual = {"correction": "found_off", "maintenance": "work_done", "exclusion": "force_majeure"}[kind]
    fields = {"scope": "device", "target": "kiosk-7", "reason": usual, "state": "down" if kind == "correction" else ""}
    return Wish(kind=kind, from_ms=hours(from_), to_ms=None if to is None else hours(to), **{**fields, **more})


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    """The office: two customers with a site and a hall each, and people who decide."""
    with Office.open(where) as opened:
        for person in ("wang", "li.na", "zhao"):
            opened.add_person(person, name=person, role="administrator", scope=EVERYTHING, deed=deed())
        for customer, group in (("metro", "south"), ("bank", "north")):
            names = {"name_zh": customer, "name_en": customer}
            opened.put_entry("customer", customer, names, deed=deed())
            opened.put_entry("site", f"{customer}-1", {**names, "customer": customer, "group_id": group}, deed=deed())
            opened.put_entry("place", f"{customer}-1-hall", {**names, "site": f"{customer}-1"}, deed=deed())
        yield opened


def stand(office: Office, device: str, place: str, at: float) -> None:
    office.put_entry("installation", device, {"place": place}, deed=deed(at), from_ms=hours(at))


def propose(office: Office, wanted: Wish, at: float = 5, who: str = "wang", by: By = APPROVER) -> int:
    return office.propose_overlay(wanted, deed=deed(at, who), by=by)


def approved(office: Office, wanted: Wish, at: float = 6) -> int:
    made = propose(office, wanted)
    office.act_on_overlay(made, "approve", deed=deed(at, "li.na"), by=APPROVER)
    return made


def spans(view: View, device: str = "kiosk-7", known: float = 20) -> list[tuple[int, float, float | None]]:
    found = view.overlays_for([device], hours(0), hours(24), hours(known))
    return [
        (one.overlay, (one.from_ms - TODAY) / HOUR, None if one.to_ms is None else (one.to_ms - TODAY) / HOUR)
        for one in found.get(device, ())
    ]


# --- two people ------------------------------------------------------------------------------------------------------


def test_a_proposal_counts_for_nothing_until_a_second_person_approves(office: Office, view: View) -> None:
    made = propose(office, wish())

    assert spans(view) == []

    office.act_on_overlay(made, "approve", deed=deed(6, "li.na"), by=APPROVER, text="seen the photo")

    assert spans(view) == [(made, 1, 2)]
    assert spans(view, known=5.9) == [], "as it was known before"
    assert view.overlays_for(["kiosk-7"], hours(0), hours(24), hours(20)) == {
        "kiosk-7": (Laid(made, "correction", "down", "found_off", hours(1), hours(2), hours(6)),)
    }


@pytest.mark.parametrize("verb", ["approve", "refuse"])
def test_the_author_cannot_decide_on_the_own_proposal(office: Office, verb: Verb) -> None:
    made = propose(office, wish())

    with pytest.raises(EntryError, match="changed by two people"):
        office.act_on_overlay(made, verb, deed=deed(6), by=APPROVER)


def test_the_authors_own_token_is_no_second_person(office: Office) -> None:
    office.add_token("key-1", name="robot", role="dispatcher", deed=deed(0, "wang"))
    office.add_token("key-2", name="robot of robot", role="dispatcher", deed=deed(0, "token:robot"))
    made = propose(office, wish())

    for program in ("token:robot", "token:robot of robot"):
        with pytest.raises(EntryError, match="changed by two people"):
            office.act_on_overlay(made, "approve", deed=deed(6, program), by=APPROVER)


def test_the_author_cannot_approve_what_the_own_token_proposed(office: Office) -> None:
    office.add_token("key-1", name="robot", role="dispatcher", deed=deed(0, "wang"))
    made = propose(office, wish(), who="token:robot")

    with pytest.raises(EntryError, match="changed by two people"):
        office.act_on_overlay(made, "approve", deed=deed(6, "wang"), by=APPROVER)


def test_a_token_of_somebody_else_may_approve_and_one_of_nobody_may_not(office: Office, view: View) -> None:
    office.add_token("key-1", name="desk of li", role="dispatcher", deed=deed(0, "li.na"))
    office.add_token("key-2", name="first start", role="administrator", deed=deed(0, "roundsman"))
    made = propose(office, wish())

    with pytest.raises(EntryError, match="only its author, or somebody who may approve"):
        office.act_on_overlay(made, "approve", deed=deed(6, "token:first start"), by=APPROVER)
    office.act_on_overlay(made, "approve", deed=deed(6, "token:desk of li"), by=APPROVER)

    assert spans(view) == [(made, 1, 2)]


def test_a_token_of_somebody_who_was_shut_out_approves_nothing(office: Office) -> None:
    office.add_token("key-1", name="desk of li", role="dispatcher", deed=deed(0, "li.na"))
    made = propose(office, wish())
    office.disable_person("li.na", is_disabled=True, deed=deed(5, "zhao"))

    with pytest.raises(EntryError, match="only its author, or somebody who may approve"):
        office.act_on_overlay(made, "approve", deed=deed(6, "token:desk of li"), by=APPROVER)


def test_planned_maintenance_counts_at_once_and_is_for_those_who_approve(office: Office, view: View) -> None:
    planned = wish("maintenance", 5, 7, reason="planned_work")

    with pytest.raises(EntryError, match="counts at once"):
        propose(office, planned, by=ENGINEER)
    made = propose(office, planned)
    entered_afterwards = propose(office, wish("maintenance", 4.9, 7), by=ENGINEER)

    assert spans(view) == [(made, 5, 7)]
    assert entered_afterwards > made


def test_what_is_revoked_counts_no_more_and_did_before(office: Office, view: View) -> None:
    made = approved(office, wish())

    with pytest.raises(EntryError, match="changed by two people"):
        office.act_on_overlay(made, "revoke", deed=deed(8), by=APPROVER)
    office.act_on_overlay(made, "revoke", deed=deed(8, "zhao"), by=APPROVER)

    assert spans(view, known=7.9) == [(made, 1, 2)]
    assert spans(view, known=8) == []


def test_an_end_closes_what_was_open(office: Office, view: View) -> None:
    made = approved(office, wish("exclusion", 1, None, reason="laid_up"))

    office.act_on_overlay(made, "end", deed=deed(8), by=APPROVER, to_ms=hours(10))

    assert spans(view) == [(made, 1, 10)]
    assert spans(view, known=7) == [(made, 1, 24)], "cut to the window that was asked for"


def test_every_step_stands_in_the_audit_log_with_before_and_after(office: Office, view: View) -> None:
    made = approved(office, wish())
    office.act_on_overlay(made, "revoke", deed=deed(8, "zhao"), by=APPROVER, text="the photo is of another kiosk")

    log = view.audit(subject=f"overlay:{made}")

    assert [(one.verb, one.who) for one in log] == [
        ("overlay.revoke", "zhao"),
        ("overlay.approve", "li.na"),
        ("overlay.propose", "wang"),
    ]
    assert log[1].before == {"status": "proposed", "to_ms": hours(2), "counts_ms": None}
    assert log[1].after == {"status": "in_force", "to_ms": hours(2), "counts_ms": hours(6), "text": ""}
    assert log[2].after is not None and log[2].after["target"] == "kiosk-7"


def test_a_clock_that_was_set_back_does_not_turn_the_log_around(office: Office, view: View) -> None:
    made = propose(office, wish(), at=5)

    office.act_on_overlay(made, "approve", deed=deed(3, "li.na"), by=APPROVER)

    row = view.overlay(made)
    assert row is not None and row.events[0].at_ms == hours(5)
    assert row.standing.status == "in_force"


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (wish(kind="correction", state=""), "a correction to ''"),
        (wish(kind="correction", state="excluded"), "a correction to 'excluded'"),
        (wish(kind="exclusion", state="up"), "only a correction says a state"),
        (wish(kind="exclusion", reason="found_off"), "no reason for this kind"),
        (wish(reason="other", text="  "), "explains nothing"),
        (wish(target="kiosk-9"), "there is no device kiosk-9"),
        (wish(target="\ud800"), "there is no device"),
        (wish(scope="room", target="x"), "there is no scope"),
        (wish(from_=2, to=2), "it cannot end"),
        (wish(from_=4, to=5.5), "what was, not what will be"),
        (wish(from_=-500_000), "it cannot begin"),
        (wish(text="x" * 2001), "text is too long"),
        (wish(kind="exclusion", from_=1, to=100_000), "it cannot end"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(office: Office, wanted: Wish, said: str) -> None:
    with pytest.raises(EntryError, match=said):
        propose(office, wanted)


def test_nothing_can_be_done_with_what_is_not_there(office: Office) -> None:
    with pytest.raises(EntryError, match="there is no overlay 99"):
        office.act_on_overlay(99, "approve", deed=deed(6, "li.na"), by=APPROVER)


# --- scopes ----------------------------------------------------------------------------------------------------------


def test_somebody_proposes_and_decides_within_the_own_scope_only(office: Office) -> None:
    stand(office, "kiosk-7", "metro-1-hall", 0)
    made = propose(office, wish("exclusion"))

    for target in (
        wish("exclusion"),
        wish("exclusion", scope="site", target="metro-1"),
        wish("exclusion", scope="place", target="metro-1-hall"),
        wish("exclusion", scope="customer", target="metro"),
        wish("exclusion", scope="group", target="south"),
    ):
        with pytest.raises(EntryError, match=f"there is no {target.scope} {target.target}"):
            propose(office, target, by=By(may_approve=True, scope=BANK))
    with pytest.raises(EntryError, match=f"there is no overlay {made}"):
        office.act_on_overlay(made, "approve", deed=deed(6, "li.na"), by=By(may_approve=True, scope=BANK))
    office.act_on_overlay(made, "approve", deed=deed(6, "li.na"), by=By(may_approve=True, scope=METRO))


def test_who_sees_a_group_wide_overlay_cannot_decide_on_it(office: Office, view: View) -> None:
    made = propose(office, wish("exclusion", scope="group", target="south"))

    assert [row.overlay.id for row in view.overlays(scope=METRO)] == [made]
    with pytest.raises(EntryError, match="not yours for all of that time"):
        office.act_on_overlay(made, "approve", deed=deed(6, "li.na"), by=By(may_approve=True, scope=METRO))


def test_what_belonged_to_another_customer_then_cannot_be_changed_by_its_present_one(office: Office) -> None:
    stand(office, "kiosk-7", "metro-1-hall", 0)
    stand(office, "kiosk-7", "bank-1-hall", 3)
    by_bank = By(may_approve=True, scope=BANK)

    with pytest.raises(EntryError, match="not yours for all of that time"):
        propose(office, wish("exclusion", 1, 4), by=by_bank)
    assert propose(office, wish("exclusion", 3, 4), by=by_bank)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [(EVERYTHING, 5), (METRO, 5), (SOUTH, 5), (BANK, 0), (Scope(), 0), (Scope(groups=frozenset({"north"})), 0)],
)
def test_a_list_shows_what_the_scope_reaches(office: Office, view: View, scope: Scope, expected: int) -> None:
    stand(office, "kiosk-7", "metro-1-hall", 0)
    for kind, target in (
        ("device", "kiosk-7"),
        ("place", "metro-1-hall"),
        ("site", "metro-1"),
        ("customer", "metro"),
        ("group", "south"),
    ):
        made = propose(office, wish("exclusion", scope=kind, target=target))
        seen = view.overlay(made, scope=scope)
        assert (seen is not None) == bool(expected)

    assert len(view.overlays(scope=scope)) == expected


def test_a_list_is_filtered_and_paged(office: Office, view: View) -> None:
    first, second = approved(office, wish()), propose(office, wish("exclusion", 2, 3))
    third = propose(office, wish("maintenance", 9, 10, reason="planned_work"))
    refused = propose(office, wish())
    office.act_on_overlay(refused, "refuse", deed=deed(7, "li.na"), by=APPROVER)

    def ids(**wanted: Any) -> list[int]:
        return [row.overlay.id for row in view.overlays(wanted=OverlayFilter(**wanted))]

    assert ids() == [refused, third, second, first]
    assert ids(status="proposed") == [second]
    assert ids(status="in_force") == [third, first]
    assert ids(status="refused") == [refused]
    assert ids(status="revoked") == []
    assert ids(kind="exclusion") == [second]
    assert ids(from_ms=hours(2.5), to_ms=hours(9.5)) == [third, second]
    assert ids(after_ms=hours(6.5)) == [refused]
    assert [row.overlay.id for row in view.overlays(before_id=third, limit=1)] == [second]


# --- by dates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "target"), [("place", "metro-1-hall"), ("site", "metro-1"), ("customer", "metro"), ("group", "south")]
)
@pytest.mark.parametrize("chunk", [500, 0], ids=["of few devices", "of many devices"])
def test_an_overlay_lies_over_what_was_there_then(
    office: Office, view: View, monkeypatch: pytest.MonkeyPatch, kind: str, target: str, chunk: int
) -> None:
    monkeypatch.setattr(laid_rows, "CHUNK", chunk)
    stand(office, "kiosk-7", "metro-1-hall", 2)
    stand(office, "kiosk-7", "bank-1-hall", 4)
    made = approved(office, wish("exclusion", 1, 5, scope=kind, target=target))

    expected: list[tuple[int, float, float]] = [(made, 2, 4)]
    if kind == "group":  # its agent belongs to the group all the time
        expected = [(made, 1, 5)]
    assert spans(view) == expected
    assert spans(view, "nvr-2") == ([(made, 1, 5)] if kind == "group" else [])


@pytest.mark.parametrize("chunk", [500, 0], ids=["of few devices", "of many devices"])
def test_a_loan_unit_takes_over_the_maintenance_of_the_place(
    office: Office, view: View, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(laid_rows, "CHUNK", chunk)
    stand(office, "kiosk-7", "metro-1-hall", 0)
    office.end_entry("installation", "kiosk-7", deed=deed(3))
    stand(office, "ups-2", "metro-1-hall", 3)
    made = approved(office, wish("exclusion", 1, None, scope="place", target="metro-1-hall"))

    assert spans(view, "kiosk-7") == [(made, 1, 3)]
    assert spans(view, "ups-2") == [(made, 3, 24)]


def test_a_site_that_changed_hands_keeps_each_customers_overlays_apart(office: Office, view: View) -> None:
    stand(office, "kiosk-7", "metro-1-hall", 0)
    site = {"name_zh": "x", "name_en": "x", "customer": "bank", "group_id": "south"}
    office.put_entry("site", "metro-1", site, deed=deed(3))
    of_metro = approved(office, wish("exclusion", 1, 4, scope="customer", target="metro"))
    of_bank = approved(office, wish("exclusion", 1, 4, scope="customer", target="bank"), at=7)

    assert spans(view) == [(of_metro, 1, 3), (of_bank, 3, 4)]


def test_the_list_of_a_device_shows_what_waits_as_well(office: Office, view: View) -> None:
    stand(office, "kiosk-7", "metro-1-hall", 0)
    first = approved(office, wish())
    second = propose(office, wish("exclusion", scope="site", target="metro-1"))
    propose(office, wish("exclusion", scope="site", target="bank-1"))

    rows = view.overlays_of("kiosk-7", hours(0), hours(24), hours(20))

    assert [(row.overlay.id, row.standing.status) for row in rows] == [(second, "proposed"), (first, "in_force")]


# --- what is quiet now -----------------------------------------------------------------------------------------------


def test_devices_under_maintenance_are_quiet_until_it_ends(office: Office, view: View, store: Store) -> None:
    propose(office, wish("maintenance", 5, 7, reason="planned_work"))
    propose(office, wish("maintenance", 5, 8, reason="planned_work", target="nvr-2"))

    assert store.maintenance_now(hours(6)) == {"@kiosk-7": hours(7), "kiosk-7": hours(7), "nvr-2": hours(8)}
    assert view.maintenance_now(hours(7)) == {"nvr-2": hours(8)}
    assert view.maintenance_now(hours(4.9)) == {}, "it was not made yet"


def test_a_gateway_is_quiet_as_long_as_all_behind_it_is(office: Office, view: View) -> None:
    propose(office, wish("maintenance", 5, 8, reason="planned_work", target="nvr-2"))
    propose(office, wish("maintenance", 5, None, reason="planned_work", target="ups-2"))

    assert view.maintenance_now(hours(6)) == {"@gateway-2": hours(8), "nvr-2": hours(8), "ups-2": None}


def test_a_site_under_maintenance_quiets_what_stands_there_now(office: Office, view: View) -> None:
    stand(office, "kiosk-7", "metro-1-hall", 0)
    propose(office, wish("maintenance", 5, 9, reason="planned_work", scope="site", target="metro-1"))
    stand(office, "kiosk-7", "bank-1-hall", 7)

    assert set(view.maintenance_now(hours(6))) == {"kiosk-7", "@kiosk-7"}
    assert view.maintenance_now(hours(6), ["kiosk-7", "nvr-2"]) == {"kiosk-7": hours(9)}
    assert view.maintenance_now(hours(6), ["nvr-2"]) == {}
    assert view.maintenance_now(hours(7)) == {}


def test_a_laid_up_vehicle_is_quiet_and_a_power_cut_at_the_customers_is_not(office: Office, view: View) -> None:
    approved(office, wish("exclusion", 1, None, reason="laid_up", target="bus-31"))
    approved(office, wish("exclusion", 1, None, reason="customer_power", target="nvr-2"))

    assert view.maintenance_now(hours(7)) == {"@bus-31": None, "bus-31": None}
