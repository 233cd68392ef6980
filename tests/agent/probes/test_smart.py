"""Disks through smartctl: what it says of real disks is read right, and nothing but reads is ever asked of it.

The counterpart is a script in the place of smartctl that prints what smartctl printed for real disks, or what the
manual and the database of smartmontools say it prints, and fails on every option that is not a read. One test asks
the real smartctl.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent import program
from roundsman_agent.probe import Answer, ProbeError, SettingError, complete
from roundsman_agent.probes import smart
from roundsman_agent.probes.smart import Said

SHARED = Path(os.environ.get("ROUNDSMAN_SHARED", Path(__file__).resolve().parents[4] / "shared")) / "data" / "smart"

ONLY_READS = """#!/bin/sh
# In the place of smartctl: knows the options that read, and fails on any other.
here=$(dirname "$0")
echo "$*" >> "$here/asked"
device=scan
while [ $# -gt 0 ]; do
  case "$1 $2" in
    "-n standby" | "-q noserial" | "-l selftest" | "-l ssd" | "-d "[a-z]*) shift ;;
    "-j "* | "-i "* | "-H "* | "-A "* | "--scan-open "*) ;;
    -*) echo "$1 $2" >> "$here/refused"; exit 99 ;;
    *) device=$(basename "$1") ;;
  esac
  shift
done
[ -f "$here/$device.wait" ] && exec sleep 60
[ -f "$here/$device.flood" ] && exec yes
cat "$here/$device.json"
exit $(cat "$here/$device.status" 2>/dev/null || echo 0)
"""


def settings(*devices: str, **more: object) -> dict[str, object]:
    return complete(smart.probe, {"devices": list(devices), **more})


class Smartctl:
    """The script, and what it says of each device."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / "smartctl"
        path.write_text(ONLY_READS)
        path.chmod(0o755)

    def says(self, device: str, document: Mapping[str, Any] | str, status: int = 0) -> None:
        text = document if isinstance(document, str) else json.dumps(document)
        (self.folder / f"{device}.json").write_text(text)
        (self.folder / f"{device}.status").write_text(str(status))

    def does(self, device: str, what: str) -> None:
        (self.folder / f"{device}.{what}").touch()

    @property
    def asked(self) -> list[str]:
        path = self.folder / "asked"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def refused(self) -> bool:
        return (self.folder / "refused").exists()


@pytest.fixture
def smartctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Smartctl:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return Smartctl(tmp_path)


def attribute(number: int, name: str, raw: int, string: str = "", **more: object) -> dict[str, Any]:
    return {
        "id": number, "name": name, "value": 100, "worst": 100, "thresh": 10, "when_failed": "",
        "flags": {"prefailure": number in (1, 3, 5, 10), "string": "PO--CK "},
        "raw": {"value": raw, "string": string or str(raw)}, **more,
    }  # fmt: skip


def ata(*attributes: dict[str, Any], passed: bool | None = True, **more: object) -> dict[str, Any]:
    """What smartctl 7.3 says of a SATA disk, as far as it matters."""
    status = {} if passed is None else {"smart_status": {"passed": passed}}
    return {
        "json_format_version": [1, 0],
        "smartctl": {"version": [7, 3], "exit_status": 0},
        "device": {"name": "/dev/sda", "type": "sat", "protocol": "ATA"},
        **status,
        "ata_smart_attributes": {"revision": 1, "table": list(attributes)},
        "power_on_time": {"hours": 1730},
        "temperature": {"current": 32},
        **more,
    }


def nvme(critical: int = 0, **more: int) -> dict[str, Any]:
    """What smartctl 7.3 says of an NVMe disk; any critical warning makes it say FAILED."""
    log = {
        "critical_warning": critical, "temperature": 36, "available_spare": 100, "available_spare_threshold": 10,
        "percentage_used": 3, "media_errors": 0, "num_err_log_entries": 812, "power_on_hours": 2401, **more,
    }  # fmt: skip
    return {
        "smartctl": {"version": [7, 3], "exit_status": 8 if critical else 0},
        "device": {"name": "/dev/nvme0", "type": "nvme", "protocol": "NVMe"},
        "smart_status": {"passed": not critical, "nvme": {"value": critical}},
        "nvme_smart_health_information_log": log,
        "temperature": {"current": 36},
        "power_on_time": {"hours": 2401},
    }


