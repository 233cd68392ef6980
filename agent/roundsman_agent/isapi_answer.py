"""What the documents of an ISAPI device mean: pure, from the text of an answer to readings.

    read(text) -> Node                     the document; ProbeError when it is none, or when it says that it failed
    trouble(status, text) -> Trouble       None when the answer can be read
    channels(node), inputs(node), disks(node), machine(node, "nvr"), loop(node), device_time(node), …

    trouble         what the device said
    not_supported   404, 405, 501; 403 and 400 with a ResponseStatus that does not speak of rights
    permission      403 whose subStatusCode speaks of privilege or permission
    busy            503, statusCode 2 (Device Busy), a subStatusCode with "busy"
    bad_answer      all the rest

Words are compared without capitals. A word that is not in a table is `unknown`, never a fault.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from roundsman_agent.isapi_xml import Node, XmlError, tree
from roundsman_agent.probe import ProbeError, Value

__all__ = [
    "Channel",
    "Disk",
    "Reason",
    "Said",
    "Track",
    "channels",
    "configured",
    "device_time",
    "disks",
    "inputs",
    "is_recorder",
    "loop",
    "machine",
    "read",
    "tracks",
    "trouble",
    "wrong_by_s",
]

Reason = tuple[str, str]
"""A code of the failures and words for a person."""
Said = tuple[dict[str, Value], dict[str, Reason]]
"""Readings, and the reasons of those that are None."""

DISKS_LIMIT: Final = 64
ROWS_LIMIT: Final = 512

# chanDetectResult of a channel that is not online -> channel[].state. The spelling is the maker's (isapi document).
_CHANNEL: Final[Mapping[str, str]] = {
    "connecting": "connecting",
    "oversysbandwidth": "no_stream",
    "domainerror": "unreachable",
    "ipcstreamfail": "no_stream",
    "chacnnoerror": "no_stream",
    "cipaddrconflictwithdev": "conflict",
    "ipaddrconflictwithdev": "conflict",
    "ipaddrconflicwithipc": "conflict",
    "ipaddrconflictwithipc": "conflict",
    "errorusernameorpasswd": "bad_credentials",
    "userorpassworderror": "bad_credentials",
    "netunreachable": "unreachable",
    "ipcstreamtypenotsupport": "no_stream",
    "ipcresolutionnotsupport": "no_stream",
}
_EMPTY: Final = "notexist"
_NO_PICTURE: Final = frozenset({"ipcstreamfail", "ipcstreamtypenotsupport", "ipcresolutionnotsupport"})
"""What a channel may say that calls itself online and gives no picture."""

# status of hdd and nas -> disk[].state
_DISK: Final[Mapping[str, str]] = {
    "ok": "normal",
    "normal": "normal",
    "idle": "idle",
    "sleeping": "idle",
    "unformatted": "unformatted",
    "uninitialized": "unformatted",
    "error": "abnormal",
    "abnormal": "abnormal",
    "exception": "abnormal",
    "smartfailed": "smart_failed",
    "mismatch": "mismatch",
    "offline": "not_online",
    "notexist": "not_online",
    "formating": "formatting",
    "formatting": "formatting",
    "repairing": "repairing",
}
_HEALTHY: Final = frozenset({"normal", "idle"})

_RIGHTS = ("privilege", "permission", "noright", "unauthorized")
_ID = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_ZONE = re.compile(r"[A-Za-z<>+\-0-9]*?([+-]?)([0-9]{1,2}):([0-9]{2})(?::[0-9]{2})?", re.ASCII)


class Channel(NamedTuple):
    """A channel as its recorder sees it: a word of channel[].state, or None and why."""

    number: int
    state: str | None
    why: str = ""


class Disk(NamedTuple):
    """A disk of the recorder, or a disk on the network (`nas9`): what it is called, its readings."""

    name: str
    state: str
    capacity_mb: Value
    free_mb: Value
    why: Reason | None = None
    """Of the sizes, when they are None."""


class Track(NamedTuple):
    """What is to be recorded of one stream of a channel: track 301 is the main stream of channel 3."""

    number: int
    is_enabled: bool
    mode: str
    """In capitals: CMR all the time, MOTION, EDR, … on events; "" when it does not say."""
    is_loop: bool | None


# --- any answer -------------------------------------------------------------------------------------------------------


def trouble(status: int, text: str) -> Reason | None:
    """Why an answer cannot be used; None when it can be read."""
    said, sub, code = _response_status(text)
    if 200 <= status < 300 and code in ("", "0", "1", "7"):
        return None
    words = f"{status} {sub or said}".strip()[:120]
    hints = f"{sub} {said}".lower()
    if status == 503 or code == "2" or "busy" in hints:
        return "busy", f"{words}: asked again at the next visit"
    if status == 403 and any(hint in hints for hint in _RIGHTS):
        return "permission", f"{words}: the account may not read this"
    if status in (404, 405, 501) or (status in (400, 403) and code) or status == 403 or "notsupport" in hints:
        return "not_supported", words
    return "bad_answer", words


def _response_status(text: str) -> tuple[str, str, str]:
    """statusString, subStatusCode and statusCode, where the answer is a ResponseStatus; else empty texts."""
    if "responsestatus" not in text[:2000].lower():
        return "", "", ""
    try:
        node = tree(text)
    except XmlError:
        return "", "", ""
    if node.name != "responsestatus":
        return "", "", ""
    return node.said("statusString"), node.said("subStatusCode"), node.said("statusCode")


def read(text: str) -> Node:
    """The document; ProbeError bad_answer when it is none."""
    try:
        return tree(text)
    except XmlError as error:
        raise ProbeError("bad_answer", str(error)) from error


def _number(text: str) -> float | None:
    """A plain decimal; None for anything else, also for what is no number that could be counted with."""
    if len(text) > 32 or not re.fullmatch(r"[+-]?[0-9]+(?:\.[0-9]*)?", text, re.ASCII):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _whole(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _id(node: Node) -> int | None:
    text = node.said("id")
    return int(text) if _ID.fullmatch(text) else None


def _is_true(text: str) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower())


# --- the machine ------------------------------------------------------------------------------------------------------


def is_recorder(node: Node) -> bool | None:
    """Whether DeviceInfo is that of a recorder (NVR, DVR, …) or of a camera; None when it does not say."""
    kind = node.said("deviceType").lower()
    if not kind:
        return None
    return not any(word in kind for word in ("camera", "ipc", "dome", "zoom", "thermal"))


def machine(node: Node, component: str) -> Said:
    """CPU, memory and time since the start, of DeviceStatus; `component` is nvr or camera."""
    readings: dict[str, Value] = {}
    failed: dict[str, Reason] = {}
    loads = [_number(cpu.said("cpuUtilization")) for cpu in node.every("CPU")]
    told = [load for load in loads if load is not None]
    _put(readings, failed, f"{component}.cpu_percent", max(told, default=None), bool(loads), lambda x: 0 <= x <= 100)
    memories = node.every("Memory")
    used, free = (_sum(memories, name) for name in ("memoryUsage", "memoryAvailable"))
    # In megabytes both. Some firmwares leave one out, and the other alone says nothing.
    share = None if used is None or free is None or used < 0 or free < 0 or used + free <= 0 else used / (used + free)
    percent = None if share is None else round(share * 100, 1)
    _put(readings, failed, f"{component}.memory_percent", percent, bool(memories), lambda x: 0 <= x <= 100)
    uptime = node.said("deviceUpTime")
    _put(readings, failed, f"{component}.uptime_s", _number(uptime), bool(uptime), lambda x: 0 <= x < 2**32)
    return readings, failed


def _sum(nodes: list[Node], name: str) -> float | None:
    found = [_number(node.said(name)) for node in nodes]
    told = [value for value in found if value is not None]
    return sum(told) if told and len(told) == len(found) else None


def _put(
    readings: dict[str, Value],
    failed: dict[str, Reason],
    name: str,
    value: float | None,
    is_there: bool,
    is_plausible: Callable[[float], bool],
) -> None:
    """A number, or why there is none; nothing at all where the device has no such thing."""
    if value is not None and is_plausible(value):
        readings[name] = _whole(value)
    elif is_there:
        readings[name] = None
        failed[name] = ("absent", "not told") if value is None else ("implausible", f"{value:g}")


# --- disks ------------------------------------------------------------------------------------------------------------


def disks(node: Node) -> list[Disk]:
    """The disks and network disks of `storage`, each name once."""
    found: dict[str, Disk] = {}
    for kind, prefix in (("hdd", ""), ("nas", "nas")):
        for i, one in enumerate(node.every(kind)[:DISKS_LIMIT], start=1):
            number = _id(one)
            disk = _disk(f"{prefix}{i if number is None else number}", one)
            found.setdefault(disk.name, disk)
    return list(found.values())[:DISKS_LIMIT]


def _disk(name: str, node: Node) -> Disk:
    state = _DISK.get(node.said("status").lower(), "unknown")
    if state in _HEALTHY and node.said("property").lower() in ("ro", "readonly", "read-only"):
        state = "abnormal"  # a recorder that may only read its disk records nothing
    capacity, free = _number(node.said("capacity")), _number(node.said("freeSpace"))
    if capacity is None or capacity <= 0:  # a disk that cannot be read has none, or -1
        return Disk(name, state, None, None, ("absent", "the device tells no capacity"))
    if free is None or free < 0:
        return Disk(name, state, _whole(capacity), None, ("absent", "the device tells no free space"))
    if free > capacity:
        return Disk(name, state, _whole(capacity), None, ("implausible", f"{free:g} MB free of {capacity:g} MB"))
    return Disk(name, state, _whole(capacity), _whole(free))


# --- recording --------------------------------------------------------------------------------------------------------


def tracks(node: Node) -> list[Track]:
    """What is to be recorded."""
    found: list[Track] = []
    for one in node.every("Track")[:ROWS_LIMIT]:
        number = _id(one)
        if number is not None:
            mode = (one.said("DefaultRecordingMode") or "").upper()[:40]
            enabled = _is_true(one.said("Enable")) is not False
            found.append(Track(number, enabled, mode, _is_true(one.said("Loop"))))
    return found


def loop(found: list[Track]) -> str | None:
    """nvr.overwrite: no, if what is recorded of any channel stops when the disk is full; None when nothing is told."""
    said = [one.is_loop for one in found if one.is_enabled] or [one.is_loop for one in found]
    told = [one for one in said if one is not None]
    return None if not told else "yes" if all(told) else "no"


# --- channels ---------------------------------------------------------------------------------------------------------


def channels(node: Node) -> list[Channel]:
    """Network cameras as their recorder sees them: InputProxyChannelStatusList, or the status of one of them."""
    nodes = [node] if node.name == "inputproxychannelstatus" else node.every("InputProxyChannelStatus")
    found: dict[int, Channel] = {}
    for one in nodes[:ROWS_LIMIT]:
        number = _id(one)
        if number is not None:
            found.setdefault(number, _channel(number, one))
    return list(found.values())


def _channel(number: int, node: Node) -> Channel:
    result = node.said("chanDetectResult")
    word, online = result.lower(), _is_true(node.said("online"))
    if word == _EMPTY:
        return Channel(number, "empty")
    if online is None:
        said = node.said("online")[:40]
        told = f"<online> is {said!r}" if said else "there is no <online>"
        return Channel(number, None, f"{told}, chanDetectResult {result[:40] or 'not told'}")
    if online:
        return Channel(number, "no_stream" if word in _NO_PICTURE else "online")
    return Channel(number, _CHANNEL.get(word, "offline"))


def configured(node: Node) -> list[int]:
    """The numbers of the channels in InputProxyChannelList."""
    numbers = (_id(one) for one in node.every("InputProxyChannel")[:ROWS_LIMIT])
    return list(dict.fromkeys(number for number in numbers if number is not None))


def inputs(node: Node) -> dict[int, str]:
    """Analog inputs: number -> ok, lost, empty (switched off) or unknown; a camera's own sensor is none of them."""
    found: dict[int, str] = {}
    for one in node.every("VideoInputChannel")[:ROWS_LIMIT]:
        number, picture = _id(one), one.inner("resDesc")
        if number is None or picture is None:
            continue
        said = " ".join(picture.text.split()).upper()
        if _is_true(one.said("videoInputEnabled")) is False:
            found.setdefault(number, "empty")
        elif "NO VIDEO" in said or said == "NOVIDEO":
            found.setdefault(number, "lost")
        else:
            found.setdefault(number, "ok" if re.search(r"[0-9]{2,5}\s*[*X]\s*[0-9]{2,5}", said) else "unknown")
    return found


