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
import shutil
import socket
import sqlite3
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.bench._agents import (
    COMMUNITY,
    SECRET,
    USER,
    agent_argv,
    cpu_s,
    free_port,
    memory,
    own,
    process,
    program,
    register,
    snmpd,
)
from tests.bench._counterparts import printer
from tests.bench._machine import facts
from tests.brokers import Broker, nats_broker

AGENT = "kiosk-7"
PERIOD_S = 10
WARM_S = 30.0
"""What starting costs is not counted as CPU per minute."""
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


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=600.0, help="how long the agent runs before it is measured")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    folder = Path(tempfile.mkdtemp(prefix="roundsman-bench-"))
    try:
        with contextlib.ExitStack() as parts:
            broker = parts.enter_context(nats_broker(folder))
            port = parts.enter_context(printer())
            ups = parts.enter_context(snmpd(folder))
            config = register(folder, broker, {agent: [agent] for agent in (AGENT, *SNMP)})
            parts.enter_context(process([own("roundsman"), "up", "--config", str(config)], folder / "collector.log"))
            watched = {
                name: parts.enter_context(process(argv, folder / f"{name}.log"))
                for name, argv in _watched(folder, broker, port, ups).items()
            }
            if "node_exporter" in watched:
                parts.enter_context(_asked(int(watched["node_exporter"].args[-1].rpartition(":")[2])))  # type: ignore[index,union-attr]
            time.sleep(min(WARM_S, arguments.seconds / 2))
            cpu, begin = {name: cpu_s(one.pid) for name, one in watched.items()}, time.monotonic()
            time.sleep(max(0.0, arguments.seconds - WARM_S))
            minutes = (time.monotonic() - begin) / 60
            found = {
                name: {
                    **memory(one.pid),
                    "cpu_s_per_minute": round((cpu_s(one.pid) - cpu[name]) / minutes, 3),
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
            "reports_stored": _stored(folder / "data" / "roundsman.sqlite3", folder / f"{AGENT}.log"),
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
    if (collectd := program("collectd")) is not None:
        (folder / "collectd.conf").write_text(COLLECTD.format(folder=folder))
        found["collectd"] = [collectd, "-f", "-C", str(folder / "collectd.conf")]
    if (exporter := program("prometheus-node-exporter")) is not None:
        address = f"--web.listen-address=127.0.0.1:{free_port(socket.SOCK_STREAM)}"
        found["node_exporter"] = [exporter, "--log.level=warn", address]
    return found


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


def _agent(folder: Path, broker: Broker, agent: str, probe: str) -> list[str]:
    """An agent's command line; its configuration is written."""
    devices = (
        f'[[device]]\nid = "{agent}"\nkind = "kiosk"\nlocal = true\nperiod_s = {PERIOD_S}.0\n'
        f'[[device.probe]]\nname = "host"\n[[device.probe]]\n{probe}\n'
    )
    return agent_argv(folder, broker, agent, devices)


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
