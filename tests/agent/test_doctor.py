"""The doctor: every check finds what is wrong, says how to mend it, and never waits for ever."""

import json
import os
import pty
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roundsman_agent import cli, doctor, pushed
from roundsman_agent.adjtimex import Kernel
from roundsman_agent.check import check
from roundsman_agent.config import Config, ProbeUse, made
from roundsman_agent.doctor import Finding, findings, printed
from roundsman_agent.probe import Answer, Probe, ProbeError
from roundsman_agent.pushed import Journal, Pushed
from roundsman_agent.visit import Heard
from roundsman_wire import topics
from tests.agent.cast import START
from tests.agent.cast import config as plain
from tests.agent.tiny_broker import TinyBroker

pytestmark = pytest.mark.alone

CONFIG = """
[agent]
id = "gw-2"
group = "south"
data = "data"
[broker]
host = "127.0.0.1"
port = {port}
[spool]
free_floor_bytes = 0
max_bytes = 1_000_000
[[device]]
id = "kiosk-7"
kind = "kiosk"
[[device.probe]]
name = "host"
"""


def made_at(folder: Path, port: int = 1, more: str = "") -> str:
    path = folder / "agent.toml"
    path.write_text(CONFIG.format(port=port) + more)
    path.chmod(0o640)
    return str(path)


def seen(folder: Path, port: int = 1, more: str = "") -> dict[str, list[Finding]]:
    """All findings of a configuration by what they are about."""
    found: dict[str, list[Finding]] = {}
    for one in findings(made_at(folder, port, more)):
        found.setdefault(one.what, []).append(one)
    return found


def levels(found: Sequence[Finding]) -> list[str]:
    return [one.level for one in found]


@pytest.fixture
def broker() -> Iterator[TinyBroker]:
    with TinyBroker() as broker:
        yield broker


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ANSWER_S", 1.0)
    monkeypatch.setattr(doctor, "LISTEN_S", 0.5)


# --- the whole --------------------------------------------------------------------------------------------------------


def test_a_configuration_that_cannot_be_used_is_the_only_finding(tmp_path: Path) -> None:
    (only,) = findings(made_at(tmp_path, more="[uplnik]\n"))

    assert (only.level, only.what) == ("FAIL", "configuration")
    assert "agent.toml:17: uplnik: there is no such key; expected 'uplink'?" in only.found


def test_every_finding_that_is_not_well_says_what_to_do(tmp_path: Path, broker: TinyBroker) -> None:
    found = [one for some in seen(tmp_path, broker.port).values() for one in some]

    assert [one for one in found if one.level != "OK" and not one.mend] == []
    looked_at = {one.what for one in found}
    assert looked_at >= {"configuration", "permissions", "clock", "spool", "agent", "DNS", "TCP", "TLS", "login"}


def test_a_check_that_breaks_or_hangs_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    def hang(_: Config) -> Sequence[Finding]:
        gate.wait()
        return []

    def crash(_: Config) -> Sequence[Finding]:
        raise RuntimeError("what now")

    monkeypatch.setattr(doctor, "CHECKS", (("hangs", hang), ("breaks", crash)))
    monkeypatch.setattr(doctor, "DEADLINE_S", 0.2)
    began = time.monotonic()
    *_, hung, broken = findings(made_at(tmp_path))
    gate.set()

    assert time.monotonic() - began < 5
    assert (hung.level, hung.found) == ("FAIL", "no answer within 0.2 s")
    assert (broken.level, broken.found) == ("FAIL", "cannot be looked at: RuntimeError: what now")


def test_it_prints_a_line_and_what_to_do() -> None:
    assert printed(Finding("WARN", "clock", "not kept by NTP", "let it run")) == (
        "WARN clock         not kept by NTP\n                   -> let it run"
    )


