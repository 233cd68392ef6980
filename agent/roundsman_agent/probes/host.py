"""The computer on which the agent runs: CPU, memory, disks, temperatures, screen, clock, network, last stop (本机)

    [[device.probe]]
    name = "host"
    screen = "any"

**Needs** nothing: no process is started, nothing is written, no right is asked for. A visit costs about 2 ms. In a
locked container the clock may not be asked: then it is unknown with the reason `permission`.

The CPU figure is the share of time since the visit before; the first visit after start measures a fifth of a second
instead. `temperature[cpu]` is the hottest sensor of the processor; other chips keep their own name, and a machine
without sensors has no such reading.

A disk is a real file system: pseudo file systems, images that are always full (squashfs, iso9660) and second mounts
of the same device are left out; `/` is always in, even when it is an overlay. `used_percent` is df's figure: used /
(used + free to users). A network interface is real when it is not loopback and not made of software; the counters are
summed over the real ones.

`host.throttled` is yes when a processor's throttle counter rose since the visit before (Intel), or when a Raspberry
Pi's firmware says that it is held back, too hot, or short of voltage now (get_throttled, bits 0 to 3). A machine that
has neither has no such reading.

`host.last_stop` is how the machine stopped before this boot: `clean` when wtmp (Debian 13: wtmpdb) has the record of a
shutdown between the boot before and this one, `unclean` when it has none. Where no such records are kept there is no
such reading; where they do not reach back to the boot before, it is unknown. How often it boots is for the collector
to count, from `host.uptime_s`.

`screen.state` is there when `screen` says that one must be lit: `any`, or a connector of /sys/class/drm (`HDMI-A-1`).
`on`: connected, enabled and not in a power-saving state; `off`: connected, but none of them lit; `absent`: none
connected. A screen with its backlight broken looks lit to the kernel.

The clock is asked through adjtimex(2): it tells whether the kernel's clock is disciplined (by chrony, ntpd or
systemd-timesyncd alike) and the largest error the kernel believes it can have.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from math import isfinite, nan
from typing import Final

import psutil

from roundsman_agent.adjtimex import Kernel, Trouble, kernel_clock
from roundsman_agent.instance import instance
from roundsman_agent.last_stop import last_stop
from roundsman_agent.probe import Answer, Probe, Setting, Value, text, texts
from roundsman_wire.failures import FAILURES

__all__ = ["Cpu", "Disk", "Kernel", "Net", "Screen", "Snapshot", "probe"]

ROOT = "/"
"""Where /proc, /sys, /run and /var/log are; a test puts a folder of its own here."""

FIRST_LOOK_S: Final = 0.2
ALWAYS_FULL: Final = frozenset({"squashfs", "iso9660", "udf", "cramfs", "erofs"})
PLAUSIBLE_CELSIUS: Final = (-40.0, 150.0)
INSTANCE_LIMIT: Final = 100
"""Disks, sensors or interfaces of one kind: a machine with more has a loop in its mounts."""
THROTTLES_LIMIT: Final = 128
"""Counters of processors: two of each."""
FACT_BYTES: Final = 256
"""What is read of a file of /sys."""
YOUNG_S: Final = 600
"""A machine that is up for less may not have written yet that it came up."""

# Raspberry Pi's firmware, get_throttled: voltage too low, frequency held back, throttled, too hot; each now.
PI_HELD_BACK: Final = 0x1 | 0x2 | 0x4 | 0x8

# The chips whose sensors mean "the processor"; the rest are named after their chip.
CPU_CHIPS: Final = frozenset({"coretemp", "k10temp", "zenpower", "cpu_thermal", "soc_thermal", "x86_pkg_temp"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Cpu:
    """Seconds since boot, over all processors."""

    busy_s: float
    total_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Disk:
    """One file system as statvfs(2) tells it: sizes in bytes; ``inodes`` is 0 where there is no such limit."""

    mount: str
    total: int
    free: int
    free_to_users: int
    inodes: int
    inodes_free: int
    readonly: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Net:
    """One real interface: counters since boot."""

    name: str
    up: bool
    rx_bytes: int
    tx_bytes: int
    errors: int
    drops: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Screen:
    """One connector as /sys/class/drm shows it, in the kernel's own words; "" where it says nothing."""

    connector: str
    status: str
    dpms: str
    enabled: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """Everything that was measured in one visit, as it was measured."""

    cpu: tuple[Cpu, Cpu]
    load_1m: float
    memory_percent: float
    swap: tuple[int, int]
    uptime_s: float
    disks: Mapping[str, Disk | Trouble]
    temperatures: Sequence[tuple[str, float]]
    temperature_trouble: Trouble | None
    clock: Kernel | Trouble
    nets: tuple[Net, ...]
    throttles: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    """The processors' counters at the visit before and now; -1: not there at that time."""
    pi_throttled: str | None = None
    last_stop: str | Trouble | None = None
    screens: tuple[Screen, ...] = ()


