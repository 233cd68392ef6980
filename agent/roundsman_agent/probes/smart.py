"""Disks and what they say of their own health, through smartctl: worn, failing, hot, how old (硬盘 SMART 自检)

    [[device.probe]]
    name = "smart"
    every_s = 21600
    devices = ["root=/dev/disk/by-id/ata-INTEL_SSDSC2KB240G8_BTYF83", "raid0=/dev/sda -d megaraid,0"]

Without `devices` every disk that `smartctl --scan-open` finds is asked, under its kernel name (`disk[sda].smart`); that
name may be another after a reboot, a `NAME=` before the path may not. Behind the path `-d TYPE`, as smartctl takes it:
`sat`, `nvme`, `scsi`, `megaraid,N` …; without it smartctl finds out.

**Needs** smartctl (`apt install smartmontools`, 7.0 or newer) and the right to send commands to disks. As root nothing
more; the service of [agent-on-a-device](../how-to/agent-on-a-device.md) needs a drop-in (`systemctl edit
roundsman-agent`), because the kernel gives raw commands only to those who hold these capabilities:

    [Service]
    SupplementaryGroups=disk
    DeviceAllow=block-sd rw
    DeviceAllow=char-nvme rw
    CapabilityBoundingSet=CAP_SYS_RAWIO CAP_SYS_ADMIN
    AmbientCapabilities=CAP_SYS_RAWIO CAP_SYS_ADMIN

CAP_SYS_RAWIO is for SATA and SAS, CAP_SYS_ADMIN and the line with nvme for NVMe alone: leave out what is not there.
For disks behind a MegaRAID controller smartctl makes itself a device file and must be root. Whoever may do all that
could also destroy the disk; without the drop-in the probe says `permission` and the other probes go on.

    we run  smartctl -j -n standby -q noserial -i -H -A -l selftest -l ssd [-d TYPE] DEVICE

which only reads: no self-test is started, nothing is switched on in the disk. A sleeping disk is not woken (`-n
standby`): its verdict is unknown with the reason `absent` until it is awake at a visit. (A USB bridge that does not
pass that question on always looks asleep to smartctl.) A disk that answers nothing at all is no bad disk: its verdict
is unknown with the reason. Serial numbers stay in the machine.

`disk[].smart` is the worst of

    failing  the disk says so (smart_status, exit bit 3), or an attribute of the kind "prefail" stands at or below the
             maker's threshold now (exit bit 4)
    warning  sectors were moved (attribute 5; SAS: grown defects), wait to be (197; SAS: pending defects) or could not
             be read (198); the last self-test failed (exit bit 7); a prefail attribute was below its threshold once,
             or one of age is; NVMe: media errors, spare blocks below the threshold; SAS: errors beyond correction;
             90 % or more worn
    passed   the disk says so, and there is nothing of the above

Not failing but warning is what passes when it cools down or the power is mended: NVMe's critical warning of heat alone
(smartctl calls that FAILED), a SAS disk's alert "warning" (ASC 0Bh), and attributes 190 and 194 never count. Old
entries of the error log (exit bit 6) and cable errors (199) are no verdict either.

Raw values are taken as smartctl writes them out, because the 48 bits are packed by each maker in his own way: hours
and milliseconds, a temperature with its lowest and highest, a count with another count. Where only the 48 bits are
there and make no sense, the reading is `implausible`. `disk[].wear_percent` is what is used up of an SSD's life: NVMe
"percentage used", the ATA device statistics' endurance indicator, or 100 less the normalised value of the
attribute in which Intel (233), Samsung (177), Crucial and Micron (202) and Kingston (231) count life down.

Source: smartctl(8) on exit status and options; smartmontools' drivedb.h; `smartctl -j` of real disks.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from roundsman_agent import program
from roundsman_agent.instance import instance
from roundsman_agent.probe import Answer, ItemError, Probe, ProbeError, Setting, Value, number, texts

__all__ = ["Said", "probe"]

TEXT_LIMIT: Final = 512 * 1024
"""Characters that one disk may say; 60 kB is much."""
DISKS_LIMIT: Final = 64
ROWS_LIMIT: Final = 256
"""Attributes of a disk: their number is a byte."""
DETAIL_LIMIT: Final = 200

READS: Final = ("-j", "-n", "standby", "-q", "noserial", "-i", "-H", "-A", "-l", "selftest", "-l", "ssd")
SCANS: Final = ("--scan-open", "-j")

# smartctl(8), EXIT STATUS
FAILING, PREFAIL_NOW, SELF_TEST = 0x08, 0x10, 0x80

REALLOCATED, HOURS, PENDING, UNCORRECTABLE = 5, 9, 197, 198
TEMPERATURES: Final = (194, 190)
WEAR_LIMIT: Final = 90
NVME_MILD: Final = 0x02 | 0x10 | 0x20
"""Critical warnings that pass: temperature; the capacitor that saves the cache; persistent memory."""
SCSI_WARNING: Final = 0x0B
"""The additional sense code "warning"; 5Dh is "failure prediction threshold exceeded"."""

# Numbers are used for other things by some makers of SSDs (197 "Not_In_Use", 198 "Host_Reads_GiB"): what smartctl's
# database (drivedb.h) calls the attribute must speak of the same thing. Without a name the number is believed.
MEANT: Final[Mapping[int, tuple[str, ...]]] = {
    REALLOCATED: ("realloc", "retired", "retried", "bad_bl"),
    PENDING: ("pending",),
    UNCORRECTABLE: ("uncor", "offline_unc"),
}

# Attributes whose normalised value counts from 100 (new) down to 0: Samsung, Crucial and Micron, Kingston, Intel.
LIFE_LEFT: Final = {
    177: "wear_leveling_count",
    202: "percent_lifetime_remain",
    231: "ssd_life_left",
    233: "media_wearout_indicator",
}

# What is plausible: beyond it lies no disk but a packed raw value.
MOST_SECTORS: Final = 10_000_000
MOST_HOURS: Final = 300_000
MOST_WEAR: Final = 255
CELSIUS: Final = (-40.0, 120.0)

MEND: Final = "give the agent CAP_SYS_RAWIO (SATA, SAS) or CAP_SYS_ADMIN (NVMe) and group disk: docs/probes/smart.md"

# What smartctl complains of -> what it means, and what to do; the first that is found counts.
_COMPLAINTS: Final = (
    (r"\bin (standby|sleep|idle)\b.*\bmode\b", "absent", "the disk sleeps and was not woken"),
    (r"permission denied|operation not permitted", "permission", MEND),
    (r"no such (device|file)|no medium", "absent", "there is no such disk now"),
    (
        r"unable to detect device type|unknown usb bridge|specify device type",
        "not_supported",
        'name its type if it has SMART: devices = ["/dev/sdb -d sat"]',
    ),
)

Trouble = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What smartctl said of one disk: its name in the readings, the exit status (None: it was killed), its JSON."""

    name: str
    status: int | None
    text: str
    is_there: bool = True
    """Whether there is a device of that name at all."""


