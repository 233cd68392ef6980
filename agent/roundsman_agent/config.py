"""The agent's configuration, as `run` uses it: checked, complete, plain. It is read from the normalised JSON alone.

    load("/var/lib/roundsman-agent/config.json") -> Config
    read_file(path) -> body        made(body, where) -> Config       the two halves of it

check.py makes that file from TOML; it needs pydantic, which a running agent cannot afford. What the keys mean, their
defaults and units: check.py and docs/agent.md. Where a setting of a probe names a secret, `{"secret": "snmp-core"}`,
its value is put in here, from `secrets` of the same body: a text, or a file that is read now.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

FORM: Final = 1
"""The form of the normalised file; `run` refuses another one."""


class ConfigError(Exception):
    """The configuration cannot be used: file, key, what was expected, what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    host: str
    port: int
    user: str
    password: str
    password_file: str
    tls: bool
    ca: str
    cert: str
    key: str
    keepalive_s: int

    def secret(self) -> str:
        """The password, from its file if there is one; ConfigError when that cannot be read."""
        if not self.password_file:
            return self.password
        try:
            with open(self.password_file, encoding="utf-8") as file:
                return file.read().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"broker.password_file {self.password_file}: cannot be read: {error}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class SpoolLimits:
    max_bytes: int
    free_floor_bytes: int
    fsync_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class UplinkSettings:
    reconnect_min_s: float
    reconnect_max_s: float
    reconnect_jitter: float
    reconnect_spread_s: float = 120.0
    batch_s: float
    compress: bool
    backlog_records_per_s: float
    ack_expected_s: float
    epoch_jitter_s: float
    profile: str = "lan"
    budget_day_bytes: int = 0
    budget_month_bytes: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeUse:
    """A probe as one device uses it. `label` is its name, with #2 for the second of the name."""

    name: str
    label: str
    every_s: float
    timeout_s: float
    settings: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceConfig:
    id: str
    kind: str
    model: str | None
    local: bool
    period_s: float
    valid_s: float
    arrive_by_s: float
    behind: Mapping[str, list[str]]
    probes: tuple[ProbeUse, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Commands:
    """What may be asked of the agent besides looking: argument lists, empty where it may not; logs by name."""

    restart_app: tuple[str, ...] = ()
    reboot: tuple[str, ...] = ()
    logs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    id: str
    group: str
    data: str
    broker: Broker
    spool: SpoolLimits
    uplink: UplinkSettings
    devices: tuple[DeviceConfig, ...]
    hash: str
    """Twelve hex digits over everything but secrets; of a configuration that was pushed, the hash it came with."""
    limits: Mapping[str, list[float | str]] = field(default_factory=dict)
    """Numbers whose crossing is told at once, by name of the reading."""
    cost_every_s: float = 3600.0
    """How often a device's sample tells what its probes cost; 0: never."""
    commands: Commands = field(default_factory=Commands)
    """What may be asked. Local alone: it cannot be pushed."""
    known_secrets: tuple[str, ...] = field(default=(), repr=False)
    """The values of all secrets: what shows a text to somebody leaves them out."""


def load(path: str) -> Config:
    """Read the normalised form; ConfigError when it is not one."""
    return made(read_file(path), path)


def read_file(path: str) -> dict[str, Any]:
    """The normalised form as it stands in its file; ConfigError when it is not one."""
    try:
        with open(path, encoding="utf-8") as file:
            body = json.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not JSON ({error}); `roundsman-agent check CONFIG.toml` writes it") from error
    if not isinstance(body, dict) or body.get("form") != FORM:
        raise ConfigError(f"{path}: not a normalised configuration of form {FORM}; run `roundsman-agent check` again")
    return body


def made(body: Mapping[str, Any], where: str) -> Config:
    """A normalised form as a Config; ConfigError when something is missing in it, or a secret cannot be had."""
    try:
        return _config(body)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{where}: incomplete ({error!r}); run `roundsman-agent check` again") from error


def _config(body: Mapping[str, Any]) -> Config:
    return Config(
        id=body["agent"]["id"],
        group=body["agent"]["group"],
        data=body["agent"]["data"],
        broker=Broker(**body["broker"]),
        spool=SpoolLimits(**body["spool"]),
        uplink=UplinkSettings(**body["uplink"]),
        devices=tuple(
            DeviceConfig(**{**device, "probes": tuple(_use(use, body) for use in device["probes"])})
            for device in body["device"]
        ),
        hash=body["hash"],
        limits=body.get("limits", {}),
        cost_every_s=body["agent"].get("cost_every_s", 3600.0),
        commands=_commands(body.get("commands", {})),
        known_secrets=_known_secrets(body),
    )


def _commands(body: Mapping[str, Any]) -> Commands:
    return Commands(
        restart_app=tuple(body.get("restart_app", ())),
        reboot=tuple(body.get("reboot", ())),
        logs=dict(body.get("logs", {})),
    )


def _known_secrets(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Secrets that stand in the file, and those of [secrets] in files of their own."""
    values = [body["broker"]["password"]]
    for name, value in body.get("secrets", {}).items():
        try:
            values.append(value if isinstance(value, str) else _secret(name, body["secrets"]))
        except ConfigError:  # one that is used says so where it is
            continue
    return tuple(value for value in values if value)


def _use(use: Mapping[str, Any], body: Mapping[str, Any]) -> ProbeUse:
    """A probe's use with the values of its secrets."""
    settings = {
        name: _secret(value["secret"], body.get("secrets", {})) if isinstance(value, dict) else value
        for name, value in use["settings"].items()
    }
    return ProbeUse(**{**use, "settings": settings})


def _secret(name: str, known: Mapping[str, Any]) -> str:
    """The value of a secret of [secrets]."""
    if name not in known:
        raise ConfigError(f"secret {name!r}: [secrets] of the agent's own file has none of that name")
    value = known[name]
    if isinstance(value, str):
        return value
    try:
        with open(value["file"], encoding="utf-8") as file:
            return file.read().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"secrets.{name} {value['file']}: cannot be read: {error}") from error


def normalised_path(data: str) -> str:
    """Where `check` writes the normalised form unless told otherwise."""
    return os.path.join(data, "config.json")


def by_profile(uplink: Mapping[str, Any]) -> tuple[int, float]:
    """What the file need not say of other tables: the keep-alive, longer than the batch interval on a metered line,
    because reports themselves keep it alive then; and how often probes tell what they cost."""
    if uplink.get("profile") != "metered":
        return 60, 3600.0
    return min(max(int(uplink.get("batch_s", 0) * 1.25), 60), 65_535), 86_400.0


def laid_over(base: Mapping[str, Any], tables: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The normalised local form with the tables over it that were pushed as configuration `name` (its hash)."""
    body = {**base, **tables, "hash": name}
    keepalive_s, cost_every_s = by_profile(body["uplink"])
    if "keepalive_s" in base.get("by_profile", ()):
        body["broker"] = {**base["broker"], "keepalive_s": keepalive_s}
    if "cost_every_s" in base.get("by_profile", ()):
        body["agent"] = {**base["agent"], "cost_every_s": cost_every_s}
    return body


def fingerprint(body: Mapping[str, Any], secret_keys: Mapping[str, frozenset[str]]) -> str:
    """The hash of a normalised configuration; secrets (broker's, and `secret_keys` by probe) do not enter it."""
    shown = json.loads(json.dumps(body))
    for name in ("password", "password_file"):
        shown["broker"].pop(name, None)
    shown["secrets"] = sorted(shown.get("secrets", {}))
    for device in shown["device"]:
        for use in device["probes"]:
            for name in secret_keys.get(use["name"], frozenset()):
                use["settings"].pop(name, None)
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:12]
