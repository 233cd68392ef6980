"""Let an agent in, give it another credential, throw it out; and all it needs to start on a device.

    wish = wished("kiosk-7", "south", ["kiosk-7:kiosk:local", "printer-7:printer"])
    login = enter(folder / "roundsman.sqlite3", wish, folder, deed=..., wait_s=10)
    road = road_to(settings)                            where agents connect, and which CA they trust
    toml = agent_toml(wish, login, road)                its configuration, credential and CA in it
    write_kit(out, toml)                                that, the unit and install.sh, to be carried to the device
    revoke(database, "kiosk-7", folder, now_ms=...)     its credential away, then its place in the register

The register belongs to the running collector: while one runs, it is asked to do it; else it is done here. Entering an
agent again changes nothing and gives the same credential. The running collector follows the file of credentials within
a second: who is revoked is cut off and refused.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from roundsman_collector import logins, tls
from roundsman_collector.broker import EmbeddedBroker, is_everywhere, is_loopback, listener_of
from roundsman_collector.config import Config, ConfigError
from roundsman_collector.rights import AgentLogin, mosquitto_agent_acl, mosquitto_password_lines
from roundsman_collector.store import CommandRow, Deed, DeviceEntry, Office, Store, StoreError, View, is_made
from roundsman_wire.topics import checked_id

LOOK_S = 0.05

# What a new agent probably reads a kind of device with; `...` is for whoever installs it to say.
PROBES = {
    "ups": ('name = "snmp"', 'host = "..."', 'family = "ups"'),
    "nvr": ('name = "snmp"', 'host = "..."', 'family = "hikvision_nvr"'),
    "camera": ('name = "snmp"', 'host = "..."', 'family = "hikvision_camera"'),
    "printer": ('name = "escpos"', 'port = "..."'),
    "vehicle": ('name = "nmea"', 'port = "..."'),
}
LOCAL_PROBE = ('name = "host"',)
LOCAL_KIOSK = (*LOCAL_PROBE, 'screen = "any"')
OTHER_PROBE = ('name = "snmp"', 'host = "..."')


class EnrolError(Exception):
    """The agent cannot be let in as told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WishedDevice:
    """A device for a new agent: its id, its kind, and whether the agent runs on it."""

    id: str
    kind: str
    local: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """Who is to be let in."""

    agent: str
    group: str
    devices: tuple[WishedDevice, ...]


def wished(agent: str, group: str, devices: Sequence[str]) -> Wish:
    """Understand `ID:KIND[:local]`; raises EnrolError or TopicError."""
    checked_id(agent, "the agent")
    checked_id(group, "the group")
    found = tuple(_device(one) for one in devices)
    if not found:
        raise EnrolError(f"agent {agent} speaks for no device: name at least one, --device {agent}:kiosk:local")
    ids = [one.id for one in found]
    if len(set(ids)) < len(ids):
        raise EnrolError(f"the devices {', '.join(ids)}: name each once")
    return Wish(agent=agent, group=group, devices=found)


def _device(text: str) -> WishedDevice:
    name, _, rest = text.partition(":")
    kind, _, local = rest.partition(":")
    if not kind or local not in ("", "local"):
        raise EnrolError(f"device {text!r}: expected ID:KIND or ID:KIND:local, for instance kiosk-7:kiosk:local")
    checked_id(name, "the device")
    checked_id(kind, f"the kind of device {name}")
    return WishedDevice(id=name, kind=kind, local=local == "local")


def enter(database: str | Path, wish: Wish, folder: Path, *, deed: Deed, wait_s: float = 10.0) -> AgentLogin:
    """Put the agent into the register and return its credential. Raises EnrolError, StoreError, LoginsError."""
    entries = [DeviceEntry(id=one.id, kind=one.kind, name_zh=one.id, name_en=one.id) for one in wish.devices]
    try:
        store = Store.open(database)
    except StoreError as error:
        if error.cause != "locked":
            raise
        devices = [{"id": one.id, "kind": one.kind, "name_zh": one.id, "name_en": one.id} for one in wish.devices]
        args = {"agent": wish.agent, "group": wish.group, "devices": devices}
        _asked(database, "register", args, f"agent {wish.agent} was not entered", deed, wait_s)
    else:
        with store:
            store.add_agent(wish.agent, wish.group, entries, deed.at_ms)
        after = {"group": wish.group, "devices": [one.id for one in wish.devices]}
        _note(database, deed, "agent.add", wish.agent, after)
    return logins.given(folder, wish.group, wish.agent)