class _Disk(NamedTuple):
    """A disk to ask: its name in the readings, its path, the type for smartctl ("": it finds out)."""

    name: str
    path: str
    type: str


# --- fetch ------------------------------------------------------------------------------------------------------------


def fetch(settings: Mapping[str, object]) -> tuple[Said, ...]:
    """Ask each disk, one after the other, with read commands only."""
    deadline = time.monotonic() + number(settings, "timeout_s")
    smartctl = program.found("smartctl")
    if smartctl is None:
        raise ProbeError("not_supported", "smartctl is not installed: apt install smartmontools")
    disks = _named(texts(settings, "devices")) or _scanned(smartctl, deadline)
    if not disks:
        raise ProbeError("not_supported", "smartctl --scan-open finds no disk that can be asked here")
    return tuple(_asked(smartctl, disk, deadline) for disk in disks[:DISKS_LIMIT])


def _asked(smartctl: str, disk: _Disk, deadline: float) -> Said:
    is_behind_controller = "," in disk.type  # /dev/bus/0 is a name for smartctl alone
    if not is_behind_controller and not os.path.exists(disk.path):
        return Said(name=disk.name, status=None, text="", is_there=False)
    type_ = ("-d", disk.type) if disk.type else ()
    said = _ran([smartctl, *READS, *type_, disk.path], deadline)
    return Said(name=disk.name, status=said.status, text=said.out.decode("utf-8", "replace"))


