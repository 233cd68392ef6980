"""Commands of people to one agent: asked, published, answered, over; what changes something goes once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector.clockwork import Clockwork
from roundsman_collector.core.asking import OPEN_LIMIT, Consent
from roundsman_collector.engine.errands import AGAIN_MS
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import AskedRow, AskWish, AuditRow, Deed, EntryError, Office
from roundsman_wire.codec import encode
from roundsman_wire.topics import Address
from tests.collector.core.desk import MINUTE, at
from tests.collector.engine.desk import Agent, Arrival, Collector, gateway, kiosk

CAPABLE = ["cmd.birth", "cmd.inspect", "cmd.log_tail", "cmd.restart_app", "cmd.reboot"]
WHO = {"who": "张三", "how": "phone", "device": "kiosk-7", "text": "同意"}


class Desk(Collector):
    """A collector whose messages to agents are caught, and that people ask."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.line: list[tuple[str, bytes]] = []
        self.is_up = True
        self.step_s = 0.0

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> int:
        if not self.is_up:
            return 0
        self.line += messages
        return len(messages)

    def time(self, minutes: float) -> None:
        """Everything that time brings."""
        clockwork = Clockwork(
            self.engine,
            listen_grace_s=0,
            rebuild_pause_s=0,
            rebuild_at_latest_s=0,
            sweep_rows=1000,
            evidence_days=40,
            evidence_bytes=10**12,
            publish=self.publish,
        )
        clockwork.step(at(minutes), 1.0)

    def ask(
        self, minutes: float, verb: str, agent: str = "kiosk-7", *, scope: Scope = EVERYTHING, **args: object
    ) -> str:
        consent = Consent(**WHO, at_ms=at(minutes) - MINUTE) if verb in ("reboot", "restart_app") else None
        wish = AskWish(verb=verb, args=args, consent=consent)
        with Office.open(self.path) as office:
            return office.ask_agent(
                agent, wish, deed=Deed(who="li", at_ms=at(minutes), address="192.0.2.7"), scope=scope
            )

    def asked(self, command: str) -> AskedRow:
        with self.view() as view:
            found = view.asked_one(command)
        assert found is not None
        return found

    def audit(self, verb: str) -> list[AuditRow]:
        with self.view() as view:
            return [row for row in view.audit(limit=100) if row.verb == verb]


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    made = Desk(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def agent(desk: Desk) -> Agent:
    mine, other = kiosk(), gateway()
    mine.capabilities = other.capabilities = CAPABLE
    desk.take(0, mine.birth(0), other.birth(0))
    return mine


def answer(agent: Agent, minutes: float, command: str, *, ok: bool = True, **more: object) -> Arrival:
    said = {"command": command, "ok": ok, "detail": "done" if ok else "not on my list", **more}
    return agent.report(minutes, agent.record(minutes, "result", **said))


def offline(agent: Agent) -> Arrival:
    said = {"v": 1, "state": "offline", "session": agent.session}
    return Arrival(Address("south", agent.name, "state"), said, encode(said))


def test_a_command_goes_to_its_agent_and_its_answer_comes_back(desk: Desk, agent: Agent) -> None:
    command = desk.ask(1, "log_tail", log="kiosk", lines=50)
    desk.time(1)
    ((topic, payload),) = desk.line
    sent = desk.asked(command)
    desk.take(2, answer(agent, 2, command))
    done = desk.asked(command)

    assert topic == "rm/1/south/kiosk-7/cmd"
    assert b'"verb":"log_tail","args":{"log":"kiosk","lines":50}' in payload
    assert b'"issued_by":"li"' in payload
    assert (sent.state, done.state, done.detail, done.done_ms) == ("sent", "done", "done", at(2))


def test_what_was_asked_and_what_was_answered_stand_in_the_audit_log_with_the_address(desk: Desk, agent: Agent) -> None:
    command = desk.ask(1, "reboot")
    desk.take(2, answer(agent, 2, command))
    (asked,), (answered,) = desk.audit("ask.reboot"), desk.audit("answer.reboot")

    assert (asked.who, asked.address, asked.subject) == ("li", "192.0.2.7", "agent:kiosk-7")
    assert asked.after is not None
    assert asked.after["consent"] == {**WHO, "at_ms": at(1) - MINUTE}
    assert (answered.who, answered.after) == ("agent:kiosk-7", {"command": command, "ok": True, "detail": "done"})


@pytest.mark.parametrize("verb", ["reboot", "restart_app"])
def test_what_changes_something_goes_once_and_is_never_repeated(desk: Desk, agent: Agent, verb: str) -> None:
    command = desk.ask(1, verb)
    for minutes in (1, 1 + 2 * AGAIN_MS / MINUTE, 3, 5, 8):
        desk.time(minutes)

    assert len(desk.line) == 1
    assert b"\xe5\xbc\xa0\xe4\xb8\x89; phone; " in desk.line[0][1]
    assert desk.asked(command).state == "sent"


def test_what_only_reads_is_sent_again_until_it_is_answered(desk: Desk, agent: Agent) -> None:
    command = desk.ask(1, "inspect")
    desk.time(1)
    desk.time(2)
    desk.time(2.1)
    desk.take(2.5, answer(agent, 2.5, command))
    desk.time(3)
    desk.time(3.1)

    assert len(desk.line) == 2


def test_what_changes_something_waits_for_an_agent_that_is_on_the_line(desk: Desk, agent: Agent) -> None:
    desk.take(1, offline(agent))
    command = desk.ask(1, "reboot")
    desk.time(1)
    waits = desk.asked(command).state
    agent.session = 2
    desk.take(2, agent.birth(2))
    desk.time(2)

    assert (waits, desk.asked(command).state, len(desk.line)) == ("new", "sent", 1)


def test_without_a_line_nothing_is_lost_and_nothing_goes_twice(desk: Desk, agent: Agent) -> None:
    command = desk.ask(1, "reboot")
    desk.is_up = False
    desk.time(1)
    waits = desk.asked(command)
    desk.is_up = True
    desk.time(1.1)
    desk.time(1.2)

    assert (waits.state, waits.sent_ms) == ("new", None)
    assert len(desk.line) == 1


def test_a_collector_that_dies_before_publishing_does_not_reboot_anything_later(desk: Desk, agent: Agent) -> None:
    command = desk.ask(1, "reboot")

    def power_cut(_: object) -> int:
        raise KeyboardInterrupt

    desk.publish = power_cut  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        desk.time(1)
    desk.restart(1.5)
    del desk.publish
    desk.time(2)
    desk.time(12)

    assert desk.line == []
    assert desk.asked(command).state == "expired"


def test_a_command_is_over_after_its_time_and_a_late_answer_still_is_one(desk: Desk, agent: Agent) -> None:
    command = desk.ask(1, "reboot")
    desk.time(1)
    desk.time(12)
    over = desk.asked(command)
    (told,) = desk.audit("answer.reboot")
    desk.take(13, answer(agent, 13, command))

    assert (over.state, over.done_ms, told.after) == (
        "expired",
        at(12),
        {"command": command, "state": "expired", "sent": True},
    )
    assert desk.asked(command).state == "done"


def test_the_first_answer_counts_and_only_the_agents_own(desk: Desk, agent: Agent) -> None:
    command = desk.ask(1, "inspect")
    other = gateway()
    desk.take(2, answer(other, 2, command))
    foreign = desk.asked(command).state
    desk.take(3, answer(agent, 3, command, ok=False))
    desk.take(4, answer(agent, 4, command, ok=True))
    told = desk.asked(command)

    assert (foreign, told.state, told.detail) == ("new", "failed", "not on my list")
    assert len(desk.audit("answer.inspect")) == 1


def refused(desk: Desk, minutes: float, verb: str, agent: str = "kiosk-7", **more: Any) -> EntryError:
    with pytest.raises(EntryError) as error:
        desk.ask(minutes, verb, agent, **more)
    return error.value


def test_what_the_agent_does_not_offer_cannot_be_asked(desk: Desk, agent: Agent) -> None:
    error = refused(desk, 1, "diagnose")

    assert (error.cause, error.field) == ("conflict", "verb")
    assert "cmd.reboot" in error.expected


def test_an_agent_that_has_said_nothing_of_itself_may_only_be_asked_to(desk: Desk) -> None:
    command = desk.ask(1, "birth")

    assert desk.asked(command).state == "new"
    assert refused(desk, 1, "inspect").field == "verb"


def test_a_change_without_a_consent_is_refused(desk: Desk, agent: Agent) -> None:
    with Office.open(desk.path) as office, pytest.raises(EntryError) as error:
        office.ask_agent("kiosk-7", AskWish(verb="reboot", args={}), deed=Deed(who="li", at_ms=at(1)))

    assert error.value.field == "consent"


def test_a_consent_for_another_agents_device_is_none(desk: Desk, agent: Agent) -> None:
    assert refused(desk, 1, "reboot", "gw-2").field == "consent.device"
    assert refused(desk, 1, "inspect", device="nvr-2").field == "args.device"


def test_few_commands_wait_at_once_and_one_reboot(desk: Desk, agent: Agent) -> None:
    desk.ask(1, "reboot")
    second = refused(desk, 1, "reboot")
    for _ in range(OPEN_LIMIT - 1):
        desk.ask(1, "inspect")
    sixth = refused(desk, 1, "inspect")

    assert (second.field, sixth.field) == ("busy", "busy")
    desk.ask(20, "inspect")  # the others are over by then


@pytest.mark.parametrize("scope", [Scope(), Scope(groups=frozenset({"north"})), Scope(customers=frozenset({"metro"}))])
def test_an_agent_beyond_a_scope_is_none_at_all(desk: Desk, agent: Agent, scope: Scope) -> None:
    hidden = refused(desk, 1, "inspect", scope=scope)
    missing = refused(desk, 1, "inspect", "kiosk-9", scope=scope)

    assert hidden.cause == missing.cause == "missing"
    assert str(hidden).replace("kiosk-7", "kiosk-9") == str(missing)


def test_to_see_one_device_of_an_agent_is_not_enough_to_command_it(desk: Desk, agent: Agent) -> None:
    deed = Deed(who="li", at_ms=at(0))
    names = {"name_zh": "甲", "name_en": "A"}
    with Office.open(desk.path) as office:
        office.put_entry("group", "south", names, deed=deed)
        office.put_entry("customer", "metro", names, deed=deed)
        office.put_entry("customer", "other", names, deed=deed)
        for customer, device in (("metro", "nvr-2"), ("metro", "ups-2"), ("other", "gw-2")):
            site = {**names, "customer": customer, "group_id": "south"}
            office.put_entry("site", f"{customer}-{device}", site, deed=deed)
            office.put_entry("place", f"p-{device}", {**names, "site": f"{customer}-{device}"}, deed=deed)
            office.put_entry("installation", device, {"place": f"p-{device}"}, deed=deed)
    some, all_ = Scope(customers=frozenset({"metro"})), Scope(customers=frozenset({"metro", "other"}))

    assert refused(desk, 1, "inspect", "gw-2", scope=some).cause == "missing"
    assert desk.asked(desk.ask(1, "inspect", "gw-2", scope=all_)).state == "new"
    with desk.view() as view:
        assert view.agent_now("gw-2", scope=some) is None


def test_what_an_agent_says_of_itself_is_kept_from_its_newest_birth(desk: Desk, agent: Agent) -> None:
    agent.config_hash, agent.session = "c2", 2
    desk.take(5, agent.birth(5))
    with desk.view() as view:
        now = view.agent_now("kiosk-7")

    assert now is not None
    assert now.born is not None
    assert (now.group, now.devices) == ("south", ("kiosk-7",))
    assert (now.born.config_hash, now.born.session, now.born.received_ms) == ("c2", 2, at(5))
    assert now.born.capabilities == tuple(CAPABLE)


def test_a_rounds_errand_is_not_a_persons_command(desk: Desk, agent: Agent) -> None:
    with Office.open(desk.path) as office, desk.view() as view:
        office.ask_round({"site": "south", "from_ms": 1, "to_ms": at(1)}, Deed(who="li", at_ms=at(1)))
        desk.time(1)

        assert view.asked("kiosk-7", limit=10) == []
        assert len(desk.line) == 2
