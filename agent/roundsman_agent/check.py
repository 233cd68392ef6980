"""From TOML to the normalised configuration: every key with its default, unit and sentence, and kind errors.

    check("agent.toml") -> dict          the normalised form, or ConfigError with one line per mistake
    write(body, path)                    as JSON, readable by the agent's user alone

Only `check` imports this: pydantic costs more memory than the whole agent. `run` does it in a process of its own.
"""

import difflib
import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from roundsman_agent import probes
from roundsman_agent.config import FORM, ConfigError, fingerprint, normalised_path
from roundsman_agent.probe import SettingError, complete
from roundsman_agent.tls import is_pem
from roundsman_wire.topics import ID_PATTERN

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Seconds = Annotated[float, Field(gt=0, le=10_000_000)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Agent(_Table):
    id: Id = Field(description="The agent's id: its MQTT client id and its topics' second level")
    group: Id = Field(description="The monitoring centre or branch the agent belongs to")
    data: str = Field(min_length=1, description="The folder of the spool and the normalised configuration")


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


class _Uplink(_Table):
    reconnect_min_s: Seconds = 1.0
    reconnect_max_s: Seconds = 120.0
    reconnect_jitter: float = Field(default=1.0, ge=0, le=1, description="1: anywhere between now and the back-off")
    batch_s: float = Field(default=0.0, ge=0, le=86_400, description="How long live records wait for company; 0: not")
    compress: bool = Field(default=False, description="Deflate reports (metered lines)")
    backlog_records_per_s: Seconds = 200.0
    ack_expected_s: Seconds = Field(default=10.0, description="The collector's acknowledgement period")
    epoch_jitter_s: float = Field(default=600.0, ge=0, description="Spread of resending after a new collector database")

    @model_validator(mode="after")
    def _belongs_together(self) -> "_Uplink":
        if self.reconnect_max_s < self.reconnect_min_s:
            raise ValueError("reconnect_max_s is less than reconnect_min_s")
        return self


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


class _File(_Table):
    agent: _Agent
    broker: _Broker
    spool: _Spool = _Spool()
    uplink: _Uplink = _Uplink()
    device: list[_Device] = Field(min_length=1, max_length=2000)


def check(path: str) -> dict[str, Any]:
    """The normalised form of a TOML file; ConfigError lists mistakes: file, key, what was expected, what is near."""
    try:
        table = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    try:
        file = _File.model_validate(table, strict=True)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{path}: {_mistake(e)}" for e in error.errors())) from error
    mistakes: list[str] = []
    body = file.model_dump(exclude={"device"})
    base = Path(path).resolve().parent
    body["agent"]["data"] = str(base / file.agent.data)
    for name in ("password_file", "ca", "cert", "key"):
        if body["broker"][name] and not is_pem(body["broker"][name]):
            body["broker"][name] = str(base / body["broker"][name])
    body["form"] = FORM
    body["device"] = [_device(device, mistakes) for device in file.device]
    ids = [device.id for device in file.device]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    mistakes += [f"device {one}: stands in the file twice; ids are unique" for one in twice]
    if mistakes:
        raise ConfigError("\n".join(f"{path}: {mistake}" for mistake in mistakes))
    body["hash"] = fingerprint(body, _secrets(body))
    return body


def write(body: Mapping[str, Any], path: str) -> None:
    """The normalised form as a file that only its owner may read: it may hold passwords."""
    os.makedirs(os.path.dirname(path) or ".", mode=0o750, exist_ok=True)
    beside = path + ".new"
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(body, file, indent=1, ensure_ascii=False)
    os.replace(beside, path)


def _device(device: _Device, mistakes: list[str]) -> dict[str, Any]:
    body = device.model_dump(exclude={"probe", "behind"})
    body["valid_s"] = device.valid_s or min(device.period_s * 1.5, 86_400.0)
    body["arrive_by_s"] = device.arrive_by_s or max(3 * device.period_s, 180.0)
    body["behind"] = {road: ids for road, ids in device.behind.model_dump().items() if ids}
    body["probes"] = []
    for use in device.probe:
        where = f"device {device.id}, probe {use.name}"
        try:
            probe = probes.load(use.name)
        except LookupError:
            mistakes.append(f"{where}: there is no such probe; expected {_nearest(use.name, probes.names())}")
            continue
        every_s = use.every_s or device.period_s
        timeout_s = use.timeout_s or min(probe.default_timeout_s, every_s)
        if timeout_s > every_s:
            mistakes.append(f"{where}, timeout_s = {timeout_s:g}: expected at most its period of {every_s:g} s")
        given = dict(use.model_extra or {})
        unknown = [name for name in given if name not in {setting.name for setting in probe.settings}]
        for name in unknown:
            known = ["every_s", "timeout_s", *(setting.name for setting in probe.settings)]
            mistakes.append(f"{where}, {name}: there is no such setting; expected {_nearest(name, known)}")
            del given[name]
        try:
            settings = complete(probe, given)
        except SettingError as error:
            mistakes.append(f"device {device.id}, {error}")
            continue
        same = sum(one["name"] == use.name for one in body["probes"])
        label = use.name if not same else f"{use.name}#{same + 1}"
        body["probes"].append(
            {"name": use.name, "label": label, "every_s": every_s, "timeout_s": timeout_s, "settings": settings}
        )
    return body


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
            found = "" if isinstance(error["input"], dict | list) or "password" in key else f", got {error['input']!r}"
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
    }  # fmt: skip
    names = [part for part in loc if isinstance(part, str)]
    return list((tables[names[-1]] if names else _File).model_fields)


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"{near[0]!r}?" if near else f"one of {', '.join(known)}"


__all__ = ["check", "normalised_path", "write"]
