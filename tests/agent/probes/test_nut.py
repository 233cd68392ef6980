"""UPS behind Network UPS Tools: Debian's own upsd answers (a third party), and hostile servers that only look like it.

`Server` is ours: it says what a test tells it to, and takes note of every line that is more than a question. upsd
itself would refuse those (no user of it may do anything), and would say so.
"""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent import cli
from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.probes import nut
from roundsman_agent.probes.nut import Told
from roundsman_wire.catalogue import misfit
from tests.agent.probes.nut_site import Site

# What upsc tells of an MGE Pulsar Evolution 500; NUT's own example for dummy-ups.
EVOLUTION = """\
battery.charge: 90
battery.charge.low: 30
battery.runtime: 3690
battery.voltage: 230.0
driver.name: usbhid-ups
driver.parameter.port: auto
input.frequency: 49.0
input.transfer.high: 294.0
input.voltage: 230.0
outlet.1.switch: 1
output.frequency: 49.0
output.voltage: 230.0
ups.delay.shutdown: -1
ups.load: 10
ups.mfr: MGE UPS SYSTEMS
ups.model: Pulsar Evolution 500
ups.serial: AV2G3300L
ups.status: {status}
ups.test.result: Done and passed
"""
ON_MAINS = {
    "ups.output_source": "normal",
    "ups.battery_state": "normal",
    "ups.battery_replace": "no",
    "ups.failed": "no",
    "ups.test_result": "passed",
    "ups.charge_percent": 90,
    "ups.runtime_min": 61.5,
    "ups.load_percent": 10,
    "ups.battery_volts": 230,
    "ups.output_hertz": 49,
    "input[1].hertz": 49,
    "input[1].volts": 230,
    "output[1].volts": 230,
}


def settings(port: int = nut.PORT, **more: object) -> dict[str, object]:
    return complete(nut.probe, {"port": port, "timeout_s": 3.0, **more})


def visit(port: int, **more: object) -> Answer:
    given = settings(port, **more)
    return nut.parse(nut.fetch(given), given)


def told(**variables: str) -> Answer:
    """The answer to variables; a dot is written as two underscores, a hyphen stays."""
    return nut.parse(Told(variables={name.replace("__", "."): value for name, value in variables.items()}), settings())


# --- Debian's upsd ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """upsd with three UPS: ups-2 is well, ups-3 is for the test to ruin, the driver of ups-4 does not run."""
    with Site() as site:
        site.add("ups-2", EVOLUTION.format(status="OL CHRG"))
        site.add("ups-3", EVOLUTION.format(status="OL CHRG"))
        site.add("ups-4", None, options='desc = "the \\"spare\\" one"')
        site.start()
        for name in ("ups-2", "ups-3"):
            until(site, name, lambda answer: answer.readings == ON_MAINS)
        yield site


def until(site: Site, ups: str, is_so: Callable[[Answer], bool]) -> Answer:
    """Visit until the driver tells it."""
    end, seen = time.monotonic() + 30, "nothing"
    while time.monotonic() < end:
        try:
            answer = visit(site.port, ups=ups)
        except ProbeError as error:
            answer = Answer(readings={}, failed={"nut": (error.code, error.detail)})
        if is_so(answer):
            return answer
        seen = str(answer)
        time.sleep(0.05)
    pytest.fail(f"{ups}: last {seen}; {site.log()}")


def test_ups_2_on_mains_is_read_from_upsd(site: Site, belongs_to_the_catalogue: Callable[[Answer], None]) -> None:
    answer = visit(site.port, ups="ups-2")

    assert answer.readings == ON_MAINS
    assert answer.failed == {}
    assert answer.bytes_moved is not None
    assert answer.bytes_moved > 500
    belongs_to_the_catalogue(answer)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("OB DISCHRG", {"ups.output_source": "battery", "ups.battery_state": "normal"}),
        ("OB LB DISCHRG", {"ups.output_source": "battery", "ups.battery_state": "low"}),
        ("OL BYPASS RB", {"ups.output_source": "bypass", "ups.battery_replace": "yes"}),
    ],
    ids=["on battery", "battery low", "bypass, wants a battery"],
)
def test_what_happens_to_a_ups_is_seen(site: Site, status: str, expected: dict[str, str]) -> None:
    site.tell("ups-3", EVOLUTION.format(status=status))

    until(site, "ups-3", lambda answer: answer.readings == {**ON_MAINS, **expected})


