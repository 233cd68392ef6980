"""The uplink against a broker that does as it is told."""

import importlib.metadata
import inspect
import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho

from roundsman_agent import acks
from roundsman_agent import uplink as uplink_module
from roundsman_agent.birth import compose
from roundsman_agent.clock import Moment, Offset
from roundsman_agent.config import Broker
from roundsman_agent.isolate import Isolation
from roundsman_agent.spool import Spool
from roundsman_agent.uplink import WINDOW, Uplink
from roundsman_wire.codec import rows, unpack
from roundsman_wire.report import MESSAGE_LIMIT
from tests.agent.cast import START, ToldClock, config, later, sample
from tests.agent.tiny_broker import TinyBroker

EPOCH = "e1"


class Rig:
    """An uplink with its spool and a told clock; `run` turns the loop until something has happened."""

    def __init__(self, folder: Path, port: int, **settings: Any) -> None:
        self.clock = ToldClock()
        self.config = config(str(folder), port=port, **settings)
        self.spool = Spool.open(str(folder), now=START, free_floor_bytes=0)
        self.isolation = Isolation()
        self.commands: list[bytes] = []
        self.offsets: list[Offset] = []
        self.births = 0
        self.uplink = self._made(self.config.broker)

    def _made(self, broker: Broker) -> Uplink:
        return Uplink(
            agent="gw-2",
            group="south",
            broker=broker,
            settings=self.config.uplink,
            spool=self.spool,
            isolation=self.isolation,
            birth=self._birth,
            on_command=lambda payload, _: self.commands.append(payload),
            on_config=lambda *_: None,
            on_offset=lambda found, _: self.offsets.append(found),
            now=self.clock.now(),
            rng=random.Random(1),
        )

    def _birth(self, now: Moment) -> Any:
        self.births += 1
        return compose(
            self.config,
            stream=self.spool.stream,
            oldest=self.spool.oldest,
            newest=self.spool.newest,
            gone=self.spool.gone(),
            session=self.spool.session,
            versions={},
            platform="test",
            now=now,
        )

    def turn(self) -> None:
        now = self.clock.now()
        for outcome in self.isolation.collect(now.mono):
            self.uplink.dialed(outcome, now)
        self.uplink.step(now)

    def run(self, happened: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + 10
        while not happened():
            assert time.monotonic() < deadline, f"not within 10 s: {what}"
            self.turn()
            time.sleep(0.002)

    def settle_down(self) -> None:
        """Turn until nothing moves any more."""
        self.run(lambda: self.uplink.is_online and self.uplink.is_quiet(), "everything published was acknowledged")
        for _ in range(20):
            self.turn()
            time.sleep(0.002)

    def take(self, count: int = 1, device: str = "kiosk-7", **readings: Any) -> None:
        for _ in range(count):
            self.spool.take(sample(device, at=self.clock.advance(1), **readings))

    def close(self) -> None:
        self.uplink.close()
        self.spool._abandon()
        self.isolation.close()


@pytest.fixture
def broker() -> Iterator[TinyBroker]:
    with TinyBroker() as broker:
        yield broker


@pytest.fixture
def rig(tmp_path: Path, broker: TinyBroker) -> Iterator[Rig]:
    rig = Rig(tmp_path, broker.port)
    yield rig
    rig.close()


def sent(broker: TinyBroker, leaf: str) -> list[int]:
    """The numbers of all records published on a leaf, in the order they came."""
    return [
        record["n"]
        for one in broker.published
        if one.topic.endswith(f"/{leaf}")
        for record in rows(json.loads(unpack(one.payload)))
    ]


def ack(rig: Rig, **changes: Any) -> dict[str, Any]:
    now = rig.clock.now()
    return {"v": 1, "stream": rig.spool.stream, "epoch": EPOCH, "upto": 0, "at": now.wall, "echo": now.mono, **changes}


def acknowledge(broker: TinyBroker, rig: Rig, **changes: Any) -> None:
    broker.send("rm/1/south/gw-2/ack", ack(rig, **changes))


# --- arriving ---------------------------------------------------------------------------------------------------------


def test_an_arrival_says_birth_and_state_retained_then_the_current_state_then_the_backlog(
    rig: Rig, broker: TinyBroker
) -> None:
    rig.take(3, "nvr-2")
    rig.take(3, "ups-2")

    rig.settle_down()

    topics = [(one.topic.split("/")[-1], one.retain) for one in broker.published]
    assert topics == [("birth", True), ("state", True), ("report", False), ("history", False)]
    assert sent(broker, "report") == [3, 6]
    assert sent(broker, "history") == [1, 2, 4, 5]
    assert broker.published[1].body == {"v": 1, "state": "online", "session": rig.spool.session}


def test_the_will_is_offline_with_the_same_session_and_the_session_persists(rig: Rig, broker: TinyBroker) -> None:
    rig.settle_down()

    assert broker.will is not None
    assert broker.will.topic == "rm/1/south/gw-2/state"
    assert json.loads(broker.will.payload) == {"v": 1, "state": "offline", "session": rig.spool.session}
    assert (broker.client_id, broker.clean) == ("gw-2", False)
    assert broker.subscribed == {
        "rm/1/south/gw-2/ack": 0,
        "rm/1/south/gw-2/cmd": 1,
        "rm/1/south/gw-2/config": 1,
        "rm/1/south/_collector/state": 1,
    }


def test_reports_name_the_birth_in_force_and_when_they_were_sent(rig: Rig, broker: TinyBroker) -> None:
    rig.take()
    rig.settle_down()

    (report,) = broker.leaf("report")
    assert report["birth"] == broker.leaf("birth")[0]["hash"]
    assert report["sent"] == {"boot": START.boot, "mono": rig.clock.now().mono, "wall": rig.clock.now().wall}


def test_live_records_go_out_as_they_are_taken(rig: Rig, broker: TinyBroker) -> None:
    rig.settle_down()

    rig.take()
    rig.settle_down()
    rig.take()
    rig.settle_down()

    assert (sent(broker, "report"), sent(broker, "history")) == ([1, 2], [])


# --- acknowledgements -------------------------------------------------------------------------------------------------


def test_only_the_collectors_acknowledgement_settles(rig: Rig, broker: TinyBroker) -> None:
    rig.take(5)
    rig.settle_down()
    before = rig.spool.oldest

    acknowledge(broker, rig, upto=2, also=[[4, 4]], refused=[[5, 5, "schema"]])
    rig.run(lambda: rig.spool.oldest == 3, "the acknowledgement settled what it names")

    assert before == 1
    assert [record["n"] for record in rig.spool.unsettled()] == [3]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"[1]",
        b"[" * 50_000,
        b'{"v":1}',
        b'{"v":1,"stream":"s","epoch":"e","upto":"9","at":1,"echo":1}',
        b'{"v":1,"stream":"s","epoch":"e","upto":true,"at":1,"echo":1}',
        b'{"v":1,"stream":"s","epoch":"e","upto":9,"at":1,"echo":1,"also":[[9,1]]}',
        b'{"v":1,"stream":"s","epoch":"e","upto":9,"at":1,"echo":1,"also":[7]}',
        b'{"v":1,"stream":"s","epoch":"e","upto":9,"at":1,"echo":1,"refused":[[1,2]]}',
        b'{"v":1,"stream":"s","epoch":"e","upto":9,"at":1,"echo":1,"slow_down_s":-1}',
        b'{"v":1,"stream":"s","epoch":"e","upto":9,"at":1,"echo":1,"slow_down_s":NaN}',
    ],
    ids=range(12),
)
def test_what_is_not_an_acknowledgement_is_not_read_as_one(payload: bytes) -> None:
    assert acks.read(payload) is None


