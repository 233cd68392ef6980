"""Footprint: memory of the agent's whole process tree after five minutes with host and escpos.

    make bench ONLY=footprint                         five minutes
    make bench ONLY="footprint --seconds 30"          a quick look

    printer (a pseudo-terminal) <--DLE EOT-- agent, a report every 10 s --> NATS --> collector, which acknowledges

PSS is a process's own memory and its share of what it has in common with other processes. Here several programs share
Python, on a kiosk perhaps nobody does: `only_python_mb` counts the pages of Python's own files in full. Measured beside
it, at the same moment: a Python that sleeps, and one that has imported what any agent of this kind needs (psutil, paho,
sqlite3) and sleeps.
"""

import argparse
import contextlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from roundsman_collector.demo.fakes.escpos_printer import EscposPrinter
from roundsman_collector.store.door import Store
from roundsman_collector.store.register import DeviceEntry
from tests.bench._machine import facts, family, pss_among_strangers_kb, pss_kb, use
from tests.brokers import GROUP, Broker, nats_broker

AGENT = "kiosk-7"
PERIOD_S = 10
SLEEP = "import time; time.sleep(3600)"
PEERS = {
    "bare_python": SLEEP,
    "with_libraries": f"import psutil, sqlite3, paho.mqtt.client; {SLEEP}",
}
PATIENCE_S = 10


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=300.0, help="how long the agent runs before it is measured")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    folder = Path(tempfile.mkdtemp(prefix="roundsman-bench-"))
    try:
        with contextlib.ExitStack() as parts:
            broker = parts.enter_context(nats_broker(folder))
            printer = parts.enter_context(_printer())
            config, database = _collector_config(folder, broker), folder / "data" / "roundsman.sqlite3"
            roundsman = str(Path(sys.executable).with_name("roundsman"))
            parts.enter_context(_process([roundsman, "up", "--config", str(config)], folder / "collector.log"))
            agent = parts.enter_context(_process(_agent(folder, broker, printer), folder / "agent.log"))
            peers = {
                name: parts.enter_context(_process([sys.executable, "-c", code], folder / f"{name}.log"))
                for name, code in PEERS.items()
            }
            time.sleep(min(5.0, arguments.seconds / 2))
            cpu, begin = _cpu_s(agent.pid), time.monotonic()
            time.sleep(max(0.0, arguments.seconds - 5.0))
            found = _memory(agent.pid)
            cpu_s_per_minute = (_cpu_s(agent.pid) - cpu) / (time.monotonic() - begin) * 60
            beside = {name: _memory(peer.pid) for name, peer in peers.items()}
        return {
            **found,
            "cpu_s_per_minute": round(cpu_s_per_minute, 2),
            "seconds": arguments.seconds,
            "peers": beside,
            "ratio_to_bare_python": round(found["pss_mb"] / beside["bare_python"]["pss_mb"], 2),
            "ratio_to_with_libraries": round(found["pss_mb"] / beside["with_libraries"]["pss_mb"], 2),
            "reports_stored": _stored(database, folder / "agent.log"),
            "machine": facts(),
        }
    finally:
        shutil.rmtree(folder)


def _memory(pid: int) -> dict[str, float]:
    tree = family(pid)
    return {
        "pss_mb": round(sum(pss_kb(one) for one in tree) / 1024, 1),
        "only_python_mb": round(sum(pss_among_strangers_kb(one) for one in tree) / 1024, 1),
        "processes": len(tree),
    }


def _cpu_s(pid: int) -> float:
    return sum(use(one).cpu_s for one in family(pid))


def _agent(folder: Path, broker: Broker, printer: str) -> list[str]:
    """The agent's command line; its configuration is written."""
    user, password = broker.user_for(AGENT)
    config = folder / "agent.toml"
    config.write_text(
        f'[agent]\nid = "{AGENT}"\ngroup = "{GROUP}"\ndata = "{folder / "agent"}"\n'
        f'[broker]\nhost = "{broker.host}"\nport = {broker.port}\nuser = "{user}"\npassword = "{password}"\n'
        "[spool]\nfree_floor_bytes = 0\n"
        f'[[device]]\nid = "{AGENT}"\nkind = "kiosk"\nlocal = true\nperiod_s = {PERIOD_S}.0\n'
        f'[[device.probe]]\nname = "host"\n[[device.probe]]\nname = "escpos"\nport = "{printer}"\n'
    )
    config.chmod(0o600)
    return [str(Path(sys.executable).with_name("roundsman-agent")), "run", str(config)]


def _collector_config(folder: Path, broker: Broker) -> Path:
    with Store.open(folder / "data" / "roundsman.sqlite3") as store:
        kiosk = DeviceEntry(id=AGENT, kind="kiosk", name_zh="7 号自助终端", name_en="kiosk 7")
        store.add_agent(AGENT, GROUP, [kiosk], time.time_ns() // 1_000_000 - 1000)
    user, password = broker.collector
    (folder / "password").write_text(password)
    config = folder / "roundsman.toml"
    config.write_text(
        f'[data]\nfolder = "{folder / "data"}"\n[api]\nport = 0\n[broker]\nmode = "external"\n'
        f'url = "mqtt://{broker.host}:{broker.port}"\nuser = "{user}"\npassword_file = "{folder / "password"}"\n'
    )
    return config


def _stored(database: Path, log: Path) -> int:
    """How many reports arrived with readings of both probes; none ends the bench."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        tables = [row[0] for row in connection.execute("SELECT table_name FROM partition")]
        bodies = [
            bytes(row[0])
            for table in tables
            for row in connection.execute(f"SELECT body FROM {table} WHERE kind IN ('report', 'history')")
        ]
    good = [body for body in bodies if b"printer.paper" in body and b"host.cpu_percent" in body]
    if not good:
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
def _process(argv: list[str], log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    with log.open("wb") as said:
        process = subprocess.Popen(argv, stdout=said, stderr=said)
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
