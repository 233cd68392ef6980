"""Who hears what: whoever is on duty where it befalls, the backup when nobody answers, whoever answers for the site."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import (
    Batch,
    Deed,
    Filter,
    Office,
    Outbox,
    Rota,
    ShiftWish,
    Store,
    TicketChange,
    TicketResolve,
    TicketStep,
    View,
    timing_of,
)
from roundsman_collector.store.ways import ALSO, EVENTS
from tests.collector.store.cast import TODAY, ticket

MINUTE = 60_000
HOUR = 60 * MINUTE
NOW = TODAY + 10 * HOUR
SOUTH, TIANHE = Rota(group="south"), Rota(group="south", point="tianhe")
SOUTHERN, NORTHERN = Scope(groups=frozenset({"south"})), Scope(groups=frozenset({"north"}))
NAMES = {"name_zh": "名", "name_en": "Name"}
DEED = Deed(who="boss", at_ms=TODAY)
NIGHT = "00:00-23:00"
"""It is quiet now."""


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    """The office beside the store: kiosk-7 in the hall of metro's site in the south, which the point tianhe covers."""
    with Office.open(where) as opened:
        opened.add_person("ruler", name="Ruler", role="administrator", scope=EVERYTHING, deed=DEED)
        for login, scope in (("li", SOUTHERN), ("wang", SOUTHERN), ("zhao", EVERYTHING), ("qian", SOUTHERN)):
            opened.add_person(login, name=login.title(), role="engineer", scope=scope, deed=DEED)
        opened.put_entry("customer", "metro", NAMES, deed=DEED)
        opened.put_entry("point", "tianhe", {**NAMES, "group_id": "south", "zones": "市区"}, deed=DEED)
        site = {**NAMES, "customer": "metro", "group_id": "south", "engineer": "qian"}
        opened.put_entry("site", "metro-1", site, deed=DEED)
        opened.put_entry("place", "hall", {**NAMES, "site": "metro-1", "engineer": "zhao"}, deed=DEED)
        opened.put_entry("installation", "kiosk-7", {"place": "hall"}, deed=DEED)
        yield opened


@pytest.fixture
def outbox(store: Store, where: str) -> Iterator[Outbox]:
    with Outbox.open(where) as opened:
        yield opened


def own(office: Office, person: str, *also: str, **timing: Any) -> int:
    """Somebody's own way, which hears of everything."""
    wants = Filter(events=EVENTS, also=tuple(one for one in ALSO if one in also))
    when = timing_of(timing)
    mail = f"{person}@example.com"
    made = office.add_way(kind="mail", name=person, target=mail, filter_=wants, person=person, timing=when, deed=DEED)
    return made.id


def put_on(office: Office, person: str, kind: Any = "primary", rota: Rota = SOUTH, hours: int = 1) -> int:
    """Somebody's duty, or day off, from before now to some hours from now; its number."""
    wish = ShiftWish(rota=rota, person=person, kind=kind, from_ms=NOW - HOUR, to_ms=NOW + hours * HOUR)
    return office.add_shift(wish, deed=DEED)


def commit(store: Store, *changes: TicketChange, now_ms: int = NOW) -> None:
    store.commit(Batch(now_ms=now_ms, tickets=changes))


def fault(subject: str = "kiosk-7") -> TicketChange:
    return replace(ticket(subject), fault_from_ms=NOW, opened_ms=NOW)


def step(verb: str, at_ms: int = NOW + 1, *, who: str = "roundsman", text: str = "", **data: Any) -> TicketStep:
    return TicketStep(ticket=1, at_ms=at_ms, who=who, verb=verb, text=text, data=data)