def test_a_ups_whose_driver_stands_still_or_ends_is_a_timeout_that_says_which(site: Site) -> None:
    site.stop("ups-3", how=signal.SIGSTOP)
    stale = until(site, "ups-3", lambda answer: "nut" in answer.failed)
    site.stop("ups-3", how=signal.SIGKILL)
    site.stop("ups-3", how=signal.SIGCONT)
    ended = until(site, "ups-3", lambda answer: "NOT-CONNECTED" in str(answer.failed))

    assert stale.failed["nut"][0] == "timeout"
    assert "its driver hears nothing from the UPS (LIST VAR ups-3: ERR DATA-STALE)" in stale.failed["nut"][1]
    assert ended.failed["nut"][0] == "timeout"
    assert visit(site.port, ups="ups-2").readings == ON_MAINS


def test_a_ups_that_never_had_a_driver_is_a_timeout(site: Site) -> None:
    with pytest.raises(ProbeError) as caught:
        visit(site.port, ups="ups-4")

    assert caught.value.code == "timeout"
    assert "the driver of this UPS is not running" in caught.value.detail


def test_a_ups_that_is_not_there_is_a_wrong_setting_that_names_those_that_are(site: Site) -> None:
    with pytest.raises(ProbeError) as unknown:
        visit(site.port, ups="ups-9")
    with pytest.raises(ProbeError) as several:
        visit(site.port)

    assert unknown.value.code == several.value.code == "bad_setting"
    assert "upsd has no UPS of this name (LIST VAR ups-9: ERR UNKNOWN-UPS); it has ups-2, ups-3, ups-4" in str(
        unknown.value
    )
    assert "upsd has ups-2, ups-3, ups-4: name one as ups" in several.value.detail