def _ran(argv: Sequence[str], deadline: float) -> program.Ran:
    try:
        return program.ran(argv, deadline=deadline, most=TEXT_LIMIT)
    except OSError as error:
        code = "permission" if isinstance(error, PermissionError) else "not_supported"
        raise ProbeError(code, f"{argv[0]} cannot be run: {error.strerror}") from error


_ENTRY = re.compile(r"(?:(?P<name>[^=/\s][^=/]*)=)?(?P<path>/dev/[\w.:@+/-]+)(?:\s+-d\s+(?P<type>[\w+,/:.-]+))?")


def _named(entries: Sequence[str]) -> list[_Disk]:
    """The disks of the setting; ItemError names the first entry that is none."""
    disks: list[_Disk] = []
    for i, entry in enumerate(_joined(entries)):
        match = _ENTRY.fullmatch(entry.strip())
        if match is None or ".." in match["path"] or (match["type"] or "").startswith("-"):
            raise ItemError(i, f"{entry[:100]!r}; expected [NAME=]/dev/… [-d TYPE]")
        type_ = match["type"] or ""
        name = (match["name"] or "").strip() or _short(match["path"], type_)
        if name in {disk.name for disk in disks}:
            raise ItemError(i, f"two are called {name!r}; give them names: NAME=/dev/…")
        disks.append(_Disk(name, match["path"], type_))
    if len(disks) > DISKS_LIMIT:
        raise ItemError(DISKS_LIMIT, f"expected at most {DISKS_LIMIT} disks")
    return disks


def _fits(value: object) -> None:
    _named(texts({"devices": value}, "devices"))


def _joined(entries: Sequence[str]) -> list[str]:
    """`once --set devices=/dev/sda -d megaraid,0` splits lists at commas, and types have one: put together again."""
    joined: list[str] = []
    for entry in entries:
        if joined and re.fullmatch(r"\s*\d+(/\d+)?\s*", entry) and " -d " in joined[-1]:
            joined[-1] += f",{entry.strip()}"
        else:
            joined.append(entry)
    return joined


def _short(path: str, type_: str) -> str:
    """What a disk without a name is called: sda, nvme0, ata-INTEL…; disks behind a controller by their number too."""
    short = re.sub(r"^/dev/(disk/[\w-]+/)?", "", path)
    return f"{short}:{type_.removeprefix('sat+')}" if "," in type_ else short


def _scanned(smartctl: str, deadline: float) -> list[_Disk]:
    """The disks that smartctl finds; nothing is opened for writing, and none is woken."""
    said = _ran([smartctl, *SCANS], deadline)
    if said.status is None:
        raise ProbeError("timeout", "smartctl --scan-open did not come back in time")
    found = _document(said.out.decode("utf-8", "replace"))
    if found is None:
        raise ProbeError("bad_answer", "smartctl --scan-open -j said no JSON: is it older than 7.0?")
    disks: dict[str, _Disk] = {}
    for row in _rows(found, "devices"):
        path, type_ = row.get("name"), row.get("type")
        if not isinstance(path, str) or not path.startswith("/"):
            continue
        type_ = type_ if isinstance(type_, str) and not row.get("open_error") else ""
        name = _short(path, type_)
        disks.setdefault(name, _Disk(name, path, type_))
    return list(disks.values())


