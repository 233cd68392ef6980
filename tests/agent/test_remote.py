"""Configurations from the collector: whatever comes, the agent ends with one that works, and says what it did."""

import json
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roundsman_agent import cli, poll, pushed, remote
from roundsman_agent.agent import Agent
from roundsman_agent.check import check, check_push, write
from roundsman_agent.clock import Moment, Offset
from roundsman_agent.config import Config, ConfigError, read_file
from roundsman_agent.isolate import Isolation
from roundsman_agent.remote import Push, Refusal, Remote, judge
from roundsman_wire.codec import config_hash
from tests.agent.cast import BOOT, START, T0, ToldClock, later, probe

LOCAL = """
[agent]
id = "gw-2"
group = "south"
data = "data"
[broker]
host = "127.0.0.1"
[[device]]
id = "kiosk-7"
kind = "kiosk"
[[device.probe]]
name = "host"
"""
BODY: dict[str, Any] = {"uplink": {"batch_s": 900}}
OTHER: dict[str, Any] = {"uplink": {"batch_s": 60}}
BAD: dict[str, Any] = {"uplink": {"bath_s": 900}}


def message(body: Any = BODY, **more: Any) -> dict[str, Any]:
    return {"v": 1, "hash": config_hash(body), "body": body, "rollback_s": 600, **more}


def payload(body: Any = BODY, **more: Any) -> bytes:
    return json.dumps(message(body, **more)).encode()