def sas(passed: bool = True, **more: Any) -> dict[str, Any]:
    """What smartctl 7.3 says of a SAS disk."""
    counters = {"errors_corrected_by_eccfast": 812, "total_uncorrected_errors": 0}
    return {
        "smartctl": {"version": [7, 3], "exit_status": 0},
        "device": {"name": "/dev/sdc", "type": "scsi", "protocol": "SCSI"},
        "smart_status": {"passed": passed},
        "temperature": {"current": 31, "drive_trip": 60},
        "power_on_time": {"hours": 30111, "minutes": 4},
        "scsi_grown_defect_list": 0,
        "scsi_error_counter_log": {"read": counters, "write": counters},
        **more,
    }


def read(document: Mapping[str, Any] | str, status: int = 0) -> Answer:
    text = document if isinstance(document, str) else json.dumps(document)
    return smart.parse((Said(name="sda", status=status, text=text),), settings())


def verdict(document: Mapping[str, Any], status: int = 0) -> object:
    return read(document, status).readings["disk[sda].smart"]


# --- real disks -------------------------------------------------------------------------------------------------------

REAL = {
    "smart-ata": {"smart": "passed", "celsius": 32, "power_on_hours": 1730, "reallocated": 0, "pending": 0},
    "smart-ata-failed-scrutiny": {
        "smart": "passed", "celsius": 33, "power_on_hours": 19497, "reallocated": 0, "wear_percent": 2,
    },
    "smart-megaraid0": {"smart": "passed", "celsius": 36, "power_on_hours": 37787, "reallocated": 0, "pending": 0},
    "smart-nvme": {"smart": "passed", "celsius": 36, "power_on_hours": 2401, "wear_percent": 0},
    "smart-sat": {"smart": None, "celsius": 29, "power_on_hours": 2725, "reallocated": 0, "pending": 0},
}  # fmt: skip


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no recordings in {SHARED}")
@pytest.mark.parametrize("name", REAL)
def test_a_real_disk_is_read_right(
    name: str, smartctl: Smartctl, belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    smartctl.says("null", (SHARED / f"{name}.json").read_text("utf-8"))

    answer = smart.parse(smart.fetch(settings("sda=/dev/null")), settings())

    assert answer.readings == {f"disk[sda].{point}": value for point, value in REAL[name].items()}
    assert answer.failed == (
        {"disk[sda].smart": ("absent", "the disk gives values but no verdict of its own")}
        if name == "smart-sat"
        else {}
    )
    belongs_to_the_catalogue(answer)


# --- verdicts ---------------------------------------------------------------------------------------------------------

PENDING = attribute(197, "Current_Pending_Sector", 8)


@pytest.mark.parametrize(
    ("document", "status", "expected"),
    [
        (ata(), 0, "passed"),
        (ata(passed=False), 0, "failing"),
        (ata(), 8, "failing"),
        (ata(smartctl={"exit_status": 8}), 0, "failing"),
        (ata(attribute(5, "Reallocated_Sector_Ct", 900, when_failed="now")), 16, "failing"),
        ({"smart_status": {"passed": True}}, 16, "failing"),
        (ata(attribute(5, "Reallocated_Sector_Ct", 1)), 0, "warning"),
        (ata(PENDING), 0, "warning"),
        (ata(attribute(198, "Offline_Uncorrectable", 2)), 0, "warning"),
        (ata(PENDING, passed=None), 0, "warning"),
        (ata(attribute(3, "Spin_Up_Time", 1, when_failed="past")), 32, "warning"),
        (ata(attribute(9, "Power_On_Hours", 90000, when_failed="now")), 32, "warning"),
        (ata(), 128, "warning"),
        (ata(attribute(177, "Wear_Leveling_Count", 2900, value=9)), 0, "warning"),
        (nvme(), 0, "passed"),
        (nvme(0x04), 8, "failing"),
        (nvme(0x01), 8, "failing"),
        (nvme(0x08 | 0x02), 8, "failing"),
        (nvme(0x02), 8, "warning"),
        (nvme(media_errors=3), 0, "warning"),
        (nvme(percentage_used=90), 0, "warning"),
        (nvme(available_spare=9), 0, "warning"),
        (sas(), 0, "passed"),
        (sas(passed=False), 8, "failing"),
        (sas(smart_status={"passed": False, "scsi": {"asc": 0x5D, "ascq": 0x10}}), 8, "failing"),
        (sas(smart_status={"passed": False, "scsi": {"asc": 0x0B, "ascq": 1}}), 8, "warning"),
        (sas(scsi_grown_defect_list=4), 0, "warning"),
        (sas(scsi_pending_defects={"count": 10}), 0, "warning"),
        (sas(scsi_error_counter_log={"read": {"total_uncorrected_errors": 1}}), 0, "warning"),
    ],
)  # fmt: skip
def test_the_verdict_is_the_worst_of_what_is_said(document: dict[str, Any], status: int, expected: str) -> None:
    assert verdict(document, status) == expected


@pytest.mark.parametrize(
    "document",
    [
        ata(attribute(190, "Airflow_Temperature_Cel", 33, when_failed="past")),
        ata(attribute(194, "Temperature_Celsius", 33, when_failed="now")),
        ata(attribute(199, "UDMA_CRC_Error_Count", 108)),
        ata(attribute(187, "Reported_Uncorrect", 5)),
        ata(attribute(198, "Host_Reads_GiB", 40000)),
        ata(attribute(197, "Not_In_Use", 77)),
        nvme(num_err_log_entries=100000),
    ],
    ids=["once too warm", "too warm now", "cable", "reported", "198 is a counter", "197 is nothing", "NVMe error log"],
)
def test_what_is_no_sign_of_a_dying_disk_does_not_count(document: dict[str, Any]) -> None:
    assert verdict(document, 32 | 64) == "passed"


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "name", "raw", "string", "point", "expected"),
    [
        (9, "Power_On_Hours", 167031278144165, "2725 (151 234 0)", "power_on_hours", 2725),
        (9, "Power_On_Hours", 41829, "697h+09m+00.000s", "power_on_hours", 697),
        (194, "Temperature_Celsius", 163210330144, "32 (Min/Max 24/38)", "celsius", 32),
        (194, "Temperature_Celsius", 77309411357, "29 (0 18 0 0 0)", "celsius", 29),
        (194, "Temperature_Celsius_x10", 359, "35.9", "celsius", 35.9),
        (190, "Airflow_Temperature_Cel", 487784477, "29 (Min/Max 19/29)", "celsius", 29),
        (5, "Reallocated_Sector_Ct", 4295032832, "0 (1 1)", "reallocated", 0),
        (5, "Retired_Block_Count", 12, "12", "reallocated", 12),
        (197, "Current_Pending_Sector", 16, "16/4", "pending", 16),
    ],
)
def test_a_packed_raw_value_is_taken_as_smartctl_writes_it_out(
    number: int, name: str, raw: int, string: str, point: str, expected: float
) -> None:
    document = ata(attribute(number, name, raw, string))
    del document["power_on_time"], document["temperature"]

    assert read(document).readings[f"disk[sda].{point}"] == expected


