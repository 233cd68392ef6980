"""A TCP port: is it open, how fast, and does it say what it should (TCP 端口)

    [[device.probe]]
    name = "tcp"
    host = "192.168.1.40"
    port = 3389

    [[device.probe]]
    name = "tcp"
    host = "kiosk.example"
    port = 22
    instance = "ssh"
    banner = "SSH-2.0-"

**Needs** a road to the port. Not one byte is sent; services that log such visits will have a line for each.

With `banner` the port is listened to until that text has come: a program that takes the connection and says nothing is
`silent` (the kernel takes connections for a program that hangs), one that says something else is `wrong`.

**No answer is not a state.** A port that nothing listens at is the failure `refused`, one behind which nobody is
`timeout` or `no_route`, a name that nobody knows `no_host`.
"""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from roundsman_agent.dial import dialled, network_error
from roundsman_agent.instance import instance
from roundsman_agent.probe import REQUIRED, Answer, Probe, Setting, Value, number, text

__all__ = ["Door", "probe"]

BANNER_LIMIT: Final = 1024
"""Bytes that are listened to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """A port that took the connection: after how long, and what it said."""

    ms: float
    said: bytes
    has_hung_up: bool


def fetch(settings: Mapping[str, object]) -> Door:
    """Connect, listen if something is expected, and leave."""
    host, port = text(settings, "host"), int(number(settings, "port"))
    begin = time.monotonic()
    deadline = begin + number(settings, "timeout_s")
    with dialled(host, port, deadline=deadline) as line:
        ms = round((time.monotonic() - begin) * 1000, 1)
        if not text(settings, "banner"):
            return Door(ms=ms, said=b"", has_hung_up=False)
        said, has_hung_up = _heard(line, _forms(settings), deadline, f"{host}:{port}")
    return Door(ms=ms, said=said, has_hung_up=has_hung_up)


def _heard(line: socket.socket, expected: tuple[bytes, ...], deadline: float, where: str) -> tuple[bytes, bool]:
    """What comes until it holds what is expected, the other end hangs up, it is too much, or too late."""
    said = b""
    while len(said) < BANNER_LIMIT and not any(form in said for form in expected):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            line.settimeout(left)
            data = line.recv(BANNER_LIMIT - len(said))
        except TimeoutError:
            break
        except OSError as error:
            raise network_error(where, error) from error
        if not data:
            return said, True
        said += data
    return said, False


def _forms(settings: Mapping[str, object]) -> tuple[bytes, ...]:
    return tuple(text(settings, "banner").encode(code, "replace") for code in ("utf-8", "gb18030"))


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """The state of the port and how long connecting took."""
    if not isinstance(raw, Door):
        raise TypeError(f"tcp parses a Door, not {type(raw).__name__}")
    name = f"tcp[{instance(text(settings, 'instance'))}]"
    readings: dict[str, Value] = {f"{name}.state": _state(raw, settings)}
    if math.isfinite(raw.ms) and raw.ms >= 0:
        readings[f"{name}.ms"] = raw.ms
        return Answer(readings=readings)
    readings[f"{name}.ms"] = None
    return Answer(readings=readings, failed={f"{name}.ms": ("implausible", f"it took {raw.ms} ms")})


def _state(door: Door, settings: Mapping[str, object]) -> str:
    if not text(settings, "banner") or any(form in door.said for form in _forms(settings)):
        return "open"
    if not door.said and not door.has_hung_up:
        return "silent"
    return "wrong"


probe = Probe(
    name="tcp",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(
            name="host",
            kind=str,
            default=REQUIRED,
            unit="",
            sentence="Name or address of whoever has the port.",
        ),
        Setting(
            name="port",
            kind=int,
            default=80,
            unit="",
            sentence="The port.",
            least=1,
            most=65_535,
        ),
        Setting(
            name="instance",
            kind=str,
            default="main",
            unit="",
            sentence="What the port is called in its readings: tcp[INSTANCE].state.",
        ),
        Setting(
            name="banner",
            kind=str,
            default="",
            unit="",
            sentence="What must come without being asked for, as SSH, SMTP and FTP do; empty: nothing is waited for.",
        ),
        Setting(
            name="timeout_s",
            kind=float,
            default=5.0,
            unit="s",
            sentence="The longest that one visit may take, look-up and banner included.",
            least=0.2,
            most=60,
        ),
    ),
    fetch=fetch,
    parse=parse,
    default_timeout_s=5.0,
    target="host",
    readings=("tcp[].state", "tcp[].ms"),
    parts=(Door,),
)