# --- time -------------------------------------------------------------------------------------------------------------


class DeviceTime(NamedTuple):
    """What a device takes for the time: on its clock (no zone), and its zone as it told it."""

    local: datetime
    zone: timedelta | None
    is_utc: bool = False
    """It wrote Z, which some mean and others do not."""


def device_time(node: Node) -> DeviceTime | None:
    """The clock of Time; None when it does not tell one."""
    try:
        told = datetime.fromisoformat(node.said("localTime")[:40])
    except ValueError:
        return None
    if not 1970 < told.year < 2100:
        return None
    is_utc = node.said("localTime").upper().endswith("Z")
    zone = None if is_utc else told.utcoffset()
    if zone is None:
        zone = _zone(node.said("timeZone"))
    return DeviceTime(told.replace(tzinfo=None), zone, is_utc)


def _zone(text: str) -> timedelta | None:
    """`CST-8:00:00` is eight hours before Greenwich's noon: POSIX counts westwards. Summer time is not told by it."""
    match = _ZONE.match(text)
    if match is None or "DST" in text.upper():
        return None
    hours = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return hours if match[1] == "-" else -hours


def wrong_by_s(told: DeviceTime, now_ms: float) -> float | None:
    """How far a clock that shows whole seconds is off; None without a zone.

    Where Z stands behind a time that may be local it is read as the device's zone, or as UTC, whichever is nearer.
    """
    shown = told.local.replace(tzinfo=UTC).timestamp() + (0.5 if told.local.microsecond == 0 else 0.0)
    meant = [shown - told.zone.total_seconds()] if told.zone is not None else []
    if told.is_utc:
        meant.append(shown)
    return min((abs(one - now_ms / 1000) for one in meant), default=None)
