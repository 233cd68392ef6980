"""The probes by name. A probe is imported only when somebody asks for it: what is not used costs no memory.

names() -> ("escpos", "host", …)        load("host") -> Probe
"""

from __future__ import annotations

from importlib import import_module

from roundsman_agent.probe import Probe

__all__ = ["BLOCKING", "load", "names"]

_NAMES = (
    *("app", "escpos", "host", "http", "isapi", "megatec", "modbus", "modem", "nmea"),
    *("nut", "obd", "ping", "rtsp", "smart", "snmp", "tcp", "usb"),
)

BLOCKING = frozenset({"app", "escpos", "host", "megatec", "modbus", "modem", "nmea", "obd", "smart", "usb"})
"""Those that say ``blocks``: they run in a cell (warden.py), and the agent itself does not import them."""


def names() -> tuple[str, ...]:
    """Every probe this agent has, in alphabetical order; asking imports none of them."""
    return _NAMES


def load(name: str) -> Probe:
    """Import the one probe and give it back; LookupError names those that exist."""
    if name not in _NAMES:
        raise LookupError(f"there is no probe {name!r}; there are {', '.join(_NAMES)}")
    probe = import_module(f"roundsman_agent.probes.{name}").probe
    if not isinstance(probe, Probe):
        raise TypeError(f"roundsman_agent.probes.{name}.probe is {type(probe).__name__}, expected Probe")
    return probe