@pytest.mark.parametrize(
    ("number", "name", "point"),
    [(9, "Power_On_Hours", "power_on_hours"), (5, "Reallocated_Sector_Ct", "reallocated"), (194, "Temp", "celsius")],
)
@pytest.mark.parametrize("string", ["0x97ea00000aa5", "-", "167031278144165"])
def test_48_bits_that_nobody_unpacked_are_implausible_and_no_verdict(
    number: int, name: str, point: str, string: str
) -> None:
    document = ata(attribute(number, name, 167031278144165, string))
    del document["power_on_time"], document["temperature"]

    answer = read(document)

    assert answer.readings[f"disk[sda].{point}"] is None
    assert answer.failed == {f"disk[sda].{point}": ("implausible", "the disk says 167031278144165")}
    assert answer.readings["disk[sda].smart"] == "passed"


@pytest.mark.parametrize(
    "document", [sas(temperature={"current": 0, "drive_trip": 0}), {"smart_status": {"passed": True}}]
)
def test_a_disk_without_a_sensor_has_no_temperature(document: dict[str, Any]) -> None:
    assert "disk[sda].celsius" not in read(document).readings


def test_a_sas_disk_may_tell_its_temperature_elsewhere() -> None:
    document = sas(
        temperature={"current": 0, "drive_trip": 0}, scsi_environmental_reports={"temperature_1": {"current": 38}}
    )

    assert read(document).readings["disk[sda].celsius"] == 38


