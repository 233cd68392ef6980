"""Footprint: memory of agents' whole process trees after ten minutes, and their CPU, beside collectd and node_exporter.

    make bench ONLY=footprint                         ten minutes
    make bench ONLY="footprint --seconds 60"          a quick look

    kiosk-7   host and escpos: a printer (a pseudo-terminal) <--DLE EOT-- agent
    gw-2      host and snmp 2c: Debian's snmpd on loopback, which plays a UPS
    bus-31    host and snmp 3: the same through pysnmp
              each every 10 s --> NATS --> collector, which acknowledges
    collectd        cpu, load, memory, df, disk, interface every 10 s into CSV files
    node_exporter   Debian's, with what it collects unless told otherwise, asked every 10 s on loopback

PSS is a process's own memory and its share of what it has in common with other processes. Here several programs share
Python, on a kiosk perhaps nobody does: `only_python_mb` counts the pages of Python's own files in full. Measured beside
it, at the same moment: a Python that sleeps, and one that has imported what any agent of this kind needs (psutil, paho,
sqlite3) and sleeps. A peer that is not installed is left out, and said to be.
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from roundsman_collector.demo.fakes.escpos_printer import EscposPrinter
from roundsman_collector.store.door import Store
from roundsman_collector.store.register import DeviceEntry
from tests.bench._machine import facts, family, pss_among_strangers_kb, pss_kb, use
from tests.brokers import DAEMON_PATH, GROUP, Broker, nats_broker

AGENT = "kiosk-7"
PERIOD_S = 10
WARM_S = 30.0
"""What starting costs is not counted as CPU per minute."""
COMMUNITY, USER, SECRET = "monitor", "rounds", "check-password-1"
UPS = ".1.3.6.1.2.1.33.1"
UPS_SAYS = {"2.1.0": 2, "2.4.0": 100, "3.2.0": 1, "4.1.0": 3, "4.3.0": 1, "4.4.1.5.1": 42}
SNMP = {
    "gw-2": f'community = "{COMMUNITY}"',
    "bus-31": f'version = "3"\nuser = "{USER}"\nauth = "sha256"\nauth_password = "{SECRET}"',
}
"""Agents with an SNMP device, and how they speak to it."""
COLLECTD = """
BaseDir "{folder}"
PIDFile "{folder}/collectd.pid"
Interval 10
FQDNLookup false
Hostname "kiosk-7"
LoadPlugin cpu
LoadPlugin load
LoadPlugin memory
LoadPlugin df
LoadPlugin disk
LoadPlugin interface
LoadPlugin csv
<Plugin csv>
  DataDir "{folder}/csv"