# --- parse ------------------------------------------------------------------------------------------------------------


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """Each disk's readings; ProbeError when none of them could be asked at all."""
    if not isinstance(raw, tuple | list):
        raise TypeError(f"smart parses a list of Said, not {type(raw).__name__}")
    readings: dict[str, Value] = {}
    failed: dict[str, Trouble] = {}
    silent: list[Trouble] = []
    disks = [one for one in raw[:DISKS_LIMIT] if isinstance(one, Said)]
    for said in disks:
        name = f"disk[{instance(said.name)}]"
        document = _told(said)
        if isinstance(document, dict):
            _read_disk(name, said.status, document, readings, failed)
        else:
            readings[f"{name}.smart"] = None
            failed[f"{name}.smart"] = document
            if "sleeps" not in document[1]:
                silent.append(document)
    if silent and len(silent) == len(disks):
        raise ProbeError(*silent[0])
    return Answer(readings=readings, failed=failed)


def _told(said: Said) -> dict[str, Any] | Trouble:
    """What smartctl said of a disk; or why it said nothing of it."""
    if not said.is_there:
        return "absent", "there is no such disk now: pulled out, or dead to its controller"
    if said.status is None:
        return "timeout", "smartctl did not come back in time: the disk, its cable or its bridge hangs"
    document = _document(said.text)
    if document is None:
        return "bad_answer", f"smartctl said no JSON (exit status {said.status & 0xFF}): {said.text[:60]!r}"
    if any(key in document for key in _FACTS):
        return document
    words = _words(document)
    for pattern, code, meaning in _COMPLAINTS:
        if re.search(pattern, words, re.IGNORECASE):
            return code, f"{words}: {meaning}"
    if _at(document, "smart_support", "available") is False:
        return "not_supported", "the disk, or what stands before it, has no SMART"
    if not words and "device" in document:  # a RAID volume, a virtual disk, a USB stick
        return "not_supported", "the disk, or what stands before it, tells nothing of its health"
    return "bad_answer", f"smartctl, exit status {said.status & 0xFF}: {words or 'nothing of any disk'}"


_FACTS: Final = (
    "smart_status",
    "ata_smart_attributes",
    "ata_device_statistics",
    "nvme_smart_health_information_log",
    "scsi_grown_defect_list",
    "scsi_error_counter_log",
)
"""Without one of these the disk itself said nothing of its health."""


def _document(text: str) -> dict[str, Any] | None:
    """JSON's object, or None: no JSON, cut, or built to be monstrous."""
    if len(text) > TEXT_LIMIT:
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _words(document: Mapping[str, Any]) -> str:
    """smartctl's messages to people, in one line."""
    smartctl = _at(document, "smartctl")
    rows = _rows(smartctl, "messages") if isinstance(smartctl, dict) else ()
    said = [row["string"][:DETAIL_LIMIT] for row in rows if isinstance(row.get("string"), str)]
    return re.sub(r"\s+", " ", "; ".join(said[:4]))[:DETAIL_LIMIT].strip()


def _at(document: object, *way: str) -> object:
    """What stands at the end of the way, or None."""
    for key in way:
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document


def _rows(document: object, *way: str) -> Iterator[dict[str, Any]]:
    """The objects of a list, as many as there can be."""
    found = _at(document, *way)
    return (row for row in found[:ROWS_LIMIT] if isinstance(row, dict)) if isinstance(found, list) else iter(())


def _whole(value: object) -> int | None:
    """A number that counts something."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


class _Attribute(NamedTuple):
    """One row of an ATA disk's table. ``raw`` is what smartctl made of the 48 bits, as a number, else the bits."""

    name: str
    value: int | None
    raw: float | None
    is_prefail: bool
    when_failed: str


def _attributes(document: Mapping[str, Any]) -> dict[int, _Attribute]:
    found: dict[int, _Attribute] = {}
    for row in _rows(document, "ata_smart_attributes", "table"):
        number_, name, when = _whole(row.get("id")), row.get("name"), row.get("when_failed")
        if number_ is None or number_ in found:
            continue
        found[number_] = _Attribute(
            name=name.strip().lower() if isinstance(name, str) else "",
            value=_whole(row.get("value")),
            raw=_raw(row.get("raw")),
            is_prefail=_at(row, "flags", "prefailure") is True,
            when_failed=when.strip().lower() if isinstance(when, str) else "",
        )
    return found


_LEADING = re.compile(r"\s*(-?\d{1,15}(?:\.\d{1,3})?)(?![\dxX])")