@pytest.mark.parametrize("celsius", [-273, 255, 65535])
def test_a_temperature_that_is_a_sentinel_is_no_temperature(celsius: int) -> None:
    answer = read(ata(temperature={"current": celsius}))

    assert answer.readings["disk[sda].celsius"] is None
    assert answer.failed == {"disk[sda].celsius": ("implausible", f"the disk says {celsius}")}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (nvme(percentage_used=104), 104),
        (ata(endurance_used={"current_percent": 7}), 7),
        (sas(scsi_percentage_used_endurance_indicator=4), 4),
        (
            ata(ata_device_statistics={"pages": [
                {"number": 1, "table": [{"offset": 8, "value": 4169}]},
                {"number": 7, "table": [{"offset": 8, "value": 11, "flags": {"valid": True}}]},
            ]}),
            11,
        ),
        (ata(attribute(233, "Media_Wearout_Indicator", 0, value=85)), 15),
        (ata(attribute(231, "SSD_Life_Left", 95, value=95)), 5),
        (ata(attribute(173, "Wear_Leveling_Count", 5, value=95)), None),
        (ata(attribute(231, "Temperature_Celsius", 29, value=29)), None),
    ],
)  # fmt: skip
def test_how_much_of_its_life_an_ssd_has_used(document: dict[str, Any], expected: int | None) -> None:
    assert read(document).readings.get("disk[sda].wear_percent") == expected


# --- disks that do not tell -------------------------------------------------------------------------------------------


def message(text: str, **more: object) -> dict[str, Any]:
    return {
        "smartctl": {"version": [7, 3], "messages": [{"string": text, "severity": "error"}], "exit_status": 2},
        **more,
    }


ASLEEP = message("Device is in STANDBY mode, exit(2)", device={"name": "/dev/sda", "type": "sat", "protocol": "ATA"})


@pytest.mark.parametrize(
    "text", ["Device is in STANDBY mode, exit(2)", "Device is in STANDBY (OS) mode, exit(2)", "Device is in SLEEP mode"]
)
def test_a_sleeping_disk_is_not_woken_and_not_judged(text: str) -> None:
    answer = read(message(text), 2)

    assert answer.readings == {"disk[sda].smart": None}
    assert answer.failed["disk[sda].smart"] == ("absent", f"{text}: the disk sleeps and was not woken")


