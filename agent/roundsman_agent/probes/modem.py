"""Mobile modems by AT commands: SIM, registration, signal, operator, clock (4G 模块 / SIM 卡)

    [[device.probe]]
    name = "modem"
    port = "/dev/serial/by-id/usb-Quectel_EG25-if02-port0"

**Needs** the modem's *second* AT port and the right to read and write it (group `dialout`). The first one belongs to
PPP, QMI or ModemManager: a port that another process has open is `busy_port`, and nothing is written. Modems show their
ports in the order diagnosis, GNSS, AT, AT (Quectel: if00 to if03).

Only questions are asked, and none of them sets anything: no PIN is entered, no echo is switched off, no operator is
chosen, and neither `+CFUN` nor `+COPS=` exists in here. **Numbers of the SIM card are not asked for** (ICCID, IMSI,
telephone number), nor is the IMEI: what is not known cannot leak.

A modem that does not answer `AT` is the failure `timeout`, noise is `bad_answer` (baud rate, or not the AT port). A
question that is not answered leaves its own readings unknown with the reason; one that the modem does not know (ERROR)
is no reading. Lines that come unasked (RING, +CREG: 5, +QIND: …) are passed over.

* `modem.network` is registered when any of the three registers (EPS, packet, circuit) says so, at home or roaming.
  Denied often means that the card is out of money or was barred (欠费、停机).
* `modem.signal_dbm` is RSSI from +CSQ; `modem.rsrp_dbm` and `modem.rsrq_db` are those of LTE from +CESQ, the better
  measures where they are told.
* `modem.clock_wrong_by_s` compares the modem's clock with this machine's, where the modem's was ever set and NTP keeps
  this machine's.

    we write  AT+CPIN?\\r           it says  (AT+CPIN?\\r\\r\\n)  \\r\\n+CPIN: READY\\r\\n  \\r\\nOK\\r\\n

      AT+CPIN?    READY · SIM PIN, SIM PUK … · +CME ERROR: 10 no card · 13 card failed · 14 busy · 15 wrong card
      AT+CSQ      +CSQ: r,ber      r 0-31: -113 + 2 r dBm · 99 unknown
      AT+CESQ     +CESQ: rxlev,ber,rscp,ecno,rsrq,rsrp      rsrq 0-34: -20 + v/2 dB · rsrp 0-97: -141 + v dBm · 255 none
      AT+CEREG? +CGREG? +CREG?      +CEREG: n,stat[,tac,ci,act]      stat 1 home · 5 roaming · 2 searching · 3 denied
                                    · 0 not searching · 4 unknown · 6, 7 SMS only · 8 emergency only · 9, 10 no CSFB
                                    act 0, 1, 3, 8: 2G · 2, 4-6: 3G · 7, 9: 4G · 10-13: 5G
      AT+COPS?    +COPS: mode,format,"CHN-UNICOM",7      a name, or a number: 46000 …
      AT+CCLK?    +CCLK: "26/11/22,08:30:00+32"          quarters of an hour from UTC

Source: 3GPP TS 27.007; answers of real modems quoted in ModemManager's tests. The fake of our tests speaks these
tables: no third party's modem simulator is to be had.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from roundsman_agent.clock import SystemClock
from roundsman_agent.probe import REQUIRED, Answer, Probe, ProbeError, Setting, Value, number, text
from roundsman_agent.serial_port import Port, opened, read

__all__ = ["QUESTIONS", "Said", "probe"]

HELLO: Final = "AT"
QUESTIONS: Final = ("AT+CPIN?", "AT+CSQ", "AT+CESQ", "AT+CEREG?", "AT+CGREG?", "AT+CREG?", "AT+COPS?", "AT+CCLK?")
"""All that is ever written beside HELLO."""
SLOW: Final = {"AT+COPS?": 5.0, "AT+CPIN?": 5.0}
"""Seconds that these may take (3GPP leaves it to the maker); the others have ANSWER_WAIT_S."""
ANSWER_WAIT_S: Final = 2.0
BYTES_LIMIT: Final = 8192
"""What may come as the answer to one question."""
LINES_LIMIT: Final = 40
LINE_LIMIT: Final = 200

NO_ANSWER: Final = "no answer"
"""In the place of a final line: the modem said nothing in time."""

_FINAL = re.compile(r"OK|ERROR|\+CM[ES] ERROR: ?.{0,60}|NO CARRIER|COMMAND NOT SUPPORT")
_EARLIEST_YEAR: Final = 2020
"""A modem whose clock was never set says 1970, 1980 or 2004."""
_ZONE_LIMIT: Final = 56
"""14 hours in quarters: there is no zone further from UTC."""

# +CME ERROR by number and by words (modems with verbose errors on), and what it means for the card.
_SIM_ERRORS = {
    "10": "missing", "sim not inserted": "missing", "13": "fault", "sim failure": "fault", "15": "fault",
    "sim wrong": "fault", "11": "locked", "sim pin required": "locked", "12": "locked", "sim puk required": "locked",
}  # fmt: skip
_NETWORK = {0: "none", 1: "registered", 2: "searching", 3: "denied", 4: "unknown", 5: "registered", 8: "none"}
_ROAMING = (5, 7, 10)
_REGISTERED = (1, 5, 6, 7, 9, 10)
_RANK = ("denied", "searching", "none", "unknown")
"""Of several registers that are not registered the first word of this order counts."""
_ACCESS = {
    0: "2g", 1: "2g", 3: "2g", 8: "2g", 2: "3g", 4: "3g", 5: "3g", 6: "3g", 7: "4g", 9: "4g", 10: "5g", 11: "5g",
    12: "5g", 13: "5g",
}  # fmt: skip
_OPERATORS = (
    (re.compile(r"46000|46002|46004|46007|46008|46013|CHINA MOBILE|CMCC|中国移动"), "mobile"),
    (re.compile(r"46001|46006|46009|46010|UNICOM|CU-GSM|中国联通"), "unicom"),
    (re.compile(r"46003|46005|46011|46012|CHN-CT|CHINA TELECOM|CTCC|中国电信"), "telecom"),
    (re.compile(r"46015|BROADNET|CBN|中国广电"), "broadnet"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What the modem said to each question: its lines, the last one final (OK, an error, NO_ANSWER).

    `wall_ms` is this machine's time then, UTC; None where NTP does not keep it.
    """

    lines: Mapping[str, Sequence[str]]
    wall_ms: int | None