def revoke(database: str | Path, agent: str, folder: Path, *, deed: Deed, wait_s: float = 10.0) -> None:
    """Throw an agent out: first its credential, so that it is cut off whatever happens next, then the register.

    Done again, nothing more happens. Raises EnrolError, also where there never was such an agent.
    """
    checked_id(agent, "the agent")
    had_one = logins.revoke(folder, agent)
    if not is_made(database) and not had_one:
        raise EnrolError(f"there is no agent {agent}: `roundsman agent list` tells who there is")
    try:
        store = Store.open(database)
    except StoreError as error:
        if error.cause != "locked":
            raise
        cause = f"agent {agent} is without its credential, but was not taken out of the register"
        _asked(database, "revoke", {"agent": agent}, cause if had_one else "nothing was revoked", deed, wait_s)
    else:
        with store:
            store.remove_agent(agent, deed.at_ms)
        _note(database, deed, "agent.revoke", agent)


def rotate(database: str | Path, agent: str, folder: Path, *, deed: Deed) -> AgentLogin:
    """Give an agent a new credential; who comes with the old one is cut off. Raises EnrolError."""
    checked_id(agent, "the agent")
    login = logins.rotated(folder, agent)
    if login is None:
        raise EnrolError(f"agent {agent} has no credential: `roundsman agent add {agent} ...` makes one")
    if is_made(database):
        _note(database, deed, "agent.rotate", agent)
    return login


def _note(database: str | Path, deed: Deed, verb: str, agent: str, after: Mapping[str, Any] | None = None) -> None:
    """Write the audit log. What the engine is asked to do, it writes there itself."""
    with Office.open(database) as office:
        office.note(deed, verb, f"agent:{agent}", after=after)


def _asked(database: str | Path, verb: str, args: Mapping[str, Any], otherwise: str, deed: Deed, wait_s: float) -> None:
    """Have the running collector do it; EnrolError begins with `otherwise`."""
    with View.open(database) as view:
        command = view.ask(who=deed.who, verb=verb, args=args, now_ms=deed.at_ms)
        answer = _answer(view, command, wait_s)
    if answer is None:
        raise EnrolError(
            f"{otherwise}: the collector that holds {database} does not answer; look at its log, or stop it and try"
            " again"
        )
    if answer.state == "failed":
        raise EnrolError(f"{otherwise}: {(answer.result or {}).get('error', 'no reason given')}")


def _answer(view: View, command: int, wait_s: float) -> CommandRow | None:
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        found = view.command(command)
        if found is not None and found.state != "new":
            return found
        time.sleep(LOOK_S)
    return None


# --- who there is ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """An agent as `roundsman agent list` tells it. `removed_ms` None: it may report, if it has a credential."""

    id: str
    group: str
    added_ms: int
    removed_ms: int | None
    has_credential: bool
    devices: tuple[str, ...]


def listed(database: str | Path, folder: Path) -> list[Listed]:
    """All agents that ever were, by id. Raises StoreError, LoginsError."""
    credentials = {login.agent for login in logins.read(folder)}
    if not is_made(database):
        return []
    devices: dict[str, list[str]] = {}
    with View.open(database) as view:
        agents = view.agents()
        page = view.devices()
        while page:
            for one in page:
                if one.agent is not None:
                    devices.setdefault(one.agent, []).append(one.id)
            page = view.devices(after=page[-1].id)
    return [
        Listed(
            id=one.id,
            group=one.group_id,
            added_ms=one.added_ms,
            removed_ms=one.removed_ms,
            has_credential=one.id in credentials,
            devices=tuple(devices.get(one.id, ())),
        )
        for one in sorted(agents, key=lambda one: one.id)
    ]


# --- where agents connect --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Road:
    """How agents reach the broker. `ca`: the certificates they trust, PEM; empty: those of their system."""

    host: str
    port: int
    tls: bool = False
    ca: str = ""


def road_to(settings: Config, named: str | None = None) -> Road:
    """Where agents of this collector connect: by the host `named`, or else as the certificate or the listener says.

    Raises EnrolError where no host can be told, or the certificate is not good for it; BrokerError, ConfigError.
    """
    if settings.broker.mode == "external":
        return _external_road(settings, named)
    listener = listener_of(settings)
    if listener is None:
        broker = EmbeddedBroker(settings.data.folder / "broker")
        return Road(host=named or broker.host, port=broker.port)
    if listener.cert is None:
        return Road(host=named or listener.host, port=listener.port)
    given = settings.broker.tls_cert is not None
    try:
        names = tls.names_in(listener.cert)
        host = named or _told_host(listener.host, names)
        ca_file = settings.broker.tls_ca if given else listener.cert.with_name(tls.CA)
        ca = tls.trusted(ca_file) if ca_file else ""
    except tls.TlsError as error:
        raise ConfigError(str(error)) from error
    if not tls.covers(names, host):
        mend = "name a host that it holds" if given else f"make it anew: roundsman init-tls --name {host} ..."
        raise EnrolError(
            f"the broker's certificate is not good for {host}, so that agents would refuse it (it holds"
            f" {', '.join(names) or 'no name'}); {mend}"
        )
    return Road(host=host, port=listener.port, tls=True, ca=ca)


