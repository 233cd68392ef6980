"""A configuration that is to be pushed: read, looked through, compared. Pure; the agent checks it in full.

    body = read(text)                 TOML or JSON: the tables of agent.toml
    flaws(body)                       what cannot be pushed, each with its place; [] nothing
    compared(before, after)           the difference, line by line

What is found here is what must not leave this machine, or what no agent could take: who an agent is, its broker and
what it may be told to do are its own; a secret travels by name only ({secret = "snmp-core"}), because a pushed
configuration stays at the broker and in this database. What a setting means is the agent's to judge.
"""

import difflib
import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from roundsman_wire.codec import canonical
from roundsman_wire.report import MESSAGE_LIMIT
from roundsman_wire.topics import is_id

Body = dict[str, Any]

OWN = ("agent", "broker", "commands", "secrets", "form", "hash")
"""What belongs to the agent alone."""
BODY_LIMIT = MESSAGE_LIMIT - 4096
"""Bytes of its JSON: the message around it needs some."""
TABLES_LIMIT = 32
DEVICES_LIMIT = 2000
DEPTH_LIMIT = 12
NAME_LIMIT = 160
NUMBER_LIMIT = 2**53
FLAWS_LIMIT = 20
ROLLBACK_S = 600
SHORTEST_S, LONGEST_S = 60, 86_400
NOTE_LIMIT = 400

SECRET_WORDS = frozenset(
    {"password", "passwd", "passphrase", "pass", "pwd", "community", "secret", "token", "key", "auth", "credential"}
)
"""A setting with one of these in its name holds a secret."""
HARMLESS = frozenset(
    {"", "none", "md5", "sha", "sha1", "sha224", "sha256", "sha384", "sha512", "des", "3des", "aes"}
    | {f"aes{bits}" for bits in (128, 192, 256)}
)
"""What stands where a secret might, and is the name of a method: auth = "sha256"."""
A_PATH = ("_file", "_path")
_LOGIN_IN_ADDRESS = re.compile(r"://[^/\s:@]*:[^/\s@]+@")


class ConfigurationError(ValueError):
    """A text that is no configuration at all."""


FLAWS: Mapping[str, tuple[str, str]] = {
    "own": (
        "属于采集端本机，不能下发（身份、服务器地址、允许的命令、机密）",
        "is the agent's own and is not pushed: who it is, its broker, what it may be told to do, its secrets",
    ),
    "table": ("不是配置表，应为 [名称] 加若干设置", "is no table: expected [name] with settings in it"),
    "devices": ("应为若干 [[device]] 表", "must be [[device]] tables"),
    "count": ("数量过多或为零；不改就整个省略", "holds too many, or none: leave it out to change nothing"),
    "id": ("不是设备编号：1–63 位 a-z 0-9 _ -", "is not the id of a device: 1-63 of a-z 0-9 _ -"),
    "twice": ("这个设备编号出现了两次", "is the id of a device that stands there already"),
    "probe": ("设备至少要有一个 [[device.probe]]", "must be [[device.probe]] tables, at least one"),
    "plain": (
        '不得以明文写机密；请写成 {secret = "名称"}，由采集端在本机查找',
        'must not be a secret in plain: write {secret = "name"}, which the agent looks up',
    ),
    "secret": (
        '应为 {secret = "名称"}，名称用 a-z 0-9 _ -',
        'must be {secret = "name"} with nothing else, of a-z 0-9 _ -',
    ),
    "login": ("地址里不得带密码", "is an address with a password in it: leave the password out"),
    "value": ("这种值无法下发；应为文本、数字或真假", "cannot be sent: expected a text, a number, true or false"),
    "name": ("其中有空的或过长的名称", "has a name in it that is empty or too long"),
    "deep": ("嵌套过深", "is nested too deeply"),
    "large": ("配置过大，JSON 须小于 124 KiB", "is too large: less than 124 KiB as JSON"),
}
"""What can be wrong with a place of a configuration, in both languages."""


class Flaw(NamedTuple):
    """What cannot be pushed: its place (`device[2].probe[1].community`, counted from 1; empty: the whole) and why."""

    place: str
    code: str

    @property
    def said(self) -> str:
        """In words, for a program or a terminal."""
        return f"{self.place or 'the configuration'} {FLAWS[self.code][1]}"


class Line(NamedTuple):
    """A line of a comparison: `sign` is +, - or a blank."""

    sign: str
    text: str


