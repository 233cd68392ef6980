"""The outbox: written with what it tells of, once for each who wants to know, and never for what is over."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from roundsman_collector.roles import Role, Scope
from roundsman_collector.store import (
    Batch,
    Deed,
    DeviceEntry,
    Filter,
    Office,
    Outbox,
    Store,
    StoreError,
    TicketChange,
    TicketNote,
    TicketOpen,
    TicketResolve,
    TicketStep,
    TicketVoid,
    Timing,
    View,
    WayRow,
    filter_of,
    migrate,
    timing_of,
    wrong_target,
)
from roundsman_collector.store.hearers import FRESH_MS, HOLD_MS
from roundsman_collector.store.sql import run
from roundsman_collector.store.ways import EVENTS
from tests.collector.store.cast import TODAY, ticket

DEED = Deed(who="wang", at_ms=TODAY, address="10.0.0.9")
MAIL = "duty@example.com"
OLD = FRESH_MS + 1
HOOK = "https://hooks.example.com/in?key=s3cret"
WECOM = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=s3cret"
DINGTALK = "https://oapi.dingtalk.com/robot/send?access_token=s3cret"
FEISHU = "https://open.feishu.cn/open-apis/bot/v2/hook/s3cret"


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    with Office.open(where) as opened:
        yield opened


@pytest.fixture
def outbox(store: Store, where: str) -> Iterator[Outbox]:
    with Outbox.open(where) as opened:
        yield opened


def commit(store: Store, *changes: TicketChange, now_ms: int = TODAY) -> None:
    store.commit(Batch(now_ms=now_ms, tickets=changes))


def add(office: Office, **wanted: Any) -> int:
    return office.add_way(kind="mail", name="duty", target=MAIL, filter_=Filter(**wanted), deed=DEED).id


def told(office: Office, way: int | None = None) -> list[str]:
    """The keys in the outbox, the oldest first, without the times in them."""
    return [re.sub(r":[0-9]{13}", "", row.key) for row in reversed(office.notices(way=way))]


def resolve(ticket_id: int, **more: Any) -> TicketResolve:
    return replace(TicketResolve(ticket=ticket_id, at_ms=TODAY + 9, outcome="recovered", fault_to_ms=TODAY + 8), **more)


def void(ticket_id: int) -> TicketVoid:
    return TicketVoid(ticket=ticket_id, at_ms=TODAY + 9, text="演练", who="wang")


def opening(subject: str = "kiosk-7", *, agent_no: int = 1, severity: str = "minor") -> TicketOpen:
    return replace(ticket(subject), agent_no=agent_no, severity=severity)


# --- what is told ----------------------------------------------------------------------------------------------------


def test_a_ticket_that_opens_and_later_ends_is_told_twice_with_the_facts_of_each_moment(
    store: Store, office: Office
) -> None:
    way = add(office)
    commit(store, ticket())
    commit(store, resolve(1), now_ms=TODAY + 9)

    ended, opened = office.notices()
    assert (opened.key, opened.event, opened.subject, opened.way) == ("opened:1", "opened", "kiosk-7", way)
    assert (opened.state, opened.tries, opened.wake_at_ms, opened.made_ms) == ("new", 0, TODAY, TODAY)
    assert opened.body["ticket"] == {
        "id": 1,
        "number": "2026-000001",
        "component": "printer",
        "code": "printer.paper_out",
        "severity": "minor",
        "service_class": "consumables",
        "fault_from_ms": TODAY,
        "fault_to_ms": None,
        "opened_ms": TODAY + 5,
        "resolved_ms": None,
        "outcome": "",
    }
    assert (ended.key, ended.made_ms) == (f"resolved:1:{TODAY + 9}", TODAY + 9)
    assert (ended.body["ticket"]["fault_to_ms"], ended.body["ticket"]["outcome"]) == (TODAY + 8, "recovered")


@pytest.mark.parametrize("end", [resolve(-1), void(-1)], ids=["resolved", "voided"])
def test_a_ticket_that_is_over_when_it_becomes_known_pages_nobody(
    store: Store, office: Office, end: TicketChange
) -> None:
    add(office)
    commit(store, replace(ticket(handle=-1), opened_late=True), end, opening("bus-31"))

    assert told(office) == ["opened:2"]


def test_a_ticket_that_opens_late_and_still_stands_is_told(store: Store, office: Office) -> None:
    add(office)
    commit(store, replace(ticket(), opened_late=True))

    assert told(office) == ["opened:1"]


def test_an_old_fault_is_held_and_if_it_is_over_by_then_nobody_hears_of_it(
    store: Store, office: Office, outbox: Outbox
) -> None:
    way, endings = add(office), add(office, events=("resolved",))
    commit(store, ticket(), now_ms=TODAY + OLD)
    assert outbox.ways_with_work(TODAY + OLD) == {}

    commit(store, resolve(1), now_ms=TODAY + OLD + HOLD_MS - 1)

    assert [(row.key, row.state) for row in office.notices(way=way)] == [("opened:1", "over")]
    assert told(office, endings) == ["resolved:1"], "who wants to hear of ends alone hears of all of them"
    assert outbox.ways_with_work(TODAY + OLD + HOLD_MS) == {endings: False}


def test_what_is_held_stays_held_when_its_way_is_changed(store: Store, office: Office, outbox: Outbox) -> None:
    way = add(office)
    commit(store, ticket(), now_ms=TODAY + OLD)

    office.change_way(way, name="night", deed=replace(DEED, at_ms=TODAY + OLD))

    assert outbox.ways_with_work(TODAY + OLD) == {}


def test_an_old_fault_that_still_stands_is_told_when_it_was_held(store: Store, office: Office, outbox: Outbox) -> None:
    way = add(office)
    commit(store, ticket(), now_ms=TODAY + OLD)
    commit(store, replace(ticket("bus-31"), fault_from_ms=TODAY + OLD), now_ms=TODAY + OLD)

    assert due(outbox, way, TODAY + OLD).key == "opened:2", "what is held holds up nothing"
    assert outbox.gather(way, TODAY + OLD) == 1
    outbox.sent(due(outbox, way, TODAY + OLD), TODAY + OLD)
    assert due(outbox, way, TODAY + OLD) is None
    assert due(outbox, way, TODAY + OLD + HOLD_MS).key == "opened:1"
    commit(store, resolve(1), now_ms=TODAY + OLD + HOLD_MS)
    assert "resolved:1" in told(office, way), "it was told, or is about to be: so is its end"


def test_what_is_said_and_taken_over_is_not_told(store: Store, office: Office) -> None:
    add(office)
    commit(store, ticket())
    commit(store, TicketNote(ticket=1, at_ms=1, who="li", text="on my way"))
    commit(store, TicketStep(verb="acknowledge", ticket=1, at_ms=1, who="li"))

    assert told(office) == ["opened:1"]


def test_a_voided_ticket_is_told_with_its_reason_and_once_where_it_was_resolved_too(
    store: Store, office: Office
) -> None:
    add(office)
    commit(store, ticket())
    commit(store, resolve(1), void(1))

    assert told(office) == ["opened:1", "voided:1"]
    assert (office.notices()[0].body["who"], office.notices()[0].body["text"]) == ("wang", "演练")


def test_a_commit_that_fails_tells_nothing(store: Store, office: Office) -> None:
    add(office)
    with pytest.raises(StoreError):
        commit(store, ticket(), TicketNote(ticket=99, at_ms=1, who="wang", text="?"))

    assert told(office) == []


def test_nobody_wants_to_know_and_nothing_is_written(store: Store, office: Office) -> None:
    commit(store, ticket())

    assert told(office) == []
    assert not store.has_ways()


def test_a_way_hears_from_when_it_is_made_until_it_is_disabled(store: Store, office: Office) -> None:
    commit(store, ticket())
    one = add(office)
    commit(store, opening("bus-31"))
    two = add(office)
    commit(store, opening("nvr-2"))
    office.disable_way(one, is_disabled=True, deed=DEED)
    commit(store, opening("ups-2"))
    office.disable_way(one, is_disabled=False, deed=DEED)
    commit(store, resolve(1))

    assert told(office, one) == ["opened:2", "opened:3", "resolved:1"]
    assert told(office, two) == ["opened:3", "opened:4", "resolved:1"]
    assert store.has_ways()


def test_ways_are_read_again_only_when_one_has_changed(store: Store, office: Office) -> None:
    add(office)
    commit(store, ticket())
    remembered = store._listeners._ways
    commit(store, opening("bus-31"))
    assert store._listeners._ways is remembered

    office.change_way(1, name="night", deed=DEED)
    commit(store, opening("nvr-2"))
    assert store._listeners._ways[0].name == "night"


# --- what befalls a ticket -------------------------------------------------------------------------------------------


def step(verb: str, at_ms: int = TODAY + 9, *, who: str = "front", text: str = "", **data: Any) -> TicketStep:
    return TicketStep(ticket=1, at_ms=at_ms, who=who, verb=verb, text=text, data=data)


ALL = Scope(everything=True)


def person(office: Office, name: str, role: Role = "engineer", scope: Scope = ALL) -> None:
    office.add_person(name, name=name.title(), role=role, scope=scope, deed=DEED)


def test_each_step_that_a_desk_wants_to_hear_of_is_told_with_what_it_says(store: Store, office: Office) -> None:
    add(office, events=EVENTS)
    person(office, "li")
    commit(store, ticket())
    commit(store, step("warn", who="roundsman", clock="respond", percent=50, due_ms=TODAY + 60))
    commit(store, step("call", text="怎么还没人来", name="王先生", phone="13800000000"))
    commit(store, step("dispatch", engineer="li"))
    commit(store, step("breach", who="roundsman", clock="arrive", due_ms=TODAY + 90))

    assert told(office) == ["opened:1", "warned:1:respond", "called_again:1", "dispatched:1", "breached:1:arrive"]
    bodies = [row.body for row in reversed(office.notices())]
    assert bodies[1]["clock"] == {"clock": "respond", "percent": 50, "due_ms": TODAY + 60}
    assert (bodies[2]["who"], bodies[2]["text"]) == ("front", "怎么还没人来")
    assert bodies[3]["engineer"] == bodies[4]["engineer"] == {"id": "li", "name": "Li"}
    assert "13800000000" not in str(bodies) and "王先生" not in str(bodies), "who called stays on the ticket"


def test_what_a_desk_usually_hears_is_not_each_step_of_the_work(store: Store, office: Office) -> None:
    add(office)
    commit(store, ticket())
    for one in (step("acknowledge"), step("dispatch", engineer="li"), step("arrive", who="li")):
        commit(store, one)
    commit(store, step("warn", who="roundsman", clock="repair", percent=80, due_ms=TODAY + 60))

    assert told(office) == ["opened:1"]


def test_a_fault_that_is_over_is_told_as_what_it_does_to_the_ticket(store: Store, office: Office) -> None:
    add(office, events=EVENTS)
    commit(store, ticket(), opening("bus-31"), opening("nvr-2"))
    for one in (1, 2):
        commit(store, replace(step("dispatch", engineer="li"), ticket=one))
    for verb in ("arrive", "fix"):
        commit(store, replace(step(verb, who="li"), ticket=2))
    commit(store, resolve(1), resolve(2), resolve(3))

    assert told(office)[-3:] == ["recovered:1", "verified:2", "resolved:3"]


def test_a_fault_that_comes_back_reopens_its_ticket_and_each_end_is_told(store: Store, office: Office) -> None:
    add(office)
    commit(store, ticket())
    commit(store, step("promise", reopens_ms=3_600_000))
    commit(store, resolve(1, at_ms=TODAY + 100))
    again = replace(ticket(), opened_ms=TODAY + 200)
    commit(store, again)
    commit(store, resolve(1, at_ms=TODAY + 300))

    assert told(office) == ["opened:1", "resolved:1", "reopened:1", "resolved:1"]


def test_of_several_in_one_transaction_the_last_counts(store: Store, office: Office) -> None:
    add(office, events=EVENTS)
    commit(store, ticket())
    clock = {"clock": "respond", "due_ms": TODAY + 60}
    commit(
        store,
        step("warn", who="roundsman", percent=50, **clock),
        step("warn", who="roundsman", percent=80, **clock),
        step("breach", who="roundsman", **clock),
        step("warn", who="roundsman", percent=50, clock="arrive", due_ms=TODAY + 90),
    )

    assert told(office) == ["opened:1", "breached:1:respond", "warned:1:arrive"]


# Shows S0-11.
def test_a_call_at_the_desk_is_told_at_once_however_old_the_fault_is(
    store: Store, office: Office, outbox: Outbox
) -> None:
    way = add(office)
    reported = replace(ticket("#nanshan"), agent_no=None, source="phone", watched=False, text="屏幕黑了", who="front")
    commit(store, reported, now_ms=TODAY + OLD)

    found = due(outbox, way, TODAY + OLD)
    assert (found.key, found.subject, found.body["text"]) == ("opened:1", "#nanshan", "屏幕黑了")


# --- somebody's own way ----------------------------------------------------------------------------------------------


def own(office: Office, name: str, role: Role = "engineer", scope: Scope = ALL) -> int:
    person(office, name, role, scope)
    filter_ = Filter(events=EVENTS)
    return office.add_way(kind="mail", name=name, target=MAIL, filter_=filter_, person=name, deed=DEED).id


def test_an_engineers_own_way_hears_of_the_tickets_that_they_are_sent_to(store: Store, office: Office) -> None:
    li, zhao = own(office, "li"), own(office, "zhao")
    commit(store, ticket(), opening("bus-31"))
    commit(store, step("dispatch", engineer="li"), replace(step("acknowledge"), ticket=2))
    commit(store, step("breach", who="roundsman", clock="arrive", due_ms=TODAY + 90))
    commit(store, step("dispatch", TODAY + 10, engineer="zhao"))
    commit(store, step("call", TODAY + 11, text="又来电"))

    assert told(office, li) == ["dispatched:1", "breached:1:arrive", "dispatched:1"], "also that another goes now"
    assert told(office, zhao) == ["dispatched:1", "called_again:1"]
    assert office.notices(way=li)[0].body["engineer"]["id"] == "zhao"


def test_a_clock_is_told_to_those_whom_its_service_level_names(store: Store, office: Office) -> None:
    stand(store, "kiosk-7", "metro", "south")
    li, zhao = own(office, "li"), own(office, "zhao", "dispatcher")
    near = own(office, "near", "manager", Scope(customers=frozenset({"metro"})))
    far = own(office, "far", "manager", Scope(groups=frozenset({"north"})))
    commit(store, ticket())
    commit(store, step("dispatch", engineer="li"))
    clock = {"clock": "arrive", "due_ms": TODAY + 90}
    commit(store, step("warn", who="roundsman", percent=50, tell=["engineer"], **clock))
    commit(store, step("warn", TODAY + 10, who="roundsman", percent=80, tell=["engineer", "dispatcher"], **clock))
    commit(store, step("breach", TODAY + 11, who="roundsman", tell=["manager"], **clock))

    assert told(office, li) == ["dispatched:1", "warned:1:arrive", "warned:1:arrive"]
    assert told(office, zhao) == ["warned:1:arrive"]
    assert told(office, near) == ["breached:1:arrive"]
    assert told(office, far) == [], "out of reach"


def test_whoever_may_not_sign_in_any_more_hears_nothing(store: Store, office: Office) -> None:
    li = own(office, "li")
    person(office, "boss", "administrator")
    commit(store, ticket())
    office.disable_person("li", is_disabled=True, deed=DEED)
    commit(store, step("dispatch", engineer="li"))

    assert told(office, li) == []


def test_a_way_is_nobodys_own_who_is_not_there(store: Store, office: Office) -> None:
    with pytest.raises(StoreError, match="there is nobody ghost"):
        office.add_way(kind="mail", name="x", target=MAIL, person="ghost", deed=DEED)


# --- filters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "heard"),
    [
        ("minor", ["urgent", "major", "minor", "odd"]),
        ("major", ["urgent", "major", "odd"]),
        ("urgent", ["urgent", "odd"]),
    ],
)
def test_a_way_hears_of_its_severity_and_graver(store: Store, office: Office, severity: str, heard: list[str]) -> None:
    add(office, severity=severity)
    commit(store, *(opening(severity=one) for one in ("urgent", "major", "minor", "odd")))

    assert [row.body["ticket"]["severity"] for row in reversed(office.notices())] == heard


def test_a_way_hears_of_its_events_only(store: Store, office: Office) -> None:
    add(office, events=("voided",))
    commit(store, ticket(), opening("bus-31"))
    commit(store, resolve(1), void(2))

    assert told(office) == ["voided:2"]


def stand(store: Store, device: str, customer: str, group: str) -> None:
    """Install a device at a site of a customer, as the register would."""
    site = f"site-{device}"
    with store._write.begin() as connection:
        run(
            connection,
            "INSERT INTO site (id, from_ms, made_ms, made_by, customer, group_id, name_zh, name_en, address, zone, "
            "time_zone, service_hours) VALUES (?, 1, 1, 'x', ?, ?, '店', 'shop', '', '', 'Asia/Urumqi', '')",
            site,
            customer,
            group,
        )
        run(
            connection,
            "INSERT INTO place (id, from_ms, made_ms, made_by, site, name_zh, name_en) "
            "VALUES (?, 1, 1, 'x', ?, '一号位', 'place 1')",
            f"place-{device}",
            site,
        )
        run(
            connection,
            "INSERT INTO installation (device, from_ms, made_ms, made_by, place) VALUES (?, 1, 1, 'x', ?)",
            device,
            f"place-{device}",
        )


@pytest.mark.parametrize(
    ("wanted", "heard"),
    [
        ({}, ["kiosk-7", "@gateway-2", "bus-31", "far-1"]),
        ({"groups": ("south",)}, ["kiosk-7", "@gateway-2", "bus-31"]),
        ({"groups": ("north",)}, ["far-1"]),
        ({"groups": ("east",)}, ["@gateway-2"]),
        ({"customers": ("metro",)}, ["@gateway-2"]),
        ({"customers": ("metro",), "devices": ("bus-31",)}, ["@gateway-2", "bus-31"]),
        ({"devices": ("ups-2",)}, ["@gateway-2"]),
        ({"devices": ("nobody",)}, []),
    ],
    ids=[
        "everything",
        "a group by who speaks",
        "another group",
        "a group by where it stands",
        "a customer by what stands at its sites",
        "a customer or a device",
        "a device whose agent is silent",
        "a device that is not there",
    ],
)
def test_a_way_hears_of_what_belongs_to_it(
    store: Store, office: Office, wanted: dict[str, Any], heard: list[str]
) -> None:
    store.add_agent("far-1", "north", [DeviceEntry(id="far-1", kind="kiosk", name_zh="远", name_en="Far")], TODAY)
    stand(store, "nvr-2", "metro", "east")
    add(office, **wanted)
    commit(
        store, opening(), opening("@gateway-2", agent_no=2), opening("bus-31", agent_no=3), opening("far-1", agent_no=4)
    )

    assert [row.subject for row in reversed(office.notices())] == heard


# --- ways ------------------------------------------------------------------------------------------------------------


def test_a_webhook_gets_a_secret_that_is_shown_once_and_stands_in_no_audit_row(
    store: Store, office: Office, view: View
) -> None:
    made = office.add_way(kind="webhook", name="desk", target=HOOK, deed=DEED)
    renewed = office.change_way(made.id, renew_secret=True, deed=DEED)
    office.disable_way(made.id, is_disabled=True, deed=DEED)

    way = office.way(made.id)
    assert way is not None
    assert len(made.secret) >= 40 and len(renewed) >= 40 and made.secret != renewed == way.secret
    assert way.shown_target == "https://hooks.example.com/••••"
    rows = view.audit(before_id=None, limit=10)
    assert [row.verb for row in reversed(rows)] == ["way.add", "way.change", "way.disable"]
    assert {(row.who, row.subject, row.address) for row in rows} == {("wang", str(made.id), "10.0.0.9")}
    for secret in (made.secret, renewed, "s3cret"):
        assert secret not in str(rows)


def test_a_bots_secret_is_given_and_is_shown_nowhere(store: Store, office: Office, view: View) -> None:
    made = office.add_way(kind="dingtalk", name="group", target=DINGTALK, secret="SECone", deed=DEED)
    office.change_way(made.id, secret="SECtwo", deed=DEED)
    office.change_way(made.id, name="night", deed=DEED)

    way = office.way(made.id)
    assert way is not None
    assert (made.secret, way.secret, way.shown_target) == ("", "SECtwo", "https://oapi.dingtalk.com/••••")
    rows = view.audit(before_id=None, limit=10)
    assert [(row.after or {}).get("secret") for row in reversed(rows)] == [None, "renewed", None]
    for secret in ("SECone", "SECtwo", "s3cret"):
        assert secret not in str(rows)


@pytest.mark.parametrize(
    ("kind", "target", "secret"),
    [
        ("mail", MAIL, "x"),
        ("webhook", HOOK, "x"),
        ("wecom", WECOM, "x"),
        ("feishu", FEISHU, "a b"),
        ("dingtalk", DINGTALK, "x" * 201),
    ],
)
def test_a_secret_that_cannot_be_used_is_refused(
    store: Store, office: Office, kind: str, target: str, secret: str
) -> None:
    with pytest.raises(StoreError, match="the secret cannot be used"):
        office.add_way(kind=kind, name="x", target=target, secret=secret, deed=DEED)


def test_a_bot_is_named_by_its_key_whatever_else_stands_in_its_url() -> None:
    def way(kind: str, target: str) -> WayRow:
        return WayRow(1, kind, "x", target, "", Filter(), "zh", 1, "wang", None)  # type: ignore[arg-type]

    bots = [way("dingtalk", DINGTALK), way("dingtalk", f"{DINGTALK}&x=1"), way("dingtalk", f"{DINGTALK}2")]
    assert bots[0].bot == bots[1].bot != bots[2].bot
    assert "s3cret" not in bots[0].bot
    assert [way("mail", MAIL).bot, way("webhook", HOOK).bot] == ["", ""]
    assert len({way(kind, target).bot for kind, target in (("wecom", WECOM), ("feishu", FEISHU))}) == 2


def test_a_change_leaves_what_is_not_named(store: Store, office: Office) -> None:
    way = add(office, severity="major")
    before = office.way(way)
    assert before is not None

    office.change_way(way, language="en", deed=DEED)

    assert office.way(way) == before._replace(language="en")


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("mail", "nobody"),
        ("mail", "a@b.example, c@d.example"),
        ("mail", "a@b.example\r\nBcc: c@d.example"),
        ("mail", "王@b.example"),
        ("mail", ""),
        ("webhook", "hooks.example.com"),
        ("webhook", "ftp://hooks.example.com/"),
        ("webhook", "file:///etc/passwd"),
        ("webhook", "https://user:pass@hooks.example.com/"),
        ("webhook", "https://hooks.example.com/a b"),
        ("webhook", "https://hooks.example.com/\r\nX: y"),
        ("webhook", "https://hooks.example.com:99999/"),
        ("webhook", "https:///path"),
        ("webhook", "https://[::1/"),
        ("webhook", "https://hooks.example.com/" + "a" * 1000),
        ("wecom", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send"),
        ("wecom", DINGTALK),
        ("dingtalk", "https://oapi.dingtalk.com/robot/send?access_token="),
        ("feishu", "https://open.feishu.cn/"),
        ("pigeon", "roof"),
    ],
)
def test_a_target_that_cannot_be_used_is_refused(store: Store, office: Office, kind: str, target: str) -> None:
    with pytest.raises(StoreError) as refused:
        office.add_way(kind=kind, name="x", target=target, deed=DEED)

    assert refused.value.cause == "conflict"
    assert office.ways() == []


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("mail", MAIL),
        ("webhook", HOOK),
        ("webhook", "http://[::1]:8080/"),
        ("wecom", WECOM),
        ("dingtalk", DINGTALK),
        ("feishu", FEISHU),
        ("wecom", "http://10.0.0.9/relay?key=1"),
    ],
)
def test_a_target_that_can_be_used_is_taken(kind: str, target: str) -> None:
    assert wrong_target(kind, target) == ""


@pytest.mark.parametrize(
    "said",
    [{"events": []}, {"events": ["lost"]}, {"severity": "grave"}, {"devices": [f"d{n}" for n in range(501)]}],
)
def test_a_filter_that_cannot_be_used_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match="cannot be used"):
        filter_of(said)


def test_what_is_not_there_cannot_be_changed(store: Store, office: Office) -> None:
    for ask in (
        lambda: office.change_way(7, name="x", deed=DEED),
        lambda: office.disable_way(7, is_disabled=True, deed=DEED),
        lambda: office.test_way(7, DEED),
        lambda: office.retry_notice(7, DEED),
        lambda: office.retry_way(7, DEED),
    ):
        with pytest.raises(StoreError, match="there is no"):
            ask()


# --- what becomes of it ----------------------------------------------------------------------------------------------


def test_notices_of_a_way_go_in_order_and_the_first_holds_up_the_rest(
    store: Store, office: Office, outbox: Outbox
) -> None:
    way, other = add(office), add(office)
    commit(store, ticket(), opening("bus-31"))
    first = due(outbox, way)
    assert first is not None and first.key == "opened:1"

    outbox.again(first, TODAY + 1000, "busy")

    assert outbox.ways_with_work(TODAY) == {other: False}
    assert due(outbox, way) is None
    again = due(outbox, way, TODAY + 1000)
    assert again is not None and (again.key, again.tries, again.error) == ("opened:1", 1, "busy")
    outbox.sent(again, TODAY + 1001)
    second = due(outbox, way)
    assert second is not None and second.key == "opened:2"
    done = office.notice(again.id)
    assert done is not None and (done.state, done.tries, done.done_ms, done.error) == ("sent", 2, TODAY + 1001, "")


def due(outbox: Outbox, way: int, now_ms: int = TODAY) -> Any:
    waiting = outbox.next(way, now_ms, lately_ms=1000, limit=30)
    return None if waiting is None else waiting.notice


def test_a_notice_that_a_wrong_clock_put_off_for_years_is_due(store: Store, office: Office, outbox: Outbox) -> None:
    way = add(office)
    commit(store, ticket())
    outbox.again(due(outbox, way), TODAY + 5 * 365 * 86_400_000, "busy")

    assert outbox.ways_with_work(TODAY) == {way: False}
    assert due(outbox, way) is not None


def test_the_dead_are_seen_and_rise_when_a_person_says_so(
    store: Store, office: Office, outbox: Outbox, view: View
) -> None:
    way = add(office)
    commit(store, ticket(), opening("bus-31"))
    for _ in range(2):
        outbox.dead(due(outbox, way), TODAY + 7, "550 no such user")
    assert [(row.key, row.error) for row in office.notices(states=["dead"])] == [
        ("opened:2", "550 no such user"),
        ("opened:1", "550 no such user"),
    ]
    assert office.count_notices() == {"new": 0, "dead": 2}

    office.retry_notice(1, DEED)

    assert due(outbox, way).key == "opened:1"
    with pytest.raises(StoreError, match="is new, not dead"):
        office.retry_notice(1, DEED)
    assert office.retry_way(way, DEED) == 1
    assert office.count_notices() == {"new": 2, "dead": 0}
    assert [row.verb for row in view.audit(before_id=None, limit=2)] == ["way.retry", "notice.retry"]


def test_a_disabled_way_takes_what_waits_with_it(store: Store, office: Office, outbox: Outbox) -> None:
    way = add(office)
    commit(store, ticket())
    waiting = due(outbox, way)

    office.disable_way(way, is_disabled=True, deed=DEED)
    outbox.sent(waiting, TODAY)

    assert outbox.ways_with_work(TODAY) == {}
    found = office.notice(waiting.id)
    assert found is not None and (found.state, found.error) == ("dead", "the way was disabled")
    for ask in (lambda: office.test_way(way, DEED), lambda: office.retry_notice(waiting.id, DEED)):
        with pytest.raises(StoreError, match="is disabled"):
            ask()


def test_a_test_goes_before_what_waits_and_wakes_it_when_it_goes_through(
    store: Store, office: Office, outbox: Outbox
) -> None:
    way = add(office)
    commit(store, ticket())
    outbox.again(due(outbox, way), TODAY + 3_600_000, "busy")
    notice_id = office.test_way(way, DEED)

    assert outbox.ways_with_work(TODAY) == {way: True}
    test = due(outbox, way)
    assert (test.id, test.event, test.body) == (notice_id, "test", {"who": "wang"})
    outbox.sent(test, TODAY)

    assert due(outbox, way).key == "opened:1"


def test_a_changed_way_wakes_what_waits(store: Store, office: Office, outbox: Outbox) -> None:
    way = add(office)
    commit(store, ticket())
    outbox.again(due(outbox, way), TODAY + 3_600_000, "busy")

    office.change_way(way, target="night@example.com", deed=DEED)

    assert due(outbox, way).key == "opened:1"


def test_many_become_one_digest_that_names_them_once(store: Store, office: Office, outbox: Outbox) -> None:
    way, other = add(office), add(office)
    commit(store, *(opening() for _ in range(120)))
    commit(store, resolve(3))
    test = office.test_way(way, DEED)

    assert outbox.gather(way, TODAY + 60) == 120, "an opening whose end is told too is left out"

    waiting = office.notices(way=way, states=["new"])
    assert [row.event for row in waiting] == ["digest", "test"]
    assert waiting[1].id == test
    body = waiting[0].body
    assert (body["count"], body["by_event"]) == (120, {"opened": 119, "resolved": 1})
    assert len(body["entries"]) == 100
    assert body["entries"][0]["ticket"]["number"] == "2026-000001"
    assert len(office.notices(way=way, states=["gathered"], limit=500)) == 120
    assert [row.key for row in office.notices(way=way, states=["over"])] == ["opened:3"]
    assert len(office.notices(way=other, states=["new"], limit=500)) == 121
    assert outbox.gather(way, TODAY + 61) == 0, "a digest is not gathered again"


def test_a_waiting_notice_knows_what_bears_on_it(store: Store, office: Office, outbox: Outbox) -> None:
    stand(store, "kiosk-7", "metro", "south")
    way = add(office)
    commit(store, ticket(), opening("bus-31"), opening("nvr-2"))
    outbox.sent(due(outbox, way), TODAY)

    commit(store, resolve(2))
    found = outbox.next(way, TODAY + 500, lately_ms=1000, limit=2)

    assert found is not None
    assert (found.notice.key, found.count, found.sent_lately, found.digest_ms) == ("opened:2", 3, 1, None)
    assert found.is_over
    assert outbox.names("kiosk-7")[:4] == ("自助终端 7", "Kiosk 7", "south", "店")
    assert outbox.names("kiosk-7").time_zone == "Asia/Urumqi"
    assert outbox.names("@kiosk-7").group == "south"
    assert outbox.names("nobody") == outbox.names("@nobody")
    later = outbox.next(way, TODAY + 5000, lately_ms=1000, limit=2)
    assert later is not None and later.sent_lately == 0


def test_old_notices_go_and_what_waits_stays(store: Store, office: Office, outbox: Outbox) -> None:
    way = add(office)
    commit(store, ticket(), opening("bus-31"))
    outbox.sent(due(outbox, way), TODAY)

    assert outbox.prune(TODAY) == 0
    assert outbox.prune(TODAY + 1) == 1
    assert told(office) == ["opened:2"]


def test_an_outbox_opens_only_what_a_collector_has_made(bare: str) -> None:
    with pytest.raises(StoreError) as refused:
        Outbox.open(bare)

    assert refused.value.cause == "missing"


# --- what waits for a reason -----------------------------------------------------------------------------------------


def timed(office: Office, **timing: Any) -> int:
    wants, when = Filter(events=EVENTS), timing_of(timing)
    return office.add_way(kind="mail", name="boss", target=MAIL, filter_=wants, timing=when, deed=DEED).id


def test_what_is_held_holds_up_nothing_and_what_is_urgent_may_be_spared(
    store: Store, office: Office, outbox: Outbox
) -> None:
    way = add(office)
    commit(store, opening(severity="minor"), opening(severity="urgent"), opening(severity="odd"))
    test = office.test_way(way, DEED)

    outbox.hold(way, TODAY, why="quiet", until_ms=TODAY + 3_600_000, spares_urgent=True)

    held = [(row.key, row.held, row.wake_at_ms) for row in office.notices() if row.held]
    assert held == [("opened:1", "quiet", TODAY + 3_600_000)]
    assert due(outbox, way).id == test
    outbox.dead(due(outbox, way), TODAY, "x")
    assert due(outbox, way).key == "opened:2"
    outbox.hold(way, TODAY, why="quiet", until_ms=TODAY + 3_600_000)
    assert due(outbox, way) is None
    assert [row.key for row in office.notices(states=["new"])] == ["opened:3", "opened:2", "opened:1"]
    waiting = outbox.next(way, TODAY + 3_600_000, lately_ms=1000, limit=30)
    assert waiting is not None
    assert (waiting.notice.key, waiting.count, waiting.held_count) == ("opened:1", 3, 3)


@pytest.mark.parametrize(
    ("news", "answers", "is_over"),
    [
        (None, step("acknowledge"), True),
        (None, step("note", text="I see"), False),
        (None, step("call", text="again"), False),
        (step("breach", who="roundsman", clock="arrive"), step("note", TODAY + 20, text="I see"), True),
        (step("breach", who="roundsman", clock="arrive"), step("call", TODAY + 20, text="again"), False),
        (step("breach", who="roundsman", clock="arrive"), step("warn", TODAY + 20, who="roundsman", clock="x"), False),
        (step("dispatch", engineer="li"), step("note", TODAY + 20, text="I see"), False),
        (step("dispatch", engineer="li"), step("depart", TODAY + 20, who="li"), True),
        (step("breach", who="roundsman", clock="arrive"), resolve(1), True),
    ],
    ids=[
        "a new ticket that somebody takes",
        "words alone take none",
        "nor does another call",
        "somebody who says something of what is late",
        "another call is no answer",
        "nor is what the engine says",
        "of a dispatch only who was sent can answer",
        "and has",
        "what is over needs no answer",
    ],
)
def test_whoever_waits_for_an_answer_is_told_no_more_when_there_is_one(
    store: Store, office: Office, outbox: Outbox, news: TicketStep | None, answers: TicketChange, is_over: bool
) -> None:
    way = timed(office, after_minutes=10)
    commit(store, ticket())
    if news is not None:
        outbox.over(office.notices()[-1], TODAY)
        commit(store, news, now_ms=TODAY + 10)
    commit(store, answers, now_ms=TODAY + 20)

    waiting = outbox.next(way, TODAY + 3_600_000, lately_ms=1000, limit=30)

    assert waiting is not None
    assert waiting.is_over == is_over


def test_what_was_told_is_told_again_in_the_same_transaction_and_once(
    store: Store, office: Office, outbox: Outbox
) -> None:
    way = timed(office, repeat_minutes=15)
    commit(store, ticket(), opening("bus-31"))
    first = due(outbox, way)
    outbox.sent(first, TODAY + 1)
    outbox.sent(first, TODAY + 2)

    again = office.notices(limit=1)[0]
    assert (again.key, again.held, again.wake_at_ms) == ("opened:1~1", "answer", TODAY + 1 + 900_000)
    assert (again.made_ms, again.body) == (first.made_ms, first.body | {"again": 1})
    assert len(office.notices()) == 3
    assert outbox.gather(way, TODAY + 900_001) == 2
    assert [row.key for row in office.notices(states=["new"])] == ["digest:3", "opened:1~2", "opened:2~1"]


def test_bots_are_counted_by_what_they_were_sent(outbox: Outbox) -> None:
    limits = ((2, 1000), (3, 60_000))
    one, two = (outbox.claim("a", limits, TODAY, 500) for _ in range(2))

    assert outbox.claim("a", limits, TODAY, 500) == (None, TODAY + 1500)
    for claim in (one, two):
        outbox.finish(claim, TODAY + 100)
    assert outbox.claim("a", limits, TODAY + 1099, 500) == (None, TODAY + 1100)
    assert outbox.claim("a", limits, TODAY + 1100, 500).id is not None
    assert outbox.claim("a", limits, TODAY + 5000, 500) == (None, TODAY + 60_100)
    assert outbox.claim("b", limits, TODAY, 500).id is not None


@pytest.mark.sqlite
def test_what_waited_before_the_upgrade_knows_its_ticket_and_its_way_tells_as_it_did(bare: str) -> None:
    engine = create_engine(f"sqlite:///{bare}")
    body = json.dumps({"ticket": {"id": 7, "severity": "major"}, "who": "roundsman", "text": ""})
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate.FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        for sql in (
            "INSERT INTO ticket (id, number, subject, agent_no, component, code, severity, service_class, state, "
            "fault_from_ms, opened_ms, opened_late, outcome) "
            f"VALUES (7, '2024-000007', 'kiosk-7', 1, 'p', 'c', 'major', 's', 'resolved', {TODAY}, {TODAY}, 0, 'off')",
            "INSERT INTO way (id, kind, name, target, secret, filter, language, made_ms, made_by) "
            f"""VALUES (1, 'mail', 'duty', '{MAIL}', '', '{{"events": ["opened"]}}', 'zh', 0, 'x')""",
            "INSERT INTO notice (id, way, key, event, subject, body, made_ms, state, tries, wake_at_ms, error) "
            f"VALUES (1, 1, 'opened:7', 'opened', 'kiosk-7', '{body}', {TODAY}, 'new', 0, {TODAY}, '')",
        ):
            connection.exec_driver_sql(sql)
    engine.dispose()

    with Store.open(bare), Office.open(bare) as office, Outbox.open(bare) as outbox:
        (way,) = office.ways()
        waiting = outbox.next(1, TODAY, lately_ms=1000, limit=30)

    assert (way.person, way.timing, way.filter.events) == (None, Timing(), ("opened",))
    assert waiting is not None
    assert (waiting.notice.ticket_id, waiting.notice.severity, waiting.notice.held) == (7, "major", "")
    assert waiting.is_over


@pytest.mark.sqlite
def test_an_own_way_that_heard_of_being_sent_hears_of_hand_overs_after_the_upgrade(bare: str) -> None:
    engine = create_engine(f"sqlite:///{bare}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate.FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, "0011")
        for way, events, person in (
            (1, ["dispatched", "warned"], "li"),
            (2, ["opened"], "li"),
            (3, ["dispatched"], None),
        ):
            connection.exec_driver_sql(
                "INSERT INTO way (id, kind, name, target, secret, filter, language, made_ms, made_by, person) "
                "VALUES (?, 'mail', 'x', ?, '', ?, 'zh', 0, 'x', ?)",
                (way, MAIL, json.dumps({"events": events}), person),
            )
    engine.dispose()

    with Store.open(bare), Office.open(bare) as office:
        filters = [way.filter for way in office.ways()]

    assert [one.events for one in filters] == [("dispatched", "handed_over", "warned"), ("opened",), ("dispatched",)]
    assert {one.also for one in filters} == {()}, "nobody hears of more than they did, unless somebody says so"
