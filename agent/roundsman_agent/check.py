"""From TOML to the normalised configuration: every key with its default, unit and sentence, and kind errors.

    check("agent.toml") -> dict          the normalised form, or ConfigError with one line per mistake: file:line
    check_push(base, body) -> dict       the tables that the collector pushed, normalised; they lie over `base`
    write(body, path)                    as JSON, readable by the agent's user alone

Only `check` imports this: pydantic costs more memory than the whole agent. `run` does it in a process of its own.
"""

import difflib
import hashlib
import json
import math
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from roundsman_agent import probes, toml_lines
from roundsman_agent.config import FORM, ConfigError, by_profile, fingerprint, normalised_path
from roundsman_agent.limits import pattern
from roundsman_agent.probe import Probe, SettingError, complete
from roundsman_agent.tls import is_pem
from roundsman_wire import catalogue
from roundsman_wire.topics import ID_PATTERN

PUSHED: Final = ("device", "spool", "uplink", "limits")
"""The tables that a collector may push. Who the agent is, its broker, its secrets and what it may be commanded to do
are the operator's, in the file on the device: whoever takes the collector over gets no further."""

Loc = tuple[int | str, ...]
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Seconds = Annotated[float, Field(gt=0, le=10_000_000)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Agent(_Table):
    id: Id = Field(description="The agent's id: its MQTT client id and its topics' second level")
    group: Id = Field(description="The monitoring centre or branch the agent belongs to")
    data: str = Field(min_length=1, description="The folder of the spool and the normalised configuration")
    cost_every_s: float = Field(default=3600, ge=0, le=86_400, description="How often probes tell what they cost")


class _Broker(_Table):
    host: str = Field(min_length=1, description="Name or address of the MQTT broker")
    port: int = Field(default=1883, ge=1, le=65_535)
    user: str = ""
    password: str = Field(default="", description="Prefer password_file")
    password_file: str = Field(default="", description="A file with the password in its first line")
    tls: bool = False
    ca: str = Field(default="", description="CA certificates: a PEM file, or the PEM itself; empty: the system's")
    cert: str = Field(default="", description="The agent's own certificate (PEM)")
    key: str = Field(default="", description="The key of `cert`")
    keepalive_s: int = Field(default=60, ge=5, le=65_535, description="Longer than the batch interval on metered lines")

    @model_validator(mode="after")
    def _belongs_together(self) -> "_Broker":
        if self.password and self.password_file:
            raise ValueError("password and password_file exclude each other: remove one")
        if (self.ca or self.cert or self.key) and not self.tls:
            raise ValueError("ca, cert and key need tls = true")
        if bool(self.cert) != bool(self.key):
            raise ValueError("cert and key come together")
        return self


class _Spool(_Table):
    max_bytes: int = Field(default=50_000_000, ge=1_000_000, description="The most the data folder may hold")
    free_floor_bytes: int = Field(default=20_000_000, ge=0, description="What must stay free on the disk")
    fsync_s: float = Field(default=10.0, ge=0.1, le=3600, description="How much a power cut may take")


PROFILES: Final[dict[str, dict[str, Any]]] = {
    "lan": {},
    "metered": {"batch_s": 3600.0, "compress": True, "ack_expected_s": 600.0, "backlog_records_per_s": 20.0},
}
"""What keys of [uplink] are where the file does not say; the others, and those of `lan`, are as they stand below."""


class _Uplink(_Table):
    profile: Literal["lan", "metered"] = Field(default="lan", description="What the other keys are unless given")
    reconnect_min_s: Seconds = 1.0
    reconnect_max_s: Seconds = 120.0
    reconnect_jitter: float = Field(default=0.5, ge=0, le=1, description="0.5: the back-off, 50 % more or less")
    reconnect_spread_s: float = Field(
        default=120.0, ge=0, le=3600, description="After a connection broke: the first try is anywhere within"
    )
    batch_s: float = Field(default=0.0, ge=0, le=86_400, description="How long live records wait for company; 0: not")
    compress: bool = Field(default=False, description="Deflate reports (metered lines)")
    backlog_records_per_s: Seconds = 200.0
    ack_expected_s: Seconds = Field(default=10.0, description="The collector's acknowledgement period")
    epoch_jitter_s: float = Field(default=600.0, ge=0, description="Spread of resending after a new collector database")

    budget_day_bytes: int = Field(
        default=0, ge=0, description="What a day may cost on the line, both ways; 0: no limit"
    )
    budget_month_bytes: int = Field(default=0, ge=0, description="The same for a calendar month")

    @model_validator(mode="before")
    @classmethod
    def _by_profile(cls, given: Any) -> Any:
        """Explicit keys win over the profile."""
        profile = given.get("profile") if isinstance(given, dict) else None
        return {**PROFILES[profile], **given} if isinstance(profile, str) and profile in PROFILES else given

    @model_validator(mode="after")
    def _belongs_together(self) -> "_Uplink":
        if self.reconnect_max_s < self.reconnect_min_s:
            raise ValueError("reconnect_max_s is less than reconnect_min_s")
        return self


Word = Annotated[str, StringConstraints(min_length=1, max_length=400, pattern=r"^[^\x00]+$")]
Argv = Annotated[list[Word], Field(min_length=1, max_length=32)]
REBOOT: Final = ("systemctl", "reboot")


class _Commands(_Table):
    restart_app: Argv | None = Field(default=None, description="Argument list that restarts the application; no shell")
    reboot: bool | Argv = Field(default=False, description="Whether the machine may be rebooted; or the argument list")
    logs: dict[Id, Word] = Field(default={}, max_length=32, description="Files whose end may be shown, by name")


class _ProbeUse(BaseModel):
    """The rest of its keys are the probe's own settings; `complete` looks at them."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str
    every_s: Seconds | None = Field(default=None, description="Default: the device's period")
    timeout_s: Seconds | None = Field(default=None, description="Default: the probe's, at most its period")


class _Behind(_Table):
    power: list[Id] = []
    uplink: list[Id] = []


class _Device(_Table):
    id: Id
    kind: str = Field(min_length=1, max_length=160)
    model: str | None = Field(default=None, min_length=1, max_length=160)
    local: bool = Field(default=False, description="The very machine the agent runs on")
    period_s: Seconds = 60.0
    valid_s: float | None = Field(default=None, gt=0, le=86_400, description="Default: 1.5 periods, at most a day")
    arrive_by_s: Seconds | None = Field(default=None, description="Default: 3 periods, at least 180")
    behind: _Behind = _Behind()
    probe: list[_ProbeUse] = Field(min_length=1)


def _limits_given(given: object) -> list[float | str]:
    """Rising numbers, or words."""
    if not isinstance(given, list) or not 1 <= len(given) <= 16:
        raise ValueError("expected a list of 1 to 16 numbers or words")
    if all(isinstance(one, str) for one in given):
        return given
    if not all(type(one) in (int, float) and math.isfinite(one) for one in given) or given != sorted(set(given)):
        raise ValueError("expected rising numbers, each once, or words")
    return given


def _secret_given(given: object) -> str | dict[str, str]:
    """A text, or the file it stands in (systemd's credentials are files too)."""
    if isinstance(given, str) and given:
        return given
    if isinstance(given, dict) and set(given) == {"file"} and isinstance(given["file"], str) and given["file"]:
        return given
    raise ValueError('expected a text, or { file = "PATH" }')


Secrets = dict[Id, Annotated[Any, AfterValidator(_secret_given)]]
Limits = Annotated[dict[str, Annotated[Any, AfterValidator(_limits_given)]], Field(max_length=1000)]
Devices = Annotated[list[_Device], Field(min_length=1, max_length=2000)]


class _File(_Table):
    agent: _Agent
    broker: _Broker
    spool: _Spool = _Spool()
    uplink: _Uplink = _Uplink()
    limits: Limits = {}
    secrets: Secrets = {}
    commands: _Commands = _Commands()
    device: Devices

    @model_validator(mode="after")
    def _by_profile(self) -> "_File":
        """On a metered line, unless given: a keep-alive longer than the batch interval, costs told once a day."""
        agent, broker = self.agent, self.broker
        keepalive_s, cost_every_s = by_profile(self.uplink.model_dump())
        if "keepalive_s" not in broker.model_fields_set:
            broker = broker.model_copy(update={"keepalive_s": keepalive_s})
        if "cost_every_s" not in agent.model_fields_set:
            agent = agent.model_copy(update={"cost_every_s": cost_every_s})
        return self.model_copy(update={"agent": agent, "broker": broker})


class _Push(_Table):
    """The tables of PUSHED; one that is not there is the local file's."""

    spool: _Spool | None = None
    uplink: _Uplink | None = None
    limits: Limits | None = None
    device: Devices | None = None


class Mistake(NamedTuple):
    """Where in the tables, and what."""

    loc: Loc
    text: str


def check(path: str) -> dict[str, Any]:
    """The normalised form of a TOML file; ConfigError lists mistakes: file:line, key, what was expected and is near."""
    try:
        text = Path(path).read_text("utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}{_line_said(str(error))}: not TOML: {error}") from error
    body, mistakes = _normalised(table)
    if mistakes:
        raise ConfigError("\n".join(_told(path, toml_lines.lines(text), mistakes)))
    base = Path(path).resolve().parent
    body["agent"]["data"] = str(base / body["agent"]["data"])
    for name in ("password_file", "ca", "cert", "key"):
        if body["broker"][name] and not is_pem(body["broker"][name]):
            body["broker"][name] = str(base / body["broker"][name])
    for secret in body["secrets"].values():
        if isinstance(secret, dict):
            secret["file"] = str(base / secret["file"])
    body["commands"] = _commands(body["commands"], base)
    body["hash"] = fingerprint(body, _secrets(body))
    body["given"] = _given(table)
    free = (("broker", "keepalive_s"), ("agent", "cost_every_s"))
    body["by_profile"] = [name for where, name in free if name not in table[where]]
    return body


def _commands(given: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Argument lists, empty where it may not be done; logs with whole paths. What is not said is not there."""
    reboot = given["reboot"]
    said = {
        "restart_app": given["restart_app"] or [],
        "reboot": list(REBOOT) if reboot is True else reboot or [],
        "logs": {name: os.path.normpath(base / path) for name, path in given["logs"].items()},
    }
    return {name: value for name, value in said.items() if value}


def _given(table: Mapping[str, Any]) -> str:
    """Twelve hex digits over what the file itself says where something may be pushed; no default enters it, so that an
    agent of another version finds the same."""
    said = {name: table[name] for name in PUSHED if name in table}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:12]


def check_push(base: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """The normalised tables of a configuration that was pushed, to lie over the normalised local one.

    ConfigError has a line per mistake. A secret must be one of the local [secrets], by its name.
    """
    mistakes: list[Mistake] = []
    try:
        push = _Push.model_validate(body, strict=True)
    except ValidationError as error:
        mistakes = [Mistake(e["loc"], _pushed_mistake(e)) for e in error.errors()]
        raise ConfigError("\n".join(mistake.text for mistake in mistakes)) from error
    tables = push.model_dump(exclude={"device"}, exclude_none=True)
    if push.limits is not None:
        mistakes += _limits_mistakes(push.limits)
    if push.device is not None:
        known = frozenset(base.get("secrets", {}))
        tables["device"] = [_device(i, device, mistakes, known, is_pushed=True) for i, device in enumerate(push.device)]
        mistakes += _twice(push.device)
    if mistakes:
        raise ConfigError("\n".join(mistake.text for mistake in mistakes))
    return tables


def _pushed_mistake(error: Any) -> str:
    if error["type"] == "extra_forbidden" and len(error["loc"]) == 1:
        local = ", ".join(name for name in _File.model_fields if name not in PUSHED)
        named = str(error["loc"][0])[:80]
        return f"{named}: cannot be pushed; expected {', '.join(PUSHED)}. Local alone: {local}"
    return _mistake(error)


def _normalised(table: Mapping[str, Any]) -> tuple[dict[str, Any], list[Mistake]]:
    """The normalised form but for its paths and its hash, or mistakes: all of them."""
    mistakes: list[Mistake] = []
    try:
        file = _File.model_validate(table, strict=True)
    except ValidationError as error:
        mistakes = [Mistake(e["loc"], _mistake(e)) for e in error.errors()]
        wrong = {e["loc"][1] for e in error.errors() if e["loc"][0] == "device" and len(e["loc"]) > 1}
        devices = list(_right(table.get("device"), wrong))  # what is wrong with their probes, all the same
        secrets = table.get("secrets", {})
        known = frozenset(secrets) if isinstance(secrets, dict) else frozenset()
        for i, device in devices:
            _device(i, device, mistakes, known, is_pushed=False)
        return {}, mistakes
    body = file.model_dump(exclude={"device"})
    body["form"] = FORM
    known = frozenset(file.secrets)
    body["device"] = [_device(i, device, mistakes, known, is_pushed=False) for i, device in enumerate(file.device)]
    mistakes += _twice(file.device)
    mistakes += _limits_mistakes(file.limits)
    return body, mistakes


def _right(devices: object, wrong: set[int | str]) -> Iterator[tuple[int, _Device]]:
    """The devices that are right by themselves, in a file that is not."""
    if isinstance(devices, list) and not any(isinstance(one, str) for one in wrong):
        for i, device in enumerate(devices):
            if i not in wrong:
                yield i, _Device.model_validate(device, strict=True)


def _twice(devices: Sequence[_Device]) -> list[Mistake]:
    ids = [device.id for device in devices]
    again = [i for i, one in enumerate(ids) if one in ids[:i] and one not in ids[i + 1 :]]
    return [Mistake(("device", i), f"device {ids[i]}: stands in the file twice; ids are unique") for i in again]


def _limits_mistakes(table: Mapping[str, Sequence[float | str]]) -> list[Mistake]:
    """Names and words that no reading has."""
    return [
        Mistake(("limits", name), f"limits.{name}: {why}")
        for name, some in table.items()
        if (why := _amiss(name, some))
    ]


def _amiss(name: str, some: Sequence[float | str]) -> str | None:
    point = catalogue.POINTS.get(pattern(name))
    if point is None:
        return f"there is no such reading; expected {_nearest(pattern(name), catalogue.POINTS)}"
    if not point.words:
        words = [one for one in some if isinstance(one, str)]
        return f"{point.name} is a number, not {words[0]!r}" if words else None
    strange = [one for one in some if one not in point.words]
    if strange:
        return f"{strange[0]!r}: expected {_nearest(str(strange[0]), point.words)}"
    return None


def _told(path: str, found: Mapping[Loc, int], mistakes: Iterable[Mistake]) -> list[str]:
    """Mistakes as file:line, in the order of the file."""
    placed = sorted((toml_lines.line(found, mistake.loc), mistake.text) for mistake in mistakes)
    return [f"{path}:{number}: {text}" for number, text in placed]


def _line_said(text: str) -> str:
    """`:2` of tomllib's "... (at line 2, column 6)"."""
    said = re.search(r"at line ([0-9]+)", text)
    return f":{said[1]}" if said else ""


def write(body: Mapping[str, Any], path: str) -> None:
    """The normalised form as a file that only its owner may read: it may hold passwords."""
    os.makedirs(os.path.dirname(path) or ".", mode=0o750, exist_ok=True)
    beside = path + ".new"
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(body, file, indent=1, ensure_ascii=False)
    os.replace(beside, path)


def _device(
    index: int, device: _Device, mistakes: list[Mistake], known: frozenset[str], *, is_pushed: bool
) -> dict[str, Any]:
    """A device's normalised form. What is wrong with its probes goes to `mistakes`; `known` are the local secrets."""
    body = device.model_dump(exclude={"probe", "behind"})
    body["valid_s"] = device.valid_s or min(device.period_s * 1.5, 86_400.0)
    body["arrive_by_s"] = device.arrive_by_s or max(3 * device.period_s, 180.0)
    body["behind"] = {road: ids for road, ids in device.behind.model_dump().items() if ids}
    body["probes"] = []
    for number, use in enumerate(device.probe):
        loc: Loc = ("device", index, "probe", number)
        where = f"device {device.id}, probe {use.name}"
        try:
            probe = probes.load(use.name)
        except LookupError:
            text = f"{where}: there is no such probe; expected {_nearest(use.name, probes.names())}"
            mistakes.append(Mistake((*loc, "name"), text))
            continue
        every_s = use.every_s or device.period_s
        timeout_s = use.timeout_s or min(probe.default_timeout_s, every_s)
        if timeout_s > every_s:
            text = f"{where}, timeout_s = {timeout_s:g}: expected at most its period of {every_s:g} s"
            mistakes.append(Mistake((*loc, "timeout_s"), text))
        given = dict(use.model_extra or {})
        unknown = [name for name in given if name not in {setting.name for setting in probe.settings}]
        for name in unknown:
            names = ["every_s", "timeout_s", *(setting.name for setting in probe.settings)]
            text = f"{where}, {name}: there is no such setting; expected {_nearest(name, names)}"
            mistakes.append(Mistake((*loc, name), text))
            del given[name]
        named, plain = _named_secrets(probe, given)
        mistakes += [Mistake((*loc, name), f"{where}, {name}: {why}") for name, why in _denied(named, known)]
        if is_pushed:
            mistakes += [
                Mistake((*loc, name), f'{where}, {name}: a secret is pushed by name only: {{"secret": "NAME"}}')
                for name in plain
            ]
        try:
            settings = complete(probe, {**given, **dict.fromkeys(named, "")})
        except SettingError as error:
            mistakes.append(Mistake(_blamed(loc, probe, error), f"device {device.id}, {error}"))
            continue
        same = sum(one["name"] == use.name for one in body["probes"])
        label = use.name if not same else f"{use.name}#{same + 1}"
        settings |= {name: {"secret": secret} for name, secret in named.items()}
        settings["timeout_s"] = timeout_s  # a probe keeps to the time that it is given
        body["probes"].append(
            {"name": use.name, "label": label, "every_s": every_s, "timeout_s": timeout_s, "settings": settings}
        )
    return body


def _named_secrets(probe: Probe, given: Mapping[str, object]) -> tuple[dict[str, str], list[str]]:
    """Of the secret settings that are given: those that name a secret, with its name, and those that hold one."""
    secret = {setting.name for setting in probe.settings if setting.secret}
    named = {
        name: value["secret"]
        for name, value in given.items()
        if name in secret and isinstance(value, dict) and set(value) == {"secret"} and isinstance(value["secret"], str)
    }
    return named, [name for name, value in given.items() if name in secret and name not in named and value != ""]


def _denied(named: Mapping[str, str], known: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Settings whose secret is not one of [secrets]."""
    for name, secret in named.items():
        if secret not in known:
            near = _nearest(secret, sorted(known)) if known else "a table [secrets] in the agent's own file"
            yield name, f"there is no secret {secret[:80]!r} here; expected {near}"


def _blamed(loc: Loc, probe: Probe, error: SettingError) -> Loc:
    """The place of the setting that an error of `complete` names, in a list that of the text."""
    for setting in probe.settings:
        if f"setting {setting.name}:" in str(error):
            return (*loc, setting.name) if error.item is None else (*loc, setting.name, error.item)
    return loc


def _secrets(body: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    names = {use["name"] for device in body["device"] for use in device["probes"]}
    return {name: frozenset(s.name for s in probes.load(name).settings if s.secret) for name in names}


def _mistake(error: Any) -> str:
    """One of pydantic's errors as: key, what was expected, what was found, what is near."""
    key = _key(error["loc"])
    match error["type"]:
        case "missing":
            return f"{key}: is missing"
        case "extra_forbidden":
            return f"{key}: there is no such key; expected {_nearest(str(error['loc'][-1]), _known(error['loc'][:-1]))}"
        case "string_pattern_mismatch":
            return f"{key} = {error['input']!r}: expected 1-63 of a-z 0-9 _ -, beginning with a letter or digit"
        case "value_error":
            return f"{key}: {error['ctx']['error']}"
        case _:
            expected = error["msg"].replace("Input should be", "expected")
            is_secret = "password" in key or key.startswith("secrets.")
            found = "" if isinstance(error["input"], dict | list) or is_secret else f", got {error['input']!r:.200}"
            return f"{key}: {expected}{found}"


def _key(loc: Iterable[int | str]) -> str:
    """`device[2].probe[1].name`, counted from 1 as people do."""
    text = ""
    for part in loc:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the file"


def _known(loc: Iterable[int | str]) -> list[str]:
    """The keys of the table at a place."""
    tables: dict[str, type[BaseModel]] = {
        "agent": _Agent, "broker": _Broker, "spool": _Spool, "uplink": _Uplink, "device": _Device, "behind": _Behind,
        "commands": _Commands,
    }  # fmt: skip
    names = [part for part in loc if isinstance(part, str)]
    return list((tables[names[-1]] if names else _File).model_fields)


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"{near[0]!r}?" if near else f"one of {', '.join(known)}"


__all__ = ["check", "normalised_path", "write"]
