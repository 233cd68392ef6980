"""Who could go, as the database knows it: points, skills, duty, load; within scopes, and through time."""

from collections.abc import Iterator
from typing import Any

import pytest

from roundsman_collector.core.going import Candidate, Facts, Skill, suggest
from roundsman_collector.roles import EVERYTHING, Role, Scope
from roundsman_collector.store import Batch, Deed, EntryError, Office, Rota, ShiftWish, Store, View
from roundsman_collector.store.going import Orphans
from roundsman_collector.store.sql import run
from tests.collector.store.cast import TODAY, ticket

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = TODAY + 10 * HOUR
METRO = Scope(customers=frozenset({"metro"}))
SOUTHERN = Scope(groups=frozenset({"south"}))
NORTHERN = Scope(groups=frozenset({"north"}))
PEOPLE: tuple[tuple[str, Role, Scope], ...] = (
    ("li", "engineer", SOUTHERN),
    ("wang", "engineer", METRO),
    ("chief", "dispatcher", EVERYTHING),
    ("far", "engineer", NORTHERN),
    ("bank", "engineer", Scope(customers=frozenset({"bank"}))),
    ("sun", "viewer", EVERYTHING),
    ("store", "storekeeper", EVERYTHING),
    ("gone", "engineer", SOUTHERN),
)
NAMES = {"name_zh": "名", "name_en": "Name"}


def deed(hours: float = 0, who: str = "boss") -> Deed:
    return Deed(who=who, at_ms=TODAY + round(hours * HOUR))


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    """The office beside the store: kiosk-7 at metro's urban site in the south, two points there, everybody."""
    with Office.open(where) as opened:
        for login, role, scope in PEOPLE:
            opened.add_person(login, name=login.title(), role=role, scope=scope, deed=deed())
        opened.add_person("root", name="Root", role="administrator", scope=NORTHERN, deed=deed())
        opened.add_person("ruler", name="Ruler", role="administrator", scope=EVERYTHING, deed=deed())
        opened.disable_person("gone", is_disabled=True, deed=deed())
        for customer in ("metro", "bank"):
            opened.put_entry("customer", customer, NAMES, deed=deed())
        opened.put_entry("point", "tianhe", {**NAMES, "group_id": "south", "zones": "市区、郊区"}, deed=deed())
        opened.put_entry("point", "panyu", {**NAMES, "group_id": "south", "zones": "remote"}, deed=deed())
        site = {**NAMES, "customer": "metro", "group_id": "south", "engineer": "wang"}
        opened.put_entry("site", "metro-1", site, deed=deed())
        opened.put_entry("place", "hall", {**NAMES, "site": "metro-1", "engineer": "li"}, deed=deed())
        opened.put_entry("installation", "kiosk-7", {"place": "hall"}, deed=deed())
        yield opened


def candidates(view: View, subject: str = "kiosk-7") -> dict[str, Candidate]:
    return {one.login: one for one in view.going(subject, "printer", NOW).candidates}


# --- the question ----------------------------------------------------------------------------------------------------


def test_the_facts_are_where_the_device_stands_now(office: Office, view: View) -> None:
    assert view.going("kiosk-7", "printer", NOW).facts == Facts(
        subject="kiosk-7",
        kind="kiosk",
        component="printer",
        group="south",
        customer="metro",
        site="metro-1",
        place="hall",
        zone="urban",
        place_engineer="li",
        site_engineer="wang",
        points=frozenset({"tianhe"}),
    )


def test_a_site_an_agent_and_a_device_that_stands_nowhere_have_what_is_known_of_them(
    office: Office, view: View
) -> None:
    site, agent, nowhere, ghost = (
        view.going(subject, "", NOW).facts for subject in ("#metro-1", "@kiosk-7", "bus-31", "ghost")
    )

    known = {"group": "south", "customer": "metro", "site": "metro-1", "zone": "urban", "site_engineer": "wang"}
    points = frozenset({"tianhe"})
    assert site == Facts(subject="#metro-1", **known, points=points)  # type: ignore[arg-type]
    assert agent == Facts(subject="@kiosk-7", **known, points=points)  # type: ignore[arg-type]
    assert nowhere == Facts(subject="bus-31", kind="vehicle", group="south")
    assert ghost == Facts(subject="ghost")


def test_only_who_may_act_and_reaches_the_site_is_a_candidate(office: Office, view: View) -> None:
    assert sorted(candidates(view)) == ["chief", "li", "ruler", "wang"]
    assert sorted(candidates(view, "bus-31")) == ["chief", "li", "ruler"]
    assert sorted(candidates(view, "ghost")) == ["chief", "ruler"]