def test_a_visit_to_upsd_is_recorded_without_whose_ups_it_is(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ups.json"
    told = ["--set", f"port={site.port}", "--set", "ups=ups-2", "--record", str(path), "--model", "X"]

    assert cli.main(["once", "--probe", "nut", "--target", "127.0.0.1", *told]) == 0

    text = path.read_text("utf-8")
    assert json.loads(text)["readings"] == ON_MAINS
    assert "Pulsar" in text
    assert "AV2G3300L" not in text
    assert "driver." not in text


def test_nobody_listening_is_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(ProbeError) as caught:
        visit(port)

    assert caught.value.code == "refused"


# --- servers that a test makes ----------------------------------------------------------------------------------------

Said = Callable[[str], bytes | None]
"""What a server says to a line; None hangs up."""


class Server:
    """Something on a TCP port that may be upsd."""

    def __init__(self, said: Said) -> None:
        self._said = said
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.port: int = self._socket.getsockname()[1]
        self.asked: list[str] = []
        self.deeds: list[str] = []
        self._open = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while self._open:
            try:
                line, _ = self._socket.accept()
            except TimeoutError:
                continue
            with line:
                self._serve(line)

    def _serve(self, line: socket.socket) -> None:
        line.settimeout(5)
        try:
            with line.makefile("rb") as heard:
                for question in heard:
                    answer = self.hear(question.decode().rstrip("\n"))
                    if answer is None:
                        return
                    line.sendall(answer)
        except OSError:  # the visitor has left
            return

    def hear(self, question: str) -> bytes | None:
        asks = question.startswith(("LIST UPS", "LIST VAR ", "GET VAR ")) or question == "LOGOUT"
        (self.asked if asks else self.deeds).append(question)
        return self._said(question)

    def close(self) -> None:
        self._open = False
        self._thread.join(10)
        self._socket.close()


Servers = Callable[[Said], Server]


@pytest.fixture
def server() -> Iterator[Servers]:
    """Make servers; the test fails when more than a question was put to one of them."""
    made: list[Server] = []

    def make(said: Said) -> Server:
        made.append(Server(said))
        return made[-1]

    yield make
    for one in made:
        one.close()
    assert [one.deeds for one in made if one.deeds] == []


def listed(*rows: str, what: str = "VAR ups-2") -> bytes:
    return "".join(f"{row}\n" for row in (f"BEGIN LIST {what}", *rows, f"END LIST {what}")).encode()


ONE_UPS = listed('UPS ups-2 "the \\"only\\" one"', what="UPS")
ITS_VARIABLES = listed(
    'VAR ups-2 ups.status "OL"', 'VAR ups-2 ups.load "14"', 'VAR ups-2 driver.parameter.password "x"'
)


def one_ups(question: str) -> bytes:
    return ONE_UPS if question == "LIST UPS" else ITS_VARIABLES


@pytest.mark.reads_only
def test_upsd_is_asked_for_lists_and_for_nothing_else(server: Servers) -> None:
    upsd = server(one_ups)

    assert visit(upsd.port).readings["ups.load_percent"] == 14
    assert upsd.asked == ["LIST UPS", "LIST VAR ups-2"]


def test_the_fake_upsd_notices_whatever_does_something() -> None:
    upsd = Server(lambda question: b"OK\n")
    try:
        for deed in ("SET VAR ups-2 ups.id x", "INSTCMD ups-2 load.off", "FSD ups-2", "LOGIN ups-2", "USERNAME x"):
            upsd.hear(deed)
    finally:
        upsd.close()

    assert len(upsd.deeds) == 5
    assert upsd.asked == []


def test_a_name_that_is_several_words_is_not_said(server: Servers) -> None:
    upsd = server(one_ups)

    for name in ("ups-2\nFSD ups-2", "ups-2 ups.load", '"', "ups\x00", "x" * 200):
        with pytest.raises(ProbeError) as caught:
            visit(upsd.port, ups=name)
        assert caught.value.code == "bad_setting"

    assert upsd.asked == []


def test_a_name_that_upsd_tells_is_not_believed_blindly(server: Servers) -> None:
    upsd = server(lambda question: listed('UPS "ups-2 ups.load" "two words"', what="UPS"))

    with pytest.raises(ProbeError) as caught:
        visit(upsd.port)

    assert caught.value.code == "bad_setting"
    assert upsd.asked == ["LIST UPS"]


@pytest.mark.parametrize(
    ("said", "code", "why"),
    [
        (b"", "timeout", "no answer in time"),
        (b"BEGIN LIST VAR ups-2\nVAR ups-2 ups.status", "timeout", "no answer in time"),
        (None, "bad_answer", "hangs up"),
        (b"ERR ACCESS-DENIED\n", "permission", "does not let us read"),
        (b"ERR DATA-STALE\n", "timeout", "hears nothing"),
        (b"ERR UNKNOWN-COMMAND\n", "not_supported", "does not know LIST"),
        (b"ERR SOMETHING-NEW extra\n", "bad_answer", "ERR SOMETHING-NEW"),
        (b'BEGIN LIST VAR ups-2\nVAR ups-2 ups.load "1"\nERR DATA-STALE\n', "timeout", "hears nothing"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "bad_answer", "is this upsd?"),
        (b"\xff\x00\xfe\n", "bad_answer", "is this upsd?"),
        (b"\n", "bad_answer", "is this upsd?"),
        (b"x" * 100_000, "bad_answer", "a line of more than"),
        (b"BEGIN LIST VAR ups-2\n" + b'VAR ups-2 a.b "c"\n' * 30_000, "bad_answer", "is this upsd?"),
        (b"BEGIN LIST VAR ups-2\n" + b"\n" * 400_000, "bad_answer", "is this upsd?"),
        (b"BEGIN LIST VAR ups-2\n" + (b"x" * 4000 + b"\n") * 100, "bad_answer", "more than 262144 bytes"),
    ],
    ids=[
        "silence",
        "half a list",
        "hanging up",
        "ACCESS-DENIED",
        "DATA-STALE",
        "UNKNOWN-COMMAND",
        "an error of next year",
        "stale in the midst of a list",
        "an SSH server",
        "garbage",
        "an empty line",
        "a line without end",
        "a list without end",
        "a list of nothing without end",
        "long lines without end",
    ],
)
def test_what_is_no_whole_list_is_no_reading(server: Servers, said: bytes | None, code: str, why: str) -> None:
    begin = time.monotonic()

    with pytest.raises(ProbeError) as caught:
        visit(server(lambda question: said).port, ups="ups-2", timeout_s=0.6)

    assert (caught.value.code, why in caught.value.detail) == (code, True), caught.value
    assert time.monotonic() - begin < 3


def test_rows_that_nobody_knows_are_passed_over(server: Servers) -> None:
    said = listed(
        "",
        "VAR",
        'VAR ups-2 ups.status "OL"',
        'VAR ups-2 ups.mfr "a \\"quoted\\" name" more',
        "NOTE of next year",
        'VAR ups-2 ups.load "14',
        "VAR ups-2 input.voltage 229.5",
    )

    answer = visit(server(lambda question: said).port, ups="ups-2")

    assert answer.readings["ups.output_source"] == "normal"
    assert answer.readings["input[1].volts"] == 229.5


# --- what real devices tell (NUT's Devices Dumps Library) ----------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "expected", "refused"),
    [
        (
            # Ablerex MS3000RT, megatec 2.1.0: volts of one of 48 cells.
            "battery.charge: 100.0, battery.voltage: 2.29, battery.voltage.nominal: 96.0, input.frequency: 50.0,"
            " input.voltage: 232.4, output.voltage: 221.3, ups.load: 0.0, ups.status: OL, ups.temperature: 35.9",
            {"ups.battery_volts": 109.92, "ups.load_percent": 0, "temperature[ups].celsius": 35.9},
            {},
        ),
        (
            # APC Silcon 120 kW, snmp-ups 2.1.0: three phases, told against each other and as one against neutral.
            "battery.runtime: 1080.0, battery.voltage: 439.0, input.frequency: 000.0, input.L1-L2.voltage: 393.0,"
            " input.voltage: 227.0, output.frequency: 051.0, output.L1-L2.voltage: 403.0, output.voltage: 231.0,"
            " output.current: 099.0, output.L1.current: 133.0, output.L2.current: 153.0, output.L3.current: 141.0,"
            " output.L1.power.percent: 077.0, output.L2.power.percent: 088.0, output.L3.power.percent: 081.0,"
            " ups.load: 088.0, ups.status: OL, ups.test.result: InvalidTest",
            {
                "input[1].volts": 227,
                "output[1].amperes": 133,
                "output[3].amperes": 141,
                "ups.load_percent": 88,
                "ups.runtime_min": 18,
                "ups.test_result": "unknown",
            },
            {"input[1].hertz": "absent"},
        ),
        (
            # Eaton 9395, snmp-ups 2.4.3: three phases, and no load of the whole.
            "battery.voltage: 515.00, input.L1-N.voltage: 249.00, input.L2-N.voltage: 250.00, ups.status: OL,"
            " output.L1.power.percent: 25.00, output.L2.power.percent: 32.00, output.L3.power.percent: 28.00",
            {"input[2].volts": 250, "ups.load_percent": 32, "output[3].load_percent": 28},
            {},
        ),
        (
            # Ablerex MSIII, nutdrv_qx 2.7.4.1: an output frequency that it does not measure.
            "battery.voltage: 284.40, battery.voltage.nominal: 240.0, output.frequency: 0.0, output.voltage: 244.0,"
            " ups.load: 9, ups.status: OL",
            {"ups.battery_volts": 284.4, "output[1].volts": 244},
            {"ups.output_hertz": "absent"},
        ),
        (
            # APC Back-UPS CS 350, hidups 2.0.0: a load in some other unit.
            "battery.charge: 100, battery.runtime: 885, battery.voltage: 13.5, ups.load: 660, ups.status: OL",
            {"ups.charge_percent": 100, "ups.battery_volts": 13.5},
            {"ups.load_percent": "implausible"},
        ),
        (
            # APC AP7724, snmp-ups 2.7.4.1: a transfer switch.
            "input.1.voltage: 221.00, input.2.voltage: 220.00, output.voltage: 221.00, ups.status: OL",
            {"input[1].volts": 221, "input[2].volts": 220, "ups.output_source": "normal"},
            {},
        ),
        (
            # Eaton 5E 2200, nutdrv_qx 2.7.4.1, just after a test was begun.
            "battery.voltage: 26.30, input.voltage: 120.3, ups.load: 29, ups.status: OL CAL",
            {"ups.test_result": "in_progress", "ups.output_source": "normal"},
            {},
        ),
        (
            # APC Smart-UPS DP 8000, apcsmart 2.0.0: it has never been tested, and tells no load.
            "battery.charge: 100.0, battery.runtime: 1620, ups.status: OL, ups.test.result: NO",
            {"ups.test_result": "none", "ups.overloaded": "no", "ups.runtime_min": 27},
            {},
        ),
    ],
    ids=[
        "a cell of forty-eight",
        "three phases against each other",
        "three phases without a sum",
        "a frequency of nothing",
        "a load that is none",
        "a transfer switch",
        "a test",
        "never tested",
    ],
)
def test_a_real_device_is_read_as_what_it_is(
    variables: str,
    expected: dict[str, object],
    refused: dict[str, str],
    belongs_to_the_catalogue: Callable[[Answer], None],
) -> None:
    said = dict(pair.strip().split(": ") for pair in variables.split(","))

    answer = nut.parse(Told(variables=said), settings())

    assert {name: answer.readings[name] for name in expected} == expected
    assert {name: why[0] for name, why in answer.failed.items()} == refused
    belongs_to_the_catalogue(answer)