# --- fetch ------------------------------------------------------------------------------------------------------------


def fetch(settings: Mapping[str, object]) -> Said:
    """Ask everything once; ProbeError timeout or bad_answer when the modem does not say OK to AT."""
    port, tries = text(settings, "port"), int(number(settings, "tries"))
    deadline = time.monotonic() + number(settings, "timeout_s")
    lines: dict[str, Sequence[str]] = {}
    clock = SystemClock()
    now = clock.now()
    with opened(port=port, baud=int(number(settings, "baud")), write_timeout_s=ANSWER_WAIT_S) as line:
        _greet(line, port, tries, deadline)
        for question in QUESTIONS:
            said, _ = _asked(line, question, min(time.monotonic() + SLOW.get(question, ANSWER_WAIT_S), deadline))
            lines[question] = said
            if said[-1] == NO_ANSWER:  # what comes late must not be taken for the answer to the next one
                _drain(line, min(time.monotonic() + ANSWER_WAIT_S, deadline))
            if question == "AT+CCLK?":
                now = clock.now()
    return Said(lines=lines, wall_ms=now.wall if now.ntp else None)


def _greet(line: Port, port: str, tries: int, deadline: float) -> None:
    heard = 0
    for _ in range(tries):
        said, size = _asked(line, HELLO, min(time.monotonic() + ANSWER_WAIT_S, deadline))
        heard += size
        if said[-1] == "OK":
            return
        if time.monotonic() >= deadline:
            break
        _drain(line, min(time.monotonic() + 0.2, deadline))
    if heard:
        raise ProbeError(
            "bad_answer", f"{port}: {heard} bytes after AT and no OK among them (baud rate, another port?)"
        )
    raise ProbeError("timeout", f"{port}: no answer to AT")


def _asked(line: Port, question: str, deadline: float) -> tuple[tuple[str, ...], int]:
    """The lines of an answer, the last one final, and how many bytes came."""
    line.write(f"{question}\r".encode("ascii"))
    heard = b""
    while time.monotonic() < deadline and len(heard) < BYTES_LIMIT:
        heard += read(line, most=BYTES_LIMIT - len(heard), deadline=deadline)
        said = answered(heard, question)
        if said is not None:
            return said, len(heard)
    return (NO_ANSWER,), len(heard)


def _drain(line: Port, deadline: float) -> None:
    """Throw away what still comes until the line is silent or the deadline is reached."""
    for _ in range(BYTES_LIMIT):
        if not read(line, most=64, deadline=deadline) or time.monotonic() >= deadline:
            return