def _raw(raw: object) -> float | None:
    """`29 (Min/Max 19/29)` -> 29, `2725h+10m+3.1s` -> 2725; without such a text the bits themselves."""
    text, bits = _at(raw, "string"), _at(raw, "value")
    if isinstance(text, str) and (match := _LEADING.match(text)):
        return float(match[1])
    whole = _whole(bits)
    return None if whole is None or whole >= 1 << 64 else float(whole)


def _read_disk(
    name: str, status: int | None, document: Mapping[str, Any], readings: dict[str, Value], failed: dict[str, Trouble]
) -> None:
    attributes = _attributes(document)

    def put(point: str, value: float | None, least: float, most: float) -> float | None:
        """The reading, if there is one and it can be true."""
        if value is None:
            return None
        is_true = least <= value <= most
        readings[f"{name}.{point}"] = (int(value) if value == int(value) else value) if is_true else None
        if not is_true:
            failed[f"{name}.{point}"] = ("implausible", f"the disk says {value:.15g}")
        return value if is_true else None

    readings[f"{name}.smart"] = None  # first, as it is what people look for
    put("celsius", _celsius(document, attributes), *CELSIUS)
    put("power_on_hours", _hours(document, attributes), 0, MOST_HOURS)
    moved = put("reallocated", _reallocated(document, attributes), 0, MOST_SECTORS)
    waiting = put("pending", _pending(document, attributes), 0, MOST_SECTORS)
    worn = put("wear_percent", _wear(document, attributes), 0, MOST_WEAR)
    lost = _raw_of(attributes, UNCORRECTABLE) or 0.0
    exit_status = (status or 0) | (_whole(_at(document, "smartctl", "exit_status")) or 0)
    bad_sectors = bool(moved or waiting or 0 < lost <= MOST_SECTORS)
    if _is_failing(document, attributes, exit_status):
        readings[f"{name}.smart"] = "failing"
    elif bad_sectors or (worn or 0) >= WEAR_LIMIT or _is_warning(document, attributes, exit_status):
        readings[f"{name}.smart"] = "warning"
    elif _at(document, "smart_status", "passed") is True:
        readings[f"{name}.smart"] = "passed"
    else:
        failed[f"{name}.smart"] = _no_verdict(document)


def _no_verdict(document: Mapping[str, Any]) -> Trouble:
    if _at(document, "smart_support", "enabled") is False:
        return "not_supported", "SMART is switched off in the disk; its owner may switch it on: smartctl -s on"
    return "absent", _words(document) or "the disk gives values but no verdict of its own"


def _is_mild(document: Mapping[str, Any]) -> bool:
    """Whether what the disk complains of passes: heat, a capacitor, a SAS warning."""
    critical = _whole(_at(document, "nvme_smart_health_information_log", "critical_warning"))
    if critical is None:
        critical = _whole(_at(document, "smart_status", "nvme", "value"))
    if critical is not None:
        return critical != 0 and critical & ~NVME_MILD == 0
    return _whole(_at(document, "smart_status", "scsi", "asc")) == SCSI_WARNING


def _is_failing(document: Mapping[str, Any], attributes: Mapping[int, _Attribute], status: int) -> bool:
    is_told = _at(document, "smart_status", "passed") is False or bool(status & FAILING)
    if is_told and not _is_mild(document):
        return True
    is_low = any(one.is_prefail and one.when_failed == "now" for number_, one in attributes.items() if _counts(number_))
    return is_low or (bool(status & PREFAIL_NOW) and not attributes)


def _is_warning(document: Mapping[str, Any], attributes: Mapping[int, _Attribute], status: int) -> bool:
    if _is_mild(document) or status & SELF_TEST:
        return True
    if any(
        (one.is_prefail and one.when_failed == "past") or one.when_failed == "now"
        for number_, one in attributes.items()
        if _counts(number_)
    ):
        return True
    log = "nvme_smart_health_information_log"
    if _whole(_at(document, log, "critical_warning")) or _whole(_at(document, log, "media_errors")):
        return True
    spare, least = (_whole(_at(document, log, key)) for key in ("available_spare", "available_spare_threshold"))
    if spare is not None and least is not None and spare < least <= 100:
        return True
    ways = ("read", "write", "verify")
    return any(_whole(_at(document, "scsi_error_counter_log", way, "total_uncorrected_errors")) for way in ways)