def looked_through(path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the process of its own does, in this one."""
    return check_push(read_file(path), body)


class Site:
    """An agent's folder, and the process that works in it: `begin` is a start, `turn` a turn of its loop."""

    def __init__(self, folder: Path, text: str = LOCAL) -> None:
        self.folder = folder
        self.now = START
        self.records: list[Mapping[str, Any]] = []
        self.offset: Offset | None = None
        self.write(text)
        (folder / "data").mkdir(exist_ok=True)
        self.begin()

    def write(self, text: str) -> None:
        (self.folder / "agent.toml").write_text(text)
        self.path = str(self.folder / "config.json")
        write(check(str(self.folder / "agent.toml")), self.path)

    def begin(self, before: Remote | None = None) -> Remote:
        self.isolation = Isolation()
        self.remote = Remote.begin(self.path, self.now, before=before, check=looked_through)
        return self.remote

    def turn(self) -> bool:
        for outcome in self.isolation.collect(self.now.mono):
            self.remote.checked(outcome, self.now)
        return self.remote.serve(isolation=self.isolation, keep=self.keep, now=self.now, offset=self.offset)

    def keep(self, record: Mapping[str, Any]) -> int:
        self.records.append(record)
        return len(self.records)

    def push(self, payload: bytes) -> bool:
        """Take a message and turn until its check has come back; True when the agent began anew."""
        self.remote.take(payload, self.now)
        deadline = time.monotonic() + 10
        while not self.turn():
            if self.remote._checking is None and self.remote._waiting is None:
                self.turn()
                return False
            assert time.monotonic() < deadline
            self.isolation.sleep(0.1)
        self.begin(self.remote)
        self.turn()
        return True

    def pass_time(self, seconds: float) -> bool:
        """True when the agent began anew."""
        self.now = later(seconds, self.now)
        if not self.turn():
            return False
        self.begin(self.remote)
        self.turn()
        return True

    @property
    def batch_s(self) -> float:
        return self.remote.config.uplink.batch_s

    def told(self) -> list[tuple[str, bool, str]]:
        return [(record["command"], record["ok"], record["detail"]) for record in self.records]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


HASH, OTHER_HASH, BAD_HASH = config_hash(BODY), config_hash(OTHER), config_hash(BAD)


# --- the envelope -----------------------------------------------------------------------------------------------------


def test_a_message_in_order_is_a_push() -> None:
    judged = judge(payload(agent="gw-2", at=T0, expires_s=60), "gw-2")

    assert isinstance(judged, Push)
    assert (judged.hash, judged.body, judged.rollback_s, judged.at, judged.expires_s) == (HASH, BODY, 600, T0, 60)


@pytest.mark.parametrize(
    ("garbage", "why"),
    [
        (b"\x00\xff", "not JSON"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not an object"),
        (b"{}", "hash: expected twelve hex digits"),
        (b'{"hash": 7}', "hash: expected twelve hex digits"),
        (b'{"hash": "../../../etc"}', "hash: expected twelve hex digits"),
        (b" " * 131_073, "131073 bytes; the limit is 131072"),
        (payload(v=2), "version 2 of the contract"),
        (payload(rollback_s=59), "rollback_s: expected a whole number from 60 to 86400, got 59"),
        (payload(rollback_s=86_401), "rollback_s: expected"),
        (payload(rollback_s=True), "rollback_s: expected"),
        (payload(rollback_s="600"), "rollback_s: expected"),
        (payload(body=[]), "body: expected an object"),
        (payload(agent="gw-3"), "it is for agent 'gw-3', this is gw-2"),
        (payload(at="soon"), "at or expires_s is not a number"),
        (payload(hash="0123456789ab"), f"its body has the hash {HASH}"),
        (payload().replace(b"900", b"901"), "damaged on the way, or altered"),
        (payload().replace(b"900", b"NaN"), "body: not JSON of this contract"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_anything_else_is_refused_with_its_cause(garbage: bytes, why: str) -> None:
    judged = judge(garbage, "gw-2")

    assert isinstance(judged, Refusal)
    assert why in judged.why


# --- coming into force ------------------------------------------------------------------------------------------------


def test_a_push_comes_into_force_and_is_confirmed_by_an_acknowledgement(site: Site) -> None:
    assert site.push(payload())

    assert (site.batch_s, site.remote.config.hash) == (900, HASH)
    assert site.told() == []
    site.remote.acknowledged()
    site.turn()
    assert site.told() == [(f"config:{HASH}", True, "in force")]
    assert not site.pass_time(100_000)
    assert site.begin().config.hash == HASH


def test_what_a_push_does_not_name_stays_the_local_files(site: Site) -> None:
    site.push(payload())

    assert [device.id for device in site.remote.config.devices] == ["kiosk-7"]
    assert site.remote.config.broker.host == "127.0.0.1"


def test_an_empty_push_is_the_local_file(site: Site) -> None:
    site.push(payload())
    site.remote.acknowledged()

    site.push(payload({}))

    assert (site.batch_s, site.remote.config.hash) == (0, config_hash({}))


def test_the_same_message_with_every_connection_changes_nothing(site: Site) -> None:
    site.push(payload())
    site.remote.acknowledged()
    site.turn()

    for _ in range(3):
        assert not site.push(payload(at=T0))

    assert len(site.told()) == 1


def test_an_empty_message_takes_nothing_out_of_force(site: Site) -> None:
    site.push(payload())

    assert not site.push(b"")

    assert site.batch_s == 900


# --- going back -------------------------------------------------------------------------------------------------------


def test_without_an_acknowledgement_the_agent_goes_back_by_itself_and_tries_that_one_no_more(site: Site) -> None:
    site.push(payload(OTHER))
    site.remote.acknowledged()
    site.push(payload(rollback_s=60))
    assert site.remote.wake_at() == site.now.mono + 60_000

    assert not site.pass_time(59)
    assert site.pass_time(1)

    assert site.batch_s == 60
    why = f"rolled back: no acknowledgement within 60 s; {OTHER_HASH} is in force again"
    assert site.told()[-1] == (f"config:{HASH}", False, why)
    assert not site.push(payload(rollback_s=86_400))
    assert site.begin().config.hash == OTHER_HASH


def test_what_was_rolled_back_may_come_again_after_another(site: Site) -> None:
    site.push(payload())
    site.pass_time(600)
    site.push(payload(OTHER))

    assert site.push(payload())

    assert site.batch_s == 900


def test_what_was_rolled_back_may_come_again_after_the_one_in_force(site: Site) -> None:
    site.push(payload(OTHER))
    site.remote.acknowledged()
    site.push(payload())
    site.pass_time(600)
    assert not site.push(payload(OTHER))

    assert site.push(payload())


def test_the_one_before_pushed_again_ends_a_trial(site: Site) -> None:
    site.push(payload(OTHER))
    site.remote.acknowledged()
    site.push(payload())

    assert site.push(payload(OTHER))

    assert site.batch_s == 60
    assert "the one before it was pushed again" in site.told()[-1][2]


def test_kills_during_a_trial_count_and_the_old_one_comes_back(site: Site) -> None:
    site.push(payload())
    for _ in range(2):
        assert site.begin().config.hash == HASH

    site.begin()
    site.turn()

    assert site.batch_s == 0
    assert "started 3 times and was never confirmed" in site.told()[-1][2]


def test_power_cuts_during_a_trial_count_too_and_its_time_begins_again(site: Site) -> None:
    site.push(payload(rollback_s=60))
    site.now = replace(site.now, boot="another", mono=5_000)
    site.begin()

    assert not site.pass_time(59)
    assert site.pass_time(1)


def test_another_agent_in_the_folder_does_not_use_up_a_start(site: Site) -> None:
    site.push(payload())
    before = pushed.read(str(site.folder / "data"))
    with remote.machine.lock(str(site.folder / "data" / "lock")):
        for _ in range(5):
            site.begin()

    assert pushed.read(str(site.folder / "data")) == before


def test_a_configuration_that_breaks_the_start_is_taken_back_at_once(site: Site) -> None:
    site.push(payload())

    site.remote.fall_back("no such probe")
    site.begin(site.remote)
    site.turn()

    assert site.batch_s == 0
    assert "rolled back: no such probe" in site.told()[-1][2]


def test_a_settled_one_that_breaks_the_start_is_set_aside(site: Site) -> None:
    site.push(payload())
    site.remote.acknowledged()

    site.remote.fall_back("no such probe")
    site.begin(site.remote)
    site.turn()

    assert site.batch_s == 0
    assert "set aside: no such probe" in site.told()[-1][2]


def test_what_the_disk_does_not_take_is_remembered_at_least_until_the_process_ends(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.push(payload())
    monkeypatch.setattr(pushed, "write", full_disk)

    assert site.pass_time(600)

    assert site.batch_s == 0
    assert not site.pass_time(1)


def full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


# --- refusing ---------------------------------------------------------------------------------------------------------


def test_what_cannot_be_used_is_refused_once_with_everything_that_is_wrong(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        assert not site.push(payload(BAD))

    assert site.told() == [
        (f"config:{BAD_HASH}", False, "refused: uplink.bath_s: there is no such key; expected 'batch_s'?")
    ]
    assert f"configuration {BAD_HASH} refused: uplink.bath_s" in caplog.text
    assert site.batch_s == 0


def test_mistakes_that_a_line_does_not_hold_come_whole_beside_it(site: Site) -> None:
    site.push(payload({"uplink": {f"odd_{n}": n for n in range(12)}}))

    (result,) = site.records
    assert len(result["detail"]) == 400
    assert result["output"].startswith(result["detail"])
    assert result["output"].count("there is no such key") == 12


def test_what_was_refused_is_not_looked_at_again_after_a_restart(site: Site) -> None:
    site.push(payload(BAD))
    site.begin()

    assert not site.push(payload(BAD))

    assert len(site.told()) == 1


def test_a_damaged_message_does_not_spoil_the_good_one_with_its_hash(site: Site) -> None:
    assert not site.push(payload().replace(b"900", b"901"))

    assert site.push(payload())

    assert site.told()[0][:2] == (f"config:{HASH}", False)


def test_garbage_is_answered_once_and_a_flood_of_it_does_not_fill_the_spool(site: Site) -> None:
    for _ in range(3):
        site.push(b"garbage")
    assert site.told() == [("config:unreadable", False, "refused: not JSON")]

    for n in range(1_000):
        site.push(b"garbage %d" % n)

    assert len(site.told()) == 20
    site.now = later(3_601, site.now)
    site.push(b"garbage of another hour")
    assert len(site.told()) == 21


def test_a_push_that_nothing_can_be_written_down_of_is_refused_and_may_come_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(pushed, "write", full_disk)
        assert not site.push(payload())
    assert "the disk does not take it" in site.told()[-1][2]

    assert site.push(payload())


@pytest.mark.parametrize(
    "broken",
    [OSError("`check-push` ended with code -9 and said nothing"), RuntimeError("what now")],
    ids=["killed", "crashed"],
)
def test_a_check_that_breaks_is_no_verdict_on_the_content(site: Site, broken: Exception) -> None:
    def breaks(path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        raise broken

    site.remote._check = breaks
    assert not site.push(payload())
    assert "looking through it failed" in site.told()[-1][2]

    site.begin()
    assert site.push(payload(at=T0))


def offset(ms: int) -> Offset:
    return Offset(boot=BOOT, ntp=False, offset_ms=ms, error_ms=10)


@pytest.mark.parametrize(
    ("now", "known", "began"),
    [
        (START, None, True),
        (later(61), None, False),
        (replace(START, ntp=False, wall=0), offset(T0), True),
        (replace(START, ntp=False, wall=0), offset(T0 + 61_000), False),
    ],
    ids=["fresh by ntp", "old by ntp", "fresh by the collector", "old by the collector"],
)
def test_a_push_may_have_an_end(site: Site, now: Moment, known: Offset | None, began: bool) -> None:
    site.now, site.offset = now, known

    assert site.push(payload(at=T0, expires_s=60)) == began

    assert ("expired: 60 s were allowed" in str(site.told())) != began


def test_a_push_with_an_end_waits_for_a_clock_that_can_be_believed(site: Site) -> None:
    site.now = replace(START, ntp=False, wall=0)
    site.remote.take(payload(at=T0, expires_s=60), site.now)
    assert [site.turn() for _ in range(5)] == [False] * 5
    site.offset = offset(T0)

    assert site.push(payload(at=T0, expires_s=60))


# --- the operator -----------------------------------------------------------------------------------------------------


def test_what_the_operator_changed_wins_until_another_is_pushed(site: Site) -> None:
    site.push(payload())
    site.remote.acknowledged()
    site.turn()
    site.write(LOCAL + "[uplink]\nbatch_s = 5\n")
    site.begin()

    assert not site.push(payload())

    assert site.batch_s == 5
    assert "the agent's own file was changed" in site.told()[-1][2]
    assert site.push(payload(OTHER))


def test_another_password_or_broker_leaves_what_was_pushed_in_force(site: Site) -> None:
    site.push(payload())
    site.remote.acknowledged()
    site.write(LOCAL.replace('"127.0.0.1"', '"broker.example"\npassword = "new"'))

    assert (site.begin().config.hash, site.remote.config.broker.host) == (HASH, "broker.example")


def test_tables_of_an_older_agent_are_made_anew(site: Site) -> None:
    site.push(payload())
    site.remote.acknowledged()
    data = str(site.folder / "data")
    journal = pushed.read(data)
    assert journal.settled is not None
    pushed.write(data, replace(journal, settled=replace(journal.settled, tables={"uplink": {"batch_s": 900}})))

    assert (site.begin().config.hash, site.batch_s) == (HASH, 900)
    assert "reconnect_min_s" in pushed.read(data).settled.tables["uplink"]  # type: ignore[union-attr]


def test_tables_of_an_older_agent_that_nobody_understands_any_more_are_set_aside(site: Site) -> None:
    site.push(payload())
    site.remote.acknowledged()
    data = str(site.folder / "data")
    journal = pushed.read(data)
    assert journal.settled is not None
    pushed.write(data, replace(journal, settled=replace(journal.settled, body=BAD, tables={"uplink": {"old": 1}})))

    site.begin()

    assert site.batch_s == 0


# --- the agent's loop -------------------------------------------------------------------------------------------------


class Loop:
    """An agent that runs with a configuration on trial; nobody acknowledges anything."""

    def __init__(self, site: Site) -> None:
        site.push(payload(rollback_s=60))
        self.clock = ToldClock(site.now)
        self.agent = Agent(
            site.remote.config,
            clock=self.clock,
            load={"host": probe("host", lambda: {"host.cpu_percent": 1.0})}.__getitem__,
            stopping=lambda: False,
            remote=site.remote,
        )
        self.agent.uplink._dial_at = later(1_000_000).mono

    def turns(self) -> int:
        """Run; every turn takes ten seconds of told time."""
        count = 0
        step = self.agent.step

        def counted() -> None:
            nonlocal count
            count += 1
            assert count < 100, "the trial has no end"
            self.clock.advance(10)
            step()

        self.agent.step = counted  # type: ignore[method-assign]
        self.agent._sleep = lambda _: None  # type: ignore[method-assign]
        self.begins_anew = self.agent.run()
        return count


def test_the_agent_itself_ends_a_trial_that_nobody_acknowledges(site: Site) -> None:
    loop = Loop(site)

    assert (loop.turns(), loop.begins_anew) == (6, True)

    site.now = loop.clock.now()
    assert site.begin(site.remote).config.hash != HASH


def test_a_configuration_that_breaks_every_turn_ends_in_time_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop(site)

    def breaks(*_: object) -> None:
        raise RuntimeError("this configuration breaks the loop")

    monkeypatch.setattr(poll, "due", breaks)

    assert (loop.turns(), loop.begins_anew) == (6, True)


def test_with_an_acknowledgement_it_goes_on(site: Site) -> None:
    loop = Loop(site)
    loop.agent._take_offset(offset(0), loop.clock.now())
    loop.clock.advance(100_000)
    loop.agent.step()

    results = [dict(one) for one in loop.agent.spool.unsettled(0, 100) if one["kind"] == "result"]
    assert [(one["command"], one["ok"]) for one in results] == [(f"config:{HASH}", True)]
    assert not loop.agent._begins_anew
    loop.agent.stop()
    assert not loop.agent.run()


# --- the process of its own -------------------------------------------------------------------------------------------


def test_a_push_is_looked_through_in_a_process_of_its_own(site: Site) -> None:
    assert remote.check_apart(site.path, BODY)["uplink"]["batch_s"] == 900
    with pytest.raises(ConfigError, match="bath_s: there is no such key"):
        remote.check_apart(site.path, BAD)


@pytest.mark.parametrize("path", ["nowhere.json"])
def test_a_base_that_is_gone_is_a_mistake_too(path: str) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json: No such file"):
        remote.check_apart(path, BODY)


def test_a_start_that_fails_with_what_was_pushed_goes_on_with_the_one_before(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.push(payload())
    ran: list[str] = []

    class Fragile(Agent):
        """It holds the data folder already when it breaks."""

        def __init__(self, config: Config, **more: Any) -> None:
            super().__init__(config, **more)
            if config.hash == HASH:
                raise LookupError("there is no probe 'hots'")

        def run(self) -> bool:
            ran.append(self._config.hash)
            self.spool._abandon()
            self._warden.close()
            return False

    monkeypatch.setattr("roundsman_agent.agent.Agent", Fragile)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    code = cli.main(["run", site.path])

    for number, handler in handlers.items():
        signal.signal(number, handler)
    local = read_file(site.path)["hash"]
    assert (code, ran) == (0, [local])
    journal = pushed.read(str(site.folder / "data"))
    assert (journal.in_force, journal.turned_down) == (None, HASH)