def answered(heard: bytes, question: str) -> tuple[str, ...] | None:
    """The lines that belong to a question, up to the final one; None while that has not come whole."""
    found: list[str] = []
    whole = re.split(rb"[\r\n]+", heard)[:-1]
    for raw in whole:
        one = raw.decode("ascii", "replace").strip()[:LINE_LIMIT]
        if not one or one == question:  # an echo
            continue
        if _FINAL.fullmatch(one):
            return (*found, one)
        if len(found) < LINES_LIMIT and one.startswith(_prefix(question)):
            found.append(one)
    return None


def _prefix(question: str) -> str:
    """`+CREG:` of `AT+CREG?`; nothing else answers it."""
    return f"{question.removeprefix('AT').removesuffix('?')}:"


# --- parse ------------------------------------------------------------------------------------------------------------


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """What the modem said, as readings."""
    if not isinstance(raw, Said):
        raise TypeError(f"modem parses Said, not {type(raw).__name__}")
    readings: dict[str, Value] = {}
    failed: dict[str, tuple[str, str]] = {}
    for question, names, means in _MEANINGS:
        said = [str(one) for one in raw.lines.get(question, (NO_ANSWER,))] or [NO_ANSWER]
        if said[-1] == NO_ANSWER:
            readings |= dict.fromkeys(names)
            failed |= dict.fromkeys(names, ("timeout", f"no answer to {question}"))
        elif said[-1] == "OK" or question == "AT+CPIN?":
            means(said, question, readings, failed)
    _read_network(raw, readings, failed)
    _read_clock(raw, readings, failed)
    return Answer(readings=readings, failed=failed)


Readings = dict[str, Value]
Failed = dict[str, tuple[str, str]]


def _fields(said: Sequence[str], question: str) -> list[str]:
    """The fields of the first line that is an answer; a comma within quotes parts nothing."""
    for one in said[:-1]:
        if one.startswith(_prefix(question)):
            return [part.strip() for part in re.findall(r'(?:"[^"]*"|[^,])+', one[len(_prefix(question)) :])]
    return []


def _whole(fields: Sequence[str], place: int) -> int | None:
    """A small whole number of a field, or None."""
    part = fields[place] if place < len(fields) else ""
    return int(part) if re.fullmatch(r"[0-9]{1,4}", part) else None


def _bad(readings: Readings, failed: Failed, name: str, question: str, said: Sequence[str]) -> None:
    readings[name] = None
    failed[name] = ("bad_answer", f"{question} gave {said[0][:80]!r}")


def _read_sim(said: Sequence[str], question: str, readings: Readings, failed: Failed) -> None:
    fields = _fields(said, question)
    word = fields[0].strip('"').upper() if fields else ""
    if said[-1] != "OK":
        cause = said[-1].partition(":")[2].strip().lower()
        found = _SIM_ERRORS.get(cause)
        readings["modem.sim"] = found
        if found is None:
            failed["modem.sim"] = ("bad_answer", f"{question} gave {said[-1][:80]}")
    elif word == "READY":
        readings["modem.sim"] = "ready"
    elif word.endswith((" PIN", " PUK", " PIN2", " PUK2")):
        readings["modem.sim"] = "locked"
    elif word == "NOT INSERTED":
        readings["modem.sim"] = "missing"
    elif word == "NOT READY":
        readings["modem.sim"] = "unknown"
    else:
        _bad(readings, failed, "modem.sim", question, said)


def _read_signal(said: Sequence[str], question: str, readings: Readings, failed: Failed) -> None:
    level = _whole(_fields(said, question), 0)
    if level is None:
        _bad(readings, failed, "modem.signal_dbm", question, said)
    elif level <= 31:
        readings["modem.signal_dbm"] = -113 + 2 * level
    else:
        readings["modem.signal_dbm"] = None
        failed["modem.signal_dbm"] = ("absent", f"the modem says {level}: not known")


def _read_lte(said: Sequence[str], question: str, readings: Readings, failed: Failed) -> None:
    """Of a modem that is not on LTE both are 255: no readings, as there is no such thing to measure."""
    fields = _fields(said, question)
    rsrq, rsrp = _whole(fields, 4), _whole(fields, 5)
    if rsrp is not None and rsrp <= 97:
        readings["modem.rsrp_dbm"] = -141 + rsrp
    if rsrq is not None and rsrq <= 34:
        readings["modem.rsrq_db"] = -20 + rsrq / 2
    if rsrq is None or rsrp is None:
        _bad(readings, failed, "modem.rsrp_dbm", question, said)


def _read_operator(said: Sequence[str], question: str, readings: Readings, failed: Failed) -> None:
    """A modem that is registered nowhere says no name: no reading."""
    fields = _fields(said, question)
    if len(fields) > 2 and (name := fields[2].strip('"').upper()):
        readings["modem.operator"] = next((word for pattern, word in _OPERATORS if pattern.search(name)), "other")