def test_the_exit_code_says_whether_something_has_to_be_mended(
    tmp_path: Path, broker: TinyBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir(mode=0o750)

    assert cli.main(["doctor", made_at(tmp_path, broker.port)]) == 0
    assert cli.main(["doctor", made_at(tmp_path, port=1)]) == 1
    capsys.readouterr()
    assert cli.main(["doctor", "--json", str(tmp_path / "agent.toml")]) == 1
    listed = json.loads(capsys.readouterr().out)
    assert {"level": "FAIL", "what": "TCP", "found": "127.0.0.1:1: Connection refused"}.items() <= next(
        one for one in listed if one["what"] == "TCP"
    ).items()


def test_secrets_are_in_nothing_it_says(tmp_path: Path, broker: TinyBroker) -> None:
    more = '[secrets]\na = "hunter2"\n'
    text = CONFIG.replace("port = {port}", 'port = {port}\nuser = "gw-2"\npassword = "hunter3"')
    path = tmp_path / "agent.toml"
    path.write_text(text.format(port=broker.port) + more)

    said = "\n".join(map(printed, findings(str(path))))

    assert "hunter" not in said


# --- this machine -----------------------------------------------------------------------------------------------------


def test_a_file_that_everybody_reads_is_warned_of(tmp_path: Path) -> None:
    path = made_at(tmp_path)
    os.chmod(path, 0o644)

    (one,) = doctor._permissions(path, made(check(path), path))

    assert (one.level, one.mend) == ("WARN", f"chmod o-r {path}")


def test_a_data_folder_for_everybody_is_warned_of_and_one_for_us_is_well(tmp_path: Path) -> None:
    path = made_at(tmp_path)
    config = made(check(path), path)
    (tmp_path / "data").mkdir()
    found = {}
    for mode in (0o777, 0o750):
        (tmp_path / "data").chmod(mode)
        (one,) = doctor._permissions(path, config)
        found[mode] = one.level

    assert found == {0o777: "WARN", 0o750: "OK"}


def test_a_password_file_that_is_gone_is_a_failure(tmp_path: Path) -> None:
    path = made_at(tmp_path)
    config = made(check(path), path)
    config = replace(config, broker=replace(config.broker, password_file=str(tmp_path / "none")))

    assert levels(doctor._permissions(path, config)) == ["FAIL"]


@pytest.mark.parametrize(
    ("free", "floor", "level"),
    [(10_000_000, 0, "OK"), (900_000, 0, "WARN"), (900_000, 1_000_000, "FAIL")],
)
def test_the_disk_has_room_for_the_spool_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, floor: int, level: str
) -> None:
    config = plain(str(tmp_path))
    config = replace(config, spool=replace(config.spool, max_bytes=1_000_000, free_floor_bytes=floor))
    monkeypatch.setattr(doctor.machine, "free_bytes", lambda _: free)

    assert levels(doctor._spool(config)) == [level]


def test_a_spool_that_was_damaged_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "damaged-2026.db").write_bytes(b"x")

    assert "WARN" in levels(doctor._spool(plain(str(tmp_path))))


@pytest.mark.skipif(not os.path.exists("/proc/locks"), reason="/proc/locks is Linux's: use Linux")
def test_an_agent_that_runs_is_seen_by_its_lock_which_is_left_alone(tmp_path: Path) -> None:
    config = plain(str(tmp_path))
    never = doctor._running(config)
    lock = doctor.machine.lock(str(tmp_path / "lock"))
    with lock:
        runs = doctor._running(config)
    ended = doctor._running(config)

    assert [levels(one) for one in (never, runs, ended)] == [["WARN"], ["OK"], ["WARN"]]
    assert str(os.getpid()) in runs[0].found


@pytest.mark.parametrize(
    ("wall", "said", "level"),
    [
        (0, Kernel(synchronised=False, max_error_us=0), "FAIL"),
        (START.wall, Kernel(synchronised=False, max_error_us=0), "WARN"),
        (START.wall, ("not_supported", "plan9 has no adjtimex"), "WARN"),
        (START.wall, Kernel(synchronised=True, max_error_us=2_000), "OK"),
    ],
)
def test_the_clock_is_in_1970_free_or_kept(monkeypatch: pytest.MonkeyPatch, wall: int, said: Any, level: str) -> None:
    class Told:
        def now(self) -> Any:
            return replace(START, wall=wall)

    monkeypatch.setattr(doctor, "SystemClock", Told)
    monkeypatch.setattr(doctor, "kernel_clock", lambda: said)

    assert levels(doctor._clock(plain("/nowhere"))) == [level]


@pytest.mark.parametrize(
    ("unit", "level"),
    [
        ({"LoadState": "not-found"}, "WARN"),
        ({"LoadState": "loaded", "ActiveState": "active", "Type": "simple"}, "WARN"),
        ({"LoadState": "loaded", "ActiveState": "active", "Type": "notify", "WatchdogUSec": "0"}, "WARN"),
        ({"LoadState": "loaded", "ActiveState": "failed", "Type": "notify", "WatchdogUSec": "1min"}, "FAIL"),
        ({"LoadState": "loaded", "ActiveState": "active", "Type": "notify", "WatchdogUSec": "1min"}, "OK"),
    ],
)
def test_the_unit_watches_over_the_agent_or_not(unit: dict[str, str], level: str) -> None:
    assert doctor._unit_said(unit).level == level


def test_what_was_pushed_is_told_and_looked_at(tmp_path: Path) -> None:
    path = made_at(tmp_path)
    body = check(path)
    tables = {"uplink": {**body["uplink"], "batch_s": 900}}
    (tmp_path / "data").mkdir()
    good = Pushed(hash="a" * 12, body={}, tables=tables, local=body["given"])
    levels_of = {}
    for name, one in {
        "in force": good,
        "given way": replace(good, local="another"),
        "unusable": replace(good, tables={"uplink": {}}),
    }.items():
        pushed.write(str(tmp_path / "data"), Journal(settled=one))
        config, (told,) = doctor._with_what_was_pushed(body, made(body, path))
        levels_of[name] = (told.level, config.uplink.batch_s)

    assert levels_of == {"in force": ("OK", 900), "given way": ("OK", 0), "unusable": ("WARN", 0)}


# --- the way to the broker --------------------------------------------------------------------------------------------