# --- fetch ------------------------------------------------------------------------------------------------------------

_before: list[tuple[Cpu, tuple[int, ...]]] = []
"""The last visit's CPU times and throttle counters (one element, or none before the first)."""


def fetch(settings: Mapping[str, object]) -> Snapshot:
    """Measure once."""
    swap = psutil.swap_memory()
    temperatures, temperature_trouble = _temperatures()
    cpu, throttles = _window()
    uptime_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    return Snapshot(
        cpu=cpu,
        load_1m=os.getloadavg()[0],
        memory_percent=psutil.virtual_memory().percent,
        swap=(swap.used, swap.total),
        uptime_s=uptime_s,
        disks=_disks(frozenset(texts(settings, "skip_mounts"))),
        temperatures=temperatures,
        temperature_trouble=temperature_trouble,
        clock=kernel_clock(),
        nets=_nets(),
        throttles=throttles,
        pi_throttled=_pi_throttled(),
        last_stop=_last_stop(uptime_s),
        screens=_screens() if text(settings, "screen") else (),
    )


def _window() -> tuple[tuple[Cpu, Cpu], tuple[tuple[int, ...], tuple[int, ...]]]:
    """CPU times and throttle counters of the visit before, and of now."""
    if not _before:
        _before.append((_cpu(), _throttles()))
        time.sleep(FIRST_LOOK_S)
    before, now = _before[0], (_cpu(), _throttles())
    _before[0] = now
    return (before[0], now[0]), (before[1], now[1])


def _cpu() -> Cpu:
    times = psutil.cpu_times()
    # Linux counts a guest's time in user and nice as well: what is summed here must not hold it twice.
    parts = (times.user, times.nice, times.system, times.idle, times.iowait, times.irq, times.softirq, times.steal)
    total = float(sum(parts))
    return Cpu(busy_s=total - times.idle - times.iowait, total_s=total)


def _fact(*way: str) -> str | None:
    """What a small file below ROOT says; None where there is none, or it cannot be read."""
    try:
        with open(os.path.join(ROOT, *way), "rb", buffering=0) as file:
            return (file.read(FACT_BYTES) or b"").decode("utf-8", "replace").strip()
    except OSError:
        return None


def _listed(*way: str) -> list[str]:
    try:
        return sorted(os.listdir(os.path.join(ROOT, *way)))
    except OSError:
        return []


@cache
def _throttle_files(root: str) -> tuple[str, ...]:
    """The counters of all processors, looked for once."""
    cpus = [name for name in _listed("sys/devices/system/cpu") if re.fullmatch(r"cpu\d+", name)]
    folders = [f"sys/devices/system/cpu/{cpu}/thermal_throttle" for cpu in cpus]
    found = [f"{folder}/{name}" for folder in folders for name in _listed(folder) if name.endswith("_throttle_count")]
    return tuple(found[:THROTTLES_LIMIT])


def _throttles() -> tuple[int, ...]:
    counts = [_fact(path) or "" for path in _throttle_files(ROOT)]
    return tuple(int(count) if count.isascii() and count.isdigit() else -1 for count in counts)


@cache
def _pi_file(root: str) -> str | None:
    """Where the firmware of a Raspberry Pi tells of throttling: soc/soc:firmware/get_throttled, or like it."""
    platform = "sys/devices/platform"
    for folder in (platform, *(f"{platform}/{name}" for name in _listed(platform) if name.startswith("soc"))):
        for name in _listed(folder):
            path = f"{folder}/{name}/get_throttled"
            if name.endswith("firmware") and _fact(path) is not None:
                return path
    return None


def _pi_throttled() -> str | None:
    path = _pi_file(ROOT)
    return None if path is None else _fact(path)


_stops: dict[str, str | Trouble | None] = {}
"""How the boot before ended does not change: by root, found once."""


def _last_stop(uptime_s: float) -> str | Trouble | None:
    if ROOT not in _stops:
        found = last_stop(ROOT)
        if not isinstance(found, str) and uptime_s < YOUNG_S:
            return found
        _stops[ROOT] = found
    return _stops[ROOT]


