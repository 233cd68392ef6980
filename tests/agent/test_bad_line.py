"""The uplink on a bad line: a broker that lies, messages that nobody should send, waits that were asked for."""

import os
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roundsman_agent.agent import Agent
from roundsman_agent.clock import SystemClock
from roundsman_agent.strainer import LIMIT, STAND_IN
from tests.agent.cast import config, device, probe
from tests.agent.liar import Collector, Line
from tests.agent.test_uplink import EPOCH, Rig, acknowledge, sent
from tests.agent.tiny_broker import TinyBroker, until

ACK = "rm/1/south/gw-2/ack"
COLLECTOR_STATE = "rm/1/south/_collector/state"


@pytest.fixture
def broker() -> Iterator[TinyBroker]:
    with TinyBroker() as broker:
        yield broker


@pytest.fixture
def rig(tmp_path: Path, broker: TinyBroker) -> Iterator[Rig]:
    rig = Rig(tmp_path, broker.port)
    yield rig
    rig.close()


def said(caplog: pytest.LogCaptureFixture, part: str) -> list[str]:
    """The lines of the log with these words."""
    return [record.getMessage() for record in caplog.records if part in record.getMessage()]


# --- a broker that lies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_whatever_a_lying_broker_does_every_record_arrives_once_and_the_spool_runs_empty(
    tmp_path: Path, broker: TinyBroker, seed: int
) -> None:
    """It drops what it has acknowledged, repeats, reorders, cuts the line; acknowledgements fare no better."""
    rig = Rig(tmp_path, broker.port)
    rng = random.Random(seed)
    line, collector = Line(broker, rng), Collector(EPOCH)
    rig.take(150)
    taken = 150
    deadline = time.monotonic() + 60
    while taken < 300 or rig.spool.oldest <= rig.spool.newest:
        assert time.monotonic() < deadline, f"seed {seed}: {list(rig.spool.unsettled())[:3]} are still here"
        if taken < 300:
            rig.take()
            taken += 1
        for _ in range(3):
            rig.turn()
            time.sleep(0.0005)
        for message in line.passed():
            collector.take(message)
        rig.clock.advance(rng.choice([1, 1, 2, 8]))
        if rig.uplink.is_online and rng.random() < 0.3:
            now = rig.clock.now()
            line.send(ACK, collector.ack(rig.spool.stream, at=now.wall, echo=now.mono - rng.choice([0, 500, -900])))
        if rng.random() < 0.02:
            broker.drop()
    rig.close()

    assert list(collector.stored) == [rig.spool.stream]
    assert sorted(collector.stored[rig.spool.stream]) == list(range(1, 301))
    assert collector.cloned == []
    assert collector.repeated > 0, "the line repeated nothing: this test shows nothing"


def test_a_collector_restored_from_its_backup_gets_again_what_is_still_here(tmp_path: Path, broker: TinyBroker) -> None:
    """And learns from the birth, which is said again, what it will not get any more."""
    rig = Rig(tmp_path, broker.port)
    collector = Collector(EPOCH)
    line = Line(broker, random.Random(1), drops=0, repeats=0, delays=0)
    rig.settle_down()
    rig.take(20)
    rig.settle_down()
    acknowledge(broker, rig, upto=10)
    rig.run(lambda: rig.spool.oldest == 11, "half is settled")
    line.passed()

    restored = Collector("e2")
    now = rig.clock.now()
    line.send(ACK, restored.ack(rig.spool.stream, at=now.wall, echo=now.mono))
    rig.run(lambda: rig.births == 2, "the birth was said again")
    rig.settle_down()
    for message in line.passed():
        restored.take(message)

    (stream,) = broker.leaf("birth")[-1]["streams"]
    assert sorted(restored.stored[rig.spool.stream]) == list(range(11, 21))
    assert (stream["oldest"], stream["newest"]) == (11, 20)
    assert collector.stored == {}
    rig.close()


