"""The host probe: real numbers of this machine, and what the numbers of other machines mean."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import psutil
import pytest

from roundsman_agent.probe import Answer, complete
from roundsman_agent.probes import host
from roundsman_agent.probes.host import Cpu, Disk, Kernel, Net, Snapshot

SETTINGS = complete(host.probe, {})

ROOT = Disk(
    mount="/", total=100_000_000_000, free=30_000_000_000, free_to_users=25_000_000_000,
    inodes=1000, inodes_free=900, readonly=False,
)  # fmt: skip

KIOSK_7 = Snapshot(
    cpu=(Cpu(busy_s=100.0, total_s=1000.0), Cpu(busy_s=112.5, total_s=1100.0)),
    load_1m=0.256,
    memory_percent=41.23,
    swap=(500, 2000),
    uptime_s=86400.9,
    disks={"/": ROOT},
    temperatures=[("coretemp", 51.0), ("coretemp", 62.5), ("nvme", 38.85)],
    temperature_trouble=None,
    clock=Kernel(synchronised=True, max_error_us=12_345),
    nets=(Net(name="eth0", up=True, rx_bytes=10, tx_bytes=20, errors=1, drops=2),),
)


def test_kiosk_7_is_read_in_full() -> None:
    assert host.parse(KIOSK_7, SETTINGS) == Answer(
        readings={
            "host.cpu_percent": 12.5,
            "host.load_1m": 0.26,
            "host.memory_percent": 41.2,
            "host.uptime_s": 86400,
            "host.swap_percent": 25.0,
            "disk[/].used_percent": 73.7,
            "disk[/].free_mb": 25_000,
            "disk[/].inodes_percent": 10.0,
            "disk[/].readonly": "no",
            "temperature[cpu].celsius": 62.5,
            "temperature[nvme].celsius": 38.9,
            "clock.synchronised": "yes",
            "clock.max_error_ms": 12.345,
            "net.rx_bytes": 10,
            "net.tx_bytes": 20,
            "net.errors": 1,
            "net.drops": 2,
            "net[eth0].link": "up",
        }
    )


def test_this_machine_is_read_for_real(belongs_to_the_catalogue: Callable[[Answer], None]) -> None:
    answer = host.parse(host.fetch(SETTINGS), SETTINGS)

    belongs_to_the_catalogue(answer)
    readings = answer.readings
    assert abs(float(readings["host.memory_percent"] or 0) - psutil.virtual_memory().percent) < 10
    assert float(readings["host.uptime_s"] or 0) > 0
    assert readings["disk[/].readonly"] in ("yes", "no")
    assert 0 <= float(readings["disk[/].used_percent"] or 0) <= 100
    assert "clock.synchronised" in readings


@pytest.mark.reads_only
def test_a_visit_starts_no_process_and_opens_no_file_for_writing() -> None:
    ask = """
import os, subprocess, sys
from roundsman_agent.probe import complete
from roundsman_agent.probes import host
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
FORBIDDEN = ("subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.exec", "os.kill", "os.remove",
             "os.rename", "os.mkdir", "os.chmod", "os.truncate", "os.utime", "socket.connect", "socket.sendto")
def refuse(event, arguments):
    if event in FORBIDDEN or event == "open" and arguments[2] & WRITING:
        raise SystemExit(f"{event} {arguments}")
