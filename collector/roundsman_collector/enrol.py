"""Let an agent in: its credential, its place in the register, and the configuration it starts with.

    wish = wished("kiosk-7", "south", ["kiosk-7:kiosk:local", "printer-7:printer"])
    password = enter(folder / "roundsman.sqlite3", wish, folder, now_ms=..., wait_s=10)
    toml = agent_toml(wish, password, host="127.0.0.1", port=1883, tls=False)

The register belongs to the running collector: while one runs, it is asked to enter the agent; else it is done here.
Doing it again changes nothing and gives the same credential.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from roundsman_collector import logins
from roundsman_collector.broker import EmbeddedBroker
from roundsman_collector.config import Config
from roundsman_collector.rights import agent_may_publish, agent_may_subscribe, user_of
from roundsman_collector.store import CommandRow, DeviceEntry, Store, StoreError, View
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


def enter(database: Path, wish: Wish, folder: Path, *, now_ms: int, wait_s: float = 10.0) -> str:
    """Put the agent into the register and return its password. Raises EnrolError, StoreError, LoginsError."""
    entries = [DeviceEntry(id=one.id, kind=one.kind, name_zh=one.id, name_en=one.id) for one in wish.devices]
    try:
        store = Store.open(database)
    except StoreError as error:
        if error.cause != "locked":
            raise
        _asked(database, wish, now_ms, wait_s)
    else:
        with store:
            store.add_agent(wish.agent, wish.group, entries, now_ms)
    return logins.given(folder, wish.group, wish.agent).password


def _asked(database: Path, wish: Wish, now_ms: int, wait_s: float) -> None:
    """Have the running collector do it."""
    devices = [{"id": one.id, "kind": one.kind, "name_zh": one.id, "name_en": one.id} for one in wish.devices]
    args = {"agent": wish.agent, "group": wish.group, "devices": devices}
    with View.open(database) as view:
        command = view.ask(who="cli", verb="register", args=args, now_ms=now_ms)
        answer = _answer(view, command, wait_s)
    if answer is None:
        raise EnrolError(
            f"the collector that holds {database} does not answer; look at its log, or stop it and try again"
        )
    if answer.state == "failed":
        raise EnrolError(f"agent {wish.agent} was not entered: {(answer.result or {}).get('error', 'no reason given')}")


def _answer(view: View, command: int, wait_s: float) -> CommandRow | None:
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        found = view.command(command)
        if found is not None and found.state != "new":
            return found
        time.sleep(LOOK_S)
    return None


def agent_toml(wish: Wish, password: str, *, host: str, port: int, tls: bool) -> str:
    """The agent's configuration: ready to run where the probes ask for nothing, else with `...` to be filled in."""
    lines = [
        f"# The configuration of agent {wish.agent}. It holds a password: chmod 600.",
        "# Fill in every ... and try it: roundsman-agent once agent.toml",
        "",
        "[agent]",
        f'id = "{wish.agent}"',
        f'group = "{wish.group}"',
        'data = "agent-data"',
        "",
        "[broker]",
        f'host = "{host}"',
        f"port = {port}",
        f'user = "{user_of(wish.group, wish.agent)}"',
        f'password = "{password}"',
        *(["tls = true"] if tls else []),
    ]
    for one in wish.devices:
        probe = LOCAL_PROBE if one.local else PROBES.get(one.kind, OTHER_PROBE)
        lines += [
            "",
            "[[device]]",
            f'id = "{one.id}"',
            f'kind = "{one.kind}"',
            *(["local = true"] if one.local else []),
        ]
        lines += ["[[device.probe]]", *probe]
    return "\n".join(lines) + "\n"


def broker_of(settings: Config) -> tuple[str, int, bool]:
    """Where agents of this collector connect: host, port, whether with TLS. Raises BrokerError, ConfigError."""
    if settings.broker.mode == "embedded":
        broker = EmbeddedBroker(settings.data.folder / "broker")
        return broker.host, broker.port, False
    url = urlsplit(settings.broker.url)
    tls = url.scheme == "mqtts"
    return url.hostname or "", url.port or (8883 if tls else 1883), tls


def external_hint(wish: Wish) -> str:
    """What the owner of an external broker has to do."""
    rights = [*(f"write {one}" for one in agent_may_publish(wish.group, wish.agent))]
    rights += [*(f"read {one}" for one in agent_may_subscribe(wish.group, wish.agent))]
    return "\n".join(
        [f"Give user {user_of(wish.group, wish.agent)} of your broker that password, and no more than:", *rights]
    )
