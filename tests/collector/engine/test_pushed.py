"""Configurations that are pushed: kept at the broker, confirmed by the agent, refused, rolled back, withdrawn."""

import json
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector.engine.pushing import Pushing
from roundsman_collector.roles import Scope
from roundsman_collector.store import Deed, EntryError, Office, PushRow, PushWish
from roundsman_wire.codec import config_hash
from roundsman_wire.topics import down
from tests.collector.core.desk import at
from tests.collector.engine.desk import Agent, Collector, kiosk

BODY = {"uplink": {"batch_s": 900}}
OTHER = {"uplink": {"batch_s": 60}}
TOPIC = down("south", "kiosk-7", "config")


class Keeper:
    """A line to a broker that confirms when the story says so."""

    def __init__(self) -> None:
        self.connected = True
        self.unconfirmed = 0
        self.kept: list[tuple[str, Any]] = []

    def publish_retained(self, topic: str, payload: bytes) -> None:
        self.unconfirmed += 1
        self.kept.append((topic, json.loads(payload) if payload else None))


class Desk(Collector):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.keeper = Keeper()
        self.pushing = Pushing(self.engine, self.keeper)

    def push(self, minutes: float, body: dict[str, Any] = BODY, agent: str = "kiosk-7", **more: Any) -> int:
        scope = more.pop("scope", Scope(everything=True))
        with Office.open(self.path) as office:
            wish = PushWish(body=body, **more)
            return office.push_config(agent, wish, deed=Deed(who="li", at_ms=at(minutes), address="::1"), scope=scope)

    def withdraw(self, minutes: float) -> int:
        with Office.open(self.path) as office:
            return office.withdraw_config("kiosk-7", deed=Deed(who="li", at_ms=at(minutes)))

    def sent(self, minutes: float) -> None:
        """The broker gets it and confirms it."""
        self.pushing.step(at(minutes))
        self.keeper.unconfirmed = 0
        self.pushing.step(at(minutes))

    def rows(self) -> list[PushRow]:
        with self.view() as view:
            return view.pushes("kiosk-7", limit=100)

    def states(self) -> list[str]:
        return [row.state for row in self.rows()]

    def told(self) -> list[str]:
        with self.view() as view:
            return [row.verb for row in view.audit(limit=100, subject="agent:kiosk-7")][::-1]


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    made = Desk(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def agent(desk: Desk) -> Agent:
    mine = kiosk()
    desk.take(0, mine.birth(0))
    return mine


def result(desk: Desk, agent: Agent, minutes: float, body: dict[str, Any], *, ok: bool, detail: str = "") -> None:
    said = agent.record(minutes, "result", command=f"config:{config_hash(body)}", ok=ok, detail=detail)
    desk.take(minutes, agent.report(minutes, said))


def test_a_pushed_configuration_is_kept_at_the_broker_and_noted_when_the_broker_confirms(desk: Desk) -> None:
    desk.push(1, rollback_s=300, note="fewer bytes")
    desk.pushing.step(at(1))
    before = desk.states()
    desk.pushing.step(at(2))
    desk.keeper.unconfirmed = 0
    desk.pushing.step(at(3))
    (row,) = desk.rows()

    said = {"v": 1, "hash": config_hash(BODY), "agent": "kiosk-7", "body": BODY, "rollback_s": 300}
    assert desk.keeper.kept == [(TOPIC, said)]
    assert (before, row.state, row.sent_ms, row.note, row.made_by) == (["new"], "sent", at(3), "fewer bytes", "li")


def test_without_a_line_it_waits(desk: Desk) -> None:
    desk.keeper.connected = False
    desk.push(1)
    desk.pushing.step(at(1))

    assert desk.keeper.kept == []
    assert desk.states() == ["new"]


def test_a_collector_that_dies_before_the_broker_confirmed_publishes_it_again(desk: Desk) -> None:
    desk.push(1)
    desk.pushing.step(at(1))
    desk.restart(2)
    desk.pushing = Pushing(desk.engine, desk.keeper)
    desk.keeper.unconfirmed = 0
    desk.sent(3)

    assert len(desk.keeper.kept) == 2
    assert desk.states() == ["sent"]


def test_the_agents_birth_with_its_hash_confirms_it(desk: Desk, agent: Agent) -> None:
    desk.push(1)
    desk.sent(1)
    agent.config_hash = config_hash(BODY)
    desk.take(2, agent.birth(2))
    (row,) = desk.rows()

    assert (row.state, row.done_ms) == ("confirmed", at(2))
    assert desk.told() == ["config.push", "config.confirmed"]


def test_the_agents_result_confirms_it_too(desk: Desk, agent: Agent) -> None:
    desk.push(1)
    desk.sent(1)
    result(desk, agent, 2, BODY, ok=True, detail="in force")

    assert desk.states() == ["confirmed"]


def test_a_refusal_is_kept_with_its_cause(desk: Desk, agent: Agent) -> None:
    desk.push(1)
    desk.sent(1)
    result(desk, agent, 2, BODY, ok=False, detail="uplink.batch_s: expected at most 600")
    (row,) = desk.rows()

    assert (row.state, row.detail) == ("refused", "uplink.batch_s: expected at most 600")


def test_what_was_confirmed_may_be_rolled_back_and_then_stays_so(desk: Desk, agent: Agent) -> None:
    desk.push(1)
    desk.sent(1)
    agent.config_hash = config_hash(BODY)
    desk.take(2, agent.birth(2))
    result(desk, agent, 13, BODY, ok=False, detail="rolled back: no acknowledgement within 600 s")
    desk.take(14, agent.birth(14))
    result(desk, agent, 15, BODY, ok=True)

    assert desk.states() == ["rolled_back"]
    assert desk.told() == ["config.push", "config.confirmed", "config.rolled_back"]


def test_an_answer_about_an_older_push_or_of_another_agent_settles_nothing(desk: Desk, agent: Agent) -> None:
    desk.push(1, OTHER)
    desk.sent(1)
    desk.push(2)
    desk.sent(2)
    result(desk, agent, 3, OTHER, ok=False, detail="too late")
    other = Agent("gw-2", [("gw-2", True)])
    result(desk, other, 3, BODY, ok=True)

    assert desk.states() == ["sent", "replaced"]


def test_a_later_push_replaces_one_that_is_not_answered(desk: Desk) -> None:
    desk.push(1, OTHER)
    desk.push(2)
    desk.sent(3)

    assert desk.states() == ["sent", "replaced"]
    assert [said["body"] for _, said in desk.keeper.kept] == [BODY]


def test_the_same_again_is_refused_because_no_agent_would_do_anything_about_it(desk: Desk, agent: Agent) -> None:
    desk.push(1)
    desk.sent(1)
    result(desk, agent, 2, BODY, ok=False, detail="refused: it has no such probe")
    with pytest.raises(EntryError) as error:
        desk.push(3)
    desk.push(4, OTHER)
    desk.push(5)

    assert (error.value.cause, error.value.field) == ("conflict", "same")
    assert desk.states() == ["new", "replaced", "refused"]


def test_what_the_agent_has_already_is_in_force_as_soon_as_the_broker_has_it(desk: Desk, agent: Agent) -> None:
    agent.config_hash = config_hash(BODY)
    desk.take(1, agent.birth(1))
    desk.push(2)
    desk.sent(2)

    assert desk.states() == ["confirmed"]


def test_an_agents_own_file_that_was_changed_sets_a_push_aside(desk: Desk, agent: Agent) -> None:
    desk.push(1)
    desk.sent(1)
    result(desk, agent, 2, BODY, ok=True, detail="in force")
    result(desk, agent, 3, BODY, ok=False, detail="set aside: the agent's own file was changed")

    assert desk.states() == ["rolled_back"]


def test_withdrawing_empties_the_brokers_place_once_the_broker_says_so(desk: Desk) -> None:
    desk.push(1)
    desk.sent(1)
    desk.withdraw(2)
    desk.pushing.step(at(2))
    before = desk.states()
    desk.sent(3)

    assert desk.keeper.kept[-1] == (TOPIC, None)
    assert (before, desk.states()) == (["withdrawing"], ["withdrawn"])
    with pytest.raises(EntryError) as error:
        desk.withdraw(4)
    assert error.value.cause == "conflict"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"body": {"broker": {"host": "evil"}}}, "body"),
        ({"body": {"device": [{"id": "a", "probe": [{"name": "snmp", "community": "public"}]}]}}, "body"),
        ({"rollback_s": 59}, "rollback_s"),
        ({"rollback_s": 86_401}, "rollback_s"),
        ({"note": "x" * 401}, "note"),
        ({"agent": "kiosk-9"}, ""),
        ({"scope": Scope(groups=frozenset({"north"}))}, ""),
    ],
)
def test_what_cannot_be_pushed_is_not_kept(desk: Desk, more: dict[str, Any], field: str) -> None:
    with pytest.raises(EntryError) as error:
        desk.push(1, **more)

    assert error.value.field == field
    assert desk.rows() == []
    assert desk.told() == []


def test_the_error_about_a_secret_does_not_show_it(desk: Desk) -> None:
    body = {"device": [{"id": "a", "probe": [{"name": "snmp", "community": "hunter2"}]}]}
    with pytest.raises(EntryError) as error:
        desk.push(1, body)

    assert "device[1].probe[1].community" in str(error.value)
    assert "hunter2" not in str(error.value)