def _screens() -> tuple[Screen, ...]:
    """The connectors of all graphics cards; the kernel's own ones for writing pictures back are none."""
    folder = "sys/class/drm"
    names = [name for name in _listed(folder) if re.match(r"card\d+-", name) and "Writeback" not in name]
    return tuple(
        Screen(
            connector=name.partition("-")[2],
            status=_fact(folder, name, "status") or "",
            dpms=_fact(folder, name, "dpms") or "",
            enabled=_fact(folder, name, "enabled") or "",
        )
        for name in names[:INSTANCE_LIMIT]
    )


def _disks(skip: frozenset[str]) -> dict[str, Disk | Trouble]:
    mounts: dict[str, str] = {}
    for part in psutil.disk_partitions(all=False):
        if part.fstype not in ALWAYS_FULL and part.device not in mounts.values():
            mounts.setdefault(part.mountpoint, part.device)
    mounts.setdefault("/", "/")
    wanted = [mount for mount in sorted(mounts) if mount not in skip]
    readonly = _readonly_disks()
    return {mount: _disk(mount, readonly.get(mount)) for mount in wanted[:INSTANCE_LIMIT]}


def _readonly_disks() -> dict[str, bool]:
    try:
        with open(os.path.join(ROOT, "proc/self/mountinfo"), encoding="utf-8", errors="surrogateescape") as file:
            return readonly_disks(file.read())
    except OSError:
        return {}


def readonly_disks(mountinfo: str) -> dict[str, bool]:
    """Whether the file system at each mount point is read-only itself, as /proc/self/mountinfo says (proc(5)).

    A service with ProtectSystem=strict sees every mount read-only: that is its own view and no fault of the disk. The
    options behind the lone `-` are those of the file system, which the kernel turns to `ro` when the disk fails.
    """
    found: dict[str, bool] = {}
    for line in mountinfo.splitlines():
        seen, _, disk = line.partition(" - ")
        places, options = seen.split(" "), disk.split(" ")
        if len(places) > 4 and len(options) > 2:
            mount = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), places[4])
            found[mount] = "ro" in options[2].split(",")
    return found


def _disk(mount: str, is_readonly: bool | None = None) -> Disk | Trouble:
    """`is_readonly` None: nobody can say it better than statvfs."""
    try:
        facts = os.statvfs(mount)
    except OSError as error:  # a dying disk answers EIO: that is a finding about this disk, not about the visit
        code = "permission" if error.errno in (errno.EACCES, errno.EPERM) else "bad_answer"
        return code, f"statvfs {mount}: {error.strerror}"
    return Disk(
        mount=mount,
        total=facts.f_blocks * facts.f_frsize,
        free=facts.f_bfree * facts.f_frsize,
        free_to_users=facts.f_bavail * facts.f_frsize,
        inodes=facts.f_files,
        inodes_free=facts.f_ffree,
        readonly=bool(facts.f_flag & os.ST_RDONLY) if is_readonly is None else is_readonly,
    )


def _temperatures() -> tuple[list[tuple[str, float]], Trouble | None]:
    try:
        chips = psutil.sensors_temperatures()
    except OSError as error:
        return [], ("bad_answer", f"hwmon: {error.strerror}")
    return [(chip, float(entry.current)) for chip, entries in sorted(chips.items()) for entry in entries], None


def _nets() -> tuple[Net, ...]:
    up = {name: stats.isup for name, stats in psutil.net_if_stats().items()}
    counters = psutil.net_io_counters(pernic=True)
    virtual = os.path.join(ROOT, "sys/devices/virtual/net")
    real = [name for name in sorted(counters) if not os.path.exists(f"{virtual}/{name}")]
    if not real:  # in a container every interface is made of software
        real = [name for name in sorted(counters) if name != "lo" and up.get(name)]
    return tuple(
        Net(
            name=name,
            up=up.get(name, False),
            rx_bytes=counters[name].bytes_recv,
            tx_bytes=counters[name].bytes_sent,
            errors=counters[name].errin + counters[name].errout,
            drops=counters[name].dropin + counters[name].dropout,
        )
        for name in real[:INSTANCE_LIMIT]
    )