def read(text: str) -> Body:
    """The tables in a text: JSON if it begins with a brace, else TOML."""
    stripped = text.lstrip("\ufeff \t\r\n")
    try:
        body = json.loads(stripped, parse_constant=_no_number) if stripped.startswith("{") else tomllib.loads(stripped)
    except (ValueError, RecursionError) as error:
        kind = "JSON" if stripped.startswith("{") else "TOML"
        raise ConfigurationError(f"not {kind}: {error}") from error
    assert isinstance(body, dict), "both begin with a table"
    return body


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is not a number that can be sent")


def flaws(body: Mapping[str, Any]) -> list[Flaw]:
    """What keeps a configuration from being pushed, the first 20 of it."""
    found = list(islice(_flaws(body), FLAWS_LIMIT))
    if not found and len(canonical(body)) > BODY_LIMIT:
        found.append(Flaw("", "large"))
    return found


def _flaws(body: Mapping[str, Any]) -> Iterator[Flaw]:
    if len(body) > TABLES_LIMIT:
        yield Flaw("", "count")
    for name, table in body.items():
        if name in OWN:
            yield Flaw(name, "own")
        elif not 0 < len(name) <= NAME_LIMIT:
            yield Flaw("", "name")
        elif name == "device":
            yield from _devices(table)
            yield from _values(name, table, 1, is_secret=False)
        elif not isinstance(table, dict):
            yield Flaw(name, "table")
        else:
            yield from _values(name, table, 1, is_secret=False)


def _devices(devices: object) -> Iterator[Flaw]:
    if not isinstance(devices, list) or not all(isinstance(one, dict) for one in devices):
        yield Flaw("device", "devices")
        return
    if not 0 < len(devices) <= DEVICES_LIMIT:
        yield Flaw("device", "count")
    seen: set[str] = set()
    for place, one in enumerate(devices, start=1):
        name = one.get("id")
        if not isinstance(name, str) or not is_id(name):
            yield Flaw(f"device[{place}].id", "id")
        elif name in seen:
            yield Flaw(f"device[{place}].id", "twice")
        else:
            seen.add(name)
        probes = one.get("probe")
        if not isinstance(probes, list) or not probes or not all(isinstance(use, dict) for use in probes):
            yield Flaw(f"device[{place}].probe", "probe")


def _values(place: str, value: object, depth: int, *, is_secret: bool, name: str = "") -> Iterator[Flaw]:
    """What is wrong with a value and with what is in it."""
    if depth > DEPTH_LIMIT:
        yield Flaw(place, "deep")
    elif isinstance(value, dict):
        yield from _table(place, value, depth, is_secret=is_secret)
    elif isinstance(value, list):
        for at, one in enumerate(value, start=1):
            yield from _values(f"{place}[{at}]", one, depth + 1, is_secret=is_secret, name=name)
    elif is_secret and not _is_harmless(name, value):
        yield Flaw(place, "plain")
    elif not _is_plain(value):
        yield Flaw(place, "value")
    elif isinstance(value, str) and _LOGIN_IN_ADDRESS.search(value):
        yield Flaw(place, "login")


def _table(place: str, table: Mapping[str, Any], depth: int, *, is_secret: bool) -> Iterator[Flaw]:
    if "secret" in table:
        if set(table) != {"secret"} or not isinstance(table["secret"], str) or not is_id(table["secret"]):
            yield Flaw(place, "secret")
        return
    for name, value in table.items():
        if not 0 < len(name) <= NAME_LIMIT:
            yield Flaw(place, "name")
        else:
            is_one = is_secret or _is_secret(name)
            yield from _values(f"{place}.{name}", value, depth + 1, is_secret=is_one, name=name)


def _is_secret(name: str) -> bool:
    words = re.split(r"[^a-z]+", name.lower())
    return not SECRET_WORDS.isdisjoint(words) and not name.lower().endswith(A_PATH)


def _is_harmless(name: str, value: object) -> bool:
    """Whether what stands there is no secret: a switch, the name of a method, a length of time."""
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, str):
        return value.lower() in HARMLESS
    return name.lower().endswith(("_s", "_ms"))


def _is_plain(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | bool) or (isinstance(value, int) and abs(value) <= NUMBER_LIMIT)


def shown(body: Mapping[str, Any]) -> str:
    """A configuration for people to read: JSON in lines, its keys in order."""
    return json.dumps(body, indent=2, ensure_ascii=False, sort_keys=True)


def compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Line]:
    """What is different, with three lines around each place; a line of dots stands between them. [] nothing is."""
    lines = list(difflib.unified_diff(_lines(before), _lines(after), n=3, lineterm=""))[2:]
    found = [Line(" ", "…") if line.startswith("@@") else Line(line[:1], line[1:]) for line in lines]
    return found[1:]


def _lines(body: Mapping[str, Any]) -> list[str]:
    return shown(body).splitlines() if body else ["{", "}"]