def test_two_collectors_on_one_group_do_not_make_the_agent_send_all_the_time(rig: Rig, broker: TinyBroker) -> None:
    rig.settle_down()
    rig.take(5)
    rig.settle_down()

    for i in range(60):
        acknowledge(broker, rig, epoch=f"e{i % 2}")
        rig.clock.advance(1)
        for _ in range(3):
            rig.turn()
            time.sleep(0.002)

    assert rig.births <= 3, "at the arrival, at the first change, a minute later"


# --- acknowledgements that cannot be true -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "claim",
    [{"upto": 6}, {"upto": 2**53}, {"also": [[2, 4000]]}, {"upto": 3, "refused": [[9, 9, "schema"]]}],
    ids=["one too many", "all there can be", "also", "refused"],
)
def test_an_acknowledgement_beyond_what_was_ever_given_out_deletes_nothing_and_is_told(
    rig: Rig, broker: TinyBroker, caplog: pytest.LogCaptureFixture, claim: dict[str, Any]
) -> None:
    rig.take(5)
    rig.settle_down()

    for _ in range(3):
        acknowledge(broker, rig, **claim)
    rig.run(lambda: said(caplog, "were ever given out"), "it was refused")
    kept = [record["n"] for record in rig.spool.unsettled()]
    acknowledge(broker, rig, upto=5)
    rig.run(lambda: rig.spool.oldest == 6, "an honest one is believed")

    assert kept == [1, 2, 3, 4, 5]
    assert len(said(caplog, "were ever given out")) == 1, "once is enough"