@pytest.mark.parametrize(
    ("document", "status", "code", "detail"),
    [
        (message("Smartctl open device: /dev/sda failed: Permission denied"), 2, "permission", "CAP_SYS_RAWIO"),
        (message("Read NVMe Identify Controller failed: Operation not permitted"), 2, "permission", "CAP_SYS_ADMIN"),
        (message("Smartctl open device: /dev/sdz failed: No such device"), 2, "absent", "there is no such disk now"),
        (message("/dev/sdb: Unknown USB bridge [0x152d:0x0578 (0x1)]"), 1, "not_supported", "name its type"),
        ({"smart_support": {"available": False}}, 4, "not_supported", "has no SMART"),
        ({"device": {"protocol": "SCSI"}, "temperature": {"current": 0}}, 4, "not_supported", "nothing of its health"),
        (message("Read Device Identity failed: Input/output error"), 2, "bad_answer", "Input/output error"),
        ({}, 2, "bad_answer", "exit status 2"),
        ("", 127, "bad_answer", "no JSON (exit status 127)"),
        ('{"smart_status": {"pass', 0, "bad_answer", "no JSON"),
        ("[]", 0, "bad_answer", "no JSON"),
        ("smartctl 6.6 2016-05-31\nSMART overall-health: PASSED", 0, "bad_answer", "no JSON"),
        ("[" * 60_000, 0, "bad_answer", "no JSON"),
        ('{"smart_status": ' + "9" * 5000 + "}", 0, "bad_answer", "no JSON"),
        (" " * 600_000 + "{}", 0, "bad_answer", "no JSON"),
    ],
)
def test_a_disk_that_does_not_answer_is_a_failure_and_no_reading(
    document: dict[str, Any] | str, status: int, code: str, detail: str
) -> None:
    with pytest.raises(ProbeError) as caught:
        read(document, status)

    assert caught.value.code == code
    assert detail in caught.value.detail


def test_one_disk_that_does_not_answer_does_not_cost_the_others() -> None:
    raw = (
        Said(name="sda", status=0, text=json.dumps(ata())),
        Said(name="sdb", status=None, text=""),
        Said(name="sdc", status=2, text=json.dumps(ASLEEP)),
        Said(name="sdd", status=None, text="", is_there=False),
    )

    answer = smart.parse(raw, settings())

    assert answer.readings == {
        "disk[sda].smart": "passed", "disk[sda].celsius": 32, "disk[sda].power_on_hours": 1730,
        "disk[sdb].smart": None, "disk[sdc].smart": None, "disk[sdd].smart": None,
    }  # fmt: skip
    assert {name: code for name, (code, _) in answer.failed.items()} == {
        "disk[sdb].smart": "timeout",
        "disk[sdc].smart": "absent",
        "disk[sdd].smart": "absent",
    }


def test_values_without_a_verdict_are_told_without_one() -> None:
    answer = read(ata(passed=None, smart_support={"available": True, "enabled": False}))

    assert answer.readings["disk[sda].smart"] is None
    assert answer.failed["disk[sda].smart"][0] == "not_supported"
    assert answer.readings["disk[sda].celsius"] == 32


def test_odd_types_anywhere_cost_the_reading_and_not_the_visit() -> None:
    document = ata(attribute(5, "Reallocated_Sector_Ct", 0), temperature={"current": "warm"}, power_on_time=[7])
    document["ata_smart_attributes"]["table"] += [None, {"id": "9"}, {"id": 197, "raw": 7}, {"id": 198, "name": 3}]

    assert read(document).readings == {"disk[sda].smart": "passed", "disk[sda].reallocated": 0}


# --- what is asked ----------------------------------------------------------------------------------------------------

READS = "-j -n standby -q noserial -i -H -A -l selftest -l ssd"


@pytest.mark.reads_only
def test_smartctl_is_asked_for_reads_alone_and_never_to_wake_a_disk(smartctl: Smartctl) -> None:
    smartctl.says("null", ata())
    smartctl.says("0", ata(attribute(5, "Reallocated_Sector_Ct", 3)))
    smartctl.says("scan", {"devices": [{"name": "/dev/null", "type": "sat", "protocol": "ATA"}]})
    devices = settings("root=/dev/null", "/dev/bus/0 -d sat+megaraid,1")

    named = smart.parse(smart.fetch(devices), devices)
    found = smart.parse(smart.fetch(settings()), settings())

    assert not smartctl.refused
    assert smartctl.asked == [
        f"{READS} /dev/null",
        f"{READS} -d sat+megaraid,1 /dev/bus/0",
        "--scan-open -j",
        f"{READS} -d sat /dev/null",
    ]
    assert named.readings["disk[root].smart"] == "passed"
    assert named.readings["disk[bus/0:megaraid,1].smart"] == "warning"
    assert found.readings["disk[null].smart"] == "passed"


