"""USB devices that must be plugged in: touch panel, scanner, readers, cameras, by their ids (USB 外设在位检查)

    [[device.probe]]
    name = "usb"
    devices = ["touch=0eef:0001", "scanner=0525:a4a7", "idreader=0400:c35a:2018051234", "light=1a86:7523"]

Each entry is `NAME=VID:PID` or `NAME=VID:PID:SERIAL`, hexadecimal as `lsusb` shows them, in capitals or not, with or
without leading zeros and 0x. What is plugged in now is listed by `roundsman-agent once --probe usb` (without devices),
as `usb[VID:PID].state`: copy the ids from there when the machine is set up.

**Needs** nothing: /sys/bus/usb/devices is read, no device is opened. In a container the machine's /sys has to be there.

| NAME | reading | plugged in | not |
|---|---|---|---|
| card, idreader, scanner, pinpad, camera | `NAME.state` | ready | absent |
| touch | `touch.state` | ready | lost |
| anything else | `usb[NAME].state` | present | absent |

**Plugged in is not working**: a scanner that the kernel knows may still read nothing. Money devices are not among the
names above, because to be there says nothing of whether they take money: `cash` becomes `usb[cash].state`.

Where a machine has several of a kind, name their serial numbers. Without them they are counted: two entries with the
same ids and one device leave the last-named absent, whichever was pulled out. A device that was on the way while it was
read, or that the kernel cannot describe, makes what is missing unknown and not absent.

    /sys/bus/usb/devices/1-1.2/idVendor  idProduct  serial      1-1.2: bus, port, port of the hub
    /sys/bus/usb/devices/usb1                                   a root hub: a part of the machine
    /sys/bus/usb/devices/1-1.2:1.0                              an interface: no device

Source: the kernel's Documentation/ABI (sysfs-bus-usb); idVendor and idProduct are what the device said when it was
plugged in, so reading them does not reach the device.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from roundsman_agent.instance import instance
from roundsman_agent.probe import Answer, ItemError, Probe, ProbeError, Setting, Value, texts

__all__ = ["Plugged", "probe"]

ROOT = "/"
"""Where /sys is; a test puts a folder of its own here."""
FOLDER: Final = "sys/bus/usb/devices"

DEVICES_LIMIT: Final = 256
"""Two buses full, of 127 addresses each."""
FACT_BYTES: Final = 256

# NAME -> the word for a device that is there, the word for one that is not.
COMPONENTS: Final[Mapping[str, tuple[str, str]]] = {
    "camera": ("ready", "absent"),
    "card": ("ready", "absent"),
    "idreader": ("ready", "absent"),
    "pinpad": ("ready", "absent"),
    "scanner": ("ready", "absent"),
    "touch": ("ready", "lost"),
}
OTHERS: Final = ("present", "absent")

Trouble = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plugged:
    """A device as /sys shows it: where it hangs, its ids in the kernel's own words ("": cannot be read), its serial."""

    port: str
    vid: str
    pid: str
    serial: str


class _Wanted(NamedTuple):
    """An entry of the setting."""

    name: str
    vid: int
    pid: int
    serial: str


# --- fetch ------------------------------------------------------------------------------------------------------------


def fetch(settings: Mapping[str, object]) -> tuple[Plugged, ...]:
    """Everything that is plugged in, root hubs too."""
    wanted = _wanted(texts(settings, "devices"))
    folder = os.path.join(ROOT, FOLDER)
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        raise ProbeError("not_supported", f"there is no {folder}: no USB here, or not for a container") from None
    except OSError as error:
        code = "permission" if isinstance(error, PermissionError) else "bad_answer"
        raise ProbeError(code, f"{folder}: {error.strerror}") from error
    ports = [name for name in names if ":" not in name]
    if not ports:
        raise ProbeError("not_supported", f"{folder} has not even a root hub: no USB here")
    # To ask for a serial number takes the device's lock, and a device that is being reset keeps it for seconds.
    needs_serial = not wanted or any(one.serial for one in wanted)
    return tuple(_plugged(folder, port, needs_serial) for port in ports[: DEVICES_LIMIT + 1])


def _plugged(folder: str, port: str, needs_serial: bool) -> Plugged:
    place = os.path.join(folder, port)
    return Plugged(
        port=port,
        vid=_fact(place, "idVendor"),
        pid=_fact(place, "idProduct"),
        serial=_fact(place, "serial") if needs_serial else "",
    )


def _fact(place: str, name: str) -> str:
    try:
        with open(os.path.join(place, name), "rb", buffering=0) as file:
            return (file.read(FACT_BYTES) or b"").decode("utf-8", "replace").strip()
    except OSError:  # pulled out in between, or a device without a serial number
        return ""


