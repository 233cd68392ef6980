"""A line that is paid by the megabyte: what goes over it, what waits, and what is not said twice."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roundsman_agent.birth import compose, points_of
from roundsman_agent.budget import Budget
from roundsman_agent.check import check
from roundsman_agent.clock import Moment
from roundsman_agent.config import made
from roundsman_agent.outbox import Outbox
from roundsman_agent.spool import Spool
from roundsman_wire.codec import birth_dictionary, rows, unpack
from tests.agent.cast import START, later, sample
from tests.agent.test_uplink import Rig, acknowledge
from tests.agent.tiny_broker import Publish, TinyBroker

READINGS = {"host.cpu_percent": 12.5, "host.load_1m": 0.25, "printer.paper": "ok"}


class Metered(Rig):
    """An uplink of the metered profile, with a budget."""

    def __init__(self, folder: Path, port: int, *, day_bytes: int = 0) -> None:
        super().__init__(folder, port, profile="metered", batch_s=900.0, compress=True, ack_expected_s=600.0)
        self.budget = Budget.open(str(folder), day_bytes=day_bytes, now=self.clock.now())
        self.uplink._budget = self.budget

    def _birth(self, now: Moment) -> Any:
        self.births += 1
        return compose(
            self.config, stream=self.spool.stream, oldest=self.spool.oldest, newest=self.spool.newest, gone=(),
            session=self.spool.session, versions={}, platform="test", now=now, waits_s=self.uplink.waits_s,
            points=points_of(self.spool.read(self.spool.newest_of_devices())),
        )  # fmt: skip

    def minutes(self, count: int, **changes: Any) -> None:
        """A sample a minute, and whatever that sends. The minutes are ours, the broker is real: many wait for it."""
        for i in range(count):
            self.spool.take(sample(at=self.clock.advance(60), **{**READINGS, "host.cpu_percent": 10.5 + i, **changes}))
            for _ in range(3):
                self.turn()
            if count > 1:
                self.run(self._is_heard, "the broker has acknowledged what this minute sent")

    def _is_heard(self) -> bool:
        return self.uplink.is_online and self.uplink.is_quiet()


@pytest.fixture
def broker() -> Iterator[TinyBroker]:
    with TinyBroker() as broker:
        yield broker


@pytest.fixture
def rig(tmp_path: Path, broker: TinyBroker) -> Iterator[Metered]:
    rig = Metered(tmp_path, broker.port)
    yield rig
    rig.close()


def reports(broker: TinyBroker, leaf: str = "report") -> list[Publish]:
    return [one for one in broker.published if one.topic.endswith(f"/{leaf}")]


def births(broker: TinyBroker) -> list[Any]:
    return [one.body for one in broker.published if one.topic.endswith("/birth")]


def opened(broker: TinyBroker, one: Publish) -> Any:
    """A report as a collector reads it: with the dictionary of the birth that it names."""
    known = {birth["hash"]: birth_dictionary(birth["devices"], birth.get("points", ())) for birth in births(broker)}
    return json.loads(unpack(one.payload, known))


# --- the file ---------------------------------------------------------------------------------------------------------

FILE = """
[agent]
id = "bus-31"
group = "south"
data = "data"
[broker]
host = "127.0.0.1"
{broker}
[uplink]
profile = "{profile}"
{uplink}
[[device]]
id = "bus-31"
kind = "vehicle"
[[device.probe]]
name = "host"
"""


def effective(folder: Path, profile: str, *, broker: str = "", uplink: str = "") -> tuple[float, bool, float, int]:
    path = folder / "agent.toml"
    path.write_text(FILE.format(profile=profile, broker=broker, uplink=uplink))
    config = made(check(str(path)), str(path))
    return config.uplink.batch_s, config.uplink.compress, config.uplink.ack_expected_s, config.broker.keepalive_s


def test_a_profile_is_what_the_other_keys_are_unless_given(tmp_path: Path) -> None:
    assert effective(tmp_path, "lan") == (0.0, False, 10.0, 60)
    assert effective(tmp_path, "metered") == (3600.0, True, 600.0, 4500)
    assert effective(tmp_path, "metered", uplink="batch_s = 900\ncompress = false") == (900.0, False, 600.0, 1125)
    assert effective(tmp_path, "metered", broker="keepalive_s = 240") == (3600.0, True, 600.0, 240)


# --- the dictionary ---------------------------------------------------------------------------------------------------


def test_the_birth_names_the_readings_and_reports_go_with_its_dictionary(rig: Metered, broker: TinyBroker) -> None:
    rig.minutes(1)
    rig.settle_down()
    rig.minutes(16)
    rig.settle_down()

    *_, last = reports(broker)
    assert births(broker)[-1]["points"] == list(READINGS)
    assert "dictionary" in births(broker)[-1]["capabilities"]
    assert last.payload[0] == 2
    assert len(rows(opened(broker, last))) >= 15
    assert opened(broker, last)["columns"][0]["by"] == "point"


def test_an_agent_that_did_not_know_its_readings_says_its_birth_once_more(rig: Metered, broker: TinyBroker) -> None:
    rig.run(lambda: rig.uplink.is_online, "online")
    rig.settle_down()
    rig.minutes(40)
    rig.settle_down()

    assert [birth.get("points") for birth in births(broker)] == [None, list(READINGS)]
    assert all(one.payload[0] == 2 for one in reports(broker))


def test_history_needs_no_dictionary(rig: Metered, broker: TinyBroker) -> None:
    rig.spool.take(sample(at=rig.clock.advance(1), **READINGS))
    rig.spool.take(sample(at=rig.clock.advance(1), **READINGS))

    rig.settle_down()

    assert [one.payload[0] for one in reports(broker, "history")] == [1]


# --- births -----------------------------------------------------------------------------------------------------------


def test_a_birth_that_the_broker_has_is_not_said_again_when_the_line_breaks(rig: Metered, broker: TinyBroker) -> None:
    rig.minutes(1)
    rig.settle_down()
    broker.drop()
    rig.run(lambda: not rig.uplink.is_online, "cut")
    rig.clock.advance(200)
    rig.run(lambda: rig.uplink.is_online, "back")
    rig.settle_down()

    states = [one.body["state"] for one in broker.published if one.topic.endswith("/state")]
    assert len(births(broker)) == 1
    assert states == ["online", "online"]


def test_a_birth_that_the_broker_did_not_acknowledge_is_said_again(rig: Metered, broker: TinyBroker) -> None:
    broker.acknowledges = False
    rig.minutes(1)
    rig.run(lambda: births(broker), "a birth")
    broker.drop()
    rig.run(lambda: not rig.uplink.is_online, "cut")
    broker.acknowledges = True
    rig.clock.advance(200)
    rig.run(lambda: rig.uplink.is_online, "back")
    rig.settle_down()

    assert len(births(broker)) == 2


def test_a_birth_is_said_again_when_the_collector_asks(rig: Metered, broker: TinyBroker) -> None:
    rig.minutes(1)
    rig.settle_down()
    rig.clock.advance(20)

    acknowledge(broker, rig, need_birth=True)

    rig.run(lambda: len(births(broker)) == 2, "the birth again")


def test_what_waits_for_company_may_arrive_later_by_that(rig: Metered, broker: TinyBroker) -> None:
    rig.minutes(1)
    rig.settle_down()

    (birth,) = births(broker)
    assert [device["arrive_by_s"] for device in birth["devices"]] == [180 + 900]


# --- the budget -------------------------------------------------------------------------------------------------------


def test_what_is_spent_is_counted_while_the_line_is_up(rig: Metered, broker: TinyBroker) -> None:
    rig.minutes(20)
    rig.settle_down()

    payloads = sum(len(one.payload) for one in broker.published)
    assert rig.budget.told(rig.clock.now())["line.bytes_today"] > payloads + 10 * 40


def test_a_spent_budget_holds_periodic_samples_and_never_news(tmp_path: Path, broker: TinyBroker) -> None:
    rig = Metered(tmp_path, broker.port, day_bytes=100_000)
    try:
        rig.minutes(1)
        rig.settle_down()
        rig.budget.spend(96_000, rig.clock.now())
        rig.minutes(1)
        rig.settle_down()
        before = len(reports(broker))

        rig.minutes(60)
        held = len(reports(broker)) - before
        rig.minutes(1, **{"printer.paper": "end"})
        rig.settle_down()

        *_, news = reports(broker)
        assert held == 0
        assert [record["readings"]["printer.paper"] for record in rows(opened(broker, news))] == ["end"]  # type: ignore[typeddict-item]
        assert births(broker)[-1]["devices"][0]["arrive_by_s"] == 180 + 86_400
    finally:
        rig.close()


def test_what_was_held_goes_when_the_budget_allows(tmp_path: Path) -> None:
    spool = Spool.open(str(tmp_path), now=START, free_floor_bytes=0)
    outbox = Outbox(spool, records_per_s=1000, ack_expected_ms=600_000, batch_ms=900_000, now=0)
    outbox.next_live(0)
    outbox.spare(batch_ms=86_400_000, holds=True)
    for i in range(5):
        spool.take(sample(at=later(i), **{**READINGS, "printer.paper": "end" if i == 3 else "ok"}))
    first = spool.newest - 4

    held = outbox.next_live(1_000)
    assert held is not None
    outbox.sent(held.records, is_history=False, now=1_000)
    nothing = outbox.next_live(90_000_000), outbox.next_history(90_000_000)
    outbox.spare(batch_ms=900_000, holds=False)
    rest = outbox.next_history(90_000_001)

    assert [record["n"] - first for record in held.records] == [0, 3, 4]  # 4: it is "ok" again
    assert nothing == (None, None)
    assert rest is not None
    assert [record["n"] - first for record in rest.records] == [1, 2]
    spool._abandon()


def test_a_new_day_sends_what_was_held(tmp_path: Path, broker: TinyBroker) -> None:
    rig = Metered(tmp_path, broker.port, day_bytes=100_000)
    try:
        rig.minutes(1)
        rig.settle_down()
        rig.budget.spend(96_000, rig.clock.now())
        rig.minutes(10)
        before = len(reports(broker))
        tomorrow = rig.clock.now()
        rig.clock.moment = replace(tomorrow, wall=tomorrow.wall + 86_400_000, mono=tomorrow.mono + 86_400_000)

        rig.run(lambda: len(reports(broker)) > before, "what was held")

        *_, last = reports(broker)
        assert len(rows(opened(broker, last))) >= 10
    finally:
        rig.close()