@pytest.mark.parametrize(
    "option", ["-t short /dev/null", "-s off /dev/null", "-o on", "-S on", "-X", "-n never", "-l scterc,1"]
)
def test_the_script_in_smartctls_place_fails_on_what_is_no_read(smartctl: Smartctl, option: str) -> None:
    ran = program.ran([str(smartctl.folder / "smartctl"), *option.split()], deadline=time.monotonic() + 10, most=1000)

    assert (ran.status, smartctl.refused) == (99, True)


def test_a_disk_that_hangs_is_left_at_the_deadline_and_the_first_is_told(smartctl: Smartctl) -> None:
    smartctl.says("null", ata())
    smartctl.does("zero", "wait")
    begin = time.monotonic()

    raw = smart.fetch(settings("sda=/dev/null", "sdb=/dev/zero", timeout_s=1.0))

    assert time.monotonic() - begin < 5
    answer = smart.parse(raw, settings())
    assert answer.readings["disk[sda].smart"] == "passed"
    assert answer.failed["disk[sdb].smart"][0] == "timeout"


def test_when_the_only_disk_hangs_there_is_no_reading(smartctl: Smartctl) -> None:
    smartctl.does("null", "wait")

    with pytest.raises(ProbeError, match="timeout: smartctl did not come back in time"):
        smart.parse(smart.fetch(settings("sda=/dev/null", timeout_s=1.0)), settings())


def test_a_smartctl_that_talks_without_end_is_stopped(smartctl: Smartctl) -> None:
    smartctl.does("null", "flood")
    begin = time.monotonic()

    (said,) = smart.fetch(settings("sda=/dev/null", timeout_s=20.0))

    assert time.monotonic() - begin < 10
    assert (said.status, len(said.text)) == (None, smart.TEXT_LIMIT)


def test_a_named_disk_that_is_gone_is_not_asked(smartctl: Smartctl) -> None:
    with pytest.raises(ProbeError, match="absent: there is no such disk now"):
        smart.parse(smart.fetch(settings("/dev/disk/by-id/ata-nowhere")), settings())

    assert smartctl.asked == []


def test_without_smartctl_the_probe_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(program, "SBIN", ())

    with pytest.raises(ProbeError, match="not_supported: smartctl is not installed: apt install smartmontools"):
        smart.fetch(settings())


def test_a_smartctl_that_may_not_be_run_is_a_matter_of_permission(
    smartctl: Smartctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_more: object) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "posix_spawn", refuse)

    with pytest.raises(ProbeError, match=r"permission: .*smartctl cannot be run: Operation not permitted"):
        smart.fetch(settings("sda=/dev/null"))


@pytest.mark.parametrize(
    ("said", "code"),
    [({"devices": []}, "not_supported"), ({"devices": [7, {"name": 7}]}, "not_supported"), ("no JSON", "bad_answer")],
)
def test_a_machine_in_which_no_disk_is_found_has_no_reading(smartctl: Smartctl, said: Any, code: str) -> None:
    smartctl.says("scan", said)

    with pytest.raises(ProbeError, match=code):
        smart.fetch(settings())


def test_a_scan_that_hangs_is_a_timeout(smartctl: Smartctl) -> None:
    smartctl.does("scan", "wait")

    with pytest.raises(ProbeError, match="timeout: smartctl --scan-open"):
        smart.fetch(settings(timeout_s=1.0))


