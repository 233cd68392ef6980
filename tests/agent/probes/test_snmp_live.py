"""SNMP over a real socket: snmpsim and Debian's snmpd answer (neither is ours), and hostile devices babble."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto.api import v2c

from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.probes import snmp
from roundsman_agent.snmp_family import Talk
from roundsman_agent.snmp_session import V2cSession
from roundsman_agent.snmp_visit import ROWS_LIMIT
from tests.agent.probes.devices import Ports
from tests.agent.probes.snmprec import recorded, visited

UPS = "1.3.6.1.2.1.33.1"
NVR = "1.3.6.1.4.1.50001.1"

# Two devices of the cast as the simulator's recordings; the community names the device.
UPS_2 = f"""\
1.3.6.1.2.1.1.3.0|67|8205439
{UPS}.2.1.0|2|2
{UPS}.2.2.0|2|37
{UPS}.2.3.0|2|12
{UPS}.2.4.0|2|81
{UPS}.2.7.0|2:error|status=generror,value=20
{UPS}.3.2.0|2|1
{UPS}.3.3.1.3.1|2|0
{UPS}.4.1.0|2|5
{UPS}.4.3.0|2|1
{UPS}.4.4.1.2.1|2|2198
{UPS}.4.4.1.5.1|2|64
"""
NVR_2 = "\n".join(
    [
        "1.3.6.1.2.1.1.3.0|67|360000",
        f"{NVR}.230.0|2|1",
        *(f"{NVR}.241.1.{column}.{disk}.0|2|{column}" for column in (3, 4, 5) for disk in range(1, 46)),
        "",
    ]
)


RECORDED = {
    "huawei-gse200m": "UPS/huawei-gse200m",
    "phoenixtec-power": "UPS/phoenixtec-power",
    "hikvision": "camera/hikvision",
    "metel-poe-box": "network/switch/metel-poe-box",
}
"""Devices of snmpsim-data that the simulator plays too; the community names the file."""


def recorded_file(name: str) -> Path:
    data = pytest.importorskip("snmpsim_data", reason="pip install 'roundsman-agent[simulators]'")
    return Path(next(iter(data.__path__))) / "data" / f"{RECORDED[name]}.snmprec.bz2"


THREE: dict[str, Any] = {
    "version": "3",
    "user": "rounds",
    "auth": "sha",
    "auth_password": "check-password-1",
    "context": "nvr-2",
}


def settings(port: int, community: str = "public", **more: object) -> dict[str, object]:
    given = {"host": "127.0.0.1", "port": port, "community": community, "try_s": 1.0, "timeout_s": 20.0, **more}
    return complete(snmp.probe, given)


def visit(given: dict[str, object]) -> Answer:
    return snmp.parse(snmp.fetch(given), given)


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_for(process: subprocess.Popen[bytes], answers: Callable[[], object], log: Path) -> None:
    """Poll until the program answers; its log says why when it does not."""
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            answers()
            return
        except ProbeError:
            time.sleep(0.05)
    pytest.fail(f"{process.args!r} does not answer: {log.read_text(errors='replace')[-2000:]}")


def stopped(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(10)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """snmpsim with two devices; its port."""
    pytest.importorskip("snmpsim", reason="snmpsim is not installed: pip install 'roundsman-agent[simulators]'")
    folder = tmp_path_factory.mktemp("snmpsim")
    (folder / "data").mkdir()
    (folder / "data/ups-2.snmprec").write_text(UPS_2)
    (folder / "data/nvr-2.snmprec").write_text(NVR_2)
    for name in RECORDED:
        shutil.copy(recorded_file(name), folder / "data")
    port, log = free_udp_port(), folder / "log"
    command = [
        str(Path(sys.executable).with_name("snmpsim-command-responder")),
        f"--data-dir={folder / 'data'}",
        f"--cache-dir={folder / 'cache'}",
        f"--agent-udpv4-endpoint=127.0.0.1:{port}",
        "--v3-user=rounds",
        "--v3-auth-proto=SHA",
        "--v3-auth-key=check-password-1",
    ]
    if os.getuid() == 0:  # it refuses to stay root unless told to
        command += ["--process-user=root", "--process-group=root"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_for(process, lambda: visit(settings(port, "nvr-2", try_s=0.2, tries=1)), log)
        yield port
    finally:
        stopped(process)


def test_ups_2_on_battery_is_read_from_a_simulator(
    simulator: int, belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    answer = visit(settings(simulator, "ups-2"))

    assert answer == Answer(
        readings={
            "ups.battery_state": "normal",
            "ups.on_battery_s": 37,
            "ups.runtime_min": 12,
            "ups.charge_percent": 81,
            "ups.battery_celsius": None,
            "ups.output_source": "battery",
            "ups.uptime_s": 82054.39,
            "input[1].volts": 0,
            "output[1].volts": 219.8,
            "output[1].load_percent": 64,
            "ups.load_percent": 64,
        },
        failed={"ups.battery_celsius": ("bad_answer", f"the device answers genErr to {UPS}.2.7.0")},
    )
    belongs_to_the_catalogue(answer)


def test_a_table_longer_than_one_request_is_walked_to_its_end(simulator: int) -> None:
    readings = visit(settings(simulator, "nvr-2")).readings

    assert [name for name in readings if name.endswith(".state")][1:] == [f"disk[{n}].state" for n in range(1, 46)]
    assert readings["disk[45].capacity_mb"] == 5
    assert readings == visit(settings(simulator, "nvr-2", repetitions=1)).readings


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_device_played_by_the_simulator_is_read_as_its_file_says(simulator: int, name: str) -> None:
    given = settings(simulator, name, try_s=5.0)  # a request of sixty objects takes it more than a second

    talk = snmp.fetch(given)

    offline = visited(recorded(recorded_file(name)))
    assert isinstance(talk, Talk)
    assert talk.family == offline.family
    answer, expected = snmp.parse(talk, given), snmp.parse(offline, given)
    assert (answer.readings, answer.failed) == (expected.readings, expected.failed)


def test_a_device_asked_for_the_wrong_family_says_not_supported(simulator: int) -> None:
    with pytest.raises(ProbeError) as caught:
        visit(settings(simulator, "nvr-2", family="printer"))

    assert (caught.value.code, caught.value.detail) == (
        "not_supported",
        "127.0.0.1: answers SNMP, but has no object of printer",
    )


def test_a_wrong_community_is_silence(simulator: int) -> None:
    with pytest.raises(ProbeError) as caught:
        visit(settings(simulator, "secret-community", try_s=0.2, tries=2))

    assert caught.value.code == "timeout"
    assert "secret-community" not in str(caught.value)


def test_version_3_is_answered_alike(simulator: int) -> None:
    assert visit(settings(simulator, **THREE)) == visit(settings(simulator, "nvr-2"))


def test_a_wrong_password_in_version_3_is_named(simulator: int) -> None:
    with pytest.raises(ProbeError) as caught:
        visit(settings(simulator, **{**THREE, "auth_password": "wrong-password"}))

    assert caught.value.code == "bad_credentials"
    assert "wrong-password" not in str(caught.value)


def test_nothing_is_left_running_or_open_after_visits(simulator: int) -> None:
    visit(settings(simulator, **THREE))
    before = set(os.listdir("/proc/self/fd")), threading.active_count()

    for _ in range(3):
        visit(settings(simulator, "ups-2"))
        visit(settings(simulator, **THREE))

    assert (set(os.listdir("/proc/self/fd")), threading.active_count()) == before


# --- Debian's snmpd: another implementation -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def net_snmp(snmpd: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Debian's snmpd that plays a UPS, with a community and a version 3 user; its port."""
    folder = tmp_path_factory.mktemp("snmpd")
    port, log = free_udp_port(), folder / "log"
    objects = {"2.1": 2, "2.4": 100, "3.2": 1, "4.1": 3, "4.3": 1}
    (folder / "snmpd.conf").write_text(
        "\n".join(
            [
                f"agentAddress udp:127.0.0.1:{port}",
                "rocommunity monitor 127.0.0.1",
                "createUser rounds SHA-256 check-password-1",
                "rouser rounds auth",
                *(f"override {UPS}.{oid}.0 integer {value}" for oid, value in objects.items()),
                f"override {UPS}.4.4.1.5.1 integer 42",
                "",
            ]
        )
    )
    environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(folder / "state"), "SNMPCONFPATH": str(folder)}
    command = [str(snmpd), "-f", "-Lf", str(log), "-C", "-c", str(folder / "snmpd.conf"), "-p", str(folder / "pid")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(process, lambda: visit(settings(port, "monitor", try_s=0.2, tries=1)), log)
        yield port
    finally:
        stopped(process)


def test_the_interfaces_of_this_machine_are_read_as_the_kernel_has_them(net_snmp: int) -> None:
    """Real counters by an agent that is not ours; the first visit knows of no change, the second does."""
    names = sorted(path.name for path in Path("/sys/class/net").iterdir() if (path / "operstate").is_file())
    given = settings(net_snmp, "monitor", family="switch", ports=names)

    first, second = visit(given), visit(given)

    for name in names:
        kernel = Path(f"/sys/class/net/{name}/operstate").read_text().strip()
        is_up = kernel == "up" or (
            kernel == "unknown" and int(Path(f"/sys/class/net/{name}/flags").read_text(), 16) & 1
        )
        if is_up:
            assert first.readings[f"port[{name}].state"] == "up"
    assert "port[lo].changes" not in first.readings
    assert second.readings["port[lo].changes"] == 0
    assert second.readings.get("port[lo].error_percent", 0) == 0


EXPECTED = {
    "ups.battery_state": "normal",
    "ups.charge_percent": 100,
    "ups.output_source": "normal",
    "output[1].load_percent": 42,
    "ups.load_percent": 42,
}


def test_a_ups_played_by_net_snmp_is_read(net_snmp: int) -> None:
    readings = dict(visit(settings(net_snmp, "monitor")).readings)

    assert isinstance(readings.pop("ups.uptime_s"), int | float)
    assert readings == EXPECTED


def test_net_snmp_is_read_in_version_3_with_authentication(net_snmp: int) -> None:
    three = {"version": "3", "user": "rounds", "auth": "sha256", "auth_password": "check-password-1"}
    readings = dict(visit(settings(net_snmp, **three)).readings)

    assert isinstance(readings.pop("ups.uptime_s"), int | float)
    assert readings == EXPECTED


# --- hostile devices ----------------------------------------------------------------------------------------------


def test_a_device_that_is_off_is_a_timeout_within_its_tries(udp: Ports) -> None:
    device = udp(lambda asked: [])
    begin = time.monotonic()

    with pytest.raises(ProbeError) as caught:
        visit(settings(device.port, try_s=0.2, tries=3))

    assert caught.value.code == "timeout"
    assert time.monotonic() - begin < 2
    assert device.asked == 3


def test_a_short_visit_still_asks_as_often_as_it_should(udp: Ports) -> None:
    device = udp(lambda asked: [])
    begin = time.monotonic()

    with pytest.raises(ProbeError):
        visit(settings(device.port, try_s=2.0, tries=3, timeout_s=0.6))

    assert device.asked == 3
    assert time.monotonic() - begin < 4  # the tries as they were set take six seconds


def test_a_port_where_nobody_listens_is_refused() -> None:
    with pytest.raises(ProbeError) as caught:
        visit(settings(free_udp_port()))

    assert caught.value.code == "refused"


def test_a_name_that_nobody_knows_is_no_host() -> None:
    with pytest.raises(ProbeError) as caught:
        visit(settings(161, host="nvr-2.invalid"))

    assert caught.value.code == "no_host"


@pytest.mark.parametrize(
    "garbage", [b"", b"\x00", b"\x30\x84\xff\xff\xff\xff", b"\xff" * 60_000, b"\x30\x80" * 5000, b"HTTP/1.1 400\r\n"]
)
def test_bytes_that_are_no_snmp_are_a_bad_answer(udp: Ports, garbage: bytes) -> None:
    device = udp(lambda asked: [garbage])

    with pytest.raises(ProbeError) as caught:
        visit(settings(device.port, try_s=0.3, tries=1))

    assert caught.value.code == "bad_answer"
    assert "no SNMP version 2c message" in caught.value.detail


def test_a_flood_of_garbage_ends_with_the_visit(udp: Ports) -> None:
    device = udp(lambda asked: [b"\x30"] * 5000)
    begin = time.monotonic()

    with pytest.raises(ProbeError):
        visit(settings(device.port, try_s=0.3, tries=10, timeout_s=1.0))

    assert time.monotonic() - begin < 3


def answered(
    asked: bytes, pairs: Callable[[str], list[tuple[str, object]]], *, shift: int = 0, status: int = 0
) -> bytes:
    """The answer of a device: `pairs` gives the objects for the first that was asked; `shift` falsifies the number."""
    message, _ = decoder.decode(asked, asn1Spec=v2c.Message())
    request = v2c.apiMessage.get_pdu(message)
    response = v2c.GetResponsePDU()
    v2c.apiPDU.set_defaults(response)
    v2c.apiPDU.set_request_id(response, v2c.apiPDU.get_request_id(request) + shift)
    v2c.apiPDU.set_error_status(response, status)
    first = str(v2c.apiPDU.get_varbinds(request)[0][0])
    v2c.apiPDU.set_varbinds(response, [(oid, value) for oid, value in pairs(first)])
    v2c.apiMessage.set_pdu(message, response)
    encoded: bytes = encoder.encode(message)
    return encoded


READS = {0: "GetRequest", 1: "GetNextRequest", 5: "GetBulkRequest"}
"""The numbers of the PDUs that change nothing (RFC 3416); 3 is SetRequest."""


@pytest.mark.reads_only
def test_a_visit_sends_nothing_but_get_getnext_and_getbulk(udp: Ports) -> None:
    asked: list[str] = []

    def reply(data: bytes) -> list[bytes]:
        message, _ = decoder.decode(data, asn1Spec=v2c.Message())
        number = v2c.apiMessage.get_pdu(message).tagSet.superTags[-1].tagId
        asked.append(READS.get(number, f"PDU {number}"))
        return [answered(data, lambda oid: [(f"{NVR}.230.0", v2c.Integer(1))])]

    device = udp(reply)

    visit(settings(device.port, try_s=0.2, tries=1, timeout_s=3.0))

    assert len(asked) >= 3
    assert set(asked) <= set(READS.values())


def test_the_answer_to_another_question_is_not_believed(udp: Ports) -> None:
    device = udp(lambda asked: [answered(asked, lambda oid: [(f"{UPS}.4.1.0", v2c.Integer(5))], shift=7)])

    with pytest.raises(ProbeError) as caught:
        visit(settings(device.port, try_s=0.2, tries=2))

    assert caught.value.code == "timeout"


def test_a_device_that_was_exchanged_for_one_of_another_family_is_found_out_at_once(udp: Ports) -> None:
    uptime = ("1.3.6.1.2.1.1.3.0", v2c.TimeTicks(4711))
    ups, nvr = (f"{UPS}.4.1.0", v2c.Integer(5)), (f"{NVR}.230.0", v2c.Integer(1))
    there = [ups]
    device = udp(lambda asked: [answered(asked, lambda oid: [uptime, there[0]])])
    given = settings(device.port)
    assert visit(given).readings["ups.output_source"] == "battery"

    there[0] = nvr

    assert visit(given).readings == {"nvr.state": "online", "nvr.uptime_s": 47.11}


def test_an_answer_that_arrives_during_the_next_try_counts(udp: Ports) -> None:
    late: list[bytes] = []

    def reply(asked: bytes) -> list[bytes]:
        late.append(answered(asked, lambda oid: [(f"{NVR}.230.0", v2c.Integer(1))]))
        return [late[0]] if len(late) > 1 else []

    device = udp(reply)

    with V2cSession(
        host="127.0.0.1",
        port=device.port,
        community="c",
        try_s=0.2,
        tries=2,
        deadline=time.monotonic() + 5,
    ) as session:
        assert [oid for oid, _ in session.next([NVR])] == [f"{NVR}.230.0"]


def test_a_table_that_never_ends_is_cut(udp: Ports) -> None:
    def endless(oid: str) -> list[tuple[str, object]]:
        column = f"{NVR}.241.1.3"
        last = int(oid.split(".")[-2]) if oid.startswith(column + ".") else 0
        return [(f"{column}.{last + n}.0", v2c.Integer(0)) for n in range(1, 21)]

    device = udp(lambda asked: [answered(asked, endless)])

    talk = snmp.fetch(settings(device.port, family="hikvision_nvr"))

    assert isinstance(talk, Talk)
    assert len([oid for oid in talk.answers if oid.startswith(f"{NVR}.241.1.3.")]) == ROWS_LIMIT


def test_a_device_that_repeats_itself_is_left(udp: Ports) -> None:
    device = udp(lambda asked: [answered(asked, lambda oid: [(f"{NVR}.241.1.3.1.0", v2c.Integer(0))])])

    talk = snmp.fetch(settings(device.port, family="hikvision_nvr"))

    assert set(talk.answers) == {f"{NVR}.241.1.3.1.0"}
    assert device.asked < 20


def test_a_device_that_falls_silent_in_the_middle_keeps_what_it_said(udp: Ports) -> None:
    asked_so_far: list[bytes] = []

    def reply(asked: bytes) -> list[bytes]:
        asked_so_far.append(asked)
        if len(asked_so_far) > 2:
            return []
        return [answered(asked, lambda oid: [(f"{NVR}.230.0", v2c.Integer(1))])]

    device = udp(reply)

    answer = visit(settings(device.port, family="hikvision_nvr", try_s=0.2, tries=1))

    assert answer.readings["nvr.state"] == "online"
    assert answer.readings["nvr.memory_percent"] is None
    assert answer.failed["nvr.memory_percent"][0] == "timeout"


def test_a_device_that_only_complains_is_not_asked_for_ever(udp: Ports) -> None:
    device = udp(lambda asked: [answered(asked, lambda oid: [(oid, v2c.Null(""))], status=1)])

    with pytest.raises(ProbeError) as caught:
        visit(settings(device.port))

    assert caught.value.code == "not_supported"
    assert device.asked < 20


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"user": ""}, "version 3 needs a user of 1 to 32 characters"),
        ({"auth_password": "short"}, "auth = sha needs an auth_password of at least 8 characters"),
        ({"auth": "none", "priv": "aes", "priv_password": "long enough"}, "priv = aes needs an auth that is not none"),
        ({"priv": "aes", "priv_password": "short"}, "priv = aes needs a priv_password of at least 8 characters"),
    ],
)
def test_a_version_3_user_that_cannot_be_is_a_bad_setting(more: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ProbeError) as caught:
        visit(settings(free_udp_port(), **{**THREE, **more}))

    assert (caught.value.code, caught.value.detail.partition(": ")[2]) == ("bad_setting", complaint)