def told(office: Office, way: int) -> list[tuple[str, str, int]]:
    """What a way hears: the event, why it waits, and the minutes until it may be told; the oldest first."""
    rows = reversed(office.notices(way=way))
    return [(row.event, row.held, ((row.wake_at_ms or row.made_ms) - row.made_ms) // MINUTE) for row in rows]


def events(office: Office, way: int) -> list[str]:
    return [event for event, _, _ in told(office, way)]


# --- on duty ---------------------------------------------------------------------------------------------------------


# Shows S0-59.
def test_what_befalls_a_site_is_told_to_whoever_is_on_duty_there_then(store: Store, office: Office) -> None:
    li, wang = own(office, "li", "duty"), own(office, "wang", "duty")
    put_on(office, "li")
    commit(store, fault())
    clock = {"clock": "respond", "due_ms": NOW + HOUR}
    commit(store, step("warn", percent=50, **clock))
    commit(store, step("breach", NOW + 2, tell=["manager"], **clock))
    commit(store, step("call", NOW + 3, who="front", text="又来电"))
    commit(store, step("acknowledge", NOW + 4, who="li"), step("dispatch", NOW + 5, who="li", engineer="zhao"))

    assert events(office, li) == ["opened", "warned", "breached", "called_again"]
    assert events(office, wang) == []


@pytest.mark.parametrize(
    ("subject", "rota", "heard"),
    [
        ("kiosk-7", SOUTH, ["opened"]),
        ("kiosk-7", TIANHE, ["opened"]),
        ("#metro-1", TIANHE, ["opened"]),
        ("@kiosk-7", TIANHE, ["opened"]),
        ("nvr-2", SOUTH, ["opened"]),
        ("nvr-2", TIANHE, []),
        ("@gateway-2", SOUTH, ["opened"]),
        ("kiosk-7", Rota(group="north"), []),
    ],
    ids=[
        "the group's rota",
        "that of the point that covers the site",
        "a site",
        "an agent where its device stands",
        "what stands nowhere, by who speaks for it",
        "what stands nowhere has no point",
        "an agent that stands nowhere",
        "another group",
    ],
)
def test_the_rotas_of_a_subject_are_its_groups_and_its_points(
    store: Store, office: Office, subject: str, rota: Rota, heard: list[str]
) -> None:
    office.put_entry("group", "north", NAMES, deed=DEED)
    zhao = own(office, "zhao", "duty")
    put_on(office, "zhao", rota=rota)
    commit(store, fault(subject))

    assert events(office, zhao) == heard


def test_a_swap_moves_the_alarms_at_once_and_whoever_is_off_hears_nothing(store: Store, office: Office) -> None:
    li, wang, qian = own(office, "li", "duty"), own(office, "wang", "duty"), own(office, "qian", "duty")
    duty = put_on(office, "li")
    office.set_swap(duty, other="wang", other_shift=None, deed=replace(DEED, at_ms=NOW - MINUTE))
    commit(store, fault())
    assert (events(office, li), events(office, wang)) == ([], ["opened"])

    put_on(office, "qian", kind="off", rota=TIANHE)
    commit(store, fault("nvr-2"))
    assert events(office, qian) == []


def test_a_duty_ends_sharp(store: Store, office: Office) -> None:
    li = own(office, "li", "duty")
    put_on(office, "li", hours=1)
    commit(store, fault(), now_ms=NOW + HOUR)

    assert events(office, li) == []


def test_the_end_is_told_to_whoever_was_called_though_the_duty_is_over(
    store: Store, office: Office, outbox: Outbox
) -> None:
    li, wang = own(office, "li", "duty"), own(office, "wang", "duty")
    put_on(office, "li", hours=1)
    commit(store, fault())
    found = outbox.next(li, NOW, lately_ms=1000, limit=9)
    assert found is not None
    outbox.sent(found.notice, NOW)
    late = NOW + 2 * HOUR
    office.add_shift(
        ShiftWish(rota=SOUTH, person="wang", kind="primary", from_ms=NOW + HOUR, to_ms=late + HOUR), deed=DEED
    )

    commit(store, TicketResolve(ticket=1, at_ms=late, outcome="recovered", fault_to_ms=late), now_ms=late)

    assert (events(office, li), events(office, wang)) == (["opened", "resolved"], [])


def test_whose_scope_does_not_reach_it_hears_nothing_though_on_duty(store: Store, office: Office) -> None:
    zhao = own(office, "zhao", "duty", "responsible")
    put_on(office, "zhao")
    office.change_person("zhao", name="Zhao", role="engineer", scope=NORTHERN, email="", language="zh", deed=DEED)
    commit(store, fault())

    assert events(office, zhao) == []


def test_who_has_not_asked_for_it_hears_only_of_being_sent(store: Store, office: Office) -> None:
    li, zhao = own(office, "li"), own(office, "zhao")
    put_on(office, "li")
    commit(store, fault())
    commit(store, step("dispatch", who="front", engineer="zhao"))

    assert (events(office, li), events(office, zhao)) == ([], ["dispatched"])


# --- the backup ------------------------------------------------------------------------------------------------------


def test_the_backup_hears_when_nobody_has_answered(store: Store, office: Office, outbox: Outbox) -> None:
    li, wang = own(office, "li", "duty"), own(office, "wang", "duty", backup_minutes=20)
    put_on(office, "li")
    put_on(office, "wang", kind="backup")
    commit(store, fault())
    commit(store, step("warn", percent=50, clock="respond", due_ms=NOW + HOUR))

    assert told(office, li) == [("opened", "", 0), ("warned", "", 0)]
    assert told(office, wang) == [("opened", "answer", 20)], "what nobody has to answer is not for a backup"
    assert outbox.ways_with_work(NOW + 19 * MINUTE) == {li: False}
    assert outbox.ways_with_work(NOW + 20 * MINUTE) == {li: False, wang: False}


def test_the_backup_does_not_hear_of_what_somebody_answered(store: Store, office: Office, outbox: Outbox) -> None:
    own(office, "li", "duty")
    wang = own(office, "wang", "duty", backup_minutes=20)
    put_on(office, "li")
    put_on(office, "wang", kind="backup")
    commit(store, fault())
    commit(store, step("acknowledge", who="li"))

    found = outbox.next(wang, NOW + 20 * MINUTE, lately_ms=1000, limit=9)

    assert found is not None
    assert found.is_over


@pytest.mark.parametrize("primary", [None, "without a way", "who does not want it"])
def test_where_nobody_on_duty_hears_of_it_the_backup_does_at_once(
    store: Store, office: Office, primary: str | None
) -> None:
    wang = own(office, "wang", "duty")
    put_on(office, "wang", kind="backup")
    if primary is not None:
        put_on(office, "li")
    if primary == "who does not want it":
        own(office, "li")
    commit(store, fault())

    assert told(office, wang) == [("opened", "", 0)]


# --- quiet hours -----------------------------------------------------------------------------------------------------


def test_whoever_is_on_duty_is_told_in_their_quiet_hours_and_of_the_rest_when_they_end(
    store: Store, office: Office, outbox: Outbox
) -> None:
    li = own(office, "li", "duty", quiet=NIGHT)
    put_on(office, "li")
    commit(store, fault(), replace(fault("bus-31")))
    commit(store, step("dispatch", NOW + 1, who="front", engineer="li"), now_ms=NOW + 1)
    commit(store, replace(step("dispatch", NOW + HOUR, who="front", engineer="li"), ticket=2), now_ms=NOW + HOUR)

    outbox.hold(li, NOW + HOUR, why="quiet", until_ms=NOW + 3 * HOUR)

    assert told(office, li) == [
        ("opened", "", 0),
        ("opened", "", 0),
        ("dispatched", "", 0),
        ("dispatched", "quiet", 120),
    ]
    assert [row.passes for row in office.notices(way=li)] == [False, True, True, True]


def test_a_reminder_passes_where_the_alarm_did(store: Store, office: Office, outbox: Outbox) -> None:
    li = own(office, "li", "duty", repeat_minutes=10)
    put_on(office, "li")
    commit(store, fault())
    found = outbox.next(li, NOW, lately_ms=1000, limit=9)
    assert found is not None
    outbox.sent(found.notice, NOW)

    assert [(row.key, row.passes) for row in office.notices(way=li)] == [("opened:1~1", True), ("opened:1", True)]


# --- who answers for it, and who has it now --------------------------------------------------------------------------


# Shows S0-28.
def test_whoever_answers_for_a_site_or_place_hears_of_all_of_its_tickets(store: Store, office: Office) -> None:
    qian, zhao, li = (own(office, one, "responsible") for one in ("qian", "zhao", "li"))
    commit(store, fault(), fault("#metro-1"), fault("nvr-2"))
    commit(store, step("dispatch", who="front", engineer="li"))
    commit(store, TicketResolve(ticket=2, at_ms=NOW + 2, outcome="by_person", fault_to_ms=None))

    assert events(office, qian) == ["opened", "opened", "dispatched", "resolved"]
    assert events(office, zhao) == ["opened", "dispatched"], "of the place alone"
    assert events(office, li) == ["dispatched"]


def test_a_hand_over_is_told_to_whoever_has_it_from_now_on_and_to_who_was_sent(store: Store, office: Office) -> None:
    li, zhao, wang = (own(office, one) for one in ("li", "zhao", "wang"))
    commit(store, fault())
    commit(store, step("dispatch", who="front", engineer="li"))
    commit(store, step("hand_over", NOW + 2, who="front", text="请接手", to="zhao", reason="skill"), now_ms=NOW + 2)

    assert (events(office, li), events(office, zhao)) == (["dispatched", "handed_over"], ["handed_over"])
    assert events(office, wang) == []
    newest = office.notices(way=zhao)[0]
    assert (newest.body["engineer"], newest.body["text"]) == ({"id": "zhao", "name": "Zhao"}, "请接手")


def test_a_hand_over_is_answered_by_whoever_has_it_and_not_by_itself(
    store: Store, office: Office, outbox: Outbox
) -> None:
    zhao = own(office, "zhao", after_minutes=10)
    commit(store, fault())
    commit(store, step("hand_over", NOW, who="front", text="请接手", to="zhao"), now_ms=NOW)
    waits = outbox.next(zhao, NOW + HOUR, lately_ms=1000, limit=9)
    assert waits is not None and not waits.is_over

    commit(store, step("note", NOW + 5, who="zhao", text="好的"), now_ms=NOW + 5)

    answered = outbox.next(zhao, NOW + HOUR, lately_ms=1000, limit=9)
    assert answered is not None and answered.is_over


def test_whoever_is_on_duty_and_cannot_be_told_is_known(store: Store, office: Office, view: View) -> None:
    put_on(office, "li")
    put_on(office, "wang", kind="backup")
    put_on(office, "qian", kind="off")
    assert view.on_duty_untold(NOW) == [], "nobody is told by the rota here"

    own(office, "li", "duty")
    gone = own(office, "wang", "duty")
    assert view.on_duty_untold(NOW) == []
    office.disable_way(gone, is_disabled=True, deed=DEED)

    assert view.on_duty_untold(NOW) == ["wang"]
    assert view.on_duty_untold(NOW + HOUR) == [], "the duty is over"


def test_what_only_somebodys_own_way_can_want_is_left_out_of_everybodys(office: Office) -> None:
    made = office.add_way(kind="mail", name="desk", target="a@b.cn", filter_=Filter(also=ALSO), deed=DEED).id
    own_way = own(office, "li", "duty")
    office.change_way(own_way, person="", deed=DEED)

    assert [way.filter.also for way in office.ways() if way.id in (made, own_way)] == [(), ()]
