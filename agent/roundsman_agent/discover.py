"""Looking for what there is to inspect: SNMP devices in a range that somebody names, and serial ports. Changes nothing.

    addresses("192.168.1.0/24") -> [...]            also 192.168.1.20-40, and single addresses
    devices(addresses, …) -> [Found, …]             the next two in one
    swept(addresses, …) -> {address: Greeting}      who answers SNMP: one small GET each, at a steady pace
    known(greeting, …) -> Found                     and of which family it is
    ports() -> [SerialPort, …]                      which serial ports there are, and who holds them
    heard(port) -> [Heard, …]                       what answers there: only where it was asked for, see below
    written(found, ports, heard) -> text            a configuration that `check` accepts

A range is swept with one datagram of 100 bytes for each address and a second one for who was silent: a /24 is 50 kB. It
needs the right to read (the community), as the probe does, and knows version 2c alone. More than `ADDRESSES_LIMIT`
addresses are refused: nobody means them.

Serial ports are listed, and not opened. With `ask`, those that nobody holds are listened to, and then asked what a
probe asks anyway: nothing that changes a device. Still somebody has to want it: on a line where another thing stands
than the one expected, any byte may mean something.
"""

from __future__ import annotations

import ipaddress
import os
import random
import re
import socket
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from roundsman_agent import probes, snmp_ber
from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.snmp_ber import Bound

__all__ = [
    "ADDRESSES_LIMIT",
    "Found",
    "Greeting",
    "Heard",
    "SerialPort",
    "addresses",
    "heard",
    "known",
    "ports",
    "swept",
]

ADDRESSES_LIMIT: Final = 4096
PACE_PER_S: Final = 200
SILENCE_S: Final = 2.0
"""How long to wait for answers after the last request of a turn."""
DATAGRAM: Final = 65535
TEXT_LIMIT: Final = 120

DESCRIPTION, NAME, CAMERA_MODEL = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.5.0", "1.3.6.1.4.1.39165.1.1.0"
GREETING: Final = (DESCRIPTION, NAME, CAMERA_MODEL)
"""What is asked of each address; Hikvision cameras may have no system group, but their model."""

KINDS: Final[Mapping[str, str]] = {
    "apc": "ups",
    "dahua": "nvr",
    "east": "ups",
    "hikvision_camera": "camera",
    "hikvision_nvr": "nvr",
    "huawei_ups": "ups",
    "printer": "printer",
    "switch": "switch",
    "ups": "ups",
    "xppc": "ups",
}
"""The kind of device that a family is; another one's is left to be filled in."""

ASKED: Final[tuple[tuple[str, Mapping[str, object]], ...]] = (
    ("nmea", {"baud": 9600, "listen_s": 2.5}),
    ("nmea", {"baud": 115200, "listen_s": 2.5}),
    ("megatec", {}),
    ("escpos", {"baud": 9600, "tries": 1}),
    ("escpos", {"baud": 19200, "tries": 1}),
    ("escpos", {"baud": 38400, "tries": 1}),
    ("escpos", {"baud": 115200, "tries": 1}),
    ("modem", {}),
    ("obd", {}),
)
"""What a serial port is asked, in this order: who talks by himself first, then short questions. The first that answers
ends it."""


class Greeting(NamedTuple):
    """What an address said: sysDescr and sysName (or a camera's model), as far as they are text."""

    address: str
    description: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A device that answers SNMP; `family` None: it belongs to none, for the reason in `why`."""

    greeting: Greeting
    family: str | None
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SerialPort:
    """A serial port: its best name, what the adapter says of itself, and the process that holds it, if one is seen."""

    name: str
    device: str
    what: str
    held_by: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A probe that got an answer on a port, with these settings."""

    port: SerialPort
    probe: str
    settings: Mapping[str, object]
    readings: Sequence[str]


# --- SNMP -------------------------------------------------------------------------------------------------------------