# Shows S3-3.
def test_a_site_that_names_a_point_is_covered_by_it_alone(office: Office, view: View) -> None:
    site = {**NAMES, "customer": "metro", "group_id": "south", "point": "panyu"}

    office.put_entry("site", "metro-1", site, deed=deed(1))

    assert view.going("kiosk-7", "", NOW).facts.points == {"panyu"}


def test_a_candidate_is_told_with_duty_skills_point_and_load(office: Office, store: Store, view: View) -> None:
    office.put_member("li", "tianhe", deed=deed())
    office.put_skill("li", "kiosk", qualified_until="2024-10-04", deed=deed())
    office.add_shift(
        ShiftWish(rota=Rota(group="south"), person="li", kind="backup", from_ms=TODAY, to_ms=TODAY + DAY), deed=deed()
    )
    store.commit(Batch(now_ms=TODAY + 5, tickets=[ticket(), ticket("nvr-2")]))
    with office._change("a test") as connection:
        run(connection, "UPDATE ticket SET engineer = 'li', state = 'dispatched' WHERE subject = 'kiosk-7'")
        run(connection, "UPDATE ticket SET engineer = 'li', state = 'on_site' WHERE subject = 'nvr-2'")

    found = candidates(view)["li"]

    midnight = TODAY + 16 * HOUR  # the 4th ends in Shanghai
    number = view.tickets(subject="nvr-2")[0].number
    assert found == Candidate(
        login="li",
        name="Li",
        role="engineer",
        point="tianhe",
        duty="backup",
        skills=(Skill(kind="kiosk", until_ms=midnight),),
        load=2,
        visit=number,
    )


def test_a_duty_of_a_point_counts_where_the_point_covers_and_a_day_off_everywhere(office: Office, view: View) -> None:
    span = {"from_ms": TODAY, "to_ms": TODAY + DAY}
    for point, person in (("tianhe", "li"), ("panyu", "chief")):
        rota = Rota(group="south", point=point)
        office.add_shift(ShiftWish(rota=rota, person=person, kind="primary", **span), deed=deed())  # type: ignore[arg-type]
    office.add_shift(
        ShiftWish(rota=Rota(group="south"), person="wang", kind="off", **span),  # type: ignore[arg-type]
        deed=deed(),
    )

    found = candidates(view)

    assert {login: (one.duty, one.is_off) for login, one in found.items()} == {
        "li": ("primary", False),
        "chief": (None, False),
        "ruler": (None, False),
        "wang": (None, True),
    }


def test_the_suggestion_puts_the_responsible_one_first_with_the_reasons(office: Office, view: View) -> None:
    question = view.going("kiosk-7", "printer", NOW)

    found = suggest(question.facts, question.candidates, NOW)

    assert [(one.candidate.login, one.reasons[0].code) for one in found] == [
        ("li", "place_engineer"),
        ("wang", "site_engineer"),
        ("chief", "idle"),
        ("ruler", "idle"),
    ]


# --- points and skills -----------------------------------------------------------------------------------------------


def test_somebody_belongs_to_one_point_at_a_time_and_the_past_is_kept(office: Office, view: View, where: str) -> None:
    first = office.put_member("li", "tianhe", deed=deed(1), scope=SOUTHERN)
    again = office.put_member("li", "tianhe", deed=deed(2), scope=SOUTHERN)
    office.put_member("li", "panyu", deed=deed(3), scope=SOUTHERN)
    office.put_member("li", None, deed=deed(4), scope=SOUTHERN)
    with office._change("a test") as connection:
        rows = run(connection, "SELECT point, from_ms, to_ms FROM point_person ORDER BY from_ms").all()

    assert (first, again) == (True, False)
    assert [tuple(row) for row in rows] == [
        ("tianhe", TODAY + HOUR, TODAY + 3 * HOUR),
        ("panyu", TODAY + 3 * HOUR, TODAY + 4 * HOUR),
    ]
    assert view.point_members("panyu") == []


def test_a_skill_is_kept_prolonged_and_taken_back_and_the_audit_log_tells_it(office: Office, view: View) -> None:
    office.put_skill("li", "kiosk", "printer", qualified_until="2025-06-30", deed=deed(1))
    office.put_skill("li", "kiosk", "printer", qualified_until="2026-06-30", deed=deed(2))
    same = office.put_skill("li", "kiosk", "printer", qualified_until="2026-06-30", deed=deed(3))
    (held,) = view.engineers(person="li")
    ended = office.end_skill("li", "kiosk", "printer", deed=deed(4))
    again = office.end_skill("li", "kiosk", "printer", deed=deed(5))

    assert [(one.kind, one.component, one.qualified_until) for one in held.skills] == [
        ("kiosk", "printer", "2026-06-30")
    ]
    assert (same, ended, again) == (False, True, False)
    assert [row.verb for row in view.audit(subject="person:li", limit=3)] == [
        "person.skill_end",
        "person.skill",
        "person.skill",
    ]