def _told_host(listens_at: str, names: Sequence[str]) -> str:
    """The host that agents should use: where it listens, unless that is everywhere; else the first name."""
    if not is_everywhere(listens_at) and tls.covers(names, listens_at):
        return listens_at
    for name in names:
        if not is_loopback(name) and "*" not in name:
            return name
    raise EnrolError(
        f"the broker's certificate has no name that a device could use ({', '.join(names) or 'none at all'}): say one"
        " with --host, or make the certificate anew: roundsman init-tls --name HOST"
    )


def _external_road(settings: Config, named: str | None) -> Road:
    url = urlsplit(settings.broker.url)
    secure = url.scheme == "mqtts"
    try:
        ca = tls.trusted(settings.broker.ca) if settings.broker.ca else ""
    except tls.TlsError as error:
        raise ConfigError(f"[broker] ca: {error}") from error
    return Road(host=named or url.hostname or "", port=url.port or (8883 if secure else 1883), tls=secure, ca=ca)


def external_hint(login: AgentLogin) -> str:
    """What the owner of an external broker has to do for an agent to be let in."""
    return "\n".join(
        [
            f"Give user {login.user} of your broker that password, and no more rights than these.",
            "For mosquitto, in the file of acl_file:",
            "",
            mosquitto_agent_acl(login).rstrip(),
            "",
            "and in the file of password_file, then `systemctl reload mosquitto`:",
            "",
            mosquitto_password_lines([(login.user, login.password)]).rstrip(),
        ]
    )


def external_revoke_hint(user: str) -> str:
    """What the owner of an external broker has to do for an agent to be thrown out."""
    return (
        f"Take user {user} and its rights away from your broker, and end its connection. For mosquitto: delete it from"
        " the files of password_file and acl_file, then `systemctl reload mosquitto`, which cuts it off."
    )


# --- what the device needs -------------------------------------------------------------------------------------------


def agent_toml(wish: Wish, login: AgentLogin, road: Road, *, data: str = "agent-data") -> str:
    """The agent's configuration: ready to run where the probes ask for nothing, else with `...` to be filled in."""
    lines = [
        f"# The configuration of agent {wish.agent}. It holds a password: chmod 600.",
        "# Fill in every ... and try it: roundsman-agent once agent.toml",
        "",
        "[agent]",
        f'id = "{wish.agent}"',
        f'group = "{wish.group}"',
        f'data = "{data}"',
        "",
        *broker_lines(login, road),
    ]
    for one in wish.devices:
        local = LOCAL_KIOSK if one.kind == "kiosk" else LOCAL_PROBE
        probe = local if one.local else PROBES.get(one.kind, OTHER_PROBE)
        lines += [
            "",
            "[[device]]",
            f'id = "{one.id}"',
            f'kind = "{one.kind}"',
            *(["local = true"] if one.local else []),
        ]
        lines += ["[[device.probe]]", *probe]
    return "\n".join(lines) + "\n"


def broker_lines(login: AgentLogin, road: Road) -> list[str]:
    """The section of the agent's configuration that says where it connects and by which credential."""
    lines = [
        "[broker]",
        f'host = "{road.host}"',
        f"port = {road.port}",
        f'user = "{login.user}"',
        f'password = "{login.password}"',
    ]
    if road.tls:
        lines.append("tls = true")
    if road.ca:
        lines.append(f'ca = """\n{road.ca}"""')
    return lines


DATA_ON_DEVICE = "/var/lib/roundsman-agent"
KIT = ("roundsman-agent.service", "install.sh")
AGENT_TOML = "agent.toml"


def write_kit(out: Path, toml: str) -> None:
    """Write what is carried to the device: agent.toml (mode 0600), the unit, install.sh. Raises OSError."""
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(out / AGENT_TOML, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as f:
        f.write(toml)
    for name in KIT:
        (out / name).write_text(unit(name), encoding="utf-8")


def refuse_used(out: Path) -> None:
    """Somebody may have filled in that configuration already: EnrolError rather than overwriting it."""
    if (out / AGENT_TOML).exists():
        raise EnrolError(f"{out / AGENT_TOML} is there already: name another folder, or move it away")


def unit(name: str) -> str:
    """A file of ours for systemd that travels with the program."""
    return resources.files("roundsman_collector").joinpath("systemd", name).read_text("utf-8")
