"""Agents as they run on a machine, and programs beside them: started, watched as whole process trees, ended.

with process(argv, log) as child: memory(child.pid), cpu_s(child.pid)
register(folder, broker, {agent: [device, …]})     a collector's configuration; its database knows them
snmpd(folder, addresses)                           Debian's, which plays a UPS at 127.0.0.1, .2, …; its port
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from roundsman_collector.store.door import Store
from roundsman_collector.store.register import DeviceEntry
from tests.bench._machine import cpu_with_children_s, family, pss_among_strangers_kb, pss_kb
from tests.brokers import DAEMON_PATH, GROUP, Broker

COMMUNITY, USER, SECRET = "monitor", "rounds", "check-password-1"
"""How snmpd may be asked: version 2c, and version 3 with authentication."""
UPS = ".1.3.6.1.2.1.33.1"
UPS_SAYS = {"2.1.0": 2, "2.4.0": 100, "3.2.0": 1, "4.1.0": 3, "4.3.0": 1, "4.4.1.5.1": 42}
PATIENCE_S = 10


def program(name: str) -> str | None:
    """Where a daemon is, or None where it is not installed."""
    return shutil.which(name, path=DAEMON_PATH)


def own(name: str) -> str:
    """A command of ours."""
    return str(Path(sys.executable).with_name(name))


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def process(
    argv: Sequence[str], log: Path, environment: dict[str, str] | None = None
) -> "Iterator[subprocess.Popen[bytes]]":
    """A process that must not end by itself; its words go to a file."""
    with log.open("wb") as said:
        child = subprocess.Popen(argv, stdout=said, stderr=said, env=environment)
    try:
        yield child
        if child.poll() is not None:
            raise SystemExit(f"{argv[0]} ended by itself:\n{log.read_text()[-3000:]}")
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def memory(pid: int) -> dict[str, object]:
    """PSS of a process and all that descend from it."""
    tree = family(pid)
    return {
        "pss_mb": round(sum(pss_kb(one) for one in tree) / 1024, 1),
        "pss_mb_each": [round(pss_kb(one) / 1024, 1) for one in tree],
        "only_python_mb": round(sum(pss_among_strangers_kb(one) for one in tree) / 1024, 1),
        "processes": len(tree),
    }


def cpu_s(pid: int) -> float:
    """CPU seconds of a whole tree, children that have ended included."""
    return sum(cpu_with_children_s(one) for one in family(pid))


def register(folder: Path, broker: Broker, agents: Mapping[str, Sequence[str]]) -> Path:
    """The configuration of a collector that knows these agents and the devices they speak for."""
    with Store.open(folder / "data" / "roundsman.sqlite3") as store:
        for agent, devices in agents.items():
            entries = [DeviceEntry(id=one, kind="kiosk", name_zh=one, name_en=one) for one in devices]
            store.add_agent(agent, GROUP, entries, time.time_ns() // 1_000_000 - 1000)
    user, password = broker.collector
    (folder / "password").write_text(password)
    config = folder / "roundsman.toml"
    config.write_text(
        f'[data]\nfolder = "{folder / "data"}"\n[api]\nport = 0\n[broker]\nmode = "external"\n'
        f'url = "mqtt://{broker.host}:{broker.port}"\nuser = "{user}"\npassword_file = "{folder / "password"}"\n'
    )
    return config


def agent_argv(folder: Path, broker: Broker, agent: str, devices: str) -> list[str]:
    """An agent's command line; its configuration is written. `devices` is TOML: [[device]] and its probes."""
    user, password = broker.user_for(agent)
    config = folder / f"{agent}.toml"
    config.write_text(
        f'[agent]\nid = "{agent}"\ngroup = "{GROUP}"\ndata = "{folder / agent}"\n'
        f'[broker]\nhost = "{broker.host}"\nport = {broker.port}\nuser = "{user}"\npassword = "{password}"\n'
        f"[spool]\nfree_floor_bytes = 0\n{devices}"
    )
    config.chmod(0o600)
    return [own("roundsman-agent"), "run", str(config)]


@contextlib.contextmanager
def snmpd(folder: Path, addresses: int = 1) -> Iterator[int]:
    """snmpd that plays a UPS at so many addresses of loopback; its port."""
    daemon, port = program("snmpd"), free_port(socket.SOCK_DGRAM)
    if daemon is None:
        raise SystemExit("snmpd is not installed: apt-get install snmpd")
    lines = [
        f"agentAddress {','.join(f'udp:127.0.0.{n}:{port}' for n in range(1, addresses + 1))}",
        f"rocommunity {COMMUNITY} 127.0.0.0/8",
        f"createUser {USER} SHA-256 {SECRET}",
        f"rouser {USER} auth",
        *(f"override {UPS}.{oid} integer {value}" for oid, value in UPS_SAYS.items()),
    ]
    (folder / "snmpd.conf").write_text("\n".join([*lines, ""]))
    state = {**os.environ, "SNMP_PERSISTENT_DIR": str(folder / "state"), "SNMPCONFPATH": str(folder)}
    command = [daemon, "-f", "-Lf", str(folder / "snmpd.said"), "-C", "-c", str(folder / "snmpd.conf")]
    with process([*command, "-p", str(folder / "snmpd.pid")], folder / "snmpd.log", state):
        yield port