# --- what the variables mean ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "source", "battery"),
    [
        ("OL", "normal", "normal"),
        ("ol chrg", "normal", "normal"),
        ("OL HB", "normal", "normal"),
        ("OB", "battery", "normal"),
        ("OB LB", "battery", "low"),
        ("FSD OB LB", "battery", "low"),
        ("FSD OL", "normal", "low"),
        ("OL BYPASS", "bypass", "normal"),
        ("OL TRIM", "reducer", "normal"),
        ("BOOST OL", "booster", "normal"),
        ("OL OFF", "none", "normal"),
        ("ALARM OL RB", "normal", "normal"),
        ("CHRG", "unknown", "normal"),
        ("OL ECO NEXTYEAR", "normal", "normal"),
    ],
)
def test_the_flags_of_a_status_say(status: str, source: str, battery: str) -> None:
    answer = told(ups__status=status)

    assert (answer.readings["ups.output_source"], answer.readings["ups.battery_state"]) == (source, battery)


@pytest.mark.parametrize("status", ["", "WAIT", "NEXTYEAR"])
def test_a_status_that_says_nothing_is_no_state(status: str) -> None:
    answer = told(ups__status=status)

    assert answer.readings["ups.output_source"] is None
    assert answer.failed["ups.battery_state"][0] == "absent"