# --- parse ------------------------------------------------------------------------------------------------------------


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """The snapshot as readings; what could not be measured is None with its reason."""
    if not isinstance(raw, Snapshot):
        raise TypeError(f"host parses a Snapshot, not {type(raw).__name__}")
    readings: dict[str, Value] = {}
    failed: dict[str, Trouble] = {}
    cpu_percent = _cpu_percent(*raw.cpu)
    _read_number("host.cpu_percent", cpu_percent, 1, readings, failed)
    if cpu_percent is None:
        failed["host.cpu_percent"] = ("bad_answer", "no CPU time has passed since the visit before")
    _read_number("host.load_1m", raw.load_1m, 2, readings, failed)
    _read_number("host.memory_percent", raw.memory_percent, 1, readings, failed)
    _read_number("host.uptime_s", raw.uptime_s, 0, readings, failed)
    used, total = raw.swap
    if total > 0:  # a machine without swap has no such reading
        readings["host.swap_percent"] = _percent(used, total)
    _read_disks(raw.disks, readings, failed)
    _read_temperatures(raw.temperatures, readings, failed)
    if raw.temperature_trouble is not None:
        _read_trouble("temperature[cpu].celsius", raw.temperature_trouble, readings, failed)
    _read_throttling(raw, readings, failed)
    _read_last_stop(raw.last_stop, readings, failed)
    _read_screen(raw.screens, text(settings, "screen"), readings, failed)
    _read_clock(raw.clock, readings, failed)
    _read_nets(raw.nets, readings)
    return Answer(readings=readings, failed=failed)


def _read_number(
    name: str, value: float | None, digits: int, readings: dict[str, Value], failed: dict[str, Trouble]
) -> None:
    """A number, rounded (to 0 digits: cut to a whole one); what is none is unknown."""
    if value is None or not isfinite(value):
        readings[name] = None
        failed[name] = ("implausible", f"the system says {value}")
    else:
        readings[name] = round(value, digits) if digits else int(value)


def _read_trouble(name: str, trouble: Trouble, readings: dict[str, Value], failed: dict[str, Trouble]) -> None:
    code, detail = trouble[0], trouble[1]
    readings[name] = None
    failed[name] = (code if code in FAILURES else "bad_answer", detail)


def _read_throttling(raw: Snapshot, readings: dict[str, Value], failed: dict[str, Trouble]) -> None:
    then, since = raw.throttles
    pairs = [(before, now) for before, now in zip(then, since, strict=False) if before >= 0 and now >= 0]
    is_held_back = any(now > before for before, now in pairs)
    if raw.pi_throttled is not None:
        try:
            is_held_back |= bool(int(raw.pi_throttled[:FACT_BYTES], 16) & PI_HELD_BACK)
        except ValueError:
            why = ("bad_answer", f"get_throttled says {raw.pi_throttled[:60]!r}, expected a hexadecimal number")
            return _read_trouble("host.throttled", why, readings, failed)
    if pairs or raw.pi_throttled is not None:
        readings["host.throttled"] = "yes" if is_held_back else "no"
    return None


def _read_last_stop(found: str | Trouble | None, readings: dict[str, Value], failed: dict[str, Trouble]) -> None:
    if found in ("clean", "unclean"):
        readings["host.last_stop"] = str(found)
    elif isinstance(found, tuple):
        _read_trouble("host.last_stop", found, readings, failed)


def _read_screen(
    screens: Sequence[Screen], wanted: str, readings: dict[str, Value], failed: dict[str, Trouble]
) -> None:
    if not wanted:
        return None
    wanted = wanted.strip().lower()
    asked = [one for one in screens if wanted in ("any", one.connector.lower())]
    if not screens:
        return _read_trouble("screen.state", ("not_supported", "this kernel shows no connectors"), readings, failed)
    if not asked:
        names = ", ".join(one.connector[:40] for one in screens[:8])
        why = ("bad_setting", f"there is no connector {wanted[:40]}; there are {names}")
        return _read_trouble("screen.state", why, readings, failed)
    states = {_screen(one) for one in asked}
    state = next((word for word in ("on", "off", None, "absent") if word in states), None)
    readings["screen.state"] = state
    if state is None:
        said = ", ".join(f"{one.connector[:40]} {one.status[:20] or 'nothing'}" for one in asked[:8])
        failed["screen.state"] = ("bad_answer", f"whether a screen is connected is not to be seen: {said}")
    return None


def _screen(one: Screen) -> str | None:
    """on, off or absent; None where the connector cannot tell what hangs on it."""
    status, dpms, enabled = one.status.strip().lower(), one.dpms.strip().lower(), one.enabled.strip().lower()
    if status == "disconnected":
        return "absent"
    if status == "connected":  # a driver that leaves the other two out has nothing against it
        return "on" if dpms in ("on", "") and enabled in ("enabled", "") else "off"
    return "on" if (dpms, enabled) == ("on", "enabled") else None