def addresses(wanted: str) -> list[str]:
    """The addresses of a range: 192.168.1.0/24, 192.168.1.20-40, 192.168.1.20; ValueError says what was expected."""
    first, dash, last = wanted.partition("-")
    try:
        if dash:
            begin = ipaddress.IPv4Address(first)
            end = ipaddress.IPv4Address(last if "." in last else f"{first.rpartition('.')[0]}.{last}")
            size = int(end) - int(begin) + 1
            if size < 1:
                raise ValueError(f"{wanted}: ends before it begins")
            found: Iterable[Any] = (begin + step for step in range(min(size, ADDRESSES_LIMIT + 1)))
        else:
            network = ipaddress.IPv4Network(wanted)
            size = network.num_addresses
            found = network.hosts() if size > 2 else network
    except ipaddress.AddressValueError as error:
        raise ValueError(f"{wanted}: {error}; expected 192.168.1.0/24, 192.168.1.20-40 or 192.168.1.20") from error
    except ipaddress.NetmaskValueError as error:
        raise ValueError(f"{wanted}: {error}; expected a length of 20 to 32 behind the /") from error
    if size > ADDRESSES_LIMIT:
        raise ValueError(f"{wanted}: {size} addresses; at most {ADDRESSES_LIMIT} (a /20) are looked at in one go")
    return [str(one) for one in found]


def swept(
    asked: Sequence[str],
    *,
    community: str,
    port: int = 161,
    silence_s: float = SILENCE_S,
    pace_per_s: float = PACE_PER_S,
) -> dict[str, Greeting]:
    """Who answers, by address, in the order of `asked`; OSError when this machine cannot send at all."""
    number = random.getrandbits(31)
    request = snmp_ber.request(snmp_ber.GET, number, community, GREETING)
    came: dict[str, Greeting] = {}
    wanted = frozenset(asked)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        for _ in range(2):
            for address in [one for one in asked if one not in came]:
                # An ICMP answer to one before, a full queue: it is asked again. Not permitted: a broadcast address.
                with suppress(ConnectionError, BlockingIOError, PermissionError):
                    line.sendto(request, (address, port))
                _listen(line, 1 / pace_per_s, number, port, wanted, came)
            _listen(line, silence_s, number, port, wanted, came)
    return {address: came[address] for address in asked if address in came}


