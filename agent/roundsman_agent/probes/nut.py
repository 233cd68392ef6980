"""UPS that Network UPS Tools looks after: upsd's text protocol on TCP 3493 (不间断电源 UPS，经 NUT)

    [[device.probe]]
    name = "nut"
    host = "127.0.0.1"
    ups = "ups-2"

**Needs** a running `upsd` (Debian: nut-server) that listens where the agent asks (`LISTEN` in upsd.conf; 127.0.0.1
where NUT runs on the same machine). No user and no password: reading is free. The talk is plain text, so over a
network it goes only where nobody listens. NUT has drivers for some thousand models, USB ones too (`usbhid-ups`,
`nutdrv_qx`), and stays the only one that speaks with the UPS; whether it also shuts machines down is its own affair.

`ups` is the name between brackets in ups.conf. Where upsd has a single UPS it may be left out; of several one has to
be named, a device of the configuration each. The agent says `LIST UPS` and `LIST VAR`, never LOGIN, SET, INSTCMD or
FSD.

What fails: `refused` (upsd is not running, or listens elsewhere), `timeout` (upsd says DATA-STALE or
DRIVER-NOT-CONNECTED: it is there, but its driver has lost the UPS; the detail tells which), `bad_setting` (it has no
UPS of that name; the detail tells which it has), `permission` (ACCESS-DENIED).

    we write  LIST VAR ups-2\\n
    it says   BEGIN LIST VAR ups-2\\n
              VAR ups-2 battery.charge "90"\\n        … one line for each variable that the driver knows
              VAR ups-2 ups.status "OL CHRG"\\n
              END LIST VAR ups-2\\n
    or        ERR DATA-STALE\\n

      ups.status   the first that is there says where the power comes from: OFF none · OB battery · BYPASS bypass
                   BOOST booster · TRIM reducer · OL normal
                   LB battery low, and so does FSD (upsd's order to shut down: by NUT's rule as good as OB LB)
                   RB replace the battery · CAL a test runs · OVER overloaded (a reading where no load is told)

`ups.temperature` is inside of the UPS and becomes `temperature[ups]`; `battery.temperature` is the battery's. A runtime
of nothing while mains are there, 0 Hz and the like are what drivers say that do not know. Volts of one battery cell or
block become those of the whole where `battery.voltage.nominal` is told. Three phases are `input[1]` to `input[3]`, each
against neutral; of a transfer switch (ATS) they are its two sources. Source: NUT's network protocol 1.3, its list of
names, and the dumps of real devices in NUT's Devices Dumps Library.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from roundsman_agent.dial import dialled, left, network_error
from roundsman_agent.lead_battery import CELL_VOLTS, whole
from roundsman_agent.probe import Answer, Probe, ProbeError, Setting, Value, number, text

__all__ = ["Told", "probe"]

PORT: Final = 3493
BYTES_LIMIT: Final = 256 * 1024
"""A UPS has a hundred variables, 4 kB; a managed power strip with all outlets some thousand."""
LINE_LIMIT: Final = 4096
ROWS_LIMIT: Final = 2000
VALUE_LIMIT: Final = 256
SHOWN: Final = 8
"""Names of UPS that a failure tells."""

NAME: Final = re.compile(r'[^\s"\\\x00-\x1f\x7f]{1,128}')
WORD: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)')
KEPT: Final = re.compile(r"(?:ups|battery|input|output|device)\.(?!.*(?:serial|macaddr|contact|location|\.id$))")
"""Variables that are kept: the driver's own may hold passwords, the others tell whose the UPS is."""

# What upsd refuses with -> what it means. Anything else is a protocol that we do not know.
_REFUSALS = {
    "DATA-STALE": ("timeout", "upsd is there, but its driver hears nothing from the UPS"),
    "DRIVER-NOT-CONNECTED": ("timeout", "upsd is there, but the driver of this UPS is not running"),
    "UNKNOWN-UPS": ("bad_setting", "upsd has no UPS of this name"),
    "ACCESS-DENIED": ("permission", "upsd does not let us read"),
    "UNKNOWN-COMMAND": ("not_supported", "upsd does not know LIST: is it older than 1.5?"),
}

# The first that stands in ups.status says from where the load has its power.
_SOURCES = (
    ("OFF", "none"),
    ("OB", "battery"),
    ("BYPASS", "bypass"),
    ("BOOST", "booster"),
    ("TRIM", "reducer"),
    ("OL", "normal"),
)
_LOW = {"LB", "FSD"}
_KNOWN = {*(flag for flag, _ in _SOURCES), *_LOW, "HB", "RB", "CHRG", "DISCHRG", "CAL", "OVER", "ECO", "ALARM"}