def test_what_never_went_out_stays_whoever_acknowledges_it(
    tmp_path: Path, broker: TinyBroker, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(tmp_path, broker.port, batch_s=3600.0)
    rig.settle_down()
    rig.take(1, word="ok")
    rig.settle_down()
    rig.take(2, word="ok")  # wait for company
    rig.settle_down()

    acknowledge(broker, rig, upto=3)
    rig.run(lambda: rig.spool.oldest == 2, "what went out is settled")
    rig.clock.advance(3600)
    rig.settle_down()

    assert said(caplog, "2..3 were acknowledged and never sent")
    assert sent(broker, "report") == [1, 2, 3]
    assert [record["n"] for record in rig.spool.unsettled()] == [2, 3]
    rig.close()


def test_an_acknowledgement_of_a_stream_that_does_not_exist_is_told_once(
    rig: Rig, broker: TinyBroker, caplog: pytest.LogCaptureFixture
) -> None:
    rig.take(3)
    rig.settle_down()

    for i in range(5):
        acknowledge(broker, rig, stream=f"stranger-{i}", upto=3)
    acknowledge(broker, rig, upto=1)
    rig.run(lambda: rig.spool.oldest == 2, "ours came through")

    assert [record["n"] for record in rig.spool.unsettled()] == [2, 3]
    assert len(said(caplog, "stranger")) == 1


def test_an_echo_from_the_future_settles_and_tells_nothing_of_the_clock(
    rig: Rig, broker: TinyBroker, caplog: pytest.LogCaptureFixture
) -> None:
    rig.take(1)
    rig.settle_down()

    acknowledge(broker, rig, upto=1, echo=rig.clock.now().mono + 1)
    rig.run(lambda: rig.spool.oldest == 2, "it settled")

    assert rig.offsets == []
    assert said(caplog, "echoes a time to come")


def test_a_storm_of_acknowledgements_costs_a_line_in_the_log_and_no_write(
    rig: Rig, broker: TinyBroker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.take(3)
    rig.settle_down()
    writes: list[object] = []
    settle = rig.spool.settle
    monkeypatch.setattr(rig.spool, "settle", lambda *what: (writes.append(what), settle(*what)))

    for _ in range(500):
        acknowledge(broker, rig, upto=2)
    acknowledge(broker, rig, upto=3)
    rig.run(lambda: rig.spool.oldest == 4, "the last one was read")

    assert len(writes) == 2
    assert len(said(caplog, "more than 100 acknowledgements")) == 1


def test_a_refusal_is_told_once_however_often_it_is_repeated(
    rig: Rig, broker: TinyBroker, caplog: pytest.LogCaptureFixture
) -> None:
    rig.take(3)
    rig.settle_down()

    for _ in range(10):
        acknowledge(broker, rig, refused=[[2, 2, "schema"]])
    acknowledge(broker, rig, upto=3)
    rig.run(lambda: rig.spool.oldest == 4, "the last one was read")

    assert len(said(caplog, "refused 2..2: schema")) == 1


# --- messages that nobody should send ---------------------------------------------------------------------------------


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize(
    "topic",
    [b"rm/1/south/gw-2/ack\xff\xfe", "rm/1/south/gw-3/ack", "x", "rm/1/south/gw-2/birth"],
    ids=["no UTF-8", "another agent's", "anything", "our own"],
)
def test_a_message_on_a_topic_nobody_asked_for_is_told_and_blocks_nothing(
    rig: Rig, broker: TinyBroker, caplog: pytest.LogCaptureFixture, topic: str | bytes, qos: int
) -> None:
    rig.take(2)
    rig.settle_down()

    broker.send(topic, b"{}", qos=qos)
    rig.run(lambda: said(caplog, "nobody asked for that topic"), "it was told")
    acknowledge(broker, rig, upto=2)
    rig.run(lambda: rig.spool.oldest == 3, "the next message is heard")
    rig.run(lambda: len(broker.answered) == qos, "the broker may forget it")

    assert broker.connects == 1


@pytest.mark.parametrize("leaf", ["gw-2/ack", "gw-2/cmd", "_collector/state", "gw-9/ack"])
def test_a_giant_is_passed_over_and_the_connection_stays(
    rig: Rig, broker: TinyBroker, caplog: pytest.LogCaptureFixture, leaf: str
) -> None:
    rig.take(2)
    rig.settle_down()
    giant = b'{"v":1,"x":"' + b"!" * (8 * LIMIT) + b'"}'
    sender = threading.Thread(target=broker.send, args=(f"rm/1/south/{leaf}", giant, 1), daemon=True)

    sender.start()
    rig.run(lambda: said(caplog, "passed over"), "it was told")
    rig.run(lambda: broker.answered, "the broker may forget it")
    rig.run(lambda: not sender.is_alive(), "all of it was read")
    acknowledge(broker, rig, upto=2)
    rig.run(lambda: rig.spool.oldest == 3, "the next message is heard")

    assert broker.connects == 1
    assert rig.commands == ([STAND_IN] if leaf == "gw-2/cmd" else [])


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\x01\x00",
        b"\x30\x02\x00\x00",
        b"\x90\x00",
        b"\x40\x01\x00",
        b"\x40\x00",
        b"\x20\x00",
        b"\xf0\x00",
        b"\x00\x00",
        b"\x36\x05\x00\x01x\x00\x01",
        b"\x62\x02\x00\x09",
        b"\x30\xff\xff\xff\xff\x01",
        bytes(range(256)),
    ],
    ids=range(12),
)
def test_a_broker_that_breaks_mqtt_is_left_or_borne_and_nothing_is_lost(
    rig: Rig, broker: TinyBroker, data: bytes
) -> None:
    rig.take(3)
    rig.settle_down()

    broker.raw(data)
    for _ in range(50):
        rig.turn()
        time.sleep(0.001)
    rig.clock.advance(5)
    rig.run(lambda: rig.uplink.is_online, "it is connected (again)")
    rig.settle_down()
    if broker.connects == 1:  # it was borne: an honest start, for what hangs half read
        broker.drop()
        rig.run(lambda: not rig.uplink.is_online, "the cut was noticed")
        rig.clock.advance(5)
        rig.settle_down()
    acknowledge(broker, rig, upto=3)

    rig.run(lambda: rig.spool.oldest == 4, "records are settled as ever")