def test_an_acknowledgement_of_another_stream_settles_nothing(rig: Rig, broker: TinyBroker) -> None:
    rig.take(3)
    rig.settle_down()

    acknowledge(broker, rig, stream="another", upto=3)
    acknowledge(broker, rig, upto=1)
    rig.run(lambda: rig.spool.oldest == 2, "the second acknowledgement came through")

    assert [record["n"] for record in rig.spool.unsettled()] == [2, 3]


def test_the_offset_of_the_clock_comes_from_the_acknowledgement(rig: Rig, broker: TinyBroker) -> None:
    rig.take()
    rig.settle_down()
    echo = rig.clock.now().mono
    rig.clock.advance(4)

    acknowledge(broker, rig, upto=1, at=rig.clock.now().wall + 60_000, echo=echo)
    rig.run(lambda: rig.offsets, "an offset was found")

    assert (rig.offsets[0].offset_ms, rig.offsets[0].error_ms) == (62_000, 2_001)


def test_an_echo_of_an_earlier_boot_says_nothing_of_the_clock(rig: Rig, broker: TinyBroker) -> None:
    rig.take()
    rig.settle_down()

    acknowledge(broker, rig, upto=1, echo=START.mono - 5)
    rig.run(lambda: rig.spool.oldest == 2, "the acknowledgement settled")

    assert rig.offsets == []