settings = complete(host.probe, {})
sys.addaudithook(refuse)
host.parse(host.fetch(settings), settings)
print("read")
"""

    done = subprocess.run([sys.executable, "-B", "-c", ask], check=False, capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("read\n", "")


def test_a_disk_that_cannot_be_read_is_a_finding_about_that_disk_alone() -> None:
    broken = replace(KIOSK_7, disks={"/": ROOT, "/data": ("bad_answer", "statvfs /data: Input/output error")})

    answer = host.parse(broken, SETTINGS)

    assert answer.readings["disk[/data].used_percent"] is None
    assert answer.failed == {"disk[/data].used_percent": ("bad_answer", "statvfs /data: Input/output error")}
    assert answer.readings["disk[/].used_percent"] == 73.7


def test_a_mount_that_is_not_there_is_a_bad_answer_and_no_crash() -> None:
    assert host._disk("/nowhere/at/all") == ("bad_answer", "statvfs /nowhere/at/all: No such file or directory")


def test_a_file_system_gone_read_only_is_said() -> None:
    answer = host.parse(replace(KIOSK_7, disks={"/": replace(ROOT, readonly=True)}), SETTINGS)

    assert answer.readings["disk[/].readonly"] == "yes"


def test_a_file_system_without_inodes_has_no_inode_reading() -> None:
    answer = host.parse(replace(KIOSK_7, disks={"/": replace(ROOT, inodes=0, inodes_free=0)}), SETTINGS)

    assert "disk[/].inodes_percent" not in answer.readings


def test_mounts_the_installer_named_are_skipped() -> None:
    settings = complete(host.probe, {"skip_mounts": ["/"]})

    assert "/" not in host.fetch(settings).disks


def test_a_machine_without_swap_or_sensors_has_no_such_readings() -> None:
    answer = host.parse(replace(KIOSK_7, swap=(0, 0), temperatures=[]), SETTINGS)

    assert "host.swap_percent" not in answer.readings
    assert not [name for name in answer.readings if name.startswith("temperature")]
    assert answer.failed == {}


def test_a_sensor_that_says_nonsense_is_implausible_not_hot() -> None:
    answer = host.parse(replace(KIOSK_7, temperatures=[("coretemp", 50.0), ("acpitz", -273.2)]), SETTINGS)

    assert answer.readings["temperature[cpu].celsius"] == 50.0
    assert answer.readings["temperature[acpitz].celsius"] is None
    assert answer.failed == {"temperature[acpitz].celsius": ("implausible", "the sensor says -273.2 °C")}


def test_sensors_that_cannot_be_read_do_not_cost_the_rest() -> None:
    answer = host.parse(
        replace(KIOSK_7, temperatures=[], temperature_trouble=("bad_answer", "hwmon: Input/output error")), SETTINGS
    )

    assert answer.readings["temperature[cpu].celsius"] is None
    assert answer.failed == {"temperature[cpu].celsius": ("bad_answer", "hwmon: Input/output error")}
    assert answer.readings["host.cpu_percent"] == 12.5


def test_a_clock_nobody_disciplines_has_no_error_bound() -> None:
    answer = host.parse(replace(KIOSK_7, clock=Kernel(synchronised=False, max_error_us=16_000_000)), SETTINGS)

    assert answer.readings["clock.synchronised"] == "no"
    assert "clock.max_error_ms" not in answer.readings


def test_a_clock_that_may_not_be_asked_is_unknown_not_wrong() -> None:
    answer = host.parse(replace(KIOSK_7, clock=("permission", "adjtimex: Operation not permitted")), SETTINGS)

    assert answer.readings["clock.synchronised"] is None
    assert answer.failed == {"clock.synchronised": ("permission", "adjtimex: Operation not permitted")}


def test_two_visits_in_the_same_instant_give_no_cpu_figure() -> None:
    same = Cpu(busy_s=1.0, total_s=2.0)

    answer = host.parse(replace(KIOSK_7, cpu=(same, same)), SETTINGS)

    assert answer.readings["host.cpu_percent"] is None
    assert "host.cpu_percent" in answer.failed


def test_interfaces_are_summed_and_each_says_whether_its_link_is_up() -> None:
    second = Net(name="wlan0", up=False, rx_bytes=5, tx_bytes=5, errors=0, drops=0)

    readings = host.parse(replace(KIOSK_7, nets=(*KIOSK_7.nets, second)), SETTINGS).readings

    assert (readings["net.rx_bytes"], readings["net.tx_bytes"]) == (15, 25)
    assert (readings["net[eth0].link"], readings["net[wlan0].link"]) == ("up", "down")


def test_a_mount_point_with_a_bracket_still_makes_a_reading(
    belongs_to_the_catalogue: Callable[[Answer], None],
) -> None:
    answer = host.parse(replace(KIOSK_7, disks={"/mnt/a]b\n": ROOT}), SETTINGS)

    belongs_to_the_catalogue(answer)
    assert "disk[/mnt/a_b_].used_percent" in answer.readings


def test_what_is_no_snapshot_is_our_own_mistake() -> None:
    with pytest.raises(TypeError, match="host parses a Snapshot, not dict"):
        host.parse({}, SETTINGS)


# A service with ProtectSystem=strict on a machine whose second disk has failed, and was remounted by the kernel.
SEEN_BY_A_SERVICE = r"""
30 1 8:1 / / ro,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
31 30 0:22 / /proc rw,nosuid - proc proc rw
98 30 8:17 / /srv/the\040videos ro,relatime shared:70 - ext4 /dev/sdb1 ro,errors=remount-ro
99 30 8:18 / /srv/more rw,relatime - ext4 /dev/sdb2 ro
120 30 8:1 /var/lib/roundsman-agent /var/lib/roundsman-agent rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
not a line of it
"""


def test_a_disk_is_read_only_when_its_file_system_is_and_not_when_the_service_may_not_write() -> None:
    assert host.readonly_disks(SEEN_BY_A_SERVICE) == {
        "/": False,
        "/proc": False,
        "/srv/the videos": True,
        "/srv/more": True,
        "/var/lib/roundsman-agent": False,
    }