def test_a_line_that_died_in_silence_is_noticed_long_before_a_metered_keep_alive(
    tmp_path: Path, broker: TinyBroker
) -> None:
    rig = Rig(tmp_path, broker.port)
    rig.uplink = rig._made(replace(rig.config.broker, keepalive_s=4000))
    rig.settle_down()
    rig.clock.advance(3000)
    rig.settle_down()
    broker.acknowledges = False
    rig.take()
    rig.turn()
    rig.clock.advance(179)
    rig.turn()
    patient = rig.uplink.is_online
    rig.clock.advance(2)
    rig.turn()

    assert patient
    assert not rig.uplink.is_online
    rig.close()


def test_puback_for_what_was_never_published_is_borne(rig: Rig, broker: TinyBroker) -> None:
    rig.settle_down()

    broker.raw(b"\x40\x02\x77\x77" * 50)
    rig.take(1)
    rig.settle_down()

    assert sent(broker, "report") == [1]
    assert broker.connects == 1


def test_a_broker_that_lets_us_not_listen_is_told(
    tmp_path: Path, broker: TinyBroker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.grants = False
    rig = Rig(tmp_path, broker.port)
    rig.settle_down()

    rig.run(lambda: said(caplog, "does not let us listen"), "it was told")
    rig.close()


def test_collector_states_that_make_no_sense_are_told_once(
    rig: Rig, broker: TinyBroker, caplog: pytest.LogCaptureFixture
) -> None:
    rig.settle_down()

    for body in (b"", b"\xff", b"[]", b'{"online":1,"epoch":"e1"}', b'{"online":true}', b'{"online":true,"epoch":""}'):
        broker.send(COLLECTOR_STATE, body)
    broker.send(COLLECTOR_STATE, {"v": 1, "online": True, "epoch": EPOCH, "retry_after": -1})
    broker.send("rm/1/south/gw-2/cmd", {"id": "c-1"})
    rig.run(lambda: rig.commands, "what came after was heard")

    assert len(said(caplog, "a collector state that makes no sense")) == 1
    assert rig.uplink._epoch is None


# --- waits that were asked for ----------------------------------------------------------------------------------------


def test_a_collector_that_says_when_it_is_back_is_not_looked_for_before(tmp_path: Path, broker: TinyBroker) -> None:
    rig = Rig(tmp_path, broker.port, reconnect_spread_s=10.0)
    rig.settle_down()
    at = rig.clock.now().mono
    broker.send(COLLECTOR_STATE, {"v": 1, "online": False, "epoch": EPOCH, "retry_after": 300})
    rig.run(lambda: not rig.uplink._collector_is_online, "it was heard")

    broker.drop()
    rig.run(lambda: not rig.uplink.is_online, "the cut was noticed")

    assert at + 300_000 <= rig.uplink.wake_at(rig.clock.now()) <= at + 310_000
    rig.close()


def test_backlog_waits_for_the_collector_over_a_reconnect_and_live_does_not(rig: Rig, broker: TinyBroker) -> None:
    gone = {"v": 1, "online": True, "epoch": EPOCH, "retry_after": 300}
    rig.settle_down()
    broker.send(COLLECTOR_STATE, gone)
    rig.run(lambda: rig.uplink._collector_back_at, "it was heard")
    rig.take(3)
    rig.settle_down()
    live = sent(broker, "report")
    rig.clock.advance(299)
    rig.uplink._lose(rig.clock.now(), "a test says so")
    rig.clock.advance(1)
    rig.settle_down()
    broker.send(COLLECTOR_STATE, gone, retain=True)  # the broker kept it: it is as old as it is
    rig.settle_down()

    assert live == [1, 2, 3]
    assert (sent(broker, "report"), sent(broker, "history")) == ([1, 2, 3, 3], [1, 2])
    assert rig.uplink._collector_back_at <= rig.clock.now().mono, "what is retained begins no new wait"


def test_being_asked_to_slow_down_holds_over_a_reconnect(rig: Rig, broker: TinyBroker) -> None:
    rig.settle_down()
    acknowledge(broker, rig, slow_down_s=60)
    rig.run(lambda: rig.uplink._quiet_until, "it was heard")
    rig.take(2)
    broker.drop()
    rig.run(lambda: not rig.uplink.is_online, "the cut was noticed")
    rig.clock.advance(5)
    rig.settle_down()
    quiet = (sent(broker, "report"), len(broker.leaf("birth")))
    rig.clock.advance(55)
    rig.settle_down()

    assert quiet == ([], 2), "who we are is said; the rest waits"
    assert (sent(broker, "report"), sent(broker, "history")) == ([2], [1])


# --- nothing spins ----------------------------------------------------------------------------------------------------


def test_with_a_backlog_and_no_collector_the_loop_sleeps(rig: Rig, broker: TinyBroker) -> None:
    rig.settle_down()
    broker.send(COLLECTOR_STATE, {"v": 1, "online": False, "epoch": EPOCH})
    rig.run(lambda: not rig.uplink._collector_is_online, "it was heard")
    rig.take(3)
    rig.settle_down()
    rig.clock.advance(31)  # nobody settled: they are backlog now
    rig.settle_down()

    now = rig.clock.now()
    assert rig.uplink.wake_at(now) > now.mono + 1000


def test_with_a_full_window_of_history_and_live_records_that_wait_the_loop_sleeps(
    tmp_path: Path, broker: TinyBroker
) -> None:
    rig = Rig(tmp_path, broker.port, batch_s=600.0)
    rig.take(500, word="ok")
    rig.settle_down()
    broker.acknowledges = False
    rig.uplink._outbox.reset(rig.clock.now().mono)
    rig.turn()
    rig.take(1, word="ok")
    for _ in range(20):
        rig.turn()
        time.sleep(0.001)

    now = rig.clock.now()
    assert rig.uplink._flying, "the window is in use"
    assert rig.uplink.wake_at(now) > now.mono + 1000
    rig.close()


@pytest.mark.parametrize("kind", ["nobody listens", "silent broker", "broker that hangs up"])
def test_without_a_connection_the_agent_makes_few_steps_and_uses_no_cpu(tmp_path: Path, kind: str) -> None:
    """Three seconds of the real loop; what is counted are its steps and the processor's time."""
    with TinyBroker() as broker:
        broker.refuses = 3 if kind == "broker that hangs up" else 0
        if kind == "silent broker":
            broker._answer = lambda *_: None  # type: ignore[method-assign]
        port = 1 if kind == "nobody listens" else broker.port
        made = config(str(tmp_path), device(period_s=60), port=port, reconnect_min_s=0.5, reconnect_max_s=2.0)
        agent = Agent(made, clock=SystemClock(), load=lambda name: probe(name, lambda: {"host.cpu_percent": 1.0}))
        steps, spent = 0, 0.0
        step = agent.step

        def counted() -> None:
            nonlocal steps, spent
            steps += 1
            step()
            spent = time.thread_time() - begin

        agent.step = counted  # type: ignore[method-assign]
        begin = time.thread_time()
        stopper = threading.Timer(3, agent.stop)
        stopper.start()
        agent.run()
        stopper.join()

    assert 1 <= steps < 60
    assert spent < 0.5


def test_what_was_left_behind_is_nothing(tmp_path: Path, broker: TinyBroker) -> None:
    """A connection that broke leaves no socket open."""
    rig = Rig(tmp_path, broker.port)
    rig.settle_down()
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    for _ in range(10):
        broker.drop()
        rig.run(lambda: not rig.uplink.is_online, "the cut was noticed")
        rig.clock.advance(3)
        rig.settle_down()

    until(lambda: len(os.listdir("/proc/self/fd")) <= before + 1 if before else True, "sockets were closed")
    rig.close()