def test_a_load_that_is_not_told_is_at_least_known_to_be_too_much() -> None:
    assert told(ups__status="OL OVER").readings["ups.overloaded"] == "yes"
    assert told(ups__status="OL").readings["ups.overloaded"] == "no"
    assert "ups.overloaded" not in told(ups__status="OL OVER", ups__load="112").readings


def test_alarms_and_tests_are_understood() -> None:
    broken = told(ups__status="ALARM OL", ups__alarm="UPS selftest failed!", ups__test__result="Done and error")
    old = told(ups__status="ALARM OL", ups__alarm="Replace battery!", ups__test__result="Battery is fine")
    without = told(ups__status="ALARM OL", ups__alarm="No battery installed!", ups__test__result="Ok")
    testing = told(ups__status="OL CAL", ups__test__result="Done and passed")

    assert (broken.readings["ups.failed"], broken.readings["ups.test_result"]) == ("yes", "error")
    assert (old.readings["ups.battery_replace"], old.readings["ups.test_result"]) == ("yes", "unknown")
    assert (without.readings["ups.battery_state"], without.readings["ups.test_result"]) == ("absent", "passed")
    assert testing.readings["ups.test_result"] == "in_progress"


@pytest.mark.parametrize(
    ("name", "value", "reading", "code"),
    [
        ("battery.charge", "255", "ups.charge_percent", "absent"),
        ("battery.charge", "-1", "ups.charge_percent", "absent"),
        ("battery.charge", "101", "ups.charge_percent", "implausible"),
        ("battery.charge", "", "ups.charge_percent", "absent"),
        ("battery.charge", "full", "ups.charge_percent", "bad_answer"),
        ("battery.charge", "nan", "ups.charge_percent", "bad_answer"),
        ("battery.charge", "1e2", "ups.charge_percent", "bad_answer"),
        ("battery.charge", "９０", "ups.charge_percent", "bad_answer"),
        ("battery.runtime", "0", "ups.runtime_min", "absent"),
        ("battery.runtime", "65535", "ups.runtime_min", "absent"),
        ("battery.runtime", "65534", "ups.runtime_min", "absent"),
        ("battery.runtime", "4294967295", "ups.runtime_min", "absent"),
        ("battery.temperature", "-273.0", "ups.battery_celsius", "absent"),
        ("battery.temperature", "400", "ups.battery_celsius", "implausible"),
        ("input.voltage", "2300", "input[1].volts", "implausible"),
        ("input.voltage", "230,5", "input[1].volts", "bad_answer"),
    ],
)
def test_a_variable_that_cannot_be_true_is_no_reading(name: str, value: str, reading: str, code: str) -> None:
    answer = nut.parse(Told(variables={"ups.status": "OL", name: value}), settings())

    assert answer.readings[reading] is None
    assert answer.failed[reading][0] == code
    assert name in answer.failed[reading][1]