def test_the_collector_may_ask_for_the_birth(rig: Rig, broker: TinyBroker) -> None:
    rig.settle_down()
    rig.clock.advance(30)

    acknowledge(broker, rig, need_birth=True)
    rig.run(lambda: rig.births == 2, "the birth was said again")
    acknowledge(broker, rig, need_birth=True)
    rig.settle_down()

    assert rig.births == 2  # not more often than every ten seconds


def test_the_collector_may_ask_to_slow_down(rig: Rig, broker: TinyBroker) -> None:
    rig.settle_down()
    acknowledge(broker, rig, slow_down_s=20)
    rig.run(lambda: rig.uplink._quiet_until, "it was heard")

    rig.take()
    rig.settle_down()
    quiet = sent(broker, "report")
    rig.clock.advance(20)
    rig.settle_down()

    assert (quiet, sent(broker, "report")) == ([], [1])


# --- sending again ----------------------------------------------------------------------------------------------------


def test_after_three_silent_periods_everything_unsettled_goes_out_again_as_history(
    rig: Rig, broker: TinyBroker
) -> None:
    rig.settle_down()
    rig.take(2)
    rig.settle_down()

    rig.clock.advance(29)
    rig.settle_down()
    patient = sent(broker, "history")
    rig.clock.advance(1)
    rig.settle_down()

    assert (patient, sent(broker, "history")) == ([], [1, 2])


def test_a_new_epoch_of_the_collector_asks_for_everything_again(tmp_path: Path, broker: TinyBroker) -> None:
    rig = Rig(tmp_path, broker.port, epoch_jitter_s=600.0)
    rig.settle_down()
    rig.take(2)
    rig.settle_down()
    state = "rm/1/south/_collector/state"
    broker.send(state, {"v": 1, "online": True, "epoch": EPOCH})
    rig.settle_down()

    broker.send(state, {"v": 1, "online": True, "epoch": "e2"})
    rig.run(lambda: rig.uplink._reset_at, "the new epoch was seen")
    rig.settle_down()
    at_once = sent(broker, "history")
    rig.clock.advance(600)
    rig.settle_down()

    assert at_once == []
    assert (sent(broker, "report"), sent(broker, "history")) == ([1, 2, 2], [1])
    assert rig.births == 2, "a restored collector has to learn what it will not get any more"
    rig.close()


def test_while_the_collector_is_away_the_backlog_waits_and_live_goes_on(rig: Rig, broker: TinyBroker) -> None:
    rig.settle_down()
    broker.send("rm/1/south/_collector/state", {"v": 1, "online": False, "epoch": EPOCH})
    rig.run(lambda: not rig.uplink._collector_is_online, "it was heard")
    rig.take()
    rig.settle_down()
    rig.clock.advance(60)
    rig.settle_down()
    waiting = (sent(broker, "report"), sent(broker, "history"))

    broker.send("rm/1/south/_collector/state", {"v": 1, "online": True, "epoch": EPOCH})
    rig.run(lambda: sent(broker, "history") == [1], "the backlog went out")

    assert waiting == ([1], [])


def test_after_a_cut_the_connection_comes_back_and_unsettled_records_go_out_again(rig: Rig, broker: TinyBroker) -> None:
    rig.take(3)
    rig.settle_down()
    acknowledge(broker, rig, upto=1)
    rig.run(lambda: rig.spool.oldest == 2, "settled")
    broker.published.clear()

    broker.drop()
    rig.run(lambda: not rig.uplink.is_online, "the cut was noticed")
    rig.take()
    rig.clock.advance(2)
    rig.settle_down()

    assert broker.connects == 2
    assert (sent(broker, "report"), sent(broker, "history")) == ([4], [2, 3])


def test_a_damaged_spool_brings_the_agent_back_with_a_new_session_and_stream(rig: Rig, broker: TinyBroker) -> None:
    rig.take(3)
    rig.settle_down()
    old = rig.spool.stream

    rig.spool._replace_damaged("a test says so")
    rig.run(lambda: not rig.uplink.is_online, "the new stream was noticed")
    rig.clock.advance(2)
    rig.settle_down()

    first, second = broker.leaf("birth")
    assert first["streams"][0]["id"] == old
    assert second["streams"][0]["id"] == rig.spool.stream != old
    assert second["session"] > first["session"]
    assert broker.leaf("report")[-1]["records"][0]["reason"] == "spool_damaged"