</Plugin>
"""
SLEEP = "import time; time.sleep(3600)"
PEERS = {
    "bare_python": SLEEP,
    "with_libraries": f"import psutil, sqlite3, paho.mqtt.client; {SLEEP}",
}
PATIENCE_S = 10


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=600.0, help="how long the agent runs before it is measured")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    folder = Path(tempfile.mkdtemp(prefix="roundsman-bench-"))
    try:
        with contextlib.ExitStack() as parts:
            broker = parts.enter_context(nats_broker(folder))
            printer = parts.enter_context(_printer())
            ups = parts.enter_context(_ups(folder))
            config, database = _collector_config(folder, broker), folder / "data" / "roundsman.sqlite3"
            roundsman = str(Path(sys.executable).with_name("roundsman"))
            parts.enter_context(_process([roundsman, "up", "--config", str(config)], folder / "collector.log"))
            watched = {
                name: parts.enter_context(_process(argv, folder / f"{name}.log"))
                for name, argv in _watched(folder, broker, printer, ups).items()
            }
            if "node_exporter" in watched:
                parts.enter_context(_asked(int(watched["node_exporter"].args[-1].rpartition(":")[2])))  # type: ignore[index,union-attr]
            time.sleep(min(WARM_S, arguments.seconds / 2))
            cpu, begin = {name: _cpu_s(one.pid) for name, one in watched.items()}, time.monotonic()
            time.sleep(max(0.0, arguments.seconds - WARM_S))
            minutes = (time.monotonic() - begin) / 60
            found = {
                name: {
                    **_memory(one.pid),
                    "cpu_s_per_minute": round((_cpu_s(one.pid) - cpu[name]) / minutes, 3),
                }
                for name, one in watched.items()
            }
        bare = found["bare_python"]["pss_mb"]
        return {
            "agents": {name: found.pop(name) for name in (AGENT, *SNMP)},
            "beside": found,
            "left_out": [name for name in ("collectd", "node_exporter") if name not in found],
            "seconds": arguments.seconds,
            "bare_python_mb": bare,
            "reports_stored": _stored(database, folder / f"{AGENT}.log"),
            "machine": facts(),
        }
    finally:
        shutil.rmtree(folder)


def _watched(folder: Path, broker: Broker, printer: str, ups: int) -> dict[str, list[str]]:
    """Everything that is measured, by its command line."""
    found = {AGENT: _agent(folder, broker, AGENT, f'name = "escpos"\nport = "{printer}"')}
    for agent, said in SNMP.items():
        found[agent] = _agent(folder, broker, agent, f'name = "snmp"\nhost = "127.0.0.1"\nport = {ups}\n{said}')
    found |= {name: [sys.executable, "-c", code] for name, code in PEERS.items()}
    if (collectd := _program("collectd")) is not None:
        (folder / "collectd.conf").write_text(COLLECTD.format(folder=folder))
        found["collectd"] = [collectd, "-f", "-C", str(folder / "collectd.conf")]
    if (exporter := _program("prometheus-node-exporter")) is not None:
        address = f"--web.listen-address=127.0.0.1:{_free_port(socket.SOCK_STREAM)}"
        found["node_exporter"] = [exporter, "--log.level=warn", address]
    return found


@contextlib.contextmanager
def _ups(folder: Path) -> Iterator[int]:
    """snmpd that plays a UPS; its port."""
    program, port = _program("snmpd"), _free_port(socket.SOCK_DGRAM)
    if program is None:
        raise SystemExit("snmpd is not installed: apt-get install snmpd")
    lines = [
        f"agentAddress udp:127.0.0.1:{port}",
        f"rocommunity {COMMUNITY} 127.0.0.1",
        f"createUser {USER} SHA-256 {SECRET}",
        f"rouser {USER} auth",
        *(f"override {UPS}.{oid} integer {value}" for oid, value in UPS_SAYS.items()),
    ]
    (folder / "snmpd.conf").write_text("\n".join([*lines, ""]))
    state = {**os.environ, "SNMP_PERSISTENT_DIR": str(folder / "state"), "SNMPCONFPATH": str(folder)}
    command = [program, "-f", "-Lf", str(folder / "snmpd.said"), "-C", "-c", str(folder / "snmpd.conf")]
    with _process([*command, "-p", str(folder / "snmpd.pid")], folder / "snmpd.log", state):
        yield port


@contextlib.contextmanager
def _asked(port: int) -> Iterator[None]:
    """node_exporter is asked every 10 s, as a Prometheus would."""
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.wait(PERIOD_S):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                answer.read()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()


def _program(name: str) -> str | None:
    return shutil.which(name, path=DAEMON_PATH)


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _memory(pid: int) -> dict[str, float]:
    tree = family(pid)
    return {
        "pss_mb": round(sum(pss_kb(one) for one in tree) / 1024, 1),
        "only_python_mb": round(sum(pss_among_strangers_kb(one) for one in tree) / 1024, 1),
        "processes": len(tree),
    }


def _cpu_s(pid: int) -> float:
    return sum(use(one).cpu_s for one in family(pid))


def _agent(folder: Path, broker: Broker, agent: str, probe: str) -> list[str]:
    """An agent's command line; its configuration is written."""
    user, password = broker.user_for(agent)
    config = folder / f"{agent}.toml"
    config.write_text(
        f'[agent]\nid = "{agent}"\ngroup = "{GROUP}"\ndata = "{folder / agent}"\n'
        f'[broker]\nhost = "{broker.host}"\nport = {broker.port}\nuser = "{user}"\npassword = "{password}"\n'
        "[spool]\nfree_floor_bytes = 0\n"
        f'[[device]]\nid = "{agent}"\nkind = "kiosk"\nlocal = true\nperiod_s = {PERIOD_S}.0\n'
        f'[[device.probe]]\nname = "host"\n[[device.probe]]\n{probe}\n'
    )
    config.chmod(0o600)
    return [str(Path(sys.executable).with_name("roundsman-agent")), "run", str(config)]


def _collector_config(folder: Path, broker: Broker) -> Path:
    with Store.open(folder / "data" / "roundsman.sqlite3") as store:
        for agent in (AGENT, *SNMP):
            entry = DeviceEntry(id=agent, kind="kiosk", name_zh=agent, name_en=agent)
            store.add_agent(agent, GROUP, [entry], time.time_ns() // 1_000_000 - 1000)
    user, password = broker.collector
    (folder / "password").write_text(password)
    config = folder / "roundsman.toml"
    config.write_text(
        f'[data]\nfolder = "{folder / "data"}"\n[api]\nport = 0\n[broker]\nmode = "external"\n'
        f'url = "mqtt://{broker.host}:{broker.port}"\nuser = "{user}"\npassword_file = "{folder / "password"}"\n'
    )
    return config


def _stored(database: Path, log: Path) -> int:
    """How many reports arrived; that none has readings of host and printer, or of host and UPS, ends the bench."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        tables = [row[0] for row in connection.execute("SELECT table_name FROM partition")]
        bodies = [
            bytes(row[0])
            for table in tables
            for row in connection.execute(f"SELECT body FROM {table} WHERE kind IN ('report', 'history')")
        ]
    with_host = [body for body in bodies if b"host.cpu_percent" in body]
    if not all(any(name in body for body in with_host) for name in (b"printer.paper", b"ups.charge_percent")):
        raise SystemExit(f"no report with readings of both probes arrived; the agent said:\n{log.read_text()[-3000:]}")
    return len(bodies)


@contextlib.contextmanager
def _printer() -> Iterator[str]:
    """A printer on a pseudo-terminal that says it is well, answered by a thread of this process; its device's path."""
    printer, is_over = EscposPrinter(), threading.Event()

    def answer() -> None:
        while not is_over.is_set():
            printer.turn(wait_s=0.1)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield str(printer.port)
    finally:
        is_over.set()
        thread.join()
        printer.close()


@contextlib.contextmanager
def _process(
    argv: list[str], log: Path, environment: dict[str, str] | None = None
) -> "Iterator[subprocess.Popen[bytes]]":
    with log.open("wb") as said:
        process = subprocess.Popen(argv, stdout=said, stderr=said, env=environment)
    try:
        yield process
        if process.poll() is not None:
            raise SystemExit(f"{argv[0]} ended by itself:\n{log.read_text()[-3000:]}")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