def _counts(number_: int) -> bool:
    """A disk that was too warm has a reading for that."""
    return number_ not in TEMPERATURES


def _raw_of(attributes: Mapping[int, _Attribute], number_: int) -> float | None:
    """The attribute's raw value, if it is what this number mostly means."""
    one = attributes.get(number_)
    if one is None or (one.name and number_ in MEANT and not any(part in one.name for part in MEANT[number_])):
        return None
    return one.raw


def _celsius(document: Mapping[str, Any], attributes: Mapping[int, _Attribute]) -> float | None:
    told = _degrees(_at(document, "temperature", "current"))
    if told == 0 and _at(document, "device", "protocol") == "SCSI":  # 0 is "no sensor"
        return _degrees(_at(document, "scsi_environmental_reports", "temperature_1", "current"))
    if told is not None:
        return told
    return next((raw for number_ in TEMPERATURES if (raw := _raw_of(attributes, number_)) is not None), None)


def _degrees(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -1e6 < value < 1e6 else None


def _hours(document: Mapping[str, Any], attributes: Mapping[int, _Attribute]) -> float | None:
    told = _whole(_at(document, "power_on_time", "hours"))
    if told is None:
        told = _whole(_at(document, "nvme_smart_health_information_log", "power_on_hours"))
    return _raw_of(attributes, HOURS) if told is None else _bounded(told)


def _reallocated(document: Mapping[str, Any], attributes: Mapping[int, _Attribute]) -> float | None:
    grown = _whole(_at(document, "scsi_grown_defect_list"))
    return _raw_of(attributes, REALLOCATED) if grown is None else _bounded(grown)


def _pending(document: Mapping[str, Any], attributes: Mapping[int, _Attribute]) -> float | None:
    told = _whole(_at(document, "scsi_pending_defects", "count"))
    return _raw_of(attributes, PENDING) if told is None else _bounded(told)


def _wear(document: Mapping[str, Any], attributes: Mapping[int, _Attribute]) -> float | None:
    for way in (
        ("nvme_smart_health_information_log", "percentage_used"),
        ("endurance_used", "current_percent"),
        ("scsi_percentage_used_endurance_indicator",),
    ):
        if (used := _whole(_at(document, *way))) is not None:
            return _bounded(used)
    for page in _rows(document, "ata_device_statistics", "pages"):
        for row in _rows(page, "table") if page.get("number") == 7 else ():  # 7: solid state device statistics
            used = _whole(row.get("value"))
            if row.get("offset") == 8 and used is not None and _at(row, "flags", "valid") is not False:
                return _bounded(used)
    left = [one.value for number_, one in attributes.items() if LIFE_LEFT.get(number_) == one.name]
    return float(100 - left[0]) if left and left[0] is not None and left[0] <= 100 else None


def _bounded(value: int) -> float:
    """As a float, which holds no whole number of any length."""
    return float(min(value, 1 << 64))


probe = Probe(
    name="smart",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(
            name="devices",
            kind=list,
            default=[],
            unit="",
            sentence="Disks as [NAME=]/dev/… [-d TYPE]; without any, all that smartctl --scan-open finds.",
            fits=_fits,
        ),
        Setting(
            name="timeout_s",
            kind=float,
            default=45.0,
            unit="s",
            sentence="The longest that one visit may take, all disks together.",
            least=1,
            most=300,
        ),
    ),
    fetch=fetch,
    parse=parse,
    default_timeout_s=45.0,
    target="devices",
    readings=(
        "disk[].smart",
        "disk[].celsius",
        "disk[].power_on_hours",
        "disk[].reallocated",
        "disk[].pending",
        "disk[].wear_percent",
    ),
    parts=(Said,),
    blocks=True,
)