def _listen(
    line: socket.socket, seconds: float, number: int, port: int, asked: Collection[str], came: dict[str, Greeting]
) -> None:
    """Take answers for so long; only of who was asked, and to this question."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        line.settimeout(left)
        try:
            datagram, (address, its_port) = line.recvfrom(DATAGRAM)
        except TimeoutError:
            return
        except ConnectionError:  # somebody's "port unreachable"
            continue
        if address not in asked or its_port != port:
            continue
        try:
            answer = snmp_ber.answer(datagram)
        except ValueError:
            continue
        if answer.request_id == number:
            said = {oid: shown(value) for oid, value in answer.bindings if value is not None}
            came[address] = Greeting(address, said.get(DESCRIPTION) or said.get(CAMERA_MODEL, ""), said.get(NAME, ""))


def shown(value: Bound) -> str:
    """A text of a device, fit to be printed: one line, no control characters, not long."""
    text = value.value.decode("utf-8", "replace") if isinstance(value.value, bytes) else str(value.value)
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:TEXT_LIMIT]


def devices(asked: Sequence[str], *, community: str, port: int, told: Callable[[str], None]) -> list[Found]:
    """Who answers in these addresses, with their families; `told` hears how far it is."""
    if len(asked) > ADDRESSES_LIMIT:
        raise ValueError(f"{len(asked)} addresses; at most {ADDRESSES_LIMIT} are looked at in one go")
    if not asked:
        return []
    told(f"{len(asked)} addresses are asked, about {2 * len(asked) / PACE_PER_S + 2 * SILENCE_S:.0f} s ...")
    greetings = swept(asked, community=community, port=port)
    found = []
    for greeting in greetings.values():
        one = known(greeting, community=community, port=port)
        told(f"{greeting.address}: {one.family or one.why}")
        found.append(one)
    return found


def community_in(path: str) -> str:
    """The first line of a file; ValueError when there is none."""
    with open(path, encoding="utf-8") as file:
        line = file.readline(1024).strip()
    if not line:
        raise ValueError(f"{path}: its first line is empty; expected the community")
    return line


def known(greeting: Greeting, *, community: str, port: int = 161) -> Found:
    """A device with the family that the probe `snmp` finds for it."""
    probe = probes.load("snmp")
    settings = complete(probe, {"host": greeting.address, "port": port, "community": community})
    try:
        talk: Any = probe.fetch(settings)
    except ProbeError as error:
        return Found(greeting=greeting, family=None, why=str(error))
    return Found(greeting=greeting, family=talk.family)


# --- serial ports -----------------------------------------------------------------------------------------------------


def ports() -> list[SerialPort]:
    """The serial ports of this machine, by their stable names where they have one; none is opened."""
    from serial.tools import list_ports

    from roundsman_agent.serial_port import holder

    stable = {os.path.realpath(path): path for path in _by_id()}
    found = []
    for one in sorted(list_ports.comports(), key=lambda one: one.device):
        if one.description == "n/a" and one.hwid == "n/a" and not _is_there(one.device):
            continue  # a /dev/ttyS that the kernel lists and no chip stands behind
        what = " ".join(str(part) for part in (one.manufacturer, one.product, one.location) if part)
        held_by = holder(one.device)
        found.append(SerialPort(name=stable.get(one.device, one.device), device=one.device, what=what, held_by=held_by))
    return found


def _by_id(folder: str = "/dev/serial/by-id") -> Iterator[str]:
    try:
        yield from (os.path.join(folder, name) for name in sorted(os.listdir(folder)))
    except OSError:
        return


def _is_there(device: str) -> bool:
    """Whether a built-in port has a chip: the kernel says `uart:unknown` of those that have none."""
    try:
        with open(f"/sys/class/tty/{os.path.basename(device)}/type", encoding="ascii") as file:
            return file.read().strip() != "0"
    except (OSError, ValueError):
        return True


def port_of(name: str, listed: Sequence[SerialPort]) -> SerialPort:
    """The port that somebody named, also one that is not listed."""
    for one in listed:
        if name in (one.name, one.device) or os.path.realpath(name) == one.device:
            return one
    from roundsman_agent.serial_port import holder

    return SerialPort(name=name, device=os.path.realpath(name), what="", held_by=holder(name))


def heard(port: SerialPort, told: Callable[[str], None]) -> Heard | None:
    """What answers on a port that nobody holds; `told` hears of each question."""
    for name, more in ASKED:
        if name not in probes.names():
            continue
        probe = probes.load(name)
        wanted = {setting.name for setting in probe.settings}
        settings = complete(probe, {"port": port.name, **{key: value for key, value in more.items() if key in wanted}})
        told(f"{port.name}: {name} {_said(more)}".rstrip())
        try:
            answer = probe.parse(probe.fetch(settings), settings)
        except ProbeError as error:
            if error.code in ("no_port", "busy_port", "permission"):
                told(f"{port.name}: {error}")
                return None
            continue
        if any(value is not None for value in answer.readings.values()):
            return Heard(port=port, probe=name, settings=more, readings=_names(answer))
    return None


def _names(answer: Answer) -> list[str]:
    return [name for name, value in answer.readings.items() if value is not None]


def _said(settings: Mapping[str, object]) -> str:
    return " ".join(f"{name}={value}" for name, value in settings.items())


# --- the configuration ------------------------------------------------------------------------------------------------

HEAD = """# Found by `roundsman-agent discover`; nothing was changed. Look through it, then: roundsman-agent check FILE
[agent]
id = "{agent}"
group = "site-1"                 # as the collector has it
data = "/var/lib/roundsman-agent"