def _cpu_percent(before: Cpu, now: Cpu) -> float | None:
    passed = now.total_s - before.total_s
    share = 100 * (now.busy_s - before.busy_s) / passed if passed > 0 else nan
    return min(100.0, max(0.0, share)) if isfinite(share) else None


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 1)


def _read_disks(disks: Mapping[str, Disk | Trouble], readings: dict[str, Value], failed: dict[str, Trouble]) -> None:
    for mount, disk in islice(disks.items(), INSTANCE_LIMIT):
        name = f"disk[{instance(mount)}]"
        if not isinstance(disk, Disk):
            _read_trouble(f"{name}.used_percent", disk, readings, failed)
            continue
        used = disk.total - disk.free
        if used + disk.free_to_users > 0:
            readings[f"{name}.used_percent"] = _percent(used, used + disk.free_to_users)
            readings[f"{name}.free_mb"] = disk.free_to_users // 1_000_000
        if disk.inodes > 0:  # FAT, btrfs: no limit, no reading
            readings[f"{name}.inodes_percent"] = _percent(disk.inodes - disk.inodes_free, disk.inodes)
        readings[f"{name}.readonly"] = "yes" if disk.readonly else "no"


def _read_temperatures(
    sensors: Sequence[tuple[str, float]], readings: dict[str, Value], failed: dict[str, Trouble]
) -> None:
    least, most = PLAUSIBLE_CELSIUS
    hottest: dict[str, float] = {}
    strange: dict[str, float] = {}
    for chip, celsius in sensors:
        place = "cpu" if chip in CPU_CHIPS else instance(chip)
        if least <= celsius <= most:
            hottest[place] = max(celsius, hottest.get(place, celsius))
        else:
            strange[place] = celsius
    for place in [*hottest, *(p for p in strange if p not in hottest)][:INSTANCE_LIMIT]:
        name = f"temperature[{place}].celsius"
        readings[name] = round(hottest[place], 1) if place in hottest else None
        if place not in hottest:
            failed[name] = ("implausible", f"the sensor says {strange[place]} °C")


def _read_clock(clock: Kernel | Trouble, readings: dict[str, Value], failed: dict[str, Trouble]) -> None:
    if not isinstance(clock, Kernel):
        return _read_trouble("clock.synchronised", clock, readings, failed)
    readings["clock.synchronised"] = "yes" if clock.synchronised else "no"
    if clock.synchronised:  # otherwise the figure only grows: it says nothing about the clock
        readings["clock.max_error_ms"] = round(clock.max_error_us / 1000, 3)


def _read_nets(nets: tuple[Net, ...], readings: dict[str, Value]) -> None:
    if not nets:
        return
    readings["net.rx_bytes"] = sum(net.rx_bytes for net in nets)
    readings["net.tx_bytes"] = sum(net.tx_bytes for net in nets)
    readings["net.errors"] = sum(net.errors for net in nets)
    readings["net.drops"] = sum(net.drops for net in nets)
    for net in nets[:INSTANCE_LIMIT]:
        readings[f"net[{instance(net.name)}].link"] = "up" if net.up else "down"


probe = Probe(
    name="host",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(
            name="skip_mounts",
            kind=list,
            default=[],
            unit="",
            sentence="Mount points that are not to be read, for example one that is meant to be full.",
        ),
        Setting(
            name="screen",
            kind=str,
            default="",
            unit="",
            sentence="Which screen must be lit: any, or a connector like HDMI-A-1; empty: none is expected.",
        ),
        Setting(
            name="timeout_s",
            kind=float,
            default=5.0,
            unit="s",
            sentence="The longest that one visit may take.",
            least=0.5,
            most=60,
        ),
    ),
    fetch=fetch,
    parse=parse,
    default_timeout_s=5.0,
    readings=(
        "host.cpu_percent",
        "host.load_1m",
        "host.memory_percent",
        "host.swap_percent",
        "host.uptime_s",
        "host.throttled",
        "host.last_stop",
        "screen.state",
        "disk[].used_percent",
        "disk[].free_mb",
        "disk[].inodes_percent",
        "disk[].readonly",
        "temperature[].celsius",
        "clock.synchronised",
        "clock.max_error_ms",
        "net.rx_bytes",
        "net.tx_bytes",
        "net.errors",
        "net.drops",
        "net[].link",
    ),
    parts=(Snapshot, Cpu, Disk, Net, Screen, Kernel),
    blocks=True,
)
