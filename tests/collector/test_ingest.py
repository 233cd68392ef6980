"""The step from MQTT to acknowledgement: nothing is acknowledged before the commit, nothing blocks the queue."""

import json
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector import clock
from roundsman_collector.engine.engine import Owed
from roundsman_collector.ingest import AckDesk, Door, Ingest
from roundsman_collector.mqtt import Message
from roundsman_collector.store.errors import StoreError
from roundsman_wire.codec import birth_dictionary, encode, pack
from roundsman_wire.report import MESSAGE_LIMIT
from tests.collector.core.desk import at
from tests.collector.engine.desk import Agent, Collector, kiosk


class Line:
    """A subscription without a socket: what was put on it is taken, what is settled and published is noted."""

    def __init__(self) -> None:
        self.waiting: list[Message] = []
        self.settled: list[Message] = []
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.connected = True

    def put(self, topic: str, payload: bytes) -> None:
        self.waiting.append(Message(topic, payload, len(self.waiting) + 1, 1, False, len(self.waiting) + 1))

    def take(self, _: float, limit: int) -> list[Message]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    def step(self, _: int) -> None:
        pass

    def settle(self, messages: list[Message]) -> None:
        self.settled += messages

    def publish_many(self, messages: list[tuple[str, bytes]]) -> None:
        self.published += [(topic, json.loads(payload)) for topic, payload in messages]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    collector = Collector(tmp_path)
    live, history = Line(), Line()
    now = {"minute": 0.0}
    monkeypatch.setattr(clock, "now_ms", lambda: at(now["minute"]))
    monkeypatch.setattr(clock, "mono_s", lambda: now["minute"] * 60)
    ingest = Ingest(collector.engine, live, history, ack_every_s=10, batch_max=100, window=10)  # type: ignore[arg-type]
    yield Desk(collector, live, history, ingest, now)
    collector.store.close()


class Desk:
    def __init__(self, collector: Collector, live: Line, history: Line, ingest: Ingest, now: dict[str, float]) -> None:
        self.collector, self.live, self.history, self.ingest, self.now = collector, live, history, ingest, now

    def send(self, agent: Agent, minutes: float, payload: bytes, leaf: str = "report") -> None:
        line = self.history if leaf == "history" else self.live
        line.put(f"rm/1/south/{agent.name}/{leaf}", payload)

    def step(self, minutes: float) -> int:
        self.now["minute"] = minutes
        return self.ingest.step()


def test_a_report_is_settled_and_acknowledged_after_its_commit(desk: Desk) -> None:
    agent = kiosk()
    desk.send(agent, 0, agent.birth(0).plain, "birth")
    desk.send(agent, 0, agent.report(0, agent.sample(0, printer__paper="ok")).plain)

    assert desk.step(0) == 2

    assert len(desk.live.settled) == 2
    (topic, ack) = desk.live.published[0]
    assert topic == "rm/1/south/kiosk-7/ack"
    assert ack == {
        "v": 1,
        "stream": "kiosk-7-1",
        "epoch": desk.collector.store.epoch,
        "upto": 1,
        "at": at(0),
        "echo": 3_600_000,
    }


def test_what_comes_before_the_line_is_up_is_acknowledged_once_it_is(desk: Desk) -> None:
    agent = kiosk()
    desk.live.connected = False
    desk.send(agent, 0, agent.birth(0).plain, "birth")
    desk.send(agent, 0, agent.report(0, agent.sample(0, printer__paper="ok")).plain)
    desk.step(0)
    desk.send(agent, 0.01, agent.report(0, agent.sample(0.01, printer__paper="ok")).plain)
    desk.step(0.01)
    assert desk.live.published == []

    desk.live.connected = True
    desk.step(0.02)

    assert [ack["upto"] for _, ack in desk.live.published] == [2]
    assert desk.step(0.03) == 0
    assert len(desk.live.published) == 1


def test_while_the_store_is_full_nothing_is_acknowledged_and_nothing_is_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = kiosk()
    desk.send(agent, 0, agent.birth(0).plain, "birth")
    desk.send(agent, 0, agent.report(0, agent.sample(0, printer__paper="ok")).plain)
    with monkeypatch.context() as patch:

        def full(_: object) -> None:
            raise StoreError(what="the disk is full", where="x", do="make room", cause="full", again=True)

        patch.setattr(desk.collector.store, "commit", full)
        assert desk.step(0) == 0
        assert desk.step(0.1) == 0
        assert (desk.live.settled, desk.live.published) == ([], [])

    assert desk.step(1) == 2

    assert len(desk.live.settled) == 2
    assert desk.collector.stored_numbers("kiosk-7") == [1]


def slowed(desk: Desk) -> list[int | None]:
    return [ack.get("slow_down_s") for topic, ack in desk.live.published if topic.endswith("/ack")]