def test_a_runtime_of_nothing_on_battery_is_one() -> None:
    assert told(ups__status="OB LB", battery__runtime="0").readings["ups.runtime_min"] == 0


def test_three_phases_are_three_lines_and_the_load_is_that_of_the_highest() -> None:
    phases = {f"output.L{n}.power.percent": f"{n}0" for n in (1, 2, 3)}
    volts = {f"input.L{n}-N.voltage": f"23{n}.0" for n in (1, 2, 3)}

    answer = nut.parse(Told(variables={"ups.status": "OL", "input.voltage": "400.1", **phases, **volts}), settings())

    assert [answer.readings[f"input[{n}].volts"] for n in (1, 2, 3)] == [231, 232, 233]
    assert [answer.readings[f"output[{n}].load_percent"] for n in (1, 2, 3)] == [10, 20, 30]
    assert answer.readings["ups.load_percent"] == 30


@pytest.mark.parametrize(
    ("told_volts", "nominal", "volts"),
    [("2.25", "24.0", 27), ("13.60", "24", 27.2), ("27.3", "24.0", 27.3), ("27.3", "12", 27.3), ("230.0", "", 230)],
    ids=["a cell", "a block", "all", "a nominal that is wrong", "no nominal"],
)
def test_the_volts_are_those_of_the_whole_battery(told_volts: str, nominal: str, volts: float) -> None:
    variables = {"ups.status": "OL", "battery.voltage": told_volts, "battery.voltage.nominal": nominal}

    assert nut.parse(Told(variables=variables), settings()).readings["ups.battery_volts"] == volts


@pytest.mark.parametrize("told_volts", ["2.25", "0.0"])
def test_the_volts_of_one_cell_of_nobody_knows_how_many_are_no_reading(told_volts: str) -> None:
    answer = nut.parse(Told(variables={"ups.status": "OL", "battery.voltage": told_volts}), settings())

    assert answer.readings["ups.battery_volts"] is None
    assert answer.failed["ups.battery_volts"][0] == "absent"


def test_the_temperature_of_the_ups_is_not_that_of_its_battery() -> None:
    answer = told(ups__status="OL", ups__temperature="47.5", battery__temperature="25.0")

    assert answer.readings["temperature[ups].celsius"] == 47.5
    assert answer.readings["ups.battery_celsius"] == 25


NAMES = sorted(
    {name for _, names, *_ in nut._NUMBERS for name in names} | {"ups.status", "ups.alarm", "ups.test.result"}
)
VALUES = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="OLBCHRGDFSTWAI ", max_size=30),
    st.text(alphabet="0123456789.-+e", max_size=12),
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_whatever_the_variables_are_every_reading_is_in_the_catalogue_or_explained(variables: dict[str, str]) -> None:
    answer = nut.parse(Told(variables=variables), settings())

    assert [text for name, value in answer.readings.items() if (text := misfit(name, value))] == []
    assert {name for name, value in answer.readings.items() if value is None} == set(answer.failed)


class Spoken:
    """The socket of a server that says these bytes and hangs up."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def settimeout(self, _seconds: float) -> None:
        return

    def sendall(self, _data: bytes) -> None:
        return

    def recv(self, most: int) -> bytes:
        said, self._data = self._data[:most], self._data[most:]
        return said

    def close(self) -> None:
        return


LINES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([ONE_UPS, ITS_VARIABLES, b"ERR DATA-STALE\n", b'VAR ups-2 ups.status "\\', b'"\\"\\"', b"\n"]),
    st.lists(
        st.sampled_from(["BEGIN", "END", "LIST", "VAR", "UPS", "ERR", "ups-2", '"', "\\", '"OL"']), max_size=6
    ).map(lambda words: " ".join(words).encode() + b"\n"),
)


@given(st.lists(LINES, max_size=12), st.sampled_from(["", "ups-2"]))
def test_whatever_a_server_says_the_visit_ends_in_variables_or_its_own_failure(some: list[bytes], ups: str) -> None:
    def dialled(*_: Any, **__: Any) -> Spoken:
        return Spoken(b"".join(some))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nut, "dialled", dialled)
        try:
            heard = nut.fetch(settings(ups=ups))
        except ProbeError:
            return

    assert isinstance(heard, Told)
    assert set(nut.parse(heard, settings()).readings) >= {"ups.output_source"}
