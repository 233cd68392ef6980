"""The host probe: real numbers of this machine, and what the numbers of other machines mean."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

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


# --- the tree of files: throttling, the stop before, screens ----------------------------------------------------------


class Tree:
    """A folder in the place of /, with the files that a test writes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def has(self, path: str, text: str) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{text}\n")

    def throttled(self, cpu: int, count: int | str) -> None:
        self.has(f"sys/devices/system/cpu/cpu{cpu}/thermal_throttle/core_throttle_count", str(count))

    def screen(self, connector: str, status: str, dpms: str = "On", enabled: str = "enabled") -> None:
        for name, text in (("status", status), ("dpms", dpms), ("enabled", enabled)):
            if text:
                self.has(f"sys/class/drm/{connector}/{name}", text)

    def read(self, **given: object) -> Answer:
        settings = complete(host.probe, given)
        return host.parse(host.fetch(settings), settings)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.setattr(host, "ROOT", str(tmp_path))
    monkeypatch.setattr(host, "FIRST_LOOK_S", 0.0)
    monkeypatch.setattr(host, "_before", [])
    return Tree(tmp_path)


def test_a_machine_without_counters_records_or_screens_has_no_such_readings(tree: Tree) -> None:
    answer = tree.read()

    assert not {"host.throttled", "host.last_stop", "screen.state"} & {*answer.readings, *answer.failed}


def test_a_processor_is_throttled_when_its_counter_rose_since_the_visit_before(tree: Tree) -> None:
    told = []
    for counts in ((7, 3), (7, 3), (7, 4), (7, 4)):
        for cpu, count in enumerate(counts):
            tree.throttled(cpu, count)
        told.append(tree.read().readings["host.throttled"])

    assert told == ["no", "no", "yes", "no"]


def test_a_processor_that_was_switched_off_or_says_nonsense_is_not_throttled(tree: Tree) -> None:
    told = []
    for counts in ((7, 3), (7, "?"), (7, 9)):
        for cpu, count in enumerate(counts):
            tree.throttled(cpu, count)
        told.append(tree.read().readings["host.throttled"])

    assert told == ["no", "no", "no"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [("0", "no"), ("50000", "no"), ("0x50000", "no"), ("1", "yes"), ("50005", "yes"), ("8", "yes"), ("20002", "yes")],
)
@pytest.mark.parametrize("place", ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware", "soc:firmware"])
def test_a_raspberry_pi_says_itself_that_it_is_held_back(tree: Tree, place: str, said: str, expected: str) -> None:
    tree.has(f"sys/devices/platform/{place}/get_throttled", said)

    assert tree.read().readings["host.throttled"] == expected


def test_a_firmware_that_says_nonsense_leaves_throttling_unknown(tree: Tree) -> None:
    tree.has("sys/devices/platform/soc/soc:firmware/get_throttled", "ouch")

    answer = tree.read()

    assert answer.readings["host.throttled"] is None
    assert answer.failed["host.throttled"] == (
        "bad_answer", "get_throttled says 'ouch', expected a hexadecimal number",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("connectors", "wanted", "expected"),
    [
        ([("card0-HDMI-A-1", "connected")], "any", "on"),
        ([("card0-HDMI-A-1", "connected", "Off")], "any", "off"),
        ([("card0-HDMI-A-1", "connected", "Standby")], "any", "off"),
        ([("card0-HDMI-A-1", "connected", "On", "disabled")], "any", "off"),
        ([("card0-HDMI-A-1", "connected", "", "")], "any", "on"),
        ([("card0-HDMI-A-1", "disconnected", "Off", "disabled")], "any", "absent"),
        ([("card0-HDMI-A-1", "disconnected"), ("card0-DP-1", "connected")], "any", "on"),
        ([("card0-HDMI-A-1", "disconnected"), ("card0-DP-1", "connected", "Off")], "any", "off"),
        ([("card0-HDMI-A-1", "disconnected"), ("card0-DP-1", "connected")], "hdmi-a-1", "absent"),
        ([("card0-HDMI-A-1", "Connected"), ("card1-DP-1", "disconnected")], " HDMI-A-1 ", "on"),
        ([("card0-VGA-1", "unknown")], "any", "on"),
        ([("card0-HDMI-A-1", "connected"), ("card0-Writeback-1", "unknown", "Off", "disabled")], "any", "on"),
    ],
)
def test_a_screen_is_lit_dark_or_absent(
    tree: Tree, connectors: list[tuple[str, ...]], wanted: str, expected: str
) -> None:
    for connector in connectors:
        tree.screen(*connector)

    assert tree.read(screen=wanted).readings["screen.state"] == expected
    assert "screen.state" not in tree.read().readings


@pytest.mark.parametrize(
    ("connectors", "wanted", "why"),
    [
        ([], "any", ("not_supported", "this kernel shows no connectors")),
        ([("card0-DP-1", "connected")], "DP-2", ("bad_setting", "there is no connector dp-2; there are DP-1")),
        (
            [("card0-VGA-1", "unknown", "Off", "disabled")],
            "any",
            ("bad_answer", "whether a screen is connected is not to be seen: VGA-1 unknown"),
        ),
    ],
)
def test_a_screen_that_cannot_be_judged_is_unknown(
    tree: Tree, connectors: list[tuple[str, ...]], wanted: str, why: tuple[str, str]
) -> None:
    for connector in connectors:
        tree.screen(*connector)

    answer = tree.read(screen=wanted)

    assert (answer.readings["screen.state"], answer.failed["screen.state"]) == (None, why)


def test_how_the_machine_stopped_is_looked_for_once(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ["unclean"]
    monkeypatch.setattr(host, "last_stop", lambda _root: found.pop())

    assert [tree.read().readings["host.last_stop"] for _ in range(3)] == ["unclean"] * 3


def test_a_young_machine_is_asked_again_how_it_stopped(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ["clean", ("absent", "no record of this boot in wtmp")]
    monkeypatch.setattr(host, "last_stop", lambda _root: found.pop())
    monkeypatch.setattr(host, "YOUNG_S", 1e12)

    first, second = tree.read(), tree.read()

    assert (first.readings["host.last_stop"], first.failed["host.last_stop"][0]) == (None, "absent")
    assert second.readings["host.last_stop"] == "clean"


def test_a_stop_that_nobody_can_tell_is_unknown() -> None:
    why = ("absent", "no record of the boot before in wtmp")

    answer = host.parse(replace(KIOSK_7, last_stop=why), SETTINGS)

    assert (answer.readings["host.last_stop"], answer.failed) == (None, {"host.last_stop": why})


def test_a_visit_with_all_that_stays_cheap(tree: Tree) -> None:
    for cpu in range(8):
        tree.throttled(cpu, 7)
    tree.has("sys/devices/platform/soc/soc:firmware/get_throttled", "0")
    tree.screen("card0-HDMI-A-1", "connected")
    tree.read(screen="any")
    begin = time.thread_time()

    for _ in range(20):
        tree.read(screen="any")

    assert (time.thread_time() - begin) / 20 < 0.010  # 3 ms on a quiet machine


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_unknown(number: float) -> None:
    odd = Cpu(busy_s=number, total_s=number)
    broken = replace(
        KIOSK_7, load_1m=number, memory_percent=number, uptime_s=number, cpu=(Cpu(busy_s=1.0, total_s=2.0), odd)
    )

    answer = host.parse(broken, SETTINGS)

    names = ["host.cpu_percent", "host.load_1m", "host.memory_percent", "host.uptime_s"]
    assert [answer.readings[name] for name in names] == [None] * 4
    assert sorted(answer.failed) == names