def test_agents_are_asked_to_slow_down_when_more_comes_than_is_stored_and_only_then(desk: Desk) -> None:
    agent = kiosk()
    desk.send(agent, 0, agent.birth(0).plain, "birth")
    desk.step(0)
    desk.ingest.batch_max = 3
    for second in range(0, 60, 3):
        for _ in range(3 if second < 18 else 1):
            desk.send(agent, second / 60, good(agent, second / 60))
        desk.step(second / 60)
    asked = slowed(desk)

    assert asked[0] is None
    assert any(asked)
    assert {one for one in asked if one is not None} <= set(range(5, 16))
    assert asked[-1] is None


def test_agents_are_asked_to_slow_down_after_a_store_that_took_nothing_for_long(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = kiosk()
    desk.send(agent, 0, agent.birth(0).plain, "birth")
    with monkeypatch.context() as patch:

        def full(_: object) -> None:
            raise StoreError(what="the disk is full", where="x", do="make room", cause="full", again=True)

        patch.setattr(desk.collector.store, "commit", full)
        for second in range(0, 15):
            desk.step(second / 60)
    desk.step(16 / 60)

    assert [one is not None for one in slowed(desk)] == [True]


def good(agent: Agent, minute: float) -> bytes:
    return agent.report(minute, agent.sample(minute, printer__paper="ok")).plain


BAD = {
    "json": b'{"v":1,"stream"',
    "version": b'{"v":2,"stream":"a","birth":"b","sent":{"boot":"b","mono":1,"wall":1}}',
    "too_large": b"{" + b" " * MESSAGE_LIMIT,
    "coding": b"\x07abc",
    "no_dictionary": pack(b"{}", b"some words", "abcdef"),
}


@pytest.mark.parametrize(("cause", "payload"), BAD.items())
def test_what_the_door_refuses_is_counted_kept_settled_and_blocks_nothing(
    desk: Desk, cause: str, payload: bytes
) -> None:
    agent = kiosk()
    desk.send(agent, 0, agent.birth(0).plain, "birth")
    desk.send(agent, 0, payload)
    desk.send(agent, 0, good(agent, 0))

    assert desk.step(0) == 3

    assert len(desk.live.settled) == 3
    assert desk.collector.refused() == {cause: 1}
    assert desk.collector.stored_numbers("kiosk-7") == [1]
    with desk.collector.view() as view:
        (kept,) = view.quarantine()
        assert (kept.cause, kept.agent, kept.byte_count) == (cause, "kiosk-7", len(payload))


def test_a_foreign_topic_is_counted_and_settled(desk: Desk) -> None:
    desk.live.put("rm/1/south/kiosk 7/report", b"{}")
    desk.live.put("rm/1/../../report", b"{}")

    assert desk.step(0) == 2

    assert len(desk.live.settled) == 2
    assert desk.collector.refused() == {"topic": 2}


def test_the_collector_s_own_greeting_is_nobody_s_report(desk: Desk) -> None:
    desk.live.put("rm/1/south/_collector/state", b'{"v":1,"online":true,"epoch":"e"}')

    assert desk.step(0) == 1

    assert desk.collector.refused() == {}


def test_one_bad_record_is_settled_as_refused_and_its_brothers_are_taken(desk: Desk) -> None:
    agent = kiosk()
    records = [agent.sample(m, printer__paper="ok") for m in range(3)]
    report = json.loads(agent.report(2, *records).plain)
    report["records"][1]["mono"] = "12"
    desk.send(agent, 0, agent.birth(0).plain, "birth")
    desk.send(agent, 2, encode(report))

    desk.step(2)

    _, ack = desk.live.published[0]
    assert (ack["upto"], ack["refused"]) == (3, [[2, 2, "shape"]])
    assert desk.collector.stored_numbers("kiosk-7") == [1, 3]
    assert desk.collector.refused() == {"shape": 1}


def test_a_number_written_as_text_is_refused_with_its_record(desk: Desk) -> None:
    agent = kiosk()
    report = json.loads(good(agent, 0))
    report["records"][0]["readings"]["host.cpu_percent"] = "12.5"
    desk.send(agent, 0, agent.birth(0).plain, "birth")
    desk.send(agent, 0, encode(report))

    desk.step(0)

    assert desk.live.published[0][1]["refused"] == [[1, 1, "value"]]
    assert desk.collector.ledger("kiosk-7") == []


def owed(upto: int, **fields: Any) -> Owed:
    said: dict[str, Any] = {"also": (), "refused": (), "need_birth": False, "is_birth": False}
    return Owed("south", "kiosk-7", "s", upto, upto, **(said | fields))


def test_an_agent_gets_at_most_one_ack_in_its_period_and_always_the_latest() -> None:
    desk = AckDesk("e", 10)

    assert [one.upto for one in desk.add([owed(1)], 0)] == [1]
    assert desk.add([owed(2)], 3) == []
    assert desk.add([owed(3)], 6) == []
    assert desk.due(9.9) == []
    assert [one.upto for one in desk.due(10.5)] == [3]
    assert desk.due(30) == []


def test_what_was_refused_meanwhile_is_not_forgotten_and_goes_at_once() -> None:
    desk = AckDesk("e", 10)
    desk.add([owed(1)], 0)
    desk.add([owed(2)], 1)

    (now,) = desk.add([owed(3, refused=((3, 3, "clock"),))], 2)

    assert (now.upto, now.refused) == (3, ((3, 3, "clock"),))
    assert desk.due(100) == []


def test_what_was_kept_is_due_at_any_time_of_the_clock() -> None:
    for mono_s in (3.3, 4321.1, 98765.4321, 123456.789):
        desk = AckDesk("e", 0.2)
        desk.keep([owed(1)])
        desk.keep([owed(2)])

        assert [one.upto for one in desk.due(mono_s)] == [2]
        assert desk.due(mono_s + 1) == []


def test_a_dictionary_is_its_agents_own_even_where_two_births_have_the_same_name() -> None:
    def born(agent: str, points: list[str]) -> Message:
        devices = [{"device": agent, "kind": "bus", "period_s": 60, "valid_s": 90, "arrive_by_s": 180}]
        body = {
            "v": 1, "hash": "9a41c2", "session": 1, "boot": "b", "sent": {"boot": "b", "mono": 1, "wall": 1},
            "versions": {}, "platform": "linux", "capabilities": ["dictionary"], "config_hash": "c",
            "streams": [{"id": "s", "oldest": 1, "newest": 0}], "probes": [], "devices": devices, "points": points,
            "page": 1, "pages": 1,
        }  # fmt: skip
        return Message(f"rm/1/south/{agent}/birth", encode(body), 1, 1, True, 1)

    def said(agent: str, points: list[str]) -> Message:
        record = {"n": 1, "kind": "boot", "boot": "b", "mono": 1, "t": 1, "orderly": None}
        body = {"v": 1, "stream": "s", "birth": "9a41c2", "sent": {"boot": "b", "mono": 1, "wall": 1}}
        dictionary = birth_dictionary([{"device": agent}], points)  # type: ignore[typeddict-item]
        payload = pack(encode({**body, "records": [record]}), dictionary, "9a41c2")
        return Message(f"rm/1/south/{agent}/report", payload, 1, 1, False, 1)

    door = Door()
    door.sort([born("bus-31", ["host.cpu_percent"]), born("kiosk-7", ["printer.paper"])])

    arrivals, rejected = door.sort([said("bus-31", ["host.cpu_percent"]), said("kiosk-7", ["printer.paper"])])
    _, unknown = door.sort([said("nvr-2", [])])

    assert [one.address.agent for one in arrivals] == ["bus-31", "kiosk-7"]
    assert (rejected, [one.cause for one in unknown]) == ([], ["no_dictionary"])


def test_a_birth_is_acknowledged_at_once() -> None:
    desk = AckDesk("e", 3600)
    desk.add([owed(1)], 0)

    assert [one.upto for one in desk.add([owed(2, is_birth=True)], 1)] == [2]


def test_an_ack_packed_by_hand_is_what_the_contract_says() -> None:
    one = owed(5, also=((7, 9), (11, 11)), refused=((3, 4, "clock"),), need_birth=True)

    topic, payload = AckDesk("e1", 10).written(one, 1_795_257_600_000)

    assert topic == "rm/1/south/kiosk-7/ack"
    assert json.loads(payload) == {
        "v": 1,
        "stream": "s",
        "epoch": "e1",
        "upto": 5,
        "at": 1_795_257_600_000,
        "echo": 5,
        "also": [[7, 9], [11, 11]],
        "refused": [[3, 4, "clock"]],
        "need_birth": True,
    }


def test_a_deflated_report_is_read_like_a_plain_one() -> None:
    agent = kiosk()
    plain = good(agent, 0)

    arrivals, rejected = Door().sort([Message("rm/1/south/kiosk-7/report", pack(plain), 1, 1, False, 1)])

    assert rejected == []
    assert arrivals[0].plain == plain


def test_who_was_told_long_ago_takes_no_memory_and_may_be_told_at_once() -> None:
    desk = AckDesk("e", 10)
    desk.add([owed(1)], 100)
    desk.add([owed(1)._replace(agent="gw-2")], 115)
    early = desk.add([owed(2)._replace(agent="gw-2")], 118)
    desk.add([owed(1)._replace(agent="nvr-2")], 130)

    told = desk.add([owed(2)], 141)

    assert early == []
    assert [one.agent for one in told] == ["kiosk-7"]
    assert {*desk._sent, *desk._before} == {"kiosk-7", "nvr-2"}