[broker]
host = "127.0.0.1"               # the collector's address
"""

SECRETS = """
[secrets]
snmp = { file = "snmp-community" }      # the community stands there in the first line, readable by the agent alone
"""


def written(
    found: Sequence[Found],
    serial: Sequence[SerialPort],
    answers: Mapping[str, Heard],
    *,
    agent: str,
    community: str,
    port: int = 161,
) -> str:
    """The configuration for what was found; a community that is not `public` becomes a secret in a file."""
    agent = _id(agent) or "gateway"
    parts = [HEAD.format(agent=agent)]
    is_secret = community != "public"
    if is_secret and any(one.family for one in found):
        parts.append(SECRETS)
    taken = {agent}
    roots = {kind: [one for one in found if _kind(one) == kind] for kind in ("ups", "switch")}
    names = {id(one): _unique(_id(one.greeting.name) or f"snmp-{_id(one.greeting.address)}", taken) for one in found}
    behind = [
        f'{word} = ["{names[id(roots[kind][0])]}"]'
        for word, kind in (("power", "ups"), ("uplink", "switch"))
        if len(roots[kind]) == 1
    ]
    for one in found:
        parts.append(_device(one, names[id(one)], behind, is_secret, port))
    if answers:
        parts.append(_own(agent, answers))
    parts += [_line(one) for one in serial if one.name not in answers]
    return "".join(parts)


def _device(found: Found, name: str, behind: Sequence[str], is_secret: bool, port: int) -> str:
    greeting = found.greeting
    lines = ["", f"# {greeting.address}  {_plain(greeting.description)}".rstrip()]
    if found.family is None:
        return "\n".join([*lines, f"# answers SNMP, and no family of ours fits: {_plain(found.why)}", ""])
    kind = _kind(found)
    lines += [
        "[[device]]",
        f'id = "{name}"',
        f'kind = "{kind or "device"}"' + ("" if kind else "   # which kind is it?"),
    ]
    if behind and kind not in ("ups", "switch"):
        lines.append(f"# behind = {{ {', '.join(behind)} }}      # if it is fed by it, reached through it")
    lines += ["", "[[device.probe]]", 'name = "snmp"', f'host = "{greeting.address}"']
    lines += [f"port = {port}"] if port != 161 else []
    lines += [f'family = "{found.family}"']
    lines += ['community = { secret = "snmp" }'] if is_secret else []
    return "\n".join([*lines, ""])


def _own(agent: str, answers: Mapping[str, Heard]) -> str:
    lines = [
        "",
        "# On this machine's serial ports",
        "[[device]]",
        f'id = "{agent}"',
        'kind = "gateway"',
        "local = true",
        "",
    ]
    for one in answers.values():
        lines += [f"# {_plain(one.port.what)}".rstrip(), "[[device.probe]]", f'name = "{one.probe}"']
        lines += [f'port = "{one.port.name}"']
        lines += [f"baud = {one.settings['baud']}"] if "baud" in one.settings else []
        lines.append("")
    return "\n".join(lines)


def _line(port: SerialPort) -> str:
    """A port of which no more is known, as a comment."""
    who = f", open in process {port.held_by}" if port.held_by is not None else ""
    return f"\n# serial port {port.name}{who}: {_plain(port.what) or 'says nothing of itself'}\n"


def _kind(found: Found) -> str:
    return KINDS.get(found.family or "", "")


def _plain(text: str) -> str:
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:TEXT_LIMIT]


def _id(text: str) -> str:
    """A device's id made of a text; empty when nothing of it can be used."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]


def _unique(name: str, taken: set[str]) -> str:
    found, number = name, 2
    while found in taken:
        found, number = f"{name[:56]}-{number}", number + 1
    taken.add(found)
    return found