# What drivers say of the last test, in small letters: usbhid-ups and snmp-ups, then the shorter ones of APC's drivers.
_TESTS = {
    "done and passed": "passed",
    "done and warning": "warning",
    "done and error": "error",
    "aborted": "aborted",
    "in progress": "in_progress",
    "no test initiated": "none",
    "passed": "passed",
    "ok": "passed",
    "failed": "error",
    "bt": "error",  # APC: the battery has not enough capacity
    "ng": "error",  # APC: broken off by an overload
    "testinprogress": "in_progress",
    "no": "none",
}
# What ups.alarm says, in small letters.
_REPLACE, _NO_BATTERY, _BROKEN = "replace battery", "no battery installed", "selftest failed"

# The reading, the variables that may hold it (the first that is there), its factor, and between what it can be true.
_NUMBERS: tuple[tuple[str, tuple[str, ...], float, float, float], ...] = (
    ("ups.charge_percent", ("battery.charge",), 1, 0, 100),
    ("ups.runtime_min", ("battery.runtime",), 1 / 60, 0, 20_000),
    ("ups.load_percent", ("ups.load",), 1, 0, 300),
    ("ups.battery_volts", ("battery.voltage",), 1, 0, 1000),
    ("ups.battery_celsius", ("battery.temperature",), 1, -40, 120),
    ("ups.output_hertz", ("output.frequency",), 1, 0, 100),
    ("ups.uptime_s", ("device.uptime",), 1, 0, 4_294_967_295),
    ("temperature[ups].celsius", ("ups.temperature",), 1, -40, 150),
    ("input[1].hertz", ("input.frequency", "input.L1.frequency"), 1, 0, 100),
    ("input[1].volts", ("input.L1-N.voltage", "input.1.voltage", "input.voltage"), 1, 0, 600),
    ("input[2].volts", ("input.L2-N.voltage", "input.2.voltage"), 1, 0, 600),
    ("input[3].volts", ("input.L3-N.voltage",), 1, 0, 600),
    ("output[1].volts", ("output.L1-N.voltage", "output.voltage"), 1, 0, 600),
    ("output[2].volts", ("output.L2-N.voltage",), 1, 0, 600),
    ("output[3].volts", ("output.L3-N.voltage",), 1, 0, 600),
    ("output[1].amperes", ("output.L1.current", "output.current"), 1, 0, 2000),
    ("output[2].amperes", ("output.L2.current",), 1, 0, 2000),
    ("output[3].amperes", ("output.L3.current",), 1, 0, 2000),
    ("output[1].load_percent", ("output.L1.power.percent",), 1, 0, 300),
    ("output[2].load_percent", ("output.L2.power.percent",), 1, 0, 300),
    ("output[3].load_percent", ("output.L3.power.percent",), 1, 0, 300),
)
_PLAIN = re.compile(r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,9})?")
_SENTINELS = {
    "ups.charge_percent": (-1.0, 255.0),
    "ups.runtime_min": (-1.0, 65_534.0, 65_535.0, 4_294_967_295.0),
    "input[1].hertz": (0.0,),
    "ups.output_hertz": (0.0,),
    "ups.battery_celsius": (-273.0, -273.15, 255.0),
    "temperature[ups].celsius": (-273.0, -273.15, 255.0),
}
"""What drivers and devices say for "I do not know", in the variable's own unit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """The variables of one UPS, as upsd tells them."""

    variables: Mapping[str, str]
    bytes_moved: int = 0


# --- fetch ------------------------------------------------------------------------------------------------------------


def fetch(settings: Mapping[str, object]) -> Told:
    """The variables of the UPS; ProbeError says who did not answer."""
    host, port, ups = text(settings, "host"), int(number(settings, "port")), text(settings, "ups")
    if ups and not NAME.fullmatch(ups):
        raise ProbeError("bad_setting", f"ups = {ups[:80]!r}: expected a name of ups.conf, without blanks")
    deadline = time.monotonic() + number(settings, "timeout_s")
    upsd = _Upsd(host, port, deadline)
    try:
        ups = ups or _the_only_one(upsd)
        try:
            rows = upsd.listed("VAR", ups)
        except _UnknownUps as error:
            raise ProbeError("bad_setting", f"{error.detail}; it has {_named(upsd)}") from error
    finally:
        upsd.close()
    variables = {name: value[:VALUE_LIMIT] for name, value in (row[-2:] for row in rows) if KEPT.match(name)}
    return Told(variables=variables, bytes_moved=upsd.moved)


def _the_only_one(upsd: _Upsd) -> str:
    names = _names(upsd)
    if len(names) != 1:
        why = f"has {_counted(names)}: name one as ups" if names else "looks after no UPS (ups.conf)"
        raise ProbeError("bad_setting", f"{upsd.where}: upsd {why}")
    return names[0]


def _names(upsd: _Upsd) -> list[str]:
    return [row[0] for row in upsd.listed("UPS") if NAME.fullmatch(row[0])]


def _named(upsd: _Upsd) -> str:
    try:
        return _counted(_names(upsd))
    except ProbeError as error:
        return f"names that it does not tell ({error.code})"


def _counted(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(name[:40] for name in names[:SHOWN]) or "none") + more


class _UnknownUps(ProbeError):
    """upsd has no UPS of that name."""


class _Upsd:
    """A connection to upsd, for a visit. Everything it says is bounded, in bytes and in time."""

    def __init__(self, host: str, port: int, deadline: float) -> None:
        self.where, self.moved = f"{host}:{port}", 0
        self._deadline = deadline
        self._socket = dialled(host, port, deadline=deadline)

    def listed(self, *query: str) -> list[list[str]]:
        """The rows of a list without their first word; ProbeError when upsd refuses or breaks off."""
        self._say(f"LIST {' '.join(query)}\n".encode())
        lines = self._lines()
        first = _words(next(lines))
        if first[:2] != ["BEGIN", "LIST"]:
            raise self._refused(first, query)
        rows: list[list[str]] = []
        for line in islice(lines, ROWS_LIMIT):
            row = _words(line)
            if row[:1] == ["ERR"]:
                raise self._refused(row, query)
            if row[:2] == ["END", "LIST"]:
                return rows
            # UPS name "text", VAR ups name "value"; a row of anything else is a version that we do not know.
            if row[:1] == [query[0]] and len(row) == len(query) + 2:
                rows.append(row[1:])
        raise ProbeError("bad_answer", f"{self.where}: a list of more than {ROWS_LIMIT} rows: is this upsd?")

    def _refused(self, words: list[str], query: tuple[str, ...]) -> ProbeError:
        if words[:1] == ["ERR"] and len(words) > 1:
            code, why = _REFUSALS.get(words[1], ("bad_answer", "upsd refuses"))
            kind = _UnknownUps if words[1] == "UNKNOWN-UPS" else ProbeError
            return kind(code, f"{self.where}: {why} (LIST {' '.join(query)}: ERR {words[1][:40]})")
        said = " ".join(words)[:60]
        return ProbeError("bad_answer", f"{self.where}: says {said!r}, expected BEGIN LIST: is this upsd?")

    def _say(self, data: bytes) -> None:
        self.moved += len(data)
        try:
            self._socket.settimeout(left(self._deadline, self.where))
            self._socket.sendall(data)
        except OSError as error:
            raise network_error(self.where, error) from error

    def _lines(self) -> Iterator[str]:
        """Line after line; what is left of an unfinished one at the end is no line."""
        unfinished = b""
        while True:
            *lines, unfinished = (unfinished + self._more()).split(b"\n")
            for line in lines:
                yield line.decode("utf-8", "replace")
            if len(unfinished) > LINE_LIMIT:
                raise ProbeError("bad_answer", f"{self.where}: a line of more than {LINE_LIMIT} bytes: is this upsd?")

    def _more(self) -> bytes:
        if self.moved > BYTES_LIMIT:
            raise ProbeError("bad_answer", f"{self.where}: more than {BYTES_LIMIT} bytes: is this upsd?")
        try:
            self._socket.settimeout(left(self._deadline, self.where))
            data = self._socket.recv(4096)
        except OSError as error:
            raise network_error(self.where, error) from error
        if not data:
            raise ProbeError("bad_answer", f"{self.where}: hangs up in the middle (upsd: MAXCONN, tcp wrappers?)")
        self.moved += len(data)
        return data

    def close(self) -> None:
        self._socket.close()


def _words(line: str) -> list[str]:
    """The words of a line; a quoted one is one word, with its backslashes taken away."""
    return [
        re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2]
        for found in WORD.finditer(line[:LINE_LIMIT])
    ]


# --- parse ------------------------------------------------------------------------------------------------------------


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """The variables as readings; what the driver does not know has none."""
    if not isinstance(raw, Told):
        raise TypeError(f"nut parses Told, not {type(raw).__name__}")
    said = raw.variables
    flags = said.get("ups.status", "").upper().split()
    readings: dict[str, Value] = {}
    failed: dict[str, tuple[str, str]] = {}
    _take_status(said, flags, readings, failed)
    for name, variables, factor, least, most in _NUMBERS:
        found = next((one for one in variables if one in said), None)
        if found is None:
            continue
        readings[name], why = _number(name, said[found], factor, least, most)
        if why is not None:
            failed[name] = (why[0], f"{found} is {why[1]}")
    _take_loads(readings)
    _take_battery(said, readings, failed)
    if readings.get("ups.runtime_min") == 0 and "OB" not in flags:
        readings["ups.runtime_min"] = None
        failed["ups.runtime_min"] = ("absent", "battery.runtime is 0 while mains are there")
    if "ups.load_percent" not in readings and flags:
        readings["ups.overloaded"] = _yes("OVER" in flags)
    return Answer(readings=readings, failed=failed, bytes_moved=raw.bytes_moved)


def _take_status(
    said: Mapping[str, str], flags: list[str], readings: dict[str, Value], failed: dict[str, tuple[str, str]]
) -> None:
    """What ups.status, ups.alarm and ups.test.result say in words."""
    alarm = said.get("ups.alarm", "").casefold()
    if _KNOWN.isdisjoint(flags):
        # WAIT, or nothing: a driver that has just begun; or words of a driver of next year.
        why = ("absent", f"ups.status is {' '.join(flags)[:40] or 'not told'}")
        for name in ("ups.output_source", "ups.battery_state"):
            readings[name], failed[name] = None, why
    else:
        readings["ups.output_source"] = next((word for flag, word in _SOURCES if flag in flags), "unknown")
        low = "normal" if _LOW.isdisjoint(flags) else "low"
        readings["ups.battery_state"] = "absent" if _NO_BATTERY in alarm else low
        readings["ups.battery_replace"] = _yes("RB" in flags or _REPLACE in alarm)
        readings["ups.failed"] = _yes(_BROKEN in alarm)
    if "CAL" in flags:
        readings["ups.test_result"] = "in_progress"
    elif "ups.test.result" in said:
        readings["ups.test_result"] = _TESTS.get(said["ups.test.result"].strip().casefold(), "unknown")


def _number(name: str, told: str, factor: float, least: float, most: float) -> tuple[Value, tuple[str, str] | None]:
    told = told.strip()
    if not _PLAIN.fullmatch(told):
        return None, ("bad_answer" if told else "absent", f"{told[:40]!r}, no number" if told else "empty")
    value = float(told)
    if value in _SENTINELS.get(name, ()):
        return None, ("absent", f"{told}: the driver does not know it")
    value = value * factor
    if not least <= value <= most:
        return None, ("implausible", f"{told}, not within {least / factor:g} to {most / factor:g}")
    return int(value) if value.is_integer() else round(value, 3), None


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _take_battery(said: Mapping[str, str], readings: dict[str, Value], failed: dict[str, tuple[str, str]]) -> None:
    """The volts of the whole battery, where the driver passes on those of a cell or a block."""
    told = readings.get("ups.battery_volts")
    if not isinstance(told, int | float):
        return
    nominal, _ = _number("ups.battery_volts", said.get("battery.voltage.nominal", ""), 1, 6, 1000)
    volts = whole(told, nominal) if isinstance(nominal, int | float) else None
    if volts is not None:
        readings["ups.battery_volts"] = volts
    elif told <= CELL_VOLTS:
        why = f"battery.voltage is {told:g}: of one cell, or of no battery (override.battery.packs in ups.conf)"
        readings["ups.battery_volts"], failed["ups.battery_volts"] = None, ("absent", why)


def _take_loads(readings: dict[str, Value]) -> None:
    """The load of the UPS is that of its highest phase, where it tells the phases alone."""
    phases = [readings.get(f"output[{phase}].load_percent") for phase in (1, 2, 3)]
    loads = [load for load in phases if isinstance(load, int | float)]
    if loads and "ups.load_percent" not in readings:
        readings["ups.load_percent"] = max(loads)


probe = Probe(
    name="nut",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(
            name="host",
            kind=str,
            default="127.0.0.1",
            unit="",
            sentence="Where upsd runs: a name or an address.",
        ),
        Setting(
            name="port",
            kind=int,
            default=PORT,
            unit="",
            sentence="The TCP port of upsd.",
            least=1,
            most=65_535,
        ),
        Setting(
            name="ups",
            kind=str,
            default="",
            unit="",
            sentence="The name of the UPS in ups.conf; empty: the only one.",
        ),
        Setting(
            name="timeout_s",
            kind=float,
            default=5.0,
            unit="s",
            sentence="The longest that one visit may take.",
            least=0.2,
            most=60,
        ),
    ),
    fetch=fetch,
    parse=parse,
    default_timeout_s=5.0,
    target="host",
    readings=(
        "ups.output_source",
        "ups.battery_state",
        "ups.battery_replace",
        "ups.failed",
        "ups.overloaded",
        "ups.test_result",
        "ups.charge_percent",
        "ups.runtime_min",
        "ups.load_percent",
        "ups.battery_volts",
        "ups.battery_celsius",
        "ups.output_hertz",
        "ups.uptime_s",
        "temperature[].celsius",
        "input[].volts",
        "input[].hertz",
        "output[].volts",
        "output[].amperes",
        "output[].load_percent",
    ),
    parts=(Told,),
)