# --- a broker that behaves badly --------------------------------------------------------------------------------------


def test_no_more_than_a_window_waits_for_a_broker_that_says_nothing(rig: Rig, broker: TinyBroker) -> None:
    rig.settle_down()
    broker.acknowledges = False
    before = len(broker.published)

    for _ in range(50):
        rig.take()
        rig.turn()
    rig.run(lambda: len(broker.published) - before >= WINDOW, "the window is full")
    for _ in range(50):
        rig.turn()
        time.sleep(0.002)

    assert len(broker.published) - before == WINDOW


def test_a_broker_that_acknowledges_nothing_is_left(rig: Rig, broker: TinyBroker) -> None:
    rig.settle_down()
    broker.acknowledges = False
    rig.take()
    rig.turn()

    rig.clock.advance(91)  # one and a half keep-alives
    rig.turn()

    assert not rig.uplink.is_online


def test_a_broker_that_refuses_is_asked_ever_more_rarely(tmp_path: Path, broker: TinyBroker) -> None:
    broker.refuses = 5
    rig = Rig(tmp_path, broker.port, reconnect_min_s=1.0, reconnect_max_s=8.0)
    waits: list[int] = []
    for attempt in range(1, 13):
        rig.run(lambda attempt=attempt: rig.uplink._reconnect.attempts == attempt, f"refusal {attempt} was heard")
        waits.append(rig.uplink._dial_at - rig.clock.now().mono)
        rig.clock.moment = later(waits[-1] / 1000 + 0.001, rig.clock.now())

    assert broker.connects == 12
    assert 500 <= waits[0] <= 1_500
    assert max(waits) <= 12_000
    assert sum(waits[6:]) > sum(waits[:6])
    rig.close()


def test_nobody_listening_costs_no_cpu_and_no_exception(tmp_path: Path) -> None:
    rig = Rig(tmp_path, 1)  # nothing listens on port 1

    rig.run(lambda: rig.uplink._reconnect.attempts, "the first attempt failed")

    assert rig.uplink.connection() is None
    assert rig.uplink.wake_at(rig.clock.now()) >= rig.clock.now().mono + 50
    rig.close()


def test_no_message_is_larger_than_the_contract_allows(tmp_path: Path, broker: TinyBroker) -> None:
    rig = Rig(tmp_path, broker.port)
    for i in range(60):
        rig.take(1, **{f"channel[{j}].online": f"{i}{'y' * 80}" for j in range(100)})
    rig.run(lambda: len(sent(broker, "history")) >= 59, "the backlog went out")
    rig.settle_down()

    assert sorted(sent(broker, "report") + sent(broker, "history")) == list(range(1, 61))
    assert max(len(one.payload) for one in broker.published) < MESSAGE_LIMIT
    rig.close()


def test_a_goodbye_is_published_before_the_orderly_disconnect(rig: Rig, broker: TinyBroker) -> None:
    rig.settle_down()

    assert rig.uplink.stop(rig.clock.now())
    deadline = time.monotonic() + 5
    while not rig.uplink.is_quiet() and time.monotonic() < deadline:
        rig.uplink.pump(rig.clock.now())
        time.sleep(0.002)
    rig.uplink.close()

    while not broker.farewells and time.monotonic() < deadline:
        time.sleep(0.002)
    last = broker.published[-1]
    assert (last.body["state"], last.retain, broker.farewells) == ("offline", True, 1)


def test_commands_are_handed_on(rig: Rig, broker: TinyBroker) -> None:
    rig.settle_down()

    broker.send("rm/1/south/gw-2/cmd", {"id": "c-1"}, qos=1)
    rig.run(lambda: rig.commands, "the command came")

    assert rig.commands == [b'{"id": "c-1"}']


# --- what we use of paho ----------------------------------------------------------------------------------------------


def test_the_private_part_of_paho_that_is_used_is_still_what_it_was() -> None:
    assert importlib.metadata.version("paho-mqtt") == "2.2.0"
    assert list(inspect.signature(paho.Client._create_socket).parameters) == ["self"]
    assert "self._sock = self._create_socket()" in inspect.getsource(paho.Client.reconnect)
    assert set(vars(uplink_module._Client)) & set(dir(paho.Client)) >= {"_create_socket"}