@pytest.mark.parametrize(
    ("devices", "complaint"),
    [
        (["sda"], "'sda'; expected [NAME=]/dev/… [-d TYPE]"),
        (["/dev/sda -s off"], "expected [NAME=]/dev/…"),
        (["/dev/sda -d -s"], "expected [NAME=]/dev/…"),
        (["/dev/sda -d sat -t long"], "expected [NAME=]/dev/…"),
        (["-t long"], "expected [NAME=]/dev/…"),
        (["/dev/../etc/passwd"], "expected [NAME=]/dev/…"),
        (["/dev/sda;reboot"], "expected [NAME=]/dev/…"),
        (["/dev/sda", "/dev/sda -d sat"], "two are called 'sda'; give them names"),
        ([f"/dev/sd{i}" for i in range(65)], "expected at most 64 disks"),
    ],
)
def test_an_entry_that_is_no_disk_is_named(devices: list[str], complaint: str) -> None:
    with pytest.raises(SettingError) as caught:
        settings(*devices)

    assert complaint in str(caught.value)


def test_a_type_with_a_comma_survives_the_command_line(smartctl: Smartctl) -> None:
    smartctl.says("0", ata())

    raw = smart.fetch(settings("raid=/dev/bus/0 -d megaraid", "7"))

    assert smartctl.asked == [f"{READS} -d megaraid,7 /dev/bus/0"]
    assert [said.name for said in raw] == ["raid"]


def test_the_real_smartctl_takes_our_options_and_says_of_what_is_no_disk_that_it_is_none() -> None:
    """Debian's smartmontools, on /dev/null and on whatever disks the machine that runs this has."""
    assert program.found("smartctl"), "apt install smartmontools"

    (said,) = smart.fetch(settings("null=/dev/null"))

    assert json.loads(said.text)["smartctl"]["messages"][0]["string"] == "/dev/null: Unable to detect device type"
    with pytest.raises(ProbeError, match="not_supported: /dev/null: Unable to detect device type: name its type"):
        smart.parse((said,), settings())
    try:
        answer = smart.parse(smart.fetch(settings()), settings())
    except ProbeError as error:
        assert error.code in ("not_supported", "permission", "bad_answer")  # virtual disks, or not root
    else:
        assert answer.readings


# --- anything ---------------------------------------------------------------------------------------------------------

KEYS = (
    *("smart_status", "passed", "nvme", "scsi", "asc", "value", "smartctl", "messages", "exit_status", "string"),
    *("ata_smart_attributes", "table", "id", "name", "raw", "flags", "prefailure", "when_failed", "offset", "number"),
    *("temperature", "current", "power_on_time", "hours", "device", "protocol", "endurance_used", "current_percent"),
    *("nvme_smart_health_information_log", "critical_warning", "percentage_used", "media_errors", "power_on_hours"),
    *("available_spare", "available_spare_threshold", "scsi_grown_defect_list", "scsi_error_counter_log", "read"),
    *("total_uncorrected_errors", "ata_device_statistics", "pages", "smart_support", "enabled", "available"),
)
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["now", "past"])
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=8),
    max_leaves=40,
)


@given(document=values, status=st.none() | st.integers(0, 255))
def test_whatever_smartctl_says_is_an_answer_or_the_disks_failure(document: object, status: int | None) -> None:
    try:
        answer = smart.parse((Said(name="sda", status=status, text=json.dumps(document)),), settings())
    except ProbeError:
        return

    assert answer.readings["disk[sda].smart"] in ("passed", "warning", "failing", None)
    assert {name for name, value in answer.readings.items() if value is None} <= set(answer.failed)


@given(text=st.text(max_size=300) | st.binary(max_size=300).map(lambda data: data.decode("latin-1")))
def test_garbage_is_a_bad_answer(text: str) -> None:
    with pytest.raises(ProbeError):
        smart.parse((Said(name="sda", status=0, text=text),), settings())


def test_what_is_no_list_is_our_own_mistake() -> None:
    with pytest.raises(TypeError, match="smart parses a list of Said, not dict"):
        smart.parse({}, settings())