def test_two_words_about_a_skill_in_the_same_millisecond_leave_the_last(office: Office, view: View) -> None:
    office.put_skill("li", "kiosk", deed=deed(1))
    office.put_skill("li", "kiosk", qualified_until="2025-06-30", deed=deed(1))
    office.end_skill("li", "kiosk", deed=deed(1))
    office.put_skill("li", "kiosk", deed=deed(1))

    (held,) = view.engineers(person="li")

    assert [one.qualified_until for one in held.skills] == [None]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "Kiosk!"}, "kind"),
        ({"component": "disk[/]"}, "component"),
        ({"qualified_until": "soon"}, "qualified_until"),
        ({"qualified_until": "20250630"}, "qualified_until"),
        ({"person": "sun"}, "person"),
        ({"person": "gone"}, "person"),
        ({"person": "ghost"}, "person"),
        ({"person": "far"}, "person"),
    ],
)
def test_a_skill_that_cannot_be_is_refused(office: Office, view: View, change: dict[str, Any], field: str) -> None:
    said = {"person": "li", "kind": "kiosk", "component": "", "qualified_until": None, **change}
    person, kind, component = said.pop("person"), said.pop("kind"), said.pop("component")

    with pytest.raises(EntryError) as caught:
        office.put_skill(person, kind, component, **said, deed=deed(), scope=SOUTHERN)

    assert caught.value.field == field


def test_who_has_nothing_in_common_with_somebody_neither_sees_nor_writes_them(office: Office, view: View) -> None:
    assert [one.person.id for one in view.engineers(scope=NORTHERN)] == ["chief", "far", "root", "ruler"]
    assert [one.person.id for one in view.engineers(scope=METRO)] == ["chief", "ruler", "wang"]
    with pytest.raises(EntryError):
        office.put_member("li", "tianhe", deed=deed(), scope=NORTHERN)
    with pytest.raises(EntryError):
        office.put_member("far", "tianhe", deed=deed(), scope=NORTHERN)  # a point of another group


def test_a_point_is_seen_by_its_group_and_by_customers_whose_sites_name_it(office: Office, view: View) -> None:
    site = {**NAMES, "customer": "metro", "group_id": "south", "point": "panyu"}
    office.put_entry("site", "metro-1", site, deed=deed(1))

    seen = [[one.id for one in view.entries("point", scope=scope)] for scope in (SOUTHERN, NORTHERN, METRO)]

    assert seen == [["panyu", "tianhe"], [], ["panyu"]]


def test_a_point_that_sites_name_cannot_end_and_one_of_another_group_is_not_written(office: Office) -> None:
    site = {**NAMES, "customer": "metro", "group_id": "south", "point": "panyu"}
    office.put_entry("site", "metro-1", site, deed=deed(1))

    with pytest.raises(EntryError) as held:
        office.end_entry("point", "panyu", deed=deed(2))
    with pytest.raises(EntryError) as closed:
        office.put_entry("point", "tianhe", {**NAMES, "group_id": "south"}, deed=deed(2), scope=NORTHERN)

    assert (held.value.cause, closed.value.cause) == ("conflict", "closed")


@pytest.mark.parametrize(
    ("field", "text", "kept"),
    [
        ("zones", "郊区, urban", "urban suburban"),
        ("zones", "", ""),
        ("zones", "moon", None),
        ("phone", "020-8888 6666", "020-8888 6666"),
        ("phone", "call me", None),
    ],
)
def test_zones_and_telephone_are_kept_as_they_are_read(
    office: Office, view: View, field: str, text: str, kept: str | None
) -> None:
    fields = {**NAMES, "group_id": "south", field: text}
    if kept is None:
        with pytest.raises(EntryError) as caught:
            office.put_entry("point", "new", fields, deed=deed())
        assert caught.value.field == field
        return

    office.put_entry("point", "new", fields, deed=deed())

    found = view.entry("point", "new")
    assert found is not None
    assert found.fields[field] == kept


# --- sites that nobody looks after -----------------------------------------------------------------------------------


def test_sites_without_somebody_who_is_still_there_are_counted(office: Office, view: View) -> None:
    for site, engineer in (("metro-2", None), ("metro-3", "li")):
        fields = {**NAMES, "customer": "metro", "group_id": "south", "engineer": engineer}
        office.put_entry("site", site, fields, deed=deed())
    before = view.without_engineer()

    office.disable_person("li", is_disabled=True, deed=deed(1))

    assert before == Orphans(1, 3, ("metro-2",))
    assert view.without_engineer() == Orphans(2, 3, ("metro-2", "metro-3"))
    assert view.without_engineer(scope=NORTHERN) == Orphans(0, 0, ())
