"""The computer on which the agent runs: CPU, memory, disks, temperatures, clock, network (本机)

    [[device.probe]]
    name = "host"

**Needs** nothing: no process is started, nothing is written, no right is asked for. A visit costs about 2 ms. In a
locked container the clock may not be asked: then it is unknown with the reason `permission`.

The CPU figure is the share of time since the visit before; the first visit after start measures a fifth of a second
instead. `temperature[cpu]` is the hottest sensor of the processor; other chips keep their own name, and a machine
without sensors has no such reading.

A disk is a real file system: pseudo file systems, images that are always full (squashfs, iso9660) and second mounts
of the same device are left out; `/` is always in, even when it is an overlay. `used_percent` is df's figure: used /
(used + free to users). A network interface is real when it is not loopback and not made of software; the counters are
summed over the real ones.

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
from typing import Final

import psutil

from roundsman_agent.adjtimex import Kernel, Trouble, kernel_clock
from roundsman_agent.probe import Answer, Probe, Setting, Value, texts

__all__ = ["Cpu", "Disk", "Kernel", "Net", "Snapshot", "probe"]

FIRST_LOOK_S: Final = 0.2
ALWAYS_FULL: Final = frozenset({"squashfs", "iso9660", "udf", "cramfs", "erofs"})
PLAUSIBLE_CELSIUS: Final = (-40.0, 150.0)
INSTANCE_LIMIT: Final = 100
"""Disks, sensors or interfaces of one kind: a machine with more has a loop in its mounts."""

# The chips whose sensors mean "the processor"; the rest are named after their chip.
CPU_CHIPS: Final = frozenset({"coretemp", "k10temp", "zenpower", "cpu_thermal", "soc_thermal", "x86_pkg_temp"})


"""(code, detail) where a measurement could not be taken."""


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


# --- fetch ------------------------------------------------------------------------------------------------------------

_cpu_before: list[Cpu] = []
"""The last visit's CPU times (one element, or none before the first)."""


def fetch(settings: Mapping[str, object]) -> Snapshot:
    """Measure once."""
    swap = psutil.swap_memory()
    temperatures, temperature_trouble = _temperatures()
    return Snapshot(
        cpu=_cpu_window(),
        load_1m=os.getloadavg()[0],
        memory_percent=psutil.virtual_memory().percent,
        swap=(swap.used, swap.total),
        uptime_s=time.clock_gettime(time.CLOCK_BOOTTIME),
        disks=_disks(frozenset(texts(settings, "skip_mounts"))),
        temperatures=temperatures,
        temperature_trouble=temperature_trouble,
        clock=kernel_clock(),
        nets=_nets(),
    )


def _cpu_window() -> tuple[Cpu, Cpu]:
    if not _cpu_before:
        _cpu_before.append(_cpu())
        time.sleep(FIRST_LOOK_S)
    before, now = _cpu_before[0], _cpu()
    _cpu_before[0] = now
    return before, now


def _cpu() -> Cpu:
    times = psutil.cpu_times()
    # Linux counts a guest's time in user and nice as well: what is summed here must not hold it twice.
    parts = (times.user, times.nice, times.system, times.idle, times.iowait, times.irq, times.softirq, times.steal)
    total = float(sum(parts))
    return Cpu(busy_s=total - times.idle - times.iowait, total_s=total)


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
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
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
    real = [name for name in sorted(counters) if not os.path.exists(f"/sys/devices/virtual/net/{name}")]
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
    readings: dict[str, Value] = {
        "host.cpu_percent": _cpu_percent(*raw.cpu),
        "host.load_1m": round(raw.load_1m, 2),
        "host.memory_percent": round(raw.memory_percent, 1),
        "host.uptime_s": int(raw.uptime_s),
    }
    failed: dict[str, Trouble] = {}
    if readings["host.cpu_percent"] is None:
        failed["host.cpu_percent"] = ("bad_answer", "no CPU time has passed since the visit before")
    used, total = raw.swap
    if total > 0:  # a machine without swap has no such reading
        readings["host.swap_percent"] = _percent(used, total)
    _read_disks(raw.disks, readings, failed)
    _read_temperatures(raw.temperatures, readings, failed)
    if raw.temperature_trouble is not None:
        readings["temperature[cpu].celsius"] = None
        failed["temperature[cpu].celsius"] = raw.temperature_trouble
    _read_clock(raw.clock, readings, failed)
    _read_nets(raw.nets, readings)
    return Answer(readings=readings, failed=failed)


def _cpu_percent(before: Cpu, now: Cpu) -> Value:
    passed = now.total_s - before.total_s
    if passed <= 0:
        return None
    return round(min(100.0, max(0.0, 100 * (now.busy_s - before.busy_s) / passed)), 1)


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 1)


def _read_disks(disks: Mapping[str, Disk | Trouble], readings: dict[str, Value], failed: dict[str, Trouble]) -> None:
    for mount, disk in disks.items():
        name = f"disk[{_instance(mount)}]"
        if not isinstance(disk, Disk):
            readings[f"{name}.used_percent"] = None
            failed[f"{name}.used_percent"] = disk
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
        place = "cpu" if chip in CPU_CHIPS else _instance(chip)
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
        readings["clock.synchronised"] = None
        failed["clock.synchronised"] = clock
        return
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
    for net in nets:
        readings[f"net[{_instance(net.name)}].link"] = "up" if net.up else "down"


def _instance(name: str) -> str:
    """A name the operating system gives, made fit to stand in brackets."""
    return re.sub(r"[\]\x00-\x1f\x7f]", "_", name)[:128] or "_"


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
    parts=(Snapshot, Cpu, Disk, Net, Kernel),
    blocks=True,
)