_ENTRY = re.compile(
    r"\s*(?P<name>[^=]+?)\s*=\s*(?:0x)?(?P<vid>[0-9a-f]{1,4})\s*:\s*(?:0x)?(?P<pid>[0-9a-f]{1,4})\s*"
    r"(?::\s*(?P<serial>.+?)\s*)?",
    re.IGNORECASE,
)


def _wanted(entries: Sequence[str]) -> list[_Wanted]:
    """The entries of the setting; ItemError names the first that cannot be used."""
    found: list[_Wanted] = []
    for i, entry in enumerate(entries):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise ItemError(i, f"{entry[:100]!r}; expected NAME=VID:PID or NAME=VID:PID:SERIAL, hexadecimal")
        name = match["name"]
        name = name.lower() if name.lower() in COMPONENTS else instance(name)
        if name in {one.name for one in found}:
            raise ItemError(i, f"two are called {name!r}; call the second {name}2")
        serial = (match["serial"] or "").lower()
        found.append(_Wanted(name, int(match["vid"], 16), int(match["pid"], 16), serial))
    return found


def _fits(value: object) -> None:
    _wanted(texts({"devices": value}, "devices"))


# --- parse ------------------------------------------------------------------------------------------------------------


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """Which of the devices are there; without any that are named, all that are there."""
    if not isinstance(raw, tuple | list):
        raise TypeError(f"usb parses a list of Plugged, not {type(raw).__name__}")
    if len(raw) > DEVICES_LIMIT:
        raise ProbeError("bad_answer", f"more than {DEVICES_LIMIT} devices: what is missing is not known")
    plugged = [one for one in raw if isinstance(one, Plugged)]
    wanted = _wanted(texts(settings, "devices"))
    if not wanted:
        return _listed(plugged)
    readings: dict[str, Value] = {}
    failed: dict[str, Trouble] = {}
    there = _claimed(wanted, plugged)
    unread = [one.port for one in plugged if _ids(one) is None]
    for one in wanted:
        is_component = one.name in COMPONENTS
        name = f"{one.name}.state" if is_component else f"usb[{one.name}].state"
        here, gone = COMPONENTS.get(one.name, OTHERS)
        if one.name in there:
            readings[name] = here
        elif unread:
            readings[name] = None
            failed[name] = ("bad_answer", f"not found, but the kernel cannot say what is at port {unread[0][:40]}")
        else:
            readings[name] = gone
    return Answer(readings=readings, failed=failed)


def _ids(one: Plugged) -> tuple[int, int] | None:
    """The ids as numbers; None when the kernel said anything but four hexadecimal digits."""
    digits = (one.vid, one.pid)
    if not all(re.fullmatch(r"[0-9a-fA-F]{4}", text) for text in digits):
        return None
    return int(one.vid, 16), int(one.pid, 16)


def _claimed(wanted: Sequence[_Wanted], plugged: Sequence[Plugged]) -> set[str]:
    """The names of those that are there. Each device is taken once: by its serial number first, then in order."""
    free = list(plugged)
    there: set[str] = set()
    for one in sorted(wanted, key=lambda one: not one.serial):
        for device in free:
            is_it = _ids(device) == (one.vid, one.pid) and one.serial in ("", device.serial.lower())
            if is_it:
                free.remove(device)
                there.add(one.name)
                break
    return there


def _listed(plugged: Sequence[Plugged]) -> Answer:
    """All that is plugged in, by its ids; by its serial number too where there are several of a kind."""
    found: dict[tuple[int, int], list[Plugged]] = {}
    failed: dict[str, Trouble] = {}
    readings: dict[str, Value] = {}
    for one in plugged:
        ids = _ids(one)
        if ids is None:
            name = f"usb[{instance(one.port)}].state"
            readings[name] = None
            failed[name] = ("bad_answer", "the kernel cannot say what is plugged in there")
        elif not one.port.startswith("usb"):
            found.setdefault(ids, []).append(one)
    for (vid, pid), same in sorted(found.items()):
        for one in same:
            name = f"{vid:04x}:{pid:04x}"
            if len(same) > 1 and one.serial:
                name = instance(f"{name}:{one.serial}")
            readings[f"usb[{name}].state"] = OTHERS[0]
    if not readings:
        failed["usb"] = ("absent", "nothing is plugged in but what belongs to the machine")
    return Answer(readings=readings, failed=failed)


probe = Probe(
    name="usb",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(
            name="devices",
            kind=list,
            default=[],
            unit="",
            sentence="What must be plugged in, as NAME=VID:PID or NAME=VID:PID:SERIAL; without any, all is listed.",
            fits=_fits,
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
    readings=(*(f"{name}.state" for name in COMPONENTS), "usb[].state"),
    parts=(Plugged,),
    blocks=True,
)