_MEANINGS = (
    ("AT+CPIN?", ("modem.sim",), _read_sim),
    ("AT+CSQ", ("modem.signal_dbm",), _read_signal),
    ("AT+CESQ", (), _read_lte),
    ("AT+COPS?", (), _read_operator),
)


def _read_network(raw: Said, readings: Readings, failed: Failed) -> None:
    """The three registers as one."""
    words, roaming, access, asked = [], False, None, []
    for question in ("AT+CEREG?", "AT+CGREG?", "AT+CREG?"):
        said = [str(one) for one in raw.lines.get(question, (NO_ANSWER,))] or [NO_ANSWER]
        if said[-1] == NO_ANSWER:
            asked.append(question)
            continue
        state = _registered(said, question)
        if state is None:
            continue
        stat, act = state
        words.append("registered" if stat in _REGISTERED else _NETWORK.get(stat, "unknown"))
        if stat in _REGISTERED:
            roaming = roaming or stat in _ROAMING
            access = access or _ACCESS.get(act if act is not None else -1)
    if not words:
        readings["modem.network"] = None
        failed["modem.network"] = (
            ("timeout", f"no answer to {', '.join(asked)}") if asked else ("bad_answer", "no register told its state")
        )
        return
    is_registered = "registered" in words
    readings["modem.network"] = "registered" if is_registered else min(words, key=_RANK.index)
    if is_registered:
        readings["modem.roaming"] = "yes" if roaming else "no"
    if access is not None:
        readings["modem.access"] = access


def _registered(said: Sequence[str], question: str) -> tuple[int, int | None] | None:
    """State and access technology. A line that came unasked has its state in the first place, and is passed over."""
    for one in said[:-1]:
        fields = _fields([one, ""], question)
        mode, stat = _whole(fields, 0), _whole(fields, 1)
        if mode is not None and mode <= 5 and stat is not None and stat <= 11 and len(fields[1]) <= 2:
            return stat, _whole(fields, 4)
    return None


def _read_clock(raw: Said, readings: Readings, failed: Failed) -> None:
    said = [str(one) for one in raw.lines.get("AT+CCLK?", (NO_ANSWER,))] or [NO_ANSWER]
    if said[-1] != "OK" or raw.wall_ms is None:
        return
    told = ",".join(_fields(said, "AT+CCLK?")).strip('"')
    found = re.fullmatch(r"(\d\d)/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)([+-]\d{1,2})?", told)
    if found is None:
        _bad(readings, failed, "modem.clock_wrong_by_s", "AT+CCLK?", said)
        return
    year, *rest = map(int, found.groups()[:6])
    if not _EARLIEST_YEAR <= 2000 + year <= 2069:  # 70 and 80 are 1970 and 1980: never set, it says nothing
        return
    quarters = int(found[7] or 0)
    try:
        zone = timezone(timedelta(minutes=15 * quarters)) if abs(quarters) <= _ZONE_LIMIT else None
        clock = datetime(2000 + year, *rest, tzinfo=zone or UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        zone = None
    if zone is None:
        _bad(readings, failed, "modem.clock_wrong_by_s", "AT+CCLK?", said)
        return
    readings["modem.clock_wrong_by_s"] = round(abs(clock.timestamp() - raw.wall_ms / 1000), 1)


probe = Probe(
    name="modem",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(
            name="port",
            kind=str,
            default=REQUIRED,
            unit="",
            sentence="The modem's second AT port; best a name under /dev/serial/by-id/, or usb:VID:PID:SERIAL.",
        ),
        Setting(
            name="baud",
            kind=int,
            default=115200,
            unit="bit/s",
            sentence="The line's speed; a USB modem takes any.",
            least=300,
            most=4_000_000,
        ),
        Setting(
            name="tries",
            kind=int,
            default=3,
            unit="",
            sentence="How often to say AT before the modem counts as not answering.",
            least=1,
            most=10,
        ),
        Setting(
            name="timeout_s",
            kind=float,
            default=20.0,
            unit="s",
            sentence="The longest that one visit may take, all questions together.",
            least=1,
            most=120,
        ),
    ),
    fetch=fetch,
    parse=parse,
    default_timeout_s=20.0,
    target="port",
    readings=(
        "modem.sim",
        "modem.network",
        "modem.roaming",
        "modem.access",
        "modem.operator",
        "modem.signal_dbm",
        "modem.rsrp_dbm",
        "modem.rsrq_db",
        "modem.clock_wrong_by_s",
    ),
    parts=(Said,),
    blocks=True,
)