def test_a_name_that_nobody_knows_is_a_failure() -> None:
    config = plain("/nowhere")

    (one,) = doctor._names(replace(config, broker=replace(config.broker, host="collector.invalid")))

    assert one.level == "FAIL"


def test_the_visit_does_not_throw_the_agent_out_and_publishes_nothing(tmp_path: Path, broker: TinyBroker) -> None:
    found = seen(tmp_path, broker.port)

    assert levels(found["login"]) == ["OK"]
    assert (broker.client_id, broker.clean, broker.published, broker.will) == ("gw-2-doctor", True, [], None)
    assert broker.farewells == 1
    assert set(broker.subscribed) == {
        topics.down("south", "gw-2", topics.ACK),
        topics.collector_state("south"),
    }


def test_a_credential_that_is_refused_is_a_failure_and_a_client_id_that_is_is_not(
    tmp_path: Path, broker: TinyBroker
) -> None:
    found = {}
    for code in (5, 2):
        broker.refuses = code
        (one,) = seen(tmp_path, broker.port)["login"]
        found[code] = one.level

    assert found == {5: "FAIL", 2: "WARN"}


def test_a_port_that_speaks_something_else_is_a_failure(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        found = seen(tmp_path, server.getsockname()[1])

    assert (levels(found["TCP"]), levels(found["login"])) == (["OK"], ["FAIL"])


def heard(body: Any, wall: int = START.wall) -> Heard:
    return Heard(body if isinstance(body, bytes) else json.dumps(body).encode(), wall)


@pytest.mark.parametrize(
    ("message", "level"),
    [
        (None, "WARN"),
        (heard({"online": True}), "OK"),
        (heard({"online": False}), "WARN"),
        (heard(b"garbage"), "WARN"),
        (heard([]), "WARN"),
    ],
)
def test_the_collector_is_there_or_not(message: Any, level: str) -> None:
    assert doctor._collector(message).level == level


@pytest.mark.parametrize(
    ("message", "level", "said"),
    [
        (None, "OK", "not compared"),
        (heard({"at": START.wall + 1_000}), "OK", "1.0 s ahead of this one"),
        (heard({"at": START.wall - 86_400_000}), "WARN", "86400.0 s behind this one"),
        (heard({"at": None}), "WARN", "makes no sense"),
    ],
)
def test_the_clock_is_compared_with_an_acknowledgement_that_comes_by(message: Any, level: str, said: str) -> None:
    one = doctor._compared(message)

    assert (one.level, said in one.found) == (level, True)


# --- what it reads ----------------------------------------------------------------------------------------------------


def test_a_serial_port_is_gone_none_held_or_free(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    port = os.ttyname(follower)
    os.close(follower)
    gone, plain_file = tmp_path / "none", tmp_path / "file"
    plain_file.write_text("")
    found = [doctor._port(str(gone)).level, doctor._port(str(plain_file)).level, doctor._port(port).level]
    program = f"import time; f = open({port!r}, 'rb', buffering=0); print('open', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    holder.stdout.readline()
    held = doctor._port(port)
    holder.kill()
    holder.communicate()
    os.close(leader)

    assert found == ["FAIL", "FAIL", "OK"]
    assert (held.level, str(holder.pid) in held.found) == ("WARN", True)


def test_a_line_of_modbus_is_a_serial_port_and_a_host_is_not(tmp_path: Path) -> None:
    config = plain(str(tmp_path))
    (one,) = config.devices
    uses = tuple(
        ProbeUse(name="modbus", label="modbus", every_s=60, timeout_s=1, settings={"at": at})
        for at in (f"{tmp_path}/none", "192.0.2.7:502")
    )

    found = doctor._ports(replace(config, devices=(replace(one, probes=uses),)))

    assert [(one.level, one.found) for one in found] == [("FAIL", f"{tmp_path}/none: No such file or directory")]


def use(name: str, timeout_s: float = 1) -> ProbeUse:
    return ProbeUse(name="snmp", label="snmp", every_s=60, timeout_s=timeout_s, settings={"host": name})


def test_targets_that_do_not_answer_are_named_and_delay_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    def fetch(settings: Any) -> Any:
        if settings["host"] == "dead":
            raise ProbeError("timeout", "3 s")
        if settings["host"] == "hangs":
            gate.wait()
        return {"a": 1}

    fake = Probe(
        name="snmp",
        platforms=frozenset(),
        settings=(),
        fetch=fetch,
        parse=lambda raw, _: Answer(readings=raw),  # type: ignore[arg-type]
        default_timeout_s=1,
    )
    monkeypatch.setattr(doctor.probes, "load", lambda _: fake)
    config = plain(str(tmp_path))
    (one,) = config.devices
    hosts = ["well", "dead", "hangs", *(f"well-{n}" for n in range(7))]
    config = replace(config, devices=tuple(replace(one, id=host, probes=(use(host),)) for host in hosts))
    began = time.monotonic()
    (told,) = doctor._targets(config)
    gate.set()

    assert time.monotonic() - began < 5
    assert (told.level, told.found) == ("WARN", "8 of 10 targets answer; dead: timeout: 3 s; hangs: hung")
